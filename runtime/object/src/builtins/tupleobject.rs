//! `tuple`: an immutable sequence.
//!
//! Concurrency: a tuple is filled before it is published and never changes, so all reads are plain loads.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject, PyTupleObject};
use crate::typedef::CompareOp;
use crate::{Int, Object, PyResult, Slice, Str, Type, gc, id, mem, mode, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Release;

/// An immutable sequence.
#[repr(transparent)]
pub struct Tuple(pub(crate) PyTupleObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyTuple_Type: "tuple" for Tuple {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, TUPLE_SUBCLASS, MATCH_SELF, SEQUENCE],
        fast: TUPLE_SUBCLASS,
        basicsize: offset_of!(PyTupleObject, ob_item) as isize,
        itemsize: 8,
        doc: "tuple(iterable=(), /)\n--\n\nA fixed sequence of objects.\n\nWithout an argument it is empty; otherwise it holds the iterable's items.\nAn argument that is a tuple already is returned as it is.",
        slots: {
            tp_dealloc = Tuple::dealloc,
            tp_repr = Tuple::repr,
            tp_hash = Tuple::hash,
            tp_traverse = Tuple::traverse,
            tp_richcompare = Tuple::compare,
            tp_iter = Tuple::make_iter,
            constructor = Tuple::construct,
            length = |_, this: &Tuple| Ok(this.len()),
            sq_concat = Tuple::concat,
            sq_repeat = Tuple::repeat,
            sq_item = Tuple::sq_item,
            sq_contains = Tuple::contains,
            mp_subscript = Tuple::subscript,
        },
        methods: {
            noargs "__getnewargs__" => Tuple::getnewargs, "($self, /)", "Arguments that let copy and pickle build it again.";
            sig "index" => Tuple::index, "($self, value, start=0, stop=sys.maxsize, /)", "Return the position of the first item equal to value.\n\nRaises ValueError if there is none.";
            o "count" => Tuple::count, "($self, value, /)", "Return how many items equal value.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

/// The one empty tuple; the words before it are the collector's, as before any tracked object.
#[repr(C)]
struct EmptyTuple {
    gc: [usize; 4],
    tuple: PyTupleObject,
}
// SAFETY: [immortal].
unsafe impl Sync for EmptyTuple {}

static EMPTY: EmptyTuple = EmptyTuple {
    gc: [0; 4],
    tuple: PyTupleObject {
        ob_base: crate::layout::PyVarObject::immortal((&raw const PyTuple_Type).cast_mut(), 0),
        ob_hash: Field::new(-1),
        ob_item: [Field::new(std::ptr::null_mut())],
    },
};

impl Tuple {
    #[inline(always)]
    pub fn raw(&self) -> &PyTupleObject {
        &self.0
    }

    pub fn empty(_py: Attached<'_>) -> Ref<Tuple> {
        let _ = &EMPTY.gc;
        // SAFETY: `Tuple` is transparent over its layout struct.
        unsafe { &*(&raw const EMPTY.tuple).cast::<Tuple>() }.to_ref()
    }

    /// The item cells of a tuple, filled or not.
    #[inline(always)]
    pub(crate) fn cells(&self) -> &[Field<*mut PyObject>] {
        // SAFETY: [exact-size].
        unsafe {
            std::slice::from_raw_parts(
                std::ptr::from_ref(self).byte_add(offset_of!(PyTupleObject, ob_item)).cast(),
                self.len(),
            )
        }
    }

    /// A fresh, untracked tuple of `len` null items, `len > 0` or a subtype.
    pub(crate) fn alloc(py: Attached<'_>, len: usize) -> PyResult<Ref<Tuple>> {
        let raw = mem::alloc_instance(py, Tuple::type_object(), len)?;
        // SAFETY: a fresh instance of the type.
        let tuple = unsafe { Ref::<Tuple>::from_raw(raw.as_ptr()) };
        tuple.0.ob_hash.set(-1);
        Ok(tuple)
    }

    /// A tuple whose item `i` is what `item(i)` makes. The tuple is tracked once it is complete.
    pub fn build(
        py: Attached<'_>,
        len: usize,
        mut item: impl FnMut(usize) -> PyResult<Ref<Object>>,
    ) -> PyResult<Ref<Tuple>> {
        if len == 0 {
            return Ok(Tuple::empty(py));
        }
        let tuple = Tuple::alloc(py, len)?;
        for (at, cell) in tuple.cells().iter().enumerate() {
            cell.set(item(at)?.into_raw());
        }
        tuple.track_if_needed();
        Ok(tuple)
    }

    pub fn from_vec(py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<Ref<Tuple>> {
        Tuple::from_items(py, items.into_iter())
    }

    /// A tuple that takes over items.
    pub fn from_items(py: Attached<'_>, items: impl ExactSizeIterator<Item = Ref<Object>>) -> PyResult<Ref<Tuple>> {
        if items.len() == 0 {
            return Ok(Tuple::empty(py));
        }
        let tuple = Tuple::alloc(py, items.len())?;
        for (cell, item) in tuple.cells().iter().zip(items) {
            cell.set(item.into_raw());
        }
        tuple.track_if_needed();
        Ok(tuple)
    }

    /// Tracks a complete tuple unless no item can ever be part of a cycle.
    #[inline]
    pub(crate) fn track_if_needed(&self) {
        let matters = |item: &Object| {
            let ty = item.ty();
            if !ty.is_gc() {
                return false;
            }
            if std::ptr::eq(ty, Tuple::type_object()) {
                return gc::is_tracked(item);
            }
            item.downcast::<Type>().is_none_or(Type::is_heap)
        };
        if self.as_slice().iter().any(|item| matters(item)) {
            gc::track(self.as_object());
        }
    }

    /// A pair.
    #[inline]
    pub fn pair(py: Attached<'_>, first: Ref<Object>, second: Ref<Object>) -> PyResult<Ref<Tuple>> {
        let tuple = Tuple::alloc(py, 2)?;
        let cells = tuple.cells();
        cells[0].set(first.into_raw());
        cells[1].set(second.into_raw());
        tuple.track_if_needed();
        Ok(tuple)
    }

    pub fn from_slice(py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<Tuple>> {
        if items.is_empty() {
            return Ok(Tuple::empty(py));
        }
        let tuple = Tuple::alloc(py, items.len())?;
        for (cell, item) in tuple.cells().iter().zip(items) {
            cell.set(item.to_ref().into_raw());
        }
        tuple.track_if_needed();
        Ok(tuple)
    }

    /// `tuple(iterable)`.
    pub fn from_iterable(py: Attached<'_>, iterable: &Object) -> PyResult<Ref<Tuple>> {
        if let Some(tuple) = iterable.downcast_exact::<Tuple>() {
            return Ok(tuple.to_ref());
        }
        if let Some(list) = iterable.downcast_exact::<crate::List>() {
            return list.to_tuple(py);
        }
        Tuple::from_vec(py, iterable.collect(py)?)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items; a published tuple never changes.
    #[inline(always)]
    pub fn as_slice(&self) -> &[&Object] {
        // SAFETY: [frozen]: a published tuple has no null item; a non-null cell and `&Object` have one representation.
        unsafe { std::slice::from_raw_parts(self.cells().as_ptr().cast(), self.len()) }
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&Object> {
        self.as_slice().get(index).copied()
    }

    /// # Safety
    /// The `tp_dealloc` of tuples.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Tuple>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |tuple| {
                for cell in tuple.cells().iter().rev() {
                    drop(Ref::<Object>::from_raw_opt(cell.get()));
                }
            });
        }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.cells().iter().try_for_each(|cell| visit.field(cell))
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Tuple>> {
        if std::ptr::eq(ty, Tuple::type_object()) || !super::container::overrides_init(ty, Tuple::type_object()) {
            args.no_keywords(py, "tuple")?;
        }
        crate::args::check_positional(py, "tuple", args.pos.len(), 0, 1)?;
        let exact = match args.pos {
            [] => Tuple::empty(py),
            [iterable, ..] => Tuple::from_iterable(py, iterable)?,
        };
        if std::ptr::eq(ty, Tuple::type_object()) {
            return Ok(exact);
        }
        Tuple::of_subtype(py, ty, exact.as_slice())
    }

    /// An instance of a subtype of `tuple` with these items.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn of_subtype(py: Attached<'_>, ty: &Type, items: &[&Object]) -> PyResult<Ref<Tuple>> {
        // SAFETY: an instance of a subtype of `tuple`.
        let tuple = unsafe { ty.alloc(py, items.len())?.cast_unchecked::<Tuple>() };
        tuple.0.ob_hash.set(-1);
        for (cell, item) in tuple.cells().iter().zip(items) {
            cell.set(item.to_ref().into_raw());
        }
        Ok(tuple)
    }

    fn repr(py: Attached<'_>, this: &Tuple) -> PyResult<Ref<Str>> {
        if this.is_empty() {
            return Ok(id!(py, "()").to_ref());
        }
        let Some(_guard) = super::container::ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "(...)");
        };
        let mut text = super::container::TextBuilder::new();
        text.push_str("(");
        for (at, item) in this.cells().iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            // SAFETY: the tuple owns its items. C code may look at one that it has not filled yet.
            match unsafe { item.get().cast::<Object>().as_ref() } {
                Some(item) => text.push(&*item.repr(py)?),
                None => text.push_str("<NULL>"),
            }
        }
        text.push_str(if this.len() == 1 { ",)" } else { ")" });
        text.finish(py)
    }

    /// The hash that the reference documents: the xxHash mixing of the items' hashes.
    fn hash(py: Attached<'_>, this: &Tuple) -> PyResult<isize> {
        let cached = this.0.ob_hash.get();
        if cached != -1 {
            return Ok(cached);
        }
        let _depth = py.enter_recursive(" while hashing a tuple")?;
        let mut mix = TupleHash::new();
        for item in this.as_slice() {
            mix.add(item.hash(py)?);
        }
        let hash = mix.finish(this.len());
        this.0.ob_hash.set(hash);
        Ok(hash)
    }

    fn compare(py: Attached<'_>, this: &Tuple, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Tuple>() else {
            return Ok(crate::not_implemented());
        };
        let (left, right) = (this.as_slice(), other.as_slice());
        for (a, b) in left.iter().zip(right) {
            if !a.eq(py, b)? {
                return match op {
                    CompareOp::Eq => Ok(crate::Bool::of(false).as_object().to_ref()),
                    CompareOp::Ne => Ok(crate::Bool::of(true).as_object().to_ref()),
                    _ => a.rich_compare(py, b, op),
                };
            }
        }
        Ok(crate::Bool::of(op.holds(left.len().cmp(&right.len()))).as_object().to_ref())
    }

    fn make_iter(py: Attached<'_>, this: &Tuple) -> PyResult<Ref<TupleIter>> {
        mem::new_instance(py, TupleIter::type_object(), |iter: &TupleIter| {
            drop(iter.tuple.replace(Some(this.to_ref())));
        })
    }

    fn concat(py: Attached<'_>, this: &Tuple, other: &Object) -> PyResult<Ref<Tuple>> {
        let Some(right) = other.downcast::<Tuple>() else {
            let name = other.ty().name();
            return Err(raise!(py, TypeError, "can only concatenate tuple (not \"{name}\") to tuple"));
        };
        if this.is_empty() && right.as_object().downcast_exact::<Tuple>().is_some() {
            return Ok(right.to_ref());
        }
        if right.is_empty() && this.as_object().downcast_exact::<Tuple>().is_some() {
            return Ok(this.to_ref());
        }
        let (left, right) = (this.as_slice(), right.as_slice());
        Tuple::build(py, left.len() + right.len(), |at| {
            Ok(left.get(at).unwrap_or_else(|| &right[at - left.len()]).to_ref())
        })
    }

    fn repeat(py: Attached<'_>, this: &Tuple, count: isize) -> PyResult<Ref<Tuple>> {
        let exact = this.as_object().downcast_exact::<Tuple>().is_some();
        if exact && (count == 1 || this.is_empty()) {
            return Ok(this.to_ref());
        }
        let count = count.max(0) as usize;
        let Some(len) = this.len().checked_mul(count).filter(|&len| len <= isize::MAX as usize / 8) else {
            return Err(py.no_memory());
        };
        let items = this.as_slice();
        Tuple::build(py, len, |at| Ok(items[at % items.len()].to_ref()))
    }

    fn sq_item(py: Attached<'_>, this: &Tuple, index: isize) -> PyResult<Ref<Object>> {
        match usize::try_from(index).ok().and_then(|at| this.get(at)) {
            Some(item) => Ok(item.to_ref()),
            None => Err(raise!(py, IndexError, "tuple index out of range")),
        }
    }

    fn contains(py: Attached<'_>, this: &Tuple, value: &Object) -> PyResult<bool> {
        for item in this.as_slice() {
            if item.eq(py, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `self[key]` for an index or a slice.
    pub fn subscript(py: Attached<'_>, this: &Tuple, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(index) = super::container::index_value(py, key)? {
            let index = if index < 0 { index.wrapping_add(this.len() as isize) } else { index };
            return Tuple::sq_item(py, this, index);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            let name = key.ty().name();
            return Err(raise!(py, TypeError, "tuple indices must be integers or slices, not {name}"));
        };
        let (start, _, step, count) = slice.indices(py, this.len())?;
        if start == 0 && step == 1 && count == this.len() && this.as_object().downcast_exact::<Tuple>().is_some() {
            return Ok(this.to_ref().upcast());
        }
        let items = this.as_slice();
        Ok(Tuple::build(py, count, |at| Ok(items[(start + at as isize * step) as usize].to_ref()))?.upcast())
    }

    /// The items from `start` to before `end`, clamped.
    pub fn slice(&self, py: Attached<'_>, start: usize, end: usize) -> PyResult<Ref<Tuple>> {
        let end = end.min(self.len());
        Tuple::from_slice(py, &self.as_slice()[start.min(end)..end])
    }

    fn getnewargs(py: Attached<'_>, this: &Tuple) -> PyResult<Ref<Tuple>> {
        let copy = Tuple::from_slice(py, this.as_slice())?;
        Tuple::from_slice(py, &[copy.as_object()])
    }

    fn index(py: Attached<'_>, this: &Tuple, args: [Option<&Object>; 3]) -> PyResult<usize> {
        let [value, start, stop] = args;
        let (start, stop) = super::container::search_range(py, start, stop, this.len())?;
        let value = value.ok_or_else(|| py.bad_internal_call())?;
        for at in start..stop {
            if this.as_slice()[at].eq(py, value)? {
                return Ok(at);
            }
        }
        Err(raise!(py, ValueError, "tuple.index(x): x not in tuple"))
    }

    fn count(py: Attached<'_>, this: &Tuple, value: &Object) -> PyResult<usize> {
        let mut count = 0;
        for item in this.as_slice() {
            count += usize::from(item.eq(py, value)?);
        }
        Ok(count)
    }
}

/// The mixing of item hashes into the hash of a sequence.
pub(crate) struct TupleHash(u64);

impl TupleHash {
    const P1: u64 = 11_400_714_785_074_694_791;
    const P2: u64 = 14_029_467_366_897_019_727;
    const P5: u64 = 2_870_177_450_012_600_261;

    pub(crate) fn new() -> Self {
        TupleHash(Self::P5)
    }

    #[inline]
    pub(crate) fn add(&mut self, lane: isize) {
        self.0 = self.0.wrapping_add((lane as u64).wrapping_mul(Self::P2)).rotate_left(31).wrapping_mul(Self::P1);
    }

    /// The mixed value of a fixed number of lanes.
    #[inline]
    pub(crate) fn finish_raw(self) -> isize {
        match self.0 as isize {
            -1 => 1_546_275_796,
            hash => hash,
        }
    }

    #[inline]
    pub(crate) fn finish(self, len: usize) -> isize {
        match self.0.wrapping_add(len as u64 ^ (Self::P5 ^ 3_527_539)) as isize {
            -1 => 1_546_275_796,
            hash => hash,
        }
    }
}

/// The pair that an iterator handed out last. A receiver that unpacks it lets go of it, and the iterator gives it out
/// again with other items.
#[repr(transparent)]
pub struct LastPair(Slot<Tuple>);

impl LastPair {
    /// A tuple of two items.
    pub fn renew(&self, py: Attached<'_>, first: Ref<Object>, second: Ref<Object>) -> PyResult<Ref<Tuple>> {
        if self.0.is_null() {
            let pair = Tuple::pair(py, first, second)?;
            drop(self.0.replace(Some(pair.clone())));
            return Ok(pair);
        }
        // SAFETY: [quiescent] in `nogil` mode, where another thread may take it: its head outlives this look.
        let let_go = unsafe { self.0.borrow() }.is_some_and(|last| mode::is_uniquely_referenced(last.as_object()));
        match if let_go { self.0.take() } else { None } {
            Some(last) if mode::is_uniquely_referenced(last.as_object()) => {
                let cells = last.cells();
                let old = [cells[0].get(), cells[1].get()];
                cells[0].store(first.into_raw(), Release);
                cells[1].store(second.into_raw(), Release);
                last.0.ob_hash.set(-1);
                if !gc::is_tracked(last.as_object()) {
                    last.track_if_needed();
                }
                drop(self.0.replace(Some(last.clone())));
                // SAFETY: the cells owned them. What runs now finds everything in its place.
                drop(old.map(|item| unsafe { Ref::<Object>::from_raw(item) }));
                Ok(last)
            }
            _ => Tuple::pair(py, first, second),
        }
    }

    pub fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.0)
    }

    pub fn clear(&self) {
        drop(self.0.take());
    }
}

