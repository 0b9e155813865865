//! The execution form of a code object.
//!
//! One 64-bit [`Unit`] for each two-byte code unit, so an index into the units is `lasti`, and jumps, exception
//! table and line table apply as they are. An instruction unit holds its opcode, which specialisation rewrites, a
//! warm-up counter and the argument with its `EXTENDED_ARG`s folded in. The units of CPython's inline caches give
//! the instruction eight bytes of cache each.
//!
//! Thread safety: an opcode and each cache word are single atomic words. A cache word names the form that it belongs
//! to beside the version that it depends on, so a reader that is overtaken by another thread's specialisation sees a
//! mismatch and takes the slow path; a second word (a pointer) is only used when the first one is unchanged after
//! reading it.
use crate::exec_borrow::load_may_borrow;
use crate::monitoring::Monitoring;
use crate::monitoring::marks::Marks;
use krait_bytecode::opcode::MIN_INSTRUMENTED_OPCODE;
use krait_bytecode::{ExceptionEntry, Opcode, exception_table};
use krait_object::layout::{Field, PyObject};
use krait_object::{Code, mode};
use std::alloc::{Layout as Memory, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// One unit: an instruction, or eight bytes of inline cache.
#[repr(C, align(8))]
pub struct Unit {
    pub op: Field<u8>,
    /// How often specialising failed here.
    pub misses: Field<u8>,
    /// Executions left until the next attempt to specialise.
    pub counter: Field<u16>,
    pub arg: Field<u32>,
}

/// Executions before the first attempt.
const WARMUP: u16 = 6;
/// Executions before the next attempt when one neither succeeds nor counts as a failure.
const RETRY: u16 = 1024;
/// The counter of an instruction that is not tried again.
const SETTLED: u16 = u16::MAX;
/// Failures after which an instruction settles in its base form.
const MAX_MISSES: u8 = 10;

/// The first word of a cache entry that is being filled: a version that no type and no dict has.
const BUSY: u64 = 1;

/// In the argument of `STORE_FAST_LOAD_FAST`: the loaded word is borrowed from its local.
pub const LOAD_BORROWS: u32 = 1 << 8;

/// The execution form. Its units follow it in memory.
#[repr(C)]
pub struct Exec {
    /// First constant of the code.
    pub consts: *const *mut PyObject,
    /// `4 * co_code_adaptive - units`: `(unit address + bias) / 4` is the address of its code unit.
    pub bias: usize,
    len: usize,
    entries: Box<[ExceptionEntry]>,
    /// What instrumented units stand for, and who watches them; set once.
    marks: OnceLock<Box<Marks>>,
}

impl Exec {
    /// The execution form of `code`, built on first use.
    #[inline(always)]
    pub fn of(code: &Code) -> *const Exec {
        let found = code.raw().co_executors.load(Acquire).cast::<Exec>();
        if found.is_null() { Self::build(code) } else { found }
    }

    /// Whether the execution form of `code` exists.
    #[inline(always)]
    pub fn is_built(code: &Code) -> bool {
        !code.raw().co_executors.load(Acquire).is_null()
    }

    #[inline(always)]
    pub fn units(this: *const Exec) -> *const Unit {
        // SAFETY: the units follow the struct in the same allocation.
        unsafe { this.add(1).cast() }
    }

    fn memory(len: usize) -> Memory {
        let size = size_of::<Exec>() + len * size_of::<Unit>();
        Memory::from_size_align(size, align_of::<Exec>()).expect("code is shorter than the address space")
    }

    #[cold]
    fn build(code: &Code) -> *const Exec {
        let bytes = code.code();
        let len = bytes.len() / 2;
        // SAFETY: the size is not zero.
        let raw = unsafe { alloc_zeroed(Self::memory(len)) }.cast::<Exec>();
        if raw.is_null() {
            handle_alloc_error(Self::memory(len));
        }
        let consts = code.consts().as_slice().as_ptr().cast::<*mut PyObject>();
        let units = Self::units(raw);
        let bias = bytes.as_ptr().addr().wrapping_mul(4).wrapping_sub(units.addr());
        let entries = exception_table::decode(code.exceptiontable().as_slice()).into_boxed_slice();
        // SAFETY: fresh memory of the right size.
        unsafe { raw.write(Exec { consts, bias, len, entries, marks: OnceLock::new() }) };
        let (mut at, mut high) = (0, 0u32);
        while at < len {
            let (op, arg) = (bytes[2 * at], high << 8 | u32::from(bytes[2 * at + 1]));
            // SAFETY: `at < len`.
            let unit = unsafe { &*units.add(at) };
            unit.op.set(op);
            let fused = op == Opcode::STORE_FAST_LOAD_FAST as u8;
            unit.arg.set(if fused && load_may_borrow(bytes, at) { arg | LOAD_BORROWS } else { arg });
            unit.counter.set(WARMUP);
            high = if op == Opcode::EXTENDED_ARG as u8 { arg } else { 0 };
            at += 1 + Opcode::from_u8(op).map_or(0, Opcode::cache_entries);
        }
        let slot = &code.raw().co_executors;
        match slot.compare_exchange(std::ptr::null_mut(), raw.cast(), AcqRel, Acquire) {
            Ok(_) => raw,
            Err(other) => {
                // SAFETY: nobody else saw ours.
                unsafe { Self::free(raw.cast()) };
                other.cast()
            }
        }
    }

    /// Frees an execution form.
    ///
    /// # Safety
    /// `raw` came from [`Exec::of`] and nobody uses it any more.
    pub unsafe fn free(raw: *mut c_void) {
        let this = raw.cast::<Exec>();
        // SAFETY: by the contract.
        unsafe {
            let memory = Self::memory((*this).len);
            std::ptr::drop_in_place(this);
            dealloc(this.cast(), memory);
        }
    }

    /// The code units with the opcodes as they stand: specialised or instrumented.
    pub fn adaptive(code: &Code) -> Vec<u8> {
        let mut bytes = code.code().to_vec();
        if Self::is_built(code) {
            let (units, mut at) = (Self::units(Self::of(code)), 0);
            while at < bytes.len() / 2 {
                let width = 1 + Opcode::from_u8(bytes[2 * at]).map_or(0, Opcode::cache_entries);
                // SAFETY: there is one unit for each code unit.
                bytes[2 * at] = unsafe { (*units.add(at)).opcode() };
                at += width;
            }
        }
        bytes
    }

    /// The table of instrumented code.
    #[inline]
    pub fn marks(code: &Code) -> Option<&Marks> {
        // SAFETY: the execution form lives as long as the code.
        let this = unsafe { code.raw().co_executors.load(Acquire).cast::<Exec>().as_ref() };
        this.and_then(|this| this.marks.get()).map(|marks| &**marks)
    }

    /// Instruments the code as the present events ask for.
    pub fn instrument<'a>(code: &'a Code, monitoring: &Monitoring, force: bool) -> &'a Marks {
        let this = Self::of(code);
        // SAFETY: the execution form lives as long as the code.
        let exec = unsafe { &*this };
        let marks = exec
            .marks
            .get_or_init(|| Box::new(Marks::new(code, exec.entries.iter().map(|entry| entry.target as usize))));
        marks.refresh(this, monitoring, force);
        marks
    }

    /// The handler that covers a unit.
    pub fn handler(&self, unit: usize) -> Option<&ExceptionEntry> {
        exception_table::lookup(&self.entries, unit as u32)
    }
}

