//! Items, slices and lists of a view.
use super::{MemoryView, format};
use crate::builtins::textargs::index_arg;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Py_buffer, PyBUF_FULL_RO};
use crate::protocols::buffer::{self, Buffer};
use crate::{Int, IntoObject, List, Object, PyResult, Raised, Slice, Tuple, raise};

#[cold]
fn out_of_bounds(py: Attached<'_>, dimension: usize) -> Raised {
    raise!(py, IndexError, "index out of bounds on dimension {}", dimension + 1)
}

#[cold]
fn no_sub_views(py: Attached<'_>, kind: &str) -> Raised {
    raise!(py, NotImplementedError, "{kind}sub-views are not implemented")
}

fn shape(this: &MemoryView) -> Vec<isize> {
    // SAFETY: the description of a view is complete.
    unsafe { buffer::shape_of(this.view()) }
}

/// `index` counted from the end if negative, when it is in range.
fn in_range(index: isize, len: isize) -> Option<isize> {
    let index = if index < 0 { index + len } else { index };
    (0..len).contains(&index).then_some(index)
}

/// The item at complete, checked indices.
fn get(py: Attached<'_>, this: &MemoryView, index: &[isize]) -> PyResult<Ref<Object>> {
    let code = format::code(py, this.format())?;
    let item = this.with(py, |locked| locked.item_bytes(index))?;
    format::unpack(py, code, &item)
}

fn set(py: Attached<'_>, this: &MemoryView, index: &[isize], value: &Object) -> PyResult<()> {
    let code = format::code(py, this.format())?;
    // The conversion may run code that releases the view; `with` checks again.
    let item = format::pack(py, code, value)?;
    this.with(py, |locked| {
        // SAFETY: items are `itemsize` bytes long, and the view is not released.
        unsafe { std::ptr::copy_nonoverlapping(item.as_ptr(), locked.item(index), item.len()) };
    })
}

/// The item at `index` of a one-dimensional view.
pub fn item(py: Attached<'_>, this: &MemoryView, index: isize) -> PyResult<Ref<Object>> {
    this.check_released(py)?;
    match shape(this)[..] {
        [] => Err(raise!(py, TypeError, "invalid indexing of 0-dim memory")),
        [len] => match (0..len).contains(&index) {
            true => get(py, this, &[index]),
            false => Err(out_of_bounds(py, 0)),
        },
        _ => Err(no_sub_views(py, "multi-dimensional ")),
    }
}

/// The checked indices of a tuple key, when it has only integers.
fn tuple_index(py: Attached<'_>, key: &Object, shape: &[isize]) -> PyResult<Option<Vec<isize>>> {
    let Some(key) = key.downcast::<Tuple>().filter(|key| key.as_slice().iter().all(|part| part.has_index())) else {
        return Ok(None);
    };
    let (given, ndim) = (key.len(), shape.len());
    if given < ndim {
        return Err(no_sub_views(py, ""));
    }
    if given > ndim {
        return Err(raise!(py, TypeError, "cannot index {ndim}-dimension view with {given}-element tuple"));
    }
    let mut index = Vec::with_capacity(ndim);
    for (dimension, part) in key.as_slice().iter().enumerate() {
        let part = index_arg(py, part)?;
        index.push(in_range(part, shape[dimension]).ok_or_else(|| out_of_bounds(py, dimension))?);
    }
    Ok(Some(index))
}

fn is_slices(key: &Object) -> bool {
    key.downcast::<Tuple>().is_some_and(|key| {
        !key.is_empty() && key.as_slice().iter().all(|part| part.downcast_exact::<Slice>().is_some())
    })
}

fn is_ellipsis(key: &Object) -> bool {
    key.is(&*crate::ellipsis())
}

fn is_empty_tuple(key: &Object) -> bool {
    key.downcast::<Tuple>().is_some_and(Tuple::is_empty)
}

