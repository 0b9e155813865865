//! The exception hierarchy: `BaseException`, its classes, and how exceptions are raised and chained.
//!
//! Concurrency: attributes are single slots; a reader sees the old or the new value of each. Nothing is atomic across
//! attributes.
mod group;
mod os_error;
mod simple;
mod special;
mod syntax_error;
mod unicode_error;

pub(crate) use group::exception_group_bases;
pub use group::{BaseExceptionGroup, ExceptionGroup};
pub use os_error::{_PyExc_OSError, OSError, error_text, raise_os_error, raise_os_error_with};
pub use simple::*;
pub use special::*;
pub use syntax_error::{
    _IncompleteInputError, IndentationError, SyntaxDetails, SyntaxError, TabError, raise_syntax_error,
};
pub use unicode_error::{UnicodeDecodeError, UnicodeEncodeError, UnicodeError, UnicodeTranslateError};

use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{PyBaseExceptionObject, PyObject};
use crate::{Dict, Object, PyResult, Raised, Str, Tuple, Type, id, mem, pytype, raise};
use std::mem::offset_of;
use std::ptr::NonNull;

/// An exception.
#[repr(transparent)]
pub struct BaseException(pub(crate) PyBaseExceptionObject);

/// The owned object fields of an exception layout, for traversal and deallocation.
pub(crate) trait ExceptionFields: Layout {
    /// Offsets of the fields that the layout adds to `BaseException`'s.
    const OWN: &'static [usize];

    fn base_exception(&self) -> &BaseException {
        // SAFETY: [layout]: every exception layout begins with `BaseException`'s fields.
        unsafe { self.as_object().cast_unchecked() }
    }

    fn field(&self, offset: usize) -> &Slot {
        // SAFETY: [layout]: an owned object field lies there.
        unsafe { &*self.as_ptr().byte_add(offset).cast::<Slot>() }
    }

    fn clear_fields(_py: Attached<'_>, this: &Self) {
        for &offset in BASE_FIELDS.iter().chain(Self::OWN) {
            drop(this.field(offset).take());
        }
    }

    fn traverse_fields(this: &Self, visit: Visit<'_>) -> Result<(), std::ffi::c_int> {
        BASE_FIELDS.iter().chain(Self::OWN).try_for_each(|&offset| visit.slot(this.field(offset)))
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc_fields(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| Self::clear_fields(py, this)) };
    }
}

const BASE_FIELDS: &[usize] = &[
    offset_of!(PyBaseExceptionObject, dict),
    offset_of!(PyBaseExceptionObject, args),
    offset_of!(PyBaseExceptionObject, notes),
    offset_of!(PyBaseExceptionObject, traceback),
    offset_of!(PyBaseExceptionObject, context),
    offset_of!(PyBaseExceptionObject, cause),
];

