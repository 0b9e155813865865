//! `pytime.h`: clocks, in nanoseconds.
use krait_object::{Attached, PyResult, raise};
use std::ffi::c_int;

fn clock(id: libc::clockid_t) -> Option<i64> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the buffer is ours.
    if unsafe { libc::clock_gettime(id, &mut now) } != 0 {
        return None;
    }
    now.tv_sec.checked_mul(1_000_000_000)?.checked_add(now.tv_nsec)
}

fn checked(py: Attached<'_>, id: libc::clockid_t, out: *mut i64) -> PyResult<()> {
    match clock(id) {
        Some(now) => {
            // SAFETY: by the contract of the callers.
            unsafe { *out = now };
            Ok(())
        }
        None => {
            // SAFETY: as above.
            unsafe { *out = 0 };
            Err(raise!(py, OverflowError, "timestamp too large to convert to C PyTime_t"))
        }
    }
}

unsafe fn raw(id: libc::clockid_t, out: *mut i64) -> c_int {
    let now = clock(id);
    // SAFETY: by the contract of the callers.
    unsafe { *out = now.unwrap_or(0) };
    if now.is_some() { 0 } else { -1 }
}

capi! {
    fn PyTime_Time(py, out: *mut i64) -> () { checked(py, libc::CLOCK_REALTIME, out) }
    fn PyTime_Monotonic(py, out: *mut i64) -> () { checked(py, libc::CLOCK_MONOTONIC, out) }
    fn PyTime_PerfCounter(py, out: *mut i64) -> () { checked(py, libc::CLOCK_MONOTONIC, out) }
}

capi_raw! {
    fn PyTime_TimeRaw(out: *mut i64) -> c_int { raw(libc::CLOCK_REALTIME, out) }
    fn PyTime_MonotonicRaw(out: *mut i64) -> c_int { raw(libc::CLOCK_MONOTONIC, out) }
    fn PyTime_PerfCounterRaw(out: *mut i64) -> c_int { raw(libc::CLOCK_MONOTONIC, out) }
    fn PyTime_AsSecondsDouble(t: i64) -> f64 {
        // Whole seconds stay exact.
        if t % 1_000_000_000 == 0 { (t / 1_000_000_000) as f64 } else { t as f64 / 1e9 }
    }
}
