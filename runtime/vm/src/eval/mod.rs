//! The evaluation loop.
//!
//! [`Eval`] keeps instruction, stack and frame pointers in locals of one loop; each opcode is one short function on
//! it, expanded into the dispatch `match`. A handler leaves its operands on the stack until it has its result, so
//! that on an error unwinding finds them there. Calls of Python functions push a frame and go on in the same loop.
//!
//! A handler returns how many units to go on by ([`Step`]); frames change by setting the pointers and going on by 0.
mod arith;
mod attr_cache;
mod attrs;
mod build;
mod call_cache;
mod calls;
mod except;
mod flow;
mod generators;
mod imports;
mod intrinsics;
mod matching;
mod names;
mod stack;
mod trace;
mod unwind;

pub mod entry;

pub use entry::{eval_code, function_vectorcall, run_frame};
pub use except::{handled_by, handled_exception};

use crate::exec::{Exec, Unit};
use crate::frame::Frame;
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::layout::PyObject;
use krait_object::{Attached, Code, Object, PyResult, Raised, Ref, Str, raise};
use std::ptr::null_mut;

/// Why a handler does not go on to another instruction.
pub(crate) enum Stop {
    /// An exception is set.
    Raised,
    /// The frame that entered the loop is done; [`Eval::result`] is set.
    Exit,
}

impl From<Raised> for Stop {
    #[inline(always)]
    fn from(_: Raised) -> Self {
        Stop::Raised
    }
}

/// Units from the current instruction to the next one, or why there is none.
pub(crate) type Step = Result<isize, Stop>;

/// The registers of the evaluation loop.
#[derive(Clone, Copy)]
pub(crate) struct Eval<'py> {
    pub py: Attached<'py>,
    /// The current instruction.
    pub ip: *const Unit,
    /// The first free word of the stack.
    pub sp: *mut StackRef,
    pub frame: *mut Frame,
    /// Constants of the running code.
    pub consts: *const *mut PyObject,
    /// See [`Exec::bias`].
    pub bias: usize,
    /// What the loop returns; null for an exception.
    pub result: *mut PyObject,
    /// The line that was executed last, as far as lines are watched, and its frame.
    pub traced: (*mut Frame, i32),
}

macro_rules! numbers {
    ($(($name:ident, $num:literal, $cache:literal, [$($flag:ident)*], $base:ident, $n:ident, $pops:expr, $pushes:expr))*) => {
        /// Opcode numbers as patterns.
        #[allow(unused)]
        pub(crate) mod num { $(pub const $name: u8 = $num;)* }
    };
}
krait_bytecode::for_each_opcode!(numbers);

/// Dispatches one instruction. Each arm goes on by itself, so that its outcome is known where it is used; the
/// instructions after the second semicolon work on a copy of the registers (see [`Eval::out`]).
macro_rules! dispatch {
    ($this:ident, $op:ident, $again:lifetime, $next:lifetime; $($name:ident)*; $($cold:ident)*) => {
        match $op {
            $(num::$name => match $this.$name() {
                Ok(units) => {
                    $this.ip = $this.ip.wrapping_offset(units);
                    continue $next;
                }
                Err(stop) => stop,
            },)*
            $(num::$cold => match $this.out(|this| this.$cold()) {
                Ok(units) => {
                    $this.ip = $this.ip.wrapping_offset(units);
                    continue $next;
                }
                Err(stop) => stop,
            },)*
            num::INSTRUMENTED_LINE | num::INSTRUMENTED_INSTRUCTION => match $this.out(|this| this.trace_mark()) {
                Ok(plain) => {
                    $op = plain;
                    continue $again;
                }
                Err(stop) => stop,
            },
            _ => match $this.out(|this| this.bad_opcode()) {
                Ok(_) => Stop::Raised,
                Err(stop) => stop,
            },
        }
    };
}

