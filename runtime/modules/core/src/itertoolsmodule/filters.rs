//! `compress`, `dropwhile`, `takewhile`, `filterfalse`, `starmap`, `islice`, `pairwise`, `batched`, `zip_longest`.
use super::{add_type, iterator, no_keywords};
use krait_object::args::{Args, Signature, check_positional};
use krait_object::layout::Field;
use krait_object::native::{State, alloc, part, required};
use krait_object::{Attached, Bool, Layout, Module, Object, PyResult, Ref, Slot, Tuple, Type, none, raise};

krait_object::native! {
    /// `compress`.
    pub struct Compress { data: Slot, selectors: Slot }
}
iterator! { COMPRESS "itertools.compress" Compress, "compress(data, selectors)\n--\n\nThe items of data whose selector is true.", Compress::construct }

impl Compress {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Compress>> {
        const SIG: Signature = Signature::parse("compress", "(data, selectors)");
        let [data, selectors] = SIG.bind::<2>(py, args)?;
        let (data, selectors) = (required(py, data)?.iter(py)?, required(py, selectors)?.iter(py)?);
        let this = alloc::<Compress>(py, ty)?;
        drop(this.data.replace(Some(data)));
        drop(this.selectors.replace(Some(selectors)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Compress) -> PyResult<Option<Ref<Object>>> {
        let (data, selectors) = (part(py, &this.data)?, part(py, &this.selectors)?);
        loop {
            let Some(item) = data.iter_next(py)? else { return Ok(None) };
            let Some(selector) = selectors.iter_next(py)? else { return Ok(None) };
            if selector.is_true(py)? {
                return Ok(Some(item));
            }
        }
    }
}

/// The classes with a function and an iterator. `$state` is set when the function need not be asked any more.
macro_rules! with_function {
    ($ty:ident $sym:ident $name:literal $short:literal, $doc:literal) => {
        krait_object::native! {
            #[doc = $name]
            pub struct $ty { func: Slot, iter: Slot, done: Field<bool> }
        }
        iterator! { $sym $name $ty, $doc, $ty::construct }
        impl $ty {
            fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<$ty>> {
                no_keywords(py, ty, $ty::type_object(), args, $short)?;
                check_positional(py, $short, args.pos.len(), 2, 2)?;
                let iter = args.pos[1].iter(py)?;
                let this = alloc::<$ty>(py, ty)?;
                drop(this.func.replace(Some(args.pos[0].to_ref())));
                drop(this.iter.replace(Some(iter)));
                Ok(this)
            }
        }
    };
}
with_function!(DropWhile DROP_WHILE "itertools.dropwhile" "dropwhile", "dropwhile(predicate, iterable, /)\n--\n\nThe items from the first one on for which the predicate is false.");
with_function!(TakeWhile TAKE_WHILE "itertools.takewhile" "takewhile", "takewhile(predicate, iterable, /)\n--\n\nThe items before the first one for which the predicate is false.");
with_function!(FilterFalse FILTER_FALSE "itertools.filterfalse" "filterfalse", "filterfalse(function, iterable, /)\n--\n\nThe items for which the function is false; the false items if it is None.");
with_function!(StarMap STAR_MAP "itertools.starmap" "starmap", "starmap(function, iterable, /)\n--\n\nThe results of function(*item) for each item.");

impl DropWhile {
    fn next(py: Attached<'_>, this: &DropWhile) -> PyResult<Option<Ref<Object>>> {
        let (func, iter) = (part(py, &this.func)?, part(py, &this.iter)?);
        loop {
            let Some(item) = iter.iter_next(py)? else { return Ok(None) };
            if this.done.get() || !func.call_pos(py, &[&item])?.is_true(py)? {
                this.done.set(true);
                return Ok(Some(item));
            }
        }
    }
}
impl TakeWhile {
    fn next(py: Attached<'_>, this: &TakeWhile) -> PyResult<Option<Ref<Object>>> {
        if this.done.get() {
            return Ok(None);
        }
        let Some(item) = part(py, &this.iter)?.iter_next(py)? else { return Ok(None) };
        if part(py, &this.func)?.call_pos(py, &[&item])?.is_true(py)? {
            return Ok(Some(item));
        }
        this.done.set(true);
        Ok(None)
    }
}
impl FilterFalse {
    fn next(py: Attached<'_>, this: &FilterFalse) -> PyResult<Option<Ref<Object>>> {
        let (func, iter) = (part(py, &this.func)?, part(py, &this.iter)?);
        let plain = func.is_none() || func.is(Bool::type_object());
        loop {
            let Some(item) = iter.iter_next(py)? else { return Ok(None) };
            let truth = if plain { item.is_true(py)? } else { func.call_pos(py, &[&item])?.is_true(py)? };
            if !truth {
                return Ok(Some(item));
            }
        }
    }
}
impl StarMap {
    fn next(py: Attached<'_>, this: &StarMap) -> PyResult<Option<Ref<Object>>> {
        let Some(item) = part(py, &this.iter)?.iter_next(py)? else { return Ok(None) };
        let args = Tuple::from_iterable(py, &item)?;
        part(py, &this.func)?.call_pos(py, args.as_slice()).map(Some)
    }
}

krait_object::native! {
    /// `islice`; a negative stop is no stop.
    pub struct Islice { iter: Slot, next: Field<isize>, stop: Field<isize>, step: Field<isize>, count: Field<isize> }
}
iterator! { ISLICE "itertools.islice" Islice, "islice(iterable, stop) --> islice object\nislice(iterable, start, stop[, step]) --> islice object\n\nSelected items of an iterable, by position as in a slice.", Islice::construct }

impl Islice {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Islice>> {
        no_keywords(py, ty, Islice::type_object(), args, "islice")?;
        check_positional(py, "islice", args.pos.len(), 2, 4)?;
        let index = |value: Option<&&Object>, default: isize, least: isize, message: &str| -> PyResult<isize> {
            let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(default) };
            let number = if value.has_index() { value.as_isize(py) } else { Err(raise!(py, TypeError, "{message}")) };
            match number {
                Ok(number) if number >= least => Ok(number),
                Ok(_) => Err(raise!(py, ValueError, "{message}")),
                Err(raised) => {
                    raised.clear(py);
                    Err(raise!(py, ValueError, "{message}"))
                }
            }
        };
        const STOP: &str = "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        const BOUNDS: &str = "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        let (start, stop) = match args.pos {
            [_, stop] => (0, index(Some(stop), -1, 0, STOP)?),
            [_, start, stop, ..] => {
                let stop = index(Some(stop), -1, 0, STOP)?;
                (index(Some(start), 0, 0, BOUNDS)?, stop)
            }
            _ => return Err(py.bad_internal_call()),
        };
        let step = index(args.pos.get(3), 1, 1, "Step for islice() must be a positive integer or None.")?;
        let iter = args.pos[0].iter(py)?;
        let this = alloc::<Islice>(py, ty)?;
        drop(this.iter.replace(Some(iter)));
        this.next.set(start);
        this.stop.set(stop);
        this.step.set(step);
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Islice) -> PyResult<Option<Ref<Object>>> {
        let Some(iter) = this.iter.get() else { return Ok(None) };
        let end = || -> PyResult<Option<Ref<Object>>> {
            drop(this.iter.take());
            Ok(None)
        };
        let (stop, next) = (this.stop.get(), this.next.get());
        while this.count.get() < next {
            if stop >= 0 && this.count.get() >= stop {
                return end();
            }
            match iter.iter_next(py)? {
                None => return end(),
                Some(_) => this.count.set(this.count.get() + 1),
            }
        }
        if stop >= 0 && this.count.get() >= stop {
            return end();
        }
        let Some(item) = iter.iter_next(py)? else { return end() };
        this.count.set(this.count.get() + 1);
        let following = next.checked_add(this.step.get());
        this.next.set(match following {
            Some(following) if stop < 0 || following <= stop => following,
            _ if stop >= 0 => stop,
            _ => isize::MAX,
        });
        Ok(Some(item))
    }
}

krait_object::native! {
    /// `pairwise`.
    pub struct Pairwise { iter: Slot, old: Slot }
}
iterator! { PAIRWISE "itertools.pairwise" Pairwise, "pairwise(iterable, /)\n--\n\nPairs of neighbours: (first, second), (second, third), ...", Pairwise::construct, slots {
    tp_clear = |_: Attached<'_>, this: &Pairwise| drop((this.iter.take(), this.old.take())),
} }

impl Pairwise {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Pairwise>> {
        no_keywords(py, ty, Pairwise::type_object(), args, "pairwise")?;
        check_positional(py, "pairwise", args.pos.len(), 1, 1)?;
        let iter = args.pos[0].iter(py)?;
        let this = alloc::<Pairwise>(py, ty)?;
        drop(this.iter.replace(Some(iter)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Pairwise) -> PyResult<Option<Ref<Tuple>>> {
        let Some(iter) = this.iter.get() else { return Ok(None) };
        let step = || -> PyResult<Option<Ref<Tuple>>> {
            let old = match this.old.get() {
                Some(old) => old,
                None => {
                    let Some(first) = iter.iter_next(py)? else { return Ok(None) };
                    drop(this.old.replace(Some(first.clone())));
                    first
                }
            };
            let Some(new) = iter.iter_next(py)? else { return Ok(None) };
            drop(this.old.replace(Some(new.clone())));
            Tuple::pair(py, old, new).map(Some)
        };
        let result = step();
        if !matches!(result, Ok(Some(_))) {
            drop(this.iter.take());
            drop(this.old.take());
        }
        result
    }
}

krait_object::native! {
    /// `batched`.
    pub struct Batched { iter: Slot, size: Field<usize>, strict: Field<bool> }
}
iterator! { BATCHED "itertools.batched" Batched, "batched(iterable, n, *, strict=False)\n--\n\nThe items in tuples of length n; the last may be shorter unless strict.\n\n    >>> list(batched('abcde', 2))\n    [('a', 'b'), ('c', 'd'), ('e',)]", Batched::construct }

impl Batched {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Batched>> {
        const SIG: Signature = Signature::parse("batched", "(iterable, n, *, strict=False)");
        let [iterable, n, strict] = SIG.bind::<3>(py, args)?;
        let n = required(py, n)?.as_isize(py)?;
        let strict = strict.map_or(Ok(false), |strict| strict.is_true(py))?;
        if n < 1 {
            return Err(raise!(py, ValueError, "n must be at least one"));
        }
        let iter = required(py, iterable)?.iter(py)?;
        let this = alloc::<Batched>(py, ty)?;
        this.size.set(n as usize);
        this.strict.set(strict);
        drop(this.iter.replace(Some(iter)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Batched) -> PyResult<Option<Ref<Tuple>>> {
        let Some(iter) = this.iter.get() else { return Ok(None) };
        let size = this.size.get();
        let mut items = Vec::with_capacity(size.min(64));
        while items.len() < size {
            match iter.iter_next(py) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(raised) => {
                    drop(this.iter.take());
                    return Err(raised);
                }
            }
        }
        if items.len() < size {
            drop(this.iter.take());
            if items.is_empty() {
                return Ok(None);
            }
            if this.strict.get() {
                return Err(raise!(py, ValueError, "batched(): incomplete batch"));
            }
        }
        Tuple::from_vec(py, items).map(Some)
    }
}

krait_object::native! {
    /// `zip_longest`; an exhausted source is `None`.
    pub struct ZipLongest { iters: State<Vec<Option<Ref<Object>>>>, fill: Slot }
}
iterator! { ZIP_LONGEST "itertools.zip_longest" ZipLongest, "zip_longest(*iterables, fillvalue=None)\n--\n\nTuples of the first items, the second items, and so on, until the longest\niterable ends. Missing items are the fill value.", ZipLongest::construct }

impl ZipLongest {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ZipLongest>> {
        args.check_keywords(py, "zip_longest", &["fillvalue"])?;
        let fill = args.values.first().map_or_else(none, |value| value.to_ref());
        let iters = args.pos.iter().map(|iterable| iterable.iter(py).map(Some)).collect::<PyResult<Vec<_>>>()?;
        let this = alloc::<ZipLongest>(py, ty)?;
        this.iters.init(iters);
        drop(this.fill.replace(Some(fill)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &ZipLongest) -> PyResult<Option<Ref<Tuple>>> {
        let iters = this.iters.lock().clone();
        let fill = part(py, &this.fill)?;
        let mut alive = iters.iter().flatten().count();
        if alive == 0 {
            return Ok(None);
        }
        let mut items = krait_object::reserve::with_room(py, iters.len())?;
        for (at, iter) in iters.iter().enumerate() {
            let item = match iter {
                None => fill.clone(),
                Some(iter) => match iter.iter_next(py) {
                    Ok(Some(item)) => item,
                    end => {
                        alive -= 1;
                        let failed = end.is_err();
                        if failed {
                            let all = std::mem::take(&mut *this.iters.lock());
                            drop(all);
                        }
                        end?;
                        if alive == 0 {
                            let all = std::mem::take(&mut *this.iters.lock());
                            drop(all);
                            return Ok(None);
                        }
                        let old = this.iters.lock().get_mut(at).and_then(Option::take);
                        drop(old);
                        fill.clone()
                    }
                },
            };
            items.push(item);
        }
        Tuple::from_vec(py, items).map(Some)
    }
}

pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Compress>(py, module, "compress")?;
    add_type::<DropWhile>(py, module, "dropwhile")?;
    add_type::<TakeWhile>(py, module, "takewhile")?;
    add_type::<FilterFalse>(py, module, "filterfalse")?;
    add_type::<StarMap>(py, module, "starmap")?;
    add_type::<Islice>(py, module, "islice")?;
    add_type::<Pairwise>(py, module, "pairwise")?;
    add_type::<Batched>(py, module, "batched")?;
    add_type::<ZipLongest>(py, module, "zip_longest")
}
