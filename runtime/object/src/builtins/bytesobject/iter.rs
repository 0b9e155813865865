//! `bytes_iterator` and `bytearray_iterator`.
use crate::builtins::unicode::reduce_iterator;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::{ByteArray, Bytes, FREE_THREADED, Int, Object, PyResult, Tuple, mem, pytype};
use std::ptr::NonNull;

/// Place and sequence. In `gil` mode the sequence is let go at the end; in `nogil` other threads may be reading it.
#[repr(C)]
pub struct IterObject<T: Layout> {
    ob_base: PyObject,
    index: Field<isize>,
    seq: Slot<T>,
}

/// Iterator over bytes.
#[repr(transparent)]
pub struct BytesIter(IterObject<Bytes>);

/// Iterator over a bytearray.
#[repr(transparent)]
pub struct ByteArrayIter(IterObject<ByteArray>);

/// What the iterators need of their sequence.
pub(super) trait ByteSource: Layout {
    fn byte(&self, py: Attached<'_>, at: usize) -> Option<u8>;
    fn length(&self) -> usize;
}

impl ByteSource for Bytes {
    #[inline]
    fn byte(&self, _: Attached<'_>, at: usize) -> Option<u8> {
        self.as_slice().get(at).copied()
    }
    fn length(&self) -> usize {
        self.len()
    }
}

impl ByteSource for ByteArray {
    fn byte(&self, py: Attached<'_>, at: usize) -> Option<u8> {
        self.lock(py).as_slice().get(at).copied()
    }
    fn length(&self) -> usize {
        self.len()
    }
}

/// The index of an iterator that came to its end.
const ENDED: isize = isize::MAX;

impl<T: ByteSource> IterObject<T> {
    #[inline]
    fn next(&self, py: Attached<'_>) -> PyResult<Option<Ref<Int>>> {
        // SAFETY: [frozen] in `nogil`, where the slot is never changed before the end; [attached] in `gil`.
        let Some(seq) = (unsafe { self.seq.borrow() }) else { return Ok(None) };
        let index = self.index.get();
        match seq.byte(py, index as usize) {
            Some(byte) => {
                self.index.set(index + 1);
                Int::from_i64(py, byte.into()).map(Some)
            }
            None => {
                self.index.set(ENDED);
                if !FREE_THREADED {
                    drop(self.seq.take());
                }
                Ok(None)
            }
        }
    }

    fn live(&self) -> Option<Ref<T>> {
        self.seq.get().filter(|_| self.index.get() != ENDED)
    }
}

macro_rules! iterator {
    ($symbol:ident : $name:literal for $ty:ident over $seq:ident) => {
        pytype! {
            #[unsafe(no_mangle)]
            pub static $symbol: $name for $ty {
                base: Object,
                flags: [HAVE_GC],
                slots: {
                    tp_dealloc = $ty::dealloc,
                    tp_traverse = |this: &$ty, visit: Visit<'_>| visit.slot(&this.0.seq),
                    tp_iter = $ty::py_iter,
                    tp_iternext = $ty::next,
                },
                methods: {
                    noargs "__length_hint__" => $ty::length_hint, "($self, /)", "Number of bytes still to come.";
                    noargs "__reduce__" => $ty::reduce, "($self, /)", "What pickle needs to make the iterator again.";
                    o "__setstate__" => $ty::set_state, "($self, object, /)", "Moves to the place that __reduce__ recorded.";
                },
            }
        }

        impl $ty {
            pub(crate) fn new(py: Attached<'_>, seq: &$seq) -> PyResult<Ref<Object>> {
                let seq = seq.to_ref();
                let new = mem::new_instance::<$ty>(py, $ty::type_object(), |this| {
                    this.0.seq.replace(Some(seq));
                })?;
                Ok(new.upcast())
            }

            /// # Safety
            /// As a `tp_dealloc`.
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<$ty>) {
                // SAFETY: by the contract.
                unsafe { mem::dealloc_with(py, this, |this| drop(this.0.seq.take())) };
            }

            fn py_iter<'a>(_: Attached<'_>, this: &'a $ty) -> &'a $ty {
                this
            }

            /// The next byte.
            #[inline]
            pub fn next(py: Attached<'_>, this: &$ty) -> PyResult<Option<Ref<Int>>> {
                this.0.next(py)
            }

            fn length_hint(_: Attached<'_>, this: &$ty) -> usize {
                this.0.live().map_or(0, |seq| seq.length().saturating_sub(this.0.index.get() as usize))
            }

            fn reduce(py: Attached<'_>, this: &$ty) -> PyResult<Ref<Tuple>> {
                let live = || Some((this.0.live()?.upcast(), this.0.index.get()));
                reduce_iterator(py, live, || Ok(Tuple::empty(py).upcast()))
            }

            fn set_state(py: Attached<'_>, this: &$ty, state: &Object) -> PyResult<()> {
                let index = crate::builtins::textargs::state_index(py, state)?;
                if let Some(seq) = this.0.live() {
                    this.0.index.set(index.clamp(0, seq.length() as isize));
                }
                Ok(())
            }
        }
    };
}
iterator!(PyBytesIter_Type: "bytes_iterator" for BytesIter over Bytes);
iterator!(PyByteArrayIter_Type: "bytearray_iterator" for ByteArrayIter over ByteArray);
