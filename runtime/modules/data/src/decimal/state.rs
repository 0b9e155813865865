//! The Python objects that the module uses, made once per interpreter.
use super::context::{Context, DEFAULT_TRAPS};
use super::kernel::{Rounding, cond};
use super::signals::{CONDITIONS, SIGNALS, Signal, SignalDict};
use krait_object::hooks::hooks;
use krait_object::{Attached, Dict, IntoObject, Layout, Object, PyResult, Ref, Tuple, Type, exc, id};
use krait_vm::interp::current;

/// Where each object stands. The signals and conditions stand between `Rational` and the contexts.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum Known {
    DecimalException,
    DecimalTuple,
    SignalDict,
    Variable,
    Rational,
    DefaultContext,
    BasicContext,
    ExtendedContext,
}

const FIRST_SIGNAL: usize = 5;
const SIGNAL_COUNT: usize = SIGNALS.len() + CONDITIONS.len();

/// A class of module `decimal`.
fn class(py: Attached<'_>, name: &str, bases: &[&Object], module: &str) -> PyResult<Ref<Object>> {
    let namespace = Dict::new(py)?;
    if !module.is_empty() {
        namespace.set_str(py, "__module__", &*module.into_object(py)?)?;
    }
    let bases = Tuple::from_slice(py, bases)?;
    let name = name.into_object(py)?;
    Type::type_object().as_object().call_pos(py, &[&name, bases.as_object(), namespace.as_object()])
}

/// The named tuple of a number's parts.
fn tuple_class(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let collections = (hooks().import)(py, "collections")?;
    let names = "sign digits exponent".into_object(py)?;
    let name = "DecimalTuple".into_object(py)?;
    let class = collections.get_attr(py, id!(py, namedtuple))?.call_pos(py, &[&name, &names])?;
    class.set_attr(py, id!(py, __module__), Some(id!(py, decimal).as_object()))?;
    Ok(class)
}

/// The class of `Context.flags`: a mutable mapping.
fn signal_dict_class(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let mapping = (hooks().import)(py, "collections.abc")?.get_attr(py, id!(py, MutableMapping))?;
    let meta = mapping.ty().to_ref();
    let bases = Tuple::from_slice(py, &[SignalDict::type_object().as_object(), &mapping])?;
    let name = "SignalDict".into_object(py)?;
    meta.as_object().call_pos(py, &[&name, bases.as_object(), Dict::new(py)?.as_object()])
}

/// Makes the objects unless the interpreter has them.
pub fn fill(py: Attached<'_>) -> PyResult<()> {
    let slot = &current(py).decimal;
    if !slot.is_null() {
        return Ok(());
    }
    let base = class(py, "DecimalException", &[exc::ArithmeticError().as_object()], "decimal")?;
    let mut made: Vec<Ref<Object>> = Vec::new();
    for signal in SIGNALS.iter().chain(&CONDITIONS) {
        let parent = |name: &str| -> Ref<Object> {
            let at = SIGNALS.iter().chain(&CONDITIONS).position(|signal| signal.name == name);
            match name {
                "TypeError" => exc::TypeError().to_ref().upcast(),
                "ZeroDivisionError" => exc::ZeroDivisionError().to_ref().upcast(),
                _ => at.and_then(|at| made.get(at)).unwrap_or(&base).clone(),
            }
        };
        let bases: Vec<Ref<Object>> = signal.bases.iter().map(|name| parent(name)).collect();
        let bases: Vec<&Object> = bases.iter().map(|base| &**base).collect();
        made.push(class(py, signal.name, &bases, "decimal")?);
    }
    let signal_dict = signal_dict_class(py)?;
    let contextvars = (hooks().import)(py, "_contextvars")?;
    let name = "decimal_context".into_object(py)?;
    let variable = contextvars.get_attr(py, id!(py, ContextVar))?.call_pos(py, &[&name])?;
    let rational = (hooks().import)(py, "numbers")?.get_attr(py, id!(py, Rational))?;
    let mut all = vec![base, tuple_class(py)?, signal_dict, variable, rational];
    all.append(&mut made);
    let signals = all[Known::SignalDict as usize].clone();
    let basic_traps = DEFAULT_TRAPS | cond::UNDERFLOW | cond::CLAMPED;
    all.push(Context::make_with(py, Context::type_object(), &signals)?.upcast());
    all.push(Context::template(py, &signals, Rounding::HalfUp, basic_traps)?.upcast());
    all.push(Context::template(py, &signals, Rounding::HalfEven, 0)?.upcast());
    let all = Tuple::from_vec(py, all)?;
    if slot.is_null() {
        // Of two threads that get here the slower one wins; what the faster one took stays with the interpreter.
        std::mem::forget(slot.replace(Some(all)));
    }
    Ok(())
}

fn at(py: Attached<'_>, index: usize) -> PyResult<&Object> {
    let slot = &current(py).decimal;
    if slot.is_null() {
        fill(py)?;
    }
    // SAFETY: [frozen]: what was set is kept until the interpreter ends.
    unsafe { slot.borrow() }.and_then(|known| known.get(index)).ok_or_else(|| py.bad_internal_call())
}

/// One of the objects.
pub fn known(py: Attached<'_>, which: Known) -> PyResult<&Object> {
    let index = which as usize;
    at(py, if index < FIRST_SIGNAL { index } else { index + SIGNAL_COUNT })
}

/// The exception class of a signal or condition.
pub fn signal<'py>(py: Attached<'py>, signal: &Signal) -> PyResult<&'py Object> {
    let index = SIGNALS.iter().chain(&CONDITIONS).position(|other| other.name == signal.name);
    at(py, FIRST_SIGNAL + index.unwrap_or(0))
}
