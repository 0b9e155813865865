//! `_collections`: `deque`, `defaultdict` and helpers.
//!
//! A deque's items lie behind a short lock; Python code (comparison, iteration of arguments) runs outside it and finds
//! changes made meanwhile through a counter.
use krait_object::args::{Args, Signature};
use krait_object::builtins::container::ReprGuard;
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::builtins::odictobject::ODict;
use krait_object::layout::{Field, PyDictObject, PyObject};
use krait_object::native::{Arg, State, add_type, alloc, part, ready, required};
use krait_object::protocols::number::BinaryOp;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, Visit, exc,
    functions, id, mem, none, not_implemented, pytype, raise,
};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

krait_object::native! {
    /// `deque`.
    pub struct Deque { items: State<VecDeque<Ref<Object>>>, changes: Field<usize>, maxlen: Field<isize>, weaklist: Field<*mut PyObject> }
}
pytype! {
    static DEQUE: "collections.deque" for Deque {
        base: Object, flags: [HAVE_GC, BASETYPE, SEQUENCE],
        doc: "deque([iterable[, maxlen]])\n--\n\nA sequence with fast access to both ends.",
        slots: {
            tp_dealloc = Deque::dealloc,
            tp_traverse = Deque::traverse,
            tp_clear = |_: Attached<'_>, this: &Deque| this.take_all(),
            tp_repr = Deque::repr,
            tp_richcompare = Deque::compare,
            tp_iter = |py: Attached<'_>, this: &Deque| DequeIter::make(py, DequeIter::type_object(), this),
            tp_init = Deque::init,
            tp_new = Deque::construct,
            raw tp_weaklistoffset = offset_of!(Deque, weaklist) as isize,
            sq_length = |_: Attached<'_>, this: &Deque| Ok(this.items.lock().len()),
            sq_concat = Deque::concat,
            sq_repeat = Deque::repeat,
            sq_item = Deque::item,
            sq_ass_item = Deque::set_item,
            sq_contains = Deque::contains,
            sq_inplace_concat = Deque::inplace_concat,
            sq_inplace_repeat = Deque::inplace_repeat,
        },
        methods: {
            o "append" => |py: Attached<'_>, this: &Deque, item: &Object| this.push(py, item.to_ref(), false), "($self, item, /)", "Add an element to the right side of the deque.";
            o "appendleft" => |py: Attached<'_>, this: &Deque, item: &Object| this.push(py, item.to_ref(), true), "($self, item, /)", "Add an element to the left side of the deque.";
            noargs "clear" => |_: Attached<'_>, this: &Deque| this.take_all(), "($self, /)", "Remove all elements from the deque.";
            noargs "__copy__" => Deque::copy, "($self, /)", "Return a shallow copy of a deque.";
            noargs "copy" => Deque::copy, "($self, /)", "Return a shallow copy of a deque.";
            o "count" => Deque::count, "($self, value, /)", "Return number of occurrences of value.";
            o "extend" => |py: Attached<'_>, this: &Deque, items: &Object| this.extend(py, items, false), "($self, iterable, /)", "Extend the right side of the deque with elements from the iterable.";
            o "extendleft" => |py: Attached<'_>, this: &Deque, items: &Object| this.extend(py, items, true), "($self, iterable, /)", "Extend the left side of the deque with elements from the iterable.";
            raw "index" => Deque::index, "($self, value, [start, [stop]])", "Return first index of value.\n\nRaises ValueError if the value is not present.";
            sig "insert" => Deque::insert, "($self, index, value, /)", "Insert value before index.";
            noargs "pop" => |py: Attached<'_>, this: &Deque| this.take(py, false), "($self, /)", "Remove and return the rightmost element.";
            noargs "popleft" => |py: Attached<'_>, this: &Deque| this.take(py, true), "($self, /)", "Remove and return the leftmost element.";
            noargs "__reduce__" => Deque::reduce, "($self, /)", "What pickle needs to build it again.";
            o "remove" => Deque::remove, "($self, value, /)", "Remove first occurrence of value.";
            noargs "__reversed__" => |py: Attached<'_>, this: &Deque| DequeIter::make(py, DequeRevIter::type_object(), this), "($self, /)", "Return a reverse iterator over the deque.";
            noargs "reverse" => Deque::reverse, "($self, /)", "Reverse *IN PLACE*.";
            sig "rotate" => Deque::rotate, "($self, n=1, /)", "Rotate the deque n steps to the right.  If n is negative, rotates left.";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Deque| size_of::<Deque>() + this.items.lock().capacity() * 8, "($self, /)", "Return the size of the deque in memory, in bytes.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "maxlen" => |_: Attached<'_>, this: &Deque| this.max(), "maximum size of a deque or None if unbounded";
        },
    }
}

