//! `Array`: its classes and instances.
use crate::cdata::{CData, get_value, set_value};
use crate::cfield::{wide_bytes, wide_value};
use crate::codes;
use crate::ffi::FfiType;
use crate::info::{
    ArrayType, CType, Desc, HAS_POINTER, IS_POINTER, Kind, class_namespace, desc_of, info_of_object, init_info,
};
use krait_object::args::Args;
use krait_object::builtins::descrobject::GetSetDescr;
use krait_object::layout::{Py_buffer, PyGetSetDef};
use krait_object::protocols::buffer::Buffer;
use krait_object::typedef::{GETSET_END, Table};
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, List, Object, PyResult, Ref, Slice, Slot, Str, Tuple, Type,
    WeakRef, getset_def, id, mem, pytype, raise,
};
use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};
use std::sync::PoisonError;

type Opt<'a> = Option<&'a Object>;

/// `_ctypes.Array`.
#[repr(transparent)]
pub struct CArray(CData);

pytype! {
    pub static ARRAY_BASE_TYPE: "_ctypes.Array" for CArray {
        base: CData,
        flags: [HAVE_GC, BASETYPE],
        doc: "Abstract base class for arrays.\n\nThe recommended way to create concrete array types is by multiplying any\nctypes data type with a non-negative integer.",
        slots: {
            tp_dealloc = CArray::dealloc,
            tp_traverse = |this: &CArray, visit| CData::traverse(&this.0, visit),
            tp_clear = |py: Attached<'_>, this: &CArray| CData::clear(py, &this.0),
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| CData::construct(py, ty),
            tp_init = CArray::init,
            length = CArray::len,
            sq_item = CArray::item,
            sq_ass_item = CArray::ass_item,
            mp_subscript = CArray::subscript,
            mp_ass_subscript = CArray::ass_subscript,
            bf_getbuffer = CArray::getbuffer,
        },
        methods: {
            class o "__class_getitem__" => krait_object::genericaliasobject::class_getitem, "($type, object, /)", "Arrays are generic over the type of their elements";
        },
    }
}

/// Attributes of arrays of `c_char`.
static BYTES_ATTRS: Table<PyGetSetDef, 3> = Table([
    getset_def!(CArray; "raw" => CArray::get_raw, CArray::set_raw, "value"),
    getset_def!(CArray; "value" => CArray::get_bytes, CArray::set_bytes, "string value"),
    GETSET_END,
]);

/// Attributes of arrays of `c_wchar`.
static TEXT_ATTRS: Table<PyGetSetDef, 2> =
    Table([getset_def!(CArray; "value" => CArray::get_text, CArray::set_text, "string value"), GETSET_END]);

/// An attribute that must be there.
fn class_attr(py: Attached<'_>, ty: &Type, name: &'static str) -> PyResult<Ref<Object>> {
    match ty.as_object().get_attr_opt(py, Str::intern_static(py, name))? {
        Some(value) => Ok(value),
        None => Err(raise!(py, AttributeError, "class must define a '{name}' attribute")),
    }
}

/// `__init__` of the metaclass.
pub fn init_class(py: Attached<'_>, this: &ArrayType, args: Args<'_>) -> PyResult<()> {
    class_namespace(py, args)?;
    let ty = this.as_type();
    let length = class_attr(py, ty, "_length_")?;
    let Some(number) = (*length).downcast::<Int>() else {
        return Err(raise!(py, TypeError, "The '_length_' attribute must be an integer"));
    };
    if number.is_negative() {
        return Err(raise!(py, ValueError, "The '_length_' attribute must not be negative"));
    }
    let Some(length) = number.to_i64() else {
        return Err(raise!(py, OverflowError, "The '_length_' attribute is too large"));
    };
    let item = class_attr(py, ty, "_type_")?;
    let Some(info) = info_of_object(&item) else {
        return Err(raise!(py, TypeError, "_type_ must have storage info"));
    };
    let desc = info.desc();
    let size = (desc.size as isize).checked_mul(length as isize);
    let Some(size) = size else { return Err(raise!(py, OverflowError, "array too large")) };
    info.set_final();
    let (length, size) = (length as usize, size as usize);
    let mut shape = vec![length as isize];
    shape.extend(&desc.shape);
    let mut pointers = 0;
    if desc.flags & (IS_POINTER | HAS_POINTER) != 0 {
        pointers = HAS_POINTER;
    }
    let parts = (0..length.min(64)).map(|at| (at * desc.size, &desc.ffi));
    let facts = Desc {
        size,
        align: desc.align,
        length,
        flags: pointers,
        item: Slot::new(Some(item.clone())),
        ffi: FfiType::aggregate(size, desc.align, parts),
        shape,
        ..Desc::word(Kind::Array, desc.format.clone())
    };
    init_info(py, ty, facts)?;
    let table: &[PyGetSetDef] = match desc.code {
        b'c' => &BYTES_ATTRS.0[..2],
        b'u' => &TEXT_ATTRS.0[..1],
        _ => &[],
    };
    for def in table {
        let descr = GetSetDescr::new(py, ty, ptr::from_ref(def).cast_mut())?;
        // SAFETY: names of these tables are C strings.
        let name = unsafe { std::ffi::CStr::from_ptr(def.name) }.to_string_lossy();
        crate::structs::put_in_class(py, ty, &name, descr.as_object())?;
    }
    Ok(())
}