impl<'py> Eval<'py> {
    /// Runs until the entry frame below `frame` is reached.
    #[inline(always)]
    fn run(mut self) -> *mut PyObject {
        'next: loop {
            // SAFETY: `ip` points to an instruction of the running code.
            let mut op = unsafe { (*self.ip).opcode() };
            let stop: Stop = 'again: loop {
                break dispatch!(self, op, 'again, 'next;
                    BINARY_OP BINARY_OP_ADD_INT BINARY_OP_SUBTRACT_INT BINARY_OP_MULTIPLY_INT
                    BINARY_OP_ADD_FLOAT BINARY_OP_SUBTRACT_FLOAT BINARY_OP_MULTIPLY_FLOAT
                    BINARY_OP_SUBSCR_LIST_INT BINARY_OP_SUBSCR_TUPLE_INT BINARY_OP_SUBSCR_DICT
                    BUILD_LIST BUILD_MAP BUILD_TUPLE CALL CALL_PY_EXACT_ARGS CALL_BUILTIN_O
                    CALL_BUILTIN_FAST CALL_METHOD_DESCRIPTOR_O CALL_METHOD_DESCRIPTOR_NOARGS
                    CALL_METHOD_DESCRIPTOR_FAST LOAD_ATTR_INSTANCE_VALUE LOAD_ATTR_SLOT
                    LOAD_ATTR_METHOD_WITH_VALUES LOAD_ATTR_METHOD_NO_DICT
                    LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES LOAD_ATTR_MODULE LOAD_ATTR_CLASS
                    LOAD_GLOBAL_MODULE LOAD_GLOBAL_BUILTIN STORE_ATTR_INSTANCE_VALUE
                    STORE_ATTR_SLOT FOR_ITER_LIST FOR_ITER_TUPLE FOR_ITER_RANGE COMPARE_OP
                    COMPARE_OP_INT COMPARE_OP_FLOAT COMPARE_OP_STR COPY COPY_FREE_VARS
                    DELETE_FAST END_FOR END_SEND EXIT_INIT_CHECK EXTENDED_ARG FORMAT_SIMPLE
                    FOR_ITER FOR_ITER_GEN GET_ITER IS_OP JUMP_BACKWARD
                    JUMP_BACKWARD_NO_INTERRUPT JUMP_FORWARD LIST_APPEND LOAD_ATTR LOAD_CONST
                    LOAD_DEREF LOAD_FAST LOAD_FAST_AND_CLEAR LOAD_FAST_BORROW
                    LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_CHECK LOAD_FAST_LOAD_FAST
                    LOAD_GLOBAL LOAD_SMALL_INT MAP_ADD NOP NOT_TAKEN POP_EXCEPT POP_ITER
                    POP_JUMP_IF_FALSE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_IF_TRUE
                    POP_TOP PUSH_EXC_INFO PUSH_NULL RESUME RETURN_VALUE SEND SEND_GEN SET_ADD
                    STORE_ATTR STORE_DEREF STORE_FAST STORE_FAST_LOAD_FAST
                    STORE_FAST_STORE_FAST STORE_SUBSCR STORE_SUBSCR_LIST_INT STORE_SUBSCR_DICT
                    SWAP TO_BOOL TO_BOOL_BOOL TO_BOOL_INT TO_BOOL_NONE UNARY_NOT
                    UNPACK_SEQUENCE UNPACK_SEQUENCE_TUPLE UNPACK_SEQUENCE_TWO_TUPLE
                    UNPACK_SEQUENCE_LIST YIELD_VALUE;
                    INSTRUMENTED_RESUME INSTRUMENTED_RETURN_VALUE INSTRUMENTED_YIELD_VALUE
                    INSTRUMENTED_CALL INSTRUMENTED_CALL_KW INSTRUMENTED_CALL_FUNCTION_EX
                    INSTRUMENTED_LOAD_SUPER_ATTR INSTRUMENTED_JUMP_FORWARD
                    INSTRUMENTED_JUMP_BACKWARD INSTRUMENTED_POP_JUMP_IF_TRUE
                    INSTRUMENTED_POP_JUMP_IF_FALSE INSTRUMENTED_POP_JUMP_IF_NONE
                    INSTRUMENTED_POP_JUMP_IF_NOT_NONE INSTRUMENTED_NOT_TAKEN
                    INSTRUMENTED_FOR_ITER INSTRUMENTED_POP_ITER INSTRUMENTED_END_ASYNC_FOR
                    INSTRUMENTED_END_FOR INSTRUMENTED_END_SEND
                    BINARY_OP_ADD_UNICODE BINARY_SLICE BUILD_INTERPOLATION BUILD_SET
                    BUILD_SLICE BUILD_STRING BUILD_TEMPLATE CALL_FUNCTION_EX CALL_INTRINSIC_1
                    CALL_INTRINSIC_2 CALL_KW CALL_ALLOC_AND_ENTER_INIT CALL_TYPE_1
                    LOAD_ATTR_METHOD_LAZY_DICT LOAD_ATTR_PROPERTY CHECK_EG_MATCH
                    CHECK_EXC_MATCH CLEANUP_THROW CONTAINS_OP CONVERT_VALUE DELETE_ATTR
                    DELETE_DEREF DELETE_GLOBAL DELETE_NAME DELETE_SUBSCR DICT_MERGE DICT_UPDATE
                    END_ASYNC_FOR FORMAT_WITH_SPEC GET_AITER GET_ANEXT GET_AWAITABLE GET_LEN
                    GET_YIELD_FROM_ITER IMPORT_FROM IMPORT_NAME INTERPRETER_EXIT LIST_EXTEND
                    LOAD_BUILD_CLASS LOAD_COMMON_CONSTANT LOAD_FROM_DICT_OR_DEREF
                    LOAD_FROM_DICT_OR_GLOBALS LOAD_LOCALS LOAD_NAME LOAD_SPECIAL
                    LOAD_SUPER_ATTR MAKE_CELL MAKE_FUNCTION MATCH_CLASS MATCH_KEYS
                    MATCH_MAPPING MATCH_SEQUENCE RAISE_VARARGS RERAISE RETURN_GENERATOR
                    SETUP_ANNOTATIONS SET_FUNCTION_ATTRIBUTE SET_UPDATE STORE_GLOBAL STORE_NAME
                    STORE_SLICE UNARY_INVERT UNARY_NEGATIVE UNPACK_EX WITH_EXCEPT_START
                );
            };
            match stop {
                Stop::Raised => {
                    if !self.out(Self::unwind) {
                        return null_mut();
                    }
                }
                Stop::Exit => return self.result,
            }
        }
    }

    /// Runs what is not inlined into the loop on a copy of the registers. The loop's own never have their address
    /// taken, so they can live in machine registers.
    #[inline(always)]
    pub fn out<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let mut copy = *self;
        let result = work(&mut copy);
        *self = copy;
        result
    }

    #[cold]
    fn bad_opcode(&mut self) -> Step {
        self.save();
        // SAFETY: `ip` points to an instruction.
        let op = unsafe { (*self.ip).opcode() };
        let name = Opcode::from_u8(op).map_or("?", Opcode::name);
        Err(raise!(self.py, SystemError, "unknown opcode {op} ({name})").into())
    }

    /// Points the registers at `frame`, which goes on with unit `ip`.
    #[inline(always)]
    pub fn load_frame(&mut self, frame: *mut Frame, units_ahead: isize) {
        // SAFETY: `frame` is live and runs code.
        unsafe {
            let exec = Exec::of((*frame).code());
            self.frame = frame;
            self.consts = (*exec).consts;
            self.bias = (*exec).bias;
            self.ip = Exec::units(exec).wrapping_add((*frame).lasti()).wrapping_offset(units_ahead);
            self.sp = (*frame).sp();
        }
    }

    /// Stores the current instruction and stack pointer in the frame, before anything that may look at it.
    #[inline(always)]
    pub fn save(&self) {
        let instr = self.ip.addr().wrapping_add(self.bias) >> 2;
        let frame = self.frame();
        frame.0.instr_ptr.set(std::ptr::with_exposed_provenance_mut(instr));
        frame.set_sp(self.sp);
    }

    #[inline(always)]
    pub fn frame<'a>(&self) -> &'a Frame {
        // SAFETY: the running frame is live while its instructions run.
        unsafe { &*self.frame }
    }

    #[inline(always)]
    pub fn code<'a>(&self) -> &'a Code {
        self.frame().code()
    }

    #[inline(always)]
    pub fn unit<'a>(&self) -> &'a Unit {
        // SAFETY: `ip` points into the units of the running code, which live as long as it.
        unsafe { &*self.ip }
    }

    #[inline(always)]
    pub fn arg(&self) -> usize {
        self.unit().arg.get() as usize
    }

    /// Name `index` of the running code.
    #[inline(always)]
    pub fn name<'a>(&self, index: usize) -> &'a Str {
        // SAFETY: the compiler made the index, and names are strings.
        unsafe { self.code().names().as_slice().get_unchecked(index).cast_unchecked() }
    }

    #[inline(always)]
    pub fn local(&self, index: usize) -> *mut StackRef {
        Frame::locals(self.frame).wrapping_add(index)
    }

    #[inline(always)]
    pub fn push(&mut self, word: StackRef) {
        // SAFETY: the frame has room for `co_stacksize` words.
        unsafe {
            self.sp.write(word);
            self.sp = self.sp.add(1);
        }
    }

    #[inline(always)]
    pub fn push_ref(&mut self, object: Ref<Object>) {
        self.push(StackRef::owned(object));
    }

    /// Takes the top word off; the caller owns it.
    #[inline(always)]
    pub fn pop(&mut self) -> StackRef {
        // SAFETY: the code's stack effects are balanced.
        unsafe {
            self.sp = self.sp.sub(1);
            self.sp.read()
        }
    }

    /// The word `depth` from the top; 1 is the top.
    #[inline(always)]
    pub fn peek(&self, depth: usize) -> StackRef {
        // SAFETY: as in `pop`.
        unsafe { self.sp.sub(depth).read() }
    }

    #[inline(always)]
    pub fn poke(&self, depth: usize, word: StackRef) {
        // SAFETY: as in `pop`.
        unsafe { self.sp.sub(depth).write(word) }
    }

    /// The object `depth` from the top.
    #[inline(always)]
    pub fn object<'a>(&self, depth: usize) -> &'a Object {
        // SAFETY: the word stays on the stack while the caller uses the object.
        unsafe { self.peek(depth).object() }
    }

    /// Takes the top word off and gives up what it owns.
    #[inline(always)]
    pub fn drop_top(&mut self) {
        let word = self.pop();
        self.frame().set_sp(self.sp);
        word.close();
    }

    #[inline(always)]
    pub fn drop_many(&mut self, count: usize) {
        for _ in 0..count {
            self.drop_top();
        }
    }

    /// Replaces the `count` top words by a result.
    #[inline(always)]
    pub fn replace(&mut self, count: usize, result: Ref<Object>) {
        self.drop_many(count);
        self.push(StackRef::owned(result));
    }

    /// As [`Eval::replace`] with a word that owns nothing or was made for the stack.
    #[inline(always)]
    pub fn replace_word(&mut self, count: usize, result: StackRef) {
        self.drop_many(count);
        self.push(result);
    }

    /// Runs what another thread, a signal handler or the collector asked this thread to do.
    #[inline(always)]
    pub fn check_breaker(&mut self) -> PyResult<()> {
        if self.py.tstate().eval_breaker.get() & krait_sync::breaker::EVENTS == 0 {
            return Ok(());
        }
        self.save();
        crate::interp::serve_breaker(self.py)
    }
}
