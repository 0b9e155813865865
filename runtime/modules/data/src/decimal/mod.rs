//! `_decimal`: decimal floating-point numbers.
//!
//! [`kernel`] has the arithmetic and knows nothing of Python; the rest turns Python objects into its numbers and its
//! conditions into exceptions. Numbers never change, so threads share them; contexts have fields that are read and
//! written one at a time, and belong to the thread whose `contextvars` context holds them.
mod context;
mod convert;
mod format;
pub mod kernel;
mod number;
mod signals;
mod state;

use context::{Context, Manager};
use kernel::Rounding;
use kernel::number::{MAX_EMAX, MAX_PREC, MIN_EMIN, MIN_ETINY};
use krait_object::native::ready;
use krait_object::{Attached, Bool, IntoObject, Layout, Module, Object, PyResult, Str, functions, hooks::hooks, id};
use number::Decimal;
use signals::{CONDITIONS, SIGNALS, SignalDict};
use state::Known;

fn add_functions(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "getcontext" => |py: Attached<'_>, _: &Object| context::current(py), "($module, /)", "Return the context of the running thread.";
            o "setcontext" => context::set_current, "($module, context, /)", "Make a context the one of the running thread.";
            raw "localcontext" => context::local, "($module, /, ctx=None, **kwargs)", "Return a context manager that uses a copy of a context.\n\nThe copy is of ctx or of the present context, and its attributes may be given as keyword arguments.";
            sig "IEEEContext" => context::ieee, "($module, bits, /)", "Return a context for the IEEE interchange format of a width.";
        },
    )
}

/// Fills `_decimal`.
///
/// # Errors
/// `MemoryError`, or that of an import.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    let (decimal, context) = (ready::<Decimal>(py)?, ready::<Context>(py)?);
    ready::<SignalDict>(py)?;
    ready::<Manager>(py)?;
    state::fill(py)?;
    add_functions(py, module)?;
    module.add(py, "Decimal", decimal.as_object())?;
    module.add(py, "Context", context.as_object())?;
    module.add(py, "DecimalException", state::known(py, Known::DecimalException)?)?;
    for signal in SIGNALS.iter().chain(&CONDITIONS) {
        module.add(py, signal.name, state::signal(py, signal)?)?;
    }
    for (name, which) in [
        ("DecimalTuple", Known::DecimalTuple),
        ("DefaultContext", Known::DefaultContext),
        ("BasicContext", Known::BasicContext),
        ("ExtendedContext", Known::ExtendedContext),
    ] {
        module.add(py, name, state::known(py, which)?)?;
    }
    for rounding in Rounding::ALL {
        let name = context::rounding_name(rounding);
        module.add(py, name, Str::intern_static(py, name).as_object())?;
    }
    for (name, value) in [
        ("MAX_PREC", MAX_PREC),
        ("MAX_EMAX", MAX_EMAX),
        ("MIN_EMIN", MIN_EMIN),
        ("MIN_ETINY", MIN_ETINY),
        ("IEEE_CONTEXT_MAX_BITS", context::IEEE_MAX_BITS),
    ] {
        module.add(py, name, &*value.into_object(py)?)?;
    }
    module.add(py, "HAVE_THREADS", Bool::of(true).as_object())?;
    module.add(py, "HAVE_CONTEXTVAR", Bool::of(true).as_object())?;
    module.add(py, "__version__", id!(py, "1.70").as_object())?;
    module.add(py, "__libmpdec_version__", id!(py, "2.5.1").as_object())?;
    // What other modules' classes must know of these types.
    let numbers = (hooks().import)(py, "numbers")?;
    numbers.get_attr(py, id!(py, Number))?.call_method(py, id!(py, register), &[decimal.as_object()]).map(drop)
}
