//! `_testinternalcapi`: what CPython's own tests ask about the runtime's insides, as far as it means the same here.
mod codefacts;
mod maps;

use krait_object::builtins::dictobject;
use krait_object::layout::{_PyInterpreterFrame, PyObject, PyThreadState};
use krait_object::native::{Arg, required};
use krait_object::protocols::number::BinaryOp;
use krait_object::{
    Attached, Bytes, Dict, Layout, List, Module, Object, PyResult, Raised, Ref, Set, Str, Tuple, functions, id, raise,
};
use krait_vm::eval::foreign;
use krait_vm::frame::Frame;
use krait_vm::frameobject::FrameObject;
use std::ffi::{c_int, c_void};

/// Whether the attributes of an instance lie in the instance itself.
fn has_inline_values(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    dictobject::has_inline_values(object)
}

/// Whether a dict shares its keys with other instances of a class.
fn has_split_table(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    object.downcast::<Dict>().is_some_and(Dict::has_split_table)
}

/// How deep calls are nested now.
fn recursion_depth(py: Attached<'_>, _: &Object) -> i32 {
    let tstate = py.tstate();
    tstate.py_recursion_limit.get() - tstate.py_recursion_remaining.get()
}

/// What `pending_threadfunc` queues: the callable, whose reference the queue owns.
unsafe extern "C" fn pending_call(callable: *mut c_void) -> c_int {
    // SAFETY: pending calls are made on an attached thread; the queue owned the reference.
    let (py, callable) = unsafe { (Attached::from_tls(), Ref::<Object>::from_raw(callable.cast())) };
    match callable.call0(py) {
        Ok(_) => 0,
        Err(_) => -1,
    }
}

