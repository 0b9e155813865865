//! Python functions that the library calls.
use super::connection::{Connection, c_text};
use super::errors::{global, misuse, raise_db};
use super::library::outside;
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, required, type_name};
use krait_object::protocols::buffer::Buffer;
use krait_object::{Attached, Float, Int, IntoObject, Layout, Object, PyResult, Ref, Str, hooks::hooks, id, raise};
use libsqlite3_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

/// A callable that the library keeps.
struct Callback(Ref<Object>);

fn keep(callable: &Object) -> *mut c_void {
    Box::into_raw(Box::new(Callback(callable.to_ref()))).cast()
}

unsafe extern "C" fn forget(callback: *mut c_void) {
    // SAFETY: made by `keep`, given back once.
    let callback = unsafe { Box::from_raw(callback.cast::<Callback>()) };
    if outside(|_| ()).is_some() {
        outside(|_| drop(callback));
    } else {
        std::mem::forget(callback);
    }
}

/// Ends a failed callback of `object`: the exception is shown if tracebacks are on.
fn report(py: Attached<'_>, object: &Object) {
    let pending = py.take_raised();
    match global(py, "_callback_tracebacks_are_on") {
        Err(raised) => raised.clear(py),
        Ok(switch) if switch.is_true(py).unwrap_or(false) => {
            let shown = object.repr(py).map(|shown| shown.to_string_lossy().into_owned()).unwrap_or_default();
            drop(py.take_raised());
            if let Some(pending) = pending {
                let _ = py.restore(pending);
            }
            let message = format!("Exception ignored on sqlite3 callback {shown}");
            (hooks().unraisable)(py, Some(&message), None);
            return;
        }
        Ok(_) => {}
    }
    drop(py.take_raised());
}

/// A value of the library as a Python object.
///
/// # Safety
/// `value` is a protected value.
unsafe fn from_value(py: Attached<'_>, value: *mut ffi::sqlite3_value) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => ffi::sqlite3_value_int64(value).into_object(py),
            ffi::SQLITE_FLOAT => ffi::sqlite3_value_double(value).into_object(py),
            ffi::SQLITE_TEXT => {
                let start = ffi::sqlite3_value_text(value);
                let len = ffi::sqlite3_value_bytes(value) as usize;
                if start.is_null() {
                    return Err(py.no_memory());
                }
                let bytes = std::slice::from_raw_parts(start, len);
                krait_object::builtins::codecs::decode(py, bytes, Some("utf-8"), None).map(Ref::upcast)
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast::<u8>();
                let len = ffi::sqlite3_value_bytes(value) as usize;
                let bytes = if start.is_null() { &[][..] } else { std::slice::from_raw_parts(start, len) };
                Ok(krait_object::Bytes::new(py, bytes)?.upcast())
            }
            _ => Ok(krait_object::none()),
        }
    }
}

/// # Safety
/// `values` are `count` protected values.
unsafe fn arguments(
    py: Attached<'_>,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) -> PyResult<Vec<Ref<Object>>> {
    // SAFETY: by the contract.
    (0..count as usize).map(|at| unsafe { from_value(py, *values.add(at)) }).collect()
}

/// Sets the result of a function.
///
/// # Safety
/// `context` is the one of the running call.
unsafe fn set_result(py: Attached<'_>, context: *mut ffi::sqlite3_context, value: &Object) -> PyResult<()> {
    // SAFETY: by the contract; the library copies texts and bytes.
    unsafe {
        if value.is_none() {
            ffi::sqlite3_result_null(context);
        } else if let Some(int) = value.downcast::<Int>() {
            match int.to_i64() {
                Some(value) => ffi::sqlite3_result_int64(context, value),
                None => return Err(raise!(py, OverflowError, "Python int too large to convert to SQLite INTEGER")),
            }
        } else if let Some(float) = value.downcast::<Float>() {
            ffi::sqlite3_result_double(context, float.value());
        } else if let Some(text) = value.downcast::<Str>() {
            let text = text.to_utf8(py)?;
            let Ok(len) = c_int::try_from(text.len()) else {
                return Err(raise!(py, OverflowError, "string is longer than INT_MAX bytes"));
            };
            ffi::sqlite3_result_text(context, text.as_ptr().cast(), len, ffi::SQLITE_TRANSIENT());
        } else if Buffer::is_exporter(value) {
            let buffer = Buffer::contiguous(py, value)?;
            let bytes = buffer.as_slice();
            let Ok(len) = c_int::try_from(bytes.len()) else {
                return Err(raise!(py, OverflowError, "bytes longer than INT_MAX bytes"));
            };
            let start = if len == 0 { c"".as_ptr().cast() } else { bytes.as_ptr().cast() };
            ffi::sqlite3_result_blob(context, start, len, ffi::SQLITE_TRANSIENT());
        } else {
            return Err(misuse(
                py,
                format_args!("User-defined functions cannot return '{}' values to SQLite", type_name(value)),
            ));
        }
    }
    Ok(())
}

