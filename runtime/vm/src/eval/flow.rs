//! Jumps, iteration, return.
use super::{Eval, Step, Stop};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::layout::*;
use krait_object::listobject::ListIter;
use krait_object::rangeobject::RangeIter;
use krait_object::tupleobject::TupleIter;
use krait_object::{Bool, Layout, List, Object, PyResult, Ref, Tuple, raise};

pub(super) const POP_JUMP_SKIP: isize = 1 + Opcode::POP_JUMP_IF_TRUE.cache_entries() as isize;
pub(super) const FOR_ITER_SKIP: isize = 1 + Opcode::FOR_ITER.cache_entries() as isize;

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn JUMP_FORWARD(&mut self) -> Step {
        Ok(1 + self.arg() as isize)
    }

    #[inline(always)]
    pub(super) fn JUMP_BACKWARD(&mut self) -> Step {
        if self.is_asked() {
            return self.away(|this| {
                this.check_breaker()?;
                this.jump_back()
            });
        }
        self.jump_back()
    }

    #[inline(always)]
    fn jump_back(&mut self) -> Step {
        Ok(1 + Opcode::JUMP_BACKWARD.cache_entries() as isize - self.arg() as isize)
    }

    #[inline(always)]
    pub(super) fn JUMP_BACKWARD_NO_INTERRUPT(&mut self) -> Step {
        Ok(1 - self.arg() as isize)
    }

    /// Tests the bool on top.
    #[inline(always)]
    fn pop_jump(&mut self, when: bool) -> Step {
        let word = self.pop();
        let taken = std::ptr::eq(word.as_ptr(), Bool::of(when).as_ptr());
        self.close(word);
        Ok(if taken { POP_JUMP_SKIP + self.arg() as isize } else { POP_JUMP_SKIP })
    }

    #[inline(always)]
    pub(super) fn POP_JUMP_IF_TRUE(&mut self) -> Step {
        self.pop_jump(true)
    }

    #[inline(always)]
    pub(super) fn POP_JUMP_IF_FALSE(&mut self) -> Step {
        self.pop_jump(false)
    }

    #[inline(always)]
    pub(super) fn POP_JUMP_IF_NONE(&mut self) -> Step {
        let is_none = self.object(1).is_none();
        self.save();
        self.drop_top();
        Ok(if is_none { POP_JUMP_SKIP + self.arg() as isize } else { POP_JUMP_SKIP })
    }

    #[inline(always)]
    pub(super) fn POP_JUMP_IF_NOT_NONE(&mut self) -> Step {
        let is_none = self.object(1).is_none();
        self.save();
        self.drop_top();
        Ok(if is_none { POP_JUMP_SKIP } else { POP_JUMP_SKIP + self.arg() as isize })
    }

    #[inline(always)]
    pub(super) fn GET_ITER(&mut self) -> Step {
        self.save();
        let iterator = self.object(1).iter(self.py())?;
        self.replace(1, iterator);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn FOR_ITER(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_for_iter();
                this.for_iter_generic()
            });
        }
        self.for_iter_generic()
    }

    #[inline(always)]
    pub(super) fn for_iter_generic(&mut self) -> Step {
        match self.next_item()? {
            Some(item) => {
                self.push_ref(item);
                Ok(FOR_ITER_SKIP)
            }
            None => Ok(self.for_iter_done()),
        }
    }

    /// The next item of the iterator on top, by its slot.
    #[inline(always)]
    fn next_item(&mut self) -> PyResult<Option<Ref<Object>>> {
        let iterator = self.object(1);
        let Some(next) = iterator.ty().as_type().tp_iternext.get() else {
            return iterator.iter_next(self.py());
        };
        // SAFETY: [slot-contract].
        match unsafe { Ref::from_raw_opt(next(iterator.as_ptr())) } {
            Some(item) => Ok(Some(item)),
            None if self.py().pending().is_none() => Ok(None),
            None => self.out(|this| this.iteration_raised()),
        }
    }

    #[cold]
    fn iteration_raised(&mut self) -> PyResult<Option<Ref<Object>>> {
        let raised = krait_object::Raised::assume();
        if raised.matches(self.py(), krait_object::exc::StopIteration()) {
            self.fire_exception(crate::monitoring::Event::Raise, self.frame().lasti());
            let raised = krait_object::Raised::assume();
            if !raised.matches(self.py(), krait_object::exc::StopIteration()) {
                return Err(raised);
            }
            raised.clear(self.py());
            return Ok(None);
        }
        Err(raised)
    }

    /// Where an exhausted loop goes on: past `END_FOR`.
    #[inline(always)]
    pub(super) fn for_iter_done(&mut self) -> isize {
        FOR_ITER_SKIP + self.arg() as isize + 1
    }

    #[cold]
    fn specialize_for_iter(&mut self) {
        let ty = self.object(1).ty();
        let is = |other: &krait_object::Type| ty.as_object().is(other);
        if is(crate::generator::Generator::type_object()) {
            self.unit().specialize(Opcode::FOR_ITER_GEN);
        } else if is(ListIter::type_object()) {
            self.unit().specialize(Opcode::FOR_ITER_LIST);
        } else if is(TupleIter::type_object()) {
            self.unit().specialize(Opcode::FOR_ITER_TUPLE);
        } else if is(RangeIter::type_object()) {
            self.unit().specialize(Opcode::FOR_ITER_RANGE);
        } else {
            self.unit().miss();
        }
    }

    #[cold]
    fn for_iter_deopt(&mut self) -> Step {
        self.unit().deoptimize(Opcode::FOR_ITER);
        self.for_iter_slow()
    }

    /// What the iterator's own slot does where a specialised form found no item: at the end, most often.
    #[cold]
    fn for_iter_slow(&mut self) -> Step {
        self.save();
        self.for_iter_generic()
    }

    #[inline(always)]
    pub(super) fn FOR_ITER_LIST(&mut self) -> Step {
        let Some(iterator) = self.object(1).downcast_exact::<ListIter>() else {
            return self.away(|this| this.for_iter_deopt());
        };
        let read = iterator.read();
        let Some(item) = self.settle(read) else { return self.away(|this| this.for_iter_slow()) };
        iterator.advance();
        self.push(item);
        Ok(FOR_ITER_SKIP)
    }

    #[inline(always)]
    pub(super) fn FOR_ITER_TUPLE(&mut self) -> Step {
        let Some(iterator) = self.object(1).downcast_exact::<TupleIter>() else {
            return self.away(|this| this.for_iter_deopt());
        };
        let Some(item) = iterator.peek() else { return self.away(|this| this.for_iter_slow()) };
        iterator.advance();
        self.push_ref(item.to_ref());
        Ok(FOR_ITER_SKIP)
    }

    #[inline(always)]
    pub(super) fn FOR_ITER_RANGE(&mut self) -> Step {
        let Some(iterator) = self.object(1).downcast_exact::<RangeIter>() else {
            return self.away(|this| this.for_iter_deopt());
        };
        match RangeIter::next(self.py(), iterator)? {
            Some(item) => {
                self.push(StackRef::owned(item));
                Ok(FOR_ITER_SKIP)
            }
            None => Ok(self.for_iter_done()),
        }
    }

    /// Only reached with tracing: the exhausted iterator leaves the stack in `POP_ITER`.
    #[inline(always)]
    pub(super) fn END_FOR(&mut self) -> Step {
        self.save();
        self.drop_top();
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn POP_ITER(&mut self) -> Step {
        self.save();
        self.drop_top();
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn RETURN_VALUE(&mut self) -> Step {
        self.save();
        let value = self.pop().into_owned();
        self.frame().set_sp(self.sp);
        self.leave_frame();
        self.resume_caller(value)
    }

    /// Pops the running frame; `self.frame` is then the caller's, its registers not loaded yet.
    #[inline(always)]
    pub(super) fn leave_frame(&mut self) {
        let frame = self.frame;
        // SAFETY: the running frame and the ones below it are live.
        let previous = unsafe { (*frame).previous() };
        let tstate = self.py().tstate();
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
        // SAFETY: as above; the frame is the topmost one.
        unsafe {
            if (*frame).owner() == FRAME_OWNED_BY_THREAD {
                crate::frameobject::clear_thread_frame(self.py(), frame, previous);
            } else {
                crate::generator::clear_frame(self.py(), frame);
                tstate.current_frame.set(previous.cast());
            }
        }
        self.frame = previous;
    }

    /// Goes on in the frame below with a result, or leaves the loop.
    #[inline(always)]
    pub(super) fn resume_caller(&mut self, value: StackRef) -> Step {
        // SAFETY: the frame below is live.
        let frame = unsafe { &*self.frame };
        if frame.owner() == FRAME_OWNED_BY_INTERPRETER {
            self.home().result.set(value.as_ptr());
            return Err(Stop::Exit);
        }
        self.load_frame(self.frame, frame.0.return_offset.get() as isize);
        self.push(value);
        Ok(0)
    }

    pub(super) fn INTERPRETER_EXIT(&mut self) -> Step {
        self.bad_opcode()
    }

    /// After an inlined `__init__`.
    #[inline(always)]
    pub(super) fn EXIT_INIT_CHECK(&mut self) -> Step {
        if !self.object(1).is_none() {
            return self.away(|this| this.init_returned());
        }
        self.close_top();
        Ok(1)
    }

    #[cold]
    fn init_returned(&mut self) -> Step {
        self.save();
        let name = self.object(1).ty().name();
        Err(raise!(self.py(), TypeError, "__init__() should return None, not '{name:.200}'").into())
    }

    #[inline(always)]
    pub(super) fn UNPACK_SEQUENCE(&mut self) -> Step {
        self.save();
        let sequence = self.object(1);
        if self.unit().warm() {
            if let Some(tuple) = sequence.downcast_exact::<Tuple>() {
                let two = tuple.len() == 2 && self.arg() == 2;
                let form = if two { Opcode::UNPACK_SEQUENCE_TWO_TUPLE } else { Opcode::UNPACK_SEQUENCE_TUPLE };
                self.unit().specialize(form);
            } else if sequence.downcast_exact::<List>().is_some() {
                self.unit().specialize(Opcode::UNPACK_SEQUENCE_LIST);
            } else {
                self.unit().miss();
            }
        }
        self.away(|this| this.unpack_generic())
    }

    #[inline(never)]
    fn unpack_generic(&mut self) -> Step {
        let items = self.unpack_items(self.object(1), self.arg(), None)?;
        self.drop_top();
        for item in items.into_iter().rev() {
            self.push_ref(item);
        }
        Ok(UNPACK_SKIP)
    }

    #[inline(always)]
    pub(super) fn UNPACK_SEQUENCE_TWO_TUPLE(&mut self) -> Step {
        let tuple = match self.object(1).downcast_exact::<Tuple>() {
            Some(tuple) if tuple.len() == 2 => tuple,
            _ => return self.away(|this| this.unpack_deopt()),
        };
        let (first, second) = (tuple.as_slice()[0].to_ref(), tuple.as_slice()[1].to_ref());
        self.drop_top();
        self.push_ref(second);
        self.push_ref(first);
        Ok(UNPACK_SKIP)
    }

    #[inline(always)]
    pub(super) fn UNPACK_SEQUENCE_TUPLE(&mut self) -> Step {
        let word = self.peek(1);
        let tuple = match self.object(1).downcast_exact::<Tuple>() {
            Some(tuple) if tuple.len() == self.arg() => tuple,
            _ => return self.away(|this| this.unpack_deopt()),
        };
        self.pop();
        for item in tuple.as_slice().iter().rev() {
            self.push(StackRef::owned(item.to_ref()));
        }
        self.frame().set_sp(self.sp);
        self.close(word);
        Ok(UNPACK_SKIP)
    }

    pub(super) fn UNPACK_SEQUENCE_LIST(&mut self) -> Step {
        let Some(list) = self.object(1).downcast_exact::<List>() else { return self.unpack_deopt() };
        self.save();
        let word = self.pop();
        if !list.hand_out(self.py(), self.arg(), |item| self.push_ref(item)) {
            self.push(word);
            return self.unpack_generic();
        }
        self.frame().set_sp(self.sp);
        self.close(word);
        Ok(UNPACK_SKIP)
    }

    #[cold]
    fn unpack_deopt(&mut self) -> Step {
        self.unit().deoptimize(Opcode::UNPACK_SEQUENCE);
        self.save();
        self.unpack_generic()
    }

    pub(super) fn UNPACK_EX(&mut self) -> Step {
        self.save();
        let arg = self.arg();
        let items = self.unpack_items(self.object(1), arg & 0xff, Some(arg >> 8))?;
        self.drop_top();
        for item in items.into_iter().rev() {
            self.push_ref(item);
        }
        Ok(1)
    }

    /// The items of an iterable for `before` targets, or for `before`, a starred one and `after` ones.
    #[inline(never)]
    fn unpack_items(&self, iterable: &Object, before: usize, after: Option<usize>) -> PyResult<Vec<Ref<Object>>> {
        let py = self.py();
        let iterator = match iterable.iter(py) {
            Ok(iterator) => iterator,
            Err(raised) => {
                let ty = iterable.ty();
                let plain = raised.matches(py, krait_object::exc::TypeError())
                    && ty.as_type().tp_iter.get().is_none()
                    && !iterable.is_sequence();
                if !plain {
                    return Err(raised);
                }
                raised.clear(py);
                let name = ty.name();
                return Err(raise!(py, TypeError, "cannot unpack non-iterable {name} object"));
            }
        };
        let mut items = Vec::with_capacity(before);
        while items.len() < before {
            let Some(item) = iterator.iter_next(py)? else {
                let got = items.len();
                return Err(match after {
                    None => raise!(py, ValueError, "not enough values to unpack (expected {before}, got {got})"),
                    Some(after) => {
                        let least = before + after;
                        raise!(py, ValueError, "not enough values to unpack (expected at least {least}, got {got})")
                    }
                });
            };
            items.push(item);
        }
        let Some(after) = after else {
            if iterator.iter_next(py)?.is_none() {
                return Ok(items);
            }
            let sized = iterable.downcast_exact::<List>().map(List::len);
            let sized = sized.or(iterable.downcast_exact::<Tuple>().map(Tuple::len));
            let sized = sized.or(iterable.downcast_exact::<krait_object::Dict>().map(krait_object::Dict::len));
            return Err(match sized.filter(|len| *len > before) {
                Some(len) => raise!(py, ValueError, "too many values to unpack (expected {before}, got {len})"),
                None => raise!(py, ValueError, "too many values to unpack (expected {before})"),
            });
        };
        let mut rest = Vec::new();
        while let Some(item) = iterator.iter_next(py)? {
            rest.push(item);
        }
        if rest.len() < after {
            let (least, got) = (before + after, before + rest.len());
            return Err(raise!(py, ValueError, "not enough values to unpack (expected at least {least}, got {got})"));
        }
        let tail = rest.split_off(rest.len() - after);
        items.push(List::from_vec(py, rest)?.upcast());
        items.extend(tail);
        Ok(items)
    }
}

const UNPACK_SKIP: isize = 1 + Opcode::UNPACK_SEQUENCE.cache_entries() as isize;
