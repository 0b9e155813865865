//! Specialised calls.
//!
//! Callable, receiver or null, arguments. Most forms look at the callable itself; that of `__init__` keeps
//! `version << 32 | form << 24 | argument count` in the first cache word.
use super::attr_cache::{INIT, index_for, read_cached, word};
use super::calls::CALL_SKIP;
use super::{Eval, Step};
use crate::exec::Exec;
use crate::frame::{Frame, push_words, push_words_at_hand};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_bytecode::flags::{CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS};
use krait_object::descrobject::MethodDescr;
use krait_object::layout::*;
use krait_object::methodobject::CFunction;
use krait_object::{Attached, Bytes, Code, CodeParts, Function, Layout, Method, Object, PyResult};
use krait_object::{Raised, Ref, Str, Tuple, Type, mode};
use std::ffi::{c_int, c_ulong};
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

const KINDS: c_int = METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD;
const FAST_KEYWORDS: c_int = METH_FASTCALL | METH_KEYWORDS;

/// Whether the code takes exactly its positional arguments.
#[inline(always)]
pub(super) fn takes_exact(code: &Code) -> bool {
    let raw = code.raw();
    let flags = raw.co_flags.get() as u32 & (CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS);
    raw.co_kwonlyargcount.get() == 0 && flags == CO_OPTIMIZED
}

fn kind_of(definition: &PyMethodDef) -> c_int {
    definition.ml_flags.get() & KINDS
}

