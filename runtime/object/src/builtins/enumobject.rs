//! `enumerate` and `reversed`. Threads that share one may get an item twice.
use super::container::{generic_alias, no_keywords_unless_subtype};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::protocols::number::BinaryOp;
use crate::tupleobject::LastPair;
use crate::{Int, Object, PyResult, Str, Tuple, Type, gc, id, mem, pytype, raise};
use std::ptr::NonNull;

/// `enumerate`.
#[repr(C)]
pub struct Enumerate {
    ob_base: PyObject,
    /// The next number; `isize::MAX` when `big` has it.
    index: Field<isize>,
    iter: Slot,
    last: LastPair,
    big: Slot<Int>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyEnum_Type: "enumerate" for Enumerate {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "enumerate(iterable, start=0)\n--\n\nPairs of a count and an item of the iterable.\n\nThe count begins at start: (start, first), (start + 1, second), ...",
        slots: {
            tp_dealloc = Enumerate::dealloc,
            tp_traverse = |this: &Enumerate, visit: Visit<'_>| { visit.slot(&this.iter)?; this.last.traverse(visit)?; visit.slot(&this.big) },
            tp_iter = |_, this: &Enumerate| this.to_ref(),
            tp_iternext = Enumerate::next,
            constructor = Enumerate::construct,
        },
        methods: {
            noargs "__reduce__" => Enumerate::reduce, "($self, /)", "What pickle needs to build it again.";
            class o "__class_getitem__" => generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

impl Enumerate {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Enumerate>> {
        let given = args.len();
        if given > 2 {
            return Err(raise!(py, TypeError, "enumerate() takes at most 2 arguments ({given} given)"));
        }
        let (mut iterable, mut start) = (args.pos.first().copied(), args.pos.get(1).copied());
        for (name, value) in args.names.iter().zip(args.values) {
            let is = |wanted: &str| name.downcast::<Str>().is_some_and(|name| name.eq_str(wanted));
            if is("iterable") && iterable.is_none() {
                iterable = Some(value);
            } else if is("start") && start.is_none() && (iterable.is_some() || args.names.len() > 1) {
                start = Some(value);
            } else {
                let name = name.str(py)?;
                let name = name.to_string_lossy();
                if !std::ptr::eq(ty, Enumerate::type_object()) {
                    return Err(raise!(py, TypeError, "enumerate() got an unexpected keyword argument '{name}'"));
                }
                return Err(raise!(py, TypeError, "'{name}' is an invalid keyword argument for enumerate()"));
            }
        }
        let Some(iterable) = iterable else {
            return Err(raise!(py, TypeError, "enumerate() missing required argument 'iterable'"));
        };
        Enumerate::make(py, ty, iterable, start)
    }

    fn make(py: Attached<'_>, ty: &Type, iterable: &Object, start: Option<&Object>) -> PyResult<Ref<Enumerate>> {
        let start = start.map(|start| start.index(py)).transpose()?;
        let (index, big) = match start.as_ref().map(|start| start.to_i64()) {
            None => (0, None),
            Some(Some(small)) if small != i64::MAX => (small as isize, None),
            Some(_) => (isize::MAX, start),
        };
        let iter = iterable.iter(py)?;
        // SAFETY: a fresh instance of a subtype.
        let this = unsafe { alloc(py, ty)?.cast_unchecked::<Enumerate>() };
        this.index.set(index);
        drop(this.iter.replace(Some(iter)));
        drop(this.big.replace(big));
        Ok(this)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Enumerate>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.iter.take());
                this.last.clear();
                drop(this.big.take());
            });
        }
    }

    #[inline]
    fn next(py: Attached<'_>, this: &Enumerate) -> PyResult<Option<Ref<Tuple>>> {
        // SAFETY: [frozen]: set once, when the object is made.
        let Some(iter) = (unsafe { this.iter.borrow() }) else { return Ok(None) };
        let Some(item) = iter.iter_next(py)? else { return Ok(None) };
        let index = this.index.get();
        let count = if index == isize::MAX {
            this.next_big(py)?
        } else {
            this.index.set(index + 1);
            Int::from_i64(py, index as i64)?
        };
        this.last.renew(py, count.upcast(), item).map(Some)
    }

    #[cold]
    fn next_big(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        let count = match self.big.get() {
            Some(count) => count,
            None => Int::from_i64(py, i64::MAX)?,
        };
        let one = Int::from_i64(py, 1)?;
        let following = count.as_object().binary_op(py, one.as_object(), BinaryOp::Add)?;
        let following = following.downcast::<Int>().map_err(|_| py.bad_internal_call())?;
        drop(self.big.replace(Some(following)));
        Ok(count)
    }

    fn reduce(py: Attached<'_>, this: &Enumerate) -> PyResult<Ref<Tuple>> {
        let count = match this.big.get() {
            Some(count) => count,
            None => Int::from_i64(py, this.index.get() as i64)?,
        };
        let iter = this.iter.get().unwrap_or_else(crate::none);
        let args = Tuple::from_slice(py, &[&iter, count.as_object()])?;
        Tuple::from_slice(py, &[this.as_object().ty().as_object(), args.as_object()])
    }
}

