//! Functions of integers.
use krait_object::args::Args;
use krait_object::layout::PyMethodDef;
use krait_object::native::{Arg, required};
use krait_object::{Attached, Int, Object, PyResult, Ref, functions, raise};
use num_bigint::{BigInt, BigUint, Sign};

/// Product of `from..=to` by halves, so that the factors stay of equal size.
fn product(from: u64, to: u64) -> BigUint {
    if from > to {
        return BigUint::from(1u8);
    }
    if to - from < 8 {
        let mut result = BigUint::from(from);
        for factor in from + 1..=to {
            result *= factor;
        }
        return result;
    }
    let middle = from + (to - from) / 2;
    product(from, middle) * product(middle + 1, to)
}

fn from_uint(py: Attached<'_>, value: BigUint) -> PyResult<Ref<Int>> {
    Int::from_bigint(py, &BigInt::from_biguint(Sign::Plus, value))
}

fn factorial(py: Attached<'_>, _: &Object, n: &Object) -> PyResult<Ref<Int>> {
    let n = n.index(py)?;
    if n.is_negative() {
        return Err(raise!(py, ValueError, "factorial() not defined for negative values"));
    }
    match n.to_i64() {
        None => Err(raise!(py, OverflowError, "factorial() argument should not exceed {}", i64::MAX)),
        Some(n) => from_uint(py, product(1, n as u64)),
    }
}

/// `n` and `k` of a choice, both checked.
fn choice(py: Attached<'_>, n: Arg<'_>, k: Arg<'_>) -> PyResult<(Ref<Int>, Ref<Int>)> {
    let (n, k) = (required(py, n)?.index(py)?, required(py, k)?.index(py)?);
    if n.is_negative() {
        return Err(raise!(py, ValueError, "n must be a non-negative integer"));
    }
    if k.is_negative() {
        return Err(raise!(py, ValueError, "k must be a non-negative integer"));
    }
    Ok((n, k))
}

/// `n * (n - 1) * .. ` of `k` factors.
fn falling(n: &BigInt, k: u64) -> BigInt {
    if k == 0 {
        return BigInt::from(1);
    }
    if k < 8 {
        let mut result = n.clone();
        for at in 1..k {
            result *= n - at;
        }
        return result;
    }
    let half = k / 2;
    falling(n, half) * falling(&(n - half), k - half)
}

fn comb(py: Attached<'_>, _: &Object, [n, k]: [Arg<'_>; 2]) -> PyResult<Ref<Int>> {
    let (n, k) = choice(py, n, k)?;
    let (n, k) = (n.to_bigint(), k.to_bigint());
    if k > n {
        return Int::from_i64(py, 0);
    }
    let rest = &n - &k;
    let Ok(k) = u64::try_from(&k.min(rest)) else {
        return Err(raise!(py, OverflowError, "min(n - k, k) must not exceed {}", i64::MAX));
    };
    if k == 0 {
        return Int::from_i64(py, 1);
    }
    let result = falling(&n, k) / BigInt::from_biguint(Sign::Plus, product(1, k));
    Int::from_bigint(py, &result)
}

fn perm(py: Attached<'_>, module: &Object, [n, k]: [Arg<'_>; 2]) -> PyResult<Ref<Int>> {
    let Some(given) = k.filter(|k| !k.is_none()) else { return factorial(py, module, required(py, n)?) };
    let (n, k) = choice(py, n, Some(given))?;
    let (n, k) = (n.to_bigint(), k.to_bigint());
    if k > n {
        return Int::from_i64(py, 0);
    }
    match u64::try_from(&k) {
        Ok(k) => Int::from_bigint(py, &falling(&n, k)),
        Err(_) => Err(raise!(py, OverflowError, "k must not exceed {}", i64::MAX)),
    }
}

fn isqrt(py: Attached<'_>, _: &Object, n: &Object) -> PyResult<Ref<Int>> {
    let n = n.index(py)?;
    if n.is_negative() {
        return Err(raise!(py, ValueError, "isqrt() argument must be nonnegative"));
    }
    match n.to_u64() {
        Some(n) => Int::from_u64(py, n.isqrt()),
        None => Int::from_bigint(py, &n.to_bigint().sqrt()),
    }
}

fn small_gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn big_gcd(mut a: BigInt, mut b: BigInt) -> BigInt {
    while b.sign() != Sign::NoSign {
        let rest = &a % &b;
        (a, b) = (b, rest);
    }
    BigInt::from_biguint(Sign::Plus, a.magnitude().clone())
}

fn gcd_of(py: Attached<'_>, a: &Int, b: &Int) -> PyResult<Ref<Int>> {
    match (a.to_i64(), b.to_i64()) {
        (Some(a), Some(b)) => Int::from_u64(py, small_gcd(a.unsigned_abs(), b.unsigned_abs())),
        _ => Int::from_bigint(py, &big_gcd(a.to_bigint(), b.to_bigint())),
    }
}

fn gcd(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Int>> {
    args.no_keywords(py, "math.gcd")?;
    let mut result = Int::from_i64(py, 0)?;
    for arg in args.pos {
        result = gcd_of(py, &result, &*arg.index(py)?)?;
    }
    Ok(result)
}

fn lcm(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Int>> {
    args.no_keywords(py, "math.lcm")?;
    let mut result = Int::from_i64(py, 1)?;
    for arg in args.pos {
        let arg = arg.index(py)?;
        if result.is_zero() || arg.is_zero() {
            result = Int::from_i64(py, 0)?;
            continue;
        }
        let divisor = gcd_of(py, &result, &arg)?;
        let product = result.floor_divide(py, &divisor)?.mul(py, &arg)?;
        result = if product.is_negative() { product.neg(py)? } else { product };
    }
    Ok(result)
}

pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "comb" => comb, "($module, n, k, /)", "Number of ways to choose k items from n items without repetition and without order.";
        o "factorial" => factorial, "($module, n, /)", "Find n!.";
        raw "gcd" => gcd, "($module, /, *integers)", "Greatest Common Divisor.";
        o "isqrt" => isqrt, "($module, n, /)", "Return the integer part of the square root of the input.";
        raw "lcm" => lcm, "($module, /, *integers)", "Least Common Multiple.";
        sig "perm" => perm, "($module, n, k=None, /)", "Number of ways to choose k items from n items without repetition and with order.";
    }
}
