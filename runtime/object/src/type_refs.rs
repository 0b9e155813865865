//! Counts of classes, kept by each thread for itself (`nogil`).
//!
//! Every instance holds a reference to its class, so threads that make instances of one class would all write the class's
//! shared count. A class that counts late (only the collector frees it) has an id instead, by which each thread counts
//! the references that it made and dropped in a table of its own: see [`krait_sync::per_thread`]. The collector adds the
//! tables to the true counts while the world is stopped, and takes the id away before it lets a class die.
//!
//! In `gil` mode no class has an id.
use crate::handle::{Attached, Layout};
use crate::layout::{Field, Py_ssize_t, PyHeapTypeObject, PyObject};
use crate::{Object, Type, mode};
use krait_sync::per_thread::CountTable;
pub use krait_sync::per_thread::Counts;

/// The classes of an interpreter that have an id, and the threads that count them.
#[derive(Default)]
pub struct Table(CountTable<Class>);

/// A class with an id.
#[derive(Clone, Copy)]
struct Class(*mut PyObject);

// SAFETY: a class with an id is alive, and its shared count is atomic.
unsafe impl Send for Class {}

/// Adds to the true count of a class.
fn add(class: Class, by: isize) {
    // SAFETY: a class with an id is alive.
    unsafe { mode::add_shared(class.0, by) };
}

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
    // SAFETY: [attached]: the thread's own counts.
    if !unsafe { py.ext().type_refs.add(id, by) } {
        count_slow(py, ty, id, by);
    }
}

#[cold]
fn count_slow(py: Attached<'_>, ty: &Type, id: usize, by: isize) {
    if id != 0 {
        // SAFETY: [attached]: the thread's own counts, which `ThreadExt::release` takes out again.
        unsafe { py.state().type_refs.0.grow(&py.ext().type_refs) };
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
    /// Gives a new class, whose count is deferred, an id.
    pub(crate) fn enter(&self, ty: &Type) {
        if let Some(cell) = id_cell(ty) {
            cell.set(self.0.enter(Class(ty.as_ptr())) as isize);
        }
    }

    /// Adds a thread's counts to those of the classes and forgets the thread. Nothing counts in it any more.
    pub(crate) fn leave(&self, counts: &Counts) {
        // SAFETY: the thread state is being deleted; classes with an id are alive.
        unsafe { self.0.leave(counts, add) };
    }

    /// Adds the counts of all threads to those of the classes.
    ///
    /// # Safety
    /// [stopped-world].
    pub(crate) unsafe fn merge_all(&self) {
        // SAFETY: by the contract.
        unsafe { self.0.merge_all(add) };
    }

    /// Takes the ids of classes that are about to die away: from here on their references are counted one by one.
    ///
    /// # Safety
    /// [stopped-world], after [`Table::merge_all`].
    pub(crate) unsafe fn remove<'a>(&self, objects: impl Iterator<Item = &'a Object>) {
        for ty in objects.filter_map(|object| object.downcast::<Type>()).filter(|ty| ty.is_heap()) {
            let id = id_of(ty);
            if id == 0 {
                continue;
            }
            // SAFETY: by the contract.
            unsafe { self.0.remove(id) };
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
        // SAFETY: by the contract.
        unsafe { self.0.reset_after_fork(own, add) };
    }
}
