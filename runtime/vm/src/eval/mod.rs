//! The evaluation loop.
//!
//! [`Eval`] holds instruction, stack and frame pointers; each opcode is one short function on it, which [`dispatch`]
//! chains. A handler leaves its operands on the stack until it has its result, so that on an error unwinding finds them
//! there. Calls of Python functions push a frame and go on in the same loop.
//!
//! A handler returns how many units to go on by ([`Step`]); frames change by setting the pointers and going on by 0.
mod arith;
mod attr_cache;
mod attr_poly;
mod attrs;
mod build;
mod call_cache;
mod calls;
mod dispatch;
mod except;
mod flow;
pub mod foreign;
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
use krait_object::{Attached, Code, Object, PyResult, Raised, Ref, Str, mode, raise};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

/// Why a handler does not go on to another instruction. As wide as the other half of [`Step`], so that a step is returned
/// in registers.
#[repr(isize)]
pub(crate) enum Stop {
    /// An exception is set.
    Raised,
    /// The frame that entered the loop is done; [`Home::result`] is set.
    Exit,
    /// Another function does the instruction's work: see [`Eval::away`].
    #[cfg_attr(not(tail_dispatch), allow(dead_code))]
    Away(dispatch::Handler),
}

impl From<Raised> for Stop {
    #[inline(always)]
    fn from(_: Raised) -> Self {
        Stop::Raised
    }
}

/// Units from the current instruction to the next one, or why there is none.
pub(crate) type Step = Result<isize, Stop>;

/// The registers of the evaluation loop. They are few, so that a handler finds machine registers for its own work that it
/// need not save.
#[derive(Clone, Copy)]
pub(crate) struct Eval<'py> {
    home: *const Home<'py>,
    /// The current instruction.
    pub ip: *const Unit,
    /// The first free word of the stack.
    pub sp: *mut StackRef,
    pub frame: *mut Frame,
}

/// What one run of the loop keeps in memory.
pub(crate) struct Home<'py> {
    pub py: Attached<'py>,
    /// Constants of the running code.
    pub consts: Cell<*const *mut PyObject>,
    /// The registers, on the way to and from [`on_copy`].
    registers: Cell<MaybeUninit<Eval<'py>>>,
    answer: Cell<Answer>,
    /// See [`Exec::bias`].
    pub bias: Cell<usize>,
    /// What the loop returns; null for an exception.
    pub result: Cell<*mut PyObject>,
    /// The line that was executed last, as far as lines are watched, and its frame.
    pub traced: Cell<(*mut Frame, i32)>,
}

impl<'py> Home<'py> {
    fn new(py: Attached<'py>) -> Self {
        Home {
            py,
            consts: Cell::new(null()),
            registers: Cell::new(MaybeUninit::uninit()),
            answer: Cell::new(MaybeUninit::uninit()),
            bias: Cell::new(0),
            result: Cell::new(null_mut()),
            traced: Cell::new((null_mut(), 0)),
        }
    }
}

/// Room for what [`Eval::out`] gives back.
type Answer = MaybeUninit<[usize; 2]>;

/// The far side of [`Eval::out`]. The arguments are the registers, which stay where they are on the way.
#[inline(never)]
fn on_copy<'py, R>(
    home: *const Home<'py>,
    ip: *const Unit,
    sp: *mut StackRef,
    frame: *mut Frame,
    work: impl FnOnce(&mut Eval<'py>) -> R,
) -> *const Home<'py> {
    let mut copy = Eval { home, ip, sp, frame };
    let result = work(&mut copy);
    // SAFETY: the home outlives the loop; `out` checks that the answer has room.
    unsafe {
        (*home).registers.set(MaybeUninit::new(copy));
        (*home).answer.as_ptr().cast::<R>().write(result);
    }
    home
}

/// The far side of [`Eval::close`].
#[inline(never)]
fn close_word<'py>(home: *const Home<'py>, word: StackRef) -> *const Home<'py> {
    word.close();
    home
}

/// The far side of [`Eval::drop_stale`].
#[cold]
#[inline(never)]
fn drop_object<'py>(home: *const Home<'py>, object: Option<Ref<Object>>) -> *const Home<'py> {
    drop(object);
    home
}

/// The far side of [`Eval::close_saving`].
#[inline(never)]
fn close_saved_word<'py>(home: *const Home<'py>, word: StackRef) -> *const Home<'py> {
    // SAFETY: the home outlives the loop; `park` has set the registers.
    unsafe { (*home).registers.get().assume_init() }.save();
    word.close();
    home
}

macro_rules! numbers {
    ($(($name:ident, $num:literal, $cache:literal, [$($flag:ident)*], $base:ident, $n:ident, $pops:expr, $pushes:expr))*) => {
        /// Opcode numbers as patterns.
        #[allow(unused)]
        pub(crate) mod num { $(pub const $name: u8 = $num;)* }
    };
}
krait_bytecode::for_each_opcode!(numbers);

