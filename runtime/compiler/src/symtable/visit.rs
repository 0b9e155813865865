//! The walk over statements and expressions.

use super::build::{Builder, docstring};
use super::*;
use crate::ast::*;
use crate::depth;
use crate::error::RawError;

impl Builder {
    pub(super) fn body(&mut self, body: &[Stmt]) -> Res {
        body.iter().try_for_each(|s| self.stmt(s))
    }

    pub(super) fn exprs(&mut self, list: &[Expr]) -> Res {
        list.iter().try_for_each(|e| self.expr(e))
    }

    fn opt(&mut self, expr: &Option<Expr>) -> Res {
        expr.iter().try_for_each(|e| self.expr(e))
    }

    fn opt_box(&mut self, expr: &Option<Box<Expr>>) -> Res {
        expr.iter().try_for_each(|e| self.expr(e))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.stmt_inner(stmt));
        self.depth -= 1;
        out
    }

    /// Visits what may or may not run.
    fn conditional(&mut self, f: impl FnOnce(&mut Self) -> Res) -> Res {
        let before = std::mem::replace(&mut self.cur().in_conditional_block, true);
        f(self)?;
        self.cur().in_conditional_block = before;
        Ok(())
    }

    fn stmt_inner(&mut self, stmt: &Stmt) -> Res {
        use StmtKind as S;
        match &stmt.kind {
            S::FunctionDef(f) => self.function(stmt, f),
            S::ClassDef(c) => self.class(stmt, c),
            S::TypeAlias { name, type_params, value } => self.type_alias(stmt, name, type_params, value),
            S::Return(value) => self.opt(value),
            S::Delete(targets) => self.exprs(targets),
            S::Assign { targets, value } => {
                self.exprs(targets)?;
                self.expr(value)
            }
            S::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)
            }
            S::AnnAssign { target, annotation, value, simple } => {
                self.ann_assign(stmt.loc, target, annotation, value, *simple)
            }
            S::For { target, iter, body, orelse, is_async, .. } => {
                self.note_async(*is_async);
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|b| {
                    b.body(body)?;
                    b.body(orelse)
                })
            }
            S::While { test, body, orelse } | S::If { test, body, orelse } => {
                self.expr(test)?;
                self.conditional(|b| {
                    b.body(body)?;
                    b.body(orelse)
                })
            }
            S::With { items, body, is_async, .. } => self.conditional(|b| {
                b.note_async(*is_async);
                for item in items {
                    b.expr(&item.context_expr)?;
                    b.opt(&item.optional_vars)?;
                }
                b.body(body)
            }),
            S::Match { subject, cases } => {
                self.expr(subject)?;
                self.conditional(|b| {
                    cases.iter().try_for_each(|case| {
                        b.pattern(&case.pattern)?;
                        b.opt(&case.guard)?;
                        b.body(&case.body)
                    })
                })
            }
            S::Raise { exc, cause } => {
                self.opt(exc)?;
                self.opt(cause)
            }
            S::Try { body, handlers, orelse, finalbody, .. } => self.conditional(|b| {
                b.body(body)?;
                for handler in handlers {
                    b.opt(&handler.typ)?;
                    if let Some(name) = &handler.name {
                        b.bind(name, def::LOCAL, handler.loc)?;
                    }
                    b.body(&handler.body)?;
                }
                b.body(orelse)?;
                b.body(finalbody)
            }),
            S::Assert { test, msg } => {
                self.expr(test)?;
                self.opt(msg)
            }
            S::Import(names) | S::ImportFrom { names, .. } => names.iter().try_for_each(|a| self.alias(a)),
            S::Global(names) => self.declare(names, true, stmt.loc),
            S::Nonlocal(names) => self.declare(names, false, stmt.loc),
            S::Expr(value) => self.expr(value),
            S::Pass | S::Break | S::Continue => Ok(()),
        }
    }

    fn alias(&mut self, alias: &Alias) -> Res {
        if &*alias.name == "*" {
            if self.cur().kind != BlockKind::Module {
                return Err(RawError::syntax(alias.loc, "import * only allowed at module level"));
            }
            return Ok(());
        }
        let name = match &alias.asname {
            Some(name) => name.clone(),
            None => Name::from(alias.name.split('.').next().unwrap_or_default()),
        };
        self.bind(&name, def::IMPORT | def::LOCAL, alias.loc)
    }

    fn function(&mut self, stmt: &Stmt, f: &FunctionDef) -> Res {
        self.bind(&f.name, def::LOCAL, stmt.loc)?;
        self.exprs(&f.args.defaults)?;
        f.args.kw_defaults.iter().try_for_each(|d| self.opt(d))?;
        self.exprs(&f.decorators)?;
        if !f.type_params.is_empty() {
            let kwdefaults = f.args.kw_defaults.iter().any(Option::is_some);
            // The parameter for defaults exists even when there are none.
            self.enter_type_params(&f.name, &f.type_params, true, kwdefaults, false, stmt.loc)?;
            self.type_params(&f.type_params)?;
        }
        let id = self.new_block(&f.name, BlockKind::Function, key(stmt), stmt.loc);
        self.function_annotations(stmt, f)?;
        self.enter_existing(id);
        self.cur().coroutine = f.is_async;
        self.cur().has_docstring = docstring(&f.body).is_some();
        self.arguments(&f.args)?;
        self.body(&f.body)?;
        self.leave();
        if !f.type_params.is_empty() {
            self.leave();
        }
        Ok(())
    }

    fn function_annotations(&mut self, stmt: &Stmt, f: &FunctionDef) -> Res {
        let in_class = self.cur().can_see_class_scope || self.cur().kind == BlockKind::Class;
        self.enter("__annotate__", BlockKind::Annotation, key(&f.args), stmt.loc)?;
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add(&"__classdict__".into(), def::USE, stmt.loc)?;
        }
        for arg in f.args.all() {
            self.opt(&arg.annotation)?;
        }
        self.opt(&f.returns)?;
        self.leave();
        Ok(())
    }

    fn arguments(&mut self, args: &Arguments) -> Res {
        for arg in args.posonlyargs.iter().chain(&args.args).chain(&args.kwonlyargs) {
            self.bind(&arg.name, def::PARAM, arg.loc)?;
        }
        if let Some(arg) = &args.vararg {
            self.bind(&arg.name, def::PARAM, arg.loc)?;
            self.cur().varargs = true;
        }
        if let Some(arg) = &args.kwarg {
            self.bind(&arg.name, def::PARAM, arg.loc)?;
            self.cur().varkeywords = true;
        }
        Ok(())
    }

    fn class(&mut self, stmt: &Stmt, c: &ClassDef) -> Res {
        self.bind(&c.name, def::LOCAL, stmt.loc)?;
        self.exprs(&c.decorators)?;
        let outer = self.private.clone();
        if !c.type_params.is_empty() {
            self.enter_type_params(&c.name, &c.type_params, false, false, true, stmt.loc)?;
            self.private = Some(c.name.clone());
            self.cur().mangled_names = Some(Rc::default());
            self.type_params(&c.type_params)?;
        }
        self.exprs(&c.bases)?;
        self.keywords(&c.keywords)?;
        self.enter(&c.name, BlockKind::Class, key(stmt), stmt.loc)?;
        self.private = Some(c.name.clone());
        if !c.type_params.is_empty() {
            self.add(&"__type_params__".into(), def::LOCAL, stmt.loc)?;
            self.add(&".type_params".into(), def::USE, stmt.loc)?;
        }
        self.cur().has_docstring = docstring(&c.body).is_some();
        self.body(&c.body)?;
        self.leave();
        if !c.type_params.is_empty() {
            self.leave();
        }
        self.private = outer;
        Ok(())
    }

    fn keywords(&mut self, keywords: &[Keyword]) -> Res {
        keywords.iter().try_for_each(|k| self.expr(&k.value))
    }

    fn type_alias(&mut self, stmt: &Stmt, name: &Expr, params: &[TypeParam], value: &Expr) -> Res {
        self.expr(name)?;
        let text = match &name.kind {
            ExprKind::Name { id, .. } => id.clone(),
            _ => Name::from("<type alias>"),
        };
        let in_class = self.cur().kind == BlockKind::Class;
        if !params.is_empty() {
            self.enter_type_params(&text, params, false, false, false, stmt.loc)?;
            self.type_params(params)?;
        }
        self.enter(&text, BlockKind::TypeAlias, key(stmt), stmt.loc)?;
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add(&"__classdict__".into(), def::USE, value.loc)?;
        }
        self.expr(value)?;
        self.leave();
        if !params.is_empty() {
            self.leave();
        }
        Ok(())
    }

    fn enter_type_params(
        &mut self,
        name: &str,
        params: &[TypeParam],
        defaults: bool,
        kwdefaults: bool,
        class: bool,
        loc: Location,
    ) -> Res {
        let in_class = self.cur().kind == BlockKind::Class;
        self.enter(name, BlockKind::TypeParameters, key_n(&params[0], 1), loc)?;
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add(&"__classdict__".into(), def::USE, loc)?;
        }
        if class {
            for name in [".type_params", ".generic_base"] {
                self.add(&name.into(), def::LOCAL, loc)?;
                self.add(&name.into(), def::USE, loc)?;
            }
        }
        if defaults {
            self.add(&".defaults".into(), def::PARAM, loc)?;
        }
        if kwdefaults {
            self.add(&".kwdefaults".into(), def::PARAM, loc)?;
        }
        Ok(())
    }

    fn type_params(&mut self, params: &[TypeParam]) -> Res {
        let mut seen_default = false;
        for param in params {
            if let Some(set) = self.cur().mangled_names.clone() {
                set.borrow_mut().insert(param.name.clone());
            }
            self.bind(&param.name, def::TYPE_PARAM | def::LOCAL, param.loc)?;
            if &*param.name == "__classdict__" {
                let msg = format!("reserved name '{}' cannot be used for type parameter", param.name);
                return Err(RawError::syntax(param.loc, msg));
            }
            let constraints = matches!(param.bound, Some(Expr { kind: ExprKind::Tuple { .. }, .. }));
            let bound = if constraints { "a TypeVar constraint" } else { "a TypeVar bound" };
            let default = match param.kind {
                TypeParamKind::TypeVar => "a TypeVar default",
                TypeParamKind::ParamSpec => "a ParamSpec default",
                TypeParamKind::TypeVarTuple => "a TypeVarTuple default",
            };
            self.type_variable(&param.bound, param, 2, bound)?;
            self.type_variable(&param.default, param, 3, default)?;
            if param.default.is_some() {
                seen_default = true;
            } else if seen_default {
                let msg = format!("non-default type parameter '{}' follows default type parameter", param.name);
                return Err(RawError::syntax(param.loc, msg));
            }
        }
        Ok(())
    }

    fn type_variable(&mut self, expr: &Option<Expr>, param: &TypeParam, n: u8, what: &'static str) -> Res {
        let Some(expr) = expr else { return Ok(()) };
        let in_class = self.cur().can_see_class_scope;
        self.enter(&param.name, BlockKind::TypeVariable, key_n(param, n), expr.loc)?;
        self.cur().scope_info = Some(what);
        if in_class {
            self.cur().can_see_class_scope = true;
            self.add(&"__classdict__".into(), def::USE, expr.loc)?;
        }
        self.expr(expr)?;
        self.leave();
        Ok(())
    }

    fn ann_assign(
        &mut self,
        loc: Location,
        target: &Expr,
        annotation: &Expr,
        value: &Option<Expr>,
        simple: bool,
    ) -> Res {
        self.cur().annotations_used = true;
        if let ExprKind::Name { id, .. } = &target.kind {
            let flags = self.lookup(id);
            if flags & (def::GLOBAL | def::NONLOCAL) != 0 && self.cur_id() != 0 && simple {
                let word = if flags & def::GLOBAL != 0 { "global" } else { "nonlocal" };
                return Err(RawError::syntax(loc, format!("annotated name '{id}' can't be {word}")));
            }
            if simple {
                self.bind(id, def::ANNOT | def::LOCAL, target.loc)?;
            } else if value.is_some() {
                self.bind(id, def::LOCAL, target.loc)?;
            }
        } else {
            self.expr(target)?;
        }
        self.annotation(annotation)?;
        self.opt(value)
    }

    /// An annotation of a variable: evaluated in the block of all annotations of its parent.
    fn annotation(&mut self, annotation: &Expr) -> Res {
        let parent = self.cur_id();
        let kind = self.cur().kind;
        let conditional = (kind == BlockKind::Class && self.cur().in_conditional_block) || kind == BlockKind::Module;
        if conditional && !self.cur().has_conditional_annotations {
            self.cur().has_conditional_annotations = true;
            self.add(&"__conditional_annotations__".into(), def::USE, annotation.loc)?;
        }
        match self.cur().annotation_block {
            Some(id) => self.enter_existing(id),
            None => {
                let block_key = (parent, 100);
                self.enter("__annotate__", BlockKind::Annotation, block_key, annotation.loc)?;
                let id = self.cur_id();
                self.table.blocks[parent].annotation_block = Some(id);
                if kind == BlockKind::Class {
                    self.cur().can_see_class_scope = true;
                    self.add(&"__classdict__".into(), def::USE, annotation.loc)?;
                }
            }
        }
        if conditional && kind == BlockKind::Class {
            self.add(&"__conditional_annotations__".into(), def::USE, annotation.loc)?;
        }
        self.cur().in_unevaluated_annotation = kind == BlockKind::Function;
        self.expr(annotation)?;
        self.cur().in_unevaluated_annotation = false;
        self.leave();
        Ok(())
    }

    /// Fails in blocks that may not hold a kind of expression.
    fn refuse_in_annotation(&mut self, what: &str, loc: Location) -> Res {
        let block = self.cur();
        let place = match block.kind {
            BlockKind::Annotation => "an annotation",
            BlockKind::TypeVariable => block.scope_info.unwrap_or("a TypeVar bound"),
            BlockKind::TypeAlias => "a type alias",
            BlockKind::TypeParameters => "the definition of a generic",
            _ => return Ok(()),
        };
        Err(RawError::syntax(loc, format!("{what} cannot be used within {place}")))
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.expr_inner(expr));
        self.depth -= 1;
        out
    }

    fn expr_inner(&mut self, e: &Expr) -> Res {
        use ExprKind as E;
        match &e.kind {
            E::NamedExpr { target, value } => {
                self.refuse_in_annotation("named expression", e.loc)?;
                if self.cur().comp_iter_expr > 0 {
                    let msg = "assignment expression cannot be used in a comprehension iterable expression";
                    return Err(RawError::syntax(e.loc, msg));
                }
                if let E::Name { id, .. } = &target.kind
                    && self.cur().comprehension != CompKind::None
                {
                    self.extend_namedexpr(id, target.loc)?;
                }
                self.expr(value)?;
                self.expr(target)
            }
            E::BoolOp { values, .. } => self.exprs(values),
            E::BinOp { left, right, .. } => {
                self.expr(left)?;
                self.expr(right)
            }
            E::UnaryOp { operand, .. } => self.expr(operand),
            E::Lambda { args, body } => {
                self.exprs(&args.defaults)?;
                args.kw_defaults.iter().try_for_each(|d| self.opt(d))?;
                self.enter("<lambda>", BlockKind::Function, key(e), e.loc)?;
                self.arguments(args)?;
                self.expr(body)?;
                self.leave();
                Ok(())
            }
            E::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            E::Dict { keys, values } => {
                keys.iter().try_for_each(|k| self.opt(k))?;
                self.exprs(values)
            }
            E::Set(elts) | E::List { elts, .. } | E::Tuple { elts, .. } => self.exprs(elts),
            E::ListComp { elt, generators } => {
                self.comprehension(e, "<listcomp>", CompKind::List, generators, elt, None)
            }
            E::SetComp { elt, generators } => self.comprehension(e, "<setcomp>", CompKind::Set, generators, elt, None),
            E::GeneratorExp { elt, generators } => {
                self.comprehension(e, "<genexpr>", CompKind::Generator, generators, elt, None)
            }
            E::DictComp { key, value, generators } => {
                self.comprehension(e, "<dictcomp>", CompKind::Dict, generators, key, Some(value))
            }
            E::Yield(value) => {
                self.refuse_in_annotation("yield expression", e.loc)?;
                self.opt_box(value)?;
                self.yielded(e)
            }
            E::YieldFrom(value) => {
                self.refuse_in_annotation("yield expression", e.loc)?;
                self.expr(value)?;
                self.yielded(e)
            }
            E::Await(value) => self.awaited(e, value),
            E::Compare { left, comparators, .. } => {
                self.expr(left)?;
                self.exprs(comparators)
            }
            E::Call { func, args, keywords } => {
                self.expr(func)?;
                self.exprs(args)?;
                self.keywords(keywords)
            }
            E::FormattedValue { value, format_spec, .. } | E::Interpolation { value, format_spec, .. } => {
                self.expr(value)?;
                self.opt_box(format_spec)
            }
            E::JoinedStr(values) | E::TemplateStr(values) => self.exprs(values),
            E::Constant { .. } => Ok(()),
            E::Attribute { value, attr, ctx } => {
                if &**attr == "__debug__" && *ctx != Ctx::Load {
                    let word = if *ctx == Ctx::Store { "assign to" } else { "delete" };
                    return Err(RawError::syntax(e.loc, format!("cannot {word} __debug__")));
                }
                self.expr(value)
            }
            E::Starred { value, .. } => self.expr(value),
            E::Subscript { value, slice, .. } => {
                self.expr(value)?;
                self.expr(slice)
            }
            E::Slice { lower, upper, step } => {
                self.opt_box(lower)?;
                self.opt_box(upper)?;
                self.opt_box(step)
            }
            E::Name { id, ctx } => self.use_name(e, id, *ctx),
        }
    }

    fn use_name(&mut self, e: &Expr, id: &Name, ctx: Ctx) -> Res {
        if self.cur().in_unevaluated_annotation && ctx == Ctx::Load {
            // Annotations of a function's variables never run.
            return Ok(());
        }
        match ctx {
            Ctx::Load => self.add(id, def::USE, e.loc)?,
            Ctx::Del if &**id == "__debug__" => return Err(RawError::syntax(e.loc, "cannot delete __debug__")),
            _ => self.bind(id, def::LOCAL, e.loc)?,
        }
        if ctx == Ctx::Load && &**id == "super" && self.cur().is_function_like() {
            self.add(&"__class__".into(), def::USE, e.loc)?;
        }
        Ok(())
    }

    fn yielded(&mut self, e: &Expr) -> Res {
        self.cur().generator = true;
        let word = match self.cur().comprehension {
            CompKind::None => return Ok(()),
            CompKind::List => "'yield' inside list comprehension",
            CompKind::Set => "'yield' inside set comprehension",
            CompKind::Dict => "'yield' inside dict comprehension",
            CompKind::Generator => "'yield' inside generator expression",
        };
        Err(RawError::syntax(e.loc, word))
    }

    fn awaited(&mut self, e: &Expr, value: &Expr) -> Res {
        self.refuse_in_annotation("await expression", e.loc)?;
        if !self.allows_top_level_await() {
            if self.cur().kind != BlockKind::Function {
                return Err(RawError::syntax(e.loc, "'await' outside function"));
            }
            if !self.in_async_def() && self.cur().comprehension == CompKind::None {
                return Err(RawError::syntax(e.loc, "'await' outside async function"));
            }
        }
        self.expr(value)?;
        self.cur().coroutine = true;
        Ok(())
    }

    /// `async for` and `async with` make a module a coroutine where that is allowed.
    fn note_async(&mut self, is_async: bool) {
        if is_async && self.allows_top_level_await() {
            self.cur().coroutine = true;
        }
    }

    fn allows_top_level_await(&mut self) -> bool {
        self.options.top_level_await && self.cur().kind == BlockKind::Module
    }

    fn in_async_def(&mut self) -> bool {
        let block = self.cur();
        block.kind == BlockKind::Function && block.coroutine
    }

    fn generator(&mut self, g: &Comprehension, first: bool) -> Res {
        self.cur().comp_iter_target = true;
        self.expr(&g.target)?;
        self.cur().comp_iter_target = false;
        if !first {
            self.cur().comp_iter_expr += 1;
            self.expr(&g.iter)?;
            self.cur().comp_iter_expr -= 1;
        }
        self.exprs(&g.ifs)?;
        if g.is_async {
            self.cur().coroutine = true;
        }
        Ok(())
    }

    fn comprehension(
        &mut self,
        e: &Expr,
        name: &str,
        kind: CompKind,
        generators: &[Comprehension],
        elt: &Expr,
        value: Option<&Expr>,
    ) -> Res {
        let is_generator = kind == CompKind::Generator;
        self.cur().comp_iter_expr += 1;
        self.expr(&generators[0].iter)?;
        self.cur().comp_iter_expr -= 1;
        self.enter(name, BlockKind::Function, key(e), e.loc)?;
        self.cur().comprehension = kind;
        if generators[0].is_async {
            self.cur().coroutine = true;
        }
        self.add(&".0".into(), def::PARAM, e.loc)?;
        for (index, g) in generators.iter().enumerate() {
            self.generator(g, index == 0)?;
        }
        value.into_iter().try_for_each(|v| self.expr(v))?;
        self.expr(elt)?;
        self.cur().generator = is_generator;
        let is_async = self.cur().coroutine && !is_generator;
        self.leave();
        if is_async {
            let nested = self.cur().comprehension != CompKind::None;
            if !self.in_async_def() && !nested && !self.allows_top_level_await() {
                let msg = "asynchronous comprehension outside of an asynchronous function";
                return Err(RawError::syntax(e.loc, msg));
            }
            self.cur().coroutine = true;
        }
        Ok(())
    }

    fn pattern(&mut self, p: &Pattern) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.pattern_inner(p));
        self.depth -= 1;
        out
    }

    fn pattern_inner(&mut self, p: &Pattern) -> Res {
        match &p.kind {
            PatternKind::Value(value) => self.expr(value),
            PatternKind::Singleton(_) => Ok(()),
            PatternKind::Sequence(list) | PatternKind::Or(list) => list.iter().try_for_each(|p| self.pattern(p)),
            PatternKind::Star(name) => name.iter().try_for_each(|n| self.bind(n, def::LOCAL, p.loc)),
            PatternKind::Mapping { keys, patterns, rest } => {
                self.exprs(keys)?;
                patterns.iter().try_for_each(|p| self.pattern(p))?;
                rest.iter().try_for_each(|n| self.bind(n, def::LOCAL, p.loc))
            }
            PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.expr(cls)?;
                patterns.iter().try_for_each(|p| self.pattern(p))?;
                for ((name, _), value) in kwd_attrs.iter().zip(kwd_patterns) {
                    if &**name == "__debug__" {
                        return Err(RawError::syntax(value.loc, "cannot assign to __debug__"));
                    }
                }
                kwd_patterns.iter().try_for_each(|p| self.pattern(p))
            }
            PatternKind::As { pattern, name } => {
                pattern.iter().try_for_each(|p| self.pattern(p))?;
                name.iter().try_for_each(|n| self.bind(n, def::LOCAL, p.loc))
            }
        }
    }
}
