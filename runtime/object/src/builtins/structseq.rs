//! Struct sequences: tuples whose items have names too (`sys.float_info`, `os.stat_result`, `time.struct_time`).
//!
//! The first fields are items of the tuple; further ones have a name only. The types are made once per process, are
//! immortal and immutable like the builtin ones.
use crate::args::{Args, Signature};
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::*;
use crate::typedef::{self, Table};
use crate::{Dict, Int, Object, PyResult, Str, Tuple, Type, mem, none, raise};
use std::ffi::CString;
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

/// The declaration of a struct sequence type.
pub struct StructSeq {
    /// With the module: `"sys.flags"`.
    pub name: &'static str,
    pub doc: &'static str,
    /// Names and descriptions. An empty name is an item without a name.
    pub fields: &'static [(&'static str, &'static str)],
    /// How many leading fields are items of the tuple.
    pub visible: usize,
    /// Whether Python code may make instances.
    pub constructible: bool,
    /// Whether the constructor takes the fields as arguments rather than as one sequence.
    by_fields: bool,
    made: OnceLock<&'static SeqType>,
}

/// A type that this process made.
struct SeqType {
    ty: PyTypeObject,
}

/// The member table of a type, after the type's declaration.
#[repr(C)]
struct Members<const N: usize> {
    def: &'static StructSeq,
    table: [PyMemberDef; N],
}

static METHODS: Table<PyMethodDef, 3> = Table([
    crate::method_def!(Tuple; noargs "__reduce__" => reduce, "($self, /)", "State for pickling."),
    crate::method_def!(Tuple; raw "__replace__" => replace, "($self, /, **changes)", "A copy with some fields changed."),
    typedef::METHOD_END,
]);

/// The declaration of a struct sequence type, which lies before its members.
fn def_of_type(ty: &PyTypeObject) -> &'static StructSeq {
    // SAFETY: the functions of struct sequence types only are called with such a type, which `build` filled.
    unsafe { (*ty.tp_members.get().byte_sub(offset_of!(Members<0>, table)).cast::<Members<0>>()).def }
}

// SAFETY: a ready type is shared like the static ones.
unsafe impl Send for SeqType {}
// SAFETY: as above.
unsafe impl Sync for SeqType {}

const ITEMS: usize = offset_of!(PyTupleObject, ob_item);

impl StructSeq {
    /// A type whose fields are all items.
    pub const fn new(name: &'static str, doc: &'static str, fields: &'static [(&'static str, &'static str)]) -> Self {
        StructSeq {
            name,
            doc,
            fields,
            visible: fields.len(),
            constructible: true,
            by_fields: false,
            made: OnceLock::new(),
        }
    }

    /// With only the first `visible` fields as items.
    pub const fn visible(mut self, visible: usize) -> Self {
        self.visible = visible;
        self
    }

    /// Without a constructor (`sys.flags` and the like).
    pub const fn not_constructible(mut self) -> Self {
        self.constructible = false;
        self
    }

    /// With a constructor that takes the fields as arguments.
    pub const fn by_fields(mut self) -> Self {
        self.by_fields = true;
        self
    }

