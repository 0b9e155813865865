//! Processes: identity, waiting, scheduling, replacement.
use crate::util::*;
use crate::{objects, vm};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::PyMethodDef;
use krait_object::{
    Attached, Bytes, Float, Int, IntoObject, Layout, List, Object, PyResult, Ref, Set, StructSeq, Tuple, functions,
    raise,
};
use std::ffi::{CString, c_char, c_int};

type Opt<'a> = Option<&'a Object>;

/// `posix.times_result`.
pub static TIMES_RESULT: StructSeq = StructSeq::new(
    "posix.times_result",
    "Times of a process, in seconds.",
    &[
        ("user", "user time"),
        ("system", "system time"),
        ("children_user", "user time of children"),
        ("children_system", "system time of children"),
        ("elapsed", "elapsed time since an arbitrary point in the past"),
    ],
);

/// `posix.waitid_result`.
pub static WAITID_RESULT: StructSeq = StructSeq::new(
    "posix.waitid_result",
    "What waitid() found.",
    &[("si_pid", ""), ("si_uid", ""), ("si_signo", ""), ("si_status", ""), ("si_code", "")],
);

/// `posix.sched_param`.
pub static SCHED_PARAM: StructSeq = StructSeq::new(
    "posix.sched_param",
    "sched_param(sched_priority)\n--\n\nA scheduling parameter.",
    &[("sched_priority", "the scheduling priority")],
)
.by_fields();

/// Functions without arguments that return a number.
macro_rules! getters {
    ($($name:ident: $ty:ty = $call:expr;)*) => {$(
        fn $name(_: Attached<'_>, _: &Object) -> $ty {
            // SAFETY: no memory is involved.
            unsafe { $call }
        }
    )*};
}
getters! {
    getpid: i32 = libc::getpid();
    getppid: i32 = libc::getppid();
    getpgrp: i32 = libc::getpgrp();
    getuid: i64 = i64::from(libc::getuid());
    geteuid: i64 = i64::from(libc::geteuid());
    getgid: i64 = i64::from(libc::getgid());
    getegid: i64 = i64::from(libc::getegid());
}

/// Functions of one user or group number.
macro_rules! id_setters {
    ($($name:ident($what:literal);)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<()> {
            let id = id_arg(py, id, $what)?;
            // SAFETY: no memory is involved.
            quick(py, || unsafe { libc::$name(id) }).map(drop)
        }
    )*};
}
id_setters! { setuid("uid"); seteuid("uid"); setgid("gid"); setegid("gid"); }

fn setreuid(py: Attached<'_>, _: &Object, [real, effective]: [Opt<'_>; 2]) -> PyResult<()> {
    let (real, effective) = (id_arg(py, need(py, real)?, "uid")?, id_arg(py, need(py, effective)?, "uid")?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setreuid(real, effective) }).map(drop)
}

fn setregid(py: Attached<'_>, _: &Object, [real, effective]: [Opt<'_>; 2]) -> PyResult<()> {
    let (real, effective) = (id_arg(py, need(py, real)?, "gid")?, id_arg(py, need(py, effective)?, "gid")?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setregid(real, effective) }).map(drop)
}

fn three_ids(py: Attached<'_>, args: [Opt<'_>; 3], what: &str) -> PyResult<[u32; 3]> {
    let [a, b, c] = args;
    Ok([id_arg(py, need(py, a)?, what)?, id_arg(py, need(py, b)?, what)?, id_arg(py, need(py, c)?, what)?])
}

fn setresuid(py: Attached<'_>, _: &Object, args: [Opt<'_>; 3]) -> PyResult<()> {
    let [real, effective, saved] = three_ids(py, args, "uid")?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setresuid(real, effective, saved) }).map(drop)
}

fn setresgid(py: Attached<'_>, _: &Object, args: [Opt<'_>; 3]) -> PyResult<()> {
    let [real, effective, saved] = three_ids(py, args, "gid")?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setresgid(real, effective, saved) }).map(drop)
}

fn getresuid(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: local variables.
    quick(py, || unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    tuple(py, vec![id_object(py, real)?, id_object(py, effective)?, id_object(py, saved)?])
}

fn getresgid(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: local variables.
    quick(py, || unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    tuple(py, vec![id_object(py, real)?, id_object(py, effective)?, id_object(py, saved)?])
}

fn group_list(py: Attached<'_>, groups: &[libc::gid_t]) -> PyResult<Ref<List>> {
    List::from_vec(py, groups.iter().map(|group| id_object(py, *group)).collect::<PyResult<_>>()?)
}

fn getgroups(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    // SAFETY: the buffer is as long as stated.
    let count = quick(py, || unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut groups = vec![0; count as usize];
    // SAFETY: as above.
    let count = quick(py, || unsafe { libc::getgroups(count, groups.as_mut_ptr()) })?;
    group_list(py, &groups[..count as usize])
}

fn setgroups(py: Attached<'_>, _: &Object, groups: &Object) -> PyResult<()> {
    if !groups.is_sequence() {
        return Err(raise!(py, TypeError, "setgroups argument must be a sequence"));
    }
    let mut numbers = Vec::new();
    for group in groups.collect(py)? {
        if (*group).downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "groups must be integers"));
        }
        numbers.push(id_arg(py, &group, "gid")?);
    }
    if numbers.len() > 65536 {
        return Err(raise!(py, ValueError, "too many groups"));
    }
    // SAFETY: the buffer is as long as stated.
    quick(py, || unsafe { libc::setgroups(numbers.len(), numbers.as_ptr()) }).map(drop)
}

