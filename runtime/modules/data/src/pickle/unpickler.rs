//! `Unpickler`: its settings and its memo.
use super::load::Loader;
use super::source::{File, Source};
use super::{cannot_unpickle, renamed};
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, State, Trace, alloc, required, type_name};
use krait_object::protocols::buffer::stable_bytes;
use krait_object::reserve::copied;
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, id, pytype, raise,
};
use std::borrow::Cow;
use std::ffi::c_int;
use std::mem::offset_of;

/// What an unpickler keeps between loads.
#[derive(Default)]
pub struct Kept {
    pub memo: Vec<Option<Ref<Object>>>,
    pub source: Source,
    pub encoding: String,
    pub errors: String,
    pub protocol: i32,
}

impl Trace for Kept {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.memo.trace(visit)
    }
}

krait_object::native! {
    /// `Unpickler`.
    pub struct Unpickler {
        kept: State<Kept>,
        persistent_load: Slot,
        buffers: Slot,
        fix_imports: Field<bool>,
        ready: Field<bool>,
        running: Field<bool>,
        protocol: Field<i32>,
        weaklist: Field<*mut PyObject>,
    }
}
pytype! {
    pub static UNPICKLER: "_pickle.Unpickler" for Unpickler {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Unpickler(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())\n--\n\nThis takes a binary file for reading a pickle data stream.\n\n  fix_imports\n    Whether names of Python 2 become those of Python 3, for protocols below 3.\n  encoding\n    How strings of Python 2 are decoded; 'bytes' leaves them alone.\n  errors\n    What happens to bytes that cannot be decoded.\n  buffers\n    The buffers that are not part of the stream.",
        slots: {
            tp_dealloc = Unpickler::dealloc,
            tp_traverse = Unpickler::traverse,
            tp_clear = Unpickler::clear,
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| Unpickler::make(py, ty),
            tp_init = Unpickler::init,
            tp_getattro = Unpickler::get_attribute,
            tp_setattro = Unpickler::set_attribute,
            raw tp_weaklistoffset = offset_of!(Unpickler, weaklist) as isize,
        },
        methods: {
            noargs "load" => |py: Attached<'_>, this: &Unpickler| this.load_object(py), "($self, /)", "Load a pickle.\n\nRead a pickled object representation from the open file object given in the\nconstructor, and return the reconstituted object hierarchy specified there.";
            sig "find_class" => |py: Attached<'_>, this: &Unpickler, [module, name]: [Arg<'_>; 2]| this.find(py, required(py, module)?, required(py, name)?), "($self, module_name, global_name, /)", "Return an object from a specified module.\n\nIf necessary, the module will be imported. Subclasses may override this\nmethod (e.g. to restrict unpickling of arbitrary classes and functions).";
            o "persistent_load" => |py: Attached<'_>, _: &Unpickler, _: &Object| no_persistent_load(py), "($self, pid, /)", "The object that a persistent id stands for.";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Unpickler| size_of::<Unpickler>() + this.kept.lock().memo.capacity() * 8, "($self, /)", "Returns size in memory, in bytes.";
        },
        getset: {
            "memo" => Unpickler::get_memo, Unpickler::set_memo, "The objects that were read.";
        },
    }
}

pub fn no_persistent_load(py: Attached<'_>) -> PyResult<Ref<Object>> {
    Err(cannot_unpickle(
        py,
        "A load persistent id instruction was encountered, but no persistent_load function was specified.",
    ))
}

