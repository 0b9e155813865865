//! String literals, f-strings and t-strings, and their implicit concatenation.

use super::Lower;
use crate::ast::*;
use crate::error::{RawError, Res};
use crate::literal::{self, BadEscape, Form, Note};
use krait_bytecode::wtf8::Wtf8Buf;
use krait_bytecode::{Constant, Location, Wtf8};
use ruff_python_ast as ruff;
use ruff_python_ast::StringFlags;
use ruff_text_size::{Ranged, TextRange};

/// A piece of a joined string.
enum Piece {
    Text(Wtf8, TextRange),
    Field(Expr),
}

impl Lower<'_> {
    /// Reports what was noticed in a literal whose text starts at `start`.
    pub(crate) fn notes(&mut self, notes: Vec<Note>, start: u32) {
        for note in notes {
            let (at, len, msg) = match note {
                Note::InvalidEscape(at, c) => (
                    at,
                    1 + c.len_utf8(),
                    format!(
                        "\"\\{c}\" is an invalid escape sequence. Such sequences will not work in the future. \
                         Did you mean \"\\\\{c}\"? A raw string is also an option."
                    ),
                ),
                Note::LargeOctal(at, digits) => (
                    at,
                    1 + digits.len(),
                    format!(
                        "\"\\{digits}\" is an invalid octal escape sequence. Such sequences will not work in the \
                         future. Did you mean \"\\\\{digits}\"? A raw string is also an option."
                    ),
                ),
            };
            let loc = self.source.location(start + at as u32, start + (at + len) as u32);
            self.warn(loc, msg);
        }
    }

    fn bad_escape(&self, error: BadEscape, bytes: bool, place: TextRange) -> Box<RawError> {
        let loc = self.loc(place);
        let BadEscape { reason, start, end } = error;
        if bytes {
            return RawError::syntax(loc, format!("(value error) {reason} at position {start}"));
        }
        let last = end.saturating_sub(1).max(start);
        let span = if last > start {
            format!("bytes in position {start}-{last}")
        } else {
            format!("byte 0x5c in position {start}")
        };
        RawError::syntax(loc, format!("(unicode error) 'unicodeescape' codec can't decode {span}: {reason}"))
    }

    fn content(range: TextRange, flags: impl StringFlags) -> TextRange {
        TextRange::new(range.start() + flags.opener_len(), range.end() - flags.closer_len())
    }

    fn decode(&mut self, inner: TextRange, raw: bool, form: Form, place: TextRange) -> Res<Wtf8> {
        let mut notes = Vec::new();
        let text = literal::decode_str(self.text(inner), raw, form, &mut notes)
            .map_err(|e| self.bad_escape(e, false, place))?;
        self.notes(notes, inner.start().to_u32());
        Ok(text)
    }

    fn literal(&mut self, part: &ruff::StringLiteral) -> Res<Wtf8> {
        let inner = Self::content(part.range, part.flags);
        self.decode(inner, part.flags.prefix().is_raw(), Form::Str, part.range)
    }

    pub(super) fn string(&mut self, e: &ruff::ExprStringLiteral) -> Res<ExprKind> {
        let mut buf = Wtf8Buf::new();
        for part in e.value.iter() {
            let text = self.literal(part)?;
            buf.push_wtf8(&text);
        }
        let unicode_prefix = e.value.is_unicode();
        Ok(ExprKind::Constant { value: Constant::Str(buf.finish()), unicode_prefix })
    }

    pub(super) fn bytes(&mut self, e: &ruff::ExprBytesLiteral) -> Res<ExprKind> {
        let mut out = Vec::new();
        for part in e.value.iter() {
            let inner = Self::content(part.range, part.flags);
            let mut notes = Vec::new();
            let raw = part.flags.prefix().is_raw();
            let bytes = literal::decode_bytes(self.text(inner), raw, &mut notes)
                .map_err(|e| self.bad_escape(e, true, part.range))?;
            self.notes(notes, inner.start().to_u32());
            out.extend(bytes);
        }
        Ok(ExprKind::Constant { value: Constant::Bytes(out), unicode_prefix: false })
    }

    pub(super) fn fstring(&mut self, e: &ruff::ExprFString) -> Res<ExprKind> {
        let mut pieces = Vec::new();
        for part in e.value.iter() {
            match part {
                ruff::FStringPart::Literal(literal) => {
                    let text = self.literal(literal)?;
                    pieces.push(Piece::Text(text, literal.range));
                }
                ruff::FStringPart::FString(f) => {
                    let raw = f.flags.prefix().is_raw();
                    self.elements(&f.elements, raw, Form::Middle, false, f.range, &mut pieces)?;
                }
            }
        }
        Ok(ExprKind::JoinedStr(self.join(pieces)))
    }

    pub(super) fn tstring(&mut self, e: &ruff::ExprTString) -> Res<ExprKind> {
        let mut pieces = Vec::new();
        for t in e.value.iter() {
            let raw = t.flags.prefix().is_raw();
            self.elements(&t.elements, raw, Form::Middle, true, t.range, &mut pieces)?;
        }
        Ok(ExprKind::TemplateStr(self.join(pieces)))
    }

    /// Merges neighbouring texts and drops empty ones.
    fn join(&self, pieces: Vec<Piece>) -> Vec<Expr> {
        let mut out = Vec::new();
        let mut pending: Option<(Wtf8Buf, TextRange)> = None;
        let flush = |pending: &mut Option<(Wtf8Buf, TextRange)>, out: &mut Vec<Expr>| {
            if let Some((buf, range)) = pending.take()
                && !buf.is_empty()
            {
                let value = Constant::Str(buf.finish());
                out.push(Expr { kind: ExprKind::Constant { value, unicode_prefix: false }, loc: self.loc(range) });
            }
        };
        for piece in pieces {
            match piece {
                Piece::Field(expr) => {
                    flush(&mut pending, &mut out);
                    out.push(expr);
                }
                Piece::Text(text, range) => match &mut pending {
                    Some((buf, total)) => {
                        buf.push_wtf8(&text);
                        *total = total.cover(range);
                    }
                    None => {
                        let mut buf = Wtf8Buf::new();
                        buf.push_wtf8(&text);
                        pending = Some((buf, range));
                    }
                },
            }
        }
        flush(&mut pending, &mut out);
        out
    }

    fn elements(
        &mut self,
        elements: &ruff::InterpolatedStringElements,
        raw: bool,
        form: Form,
        template: bool,
        whole: TextRange,
        out: &mut Vec<Piece>,
    ) -> Res {
        for element in elements.iter() {
            match element {
                ruff::InterpolatedStringElement::Literal(literal) => {
                    let text = self.decode(literal.range, raw, form, literal.range)?;
                    out.push(Piece::Text(text, literal.range));
                }
                ruff::InterpolatedStringElement::Interpolation(field) => {
                    self.field(field, raw, template, whole, out)?;
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &ruff::InterpolatedElement,
        raw: bool,
        template: bool,
        whole: TextRange,
        out: &mut Vec<Piece>,
    ) -> Res {
        let mut conversion = match field.conversion {
            ruff::ConversionFlag::None => -1,
            flag => flag as i32,
        };
        let start = field.range.start().to_u32() + 1;
        let value = Box::new(self.expr(&field.expression)?);
        let (end, equals_end) = self.field_text_end(field);
        let text = strip_comments(&self.source.text[start as usize..end]);
        if let Some(debug_end) = equals_end.filter(|_| field.debug_text.is_some()) {
            let shown = strip_comments(&self.source.text[start as usize..debug_end]);
            if conversion == -1 && field.format_spec.is_none() {
                conversion = i32::from(b'r');
            }
            let range = TextRange::new(start.into(), (debug_end as u32).into());
            out.push(Piece::Text(Wtf8::from(shown), range));
        }
        let format_spec = match &field.format_spec {
            Some(spec) => {
                let mut pieces = Vec::new();
                self.elements(&spec.elements, raw, Form::Str, false, whole, &mut pieces)?;
                // The parser's range of a specification begins after the colon; Python's is the colon's too.
                let range = TextRange::new(spec.range.start() - ruff_text_size::TextSize::new(1), spec.range.end());
                let kind = ExprKind::JoinedStr(self.join(pieces));
                Some(Box::new(Expr { kind, loc: self.spec_loc(range) }))
            }
            None => None,
        };
        let kind = if template {
            ExprKind::Interpolation { value, text: Constant::Str(text.into()), conversion, format_spec }
        } else {
            ExprKind::FormattedValue { value, conversion, format_spec }
        };
        out.push(Piece::Field(Expr { kind, loc: self.loc(field.range) }));
        Ok(())
    }

    fn spec_loc(&self, range: TextRange) -> Location {
        self.loc(range)
    }

    /// Where the text of a field's expression ends (before `=`, `!`, `:` or `}`), and where that of its debug form
    /// does.
    fn field_text_end(&self, field: &ruff::InterpolatedElement) -> (usize, Option<usize>) {
        let bytes = self.source.text.as_bytes();
        let mut at = field.expression.range().end().to_usize();
        let mut end = None;
        while at < bytes.len() {
            match bytes[at] {
                b'#' => {
                    while at < bytes.len() && bytes[at] != b'\n' {
                        at += 1;
                    }
                }
                b'=' if end.is_none() => {
                    end = Some(at);
                    at += 1;
                }
                b'!' | b':' | b'}' | b'=' => break,
                _ => at += 1,
            }
        }
        match end {
            Some(end) => (end, Some(at)),
            None => (at, None),
        }
    }
}

/// Text without its comments.
fn strip_comments(text: &str) -> String {
    if !text.contains('#') {
        return text.to_string();
    }
    let (mut out, mut quote, mut chars) = (String::new(), None, text.chars().peekable());
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '#') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(_), '\\') => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            (Some(q), _) if q == c => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out
}