fn initgroups(py: Attached<'_>, _: &Object, [name, gid]: [Opt<'_>; 2]) -> PyResult<()> {
    let name = fs_bytes(py, need(py, name)?)?;
    let gid = id_arg(py, need(py, gid)?, "gid")?;
    // SAFETY: a C string.
    quick(py, || unsafe { libc::initgroups(name.as_ptr(), gid) }).map(drop)
}

fn getgrouplist(py: Attached<'_>, _: &Object, [user, group]: [Opt<'_>; 2]) -> PyResult<Ref<List>> {
    let user = fs_bytes(py, need(py, user)?)?;
    let group = id_arg(py, need(py, group)?, "gid")?;
    let mut groups = vec![0; 64];
    loop {
        let mut count = groups.len() as c_int;
        // SAFETY: the buffer is as long as stated.
        if unsafe { libc::getgrouplist(user.as_ptr(), group, groups.as_mut_ptr(), &raw mut count) } >= 0 {
            return group_list(py, &groups[..count as usize]);
        }
        if groups.len() > 1 << 20 {
            return Err(raise_os_error(py, libc::EINVAL));
        }
        let wanted = (count as usize).max(groups.len() * 2);
        groups.resize(wanted, 0);
    }
}

fn getlogin(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let mut name = [0 as c_char; 256];
    unsafe extern "C" {
        fn getlogin_r(name: *mut c_char, size: usize) -> c_int;
    }
    // SAFETY: the buffer is as long as stated and gets a C string.
    unsafe {
        match getlogin_r(name.as_mut_ptr(), name.len()) {
            0 => c_text(py, name.as_ptr()),
            errno => Err(raise_os_error(py, errno)),
        }
    }
}

fn getpgid(py: Attached<'_>, _: &Object, [pid]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let pid = int_arg(py, need(py, pid)?)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::getpgid(pid) })
}

fn getsid(py: Attached<'_>, _: &Object, pid: &Object) -> PyResult<c_int> {
    let pid = int_arg(py, pid)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::getsid(pid) })
}

fn setsid(py: Attached<'_>, _: &Object) -> PyResult<()> {
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setsid() }).map(drop)
}

fn setpgrp(py: Attached<'_>, _: &Object) -> PyResult<()> {
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setpgid(0, 0) }).map(drop)
}

fn setpgid(py: Attached<'_>, _: &Object, [pid, group]: [Opt<'_>; 2]) -> PyResult<()> {
    let (pid, group) = (int_arg(py, need(py, pid)?)?, int_arg(py, need(py, group)?)?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setpgid(pid, group) }).map(drop)
}

fn getpriority(py: Attached<'_>, _: &Object, [which, who]: [Opt<'_>; 2]) -> PyResult<c_int> {
    let (which, who) = (int_arg(py, need(py, which)?)?, int_arg(py, need(py, who)?)?);
    // SAFETY: no memory is involved; -1 is a value, too.
    unsafe {
        *libc::__errno_location() = 0;
        let value = libc::getpriority(which as _, who as _);
        if value == -1 && errno() != 0 { Err(raise_os_error(py, errno())) } else { Ok(value) }
    }
}

fn setpriority(py: Attached<'_>, _: &Object, [which, who, value]: [Opt<'_>; 3]) -> PyResult<()> {
    let (which, who) = (int_arg(py, need(py, which)?)?, int_arg(py, need(py, who)?)?);
    let value = int_arg(py, need(py, value)?)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::setpriority(which as _, who as _, value) }).map(drop)
}

fn nice(py: Attached<'_>, _: &Object, increment: &Object) -> PyResult<c_int> {
    let increment = int_arg(py, increment)?;
    // SAFETY: no memory is involved; -1 is a value, too.
    unsafe {
        *libc::__errno_location() = 0;
        let value = libc::nice(increment);
        if value == -1 && errno() != 0 { Err(raise_os_error(py, errno())) } else { Ok(value) }
    }
}

