//! `map`, `filter` and `zip`. Threads that share one share its source iterators.
use super::container::no_keywords_unless_subtype;
use super::enumobject::alloc;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::tupleobject::LastPair;
use crate::{Bool, Object, PyResult, Tuple, Type, mem, pytype, raise};
use std::ptr::{self, NonNull};

/// `map`.
#[repr(C)]
pub struct Map {
    ob_base: PyObject,
    iters: Slot<Tuple>,
    function: Slot,
    strict: Field<i32>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyMap_Type: "map" for Map {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "map(function, iterable, /, *iterables, strict=False)\n--\n\nThe results of function for the items of one or several iterables.\n\nIt ends with the shortest iterable. With strict, iterables of different\nlengths are a ValueError.",
        slots: {
            tp_dealloc = Map::dealloc,
            tp_traverse = |this: &Map, visit: Visit<'_>| { visit.slot(&this.iters)?; visit.slot(&this.function) },
            tp_iter = |_, this: &Map| this.to_ref(),
            tp_iternext = Map::next,
            constructor = Map::construct,
        },
        methods: {
            noargs "__reduce__" => Map::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => |py: Attached<'_>, this: &Map, state: &Object| set_strict(py, &this.strict, state), "($self, object, /)", "Restore strict for pickle.";
        },
    }
}

/// The value of the keyword `strict`, the only one allowed.
fn strict_argument(py: Attached<'_>, args: Args<'_>, name: &str) -> PyResult<bool> {
    let mut strict = false;
    args.check_keywords(py, name, &["strict"])?;
    if let Some(value) = args.values.first() {
        strict = value.is_true(py)?;
    }
    Ok(strict)
}

fn iterators(py: Attached<'_>, iterables: &[&Object]) -> PyResult<Ref<Tuple>> {
    let iters: PyResult<Vec<_>> = iterables.iter().map(|iterable| iterable.iter(py)).collect();
    Tuple::from_vec(py, iters?)
}

fn set_strict(py: Attached<'_>, field: &Field<i32>, state: &Object) -> PyResult<()> {
    field.set(i32::from(state.is_true(py)?));
    Ok(())
}

/// The error about iterables of different lengths: number `at` (from 0) differs from those before it.
fn length_error(py: Attached<'_>, name: &str, at: usize, relation: &str) -> crate::Raised {
    let plural = if at == 1 { " " } else { "s 1-" };
    raise!(py, ValueError, "{name}() argument {} is {relation} than argument{plural}{at}", at + 1)
}

/// Takes one item of each iterator. `None` at the end.
fn next_row(
    py: Attached<'_>,
    iters: &[&Object],
    strict: bool,
    name: &str,
    mut take: impl FnMut(Ref<Object>),
) -> PyResult<bool> {
    for (at, iter) in iters.iter().enumerate() {
        if let Some(item) = iter.iter_next(py)? {
            take(item);
            continue;
        }
        if !strict {
            return Ok(false);
        }
        if at > 0 {
            return Err(length_error(py, name, at, "shorter"));
        }
        for (other, iter) in iters.iter().enumerate().skip(1) {
            if iter.iter_next(py)?.is_some() {
                return Err(length_error(py, name, other, "longer"));
            }
        }
        return Ok(false);
    }
    Ok(true)
}

impl Map {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Map>> {
        let strict = strict_argument(py, args, "map")?;
        let [function, iterables @ ..] = args.pos else {
            return Err(raise!(py, TypeError, "map() must have at least two arguments."));
        };
        if iterables.is_empty() {
            return Err(raise!(py, TypeError, "map() must have at least two arguments."));
        }
        let iters = iterators(py, iterables)?;
        // SAFETY: a fresh instance of a subtype.
        let this = unsafe { alloc(py, ty)?.cast_unchecked::<Map>() };
        drop(this.iters.replace(Some(iters)));
        drop(this.function.replace(Some(function.to_ref())));
        this.strict.set(i32::from(strict));
        Ok(this)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Map>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.iters.take());
                drop(this.function.take());
            });
        }
    }

    #[inline]
    fn next(py: Attached<'_>, this: &Map) -> PyResult<Option<Ref<Object>>> {
        // SAFETY: [frozen]: set once, when the object is made.
        let (Some(iters), Some(function)) = (unsafe { (this.iters.borrow(), this.function.borrow()) }) else {
            return Ok(None);
        };
        if let [iter] = iters.as_slice() {
            let Some(item) = iter.iter_next(py)? else { return Ok(None) };
            return function.call_pos(py, &[&item]).map(Some);
        }
        let mut row = crate::reserve::with_room(py, iters.len())?;
        if !next_row(py, iters.as_slice(), this.strict.get() != 0, "map", |item| row.push(item))? {
            return Ok(None);
        }
        function.call_pos(py, crate::args::as_borrowed(&row)).map(Some)
    }

    fn reduce(py: Attached<'_>, this: &Map) -> PyResult<Ref<Tuple>> {
        let (iters, function) = (this.iters.get(), this.function.get());
        let (Some(iters), Some(function)) = (iters, function) else { return Err(py.bad_internal_call()) };
        let mut args = vec![function];
        args.extend(iters.as_slice().iter().map(|iter| iter.to_ref()));
        let args = Tuple::from_vec(py, args)?;
        reduce_strict(py, this.as_object(), &args, this.strict.get() != 0)
    }
}