/// The code of the frame below an inlined `__init__`: checks its result and returns the instance.
fn init_shim(py: Attached<'_>) -> PyResult<&'static Code> {
    static SHIM: AtomicPtr<Code> = AtomicPtr::new(null_mut());
    // SAFETY: [immortal]: never freed once made.
    if let Some(code) = unsafe { SHIM.load(Acquire).as_ref() } {
        return Ok(code);
    }
    let ops = [Opcode::EXIT_INIT_CHECK, Opcode::RETURN_VALUE, Opcode::RESUME];
    let bytes: Vec<u8> = ops.iter().flat_map(|op| [*op as u8, 0]).collect();
    let (empty, none) = (Bytes::new(py, b"")?, Tuple::empty(py));
    let name = Str::new(py, "<init>")?;
    let parts = CodeParts {
        argcount: 0,
        posonlyargcount: 0,
        kwonlyargcount: 0,
        stacksize: 2,
        flags: 0,
        code: Bytes::new(py, &bytes)?,
        consts: none.clone(),
        names: none.clone(),
        localsplusnames: none,
        localspluskinds: empty.clone(),
        filename: name.clone(),
        name: name.clone(),
        qualname: name,
        firstlineno: 0,
        linetable: empty.clone(),
        exceptiontable: empty,
    };
    let code = Code::from_parts(py, parts)?;
    mode::make_immortal(code.as_object());
    let raw = code.into_raw().cast::<Code>();
    let raw = match SHIM.compare_exchange(null_mut(), raw, Release, Acquire) {
        Ok(_) => raw,
        Err(other) => other,
    };
    // SAFETY: as above.
    Ok(unsafe { &*raw })
}

impl Eval<'_> {
    #[cold]
    pub(super) fn specialize_call(&mut self) {
        let unit = self.unit();
        match self.plan_call() {
            Some(op) => unit.specialize(op),
            None => unit.miss(),
        }
    }

    fn plan_call(&self) -> Option<Opcode> {
        let count = self.arg();
        let callable = self.object(count + 2);
        let bound = !self.peek(count + 1).is_null();
        let total = count + usize::from(bound);
        let function = match callable.downcast_exact::<Method>().filter(|_| !bound) {
            // SAFETY: a method owns its function.
            Some(method) => unsafe { Object::from_ptr(method.raw().im_func.get()) },
            None => callable,
        };
        if let Some(function) = function.downcast_exact::<Function>() {
            let code = function.code();
            let total = total + usize::from(callable.downcast_exact::<Method>().is_some());
            if !function.runs_code() || !takes_exact(code) {
                return None;
            }
            return match (code.raw().co_argcount.get() as usize).checked_sub(total)? {
                0 => Some(Opcode::CALL_PY_EXACT_ARGS),
                // SAFETY: [attached]; nothing here stops the thread.
                more => (more <= unsafe { function.defaults() }.len()).then_some(Opcode::CALL_PY_GENERAL),
            };
        }
        if let Some(function) = callable.downcast_exact::<CFunction>().filter(|_| !bound) {
            return match kind_of(function.definition()) {
                METH_O if count == 1 => Some(Opcode::CALL_BUILTIN_O),
                METH_FASTCALL | FAST_KEYWORDS => Some(Opcode::CALL_BUILTIN_FAST),
                _ => None,
            };
        }
        if let Some(method) = callable.downcast_exact::<MethodDescr>().filter(|_| bound) {
            return match kind_of(method.definition()) {
                METH_O if total == 2 => Some(Opcode::CALL_METHOD_DESCRIPTOR_O),
                METH_NOARGS if total == 1 => Some(Opcode::CALL_METHOD_DESCRIPTOR_NOARGS),
                METH_FASTCALL | FAST_KEYWORDS => Some(Opcode::CALL_METHOD_DESCRIPTOR_FAST),
                _ => None,
            };
        }
        if let Some(class) = callable.downcast::<Type>().filter(|_| !bound) {
            if count == 1 && class.as_object().is(Type::type_object()) {
                return Some(Opcode::CALL_TYPE_1);
            }
            return self.plan_init(class, count);
        }
        None
    }

    /// A plain class with a Python `__init__`.
    fn plan_init(&self, class: &Type, count: usize) -> Option<Opcode> {
        let plain = class.is_heap()
            && class.as_object().ty().as_object().is(Type::type_object())
            && class.has_object_new()
            && !class.has_feature(Py_TPFLAGS_IS_ABSTRACT as c_ulong);
        if !plain {
            return None;
        }
        let version = class.version(self.py());
        let init = class.lookup(self.py(), krait_object::id!(self.py(), __init__))?;
        let function = init.as_object().downcast_exact::<Function>()?;
        if version == 0 || !takes_exact(function.code()) {
            return None;
        }
        if function.code().raw().co_argcount.get() as usize != count + 1 {
            return None;
        }
        // SAFETY: CALL has three cache units, and the class's dict keeps its `__init__`.
        let filled = unsafe { self.unit().fill_entry(0, word(version, INIT, count), 0, init.as_ptr()) };
        filled.then_some(Opcode::CALL_ALLOC_AND_ENTER_INIT)
    }

    #[cold]
    fn call_deopt(&mut self) -> Step {
        self.save();
        self.unit().deoptimize(Opcode::CALL);
        self.call_generic(None, CALL_SKIP)
    }

    /// Pushes a frame for a function that takes exactly the `total` words at `first`, which it takes over.
    ///
    /// # Safety
    /// As described; the words are above the stack pointer already.
    #[inline(always)]
    unsafe fn push_exact(&mut self, function: StackRef, first: *const StackRef, total: usize) -> PyResult<*mut Frame> {
        // SAFETY: a Python function.
        let code = unsafe { function.object().cast_unchecked::<Function>() }.code();
        let frame = push_words(self.py(), code.raw().co_framesize.get() as usize);
        if frame.is_null() {
            return Err(self.out(|this| this.no_frame(function, first, total)));
        }
        // SAFETY: fresh memory for a frame of this code.
        unsafe { fill_frame(frame, function, code, self.frame, first, total, &[]) };
        Ok(frame)
    }

    #[cold]
    fn no_frame(&mut self, function: StackRef, first: *const StackRef, total: usize) -> Raised {
        // SAFETY: the words are ours.
        (0..total).for_each(|at| unsafe { first.add(at).read() }.close());
        function.close();
        self.py().no_memory()
    }

    /// The Python function `depth` from the top, after taking a bound method apart, and how many words it gets.
    #[inline(always)]
    fn callee<'a>(&mut self, depth: usize) -> Option<(&'a Function, usize)> {
        if self.object(depth).downcast_exact::<Function>().is_none() {
            self.object(depth).downcast_exact::<Method>()?;
            self.unpack_method(depth);
        }
        let function = self.object(depth).downcast_exact::<Function>()?;
        let total = depth - 2 + usize::from(!self.peek(depth - 1).is_null());
        // Any function that takes so many arguments will do.
        (takes_exact(function.code()) && function.runs_code()).then_some((function, total))
    }

    /// Enters a function with the `total` words below the stack pointer and `defaults` as its arguments. The callable is
    /// `depth` from the top. What is not at hand is the generic call's to make.
    #[inline(always)]
    fn enter_at_hand(&mut self, depth: usize, code: &Code, total: usize, defaults: &[&Object]) -> Step {
        let (tstate, size) = (self.py().tstate(), code.raw().co_framesize.get() as usize);
        let ready = tstate.py_recursion_remaining.get() > 1 && Exec::is_built(code) && !super::foreign::is_on();
        let frame = if ready { push_words_at_hand(self.py(), size) } else { null_mut() };
        if frame.is_null() {
            return self.away(|this| this.call_any());
        }
        self.save();
        let word = self.peek(depth);
        let first = self.sp.wrapping_sub(total);
        self.frame().set_sp(self.sp.wrapping_sub(depth));
        self.frame().0.return_offset.set(CALL_SKIP as u16);
        // SAFETY: the function takes exactly that many arguments; the memory is fresh.
        unsafe { fill_frame(frame, word, code, self.frame, first, total, defaults) };
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() - 1);
        tstate.current_frame.set(frame.cast());
        self.load_frame(frame, 0);
        Ok(0)
    }

    #[inline(always)]
    pub(super) fn CALL_PY_EXACT_ARGS(&mut self) -> Step {
        let depth = self.arg() + 2;
        let Some((function, total)) = self.callee(depth) else { return self.away(|this| this.call_deopt()) };
        let code = function.code();
        if code.raw().co_argcount.get() as usize != total {
            return self.away(|this| this.call_deopt());
        }
        self.enter_at_hand(depth, code, total, &[])
    }

    /// Positional arguments; defaults stand in for the last ones.
    #[inline(always)]
    pub(super) fn CALL_PY_GENERAL(&mut self) -> Step {
        let depth = self.arg() + 2;
        let Some((function, total)) = self.callee(depth) else { return self.away(|this| this.call_deopt()) };
        let code = function.code();
        // SAFETY: [attached]; nothing here stops the thread before the last use.
        let defaults = unsafe { function.defaults() };
        let missing = (code.raw().co_argcount.get() as usize).wrapping_sub(total);
        let Some(defaults) = defaults.len().checked_sub(missing).and_then(|from| defaults.get(from..)) else {
            return self.away(|this| this.call_deopt());
        };
        self.enter_at_hand(depth, code, total, defaults)
    }

    #[cold]
    fn call_any(&mut self) -> Step {
        self.save();
        self.call_generic(None, CALL_SKIP)
    }

    pub(super) fn CALL_ALLOC_AND_ENTER_INIT(&mut self) -> Step {
        let count = self.arg();
        let depth = count + 2;
        let Some(class) = self.object(depth).downcast::<Type>() else { return self.call_deopt() };
        let first_word = self.first_word();
        if !self.peek(depth - 1).is_null() || index_for(first_word, class.version_now(), INIT) != Some(count) {
            return self.call_deopt();
        }
        // SAFETY: CALL has three cache units; the word holds a pointer with this form.
        let raw = unsafe { self.unit().cache_ptr(2) }.load(Acquire);
        let unchanged = || self.first_word() == first_word && class.version_now() == (first_word >> 32) as u32;
        let read = read_cached(raw, unchanged);
        let Some(init) = self.settle(read) else { return self.call_deopt() };
        self.save();
        let py = self.py();
        let (shim, object) = match init_shim(py).and_then(|shim| Ok((shim, class.alloc(py, 0)?))) {
            Ok(made) => made,
            Err(raised) => {
                init.close();
                return Err(raised.into());
            }
        };
        let below = push_words(py, shim.raw().co_framesize.get() as usize);
        if below.is_null() {
            init.close();
            return Err(py.no_memory().into());
        }
        // The null behind the class becomes the receiver; the class goes.
        let class_word = self.peek(depth);
        self.poke(depth - 1, StackRef::owned(object.clone()));
        let first = self.sp.wrapping_sub(count + 1);
        self.sp = self.sp.wrapping_sub(depth);
        let frame = self.frame();
        frame.set_sp(self.sp);
        frame.0.return_offset.set(CALL_SKIP as u16);
        class_word.close();
        // SAFETY: fresh memory for a frame of the shim; its stack holds the instance.
        unsafe {
            init_shim_frame(below, shim, self.frame);
            Frame::locals(below).write(StackRef::owned(object));
            (*below).set_sp(Frame::locals(below).add(1));
        }
        let tstate = py.tstate();
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() - 1);
        tstate.current_frame.set(below.cast());
        self.frame = below;
        self.load_frame(below, 0);
        // SAFETY: the version says that `__init__` takes exactly that many arguments.
        let frame = unsafe { self.push_exact(init, first, count + 1)? };
        self.start_frame(frame)
    }

    /// `type(x)`.
    #[inline(always)]
    pub(super) fn CALL_TYPE_1(&mut self) -> Step {
        if self.arg() != 1 || !self.peek(2).is_null() || !self.object(3).is(Type::type_object()) {
            return self.away(|this| this.call_deopt());
        }
        self.save();
        let ty = self.object(1).ty().as_object();
        // SAFETY: [quiescent]: the object keeps its type alive.
        let word = if unsafe { mode::needs_no_count(ty.as_ptr()) } {
            StackRef::borrowed(ty.as_ptr())
        } else {
            StackRef::owned(ty.to_ref())
        };
        self.replace_word(3, word);
        Ok(CALL_SKIP)
    }

    /// The result of a native call: pops the operands.
    #[inline(always)]
    fn finish_native(&mut self, depth: usize, raw: *mut PyObject) -> Step {
        // SAFETY: a new reference, or null.
        let Some(result) = (unsafe { Ref::<Object>::from_raw_opt(raw) }) else {
            return Err(super::calls::check_raised(self.py(), self.object(depth)).into());
        };
        self.replace(depth, result);
        if self.is_asked() {
            return self.away(|this| {
                this.check_breaker()?;
                Ok(CALL_SKIP)
            });
        }
        Ok(CALL_SKIP)
    }

    /// No call while the native stack is nearly used up; else the instruction runs again.
    #[cold]
    fn stack_low(&mut self) -> Step {
        crate::native_stack::check(self.py())?;
        Ok(0)
    }

    #[inline(always)]
    pub(super) fn CALL_BUILTIN_O(&mut self) -> Step {
        let function = match self.object(3).downcast_exact::<CFunction>() {
            Some(function) if self.arg() == 1 && self.peek(2).is_null() && kind_of(function.definition()) == METH_O => {
                function
            }
            _ => return self.away(|this| this.call_deopt()),
        };
        self.save();
        if krait_object::stack::is_low(self.py()) {
            return self.away(|this| this.stack_low());
        }
        let Some(method) = function.definition().ml_meth.get() else { return self.away(|this| this.call_deopt()) };
        // SAFETY: the flags name the convention.
        let raw = unsafe { method(function.receiver(), self.peek(1).as_ptr()) };
        self.finish_native(3, raw)
    }

    #[inline(always)]
    pub(super) fn CALL_BUILTIN_FAST(&mut self) -> Step {
        let count = self.arg();
        let depth = count + 2;
        let function = match self.object(depth).downcast_exact::<CFunction>() {
            Some(function)
                if self.peek(depth - 1).is_null()
                    && kind_of(function.definition()) & !METH_KEYWORDS == METH_FASTCALL =>
            {
                function
            }
            _ => return self.away(|this| this.call_deopt()),
        };
        self.save();
        if krait_object::stack::is_low(self.py()) {
            return self.away(|this| this.stack_low());
        }
        let receiver = function.receiver();
        // SAFETY: `count` words stand below the stack pointer.
        let raw = unsafe { call_fast(function.definition(), receiver, self.sp.sub(count), count) };
        self.finish_native(depth, raw)
    }

    /// The method of a method descriptor, if it fits the receiver and has that convention.
    #[inline(always)]
    fn method_definition<'a>(&self, depth: usize, mask: c_int, kind: c_int) -> Option<&'a PyMethodDef> {
        let method = self.object(depth).downcast_exact::<MethodDescr>()?;
        if self.peek(depth - 1).is_null() || kind_of(method.definition()) & mask != kind {
            return None;
        }
        let ty = self.object(depth - 1).ty();
        // SAFETY: [layout]: a descriptor's class is set for good.
        let owner = unsafe {
            let raw = &*method.as_ptr().cast::<PyMethodDescrObject>();
            Type::from_type_ptr(raw.d_common.d_type.get())
        };
        let fits = std::ptr::eq(ty, owner) || ty.is_subtype_of(owner);
        fits.then(|| method.definition())
    }

    #[inline(always)]
    pub(super) fn CALL_METHOD_DESCRIPTOR_O(&mut self) -> Step {
        let definition = match self.method_definition(3, KINDS, METH_O) {
            Some(definition) if self.arg() == 1 => definition,
            _ => return self.away(|this| this.call_deopt()),
        };
        self.save();
        if krait_object::stack::is_low(self.py()) {
            return self.away(|this| this.stack_low());
        }
        let Some(method) = definition.ml_meth.get() else { return self.away(|this| this.call_deopt()) };
        // SAFETY: the flags name the convention.
        let raw = unsafe { method(self.peek(2).as_ptr(), self.peek(1).as_ptr()) };
        self.finish_native(3, raw)
    }

    #[inline(always)]
    pub(super) fn CALL_METHOD_DESCRIPTOR_NOARGS(&mut self) -> Step {
        let definition = match self.method_definition(2, KINDS, METH_NOARGS) {
            Some(definition) if self.arg() == 0 => definition,
            _ => return self.away(|this| this.call_deopt()),
        };
        self.save();
        if krait_object::stack::is_low(self.py()) {
            return self.away(|this| this.stack_low());
        }
        let Some(method) = definition.ml_meth.get() else { return self.away(|this| this.call_deopt()) };
        // SAFETY: the flags name the convention.
        let raw = unsafe { method(self.peek(1).as_ptr(), null_mut()) };
        self.finish_native(2, raw)
    }

    #[inline(always)]
    pub(super) fn CALL_METHOD_DESCRIPTOR_FAST(&mut self) -> Step {
        let count = self.arg();
        let Some(definition) = self.method_definition(count + 2, KINDS & !METH_KEYWORDS, METH_FASTCALL) else {
            return self.away(|this| this.call_deopt());
        };
        self.save();
        if krait_object::stack::is_low(self.py()) {
            return self.away(|this| this.stack_low());
        }
        let receiver = self.peek(count + 1).as_ptr();
        // SAFETY: `count` words stand below the stack pointer.
        let raw = unsafe { call_fast(definition, receiver, self.sp.sub(count), count) };
        self.finish_native(count + 2, raw)
    }
}

