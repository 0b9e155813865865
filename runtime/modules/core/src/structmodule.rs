//! `_struct`: values from and to packed bytes.
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Fixed, Trace, add_type, alloc, part, required};
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::{
    Attached, Bytes, Complex, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type,
    exc, functions, pytype, raise,
};
use std::collections::HashMap;
use std::mem::offset_of;
use std::sync::{Arc, Mutex, PoisonError};

/// One item code with its repeat count.
#[derive(Clone, Copy)]
struct Item {
    code: u8,
    /// Values, or bytes of a string.
    count: usize,
    size: usize,
    offset: usize,
}

/// A parsed format.
pub struct Layouts {
    items: Vec<Item>,
    size: usize,
    /// How many values there are.
    values: usize,
    big: bool,
}

/// The error class of the module.
fn error_class(py: Attached<'_>) -> PyResult<Ref<Type>> {
    let module = (krait_object::hooks::hooks().import)(py, "_struct")?;
    module.get_attr(py, krait_object::id!(py, error))?.downcast::<Type>().map_err(|_| py.bad_internal_call())
}

fn fail(py: Attached<'_>, message: impl std::fmt::Display) -> Raised {
    match error_class(py) {
        Ok(class) => py.raise(&class, message),
        Err(raised) => raised,
    }
}

/// Size and alignment of an item code; alignment counts in native mode only.
fn size_of_code(code: u8, native: bool) -> Option<(usize, usize)> {
    Some(match code {
        b'x' | b's' | b'p' => (1, 1),
        b'c' | b'b' | b'B' | b'?' => (1, 1),
        b'h' | b'H' | b'e' => (2, 2),
        b'i' | b'I' | b'f' => (4, 4),
        b'l' | b'L' if native => (size_of::<std::ffi::c_long>(), align_of::<std::ffi::c_long>()),
        b'l' | b'L' => (4, 4),
        b'q' | b'Q' | b'd' => (8, 8),
        b'n' | b'N' | b'P' if native => (size_of::<usize>(), align_of::<usize>()),
        b'F' => (8, 4),
        b'D' => (16, 8),
        _ => return None,
    })
}

fn parse(py: Attached<'_>, format: &[u8]) -> PyResult<Layouts> {
    let (native, big, rest, aligned) = match format.first() {
        Some(b'<') => (false, false, &format[1..], false),
        Some(b'>' | b'!') => (false, true, &format[1..], false),
        Some(b'=') => (false, cfg!(target_endian = "big"), &format[1..], false),
        Some(b'@') => (true, cfg!(target_endian = "big"), &format[1..], true),
        _ => (true, cfg!(target_endian = "big"), format, true),
    };
    let too_long = || fail(py, "total struct size too long");
    let mut layouts = Layouts { items: Vec::new(), size: 0, values: 0, big };
    let mut at = 0;
    while at < rest.len() {
        let byte = rest[at];
        if byte.is_ascii_whitespace() || byte == 0x0B {
            at += 1;
            continue;
        }
        let mut count = 1usize;
        if byte.is_ascii_digit() {
            count = 0;
            while let Some(digit) = rest.get(at).filter(|digit| digit.is_ascii_digit()) {
                count = count
                    .checked_mul(10)
                    .and_then(|count| count.checked_add(usize::from(digit - b'0')))
                    .filter(|&count| count <= isize::MAX as usize)
                    .ok_or_else(too_long)?;
                at += 1;
            }
            if at == rest.len() {
                return Err(fail(py, "repeat count given without format specifier"));
            }
        }
        let code = rest[at];
        at += 1;
        if code == 0 {
            return Err(fail(py, "embedded null character"));
        }
        let Some((size, align)) = size_of_code(code, native) else {
            return Err(fail(py, "bad char in struct format"));
        };
        let offset =
            if aligned { layouts.size.checked_next_multiple_of(align).ok_or_else(too_long)? } else { layouts.size };
        let bytes = size.checked_mul(count).and_then(|bytes| bytes.checked_add(offset));
        layouts.size = bytes.filter(|&bytes| bytes <= isize::MAX as usize).ok_or_else(too_long)?;
        match code {
            b'x' => continue,
            b's' | b'p' => layouts.values += 1,
            _ if count == 0 => continue,
            _ => layouts.values += count,
        }
        layouts.items.push(Item { code, count, size, offset });
    }
    Ok(layouts)
}

