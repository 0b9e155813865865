//! Structs of `datetime.h`.

use crate::prelude::*;

/// Naive datetime: no time zone field.
#[repr(C)]
pub struct _PyDateTime_BaseDateTime {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
    pub data: [Field<u8>; 10],
}

zeroed!(_PyDateTime_BaseDateTime);

/// Naive time of day: no time zone field.
#[repr(C)]
pub struct _PyDateTime_BaseTime {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
    pub data: [Field<u8>; 6],
}

zeroed!(_PyDateTime_BaseTime);

/// Common prefix of the datetime types.
#[repr(C)]
pub struct _PyDateTime_BaseTZInfo {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
}

zeroed!(_PyDateTime_BaseTZInfo);

/// The table that the `datetime` capsule exports.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyDateTime_CAPI {
    pub DateType: *mut PyTypeObject,
    pub DateTimeType: *mut PyTypeObject,
    pub TimeType: *mut PyTypeObject,
    pub DeltaType: *mut PyTypeObject,
    pub TZInfoType: *mut PyTypeObject,
    pub TimeZone_UTC: *mut PyObject,
    pub Date_FromDate: Option<unsafe extern "C" fn(c_int, c_int, c_int, *mut PyTypeObject) -> *mut PyObject>,
    pub DateTime_FromDateAndTime: Option<
        unsafe extern "C" fn(
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            *mut PyObject,
            *mut PyTypeObject,
        ) -> *mut PyObject,
    >,
    pub Time_FromTime:
        Option<unsafe extern "C" fn(c_int, c_int, c_int, c_int, *mut PyObject, *mut PyTypeObject) -> *mut PyObject>,
    pub Delta_FromDelta: Option<unsafe extern "C" fn(c_int, c_int, c_int, c_int, *mut PyTypeObject) -> *mut PyObject>,
    pub TimeZone_FromTimeZone: Option<unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject>,
    pub DateTime_FromTimestamp:
        Option<unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject>,
    pub Date_FromTimestamp: Option<unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject>,
    pub DateTime_FromDateAndTimeAndFold: Option<
        unsafe extern "C" fn(
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            c_int,
            *mut PyObject,
            c_int,
            *mut PyTypeObject,
        ) -> *mut PyObject,
    >,
    pub Time_FromTimeAndFold: Option<
        unsafe extern "C" fn(c_int, c_int, c_int, c_int, *mut PyObject, c_int, *mut PyTypeObject) -> *mut PyObject,
    >,
}

zeroed!(PyDateTime_CAPI);

/// `date`.
#[repr(C)]
pub struct PyDateTime_Date {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
    pub data: [Field<u8>; 4],
}

zeroed!(PyDateTime_Date);

/// `datetime` with a time zone.
#[repr(C)]
pub struct PyDateTime_DateTime {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
    pub data: [Field<u8>; 10],
    pub fold: Field<u8>,
    pub tzinfo: Field<*mut PyObject>,
}

zeroed!(PyDateTime_DateTime);

/// `timedelta`.
#[repr(C)]
pub struct PyDateTime_Delta {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub days: Field<c_int>,
    pub seconds: Field<c_int>,
    pub microseconds: Field<c_int>,
}

zeroed!(PyDateTime_Delta);

/// `time` with a time zone.
#[repr(C)]
pub struct PyDateTime_Time {
    pub ob_base: PyObject,
    pub hashcode: Field<Py_hash_t>,
    pub hastzinfo: Field<c_char>,
    pub data: [Field<u8>; 6],
    pub fold: Field<u8>,
    pub tzinfo: Field<*mut PyObject>,
}

zeroed!(PyDateTime_Time);

/// `tzinfo`.
#[repr(C)]
pub struct PyDateTime_TZInfo {
    pub ob_base: PyObject,
}

zeroed!(PyDateTime_TZInfo);
