//! Simple types by their codes: how values are read from memory and written to it.
use crate::float80;
use krait_object::builtins::capsule::Capsule;
use krait_object::{
    Attached, Bool, ByteArray, Bytes, Complex, Float, Int, Layout, Object, PyResult, Ref, Str, none, raise,
};
use std::ffi::{CStr, c_char, c_void};
use std::mem::size_of;

/// Every code, in the order in which messages list them.
pub const CODES: &str = "cbBhHiIlLdDFGfuzZqQPOv?g";

/// Codes whose types have a twin of the other byte order.
pub const SWAPPABLE: &[u8] = b"hHiIlLqQfdFD";

/// The wide character of C.
pub const WCHAR: usize = size_of::<libc::wchar_t>();

/// The bytes of a value on its way to memory, and what has to stay alive with it.
pub struct Encoded {
    bytes: [u8; 32],
    len: usize,
    /// `None` where nothing needs to be kept.
    pub keep: Option<Ref<Object>>,
}

impl Encoded {
    fn new(bytes: &[u8]) -> Encoded {
        let mut out = Encoded { bytes: [0; 32], len: bytes.len(), keep: None };
        out.bytes[..bytes.len()].copy_from_slice(bytes);
        out
    }

    fn pointer(address: usize, keep: Option<Ref<Object>>) -> Encoded {
        Encoded { keep, ..Encoded::new(&address.to_ne_bytes()) }
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The bytes that a type of this code takes.
pub fn size_of_code(code: u8) -> usize {
    match code {
        b'c' | b'b' | b'B' | b'?' => 1,
        b'h' | b'H' | b'v' => 2,
        b'i' | b'I' | b'f' => 4,
        b'u' => WCHAR,
        b'g' | b'D' => 16,
        b'G' => 32,
        _ => 8,
    }
}

/// The letter of buffer formats for a code.
pub fn buffer_letter(code: u8) -> u8 {
    match code {
        b'l' if size_of::<libc::c_long>() == 8 => b'q',
        b'L' if size_of::<libc::c_long>() == 8 => b'Q',
        other => other,
    }
}

/// Whether values of the code are integers that bit fields can be cut from.
pub fn is_integer(code: u8) -> bool {
    b"bBhHiIlLqQ?v".contains(&code)
}

fn is_signed(code: u8) -> bool {
    b"bhilq".contains(&code)
}

/// Turns the byte order of values of a code around.
fn swap(code: u8, bytes: &mut [u8]) {
    match code {
        // A complex number is two numbers.
        b'F' | b'D' => {
            let (real, imag) = bytes.split_at_mut(bytes.len() / 2);
            real.reverse();
            imag.reverse();
        }
        _ => bytes.reverse(),
    }
}

fn is_char_argument(py: Attached<'_>, value: &Object) -> PyResult<u8> {
    let one = match value.downcast::<Bytes>() {
        Some(bytes) => Some(bytes.as_slice().to_vec()),
        None => value.downcast::<ByteArray>().map(|array| array.to_vec(py)).transpose()?,
    };
    let expected = "one character bytes, bytearray, or an integer in range(256) expected, not";
    match one.as_deref() {
        Some(&[byte]) => return Ok(byte),
        Some(bytes) => {
            let kind = value.ty().name();
            return Err(raise!(py, TypeError, "{expected} {kind} of length {}", bytes.len()));
        }
        None => {}
    }
    match value.downcast::<Int>() {
        Some(number) => match number.to_i64().map(u8::try_from) {
            Some(Ok(byte)) => Ok(byte),
            _ => Err(raise!(py, TypeError, "integer not in range(256)")),
        },
        None => Err(raise!(py, TypeError, "{expected} {}", value.ty().name())),
    }
}

fn wide_char(py: Attached<'_>, value: &Object) -> PyResult<u32> {
    match value.downcast::<Str>() {
        Some(text) if text.len() == 1 => Ok(text.char_at(0)),
        Some(text) => Err(raise!(py, TypeError, "a unicode character expected, not a string of length {}", text.len())),
        None => Err(raise!(py, TypeError, "a unicode character expected, not instance of {}", value.ty().name())),
    }
}

/// Text as zero-terminated wide characters that live as long as the returned object.
pub fn wide_copy(py: Attached<'_>, text: &Str) -> PyResult<(usize, Ref<Object>)> {
    let mut points = text.to_code_points();
    points.push(0);
    let block = Box::into_raw(Box::new(points));
    unsafe extern "C" fn free(capsule: *mut krait_object::layout::PyObject) {
        // SAFETY: the capsule was made below and dies.
        unsafe {
            let capsule: &Capsule = krait_object::typedef::arg(capsule);
            drop(Box::from_raw(capsule.raw().pointer.get().cast::<Vec<u32>>()));
        }
    }
    // SAFETY: just made; the vector is not changed any more.
    let address = unsafe { (*block).as_ptr() as usize };
    let name = c"_ctypes/cfield.c wchar_t buffer from unicode";
    match Capsule::new(py, block.cast(), name.as_ptr(), Some(free)) {
        Ok(capsule) => Ok((address, capsule.upcast())),
        Err(raised) => {
            // SAFETY: nobody else got it.
            drop(unsafe { Box::from_raw(block) });
            Err(raised)
        }
    }
}

/// A pointer-sized number of any integer.
pub fn address(py: Attached<'_>, number: &Object) -> PyResult<usize> {
    Ok(number.as_u64_mask(py)? as usize)
}

/// The bytes of `value` as a type of this code has them.
///
/// # Errors
/// What conversion raises, in the reference's words.
pub fn encode(py: Attached<'_>, code: u8, swapped: bool, value: &Object) -> PyResult<Encoded> {
    let mut out = match code {
        b'c' => Encoded::new(&[is_char_argument(py, value)?]),
        b'?' => Encoded::new(&[u8::from(value.is_true(py)?)]),
        b'v' => Encoded::new(&(if value.is_true(py)? { -1i16 } else { 0 }).to_ne_bytes()),
        b'u' => Encoded::new(&wide_char(py, value)?.to_ne_bytes()),
        b'f' => Encoded::new(&(value.as_f64(py)? as f32).to_ne_bytes()),
        b'd' => Encoded::new(&value.as_f64(py)?.to_ne_bytes()),
        b'g' => Encoded::new(&float80::from_f64(value.as_f64(py)?)),
        b'F' | b'D' | b'G' => {
            let (real, imag) = Complex::from_object(py, value)?;
            let mut bytes = Vec::with_capacity(32);
            for part in [real, imag] {
                match code {
                    b'F' => bytes.extend((part as f32).to_ne_bytes()),
                    b'D' => bytes.extend(part.to_ne_bytes()),
                    _ => bytes.extend(float80::from_f64(part)),
                }
            }
            Encoded::new(&bytes)
        }
        b'z' => match value.downcast::<Bytes>() {
            _ if value.is_none() => Encoded::pointer(0, None),
            Some(bytes) => Encoded::pointer(bytes.data_ptr() as usize, Some(value.to_ref())),
            None if value.downcast::<Int>().is_some() => Encoded::pointer(address(py, value)?, None),
            None => {
                let kind = value.ty().name();
                return Err(raise!(py, TypeError, "bytes or integer address expected instead of {kind} instance"));
            }
        },
        b'Z' => match value.downcast::<Str>() {
            _ if value.is_none() => Encoded::pointer(0, None),
            Some(text) => {
                let (address, keep) = wide_copy(py, text)?;
                Encoded::pointer(address, Some(keep))
            }
            None if value.downcast::<Int>().is_some() => Encoded::pointer(address(py, value)?, None),
            None => {
                let kind = value.ty().name();
                return Err(raise!(
                    py,
                    TypeError,
                    "unicode string or integer address expected instead of {kind} instance"
                ));
            }
        },
        b'P' if value.is_none() => Encoded::pointer(0, None),
        b'P' if value.downcast::<Int>().is_some() => Encoded::pointer(address(py, value)?, None),
        b'P' => return Err(raise!(py, TypeError, "cannot be converted to pointer")),
        b'O' => Encoded::pointer(value.as_ptr() as usize, Some(value.to_ref())),
        _ => {
            let number = value.as_u64_mask(py)?;
            Encoded::new(&number.to_le_bytes()[..size_of_code(code)]).native()
        }
    };
    if swapped {
        let len = out.len;
        swap(code, &mut out.bytes[..len]);
    }
    Ok(out)
}

impl Encoded {
    /// From little-endian integer bytes to the machine's order.
    fn native(mut self) -> Self {
        if cfg!(target_endian = "big") {
            self.bytes[..self.len].reverse();
        }
        self
    }
}

fn word<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// The number in the bytes of an integer type, sign-extended where the type has a sign.
pub fn integer(code: u8, swapped: bool, bytes: &[u8]) -> u64 {
    let mut le: Vec<u8> = bytes.to_vec();
    if swapped != cfg!(target_endian = "big") {
        le.reverse();
    }
    let mut number = [if is_signed(code) && le.last().is_some_and(|top| top & 0x80 != 0) { 0xff } else { 0 }; 8];
    number[..le.len()].copy_from_slice(&le);
    u64::from_le_bytes(number)
}

/// The bytes of an integer type for a number.
pub fn integer_bytes(swapped: bool, size: usize, number: u64) -> Vec<u8> {
    let mut bytes = number.to_le_bytes()[..size].to_vec();
    if swapped != cfg!(target_endian = "big") {
        bytes.reverse();
    }
    bytes
}

/// An integer object of the type's sign.
pub fn integer_object(py: Attached<'_>, code: u8, number: u64) -> PyResult<Ref<Object>> {
    Ok(if is_signed(code) { Int::from_i64(py, number as i64)?.upcast() } else { Int::from_u64(py, number)?.upcast() })
}

/// The Python value of the bytes of a type of this code.
///
/// # Safety
/// Pointers among the bytes are valid, as the C code that put them there promises.
///
/// # Errors
/// `ValueError` for a null object pointer and for what is no character.
pub unsafe fn decode(py: Attached<'_>, code: u8, swapped: bool, bytes: &[u8]) -> PyResult<Ref<Object>> {
    let mut own = [0; 32];
    let bytes = if swapped && !is_integer(code) {
        own[..bytes.len()].copy_from_slice(bytes);
        swap(code, &mut own[..bytes.len()]);
        &own[..bytes.len()]
    } else {
        bytes
    };
    let pointer = || usize::from_ne_bytes(word(bytes));
    let float = |at: usize| f64::from(f32::from_ne_bytes(word(&bytes[at..])));
    let double = |at: usize| f64::from_ne_bytes(word(&bytes[at..]));
    Ok(match code {
        b'c' => Bytes::new(py, &bytes[..1])?.upcast(),
        b'?' | b'v' => Bool::of(bytes.iter().any(|byte| *byte != 0)).to_ref().upcast(),
        b'u' => {
            let point = u32::from_ne_bytes(word(bytes));
            if point > 0x10FFFF {
                return Err(raise!(py, ValueError, "character U+{point:x} is not in range [U+0000; U+10ffff]"));
            }
            Str::from_char(py, point)?.upcast()
        }
        b'f' => Float::new(py, float(0))?.upcast(),
        b'd' => Float::new(py, double(0))?.upcast(),
        b'g' => Float::new(py, float80::to_f64(word(bytes)))?.upcast(),
        b'F' => Complex::new(py, float(0), float(4))?.upcast(),
        b'D' => Complex::new(py, double(0), double(8))?.upcast(),
        b'G' => Complex::new(py, float80::to_f64(word(bytes)), float80::to_f64(word(&bytes[16..])))?.upcast(),
        b'z' if pointer() == 0 => none(),
        // SAFETY: by the contract.
        b'z' => Bytes::new(py, unsafe { CStr::from_ptr(pointer() as *const c_char) }.to_bytes())?.upcast(),
        b'Z' if pointer() == 0 => none(),
        // SAFETY: by the contract.
        b'Z' => unsafe { wide_text(py, pointer() as *const c_void, None)? }.upcast(),
        b'P' if pointer() == 0 => none(),
        b'P' => Int::from_u64(py, pointer() as u64)?.upcast(),
        // SAFETY: by the contract.
        b'O' => match unsafe { Ref::<Object>::from_borrowed_opt(pointer() as *mut _) } {
            Some(object) => object,
            None => return Err(raise!(py, ValueError, "PyObject is NULL")),
        },
        _ => integer_object(py, code, integer(code, swapped, bytes))?,
    })
}

/// Text from wide characters: `len` of them, or up to a zero.
///
/// # Safety
/// That many can be read.
pub unsafe fn wide_text(py: Attached<'_>, start: *const c_void, len: Option<usize>) -> PyResult<Ref<Str>> {
    let start = start.cast::<u32>();
    let mut points = Vec::new();
    for at in 0..len.unwrap_or(usize::MAX) {
        // SAFETY: by the contract.
        let point = unsafe { start.add(at).read_unaligned() };
        if len.is_none() && point == 0 {
            break;
        }
        if point > 0x10FFFF {
            return Err(raise!(py, ValueError, "character U+{point:x} is not in range [U+0000; U+10ffff]"));
        }
        points.push(point);
    }
    Str::from_code_points(py, &points)
}
