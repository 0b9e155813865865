//! `range` and its iterators. Ranges are immutable; an iterator that threads share may give a number twice.
use super::container::{TextBuilder, builtin};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::layout::{Field, PyObject};
use crate::protocols::number::BinaryOp;
use crate::typedef::CompareOp;
use crate::{Bool, Int, Object, PyResult, Slice, Str, Tuple, Type, id, mem, pytype, raise};
use std::mem::offset_of;
use std::ptr::NonNull;

/// `range`.
#[repr(C)]
pub struct Range {
    ob_base: PyObject,
    start: Slot<Int>,
    stop: Slot<Int>,
    step: Slot<Int>,
    length: Slot<Int>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyRange_Type: "range" for Range {
        base: crate::Object,
        flags: [SEQUENCE],
        doc: "range(stop) -> range object\nrange(start, stop[, step]) -> range object\n\nThe integers from start to before stop, each step apart. Without a start\nthey begin at 0; a negative step counts down.",
        slots: {
            tp_dealloc = Range::dealloc,
            tp_repr = Range::repr,
            tp_hash = Range::hash,
            tp_richcompare = Range::compare,
            tp_iter = Range::make_iter,
            constructor = Range::construct,
            nb_bool = |_, this: &Range| Ok(!this.len_int().is_zero()),
            length = Range::length,
            sq_item = Range::sq_item,
            sq_contains = Range::contains,
            mp_subscript = Range::subscript,
        },
        methods: {
            noargs "__reversed__" => Range::reversed, "($self, /)", "Return an iterator from the last number to the first.";
            noargs "__reduce__" => Range::reduce, "($self, /)", "What pickle needs to build it again.";
            o "count" => Range::count, "($self, object, /)", "Return how often the number is in the range: 0 or 1.";
            o "index" => Range::index, "($self, object, /)", "Return the position of the number.\n\nRaises ValueError if it is not in the range.";
        },
        members: [
            crate::typedef::member("start\0", crate::layout::Py_T_OBJECT_EX, offset_of!(Range, start), crate::layout::Py_READONLY, c"First number."),
            crate::typedef::member("stop\0", crate::layout::Py_T_OBJECT_EX, offset_of!(Range, stop), crate::layout::Py_READONLY, c"Where the range ends, exclusive."),
            crate::typedef::member("step\0", crate::layout::Py_T_OBJECT_EX, offset_of!(Range, step), crate::layout::Py_READONLY, c"Distance between two numbers."),
        ],
    }
}

fn int(py: Attached<'_>, value: i64) -> PyResult<Ref<Int>> {
    Int::from_i64(py, value)
}

fn op(py: Attached<'_>, left: &Int, right: &Int, op: BinaryOp) -> PyResult<Ref<Int>> {
    let result = left.as_object().binary_op(py, right.as_object(), op)?;
    result.downcast::<Int>().map_err(|_| py.bad_internal_call())
}

fn holds(py: Attached<'_>, left: &Int, right: &Int, op: CompareOp) -> PyResult<bool> {
    left.as_object().compare_bool(py, right.as_object(), op)
}

/// How many numbers there are from `start` to before `stop`, in machine words.
fn small_length(start: i64, stop: i64, step: i64) -> Option<i64> {
    if step > 0 && start < stop {
        let span = stop.checked_sub(start)? - 1;
        (span / step).checked_add(1)
    } else if step < 0 && start > stop {
        let span = start.checked_sub(stop)? - 1;
        (span / step.checked_neg()?).checked_add(1)
    } else {
        Some(0)
    }
}

fn length_of(py: Attached<'_>, start: &Int, stop: &Int, step: &Int) -> PyResult<Ref<Int>> {
    if let (Some(start), Some(stop), Some(step)) = (start.to_i64(), stop.to_i64(), step.to_i64())
        && let Some(length) = small_length(start, stop, step)
    {
        return int(py, length);
    }
    let (low, high, step) = if step.is_negative() {
        let zero = int(py, 0)?;
        (stop.to_ref(), start.to_ref(), op(py, &zero, step, BinaryOp::Subtract)?)
    } else {
        (start.to_ref(), stop.to_ref(), step.to_ref())
    };
    if holds(py, &low, &high, CompareOp::Ge)? {
        return int(py, 0);
    }
    let one = int(py, 1)?;
    let span = op(py, &*op(py, &high, &low, BinaryOp::Subtract)?, &one, BinaryOp::Subtract)?;
    op(py, &*op(py, &span, &step, BinaryOp::FloorDivide)?, &one, BinaryOp::Add)
}

