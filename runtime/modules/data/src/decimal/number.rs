//! `Decimal`.
use super::context::{Context, current, given, rounding_of};
use super::convert::{self, Pairing};
use super::format;
use super::kernel::{
    Ctx, Dec, Kind, Rounding, Status, arith, bits, compare, cond, division, elementary, next, power, text,
};
use krait_object::args::{Args, Signature};
use krait_object::layout::PyObject;
use krait_object::native::{Arg, alloc, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Complex, Field, Float, Int, IntoObject, Layout, Object, PyResult, Ref, Str, Tuple, Type, mem,
    not_implemented, pytype, raise,
};
use std::borrow::Cow;
use std::cell::UnsafeCell;
use std::ptr::NonNull;

/// A decimal number: an object that never changes.
#[repr(C)]
pub struct Decimal {
    ob_base: PyObject,
    /// The hash, or -1 until somebody asks.
    hash: Field<isize>,
    value: UnsafeCell<Dec>,
}

impl Decimal {
    pub fn make(py: Attached<'_>, value: Dec) -> PyResult<Ref<Decimal>> {
        Self::make_as(py, Self::type_object(), value)
    }

    /// An instance of a subtype.
    pub fn make_as(py: Attached<'_>, ty: &Type, value: Dec) -> PyResult<Ref<Decimal>> {
        let this = alloc::<Decimal>(py, ty)?;
        this.hash.set(-1);
        // SAFETY: [frozen]: nobody else has the fresh object; its zeroed memory holds no value yet.
        unsafe { this.value.get().write(value) };
        Ok(this)
    }

    #[inline(always)]
    pub fn value(&self) -> &Dec {
        // SAFETY: [frozen]: written by the constructor only.
        unsafe { &*self.value.get() }
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Decimal>) {
        // SAFETY: by the contract; the constructor wrote the value, and this is its last use.
        unsafe { mem::dealloc_with(py, this, |this| this.value.get().drop_in_place()) }
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Decimal>> {
        const SIG: Signature = Signature::unnamed("(value='0', context=None)");
        let [value, context] = SIG.bind::<2>(py, args)?;
        let Some(value) = value else { return Self::make_as(py, ty, Dec::zero(false, 0)) };
        if let Some(context) = context.filter(|context| !context.is_none()) {
            return convert::exact(py, ty, value, &*given(py, Some(context))?);
        }
        if let Some(exact) = value.downcast_exact::<Decimal>()
            && std::ptr::eq(ty, Self::type_object())
        {
            return Ok(exact.to_ref());
        }
        if let Some(int) = value.downcast::<Int>() {
            return Self::make_as(py, ty, convert::from_int(int));
        }
        convert::exact(py, ty, value, &*current(py)?)
    }

    fn repr(py: Attached<'_>, this: &Decimal) -> PyResult<String> {
        let capitals = current(py)?.capitals();
        Ok(format!("Decimal('{}')", text::to_text(this.value(), false, capitals)))
    }

    fn str(py: Attached<'_>, this: &Decimal) -> PyResult<Ref<Str>> {
        let capitals = current(py)?.capitals();
        Str::from_ascii(py, text::to_text(this.value(), false, capitals).as_bytes())
    }

    fn hash(py: Attached<'_>, this: &Decimal) -> PyResult<isize> {
        if this.hash.get() == -1 {
            this.hash.set(convert::hash(py, this)?);
        }
        Ok(this.hash.get())
    }

    fn compare(py: Attached<'_>, this: &Decimal, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let context = current(py)?;
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let (a, b) = match convert::comparable(py, &context, this.value(), other, equality)? {
            Pairing::Same(b) => (Cow::Borrowed(this.value()), b),
            Pairing::Scaled(a, b) => (Cow::Owned(a), Cow::Owned(b)),
            Pairing::Unknown => return Ok(not_implemented()),
        };
        if a.is_nan() || b.is_nan() {
            let signaling = a.kind == Kind::Signaling || b.kind == Kind::Signaling;
            if !equality || signaling {
                context.settle(py, cond::INVALID_OPERATION)?;
            }
            return (op == CompareOp::Ne).into_object(py);
        }
        op.holds(compare::order(&a, &b)).into_object(py)
    }

    /// The result of an operation under a context argument.
    fn unary(
        &self,
        py: Attached<'_>,
        context: Arg<'_>,
        op: fn(&Dec, &Ctx, &mut Status) -> Dec,
    ) -> PyResult<Ref<Decimal>> {
        finished(py, &*given(py, context)?, |ctx, status| op(self.value(), ctx, status))
    }

    /// The result of an operation with another operand under a context argument.
    fn binary(
        &self,
        py: Attached<'_>,
        other: Arg<'_>,
        context: Arg<'_>,
        op: fn(&Dec, &Dec, &Ctx, &mut Status) -> Dec,
    ) -> PyResult<Ref<Decimal>> {
        let context = given(py, context)?;
        let other = operand(py, required(py, other)?)?;
        finished(py, &context, |ctx, status| op(self.value(), &other, ctx, status))
    }

    fn fma(py: Attached<'_>, this: &Decimal, [other, third, context]: [Arg<'_>; 3]) -> PyResult<Ref<Decimal>> {
        let context = given(py, context)?;
        let other = operand(py, required(py, other)?)?;
        let third = operand(py, required(py, third)?)?;
        finished(py, &context, |ctx, status| arith::fma(this.value(), &other, &third, ctx, status))
    }