impl Unpickler {
    pub fn make(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Unpickler>> {
        let this = alloc::<Unpickler>(py, ty)?;
        this.kept.init(Kept::default());
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &Unpickler) {
        let old = std::mem::take(&mut *this.kept.lock());
        drop(old);
        drop(this.persistent_load.take());
        drop(this.buffers.take());
    }

    fn init(py: Attached<'_>, this: &Unpickler, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature =
            Signature::parse("Unpickler", "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())");
        let [file, fix, encoding, errors, buffers] = SIG.bind::<5>(py, args)?;
        this.set_up(py, Some(required(py, file)?), fix, encoding, errors, buffers)
    }

    pub fn set_up(
        &self,
        py: Attached<'_>,
        file: Option<&Object>,
        fix: Arg<'_>,
        encoding: Arg<'_>,
        errors: Arg<'_>,
        buffers: Arg<'_>,
    ) -> PyResult<()> {
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "Unpickler object is already used"));
        }
        let text = |arg: Arg<'_>, name: &str, default: &str| match arg.map(|arg| (arg, arg.downcast::<Str>())) {
            None => Ok(default.to_owned()),
            Some((_, Some(text))) => Ok(text.to_string_lossy().into_owned()),
            Some((arg, None)) => {
                let given = type_name(arg);
                Err(raise!(py, TypeError, "Unpickler() argument '{name}' must be str, not {given}"))
            }
        };
        let fix = fix.map_or(Ok(true), |fix| fix.is_true(py))?;
        let (encoding, errors) = (text(encoding, "encoding", "ASCII")?, text(errors, "errors", "strict")?);
        let file = file.map(|file| File::new(py, file)).transpose()?;
        let buffers = match buffers.filter(|buffers| !buffers.is_none()) {
            Some(buffers) => Some(buffers.iter(py)?),
            None => None,
        };
        let source = Source { file, ..Source::default() };
        let kept = Kept { source, encoding, errors, ..Kept::default() };
        let old = std::mem::replace(&mut *self.kept.lock(), kept);
        drop(old);
        drop(self.buffers.replace(buffers));
        self.fix_imports.set(fix);
        self.protocol.set(0);
        self.ready.set(true);
        Ok(())
    }

    /// Reads from memory.
    pub fn set_data(&self, py: Attached<'_>, data: &Object) -> PyResult<()> {
        let data = match stable_bytes(py, data)? {
            Cow::Borrowed(data) => copied(py, data)?,
            Cow::Owned(data) => data,
        };
        self.kept.lock().source.data = data;
        Ok(())
    }

    fn get_attribute(py: Attached<'_>, this: &Unpickler, name: &Object) -> PyResult<Ref<Object>> {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string"));
        };
        let own = if name.eq_str("persistent_load") { this.persistent_load.get() } else { None };
        own.map_or_else(|| this.as_object().generic_get_attr(py, name), Ok)
    }

    fn set_attribute(py: Attached<'_>, this: &Unpickler, name: &Object, value: Option<&Object>) -> PyResult<()> {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string"));
        };
        if !name.eq_str("persistent_load") {
            return this.as_object().generic_set_attr(py, name, value);
        }
        let old = this.persistent_load.replace(value.map(Layout::to_ref));
        if value.is_none() && old.is_none() {
            return this.as_object().generic_set_attr(py, name, None);
        }
        Ok(())
    }

    fn get_memo(py: Attached<'_>, this: &Unpickler) -> PyResult<Ref<UnpicklerMemo>> {
        let proxy = alloc::<UnpicklerMemo>(py, UnpicklerMemo::type_object())?;
        drop(proxy.unpickler.replace(Some(this.to_ref())));
        Ok(proxy)
    }

    fn set_memo(py: Attached<'_>, this: &Unpickler, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "attribute deletion is not supported"));
        };
        let mut memo = Vec::new();
        if let Some(other) = value.downcast::<UnpicklerMemo>().and_then(|proxy| proxy.unpickler.get()) {
            memo = other.kept.lock().memo.clone();
        } else if let Some(dict) = value.downcast::<Dict>() {
            for (key, object) in dict.items_snapshot(py)? {
                let Some(key) = key.as_object().downcast::<Int>() else {
                    return Err(raise!(py, TypeError, "memo key must be integers"));
                };
                let at = key.as_isize(py)?;
                let Ok(at) = usize::try_from(at) else {
                    return Err(raise!(py, ValueError, "memo key must be positive integers."));
                };
                super::load::remember(py, &mut memo, at, object)?;
            }
        } else {
            let given = value.ty().name();
            return Err(raise!(
                py,
                TypeError,
                "'memo' attribute must be an UnpicklerMemoProxy object or dict, not {given}"
            ));
        }
        let old = std::mem::replace(&mut this.kept.lock().memo, memo);
        drop(old);
        Ok(())
    }

    /// A global by its names.
    pub fn find(&self, py: Attached<'_>, module: &Object, name: &Object) -> PyResult<Ref<Object>> {
        let (mut module, mut name) = (module.to_ref(), name.to_ref());
        let protocol = self.protocol.get();
        krait_vm::sysmodule::audit_event(py, "pickle.find_class", &[&module, &name])?;
        if protocol < 3 && self.fix_imports.get() {
            (module, name) = renamed(py, false, module, name)?;
        }
        let (Some(module_text), Some(text)) =
            (module.as_object().downcast::<Str>(), name.as_object().downcast::<Str>())
        else {
            return Err(raise!(py, TypeError, "find_class() arguments must be str"));
        };
        let start = super::module_of(py, &module, &module_text.to_string_lossy())?;
        if protocol < 4 {
            return start.get_attr(py, text);
        }
        let path = super::split_path(py, text)?;
        let mut object = start.clone();
        for part in &path {
            object = match object.get_attr(py, part) {
                Ok(next) => next,
                Err(raised) if path.len() > 1 && raised.matches(py, krait_object::exc::AttributeError()) => {
                    let cause = raised.take(py);
                    let (path, module) = (text.as_object().repr(py)?, module.repr(py)?);
                    let raised = raise!(py, AttributeError, "Can't resolve path {} on module {}", *path, *module);
                    let exception = raised.take(py);
                    exception.replace_context(Some(cause));
                    return Err(py.restore(exception));
                }
                Err(raised) => return Err(raised),
            };
        }
        Ok(object)
    }

    /// Calls the `find_class` of a subclass, or this one's.
    pub fn find_class(&self, py: Attached<'_>, module: &Object, name: &Object) -> PyResult<Ref<Object>> {
        if std::ptr::eq(self.as_object().ty(), Self::type_object()) {
            return self.find(py, module, name);
        }
        self.as_object().call_method(py, id!(py, find_class), &[module, name])
    }

    pub fn load_object(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        if !self.ready.get() {
            let name = self.as_object().ty().short_name().into_owned();
            return Err(cannot_unpickle(py, format_args!("Unpickler.__init__() was not called by {name}.__init__()")));
        }
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "Unpickler object is already used"));
        }
        self.running.set(true);
        self.protocol.set(0);
        let kept = std::mem::take(&mut *self.kept.lock());
        let mut loader = Loader::new(py, self, kept);
        let result = loader.run();
        let settled = loader.kept.source.settle(py);
        let kept = loader.into_kept();
        let old = std::mem::replace(&mut *self.kept.lock(), kept);
        drop(old);
        self.running.set(false);
        match result {
            Ok(object) => settled.map(|()| object),
            Err(raised) => Err(raised),
        }
    }

    pub fn set_protocol(&self, protocol: i32) {
        self.protocol.set(protocol);
    }

    pub fn persistent(&self, py: Attached<'_>, pid: &Object) -> PyResult<Ref<Object>> {
        match self.persistent_load.get() {
            Some(load) => load.call_pos(py, &[pid]),
            None if std::ptr::eq(self.as_object().ty(), Self::type_object()) => no_persistent_load(py),
            None => self.as_object().call_method(py, id!(py, persistent_load), &[pid]),
        }
    }

    pub fn next_buffer(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(buffers) = self.buffers.get() else {
            return Err(cannot_unpickle(
                py,
                "pickle stream refers to out-of-band data but no *buffers* argument was given",
            ));
        };
        match buffers.iter_next(py)? {
            Some(buffer) => Ok(buffer),
            None => Err(cannot_unpickle(py, "not enough out-of-band buffers")),
        }
    }
}

