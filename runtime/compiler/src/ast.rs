//! The syntax tree: the node types of Python's `ast` module (3.14), as plain Rust data.
//!
//! The parser's tree is lowered to this one, and a tree handed to `compile()` will be converted to it; the symbol
//! table and the code generator know no other.
//! Field names and meanings follow the `ast` module's documentation.

use krait_bytecode::{Constant, Location};
use std::sync::Arc;

/// An identifier, normalised (NFKC), not mangled.
pub type Name = Arc<str>;

/// A whole tree.
#[derive(Debug)]
pub enum Mod {
    /// A file.
    Module(Vec<Stmt>),
    /// One interactive statement.
    Interactive(Vec<Stmt>),
    /// An expression.
    Expression(Box<Expr>),
    /// A function type comment: arguments and result.
    FunctionType(Vec<Expr>, Box<Expr>),
}

/// A statement with its place.
#[derive(Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Where it is.
    pub loc: Location,
}

/// Function definition, `async` or not.
#[derive(Debug)]
pub struct FunctionDef {
    pub name: Name,
    pub args: Arguments,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    pub returns: Option<Expr>,
    pub type_params: Vec<TypeParam>,
    pub is_async: bool,
}

/// Class definition.
#[derive(Debug)]
pub struct ClassDef {
    pub name: Name,
    pub bases: Vec<Expr>,
    pub keywords: Vec<Keyword>,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    pub type_params: Vec<TypeParam>,
}

/// Kinds of statements.
#[derive(Debug)]
pub enum StmtKind {
    FunctionDef(Box<FunctionDef>),
    ClassDef(Box<ClassDef>),
    Return(Option<Expr>),
    Delete(Vec<Expr>),
    Assign { targets: Vec<Expr>, value: Expr },
    TypeAlias { name: Expr, type_params: Vec<TypeParam>, value: Expr },
    AugAssign { target: Expr, op: Operator, value: Expr },
    AnnAssign { target: Expr, annotation: Expr, value: Option<Expr>, simple: bool },
    For { target: Expr, iter: Expr, body: Vec<Stmt>, orelse: Vec<Stmt>, is_async: bool },
    While { test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt> },
    If { test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt> },
    With { items: Vec<WithItem>, body: Vec<Stmt>, is_async: bool },
    Match { subject: Expr, cases: Vec<MatchCase> },
    Raise { exc: Option<Expr>, cause: Option<Expr> },
    Try { body: Vec<Stmt>, handlers: Vec<ExceptHandler>, orelse: Vec<Stmt>, finalbody: Vec<Stmt>, is_star: bool },
    Assert { test: Expr, msg: Option<Expr> },
    Import(Vec<Alias>),
    ImportFrom { module: Option<Name>, names: Vec<Alias>, level: u32 },
    Global(Vec<Name>),
    Nonlocal(Vec<Name>),
    Expr(Expr),
    Pass,
    Break,
    Continue,
}

/// An expression with its place.
#[derive(Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is.
    pub loc: Location,
}

/// Whether a target is read, written or deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ctx {
    Load,
    Store,
    Del,
}

/// `and`, `or`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoolOp {
    And,
    Or,
}

/// Binary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
    FloorDiv,
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Invert,
    Not,
    UAdd,
    USub,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

/// Kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    BoolOp {
        op: BoolOp,
        values: Vec<Expr>,
    },
    NamedExpr {
        target: Box<Expr>,
        value: Box<Expr>,
    },
    BinOp {
        left: Box<Expr>,
        op: Operator,
        right: Box<Expr>,
    },
    UnaryOp {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Lambda {
        args: Box<Arguments>,
        body: Box<Expr>,
    },
    IfExp {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    Dict {
        keys: Vec<Option<Expr>>,
        values: Vec<Expr>,
    },
    Set(Vec<Expr>),
    ListComp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    SetComp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    DictComp {
        key: Box<Expr>,
        value: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    GeneratorExp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
    Compare {
        left: Box<Expr>,
        ops: Vec<CmpOp>,
        comparators: Vec<Expr>,
    },
    Call {
        func: Box<Expr>,
        args: Vec<Expr>,
        keywords: Vec<Keyword>,
    },
    /// `{value!c:spec}` of an f-string; the conversion is a character or -1.
    FormattedValue {
        value: Box<Expr>,
        conversion: i32,
        format_spec: Option<Box<Expr>>,
    },
    /// The same of a t-string, with the expression's text.
    Interpolation {
        value: Box<Expr>,
        text: Constant,
        conversion: i32,
        format_spec: Option<Box<Expr>>,
    },
    JoinedStr(Vec<Expr>),
    TemplateStr(Vec<Expr>),
    /// A constant; `unicode_prefix` for `u"..."`.
    Constant {
        value: Constant,
        unicode_prefix: bool,
    },
    Attribute {
        value: Box<Expr>,
        attr: Name,
        ctx: Ctx,
    },
    Subscript {
        value: Box<Expr>,
        slice: Box<Expr>,
        ctx: Ctx,
    },
    Starred {
        value: Box<Expr>,
        ctx: Ctx,
    },
    Name {
        id: Name,
        ctx: Ctx,
    },
    List {
        elts: Vec<Expr>,
        ctx: Ctx,
    },
    Tuple {
        elts: Vec<Expr>,
        ctx: Ctx,
    },
    Slice {
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
}

/// One `for` of a comprehension.
#[derive(Debug)]
pub struct Comprehension {
    pub target: Expr,
    pub iter: Expr,
    pub ifs: Vec<Expr>,
    pub is_async: bool,
}

/// One `except`.
#[derive(Debug)]
pub struct ExceptHandler {
    pub typ: Option<Expr>,
    pub name: Option<Name>,
    pub body: Vec<Stmt>,
    pub loc: Location,
}

/// Parameters.
#[derive(Debug, Default)]
pub struct Arguments {
    pub posonlyargs: Vec<Arg>,
    pub args: Vec<Arg>,
    pub vararg: Option<Arg>,
    pub kwonlyargs: Vec<Arg>,
    pub kw_defaults: Vec<Option<Expr>>,
    pub kwarg: Option<Arg>,
    pub defaults: Vec<Expr>,
}

impl Arguments {
    /// Every parameter in the order in which annotations are evaluated.
    pub fn all(&self) -> impl Iterator<Item = &Arg> {
        self.posonlyargs.iter().chain(&self.args).chain(&self.vararg).chain(&self.kwonlyargs).chain(&self.kwarg)
    }
}

/// One parameter.
#[derive(Debug)]
pub struct Arg {
    pub name: Name,
    pub annotation: Option<Expr>,
    pub loc: Location,
}

/// `name=value` or `**value` of a call.
#[derive(Debug)]
pub struct Keyword {
    pub arg: Option<Name>,
    pub value: Expr,
    pub loc: Location,
}

/// `name as asname` of an import.
#[derive(Debug)]
pub struct Alias {
    pub name: Name,
    pub asname: Option<Name>,
    pub loc: Location,
}

/// `expr as target` of `with`.
#[derive(Debug)]
pub struct WithItem {
    pub context_expr: Expr,
    pub optional_vars: Option<Expr>,
}

/// One `case`.
#[derive(Debug)]
pub struct MatchCase {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Vec<Stmt>,
}

/// A pattern with its place.
#[derive(Debug)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// Where it is.
    pub loc: Location,
}

/// Kinds of patterns.
#[derive(Debug)]
pub enum PatternKind {
    Value(Expr),
    Singleton(Constant),
    Sequence(Vec<Pattern>),
    Mapping { keys: Vec<Expr>, patterns: Vec<Pattern>, rest: Option<Name> },
    Class { cls: Expr, patterns: Vec<Pattern>, kwd_attrs: Vec<(Name, Location)>, kwd_patterns: Vec<Pattern> },
    Star(Option<Name>),
    As { pattern: Option<Box<Pattern>>, name: Option<Name> },
    Or(Vec<Pattern>),
}

/// A type parameter with its place.
#[derive(Debug)]
pub struct TypeParam {
    pub kind: TypeParamKind,
    pub name: Name,
    pub bound: Option<Expr>,
    pub default: Option<Expr>,
    pub loc: Location,
}

/// Kinds of type parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeParamKind {
    TypeVar,
    ParamSpec,
    TypeVarTuple,
}