fn kill(py: Attached<'_>, _: &Object, [pid, signal]: [Opt<'_>; 2]) -> PyResult<()> {
    let (pid_object, signal_object) = (need(py, pid)?, need(py, signal)?);
    let (pid, signal) = (int_arg(py, pid_object)?, int_arg(py, signal_object)?);
    vm::audit(py, "os.kill", &[pid_object, signal_object])?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::kill(pid, signal) })?;
    vm::check_signals(py)
}

fn killpg(py: Attached<'_>, _: &Object, [group, signal]: [Opt<'_>; 2]) -> PyResult<()> {
    let (group, signal) = (int_arg(py, need(py, group)?)?, int_arg(py, need(py, signal)?)?);
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::killpg(group, signal) })?;
    vm::check_signals(py)
}

fn pidfd_open(py: Attached<'_>, _: &Object, [pid, flags]: [Opt<'_>; 2]) -> PyResult<i64> {
    let pid = int_arg(py, need(py, pid)?)?;
    let flags = int_or(py, flags, 0)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })
}

/// Tests of a wait status.
macro_rules! status_tests {
    ($($name:ident: $ty:ty = $call:path;)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, [status]: [Opt<'_>; 1]) -> PyResult<$ty> {
            Ok($call(int_arg(py, need(py, status)?)?))
        }
    )*};
}
status_tests! {
    wifexited: bool = libc::WIFEXITED;
    wexitstatus: c_int = libc::WEXITSTATUS;
    wifsignaled: bool = libc::WIFSIGNALED;
    wtermsig: c_int = libc::WTERMSIG;
    wifstopped: bool = libc::WIFSTOPPED;
    wstopsig: c_int = libc::WSTOPSIG;
    wifcontinued: bool = libc::WIFCONTINUED;
}

fn wcoredump(py: Attached<'_>, _: &Object, status: &Object) -> PyResult<bool> {
    Ok(libc::WCOREDUMP(int_arg(py, status)?))
}

fn exit_code(py: Attached<'_>, _: &Object, [status]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let status = int_arg(py, need(py, status)?)?;
    if libc::WIFEXITED(status) {
        return Ok(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Ok(-libc::WTERMSIG(status));
    }
    if libc::WIFSTOPPED(status) {
        return Err(raise!(py, ValueError, "process stopped by delivery of signal {}", libc::WSTOPSIG(status)));
    }
    Err(raise!(py, ValueError, "invalid wait status: {status}"))
}

fn wait_for(py: Attached<'_>, pid: c_int, options: c_int) -> PyResult<Ref<Tuple>> {
    let mut status = 0;
    // SAFETY: a local variable.
    let pid = sys(py, || unsafe { libc::waitpid(pid, &raw mut status, options) })?;
    tuple(py, objects!(py; pid, status))
}

fn wait(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    wait_for(py, -1, 0)
}

fn waitpid(py: Attached<'_>, _: &Object, [pid, options]: [Opt<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let (pid, options) = (int_arg(py, need(py, pid)?)?, int_arg(py, need(py, options)?)?);
    wait_for(py, pid, options)
}

fn wait_usage(py: Attached<'_>, pid: c_int, options: c_int) -> PyResult<Ref<Tuple>> {
    let mut status = 0;
    // SAFETY: plain data; zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: local variables.
    let pid = sys(py, || unsafe { libc::wait4(pid, &raw mut status, options, &raw mut usage) })?;
    let usage = crate::resource::usage_result(py, &usage)?;
    tuple(py, objects!(py; pid, status, usage))
}

fn wait3(py: Attached<'_>, _: &Object, [options]: [Opt<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let options = int_arg(py, need(py, options)?)?;
    wait_usage(py, -1, options)
}

fn wait4(py: Attached<'_>, _: &Object, [pid, options]: [Opt<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let (pid, options) = (int_arg(py, need(py, pid)?)?, int_arg(py, need(py, options)?)?);
    wait_usage(py, pid, options)
}

fn waitid(py: Attached<'_>, _: &Object, [kind, id, options]: [Opt<'_>; 3]) -> PyResult<Option<Ref<Tuple>>> {
    let (kind, options) = (int_arg(py, need(py, kind)?)?, int_arg(py, need(py, options)?)?);
    let id = need(py, id)?.as_i64(py)?;
    // SAFETY: plain data; zero is valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: a local variable.
    sys(py, || unsafe { libc::waitid(kind as libc::idtype_t, id as libc::id_t, &raw mut info, options) })?;
    // SAFETY: the fields of a child's signal.
    unsafe {
        if info.si_pid() == 0 {
            return Ok(None);
        }
        WAITID_RESULT
            .make(
                py,
                objects!(py; info.si_pid(), id_object(py, info.si_uid())?, info.si_signo, info.si_status(), info.si_code),
            )
            .map(Some)
    }
}

