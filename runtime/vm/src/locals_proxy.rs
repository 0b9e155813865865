//! `FrameLocalsProxy`: the write-through view of a function's local variables (PEP 667).
//!
//! Names that are no local variables live in a dict of the frame object.
use crate::frame::Frame;
use crate::frameobject::FrameObject;
use crate::stackref::StackRef;
use krait_bytecode::flags::kind;
use krait_object::args::Args;
use krait_object::layout::PyFrameLocalsProxyObject;
use krait_object::typedef::CompareOp;
use krait_object::{Attached, Cell, Dict, Layout, List, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit};
use krait_object::{Bool, id, mem, none, not_implemented, raise};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Acquire;

/// The proxy.
#[repr(transparent)]
pub struct FrameLocalsProxy(PyFrameLocalsProxyObject);

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyFrameLocalsProxy_Type: "FrameLocalsProxy" for FrameLocalsProxy {
        base: Object,
        flags: [HAVE_GC, MAPPING],
        slots: {
            tp_dealloc = FrameLocalsProxy::dealloc,
            tp_repr = FrameLocalsProxy::repr,
            tp_richcompare = FrameLocalsProxy::richcompare,
            raw tp_hash = Some(proxy_hash),
            tp_traverse = FrameLocalsProxy::traverse,
            tp_clear = FrameLocalsProxy::clear_slot,
            tp_iter = FrameLocalsProxy::iter,
            tp_new = FrameLocalsProxy::construct,
            length = FrameLocalsProxy::len,
            mp_subscript = FrameLocalsProxy::get_item,
            mp_ass_subscript = FrameLocalsProxy::set_item,
            sq_contains = FrameLocalsProxy::contains,
            nb_or = FrameLocalsProxy::or,
            nb_inplace_or = FrameLocalsProxy::inplace_or,
        },
        methods: {
            noargs "__reversed__" => FrameLocalsProxy::reversed, "($self, /)", "The names in reverse order.";
            noargs "copy" => FrameLocalsProxy::copy, "($self, /)", "The variables as a dict.";
            noargs "keys" => FrameLocalsProxy::keys, "($self, /)", "The names.";
            noargs "values" => FrameLocalsProxy::values, "($self, /)", "The values.";
            noargs "items" => FrameLocalsProxy::items, "($self, /)", "Pairs of name and value.";
            o "update" => FrameLocalsProxy::update, "($self, other, /)", "Sets variables from a mapping.";
            sig "get" => FrameLocalsProxy::get, "($self, key, default=None, /)", "A variable, or the default.";
            sig "pop" => FrameLocalsProxy::pop, "($self, key, default=None, /)", "Removes an extra name.";
            sig "setdefault" => FrameLocalsProxy::set_default, "($self, key, default=None, /)", "A variable, set to the default if it has no value.";
        },
    }
}

unsafe extern "C" fn proxy_hash(_: *mut krait_object::layout::PyObject) -> isize {
    // SAFETY: [slot-contract].
    let py = unsafe { Attached::from_tls() };
    let _raised = raise!(py, TypeError, "unhashable type: 'FrameLocalsProxy'");
    -1
}

/// The value of fast local `index`, looking into cells.
pub(crate) fn fast_value(frame: &Frame, index: usize) -> Option<Ref<Object>> {
    let kind = frame.code().localspluskinds().as_slice()[index];
    // SAFETY: the index is one of the code's variables.
    let word = unsafe { Frame::locals(frame).add(index).read() };
    if word.is_null() {
        return None;
    }
    // SAFETY: not null.
    let value = unsafe { word.object() };
    if kind & (kind::CELL | kind::FREE) != 0
        && let Some(cell) = value.downcast_exact::<Cell>()
    {
        return cell.get();
    }
    Some(value.to_ref())
}

fn name_at(frame: &Frame, index: usize) -> &Str {
    // SAFETY: variable names are strings.
    unsafe { frame.code().localsplusnames().as_slice()[index].cast_unchecked() }
}

