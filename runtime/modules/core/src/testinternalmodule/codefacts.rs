//! What `_testinternalcapi` tells of code objects: kinds of variables, and what code needs of where it comes from.
use crate::interpreters::data::{instructions, reads_globals};
use krait_bytecode::opcode::Opcode;
use krait_object::layout::{CO_VARARGS, CO_VARKEYWORDS};
use krait_object::native::{Arg, required};
use krait_object::{Attached, Code, Dict, Function, Int, Layout, Module, Object, PyResult, Ref, functions, raise};
use std::collections::BTreeSet;

const ARGUMENT: u8 = 0x02 | 0x04 | 0x08;
const HIDDEN: u8 = 0x10;
const LOCAL: u8 = 0x20;
const CELL: u8 = 0x40;
const FREE: u8 = 0x80;

fn code_arg<'a>(py: Attached<'_>, object: &'a Object) -> PyResult<&'a Code> {
    if let Some(function) = object.downcast::<Function>() {
        return Ok(function.code());
    }
    object.downcast::<Code>().ok_or_else(|| raise!(py, TypeError, "argument must be a code object or a function"))
}

/// The kind of each local variable, as the bits that the compiler gives it.
fn local_kinds(py: Attached<'_>, _: &Object, code: &Object) -> PyResult<Ref<Dict>> {
    let code = code_arg(py, code)?;
    let kinds = Dict::new(py)?;
    for (name, kind) in code.localsplusnames().as_slice().iter().zip(code.localspluskinds().as_slice()) {
        kinds.set(py, name, Int::from_i64(py, i64::from(*kind))?.as_object())?;
    }
    Ok(kinds)
}

/// Whether each `return` of the code gives None.
fn returns_only_none(py: Attached<'_>, _: &Object, code: &Object) -> PyResult<bool> {
    Ok(crate::interpreters::data::returns_only_none(code_arg(py, code)?))
}

/// Raises unless code needs nothing of where it comes from. A function may read no globals but builtins.
fn verify_stateless(py: Attached<'_>, _: &Object, [code, _names, globals, _builtins]: [Arg<'_>; 4]) -> PyResult<()> {
    let object = required(py, code)?;
    let code = code_arg(py, object)?;
    if code.raw().co_nfreevars.get() != 0 {
        return Err(raise!(py, ValueError, "code has free variables"));
    }
    let own = object.downcast::<Function>().and_then(|function| function.globals().downcast::<Dict>());
    let globals = globals.and_then(|globals| globals.downcast::<Dict>()).or(own);
    match globals {
        Some(globals) if reads_globals(py, code, Some(globals))? => Err(raise!(py, ValueError, "code reads globals")),
        _ => Ok(()),
    }
}

/// Numbers by name; nested ones are dicts.
enum Count<'a> {
    Number(usize),
    Group(&'a [(&'a str, Count<'a>)]),
}

fn dict(py: Attached<'_>, entries: &[(&str, Count<'_>)]) -> PyResult<Ref<Dict>> {
    let out = Dict::new(py)?;
    for (name, count) in entries {
        match count {
            Count::Number(number) => out.set_str(py, name, Int::from_i64(py, *number as i64)?.as_object())?,
            Count::Group(entries) => out.set_str(py, name, dict(py, entries)?.as_object())?,
        }
    }
    Ok(out)
}

/// The indices into `co_names` that code uses for global variables, and those for attributes.
fn unbound(code: &Code) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let (mut globals, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    for (op, arg) in instructions(code) {
        let arg = arg as usize;
        match op {
            Opcode::LOAD_GLOBAL => globals.insert(arg >> 1),
            Opcode::STORE_GLOBAL | Opcode::DELETE_GLOBAL => globals.insert(arg),
            Opcode::LOAD_ATTR => attributes.insert(arg >> 1),
            Opcode::LOAD_SUPER_ATTR => attributes.insert(arg >> 2),
            Opcode::STORE_ATTR | Opcode::DELETE_ATTR => attributes.insert(arg),
            _ => false,
        };
    }
    (globals, attributes)
}

