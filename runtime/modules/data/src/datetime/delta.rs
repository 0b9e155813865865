//! `timedelta`.
use super::calendar::DAY_US;
use krait_object::args::{Args, Signature};
use krait_object::layout::PyDateTime_Delta;
use krait_object::native::type_name;
use krait_object::protocols::number::BinaryOp;
use krait_object::typedef::{CompareOp, member};
use krait_object::{
    Attached, Float, Int, IntoObject, Layout, Object, PyResult, Ref, Tuple, Type, id, mem, not_implemented, pytype,
    raise,
};
use num_bigint::BigInt;
use std::ffi::c_int;
use std::mem::offset_of;

/// `timedelta`: its parts are normalised.
#[repr(transparent)]
pub struct Delta(PyDateTime_Delta);

pytype! {
    pub static DELTA: "datetime.timedelta" for Delta {
        base: Object, flags: [BASETYPE],
        doc: "Difference between two datetime values.\n\ntimedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)\n\nAll arguments are optional and default to 0.\nArguments may be integers or floats, and may be positive or negative.",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<Delta>| mem::dealloc_with(py, this, |_| {}),
            tp_repr = Delta::repr,
            tp_str = Delta::str,
            tp_hash = Delta::hash,
            tp_richcompare = Delta::compare,
            tp_new = Delta::construct,
            nb_add = Delta::add,
            nb_subtract = Delta::subtract,
            nb_multiply = Delta::multiply,
            nb_remainder = Delta::remainder,
            nb_divmod = Delta::divmod,
            nb_negative = |py: Attached<'_>, this: &Delta| Delta::from_micros(py, -this.micros()),
            nb_positive = |py: Attached<'_>, this: &Delta| Delta::from_micros(py, this.micros()),
            nb_absolute = |py: Attached<'_>, this: &Delta| Delta::from_micros(py, this.micros().abs()),
            nb_bool = |_: Attached<'_>, this: &Delta| Ok(this.micros() != 0),
            nb_floor_divide = Delta::floor_divide,
            nb_true_divide = Delta::true_divide,
        },
        methods: {
            noargs "total_seconds" => Delta::total_seconds, "($self, /)", "Total seconds in the duration.";
            noargs "__reduce__" => Delta::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        members: [
            member("days\0", Py_T_INT as c_int, offset_of!(PyDateTime_Delta, days), Py_READONLY as c_int, c"Number of days."),
            member("seconds\0", Py_T_INT as c_int, offset_of!(PyDateTime_Delta, seconds), Py_READONLY as c_int, c"Number of seconds (>= 0 and less than 1 day)."),
            member("microseconds\0", Py_T_INT as c_int, offset_of!(PyDateTime_Delta, microseconds), Py_READONLY as c_int, c"Number of microseconds (>= 0 and less than 1 second)."),
        ],
    }
}

/// The quotient, rounded to the nearest, halves to even.
fn divide_nearest(a: &BigInt, b: &BigInt) -> BigInt {
    let zero = BigInt::ZERO;
    let (a, b) = if *b < zero { (-a, -b) } else { (a.clone(), b.clone()) };
    let mut quotient = &a / &b;
    let mut rest = &a % &b;
    if rest < zero {
        quotient -= 1;
        rest += &b;
    }
    let twice = &rest * 2;
    if twice > b || twice == b && quotient.bit(0) {
        quotient += 1;
    }
    quotient
}

/// The two numbers that a float is the quotient of; a subtype may say so itself.
fn ratio(py: Attached<'_>, float: &Float) -> PyResult<(BigInt, BigInt)> {
    if float.as_object().downcast_exact::<Float>().is_none() {
        let ratio = float.as_object().call_method(py, id!(py, as_integer_ratio), &[])?;
        let Some(pair) = ratio.as_object().downcast::<Tuple>() else {
            let name = type_name(&ratio);
            return Err(raise!(
                py,
                TypeError,
                "unexpected return type from as_integer_ratio(): expected tuple, not '{name}'"
            ));
        };
        let [top, bottom] = pair.as_slice() else {
            return Err(raise!(py, ValueError, "as_integer_ratio() must return a 2-tuple"));
        };
        let (Some(top), Some(bottom)) = (top.downcast::<Int>(), bottom.downcast::<Int>()) else {
            return Err(raise!(py, TypeError, "non-integer arguments in division"));
        };
        return Ok((top.to_bigint(), bottom.to_bigint()));
    }
    let value = float.value();
    if value.is_nan() {
        return Err(raise!(py, ValueError, "cannot convert NaN to integer ratio"));
    }
    if value.is_infinite() {
        return Err(raise!(py, OverflowError, "cannot convert Infinity to integer ratio"));
    }
    let (negative, mantissa, exponent) = krait_text::float::integer_ratio(value);
    let (mut top, mut bottom) = (BigInt::from(mantissa), BigInt::from(1));
    if exponent >= 0 {
        top <<= exponent as usize;
    } else {
        bottom <<= exponent.unsigned_abs() as usize;
    }
    Ok((if negative { -top } else { top }, bottom))
}