/// Queues calls of a function that any thread of the interpreter makes; how many found room.
fn pending_threadfunc(
    py: Attached<'_>,
    _: &Object,
    [callable, count, _blocking, ensure]: [Arg<'_>; 4],
) -> PyResult<usize> {
    let callable = required(py, callable)?;
    let count = count.map_or(Ok(1), |count| count.as_isize(py))?.max(0) as usize;
    let ensure = ensure.map_or(Ok(false), |ensure| ensure.is_true(py))?;
    let interpreter = krait_vm::interp::current(py);
    let mut queued = 0;
    while queued < count {
        let argument = callable.to_ref().into_raw();
        let call = krait_sync::pending::Call { function: pending_call, argument: argument.cast() };
        match interpreter.pending.push(call) {
            Ok(()) => queued += 1,
            Err(_) => {
                // SAFETY: nobody took the reference.
                drop(unsafe { Ref::<Object>::from_raw(argument) });
                if !ensure {
                    break;
                }
                krait_vm::interp::without(py, || std::thread::sleep(std::time::Duration::from_millis(10)));
            }
        }
    }
    interpreter.signal_all(krait_sync::breaker::CALLS_TO_DO);
    Ok(queued)
}

/// The frame that a frame object stands for, which must still run or be kept.
fn interpreter_frame<'a>(py: Attached<'_>, frame: &'a Object) -> PyResult<&'a Frame> {
    let frame = frame.downcast::<FrameObject>();
    frame.map(FrameObject::frame).ok_or_else(|| raise!(py, TypeError, "argument must be a frame"))
}

fn frame_code(py: Attached<'_>, _: &Object, frame: &Object) -> PyResult<Ref<Object>> {
    Ok(interpreter_frame(py, frame)?.code().as_object().to_ref())
}

fn frame_lasti(py: Attached<'_>, _: &Object, frame: &Object) -> PyResult<i64> {
    Ok(interpreter_frame(py, frame)?.lasti() as i64)
}

fn frame_line(py: Attached<'_>, _: &Object, frame: &Object) -> PyResult<i32> {
    let frame = interpreter_frame(py, frame)?;
    Ok(frame.code().line_of(frame.lasti() as i32).unwrap_or(-1))
}

/// Evaluates a frame after its function's name was put into the list that the interpreter's dict keeps.
unsafe extern "C" fn record_frame(
    _: *mut PyThreadState,
    frame: *mut _PyInterpreterFrame,
    raise: c_int,
) -> *mut PyObject {
    // SAFETY: called by the evaluation loop with a live frame.
    let (py, code) = unsafe { (Attached::from_tls(), (*frame.cast::<Frame>()).code()) };
    let kept = py.take_raised();
    let noted = recorded(py).and_then(|list| match list {
        // SAFETY: [frozen]: the name of a code object is a string.
        Some(list) => list.push(py, unsafe { Object::from_ptr(code.raw().co_name.get()) }.to_ref()),
        None => Ok(()),
    });
    if let Err(raised) = noted {
        raised.clear(py);
    }
    if let Some(kept) = kept {
        let _raised = py.restore(kept);
    }
    let frame = std::ptr::NonNull::new(frame);
    frame
        .and_then(|frame| krait_vm::eval::run_frame(py, frame, raise != 0).ok())
        .map_or(std::ptr::null_mut(), Ref::into_raw)
}

fn recorded(py: Attached<'_>) -> PyResult<Option<Ref<List>>> {
    // Nothing that would run frames itself.
    let Some(module) = krait_vm::import::modules(py)?.get_str(py, "_testinternalcapi") else { return Ok(None) };
    let found = module.get_attr_opt(py, &*krait_object::Str::new(py, "_recorded_frames")?)?;
    Ok(found.and_then(|list| list.downcast::<List>().ok()))
}

fn record_frames(py: Attached<'_>, module: &Object, list: &Object) -> PyResult<()> {
    if list.downcast::<List>().is_none() {
        return Err(raise!(py, TypeError, "argument must be a list"));
    }
    module.set_attr(py, &*krait_object::Str::new(py, "_recorded_frames")?, Some(list))?;
    foreign::set(krait_vm::interp::current(py), Some(record_frame));
    Ok(())
}

fn evaluate_plainly(py: Attached<'_>, _: &Object) {
    foreign::set(krait_vm::interp::current(py), None);
}

/// The frames that `PyTraceMalloc_Track` kept for a block.
fn traceback(py: Attached<'_>, _: &Object, [domain, address]: [Arg<'_>; 2]) -> PyResult<Option<Ref<Tuple>>> {
    let domain = required(py, domain)?.as_u64_mask(py)? as u32;
    krait_object::tracemalloc::traceback_of(py, domain, required(py, address)?.as_u64_mask(py)? as usize)
}

/// The error handler that conversions of the locale's text know by this name.
fn locale_errors<'a>(py: Attached<'_>, errors: Arg<'a>) -> PyResult<&'a str> {
    let name = match errors {
        None => "strict",
        Some(errors) => krait_object::builtins::textargs::str_arg(py, "locale", "argument 3", errors)?.to_utf8(py)?,
    };
    if !matches!(name, "strict" | "surrogateescape" | "surrogatepass") {
        return Err(raise!(py, ValueError, "unsupported error handler"));
    }
    Ok(name)
}

/// Turns a codec's error into the `RuntimeError` that says where a conversion stopped.
fn conversion_error(py: Attached<'_>, what: &str, raised: Raised) -> Raised {
    let error = raised.take(py);
    let told = (|| -> PyResult<(isize, String)> {
        let start = error.as_object().get_attr(py, id!(py, start))?.as_isize(py)?;
        let reason = error.as_object().get_attr(py, id!(py, reason))?.str(py)?;
        Ok((start, reason.to_string_lossy().into_owned()))
    })();
    match told {
        Ok((start, reason)) => raise!(py, RuntimeError, "{what} error: pos={start}, reason={reason}"),
        Err(raised) => raised,
    }
}

