//! From one instruction to the next.
//!
//! In an optimised build each handler ends by calling the next one through a table ([`go_on`](Eval::go_on)). The
//! optimiser makes that a jump: all functions of the table have one signature, whose arguments are the registers and
//! fit in machine registers, and nothing that a handler leaves behind has its address taken (see [`Eval::out`]). Each
//! handler then has a branch of its own to predict, and the registers stay in place across instructions.
//!
//! Nothing guarantees that jump, so `build.rs` only asks for it (`tail_dispatch`) where the optimiser is known to make
//! it, and `tests/python/test_dispatch.py` runs loops over all kinds of instructions that would exhaust the stack
//! without it. Other builds run one loop around a `match`.
use super::{Eval, Home, Step, Stop, num};
use crate::exec::Unit;
use crate::frame::Frame;
use crate::stackref::StackRef;
use krait_object::layout::PyObject;
use std::ptr::null_mut;

/// Gives `$do` the handlers that are inlined, and behind the semicolon the ones that work on a copy of the registers.
macro_rules! for_each_handler {
    ($do:ident) => {
        $do! {
            BINARY_OP BINARY_OP_EXTEND BINARY_SLICE CONTAINS_OP UNARY_NEGATIVE BINARY_OP_ADD_INT BINARY_OP_SUBTRACT_INT BINARY_OP_MULTIPLY_INT
            BINARY_OP_ADD_FLOAT BINARY_OP_SUBTRACT_FLOAT BINARY_OP_MULTIPLY_FLOAT
            BINARY_OP_SUBSCR_LIST_INT BINARY_OP_SUBSCR_TUPLE_INT BINARY_OP_SUBSCR_DICT BINARY_OP_SUBSCR_GETITEM
            BINARY_OP_SUBSCR_STR_INT
            BUILD_LIST BUILD_MAP BUILD_TUPLE CALL CALL_PY_EXACT_ARGS CALL_PY_GENERAL
            CALL_TYPE_1 CALL_BUILTIN_O
            CALL_BUILTIN_FAST CALL_METHOD_DESCRIPTOR_O CALL_METHOD_DESCRIPTOR_NOARGS
            CALL_METHOD_DESCRIPTOR_FAST LOAD_ATTR_INSTANCE_VALUE LOAD_ATTR_SLOT
            LOAD_ATTR_METHOD_WITH_VALUES LOAD_ATTR_METHOD_NO_DICT LOAD_ATTR_METHOD_LAZY_DICT LOAD_ATTR_PROPERTY
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
            YIELD_VALUE;
            INSTRUMENTED_RESUME INSTRUMENTED_RETURN_VALUE INSTRUMENTED_YIELD_VALUE
            INSTRUMENTED_CALL INSTRUMENTED_CALL_KW INSTRUMENTED_CALL_FUNCTION_EX
            INSTRUMENTED_LOAD_SUPER_ATTR INSTRUMENTED_JUMP_FORWARD
            INSTRUMENTED_JUMP_BACKWARD INSTRUMENTED_POP_JUMP_IF_TRUE
            INSTRUMENTED_POP_JUMP_IF_FALSE INSTRUMENTED_POP_JUMP_IF_NONE
            INSTRUMENTED_POP_JUMP_IF_NOT_NONE INSTRUMENTED_NOT_TAKEN
            INSTRUMENTED_FOR_ITER INSTRUMENTED_POP_ITER INSTRUMENTED_END_ASYNC_FOR
            INSTRUMENTED_END_FOR INSTRUMENTED_END_SEND
            BINARY_OP_ADD_UNICODE BUILD_INTERPOLATION BUILD_SET
            BUILD_SLICE BUILD_STRING BUILD_TEMPLATE CALL_FUNCTION_EX CALL_INTRINSIC_1
            CALL_INTRINSIC_2 CALL_KW CALL_ALLOC_AND_ENTER_INIT CHECK_EG_MATCH
            CHECK_EXC_MATCH CLEANUP_THROW CONVERT_VALUE DELETE_ATTR
            DELETE_DEREF DELETE_GLOBAL DELETE_NAME DELETE_SUBSCR DICT_MERGE DICT_UPDATE
            END_ASYNC_FOR FORMAT_WITH_SPEC GET_AITER GET_ANEXT GET_AWAITABLE GET_LEN
            GET_YIELD_FROM_ITER IMPORT_FROM IMPORT_NAME INTERPRETER_EXIT LIST_EXTEND
            LOAD_BUILD_CLASS LOAD_COMMON_CONSTANT LOAD_FROM_DICT_OR_DEREF
            LOAD_FROM_DICT_OR_GLOBALS LOAD_LOCALS LOAD_NAME LOAD_SPECIAL
            LOAD_SUPER_ATTR MAKE_CELL MAKE_FUNCTION MATCH_CLASS MATCH_KEYS
            MATCH_MAPPING MATCH_SEQUENCE RAISE_VARARGS RERAISE RETURN_GENERATOR
            SETUP_ANNOTATIONS SET_FUNCTION_ATTRIBUTE SET_UPDATE STORE_GLOBAL STORE_NAME
            STORE_SLICE UNARY_INVERT UNPACK_EX UNPACK_SEQUENCE_LIST
            WITH_EXCEPT_START
        }
    };
}

/// Runs from an instruction to the end of the loop. The result, or null with an exception.
///
/// # Safety
/// The arguments are the registers of a running loop.
pub(super) type Handler = for<'py> unsafe fn(*const Home<'py>, *const Unit, *mut StackRef, *mut Frame) -> *mut PyObject;

