//! `collections.OrderedDict`.
//!
//! A dict keeps insertion order already; what this type adds is moving keys to either end, taking pairs from either
//! end, equality that minds the order, and iterators that notice every change of keys. Free places in front of a
//! table's entries make moves to the front cheap; a remembered position makes repeated `popitem(last=False)` cheap.
use super::container::{TextBuilder, builtin};
use super::dictobject::{Dict, DictItems, DictIterKind, DictKeysView, DictValues, key_error};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyDictObject, PyObject};
use crate::typedef::CompareOp;
use crate::{Bool, List, Object, PyResult, Str, Tuple, Type, gc, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of `OrderedDict`.
#[repr(C)]
pub struct ODict {
    dict: PyDictObject,
    /// No entry before this position has a value while `hint_table` is the dict's table.
    hint: Field<usize>,
    hint_table: Field<usize>,
    /// How many keys there were after the last change that this type made.
    known: Field<usize>,
    /// Counts changes of the set and order of keys.
    state: Field<usize>,
    _reserved2: [Field<usize>; 2],
    inst_dict: Slot<Dict>,
    weakreflist: Field<*mut PyObject>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyODict_Type: "collections.OrderedDict" for ODict {
        base: Dict,
        flags: [BASETYPE, HAVE_GC],
        doc: "A dict that minds the order of its keys",
        slots: {
            tp_dealloc = ODict::dealloc,
            tp_repr = ODict::repr,
            tp_traverse = ODict::traverse,
            tp_clear = |py: Attached<'_>, this: &ODict| { this.dict().clear(py); drop(this.inst_dict.take()); },
            tp_richcompare = ODict::compare,
            tp_iter = |py: Attached<'_>, this: &ODict| ODictIter::new(py, this, DictIterKind::Keys, false),
            tp_new = ODict::construct,
            tp_init = ODict::init,
            raw tp_weaklistoffset = offset_of!(ODict, weakreflist) as isize,
            raw tp_dictoffset = offset_of!(ODict, inst_dict) as isize,
            mp_length = |_, this: &ODict| Ok(this.dict().len()),
            mp_subscript = |py: Attached<'_>, this: &ODict, key: &Object| Dict::subscript(py, this.dict(), key),
            mp_ass_subscript = ODict::ass_subscript,
            nb_or = ODict::or,
            nb_inplace_or = ODict::inplace_or,
        },
        methods: {
            class sig "fromkeys" => ODict::fromkeys, "($type, /, iterable, value=None)", "Return a new ordered dict whose keys come from iterable, all with one value.";
            noargs "__sizeof__" => ODict::sizeof, "($self, /)", "Return how many bytes the dict takes.";
            noargs "__reduce__" => ODict::reduce, "($self, /)", "What pickle needs to build it again.";
            sig "setdefault" => ODict::setdefault, "($self, /, key, default=None)", "Return the value of key; if there is none, store default first.";
            sig "pop" => ODict::pop, "($self, /, key, default=<unrepresentable>)", "od.pop(key[,default]) -> v, remove the key and return its value.\n\nWithout the key, default is returned if given, else KeyError is raised.";
            sig "popitem" => ODict::popitem, "($self, /, last=True)", "Remove a pair and return it: the last one, or the first one if last is false.";
            noargs "keys" => |py: Attached<'_>, this: &ODict| view(py, this, ODictKeys::type_object()), "($self, /)", "Return a set-like view of the keys.";
            noargs "values" => |py: Attached<'_>, this: &ODict| view(py, this, ODictValues::type_object()), "($self, /)", "Return a view of the values.";
            noargs "items" => |py: Attached<'_>, this: &ODict| view(py, this, ODictItems::type_object()), "($self, /)", "Return a set-like view of the (key, value) pairs.";
            raw "update" => ODict::py_update, "", "Add what a mapping or an iterable of pairs and the keyword arguments hold.";
            noargs "clear" => ODict::py_clear, "($self, /)", "Remove all pairs.";
            noargs "copy" => ODict::copy, "($self, /)", "Return a copy that shares keys and values.";
            noargs "__reversed__" => |py: Attached<'_>, this: &ODict| ODictIter::new(py, this, DictIterKind::Keys, true), "($self, /)", "Return an iterator over the keys, last first.";
            sig "move_to_end" => ODict::move_to_end, "($self, /, key, last=True)", "Move a key to the end, or to the front if last is false.\n\nRaises KeyError if it is not there.";
        },
        getset: {
            "__dict__" => |py: Attached<'_>, this: &ODict| super::dictobject::materialize_dict(py, this.as_object()), "";
        },
    }
}

impl ODict {
    fn dict(&self) -> &Dict {
        // SAFETY: [layout]: the struct begins with a dict.
        unsafe { self.as_object().cast_unchecked() }
    }

    fn is_exact(&self) -> bool {
        std::ptr::eq(self.as_object().ty(), ODict::type_object())
    }

    fn changed(&self) {
        self.state.set(self.state.get().wrapping_add(1));
        self.known.set(self.dict().len());
    }

    /// Raises `KeyError` when a method of `dict` itself took keys away.
    fn check_known(&self, py: Attached<'_>) -> PyResult<()> {
        if self.dict().len() < self.known.get() { Err(key_error(py, crate::none().as_object())) } else { Ok(()) }
    }

    /// Raises `RuntimeError` when the keys changed since `state` was read.
    fn check_state(&self, py: Attached<'_>, state: usize) -> PyResult<()> {
        if self.state.get() == state {
            return Ok(());
        }
        Err(raise!(py, RuntimeError, "OrderedDict mutated during iteration"))
    }

    /// The value of a key, which raises `KeyError` when the key's hash is another than it was.
    fn value_of(&self, py: Attached<'_>, key: &Object, value: Ref<Object>) -> PyResult<Ref<Object>> {
        if key.downcast_exact::<Str>().is_some() || key.downcast_exact::<crate::Int>().is_some() {
            return Ok(value);
        }
        self.dict().get(py, key)?.ok_or_else(|| key_error(py, key))
    }

    /// A plain dict with the same pairs in the same order.
    fn plain(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let plain = Dict::new(py)?;
        for (key, value) in self.dict().items_snapshot(py)? {
            let value = self.value_of(py, &key, value)?;
            plain.set(py, &key, &value)?;
        }
        Ok(plain)
    }

    fn construct(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<ODict>> {
        let exact = std::ptr::eq(ty, ODict::type_object());
        let raw = if exact { mem::alloc_instance(py, ty, 0)?.as_ptr() } else { ty.alloc(py, 0)?.into_raw() };
        // SAFETY: [layout]: a fresh instance of a subtype.
        let this = unsafe { Ref::<ODict>::from_raw(raw) };
        this.dict().init_empty();
        if exact {
            gc::track(this.as_object());
        }
        Ok(this)
    }

    /// An empty ordered dict.
    pub fn new(py: Attached<'_>) -> PyResult<Ref<ODict>> {
        ODict::construct(py, ODict::type_object(), Args::EMPTY)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ODict>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.inst_dict.take());
                this.dict().drop_content(py);
            });
        }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.inst_dict)?;
        self.dict().traverse_content(visit)
    }

    fn init(py: Attached<'_>, this: &ODict, args: Args<'_>) -> PyResult<()> {
        let given = args.pos.len();
        if given > 1 {
            return Err(raise!(py, TypeError, "expected at most 1 argument, got {given}"));
        }
        this.update_from(py, args)
    }

    fn py_update(py: Attached<'_>, this: &ODict, args: Args<'_>) -> PyResult<()> {
        let given = args.pos.len();
        if given > 1 {
            return Err(raise!(py, TypeError, "update() takes at most 1 positional argument ({given} given)"));
        }
        this.update_from(py, args)
    }

    /// Goes through `__setitem__`, which a subtype may have replaced.
    fn update_from(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        if let [source] = args.pos {
            self.update(py, source)?;
        }
        for (name, value) in args.names.iter().zip(args.values) {
            self.as_object().set_item(py, name, value)?;
        }
        Ok(())
    }

    fn update(&self, py: Attached<'_>, source: &Object) -> PyResult<()> {
        if let Some(dict) = source.downcast_exact::<Dict>() {
            for (key, value) in dict.items_snapshot(py)? {
                self.as_object().set_item(py, &key, &value)?;
            }
            return Ok(());
        }
        if let Some(keys) = source.get_attr_opt(py, id!(py, keys))? {
            let iter = keys.as_object().call0(py)?.as_object().iter(py)?;
            while let Some(key) = iter.iter_next(py)? {
                let value = source.get_item(py, &key)?;
                self.as_object().set_item(py, &key, &value)?;
            }
            return Ok(());
        }
        if let Some(items) = source.get_attr_opt(py, id!(py, items))? {
            return self.add_pairs(py, &*items.as_object().call0(py)?);
        }
        self.add_pairs(py, source)
    }

    fn add_pairs(&self, py: Attached<'_>, pairs: &Object) -> PyResult<()> {
        let iter = pairs.iter(py)?;
        while let Some(pair) = iter.iter_next(py)? {
            let parts = pair.as_object().iter(py)?;
            let next = |got: &str| match parts.iter_next(py) {
                Ok(Some(part)) => Ok(part),
                Ok(None) => Err(raise!(py, ValueError, "need more than {got} to unpack")),
                Err(error) => Err(error),
            };
            let (key, value) = (next("0 values")?, next("1 value")?);
            if parts.iter_next(py)?.is_some() {
                return Err(raise!(py, ValueError, "too many values to unpack (expected 2)"));
            }
            self.as_object().set_item(py, &key, &value)?;
        }
        Ok(())
    }

    fn ass_subscript(py: Attached<'_>, this: &ODict, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let before = this.dict().len();
        let result = Dict::ass_subscript(py, this.dict(), key, value);
        if this.dict().len() != before {
            this.changed();
        }
        result
    }

    fn repr(py: Attached<'_>, this: &ODict) -> PyResult<Ref<Str>> {
        let name = this.as_object().ty().short_name();
        if this.dict().is_empty() {
            return Str::new(py, &format!("{name}()"));
        }
        let Some(_guard) = super::container::ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "...");
        };
        this.check_known(py)?;
        let plain = if this.is_exact() {
            this.plain(py)?
        } else {
            let items = this.as_object().call_method(py, id!(py, items), &[])?;
            let plain = Dict::new(py)?;
            plain.merge_pairs(py, &items.as_object().sequence_list(py)?.upcast(), true)?;
            plain
        };
        let mut text = TextBuilder::new();
        text.push_str(&name);
        text.push_str("(");
        text.push(&*plain.as_object().repr(py)?);
        text.push_str(")");
        text.finish(py)
    }

    fn compare(py: Attached<'_>, this: &ODict, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(dict) = other.downcast::<Dict>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(crate::not_implemented());
        };
        let mut equal = this.dict().equals(py, dict)?;
        if equal && let Some(other) = other.downcast::<ODict>() {
            let states = (this.state.get(), other.state.get());
            let (left, right) = (this.dict().items_snapshot(py)?, dict.items_snapshot(py)?);
            for ((left, _), (right, _)) in left.iter().zip(&right) {
                equal = left.as_object().eq(py, right)?;
                this.check_state(py, states.0)?;
                other.check_state(py, states.1)?;
                if !equal {
                    break;
                }
            }
            equal = equal && left.len() == right.len();
        }
        Ok(Bool::of(equal == (op == CompareOp::Eq)).as_object().to_ref())
    }

    fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        if left.downcast::<Dict>().is_none() || right.downcast::<Dict>().is_none() {
            return Ok(crate::not_implemented());
        }
        let owner = if left.downcast::<ODict>().is_some() { left } else { right };
        let new = owner.ty().as_object().call_pos(py, &[left])?;
        let Some(result) = new.as_object().downcast::<ODict>() else { return Ok(crate::not_implemented()) };
        result.update(py, right)?;
        Ok(new)
    }

    fn inplace_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(this) = left.downcast::<ODict>() else { return Ok(crate::not_implemented()) };
        this.update(py, right)?;
        Ok(left.to_ref())
    }

    fn fromkeys(py: Attached<'_>, ty: &Type, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let [Some(iterable), value] = args else { return Err(py.bad_internal_call()) };
        let none = crate::none();
        let value = value.unwrap_or(&none);
        let result = ty.as_object().call0(py)?;
        let iter = iterable.iter(py)?;
        while let Some(key) = iter.iter_next(py)? {
            result.as_object().set_item(py, &key, value)?;
        }
        Ok(result)
    }

    fn sizeof(py: Attached<'_>, this: &ODict) -> PyResult<usize> {
        Dict::sizeof(py, this.dict())
    }

    fn reduce(py: Attached<'_>, this: &ODict) -> PyResult<Ref<Tuple>> {
        let state = this.as_object().call_method(py, id!(py, __getstate__), &[])?;
        let items = this.as_object().call_method(py, id!(py, items), &[])?;
        let iter = items.as_object().iter(py)?;
        let ty = this.as_object().ty().as_object();
        Tuple::from_slice(py, &[ty, Tuple::empty(py).as_object(), &state, &crate::none(), &iter])
    }

    fn setdefault(py: Attached<'_>, this: &ODict, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let [Some(key), default] = args else { return Err(py.bad_internal_call()) };
        let none = crate::none();
        let default = default.unwrap_or(&none);
        if this.is_exact() {
            let (value, present) = this.dict().set_default(py, key, default)?;
            if !present {
                this.changed();
            }
            return Ok(value);
        }
        if this.as_object().contains(py, key)? {
            return this.as_object().get_item(py, key);
        }
        this.as_object().set_item(py, key, default)?;
        Ok(default.to_ref())
    }

    fn pop(py: Attached<'_>, this: &ODict, args: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let [Some(key), default] = args else { return Err(py.bad_internal_call()) };
        let found = this.dict().remove(py, key)?;
        match (found, default) {
            (Some(value), _) => {
                this.changed();
                Ok(value)
            }
            (None, Some(default)) => Ok(default.to_ref()),
            (None, None) => Err(key_error(py, key)),
        }
    }

    fn popitem(py: Attached<'_>, this: &ODict, args: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
        let last = args[0].map_or(Ok(true), |last| last.is_true(py))?;
        let pair = {
            let dict = this.dict().lock(py);
            let at = if last {
                dict.last_entry()
            } else {
                let from = if this.hint_table.get() == dict.table_address() { this.hint.get() } else { 0 };
                let at = dict.first_entry(from);
                this.hint_table.set(dict.table_address());
                this.hint.set(at.map_or(0, |at| at + 1));
                at
            };
            match at {
                Some(at) => dict.take_entry(py, at)?,
                None => None,
            }
        };
        this.changed();
        match pair {
            Some((key, value)) => Tuple::pair(py, key, value),
            None => Err(raise!(py, KeyError, "dictionary is empty")),
        }
    }

    fn py_clear(py: Attached<'_>, this: &ODict) {
        this.dict().clear(py);
        this.changed();
    }

    fn copy(py: Attached<'_>, this: &ODict) -> PyResult<Ref<Object>> {
        this.check_known(py)?;
        let state = this.state.get();
        let new =
            if this.is_exact() { ODict::new(py)?.upcast() } else { this.as_object().ty().as_object().call0(py)? };
        if this.is_exact() {
            for (key, value) in this.dict().items_snapshot(py)? {
                let value = this.value_of(py, &key, value)?;
                this.check_state(py, state)?;
                new.as_object().set_item(py, &key, &value)?;
                this.check_state(py, state)?;
            }
        } else {
            for (key, _) in this.dict().items_snapshot(py)? {
                let value = this.as_object().get_item(py, &key)?;
                this.check_state(py, state)?;
                new.as_object().set_item(py, &key, &value)?;
                this.check_state(py, state)?;
            }
        }
        Ok(new)
    }

    fn move_to_end(py: Attached<'_>, this: &ODict, args: [Option<&Object>; 2]) -> PyResult<()> {
        let [Some(key), last] = args else { return Err(py.bad_internal_call()) };
        let last = last.map_or(Ok(true), |last| last.is_true(py))?;
        let hash = key.hash(py)?;
        let dict = this.dict().lock(py);
        if dict.find_entry(py, key, hash)?.is_some() {
            dict.prepare_move(py, last)?;
            if let Some(at) = dict.find_entry(py, key, hash)? {
                dict.move_entry(at, last);
                this.hint_table.set(0);
                this.changed();
                return Ok(());
            }
        }
        drop(dict);
        Err(key_error(py, key))
    }
}

