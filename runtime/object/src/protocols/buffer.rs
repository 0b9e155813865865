//! The buffer protocol: acquiring, releasing, describing and copying memory that an object lends (`PyBuffer_*`).
use crate::handle::{Attached, Layout};
use crate::layout::{
    Field, Py_buffer, PyBUF_FORMAT, PyBUF_ND, PyBUF_READ, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBUF_WRITE,
};
use crate::{ByteArray, Bytes, Object, PyResult, raise};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// Memory lent by an object; given back when dropped.
///
/// The description stays where it is, because exporters point into it.
pub struct Buffer(Box<Py_buffer>);

/// The exporting functions of an object's type, if it has any.
fn procs(object: &Object) -> Option<&'static crate::layout::PyBufferProcs> {
    // SAFETY: a ready type's tables live as long as the type, and the object keeps its type alive.
    unsafe { object.ty().as_type().tp_as_buffer.get().as_ref() }
}

/// Asks `object` for a view (`PyObject_GetBuffer`). On success the view owns a reference to its exporter.
pub fn get_buffer(py: Attached<'_>, object: &Object, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
    if flags != PyBUF_SIMPLE && (flags == PyBUF_READ || flags == PyBUF_WRITE) {
        return Err(py.bad_internal_call());
    }
    let Some(get) = procs(object).and_then(|procs| procs.bf_getbuffer.get()) else {
        return Err(raise!(py, TypeError, "a bytes-like object is required, not '{}'", object.ty().tp_name()));
    };
    // SAFETY: [slot-contract].
    match unsafe { get(object.as_ptr(), view, flags) } {
        0 => Ok(()),
        _ => Err(crate::Raised::assume()),
    }
}

/// Gives a view back (`PyBuffer_Release`). Does nothing for one that is released already.
pub fn release_buffer(_py: Attached<'_>, view: &mut Py_buffer) {
    let raw = view.obj;
    if raw.is_null() {
        return;
    }
    // SAFETY: [owned]: the view owns a reference to its exporter.
    unsafe {
        let object = Object::from_ptr(raw);
        if let Some(release) = procs(object).and_then(|procs| procs.bf_releasebuffer.get()) {
            release(raw, view);
        }
        view.obj = ptr::null_mut();
        crate::mode::decref(raw);
    }
}

/// Fills in the view of a plain run of bytes (`PyBuffer_FillInfo`).
///
/// # Safety
/// `view` stays in place while it is used, because it points to itself; `buf` points to `len` bytes that live until
/// the view is released.
pub unsafe fn fill_info(
    py: Attached<'_>,
    view: &mut Py_buffer,
    object: Option<&Object>,
    buf: *mut c_void,
    len: isize,
    readonly: bool,
    flags: c_int,
) -> PyResult<()> {
    if flags != PyBUF_SIMPLE {
        if flags == PyBUF_READ || flags == PyBUF_WRITE {
            return Err(py.bad_internal_call());
        }
        if flags & PyBUF_WRITABLE == PyBUF_WRITABLE && readonly {
            return Err(raise!(py, BufferError, "Object is not writable."));
        }
    }
    view.obj = object.map_or(ptr::null_mut(), |object| object.to_ref().into_raw());
    view.buf = buf;
    view.len = len;
    view.readonly = c_int::from(readonly);
    view.itemsize = 1;
    view.format = if flags & PyBUF_FORMAT == PyBUF_FORMAT { BYTE_FORMAT } else { ptr::null_mut() };
    view.ndim = 1;
    view.shape = if flags & PyBUF_ND == PyBUF_ND { &raw mut view.len } else { ptr::null_mut() };
    view.strides = if flags & PyBUF_STRIDES == PyBUF_STRIDES { &raw mut view.itemsize } else { ptr::null_mut() };
    view.suboffsets = ptr::null_mut();
    view.internal = ptr::null_mut();
    Ok(())
}

/// The format of unsigned bytes.
pub const BYTE_FORMAT: *mut c_char = c"B".as_ptr().cast_mut();

/// The dimensions of a view; a missing shape means one dimension of `len / itemsize` items.
///
/// # Safety
/// `view` was filled in by an exporter.
pub unsafe fn shape_of(view: &Py_buffer) -> Vec<isize> {
    if view.ndim <= 0 {
        return Vec::new();
    }
    if view.shape.is_null() {
        return vec![view.len / view.itemsize.max(1)];
    }
    // SAFETY: an exporter's arrays have `ndim` entries.
    unsafe { std::slice::from_raw_parts(view.shape, view.ndim as usize) }.to_vec()
}

