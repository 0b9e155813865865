//! A counted object for the models: a header, a payload that loom watches, and a mark of its death.

use krait_sync::brc::{self, BrcTable, CountRef, Objects, Outcome};
use krait_sync::prim::{AtomicIsize, AtomicU32, AtomicUsize, Ordering::*};
use std::ptr::NonNull;
use std::sync::atomic;

/// See the [module](self). Its memory stays to the end of the execution, as type-stable memory does.
pub struct Object {
    tid: AtomicUsize,
    local: AtomicU32,
    shared: AtomicIsize,
    payload: crate::Protected,
    deaths: atomic::AtomicUsize,
}

impl Object {
    /// An object with these counts.
    pub fn new(tid: usize, local: u32, shared: isize) -> Object {
        Object {
            tid: AtomicUsize::new(tid),
            local: AtomicU32::new(local),
            shared: AtomicIsize::new(shared),
            payload: crate::Protected::new(1),
            deaths: atomic::AtomicUsize::new(0),
        }
    }

    /// Its header. The object must be alive, or its header be read by `try_incref` only.
    pub fn counts(&self) -> CountRef<'_> {
        CountRef { tid: &self.tid, local: &self.local, shared: &self.shared }
    }

    /// Its payload is written, and then its count, which was zero, becomes one.
    pub fn be_born(&self) {
        self.payload.set(1);
        self.shared.swap(brc::ONE_SHARED | brc::MERGED, Release);
    }

    fn pointer(&self) -> NonNull<()> {
        NonNull::from(self).cast()
    }

    /// Reads the payload: a race with the death is an error.
    pub fn touch(&self) {
        assert_eq!(self.payload.get(), 1, "used after its death");
    }

    /// Dies.
    pub fn die(&self) {
        assert_eq!(self.deaths.fetch_add(1, Relaxed), 0, "died twice");
        self.payload.set(0);
        // The memory may be another's from here on.
        self.tid.store(POISON, Relaxed);
        self.local.store(POISON as u32, Relaxed);
    }

    /// How often it died.
    pub fn deaths(&self) -> usize {
        self.deaths.load(Relaxed)
    }

    /// The state of the header, for assertions at the end.
    pub fn header(&self) -> (usize, u32, isize) {
        (self.tid.load(Relaxed), self.local.load(Relaxed), self.shared.load(Relaxed))
    }

    /// Takes a reference.
    pub fn incref(&self, me: usize) {
        self.touch();
        brc::incref(self.counts(), me);
    }

    /// Gives up a reference.
    pub fn decref(&self, table: &BrcTable, me: usize) {
        self.touch();
        match brc::decref(self.counts(), me) {
            Outcome::Alive => {}
            Outcome::Dead => self.die(),
            // SAFETY: the decrement was ours.
            Outcome::Queue => unsafe { table.queue(&Heap, self.pointer(), me) },
        }
    }

    /// Takes a reference if it is not dying.
    pub fn try_incref(&self, me: usize) -> bool {
        brc::try_incref(self.counts(), me)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.deaths() == 1 && !std::thread::panicking() {
            let (tid, local, _) = self.header();
            assert_eq!((tid, local), (POISON, POISON as u32), "the header was written after the object's death");
        }
    }
}

const POISON: usize = 0xdead;

/// The memory of all objects.
pub struct Heap;

impl Objects for Heap {
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a> {
        // SAFETY: models queue `Object`s that live to the end of the execution.
        let object = unsafe { object.cast::<Object>().as_ref() };
        object.touch();
        object.counts()
    }

    unsafe fn dealloc(&self, object: NonNull<()>) {
        // SAFETY: as above.
        unsafe { object.cast::<Object>().as_ref() }.die();
    }
}
