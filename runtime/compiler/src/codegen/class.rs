//! Classes.

use super::Codegen;
use super::unit::ScopeKind;
use crate::ast::*;
use crate::error::Res;
use crate::ir::Op;
use crate::symtable::{key, key_n};
use krait_bytecode::oparg::Intrinsic1;
use krait_bytecode::{Constant, Location};

impl<'a> Codegen<'a> {
    pub(super) fn class(&mut self, stmt: &'a Stmt, c: &'a ClassDef) -> Res {
        self.decorators(&c.decorators)?;
        let firstlineno = c.decorators.first().map_or(stmt.loc.line, |d| d.loc.line);
        let loc = stmt.loc;
        let generic = !c.type_params.is_empty();
        if generic {
            let name = format!("<generic parameters of {}>", c.name);
            let private = Some(c.name.clone());
            self.enter(&name, ScopeKind::Annotations, key_n(&c.type_params[0], 1), firstlineno, private);
            self.type_params(&c.type_params)?;
            self.name_op(loc, &".type_params".into(), Ctx::Store)?;
        }
        self.class_body(stmt, c, firstlineno)?;
        let generic_base = Name::from(".generic_base");
        if generic {
            self.name_op(loc, &".type_params".into(), Ctx::Load)?;
            self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::SubscriptGeneric as usize);
            self.name_op(loc, &generic_base, Ctx::Store)?;
            self.call_helper(loc, 2, &c.bases, Some(&generic_base), &c.keywords)?;
            let code = self.finish(false)?;
            self.make_closure(loc, code, 0);
            self.op(loc, Op::PUSH_NULL);
            self.op_i(loc, Op::CALL, 0);
        } else {
            self.call_helper(loc, 2, &c.bases, None, &c.keywords)?;
        }
        self.apply_decorators(&c.decorators);
        self.name_op(loc, &c.name, Ctx::Store)
    }

    fn store(&mut self, loc: Location, name: &str) -> Res {
        self.name_op(loc, &name.into(), Ctx::Store)
    }

    fn class_body(&mut self, stmt: &'a Stmt, c: &'a ClassDef, firstlineno: i32) -> Res {
        self.enter(&c.name, ScopeKind::Class, key(stmt), firstlineno, Some(c.name.clone()));
        let loc = Location::new(firstlineno, firstlineno, 0, 0);
        self.name_op(loc, &"__name__".into(), Ctx::Load)?;
        self.store(loc, "__module__")?;
        let qualname = self.unit_ref().qualname.clone();
        self.konst_str(loc, &qualname);
        self.store(loc, "__qualname__")?;
        self.konst_int(loc, firstlineno as usize);
        self.store(loc, "__firstlineno__")?;
        if !c.type_params.is_empty() {
            self.name_op(loc, &".type_params".into(), Ctx::Load)?;
            self.store(loc, "__type_params__")?;
        }
        if self.block().needs_classdict {
            self.op(loc, Op::LOAD_LOCALS);
            let cell = self.deref_index(&"__classdict__".into());
            self.op_i(loc, Op::STORE_DEREF, cell);
        }
        if self.block().has_conditional_annotations {
            self.op_i(loc, Op::BUILD_SET, 0);
            let cell = self.deref_index(&"__conditional_annotations__".into());
            self.op_i(loc, Op::STORE_DEREF, cell);
        }
        self.body_with_docstring(loc, &c.body, false)?;
        let none = Location::NONE;
        let attributes = self.unit_ref().static_attributes.iter().map(|n| Constant::str(n)).collect();
        self.konst(none, Constant::Tuple(attributes));
        self.store(none, "__static_attributes__")?;
        if self.block().needs_classdict {
            let cell = self.deref_index(&"__classdict__".into());
            self.op_i(none, Op::LOAD_CLOSURE, cell);
            self.store(none, "__classdictcell__")?;
        }
        if self.block().needs_class_closure {
            let cell = self.deref_index(&"__class__".into());
            self.op_i(none, Op::LOAD_CLOSURE, cell);
            self.op_i(none, Op::COPY, 1);
            self.store(none, "__classcell__")?;
        } else {
            self.konst(none, Constant::None);
        }
        self.op(none, Op::RETURN_VALUE);
        let code = self.finish(true)?;
        self.op(stmt.loc, Op::LOAD_BUILD_CLASS);
        self.op(stmt.loc, Op::PUSH_NULL);
        self.make_closure(stmt.loc, code, 0);
        self.konst_str(stmt.loc, &c.name);
        Ok(())
    }
}
