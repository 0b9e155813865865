//! `_io`: streams.
mod base;
mod buffered;
mod bytesio;
mod fileio;
mod newline;
mod open;
mod stringio;
mod text;

use crate::util::{add_type, ready_type};
use krait_object::{Attached, Dict, Int, Layout, Module, PyResult, Str, Tuple, exc};

pub use fileio::writable_arg;

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, open::table())?;
    add_type::<base::IOBase>(py, module, "_IOBase")?;
    add_type::<base::RawIOBase>(py, module, "_RawIOBase")?;
    add_type::<base::BufferedIOBase>(py, module, "_BufferedIOBase")?;
    add_type::<base::TextIOBase>(py, module, "_TextIOBase")?;
    add_type::<fileio::FileIO>(py, module, "FileIO")?;
    add_type::<bytesio::BytesIO>(py, module, "BytesIO")?;
    add_type::<bytesio::BytesIOBuffer>(py, module, "_BytesIOBuffer")?;
    add_type::<stringio::StringIO>(py, module, "StringIO")?;
    add_type::<newline::IncrementalNewlineDecoder>(py, module, "IncrementalNewlineDecoder")?;
    add_type::<buffered::BufferedReader>(py, module, "BufferedReader")?;
    add_type::<buffered::BufferedWriter>(py, module, "BufferedWriter")?;
    add_type::<buffered::BufferedRandom>(py, module, "BufferedRandom")?;
    add_type::<buffered::BufferedRWPair>(py, module, "BufferedRWPair")?;
    add_type::<text::TextIOWrapper>(py, module, "TextIOWrapper")?;
    ready_type::<stringio::StringIO>(py)?;
    module.add(py, "DEFAULT_BUFFER_SIZE", Int::from_i64(py, buffered::DEFAULT_BUFFER_SIZE as i64)?.as_object())?;
    module.add(py, "BlockingIOError", exc::BlockingIOError().as_object())?;
    let dict = Dict::new(py)?;
    dict.set_str(py, "__module__", Str::new(py, "io")?.as_object())?;
    let name = Str::new(py, "UnsupportedOperation")?;
    let bases = Tuple::from_slice(py, &[exc::OSError().as_object(), exc::ValueError().as_object()])?;
    let class = krait_object::Type::type_object()
        .as_object()
        .call_pos(py, &[name.as_object(), bases.as_object(), dict.as_object()])?;
    module.add(py, "UnsupportedOperation", &class)
}