/// Bytes of the locale's encoding, which is UTF-8, as text.
fn decode_locale(py: Attached<'_>, _: &Object, [bytes, _current, errors]: [Arg<'_>; 3]) -> PyResult<Ref<Str>> {
    let bytes = krait_object::protocols::buffer::BytesArg::new(py, required(py, bytes)?)?;
    let errors = locale_errors(py, errors)?;
    krait_object::codecs::decode(py, bytes.as_slice(), Some("utf-8"), Some(errors))
        .map_err(|raised| conversion_error(py, "decode", raised))
}

/// Text as bytes of the locale's encoding, which is UTF-8.
fn encode_locale(py: Attached<'_>, _: &Object, [text, _current, errors]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let text = krait_object::builtins::textargs::str_arg(py, "EncodeLocaleEx", "argument 1", required(py, text)?)?;
    let errors = locale_errors(py, errors)?;
    krait_object::codecs::encode(py, text, Some("utf-8"), Some(errors))
        .map_err(|raised| conversion_error(py, "encode", raised))
}

/// Gives back an argument that the clinic's parser took apart in whichever interpreter came first.
fn given_back(_: Attached<'_>, _: &Object, [spam]: [Arg<'_>; 1]) -> Option<Ref<Object>> {
    spam.map(Layout::to_ref)
}

/// Raises a `KeyError` whose argument is the key, whatever the key is.
fn raise_key_error(py: Attached<'_>, _: &Object, key: &Object) -> PyResult<()> {
    let error = krait_object::exc::KeyError().as_object().call_pos(py, &[key])?;
    Err(krait_object::exceptions::raise_value(py, krait_object::exc::KeyError(), &error))
}

/// Whether an object is the runtime's own and lives for ever.
fn is_static_immortal(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    // Strings live for ever when they are interned, wherever they come from.
    krait_object::mode::is_immortal(object) && object.downcast::<krait_object::Str>().is_none()
}

/// Whether frames hold the object without counting their references.
fn has_deferred_refcount(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    krait_object::mode::is_deferred(object)
}

/// Text with ASCII digits and spaces in place of all others; from what is neither and no ASCII on, a question mark.
fn to_ascii(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<Ref<Str>> {
    let Some(text) = text.downcast::<Str>() else { return Err(py.bad_internal_call()) };
    let mut made = String::new();
    for point in text.code_points() {
        let digit = krait_text::unicode::decimal(point).map(|digit| char::from(b'0' + digit));
        let ascii = u8::try_from(point).ok().filter(u8::is_ascii).map(char::from);
        let space = krait_text::unicode::is_space(point).then_some(' ');
        match ascii.or(space).or(digit) {
            Some(character) => made.push(character),
            None => {
                made.push('?');
                break;
            }
        }
    }
    Str::new(py, &made)
}

/// Adds the items of an iterable to a set.
fn set_update(py: Attached<'_>, _: &Object, [set, items]: [Arg<'_>; 2]) -> PyResult<i32> {
    let (set, items) = (required(py, set)?, required(py, items)?);
    let Some(set) = set.downcast::<Set>() else { return Err(py.bad_internal_call()) };
    set.update(py, items).map(|()| 0)
}

/// The item at a place of a set, with 1, the next place and the hash; None behind the last.
fn set_next_entry(py: Attached<'_>, _: &Object, [set, place]: [Arg<'_>; 2]) -> PyResult<Option<Ref<Tuple>>> {
    let (set, place) = (required(py, set)?, required(py, place)?.as_isize(py)?.max(0) as usize);
    let items = match (set.downcast::<Set>(), set.downcast::<krait_object::FrozenSet>()) {
        (Some(set), _) => set.to_vec(py)?,
        (_, Some(set)) => set.to_vec(py)?,
        _ => return Err(py.bad_internal_call()),
    };
    let Some(item) = items.get(place) else { return Ok(None) };
    let number = |value: i64| krait_object::Int::from_i64(py, value);
    let (found, next, hash) = (number(1)?, number(place as i64 + 1)?, number(item.hash(py)? as i64)?);
    Tuple::from_slice(py, &[found.as_object(), next.as_object(), hash.as_object(), item]).map(Some)
}