/// Sets a failed call's error.
///
/// # Safety
/// `context` is the one of the running call.
unsafe fn set_error(py: Attached<'_>, context: *mut ffi::sqlite3_context, object: &Object, message: &CStr) {
    let pending = |class| py.pending().is_some_and(|pending| pending.as_object().is_instance_of(class));
    // SAFETY: by the contract.
    unsafe {
        if pending(krait_object::exc::MemoryError()) {
            ffi::sqlite3_result_error_nomem(context);
        } else if pending(krait_object::exc::OverflowError()) {
            ffi::sqlite3_result_error_toobig(context);
        } else {
            ffi::sqlite3_result_error(context, message.as_ptr(), -1);
        }
    }
    report(py, object);
}

/// The callable of the running call.
///
/// # Safety
/// `context` is the one of the running call of a function that was made with `keep`.
unsafe fn callable_of(context: *mut ffi::sqlite3_context) -> Ref<Object> {
    // SAFETY: by the contract.
    unsafe { (*ffi::sqlite3_user_data(context).cast::<Callback>()).0.clone() }
}

unsafe extern "C" fn call_function(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the library passes the context and values of this call.
    outside(|py| unsafe {
        let callable = callable_of(context);
        let call = || -> PyResult<()> {
            let args = arguments(py, count, values)?;
            let result = callable.call_pos(py, krait_object::args::as_borrowed(&args))?;
            set_result(py, context, &result)
        };
        if call().is_err() {
            set_error(py, context, &callable, c"user-defined function raised exception");
        }
    });
}

/// The instance of an aggregate's class that counts for the running group. Null until it is made.
///
/// # Safety
/// `context` is the one of the running call.
unsafe fn instance<'a>(context: *mut ffi::sqlite3_context, make: bool) -> Option<&'a mut Option<Ref<Object>>> {
    let size = if make { size_of::<Option<Ref<Object>>>() as c_int } else { 0 };
    // SAFETY: zeroed memory is `None`; the library keeps it for the group.
    unsafe { ffi::sqlite3_aggregate_context(context, size).cast::<Option<Ref<Object>>>().as_mut() }
}

/// Calls a method of the running group's instance.
///
/// # Safety
/// The arguments are those of the running call.
unsafe fn call_method(
    py: Attached<'_>,
    context: *mut ffi::sqlite3_context,
    name: &'static str,
    args: &[Ref<Object>],
) -> Option<Ref<Object>> {
    // SAFETY: by the contract.
    let instance = unsafe { instance(context, false) }.and_then(|instance| instance.clone())?;
    let method = match instance.get_attr(py, Str::intern_static(py, name)) {
        Ok(method) => method,
        Err(_) => {
            let message = format!("user-defined aggregate's '{name}' method not defined\0");
            let message = CStr::from_bytes_with_nul(message.as_bytes()).unwrap_or_default();
            // SAFETY: by the contract.
            unsafe { set_error(py, context, &instance, message) };
            return None;
        }
    };
    match method.call_pos(py, krait_object::args::as_borrowed(args)) {
        Ok(result) => Some(result),
        Err(_) => {
            let message = format!("user-defined aggregate's '{name}' method raised error\0");
            let message = CStr::from_bytes_with_nul(message.as_bytes()).unwrap_or_default();
            // SAFETY: by the contract.
            unsafe { set_error(py, context, &method, message) };
            None
        }
    }
}

