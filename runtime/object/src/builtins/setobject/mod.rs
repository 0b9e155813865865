//! `set` and `frozenset`.
//!
//! Concurrency in `nogil` mode: membership tests take no lock unless they have to call an item's `__eq__`. `add`,
//! `discard`, `pop`, `clear`, `copy` and each item that an update adds are atomic. Iterators notice a change of size.
mod iter;
mod ops;
mod table;

pub use iter::SetIter;
pub use table::AnySet;

use crate::args::{Args, as_borrowed};
use crate::builtins::container::{ReprGuard, TextBuilder, generic_alias, no_keywords_unless_subtype};
use crate::builtins::dictobject::key_error;
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::{PyObject, PySetObject};
use crate::typedef::{CompareOp, arg, ret_object};
use crate::{Bool, Dict, List, Object, PyResult, Str, Tuple, Type, exc, gc, id, mem, pytype, raise};
use std::mem::offset_of;
use std::ptr::{self, NonNull};
pub use table::hash_item;

/// A mutable hash set.
#[repr(transparent)]
pub struct Set(pub(crate) PySetObject);

/// An immutable hash set.
#[repr(transparent)]
pub struct FrozenSet(pub(crate) PySetObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PySet_Type: "set" for Set {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, MATCH_SELF],
        doc: "set(iterable=(), /)\n--\n\nA mutable collection of distinct items without order.",
        slots: {
            tp_dealloc = Set::dealloc,
            tp_repr = |py: Attached<'_>, this: &Set| this.any().repr(py),
            tp_traverse = |this: &Set, visit: Visit<'_>| this.any().traverse_table(visit),
            tp_clear = |py: Attached<'_>, this: &Set| this.any().clear_table(py),
            tp_richcompare = |py: Attached<'_>, this: &Set, other: &Object, op: CompareOp| this.any().compare(py, other, op),
            tp_iter = |py: Attached<'_>, this: &Set| SetIter::new(py, this.any()),
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| alloc_set(py, ty),
            tp_init = Set::init,
            raw tp_vectorcall = Some(set_vectorcall as crate::layout::vectorcallfunc),
            raw tp_weaklistoffset = offset_of!(PySetObject, weakreflist) as isize,
            sq_length = |_, this: &Set| Ok(this.len()),
            sq_contains = |py: Attached<'_>, this: &Set, key: &Object| this.any().contains(py, key),
            nb_subtract = ops::nb_subtract,
            nb_and = ops::nb_and,
            nb_xor = ops::nb_xor,
            nb_or = ops::nb_or,
            nb_inplace_subtract = ops::nb_inplace_subtract,
            nb_inplace_and = ops::nb_inplace_and,
            nb_inplace_xor = ops::nb_inplace_xor,
            nb_inplace_or = ops::nb_inplace_or,
        },
        methods: {
            o "add" => |py: Attached<'_>, this: &Set, item: &Object| this.add(py, item).map(drop), "($self, object, /)", "Add an item; nothing happens if it is there already.";
            noargs "clear" => |py: Attached<'_>, this: &Set| this.any().clear_table(py), "($self, /)", "Remove all items.";
            coexist o "__contains__" => |py: Attached<'_>, this: &Set, key: &Object| this.any().contains(py, key), "($self, object, /)", "x.__contains__(y) <==> y in x.";
            noargs "copy" => |py: Attached<'_>, this: &Set| this.any().copy(py), "($self, /)", "Return a new set of the same items.";
            o "discard" => |py: Attached<'_>, this: &Set, item: &Object| this.discard(py, item).map(drop), "($self, object, /)", "Remove an item; nothing happens if it is not there.";
            raw "difference" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().difference_of(py, args), "($self, /, *others)", "Return a new set of the items that none of the others has.";
            raw "difference_update" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().difference_update_of(py, args), "($self, /, *others)", "Remove all items of the others.";
            raw "intersection" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().intersection_of(py, args), "($self, /, *others)", "Return a new set of the items that all others have, too.";
            raw "intersection_update" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().intersection_update_of(py, args), "($self, /, *others)", "Keep only the items that all others have, too.";
            o "isdisjoint" => |py: Attached<'_>, this: &Set, other: &Object| this.any().is_disjoint(py, other), "($self, other, /)", "Return whether the two have no item in common.";
            o "issubset" => |py: Attached<'_>, this: &Set, other: &Object| this.any().is_subset(py, other), "($self, other, /)", "Return whether other has all items of this set.";
            o "issuperset" => |py: Attached<'_>, this: &Set, other: &Object| this.any().is_superset(py, other), "($self, other, /)", "Return whether this set has all items of other.";
            noargs "pop" => Set::py_pop, "($self, /)", "Remove some item and return it.\n\nRaises KeyError if the set is empty.";
            noargs "__reduce__" => |py: Attached<'_>, this: &Set| this.any().reduce(py), "($self, /)", "What pickle needs to build it again.";
            o "remove" => Set::py_remove, "($self, object, /)", "Remove an item, which must be there.\n\nRaises KeyError if it is not.";
            noargs "__sizeof__" => |_, this: &Set| this.any().sizeof(), "($self, /)", "Return how many bytes the set takes.";
            o "symmetric_difference" => |py: Attached<'_>, this: &Set, other: &Object| this.any().symmetric_difference(py, other), "($self, other, /)", "Return a new set of the items that only one of the two has.";
            o "symmetric_difference_update" => |py: Attached<'_>, this: &Set, other: &Object| this.any().symmetric_difference_update(py, other), "($self, other, /)", "Keep the items that only one of the two has.";
            raw "union" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().union_of(py, args), "($self, /, *others)", "Return a new set of all items of this set and the others.";
            raw "update" => |py: Attached<'_>, this: &Set, args: Args<'_>| this.any().update_of(py, args), "($self, /, *others)", "Add all items of the others.";
            class o "__class_getitem__" => generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyFrozenSet_Type: "frozenset" for FrozenSet {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, MATCH_SELF],
        doc: "frozenset(iterable=(), /)\n--\n\nAn immutable, hashable collection of distinct items without order.",
        slots: {
            tp_dealloc = FrozenSet::dealloc,
            tp_repr = |py: Attached<'_>, this: &FrozenSet| this.any().repr(py),
            tp_hash = FrozenSet::hash,
            tp_traverse = |this: &FrozenSet, visit: Visit<'_>| this.any().traverse_table(visit),
            tp_clear = |py: Attached<'_>, this: &FrozenSet| this.any().clear_table(py),
            tp_richcompare = |py: Attached<'_>, this: &FrozenSet, other: &Object, op: CompareOp| this.any().compare(py, other, op),
            tp_iter = |py: Attached<'_>, this: &FrozenSet| SetIter::new(py, this.any()),
            constructor = FrozenSet::construct,
            raw tp_weaklistoffset = offset_of!(PySetObject, weakreflist) as isize,
            sq_length = |_, this: &FrozenSet| Ok(this.len()),
            sq_contains = |py: Attached<'_>, this: &FrozenSet, key: &Object| this.any().contains(py, key),
            nb_subtract = ops::nb_subtract,
            nb_and = ops::nb_and,
            nb_xor = ops::nb_xor,
            nb_or = ops::nb_or,
        },
        methods: {
            coexist o "__contains__" => |py: Attached<'_>, this: &FrozenSet, key: &Object| this.any().contains(py, key), "($self, object, /)", "x.__contains__(y) <==> y in x.";
            noargs "copy" => |py: Attached<'_>, this: &FrozenSet| this.any().copy(py), "($self, /)", "Return a set of the same items.";
            raw "difference" => |py: Attached<'_>, this: &FrozenSet, args: Args<'_>| this.any().difference_of(py, args), "($self, /, *others)", "Return a new set of the items that none of the others has.";
            raw "intersection" => |py: Attached<'_>, this: &FrozenSet, args: Args<'_>| this.any().intersection_of(py, args), "($self, /, *others)", "Return a new set of the items that all others have, too.";
            o "isdisjoint" => |py: Attached<'_>, this: &FrozenSet, other: &Object| this.any().is_disjoint(py, other), "($self, other, /)", "Return whether the two have no item in common.";
            o "issubset" => |py: Attached<'_>, this: &FrozenSet, other: &Object| this.any().is_subset(py, other), "($self, other, /)", "Return whether other has all items of this set.";
            o "issuperset" => |py: Attached<'_>, this: &FrozenSet, other: &Object| this.any().is_superset(py, other), "($self, other, /)", "Return whether this set has all items of other.";
            noargs "__reduce__" => |py: Attached<'_>, this: &FrozenSet| this.any().reduce(py), "($self, /)", "What pickle needs to build it again.";
            noargs "__sizeof__" => |_, this: &FrozenSet| this.any().sizeof(), "($self, /)", "Return how many bytes the set takes.";
            o "symmetric_difference" => |py: Attached<'_>, this: &FrozenSet, other: &Object| this.any().symmetric_difference(py, other), "($self, other, /)", "Return a new set of the items that only one of the two has.";
            raw "union" => |py: Attached<'_>, this: &FrozenSet, args: Args<'_>| this.any().union_of(py, args), "($self, /, *others)", "Return a new set of all items of this set and the others.";
            class o "__class_getitem__" => generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

/// An empty instance of `set`, `frozenset` or a subtype.
pub(super) fn alloc_set(py: Attached<'_>, ty: &Type) -> PyResult<Ref<AnySet>> {
    let exact = ptr::eq(ty, Set::type_object()) || ptr::eq(ty, FrozenSet::type_object());
    let raw = if exact { mem::alloc_instance(py, ty, 0)?.as_ptr() } else { ty.alloc(py, 0)?.into_raw() };
    // SAFETY: [layout]: a fresh instance of one of the types.
    let set = unsafe { Ref::<AnySet>::from_raw(raw) };
    set.init();
    if exact {
        gc::track(set.as_object());
    }
    Ok(set)
}

/// `tp_vectorcall` of `set`.
///
/// # Safety
/// [slot-contract].
unsafe extern "C" fn set_vectorcall(
    ty: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let args = Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
        let ty = arg::<Type>(ty);
        ret_object(
            py,
            args.unpack(py, "set", 0, 1).and_then(|args| {
                let set = alloc_set(py, ty)?;
                if let [iterable] = args {
                    set.update(py, iterable)?;
                }
                Ok(set)
            }),
        )
    }
}

impl Set {
    #[inline(always)]
    pub fn raw(&self) -> &PySetObject {
        &self.0
    }

    #[inline(always)]
    pub fn any(&self) -> &AnySet {
        // SAFETY: both are transparent over one layout.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<Set>> {
        // SAFETY: an instance of `set`.
        Ok(unsafe { alloc_set(py, Set::type_object())?.cast_unchecked() })
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.any().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `key`; whether it was new.
    #[inline(never)]
    pub fn add(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        let hash = hash_item(py, key)?;
        self.any().lock(py).add(py, key, hash)
    }

    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        self.any().contains(py, key)
    }

    /// Removes `key`; whether it was there.
    pub fn discard(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        self.any().discard(py, key)
    }

    pub fn update(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        self.any().update(py, iterable)
    }

    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        self.any().to_vec(py)
    }

    pub fn clear(&self, py: Attached<'_>) {
        self.any().clear_table(py);
    }

    /// Removes and returns some item; `None` when the set is empty.
    pub fn pop(&self, py: Attached<'_>) -> Option<Ref<Object>> {
        self.any().lock(py).pop()
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Set>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |set| set.any().dealloc_table(py)) };
    }

    fn init(py: Attached<'_>, this: &Set, args: Args<'_>) -> PyResult<()> {
        let args = args.unpack(py, "set", 0, 1)?;
        if this.any().raw().fill.get() != 0 {
            this.clear(py);
        }
        match args {
            [iterable] => this.update(py, iterable),
            _ => Ok(()),
        }
    }

    fn py_pop(py: Attached<'_>, this: &Set) -> PyResult<Ref<Object>> {
        this.pop(py).ok_or_else(|| raise!(py, KeyError, "pop from an empty set"))
    }

    fn py_remove(py: Attached<'_>, this: &Set, item: &Object) -> PyResult<()> {
        if this.discard(py, item)? { Ok(()) } else { Err(key_error(py, item)) }
    }
}

