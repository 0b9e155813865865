//! Construction, merging, comparison and methods of `dict`.
use super::keys::{Kind, hash_key, log2_for};
use super::{Dict, DictItems, DictIter, DictIterKind, DictKeysView, DictValues};
use crate::args::{Args, check_positional};
use crate::builtins::container::{ReprGuard, TextBuilder};
use crate::builtins::descrobject::MappingProxy;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::mode::CriticalSection2;
use crate::typedef::{CompareOp, arg, ret_object};
use crate::{Bool, FrozenSet, Object, PyResult, Set, Str, Tuple, Type, exc, id, raise};

/// What to do with keys that a merge finds in the dict already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// Leave the old value.
    Keep,
    /// Take the new value.
    Replace,
    /// Raise `KeyError(key)`.
    Unique,
}

/// Raises `KeyError(key)`, whatever the key is.
#[cold]
pub(crate) fn key_error(py: Attached<'_>, key: &Object) -> crate::Raised {
    match Tuple::from_slice(py, &[key]) {
        Ok(args) => py.raise_value(exc::KeyError(), args.as_object()),
        Err(error) => error,
    }
}

/// `tp_vectorcall` of `dict`.
///
/// # Safety
/// [slot-contract].
pub(super) unsafe extern "C" fn dict_vectorcall(
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
            check_positional(py, "dict", args.pos.len(), 0, 1).and_then(|()| {
                let dict = Dict::alloc_for(py, ty)?;
                dict.update_from(py, args)?;
                Ok(dict)
            }),
        )
    }
}

/// `dict.fromkeys`.
pub(super) fn fromkeys(py: Attached<'_>, ty: &Type, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let [Some(iterable), value] = args else { return Err(py.bad_internal_call()) };
    let none = crate::none();
    let value = value.unwrap_or(&none);
    let result = ty.as_object().call0(py)?;
    if let Some(dict) = result.as_object().downcast_exact::<Dict>() {
        let known: Option<Vec<(Ref<Object>, isize)>> = if let Some(source) = iterable.downcast_exact::<Dict>() {
            Some(source.keys_with_hashes(py)?)
        } else if let Some(set) = iterable.downcast_exact::<Set>() {
            Some(set.any().snapshot(py)?)
        } else {
            iterable.downcast_exact::<FrozenSet>().map(|set| set.any().snapshot(py)).transpose()?
        };
        if let Some(keys) = known {
            for (key, hash) in &keys {
                let old = dict.lock(py).insert(py, key, *hash, value.to_ref())?;
                drop(old);
            }
            return Ok(result);
        }
        let iter = iterable.iter(py)?;
        while let Some(key) = iter.iter_next(py)? {
            dict.set(py, &key, value)?;
        }
        return Ok(result);
    }
    let iter = iterable.iter(py)?;
    while let Some(key) = iter.iter_next(py)? {
        result.set_item(py, &key, value)?;
    }
    Ok(result)
}

