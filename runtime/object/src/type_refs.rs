//! Counts of classes, kept by each thread for itself (`nogil`).
//!
//! Every instance holds a reference to its class, so threads that make instances of one class would all write the class's
//! shared count. A class that counts late (only the collector frees it) has an id instead, by which each thread counts
//! the references that it made and dropped in a table of its own. The collector adds the tables to the true counts while
//! the world is stopped, and takes the id away before it lets a class die.
//!
//! In `gil` mode no class has an id.
use crate::handle::{Attached, Layout};
use crate::layout::{Field, Py_ssize_t, PyHeapTypeObject, PyObject};
use crate::{Object, Type, mode};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One thread's counts by class id. Only the thread itself uses them, or the holder of the [`Table`] while it is stopped.
#[derive(Default)]
pub struct Counts(UnsafeCell<Vec<isize>>);

/// The classes of an interpreter that have an id, and the threads that count them.
#[derive(Default)]
pub struct Table(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By id; null where the id is free. Id 0 stands for none.
    types: Vec<*mut PyObject>,
    free: Vec<usize>,
    threads: Vec<*const Counts>,
}

// SAFETY: the pointers are used under the lock, and only as [`Counts`] allows.
unsafe impl Send for Inner {}

/// Where a class keeps its id, in the mode that has ids.
#[inline(always)]
fn id_cell(ty: &Type) -> Option<&Field<Py_ssize_t>> {
    // SAFETY: heap types have this layout.
    unsafe { &*ty.as_type_ptr().cast::<PyHeapTypeObject>() }.unique_id.as_ref()
}

/// The id of a class, or 0.
#[inline(always)]
fn id_of(ty: &Type) -> usize {
    id_cell(ty).map_or(0, |id| id.get() as usize)
}

/// Counts a new instance's reference to its heap type.
#[inline(always)]
pub fn incref(py: Attached<'_>, ty: &Type) {
    count(py, ty, 1);
}

/// Drops the reference of an instance to its heap type.
///
/// # Safety
/// The caller owned it.
#[inline(always)]
pub unsafe fn decref(py: Attached<'_>, ty: &Type) {
    count(py, ty, -1);
}

#[inline(always)]
fn count(py: Attached<'_>, ty: &Type, by: isize) {
    let id = id_of(ty);
    // SAFETY: the attached thread's own counts, which the collector uses only while the thread is stopped.
    match unsafe { &mut *py.ext().type_refs.0.get() }.get_mut(id) {
        Some(count) if id != 0 => *count += by,
        _ => count_slow(py, ty, id, by),
    }
}

#[cold]
fn count_slow(py: Attached<'_>, ty: &Type, id: usize, by: isize) {
    if id != 0 {
        py.state().type_refs.grow(&py.ext().type_refs);
        return count(py, ty, by);
    }
    // SAFETY: the caller gets or gives up a reference to a live type.
    unsafe {
        match by {
            1 => mode::incref(ty.as_ptr()),
            _ => mode::decref(ty.as_ptr()),
        }
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a new class, whose count is deferred, an id.
    pub(crate) fn enter(&self, ty: &Type) {
        let Some(cell) = id_cell(ty) else { return };
        let mut inner = self.lock();
        if inner.types.is_empty() {
            inner.types.push(ptr::null_mut());
        }
        let id = inner.free.pop().unwrap_or_else(|| {
            inner.types.push(ptr::null_mut());
            inner.types.len() - 1
        });
        inner.types[id] = ty.as_ptr();
        cell.set(id as isize);
    }

    /// Makes room for all ids in a thread's counts.
    fn grow(&self, counts: &Counts) {
        let mut inner = self.lock();
        if !inner.threads.contains(&ptr::from_ref(counts)) {
            inner.threads.push(counts);
        }
        let room = inner.types.len().next_power_of_two().max(64);
        // SAFETY: the calling thread's own counts.
        unsafe { &mut *counts.0.get() }.resize(room, 0);
    }

    /// Adds a thread's counts to those of the classes and forgets the thread. Nothing counts in it any more.
    pub(crate) fn leave(&self, counts: &Counts) {
        let mut inner = self.lock();
        inner.threads.retain(|thread| !ptr::eq(*thread, counts));
        inner.merge(counts);
    }

    /// Adds the counts of all threads to those of the classes.
    ///
    /// # Safety
    /// [stopped-world].
    pub(crate) unsafe fn merge_all(&self) {
        let inner = self.lock();
        inner.merge_all();
    }

    /// Takes the ids of classes that are about to die away: from here on their references are counted one by one.
    ///
    /// # Safety
    /// [stopped-world], after [`Table::merge_all`].
    pub(crate) unsafe fn remove<'a>(&self, objects: impl Iterator<Item = &'a Object>) {
        let mut inner = self.lock();
        for ty in objects.filter_map(|object| object.downcast::<Type>()).filter(|ty| ty.is_heap()) {
            let id = id_of(ty);
            if id == 0 {
                continue;
            }
            inner.types[id] = ptr::null_mut();
            inner.free.push(id);
            if let Some(cell) = id_cell(ty) {
                cell.set(0);
            }
        }
    }

    /// In the child of a fork: merges what the other threads had counted, and forgets them.
    ///
    /// # Safety
    /// The calling thread is the only one of the process; the others' states are not freed yet.
    pub unsafe fn reset_after_fork(&self, own: &Counts) {
        let mut inner = self.lock();
        inner.merge_all();
        inner.threads.retain(|thread| ptr::eq(*thread, own));
    }
}

impl Inner {
    /// No thread counts meanwhile.
    fn merge_all(&self) {
        for thread in &self.threads {
            // SAFETY: threads leave before their state is freed.
            self.merge(unsafe { &**thread });
        }
    }

    fn merge(&self, counts: &Counts) {
        // SAFETY: the thread is stopped, gone, or the caller.
        let counts = unsafe { &mut *counts.0.get() };
        for (ty, count) in self.types.iter().zip(counts) {
            if *count != 0 {
                // SAFETY: a class with an id is alive.
                unsafe { mode::add_shared(*ty, std::mem::take(count)) };
            }
        }
    }
}
