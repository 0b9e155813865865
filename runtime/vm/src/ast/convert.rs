//! How each kind of node of the compiler's tree corresponds to a class: one table, read in both directions.
//!
//! A row names the class, its fields in the grammar's order, and the shape of the Rust value, which serves as a
//! pattern when nodes are made and as an expression when they are read.
use super::read::{Fields, Got, Reader};
use super::write::Writer;
use krait_bytecode::{Constant, Location};
use krait_compiler::ast::*;
use krait_object::{Int, Layout, List, Object, PyResult, Ref, Str, none, raise};

/// The value of a field.
pub(super) trait Field: Sized {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>>;
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self>;
}

/// A value that is a node of its own.
pub(super) trait Node: Sized {
    /// What lists that may not hold `None` call their items; `None` is then no value at all.
    const NULL: Option<&'static str> = None;
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>>;
    fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self>;
}

fn write_list<T>(w: &Writer<'_, '_>, list: &[T], write: impl Fn(&T) -> PyResult<Ref<Object>>) -> PyResult<Ref<Object>> {
    Ok(List::from_vec(w.py, list.iter().map(write).collect::<PyResult<Vec<_>>>()?)?.upcast())
}

fn read_required<T: Node>(r: &Reader<'_>, got: Got) -> PyResult<T> {
    if T::NULL.is_some() && got.value.as_ref().is_some_and(|value| value.is_none()) {
        return Err(got.is_required(r.py));
    }
    T::read(r, &*got.required(r.py)?)
}

macro_rules! node_fields {
    ($($Ty:ident),*) => {$(
        impl Field for $Ty {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                Node::write(self, w)
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                read_required(r, got)
            }
        }
        impl Field for Box<$Ty> {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                Node::write(&**self, w)
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                Ok(Box::new(read_required(r, got)?))
            }
        }
        impl Field for Option<$Ty> {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                self.as_ref().map_or(Ok(none()), |node| Node::write(node, w))
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                got.optional().map(|value| Node::read(r, &value)).transpose()
            }
        }
        impl Field for Option<Box<$Ty>> {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                self.as_ref().map_or(Ok(none()), |node| Node::write(&**node, w))
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                got.optional().map(|value| Ok(Box::new(Node::read(r, &value)?))).transpose()
            }
        }
        impl Field for Vec<$Ty> {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                write_list(w, self, |node| Node::write(node, w))
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                r.list(got, |value| match <$Ty as Node>::NULL {
                    Some(what) if value.is_none() => Err(raise!(r.py, ValueError, "None disallowed in {what} list")),
                    _ => Node::read(r, value),
                })
            }
        }
        impl Field for Vec<Option<$Ty>> {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                write_list(w, self, |node| node.as_ref().map_or(Ok(none()), |node| Node::write(node, w)))
            }
            fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
                r.list(got, |value| if value.is_none() { Ok(None) } else { Node::read(r, value).map(Some) })
            }
        }
    )*};
}
node_fields!(
    Expr,
    Stmt,
    Pattern,
    ExceptHandler,
    TypeParam,
    Arguments,
    Arg,
    Keyword,
    Alias,
    WithItem,
    MatchCase,
    Comprehension,
    Ctx,
    BoolOp,
    Operator,
    UnaryOp,
    CmpOp
);

impl Field for Name {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        Ok(Str::intern(w.py, Str::new(w.py, self)?).as_object().to_ref())
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        if got.value.as_ref().is_some_and(|value| value.is_none()) {
            return Err(got.is_required(r.py));
        }
        r.identifier(&*got.required(r.py)?)
    }
}

impl Field for Option<Name> {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        self.as_ref().map_or(Ok(none()), |name| Field::write(name, w))
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        got.optional().map(|value| r.identifier(&value)).transpose()
    }
}

impl Field for Vec<Name> {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        write_list(w, self, |name| Field::write(name, w))
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        r.list(got, |value| r.identifier(value))
    }
}

/// Names of a class pattern's keywords, which have places in the compiler's tree only.
impl Field for Vec<(Name, Location)> {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        write_list(w, self, |name| Field::write(&name.0, w))
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        r.list(got, |value| Ok((r.identifier(value)?, Location::NONE)))
    }
}

impl Field for bool {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        Ok(Int::from_i64(w.py, i64::from(*self))?.upcast())
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        Ok(r.int(&*got.required(r.py)?)? != 0)
    }
}

impl Field for i32 {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        Ok(Int::from_i64(w.py, i64::from(*self))?.upcast())
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        r.int(&*got.required(r.py)?)
    }
}

