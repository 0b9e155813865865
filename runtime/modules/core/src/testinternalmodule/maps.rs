//! `_testinternalcapi.hamt`: the map behind contexts as an object, with keys of any kind.
use crate::hamt::Map;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Fixed, State, alloc, ready, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Tuple, exc, functions, none, not_implemented,
    pytype,
};
use std::collections::VecDeque;
use std::mem::offset_of;

krait_object::native! {
    /// An immutable map.
    pub struct Hamt { map: Fixed<Map>, weaklist: Field<*mut PyObject> }
}
pytype! {
    static HAMT_TYPE: "hamt" for Hamt {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "An immutable map.",
        slots: {
            tp_dealloc = Hamt::dealloc,
            tp_traverse = Hamt::traverse,
            tp_iter = |py: Attached<'_>, this: &Hamt| this.iterate(py, Part::Keys),
            tp_richcompare = Hamt::compare,
            raw tp_weaklistoffset = offset_of!(Hamt, weaklist) as isize,
            mp_length = |_: Attached<'_>, this: &Hamt| Ok(this.map().len()),
            mp_subscript = Hamt::subscript,
            sq_contains = |py: Attached<'_>, this: &Hamt, key: &Object| Ok(this.find(py, key)?.is_some()),
        },
        methods: {
            sig "set" => Hamt::set, "($self, key, value, /)", "The map with a key set.";
            sig "get" => Hamt::get, "($self, key, default=None, /)", "The value of a key, or the default.";
            o "delete" => Hamt::delete, "($self, key, /)", "The map without a key; the map itself when it does not have it.";
            noargs "items" => |py: Attached<'_>, this: &Hamt| this.iterate(py, Part::Items), "($self, /)", "Iterates over pairs.";
            noargs "keys" => |py: Attached<'_>, this: &Hamt| this.iterate(py, Part::Keys), "($self, /)", "Iterates over keys.";
            noargs "values" => |py: Attached<'_>, this: &Hamt| this.iterate(py, Part::Values), "($self, /)", "Iterates over values.";
        },
    }
}

/// What an iteration gives.
#[derive(Clone, Copy)]
enum Part {
    Keys,
    Values,
    Items,
}

impl Hamt {
    fn make(py: Attached<'_>, map: Map) -> PyResult<Ref<Hamt>> {
        let this = alloc::<Hamt>(py, ready::<Hamt>(py)?)?;
        this.map.init(map);
        Ok(this)
    }

    fn map(&self) -> &Map {
        self.map.get().unwrap_or(const { &Map::EMPTY })
    }

    fn find(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        self.map().find(py, key.hash(py)?, key)
    }

    fn subscript(py: Attached<'_>, this: &Hamt, key: &Object) -> PyResult<Ref<Object>> {
        this.find(py, key)?.ok_or_else(|| py.raise_value(exc::KeyError(), key))
    }

    fn set(py: Attached<'_>, this: &Hamt, [key, value]: [Arg<'_>; 2]) -> PyResult<Ref<Hamt>> {
        let (key, value) = (required(py, key)?, required(py, value)?);
        match this.map().with(py, key.hash(py)?, key.to_ref(), value.to_ref())? {
            Some(map) => Hamt::make(py, map),
            None => Ok(this.to_ref()),
        }
    }

    fn get(py: Attached<'_>, this: &Hamt, [key, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let found = this.find(py, required(py, key)?)?;
        Ok(found.unwrap_or_else(|| default.map_or_else(none, |default| default.to_ref())))
    }

    fn delete(py: Attached<'_>, this: &Hamt, key: &Object) -> PyResult<Ref<Hamt>> {
        match this.map().without(py, key.hash(py)?, key)? {
            Some(map) => Hamt::make(py, map),
            None => Ok(this.to_ref()),
        }
    }

    fn compare(py: Attached<'_>, this: &Hamt, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), true) = (other.downcast::<Hamt>(), matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(not_implemented());
        };
        let mut same = this.map().len() == other.map().len();
        for pair in this.map().pairs() {
            if !same {
                break;
            }
            same = match other.find(py, &pair.key)? {
                Some(value) => pair.value.eq(py, &value)?,
                None => false,
            };
        }
        (same == (op == CompareOp::Eq)).into_object(py)
    }

    fn iterate(&self, py: Attached<'_>, part: Part) -> PyResult<Ref<Walk>> {
        let pairs = self.map().pairs().into_iter().map(|pair| match part {
            Part::Keys => Ok(pair.key),
            Part::Values => Ok(pair.value),
            Part::Items => Ok(Tuple::pair(py, pair.key, pair.value)?.upcast()),
        });
        let rest = pairs.collect::<PyResult<VecDeque<_>>>()?;
        let walk = alloc::<Walk>(py, ready::<Walk>(py)?)?;
        drop(walk.map.replace(Some(self.to_ref())));
        walk.rest.init(rest);
        Ok(walk)
    }
}

krait_object::native! {
    /// An iterator over a map, which also knows how many pairs the map has.
    pub struct Walk { map: Slot<Hamt>, rest: State<VecDeque<Ref<Object>>> }
}
pytype! {
    static WALK_TYPE: "hamt_iterator" for Walk {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "An iterator over an immutable map.",
        slots: {
            tp_dealloc = Walk::dealloc,
            tp_traverse = Walk::traverse,
            tp_clear = |_: Attached<'_>, this: &Walk| { let old = std::mem::take(&mut *this.rest.lock()); drop(old); drop(this.map.take()); },
            tp_iter = |_: Attached<'_>, this: &Walk| -> PyResult<Ref<Walk>> { Ok(this.to_ref()) },
            tp_iternext = |_: Attached<'_>, this: &Walk| -> PyResult<Option<Ref<Object>>> { Ok(this.rest.lock().pop_front()) },
            mp_length = |_: Attached<'_>, this: &Walk| Ok(this.map.get().map_or(0, |map| map.map().len())),
        },
    }
}

fn hamt(py: Attached<'_>, _: &Object) -> PyResult<Ref<Hamt>> {
    Hamt::make(py, Map::default())
}

/// Adds the function to `_testinternalcapi`.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "hamt" => hamt, "", "An empty immutable map.";
        },
    )
}
