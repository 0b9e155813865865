//! `Structure` and `Union`: their classes' fields, and instances.
use crate::cdata::{CData, cdata_head};
use crate::cfield::CField;
use crate::ffi::FfiType;
use crate::info::{
    Desc, HAS_POINTER, IS_POINTER, Kind, StructType, UnionType, class_namespace, desc_of, info_of, info_of_object,
    init_info,
};
use krait_object::args::Args;
use krait_object::layout::Py_buffer;
use krait_object::{
    Attached, Dict, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, id, mem, none, pytype, raise,
};
use std::ffi::CString;
use std::mem::size_of;
use std::ptr::{self, NonNull};

/// `_ctypes.Structure`.
#[repr(transparent)]
pub struct CStruct(CData);

/// `_ctypes.Union`.
#[repr(transparent)]
pub struct CUnion(CData);

cdata_head!(CStruct);
cdata_head!(CUnion);

macro_rules! aggregate_type {
    ($Name:ident, $STATIC:ident, $full:literal, $doc:literal) => {
        pytype! {
            pub static $STATIC: $full for $Name {
                base: CData,
                flags: [HAVE_GC, BASETYPE],
                doc: $doc,
                slots: {
                    tp_dealloc = $Name::dealloc,
                    tp_traverse = |this: &$Name, visit| CData::traverse(&this.0, visit),
                    tp_clear = |py: Attached<'_>, this: &$Name| CData::clear(py, &this.0),
                    tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| CData::construct(py, ty),
                    tp_init = |py: Attached<'_>, this: &$Name, args: Args<'_>| init(py, this.head(), args),
                    bf_getbuffer = $Name::getbuffer,
                },
            }
        }
        impl $Name {
            /// # Safety
            /// As `tp_dealloc`.
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
                // SAFETY: by the contract.
                unsafe { mem::dealloc_with(py, this, |this| this.0.release()) }
            }

            fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: std::ffi::c_int) -> PyResult<()> {
                CData::getbuffer(py, &this.0, view, flags)
            }
        }
    };
}

aggregate_type!(CStruct, STRUCTURE_TYPE, "_ctypes.Structure", "Structure base class");
aggregate_type!(CUnion, UNION_BASE_TYPE, "_ctypes.Union", "Union base class");

/// `Structure.__init__`: fields by position, those of the bases first, then by name.
fn init(py: Attached<'_>, this: &CData, args: Args<'_>) -> PyResult<()> {
    if !args.pos.is_empty() {
        let taken = init_positional(py, this, this.as_object().ty(), args, 0)?;
        if taken < args.pos.len() {
            return Err(raise!(py, TypeError, "too many initializers"));
        }
    }
    for (name, value) in args.names.iter().zip(args.values) {
        let Some(name) = name.downcast::<Str>() else { return Err(py.bad_internal_call()) };
        this.as_object().set_attr(py, name, Some(value))?;
    }
    Ok(())
}

/// Sets the fields of `ty` that follow the first `index` ones; how many fields there are so far.
fn init_positional(py: Attached<'_>, this: &CData, ty: &Type, args: Args<'_>, index: usize) -> PyResult<usize> {
    let mut index = index;
    if let Some(base) = ty.base().filter(|base| info_of(base).is_some()) {
        let _depth = py.enter_recursive(" while initializing a structure")?;
        index = init_positional(py, this, base, args, index)?;
    }
    let Some(info) = info_of(ty) else { return Ok(index) };
    let length = info.desc().length;
    let Some(fields) = ty.dict().and_then(|dict| dict.get_str(py, "_fields_")) else { return Ok(index) };
    for at in index..length.min(args.pos.len()) {
        let pair = fields.sequence_item(py, (at - index) as isize)?;
        let name = pair.sequence_item(py, 0)?;
        let Some(name) = (*name).downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name()));
        };
        if args.names.iter().any(|key| key.downcast::<Str>().is_some_and(|key| key.eq(name))) {
            let name = name.as_object().repr(py)?;
            return Err(raise!(py, TypeError, "duplicate values for field {name}"));
        }
        this.as_object().set_attr(py, name, Some(args.pos[at]))?;
    }
    Ok(length)
}

