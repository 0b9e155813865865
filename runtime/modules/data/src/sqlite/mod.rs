//! `_sqlite3`: the DB-API for SQLite.
//!
//! The library is built in, and serialises what threads do with one database. Calls that may wait run detached; see
//! [`library`].
mod blob;
mod callbacks;
mod connection;
mod constants;
mod cursor;
mod errors;
mod library;
mod statement;
mod transfer;

use connection::{Connection, LEGACY};
use cursor::{Cursor, Row};
use errors::{global, text};
use krait_object::args::Args;
use krait_object::native::{Arg, add_type, alloc, ready, required};
use krait_object::{
    Attached, Bool, Dict, IntoObject, Layout, Module, Object, PyResult, Ref, Str, Tuple, Type, functions, id, pytype,
    raise,
};
use libsqlite3_sys as ffi;

krait_object::native! {
    /// `PrepareProtocol`: what stands for "a value that SQLite takes".
    struct PrepareProtocol {}
}
pytype! {
    static PREPARE_PROTOCOL: "sqlite3.PrepareProtocol" for PrepareProtocol {
        base: Object, flags: [],
        doc: "PEP 246 style object adaption protocol type.",
        slots: {
            tp_dealloc = PrepareProtocol::dealloc,
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| alloc::<PrepareProtocol>(py, ty),
            tp_init = |_: Attached<'_>, _: &PrepareProtocol, _: Args<'_>| Ok(()),
        },
    }
}

fn complete_statement(py: Attached<'_>, _: &Object, [statement]: [Arg<'_>; 1]) -> PyResult<bool> {
    let expected = "complete_statement() argument 'statement' must be str, not";
    let statement = connection::c_text(py, required(py, statement)?, expected)?;
    // SAFETY: a C text.
    Ok(unsafe { ffi::sqlite3_complete(statement.as_ptr()) } != 0)
}

fn mapping(py: Attached<'_>, name: &'static str) -> PyResult<Ref<Dict>> {
    global(py, name)?.downcast::<Dict>().map_err(|_| py.bad_internal_call())
}

fn register_adapter(py: Attached<'_>, _: &Object, [kind, adapter]: [Arg<'_>; 2]) -> PyResult<()> {
    statement::note_adapter(required(py, kind)?);
    let key = Tuple::from_slice(py, &[required(py, kind)?, &*global(py, "PrepareProtocol")?])?;
    mapping(py, "adapters")?.set(py, key.as_object(), required(py, adapter)?)
}

fn register_converter(py: Attached<'_>, _: &Object, [name, converter]: [Arg<'_>; 2]) -> PyResult<()> {
    let name = required(py, name)?;
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "register_converter() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    };
    let key = name.as_object().call_method(py, id!(py, upper), &[])?;
    mapping(py, "converters")?.set(py, &key, required(py, converter)?)
}

fn adapt(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let args = args.unpack(py, "adapt", 1, 3)?;
    let protocol = match args.get(1) {
        Some(protocol) => protocol.to_ref(),
        None => global(py, "PrepareProtocol")?,
    };
    statement::adapt(py, args[0], &protocol, args.get(2).copied())
}

/// Fills `_sqlite3`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<statement::Statement>(py)?;
    add_type::<blob::Blob>(py, module, "Blob")?;
    add_type::<Connection>(py, module, "Connection")?;
    add_type::<Cursor>(py, module, "Cursor")?;
    add_type::<Row>(py, module, "Row")?;
    add_type::<PrepareProtocol>(py, module, "PrepareProtocol")?;
    errors::add(py, module)?;
    module.add_functions(
        py,
        functions! {
            raw "connect" => connection::connect, "($module, /, database, timeout=5.0, detect_types=0, isolation_level='', check_same_thread=True, factory=ConnectionType, cached_statements=128, uri=False, *, autocommit=sqlite3.LEGACY_TRANSACTION_CONTROL)", "Open a connection to the SQLite database file 'database'.\n\nYou can use \":memory:\" to open a database connection to a database that\nresides in RAM instead of on disk.";
            raw "adapt" => adapt, "($module, obj, proto=PrepareProtocolType, alt=<unrepresentable>, /)", "What an object becomes for a protocol.";
            sig "complete_statement" => complete_statement, "($module, /, statement)", "Whether a text ends with a complete statement.";
            o "enable_callback_tracebacks" => callbacks::enable_tracebacks, "($module, enable, /)", "Whether exceptions in callbacks are shown.";
            sig "register_adapter" => register_adapter, "($module, type, adapter, /)", "Register a function that turns objects of a type into values that SQLite takes.";
            sig "register_converter" => register_converter, "($module, typename, converter, /)", "Register a function that turns values of a declared type into objects.";
        },
    )?;
    module.add(py, "adapters", Dict::new(py)?.as_object())?;
    module.add(py, "converters", Dict::new(py)?.as_object())?;
    module.add(py, "_callback_tracebacks_are_on", Bool::of(false).as_object())?;
    for (name, value) in constants::RESULTS.iter().chain(constants::OTHERS) {
        module.add(py, name, &*value.into_object(py)?)?;
    }
    let numbers =
        [("LEGACY_TRANSACTION_CONTROL", LEGACY), ("PARSE_DECLTYPES", 1), ("PARSE_COLNAMES", 2), ("threadsafety", 3)];
    for (name, value) in numbers {
        module.add(py, name, &*value.into_object(py)?)?;
    }
    // SAFETY: a constant text.
    let version = unsafe { text(ffi::sqlite3_libversion()) };
    module.add(py, "sqlite_version", &*version.into_object(py)?)
}
