//! `groupby`.
use super::{add_type, iterator};
use krait_object::args::{Args, Signature};
use krait_object::layout::Field;
use krait_object::native::{alloc, part, required};
use krait_object::{Attached, Layout, Module, Object, PyResult, Ref, Slot, Tuple, Type, raise};

krait_object::native! {
    /// `groupby`. `round` tells a group whether it is still the current one.
    pub struct GroupBy { iter: Slot, key: Slot, target: Slot, current_key: Slot, current: Slot, round: Field<usize> }
}
iterator! { GROUP_BY "itertools.groupby" GroupBy, "groupby(iterable, key=None)\n--\n\nPairs of a key and an iterator over the neighbouring items with that key.", GroupBy::construct, slots {
    tp_clear = |_: Attached<'_>, this: &GroupBy| drop((this.iter.take(), this.target.take(), this.current_key.take(), this.current.take())),
} }

impl GroupBy {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<GroupBy>> {
        const SIG: Signature = Signature::parse("groupby", "(iterable, key=None)");
        let [iterable, key] = SIG.bind::<2>(py, args)?;
        let iter = required(py, iterable)?.iter(py)?;
        let this = alloc::<GroupBy>(py, ty)?;
        drop(this.iter.replace(Some(iter)));
        drop(this.key.replace(key.filter(|key| !key.is_none()).map(|key| key.to_ref())));
        Ok(this)
    }
    /// Reads the next item and its key; false at the end.
    fn step(&self, py: Attached<'_>) -> PyResult<bool> {
        let Some(item) = part(py, &self.iter)?.iter_next(py)? else { return Ok(false) };
        let key = match self.key.get() {
            None => item.clone(),
            Some(key) => key.call_pos(py, &[&item])?,
        };
        drop(self.current.replace(Some(item)));
        drop(self.current_key.replace(Some(key)));
        Ok(true)
    }
    fn same(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<bool> {
        if left.is(right) { Ok(true) } else { left.eq(py, right) }
    }
    fn next(py: Attached<'_>, this: &GroupBy) -> PyResult<Option<Ref<Tuple>>> {
        this.round.set(this.round.get() + 1);
        loop {
            match (this.current_key.get(), this.target.get()) {
                (None, _) => {}
                (Some(_), None) => break,
                (Some(current), Some(target)) => {
                    if !Self::same(py, &target, &current)? {
                        break;
                    }
                }
            }
            if !this.step(py)? {
                return Ok(None);
            }
        }
        let key = part(py, &this.current_key)?;
        drop(this.target.replace(Some(key.clone())));
        let group = alloc::<Grouper>(py, Grouper::type_object())?;
        drop(group.parent.replace(Some(this.to_ref())));
        drop(group.key.replace(Some(key.clone())));
        group.round.set(this.round.get());
        Tuple::pair(py, key, group.upcast()).map(Some)
    }
}

krait_object::native! {
    /// One group of `groupby`.
    pub struct Grouper { parent: Slot<GroupBy>, key: Slot, round: Field<usize> }
}
iterator! { GROUPER "itertools._grouper" Grouper, "The items of one group.", Grouper::construct }

impl Grouper {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Grouper>> {
        let pos = args.unpack(py, "_grouper", 2, 2)?;
        let Some(parent) = pos[0].downcast::<GroupBy>() else {
            let given = krait_object::builtins::textargs::arg_type(pos[0]);
            return Err(raise!(py, TypeError, "_grouper() argument 1 must be itertools.groupby, not {given}"));
        };
        let this = alloc::<Grouper>(py, ty)?;
        drop(this.parent.replace(Some(parent.to_ref())));
        drop(this.key.replace(Some(pos[1].to_ref())));
        this.round.set(parent.round.get());
        Ok(this)
    }
    fn next(py: Attached<'_>, this: &Grouper) -> PyResult<Option<Ref<Object>>> {
        let parent = part(py, &this.parent)?;
        if parent.round.get() != this.round.get() {
            return Ok(None);
        }
        if parent.current.is_null() && !parent.step(py)? {
            return Ok(None);
        }
        let (key, current) = (part(py, &this.key)?, part(py, &parent.current_key)?);
        if !GroupBy::same(py, &key, &current)? {
            return Ok(None);
        }
        Ok(parent.current.take())
    }
}

pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<GroupBy>(py, module, "groupby")?;
    add_type::<Grouper>(py, module, "_grouper")
}