/// A view of one of the three view types.
fn view(py: Attached<'_>, this: &ODict, ty: &Type) -> PyResult<Ref<Object>> {
    super::dictobject::new_view(py, ty, this.dict())
}

macro_rules! odict_view {
    ($rust:ident, $base:ty, $symbol:ident, $name:literal, $kind:ident) => {
        #[doc = concat!("`", $name, "`.")]
        #[repr(transparent)]
        pub struct $rust($base);

        pytype! {
            #[unsafe(no_mangle)]
            pub static $symbol: $name for $rust {
                base: $base,
                flags: [HAVE_GC],
                slots: {
                    tp_dealloc = $rust::dealloc,
                    tp_traverse = |this: &$rust, visit: Visit<'_>| this.0.traverse_view(visit),
                    tp_iter = |py: Attached<'_>, this: &$rust| ODictIter::of_view(py, this.0.viewed(), DictIterKind::$kind, false),
                },
                methods: {
                    noargs "__reversed__" => |py: Attached<'_>, this: &$rust| ODictIter::of_view(py, this.0.viewed(), DictIterKind::$kind, true), "($self, /)", "Return an iterator, last first.";
                },
            }
        }

        impl $rust {
            /// # Safety
            /// The `tp_dealloc` of the type.
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<$rust>) {
                // SAFETY: by the contract.
                unsafe { mem::dealloc_with(py, this, |this| this.0.release_view()) };
            }
        }
    };
}

