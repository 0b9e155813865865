//! File descriptors: opening, reading, writing, pipes, terminals, timers.
use crate::util::*;
use crate::{objects, vm};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::{PyBUF_SIMPLE, PyBUF_WRITABLE, PyMethodDef};
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::{Attached, Bytes, Float, IntoObject, Object, PyResult, Ref, StructSeq, Tuple, functions, raise};
use std::ffi::c_int;

type Opt<'a> = Option<&'a Object>;

/// The most that one call transfers, as the kernel limits it.
const MAX_IO: usize = 0x7fff_f000;

/// `os.terminal_size`.
pub static TERMINAL_SIZE: StructSeq = StructSeq::new(
    "os.terminal_size",
    "Size of a terminal window.",
    &[
        ("columns", "width of the terminal window in characters"),
        ("lines", "height of the terminal window in characters"),
    ],
);

fn open(py: Attached<'_>, _: &Object, [path, flags, mode, dir_fd]: [Opt<'_>; 4]) -> PyResult<c_int> {
    let path = Path::new(py, need(py, path)?, "open", "path")?;
    let (flags, mode) = (int_arg(py, need(py, flags)?)?, int_or(py, mode, 0o777)?);
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    let none = krait_object::none();
    vm::audit(py, "open", &[path.object.unwrap_or(&none), &none, &*flags.into_object(py)?])?;
    // SAFETY: a C string.
    sys_path(py, &path, || unsafe { libc::openat(dir_fd, path.ptr(), flags | libc::O_CLOEXEC, mode as libc::c_uint) })
}

fn close(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<()> {
    let fd = int_arg(py, need(py, fd)?)?;
    // SAFETY: the caller owns the descriptor. An interrupted close has closed it.
    match once(py, || unsafe { libc::close(fd) }) {
        Err(errno) if errno != libc::EINTR => Err(raise_os_error(py, errno)),
        _ => Ok(()),
    }
}

fn closerange(py: Attached<'_>, _: &Object, [low, high]: [Opt<'_>; 2]) -> PyResult<()> {
    let (low, high) = (int_arg(py, need(py, low)?)?.max(0), int_arg(py, need(py, high)?)?);
    if low < high {
        vm::without(py, || {
            // SAFETY: the caller owns the descriptors.
            unsafe {
                if libc::syscall(libc::SYS_close_range, low as libc::c_uint, (high - 1) as libc::c_uint, 0) < 0 {
                    for fd in low..high {
                        libc::close(fd);
                    }
                }
            }
        });
    }
    Ok(())
}

fn read(py: Attached<'_>, _: &Object, [fd, length]: [Opt<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let (fd, length) = (int_arg(py, need(py, fd)?)?, need(py, length)?.as_isize(py)?);
    let Ok(length) = usize::try_from(length) else { return Err(raise_os_error(py, libc::EINVAL)) };
    read_with(py, length.min(MAX_IO), |buffer, len| {
        // SAFETY: the buffer has room for `len` bytes.
        unsafe { libc::read(fd, buffer, len) }
    })
}

/// New bytes that a call fills.
pub fn read_with(
    py: Attached<'_>,
    length: usize,
    mut call: impl FnMut(*mut std::ffi::c_void, usize) -> isize,
) -> PyResult<Ref<Bytes>> {
    let bytes = Bytes::alloc(py, length)?;
    let got = sys(py, || call(bytes.data_ptr().cast(), length))? as usize;
    if got == length {
        return Ok(bytes);
    }
    Bytes::new(py, &bytes.as_slice()[..got])
}

fn readinto(py: Attached<'_>, _: &Object, [fd, buffer]: [Opt<'_>; 2]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let buffer = need(py, buffer)?;
    let Ok(buffer) = Buffer::writable(py, buffer).map_err(|raised| raised.clear(py)) else {
        let class = krait_object::builtins::textargs::arg_type(buffer);
        return Err(raise!(py, TypeError, "readinto() argument 2 must be read-write bytes-like object, not {class}"));
    };
    let (data, len) = (buffer.view().buf, (buffer.view().len as usize).min(MAX_IO));
    // SAFETY: the buffer is lent until the call ends.
    sys(py, || unsafe { libc::read(fd, data, len) })
}

