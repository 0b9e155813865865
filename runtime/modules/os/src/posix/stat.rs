//! `stat` and its relatives.
use crate::objects;
use crate::util::*;
use krait_object::{
    Attached, Float, Int, IntoObject, Object, PyResult, Ref, StructSeq, Tuple, functions, layout::PyMethodDef, raise,
};
use std::ffi::c_int;
use std::mem::MaybeUninit;

/// `os.stat_result`.
pub static STAT_RESULT: StructSeq = StructSeq::new(
    "os.stat_result",
    "Facts about a file.",
    &[
        ("st_mode", "protection bits"),
        ("st_ino", "inode"),
        ("st_dev", "device"),
        ("st_nlink", "number of hard links"),
        ("st_uid", "user ID of owner"),
        ("st_gid", "group ID of owner"),
        ("st_size", "total size, in bytes"),
        ("", "integer time of last access"),
        ("", "integer time of last modification"),
        ("", "integer time of last change"),
        ("st_atime", "time of last access"),
        ("st_mtime", "time of last modification"),
        ("st_ctime", "time of last change"),
        ("st_atime_ns", "time of last access in nanoseconds"),
        ("st_mtime_ns", "time of last modification in nanoseconds"),
        ("st_ctime_ns", "time of last change in nanoseconds"),
        ("st_blksize", "blocksize for filesystem I/O"),
        ("st_blocks", "number of blocks allocated"),
        ("st_rdev", "device type (if inode device)"),
    ],
)
.visible(10);

/// `os.statvfs_result`.
pub static STATVFS_RESULT: StructSeq = StructSeq::new(
    "os.statvfs_result",
    "Facts about a file system.",
    &[
        ("f_bsize", ""),
        ("f_frsize", ""),
        ("f_blocks", ""),
        ("f_bfree", ""),
        ("f_bavail", ""),
        ("f_files", ""),
        ("f_ffree", ""),
        ("f_favail", ""),
        ("f_flag", ""),
        ("f_namemax", ""),
        ("f_fsid", ""),
    ],
)
.visible(10);

/// A `stat_result` from the system's struct.
pub fn make(py: Attached<'_>, st: &libc::stat) -> PyResult<Ref<Tuple>> {
    let mut values = objects!(
        py; st.st_mode, st.st_ino, st.st_dev, st.st_nlink, id_object(py, st.st_uid)?, id_object(py, st.st_gid)?, st.st_size
    );
    let times = [(st.st_atime, st.st_atime_nsec), (st.st_mtime, st.st_mtime_nsec), (st.st_ctime, st.st_ctime_nsec)];
    for (seconds, _) in times {
        values.push(seconds.into_object(py)?);
    }
    for (seconds, nanos) in times {
        values.push(Float::new(py, seconds as f64 + 1e-9 * nanos as f64)?.upcast());
    }
    for (seconds, nanos) in times {
        let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        values.push(match i64::try_from(total) {
            Ok(total) => Int::from_i64(py, total)?.upcast(),
            Err(_) => Int::from_le_bytes(py, &total.to_le_bytes(), true)?.upcast(),
        });
    }
    values.extend(objects!(py; st.st_blksize, st.st_blocks, st.st_rdev));
    STAT_RESULT.make(py, values)
}

/// The system's struct for a path.
pub fn stat_path(
    py: Attached<'_>,
    path: &Path<'_>,
    dir_fd: c_int,
    follow: bool,
) -> PyResult<Result<libc::stat, c_int>> {
    let mut st = MaybeUninit::<libc::stat>::uninit();
    let result = once(py, || {
        // SAFETY: the path is a C string; the struct is as large as the call expects.
        unsafe {
            match path.fd {
                Some(fd) => libc::fstat(fd, st.as_mut_ptr()),
                None => {
                    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                    libc::fstatat(dir_fd, path.ptr(), st.as_mut_ptr(), flags)
                }
            }
        }
    });
    // SAFETY: filled when the call succeeds.
    Ok(result.map(|_| unsafe { st.assume_init() }))
}