impl Delta {
    pub fn parts(&self) -> (i32, i32, i32) {
        (self.0.days.get(), self.0.seconds.get(), self.0.microseconds.get())
    }

    pub fn micros(&self) -> i128 {
        let (days, seconds, micros) = self.parts();
        i128::from(days) * DAY_US + i128::from(seconds) * 1_000_000 + i128::from(micros)
    }

    pub fn from_micros(py: Attached<'_>, micros: i128) -> PyResult<Ref<Delta>> {
        Self::make(py, Self::type_object(), micros)
    }

    pub fn make(py: Attached<'_>, ty: &Type, micros: i128) -> PyResult<Ref<Delta>> {
        let days = micros.div_euclid(DAY_US);
        let rest = micros.rem_euclid(DAY_US);
        let Ok(days) = i32::try_from(days) else { return Err(too_large(py)) };
        if days.unsigned_abs() > 999_999_999 {
            return Err(raise!(py, OverflowError, "days={days}; must have magnitude <= 999999999"));
        }
        let this = krait_object::native::alloc::<Delta>(py, ty)?;
        this.0.hashcode.set(-1);
        this.0.days.set(days);
        this.0.seconds.set((rest / 1_000_000) as i32);
        this.0.microseconds.set((rest % 1_000_000) as i32);
        Ok(this)
    }

    fn from_big(py: Attached<'_>, micros: &BigInt) -> PyResult<Ref<Delta>> {
        match i128::try_from(micros) {
            Ok(micros) => Self::from_micros(py, micros),
            Err(_) => Err(too_large(py)),
        }
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Delta>> {
        const SIG: Signature = Signature::parse(
            "__new__",
            "(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)",
        );
        let [days, seconds, micros, millis, minutes, hours, weeks] = SIG.bind::<7>(py, args)?;
        let fields = [
            ("microseconds", micros, 1),
            ("milliseconds", millis, 1_000),
            ("seconds", seconds, 1_000_000),
            ("minutes", minutes, 60_000_000),
            ("hours", hours, 3_600_000_000),
            ("days", days, 86_400_000_000),
            ("weeks", weeks, 604_800_000_000_i64),
        ];
        let mut total = BigInt::ZERO;
        let mut left = 0.0;
        for (name, value, factor) in fields {
            let Some(value) = value else { continue };
            if let Some(int) = value.downcast::<Int>() {
                total += int.to_bigint() * factor;
            } else if let Some(float) = value.downcast::<Float>() {
                let value = float.value();
                let whole = value.trunc();
                total += Int::from_f64(py, if value.is_finite() { whole } else { value })?.to_bigint() * factor;
                let part = (value - whole) * factor as f64;
                if part != 0.0 {
                    total += part.trunc() as i64;
                    left += part.fract();
                }
            } else {
                let given = type_name(value);
                return Err(raise!(py, TypeError, "unsupported type for timedelta {name} component: {given}"));
            }
        }
        if left != 0.0 {
            let mut whole = left.round();
            if (whole - left).abs() == 0.5 {
                let odd = f64::from(u8::from(total.bit(0)));
                whole = 2.0 * ((left + odd) * 0.5).round() - odd;
            }
            total += whole as i64;
        }
        match i128::try_from(&total) {
            Ok(micros) => Self::make(py, ty, micros),
            Err(_) => Err(too_large(py)),
        }
    }

    fn repr(_: Attached<'_>, this: &Delta) -> String {
        let (days, seconds, micros) = this.parts();
        let mut parts = Vec::new();
        for (name, value) in [("days", days), ("seconds", seconds), ("microseconds", micros)] {
            if value != 0 {
                parts.push(format!("{name}={value}"));
            }
        }
        let inner = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
        format!("{}({inner})", this.as_object().ty().name())
    }

    fn str(_: Attached<'_>, this: &Delta) -> String {
        let (days, seconds, micros) = this.parts();
        let mut out = String::new();
        if days != 0 {
            let plural = if days.abs() == 1 { "" } else { "s" };
            out = format!("{days} day{plural}, ");
        }
        out += &format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if micros != 0 {
            out += &format!(".{micros:06}");
        }
        out
    }

    pub fn hash(py: Attached<'_>, this: &Delta) -> PyResult<isize> {
        if this.0.hashcode.get() == -1 {
            let (days, seconds, micros) = this.parts();
            let parts = vec![days.into_object(py)?, seconds.into_object(py)?, micros.into_object(py)?];
            this.0.hashcode.set(Tuple::from_vec(py, parts)?.as_object().hash(py)?);
        }
        Ok(this.0.hashcode.get())
    }

    fn compare(py: Attached<'_>, this: &Delta, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        match other.downcast::<Delta>() {
            Some(other) => op.holds(this.parts().cmp(&other.parts())).into_object(py),
            None => Ok(not_implemented()),
        }
    }

