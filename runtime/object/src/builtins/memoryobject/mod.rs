//! `memoryview`: a view of memory that another object lends (PEP 3118).
//!
//! A managed buffer holds what was lent; any number of views share it, and the last one that is released gives the
//! memory back. Concurrency: taking items, changing them and releasing a view hold the view's lock, so memory is
//! never used after its release. What other holders of the memory write meanwhile may be seen in part.
mod access;
mod compare;
pub mod format;
mod iter;
mod managed;

pub use iter::MemoryIter;
pub use managed::ManagedBuffer;

use crate::args::{Args, Signature};
use crate::builtins::bytes_methods::to_hex;
use crate::builtins::textargs::{bad_argument, str_arg};
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::{
    _Py_MEMORYVIEW_C, _Py_MEMORYVIEW_FORTRAN, _Py_MEMORYVIEW_PIL, _Py_MEMORYVIEW_RELEASED, _Py_MEMORYVIEW_RESTRICTED,
    _Py_MEMORYVIEW_SCALAR, Py_buffer, PyBUF_ANY_CONTIGUOUS, PyBUF_C_CONTIGUOUS, PyBUF_F_CONTIGUOUS, PyBUF_FORMAT,
    PyBUF_FULL_RO, PyBUF_INDIRECT, PyBUF_MAX_NDIM, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyMemoryViewObject,
};
use crate::protocols::buffer::{self, Buffer, buffer_field};
use crate::{Bytes, Int, IntoObject, List, Object, PyResult, Str, Tuple, Type, gc, mem, pytype, raise};
use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// A view of another object's memory.
#[repr(transparent)]
pub struct MemoryView(pub(crate) PyMemoryViewObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyMemoryView_Type: "memoryview" for MemoryView {
        base: Object,
        flags: [HAVE_GC, SEQUENCE],
        basicsize: offset_of!(PyMemoryViewObject, ob_array) as isize,
        itemsize: 8,
        doc: "memoryview(object)\n--\n\nA view of the memory that an object lends through the buffer protocol.",
        slots: {
            tp_dealloc = MemoryView::dealloc,
            tp_repr = MemoryView::repr,
            tp_hash = MemoryView::hash,
            tp_traverse = MemoryView::traverse,
            tp_clear = MemoryView::clear,
            tp_richcompare = compare::rich_compare,
            tp_iter = MemoryIter::new,
            tp_new = MemoryView::construct,
            raw tp_weaklistoffset = offset_of!(PyMemoryViewObject, weakreflist) as isize,
            length = MemoryView::length,
            sq_item = access::item,
            mp_subscript = access::subscript,
            mp_ass_subscript = access::ass_subscript,
            bf_getbuffer = MemoryView::get_buffer,
            bf_releasebuffer = MemoryView::release_buffer,
        },
        methods: {
            noargs "release" => MemoryView::py_release, "($self, /)", "Gives the memory back; the view cannot be used any more.";
            sig "tobytes" => MemoryView::tobytes, "($self, /, order='C')", "The items as bytes.\n\nThe order is 'C' for rows first, 'F' for columns first, or 'A' for that of\nthe memory if it has no gaps.";
            sig "hex" => MemoryView::hex, "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", "Text of two hexadecimal digits a byte.\n\n  sep\n    A character or byte to put between groups.\n  bytes_per_sep\n    Bytes in a group, counted from the right; from the left if negative.\n\n>>> memoryview(b'\\x01\\xfe').hex(':')\n'01:fe'";
            noargs "tolist" => access::tolist, "($self, /)", "The items as a list, nested for each further dimension.";
            sig "cast" => MemoryView::cast, "($self, /, format, shape=<unrepresentable>)", "A view of the same memory with another item format or shape.";
            noargs "toreadonly" => MemoryView::toreadonly, "($self, /)", "A view of the same memory that cannot be written through.";
            class sig "_from_flags" => MemoryView::py_from_flags, "($type, /, object, flags)", "A view made with given buffer request flags.";
            o "count" => access::count, "($self, value, /)", "How many items equal the value.";
            sig "index" => access::index, "($self, value, start=0, stop=sys.maxsize, /)", "The first index of an item equal to the value.\n\nRaises ValueError when there is none.";
            noargs "__enter__" => MemoryView::enter, "($self, /)", "The view itself.";
            varargs "__exit__" => MemoryView::exit, "($self, /, *exc_info)", "Releases the view.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "obj" => MemoryView::get_obj, "The object whose memory this is.";
            "nbytes" => MemoryView::get_nbytes, "How many bytes the items take without gaps.";
            "readonly" => MemoryView::get_readonly, "Whether the memory cannot be written through the view.";
            "itemsize" => MemoryView::get_itemsize, "Bytes in an item.";
            "format" => MemoryView::get_format, "Format of an item, in the syntax of the struct module.";
            "ndim" => MemoryView::get_ndim, "Number of dimensions.";
            "shape" => MemoryView::get_shape, "Items in each dimension.";
            "strides" => MemoryView::get_strides, "Bytes from one item to the next in each dimension.";
            "suboffsets" => MemoryView::get_suboffsets, "Offsets after following pointers, for arrays in the style of PIL.";
            "c_contiguous" => MemoryView::get_c_contiguous, "Whether the items lie in C order without gaps.";
            "f_contiguous" => MemoryView::get_f_contiguous, "Whether the items lie in Fortran order without gaps.";
            "contiguous" => MemoryView::get_contiguous, "Whether the items lie without gaps.";
        },
    }
}

