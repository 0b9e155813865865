//! `Context`: precision, rounding, bounds of the exponent, traps and flags; and which one a thread uses.
use super::kernel::number::{MAX_EMAX, MAX_PREC, MIN_EMIN};
use super::kernel::{Ctx, Dec, Rounding, Status, arith, bits, compare, cond, division, elementary, next, power, text};
use super::number::{Decimal, operand};
use super::signals::{BY_BIT, SIGNALS, SignalDict, bits_of_value, list_of, raise_status};
use super::state::{Known, known};
use super::{convert, number};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, alloc, required};
use krait_object::{
    Attached, Field, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, id, pytype, raise,
};

/// What a new context traps.
pub const DEFAULT_TRAPS: u32 = cond::ANY_INVALID | cond::DIVISION_BY_ZERO | cond::OVERFLOW;

/// The largest IEEE interchange format, in bits.
pub const IEEE_MAX_BITS: i64 = 512;

const ROUNDINGS: [&str; 8] = [
    "ROUND_UP",
    "ROUND_DOWN",
    "ROUND_CEILING",
    "ROUND_FLOOR",
    "ROUND_HALF_UP",
    "ROUND_HALF_DOWN",
    "ROUND_HALF_EVEN",
    "ROUND_05UP",
];

/// The name of a rounding mode.
pub fn rounding_name(rounding: Rounding) -> &'static str {
    ROUNDINGS[rounding as usize]
}

/// The rounding mode of a name.
pub fn rounding_of(py: Attached<'_>, name: &Object) -> PyResult<Rounding> {
    if let Some(name) = name.downcast::<Str>()
        && let Some(at) = ROUNDINGS.iter().position(|known| name.eq_str(known))
    {
        return Ok(Rounding::ALL[at]);
    }
    Err(raise!(
        py,
        TypeError,
        "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN,\n   ROUND_05UP]"
    ))
}

/// An `int` that fits in a word.
pub fn integer(py: Attached<'_>, value: &Object) -> PyResult<i64> {
    match value.downcast::<Int>() {
        Some(int) => {
            int.to_i64().ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C ssize_t"))
        }
        None => Err(raise!(py, TypeError, "an integer is required")),
    }
}

krait_object::native! {
    /// `Context`.
    pub struct Context {
        prec: Field<i64>,
        emax: Field<i64>,
        emin: Field<i64>,
        rounding: Field<u8>,
        clamp: Field<bool>,
        capitals: Field<bool>,
        flags: Slot<SignalDict>,
        traps: Slot<SignalDict>,
    }
}

const ATTRIBUTES: [&str; 8] = ["prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps"];

