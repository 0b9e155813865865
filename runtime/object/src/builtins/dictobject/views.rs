//! `dict_keys`, `dict_values` and `dict_items`.
use super::{Dict, DictIter, DictIterKind};
use crate::builtins::container::{ReprGuard, TextBuilder};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyObject;
use crate::typedef::CompareOp;
use crate::{Bool, FrozenSet, Object, PyResult, Set, Str, Tuple, id, mem, pytype};
use std::ffi::c_int;
use std::ptr::NonNull;

/// The layout of all three views.
#[repr(C)]
pub struct View {
    ob_base: PyObject,
    dict: Slot<Dict>,
}

/// `dict_keys`.
#[repr(transparent)]
pub struct DictKeysView(View);
/// `dict_values`.
#[repr(transparent)]
pub struct DictValues(View);
/// `dict_items`.
#[repr(transparent)]
pub struct DictItems(View);

macro_rules! set_like_view {
    ($rust:ident, $symbol:ident, $name:literal, $kind:ident) => {
        pytype! {
            #[unsafe(no_mangle)]
            pub static $symbol: $name for $rust {
                base: crate::Object,
                flags: [HAVE_GC],
                slots: {
                    tp_dealloc = $rust::dealloc,
                    tp_repr = |py: Attached<'_>, this: &$rust| repr(py, this.as_object(), &this.0, DictIterKind::$kind),
                    tp_traverse = |this: &$rust, visit: Visit<'_>| this.0.traverse(visit),
                    tp_richcompare = |py: Attached<'_>, this: &$rust, other: &Object, op: CompareOp| compare(py, this.as_object(), other, op),
                    tp_iter = |py: Attached<'_>, this: &$rust| DictIter::make(py, this.0.dict(), DictIterKind::$kind, false),
                    sq_length = |_, this: &$rust| Ok(this.0.dict().len()),
                    sq_contains = $rust::contains,
                    nb_subtract = subtract,
                    nb_and = intersect,
                    nb_xor = symmetric_difference,
                    nb_or = union,
                },
                methods: {
                    o "isdisjoint" => |py: Attached<'_>, this: &$rust, other: &Object| is_disjoint(py, this.as_object(), other), "($self, object, /)", "Return whether the view and an iterable have nothing in common.";
                    noargs "__reversed__" => |py: Attached<'_>, this: &$rust| DictIter::make(py, this.0.dict(), DictIterKind::$kind, true), "($self, /)", "Return an iterator, last added first.";
                },
                getset: {
                    "mapping" => |py: Attached<'_>, this: &$rust| mapping(py, this.0.dict()), "The dict that the view shows, read-only.";
                },
            }
        }
        view_common!($rust);
    };
}

macro_rules! view_common {
    ($rust:ident) => {
        impl $rust {
            pub fn new(py: Attached<'_>, dict: &Dict) -> PyResult<Ref<$rust>> {
                mem::new_instance(py, $rust::type_object(), |view: &$rust| {
                    drop(view.0.dict.replace(Some(dict.to_ref())));
                })
            }

            /// The dict that the view shows.
            pub(crate) fn viewed(&self) -> &Dict {
                self.0.dict()
            }

            pub(crate) fn traverse_view(&self, visit: Visit<'_>) -> Result<(), c_int> {
                self.0.traverse(visit)
            }

            /// Lets go of the dict, when the view is deallocated.
            pub(crate) fn release_view(&self) {
                drop(self.0.dict.take());
            }

            /// # Safety
            /// The `tp_dealloc` of the type.
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<$rust>) {
                // SAFETY: by the contract.
                unsafe { mem::dealloc_with(py, this, |view| drop(view.0.dict.take())) };
            }
        }
    };
}

set_like_view!(DictKeysView, PyDictKeys_Type, "dict_keys", Keys);
set_like_view!(DictItems, PyDictItems_Type, "dict_items", Items);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyDictValues_Type: "dict_values" for DictValues {
        base: crate::Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = DictValues::dealloc,
            tp_repr = |py: Attached<'_>, this: &DictValues| repr(py, this.as_object(), &this.0, DictIterKind::Values),
            tp_traverse = |this: &DictValues, visit: Visit<'_>| this.0.traverse(visit),
            tp_iter = |py: Attached<'_>, this: &DictValues| DictIter::make(py, this.0.dict(), DictIterKind::Values, false),
            sq_length = |_, this: &DictValues| Ok(this.0.dict().len()),
        },
        methods: {
            noargs "__reversed__" => |py: Attached<'_>, this: &DictValues| DictIter::make(py, this.0.dict(), DictIterKind::Values, true), "($self, /)", "Return an iterator, last added first.";
        },
        getset: {
            "mapping" => |py: Attached<'_>, this: &DictValues| mapping(py, this.0.dict()), "The dict that the view shows, read-only.";
        },
    }
}
view_common!(DictValues);

/// A view of type `ty`, one of the view types or a static subtype of one.
pub(crate) fn new_view(py: Attached<'_>, ty: &crate::Type, dict: &Dict) -> PyResult<Ref<Object>> {
    let raw = mem::alloc_instance(py, ty, 0)?;
    // SAFETY: [layout]: a fresh instance; all view types have this layout.
    unsafe {
        let object = Ref::<Object>::from_raw(raw.as_ptr());
        drop((*raw.as_ptr().cast::<View>()).dict.replace(Some(dict.to_ref())));
        crate::gc::track(&object);
        Ok(object)
    }
}