impl Dict {
    /// An empty dict of a subtype.
    pub(super) fn alloc_for(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Dict>> {
        if std::ptr::eq(ty, Dict::type_object()) {
            return Dict::new(py);
        }
        // SAFETY: a fresh instance of a subtype of `dict`.
        let dict = unsafe { ty.alloc(py, 0)?.cast_unchecked::<Dict>() };
        dict.raw().ma_keys.set(super::Keys::empty().as_raw());
        Ok(dict)
    }

    pub(super) fn construct(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<Dict>> {
        Dict::alloc_for(py, ty)
    }

    pub(super) fn init(py: Attached<'_>, this: &Dict, args: Args<'_>) -> PyResult<()> {
        check_positional(py, "dict", args.pos.len(), 0, 1)?;
        this.update_from(py, args)
    }

    pub(super) fn py_update(py: Attached<'_>, this: &Dict, args: Args<'_>) -> PyResult<()> {
        check_positional(py, "update", args.pos.len(), 0, 1)?;
        this.update_from(py, args)
    }

    fn update_from(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        if let [source, ..] = args.pos {
            self.update(py, source)?;
        }
        for (name, value) in args.names.iter().zip(args.values) {
            self.set(py, name, value)?;
        }
        Ok(())
    }

    /// `dict.update(source)`: a dict, anything with `keys`, or an iterable of pairs.
    pub fn update(&self, py: Attached<'_>, source: &Object) -> PyResult<()> {
        if source.downcast_exact::<Dict>().is_some() || source.has_attr(py, id!(py, keys))? {
            self.merge(py, source, true)
        } else {
            self.merge_pairs(py, source, true)
        }
    }

    /// `PyDict_Merge`: from a dict or anything with `keys`.
    pub fn merge(&self, py: Attached<'_>, other: &Object, overwrite: bool) -> PyResult<()> {
        self.merge_with(py, other, if overwrite { Merge::Replace } else { Merge::Keep })
    }

    pub fn merge_with(&self, py: Attached<'_>, other: &Object, mode: Merge) -> PyResult<()> {
        let own_iter = |ty: &Type| ty.as_type().tp_iter.get().map(|iter| iter as usize);
        if let Some(other) = other.downcast::<Dict>()
            && own_iter(other.as_object().ty()) == own_iter(Dict::type_object())
        {
            return self.merge_dict(py, other, mode);
        }
        if let Some(proxy) = other.downcast_exact::<MappingProxy>()
            && let Some(dict) = proxy.mapping().downcast_exact::<Dict>()
        {
            return self.merge_dict(py, dict, mode);
        }
        for key in other.call_method(py, id!(py, keys), &[])?.collect(py)? {
            if mode != Merge::Replace && self.contains(py, &key)? {
                if mode == Merge::Unique {
                    return Err(key_error(py, &key));
                }
                continue;
            }
            let value = other.get_item(py, &key)?;
            self.set(py, &key, &value)?;
        }
        Ok(())
    }

    fn merge_dict(&self, py: Attached<'_>, other: &Dict, mode: Merge) -> PyResult<()> {
        if std::ptr::eq(self, other) || other.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            let (table, count) = {
                let other = other.lock(py);
                (other.clone_table(py)?, other.len())
            };
            let this = self.lock(py);
            if this.is_blank() {
                super::watch::notify(py, self, super::DictEvent::Cloned, Some(other.as_object()), None);
                this.adopt(py, table, count);
                return Ok(());
            }
            drop(this);
            // SAFETY: the clone was not used; it owns its content.
            unsafe { super::Keys::release(py, std::ptr::NonNull::from(table), true) };
        }
        // What is replaced is dropped when the locks are released: dropping may run code.
        let mut displaced = Vec::new();
        let _both = CriticalSection2::enter(py, self.as_object(), other.as_object());
        self.merge_locked(py, other, mode, &mut displaced)
    }

    /// The pairs of `other`, all at one moment unless comparing keys runs code that blocks. Both locks are held.
    fn merge_locked(
        &self,
        py: Attached<'_>,
        other: &Dict,
        mode: Merge,
        displaced: &mut Vec<Ref<Object>>,
    ) -> PyResult<()> {
        let (this, other) = (self.lock(py), other.lock(py));
        this.reserve(py, other.len().saturating_sub(this.len()), false)?;
        let (mut pos, mut shape) = (0, None);
        loop {
            let now = (other.raw().ma_keys.get() as usize, other.end(), other.len());
            if shape.is_some_and(|shape| shape != now) {
                return Err(raise!(py, RuntimeError, "dict mutated during update"));
            }
            shape = Some(now);
            let Some((at, key, value)) = other.step(&mut pos) else { return Ok(()) };
            let hash = other.table().hash_of(at);
            if mode != Merge::Replace && this.find(py, &key, hash)?.and_then(|at| this.value_at(at)).is_some() {
                if mode == Merge::Unique {
                    return Err(key_error(py, &key));
                }
                continue;
            }
            displaced.extend(this.insert(py, &key, hash, value)?);
        }
    }

    /// `PyDict_MergeFromSeq2`: from an iterable of pairs.
    pub fn merge_pairs(&self, py: Attached<'_>, pairs: &Object, overwrite: bool) -> PyResult<()> {
        let iter = pairs.iter(py)?;
        let mut at = 0usize;
        while let Some(item) = iter.iter_next(py)? {
            let parts = match item.as_object().downcast::<Tuple>() {
                Some(tuple) => tuple.to_ref(),
                None => match item.sequence_tuple(py) {
                    Ok(parts) => parts,
                    Err(error) if error.matches(py, exc::TypeError()) => {
                        let cause = error.take(py);
                        let has_iter = item.ty().as_type().tp_iter.get().is_some();
                        let error =
                            if has_iter { py.restore(cause) } else { raise!(py, TypeError, "object is not iterable") };
                        return Err(add_note(
                            py,
                            error,
                            &format!("Cannot convert dictionary update sequence element #{at} to a sequence"),
                        ));
                    }
                    Err(error) => return Err(error),
                },
            };
            let [key, value] = *parts.as_slice() else {
                let len = parts.len();
                return Err(raise!(
                    py,
                    ValueError,
                    "dictionary update sequence element #{at} has length {len}; 2 is required"
                ));
            };
            if overwrite {
                self.set(py, key, value)?;
            } else {
                self.set_default(py, key, value)?;
            }
            at += 1;
        }
        Ok(())
    }

    pub fn copy(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let (table, count) = {
            let this = self.lock(py);
            (this.clone_table(py)?, this.len())
        };
        let copy = Dict::with_keys(py, table)?;
        copy.raw().ma_used.set(count as isize);
        Ok(copy)
    }

    pub(super) fn make_iter(py: Attached<'_>, this: &Dict) -> PyResult<Ref<Object>> {
        DictIter::make(py, this, DictIterKind::Keys, false)
    }

    pub(super) fn reversed(py: Attached<'_>, this: &Dict) -> PyResult<Ref<Object>> {
        DictIter::make(py, this, DictIterKind::Keys, true)
    }

    pub(super) fn keys_view(py: Attached<'_>, this: &Dict) -> PyResult<Ref<DictKeysView>> {
        DictKeysView::new(py, this)
    }

    pub(super) fn items_view(py: Attached<'_>, this: &Dict) -> PyResult<Ref<DictItems>> {
        DictItems::new(py, this)
    }

    pub(super) fn values_view(py: Attached<'_>, this: &Dict) -> PyResult<Ref<DictValues>> {
        DictValues::new(py, this)
    }

    pub(super) fn repr(py: Attached<'_>, this: &Dict) -> PyResult<Ref<Str>> {
        if this.is_empty() {
            return Ok(id!(py, "{}").to_ref());
        }
        let Some(_guard) = ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "{...}");
        };
        let mut text = TextBuilder::new();
        text.push_str("{");
        let (mut pos, mut first) = (0, true);
        while let Some((key, value)) = this.next(py, &mut pos) {
            if !std::mem::take(&mut first) {
                text.push_str(", ");
            }
            text.push(&*key.repr(py)?);
            text.push_str(": ");
            text.push(&*value.repr(py)?);
        }
        text.push_str("}");
        text.finish(py)
    }

    pub(super) fn compare(py: Attached<'_>, this: &Dict, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Dict>() else {
            return Ok(crate::not_implemented());
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(crate::not_implemented());
        }
        let equal = this.equals(py, other)?;
        Ok(Bool::of(equal == (op == CompareOp::Eq)).as_object().to_ref())
    }

    pub(crate) fn equals(&self, py: Attached<'_>, other: &Dict) -> PyResult<bool> {
        if self.len() != other.len() {
            return Ok(false);
        }
        let mut pos = 0;
        loop {
            let step = {
                let this = self.lock(py);
                this.step(&mut pos).map(|(at, key, value)| (this.table().hash_of(at), key, value))
            };
            let Some((hash, key, value)) = step else { return Ok(true) };
            match other.get_known(py, &key, hash)? {
                Some(found) if value.eq(py, &found)? => {}
                _ => return Ok(false),
            }
        }
    }

    /// `self[key]`, with `__missing__` of subtypes.
    pub fn subscript(py: Attached<'_>, this: &Dict, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(value) = this.get(py, key)? {
            return Ok(value);
        }
        if this.as_object().downcast_exact::<Dict>().is_none()
            && let Some(missing) = this.as_object().lookup_special(py, id!(py, __missing__))?
        {
            return missing.call_pos(py, &[key]);
        }
        Err(key_error(py, key))
    }

    pub fn ass_subscript(py: Attached<'_>, this: &Dict, key: &Object, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(value) => this.set(py, key, value),
            None => match this.remove(py, key)? {
                Some(_) => Ok(()),
                None => Err(key_error(py, key)),
            },
        }
    }

    pub(super) fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (Some(left), Some(_)) = (left.downcast::<Dict>(), right.downcast::<Dict>()) else {
            return Ok(crate::not_implemented());
        };
        let result = left.copy(py)?;
        result.update(py, right)?;
        Ok(result.upcast())
    }

    pub(super) fn inplace_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(this) = left.downcast::<Dict>() else { return Ok(crate::not_implemented()) };
        this.update(py, right)?;
        Ok(left.to_ref())
    }

    pub(crate) fn sizeof(py: Attached<'_>, this: &Dict) -> PyResult<usize> {
        let base = this.as_object().ty().as_type().tp_basicsize.get() as usize;
        let this = this.lock(py);
        let mut size = base;
        if let Some(values) = this.split() {
            size += super::Values::bytes(values.capacity());
        }
        let table = this.table();
        if table.kind() != Kind::Shared && !table.is_static_empty() {
            size += table.byte_size();
        }
        Ok(size)
    }

    pub(super) fn py_get(py: Attached<'_>, this: &Dict, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let [Some(key), default] = args else { return Err(py.bad_internal_call()) };
        Ok(match this.get(py, key)? {
            Some(value) => value,
            None => default.map_or_else(crate::none, Layout::to_ref),
        })
    }

    pub(super) fn py_setdefault(py: Attached<'_>, this: &Dict, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let [Some(key), default] = args else { return Err(py.bad_internal_call()) };
        let none = crate::none();
        Ok(this.set_default(py, key, default.unwrap_or(&none))?.0)
    }

    pub(super) fn py_pop(py: Attached<'_>, this: &Dict, args: Args<'_>) -> PyResult<Ref<Object>> {
        let args = args.unpack(py, "pop", 1, 2)?;
        let found = if this.is_empty() { None } else { this.remove(py, args[0])? };
        match (found, args) {
            (Some(value), _) => Ok(value),
            (None, [_, default]) => Ok(default.to_ref()),
            (None, _) => Err(key_error(py, args[0])),
        }
    }

    pub(super) fn popitem(py: Attached<'_>, this: &Dict) -> PyResult<Ref<Tuple>> {
        let pair = this.lock(py).delete_last(py)?;
        match pair {
            Some((key, value)) => Tuple::from_vec(py, vec![key, value]),
            None => Err(raise!(py, KeyError, "popitem(): dictionary is empty")),
        }
    }

    /// Makes room for `count` pairs in all.
    pub fn reserve(&self, py: Attached<'_>, count: usize) -> PyResult<()> {
        let this = self.lock(py);
        let wanted = log2_for(count);
        if this.split().is_none() && this.table().log2() < wanted {
            let kind = this.table().kind();
            this.resize(py, wanted, kind)?;
        }
        Ok(())
    }

    /// Removes a key for which `matches(value)` holds (`_PyDict_DelItemIf`); whether it did. `matches` runs no Python code.
    pub fn remove_if(&self, py: Attached<'_>, key: &Object, matches: impl FnOnce(&Object) -> bool) -> PyResult<bool> {
        let hash = hash_key(py, key)?;
        let removed = {
            let this = self.lock(py);
            match this.find(py, key, hash)? {
                Some(at) if this.value_at(at).is_some_and(|value| matches(&value)) => this.delete(py, at)?,
                _ => None,
            }
        };
        Ok(removed.is_some())
    }
}

/// Adds a note to the pending exception.
fn add_note(py: Attached<'_>, error: crate::Raised, note: &str) -> crate::Raised {
    let exception = error.take(py);
    match Str::new(py, note)
        .and_then(|note| exception.as_object().call_method(py, id!(py, add_note), &[note.as_object()]))
    {
        Ok(_) => py.restore(exception),
        Err(error) => error,
    }
}
