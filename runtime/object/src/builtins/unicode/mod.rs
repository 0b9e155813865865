//! `str`: immutable text in the storage kinds of PEP 393.
//!
//! A string has the narrowest kind that holds its largest character, except while a C extension fills it.
//! Exact strings are compact (the characters follow the header); instances of subclasses keep them in a block of
//! their own. The UTF-8 form and the hash are caches that any thread may fill: both are published whole.
mod base;
mod builder;
mod fs;
mod intern;
pub use intern::interned_count;
mod iter;
mod markup;
mod new;
mod predicates;
mod repr;
mod search;
mod sequence;
mod statics;
#[cfg(test)]
mod tests;
mod transform;

pub use builder::StrBuilder;
pub use fs::{fs_encoding, set_fs_ascii};
pub(crate) use iter::reduce_iterator;
pub use iter::{StrAsciiIter, StrIter};
pub use repr::push_escape;

use crate::handle::{Attached, Ref};
use crate::layout::PyASCIIObject;
use crate::pytype;
use crate::{Object, PyResult};
use std::ptr::NonNull;

/// A string of code points in one of three kinds.
#[repr(transparent)]
pub struct Str(pub(crate) PyASCIIObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyUnicode_Type: "str" for Str {
        base: Object,
        flags: [BASETYPE, UNICODE_SUBCLASS, MATCH_SELF],
        fast: UNICODE_SUBCLASS,
        basicsize: size_of::<PyUnicodeObject>() as isize,
        doc: "str(object='') -> str\nstr(bytes_or_buffer[, encoding[, errors]]) -> str\n\nText: an immutable sequence of Unicode code points.\n\nWith one argument, the object's __str__() or else its repr().\nWith an encoding or error handler, the bytes decoded.\nThe encoding defaults to 'utf-8', the error handler to 'strict'.",
        slots: {
            tp_dealloc = Str::dealloc,
            tp_repr = Str::repr,
            tp_str = Str::py_str,
            tp_hash = Str::py_hash,
            tp_richcompare = Str::rich_compare,
            tp_iter = Str::py_iter,
            constructor = Str::construct,
            nb_remainder = crate::builtins::percent::str_remainder,
            length = Str::py_len,
            sq_concat = Str::py_concat,
            sq_repeat = Str::repeat,
            sq_item = Str::item,
            sq_contains = Str::contains_object,
            mp_subscript = Str::subscript,
        },
        methods: {
            sig "encode" => Str::py_encode, "($self, /, encoding='utf-8', errors='strict')", "Bytes that represent the text in an encoding.\n\n  encoding\n    Name of the encoding.\n  errors\n    What to do with characters that the encoding lacks: 'strict' raises\n    UnicodeEncodeError; 'ignore', 'replace', 'xmlcharrefreplace' and any name\n    registered with codecs.register_error work, too.";
            sig "replace" => Str::py_replace, "($self, old, new, /, count=-1)", "Text with all occurrences of old replaced by new.\n\n  count\n    Replace no more than this many, from the left; -1 means all.";
            sig "split" => Str::py_split, "($self, /, sep=None, maxsplit=-1)", "List of the words between separators.\n\n  sep\n    The separator; None splits at runs of white space and drops empty words.\n  maxsplit\n    Split at most this many times, from the left; -1 means no limit.";
            sig "rsplit" => Str::py_rsplit, "($self, /, sep=None, maxsplit=-1)", "List of the words between separators, split from the right.\n\n  sep\n    The separator; None splits at runs of white space and drops empty words.\n  maxsplit\n    Split at most this many times, from the right; -1 means no limit.";
            o "join" => Str::join, "($self, iterable, /)", "Concatenates the strings of an iterable with this string between them.\n\n'.'.join(['ab', 'pq', 'rs']) is 'ab.pq.rs'.";
            noargs "capitalize" => Str::capitalize, "($self, /)", "Text with its first character in title case and the rest in lower case.";
            noargs "casefold" => Str::casefold, "($self, /)", "Text for comparison without regard to case.";
            noargs "title" => Str::title, "($self, /)", "Text in which each word begins with a title-case letter.";
            sig "center" => Str::center, "($self, width, fillchar=' ', /)", "Text centered in a field of the given width.";
            raw "count" => Str::py_count, "($self, sub[, start[, end]], /)", "S.count(sub[, start[, end]]) -> int\n\nHow often sub occurs, without overlap, in S[start:end].";
            sig "expandtabs" => Str::expandtabs, "($self, /, tabsize=8)", "Text with each tab replaced by blanks up to the next tab stop.";
            raw "find" => Str::py_find, "($self, sub[, start[, end]], /)", "S.find(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within S[start:end], or -1.";
            o "partition" => Str::py_partition, "($self, sep, /)", "Cuts the text at the first separator.\n\nReturns what is before it, the separator, and what is after it;\nwithout a separator, the text and two empty strings.";
            raw "index" => Str::py_index, "($self, sub[, start[, end]], /)", "S.index(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within S[start:end].\nRaises ValueError when there is none.";
            sig "ljust" => Str::ljust, "($self, width, fillchar=' ', /)", "Text at the left of a field of the given width.";
            noargs "lower" => Str::lower, "($self, /)", "Text in lower case.";
            sig "lstrip" => Str::lstrip, "($self, chars=None, /)", "Text without white space at the left.\n\nWith chars, without the characters in it.";
            raw "rfind" => Str::py_rfind, "($self, sub[, start[, end]], /)", "S.rfind(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within S[start:end], or -1.";
            raw "rindex" => Str::py_rindex, "($self, sub[, start[, end]], /)", "S.rindex(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within S[start:end].\nRaises ValueError when there is none.";
            sig "rjust" => Str::rjust, "($self, width, fillchar=' ', /)", "Text at the right of a field of the given width.";
            sig "rstrip" => Str::rstrip, "($self, chars=None, /)", "Text without white space at the right.\n\nWith chars, without the characters in it.";
            o "rpartition" => Str::py_rpartition, "($self, sep, /)", "Cuts the text at the last separator.\n\nReturns what is before it, the separator, and what is after it;\nwithout a separator, two empty strings and the text.";
            sig "splitlines" => Str::py_splitlines, "($self, /, keepends=False)", "List of the lines, without line ends unless keepends is true.";
            sig "strip" => Str::strip, "($self, chars=None, /)", "Text without white space at either end.\n\nWith chars, without the characters in it.";
            noargs "swapcase" => Str::swapcase, "($self, /)", "Text with upper case made lower and lower case made upper.";
            o "translate" => Str::translate, "($self, table, /)", "Text with each character replaced as the table says.\n\n  table\n    Maps code points to code points, strings or None; see str.maketrans().\n    None deletes, and a LookupError keeps the character.";
            noargs "upper" => Str::upper, "($self, /)", "Text in upper case.";
            raw "startswith" => Str::py_startswith, "($self, prefix[, start[, end]], /)", "S.startswith(prefix[, start[, end]]) -> bool\n\nWhether S[start:end] begins with prefix, or with one of a tuple of them.";
            raw "endswith" => Str::py_endswith, "($self, suffix[, start[, end]], /)", "S.endswith(suffix[, start[, end]]) -> bool\n\nWhether S[start:end] ends with suffix, or with one of a tuple of them.";
            o "removeprefix" => Str::py_removeprefix, "($self, prefix, /)", "Text without the prefix, if it is there.";
            o "removesuffix" => Str::py_removesuffix, "($self, suffix, /)", "Text without the suffix, if it is there.";
            noargs "isascii" => Str::py_is_ascii, "($self, /)", "Whether all characters are ASCII; the empty string is.";
            noargs "islower" => Str::is_lower, "($self, /)", "Whether all cased characters are lower case and there is one.";
            noargs "isupper" => Str::is_upper, "($self, /)", "Whether all cased characters are upper case and there is one.";
            noargs "istitle" => Str::is_title, "($self, /)", "Whether upper case begins each word and lower case goes on, with one cased character at least.";
            noargs "isspace" => Str::is_space, "($self, /)", "Whether all characters are white space and there is one.";
            noargs "isdecimal" => Str::is_decimal, "($self, /)", "Whether all characters are decimal digits and there is one.";
            noargs "isdigit" => Str::is_digit, "($self, /)", "Whether all characters are digits and there is one.";
            noargs "isnumeric" => Str::is_numeric, "($self, /)", "Whether all characters are numeric and there is one.";
            noargs "isalpha" => Str::is_alpha, "($self, /)", "Whether all characters are letters and there is one.";
            noargs "isalnum" => Str::is_alnum, "($self, /)", "Whether all characters are letters or numeric and there is one.";
            noargs "isidentifier" => Str::py_is_identifier, "($self, /)", "Whether the text is an identifier of the language.\n\nKeywords are, too: see keyword.iskeyword().";
            noargs "isprintable" => Str::py_is_printable, "($self, /)", "Whether repr() shows all characters as they are; true for the empty string.";
            o "zfill" => Str::zfill, "($self, width, /)", "Text filled with zeros at the left, behind a sign.";
            raw "format" => Str::py_format, "($self, /, *args, **kwargs)", "Text with replacement fields in braces filled in from the arguments.";
            o "format_map" => Str::py_format_map, "($self, mapping, /)", "Text with replacement fields in braces filled in from a mapping.";
            o "__format__" => Str::dunder_format, "($self, format_spec, /)", "Text as the format specification lays it out.";
            stat sig "maketrans" => Str::maketrans, "(x, y=<unrepresentable>, z=<unrepresentable>, /)", "A table for str.translate().\n\nOne argument is a dict from code points or characters to code points,\nstrings or None. Two are strings of equal length: characters and what they\nbecome. A third names characters to delete.";
            noargs "__sizeof__" => Str::sizeof, "($self, /)", "Size in memory, in bytes.";
            noargs "__getnewargs__" => Str::getnewargs, "($self, /)", "What pickle and copy pass to __new__.";
        },
    }
}