/// What `pending_identify` waits for: the id of the interpreter that made the call.
#[derive(Default)]
struct Identified {
    id: std::sync::Mutex<Option<i64>>,
    known: std::sync::Condvar,
}

unsafe extern "C" fn identify(waiting: *mut c_void) -> c_int {
    // SAFETY: pending calls are made on an attached thread; the queue owned the share.
    let (py, waiting) = unsafe { (Attached::from_tls(), std::sync::Arc::from_raw(waiting.cast::<Identified>())) };
    let id = krait_vm::interp::current(py).id;
    *waiting.id.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(id);
    waiting.known.notify_all();
    0
}

/// Queues a call in an interpreter and waits until it is made there; the id of the interpreter that made it.
fn pending_identify(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<i64> {
    let id = id.as_isize(py)? as i64;
    let waiting = std::sync::Arc::new(Identified::default());
    loop {
        let argument = std::sync::Arc::into_raw(waiting.clone()).cast_mut();
        let call = krait_sync::pending::Call { function: identify, argument: argument.cast() };
        let queued = krait_vm::interp::Interpreter::look_up(id, |found| {
            let queued = found.pending.push(call).is_ok();
            found.signal_all(krait_sync::breaker::CALLS_TO_DO);
            queued
        });
        if queued != Some(true) {
            // SAFETY: nobody took the share.
            drop(unsafe { std::sync::Arc::from_raw(argument) });
        }
        match queued {
            None => return Err(raise!(py, ValueError, "interpreter not found")),
            Some(true) => break,
            Some(false) => krait_vm::interp::without(py, || std::thread::sleep(std::time::Duration::from_millis(10))),
        }
    }
    Ok(krait_vm::interp::without(py, || {
        let mut id = waiting.id.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            if let Some(id) = *id {
                return id;
            }
            id = waiting.known.wait(id).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }))
}

/// What mixed arithmetic of complex and real numbers gives, with no error number.
fn mixed(py: Attached<'_>, [left, right]: [Arg<'_>; 2], op: BinaryOp) -> PyResult<Ref<Tuple>> {
    let value = required(py, left)?.binary_op(py, required(py, right)?, op)?;
    Tuple::from_slice(py, &[&*value, krait_object::Int::from_i64(py, 0)?.as_object()])
}

fn mixed_sum(py: Attached<'_>, _: &Object, pair: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    mixed(py, pair, BinaryOp::Add)
}

fn mixed_difference(py: Attached<'_>, _: &Object, pair: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    mixed(py, pair, BinaryOp::Subtract)
}

fn mixed_product(py: Attached<'_>, _: &Object, pair: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    mixed(py, pair, BinaryOp::Multiply)
}

fn mixed_quotient(py: Attached<'_>, _: &Object, pair: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    mixed(py, pair, BinaryOp::TrueDivide)
}

/// The memory functions are none of those that CPython has names for.
fn allocators_name(py: Attached<'_>, _: &Object) -> PyResult<()> {
    Err(raise!(py, RuntimeError, "cannot get allocators name"))
}

/// How many objects are under the collector's care.
fn tracked_heap_size(py: Attached<'_>, _: &Object) -> usize {
    krait_object::gc::count_objects(py)
}

