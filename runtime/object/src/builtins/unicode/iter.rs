//! Iterators over strings: `str_ascii_iterator` and `str_iterator`.
use super::Str;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::{FREE_THREADED, IntoObject, Object, PyResult, Tuple, mem, pytype};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Place and string. In `gil` mode the string is let go at the end; in `nogil` other threads may be reading it.
#[repr(C)]
pub struct StrIterObject {
    ob_base: PyObject,
    index: Field<isize>,
    seq: Slot<Str>,
}

/// Iterator over any string.
#[repr(transparent)]
pub struct StrIter(StrIterObject);

/// Iterator over an ASCII string.
#[repr(transparent)]
pub struct StrAsciiIter(StrIterObject);

macro_rules! iterator {
    ($symbol:ident : $name:literal for $ty:ident) => {
        pytype! {
            #[unsafe(no_mangle)]
            pub static $symbol: $name for $ty {
                base: Object,
                flags: [HAVE_GC],
                slots: {
                    tp_dealloc = $ty::dealloc,
                    tp_traverse = $ty::traverse,
                    tp_iter = $ty::py_iter,
                    tp_iternext = $ty::next,
                },
                methods: {
                    noargs "__length_hint__" => $ty::length_hint, "($self, /)", "Number of characters still to come.";
                    noargs "__reduce__" => $ty::reduce, "($self, /)", "What pickle needs to make the iterator again.";
                    o "__setstate__" => $ty::set_state, "($self, object, /)", "Moves to the place that __reduce__ recorded.";
                },
            }
        }

        impl $ty {
            fn new(py: Attached<'_>, text: &Str) -> PyResult<Ref<Object>> {
                let text = text.to_ref();
                let new = mem::new_instance::<$ty>(py, $ty::type_object(), |this| {
                    this.0.seq.replace(Some(text));
                })?;
                Ok(new.upcast())
            }

            /// # Safety
            /// As a `tp_dealloc`.
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<$ty>) {
                // SAFETY: by the contract.
                unsafe { mem::dealloc_with(py, this, |this| drop(this.0.seq.take())) };
            }

            fn traverse(this: &$ty, visit: Visit<'_>) -> Result<(), c_int> {
                visit.slot(&this.0.seq)
            }

            fn py_iter<'a>(_: Attached<'_>, this: &'a $ty) -> &'a $ty {
                this
            }

            /// The next character.
            #[inline]
            pub fn next(py: Attached<'_>, this: &$ty) -> PyResult<Option<Ref<Str>>> {
                this.0.next(py)
            }

            fn length_hint(_: Attached<'_>, this: &$ty) -> usize {
                this.0.remaining()
            }

            fn reduce(py: Attached<'_>, this: &$ty) -> PyResult<Ref<Tuple>> {
                this.0.reduce(py)
            }

            fn set_state(py: Attached<'_>, this: &$ty, state: &Object) -> PyResult<()> {
                let index = crate::builtins::textargs::state_index(py, state)?;
                if let Some(text) = this.0.seq.get().filter(|_| this.0.index.get() != ENDED) {
                    this.0.index.set(index.clamp(0, text.len() as isize));
                }
                Ok(())
            }
        }
    };
}
iterator!(PyUnicodeIter_Type: "str_iterator" for StrIter);
iterator!(_PyUnicodeASCIIIter_Type: "str_ascii_iterator" for StrAsciiIter);

/// The index of an iterator that came to its end.
const ENDED: isize = isize::MAX;

impl StrIterObject {
    #[inline]
    fn next(&self, py: Attached<'_>) -> PyResult<Option<Ref<Str>>> {
        // SAFETY: [frozen] in `nogil`, where the slot is never changed before the end; [attached] in `gil`.
        let Some(text) = (unsafe { self.seq.borrow() }) else { return Ok(None) };
        let index = self.index.get();
        if index as usize >= text.len() {
            self.index.set(ENDED);
            if !FREE_THREADED {
                drop(self.seq.take());
            }
            return Ok(None);
        }
        self.index.set(index + 1);
        Str::from_char(py, text.char_at(index as usize)).map(Some)
    }

    fn remaining(&self) -> usize {
        self.seq.get().map_or(0, |text| text.len().saturating_sub(self.index.get() as usize))
    }

    fn reduce(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        let live = || Some((self.seq.get().filter(|_| self.index.get() != ENDED)?.upcast(), self.index.get()));
        reduce_iterator(py, live, || Ok(Str::empty().upcast()))
    }
}

/// `(iter, (sequence,), index)`, or `(iter, (empty,))` of an exhausted iterator. The state is read last, because
/// finding `iter` may run Python code.
pub(crate) fn reduce_iterator(
    py: Attached<'_>,
    live: impl FnOnce() -> Option<(Ref<Object>, isize)>,
    empty: impl FnOnce() -> PyResult<Ref<Object>>,
) -> PyResult<Ref<Tuple>> {
    let iter = crate::hooks::hooks().import;
    let iter = iter(py, "builtins")?.get_attr(py, crate::id!(py, "iter"))?;
    match live() {
        Some((sequence, index)) => {
            let (args, index) = (Tuple::from_slice(py, &[&sequence])?, index.into_object(py)?);
            Tuple::from_slice(py, &[&iter, args.as_object(), &index])
        }
        None => {
            let args = Tuple::from_slice(py, &[&*empty()?])?;
            Tuple::from_slice(py, &[&iter, args.as_object()])
        }
    }
}

impl Str {
    pub(super) fn py_iter(py: Attached<'_>, this: &Str) -> PyResult<Ref<Object>> {
        if this.is_ascii() { StrAsciiIter::new(py, this) } else { StrIter::new(py, this) }
    }
}
