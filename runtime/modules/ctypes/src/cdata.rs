//! `_CData`: an instance with memory of its own or in somebody else's, and what all such instances share.
use crate::array::CArray;
use crate::codes;
use crate::funcptr::CFuncPtr;
use crate::info::{Desc, Kind, desc_of, final_desc, info_of, info_of_object};
use crate::pointer::CPointer;
use krait_object::layout::{Field, Py_buffer, PyBUF_FORMAT, PyObject};
use krait_object::native::alloc;
use krait_object::protocols::buffer::Buffer;
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, MemoryView, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type,
    Visit, exc, id, mem, none, pytype, raise,
};
use krait_vm::library::symbol;
use krait_vm::sysmodule::audit_event as audit;
use std::ffi::{CString, c_int, c_void};
use std::mem::offset_of;
use std::ptr::{self, NonNull};

type Opt<'a> = Option<&'a Object>;

/// Memory up to this size lies in the instance itself.
const INLINE: usize = 16;

/// An instance of a class with C layout.
#[repr(C)]
pub struct CData {
    ob_base: PyObject,
    data: Field<*mut u8>,
    /// Whether the memory goes with the instance.
    owns: Field<c_int>,
    /// The instance whose memory this one looks into.
    base: Slot<Object>,
    size: Field<usize>,
    /// How many parts the value has; 0 for simple ones.
    length: Field<usize>,
    /// The place in `base`.
    index: Field<isize>,
    /// What has to live as long as the memory: a dict by place, or one object.
    objects: Slot<Object>,
    own: [Field<u64>; INLINE / 8],
}

pytype! {
    pub static CDATA_TYPE: "_ctypes._CData" for CData {
        base: Object,
        flags: [HAVE_GC, BASETYPE, DISALLOW_INSTANTIATION],
        doc: "XXX to be provided",
        slots: {
            tp_dealloc = CData::dealloc,
            tp_traverse = CData::traverse,
            tp_clear = CData::clear,
            tp_hash = CData::hash,
            bf_getbuffer = CData::getbuffer,
        },
        methods: {
            noargs "__ctypes_from_outparam__" => |_: Attached<'_>, this: &CData| this.to_ref(), "($self, /)", "The instance itself.";
            noargs "__reduce__" => CData::reduce, "($self, /)", "";
            sig "__setstate__" => CData::setstate, "($self, dict, data, /)", "";
        },
        members: [
            member("_b_base_\0", _Py_T_OBJECT, offset_of!(CData, base), Py_READONLY, c"the base object"),
            member("_b_needsfree_\0", krait_object::layout::Py_T_INT, offset_of!(CData, owns), Py_READONLY, c"whether the object owns the memory or not"),
            member("_objects\0", _Py_T_OBJECT, offset_of!(CData, objects), Py_READONLY, c"internal objects tree (NEVER CHANGE THIS OBJECT!)"),
        ],
    }
}