/// How many variables of each kind code has.
fn var_counts(
    py: Attached<'_>,
    _: &Object,
    [code, _names, _attributes, globals, builtins]: [Arg<'_>; 5],
) -> PyResult<Ref<Dict>> {
    use Count::{Group, Number};
    let object = required(py, code)?;
    let code = code_arg(py, object)?;
    let function = object.downcast::<Function>();
    let space = |given: Arg<'_>, own: Option<Ref<Object>>| match given.filter(|given| !given.is_none()) {
        Some(given) => Some(given.to_ref()),
        None => own,
    };
    let own = |name: &str| match function {
        Some(function) => Ok(Some(function.as_object().get_attr(py, &*krait_object::Str::new(py, name)?)?)),
        None => Ok(None),
    };
    let spaces = [space(globals, own("__globals__")?), space(builtins, own("__builtins__")?)];

    let (raw, kinds) = (code.raw(), code.localspluskinds().as_slice());
    let count = |test: &dyn Fn(u8) -> bool| kinds.iter().filter(|kind| test(**kind)).count();
    let flag = |bit| usize::from(raw.co_flags.get() & bit != 0);
    let positional_only = raw.co_posonlyargcount.get() as usize;
    let positional = raw.co_argcount.get() as usize - positional_only;
    let (keyword, many, many_keywords) = (raw.co_kwonlyargcount.get() as usize, flag(CO_VARARGS), flag(CO_VARKEYWORDS));
    let arguments = positional_only + positional + keyword + many + many_keywords;
    let argument_cells = count(&|kind| kind & CELL != 0 && kind & ARGUMENT != 0);
    let other_cells = count(&|kind| kind & CELL != 0 && kind & ARGUMENT == 0);
    let pure = count(&|kind| kind & LOCAL != 0 && kind & (CELL | ARGUMENT) == 0);
    let hidden_cells = count(&|kind| kind & HIDDEN != 0 && kind & CELL != 0);
    let hidden = count(&|kind| kind & HIDDEN != 0);
    let locals = arguments + other_cells + pure;
    let free = count(&|kind| kind & FREE != 0);

    let (globals, attributes) = unbound(code);
    let mut found = [0, 0];
    for index in &globals {
        let Some(name) = code.names().as_slice().get(*index) else { continue };
        for (space, found) in spaces.iter().zip(&mut found) {
            if space.as_ref().map_or(Ok(false), |space| space.contains(py, name))? {
                *found += 1;
                break;
            }
        }
    }
    let unknown = code.names().as_slice().len() - globals.union(&attributes).count();
    let unbound = globals.len() + attributes.len() + unknown;
    let arguments = [
        ("total", Number(arguments)),
        ("numposonly", Number(positional_only)),
        ("numposorkw", Number(positional)),
        ("numkwonly", Number(keyword)),
        ("varargs", Number(many)),
        ("varkwargs", Number(many_keywords)),
    ];
    let cells = [
        ("total", Number(argument_cells + other_cells)),
        ("numargs", Number(argument_cells)),
        ("numothers", Number(other_cells)),
    ];
    let hidden =
        [("total", Number(hidden)), ("numpure", Number(hidden - hidden_cells)), ("numcells", Number(hidden_cells))];
    let global_counts = [
        ("total", Number(globals.len())),
        ("numglobal", Number(found[0])),
        ("numbuiltin", Number(found[1])),
        ("numunknown", Number(globals.len() - found[0] - found[1])),
    ];
    dict(
        py,
        &[
            ("total", Number(locals + free + unbound)),
            (
                "locals",
                Group(&[
                    ("total", Number(locals)),
                    ("args", Group(&arguments)),
                    ("numpure", Number(pure)),
                    ("cells", Group(&cells)),
                    ("hidden", Group(&hidden)),
                ]),
            ),
            ("numfree", Number(free)),
            (
                "unbound",
                Group(&[
                    ("total", Number(unbound)),
                    ("globals", Group(&global_counts)),
                    ("numattrs", Number(attributes.len())),
                    ("numunknown", Number(unknown)),
                ]),
            ),
        ],
    )
}

/// Adds the functions to `_testinternalcapi`.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "get_co_localskinds" => local_kinds, "", "The kind of each local variable of code.";
            o "code_returns_only_none" => returns_only_none, "", "Whether code returns nothing but None.";
            sig "verify_stateless_code" => verify_stateless, "(codearg, globalnames=None, globalsns=None, builtinsns=None)", "Raises unless code needs nothing of where it comes from.";
            sig "get_code_var_counts" => var_counts, "(codearg, globalnames=None, attrnames=None, globalsns=None, builtinsns=None)", "How many variables of each kind code has.";
        },
    )
}