krait_object::native! {
    /// The memo of an unpickler, as Python code sees it.
    pub struct UnpicklerMemo { unpickler: Slot<Unpickler> }
}
pytype! {
    pub static UNPICKLER_MEMO: "_pickle.UnpicklerMemoProxy" for UnpicklerMemo {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = UnpicklerMemo::dealloc, tp_traverse = UnpicklerMemo::traverse, tp_clear = |_: Attached<'_>, this: &UnpicklerMemo| drop(this.unpickler.take()) },
        methods: {
            noargs "clear" => |_: Attached<'_>, this: &UnpicklerMemo| { let old = this.unpickler.get().map(|unpickler| std::mem::take(&mut unpickler.kept.lock().memo)); drop(old) }, "($self, /)", "Remove all items from memo.";
            noargs "copy" => UnpicklerMemo::copy, "($self, /)", "Copy the memo to a new object.";
            noargs "__reduce__" => |py: Attached<'_>, this: &UnpicklerMemo| -> PyResult<Ref<Tuple>> { let args = Tuple::from_vec(py, vec![UnpicklerMemo::copy(py, this)?.upcast()])?; Tuple::pair(py, Dict::type_object().to_ref().upcast(), args.upcast()) }, "($self, /)", "Implement pickling support.";
        },
    }
}

impl UnpicklerMemo {
    fn copy(py: Attached<'_>, this: &UnpicklerMemo) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(py)?;
        let memo = this.unpickler.get().map(|unpickler| unpickler.kept.lock().memo.clone()).unwrap_or_default();
        for (at, object) in memo.into_iter().enumerate() {
            if let Some(object) = object {
                dict.set(py, &*at.into_object(py)?, &object)?;
            }
        }
        Ok(dict)
    }
}