    fn quantize(py: Attached<'_>, this: &Decimal, [exp, rounding, context]: [Arg<'_>; 3]) -> PyResult<Ref<Decimal>> {
        let context = given(py, context)?;
        let ctx = with_rounding(py, &context, rounding)?;
        let exp = operand(py, required(py, exp)?)?;
        let mut status = 0;
        let result = arith::quantize(this.value(), &exp, &ctx, &mut status);
        context.settle(py, status)?;
        Self::make(py, result)
    }

    fn to_integral(&self, py: Attached<'_>, [rounding, context]: [Arg<'_>; 2], exact: bool) -> PyResult<Ref<Decimal>> {
        let context = given(py, context)?;
        let ctx = with_rounding(py, &context, rounding)?;
        let mut status = 0;
        let result = arith::to_integral(self.value(), exact, &ctx, &mut status);
        context.settle(py, status)?;
        Self::make(py, result)
    }

    /// The whole number that a rounding mode gives.
    fn whole(&self, py: Attached<'_>, rounding: Rounding) -> PyResult<Ref<Int>> {
        convert::to_int(py, self.value(), rounding)
    }

    fn round(py: Attached<'_>, this: &Decimal, [places]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let Some(places) = places.filter(|places| !places.is_none()) else {
            return Ok(this.whole(py, Rounding::HalfEven)?.upcast());
        };
        if places.downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "optional arg must be an integer"));
        }
        let places = super::context::integer(py, places)?;
        let context = current(py)?;
        let scale = Dec::power_of_ten(places.checked_neg().unwrap_or(i64::MAX));
        Ok(finished(py, &context, |ctx, status| arith::quantize(this.value(), &scale, ctx, status))?.upcast())
    }

    fn format(py: Attached<'_>, this: &Decimal, [spec, names]: [Arg<'_>; 2]) -> PyResult<Ref<Str>> {
        format::format(py, this.value(), required(py, spec)?, names)
    }

    fn reduce(py: Attached<'_>, this: &Decimal) -> PyResult<Ref<Tuple>> {
        let text = this.as_object().str(py)?.upcast();
        let args = Tuple::from_vec(py, vec![text])?.upcast();
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), args)
    }

    fn power(py: Attached<'_>, left: &Object, right: &Object, third: Option<&Object>) -> PyResult<Ref<Object>> {
        let (Some(a), Some(b)) = (convert::implicit(left), convert::implicit(right)) else {
            return Ok(not_implemented());
        };
        let context = current(py)?;
        let result = match third.map(convert::implicit) {
            None => finished(py, &context, |ctx, status| power::power(&a, &b, ctx, status)),
            Some(Some(m)) => finished(py, &context, |ctx, status| power::power_modulo(&a, &b, &m, ctx, status)),
            Some(None) => return Ok(not_implemented()),
        };
        Ok(result?.upcast())
    }

    fn floor_divmod(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (Some(a), Some(b)) = (convert::implicit(left), convert::implicit(right)) else {
            return Ok(not_implemented());
        };
        Ok(pair(py, &*current(py)?, &a, &b)?.upcast())
    }

    fn copied(_: Attached<'_>, this: &Decimal) -> Ref<Decimal> {
        this.to_ref()
    }

    fn from_number(py: Attached<'_>, ty: &Type, number: &Object) -> PyResult<Ref<Object>> {
        let known = number.downcast::<Decimal>().is_some()
            || number.downcast::<Int>().is_some()
            || number.downcast::<Float>().is_some();
        if !known {
            return Err(convert::unsupported(py, number));
        }
        let value = convert::exact_value(py, number, &*current(py)?, convert::Texts::Refused)?;
        made_by(py, ty, value)
    }

    fn from_float(py: Attached<'_>, ty: &Type, number: &Object) -> PyResult<Ref<Object>> {
        let value = match (number.downcast::<Int>(), number.downcast::<Float>()) {
            (Some(int), _) => convert::from_int(int),
            (_, Some(float)) => convert::from_f64(float.value()),
            _ => return Err(raise!(py, TypeError, "argument must be int or float")),
        };
        made_by(py, ty, value)
    }
}

