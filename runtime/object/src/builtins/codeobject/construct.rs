//! How code objects are made: from parts, by `code()`, by `replace()`.
use super::{Code, next_version};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::mem;
use crate::{Bytes, Object, PyResult, Str, Tuple, Type, raise};
use krait_bytecode::flags::{self, kind};
use std::ffi::c_int;

const SPECIALS_SIZE: c_int = (std::mem::offset_of!(_PyInterpreterFrame, localsplus) / size_of::<usize>()) as c_int;

/// What a code object is made of.
pub struct CodeParts {
    pub argcount: c_int,
    pub posonlyargcount: c_int,
    pub kwonlyargcount: c_int,
    pub stacksize: c_int,
    pub flags: c_int,
    pub code: Ref<Bytes>,
    pub consts: Ref<Tuple>,
    pub names: Ref<Tuple>,
    pub localsplusnames: Ref<Tuple>,
    pub localspluskinds: Ref<Bytes>,
    pub filename: Ref<Str>,
    pub name: Ref<Str>,
    pub qualname: Ref<Str>,
    pub firstlineno: c_int,
    pub linetable: Ref<Bytes>,
    pub exceptiontable: Ref<Bytes>,
}

/// The bytecode without specialised instructions and with cleared caches.
fn pristine(code: &[u8]) -> Vec<u8> {
    let mut out = code.to_vec();
    let mut at = 0;
    while at + 1 < out.len() {
        let caches = match krait_bytecode::Opcode::from_u8(out[at]) {
            Some(op) => {
                out[at] = op.base() as u8;
                op.base().cache_entries()
            }
            None => 0,
        };
        at += 2;
        let end = (at + 2 * caches).min(out.len());
        out[at..end].fill(0);
        at = end;
    }
    out
}

/// A tuple of strings with every string interned.
fn intern_names(py: Attached<'_>, names: &Tuple) -> PyResult<Ref<Tuple>> {
    let mut interned: Vec<&Object> = Vec::with_capacity(names.len());
    for name in names.as_slice() {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, SystemError, "non-string found in code slot"));
        };
        interned.push(Str::intern(py, name.to_ref()).as_object());
    }
    Tuple::from_slice(py, &interned)
}

