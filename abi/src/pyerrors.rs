//! `pyerrors.h`: the error indicator, exception objects, warnings.
use crate::capi::*;
use krait_layout::*;
use krait_object::exceptions::{self, raise_exception};
use krait_object::{
    Attached, BaseException, Dict, Layout, Object, PyResult, Raised, Ref, Str, Tuple, Type, exc, id, none, raise,
};
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// Raises `class(value)` as `raise class, value` does.
pub(crate) fn set_object(py: Attached<'_>, class: &Object, value: Option<&Object>) -> Raised {
    let Some(ty) = class.downcast::<Type>().filter(|ty| ty.is_subtype_of(BaseException::type_object())) else {
        return raise!(
            py,
            SystemError,
            "_PyErr_SetObject: exception {} is not a BaseException subclass",
            crate::pyerrors::shown(py, class)
        );
    };
    let value = value.unwrap_or(krait_object::none_borrowed());
    // An exception is taken as it is when it belongs to the class, which may have its own idea of that.
    if value.downcast::<BaseException>().is_some() {
        match value.ty().as_object().is_subclass(py, class) {
            Ok(true) if !value.ty().is_subtype_of(ty) => {
                return krait_object::exceptions::raise_value(py, value.ty(), value);
            }
            Ok(_) => {}
            Err(raised) => return raised,
        }
    }
    let raised = krait_object::exceptions::raise_value(py, ty, value);
    match py.pending() {
        // What was raised instead says which exception could not be made.
        Some(other) if !other.as_object().ty().is_subtype_of(ty) && !std::ptr::eq(other.as_object(), value) => {
            note_failure(py, ty, value)
        }
        _ => raised,
    }
}

/// Adds a note to the pending exception: it was raised when another one was being made.
fn note_failure(py: Attached<'_>, ty: &Type, value: &Object) -> Raised {
    let Some(pending) = py.take_raised() else { return py.bad_internal_call() };
    let shown = value.repr(py).map(|text| text.to_string()).unwrap_or_else(|raised| {
        raised.clear(py);
        "<unknown>".to_owned()
    });
    let note = format!("Normalization failed: type={} args={shown}", ty.name());
    let added = Str::new(py, "add_note")
        .and_then(|name| pending.as_object().call_method(py, &name, &[Str::new(py, &note)?.as_object()]));
    if let Err(raised) = added {
        raised.clear(py);
    }
    py.restore(pending)
}

fn shown(py: Attached<'_>, object: &Object) -> String {
    match object.repr(py) {
        Ok(text) => text.to_string(),
        Err(raised) => {
            raised.clear(py);
            object.ty().name().into_owned()
        }
    }
}

/// Whether an exception matches a class or a tuple of classes. Tuples that are nested too deeply match nothing, which is
/// reported as unraisable.
fn matches(py: Attached<'_>, given: &Object, wanted: &Object) -> bool {
    if wanted.downcast::<Tuple>().is_none() {
        return matches_inside(py, given, wanted).is_ok_and(|found| found);
    }
    let pending = py.take_raised();
    let found = matches_inside(py, given, wanted).unwrap_or_else(|_| {
        let message = "Exception ignored while checking exception tuple";
        krait_vm::sysmodule::report_unraisable(py, Some(message), None);
        false
    });
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
    found
}