/// Declares an exception class: its Rust layout, its type object `_PyExc_*` and the exported pointer `PyExc_*`.
///
/// `fields` names the object fields that the C layout adds.
macro_rules! exception {
    (
        $name:ident($base:ty), $raw:ty, $fields:expr, $doc:literal
        $(, slots: { $($sword:ident = $sf:expr),* $(,)? })?
        $(, methods: { $($methods:tt)* })?
        $(, getset: { $($getset:tt)* })?
        $(, members: [$($member:expr),* $(,)?])?
    ) => {
        #[doc = concat!("`", stringify!($name), "`: ", $doc)]
        #[repr(transparent)]
        pub struct $name(#[allow(dead_code)] pub(crate) $raw);

        ::pastey::paste! {
            $crate::pytype! {
                #[unsafe(no_mangle)]
                pub static [<_PyExc_ $name>]: $name for $name {
                    base: $base,
                    flags: [BASETYPE, HAVE_GC, BASE_EXC_SUBCLASS],
                    doc: $doc,
                    slots: {
                        tp_dealloc = <$name as $crate::builtins::exceptions::ExceptionFields>::dealloc_fields,
                        tp_traverse = <$name as $crate::builtins::exceptions::ExceptionFields>::traverse_fields,
                        tp_clear = <$name as $crate::builtins::exceptions::ExceptionFields>::clear_fields
                        $($(, $sword = $sf)*)?
                    },
                    $(methods: { $($methods)* },)?
                    $(getset: { $($getset)* },)?
                    $(members: [$($member),*],)?
                }
            }

            /// The class, as C code names it.
            #[unsafe(no_mangle)]
            pub static [<PyExc_ $name>]: $crate::Field<*mut $crate::layout::PyObject> =
                $crate::Field::new((&raw const [<_PyExc_ $name>]).cast_mut().cast());
        }

        impl $crate::builtins::exceptions::ExceptionFields for $name {
            const OWN: &'static [usize] = $fields;
        }
    };
}
use exception;

/// A writable object member that reads as `None` while unset.
pub(crate) const fn object_member(
    name: &'static str,
    offset: usize,
    doc: &'static std::ffi::CStr,
) -> crate::layout::PyMemberDef {
    crate::typedef::member(name, crate::layout::_Py_T_OBJECT, offset, 0, doc)
}

impl ExceptionFields for BaseException {
    const OWN: &'static [usize] = &[];
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyExc_BaseException: "BaseException" for BaseException {
        base: Object,
        flags: [BASETYPE, HAVE_GC, BASE_EXC_SUBCLASS],
        fast: BASE_EXC_SUBCLASS,
        doc: "Root of the exception hierarchy.",
        slots: {
            tp_new = BaseException::new_object,
            tp_init = BaseException::init,
            tp_dealloc = BaseException::dealloc_fields,
            tp_traverse = BaseException::traverse_fields,
            tp_clear = BaseException::clear_fields,
            tp_repr = BaseException::repr,
            tp_str = BaseException::str_of_args,
            raw tp_dictoffset = offset_of!(PyBaseExceptionObject, dict) as isize,
        },
        methods: {
            noargs "__reduce__" => BaseException::reduce, "($self, /)", "State for pickling: class, arguments and, when there is one, the dict.";
            o "__setstate__" => BaseException::set_state, "($self, state, /)", "Sets attributes from a pickled dict.";
            o "with_traceback" => BaseException::with_traceback, "($self, tb, /)", "Sets the traceback and returns the exception.";
            o "add_note" => BaseException::add_note, "($self, note, /)", "Adds a line to print after the traceback.";
        },
        getset: {
            "__dict__" => BaseException::get_dict, BaseException::set_dict, "The instance's attributes.";
            "args" => BaseException::get_args, BaseException::set_args, "The constructor's arguments.";
            "__traceback__" => BaseException::get_traceback, BaseException::set_traceback, "Where it was raised.";
            "__context__" => BaseException::get_context, BaseException::set_context_attr, "The exception being handled when this one was raised.";
            "__cause__" => BaseException::get_cause, BaseException::set_cause_attr, "The exception that `raise .. from` named.";
            "__suppress_context__" => BaseException::get_suppress, BaseException::set_suppress, "Whether the context is left out of the report.";
        },
    }
}

/// The class, as C code names it.
#[unsafe(no_mangle)]
pub static PyExc_BaseException: crate::Field<*mut PyObject> =
    crate::Field::new((&raw const _PyExc_BaseException).cast_mut().cast());

impl BaseException {
    fn slot(&self, field: &'static usize) -> &Slot {
        self.field(*field)
    }

    /// The constructor's arguments.
    pub fn args(&self, py: Attached<'_>) -> Ref<Tuple> {
        match self.slot(&BASE_FIELDS[1]).get() {
            Some(args) => args.downcast().unwrap_or_else(|_| Tuple::empty(py)),
            None => Tuple::empty(py),
        }
    }

    pub fn traceback(&self) -> Option<Ref<Object>> {
        self.slot(&BASE_FIELDS[3]).get()
    }

    /// Replaces the traceback.
    pub fn replace_traceback(&self, traceback: Option<Ref<Object>>) {
        drop(self.slot(&BASE_FIELDS[3]).replace(traceback));
    }

    pub fn context(&self) -> Option<Ref<BaseException>> {
        self.slot(&BASE_FIELDS[4]).get().and_then(|context| context.downcast().ok())
    }

    pub fn replace_context(&self, context: Option<Ref<BaseException>>) {
        drop(self.slot(&BASE_FIELDS[4]).replace(context.map(Ref::upcast)));
    }

    pub fn cause(&self) -> Option<Ref<BaseException>> {
        self.slot(&BASE_FIELDS[5]).get().and_then(|cause| cause.downcast().ok())
    }

    /// Sets `__cause__` and suppresses the context, as `raise .. from` does.
    pub fn replace_cause(&self, cause: Option<Ref<BaseException>>) {
        self.0.suppress_context.set(1);
        drop(self.slot(&BASE_FIELDS[5]).replace(cause.map(Ref::upcast)));
    }

    pub fn suppresses_context(&self) -> bool {
        self.0.suppress_context.get() != 0
    }

    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let this = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `BaseException`.
        let exception: &BaseException = unsafe { (*this).cast_unchecked() };
        drop(exception.slot(&BASE_FIELDS[1]).replace(Some(args.pos_tuple(py)?.upcast())));
        Ok(this)
    }

    pub(crate) fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, &this.as_object().ty().name())?;
        this.store_args(py, args)
    }

    pub(crate) fn store_args(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        drop(self.slot(&BASE_FIELDS[1]).replace(Some(args.pos_tuple(py)?.upcast())));
        Ok(())
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let args = this.args(py);
        let name = this.as_object().ty().name().into_owned();
        let text = match args.as_slice() {
            [one] => format!("{name}({})", one.repr(py)?),
            _ => format!("{name}{}", args.as_object().repr(py)?),
        };
        Str::new(py, &text)
    }

    pub(crate) fn str_of_args(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let args = this.args(py);
        match args.as_slice() {
            [] => Str::new(py, ""),
            [one] => one.str(py),
            _ => args.as_object().str(py),
        }
    }

    /// The instance dict, if there is one.
    pub fn dict(&self) -> Option<Ref<Dict>> {
        self.slot(&BASE_FIELDS[0]).get().and_then(|dict| dict.downcast().ok())
    }

    /// The instance dict, made on demand.
    pub fn ensure_dict(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        if let Some(dict) = self.dict() {
            return Ok(dict);
        }
        let _section = self.lock(py);
        if let Some(dict) = self.dict() {
            return Ok(dict);
        }
        let dict = Dict::new(py)?;
        drop(self.slot(&BASE_FIELDS[0]).replace(Some(dict.clone().upcast())));
        Ok(dict)
    }

    fn get_dict(py: Attached<'_>, this: &Self) -> PyResult<Ref<Dict>> {
        this.ensure_dict(py)
    }

    fn set_dict(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        match value {
            None => Err(raise!(py, TypeError, "cannot delete __dict__")),
            Some(value) if value.downcast::<Dict>().is_some() => {
                drop(this.slot(&BASE_FIELDS[0]).replace(Some(value.to_ref())));
                Ok(())
            }
            Some(value) => {
                Err(raise!(py, TypeError, "__dict__ must be set to a dictionary, not a '{}'", value.ty().name()))
            }
        }
    }

    /// `(type, args)` or `(type, args, dict)`.
    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        this.reduce_with(py, this.args(py), this.dict().map(Ref::upcast))
    }

    pub(crate) fn reduce_with(
        &self,
        py: Attached<'_>,
        args: Ref<Tuple>,
        state: Option<Ref<Object>>,
    ) -> PyResult<Ref<Tuple>> {
        let ty = self.as_object().ty().as_object();
        match state {
            Some(state) => Tuple::from_slice(py, &[ty, args.as_object(), &state]),
            None => Tuple::from_slice(py, &[ty, args.as_object()]),
        }
    }

    fn set_state(py: Attached<'_>, this: &Self, state: &Object) -> PyResult<()> {
        if state.is_none() {
            return Ok(());
        }
        let Some(state) = state.downcast::<Dict>() else {
            return Err(raise!(py, TypeError, "state is not a dictionary"));
        };
        for (name, value) in state.items_snapshot(py)? {
            let Some(name) = name.downcast::<Str>().ok() else {
                return Err(raise!(py, TypeError, "attribute name must be string"));
            };
            this.as_object().set_attr(py, &name, Some(&value))?;
        }
        Ok(())
    }

    fn with_traceback(py: Attached<'_>, this: &Self, traceback: &Object) -> PyResult<Ref<Object>> {
        Self::set_traceback(py, this, Some(traceback))?;
        Ok(this.as_object().to_ref())
    }

    /// Adds to `__notes__`, which is made on demand.
    pub fn add_note(py: Attached<'_>, this: &Self, note: &Object) -> PyResult<()> {
        if note.downcast::<Str>().is_none() {
            return Err(crate::builtins::textargs::bad_argument(py, "add_note", "argument", "str", note));
        }
        let name = id!(py, __notes__);
        let notes = match this.as_object().get_attr_opt(py, name)? {
            Some(notes) => notes,
            None => {
                let notes = crate::List::new(py)?.upcast();
                this.as_object().set_attr(py, name, Some(&notes))?;
                notes
            }
        };
        match notes.downcast::<crate::List>() {
            Ok(notes) => notes.push(py, note.to_ref()),
            Err(_) => Err(raise!(py, TypeError, "Cannot add note: __notes__ is not a list")),
        }
    }

    fn get_args(py: Attached<'_>, this: &Self) -> Ref<Tuple> {
        this.args(py)
    }

    fn set_args(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "args may not be deleted")) };
        let args = value.sequence_tuple(py)?;
        drop(this.slot(&BASE_FIELDS[1]).replace(Some(args.upcast())));
        Ok(())
    }

    fn get_traceback(_: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
        this.traceback()
    }

    fn set_traceback(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "__traceback__ may not be deleted")) };
        if !value.is_none() && &*value.ty().name() != "traceback" {
            return Err(raise!(py, TypeError, "__traceback__ must be a traceback or None"));
        }
        this.replace_traceback((!value.is_none()).then(|| value.to_ref()));
        Ok(())
    }

    fn get_context(_: Attached<'_>, this: &Self) -> Option<Ref<BaseException>> {
        this.context()
    }

    fn set_context_attr(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let value = exception_or_none(py, value, "__context__", "exception context")?;
        this.replace_context(value);
        Ok(())
    }

    fn get_cause(_: Attached<'_>, this: &Self) -> Option<Ref<BaseException>> {
        this.cause()
    }

    fn set_cause_attr(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let value = exception_or_none(py, value, "__cause__", "exception cause")?;
        this.replace_cause(value);
        Ok(())
    }

    fn get_suppress(_: Attached<'_>, this: &Self) -> bool {
        this.suppresses_context()
    }

    fn set_suppress(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete numeric/char attribute")) };
        let Some(value) = value.downcast::<crate::Bool>() else {
            return Err(raise!(py, TypeError, "attribute value type must be bool"));
        };
        this.0.suppress_context.set(value.as_object().is(crate::Bool::of(true)) as _);
        Ok(())
    }
}

