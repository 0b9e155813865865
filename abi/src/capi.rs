//! Vocabulary of exported functions: ownership is in the signature, the error value in the return type.
//!
//! | parameter | C argument |
//! |---|---|
//! | `&Object`, `&List` ... | borrowed object of that type; NULL or another type raises `SystemError` |
//! | `Option<&Object>` | borrowed object or NULL |
//! | [`Stolen`] | consumed, on error too |
//! | `&CStr` | C string; NULL raises `SystemError` |
//! | [`Text`] | UTF-8 C string |
//! | [`Out`] | place for a new reference; NULL is stored there first |
//! | numbers, raw pointers | as they are |
use krait_layout::PyObject;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic;

/// Argument whose reference the callee consumes, on error too: dropping it is the decref.
pub type Stolen = Option<Ref<Object>>;

/// A C argument as the body of a function sees it.
pub trait CArg: Sized {
    type C;
    /// # Safety
    /// `raw` is what C passed, and lives as long as the call.
    unsafe fn from_c(py: Attached<'_>, raw: Self::C) -> PyResult<Self>;

    /// What happens to the argument before any argument is checked.
    ///
    /// # Safety
    /// As for [`CArg::from_c`].
    #[inline(always)]
    unsafe fn prepare(_raw: &Self::C) {}
}

/// Where a function stores a new reference, or NULL on error, whatever the error is.
#[derive(Clone, Copy)]
pub struct Out(pub *mut *mut PyObject);

impl Out {
    /// Stores the result, unless the caller wants none; whether there is one.
    ///
    /// # Safety
    /// The place is NULL or writable.
    pub unsafe fn set<T: Layout>(self, value: Option<Ref<T>>) -> bool {
        let found = value.is_some();
        if !self.0.is_null() {
            // SAFETY: by the contract.
            unsafe { put(self.0, value) }
        }
        found
    }
}

impl CArg for Out {
    type C = *mut *mut PyObject;
    #[inline(always)]
    unsafe fn from_c(_: Attached<'_>, raw: Self::C) -> PyResult<Self> {
        Ok(Out(raw))
    }
    #[inline(always)]
    unsafe fn prepare(raw: &Self::C) {
        if !raw.is_null() {
            // SAFETY: the C contract: writable.
            unsafe { **raw = std::ptr::null_mut() };
        }
    }
}

impl<'a, T: Layout> CArg for &'a T {
    type C = *mut PyObject;
    #[inline(always)]
    unsafe fn from_c(py: Attached<'_>, raw: *mut PyObject) -> PyResult<&'a T> {
        // SAFETY: the C contract keeps a non-NULL argument alive during the call.
        match unsafe { raw.cast::<Object>().as_ref() } {
            Some(object) => object.downcast::<T>().ok_or_else(|| py.bad_internal_call()),
            None => Err(null_argument(py)),
        }
    }
}

/// NULL in place of an object: the error that led to it, or `SystemError`.
#[cold]
pub fn null_argument(py: Attached<'_>) -> krait_object::Raised {
    match py.pending() {
        Some(_) => krait_object::Raised::assume(),
        None => py.raise(krait_object::exc::SystemError(), "null argument to internal routine"),
    }
}

impl<T: Layout> CArg for Option<&T> {
    type C = *mut PyObject;
    #[inline(always)]
    unsafe fn from_c(py: Attached<'_>, raw: *mut PyObject) -> PyResult<Self> {
        if raw.is_null() {
            return Ok(None);
        }
        // SAFETY: by the contract.
        unsafe { <&T>::from_c(py, raw) }.map(Some)
    }
}

impl CArg for Stolen {
    type C = Stolen;
    #[inline(always)]
    unsafe fn from_c(_: Attached<'_>, raw: Stolen) -> PyResult<Self> {
        Ok(raw)
    }
}

impl CArg for &CStr {
    type C = *const c_char;
    unsafe fn from_c(py: Attached<'_>, raw: *const c_char) -> PyResult<Self> {
        if raw.is_null() {
            return Err(py.bad_internal_call());
        }
        // SAFETY: the C contract.
        Ok(unsafe { CStr::from_ptr(raw) })
    }
}

/// A UTF-8 C string. Bad UTF-8 raises `UnicodeDecodeError`.
pub struct Text<'a>(pub &'a str);

impl<'a> CArg for Text<'a> {
    type C = *const c_char;
    unsafe fn from_c(py: Attached<'_>, raw: *const c_char) -> PyResult<Self> {
        // SAFETY: by the contract.
        let text: &'a CStr = unsafe { CArg::from_c(py, raw)? };
        utf8(py, text.to_bytes()).map(Text)
    }
}

impl Text<'_> {
    pub fn obj(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        Str::new(py, self.0)
    }
}