fn matches_inside(py: Attached<'_>, given: &Object, wanted: &Object) -> PyResult<bool> {
    if let Some(tuple) = wanted.downcast::<Tuple>() {
        let _depth = py.enter_recursive(" while checking exception tuple")?;
        for one in tuple.as_slice() {
            if matches_inside(py, given, one)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let class = match given.downcast::<Type>() {
        Some(ty) => ty,
        None => given.ty(),
    };
    Ok(match wanted.downcast::<Type>() {
        Some(wanted) if wanted.is_subtype_of(BaseException::type_object()) => class.is_subtype_of(wanted),
        _ => ptr::eq(given, wanted),
    })
}

fn handled_item(py: Attached<'_>) -> *mut PyObject {
    exceptions::handled_exception(py).map_or(ptr::null_mut(), Layout::as_ptr)
}

unsafe fn set_handled(py: Attached<'_>, value: Stolen) {
    // SAFETY: `exc_info` of an attached thread is live and owns its value.
    unsafe {
        let slot = krait_object::Slot::<Object>::of(&(*py.tstate().exc_info.get()).exc_value);
        drop(slot.replace(value));
    }
}

pub(crate) fn os_error(py: Attached<'_>, class: &Object, files: &[Option<&Object>]) -> Raised {
    let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    if number == libc::EINTR
        && let Err(raised) = krait_vm::signals::check(py)
    {
        return raised;
    }
    let build = || -> PyResult<Ref<Object>> {
        let mut args: Vec<Ref<Object>> = vec![
            krait_object::Int::from_i64(py, i64::from(number))?.upcast(),
            Str::new(py, &if number == 0 { "Error".into() } else { exceptions::error_text(number) })?.upcast(),
        ];
        if let Some(first) = files.first().copied().flatten() {
            args.push(first.to_ref());
            if let Some(second) = files.get(1).copied().flatten() {
                args.push(krait_object::Int::from_i64(py, 0)?.upcast());
                args.push(second.to_ref());
            }
        }
        class.call_pos(py, krait_object::args::as_borrowed(&args))
    };
    match build().map(|made| made.downcast::<BaseException>()) {
        Ok(Ok(exception)) => raise_exception(py, exception),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn new_exception(
    py: Attached<'_>,
    name: &str,
    doc: Option<&str>,
    base: Option<&Object>,
    dict: Option<&Dict>,
) -> PyResult<Ref<Object>> {
    let Some((module, short)) = name.rsplit_once('.') else {
        return Err(raise!(py, SystemError, "PyErr_NewException: name must be module.class"));
    };
    let dict = match dict {
        Some(dict) => dict.to_ref(),
        None => Dict::new(py)?,
    };
    if dict.get_str(py, "__module__").is_none() {
        dict.set_str(py, "__module__", Str::new(py, module)?.as_object())?;
    }
    if let Some(doc) = doc {
        dict.set_str(py, "__doc__", Str::new(py, doc)?.as_object())?;
    }
    let default = exc::Exception().as_object();
    let base = base.unwrap_or(default);
    let bases = match base.downcast::<Tuple>() {
        Some(bases) => bases.to_ref(),
        None => Tuple::from_slice(py, &[base])?,
    };
    Type::type_object()
        .as_object()
        .call_pos(py, &[Str::new(py, short)?.as_object(), bases.as_object(), dict.as_object()])
}

fn warn_category(category: Option<&Object>) -> &Type {
    category.and_then(|category| category.downcast::<Type>()).unwrap_or_else(|| exc::RuntimeWarning())
}

/// A warning for a place in a file, remembered in a registry.
pub(crate) fn warn_explicit(
    py: Attached<'_>,
    category: Option<&Object>,
    message: &Object,
    file: &Object,
    line: c_int,
    module: Option<&Object>,
    registry: Option<&Object>,
) -> PyResult<()> {
    let warnings = krait_vm::import::import_module(py, "_warnings")?;
    let (none, line) = (none(), krait_object::Int::from_i64(py, i64::from(line))?);
    let category = warn_category(category).as_object();
    let args = [message, category, file, line.as_object(), module.unwrap_or(&none), registry.unwrap_or(&none)];
    warnings.get_attr(py, id!(py, warn_explicit))?.call_pos(py, &args).map(drop)
}

/// The text form of `PyErr_FormatUnraisable` and friends.
pub(crate) fn unraisable(py: Attached<'_>, message: Option<&str>, object: Option<&Object>) {
    krait_vm::sysmodule::report_unraisable(py, message, object);
}

fn print(py: Attached<'_>, set_last: bool) {
    if let Some(pending) = py.pending()
        && pending.as_object().ty().is_subtype_of(exc::SystemExit())
        && !krait_vm::interp::current(py).config.inspect
    {
        let status = krait_vm::errors::report_pending(py);
        krait_vm::lifecycle::finish(py);
        std::process::exit(status);
    }
    let Some(exception) = py.take_raised() else { return };
    if set_last {
        for (name, value) in [
            ("last_exc", exception.clone().upcast()),
            ("last_type", exception.as_object().ty().to_ref().upcast()),
            ("last_value", exception.clone().upcast()),
            ("last_traceback", exception.traceback().unwrap_or_else(none)),
        ] {
            if let Err(raised) = krait_vm::sysmodule::set(py, name, &value) {
                raised.clear(py);
            }
        }
    }
    if let Some(hook) = krait_vm::sysmodule::get(py, "excepthook") {
        let traceback = exception.traceback().unwrap_or_else(none);
        match hook.call_pos(py, &[exception.as_object().ty().as_object(), exception.as_object(), &traceback]) {
            Ok(_) => return,
            Err(raised) => {
                krait_vm::errors::write_stderr(py, "Error in sys.excepthook:\n");
                let other = raised.take(py);
                krait_vm::errors::display(py, &other);
                krait_vm::errors::write_stderr(py, "\nOriginal exception was:\n");
            }
        }
    }
    krait_vm::errors::display(py, &exception);
}

capi_raw! {
    fn PyErr_Occurred() -> *mut PyObject {
        let Some(py) = Attached::try_from_tls() else { return ptr::null_mut() };
        py.pending().map_or(ptr::null_mut(), |exception| exception.as_object().ty().as_type_ptr().cast())
    }
    fn PyErr_Clear() { drop(Attached::from_tls().take_raised()) }
    fn PyErr_SetString(class: *mut PyObject, text: *const c_char) {
        let py = Attached::from_tls();
        let text = utf8(py, CStr::from_ptr(text).to_bytes()).and_then(|text| Str::new(py, text));
        let _ = match text {
            Ok(text) => set_object(py, Object::from_ptr(class), Some(text.as_object())),
            Err(raised) => raised,
        };
    }
    fn PyErr_SetObject(class: *mut PyObject, value: *mut PyObject) {
        let py = Attached::from_tls();
        let _ = set_object(py, Object::from_ptr(class), value.cast::<Object>().as_ref());
    }
    fn PyErr_SetNone(class: *mut PyObject) { let _ = set_object(Attached::from_tls(), Object::from_ptr(class), None); }
    fn PyErr_BadArgument() -> c_int {
        let py = Attached::from_tls();
        let _ = raise!(py, TypeError, "bad argument type for built-in operation");
        0
    }
    fn PyErr_NoMemory() -> *mut PyObject { let _ = Attached::from_tls().no_memory(); ptr::null_mut() }
    fn PyErr_BadInternalCall() { let _ = Attached::from_tls().bad_internal_call(); }
    fn _PyErr_BadInternalCall(file: *const c_char, line: c_int) {
        let py = Attached::from_tls();
        let file = CStr::from_ptr(file).to_string_lossy();
        let _ = raise!(py, SystemError, "{file}:{line}: bad argument to internal function");
    }
    fn PyErr_GetRaisedException() -> *mut PyObject { Attached::from_tls().take_raised().map_or(ptr::null_mut(), Ref::into_raw) }
    fn PyErr_SetRaisedException(exception: *mut PyObject) {
        let py = Attached::from_tls();
        match Ref::<BaseException>::from_raw_opt(exception) {
            Some(exception) => { let _ = py.restore(exception); }
            None => drop(py.take_raised()),
        }
    }
    fn PyErr_Fetch(class: *mut *mut PyObject, value: *mut *mut PyObject, traceback: *mut *mut PyObject) {
        let exception = Attached::from_tls().take_raised();
        put(class, exception.as_ref().map(|exception| exception.as_object().ty().to_ref()));
        put(traceback, exception.as_ref().and_then(|exception| exception.traceback()));
        put(value, exception);
    }
    fn PyErr_Restore(class: *mut PyObject, value: *mut PyObject, traceback: *mut PyObject) {
        let py = Attached::from_tls();
        let (class, value, traceback) = (Ref::<Object>::from_raw_opt(class), Ref::<Object>::from_raw_opt(value), Ref::<Object>::from_raw_opt(traceback));
        let Some(class) = class else { return drop(py.take_raised()) };
        let is_fit = |traceback: &Ref<Object>| traceback.is_none() || (**traceback).downcast::<krait_vm::traceback::Traceback>().is_some();
        if !traceback.as_ref().is_none_or(is_fit) {
            let _ = raise!(py, TypeError, "__traceback__ must be a traceback or None");
            return;
        }
        let exception = match value.map(Ref::downcast::<BaseException>) {
            Some(Ok(exception)) => exception,
            other => {
                drop(py.take_raised());
                let value = other.and_then(Result::err);
                let _ = set_object(py, &class, value.as_deref());
                let Some(exception) = py.take_raised() else { return };
                exception
            }
        };
        exception.replace_traceback(traceback.filter(|traceback| !traceback.is_none()));
        let _ = py.restore(exception);
    }
    fn PyErr_NormalizeException(class: *mut *mut PyObject, value: *mut *mut PyObject, traceback: *mut *mut PyObject) {
        if (*class).is_null() { return }
        let py = Attached::from_tls();
        let kept = py.take_raised();
        let tb = if traceback.is_null() { ptr::null_mut() } else { *traceback };
        if !tb.is_null() { krait_object::mode::incref(tb) }
        PyErr_Restore(*class, *value, tb);
        let exception = py.take_raised();
        *value = ptr::null_mut();
        *class = ptr::null_mut();
        put(class, exception.as_ref().map(|exception| exception.as_object().ty().to_ref()));
        put(value, exception);
        if let Some(kept) = kept { let _ = py.restore(kept); }
    }
    fn PyErr_GivenExceptionMatches(given: *mut PyObject, wanted: *mut PyObject) -> c_int {
        if given.is_null() || wanted.is_null() { return 0 }
        c_int::from(matches(Attached::from_tls(), Object::from_ptr(given), Object::from_ptr(wanted)))
    }
    fn PyErr_ExceptionMatches(wanted: *mut PyObject) -> c_int { PyErr_GivenExceptionMatches(PyErr_Occurred(), wanted) }
    fn PyErr_GetExcInfo(class: *mut *mut PyObject, value: *mut *mut PyObject, traceback: *mut *mut PyObject) {
        let py = Attached::from_tls();
        let exception = exceptions::handled_exception(py);
        put(class, exception.map(|exception| exception.as_object().ty().to_ref()));
        put(value, exception.map(Layout::to_ref));
        put(traceback, exception.and_then(|exception| exception.traceback()));
    }
    fn PyErr_SetExcInfo(class: *mut PyObject, value: *mut PyObject, traceback: *mut PyObject) {
        drop((Ref::<Object>::from_raw_opt(class), Ref::<Object>::from_raw_opt(traceback)));
        set_handled(Attached::from_tls(), Ref::from_raw_opt(value).filter(|value: &Ref<Object>| !value.is_none()));
    }
    fn PyErr_GetHandledException() -> *mut PyObject {
        let raw = handled_item(Attached::from_tls());
        if !raw.is_null() { krait_object::mode::incref(raw) }
        raw
    }
    fn PyErr_SetHandledException(value: *mut PyObject) { set_handled(Attached::from_tls(), Ref::from_borrowed_opt(value)) }
    fn _PyErr_ChainExceptions1(exception: *mut PyObject) {
        let py = Attached::from_tls();
        let Some(exception) = Ref::<BaseException>::from_raw_opt(exception) else { return };
        match py.take_raised() {
            Some(now) => {
                now.replace_context(Some(exception));
                let _ = py.restore(now);
            }
            None => { let _ = py.restore(exception); }
        }
    }
    fn PyErr_Print() { print(Attached::from_tls(), true) }
    fn PyErr_PrintEx(set_last: c_int) { print(Attached::from_tls(), set_last != 0) }
    fn PyErr_Display(_class: *mut PyObject, value: *mut PyObject, traceback: *mut PyObject) {
        let py = Attached::from_tls();
        let Some(exception) = value.cast::<Object>().as_ref().and_then(|value| value.downcast::<BaseException>()) else {
            if !value.is_null() { PyErr_DisplayException(value); }
            return;
        };
        if exception.traceback().is_none() && !traceback.is_null() { exception.replace_traceback(Ref::from_borrowed_opt(traceback)); }
        krait_vm::errors::display(py, exception)
    }
    fn PyErr_DisplayException(value: *mut PyObject) {
        let (py, value) = (Attached::from_tls(), Object::from_ptr(value));
        match value.downcast::<BaseException>() {
            Some(exception) => krait_vm::errors::display(py, exception),
            None => {
                let name = value.ty().name();
                let text = format!("TypeError: print_exception(): Exception expected for value, {name} found\n");
                krait_vm::errors::write_stderr(py, &text);
            }
        }
    }
    fn PyErr_WriteUnraisable(object: *mut PyObject) { unraisable(Attached::from_tls(), None, object.cast::<Object>().as_ref()) }
    fn PyErr_CheckSignals() -> c_int { if krait_vm::signals::check(Attached::from_tls()).is_ok() { 0 } else { -1 } }
    fn PyErr_SetInterrupt() { krait_vm::signals::trip(libc::SIGINT) }
    fn PyErr_SetInterruptEx(signal: c_int) -> c_int {
        if !(1..krait_vm::signals::COUNT as c_int).contains(&signal) { return -1 }
        krait_vm::signals::trip(signal);
        0
    }
    fn PyExceptionClass_Name(class: *mut PyObject) -> *const c_char { (*class.cast::<PyTypeObject>()).tp_name.get() }
    fn PyException_GetTraceback(e: *mut PyObject) -> *mut PyObject { (*e.cast::<BaseException>()).traceback().map_or(ptr::null_mut(), Ref::into_raw) }
    fn PyException_GetContext(e: *mut PyObject) -> *mut PyObject { (*e.cast::<BaseException>()).context().map_or(ptr::null_mut(), Ref::into_raw) }
    fn PyException_GetCause(e: *mut PyObject) -> *mut PyObject { (*e.cast::<BaseException>()).cause().map_or(ptr::null_mut(), Ref::into_raw) }
    fn PyException_SetContext(e: *mut PyObject, context: *mut PyObject) { (*e.cast::<BaseException>()).replace_context(Ref::from_raw_opt(context)); }
    fn PyException_SetCause(e: *mut PyObject, cause: *mut PyObject) { (*e.cast::<BaseException>()).replace_cause(Ref::from_raw_opt(cause)); }
}

capi! {
    fn PyException_SetTraceback(py, e: &BaseException, traceback: &Object) -> () {
        if !traceback.is_none() && traceback.downcast::<krait_vm::traceback::Traceback>().is_none() {
            return Err(raise!(py, TypeError, "__traceback__ must be a traceback or None"));
        }
        e.replace_traceback((!traceback.is_none()).then(|| traceback.to_ref()));
        Ok(())
    }
    fn PyException_GetArgs(py, e: &BaseException) -> Ref<Tuple> { Ok(e.args(py)) }
    fn PyException_SetArgs(py, e: &BaseException, args: &Object) -> Void { e.as_object().set_attr(py, id!(py, args), Some(args))?; Ok(Void) }
    fn PyErr_SetFromErrno(py, class: &Object) -> Lent { Err(os_error(py, class, &[])) }
    fn PyErr_SetFromErrnoWithFilename(py, class: &Object, file: *const c_char) -> Lent {
        if file.is_null() { return Err(os_error(py, class, &[])); }
        let number = *libc::__errno_location();
        let name = Str::from_fs_bytes(py, CStr::from_ptr(file).to_bytes())?;
        *libc::__errno_location() = number;
        Err(os_error(py, class, &[Some(name.as_object())]))
    }
    fn PyErr_SetFromErrnoWithFilenameObject(py, class: &Object, file: Option<&Object>) -> Lent { Err(os_error(py, class, &[file])) }
    fn PyErr_SetFromErrnoWithFilenameObjects(py, class: &Object, file: Option<&Object>, second: Option<&Object>) -> Lent {
        Err(os_error(py, class, &[file, second]))
    }
    fn PyErr_SetImportError(py, message: &Object, name: Option<&Object>, path: Option<&Object>) -> Lent {
        let text = message.str(py)?;
        Err(exceptions::raise_import_error(py, exc::ImportError(), format_args!("{text}"), name, path, None))
    }
    fn PyErr_SetImportErrorSubclass(py, class: &Type, message: &Object, name: Option<&Object>, path: Option<&Object>) -> Lent {
        if !class.is_subtype_of(exc::ImportError()) {
            return Err(raise!(py, TypeError, "expected a subclass of ImportError"));
        }
        let text = message.str(py)?;
        Err(exceptions::raise_import_error(py, class, format_args!("{text}"), name, path, None))
    }
    fn PyErr_NewException(py, name: Text<'_>, base: Option<&Object>, dict: Option<&Dict>) -> Ref<Object> { new_exception(py, name.0, None, base, dict) }
    fn PyErr_NewExceptionWithDoc(py, name: Text<'_>, doc: *const c_char, base: Option<&Object>, dict: Option<&Dict>) -> Ref<Object> {
        new_exception(py, name.0, opt_text(doc), base, dict)
    }
    fn PyErr_WarnEx(py, category: Option<&Object>, message: Text<'_>, level: isize) -> () {
        krait_vm::warnings::warn(py, warn_category(category), message.0, level)
    }
    fn PyErr_WarnExplicit(py, category: Option<&Object>, message: Text<'_>, file: Text<'_>, line: c_int, module: *const c_char, registry: Option<&Object>) -> () {
        let module = match opt_text(module) { Some(module) => Some(Str::new(py, module)?.upcast()), None => None };
        warn_explicit(py, category, message.obj(py)?.as_object(), file.obj(py)?.as_object(), line, module.as_deref(), registry)
    }
    fn PyErr_WarnExplicitObject(py, category: Option<&Object>, message: &Object, file: &Object, line: c_int, module: Option<&Object>, registry: Option<&Object>) -> () {
        warn_explicit(py, category, message, file, line, module, registry)
    }
    fn PyErr_SyntaxLocation(py, file: *const c_char, line: c_int) -> Void { syntax_location(py, file, line, -1)?; Ok(Void) }
    fn PyErr_SyntaxLocationEx(py, file: *const c_char, line: c_int, column: c_int) -> Void { syntax_location(py, file, line, column)?; Ok(Void) }
    fn PyErr_SyntaxLocationObject(py, file: Option<&Object>, line: c_int, column: c_int) -> Void { set_location(py, file, [line, column, line, -1])?; Ok(Void) }
    fn PyErr_RangedSyntaxLocationObject(py, file: Option<&Object>, line: c_int, column: c_int, end_line: c_int, end_column: c_int) -> Void {
        set_location(py, file, [line, column, end_line, end_column])?;
        Ok(Void)
    }
    fn PyErr_ProgramText(py, file: *const c_char, line: c_int) -> Option<Ref<Str>> {
        if file.is_null() || line <= 0 { return Ok(None); }
        program_text(py, CStr::from_ptr(file).to_bytes(), line)
    }
    fn PyErr_ProgramTextObject(py, file: Option<&Object>, line: c_int) -> Option<Ref<Str>> {
        let Some(file) = file.filter(|_| line > 0) else { return Ok(None) };
        program_text(py, crate::unicodeobject::fs_bytes(py, file)?.as_slice(), line)
    }
    fn PyUnstable_Exc_PrepReraiseStar(py, original: &Object, raised: &Object) -> Ref<Object> {
        let is_exception = |object: &Object| object.downcast::<BaseException>().is_some();
        let Some(exception) = original.downcast::<BaseException>() else {
            return Err(raise!(py, TypeError, "orig must be an exception instance"));
        };
        let Some(list) = raised.downcast::<krait_object::List>() else {
            return Err(raise!(py, TypeError, "excs must be a list of exception instances"));
        };
        if let Some(at) = list.to_vec(py)?.iter().position(|item| !item.is_none() && !is_exception(item)) {
            return Err(raise!(py, TypeError, "item {at} in excs is not an exception"));
        }
        if exception.traceback().is_none() { return Err(raise!(py, ValueError, "orig must be a raised exception")); }
        krait_vm::groups::prepare_reraise_star(py, original, raised)
    }
    fn PyTraceBack_Here(py, frame: &krait_vm::frameobject::FrameObject) -> () {
        let Some(exception) = py.take_raised() else { return Ok(()) };
        let raw = frame.raw();
        let lasti = frame.frame().lasti() as c_int * 2;
        let line = frame_line(frame);
        let made = krait_vm::traceback::Traceback::new(py, exception.traceback(), frame, lasti, line);
        match made {
            Ok(made) => { exception.replace_traceback(Some(made.upcast())); }
            Err(raised) => raised.clear(py),
        }
        let _ = raw;
        let _ = py.restore(exception);
        Ok(())
    }
}

/// A line of a source file; `None` where there is none to show.
fn program_text(py: Attached<'_>, file: &[u8], line: c_int) -> PyResult<Option<Ref<Str>>> {
    use std::os::unix::ffi::OsStrExt;
    let Ok(text) = std::fs::read(std::ffi::OsStr::from_bytes(file)) else { return Ok(None) };
    let Some(found) = text.split_inclusive(|byte| *byte == b'\n').nth(line as usize - 1) else { return Ok(None) };
    krait_object::codecs::decode(py, found, Some("utf-8"), Some("replace")).map(Some)
}

unsafe fn syntax_location(py: Attached<'_>, file: *const c_char, line: c_int, column: c_int) -> PyResult<()> {
    let name = match file.is_null() {
        true => None,
        // SAFETY: a C string.
        false => Some(Str::from_fs_bytes(py, unsafe { CStr::from_ptr(file) }.to_bytes())?.upcast()),
    };
    set_location(py, name.as_deref(), [line, column, line, -1])
}

/// Gives the pending exception the attributes that a `SyntaxError` has.
fn set_location(py: Attached<'_>, file: Option<&Object>, place: [c_int; 4]) -> PyResult<()> {
    let Some(exception) = py.take_raised() else { return Ok(()) };
    let fill = || -> PyResult<()> {
        let object = exception.as_object();
        let none = none();
        let number = |value: c_int| krait_object::Int::from_i64(py, i64::from(value));
        let column = |value: c_int| -> PyResult<Ref<Object>> {
            if value < 0 { Ok(none.clone()) } else { Ok(number(value + 1)?.upcast()) }
        };
        object.set_attr(py, id!(py, lineno), Some(number(place[0])?.as_object()))?;
        object.set_attr(py, id!(py, offset), Some(&*column(place[1])?))?;
        object.set_attr(py, id!(py, end_lineno), Some(number(place[2])?.as_object()))?;
        object.set_attr(py, id!(py, end_offset), Some(&*column(place[3])?))?;
        if let Some(file) = file {
            object.set_attr(py, id!(py, filename), Some(file))?;
            let text = match crate::unicodeobject::fs_bytes(py, file) {
                Ok(name) => program_text(py, name.as_slice(), place[0])?,
                Err(raised) => {
                    raised.clear(py);
                    None
                }
            };
            let text = text.map_or(none.clone(), Ref::upcast);
            object.set_attr(py, id!(py, text), Some(&text))?;
        }
        if !object.ty().is_subtype_of(exc::SyntaxError()) {
            for (key, value) in [(id!(py, msg), object.str(py)?.upcast()), (id!(py, print_file_and_line), none.clone())]
            {
                if object.get_attr_opt(py, key)?.is_none() {
                    object.set_attr(py, key, Some(&value))?;
                }
            }
        }
        Ok(())
    };
    let kept = fill();
    if let Err(raised) = kept {
        raised.clear(py);
    }
    let _ = py.restore(exception);
    Ok(())
}

/// The line of a frame object: what was set on it, else that of its instruction.
pub(crate) fn frame_line(frame: &krait_vm::frameobject::FrameObject) -> c_int {
    let set = frame.raw().f_lineno.get();
    if set > 0 { set } else { frame.frame().line().unwrap_or(-1) }
}