/// A number as an alternative constructor of a class returns it.
fn made_by(py: Attached<'_>, ty: &Type, value: Dec) -> PyResult<Ref<Object>> {
    let made = Decimal::make(py, value)?;
    if std::ptr::eq(ty, Decimal::type_object()) {
        return Ok(made.upcast());
    }
    ty.as_object().call_pos(py, &[made.as_object()])
}

/// Runs an operation under a context.
#[inline]
pub fn finished(
    py: Attached<'_>,
    context: &Context,
    op: impl FnOnce(&Ctx, &mut Status) -> Dec,
) -> PyResult<Ref<Decimal>> {
    let mut status = 0;
    let result = op(&context.view(), &mut status);
    context.settle(py, status)?;
    Decimal::make(py, result)
}

/// Whole quotient and rest.
pub fn pair(py: Attached<'_>, context: &Context, a: &Dec, b: &Dec) -> PyResult<Ref<Tuple>> {
    let mut status = 0;
    let (quotient, rest) = division::divmod(a, b, &context.view(), &mut status);
    context.settle(py, status)?;
    Tuple::pair(py, Decimal::make(py, quotient)?.upcast(), Decimal::make(py, rest)?.upcast())
}

/// The number of an operand that must be a `Decimal` or an `int`.
///
/// # Errors
/// `TypeError`.
#[inline]
pub fn operand<'a>(py: Attached<'_>, value: &'a Object) -> PyResult<Cow<'a, Dec>> {
    convert::implicit(value).ok_or_else(|| convert::unsupported(py, value))
}

/// What the arithmetic must know, with the rounding mode that an argument names.
fn with_rounding(py: Attached<'_>, context: &Context, rounding: Arg<'_>) -> PyResult<Ctx> {
    match rounding.filter(|rounding| !rounding.is_none()) {
        Some(rounding) => Ok(context.view().rounded(rounding_of(py, rounding)?)),
        None => Ok(context.view()),
    }
}

/// An arithmetical operator.
#[inline(always)]
fn operator(
    py: Attached<'_>,
    left: &Object,
    right: &Object,
    op: impl FnOnce(&Dec, &Dec, &Ctx, &mut Status) -> Dec,
) -> PyResult<Ref<Object>> {
    let (Some(a), Some(b)) = (convert::implicit(left), convert::implicit(right)) else {
        return Ok(not_implemented());
    };
    Ok(finished(py, &*current(py)?, |ctx, status| op(&a, &b, ctx, status))?.upcast())
}

/// An operator of one operand.
#[inline(always)]
fn sign(py: Attached<'_>, this: &Decimal, op: fn(&Dec, &Ctx, &mut Status) -> Dec) -> PyResult<Ref<Decimal>> {
    finished(py, &*current(py)?, |ctx, status| op(this.value(), ctx, status))
}

