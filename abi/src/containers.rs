//! `listobject.h`, `tupleobject.h`, `dictobject.h`, `setobject.h`, `sliceobject.h`, `iterobject.h`.
use crate::capi::*;
use crate::object::or_report;
use krait_layout::*;
use krait_object::setobject::AnySet;
use krait_object::{Attached, Dict, FrozenSet, Layout, List, Object, PyResult, Ref, Set, Slice, Tuple, raise};
use std::ffi::{c_char, c_int};
use std::ptr;

fn list_index(py: Attached<'_>, list: &List, index: isize) -> PyResult<Ref<Object>> {
    usize::try_from(index)
        .ok()
        .and_then(|index| list.get(py, index))
        .ok_or_else(|| raise!(py, IndexError, "list index out of range"))
}

fn clamp(list_len: usize, low: isize, high: isize) -> (usize, usize) {
    let low = low.clamp(0, list_len as isize) as usize;
    (low, high.clamp(low as isize, list_len as isize) as usize)
}

capi! {
    fn PyList_New(py, size: isize) -> Ref<List> {
        match size {
            0 => List::new(py),
            size if size > 0 => List::with_null_items(py, size as usize),
            _ => Err(py.bad_internal_call()),
        }
    }
    fn PyList_Size(py, list: &List) -> isize { Ok(list.len() as isize) }
    fn PyList_GetItem(py, list: &List, index: isize) -> Lent { list_index(py, list, index).map(Lent::of) }
    fn PyList_GetItemRef(py, list: &Object, index: isize) -> Ref<Object> {
        match list.downcast::<List>() {
            Some(list) => list_index(py, list, index),
            None => Err(raise!(py, TypeError, "expected a list")),
        }
    }
    fn PyList_SetItem(py, list: Stolen, index: isize, item: Stolen) -> () {
        // The list is borrowed: C does not give it away.
        let Some(list) = list.map(std::mem::ManuallyDrop::new) else { return Err(py.bad_internal_call()) };
        let list = list.downcast_ref_list(py)?;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let old = set_list_item(py, list, index, item);
        old.map(drop)
    }
    fn PyList_Insert(py, list: &List, index: isize, item: &Object) -> () { list.insert(py, index, item.to_ref()) }
    fn PyList_Append(py, list: &List, item: &Object) -> () { list.push(py, item.to_ref()) }
    fn PyList_GetSlice(py, list: &List, low: isize, high: isize) -> Ref<List> {
        let (low, high) = clamp(list.len(), low, high);
        list.slice(py, low, high)
    }
    fn PyList_SetSlice(py, list: &List, low: isize, high: isize, items: Option<&Object>) -> () {
        let items = match items {
            Some(items) if items.ty().as_type().tp_iter.get().is_none() && !items.is_sequence() => return Err(raise!(py, TypeError, "can only assign an iterable")),
            Some(items) => items.collect(py)?,
            None => Vec::new(),
        };
        let (low, high) = clamp(list.len(), low, high);
        list.set_slice(py, low, high, items)
    }
    fn PyList_Extend(py, list: &List, items: &Object) -> () { list.extend(py, items) }
    fn PyList_Clear(py, list: &List) -> () { list.clear(py); Ok(()) }
    fn PyList_Sort(py, list: &List) -> () { list.sort(py, None, false) }
    fn PyList_Reverse(py, list: &List) -> () { list.reverse(py); Ok(()) }
    fn PyList_AsTuple(py, list: &List) -> Ref<Tuple> { list.to_tuple(py) }
    fn _PyList_Extend(py, list: &List, items: &Object) -> Ref<Object> { list.extend(py, items)?; Ok(krait_object::none()) }

    fn PyTuple_New(py, size: isize) -> Ref<Tuple> {
        if size < 0 { return Err(py.bad_internal_call()); }
        if size == 0 { return Ok(Tuple::empty(py)); }
        let raw = krait_object::mem::alloc_instance(py, Tuple::type_object(), size as usize)?;
        let tuple = Ref::<Tuple>::from_raw(raw.as_ptr());
        tuple.raw().ob_hash.set(-1);
        krait_object::gc::track(tuple.as_object());
        Ok(tuple)
    }
    fn PyTuple_Size(py, tuple: &Tuple) -> isize { Ok(tuple.len() as isize) }
    fn PyTuple_GetItem(py, tuple: &Tuple, index: isize) -> Lent {
        let item = usize::try_from(index).ok().filter(|index| *index < tuple.len());
        match item {
            Some(index) => Ok(Lent(*tuple_items(tuple).add(index))),
            None => Err(raise!(py, IndexError, "tuple index out of range")),
        }
    }
    fn PyTuple_SetItem(py, tuple: &Tuple, index: isize, item: Stolen) -> () {
        if !krait_object::mode::is_uniquely_referenced(tuple.as_object()) { return Err(py.bad_internal_call()); }
        if index < 0 || index as usize >= tuple.len() {
            return Err(raise!(py, IndexError, "tuple assignment index out of range"));
        }
        let slot = tuple_items(tuple).add(index as usize);
        let old = *slot;
        *slot = item.map_or(ptr::null_mut(), Ref::into_raw);
        drop(Ref::<Object>::from_raw_opt(old));
        Ok(())
    }
    fn PyTuple_GetSlice(py, tuple: &Tuple, low: isize, high: isize) -> Ref<Tuple> {
        let (low, high) = clamp(tuple.len(), low, high);
        if low == 0 && high == tuple.len() && Layout::as_object(tuple).downcast_exact::<Tuple>().is_some() {
            return Ok(tuple.to_ref());
        }
        tuple.slice(py, low, high)
    }
    fn _PyTuple_Resize(py, place: *mut *mut PyObject, size: isize) -> () {
        let old = Ref::<Object>::from_raw_opt(std::mem::replace(&mut *place, ptr::null_mut()));
        let Some(Ok(old)) = old.map(Ref::downcast::<Tuple>) else { return Err(py.bad_internal_call()) };
        // Only its maker may change a tuple. The empty one is everybody's, but has nothing to change.
        let is_own = old.is_empty() || krait_object::mode::is_uniquely_referenced(old.as_object());
        if size < 0 || !is_own { return Err(py.bad_internal_call()); }
        if old.len() == size as usize {
            *place = old.into_raw();
            return Ok(());
        }
        let Some(new) = Ref::<Tuple>::from_raw_opt(PyTuple_New(size)) else { return Err(krait_object::Raised::assume()) };
        for index in 0..old.len().min(size as usize) {
            let item = *tuple_items(&old).add(index);
            if !item.is_null() { krait_object::mode::incref(item) }
            *tuple_items(&new).add(index) = item;
        }
        *place = new.into_raw();
        Ok(())
    }

    fn PyDict_New(py) -> Ref<Dict> { Dict::new(py) }
    fn _PyDict_NewPresized(py, count: isize) -> Ref<Dict> { Dict::with_capacity(py, count.max(0) as usize, false) }
    fn PyDictProxy_New(py, mapping: &Object) -> Ref<krait_object::descrobject::MappingProxy> { krait_object::descrobject::MappingProxy::new(py, mapping) }
    fn PyDict_Clear(py, dict: &Dict) -> Void { dict.clear(py); Ok(Void) }
    fn PyDict_Contains(py, dict: &Dict, key: &Object) -> bool { dict.contains(py, key) }
    fn PyDict_ContainsString(py, dict: &Dict, key: Text<'_>) -> bool { dict.contains(py, key.obj(py)?.as_object()) }
    fn PyDict_Copy(py, dict: &Dict) -> Ref<Dict> { dict.copy(py) }
    fn PyDict_SetItem(py, dict: &Dict, key: &Object, value: &Object) -> () { dict.set(py, key, value) }
    fn PyDict_SetItemString(py, dict: &Dict, key: Text<'_>, value: &Object) -> () { dict.set_str(py, key.0, value) }
    fn _PyDict_SetItem_KnownHash(py, dict: &Dict, key: &Object, value: &Object, hash: isize) -> () { dict.set_known(py, key, hash, value) }
    fn PyDict_DelItem(py, dict: &Dict, key: &Object) -> () { remove(py, dict, key) }
    fn PyDict_DelItemString(py, dict: &Dict, key: Text<'_>) -> () { remove(py, dict, key.obj(py)?.as_object()) }
    fn PyDict_GetItemWithError(py, dict: &Dict, key: &Object) -> Lent { Ok(dict.get(py, key)?.map_or(Lent(ptr::null_mut()), Lent::of)) }
    fn _PyDict_GetItem_KnownHash(py, dict: &Dict, key: &Object, hash: isize) -> Lent {
        Ok(dict.get_known(py, key, hash)?.map_or(Lent(ptr::null_mut()), Lent::of))
    }
    fn _PyDict_GetItemStringWithError(py, dict: &Dict, key: Text<'_>) -> Lent { Ok(dict.get_str(py, key.0).map_or(Lent(ptr::null_mut()), Lent::of)) }
    fn PyDict_GetItemRef(py, dict: &Dict, key: &Object, out: Out) -> bool { Ok(out.set(dict.get(py, key)?)) }
    fn PyDict_GetItemStringRef(py, dict: &Dict, key: Text<'_>, out: Out) -> bool { Ok(out.set(dict.get(py, key.obj(py)?.as_object())?)) }
    fn PyDict_SetDefault(py, dict: &Dict, key: &Object, default: Option<&Object>) -> Lent {
        Ok(Lent::of(dict.set_default(py, key, default.unwrap_or(krait_object::none_borrowed()))?.0))
    }
    fn PyDict_SetDefaultRef(py, dict: &Dict, key: &Object, default: &Object, out: Out) -> bool {
        let (value, was_there) = dict.set_default(py, key, default)?;
        out.set(Some(value));
        Ok(was_there)
    }
    fn PyDict_Pop(py, dict: &Dict, key: Option<&Object>, out: Out) -> bool {
        // The key is not looked at where there is nothing to find.
        match key {
            _ if dict.is_empty() => Ok(false),
            Some(key) => Ok(out.set(dict.remove(py, key)?)),
            None => Err(null_argument(py)),
        }
    }
    fn PyDict_PopString(py, dict: &Dict, key: Text<'_>, out: Out) -> bool { Ok(out.set(dict.remove(py, key.obj(py)?.as_object())?)) }
    fn _PyDict_Pop(py, dict: &Dict, key: &Object, default: Option<&Object>) -> Ref<Object> {
        match (dict.remove(py, key)?, default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_ref()),
            (None, None) => Err(py.raise_value(krait_object::exc::KeyError(), key)),
        }
    }
    fn PyDict_Items(py, dict: &Dict) -> Ref<List> {
        let mut items = Vec::new();
        for (key, value) in dict.items_snapshot(py)? {
            items.push(Tuple::pair(py, key, value)?.upcast());
        }
        List::from_vec(py, items)
    }
    fn PyDict_Keys(py, dict: &Dict) -> Ref<List> { List::from_vec(py, dict.items_snapshot(py)?.into_iter().map(|pair| pair.0).collect()) }
    fn PyDict_Values(py, dict: &Dict) -> Ref<List> { List::from_vec(py, dict.items_snapshot(py)?.into_iter().map(|pair| pair.1).collect()) }
    fn PyDict_Size(py, dict: &Dict) -> isize { Ok(dict.len() as isize) }
    fn PyDict_Merge(py, dict: &Dict, other: &Object, overwrite: c_int) -> () { dict.merge(py, other, overwrite != 0) }
    fn PyDict_Update(py, dict: &Dict, other: &Object) -> () { dict.merge(py, other, true) }
    fn PyDict_MergeFromSeq2(py, dict: &Dict, pairs: &Object, overwrite: c_int) -> () { dict.merge_pairs(py, pairs, overwrite != 0) }

    fn PySet_New(py, items: Option<&Object>) -> Ref<Set> {
        let set = Set::new(py)?;
        if let Some(items) = items { set.update(py, items)? }
        Ok(set)
    }
    fn PyFrozenSet_New(py, items: Option<&Object>) -> Ref<FrozenSet> {
        match items { Some(items) => FrozenSet::from_iterable(py, items), None => FrozenSet::from_items(py, &[]) }
    }
    fn PySet_Size(py, set: &Object) -> isize { Ok(any_set(py, set)?.len() as isize) }
    fn PySet_Contains(py, set: &Object, key: &Object) -> bool {
        let set = any_set(py, set)?;
        // Unlike the method, a set is not taken for its frozen form.
        krait_object::setobject::hash_item(py, key)?;
        set.contains(py, key)
    }
    fn PySet_Add(py, set: &Object, key: &Object) -> () {
        if let Some(set) = set.downcast::<Set>() { return set.add(py, key).map(drop); }
        // A frozen set may be filled before anybody else sees it.
        if !krait_object::mode::is_uniquely_referenced(set) { return Err(py.bad_internal_call()); }
        any_set(py, set)?.update(py, Tuple::from_slice(py, &[key])?.as_object())
    }
    fn PySet_Discard(py, set: &Set, key: &Object) -> bool { set.discard(py, key) }
    fn PySet_Pop(py, set: &Set) -> Ref<Object> { set.pop(py).ok_or_else(|| raise!(py, KeyError, "pop from an empty set")) }
    fn PySet_Clear(py, set: &Set) -> () { set.clear(py); Ok(()) }
    fn _PySet_Update(py, set: &Set, items: &Object) -> () { set.update(py, items) }

    fn PySlice_New(py, start: Option<&Object>, stop: Option<&Object>, step: Option<&Object>) -> Ref<Slice> { Slice::new(py, start, stop, step) }
    fn PySlice_Unpack(py, slice: &Slice, start: *mut isize, stop: *mut isize, step: *mut isize) -> () {
        (*start, *stop, *step) = slice.unpack(py)?;
        Ok(())
    }
    fn PySlice_GetIndicesEx(py, slice: &Slice, len: isize, start: *mut isize, stop: *mut isize, step: *mut isize, count: *mut isize) -> () {
        let (first, last, by) = slice.unpack(py)?;
        let (first, last, number) = Slice::adjust_any(len, first, last, by);
        (*start, *stop, *step, *count) = (first, last, by, number as isize);
        Ok(())
    }
    fn PySlice_GetIndices(py, slice: &Slice, len: isize, start: *mut isize, stop: *mut isize, step: *mut isize) -> () {
        let get = |value: &Object, default: isize| -> PyResult<isize> {
            match value.downcast::<krait_object::Int>() {
                None if value.is_none() => Ok(default),
                None => Err(krait_object::Raised::assume()),
                Some(at) => at.as_object().as_isize(py).map(|at| if at < 0 { at.wrapping_add(len) } else { at }),
            }
        };
        *step = match slice.step().downcast::<krait_object::Int>() {
            None if slice.step().is_none() => 1,
            // This old function fails without saying why.
            None => return Err(krait_object::Raised::assume()),
            Some(step) => step.as_object().as_isize(py)?,
        };
        *start = get(slice.start(), if *step < 0 { len - 1 } else { 0 })?;
        *stop = get(slice.stop(), if *step < 0 { -1 } else { len })?;
        if *stop > len || *start >= len || *step == 0 { return Err(krait_object::Raised::assume()); }
        Ok(())
    }
    fn PySeqIter_New(py, sequence: &Object) -> Ref<Object> { Ok(krait_object::protocols::iter::SeqIter::new(py, sequence)?.upcast()) }
    fn PyCallIter_New(py, callable: &Object, sentinel: &Object) -> Ref<Object> {
        Ok(krait_object::protocols::iter::CallIter::new(py, callable, sentinel)?.upcast())
    }
}

trait AsList {
    fn downcast_ref_list(&self, py: Attached<'_>) -> PyResult<&List>;
}
impl AsList for Ref<Object> {
    fn downcast_ref_list(&self, py: Attached<'_>) -> PyResult<&List> {
        (**self).downcast::<List>().ok_or_else(|| py.bad_internal_call())
    }
}

/// Stores an item (or NULL) in a list; gives back what was there.
unsafe fn set_list_item(py: Attached<'_>, list: &List, index: usize, item: Stolen) -> PyResult<Stolen> {
    let error = || raise!(py, IndexError, "list assignment index out of range");
    match item {
        Some(item) => list.lock(py).replace(index, item).map_err(|_item| error()),
        None if index < list.len() => {
            let _locked = list.lock(py);
            // SAFETY: the index is in range and the list is locked.
            unsafe {
                let slot = list.raw().ob_item.get().add(index).cast::<*mut PyObject>();
                let old = *slot;
                *slot = ptr::null_mut();
                Ok(Ref::from_raw_opt(old))
            }
        }
        None => Err(error()),
    }
}

/// The items of a tuple as C writes them.
fn tuple_items(tuple: &Tuple) -> *mut *mut PyObject {
    tuple.raw().ob_item.as_ptr().cast_mut().cast()
}

fn remove(py: Attached<'_>, dict: &Dict, key: &Object) -> PyResult<()> {
    match dict.remove(py, key)? {
        Some(_) => Ok(()),
        None => Err(py.raise_value(krait_object::exc::KeyError(), key)),
    }
}

pub(crate) fn any_set<'a>(py: Attached<'_>, object: &'a Object) -> PyResult<&'a AnySet> {
    if let Some(set) = object.downcast::<Set>() {
        return Ok(set.any());
    }
    match object.downcast::<FrozenSet>() {
        Some(set) => Ok(set.any()),
        None => Err(py.bad_internal_call()),
    }
}

capi_raw! {
    fn PyDict_GetItem(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
        let py = Attached::from_tls();
        let Some(dict) = Object::from_ptr(dict).downcast::<Dict>() else { return ptr::null_mut() };
        let kept = py.take_raised();
        let found = <&Object>::from_c(py, key).and_then(|key| dict.get_known(py, key, key.hash(py)?));
        let found = or_report(py, found, "PyDict_GetItem", "PyDict_GetItemRef() or PyDict_GetItemWithError()");
        if let Some(kept) = kept { let _ = py.restore(kept); }
        found.map_or(ptr::null_mut(), |found| found.as_ptr())
    }
    fn PyDict_GetItemString(dict: *mut PyObject, key: *const c_char) -> *mut PyObject {
        let py = Attached::from_tls();
        let Some(dict) = Object::from_ptr(dict).downcast::<Dict>() else { return ptr::null_mut() };
        let kept = py.take_raised();
        let found = Text::from_c(py, key).and_then(|key| dict.get(py, key.obj(py)?.as_object()));
        let found = or_report(py, found, "PyDict_GetItemString", "PyDict_GetItemStringRef()");
        if let Some(kept) = kept { let _ = py.restore(kept); }
        found.map_or(ptr::null_mut(), |found| found.as_ptr())
    }
    fn PyDict_Next(dict: *mut PyObject, at: *mut isize, key: *mut *mut PyObject, value: *mut *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        let Some(dict) = Object::from_ptr(dict).downcast::<Dict>() else { return 0 };
        let mut position = *at as usize;
        let Some((k, v)) = dict.next(py, &mut position) else { return 0 };
        *at = position as isize;
        // The dict keeps both alive: the results are borrowed.
        if !key.is_null() { *key = k.as_ptr() }
        if !value.is_null() { *value = v.as_ptr() }
        1
    }
    fn PySlice_AdjustIndices(len: isize, start: *mut isize, stop: *mut isize, step: isize) -> isize {
        let (first, last, count) = Slice::adjust_any(len, *start, *stop, step);
        (*start, *stop) = (first, last);
        count as isize
    }
}
