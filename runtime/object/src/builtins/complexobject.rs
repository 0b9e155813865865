//! `complex`. Immutable.
use crate::args::{Args, Signature};
use crate::builtins::{floatobject, numfmt};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Py_complex, PyComplexObject};
use crate::typedef::{CompareOp, member};
use crate::{Bool, Float, Int, Object, PyResult, Str, Tuple, Type, id, mem, not_implemented, pytype, raise};
use krait_text::float;
use std::mem::offset_of;

/// A complex number.
#[repr(transparent)]
pub struct Complex(pub(crate) PyComplexObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyComplex_Type: "complex" for Complex {
        base: Object,
        flags: [BASETYPE],
        doc: "complex(real=0, imag=0)\n--\n\nMake a complex number from a text or from its parts.",
        slots: {
            constructor = Complex::new_object,
            tp_repr = Complex::repr,
            tp_hash = Complex::hash,
            tp_richcompare = Complex::richcompare,
            nb_add = Complex::nb_add,
            nb_subtract = Complex::nb_subtract,
            nb_multiply = Complex::nb_multiply,
            nb_true_divide = Complex::nb_true_divide,
            nb_power = Complex::nb_power,
            nb_negative = Complex::negative,
            nb_positive = Complex::exact,
            nb_absolute = Complex::absolute,
            nb_bool = Complex::is_nonzero,
        },
        methods: {
            class o "from_number" => Complex::from_number, "($type, number, /)", "The complex number of a number; text is refused.";
            noargs "conjugate" => Complex::conjugate, "($self, /)", "The number with the imaginary part negated.";
            noargs "__complex__" => Complex::exact, "($self, /)", "The number itself.";
            noargs "__getnewargs__" => Complex::getnewargs, "($self, /)", "";
            o "__format__" => Complex::format, "($self, format_spec, /)", "Formats by a format specification.";
        },
        members: [
            member("real\0", Py_T_DOUBLE, offset_of!(PyComplexObject, cval), Py_READONLY, c"the real part of a complex number"),
            member("imag\0", Py_T_DOUBLE, offset_of!(PyComplexObject, cval) + size_of::<f64>(), Py_READONLY, c"the imaginary part of a complex number"),
        ],
    }
}

/// An operand of a mixed operation: 3.14 does not promote a real operand to a complex one first.
#[derive(Clone, Copy)]
enum Operand {
    Real(f64),
    Complex(f64, f64),
}

impl Operand {
    fn parts(self) -> (f64, f64) {
        match self {
            Operand::Real(re) => (re, 0.0),
            Operand::Complex(re, im) => (re, im),
        }
    }
}

fn operand(py: Attached<'_>, object: &Object) -> PyResult<Option<Operand>> {
    if let Some(value) = object.downcast::<Complex>() {
        let (re, im) = value.value();
        return Ok(Some(Operand::Complex(re, im)));
    }
    if let Some(int) = object.downcast::<Int>() {
        return Ok(Some(Operand::Real(int.to_f64(py)?)));
    }
    Ok(object.downcast::<Float>().map(|float| Operand::Real(float.value())))
}

macro_rules! operands {
    ($py:ident, $left:ident, $right:ident) => {{
        let (Some(left), Some(right)) = (operand($py, $left)?, operand($py, $right)?) else {
            return Ok(not_implemented());
        };
        (left, right)
    }};
}

/// The product, with infinities kept as C99 annex G wants.
pub fn multiply((a, b): (f64, f64), (c, d): (f64, f64)) -> (f64, f64) {
    let (re, im) = (a * c - b * d, a * d + b * c);
    if !(re.is_nan() && im.is_nan()) {
        return (re, im);
    }
    let unit = |x: f64| (if x.is_infinite() { 1.0f64 } else { 0.0 }).copysign(x);
    let zero_nan = |x: f64| if x.is_nan() { 0f64.copysign(x) } else { x };
    let (mut a, mut b, mut c, mut d) = (a, b, c, d);
    let mut again = false;
    if a.is_infinite() || b.is_infinite() {
        (a, b, c, d) = (unit(a), unit(b), zero_nan(c), zero_nan(d));
        again = true;
    }
    if c.is_infinite() || d.is_infinite() {
        (c, d, a, b) = (unit(c), unit(d), zero_nan(a), zero_nan(b));
        again = true;
    }
    if !again && [a * c, b * d, a * d, b * c].iter().any(|x| x.is_infinite()) {
        (a, b, c, d) = (zero_nan(a), zero_nan(b), zero_nan(c), zero_nan(d));
        again = true;
    }
    if again { (f64::INFINITY * (a * c - b * d), f64::INFINITY * (a * d + b * c)) } else { (re, im) }
}

