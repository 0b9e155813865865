//! `time`.
use crate::util::*;
use crate::{objects, vm};
use krait_object::args::{Args, Signature, Words};
use krait_object::exceptions::raise_os_error;
use krait_object::hooks::hooks;
use krait_object::{
    Attached, Dict, Float, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Str, StructSeq, Tuple, functions,
    id, raise,
};
use krait_vm::timing::seconds_arg;
use std::ffi::{CStr, CString, c_int};

/// `time.struct_time`.
static STRUCT_TIME: StructSeq = StructSeq::new(
    "time.struct_time",
    "A time as calendar and clock show it.",
    &[
        ("tm_year", "year, for example, 1993"),
        ("tm_mon", "month of year, range [1, 12]"),
        ("tm_mday", "day of month, range [1, 31]"),
        ("tm_hour", "hours, range [0, 23]"),
        ("tm_min", "minutes, range [0, 59]"),
        ("tm_sec", "seconds, range [0, 61])"),
        ("tm_wday", "day of week, range [0, 6], Monday is 0"),
        ("tm_yday", "day of year, range [1, 366]"),
        ("tm_isdst", "1 if summer time is in effect, 0 if not, and -1 if unknown"),
        ("tm_zone", "abbreviation of timezone name"),
        ("tm_gmtoff", "offset from UTC in seconds"),
    ],
)
.visible(9);

const CLOCKS: &[(&str, i64)] = &[
    ("CLOCK_BOOTTIME", 7),
    ("CLOCK_MONOTONIC", 1),
    ("CLOCK_MONOTONIC_RAW", 4),
    ("CLOCK_PROCESS_CPUTIME_ID", 2),
    ("CLOCK_REALTIME", 0),
    ("CLOCK_TAI", 11),
    ("CLOCK_THREAD_CPUTIME_ID", 3),
];

fn clock(py: Attached<'_>, id: libc::clockid_t) -> PyResult<libc::timespec> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::clock_gettime(id, &raw mut now) })?;
    Ok(now)
}

fn seconds(time: libc::timespec) -> f64 {
    (time.tv_sec as f64 * 1e9 + time.tv_nsec as f64) / 1e9
}

fn nanos(time: libc::timespec) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

macro_rules! clocks {
    ($($name:ident, $ns:ident: $id:expr;)*) => {$(
        fn $name(py: Attached<'_>, _: &Object) -> PyResult<f64> {
            clock(py, $id).map(|now| nanos(now) as f64 / 1e9)
        }
        fn $ns(py: Attached<'_>, _: &Object) -> PyResult<i64> {
            clock(py, $id).map(nanos)
        }
    )*};
}
clocks! {
    time, time_ns: libc::CLOCK_REALTIME;
    monotonic, monotonic_ns: libc::CLOCK_MONOTONIC;
    perf_counter, perf_counter_ns: libc::CLOCK_MONOTONIC;
    process_time, process_time_ns: libc::CLOCK_PROCESS_CPUTIME_ID;
    thread_time, thread_time_ns: libc::CLOCK_THREAD_CPUTIME_ID;
}

fn clock_gettime(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<f64> {
    let id = int_arg(py, id)?;
    clock(py, id).map(seconds)
}

fn clock_gettime_ns(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<i64> {
    let id = int_arg(py, id)?;
    clock(py, id).map(nanos)
}

fn resolution(py: Attached<'_>, id: libc::clockid_t) -> PyResult<f64> {
    let mut step = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::clock_getres(id, &raw mut step) })?;
    Ok(step.tv_sec as f64 + step.tv_nsec as f64 * 1e-9)
}

fn clock_getres(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<f64> {
    static SIG: Signature = Signature::worded("clock_getres", "(clk_id, /)", Words::Format);
    let [Some(id)] = SIG.bind(py, args)? else { return Err(py.bad_internal_call()) };
    resolution(py, int_arg(py, id)?)
}

fn set_clock(py: Attached<'_>, id: c_int, time: libc::timespec) -> PyResult<()> {
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::clock_settime(id, &raw const time) }).map(drop)
}

