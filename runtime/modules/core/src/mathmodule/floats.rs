//! Functions of floats.
use super::{domain_error, range_error, real, shown};
use krait_object::layout::PyMethodDef;
use krait_object::native::{Arg, required};
use krait_object::protocols::number::BinaryOp;
use krait_object::{Attached, Float, Int, IntoObject, Object, PyResult, Raised, Ref, Tuple, functions, id, raise};

unsafe extern "C" {
    safe fn acos(x: f64) -> f64;
    safe fn acosh(x: f64) -> f64;
    safe fn asin(x: f64) -> f64;
    safe fn asinh(x: f64) -> f64;
    safe fn atan(x: f64) -> f64;
    safe fn atan2(y: f64, x: f64) -> f64;
    safe fn atanh(x: f64) -> f64;
    safe fn cbrt(x: f64) -> f64;
    safe fn cos(x: f64) -> f64;
    safe fn cosh(x: f64) -> f64;
    safe fn erf(x: f64) -> f64;
    safe fn erfc(x: f64) -> f64;
    safe fn exp(x: f64) -> f64;
    safe fn exp2(x: f64) -> f64;
    safe fn expm1(x: f64) -> f64;
    safe fn fmod(x: f64, y: f64) -> f64;
    safe fn lgamma(x: f64) -> f64;
    safe fn log(x: f64) -> f64;
    safe fn log10(x: f64) -> f64;
    safe fn log1p(x: f64) -> f64;
    safe fn log2(x: f64) -> f64;
    safe fn nextafter(x: f64, y: f64) -> f64;
    safe fn pow(x: f64, y: f64) -> f64;
    safe fn remainder(x: f64, y: f64) -> f64;
    safe fn sin(x: f64) -> f64;
    safe fn sinh(x: f64) -> f64;
    safe fn tan(x: f64) -> f64;
    safe fn tanh(x: f64) -> f64;
    safe fn tgamma(x: f64) -> f64;
    safe fn ldexp(x: f64, exp: i32) -> f64;
}

/// A function whose only error is too large a result.
fn growing(py: Attached<'_>, x: &Object, f: extern "C" fn(f64) -> f64) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    let result = f(x);
    if result.is_infinite() && x.is_finite() { Err(range_error(py)) } else { Ok(result) }
}

/// A function defined where the result is a number; `message` tells what was expected.
fn checked(py: Attached<'_>, x: &Object, f: extern "C" fn(f64) -> f64, message: &str) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    let result = f(x);
    if (result.is_nan() && !x.is_nan()) || (result.is_infinite() && x.is_finite()) {
        return Err(raise!(py, ValueError, "{message}, got {}", shown(x)));
    }
    Ok(result)
}

extern "C" fn square_root(x: f64) -> f64 {
    x.sqrt()
}

macro_rules! wrap {
    ($($name:ident = $kind:ident($f:expr $(, $message:literal)?);)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
            extern "C" fn f(x: f64) -> f64 { $f(x) }
            $kind(py, x, f $(, $message)?)
        }
    )*};
}
wrap! {
    py_acos = checked(acos, "expected a number in range from -1 up to 1");
    py_acosh = checked(acosh, "expected argument value not less than 1");
    py_asin = checked(asin, "expected a number in range from -1 up to 1");
    py_asinh = growing(asinh);
    py_atan = growing(atan);
    py_atanh = checked(atanh, "expected a number between -1 and 1");
    py_cbrt = growing(cbrt);
    py_cos = checked(cos, "expected a finite input");
    py_cosh = growing(cosh);
    py_erf = growing(erf);
    py_erfc = growing(erfc);
    py_exp = growing(exp);
    py_exp2 = growing(exp2);
    py_expm1 = growing(expm1);
    py_log1p = checked(log1p, "expected argument value > -1");
    py_sin = checked(sin, "expected a finite input");
    py_sinh = growing(sinh);
    py_sqrt = checked(square_root, "expected a nonnegative input");
    py_tan = checked(tan, "expected a finite input");
    py_tanh = growing(tanh);
}