/// The strides of a view; missing ones are those of C order.
///
/// # Safety
/// As [`shape_of`].
pub unsafe fn strides_of(view: &Py_buffer) -> Vec<isize> {
    if view.ndim > 0 && !view.strides.is_null() {
        // SAFETY: an exporter's arrays have `ndim` entries.
        return unsafe { std::slice::from_raw_parts(view.strides, view.ndim as usize) }.to_vec();
    }
    // SAFETY: by the contract.
    contiguous_strides(&unsafe { shape_of(view) }, view.itemsize, false)
}

/// The suboffsets of a view, if it has any.
///
/// # Safety
/// As [`shape_of`].
pub unsafe fn suboffsets_of(view: &Py_buffer) -> Option<Vec<isize>> {
    if view.suboffsets.is_null() || view.ndim <= 0 {
        return None;
    }
    // SAFETY: an exporter's arrays have `ndim` entries.
    Some(unsafe { std::slice::from_raw_parts(view.suboffsets, view.ndim as usize) }.to_vec())
}

/// Strides of an array without gaps (`PyBuffer_FillContiguousStrides`).
pub fn contiguous_strides(shape: &[isize], itemsize: isize, fortran: bool) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = itemsize;
    let mut fill = |at: usize| {
        strides[at] = step;
        step = step.wrapping_mul(shape[at]);
    };
    if fortran {
        (0..shape.len()).for_each(&mut fill)
    } else {
        (0..shape.len()).rev().for_each(&mut fill)
    }
    strides
}

/// Whether the memory has no gaps, in order `C`, `F` or either for `A` (`PyBuffer_IsContiguous`).
///
/// # Safety
/// As [`shape_of`].
pub unsafe fn is_contiguous(view: &Py_buffer, order: u8) -> bool {
    if !view.suboffsets.is_null() {
        return false;
    }
    // SAFETY: by the contract.
    let (shape, strides) = unsafe { (shape_of(view), strides_of(view)) };
    let in_order = |fortran: bool| {
        if view.len == 0 || view.strides.is_null() && !fortran {
            return true;
        }
        let mut step = view.itemsize;
        let check = |at: usize| {
            let fits = shape[at] <= 1 || strides[at] == step;
            step *= shape[at];
            fits
        };
        if fortran { (0..shape.len()).all(check) } else { (0..shape.len()).rev().all(check) }
    };
    match order {
        b'C' => in_order(false),
        b'F' => in_order(true),
        _ => in_order(false) || in_order(true),
    }
}

/// Calls `visit` with the address of each item in C order (or Fortran order).
///
/// # Safety
/// As [`shape_of`], and the memory is still lent.
pub unsafe fn for_each_item(view: &Py_buffer, fortran: bool, mut visit: impl FnMut(*mut u8)) {
    // SAFETY: by the contract.
    let (shape, strides, suboffsets) = unsafe { (shape_of(view), strides_of(view), suboffsets_of(view)) };
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0isize; shape.len()];
    loop {
        // SAFETY: every index is in range.
        visit(unsafe { item_ptr(view.buf.cast(), &index, &strides, suboffsets.as_deref()) });
        let mut carry = true;
        let mut step = |at: usize| {
            if carry {
                index[at] += 1;
                carry = index[at] == shape[at];
                if carry {
                    index[at] = 0;
                }
            }
        };
        if fortran {
            (0..shape.len()).for_each(&mut step)
        } else {
            (0..shape.len()).rev().for_each(&mut step)
        }
        if carry {
            return;
        }
    }
}

/// The address of one item (`PyBuffer_GetPointer`).
///
/// # Safety
/// The indices are in range for the array described.
pub unsafe fn item_ptr(buf: *mut u8, index: &[isize], strides: &[isize], suboffsets: Option<&[isize]>) -> *mut u8 {
    let mut at = buf;
    for (dim, &index) in index.iter().enumerate() {
        // SAFETY: by the contract; a suboffset that is not negative marks a pointer to follow.
        unsafe {
            at = at.offset(strides[dim] * index);
            if let Some(suboffset) = suboffsets.map(|all| all[dim]).filter(|&suboffset| suboffset >= 0) {
                at = at.cast::<*mut u8>().read_unaligned().offset(suboffset);
            }
        }
    }
    at
}

impl Buffer {
    /// Whether the object's type lends memory at all (`PyObject_CheckBuffer`).
    #[inline]
    pub fn is_exporter(object: &Object) -> bool {
        procs(object).is_some_and(|procs| procs.bf_getbuffer.get().is_some())
    }

    /// Asks `object` for its memory; `flags` are `PyBUF_*`.
    pub fn get(py: Attached<'_>, object: &Object, flags: c_int) -> PyResult<Buffer> {
        let mut view = Box::new(Py_buffer::EMPTY);
        get_buffer(py, object, &mut view, flags)?;
        Ok(Buffer(view))
    }

    /// The memory as one run of bytes to read.
    pub fn contiguous(py: Attached<'_>, object: &Object) -> PyResult<Buffer> {
        Self::get(py, object, PyBUF_SIMPLE)
    }

