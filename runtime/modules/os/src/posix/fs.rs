//! Names in the file system: directories, links, permissions, times, attributes.
use crate::util::*;
use crate::{linux, objects, vm};
use krait_object::exceptions::{raise_os_error, raise_os_error_with};
use krait_object::layout::PyMethodDef;
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Int, IntoObject, List, Object, PyResult, Ref, Str, Tuple, functions, raise};
use std::ffi::c_int;

type Opt<'a> = Option<&'a Object>;

fn mkdir(py: Attached<'_>, _: &Object, [path, mode, dir_fd]: [Opt<'_>; 3]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "mkdir", "path")?;
    let (mode, dir_fd) = (int_or(py, mode, 0o777)?, dir_fd_arg(py, dir_fd)?);
    audit_path(py, "os.mkdir", &path, &[Some(mode.into_object(py)?), Some(dir_fd_object(py, dir_fd)?)])?;
    // SAFETY: a C string.
    once_path(py, &path, || unsafe { libc::mkdirat(dir_fd, path.ptr(), mode as libc::mode_t) })?;
    Ok(())
}

/// `-1` for no descriptor, as audit hooks see it.
fn dir_fd_object(py: Attached<'_>, fd: c_int) -> PyResult<Ref<Object>> {
    (if fd == libc::AT_FDCWD { -1 } else { fd }).into_object(py)
}

fn audit_path(py: Attached<'_>, event: &str, path: &Path<'_>, rest: &[Option<Ref<Object>>]) -> PyResult<()> {
    let none = krait_object::none();
    let mut args = vec![path.object.unwrap_or(&none)];
    args.extend(rest.iter().flatten().map(|one| &**one));
    vm::audit(py, event, &args)
}

fn rmdir(py: Attached<'_>, _: &Object, [path, dir_fd]: [Opt<'_>; 2]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "rmdir", "path")?;
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    audit_path(py, "os.rmdir", &path, &[Some(dir_fd_object(py, dir_fd)?)])?;
    // SAFETY: a C string.
    once_path(py, &path, || unsafe { libc::unlinkat(dir_fd, path.ptr(), libc::AT_REMOVEDIR) })?;
    Ok(())
}

fn remove_file(py: Attached<'_>, function: &str, path: Opt<'_>, dir_fd: Opt<'_>) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, function, "path")?;
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    audit_path(py, "os.remove", &path, &[Some(dir_fd_object(py, dir_fd)?)])?;
    // SAFETY: a C string.
    once_path(py, &path, || unsafe { libc::unlinkat(dir_fd, path.ptr(), 0) })?;
    Ok(())
}

fn unlink(py: Attached<'_>, _: &Object, [path, dir_fd]: [Opt<'_>; 2]) -> PyResult<()> {
    remove_file(py, "unlink", path, dir_fd)
}

fn remove(py: Attached<'_>, _: &Object, [path, dir_fd]: [Opt<'_>; 2]) -> PyResult<()> {
    remove_file(py, "remove", path, dir_fd)
}

/// An error that names two files.
fn two_paths<T: Status>(py: Attached<'_>, src: &Path<'_>, dst: &Path<'_>, call: impl FnOnce() -> T) -> PyResult<()> {
    match once(py, call) {
        Ok(_) => Ok(()),
        Err(errno) => Err(raise_os_error_with(py, errno, src.object, dst.object)),
    }
}

fn do_rename(py: Attached<'_>, function: &str, [src, dst, src_fd, dst_fd]: [Opt<'_>; 4]) -> PyResult<()> {
    let src = Path::new(py, need(py, src)?, function, "src")?;
    let dst = Path::new(py, need(py, dst)?, function, "dst")?;
    let (src_fd, dst_fd) = (dir_fd_arg(py, src_fd)?, dir_fd_arg(py, dst_fd)?);
    audit_path(
        py,
        "os.rename",
        &src,
        &[
            dst.object.map(krait_object::Layout::to_ref),
            Some(dir_fd_object(py, src_fd)?),
            Some(dir_fd_object(py, dst_fd)?),
        ],
    )?;
    // SAFETY: C strings.
    two_paths(py, &src, &dst, || unsafe { libc::renameat(src_fd, src.ptr(), dst_fd, dst.ptr()) })
}