fn gamma(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    if x == f64::NEG_INFINITY || (x <= 0.0 && x == x.floor()) {
        return Err(raise!(py, ValueError, "expected a noninteger or positive integer, got {}", shown(x)));
    }
    let result = tgamma(x);
    if result.is_infinite() && x.is_finite() { Err(range_error(py)) } else { Ok(result) }
}

fn log_gamma(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    if x.is_infinite() {
        return Ok(f64::INFINITY);
    }
    if x <= 0.0 && x == x.floor() {
        return Err(raise!(py, ValueError, "expected a noninteger or positive integer, got {}", shown(x)));
    }
    let result = lgamma(x);
    if result.is_infinite() { Err(range_error(py)) } else { Ok(result) }
}

/// A logarithm of a number that may be an int beyond the floats.
fn logarithm(py: Attached<'_>, x: &Object, f: extern "C" fn(f64) -> f64) -> PyResult<f64> {
    let not_positive = || raise!(py, ValueError, "expected a positive input");
    if let Some(int) = x.downcast::<Int>() {
        if int.is_negative() || int.is_zero() {
            return Err(not_positive());
        }
        match int.to_f64(py) {
            Ok(value) => return Ok(f(value)),
            Err(raised) if raised.matches(py, krait_object::exc::OverflowError()) => raised.clear(py),
            Err(raised) => return Err(raised),
        }
        // The top bits as a fraction, the rest as an exponent.
        let bits = Int::bit_length(py, int);
        let shift = bits - 64;
        let top = int.to_bigint() >> shift;
        let top = top.iter_u64_digits().next().unwrap_or(u64::MAX) as f64;
        return Ok(f(top) + shift as f64 * f(2.0));
    }
    let x = x.as_f64(py)?;
    if x <= 0.0 { Err(raise!(py, ValueError, "expected a positive input, got {}", shown(x))) } else { Ok(f(x)) }
}

extern "C" fn natural(x: f64) -> f64 {
    log(x)
}
extern "C" fn binary(x: f64) -> f64 {
    log2(x)
}
extern "C" fn decimal(x: f64) -> f64 {
    log10(x)
}

fn py_log(py: Attached<'_>, _: &Object, args: krait_object::args::Args<'_>) -> PyResult<Ref<Object>> {
    args.no_keywords(py, "math.log")?;
    krait_object::args::check_positional(py, "log", args.pos.len(), 1, 2)?;
    let value = logarithm(py, args.pos[0], natural)?.into_object(py)?;
    match args.pos.get(1) {
        None => Ok(value),
        Some(base) => {
            let base = logarithm(py, base, natural)?.into_object(py)?;
            value.binary_op(py, &base, BinaryOp::TrueDivide)
        }
    }
}

fn power(py: Attached<'_>, _: &Object, [x, y]: [Arg<'_>; 2]) -> PyResult<f64> {
    let (x, y) = (real(py, x)?, real(py, y)?);
    let result = pow(x, y);
    if x.is_finite() && y.is_finite() {
        if result.is_nan() || (result.is_infinite() && x == 0.0) {
            return Err(domain_error(py));
        }
        if result.is_infinite() {
            return Err(range_error(py));
        }
    }
    Ok(result)
}

/// A function of two numbers that is undefined where it gives NaN for numbers.
fn two(py: Attached<'_>, [x, y]: [Arg<'_>; 2], f: extern "C" fn(f64, f64) -> f64) -> PyResult<f64> {
    let (x, y) = (real(py, x)?, real(py, y)?);
    let result = f(x, y);
    if result.is_nan() && !x.is_nan() && !y.is_nan() { Err(domain_error(py)) } else { Ok(result) }
}

