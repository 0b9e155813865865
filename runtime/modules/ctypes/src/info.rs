//! What the module knows about a class with C layout, and the metaclasses that keep it.
use crate::ffi::FfiType;
use krait_object::builtins::typeobject::type_setattro;
use krait_object::layout::{Field, PyHeapTypeObject, PyMemberDef};
use krait_object::native::Part;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Slot, Type, Visit, WeakRef, exc, id, pytype, raise};
use std::collections::HashMap;
use std::ffi::{CString, c_int};
use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// What kind of C type a class stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Simple,
    Struct,
    Union,
    Array,
    Pointer,
    Function,
}

/// The value is a pointer, or holds one.
pub const IS_POINTER: u32 = 1;
pub const HAS_POINTER: u32 = 2;

/// What makes a class of functions.
pub struct Prototype {
    pub flags: c_int,
    pub argtypes: Slot<Object>,
    pub converters: Slot<Object>,
    /// Null where the class says nothing.
    pub restype: Slot<Object>,
    pub checker: Slot<Object>,
}

/// The facts about a class. Constant once it is published.
pub struct Desc {
    pub kind: Kind,
    pub size: usize,
    pub align: usize,
    /// Items of an array, fields of a structure (with those of its bases), 1 for pointers.
    pub length: usize,
    pub flags: u32,
    /// The type code of a simple type, 0 for others.
    pub code: u8,
    /// Whether a simple type has the other byte order.
    pub swapped: bool,
    /// The class of items or of what a pointer points to.
    pub item: Slot<Object>,
    pub ffi: FfiType,
    /// Classes whose facts `ffi` was made from.
    pub keeps: Vec<Slot<Object>>,
    /// The format that buffers have.
    pub format: CString,
    pub shape: Vec<isize>,
    pub prototype: Option<Prototype>,
}

impl Desc {
    /// Facts of a plain word.
    pub fn word(kind: Kind, format: CString) -> Desc {
        Desc {
            kind,
            size: size_of::<usize>(),
            align: align_of::<usize>(),
            length: 1,
            flags: IS_POINTER,
            code: 0,
            swapped: false,
            item: Slot::NULL,
            ffi: FfiType::pointer(),
            keeps: Vec::new(),
            format,
            shape: Vec::new(),
            prototype: None,
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot<Object>> {
        let prototype = self.prototype.iter().flat_map(|p| [&p.argtypes, &p.converters, &p.restype, &p.checker]);
        [&self.item].into_iter().chain(&self.keeps).chain(prototype)
    }

    /// The class of the items.
    pub fn item(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.item.get().ok_or_else(|| raise!(py, TypeError, "abstract class"))
    }
}

/// The changing part: which facts hold now.
pub struct Info {
    /// Owned by `all`.
    desc: Field<*const Desc>,
    /// Whether the facts may change no more.
    is_final: Field<bool>,
    pub pointer_type: Slot<Object>,
    /// The array classes of this item class by length.
    pub arrays: Mutex<HashMap<usize, Ref<WeakRef>>>,
    /// Every set of facts that held; readers may still look at old ones.
    #[allow(clippy::vec_box)]
    all: Mutex<Vec<Box<Desc>>>,
}

impl Info {
    pub fn desc(&self) -> &Desc {
        // SAFETY: [published]: set by the constructor and owned by `all` as long as the class lives.
        unsafe { &*self.desc.load(Ordering::Acquire) }
    }

    pub fn replace(&self, desc: Desc) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(desc));
        if let Some(last) = all.last() {
            self.desc.store(&raw const **last, Ordering::Release);
        }
    }

    pub fn is_final(&self) -> bool {
        self.is_final.get()
    }

    pub fn set_final(&self) {
        self.is_final.set(true);
    }

    fn each(&self, mut visit: impl FnMut(&Slot<Object>) -> Result<(), c_int>) -> Result<(), c_int> {
        visit(&self.pointer_type)?;
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().try_for_each(|desc| desc.slots().try_for_each(&mut visit))
    }