    /// The type, made on first use.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn ty(&'static self, py: Attached<'_>) -> PyResult<&'static Type> {
        if let Some(made) = self.made.get() {
            // SAFETY: a type begins with its `PyTypeObject`.
            return Ok(unsafe { Type::from_type_ptr((&raw const made.ty).cast_mut()) });
        }
        let made: &'static SeqType = Box::leak(Box::new(SeqType { ty: self.build() }));
        self.finish(py, (&raw const made.ty).cast_mut())?;
        // A second thread may have been faster; its type is as good, ours is never seen.
        let winner = self.made.get_or_init(|| made);
        // SAFETY: as above.
        Ok(unsafe { Type::from_type_ptr((&raw const winner.ty).cast_mut()) })
    }

    /// Makes a host's own static type a struct sequence type (`PyStructSequence_InitType2`).
    ///
    /// # Errors
    /// `MemoryError`.
    ///
    /// # Safety
    /// `place` is memory for a type object that lives for ever and that nobody else uses yet.
    pub unsafe fn install(&'static self, py: Attached<'_>, place: *mut PyTypeObject) -> PyResult<()> {
        // SAFETY: by the contract.
        unsafe { ptr::write(place, self.build()) };
        self.finish(py, place)
    }

    /// A further type of this declaration (`PyStructSequence_NewType`).
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new_type(&'static self, py: Attached<'_>) -> PyResult<Ref<Type>> {
        let made: &'static SeqType = Box::leak(Box::new(SeqType { ty: self.build() }));
        let raw = (&raw const made.ty).cast_mut();
        self.finish(py, raw)?;
        // SAFETY: ready, and lives for ever.
        Ok(unsafe { Type::from_type_ptr(raw) }.to_ref())
    }

    /// Makes a filled type ready.
    fn finish(&'static self, py: Attached<'_>, raw: *mut PyTypeObject) -> PyResult<()> {
        // SAFETY: filled by `build`.
        let ty = unsafe { Type::from_type_ptr(raw) };
        ty.ready(py)?;
        // SAFETY: [layout]: a ready type has a dict, and nobody else sees the type yet.
        let Some(dict) = (unsafe { ty.as_type().tp_dict.get().cast::<Dict>().as_ref() }) else {
            return Err(py.bad_internal_call());
        };
        let number = |value: usize| Int::from_i64(py, value as i64);
        let unnamed = self.fields.iter().filter(|(name, _)| name.is_empty()).count();
        dict.set_str(py, "n_sequence_fields", number(self.visible)?.as_object())?;
        dict.set_str(py, "n_fields", number(self.fields.len())?.as_object())?;
        dict.set_str(py, "n_unnamed_fields", number(unnamed)?.as_object())?;
        let mut names = Vec::new();
        for (name, _) in self.fields.iter().take(self.visible).filter(|(name, _)| !name.is_empty()) {
            names.push(Str::new(py, name)?.upcast());
        }
        let names = Tuple::from_vec(py, names)?;
        dict.set_str(py, "__match_args__", names.as_object())
    }

    fn build(&'static self) -> PyTypeObject {
        let text = |text: &str| CString::new(text).expect("names have no NUL").into_raw().cast_const();
        let mut members: Vec<PyMemberDef> = self
            .fields
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| !name.is_empty())
            .map(|(at, (name, doc))| PyMemberDef {
                name: text(name),
                r#type: _Py_T_OBJECT,
                offset: (ITEMS + at * size_of::<usize>()) as isize,
                flags: Py_READONLY,
                doc: text(doc),
            })
            .collect();
        members.push(typedef::MEMBER_END);
        // One block, so that the declaration is found from the table.
        let head = offset_of!(Members<0>, table);
        let layout = std::alloc::Layout::from_size_align(head + members.len() * size_of::<PyMemberDef>(), 8);
        let layout = layout.expect("a small size");
        // SAFETY: fresh memory of the size, filled before anybody sees it.
        let table = unsafe {
            let block = std::alloc::alloc(layout);
            if block.is_null() {
                std::alloc::handle_alloc_error(layout);
            }
            block.cast::<&'static StructSeq>().write(self);
            let table = block.add(head).cast::<PyMemberDef>();
            ptr::copy_nonoverlapping(members.as_ptr(), table, members.len());
            table
        };
        let mut ty = PyTypeObject::EMPTY;
        ty.ob_base = PyVarObject::immortal(crate::type_type_ptr(), 0);
        ty.tp_name = Field::new(text(self.name));
        ty.tp_doc = Field::new(text(self.doc));
        ty.tp_base = Field::new(Tuple::type_object().as_type_ptr());
        // The length counts the visible fields only, so the others belong to the fixed part.
        let hidden = self.fields.len() - self.visible;
        ty.tp_basicsize = Field::new((ITEMS + hidden * size_of::<usize>()) as isize);
        ty.tp_itemsize = Field::new(size_of::<usize>() as isize);
        ty.tp_flags = Field::new(typedef::type_flags(&["HAVE_GC", "TUPLE_SUBCLASS"]));
        ty.tp_members = Field::new(table);
        ty.tp_methods = Field::new((&raw const METHODS).cast_mut().cast());
        ty.tp_repr = Field::new(crate::slot_adapter!(@unary Tuple, repr));
        ty.tp_dealloc = Field::new(crate::slot_adapter!(@dealloc Tuple, dealloc));
        ty.tp_traverse = Field::new(crate::slot_adapter!(@traverse Tuple, traverse));
        if self.constructible {
            ty.tp_new = Field::new(crate::slot_adapter!(@new Tuple, new_object));
        } else {
            ty.tp_flags.set(ty.tp_flags.get() | typedef::type_flag("DISALLOW_INSTANTIATION"));
        }
        ty
    }

    /// The declaration of a struct sequence type; `None` for other types.
    pub fn of(ty: &Type) -> Option<&'static StructSeq> {
        let ours: *const PyMethodDef = (&raw const METHODS).cast();
        (ty.as_type().tp_methods.get().cast_const() == ours).then(|| def_of_type(ty.as_type()))
    }

    /// An instance without values, which the caller sets before anybody sees it (`PyStructSequence_New`).
    ///
    /// # Errors
    /// `MemoryError`; `SystemError` for a type that is no struct sequence.
    pub fn make_empty(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Tuple>> {
        let Some(def) = StructSeq::of(ty) else { return Err(py.bad_internal_call()) };
        let raw = mem::alloc_instance(py, ty, def.visible)?;
        // SAFETY: fresh zeroed memory of this type.
        let this = unsafe {
            (*raw.as_ptr().cast::<PyVarObject>()).ob_size.set(def.visible as isize);
            (*raw.as_ptr().cast::<PyTupleObject>()).ob_hash.set(-1);
            Ref::<Tuple>::from_raw(raw.as_ptr())
        };
        crate::gc::track(this.as_object());
        Ok(this)
    }

    /// An instance with these values, one per field; missing trailing ones are `None`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(&'static self, py: Attached<'_>, values: Vec<Ref<Object>>) -> PyResult<Ref<Tuple>> {
        let ty = self.ty(py)?;
        self.make_of(py, ty, values)
    }

    fn make_of(&self, py: Attached<'_>, ty: &Type, values: Vec<Ref<Object>>) -> PyResult<Ref<Tuple>> {
        let raw = mem::alloc_instance(py, ty, self.visible)?;
        let mut values = values.into_iter();
        for at in 0..self.fields.len() {
            let value = values.next().unwrap_or_else(none);
            // SAFETY: [exact-size]: memory for all fields; nobody else sees the object yet.
            unsafe { *raw.as_ptr().byte_add(ITEMS).cast::<*mut PyObject>().add(at) = value.into_raw() };
        }
        // SAFETY: a fresh tuple whose items are set.
        let this = unsafe {
            (*raw.as_ptr().cast::<PyVarObject>()).ob_size.set(self.visible as isize);
            (*raw.as_ptr().cast::<PyTupleObject>()).ob_hash.set(-1);
            Ref::<Tuple>::from_raw(raw.as_ptr())
        };
        crate::gc::track(this.as_object());
        Ok(this)
    }
}