/// The level of an import.
impl Field for u32 {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        Ok(Int::from_i64(w.py, i64::from(*self))?.upcast())
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        let Some(value) = got.optional() else { return Ok(0) };
        u32::try_from(r.int(&value)?).map_err(|_| raise!(r.py, ValueError, "Negative ImportFrom level"))
    }
}

impl Field for Constant {
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        crate::codegen_glue::constant(w.py, self)
    }
    fn read(r: &Reader<'_>, got: Got) -> PyResult<Self> {
        r.constant(&*got.required(r.py)?)
    }
}

/// One field of a row as an object. `type_comment` and `kind` are no values of their own.
macro_rules! put {
    ($w:ident $loc:ident type_comment) => {
        $w.stmt_comment($loc)?
    };
    ($w:ident $loc:ident arg_comment) => {
        $w.arg_comment($loc)?
    };
    ($w:ident $loc:ident kind $value:ident) => {
        if *$value { Str::intern_static($w.py, "u").as_object().to_ref() } else { none() }
    };
    ($w:ident $loc:ident $field:ident) => {
        Field::write($field, $w)?
    };
}

/// One field of a row from an object.
macro_rules! take {
    ($r:ident $fields:ident type_comment) => {
        drop($r.optional_string($fields.next()?)?);
    };
    ($r:ident $fields:ident arg_comment) => {
        drop($r.optional_string($fields.next()?)?);
    };
    ($r:ident $fields:ident kind $value:ident) => {
        let $value = $r.optional_string($fields.next()?)?.is_some_and(|kind| is_u(&kind));
    };
    ($r:ident $fields:ident $field:ident) => {
        let $field = Field::read($r, $fields.next()?)?;
    };
}

fn is_u(kind: &Object) -> bool {
    kind.downcast::<Str>().is_some_and(|kind| kind.eq_str("u"))
}

macro_rules! rows {
    ($write:ident, $read:ident, $Kind:ty;
     $($class:literal ($($($field:ident)+),*) [$($shape:tt)*];)*
     $(else ($ow:ident, $oloc:ident, $other:ident) $else:expr;)?
    ) => {
        fn $write(w: &Writer<'_, '_>, kind: &$Kind, loc: Option<Location>) -> PyResult<Ref<Object>> {
            let at = loc.unwrap_or(Location::NONE);
            let _ = at;
            match kind {
                $($($shape)* => w.node($class, vec![$(put!(w at $($field)+)),*], loc),)*
                $($other => { let ($ow, $oloc) = (w, loc); $else })?
            }
        }
        fn $read(r: &Reader<'_>, class: &str, mut fields: Fields<'_, '_>) -> PyResult<$Kind> {
            let _ = &mut fields;
            match class {
                $($class => {
                    $(take!(r fields $($field)+);)*
                    Ok($($shape)*)
                })*
                _ => Err(r.py.bad_internal_call()),
            }
        }
    };
}

rows! { write_stmt, read_stmt, StmtKind;
    "Return" (value) [StmtKind::Return(value)];
    "Delete" (targets) [StmtKind::Delete(targets)];
    "Assign" (targets, value, type_comment) [StmtKind::Assign { targets, value }];
    "TypeAlias" (name, type_params, value) [StmtKind::TypeAlias { name, type_params, value }];
    "AugAssign" (target, op, value) [StmtKind::AugAssign { target, op, value }];
    "AnnAssign" (target, annotation, value, simple) [StmtKind::AnnAssign { target, annotation, value, simple }];
    "For" (target, iter, body, orelse, type_comment) [StmtKind::For { target, iter, body, orelse, is_async: false }];
    "AsyncFor" (target, iter, body, orelse, type_comment) [StmtKind::For { target, iter, body, orelse, is_async: true }];
    "While" (test, body, orelse) [StmtKind::While { test, body, orelse }];
    "If" (test, body, orelse) [StmtKind::If { test, body, orelse }];
    "With" (items, body, type_comment) [StmtKind::With { items, body, is_async: false }];
    "AsyncWith" (items, body, type_comment) [StmtKind::With { items, body, is_async: true }];
    "Match" (subject, cases) [StmtKind::Match { subject, cases }];
    "Raise" (exc, cause) [StmtKind::Raise { exc, cause }];
    "Try" (body, handlers, orelse, finalbody) [StmtKind::Try { body, handlers, orelse, finalbody, is_star: false }];
    "TryStar" (body, handlers, orelse, finalbody) [StmtKind::Try { body, handlers, orelse, finalbody, is_star: true }];
    "Assert" (test, msg) [StmtKind::Assert { test, msg }];
    "Import" (names) [StmtKind::Import(names)];
    "ImportFrom" (module, names, level) [StmtKind::ImportFrom { module, names, level }];
    "Global" (names) [StmtKind::Global(names)];
    "Nonlocal" (names) [StmtKind::Nonlocal(names)];
    "Expr" (value) [StmtKind::Expr(value)];
    "Pass" () [StmtKind::Pass];
    "Break" () [StmtKind::Break];
    "Continue" () [StmtKind::Continue];
    else (w, loc, definition) write_definition(w, definition, loc);
}