impl<'py> Eval<'py> {
    /// Runs what is not inlined into a handler on a copy of the registers. The handler's own never have their address
    /// taken, so they stay in machine registers, and going on to the next handler stays a jump.
    #[inline(always)]
    pub fn out<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        const { assert!(size_of::<R>() <= size_of::<Answer>() && align_of::<R>() <= align_of::<Answer>()) };
        let home = on_copy(self.home, self.ip, self.sp, self.frame, work);
        // SAFETY: the home outlives the loop; `on_copy` has set registers and answer.
        unsafe {
            *self = (*home).registers.get().assume_init();
            (*home).answer.as_ptr().cast::<R>().read()
        }
    }

    /// Puts the registers into memory. What is called then gives back the home it was given: nothing is left in machine
    /// registers that a handler would have to save.
    #[inline(always)]
    fn park(&self) -> *const Home<'py> {
        self.home().registers.set(MaybeUninit::new(*self));
        self.home
    }

    #[inline(always)]
    pub fn home<'a>(&self) -> &'a Home<'py> {
        // SAFETY: the function that entered the loop keeps it until the loop is left.
        unsafe { &*self.home }
    }

    #[inline(always)]
    pub fn py(&self) -> Attached<'py> {
        self.home().py
    }

    #[cold]
    fn bad_opcode(&mut self) -> Step {
        self.save();
        // SAFETY: `ip` points to an instruction.
        let op = unsafe { (*self.ip).opcode() };
        let name = Opcode::from_u8(op).map_or("?", Opcode::name);
        Err(raise!(self.py(), SystemError, "unknown opcode {op} ({name})").into())
    }

    /// Points the registers at `frame`, which goes on with unit `ip`.
    #[inline(always)]
    pub fn load_frame(&mut self, frame: *mut Frame, units_ahead: isize) {
        // SAFETY: `frame` is live and runs code.
        unsafe {
            let exec = Exec::of((*frame).code());
            self.frame = frame;
            let home = self.home();
            home.consts.set((*exec).consts);
            home.bias.set((*exec).bias);
            self.ip = Exec::units(exec).wrapping_add((*frame).lasti()).wrapping_offset(units_ahead);
            self.sp = (*frame).sp();
        }
    }

    /// Stores the current instruction and stack pointer in the frame, before anything that may look at it.
    #[inline(always)]
    pub fn save(&self) {
        let instr = self.ip.addr().wrapping_add(self.home().bias.get()) >> 2;
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

    /// Gives up what a word owns. As [`StackRef::close`], which handlers do not use: what may run then is out of the way
    /// of the registers.
    #[inline(always)]
    pub fn close(&mut self, word: StackRef) {
        if word.is_borrowed() {
            return;
        }
        // SAFETY: the word owned one count.
        if !unsafe { mode::decref_if_more(word.as_ptr()) } {
            let home = self.park();
            // SAFETY: the home outlives the loop; see `park`.
            *self = unsafe { (*close_word(home, word)).registers.get().assume_init() };
        }
    }

    /// Drops what a read without a lock gave although its place changed.
    #[inline(always)]
    pub fn drop_stale(&mut self, object: Option<Ref<Object>>) {
        if object.is_some() {
            let home = self.park();
            // SAFETY: the home outlives the loop; see `park`.
            *self = unsafe { (*drop_object(home, object)).registers.get().assume_init() };
        }
    }

    /// As [`Eval::close`] where the object may run code when it goes, which may look at the frame. The frame is told where
    /// it is only when the object goes.
    #[inline(always)]
    pub fn close_saving(&mut self, word: StackRef) {
        if word.is_borrowed() {
            return;
        }
        // SAFETY: the word owned one count.
        if !unsafe { mode::decref_if_more(word.as_ptr()) } {
            let home = self.park();
            // SAFETY: the home outlives the loop; see `park`.
            *self = unsafe { (*close_saved_word(home, word)).registers.get().assume_init() };
        }
    }

    /// Takes the top word off and gives up what it owns, which can be no object that runs code when it goes.
    #[inline(always)]
    pub fn close_top(&mut self) {
        let word = self.pop();
        self.close(word);
    }

    /// Takes the top word off and gives up what it owns.
    #[inline(always)]
    pub fn drop_top(&mut self) {
        let word = self.pop();
        self.frame().set_sp(self.sp);
        self.close(word);
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

    /// Whether another thread, a signal handler or the collector asked this thread to do something.
    #[inline(always)]
    pub fn is_asked(&self) -> bool {
        self.py().tstate().eval_breaker.get() & krait_sync::breaker::EVENTS != 0
    }

    /// Runs what this thread was asked to do.
    #[inline(always)]
    pub fn check_breaker(&mut self) -> PyResult<()> {
        if !self.is_asked() {
            return Ok(());
        }
        self.save();
        crate::interp::serve_breaker(self.py())
    }
}