impl Context {
    /// A context with the defaults.
    pub fn make(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Context>> {
        Self::make_with(py, ty, known(py, Known::SignalDict)?)
    }

    /// As [`Context::make`], with the class of the flags and traps.
    pub fn make_with(py: Attached<'_>, ty: &Type, signals: &Object) -> PyResult<Ref<Context>> {
        let this = alloc::<Context>(py, ty)?;
        this.prec.set(28);
        this.emax.set(999_999);
        this.emin.set(-999_999);
        this.rounding.set(Rounding::HalfEven as u8);
        this.capitals.set(true);
        drop(this.flags.replace(Some(SignalDict::make(py, signals, 0)?)));
        drop(this.traps.replace(Some(SignalDict::make(py, signals, DEFAULT_TRAPS)?)));
        Ok(this)
    }

    /// A template of the specification.
    pub fn template(py: Attached<'_>, signals: &Object, rounding: Rounding, traps: u32) -> PyResult<Ref<Context>> {
        let made = Context::make_with(py, Context::type_object(), signals)?;
        made.prec.set(9);
        made.rounding.set(rounding as u8);
        made.traps().set_bits(traps);
        Ok(made)
    }

    pub fn copy(&self, py: Attached<'_>) -> PyResult<Ref<Context>> {
        let made = Context::make(py, Context::type_object())?;
        made.prec.set(self.prec.get());
        made.emax.set(self.emax.get());
        made.emin.set(self.emin.get());
        made.rounding.set(self.rounding.get());
        made.clamp.set(self.clamp.get());
        made.capitals.set(self.capitals.get());
        made.flags().set_bits(self.flags().bits());
        made.traps().set_bits(self.traps().bits());
        Ok(made)
    }

    #[inline]
    pub fn flags(&self) -> &SignalDict {
        // SAFETY: [frozen]: the constructor sets the slot before the context can be reached.
        unsafe { self.flags.borrow().unwrap_unchecked() }
    }

    #[inline]
    pub fn traps(&self) -> &SignalDict {
        // SAFETY: [frozen]: the constructor sets the slot before the context can be reached.
        unsafe { self.traps.borrow().unwrap_unchecked() }
    }

    pub fn capitals(&self) -> bool {
        self.capitals.get()
    }

    /// What the arithmetic must know.
    #[inline]
    pub fn view(&self) -> Ctx {
        Ctx {
            prec: self.prec.get(),
            emax: self.emax.get(),
            emin: self.emin.get(),
            rounding: Rounding::ALL[usize::from(self.rounding.get()) % 8],
            clamp: self.clamp.get(),
        }
    }

    /// Notes conditions in the flags.
    ///
    /// # Errors
    /// The exception of a trapped condition, or `MemoryError`.
    #[inline]
    pub fn settle(&self, py: Attached<'_>, status: Status) -> PyResult<()> {
        if status == 0 {
            return Ok(());
        }
        let flags = self.flags();
        let noted = flags.bits();
        if noted | status != noted {
            flags.set_bits(noted | status);
        }
        let trapped = status & (self.traps().bits() | cond::NO_MEMORY);
        match trapped {
            0 => Ok(()),
            _ => Err(raise_status(py, trapped)),
        }
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn end(py: Attached<'_>, this: std::ptr::NonNull<Context>) {
        // SAFETY: by the contract, the object is intact.
        let dicts = unsafe { [&this.as_ref().flags, &this.as_ref().traps] };
        for dict in dicts.iter().filter_map(|dict| dict.get()) {
            dict.unbind();
        }
        // SAFETY: by the contract.
        unsafe { Context::dealloc(py, this) }
    }

    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Context>> {
        let this = Context::make(py, ty)?;
        if let Some(default) = known(py, Known::DefaultContext)?.downcast::<Context>() {
            this.prec.set(default.prec.get());
            this.emax.set(default.emax.get());
            this.emin.set(default.emin.get());
            this.rounding.set(default.rounding.get());
            this.clamp.set(default.clamp.get());
            this.capitals.set(default.capitals.get());
            this.traps().set_bits(default.traps().bits());
        }
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &Context, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::unnamed(
            "(prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None)",
        );
        let values = SIG.bind::<8>(py, args)?;
        for (name, value) in ATTRIBUTES.iter().zip(values) {
            if let Some(value) = value.filter(|value| !value.is_none()) {
                this.assign(py, name, value, true)?;
            }
        }
        Ok(())
    }

    /// Sets an attribute. Lists stand for flags and traps in constructors only.
    fn assign(&self, py: Attached<'_>, name: &str, value: &Object, lists: bool) -> PyResult<()> {
        let within = |value: i64, low: i64, high: i64, text: &str| match (low..=high).contains(&value) {
            true => Ok(value),
            false => Err(raise!(py, ValueError, "{text}")),
        };
        let switch = |value: &Object| -> PyResult<bool> {
            let text = format!("valid values for {name} are 0 or 1");
            Ok(within(integer(py, value)?, 0, 1, &text)? == 1)
        };
        match name {
            "prec" => {
                self.prec.set(within(integer(py, value)?, 1, MAX_PREC, "valid range for prec is [1, MAX_PREC]")?);
            }
            "Emin" => {
                self.emin.set(within(integer(py, value)?, MIN_EMIN, 0, "valid range for Emin is [MIN_EMIN, 0]")?);
            }
            "Emax" => {
                self.emax.set(within(integer(py, value)?, 0, MAX_EMAX, "valid range for Emax is [0, MAX_EMAX]")?);
            }
            "capitals" => self.capitals.set(switch(value)?),
            "clamp" => self.clamp.set(switch(value)?),
            "rounding" => self.rounding.set(rounding_of(py, value)? as u8),
            "flags" => self.flags().set_bits(bits_of_value(py, value, lists)?),
            _ => self.traps().set_bits(bits_of_value(py, value, lists)?),
        }
        Ok(())
    }

    fn set_attribute(py: Attached<'_>, this: &Context, name: &Object, value: Option<&Object>) -> PyResult<()> {
        let name = krait_object::protocols::attributes::checked_name(py, name)?;
        let Some(value) = value else {
            return Err(raise!(py, AttributeError, "context attributes cannot be deleted"));
        };
        match ATTRIBUTES.iter().find(|known| name.eq_str(known)) {
            Some(known) => this.assign(py, known, value, false),
            None => this.as_object().generic_set_attr(py, name, Some(value)),
        }
    }

    fn repr(_: Attached<'_>, this: &Context) -> PyResult<String> {
        let names = |bits: u32| -> String {
            let names = BY_BIT.iter().filter(|at| bits & SIGNALS[**at].bits != 0).map(|at| SIGNALS[*at].name);
            names.collect::<Vec<_>>().join(", ")
        };
        Ok(format!(
            "Context(prec={}, rounding={}, Emin={}, Emax={}, capitals={}, clamp={}, flags=[{}], traps=[{}])",
            this.prec.get(),
            rounding_name(this.view().rounding),
            this.emin.get(),
            this.emax.get(),
            u8::from(this.capitals.get()),
            u8::from(this.clamp.get()),
            names(this.flags().bits()),
            names(this.traps().bits()),
        ))
    }

    fn reduce(py: Attached<'_>, this: &Context) -> PyResult<Ref<Tuple>> {
        let args = vec![
            this.prec.get().into_object(py)?,
            rounding_name(this.view().rounding).into_object(py)?,
            this.emin.get().into_object(py)?,
            this.emax.get().into_object(py)?,
            i64::from(this.capitals.get()).into_object(py)?,
            i64::from(this.clamp.get()).into_object(py)?,
            list_of(py, this.flags().bits())?.upcast(),
            list_of(py, this.traps().bits())?.upcast(),
        ];
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), Tuple::from_vec(py, args)?.upcast())
    }

