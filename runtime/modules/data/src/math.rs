//! `math`.
use crate::util::{Arg, required};
use krait_object::args::Args;
use krait_object::protocols::number::BinaryOp;
use krait_object::{
    Attached, Float, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Tuple, functions, id, raise,
};
use num_bigint::BigInt;

unsafe extern "C" {
    safe fn erf(x: f64) -> f64;
    safe fn erfc(x: f64) -> f64;
    safe fn tgamma(x: f64) -> f64;
    unsafe fn lgamma_r(x: f64, sign: *mut i32) -> f64;
    safe fn expm1(x: f64) -> f64;
    safe fn ldexp(x: f64, exponent: i32) -> f64;
    unsafe fn frexp(x: f64, exponent: *mut i32) -> f64;
    safe fn nextafter(x: f64, y: f64) -> f64;
    safe fn remainder(x: f64, y: f64) -> f64;
}

fn range_error<T>(py: Attached<'_>) -> PyResult<T> {
    Err(raise!(py, OverflowError, "math range error"))
}

fn domain_error<T>(py: Attached<'_>) -> PyResult<T> {
    Err(raise!(py, ValueError, "math domain error"))
}

/// The message of a domain error about `x`.
fn expected<T>(py: Attached<'_>, what: &str, x: f64) -> PyResult<T> {
    Err(raise!(py, ValueError, "expected {what}, got {}", krait_text::float::repr(x)))
}

/// Applies `f`; NaN out of a number is a domain error in the words of `what`, infinity out of a finite one is a range
/// error when `overflows`, else a domain error too.
fn unary(py: Attached<'_>, x: &Object, f: impl Fn(f64) -> f64, what: &str, overflows: bool) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    let result = f(x);
    if result.is_finite() || x.is_nan() {
        return Ok(result);
    }
    if result.is_nan() {
        return expected(py, what, x);
    }
    match (x.is_infinite(), overflows) {
        (true, _) => Ok(result),
        (false, true) => range_error(py),
        (false, false) => expected(py, what, x),
    }
}

macro_rules! unaries {
    ($($name:ident: $f:expr, $what:literal, $overflows:literal;)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
            unary(py, x, $f, $what, $overflows)
        }
    )*};
}

unaries! {
    m_acos: f64::acos, "a number in range from -1 up to 1", false;
    m_acosh: |x| libm_acosh(x), "argument value not less than 1", false;
    m_asin: f64::asin, "a number in range from -1 up to 1", false;
    m_asinh: |x| libm_asinh(x), "a number", false;
    m_atan: f64::atan, "a number", false;
    m_atanh: |x| libm_atanh(x), "a number between -1 and 1", false;
    m_cbrt: f64::cbrt, "a number", false;
    m_cos: f64::cos, "a finite input", false;
    m_cosh: f64::cosh, "a number", true;
    m_erf: |x| erf(x), "a number", false;
    m_erfc: |x| erfc(x), "a number", false;
    m_exp: f64::exp, "a number", true;
    m_exp2: f64::exp2, "a number", true;
    m_expm1: |x| expm1(x), "a number", true;
    m_fabs: f64::abs, "a number", false;
    m_log1p: f64::ln_1p, "argument value > -1", false;
    m_sin: f64::sin, "a finite input", false;
    m_sinh: f64::sinh, "a number", true;
    m_sqrt: f64::sqrt, "a nonnegative input", false;
    m_tan: f64::tan, "a finite input", false;
    m_tanh: f64::tanh, "a number", false;
    m_degrees: |x| x * (180.0 / std::f64::consts::PI), "a number", false;
    m_radians: |x| x * (std::f64::consts::PI / 180.0), "a number", false;
}

unsafe extern "C" {
    #[link_name = "acosh"]
    safe fn libm_acosh(x: f64) -> f64;
    #[link_name = "asinh"]
    safe fn libm_asinh(x: f64) -> f64;
    #[link_name = "atanh"]
    safe fn libm_atanh(x: f64) -> f64;
}

fn m_gamma(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    if x.is_nan() || x == f64::INFINITY {
        return Ok(x);
    }
    if x == f64::NEG_INFINITY || (x <= 0.0 && x == x.floor()) {
        return expected(py, "a noninteger or positive integer", x);
    }
    match tgamma(x) {
        result if result.is_infinite() => range_error(py),
        result => Ok(result),
    }
}