/// The variables of a comprehension in a module or class can be seen while they have values.
fn is_visible(frame: &Frame, index: usize) -> bool {
    frame.code().localspluskinds().as_slice()[index] & kind::HIDDEN == 0 || fast_value(frame, index).is_some()
}

/// Whether the frame of a module or class runs a comprehension of its own.
pub(crate) fn has_hidden(frame: &Frame) -> bool {
    let kinds = frame.code().localspluskinds().as_slice();
    kinds.iter().enumerate().any(|(at, kinds)| kinds & kind::HIDDEN != 0 && fast_value(frame, at).is_some())
}

/// All visible variables that have values, in the code's order.
pub(crate) fn fast_items(frame: &Frame) -> Vec<(Ref<Str>, Ref<Object>)> {
    let count = frame.code().localsplusnames().len();
    let visible = (0..count).filter(|at| is_visible(frame, *at));
    visible.filter_map(|at| Some((name_at(frame, at).to_ref(), fast_value(frame, at)?))).collect()
}

/// What `locals()` gives for the frame: its namespace, or a new dict of a function's variables.
pub fn snapshot(py: Attached<'_>, frame: &Frame) -> PyResult<Ref<Object>> {
    if frame.code().raw().co_flags.get() as u32 & krait_bytecode::flags::CO_OPTIMIZED == 0
        && !has_hidden(frame)
        && let Some(namespace) = frame.namespace()
    {
        return Ok(namespace.to_ref());
    }
    let dict = Dict::new(py)?;
    for (name, value) in fast_items(frame) {
        dict.set(py, name.as_object(), &value)?;
    }
    // SAFETY: the frame owns its frame object.
    if let Some(object) = unsafe { frame.0.frame_obj.load(Acquire).cast::<FrameObject>().as_ref() }
        && let Some(extra) = extra_slot(object).get()
    {
        dict.merge(py, extra.as_object(), true)?;
    }
    Ok(dict.upcast())
}

fn extra_slot(frame: &FrameObject) -> &Slot<Dict> {
    // SAFETY: the field owns a dict or nothing.
    unsafe { Slot::of(&frame.raw().f_extra_locals) }
}