    /// The result of an operation on one operand.
    fn unary(&self, py: Attached<'_>, x: &Object, op: fn(&Dec, &Ctx, &mut Status) -> Dec) -> PyResult<Ref<Decimal>> {
        let x = operand(py, x)?;
        number::finished(py, self, |ctx, status| op(&x, ctx, status))
    }

    /// The result of an operation on two operands.
    fn binary(
        &self,
        py: Attached<'_>,
        [x, y]: [Arg<'_>; 2],
        op: fn(&Dec, &Dec, &Ctx, &mut Status) -> Dec,
    ) -> PyResult<Ref<Decimal>> {
        let (x, y) = (operand(py, required(py, x)?)?, operand(py, required(py, y)?)?);
        number::finished(py, self, |ctx, status| op(&x, &y, ctx, status))
    }

    /// A fact about one operand.
    fn ask<R>(&self, py: Attached<'_>, x: &Object, ask: impl FnOnce(&Dec, &Ctx) -> R) -> PyResult<R> {
        Ok(ask(&*operand(py, x)?, &self.view()))
    }

    fn divmod(py: Attached<'_>, this: &Context, [x, y]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
        let (x, y) = (operand(py, required(py, x)?)?, operand(py, required(py, y)?)?);
        number::pair(py, this, &x, &y)
    }

    fn fma(py: Attached<'_>, this: &Context, [x, y, z]: [Arg<'_>; 3]) -> PyResult<Ref<Decimal>> {
        let (x, y) = (operand(py, required(py, x)?)?, operand(py, required(py, y)?)?);
        let z = operand(py, required(py, z)?)?;
        number::finished(py, this, |ctx, status| arith::fma(&x, &y, &z, ctx, status))
    }

    fn power(py: Attached<'_>, this: &Context, [a, b, modulo]: [Arg<'_>; 3]) -> PyResult<Ref<Decimal>> {
        let (a, b) = (operand(py, required(py, a)?)?, operand(py, required(py, b)?)?);
        match modulo.filter(|modulo| !modulo.is_none()) {
            None => number::finished(py, this, |ctx, status| power::power(&a, &b, ctx, status)),
            Some(modulo) => {
                let modulo = operand(py, modulo)?;
                number::finished(py, this, |ctx, status| power::power_modulo(&a, &b, &modulo, ctx, status))
            }
        }
    }

    fn canonical(py: Attached<'_>, _: &Context, x: &Object) -> PyResult<Ref<Object>> {
        match x.downcast::<Decimal>() {
            Some(x) => Ok(x.to_ref().upcast()),
            None => Err(raise!(py, TypeError, "argument must be a Decimal")),
        }
    }

    fn text(&self, py: Attached<'_>, x: &Object, engineering: bool) -> PyResult<String> {
        Ok(text::to_text(&*operand(py, x)?, engineering, self.capitals.get()))
    }
}