/// The quotient by Smith's method; `None` for a zero divisor.
pub fn divide((a, b): (f64, f64), (c, d): (f64, f64)) -> Option<(f64, f64)> {
    if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        return Some(recover(((a + b * ratio) / denominator, (b - a * ratio) / denominator), (a, b), (c, d)));
    }
    if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        return Some(recover(((a * ratio + b) / denominator, (b * ratio - a) / denominator), (a, b), (c, d)));
    }
    Some(recover((f64::NAN, f64::NAN), (a, b), (c, d)))
}

/// As [`divide`], with a real dividend.
fn divide_real(a: f64, (c, d): (f64, f64)) -> Option<(f64, f64)> {
    let quotient = if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        (a / denominator, -a * ratio / denominator)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        (a * ratio / denominator, -a / denominator)
    } else {
        (f64::NAN, f64::NAN)
    };
    if !(quotient.0.is_nan() && quotient.1.is_nan() && a.is_finite()) || !(c.is_infinite() || d.is_infinite()) {
        return Some(quotient);
    }
    let unit = |x: f64| (if x.is_infinite() { 1.0f64 } else { 0.0 }).copysign(x);
    Some((0.0 * (a * unit(c)), 0.0 * (-a * unit(d))))
}

/// Infinities and zeros that a quotient of NaNs hides, as C99 annex G wants.
fn recover(quotient: (f64, f64), (a, b): (f64, f64), (c, d): (f64, f64)) -> (f64, f64) {
    if !(quotient.0.is_nan() && quotient.1.is_nan()) {
        return quotient;
    }
    let unit = |x: f64| (if x.is_infinite() { 1.0f64 } else { 0.0 }).copysign(x);
    if (a.is_infinite() || b.is_infinite()) && c.is_finite() && d.is_finite() {
        let (x, y) = (unit(a), unit(b));
        return (f64::INFINITY * (x * c + y * d), f64::INFINITY * (y * c - x * d));
    }
    if (c.is_infinite() || d.is_infinite()) && a.is_finite() && b.is_finite() {
        let (x, y) = (unit(c), unit(d));
        return (0.0 * (a * x + b * y), 0.0 * (b * x - a * y));
    }
    quotient
}

