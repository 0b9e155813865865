//! `_symtable`: the compiler's symbol table as objects.
use crate::compile::{Mode, filename, parse_symbols};
use krait_compiler::symbols::{SCOPE_OFFSET, SymbolBlock};
use krait_object::layout::Field;
use krait_object::native::{Arg, alloc, ready, required};
use krait_object::typedef::member;
use krait_object::{
    Attached, Dict, Int, Layout, List, Module, Object, PyResult, Ref, Slot, Str, functions, pytype, raise,
};
use std::ffi::{c_int, c_long};
use std::mem::offset_of;

krait_object::native! {
    /// `symtable entry`: a block.
    pub struct Entry {
        id: Slot,
        name: Slot,
        symbols: Slot,
        varnames: Slot,
        children: Slot,
        nested: Field<c_int>,
        kind: Field<c_int>,
        lineno: Field<c_long>,
    }
}

pytype! {
    static ENTRY: "symtable entry" for Entry {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Entry::dealloc,
            tp_traverse = Entry::traverse,
            tp_repr = Entry::repr,
        },
        members: [
            member("id\0", Py_T_OBJECT_EX, offset_of!(Entry, id), Py_READONLY, c""),
            member("name\0", Py_T_OBJECT_EX, offset_of!(Entry, name), Py_READONLY, c""),
            member("symbols\0", Py_T_OBJECT_EX, offset_of!(Entry, symbols), Py_READONLY, c""),
            member("varnames\0", Py_T_OBJECT_EX, offset_of!(Entry, varnames), Py_READONLY, c""),
            member("children\0", Py_T_OBJECT_EX, offset_of!(Entry, children), Py_READONLY, c""),
            member("nested\0", Py_T_INT, offset_of!(Entry, nested), Py_READONLY, c""),
            member("type\0", Py_T_INT, offset_of!(Entry, kind), Py_READONLY, c""),
            member("lineno\0", Py_T_LONG, offset_of!(Entry, lineno), Py_READONLY, c""),
        ],
    }
}

impl Entry {
    fn repr(py: Attached<'_>, this: &Entry) -> PyResult<String> {
        let text = |slot: &Slot| match slot.get() {
            Some(value) => Ok(value.str(py)?.to_string_lossy().into_owned()),
            None => Ok(String::new()),
        };
        Ok(format!("<symtable entry {}({}), line {}>", text(&this.name)?, text(&this.id)?, this.lineno.get()))
    }

    /// The entry of a block, and those of the blocks inside.
    fn of(py: Attached<'_>, blocks: &[SymbolBlock], index: usize) -> PyResult<Ref<Object>> {
        let _nested = py.enter_recursive(" during compilation")?;
        let block = blocks.get(index).ok_or_else(|| py.bad_internal_call())?;
        let this = alloc::<Entry>(py, ready::<Entry>(py)?)?;
        let symbols = Dict::new(py)?;
        for (name, bits) in &block.symbols {
            symbols.set_str(py, name, Int::from_i64(py, i64::from(*bits))?.as_object())?;
        }
        let mut varnames = Vec::new();
        for name in &block.varnames {
            varnames.push(Str::new(py, name)?.upcast());
        }
        let mut children = Vec::new();
        for child in &block.children {
            children.push(Entry::of(py, blocks, *child)?);
        }
        let address = Int::from_i64(py, this.as_object().as_ptr() as i64)?;
        drop(this.id.replace(Some(address.upcast())));
        drop(this.name.replace(Some(Str::new(py, &block.name)?.upcast())));
        drop(this.symbols.replace(Some(symbols.upcast())));
        drop(this.varnames.replace(Some(List::from_vec(py, varnames)?.upcast())));
        drop(this.children.replace(Some(List::from_vec(py, children)?.upcast())));
        this.nested.set(c_int::from(block.nested));
        this.kind.set(c_int::from(block.kind));
        this.lineno.set(c_long::from(block.line));
        Ok(this.upcast())
    }
}

fn symtable(py: Attached<'_>, _: &Object, [source, name, mode]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
    let (source, name, mode) = (required(py, source)?, required(py, name)?, required(py, mode)?);
    let name = filename(py, name)?;
    let Some(mode) = mode.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "symtable() argument 3 must be str, not {}",
            krait_object::builtins::textargs::arg_type(mode)
        ));
    };
    let mode = match &*mode.to_string_lossy() {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        _ => return Err(raise!(py, ValueError, "symtable() arg 3 must be 'exec' or 'eval' or 'single'")),
    };
    let blocks = parse_symbols(py, source, &name, mode)?;
    Entry::of(py, &blocks, 0)
}

/// Fills the module.
///
/// # Errors
/// What making objects raises.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "symtable" => symtable, "($module, source, filename, startstr, /)", "Return the symbol table that the compiler makes of a source text.";
        },
    )?;
    for (name, value) in [
        ("USE", 16),
        ("DEF_GLOBAL", 1),
        ("DEF_NONLOCAL", 8),
        ("DEF_LOCAL", 2),
        ("DEF_PARAM", 4),
        ("DEF_TYPE_PARAM", 1024),
        ("DEF_FREE_CLASS", 64),
        ("DEF_IMPORT", 128),
        ("DEF_BOUND", 134),
        ("DEF_ANNOT", 256),
        ("DEF_COMP_ITER", 512),
        ("DEF_COMP_CELL", 2048),
        ("TYPE_FUNCTION", 0),
        ("TYPE_CLASS", 1),
        ("TYPE_MODULE", 2),
        ("TYPE_ANNOTATION", 3),
        ("TYPE_TYPE_ALIAS", 4),
        ("TYPE_TYPE_PARAMETERS", 5),
        ("TYPE_TYPE_VARIABLE", 6),
        ("LOCAL", 1),
        ("GLOBAL_EXPLICIT", 2),
        ("GLOBAL_IMPLICIT", 3),
        ("FREE", 4),
        ("CELL", 5),
        ("SCOPE_OFF", i64::from(SCOPE_OFFSET)),
        ("SCOPE_MASK", 15),
    ] {
        module.add(py, name, Int::from_i64(py, value)?.as_object())?;
    }
    Ok(())
}