/// The context of the running thread.
#[inline]
pub fn current(py: Attached<'_>) -> PyResult<Ref<Context>> {
    let tstate = py.tstate();
    let (version, holder, context) = py.ext().decimal_context.get();
    if version == tstate.context_ver.get() && !context.is_null() && holder == tstate.context.get() {
        // SAFETY: the value was stored for this state of the thread's contextvars context, which still holds it.
        return Ok(unsafe { &*context.cast::<Context>() }.to_ref());
    }
    current_slow(py)
}

#[cold]
fn current_slow(py: Attached<'_>) -> PyResult<Ref<Context>> {
    let variable = known(py, Known::Variable)?;
    let found = variable.call_method(py, id!(py, get), &[&*krait_object::none()])?;
    let context = match found.downcast::<Context>() {
        Ok(context) => context,
        Err(_) => {
            let default = known(py, Known::DefaultContext)?.downcast::<Context>();
            let made = default.ok_or_else(|| py.bad_internal_call())?.copy(py)?;
            made.flags().set_bits(0);
            store(py, &made)?;
            made
        }
    };
    let tstate = py.tstate();
    py.ext().decimal_context.set((tstate.context_ver.get(), tstate.context.get(), context.as_ptr()));
    Ok(context)
}

/// Makes `context` the value of the variable.
fn store(py: Attached<'_>, context: &Context) -> PyResult<()> {
    known(py, Known::Variable)?.call_method(py, id!(py, set), &[context.as_object()]).map(drop)
}

/// The context argument of a method, or the thread's context.
pub fn given(py: Attached<'_>, context: Arg<'_>) -> PyResult<Ref<Context>> {
    match context.filter(|context| !context.is_none()) {
        None => current(py),
        Some(context) => match context.downcast::<Context>() {
            Some(context) => Ok(context.to_ref()),
            None => Err(raise!(py, TypeError, "optional argument must be a context")),
        },
    }
}

/// `setcontext()`.
pub fn set_current(py: Attached<'_>, _: &Object, context: &Object) -> PyResult<()> {
    let Some(context) = context.downcast::<Context>() else {
        return Err(raise!(py, TypeError, "argument must be a context"));
    };
    // The templates stay as they are.
    let mut template = false;
    for which in [Known::DefaultContext, Known::BasicContext, Known::ExtendedContext] {
        template |= known(py, which)?.is(context);
    }
    if template {
        let copy = context.copy(py)?;
        copy.flags().set_bits(0);
        return store(py, &copy);
    }
    store(py, context)
}

/// `IEEEContext()`.
pub fn ieee(py: Attached<'_>, _: &Object, [bits]: [Arg<'_>; 1]) -> PyResult<Ref<Context>> {
    let bits = integer(py, required(py, bits)?)?;
    if bits <= 0 || bits > IEEE_MAX_BITS || bits % 32 != 0 {
        return Err(raise!(py, ValueError, "argument must be a multiple of 32, with a maximum of {IEEE_MAX_BITS}"));
    }
    let made = Context::make(py, Context::type_object())?;
    made.prec.set(9 * (bits / 32) - 2);
    made.emax.set(3 << (bits / 16 + 3));
    made.emin.set(1 - made.emax.get());
    made.clamp.set(true);
    made.traps().set_bits(0);
    Ok(made)
}

krait_object::native! {
    /// What `localcontext()` returns.
    pub struct Manager { local: Slot<Context>, global: Slot<Context> }
}
pytype! {
    static MANAGER: "decimal.ContextManager" for Manager {
        base: Object, flags: [DISALLOW_INSTANTIATION, HAVE_GC],
        slots: {
            tp_dealloc = Manager::dealloc,
            tp_traverse = Manager::traverse,
        },
        methods: {
            noargs "__enter__" => Manager::enter, "($self, /)", "Use the copy from here on.";
            raw "__exit__" => Manager::exit, "", "Use the former context again.";
        },
    }
}

