//! `float`. Immutable.
use crate::args::Args;
use crate::builtins::numfmt;
use crate::builtins::unicodeobject::StrData;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyFloatObject;
use crate::protocols::buffer::Buffer;
use crate::typedef::CompareOp;
use crate::{
    Bool, ByteArray, Bytes, Complex, Int, Object, PyResult, Str, Tuple, Type, mem, not_implemented, pytype, raise,
};
use krait_text::{float, intarith};

/// A double.
#[repr(transparent)]
pub struct Float(pub(crate) PyFloatObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyFloat_Type: "float" for Float {
        base: Object,
        flags: [BASETYPE, MATCH_SELF],
        doc: "float(x=0, /)\n--\n\nConvert a number or text to a floating-point number.",
        slots: {
            constructor = Float::new_object,
            tp_dealloc = mem::dealloc_leaf::<Float>,
            tp_repr = Float::repr,
            tp_hash = Float::hash,
            tp_richcompare = Float::richcompare,
            nb_add = Float::nb_add,
            nb_subtract = Float::nb_subtract,
            nb_multiply = Float::nb_multiply,
            nb_remainder = Float::nb_remainder,
            nb_divmod = Float::nb_divmod,
            nb_power = Float::nb_power,
            nb_negative = Float::negative,
            nb_positive = Float::exact,
            nb_absolute = Float::absolute,
            nb_bool = Float::is_nonzero,
            nb_int = Float::trunc,
            nb_float = Float::exact,
            nb_floor_divide = Float::nb_floor_divide,
            nb_true_divide = Float::nb_true_divide,
        },
        methods: {
            class o "from_number" => Float::from_number, "($type, number, /)", "The float of a real number; text is refused.";
            noargs "conjugate" => Float::exact, "($self, /)", "The number itself.";
            noargs "__trunc__" => Float::trunc, "($self, /)", "The integer towards zero.";
            noargs "__floor__" => Float::floor, "($self, /)", "The greatest integer that is not greater.";
            noargs "__ceil__" => Float::ceil, "($self, /)", "The least integer that is not less.";
            sig "__round__" => Float::round, "($self, ndigits=None, /)", "Rounds to decimal places, halves to even.";
            noargs "as_integer_ratio" => Float::as_integer_ratio, "($self, /)", "The pair of integers whose ratio is the number exactly.\n\n>>> (0.75).as_integer_ratio()\n(3, 4)";
            class o "fromhex" => Float::fromhex, "($type, string, /)", "The float of a hexadecimal text.\n\n>>> float.fromhex('0x1.8p+1')\n3.0";
            noargs "hex" => Float::hex, "($self, /)", "The number as hexadecimal text.\n\n>>> (3.0).hex()\n'0x1.8000000000000p+1'";
            noargs "is_integer" => Float::is_integer, "($self, /)", "Whether there is no fraction.";
            noargs "__getnewargs__" => Float::getnewargs, "($self, /)", "";
            class o "__getformat__" => Float::getformat, "($type, typestr, /)", "How C doubles and floats are stored.";
            o "__format__" => Float::format, "($self, format_spec, /)", "Formats by a format specification.";
        },
        getset: {
            "real" => Float::exact, "The number itself.";
            "imag" => Float::get_zero, "Zero.";
        },
    }
}

/// What an operand is worth to a float operator.
#[inline(always)]
fn operand(py: Attached<'_>, object: &Object) -> PyResult<Option<f64>> {
    if let Some(value) = object.downcast::<Float>() {
        return Ok(Some(value.value()));
    }
    match object.downcast::<Int>() {
        Some(int) => int.to_f64(py).map(Some),
        None => Ok(None),
    }
}

macro_rules! operands {
    ($py:ident, $left:ident, $right:ident) => {{
        let (Some(left), Some(right)) = (operand($py, $left)?, operand($py, $right)?) else {
            return Ok(not_implemented());
        };
        (left, right)
    }};
}

/// Floor quotient and remainder with the divisor's sign.
pub(crate) fn floor_divmod(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = 0f64.copysign(b);
    }
    let quotient = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0f64.copysign(a / b)
    };
    (quotient, rest)
}

/// The bytes of an object that lends contiguous memory.
pub(crate) fn simple_buffer(py: Attached<'_>, object: &Object) -> PyResult<Option<Vec<u8>>> {
    if !Buffer::is_exporter(object) {
        return Ok(None);
    }
    match Buffer::contiguous(py, object) {
        Ok(buffer) => buffer.to_vec(py).map(Some),
        Err(raised) => {
            raised.clear(py);
            Ok(None)
        }
    }
}