fn clock_settime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    let args = args.unpack(py, "clock_settime", 2, 2)?;
    let id = int_arg(py, args[0])?;
    let (tv_sec, tv_nsec) = split_seconds(py, args[1])?;
    set_clock(py, id, libc::timespec { tv_sec, tv_nsec })
}

fn clock_settime_ns(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    let args = args.unpack(py, "clock_settime_ns", 2, 2)?;
    let (id, total) = (int_arg(py, args[0])?, args[1].as_i64(py)?);
    set_clock(
        py,
        id,
        libc::timespec { tv_sec: total.div_euclid(1_000_000_000), tv_nsec: total.rem_euclid(1_000_000_000) },
    )
}

fn pthread_getcpuclockid(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<c_int> {
    static SIG: Signature = Signature::worded("pthread_getcpuclockid", "(thread_id, /)", Words::Format);
    let [Some(thread)] = SIG.bind(py, args)? else { return Err(py.bad_internal_call()) };
    let thread = thread.as_u64_mask(py)?;
    let mut id = 0;
    // SAFETY: the caller names a thread that runs, as the manual demands.
    match unsafe { libc::pthread_getcpuclockid(thread as libc::pthread_t, &raw mut id) } {
        0 => Ok(id),
        errno => Err(raise_os_error(py, errno)),
    }
}

fn sleep(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<()> {
    let total = seconds_arg(py, object)?;
    if total < 0 {
        return Err(raise!(py, ValueError, "sleep length must be non-negative"));
    }
    let start = i128::from(nanos(clock(py, libc::CLOCK_MONOTONIC)?));
    let end = (start + total).min(i128::from(i64::MAX));
    let until = libc::timespec { tv_sec: (end / 1_000_000_000) as i64, tv_nsec: (end % 1_000_000_000) as i64 };
    loop {
        // SAFETY: a local variable.
        let error = vm::without(py, || unsafe {
            libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut())
        });
        match error {
            0 => return Ok(()),
            libc::EINTR => vm::check_signals(py)?,
            errno => return Err(raise_os_error(py, errno)),
        }
    }
}

/// A `struct_time` of the C library's struct.
fn make(py: Attached<'_>, tm: &libc::tm) -> PyResult<Ref<Tuple>> {
    // SAFETY: the zone's name is a C string of the C library, or null.
    let zone = unsafe { c_text(py, tm.tm_zone)? };
    STRUCT_TIME.make(
        py,
        objects!(
            py; i64::from(tm.tm_year) + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
            (tm.tm_wday + 6) % 7, tm.tm_yday + 1, tm.tm_isdst, zone, tm.tm_gmtoff
        ),
    )
}

/// Seconds since the epoch: an argument, or now.
fn when(py: Attached<'_>, function: &str, args: Args<'_>) -> PyResult<i64> {
    let args = args.unpack(py, function, 0, 1)?;
    let Some(object) = given(args.first().copied()) else {
        return Ok(clock(py, libc::CLOCK_REALTIME)?.tv_sec);
    };
    if object.downcast::<Float>().is_none() && !object.has_index() {
        return Err(raise!(py, TypeError, "'{}' object cannot be interpreted as an integer", object.ty().name()));
    }
    split_seconds(py, object).map(|(seconds, _)| seconds)
}

fn broken_down(py: Attached<'_>, seconds: i64, local: bool) -> PyResult<libc::tm> {
    // SAFETY: plain data, filled by the call; zero is valid.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        let result = if local {
            libc::localtime_r(&raw const seconds, &raw mut tm)
        } else {
            libc::gmtime_r(&raw const seconds, &raw mut tm)
        };
        if result.is_null() {
            return Err(raise_os_error(py, errno()));
        }
        if !local {
            tm.tm_zone = c"UTC".as_ptr();
        }
        Ok(tm)
    }
}

fn gmtime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    let seconds = when(py, "gmtime", args)?;
    make(py, &broken_down(py, seconds, false)?)
}

fn localtime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    let seconds = when(py, "localtime", args)?;
    make(py, &broken_down(py, seconds, true)?)
}

