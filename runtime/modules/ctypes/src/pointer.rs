//! `_Pointer`: its classes and instances.
use crate::array::{format_of_pointer, slice_of, type_entry};
use crate::cdata::{CData, as_cdata, convert_param, get_value, set_value};
use crate::info::{Desc, Kind, PointerType, class_namespace, desc_of, info_of, init_info, need_storage};
use krait_object::args::Args;
use krait_object::layout::Py_buffer;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Slice, Slot, Type, id, mem, none, pytype, raise};
use std::ffi::{CString, c_int};
use std::ptr::NonNull;

type Opt<'a> = Option<&'a Object>;

/// `_ctypes._Pointer`.
#[repr(transparent)]
pub struct CPointer(CData);

pytype! {
    pub static POINTER_BASE_TYPE: "_ctypes._Pointer" for CPointer {
        base: CData,
        flags: [HAVE_GC, BASETYPE],
        doc: "XXX to be provided",
        slots: {
            tp_dealloc = CPointer::dealloc,
            tp_traverse = |this: &CPointer, visit| CData::traverse(&this.0, visit),
            tp_clear = |py: Attached<'_>, this: &CPointer| CData::clear(py, &this.0),
            tp_new = CPointer::construct,
            tp_init = CPointer::init,
            nb_bool = |py: Attached<'_>, this: &CPointer| PyResult::Ok(this.0.word(py) != 0),
            sq_item = CPointer::item,
            sq_ass_item = CPointer::ass_item,
            mp_subscript = CPointer::subscript,
            mp_ass_subscript = CPointer::ass_subscript,
            bf_getbuffer = CPointer::getbuffer,
        },
        getset: { "contents" => CPointer::contents, CPointer::set_contents, "the object this pointer points to (read-write)"; },
    }
}

/// The facts about pointers to `item`.
fn facts(item: Option<&Object>) -> Desc {
    let format = item.and_then(desc_of).map_or_else(CString::default, format_of_pointer);
    Desc { item: Slot::new(item.map(Layout::to_ref)), ..Desc::word(Kind::Pointer, format) }
}

/// Checks what a pointer shall point to.
fn check_target(py: Attached<'_>, target: &Object) -> PyResult<()> {
    if target.downcast::<Type>().is_none() {
        return Err(raise!(py, TypeError, "_type_ must be a type"));
    }
    need_storage(py, target).map(drop)
}

/// Makes a pointer class the one of its target, if that has none.
fn remember(py: Attached<'_>, target: &Object, class: &Type) -> PyResult<()> {
    let info = need_storage(py, target)?;
    if info.pointer_type.is_null() {
        drop(info.pointer_type.replace(Some(class.as_object().to_ref())));
    }
    Ok(())
}

/// `__init__` of the metaclass.
pub fn init_class(py: Attached<'_>, this: &PointerType, args: Args<'_>) -> PyResult<()> {
    let namespace = class_namespace(py, args)?;
    let ty = this.as_type();
    let target = type_entry(py, namespace)?;
    if let Some(target) = &target {
        check_target(py, target)?;
    }
    init_info(py, ty, facts(target.as_deref()))?;
    match target {
        Some(target) => remember(py, &target, ty),
        None => Ok(()),
    }
}

/// `class.set_type(target)`.
pub fn set_type(py: Attached<'_>, this: &PointerType, target: &Object) -> PyResult<()> {
    let ty = this.as_type();
    let Some(info) = info_of(ty) else { return Err(raise!(py, TypeError, "abstract class")) };
    check_target(py, target)?;
    info.replace(facts(Some(target)));
    remember(py, target, ty)?;
    ty.as_object().set_attr(py, id!(py, _type_), Some(target))
}

/// `class.from_param(value)`.
pub fn from_param(py: Attached<'_>, this: &PointerType, value: &Object) -> PyResult<Ref<Object>> {
    if value.is_none() {
        return Ok(none());
    }
    let ty = this.as_type();
    let Some(info) = info_of(ty) else { return Err(raise!(py, TypeError, "abstract class")) };
    let Some(item) = info.desc().item.get() else { return Err(raise!(py, TypeError, "abstract class")) };
    if value.is_instance(py, &item)? {
        return crate::call::CArg::by_reference(py, value, 0).map(Ref::upcast);
    }
    if let Some(theirs) = crate::cdata::item_class_of(value)
        && theirs.is_subclass(py, &item)?
    {
        return Ok(value.to_ref());
    }
    convert_param(py, ty.as_object(), value)
}

