//! Building containers, strings and templates.
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_bytecode::oparg::Conversion;
use krait_object::{Attached, Dict, Layout, List, Object, PyResult, Raised, Set, Slice, Str, Tuple};
use krait_object::{exc, raise};

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn BUILD_TUPLE(&mut self) -> Step {
        self.save();
        let tuple = self.out(|this| {
            let (py, count) = (this.py(), this.arg());
            let start = this.sp.wrapping_sub(count);
            // SAFETY: the words are on the stack, and move into the tuple one after another once it is allocated.
            let tuple = Tuple::build(py, count, |at| Ok(unsafe { start.add(at).read().into_ref() }))?;
            this.sp = start;
            PyResult::Ok(tuple)
        })?;
        self.push(StackRef::owned(tuple));
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn BUILD_LIST(&mut self) -> Step {
        self.save();
        let list = self.out(|this| {
            let (py, count) = (this.py(), this.arg());
            let start = this.sp.wrapping_sub(count);
            // SAFETY: as in `BUILD_TUPLE`.
            let list = List::build(py, count, |at| unsafe { start.add(at).read().into_ref() })?;
            this.sp = start;
            PyResult::Ok(list)
        })?;
        self.push(StackRef::owned(list));
        Ok(1)
    }

    pub(super) fn BUILD_SET(&mut self) -> Step {
        self.save();
        let (count, py) = (self.arg(), self.py());
        let set = Set::new(py)?;
        for depth in (1..=count).rev() {
            set.add(py, self.object(depth))?;
        }
        self.replace(count, set.upcast());
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn BUILD_MAP(&mut self) -> Step {
        self.save();
        let (count, py) = (self.arg(), self.py());
        let dict = Dict::new(py)?;
        for pair in (1..=count).rev() {
            dict.set(py, self.object(2 * pair), self.object(2 * pair - 1))?;
        }
        self.replace(2 * count, dict.upcast());
        Ok(1)
    }

    pub(super) fn BUILD_SLICE(&mut self) -> Step {
        self.save();
        let count = self.arg();
        let step = (count == 3).then(|| self.object(1));
        let slice = Slice::new(self.py(), Some(self.object(count)), Some(self.object(count - 1)), step)?;
        self.replace(count, slice.upcast());
        Ok(1)
    }

    pub(super) fn BUILD_STRING(&mut self) -> Step {
        self.save();
        let count = self.arg();
        let words: *const StackRef = self.sp.wrapping_sub(count);
        // SAFETY: the compiler puts only strings here, and the words stay on the stack until the text is made.
        let parts = (0..count).map(|at| unsafe { (*words.add(at)).object().cast_unchecked::<Str>() });
        let text = Str::concat_iter(self.py(), parts)?;
        self.replace(count, text.upcast());
        Ok(1)
    }

    pub(super) fn CONVERT_VALUE(&mut self) -> Step {
        self.save();
        let (py, value) = (self.py(), self.object(1));
        let text = match Conversion::from_u32(self.arg() as u32) {
            Some(Conversion::Str) => value.str(py)?,
            Some(Conversion::Repr) => value.repr(py)?,
            Some(Conversion::Ascii) => value.ascii(py)?,
            _ => return Err(raise!(py, SystemError, "bad argument of CONVERT_VALUE").into()),
        };
        self.replace(1, text.upcast());
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn FORMAT_SIMPLE(&mut self) -> Step {
        if self.object(1).downcast_exact::<Str>().is_some() {
            return Ok(1);
        }
        self.save();
        let text = self.object(1).format(self.py(), None)?;
        self.replace(1, text.upcast());
        Ok(1)
    }

    pub(super) fn FORMAT_WITH_SPEC(&mut self) -> Step {
        self.save();
        let (py, spec) = (self.py(), self.object(1));
        let text = self.object(2).format(py, spec.downcast::<Str>())?;
        self.replace(2, text.upcast());
        Ok(1)
    }

    pub(super) fn BUILD_INTERPOLATION(&mut self) -> Step {
        self.save();
        let (py, arg) = (self.py(), self.arg());
        let has_spec = arg & 1 != 0;
        let conversion = match arg >> 2 {
            1 => Some('s'),
            2 => Some('r'),
            3 => Some('a'),
            _ => None,
        };
        let count = if has_spec { 3 } else { 2 };
        let (value, text) = (self.object(count), self.object(count - 1));
        let spec = has_spec.then(|| self.object(1));
        let built = crate::templates::interpolation(py, value, text, conversion, spec)?;
        self.replace(count, built);
        Ok(1)
    }

    pub(super) fn BUILD_TEMPLATE(&mut self) -> Step {
        self.save();
        let built = crate::templates::template(self.py(), self.object(2), self.object(1))?;
        self.replace(2, built);
        Ok(1)
    }

    /// The container that a comprehension fills, `depth` below the top.
    #[inline(always)]
    pub(super) fn LIST_APPEND(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler puts a list there; the word is a value.
        let (list, item) = unsafe {
            let list: &List = self.object(self.arg() + 1).cast_unchecked();
            (list, self.pop().into_ref())
        };
        list.push(self.py(), item)?;
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn SET_ADD(&mut self) -> Step {
        self.save();
        // The set of annotations that were reached has a name, which a program may bind to anything.
        let target = self.object(self.arg() + 1);
        let Some(set) = target.downcast::<Set>() else { return self.away(|this| this.no_set()) };
        set.add(self.py(), self.object(1))?;
        self.drop_top();
        Ok(1)
    }

    #[cold]
    fn no_set(&mut self) -> Step {
        let given = self.object(self.arg() + 1).ty().name();
        Err(raise!(self.py(), TypeError, "__conditional_annotations__ must be a set, not '{given}'").into())
    }

    #[inline(always)]
    pub(super) fn MAP_ADD(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler puts a dict there.
        let dict: &Dict = unsafe { self.object(self.arg() + 2).cast_unchecked() };
        dict.set(self.py(), self.object(2), self.object(1))?;
        self.drop_many(2);
        Ok(1)
    }

    pub(super) fn LIST_EXTEND(&mut self) -> Step {
        self.save();
        let (py, iterable) = (self.py(), self.object(1));
        // SAFETY: the compiler puts a list there.
        let list: &List = unsafe { self.object(self.arg() + 1).cast_unchecked() };
        if let Err(raised) = list.extend(py, iterable) {
            let plain = raised.matches(py, exc::TypeError())
                && iterable.ty().as_type().tp_iter.get().is_none()
                && !iterable.is_sequence();
            if !plain {
                return Err(raised.into());
            }
            raised.clear(py);
            let name = iterable.ty().name();
            return Err(raise!(py, TypeError, "Value after * must be an iterable, not {name}").into());
        }
        self.drop_top();
        Ok(1)
    }

    pub(super) fn SET_UPDATE(&mut self) -> Step {
        self.save();
        // The set of annotations that were reached has a name, which a program may bind to anything.
        let target = self.object(self.arg() + 1);
        let Some(set) = target.downcast::<Set>() else {
            let given = target.ty().name();
            return Err(raise!(self.py(), TypeError, "__conditional_annotations__ must be a set, not '{given}'").into());
        };
        set.update(self.py(), self.object(1))?;
        self.drop_top();
        Ok(1)
    }

    pub(super) fn DICT_UPDATE(&mut self) -> Step {
        self.save();
        let (py, update) = (self.py(), self.object(1));
        // SAFETY: the compiler puts a dict there.
        let dict: &Dict = unsafe { self.object(self.arg() + 1).cast_unchecked() };
        if let Err(raised) = dict.merge(py, update, true) {
            if raised.matches(py, exc::AttributeError()) {
                raised.clear(py);
                let name = update.ty().name();
                return Err(raise!(py, TypeError, "'{name}' object is not a mapping").into());
            }
            return Err(raised.into());
        }
        self.drop_top();
        Ok(1)
    }

    /// Merges `**mapping` of a call into the keyword arguments; the callable is further down for the message.
    pub(super) fn DICT_MERGE(&mut self) -> Step {
        self.save();
        let (py, update, arg) = (self.py(), self.object(1), self.arg());
        let callable = self.object(5 + arg - 1);
        // SAFETY: the compiler puts a dict there.
        let dict: &Dict = unsafe { self.object(arg + 1).cast_unchecked() };
        if let Err(raised) = merge_keywords(py, dict, update) {
            return Err(explain_keywords(py, raised, callable, update).into());
        }
        self.drop_top();
        Ok(1)
    }
}

/// Merges keyword arguments; `KeyError` with the key as the only argument for a doubled one.
pub(super) fn merge_keywords(py: Attached<'_>, into: &Dict, update: &Object) -> PyResult<()> {
    if let Some(update) = update.downcast_exact::<Dict>() {
        for (key, value) in update.items_snapshot(py)? {
            merge_one(py, into, &key, &value)?;
        }
        return Ok(());
    }
    let keys = update.get_attr(py, krait_object::id!(py, keys))?.call0(py)?;
    let iterator = keys.iter(py)?;
    while let Some(key) = iterator.iter_next(py)? {
        let value = update.get_item(py, &key)?;
        merge_one(py, into, &key, &value)?;
    }
    Ok(())
}

fn merge_one(py: Attached<'_>, into: &Dict, key: &Object, value: &Object) -> PyResult<()> {
    if into.contains(py, key)? {
        return Err(py.raise_value(exc::KeyError(), key));
    }
    into.set(py, key, value)
}

/// Turns errors of merging keyword arguments into the reference's `TypeError`s.
#[cold]
pub(super) fn explain_keywords(py: Attached<'_>, raised: Raised, callable: &Object, update: &Object) -> Raised {
    if raised.matches(py, exc::AttributeError()) {
        raised.clear(py);
        let (function, name) = (crate::call::function_text(py, callable), update.ty().name());
        return raise!(py, TypeError, "{function} argument after ** must be a mapping, not {name}");
    }
    if raised.matches(py, exc::KeyError()) {
        let exception = raised.take(py);
        let args = exception.as_object().get_attr_opt(py, krait_object::id!(py, args));
        let key = match &args {
            Ok(Some(args)) => {
                args.as_object().downcast::<Tuple>().filter(|args| args.len() == 1).map(|args| args.as_slice()[0])
            }
            _ => None,
        };
        let Some(key) = key else { return py.restore(exception) };
        let function = crate::call::function_text(py, callable);
        return match key.str(py) {
            Ok(key) => {
                let key = key.to_string_lossy();
                raise!(py, TypeError, "{function} got multiple values for keyword argument '{key}'")
            }
            Err(raised) => raised,
        };
    }
    raised
}