fn do_stat(
    py: Attached<'_>,
    function: &str,
    path: &Path<'_>,
    dir_fd: Option<&Object>,
    follow: bool,
) -> PyResult<Ref<Tuple>> {
    let dir_fd = dir_fd_arg(py, dir_fd)?;
    if path.fd.is_some() && dir_fd != libc::AT_FDCWD {
        return Err(raise!(py, ValueError, "{function}: can't specify dir_fd without matching path"));
    }
    if path.fd.is_some() && !follow {
        return Err(raise!(py, ValueError, "{function}: cannot use fd and follow_symlinks together"));
    }
    match stat_path(py, path, dir_fd, follow)? {
        Ok(st) => make(py, &st),
        Err(errno) => Err(path.error(py, errno)),
    }
}

fn stat(py: Attached<'_>, _: &Object, [path, dir_fd, follow]: [Option<&Object>; 3]) -> PyResult<Ref<Tuple>> {
    let path = Path::or_fd(py, need(py, path)?, "stat")?;
    let follow = bool_or(py, follow, true)?;
    do_stat(py, "stat", &path, dir_fd, follow)
}

fn lstat(py: Attached<'_>, _: &Object, [path, dir_fd]: [Option<&Object>; 2]) -> PyResult<Ref<Tuple>> {
    let path = Path::new(py, need(py, path)?, "lstat", "path")?;
    do_stat(py, "lstat", &path, dir_fd, false)
}

fn fstat(py: Attached<'_>, _: &Object, [fd]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
    let fd = int_arg(py, need(py, fd)?)?;
    let mut st = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the struct is as large as the call expects, and filled when it succeeds.
    sys(py, || unsafe { libc::fstat(fd, st.as_mut_ptr()) })?;
    // SAFETY: as above.
    make(py, &unsafe { st.assume_init() })
}

fn make_vfs(py: Attached<'_>, st: &libc::statvfs) -> PyResult<Ref<Tuple>> {
    STATVFS_RESULT.make(
        py,
        objects!(
            py; st.f_bsize, st.f_frsize, st.f_blocks, st.f_bfree, st.f_bavail, st.f_files, st.f_ffree, st.f_favail,
            st.f_flag, st.f_namemax, st.f_fsid
        ),
    )
}

fn statvfs_of(py: Attached<'_>, path: &Path<'_>) -> PyResult<Ref<Tuple>> {
    let mut st = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: as for stat.
    sys_path(py, path, || unsafe {
        match path.fd {
            Some(fd) => libc::fstatvfs(fd, st.as_mut_ptr()),
            None => libc::statvfs(path.ptr(), st.as_mut_ptr()),
        }
    })?;
    // SAFETY: filled by the successful call.
    make_vfs(py, &unsafe { st.assume_init() })
}

fn statvfs(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
    statvfs_of(py, &Path::or_fd(py, need(py, path)?, "statvfs")?)
}

fn fstatvfs(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Tuple>> {
    let mut st = MaybeUninit::<libc::statvfs>::uninit();
    let fd = int_arg(py, fd)?;
    // SAFETY: as for stat.
    sys(py, || unsafe { libc::fstatvfs(fd, st.as_mut_ptr()) })?;
    // SAFETY: filled by the successful call.
    make_vfs(py, &unsafe { st.assume_init() })
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "stat" => stat, "($module, /, path, *, dir_fd=None, follow_symlinks=True)", "Facts about a path or open file.";
        sig "lstat" => lstat, "($module, /, path, *, dir_fd=None)", "As stat(), for the symbolic link itself.";
        sig "fstat" => fstat, "($module, /, fd)", "As stat(), for an open file.";
        sig "statvfs" => statvfs, "($module, /, path)", "Facts about the file system of a path.";
        o "fstatvfs" => fstatvfs, "($module, fd, /)", "Facts about the file system of an open file.";
    }
}
