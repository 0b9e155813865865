//! `_csv`: reading and writing of tables as text.
mod dialect;
mod reader;
mod writer;

use dialect::Dialect;
use krait_object::args::Args;
use krait_object::native::{Arg, add_type, new_exception, required};
use krait_object::{
    Attached, Dict, Int, Layout, Module, Object, PyResult, Raised, Ref, Str, Type, exc, functions, hooks, id, raise,
};
use reader::Reader;
use std::fmt::Display;
use std::sync::atomic::{AtomicI64, Ordering};
use writer::Writer;

/// The longest field that a reader accepts.
static FIELD_LIMIT: AtomicI64 = AtomicI64::new(128 * 1024);

fn this_module(py: Attached<'_>) -> PyResult<Ref<Object>> {
    (hooks::hooks().import)(py, "_csv")
}

/// Raises `_csv.Error`.
fn fail(py: Attached<'_>, message: impl Display) -> Raised {
    let class = this_module(py).and_then(|module| module.get_attr(py, id!(py, Error)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn dialects(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let dict = this_module(py)?.get_attr(py, id!(py, _dialects))?;
    dict.downcast::<Dict>().map_err(|_| py.bad_internal_call())
}

/// The dialect that was registered under a name.
fn registered(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    dialects(py)?.get(py, name)?.ok_or_else(|| fail(py, "unknown dialect"))
}

/// The dialect of a call of `reader` or `writer`, whose second argument it may be, and whose keywords are its
/// attributes.
fn dialect_of(py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Dialect>> {
    let (mut dialect, mut rest) = (args.pos.get(1).copied(), Vec::new());
    for (name, value) in args.names.iter().zip(args.values) {
        match name.downcast::<Str>() {
            Some(name) if dialect.is_none() && name.eq_str("dialect") => dialect = Some(*value),
            _ => rest.push((*name, *value)),
        }
    }
    Dialect::make(py, dialect, &rest)
}

fn register_dialect(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    krait_object::args::check_positional(py, "register_dialect", args.pos.len(), 1, 2)?;
    if args.pos[0].downcast::<Str>().is_none() {
        return Err(raise!(py, TypeError, "dialect name must be a string"));
    }
    let dialect = dialect_of(py, args)?;
    dialects(py)?.set(py, args.pos[0], dialect.as_object())
}

fn unregister_dialect(py: Attached<'_>, _: &Object, [name]: [Arg<'_>; 1]) -> PyResult<()> {
    match dialects(py)?.remove(py, required(py, name)?)? {
        Some(_) => Ok(()),
        None => Err(fail(py, "unknown dialect")),
    }
}

fn field_size_limit(py: Attached<'_>, _: &Object, [limit]: [Arg<'_>; 1]) -> PyResult<i64> {
    let old = FIELD_LIMIT.load(Ordering::Relaxed);
    if let Some(limit) = limit {
        let Some(limit) = limit.downcast_exact::<Int>() else {
            return Err(raise!(py, TypeError, "limit must be an integer"));
        };
        FIELD_LIMIT.store(limit.as_object().as_i64(py)?, Ordering::Relaxed);
    }
    Ok(old)
}

/// Fills `_csv`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            raw "reader" => Reader::make, "($module, iterable, /, dialect='excel', **fmtparams)", "Return a reader object that goes through the lines of a CSV file.\n\n  iterable\n    What gives the lines, such as a file or a list.\n  dialect\n    The name of a dialect or an object with its attributes.\n\nEach item of the reader is a list of strings.";
            raw "writer" => Writer::make, "($module, fileobj, /, dialect='excel', **fmtparams)", "Return a writer object that turns sequences into lines of a CSV file.\n\n  fileobj\n    What has the method write().\n  dialect\n    The name of a dialect or an object with its attributes.";
            noargs "list_dialects" => |py: Attached<'_>, _: &Object| dialects(py).and_then(|dialects| dialects.as_object().sequence_list(py)), "($module, /)", "Return a list of all known dialect names.";
            raw "register_dialect" => register_dialect, "($module, name, /, dialect='excel', **fmtparams)", "Create a mapping from a string name to a dialect class.";
            sig "unregister_dialect" => unregister_dialect, "($module, /, name)", "Delete the name/dialect mapping associated with a string name.";
            sig "get_dialect" => |py: Attached<'_>, _: &Object, [name]: [Arg<'_>; 1]| required(py, name).and_then(|name| registered(py, name)), "($module, /, name)", "Return the dialect instance associated with name.";
            sig "field_size_limit" => field_size_limit, "($module, /, new_limit=<unrepresentable>)", "Sets an upper limit on parsed fields.\n\nReturns the old limit. Without an argument nothing changes.";
        },
    )?;
    add_type::<Dialect>(py, module, "Dialect")?;
    add_type::<Reader>(py, module, "Reader")?;
    add_type::<Writer>(py, module, "Writer")?;
    module.add(py, "_dialects", Dict::new(py)?.as_object())?;
    let quoting = ["QUOTE_MINIMAL", "QUOTE_ALL", "QUOTE_NONNUMERIC", "QUOTE_NONE", "QUOTE_STRINGS", "QUOTE_NOTNULL"];
    for (value, name) in (0..).zip(quoting) {
        module.add(py, name, Int::from_i64(py, value)?.as_object())?;
    }
    module.add(py, "Error", &*new_exception(py, "_csv", "Error", exc::Exception())?)
}
