//! Code generation: from the tree and its symbol table to instruction sequences, one per block.
//!
//! The shapes of code are CPython 3.14's (observable with `dis`), because tools and the bytecode comparison rely on
//! them.

mod annotations;
mod assign;
mod call;
mod class;
mod comprehension;
mod expr;
mod function;
mod pattern;
mod stmt;
mod strings;
mod try_with;
mod unit;
mod unwind;

pub(crate) use strings::{Percent, parse_percent};

use crate::assemble;
use crate::ast::*;
use crate::error::{RawError, Res, Warning, WarningKind};
use crate::ir::{Label, Op};
use crate::symtable::{Block, BlockId, BlockKind, Key, Scope, SymbolTable, mangle, maybe_mangle};
use krait_bytecode::{CodeObject, Constant, Location, Wtf8};
use unit::{ScopeKind, Unit};

/// Collections longer than this are built piece by piece, to bound the stack.
const STACK_GUIDELINE: usize = 30;

/// Options of a compilation.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) filename: Wtf8,
    pub(crate) optimize: u8,
    /// Future features as `CO_FUTURE_*`.
    pub(crate) future: u32,
    pub(crate) top_level_await: bool,
}

impl Options {
    fn future_annotations(&self) -> bool {
        self.future & krait_bytecode::flags::CO_FUTURE_ANNOTATIONS != 0
    }
}

/// The generator.
pub(crate) struct Codegen<'a> {
    table: SymbolTable,
    options: Options,
    units: Vec<Unit<'a>>,
    interactive: bool,
    depth: usize,
    /// Where the statement stands that is being compiled.
    stmt_loc: Location,
    warnings: &'a mut Vec<Warning>,
}

/// Compiles a tree.
pub(crate) fn compile<'a>(
    tree: &'a Mod,
    table: SymbolTable,
    options: Options,
    warnings: &'a mut Vec<Warning>,
) -> Res<CodeObject> {
    let mut c =
        Codegen { table, options, units: Vec::new(), interactive: false, depth: 0, stmt_loc: Location::NONE, warnings };
    c.tree(tree)
}

impl<'a> Codegen<'a> {
    fn tree(&mut self, tree: &'a Mod) -> Res<CodeObject> {
        self.enter("<module>", ScopeKind::Module, crate::symtable::key(tree), 1, None);
        self.op(Location::new(0, 1, 0, 0), Op::ANNOTATIONS_PLACEHOLDER);
        let add_none = match tree {
            Mod::Module(body) => {
                self.module_body(body, false)?;
                true
            }
            Mod::Interactive(body) => {
                self.interactive = true;
                self.module_body(body, true)?;
                true
            }
            Mod::Expression(expr) => {
                self.expr(expr)?;
                false
            }
            Mod::FunctionType(..) => {
                return Err(RawError::new(crate::ErrorKind::System, "cannot compile a type comment"));
            }
        };
        self.finish(add_none)
    }

    fn module_body(&mut self, body: &'a [Stmt], interactive: bool) -> Res {
        let dropped = !interactive && self.options.optimize >= 2 && crate::symtable::docstring(body).is_some();
        let first = if dropped && body.len() > 1 { body.get(1) } else { body.first() };
        let loc = first.map_or(Location::new(1, 1, 0, 0), |s| s.loc);
        if self.block().has_conditional_annotations {
            self.op_i(loc, Op::BUILD_SET, 0);
            self.op_name(loc, Op::STORE_NAME, "__conditional_annotations__");
        }
        self.body_with_docstring(loc, body, interactive)
    }

    /// The body of a module or class: docstring, statements, annotations.
    fn body_with_docstring(&mut self, loc: Location, body: &'a [Stmt], interactive: bool) -> Res {
        if self.options.future_annotations() && self.block().annotations_used {
            self.op(loc, Op::SETUP_ANNOTATIONS);
        }
        if body.is_empty() {
            return Ok(());
        }
        let mut rest = body;
        if !interactive && let Some(doc) = crate::symtable::docstring(body) {
            rest = &body[1..];
            if self.options.optimize < 2 {
                let text = strings::clean_docstring(doc);
                let StmtKind::Expr(value) = &body[0].kind else { unreachable!("a docstring is an expression") };
                self.konst(value.loc, Constant::Str(text));
                self.name_op(Location::NONE, &"__doc__".into(), Ctx::Store)?;
            } else if rest.is_empty() {
                self.op(body[0].loc, Op::NOP);
            }
        }
        self.stmts(rest)?;
        if !self.options.future_annotations() {
            self.deferred_annotations(loc)?;
        }
        Ok(())
    }

    // Units.