fn exception_or_none(
    py: Attached<'_>,
    value: Option<&Object>,
    name: &str,
    what: &str,
) -> PyResult<Option<Ref<BaseException>>> {
    match value {
        None => Err(raise!(py, TypeError, "{name} may not be deleted")),
        Some(value) if value.is_none() => Ok(None),
        Some(value) => match value.downcast::<BaseException>() {
            Some(exception) => Ok(Some(exception.to_ref())),
            None => Err(raise!(py, TypeError, "{what} must be None or derive from BaseException")),
        },
    }
}

/// The exception that the running code handles, looking outwards through generators and callers.
pub fn handled_exception<'py>(py: Attached<'py>) -> Option<&'py BaseException> {
    let mut item = py.tstate().exc_info.get();
    // SAFETY: the chain is the thread's own; its items live as long as their frames.
    while let Some(entry) = unsafe { item.as_ref() } {
        // SAFETY: the item owns its value.
        let value = unsafe { entry.exc_value.get().cast::<Object>().as_ref() };
        if let Some(value) = value.filter(|value| !value.is_none()) {
            return value.downcast();
        }
        item = entry.previous_item.get();
    }
    None
}

/// Sets the error indicator to `exception` after chaining it to the exception being handled.
pub fn raise_exception(py: Attached<'_>, exception: Ref<BaseException>) -> Raised {
    chain(py, &exception);
    py.restore(exception)
}

