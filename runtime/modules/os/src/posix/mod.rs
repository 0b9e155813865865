//! `posix`: the system's interface that `os` builds on.
mod dir;
mod fdio;
mod fs;
mod process;
mod spawn;
mod stat;

pub use fdio::set_inheritable_fd;
pub use process::CArray;
pub use spawn::signal_set;

use crate::linux;
use crate::util::*;
use krait_object::{Attached, IntoObject, Layout, List, Module, PyResult, StructSeq, exc};

/// `posix.uname_result`.
pub static UNAME_RESULT: StructSeq = StructSeq::new(
    "posix.uname_result",
    "Names of the system.",
    &[
        ("sysname", "operating system name"),
        ("nodename", "name of machine on network (implementation-defined)"),
        ("release", "operating system release"),
        ("version", "operating system version"),
        ("machine", "hardware identifier"),
    ],
);

/// What `os` finds out about the platform.
const HAVE: &[&str] = &[
    "HAVE_EVENTFD",
    "HAVE_TIMERFD_CREATE",
    "HAVE_FACCESSAT",
    "HAVE_FCHDIR",
    "HAVE_FCHMOD",
    "HAVE_FCHMODAT",
    "HAVE_FCHOWN",
    "HAVE_FCHOWNAT",
    "HAVE_FEXECVE",
    "HAVE_FDOPENDIR",
    "HAVE_FPATHCONF",
    "HAVE_FSTATAT",
    "HAVE_FSTATVFS",
    "HAVE_FTRUNCATE",
    "HAVE_FUTIMENS",
    "HAVE_FUTIMES",
    "HAVE_FUTIMESAT",
    "HAVE_LINKAT",
    "HAVE_LCHOWN",
    "HAVE_LSTAT",
    "HAVE_LUTIMES",
    "HAVE_MEMFD_CREATE",
    "HAVE_MKDIRAT",
    "HAVE_MKFIFOAT",
    "HAVE_MKNODAT",
    "HAVE_OPENAT",
    "HAVE_READLINKAT",
    "HAVE_RENAMEAT",
    "HAVE_SYMLINKAT",
    "HAVE_UNLINKAT",
    "HAVE_UTIMENSAT",
    "HAVE_PTSNAME_R",
];

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    for table in [stat::table(), dir::table(), fs::table(), fdio::table(), process::table(), spawn::table()] {
        module.add_functions(py, table)?;
    }
    add_ints(py, module, linux::POSIX)?;
    module.add(py, "confstr_names", int_dict(py, linux::CONFSTR_NAMES)?.as_object())?;
    module.add(py, "pathconf_names", int_dict(py, linux::PATHCONF_NAMES)?.as_object())?;
    module.add(py, "sysconf_names", int_dict(py, linux::SYSCONF_NAMES)?.as_object())?;
    module.add(py, "environ", process::environ(py)?.as_object())?;
    module.add(py, "error", exc::OSError().as_object())?;
    for (name, seq) in [
        ("stat_result", &stat::STAT_RESULT),
        ("statvfs_result", &stat::STATVFS_RESULT),
        ("terminal_size", &fdio::TERMINAL_SIZE),
        ("times_result", &process::TIMES_RESULT),
        ("waitid_result", &process::WAITID_RESULT),
        ("sched_param", &process::SCHED_PARAM),
        ("uname_result", &UNAME_RESULT),
    ] {
        module.add(py, name, seq.ty(py)?.as_object())?;
    }
    add_type::<dir::DirEntry>(py, module, "DirEntry")?;
    ready_type::<dir::ScandirIterator>(py)?;
    let have = HAVE.iter().map(|name| name.into_object(py)).collect::<PyResult<Vec<_>>>()?;
    module.add(py, "_have_functions", List::from_vec(py, have)?.as_object())
}
