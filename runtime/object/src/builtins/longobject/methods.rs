//! The constructor, methods and attributes of `int`.
use super::Int;
use crate::StrData;
use crate::args::Args;
use crate::builtins::numfmt;
use crate::handle::{Attached, Layout, Ref};
use crate::{ByteArray, Bytes, Object, PyResult, Str, Tuple, Type, pytype, raise};
use krait_text::intarith;

pytype! {
    #[unsafe(no_mangle)]
    pub static PyLong_Type: "int" for Int {
        base: Object,
        flags: [BASETYPE, LONG_SUBCLASS, MATCH_SELF],
        fast: LONG_SUBCLASS,
        basicsize: super::DIGITS as isize,
        itemsize: 4,
        doc: "int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number or text to an integer. Text is read in the given base, 2 to 36;\nbase 0 takes the base from the prefix, as in source code.\n\n>>> int('0b101', base=0)\n5",
        slots: {
            constructor = Int::new_object,
            tp_dealloc = crate::mem::dealloc_leaf::<Int>,
            tp_repr = Int::tp_repr,
            tp_hash = Int::tp_hash,
            tp_richcompare = Int::tp_richcompare,
            nb_add = Int::nb_add,
            nb_subtract = Int::nb_subtract,
            nb_multiply = Int::nb_multiply,
            nb_remainder = Int::nb_remainder,
            nb_divmod = Int::nb_divmod,
            nb_floor_divide = Int::nb_floor_divide,
            nb_true_divide = Int::nb_true_divide,
            nb_power = Int::nb_power,
            nb_lshift = Int::nb_lshift,
            nb_rshift = Int::nb_rshift,
            nb_and = Int::nb_and,
            nb_or = Int::nb_or,
            nb_xor = Int::nb_xor,
            nb_negative = Int::nb_negative,
            nb_positive = Int::nb_int,
            nb_absolute = Int::nb_absolute,
            nb_invert = Int::nb_invert,
            nb_bool = Int::nb_bool,
            nb_int = Int::nb_int,
            nb_float = Int::nb_float,
            nb_index = Int::nb_int,
        },
        methods: {
            noargs "conjugate" => Int::nb_int, "($self, /)", "The number itself.";
            noargs "bit_length" => Int::bit_length, "($self, /)", "How many bits the value needs, without sign.\n\n>>> (-7).bit_length()\n3";
            noargs "bit_count" => Int::bit_count, "($self, /)", "How many ones the binary form of the absolute value has.\n\n>>> (-7).bit_count()\n3";
            noargs "as_integer_ratio" => Int::as_integer_ratio, "($self, /)", "The pair of the number and 1.\n\n>>> (12).as_integer_ratio()\n(12, 1)";
            noargs "is_integer" => Int::is_integer, "($self, /)", "Always true, as for floats without fraction.";
            sig "to_bytes" => Int::to_bytes, "($self, /, length=1, byteorder='big', *, signed=False)", "The value as bytes.";
            class sig "from_bytes" => Int::from_bytes, "($type, /, bytes, byteorder='big', *, signed=False)", "The integer that bytes stand for.";
            noargs "__trunc__" => Int::nb_int, "($self, /)", "The number itself.";
            noargs "__floor__" => Int::nb_int, "($self, /)", "The number itself.";
            noargs "__ceil__" => Int::nb_int, "($self, /)", "The number itself.";
            sig "__round__" => Int::round, "($self, ndigits=None, /)", "Rounds to a power of ten, halves to even.";
            noargs "__getnewargs__" => Int::getnewargs, "($self, /)", "";
            o "__format__" => Int::format, "($self, format_spec, /)", "Formats by a format specification.";
            noargs "__sizeof__" => Int::sizeof, "($self, /)", "Bytes of memory.";
        },
        getset: {
            "real" => Int::nb_int, "The number itself.";
            "imag" => Int::get_zero, "Zero.";
            "numerator" => Int::nb_int, "The number itself.";
            "denominator" => Int::get_one, "One.";
        },
    }
}