impl FrozenSet {
    #[inline(always)]
    pub fn raw(&self) -> &PySetObject {
        &self.0
    }

    #[inline(always)]
    pub fn any(&self) -> &AnySet {
        // SAFETY: both are transparent over one layout.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.any().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        self.any().contains(py, key)
    }

    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        self.any().to_vec(py)
    }

    pub fn from_items(py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<FrozenSet>> {
        let set = alloc_set(py, FrozenSet::type_object())?;
        for item in items {
            let hash = hash_item(py, item)?;
            set.lock(py).add(py, item, hash)?;
        }
        // SAFETY: an instance of `frozenset`.
        Ok(unsafe { set.cast_unchecked() })
    }

    /// `frozenset(iterable)`.
    pub fn from_iterable(py: Attached<'_>, iterable: &Object) -> PyResult<Ref<FrozenSet>> {
        if let Some(same) = iterable.downcast_exact::<FrozenSet>() {
            return Ok(same.to_ref());
        }
        let set = alloc_set(py, FrozenSet::type_object())?;
        set.update(py, iterable)?;
        // SAFETY: an instance of `frozenset`.
        Ok(unsafe { set.cast_unchecked() })
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<FrozenSet>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |set| set.any().dealloc_table(py)) };
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<AnySet>> {
        let own = FrozenSet::type_object();
        no_keywords_unless_subtype(py, ty, own, args, "frozenset")?;
        crate::args::check_positional(py, "frozenset", args.pos.len(), 0, 1)?;
        if let [iterable] = args.pos
            && ptr::eq(ty, own)
            && let Some(same) = iterable.downcast_exact::<FrozenSet>()
        {
            return Ok(same.any().to_ref());
        }
        let set = alloc_set(py, ty)?;
        if let [iterable] = args.pos {
            set.update(py, iterable)?;
        }
        Ok(set)
    }

    fn hash(py: Attached<'_>, this: &FrozenSet) -> PyResult<isize> {
        Ok(this.any().hash(py))
    }
}