/// The layout of a format argument, from the cache if it was parsed before.
fn layouts_of(py: Attached<'_>, function: &str, format: &Object) -> PyResult<Arc<Layouts>> {
    let bytes = format_bytes(py, function, format)?;
    let known =
        CACHE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|cache| cache.get(&bytes).cloned());
    if let Some(known) = known {
        return Ok(known);
    }
    let layouts = Arc::new(parse(py, &bytes)?);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_with(HashMap::new);
    if cache.len() >= 100 {
        cache.clear();
    }
    cache.insert(bytes, layouts.clone());
    Ok(layouts)
}

static CACHE: Mutex<Option<HashMap<Vec<u8>, Arc<Layouts>>>> = Mutex::new(None);

fn format_bytes(py: Attached<'_>, function: &str, format: &Object) -> PyResult<Vec<u8>> {
    if let Some(text) = format.downcast::<Str>() {
        let encoded = krait_object::codecs::encode(py, text, Some("ascii"), None)?;
        return Ok(encoded.as_slice().to_vec());
    }
    match format.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes.as_slice().to_vec()),
        None => {
            let name = krait_object::builtins::textargs::arg_type(format);
            Err(raise!(py, TypeError, "{function}() argument 1 must be a str or bytes object, not {name}"))
        }
    }
}

/// The bits of a half-precision float, rounded to even; `None` when too large.
fn half_bits(x: f64) -> Option<u16> {
    let sign = ((x.to_bits() >> 48) & 0x8000) as u16;
    if x.is_nan() {
        let payload = ((x.to_bits() >> 42) & 0x3FF) as u16;
        return Some(sign | 0x7C00 | if payload == 0 { 0x200 } else { payload });
    }
    let magnitude = x.abs();
    if magnitude.is_infinite() {
        return Some(sign | 0x7C00);
    }
    let bits = if magnitude < 2f64.powi(-14) {
        // Subnormal: multiples of 2**-24.
        (magnitude * 2f64.powi(24)).round_ties_even() as u16
    } else {
        let exponent = ((magnitude.to_bits() >> 52) as i32) - 1023;
        let units = (magnitude * 2f64.powi(10 - exponent)).round_ties_even() as u32;
        let value = ((exponent + 15) as u32) * 1024 + (units - 1024);
        if value >= 0x7C00 {
            return None;
        }
        value as u16
    };
    Some(sign | bits)
}