/// The C struct of a time tuple.
fn tm_arg(py: Attached<'_>, object: &Object, function: &str) -> PyResult<(libc::tm, Option<CString>)> {
    let Some(tuple) = object.downcast::<Tuple>() else {
        return Err(raise!(py, TypeError, "Tuple or struct_time argument required"));
    };
    let items = tuple.as_slice();
    if items.len() != 9 {
        return Err(raise!(py, TypeError, "{function}(): illegal time tuple argument"));
    }
    let mut numbers = [0i32; 9];
    for (number, item) in numbers.iter_mut().zip(items) {
        *number = item.as_i32(py)?;
    }
    let [year, month, day, hour, minute, second, weekday, yearday, dst] = numbers;
    let Some(year) = year.checked_sub(1900) else { return Err(raise!(py, OverflowError, "year out of range")) };
    // SAFETY: plain data; zero is valid.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    tm.tm_year = year;
    tm.tm_mon = month.wrapping_sub(1);
    (tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec) = (day, hour, minute, second);
    tm.tm_wday = weekday.wrapping_add(1) % 7;
    tm.tm_yday = yearday.wrapping_sub(1);
    tm.tm_isdst = dst;
    let mut zone = None;
    if std::ptr::eq(object.ty(), STRUCT_TIME.ty(py)?) {
        let name = object.get_attr(py, id!(py, tm_zone))?;
        if !name.is_none() {
            zone = Some(fs_bytes(py, &name)?);
        }
        let offset = object.get_attr(py, id!(py, tm_gmtoff))?;
        if !offset.is_none() {
            tm.tm_gmtoff = offset.as_i64(py)?;
        }
    }
    if let Some(zone) = &zone {
        tm.tm_zone = zone.as_ptr();
    }
    Ok((tm, zone))
}

/// Checks the parts that text is made of; zeros stand for the first day and so on.
fn check(py: Attached<'_>, tm: &mut libc::tm) -> PyResult<()> {
    let wrong = |what: &str| Err(raise!(py, ValueError, "{what} out of range"));
    if tm.tm_mon == -1 {
        tm.tm_mon = 0;
    } else if !(0..=11).contains(&tm.tm_mon) {
        return wrong("month");
    }
    if tm.tm_mday == 0 {
        tm.tm_mday = 1;
    } else if !(0..=31).contains(&tm.tm_mday) {
        return wrong("day of month");
    }
    if !(0..=23).contains(&tm.tm_hour) {
        return wrong("hour");
    }
    if !(0..=59).contains(&tm.tm_min) {
        return wrong("minute");
    }
    if !(0..=61).contains(&tm.tm_sec) {
        return wrong("seconds");
    }
    if tm.tm_wday < 0 {
        return wrong("day of week");
    }
    if tm.tm_yday == -1 {
        tm.tm_yday = 0;
    } else if !(0..=365).contains(&tm.tm_yday) {
        return wrong("day of year");
    }
    tm.tm_isdst = tm.tm_isdst.clamp(-1, 1);
    Ok(())
}

fn clock_text(tm: &libc::tm) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    format!(
        "{} {}{:>3} {:02}:{:02}:{:02} {}",
        DAYS[tm.tm_wday.rem_euclid(7) as usize],
        MONTHS[tm.tm_mon.rem_euclid(12) as usize],
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        i64::from(tm.tm_year) + 1900
    )
}

fn asctime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<String> {
    let args = args.unpack(py, "asctime", 0, 1)?;
    match args.first() {
        None => {
            let now = clock(py, libc::CLOCK_REALTIME)?.tv_sec;
            Ok(clock_text(&broken_down(py, now, true)?))
        }
        Some(tuple) => {
            let (mut tm, _zone) = tm_arg(py, tuple, "asctime")?;
            check(py, &mut tm)?;
            Ok(clock_text(&tm))
        }
    }
}

fn ctime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<String> {
    let seconds = when(py, "ctime", args)?;
    Ok(clock_text(&broken_down(py, seconds, true)?))
}

fn mktime(py: Attached<'_>, _: &Object, tuple: &Object) -> PyResult<f64> {
    let (mut tm, _zone) = tm_arg(py, tuple, "mktime")?;
    tm.tm_wday = -1;
    // SAFETY: a local variable.
    let seconds = unsafe { libc::mktime(&raw mut tm) };
    if seconds == -1 && tm.tm_wday == -1 {
        return Err(raise!(py, OverflowError, "mktime argument out of range"));
    }
    Ok(seconds as f64)
}

