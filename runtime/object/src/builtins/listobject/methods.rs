//! Construction, comparison and methods of `list`.
use super::{List, ListIter, ListRevIter, MOST_KEPT};
use crate::args::Args;
use crate::builtins::container::{ReprGuard, TextBuilder, items_at_once, no_keywords_unless_subtype, search_bounds};
use crate::dictobject::plain_eq;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, PyObject};
use crate::mode::CriticalSection2;
use crate::typedef::{CompareOp, arg, ret_object};
use crate::{Bool, Object, PyResult, Str, Tuple, Type, id, raise};

/// `tp_vectorcall` of `list`: `list(iterable=(), /)`.
///
/// # Safety
/// [slot-contract].
pub(super) unsafe extern "C" fn list_vectorcall(
    ty: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let args = Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
        let ty = arg::<Type>(ty);
        ret_object(
            py,
            args.unpack(py, "list", 0, 1).and_then(|args| {
                let list = List::alloc_for(py, ty)?;
                if let [iterable] = args {
                    list.extend(py, iterable)?;
                }
                Ok(list)
            }),
        )
    }
}

impl List {
    /// An empty list of a subtype.
    fn alloc_for(py: Attached<'_>, ty: &Type) -> PyResult<Ref<List>> {
        if std::ptr::eq(ty, List::type_object()) {
            return List::new(py);
        }
        // SAFETY: a fresh instance of a subtype of `list`; zeroed fields are an empty list.
        Ok(unsafe { ty.alloc(py, 0)?.cast_unchecked() })
    }

    pub(super) fn construct(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<List>> {
        List::alloc_for(py, ty)
    }

    pub(super) fn init(py: Attached<'_>, this: &List, args: Args<'_>) -> PyResult<()> {
        let base = List::type_object();
        if !args.names.is_empty() {
            let ty = this.as_object().ty();
            let new = |ty: &Type| ty.as_type().tp_new.get().map(|new| new as usize);
            if std::ptr::eq(ty, base) || new(ty) == new(base) {
                no_keywords_unless_subtype(py, base, base, args, "list")?;
            }
        }
        crate::args::check_positional(py, "list", args.pos.len(), 0, 1)?;
        if !this.is_empty() {
            this.clear(py);
        }
        match args.pos {
            [iterable] => this.extend(py, iterable),
            _ => Ok(()),
        }
    }

    /// Adds items at the end.
    pub fn extend_from_vec(&self, py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<()> {
        self.lock(py).append_all(py, items)
    }

    /// Adds all items of an iterable at the end; those that came before an error stay.
    pub fn extend(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        if let Some(items) = items_at_once(py, iterable)? {
            let this = self.lock(py);
            let sequence = iterable.downcast_exact::<List>().is_some() || iterable.downcast_exact::<Tuple>().is_some();
            if !sequence && !items.is_empty() {
                this.reserve(py, this.len() + items.len())?;
            }
            return this.append_all(py, items);
        }
        let iter = iterable.iter(py)?;
        let hint = iterable.length_hint(py, 8)?;
        if let Some(wanted) = self.len().checked_add(hint).filter(|&wanted| wanted <= isize::MAX as usize / 8) {
            let this = self.lock(py);
            if this.items().is_null() && wanted > 0 {
                this.reallocate(py, (wanted + 1) & !1)?;
            } else {
                this.reserve(py, wanted)?;
            }
        }
        while let Some(item) = iter.iter_next(py)? {
            self.push(py, item)?;
        }
        let this = self.lock(py);
        // What the hint promised too much stays while it is little.
        if this.raw().allocated.get() > MOST_KEPT as isize {
            this.shrink(py);
        }
        Ok(())
    }

    pub(super) fn make_iter(py: Attached<'_>, this: &List) -> PyResult<Ref<ListIter>> {
        ListIter::new(py, this)
    }

    pub(super) fn reversed(py: Attached<'_>, this: &List) -> PyResult<Ref<ListRevIter>> {
        ListRevIter::new(py, this)
    }

    pub(super) fn repr(py: Attached<'_>, this: &List) -> PyResult<Ref<Str>> {
        if this.is_empty() {
            return Ok(id!(py, "[]").to_ref());
        }
        let Some(_guard) = ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, "[...]");
        };
        let mut text = TextBuilder::new();
        text.push_str("[");
        let mut at = 0;
        // C code may look at a list that it has not filled yet.
        while at < this.len() {
            if at > 0 {
                text.push_str(", ");
            }
            match this.get(py, at) {
                Some(item) => text.push(&*item.repr(py)?),
                None => text.push_str("<NULL>"),
            }
            at += 1;
        }
        text.push_str("]");
        text.finish(py)
    }