impl CData {
    /// # Safety
    /// As `tp_dealloc`.
    pub unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; owned memory has no other user.
        unsafe { mem::dealloc_with(py, this, CData::release) }
    }

    /// Gives up everything; the instance dies.
    pub fn release(&self) {
        drop(self.objects.take());
        drop(self.base.take());
        let data = self.data.get();
        if self.owns.get() != 0 && !self.is_inline(data) {
            // SAFETY: made by `calloc`, and nobody else's.
            unsafe { libc::free(data.cast()) };
        }
    }

    pub fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.base)?;
        visit.slot(&this.objects)
    }

    pub fn clear(_: Attached<'_>, this: &Self) {
        // The memory stays until the end; `base` owns it, so `base` stays too unless it is part of a cycle.
        drop(this.objects.take());
    }

    fn hash(py: Attached<'_>, this: &Self) -> PyResult<isize> {
        Err(raise!(py, TypeError, "unhashable type: '{}'", this.as_object().ty().name()))
    }

    fn is_inline(&self, data: *mut u8) -> bool {
        ptr::addr_eq(data, &raw const self.own)
    }

    /// A fresh instance without memory.
    fn bare(py: Attached<'_>, ty: &Type, desc: &Desc) -> PyResult<Ref<CData>> {
        let object = alloc::<CData>(py, ty)?;
        object.length.set(desc.length);
        Ok(object)
    }

    /// Gives a fresh instance zeroed memory.
    fn own_memory(&self, py: Attached<'_>, size: usize) -> PyResult<()> {
        let data = if size <= INLINE {
            (&raw const self.own).cast_mut().cast()
        } else {
            // SAFETY: no precondition.
            let block = unsafe { libc::calloc(size, 1) };
            if block.is_null() {
                return Err(py.no_memory());
            }
            block.cast::<u8>()
        };
        self.size.set(size);
        self.owns.set(1);
        self.data.set(data);
        Ok(())
    }

    /// An instance with zeroed memory, without a call of `__init__` (`tp_new` of all kinds but functions).
    pub fn construct(py: Attached<'_>, ty: &Type) -> PyResult<Ref<CData>> {
        let desc = final_desc(py, ty.as_object())?;
        let object = Self::bare(py, ty, desc)?;
        object.own_memory(py, desc.size)?;
        Ok(object)
    }

    /// An instance that looks at memory that it does not own.
    fn at_address(py: Attached<'_>, ty: &Type, data: *mut u8) -> PyResult<Ref<CData>> {
        let desc = final_desc(py, ty.as_object())?;
        let object = Self::bare(py, ty, desc)?;
        object.data.set(data);
        object.size.set(desc.size);
        Ok(object)
    }

    /// An instance of `class` that is part `index` of `base`, or a copy of the memory at `data`.
    pub fn part_of(
        py: Attached<'_>,
        class: &Object,
        base: Option<&CData>,
        index: isize,
        data: *mut u8,
    ) -> PyResult<Ref<CData>> {
        let desc = final_desc(py, class)?;
        let Some(ty) = class.downcast::<Type>() else { return Err(py.bad_internal_call()) };
        let object = Self::bare(py, ty, desc)?;
        match base {
            Some(base) => {
                object.data.set(data);
                object.size.set(desc.size);
                object.index.set(index);
                drop(object.base.replace(Some(base.to_ref().upcast())));
            }
            None => {
                object.own_memory(py, desc.size)?;
                // SAFETY: the caller's memory has that size, and the instance is fresh.
                unsafe { ptr::copy(data, object.data.get(), desc.size) };
            }
        }
        Ok(object)
    }

    /// The address of the memory.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.data.get()
    }

    #[inline]
    pub fn size(&self) -> usize {
        self.size.get()
    }

    pub fn length(&self) -> usize {
        self.length.get()
    }

    /// The facts about the instance's class.
    pub fn desc<'a>(&'a self, py: Attached<'_>) -> PyResult<&'a Desc> {
        match info_of(self.as_object().ty()) {
            Some(info) => Ok(info.desc()),
            None => Err(raise!(py, TypeError, "abstract class")),
        }
    }

    /// The pointer that the memory holds.
    pub fn word(&self, py: Attached<'_>) -> usize {
        let mut bytes = [0; size_of::<usize>()];
        self.load(py, self.data(), &mut bytes);
        usize::from_ne_bytes(bytes)
    }

    /// Stores a pointer at the start of the memory.
    pub fn set_word(&self, py: Attached<'_>, word: usize) {
        self.store(py, self.data(), &word.to_ne_bytes());
    }

    /// Copies bytes from memory that the instance's user vouches for.
    pub fn load(&self, py: Attached<'_>, from: *const u8, out: &mut [u8]) {
        let _lock = self.lock(py);
        // SAFETY: an address in the instance's memory or behind its pointer, which its user vouches for as in C.
        unsafe { ptr::copy(from, out.as_mut_ptr(), out.len()) };
    }

    /// Copies bytes to memory that the instance's user vouches for.
    pub fn store(&self, py: Attached<'_>, to: *mut u8, bytes: &[u8]) {
        let _lock = self.lock(py);
        // SAFETY: as in `load`.
        unsafe { ptr::copy(bytes.as_ptr(), to, bytes.len()) };
    }

    /// The instance that owns the memory in the end.
    fn root(&self) -> Ref<CData> {
        let mut at = self.to_ref();
        loop {
            let base = at.base.get().and_then(|base| base.downcast::<CData>().ok());
            match base {
                Some(base) => at = base,
                None => return at,
            }
        }
    }

    /// What the memory's owner keeps alive: a dict, made if there is none yet, or one object for simple values.
    pub fn kept(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let root = self.root();
        if let Some(objects) = root.objects.get() {
            return Ok(objects);
        }
        let fresh = if root.length.get() != 0 { Dict::new(py)?.upcast() } else { none() };
        let _lock = root.lock(py);
        match root.objects.get() {
            Some(objects) => Ok(objects),
            None => {
                drop(root.objects.replace(Some(fresh.clone())));
                Ok(fresh)
            }
        }
    }

    pub fn replace_kept(&self, objects: Option<Ref<Object>>) {
        drop(self.objects.replace(objects));
    }

    /// Makes the memory's owner keep `object` for place `index`.
    pub fn keep(&self, py: Attached<'_>, index: isize, object: Option<Ref<Object>>) -> PyResult<()> {
        let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(()) };
        let kept = self.kept(py)?;
        let Some(dict) = (*kept).downcast_exact::<Dict>() else {
            self.root().replace_kept(Some(object));
            return Ok(());
        };
        let mut key = format!("{:x}", index as i32);
        let mut at = self.to_ref();
        while let Some(base) = at.base.get().and_then(|base| base.downcast::<CData>().ok()) {
            key.push_str(&format!(":{:x}", at.index.get() as i32));
            at = base;
        }
        dict.set_str(py, &key, &object)
    }

    /// The memory as a buffer.
    pub fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        let desc = this.desc(py)?;
        let mut itemsize = desc.size;
        let mut item = desc.item.get();
        if desc.kind == Kind::Array {
            while let Some(class) = item {
                let Some(inner) = desc_of(&class) else { break };
                itemsize = inner.size;
                item = if inner.kind == Kind::Array { inner.item.get() } else { None };
            }
        }
        view.buf = this.data().cast();
        view.obj = this.to_ref().into_raw();
        view.len = this.size() as isize;
        view.readonly = 0;
        view.itemsize = itemsize as isize;
        view.format =
            if flags & PyBUF_FORMAT == PyBUF_FORMAT { desc.format.as_ptr().cast_mut() } else { ptr::null_mut() };
        view.ndim = desc.shape.len() as c_int;
        view.shape = desc.shape.as_ptr().cast_mut();
        view.strides = ptr::null_mut();
        view.suboffsets = ptr::null_mut();
        view.internal = ptr::null_mut();
        Ok(())
    }

    /// Changes how much memory the instance owns.
    pub fn resize(&self, py: Attached<'_>, size: isize) -> PyResult<()> {
        let least = self.desc(py)?.size;
        let Some(size) = usize::try_from(size).ok().filter(|&size| size >= least) else {
            return Err(raise!(py, ValueError, "minimum size is {least}"));
        };
        let _lock = self.lock(py);
        if self.owns.get() == 0 {
            return Err(raise!(py, ValueError, "Memory cannot be resized because this object doesn't own it"));
        }
        let (old, old_size) = (self.data.get(), self.size.get());
        if size <= INLINE && self.is_inline(old) {
            self.size.set(size);
            return Ok(());
        }
        // SAFETY: no precondition.
        let block = unsafe { libc::calloc(size, 1) }.cast::<u8>();
        if block.is_null() {
            return Err(py.no_memory());
        }
        // SAFETY: [locked]: both blocks have that size.
        unsafe { ptr::copy_nonoverlapping(old, block, old_size.min(size)) };
        self.data.set(block);
        self.size.set(size);
        if !self.is_inline(old) {
            // SAFETY: it was ours, and readers copy under the lock.
            unsafe { libc::free(old.cast()) };
        }
        Ok(())
    }

    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let desc = this.desc(py)?;
        if desc.flags & (crate::info::IS_POINTER | crate::info::HAS_POINTER) != 0 {
            return Err(raise!(py, ValueError, "ctypes objects containing pointers cannot be pickled"));
        }
        let dict = this.as_object().get_attr(py, id!(py, __dict__))?;
        let mut bytes = krait_object::reserve::zeros(py, this.size())?;
        this.load(py, this.data(), &mut bytes);
        let state = Tuple::pair(py, dict, Bytes::new(py, &bytes)?.upcast())?;
        let class = this.as_object().ty().as_object().to_ref();
        let arguments = Tuple::pair(py, class, state.upcast())?;
        let module = krait_vm::import::import_module(py, "_ctypes")?;
        Tuple::pair(py, module.get_attr(py, id!(py, _unpickle))?, arguments.upcast())
    }

    fn setstate(py: Attached<'_>, this: &Self, [dict, data]: [Opt<'_>; 2]) -> PyResult<()> {
        let (Some(dict), Some(data)) = (dict, data) else { return Err(py.bad_internal_call()) };
        let Some(state) = dict.downcast::<Dict>() else {
            return Err(raise!(py, TypeError, "__setstate__() argument 1 must be dict, not {}", dict.ty().name()));
        };
        let Some(data) = data.downcast::<Bytes>() else {
            return Err(raise!(py, TypeError, "a bytes-like object is required, not '{}'", data.ty().name()));
        };
        let len = data.len().min(this.size());
        this.store(py, this.data(), &data.as_slice()[..len]);
        let own = this.as_object().get_attr(py, id!(py, __dict__))?;
        let Some(own_dict) = (*own).downcast::<Dict>() else {
            let (class, found) = (this.as_object().ty().name(), own.ty().name());
            return Err(raise!(py, TypeError, "{class}.__dict__ must be a dictionary, not {found}"));
        };
        own_dict.update(py, state.as_object())
    }
}