fn write(py: Attached<'_>, _: &Object, [fd, data]: [Opt<'_>; 2]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let data = BytesArg::new(py, need(py, data)?)?;
    let bytes = data.as_slice();
    // SAFETY: the data is lent until the call ends.
    sys(py, || unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len().min(MAX_IO)) })
}

fn pread(py: Attached<'_>, _: &Object, [fd, length, offset]: [Opt<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let (fd, length) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, length)?)?);
    let offset = need(py, offset)?.as_i64(py)?;
    let Ok(length) = usize::try_from(length) else { return Err(raise_os_error(py, libc::EINVAL)) };
    // SAFETY: the buffer has room for `len` bytes.
    read_with(py, length, |buffer, len| unsafe { libc::pread(fd, buffer, len, offset) })
}

fn pwrite(py: Attached<'_>, _: &Object, [fd, data, offset]: [Opt<'_>; 3]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let data = BytesArg::new(py, need(py, data)?)?;
    let (bytes, offset) = (data.as_slice(), need(py, offset)?.as_i64(py)?);
    // SAFETY: the data is lent until the call ends.
    sys(py, || unsafe { libc::pwrite(fd, bytes.as_ptr().cast(), bytes.len().min(MAX_IO), offset) })
}

/// The buffers of a vectored call, and the vector.
pub fn io_vectors(
    py: Attached<'_>,
    function: &str,
    buffers: &Object,
    writable: bool,
) -> PyResult<(Vec<Buffer>, Vec<libc::iovec>)> {
    if !buffers.is_sequence() {
        return Err(raise!(py, TypeError, "{function}() arg 2 must be a sequence"));
    }
    let flags = if writable { PyBUF_WRITABLE } else { PyBUF_SIMPLE };
    let buffers = buffers.collect(py)?.iter().map(|one| Buffer::get(py, one, flags)).collect::<PyResult<Vec<_>>>()?;
    let vectors = buffers
        .iter()
        .map(|buffer| libc::iovec { iov_base: buffer.view().buf, iov_len: buffer.view().len as usize })
        .collect();
    Ok((buffers, vectors))
}

fn readv(py: Attached<'_>, _: &Object, [fd, buffers]: [Opt<'_>; 2]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (_buffers, vectors) = io_vectors(py, "readv", need(py, buffers)?, true)?;
    // SAFETY: the buffers are lent until the call ends.
    sys(py, || unsafe { libc::readv(fd, vectors.as_ptr(), vectors.len() as c_int) })
}

fn writev(py: Attached<'_>, _: &Object, [fd, buffers]: [Opt<'_>; 2]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (_buffers, vectors) = io_vectors(py, "writev", need(py, buffers)?, false)?;
    // SAFETY: the buffers are lent until the call ends.
    sys(py, || unsafe { libc::writev(fd, vectors.as_ptr(), vectors.len() as c_int) })
}

fn preadv(py: Attached<'_>, _: &Object, [fd, buffers, offset, flags]: [Opt<'_>; 4]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (_buffers, vectors) = io_vectors(py, "preadv2", need(py, buffers)?, true)?;
    let (offset, flags) = (need(py, offset)?.as_i64(py)?, int_or(py, flags, 0)?);
    // SAFETY: the buffers are lent until the call ends.
    sys(py, || unsafe { libc::preadv2(fd, vectors.as_ptr(), vectors.len() as c_int, offset, flags) })
}

fn pwritev(py: Attached<'_>, _: &Object, [fd, buffers, offset, flags]: [Opt<'_>; 4]) -> PyResult<isize> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (_buffers, vectors) = io_vectors(py, "pwritev2", need(py, buffers)?, false)?;
    let (offset, flags) = (need(py, offset)?.as_i64(py)?, int_or(py, flags, 0)?);
    // SAFETY: the buffers are lent until the call ends.
    sys(py, || unsafe { libc::pwritev2(fd, vectors.as_ptr(), vectors.len() as c_int, offset, flags) })
}

fn lseek(py: Attached<'_>, _: &Object, [fd, position, how]: [Opt<'_>; 3]) -> PyResult<i64> {
    let (fd, position) = (int_arg(py, need(py, fd)?)?, need(py, position)?.as_i64(py)?);
    let how = int_arg(py, need(py, how)?)?;
    // SAFETY: no memory is involved.
    once(py, || unsafe { libc::lseek(fd, position, how) }).map_err(|errno| raise_os_error(py, errno))
}