fn system(py: Attached<'_>, _: &Object, [command]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let object = need(py, command)?;
    let command = fs_bytes(py, object)?;
    vm::audit(py, "os.system", &[object])?;
    // SAFETY: a C string.
    Ok(vm::without(py, || unsafe { libc::system(command.as_ptr()) }))
}

fn times(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    // SAFETY: plain data, filled by the call.
    unsafe {
        let mut buffer: libc::tms = std::mem::zeroed();
        let elapsed = quick(py, || libc::times(&raw mut buffer))?;
        let hertz = libc::sysconf(libc::_SC_CLK_TCK) as f64;
        let seconds = [buffer.tms_utime, buffer.tms_stime, buffer.tms_cutime, buffer.tms_cstime, elapsed]
            .iter()
            .map(|ticks| Ok(Float::new(py, *ticks as f64 / hertz)?.upcast()))
            .collect::<PyResult<Vec<_>>>()?;
        TIMES_RESULT.make(py, seconds)
    }
}

fn cpu_count(py: Attached<'_>, _: &Object) -> Option<i64> {
    let configured = krait_vm::interp::current(py).config.cpu_count.load(std::sync::atomic::Ordering::Relaxed);
    if configured > 0 {
        return Some(configured.into());
    }
    // SAFETY: no memory is involved.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    (count > 0).then_some(count)
}

fn getloadavg(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let mut loads = [0f64; 3];
    // SAFETY: room for three numbers.
    if unsafe { libc::getloadavg(loads.as_mut_ptr(), 3) } != 3 {
        return Err(raise!(py, OSError, "Load averages are unobtainable"));
    }
    tuple(py, objects!(py; loads[0], loads[1], loads[2]))
}

fn sched_yield(py: Attached<'_>, _: &Object) -> PyResult<()> {
    // SAFETY: no memory is involved.
    once(py, || unsafe { libc::sched_yield() }).map(drop).map_err(|errno| raise_os_error(py, errno))
}

fn sched_get_priority_max(py: Attached<'_>, _: &Object, [policy]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let policy = int_arg(py, need(py, policy)?)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::sched_get_priority_max(policy) })
}

fn sched_get_priority_min(py: Attached<'_>, _: &Object, [policy]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let policy = int_arg(py, need(py, policy)?)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::sched_get_priority_min(policy) })
}

fn sched_getscheduler(py: Attached<'_>, _: &Object, pid: &Object) -> PyResult<c_int> {
    let pid = int_arg(py, pid)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::sched_getscheduler(pid) })
}

fn param_arg(py: Attached<'_>, object: &Object) -> PyResult<libc::sched_param> {
    let right = std::ptr::eq(object.ty(), SCHED_PARAM.ty(py)?);
    let Some(param) = object.downcast::<Tuple>().filter(|_| right) else {
        return Err(raise!(py, TypeError, "must have a sched_param object"));
    };
    let priority = param.as_slice()[0].as_i64(py)?;
    match c_int::try_from(priority) {
        Ok(sched_priority) => Ok(libc::sched_param { sched_priority }),
        Err(_) => Err(raise!(py, OverflowError, "sched_priority out of range")),
    }
}

fn sched_setscheduler(py: Attached<'_>, _: &Object, [pid, policy, param]: [Opt<'_>; 3]) -> PyResult<()> {
    let (pid, policy) = (int_arg(py, need(py, pid)?)?, int_arg(py, need(py, policy)?)?);
    let param = param_arg(py, need(py, param)?)?;
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::sched_setscheduler(pid, policy, &raw const param) }).map(drop)
}

fn sched_getparam(py: Attached<'_>, _: &Object, pid: &Object) -> PyResult<Ref<Tuple>> {
    let pid = int_arg(py, pid)?;
    let mut param = libc::sched_param { sched_priority: 0 };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::sched_getparam(pid, &raw mut param) })?;
    SCHED_PARAM.make(py, objects!(py; param.sched_priority))
}

fn sched_setparam(py: Attached<'_>, _: &Object, [pid, param]: [Opt<'_>; 2]) -> PyResult<()> {
    let pid = int_arg(py, need(py, pid)?)?;
    let param = param_arg(py, need(py, param)?)?;
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::sched_setparam(pid, &raw const param) }).map(drop)
}

fn sched_rr_get_interval(py: Attached<'_>, _: &Object, pid: &Object) -> PyResult<f64> {
    let pid = int_arg(py, pid)?;
    let mut interval = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::sched_rr_get_interval(pid, &raw mut interval) })?;
    Ok(interval.tv_sec as f64 + 1e-9 * interval.tv_nsec as f64)
}

