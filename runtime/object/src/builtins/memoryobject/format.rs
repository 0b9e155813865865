//! Item formats: native single characters are read and written here, anything else through the `struct` module.
use crate::handle::{Attached, Ref};
use crate::{Bytes, Int, IntoObject, Object, PyResult, exc, raise};
use std::ffi::CStr;

/// The code of a native single-character format, with or without `@`.
pub fn native_code(format: &[u8]) -> Option<u8> {
    match format {
        [b'@', code] | [code] if *code != b'@' => Some(*code),
        _ => None,
    }
}

/// Bytes of an item of a native format.
pub fn item_size(format: &[u8]) -> Option<isize> {
    Some(match native_code(format)? {
        b'c' | b'b' | b'B' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' => 8,
        _ => return None,
    })
}

/// The static text of a native format.
pub fn native_format(format: &str) -> Option<&'static CStr> {
    const ALL: [&CStr; 36] = [
        c"c", c"b", c"B", c"?", c"h", c"H", c"e", c"i", c"I", c"f", c"l", c"L", c"q", c"Q", c"n", c"N", c"d", c"P",
        c"@c", c"@b", c"@B", c"@?", c"@h", c"@H", c"@e", c"@i", c"@I", c"@f", c"@l", c"@L", c"@q", c"@Q", c"@n", c"@N",
        c"@d", c"@P",
    ];
    ALL.into_iter().find(|known| known.to_bytes() == format.as_bytes())
}

/// The code of a format that items can be taken of, or `NotImplementedError`.
pub fn code(py: Attached<'_>, format: &[u8]) -> PyResult<u8> {
    match native_code(format) {
        Some(code) => Ok(code),
        None => {
            let format = String::from_utf8_lossy(format);
            Err(raise!(py, NotImplementedError, "memoryview: unsupported format {format}"))
        }
    }
}

/// The object that the bytes of an item stand for.
pub fn unpack(py: Attached<'_>, code: u8, item: &[u8]) -> PyResult<Ref<Object>> {
    macro_rules! read {
        ($ty:ty) => {
            match item.try_into() {
                Ok(bytes) => <$ty>::from_ne_bytes(bytes),
                Err(_) => return Err(py.bad_internal_call()),
            }
        };
    }
    match code {
        b'B' => read!(u8).into_object(py),
        b'b' => read!(i8).into_object(py),
        b'h' => read!(i16).into_object(py),
        b'H' => read!(u16).into_object(py),
        b'i' => read!(i32).into_object(py),
        b'I' => read!(u32).into_object(py),
        b'l' | b'q' | b'n' => read!(i64).into_object(py),
        b'L' | b'Q' | b'N' | b'P' => read!(u64).into_object(py),
        b'f' => f64::from(read!(f32)).into_object(py),
        b'd' => read!(f64).into_object(py),
        b'e' => half_to_double(read!(u16)).into_object(py),
        b'?' => (read!(u8) != 0).into_object(py),
        b'c' => Bytes::new(py, item)?.into_object(py),
        _ => Err(raise!(py, NotImplementedError, "memoryview: format {} not supported", char::from(code))),
    }
}

/// The bytes of an item that stands for an object.
pub fn pack(py: Attached<'_>, code: u8, value: &Object) -> PyResult<Vec<u8>> {
    let shown = char::from(code);
    let bad_type = || raise!(py, TypeError, "memoryview: invalid type for format '{shown}'");
    let bad_value = || raise!(py, ValueError, "memoryview: invalid value for format '{shown}'");
    let replace = |raised: crate::Raised| {
        if raised.matches(py, exc::TypeError()) {
            raised.clear(py);
            return bad_type();
        }
        if raised.matches(py, exc::OverflowError()) || raised.matches(py, exc::ValueError()) {
            raised.clear(py);
            return bad_value();
        }
        raised
    };
    macro_rules! integer {
        ($ty:ty) => {{
            let int = value.index(py).map_err(replace)?;
            let narrow = int.to_i64().and_then(|value| <$ty>::try_from(value).ok());
            let narrow = narrow.or_else(|| int.to_u64().and_then(|value| <$ty>::try_from(value).ok()));
            match narrow {
                Some(value) => value.to_ne_bytes().to_vec(),
                None => return Err(bad_value()),
            }
        }};
    }
    Ok(match code {
        b'B' => integer!(u8),
        b'b' => integer!(i8),
        b'h' => integer!(i16),
        b'H' => integer!(u16),
        b'i' => integer!(i32),
        b'I' => integer!(u32),
        b'l' | b'q' | b'n' => integer!(i64),
        b'L' | b'Q' | b'N' => integer!(u64),
        b'P' => {
            let int = value.downcast::<Int>().ok_or_else(bad_type)?;
            let word = int.to_u64().or_else(|| int.to_i64().map(|value| value as u64));
            word.ok_or_else(bad_value)?.to_ne_bytes().to_vec()
        }
        b'f' => {
            let double = value.as_f64(py).map_err(replace)?;
            (double as f32).to_ne_bytes().to_vec()
        }
        b'd' => value.as_f64(py).map_err(replace)?.to_ne_bytes().to_vec(),
        b'e' => match double_to_half(value.as_f64(py).map_err(replace)?) {
            Some(half) => half.to_ne_bytes().to_vec(),
            None => return Err(bad_value()),
        },
        b'?' => vec![u8::from(value.is_true(py)?)],
        b'c' => match value.downcast::<Bytes>() {
            Some(bytes) if bytes.len() == 1 => bytes.as_slice().to_vec(),
            Some(_) => return Err(bad_value()),
            None => return Err(bad_type()),
        },
        _ => return Err(raise!(py, NotImplementedError, "memoryview: format {shown} not supported")),
    })
}

