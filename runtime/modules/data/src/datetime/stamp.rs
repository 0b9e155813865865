//! POSIX timestamps and the local time of the system.
use super::calendar::to_ordinal;
use krait_object::{Attached, Float, Object, PyResult, exc, raise};
use std::ffi::CStr;

/// Seconds of the epoch, from the start of year 1.
pub const EPOCH: i64 = 719_163 * 86_400;

/// A point in time as the local clock shows it.
pub struct Local {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub clock: [i32; 3],
    pub offset: i64,
    pub zone: String,
}

/// Local time of seconds since the epoch.
pub fn local_time(py: Attached<'_>, seconds: i64) -> PyResult<Local> {
    // SAFETY: the struct is plain data that the call fills in.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&seconds, &mut tm).is_null() {
            let code = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EOVERFLOW);
            return Err(krait_object::exceptions::raise_os_error(py, code));
        }
        tm
    };
    let zone = if tm.tm_zone.is_null() {
        String::new()
    } else {
        // SAFETY: the zone's name is a static string of the C library.
        unsafe { CStr::from_ptr(tm.tm_zone) }.to_string_lossy().into_owned()
    };
    Ok(Local {
        year: tm.tm_year.saturating_add(1900),
        month: tm.tm_mon + 1,
        day: tm.tm_mday,
        clock: [tm.tm_hour, tm.tm_min, tm.tm_sec.min(59)],
        offset: tm.tm_gmtoff,
        zone,
    })
}

/// Seconds from the start of year 1.
pub fn seconds_of((year, month, day): (i32, u8, u8), [hour, minute, second]: [i32; 3]) -> i64 {
    ((to_ordinal(year, month, day) * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60 + i64::from(second)
}

/// What the local clock shows at a number of UTC seconds; both count from the start of year 1.
pub fn local(py: Attached<'_>, seconds: i64) -> PyResult<i64> {
    let local = local_time(py, seconds - EPOCH)?;
    if !(1..=9999).contains(&local.year) {
        return Err(raise!(py, ValueError, "year {} is out of range", local.year));
    }
    Ok(seconds_of((local.year, local.month as u8, local.day as u8), local.clock))
}

/// The UTC seconds at which the local clock shows `shown`; `fold` picks the later of two.
pub fn local_to_utc(py: Attached<'_>, shown: i64, fold: bool) -> PyResult<i64> {
    const DAY: i64 = 86_400;
    let offset = local(py, shown)? - shown;
    let first = shown - offset;
    let shown_first = local(py, first)?;
    let other_offset = if shown_first == shown {
        // One solution; there may be another a day around.
        let probe = if fold { first + DAY } else { first - DAY };
        let other = local(py, probe)? - probe;
        if other == offset {
            return Ok(first);
        }
        other
    } else {
        shown_first - first
    };
    let second = shown - other_offset;
    if local(py, second)? == shown {
        return Ok(second);
    }
    if shown_first == shown {
        return Ok(first);
    }
    // The clock never shows this: it was set forward over it.
    Ok(if fold { first.min(second) } else { first.max(second) })
}

fn out_of_range(py: Attached<'_>) -> krait_object::Raised {
    raise!(py, OverflowError, "timestamp out of range for platform time_t")
}

/// Seconds of a timestamp argument, rounded down.
pub fn seconds_floor(py: Attached<'_>, timestamp: &Object) -> PyResult<i64> {
    match timestamp.downcast::<Float>() {
        Some(float) => whole(py, float.value().floor()),
        None => integer(py, timestamp),
    }
}

fn whole(py: Attached<'_>, value: f64) -> PyResult<i64> {
    if value.is_nan() {
        return Err(raise!(py, ValueError, "Invalid value NaN (not a number)"));
    }
    if !(-9.2e18..9.2e18).contains(&value) {
        return Err(out_of_range(py));
    }
    Ok(value as i64)
}

fn integer(py: Attached<'_>, timestamp: &Object) -> PyResult<i64> {
    match timestamp.index(py) {
        Ok(int) => int.to_i64().ok_or_else(|| out_of_range(py)),
        Err(raised) if raised.matches(py, exc::OverflowError()) => {
            raised.clear(py);
            Err(out_of_range(py))
        }
        Err(raised) => Err(raised),
    }
}

/// Seconds and microseconds of a timestamp argument, halves rounded to even.
pub fn seconds_and_micros(py: Attached<'_>, timestamp: &Object) -> PyResult<(i64, i32)> {
    let Some(float) = timestamp.downcast::<Float>() else {
        if !timestamp.has_index() {
            let name = krait_object::native::type_name(timestamp);
            return Err(raise!(py, TypeError, "argument must be int or float, not {name}"));
        }
        return Ok((integer(py, timestamp)?, 0));
    };
    let value = float.value();
    let mut seconds = whole(py, value.trunc())?;
    let mut micros = (value.fract() * 1e6).round_ties_even() as i32;
    if micros >= 1_000_000 {
        micros -= 1_000_000;
        seconds += 1;
    } else if micros < 0 {
        micros += 1_000_000;
        seconds -= 1;
    }
    Ok((seconds, micros))
}