fn py_fmod(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    extern "C" fn f(x: f64, y: f64) -> f64 {
        if y.is_infinite() && x.is_finite() { x } else { fmod(x, y) }
    }
    two(py, args, f)
}
fn py_remainder(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    extern "C" fn f(x: f64, y: f64) -> f64 {
        remainder(x, y)
    }
    two(py, args, f)
}
fn py_atan2(py: Attached<'_>, _: &Object, [y, x]: [Arg<'_>; 2]) -> PyResult<f64> {
    Ok(atan2(real(py, y)?, real(py, x)?))
}
fn copysign(py: Attached<'_>, _: &Object, [x, y]: [Arg<'_>; 2]) -> PyResult<f64> {
    Ok(real(py, x)?.copysign(real(py, y)?))
}

fn fma(py: Attached<'_>, _: &Object, [x, y, z]: [Arg<'_>; 3]) -> PyResult<f64> {
    let (x, y, z) = (real(py, x)?, real(py, y)?, real(py, z)?);
    let result = x.mul_add(y, z);
    if result.is_finite() {
        return Ok(result);
    }
    if result.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
        return Err(raise!(py, ValueError, "invalid operation in fma"));
    }
    if result.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
        return Err(raise!(py, OverflowError, "overflow in fma"));
    }
    Ok(result)
}

/// Fraction in [0.5, 1) and exponent.
fn split(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, bias) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(54), -54) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i32 - 1022;
    (f64::from_bits((bits & !(0x7FF << 52)) | (1022 << 52)), exponent + bias)
}

fn frexp(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Tuple>> {
    let (fraction, exponent) = split(x.as_f64(py)?);
    Tuple::pair(py, fraction.into_object(py)?, exponent.into_object(py)?)
}

fn py_ldexp(py: Attached<'_>, _: &Object, [x, exponent]: [Arg<'_>; 2]) -> PyResult<f64> {
    let x = real(py, x)?;
    let Some(exponent) = required(py, exponent)?.downcast::<Int>() else {
        return Err(raise!(py, TypeError, "Expected an int as second argument to ldexp."));
    };
    let exponent = match exponent.to_i64() {
        Some(exponent) => exponent.clamp(-5000, 5000) as i32,
        None if exponent.is_negative() => -5000,
        None => 5000,
    };
    let result = if x == 0.0 || !x.is_finite() { x } else { ldexp(x, exponent) };
    if result.is_infinite() && x.is_finite() { Err(range_error(py)) } else { Ok(result) }
}

fn modf(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Tuple>> {
    let x = x.as_f64(py)?;
    let (fraction, whole) = match x {
        x if x.is_infinite() => (0f64.copysign(x), x),
        x if x.is_nan() => (x, x),
        x => ((x - x.trunc()).copysign(x), x.trunc()),
    };
    Tuple::pair(py, fraction.into_object(py)?, whole.into_object(py)?)
}

fn is_close(py: Attached<'_>, _: &Object, [a, b, rel, abs]: [Arg<'_>; 4]) -> PyResult<bool> {
    let (a, b) = (real(py, a)?, real(py, b)?);
    let rel = rel.map_or(Ok(1e-9), |rel| rel.as_f64(py))?;
    let abs = abs.map_or(Ok(0.0), |abs| abs.as_f64(py))?;
    if rel < 0.0 || abs < 0.0 {
        return Err(raise!(py, ValueError, "tolerances must be non-negative"));
    }
    if a == b {
        return Ok(true);
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(false);
    }
    let difference = (b - a).abs();
    Ok(difference <= (rel * b).abs() || difference <= (rel * a).abs() || difference <= abs)
}

fn py_nextafter(py: Attached<'_>, _: &Object, [x, y, steps]: [Arg<'_>; 3]) -> PyResult<f64> {
    let (x, y) = (real(py, x)?, real(py, y)?);
    let Some(steps) = steps.filter(|steps| !steps.is_none()) else { return Ok(nextafter(x, y)) };
    let steps = steps.index(py)?;
    if steps.is_negative() {
        return Err(raise!(py, ValueError, "steps must be a non-negative integer"));
    }
    let steps = steps.to_u64().unwrap_or(u64::MAX);
    if steps == 0 {
        return Ok(x);
    }
    if x.is_nan() || y.is_nan() {
        return Ok(x + y);
    }
    // Floats of one sign are ordered as their bits are.
    let place = |x: f64| {
        let magnitude = (x.to_bits() & !(1 << 63)) as i128;
        if x.is_sign_negative() { -magnitude } else { magnitude }
    };
    let (from, to) = (place(x), place(y));
    if x == y {
        return Ok(y);
    }
    let distance = (to - from).unsigned_abs();
    if u128::from(steps) >= distance {
        return Ok(y);
    }
    let target = if to > from { from + i128::from(steps) } else { from - i128::from(steps) };
    let result = f64::from_bits(target.unsigned_abs() as u64);
    Ok(if target < 0 || (target == 0 && x.is_sign_negative()) { -result } else { result })
}