    fn unit(&mut self) -> &mut Unit<'a> {
        self.units.last_mut().expect("inside a unit")
    }

    fn unit_ref(&self) -> &Unit<'a> {
        self.units.last().expect("inside a unit")
    }

    fn block_id(&self) -> BlockId {
        self.unit_ref().block
    }

    fn block(&self) -> &Block {
        &self.table.blocks[self.block_id()]
    }

    /// Opens the unit of a block and emits its `RESUME`.
    fn enter(&mut self, name: &str, kind: ScopeKind, key: Key, firstlineno: i32, private: Option<Name>) {
        let id = self.table.block_of(key);
        self.enter_block(name, kind, id, firstlineno, private);
    }

    fn enter_block(&mut self, name: &str, kind: ScopeKind, id: BlockId, firstlineno: i32, private: Option<Name>) {
        let private = private.or_else(|| self.units.last().and_then(|u| u.private.clone()));
        let unit = Unit::new(&self.table.blocks[id], id, name.into(), kind, firstlineno, private);
        let qualname = self.qualname(&unit);
        self.units.push(unit);
        let line = if kind == ScopeKind::Module { 0 } else { firstlineno };
        self.unit().qualname = qualname;
        self.op_i(Location::new(line, firstlineno, 0, 0), Op::RESUME, 0);
    }

    fn qualname(&self, unit: &Unit<'a>) -> Name {
        let depth = self.units.len();
        if depth <= 1 {
            return unit.name.clone();
        }
        let mut parent = &self.units[depth - 1];
        if parent.kind == ScopeKind::Annotations {
            if depth == 2 {
                return unit.name.clone();
            }
            parent = &self.units[depth - 2];
        }
        if matches!(unit.kind, ScopeKind::Function | ScopeKind::AsyncFunction | ScopeKind::Class) {
            let mangled = mangle(parent.private.as_ref(), &unit.name);
            if self.table.blocks[parent.block].symbol(&mangled).scope == Scope::GlobalExplicit {
                return unit.name.clone();
            }
        }
        let in_function = matches!(parent.kind, ScopeKind::Function | ScopeKind::AsyncFunction | ScopeKind::Lambda);
        let base = if in_function { format!("{}.<locals>", parent.qualname) } else { parent.qualname.to_string() };
        Name::from(format!("{base}.{}", unit.name))
    }

    /// Closes the current unit and makes its code object.
    fn finish(&mut self, add_none: bool) -> Res<CodeObject> {
        if add_none {
            self.konst(Location::NONE, Constant::None);
        }
        self.op(Location::NONE, Op::RETURN_VALUE);
        let unit = self.units.pop().expect("inside a unit");
        let block = &self.table.blocks[unit.block];
        let mut flags = unit::code_flags(block) | self.options.future;
        if self.options.top_level_await && block.kind == BlockKind::Module && block.coroutine {
            flags |= krait_bytecode::flags::CO_COROUTINE;
        }
        if self.options.optimize >= 2 {
            flags &= !krait_bytecode::flags::CO_HAS_DOCSTRING;
        }
        assemble::assemble(unit.into_input(flags, self.options.filename.clone()))
    }

    // Emission.

    fn op(&mut self, loc: Location, op: Op) {
        self.unit().seq.push(op, 0, loc);
    }

    fn op_i(&mut self, loc: Location, op: Op, arg: usize) {
        self.unit().seq.push(op, arg as u32, loc);
    }

    fn jump(&mut self, loc: Location, op: Op, label: Label) {
        self.unit().seq.push(op, label.0, loc);
    }

    fn label(&mut self) -> Label {
        self.unit().seq.new_label()
    }

    fn place(&mut self, label: Label) {
        self.unit().seq.place(label);
    }

    fn konst(&mut self, loc: Location, value: Constant) {
        let index = self.unit().consts.insert_full(value).0;
        self.op_i(loc, Op::LOAD_CONST, index);
    }

    fn konst_str(&mut self, loc: Location, text: &str) {
        self.konst(loc, Constant::str(text));
    }

    fn konst_int(&mut self, loc: Location, value: usize) {
        self.konst(loc, Constant::Int(value.into()));
    }

    fn name_index(&mut self, name: &Name) -> usize {
        self.unit().names.insert_full(name.clone()).0
    }

    fn op_name(&mut self, loc: Location, op: Op, name: &str) {
        let mangled = self.mangled(&name.into());
        let index = self.name_index(&mangled);
        self.op_i(loc, op, index);
    }

    /// An attribute instruction; loads encode more than the name.
    fn op_attr(&mut self, loc: Location, op: Op, name: &Name) {
        let mangled = self.mangled(name);
        let mut index = self.name_index(&mangled);
        if op == Op::LOAD_ATTR {
            index <<= 1;
        }
        self.op_i(loc, op, index);
    }

    fn load_method(&mut self, loc: Location, name: &Name) {
        let mangled = self.mangled(name);
        let index = self.name_index(&mangled);
        self.op_i(loc, Op::LOAD_ATTR, index << 1 | 1);
    }

    fn mangled(&self, name: &Name) -> Name {
        maybe_mangle(self.unit_ref().private.as_ref(), self.block(), name)
    }

    /// Loads, stores or deletes a name.
    fn name_op(&mut self, loc: Location, name: &Name, ctx: Ctx) -> Res {
        let mangled = self.mangled(name);
        let symbol = self.block().symbol(&mangled);
        let function_like = self.block().is_function_like();
        let in_class = self.block().kind == BlockKind::Class;
        let sees_class = self.block().can_see_class_scope;
        let inlined = self.unit_ref().in_inlined_comp > 0;
        match symbol.scope {
            Scope::Free | Scope::Cell => {
                let index = self.scoped_index(&mangled, symbol.scope);
                let op = match ctx {
                    Ctx::Store => Op::STORE_DEREF,
                    Ctx::Del => Op::DELETE_DEREF,
                    Ctx::Load if in_class && !inlined => {
                        self.op(loc, Op::LOAD_LOCALS);
                        Op::LOAD_FROM_DICT_OR_DEREF
                    }
                    Ctx::Load if sees_class && &*mangled != "__classdict__" => {
                        self.name_op(loc, &"__classdict__".into(), Ctx::Load)?;
                        Op::LOAD_FROM_DICT_OR_DEREF
                    }
                    Ctx::Load => Op::LOAD_DEREF,
                };
                self.op_i(loc, op, index);
                return Ok(());
            }
            Scope::Local if function_like || self.unit_ref().fasthidden.get(&mangled) == Some(&true) => {
                let index = self.varname_index(&mangled);
                let op = match ctx {
                    Ctx::Load => Op::LOAD_FAST,
                    Ctx::Store => Op::STORE_FAST,
                    Ctx::Del => Op::DELETE_FAST,
                };
                self.op_i(loc, op, index);
                return Ok(());
            }
            _ => {}
        }
        let global = symbol.scope == Scope::GlobalExplicit || (symbol.scope == Scope::GlobalImplicit && function_like);
        let index = self.name_index(&mangled);
        let op = match (ctx, global) {
            (Ctx::Load, true) if sees_class && symbol.scope == Scope::GlobalImplicit => {
                self.name_op(loc, &"__classdict__".into(), Ctx::Load)?;
                Op::LOAD_FROM_DICT_OR_GLOBALS
            }
            (Ctx::Load, true) => Op::LOAD_GLOBAL,
            (Ctx::Store, true) => Op::STORE_GLOBAL,
            (Ctx::Del, true) => Op::DELETE_GLOBAL,
            (Ctx::Load, false) if in_class && inlined => Op::LOAD_GLOBAL,
            (Ctx::Load, false) => Op::LOAD_NAME,
            (Ctx::Store, false) => Op::STORE_NAME,
            (Ctx::Del, false) => Op::DELETE_NAME,
        };
        self.op_i(loc, op, if op == Op::LOAD_GLOBAL { index << 1 } else { index });
        Ok(())
    }

    fn varname_index(&mut self, name: &Name) -> usize {
        self.unit().varnames.insert_full(name.clone()).0
    }

    /// Index of a cell or free variable, cells first.
    /// As `deref_index`, for a name that may be both a free variable and a cell of the unit: a comprehension's cell or
    /// a class's `__class__` beside the variable of the same name outside.
    fn scoped_index(&mut self, name: &Name, scope: Scope) -> usize {
        let unit = self.unit();
        match unit.freevars.get_index_of(name) {
            Some(index) if scope == Scope::Free => unit.cellvars.len() + index,
            _ => self.deref_index(name),
        }
    }

    fn deref_index(&mut self, name: &Name) -> usize {
        let unit = self.unit();
        match unit.cellvars.get_index_of(name) {
            Some(index) => index,
            None => match unit.freevars.get_index_of(name) {
                Some(index) => unit.cellvars.len() + index,
                None => unit.cellvars.insert_full(name.clone()).0,
            },
        }
    }

    /// Makes a function of a code object; `attributes` are bits of `SET_FUNCTION_ATTRIBUTE` whose values are on the
    /// stack.
    fn make_closure(&mut self, loc: Location, code: CodeObject, attributes: u32) {
        let free: Vec<Name> = code.freevars().map(|n| Name::from(n.as_str().unwrap_or_default())).collect();
        for name in &free {
            let own = self.unit_ref().kind == ScopeKind::Class
                && matches!(&**name, "__class__" | "__classdict__" | "__conditional_annotations__");
            let scope = if own { Scope::Cell } else { self.block().symbol(name).scope };
            let index = self.scoped_index(name, scope);
            self.op_i(loc, Op::LOAD_CLOSURE, index);
        }
        if !free.is_empty() {
            self.op_i(loc, Op::BUILD_TUPLE, free.len());
        }
        self.konst(loc, Constant::Code(Box::new(code)));
        self.op(loc, Op::MAKE_FUNCTION);
        let attributes = if free.is_empty() { attributes } else { attributes | 8 };
        for bit in [8, 4, 16, 2, 1] {
            if attributes & bit != 0 {
                self.op_i(loc, Op::SET_FUNCTION_ATTRIBUTE, bit as usize);
            }
        }
    }

    fn error<T>(&self, loc: Location, msg: impl Into<String>) -> Res<T> {
        Err(RawError::syntax(loc, msg))
    }

    fn warn(&mut self, loc: Location, msg: impl Into<String>) {
        let warning = Warning { kind: WarningKind::Syntax, msg: msg.into(), loc };
        // The body of `finally` is compiled more than once.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}