    fn reduce(py: Attached<'_>, this: &Delta) -> PyResult<Ref<Tuple>> {
        let (days, seconds, micros) = this.parts();
        let parts = vec![days.into_object(py)?, seconds.into_object(py)?, micros.into_object(py)?];
        let args = Tuple::from_vec(py, parts)?.upcast();
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), args)
    }

    fn total_seconds(py: Attached<'_>, this: &Delta) -> PyResult<Ref<Object>> {
        let million = 1_000_000.into_object(py)?;
        this.int(py)?.as_object().binary_op(py, &million, BinaryOp::TrueDivide)
    }

    /// The microseconds as an `int`.
    fn int(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        int(py, self.micros())
    }

    fn add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match (left.downcast::<Delta>(), right.downcast::<Delta>()) {
            (Some(left), Some(right)) => Ok(Self::from_micros(py, left.micros() + right.micros())?.upcast()),
            _ => Ok(not_implemented()),
        }
    }

    fn subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match (left.downcast::<Delta>(), right.downcast::<Delta>()) {
            (Some(left), Some(right)) => Ok(Self::from_micros(py, left.micros() - right.micros())?.upcast()),
            _ => Ok(not_implemented()),
        }
    }

    /// `micros * a / b` for the ratio of a float, or the other way round.
    fn scaled(&self, py: Attached<'_>, float: &Float, divide: bool) -> PyResult<Ref<Object>> {
        let (top, bottom) = ratio(py, float)?;
        let micros = BigInt::from(self.micros());
        let (top, bottom) = if divide { (bottom, top) } else { (top, bottom) };
        if bottom == BigInt::ZERO {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        Ok(Self::from_big(py, &divide_nearest(&(micros * top), &bottom))?.upcast())
    }

    fn multiply(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (delta, factor) = match (left.downcast::<Delta>(), right.downcast::<Delta>()) {
            (Some(delta), None) => (delta, right),
            (None, Some(delta)) => (delta, left),
            _ => return Ok(not_implemented()),
        };
        if let Some(factor) = factor.downcast::<Int>() {
            return Ok(Self::from_big(py, &(factor.to_bigint() * delta.micros()))?.upcast());
        }
        match factor.downcast::<Float>() {
            Some(factor) => delta.scaled(py, factor, false),
            None => Ok(not_implemented()),
        }
    }

    fn floor_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(delta) = left.downcast::<Delta>() else { return Ok(not_implemented()) };
        if let Some(other) = right.downcast::<Delta>() {
            return Ok(delta.int(py)?.floor_divide(py, &*other.int(py)?)?.upcast());
        }
        match right.downcast::<Int>() {
            Some(divisor) => {
                let quotient = delta.int(py)?.floor_divide(py, divisor)?;
                Ok(Self::from_big(py, &quotient.to_bigint())?.upcast())
            }
            None => Ok(not_implemented()),
        }
    }

    fn true_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(delta) = left.downcast::<Delta>() else { return Ok(not_implemented()) };
        if let Some(other) = right.downcast::<Delta>() {
            return delta.int(py)?.as_object().binary_op(py, other.int(py)?.as_object(), BinaryOp::TrueDivide);
        }
        if let Some(float) = right.downcast::<Float>() {
            return delta.scaled(py, float, true);
        }
        match right.downcast::<Int>() {
            Some(divisor) if divisor.is_zero() => Err(raise!(py, ZeroDivisionError, "division by zero")),
            Some(divisor) => {
                let micros = divide_nearest(&BigInt::from(delta.micros()), &divisor.to_bigint());
                Ok(Self::from_big(py, &micros)?.upcast())
            }
            None => Ok(not_implemented()),
        }
    }

    fn remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match (left.downcast::<Delta>(), right.downcast::<Delta>()) {
            (Some(left), Some(right)) => {
                let rest = left.int(py)?.modulo(py, &*right.int(py)?)?;
                Ok(Self::from_big(py, &rest.to_bigint())?.upcast())
            }
            _ => Ok(not_implemented()),
        }
    }

    fn divmod(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match (left.downcast::<Delta>(), right.downcast::<Delta>()) {
            (Some(left), Some(right)) => {
                let (quotient, rest) = left.int(py)?.divmod(py, &*right.int(py)?)?;
                let rest = Self::from_big(py, &rest.to_bigint())?.upcast();
                Ok(Tuple::pair(py, quotient.upcast(), rest)?.upcast())
            }
            _ => Ok(not_implemented()),
        }
    }
}

fn int(py: Attached<'_>, value: i128) -> PyResult<Ref<Int>> {
    match i64::try_from(value) {
        Ok(value) => Int::from_i64(py, value),
        Err(_) => Int::from_bigint(py, &BigInt::from(value)),
    }
}

fn too_large(py: Attached<'_>) -> krait_object::Raised {
    raise!(py, OverflowError, "Python int too large to convert to C int")
}