/// Views an object as an instance with C layout.
pub fn as_cdata(object: &Object) -> Option<&CData> {
    object.downcast::<CData>()
}

/// The class as a type that has facts.
fn concrete<'a>(py: Attached<'_>, class: &'a Object) -> PyResult<(&'a Type, &'a Desc)> {
    match (class.downcast::<Type>(), desc_of(class)) {
        (Some(ty), Some(desc)) => Ok((ty, desc)),
        _ => Err(raise!(py, TypeError, "abstract class")),
    }
}

/// `class.from_address(address)`.
pub fn from_address<T: Layout>(py: Attached<'_>, class: &T, value: &Object) -> PyResult<Ref<CData>> {
    if value.downcast::<Int>().is_none() {
        return Err(raise!(py, TypeError, "integer expected"));
    }
    let address = codes::address(py, value)?;
    audit(py, "ctypes.cdata", &[&*(address as u64).into_object(py)?])?;
    let (ty, _) = concrete(py, class.as_object())?;
    CData::at_address(py, ty, address as *mut u8)
}

fn buffer_fits(py: Attached<'_>, offset: isize, len: isize, size: usize) -> PyResult<()> {
    if offset < 0 {
        return Err(raise!(py, ValueError, "offset cannot be negative"));
    }
    if (size as isize) > len - offset {
        let least = size as isize + offset;
        return Err(raise!(py, ValueError, "Buffer size too small ({len} instead of at least {least} bytes)"));
    }
    Ok(())
}

