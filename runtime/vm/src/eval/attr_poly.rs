//! Attributes of instances of several classes at one instruction.
//!
//! The cache of `LOAD_ATTR` has room for three entries. The opcode names the form of the first one; the others are tried
//! when that is another class's, whatever their forms. An instruction that meets more classes than that gives up after
//! some attempts.
use super::attr_cache::{
    INSTANCE_VALUE, METHOD_LAZY_DICT, METHOD_NO_DICT, METHOD_WITH_VALUES, NONDESCRIPTOR_WITH_VALUES, SLOT, read_slot,
};
use super::{Eval, Step};
use krait_bytecode::Opcode;
use krait_object::dictobject::attrs;
use krait_object::{Object, Slot, Type};
use std::sync::atomic::Ordering::Acquire;

/// Where the further entries stand in the cache words.
const OTHERS: [usize; 2] = [3, 6];

impl Eval<'_> {
    /// The first entry is for another class.
    #[inline(never)]
    pub(super) fn attr_other(&mut self) -> Step {
        let object = self.object(1);
        let ty = object.ty();
        let version = ty.version_now();
        for at in OTHERS {
            // SAFETY: LOAD_ATTR has nine cache units.
            let first = unsafe { self.unit().cache(at) }.load(Acquire);
            if version != 0 && (first >> 32) as u32 == version {
                return self.attr_entry(at, first, object, ty);
            }
        }
        self.attr_another_class(ty)
    }

    /// Goes by the entry at `at`, whose first word is `first` and has the version of the object's type.
    fn attr_entry(&mut self, at: usize, first: u64, object: &Object, ty: &Type) -> Step {
        let (form, index) = (first >> 24 & 0xff, first as usize & 0xff_ffff);
        let value = match form {
            INSTANCE_VALUE => {
                let read = attrs::inline_read(object, ty, index);
                self.settle(read)
            }
            SLOT => {
                // SAFETY: a type of that version has a slot there.
                let read = unsafe { read_slot(object, index) };
                self.settle(read)
            }
            METHOD_WITH_VALUES | NONDESCRIPTOR_WITH_VALUES => {
                // SAFETY: as in `attr_other`.
                let keys = unsafe { self.unit().cache(at + 1) }.load(Acquire) as u32;
                if attrs::inline_keys_unchanged(object, ty, keys) { self.entry_pointer(at, ty, first) } else { None }
            }
            METHOD_NO_DICT => self.entry_pointer(at, ty, first),
            METHOD_LAZY_DICT if attrs::dict_slot(object).is_none_or(Slot::is_null) => self.entry_pointer(at, ty, first),
            _ => None,
        };
        match value {
            Some(method) if matches!(form, METHOD_WITH_VALUES | METHOD_NO_DICT | METHOD_LAZY_DICT) => {
                self.finish_method(method)
            }
            Some(value) => self.finish_attr(value),
            None => self.attr_slow(),
        }
    }

    /// No entry is for this class: makes one while there is hope.
    #[cold]
    fn attr_another_class(&mut self, ty: &Type) -> Step {
        let (unit, arg) = (self.unit(), self.arg());
        let at = OTHERS[usize::from(unit.misses.get() & 1)];
        let name = self.name(arg >> 1);
        let special = matches!(self.plan_instance(ty, name, arg & 1 != 0, at), None | Some(Opcode::LOAD_ATTR_PROPERTY));
        if special || !unit.counts_miss() {
            return self.attr_deopt();
        }
        self.attr_slow()
    }
}