fn sched_setaffinity(py: Attached<'_>, _: &Object, [pid, mask]: [Opt<'_>; 2]) -> PyResult<()> {
    let pid = int_arg(py, need(py, pid)?)?;
    let mut bits = vec![0u64; 16];
    for cpu in need(py, mask)?.collect(py)? {
        if (*cpu).downcast::<Int>().is_none() {
            return Err(raise!(
                py,
                TypeError,
                "expected an iterator of ints, but iterator yielded {}",
                cpu.ty().full_name()
            ));
        }
        let cpu = cpu.as_i64(py)?;
        if cpu < 0 {
            return Err(raise!(py, ValueError, "negative CPU number"));
        }
        if cpu > i64::from(c_int::MAX) - 1 {
            return Err(raise!(py, OverflowError, "CPU number too large"));
        }
        let at = cpu as usize;
        if at / 64 >= bits.len() {
            bits.resize(at / 64 + 1, 0);
        }
        bits[at / 64] |= 1 << (at % 64);
    }
    // SAFETY: the mask is as long as stated.
    quick(py, || unsafe { libc::sched_setaffinity(pid, bits.len() * 8, bits.as_ptr().cast()) }).map(drop)
}

fn sched_getaffinity(py: Attached<'_>, _: &Object, pid: &Object) -> PyResult<Ref<Set>> {
    let pid = int_arg(py, pid)?;
    let mut bits = vec![0u64; 2];
    loop {
        // SAFETY: the mask is as long as stated.
        if unsafe { libc::sched_getaffinity(pid, bits.len() * 8, bits.as_mut_ptr().cast()) } == 0 {
            break;
        }
        if errno() != libc::EINVAL || bits.len() > 1 << 14 {
            return Err(raise_os_error(py, errno()));
        }
        bits = vec![0; bits.len() * 2];
    }
    let mut cpus = Vec::new();
    for (word, bits) in bits.iter().enumerate() {
        for bit in (0..64).filter(|bit| bits & (1 << bit) != 0) {
            cpus.push((word * 64 + bit).into_object(py)?);
        }
    }
    let cpus = List::from_vec(py, cpus)?;
    let set = Set::type_object().as_object().call_pos(py, &[cpus.as_object()])?;
    set.downcast().map_err(|_| py.bad_internal_call())
}

fn setns(py: Attached<'_>, _: &Object, [fd, kind]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, kind) = (fileno_arg(py, need(py, fd)?)?, int_or(py, kind, 0)?);
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::setns(fd, kind) }).map(drop)
}

fn unshare(py: Attached<'_>, _: &Object, [flags]: [Opt<'_>; 1]) -> PyResult<()> {
    let flags = int_arg(py, need(py, flags)?)?;
    // SAFETY: no memory is involved.
    sys(py, || unsafe { libc::unshare(flags) }).map(drop)
}

fn exit_now(py: Attached<'_>, _: &Object, [status]: [Opt<'_>; 1]) -> PyResult<()> {
    let status = int_arg(py, need(py, status)?)?;
    // SAFETY: ends the process at once, as asked.
    unsafe { libc::_exit(status) }
}

fn abort(_: Attached<'_>, _: &Object) {
    std::process::abort();
}

/// C strings and the null-terminated array of their addresses.
pub struct CArray {
    _texts: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CArray {
    /// An array of these strings.
    pub fn new(texts: Vec<CString>) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        CArray { _texts: texts, pointers }
    }

    /// The array for C.
    pub fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// Addresses for `exec`-like functions that take them as changeable.
    pub fn as_mut(&self) -> *const *mut c_char {
        self.pointers.as_ptr().cast()
    }
}

/// The arguments of a new program.
pub fn argv_arg(py: Attached<'_>, function: &str, argv: &Object, position: usize) -> PyResult<CArray> {
    if argv.downcast::<List>().is_none() && argv.downcast::<Tuple>().is_none() {
        return Err(match function {
            "execv" => raise!(py, TypeError, "execv() arg {position} must be a tuple or list"),
            _ => raise!(py, TypeError, "{function}: argv must be a tuple or list"),
        });
    }
    let items = argv.collect(py)?;
    if items.is_empty() {
        return Err(match function {
            "execv" => raise!(py, ValueError, "execv() arg {position} must not be empty"),
            _ => raise!(py, ValueError, "{function}: argv must not be empty"),
        });
    }
    let texts = items.iter().map(|item| fs_bytes(py, item)).collect::<PyResult<Vec<_>>>()?;
    if texts[0].is_empty() {
        return Err(match function {
            "execv" => raise!(py, ValueError, "execv() arg {position} first element cannot be empty"),
            _ => raise!(py, ValueError, "{function}: argv first element cannot be empty"),
        });
    }
    Ok(CArray::new(texts))
}