unsafe extern "C" fn call_step(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the library passes the context and values of this call.
    outside(|py| unsafe {
        let Some(slot) = instance(context, true) else { return };
        if slot.is_none() {
            let class = callable_of(context);
            match class.call0(py) {
                Ok(made) => *slot = Some(made),
                Err(_) => {
                    return set_error(py, context, &class, c"user-defined aggregate's '__init__' method raised error");
                }
            }
        }
        match arguments(py, count, values) {
            Ok(args) => drop(call_method(py, context, "step", &args)),
            Err(_) => {
                set_error(py, context, &callable_of(context), c"user-defined aggregate's 'step' method raised error")
            }
        }
    });
}

unsafe extern "C" fn call_inverse(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the library passes the context and values of this call.
    outside(|py| unsafe {
        match arguments(py, count, values) {
            Ok(args) => drop(call_method(py, context, "inverse", &args)),
            Err(_) => {
                set_error(
                    py,
                    context,
                    &callable_of(context),
                    c"user-defined aggregate's 'inverse' method raised error",
                );
            }
        }
    });
}

/// Sets the result that a method of the instance returns.
///
/// # Safety
/// `context` is the one of the running call.
unsafe fn result_of(py: Attached<'_>, context: *mut ffi::sqlite3_context, name: &'static str) {
    // SAFETY: by the contract.
    unsafe {
        let Some(result) = call_method(py, context, name, &[]) else { return };
        if set_result(py, context, &result).is_err() {
            let message = format!("user-defined aggregate's '{name}' method raised error\0");
            let message = CStr::from_bytes_with_nul(message.as_bytes()).unwrap_or_default();
            set_error(py, context, &result, message);
        }
    }
}

unsafe extern "C" fn call_value(context: *mut ffi::sqlite3_context) {
    // SAFETY: the library passes the context of this call.
    outside(|py| unsafe { result_of(py, context, "value") });
}

unsafe extern "C" fn call_final(context: *mut ffi::sqlite3_context) {
    // SAFETY: the library passes the context of this call; the instance is not used after it.
    outside(|py| unsafe {
        // An exception that is on its way stays.
        let before = py.take_raised();
        result_of(py, context, "finalize");
        if let Some(slot) = instance(context, false) {
            drop(slot.take());
        }
        if let Some(before) = before {
            let _ = py.restore(before);
        }
    });
}

unsafe extern "C" fn call_collation(
    callback: *mut c_void,
    left_len: c_int,
    left: *const c_void,
    right_len: c_int,
    right: *const c_void,
) -> c_int {
    // SAFETY: the library passes two texts with their lengths, and what `keep` made.
    let compared = outside(|py| unsafe {
        let callable = (*callback.cast::<Callback>()).0.clone();
        let text = |start: *const c_void, len: c_int| -> PyResult<Ref<Object>> {
            let bytes = if len == 0 { &[][..] } else { std::slice::from_raw_parts(start.cast::<u8>(), len as usize) };
            krait_object::builtins::codecs::decode(py, bytes, Some("utf-8"), None).map(Ref::upcast)
        };
        let call = || -> PyResult<c_int> {
            let result = callable.call_pos(py, &[&*text(left, left_len)?, &*text(right, right_len)?])?;
            match (*result).downcast::<Int>() {
                Some(order) if order.is_zero() => Ok(0),
                Some(order) => Ok(if order.is_negative() { -1 } else { 1 }),
                None => Err(raise!(py, TypeError, "an integer is required")),
            }
        };
        call().unwrap_or_else(|raised| {
            raised.clear(py);
            0
        })
    });
    compared.unwrap_or(0)
}