fn rename(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<()> {
    do_rename(py, "rename", args)
}

fn replace(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<()> {
    do_rename(py, "replace", args)
}

fn link(py: Attached<'_>, _: &Object, [src, dst, src_fd, dst_fd, follow]: [Opt<'_>; 5]) -> PyResult<()> {
    let src = Path::new(py, need(py, src)?, "link", "src")?;
    let dst = Path::new(py, need(py, dst)?, "link", "dst")?;
    let (src_fd, dst_fd) = (dir_fd_arg(py, src_fd)?, dir_fd_arg(py, dst_fd)?);
    let flags = if bool_or(py, follow, true)? { libc::AT_SYMLINK_FOLLOW } else { 0 };
    // SAFETY: C strings.
    two_paths(py, &src, &dst, || unsafe { libc::linkat(src_fd, src.ptr(), dst_fd, dst.ptr(), flags) })
}

fn symlink(py: Attached<'_>, _: &Object, [src, dst, _directory, dir_fd]: [Opt<'_>; 4]) -> PyResult<()> {
    let src = Path::new(py, need(py, src)?, "symlink", "src")?;
    let dst = Path::new(py, need(py, dst)?, "symlink", "dst")?;
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    // SAFETY: C strings.
    two_paths(py, &src, &dst, || unsafe { libc::symlinkat(src.ptr(), dir_fd, dst.ptr()) })
}

fn readlink(py: Attached<'_>, _: &Object, [path, dir_fd]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let path = Path::new(py, need(py, path)?, "readlink", "path")?;
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    let mut buffer = vec![0u8; libc::PATH_MAX as usize + 1];
    // SAFETY: the buffer is as long as stated.
    let len = once_path(py, &path, || unsafe {
        libc::readlinkat(dir_fd, path.ptr(), buffer.as_mut_ptr().cast(), buffer.len())
    })?;
    path.result(py, &buffer[..len as usize])
}

fn chmod(py: Attached<'_>, _: &Object, [path, mode, dir_fd, follow]: [Opt<'_>; 4]) -> PyResult<()> {
    let path = Path::or_fd(py, need(py, path)?, "chmod")?;
    let (mode, dir_fd) = (int_arg(py, need(py, mode)?)?, dir_fd_arg(py, dir_fd)?);
    let follow = bool_or(py, follow, true)?;
    audit_path(py, "os.chmod", &path, &[Some(mode.into_object(py)?), Some(dir_fd_object(py, dir_fd)?)])?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let result = once(py, || {
        // SAFETY: a C string.
        unsafe {
            match path.fd {
                Some(fd) => libc::fchmod(fd, mode as libc::mode_t),
                None => libc::fchmodat(dir_fd, path.ptr(), mode as libc::mode_t, flags),
            }
        }
    });
    match result {
        Err(libc::ENOTSUP) if !follow && path.fd.is_none() => {
            let what = if dir_fd == libc::AT_FDCWD { "follow_symlinks" } else { "dir_fd and follow_symlinks" };
            Err(raise!(py, NotImplementedError, "chmod: {what} unavailable on this platform"))
        }
        Err(errno) => Err(path.error(py, errno)),
        Ok(_) => Ok(()),
    }
}

fn fchmod(py: Attached<'_>, _: &Object, [fd, mode]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, mode) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, mode)?)?);
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::fchmod(fd, mode as libc::mode_t) })?;
    Ok(())
}

fn chown(py: Attached<'_>, _: &Object, [path, uid, gid, dir_fd, follow]: [Opt<'_>; 5]) -> PyResult<()> {
    let path = Path::or_fd(py, need(py, path)?, "chown")?;
    let (uid, gid) = (id_arg(py, need(py, uid)?, "uid")?, id_arg(py, need(py, gid)?, "gid")?);
    let (dir_fd, follow) = (dir_fd_arg(py, dir_fd)?, bool_or(py, follow, true)?);
    if path.fd.is_some() && dir_fd != libc::AT_FDCWD {
        return Err(raise!(py, ValueError, "chown: can't specify dir_fd without matching path"));
    }
    if path.fd.is_some() && !follow {
        return Err(raise!(py, ValueError, "chown: cannot use fd and follow_symlinks together"));
    }
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: a C string.
    once_path(py, &path, || unsafe {
        match path.fd {
            Some(fd) => libc::fchown(fd, uid, gid),
            None => libc::fchownat(dir_fd, path.ptr(), uid, gid, flags),
        }
    })?;
    Ok(())
}

