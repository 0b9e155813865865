//! `code`: compiled code, immutable but for caches.
//!
//! `co_code_adaptive` always holds the architectural bytecode with cleared caches; what the VM executes hangs off
//! `co_executors` and is freed with the object.
//!
//! Concurrency: everything but the caches is [frozen]; caches are published once.
mod construct;
mod lines;

pub use construct::CodeParts;
pub use lines::{CodeIter, PositionsIter};

use crate::handle::{Attached, Layout, Ref, Slot};
use crate::hooks::hooks;
use crate::layout::*;
use crate::mem;
use crate::typedef::{CompareOp, member};
use crate::{Bytes, Object, PyResult, Str, Tuple, none, not_implemented, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// A code object.
#[repr(transparent)]
pub struct Code(pub(crate) PyCodeObject);

const T_INT: c_int = 1;
const T_OBJECT: c_int = 6;
const READONLY: c_int = 1;
const CO_HAS_DOCSTRING: c_int = 0x400_0000;

/// A read-only object member.
const fn object(name: &'static str, offset: usize) -> PyMemberDef {
    member(name, T_OBJECT, offset, READONLY, c"")
}

/// A read-only `int` member.
const fn int(name: &'static str, offset: usize) -> PyMemberDef {
    member(name, T_INT, offset, READONLY, c"")
}

crate::pytype! {
    #[unsafe(no_mangle)]
    pub static PyCode_Type: "code" for Code {
        base: Object,
        flags: [],
        basicsize: offset_of!(PyCodeObject, co_code_adaptive) as isize,
        itemsize: 2,
        doc: "code(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize,\n     flags, codestring, constants, names, varnames, filename, name,\n     qualname, firstlineno, linetable, exceptiontable, freevars=(),\n     cellvars=(), /)\n--\n\nMakes a code object. For those who know what they are doing.",
        slots: {
            tp_dealloc = Code::dealloc,
            tp_repr = Code::repr,
            tp_hash = Code::hash_slot,
            tp_richcompare = Code::richcompare,
            tp_new = Code::construct,
            raw tp_weaklistoffset = offset_of!(PyCodeObject, co_weakreflist) as isize,
        },
        methods: {
            noargs "__sizeof__" => Code::size_of, "($self, /)", "The object's size in bytes.";
            noargs "co_lines" => Code::lines, "($self, /)", "Iterates over (start, end, line) of runs of instructions on one line.";
            noargs "co_branches" => Code::branches, "($self, /)", "Iterates over (instruction, next when not taken, next when taken).";
            noargs "co_positions" => Code::positions, "($self, /)", "Iterates over (line, end line, column, end column) of each code unit.";
            raw "replace" => Code::replace, "($self, /, **changes)", "Returns a copy with some fields changed.";
            raw "__replace__" => Code::replace, "($self, /, **changes)", "As replace().";
            sig "_varname_from_oparg" => Code::varname_from_oparg, "($self, /, oparg)", "The local variable that an instruction's argument names.";
        },
        getset: {
            "co_lnotab" => Code::lnotab, "Line steps in the old format.";
            "_co_code_adaptive" => Code::adaptive_bytes, "The code units with the instructions as they are specialised now.";
            "co_varnames" => Code::varnames, "Names of local variables, arguments first.";
            "co_cellvars" => Code::cellvars, "Names of variables that inner functions use.";
            "co_freevars" => Code::freevars, "Names of variables of enclosing functions.";
            "co_code" => Code::code_bytes, "The bytecode.";
        },
        members: [
            int("co_argcount\0", offset_of!(PyCodeObject, co_argcount)),
            int("co_posonlyargcount\0", offset_of!(PyCodeObject, co_posonlyargcount)),
            int("co_kwonlyargcount\0", offset_of!(PyCodeObject, co_kwonlyargcount)),
            int("co_stacksize\0", offset_of!(PyCodeObject, co_stacksize)),
            int("co_flags\0", offset_of!(PyCodeObject, co_flags)),
            int("co_nlocals\0", offset_of!(PyCodeObject, co_nlocals)),
            object("co_consts\0", offset_of!(PyCodeObject, co_consts)),
            object("co_names\0", offset_of!(PyCodeObject, co_names)),
            object("co_filename\0", offset_of!(PyCodeObject, co_filename)),
            object("co_name\0", offset_of!(PyCodeObject, co_name)),
            object("co_qualname\0", offset_of!(PyCodeObject, co_qualname)),
            int("co_firstlineno\0", offset_of!(PyCodeObject, co_firstlineno)),
            object("co_linetable\0", offset_of!(PyCodeObject, co_linetable)),
            object("co_exceptiontable\0", offset_of!(PyCodeObject, co_exceptiontable)),
        ],
    }
}

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// A version for a new code object; 0 (never cached) once they are used up.
fn next_version() -> u32 {
    NEXT_VERSION.try_update(Ordering::Relaxed, Ordering::Relaxed, |version| version.checked_add(1)).unwrap_or(0)
}

macro_rules! fields {
    ($($name:ident : $field:ident as $ty:ty),* $(,)?) => {
        $(#[inline(always)]
        pub fn $name(&self) -> &$ty {
            // SAFETY: [frozen]: set to an object of this type at creation.
            unsafe { &*self.0.$field.get().cast::<$ty>() }
        })*
    };
}

impl Code {
    fields!(
        consts: co_consts as Tuple,
        names: co_names as Tuple,
        localsplusnames: co_localsplusnames as Tuple,
        localspluskinds: co_localspluskinds as Bytes,
        filename: co_filename as Str,
        name: co_name as Str,
        qualname: co_qualname as Str,
        linetable: co_linetable as Bytes,
        exceptiontable: co_exceptiontable as Bytes,
    );

    #[inline(always)]
    pub fn raw(&self) -> &PyCodeObject {
        &self.0
    }

    /// The bytecode, two bytes a unit.
    pub fn code(&self) -> &[u8] {
        // SAFETY: [exact-size]; [frozen].
        unsafe {
            let start = (&raw const self.0.co_code_adaptive).cast::<u8>();
            std::slice::from_raw_parts(start, self.0.ob_base.ob_size.get() as usize * 2)
        }
    }

    /// The docstring, or None.
    pub fn doc(&self) -> Ref<Object> {
        if self.0.co_flags.get() & CO_HAS_DOCSTRING != 0
            && let Some(doc) = self.consts().as_slice().first()
        {
            return doc.to_ref();
        }
        none()
    }

    /// The line of the instruction at a unit index; `None` if it has none.
    pub fn line_of(&self, unit: i32) -> Option<i32> {
        if unit < 0 {
            return Some(self.0.co_firstlineno.get());
        }
        let location = self.location_of(unit as usize)?;
        (location.0 >= 0).then_some(location.0)
    }

    fn code_bytes(py: Attached<'_>, this: &Code) -> PyResult<Ref<Bytes>> {
        Bytes::new(py, this.code())
    }

    fn adaptive_bytes(py: Attached<'_>, this: &Code) -> PyResult<Ref<Bytes>> {
        Bytes::new(py, &(hooks().adaptive_code)(this))
    }

    fn names_of_kind(py: Attached<'_>, this: &Code, kind: u8) -> PyResult<Ref<Tuple>> {
        let names = this.localsplusnames().as_slice().iter().zip(this.localspluskinds().as_slice());
        let names: Vec<&Object> = names.filter(|(_, k)| **k & kind != 0).map(|(name, _)| *name).collect();
        Tuple::from_slice(py, &names)
    }

    pub fn varnames(py: Attached<'_>, this: &Code) -> PyResult<Ref<Tuple>> {
        Self::names_of_kind(py, this, CO_FAST_LOCAL)
    }

    pub fn cellvars(py: Attached<'_>, this: &Code) -> PyResult<Ref<Tuple>> {
        Self::names_of_kind(py, this, CO_FAST_CELL)
    }

    pub fn freevars(py: Attached<'_>, this: &Code) -> PyResult<Ref<Tuple>> {
        Self::names_of_kind(py, this, CO_FAST_FREE)
    }

    fn varname_from_oparg(py: Attached<'_>, this: &Code, [oparg]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        let Some(oparg) = oparg else { return Err(py.bad_internal_call()) };
        let index = oparg.as_i32(py)?;
        match this.localsplusnames().as_slice().get(index as usize) {
            Some(name) => Ok(name.to_ref()),
            None => Err(raise!(py, IndexError, "tuple index out of range")),
        }
    }

    fn size_of(_py: Attached<'_>, this: &Code) -> usize {
        (offset_of!(PyCodeObject, co_code_adaptive) + this.code().len()).next_multiple_of(size_of::<usize>())
    }

    fn repr(_py: Attached<'_>, this: &Code) -> String {
        let line = match this.0.co_firstlineno.get() {
            0 => -1,
            line => line,
        };
        let (name, file) = (this.name().to_string_lossy(), this.filename().to_string_lossy());
        format!("<code object {name} at {:#x}, file \"{file}\", line {line}>", this.as_ptr().addr())
    }

    fn hash_slot(py: Attached<'_>, this: &Code) -> PyResult<isize> {
        let mut hash: usize = 20_221_211;
        let mut mix = |value: usize| hash = (hash ^ value).wrapping_mul(1_000_003);
        for object in [this.name().as_object(), this.consts().as_object(), this.names().as_object()] {
            mix(object.hash(py)? as usize);
        }
        for object in [this.localsplusnames().as_object(), this.linetable().as_object()] {
            mix(object.hash(py)? as usize);
        }
        mix(this.exceptiontable().as_object().hash(py)? as usize);
        for number in this.numbers() {
            mix(number as usize);
        }
        for unit in this.code().chunks_exact(2) {
            mix(usize::from(unit[0]) << 8 | usize::from(unit[1]));
        }
        Ok(hash as isize)
    }

    fn numbers(&self) -> [c_int; 5] {
        let raw = &self.0;
        [
            raw.co_argcount.get(),
            raw.co_posonlyargcount.get(),
            raw.co_kwonlyargcount.get(),
            raw.co_flags.get(),
            raw.co_firstlineno.get(),
        ]
    }

    fn richcompare(py: Attached<'_>, this: &Code, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<Code>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(not_implemented());
        };
        let same = this.same(py, other)?;
        Ok(crate::Bool::of(same == (op == CompareOp::Eq)).as_object().to_ref())
    }

    fn same(&self, py: Attached<'_>, other: &Code) -> PyResult<bool> {
        if std::ptr::eq(self, other) {
            return Ok(true);
        }
        Ok(self.numbers() == other.numbers()
            && self.code() == other.code()
            && self.name().eq(other.name())
            && self.linetable().as_slice() == other.linetable().as_slice()
            && self.exceptiontable().as_slice() == other.exceptiontable().as_slice()
            && self.localspluskinds().as_slice() == other.localspluskinds().as_slice()
            && self.names().as_object().eq(py, other.names().as_object())?
            && self.localsplusnames().as_object().eq(py, other.localsplusnames().as_object())?
            && same_constant(py, self.consts().as_object(), other.consts().as_object())?)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Code>) {
        // SAFETY: [slot-contract].
        if unsafe { crate::watch::code_goes(py, this.as_ref().as_object()) } {
            return;
        }
        let drop_fields = |this: &Code| {
            let raw = &this.0;
            crate::watch::free_code_extra(py, this);
            let executable = raw.co_executors.swap(std::ptr::null_mut(), Ordering::AcqRel);
            if !executable.is_null() {
                // SAFETY: the VM stored it, and no frame runs this code any more.
                unsafe { (hooks().free_executable)(executable.cast()) };
            }
            for field in [
                &raw.co_consts,
                &raw.co_names,
                &raw.co_exceptiontable,
                &raw.co_localsplusnames,
                &raw.co_localspluskinds,
                &raw.co_filename,
                &raw.co_name,
                &raw.co_qualname,
                &raw.co_linetable,
            ] {
                // SAFETY: the fields own their objects.
                drop(unsafe { Slot::<Object>::of(field) }.take());
            }
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}

/// Equality of constants: types count, and floats compare by bits.
fn same_constant(py: Attached<'_>, a: &Object, b: &Object) -> PyResult<bool> {
    if a.is(b) {
        return Ok(true);
    }
    if !a.ty().as_object().is(b.ty()) {
        return Ok(false);
    }
    if let (Some(a), Some(b)) = (a.downcast_exact::<Tuple>(), b.downcast_exact::<Tuple>()) {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.as_slice().iter().zip(b.as_slice()) {
            if !same_constant(py, a, b)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Some(a), Some(b)) = (a.downcast_exact::<crate::Float>(), b.downcast_exact::<crate::Float>()) {
        return Ok(a.value().to_bits() == b.value().to_bits());
    }
    a.eq(py, b)
}