/// `self[key]`.
pub fn subscript(py: Attached<'_>, this: &MemoryView, key: &Object) -> PyResult<Ref<Object>> {
    this.check_released(py)?;
    let shape = shape(this);
    if shape.is_empty() {
        if is_empty_tuple(key) {
            return get(py, this, &[]);
        }
        if is_ellipsis(key) {
            return Ok(this.as_object().to_ref());
        }
        return Err(raise!(py, TypeError, "invalid indexing of 0-dim memory"));
    }
    if key.has_index() {
        let index = index_arg(py, key)?;
        return item(py, this, if index < 0 { index + shape[0] } else { index });
    }
    if let Some(slice) = key.downcast_exact::<Slice>() {
        return Ok(sliced(py, this, slice)?.upcast());
    }
    if let Some(index) = tuple_index(py, key, &shape)? {
        return get(py, this, &index);
    }
    if is_slices(key) {
        return Err(raise!(py, NotImplementedError, "multi-dimensional slicing is not implemented"));
    }
    Err(raise!(py, TypeError, "memoryview: invalid slice key"))
}

/// A view of the items that a slice of the first dimension picks.
fn sliced(py: Attached<'_>, this: &MemoryView, slice: &Slice) -> PyResult<Ref<MemoryView>> {
    let view = this.view();
    // SAFETY: the description of a view is complete.
    let (mut shape, mut strides, suboffsets) =
        unsafe { (buffer::shape_of(view), buffer::strides_of(view), buffer::suboffsets_of(view)) };
    // Held from here on: the indices may release this view.
    let Some(managed) = this.managed() else { return Err(py.bad_internal_call()) };
    let harmless = |part: &Object| part.is_none() || part.downcast_exact::<Int>().is_some();
    let hold = if harmless(slice.start()) && harmless(slice.stop()) && harmless(slice.step()) {
        this.to_ref()
    } else {
        MemoryView::build(py, managed, *view, &shape, &strides, suboffsets.as_deref())?
    };
    let (start, _, step, count) = slice.indices(py, shape[0] as usize)?;
    let view = hold.view();
    let Some(managed) = hold.managed() else { return Err(py.bad_internal_call()) };
    let buf = view.buf.cast::<u8>().wrapping_offset(strides[0].wrapping_mul(start));
    shape[0] = count as isize;
    strides[0] = strides[0].wrapping_mul(step);
    let view = Py_buffer { buf: buf.cast(), ..*view };
    MemoryView::build(py, managed, view, &shape, &strides, suboffsets.as_deref())
}

/// `self[key] = value`.
pub fn ass_subscript(py: Attached<'_>, this: &MemoryView, key: &Object, value: Option<&Object>) -> PyResult<()> {
    this.check_released(py)?;
    if this.view().readonly != 0 {
        return Err(raise!(py, TypeError, "cannot modify read-only memory"));
    }
    let Some(value) = value else {
        return Err(raise!(py, TypeError, "cannot delete memory"));
    };
    let shape = shape(this);
    if shape.is_empty() {
        if is_ellipsis(key) || is_empty_tuple(key) {
            return set(py, this, &[], value);
        }
        return Err(raise!(py, TypeError, "invalid indexing of 0-dim memory"));
    }
    if key.has_index() {
        if shape.len() > 1 {
            return Err(no_sub_views(py, ""));
        }
        let index = index_arg(py, key)?;
        return match in_range(index, shape[0]) {
            Some(index) => set(py, this, &[index], value),
            None => Err(out_of_bounds(py, 0)),
        };
    }
    if let Some(slice) = key.downcast_exact::<Slice>() {
        if shape.len() != 1 {
            return Err(raise!(
                py,
                NotImplementedError,
                "memoryview slice assignments are currently restricted to ndim = 1"
            ));
        }
        return assign_slice(py, this, slice, value);
    }
    if let Some(index) = tuple_index(py, key, &shape)? {
        return set(py, this, &index, value);
    }
    if is_slices(key) {
        return Err(raise!(
            py,
            NotImplementedError,
            "memoryview slice assignments are currently restricted to ndim = 1"
        ));
    }
    Err(raise!(py, TypeError, "memoryview: invalid slice key"))
}