impl Float {
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn new(py: Attached<'_>, value: f64) -> PyResult<Ref<Float>> {
        let raw = mem::alloc_leaf(py, Self::type_object(), size_of::<PyFloatObject>())?;
        // SAFETY: fresh memory of this layout.
        unsafe {
            (*raw.as_ptr().cast::<PyFloatObject>()).ob_fval.set(value);
            Ok(Ref::from_raw(raw.as_ptr()))
        }
    }

    #[inline(always)]
    pub fn raw(&self) -> &PyFloatObject {
        &self.0
    }

    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.0.ob_fval.get()
    }

    /// Gives an object that nobody but the caller refers to another value.
    ///
    /// # Safety
    /// [attached]; the caller's reference is the only one ([`crate::mode::is_uniquely_referenced`]).
    #[inline(always)]
    pub unsafe fn overwrite(&self, value: f64) {
        self.0.ob_fval.set(value);
    }

    fn as_type(py: Attached<'_>, ty: &Type, value: f64) -> PyResult<Ref<Object>> {
        if std::ptr::eq(ty, Self::type_object()) {
            return Ok(Self::new(py, value)?.upcast());
        }
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `float`.
        unsafe { (*object).cast_unchecked::<Float>() }.0.ob_fval.set(value);
        Ok(object)
    }

    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        super::container::no_keywords_unless_subtype(py, ty, Self::type_object(), args, "float")?;
        crate::args::check_positional(py, "float", args.pos.len(), 0, 1)?;
        let Some(x) = args.pos.first() else { return Self::as_type(py, ty, 0.0) };
        if std::ptr::eq(ty, Self::type_object()) && x.downcast_exact::<Float>().is_some() {
            return Ok(x.to_ref());
        }
        Self::as_type(py, ty, Self::convert(py, x)?)
    }

    /// `float(x)` as a double.
    fn convert(py: Attached<'_>, x: &Object) -> PyResult<f64> {
        let number = x.ty().number_methods();
        if number.is_some_and(|number| number.nb_float.get().is_some() || number.nb_index.get().is_some()) {
            return x.as_f64_by_method(py);
        }
        let parsed = if let Some(text) = x.downcast::<Str>() {
            match text.data() {
                StrData::Ascii(bytes) => float::parse(bytes),
                _ => float::parse(&float::to_ascii_number(text.code_points())),
            }
        } else if let Some(bytes) = x.downcast::<Bytes>() {
            float::parse(bytes.as_slice())
        } else if let Some(bytes) = x.downcast::<ByteArray>() {
            float::parse(&bytes.to_vec(py)?)
        } else if let Some(bytes) = simple_buffer(py, x)? {
            float::parse(&bytes)
        } else {
            return Err(raise!(
                py,
                TypeError,
                "float() argument must be a string or a real number, not '{}'",
                x.ty().name()
            ));
        };
        parsed.ok_or_else(|| match x.repr(py) {
            Ok(shown) => raise!(py, ValueError, "could not convert string to float: {shown}"),
            Err(raised) => raised,
        })
    }

    fn from_number(py: Attached<'_>, ty: &Type, number: &Object) -> PyResult<Ref<Object>> {
        if std::ptr::eq(ty, Self::type_object()) && number.downcast_exact::<Float>().is_some() {
            return Ok(number.to_ref());
        }
        Self::as_type(py, ty, number.as_f64(py)?)
    }

    fn repr(py: Attached<'_>, this: &Float) -> PyResult<Ref<Str>> {
        Str::new(py, &float::repr(this.value()))
    }

    fn hash(_: Attached<'_>, this: &Float) -> PyResult<isize> {
        Ok(hash_double(this.value(), this.as_object()))
    }

    fn richcompare(py: Attached<'_>, this: &Float, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let _ = py;
        let a = this.value();
        let ordering = if let Some(other) = other.downcast::<Float>() {
            a.partial_cmp(&other.value())
        } else if let Some(other) = other.downcast::<Int>() {
            compare_with_int(a, other)
        } else {
            return Ok(not_implemented());
        };
        let holds = match ordering {
            Some(ordering) => op.holds(ordering),
            None => op == CompareOp::Ne,
        };
        Ok(Bool::of(holds).to_ref().upcast())
    }

    pub(crate) fn nb_add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        Ok(Self::new(py, left + right)?.upcast())
    }

    pub(crate) fn nb_subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        Ok(Self::new(py, left - right)?.upcast())
    }

    pub(crate) fn nb_multiply(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        Ok(Self::new(py, left * right)?.upcast())
    }

    fn nb_true_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        if right == 0.0 {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        Ok(Self::new(py, left / right)?.upcast())
    }

    fn nb_floor_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        if right == 0.0 {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        Ok(Self::new(py, floor_divmod(left, right).0)?.upcast())
    }

    fn nb_remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        if right == 0.0 {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        let mut rest = left % right;
        if rest == 0.0 {
            rest = 0f64.copysign(right);
        } else if (right < 0.0) != (rest < 0.0) {
            rest += right;
        }
        Ok(Self::new(py, rest)?.upcast())
    }

    fn nb_divmod(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(py, left, right);
        if right == 0.0 {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        let (quotient, rest) = floor_divmod(left, right);
        Ok(Tuple::from_vec(py, vec![Self::new(py, quotient)?.upcast(), Self::new(py, rest)?.upcast()])?.upcast())
    }

    pub(crate) fn nb_power(
        py: Attached<'_>,
        left: &Object,
        right: &Object,
        modulus: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let (base, exponent) = operands!(py, left, right);
        if modulus.is_some() {
            return Err(raise!(py, TypeError, "pow() 3rd argument not allowed unless all arguments are integers"));
        }
        if base == 0.0 && exponent < 0.0 && exponent.is_finite() {
            return Err(raise!(py, ZeroDivisionError, "zero to a negative power"));
        }
        if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
            let (base, exponent) = (Complex::new(py, base, 0.0)?, Complex::new(py, exponent, 0.0)?);
            return Complex::nb_power(py, base.as_object(), exponent.as_object(), None);
        }
        let power = base.powf(exponent);
        if power.is_infinite() && base.is_finite() && exponent.is_finite() {
            return Err(py.raise_value(
                crate::exc::OverflowError(),
                Tuple::from_vec(
                    py,
                    vec![
                        Int::from_i64(py, i64::from(libc::ERANGE))?.upcast(),
                        Str::new(py, "Numerical result out of range")?.upcast(),
                    ],
                )?
                .as_object(),
            ));
        }
        Ok(Self::new(py, power)?.upcast())
    }

    fn negative(_: Attached<'_>, this: &Float) -> f64 {
        -this.value()
    }

    fn absolute(_: Attached<'_>, this: &Float) -> f64 {
        this.value().abs()
    }

    fn is_nonzero(_: Attached<'_>, this: &Float) -> PyResult<bool> {
        Ok(this.value() != 0.0)
    }

    /// An exact `float` of the same value.
    fn exact(py: Attached<'_>, this: &Float) -> PyResult<Ref<Float>> {
        if std::ptr::eq(this.as_object().ty(), Self::type_object()) {
            Ok(this.to_ref())
        } else {
            Self::new(py, this.value())
        }
    }

    fn trunc(py: Attached<'_>, this: &Float) -> PyResult<Ref<Int>> {
        Int::from_f64(py, this.value())
    }

    fn floor(py: Attached<'_>, this: &Float) -> PyResult<Ref<Int>> {
        Int::from_f64(py, this.value().floor())
    }

    fn ceil(py: Attached<'_>, this: &Float) -> PyResult<Ref<Int>> {
        Int::from_f64(py, this.value().ceil())
    }

    fn round(py: Attached<'_>, this: &Float, [ndigits]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        let x = this.value();
        let Some(ndigits) = ndigits.filter(|ndigits| !ndigits.is_none()) else {
            return Ok(Int::from_f64(py, x.round_ties_even())?.upcast());
        };
        let ndigits = ndigits.as_isize_clamped(py)?;
        if !x.is_finite() {
            return Ok(Self::new(py, x)?.upcast());
        }
        match float::round_to_digits(x, ndigits as i64) {
            Ok(rounded) => Ok(Self::new(py, rounded)?.upcast()),
            Err(_) => Err(raise!(py, OverflowError, "rounded value too large to represent")),
        }
    }

    fn as_integer_ratio(py: Attached<'_>, this: &Float) -> PyResult<Ref<Tuple>> {
        let x = this.value();
        if x.is_infinite() {
            return Err(raise!(py, OverflowError, "cannot convert Infinity to integer ratio"));
        }
        if x.is_nan() {
            return Err(raise!(py, ValueError, "cannot convert NaN to integer ratio"));
        }
        let (negative, mantissa, exponent) = float::integer_ratio(x);
        let (digits, len) = intarith::from_u64(mantissa);
        let scaled =
            |digits: &[u32], bits: i32| if bits > 0 { intarith::shl(digits, bits as u64) } else { digits.to_vec() };
        let numerator = Int::from_digits(py, negative, &scaled(&digits[..len], exponent))?;
        let denominator = Int::from_digits(py, false, &scaled(&[1], -exponent))?;
        Tuple::from_vec(py, vec![numerator.upcast(), denominator.upcast()])
    }

    fn fromhex(py: Attached<'_>, ty: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "bad argument type for built-in operation"));
        };
        let value = match float::from_hex(text.to_string_lossy().as_bytes()) {
            Ok(value) => value,
            Err(error @ float::FromHexError::TooLarge) => return Err(raise!(py, OverflowError, "{}", error.message())),
            Err(error) => return Err(raise!(py, ValueError, "{}", error.message())),
        };
        let value = Self::new(py, value)?;
        if std::ptr::eq(ty, Self::type_object()) {
            return Ok(value.upcast());
        }
        ty.as_object().call_pos(py, &[value.as_object()])
    }

    fn hex(_: Attached<'_>, this: &Float) -> String {
        float::to_hex(this.value())
    }

    fn is_integer(_: Attached<'_>, this: &Float) -> bool {
        let x = this.value();
        x.is_finite() && x.floor() == x
    }

    fn getnewargs(py: Attached<'_>, this: &Float) -> PyResult<Ref<Tuple>> {
        Tuple::from_vec(py, vec![Self::new(py, this.value())?.upcast()])
    }

    fn getformat(py: Attached<'_>, _: &Type, kind: &Object) -> PyResult<&'static str> {
        match kind.downcast::<Str>() {
            Some(kind) if kind.eq_str("double") || kind.eq_str("float") => {
                Ok(if cfg!(target_endian = "little") { "IEEE, little-endian" } else { "IEEE, big-endian" })
            }
            Some(_) => Err(raise!(py, ValueError, "__getformat__() argument 1 must be 'double' or 'float'")),
            None => Err(raise!(
                py,
                TypeError,
                "__getformat__() argument must be str, not {}",
                crate::builtins::textargs::arg_type(kind)
            )),
        }
    }

    fn format(py: Attached<'_>, this: &Float, spec: &Object) -> PyResult<Ref<Str>> {
        numfmt::format_float(py, this, numfmt::spec_text(py, spec)?)
    }

    fn get_zero(_: Attached<'_>, _: &Float) -> f64 {
        0.0
    }
}

