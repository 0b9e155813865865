//! `longobject.h`, `floatobject.h`, `complexobject.h`, `boolobject.h`: numbers.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Bool, Complex, Float, Int, Layout, Object, PyResult, Ref, Str, exc, raise};
use std::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_ulong, c_ulonglong, c_void};
use std::ptr;

/// The integer that an object is or stands for (`__index__`).
fn int(py: Attached<'_>, o: &Object) -> PyResult<Ref<Int>> {
    match o.downcast::<Int>() {
        Some(value) => Ok(value.to_ref()),
        None => o.index(py),
    }
}

fn exact_int<'a>(py: Attached<'_>, o: &'a Object) -> PyResult<&'a Int> {
    o.downcast::<Int>().ok_or_else(|| raise!(py, TypeError, "an integer is required"))
}

/// An integer; anything else raises `TypeError`, in whose text the functions differ by one word: "expect" or "expected".
fn expect_int<'a>(py: Attached<'_>, o: &'a Object, verb: &str) -> PyResult<&'a Int> {
    o.downcast::<Int>().ok_or_else(|| raise!(py, TypeError, "{verb} int, got {}", o.ty().name()))
}

/// An unsigned integer of a fixed width: negative ones are no value of it.
fn fixed(py: Attached<'_>, o: &Object, name: &str, most: u64) -> PyResult<u64> {
    let value = int(py, o)?;
    if value.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    let fits = value.to_u64().filter(|value| *value <= most);
    fits.ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C {name}"))
}

/// The value, or -1 with the sign of the overflow.
fn overflowing(py: Attached<'_>, o: Option<&Object>, overflow: &mut c_int) -> PyResult<i64> {
    *overflow = 0;
    let Some(o) = o else { return Err(py.bad_internal_call()) };
    let value = int(py, o)?;
    Ok(match value.to_i64() {
        Some(value) => value,
        None => {
            *overflow = if value.is_negative() { -1 } else { 1 };
            -1
        }
    })
}

/// Where the digits of a text end that is no integer as a whole.
fn digits_end(text: &[u8], base: u32) -> usize {
    let mut at = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let mut base = base;
    if let [b'0', letter, ..] = text[at..]
        && let Some(meant) = match letter.to_ascii_lowercase() {
            b'x' => Some(16),
            b'o' => Some(8),
            b'b' => Some(2),
            _ => None,
        }
        && matches!(base, 0 | 2 | 8 | 16)
        && (base == 0 || base == meant)
    {
        (base, at) = (meant, at + 2);
    }
    let base = if base == 0 { 10 } else { base };
    let is_digit = |byte: &u8| char::from(*byte).is_digit(base) || *byte == b'_';
    at + text[at..].iter().take_while(|byte| is_digit(byte)).count()
}

/// A signed integer; `large` is the text of the `OverflowError` for what does not fit.
fn signed(py: Attached<'_>, o: &Object, large: &str) -> PyResult<i64> {
    if let Some(value) = o.downcast::<Int>().and_then(Int::to_i64) {
        return Ok(value);
    }
    int(py, o)?.to_i64().ok_or_else(|| py.raise(exc::OverflowError(), large))
}

/// As [`signed`] for an unsigned integer, which no other object stands for.
fn unsigned(py: Attached<'_>, o: &Object, negative: &str, large: &str) -> PyResult<u64> {
    let value = exact_int(py, o)?;
    let text = if value.is_negative() { negative } else { large };
    value.to_u64().ok_or_else(|| py.raise(exc::OverflowError(), text))
}

