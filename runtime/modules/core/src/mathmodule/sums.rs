//! Sums, products and distances of many numbers.
use krait_object::args::Args;
use krait_object::layout::PyMethodDef;
use krait_object::native::{Arg, required};
use krait_object::protocols::number::BinaryOp;
use krait_object::{Attached, Bool, Float, Int, IntoObject, Layout, Object, PyResult, Ref, Tuple, functions, raise};

/// An exact sum of floats, as parts that do not overlap (Shewchuk 1997).
#[derive(Default)]
struct Exact(Vec<f64>);

impl Exact {
    fn add(&mut self, mut x: f64) {
        let mut kept = 0;
        for at in 0..self.0.len() {
            let mut part = self.0[at];
            if x.abs() < part.abs() {
                std::mem::swap(&mut x, &mut part);
            }
            let high = x + part;
            let low = part - (high - x);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.0.truncate(kept);
        if x != 0.0 {
            self.0.push(x);
        }
    }

    /// The sum, rounded once.
    fn total(&self) -> f64 {
        let mut parts = self.0.iter().rev().copied();
        let Some(mut high) = parts.next() else { return 0.0 };
        let mut low = 0.0;
        let mut next = None;
        for part in parts.by_ref() {
            let sum = high + part;
            low = part - (sum - high);
            high = sum;
            if low != 0.0 {
                next = parts.next();
                break;
            }
        }
        // Halfway cases are decided by what is left.
        if let Some(next) = next
            && ((low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0))
        {
            let doubled = low * 2.0;
            let sum = high + doubled;
            if doubled == sum - high {
                high = sum;
            }
        }
        high
    }
}

fn fsum(py: Attached<'_>, _: &Object, iterable: &Object) -> PyResult<f64> {
    let (mut exact, mut special, mut infinities) = (Exact::default(), 0.0, 0.0);
    let iter = iterable.iter(py)?;
    while let Some(item) = iter.iter_next(py)? {
        let x = item.as_f64(py)?;
        if !x.is_finite() {
            special += x;
            if x.is_infinite() {
                infinities += x;
            }
            continue;
        }
        exact.add(x);
        if exact.0.last().is_some_and(|last| !last.is_finite()) {
            return Err(raise!(py, OverflowError, "intermediate overflow in fsum"));
        }
    }
    if special != 0.0 {
        if f64::is_nan(infinities) {
            return Err(raise!(py, ValueError, "-inf + inf in fsum"));
        }
        return Ok(special);
    }
    Ok(exact.total())
}

/// The Euclidean norm, scaled against overflow, with the squares summed exactly.
fn norm(values: &[f64]) -> f64 {
    if values.iter().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    let max = values.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    if values.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if max == 0.0 || values.len() == 1 {
        return max;
    }
    let exponent = ((max.to_bits() >> 52) & 0x7FF) as i32 - 1022;
    let scale = |x: f64, by: i32| x * 2f64.powi(by / 2) * 2f64.powi(by - by / 2);
    let mut exact = Exact::default();
    for &x in values {
        let x = scale(x, -exponent);
        let square = x * x;
        exact.add(square);
        exact.add(x.mul_add(x, -square));
    }
    let root = exact.total().sqrt();
    // One Newton step with the exact remainder.
    let square = root * root;
    exact.add(-square);
    exact.add(-root.mul_add(root, -square));
    scale(root + exact.total() / (2.0 * root), exponent)
}

fn hypot(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<f64> {
    args.no_keywords(py, "math.hypot")?;
    let values = args.pos.iter().map(|arg| arg.as_f64(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(norm(&values))
}

fn dist(py: Attached<'_>, _: &Object, [p, q]: [Arg<'_>; 2]) -> PyResult<f64> {
    let p = Tuple::from_iterable(py, required(py, p)?)?;
    let q = Tuple::from_iterable(py, required(py, q)?)?;
    if p.len() != q.len() {
        return Err(raise!(py, ValueError, "both points must have the same number of dimensions"));
    }
    let pairs = p.as_slice().iter().zip(q.as_slice());
    let values = pairs.map(|(p, q)| Ok(p.as_f64(py)? - q.as_f64(py)?)).collect::<PyResult<Vec<_>>>()?;
    Ok(norm(&values))
}

fn prod(py: Attached<'_>, _: &Object, [iterable, start]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let mut result = start.map_or_else(|| 1.into_object(py), |start| Ok(start.to_ref()))?;
    let iter = required(py, iterable)?.iter(py)?;
    while let Some(item) = iter.iter_next(py)? {
        result = result.binary_op(py, &item, BinaryOp::Multiply)?;
    }
    Ok(result)
}

/// Both factors as doubles when one is a `float` and the other a `float`, an `int` or a `bool` that converts.
fn float_factors(py: Attached<'_>, a: &Object, b: &Object) -> Option<(f64, f64)> {
    let number = |x: &Object| -> Option<(f64, bool)> {
        if let Some(x) = x.downcast_exact::<Float>() {
            return Some((x.value(), true));
        }
        let plain = x.downcast_exact::<Int>().is_some() || x.downcast::<Bool>().is_some();
        match x.downcast::<Int>().filter(|_| plain)?.to_f64(py) {
            Ok(value) => Some((value, false)),
            Err(raised) => {
                raised.clear(py);
                None
            }
        }
    };
    let ((x, float_x), (y, float_y)) = (number(a)?, number(b)?);
    (float_x || float_y).then_some((x, y))
}

/// Sums products of ints first, then products with floats exactly, and the rest as operators do, in that order and
/// never back.
fn sumprod(py: Attached<'_>, _: &Object, [p, q]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let (p, q) = (required(py, p)?.iter(py)?, required(py, q)?.iter(py)?);
    let mut total: Ref<Object> = 0.into_object(py)?;
    let (mut ints, mut int_total) = (true, 0i64);
    let (mut floats, mut any_float, mut exact) = (true, false, Exact::default());
    loop {
        let pair = match (p.iter_next(py)?, q.iter_next(py)?) {
            (Some(a), Some(b)) => Some((a, b)),
            (None, None) => None,
            _ => return Err(raise!(py, ValueError, "Inputs are not the same length")),
        };
        if ints {
            let small = |x: &Object| x.downcast_exact::<Int>().and_then(Int::to_i64);
            let sum = pair.as_ref().and_then(|(a, b)| small(a)?.checked_mul(small(b)?)?.checked_add(int_total));
            if let Some(sum) = sum {
                int_total = sum;
                continue;
            }
            ints = false;
            if int_total != 0 {
                total = total.binary_op(py, &*int_total.into_object(py)?, BinaryOp::Add)?;
            }
        }
        if floats {
            let factors = pair.as_ref().and_then(|(a, b)| float_factors(py, a, b));
            if let Some((x, y)) = factors.filter(|(x, y)| (x * y).is_finite()) {
                let product = x * y;
                any_float = true;
                exact.add(product);
                exact.add(x.mul_add(y, -product));
                continue;
            }
            floats = false;
            if any_float {
                total = total.binary_op(py, &*exact.total().into_object(py)?, BinaryOp::Add)?;
            }
        }
        let Some((a, b)) = pair else { return Ok(total) };
        let term = a.binary_op(py, &b, BinaryOp::Multiply)?;
        total = total.binary_op(py, &term, BinaryOp::Add)?;
    }
}

pub fn table() -> &'static [PyMethodDef] {
    functions! {
        o "fsum" => fsum, "($module, seq, /)", "Return an accurate floating-point sum of values in the iterable seq.";
        sig "dist" => dist, "($module, p, q, /)", "Return the Euclidean distance between two points p and q.";
        raw "hypot" => hypot, "($module, /, *coordinates)", "Multidimensional Euclidean distance from the origin to a point.";
        sig "prod" => prod, "($module, iterable, /, *, start=1)", "Calculate the product of all the elements in the input iterable.";
        sig "sumprod" => sumprod, "($module, p, q, /)", "Return the sum of products of values from two iterables p and q.";
    }
}