/// The environment of a new program.
pub fn env_arg(py: Attached<'_>, function: &str, env: &Object) -> PyResult<CArray> {
    if !env.is_mapping() {
        return Err(raise!(py, TypeError, "{function}: environment must be a mapping object"));
    }
    let (keys, values) = (env.mapping_keys(py)?.to_vec(py)?, env.mapping_values(py)?.to_vec(py)?);
    let mut texts = Vec::new();
    for (key, value) in keys.iter().zip(&values) {
        let (key, value) = (fs_bytes(py, key)?, fs_bytes(py, value)?);
        if key.is_empty() || key.as_bytes()[1..].contains(&b'=') || key.as_bytes() == b"=" {
            return Err(raise!(py, ValueError, "illegal environment variable name"));
        }
        texts.push(c_string(py, [key.as_bytes(), b"=", value.as_bytes()].concat())?);
    }
    Ok(CArray::new(texts))
}

fn check_exec(py: Attached<'_>) -> PyResult<()> {
    match krait_vm::interp::current(py).rules.exec {
        true => Ok(()),
        false => Err(raise!(py, RuntimeError, "exec not supported for isolated subinterpreters")),
    }
}

fn execv(py: Attached<'_>, _: &Object, [path, argv]: [Opt<'_>; 2]) -> PyResult<()> {
    check_exec(py)?;
    let path = Path::new(py, need(py, path)?, "execv", "path")?;
    let argv = argv_arg(py, "execv", need(py, argv)?, 2)?;
    // SAFETY: C strings and null-terminated arrays. Comes back only when it failed.
    unsafe { libc::execv(path.ptr(), argv.as_ptr()) };
    let errno = errno();
    Err(path.error(py, errno))
}

fn execve(py: Attached<'_>, _: &Object, [path, argv, env]: [Opt<'_>; 3]) -> PyResult<()> {
    check_exec(py)?;
    let path = Path::or_fd(py, need(py, path)?, "execve")?;
    let argv = argv_arg(py, "execve", need(py, argv)?, 2)?;
    let env = env_arg(py, "execve", need(py, env)?)?;
    // SAFETY: C strings and null-terminated arrays. Comes back only when it failed.
    unsafe {
        match path.fd {
            Some(fd) => libc::fexecve(fd, argv.as_ptr(), env.as_ptr()),
            None => libc::execve(path.ptr(), argv.as_ptr(), env.as_ptr()),
        }
    };
    let errno = errno();
    Err(path.error(py, errno))
}

fn putenv(py: Attached<'_>, _: &Object, [name, value]: [Opt<'_>; 2]) -> PyResult<()> {
    let (name, value) = (fs_bytes(py, need(py, name)?)?, fs_bytes(py, need(py, value)?)?);
    if name.as_bytes().contains(&b'=') {
        return Err(raise!(py, ValueError, "illegal environment variable name"));
    }
    // SAFETY: C strings.
    quick(py, || unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) }).map(drop)
}

fn unsetenv(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<()> {
    let name = fs_bytes(py, name)?;
    // SAFETY: a C string.
    quick(py, || unsafe { libc::unsetenv(name.as_ptr()) }).map(drop)
}

/// The environment as a dict of bytes.
pub fn environ(py: Attached<'_>) -> PyResult<Ref<krait_object::Dict>> {
    use std::os::unix::ffi::OsStrExt;
    let dict = krait_object::Dict::new(py)?;
    for (name, value) in std::env::vars_os() {
        let (name, value) = (Bytes::new(py, name.as_bytes())?, Bytes::new(py, value.as_bytes())?);
        dict.set_default(py, name.as_object(), value.as_object())?;
    }
    Ok(dict)
}

fn create_environ(py: Attached<'_>, _: &Object) -> PyResult<Ref<krait_object::Dict>> {
    environ(py)
}

fn fill_random(py: Attached<'_>, size: usize, flags: libc::c_uint) -> PyResult<Ref<Bytes>> {
    let bytes = Bytes::alloc(py, size)?;
    let mut done = 0;
    while done < size {
        // SAFETY: fresh memory of `size` bytes.
        let got = sys(py, || unsafe { libc::getrandom(bytes.data_ptr().add(done).cast(), size - done, flags) })?;
        done += got as usize;
    }
    Ok(bytes)
}

fn urandom(py: Attached<'_>, _: &Object, size: &Object) -> PyResult<Ref<Bytes>> {
    let size = size.as_isize(py)?;
    let Ok(size) = usize::try_from(size) else {
        return Err(raise!(py, ValueError, "negative argument not allowed"));
    };
    fill_random(py, size, 0)
}

fn getrandom(py: Attached<'_>, _: &Object, [size, flags]: [Opt<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let size = need(py, size)?.as_isize(py)?;
    let flags = int_or(py, flags, 0)?;
    let Ok(size) = usize::try_from(size) else { return Err(raise_os_error(py, libc::EINVAL)) };
    super::fdio::read_with(py, size, |buffer, len| {
        // SAFETY: room for `len` bytes.
        unsafe { libc::getrandom(buffer, len, flags as libc::c_uint) }
    })
}

fn strerror(py: Attached<'_>, _: &Object, code: &Object) -> PyResult<String> {
    Ok(krait_object::exceptions::error_text(int_arg(py, code)?))
}

fn inputhook_installed(_: Attached<'_>, _: &Object) -> bool {
    false
}

fn inputhook(_: Attached<'_>, _: &Object) -> i64 {
    0
}

fn register_at_fork(py: Attached<'_>, _: &Object, [before, child, parent]: [Opt<'_>; 3]) -> PyResult<()> {
    if before.is_none() && child.is_none() && parent.is_none() {
        return Err(raise!(py, TypeError, "At least one argument is required."));
    }
    for (name, function) in [("before", before), ("after_in_child", child), ("after_in_parent", parent)] {
        if let Some(function) = function
            && !function.is_callable()
        {
            return Err(raise!(py, TypeError, "'{name}' must be callable, not {}", function.ty().full_name()));
        }
    }
    crate::fork::register(py, before, child, parent)
}

