//! `_pickle`: objects as streams of instructions.
pub mod buffer;
mod load;
mod opcodes;
mod pickler;
mod save;
mod source;
mod unpickler;

use buffer::PickleBuffer;
use krait_object::native::{Arg, add_type, new_exception, ready, required};
use krait_object::{
    Attached, Bytes, Dict, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, Type, exc, functions, hooks, id,
    raise,
};
use pickler::{MemoProxy, Pickler};
use std::fmt::Display;
use unpickler::{Unpickler, UnpicklerMemo};

/// Raises an exception class of this module.
fn fail(py: Attached<'_>, name: &'static str, message: impl Display) -> Raised {
    let class = import(py, "_pickle").and_then(|module| module.get_attr(py, Str::intern_static(py, name)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn cannot_pickle(py: Attached<'_>, message: impl Display) -> Raised {
    fail(py, "PicklingError", message)
}

fn cannot_unpickle(py: Attached<'_>, message: impl Display) -> Raised {
    fail(py, "UnpicklingError", message)
}

fn import(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    (hooks::hooks().import)(py, name)
}

/// A module by name: the loaded one, or else imported.
fn module_of(py: Attached<'_>, name: &Object, text: &str) -> PyResult<Ref<Object>> {
    let modules = import(py, "sys")?.get_attr(py, id!(py, modules))?;
    match lookup(py, &modules, name)? {
        Some(module) if !module.is_none() => Ok(module),
        _ if text.is_empty() => Err(raise!(py, ValueError, "Empty module name")),
        _ => import(py, text),
    }
}

/// The parts of a dotted name.
fn split_path(py: Attached<'_>, name: &Str) -> PyResult<Vec<Ref<Str>>> {
    let points = name.to_code_points();
    points.split(|&point| point == u32::from('.')).map(|part| Str::from_code_points(py, part)).collect()
}

/// A dict of `copyreg` or `_compat_pickle`.
fn table(py: Attached<'_>, module: &str, name: &'static str) -> PyResult<Ref<Object>> {
    import(py, module)?.get_attr(py, Str::intern_static(py, name))
}

/// What a table has under a key.
fn lookup(py: Attached<'_>, table: &Object, key: &Object) -> PyResult<Option<Ref<Object>>> {
    match table.downcast_exact::<Dict>() {
        Some(dict) => dict.get(py, key),
        None => table.get_item_opt(py, key),
    }
}

/// The renamed module and global between Python 2 and 3, by the tables that begin with `prefix`.
fn renamed(
    py: Attached<'_>,
    reverse: bool,
    module: Ref<Object>,
    name: Ref<Object>,
) -> PyResult<(Ref<Object>, Ref<Object>)> {
    let (names, imports) = match reverse {
        true => ("REVERSE_NAME_MAPPING", "REVERSE_IMPORT_MAPPING"),
        false => ("NAME_MAPPING", "IMPORT_MAPPING"),
    };
    let key = Tuple::pair(py, module.clone(), name.clone())?;
    if let Some(pair) = lookup(py, &*table(py, "_compat_pickle", names)?, key.as_object())? {
        let pair = pair.downcast::<Tuple>().map_err(|_| py.bad_internal_call())?;
        if let &[module, name] = pair.as_slice() {
            return Ok((module.to_ref(), name.to_ref()));
        }
    }
    match lookup(py, &*table(py, "_compat_pickle", imports)?, &module)? {
        Some(module) => Ok((module, name)),
        None => Ok((module, name)),
    }
}

fn dump(py: Attached<'_>, _: &Object, [object, file, protocol, fix, callback]: [Arg<'_>; 5]) -> PyResult<()> {
    let pickler = Pickler::make(py, Pickler::type_object())?;
    pickler.set_up(py, Some(required(py, file)?), protocol, fix, callback)?;
    pickler.dump_object(py, required(py, object)?).map(drop)
}

fn dumps(py: Attached<'_>, _: &Object, [object, protocol, fix, callback]: [Arg<'_>; 4]) -> PyResult<Ref<Bytes>> {
    let pickler = Pickler::make(py, Pickler::type_object())?;
    pickler.set_up(py, None, protocol, fix, callback)?;
    let out = pickler.dump_object(py, required(py, object)?)?;
    Bytes::new(py, &out)
}

fn load(py: Attached<'_>, _: &Object, [file, fix, encoding, errors, buffers]: [Arg<'_>; 5]) -> PyResult<Ref<Object>> {
    let unpickler = Unpickler::make(py, Unpickler::type_object())?;
    unpickler.set_up(py, Some(required(py, file)?), fix, encoding, errors, buffers)?;
    unpickler.load_object(py)
}

fn loads(py: Attached<'_>, _: &Object, [data, fix, encoding, errors, buffers]: [Arg<'_>; 5]) -> PyResult<Ref<Object>> {
    let unpickler = Unpickler::make(py, Unpickler::type_object())?;
    unpickler.set_up(py, None, fix, encoding, errors, buffers)?;
    unpickler.set_data(py, required(py, data)?)?;
    unpickler.load_object(py)
}

/// Fills `_pickle`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "dump" => dump, "($module, /, obj, file, protocol=None, *, fix_imports=True, buffer_callback=None)", "Write a pickled representation of obj to the open file object file.\n\nThis is Pickler(file, protocol).dump(obj), and may be faster.";
            sig "dumps" => dumps, "($module, /, obj, protocol=None, *, fix_imports=True, buffer_callback=None)", "Return the pickled representation of the object as a bytes object.";
            sig "load" => load, "($module, /, file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())", "Read and return an object from the pickle data stored in a file.\n\nThis is Unpickler(file).load(), and may be faster.";
            sig "loads" => loads, "($module, data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())", "Read and return an object from the given pickle data.";
        },
    )?;
    add_type::<Pickler>(py, module, "Pickler")?;
    add_type::<Unpickler>(py, module, "Unpickler")?;
    add_type::<PickleBuffer>(py, module, "PickleBuffer")?;
    ready::<MemoProxy>(py)?;
    ready::<UnpicklerMemo>(py)?;
    let error = new_exception(py, "_pickle", "PickleError", exc::Exception())?;
    module.add(py, "PickleError", &error)?;
    let Some(base) = error.as_object().downcast::<Type>() else { return Err(py.bad_internal_call()) };
    for name in ["PicklingError", "UnpicklingError"] {
        module.add(py, name, &*new_exception(py, "_pickle", name, base)?)?;
    }
    Ok(())
}

/// A protocol argument.
fn protocol_of(py: Attached<'_>, protocol: Arg<'_>) -> PyResult<i32> {
    let Some(protocol) = protocol.filter(|protocol| !protocol.is_none()) else { return Ok(opcodes::DEFAULT) };
    let protocol = protocol.as_i32(py)?;
    match protocol {
        ..0 => Ok(opcodes::HIGHEST),
        protocol if protocol > opcodes::HIGHEST => {
            Err(raise!(py, ValueError, "pickle protocol must be <= {}", opcodes::HIGHEST))
        }
        protocol => Ok(protocol),
    }
}