    fn clear(&self) {
        let mut displaced = Vec::new();
        let _ = self.each(|slot| {
            displaced.extend(slot.take());
            Ok(())
        });
        drop(displaced);
        drop(std::mem::take(&mut *self.arrays.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// A class that one of the metaclasses made.
#[repr(C)]
struct CClass {
    heap: PyHeapTypeObject,
    info: Field<*mut Info>,
}

fn info_cell(ty: &Type) -> Option<&Field<*mut Info>> {
    let known = ty.is_heap() && ty.as_object().ty().is_subtype_of(CType::type_object());
    // SAFETY: [layout]: heap types of these metaclasses have the field behind the common part.
    known.then(|| unsafe { &(*ty.as_ptr().cast::<CClass>()).info })
}

/// The facts about a class, or `None` for classes without C layout and for abstract ones.
pub fn info_of(ty: &Type) -> Option<&Info> {
    // SAFETY: [published]: set once, freed with the class.
    unsafe { info_cell(ty)?.load(Ordering::Acquire).as_ref() }
}

/// As [`info_of`], for any object.
pub fn info_of_object(object: &Object) -> Option<&Info> {
    info_of(object.downcast::<Type>()?)
}

/// The present facts about a class.
pub fn desc_of(object: &Object) -> Option<&Desc> {
    info_of_object(object).map(Info::desc)
}

/// The facts about a class that is about to get instances: they change no more.
pub fn final_desc<'a>(py: Attached<'_>, ty: &'a Object) -> PyResult<&'a Desc> {
    let Some(info) = info_of_object(ty) else { return Err(raise!(py, TypeError, "abstract class")) };
    info.set_final();
    Ok(info.desc())
}

/// Gives a class its facts.
///
/// # Errors
/// `SystemError` when it has them already.
pub fn init_info(py: Attached<'_>, ty: &Type, desc: Desc) -> PyResult<()> {
    let Some(cell) = info_cell(ty) else { return Err(py.bad_internal_call()) };
    if !cell.get().is_null() {
        return Err(raise!(py, SystemError, "StgInfo of '{}' is already initialized.", ty.name()));
    }
    let info = Box::new(Info {
        desc: Field::new(std::ptr::null()),
        is_final: Field::new(false),
        pointer_type: Slot::NULL,
        arrays: Mutex::default(),
        all: Mutex::default(),
    });
    info.replace(desc);
    cell.store(Box::into_raw(info), Ordering::Release);
    Ok(())
}

/// The metaclass of all classes with C layout.
#[repr(transparent)]
pub struct CType(krait_object::layout::PyTypeObject);

const BASICSIZE: isize = size_of::<CClass>() as isize;
const ITEMSIZE: isize = size_of::<PyMemberDef>() as isize;

pytype! {
    pub static CTYPE_TYPE: "_ctypes.CType_Type" for CType {
        base: Type,
        flags: [HAVE_GC, BASETYPE, TYPE_SUBCLASS, ITEMS_AT_END, HAVE_VECTORCALL],
        basicsize: BASICSIZE,
        itemsize: ITEMSIZE,
        slots: {
            tp_dealloc = CType::dealloc,
            tp_traverse = CType::traverse,
            tp_clear = CType::clear,
            raw tp_vectorcall_offset = std::mem::offset_of!(PyTypeObject, tp_vectorcall) as isize,
            sq_repeat = crate::array::repeat,
        },
        methods: { noargs "__sizeof__" => CType::sizeof, "($self, /)", "Bytes that the class takes."; },
        getset: { "__pointer_type__" => CType::get_pointer_type, CType::set_pointer_type, "pointer type"; },
    }
}

impl CType {
    fn as_type(&self) -> &Type {
        // SAFETY: both are transparent over the same struct.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    unsafe fn dealloc(_: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero: nobody else can reach the class.
        unsafe {
            if let Some(cell) = info_cell(this.as_ref().as_type()) {
                let info = cell.get();
                cell.set(std::ptr::null_mut());
                if !info.is_null() {
                    drop(Box::from_raw(info));
                }
            }
            if let Some(dealloc) = Type::type_object().as_type().tp_dealloc.get() {
                dealloc(this.as_ptr().cast());
            }
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        if let Some(info) = info_of(this.as_type()) {
            info.each(|slot| slot.visit(visit))?;
        }
        let (proc, arg) = visit.as_raw();
        match Type::type_object().as_type().tp_traverse.get() {
            // SAFETY: [slot-contract].
            Some(traverse) => match unsafe { traverse(this.as_ptr(), proc, arg) } {
                0 => Ok(()),
                stop => Err(stop),
            },
            None => Ok(()),
        }
    }

    fn clear(_: Attached<'_>, this: &Self) {
        if let Some(info) = info_of(this.as_type()) {
            info.clear();
        }
        if let Some(clear) = Type::type_object().as_type().tp_clear.get() {
            // SAFETY: [slot-contract].
            unsafe { clear(this.as_ptr()) };
        }
    }

    fn sizeof(py: Attached<'_>, this: &Self) -> PyResult<isize> {
        let Some(method) = Type::type_object().lookup(py, id!(py, __sizeof__)) else {
            return Err(py.bad_internal_call());
        };
        let own = method.call_pos(py, &[this.as_object()])?.as_isize(py)?;
        let Some(info) = info_of(this.as_type()) else { return Ok(own) };
        let desc = info.desc();
        Ok(own + (size_of::<Info>() + size_of::<Desc>() + desc.format.as_bytes().len() + desc.shape.len() * 8) as isize)
    }

    fn get_pointer_type(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let info = need_storage(py, this.as_object())?;
        match info.pointer_type.get() {
            Some(ty) => Ok(ty),
            None => {
                let class = this.as_object().repr(py)?;
                Err(raise!(py, AttributeError, "{class} has no attribute '__pointer_type__'"))
            }
        }
    }

    fn set_pointer_type(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let info = need_storage(py, this.as_object())?;
        drop(info.pointer_type.replace(value.map(Layout::to_ref)));
        Ok(())
    }
}

/// The facts about a class that has to have some.
pub fn need_storage<'a>(py: Attached<'_>, class: &'a Object) -> PyResult<&'a Info> {
    match info_of_object(class) {
        Some(info) => Ok(info),
        None => Err(raise!(py, TypeError, "{} must have storage info", class.repr(py)?)),
    }
}

/// Declares a metaclass.
macro_rules! metaclass {
    ($Name:ident, $STATIC:ident, $full:literal, $doc:literal, init: $init:path, from_param: $from_param:path,
     $(slots: { $($slots:tt)* },)? methods: { $($methods:tt)* }) => {
        #[repr(transparent)]
        pub struct $Name(krait_object::layout::PyTypeObject);
        impl $Name {
            pub fn as_type(&self) -> &Type {
                // SAFETY: both are transparent over the same struct.
                unsafe { &*std::ptr::from_ref(self).cast() }
            }
        }
        pytype! {
            pub static $STATIC: $full for $Name {
                base: CType,
                flags: [HAVE_GC, BASETYPE, TYPE_SUBCLASS, ITEMS_AT_END, HAVE_VECTORCALL],
                basicsize: BASICSIZE,
                itemsize: ITEMSIZE,
                doc: $doc,
                slots: {
                    tp_init = $init,
                    raw tp_vectorcall_offset = std::mem::offset_of!(PyTypeObject, tp_vectorcall) as isize,
                    $($($slots)*)?
                },
                methods: {
                    o "from_param" => $from_param, "($self, value, /)", "Converts an object for a function call.";
                    o "from_address" => crate::cdata::from_address, "($self, value, /)", "An instance at an address.";
                    sig "from_buffer" => crate::cdata::from_buffer, "($self, obj, offset=0, /)", "An instance that shares the memory of a writable buffer.";
                    sig "from_buffer_copy" => crate::cdata::from_buffer_copy, "($self, buffer, offset=0, /)", "An instance with a copy of a buffer's memory.";
                    sig "in_dll" => crate::cdata::in_dll, "($self, dll, name, /)", "An instance at a library's symbol.";
                    $($methods)*
                },
            }
        }
    };
}

metaclass! {
    StructType, STRUCT_TYPE, "_ctypes.PyCStructType", "metatype for the CData Objects",
    init: crate::structs::init_struct, from_param: crate::cdata::from_param,
    slots: { tp_setattro = StructType::setattr, },
    methods: {}
}
metaclass! {
    UnionType, UNION_TYPE, "_ctypes.UnionType", "metatype for the Union Objects",
    init: crate::structs::init_union, from_param: crate::cdata::from_param,
    slots: { tp_setattro = UnionType::setattr, },
    methods: {}
}
metaclass! {
    PointerType, POINTER_TYPE, "_ctypes.PyCPointerType", "metatype for the Pointer Objects",
    init: crate::pointer::init_class, from_param: crate::pointer::from_param,
    methods: { o "set_type" => crate::pointer::set_type, "($self, type, /)", "Sets the class pointed to."; }
}
metaclass! {
    ArrayType, ARRAY_TYPE, "_ctypes.PyCArrayType", "metatype for the Array Objects",
    init: crate::array::init_class, from_param: crate::cdata::from_param,
    methods: {}
}
metaclass! {
    SimpleType, SIMPLE_TYPE, "_ctypes.PyCSimpleType", "metatype for the PyCSimpleType Objects",
    init: crate::simple::init_class, from_param: crate::simple::from_param,
    methods: {}
}
metaclass! {
    FunctionType, FUNCTION_TYPE, "_ctypes.PyCFuncPtrType", "metatype for C function pointers",
    init: crate::funcptr::init_class, from_param: crate::cdata::from_param,
    methods: {}
}

fn set_fields_attr(
    py: Attached<'_>,
    ty: &Type,
    name: &Object,
    value: Option<&Object>,
    is_struct: bool,
) -> PyResult<()> {
    let is_fields = name.downcast::<krait_object::Str>().is_some_and(|name| name.eq_str("_fields_"));
    if is_fields && value.is_some() && info_of(ty).is_some_and(Info::is_final) {
        return Err(raise!(py, AttributeError, "_fields_ is final"));
    }
    type_setattro(py, ty, name, value)?;
    match value {
        Some(fields) if is_fields => crate::structs::set_fields(py, ty, fields, is_struct),
        _ => Ok(()),
    }
}

impl StructType {
    fn setattr(py: Attached<'_>, this: &Self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        set_fields_attr(py, this.as_type(), name, value, true)
    }
}
impl UnionType {
    fn setattr(py: Attached<'_>, this: &Self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        set_fields_attr(py, this.as_type(), name, value, false)
    }
}

/// The namespace among the arguments of a metaclass's `__init__`, checked as `type.__init__` does.
pub fn class_namespace<'a>(py: Attached<'_>, args: krait_object::args::Args<'a>) -> PyResult<&'a krait_object::Dict> {
    if !args.names.is_empty() && args.pos.len() == 1 {
        return Err(raise!(py, TypeError, "type.__init__() takes no keyword arguments"));
    }
    match args.pos {
        [_, _, namespace] => match namespace.downcast() {
            Some(namespace) => Ok(namespace),
            None => Err(raise!(py, TypeError, "type() argument 3 must be dict")),
        },
        _ => Err(py.raise(exc::TypeError(), "type.__init__() takes 1 or 3 arguments")),
    }
}