impl View {
    /// The dict that the view shows.
    #[inline(always)]
    fn dict(&self) -> &Dict {
        // SAFETY: [frozen]: set when the view is made and kept until deallocation.
        unsafe { &*self.dict.raw().cast::<Dict>() }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.dict)
    }
}

impl DictKeysView {
    fn contains(py: Attached<'_>, this: &DictKeysView, key: &Object) -> PyResult<bool> {
        this.0.dict().contains(py, key)
    }
}

impl DictItems {
    fn contains(py: Attached<'_>, this: &DictItems, pair: &Object) -> PyResult<bool> {
        let Some([key, value]) = pair.downcast::<Tuple>().map(Tuple::as_slice) else { return Ok(false) };
        match this.0.dict().get(py, key)? {
            Some(found) => found.eq(py, value),
            None => Ok(false),
        }
    }
}

fn repr(py: Attached<'_>, view: &Object, state: &View, kind: DictIterKind) -> PyResult<Ref<Str>> {
    let name = view.ty().name();
    let Some(_guard) = ReprGuard::enter(py, view)? else {
        return Str::new(py, "...");
    };
    let items = state.dict().items_snapshot(py)?;
    let mut text = TextBuilder::new();
    text.push_str(&name);
    text.push_str("([");
    for (at, (key, value)) in items.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        match kind {
            DictIterKind::Keys => text.push(&*key.repr(py)?),
            DictIterKind::Values => text.push(&*value.repr(py)?),
            DictIterKind::Items => {
                text.push_str("(");
                text.push(&*key.repr(py)?);
                text.push_str(", ");
                text.push(&*value.repr(py)?);
                text.push_str(")");
            }
        }
    }
    text.push_str("])");
    text.finish(py)
}

fn mapping(py: Attached<'_>, dict: &Dict) -> PyResult<Ref<Object>> {
    Ok(crate::builtins::descrobject::MappingProxy::new(py, dict.as_object())?.upcast())
}

fn is_set_view(object: &Object) -> bool {
    object.downcast::<DictKeysView>().is_some() || object.downcast::<DictItems>().is_some()
}

fn is_any_set(object: &Object) -> bool {
    object.downcast::<Set>().is_some() || object.downcast::<FrozenSet>().is_some()
}

/// Whether every item of `inner` is in `outer`.
fn all_contained(py: Attached<'_>, inner: &Object, outer: &Object) -> PyResult<bool> {
    let iter = inner.iter(py)?;
    while let Some(item) = iter.iter_next(py)? {
        if !outer.contains(py, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(py: Attached<'_>, this: &Object, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
    if !is_set_view(other) && !is_any_set(other) {
        return Ok(crate::not_implemented());
    }
    let (left, right) = (this.len(py)?, other.len(py)?);
    let verdict = match op {
        CompareOp::Eq => left == right && all_contained(py, this, other)?,
        CompareOp::Ne => !(left == right && all_contained(py, this, other)?),
        CompareOp::Lt => left < right && all_contained(py, this, other)?,
        CompareOp::Le => left <= right && all_contained(py, this, other)?,
        CompareOp::Gt => left > right && all_contained(py, other, this)?,
        CompareOp::Ge => left >= right && all_contained(py, other, this)?,
    };
    Ok(Bool::of(verdict).as_object().to_ref())
}

fn as_set(py: Attached<'_>, items: &Object) -> PyResult<Ref<Set>> {
    let set = Set::new(py)?;
    set.update(py, items)?;
    Ok(set)
}

fn subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let result = as_set(py, left)?;
    result.as_object().call_method(py, id!(py, difference_update), &[right])?;
    Ok(result.upcast())
}

fn union(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let result = as_set(py, left)?;
    result.update(py, right)?;
    Ok(result.upcast())
}

fn symmetric_difference(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let result = as_set(py, left)?;
    result.as_object().call_method(py, id!(py, symmetric_difference_update), &[right])?;
    Ok(result.upcast())
}

fn intersect(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    // One operand is a view; let the view be asked and the other be iterated.
    let (mut view, mut other) = if is_set_view(left) { (left, right) } else { (right, left) };
    if is_set_view(other) && other.len(py)? > view.len(py)? {
        std::mem::swap(&mut view, &mut other);
    }
    if let Some(set) = other.downcast_exact::<Set>()
        && set.len() > view.len(py)?
        && view.downcast::<DictKeysView>().is_some()
    {
        let result = set.as_object().call_method(py, id!(py, intersection), &[view])?;
        return Ok(result);
    }
    let result = Set::new(py)?;
    let iter = other.iter(py)?;
    while let Some(item) = iter.iter_next(py)? {
        if view.contains(py, &item)? {
            result.add(py, &item)?;
        }
    }
    Ok(result.upcast())
}

fn is_disjoint(py: Attached<'_>, this: &Object, other: &Object) -> PyResult<bool> {
    if std::ptr::eq(this, other) {
        return Ok(this.len(py)? == 0);
    }
    let (mut asked, mut iterated) = (this, other);
    if (is_any_set(other) || is_set_view(other)) && other.len(py)? > this.len(py)? {
        (asked, iterated) = (other, this);
    }
    let iter = iterated.iter(py)?;
    while let Some(item) = iter.iter_next(py)? {
        if asked.contains(py, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}
