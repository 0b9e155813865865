//! `cmath`: functions of complex numbers.
//!
//! The C library computes; it has the special values of C99's Annex G. What is an error is decided here.
use krait_object::native::{Arg, required};
use krait_object::protocols::number::BinaryOp;
use krait_object::{
    Attached, Complex, Float, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Tuple, exc, functions, raise,
};
use std::f64::consts;

/// A `double complex` of C: passed as two doubles.
#[repr(C)]
#[derive(Clone, Copy)]
struct Z {
    re: f64,
    im: f64,
}

unsafe extern "C" {
    safe fn cacos(z: Z) -> Z;
    safe fn cacosh(z: Z) -> Z;
    safe fn casin(z: Z) -> Z;
    safe fn casinh(z: Z) -> Z;
    safe fn catan(z: Z) -> Z;
    safe fn catanh(z: Z) -> Z;
    safe fn ccos(z: Z) -> Z;
    safe fn ccosh(z: Z) -> Z;
    safe fn cexp(z: Z) -> Z;
    safe fn clog(z: Z) -> Z;
    safe fn csin(z: Z) -> Z;
    safe fn csinh(z: Z) -> Z;
    safe fn csqrt(z: Z) -> Z;
    safe fn ctan(z: Z) -> Z;
    safe fn ctanh(z: Z) -> Z;
    safe fn atan2(y: f64, x: f64) -> f64;
    safe fn hypot(x: f64, y: f64) -> f64;
    safe fn sin(x: f64) -> f64;
    safe fn cos(x: f64) -> f64;
}

impl Z {
    fn of(py: Attached<'_>, object: &Object) -> PyResult<Z> {
        let (re, im) = Complex::from_object(py, object)?;
        Ok(Z { re, im })
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
    fn is_nan(self) -> bool {
        self.re.is_nan() || self.im.is_nan()
    }
    fn is_infinite(self) -> bool {
        self.re.is_infinite() || self.im.is_infinite()
    }
    fn abs(self) -> f64 {
        hypot(self.re, self.im)
    }
}

fn domain(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "math domain error")
}

fn range(py: Attached<'_>) -> Raised {
    raise!(py, OverflowError, "math range error")
}

/// A function without poles that cannot overflow.
fn total(py: Attached<'_>, z: &Object, f: extern "C" fn(Z) -> Z) -> PyResult<Ref<Complex>> {
    let result = f(Z::of(py, z)?);
    Complex::new(py, result.re, result.im)
}

/// A function that grows without bound; `outside` tells where it has no value.
fn growing(py: Attached<'_>, z: Z, f: extern "C" fn(Z) -> Z, outside: bool) -> PyResult<Ref<Complex>> {
    if outside {
        return Err(domain(py));
    }
    let result = f(z);
    if z.is_finite() && (result.is_infinite() || result.is_nan()) {
        return Err(range(py));
    }
    Complex::new(py, result.re, result.im)
}

fn exp(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, cexp, z.im.is_infinite() && (z.re.is_finite() || z.re == f64::INFINITY))
}

fn complex_cosh(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, ccosh, z.im.is_infinite() && !z.re.is_nan())
}

fn complex_sinh(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, csinh, z.im.is_infinite() && !z.re.is_nan())
}

fn complex_cos(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, ccos, z.re.is_infinite() && !z.im.is_nan())
}

fn complex_sin(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, csin, z.re.is_infinite() && !z.im.is_nan())
}

fn complex_tan(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, ctan, z.re.is_infinite() && z.im.is_finite())
}

fn complex_tanh(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, ctanh, z.im.is_infinite() && z.re.is_finite())
}

fn complex_atan(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, catan, z.re == 0.0 && z.im.abs() == 1.0)
}

fn complex_atanh(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = Z::of(py, z)?;
    growing(py, z, catanh, z.im == 0.0 && z.re.abs() == 1.0)
}

fn logarithm(py: Attached<'_>, z: &Object) -> PyResult<Z> {
    let z = Z::of(py, z)?;
    if z.re == 0.0 && z.im == 0.0 {
        return Err(domain(py));
    }
    Ok(clog(z))
}

fn log(py: Attached<'_>, _: &Object, [z, base]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let z = logarithm(py, required(py, z)?)?;
    let result = Complex::new(py, z.re, z.im)?;
    let Some(base) = base else { return Ok(result.upcast()) };
    let base = logarithm(py, base)?;
    let base = Complex::new(py, base.re, base.im)?;
    result.as_object().binary_op(py, base.as_object(), BinaryOp::TrueDivide).map_err(|raised| {
        if !raised.matches(py, exc::ZeroDivisionError()) {
            return raised;
        }
        raised.clear(py);
        domain(py)
    })
}

