//! Interned identifiers.
//!
//! Interned strings are immortal and shared by all interpreters of the process, so a call site can cache the pointer.

/// The interned `str` of an identifier or literal, as `&'static Str`: `id!(py, __name__)`, `id!(py, "<lambda>")`.
/// The first use interns it; later uses are one load.
#[macro_export]
macro_rules! id {
    ($py:expr, $name:ident) => {
        $crate::id!($py, stringify!($name))
    };
    ($py:expr, $name:expr) => {{
        static CELL: $crate::names::Interned = $crate::names::Interned::new($name);
        CELL.get($py)
    }};
}

use crate::Str;
use crate::handle::Attached;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A lazily interned literal.
pub struct Interned {
    text: &'static str,
    cached: AtomicPtr<Str>,
}

impl Interned {
    pub const fn new(text: &'static str) -> Self {
        Interned { text, cached: AtomicPtr::new(std::ptr::null_mut()) }
    }

    #[inline(always)]
    pub fn get(&self, py: Attached<'_>) -> &'static Str {
        // SAFETY: [immortal]: interned strings are never freed; null is checked.
        match unsafe { self.cached.load(Ordering::Acquire).as_ref() } {
            Some(text) => text,
            None => self.fill(py),
        }
    }

    #[cold]
    fn fill(&self, py: Attached<'_>) -> &'static Str {
        let text = Str::intern_static(py, self.text);
        self.cached.store(std::ptr::from_ref(text).cast_mut(), Ordering::Release);
        text
    }
}