fn ulp(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?.abs();
    if x.is_nan() || x.is_infinite() {
        return Ok(x);
    }
    let next = nextafter(x, f64::INFINITY);
    Ok(if next.is_infinite() { x - nextafter(x, 0.0) } else { next - x })
}

/// Rounding: the number's own special method, or that of its float.
fn rounded(py: Attached<'_>, x: &Object, name: &krait_object::Str, round: fn(f64) -> f64) -> PyResult<Ref<Object>> {
    if let Some(float) = x.downcast_exact::<Float>() {
        return Ok(Int::from_f64(py, round(float.value()))?.upcast());
    }
    if let Some(method) = x.lookup_special(py, name)? {
        return method.call0(py);
    }
    Ok(Int::from_f64(py, round(x.as_f64(py)?))?.upcast())
}
fn ceil(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    rounded(py, x, id!(py, __ceil__), f64::ceil)
}
fn floor(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    rounded(py, x, id!(py, __floor__), f64::floor)
}
fn trunc(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    if let Some(float) = x.downcast_exact::<Float>() {
        return Ok(Int::from_f64(py, float.value().trunc())?.upcast());
    }
    match x.lookup_special(py, id!(py, __trunc__))? {
        Some(method) => method.call0(py),
        None => Err(raise!(py, TypeError, "type {} doesn't define __trunc__ method", x.ty().name())),
    }
}

type F = Result<f64, Raised>;