/// Bytes that should be UTF-8.
pub fn utf8<'a>(py: Attached<'_>, bytes: &'a [u8]) -> PyResult<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => match krait_object::codecs::decode_utf8(py, bytes, None, true) {
            Err(raised) => Err(raised),
            Ok(_) => Err(py.bad_internal_call()),
        },
    }
}

/// An optional C string as `&str`.
///
/// # Safety
/// `raw` is NULL or a C string that lives long enough.
pub unsafe fn opt_text<'a>(raw: *const c_char) -> Option<&'a str> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    unsafe { CStr::from_ptr(raw) }.to_str().ok()
}

macro_rules! plain_args {
    ($($ty:ty),*) => {$(
        impl CArg for $ty {
            type C = $ty;
            #[inline(always)]
            unsafe fn from_c(_: Attached<'_>, raw: $ty) -> PyResult<Self> {
                Ok(raw)
            }
        }
    )*};
}
plain_args!(i32, u32, i64, u64, isize, usize, f64, u8, c_char);

impl<T> CArg for *mut T {
    type C = *mut T;
    #[inline(always)]
    unsafe fn from_c(_: Attached<'_>, raw: *mut T) -> PyResult<Self> {
        Ok(raw)
    }
}
impl<T> CArg for *const T {
    type C = *const T;
    #[inline(always)]
    unsafe fn from_c(_: Attached<'_>, raw: *const T) -> PyResult<Self> {
        Ok(raw)
    }
}

/// A result type with its C representation and error value.
pub trait CResult {
    type C;
    fn error() -> Self::C;
    fn into_c(self) -> Self::C;
}

impl CResult for () {
    type C = c_int;
    fn error() -> c_int {
        -1
    }
    #[inline(always)]
    fn into_c(self) -> c_int {
        0
    }
}
impl CResult for bool {
    type C = c_int;
    fn error() -> c_int {
        -1
    }
    #[inline(always)]
    fn into_c(self) -> c_int {
        c_int::from(self)
    }
}
impl<T: Layout> CResult for Ref<T> {
    type C = *mut PyObject;
    fn error() -> *mut PyObject {
        std::ptr::null_mut()
    }
    #[inline(always)]
    fn into_c(self) -> *mut PyObject {
        self.into_raw()
    }
}
impl<T: Layout> CResult for Option<Ref<T>> {
    type C = *mut PyObject;
    fn error() -> *mut PyObject {
        std::ptr::null_mut()
    }
    #[inline(always)]
    fn into_c(self) -> *mut PyObject {
        self.map_or(std::ptr::null_mut(), Ref::into_raw)
    }
}

/// A borrowed result: what holds the object is known to the caller.
pub struct Lent(pub *mut PyObject);

impl Lent {
    /// Borrows what somebody else keeps alive.
    pub fn of<T: Layout>(object: Ref<T>) -> Lent {
        Lent(object.as_ptr())
    }
}

impl CResult for Lent {
    type C = *mut PyObject;
    fn error() -> *mut PyObject {
        std::ptr::null_mut()
    }
    #[inline(always)]
    fn into_c(self) -> *mut PyObject {
        self.0
    }
}