fn lchown(py: Attached<'_>, _: &Object, [path, uid, gid]: [Opt<'_>; 3]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "lchown", "path")?;
    let (uid, gid) = (id_arg(py, need(py, uid)?, "uid")?, id_arg(py, need(py, gid)?, "gid")?);
    // SAFETY: a C string.
    once_path(py, &path, || unsafe { libc::lchown(path.ptr(), uid, gid) })?;
    Ok(())
}

fn fchown(py: Attached<'_>, _: &Object, [fd, uid, gid]: [Opt<'_>; 3]) -> PyResult<()> {
    let fd = int_arg(py, need(py, fd)?)?;
    let (uid, gid) = (id_arg(py, need(py, uid)?, "uid")?, id_arg(py, need(py, gid)?, "gid")?);
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::fchown(fd, uid, gid) })?;
    Ok(())
}

/// A pair of a `utime` argument.
fn pair<'a>(py: Attached<'_>, object: &'a Object, message: &str) -> PyResult<[&'a Object; 2]> {
    match object.downcast::<Tuple>().map(Tuple::as_slice) {
        Some([first, second]) => Ok([*first, *second]),
        _ => Err(raise!(py, TypeError, "{message}")),
    }
}

fn nanoseconds(py: Attached<'_>, object: &Object) -> PyResult<libc::timespec> {
    let billion = Int::from_i64(py, 1_000_000_000)?;
    let parts = object.divmod(py, billion.as_object_ref())?;
    let Some([seconds, nanos]) = (*parts).downcast::<Tuple>().map(Tuple::as_slice) else {
        return Err(raise!(
            py,
            TypeError,
            "{}.__divmod__() must return a 2-tuple, not {}",
            object.ty().name(),
            parts.ty().name()
        ));
    };
    Ok(libc::timespec { tv_sec: seconds.as_i64(py)?, tv_nsec: nanos.as_i64(py)? })
}

trait AsObjectRef {
    fn as_object_ref(&self) -> &Object;
}
impl<T: krait_object::Layout> AsObjectRef for Ref<T> {
    fn as_object_ref(&self) -> &Object {
        self.as_object()
    }
}

fn utime(py: Attached<'_>, _: &Object, [path, times, ns, dir_fd, follow]: [Opt<'_>; 5]) -> PyResult<()> {
    let path = Path::or_fd(py, need(py, path)?, "utime")?;
    let (dir_fd, follow) = (dir_fd_arg(py, dir_fd)?, bool_or(py, follow, true)?);
    if given(times).is_some() && ns.is_some() {
        return Err(raise!(py, ValueError, "utime: you may specify either 'times' or 'ns' but not both"));
    }
    let spec = if let Some(times) = given(times) {
        let [atime, mtime] = pair(py, times, "utime: 'times' must be either a tuple of two ints or None")?;
        let one = |object| split_seconds(py, object).map(|(tv_sec, tv_nsec)| libc::timespec { tv_sec, tv_nsec });
        Some([one(atime)?, one(mtime)?])
    } else if let Some(ns) = ns {
        let [atime, mtime] = pair(py, ns, "utime: 'ns' must be a tuple of two ints")?;
        Some([nanoseconds(py, atime)?, nanoseconds(py, mtime)?])
    } else {
        None
    };
    if path.fd.is_some() && dir_fd != libc::AT_FDCWD {
        return Err(raise!(py, ValueError, "utime: can't specify dir_fd without matching path"));
    }
    if path.fd.is_some() && !follow {
        return Err(raise!(py, ValueError, "utime: cannot use fd and follow_symlinks together"));
    }
    let spec = spec.as_ref().map_or(std::ptr::null(), |spec| spec.as_ptr());
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: two times or null; a C string.
    once_path(py, &path, || unsafe {
        match path.fd {
            Some(fd) => libc::futimens(fd, spec),
            None => libc::utimensat(dir_fd, path.ptr(), spec, flags),
        }
    })?;
    Ok(())
}

fn truncate(py: Attached<'_>, _: &Object, [path, length]: [Opt<'_>; 2]) -> PyResult<()> {
    let path = Path::or_fd(py, need(py, path)?, "truncate")?;
    let length = need(py, length)?.as_i64(py)?;
    // SAFETY: a C string.
    sys_path(py, &path, || unsafe {
        match path.fd {
            Some(fd) => libc::ftruncate(fd, length),
            None => libc::truncate(path.ptr(), length),
        }
    })?;
    Ok(())
}