static SIGNATURE: Signature = Signature::parse("memoryview", "(object)");

/// What is known about a view while its lock is held.
pub(crate) struct Locked<'a> {
    pub view: &'a Py_buffer,
    pub strides: Vec<isize>,
    pub suboffsets: Option<Vec<isize>>,
}

impl Locked<'_> {
    /// The address of an item whose indices are in range.
    pub fn item(&self, index: &[isize]) -> *mut u8 {
        // SAFETY: the view is not released, and the caller checked the indices.
        unsafe { buffer::item_ptr(self.view.buf.cast(), index, &self.strides, self.suboffsets.as_deref()) }
    }

    /// The bytes of an item.
    pub fn item_bytes(&self, index: &[isize]) -> Vec<u8> {
        let size = self.view.itemsize as usize;
        // SAFETY: items are `itemsize` bytes long.
        unsafe { std::slice::from_raw_parts(self.item(index), size) }.to_vec()
    }
}

impl MemoryView {
    #[inline(always)]
    pub fn raw(&self) -> &PyMemoryViewObject {
        &self.0
    }

    /// `memoryview(object)`.
    pub fn new(py: Attached<'_>, object: &Object) -> PyResult<Ref<MemoryView>> {
        Self::from_flags(py, object, PyBUF_FULL_RO)
    }

    /// A view of the memory that `object` lends when asked with `flags`.
    pub fn from_flags(py: Attached<'_>, object: &Object, flags: c_int) -> PyResult<Ref<MemoryView>> {
        if let Some(view) = object.downcast::<MemoryView>() {
            view.check_restricted(py)?;
            return view.duplicate(py);
        }
        if !Buffer::is_exporter(object) {
            let given = object.ty().tp_name();
            return Err(raise!(py, TypeError, "memoryview: a bytes-like object is required, not '{given}'"));
        }
        let managed = ManagedBuffer::new(py, object, flags)?;
        // SAFETY: the buffer was just filled in.
        Self::of_managed(py, &managed, unsafe { buffer_field(&managed.0.master) })
    }

    /// A view of the memory that `object` lends through `proc`, whatever its type's slot is.
    pub(crate) fn from_proc(
        py: Attached<'_>,
        object: &Object,
        flags: c_int,
        proc: crate::layout::getbufferproc,
    ) -> PyResult<Ref<MemoryView>> {
        let managed = ManagedBuffer::empty(py)?;
        // SAFETY: fresh, so nobody else uses it.
        let master = unsafe { buffer_field(&managed.0.master) };
        // SAFETY: [slot-contract].
        if unsafe { proc(object.as_ptr(), master, flags) } != 0 {
            managed.0.flags.set(crate::layout::_Py_MANAGED_BUFFER_RELEASED);
            return Err(crate::Raised::assume());
        }
        Self::of_managed(py, &managed, master)
    }