    pub(super) fn compare(py: Attached<'_>, this: &List, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<List>() else {
            return Ok(crate::not_implemented());
        };
        let verdict = |holds: bool| Ok(Bool::of(holds).as_object().to_ref());
        if this.len() != other.len() && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return verdict(op == CompareOp::Ne);
        }
        let mut at = this.plain_prefix(py, other);
        while let (Some(left), Some(right)) = (this.get(py, at), other.get(py, at)) {
            if !left.eq(py, &right)? {
                if at >= this.len() || at >= other.len() {
                    break;
                }
                return match op {
                    CompareOp::Eq => verdict(false),
                    CompareOp::Ne => verdict(true),
                    _ => left.rich_compare(py, &right, op),
                };
            }
            at += 1;
        }
        verdict(op.holds(this.len().cmp(&other.len())))
    }

    /// How many items from the start are equal at one moment, as far as that can be told without Python code.
    fn plain_prefix(&self, py: Attached<'_>, other: &List) -> usize {
        let _both = CriticalSection2::enter(py, self.as_object(), other.as_object());
        let same = |(left, right): &(&Field<*mut PyObject>, &Field<*mut PyObject>)| {
            let (left, right) = (left.get(), right.get());
            // SAFETY: [locked]: cells that are not null own their items.
            std::ptr::eq(left, right)
                || !left.is_null()
                    && !right.is_null()
                    && unsafe { plain_eq(Object::from_ptr(left), Object::from_ptr(right)) == Some(true) }
        };
        self.cells().iter().zip(other.cells()).take_while(same).count()
    }

    pub(super) fn contains(py: Attached<'_>, this: &List, value: &Object) -> PyResult<bool> {
        Ok(this.find(py, value, 0, isize::MAX as usize)?.is_some())
    }

    /// The first position in `start..stop` whose item equals `value`.
    fn find(&self, py: Attached<'_>, value: &Object, start: usize, stop: usize) -> PyResult<Option<usize>> {
        let mut at = start;
        while at < stop {
            let Some(item) = self.get(py, at) else { break };
            if item.eq(py, value)? {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    pub(super) fn py_index(py: Attached<'_>, this: &List, args: [Option<&Object>; 3]) -> PyResult<usize> {
        let [value, start, stop] = args;
        let value = value.ok_or_else(|| py.bad_internal_call())?;
        let (start, stop) = search_bounds(py, start, stop)?;
        let from_end = |at: isize| if at < 0 { at.saturating_add_unsigned(this.len()).max(0) } else { at } as usize;
        match this.find(py, value, from_end(start), from_end(stop))? {
            Some(at) => Ok(at),
            None => Err(raise!(py, ValueError, "list.index(x): x not in list")),
        }
    }

    pub(super) fn count(py: Attached<'_>, this: &List, value: &Object) -> PyResult<usize> {
        let (mut count, mut at) = (0, 0);
        while let Some(item) = this.get(py, at) {
            count += usize::from(item.eq(py, value)?);
            at += 1;
        }
        Ok(count)
    }

    /// Finds and removes in one step, unless a comparison gives the lock up meanwhile.
    pub(super) fn py_remove(py: Attached<'_>, this: &List, value: &Object) -> PyResult<()> {
        let removed = {
            let locked = this.lock(py);
            let mut at = 0;
            loop {
                let Some(cell) = locked.cells().get(at) else { break None };
                // SAFETY: [locked]: the list owns the item.
                let equal = match unsafe { Ref::<Object>::from_borrowed_opt(cell.get()) } {
                    Some(item) => item.eq(py, value)?,
                    None => false,
                };
                if equal {
                    break Some(locked.remove(py, at));
                }
                at += 1;
            }
        };
        match removed {
            Some(old) => {
                drop(old);
                Ok(())
            }
            None => Err(raise!(py, ValueError, "list.remove(x): x not in list")),
        }
    }

    pub(super) fn py_insert(py: Attached<'_>, this: &List, args: [Option<&Object>; 2]) -> PyResult<()> {
        let [Some(index), Some(item)] = args else { return Err(py.bad_internal_call()) };
        this.insert(py, index.as_isize(py)?, item.to_ref())
    }

    pub(super) fn py_pop(py: Attached<'_>, this: &List, args: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        let index = args[0].map_or(Ok(-1), |index| index.as_isize(py))?;
        let popped = {
            let locked = this.lock(py);
            let len = locked.len();
            if len == 0 {
                None
            } else {
                let at = if index < 0 { index.wrapping_add_unsigned(len) } else { index };
                usize::try_from(at).ok().filter(|&at| at < len).and_then(|at| locked.remove(py, at))
            }
        };
        match popped {
            Some(item) => Ok(item),
            None if this.is_empty() => Err(raise!(py, IndexError, "pop from empty list")),
            None => Err(raise!(py, IndexError, "pop index out of range")),
        }
    }

    pub(super) fn copy(py: Attached<'_>, this: &List) -> PyResult<Ref<List>> {
        List::joined(py, &[this], |len| (0, 1, len))
    }

    pub(super) fn sizeof(_py: Attached<'_>, this: &List) -> PyResult<usize> {
        let base = this.as_object().ty().as_type().tp_basicsize.get() as usize;
        Ok(base + this.raw().allocated.get().max(0) as usize * 8)
    }

    pub(super) fn concat(py: Attached<'_>, this: &List, other: &Object) -> PyResult<Ref<List>> {
        let Some(other) = other.downcast::<List>() else {
            let name = other.ty().name();
            return Err(raise!(py, TypeError, "can only concatenate list (not \"{name}\") to list"));
        };
        List::joined(py, &[this, other], |len| (0, 1, len))
    }

    pub(super) fn repeat(py: Attached<'_>, this: &List, count: isize) -> PyResult<Ref<List>> {
        let items = this.to_vec(py)?;
        let Some(len) = items.len().checked_mul(count.max(0) as usize).filter(|&len| len < isize::MAX as usize / 8)
        else {
            return Err(py.no_memory());
        };
        let list = List::with_capacity(py, len)?;
        let array = list.items();
        for (from, item) in items.iter().enumerate() {
            for at in (from..len).step_by(items.len()) {
                // SAFETY: the array has room for `len` items.
                unsafe { (*array.add(at)).set(item.clone().into_raw()) };
            }
        }
        list.raw().ob_base.ob_size.set(len as isize);
        crate::gc::track(list.as_object());
        Ok(list)
    }

    pub(super) fn inplace_concat(py: Attached<'_>, this: &List, other: &Object) -> PyResult<Ref<List>> {
        this.extend(py, other)?;
        Ok(this.to_ref())
    }

    pub(super) fn inplace_repeat(py: Attached<'_>, this: &List, count: isize) -> PyResult<Ref<List>> {
        if count < 1 {
            this.clear(py);
            return Ok(this.to_ref());
        }
        if this.is_empty() {
            return Ok(this.to_ref());
        }
        {
            let locked = this.lock(py);
            let items = locked.to_vec(py)?;
            let added = items.len().checked_mul(count as usize - 1);
            let Some(total) = added.and_then(|added| added.checked_add(items.len())) else {
                return Err(py.no_memory());
            };
            if total >= isize::MAX as usize / 8 {
                return Err(py.no_memory());
            }
            locked.reserve(py, total)?;
            for _ in 1..count {
                locked.append_all(py, items.clone())?;
            }
        }
        Ok(this.to_ref())
    }

    pub(super) fn py_sort(py: Attached<'_>, this: &List, args: [Option<&Object>; 2]) -> PyResult<()> {
        let [key, reverse] = args;
        let reverse = reverse.map_or(Ok(false), |value| value.is_true(py))?;
        this.sort(py, key.filter(|key| !key.is_none()), reverse)
    }
}