/// Forgets that an extension module of single-phase initialisation was loaded.
fn clear_extension(py: Attached<'_>, _: &Object, [name, path]: [Arg<'_>; 2]) -> PyResult<()> {
    let (name, path) = (required(py, name)?.str(py)?, required(py, path)?.str(py)?);
    krait_vm::import::forget_extension(py, &name.to_string_lossy(), &path.to_string_lossy());
    Ok(())
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "has_inline_values" => has_inline_values, "", "Whether the attributes of an instance lie in the instance itself.";
            o "has_split_table" => has_split_table, "", "Whether a dict shares its keys with other instances of a class.";
            sig "pending_threadfunc" => pending_threadfunc, "($module, callback, num=1, /, *, blocking=False, ensure_added=False)", "Queue calls that any thread of the interpreter makes; return how many found room.";
            o "iframe_getcode" => frame_code, "", "The code of a frame.";
            o "iframe_getlasti" => frame_lasti, "", "The offset of a frame's last instruction.";
            o "iframe_getline" => frame_line, "", "The line of a frame.";
            o "set_eval_frame_record" => record_frames, "", "Put the name of each function that is run into a list.";
            noargs "set_eval_frame_default" => evaluate_plainly, "", "Run frames without more ado.";
            sig "_PyTraceMalloc_GetTraceback" => traceback, "($module, domain, ptr, /)", "The frames in which a block was tracked, or None.";
            sig "DecodeLocaleEx" => decode_locale, "($module, bytes, current_locale=0, errors='strict', /)", "Bytes of the locale's encoding as text.";
            sig "EncodeLocaleEx" => encode_locale, "($module, text, current_locale=0, errors='strict', /)", "Text as bytes of the locale's encoding.";
            sig "gh_119213_getargs" => given_back, "($module, spam=None)", "Give back an argument.";
            o "_pyerr_setkeyerror" => raise_key_error, "", "Raise a KeyError with this argument.";
            o "is_static_immortal" => is_static_immortal, "", "Whether an object is the runtime's own and lives for ever.";
            o "_PyUnicode_TransformDecimalAndSpaceToASCII" => to_ascii, "", "Text with ASCII digits and spaces.";
            o "has_deferred_refcount" => has_deferred_refcount, "", "Whether frames hold the object without counting their references.";
            sig "set_next_entry" => set_next_entry, "($module, set, pos, /)", "The item at a place of a set, with 1, the next place and the hash.";
            o "pending_identify" => pending_identify, "", "The id of the interpreter that makes a pending call of an interpreter.";
            sig "set_update" => set_update, "($module, set, iterable, /)", "Add the items of an iterable to a set; return 0.";
            sig "_py_cr_sum" => mixed_sum, "($module, left, right, /)", "Add a real to a complex number.";
            sig "_py_cr_diff" => mixed_difference, "($module, left, right, /)", "Subtract a real from a complex number.";
            sig "_py_rc_diff" => mixed_difference, "($module, left, right, /)", "Subtract a complex from a real number.";
            sig "_py_cr_prod" => mixed_product, "($module, left, right, /)", "Multiply a complex with a real number.";
            sig "_py_cr_quot" => mixed_quotient, "($module, left, right, /)", "Divide a complex by a real number.";
            sig "_py_rc_quot" => mixed_quotient, "($module, left, right, /)", "Divide a real by a complex number.";
            noargs "pymem_getallocatorsname" => allocators_name, "", "Raises RuntimeError: the memory functions have no such name.";
            noargs "get_tracked_heap_size" => tracked_heap_size, "", "How many objects are under the collector's care.";
            sig "clear_extension" => clear_extension, "($module, name, filename, /)", "Forgets that an extension module of single-phase initialisation was loaded.";
            noargs "get_recursion_depth" => recursion_depth, "", "How deep calls are nested now.";
        },
    )?;
    crate::interpreters::testing::add_to(py, module)?;
    codefacts::add_to(py, module)?;
    maps::add_to(py, module)?;
    for (name, value) in [
        // Calls after which a call site or an attribute access is specialised, at the latest.
        ("SPECIALIZATION_THRESHOLD", 17),
        ("SPECIALIZATION_COOLDOWN", 53),
        ("SHARED_KEYS_MAX_SIZE", 30),
        ("SIZEOF_PYGC_HEAD", if krait_object::mode::FREE_THREADED { 0 } else { 16 }),
        // The words before an instance that hold its dict and its weak references.
        ("SIZEOF_MANAGED_PRE_HEADER", 16),
        ("SIZEOF_TIME_T", 8),
    ] {
        module.add(py, name, krait_object::Int::from_i64(py, value)?.as_object())?;
    }
    Ok(())
}