impl Int {
    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let value = Self::construct(py, args)?;
        if std::ptr::eq(ty, Self::type_object()) {
            return Ok(value.upcast());
        }
        Ok(value.copy_as(py, ty)?.upcast())
    }

    fn construct(py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Int>> {
        const SIG: crate::args::Signature = crate::args::Signature::parse("int", "(x=0, /, base=10)");
        match (args.pos, args.names) {
            ([], []) => return Self::from_i64(py, 0),
            ([x], []) => return x.to_int(py),
            (pos, []) => crate::args::check_positional(py, "int", pos.len(), 0, 2)?,
            _ => {}
        }
        let [x, base]: [Option<&Object>; 2] = SIG.bind(py, args)?;
        let Some(x) = x else { return Err(raise!(py, TypeError, "int() missing string argument")) };
        let Some(base) = base else { return x.to_int(py) };
        let number = base.as_isize_clamped(py)?;
        if number != 0 && !(2..=36).contains(&number) {
            return Err(raise!(py, ValueError, "int() base must be >= 2 and <= 36, or 0"));
        }
        Self::from_text(py, x, number as u32)?
            .ok_or_else(|| raise!(py, TypeError, "int() can't convert non-string with explicit base"))
    }

    /// Reads a `str`, `bytes` or `bytearray`; `None` for other objects.
    pub(crate) fn from_text(py: Attached<'_>, x: &Object, base: u32) -> PyResult<Option<Ref<Int>>> {
        let mut shown = x.to_ref();
        let parsed = if let Some(text) = x.downcast::<Str>() {
            let ascii = match text.data() {
                StrData::Ascii(text) => std::borrow::Cow::Borrowed(text),
                _ => {
                    crate::reserve::need(py, text.len().saturating_mul(3))?;
                    krait_text::float::to_ascii_number(text.code_points()).into()
                }
            };
            match std::str::from_utf8(&ascii) {
                Ok(text) => Self::parse(py, text, base)?,
                Err(_) => None,
            }
        } else {
            let bytes = match (x.downcast::<Bytes>(), x.downcast::<ByteArray>()) {
                (Some(bytes), _) => bytes.as_slice().to_vec(),
                (_, Some(bytes)) => bytes.to_vec(py)?,
                _ => match crate::floatobject::simple_buffer(py, x)?.filter(|_| base == 10) {
                    Some(bytes) => bytes,
                    None => return Ok(None),
                },
            };
            let parsed = match std::str::from_utf8(&bytes) {
                Ok(text) if text.is_ascii() => Self::parse(py, text, base)?,
                _ => None,
            };
            if parsed.is_none() && x.downcast::<Bytes>().is_none() {
                shown = Bytes::new(py, &bytes)?.upcast();
            }
            parsed
        };
        match parsed {
            Some(value) => Ok(Some(value)),
            None => {
                let shown = shown.repr(py)?;
                let shown = shown.substring(py, 0, shown.len().min(200))?;
                Err(raise!(py, ValueError, "invalid literal for int() with base {base}: {shown}"))
            }
        }
    }

    pub fn bit_length(_: Attached<'_>, this: &Int) -> u64 {
        intarith::bit_length(this.digits())
    }

    fn bit_count(_: Attached<'_>, this: &Int) -> u64 {
        this.digits().iter().map(|digit| u64::from(digit.count_ones())).sum()
    }

    fn as_integer_ratio(py: Attached<'_>, this: &Int) -> PyResult<Ref<Tuple>> {
        Tuple::from_vec(py, vec![this.exact(py)?.upcast(), Self::from_i64(py, 1)?.upcast()])
    }

    fn is_integer(_: Attached<'_>, _: &Int) -> bool {
        true
    }

    /// Whether `byteorder` is `'little'`.
    fn is_little(py: Attached<'_>, function: &str, byteorder: Option<&Object>) -> PyResult<bool> {
        let Some(byteorder) = byteorder else { return Ok(false) };
        match byteorder.downcast::<Str>() {
            Some(text) if text.eq_str("little") => Ok(true),
            Some(text) if text.eq_str("big") => Ok(false),
            Some(_) => Err(raise!(py, ValueError, "byteorder must be either 'little' or 'big'")),
            None => {
                let given = crate::builtins::textargs::arg_type(byteorder);
                Err(raise!(py, TypeError, "{function}() argument 'byteorder' must be str, not {given}"))
            }
        }
    }

    fn to_bytes(
        py: Attached<'_>,
        this: &Int,
        [length, byteorder, signed]: [Option<&Object>; 3],
    ) -> PyResult<Ref<Bytes>> {
        let length = length.map_or(Ok(1), |length| length.as_isize(py))?;
        let little = Self::is_little(py, "to_bytes", byteorder)?;
        let signed = signed.map_or(Ok(false), |signed| signed.is_true(py))?;
        let Ok(length) = usize::try_from(length) else {
            return Err(raise!(py, ValueError, "length argument must be non-negative"));
        };
        if this.is_negative() && !signed {
            return Err(raise!(py, OverflowError, "can't convert negative int to unsigned"));
        }
        let Some(mut bytes) = this.to_le_bytes(length, signed) else {
            return Err(raise!(py, OverflowError, "int too big to convert"));
        };
        if !little {
            bytes.reverse();
        }
        Bytes::new(py, &bytes)
    }

    fn from_bytes(
        py: Attached<'_>,
        ty: &Type,
        [bytes, byteorder, signed]: [Option<&Object>; 3],
    ) -> PyResult<Ref<Object>> {
        let little = Self::is_little(py, "from_bytes", byteorder)?;
        let signed = signed.map_or(Ok(false), |signed| signed.is_true(py))?;
        let bytes = bytes.ok_or_else(|| py.bad_internal_call())?.bytes(py)?;
        let mut bytes = bytes.as_slice().to_vec();
        if !little {
            bytes.reverse();
        }
        let value = Self::from_le_bytes(py, &bytes, signed)?;
        if std::ptr::eq(ty, Self::type_object()) {
            return Ok(value.upcast());
        }
        ty.as_object().call_pos(py, &[value.as_object()])
    }

    fn round(py: Attached<'_>, this: &Int, [ndigits]: [Option<&Object>; 1]) -> PyResult<Ref<Int>> {
        let Some(ndigits) = ndigits.filter(|ndigits| !ndigits.is_none()) else { return this.exact(py) };
        let ndigits = ndigits.index(py)?;
        if !ndigits.is_negative() {
            return this.exact(py);
        }
        // More digits than the number has round it to zero.
        let bits = intarith::bit_length(this.digits());
        let Some(places) = ndigits.neg(py)?.to_u64().filter(|places| *places <= bits / 3 + 1) else {
            return Self::from_i64(py, 0);
        };
        let unit = num_bigint::BigInt::from(10).pow(places as u32);
        let value = this.to_bigint();
        let (mut quotient, rest) = num_integer::Integer::div_mod_floor(&value, &unit);
        let twice: num_bigint::BigInt = rest * 2;
        if twice > unit || twice == unit && num_integer::Integer::is_odd(&quotient) {
            quotient += 1;
        }
        Self::from_bigint(py, &(quotient * unit))
    }

    fn getnewargs(py: Attached<'_>, this: &Int) -> PyResult<Ref<Tuple>> {
        Tuple::from_vec(py, vec![this.exact(py)?.upcast()])
    }

    fn format(py: Attached<'_>, this: &Int, spec: &Object) -> PyResult<Ref<Str>> {
        numfmt::format_int(py, this, numfmt::spec_text(py, spec)?)
    }

    fn sizeof(_: Attached<'_>, this: &Int) -> usize {
        this.as_object().ty().as_type().tp_basicsize.get() as usize + 4 * this.digits().len().max(1)
    }

    fn get_zero(py: Attached<'_>, _: &Int) -> PyResult<Ref<Int>> {
        Self::from_i64(py, 0)
    }

    fn get_one(py: Attached<'_>, _: &Int) -> PyResult<Ref<Int>> {
        Self::from_i64(py, 1)
    }
}

impl Object {
    /// `int(self)`: `__int__`, `__index__`, or text.
    ///
    /// # Errors
    /// `TypeError` for objects that are neither numbers nor text, `ValueError` for malformed text.
    pub fn to_int(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        if let Some(int) = self.downcast_exact::<Int>() {
            return Ok(int.to_ref());
        }
        let number = self.ty().number_methods();
        if let Some(convert) = number.and_then(|number| number.nb_int.get()) {
            // SAFETY: [slot-contract].
            let result =
                unsafe { Ref::<Object>::from_raw_opt(convert(self.as_ptr())) }.ok_or_else(crate::Raised::assume)?;
            return match result.downcast_exact::<Int>() {
                Ok(int) => Ok(int),
                Err(result) => numfmt::accept_int_subclass(py, &result, "__int__"),
            };
        }
        if self.has_index() {
            return self.index(py)?.exact(py);
        }
        if let Some(int) = Int::from_text(py, self, 10)? {
            return Ok(int);
        }
        Err(raise!(
            py,
            TypeError,
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            self.ty().name()
        ))
    }
}