unsafe extern "C" fn ask_authorizer(
    connection: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    trigger: *const c_char,
) -> c_int {
    // SAFETY: the library passes texts or null, and the connection, which lives while its database is used.
    let answer = outside(|py| unsafe {
        let Some(callable) = (*connection.cast::<Connection>()).authorizer() else { return ffi::SQLITE_OK };
        let text = |text: *const c_char| -> PyResult<Ref<Object>> {
            if text.is_null() { Ok(krait_object::none()) } else { super::errors::text(text).into_object(py) }
        };
        let call = || -> PyResult<c_int> {
            let args = [action.into_object(py)?, text(first)?, text(second)?, text(database)?, text(trigger)?];
            let result = callable.call_pos(py, krait_object::args::as_borrowed(&args))?;
            match (*result).downcast::<Int>() {
                Some(answer) => answer.as_object().as_i32(py),
                None => Ok(ffi::SQLITE_DENY),
            }
        };
        call().unwrap_or_else(|_| {
            report(py, &callable);
            ffi::SQLITE_DENY
        })
    });
    answer.unwrap_or(ffi::SQLITE_DENY)
}

unsafe extern "C" fn ask_progress(connection: *mut c_void) -> c_int {
    let stop = outside(|py| {
        // SAFETY: the connection lives while its database is used.
        let connection = unsafe { &*connection.cast::<Connection>() };
        let Some(callable) = connection.progress() else { return false };
        callable.call0(py).and_then(|answer| answer.is_true(py)).unwrap_or_else(|_| {
            report(py, &callable);
            true
        })
    });
    c_int::from(stop.unwrap_or(true))
}

unsafe extern "C" fn tell_tracer(
    kind: c_uint,
    connection: *mut c_void,
    statement: *mut c_void,
    sql: *mut c_void,
) -> c_int {
    if kind != ffi::SQLITE_TRACE_STMT as c_uint {
        return 0;
    }
    // SAFETY: for this kind of event the library passes a statement and its text.
    outside(|py| unsafe {
        let Some(callable) = (*connection.cast::<Connection>()).tracer() else { return };
        let expanded = ffi::sqlite3_expanded_sql(statement.cast());
        let shown = match expanded.is_null() {
            true => super::errors::text(sql.cast()),
            false => super::errors::text(expanded),
        };
        let too_big = expanded.is_null();
        ffi::sqlite3_free(expanded.cast());
        if too_big {
            let _ = super::errors::fail(py, "DataError", "Expanded SQL string exceeds the maximum string length");
            report(py, &callable);
        }
        if shown.into_object(py).and_then(|shown| callable.call_pos(py, &[&*shown])).is_err() {
            report(py, &callable);
        }
    });
    0
}

/// Binds arguments, and warns of those of `names` that are given by keyword.
fn bind<'a, const N: usize>(
    py: Attached<'_>,
    signature: &Signature,
    function: &str,
    names: &[&str],
    args: Args<'a>,
) -> PyResult<[Arg<'a>; N]> {
    let given = |name: &&str| args.names.iter().any(|key| key.downcast::<Str>().is_some_and(|key| key.eq_str(name)));
    if names.iter().any(given) {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        let list = match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.concat(),
        };
        let message = format!(
            "Passing keyword argument{plural} {list} to _sqlite3.Connection.{function}() is deprecated. Parameter{plural} {list} will become positional-only in Python 3.15."
        );
        (hooks().warn)(py, krait_object::exc::DeprecationWarning(), &message, 1)?;
    }
    signature.bind(py, args)
}

/// The number of parameters of a function.
fn parameters(py: Attached<'_>, connection: &Connection, count: Arg<'_>, name: &str) -> PyResult<c_int> {
    let count = required(py, count)?.as_i32(py)?;
    let db = connection.usable(py)?;
    // SAFETY: an open database.
    let limit = unsafe { ffi::sqlite3_limit(db.0, ffi::SQLITE_LIMIT_FUNCTION_ARG, -1) };
    match (-1..=limit).contains(&count) {
        true => Ok(count),
        false => Err(misuse(py, format_args!("'{name}' must be between -1 and {limit}, not {count}"))),
    }
}

fn done(py: Attached<'_>, result: c_int, message: &str) -> PyResult<()> {
    match result {
        ffi::SQLITE_OK => Ok(()),
        _ => Err(super::errors::fail(py, "OperationalError", message)),
    }
}