fn is_name_like(text: &Str) -> bool {
    text.as_str().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// Constants with name-like strings interned.
fn intern_consts(py: Attached<'_>, consts: Ref<Tuple>) -> PyResult<Ref<Tuple>> {
    let wanted = |item: &&Object| item.downcast_exact::<Str>().is_some_and(|s| !s.is_interned() && is_name_like(s));
    if !consts.as_slice().iter().any(&wanted) {
        return Ok(consts);
    }
    let items = consts.as_slice().iter().map(|item| match item.downcast_exact::<Str>() {
        Some(text) if wanted(item) => Str::intern(py, text.to_ref()).as_object().to_ref(),
        _ => item.to_ref(),
    });
    Tuple::from_vec(py, items.collect())
}

impl Code {
    /// A code object; `ValueError` when the parts do not fit together.
    pub fn from_parts(py: Attached<'_>, parts: CodeParts) -> PyResult<Ref<Code>> {
        let kinds = parts.localspluskinds.as_slice();
        let total_args = parts.argcount + parts.kwonlyargcount;
        let sane = parts.argcount >= parts.posonlyargcount
            && parts.posonlyargcount >= 0
            && parts.kwonlyargcount >= 0
            && parts.stacksize >= 0
            && parts.flags >= 0
            && kinds.len() == parts.localsplusnames.len();
        if !sane {
            return Err(py.bad_internal_call());
        }
        let code = parts.code.as_slice();
        if code.is_empty() || !code.len().is_multiple_of(2) || code.len() / 2 > i32::MAX as usize / 2 {
            return Err(raise!(py, ValueError, "code: co_code is malformed"));
        }
        let code = pristine(code);
        let count = |bit: u8| kinds.iter().filter(|kind| **kind & bit != 0).count() as c_int;
        let (nlocals, ncells, nfree) = (count(kind::LOCAL), count(kind::CELL), count(kind::FREE));
        let extra = [flags::CO_VARARGS, flags::CO_VARKEYWORDS];
        let varargs = extra.iter().filter(|flag| parts.flags as u32 & **flag != 0).count() as c_int;
        if total_args.checked_add(varargs).is_none_or(|total| total > nlocals) {
            return Err(raise!(py, ValueError, "code: co_varnames is too small"));
        }
        let names = intern_names(py, &parts.names)?;
        let localsplusnames = intern_names(py, &parts.localsplusnames)?;
        let consts = intern_consts(py, parts.consts)?;
        let nlocalsplus = kinds.len() as c_int;
        // Behind the units, in `nogil` mode: the array that names the only copy of the bytecode, which greenlet reads.
        let room = if crate::FREE_THREADED { (size_of::<_PyCodeArray>() + 8) / 2 } else { 0 };
        let raw = mem::alloc_instance(py, Code::type_object(), code.len() / 2 + room)?;
        // SAFETY: fresh memory of this type.
        unsafe { (*raw.as_ptr().cast::<PyVarObject>()).ob_size.set(code.len() as isize / 2) };
        // SAFETY: fresh memory of this type, filled below before anybody sees it.
        let object = unsafe { Ref::<Code>::from_raw(raw.as_ptr()) };
        let this = &object.0;
        this.co_consts.set(consts.into_raw());
        this.co_names.set(names.into_raw());
        this.co_exceptiontable.set(parts.exceptiontable.into_raw());
        this.co_flags.set(parts.flags);
        this.co_argcount.set(parts.argcount);
        this.co_posonlyargcount.set(parts.posonlyargcount);
        this.co_kwonlyargcount.set(parts.kwonlyargcount);
        this.co_stacksize.set(parts.stacksize.max(1));
        this.co_firstlineno.set(parts.firstlineno);
        this.co_nlocalsplus.set(nlocalsplus);
        this.co_framesize.set(nlocalsplus + parts.stacksize.max(1) + SPECIALS_SIZE);
        this.co_nlocals.set(nlocals);
        this.co_ncellvars.set(ncells);
        this.co_nfreevars.set(nfree);
        this.co_version.set(next_version());
        this.co_localsplusnames.set(localsplusnames.into_raw());
        this.co_localspluskinds.set(parts.localspluskinds.into_raw());
        this.co_filename.set(parts.filename.into_raw());
        this.co_name.set(Str::intern(py, parts.name).to_ref().into_raw());
        this.co_qualname.set(Str::intern(py, parts.qualname).to_ref().into_raw());
        this.co_linetable.set(parts.linetable.into_raw());
        this._co_unique_id.set(0);
        this._co_firsttraceable.set(first_traceable(&code));
        // SAFETY: [exact-size]: the object has room for every unit.
        unsafe {
            let target = (&raw const this.co_code_adaptive).cast_mut().cast::<u8>();
            std::ptr::copy_nonoverlapping(code.as_ptr(), target, code.len());
            if let Some(field) = this.co_tlbc.as_ref() {
                let end = target.add(code.len());
                let array = end.add(end.align_offset(align_of::<_PyCodeArray>())).cast::<_PyCodeArray>();
                (*array).size.set(1);
                (*array).entries[0].set(target.cast());
                field.set(array);
            }
        }
        crate::watch::code_made(py, object.as_object());
        Ok(object)
    }

    pub(super) fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Code>> {
        args.no_keywords(py, "code")?;
        let pos = args.pos;
        crate::args::check_positional(py, "code", pos.len(), 16, 18)?;
        let empty = Tuple::empty(py);
        let tuple = |at: usize| match pos.get(at) {
            None => Ok(empty.clone()),
            Some(value) => expect::<Tuple>(py, value, "code", &format!("{}", at + 1), "tuple"),
        };
        let int = |at: usize, name: &str| -> PyResult<c_int> {
            let value = pos[at].as_i32(py)?;
            if value < 0 && name != "firstlineno" {
                return Err(raise!(py, ValueError, "code: {name} must not be negative"));
            }
            Ok(value)
        };
        let bytes = |at: usize| expect::<Bytes>(py, pos[at], "code", &format!("{}", at + 1), "bytes");
        let text = |at: usize| expect::<Str>(py, pos[at], "code", &format!("{}", at + 1), "str");
        let nlocals = int(3, "nlocals")?;
        let mut parts = CodeParts {
            argcount: int(0, "argcount")?,
            posonlyargcount: int(1, "posonlyargcount")?,
            kwonlyargcount: int(2, "kwonlyargcount")?,
            stacksize: int(4, "stacksize")?,
            flags: int(5, "flags")?,
            code: bytes(6)?,
            consts: tuple(7)?,
            names: tuple(8)?,
            localsplusnames: empty.clone(),
            localspluskinds: Bytes::new(py, b"")?,
            filename: text(10)?,
            name: text(11)?,
            qualname: text(12)?,
            firstlineno: int(13, "firstlineno")?,
            linetable: bytes(14)?,
            exceptiontable: bytes(15)?,
        };
        let (variables, cells, free) = (tuple(9)?, tuple(17)?, tuple(16)?);
        set_variables(py, &mut parts, nlocals, &variables, &cells, &free)?;
        Code::from_parts(py, parts)
    }

    /// The parts of this code object, to make a changed copy.
    pub fn parts(&self, py: Attached<'_>) -> PyResult<CodeParts> {
        let raw = &self.0;
        Ok(CodeParts {
            argcount: raw.co_argcount.get(),
            posonlyargcount: raw.co_posonlyargcount.get(),
            kwonlyargcount: raw.co_kwonlyargcount.get(),
            stacksize: raw.co_stacksize.get(),
            flags: raw.co_flags.get(),
            code: Bytes::new(py, self.code())?,
            consts: self.consts().to_ref(),
            names: self.names().to_ref(),
            localsplusnames: self.localsplusnames().to_ref(),
            localspluskinds: self.localspluskinds().to_ref(),
            filename: self.filename().to_ref(),
            name: self.name().to_ref(),
            qualname: self.qualname().to_ref(),
            firstlineno: raw.co_firstlineno.get(),
            linetable: self.linetable().to_ref(),
            exceptiontable: self.exceptiontable().to_ref(),
        })
    }

    pub(super) fn replace(py: Attached<'_>, this: &Code, args: Args<'_>) -> PyResult<Ref<Code>> {
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "replace() takes no positional arguments"));
        }
        let mut parts = this.parts(py)?;
        let mut nlocals = this.0.co_nlocals.get();
        let (mut varnames, mut cellvars, mut freevars) =
            (Code::varnames(py, this)?, Code::cellvars(py, this)?, Code::freevars(py, this)?);
        for (key, value) in args.names.iter().zip(args.values) {
            let Some(key) = key.downcast::<Str>() else {
                return Err(raise!(py, TypeError, "keywords must be strings"));
            };
            let key = key.to_string_lossy();
            let int = || -> PyResult<c_int> {
                let number = value.as_i32(py)?;
                if number < 0 && key != "co_firstlineno" {
                    return Err(raise!(py, ValueError, "{key} must be a positive integer"));
                }
                Ok(number)
            };
            let tuple = || expect::<Tuple>(py, value, "replace", &format!("'{key}'"), "tuple");
            let bytes = || expect::<Bytes>(py, value, "replace", &format!("'{key}'"), "bytes");
            let text = || expect::<Str>(py, value, "replace", &format!("'{key}'"), "str");
            match &*key {
                "co_argcount" => parts.argcount = int()?,
                "co_posonlyargcount" => parts.posonlyargcount = int()?,
                "co_kwonlyargcount" => parts.kwonlyargcount = int()?,
                "co_nlocals" => nlocals = int()?,
                "co_stacksize" => parts.stacksize = int()?,
                "co_flags" => parts.flags = int()?,
                "co_firstlineno" => parts.firstlineno = int()?,
                "co_code" => parts.code = bytes()?,
                "co_consts" => parts.consts = tuple()?,
                "co_names" => parts.names = tuple()?,
                "co_varnames" => varnames = tuple()?,
                "co_freevars" => freevars = tuple()?,
                "co_cellvars" => cellvars = tuple()?,
                "co_filename" => parts.filename = text()?,
                "co_name" => parts.name = text()?,
                "co_qualname" => parts.qualname = text()?,
                "co_linetable" => parts.linetable = bytes()?,
                "co_exceptiontable" => parts.exceptiontable = bytes()?,
                _ => return Err(raise!(py, TypeError, "replace() got an unexpected keyword argument '{key}'")),
            }
        }
        let hidden: Vec<usize> = (0..this.localspluskinds().as_slice().len())
            .filter(|at| this.localspluskinds().as_slice()[*at] & kind::HIDDEN != 0)
            .collect();
        set_variables(py, &mut parts, nlocals, &varnames, &cellvars, &freevars)?;
        if !hidden.is_empty() && parts.localspluskinds.as_slice().len() == this.localspluskinds().as_slice().len() {
            let mut kinds = parts.localspluskinds.as_slice().to_vec();
            hidden.iter().for_each(|at| kinds[*at] |= kind::HIDDEN);
            parts.localspluskinds = Bytes::new(py, &kinds)?;
        }
        Code::from_parts(py, parts)
    }
}