fn m_lgamma(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?;
    if !x.is_finite() {
        return Ok(x.abs());
    }
    if x <= 0.0 && x == x.floor() {
        return expected(py, "a noninteger or positive integer", x);
    }
    let mut sign = 0;
    // SAFETY: a number in, the sign out.
    match unsafe { lgamma_r(x, &mut sign) } {
        result if result.is_infinite() => range_error(py),
        result => Ok(result),
    }
}

/// A logarithm that also takes integers beyond the range of floats; `log2_unit` is the logarithm of two.
fn log_of(py: Attached<'_>, x: &Object, f: fn(f64) -> f64, log2_unit: f64) -> PyResult<f64> {
    if let Some(int) = x.downcast::<Int>() {
        if int.is_negative() || int.is_zero() {
            return Err(raise!(py, ValueError, "expected a positive input"));
        }
        let bits = Int::bit_length(py, int);
        if bits > 1000 {
            let shift = bits - 64;
            let top = int.to_bigint() >> shift;
            let top = Int::from_bigint(py, &top)?.to_f64(py)?;
            return Ok(f(top) + shift as f64 * log2_unit);
        }
    }
    let x = x.as_f64(py)?;
    if x <= 0.0 {
        return Err(raise!(py, ValueError, "expected a positive input"));
    }
    Ok(f(x))
}

fn m_log(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<f64> {
    args.no_keywords(py, "math.log")?;
    krait_object::args::check_positional(py, "log", args.pos.len(), 1, 2)?;
    let log = log_of(py, args.pos[0], f64::ln, std::f64::consts::LN_2)?;
    let Some(base) = args.pos.get(1) else { return Ok(log) };
    match log_of(py, base, f64::ln, std::f64::consts::LN_2)? {
        0.0 => Err(raise!(py, ZeroDivisionError, "division by zero")),
        base => Ok(log / base),
    }
}

fn m_log2(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    log_of(py, x, f64::log2, 1.0)
}

fn m_log10(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    log_of(py, x, f64::log10, std::f64::consts::LOG10_2)
}

fn two(py: Attached<'_>, [x, y]: [Arg<'_>; 2]) -> PyResult<(f64, f64)> {
    Ok((required(py, x)?.as_f64(py)?, required(py, y)?.as_f64(py)?))
}

fn m_atan2(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    let (y, x) = two(py, args)?;
    Ok(y.atan2(x))
}

fn m_copysign(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    let (x, y) = two(py, args)?;
    Ok(x.copysign(y))
}

fn m_fmod(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    let (x, y) = two(py, args)?;
    if y.is_infinite() && x.is_finite() {
        return Ok(x);
    }
    let result = x % y;
    if result.is_nan() && !x.is_nan() && !y.is_nan() {
        return domain_error(py);
    }
    Ok(result)
}

fn m_remainder(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    let (x, y) = two(py, args)?;
    let result = remainder(x, y);
    if result.is_nan() && !x.is_nan() && !y.is_nan() {
        return domain_error(py);
    }
    Ok(result)
}

fn m_pow(py: Attached<'_>, _: &Object, args: [Arg<'_>; 2]) -> PyResult<f64> {
    let (x, y) = two(py, args)?;
    let result = x.powf(y);
    if result.is_finite() || !x.is_finite() || !y.is_finite() {
        return Ok(result);
    }
    if result.is_nan() || x == 0.0 { domain_error(py) } else { range_error(py) }
}

fn m_fma(py: Attached<'_>, _: &Object, [x, y, z]: [Arg<'_>; 3]) -> PyResult<f64> {
    let (x, y) = two(py, [x, y])?;
    let z = required(py, z)?.as_f64(py)?;
    let result = x.mul_add(y, z);
    if result.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
        return Err(raise!(py, ValueError, "invalid operation in fma"));
    }
    if result.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
        return Err(raise!(py, OverflowError, "overflow in fma"));
    }
    Ok(result)
}