/// Links `exception` to the handled one through `__context__`, breaking a cycle that this would close.
fn chain(_py: Attached<'_>, exception: &BaseException) {
    let Some(handled) = handled_exception(_py) else { return };
    if std::ptr::eq(handled, exception) {
        return;
    }
    // A chain may be a cycle of its own; the slow pointer notices.
    let mut at = handled.to_ref();
    let mut slow = handled.to_ref();
    let mut step = false;
    while let Some(next) = at.context() {
        if std::ptr::eq(&*next, exception) {
            at.replace_context(None);
            break;
        }
        at = next;
        if std::ptr::eq(&*at, &*slow) {
            break;
        }
        if step && let Some(next) = slow.context() {
            slow = next;
        }
        step = !step;
    }
    exception.replace_context(Some(handled.to_ref()));
}

/// Raises `ty(message)`, chained to the exception being handled.
pub fn raise_message(py: Attached<'_>, ty: &Type, message: &str) -> Raised {
    match Str::new(py, message) {
        Ok(message) => raise_value(py, ty, message.as_object()),
        Err(raised) => raised,
    }
}

/// Makes an exception from a class and a value as `PyErr_SetObject` normalises them: an instance is itself, `None` gives
/// `ty()`, a tuple its items as arguments, anything else `ty(value)`.
pub fn make_exception(py: Attached<'_>, ty: &Type, value: &Object) -> PyResult<Ref<BaseException>> {
    if value.is_instance_of(ty) && value.downcast::<BaseException>().is_some() {
        // SAFETY: just checked.
        return Ok(unsafe { value.to_ref().cast_unchecked() });
    }
    let made = if value.is_none() {
        ty.as_object().call0(py)?
    } else if let Some(args) = value.downcast::<Tuple>() {
        ty.as_object().call_pos(py, args.as_slice())?
    } else {
        ty.as_object().call_pos(py, &[value])?
    };
    made.downcast().map_err(|made| {
        raise!(
            py,
            TypeError,
            "calling {} should have returned an instance of BaseException, not {}",
            ty.full_name(),
            made.ty().name()
        )
    })
}