pub fn table() -> &'static [PyMethodDef] {
    functions! {
        o "acos" => py_acos, "($module, x, /)", "Return the arc cosine (measured in radians) of x.";
        o "acosh" => py_acosh, "($module, x, /)", "Return the inverse hyperbolic cosine of x.";
        o "asin" => py_asin, "($module, x, /)", "Return the arc sine (measured in radians) of x.";
        o "asinh" => py_asinh, "($module, x, /)", "Return the inverse hyperbolic sine of x.";
        o "atan" => py_atan, "($module, x, /)", "Return the arc tangent (measured in radians) of x.";
        o "atanh" => py_atanh, "($module, x, /)", "Return the inverse hyperbolic tangent of x.";
        o "cbrt" => py_cbrt, "($module, x, /)", "Return the cube root of x.";
        o "ceil" => ceil, "($module, x, /)", "Return the smallest integer that is not below x.";
        o "cos" => py_cos, "($module, x, /)", "Return the cosine of x (measured in radians).";
        o "cosh" => py_cosh, "($module, x, /)", "Return the hyperbolic cosine of x.";
        o "degrees" => |py: Attached<'_>, _: &Object, x: &Object| -> F { Ok(x.as_f64(py)? * (180.0 / std::f64::consts::PI)) }, "($module, x, /)", "Convert angle x from radians to degrees.";
        o "erf" => py_erf, "($module, x, /)", "Error function at x.";
        o "erfc" => py_erfc, "($module, x, /)", "Complementary error function at x.";
        o "exp" => py_exp, "($module, x, /)", "Return e raised to the power of x.";
        o "exp2" => py_exp2, "($module, x, /)", "Return 2 raised to the power of x.";
        o "expm1" => py_expm1, "($module, x, /)", "Return exp(x)-1, accurate for small x.";
        o "fabs" => |py: Attached<'_>, _: &Object, x: &Object| -> F { Ok(x.as_f64(py)?.abs()) }, "($module, x, /)", "Return the absolute value of the float x.";
        o "floor" => floor, "($module, x, /)", "Return the largest integer that is not above x.";
        o "frexp" => frexp, "($module, x, /)", "Return (m, e) with x == m * 2.0**e and 0.5 <= abs(m) < 1.0.";
        o "gamma" => gamma, "($module, x, /)", "Gamma function at x.";
        o "isfinite" => |py: Attached<'_>, _: &Object, x: &Object| -> Result<bool, Raised> { Ok(x.as_f64(py)?.is_finite()) }, "($module, x, /)", "Return True if x is neither an infinity nor a NaN, and False otherwise.";
        o "isinf" => |py: Attached<'_>, _: &Object, x: &Object| -> Result<bool, Raised> { Ok(x.as_f64(py)?.is_infinite()) }, "($module, x, /)", "Return True if x is a positive or negative infinity, and False otherwise.";
        o "isnan" => |py: Attached<'_>, _: &Object, x: &Object| -> Result<bool, Raised> { Ok(x.as_f64(py)?.is_nan()) }, "($module, x, /)", "Return True if x is a NaN (not a number), and False otherwise.";
        o "lgamma" => log_gamma, "($module, x, /)", "Natural logarithm of absolute value of Gamma function at x.";
        raw "log" => py_log, "", "log(x, [base=math.e])\nReturn the logarithm of x to the given base.";
        o "log10" => |py: Attached<'_>, _: &Object, x: &Object| logarithm(py, x, decimal), "($module, x, /)", "Return the base 10 logarithm of x.";
        o "log1p" => py_log1p, "($module, x, /)", "Return the natural logarithm of 1+x, accurate for small x.";
        o "log2" => |py: Attached<'_>, _: &Object, x: &Object| logarithm(py, x, binary), "($module, x, /)", "Return the base 2 logarithm of x.";
        o "modf" => modf, "($module, x, /)", "Return the fractional and integer parts of x.";
        o "radians" => |py: Attached<'_>, _: &Object, x: &Object| -> F { Ok(x.as_f64(py)? * (std::f64::consts::PI / 180.0)) }, "($module, x, /)", "Convert angle x from degrees to radians.";
    }
}

pub fn more() -> &'static [PyMethodDef] {
    functions! {
        sig "atan2" => py_atan2, "($module, y, x, /)", "Return the arc tangent (measured in radians) of y/x, in the quadrant of (x, y).";
        sig "copysign" => copysign, "($module, x, y, /)", "Return a float with the magnitude (absolute value) of x but the sign of y.";
        sig "fma" => fma, "($module, x, y, z, /)", "Return x * y + z with a single rounding.";
        sig "fmod" => py_fmod, "($module, x, y, /)", "Return fmod(x, y), according to platform C.";
        sig "isclose" => is_close, "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)", "Determine whether two floating-point numbers are close in value.";
        sig "ldexp" => py_ldexp, "($module, x, i, /)", "Return x * (2**i).";
        sig "nextafter" => py_nextafter, "($module, x, y, /, *, steps=None)", "Return the floating-point value the given number of steps after x towards y.";
        sig "pow" => power, "($module, x, y, /)", "Return x**y (x to the power of y).";
        sig "remainder" => py_remainder, "($module, x, y, /)", "Difference between x and the closest integer multiple of y.";
        o "sin" => py_sin, "($module, x, /)", "Return the sine of x (measured in radians).";
        o "sinh" => py_sinh, "($module, x, /)", "Return the hyperbolic sine of x.";
        o "sqrt" => py_sqrt, "($module, x, /)", "Return the square root of x.";
        o "tan" => py_tan, "($module, x, /)", "Return the tangent of x (measured in radians).";
        o "tanh" => py_tanh, "($module, x, /)", "Return the hyperbolic tangent of x.";
        o "trunc" => trunc, "($module, x, /)", "Truncates the Real x to the nearest Integral toward 0.";
        o "ulp" => ulp, "($module, x, /)", "Return the value of the least significant bit of the float x.";
    }
}
