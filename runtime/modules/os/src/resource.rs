//! `resource`: limits and use of system resources.
use crate::util::*;
use crate::{linux, objects, vm};
use krait_object::exceptions::raise_os_error;
use krait_object::{
    Attached, Int, IntoObject, Layout, Module, Object, PyResult, Ref, StructSeq, Tuple, exc, functions, raise,
};
use std::ffi::c_int;

type Opt<'a> = Option<&'a Object>;

/// `resource.struct_rusage`.
static USAGE: StructSeq = StructSeq::new(
    "resource.struct_rusage",
    "Use of resources.",
    &[
        ("ru_utime", "user time used"),
        ("ru_stime", "system time used"),
        ("ru_maxrss", "max. resident set size"),
        ("ru_ixrss", "shared memory size"),
        ("ru_idrss", "unshared data size"),
        ("ru_isrss", "unshared stack size"),
        ("ru_minflt", "page faults not requiring I/O"),
        ("ru_majflt", "page faults requiring I/O"),
        ("ru_nswap", "number of swap outs"),
        ("ru_inblock", "block input operations"),
        ("ru_oublock", "block output operations"),
        ("ru_msgsnd", "IPC messages sent"),
        ("ru_msgrcv", "IPC messages received"),
        ("ru_nsignals", "signals received"),
        ("ru_nvcsw", "voluntary context switches"),
        ("ru_nivcsw", "involuntary context switches"),
    ],
);

/// A `struct_rusage` of the system's struct.
pub fn usage_result(py: Attached<'_>, usage: &libc::rusage) -> PyResult<Ref<Tuple>> {
    let seconds = |time: &libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    USAGE.make(
        py,
        objects!(
            py; seconds(&usage.ru_utime), seconds(&usage.ru_stime), usage.ru_maxrss, usage.ru_ixrss, usage.ru_idrss,
            usage.ru_isrss, usage.ru_minflt, usage.ru_majflt, usage.ru_nswap, usage.ru_inblock, usage.ru_oublock,
            usage.ru_msgsnd, usage.ru_msgrcv, usage.ru_nsignals, usage.ru_nvcsw, usage.ru_nivcsw
        ),
    )
}

fn getrusage(py: Attached<'_>, _: &Object, who: &Object) -> PyResult<Ref<Tuple>> {
    let who = int_arg(py, who)?;
    // SAFETY: plain data, filled by the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::getrusage(who, &raw mut usage) == -1 {
            return Err(match errno() {
                libc::EINVAL => raise!(py, ValueError, "invalid who parameter"),
                error => raise_os_error(py, error),
            });
        }
        usage_result(py, &usage)
    }
}

fn resource_arg(py: Attached<'_>, object: Opt<'_>) -> PyResult<c_int> {
    let number = int_arg(py, need(py, object)?)?;
    if !(0..16).contains(&number) {
        return Err(raise!(py, ValueError, "invalid resource specified"));
    }
    Ok(number)
}

fn limits_result(py: Attached<'_>, limits: &libc::rlimit) -> PyResult<Ref<Tuple>> {
    let one = |value: u64| (value as i64).into_object(py);
    tuple(py, vec![one(limits.rlim_cur)?, one(limits.rlim_max)?])
}

fn limits_arg(py: Attached<'_>, object: &Object) -> PyResult<libc::rlimit> {
    let items = object.sequence_tuple(py)?;
    let [soft, hard] = items.as_slice() else {
        return Err(raise!(py, ValueError, "expected a tuple of 2 integers"));
    };
    let one = |value: &Object| -> PyResult<u64> {
        if value.downcast::<Int>().is_none() && !value.has_index() {
            return Err(raise!(py, TypeError, "'{}' object cannot be interpreted as an integer", value.ty().name()));
        }
        let number = value.index(py)?;
        if number.to_i64() == Some(-1) {
            return Ok(libc::RLIM_INFINITY);
        }
        if number.is_negative() {
            return Err(raise!(py, ValueError, "Cannot convert negative int"));
        }
        number.to_u64().ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C rlim_t"))
    };
    Ok(libc::rlimit { rlim_cur: one(soft)?, rlim_max: one(hard)? })
}

fn getrlimit(py: Attached<'_>, _: &Object, resource: &Object) -> PyResult<Ref<Tuple>> {
    let resource = resource_arg(py, Some(resource))?;
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::getrlimit(resource as _, &raw mut limits) })?;
    limits_result(py, &limits)
}

fn limit_error(py: Attached<'_>, error: c_int) -> krait_object::Raised {
    match error {
        libc::EINVAL => raise!(py, ValueError, "current limit exceeds maximum limit"),
        libc::EPERM => raise!(py, ValueError, "not allowed to raise maximum limit"),
        error => raise_os_error(py, error),
    }
}

fn setrlimit(py: Attached<'_>, _: &Object, [resource, limits]: [Opt<'_>; 2]) -> PyResult<()> {
    let (number, given_limits) = (resource_arg(py, resource)?, need(py, limits)?);
    vm::audit(py, "resource.setrlimit", &[need(py, resource)?, given_limits])?;
    let limits = limits_arg(py, given_limits)?;
    // SAFETY: a local variable.
    match once(py, || unsafe { libc::setrlimit(number as _, &raw const limits) }) {
        Ok(_) => Ok(()),
        Err(error) => Err(limit_error(py, error)),
    }
}

fn prlimit(py: Attached<'_>, _: &Object, [pid, resource, limits]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let pid = int_arg(py, need(py, pid)?)?;
    let resource = resource_arg(py, resource)?;
    let new = given(limits).map(|limits| limits_arg(py, limits)).transpose()?;
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: local variables or null.
    match once(py, || unsafe { libc::prlimit(pid, resource as _, new, &raw mut old) }) {
        Ok(_) => limits_result(py, &old),
        Err(libc::EINVAL) => Err(raise!(py, ValueError, "current limit exceeds maximum limit")),
        Err(error) => Err(raise_os_error(py, error)),
    }
}

fn getpagesize(_: Attached<'_>, _: &Object) -> i64 {
    // SAFETY: no memory is involved.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        o "getrusage" => getrusage, "($module, who, /)", "Resources that processes used.";
        o "getrlimit" => getrlimit, "($module, resource, /)", "Soft and hard limit of a resource.";
        sig "setrlimit" => setrlimit, "($module, resource, limits, /)", "Sets soft and hard limit of a resource.";
        sig "prlimit" => prlimit, "($module, pid, resource, limits=None, /)", "Gets and sets another process's limits.";
        noargs "getpagesize" => getpagesize, "($module, /)", "Bytes of a memory page.";
    })?;
    add_ints(py, module, linux::RESOURCE)?;
    module.add(py, "error", exc::OSError().as_object())?;
    module.add(py, "struct_rusage", USAGE.ty(py)?.as_object())
}
