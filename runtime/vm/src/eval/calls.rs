//! Calls.
use super::{Eval, Step};
use crate::call;
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::args::Args;
use krait_object::layout::*;
use krait_object::protocols::call::surplus_error;
use krait_object::{Attached, Dict, Function, Layout, Method, Object, PyResult, Raised, Ref, Str, Tuple, raise};
use std::mem::MaybeUninit;

pub(super) const CALL_SKIP: isize = 1 + Opcode::CALL.cache_entries() as isize;
const EX_SKIP: isize = 1;

/// The argument words of a call as plain pointers, with one free word before them for the callee's use.
pub(super) struct Plain {
    small: [MaybeUninit<*mut PyObject>; 10],
    large: Vec<*mut PyObject>,
}

impl Plain {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Plain { small: [MaybeUninit::uninit(); 10], large: Vec::new() }
    }

    /// # Safety
    /// `words` points to `count` words, none of them null.
    #[inline(always)]
    pub(super) unsafe fn fill(&mut self, words: *const StackRef, count: usize) -> *const *mut PyObject {
        if count < self.small.len() {
            for at in 0..count {
                // SAFETY: by the contract.
                self.small[at + 1].write(unsafe { words.add(at).read() }.as_ptr());
            }
            return self.small[1..].as_ptr().cast();
        }
        self.large.push(std::ptr::null_mut());
        // SAFETY: by the contract.
        self.large.extend((0..count).map(|at| unsafe { words.add(at).read() }.as_ptr()));
        self.large[1..].as_ptr()
    }
}

const OFFSET: usize = 1 << (usize::BITS - 1);

/// Calls anything through its vectorcall function, or `tp_call`.
///
/// # Safety
/// The vectorcall convention for `args`.
#[inline(always)]
pub(crate) unsafe fn vectorcall(
    py: Attached<'_>,
    callable: &Object,
    args: *const *mut PyObject,
    nargs: usize,
    names: Option<&Tuple>,
) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe { vectorcall_with(py, callable, args, nargs | OFFSET, names) }
}

/// As [`vectorcall`] with flags in `nargsf`: without any, the word before the arguments is not the callee's.
///
/// # Safety
/// The vectorcall convention for `args`.
#[inline(always)]
unsafe fn vectorcall_with(
    py: Attached<'_>,
    callable: &Object,
    args: *const *mut PyObject,
    nargsf: usize,
    names: Option<&Tuple>,
) -> PyResult<Ref<Object>> {
    let raw_names = names.map_or(std::ptr::null_mut(), Layout::as_ptr);
    if let Some(function) = vectorcall_function(callable) {
        // SAFETY: by the contract.
        let raw = unsafe { function(callable.as_ptr(), args, nargsf, raw_names) };
        // SAFETY: a new reference or null.
        return match unsafe { Ref::from_raw_opt(raw) } {
            Some(result) if py.tstate().current_exception.get().is_null() => Ok(result),
            Some(result) => Err(surplus_error(py, callable, result)),
            None => Err(check_raised(py, callable)),
        };
    }
    // SAFETY: by the contract.
    callable.call(py, unsafe { Args::from_vectorcall(args, nargsf & !OFFSET, raw_names) })
}

/// The vectorcall function of an object.
#[inline(always)]
pub(crate) fn vectorcall_function(callable: &Object) -> Option<vectorcallfunc> {
    let ty = callable.ty();
    if !ty.has_feature(Py_TPFLAGS_HAVE_VECTORCALL) {
        return None;
    }
    let offset = ty.as_type().tp_vectorcall_offset.get();
    // SAFETY: [layout]: a type with the flag keeps its function at that offset.
    unsafe { callable.as_ptr().byte_offset(offset).cast::<Field<Option<vectorcallfunc>>>().as_ref()?.get() }
}

/// A call returned null: the exception must be set.
#[cold]
pub(super) fn check_raised(py: Attached<'_>, callable: &Object) -> Raised {
    if py.pending().is_some() {
        return Raised::assume();
    }
    let text = callable.repr(py).map(|text| text.to_string_lossy().into_owned());
    match text {
        Ok(text) => raise!(py, SystemError, "{text} returned NULL without setting an exception"),
        Err(raised) => raised,
    }
}

