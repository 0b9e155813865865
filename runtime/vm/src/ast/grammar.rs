//! The abstract grammar of 3.14 as a table, and its parsed form.
//!
//! A line `name = A(..) | B` declares an abstract class and its constructors; a line `name(..)` declares a class
//! without alternatives. A field is `type name`; `?` after the type marks what may be `None`, `*` a list and `?*` a
//! list that may hold `None`. `@ pos` gives nodes a place in the source; the end of it may be left out (`@ pos?`) or
//! not.
use std::sync::LazyLock;

const TEXT: &str = "
mod = Module(stmt* body, type_ignore* type_ignores)
    | Interactive(stmt* body)
    | Expression(expr body)
    | FunctionType(expr* argtypes, expr returns)
stmt @ pos? = FunctionDef(identifier name, arguments args, stmt* body, expr* decorator_list, expr? returns, string? type_comment, type_param* type_params)
    | AsyncFunctionDef(identifier name, arguments args, stmt* body, expr* decorator_list, expr? returns, string? type_comment, type_param* type_params)
    | ClassDef(identifier name, expr* bases, keyword* keywords, stmt* body, expr* decorator_list, type_param* type_params)
    | Return(expr? value)
    | Delete(expr* targets)
    | Assign(expr* targets, expr value, string? type_comment)
    | TypeAlias(expr name, type_param* type_params, expr value)
    | AugAssign(expr target, operator op, expr value)
    | AnnAssign(expr target, expr annotation, expr? value, int simple)
    | For(expr target, expr iter, stmt* body, stmt* orelse, string? type_comment)
    | AsyncFor(expr target, expr iter, stmt* body, stmt* orelse, string? type_comment)
    | While(expr test, stmt* body, stmt* orelse)
    | If(expr test, stmt* body, stmt* orelse)
    | With(withitem* items, stmt* body, string? type_comment)
    | AsyncWith(withitem* items, stmt* body, string? type_comment)
    | Match(expr subject, match_case* cases)
    | Raise(expr? exc, expr? cause)
    | Try(stmt* body, excepthandler* handlers, stmt* orelse, stmt* finalbody)
    | TryStar(stmt* body, excepthandler* handlers, stmt* orelse, stmt* finalbody)
    | Assert(expr test, expr? msg)
    | Import(alias* names)
    | ImportFrom(identifier? module, alias* names, int? level)
    | Global(identifier* names)
    | Nonlocal(identifier* names)
    | Expr(expr value)
    | Pass
    | Break
    | Continue
expr @ pos? = BoolOp(boolop op, expr* values)
    | NamedExpr(expr target, expr value)
    | BinOp(expr left, operator op, expr right)
    | UnaryOp(unaryop op, expr operand)
    | Lambda(arguments args, expr body)
    | IfExp(expr test, expr body, expr orelse)
    | Dict(expr?* keys, expr* values)
    | Set(expr* elts)
    | ListComp(expr elt, comprehension* generators)
    | SetComp(expr elt, comprehension* generators)
    | DictComp(expr key, expr value, comprehension* generators)
    | GeneratorExp(expr elt, comprehension* generators)
    | Await(expr value)
    | Yield(expr? value)
    | YieldFrom(expr value)
    | Compare(expr left, cmpop* ops, expr* comparators)
    | Call(expr func, expr* args, keyword* keywords)
    | FormattedValue(expr value, int conversion, expr? format_spec)
    | Interpolation(expr value, constant str, int conversion, expr? format_spec)
    | JoinedStr(expr* values)
    | TemplateStr(expr* values)
    | Constant(constant value, string? kind)
    | Attribute(expr value, identifier attr, expr_context ctx)
    | Subscript(expr value, expr slice, expr_context ctx)
    | Starred(expr value, expr_context ctx)
    | Name(identifier id, expr_context ctx)
    | List(expr* elts, expr_context ctx)
    | Tuple(expr* elts, expr_context ctx)
    | Slice(expr? lower, expr? upper, expr? step)
expr_context = Load | Store | Del
boolop = And | Or
operator = Add | Sub | Mult | MatMult | Div | Mod | Pow | LShift | RShift | BitOr | BitXor | BitAnd | FloorDiv
unaryop = Invert | Not | UAdd | USub
cmpop = Eq | NotEq | Lt | LtE | Gt | GtE | Is | IsNot | In | NotIn
comprehension(expr target, expr iter, expr* ifs, int is_async)
excepthandler @ pos? = ExceptHandler(expr? type, identifier? name, stmt* body)
arguments(arg* posonlyargs, arg* args, arg? vararg, arg* kwonlyargs, expr?* kw_defaults, arg? kwarg, expr* defaults)
arg @ pos? (identifier arg, expr? annotation, string? type_comment)
keyword @ pos? (identifier? arg, expr value)
alias @ pos? (identifier name, identifier? asname)
withitem(expr context_expr, expr? optional_vars)
match_case(pattern pattern, expr? guard, stmt* body)
pattern @ pos = MatchValue(expr value)
    | MatchSingleton(constant value)
    | MatchSequence(pattern* patterns)
    | MatchMapping(expr* keys, pattern* patterns, identifier? rest)
    | MatchClass(expr cls, pattern* patterns, identifier* kwd_attrs, pattern* kwd_patterns)
    | MatchStar(identifier? name)
    | MatchAs(pattern? pattern, identifier? name)
    | MatchOr(pattern* patterns)
