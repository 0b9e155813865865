//! Unicode 16.0.0: properties, case mappings, normalisation and names.
//!
//! The tables come from `gen_unicode.py` and are compact two-stage ones.
//! Everything takes code points as `u32`, because Python text may hold lone surrogates; a value above
//! U+10FFFF behaves as an unassigned one.
//! Text is an iterator of code points or a `&[u32]`; this module knows nothing of string objects.

mod case;
pub mod names;
mod normalize;
#[rustfmt::skip]
#[allow(clippy::all)]
mod tables;

pub use case::{Case, Mapped, casefold, lower_at, map_lower, swap_case, title_text, to_full};
pub use normalize::{Form, is_normalized, normalize, normalize_3_2};

use tables as t;

/// Properties behind the `str` methods.
#[derive(Clone, Copy)]
struct Ctype {
    flags: u16,
    decimal: u8,
    digit: u8,
    upper: i32,
    lower: i32,
    title: i32,
    fold: i32,
}

/// Properties behind the `unicodedata` module.
struct Record {
    category: u8,
    bidi: u8,
    combining: u8,
    east_asian: u8,
    bits: u8,
}

/// The full mappings of a character that has one of more than one code point.
struct Special {
    cp: u32,
    upper: &'static [u32],
    lower: &'static [u32],
    title: &'static [u32],
    fold: &'static [u32],
}

/// What Unicode 3.2.0 said about a character that has changed since.
struct Change32 {
    category: u8,
    bidi: u8,
    east_asian: u8,
    mirrored: u8,
    decimal: u8,
    digit: u8,
    numeric: f64,
}

/// The entry of a two-stage table; U+0378, which is unassigned, stands for every value outside Unicode.
macro_rules! two_stage {
    ($cp:expr, $first:ident, $second:ident, $shift:ident) => {{
        let cp = if $cp < 0x110000 { $cp as usize } else { 0x378 };
        let block = t::$first[cp >> t::$shift] as usize;
        t::$second[(block << t::$shift) | (cp & ((1 << t::$shift) - 1))] as usize
    }};
}

#[inline]
fn ctype(cp: u32) -> &'static Ctype {
    &t::CTYPES[two_stage!(cp, CTYPE_1, CTYPE_2, CTYPE_SHIFT)]
}

#[inline]
fn record(cp: u32) -> &'static Record {
    &t::RECORDS[two_stage!(cp, RECORD_1, RECORD_2, RECORD_SHIFT)]
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident = $flag:ident;)*) => {
        $($(#[$doc])* #[inline] pub fn $name(cp: u32) -> bool { ctype(cp).flags & t::$flag != 0 })*
    };
}

predicates! {
    /// `str.isalpha` of one character: categories Lm, Lt, Lu, Ll and Lo.
    is_alpha = ALPHA;
    /// `str.isdecimal` of one character.
    is_decimal = DECIMAL;
    /// `str.isdigit` of one character.
    is_digit = DIGIT;
    /// `str.isnumeric` of one character.
    is_numeric = NUMERIC;
    /// `str.isspace` of one character.
    is_space = SPACE;
    /// `str.isprintable` of one character.
    is_printable = PRINTABLE;
    /// The Uppercase property.
    is_upper = UPPER;
    /// The Lowercase property.
    is_lower = LOWER;
    /// A titlecase letter (Lt).
    is_title = TITLE;
    /// A line boundary of `str.splitlines`.
    is_linebreak = LINEBREAK;
    /// A character that can start an identifier: XID_Start or `_`.
    is_identifier_start = ID_START;
    /// A character that can continue an identifier: XID_Continue.
    is_identifier_continue = ID_CONTINUE;
    /// Cased and not ignored when case context is looked for.
    is_cased = CASED;
    /// Case_Ignorable.
    is_case_ignorable = CASE_IGNORABLE;
}

/// `str.isalnum` of one character.
#[inline]
pub fn is_alnum(cp: u32) -> bool {
    ctype(cp).flags & (t::ALPHA | t::DECIMAL | t::DIGIT | t::NUMERIC) != 0
}

/// Decimal value, 0 to 9.
#[inline]
pub fn decimal(cp: u32) -> Option<u8> {
    let value = ctype(cp).decimal;
    (value != 255).then_some(value)
}

/// Digit value (superscripts included), 0 to 9.
#[inline]
pub fn digit(cp: u32) -> Option<u8> {
    let value = ctype(cp).digit;
    (value != 255).then_some(value)
}

/// Numeric value.
pub fn numeric(cp: u32) -> Option<f64> {
    let index = two_stage!(cp, NUMERIC_1, NUMERIC_2, NUMERIC_SHIFT);
    (index != 0).then(|| t::NUMERICS[index])
}

/// Simple upper-case mapping, always one code point (`Py_UNICODE_TOUPPER`).
#[inline]
pub fn simple_upper(cp: u32) -> u32 {
    cp.wrapping_add_signed(ctype(cp).upper)
}

/// Simple lower-case mapping, always one code point (`Py_UNICODE_TOLOWER`).
#[inline]
pub fn simple_lower(cp: u32) -> u32 {
    cp.wrapping_add_signed(ctype(cp).lower)
}

/// Simple title-case mapping, always one code point (`Py_UNICODE_TOTITLE`).
#[inline]
pub fn simple_title(cp: u32) -> u32 {
    cp.wrapping_add_signed(ctype(cp).title)
}

/// General category, two letters.
pub fn category(cp: u32) -> &'static str {
    t::CATEGORIES[record(cp).category as usize]
}