odict_view!(ODictKeys, DictKeysView, PyODictKeys_Type, "odict_keys", Keys);
odict_view!(ODictItems, DictItems, PyODictItems_Type, "odict_items", Items);
odict_view!(ODictValues, DictValues, PyODictValues_Type, "odict_values", Values);

/// `odict_iterator`.
#[repr(C)]
pub struct ODictIter {
    ob_base: PyObject,
    dict: Slot<ODict>,
    kind: Field<u8>,
    reverse: Field<u8>,
    done: Field<u8>,
    pos: Field<usize>,
    size: Field<usize>,
    state: Field<usize>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyODictIter_Type: "odict_iterator" for ODictIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = ODictIter::dealloc,
            tp_traverse = |this: &ODictIter, visit: Visit<'_>| visit.slot(&this.dict),
            tp_iter = |_, this: &ODictIter| this.to_ref(),
            tp_iternext = ODictIter::next,
        },
        methods: {
            noargs "__reduce__" => ODictIter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
    }
}

const KINDS: [DictIterKind; 3] = [DictIterKind::Keys, DictIterKind::Values, DictIterKind::Items];

impl ODictIter {
    fn new(py: Attached<'_>, dict: &ODict, kind: DictIterKind, reverse: bool) -> PyResult<Ref<ODictIter>> {
        mem::new_instance(py, ODictIter::type_object(), |iter: &ODictIter| {
            drop(iter.dict.replace(Some(dict.to_ref())));
            iter.kind.set(kind as u8);
            iter.reverse.set(u8::from(reverse));
            iter.size.set(dict.dict().len());
            iter.state.set(dict.state.get());
            iter.pos.set(if reverse { dict.dict().lock(py).end_position() } else { 0 });
        })
    }