/// Makes a frame whose first locals are the `total` words at `first`, which it takes over with the function, and then
/// `defaults`.
///
/// # Safety
/// `frame` has room for a frame of `code`, the function's code.
#[inline(always)]
unsafe fn fill_frame(
    frame: *mut Frame,
    function: StackRef,
    code: &Code,
    previous: *mut Frame,
    first: *const StackRef,
    total: usize,
    defaults: &[&Object],
) {
    let count = code.raw().co_nlocalsplus.get() as usize;
    // SAFETY: by the contract.
    unsafe {
        Frame::init(frame, function, code, null_mut(), previous, count);
        let locals = Frame::locals(frame);
        for at in 0..total {
            locals.add(at).write(first.add(at).read());
        }
        for (at, default) in defaults.iter().enumerate() {
            locals.add(total + at).write(StackRef::owned(default.to_ref()));
        }
        for at in total + defaults.len()..count {
            locals.add(at).write(StackRef::NULL);
        }
    }
}

/// Calls a fastcall method. Out of line: its buffer must not be a handler's.
///
/// # Safety
/// The definition's convention is fastcall, with or without keywords; `words` points to `count` words, none of them
/// null, which stay in place during the call.
#[inline(never)]
unsafe fn call_fast(
    definition: &PyMethodDef,
    receiver: *mut PyObject,
    words: *const StackRef,
    count: usize,
) -> *mut PyObject {
    let mut plain = super::calls::Plain::new();
    // SAFETY: by the contract.
    unsafe {
        let args = plain.fill(words, count);
        let method = definition.ml_meth.get();
        if kind_of(definition) & METH_KEYWORDS != 0 {
            let method = std::mem::transmute::<Option<PyCFunction>, PyCFunctionFastWithKeywords>(method);
            method(receiver, args, count as isize, null_mut())
        } else {
            let method = std::mem::transmute::<Option<PyCFunction>, PyCFunctionFast>(method);
            method(receiver, args, count as isize)
        }
    }
}

/// Fills the head of a frame that has no function.
///
/// # Safety
/// `frame` has room for a frame of `code`.
unsafe fn init_shim_frame(frame: *mut Frame, code: &Code, previous: *mut Frame) {
    // SAFETY: by the contract.
    let raw = unsafe { &(*frame).0 };
    raw.f_executable.set(StackRef::borrowed(code.as_ptr()).to_layout());
    raw.previous.set(previous.cast());
    raw.f_funcobj.set(StackRef::NULL.to_layout());
    // SAFETY: the frame below is live.
    let below = unsafe { &(*previous).0 };
    raw.f_globals.set(below.f_globals.get());
    raw.f_builtins.set(below.f_builtins.get());
    raw.f_locals.set(null_mut());
    raw.frame_obj.set(null_mut());
    raw.instr_ptr.set((&raw const code.raw().co_code_adaptive).cast_mut().cast());
    if let Some(index) = raw.tlbc_index.as_ref() {
        index.set(0);
    }
    raw.return_offset.set(0);
    raw.owner.set(FRAME_OWNED_BY_THREAD);
    raw.visited.set(0);
}