fn expect<T: Layout>(py: Attached<'_>, value: &Object, function: &str, arg: &str, wanted: &str) -> PyResult<Ref<T>> {
    match value.downcast::<T>() {
        Some(value) => Ok(value.to_ref()),
        None => {
            let given = value.ty().name();
            Err(raise!(py, TypeError, "{function}() argument {arg} must be {wanted}, not {given}"))
        }
    }
}

/// Sets `localsplusnames` and `localspluskinds` from the three lists of names.
fn set_variables(
    py: Attached<'_>,
    parts: &mut CodeParts,
    nlocals: c_int,
    varnames: &Tuple,
    cellvars: &Tuple,
    freevars: &Tuple,
) -> PyResult<()> {
    if nlocals as usize != varnames.len() {
        return Err(raise!(py, ValueError, "code: co_nlocals != len(co_varnames)"));
    }
    let positional = parts.argcount as usize;
    let (posonly, keyword) = (parts.posonlyargcount as usize, positional + parts.kwonlyargcount as usize);
    let varargs = parts.flags as u32 & flags::CO_VARARGS != 0;
    let varkeywords = parts.flags as u32 & flags::CO_VARKEYWORDS != 0;
    let star = if varargs { keyword } else { usize::MAX };
    let double = if varkeywords { keyword + usize::from(varargs) } else { usize::MAX };
    let mut names: Vec<&Object> = varnames.as_slice().to_vec();
    let mut kinds: Vec<u8> = (0..names.len())
        .map(|at| {
            kind::LOCAL
                | match at {
                    _ if at < posonly => kind::ARG_POS,
                    _ if at < positional => kind::ARG_POS | kind::ARG_KW,
                    _ if at < keyword => kind::ARG_KW,
                    _ if at == star => kind::ARG_POS | kind::ARG_VAR,
                    _ if at == double => kind::ARG_KW | kind::ARG_VAR,
                    _ => 0,
                }
        })
        .collect();
    for cell in cellvars.as_slice() {
        let mut known = None;
        for (at, name) in varnames.as_slice().iter().enumerate() {
            if name.eq(py, cell)? {
                known = Some(at);
                break;
            }
        }
        match known {
            Some(at) => kinds[at] |= kind::CELL,
            None => {
                names.push(cell);
                kinds.push(kind::CELL);
            }
        }
    }
    for free in freevars.as_slice() {
        names.push(free);
        kinds.push(kind::FREE);
    }
    parts.localsplusnames = Tuple::from_slice(py, &names)?;
    parts.localspluskinds = Bytes::new(py, &kinds)?;
    Ok(())
}

/// Index of the first `RESUME`: earlier instructions are not traced.
fn first_traceable(code: &[u8]) -> c_int {
    let mut instructions = krait_bytecode::Instructions::new(code);
    instructions.find(|i| i.op.base() == krait_bytecode::Opcode::RESUME).map_or(0, |i| i.offset as c_int)
}