fn fork(py: Attached<'_>, _: &Object) -> PyResult<c_int> {
    vm::audit(py, "os.fork", &[])?;
    crate::fork::fork(py, || {
        // SAFETY: the fork protocol is kept by the caller.
        unsafe { libc::fork() }
    })
}

fn forkpty(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    vm::audit(py, "os.forkpty", &[])?;
    let mut main = -1;
    let null = std::ptr::null_mut;
    let pid = crate::fork::fork(py, || {
        // SAFETY: a local variable; the other arguments may be null.
        unsafe { libc::forkpty(&raw mut main, null(), std::ptr::null(), std::ptr::null()) }
    })?;
    tuple(py, objects!(py; pid, main))
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        noargs "getpid" => getpid, "($module, /)", "The process's number.";
        noargs "getppid" => getppid, "($module, /)", "The parent process's number.";
        noargs "getpgrp" => getpgrp, "($module, /)", "The process group's number.";
        noargs "getuid" => getuid, "($module, /)", "The user's number.";
        noargs "geteuid" => geteuid, "($module, /)", "The effective user's number.";
        noargs "getgid" => getgid, "($module, /)", "The group's number.";
        noargs "getegid" => getegid, "($module, /)", "The effective group's number.";
        o "setuid" => setuid, "($module, uid, /)", "Sets the user.";
        o "seteuid" => seteuid, "($module, euid, /)", "Sets the effective user.";
        o "setgid" => setgid, "($module, gid, /)", "Sets the group.";
        o "setegid" => setegid, "($module, egid, /)", "Sets the effective group.";
        sig "setreuid" => setreuid, "($module, ruid, euid, /)", "Sets real and effective user.";
        sig "setregid" => setregid, "($module, rgid, egid, /)", "Sets real and effective group.";
        sig "setresuid" => setresuid, "($module, ruid, euid, suid, /)", "Sets real, effective and saved user.";
        sig "setresgid" => setresgid, "($module, rgid, egid, sgid, /)", "Sets real, effective and saved group.";
        noargs "getresuid" => getresuid, "($module, /)", "Real, effective and saved user.";
        noargs "getresgid" => getresgid, "($module, /)", "Real, effective and saved group.";
        noargs "getgroups" => getgroups, "($module, /)", "The supplementary groups.";
        o "setgroups" => setgroups, "($module, groups, /)", "Sets the supplementary groups.";
        sig "initgroups" => initgroups, "($module, username, gid, /)", "Sets the supplementary groups to a user's.";
        sig "getgrouplist" => getgrouplist, "($module, user, group, /)", "The groups of a user.";
        noargs "getlogin" => getlogin, "($module, /)", "The name of the user who logged in.";
        sig "getpgid" => getpgid, "($module, /, pid)", "A process's group.";
        o "getsid" => getsid, "($module, pid, /)", "A process's session.";
        noargs "setsid" => setsid, "($module, /)", "Starts a new session.";
        noargs "setpgrp" => setpgrp, "($module, /)", "Makes the process lead a group.";
        sig "setpgid" => setpgid, "($module, pid, pgrp, /)", "Puts a process into a group.";
        sig "getpriority" => getpriority, "($module, /, which, who)", "The priority of processes.";
        sig "setpriority" => setpriority, "($module, /, which, who, priority)", "Sets the priority of processes.";
        o "nice" => nice, "($module, increment, /)", "Lowers the priority; returns the new one.";
        sig "kill" => kill, "($module, pid, signal, /)", "Sends a signal to a process.";
        sig "killpg" => killpg, "($module, pgid, signal, /)", "Sends a signal to a process group.";
        sig "pidfd_open" => pidfd_open, "($module, /, pid, flags=0)", "A descriptor of a process.";
        sig "WIFEXITED" => wifexited, "($module, /, status)", "Whether the process ended by itself.";
        sig "WEXITSTATUS" => wexitstatus, "($module, /, status)", "The exit status.";
        sig "WIFSIGNALED" => wifsignaled, "($module, /, status)", "Whether a signal ended the process.";
        sig "WTERMSIG" => wtermsig, "($module, /, status)", "The signal that ended the process.";
        sig "WIFSTOPPED" => wifstopped, "($module, /, status)", "Whether the process is stopped.";
        sig "WSTOPSIG" => wstopsig, "($module, /, status)", "The signal that stopped the process.";
        sig "WIFCONTINUED" => wifcontinued, "($module, /, status)", "Whether the process goes on.";
        o "WCOREDUMP" => wcoredump, "($module, status, /)", "Whether memory was dumped.";
        sig "waitstatus_to_exitcode" => exit_code, "($module, /, status)", "The exit code of a wait status; a signal's is negative.";
        noargs "wait" => wait, "($module, /)", "Waits for a child: its number and status.";
        sig "waitpid" => waitpid, "($module, pid, options, /)", "Waits for a certain child.";
        sig "wait3" => wait3, "($module, /, options)", "As wait(), with the resources used.";
        sig "wait4" => wait4, "($module, /, pid, options)", "As waitpid(), with the resources used.";
        sig "waitid" => waitid, "($module, idtype, id, options, /)", "Waits for a child's change.";
        sig "system" => system, "($module, /, command)", "Runs a shell command.";
        noargs "times" => times, "($module, /)", "Times that the process used.";
        noargs "cpu_count" => cpu_count, "($module, /)", "How many processors there are.";
        noargs "getloadavg" => getloadavg, "($module, /)", "Load averages of 1, 5 and 15 minutes.";
        noargs "sched_yield" => sched_yield, "($module, /)", "Lets other threads run.";
        sig "sched_get_priority_max" => sched_get_priority_max, "($module, /, policy)", "A policy's highest priority.";
        sig "sched_get_priority_min" => sched_get_priority_min, "($module, /, policy)", "A policy's lowest priority.";
        o "sched_getscheduler" => sched_getscheduler, "($module, pid, /)", "A process's policy.";
        sig "sched_setscheduler" => sched_setscheduler, "($module, pid, policy, param, /)", "Sets a process's policy.";
        o "sched_getparam" => sched_getparam, "($module, pid, /)", "A process's scheduling parameters.";
        sig "sched_setparam" => sched_setparam, "($module, pid, param, /)", "Sets a process's scheduling parameters.";
        o "sched_rr_get_interval" => sched_rr_get_interval, "($module, pid, /)", "The time slice of round robin.";
        sig "sched_setaffinity" => sched_setaffinity, "($module, pid, mask, /)", "Binds a process to processors.";
        o "sched_getaffinity" => sched_getaffinity, "($module, pid, /)", "The processors a process may use.";
        sig "setns" => setns, "($module, /, fd, nstype=0)", "Enters a namespace.";
        sig "unshare" => unshare, "($module, /, flags)", "Leaves shared namespaces.";
        sig "_exit" => exit_now, "($module, /, status)", "Ends the process at once.";
        noargs "abort" => abort, "($module, /)", "Ends the process with SIGABRT.";
        sig "execv" => execv, "($module, path, argv, /)", "Replaces the program.";
        sig "execve" => execve, "($module, /, path, argv, env)", "Replaces the program, with an environment.";
        sig "putenv" => putenv, "($module, name, value, /)", "Sets a variable of the environment.";
        o "unsetenv" => unsetenv, "($module, name, /)", "Removes a variable of the environment.";
        noargs "_create_environ" => create_environ, "($module, /)", "The environment as it is now.";
        o "urandom" => urandom, "($module, size, /)", "Random bytes for cryptography.";
        sig "getrandom" => getrandom, "($module, /, size, flags=0)", "Random bytes, with the kernel's flags.";
        o "strerror" => strerror, "($module, code, /)", "The text of an error number.";
        noargs "_is_inputhook_installed" => inputhook_installed, "($module, /)", "Whether an input hook is there.";
        noargs "_inputhook" => inputhook, "($module, /)", "Calls the input hook.";
        sig "register_at_fork" => register_at_fork, "($module, /, *, before=<unrepresentable>, after_in_child=<unrepresentable>, after_in_parent=<unrepresentable>)", "Registers functions to call around fork().";
        noargs "fork" => fork, "($module, /)", "Makes a child process: 0 in the child.";
        noargs "forkpty" => forkpty, "($module, /)", "Makes a child process with a new terminal.";
    }
}