impl CPointer {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<CData>> {
        if info_of(ty).is_none_or(|info| info.desc().item.is_null()) {
            return Err(raise!(py, TypeError, "Cannot create instance: has no _type_"));
        }
        CData::construct(py, ty)
    }

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
        match Args::positional(args.pos).unpack(py, "POINTER", 0, 1)? {
            [value] => Self::set_contents(py, this, Some(value)),
            _ => Ok(()),
        }
    }

    /// The class pointed to and the address.
    fn target(&self, py: Attached<'_>) -> PyResult<(Ref<Object>, *mut u8)> {
        let address = self.0.word(py);
        if address == 0 {
            return Err(raise!(py, ValueError, "NULL pointer access"));
        }
        Ok((self.0.desc(py)?.item(py)?, address as *mut u8))
    }

    fn contents(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let (class, data) = this.target(py)?;
        Ok(CData::part_of(py, &class, Some(&this.0), 0, data)?.upcast())
    }

    fn set_contents(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "Pointer does not support item deletion"));
        };
        let class = this.0.desc(py)?.item(py)?;
        if !value.is_instance(py, &class)? {
            let wanted = (*class).downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
            return Err(raise!(py, TypeError, "expected {wanted} instead of {}", value.ty().name()));
        }
        let Some(target) = as_cdata(value) else { return Err(raise!(py, TypeError, "not a ctype instance")) };
        this.0.set_word(py, target.data() as usize);
        // The target itself, and what its memory's owner keeps.
        this.0.keep(py, 1, Some(value.to_ref()))?;
        let kept = target.kept(py)?;
        this.0.keep(py, 0, Some(kept))
    }

    fn place(&self, py: Attached<'_>, index: isize) -> PyResult<(Ref<Object>, usize, *mut u8)> {
        let (class, data) = self.target(py)?;
        let size = desc_of(&class).map_or(0, |desc| desc.size);
        Ok((class, size, data.wrapping_offset(index.wrapping_mul(size as isize))))
    }

    fn item(py: Attached<'_>, this: &Self, index: isize) -> PyResult<Ref<Object>> {
        let (class, _, data) = this.place(py, index)?;
        get_value(py, &class, &this.0, index, data)
    }

    fn ass_item(py: Attached<'_>, this: &Self, index: isize, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "Pointer does not support item deletion"));
        };
        let (class, size, data) = this.place(py, index)?;
        set_value(py, &class, &this.0, value, index, size, data)
    }

    fn subscript(py: Attached<'_>, this: &Self, key: &Object) -> PyResult<Ref<Object>> {
        if key.has_index() {
            return Self::item(py, this, key.as_index(py)?);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "Pointer indices must be integer"));
        };
        // There is no length that could complete the slice.
        let part = |name| slice.as_object().get_attr(py, name);
        let number = |part: Ref<Object>| if part.is_none() { Ok(None) } else { part.as_index(py).map(Some) };
        let step = number(part(id!(py, step))?)?.unwrap_or(1);
        if step == 0 {
            return Err(raise!(py, ValueError, "slice step cannot be zero"));
        }
        let start = match number(part(id!(py, start))?)? {
            Some(start) => start,
            None if step < 0 => return Err(raise!(py, ValueError, "slice start is required for step < 0")),
            None => 0,
        };
        let Some(stop) = number(part(id!(py, stop))?)? else {
            return Err(raise!(py, ValueError, "slice stop is required"));
        };
        let count = match step > 0 {
            true if start < stop => (stop - start - 1) / step + 1,
            false if start > stop => (start - stop - 1) / -step + 1,
            _ => 0,
        };
        if count == 0 {
            let class = this.0.desc(py)?.item(py)?;
            return slice_of(py, &class, &this.0, std::ptr::null_mut(), 0..0, |_| Ok(none()));
        }
        let (class, data) = this.target(py)?;
        let indices: Vec<isize> = (0..count).map(|at| start + at * step).collect();
        slice_of(py, &class, &this.0, data, indices.into_iter(), |at| Self::item(py, this, at))
    }

    fn ass_subscript(py: Attached<'_>, this: &Self, key: &Object, value: Opt<'_>) -> PyResult<()> {
        if value.is_none() {
            return Err(raise!(py, TypeError, "Pointer does not support item deletion"));
        }
        Self::ass_item(py, this, key.index(py)?.as_isize(py)?, value)
    }
}