/// `item_class * length`: an array class, made once per length.
pub fn repeat(py: Attached<'_>, this: &CType, length: isize) -> PyResult<Ref<Object>> {
    let class = this.as_object();
    let Ok(count) = usize::try_from(length) else {
        return Err(raise!(py, ValueError, "Array length must be >= 0, not {length}"));
    };
    class_of(py, class, count)
}

/// The class of arrays of `length` items of class `item`.
pub fn class_of(py: Attached<'_>, item: &Object, length: usize) -> PyResult<Ref<Object>> {
    let Some(info) = info_of_object(item) else { return Err(raise!(py, TypeError, "Expected a type object")) };
    let cached = || {
        let arrays = info.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        arrays.get(&length).and_then(|weak| weak.get())
    };
    if let Some(class) = cached() {
        return Ok(class);
    }
    let Some(ty) = item.downcast::<Type>() else { return Err(py.bad_internal_call()) };
    let name = format!("{}_Array_{length}", ty.short_name()).into_object(py)?;
    let namespace = Dict::new(py)?;
    namespace.set_str(py, "_length_", &*length.into_object(py)?)?;
    namespace.set_str(py, "_type_", item)?;
    let bases = Tuple::from_slice(py, &[CArray::type_object().as_object()])?;
    let metaclass = ArrayType::type_object().as_object();
    let class = metaclass.call_pos(py, &[&name, bases.as_object(), namespace.as_object()])?;
    let weak = WeakRef::new(py, &class, None)?;
    let mut displaced = None;
    let found = {
        let mut arrays = info.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        match arrays.get(&length).and_then(|weak| weak.get()) {
            Some(first) => first,
            None => {
                displaced = arrays.insert(length, weak);
                class.clone()
            }
        }
    };
    drop(displaced);
    Ok(found)
}