/// `__init__` of the metaclass of structures.
pub fn init_struct(py: Attached<'_>, this: &StructType, args: Args<'_>) -> PyResult<()> {
    init_class(py, this.as_type(), args, Kind::Struct)
}

/// `__init__` of the metaclass of unions.
pub fn init_union(py: Attached<'_>, this: &UnionType, args: Args<'_>) -> PyResult<()> {
    init_class(py, this.as_type(), args, Kind::Union)
}

fn empty(kind: Kind) -> Desc {
    Desc {
        size: 0,
        align: 1,
        length: 0,
        flags: 0,
        ffi: FfiType::aggregate(0, 1, [].into_iter()),
        ..Desc::word(kind, CString::from(c"B"))
    }
}

fn init_class(py: Attached<'_>, ty: &Type, args: Args<'_>, kind: Kind) -> PyResult<()> {
    let namespace = class_namespace(py, args)?;
    if namespace.get_str(py, "_abstract_").is_some() {
        return Ok(());
    }
    init_info(py, ty, empty(kind))?;
    if let Some(fields) = namespace.get_str(py, "_fields_") {
        return ty.as_object().set_attr(py, id!(py, _fields_), Some(&fields));
    }
    let (Some(info), Some(base)) = (info_of(ty), ty.base().and_then(info_of)) else { return Ok(()) };
    base.set_final();
    let desc = base.desc();
    info.replace(Desc {
        kind: desc.kind,
        size: desc.size,
        align: desc.align,
        length: desc.length,
        flags: desc.flags,
        code: 0,
        swapped: false,
        item: Slot::NULL,
        ffi: FfiType::aggregate(desc.size, desc.align, [(0, &desc.ffi)].into_iter()),
        keeps: vec![Slot::new(ty.base().map(|base| base.as_object().to_ref()))],
        format: desc.format.clone(),
        shape: Vec::new(),
        prototype: None,
    });
    Ok(())
}

fn attr(py: Attached<'_>, object: &Object, name: &'static str) -> PyResult<Ref<Object>> {
    object.get_attr(py, Str::intern_static(py, name))
}

/// A number of the layout that is not negative.
fn amount(py: Attached<'_>, layout: &Object, name: &'static str) -> PyResult<usize> {
    let value = attr(py, layout, name)?;
    let number = value.as_isize(py)?;
    usize::try_from(number).map_err(|_| raise!(py, ValueError, "{name} must be non-negative, got {number}"))
}