fn access(py: Attached<'_>, _: &Object, [path, mode, dir_fd, effective, follow]: [Opt<'_>; 5]) -> PyResult<bool> {
    let path = Path::new(py, need(py, path)?, "access", "path")?;
    let (mode, dir_fd) = (int_arg(py, need(py, mode)?)?, dir_fd_arg(py, dir_fd)?);
    let mut flags = 0;
    if bool_or(py, effective, false)? {
        flags |= libc::AT_EACCESS;
    }
    if !bool_or(py, follow, true)? {
        flags |= libc::AT_SYMLINK_NOFOLLOW;
    }
    // SAFETY: a C string.
    Ok(once(py, || unsafe {
        if flags == 0 && dir_fd == libc::AT_FDCWD {
            libc::access(path.ptr(), mode)
        } else {
            libc::faccessat(dir_fd, path.ptr(), mode, flags)
        }
    })
    .is_ok())
}

fn chdir(py: Attached<'_>, _: &Object, [path]: [Opt<'_>; 1]) -> PyResult<()> {
    let path = Path::or_fd(py, need(py, path)?, "chdir")?;
    audit_path(py, "os.chdir", &path, &[])?;
    // SAFETY: a C string.
    once_path(py, &path, || unsafe {
        match path.fd {
            Some(fd) => libc::fchdir(fd),
            None => libc::chdir(path.ptr()),
        }
    })?;
    Ok(())
}

fn fchdir(py: Attached<'_>, _: &Object, [fd]: [Opt<'_>; 1]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::fchdir(fd) })?;
    Ok(())
}

fn chroot(py: Attached<'_>, _: &Object, [path]: [Opt<'_>; 1]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "chroot", "path")?;
    // SAFETY: a C string.
    once_path(py, &path, || unsafe { libc::chroot(path.ptr()) })?;
    Ok(())
}

fn cwd_bytes(py: Attached<'_>) -> PyResult<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    match vm::without(py, std::env::current_dir) {
        Ok(path) => Ok(path.into_os_string().into_vec()),
        Err(error) => Err(raise_os_error(py, error.raw_os_error().unwrap_or(libc::ENOENT))),
    }
}

fn getcwd(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    fs_text(py, &cwd_bytes(py)?)
}

fn getcwdb(py: Attached<'_>, _: &Object) -> PyResult<Ref<Bytes>> {
    Bytes::new(py, &cwd_bytes(py)?)
}

fn mkfifo(py: Attached<'_>, _: &Object, [path, mode, dir_fd]: [Opt<'_>; 3]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "mkfifo", "path")?;
    let (mode, dir_fd) = (int_or(py, mode, 0o666)?, dir_fd_arg(py, dir_fd)?);
    // SAFETY: a C string.
    sys_path(py, &path, || unsafe { libc::mkfifoat(dir_fd, path.ptr(), mode as libc::mode_t) })?;
    Ok(())
}

fn mknod(py: Attached<'_>, _: &Object, [path, mode, device, dir_fd]: [Opt<'_>; 4]) -> PyResult<()> {
    let path = Path::new(py, need(py, path)?, "mknod", "path")?;
    let mode = int_or(py, mode, 0o600)?;
    let device = device.map_or(Ok(0), |device| device.as_u64_mask(py))?;
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    // SAFETY: a C string.
    sys_path(py, &path, || unsafe { libc::mknodat(dir_fd, path.ptr(), mode as libc::mode_t, device) })?;
    Ok(())
}

fn sync(py: Attached<'_>, _: &Object) {
    // SAFETY: always succeeds.
    vm::without(py, || unsafe { libc::sync() });
}

/// A device number's part; -1 stands for no device.
fn device(py: Attached<'_>, object: &Object) -> PyResult<Option<u64>> {
    if object.downcast::<Int>().is_some_and(|number| number.to_i64() == Some(-1)) {
        return Ok(None);
    }
    let number = object.index(py)?;
    match number.to_u64() {
        Some(number) => Ok(Some(number)),
        None if number.is_negative() => Err(raise!(py, OverflowError, "can't convert negative int to unsigned")),
        None => Err(raise!(py, OverflowError, "int too big to convert")),
    }
}