type_ignore = TypeIgnore(int lineno, string tag)
type_param @ pos = TypeVar(identifier name, expr? bound, expr? default_value)
    | ParamSpec(identifier name, expr? default_value)
    | TypeVarTuple(identifier name, expr? default_value)
";

/// How many values a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    One,
    Optional,
    Many,
    /// A list whose items may be `None`.
    ManyOptional,
}

/// A field of a node.
#[derive(Debug)]
pub struct Field {
    pub kind: &'static str,
    pub count: Count,
    pub name: &'static str,
}

/// Whether nodes have a place in the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Abstract classes say it for their constructors.
    Inherited,
    None,
    Full,
    /// The end may be left out.
    EndOptional,
}

/// A class of nodes.
#[derive(Debug)]
pub struct Class {
    pub name: &'static str,
    /// The abstract class of a constructor.
    pub base: Option<&'static str>,
    pub fields: Vec<Field>,
    pub place: Place,
    /// A class that only has constructors.
    pub is_abstract: bool,
    pub doc: String,
}

/// The attributes of nodes that have a place.
pub const POSITION: [&str; 4] = ["lineno", "col_offset", "end_lineno", "end_col_offset"];

/// Every class, in the order of the grammar, without the root.
pub static CLASSES: LazyLock<Vec<Class>> = LazyLock::new(parse);

/// The index of a class in [`CLASSES`].
pub fn index_of(name: &str) -> Option<usize> {
    static SORTED: LazyLock<Vec<(&'static str, usize)>> = LazyLock::new(|| {
        let mut all: Vec<_> = CLASSES.iter().enumerate().map(|(index, class)| (class.name, index)).collect();
        all.sort_unstable();
        all
    });
    SORTED.binary_search_by_key(&name, |entry| entry.0).ok().map(|at| SORTED[at].1)
}

fn parse() -> Vec<Class> {
    let mut classes = Vec::new();
    let mut rules: Vec<Vec<&'static str>> = Vec::new();
    for line in TEXT.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("    | "), rules.last_mut()) {
            (Some(more), Some(rule)) => rule.push(more),
            _ => rules.push(vec![line]),
        }
    }
    for rule in rules {
        let (head, first) = match rule[0].split_once(" = ") {
            Some((head, first)) => (head, Some(first)),
            None => (rule[0], None),
        };
        let name = &head[..head.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(head.len())];
        let place = match (head.contains("@ pos?"), head.contains("@ pos")) {
            (true, _) => Place::EndOptional,
            (_, true) => Place::Full,
            _ => Place::None,
        };
        let Some(first) = first else {
            let fields = &head[head.find('(').unwrap_or(head.len())..];
            classes.push(Class {
                name,
                base: None,
                fields: parse_fields(fields),
                place,
                is_abstract: false,
                doc: format!("{name}{fields}"),
            });
            continue;
        };
        let constructors: Vec<&'static str> = std::iter::once(first).chain(rule[1..].iter().copied()).collect();
        let doc = match rule.len() {
            1 => format!("{name} = {first}"),
            _ => format!("{name} = {}", constructors.join(&format!("\n{} | ", " ".repeat(name.len())))),
        };
        classes.push(Class { name, base: None, fields: Vec::new(), place, is_abstract: true, doc });
        let split = |text: &'static str| if text.contains('(') { vec![text] } else { text.split(" | ").collect() };
        for text in constructors.into_iter().flat_map(split) {
            let at = text.find('(').unwrap_or(text.len());
            classes.push(Class {
                name: &text[..at],
                base: Some(name),
                fields: parse_fields(&text[at..]),
                place: Place::Inherited,
                is_abstract: false,
                doc: text.to_owned(),
            });
        }
    }
    classes
}

fn parse_fields(text: &'static str) -> Vec<Field> {
    let inner = text.trim_start_matches('(').trim_end_matches(')');
    let split = inner.split(", ").filter_map(|field| field.split_once(' '));
    split
        .map(|(kind, name)| {
            let (kind, count) = if let Some(kind) = kind.strip_suffix("?*") {
                (kind, Count::ManyOptional)
            } else if let Some(kind) = kind.strip_suffix('*') {
                (kind, Count::Many)
            } else if let Some(kind) = kind.strip_suffix('?') {
                (kind, Count::Optional)
            } else {
                (kind, Count::One)
            };
            Field { kind, count, name }
        })
        .collect()
}