impl Manager {
    fn enter(py: Attached<'_>, this: &Manager) -> PyResult<Ref<Context>> {
        let local = krait_object::native::part(py, &this.local)?;
        store(py, &local)?;
        Ok(local)
    }

    fn exit(py: Attached<'_>, this: &Manager, _: Args<'_>) -> PyResult<bool> {
        store(py, &*krait_object::native::part(py, &this.global)?)?;
        Ok(false)
    }
}

/// `localcontext()`.
pub fn local(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Manager>> {
    const SIG: Signature = Signature::unnamed(
        "(ctx=None, prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None)",
    );
    let [given, values @ ..] = SIG.bind::<9>(py, args)?;
    let global = current(py)?;
    let local = match given.filter(|given| !given.is_none()).map(|given| given.downcast::<Context>()) {
        None => global.copy(py)?,
        Some(Some(context)) => context.copy(py)?,
        Some(None) => return Err(raise!(py, TypeError, "optional argument must be a context")),
    };
    for (name, value) in ATTRIBUTES.iter().zip(values) {
        if let Some(value) = value.filter(|value| !value.is_none()) {
            local.assign(py, name, value, true)?;
        }
    }
    let this = alloc::<Manager>(py, Manager::type_object())?;
    drop(this.local.replace(Some(local)));
    drop(this.global.replace(Some(global)));
    Ok(this)
}

/// A method of one operand.
macro_rules! unary {
    ($op:expr) => {
        |py: Attached<'_>, this: &Context, x: &Object| this.unary(py, x, $op)
    };
}

/// A method of two operands.
macro_rules! binary {
    ($op:expr) => {
        |py: Attached<'_>, this: &Context, operands: [Arg<'_>; 2]| this.binary(py, operands, $op)
    };
}

/// A method that asks something about one operand.
macro_rules! ask {
    ($ask:expr) => {
        |py: Attached<'_>, this: &Context, x: &Object| this.ask(py, x, $ask)
    };
}

