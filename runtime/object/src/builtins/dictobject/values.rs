//! The values of a split dict: one cell per key of a shared table, and the order in which they were added.
//!
//! They lie in an object (*inline*, behind its basic size) or in memory of their own. A dict's `ma_values` points to
//! them; its lowest bit says that they are inline, because a reader without a lock must not look into memory that
//! goes away with an object it holds no reference to.
use crate::handle::{Attached, Ref, Visit};
use crate::layout::{Field, PyDictValues, PyObject};
use crate::tracemalloc::memory::{alloc_zeroed, dealloc};
use crate::{Object, mem};
use std::alloc::Layout as MemLayout;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Values taken out of an instance; most have few, and freeing them allocates nothing then.
pub(crate) type Taken = smallvec::SmallVec<[Ref<Object>; 8]>;

/// The most keys that instances share.
pub(crate) const MAX_SHARED: usize = 30;
const INLINE: usize = 1;

/// Head of the values; `capacity` cells and as many order bytes follow.
#[repr(C)]
pub struct Values {
    capacity: Field<u8>,
    /// How many values there are.
    size: Field<u8>,
    embedded: Field<u8>,
    /// 0 once a dict has taken the values over into a table of its own.
    valid: Field<u8>,
    _pad: u32,
}

impl Values {
    /// Bytes of the values for `capacity` keys.
    pub(crate) const fn bytes(capacity: usize) -> usize {
        size_of::<Values>() + capacity * 8 + capacity.next_multiple_of(8)
    }

    /// Initialises zeroed memory of [`Values::bytes`].
    pub(crate) fn init(&self, capacity: usize, embedded: bool) {
        self.capacity.set(capacity as u8);
        self.embedded.set(u8::from(embedded));
        self.valid.set(1);
    }

    /// Values of their own; `None` without memory.
    pub(crate) fn alloc(capacity: usize) -> Option<&'static Values> {
        let layout = MemLayout::from_size_align(Self::bytes(capacity), 8).ok()?;
        // SAFETY: the layout is not empty, and zero bytes are values.
        let values = unsafe { alloc_zeroed(layout).cast::<Values>().as_ref()? };
        values.init(capacity, false);
        Some(values)
    }

    /// Frees values of their own, which are empty.
    ///
    /// # Safety
    /// Nobody refers to them; without `at_once`, readers without a lock may.
    pub(crate) unsafe fn free(&self, py: Attached<'_>, at_once: bool) {
        unsafe fn free(base: *mut u8, size: usize) {
            if let Ok(layout) = MemLayout::from_size_align(size, 8) {
                // SAFETY: `retire` hands back what it was given.
                unsafe { dealloc(base, layout) };
            }
        }
        let (base, size) = (ptr::from_ref(self).cast_mut().cast::<u8>(), Self::bytes(self.capacity()));
        if at_once {
            // SAFETY: by the contract.
            unsafe { free(base, size) };
        } else {
            mem::retire(py, base, size, free);
        }
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity.get() as usize
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.size.get() as usize
    }

    #[inline(always)]
    pub(crate) fn is_inline(&self) -> bool {
        self.embedded.get() != 0
    }

    #[inline(always)]
    pub(crate) fn is_valid(&self) -> bool {
        self.valid.load(Acquire) != 0
    }

    pub(crate) fn invalidate(&self) {
        self.valid.store(0, Release);
    }

    /// The cell of key `at`.
    #[inline(always)]
    pub(crate) fn cell(&self, at: usize) -> &Field<*mut PyObject> {
        debug_assert!(at < self.capacity());
        // SAFETY: [exact-size]: the cells follow the head.
        unsafe { &*ptr::from_ref(self).add(1).cast::<Field<*mut PyObject>>().add(at) }
    }

    #[inline(always)]
    fn order(&self, at: usize) -> &Field<u8> {
        // SAFETY: [exact-size]: the order bytes follow the cells.
        unsafe {
            &*ptr::from_ref(self).add(1).cast::<Field<*mut PyObject>>().add(self.capacity()).cast::<Field<u8>>().add(at)
        }
    }

    /// The key position of the `at`-th value in insertion order.
    #[inline(always)]
    pub(crate) fn key_at(&self, at: usize) -> usize {
        self.order(at).get() as usize
    }

    /// Replaces the value of key `at` ([locked]) and returns what was there.
    #[inline]
    pub(crate) fn replace(&self, at: usize, value: Ref<Object>) -> Option<Ref<Object>> {
        let cell = self.cell(at);
        let old = cell.get();
        if old.is_null() {
            let len = self.len();
            self.order(len).set(at as u8);
            self.size.set(len as u8 + 1);
        }
        cell.store(value.into_raw(), Release);
        // SAFETY: [locked]: the cell owned it.
        unsafe { Ref::from_raw_opt(old) }
    }

    /// Takes the value of key `at` out ([locked]).
    pub(crate) fn remove(&self, at: usize) -> Option<Ref<Object>> {
        let cell = self.cell(at);
        let old = cell.get();
        if !old.is_null() {
            cell.store(ptr::null_mut(), Release);
            let len = self.len();
            if let Some(found) = (0..len).find(|&place| self.key_at(place) == at) {
                for place in found..len - 1 {
                    self.order(place).set(self.order(place + 1).get());
                }
                self.size.set(len as u8 - 1);
            }
        }
        // SAFETY: [locked]: the cell owned it.
        unsafe { Ref::from_raw_opt(old) }
    }

    /// Takes all values out, for the caller to drop ([locked]).
    pub(crate) fn take_all(&self) -> Taken {
        let taken = (0..self.len())
            .filter_map(|place| {
                let cell = self.cell(self.key_at(place));
                let old = cell.get();
                cell.store(ptr::null_mut(), Release);
                // SAFETY: [locked]: the cell owned it.
                unsafe { Ref::from_raw_opt(old) }
            })
            .collect();
        self.size.set(0);
        taken
    }

    pub(crate) fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        (0..self.capacity()).try_for_each(|at| visit.field(self.cell(at)))
    }

    /// What `ma_values` holds for these values.
    pub(crate) fn as_tagged(&self) -> *mut PyDictValues {
        let raw = ptr::from_ref(self).cast_mut().cast::<PyDictValues>();
        if self.is_inline() { raw.map_addr(|addr| addr | INLINE) } else { raw }
    }

    /// The values behind `ma_values`.
    ///
    /// # Safety
    /// The dict's lock is held, or the caller holds what keeps the values alive.
    #[inline(always)]
    pub(crate) unsafe fn from_tagged<'a>(raw: *mut PyDictValues) -> Option<&'a Values> {
        // SAFETY: by the contract.
        unsafe { raw.map_addr(|addr| addr & !INLINE).cast::<Values>().as_ref() }
    }

    /// Whether the tagged pointer stands for inline values.
    #[inline(always)]
    pub(crate) fn is_tagged_inline(raw: *mut PyDictValues) -> bool {
        raw.addr() & INLINE != 0
    }
}