rows! { write_expr, read_expr, ExprKind;
    "BoolOp" (op, values) [ExprKind::BoolOp { op, values }];
    "NamedExpr" (target, value) [ExprKind::NamedExpr { target, value }];
    "BinOp" (left, op, right) [ExprKind::BinOp { left, op, right }];
    "UnaryOp" (op, operand) [ExprKind::UnaryOp { op, operand }];
    "Lambda" (args, body) [ExprKind::Lambda { args, body }];
    "IfExp" (test, body, orelse) [ExprKind::IfExp { test, body, orelse }];
    "Dict" (keys, values) [ExprKind::Dict { keys, values }];
    "Set" (elts) [ExprKind::Set(elts)];
    "ListComp" (elt, generators) [ExprKind::ListComp { elt, generators }];
    "SetComp" (elt, generators) [ExprKind::SetComp { elt, generators }];
    "DictComp" (key, value, generators) [ExprKind::DictComp { key, value, generators }];
    "GeneratorExp" (elt, generators) [ExprKind::GeneratorExp { elt, generators }];
    "Await" (value) [ExprKind::Await(value)];
    "Yield" (value) [ExprKind::Yield(value)];
    "YieldFrom" (value) [ExprKind::YieldFrom(value)];
    "Compare" (left, ops, comparators) [ExprKind::Compare { left, ops, comparators }];
    "Call" (func, args, keywords) [ExprKind::Call { func, args, keywords }];
    "FormattedValue" (value, conversion, format_spec) [ExprKind::FormattedValue { value, conversion, format_spec }];
    "Interpolation" (value, text, conversion, format_spec) [ExprKind::Interpolation { value, text, conversion, format_spec }];
    "JoinedStr" (values) [ExprKind::JoinedStr(values)];
    "TemplateStr" (values) [ExprKind::TemplateStr(values)];
    "Constant" (value, kind unicode_prefix) [ExprKind::Constant { value, unicode_prefix }];
    "Attribute" (value, attr, ctx) [ExprKind::Attribute { value, attr, ctx }];
    "Subscript" (value, slice, ctx) [ExprKind::Subscript { value, slice, ctx }];
    "Starred" (value, ctx) [ExprKind::Starred { value, ctx }];
    "Name" (id, ctx) [ExprKind::Name { id, ctx }];
    "List" (elts, ctx) [ExprKind::List { elts, ctx }];
    "Tuple" (elts, ctx) [ExprKind::Tuple { elts, ctx }];
    "Slice" (lower, upper, step) [ExprKind::Slice { lower, upper, step }];
}

rows! { write_pattern, read_pattern, PatternKind;
    "MatchValue" (value) [PatternKind::Value(value)];
    "MatchSingleton" (value) [PatternKind::Singleton(value)];
    "MatchSequence" (patterns) [PatternKind::Sequence(patterns)];
    "MatchMapping" (keys, patterns, rest) [PatternKind::Mapping { keys, patterns, rest }];
    "MatchClass" (cls, patterns, kwd_attrs, kwd_patterns) [PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns }];
    "MatchStar" (name) [PatternKind::Star(name)];
    "MatchAs" (pattern, name) [PatternKind::As { pattern, name }];
    "MatchOr" (patterns) [PatternKind::Or(patterns)];
}

macro_rules! placed {
    ($($Ty:ident, $base:literal, $end_optional:literal, $null:expr, $write:ident, $read:ident;)*) => {$(
        impl Node for $Ty {
            const NULL: Option<&'static str> = $null;
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                let _nested = w.py.enter_recursive(" during ast construction")?;
                $write(w, &self.kind, Some(self.loc))
            }
            fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
                let _nested = r.py.enter_recursive(concat!(" while traversing '", $base, "' node"))?;
                let loc = r.place(object, $base, $end_optional)?;
                let class = r.constructor(object, $base)?;
                Ok($Ty { kind: $read(r, class, r.fields(object, class)?)?, loc })
            }
        }
    )*};
}
placed! {
    Expr, "expr", true, Some("expression"), write_expr, read_expr;
    Pattern, "pattern", false, Some("pattern"), write_pattern, read_pattern;
}