impl Range {
    fn part<'a>(&'a self, slot: &'a Slot<Int>) -> &'a Int {
        let _ = self;
        // SAFETY: [frozen]: set before publication.
        unsafe { &*slot.raw().cast::<Int>() }
    }
    pub fn start(&self) -> &Int {
        self.part(&self.start)
    }
    pub fn stop(&self) -> &Int {
        self.part(&self.stop)
    }
    pub fn step(&self) -> &Int {
        self.part(&self.step)
    }
    fn len_int(&self) -> &Int {
        self.part(&self.length)
    }

    /// Start, step and length when all numbers of the range are machine words.
    fn small(&self) -> Option<(i64, i64, i64)> {
        let (start, step, length) = (self.start().to_i64()?, self.step().to_i64()?, self.len_int().to_i64()?);
        // The place after the last number must be a machine word, too.
        length.checked_mul(step)?.checked_add(start)?;
        Some((start, step, length))
    }

    pub fn new(py: Attached<'_>, start: Ref<Int>, stop: Ref<Int>, step: Ref<Int>) -> PyResult<Ref<Range>> {
        if step.is_zero() {
            return Err(raise!(py, ValueError, "range() arg 3 must not be zero"));
        }
        let length = length_of(py, &start, &stop, &step)?;
        mem::new_instance(py, Range::type_object(), |range: &Range| {
            for (slot, value) in
                [(&range.start, start), (&range.stop, stop), (&range.step, step), (&range.length, length)]
            {
                drop(slot.replace(Some(value)));
            }
        })
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Range>> {
        let exact = |value: &Object| value.index(py)?.exact(py);
        match *args.unpack(py, "range", 1, 3)? {
            [stop] => Range::new(py, int(py, 0)?, exact(stop)?, int(py, 1)?),
            [start, stop] => Range::new(py, exact(start)?, exact(stop)?, int(py, 1)?),
            [start, stop, step] => Range::new(py, exact(start)?, exact(stop)?, exact(step)?),
            _ => Err(py.bad_internal_call()),
        }
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Range>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |range| {
                for slot in [&range.start, &range.stop, &range.step, &range.length] {
                    drop(slot.take());
                }
            });
        }
    }

    fn length(py: Attached<'_>, this: &Range) -> PyResult<usize> {
        Ok(this.len_int().as_isize(py)? as usize)
    }

    /// The number at position `index`, which may lie outside the range.
    fn at(&self, py: Attached<'_>, index: &Int) -> PyResult<Ref<Int>> {
        if let (Some(start), Some(step), Some(index)) = (self.start().to_i64(), self.step().to_i64(), index.to_i64())
            && let Some(value) = index.checked_mul(step).and_then(|offset| offset.checked_add(start))
        {
            return int(py, value);
        }
        op(py, &*op(py, index, self.step(), BinaryOp::Multiply)?, self.start(), BinaryOp::Add)
    }

    fn item(&self, py: Attached<'_>, index: &Int) -> PyResult<Ref<Int>> {
        let length = self.len_int();
        let index = if index.is_negative() { op(py, index, length, BinaryOp::Add)? } else { index.to_ref() };
        if index.is_negative() || holds(py, &index, length, CompareOp::Ge)? {
            return Err(raise!(py, IndexError, "range object index out of range"));
        }
        self.at(py, &index)
    }

    fn sq_item(py: Attached<'_>, this: &Range, index: isize) -> PyResult<Ref<Int>> {
        if let (Some((start, step, length)), true) = (this.small(), index >= 0)
            && (index as i64) < length
        {
            return int(py, start + index as i64 * step);
        }
        // The caller has added the length to a negative index already.
        if index < 0 {
            return Err(raise!(py, IndexError, "range object index out of range"));
        }
        this.item(py, &*int(py, index as i64)?)
    }

    fn subscript(py: Attached<'_>, this: &Range, key: &Object) -> PyResult<Ref<Object>> {
        if key.has_index() {
            let index = key.index(py)?;
            return Ok(this.item(py, &index)?.upcast());
        }
        let Some(slice) = key.downcast::<Slice>() else {
            let name = key.ty().name();
            return Err(raise!(py, TypeError, "range indices must be integers or slices, not {name}"));
        };
        let [start, stop, step] = slice.big_indices(py, this.len_int())?;
        let (start, stop) = (this.at(py, &start)?, this.at(py, &stop)?);
        let step = op(py, &step, this.step(), BinaryOp::Multiply)?;
        Ok(Range::new(py, start, stop, step)?.upcast())
    }

    /// The position of an integer, if it is in the range.
    fn position(&self, py: Attached<'_>, value: &Int) -> PyResult<Option<Ref<Int>>> {
        let offset = op(py, value, self.start(), BinaryOp::Subtract)?;
        let rest = op(py, &offset, self.step(), BinaryOp::Remainder)?;
        if !rest.is_zero() {
            return Ok(None);
        }
        let at = op(py, &offset, self.step(), BinaryOp::FloorDivide)?;
        let inside = !at.is_negative() && holds(py, &at, self.len_int(), CompareOp::Lt)?;
        Ok(inside.then_some(at))
    }

    /// An exact `int` or `bool`, for which membership can be computed.
    fn plain(value: &Object) -> Option<&Int> {
        value.downcast_exact::<Int>().or_else(|| {
            let bool = value.downcast_exact::<Bool>()?;
            // SAFETY: [layout]: `bool` derives from `int`.
            Some(unsafe { bool.as_object().cast_unchecked::<Int>() })
        })
    }

    fn contains(py: Attached<'_>, this: &Range, value: &Object) -> PyResult<bool> {
        if let Some(value) = Range::plain(value) {
            return Ok(this.position(py, value)?.is_some());
        }
        Ok(this.search(py, value)?.is_some())
    }

    fn search(&self, py: Attached<'_>, value: &Object) -> PyResult<Option<usize>> {
        let iter = self.as_object().iter(py)?;
        let mut at = 0;
        while let Some(item) = iter.iter_next(py)? {
            if item.eq(py, value)? {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    fn count(py: Attached<'_>, this: &Range, value: &Object) -> PyResult<usize> {
        if let Some(value) = Range::plain(value) {
            return Ok(usize::from(this.position(py, value)?.is_some()));
        }
        this.as_object().sequence_count(py, value)
    }

    fn index(py: Attached<'_>, this: &Range, value: &Object) -> PyResult<Ref<Object>> {
        let Some(plain) = Range::plain(value) else {
            return match this.search(py, value)? {
                Some(at) => Ok(int(py, at as i64)?.upcast()),
                None => Err(raise!(py, ValueError, "sequence.index(x): x not in sequence")),
            };
        };
        match this.position(py, plain)? {
            Some(at) => Ok(at.upcast()),
            None => Err(raise!(py, ValueError, "range.index(x): x not in range")),
        }
    }

    fn repr(py: Attached<'_>, this: &Range) -> PyResult<Ref<Str>> {
        let mut text = TextBuilder::new();
        text.push_str("range(");
        text.push(&*this.start().as_object().repr(py)?);
        text.push_str(", ");
        text.push(&*this.stop().as_object().repr(py)?);
        if this.step().to_i64() != Some(1) {
            text.push_str(", ");
            text.push(&*this.step().as_object().repr(py)?);
        }
        text.push_str(")");
        text.finish(py)
    }

    /// Length, start and step, as far as they make a difference to what the range holds.
    fn identity(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        let none = crate::none();
        let length = self.len_int();
        let start: &Object = if length.is_zero() { &none } else { self.start().as_object() };
        let step: &Object =
            if length.is_zero() || length.to_i64() == Some(1) { &none } else { self.step().as_object() };
        Tuple::from_slice(py, &[length.as_object(), start, step])
    }

    fn hash(py: Attached<'_>, this: &Range) -> PyResult<isize> {
        this.identity(py)?.as_object().hash(py)
    }

    fn compare(py: Attached<'_>, this: &Range, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Range>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(crate::not_implemented());
        };
        let same =
            std::ptr::eq(this, other) || this.identity(py)?.as_object().eq(py, other.identity(py)?.as_object())?;
        Ok(Bool::of(same == (op == CompareOp::Eq)).as_object().to_ref())
    }

    fn reduce(py: Attached<'_>, this: &Range) -> PyResult<Ref<Tuple>> {
        let parts =
            Tuple::from_slice(py, &[this.start().as_object(), this.stop().as_object(), this.step().as_object()])?;
        Tuple::from_slice(py, &[this.as_object().ty().as_object(), parts.as_object()])
    }

    fn make_iter(py: Attached<'_>, this: &Range) -> PyResult<Ref<Object>> {
        if let Some((start, step, length)) = this.small() {
            return Ok(RangeIter::new(py, start, step, length)?.upcast());
        }
        let iter = LongRangeIter::new(py, this.start().to_ref(), this.step().to_ref(), this.len_int().to_ref())?;
        Ok(iter.upcast())
    }

    fn reversed(py: Attached<'_>, this: &Range) -> PyResult<Ref<Object>> {
        if let Some((start, step, length)) = this.small()
            && let (Some(back), true) = (step.checked_neg(), length > 0)
        {
            return Ok(RangeIter::new(py, start + (length - 1) * step, back, length)?.upcast());
        }
        let (zero, one) = (int(py, 0)?, int(py, 1)?);
        let last = this.at(py, &*op(py, this.len_int(), &one, BinaryOp::Subtract)?)?;
        let back = op(py, &zero, this.step(), BinaryOp::Subtract)?;
        if let (Some(start), Some(step), Some(length)) = (last.to_i64(), back.to_i64(), this.len_int().to_i64())
            && length.checked_mul(step).is_some_and(|span| span.checked_add(start).is_some())
        {
            return Ok(RangeIter::new(py, start, step, length)?.upcast());
        }
        Ok(LongRangeIter::new(py, last, back, this.len_int().to_ref())?.upcast())
    }
}

/// `range_iterator`: machine words only.
#[repr(C)]
pub struct RangeIter {
    ob_base: PyObject,
    /// The next number.
    next: Field<i64>,
    step: Field<i64>,
    left: Field<i64>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyRangeIter_Type: "range_iterator" for RangeIter {
        base: crate::Object,
        flags: [],
        slots: {
            tp_dealloc = RangeIter::dealloc,
            tp_iter = |_, this: &RangeIter| this.to_ref(),
            tp_iternext = RangeIter::next,
        },
        methods: {
            noargs "__length_hint__" => |_, this: &RangeIter| Ok::<_, crate::Raised>(this.left.get().max(0)), "($self, /)", "Estimate how many numbers are left.";
            noargs "__reduce__" => RangeIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => RangeIter::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

impl RangeIter {
    pub fn new(py: Attached<'_>, start: i64, step: i64, length: i64) -> PyResult<Ref<RangeIter>> {
        mem::new_instance(py, RangeIter::type_object(), |iter: &RangeIter| {
            iter.next.set(start);
            iter.step.set(step);
            iter.left.set(length);
        })
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<RangeIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |_| {}) };
    }

    /// The next number as a machine word, for loops that need no object.
    #[inline(always)]
    pub fn next_value(&self) -> Option<i64> {
        let left = self.left.get();
        if left <= 0 {
            return None;
        }
        let value = self.next.get();
        self.next.set(value.wrapping_add(self.step.get()));
        self.left.set(left - 1);
        Some(value)
    }

    #[inline]
    pub fn next(py: Attached<'_>, this: &RangeIter) -> PyResult<Option<Ref<Int>>> {
        this.next_value().map(|value| int(py, value)).transpose()
    }

    fn reduce(py: Attached<'_>, this: &RangeIter) -> PyResult<Ref<Tuple>> {
        let (start, step, left) = (this.next.get(), this.step.get(), this.left.get().max(0));
        let stop = start.wrapping_add(left.wrapping_mul(step));
        let range = Range::new(py, int(py, start)?, int(py, stop)?, int(py, step)?)?;
        let args = Tuple::from_slice(py, &[range.as_object()])?;
        Tuple::from_slice(py, &[&*builtin(py, id!(py, iter))?, args.as_object(), &crate::none()])
    }

    fn setstate(py: Attached<'_>, this: &RangeIter, state: &Object) -> PyResult<()> {
        let skip = (state.as_isize(py)? as i64).clamp(0, this.left.get().max(0));
        this.next.set(this.next.get().wrapping_add(skip.wrapping_mul(this.step.get())));
        this.left.set(this.left.get() - skip);
        Ok(())
    }
}

/// `longrange_iterator`: numbers of any size.
#[repr(C)]
pub struct LongRangeIter {
    ob_base: PyObject,
    next: Slot<Int>,
    step: Slot<Int>,
    left: Slot<Int>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyLongRangeIter_Type: "longrange_iterator" for LongRangeIter {
        base: crate::Object,
        flags: [],
        slots: {
            tp_dealloc = LongRangeIter::dealloc,
            tp_iter = |_, this: &LongRangeIter| this.to_ref(),
            tp_iternext = LongRangeIter::next,
        },
        methods: {
            noargs "__length_hint__" => |py: Attached<'_>, this: &LongRangeIter| this.part(py, &this.left), "($self, /)", "Estimate how many numbers are left.";
            noargs "__reduce__" => LongRangeIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => LongRangeIter::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

impl LongRangeIter {
    fn new(py: Attached<'_>, start: Ref<Int>, step: Ref<Int>, length: Ref<Int>) -> PyResult<Ref<LongRangeIter>> {
        mem::new_instance(py, LongRangeIter::type_object(), |iter: &LongRangeIter| {
            for (slot, value) in [(&iter.next, start), (&iter.step, step), (&iter.left, length)] {
                drop(slot.replace(Some(value)));
            }
        })
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<LongRangeIter>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |iter| {
                for slot in [&iter.next, &iter.step, &iter.left] {
                    drop(slot.take());
                }
            });
        }
    }

    fn part(&self, py: Attached<'_>, slot: &Slot<Int>) -> PyResult<Ref<Int>> {
        slot.get().ok_or_else(|| py.bad_internal_call())
    }

    fn next(py: Attached<'_>, this: &LongRangeIter) -> PyResult<Option<Ref<Int>>> {
        let (value, step, left) = (this.part(py, &this.next)?, this.part(py, &this.step)?, this.part(py, &this.left)?);
        if left.is_zero() || left.is_negative() {
            return Ok(None);
        }
        let following = op(py, &value, &step, BinaryOp::Add)?;
        let left = op(py, &left, &*int(py, 1)?, BinaryOp::Subtract)?;
        drop(this.next.replace(Some(following)));
        drop(this.left.replace(Some(left)));
        Ok(Some(value))
    }

    fn reduce(py: Attached<'_>, this: &LongRangeIter) -> PyResult<Ref<Tuple>> {
        let (start, step, left) = (this.part(py, &this.next)?, this.part(py, &this.step)?, this.part(py, &this.left)?);
        let stop = op(py, &*op(py, &left, &step, BinaryOp::Multiply)?, &start, BinaryOp::Add)?;
        let range = Range::new(py, start, stop, step)?;
        let args = Tuple::from_slice(py, &[range.as_object()])?;
        Tuple::from_slice(py, &[&*builtin(py, id!(py, iter))?, args.as_object(), &crate::none()])
    }

    fn setstate(py: Attached<'_>, this: &LongRangeIter, state: &Object) -> PyResult<()> {
        let skip = state.index(py)?;
        let left = this.part(py, &this.left)?;
        let skip = if skip.is_negative() {
            int(py, 0)?
        } else if holds(py, &skip, &left, CompareOp::Gt)? {
            left.clone()
        } else {
            skip
        };
        let step = this.part(py, &this.step)?;
        let next = op(py, &*this.part(py, &this.next)?, &*op(py, &skip, &step, BinaryOp::Multiply)?, BinaryOp::Add)?;
        drop(this.next.replace(Some(next)));
        drop(this.left.replace(Some(op(py, &left, &skip, BinaryOp::Subtract)?)));
        Ok(())
    }
}