/// Whether comparing the two runs no Python code: strings and integers.
fn runs_no_code(left: &Object, right: &Object) -> bool {
    let plain = |object: &Object| object.downcast_exact::<Str>().is_some() || object.downcast_exact::<Int>().is_some();
    plain(left) && plain(right)
}

impl Deque {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Deque>> {
        let this = alloc::<Deque>(py, ty)?;
        this.items.init(VecDeque::new());
        this.maxlen.set(-1);
        Ok(this)
    }

    fn max(&self) -> Option<usize> {
        usize::try_from(self.maxlen.get()).ok()
    }

    fn changed(&self) {
        self.changes.set(self.changes.get().wrapping_add(1));
    }

    fn init(py: Attached<'_>, this: &Deque, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("deque", "(iterable=(), maxlen=None)");
        let [iterable, maxlen] = SIG.bind::<2>(py, args)?;
        let max = match maxlen.filter(|maxlen| !maxlen.is_none()) {
            None => -1,
            Some(maxlen) => {
                let max = match maxlen.downcast::<Int>() {
                    None => return Err(raise!(py, TypeError, "an integer is required")),
                    Some(max) => max.as_isize(py)?,
                };
                if max < 0 {
                    return Err(raise!(py, ValueError, "maxlen must be non-negative"));
                }
                max
            }
        };
        this.maxlen.set(max);
        this.take_all();
        iterable.map_or(Ok(()), |iterable| this.extend(py, iterable, false))
    }

    fn take_all(&self) {
        self.changed();
        let old = std::mem::take(&mut *self.items.lock());
        drop(old);
    }

    fn push(&self, py: Attached<'_>, item: Ref<Object>, left: bool) -> PyResult<()> {
        // What does not fit any more is dropped after the lock.
        let _surplus = {
            let mut items = self.items.lock();
            if items.len() == items.capacity() && items.try_reserve(1).is_err() {
                return Err(py.no_memory());
            }
            if left {
                items.push_front(item)
            } else {
                items.push_back(item)
            };
            match self.max() {
                Some(max) if items.len() > max => {
                    if left {
                        items.pop_back()
                    } else {
                        items.pop_front()
                    }
                }
                _ => None,
            }
        };
        self.changed();
        Ok(())
    }

    fn take(&self, py: Attached<'_>, left: bool) -> PyResult<Ref<Object>> {
        let item = {
            let mut items = self.items.lock();
            if left { items.pop_front() } else { items.pop_back() }
        };
        self.changed();
        item.ok_or_else(|| raise!(py, IndexError, "pop from an empty deque"))
    }

    fn extend(&self, py: Attached<'_>, iterable: &Object, left: bool) -> PyResult<()> {
        if iterable.is(self) {
            for item in self.snapshot() {
                self.push(py, item, left)?;
            }
            return Ok(());
        }
        let iter = iterable.iter(py)?;
        while let Some(item) = iter.iter_next(py)? {
            self.push(py, item, left)?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Vec<Ref<Object>> {
        self.items.lock().iter().cloned().collect()
    }

    fn get(&self, at: usize) -> Option<Ref<Object>> {
        self.items.lock().get(at).cloned()
    }

    /// A deque like this one with the given items.
    fn like(py: Attached<'_>, this: &Deque, items: Vec<Ref<Object>>) -> PyResult<Ref<Deque>> {
        let new = Deque::construct(py, Deque::type_object(), Args::EMPTY)?;
        new.maxlen.set(this.maxlen.get());
        for item in items {
            new.push(py, item, false)?;
        }
        Ok(new)
    }

    fn copy(py: Attached<'_>, this: &Deque) -> PyResult<Ref<Object>> {
        let ty = this.as_object().ty();
        if std::ptr::eq(ty, Deque::type_object()) {
            return Ok(Deque::like(py, this, this.snapshot())?.upcast());
        }
        let copy = match this.max() {
            None => ty.as_object().call_pos(py, &[this.as_object()]),
            Some(max) => ty.as_object().call_pos(py, &[this.as_object(), &*max.into_object(py)?]),
        }?;
        if copy.as_object().downcast::<Deque>().is_none() {
            let (made, asked) = (copy.ty().name().into_owned(), ty.name());
            return Err(raise!(py, TypeError, "{asked}() must return a deque, not {made}"));
        }
        Ok(copy)
    }

    fn repr(py: Attached<'_>, this: &Deque) -> PyResult<Ref<Str>> {
        let Some(_guard) = ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "[...]");
        };
        let list = krait_object::List::from_vec(py, this.snapshot())?;
        let items = list.as_object().repr(py)?;
        let name = Str::new(py, &format!("{}(", this.as_object().ty().short_name()))?;
        let tail = match this.max() {
            Some(max) => Str::new(py, &format!(", maxlen={max})"))?,
            None => Str::new(py, ")")?,
        };
        Str::concat_all(py, &[&name, &items, &tail])
    }