capi! {
    fn PyLong_FromLong(py, v: c_long) -> Ref<Int> { Int::from_i64(py, v) }
    fn PyLong_FromLongLong(py, v: c_longlong) -> Ref<Int> { Int::from_i64(py, v) }
    fn PyLong_FromInt32(py, v: i32) -> Ref<Int> { Int::from_i64(py, i64::from(v)) }
    fn PyLong_FromInt64(py, v: i64) -> Ref<Int> { Int::from_i64(py, v) }
    fn PyLong_FromUInt32(py, v: u32) -> Ref<Int> { Int::from_u64(py, u64::from(v)) }
    fn PyLong_FromUInt64(py, v: u64) -> Ref<Int> { Int::from_u64(py, v) }
    fn PyLong_FromUnsignedLong(py, v: c_ulong) -> Ref<Int> { Int::from_u64(py, v) }
    fn PyLong_FromUnsignedLongLong(py, v: c_ulonglong) -> Ref<Int> { Int::from_u64(py, v) }
    fn PyLong_FromSize_t(py, v: usize) -> Ref<Int> { Int::from_u64(py, v as u64) }
    fn PyLong_FromSsize_t(py, v: isize) -> Ref<Int> { Int::from_i64(py, v as i64) }
    fn PyLong_FromVoidPtr(py, v: *mut c_void) -> Ref<Int> { Int::from_u64(py, v as u64) }
    fn PyLong_FromDouble(py, v: f64) -> Ref<Int> { Int::from_f64(py, v) }
    fn PyLong_FromString(py, text: &CStr, end: *mut *mut c_char, base: c_int) -> Ref<Int> {
        if !end.is_null() { *end = text.as_ptr().cast_mut() }
        if base != 0 && !(2..=36).contains(&base) { return Err(raise!(py, ValueError, "int() arg 2 must be >= 2 and <= 36")); }
        let shown = text.to_string_lossy();
        match Int::parse(py, &shown, base as u32)? {
            Some(value) => {
                if !end.is_null() { *end = text.as_ptr().cast_mut().add(text.count_bytes()) }
                Ok(value)
            }
            None => {
                if !end.is_null() { *end = text.as_ptr().cast_mut().add(digits_end(text.to_bytes(), base as u32)) }
                Err(raise!(py, ValueError, "invalid literal for int() with base {base}: '{shown}'"))
            }
        }
    }
    fn PyLong_FromUnicodeObject(py, text: &Object, base: c_int) -> Ref<Int> {
        let value = Int::type_object().as_object().call_pos(py, &[text, Int::from_i64(py, i64::from(base))?.as_object()])?;
        value.downcast::<Int>().map_err(|_| py.bad_internal_call())
    }
    fn PyLong_AsLong(py, o: &Object) -> c_long { signed(py, o, "Python int too large to convert to C long") }
    fn PyLong_AsLongLong(py, o: &Object) -> c_longlong { signed(py, o, "int too big to convert") }
    fn PyLong_AsInt(py, o: &Object) -> c_int {
        let value = int(py, o)?.to_i64().and_then(|value| c_int::try_from(value).ok());
        value.ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C int"))
    }
    fn PyLong_AsInt32(py, o: &Object, out: *mut i32) -> () {
        let value = int(py, o)?.to_i64().and_then(|value| i32::try_from(value).ok());
        *out = value.ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C int32_t"))?;
        Ok(())
    }
    fn PyLong_AsInt64(py, o: &Object, out: *mut i64) -> () { *out = signed(py, o, "Python int too large to convert to C int64_t")?; Ok(()) }
    fn PyLong_AsUInt32(py, o: &Object, out: *mut u32) -> () {
        *out = fixed(py, o, "uint32_t", u64::from(u32::MAX))? as u32;
        Ok(())
    }
    fn PyLong_AsUInt64(py, o: &Object, out: *mut u64) -> () {
        *out = fixed(py, o, "uint64_t", u64::MAX)?;
        Ok(())
    }
    fn PyLong_AsUnsignedLong(py, o: &Object) -> c_ulong {
        unsigned(py, o, "can't convert negative value to unsigned int", "Python int too large to convert to C unsigned long")
    }
    fn PyLong_AsUnsignedLongLong(py, o: &Object) -> c_ulonglong {
        unsigned(py, o, "can't convert negative int to unsigned", "int too big to convert")
    }
    fn PyLong_AsSize_t(py, o: &Object) -> usize {
        let large = "Python int too large to convert to C size_t";
        Ok(unsigned(py, o, "can't convert negative value to size_t", large)? as usize)
    }
    fn PyLong_AsSsize_t(py, o: &Object) -> isize {
        exact_int(py, o)?.to_i64().map(|value| value as isize).ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C ssize_t"))
    }
    fn PyLong_AsUnsignedLongMask(py, o: &Object) -> c_ulong { o.as_u64_mask(py) }
    fn PyLong_AsUnsignedLongLongMask(py, o: &Object) -> c_ulonglong { o.as_u64_mask(py) }
    fn PyLong_AsLongAndOverflow(py, o: Option<&Object>, overflow: *mut c_int) -> c_long { overflowing(py, o, &mut *overflow) }
    fn PyLong_AsLongLongAndOverflow(py, o: Option<&Object>, overflow: *mut c_int) -> c_longlong { overflowing(py, o, &mut *overflow) }
    fn PyLong_AsDouble(py, o: &Object) -> f64 { exact_int(py, o)?.to_f64(py) }
    fn PyLong_AsVoidPtr(py, o: &Object) -> *mut c_void {
        let value = exact_int(py, o)?;
        let bits = if value.is_negative() { value.to_i64().map(|value| value as u64) } else { value.to_u64() };
        bits.map(|bits| bits as usize as *mut c_void).ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C long"))
    }
    fn PyLong_GetSign(py, o: &Object, sign: *mut c_int) -> () { *sign = sign_of(expect_int(py, o, "expect")?); Ok(()) }
    fn PyLong_IsPositive(py, o: &Object) -> bool { Ok(sign_of(expect_int(py, o, "expected")?) > 0) }
    fn PyLong_IsNegative(py, o: &Object) -> bool { Ok(sign_of(expect_int(py, o, "expected")?) < 0) }
    fn PyLong_IsZero(py, o: &Object) -> bool { Ok(expect_int(py, o, "expected")?.is_zero()) }
    fn _PyLong_Sign(py, o: &Int) -> c_int { Ok(sign_of(o)) }
    fn _PyLong_NumBits(py, o: &Int) -> i64 { Ok(Int::bit_length(py, o) as i64) }
    fn _PyLong_Copy(py, o: &Int) -> Ref<Int> { Int::from_digits(py, o.is_negative(), o.digits()) }
    fn PyLong_GetInfo(py) -> Ref<Object> { krait_vm::sysmodule::get(py, "int_info").ok_or_else(|| py.bad_internal_call()) }
    fn PyLong_AsNativeBytes(py, o: &Object, buffer: *mut c_void, size: isize, flags: c_int) -> isize {
        native_bytes(py, o, if size > 0 { std::slice::from_raw_parts_mut(buffer.cast(), size as usize) } else { &mut [] }, flags)
    }
    fn PyLong_FromNativeBytes(py, buffer: *const c_void, size: usize, flags: c_int) -> Ref<Int> {
        let data = bytes(buffer, size as isize).to_vec();
        from_native(py, data, flags, flags != -1 && flags & 4 != 0)
    }
    fn PyLong_FromUnsignedNativeBytes(py, buffer: *const c_void, size: usize, flags: c_int) -> Ref<Int> {
        from_native(py, bytes(buffer, size as isize).to_vec(), flags, true)
    }
    fn _PyLong_FromByteArray(py, buffer: *const u8, size: usize, little: c_int, is_signed: c_int) -> Ref<Int> {
        let mut data = bytes(buffer.cast(), size as isize).to_vec();
        if little == 0 { data.reverse() }
        Int::from_le_bytes(py, &data, is_signed != 0)
    }
    fn _PyLong_AsByteArray(py, o: &Int, out: *mut u8, size: usize, little: c_int, is_signed: c_int, report: c_int) -> () {
        if o.is_negative() && is_signed == 0 {
            if report == 0 { return Err(krait_object::Raised::assume()); }
            return Err(raise!(py, OverflowError, "can't convert negative int to unsigned"));
        }
        match o.to_le_bytes(size, is_signed != 0) {
            Some(mut data) => {
                if little == 0 { data.reverse() }
                ptr::copy_nonoverlapping(data.as_ptr(), out, size);
                Ok(())
            }
            None if report == 0 => Err(krait_object::Raised::assume()),
            None => Err(raise!(py, OverflowError, "int too big to convert")),
        }
    }
    fn PyLongWriter_Create(py, negative: c_int, ndigits: isize, out: *mut *mut c_void) -> *mut LongWriter {
        if ndigits <= 0 { return Err(raise!(py, ValueError, "ndigits must be positive")); }
        let mut writer = Box::new(LongWriter { negative: negative != 0, digits: vec![0; ndigits as usize] });
        *out = writer.digits.as_mut_ptr().cast();
        Ok(Box::into_raw(writer))
    }
    fn PyLongWriter_Finish(py, writer: *mut LongWriter) -> Ref<Int> {
        let writer = Box::from_raw(writer);
        let used = writer.digits.iter().rposition(|digit| *digit != 0).map_or(0, |at| at + 1);
        Int::from_digits(py, writer.negative, &writer.digits[..used])
    }
    fn PyLong_Export(py, o: &Object, out: *mut PyLongExport) -> () {
        ptr::write_bytes(out, 0, 1);
        let value = expect_int(py, o, "expect")?;
        match value.to_i64() {
            Some(small) => (*out).value = small,
            None => {
                let digits = value.digits();
                (*out).negative = u8::from(value.is_negative());
                (*out).ndigits = digits.len() as isize;
                (*out).digits = digits.as_ptr().cast();
                (*out)._reserved = value.to_ref().into_raw() as usize;
            }
        }
        Ok(())
    }

    fn PyBool_FromLong(py, v: c_long) -> Ref<Bool> { Ok(Bool::of(v != 0).to_ref()) }

    fn PyFloat_FromDouble(py, v: f64) -> Ref<Float> { Float::new(py, v) }
    fn PyFloat_FromString(py, o: &Object) -> Ref<Object> {
        let is_text = o.downcast::<Str>().is_some() || krait_object::protocols::buffer::Buffer::is_exporter(o);
        if !is_text {
            return Err(raise!(py, TypeError, "float() argument must be a string or a real number, not '{}'", o.ty().name()));
        }
        Float::type_object().as_object().call_pos(py, &[o])
    }
    fn PyFloat_AsDouble(py, o: Option<&Object>) -> f64 {
        let Some(o) = o else { return Err(raise!(py, TypeError, "bad argument type for built-in operation")) };
        match o.downcast::<Float>() { Some(value) => Ok(value.value()), None => o.as_f64(py) }
    }
    fn PyFloat_GetInfo(py) -> Ref<Object> { krait_vm::sysmodule::get(py, "float_info").ok_or_else(|| py.bad_internal_call()) }
    fn PyComplex_FromDoubles(py, real: f64, imag: f64) -> Ref<Complex> { Complex::new(py, real, imag) }
    fn PyComplex_RealAsDouble(py, o: &Object) -> f64 {
        match o.downcast::<Complex>() { Some(value) => Ok(value.value().0), None => Complex::from_object(py, o).map(|pair| pair.0) }
    }
    fn PyComplex_ImagAsDouble(py, o: &Object) -> f64 {
        match o.downcast::<Complex>() { Some(value) => Ok(value.value().1), None => Complex::from_object(py, o).map(|pair| pair.1) }
    }
}