impl FrameLocalsProxy {
    pub fn new(py: Attached<'_>, frame: &FrameObject) -> PyResult<Ref<FrameLocalsProxy>> {
        mem::new_instance::<FrameLocalsProxy>(py, Self::type_object(), |this| {
            this.0.frame.set(frame.to_ref().into_raw().cast());
        })
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<FrameLocalsProxy>> {
        if args.pos.len() != 1 {
            let given = args.pos.len();
            return Err(raise!(py, TypeError, "FrameLocalsProxy expected 1 argument, got {given}"));
        }
        match args.pos[0].downcast_exact::<FrameObject>() {
            Some(frame) if args.names.is_empty() => Self::new(py, frame),
            Some(_) => Err(raise!(py, TypeError, "FrameLocalsProxy takes no keyword arguments")),
            None => Err(raise!(py, TypeError, "expect frame, not {}", args.pos[0].ty().name())),
        }
    }

    fn owner(&self) -> &FrameObject {
        // SAFETY: [frozen]: set at creation.
        unsafe { &*self.0.frame.get().cast::<FrameObject>() }
    }

    /// The index of the variable named by `key`; for reading it must have a value.
    fn index_of(&self, py: Attached<'_>, key: &Object, read: bool) -> PyResult<Option<usize>> {
        let usable_in = |frame: &Frame, at: usize| is_visible(frame, at) && (!read || fast_value(frame, at).is_some());
        let (code, usable) = self.owner().with_still(py, |frame| {
            let count = frame.code().localsplusnames().len();
            (frame.code().to_ref(), (0..count).map(|at| usable_in(frame, at)).collect::<Vec<_>>())
        });
        let names = code.localsplusnames().as_slice();
        if let Some(at) = (0..names.len()).find(|at| names[*at].is(key) && usable[*at]) {
            return Ok(Some(at));
        }
        for (at, name) in names.iter().enumerate() {
            if usable[at] && name.eq(py, key)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn lookup(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let hashed = key.hash(py);
        hashed?;
        if let Some(at) = self.index_of(py, key, true)?
            && let Some(value) = self.owner().with_still(py, |frame| fast_value(frame, at))
        {
            return Ok(Some(value));
        }
        match extra_slot(self.owner()).get() {
            Some(extra) => extra.get(py, key),
            None => Ok(None),
        }
    }

    fn get_item(py: Attached<'_>, this: &Self, key: &Object) -> PyResult<Ref<Object>> {
        match this.lookup(py, key)? {
            Some(value) => Ok(value),
            None => {
                let key = key.repr(py)?;
                Err(raise!(py, KeyError, "local variable '{key}' is not defined"))
            }
        }
    }

    fn set_item(py: Attached<'_>, this: &Self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let frame = this.owner().frame();
        if let Some(at) = this.index_of(py, key, false)? {
            let Some(value) = value else {
                return Err(raise!(py, ValueError, "cannot remove local variables from FrameLocalsProxy"));
            };
            return this.store(py, frame, at, value);
        }
        let slot = extra_slot(this.owner());
        let extra = match (slot.get(), value) {
            (Some(extra), _) => extra,
            (None, None) => return Err(py.raise_value(krait_object::exc::KeyError(), key)),
            (None, Some(_)) => {
                let extra = Dict::new(py)?;
                drop(slot.replace(Some(extra.clone())));
                extra
            }
        };
        match value {
            Some(value) => extra.set(py, key, value),
            None => extra.as_object().del_item(py, key),
        }
    }

    /// Replaces a variable. The old value stays alive with the frame: words that borrow it may be in use.
    fn store(&self, py: Attached<'_>, frame: &Frame, at: usize, value: &Object) -> PyResult<()> {
        let kind = frame.code().localspluskinds().as_slice()[at];
        // SAFETY: the index is one of the code's variables.
        let place = unsafe { Frame::locals(frame).add(at) };
        // SAFETY: as above.
        let word = unsafe { place.read() };
        if kind & (kind::CELL | kind::FREE) != 0 && !word.is_null() {
            // SAFETY: not null.
            if let Some(cell) = unsafe { word.object() }.downcast_exact::<Cell>() {
                drop(cell.replace(Some(value.to_ref())));
                return Ok(());
            }
        }
        // SAFETY: as above.
        let old = unsafe { place.replace(StackRef::owned(value.to_ref())) };
        if !old.is_null() {
            // SAFETY: not null.
            let old = unsafe { old.into_ref() };
            // SAFETY: the field owns a list or nothing.
            let kept = unsafe { Slot::<List>::of(&self.owner().raw().f_overwritten_fast_locals) };
            match kept.get() {
                Some(list) => list.push(py, old)?,
                None => drop(kept.replace(Some(List::from_vec(py, vec![old])?))),
            }
        }
        Ok(())
    }

    fn to_dict(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(py)?;
        for (name, value) in self.owner().with_still(py, fast_items) {
            dict.set(py, name.as_object(), &value)?;
        }
        if let Some(extra) = extra_slot(self.owner()).get() {
            dict.merge(py, extra.as_object(), true)?;
        }
        Ok(dict)
    }

    fn copy(py: Attached<'_>, this: &Self) -> PyResult<Ref<Dict>> {
        this.to_dict(py)
    }

    fn pairs(&self, py: Attached<'_>) -> PyResult<Vec<(Ref<Object>, Ref<Object>)>> {
        self.to_dict(py)?.items_snapshot(py)
    }

    fn keys(py: Attached<'_>, this: &Self) -> PyResult<Ref<List>> {
        List::from_vec(py, this.pairs(py)?.into_iter().map(|(name, _)| name).collect())
    }

    fn values(py: Attached<'_>, this: &Self) -> PyResult<Ref<List>> {
        List::from_vec(py, this.pairs(py)?.into_iter().map(|(_, value)| value).collect())
    }

    fn items(py: Attached<'_>, this: &Self) -> PyResult<Ref<List>> {
        let pairs = this.pairs(py)?.into_iter();
        let pairs = pairs.map(|(name, value)| Ok(Tuple::from_vec(py, vec![name, value])?.upcast()));
        List::from_vec(py, pairs.collect::<PyResult<Vec<_>>>()?)
    }

    fn iter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        Self::keys(py, this)?.as_object().iter(py)
    }

    fn reversed(py: Attached<'_>, this: &Self) -> PyResult<Ref<List>> {
        let keys = Self::keys(py, this)?;
        keys.reverse(py);
        Ok(keys)
    }

    fn len(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        Ok(this.to_dict(py)?.len())
    }

    fn contains(py: Attached<'_>, this: &Self, key: &Object) -> PyResult<bool> {
        Ok(this.lookup(py, key)?.is_some())
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let Some(_guard) = krait_object::container::ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "{...}");
        };
        this.to_dict(py)?.as_object().repr(py)
    }