    fn compare(py: Attached<'_>, this: &Deque, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Deque>() else { return Ok(not_implemented()) };
        let (left, right) = (this.snapshot(), other.snapshot());
        if matches!(op, CompareOp::Eq | CompareOp::Ne) {
            let same = std::ptr::eq(this, other);
            if same || left.len() != right.len() {
                return (same == (op == CompareOp::Eq)).into_object(py);
            }
        }
        for (a, b) in left.iter().zip(&right) {
            if a.is(&**b) || a.eq(py, b)? {
                continue;
            }
            return match op {
                CompareOp::Eq => false.into_object(py),
                CompareOp::Ne => true.into_object(py),
                _ => a.rich_compare(py, b, op),
            };
        }
        op.holds(left.len().cmp(&right.len())).into_object(py)
    }

    fn concat(py: Attached<'_>, this: &Deque, other: &Object) -> PyResult<Ref<Object>> {
        if other.downcast::<Deque>().is_none() {
            let name = other.ty().name();
            return Err(raise!(py, TypeError, "can only concatenate deque (not \"{name}\") to deque"));
        }
        let new = Deque::copy(py, this)?;
        if let Some(new) = new.as_object().downcast::<Deque>() {
            new.extend(py, other, false)?;
        }
        Ok(new)
    }

    fn inplace_concat(py: Attached<'_>, this: &Deque, other: &Object) -> PyResult<Ref<Deque>> {
        this.extend(py, other, false)?;
        Ok(this.to_ref())
    }

    fn repeat(py: Attached<'_>, this: &Deque, count: isize) -> PyResult<Ref<Object>> {
        let new = Deque::copy(py, this)?;
        if let Some(deque) = new.as_object().downcast::<Deque>() {
            Deque::inplace_repeat(py, deque, count)?;
        }
        Ok(new)
    }

    fn inplace_repeat(py: Attached<'_>, this: &Deque, count: isize) -> PyResult<Ref<Deque>> {
        let items = this.snapshot();
        if count <= 0 {
            this.take_all();
        } else if !items.is_empty() {
            let total = items.len().checked_mul(count as usize).filter(|&total| total < isize::MAX as usize / 8);
            if total.is_none() && this.max().is_none() {
                return Err(py.no_memory());
            }
            let mut rounds = count as usize - 1;
            if let Some(max) = this.max() {
                rounds = rounds.min(max / items.len() + 1);
            }
            let more = rounds.saturating_mul(items.len()).min(this.max().unwrap_or(usize::MAX));
            if this.items.lock().try_reserve(more).is_err() {
                return Err(py.no_memory());
            }
            for _ in 0..rounds {
                for item in &items {
                    this.push(py, item.clone(), false)?;
                }
            }
        }
        Ok(this.to_ref())
    }

    fn item(py: Attached<'_>, this: &Deque, index: isize) -> PyResult<Ref<Object>> {
        usize::try_from(index)
            .ok()
            .and_then(|at| this.get(at))
            .ok_or_else(|| raise!(py, IndexError, "deque index out of range"))
    }

    fn set_item(py: Attached<'_>, this: &Deque, index: isize, value: Option<&Object>) -> PyResult<()> {
        let _old = {
            let mut items = this.items.lock();
            let at = usize::try_from(index).ok().filter(|&at| at < items.len());
            match (at, value) {
                (None, _) => None,
                (Some(at), Some(value)) => Some(std::mem::replace(&mut items[at], value.to_ref())),
                (Some(at), None) => items.remove(at),
            }
        }
        .ok_or_else(|| raise!(py, IndexError, "deque index out of range"))?;
        if value.is_none() {
            this.changed();
        }
        Ok(())
    }

