//! The `is...` methods of `str`.
use super::Str;
use crate::builtins::stringlib::Unit;
use crate::handle::Attached;
use crate::with_units;
use krait_text::unicode;

impl Str {
    /// Whether the string has a character and all satisfy `test`.
    fn all(&self, test: impl Fn(u32) -> bool) -> bool {
        !self.is_empty() && with_units!(self, |text| text.iter().all(|unit| test(unit.to_u32())))
    }

    pub(super) fn is_alnum(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_alnum)
    }
    pub(super) fn is_alpha(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_alpha)
    }
    pub(super) fn py_is_ascii(_: Attached<'_>, this: &Str) -> bool {
        this.is_ascii()
    }
    pub(super) fn is_decimal(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_decimal)
    }
    pub(super) fn is_digit(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_digit)
    }
    pub(super) fn is_numeric(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_numeric)
    }
    pub(super) fn is_space(_: Attached<'_>, this: &Str) -> bool {
        this.all(unicode::is_space)
    }
    pub(super) fn py_is_printable(_: Attached<'_>, this: &Str) -> bool {
        this.is_empty() || this.all(unicode::is_printable)
    }
    pub(super) fn py_is_identifier(_: Attached<'_>, this: &Str) -> bool {
        this.is_identifier()
    }

    /// Whether the text is an identifier (keywords included).
    pub fn is_identifier(&self) -> bool {
        with_units!(self, |text| match text {
            [] => false,
            [first, rest @ ..] => {
                unicode::is_identifier_start(first.to_u32())
                    && rest.iter().all(|unit| unicode::is_identifier_continue(unit.to_u32()))
            }
        })
    }

    /// At least one character is `wanted` and none is `refused`.
    fn some_and_no(&self, wanted: impl Fn(u32) -> bool, refused: impl Fn(u32) -> bool) -> bool {
        let mut found = false;
        with_units!(self, |text| {
            for unit in text {
                let point = unit.to_u32();
                if refused(point) {
                    return false;
                }
                found |= wanted(point);
            }
        });
        found
    }

    pub(super) fn is_lower(_: Attached<'_>, this: &Str) -> bool {
        this.some_and_no(unicode::is_lower, |point| unicode::is_upper(point) || unicode::is_title(point))
    }
    pub(super) fn is_upper(_: Attached<'_>, this: &Str) -> bool {
        this.some_and_no(unicode::is_upper, |point| unicode::is_lower(point) || unicode::is_title(point))
    }

    pub(super) fn is_title(_: Attached<'_>, this: &Str) -> bool {
        let (mut cased, mut in_word) = (false, false);
        with_units!(this, |text| {
            for unit in text {
                let point = unit.to_u32();
                let starts_word = unicode::is_upper(point) || unicode::is_title(point);
                if !starts_word && !unicode::is_lower(point) {
                    in_word = false;
                    continue;
                }
                if starts_word == in_word {
                    return false;
                }
                (cased, in_word) = (true, true);
            }
        });
        cased
    }
}
