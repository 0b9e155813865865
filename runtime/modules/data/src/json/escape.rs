//! Strings as JSON text.
use krait_object::{Str, StrBuilder, StrData};

/// Whether a character stands for itself.
fn is_plain(point: u32, ascii: bool) -> bool {
    point >= 32 && point != 34 && point != 92 && (!ascii || point < 127)
}

/// Appends the quoted text.
pub fn push(out: &mut StrBuilder, text: &Str, ascii: bool) {
    out.push(34);
    match text.data() {
        StrData::Ascii(bytes) => {
            let mut rest = bytes;
            while let Some(at) = rest.iter().position(|&byte| !is_plain(byte.into(), ascii)) {
                out.push_latin1(&rest[..at]);
                push_escape(out, rest[at].into(), ascii);
                rest = &rest[at + 1..];
            }
            out.push_latin1(rest);
        }
        _ => {
            for point in text.code_points() {
                match is_plain(point, ascii) {
                    true => out.push(point),
                    false => push_escape(out, point, ascii),
                }
            }
        }
    }
    out.push(34);
}

fn push_escape(out: &mut StrBuilder, point: u32, ascii: bool) {
    let short = match point {
        34 | 92 => char::from(point as u8),
        8 => 'b',
        9 => 't',
        10 => 'n',
        12 => 'f',
        13 => 'r',
        _ if point > 32 && !ascii => return out.push(point),
        0x10000.. => {
            let pair = point - 0x10000;
            push_unit(out, 0xD800 + (pair >> 10));
            return push_unit(out, 0xDC00 + (pair & 0x3FF));
        }
        _ => return push_unit(out, point),
    };
    out.push(92);
    out.push(short.into());
}

/// `\uXXXX`.
fn push_unit(out: &mut StrBuilder, unit: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[(unit >> shift & 15) as usize];
    out.push_latin1(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
