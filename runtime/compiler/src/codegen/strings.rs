//! f-strings, t-strings, `%` formatting of literals, docstrings.

use super::{Codegen, STACK_GUIDELINE};
use crate::ast::*;
use crate::error::Res;
use crate::ir::Op;
use crate::unparse;
use krait_bytecode::wtf8::Wtf8Buf;
use krait_bytecode::{Constant, Location, Wtf8};

/// The text of an annotation.
pub(super) fn unparse(e: &Expr) -> Res<Wtf8> {
    unparse::expression(e)
}

/// A docstring without the indentation of its lines, as the compiler stores it since 3.13.
pub(super) fn clean_docstring(doc: &Wtf8) -> Wtf8 {
    let bytes = expand_tabs(doc.as_bytes());
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let indent = |line: &[u8]| line.iter().take_while(|b| **b == b' ').count();
    let margin = lines.iter().skip(1).filter(|l| indent(l) < l.len()).map(|l| indent(l)).min().unwrap_or(0);
    let mut out = Vec::with_capacity(bytes.len());
    for (index, line) in lines.iter().enumerate() {
        let skip = if index == 0 { indent(line) } else { margin.min(indent(line)) };
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&line[skip.min(line.len())..]);
    }
    Wtf8::from_bytes(&out).unwrap_or_else(|| doc.clone())
}

fn expand_tabs(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut column) = (Vec::with_capacity(bytes.len()), 0usize);
    for &byte in bytes {
        match byte {
            b'\t' => {
                let pad = 8 - column % 8;
                out.extend(std::iter::repeat_n(b' ', pad));
                column += pad;
            }
            b'\n' | b'\r' => {
                out.push(byte);
                column = 0;
            }
            _ => {
                out.push(byte);
                // Columns count characters.
                column += usize::from(byte & 0xc0 != 0x80);
            }
        }
    }
    out
}

/// One piece of a `%` format.
pub(crate) enum Percent {
    Text(Wtf8),
    Field { conversion: u8, spec: Option<String> },
}

impl<'a> Codegen<'a> {
    pub(super) fn joined_str(&mut self, loc: Location, values: &'a [Expr]) -> Res {
        if values.len() > STACK_GUIDELINE {
            self.konst_str(loc, "");
            self.load_method(loc, &"join".into());
            self.op_i(loc, Op::BUILD_LIST, 0);
            for value in values {
                self.expr(value)?;
                self.op_i(loc, Op::LIST_APPEND, 1);
            }
            self.op_i(loc, Op::CALL, 1);
            return Ok(());
        }
        self.exprs(values)?;
        match values.len() {
            0 => self.konst_str(loc, ""),
            1 => {}
            count => self.op_i(loc, Op::BUILD_STRING, count),
        }
        Ok(())
    }

    fn conversion_code(conversion: i32) -> usize {
        match u8::try_from(conversion) {
            Ok(b's') => 1,
            Ok(b'r') => 2,
            Ok(b'a') => 3,
            _ => 0,
        }
    }

    pub(super) fn formatted_value(&mut self, e: &'a Expr) -> Res {
        let ExprKind::FormattedValue { value, conversion, format_spec } = &e.kind else { return Ok(()) };
        self.expr(value)?;
        let code = Self::conversion_code(*conversion);
        if code != 0 {
            self.op_i(e.loc, Op::CONVERT_VALUE, code);
        }
        match format_spec {
            Some(spec) => {
                self.expr(spec)?;
                self.op(e.loc, Op::FORMAT_WITH_SPEC);
            }
            None => self.op(e.loc, Op::FORMAT_SIMPLE),
        }
        Ok(())
    }

    pub(super) fn interpolation(&mut self, e: &'a Expr) -> Res {
        let ExprKind::Interpolation { value, text, conversion, format_spec } = &e.kind else { return Ok(()) };
        self.expr(value)?;
        self.konst(e.loc, text.clone());
        let mut arg = 2 | Self::conversion_code(*conversion) << 2;
        if let Some(spec) = format_spec {
            self.expr(spec)?;
            arg |= 1;
        }
        self.op_i(e.loc, Op::BUILD_INTERPOLATION, arg);
        Ok(())
    }

    pub(super) fn template_str(&mut self, loc: Location, values: &'a [Expr]) -> Res {
        let (mut strings, mut fields, mut after_field) = (0, 0, true);
        for value in values {
            if matches!(value.kind, ExprKind::Interpolation { .. }) {
                if after_field {
                    self.konst_str(loc, "");
                    strings += 1;
                }
                after_field = true;
            } else {
                self.expr(value)?;
                strings += 1;
                after_field = false;
            }
        }
        if after_field {
            self.konst_str(loc, "");
            strings += 1;
        }
        self.op_i(loc, Op::BUILD_TUPLE, strings);
        for value in values.iter().filter(|v| matches!(v.kind, ExprKind::Interpolation { .. })) {
            self.expr(value)?;
            fields += 1;
        }
        self.op_i(loc, Op::BUILD_TUPLE, fields);
        self.op(loc, Op::BUILD_TEMPLATE);
        Ok(())
    }