    /// A view of memory that the caller vouches for (`PyMemoryView_FromBuffer`, `PyMemoryView_FromMemory`).
    ///
    /// # Safety
    /// `info` describes memory that outlives the view, and whatever it keeps alive is kept by the caller.
    pub unsafe fn from_buffer(py: Attached<'_>, info: &Py_buffer) -> PyResult<Ref<MemoryView>> {
        let managed = ManagedBuffer::empty(py)?;
        // SAFETY: fresh, so nobody else uses it.
        let master = unsafe { buffer_field(&managed.0.master) };
        *master = *info;
        master.obj = ptr::null_mut();
        Self::of_managed(py, &managed, info)
    }

    /// A view of contiguous memory, whatever its order, as bytes in one dimension.
    ///
    /// # Errors
    /// `ValueError` for a released view.
    pub fn flat(&self, py: Attached<'_>) -> PyResult<Ref<MemoryView>> {
        self.check_released(py)?;
        // SAFETY: [frozen]: what a view describes does not change.
        let info = unsafe { buffer_field(&self.0.view) };
        let view = Py_buffer { format: buffer::BYTE_FORMAT, itemsize: 1, ..*info };
        let Some(managed) = self.managed() else { return Err(py.bad_internal_call()) };
        Self::build(py, managed, view, &[info.len], &[1], None)
    }

    /// A new view of `managed` described by `info`.
    fn of_managed(py: Attached<'_>, managed: &ManagedBuffer, info: &Py_buffer) -> PyResult<Ref<MemoryView>> {
        if info.ndim > PyBUF_MAX_NDIM {
            return Err(raise!(py, ValueError, "memoryview: number of dimensions must not exceed {PyBUF_MAX_NDIM}"));
        }
        // SAFETY: `info` was filled in by an exporter.
        let (shape, strides, suboffsets) =
            unsafe { (buffer::shape_of(info), buffer::strides_of(info), buffer::suboffsets_of(info)) };
        let view = Py_buffer { format: if info.format.is_null() { buffer::BYTE_FORMAT } else { info.format }, ..*info };
        Self::build(py, managed, view, &shape, &strides, suboffsets.as_deref())
    }

    /// A new view; `view` gives everything but the arrays.
    pub(crate) fn build(
        py: Attached<'_>,
        managed: &ManagedBuffer,
        view: Py_buffer,
        shape: &[isize],
        strides: &[isize],
        suboffsets: Option<&[isize]>,
    ) -> PyResult<Ref<MemoryView>> {
        let ndim = shape.len();
        let raw = mem::alloc_instance(py, Self::type_object(), 3 * ndim)?;
        // SAFETY: [layout]: fresh memory with room for the arrays.
        let new = unsafe { Ref::<MemoryView>::from_raw(raw.as_ptr()) };
        let array = new.0.ob_array.as_ptr().cast_mut().cast::<isize>();
        let mut len = view.itemsize;
        for (at, &extent) in shape.iter().enumerate() {
            // SAFETY: [exact-size]: the arrays have `ndim` entries each.
            unsafe {
                array.add(at).write(extent);
                array.add(ndim + at).write(strides[at]);
                if let Some(suboffsets) = suboffsets {
                    array.add(2 * ndim + at).write(suboffsets[at]);
                }
            }
            len *= extent;
        }
        // SAFETY: fresh, so nobody else uses it; offsets as above.
        unsafe {
            let to = buffer_field(&new.0.view);
            *to = view;
            to.internal = ptr::null_mut();
            to.ndim = ndim as c_int;
            // A view without dimensions may be longer than its one item: an exporter of no known item has only a length.
            if ndim != 0 {
                to.len = len;
            }
            to.shape = if ndim == 0 { ptr::null_mut() } else { array };
            to.strides = if ndim == 0 { ptr::null_mut() } else { array.add(ndim) };
            to.suboffsets = if suboffsets.is_some() { array.add(2 * ndim) } else { ptr::null_mut() };
            let mut flags = 0;
            for (order, flag) in [(b'C', _Py_MEMORYVIEW_C), (b'F', _Py_MEMORYVIEW_FORTRAN)] {
                let gapless = match (shape, strides) {
                    ([extent], [stride]) => suboffsets.is_none() && (*extent == 1 || *stride == to.itemsize),
                    _ => buffer::is_contiguous(to, order),
                };
                if gapless {
                    flags |= flag;
                }
            }
            if ndim == 0 {
                flags |= _Py_MEMORYVIEW_SCALAR;
            }
            if suboffsets.is_some() {
                flags |= _Py_MEMORYVIEW_PIL;
            }
            new.0.flags.set(flags);
        }
        new.0.hash.set(-1);
        managed.add_export(py);
        new.0.mbuf.set(managed.to_ref().into_raw().cast());
        gc::track(new.as_object());
        Ok(new)
    }