    /// The memory as one run of bytes to write.
    pub fn writable(py: Attached<'_>, object: &Object) -> PyResult<Buffer> {
        Self::get(py, object, PyBUF_WRITABLE)
    }

    pub fn view(&self) -> &Py_buffer {
        &self.0
    }

    /// The bytes. The buffer was asked for as one run (`PyBUF_SIMPLE`, with or without `PyBUF_WRITABLE`).
    pub fn as_slice(&self) -> &[u8] {
        if self.0.len == 0 {
            return &[];
        }
        // SAFETY: the exporter lends `len` bytes until the buffer is released.
        unsafe { std::slice::from_raw_parts(self.0.buf.cast(), self.0.len as usize) }
    }

    /// The bytes, to write to.
    ///
    /// # Safety
    /// The buffer was asked for with `PyBUF_WRITABLE`, and nobody else uses the memory meanwhile.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        if self.0.len == 0 {
            return &mut [];
        }
        // SAFETY: by the contract, and as in `as_slice`.
        unsafe { std::slice::from_raw_parts_mut(self.0.buf.cast(), self.0.len as usize) }
    }

    /// A copy of the items in C order, whatever the shape.
    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        // SAFETY: the view is alive.
        unsafe { flatten(py, &self.0, false) }
    }
}

/// A copy of the items of a view in C or Fortran order; `MemoryError` if there is no memory for it.
///
/// # Safety
/// `view` is alive.
pub unsafe fn flatten(py: Attached<'_>, view: &Py_buffer, fortran: bool) -> PyResult<Vec<u8>> {
    // SAFETY: by the contract.
    unsafe { try_flatten(view, fortran) }.ok_or_else(|| py.no_memory())
}

/// As [`flatten`]; `None` if there is no memory for the copy.
///
/// # Safety
/// `view` is alive.
pub unsafe fn try_flatten(view: &Py_buffer, fortran: bool) -> Option<Vec<u8>> {
    let (mut out, size) = (Vec::new(), view.itemsize as usize);
    out.try_reserve_exact(view.len as usize).ok()?;
    // SAFETY: by the contract.
    unsafe {
        if view.len == 0 {
            return Some(out);
        }
        if is_contiguous(view, if fortran { b'F' } else { b'C' }) {
            out.extend_from_slice(std::slice::from_raw_parts(view.buf.cast::<u8>(), view.len as usize));
        } else {
            for_each_item(view, fortran, |item| out.extend_from_slice(std::slice::from_raw_parts(item, size)));
        }
        Some(out)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: [attached]: buffers are taken and dropped by attached code.
        release_buffer(unsafe { Attached::from_tls() }, &mut self.0);
    }
}

/// The bytes of a bytes-like argument.
pub enum BytesArg<'a> {
    Bytes(&'a Bytes),
    /// A copy of a `bytearray`: an export would keep other threads from changing its size meanwhile.
    Copy(Vec<u8>),
    Buffer(Buffer),
}

impl<'a> BytesArg<'a> {
    /// `TypeError` (`a bytes-like object is required, not ...`) for anything else.
    #[inline]
    pub fn new(py: Attached<'_>, object: &'a Object) -> PyResult<BytesArg<'a>> {
        match object.downcast::<Bytes>() {
            Some(bytes) => Ok(BytesArg::Bytes(bytes)),
            None => match object.downcast::<ByteArray>() {
                Some(array) => Ok(BytesArg::Copy(array.to_vec(py)?)),
                None => Ok(BytesArg::Buffer(Buffer::contiguous(py, object)?)),
            },
        }
    }

    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            BytesArg::Bytes(bytes) => bytes.as_slice(),
            BytesArg::Copy(bytes) => bytes,
            BytesArg::Buffer(buffer) => buffer.as_slice(),
        }
    }
}

/// A stable copy of what may change: bytes are borrowed, anything else is copied.
pub fn stable_bytes<'a>(py: Attached<'_>, object: &'a Object) -> PyResult<std::borrow::Cow<'a, [u8]>> {
    if let Some(bytes) = object.downcast::<Bytes>() {
        return Ok(bytes.as_slice().into());
    }
    if let Some(array) = object.downcast::<ByteArray>() {
        return Ok(array.to_vec(py)?.into());
    }
    Ok(Buffer::contiguous(py, object)?.to_vec(py)?.into())
}

/// A field of a C struct that holds a whole buffer, for exclusive use by the struct's owner.
///
/// # Safety
/// [locked], or nobody else uses the field.
#[allow(clippy::mut_from_ref)]
pub unsafe fn buffer_field(field: &Field<Py_buffer>) -> &mut Py_buffer {
    // SAFETY: by the contract.
    unsafe { &mut *field.as_ptr() }
}