/// The hash of a double: equal to that of an equal integer; a NaN hashes by the identity of its object.
pub(crate) fn hash_double(x: f64, object: &Object) -> isize {
    if x.is_nan() {
        return (object.as_ptr().addr().rotate_right(4)) as isize;
    }
    if x.is_infinite() {
        return if x > 0.0 { 314159 } else { -314159 };
    }
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return match x as isize {
            -1 => -2,
            hash => hash,
        };
    }
    // The value is mantissa * 2^exponent; 2 has the order 61 modulo 2^61 - 1, so scaling is a rotation of 61 bits.
    const BITS: i64 = 61;
    const PRIME: u64 = (1 << BITS) - 1;
    let (negative, mantissa, exponent) = mantissa_and_exponent(x);
    let reduced = (mantissa % PRIME) as u128;
    let turn = exponent.rem_euclid(BITS) as u32;
    let rotated = reduced << turn;
    let hash = (((rotated & PRIME as u128) + (rotated >> BITS)) % PRIME as u128) as isize;
    match if negative { -hash } else { hash } {
        -1 => -2,
        hash => hash,
    }
}

/// `x = ±mantissa * 2^exponent` for finite `x`.
fn mantissa_and_exponent(x: f64) -> (bool, u64, i64) {
    let bits = x.to_bits();
    let (raw, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
    (x.is_sign_negative(), mantissa, exponent)
}

/// Compares a double with an integer exactly; `None` for NaN.
pub(crate) fn compare_with_int(a: f64, b: &Int) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering;
    if a.is_nan() {
        return None;
    }
    if let Some(b) = b.to_i64()
        && b.unsigned_abs() <= 1 << 53
    {
        return a.partial_cmp(&(b as f64));
    }
    if a.is_infinite() {
        return Some(if a > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    let floor = a.floor();
    let (negative, mantissa, exponent) = mantissa_and_exponent(floor);
    let (digits, len) = intarith::from_u64(mantissa);
    let magnitude = if exponent >= 0 {
        intarith::shl(&digits[..len], exponent as u64)
    } else {
        intarith::shr(&digits[..len], exponent.unsigned_abs()).0
    };
    let whole = match (negative && !magnitude.is_empty(), b.is_negative()) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => intarith::compare(&magnitude, b.digits()),
        (true, true) => intarith::compare(b.digits(), &magnitude),
    };
    Some(if whole.is_eq() && a != floor { Ordering::Greater } else { whole })
}

impl Object {
    /// `float(self)`.
    ///
    /// # Errors
    /// `TypeError` for objects that are neither numbers nor text, `ValueError` for malformed text.
    pub fn to_float(&self, py: Attached<'_>) -> PyResult<Ref<Float>> {
        if let Some(float) = self.downcast_exact::<Float>() {
            return Ok(float.to_ref());
        }
        Float::new(py, Float::convert(py, self)?)
    }
}