impl Unit {
    /// Cache word `index` behind this instruction (0 is the first unit after it).
    ///
    /// # Safety
    /// The instruction has more than `index` cache units.
    #[inline(always)]
    pub unsafe fn cache(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the cache units follow in the same allocation and are only used as atomic words.
        unsafe { &*std::ptr::from_ref(self).add(1 + index).cast::<AtomicU64>() }
    }

    /// As [`Unit::cache`], for a pointer.
    ///
    /// # Safety
    /// As [`Unit::cache`]; the word is only used as a pointer.
    #[inline(always)]
    pub unsafe fn cache_ptr(&self, index: usize) -> &AtomicPtr<PyObject> {
        // SAFETY: as above.
        unsafe { &*std::ptr::from_ref(self).add(1 + index).cast::<AtomicPtr<PyObject>>() }
    }

    /// Fills a cache entry: the three words from `at`, of which the first names version and form, the second is the
    /// form's, and the third is a borrowed pointer. `false` when another thread is filling it.
    ///
    /// While the words change the first one is none that a reader accepts, and only one thread changes them.
    ///
    /// # Safety
    /// The instruction has these cache units; the third is only used as a pointer, and what it points to lives as long as
    /// the version holds.
    pub unsafe fn fill_entry(&self, at: usize, first: u64, second: u64, pointer: *mut PyObject) -> bool {
        // SAFETY: by the contract.
        unsafe {
            let word = self.cache(at);
            let now = word.load(Relaxed);
            if now == BUSY || word.compare_exchange(now, BUSY, AcqRel, Relaxed).is_err() {
                return false;
            }
            if !pointer.is_null() {
                mode::publish(pointer);
            }
            self.cache_ptr(at + 2).store(pointer, Release);
            self.cache(at + 1).store(second, Release);
            word.store(first, Release);
            true
        }
    }

    /// Counts an execution of the unspecialised form; whether it is time to specialise.
    ///
    /// A settled instruction writes nothing: threads that run the same code would wait for each other's cache lines.
    #[inline(always)]
    pub fn warm(&self) -> bool {
        let left = self.counter.get();
        if left == SETTLED {
            return false;
        }
        self.counter.set(if left == 0 { RETRY } else { left - 1 });
        left == 0
    }

    /// Publishes a specialised form.
    ///
    /// An instrumented instruction stays as it is.
    pub fn specialize(&self, op: Opcode) {
        let now = self.op.get();
        if now < MIN_INSTRUMENTED_OPCODE {
            let _lost = self.op.compare_exchange(now, op as u8, Release, Relaxed);
        }
    }

    /// Counts a failure of a specialised form that goes on as it is; `false` when there were too many.
    pub fn counts_miss(&self) -> bool {
        let misses = self.misses.get();
        self.misses.set((misses + 1).min(MAX_MISSES));
        misses < MAX_MISSES
    }

    /// Specialising failed: tries again later, ever later, and at last no more.
    pub fn miss(&self) {
        let misses = self.misses.get();
        if misses >= MAX_MISSES {
            return self.counter.set(SETTLED);
        }
        self.misses.set(misses + 1);
        self.counter.set(16 << misses);
    }

    /// Back to the base form.
    pub fn deoptimize(&self, base: Opcode) {
        self.miss();
        self.specialize(base);
    }

    #[inline(always)]
    pub fn opcode(&self) -> u8 {
        self.op.load(Relaxed)
    }
}
