//! `fcntl`.
use crate::util::*;
use crate::{linux, vm};
use krait_object::protocols::buffer::Buffer;
use krait_object::{Attached, Bytes, IntoObject, Module, Object, PyResult, Ref, Str, functions, raise};

type Opt<'a> = Option<&'a Object>;

/// The largest argument that is copied.
const ROOM: usize = 1024;
/// Bytes behind the copy, to notice a request that writes further.
const GUARD: &[u8] = b"\x00\xfaguard\xfa\x00krait";

/// The bytes of a text or buffer argument; `None` for a number.
fn bytes_arg(py: Attached<'_>, function: &str, argument: &Object) -> PyResult<Option<Vec<u8>>> {
    if argument.has_index() {
        return Ok(None);
    }
    if let Some(text) = argument.downcast::<Str>() {
        return Ok(Some(text.to_utf8(py)?.as_bytes().to_vec()));
    }
    if Buffer::is_exporter(argument) {
        return Ok(Some(Buffer::contiguous(py, argument)?.as_slice().to_vec()));
    }
    Err(raise!(
        py,
        TypeError,
        "{function}() argument 3 must be an integer, a bytes-like object, or a string, not {}",
        argument.ty().name()
    ))
}

/// Makes a call on a guarded copy of the bytes; the result is what the call made of them.
fn on_copy(py: Attached<'_>, bytes: &[u8], call: impl Fn(*mut std::ffi::c_void) -> i32) -> PyResult<Ref<Bytes>> {
    let mut copy = vec![0u8; ROOM + GUARD.len()];
    copy[..bytes.len()].copy_from_slice(bytes);
    copy[bytes.len()..bytes.len() + GUARD.len()].copy_from_slice(GUARD);
    let data = copy.as_mut_ptr();
    sys(py, || call(data.cast()))?;
    if &copy[bytes.len()..bytes.len() + GUARD.len()] != GUARD {
        return Err(raise!(py, SystemError, "buffer overflow"));
    }
    Bytes::new(py, &copy[..bytes.len()])
}

fn py_fcntl(py: Attached<'_>, _: &Object, [fd, command, argument]: [Opt<'_>; 3]) -> PyResult<Ref<Object>> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let command = int_arg(py, need(py, command)?)?;
    let bytes = argument.map(|argument| bytes_arg(py, "fcntl", argument)).transpose()?.flatten();
    if let Some(bytes) = bytes {
        if bytes.len() > ROOM {
            return Err(raise!(py, ValueError, "fcntl argument 3 is too long"));
        }
        // SAFETY: the copy has room for what requests exchange.
        return Ok(on_copy(py, &bytes, |data| unsafe { libc::fcntl(fd, command, data) })?.upcast());
    }
    let number = argument.map_or(Ok(0), |argument| argument.as_u64_mask(py))?;
    // SAFETY: a number is what the caller says the command takes.
    sys(py, || unsafe { libc::fcntl(fd, command, number as libc::c_long) })?.into_object(py)
}

fn py_ioctl(py: Attached<'_>, _: &Object, [fd, request, argument, mutate]: [Opt<'_>; 4]) -> PyResult<Ref<Object>> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let request = need(py, request)?.as_u64_mask(py)? as libc::Ioctl;
    let mutate = bool_or(py, mutate, true)?;
    if let Some(argument) = argument.filter(|argument| !argument.has_index() && argument.downcast::<Str>().is_none())
        && mutate
        && let Ok(view) = Buffer::writable(py, argument).map_err(|raised| raised.clear(py))
    {
        let len = view.as_slice().len();
        // SAFETY: a writable buffer. A short one is exchanged through a copy, so that the request has room.
        let out = unsafe { view.as_mut_slice() };
        if len > ROOM {
            let data = out.as_mut_ptr();
            // SAFETY: as above.
            return sys(py, || unsafe { libc::ioctl(fd, request, data) })?.into_object(py);
        }
        let result = std::cell::Cell::new(0);
        let copy = on_copy(py, out, |data| {
            // SAFETY: the copy has room for what requests exchange.
            let value = unsafe { libc::ioctl(fd, request, data) };
            result.set(value);
            value
        })?;
        out.copy_from_slice(copy.as_slice());
        return result.get().into_object(py);
    }
    let bytes = argument.map(|argument| bytes_arg(py, "ioctl", argument)).transpose()?.flatten();
    if let Some(bytes) = bytes {
        if bytes.len() > ROOM {
            return Err(raise!(py, ValueError, "ioctl argument 3 is too long"));
        }
        // SAFETY: the copy has room for what requests exchange.
        return Ok(on_copy(py, &bytes, |data| unsafe { libc::ioctl(fd, request, data) })?.upcast());
    }
    let number = argument.map_or(Ok(0), |argument| argument.as_u64_mask(py))?;
    // SAFETY: a number is what the caller says the request takes.
    sys(py, || unsafe { libc::ioctl(fd, request, number as libc::c_long) })?.into_object(py)
}

fn flock(py: Attached<'_>, _: &Object, [fd, operation]: [Opt<'_>; 2]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let operation = int_arg(py, need(py, operation)?)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::flock(fd, operation) }).map(drop)
}

fn lockf(py: Attached<'_>, _: &Object, [fd, command, len, start, how]: [Opt<'_>; 5]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let command = int_arg(py, need(py, command)?)?;
    let mut lock = libc::flock {
        l_type: if command == libc::LOCK_UN {
            libc::F_UNLCK as i16
        } else if command & libc::LOCK_SH != 0 {
            libc::F_RDLCK as i16
        } else if command & libc::LOCK_EX != 0 {
            libc::F_WRLCK as i16
        } else {
            return Err(raise!(py, ValueError, "unrecognized lockf argument"));
        },
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    lock.l_len = len.map_or(Ok(0), |len| len.as_i64(py))?;
    lock.l_start = start.map_or(Ok(0), |start| start.as_i64(py))?;
    lock.l_whence = int_or(py, how, 0)? as i16;
    let request = if command & libc::LOCK_NB != 0 { libc::F_SETLK } else { libc::F_SETLKW };
    vm::check_signals(py)?;
    // SAFETY: a local variable.
    sys(py, || unsafe { libc::fcntl(fd, request, &raw const lock) }).map(drop)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "fcntl" => py_fcntl, "($module, fd, cmd, arg=0, /)", "Performs an operation on a descriptor.";
        sig "ioctl" => py_ioctl, "($module, fd, request, arg=0, mutate_flag=True, /)", "Performs a device's operation.";
        sig "flock" => flock, "($module, fd, operation, /)", "Locks or frees a file.";
        sig "lockf" => lockf, "($module, fd, cmd, len=0, start=0, whence=0, /)", "Locks or frees a part of a file.";
    })?;
    add_ints(py, module, linux::FCNTL)
}