    fn richcompare(py: Attached<'_>, this: &Self, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        if let Some(other) = other.downcast_exact::<FrameLocalsProxy>() {
            let same = std::ptr::eq(this.owner(), other.owner());
            return Ok(Bool::of(same == (op == CompareOp::Eq)).as_object().to_ref());
        }
        if other.downcast::<Dict>().is_none() {
            return Ok(not_implemented());
        }
        this.to_dict(py)?.as_object().rich_compare(py, other, op)
    }

    fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let mapping =
            |object: &Object| object.downcast::<Dict>().is_some() || object.downcast_exact::<Self>().is_some();
        if !mapping(left) || !mapping(right) {
            return Ok(not_implemented());
        }
        let dict = Dict::new(py)?;
        dict.merge(py, left, true)?;
        dict.merge(py, right, true)?;
        Ok(dict.upcast())
    }

    fn inplace_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(this) = left.downcast_exact::<Self>() else { return Ok(not_implemented()) };
        if !this.merge(py, right)? {
            return Ok(not_implemented());
        }
        Ok(left.to_ref())
    }

    /// Sets variables from a mapping; `false` if it is none that is accepted.
    fn merge(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        if other.downcast::<Dict>().is_none() && other.downcast_exact::<Self>().is_none() {
            return Ok(false);
        }
        for key in other.call_method(py, id!(py, keys), &[])?.collect(py)? {
            let value = other.get_item(py, &key)?;
            Self::set_item(py, self, &key, Some(&value))?;
        }
        Ok(true)
    }

    fn update(py: Attached<'_>, this: &Self, other: &Object) -> PyResult<()> {
        if this.merge(py, other)? {
            return Ok(());
        }
        Err(raise!(py, TypeError, "update() argument must be dict or another FrameLocalsProxy"))
    }

    fn get(py: Attached<'_>, this: &Self, [key, default]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let Some(key) = key else { return Err(py.bad_internal_call()) };
        Ok(this.lookup(py, key)?.unwrap_or_else(|| default.map_or_else(none, Object::to_ref)))
    }

    fn set_default(py: Attached<'_>, this: &Self, [key, default]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let Some(key) = key else { return Err(py.bad_internal_call()) };
        if let Some(value) = this.lookup(py, key)? {
            return Ok(value);
        }
        let default = default.map_or_else(none, Object::to_ref);
        Self::set_item(py, this, key, Some(&default))?;
        Ok(default)
    }

    fn pop(py: Attached<'_>, this: &Self, [key, default]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let Some(key) = key else { return Err(py.bad_internal_call()) };
        if this.index_of(py, key, false)?.is_some() {
            return Err(raise!(py, ValueError, "cannot remove local variables from FrameLocalsProxy"));
        }
        let removed = match extra_slot(this.owner()).get() {
            Some(extra) => extra.remove(py, key)?,
            None => None,
        };
        match (removed, default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_ref()),
            (None, None) => Err(py.raise_value(krait_object::exc::KeyError(), key)),
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.raw(this.0.frame.get().cast())
    }

    fn clear_slot(_py: Attached<'_>, _this: &Self) {}

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        let drop_fields = |this: &Self| {
            // SAFETY: the field owns its frame object.
            drop(unsafe { Ref::<Object>::from_raw_opt(this.0.frame.get().cast()) });
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}
