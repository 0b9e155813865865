//! How a Python exception travels through Rust: [`Raised`] says that the thread's error indicator is set.
use crate::handle::{Attached, Layout, Ref};
use crate::{BaseException, Object, Str, Type};
use std::fmt;

/// "The thread's error indicator is set." Zero-sized, so `PyResult<Ref<T>>` is one nullable word, and the Rust
/// result and the C convention are the same machine value.
#[must_use = "an exception is set; return it or clear it"]
#[derive(Debug)]
pub struct Raised(());

impl Raised {
    /// For code that knows the indicator to be set, such as after a C call that returned its error value.
    #[inline(always)]
    pub fn assume() -> Self {
        Raised(())
    }

    /// Whether the pending exception is an instance of `ty` or a subclass.
    pub fn matches(&self, py: Attached<'_>, ty: &Type) -> bool {
        py.pending().is_some_and(|exception| exception.as_object().ty().is_subtype_of(ty))
    }

    /// Takes the exception out of the indicator.
    pub fn take(self, py: Attached<'_>) -> Ref<BaseException> {
        py.take_raised().expect("[attached]: Raised means that the indicator is set")
    }

    /// Adds a note to the exception, unless that fails.
    pub fn with_note(self, py: Attached<'_>, note: impl FnOnce() -> String) -> Raised {
        let exception = self.take(py);
        let added = Str::new(py, &note()).and_then(|note| BaseException::add_note(py, &exception, note.as_object()));
        if let Err(raised) = added {
            raised.clear(py);
        }
        py.restore(exception)
    }

    /// Drops the pending exception.
    pub fn clear(self, py: Attached<'_>) {
        drop(py.take_raised());
    }
}

pub type PyResult<T> = Result<T, Raised>;

impl<'py> Attached<'py> {
    /// The pending exception, borrowed, if the error indicator is set.
    #[inline]
    pub fn pending(self) -> Option<&'py BaseException> {
        // SAFETY: the indicator owns its exception; only this thread replaces it.
        unsafe { self.tstate().current_exception.get().cast::<BaseException>().as_ref() }
    }

    /// Takes the pending exception out of the indicator.
    #[inline]
    pub fn take_raised(self) -> Option<Ref<BaseException>> {
        let raw = self.tstate().current_exception.get();
        self.tstate().current_exception.set(std::ptr::null_mut());
        // SAFETY: the indicator owned it.
        unsafe { Ref::from_raw_opt(raw) }
    }

    /// Sets the indicator to `exception` as it is: no context is added. Replaces a pending one.
    pub fn restore(self, exception: Ref<BaseException>) -> Raised {
        drop(self.take_raised());
        self.tstate().current_exception.set(exception.into_raw());
        Raised(())
    }

    /// Raises an exception of class `ty` with one `str` argument, chained to the exception being handled.
    #[cold]
    pub fn raise(self, ty: &Type, message: impl fmt::Display) -> Raised {
        crate::builtins::exceptions::raise_message(self, ty, &message.to_string())
    }

    /// Raises `ty(value)` (or `value` itself if it is an instance of `ty`), chained as [`Attached::raise`] does.
    #[cold]
    pub fn raise_value(self, ty: &Type, value: &Object) -> Raised {
        crate::builtins::exceptions::raise_value(self, ty, value)
    }

    /// Raises `SystemError` for a bad argument to an internal or C API function.
    #[cold]
    pub fn bad_internal_call(self) -> Raised {
        self.raise(exc::SystemError(), "bad argument to internal function")
    }

    /// Raises `MemoryError` without allocating.
    #[cold]
    pub fn no_memory(self) -> Raised {
        crate::builtins::exceptions::raise_no_memory(self)
    }
}

/// Builds a [`Raised`] from an exception name in [`exc`] and a format string:
/// `return Err(raise!(py, TypeError, "expected {}, got '{}'", what, ty.name()))`.
#[macro_export]
macro_rules! raise {
    ($py:expr, $kind:ident, $($message:tt)+) => {
        $py.raise($crate::error::exc::$kind(), ::std::format_args!($($message)+))
    };
}

/// The builtin exception classes by their Python names.
pub mod exc {
    pub use crate::builtins::exceptions::classes::*;
}