    /// Calls `hit` for each item of `from..to` that equals `value`, as the deque is now. An error when it changes while a
    /// comparison runs code.
    fn scan(
        &self,
        py: Attached<'_>,
        from: usize,
        to: usize,
        value: &Object,
        changed: fn(Attached<'_>) -> Raised,
        mut hit: impl FnMut(usize, Ref<Object>) -> bool,
    ) -> PyResult<()> {
        let changes = self.changes.get();
        let items: Vec<Ref<Object>> = {
            let items = self.items.lock();
            items.iter().skip(from).take(to.saturating_sub(from)).cloned().collect()
        };
        for (at, item) in items.into_iter().enumerate() {
            if item.is(value) || item.eq(py, value)? {
                let plain = runs_no_code(&item, value);
                if hit(from + at, item) {
                    return Ok(());
                }
                if plain {
                    continue;
                }
            } else if runs_no_code(&item, value) {
                continue;
            }
            if self.changes.get() != changes {
                return Err(changed(py));
            }
        }
        Ok(())
    }

    fn contains(py: Attached<'_>, this: &Deque, value: &Object) -> PyResult<bool> {
        let mut found = false;
        let error = |py: Attached<'_>| raise!(py, RuntimeError, "deque mutated during iteration");
        this.scan(py, 0, usize::MAX, value, error, |_, _| {
            found = true;
            true
        })?;
        Ok(found)
    }

    fn count(py: Attached<'_>, this: &Deque, value: &Object) -> PyResult<usize> {
        let mut count = 0;
        let error = |py: Attached<'_>| raise!(py, RuntimeError, "deque mutated during iteration");
        this.scan(py, 0, usize::MAX, value, error, |_, _| {
            count += 1;
            false
        })?;
        Ok(count)
    }

    fn index(py: Attached<'_>, this: &Deque, args: Args<'_>) -> PyResult<usize> {
        args.no_keywords(py, "deque.index")?;
        let pos = args.unpack(py, "index", 1, 3)?;
        let len = this.items.lock().len();
        let bound = |arg: Option<&&Object>, default: isize| -> PyResult<usize> {
            let value = krait_object::builtins::textargs::slice_index(py, arg.copied(), default)?;
            Ok(if value < 0 { value.saturating_add_unsigned(len).max(0) as usize } else { value as usize })
        };
        let (start, stop) = (bound(pos.get(1), 0)?, bound(pos.get(2), isize::MAX)?.min(len));
        let mut found = None;
        let error = |py: Attached<'_>| raise!(py, RuntimeError, "deque mutated during iteration");
        this.scan(py, start, stop, pos[0], error, |at, _| {
            found = Some(at);
            true
        })?;
        match found {
            Some(at) => Ok(at),
            None => Err(raise!(py, ValueError, "deque.index(x): x not in deque")),
        }
    }

    fn insert(py: Attached<'_>, this: &Deque, [index, value]: [Arg<'_>; 2]) -> PyResult<()> {
        let (index, value) = (required(py, index)?.as_isize(py)?, required(py, value)?.to_ref());
        {
            let mut items = this.items.lock();
            if this.max().is_some_and(|max| items.len() >= max) {
                drop(items);
                return Err(raise!(py, IndexError, "deque already at its maximum size"));
            }
            let len = items.len();
            let at =
                if index < 0 { index.saturating_add_unsigned(len).max(0) as usize } else { (index as usize).min(len) };
            items.insert(at, value);
        }
        this.changed();
        Ok(())
    }

    fn remove(py: Attached<'_>, this: &Deque, value: &Object) -> PyResult<()> {
        let error = |py: Attached<'_>| raise!(py, IndexError, "deque mutated during remove().");
        loop {
            let mut found = None;
            this.scan(py, 0, usize::MAX, value, error, |at, item| {
                found = Some((at, item));
                true
            })?;
            let Some((at, item)) = found else { return Err(raise!(py, ValueError, "deque.remove(x): x not in deque")) };
            let removed = {
                let mut items = this.items.lock();
                if items.get(at).is_some_and(|now| now.is(&*item)) { items.remove(at) } else { None }
            };
            if let Some(removed) = removed {
                this.changed();
                drop(removed);
                return Ok(());
            }
            // Another thread was faster, or the comparison changed the deque.
            if !runs_no_code(&item, value) {
                return Err(error(py));
            }
        }
    }

    fn reverse(_: Attached<'_>, this: &Deque) {
        this.items.lock().make_contiguous().reverse();
        this.changed();
    }