unsafe extern "C" {
    fn strftime(to: *mut std::ffi::c_char, size: usize, format: *const std::ffi::c_char, tm: *const libc::tm) -> usize;
    fn tzset();
}

/// One piece of a format without NULs.
fn format_piece(py: Attached<'_>, format: &[u8], tm: &libc::tm) -> PyResult<Vec<u8>> {
    if format.is_empty() {
        return Ok(Vec::new());
    }
    let format = c_string(py, format.to_vec())?;
    let mut size = 1024;
    loop {
        let mut buffer = vec![0u8; size];
        // SAFETY: the buffer is as long as stated.
        let len = unsafe { strftime(buffer.as_mut_ptr().cast(), size, format.as_ptr(), tm) };
        if len > 0 || size >= 256 * format.as_bytes().len().max(4) {
            buffer.truncate(len);
            return Ok(buffer);
        }
        size *= 2;
    }
}

fn py_strftime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let args = args.unpack(py, "strftime", 1, 2)?;
    let Some(format) = args[0].downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "strftime() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(args[0])
        ));
    };
    let (mut tm, _zone) = match args.get(1) {
        None => {
            let now = clock(py, libc::CLOCK_REALTIME)?.tv_sec;
            (broken_down(py, now, true)?, None)
        }
        Some(tuple) => {
            let (mut tm, zone) = tm_arg(py, tuple, "strftime")?;
            check(py, &mut tm)?;
            (tm, zone)
        }
    };
    tm.tm_isdst = tm.tm_isdst.clamp(-1, 1);
    let bytes = krait_object::codecs::encode(py, format, Some("utf-8"), Some("surrogatepass"))?;
    let mut out = Vec::new();
    for (at, piece) in bytes.as_slice().split(|byte| *byte == 0).enumerate() {
        if at > 0 {
            out.push(0);
        }
        out.extend_from_slice(&format_piece(py, piece, &tm)?);
    }
    Ok(krait_object::codecs::decode(py, &out, Some("utf-8"), Some("surrogatepass"))?.upcast())
}

fn strptime(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    (hooks().import)(py, "_strptime")?.get_attr(py, id!(py, _strptime_time))?.call(py, args)
}

fn get_clock_info(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let args = args.unpack(py, "get_clock_info", 1, 1)?;
    let Some(name) = args[0].downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "get_clock_info() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(args[0])
        ));
    };
    let (implementation, clock, adjustable) = match name.as_str() {
        Some("time") => ("clock_gettime(CLOCK_REALTIME)", libc::CLOCK_REALTIME, true),
        Some("monotonic" | "perf_counter") => ("clock_gettime(CLOCK_MONOTONIC)", libc::CLOCK_MONOTONIC, false),
        Some("process_time") => ("clock_gettime(CLOCK_PROCESS_CPUTIME_ID)", libc::CLOCK_PROCESS_CPUTIME_ID, false),
        Some("thread_time") => ("clock_gettime(CLOCK_THREAD_CPUTIME_ID)", libc::CLOCK_THREAD_CPUTIME_ID, false),
        _ => return Err(raise!(py, ValueError, "unknown clock")),
    };
    let class = (hooks().import)(py, "sys")?.get_attr(py, id!(py, implementation))?;
    let class = class.ty().as_object();
    let info = class.call0(py)?;
    let step = resolution(py, clock)?;
    for (name, value) in [
        (id!(py, implementation), implementation.into_object(py)?),
        (id!(py, monotonic), (!adjustable).into_object(py)?),
        (id!(py, adjustable), adjustable.into_object(py)?),
        (id!(py, resolution), step.into_object(py)?),
    ] {
        info.set_attr(py, name, Some(&value))?;
    }
    Ok(info)
}