/// The value of an IEEE 754 half.
pub fn half_to_double(half: u16) -> f64 {
    let sign = if half & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1F), f64::from(half & 0x3FF));
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN.copysign(sign),
        _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// The nearest IEEE 754 half (ties to even), or `None` when the value is too large.
pub fn double_to_half(value: f64) -> Option<u16> {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    if value.is_nan() {
        return Some(sign | 0x7E00);
    }
    let size = value.abs();
    if size.is_infinite() {
        return Some(sign | 0x7C00);
    }
    // Units of the smallest subnormal, or of the last place of the value's binade.
    let exponent = if size < 2f64.powi(-14) { -14 } else { size.log2().floor() as i32 };
    let exponent = if size >= 2f64.powi(exponent + 1) { exponent + 1 } else { exponent };
    let units = (size / 2f64.powi(exponent - 10)).round_ties_even() as u32;
    let bits = if exponent == -14 && units < 1024 { units } else { ((exponent + 15) as u32) * 1024 + (units - 1024) };
    (bits < 0x7C00).then_some(sign | bits as u16)
}

/// Reads items of a format that only the `struct` module knows.
pub struct StructUnpacker(Ref<Object>);

impl StructUnpacker {
    /// `None` when the format is not one of `struct`'s.
    pub fn new(py: Attached<'_>, format: &[u8], size: isize) -> PyResult<Option<StructUnpacker>> {
        let module = (crate::hooks::hooks().import)(py, "struct")?;
        let class = module.get_attr(py, crate::id!(py, "Struct"))?;
        let error = module.get_attr(py, crate::id!(py, "error"))?;
        let made = class.call_pos(py, &[crate::Layout::as_object(&*Bytes::new(py, format)?)]);
        let made = match made {
            Ok(made) => made,
            Err(raised) => {
                let known = error.downcast::<crate::Type>().is_ok_and(|error| raised.matches(py, &error));
                if known {
                    raised.clear(py);
                    return Ok(None);
                }
                return Err(raised);
            }
        };
        let own = made.get_attr(py, crate::id!(py, "size"))?.as_isize(py)?;
        if own != size {
            return Ok(None);
        }
        Ok(Some(StructUnpacker(made.get_attr(py, crate::id!(py, "unpack_from"))?)))
    }

    /// The item's object; a tuple for several values.
    pub fn unpack(&self, py: Attached<'_>, item: &[u8]) -> PyResult<Ref<Object>> {
        let result = self.0.call_pos(py, &[crate::Layout::as_object(&*Bytes::new(py, item)?)])?;
        match crate::Layout::as_object(&*result).downcast::<crate::Tuple>().map(|tuple| tuple.as_slice()) {
            Some([only]) => Ok(crate::Layout::to_ref(*only)),
            _ => Ok(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_trip() {
        for half in 0..=0xFFFFu16 {
            let value = half_to_double(half);
            if !value.is_nan() {
                assert_eq!(double_to_half(value), Some(half), "{half:#x}");
            }
        }
        assert_eq!(double_to_half(65520.0), None);
        assert_eq!(double_to_half(65519.0), Some(0x7BFF));
        assert_eq!(double_to_half(2f64.powi(-25)), Some(0));
    }
}