/// Digits under construction.
pub struct LongWriter {
    negative: bool,
    digits: Vec<u32>,
}

/// The exported form of an integer, as `longobject.h` declares it.
#[repr(C)]
pub struct PyLongExport {
    pub value: i64,
    pub negative: u8,
    pub ndigits: isize,
    pub digits: *const c_void,
    pub _reserved: usize,
}

/// How integers are laid out.
#[repr(C)]
pub struct PyLongLayout {
    pub bits_per_digit: u8,
    pub digit_size: u8,
    pub digits_order: i8,
    pub digit_endianness: i8,
}

static LAYOUT: PyLongLayout =
    PyLongLayout { bits_per_digit: 30, digit_size: 4, digits_order: -1, digit_endianness: -1 };

/// `Py_complex`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ComplexValue {
    pub real: f64,
    pub imag: f64,
}

capi_raw! {
    fn PyLong_GetNativeLayout() -> *const PyLongLayout { &LAYOUT }
    fn PyLong_FreeExport(export: *mut PyLongExport) {
        let raw = std::mem::take(&mut (*export)._reserved) as *mut PyObject;
        drop(Ref::<Object>::from_raw_opt(raw));
    }
    fn PyLongWriter_Discard(writer: *mut LongWriter) { if !writer.is_null() { drop(Box::from_raw(writer)) } }
    fn PyUnstable_Long_IsCompact(o: *const PyLongObject) -> c_int { c_int::from((*o.cast::<Int>()).is_compact()) }
    fn PyUnstable_Long_CompactValue(o: *const PyLongObject) -> isize { (*o.cast::<Int>()).compact_value() }
    fn PyFloat_GetMax() -> f64 { f64::MAX }
    fn PyFloat_GetMin() -> f64 { f64::MIN_POSITIVE }
    fn PyComplex_FromCComplex(value: ComplexValue) -> *mut PyObject {
        guard("PyComplex_FromCComplex", || Complex::new(Attached::from_tls(), value.real, value.imag))
    }
    fn PyComplex_AsCComplex(o: *mut PyObject) -> ComplexValue {
        let py = Attached::from_tls();
        let pair = match Object::from_ptr(o).downcast::<Complex>() {
            Some(value) => Ok(value.value()),
            None => Complex::from_object(py, Object::from_ptr(o)),
        };
        let (real, imag) = pair.unwrap_or((-1.0, 0.0));
        ComplexValue { real, imag }
    }
    fn PyFloat_Pack8(value: f64, out: *mut c_char, little: c_int) -> c_int {
        let data = if little != 0 { value.to_le_bytes() } else { value.to_be_bytes() };
        ptr::copy_nonoverlapping(data.as_ptr(), out.cast(), 8);
        0
    }
    fn PyFloat_Unpack8(data: *const c_char, little: c_int) -> f64 {
        let data = *data.cast::<[u8; 8]>();
        if little != 0 { f64::from_le_bytes(data) } else { f64::from_be_bytes(data) }
    }
    fn PyFloat_Unpack4(data: *const c_char, little: c_int) -> f64 {
        let data = *data.cast::<[u8; 4]>();
        let bits = if little != 0 { u32::from_le_bytes(data) } else { u32::from_be_bytes(data) };
        match f32::from_bits(bits).is_nan() {
            // A conversion would quiet it.
            true => nan(bits >> 31 != 0, u64::from(bits & 0x7f_ffff) << 29),
            false => f64::from(f32::from_bits(bits)),
        }
    }
    fn PyFloat_Unpack2(data: *const c_char, little: c_int) -> f64 {
        let data = *data.cast::<[u8; 2]>();
        let bits = if little != 0 { u16::from_le_bytes(data) } else { u16::from_be_bytes(data) };
        match bits & 0x7c00 == 0x7c00 && bits & 0x3ff != 0 {
            true => nan(bits >> 15 != 0, u64::from(bits & 0x3ff) << 42),
            false => krait_object::memoryobject::format::half_to_double(bits),
        }
    }
}

