//! `slice`: start, stop and step of a subscript. Immutable, so all reads are plain loads.
use super::container::slice_part;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject, PySliceObject};
use crate::protocols::number::BinaryOp;
use crate::typedef::CompareOp;
use crate::{Int, Object, PyResult, Str, Tuple, Type, mem, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// A slice of start, stop and step.
#[repr(transparent)]
pub struct Slice(pub(crate) PySliceObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PySlice_Type: "slice" for Slice {
        base: crate::Object,
        flags: [HAVE_GC],
        doc: "slice(stop)\nslice(start, stop[, step])\n\nThe subscript that a[start:stop:step] makes.",
        slots: {
            tp_dealloc = Slice::dealloc,
            tp_repr = Slice::repr,
            tp_hash = Slice::hash,
            tp_traverse = Slice::traverse,
            tp_richcompare = Slice::compare,
            constructor = Slice::construct,
        },
        methods: {
            o "indices" => Slice::py_indices, "($self, object, /)", "Return start, stop and step for a sequence of len items.\n\nThey are clipped to the sequence as subscription clips them.";
            noargs "__reduce__" => Slice::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        members: [
            crate::typedef::member("start\0", crate::layout::_Py_T_OBJECT, std::mem::offset_of!(PySliceObject, start), crate::layout::Py_READONLY, c"First position."),
            crate::typedef::member("stop\0", crate::layout::_Py_T_OBJECT, std::mem::offset_of!(PySliceObject, stop), crate::layout::Py_READONLY, c"Position after the last."),
            crate::typedef::member("step\0", crate::layout::_Py_T_OBJECT, std::mem::offset_of!(PySliceObject, step), crate::layout::Py_READONLY, c"Distance between positions."),
        ],
    }
}

impl Slice {
    #[inline(always)]
    pub fn raw(&self) -> &PySliceObject {
        &self.0
    }

    /// A part of the slice, which is `None` in Python for what was left out.
    #[inline(always)]
    fn part<'a>(&'a self, field: &'a Field<*mut PyObject>) -> &'a Object {
        let _ = self;
        // SAFETY: [frozen]: set before publication.
        unsafe { Object::from_ptr(field.get()) }
    }
    pub fn start(&self) -> &Object {
        self.part(&self.0.start)
    }
    pub fn stop(&self) -> &Object {
        self.part(&self.0.stop)
    }
    pub fn step(&self) -> &Object {
        self.part(&self.0.step)
    }

    pub fn new(
        py: Attached<'_>,
        start: Option<&Object>,
        stop: Option<&Object>,
        step: Option<&Object>,
    ) -> PyResult<Ref<Slice>> {
        mem::new_instance(py, Slice::type_object(), |slice: &Slice| {
            for (field, part) in [(&slice.0.start, start), (&slice.0.stop, stop), (&slice.0.step, step)] {
                field.set(part.map_or_else(crate::none, Layout::to_ref).into_raw());
            }
        })
    }

    /// Start, stop and step with their defaults, before they meet a length (`PySlice_Unpack`).
    pub fn unpack(&self, py: Attached<'_>) -> PyResult<(isize, isize, isize)> {
        let step = match self.step() {
            step if step.is_none() => 1,
            step => match slice_part(py, step)? {
                0 => return Err(raise!(py, ValueError, "slice step cannot be zero")),
                step => step.max(-isize::MAX),
            },
        };
        let start = match self.start() {
            start if start.is_none() => {
                if step < 0 {
                    isize::MAX
                } else {
                    0
                }
            }
            start => slice_part(py, start)?,
        };
        let stop = match self.stop() {
            stop if stop.is_none() => {
                if step < 0 {
                    isize::MIN
                } else {
                    isize::MAX
                }
            }
            stop => slice_part(py, stop)?,
        };
        Ok((start, stop, step))
    }

    /// Clips start and stop to a length; gives them and the item count.
    pub fn adjust(len: usize, start: isize, stop: isize, step: isize) -> (isize, isize, usize) {
        Slice::adjust_any(len as isize, start, stop, step)
    }

    /// [`Slice::adjust`] for C, whose lengths may be negative (`PySlice_AdjustIndices`).
    pub fn adjust_any(len: isize, start: isize, stop: isize, step: isize) -> (isize, isize, usize) {
        let clip = |value: isize| {
            if value < 0 {
                let value = value.saturating_add(len);
                if value < 0 { if step < 0 { -1 } else { 0 } } else { value }
            } else if value >= len {
                if step < 0 { len - 1 } else { len }
            } else {
                value
            }
        };
        let (start, stop) = (clip(start), clip(stop));
        let count = if step < 0 && stop < start {
            (start - stop - 1) / step.wrapping_neg() + 1
        } else if step > 0 && start < stop {
            (stop - start - 1) / step + 1
        } else {
            0
        };
        (start, stop, count as usize)
    }

    /// Start, stop, step and item count for a sequence of `len` items (`PySlice_Unpack` and `AdjustIndices`).
    pub fn indices(&self, py: Attached<'_>, len: usize) -> PyResult<(isize, isize, isize, usize)> {
        let (start, stop, step) = self.unpack(py)?;
        let (start, stop, count) = Slice::adjust(len, start, stop, step);
        Ok((start, stop, step, count))
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Slice>) {
        // SAFETY: by the contract; the fields own their objects.
        unsafe {
            mem::dealloc_with(py, this, |slice| {
                for field in [&slice.0.start, &slice.0.stop, &slice.0.step] {
                    drop(Slot::<Object>::of(field).take());
                }
            });
        }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.field(&self.0.start)?;
        visit.field(&self.0.stop)?;
        visit.field(&self.0.step)
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Slice>> {
        match *args.unpack(py, "slice", 1, 3)? {
            [stop] => Slice::new(py, None, Some(stop), None),
            [start, stop] => Slice::new(py, Some(start), Some(stop), None),
            [start, stop, step] => Slice::new(py, Some(start), Some(stop), Some(step)),
            _ => Err(py.bad_internal_call()),
        }
    }

    fn repr(py: Attached<'_>, this: &Slice) -> PyResult<Ref<Str>> {
        let mut text = super::container::TextBuilder::new();
        text.push_str("slice(");
        text.push(&*this.start().repr(py)?);
        text.push_str(", ");
        text.push(&*this.stop().repr(py)?);
        text.push_str(", ");
        text.push(&*this.step().repr(py)?);
        text.push_str(")");
        text.finish(py)
    }

    fn hash(py: Attached<'_>, this: &Slice) -> PyResult<isize> {
        let _guard = py.enter_recursive(" while hashing a slice")?;
        let mut mix = super::tupleobject::TupleHash::new();
        for part in [this.start(), this.stop(), this.step()] {
            mix.add(part.hash(py)?);
        }
        Ok(mix.finish_raw())
    }

    fn compare(py: Attached<'_>, this: &Slice, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<Slice>() else {
            return Ok(crate::not_implemented());
        };
        if std::ptr::eq(this, other) {
            let same = matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge);
            return Ok(crate::Bool::of(same).as_object().to_ref());
        }
        let left = this.as_tuple(py)?;
        let right = other.as_tuple(py)?;
        left.as_object().rich_compare(py, right.as_object(), op)
    }

    fn as_tuple(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        Tuple::from_slice(py, &[self.start(), self.stop(), self.step()])
    }

    fn reduce(py: Attached<'_>, this: &Slice) -> PyResult<Ref<Tuple>> {
        let parts = this.as_tuple(py)?;
        Tuple::from_slice(py, &[this.as_object().ty().as_object(), parts.as_object()])
    }

    /// `slice.indices(len)` in arbitrary precision.
    fn py_indices(py: Attached<'_>, this: &Slice, len: &Object) -> PyResult<Ref<Tuple>> {
        let len = len.index(py)?;
        if len.is_negative() {
            return Err(raise!(py, ValueError, "length should not be negative"));
        }
        let [start, stop, step] = this.big_indices(py, &len)?;
        Tuple::from_slice(py, &[start.as_object(), stop.as_object(), step.as_object()])
    }

    /// Start, stop and step for a sequence of `len` items of any size.
    pub(crate) fn big_indices(&self, py: Attached<'_>, len: &Int) -> PyResult<[Ref<Int>; 3]> {
        let index = |value: &Object| {
            if !value.has_index() {
                return Err(raise!(
                    py,
                    TypeError,
                    "slice indices must be integers or None or have an __index__ method"
                ));
            }
            value.index(py)
        };
        let zero = Int::from_i64(py, 0)?;
        let step = if self.step().is_none() { Int::from_i64(py, 1)? } else { index(self.step())? };
        if step.is_zero() {
            return Err(raise!(py, ValueError, "slice step cannot be zero"));
        }
        let down = step.is_negative();
        let add =
            |left: &Int, right: &Int| as_int(py, left.as_object().binary_op(py, right.as_object(), BinaryOp::Add)?);
        let minus_one = Int::from_i64(py, -1)?;
        let (lower, upper) = if down { (minus_one.clone(), add(len, &minus_one)?) } else { (zero, len.to_ref()) };
        let clip = |value: &Object, default: &Ref<Int>| -> PyResult<Ref<Int>> {
            if value.is_none() {
                return Ok(default.clone());
            }
            let value = index(value)?;
            if value.is_negative() {
                let value = add(&value, len)?;
                let below = value.as_object().compare_bool(py, lower.as_object(), CompareOp::Lt)?;
                Ok(if below { lower.clone() } else { value })
            } else {
                let above = value.as_object().compare_bool(py, upper.as_object(), CompareOp::Gt)?;
                Ok(if above { upper.clone() } else { value })
            }
        };
        let start = clip(self.start(), if down { &upper } else { &lower })?;
        let stop = clip(self.stop(), if down { &lower } else { &upper })?;
        Ok([start, stop, step])
    }
}

fn as_int(py: Attached<'_>, value: Ref<Object>) -> PyResult<Ref<Int>> {
    value.downcast::<Int>().map_err(|_| py.bad_internal_call())
}