/// One half of a device number; -1 is that of no device.
fn device_part(py: Attached<'_>, object: Opt<'_>) -> PyResult<u32> {
    match device(py, need(py, object)?)?.map(u32::try_from) {
        None => Ok(u32::MAX),
        Some(Ok(part)) => Ok(part),
        Some(Err(_)) => Err(raise!(py, OverflowError, "Python int too large to convert to C unsigned int")),
    }
}

fn major(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<i64> {
    Ok(device(py, number)?.map_or(-1, |number| i64::from(libc::major(number))))
}

fn minor(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<i64> {
    Ok(device(py, number)?.map_or(-1, |number| i64::from(libc::minor(number))))
}

fn makedev(py: Attached<'_>, _: &Object, [major, minor]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    match libc::makedev(device_part(py, major)?, device_part(py, minor)?) {
        u64::MAX => (-1).into_object(py),
        number => number.into_object(py),
    }
}

/// A number from a name or a number.
pub fn config_name(py: Attached<'_>, object: &Object, table: &[(&str, i64)]) -> PyResult<c_int> {
    if object.has_index() {
        return object.as_i32(py);
    }
    let Some(name) = object.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "configuration names must be strings or integers"));
    };
    match table.iter().find(|(known, _)| name.eq_str(known)) {
        Some((_, value)) => Ok(*value as c_int),
        None => Err(raise!(py, ValueError, "unrecognized configuration name")),
    }
}

/// A `sysconf`-like call: -1 without `errno` is an answer.
fn limit(py: Attached<'_>, path: Option<&Path<'_>>, call: impl FnOnce() -> i64) -> PyResult<i64> {
    let (value, error) = vm::without(py, || {
        // SAFETY: the calling thread's own errno.
        unsafe { *libc::__errno_location() = 0 };
        let value = call();
        (value, errno())
    });
    if value != -1 || error == 0 {
        return Ok(value);
    }
    Err(path.map_or_else(|| raise_os_error(py, error), |path| path.error(py, error)))
}

fn pathconf(py: Attached<'_>, _: &Object, [path, name]: [Opt<'_>; 2]) -> PyResult<i64> {
    let path = Path::or_fd(py, need(py, path)?, "pathconf")?;
    let name = config_name(py, need(py, name)?, linux::PATHCONF_NAMES)?;
    // SAFETY: a C string.
    limit(py, Some(&path), || unsafe {
        match path.fd {
            Some(fd) => libc::fpathconf(fd, name),
            None => libc::pathconf(path.ptr(), name),
        }
    })
}

fn fpathconf(py: Attached<'_>, _: &Object, [fd, name]: [Opt<'_>; 2]) -> PyResult<i64> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let name = config_name(py, need(py, name)?, linux::PATHCONF_NAMES)?;
    // SAFETY: no memory is involved.
    limit(py, None, || unsafe { libc::fpathconf(fd, name) })
}

fn sysconf(py: Attached<'_>, _: &Object, [name]: [Opt<'_>; 1]) -> PyResult<i64> {
    let name = config_name(py, need(py, name)?, linux::SYSCONF_NAMES)?;
    // SAFETY: no memory is involved.
    limit(py, None, || unsafe { libc::sysconf(name) })
}

fn confstr(py: Attached<'_>, _: &Object, [name]: [Opt<'_>; 1]) -> PyResult<Option<Ref<Object>>> {
    let name = config_name(py, need(py, name)?, linux::CONFSTR_NAMES)?;
    // SAFETY: the first call asks for the length, the second fills a buffer of it.
    unsafe {
        *libc::__errno_location() = 0;
        let len = libc::confstr(name, std::ptr::null_mut(), 0);
        if len == 0 {
            return match errno() {
                0 => Ok(None),
                error => Err(raise_os_error(py, error)),
            };
        }
        let mut buffer = krait_object::reserve::zeros::<u8>(py, len)?;
        libc::confstr(name, buffer.as_mut_ptr().cast(), len);
        fs_text(py, &buffer[..len - 1]).map(Some)
    }
}

/// The attribute call on a descriptor, a path or the link itself.
macro_rules! xattr {
    ($path:expr, $follow:expr, $f:ident, $l:ident, $any:ident, $($args:expr),*) => {
        match $path.fd {
            Some(fd) => libc::$f(fd, $($args),*),
            None if $follow => libc::$any($path.ptr(), $($args),*),
            None => libc::$l($path.ptr(), $($args),*),
        }
    };
}