capi! {
    fn PyFloat_Pack4(py, value: f64, out: *mut c_char, little: c_int) -> () {
        let single = if value.is_nan() { f32::from_bits(packed_nan(value, 31, 23) as u32) } else { value as f32 };
        if single.is_infinite() && !value.is_infinite() { return Err(raise!(py, OverflowError, "float too large to pack with f format")); }
        let data = if little != 0 { single.to_le_bytes() } else { single.to_be_bytes() };
        ptr::copy_nonoverlapping(data.as_ptr(), out.cast(), 4);
        Ok(())
    }
    fn PyFloat_Pack2(py, value: f64, out: *mut c_char, little: c_int) -> () {
        let half = if value.is_nan() { Some(packed_nan(value, 15, 10) as u16) } else { krait_object::memoryobject::format::double_to_half(value) };
        let Some(half) = half else {
            return Err(raise!(py, OverflowError, "float too large to pack with e format"));
        };
        let data = if little != 0 { half.to_le_bytes() } else { half.to_be_bytes() };
        ptr::copy_nonoverlapping(data.as_ptr(), out.cast(), 2);
        Ok(())
    }
}

/// A NaN with this sign and these bits of its fraction, signalling or not.
fn nan(negative: bool, fraction: u64) -> f64 {
    f64::from_bits(u64::from(negative) << 63 | 0x7ff << 52 | fraction)
}