/// Bidirectional class, or the empty string.
pub fn bidirectional(cp: u32) -> &'static str {
    t::BIDI[record(cp).bidi as usize]
}

/// Canonical combining class.
#[inline]
pub fn combining(cp: u32) -> u8 {
    record(cp).combining
}

/// East Asian width class.
pub fn east_asian_width(cp: u32) -> &'static str {
    t::EAST_ASIAN[record(cp).east_asian as usize]
}

/// Whether the character is mirrored in right-to-left text.
pub fn mirrored(cp: u32) -> bool {
    record(cp).bits & t::MIRRORED != 0
}

/// The decomposition mapping as the database has it: a tag such as `<compat>` (empty if canonical)
/// and the code points (none if the character does not decompose; Hangul syllables do, fully).
pub fn decomposition(cp: u32) -> (&'static str, Vec<u32>) {
    if let Some(parts) = normalize::hangul(cp) {
        return ("", parts.into_iter().filter(|&p| p != 0).collect());
    }
    let (tag, body) = raw_decomposition(cp);
    (t::DECOMP_TAGS[tag], body.to_vec())
}

#[inline]
fn raw_decomposition(cp: u32) -> (usize, &'static [u32]) {
    let at = two_stage!(cp, DECOMP_1, DECOMP_2, DECOMP_SHIFT);
    let head = t::DECOMP[at] as usize;
    (head >> 8, &t::DECOMP[at + 1..at + 1 + (head & 0xff)])
}

/// The Unicode 3.2.0 view of the database (`unicodedata.ucd_3_2_0`), which IDNA needs.
pub mod v3_2 {
    use super::t;

    fn change(cp: u32) -> Option<&'static super::Change32> {
        let index = two_stage!(cp, CHANGE_1, CHANGE_2, CHANGE_SHIFT);
        (index != 0).then(|| &t::CHANGES[index])
    }

    /// Whether Unicode 3.2.0 had no such character while 16.0.0 has one.
    pub fn is_unassigned(cp: u32) -> bool {
        change(cp).is_some_and(|c| c.category == 0)
    }
    /// General category.
    pub fn category(cp: u32) -> &'static str {
        change(cp).map_or_else(|| super::category(cp), |c| t::CATEGORIES[c.category as usize])
    }
    /// Bidirectional class.
    pub fn bidirectional(cp: u32) -> &'static str {
        change(cp).map_or_else(|| super::bidirectional(cp), |c| t::BIDI[c.bidi as usize])
    }
    /// East Asian width class.
    pub fn east_asian_width(cp: u32) -> &'static str {
        change(cp).map_or_else(|| super::east_asian_width(cp), |c| t::EAST_ASIAN[c.east_asian as usize])
    }
    /// Canonical combining class.
    pub fn combining(cp: u32) -> u8 {
        if is_unassigned(cp) { 0 } else { super::combining(cp) }
    }
    /// Mirrored property.
    pub fn mirrored(cp: u32) -> bool {
        change(cp).map_or_else(|| super::mirrored(cp), |c| c.mirrored != 0)
    }
    /// Decimal value.
    pub fn decimal(cp: u32) -> Option<u8> {
        change(cp).map_or_else(|| super::decimal(cp), |c| (c.decimal != 255).then_some(c.decimal))
    }
    /// Digit value.
    pub fn digit(cp: u32) -> Option<u8> {
        change(cp).map_or_else(|| super::digit(cp), |c| (c.digit != 255).then_some(c.digit))
    }
    /// Numeric value.
    pub fn numeric(cp: u32) -> Option<f64> {
        // -1 stands for none; the one character that is worth -1/2 is not -1.
        change(cp).map_or_else(|| super::numeric(cp), |c| (c.numeric != -1.0).then_some(c.numeric))
    }
    /// Decomposition mapping.
    pub fn decomposition(cp: u32) -> (&'static str, Vec<u32>) {
        if is_unassigned(cp) { ("", Vec::new()) } else { super::decomposition(cp) }
    }
}