/// Raises `ty(value)`, or `value` itself if it is an instance of `ty`; `None` gives `ty()`, a tuple its items as arguments.
pub fn raise_value(py: Attached<'_>, ty: &Type, value: &Object) -> Raised {
    // An exception raised while one is pending replaces it.
    drop(py.take_raised());
    match make_exception(py, ty, value) {
        Ok(exception) => raise_exception(py, exception),
        Err(raised) => raised,
    }
}

/// Raises `MemoryError`. Works when nothing more can be allocated: the instance is then the last-resort one.
pub fn raise_no_memory(py: Attached<'_>) -> Raised {
    drop(py.take_raised());
    if py.ext().raising_memory_error.replace(true) {
        return py.restore(last_resort_memory_error(py));
    }
    let made = classes::MemoryError().as_object().call0(py);
    py.ext().raising_memory_error.set(false);
    match made.map(Ref::downcast::<BaseException>) {
        Ok(Ok(exception)) => raise_exception(py, exception),
        Err(raised) => raised,
        Ok(Err(_)) => py.restore(last_resort_memory_error(py)),
    }
}

/// An immortal `MemoryError` that every interpreter may share: nothing is stored in it.
fn last_resort_memory_error(_py: Attached<'_>) -> Ref<BaseException> {
    static LAST_RESORT: StaticException = StaticException(PyBaseExceptionObject {
        ob_base: PyObject::immortal((&raw const simple::_PyExc_MemoryError).cast_mut()),
        ..PyBaseExceptionObject::EMPTY
    });
    // SAFETY: [layout] [immortal].
    unsafe { Object::from_ptr((&raw const LAST_RESORT.0).cast_mut().cast()).cast_unchecked::<BaseException>() }.to_ref()
}

struct StaticException(PyBaseExceptionObject);
// SAFETY: fields are atomic cells.
unsafe impl Sync for StaticException {}

/// The classes by name.
pub mod classes {
    use crate::Type;
    use crate::handle::Layout;

    macro_rules! classes {
        ($($name:ident),* $(,)?) => {
            $(pub fn $name() -> &'static Type { super::$name::type_object() })*

            /// Every exception class, bases first.
            pub(crate) fn link_all() -> Vec<&'static Type> {
                vec![$(crate::typedef::link_static::<super::$name>()),*]
            }

            /// Every exception class with its builtin name.
            pub fn all() -> Vec<(&'static str, &'static Type)> {
                vec![$((stringify!($name), $name())),*]
            }
        };
    }
    classes!(
        BaseException,
        Exception,
        BaseExceptionGroup,
        ExceptionGroup,
        TypeError,
        ValueError,
        SystemError,
        RuntimeError,
        LookupError,
        KeyError,
        IndexError,
        AttributeError,
        NameError,
        UnboundLocalError,
        ArithmeticError,
        OverflowError,
        ZeroDivisionError,
        FloatingPointError,
        StopIteration,
        StopAsyncIteration,
        GeneratorExit,
        KeyboardInterrupt,
        SystemExit,
        ImportError,
        ModuleNotFoundError,
        OSError,
        EOFError,
        MemoryError,
        RecursionError,
        NotImplementedError,
        PythonFinalizationError,
        AssertionError,
        BufferError,
        ReferenceError,
        SyntaxError,
        IndentationError,
        TabError,
        _IncompleteInputError,
        UnicodeError,
        UnicodeDecodeError,
        UnicodeEncodeError,
        UnicodeTranslateError,
        Warning,
        DeprecationWarning,
        PendingDeprecationWarning,
        RuntimeWarning,
        SyntaxWarning,
        UserWarning,
        FutureWarning,
        ImportWarning,
        UnicodeWarning,
        BytesWarning,
        ResourceWarning,
        EncodingWarning,
        BlockingIOError,
        ChildProcessError,
        ConnectionError,
        BrokenPipeError,
        ConnectionAbortedError,
        ConnectionRefusedError,
        ConnectionResetError,
        FileExistsError,
        FileNotFoundError,
        InterruptedError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
        ProcessLookupError,
        TimeoutError,
    );
}
