//! The functions that C code gets through the capsule `datetime.datetime_CAPI`.
use super::date::{Date, check_date};
use super::delta::Delta;
use super::instant::DateTime;
use super::time::{Time, check_clock};
use super::zone::{TimeZone, TzInfo, zone_arg};
use krait_object::args::ArgsBuf;
use krait_object::builtins::capsule::Capsule;
use krait_object::layout::{PyDateTime_CAPI, PyObject, PyTypeObject};
use krait_object::native::type_name;
use krait_object::typedef::{arg, arg_opt, ret_object};
use krait_object::{Attached, Dict, IntoObject, Layout, Object, PyResult, Ref, Str, Tuple, Type, raise};
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A borrowed class.
///
/// # Safety
/// [slot-contract]: the pointer is a live type.
unsafe fn class<'a>(raw: *mut PyTypeObject) -> &'a Type {
    // SAFETY: by the contract.
    unsafe { Type::from_type_ptr(raw) }
}

unsafe extern "C" fn new_date(year: c_int, month: c_int, day: c_int, ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty) = unsafe { (Attached::from_tls(), class(ty)) };
    let make = || Date::make(py, ty, check_date(py, year, month, day)?);
    ret_object(py, make())
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn new_datetime_fold(
    year: c_int,
    month: c_int,
    day: c_int,
    hour: c_int,
    minute: c_int,
    second: c_int,
    micros: c_int,
    zone: *mut PyObject,
    fold: c_int,
    ty: *mut PyTypeObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty, zone) = unsafe { (Attached::from_tls(), class(ty), arg_opt::<Object>(zone)) };
    let make = || {
        let (ymd, clock) = (check_date(py, year, month, day)?, [hour, minute, second, micros]);
        check_clock(py, clock, fold)?;
        DateTime::make(py, ty, (ymd, clock), zone_arg(py, zone)?, fold as u8)
    };
    ret_object(py, make())
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn new_datetime(
    year: c_int,
    month: c_int,
    day: c_int,
    hour: c_int,
    minute: c_int,
    second: c_int,
    micros: c_int,
    zone: *mut PyObject,
    ty: *mut PyTypeObject,
) -> *mut PyObject {
    // SAFETY: the caller's own contract.
    unsafe { new_datetime_fold(year, month, day, hour, minute, second, micros, zone, 0, ty) }
}

unsafe extern "C" fn new_time_fold(
    hour: c_int,
    minute: c_int,
    second: c_int,
    micros: c_int,
    zone: *mut PyObject,
    fold: c_int,
    ty: *mut PyTypeObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty, zone) = unsafe { (Attached::from_tls(), class(ty), arg_opt::<Object>(zone)) };
    let make = || {
        let clock = [hour, minute, second, micros];
        check_clock(py, clock, fold)?;
        Time::make(py, ty, clock, zone_arg(py, zone)?, fold as u8)
    };
    ret_object(py, make())
}

unsafe extern "C" fn new_time(
    hour: c_int,
    minute: c_int,
    second: c_int,
    micros: c_int,
    zone: *mut PyObject,
    ty: *mut PyTypeObject,
) -> *mut PyObject {
    // SAFETY: the caller's own contract.
    unsafe { new_time_fold(hour, minute, second, micros, zone, 0, ty) }
}

unsafe extern "C" fn new_delta(
    days: c_int,
    seconds: c_int,
    micros: c_int,
    _normalize: c_int,
    ty: *mut PyTypeObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty) = unsafe { (Attached::from_tls(), class(ty)) };
    let total = i128::from(days) * super::calendar::DAY_US + i128::from(seconds) * 1_000_000 + i128::from(micros);
    ret_object(py, Delta::make(py, ty, total))
}

unsafe extern "C" fn new_timezone(offset: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, offset, name) = unsafe { (Attached::from_tls(), arg::<Object>(offset), arg_opt::<Object>(name)) };
    let make = || -> PyResult<Ref<Object>> {
        let Some(offset) = offset.downcast::<Delta>() else {
            return Err(raise!(py, TypeError, "offset must be a timedelta, not {}", type_name(offset)));
        };
        let name = match name.map(|name| (name, name.downcast::<Str>())) {
            None => None,
            Some((_, Some(name))) => Some(name),
            Some((name, None)) => {
                return Err(raise!(py, TypeError, "name must be a string, not {}", type_name(name)));
            }
        };
        TimeZone::of(py, offset, name)
    };
    ret_object(py, make())
}

/// Calls a class method with a tuple and a dict.
///
/// # Safety
/// [slot-contract]: a live class and tuple, and a dict or null.
unsafe fn call_class(
    name: &'static str,
    ty: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: by the contract.
    let (py, ty, args, kwargs) =
        unsafe { (Attached::from_tls(), arg::<Object>(ty), arg::<Tuple>(args), arg_opt::<Dict>(kwargs)) };
    let call = || {
        let method = ty.get_attr(py, Str::intern_static(py, name))?;
        method.call(py, ArgsBuf::new(py, args, kwargs).args())
    };
    ret_object(py, call())
}

unsafe extern "C" fn datetime_fromtimestamp(
    ty: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller's own contract.
    unsafe { call_class("fromtimestamp", ty, args, kwargs) }
}

unsafe extern "C" fn date_fromtimestamp(ty: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's own contract.
    unsafe { call_class("fromtimestamp", ty, args, ptr::null_mut()) }
}

/// The table of all interpreters, or null until it is first asked for.
static TABLE: AtomicPtr<PyDateTime_CAPI> = AtomicPtr::new(ptr::null_mut());

/// The capsule, with a table that lives for ever.
pub fn capsule(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let made = TABLE.load(Ordering::Acquire);
    let table = if made.is_null() { table(py)? } else { made };
    Capsule::new(py, table.cast(), c"datetime.datetime_CAPI".as_ptr(), None)?.into_object(py)
}

/// Makes the table, unless another thread was quicker.
fn table(py: Attached<'_>) -> PyResult<*mut PyDateTime_CAPI> {
    let table = Box::new(PyDateTime_CAPI {
        DateType: Date::type_object().as_type_ptr(),
        DateTimeType: DateTime::type_object().as_type_ptr(),
        TimeType: Time::type_object().as_type_ptr(),
        DeltaType: Delta::type_object().as_type_ptr(),
        TZInfoType: TzInfo::type_object().as_type_ptr(),
        TimeZone_UTC: super::utc(py)?.into_raw(),
        Date_FromDate: Some(new_date),
        DateTime_FromDateAndTime: Some(new_datetime),
        Time_FromTime: Some(new_time),
        Delta_FromDelta: Some(new_delta),
        TimeZone_FromTimeZone: Some(new_timezone),
        DateTime_FromTimestamp: Some(datetime_fromtimestamp),
        Date_FromTimestamp: Some(date_fromtimestamp),
        DateTime_FromDateAndTimeAndFold: Some(new_datetime_fold),
        Time_FromTimeAndFold: Some(new_time_fold),
    });
    let table = Box::into_raw(table);
    match TABLE.compare_exchange(ptr::null_mut(), table, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(table),
        Err(other) => Ok(other),
    }
}