fn audit_buffer(py: Attached<'_>, address: *mut c_void, len: isize, offset: isize) -> PyResult<()> {
    let values = [(address as usize as u64).into_object(py)?, len.into_object(py)?, offset.into_object(py)?];
    audit(py, "ctypes.cdata/buffer", &[&values[0], &values[1], &values[2]])
}

/// `class.from_buffer(object, offset)`.
pub fn from_buffer<T: Layout>(py: Attached<'_>, class: &T, [object, offset]: [Opt<'_>; 2]) -> PyResult<Ref<CData>> {
    let Some(object) = object else { return Err(py.bad_internal_call()) };
    let offset = offset.map_or(Ok(0), |offset| offset.as_index(py))?;
    let (ty, desc) = concrete(py, class.as_object())?;
    let view = MemoryView::new(py, object)?;
    // SAFETY: [frozen]: a memory view's description.
    let raw = unsafe { krait_object::protocols::buffer::buffer_field(&view.raw().view) };
    if raw.readonly != 0 {
        return Err(raise!(py, TypeError, "underlying buffer is not writable"));
    }
    // SAFETY: the view is alive.
    if !unsafe { krait_object::protocols::buffer::is_contiguous(raw, b'C') } {
        return Err(raise!(py, TypeError, "underlying buffer is not C contiguous"));
    }
    buffer_fits(py, offset, raw.len, desc.size)?;
    audit_buffer(py, raw.buf, raw.len, offset)?;
    // SAFETY: inside the buffer, which the view keeps.
    let this = CData::at_address(py, ty, unsafe { raw.buf.cast::<u8>().offset(offset) })?;
    this.keep(py, -1, Some(view.upcast()))?;
    Ok(this)
}