fn dup(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<c_int> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })
}

fn dup2(py: Attached<'_>, _: &Object, [fd, fd2, inheritable]: [Opt<'_>; 3]) -> PyResult<c_int> {
    let (fd, fd2) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, fd2)?)?);
    let inheritable = bool_or(py, inheritable, true)?;
    if fd < 0 || fd2 < 0 {
        return Err(raise_os_error(py, libc::EBADF));
    }
    // SAFETY: the caller owns the descriptors.
    sys(py, || unsafe {
        if inheritable || fd == fd2 { libc::dup2(fd, fd2) } else { libc::dup3(fd, fd2, libc::O_CLOEXEC) }
    })
}

fn pipe_with(py: Attached<'_>, flags: c_int) -> PyResult<Ref<Tuple>> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    quick(py, || unsafe { libc::pipe2(ends.as_mut_ptr(), flags) })?;
    tuple(py, objects!(py; ends[0], ends[1]))
}

fn pipe(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    pipe_with(py, libc::O_CLOEXEC)
}

fn pipe2(py: Attached<'_>, _: &Object, flags: &Object) -> PyResult<Ref<Tuple>> {
    let flags = int_arg(py, flags)?;
    pipe_with(py, flags)
}

fn fsync(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::fsync(fd) }).map(drop)
}

fn fdatasync(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::fdatasync(fd) }).map(drop)
}

fn ftruncate(py: Attached<'_>, _: &Object, [fd, length]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, length) = (int_arg(py, need(py, fd)?)?, need(py, length)?.as_i64(py)?);
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::ftruncate(fd, length) }).map(drop)
}

fn isatty(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<bool> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    Ok(unsafe { libc::isatty(fd) } != 0)
}

fn get_inheritable(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<bool> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    Ok(quick(py, || unsafe { libc::fcntl(fd, libc::F_GETFD) })? & libc::FD_CLOEXEC == 0)
}

/// Sets whether child programs inherit a descriptor.
pub fn set_inheritable_fd(fd: c_int, inheritable: bool) -> c_int {
    // SAFETY: no memory is involved.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        if flags < 0 {
            return -1;
        }
        let wanted = if inheritable { flags & !libc::FD_CLOEXEC } else { flags | libc::FD_CLOEXEC };
        if wanted == flags { 0 } else { libc::fcntl(fd, libc::F_SETFD, wanted) }
    }
}

fn set_inheritable(py: Attached<'_>, _: &Object, [fd, inheritable]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, inheritable) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, inheritable)?)? != 0);
    quick(py, || set_inheritable_fd(fd, inheritable)).map(drop)
}

fn get_blocking(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<bool> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    Ok(quick(py, || unsafe { libc::fcntl(fd, libc::F_GETFL) })? & libc::O_NONBLOCK == 0)
}

fn set_blocking(py: Attached<'_>, _: &Object, [fd, blocking]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, blocking) = (int_arg(py, need(py, fd)?)?, need(py, blocking)?.is_true(py)?);
    // SAFETY: no memory is involved.
    unsafe {
        let flags = quick(py, || libc::fcntl(fd, libc::F_GETFL))?;
        let wanted = if blocking { flags & !libc::O_NONBLOCK } else { flags | libc::O_NONBLOCK };
        if wanted != flags {
            quick(py, || libc::fcntl(fd, libc::F_SETFL, wanted))?;
        }
    }
    Ok(())
}

fn get_terminal_size(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let fd = int_or(py, fd, libc::STDOUT_FILENO)?;
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the struct is what the request fills.
    quick(py, || unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) })?;
    TERMINAL_SIZE.make(py, objects!(py; size.ws_col, size.ws_row))
}

fn device_encoding(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<Option<&'static str>> {
    let fd = int_arg(py, need(py, fd)?)?;
    // SAFETY: no memory is involved.
    Ok((unsafe { libc::isatty(fd) } != 0).then_some("UTF-8"))
}