    fn rotate(py: Attached<'_>, this: &Deque, [n]: [Arg<'_>; 1]) -> PyResult<()> {
        let n = n.map_or(Ok(1), |n| n.as_isize(py))?;
        let mut items = this.items.lock();
        let len = items.len();
        if len > 1 {
            items.rotate_right(n.rem_euclid(len as isize) as usize);
        }
        drop(items);
        this.changed();
        Ok(())
    }

    fn reduce(py: Attached<'_>, this: &Deque) -> PyResult<Ref<Tuple>> {
        let object = this.as_object();
        let state = object.call_method(py, id!(py, __getstate__), &[])?;
        let iter = object.iter(py)?;
        let args = match this.max() {
            None => Tuple::empty(py),
            Some(max) => Tuple::pair(py, Tuple::empty(py).upcast(), max.into_object(py)?)?,
        };
        Tuple::from_vec(py, vec![object.ty().to_ref().upcast(), args.upcast(), state, iter])
    }
}

krait_object::native! {
    /// The iterator of a deque.
    pub struct DequeIter { deque: Slot<Deque>, at: Field<usize>, left: Field<usize>, changes: Field<usize>, reverse: Field<bool> }
}
pytype! {
    static DEQUE_ITER: "_collections._deque_iterator" for DequeIter {
        base: Object, flags: [HAVE_GC],
        slots: {
            tp_dealloc = DequeIter::dealloc,
            tp_traverse = DequeIter::traverse,
            tp_iter = |_: Attached<'_>, this: &DequeIter| this.to_ref(),
            tp_iternext = DequeIter::next,
            tp_new = |py: Attached<'_>, ty: &Type, args: Args<'_>| DequeIter::construct(py, ty, args),
        },
        methods: {
            noargs "__length_hint__" => |_: Attached<'_>, this: &DequeIter| this.left.get(), "($self, /)", "Private method returning an estimate of len(list(it)).";
            noargs "__reduce__" => DequeIter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
    }
}
#[repr(transparent)]
pub struct DequeRevIter(DequeIter);
pytype! {
    static DEQUE_REV_ITER: "_collections._deque_reverse_iterator" for DequeRevIter {
        base: Object, flags: [HAVE_GC],
        slots: {
            tp_dealloc = |py: Attached<'_>, this: NonNull<DequeRevIter>| DequeIter::dealloc(py, this.cast()),
            tp_traverse = |this: &DequeRevIter, visit: Visit<'_>| this.0.traverse(visit),
            tp_iter = |_: Attached<'_>, this: &DequeRevIter| this.to_ref(),
            tp_iternext = |py: Attached<'_>, this: &DequeRevIter| DequeIter::next(py, &this.0),
            tp_new = |py: Attached<'_>, ty: &Type, args: Args<'_>| DequeIter::construct(py, ty, args),
        },
        methods: {
            noargs "__length_hint__" => |_: Attached<'_>, this: &DequeRevIter| this.0.left.get(), "($self, /)", "Private method returning an estimate of len(list(it)).";
            noargs "__reduce__" => |py: Attached<'_>, this: &DequeRevIter| DequeIter::reduce(py, &this.0), "($self, /)", "What pickle needs to build it again.";
        },
    }
}

impl DequeIter {
    fn make(py: Attached<'_>, ty: &Type, deque: &Deque) -> PyResult<Ref<Object>> {
        let raw = mem::alloc_instance(py, ty, 0)?;
        // SAFETY: [layout]: both types have this layout.
        let this = unsafe { Ref::<DequeIter>::from_raw(raw.as_ptr()) };
        let len = deque.items.lock().len();
        this.left.set(len);
        this.changes.set(deque.changes.get());
        this.reverse.set(std::ptr::eq(ty, DequeRevIter::type_object()));
        drop(this.deque.replace(Some(deque.to_ref())));
        krait_object::gc::track(this.as_object());
        Ok(this.upcast())
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let name = ty.name().into_owned();
        let pos = args.unpack(py, &name, 1, 2)?;
        let Some(deque) = pos[0].downcast::<Deque>() else {
            let given = pos[0].ty().name();
            return Err(raise!(py, TypeError, "{name}() argument 1 must be collections.deque, not {given}"));
        };
        let index = pos.get(1).map_or(Ok(0), |index| index.as_isize(py))?;
        let iter = DequeIter::make(py, ty, deque)?;
        // SAFETY: just made with this layout.
        let this = unsafe { (*iter).cast_unchecked::<DequeIter>() };
        let skip = this.left.get().min(index.max(0) as usize);
        this.at.set(skip);
        this.left.set(this.left.get() - skip);
        Ok(iter)
    }

    fn next(py: Attached<'_>, this: &DequeIter) -> PyResult<Option<Ref<Object>>> {
        let Some(deque) = this.deque.get() else { return Ok(None) };
        if deque.changes.get() != this.changes.get() {
            this.left.set(0);
            return Err(raise!(py, RuntimeError, "deque mutated during iteration"));
        }
        let (left, at) = (this.left.get(), this.at.get());
        if left == 0 {
            return Ok(None);
        }
        let place = if this.reverse.get() { left - 1 } else { at };
        this.at.set(at + 1);
        this.left.set(left - 1);
        Ok(deque.get(place))
    }

    fn reduce(py: Attached<'_>, this: &DequeIter) -> PyResult<Ref<Tuple>> {
        let deque = part(py, &this.deque)?;
        let len = deque.items.lock().len();
        let done = len - this.left.get().min(len);
        let args = Tuple::pair(py, deque.upcast(), done.into_object(py)?)?;
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), args.upcast())
    }
}