/// `class.from_buffer_copy(buffer, offset)`.
pub fn from_buffer_copy<T: Layout>(
    py: Attached<'_>,
    class: &T,
    [object, offset]: [Opt<'_>; 2],
) -> PyResult<Ref<CData>> {
    let Some(object) = object else { return Err(py.bad_internal_call()) };
    let buffer = Buffer::contiguous(py, object)?;
    let offset = offset.map_or(Ok(0), |offset| offset.as_index(py))?;
    let (ty, desc) = concrete(py, class.as_object())?;
    buffer_fits(py, offset, buffer.view().len, desc.size)?;
    audit_buffer(py, buffer.view().buf, buffer.view().len, offset)?;
    let this = CData::construct(py, ty)?;
    let size = this.size();
    this.store(py, this.data(), &buffer.as_slice()[offset as usize..offset as usize + size]);
    Ok(this)
}

/// The handle of a library object.
pub fn library_handle(py: Attached<'_>, library: &Object, message: &str) -> PyResult<*mut c_void> {
    let handle = library.get_attr(py, id!(py, _handle))?;
    if handle.downcast_exact::<Int>().is_err() {
        return Err(py.raise(exc::TypeError(), message));
    }
    let handle = library.get_attr(py, id!(py, _handle))?;
    Ok(codes::address(py, &handle)? as *mut c_void)
}

/// A name of C.
pub fn c_name(py: Attached<'_>, name: &[u8]) -> PyResult<CString> {
    CString::new(name).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

/// `class.in_dll(library, name)`.
pub fn in_dll<T: Layout>(py: Attached<'_>, class: &T, [library, name]: [Opt<'_>; 2]) -> PyResult<Ref<CData>> {
    let (Some(library), Some(name)) = (library, name) else { return Err(py.bad_internal_call()) };
    let Some(text) = name.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "in_dll() argument 2 must be str, not {}", name.ty().name()));
    };
    audit(py, "ctypes.dlsym", &[library, name])?;
    let message = "the _handle attribute of the second argument must be an integer";
    let handle = library_handle(py, library, message)?;
    let (ty, _) = concrete(py, class.as_object())?;
    match symbol(handle, &c_name(py, text.to_utf8(py)?.as_bytes())?, "symbol") {
        Ok(address) => CData::at_address(py, ty, address.cast()),
        Err(text) => Err(py.raise(exc::ValueError(), text)),
    }
}

/// Whether values of the class are given as Python's own: true of the types of `ctypes` itself, not of classes derived
/// from them.
pub fn is_plain_simple(class: &Object) -> bool {
    let (Some(ty), Some(desc)) = (class.downcast::<Type>(), desc_of(class)) else { return false };
    desc.kind == Kind::Simple && ty.base().is_some_and(|base| ptr::eq(base, crate::simple::CSimple::type_object()))
}

/// The value of class `class` at `data`, which is part `index` of `base`.
pub fn get_value(py: Attached<'_>, class: &Object, base: &CData, index: isize, data: *mut u8) -> PyResult<Ref<Object>> {
    if is_plain_simple(class)
        && let Some(desc) = desc_of(class)
    {
        return get_simple(py, desc, base, data);
    }
    Ok(CData::part_of(py, class, Some(base), index, data)?.upcast())
}

/// The Python value of a simple type at `data`.
pub fn get_simple(py: Attached<'_>, desc: &Desc, owner: &CData, data: *const u8) -> PyResult<Ref<Object>> {
    let mut bytes = [0; 32];
    let bytes = &mut bytes[..desc.size];
    if desc.code == b'O' {
        // The object is alive only as long as nobody replaces the pointer.
        let _lock = owner.lock(py);
        // SAFETY: as in `load`, under the lock.
        return unsafe {
            ptr::copy(data, bytes.as_mut_ptr(), bytes.len());
            codes::decode(py, desc.code, desc.swapped, bytes)
        };
    }
    owner.load(py, data, bytes);
    // SAFETY: pointers in C memory are its users' care.
    unsafe { codes::decode(py, desc.code, desc.swapped, bytes) }
}

/// Wraps the pending exception: the class in `outer`, with its name and text behind `prefix`.
pub fn extend_error(py: Attached<'_>, outer: &Type, prefix: &str, raised: Raised) -> Raised {
    let error = raised.take(py);
    let class = error.as_object().ty().short_name().into_owned();
    let text = match error.as_object().str(py) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(raised) => {
            raised.clear(py);
            "???".to_owned()
        }
    };
    drop(error);
    py.raise(outer, format_args!("{prefix}{class}: {text}"))
}