/// An offset that may be absent.
fn offset_arg(py: Attached<'_>, offset: Opt<'_>) -> PyResult<Option<i64>> {
    given(offset).map(|offset| offset.as_i64(py)).transpose()
}

fn sendfile(py: Attached<'_>, _: &Object, [out, input, offset, count]: [Opt<'_>; 4]) -> PyResult<isize> {
    let (out, input) = (int_arg(py, need(py, out)?)?, int_arg(py, need(py, input)?)?);
    let mut offset = offset_arg(py, offset)?;
    let count = need(py, count)?.as_isize(py)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(raise!(py, OverflowError, "can't convert negative value to size_t"));
    };
    // SAFETY: the offset is a local variable or null.
    sys(py, || unsafe {
        libc::sendfile(out, input, offset.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut), count)
    })
}

fn copy_count(py: Attached<'_>, count: Opt<'_>) -> PyResult<usize> {
    let count = need(py, count)?.as_isize(py)?;
    usize::try_from(count).map_err(|_| raise!(py, ValueError, "negative value for 'count' not allowed"))
}

fn copy_file_range(py: Attached<'_>, _: &Object, args: [Opt<'_>; 5]) -> PyResult<isize> {
    let [src, dst, count, from, to] = args;
    let (src, dst) = (int_arg(py, need(py, src)?)?, int_arg(py, need(py, dst)?)?);
    let count = copy_count(py, count)?;
    let (mut from, mut to) = (offset_arg(py, from)?, offset_arg(py, to)?);
    // SAFETY: the offsets are local variables or null.
    sys(py, || unsafe {
        libc::copy_file_range(
            src,
            from.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
            dst,
            to.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
            count,
            0,
        )
    })
}

fn splice(py: Attached<'_>, _: &Object, args: [Opt<'_>; 6]) -> PyResult<isize> {
    let [src, dst, count, from, to, flags] = args;
    let (src, dst) = (int_arg(py, need(py, src)?)?, int_arg(py, need(py, dst)?)?);
    let (count, flags) = (copy_count(py, count)?, int_or(py, flags, 0)?);
    let (mut from, mut to) = (offset_arg(py, from)?, offset_arg(py, to)?);
    // SAFETY: the offsets are local variables or null.
    sys(py, || unsafe {
        libc::splice(
            src,
            from.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
            dst,
            to.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
            count,
            flags as libc::c_uint,
        )
    })
}

/// Errors of functions that return the error number.
fn returned(py: Attached<'_>, mut call: impl FnMut() -> c_int) -> PyResult<()> {
    loop {
        match vm::without(py, &mut call) {
            0 => return Ok(()),
            libc::EINTR => vm::check_signals(py)?,
            errno => return Err(raise_os_error(py, errno)),
        }
    }
}

fn posix_fallocate(py: Attached<'_>, _: &Object, [fd, offset, length]: [Opt<'_>; 3]) -> PyResult<()> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (offset, length) = (need(py, offset)?.as_i64(py)?, need(py, length)?.as_i64(py)?);
    // SAFETY: no memory is involved.
    returned(py, || unsafe { libc::posix_fallocate(fd, offset, length) })
}

fn posix_fadvise(py: Attached<'_>, _: &Object, [fd, offset, length, advice]: [Opt<'_>; 4]) -> PyResult<()> {
    let (fd, advice) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, advice)?)?);
    let (offset, length) = (need(py, offset)?.as_i64(py)?, need(py, length)?.as_i64(py)?);
    // SAFETY: no memory is involved.
    returned(py, || unsafe { libc::posix_fadvise(fd, offset, length, advice) })
}

fn lockf(py: Attached<'_>, _: &Object, [fd, command, length]: [Opt<'_>; 3]) -> PyResult<()> {
    let (fd, command) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, command)?)?);
    let length = need(py, length)?.as_i64(py)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::lockf(fd, command, length) }).map(drop)
}

fn memfd_create(py: Attached<'_>, _: &Object, [name, flags]: [Opt<'_>; 2]) -> PyResult<c_int> {
    let name = fs_bytes(py, need(py, name)?)?;
    let flags = flags.map_or(Ok(u64::from(libc::MFD_CLOEXEC)), |flags| flags.as_u64_mask(py))?;
    // SAFETY: a C string.
    quick(py, || unsafe { libc::memfd_create(name.as_ptr(), flags as libc::c_uint) })
}

