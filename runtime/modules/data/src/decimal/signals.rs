//! Signals: the conditions that a context can trap, their exceptions, and the mapping of a context's flags or traps.
use super::kernel::cond;
use super::state;
use krait_object::native::alloc;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bool, Dict, Field, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Tuple, Type, not_implemented,
    pytype, raise,
};

/// A condition with an exception.
pub struct Signal {
    pub name: &'static str,
    /// The conditions that it stands for.
    pub bits: u32,
    /// Its base classes: signals before it, builtin exceptions, or `DecimalException`.
    pub bases: &'static [&'static str],
}

const fn signal(name: &'static str, bits: u32, bases: &'static [&'static str]) -> Signal {
    Signal { name, bits, bases }
}

/// What a context can trap, base classes first.
pub static SIGNALS: [Signal; 9] = [
    signal("Clamped", cond::CLAMPED, &["DecimalException"]),
    signal("Rounded", cond::ROUNDED, &["DecimalException"]),
    signal("Inexact", cond::INEXACT, &["DecimalException"]),
    signal("Subnormal", cond::SUBNORMAL, &["DecimalException"]),
    signal("Underflow", cond::UNDERFLOW, &["Inexact", "Rounded", "Subnormal"]),
    signal("Overflow", cond::OVERFLOW, &["Inexact", "Rounded"]),
    signal("DivisionByZero", cond::DIVISION_BY_ZERO, &["DecimalException", "ZeroDivisionError"]),
    signal("FloatOperation", cond::FLOAT_OPERATION, &["DecimalException", "TypeError"]),
    signal("InvalidOperation", cond::ANY_INVALID, &["DecimalException"]),
];

/// Kinds of invalid operations.
pub static CONDITIONS: [Signal; 4] = [
    signal("ConversionSyntax", cond::CONVERSION_SYNTAX, &["InvalidOperation"]),
    signal("DivisionImpossible", cond::DIVISION_IMPOSSIBLE, &["InvalidOperation"]),
    signal("DivisionUndefined", cond::DIVISION_UNDEFINED, &["InvalidOperation", "ZeroDivisionError"]),
    signal("InvalidContext", cond::INVALID_CONTEXT, &["InvalidOperation"]),
];

/// The order in which mappings and exceptions show the signals: the worst first.
pub fn worst_first() -> impl Iterator<Item = &'static Signal> {
    SIGNALS.iter().rev()
}

/// The signals in the order of their bits, as a context's `repr` shows them.
pub const BY_BIT: [usize; 9] = [0, 8, 6, 2, 7, 5, 1, 3, 4];

/// The exception classes of all conditions in `status`, and of the signals that trap it.
fn as_list(py: Attached<'_>, status: u32) -> PyResult<Ref<List>> {
    let list = List::new(py)?;
    let (invalid, others) = (&SIGNALS[8], worst_first().skip(1));
    if status & cond::INVALID_OPERATION != 0 {
        list.push(py, state::signal(py, invalid)?.to_ref())?;
    }
    for signal in CONDITIONS.iter().chain(others) {
        if status & signal.bits != 0 {
            list.push(py, state::signal(py, signal)?.to_ref())?;
        }
    }
    Ok(list)
}

/// Raises the exception of the worst condition in `status`.
#[cold]
pub fn raise_status(py: Attached<'_>, status: u32) -> Raised {
    if status & cond::NO_MEMORY != 0 {
        return py.no_memory();
    }
    let raise = || -> PyResult<Raised> {
        let Some(worst) = worst_first().find(|signal| status & signal.bits != 0) else {
            return Ok(py.bad_internal_call());
        };
        let class = state::signal(py, worst)?;
        let list = as_list(py, status)?;
        match class.downcast::<Type>() {
            Some(class) => Ok(py.raise_value(class, list.as_object())),
            None => Ok(py.bad_internal_call()),
        }
    };
    raise().unwrap_or_else(|raised| raised)
}

/// The bits of a signal class.
pub fn bits_of(py: Attached<'_>, class: &Object) -> PyResult<u32> {
    for signal in &SIGNALS {
        if state::signal(py, signal)?.is(class) {
            return Ok(signal.bits);
        }
    }
    Err(raise!(
        py,
        KeyError,
        "valid values for signals are:\n  [InvalidOperation, FloatOperation, DivisionByZero,\n   Overflow, Underflow, Subnormal, Inexact, Rounded,\n   Clamped]"
    ))
}

/// The bits that a list of signals or a mapping of all signals to truth values stands for.
pub fn bits_of_value(py: Attached<'_>, value: &Object, lists: bool) -> PyResult<u32> {
    if let Some(dict) = value.downcast::<SignalDict>() {
        dict.check(py)?;
        return Ok(dict.bits.get());
    }
    if let Some(list) = value.downcast::<List>().filter(|_| lists) {
        let mut bits = 0;
        for item in list.to_vec(py)? {
            bits |= bits_of(py, &item)?;
        }
        return Ok(bits);
    }
    match value.downcast::<Dict>() {
        Some(dict) => bits_of_dict(py, dict),
        None => Err(raise!(py, TypeError, "argument must be a signal dict")),
    }
}

fn bits_of_dict(py: Attached<'_>, dict: &Dict) -> PyResult<u32> {
    let invalid = || raise!(py, KeyError, "invalid signal dict");
    if dict.len() != SIGNALS.len() {
        return Err(invalid());
    }
    let mut bits = 0;
    for signal in &SIGNALS {
        match dict.get(py, state::signal(py, signal)?)? {
            Some(value) if value.is_true(py)? => bits |= signal.bits,
            Some(_) => {}
            None => return Err(invalid()),
        }
    }
    Ok(bits)
}