fn xattr_path<'a>(py: Attached<'_>, path: &'a Object, function: &str, follow: Opt<'_>) -> PyResult<(Path<'a>, bool)> {
    let path = Path::or_fd(py, path, function)?;
    let follow = bool_or(py, follow, true)?;
    if path.fd.is_some() && !follow {
        return Err(raise!(py, ValueError, "{function}: cannot use fd and follow_symlinks together"));
    }
    Ok((path, follow))
}

/// Calls with growing buffers until the answer fits.
fn grow(
    py: Attached<'_>,
    path: &Path<'_>,
    sizes: &[usize],
    call: impl Fn(*mut std::ffi::c_void, usize) -> isize,
) -> PyResult<Vec<u8>> {
    for &size in sizes {
        let mut buffer = krait_object::reserve::zeros::<u8>(py, size)?;
        match once(py, || call(buffer.as_mut_ptr().cast(), size)) {
            Ok(len) => {
                buffer.truncate(len as usize);
                return Ok(buffer);
            }
            Err(libc::ERANGE) => {}
            Err(errno) => return Err(path.error(py, errno)),
        }
    }
    Err(path.error(py, libc::ERANGE))
}

fn getxattr(py: Attached<'_>, _: &Object, [path, name, follow]: [Opt<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let (path, follow) = xattr_path(py, need(py, path)?, "getxattr", follow)?;
    let name = Path::new(py, need(py, name)?, "getxattr", "attribute")?;
    // SAFETY: the buffer is as long as stated.
    let value = grow(py, &path, &[128, 65536], |buffer, size| unsafe {
        xattr!(path, follow, fgetxattr, lgetxattr, getxattr, name.ptr(), buffer, size)
    })?;
    Bytes::new(py, &value)
}

fn setxattr(py: Attached<'_>, _: &Object, [path, name, value, flags, follow]: [Opt<'_>; 5]) -> PyResult<()> {
    let (path, follow) = xattr_path(py, need(py, path)?, "setxattr", follow)?;
    let name = Path::new(py, need(py, name)?, "setxattr", "attribute")?;
    let value = BytesArg::new(py, need(py, value)?)?;
    let flags = int_or(py, flags, 0)?;
    let bytes = value.as_slice();
    // SAFETY: the value's memory is lent until the call ends.
    once_path(py, &path, || unsafe {
        xattr!(path, follow, fsetxattr, lsetxattr, setxattr, name.ptr(), bytes.as_ptr().cast(), bytes.len(), flags)
    })?;
    Ok(())
}

fn removexattr(py: Attached<'_>, _: &Object, [path, name, follow]: [Opt<'_>; 3]) -> PyResult<()> {
    let (path, follow) = xattr_path(py, need(py, path)?, "removexattr", follow)?;
    let name = Path::new(py, need(py, name)?, "removexattr", "attribute")?;
    // SAFETY: C strings.
    once_path(py, &path, || unsafe { xattr!(path, follow, fremovexattr, lremovexattr, removexattr, name.ptr()) })?;
    Ok(())
}

fn listxattr(py: Attached<'_>, _: &Object, [path, follow]: [Opt<'_>; 2]) -> PyResult<Ref<List>> {
    let path = Path::or_here(py, path, "listxattr")?;
    let follow = bool_or(py, follow, true)?;
    if path.fd.is_some() && !follow {
        return Err(raise!(py, ValueError, "listxattr: cannot use fd and follow_symlinks together"));
    }
    // SAFETY: the buffer is as long as stated.
    let names = grow(py, &path, &[256, 65536], |buffer, size| unsafe {
        xattr!(path, follow, flistxattr, llistxattr, listxattr, buffer.cast(), size)
    })?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    List::from_vec(py, names.map(|name| fs_text(py, name)).collect::<PyResult<_>>()?)
}

fn umask(py: Attached<'_>, _: &Object, mask: &Object) -> PyResult<u32> {
    let mask = int_arg(py, mask)?;
    // SAFETY: always succeeds.
    Ok(unsafe { libc::umask(mask as libc::mode_t) })
}