fn eventfd(py: Attached<'_>, _: &Object, [initial, flags]: [Opt<'_>; 2]) -> PyResult<c_int> {
    let initial = unsigned(py, need(py, initial)?)?;
    let flags = int_or(py, flags, libc::EFD_CLOEXEC)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::eventfd(initial as libc::c_uint, flags) })
}

fn unsigned(py: Attached<'_>, object: &Object) -> PyResult<u64> {
    let number = object.index(py)?;
    if number.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    number.to_u64().ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C unsigned long long"))
}

fn eventfd_read(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<u64> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let mut value = 0;
    // SAFETY: a local variable.
    quick_detached(py, || unsafe { libc::eventfd_read(fd, &raw mut value) })?;
    Ok(value)
}

fn quick_detached(py: Attached<'_>, call: impl FnOnce() -> c_int) -> PyResult<()> {
    once(py, call).map(drop).map_err(|errno| raise_os_error(py, errno))
}

fn eventfd_write(py: Attached<'_>, _: &Object, [fd, value]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, value) = (fileno_arg(py, need(py, fd)?)?, unsigned(py, need(py, value)?)?);
    // SAFETY: no memory is involved.
    quick_detached(py, || unsafe { libc::eventfd_write(fd, value) })
}

fn timerfd_create(py: Attached<'_>, _: &Object, [clock, flags]: [Opt<'_>; 2]) -> PyResult<c_int> {
    let (clock, flags) = (int_arg(py, need(py, clock)?)?, int_or(py, flags, libc::TFD_CLOEXEC)?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::timerfd_create(clock, flags | libc::TFD_CLOEXEC) })
}

fn timer_result(py: Attached<'_>, spec: &libc::itimerspec, nanos: bool) -> PyResult<Ref<Tuple>> {
    let one = |time: &libc::timespec| -> PyResult<Ref<Object>> {
        if nanos {
            (time.tv_sec * 1_000_000_000 + time.tv_nsec).into_object(py)
        } else {
            Ok(Float::new(py, time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)?.upcast())
        }
    };
    tuple(py, vec![one(&spec.it_value)?, one(&spec.it_interval)?])
}

const NO_TIME: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

fn set_timer(py: Attached<'_>, args: [Opt<'_>; 4], nanos: bool) -> PyResult<Ref<Tuple>> {
    let [fd, flags, initial, interval] = args;
    let (fd, flags) = (fileno_arg(py, need(py, fd)?)?, int_or(py, flags, 0)?);
    let time = |object: Opt<'_>| -> PyResult<libc::timespec> {
        let Some(object) = object else { return Ok(NO_TIME) };
        if nanos {
            let total = object.as_i64(py)?;
            return Ok(libc::timespec {
                tv_sec: total.div_euclid(1_000_000_000),
                tv_nsec: total.rem_euclid(1_000_000_000),
            });
        }
        let seconds = object.as_f64(py)?;
        let whole = seconds.floor();
        Ok(libc::timespec { tv_sec: whole as i64, tv_nsec: ((seconds - whole) * 1e9) as i64 })
    };
    let new = libc::itimerspec { it_value: time(initial)?, it_interval: time(interval)? };
    let mut old = libc::itimerspec { it_value: NO_TIME, it_interval: NO_TIME };
    // SAFETY: local variables.
    quick(py, || unsafe { libc::timerfd_settime(fd, flags, &raw const new, &raw mut old) })?;
    timer_result(py, &old, nanos)
}

fn timerfd_settime(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<Ref<Tuple>> {
    set_timer(py, args, false)
}

fn timerfd_settime_ns(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<Ref<Tuple>> {
    set_timer(py, args, true)
}

fn get_timer(py: Attached<'_>, fd: &Object, nanos: bool) -> PyResult<Ref<Tuple>> {
    let fd = fileno_arg(py, fd)?;
    let mut spec = libc::itimerspec { it_value: NO_TIME, it_interval: NO_TIME };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::timerfd_gettime(fd, &raw mut spec) })?;
    timer_result(py, &spec, nanos)
}