/// `defaultdict`: a dict and its factory.
#[repr(C)]
pub struct DefaultDict {
    dict: PyDictObject,
    factory: Slot,
}
pytype! {
    static DEFAULT_DICT: "collections.defaultdict" for DefaultDict {
        base: Dict, flags: [HAVE_GC, BASETYPE],
        doc: "defaultdict(default_factory=None, /, [...]) --> dict with default factory\n\nA missing key gets the value that default_factory() returns.",
        slots: {
            raw tp_dealloc = Some(default_dict_dealloc),
            tp_traverse = |this: &DefaultDict, visit: Visit<'_>| -> Result<(), c_int> {
                visit.slot(&this.factory)?;
                base_traverse(this, visit)
            },
            tp_clear = |py: Attached<'_>, this: &DefaultDict| { drop(this.factory.take()); this.dict().clear(py); },
            tp_repr = DefaultDict::repr,
            tp_init = DefaultDict::init,
            nb_or = DefaultDict::or,
        },
        methods: {
            o "__missing__" => DefaultDict::missing, "($self, object, /)", "Called by __getitem__ for a missing key.";
            noargs "copy" => DefaultDict::copy, "($self, /)", "Return a shallow copy.";
            noargs "__copy__" => DefaultDict::copy, "($self, /)", "Return a shallow copy.";
            noargs "__reduce__" => DefaultDict::reduce, "($self, /)", "What pickle needs to build it again.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "default_factory" => |_: Attached<'_>, this: &DefaultDict| this.factory.get(),
                |_: Attached<'_>, this: &DefaultDict, value: Option<&Object>| -> PyResult<()> { drop(this.factory.replace(value.map(|value| value.to_ref()))); Ok(()) },
                "Factory for default value called by __missing__().";
        },
    }
}

unsafe extern "C" fn default_dict_dealloc(this: *mut PyObject) {
    // SAFETY: [slot-contract]: the object is of this type; the base frees the rest.
    unsafe {
        drop((*this.cast::<DefaultDict>()).factory.take());
        if let Some(dealloc) = Dict::type_object().as_type().tp_dealloc.get() {
            dealloc(this);
        }
    }
}

fn base_traverse(this: &DefaultDict, visit: Visit<'_>) -> Result<(), c_int> {
    let (proc, arg) = visit.as_raw();
    let Some(traverse) = Dict::type_object().as_type().tp_traverse.get() else { return Ok(()) };
    // SAFETY: [slot-contract]: the object begins with a dict.
    match unsafe { traverse(this.as_ptr(), proc, arg) } {
        0 => Ok(()),
        stop => Err(stop),
    }
}

impl DefaultDict {
    fn dict(&self) -> &Dict {
        // SAFETY: [layout]: the struct begins with a dict.
        unsafe { self.as_object().cast_unchecked() }
    }