#[cfg(not(tail_dispatch))]
macro_rules! run_in_loop {
    ($($name:ident)*; $($cold:ident)*) => {
        impl Eval<'_> {
            /// Runs until the entry frame below the current one is reached. The result, or null with an exception.
            #[inline(always)]
            pub(super) fn run(mut self) -> *mut PyObject {
                loop {
                    let mut op = self.unit().opcode();
                    let step: Step = loop {
                        break match op {
                            $(num::$name => self.$name(),)*
                            $(num::$cold => self.out(Self::$cold),)*
                            num::INSTRUMENTED_LINE | num::INSTRUMENTED_INSTRUCTION => {
                                match self.out(Self::trace_mark) {
                                    Ok(plain) => {
                                        op = plain;
                                        continue;
                                    }
                                    Err(stop) => Err(stop),
                                }
                            }
                            _ => self.out(Self::bad_opcode),
                        };
                    };
                    match step {
                        Ok(units) => self.ip = self.ip.wrapping_offset(units),
                        Err(Stop::Raised) => {
                            if !self.out(Self::unwind) {
                                return null_mut();
                            }
                        }
                        Err(Stop::Exit) => return self.home().result.get(),
                        Err(Stop::Away(_)) => unreachable!("the loop has no handlers"),
                    }
                }
            }

            /// Leaves the rest of an instruction to `work`.
            #[inline(always)]
            pub(super) fn away<F: Copy + for<'a> Fn(&mut Eval<'a>) -> Step>(&mut self, work: F) -> Step {
                self.out(work)
            }
        }
    };
}

#[cfg(not(tail_dispatch))]
for_each_handler!(run_in_loop);

#[cfg(tail_dispatch)]
mod tail {
    use super::*;
    use std::ptr::NonNull;

    macro_rules! handler {
        ($(#[$note:meta])* $name:ident, $this:ident => $next:expr) => {
            $(#[$note])*
            pub(super) unsafe fn $name<'py>(
                home: *const Home<'py>,
                ip: *const Unit,
                sp: *mut StackRef,
                frame: *mut Frame,
            ) -> *mut PyObject {
                let mut $this = Eval { home, ip, sp, frame };
                $next
            }
        };
    }

    macro_rules! handlers {
        ($($name:ident)*; $($cold:ident)*) => {
            #[allow(non_snake_case)]
            mod handlers {
                use super::*;

                $(handler!($name, this => { let step = this.$name(); this.go_on(step) });)*
                $(handler!($cold, this => { let step = this.out(Eval::$cold); this.go_on(step) });)*
            }

            /// The handlers by opcode.
            static HANDLERS: [Handler; 256] = {
                let mut table: [Handler; 256] = [bad_opcode; 256];
                $(table[num::$name as usize] = handlers::$name;)*
                $(table[num::$cold as usize] = handlers::$cold;)*
                table[num::INSTRUMENTED_LINE as usize] = mark;
                table[num::INSTRUMENTED_INSTRUCTION as usize] = mark;
                table
            };
        };
    }
    for_each_handler!(handlers);

    handler!(bad_opcode, this => { let step = this.out(Eval::bad_opcode); this.go_on(step) });

    handler!(mark, this => match this.out(Eval::trace_mark) {
        Ok(plain) => this.handle(plain),
        Err(stop) => this.stop(stop),
    });

    handler!(#[cold] #[inline(never)] raised, this => {
        if this.out(Eval::unwind) { this.go_on(Ok(0)) } else { null_mut() }
    });

    /// The handler of an instruction whose rest is `F`'s work, which is named by its type alone.
    #[cold]
    #[inline(never)]
    unsafe fn away<'py, F: Copy + for<'a> Fn(&mut Eval<'a>) -> Step>(
        home: *const Home<'py>,
        ip: *const Unit,
        sp: *mut StackRef,
        frame: *mut Frame,
    ) -> *mut PyObject {
        let mut this = Eval { home, ip, sp, frame };
        // SAFETY: `Eval::away` had a value of this type, which takes no room and can be copied.
        let work = unsafe { NonNull::<F>::dangling().read() };
        let step = this.out(work);
        this.go_on(step)
    }

    impl Eval<'_> {
        /// Leaves the rest of an instruction to `work`, which captures nothing. The handler ends here by a jump, so that
        /// what is rare costs its fast path no register. The caller returns the step as it is.
        #[inline(always)]
        pub(in crate::eval) fn away<F: Copy + for<'a> Fn(&mut Eval<'a>) -> Step>(&mut self, _work: F) -> Step {
            const { assert!(size_of::<F>() == 0) };
            Err(Stop::Away(away::<F>))
        }

        /// Runs until the entry frame below the current one is reached. The result, or null with an exception.
        #[inline(always)]
        pub(in crate::eval) fn run(self) -> *mut PyObject {
            self.go_on(Ok(0))
        }

        #[inline(always)]
        fn go_on(mut self, step: Step) -> *mut PyObject {
            match step {
                Ok(units) => {
                    self.ip = self.ip.wrapping_offset(units);
                    self.handle(self.unit().opcode())
                }
                Err(stop) => self.stop(stop),
            }
        }

        /// Goes on as if the current instruction had that opcode.
        #[inline(always)]
        fn handle(self, op: u8) -> *mut PyObject {
            // SAFETY: these are the registers.
            unsafe { HANDLERS[op as usize](self.home, self.ip, self.sp, self.frame) }
        }

        #[inline(always)]
        fn stop(self, stop: Stop) -> *mut PyObject {
            match stop {
                // SAFETY: these are the registers.
                Stop::Raised => unsafe { raised(self.home, self.ip, self.sp, self.frame) },
                Stop::Exit => self.home().result.get(),
                // SAFETY: as above.
                Stop::Away(handler) => unsafe { handler(self.home, self.ip, self.sp, self.frame) },
            }
        }
    }
}