/// The bits of a NaN in a narrower format: sign and the topmost bits of the fraction, a quiet one where none is left.
fn packed_nan(value: f64, sign: u32, width: u32) -> u64 {
    let bits = value.to_bits();
    let exponent = ((1 << (sign - width)) - 1) << width;
    let fraction = (bits >> (52 - width)) & ((1 << width) - 1);
    let quiet = if fraction == 0 { 1 << (width - 1) } else { 0 };
    (bits >> 63) << sign | exponent | fraction | quiet
}

fn sign_of(value: &Int) -> c_int {
    if value.is_zero() {
        0
    } else if value.is_negative() {
        -1
    } else {
        1
    }
}

/// Whether the flags ask for little-endian order (native is).
fn little(flags: c_int) -> bool {
    flags == -1 || flags & 3 != 0
}

fn native_bytes(py: Attached<'_>, o: &Object, out: &mut [u8], flags: c_int) -> PyResult<isize> {
    let value = match o.downcast::<Int>() {
        Some(value) => value.to_ref(),
        None if flags != -1 && flags & 16 != 0 => o.index(py)?,
        None => return Err(raise!(py, TypeError, "expected int, got {}", o.ty().name())),
    };
    let (is_unsigned, reject) = (flags != -1 && flags & 4 != 0, flags != -1 && flags & 8 != 0);
    if reject && value.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    let bits = Int::bit_length(py, &value) as usize;
    let whole = value.to_le_bytes(bits / 8 + 1, true).ok_or_else(|| py.bad_internal_call())?;
    let count = out.len();
    let mut needed = whole.len();
    // The topmost bit of the room serves as sign of the least number, and as a digit of unsigned ones.
    let is_exact = if value.is_negative() { is_minimum(&whole) } else { is_unsigned };
    if needed == count + 1 && bits.is_multiple_of(8) && is_exact {
        needed = count;
    }
    // Compact numbers are told the size of a word, or the room they got when it is less and enough.
    const WORD: usize = size_of::<usize>();
    if value.is_compact() && (count == 0 || needed <= count) {
        needed = if count == 0 { WORD } else { count.min(WORD) };
    }
    let fill = if value.is_negative() { 0xff } else { 0 };
    for (at, byte) in out.iter_mut().enumerate() {
        let byte_value = whole.get(at).copied().unwrap_or(fill);
        *byte = byte_value;
    }
    if !little(flags) {
        out.reverse();
    }
    Ok(needed as isize)
}

/// Whether little-endian two's complement with one spare sign byte fits without that byte.
fn is_minimum(whole: &[u8]) -> bool {
    matches!(whole, [.., second, 0xff] if second & 0x80 != 0)
}

fn from_native(py: Attached<'_>, mut data: Vec<u8>, flags: c_int, is_unsigned: bool) -> PyResult<Ref<Int>> {
    if !little(flags) {
        data.reverse();
    }
    Int::from_le_bytes(py, &data, !is_unsigned)
}

#[allow(dead_code)]
fn _unused(_: Str2) {}
#[allow(dead_code)]
type Str2 = Option<&'static Str>;