fn m_ldexp(py: Attached<'_>, _: &Object, [x, i]: [Arg<'_>; 2]) -> PyResult<f64> {
    let x = required(py, x)?.as_f64(py)?;
    let Some(i) = required(py, i)?.downcast::<Int>() else {
        return Err(raise!(py, TypeError, "Expected an int as second argument to ldexp."));
    };
    if x == 0.0 || !x.is_finite() {
        return Ok(x);
    }
    let exponent = i.to_i64().unwrap_or(if i.is_negative() { i64::MIN } else { i64::MAX });
    let result = ldexp(x, exponent.clamp(-100_000, 100_000) as i32);
    if result.is_infinite() { range_error(py) } else { Ok(result) }
}

/// Mantissa and exponent.
pub fn split(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let mut exponent = 0;
    // SAFETY: a number in, the exponent out.
    let mantissa = unsafe { frexp(x, &mut exponent) };
    (mantissa, exponent)
}

fn m_frexp(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Tuple>> {
    let (mantissa, exponent) = split(x.as_f64(py)?);
    Tuple::pair(py, mantissa.into_object(py)?, exponent.into_object(py)?)
}

fn m_modf(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Tuple>> {
    let x = x.as_f64(py)?;
    let fraction = if x.is_infinite() { 0.0f64.copysign(x) } else { x.fract().copysign(x) };
    Tuple::pair(py, fraction.into_object(py)?, x.trunc().into_object(py)?)
}

fn m_isfinite(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<bool> {
    Ok(x.as_f64(py)?.is_finite())
}

fn m_isinf(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<bool> {
    Ok(x.as_f64(py)?.is_infinite())
}

fn m_isnan(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<bool> {
    Ok(x.as_f64(py)?.is_nan())
}

fn m_ulp(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<f64> {
    let x = x.as_f64(py)?.abs();
    if !x.is_finite() {
        return Ok(x);
    }
    let above = nextafter(x, f64::INFINITY);
    Ok(if above.is_infinite() { x - nextafter(x, 0.0) } else { above - x })
}

fn m_nextafter(py: Attached<'_>, _: &Object, [x, y, steps]: [Arg<'_>; 3]) -> PyResult<f64> {
    let (x, y) = two(py, [x, y])?;
    let Some(steps) = steps.filter(|steps| !steps.is_none()) else { return Ok(nextafter(x, y)) };
    let steps = steps.index(py)?;
    if steps.is_negative() {
        return Err(raise!(py, ValueError, "steps must be a non-negative integer"));
    }
    let steps = steps.to_u64().unwrap_or(u64::MAX);
    if steps == 0 || x.is_nan() {
        return Ok(x);
    }
    if y.is_nan() || x == y {
        return Ok(y);
    }
    // Floats in the order of integers.
    let order = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { -((bits & i64::MAX) as i128) } else { bits as i128 }
    };
    let (from, to) = (order(x), order(y));
    let result = match to > from {
        true => (from + steps as i128).min(to),
        false => (from - steps as i128).max(to),
    };
    if result == to {
        return Ok(y);
    }
    Ok(if result < 0 {
        -f64::from_bits((-result) as u64)
    } else {
        f64::from_bits(result as u64).copysign(if result == 0 { x } else { 1.0 })
    })
}

fn m_isclose(py: Attached<'_>, _: &Object, [a, b, rel, abs]: [Arg<'_>; 4]) -> PyResult<bool> {
    let (a, b) = two(py, [a, b])?;
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

/// A float's integer, or what the special method of another number gives.
fn rounded(py: Attached<'_>, x: &Object, name: &'static krait_object::Str, f: fn(f64) -> f64) -> PyResult<Ref<Object>> {
    if x.downcast_exact::<Float>().is_none()
        && let Some(method) = x.lookup_special(py, name)?
    {
        return method.call0(py);
    }
    Ok(Int::from_f64(py, f(x.as_f64(py)?))?.upcast())
}

fn m_ceil(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    rounded(py, x, id!(py, __ceil__), f64::ceil)
}

fn m_floor(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    rounded(py, x, id!(py, __floor__), f64::floor)
}

fn m_trunc(py: Attached<'_>, _: &Object, x: &Object) -> PyResult<Ref<Object>> {
    if let Some(float) = x.downcast_exact::<Float>() {
        return Ok(Int::from_f64(py, float.value())?.upcast());
    }
    match x.lookup_special(py, id!(py, __trunc__))? {
        Some(method) => method.call0(py),
        None => Err(raise!(py, TypeError, "type {} doesn't define __trunc__ method", x.ty().name())),
    }
}

/// An exact sum of floats, as floats that do not overlap, in increasing order.
#[derive(Default)]
pub struct ExactSum {
    partials: Vec<f64>,
}

impl ExactSum {
    /// Adds a finite number; false when the sum leaves the range.
    #[must_use]
    pub fn add(&mut self, mut x: f64) -> bool {
        let mut kept = 0;
        for at in 0..self.partials.len() {
            let mut y = self.partials[at];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.partials.truncate(kept);
        if x != 0.0 {
            self.partials.push(x);
        }
        x.is_finite()
    }

    /// The float nearest to the sum.
    pub fn value(&self) -> f64 {
        let mut rest = self.partials.as_slice();
        let Some((last, before)) = rest.split_last() else { return 0.0 };
        let (mut high, mut low) = (*last, 0.0);
        rest = before;
        while let Some((y, before)) = rest.split_last() {
            let x = high;
            high = x + y;
            low = y - (high - x);
            rest = before;
            if low != 0.0 {
                break;
            }
        }
        // A tie is decided by what lies below it.
        if let Some(next) = rest.last()
            && ((low < 0.0 && *next < 0.0) || (low > 0.0 && *next > 0.0))
        {
            let twice = low * 2.0;
            let moved = high + twice;
            if twice == moved - high {
                high = moved;
            }
        }
        high
    }
}

fn m_fsum(py: Attached<'_>, _: &Object, seq: &Object) -> PyResult<f64> {
    let iter = seq.iter(py)?;
    let mut sum = ExactSum::default();
    let (mut special, mut infinities) = (0.0, 0.0);
    while let Some(item) = iter.iter_next(py)? {
        let x = item.as_f64(py)?;
        if !x.is_finite() {
            if x.is_infinite() {
                infinities += x;
            }
            special += x;
        } else if !sum.add(x) {
            return Err(raise!(py, OverflowError, "intermediate overflow in fsum"));
        }
    }
    if special != 0.0 {
        if f64::is_nan(infinities) {
            return Err(raise!(py, ValueError, "-inf + inf in fsum"));
        }
        return Ok(special);
    }
    Ok(sum.value())
}

/// The Euclidean norm.
fn norm(values: &[f64]) -> f64 {
    let max = values.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    if values.iter().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    if values.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if max == 0.0 || values.len() == 1 {
        return max;
    }
    let (_, exponent) = split(max);
    let (mut sum, mut error) = (0.0f64, 0.0f64);
    for x in values {
        let x = ldexp(*x, -exponent);
        let square = x * x;
        let low = x.mul_add(x, -square);
        let next = sum + square;
        error += if sum > square { (sum - next) + square } else { (square - next) + sum };
        error += low;
        sum = next;
    }
    let root = (sum + error).sqrt();
    let left = (-root).mul_add(root, sum) + error;
    ldexp(root + left / (2.0 * root), exponent)
}

fn m_hypot(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<f64> {
    args.no_keywords(py, "math.hypot")?;
    let values = args.pos.iter().map(|x| x.as_f64(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(norm(&values))
}

fn m_dist(py: Attached<'_>, _: &Object, [p, q]: [Arg<'_>; 2]) -> PyResult<f64> {
    let p = Tuple::from_iterable(py, required(py, p)?)?;
    let q = Tuple::from_iterable(py, required(py, q)?)?;
    if p.len() != q.len() {
        return Err(raise!(py, ValueError, "both points must have the same number of dimensions"));
    }
    let pairs = p.as_slice().iter().zip(q.as_slice());
    let values = pairs.map(|(p, q)| Ok(p.as_f64(py)? - q.as_f64(py)?)).collect::<PyResult<Vec<_>>>()?;
    Ok(norm(&values))
}

fn m_sumprod(py: Attached<'_>, _: &Object, [p, q]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let (p, q) = (required(py, p)?.collect(py)?, required(py, q)?.collect(py)?);
    if p.len() != q.len() {
        return Err(raise!(py, ValueError, "Inputs are not the same length"));
    }
    let is_float = |x: &Ref<Object>| (**x).downcast_exact::<Float>().is_some();
    let is_int = |x: &Ref<Object>| (**x).downcast_exact::<Int>().is_some_and(Int::is_compact);
    let mut all = p.iter().chain(&q);
    if all.clone().all(|x| is_float(x) || is_int(x)) && all.any(is_float) {
        let mut sum = ExactSum::default();
        let mut plain = 0.0;
        let mut exact = true;
        for (p, q) in p.iter().zip(&q) {
            let (p, q) = (p.as_f64(py)?, q.as_f64(py)?);
            let product = p * q;
            plain += product;
            exact = exact && product.is_finite() && sum.add(product) && sum.add(p.mul_add(q, -product));
        }
        return if exact { sum.value() } else { plain }.into_object(py);
    }
    let mut total = Int::from_i64(py, 0)?.upcast();
    for (p, q) in p.iter().zip(&q) {
        let product = p.binary_op(py, q, BinaryOp::Multiply)?;
        total = total.binary_op(py, &product, BinaryOp::Add)?;
    }
    Ok(total)
}

fn m_prod(py: Attached<'_>, _: &Object, [iterable, start]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let iter = required(py, iterable)?.iter(py)?;
    let mut product = match start {
        Some(start) => start.to_ref(),
        None => Int::from_i64(py, 1)?.upcast(),
    };
    while let Some(item) = iter.iter_next(py)? {
        product = product.binary_op(py, &item, BinaryOp::Multiply)?;
    }
    Ok(product)
}

/// Greatest common divisor of numbers that are not negative.
fn gcd(mut a: BigInt, mut b: BigInt) -> BigInt {
    loop {
        if let (Ok(mut a), Ok(mut b)) = (u64::try_from(&a), u64::try_from(&b)) {
            while b != 0 {
                (a, b) = (b, a % b);
            }
            return a.into();
        }
        if b == BigInt::ZERO {
            return a;
        }
        let rest = &a % &b;
        (a, b) = (b, rest);
    }
}

fn magnitude(value: BigInt) -> BigInt {
    if value < BigInt::ZERO { -value } else { value }
}

fn m_gcd(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Int>> {
    args.no_keywords(py, "math.gcd")?;
    let mut result = BigInt::ZERO;
    for arg in args.pos {
        result = gcd(magnitude(arg.index(py)?.to_bigint()), result);
    }
    Int::from_bigint(py, &result)
}

fn m_lcm(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Int>> {
    args.no_keywords(py, "math.lcm")?;
    let mut result = BigInt::from(1);
    for arg in args.pos {
        let value = magnitude(arg.index(py)?.to_bigint());
        if value == BigInt::ZERO || result == BigInt::ZERO {
            result = BigInt::ZERO;
            continue;
        }
        result = &value / gcd(value.clone(), result.clone()) * result;
    }
    Int::from_bigint(py, &result)
}

fn m_isqrt(py: Attached<'_>, _: &Object, n: &Object) -> PyResult<Ref<Int>> {
    let n = n.index(py)?;
    if n.is_negative() {
        return Err(raise!(py, ValueError, "isqrt() argument must be nonnegative"));
    }
    match n.to_u64() {
        Some(n) => Int::from_u64(py, n.isqrt()),
        None => Int::from_bigint(py, &n.to_bigint().sqrt()),
    }
}

/// The product of the integers from `low` up to, without, `high`.
fn product(low: u64, high: u64) -> BigInt {
    if high - low <= 16 {
        let mut result = BigInt::from(1);
        let mut part = 1u64;
        for factor in low..high {
            match part.checked_mul(factor) {
                Some(more) => part = more,
                None => {
                    result *= part;
                    part = factor;
                }
            }
        }
        return result * part;
    }
    let middle = low + (high - low) / 2;
    product(low, middle) * product(middle, high)
}

fn m_factorial(py: Attached<'_>, _: &Object, n: &Object) -> PyResult<Ref<Int>> {
    let n = n.index(py)?;
    if n.is_negative() {
        return Err(raise!(py, ValueError, "factorial() not defined for negative values"));
    }
    match n.to_i64() {
        Some(n) => Int::from_bigint(py, &product(1, n as u64 + 1)),
        None => Err(raise!(py, OverflowError, "factorial() argument should not exceed {}", i64::MAX)),
    }
}

fn not_negative(py: Attached<'_>, value: &Object, name: &str) -> PyResult<Ref<Int>> {
    let value = value.index(py)?;
    if value.is_negative() {
        return Err(raise!(py, ValueError, "{name} must be a non-negative integer"));
    }
    Ok(value)
}

/// The product of the `k` integers from `n` downwards.
fn falling(n: &BigInt, k: u64) -> BigInt {
    match u64::try_from(n) {
        Ok(n) => product(n - k + 1, n + 1),
        Err(_) => (0..k).fold(BigInt::from(1), |result, at| result * (n - at)),
    }
}

fn m_perm(py: Attached<'_>, module: &Object, [n, k]: [Arg<'_>; 2]) -> PyResult<Ref<Int>> {
    let n = required(py, n)?;
    let Some(k) = k.filter(|k| !k.is_none()) else { return m_factorial(py, module, n) };
    let (n, k) = (n.index(py)?, k.index(py)?);
    let (n, k) = (not_negative(py, n.as_object(), "n")?, not_negative(py, k.as_object(), "k")?);
    if n.compare(&k).is_lt() {
        return Int::from_i64(py, 0);
    }
    match k.to_i64() {
        Some(k) => Int::from_bigint(py, &falling(&n.to_bigint(), k as u64)),
        None => Err(raise!(py, OverflowError, "k must not exceed {}", i64::MAX)),
    }
}

fn m_comb(py: Attached<'_>, _: &Object, [n, k]: [Arg<'_>; 2]) -> PyResult<Ref<Int>> {
    let (n, k) = (required(py, n)?.index(py)?, required(py, k)?.index(py)?);
    let (n, k) = (not_negative(py, n.as_object(), "n")?, not_negative(py, k.as_object(), "k")?);
    if n.compare(&k).is_lt() {
        return Int::from_i64(py, 0);
    }
    let other = n.sub(py, &k)?;
    let least = if other.compare(&k).is_lt() { other } else { k };
    match least.to_i64() {
        Some(k) => Int::from_bigint(py, &(falling(&n.to_bigint(), k as u64) / product(1, k as u64 + 1))),
        None => Err(raise!(py, OverflowError, "min(n - k, k) must not exceed {}", i64::MAX)),
    }
}

/// Fills `math`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        o "acos" => m_acos, "($module, x, /)", "The arc cosine of x, in radians.";
        o "acosh" => m_acosh, "($module, x, /)", "The inverse hyperbolic cosine of x.";
        o "asin" => m_asin, "($module, x, /)", "The arc sine of x, in radians.";
        o "asinh" => m_asinh, "($module, x, /)", "The inverse hyperbolic sine of x.";
        o "atan" => m_atan, "($module, x, /)", "The arc tangent of x, in radians.";
        sig "atan2" => m_atan2, "($module, y, x, /)", "The arc tangent of y/x, in the quadrant of the point (x, y).";
        o "atanh" => m_atanh, "($module, x, /)", "The inverse hyperbolic tangent of x.";
        o "cbrt" => m_cbrt, "($module, x, /)", "The cube root of x.";
        o "ceil" => m_ceil, "($module, x, /)", "The least integer that is not below x.";
        sig "comb" => m_comb, "($module, n, k, /)", "In how many ways k of n things can be chosen.";
        sig "copysign" => m_copysign, "($module, x, y, /)", "The size of x with the sign of y.";
        o "cos" => m_cos, "($module, x, /)", "The cosine of x radians.";
        o "cosh" => m_cosh, "($module, x, /)", "The hyperbolic cosine of x.";
        o "degrees" => m_degrees, "($module, x, /)", "x radians in degrees.";
        sig "dist" => m_dist, "($module, p, q, /)", "The distance between two points.";
        o "erf" => m_erf, "($module, x, /)", "The error function.";
        o "erfc" => m_erfc, "($module, x, /)", "One minus the error function.";
        o "exp" => m_exp, "($module, x, /)", "e to the power x.";
        o "exp2" => m_exp2, "($module, x, /)", "Two to the power x.";
        o "expm1" => m_expm1, "($module, x, /)", "exp(x) - 1 without loss for small x.";
        o "fabs" => m_fabs, "($module, x, /)", "The size of x as a float.";
        o "factorial" => m_factorial, "($module, n, /)", "The product of the integers up to n.";
        o "floor" => m_floor, "($module, x, /)", "The greatest integer that is not above x.";
        sig "fma" => m_fma, "($module, x, y, z, /)", "x * y + z, rounded once.";
        sig "fmod" => m_fmod, "($module, x, y, /)", "The remainder of x / y, with the sign of x.";
        o "frexp" => m_frexp, "($module, x, /)", "Mantissa and exponent of x.";
        o "fsum" => m_fsum, "($module, seq, /)", "The sum of floats, rounded once.";
        o "gamma" => m_gamma, "($module, x, /)", "The gamma function.";
        raw "gcd" => m_gcd, "($module, /, *integers)", "The greatest common divisor.";
        raw "hypot" => m_hypot, "($module, /, *coordinates)", "The length of a vector.";
        sig "isclose" => m_isclose, "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)", "Whether two numbers are nearly the same.";
        o "isfinite" => m_isfinite, "($module, x, /)", "Whether x is neither infinite nor NaN.";
        o "isinf" => m_isinf, "($module, x, /)", "Whether x is infinite.";
        o "isnan" => m_isnan, "($module, x, /)", "Whether x is NaN.";
        o "isqrt" => m_isqrt, "($module, n, /)", "The integer part of the square root.";
        raw "lcm" => m_lcm, "($module, /, *integers)", "The least common multiple.";
        sig "ldexp" => m_ldexp, "($module, x, i, /)", "x times two to the power i.";
        o "lgamma" => m_lgamma, "($module, x, /)", "The logarithm of the size of the gamma function.";
        raw "log" => m_log, "", "log(x[, base])\n\nThe natural logarithm of x, or the one to a base.";
        o "log10" => m_log10, "($module, x, /)", "The logarithm of x to base 10.";
        o "log1p" => m_log1p, "($module, x, /)", "log(1 + x) without loss for small x.";
        o "log2" => m_log2, "($module, x, /)", "The logarithm of x to base 2.";
        o "modf" => m_modf, "($module, x, /)", "The fraction and the integer part of x.";
        sig "nextafter" => m_nextafter, "($module, x, y, /, *, steps=None)", "The float so many steps from x in the direction of y.";
        sig "perm" => m_perm, "($module, n, k=None, /)", "In how many ways k of n things can be arranged.";
        sig "pow" => m_pow, "($module, x, y, /)", "x to the power y.";
        sig "prod" => m_prod, "($module, iterable, /, *, start=1)", "The product of the items.";
        o "radians" => m_radians, "($module, x, /)", "x degrees in radians.";
        sig "remainder" => m_remainder, "($module, x, y, /)", "x minus the multiple of y that is nearest to it.";
        o "sin" => m_sin, "($module, x, /)", "The sine of x radians.";
        o "sinh" => m_sinh, "($module, x, /)", "The hyperbolic sine of x.";
        o "sqrt" => m_sqrt, "($module, x, /)", "The square root of x.";
        sig "sumprod" => m_sumprod, "($module, p, q, /)", "The sum of the products of pairs of items.";
        o "tan" => m_tan, "($module, x, /)", "The tangent of x radians.";
        o "tanh" => m_tanh, "($module, x, /)", "The hyperbolic tangent of x.";
        o "trunc" => m_trunc, "($module, x, /)", "x without its fraction.";
        o "ulp" => m_ulp, "($module, x, /)", "The value of the last bit of x.";
    })?;
    for (name, value) in [
        ("pi", std::f64::consts::PI),
        ("e", std::f64::consts::E),
        ("tau", std::f64::consts::TAU),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
    ] {
        module.add(py, name, Float::new(py, value)?.as_object())?;
    }
    Ok(())
}