/// Whether calls of the function may push a frame instead of calling its vectorcall function.
#[inline(always)]
pub(crate) fn as_python_function(callable: &Object) -> Option<&Function> {
    callable.downcast_exact::<Function>().filter(|function| function.runs_code())
}

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn CALL(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_call();
                this.call_generic(None, CALL_SKIP)
            });
        }
        self.away(|this| this.call_generic(None, CALL_SKIP))
    }

    /// Callable, receiver or null, arguments (and a tuple of keyword names on top).
    #[inline(never)]
    pub(super) fn call_generic(&mut self, names: Option<&Tuple>, skip: isize) -> Step {
        let extra = usize::from(names.is_some());
        let mut count = self.arg();
        let depth = count + 2 + extra;
        self.unpack_method(depth);
        let mut first = self.sp.wrapping_sub(depth - 2);
        // SAFETY: the receiver's word is below the arguments.
        if !unsafe { first.sub(1).read() }.is_null() {
            first = first.wrapping_sub(1);
            count += 1;
        }
        let callable = self.object(depth);
        if as_python_function(callable).is_some() {
            // SAFETY: `count` words stand at `first`.
            return unsafe { self.enter_function(depth, first, count, names, skip) };
        }
        let mut plain = Plain::new();
        let nargs = count - names.map_or(0, Tuple::len);
        // SAFETY: the words stay on the stack during the call.
        let result = unsafe {
            let args = plain.fill(first, count);
            vectorcall(self.py(), callable, args, nargs, names)?
        };
        self.replace(depth, result);
        self.check_breaker()?;
        Ok(skip)
    }

    /// Replaces a bound method and the null behind it by function and receiver.
    #[inline(always)]
    pub(super) fn unpack_method(&mut self, depth: usize) {
        if !self.peek(depth - 1).is_null() {
            return;
        }
        let Some(method) = self.object(depth).downcast_exact::<Method>() else { return };
        // SAFETY: a method's function and receiver are set and never change.
        let (function, receiver) = unsafe {
            (
                Object::from_ptr(method.raw().im_func.get()).to_ref(),
                Object::from_ptr(method.raw().im_self.get()).to_ref(),
            )
        };
        let old = self.peek(depth);
        self.poke(depth, StackRef::owned(function));
        self.poke(depth - 1, StackRef::owned(receiver));
        self.close(old);
    }

    /// Enters a Python function: its frame takes the words over.
    ///
    /// # Safety
    /// The callable is a Python function `depth` from the top; `count` argument words stand at `first`.
    #[inline(never)]
    unsafe fn enter_function(
        &mut self,
        depth: usize,
        first: *const StackRef,
        count: usize,
        names: Option<&Tuple>,
        skip: isize,
    ) -> Step {
        let function = self.peek(depth);
        let nargs = count - names.map_or(0, Tuple::len);
        let names_word = names.map(|_| self.peek(1));
        self.sp = self.sp.wrapping_sub(depth);
        self.frame().set_sp(self.sp);
        // SAFETY: by the contract; the words above the stack pointer are the frame's now.
        let pushed = unsafe { call::push_frame(self.py(), function, None, first, nargs, names, self.frame) };
        if let Some(word) = names_word {
            word.close();
        }
        let frame = pushed?;
        self.frame().0.return_offset.set(skip as u16);
        self.start_frame(frame)
    }

    /// Enters a method in Python with the `count` words on top as its arguments, and goes on `skip` units ahead with what
    /// it returns.
    ///
    /// # Safety
    /// `method` is a Python function.
    #[inline(always)]
    pub(super) unsafe fn enter_method(&mut self, method: StackRef, count: usize, skip: isize) -> Step {
        self.save();
        self.sp = self.sp.wrapping_sub(count);
        self.frame().set_sp(self.sp);
        // SAFETY: by the contract; it takes over all words, of which the arguments are above the stack now.
        let frame = unsafe { crate::call::push_frame(self.py(), method, None, self.sp, count, None, self.frame)? };
        self.frame().0.return_offset.set(skip as u16);
        self.start_frame(frame)
    }

    /// Goes on with a frame that was pushed.
    #[inline(always)]
    pub(super) fn start_frame(&mut self, frame: *mut crate::frame::Frame) -> Step {
        if let Err(raised) = super::entry::enter_recursive(self.py()) {
            // SAFETY: the frame was just pushed.
            unsafe { crate::frameobject::discard_frame(self.py(), frame) };
            return Err(raised.into());
        }
        if super::foreign::is_on() {
            return self.out(move |this| this.start_foreign(frame));
        }
        self.py().tstate().current_frame.set(frame.cast());
        self.load_frame(frame, 0);
        Ok(0)
    }

    pub(super) fn CALL_KW(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler puts a tuple there; it stays on the stack, or its word is kept, during the call.
        let names = unsafe { &*self.peek(1).as_ptr().cast::<Tuple>() };
        self.call_generic(Some(names), CALL_SKIP)
    }

    /// `f(*args, **kwargs)`.
    pub(super) fn CALL_FUNCTION_EX(&mut self) -> Step {
        self.save();
        self.unpack_positional()?;
        let py = self.py();
        let callable = self.object(4);
        let mut kwargs = None;
        if !self.peek(1).is_null() {
            let mapping = self.object(1);
            if mapping.downcast_exact::<Dict>().is_none() {
                let dict = Dict::new(py)?;
                if let Err(raised) = super::build::merge_keywords(py, &dict, mapping) {
                    return Err(super::build::explain_keywords(py, raised, callable, mapping).into());
                }
                let old = self.peek(1);
                self.poke(1, StackRef::owned(dict));
                old.close();
            }
            // SAFETY: a dict, just checked; it stays on the stack.
            let dict: &Dict = unsafe { self.object(1).cast_unchecked() };
            kwargs = (!dict.is_empty()).then_some(dict);
        }
        // SAFETY: a tuple, see above; it stays on the stack.
        let args: &Tuple = unsafe { self.object(2).cast_unchecked() };
        if vectorcall_function(callable).is_none() && callable.downcast::<krait_object::Type>().is_none() {
            let result = callable.call_with(py, args, kwargs)?;
            self.replace(4, result);
            self.check_breaker()?;
            return Ok(EX_SKIP);
        }
        if kwargs.is_none() {
            return self.call_with_tuple(args);
        }
        let (mut names, mut words) = (Vec::new(), Vec::with_capacity(args.len()));
        words.extend(args.as_slice().iter().map(|arg| arg.to_ref()));
        if let Some(kwargs) = kwargs {
            // A callable that takes a dict sees the keys as they are.
            let checked = vectorcall_function(callable).is_some();
            for (key, value) in kwargs.items_snapshot(py)? {
                if checked && key.as_object().downcast::<krait_object::Str>().is_none() {
                    return Err(raise!(py, TypeError, "keywords must be strings").into());
                }
                names.push(key);
                words.push(value);
            }
        }
        let nargs = args.len();
        let names = if names.is_empty() { None } else { Some(Tuple::from_vec(py, names)?) };
        if as_python_function(callable).is_some() {
            let function = self.peek(4).into_owned();
            self.poke(4, StackRef::NULL);
            self.drop_many(4);
            let words: Vec<StackRef> = words.into_iter().map(StackRef::owned).collect();
            // SAFETY: a Python function and its argument words.
            let frame =
                unsafe { call::push_frame(py, function, None, words.as_ptr(), nargs, names.as_deref(), self.frame)? };
            self.frame().0.return_offset.set(EX_SKIP as u16);
            return self.start_frame(frame);
        }
        let mut raw: Vec<*mut PyObject> = Vec::with_capacity(words.len() + 1);
        raw.push(std::ptr::null_mut());
        raw.extend(words.iter().map(|word| word.as_ptr()));
        // SAFETY: `words` keeps the arguments alive.
        let result = unsafe { vectorcall(py, callable, raw[1..].as_ptr(), nargs, names.as_deref())? };
        drop(words);
        self.replace(4, result);
        self.check_breaker()?;
        Ok(EX_SKIP)
    }

    /// The part of `f(*args)` without keywords.
    fn call_with_tuple(&mut self, args: &Tuple) -> Step {
        let (py, callable, nargs) = (self.py(), self.object(4), args.len());
        if as_python_function(callable).is_none() {
            // SAFETY: the tuple stays on the stack, and keeps the arguments alive.
            let result = unsafe { vectorcall_with(py, callable, args.as_slice().as_ptr().cast(), nargs, None)? };
            self.replace(4, result);
            self.check_breaker()?;
            return Ok(EX_SKIP);
        }
        let (mut small, mut large) = ([StackRef::NULL; 12], Vec::new());
        let words: &[StackRef] = if nargs <= small.len() {
            small.iter_mut().zip(args.as_slice()).for_each(|(word, arg)| *word = StackRef::owned(arg.to_ref()));
            &small
        } else {
            large.extend(args.as_slice().iter().map(|arg| StackRef::owned(arg.to_ref())));
            &large
        };
        let function = self.peek(4).into_owned();
        self.poke(4, StackRef::NULL);
        self.drop_many(4);
        // SAFETY: a Python function and its argument words.
        let frame = unsafe { call::push_frame(py, function, None, words.as_ptr(), nargs, None, self.frame)? };
        self.frame().0.return_offset.set(EX_SKIP as u16);
        self.start_frame(frame)
    }

    /// Makes the positional arguments of `f(*args)` a tuple.
    pub(super) fn unpack_positional(&mut self) -> PyResult<()> {
        let py = self.py();
        let callable = self.object(4);
        let iterable = self.object(2);
        if iterable.downcast_exact::<Tuple>().is_none() {
            if iterable.ty().as_type().tp_iter.get().is_none() && !iterable.is_sequence() {
                let (function, name) = (call::function_text(py, callable), iterable.ty().name());
                return Err(raise!(py, TypeError, "{function} argument after * must be an iterable, not {name}"));
            }
            let tuple = iterable.sequence_tuple(py)?;
            let old = self.peek(2);
            self.poke(2, StackRef::owned(tuple));
            old.close();
        }
        Ok(())
    }

    pub(super) fn MAKE_FUNCTION(&mut self) -> Step {
        self.save();
        let frame = self.frame();
        // SAFETY: the compiler puts a code object there.
        let code = unsafe { self.object(1).cast_unchecked() };
        let function = Function::new(self.py(), code, frame.globals(), None)?;
        self.replace(1, function.upcast());
        Ok(1)
    }

    pub(super) fn SET_FUNCTION_ATTRIBUTE(&mut self) -> Step {
        self.save();
        let function = self.pop();
        // SAFETY: the compiler puts a function on top and the attribute below.
        let (func, value) = unsafe {
            let func: &Function = function.object().cast_unchecked();
            (func, self.pop().into_ref())
        };
        // SAFETY: the compiler makes values of the right type.
        unsafe {
            match self.arg() {
                1 => drop(func.defaults_slot().replace(Some(value.cast_unchecked()))),
                2 => drop(func.kwdefaults_slot().replace(Some(value.cast_unchecked()))),
                4 => drop(func.annotations_slot().replace(Some(value))),
                8 => drop(func.closure_slot().replace(Some(value.cast_unchecked()))),
                _ => {
                    if let Some(annotate) = value.as_object().downcast_exact::<Function>() {
                        name_annotate(self.py(), func, annotate)?;
                    }
                    drop(func.annotate_slot().replace(Some(value)));
                }
            }
        }
        self.push(function);
        Ok(1)
    }
}

/// An annotations function is compiled before the function that it belongs to has a name to lend.
fn name_annotate(py: Attached<'_>, func: &Function, annotate: &Function) -> PyResult<()> {
    if let Some(owner) = func.qualname_slot().get() {
        let qualname = Str::new(py, &format!("{owner}.__annotate__"))?;
        drop(annotate.qualname_slot().replace(Some(qualname)));
    }
    Ok(())
}
