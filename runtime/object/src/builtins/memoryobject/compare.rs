//! Equality of views: shape and values, whatever the formats.
use super::MemoryView;
use super::format::{self, StructUnpacker};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Py_buffer, PyBUF_FULL_RO};
use crate::protocols::buffer::{self, Buffer};
use crate::typedef::CompareOp;
use crate::{IntoObject, Object, PyResult};
use std::ffi::CStr;

/// `self <op> other`: only `==` and `!=` mean something.
pub fn rich_compare(py: Attached<'_>, this: &MemoryView, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
    if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
        return Ok(crate::object::not_implemented());
    }
    let other_view = other.downcast::<MemoryView>();
    if this.is_released() || other_view.is_some_and(MemoryView::is_released) {
        return (this.as_object().is(other) == (op == CompareOp::Eq)).into_object(py);
    }
    if !Buffer::is_exporter(other) {
        return Ok(crate::object::not_implemented());
    }
    let right = match Buffer::get(py, other, PyBUF_FULL_RO) {
        Ok(right) => right,
        Err(raised) => {
            raised.clear(py);
            return Ok(crate::object::not_implemented());
        }
    };
    (equal(py, this, &right)? == (op == CompareOp::Eq)).into_object(py)
}

fn format_of(view: &Py_buffer) -> &[u8] {
    match view.format {
        format if format.is_null() => b"B",
        // SAFETY: formats are NUL-terminated and live as long as the view.
        format => unsafe { CStr::from_ptr(format) }.to_bytes(),
    }
}

/// Reads items of one side.
enum Reader {
    Native(u8),
    Struct(StructUnpacker),
}

impl Reader {
    fn new(py: Attached<'_>, format: &[u8], size: isize) -> PyResult<Option<Reader>> {
        match format::native_code(format).filter(|_| format::item_size(format).is_some()) {
            Some(code) => Ok(Some(Reader::Native(code))),
            None => Ok(StructUnpacker::new(py, format, size)?.map(Reader::Struct)),
        }
    }

    fn read(&self, py: Attached<'_>, item: &[u8]) -> PyResult<Ref<Object>> {
        match self {
            Reader::Native(code) => format::unpack(py, *code, item),
            Reader::Struct(unpacker) => unpacker.unpack(py, item),
        }
    }
}

fn equal(py: Attached<'_>, this: &MemoryView, right: &Buffer) -> PyResult<bool> {
    let (left, right_view) = (this.view(), right.view());
    // SAFETY: both descriptions are complete.
    let (shape, right_shape) = unsafe { (buffer::shape_of(left), buffer::shape_of(right_view)) };
    if shape.len() != right_shape.len() {
        return Ok(false);
    }
    for (a, b) in shape.iter().zip(&right_shape) {
        if a != b {
            return Ok(false);
        }
        if *a == 0 {
            break;
        }
    }
    let (left_format, right_format) = (this.format(), format_of(right_view));
    let Some(read_left) = Reader::new(py, left_format, left.itemsize)? else { return Ok(false) };
    let Some(read_right) = Reader::new(py, right_format, right_view.itemsize)? else { return Ok(false) };
    let left_items = this.to_vec(py, false)?;
    let right_items = right.to_vec(py)?;
    if let (Reader::Native(a), Reader::Native(b)) = (&read_left, &read_right)
        && a == b
        && !matches!(a, b'f' | b'd' | b'e' | b'?')
    {
        return Ok(left_items == right_items);
    }
    let sizes = (left.itemsize.max(1) as usize, right_view.itemsize.max(1) as usize);
    for (a, b) in left_items.chunks(sizes.0).zip(right_items.chunks(sizes.1)) {
        let (a, b) = (read_left.read(py, a)?, read_right.read(py, b)?);
        // Not by identity: a NaN is not equal to itself.
        if !a.rich_compare(py, &b, CompareOp::Eq)?.is_true(py)? {
            return Ok(false);
        }
    }
    Ok(true)
}
