//! Scalar types of `pyport.h` and its neighbours.

use crate::prelude::*;

pub type Py_ssize_t = isize;
pub type Py_hash_t = isize;
pub type Py_uhash_t = usize;
pub type Py_intptr_t = isize;
pub type Py_uintptr_t = usize;
pub type Py_UCS1 = u8;
pub type Py_UCS2 = u16;
pub type Py_UCS4 = u32;
/// C `wchar_t` on the platforms served.
pub type wchar_t = i32;
pub type Py_UNICODE = wchar_t;
pub type PyTime_t = i64;
/// One digit of an integer, 30 bits of it used.
pub type digit = u32;
pub type sdigit = i32;
pub type twodigits = u64;
pub type stwodigits = i64;
pub type PyThread_type_lock = *mut c_void;
/// A struct sequence is laid out as a tuple.
pub type PyStructSequence = PyTupleObject;
/// What `#` lengths are parsed into.
pub type Py_ssize_clean_t = Py_ssize_t;
pub type PY_UNICODE_TYPE = wchar_t;
/// Historic print slot, now the place of `tp_vectorcall_offset`.
pub type printfunc = Py_ssize_t;
/// Old name of [`PyOSErrorObject`].
pub type PyEnvironmentErrorObject = PyOSErrorObject;
