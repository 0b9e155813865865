//! Iterators over dicts, forward and backward. Threads that share one may get a pair twice, never a torn one.
use super::Dict;
use crate::builtins::container::builtin;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::tupleobject::LastPair;
use crate::{FREE_THREADED, List, Object, PyResult, Tuple, Type, id, mem, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// What an iterator or a view gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DictIterKind {
    Keys,
    Values,
    Items,
}

/// The state of all dict iterators.
#[repr(C)]
pub struct DictIter {
    ob_base: PyObject,
    dict: Slot<Dict>,
    /// The dict's size at the start; -1 after an error.
    used: Field<isize>,
    /// Where the next pair is looked for.
    pos: Field<isize>,
    last: LastPair,
    /// How many pairs are left.
    left: Field<isize>,
}

macro_rules! dict_iter {
    ($($rust:ident, $symbol:ident, $name:literal, $kind:ident, $reverse:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            #[repr(transparent)]
            pub struct $rust(DictIter);

            pytype! {
                #[unsafe(no_mangle)]
                pub static $symbol: $name for $rust {
                    base: crate::Object,
                    flags: [HAVE_GC],
                    slots: {
                        tp_dealloc = $rust::dealloc,
                        tp_traverse = |this: &$rust, visit: Visit<'_>| this.0.traverse(visit),
                        tp_iter = |_, this: &$rust| this.to_ref(),
                        tp_iternext = $rust::next,
                    },
                    methods: {
                        noargs "__length_hint__" => |_, this: &$rust| this.0.length_hint(), "($self, /)", "Estimate how many items are left.";
                        noargs "__reduce__" => |py: Attached<'_>, this: &$rust| this.0.reduce(py, DictIterKind::$kind, $reverse), "($self, /)", "What pickle needs to build it again.";
                    },
                }
            }

            impl $rust {
                /// # Safety
                /// The `tp_dealloc` of the type.
                unsafe fn dealloc(py: Attached<'_>, this: NonNull<$rust>) {
                    // SAFETY: by the contract.
                    unsafe { mem::dealloc_with(py, this, |iter| iter.0.release()) };
                }

                /// The next item.
                #[inline]
                pub fn next(py: Attached<'_>, this: &$rust) -> PyResult<Option<Ref<Object>>> {
                    this.0.advance(py, DictIterKind::$kind, $reverse)
                }
            }
        )*
        fn type_of(kind: DictIterKind, reverse: bool) -> &'static Type {
            match (kind, reverse) {
                $((DictIterKind::$kind, $reverse) => $rust::type_object(),)*
            }
        }
    };
}

dict_iter! {
    DictKeyIter, PyDictIterKey_Type, "dict_keyiterator", Keys, false;
    DictValueIter, PyDictIterValue_Type, "dict_valueiterator", Values, false;
    DictItemIter, PyDictIterItem_Type, "dict_itemiterator", Items, false;
    DictRevKeyIter, PyDictRevIterKey_Type, "dict_reversekeyiterator", Keys, true;
    DictRevValueIter, PyDictRevIterValue_Type, "dict_reversevalueiterator", Values, true;
    DictRevItemIter, PyDictRevIterItem_Type, "dict_reverseitemiterator", Items, true;
}

impl DictIter {
    /// A new iterator over `dict`.
    pub fn make(py: Attached<'_>, dict: &Dict, kind: DictIterKind, reverse: bool) -> PyResult<Ref<Object>> {
        let ty = type_of(kind, reverse);
        let raw = mem::alloc_instance(py, ty, 0)?;
        // SAFETY: [layout]: the six types share this layout; the instance is fresh.
        let iter = unsafe { Ref::<Object>::from_raw(raw.as_ptr()) };
        // SAFETY: as above.
        let state = unsafe { &*raw.as_ptr().cast::<DictIter>() };
        drop(state.dict.replace(Some(dict.to_ref())));
        let len = dict.len() as isize;
        state.used.set(len);
        state.left.set(len);
        state.pos.set(if reverse { dict.lock(py).end() as isize } else { 0 });
        crate::gc::track(&iter);
        Ok(iter)
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.dict)?;
        self.last.traverse(visit)
    }

    /// Gives up what a dying iterator owns.
    fn release(&self) {
        drop(self.dict.take());
        self.last.clear();
    }

    /// The dict, until the iterator is exhausted.
    #[inline(always)]
    fn live(&self) -> Option<&Dict> {
        if FREE_THREADED && self.pos.get() < 0 {
            return None;
        }
        // SAFETY: [frozen] in `nogil` mode, where the dict stays until deallocation; [attached] in `gil` mode.
        unsafe { self.dict.borrow() }
    }

    fn exhaust(&self) {
        self.pos.set(-1);
        self.left.set(0);
        if !FREE_THREADED {
            drop(self.dict.take());
        }
    }

    #[inline(always)]
    fn advance(&self, py: Attached<'_>, kind: DictIterKind, reverse: bool) -> PyResult<Option<Ref<Object>>> {
        let Some(dict) = self.live() else { return Ok(None) };
        if self.used.get() != dict.len() as isize {
            self.used.set(-1);
            return Err(raise!(py, RuntimeError, "dictionary changed size during iteration"));
        }
        let mut pos = self.pos.get().max(0) as usize;
        let pair = if reverse { dict.lock(py).step_back(&mut pos) } else { dict.step_pair(py, &mut pos) };
        let Some((key, value)) = pair else {
            self.exhaust();
            return Ok(None);
        };
        if self.left.get() == 0 {
            self.exhaust();
            return Err(raise!(py, RuntimeError, "dictionary keys changed during iteration"));
        }
        self.pos.set(pos as isize);
        self.left.set(self.left.get() - 1);
        Ok(Some(match kind {
            DictIterKind::Keys => key,
            DictIterKind::Values => value,
            DictIterKind::Items => self.last.renew(py, key, value)?.upcast(),
        }))
    }

    fn length_hint(&self) -> PyResult<usize> {
        let same = self.live().is_some_and(|dict| dict.len() as isize == self.used.get());
        Ok(if same { self.left.get().max(0) as usize } else { 0 })
    }

    /// `(iter, (remaining items,))`; the iterator itself does not move.
    fn reduce(&self, py: Attached<'_>, kind: DictIterKind, reverse: bool) -> PyResult<Ref<Tuple>> {
        let rest = List::new(py)?;
        if let Some(dict) = self.live() {
            let copy = DictIter::make(py, dict, kind, reverse)?;
            // SAFETY: [layout]: just made.
            let state = unsafe { &*copy.as_ptr().cast::<DictIter>() };
            state.used.set(self.used.get());
            state.pos.set(self.pos.get());
            state.left.set(self.left.get());
            rest.extend(py, &copy)?;
        }
        let args = Tuple::from_slice(py, &[rest.as_object()])?;
        let iter = builtin(py, id!(py, iter))?;
        Tuple::from_slice(py, &[&iter, args.as_object()])
    }
}
