//! `ast` objects: their classes, and trees from and to the compiler.
mod classes;
mod grammar;
mod node;

pub use classes::{Classes, Kept, exec};

use krait_compiler::Mode;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, raise};

/// Whether `source` is a tree rather than text.
///
/// # Errors
/// What attribute access raises.
pub fn is_tree(py: Attached<'_>, source: &Object) -> PyResult<bool> {
    match Classes::existing(py) {
        Some(classes) => source.is_instance(py, classes.root().as_object()),
        None => Ok(false),
    }
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