/// Sets the module's facts about the time zone.
fn zone_facts(py: Attached<'_>, dict: &Dict) -> PyResult<()> {
    // SAFETY: sets the C library's own variables.
    unsafe { tzset() };
    let year = 365 * 24 * 3600 + 6 * 3600;
    let now = clock(py, libc::CLOCK_REALTIME)?.tv_sec / year * year;
    let (winter, summer) = (broken_down(py, now, true)?, broken_down(py, now + year / 2, true)?);
    // SAFETY: the zones' names are C strings.
    let name = |tm: &libc::tm| unsafe { CStr::from_ptr(tm.tm_zone) }.to_string_lossy().into_owned();
    let (mut standard, mut other) = ((-winter.tm_gmtoff, name(&winter)), (-summer.tm_gmtoff, name(&summer)));
    let daylight = standard.0 != other.0;
    if standard.0 < other.0 {
        std::mem::swap(&mut standard, &mut other);
    }
    dict.set_str(py, "timezone", Int::from_i64(py, standard.0)?.as_object())?;
    dict.set_str(py, "altzone", Int::from_i64(py, other.0)?.as_object())?;
    dict.set_str(py, "daylight", Int::from_i64(py, daylight.into())?.as_object())?;
    let names = tuple(py, objects!(py; standard.1, other.1))?;
    dict.set_str(py, "tzname", names.as_object())
}

fn py_tzset(py: Attached<'_>, module: &Object) -> PyResult<()> {
    let Some(module) = module.downcast::<Module>() else { return Err(py.bad_internal_call()) };
    zone_facts(py, module.dict())
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "time" => time, "($self, /)", "Seconds since the epoch.";
            noargs "time_ns" => time_ns, "($self, /)", "Nanoseconds since the epoch.";
            noargs "monotonic" => monotonic, "($self, /)", "Seconds of a clock that never goes back.";
            noargs "monotonic_ns" => monotonic_ns, "($self, /)", "Nanoseconds of a clock that never goes back.";
            noargs "perf_counter" => perf_counter, "($self, /)", "Seconds of the finest clock.";
            noargs "perf_counter_ns" => perf_counter_ns, "($self, /)", "Nanoseconds of the finest clock.";
            noargs "process_time" => process_time, "($self, /)", "Processor time of the process.";
            noargs "process_time_ns" => process_time_ns, "($self, /)", "Processor time of the process in nanoseconds.";
            noargs "thread_time" => thread_time, "($self, /)", "Processor time of the thread.";
            noargs "thread_time_ns" => thread_time_ns, "($self, /)", "Processor time of the thread in nanoseconds.";
            o "clock_gettime" => clock_gettime, "($module, clk_id, /)", "Seconds of a clock.";
            o "clock_gettime_ns" => clock_gettime_ns, "($module, clk_id, /)", "Nanoseconds of a clock.";
            raw "clock_getres" => clock_getres, "", "The resolution of a clock.";
            raw "clock_settime" => clock_settime, "", "Sets a clock.";
            raw "clock_settime_ns" => clock_settime_ns, "", "Sets a clock, in nanoseconds.";
            raw "pthread_getcpuclockid" => pthread_getcpuclockid, "", "The clock of a thread's processor time.";
            o "sleep" => sleep, "($self, object, /)", "Waits for a number of seconds.";
            raw "gmtime" => gmtime, "", "A time in UTC.";
            raw "localtime" => localtime, "", "A time in the local zone.";
            raw "asctime" => asctime, "", "A time tuple as text.";
            raw "ctime" => ctime, "", "A time in the local zone as text.";
            o "mktime" => mktime, "($self, object, /)", "Seconds since the epoch of a local time tuple.";
            raw "strftime" => py_strftime, "", "A time as text by a format.";
            raw "strptime" => strptime, "", "A time tuple from text by a format.";
            raw "get_clock_info" => get_clock_info, "", "Facts about a clock.";
            noargs "tzset" => py_tzset, "($self, /)", "Takes the time zone from the environment again.";
        },
    )?;
    add_ints(py, module, CLOCKS)?;
    module.add(py, "_STRUCT_TM_ITEMS", Int::from_i64(py, 11)?.as_object())?;
    module.add(py, "struct_time", STRUCT_TIME.ty(py)?.as_object())?;
    zone_facts(py, module.dict())
}
