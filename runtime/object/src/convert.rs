//! Conversion of Rust results into Python objects, so that slot and method functions return natural types.
use crate::handle::{Attached, Layout, Ref};
use crate::{Bool, Float, Int, Object, PyResult, Str};

/// A Rust value that becomes one new reference.
pub trait IntoObject {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>>;
}

impl<T: Layout> IntoObject for Ref<T> {
    #[inline(always)]
    fn into_object(self, _: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(self.upcast())
    }
}
impl<T: Layout> IntoObject for &T {
    #[inline(always)]
    fn into_object(self, _: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(self.to_ref().upcast())
    }
}
impl<T: IntoObject> IntoObject for Option<T> {
    #[inline]
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        match self {
            Some(value) => value.into_object(py),
            None => Ok(crate::none()),
        }
    }
}
impl<T: IntoObject> IntoObject for PyResult<T> {
    #[inline(always)]
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self?.into_object(py)
    }
}
impl IntoObject for () {
    #[inline(always)]
    fn into_object(self, _: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(crate::none())
    }
}
impl IntoObject for bool {
    #[inline(always)]
    fn into_object(self, _: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(Bool::of(self).to_ref().upcast())
    }
}
macro_rules! int_into_object {
    ($($ty:ty),*) => {$(
        impl IntoObject for $ty {
            #[inline]
            fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
                Ok(Int::from_i64(py, self as i64)?.upcast())
            }
        }
    )*};
}
int_into_object!(i8, u8, i16, u16, i32, u32, i64, isize);
impl IntoObject for u64 {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(Int::from_u64(py, self)?.upcast())
    }
}
impl IntoObject for usize {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        (self as u64).into_object(py)
    }
}
impl IntoObject for f64 {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(Float::new(py, self)?.upcast())
    }
}
impl IntoObject for &str {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(Str::new(py, self)?.upcast())
    }
}
/// Text from the system: as file names, what cannot be decoded becomes lone surrogates.
impl IntoObject for &std::ffi::OsStr {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        Ok(Str::from_fs_bytes(py, std::os::unix::ffi::OsStrExt::as_bytes(self))?.upcast())
    }
}
impl IntoObject for String {
    fn into_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.as_str().into_object(py)
    }
}