/// A zeroed, tracked instance of a type or subtype of this module and of `map`, `filter`, `zip`.
pub(super) fn alloc(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Object>> {
    if ty.is_heap() {
        return ty.alloc(py, 0);
    }
    let raw = mem::alloc_instance(py, ty, 0)?;
    // SAFETY: a fresh instance.
    let object = unsafe { Ref::<Object>::from_raw(raw.as_ptr()) };
    gc::track(&object);
    Ok(object)
}

/// `reversed` for sequences without `__reversed__`.
#[repr(C)]
pub struct Reversed {
    ob_base: PyObject,
    /// The next position; -1 once exhausted.
    index: Field<isize>,
    seq: Slot,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyReversed_Type: "reversed" for Reversed {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "reversed(sequence, /)\n--\n\nThe items of a sequence, last first.",
        slots: {
            tp_dealloc = Reversed::dealloc,
            tp_traverse = |this: &Reversed, visit: Visit<'_>| visit.slot(&this.seq),
            tp_iter = |_, this: &Reversed| this.to_ref(),
            tp_iternext = Reversed::next,
            constructor = Reversed::construct,
        },
        methods: {
            noargs "__length_hint__" => Reversed::length_hint, "($self, /)", "Estimate how many items are left.";
            noargs "__reduce__" => Reversed::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => Reversed::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

impl Reversed {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        no_keywords_unless_subtype(py, ty, Reversed::type_object(), args, "reversed")?;
        crate::args::check_positional(py, "reversed", args.pos.len(), 1, 1)?;
        let seq = args.pos[0];
        let name = id!(py, __reversed__);
        if let Some(method) = seq.lookup_special(py, name)? {
            if method.is_none() {
                let name = seq.ty().name();
                return Err(raise!(py, TypeError, "'{name}' object is not reversible"));
            }
            return method.call0(py);
        }
        if !seq.is_sequence() {
            let name = seq.ty().name();
            return Err(raise!(py, TypeError, "'{name}' object is not reversible"));
        }
        let len = seq.sequence_len(py)?;
        let object = alloc(py, ty)?;
        // SAFETY: a fresh instance of a subtype.
        let this = unsafe { object.as_object().cast_unchecked::<Reversed>() };
        this.index.set(len as isize - 1);
        drop(this.seq.replace(Some(seq.to_ref())));
        Ok(object)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Reversed>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.seq.take())) };
    }

    fn next(py: Attached<'_>, this: &Reversed) -> PyResult<Option<Ref<Object>>> {
        let index = this.index.get();
        if index < 0 {
            return Ok(None);
        }
        let Some(seq) = this.seq.get() else { return Ok(None) };
        match seq.sequence_item(py, index) {
            Ok(item) => {
                this.index.set(index - 1);
                Ok(Some(item))
            }
            Err(error) => {
                let ended =
                    error.matches(py, crate::exc::IndexError()) || error.matches(py, crate::exc::StopIteration());
                this.exhaust();
                if ended {
                    error.clear(py);
                    return Ok(None);
                }
                Err(error)
            }
        }
        .inspect(|item| {
            if item.is_some() && index == 0 {
                this.exhaust();
            }
        })
    }

    fn exhaust(&self) {
        self.index.set(-1);
        drop(self.seq.take());
    }

    fn length_hint(py: Attached<'_>, this: &Reversed) -> PyResult<usize> {
        let Some(seq) = this.seq.get() else { return Ok(0) };
        let len = seq.sequence_len(py)?;
        let left = (this.index.get() + 1).max(0) as usize;
        Ok(if len < left { 0 } else { left })
    }

    fn reduce(py: Attached<'_>, this: &Reversed) -> PyResult<Ref<Tuple>> {
        let ty = this.as_object().ty().as_object();
        match this.seq.get() {
            Some(seq) => {
                let args = Tuple::from_slice(py, &[&seq])?;
                let index = Int::from_i64(py, this.index.get() as i64)?;
                Tuple::from_slice(py, &[ty, args.as_object(), index.as_object()])
            }
            None => {
                let args = Tuple::from_slice(py, &[Tuple::empty(py).as_object()])?;
                Tuple::from_slice(py, &[ty, args.as_object()])
            }
        }
    }

    fn setstate(py: Attached<'_>, this: &Reversed, state: &Object) -> PyResult<()> {
        let index = crate::builtins::textargs::state_index(py, state)?;
        if let Some(seq) = this.seq.get() {
            let len = seq.sequence_len(py)? as isize;
            this.index.set(index.clamp(-1, len - 1));
        }
        Ok(())
    }
}