/// An integer power by repeated squaring.
pub fn integer_power(base: (f64, f64), exponent: i32) -> Option<(f64, f64)> {
    let (mut result, mut square, mut left) = ((1.0, 0.0), base, exponent.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    if exponent < 0 { divide((1.0, 0.0), result) } else { Some(result) }
}

impl Complex {
    /// # Errors
    /// `MemoryError`.
    pub fn new(py: Attached<'_>, real: f64, imag: f64) -> PyResult<Ref<Complex>> {
        let raw = mem::alloc_sized(py, Self::type_object(), size_of::<PyComplexObject>())?;
        // SAFETY: fresh memory of this layout.
        unsafe {
            *(*raw.as_ptr().cast::<PyComplexObject>()).cval.as_ptr() = Py_complex { real, imag };
            Ok(Ref::from_raw(raw.as_ptr()))
        }
    }

    #[inline(always)]
    pub fn raw(&self) -> &PyComplexObject {
        &self.0
    }

    /// Real and imaginary part.
    #[inline]
    pub fn value(&self) -> (f64, f64) {
        // SAFETY: [frozen].
        let value = unsafe { &*self.0.cval.as_ptr() };
        (value.real, value.imag)
    }

    fn as_type(py: Attached<'_>, ty: &Type, (real, imag): (f64, f64)) -> PyResult<Ref<Object>> {
        if std::ptr::eq(ty, Self::type_object()) {
            return Ok(Self::new(py, real, imag)?.upcast());
        }
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `complex`, and nobody else sees the object yet.
        unsafe { *(*object).cast_unchecked::<Complex>().0.cval.as_ptr() = Py_complex { real, imag } };
        Ok(object)
    }

    /// The value of an object with `__complex__`, if it has that method.
    fn from_special(py: Attached<'_>, x: &Object) -> PyResult<Option<(f64, f64)>> {
        if let Some(value) = x.downcast_exact::<Complex>() {
            return Ok(Some(value.value()));
        }
        let Some(method) = x.lookup_special(py, id!(py, __complex__))? else {
            return Ok(x.downcast::<Complex>().map(Complex::value));
        };
        let result = method.call0(py)?;
        let Some(value) = (*result).downcast::<Complex>() else {
            return Err(raise!(
                py,
                TypeError,
                "{}.__complex__() must return a complex, not {}",
                x.ty().name(),
                result.ty().name()
            ));
        };
        if (*result).downcast_exact::<Complex>().is_none() {
            numfmt::warn_subclass(py, x, &result, "__complex__", "complex")?;
        }
        Ok(Some(value.value()))
    }

    /// `PyComplex_AsCComplex`: `__complex__`, `__float__` or `__index__`.
    ///
    /// # Errors
    /// `TypeError` for other objects.
    pub fn from_object(py: Attached<'_>, x: &Object) -> PyResult<(f64, f64)> {
        match Self::from_special(py, x)? {
            Some(value) => Ok(value),
            None => Ok((x.as_f64(py)?, 0.0)),
        }
    }

    fn parse(py: Attached<'_>, text: &Str) -> PyResult<(f64, f64)> {
        float::parse_complex(&float::to_ascii_number(text.code_points()))
            .ok_or_else(|| raise!(py, ValueError, "complex() arg is a malformed string"))
    }

    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("complex", "(real=0, imag=0)");
        let [real, imag]: [Option<&Object>; 2] = SIG.bind(py, args)?;
        if let (Some(real), None, true) = (real, imag, args.names.is_empty()) {
            if std::ptr::eq(ty, Self::type_object()) && real.downcast_exact::<Complex>().is_some() {
                return Ok(real.to_ref());
            }
            if let Some(text) = real.downcast::<Str>() {
                return Self::as_type(py, ty, Self::parse(py, text)?);
            }
            if let Some(value) = Self::from_special(py, real)? {
                return Self::as_type(py, ty, value);
            }
            if !is_real(real) {
                return Err(raise!(
                    py,
                    TypeError,
                    "complex() argument must be a string or a number, not {}",
                    real.ty().full_name()
                ));
            }
            return Self::as_type(py, ty, (real.as_f64(py)?, 0.0));
        }
        let part = |object: Option<&Object>, name: &str| -> PyResult<Option<Operand>> {
            let Some(object) = object else { return Ok(None) };
            let special = match object.downcast::<Complex>() {
                Some(complex) => Some(complex.value()),
                None if name == "real" => Self::from_special(py, object)?,
                None => None,
            };
            if let Some(value) = special {
                let message =
                    format!("complex() argument '{name}' must be a real number, not {}", object.ty().full_name());
                (crate::hooks::hooks().warn)(py, crate::exc::DeprecationWarning(), &message, 1)?;
                return Ok(Some(Operand::Complex(value.0, value.1)));
            }
            if !is_real(object) {
                return Err(raise!(
                    py,
                    TypeError,
                    "complex() argument '{name}' must be a real number, not {}",
                    object.ty().full_name()
                ));
            }
            Ok(Some(Operand::Real(object.as_f64(py)?)))
        };
        let (real, imag) = (part(real, "real")?, part(imag, "imag")?);
        let (mut re, mut im) = real.map_or((0.0, 0.0), Operand::parts);
        if let Some(imag) = imag {
            let (ire, iim) = imag.parts();
            if matches!(imag, Operand::Complex(..)) {
                re -= iim;
            }
            im = if matches!(real, Some(Operand::Complex(..))) { im + ire } else { ire };
        }
        Self::as_type(py, ty, (re, im))
    }

    fn from_number(py: Attached<'_>, ty: &Type, number: &Object) -> PyResult<Ref<Object>> {
        if std::ptr::eq(ty, Self::type_object()) && number.downcast_exact::<Complex>().is_some() {
            return Ok(number.to_ref());
        }
        Self::as_type(py, ty, Self::from_object(py, number)?)
    }

    fn repr(py: Attached<'_>, this: &Complex) -> PyResult<Ref<Str>> {
        let (re, im) = this.value();
        Str::new(py, &float::repr_complex(re, im))
    }

    fn hash(_: Attached<'_>, this: &Complex) -> PyResult<isize> {
        let (re, im) = this.value();
        let (re, im) = (floatobject::hash_double(re, this.as_object()), floatobject::hash_double(im, this.as_object()));
        Ok(re.wrapping_add(im.wrapping_mul(1_000_003)))
    }

    fn richcompare(py: Attached<'_>, this: &Complex, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let _ = py;
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let (re, im) = this.value();
        let equal = if let Some(other) = other.downcast::<Int>() {
            im == 0.0 && floatobject::compare_with_int(re, other).is_some_and(std::cmp::Ordering::is_eq)
        } else if let Some(other) = other.downcast::<Float>() {
            im == 0.0 && re == other.value()
        } else if let Some(other) = other.downcast::<Complex>() {
            (re, im) == other.value()
        } else {
            return Ok(not_implemented());
        };
        Ok(Bool::of(equal == (op == CompareOp::Eq)).to_ref().upcast())
    }

    fn result(py: Attached<'_>, (re, im): (f64, f64)) -> PyResult<Ref<Object>> {
        Ok(Self::new(py, re, im)?.upcast())
    }

    fn nb_add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::result(
            py,
            match operands!(py, left, right) {
                (Operand::Real(a), Operand::Complex(c, d)) => (a + c, d),
                (Operand::Complex(a, b), Operand::Real(c)) => (a + c, b),
                (left, right) => (left.parts().0 + right.parts().0, left.parts().1 + right.parts().1),
            },
        )
    }

    fn nb_subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::result(
            py,
            match operands!(py, left, right) {
                (Operand::Real(a), Operand::Complex(c, d)) => (a - c, -d),
                (Operand::Complex(a, b), Operand::Real(c)) => (a - c, b),
                (left, right) => (left.parts().0 - right.parts().0, left.parts().1 - right.parts().1),
            },
        )
    }

    fn nb_multiply(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::result(
            py,
            match operands!(py, left, right) {
                (Operand::Real(a), Operand::Complex(c, d)) => (a * c, a * d),
                (Operand::Complex(a, b), Operand::Real(c)) => (a * c, b * c),
                (left, right) => multiply(left.parts(), right.parts()),
            },
        )
    }

    fn nb_true_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let quotient = match operands!(py, left, right) {
            (Operand::Complex(a, b), Operand::Real(c)) if c != 0.0 => Some((a / c, b / c)),
            (Operand::Real(a), Operand::Complex(c, d)) => divide_real(a, (c, d)),
            (left, right) => divide(left.parts(), right.parts()),
        };
        match quotient {
            Some(quotient) => Self::result(py, quotient),
            None => Err(raise!(py, ZeroDivisionError, "division by zero")),
        }
    }

    pub(crate) fn nb_power(
        py: Attached<'_>,
        left: &Object,
        right: &Object,
        modulus: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        if modulus.is_some() {
            return Err(raise!(py, ValueError, "complex modulo"));
        }
        let (base, exponent) = (left.parts(), right.parts());
        let zero_division = || raise!(py, ZeroDivisionError, "zero to a negative or complex power");
        let power = if exponent == (0.0, 0.0) {
            (1.0, 0.0)
        } else if base == (0.0, 0.0) {
            if exponent.1 != 0.0 || exponent.0 < 0.0 {
                return Err(zero_division());
            }
            (0.0, 0.0)
        } else if exponent.1 == 0.0 && exponent.0.fract() == 0.0 && exponent.0.abs() <= 100.0 {
            integer_power(base, exponent.0 as i32).ok_or_else(zero_division)?
        } else {
            let (radius, angle) = (base.0.hypot(base.1), base.1.atan2(base.0));
            let mut length = radius.powf(exponent.0);
            let mut phase = angle * exponent.0;
            if exponent.1 != 0.0 {
                length *= (-angle * exponent.1).exp();
                phase += exponent.1 * radius.ln();
            }
            (length * phase.cos(), length * phase.sin())
        };
        let finite = |(re, im): (f64, f64)| re.is_finite() && im.is_finite();
        if (power.0.is_infinite() || power.1.is_infinite()) && finite(base) && finite(exponent) {
            return Err(raise!(py, OverflowError, "complex exponentiation"));
        }
        Self::result(py, power)
    }

    fn negative(py: Attached<'_>, this: &Complex) -> PyResult<Ref<Complex>> {
        let (re, im) = this.value();
        Self::new(py, -re, -im)
    }

    fn exact(py: Attached<'_>, this: &Complex) -> PyResult<Ref<Complex>> {
        if std::ptr::eq(this.as_object().ty(), Self::type_object()) {
            return Ok(this.to_ref());
        }
        let (re, im) = this.value();
        Self::new(py, re, im)
    }

    fn absolute(py: Attached<'_>, this: &Complex) -> PyResult<f64> {
        let (re, im) = this.value();
        let length = re.hypot(im);
        if length.is_infinite() && re.is_finite() && im.is_finite() {
            return Err(raise!(py, OverflowError, "absolute value too large"));
        }
        Ok(length)
    }

    fn is_nonzero(_: Attached<'_>, this: &Complex) -> PyResult<bool> {
        Ok(this.value() != (0.0, 0.0))
    }

    fn conjugate(py: Attached<'_>, this: &Complex) -> PyResult<Ref<Complex>> {
        let (re, im) = this.value();
        Self::new(py, re, -im)
    }

    fn getnewargs(py: Attached<'_>, this: &Complex) -> PyResult<Ref<Tuple>> {
        let (re, im) = this.value();
        Tuple::from_vec(py, vec![Float::new(py, re)?.upcast(), Float::new(py, im)?.upcast()])
    }

    fn format(py: Attached<'_>, this: &Complex, spec: &Object) -> PyResult<Ref<Str>> {
        numfmt::format_complex(py, this, numfmt::spec_text(py, spec)?)
    }
}

/// Whether an object converts to a float.
fn is_real(object: &Object) -> bool {
    object
        .ty()
        .number_methods()
        .is_some_and(|number| number.nb_float.get().is_some() || number.nb_index.get().is_some())
}