impl AnySet {
    /// The order-independent hash of the items.
    pub(super) fn hash(&self, py: Attached<'_>) -> isize {
        let cached = self.0.hash.get();
        if cached != -1 {
            return cached;
        }
        let mut mix = 0u64;
        {
            let this = self.lock(py);
            let mut pos = 0;
            while let Some((_, hash)) = this.step(&mut pos) {
                let hash = hash as u64;
                mix ^= ((hash ^ 89_869_747) ^ (hash << 16)).wrapping_mul(3_644_798_167);
            }
        }
        mix ^= (self.len() as u64 + 1).wrapping_mul(1_927_868_237);
        mix ^= (mix >> 11) ^ (mix >> 25);
        mix = mix.wrapping_mul(69_069).wrapping_add(907_133_923);
        let hash = if mix == u64::MAX { 590_923_713 } else { mix as isize };
        if self.is_frozen() {
            self.0.hash.set(hash);
        }
        hash
    }

    fn is_frozen(&self) -> bool {
        self.as_object().downcast::<FrozenSet>().is_some()
    }

    /// `set` or `frozenset`: the type of results.
    pub(super) fn base_type(&self) -> &'static Type {
        if self.is_frozen() { FrozenSet::type_object() } else { Set::type_object() }
    }

    /// `key in self`. A set stands for the frozenset of its items.
    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        self.with_hash(py, key, |key, hash| self.contains_known(py, key, hash))
    }

    /// Removes `key`; whether it was there.
    pub fn discard(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        let removed = self.with_hash(py, key, |key, hash| self.lock(py).remove(py, key, hash))?;
        Ok(removed.is_some())
    }

    /// Runs `f` with the key's hash; an unhashable set is replaced by a frozenset of its items.
    fn with_hash<R>(
        &self,
        py: Attached<'_>,
        key: &Object,
        f: impl FnOnce(&Object, isize) -> PyResult<R>,
    ) -> PyResult<R> {
        match hash_item(py, key) {
            Ok(hash) => f(key, hash),
            Err(error) => {
                let Some(set) = key.downcast::<AnySet>().filter(|_| error.matches(py, exc::TypeError())) else {
                    return Err(error);
                };
                error.clear(py);
                let frozen = alloc_set(py, FrozenSet::type_object())?;
                frozen.lock(py).merge_from(py, set)?;
                let hash = frozen.hash(py);
                f(frozen.as_object(), hash)
            }
        }
    }

    pub(super) fn copy(&self, py: Attached<'_>) -> PyResult<Ref<AnySet>> {
        if ptr::eq(self.as_object().ty(), FrozenSet::type_object()) {
            return Ok(self.to_ref());
        }
        self.copy_as(py, self.base_type())
    }

    /// A new set of type `ty` with the same items.
    pub(super) fn copy_as(&self, py: Attached<'_>, ty: &Type) -> PyResult<Ref<AnySet>> {
        let copy = alloc_set(py, ty)?;
        copy.lock(py).merge_from(py, self)?;
        Ok(copy)
    }

    /// Adds the items of an iterable.
    pub fn update(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        if let Some(other) = iterable.downcast::<AnySet>() {
            if ptr::eq(self, other) {
                return Ok(());
            }
            return self.lock(py).merge_from(py, other);
        }
        if let Some(dict) = iterable.downcast_exact::<Dict>() {
            let keys = dict.keys_with_hashes(py)?;
            let this = self.lock(py);
            if (self.0.fill.get() as usize + keys.len()) * 5 >= self.mask() * 3 {
                this.resize(py, (self.len() + keys.len()) * 2)?;
            }
            for (key, hash) in keys {
                this.add(py, &key, hash)?;
            }
            return Ok(());
        }
        if let Some(list) = iterable.downcast_exact::<List>() {
            return self.add_all(py, as_borrowed(&list.to_vec(py)?));
        }
        if let Some(tuple) = iterable.downcast_exact::<Tuple>() {
            return self.add_all(py, tuple.as_slice());
        }
        let iter = iterable.iter(py)?;
        while let Some(item) = iter.iter_next(py)? {
            let hash = hash_item(py, &item)?;
            self.lock(py).add(py, &item, hash)?;
        }
        Ok(())
    }

    /// Adds items under one lock.
    fn add_all(&self, py: Attached<'_>, items: &[&Object]) -> PyResult<()> {
        let this = self.lock(py);
        items.iter().try_for_each(|item| this.add(py, item, hash_item(py, item)?).map(drop))
    }

    fn repr(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let name = self.as_object().ty().name();
        let Some(_guard) = ReprGuard::enter(py, self.as_object())? else {
            return Str::new(py, &format!("{name}(...)"));
        };
        if self.is_empty() {
            return Str::new(py, &format!("{name}()"));
        }
        let plain = ptr::eq(self.as_object().ty(), Set::type_object());
        let mut text = TextBuilder::new();
        if !plain {
            text.push_str(&name);
            text.push_str("(");
        }
        text.push_str("{");
        for (at, item) in self.to_vec(py)?.iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            text.push(&*item.repr(py)?);
        }
        text.push_str(if plain { "}" } else { "})" });
        text.finish(py)
    }

    fn compare(&self, py: Attached<'_>, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(right) = other.downcast::<AnySet>() else {
            return Ok(crate::not_implemented());
        };
        let (len, right_len) = (self.len(), right.len());
        let equal = || -> PyResult<bool> {
            let hashes = (self.0.hash.get(), right.0.hash.get());
            let differ =
                self.is_frozen() && right.is_frozen() && hashes.0 != -1 && hashes.1 != -1 && hashes.0 != hashes.1;
            Ok(len == right_len && !differ && self.is_subset_of(py, right)?)
        };
        let verdict = match op {
            CompareOp::Eq => equal()?,
            CompareOp::Ne => !equal()?,
            CompareOp::Le => self.is_subset_of(py, right)?,
            CompareOp::Ge => right.is_subset_of(py, self)?,
            CompareOp::Lt => len < right_len && self.is_subset_of(py, right)?,
            CompareOp::Gt => len > right_len && right.is_subset_of(py, self)?,
        };
        Ok(Bool::of(verdict).as_object().to_ref())
    }

    fn reduce(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        let items = List::from_vec(py, self.to_vec(py)?)?;
        let args = Tuple::from_slice(py, &[items.as_object()])?;
        let state = self.as_object().call_method(py, id!(py, __getstate__), &[])?;
        Tuple::from_slice(py, &[self.as_object().ty().as_object(), args.as_object(), &state])
    }

    fn sizeof(&self) -> PyResult<usize> {
        Ok(self.as_object().ty().as_type().tp_basicsize.get() as usize + self.table_bytes())
    }
}