fn timerfd_gettime(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Tuple>> {
    get_timer(py, fd, false)
}

fn timerfd_gettime_ns(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Tuple>> {
    get_timer(py, fd, true)
}

fn openpty(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let (mut main, mut other) = (0, 0);
    let null = std::ptr::null_mut;
    // SAFETY: local variables; the other arguments may be null.
    quick(py, || unsafe { libc::openpty(&raw mut main, &raw mut other, null(), std::ptr::null(), std::ptr::null()) })?;
    set_inheritable_fd(main, false);
    set_inheritable_fd(other, false);
    tuple(py, objects!(py; main, other))
}

fn login_tty(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<()> {
    let fd = fileno_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::login_tty(fd) }).map(drop)
}

fn posix_openpt(py: Attached<'_>, _: &Object, flags: &Object) -> PyResult<c_int> {
    let flags = int_arg(py, flags)?;
    // SAFETY: no memory is involved.
    let fd = quick(py, || unsafe { libc::posix_openpt(flags) })?;
    set_inheritable_fd(fd, false);
    Ok(fd)
}

fn grantpt(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<()> {
    let fd = fileno_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::grantpt(fd) }).map(drop)
}

fn unlockpt(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<()> {
    let fd = fileno_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::unlockpt(fd) }).map(drop)
}

fn ptsname(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Object>> {
    let fd = fileno_arg(py, fd)?;
    let mut buffer = [0 as std::ffi::c_char; 128];
    // SAFETY: the buffer is as long as stated and gets a C string.
    unsafe {
        match libc::ptsname_r(fd, buffer.as_mut_ptr(), buffer.len()) {
            0 => c_text(py, buffer.as_ptr()),
            errno => Err(raise_os_error(py, errno)),
        }
    }
}

fn ttyname(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Object>> {
    let fd = int_arg(py, fd)?;
    let mut buffer = [0 as std::ffi::c_char; 256];
    // SAFETY: the buffer is as long as stated and gets a C string.
    unsafe {
        match libc::ttyname_r(fd, buffer.as_mut_ptr(), buffer.len()) {
            0 => c_text(py, buffer.as_ptr()),
            errno => Err(raise_os_error(py, errno)),
        }
    }
}

fn ctermid(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    fs_text(py, b"/dev/tty")
}

fn tcgetpgrp(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<c_int> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::tcgetpgrp(fd) })
}