    /// `'...' % (a, b)` becomes an f-string when every field is `%s`, `%r` or `%a`; returns whether it did.
    pub(super) fn percent_format(&mut self, loc: Location, left: &Expr, right: &'a Expr) -> Res<bool> {
        let ExprKind::Constant { value: Constant::Str(format), .. } = &left.kind else { return Ok(false) };
        let ExprKind::Tuple { elts, .. } = &right.kind else { return Ok(false) };
        if elts.iter().any(|e| matches!(e.kind, ExprKind::Starred { .. })) {
            return Ok(false);
        }
        let Some(pieces) = parse_percent(format) else { return Ok(false) };
        if pieces.iter().filter(|p| matches!(p, Percent::Field { .. })).count() != elts.len() {
            return Ok(false);
        }
        let many = pieces.len() > STACK_GUIDELINE;
        if many {
            self.konst_str(loc, "");
            self.load_method(loc, &"join".into());
            self.op_i(loc, Op::BUILD_LIST, 0);
        }
        let count = pieces.len();
        let mut values = elts.iter();
        for piece in pieces {
            match piece {
                Percent::Text(text) => self.konst(Location::NONE, Constant::Str(text)),
                Percent::Field { conversion, spec } => {
                    let Some(value) = values.next() else { return Ok(false) };
                    self.expr(value)?;
                    self.op_i(value.loc, Op::CONVERT_VALUE, Self::conversion_code(conversion.into()));
                    match spec {
                        Some(spec) => {
                            self.konst_str(value.loc, &spec);
                            self.op(value.loc, Op::FORMAT_WITH_SPEC);
                        }
                        None => self.op(value.loc, Op::FORMAT_SIMPLE),
                    }
                }
            }
            if many {
                self.op_i(loc, Op::LIST_APPEND, 1);
            }
        }
        match count {
            _ if many => self.op_i(loc, Op::CALL, 1),
            0 => self.konst_str(loc, ""),
            1 => {}
            _ => self.op_i(loc, Op::BUILD_STRING, count),
        }
        Ok(true)
    }
}

/// Splits a `%` format whose fields are all simple.
pub(crate) fn parse_percent(format: &Wtf8) -> Option<Vec<Percent>> {
    let points: Vec<u32> = format.code_points().collect();
    let at = |i: usize| points.get(i).copied().and_then(char::from_u32);
    let (mut pieces, mut text, mut i) = (Vec::new(), Wtf8Buf::new(), 0);
    while i < points.len() {
        if at(i) != Some('%') {
            text.push_code_point(points[i]);
            i += 1;
            continue;
        }
        if at(i + 1) == Some('%') {
            text.push_str("%");
            i += 2;
            continue;
        }
        if !text.is_empty() {
            pieces.push(Percent::Text(std::mem::take(&mut text).finish()));
        }
        i += 1;
        let mut left = false;
        while let Some(c) = at(i).filter(|c| "-+ #0".contains(*c)) {
            left |= c == '-';
            i += 1;
        }
        let number = |i: &mut usize| -> Option<Option<u32>> {
            let mut value = None;
            while let Some(digit) = at(*i).and_then(|c| c.to_digit(10)) {
                value = Some(value.unwrap_or(0) * 10 + digit);
                *i += 1;
                if value.is_some_and(|v| v > 99) {
                    return None;
                }
            }
            Some(value)
        };
        let width = number(&mut i)?;
        let mut precision = None;
        if at(i) == Some('.') {
            i += 1;
            precision = Some(number(&mut i)?.unwrap_or(0));
        }
        let conversion = at(i).filter(|c| matches!(c, 's' | 'r' | 'a'))? as u8;
        i += 1;
        let mut spec = String::new();
        if !left && width.is_some_and(|w| w > 0) {
            spec.push('>');
        }
        if let Some(width) = width {
            spec.push_str(&width.to_string());
        }
        if let Some(precision) = precision {
            spec.push_str(&format!(".{precision}"));
        }
        pieces.push(Percent::Field { conversion, spec: if spec.is_empty() { None } else { Some(spec) } });
    }
    if !text.is_empty() {
        pieces.push(Percent::Text(text.finish()));
    }
    Some(pieces)
}