fn reduce_strict(py: Attached<'_>, this: &Object, args: &Tuple, strict: bool) -> PyResult<Ref<Tuple>> {
    let ty = this.ty().as_object();
    if strict {
        return Tuple::from_slice(py, &[ty, args.as_object(), Bool::of(true).as_object()]);
    }
    Tuple::from_slice(py, &[ty, args.as_object()])
}

/// `filter`.
#[repr(C)]
pub struct Filter {
    ob_base: PyObject,
    function: Slot,
    iter: Slot,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyFilter_Type: "filter" for Filter {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "filter(function, iterable, /)\n--\n\nThe items for which function is true; with None, the items that are true.",
        slots: {
            tp_dealloc = Filter::dealloc,
            tp_traverse = |this: &Filter, visit: Visit<'_>| { visit.slot(&this.function)?; visit.slot(&this.iter) },
            tp_iter = |_, this: &Filter| this.to_ref(),
            tp_iternext = Filter::next,
            constructor = Filter::construct,
        },
        methods: {
            noargs "__reduce__" => Filter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
    }
}

impl Filter {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Filter>> {
        no_keywords_unless_subtype(py, ty, Filter::type_object(), args, "filter")?;
        crate::args::check_positional(py, "filter", args.pos.len(), 2, 2)?;
        let iter = args.pos[1].iter(py)?;
        // SAFETY: a fresh instance of a subtype.
        let this = unsafe { alloc(py, ty)?.cast_unchecked::<Filter>() };
        drop(this.function.replace(Some(args.pos[0].to_ref())));
        drop(this.iter.replace(Some(iter)));
        Ok(this)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Filter>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.function.take());
                drop(this.iter.take());
            });
        }
    }

    #[inline]
    fn next(py: Attached<'_>, this: &Filter) -> PyResult<Option<Ref<Object>>> {
        // SAFETY: [frozen]: set once, when the object is made.
        let (Some(function), Some(iter)) = (unsafe { (this.function.borrow(), this.iter.borrow()) }) else {
            return Ok(None);
        };
        let truth = function.is_none() || ptr::eq(function, Bool::type_object().as_object());
        while let Some(item) = iter.iter_next(py)? {
            let keep = if truth { item.is_true(py)? } else { function.call_pos(py, &[&item])?.is_true(py)? };
            if keep {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    fn reduce(py: Attached<'_>, this: &Filter) -> PyResult<Ref<Tuple>> {
        let (Some(function), Some(iter)) = (this.function.get(), this.iter.get()) else {
            return Err(py.bad_internal_call());
        };
        let args = Tuple::pair(py, function, iter)?;
        Tuple::from_slice(py, &[this.as_object().ty().as_object(), args.as_object()])
    }
}

/// `zip`.
#[repr(C)]
pub struct Zip {
    ob_base: PyObject,
    _size: Field<isize>,
    iters: Slot<Tuple>,
    last: LastPair,
    strict: Field<i32>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyZip_Type: "zip" for Zip {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "zip(*iterables, strict=False)\n--\n\nTuples of the items that stand at one place in each iterable.\n\nIt ends with the shortest iterable. With strict, iterables of different\nlengths are a ValueError.\n\n   >>> list(zip('ab', range(3)))\n   [('a', 0), ('b', 1)]",
        slots: {
            tp_dealloc = Zip::dealloc,
            tp_traverse = |this: &Zip, visit: Visit<'_>| { visit.slot(&this.iters)?; this.last.traverse(visit) },
            tp_iter = |_, this: &Zip| this.to_ref(),
            tp_iternext = Zip::next,
            constructor = Zip::construct,
        },
        methods: {
            noargs "__reduce__" => Zip::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => |py: Attached<'_>, this: &Zip, state: &Object| set_strict(py, &this.strict, state), "($self, object, /)", "Restore strict for pickle.";
        },
    }
}

impl Zip {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Zip>> {
        let strict = strict_argument(py, args, "zip")?;
        let iters = iterators(py, args.pos)?;
        // SAFETY: a fresh instance of a subtype.
        let this = unsafe { alloc(py, ty)?.cast_unchecked::<Zip>() };
        this._size.set(iters.len() as isize);
        drop(this.iters.replace(Some(iters)));
        this.strict.set(i32::from(strict));
        Ok(this)
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Zip>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.iters.take());
                this.last.clear();
            });
        }
    }

    #[inline]
    fn next(py: Attached<'_>, this: &Zip) -> PyResult<Option<Ref<Tuple>>> {
        // SAFETY: [frozen]: set once, when the object is made.
        let Some(iters) = (unsafe { this.iters.borrow() }).filter(|iters| !iters.is_empty()) else { return Ok(None) };
        let strict = this.strict.get() != 0;
        if let ([first, second], false) = (iters.as_slice(), strict) {
            let Some(left) = first.iter_next(py)? else { return Ok(None) };
            let Some(right) = second.iter_next(py)? else { return Ok(None) };
            return this.last.renew(py, left, right).map(Some);
        }
        let mut row = crate::reserve::with_room(py, iters.len())?;
        if !next_row(py, iters.as_slice(), strict, "zip", |item| row.push(item))? {
            return Ok(None);
        }
        Tuple::from_vec(py, row).map(Some)
    }

    fn reduce(py: Attached<'_>, this: &Zip) -> PyResult<Ref<Tuple>> {
        let Some(iters) = this.iters.get() else { return Err(py.bad_internal_call()) };
        reduce_strict(py, this.as_object(), &iters, this.strict.get() != 0)
    }
}
