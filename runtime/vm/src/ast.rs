//! `ast` objects. Trees as Python objects are not there yet, and say so.
use krait_compiler::Mode;
use krait_object::{Attached, Object, PyResult, Ref, Str, raise};

/// Whether `source` is a tree rather than text.
///
/// # Errors
/// What attribute access raises.
pub fn is_tree(_py: Attached<'_>, _source: &Object) -> PyResult<bool> {
    Ok(false)
}

/// Parses to a tree, or compiles one.
///
/// # Errors
/// `NotImplementedError`: trees are not available yet.
pub fn compile_or_parse(
    py: Attached<'_>,
    _source: &Object,
    _filename: &Str,
    _mode: Mode,
    _flags: u32,
    _optimize: i32,
) -> PyResult<Ref<Object>> {
    Err(raise!(py, NotImplementedError, "this version cannot make ast objects"))
}