/// Takes a function or aggregate of a name away; the library's result code.
///
/// # Safety
/// `db` is an open database.
unsafe fn remove_function(db: *mut ffi::sqlite3, name: &CStr, count: c_int, flags: c_int) -> c_int {
    // SAFETY: by the contract.
    unsafe { ffi::sqlite3_create_function_v2(db, name.as_ptr(), count, flags, ptr::null_mut(), None, None, None, None) }
}

/// `Connection.create_function()`.
pub fn create_function(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
    const SIG: Signature = Signature::parse("create_function", "($self, /, name, narg, func, *, deterministic=False)");
    let [name, count, callable, deterministic] =
        bind::<4>(py, &SIG, "create_function", &["name", "narg", "func"], args)?;
    let db = this.usable(py)?;
    let name = c_text(py, required(py, name)?, "create_function() argument 'name' must be str, not")?;
    let count = parameters(py, this, count, "narg")?;
    let callable = required(py, callable)?;
    let flags = match deterministic.map_or(Ok(false), |flag| flag.is_true(py))? {
        true => ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC,
        false => ffi::SQLITE_UTF8,
    };
    // SAFETY: an open database; the library gives the callable back through `forget`.
    let result = unsafe {
        match callable.is_none() {
            true => remove_function(db.0, &name, count, flags),
            false => ffi::sqlite3_create_function_v2(
                db.0,
                name.as_ptr(),
                count,
                flags,
                keep(callable),
                Some(call_function),
                None,
                None,
                Some(forget),
            ),
        }
    };
    done(py, result, "Error creating function")
}

/// `Connection.create_aggregate()`.
pub fn create_aggregate(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
    const SIG: Signature = Signature::parse("create_aggregate", "($self, /, name, n_arg, aggregate_class)");
    let names = ["name", "n_arg", "aggregate_class"];
    let [name, count, class] = bind::<3>(py, &SIG, "create_aggregate", &names, args)?;
    let db = this.usable(py)?;
    let name = c_text(py, required(py, name)?, "create_aggregate() argument 'name' must be str, not")?;
    let count = parameters(py, this, count, "n_arg")?;
    let class = required(py, class)?;
    let flags = ffi::SQLITE_UTF8;
    // SAFETY: as for functions.
    let result = unsafe {
        match class.is_none() {
            true => remove_function(db.0, &name, count, flags),
            false => ffi::sqlite3_create_function_v2(
                db.0,
                name.as_ptr(),
                count,
                flags,
                keep(class),
                None,
                Some(call_step),
                Some(call_final),
                Some(forget),
            ),
        }
    };
    done(py, result, "Error creating aggregate")
}

/// `Connection.create_window_function()`.
pub fn create_window(py: Attached<'_>, this: &Connection, [name, count, class]: [Arg<'_>; 3]) -> PyResult<()> {
    let db = this.usable(py)?;
    let name = c_text(py, required(py, name)?, "create_window_function() argument 1 must be str, not")?;
    let count = parameters(py, this, count, "num_params")?;
    let class = required(py, class)?;
    let flags = ffi::SQLITE_UTF8;
    // SAFETY: as for functions.
    let result = unsafe {
        match class.is_none() {
            true => remove_function(db.0, &name, count, flags),
            false => ffi::sqlite3_create_window_function(
                db.0,
                name.as_ptr(),
                count,
                flags,
                keep(class),
                Some(call_step),
                Some(call_final),
                Some(call_value),
                Some(call_inverse),
                Some(forget),
            ),
        }
    };
    match result {
        ffi::SQLITE_OK => Ok(()),
        // SAFETY: an open database.
        _ => Err(unsafe { raise_db(py, db.0) }),
    }
}