    fn of_view(py: Attached<'_>, dict: &Dict, kind: DictIterKind, reverse: bool) -> PyResult<Ref<ODictIter>> {
        // SAFETY: [layout]: these views are made over ordered dicts only.
        ODictIter::new(py, unsafe { dict.as_object().cast_unchecked() }, kind, reverse)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ODictIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.dict.take())) };
    }

    fn next(py: Attached<'_>, this: &ODictIter) -> PyResult<Option<Ref<Object>>> {
        if this.done.get() != 0 {
            return Ok(None);
        }
        // SAFETY: [frozen]: set when the iterator is made, kept until deallocation.
        let Some(dict) = (unsafe { this.dict.borrow() }) else { return Ok(None) };
        if this.state.get() != dict.state.get() {
            this.done.set(1);
            return Err(raise!(py, RuntimeError, "OrderedDict mutated during iteration"));
        }
        if this.size.get() != dict.dict().len() {
            this.done.set(1);
            return Err(raise!(py, RuntimeError, "OrderedDict changed size during iteration"));
        }
        if KINDS[this.kind.get() as usize % 3] != DictIterKind::Keys {
            dict.check_known(py)?;
        }
        let mut pos = this.pos.get();
        let pair = {
            let dict = dict.dict().lock(py);
            if this.reverse.get() != 0 { dict.step_pair_back(&mut pos) } else { dict.step_pair(&mut pos) }
        };
        let Some((key, value)) = pair else {
            this.done.set(1);
            return Ok(None);
        };
        this.pos.set(pos);
        let value = dict.value_of(py, &key, value)?;
        Ok(Some(match KINDS[this.kind.get() as usize % 3] {
            DictIterKind::Keys => key,
            DictIterKind::Values => value,
            DictIterKind::Items => Tuple::pair(py, key, value)?.upcast(),
        }))
    }

    /// `(iter, (remaining items,))`; the iterator itself does not move.
    fn reduce(py: Attached<'_>, this: &ODictIter) -> PyResult<Ref<Tuple>> {
        let rest = List::new(py)?;
        if let Some(dict) = this.dict.get().filter(|_| this.done.get() == 0) {
            let copy = ODictIter::new(py, &dict, KINDS[this.kind.get() as usize % 3], this.reverse.get() != 0)?;
            copy.pos.set(this.pos.get());
            copy.size.set(this.size.get());
            copy.state.set(this.state.get());
            rest.extend(py, copy.as_object())?;
        }
        let args = Tuple::from_slice(py, &[rest.as_object()])?;
        let iter = builtin(py, id!(py, iter))?;
        Tuple::from_slice(py, &[&iter, args.as_object()])
    }
}