    fn init(py: Attached<'_>, this: &DefaultDict, args: Args<'_>) -> PyResult<()> {
        if args.names.iter().any(|name| name.downcast::<Str>().is_none()) {
            return Err(raise!(py, TypeError, "keywords must be strings"));
        }
        let (factory, rest) = match args.pos {
            [] => (None, args.pos),
            [factory, rest @ ..] => (Some(*factory), rest),
        };
        if let Some(factory) = factory
            && !factory.is_callable()
            && !factory.is_none()
        {
            return Err(raise!(py, TypeError, "first argument must be callable or None"));
        }
        let factory = factory.filter(|factory| !factory.is_none());
        drop(this.factory.replace(factory.map(|factory| factory.to_ref())));
        if rest.len() > 1 {
            let given = rest.len();
            return Err(raise!(py, TypeError, "dict expected at most 1 argument, got {given}"));
        }
        if let [source] = rest {
            if source.downcast::<Dict>().is_some() || source.get_attr_opt(py, id!(py, keys))?.is_some() {
                this.dict().merge(py, source, true)?;
            } else {
                this.dict().merge_pairs(py, source, true)?;
            }
        }
        for (name, value) in args.names.iter().zip(args.values) {
            this.dict().set(py, name, value)?;
        }
        Ok(())
    }

    fn missing(py: Attached<'_>, this: &DefaultDict, key: &Object) -> PyResult<Ref<Object>> {
        let Some(factory) = this.factory.get().filter(|factory| !factory.is_none()) else {
            let args = Tuple::from_slice(py, &[key])?;
            return Err(py.raise_value(exc::KeyError(), args.as_object()));
        };
        let value = factory.call0(py)?;
        let (value, _) = this.dict().set_default(py, key, &value)?;
        Ok(value)
    }

    fn copy(py: Attached<'_>, this: &DefaultDict) -> PyResult<Ref<Object>> {
        let factory = this.factory.get().unwrap_or_else(none);
        this.as_object().ty().as_object().call_pos(py, &[&factory, this.as_object()])
    }

    fn repr(py: Attached<'_>, this: &DefaultDict) -> PyResult<Ref<Str>> {
        let base = match Dict::type_object().as_type().tp_repr.get() {
            // SAFETY: [slot-contract].
            Some(repr) => unsafe { krait_object::protocols::call::steal_result(py, repr(this.as_ptr()))? },
            None => return Err(py.bad_internal_call()),
        };
        let factory = match this.factory.get() {
            None => Str::new(py, "None")?,
            Some(factory) => match ReprGuard::enter(py, &factory)? {
                None => Str::new(py, "...")?,
                Some(_guard) => factory.repr(py)?,
            },
        };
        let head = Str::new(py, &format!("{}(", this.as_object().ty().short_name()))?;
        let base = base.as_object().str(py)?;
        Str::concat_all(py, &[&head, &factory, &*Str::new(py, ", ")?, &base, &*Str::new(py, ")")?])
    }

    fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (this, is_left) = match left.downcast::<DefaultDict>() {
            Some(this) => (this, true),
            None => match right.downcast::<DefaultDict>() {
                Some(this) => (this, false),
                None => return Ok(not_implemented()),
            },
        };
        let other = if is_left { right } else { left };
        if other.downcast::<Dict>().is_none() {
            return Ok(not_implemented());
        }
        let factory = this.factory.get().unwrap_or_else(none);
        let new = this.as_object().ty().as_object().call_pos(py, &[&factory, left])?;
        if let Some(new) = new.as_object().downcast::<Dict>() {
            new.merge(py, right, true)?;
        }
        Ok(new)
    }

    fn reduce(py: Attached<'_>, this: &DefaultDict) -> PyResult<Ref<Tuple>> {
        let args = match this.factory.get() {
            None => Tuple::empty(py),
            Some(factory) => Tuple::from_vec(py, vec![factory])?,
        };
        let items = this.as_object().call_method(py, id!(py, items), &[])?.iter(py)?;
        let class = this.as_object().ty().to_ref().upcast();
        Tuple::from_vec(py, vec![class, args.upcast(), none(), none(), items])
    }
}

