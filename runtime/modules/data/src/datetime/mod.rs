//! `_datetime`: dates, times, their differences and zones.
//!
//! The objects never change, so threads share them freely; only a computed hash is stored, the same by everybody.
pub mod calendar;
mod capi;
mod date;
pub(crate) mod delta;
mod format;
pub(crate) mod instant;
mod iso;
mod isocalendar;
mod stamp;
mod time;
pub(crate) mod zone;

use calendar::{DAY_US, MAX_YEAR, MIN_YEAR};
use date::Date;
use delta::Delta;
use instant::DateTime;
use krait_object::native::ready;
use krait_object::{Attached, Int, Layout, Module, Object, PyResult, Ref, Type, raise};
pub(crate) use stamp::EPOCH;
use time::Time;
use zone::{TimeZone, TzInfo};

/// A number that fits everywhere.
fn compact(value: i64) -> i64 {
    value
}

/// `timezone.utc`.
fn utc(py: Attached<'_>) -> PyResult<Ref<Object>> {
    match TimeZone::type_object().dict().and_then(|dict| dict.get_str(py, "utc")) {
        Some(utc) => Ok(utc),
        None => Err(raise!(py, RuntimeError, "datetime is not initialised")),
    }
}

/// Sets attributes of a class that it does not have yet.
fn set_class(py: Attached<'_>, ty: &Type, values: Vec<(&str, Ref<Object>)>) -> PyResult<()> {
    let Some(dict) = ty.dict() else { return Ok(()) };
    for (name, value) in values {
        if dict.get_str(py, name).is_none() {
            dict.set_str(py, name, &value)?;
        }
    }
    ty.modified(py);
    Ok(())
}

/// Class attributes: the bounds and steps.
fn constants(py: Attached<'_>) -> PyResult<()> {
    let delta = |micros: i128| -> PyResult<Ref<Object>> { Ok(Delta::from_micros(py, micros)?.upcast()) };
    let (first, last) = ((MIN_YEAR, 1, 1), (MAX_YEAR, 12, 31));
    let end = [23, 59, 59, 999_999];
    let day = DAY_US;
    set_class(
        py,
        Delta::type_object(),
        vec![("resolution", delta(1)?), ("min", delta(-999_999_999 * day)?), ("max", delta(1_000_000_000 * day - 1)?)],
    )?;
    let ty = Date::type_object();
    set_class(
        py,
        ty,
        vec![
            ("min", Date::make(py, ty, first)?.upcast()),
            ("max", Date::make(py, ty, last)?.upcast()),
            ("resolution", delta(day)?),
        ],
    )?;
    let ty = Time::type_object();
    set_class(
        py,
        ty,
        vec![
            ("min", Time::make(py, ty, [0; 4], None, 0)?.upcast()),
            ("max", Time::make(py, ty, end, None, 0)?.upcast()),
            ("resolution", delta(1)?),
        ],
    )?;
    let ty = DateTime::type_object();
    set_class(
        py,
        ty,
        vec![
            ("min", DateTime::make(py, ty, (first, [0; 4]), None, 0)?.upcast()),
            ("max", DateTime::make(py, ty, (last, end), None, 0)?.upcast()),
            ("resolution", delta(1)?),
        ],
    )?;
    let zone = |micros: i128| -> PyResult<Ref<Object>> {
        Ok(TimeZone::make(py, Delta::from_micros(py, micros)?, None)?.upcast())
    };
    let limit = day - 60_000_000;
    set_class(py, TimeZone::type_object(), vec![("utc", zone(0)?), ("min", zone(-limit)?), ("max", zone(limit)?)])
}

/// Fills `_datetime`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<isocalendar::IsoCalendarDate>(py)?;
    let types = [
        ("date", ready::<Date>(py)?),
        ("datetime", ready::<DateTime>(py)?),
        ("time", ready::<Time>(py)?),
        ("timedelta", ready::<Delta>(py)?),
        ("tzinfo", ready::<TzInfo>(py)?),
        ("timezone", ready::<TimeZone>(py)?),
    ];
    constants(py)?;
    for (name, ty) in types {
        module.add(py, name, ty.as_object())?;
    }
    module.add(py, "datetime_CAPI", &*capi::capsule(py)?)?;
    module.add(py, "MINYEAR", Int::from_i64(py, MIN_YEAR.into())?.as_object())?;
    module.add(py, "MAXYEAR", Int::from_i64(py, MAX_YEAR.into())?.as_object())?;
    module.add(py, "UTC", &*utc(py)?)
}