impl Node for Stmt {
    const NULL: Option<&'static str> = Some("statement");
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        let _nested = w.py.enter_recursive(" during ast construction")?;
        write_stmt(w, &self.kind, Some(self.loc))
    }
    fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
        let _nested = r.py.enter_recursive(" while traversing 'stmt' node")?;
        let loc = r.place(object, "stmt", true)?;
        let class = r.constructor(object, "stmt")?;
        let fields = r.fields(object, class)?;
        let kind = match class {
            "FunctionDef" | "AsyncFunctionDef" => {
                StmtKind::FunctionDef(Box::new(read_function(r, fields, class == "AsyncFunctionDef")?))
            }
            "ClassDef" => StmtKind::ClassDef(Box::new(read_class(r, fields)?)),
            _ => read_stmt(r, class, fields)?,
        };
        Ok(Stmt { kind, loc })
    }
}

fn write_definition(w: &Writer<'_, '_>, definition: &StmtKind, loc: Option<Location>) -> PyResult<Ref<Object>> {
    let at = loc.unwrap_or(Location::NONE);
    match definition {
        StmtKind::FunctionDef(f) => {
            let class = if f.is_async { "AsyncFunctionDef" } else { "FunctionDef" };
            let values = vec![
                Field::write(&f.name, w)?,
                Node::write(&f.args, w)?,
                Field::write(&f.body, w)?,
                Field::write(&f.decorators, w)?,
                Field::write(&f.returns, w)?,
                w.stmt_comment(at)?,
                Field::write(&f.type_params, w)?,
            ];
            w.node(class, values, loc)
        }
        StmtKind::ClassDef(c) => {
            let values = vec![
                Field::write(&c.name, w)?,
                Field::write(&c.bases, w)?,
                Field::write(&c.keywords, w)?,
                Field::write(&c.body, w)?,
                Field::write(&c.decorators, w)?,
                Field::write(&c.type_params, w)?,
            ];
            w.node("ClassDef", values, loc)
        }
        _ => Err(w.py.bad_internal_call()),
    }
}

fn read_function(r: &Reader<'_>, mut fields: Fields<'_, '_>, is_async: bool) -> PyResult<FunctionDef> {
    let (name, args) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
    let (body, decorators) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
    let returns = Field::read(r, fields.next()?)?;
    drop(r.optional_string(fields.next()?)?);
    let type_params = Field::read(r, fields.next()?)?;
    Ok(FunctionDef { name, args, body, decorators, returns, type_params, is_async })
}

fn read_class(r: &Reader<'_>, mut fields: Fields<'_, '_>) -> PyResult<ClassDef> {
    let (name, bases) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
    let (keywords, body) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
    let (decorators, type_params) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
    Ok(ClassDef { name, bases, keywords, body, decorators, type_params })
}

/// Classes without alternatives.
macro_rules! products {
    ($($Ty:ident $class:literal ($($($field:ident)+),*) [$($shape:tt)*] $($loc:ident)?;)*) => {$(
        impl Node for $Ty {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                let $($shape)* = self;
                let place: Option<Location> = products!(@place $($loc)?);
                let at = place.unwrap_or(Location::NONE);
                let _ = at;
                w.node($class, vec![$(put!(w at $($field)+)),*], place)
            }
            fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
                let mut fields = r.fields(object, $class)?;
                $(take!(r fields $($field)+);)*
                $(let $loc = r.place(object, $class, true)?;)?
                Ok($($shape)*)
            }
        }
    )*};
    (@place $loc:ident) => { Some(*$loc) };
    (@place) => { None };
}
products! {
    Arguments "arguments" (posonlyargs, args, vararg, kwonlyargs, kw_defaults, kwarg, defaults)
        [Arguments { posonlyargs, args, vararg, kwonlyargs, kw_defaults, kwarg, defaults }];
    Arg "arg" (name, annotation, arg_comment) [Arg { name, annotation, loc }] loc;
    Keyword "keyword" (arg, value) [Keyword { arg, value, loc }] loc;
    Alias "alias" (name, asname) [Alias { name, asname, loc }] loc;
    WithItem "withitem" (context_expr, optional_vars) [WithItem { context_expr, optional_vars }];
    MatchCase "match_case" (pattern, guard, body) [MatchCase { pattern, guard, body }];
    Comprehension "comprehension" (target, iter, ifs, is_async) [Comprehension { target, iter, ifs, is_async }];
}