/// Lays a class out: what assigning `_fields_` does.
pub fn set_fields(py: Attached<'_>, ty: &Type, fields: &Object, is_struct: bool) -> PyResult<()> {
    let base = ty.base().filter(|base| info_of(base).is_some()).map(|base| base.as_object());
    let module = krait_vm::import::import_module(py, "ctypes._layout")?;
    let get_layout = attr(py, &module, "get_layout")?;
    let flag = is_struct.into_object(py)?;
    let names = [id!(py, is_struct).as_object(), id!(py, base).as_object()];
    let no_base = none();
    let values = [&*flag, base.unwrap_or(&no_base)];
    let layout = get_layout.call(py, Args { pos: &[ty.as_object(), fields], names: &names, values: &values })?;
    let Some(info) = info_of(ty) else { return Err(raise!(py, TypeError, "ctypes state is not initialized")) };
    let (align, size) = (amount(py, &layout, "align")?, amount(py, &layout, "size")?);
    let spec = attr(py, &layout, "format_spec")?.str(py)?;
    let listed = Tuple::from_iterable(py, &*attr(py, &layout, "fields")?)?;
    let mut flags = 0;
    let (mut keeps, mut length) = (Vec::new(), listed.len());
    let mut parts = Vec::new();
    if let Some(base) = base
        && let Some(base_info) = info_of_object(base)
    {
        base_info.set_final();
        let desc = base_info.desc();
        flags |= desc.flags & HAS_POINTER;
        length += desc.length;
        parts.push((0, base.to_ref()));
    }
    for field in listed.as_slice() {
        let Some(field) = field.downcast::<CField>() else {
            return Err(raise!(py, TypeError, "fields must be of type CField, got {}", field.ty().name()));
        };
        let class = field.class(py)?;
        let Some(field_info) = info_of_object(&class) else { return Err(py.bad_internal_call()) };
        if ptr::addr_eq(&*class, ty) {
            return Err(raise!(py, AttributeError, "Structure or union cannot contain itself"));
        }
        field_info.set_final();
        if field_info.desc().flags & (IS_POINTER | HAS_POINTER) != 0 {
            flags |= HAS_POINTER;
        }
        parts.push((field.offset() as usize, class));
        let name = field.name(py)?;
        ty.as_object().set_attr(py, &name, Some(field.as_object()))?;
    }
    keeps.extend(parts.iter().map(|(_, class)| Slot::new(Some(class.clone()))));
    let ffi_parts = parts.iter().filter_map(|(offset, class)| desc_of(class).map(|desc| (*offset, &desc.ffi)));
    let format = CString::new(spec.to_string_lossy().into_owned())
        .map_err(|_| raise!(py, ValueError, "embedded null character"))?;
    let ffi = FfiType::aggregate(size, align, ffi_parts);
    let kind = if is_struct { Kind::Struct } else { Kind::Union };
    info.replace(Desc { size, align, length, flags, ffi, keeps, format, ..empty(kind) });
    info.set_final();
    make_anonymous(py, ty)
}

/// Gives a class the fields of its anonymous members.
fn make_anonymous(py: Attached<'_>, ty: &Type) -> PyResult<()> {
    let Some(names) = ty.as_object().get_attr_opt(py, id!(py, _anonymous_))? else { return Ok(()) };
    let names = names.sequence_fast(py, || "_anonymous_ must be a sequence")?;
    for name in names.sequence_tuple(py)?.as_slice() {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name()));
        };
        let found = ty.as_object().get_attr(py, name)?;
        let Some(field) = (*found).downcast_exact::<CField>() else {
            return Err(raise!(py, AttributeError, "'{name}' is specified in _anonymous_ but not in _fields_"));
        };
        field.set_anonymous();
        copy_fields(py, ty, field, field.index(), field.offset())?;
    }
    Ok(())
}

/// Makes the fields of `outer`'s class those of `ty`, moved by `offset`.
fn copy_fields(py: Attached<'_>, ty: &Type, outer: &CField, index: isize, offset: isize) -> PyResult<()> {
    let class = outer.class(py)?;
    let fields = class.get_attr(py, id!(py, _fields_))?.sequence_tuple(py)?;
    for pair in fields.as_slice() {
        let name = pair.sequence_item(py, 0)?;
        let Some(name) = (*name).downcast::<Str>() else { return Err(raise!(py, TypeError, "unexpected type")) };
        let found = class.get_attr(py, name)?;
        let Some(inner) = (*found).downcast_exact::<CField>() else {
            return Err(raise!(py, TypeError, "unexpected type"));
        };
        if inner.is_anonymous() {
            let _depth = py.enter_recursive(" while copying anonymous fields")?;
            copy_fields(py, ty, inner, index + inner.index(), offset + inner.offset())?;
            continue;
        }
        let moved = inner.moved(py, index, offset)?;
        ty.as_object().set_attr(py, name, Some(moved.as_object()))?;
    }
    Ok(())
}

const _: () = assert!(size_of::<CStruct>() == size_of::<CData>());

/// Adds an entry to the dict of a class under construction.
pub fn put_in_class(py: Attached<'_>, ty: &Type, name: &str, value: &Object) -> PyResult<()> {
    let Some(dict) = ty.dict() else { return Err(py.bad_internal_call()) };
    Dict::set_str(dict, py, name, value)?;
    ty.modified(py);
    Ok(())
}