fn def_of(this: &Tuple) -> &'static StructSeq {
    // Struct sequence types cannot be subclassed.
    def_of_type(this.as_object().ty().as_type())
}

/// All fields, hidden ones included.
fn fields(this: &Tuple) -> &[&Object] {
    // SAFETY: [exact-size]: instances have memory for all fields, each an owned reference, set before the instance is
    // shown to anybody.
    unsafe { std::slice::from_raw_parts(this.as_ptr().byte_add(ITEMS).cast(), def_of(this).fields.len()) }
}

/// As [`fields`], for instances that are not filled yet.
fn maybe_fields(this: &Tuple) -> &[Option<&Object>] {
    // SAFETY: [exact-size]: as above; memory starts as zeros.
    unsafe { std::slice::from_raw_parts(this.as_ptr().byte_add(ITEMS).cast(), def_of(this).fields.len()) }
}

fn traverse(this: &Tuple, visit: Visit<'_>) -> Result<(), std::ffi::c_int> {
    maybe_fields(this).iter().flatten().try_for_each(|field| visit.raw(field.as_ptr()))
}

unsafe fn dealloc(py: Attached<'_>, this: NonNull<Tuple>) {
    // SAFETY: the count is zero; each field's reference is dropped once.
    unsafe {
        mem::dealloc_with(py, this, |this| {
            for field in maybe_fields(this).iter().flatten() {
                drop(Ref::<Object>::from_raw(field.as_ptr()));
            }
        });
    }
}

fn repr(py: Attached<'_>, this: &Tuple) -> PyResult<Ref<Str>> {
    let def = def_of(this);
    let mut text = format!("{}(", def.name);
    // An item without a name shows the name of the field in its place among the named ones, as the reference does.
    let names = def.fields.iter().filter(|(name, _)| !name.is_empty());
    for (at, ((name, _), value)) in names.zip(fields(this)).take(def.visible).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!("{name}={}", value.repr(py)?));
    }
    text.push(')');
    Str::new(py, &text)
}

fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    let def = def_of_type(ty.as_type());
    if def.by_fields {
        return from_fields(py, def, args);
    }
    const SIG: Signature = Signature::parse("structseq", "(sequence, dict={})");
    let [sequence, dict]: [Option<&Object>; 2] = SIG.bind(py, args)?;
    let Some(sequence) = sequence else { return Err(py.bad_internal_call()) };
    let mut values = match sequence.collect(py) {
        Ok(values) => values,
        Err(raised) if raised.matches(py, crate::exc::TypeError()) => {
            raised.clear(py);
            return Err(raise!(py, TypeError, "constructor requires a sequence"));
        }
        Err(raised) => return Err(raised),
    };
    let dict = match dict {
        None => None,
        Some(dict) => match dict.downcast::<Dict>() {
            Some(dict) => Some(dict),
            None => return Err(raise!(py, TypeError, "{}() takes a dict as second arg, if any", def.name)),
        },
    };
    let (least, most) = (def.visible, def.fields.len());
    if values.len() < least || values.len() > most {
        let (word, bound) = match least == most {
            true => ("a", least),
            false if values.len() < least => ("an at least", least),
            false => ("an at most", most),
        };
        return Err(raise!(
            py,
            TypeError,
            "{}() takes {word} {bound}-sequence ({}-sequence given)",
            def.name,
            values.len()
        ));
    }
    let mut used = 0;
    for (name, _) in &def.fields[values.len()..] {
        let given = match dict {
            Some(dict) => dict.get_str(py, name),
            None => None,
        };
        used += usize::from(given.is_some());
        values.push(given.unwrap_or_else(none));
    }
    if def.name == "os.stat_result" {
        // Times that were not given as fractions are the whole seconds.
        for at in 7..10 {
            if values[at + 3].is_none() {
                values[at + 3] = values[at].clone();
            }
        }
    }
    if dict.is_some_and(|dict| dict.len() > used) {
        return Err(raise!(py, TypeError, "{}() got duplicate or unexpected field name(s)", def.name));
    }
    def.make_of(py, ty, values)
}

/// An instance of a type whose constructor takes the fields.
fn from_fields(py: Attached<'_>, def: &'static StructSeq, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    let (name, count) = (def.name.rsplit('.').next().unwrap_or(def.name), def.fields.len());
    if args.len() > count {
        let plural = if count == 1 { "" } else { "s" };
        let given = args.len();
        return Err(raise!(py, TypeError, "{name}() takes at most {count} argument{plural} ({given} given)"));
    }
    let mut values: Vec<Option<Ref<Object>>> = args.pos.iter().map(|value| Some(value.to_ref())).collect();
    values.resize_with(count, || None);
    for (key, value) in args.names.iter().zip(args.values) {
        let key = key.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "keywords must be strings"))?;
        if let Some(at) = def.fields.iter().position(|(field, _)| key.eq_str(field)) {
            values[at] = Some(value.to_ref());
        }
    }
    let mut all = Vec::with_capacity(count);
    for (at, value) in values.into_iter().enumerate() {
        let Some(value) = value else {
            let field = def.fields[at].0;
            return Err(raise!(py, TypeError, "{name}() missing required argument '{field}' (pos {})", at + 1));
        };
        all.push(value);
    }
    def.make(py, all)
}

fn reduce(py: Attached<'_>, this: &Tuple) -> PyResult<Ref<Tuple>> {
    let def = def_of(this);
    if def.by_fields {
        let values = Tuple::from_slice(py, fields(this))?;
        return Tuple::from_slice(py, &[this.as_object().ty().as_object(), values.as_object()]);
    }
    let visible = Tuple::from_slice(py, &fields(this)[..def.visible])?;
    let hidden = Dict::new(py)?;
    for ((name, _), value) in def.fields.iter().zip(fields(this)).skip(def.visible) {
        hidden.set_str(py, name, value)?;
    }
    let args = Tuple::from_slice(py, &[visible.as_object(), hidden.as_object()])?;
    Tuple::from_slice(py, &[this.as_object().ty().as_object(), args.as_object()])
}

fn replace(py: Attached<'_>, this: &Tuple, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    let def = def_of(this);
    crate::args::check_positional(py, "__replace__", args.pos.len(), 0, 0)?;
    if def.fields.iter().any(|(name, _)| name.is_empty()) {
        return Err(raise!(
            py,
            TypeError,
            "__replace__() is not supported for {} because it has unnamed field(s)",
            def.name
        ));
    }
    let mut values: Vec<Ref<Object>> = fields(this).iter().map(|field| field.to_ref()).collect();
    for (key, value) in args.names.iter().zip(args.values) {
        let key = key.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "keywords must be strings"))?;
        match def.fields.iter().position(|(name, _)| key.eq_str(name)) {
            Some(at) => values[at] = value.to_ref(),
            None => return Err(raise!(py, TypeError, "Got unexpected field name(s): ['{key}']")),
        }
    }
    def.make_of(py, this.as_object().ty(), values)
}