impl Node for ExceptHandler {
    const NULL: Option<&'static str> = Some("handler");
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        let values = vec![Field::write(&self.typ, w)?, Field::write(&self.name, w)?, Field::write(&self.body, w)?];
        w.node("ExceptHandler", values, Some(self.loc))
    }
    fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
        let loc = r.place(object, "excepthandler", true)?;
        let mut fields = r.fields(object, r.constructor(object, "excepthandler")?)?;
        let (typ, name) = (Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?);
        Ok(ExceptHandler { typ, name, body: Field::read(r, fields.next()?)?, loc })
    }
}

impl Node for TypeParam {
    const NULL: Option<&'static str> = Some("type parameter");
    fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
        let (name, default) = (Field::write(&self.name, w)?, Field::write(&self.default, w)?);
        let (class, values) = match self.kind {
            TypeParamKind::TypeVar => ("TypeVar", vec![name, Field::write(&self.bound, w)?, default]),
            TypeParamKind::ParamSpec => ("ParamSpec", vec![name, default]),
            TypeParamKind::TypeVarTuple => ("TypeVarTuple", vec![name, default]),
        };
        w.node(class, values, Some(self.loc))
    }
    fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
        let loc = r.place(object, "type_param", false)?;
        let class = r.constructor(object, "type_param")?;
        let mut fields = r.fields(object, class)?;
        let name = Field::read(r, fields.next()?)?;
        let (kind, bound) = match class {
            "TypeVar" => (TypeParamKind::TypeVar, Field::read(r, fields.next()?)?),
            "ParamSpec" => (TypeParamKind::ParamSpec, None),
            _ => (TypeParamKind::TypeVarTuple, None),
        };
        Ok(TypeParam { kind, name, bound, default: Field::read(r, fields.next()?)?, loc })
    }
}

macro_rules! simple {
    ($($Ty:ident $base:literal: $($variant:ident)*;)*) => {$(
        impl Node for $Ty {
            fn write(&self, w: &Writer<'_, '_>) -> PyResult<Ref<Object>> {
                w.single(match self { $($Ty::$variant => stringify!($variant)),* })
            }
            fn read(r: &Reader<'_>, object: &Object) -> PyResult<Self> {
                match r.constructor(object, $base)? {
                    $(stringify!($variant) => Ok($Ty::$variant),)*
                    _ => Err(r.py.bad_internal_call()),
                }
            }
        }
    )*};
}
simple! {
    Ctx "expr_context": Load Store Del;
    BoolOp "boolop": And Or;
    Operator "operator": Add Sub Mult MatMult Div Mod Pow LShift RShift BitOr BitXor BitAnd FloorDiv;
    UnaryOp "unaryop": Invert Not UAdd USub;
    CmpOp "cmpop": Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn;
}

/// A whole tree as nodes.
pub(super) fn write_tree(w: &Writer<'_, '_>, tree: &Mod) -> PyResult<Ref<Object>> {
    match tree {
        Mod::Module(body) => {
            let ignores = write_list(w, &w.comments.ignores, |(line, tag)| {
                let line = Int::from_i64(w.py, i64::from(*line))?.upcast();
                w.node("TypeIgnore", vec![line, Str::new(w.py, tag)?.upcast()], None)
            })?;
            w.node("Module", vec![Field::write(body, w)?, ignores], None)
        }
        Mod::Interactive(body) => w.node("Interactive", vec![Field::write(body, w)?], None),
        Mod::Expression(body) => w.node("Expression", vec![Field::write(body, w)?], None),
        Mod::FunctionType(arguments, result) => {
            w.node("FunctionType", vec![Field::write(arguments, w)?, Field::write(result, w)?], None)
        }
    }
}

/// A whole tree from nodes.
pub(super) fn read_tree(r: &Reader<'_>, object: &Object) -> PyResult<Mod> {
    let class = r.constructor(object, "mod")?;
    let mut fields = r.fields(object, class)?;
    Ok(match class {
        "Module" => {
            let body = Field::read(r, fields.next()?)?;
            r.list(fields.next()?, |ignore| {
                let class = r.constructor(ignore, "type_ignore")?;
                let mut fields = r.fields(ignore, class)?;
                <i32 as Field>::read(r, fields.next()?)?;
                drop(r.optional_string(fields.next()?)?);
                Ok(())
            })?;
            Mod::Module(body)
        }
        "Interactive" => Mod::Interactive(Field::read(r, fields.next()?)?),
        "Expression" => Mod::Expression(Field::read(r, fields.next()?)?),
        _ => Mod::FunctionType(Field::read(r, fields.next()?)?, Field::read(r, fields.next()?)?),
    })
}