fn half_value(bits: u16) -> f64 {
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::from_bits(0x7FF8_0000_0000_0000 | u64::from(bits & 0x1FF) << 42),
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

impl Layouts {
    fn store(&self, out: &mut [u8], little: &[u8]) {
        out.copy_from_slice(little);
        if self.big {
            out.reverse();
        }
    }

    fn pack_int(&self, py: Attached<'_>, item: &Item, out: &mut [u8], value: &Object) -> PyResult<()> {
        let int = match value.downcast::<Int>() {
            Some(int) => int.to_ref(),
            None if value.has_index() => value.index(py)?,
            None => return Err(fail(py, "required argument is not an integer")),
        };
        let signed = item.code.is_ascii_lowercase();
        let bits = item.size as u32 * 8;
        let (low, high) =
            if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
        let wide = int.to_i64().map(i128::from).or_else(|| int.to_u64().map(i128::from));
        match wide {
            Some(wide) if (low..=high).contains(&wide) => {
                self.store(out, &wide.to_le_bytes()[..item.size]);
                Ok(())
            }
            // Addresses may be given as negative numbers.
            Some(wide) if item.code == b'P' && wide >= i128::from(i64::MIN) => {
                self.store(out, &wide.to_le_bytes()[..item.size]);
                Ok(())
            }
            _ if item.code == b'P' => {
                Err(raise!(py, OverflowError, "Python int too large to convert to C unsigned long"))
            }
            _ => Err(fail(py, format_args!("'{}' format requires {low} <= number <= {high}", char::from(item.code)))),
        }
    }

    fn pack_float(&self, py: Attached<'_>, code: u8, out: &mut [u8], value: f64) -> PyResult<()> {
        let too_large = |code: char| raise!(py, OverflowError, "float too large to pack with {code} format");
        match code {
            b'e' => self.store(out, &half_bits(value).ok_or_else(|| too_large('e'))?.to_le_bytes()),
            b'f' | b'F' => {
                let single = value as f32;
                // The parts of complex numbers may overflow in the machine's order.
                if (code == b'f' || self.big) && single.is_infinite() && value.is_finite() {
                    return Err(too_large('f'));
                }
                self.store(out, &single.to_le_bytes());
            }
            _ => self.store(out, &value.to_le_bytes()),
        }
        Ok(())
    }

    fn pack_value(&self, py: Attached<'_>, item: &Item, out: &mut [u8], value: &Object) -> PyResult<()> {
        self.try_pack_value(py, item, out, value).map_err(|raised| {
            if value.downcast::<Int>().is_none() || !raised.matches(py, exc::OverflowError()) {
                return raised;
            }
            raised.clear(py);
            fail(py, "int too large to convert")
        })
    }

    fn try_pack_value(&self, py: Attached<'_>, item: &Item, out: &mut [u8], value: &Object) -> PyResult<()> {
        match item.code {
            b'c' => match value.downcast::<Bytes>().map(Bytes::as_slice) {
                Some([byte]) => out[0] = *byte,
                _ => return Err(fail(py, "char format requires a bytes object of length 1")),
            },
            b'?' => out[0] = u8::from(value.is_true(py)?),
            b'e' | b'f' | b'd' => {
                let number = value.as_f64(py).map_err(|raised| {
                    raised.clear(py);
                    fail(py, "required argument is not a float")
                })?;
                self.pack_float(py, item.code, out, number)?;
            }
            b'F' | b'D' => {
                let (re, im) = Complex::from_object(py, value).map_err(|raised| {
                    raised.clear(py);
                    fail(py, "required argument is not a complex")
                })?;
                let (first, second) = out.split_at_mut(item.size / 2);
                self.pack_float(py, item.code, first, re)?;
                self.pack_float(py, item.code, second, im)?;
            }
            _ => self.pack_int(py, item, out, value)?,
        }
        Ok(())
    }

    /// Packs into `out`, which is zeroed and has the layout's size.
    fn pack(&self, py: Attached<'_>, out: &mut [u8], values: &[&Object]) -> PyResult<()> {
        let mut values = values.iter();
        for item in &self.items {
            if matches!(item.code, b's' | b'p') {
                let value = required(py, values.next().copied())?;
                let array = value.downcast::<krait_object::ByteArray>();
                if value.downcast::<Bytes>().is_none() && array.is_none() {
                    return Err(fail(
                        py,
                        format_args!("argument for '{}' must be a bytes object", char::from(item.code)),
                    ));
                }
                let bytes = BytesArg::new(py, value)?;
                let bytes = bytes.as_slice();
                let place = &mut out[item.offset..item.offset + item.count];
                if item.code == b's' {
                    let len = bytes.len().min(place.len());
                    place[..len].copy_from_slice(&bytes[..len]);
                } else if let Some((length, place)) = place.split_first_mut() {
                    let len = bytes.len().min(place.len());
                    place[..len].copy_from_slice(&bytes[..len]);
                    *length = len.min(255) as u8;
                }
                continue;
            }
            for at in 0..item.count {
                let offset = item.offset + at * item.size;
                let value = required(py, values.next().copied())?;
                self.pack_value(py, item, &mut out[offset..offset + item.size], value)?;
            }
        }
        Ok(())
    }

    fn float(code: u8, little: &[u8; 16], from: usize) -> f64 {
        let mut eight = [0; 8];
        match code {
            b'e' => half_value(u16::from_le_bytes([little[0], little[1]])),
            b'f' | b'F' => {
                f64::from(f32::from_le_bytes([little[from], little[from + 1], little[from + 2], little[from + 3]]))
            }
            _ => {
                eight.copy_from_slice(&little[from..from + 8]);
                f64::from_le_bytes(eight)
            }
        }
    }

    fn unpack_value(&self, py: Attached<'_>, item: &Item, bytes: &[u8]) -> PyResult<Ref<Object>> {
        let mut little = [0u8; 16];
        little[..bytes.len()].copy_from_slice(bytes);
        if self.big {
            let half = if matches!(item.code, b'F' | b'D') { item.size / 2 } else { item.size };
            little[..item.size].chunks_exact_mut(half).for_each(<[u8]>::reverse);
        }
        match item.code {
            b'c' => Ok(Bytes::new(py, bytes)?.upcast()),
            b'?' => (bytes[0] != 0).into_object(py),
            b'e' | b'f' | b'd' => Layouts::float(item.code, &little, 0).into_object(py),
            b'F' | b'D' => {
                let (re, im) =
                    (Layouts::float(item.code, &little, 0), Layouts::float(item.code, &little, item.size / 2));
                Ok(Complex::new(py, re, im)?.upcast())
            }
            code => {
                let mut eight = [0; 8];
                eight.copy_from_slice(&little[..8]);
                let value = u64::from_le_bytes(eight);
                if code.is_ascii_lowercase() {
                    let shift = 64 - item.size as u32 * 8;
                    (((value << shift) as i64) >> shift).into_object(py)
                } else {
                    value.into_object(py)
                }
            }
        }
    }

    fn unpack(&self, py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Tuple>> {
        let mut values = krait_object::reserve::with_room(py, self.values)?;
        for item in &self.items {
            match item.code {
                b's' => values.push(Bytes::new(py, &bytes[item.offset..item.offset + item.count])?.upcast()),
                b'p' => {
                    let place = &bytes[item.offset..item.offset + item.count];
                    let text = place.split_first().map_or(&[][..], |(&len, rest)| &rest[..rest.len().min(len.into())]);
                    values.push(Bytes::new(py, text)?.upcast());
                }
                _ => {
                    for at in 0..item.count {
                        let offset = item.offset + at * item.size;
                        values.push(self.unpack_value(py, item, &bytes[offset..offset + item.size])?);
                    }
                }
            }
        }
        Tuple::from_vec(py, values)
    }

    fn pack_new(&self, py: Attached<'_>, values: &[&Object]) -> PyResult<Ref<Bytes>> {
        if values.len() != self.values {
            let (expected, got) = (self.values, values.len());
            return Err(fail(py, format_args!("pack expected {expected} items for packing (got {got})")));
        }
        let mut out = Vec::new();
        if out.try_reserve_exact(self.size).is_err() {
            return Err(py.no_memory());
        }
        out.resize(self.size, 0);
        self.pack(py, &mut out, values)?;
        Bytes::new(py, &out)
    }

    fn pack_into(&self, py: Attached<'_>, args: &[&Object]) -> PyResult<()> {
        let [buffer, offset, values @ ..] = args else {
            return Err(match args.len() {
                0 => fail(py, "pack_into expected buffer argument"),
                _ => fail(py, "pack_into expected offset argument"),
            });
        };
        if values.len() != self.values {
            let (expected, got) = (self.values, values.len());
            return Err(fail(py, format_args!("pack_into expected {expected} items for packing (got {got})")));
        }
        let target = Buffer::writable(py, buffer).map_err(|raised| {
            raised.clear(py);
            let name = buffer.ty().name();
            raise!(py, TypeError, "argument must be read-write bytes-like object, not {name}")
        })?;
        let offset = offset.as_isize(py)?;
        let (len, size) = (target.as_slice().len(), self.size);
        let start = if offset < 0 {
            if offset + size as isize > 0 {
                return Err(fail(py, format_args!("no space to pack {size} bytes at offset {offset}")));
            }
            if offset + (len as isize) < 0 {
                return Err(fail(py, format_args!("offset {offset} out of range for {len}-byte buffer")));
            }
            (offset + len as isize) as usize
        } else {
            offset as usize
        };
        if len.saturating_sub(start) < size || start > len {
            let needed = start.saturating_add(size);
            return Err(fail(
                py,
                format_args!(
                    "pack_into requires a buffer of at least {needed} bytes for packing {size} bytes at offset {start} (actual buffer size is {len})"
                ),
            ));
        }
        let mut out = krait_object::reserve::zeros(py, size)?;
        self.pack(py, &mut out, values)?;
        // SAFETY: a writable export; the bytes are copied at once.
        let target = unsafe { target.as_mut_slice() };
        target[start..start + size].copy_from_slice(&out);
        Ok(())
    }

    fn unpack_all(&self, py: Attached<'_>, buffer: &Object) -> PyResult<Ref<Tuple>> {
        let bytes = BytesArg::new(py, buffer)?;
        if bytes.as_slice().len() != self.size {
            return Err(fail(py, format_args!("unpack requires a buffer of {} bytes", self.size)));
        }
        self.unpack(py, bytes.as_slice())
    }

    fn unpack_from(&self, py: Attached<'_>, buffer: &Object, offset: Arg<'_>) -> PyResult<Ref<Tuple>> {
        let bytes = BytesArg::new(py, buffer)?;
        let bytes = bytes.as_slice();
        let offset = offset.map_or(Ok(0), |offset| offset.as_isize(py))?;
        let (len, size) = (bytes.len(), self.size);
        let start = if offset < 0 {
            if offset + size as isize > 0 {
                return Err(fail(py, format_args!("not enough data to unpack {size} bytes at offset {offset}")));
            }
            if offset + (len as isize) < 0 {
                return Err(fail(py, format_args!("offset {offset} out of range for {len}-byte buffer")));
            }
            (offset + len as isize) as usize
        } else {
            offset as usize
        };
        if start > len || len - start < size {
            let needed = start.saturating_add(size);
            return Err(fail(
                py,
                format_args!(
                    "unpack_from requires a buffer of at least {needed} bytes for unpacking {size} bytes at offset {start} (actual buffer size is {len})"
                ),
            ));
        }
        self.unpack(py, &bytes[start..start + size])
    }

    /// The size in memory as the reference counts it: five words, and four for each code and one more.
    fn reported_size(&self) -> usize {
        let counts = |item: &&Item| item.code != b'x' && (item.count > 0 || matches!(item.code, b's' | b'p'));
        size_of::<PyObject>() + 40 + (self.items.iter().filter(counts).count() + 1) * 32
    }

    fn iter_unpack(self: &Arc<Self>, py: Attached<'_>, buffer: &Object) -> PyResult<Ref<UnpackIter>> {
        if self.size == 0 {
            return Err(fail(py, "cannot iteratively unpack with a struct of length 0"));
        }
        let bytes = BytesArg::new(py, buffer)?;
        if bytes.as_slice().len() % self.size != 0 {
            return Err(fail(
                py,
                format_args!("iterative unpacking requires a buffer of a multiple of {} bytes", self.size),
            ));
        }
        let this = alloc::<UnpackIter>(py, UnpackIter::type_object())?;
        this.layouts.init(self.clone());
        drop(this.buffer.replace(Some(buffer.to_ref())));
        Ok(this)
    }
}

krait_object::native! {
    /// What `iter_unpack` gives.
    pub struct UnpackIter { layouts: Fixed<Arc<Layouts>>, buffer: Slot, at: Field<usize> }
}
pytype! {
    static UNPACK_ITER: "_struct.unpack_iterator" for UnpackIter {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = UnpackIter::dealloc,
            tp_traverse = UnpackIter::traverse,
            tp_iter = |_: Attached<'_>, this: &UnpackIter| this.to_ref(),
            tp_iternext = UnpackIter::next,
        },
        methods: {
            noargs "__length_hint__" => UnpackIter::hint, "($self, /)", "How many tuples are left.";
        },
    }
}

impl UnpackIter {
    fn next(py: Attached<'_>, this: &UnpackIter) -> PyResult<Option<Ref<Tuple>>> {
        let Some(buffer) = this.buffer.get() else { return Ok(None) };
        let layouts = this.layouts.get().ok_or_else(|| py.bad_internal_call())?;
        let bytes = BytesArg::new(py, &buffer)?;
        let at = this.at.get();
        let Some(bytes) = bytes.as_slice().get(at..at + layouts.size) else {
            drop(this.buffer.take());
            return Ok(None);
        };
        this.at.set(at + layouts.size);
        layouts.unpack(py, bytes).map(Some)
    }
    fn hint(py: Attached<'_>, this: &UnpackIter) -> PyResult<usize> {
        let Some(buffer) = this.buffer.get() else { return Ok(0) };
        let size = this.layouts.get().map_or(1, |layouts| layouts.size);
        Ok(BytesArg::new(py, &buffer)?.as_slice().len().saturating_sub(this.at.get()) / size)
    }
}

/// The layouts of a `Struct`, which `__init__` sets and may set again.
#[derive(Default)]
pub struct Current(Mutex<Option<Arc<Layouts>>>);
impl Trace for Current {}

krait_object::native! {
    /// `Struct`. C code reads size and number of values at the start.
    pub struct Struct { size: Field<isize>, values: Field<isize>, layouts: Fixed<Current>, format: Slot<Str>, weaklist: Field<*mut PyObject> }
}
pytype! {
    static STRUCT: "_struct.Struct" for Struct {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Struct(fmt) --> compiled struct object",
        slots: {
            tp_dealloc = Struct::dealloc,
            tp_traverse = Struct::traverse,
            tp_repr = |py: Attached<'_>, this: &Struct| -> PyResult<String> { this.get(py)?; Ok(format!("{}({})", this.as_object().ty().short_name(), part(py, &this.format)?.as_object().repr(py)?.to_string_lossy())) },
            tp_new = Struct::construct,
            tp_init = Struct::init,
            raw tp_weaklistoffset = offset_of!(Struct, weaklist) as isize,
        },
        methods: {
            raw "pack" => |py: Attached<'_>, this: &Struct, args: Args<'_>| { args.no_keywords(py, "Struct.pack").and_then(|()| this.get(py)?.pack_new(py, args.pos)) }, "", "Return bytes with the values packed by the format.";
            raw "pack_into" => |py: Attached<'_>, this: &Struct, args: Args<'_>| { args.no_keywords(py, "Struct.pack_into").and_then(|()| this.get(py)?.pack_into(py, args.pos)) }, "", "Write packed values into a buffer at an offset.";
            o "unpack" => |py: Attached<'_>, this: &Struct, buffer: &Object| this.get(py).and_then(|layouts| layouts.unpack_all(py, buffer)), "($self, buffer, /)", "Return a tuple of the values in a buffer.";
            sig "unpack_from" => |py: Attached<'_>, this: &Struct, [buffer, offset]: [Arg<'_>; 2]| this.get(py).and_then(|layouts| layouts.unpack_from(py, required(py, buffer)?, offset)), "($self, /, buffer, offset=0)", "Return a tuple of the values in a buffer from an offset on.";
            o "iter_unpack" => |py: Attached<'_>, this: &Struct, buffer: &Object| this.get(py).and_then(|layouts| layouts.iter_unpack(py, buffer)), "($self, buffer, /)", "Return an iterator over the tuples in a buffer.";
            noargs "__sizeof__" => |py: Attached<'_>, this: &Struct| this.get(py).map(|layouts| layouts.reported_size()), "($self, /)", "Size in memory, in bytes.";
        },
        getset: {
            "format" => |py: Attached<'_>, this: &Struct| this.get(py).map(|_| this.format.get()), "struct format string";
            "size" => |_: Attached<'_>, this: &Struct| this.current().map_or(-1, |layouts| layouts.size as isize), "struct size in bytes";
        },
    }
}