krait_object::native! {
    /// The property of a named tuple's field.
    pub struct TupleGetter { index: Field<isize>, doc: Slot }
}
pytype! {
    static TUPLE_GETTER: "_collections._tuplegetter" for TupleGetter {
        base: Object, flags: [HAVE_GC],
        slots: {
            tp_dealloc = TupleGetter::dealloc,
            tp_traverse = TupleGetter::traverse,
            tp_repr = TupleGetter::repr,
            tp_descr_get = TupleGetter::get,
            tp_descr_set = TupleGetter::set,
            tp_new = TupleGetter::construct,
        },
        methods: {
            noargs "__reduce__" => TupleGetter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        getset: {
            "__doc__" => |_: Attached<'_>, this: &TupleGetter| this.doc.get(),
                |_: Attached<'_>, this: &TupleGetter, value: Option<&Object>| -> PyResult<()> { drop(this.doc.replace(value.map(|value| value.to_ref()))); Ok(()) }, "";
        },
    }
}

impl TupleGetter {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<TupleGetter>> {
        let pos = args.unpack(py, "_tuplegetter", 2, 2)?;
        let index = pos[0].as_isize(py)?;
        let this = alloc::<TupleGetter>(py, ty)?;
        this.index.set(index);
        drop(this.doc.replace(Some(pos[1].to_ref())));
        Ok(this)
    }
    fn get(
        py: Attached<'_>,
        this: &TupleGetter,
        instance: Option<&Object>,
        _: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance else { return Ok(this.to_ref().upcast()) };
        let index = this.index.get();
        let Some(tuple) = instance.downcast::<Tuple>() else {
            if instance.is_none() {
                return Ok(this.to_ref().upcast());
            }
            let name = instance.ty().name();
            return Err(raise!(
                py,
                TypeError,
                "descriptor for index '{index}' for tuple subclasses doesn't apply to '{name}' object"
            ));
        };
        match usize::try_from(index).ok().and_then(|at| tuple.get(at)) {
            Some(item) => Ok(item.to_ref()),
            None => Err(raise!(py, IndexError, "tuple index out of range")),
        }
    }
    fn set(py: Attached<'_>, _: &TupleGetter, _: &Object, value: Option<&Object>) -> PyResult<()> {
        Err(match value {
            None => raise!(py, AttributeError, "can't delete attribute"),
            Some(_) => raise!(py, AttributeError, "can't set attribute"),
        })
    }
    fn repr(py: Attached<'_>, this: &TupleGetter) -> PyResult<String> {
        let doc = part(py, &this.doc)?.repr(py)?;
        Ok(format!("{}({}, {})", this.as_object().ty().short_name(), this.index.get(), doc.to_string_lossy()))
    }
    fn reduce(py: Attached<'_>, this: &TupleGetter) -> PyResult<Ref<Tuple>> {
        let args = Tuple::pair(py, this.index.get().into_object(py)?, part(py, &this.doc)?)?;
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), args.upcast())
    }
}

/// Adds the number of each item of `iterable` to the counts in `mapping`.
fn count_elements(py: Attached<'_>, _: &Object, [mapping, iterable]: [Arg<'_>; 2]) -> PyResult<()> {
    let (mapping, iterable) = (required(py, mapping)?, required(py, iterable)?);
    let iter = iterable.iter(py)?;
    let one = Int::from_i64(py, 1)?.upcast();
    let same = |name: &Str| -> bool {
        let (own, base) = (mapping.ty().lookup(py, name), Dict::type_object().lookup(py, name));
        matches!((own, base), (Some(own), Some(base)) if own.is(&*base))
    };
    // Subclasses that do not override the methods are dicts too.
    let plain = mapping.downcast::<Dict>().filter(|_| same(id!(py, get)) && same(id!(py, __setitem__)));
    if let Some(dict) = plain {
        while let Some(item) = iter.iter_next(py)? {
            let hash = item.hash(py)?;
            let count = match dict.get_known(py, &item, hash)? {
                None => one.clone(),
                Some(count) => count.binary_op(py, &one, BinaryOp::Add)?,
            };
            dict.set_known(py, &item, hash, &count)?;
        }
        return Ok(());
    }
    let get = mapping.get_attr(py, id!(py, get))?;
    let zero = Int::from_i64(py, 0)?;
    while let Some(item) = iter.iter_next(py)? {
        let count = get.call_pos(py, &[&item, zero.as_object()])?.binary_op(py, &one, BinaryOp::Add)?;
        mapping.set_item(py, &item, &count)?;
    }
    Ok(())
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "_count_elements" => count_elements, "($module, mapping, iterable, /)", "Count the items of an iterable in a mapping.";
        },
    )?;
    add_type::<Deque>(py, module, "deque")?;
    add_type::<DefaultDict>(py, module, "defaultdict")?;
    ready::<ODict>(py)?;
    module.add(py, "OrderedDict", ODict::type_object().as_object())?;
    add_type::<DequeIter>(py, module, "_deque_iterator")?;
    add_type::<DequeRevIter>(py, module, "_deque_reverse_iterator")?;
    add_type::<TupleGetter>(py, module, "_tuplegetter")
}
