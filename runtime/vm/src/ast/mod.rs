//! `ast` objects: their classes, and trees from and to the compiler.
mod classes;
mod convert;
mod grammar;
mod node;
mod read;
mod write;

pub use classes::{Classes, Kept, exec};

use crate::codegen_glue::code_object;
use crate::compile::{CompileFlags, issue_warnings, raise_compile_error};
use crate::shared_constants::made_by_import;
use krait_bytecode::flags;
use krait_compiler::{Mode, Tree};
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

/// A parsed text as nodes; `level` is the optimization level if the tree is to be optimized.
///
/// # Errors
/// What making nodes raises.
pub fn nodes(py: Attached<'_>, mut tree: Tree, level: Option<u8>, filename: &Str) -> PyResult<Ref<Object>> {
    issue_warnings(py, &tree.warnings, filename)?;
    if let Some(level) = level {
        krait_compiler::optimize(&mut tree.tree, level);
    }
    let writer = write::Writer::new(py, &tree.comments)?;
    convert::write_tree(&writer, &tree.tree)
}

/// `compile()` of a tree: to code, or to an optimized tree.
///
/// # Errors
/// `TypeError` and `ValueError` for what is not a tree of the mode's kind, and what the compilation raises.
pub fn compile_tree(
    py: Attached<'_>,
    source: &Object,
    filename: &Str,
    mode: Mode,
    options: &CompileFlags,
) -> PyResult<Ref<Object>> {
    let classes = Classes::get(py)?;
    let wanted = match mode {
        Mode::Exec => "Module",
        Mode::Eval => "Expression",
        Mode::Single => "Interactive",
        Mode::FuncType => "FunctionType",
    };
    if !source.is_instance(py, classes.named(py, wanted)?.as_object())? {
        return Err(raise!(py, TypeError, "expected {wanted} node, got {}", source.ty().name()));
    }
    let reader = read::Reader::new(py)?;
    let mut tree = convert::read_tree(&reader, source)?;
    krait_compiler::validate(&tree).map_err(|error| raise_compile_error(py, &error, filename))?;
    if options.cf_flags & flags::PYCF_OPTIMIZED_AST == flags::PYCF_ONLY_AST {
        return Ok(source.to_ref());
    }
    let options_here = options.resolve(py);
    if options.cf_flags & flags::PYCF_ONLY_AST != 0 {
        krait_compiler::optimize(&mut tree, options_here.optimize);
        let comments = krait_compiler::TypeComments::default();
        return convert::write_tree(&write::Writer::new(py, &comments)?, &tree);
    }
    match krait_compiler::compile_ast(&tree, &filename.to_string_lossy(), options_here) {
        Ok(compiled) => {
            issue_warnings(py, &compiled.warnings, filename)?;
            Ok(code_object(py, &compiled.code, made_by_import(py))?.upcast())
        }
        Err(error) => Err(raise_compile_error(py, &error, filename)),
    }
}