fn uname(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let mut names = std::mem::MaybeUninit::<libc::utsname>::uninit();
    // SAFETY: the struct is filled by the successful call; its fields are C strings.
    unsafe {
        quick(py, || libc::uname(names.as_mut_ptr()))?;
        let names = names.assume_init();
        super::UNAME_RESULT.make(
            py,
            objects!(
                py; c_text(py, names.sysname.as_ptr())?, c_text(py, names.nodename.as_ptr())?,
                c_text(py, names.release.as_ptr())?, c_text(py, names.version.as_ptr())?, c_text(py, names.machine.as_ptr())?
            ),
        )
    }
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "mkdir" => mkdir, "($module, /, path, mode=511, *, dir_fd=None)", "Makes a directory.";
        sig "rmdir" => rmdir, "($module, /, path, *, dir_fd=None)", "Removes an empty directory.";
        sig "unlink" => unlink, "($module, /, path, *, dir_fd=None)", "Removes a file.";
        sig "remove" => remove, "($module, /, path, *, dir_fd=None)", "Removes a file.";
        sig "rename" => rename, "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)", "Renames a file or directory.";
        sig "replace" => replace, "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)", "Renames a file or directory over whatever is there.";
        sig "link" => link, "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=(os.name != 'nt'))", "Makes a hard link.";
        sig "symlink" => symlink, "($module, /, src, dst, target_is_directory=False, *, dir_fd=None)", "Makes a symbolic link.";
        sig "readlink" => readlink, "($module, /, path, *, dir_fd=None)", "What a symbolic link points to.";
        sig "chmod" => chmod, "($module, /, path, mode, *, dir_fd=None, follow_symlinks=(os.name != 'nt'))", "Changes permissions.";
        sig "fchmod" => fchmod, "($module, /, fd, mode)", "Changes permissions of an open file.";
        sig "chown" => chown, "($module, /, path, uid, gid, *, dir_fd=None, follow_symlinks=True)", "Changes owner and group.";
        sig "lchown" => lchown, "($module, /, path, uid, gid)", "Changes owner and group, of a link itself.";
        sig "fchown" => fchown, "($module, /, fd, uid, gid)", "Changes owner and group of an open file.";
        sig "utime" => utime, "($module, /, path, times=None, *, ns=<unrepresentable>, dir_fd=None, follow_symlinks=True)", "Sets the times of access and modification.";
        sig "truncate" => truncate, "($module, /, path, length)", "Gives a file a length.";
        sig "access" => access, "($module, /, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True)", "Whether the process may use a path so.";
        sig "chdir" => chdir, "($module, /, path)", "Changes the working directory.";
        sig "fchdir" => fchdir, "($module, /, fd)", "Changes the working directory to an open one.";
        sig "chroot" => chroot, "($module, /, path)", "Changes the root directory.";
        noargs "getcwd" => getcwd, "($module, /)", "The working directory.";
        noargs "getcwdb" => getcwdb, "($module, /)", "The working directory, as bytes.";
        sig "mkfifo" => mkfifo, "($module, /, path, mode=438, *, dir_fd=None)", "Makes a named pipe.";
        sig "mknod" => mknod, "($module, /, path, mode=384, device=0, *, dir_fd=None)", "Makes a node of the file system.";
        noargs "sync" => sync, "($module, /)", "Writes everything to disk.";
        o "major" => major, "($module, device, /)", "A device number's major part.";
        o "minor" => minor, "($module, device, /)", "A device number's minor part.";
        sig "makedev" => makedev, "($module, major, minor, /)", "A device number of its parts.";
        sig "pathconf" => pathconf, "($module, /, path, name)", "A limit of a file.";
        sig "fpathconf" => fpathconf, "($module, fd, name, /)", "A limit of an open file.";
        sig "sysconf" => sysconf, "($module, name, /)", "A limit of the system.";
        sig "confstr" => confstr, "($module, name, /)", "A text of the system's configuration.";
        sig "getxattr" => getxattr, "($module, /, path, attribute, *, follow_symlinks=True)", "An extended attribute's value.";
        sig "setxattr" => setxattr, "($module, /, path, attribute, value, flags=0, *, follow_symlinks=True)", "Sets an extended attribute.";
        sig "removexattr" => removexattr, "($module, /, path, attribute, *, follow_symlinks=True)", "Removes an extended attribute.";
        sig "listxattr" => listxattr, "($module, /, path=None, *, follow_symlinks=True)", "Names of the extended attributes.";
        o "umask" => umask, "($module, mask, /)", "Sets the mask of new files' permissions; returns the old one.";
        noargs "uname" => uname, "($module, /)", "Names of the system.";
    }
}
