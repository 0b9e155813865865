//! `repr` and `ascii` of strings.
use super::{Str, StrBuilder, StrData};
use crate::builtins::stringlib::Unit;
use crate::handle::{Attached, Ref};
use crate::{PyResult, with_units};
use krait_text::unicode;
use std::fmt::Write;

/// Appends `\xhh`, `\uhhhh` or `\Uhhhhhhhh`.
pub fn push_escape(out: &mut StrBuilder, point: u32) {
    // Writing to a builder does not fail.
    let _ = match point {
        0..=0xFF => write!(out, "\\x{point:02x}"),
        0x100..=0xFFFF => write!(out, "\\u{point:04x}"),
        _ => write!(out, "\\U{point:08x}"),
    };
}

impl Str {
    /// `repr(self)`.
    pub fn repr(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(this.len() + 2);
        this.push_repr(&mut out);
        out.finish(py)
    }

    /// Appends `repr(self)`.
    pub fn push_repr(&self, out: &mut StrBuilder) {
        let (mut single, mut double) = (false, false);
        with_units!(self, |units| {
            for unit in units {
                single |= unit.to_u32() == 0x27;
                double |= unit.to_u32() == 0x22;
            }
        });
        let quote = if single && !double { 0x22 } else { 0x27 };
        out.push(quote);
        with_units!(self, |units| {
            for unit in units {
                push_repr_char(out, unit.to_u32(), quote);
            }
        });
        out.push(quote);
    }

    /// The text with `\x`, `\u` and `\U` escapes in place of what is not ASCII: makes `ascii()` from `repr()`.
    pub fn escape_non_ascii(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        if let StrData::Ascii(_) = self.data() {
            return self.to_exact(py);
        }
        let mut out = StrBuilder::with_capacity(self.len() * 2);
        for point in self.code_points() {
            match point {
                0..=0x7F => out.push(point),
                _ => push_escape(&mut out, point),
            }
        }
        out.finish(py)
    }
}

#[inline]
fn push_repr_char(out: &mut StrBuilder, point: u32, quote: u32) {
    match point {
        0x5C => out.push_str("\\\\"),
        9 => out.push_str("\\t"),
        10 => out.push_str("\\n"),
        13 => out.push_str("\\r"),
        _ if point == quote => {
            out.push(0x5C);
            out.push(point);
        }
        0x20..=0x7E => out.push(point),
        0..=0x7F => push_escape(out, point),
        _ if unicode::is_printable(point) => out.push(point),
        _ => push_escape(out, point),
    }
}