impl Struct {
    fn init(py: Attached<'_>, this: &Struct, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("Struct", "(format)");
        let [format] = SIG.bind::<1>(py, args)?;
        let format = required(py, format)?;
        let layouts = layouts_of(py, "Struct", format)?;
        let text = Str::from_latin1(py, &format_bytes(py, "Struct", format)?)?;
        this.size.set(layouts.size as isize);
        this.values.set(layouts.values as isize);
        if let Some(current) = this.layouts.get() {
            *current.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(layouts);
        }
        drop(this.format.replace(Some(text)));
        Ok(())
    }

    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Struct>> {
        let this = alloc::<Struct>(py, ty)?;
        this.layouts.init(Current::default());
        Ok(this)
    }

    fn current(&self) -> Option<Arc<Layouts>> {
        self.layouts.get()?.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn get(&self, py: Attached<'_>) -> PyResult<Arc<Layouts>> {
        self.current().ok_or_else(|| raise!(py, RuntimeError, "Struct object is not initialized"))
    }
}

fn pack(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Bytes>> {
    args.no_keywords(py, "_struct.pack")?;
    let [format, values @ ..] = args.pos else {
        return Err(raise!(py, TypeError, "missing format argument"));
    };
    layouts_of(py, "Struct", format)?.pack_new(py, values)
}

fn pack_into(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    args.no_keywords(py, "_struct.pack_into")?;
    let [format, rest @ ..] = args.pos else {
        return Err(raise!(py, TypeError, "missing format argument"));
    };
    layouts_of(py, "Struct", format)?.pack_into(py, rest)
}

fn unpack(py: Attached<'_>, _: &Object, [format, buffer]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    layouts_of(py, "Struct", required(py, format)?)?.unpack_all(py, required(py, buffer)?)
}

fn unpack_from(py: Attached<'_>, _: &Object, [format, buffer, offset]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
    layouts_of(py, "Struct", required(py, format)?)?.unpack_from(py, required(py, buffer)?, offset)
}

fn iter_unpack(py: Attached<'_>, _: &Object, [format, buffer]: [Arg<'_>; 2]) -> PyResult<Ref<UnpackIter>> {
    layouts_of(py, "Struct", required(py, format)?)?.iter_unpack(py, required(py, buffer)?)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "_clearcache" => |_: Attached<'_>, _: &Object| drop(CACHE.lock().unwrap_or_else(PoisonError::into_inner).take()), "($module, /)", "Clear the internal cache.";
            o "calcsize" => |py: Attached<'_>, _: &Object, format: &Object| layouts_of(py, "Struct", format).map(|layouts| layouts.size), "($module, format, /)", "Return size in bytes of the struct described by the format string.";
            raw "pack" => pack, "", "pack(format, v1, v2, ...) -> bytes\n\nReturn bytes with the values packed by the format.";
            raw "pack_into" => pack_into, "", "pack_into(format, buffer, offset, v1, v2, ...)\n\nWrite packed values into a buffer at an offset.";
            sig "unpack" => unpack, "($module, format, buffer, /)", "Return a tuple of the values in a buffer.";
            sig "unpack_from" => unpack_from, "($module, format, /, buffer, offset=0)", "Return a tuple of the values in a buffer from an offset on.";
            sig "iter_unpack" => iter_unpack, "($module, format, buffer, /)", "Return an iterator over the tuples in a buffer.";
        },
    )?;
    add_type::<Struct>(py, module, "Struct")?;
    krait_object::native::ready::<UnpackIter>(py)?;
    let error = krait_object::native::new_exception(py, "struct", "error", exc::Exception())?;
    module.add(py, "error", &error)
}