/// Stores `value` as a value of class `class` at `to`. Returns what has to be kept alive.
pub fn put_value(
    py: Attached<'_>,
    class: &Object,
    owner: &CData,
    value: &Object,
    size: usize,
    to: *mut u8,
) -> PyResult<Option<Ref<Object>>> {
    let Some(desc) = desc_of(class) else { return Err(raise!(py, TypeError, "not a ctype instance")) };
    let class_name = || class.downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
    let Some(source) = as_cdata(value) else {
        if desc.kind == Kind::Simple {
            let encoded = codes::encode(py, desc.code, desc.swapped, value)?;
            owner.store(py, to, encoded.as_slice());
            return Ok(encoded.keep);
        }
        if let Some(arguments) = value.downcast::<Tuple>() {
            let made = class.call_pos(py, arguments.as_slice());
            let made =
                made.map_err(|raised| extend_error(py, exc::RuntimeError(), &format!("({}) ", class_name()), raised))?;
            return put_value(py, class, owner, &made, size, to);
        }
        if desc.kind == Kind::Pointer && value.is_none() {
            owner.store(py, to, &0usize.to_ne_bytes());
            return Ok(None);
        }
        return Err(raise!(py, TypeError, "expected {} instance, got {}", class_name(), value.ty().name()));
    };
    if value.is_instance(py, class)? {
        let mut bytes = krait_object::reserve::zeros(py, size)?;
        source.load(py, source.data(), &mut bytes);
        owner.store(py, to, &bytes);
        return source.kept(py).map(Some);
    }
    if desc.kind == Kind::Pointer && value.downcast::<CArray>().is_some() {
        let (ours, theirs) = (desc.item.get(), source.desc(py)?.item.get());
        let same = matches!((&ours, &theirs), (Some(a), Some(b)) if ptr::eq(&**a, &**b));
        if !same {
            let found = value.ty().name();
            return Err(raise!(
                py,
                TypeError,
                "incompatible types, {found} instance instead of {} instance",
                class_name()
            ));
        }
        owner.store(py, to, &(source.data() as usize).to_ne_bytes());
        // The array itself, not only what it keeps, has to stay.
        return Ok(Some(Tuple::pair(py, source.kept(py)?, value.to_ref())?.upcast()));
    }
    let found = value.ty().name();
    Err(raise!(py, TypeError, "incompatible types, {found} instance instead of {} instance", class_name()))
}

/// As [`put_value`], and keeps what has to be kept for part `index` of `owner`.
pub fn set_value(
    py: Attached<'_>,
    class: &Object,
    owner: &CData,
    value: &Object,
    index: isize,
    size: usize,
    to: *mut u8,
) -> PyResult<()> {
    let keep = put_value(py, class, owner, value, size, to)?;
    owner.keep(py, index, keep)
}

/// `class.from_param(value)` of structures, unions, arrays and functions.
pub fn from_param<T: Layout>(py: Attached<'_>, class: &T, value: &Object) -> PyResult<Ref<Object>> {
    convert_param(py, class.as_object(), value)
}

/// The default conversion of an argument: an instance, what `byref` made of one, or what stands in as a parameter.
pub fn convert_param(py: Attached<'_>, class: &Object, value: &Object) -> PyResult<Ref<Object>> {
    if value.is_instance(py, class)? {
        return Ok(value.to_ref());
    }
    let class_name = || class.downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
    if let Some(argument) = value.downcast_exact::<crate::call::CArg>() {
        let object = argument.object().unwrap_or_else(none);
        if let Some(item) = desc_of(class).and_then(|desc| desc.item.get())
            && object.is_instance(py, &item)?
        {
            return Ok(value.to_ref());
        }
        let found = object.ty().name();
        return Err(raise!(py, TypeError, "expected {} instance instead of pointer to {found}", class_name()));
    }
    if let Some(stand_in) = value.get_attr_opt(py, id!(py, _as_parameter_))? {
        let _depth = py.enter_recursive(" while processing _as_parameter_")?;
        return convert_param(py, class, &stand_in);
    }
    Err(raise!(py, TypeError, "expected {} instance instead of {}", class_name(), value.ty().name()))
}

/// The class that items of an array or the target of a pointer have, for an instance of either.
pub fn item_class_of(value: &Object) -> Option<Ref<Object>> {
    if value.downcast::<CPointer>().is_none() && value.downcast::<CArray>().is_none() {
        return None;
    }
    info_of_object(value.ty().as_object())?.desc().item.get()
}

/// Whether the object is a C function.
pub fn as_function(value: &Object) -> Option<&CFuncPtr> {
    value.downcast::<CFuncPtr>()
}

/// The base part of an instance of one of the concrete kinds.
macro_rules! cdata_head {
    ($Name:ident) => {
        impl $Name {
            /// The part that all kinds share.
            pub fn head(&self) -> &crate::cdata::CData {
                // SAFETY: [layout]: it is the first field, or the struct is transparent over it.
                unsafe { &*::std::ptr::from_ref(self).cast() }
            }
        }
    };
}
pub(crate) use cdata_head;
