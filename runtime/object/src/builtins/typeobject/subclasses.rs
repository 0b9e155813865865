//! Who derives from whom: lists of weak pointers to direct subclasses.
//!
//! A heap type's list hangs off `tp_subclasses`. Static types are shared by all interpreters: their static subclasses
//! are in `tp_subclasses` too, and the heap types of an interpreter that derive from them in its `ObjectState`.
//! A type leaves the lists of its bases before its memory goes, under the list's lock, so a pointer found in a list
//! under that lock is live memory, and `try_incref` tells whether the type is.
use super::Type;
use crate::handle::{Attached, Ref};
use crate::layout::PyTypeObject;
use crate::mode;
use std::ffi::c_void;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Mutex, PoisonError};

struct SubclassList(Mutex<Vec<usize>>);

impl SubclassList {
    fn with<R>(&self, body: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Type {
    fn subclass_list(&self) -> Option<&SubclassList> {
        // SAFETY: [published]: `tp_subclasses` is null or a boxed list that lives as long as the type.
        unsafe { self.0.tp_subclasses.load(Acquire).cast::<SubclassList>().as_ref() }
    }

    fn subclass_list_or_new(&self) -> &SubclassList {
        if let Some(list) = self.subclass_list() {
            return list;
        }
        let fresh = Box::into_raw(Box::new(SubclassList(Mutex::new(Vec::new()))));
        match self.0.tp_subclasses.compare_exchange(std::ptr::null_mut(), fresh.cast::<c_void>(), AcqRel, Acquire) {
            // SAFETY: just published.
            Ok(_) => unsafe { &*fresh },
            Err(other) => {
                // SAFETY: ours, never published; `other` is the published list.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &*other.cast::<SubclassList>()
                }
            }
        }
    }

    /// Whether heap subclasses of `self` are listed in the interpreter instead of the type.
    fn lists_per_interpreter(&self) -> bool {
        !self.is_heap()
    }

    /// Records `subclass` as a direct subclass.
    pub(crate) fn add_subclass(&self, py: Attached<'_>, subclass: &Type) {
        let entry = subclass.as_type_ptr() as usize;
        let insert = |list: &mut Vec<usize>| {
            if !list.contains(&entry) {
                list.push(entry);
            }
        };
        if self.lists_per_interpreter() && subclass.is_heap() {
            let mut all = py.state().static_subclasses.lock().unwrap_or_else(PoisonError::into_inner);
            let address = self.as_type_ptr() as usize;
            insert(all.entry(address).or_default());
        } else {
            self.subclass_list_or_new().with(insert);
        }
    }

    /// Forgets `subclass`.
    pub(crate) fn remove_subclass(&self, py: Attached<'_>, subclass: &Type) {
        let entry = subclass.as_type_ptr() as usize;
        if self.lists_per_interpreter() && subclass.is_heap() {
            let mut all = py.state().static_subclasses.lock().unwrap_or_else(PoisonError::into_inner);
            let address = self.as_type_ptr() as usize;
            if let Some(list) = all.get_mut(&address) {
                list.retain(|&item| item != entry);
            }
        } else if let Some(list) = self.subclass_list() {
            list.with(|list| list.retain(|&item| item != entry));
        }
    }

    /// Visits the direct subclasses under the list's lock; `visit` must not run Python code.
    pub(super) fn for_each_subclass(&self, visit: &mut dyn FnMut(&Type)) {
        if let Some(list) = self.subclass_list() {
            list.with(|list| {
                for &entry in list.iter() {
                    // SAFETY: see the module doc.
                    visit(unsafe { Type::from_type_ptr(entry as *mut PyTypeObject) });
                }
            });
        }
        if self.lists_per_interpreter()
            && let Some(py) = Attached::try_from_tls()
        {
            let entries: Vec<usize> = {
                let all = py.state().static_subclasses.lock().unwrap_or_else(PoisonError::into_inner);
                let address = self.as_type_ptr() as usize;
                all.get(&address).cloned().unwrap_or_default()
            };
            for entry in entries {
                // SAFETY: static types change only while no other thread runs, at start-up or by the C code that owns
                // them.
                visit(unsafe { Type::from_type_ptr(entry as *mut PyTypeObject) });
            }
        }
    }

    /// The direct subclasses that are alive, oldest first.
    pub fn subclasses(&self, py: Attached<'_>) -> Vec<Ref<Type>> {
        let mut found = Vec::new();
        let mut secure = |entry: usize| {
            let raw = entry as *mut crate::layout::PyObject;
            // SAFETY: see the module doc.
            if unsafe { mode::try_incref(raw) } {
                // SAFETY: the reference just made is ours.
                found.push(unsafe { Ref::<Type>::from_raw(raw) });
            }
        };
        if let Some(list) = self.subclass_list() {
            list.with(|list| list.iter().for_each(|&entry| secure(entry)));
        }
        if self.lists_per_interpreter() {
            let all = py.state().static_subclasses.lock().unwrap_or_else(PoisonError::into_inner);
            let address = self.as_type_ptr() as usize;
            if let Some(list) = all.get(&address) {
                list.iter().for_each(|&entry| secure(entry));
            }
        }
        found
    }

    /// Frees the list of a dying heap type.
    pub(super) fn free_subclass_list(&self) {
        let list = self.0.tp_subclasses.swap(std::ptr::null_mut(), AcqRel);
        if !list.is_null() {
            // SAFETY: boxed by `subclass_list_or_new`; a type without references has no subclass that could use it.
            drop(unsafe { Box::from_raw(list.cast::<SubclassList>()) });
        }
    }
}