/// `tuple_iterator`.
#[repr(C)]
pub struct TupleIter {
    ob_base: PyObject,
    index: Field<isize>,
    tuple: crate::Slot<Tuple>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyTupleIter_Type: "tuple_iterator" for TupleIter {
        base: crate::Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = TupleIter::dealloc,
            tp_traverse = TupleIter::traverse,
            tp_iter = |_, this: &TupleIter| this.to_ref(),
            tp_iternext = TupleIter::next,
        },
        methods: {
            noargs "__length_hint__" => TupleIter::length_hint, "($self, /)", "Estimate how many items are left.";
            noargs "__reduce__" => TupleIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => TupleIter::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

impl TupleIter {
    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<TupleIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |iter| drop(iter.tuple.take())) };
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.tuple)
    }

    /// The tuple, while there may be more.
    #[inline(always)]
    fn live(&self) -> Option<&Tuple> {
        // SAFETY: [frozen] in `nogil` mode, where the tuple stays until deallocation; [attached] in `gil` mode.
        unsafe { self.tuple.borrow() }
    }

    /// The item at the iterator's position; [`TupleIter::advance`] then takes it. Threads that share the iterator may
    /// get an item twice, never a wrong one.
    #[inline(always)]
    pub fn peek(&self) -> Option<&Object> {
        self.live()?.get(self.index.get() as usize)
    }

    /// Goes on to the item after the one that [`TupleIter::peek`] found.
    #[inline(always)]
    pub fn advance(&self) {
        self.index.set(self.index.get() + 1);
    }

    fn next(_py: Attached<'_>, this: &TupleIter) -> PyResult<Option<Ref<Object>>> {
        if let Some(item) = this.peek() {
            let item = item.to_ref();
            this.advance();
            return Ok(Some(item));
        }
        if mode::FREE_THREADED {
            this.index.set(isize::MAX);
        } else {
            drop(this.tuple.take());
        }
        Ok(None)
    }

    fn length_hint(_py: Attached<'_>, this: &TupleIter) -> PyResult<usize> {
        Ok(this.tuple.get().map_or(0, |tuple| tuple.len().saturating_sub(this.index.get() as usize)))
    }

    fn reduce(py: Attached<'_>, this: &TupleIter) -> PyResult<Ref<Tuple>> {
        let iter = super::container::builtin(py, id!(py, iter))?;
        let live = this.tuple.get().filter(|tuple| this.index.get() <= tuple.len() as isize);
        match live {
            Some(tuple) => {
                let args = Tuple::from_slice(py, &[tuple.as_object()])?;
                let index = Int::from_i64(py, this.index.get() as i64)?;
                Tuple::from_slice(py, &[&iter, args.as_object(), index.as_object()])
            }
            None => {
                let args = Tuple::from_slice(py, &[Tuple::empty(py).as_object()])?;
                Tuple::from_slice(py, &[&iter, args.as_object()])
            }
        }
    }

    fn setstate(py: Attached<'_>, this: &TupleIter, state: &Object) -> PyResult<()> {
        let index = crate::builtins::textargs::state_index(py, state)?;
        if let Some(tuple) = this.tuple.get() {
            this.index.set(index.clamp(0, tuple.len() as isize));
        }
        Ok(())
    }
}