pytype! {
    static CONTEXT: "decimal.Context" for Context {
        base: Object, flags: [BASETYPE],
        doc: "Context(prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None)\n--\n\nWhat decimal arithmetic depends on: precision, rounding, bounds of the exponent, traps and flags.",
        slots: {
            tp_dealloc = Context::end,
            tp_new = Context::construct,
            tp_init = Context::init,
            tp_repr = Context::repr,
            tp_setattro = Context::set_attribute,
        },
        methods: {
            noargs "Etiny" => |_: Attached<'_>, this: &Context| this.view().etiny(), "($self, /)", "The least exponent of a subnormal number: Emin - prec + 1.";
            noargs "Etop" => |_: Attached<'_>, this: &Context| this.view().etop(), "($self, /)", "The greatest exponent of a number with all digits: Emax - prec + 1.";
            noargs "radix" => |py: Attached<'_>, _: &Context| Decimal::make(py, Dec::from_u64(10)), "($self, /)", "10.";
            noargs "clear_flags" => |_: Attached<'_>, this: &Context| this.flags().set_bits(0), "($self, /)", "Set all flags to False.";
            noargs "clear_traps" => |_: Attached<'_>, this: &Context| this.traps().set_bits(0), "($self, /)", "Set all traps to False.";
            noargs "copy" => |py: Attached<'_>, this: &Context| this.copy(py), "($self, /)", "A copy with the same traps and flags.";
            noargs "__copy__" => |py: Attached<'_>, this: &Context| this.copy(py), "($self, /)", "";
            noargs "__reduce__" => Context::reduce, "($self, /)", "";
            o "abs" => unary!(arith::abs), "($self, x, /)", "The absolute value of x.";
            o "exp" => unary!(elementary::exp), "($self, x, /)", "e ** x.";
            o "ln" => unary!(elementary::ln), "($self, x, /)", "The natural logarithm of x.";
            o "log10" => unary!(elementary::log10), "($self, x, /)", "The logarithm of x to base 10.";
            o "logb" => unary!(arith::logb), "($self, x, /)", "The exponent of the first digit of x.";
            o "logical_invert" => unary!(bits::invert), "($self, x, /)", "Invert all digits of x, which are 0 and 1.";
            o "minus" => unary!(arith::minus), "($self, x, /)", "-x, rounded.";
            o "next_minus" => unary!(next::next_minus), "($self, x, /)", "The largest representable number below x.";
            o "next_plus" => unary!(next::next_plus), "($self, x, /)", "The smallest representable number above x.";
            o "normalize" => unary!(arith::reduce), "($self, x, /)", "x without trailing zeros.";
            o "plus" => unary!(arith::plus), "($self, x, /)", "+x, rounded.";
            o "sqrt" => unary!(division::sqrt), "($self, x, /)", "The square root of x.";
            o "to_integral" => unary!(|x, ctx, status| arith::to_integral(x, false, ctx, status)), "($self, x, /)", "x rounded to a whole number.";
            o "to_integral_value" => unary!(|x, ctx, status| arith::to_integral(x, false, ctx, status)), "($self, x, /)", "x rounded to a whole number.";
            o "to_integral_exact" => unary!(|x, ctx, status| arith::to_integral(x, true, ctx, status)), "($self, x, /)", "x rounded to a whole number, with the flags of rounding.";
            o "_apply" => unary!(|x, ctx, status| x.clone().finish(ctx, status)), "($self, object, /)", "";
            o "copy_abs" => unary!(|x, _, _| x.clone().with_sign(false)), "($self, x, /)", "x with a positive sign.";
            o "copy_decimal" => unary!(|x, _, _| x.clone()), "($self, x, /)", "x as a Decimal.";
            o "copy_negate" => unary!(|x, _, _| x.clone().negated()), "($self, x, /)", "x with the other sign.";
            unnamed "add" => binary!(arith::add), "($self, x, y, /)", "x + y.";
            unnamed "compare" => binary!(compare::compare), "($self, x, y, /)", "-1, 0 or 1, by the values of x and y.";
            unnamed "compare_signal" => binary!(compare::compare_signal), "($self, x, y, /)", "Compare x and y; NaN is invalid.";
            unnamed "divide" => binary!(division::divide), "($self, x, y, /)", "x / y.";
            unnamed "divide_int" => binary!(division::divide_int), "($self, x, y, /)", "The whole part of x / y.";
            unnamed "max" => binary!(compare::max), "($self, x, y, /)", "The larger value.";
            unnamed "max_mag" => binary!(compare::max_mag), "($self, x, y, /)", "The value with the larger magnitude.";
            unnamed "min" => binary!(compare::min), "($self, x, y, /)", "The smaller value.";
            unnamed "min_mag" => binary!(compare::min_mag), "($self, x, y, /)", "The value with the smaller magnitude.";
            unnamed "multiply" => binary!(arith::multiply), "($self, x, y, /)", "x * y.";
            unnamed "next_toward" => binary!(next::next_toward), "($self, x, y, /)", "The neighbour of x on the side of y.";
            unnamed "quantize" => binary!(arith::quantize), "($self, x, y, /)", "x rounded to the exponent of y.";
            unnamed "remainder" => binary!(division::remainder), "($self, x, y, /)", "The rest of x / y, with the sign of x.";
            unnamed "remainder_near" => binary!(division::remainder_near), "($self, x, y, /)", "x - y * n, where n is the whole number nearest to x / y.";
            unnamed "subtract" => binary!(arith::subtract), "($self, x, y, /)", "x - y.";
            unnamed "logical_and" => binary!(bits::and), "($self, x, y, /)", "And, digit by digit.";
            unnamed "logical_or" => binary!(bits::or), "($self, x, y, /)", "Or, digit by digit.";
            unnamed "logical_xor" => binary!(bits::xor), "($self, x, y, /)", "Exclusive or, digit by digit.";
            unnamed "rotate" => binary!(arith::rotate), "($self, x, y, /)", "The digits of x, rotated by y places.";
            unnamed "scaleb" => binary!(arith::scaleb), "($self, x, y, /)", "x * 10 ** y.";
            unnamed "shift" => binary!(arith::shift), "($self, x, y, /)", "The digits of x, shifted by y places.";
            unnamed "compare_total" => binary!(|x, y, _, _| compare::compare_total(x, y)), "($self, x, y, /)", "Compare representations.";
            unnamed "compare_total_mag" => binary!(|x, y, _, _| compare::compare_total_mag(x, y)), "($self, x, y, /)", "Compare representations without their signs.";
            unnamed "copy_sign" => binary!(|x, y, _, _| x.clone().with_sign(y.negative)), "($self, x, y, /)", "x with the sign of y.";
            unnamed "same_quantum" => |py: Attached<'_>, _: &Context, [x, y]: [Arg<'_>; 2]| -> PyResult<bool> { Ok(compare::same_quantum(&*operand(py, required(py, x)?)?, &*operand(py, required(py, y)?)?)) }, "($self, x, y, /)", "Whether the exponents are the same.";
            unnamed "divmod" => Context::divmod, "($self, x, y, /)", "The whole part of x / y, and the rest.";
            unnamed "fma" => Context::fma, "($self, x, y, z, /)", "x * y + z, rounded once.";
            unnamed "power" => Context::power, "($self, /, a, b, modulo=None)", "a ** b, or a ** b % modulo for whole numbers.";
            o "is_finite" => ask!(|x, _| x.is_finite()), "($self, x, /)", "Whether x is finite.";
            o "is_infinite" => ask!(|x, _| x.is_infinite()), "($self, x, /)", "Whether x is infinite.";
            o "is_nan" => ask!(|x, _| x.is_nan()), "($self, x, /)", "Whether x is a NaN.";
            o "is_normal" => ask!(|x, ctx| x.is_normal(ctx)), "($self, x, /)", "Whether x is a normal number.";
            o "is_qnan" => ask!(|x, _| x.kind == super::kernel::Kind::Nan), "($self, x, /)", "Whether x is a quiet NaN.";
            o "is_signed" => ask!(|x, _| x.negative), "($self, x, /)", "Whether x has a minus sign.";
            o "is_snan" => ask!(|x, _| x.kind == super::kernel::Kind::Signaling), "($self, x, /)", "Whether x is a signaling NaN.";
            o "is_subnormal" => ask!(|x, ctx| x.is_subnormal(ctx)), "($self, x, /)", "Whether x is subnormal.";
            o "is_zero" => ask!(|x, _| x.is_zero()), "($self, x, /)", "Whether x is a zero.";
            o "is_canonical" => |py: Attached<'_>, this: &Context, x: &Object| Context::canonical(py, this, x).map(|_| true), "($self, x, /)", "True.";
            o "canonical" => Context::canonical, "($self, x, /)", "x.";
            o "number_class" => ask!(compare::number_class), "($self, x, /)", "The name of the class of x.";
            o "to_sci_string" => |py: Attached<'_>, this: &Context, x: &Object| this.text(py, x, false), "($self, x, /)", "x in scientific notation.";
            o "to_eng_string" => |py: Attached<'_>, this: &Context, x: &Object| this.text(py, x, true), "($self, x, /)", "x in engineering notation.";
            unnamed "create_decimal" => convert::create, "($self, num=\"0\", /)", "A number, rounded to the context.";
            o "create_decimal_from_float" => convert::create_from_float, "($self, f, /)", "The number of a float, rounded to the context.";
        },
        getset: {
            "prec" => |_: Attached<'_>, this: &Context| this.prec.get(), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "prec", required(py, value)?, false), "";
            "Emax" => |_: Attached<'_>, this: &Context| this.emax.get(), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "Emax", required(py, value)?, false), "";
            "Emin" => |_: Attached<'_>, this: &Context| this.emin.get(), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "Emin", required(py, value)?, false), "";
            "rounding" => |py: Attached<'_>, this: &Context| Str::intern_static(py, rounding_name(this.view().rounding)), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "rounding", required(py, value)?, false), "";
            "capitals" => |_: Attached<'_>, this: &Context| i64::from(this.capitals.get()), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "capitals", required(py, value)?, false), "";
            "clamp" => |_: Attached<'_>, this: &Context| i64::from(this.clamp.get()), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "clamp", required(py, value)?, false), "";
            "flags" => |_: Attached<'_>, this: &Context| this.flags.get(), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "flags", required(py, value)?, false), "";
            "traps" => |_: Attached<'_>, this: &Context| this.traps.get(), |py: Attached<'_>, this: &Context, value: Option<&Object>| this.assign(py, "traps", required(py, value)?, false), "";
        },
    }
}