impl CArray {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.0.release()) }
    }

    fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        CData::getbuffer(py, &this.0, view, flags)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        args.pos
            .iter()
            .enumerate()
            .try_for_each(|(at, value)| this.as_object().sequence_set_item(py, at as isize, value))
    }

    fn len(_: Attached<'_>, this: &Self) -> PyResult<usize> {
        Ok(this.0.length())
    }

    /// Class, size and address of an item.
    fn place(&self, py: Attached<'_>, index: isize) -> PyResult<(Ref<Object>, usize, *mut u8)> {
        let desc = self.0.desc(py)?;
        if index < 0 || index as usize >= desc.length {
            return Err(raise!(py, IndexError, "invalid index"));
        }
        let class = desc.item(py)?;
        let size = desc.size / desc.length;
        Ok((class, size, self.0.data().wrapping_add(index as usize * size)))
    }

    fn item(py: Attached<'_>, this: &Self, index: isize) -> PyResult<Ref<Object>> {
        let (class, _, data) = this.place(py, index)?;
        get_value(py, &class, &this.0, index, data)
    }

    fn ass_item(py: Attached<'_>, this: &Self, index: isize, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "Array does not support item deletion"));
        };
        let (class, size, data) = this.place(py, index)?;
        set_value(py, &class, &this.0, value, index, size, data)
    }

    fn subscript(py: Attached<'_>, this: &Self, key: &Object) -> PyResult<Ref<Object>> {
        let length = this.0.length() as isize;
        if key.has_index() {
            let index = key.as_index(py)?;
            return Self::item(py, this, if index < 0 { index + length } else { index });
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let (start, _, count) = Slice::adjust(length as usize, start, stop, step);
        let class = this.0.desc(py)?.item(py)?;
        let indices = (0..count as isize).map(move |at| start.wrapping_add(at.wrapping_mul(step)));
        slice_of(py, &class, &this.0, this.0.data(), indices, |at| Self::item(py, this, at))
    }

    fn ass_subscript(py: Attached<'_>, this: &Self, key: &Object, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "Array does not support item deletion"));
        };
        let length = this.0.length() as isize;
        if key.has_index() {
            let index = key.as_index(py)?;
            return Self::ass_item(py, this, if index < 0 { index + length } else { index }, Some(value));
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "indices must be integer"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let (start, _, count) = Slice::adjust(length as usize, start, stop, step);
        if value.sequence_len(py)? != count {
            return Err(raise!(py, ValueError, "Can only assign sequence of same size"));
        }
        for at in 0..count as isize {
            let item = value.sequence_item(py, at)?;
            Self::ass_item(py, this, start.wrapping_add(at.wrapping_mul(step)), Some(&item))?;
        }
        Ok(())
    }

    fn get_raw(py: Attached<'_>, this: &Self) -> PyResult<Ref<Bytes>> {
        let mut bytes = krait_object::reserve::zeros(py, this.0.size())?;
        this.0.load(py, this.0.data(), &mut bytes);
        Bytes::new(py, &bytes)
    }

    fn set_raw(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, AttributeError, "cannot delete attribute")) };
        let buffer = Buffer::contiguous(py, value)?;
        if buffer.as_slice().len() > this.0.size() {
            return Err(raise!(py, ValueError, "byte string too long"));
        }
        this.0.store(py, this.0.data(), buffer.as_slice());
        Ok(())
    }

    fn get_bytes(py: Attached<'_>, this: &Self) -> PyResult<Ref<Bytes>> {
        let mut bytes = krait_object::reserve::zeros(py, this.0.size())?;
        this.0.load(py, this.0.data(), &mut bytes);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Bytes::new(py, &bytes[..end])
    }

    fn set_bytes(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete attribute")) };
        let Some(text) = value.downcast::<Bytes>() else {
            return Err(raise!(py, TypeError, "bytes expected instead of {} instance", value.ty().name()));
        };
        let (len, room) = (text.len(), this.0.size());
        if len > room {
            return Err(raise!(py, ValueError, "byte string too long"));
        }
        let mut bytes = text.as_slice().to_vec();
        if len < room {
            bytes.push(0);
        }
        this.0.store(py, this.0.data(), &bytes);
        Ok(())
    }

    fn get_text(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        wide_value(py, &this.0, this.0.data(), this.0.size())
    }

    fn set_text(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete attribute")) };
        let Some(text) = value.downcast::<Str>() else {
            let kind = value.ty().name();
            return Err(raise!(py, TypeError, "unicode string expected instead of {kind} instance"));
        };
        let room = this.0.size() / codes::WCHAR;
        if text.len() > room {
            return Err(raise!(py, ValueError, "string too long"));
        }
        this.0.store(py, this.0.data(), &wide_bytes(text, room));
        Ok(())
    }
}

/// The items at `indices` behind `start`: bytes or text for characters, a list for others.
pub fn slice_of(
    py: Attached<'_>,
    class: &Object,
    owner: &CData,
    start: *mut u8,
    indices: impl ExactSizeIterator<Item = isize>,
    mut item: impl FnMut(isize) -> PyResult<Ref<Object>>,
) -> PyResult<Ref<Object>> {
    match desc_of(class).map(|desc| desc.code) {
        Some(b'c') => {
            let mut bytes = krait_object::reserve::zeros(py, indices.len())?;
            for (slot, at) in bytes.iter_mut().zip(indices) {
                owner.load(py, start.wrapping_offset(at), std::slice::from_mut(slot));
            }
            Ok(Bytes::new(py, &bytes)?.upcast())
        }
        Some(b'u') => {
            let mut bytes = krait_object::reserve::zeros(py, indices.len() * codes::WCHAR)?;
            for (slot, at) in bytes.chunks_exact_mut(codes::WCHAR).zip(indices) {
                owner.load(py, start.wrapping_offset(at * codes::WCHAR as isize), slot);
            }
            // SAFETY: that many are in the copy.
            let text = unsafe { codes::wide_text(py, bytes.as_ptr().cast(), Some(bytes.len() / codes::WCHAR))? };
            Ok(text.upcast())
        }
        _ => {
            let items = indices.map(&mut item).collect::<PyResult<Vec<_>>>()?;
            Ok(List::from_vec(py, items)?.upcast())
        }
    }
}

/// The attribute names behind a type's `id!`s need no more than this.
pub fn format_of_pointer(desc: &Desc) -> CString {
    let mut format = String::from("&");
    if !desc.shape.is_empty() {
        let sizes: Vec<String> = desc.shape.iter().map(isize::to_string).collect();
        format.push_str(&format!("({})", sizes.join(",")));
    }
    format.push_str(&desc.format.to_string_lossy());
    CString::new(format).unwrap_or_default()
}

/// The `_type_` of a namespace.
pub fn type_entry(py: Attached<'_>, namespace: &Dict) -> PyResult<Option<Ref<Object>>> {
    namespace.get(py, id!(py, _type_).as_object())
}