/// The classes of the signals in `bits`.
pub fn list_of(py: Attached<'_>, bits: u32) -> PyResult<Ref<List>> {
    let list = List::new(py)?;
    for signal in worst_first().filter(|signal| bits & signal.bits != 0) {
        list.push(py, state::signal(py, signal)?.to_ref())?;
    }
    Ok(list)
}

krait_object::native! {
    /// The flags or traps of a context.
    pub struct SignalDict { bits: Field<u32>, bound: Field<bool> }
}

impl SignalDict {
    #[inline]
    pub fn bits(&self) -> u32 {
        self.bits.get()
    }

    #[inline]
    pub fn set_bits(&self, bits: u32) {
        self.bits.set(bits);
    }

    /// The mapping of a new context.
    pub fn make(py: Attached<'_>, class: &Object, bits: u32) -> PyResult<Ref<SignalDict>> {
        let Some(class) = class.downcast::<Type>() else { return Err(py.bad_internal_call()) };
        let this = alloc::<SignalDict>(py, class)?;
        this.bits.set(bits);
        this.bound.set(true);
        Ok(this)
    }

    /// The context of the mapping is no more.
    pub fn unbind(&self) {
        self.bound.set(false);
    }

    fn check(&self, py: Attached<'_>) -> PyResult<()> {
        match self.bound.get() {
            true => Ok(()),
            false => Err(raise!(py, ValueError, "invalid signal dict")),
        }
    }

    fn iter(py: Attached<'_>, this: &SignalDict) -> PyResult<Ref<Object>> {
        this.check(py)?;
        let all = SIGNALS.iter().fold(0, |bits, signal| bits | signal.bits);
        let keys = Tuple::from_vec(py, list_of(py, all)?.to_vec(py)?)?;
        keys.as_object().iter(py)
    }

    fn repr(py: Attached<'_>, this: &SignalDict) -> PyResult<String> {
        this.check(py)?;
        let mut parts = Vec::new();
        for signal in worst_first() {
            let class = state::signal(py, signal)?.repr(py)?;
            let value = if this.bits.get() & signal.bits != 0 { "True" } else { "False" };
            parts.push(format!("{class}:{value}"));
        }
        Ok(format!("{{{}}}", parts.join(", ")))
    }

    fn subscript(py: Attached<'_>, this: &SignalDict, key: &Object) -> PyResult<bool> {
        this.check(py)?;
        Ok(this.bits.get() & bits_of(py, key)? != 0)
    }

    fn assign(py: Attached<'_>, this: &SignalDict, key: &Object, value: Option<&Object>) -> PyResult<()> {
        this.check(py)?;
        let Some(value) = value else {
            return Err(raise!(py, ValueError, "signal keys cannot be deleted"));
        };
        let bits = bits_of(py, key)?;
        match value.is_true(py)? {
            true => this.bits.set(this.bits.get() | bits),
            false => this.bits.set(this.bits.get() & !bits),
        }
        Ok(())
    }

    fn copy(py: Attached<'_>, this: &SignalDict) -> PyResult<Ref<Dict>> {
        this.check(py)?;
        let dict = Dict::new(py)?;
        for signal in worst_first() {
            let value = Bool::of(this.bits.get() & signal.bits != 0);
            dict.set(py, state::signal(py, signal)?, value.as_object())?;
        }
        Ok(dict)
    }

    fn compare(py: Attached<'_>, this: &SignalDict, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        this.check(py)?;
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let bits = match (other.downcast::<SignalDict>(), other.downcast::<Dict>()) {
            (Some(other), _) => {
                other.check(py)?;
                other.bits.get()
            }
            (None, Some(dict)) => match bits_of_dict(py, dict) {
                Ok(bits) => bits,
                // A dict of something else is not equal.
                Err(raised) if raised.matches(py, krait_object::exc::KeyError()) => {
                    raised.clear(py);
                    return (op == CompareOp::Ne).into_object(py);
                }
                Err(raised) => return Err(raised),
            },
            _ => return Ok(not_implemented()),
        };
        // All kinds of invalid operations are one signal.
        let known = |bits: u32| SIGNALS.iter().map(|signal| bits & signal.bits != 0).collect::<Vec<_>>();
        ((known(bits) == known(this.bits.get())) == (op == CompareOp::Eq)).into_object(py)
    }
}

pytype! {
    static SIGNAL_DICT_MIXIN: "decimal.SignalDictMixin" for SignalDict {
        base: Object, flags: [BASETYPE],
        slots: {
            tp_dealloc = SignalDict::dealloc,
            tp_repr = SignalDict::repr,
            tp_hash = |py: Attached<'_>, this: &SignalDict| -> PyResult<isize> { Err(raise!(py, TypeError, "unhashable type: '{}'", this.as_object().ty().name())) },
            tp_richcompare = SignalDict::compare,
            tp_iter = SignalDict::iter,
            tp_init = |_: Attached<'_>, _: &SignalDict, _: krait_object::args::Args<'_>| Ok(()),
            tp_new = |py: Attached<'_>, ty: &Type, _: krait_object::args::Args<'_>| alloc::<SignalDict>(py, ty),
            mp_length = |py: Attached<'_>, this: &SignalDict| this.check(py).map(|()| SIGNALS.len()),
            mp_subscript = SignalDict::subscript,
            mp_ass_subscript = SignalDict::assign,
        },
        methods: {
            noargs "copy" => SignalDict::copy, "", "A dict with the same content.";
        },
    }
}