/// A method of the number alone.
macro_rules! unary {
    ($op:expr) => {
        |py: Attached<'_>, this: &Decimal, [context]: [Arg<'_>; 1]| this.unary(py, context, $op)
    };
}

/// A method with another operand.
macro_rules! binary {
    ($op:expr) => {
        |py: Attached<'_>, this: &Decimal, [other, context]: [Arg<'_>; 2]| this.binary(py, other, context, $op)
    };
}

/// A method that asks something about the number.
macro_rules! ask {
    ($ask:expr) => {
        |_: Attached<'_>, this: &Decimal| -> bool {
            let ask: fn(&Dec) -> bool = $ask;
            ask(this.value())
        }
    };
}

/// A method that makes a number without a context.
macro_rules! plain {
    ($op:expr) => {
        |py: Attached<'_>, this: &Decimal| {
            let op: fn(&Dec) -> Dec = $op;
            Decimal::make(py, op(this.value()))
        }
    };
}

pytype! {
    static DECIMAL: "decimal.Decimal" for Decimal {
        base: Object, flags: [BASETYPE],
        doc: "Decimal(value='0', context=None)\n--\n\nA decimal floating-point number.\n\nThe value may be a number, a string, a tuple of sign, digits and exponent, or another Decimal; it is kept exactly.",
        slots: {
            tp_dealloc = Decimal::dealloc,
            tp_repr = Decimal::repr,
            tp_str = Decimal::str,
            tp_hash = Decimal::hash,
            tp_richcompare = Decimal::compare,
            constructor = Decimal::construct,
            nb_add = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, arith::add),
            nb_subtract = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, arith::subtract),
            nb_multiply = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, arith::multiply),
            nb_true_divide = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, division::divide),
            nb_floor_divide = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, division::divide_int),
            nb_remainder = |py: Attached<'_>, a: &Object, b: &Object| operator(py, a, b, division::remainder),
            nb_divmod = Decimal::floor_divmod,
            nb_power = Decimal::power,
            nb_negative = |py: Attached<'_>, this: &Decimal| sign(py, this, arith::minus),
            nb_positive = |py: Attached<'_>, this: &Decimal| sign(py, this, arith::plus),
            nb_absolute = |py: Attached<'_>, this: &Decimal| sign(py, this, arith::abs),
            nb_bool = |_: Attached<'_>, this: &Decimal| Ok(!this.value().is_zero()),
            nb_int = |py: Attached<'_>, this: &Decimal| this.whole(py, Rounding::Down),
            nb_float = |py: Attached<'_>, this: &Decimal| convert::to_float(py, this.value()),
        },
        methods: {
            unnamed "exp" => unary!(elementary::exp), "($self, /, context=None)", "e to the power of the number, rounded half to even.";
            unnamed "ln" => unary!(elementary::ln), "($self, /, context=None)", "The natural logarithm, rounded half to even.";
            unnamed "log10" => unary!(elementary::log10), "($self, /, context=None)", "The logarithm to base 10, rounded half to even.";
            unnamed "next_minus" => unary!(next::next_minus), "($self, /, context=None)", "The largest representable number below this one.";
            unnamed "next_plus" => unary!(next::next_plus), "($self, /, context=None)", "The smallest representable number above this one.";
            unnamed "normalize" => unary!(arith::reduce), "($self, /, context=None)", "The number without trailing zeros.";
            unnamed "sqrt" => unary!(division::sqrt), "($self, /, context=None)", "The square root.";
            unnamed "logb" => unary!(arith::logb), "($self, /, context=None)", "The exponent of the first digit.";
            unnamed "logical_invert" => unary!(bits::invert), "($self, /, context=None)", "Invert all digits, which are 0 and 1.";
            unnamed "compare" => binary!(compare::compare), "($self, /, other, context=None)", "-1, 0 or 1, by the values; NaN if there is one.";
            unnamed "compare_signal" => binary!(compare::compare_signal), "($self, /, other, context=None)", "Compare values; NaN is invalid.";
            unnamed "max" => binary!(compare::max), "($self, /, other, context=None)", "The larger value; a number rather than a quiet NaN.";
            unnamed "max_mag" => binary!(compare::max_mag), "($self, /, other, context=None)", "The value with the larger magnitude.";
            unnamed "min" => binary!(compare::min), "($self, /, other, context=None)", "The smaller value; a number rather than a quiet NaN.";
            unnamed "min_mag" => binary!(compare::min_mag), "($self, /, other, context=None)", "The value with the smaller magnitude.";
            unnamed "next_toward" => binary!(next::next_toward), "($self, /, other, context=None)", "The neighbour on the side of other.";
            unnamed "remainder_near" => binary!(division::remainder_near), "($self, /, other, context=None)", "self - other * n, where n is the whole number nearest to self / other.";
            unnamed "logical_and" => binary!(bits::and), "($self, /, other, context=None)", "And, digit by digit.";
            unnamed "logical_or" => binary!(bits::or), "($self, /, other, context=None)", "Or, digit by digit.";
            unnamed "logical_xor" => binary!(bits::xor), "($self, /, other, context=None)", "Exclusive or, digit by digit.";
            unnamed "rotate" => binary!(arith::rotate), "($self, /, other, context=None)", "The digits, rotated by other places.";
            unnamed "scaleb" => binary!(arith::scaleb), "($self, /, other, context=None)", "self * 10 ** other.";
            unnamed "shift" => binary!(arith::shift), "($self, /, other, context=None)", "The digits, shifted by other places.";
            unnamed "compare_total" => binary!(|a, b, _, _| compare::compare_total(a, b)), "($self, /, other, context=None)", "Compare representations.";
            unnamed "compare_total_mag" => binary!(|a, b, _, _| compare::compare_total_mag(a, b)), "($self, /, other, context=None)", "Compare representations without their signs.";
            unnamed "copy_sign" => binary!(|a, b, _, _| a.clone().with_sign(b.negative)), "($self, /, other, context=None)", "The number with the sign of other.";
            unnamed "same_quantum" => |py: Attached<'_>, this: &Decimal, [other, context]: [Arg<'_>; 2]| -> PyResult<bool> { given(py, context)?; Ok(compare::same_quantum(this.value(), &*operand(py, required(py, other)?)?)) }, "($self, /, other, context=None)", "Whether the exponents are the same.";
            unnamed "fma" => Decimal::fma, "($self, /, other, third, context=None)", "self * other + third, rounded once.";
            unnamed "quantize" => Decimal::quantize, "($self, /, exp, rounding=None, context=None)", "The number rounded to the exponent of exp.";
            unnamed "to_integral" => |py: Attached<'_>, this: &Decimal, args: [Arg<'_>; 2]| this.to_integral(py, args, false), "($self, /, rounding=None, context=None)", "The number rounded to a whole one.";
            unnamed "to_integral_value" => |py: Attached<'_>, this: &Decimal, args: [Arg<'_>; 2]| this.to_integral(py, args, false), "($self, /, rounding=None, context=None)", "The number rounded to a whole one.";
            unnamed "to_integral_exact" => |py: Attached<'_>, this: &Decimal, args: [Arg<'_>; 2]| this.to_integral(py, args, true), "($self, /, rounding=None, context=None)", "The number rounded to a whole one, with the flags of rounding.";
            unnamed "is_normal" => |py: Attached<'_>, this: &Decimal, [context]: [Arg<'_>; 1]| -> PyResult<bool> { Ok(this.value().is_normal(&given(py, context)?.view())) }, "($self, /, context=None)", "Whether the number is a normal one.";
            unnamed "is_subnormal" => |py: Attached<'_>, this: &Decimal, [context]: [Arg<'_>; 1]| -> PyResult<bool> { Ok(this.value().is_subnormal(&given(py, context)?.view())) }, "($self, /, context=None)", "Whether the number is subnormal.";
            unnamed "number_class" => |py: Attached<'_>, this: &Decimal, [context]: [Arg<'_>; 1]| -> PyResult<&'static str> { Ok(compare::number_class(this.value(), &given(py, context)?.view())) }, "($self, /, context=None)", "The name of the number's class.";
            unnamed "to_eng_string" => |py: Attached<'_>, this: &Decimal, [context]: [Arg<'_>; 1]| -> PyResult<String> { Ok(text::to_text(this.value(), true, given(py, context)?.capitals())) }, "($self, /, context=None)", "The number in engineering notation.";
            noargs "is_canonical" => ask!(|_| true), "($self, /)", "True.";
            noargs "is_finite" => ask!(|a| a.is_finite()), "($self, /)", "Whether the number is finite.";
            noargs "is_infinite" => ask!(|a| a.is_infinite()), "($self, /)", "Whether the number is infinite.";
            noargs "is_nan" => ask!(|a| a.is_nan()), "($self, /)", "Whether it is a NaN.";
            noargs "is_qnan" => ask!(|a| a.kind == Kind::Nan), "($self, /)", "Whether it is a quiet NaN.";
            noargs "is_snan" => ask!(|a| a.kind == Kind::Signaling), "($self, /)", "Whether it is a signaling NaN.";
            noargs "is_signed" => ask!(|a| a.negative), "($self, /)", "Whether the number has a minus sign.";
            noargs "is_zero" => ask!(|a| a.is_zero()), "($self, /)", "Whether the number is a zero.";
            noargs "adjusted" => |_: Attached<'_>, this: &Decimal| if this.value().is_finite() { this.value().adjusted() } else { 0 }, "($self, /)", "The exponent of the first digit; 0 for special numbers.";
            noargs "canonical" => Decimal::copied, "($self, /)", "The number itself.";
            noargs "conjugate" => Decimal::copied, "($self, /)", "The number itself.";
            noargs "radix" => plain!(|_| Dec::from_u64(10)), "($self, /)", "10.";
            noargs "copy_abs" => plain!(|a| a.clone().with_sign(false)), "($self, /)", "The number with a positive sign.";
            noargs "copy_negate" => plain!(|a| a.clone().negated()), "($self, /)", "The number with the other sign.";
            noargs "as_tuple" => convert::as_tuple, "($self, /)", "Sign, digits and exponent.";
            noargs "as_integer_ratio" => convert::as_integer_ratio, "($self, /)", "A pair of integers, in lowest terms, whose ratio is the number.";
            class o "from_float" => Decimal::from_float, "($type, f, /)", "The number that a float or int stands for, exactly.";
            class o "from_number" => Decimal::from_number, "($type, number, /)", "The number that a float, int or Decimal stands for, exactly.";
            noargs "__copy__" => Decimal::copied, "($self, /)", "";
            o "__deepcopy__" => |_: Attached<'_>, this: &Decimal, _: &Object| this.to_ref(), "($self, object, /)", "";
            unnamed "__format__" => Decimal::format, "($self, format_spec, override=<unrepresentable>, /)", "The number as a format specification wants it.";
            noargs "__reduce__" => Decimal::reduce, "($self, /)", "";
            unnamed "__round__" => Decimal::round, "($self, ndigits=None, /)", "The nearest whole number, or the number with so many places.";
            noargs "__ceil__" => |py: Attached<'_>, this: &Decimal| this.whole(py, Rounding::Ceiling), "($self, /)", "";
            noargs "__floor__" => |py: Attached<'_>, this: &Decimal| this.whole(py, Rounding::Floor), "($self, /)", "";
            noargs "__trunc__" => |py: Attached<'_>, this: &Decimal| this.whole(py, Rounding::Down), "($self, /)", "";
            noargs "__complex__" => |py: Attached<'_>, this: &Decimal| -> PyResult<Ref<Complex>> { Complex::new(py, convert::to_float(py, this.value())?, 0.0) }, "($self, /)", "";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Decimal| size_of::<Decimal>() + if this.value().coeff.spilled() { 8 * this.value().coeff.len() } else { 0 }, "($self, /)", "";
        },
        getset: {
            "real" => |_: Attached<'_>, this: &Decimal| this.to_ref(), "";
            "imag" => |py: Attached<'_>, _: &Decimal| Decimal::make(py, Dec::zero(false, 0)), "";
        },
    }
}
