//! The types of items: their codes, and conversion from and to objects.
use krait_object::native::character;
use krait_object::{Attached, Float, Int, IntoObject, Object, PyResult, Ref, Str, raise};
use std::ffi::CStr;

/// One type of items.
#[repr(C)]
pub struct Descr {
    pub code: u8,
    pub size: usize,
}

const fn descr(code: u8, size: usize) -> Descr {
    Descr { code, size }
}

/// All types, in the order of `array.typecodes`.
pub static DESCRS: [Descr; 14] = [
    descr(b'b', 1),
    descr(b'B', 1),
    descr(b'u', 4),
    descr(b'w', 4),
    descr(b'h', 2),
    descr(b'H', 2),
    descr(b'i', 4),
    descr(b'I', 4),
    descr(b'l', 8),
    descr(b'L', 8),
    descr(b'q', 8),
    descr(b'Q', 8),
    descr(b'f', 4),
    descr(b'd', 8),
];

impl Descr {
    pub fn is_text(&self) -> bool {
        matches!(self.code, b'u' | b'w')
    }

    pub fn is_integer(&self) -> bool {
        !matches!(self.code, b'u' | b'w' | b'f' | b'd')
    }

    pub fn is_signed(&self) -> bool {
        self.code.is_ascii_lowercase()
    }

    /// The format of items in an exported buffer.
    pub fn format(&self) -> &'static CStr {
        match self.code {
            b'b' => c"b",
            b'B' => c"B",
            b'u' | b'w' => c"w",
            b'h' => c"h",
            b'H' => c"H",
            b'i' => c"i",
            b'I' => c"I",
            b'l' => c"l",
            b'L' => c"L",
            b'q' => c"q",
            b'Q' => c"Q",
            b'f' => c"f",
            _ => c"d",
        }
    }
}

/// The object that the bytes of an item stand for.
pub fn decode(py: Attached<'_>, descr: &Descr, item: &[u8]) -> PyResult<Ref<Object>> {
    macro_rules! read {
        ($ty:ty) => {
            match item.try_into() {
                Ok(bytes) => <$ty>::from_ne_bytes(bytes),
                Err(_) => return Err(py.bad_internal_call()),
            }
        };
    }
    match descr.code {
        b'b' => read!(i8).into_object(py),
        b'B' => read!(u8).into_object(py),
        b'u' | b'w' => match read!(u32) {
            point if point > 0x10FFFF => {
                Err(raise!(py, ValueError, "character U+{point:x} is not in range [U+0000; U+10ffff]"))
            }
            point => Ok(Str::from_char(py, point)?.upcast()),
        },
        b'h' => read!(i16).into_object(py),
        b'H' => read!(u16).into_object(py),
        b'i' => read!(i32).into_object(py),
        b'I' => read!(u32).into_object(py),
        b'l' | b'q' => read!(i64).into_object(py),
        b'L' | b'Q' => read!(u64).into_object(py),
        b'f' => f64::from(read!(f32)).into_object(py),
        _ => read!(f64).into_object(py),
    }
}

/// An integer within the C type that the value passes through first.
fn narrow(py: Attached<'_>, value: &Object, bounds: &[(i64, i64, &str)]) -> PyResult<i64> {
    let int = value.index(py)?;
    let Some(number) = int.to_i64() else {
        return Err(raise!(py, OverflowError, "Python int too large to convert to C long"));
    };
    for &(low, high, name) in bounds {
        if number < low {
            return Err(raise!(py, OverflowError, "{name} is less than minimum"));
        }
        if number > high {
            return Err(raise!(py, OverflowError, "{name} is greater than maximum"));
        }
    }
    Ok(number)
}

const SHORT: (i64, i64, &str) = (i16::MIN as i64, i16::MAX as i64, "signed short integer");
const INT: (i64, i64, &str) = (i32::MIN as i64, i32::MAX as i64, "signed integer");

/// An unsigned C integer.
fn unsigned(py: Attached<'_>, value: &Object, long: bool) -> PyResult<u64> {
    let int: Ref<Int> = value.index(py)?;
    if int.is_negative() {
        return Err(match long {
            true => raise!(py, OverflowError, "can't convert negative int to unsigned"),
            false => raise!(py, OverflowError, "can't convert negative value to unsigned int"),
        });
    }
    int.to_u64().ok_or_else(|| match long {
        true => raise!(py, OverflowError, "int too big to convert"),
        false => raise!(py, OverflowError, "Python int too large to convert to C unsigned long"),
    })
}

/// The bytes of an item that stands for an object.
pub fn encode(py: Attached<'_>, descr: &Descr, value: &Object) -> PyResult<[u8; 8]> {
    let mut out = [0; 8];
    macro_rules! write {
        ($value:expr) => {{
            let bytes = $value.to_ne_bytes();
            out[..bytes.len()].copy_from_slice(&bytes);
        }};
    }
    match descr.code {
        b'b' => write!(narrow(py, value, &[SHORT, (-128, 127, "signed char")])? as i8),
        b'B' => write!(narrow(py, value, &[(0, 255, "unsigned byte integer")])? as u8),
        b'u' | b'w' => write!(character(py, value, "array item must be a unicode character")?),
        b'h' => write!(narrow(py, value, &[SHORT])? as i16),
        b'H' => write!(narrow(py, value, &[INT, (0, 0xFFFF, "unsigned short")])? as u16),
        b'i' => write!(narrow(py, value, &[INT])? as i32),
        b'I' => match u32::try_from(unsigned(py, value, false)?) {
            Ok(number) => write!(number),
            Err(_) => return Err(raise!(py, OverflowError, "unsigned int is greater than maximum")),
        },
        b'l' => write!(narrow(py, value, &[])?),
        b'q' => match value.index(py)?.to_i64() {
            Some(number) => write!(number),
            None => return Err(raise!(py, OverflowError, "int too big to convert")),
        },
        b'L' => write!(unsigned(py, value, false)?),
        b'Q' => write!(unsigned(py, value, true)?),
        b'f' => write!(double(py, value)? as f32),
        _ => write!(double(py, value)?),
    }
    Ok(out)
}

fn double(py: Attached<'_>, value: &Object) -> PyResult<f64> {
    match value.downcast_exact::<Float>() {
        Some(float) => Ok(float.value()),
        None => value.as_f64(py),
    }
}