    pub(crate) fn managed(&self) -> Option<&ManagedBuffer> {
        // SAFETY: [owned]: the view owns its managed buffer until it is cleared.
        unsafe { self.0.mbuf.get().cast::<ManagedBuffer>().as_ref() }
    }

    /// Whether the view, or what it views, was released.
    pub fn is_released(&self) -> bool {
        self.0.flags.get() & _Py_MEMORYVIEW_RELEASED != 0 || self.managed().is_none_or(ManagedBuffer::is_released)
    }

    /// `ValueError` when released.
    pub fn check_released(&self, py: Attached<'_>) -> PyResult<()> {
        if self.is_released() {
            return Err(raise!(py, ValueError, "operation forbidden on released memoryview object"));
        }
        Ok(())
    }

    fn check_restricted(&self, py: Attached<'_>) -> PyResult<()> {
        self.check_released(py)?;
        if self.0.flags.get() & _Py_MEMORYVIEW_RESTRICTED != 0 {
            return Err(raise!(py, ValueError, "cannot create new view on restricted memoryview"));
        }
        Ok(())
    }

    /// Forbids further views, for one that `__release_buffer__` is called with.
    pub fn set_restricted(&self) {
        self.0.flags.set(self.0.flags.get() | _Py_MEMORYVIEW_RESTRICTED);
    }