/// The characters of a string in their storage kind. `Ascii` and `Latin1` are one byte a character.
#[derive(Clone, Copy)]
pub enum StrData<'a> {
    Ascii(&'a [u8]),
    Latin1(&'a [u8]),
    Ucs2(&'a [u16]),
    Ucs4(&'a [u32]),
}

impl StrData<'_> {
    /// The memory of the characters.
    pub fn as_bytes(&self) -> &[u8] {
        match *self {
            StrData::Ascii(units) | StrData::Latin1(units) => units,
            // SAFETY: any initialised memory can be read as bytes.
            StrData::Ucs2(units) => unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 2) },
            // SAFETY: as above.
            StrData::Ucs4(units) => unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 4) },
        }
    }
}

impl Str {
    /// # Safety
    /// As a `tp_dealloc`: the last reference is gone.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Str>) {
        // SAFETY: by the contract.
        unsafe {
            this.as_ref().free_blocks();
            crate::mem::dealloc_leaf(py, this);
        }
    }

    /// The string itself when it is an exact `str`, else an exact copy.
    pub fn to_exact(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        use crate::Layout;
        if std::ptr::eq(self.as_object().ty(), Str::type_object()) {
            return Ok(self.to_ref());
        }
        self.copy_exact(py)
    }
}

impl std::fmt::Display for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}