fn assign_slice(py: Attached<'_>, this: &MemoryView, slice: &Slice, value: &Object) -> PyResult<()> {
    let source = Buffer::get(py, value, PyBUF_FULL_RO)?;
    let target = sliced(py, this, slice)?;
    // The bounds may have been computed by code that released the view.
    this.check_released(py)?;
    let plain = |format: &[u8]| -> Vec<u8> { format.strip_prefix(b"@").unwrap_or(format).to_vec() };
    let from = source.view();
    let from_format: &[u8] = match from.format {
        format if format.is_null() => b"B",
        // SAFETY: formats are NUL-terminated.
        format => unsafe { std::ffi::CStr::from_ptr(format) }.to_bytes(),
    };
    // SAFETY: the exporter filled the description in.
    let from_shape = unsafe { buffer::shape_of(from) };
    let same = plain(from_format) == plain(target.format())
        && from.itemsize == target.view().itemsize
        && from_shape == shape(&target);
    if !same {
        return Err(raise!(py, ValueError, "memoryview assignment: lvalue and rvalue have different structures"));
    }
    // A copy, because the two may overlap.
    let items = source.to_vec(py)?;
    let size = from.itemsize as usize;
    target.with(py, |locked| {
        let mut rest = &items[..];
        // SAFETY: the view is not released, and there are as many items as places.
        unsafe {
            buffer::for_each_item(locked.view, false, |to| {
                std::ptr::copy_nonoverlapping(rest.as_ptr(), to, size);
                rest = &rest[size..];
            });
        }
    })
}

/// The items as nested lists.
pub fn tolist(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Object>> {
    this.check_released(py)?;
    let code = format::code(py, this.format())?;
    let items = this.to_vec(py, false)?;
    nested(py, code, &items, &shape(this))
}

fn nested(py: Attached<'_>, code: u8, items: &[u8], shape: &[isize]) -> PyResult<Ref<Object>> {
    let Some((&len, inner)) = shape.split_first() else {
        return format::unpack(py, code, items);
    };
    let len = len as usize;
    let each = items.len().checked_div(len).unwrap_or(0);
    let mut out = Vec::new();
    out.try_reserve_exact(len).map_err(|_| py.no_memory())?;
    for at in 0..len {
        let part = &items[at * each..(at + 1) * each];
        out.push(nested(py, code, part, inner)?);
    }
    Ok(List::from_vec(py, out)?.upcast())
}

/// `count(value)`.
pub fn count(py: Attached<'_>, this: &MemoryView, value: &Object) -> PyResult<usize> {
    let iter = this.as_object().iter(py)?;
    let mut total = 0;
    while let Some(item) = iter.iter_next(py)? {
        total += usize::from(item.is(value) || item.eq(py, value)?);
    }
    Ok(total)
}

/// `index(value, start, stop)`.
pub fn index(py: Attached<'_>, this: &MemoryView, [value, start, stop]: [Option<&Object>; 3]) -> PyResult<Ref<Object>> {
    let Some(value) = value else { return Err(py.bad_internal_call()) };
    this.check_released(py)?;
    let shape = shape(this);
    let [len] = shape[..] else {
        return Err(match shape.len() {
            0 => raise!(py, TypeError, "invalid lookup on 0-dim memory"),
            _ => raise!(py, NotImplementedError, "multi-dimensional lookup is not implemented"),
        });
    };
    let (start, stop) = MemoryView::bounds(py, start, stop, len as usize)?;
    for at in start..stop {
        let item = get(py, this, &[at as isize])?;
        if item.is(value) || item.eq(py, value)? {
            return at.into_object(py);
        }
    }
    Err(raise!(py, ValueError, "memoryview.index(x): x not found"))
}