/// `Connection.create_collation()`.
pub fn create_collation(py: Attached<'_>, this: &Connection, [name, callable]: [Arg<'_>; 2]) -> PyResult<()> {
    let db = this.usable(py)?;
    let name = c_text(py, required(py, name)?, "create_collation() argument 1 must be str, not")?;
    let callable = required(py, callable)?;
    let flags = ffi::SQLITE_UTF8;
    let result = if callable.is_none() {
        // SAFETY: an open database.
        unsafe { ffi::sqlite3_create_collation_v2(db.0, name.as_ptr(), flags, ptr::null_mut(), None, None) }
    } else {
        if !callable.is_callable() {
            return Err(raise!(py, TypeError, "parameter must be callable"));
        }
        let kept = keep(callable);
        // SAFETY: an open database; the library gives the callable back through `forget`.
        unsafe {
            let result =
                ffi::sqlite3_create_collation_v2(db.0, name.as_ptr(), flags, kept, Some(call_collation), Some(forget));
            if result != ffi::SQLITE_OK {
                // The library does not give it back if it fails.
                forget(kept);
            }
            result
        }
    };
    match result {
        ffi::SQLITE_OK => Ok(()),
        // SAFETY: an open database.
        _ => Err(unsafe { raise_db(py, db.0) }),
    }
}

/// The connection as the library's user data.
fn user_data(connection: &Connection) -> *mut c_void {
    connection.as_ptr().cast()
}

/// `Connection.set_authorizer()`.
pub fn set_authorizer(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
    const SIG: Signature = Signature::parse("set_authorizer", "($self, /, authorizer_callback)");
    let [callback] = bind::<1>(py, &SIG, "set_authorizer", &["authorizer_callback"], args)?;
    let db = this.usable(py)?;
    let callback = required(py, callback)?;
    let callback = Some(callback).filter(|callback| !callback.is_none());
    this.keep_authorizer(callback);
    // SAFETY: an open database; the connection outlives it.
    let result = unsafe {
        match callback {
            None => ffi::sqlite3_set_authorizer(db.0, None, ptr::null_mut()),
            Some(_) => ffi::sqlite3_set_authorizer(db.0, Some(ask_authorizer), user_data(this)),
        }
    };
    done(py, result, "Error setting authorizer callback")
}

/// `Connection.set_progress_handler()`.
pub fn set_progress_handler(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
    const SIG: Signature = Signature::parse("set_progress_handler", "($self, /, progress_handler, n)");
    let [callback, n] = bind::<2>(py, &SIG, "set_progress_handler", &["progress_handler"], args)?;
    let db = this.usable(py)?;
    let n = required(py, n)?.as_i32(py)?;
    let callback = Some(required(py, callback)?).filter(|callback| !callback.is_none());
    this.keep_progress(callback);
    // SAFETY: an open database; the connection outlives it.
    unsafe {
        match callback {
            None => ffi::sqlite3_progress_handler(db.0, 0, None, ptr::null_mut()),
            Some(_) => ffi::sqlite3_progress_handler(db.0, n, Some(ask_progress), user_data(this)),
        }
    }
    Ok(())
}

/// `Connection.set_trace_callback()`.
pub fn set_trace_callback(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
    const SIG: Signature = Signature::parse("set_trace_callback", "($self, /, trace_callback)");
    let [callback] = bind::<1>(py, &SIG, "set_trace_callback", &["trace_callback"], args)?;
    let db = this.usable(py)?;
    let callback = Some(required(py, callback)?).filter(|callback| !callback.is_none());
    this.keep_tracer(callback);
    // SAFETY: an open database; the connection outlives it.
    unsafe {
        match callback {
            None => ffi::sqlite3_trace_v2(db.0, 0, None, ptr::null_mut()),
            Some(_) => {
                ffi::sqlite3_trace_v2(db.0, ffi::SQLITE_TRACE_STMT as c_uint, Some(tell_tracer), user_data(this))
            }
        };
    }
    Ok(())
}

/// `enable_callback_tracebacks()`.
pub fn enable_tracebacks(py: Attached<'_>, _: &Object, enable: &Object) -> PyResult<()> {
    let on = krait_object::Bool::of(enable.is_true(py)?);
    let module = (hooks().import)(py, "_sqlite3")?;
    module.set_attr(py, id!(py, _callback_tracebacks_are_on), Some(on.as_object()))
}
