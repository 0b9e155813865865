//! Expressions as text, the way `from __future__ import annotations` stores them.

use crate::ast::*;
use crate::depth;
use crate::error::Res;
use krait_bytecode::wtf8::Wtf8Buf;
use krait_bytecode::{Constant, Wtf8};

/// How tightly the text around binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Tuple,
    Test,
    Or,
    And,
    Not,
    Cmp,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Arith,
    Term,
    Factor,
    Power,
    Await,
    Atom,
}

impl Level {
    fn tighter(self) -> Level {
        const ALL: [Level; 16] = [
            Level::Tuple,
            Level::Test,
            Level::Or,
            Level::And,
            Level::Not,
            Level::Cmp,
            Level::BitOr,
            Level::BitXor,
            Level::BitAnd,
            Level::Shift,
            Level::Arith,
            Level::Term,
            Level::Factor,
            Level::Power,
            Level::Await,
            Level::Atom,
        ];
        ALL[(self as usize + 1).min(15)]
    }
}

/// The text of an expression.
pub(crate) fn expression(e: &Expr) -> Res<Wtf8> {
    let mut u = Unparser { out: Wtf8Buf::new(), depth: 0 };
    u.expr(e, Level::Test)?;
    Ok(u.out.finish())
}

/// A constant as `repr` shows it.
pub(crate) fn constant_text(value: &Constant) -> Wtf8 {
    let mut u = Unparser { out: Wtf8Buf::new(), depth: 0 };
    u.constant(value);
    u.out.finish()
}

/// `repr` of a float.
fn float_repr(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "1e309".into() } else { "-1e309".into() };
    }
    let text = format!("{value:?}");
    // Rust switches to exponents at other places than Python.
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    if text.contains('e') { format!("{value}.0") } else { text }
}

fn complex_part(value: f64) -> String {
    let text = float_repr(value);
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

fn string_repr(value: &Wtf8) -> Wtf8 {
    let points: Vec<u32> = value.code_points().collect();
    let has = |c: char| points.contains(&(c as u32));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    let mut out = Wtf8Buf::new();
    out.push_code_point(quote as u32);
    for point in points {
        match char::from_u32(point) {
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) if c == quote => {
                out.push_str("\\");
                out.push_code_point(point);
            }
            Some(c) if c.is_control() => {
                let text = if point < 0x100 { format!("\\x{point:02x}") } else { format!("\\u{point:04x}") };
                out.push_str(&text);
            }
            Some(_) => out.push_code_point(point),
            None => out.push_str(&format!("\\u{point:04x}")),
        }
    }
    out.push_code_point(quote as u32);
    out.finish()
}

