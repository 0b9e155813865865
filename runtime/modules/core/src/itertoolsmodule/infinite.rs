//! `count`, `cycle`, `repeat`, `accumulate`, `chain`.
use super::{add_type, iterator, no_keywords};
use krait_object::args::{Args, Signature};
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::layout::Field;
use krait_object::native::{State, advance, alloc, part};
use krait_object::protocols::number::BinaryOp;
use krait_object::{Attached, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Type, raise};

krait_object::native! {
    /// `count`: in machine words while `slow` is empty.
    pub struct Count { fast: Field<isize>, slow: Slot, step: Slot }
}
iterator! { COUNT "itertools.count" Count, "count(start=0, step=1)\n--\n\nAn endless series of evenly spaced values.", Count::construct, slots { tp_repr = Count::repr, } }

impl Count {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Count>> {
        const SIG: Signature = Signature::parse("count", "(start=0, step=1)");
        let [start, step] = SIG.bind::<2>(py, args)?;
        let number = |value: &Object| {
            value.ty().number_methods().is_some_and(|nb| {
                nb.nb_index.get().is_some() || nb.nb_int.get().is_some() || nb.nb_float.get().is_some()
            }) || value.downcast::<krait_object::Complex>().is_some()
        };
        if start.is_some_and(|start| !number(start)) || step.is_some_and(|step| !number(step)) {
            return Err(raise!(py, TypeError, "a number is required"));
        }
        let small = |value: Option<&Object>, default: i64| match value {
            None => Some(default),
            Some(value) => value.downcast_exact::<Int>().and_then(Int::to_i64),
        };
        let this = alloc::<Count>(py, ty)?;
        let unit = small(step, 1) == Some(1);
        match small(start, 0).filter(|&start| unit && start != i64::MAX) {
            Some(start) => this.fast.set(start as isize),
            None => drop(this.slow.replace(Some(start.map_or_else(|| 0.into_object(py), |start| Ok(start.to_ref()))?))),
        }
        let step = step.map_or_else(|| 1.into_object(py), |step| Ok(step.to_ref()))?;
        drop(this.step.replace(Some(step)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Count) -> PyResult<Option<Ref<Object>>> {
        if this.slow.is_null()
            && let Some(now) = advance(&this.fast, |now| now.checked_add(1))
        {
            return now.into_object(py).map(Some);
        }
        let old = {
            let _section = this.lock(py);
            let now = match this.slow.get() {
                Some(now) => now,
                None => isize::MAX.into_object(py)?,
            };
            let next = now.binary_op(py, &*part(py, &this.step)?, BinaryOp::Add)?;
            (this.slow.replace(Some(next)), now)
        };
        Ok(Some(old.1))
    }
    fn repr(py: Attached<'_>, this: &Count) -> PyResult<String> {
        let name = this.as_object().ty().short_name().into_owned();
        let Some(slow) = this.slow.get() else { return Ok(format!("{name}({})", this.fast.get())) };
        let (slow, step) = (slow.repr(py)?, part(py, &this.step)?);
        if step.as_object().downcast_exact::<Int>().and_then(Int::to_i64) == Some(1) {
            return Ok(format!("{name}({})", slow.to_string_lossy()));
        }
        Ok(format!("{name}({}, {})", slow.to_string_lossy(), step.repr(py)?.to_string_lossy()))
    }
}

krait_object::native! {
    /// `cycle`: what was seen, then what was seen again.
    pub struct Cycle { iter: Slot, saved: State<Vec<Ref<Object>>>, at: Field<usize> }
}
iterator! { CYCLE "itertools.cycle" Cycle, "cycle(iterable, /)\n--\n\nThe items of an iterable, again and again.", Cycle::construct, slots {
    tp_clear = |_: Attached<'_>, this: &Cycle| {
        let saved = std::mem::take(&mut *this.saved.lock());
        drop((saved, this.iter.take()));
    },
} }

impl Cycle {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Cycle>> {
        no_keywords(py, ty, Cycle::type_object(), args, "cycle")?;
        krait_object::args::check_positional(py, "cycle", args.pos.len(), 1, 1)?;
        let iter = args.pos[0].iter(py)?;
        let this = alloc::<Cycle>(py, ty)?;
        this.saved.init(Vec::new());
        drop(this.iter.replace(Some(iter)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Cycle) -> PyResult<Option<Ref<Object>>> {
        if let Some(iter) = this.iter.get() {
            if let Some(item) = iter.iter_next(py)? {
                this.saved.lock().push(item.clone());
                return Ok(Some(item));
            }
            drop(this.iter.take());
        }
        let saved = this.saved.lock();
        let at = this.at.get();
        let Some(item) = saved.get(at).or_else(|| saved.first()).cloned() else { return Ok(None) };
        this.at.set(if at + 1 >= saved.len() { 0 } else { at + 1 });
        Ok(Some(item))
    }
}

krait_object::native! {
    /// `repeat`; a negative count is endless.
    pub struct Repeat { item: Slot, left: Field<isize> }
}
iterator! { REPEAT "itertools.repeat" Repeat, "repeat(object [,times])\n\nThe same object, the given number of times or for ever.", Repeat::construct, methods {
    noargs "__length_hint__" => Repeat::hint, "($self, /)", "Private method returning an estimate of len(list(it)).";
}, slots { tp_repr = Repeat::repr, } }

impl Repeat {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Repeat>> {
        const SIG: Signature = Signature::parse("repeat", "(object, times=None)");
        let [object, times] = SIG.bind::<2>(py, args)?;
        let left = match times {
            None => -1,
            Some(times) => times.as_isize(py)?.max(0),
        };
        let this = alloc::<Repeat>(py, ty)?;
        this.left.set(left);
        drop(this.item.replace(object.map(|object| object.to_ref())));
        Ok(this)
    }
    fn next(_: Attached<'_>, this: &Repeat) -> PyResult<Option<Ref<Object>>> {
        if this.left.get() >= 0 && advance(&this.left, |left| (left > 0).then(|| left - 1)).is_none() {
            return Ok(None);
        }
        Ok(this.item.get())
    }
    fn hint(py: Attached<'_>, this: &Repeat) -> PyResult<isize> {
        match this.left.get() {
            left if left < 0 => Err(raise!(py, TypeError, "len() of unsized object")),
            left => Ok(left),
        }
    }
    fn repr(py: Attached<'_>, this: &Repeat) -> PyResult<String> {
        let (name, item) = (this.as_object().ty().short_name().into_owned(), part(py, &this.item)?.repr(py)?);
        Ok(match this.left.get() {
            left if left < 0 => format!("{name}({})", item.to_string_lossy()),
            left => format!("{name}({}, {left})", item.to_string_lossy()),
        })
    }
}

krait_object::native! {
    /// `accumulate`.
    pub struct Accumulate { iter: Slot, total: Slot, func: Slot, initial: Slot }
}
iterator! { ACCUMULATE "itertools.accumulate" Accumulate, "accumulate(iterable, func=None, *, initial=None)\n--\n\nThe sums of the first one, two, .. items, or what func makes instead of sums.", Accumulate::construct, slots {
    tp_clear = |_: Attached<'_>, this: &Accumulate| drop((this.iter.take(), this.total.take())),
} }

impl Accumulate {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Accumulate>> {
        const SIG: Signature = Signature::parse("accumulate", "(iterable, func=None, *, initial=None)");
        let [iterable, func, initial] = SIG.bind::<3>(py, args)?;
        let iter = krait_object::native::required(py, iterable)?.iter(py)?;
        let given = |value: Option<&Object>| value.filter(|value| !value.is_none()).map(|value| value.to_ref());
        let this = alloc::<Accumulate>(py, ty)?;
        drop(this.iter.replace(Some(iter)));
        drop(this.func.replace(given(func)));
        drop(this.initial.replace(given(initial)));
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Accumulate) -> PyResult<Option<Ref<Object>>> {
        if let Some(initial) = this.initial.take() {
            drop(this.total.replace(Some(initial.clone())));
            return Ok(Some(initial));
        }
        let Some(item) = part(py, &this.iter)?.iter_next(py)? else { return Ok(None) };
        let total = match this.total.get() {
            None => item,
            Some(total) => match this.func.get() {
                None => total.binary_op(py, &item, BinaryOp::Add)?,
                Some(func) => func.call_pos(py, &[&total, &item])?,
            },
        };
        drop(this.total.replace(Some(total.clone())));
        Ok(Some(total))
    }
}

krait_object::native! {
    /// `chain`: the iterator of iterables, and the one that is being read.
    pub struct Chain { source: Slot, active: Slot }
}
iterator! { CHAIN "itertools.chain" Chain, "chain(*iterables)\n--\n\nThe items of the first iterable, then those of the next, and so on.", Chain::construct, methods {
    class o "from_iterable" => Chain::from_iterable, "($type, iterable, /)", "As chain(), with the iterables taken from one iterable.";
    class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
} }

impl Chain {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Chain>> {
        no_keywords(py, ty, Chain::type_object(), args, "chain")?;
        let source = args.pos_tuple(py)?.as_object().iter(py)?;
        Chain::over(py, ty, source)
    }
    fn over(py: Attached<'_>, ty: &Type, source: Ref<Object>) -> PyResult<Ref<Chain>> {
        let this = alloc::<Chain>(py, ty)?;
        drop(this.source.replace(Some(source)));
        Ok(this)
    }
    fn from_iterable(py: Attached<'_>, ty: &Type, iterable: &Object) -> PyResult<Ref<Chain>> {
        Chain::over(py, ty, iterable.iter(py)?)
    }
    fn next(py: Attached<'_>, this: &Chain) -> PyResult<Option<Ref<Object>>> {
        loop {
            let active = match this.active.get() {
                Some(active) => active,
                None => {
                    let Some(source) = this.source.get() else { return Ok(None) };
                    let next = source.iter_next(py).and_then(|next| next.map(|next| next.iter(py)).transpose());
                    let Ok(Some(active)) = next else {
                        drop(this.source.take());
                        return next;
                    };
                    drop(this.active.replace(Some(active.clone())));
                    active
                }
            };
            if let Some(item) = active.iter_next(py)? {
                return Ok(Some(item));
            }
            // Another thread may have gone on to the next iterable.
            let ended = {
                let _section = this.lock(py);
                if std::ptr::eq(this.active.raw(), active.as_ptr()) { this.active.take() } else { None }
            };
            drop(ended);
        }
    }
}

pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Count>(py, module, "count")?;
    add_type::<Cycle>(py, module, "cycle")?;
    add_type::<Repeat>(py, module, "repeat")?;
    add_type::<Accumulate>(py, module, "accumulate")?;
    add_type::<Chain>(py, module, "chain")
}