/// A function without a result; an error is reported as unraisable.
pub struct Void;

impl CResult for Void {
    type C = ();
    fn error() {
        if let Some(py) = Attached::try_from_tls() {
            (krait_object::hooks::hooks().unraisable)(py, None, None);
        }
    }
    fn into_c(self) {}
}

/// 1, or 0 with the error set: converters and argument parsers.
pub struct Truth(pub c_int);

impl CResult for Truth {
    type C = c_int;
    fn error() -> c_int {
        0
    }
    fn into_c(self) -> c_int {
        self.0
    }
}

macro_rules! number_results {
    ($($ty:ty = $error:expr),*) => {$(
        impl CResult for $ty {
            type C = $ty;
            fn error() -> $ty {
                $error
            }
            #[inline(always)]
            fn into_c(self) -> $ty {
                self
            }
        }
    )*};
}
number_results!(i32 = -1, u32 = u32::MAX, i64 = -1, u64 = u64::MAX, isize = -1, usize = usize::MAX, f64 = -1.0);

impl<T> CResult for *mut T {
    type C = *mut T;
    fn error() -> *mut T {
        std::ptr::null_mut()
    }
    fn into_c(self) -> *mut T {
        self
    }
}
impl<T> CResult for *const T {
    type C = *const T;
    fn error() -> *const T {
        std::ptr::null()
    }
    fn into_c(self) -> *const T {
        self
    }
}

/// Runs a body; a Rust panic ends the process as a fatal error.
#[inline]
pub fn guard<R: CResult>(name: &'static str, body: impl FnOnce() -> PyResult<R>) -> R::C {
    match panic::catch_unwind(panic::AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value.into_c(),
        Ok(Err(_raised)) => R::error(),
        Err(_) => panicked(name),
    }
}

#[cold]
fn panicked(name: &'static str) -> ! {
    krait_vm::fatal(&format!("{name}: internal error"))
}

/// Stores a new reference (or NULL) through an out pointer.
///
/// # Safety
/// `out` is writable.
pub unsafe fn put<T: Layout>(out: *mut *mut PyObject, value: Option<Ref<T>>) {
    // SAFETY: by the contract.
    unsafe { *out = value.map_or(std::ptr::null_mut(), Ref::into_raw) };
}

/// Bytes behind a pointer and a length.
///
/// # Safety
/// There are that many; a null pointer goes with any length.
pub unsafe fn bytes<'a>(data: *const c_void, len: isize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: by the contract. The place counts even when there are no bytes: a NUL may follow.
    unsafe { std::slice::from_raw_parts(data.cast(), len.max(0) as usize) }
}

/// Exported functions that need an attached thread. Bodies may rely on what C promises about its arguments.
#[macro_export]
macro_rules! capi {
    ($($(#[$meta:meta])* fn $name:ident($py:ident $(, $arg:ident : $ty:ty)* $(,)?) -> $ret:ty $body:block)*) => {$(
        $(#[$meta])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: <$ty as $crate::capi::CArg>::C),*) -> <$ret as $crate::capi::CResult>::C {
            #[allow(unused_variables)]
            // SAFETY: the C API demands an attached thread.
            let $py = unsafe { krait_object::Attached::from_tls() };
            $crate::capi::guard::<$ret>(stringify!($name), move || {
                #[allow(unused_unsafe, unused_variables)]
                // SAFETY: the contract of the C function.
                unsafe {
                    $(<$ty as $crate::capi::CArg>::prepare(&$arg);)*
                    $(let $arg: $ty = $crate::capi::CArg::from_c($py, $arg)?;)*
                    $body
                }
            })
        }
    )*};
}

/// Exported functions in C's own terms, for those that need no attached thread or give no error.
#[macro_export]
macro_rules! capi_raw {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $ty),*) $(-> $ret)? {
            #[allow(unused_unsafe)]
            // SAFETY: the contract of the C function.
            unsafe { $body }
        }
    )*};
}