fn bytes_repr(value: &[u8]) -> String {
    let quote = if value.contains(&b'\'') && !value.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for byte in value {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if *b as char == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..0x7f => out.push(*byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
    out
}

struct Unparser {
    out: Wtf8Buf,
    depth: usize,
}

impl Unparser {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn open(&mut self, paren: bool) {
        if paren {
            self.put("(");
        }
    }

    fn close(&mut self, paren: bool) {
        if paren {
            self.put(")");
        }
    }

    fn constant(&mut self, value: &Constant) {
        match value {
            Constant::None => self.put("None"),
            Constant::True => self.put("True"),
            Constant::False => self.put("False"),
            Constant::Ellipsis => self.put("..."),
            Constant::Int(v) => self.put(&v.to_string()),
            Constant::Float(v) => self.put(&float_repr(*v)),
            Constant::Complex(re, im) if *re == 0.0 && re.is_sign_positive() => {
                self.put(&format!("{}j", complex_part(*im)));
            }
            Constant::Complex(re, im) => {
                let sign = if im.is_sign_negative() { "" } else { "+" };
                self.put(&format!("({}{sign}{}j)", complex_part(*re), complex_part(*im)));
            }
            Constant::Str(v) => self.out.push_wtf8(&string_repr(v)),
            Constant::Bytes(v) => self.put(&bytes_repr(v)),
            Constant::Tuple(v) => {
                self.put("(");
                for (index, item) in v.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.constant(item);
                }
                self.put(if v.len() == 1 { ",)" } else { ")" });
            }
            Constant::FrozenSet(_) | Constant::Slice(_) | Constant::Code(_) => self.put("..."),
        }
    }

    fn list<'b>(&mut self, items: impl IntoIterator<Item = &'b Expr>) -> Res {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.expr(item, Level::Test)?;
        }
        Ok(())
    }

    fn expr(&mut self, e: &Expr, level: Level) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.expr_inner(e, level));
        self.depth -= 1;
        out
    }

    fn expr_inner(&mut self, e: &Expr, level: Level) -> Res {
        use ExprKind as E;
        match &e.kind {
            E::BoolOp { op, values } => {
                let (text, inner) = if *op == BoolOp::And { (" and ", Level::And) } else { (" or ", Level::Or) };
                self.open(level > inner);
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.put(text);
                    }
                    self.expr(value, inner.tighter())?;
                }
                self.close(level > inner);
                Ok(())
            }
            E::NamedExpr { target, value } => {
                self.open(level > Level::Tuple);
                self.expr(target, Level::Atom)?;
                self.put(" := ");
                self.expr(value, Level::Atom)?;
                self.close(level > Level::Tuple);
                Ok(())
            }
            E::BinOp { left, op, right } => self.bin_op(left, *op, right, level),
            E::UnaryOp { op, operand } => {
                let (text, inner) = match op {
                    UnaryOp::Invert => ("~", Level::Factor),
                    UnaryOp::Not => ("not ", Level::Not),
                    UnaryOp::UAdd => ("+", Level::Factor),
                    UnaryOp::USub => ("-", Level::Factor),
                };
                self.open(level > inner);
                self.put(text);
                self.expr(operand, inner)?;
                self.close(level > inner);
                Ok(())
            }
            E::Lambda { args, body } => {
                self.open(level > Level::Test);
                self.put("lambda");
                self.arguments(args)?;
                self.put(": ");
                self.expr(body, Level::Test)?;
                self.close(level > Level::Test);
                Ok(())
            }
            E::IfExp { test, body, orelse } => {
                self.open(level > Level::Test);
                self.expr(body, Level::Test.tighter())?;
                self.put(" if ");
                self.expr(test, Level::Test.tighter())?;
                self.put(" else ");
                self.expr(orelse, Level::Test)?;
                self.close(level > Level::Test);
                Ok(())
            }
            E::Dict { keys, values } => {
                self.put("{");
                for (index, (key, value)) in keys.iter().zip(values).enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    match key {
                        Some(key) => {
                            self.expr(key, Level::Test)?;
                            self.put(": ");
                            self.expr(value, Level::Test)?;
                        }
                        None => {
                            self.put("**");
                            self.expr(value, Level::BitOr)?;
                        }
                    }
                }
                self.put("}");
                Ok(())
            }
            E::Set(elts) => {
                self.put("{");
                self.list(elts)?;
                self.put("}");
                Ok(())
            }
            E::ListComp { elt, generators } => self.comprehension("[", elt, None, generators, "]"),
            E::SetComp { elt, generators } => self.comprehension("{", elt, None, generators, "}"),
            E::DictComp { key, value, generators } => self.comprehension("{", key, Some(value), generators, "}"),
            E::GeneratorExp { elt, generators } => self.comprehension("(", elt, None, generators, ")"),
            E::Await(value) => {
                self.open(level > Level::Await);
                self.put("await ");
                self.expr(value, Level::Atom)?;
                self.close(level > Level::Await);
                Ok(())
            }
            E::Yield(value) => {
                self.put("(yield");
                if let Some(value) = value {
                    self.put(" ");
                    self.expr(value, Level::Test)?;
                }
                self.put(")");
                Ok(())
            }
            E::YieldFrom(value) => {
                self.put("(yield from ");
                self.expr(value, Level::Test)?;
                self.put(")");
                Ok(())
            }
            _ => self.expr_rest(e, level),
        }
    }

    /// Comparisons, calls, atoms and what follows them.
    fn expr_rest(&mut self, e: &Expr, level: Level) -> Res {
        use ExprKind as E;
        match &e.kind {
            E::Compare { left, ops, comparators } => {
                self.open(level > Level::Cmp);
                self.expr(left, Level::Cmp.tighter())?;
                for (op, right) in ops.iter().zip(comparators) {
                    self.put(comparison_text(*op));
                    self.expr(right, Level::Cmp.tighter())?;
                }
                self.close(level > Level::Cmp);
                Ok(())
            }
            E::Call { func, args, keywords } => self.call(func, args, keywords),
            E::JoinedStr(values) => self.joined(values, false),
            E::TemplateStr(values) => self.joined(values, true),
            E::FormattedValue { .. } | E::Interpolation { .. } => self.joined(std::slice::from_ref(e), false),
            E::Constant { value, unicode_prefix } => {
                if *unicode_prefix {
                    self.put("u");
                }
                self.constant(value);
                Ok(())
            }
            E::Attribute { value, attr, .. } => {
                self.expr(value, Level::Atom)?;
                let int = matches!(&value.kind, E::Constant { value: Constant::Int(_), .. });
                self.put(if int { " ." } else { "." });
                self.put(attr);
                Ok(())
            }
            E::Subscript { value, slice, .. } => {
                self.expr(value, Level::Atom)?;
                self.put("[");
                self.expr(slice, Level::Tuple)?;
                self.put("]");
                Ok(())
            }
            E::Starred { value, .. } => {
                self.put("*");
                self.expr(value, Level::BitOr)
            }
            E::Name { id, .. } => {
                self.put(id);
                Ok(())
            }
            E::List { elts, .. } => {
                self.put("[");
                self.list(elts)?;
                self.put("]");
                Ok(())
            }
            E::Tuple { elts, .. } => {
                if elts.is_empty() {
                    self.put("()");
                    return Ok(());
                }
                self.open(level > Level::Tuple);
                self.list(elts)?;
                if elts.len() == 1 {
                    self.put(",");
                }
                self.close(level > Level::Tuple);
                Ok(())
            }
            E::Slice { lower, upper, step } => {
                lower.iter().try_for_each(|e| self.expr(e, Level::Test))?;
                self.put(":");
                upper.iter().try_for_each(|e| self.expr(e, Level::Test))?;
                if let Some(step) = step {
                    self.put(":");
                    self.expr(step, Level::Test)?;
                }
                Ok(())
            }
            // The others are above.
            _ => Ok(()),
        }
    }

    fn bin_op(&mut self, left: &Expr, op: Operator, right: &Expr, level: Level) -> Res {
        let (text, inner) = match op {
            Operator::Add => (" + ", Level::Arith),
            Operator::Sub => (" - ", Level::Arith),
            Operator::Mult => (" * ", Level::Term),
            Operator::MatMult => (" @ ", Level::Term),
            Operator::Div => (" / ", Level::Term),
            Operator::Mod => (" % ", Level::Term),
            Operator::FloorDiv => (" // ", Level::Term),
            Operator::LShift => (" << ", Level::Shift),
            Operator::RShift => (" >> ", Level::Shift),
            Operator::BitOr => (" | ", Level::BitOr),
            Operator::BitXor => (" ^ ", Level::BitXor),
            Operator::BitAnd => (" & ", Level::BitAnd),
            Operator::Pow => (" ** ", Level::Power),
        };
        let right_assoc = op == Operator::Pow;
        self.open(level > inner);
        self.expr(left, if right_assoc { inner.tighter() } else { inner })?;
        self.put(text);
        self.expr(right, if right_assoc { inner } else { inner.tighter() })?;
        self.close(level > inner);
        Ok(())
    }

    fn call(&mut self, func: &Expr, args: &[Expr], keywords: &[Keyword]) -> Res {
        self.expr(func, Level::Atom)?;
        if let ([Expr { kind: ExprKind::GeneratorExp { .. }, .. }], []) = (args, keywords) {
            return self.expr(&args[0], Level::Tuple);
        }
        self.put("(");
        self.list(args)?;
        for (index, keyword) in keywords.iter().enumerate() {
            if index > 0 || !args.is_empty() {
                self.put(", ");
            }
            match &keyword.arg {
                Some(name) => {
                    self.put(name);
                    self.put("=");
                }
                None => self.put("**"),
            }
            self.expr(&keyword.value, Level::Test)?;
        }
        self.put(")");
        Ok(())
    }

    fn comprehension(
        &mut self,
        open: &str,
        elt: &Expr,
        value: Option<&Expr>,
        generators: &[Comprehension],
        close: &str,
    ) -> Res {
        self.put(open);
        self.expr(elt, Level::Test)?;
        if let Some(value) = value {
            self.put(": ");
            self.expr(value, Level::Test)?;
        }
        for g in generators {
            self.put(if g.is_async { " async for " } else { " for " });
            self.expr(&g.target, Level::Tuple)?;
            self.put(" in ");
            self.expr(&g.iter, Level::Test.tighter())?;
            for test in &g.ifs {
                self.put(" if ");
                self.expr(test, Level::Test.tighter())?;
            }
        }
        self.put(close);
        Ok(())
    }

    fn arguments(&mut self, a: &Arguments) -> Res {
        let mut first = true;
        let mut separate = |u: &mut Self| {
            u.put(if first { " " } else { ", " });
            first = false;
        };
        let positional = a.posonlyargs.len() + a.args.len();
        for (index, arg) in a.posonlyargs.iter().chain(&a.args).enumerate() {
            separate(self);
            self.put(&arg.name);
            if let Some(at) = (index + a.defaults.len()).checked_sub(positional) {
                self.put("=");
                self.expr(&a.defaults[at], Level::Test)?;
            }
            if !a.posonlyargs.is_empty() && index + 1 == a.posonlyargs.len() {
                self.put(", /");
            }
        }
        if a.vararg.is_some() || !a.kwonlyargs.is_empty() {
            separate(self);
            self.put("*");
            if let Some(arg) = &a.vararg {
                self.put(&arg.name);
            }
        }
        for (arg, default) in a.kwonlyargs.iter().zip(&a.kw_defaults) {
            separate(self);
            self.put(&arg.name);
            if let Some(default) = default {
                self.put("=");
                self.expr(default, Level::Test)?;
            }
        }
        if let Some(arg) = &a.kwarg {
            separate(self);
            self.put("**");
            self.put(&arg.name);
        }
        Ok(())
    }

    fn joined(&mut self, values: &[Expr], template: bool) -> Res {
        let mut inner = Unparser { out: Wtf8Buf::new(), depth: self.depth };
        inner.joined_body(values, false)?;
        self.put(if template { "t" } else { "f" });
        let body = inner.out.finish();
        self.out.push_wtf8(&string_repr(&body));
        Ok(())
    }

    fn joined_body(&mut self, values: &[Expr], spec: bool) -> Res {
        for whole in values {
            match &whole.kind {
                ExprKind::Constant { value: Constant::Str(text), .. } => {
                    for point in text.code_points() {
                        if !spec && (point == '{' as u32 || point == '}' as u32) {
                            self.out.push_code_point(point);
                        }
                        self.out.push_code_point(point);
                    }
                }
                ExprKind::JoinedStr(values) => self.joined_body(values, spec)?,
                ExprKind::FormattedValue { value, conversion, format_spec }
                | ExprKind::Interpolation { value, conversion, format_spec, .. } => {
                    let value_text = match &whole.kind {
                        ExprKind::Interpolation { text: Constant::Str(text), .. } => Some(text.clone()),
                        _ => None,
                    };
                    let mut inner = Unparser { out: Wtf8Buf::new(), depth: self.depth };
                    inner.expr(value, Level::Test.tighter())?;
                    // A template keeps the text of its fields.
                    let text = match &value_text {
                        Some(text) => text.clone(),
                        None => inner.out.finish(),
                    };
                    self.put(if text.as_bytes().first() == Some(&b'{') { "{ " } else { "{" });
                    self.out.push_wtf8(&text);
                    if let Some(c) = u8::try_from(*conversion).ok().filter(|c| *c != 0) {
                        self.put("!");
                        self.out.push_code_point(c.into());
                    }
                    if let Some(format) = format_spec {
                        self.put(":");
                        self.joined_body(std::slice::from_ref(&**format), true)?;
                    }
                    self.put("}");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn comparison_text(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => " == ",
        CmpOp::NotEq => " != ",
        CmpOp::Lt => " < ",
        CmpOp::LtE => " <= ",
        CmpOp::Gt => " > ",
        CmpOp::GtE => " >= ",
        CmpOp::Is => " is ",
        CmpOp::IsNot => " is not ",
        CmpOp::In => " in ",
        CmpOp::NotIn => " not in ",
    }
}