    /// Reads or writes the memory under the view's lock. `access` runs no Python code.
    pub(crate) fn with<R>(&self, py: Attached<'_>, access: impl FnOnce(&Locked<'_>) -> R) -> PyResult<R> {
        let lock = self.lock(py);
        if self.is_released() {
            drop(lock);
            return self.check_released(py).and_then(|()| Err(py.bad_internal_call()));
        }
        // SAFETY: [locked], and not released.
        let result = unsafe {
            let view = &*self.0.view.as_ptr();
            let locked = Locked { view, strides: buffer::strides_of(view), suboffsets: buffer::suboffsets_of(view) };
            access(&locked)
        };
        drop(lock);
        Ok(result)
    }

    /// The description, which does not change while the view lives.
    pub(crate) fn view(&self) -> &Py_buffer {
        // SAFETY: [frozen]: written before the view was published.
        unsafe { &*self.0.view.as_ptr() }
    }

    /// Another view of the same memory in the same shape.
    fn duplicate(&self, py: Attached<'_>) -> PyResult<Ref<MemoryView>> {
        self.check_released(py)?;
        match self.managed() {
            Some(managed) => Self::of_managed(py, managed, self.view()),
            None => Err(py.bad_internal_call()),
        }
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<MemoryView>> {
        if args.len() > 1 {
            return Err(raise!(py, TypeError, "memoryview() takes at most 1 argument ({} given)", args.len()));
        }
        match SIGNATURE.bind::<1>(py, args)? {
            [Some(object)] => Self::new(py, object),
            _ => Err(py.bad_internal_call()),
        }
    }

    fn py_from_flags(py: Attached<'_>, _: &Type, [object, flags]: [Option<&Object>; 2]) -> PyResult<Ref<MemoryView>> {
        let (Some(object), Some(flags)) = (object, flags) else { return Err(py.bad_internal_call()) };
        let flags = flags.as_i32(py)?;
        Self::from_flags(py, object, flags)
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<MemoryView>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| Self::clear(py, this)) };
    }

    fn traverse(this: &MemoryView, visit: Visit<'_>) -> Result<(), c_int> {
        visit.raw(this.0.mbuf.get().cast())
    }

    fn clear(py: Attached<'_>, this: &MemoryView) {
        if this.0.exports.get() == 0 {
            this.mark_released(py);
        }
        let managed = this.0.mbuf.swap(ptr::null_mut(), std::sync::atomic::Ordering::AcqRel);
        // SAFETY: [owned]: the view owned it.
        drop(unsafe { Ref::<ManagedBuffer>::from_raw_opt(managed.cast()) });
    }

    /// Releases once; later calls do nothing.
    fn mark_released(&self, py: Attached<'_>) {
        let lock = self.lock(py);
        let before = self.0.flags.get();
        self.0.flags.set(before | _Py_MEMORYVIEW_RELEASED);
        drop(lock);
        if before & _Py_MEMORYVIEW_RELEASED == 0
            && let Some(managed) = self.managed()
        {
            managed.drop_export(py);
        }
    }

    /// Gives the memory back; `BufferError` while the view lends it on.
    pub fn release(&self, py: Attached<'_>) -> PyResult<()> {
        if self.0.flags.get() & _Py_MEMORYVIEW_RELEASED != 0 {
            return Ok(());
        }
        match self.0.exports.get() {
            0 => {
                self.mark_released(py);
                Ok(())
            }
            count => {
                let plural = if count == 1 { "" } else { "s" };
                Err(raise!(py, BufferError, "memoryview has {count} exported buffer{plural}"))
            }
        }
    }

    fn py_release(py: Attached<'_>, this: &MemoryView) -> PyResult<()> {
        this.release(py)
    }

    fn enter<'a>(py: Attached<'_>, this: &'a MemoryView) -> PyResult<&'a MemoryView> {
        this.check_released(py)?;
        Ok(this)
    }

    fn exit(py: Attached<'_>, this: &MemoryView, _: Args<'_>) -> PyResult<()> {
        this.release(py)
    }

    fn repr(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Str>> {
        let state = if this.is_released() { "released memory" } else { "memory" };
        Str::new(py, &format!("<{state} at {:#x}>", this.as_ptr().addr()))
    }

    fn hash(py: Attached<'_>, this: &MemoryView) -> PyResult<isize> {
        if this.0.hash.get() != -1 {
            return Ok(this.0.hash.get());
        }
        this.check_released(py)?;
        let view = this.view();
        if view.readonly == 0 {
            return Err(raise!(py, ValueError, "cannot hash writable memoryview object"));
        }
        if !matches!(format::native_code(this.format()), Some(b'B' | b'b' | b'c')) {
            return Err(raise!(py, ValueError, "memoryview: hashing is restricted to formats 'B', 'b' or 'c'"));
        }
        // SAFETY: [owned]: the view keeps its exporter alive.
        if let Some(object) = unsafe { view.obj.cast::<Object>().as_ref() } {
            let _pin = Pin::new(py, this);
            object.hash(py)?;
        }
        let content = this.to_vec(py, false)?;
        let hash = crate::hash::hash_bytes(&content);
        this.0.hash.set(hash);
        Ok(hash)
    }

    /// A copy of the items in C or Fortran order.
    pub fn to_vec(&self, py: Attached<'_>, fortran: bool) -> PyResult<Vec<u8>> {
        // SAFETY: the view is alive while it is locked.
        let items = self.with(py, |locked| unsafe { buffer::try_flatten(locked.view, fortran) })?;
        items.ok_or_else(|| py.no_memory())
    }

    /// The item format.
    pub(crate) fn format(&self) -> &[u8] {
        match self.view().format {
            format if format.is_null() => b"B",
            // SAFETY: formats are NUL-terminated and live as long as the view.
            format => unsafe { CStr::from_ptr(format) }.to_bytes(),
        }
    }

    fn tobytes(py: Attached<'_>, this: &MemoryView, [order]: [Option<&Object>; 1]) -> PyResult<Ref<Bytes>> {
        this.check_released(py)?;
        let fortran = match order.filter(|order| !order.is_none()) {
            None => false,
            Some(order) if order.downcast::<Str>().is_none() => {
                return Err(bad_argument(py, "tobytes", "argument 'order'", "str or None", order));
            }
            Some(order) => match &*str_arg(py, "tobytes", "argument 'order'", order)?.to_string_lossy() {
                "C" => false,
                "F" => true,
                "A" => this.0.flags.get() & (_Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN) == _Py_MEMORYVIEW_FORTRAN,
                _ => return Err(raise!(py, ValueError, "order must be 'C', 'F' or 'A'")),
            },
        };
        Bytes::new(py, &this.to_vec(py, fortran)?)
    }

    fn hex(py: Attached<'_>, this: &MemoryView, args: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
        let content = this.to_vec(py, false)?;
        let _pin = Pin::new(py, this);
        to_hex(py, &content, args)
    }

    fn toreadonly(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<MemoryView>> {
        this.check_restricted(py)?;
        let new = this.duplicate(py)?;
        // SAFETY: fresh, so nobody else uses it.
        unsafe { buffer_field(&new.0.view) }.readonly = 1;
        Ok(new)
    }

    fn length(py: Attached<'_>, this: &MemoryView) -> PyResult<usize> {
        this.check_released(py)?;
        // SAFETY: the description of a view is complete.
        match unsafe { buffer::shape_of(this.view()) }.first() {
            Some(&len) => Ok(len as usize),
            None => Err(raise!(py, TypeError, "0-dim memory has no length")),
        }
    }

    fn cast(py: Attached<'_>, this: &MemoryView, [format, shape]: [Option<&Object>; 2]) -> PyResult<Ref<MemoryView>> {
        let Some(format) = format else { return Err(py.bad_internal_call()) };
        let format = str_arg(py, "cast", "argument 'format'", format)?.to_string_lossy().into_owned();
        this.check_restricted(py)?;
        if this.0.flags.get() & _Py_MEMORYVIEW_C == 0 {
            return Err(raise!(py, TypeError, "memoryview: casts are restricted to C-contiguous views"));
        }
        let view = this.view();
        // SAFETY: the description of a view is complete.
        let no_items = unsafe { buffer::shape_of(view) }.contains(&0);
        if (shape.is_some() || view.ndim != 1) && no_items {
            return Err(raise!(py, TypeError, "memoryview: cannot cast view with zeros in shape or strides"));
        }
        let dims = match shape {
            None => None,
            Some(shape) => {
                let items: Vec<Ref<Object>> = match (shape.downcast::<List>(), shape.downcast::<Tuple>()) {
                    (Some(list), _) => list.to_vec(py)?,
                    (None, Some(tuple)) => tuple.as_slice().iter().map(|item| item.to_ref()).collect(),
                    (None, None) => return Err(raise!(py, TypeError, "shape must be a list or a tuple")),
                };
                if items.len() > PyBUF_MAX_NDIM as usize {
                    let message = "memoryview: number of dimensions must not exceed 64";
                    return Err(raise!(py, ValueError, "{message}"));
                }
                if view.ndim != 1 && items.len() != 1 {
                    return Err(raise!(py, TypeError, "memoryview: cast must be 1D -> ND or ND -> 1D"));
                }
                Some(items)
            }
        };
        let (Some(target), Some(size)) = (format::native_format(&format), format::item_size(format.as_bytes())) else {
            return Err(raise!(
                py,
                ValueError,
                "memoryview: destination format must be a native single character format prefixed with an optional '@'"
            ));
        };
        // What is no native format can be seen as bytes all the same.
        let source = format::native_code(this.format()).unwrap_or(0);
        let is_byte = |code| matches!(code, b'b' | b'B' | b'c');
        let code = format::native_code(format.as_bytes()).unwrap_or(0);
        if !is_byte(source) && !is_byte(code) {
            return Err(raise!(py, TypeError, "memoryview: cannot cast between two non-byte formats"));
        }
        if view.len % size != 0 {
            return Err(raise!(py, TypeError, "memoryview: length is not a multiple of itemsize"));
        }
        let shape = match dims {
            None => vec![view.len / size],
            Some(items) => cast_shape(py, &items, size, view.len)?,
        };
        let strides = buffer::contiguous_strides(&shape, size, false);
        let Some(managed) = this.managed() else { return Err(py.bad_internal_call()) };
        let view = Py_buffer { format: target.as_ptr().cast_mut(), itemsize: size, ..*view };
        Self::build(py, managed, view, &shape, &strides, None)
    }

    fn get_buffer(py: Attached<'_>, this: &MemoryView, to: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        this.check_restricted(py)?;
        let asked = |flag: c_int| flags & flag == flag;
        let own = this.0.flags.get();
        let (c, fortran) = (own & _Py_MEMORYVIEW_C != 0, own & _Py_MEMORYVIEW_FORTRAN != 0);
        let refuse = |what: &str| Err(raise!(py, BufferError, "memoryview: {what}"));
        let view = this.view();
        if asked(PyBUF_WRITABLE) && view.readonly != 0 {
            return refuse("underlying buffer is not writable");
        }
        if asked(PyBUF_C_CONTIGUOUS) && !c {
            return refuse("underlying buffer is not C-contiguous");
        }
        if asked(PyBUF_F_CONTIGUOUS) && !fortran {
            return refuse("underlying buffer is not Fortran contiguous");
        }
        if asked(PyBUF_ANY_CONTIGUOUS) && !c && !fortran {
            return refuse("underlying buffer is not contiguous");
        }
        if !asked(PyBUF_INDIRECT) && own & _Py_MEMORYVIEW_PIL != 0 {
            return refuse("underlying buffer requires suboffsets");
        }
        if !asked(PyBUF_STRIDES) && !c {
            return refuse("underlying buffer is not C-contiguous");
        }
        if !asked(PyBUF_ND) && asked(PyBUF_FORMAT) {
            return refuse("cannot cast to unsigned bytes if the format flag is present");
        }
        *to = *view;
        to.internal = ptr::null_mut();
        if !asked(PyBUF_FORMAT) {
            to.format = ptr::null_mut();
        }
        if !asked(PyBUF_STRIDES) {
            to.strides = ptr::null_mut();
        }
        if !asked(PyBUF_ND) {
            to.ndim = 1;
            to.shape = ptr::null_mut();
        }
        let lock = this.lock(py);
        this.0.exports.set(this.0.exports.get() + 1);
        drop(lock);
        to.obj = this.to_ref().into_raw();
        Ok(())
    }

    fn release_buffer(py: Attached<'_>, this: &MemoryView, _: &mut Py_buffer) {
        let _lock = this.lock(py);
        this.0.exports.set(this.0.exports.get() - 1);
    }

    fn get_obj(py: Attached<'_>, this: &MemoryView) -> PyResult<Option<Ref<Object>>> {
        this.check_released(py)?;
        // SAFETY: [owned]: the view keeps its exporter alive.
        Ok(unsafe { Ref::from_borrowed_opt(this.view().obj) })
    }

    fn get_nbytes(py: Attached<'_>, this: &MemoryView) -> PyResult<isize> {
        this.check_released(py)?;
        Ok(this.view().len)
    }

    fn get_readonly(py: Attached<'_>, this: &MemoryView) -> PyResult<bool> {
        this.check_released(py)?;
        Ok(this.view().readonly != 0)
    }

    fn get_itemsize(py: Attached<'_>, this: &MemoryView) -> PyResult<isize> {
        this.check_released(py)?;
        Ok(this.view().itemsize)
    }

    fn get_format(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Str>> {
        this.check_released(py)?;
        Str::new(py, &this.format_text())
    }

    pub(crate) fn format_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.format())
    }

    fn get_ndim(py: Attached<'_>, this: &MemoryView) -> PyResult<c_int> {
        this.check_released(py)?;
        Ok(this.view().ndim)
    }

    fn numbers(&self, py: Attached<'_>, pick: impl FnOnce(&Py_buffer) -> Vec<isize>) -> PyResult<Ref<Tuple>> {
        self.check_released(py)?;
        let items = pick(self.view()).into_iter().map(|item| item.into_object(py)).collect::<PyResult<Vec<_>>>()?;
        Tuple::from_vec(py, items)
    }

    fn get_shape(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Tuple>> {
        // SAFETY: the description of a view is complete.
        this.numbers(py, |view| unsafe { buffer::shape_of(view) })
    }

    fn get_strides(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Tuple>> {
        // SAFETY: as above.
        this.numbers(py, |view| unsafe { buffer::strides_of(view) })
    }

    fn get_suboffsets(py: Attached<'_>, this: &MemoryView) -> PyResult<Ref<Tuple>> {
        // SAFETY: as above.
        this.numbers(py, |view| unsafe { buffer::suboffsets_of(view) }.unwrap_or_default())
    }

    fn has_flag(&self, py: Attached<'_>, flag: c_int) -> PyResult<bool> {
        self.check_released(py)?;
        Ok(self.0.flags.get() & flag != 0)
    }

    fn get_c_contiguous(py: Attached<'_>, this: &MemoryView) -> PyResult<bool> {
        this.has_flag(py, _Py_MEMORYVIEW_C)
    }

    fn get_f_contiguous(py: Attached<'_>, this: &MemoryView) -> PyResult<bool> {
        this.has_flag(py, _Py_MEMORYVIEW_FORTRAN)
    }

    fn get_contiguous(py: Attached<'_>, this: &MemoryView) -> PyResult<bool> {
        this.has_flag(py, _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN)
    }

    /// The bounds that `index` was given, clamped to the length.
    pub(crate) fn bounds(
        py: Attached<'_>,
        start: Option<&Object>,
        stop: Option<&Object>,
        len: usize,
    ) -> PyResult<(usize, usize)> {
        let (start, stop) = crate::builtins::container::search_bounds(py, start, stop)?;
        let (start, stop) = crate::builtins::stringlib::clamp_range(start, stop, len);
        Ok((start.min(len), stop))
    }
}

/// An export of a view: it is not released while this lives.
struct Pin<'a, 'py> {
    py: Attached<'py>,
    view: &'a MemoryView,
}

impl<'a, 'py> Pin<'a, 'py> {
    fn new(py: Attached<'py>, view: &'a MemoryView) -> Self {
        let lock = view.lock(py);
        view.0.exports.set(view.0.exports.get() + 1);
        drop(lock);
        Pin { py, view }
    }
}

impl Drop for Pin<'_, '_> {
    fn drop(&mut self) {
        let _lock = self.view.lock(self.py);
        self.view.0.exports.set(self.view.0.exports.get() - 1);
    }
}

/// The shape given to `cast`, checked against the size of the memory.
fn cast_shape(py: Attached<'_>, items: &[Ref<Object>], size: isize, len: isize) -> PyResult<Vec<isize>> {
    let mut total = size;
    let mut shape = Vec::with_capacity(items.len());
    for item in items {
        let Some(extent) = item.as_object().downcast::<Int>() else {
            return Err(raise!(py, TypeError, "memoryview.cast(): elements of shape must be integers"));
        };
        let extent = extent.as_isize(py)?;
        if extent <= 0 {
            return Err(raise!(py, ValueError, "memoryview.cast(): elements of shape must be integers > 0"));
        }
        let Some(product) = total.checked_mul(extent) else {
            return Err(raise!(py, ValueError, "memoryview.cast(): product(shape) > SSIZE_MAX"));
        };
        total = product;
        shape.push(extent);
    }
    if total != len {
        return Err(raise!(py, TypeError, "memoryview: product(shape) * itemsize != buffer size"));
    }
    Ok(shape)
}
