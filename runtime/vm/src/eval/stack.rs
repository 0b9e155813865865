//! Loads, stores and shuffles.
use super::{Eval, Step};
use crate::exec::LOAD_BORROWS;
use crate::stackref::StackRef;
use krait_bytecode::oparg::CommonConstant;
use krait_object::{Cell, Int, Layout, Object, Raised, Str, exc, raise};

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn NOP(&mut self) -> Step {
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn NOT_TAKEN(&mut self) -> Step {
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn EXTENDED_ARG(&mut self) -> Step {
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn RESUME(&mut self) -> Step {
        if self.py().tstate().eval_breaker.get() != 0 {
            return self.away(|this| this.resume_events());
        }
        Ok(1)
    }

    #[cold]
    fn resume_events(&mut self) -> Step {
        if self.py().tstate().eval_breaker.get() & !krait_sync::breaker::EVENTS != 0 {
            self.save();
            if self.update_code() {
                return self.INSTRUMENTED_RESUME();
            }
        }
        // A frame that resumes inside `yield from` hands control on at once.
        if self.arg() & 3 < 2 {
            self.check_breaker()?;
        }
        Ok(1)
    }

    /// A word of a local for the stack.
    #[inline(always)]
    fn load(&self, index: usize) -> StackRef {
        // SAFETY: the compiler made the index.
        unsafe { self.local(index).read() }.duplicate()
    }

    #[inline(always)]
    fn load_borrow(&self, index: usize) -> StackRef {
        // SAFETY: as in `load`.
        unsafe { self.local(index).read() }.borrow()
    }

    #[inline(always)]
    fn store(&mut self, index: usize, word: StackRef) {
        // SAFETY: as in `load`.
        let old = unsafe { self.local(index).replace(word.into_owned()) };
        self.close_saving(old);
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST(&mut self) -> Step {
        let word = self.load(self.arg());
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST_BORROW(&mut self) -> Step {
        let word = self.load_borrow(self.arg());
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST_LOAD_FAST(&mut self) -> Step {
        let arg = self.arg();
        let (first, second) = (self.load(arg >> 4), self.load(arg & 15));
        self.push(first);
        self.push(second);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST_BORROW_LOAD_FAST_BORROW(&mut self) -> Step {
        let arg = self.arg();
        let (first, second) = (self.load_borrow(arg >> 4), self.load_borrow(arg & 15));
        self.push(first);
        self.push(second);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST_CHECK(&mut self) -> Step {
        let word = self.load(self.arg());
        if word.is_null() {
            return self.away(|this| Err(this.unbound_local(this.arg()).into()));
        }
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_FAST_AND_CLEAR(&mut self) -> Step {
        // SAFETY: the compiler made the index.
        let word = unsafe { self.local(self.arg()).replace(StackRef::NULL) };
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn STORE_FAST(&mut self) -> Step {
        let word = self.pop();
        self.store(self.arg(), word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn STORE_FAST_LOAD_FAST(&mut self) -> Step {
        let arg = self.arg();
        let word = self.pop();
        self.store(arg >> 4 & 15, word);
        let borrows = arg & LOAD_BORROWS as usize != 0;
        let word = if borrows { self.load_borrow(arg & 15) } else { self.load(arg & 15) };
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn STORE_FAST_STORE_FAST(&mut self) -> Step {
        let arg = self.arg();
        let word = self.pop();
        self.store(arg >> 4, word);
        let word = self.pop();
        self.store(arg & 15, word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn DELETE_FAST(&mut self) -> Step {
        // SAFETY: the compiler made the index.
        let old = unsafe { self.local(self.arg()).replace(StackRef::NULL) };
        if old.is_null() {
            return self.away(|this| Err(this.unbound_local(this.arg()).into()));
        }
        self.save();
        self.close(old);
        Ok(1)
    }

    #[cold]
    pub(super) fn unbound_local(&mut self, index: usize) -> Raised {
        self.save();
        let name = self.code().localsplusnames().as_slice()[index];
        let name = name.downcast::<Str>().map(|name| name.to_string_lossy()).unwrap_or_default();
        let text = format!("cannot access local variable '{name}' where it is not associated with a value");
        raise_name(self, exc::UnboundLocalError(), &text, index)
    }

    #[inline(always)]
    pub(super) fn LOAD_CONST(&mut self) -> Step {
        // SAFETY: the compiler made the index; constants live as long as the code.
        let word = StackRef::borrowed(unsafe { self.home().consts.get().add(self.arg()).read() });
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn LOAD_SMALL_INT(&mut self) -> Step {
        if let Some(int) = Int::small(self.arg() as i64) {
            self.push(StackRef::borrowed(int.as_ptr()));
        }
        Ok(1)
    }

    pub(super) fn LOAD_COMMON_CONSTANT(&mut self) -> Step {
        self.save();
        let py = self.py();
        let object: &Object = match CommonConstant::from_u32(self.arg() as u32) {
            Some(CommonConstant::AssertionError) => exc::AssertionError().as_object(),
            Some(CommonConstant::NotImplementedError) => exc::NotImplementedError().as_object(),
            Some(CommonConstant::Tuple) => krait_object::Tuple::type_object().as_object(),
            Some(CommonConstant::All) => return self.push_builtin(0),
            Some(CommonConstant::Any) => return self.push_builtin(1),
            None => return Err(raise!(py, SystemError, "bad argument of LOAD_COMMON_CONSTANT").into()),
        };
        self.push(StackRef::borrowed(object.as_ptr()));
        Ok(1)
    }

    /// Pushes a function of the `builtins` module as it was at the start.
    fn push_builtin(&mut self, which: usize) -> Step {
        match crate::interp::current(self.py()).common[which].get() {
            Some(found) => self.push_ref(found),
            None => return Err(raise!(self.py(), SystemError, "a builtin function is missing").into()),
        }
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn PUSH_NULL(&mut self) -> Step {
        self.push(StackRef::NULL);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn POP_TOP(&mut self) -> Step {
        self.save();
        self.drop_top();
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn COPY(&mut self) -> Step {
        let word = self.peek(self.arg()).duplicate();
        self.push(word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn SWAP(&mut self) -> Step {
        let depth = self.arg();
        let (top, other) = (self.peek(1), self.peek(depth));
        self.poke(1, other);
        self.poke(depth, top);
        Ok(1)
    }

    pub(super) fn MAKE_CELL(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler made the index.
        let initial = unsafe { self.local(self.arg()).replace(StackRef::NULL) };
        // SAFETY: not null.
        let initial = (!initial.is_null()).then(|| unsafe { initial.into_ref() });
        let cell = Cell::new(self.py(), initial)?;
        // SAFETY: as above.
        unsafe { self.local(self.arg()).write(StackRef::owned(cell)) };
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn COPY_FREE_VARS(&mut self) -> Step {
        // SAFETY: a function whose code has free variables has a closure of that many cells, which it keeps; the frame
        // keeps the function.
        unsafe {
            let function = self.frame().function().object::<'_>().cast_unchecked::<krait_object::Function>();
            let closure = &*function.raw().func_closure.get().cast::<krait_object::Tuple>();
            let offset = self.code().raw().co_nlocalsplus.get() as usize - self.arg();
            for (at, cell) in closure.as_slice().iter().enumerate() {
                self.local(offset + at).write(StackRef::borrowed(cell.as_ptr()));
            }
        }
        Ok(1)
    }

    /// The cell in a fast local.
    #[inline(always)]
    pub(super) fn cell<'a>(&self, index: usize) -> &'a Cell {
        // SAFETY: MAKE_CELL or COPY_FREE_VARS put a cell there.
        unsafe { self.local(index).read().object().cast_unchecked() }
    }

    #[inline(always)]
    pub(super) fn LOAD_DEREF(&mut self) -> Step {
        let read = self.cell(self.arg()).slot().read();
        match self.settle(read) {
            Some(value) => self.push(value),
            None => return self.away(|this| this.load_deref_slow()),
        }
        Ok(1)
    }

    #[inline(never)]
    fn load_deref_slow(&mut self) -> Step {
        match self.cell(self.arg()).slot().get() {
            Some(value) => self.push_ref(value),
            None => return Err(self.unbound_deref(self.arg()).into()),
        }
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn STORE_DEREF(&mut self) -> Step {
        // SAFETY: the word is a value.
        let value = unsafe { self.pop().into_ref() };
        self.save();
        if let Some(old) = self.cell(self.arg()).replace(Some(value)) {
            self.close(StackRef::owned(old));
        }
        Ok(1)
    }

    pub(super) fn DELETE_DEREF(&mut self) -> Step {
        self.save();
        match self.cell(self.arg()).replace(None) {
            Some(old) => drop(old),
            None => return Err(self.unbound_deref(self.arg()).into()),
        }
        Ok(1)
    }

    #[cold]
    pub(super) fn unbound_deref(&mut self, index: usize) -> Raised {
        self.save();
        let code = self.code();
        if index < (code.raw().co_nlocalsplus.get() - code.raw().co_nfreevars.get()) as usize {
            return self.unbound_local(index);
        }
        let name = code.localsplusnames().as_slice()[index];
        let name = name.downcast::<Str>().map(|name| name.to_string_lossy()).unwrap_or_default();
        let text =
            format!("cannot access free variable '{name}' where it is not associated with a value in enclosing scope");
        raise_name(self, exc::NameError(), &text, index)
    }
}

/// Raises a `NameError` with its `name` attribute set to a local's name.
fn raise_name(eval: &Eval<'_>, ty: &krait_object::Type, text: &str, index: usize) -> Raised {
    // Only a plain `NameError` carries its name, from which similar names are suggested.
    if !std::ptr::eq(ty, exc::NameError()) {
        return eval.py().raise(ty, text);
    }
    let name = eval.code().localsplusnames().as_slice()[index];
    super::names::raise_name_error(eval.py(), ty, text, name)
}