fn tcsetpgrp(py: Attached<'_>, _: &Object, [fd, group]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, group) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, group)?)?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::tcsetpgrp(fd, group) }).map(drop)
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "open" => open, "($module, /, path, flags, mode=511, *, dir_fd=None)", "Opens a file; returns its descriptor.";
        sig "close" => close, "($module, /, fd)", "Closes a descriptor.";
        sig "closerange" => closerange, "($module, fd_low, fd_high, /)", "Closes the descriptors of a range; errors do not count.";
        sig "read" => read, "($module, fd, length, /)", "Reads at most so many bytes.";
        sig "readinto" => readinto, "($module, fd, buffer, /)", "Reads into a buffer; returns the number of bytes.";
        sig "write" => write, "($module, fd, data, /)", "Writes bytes; returns how many.";
        sig "pread" => pread, "($module, fd, length, offset, /)", "Reads at an offset.";
        sig "pwrite" => pwrite, "($module, fd, buffer, offset, /)", "Writes at an offset.";
        sig "readv" => readv, "($module, fd, buffers, /)", "Reads into several buffers.";
        sig "writev" => writev, "($module, fd, buffers, /)", "Writes several buffers.";
        sig "preadv" => preadv, "($module, fd, buffers, offset, flags=0, /)", "Reads at an offset into several buffers.";
        sig "pwritev" => pwritev, "($module, fd, buffers, offset, flags=0, /)", "Writes several buffers at an offset.";
        sig "lseek" => lseek, "($module, fd, position, whence, /)", "Moves the position; returns the new one.";
        o "dup" => dup, "($module, fd, /)", "A copy of a descriptor, not inherited.";
        sig "dup2" => dup2, "($module, /, fd, fd2, inheritable=True)", "Copies a descriptor to another number.";
        noargs "pipe" => pipe, "($module, /)", "A pipe's two ends.";
        o "pipe2" => pipe2, "($module, flags, /)", "A pipe's two ends, with flags.";
        sig "fsync" => fsync, "($module, /, fd)", "Writes a file to disk.";
        sig "fdatasync" => fdatasync, "($module, /, fd)", "Writes a file's data to disk.";
        sig "ftruncate" => ftruncate, "($module, fd, length, /)", "Gives an open file a length.";
        o "isatty" => isatty, "($module, fd, /)", "Whether it is a terminal.";
        o "get_inheritable" => get_inheritable, "($module, fd, /)", "Whether child programs inherit it.";
        sig "set_inheritable" => set_inheritable, "($module, fd, inheritable, /)", "Sets whether child programs inherit it.";
        o "get_blocking" => get_blocking, "($module, fd, /)", "Whether calls wait.";
        sig "set_blocking" => set_blocking, "($module, fd, blocking, /)", "Sets whether calls wait.";
        sig "get_terminal_size" => get_terminal_size, "($module, fd=<unrepresentable>, /)", "The size of a terminal.";
        sig "device_encoding" => device_encoding, "($module, /, fd)", "A terminal's encoding.";
        sig "sendfile" => sendfile, "($module, /, out_fd, in_fd, offset, count)", "Copies between descriptors.";
        sig "copy_file_range" => copy_file_range, "($module, /, src, dst, count, offset_src=None, offset_dst=None)", "Copies between files.";
        sig "splice" => splice, "($module, /, src, dst, count, offset_src=None, offset_dst=None, flags=0)", "Moves data from or to a pipe.";
        sig "posix_fallocate" => posix_fallocate, "($module, fd, offset, length, /)", "Reserves room on disk.";
        sig "posix_fadvise" => posix_fadvise, "($module, fd, offset, length, advice, /)", "Tells how a file will be used.";
        sig "lockf" => lockf, "($module, fd, command, length, /)", "Locks or frees a part of a file.";
        sig "memfd_create" => memfd_create, "($module, /, name, flags=MFD_CLOEXEC)", "A file in memory.";
        sig "eventfd" => eventfd, "($module, /, initval, flags=EFD_CLOEXEC)", "An event counter.";
        sig "eventfd_read" => eventfd_read, "($module, /, fd)", "Reads an event counter.";
        sig "eventfd_write" => eventfd_write, "($module, /, fd, value)", "Adds to an event counter.";
        sig "timerfd_create" => timerfd_create, "($module, clockid, /, *, flags=0)", "A timer that is a descriptor.";
        sig "timerfd_settime" => timerfd_settime, "($module, fd, /, *, flags=0, initial=0.0, interval=0.0)", "Sets a timer; returns what it was.";
        sig "timerfd_settime_ns" => timerfd_settime_ns, "($module, fd, /, *, flags=0, initial=0, interval=0)", "As timerfd_settime(), in nanoseconds.";
        o "timerfd_gettime" => timerfd_gettime, "($module, fd, /)", "A timer's remaining time and interval.";
        o "timerfd_gettime_ns" => timerfd_gettime_ns, "($module, fd, /)", "As timerfd_gettime(), in nanoseconds.";
        noargs "openpty" => openpty, "($module, /)", "A pseudo-terminal's two ends.";
        o "login_tty" => login_tty, "($module, fd, /)", "Makes a terminal the controlling one of a new session.";
        o "posix_openpt" => posix_openpt, "($module, oflag, /)", "Opens a pseudo-terminal.";
        o "grantpt" => grantpt, "($module, fd, /)", "Gives access to a pseudo-terminal's other end.";
        o "unlockpt" => unlockpt, "($module, fd, /)", "Unlocks a pseudo-terminal's other end.";
        o "ptsname" => ptsname, "($module, fd, /)", "The name of a pseudo-terminal's other end.";
        o "ttyname" => ttyname, "($module, fd, /)", "A terminal's name.";
        noargs "ctermid" => ctermid, "($module, /)", "The name of the controlling terminal.";
        o "tcgetpgrp" => tcgetpgrp, "($module, fd, /)", "A terminal's foreground process group.";
        sig "tcsetpgrp" => tcsetpgrp, "($module, fd, pgid, /)", "Sets a terminal's foreground process group.";
    }
}