fn log10(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Complex>> {
    let z = logarithm(py, z)?;
    Complex::new(py, z.re / consts::LN_10, z.im / consts::LN_10)
}

fn phase(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<f64> {
    let z = Z::of(py, z)?;
    Ok(atan2(z.im, z.re))
}

fn polar(py: Attached<'_>, _: &Object, z: &Object) -> PyResult<Ref<Tuple>> {
    let z = Z::of(py, z)?;
    let r = z.abs();
    if r.is_infinite() && z.is_finite() {
        return Err(range(py));
    }
    Tuple::pair(py, Float::new(py, r)?.upcast(), Float::new(py, atan2(z.im, z.re))?.upcast())
}

fn rect(py: Attached<'_>, _: &Object, [r, phi]: [Arg<'_>; 2]) -> PyResult<Ref<Complex>> {
    let (r, phi) = (required(py, r)?.as_f64(py)?, required(py, phi)?.as_f64(py)?);
    let (re, im) = if r.is_finite() && phi.is_finite() {
        if phi == 0.0 { (r, r * phi) } else { (r * cos(phi), r * sin(phi)) }
    } else if r != 0.0 && !r.is_nan() && phi.is_infinite() {
        return Err(domain(py));
    } else if r == 0.0 {
        (0.0, 0.0)
    } else if r.is_infinite() && phi.is_finite() {
        match phi {
            0.0 => (r, phi.copysign(phi * r.signum())),
            phi => (r * 1f64.copysign(cos(phi)), r * 1f64.copysign(sin(phi))),
        }
    } else if r.is_infinite() {
        (f64::INFINITY, f64::NAN)
    } else if phi == 0.0 {
        (f64::NAN, 0.0)
    } else {
        (f64::NAN, f64::NAN)
    };
    Complex::new(py, re, im)
}

fn isclose(py: Attached<'_>, _: &Object, [a, b, rel, abs]: [Arg<'_>; 4]) -> PyResult<bool> {
    let (a, b) = (Z::of(py, required(py, a)?)?, Z::of(py, required(py, b)?)?);
    let rel = rel.map_or(Ok(1e-9), |rel| rel.as_f64(py))?;
    let abs = abs.map_or(Ok(0.0), |abs| abs.as_f64(py))?;
    if rel < 0.0 || abs < 0.0 {
        return Err(raise!(py, ValueError, "tolerances must be non-negative"));
    }
    if a.re == b.re && a.im == b.im {
        return Ok(true);
    }
    if a.is_infinite() || b.is_infinite() {
        return Ok(false);
    }
    let apart = Z { re: a.re - b.re, im: a.im - b.im }.abs();
    Ok(apart <= rel * b.abs() || apart <= rel * a.abs() || apart <= abs)
}

/// Fills `cmath`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "acos" => |py: Attached<'_>, _: &Object, z: &Object| total(py, z, cacos), "($module, z, /)", "Return the arc cosine of z.";
            o "acosh" => |py: Attached<'_>, _: &Object, z: &Object| total(py, z, cacosh), "($module, z, /)", "Return the inverse hyperbolic cosine of z.";
            o "asin" => |py: Attached<'_>, _: &Object, z: &Object| total(py, z, casin), "($module, z, /)", "Return the arc sine of z.";
            o "asinh" => |py: Attached<'_>, _: &Object, z: &Object| total(py, z, casinh), "($module, z, /)", "Return the inverse hyperbolic sine of z.";
            o "atan" => complex_atan, "($module, z, /)", "Return the arc tangent of z.";
            o "atanh" => complex_atanh, "($module, z, /)", "Return the inverse hyperbolic tangent of z.";
            o "cos" => complex_cos, "($module, z, /)", "Return the cosine of z.";
            o "cosh" => complex_cosh, "($module, z, /)", "Return the hyperbolic cosine of z.";
            o "exp" => exp, "($module, z, /)", "Return the exponential value e**z.";
            sig "isclose" => isclose, "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)", "Determine whether two complex numbers are close in value.\n\n  rel_tol\n    maximum difference for being close, relative to the larger magnitude\n  abs_tol\n    maximum difference for being close, whatever the magnitudes\n\nNaN is not close to anything; infinities are close to themselves only.";
            o "isfinite" => |py: Attached<'_>, _: &Object, z: &Object| Z::of(py, z).map(Z::is_finite), "($module, z, /)", "Return True if both the real and imaginary parts of z are finite, else False.";
            o "isinf" => |py: Attached<'_>, _: &Object, z: &Object| Z::of(py, z).map(Z::is_infinite), "($module, z, /)", "Checks if the real or imaginary part of z is infinite.";
            o "isnan" => |py: Attached<'_>, _: &Object, z: &Object| Z::of(py, z).map(Z::is_nan), "($module, z, /)", "Checks if the real or imaginary part of z not a number (NaN).";
            sig "log" => log, "($module, z, base=<unrepresentable>, /)", "The logarithm of z to the given base, or the natural one.";
            o "log10" => log10, "($module, z, /)", "Return the base-10 logarithm of z.";
            o "phase" => phase, "($module, z, /)", "Return argument, also known as the phase angle, of a complex.";
            o "polar" => polar, "($module, z, /)", "Convert a complex from rectangular coordinates to polar coordinates.";
            sig "rect" => rect, "($module, r, phi, /)", "Convert from polar coordinates to rectangular coordinates.";
            o "sin" => complex_sin, "($module, z, /)", "Return the sine of z.";
            o "sinh" => complex_sinh, "($module, z, /)", "Return the hyperbolic sine of z.";
            o "sqrt" => |py: Attached<'_>, _: &Object, z: &Object| total(py, z, csqrt), "($module, z, /)", "Return the square root of z.";
            o "tan" => complex_tan, "($module, z, /)", "Return the tangent of z.";
            o "tanh" => complex_tanh, "($module, z, /)", "Return the hyperbolic tangent of z.";
        },
    )?;
    let constants =
        [("pi", consts::PI), ("e", consts::E), ("tau", consts::TAU), ("inf", f64::INFINITY), ("nan", f64::NAN)];
    for (name, value) in constants {
        module.add(py, name, &*value.into_object(py)?)?;
    }
    module.add(py, "infj", Complex::new(py, 0.0, f64::INFINITY)?.as_object())?;
    module.add(py, "nanj", Complex::new(py, 0.0, f64::NAN)?.as_object())
}
