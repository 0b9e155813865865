//! The `marshal` format, version 5: reading and writing.
//!
//! Reading never trusts its input: every length is checked against what is left, depth is limited, and a reference
//! must name an object that is finished.
use krait_object::layout::digit;
use krait_object::{Attached, Bool, Bytes, Code, CodeParts, Complex, Dict, Float, FrozenSet, Int, Layout, List};
use krait_object::{Object, PyResult, Raised, Ref, Set, Slice, Str, Tuple, ellipsis, exc, none, raise};
use std::collections::HashMap;

/// The version that is written by default.
pub const VERSION: i32 = 5;
const MAX_DEPTH: usize = 2000;
const FLAG_REF: u8 = 0x80;

/// Reads one object from the start of `data`; also how many bytes it took.
pub fn loads(py: Attached<'_>, data: &[u8], allow_code: bool) -> PyResult<(Ref<Object>, usize)> {
    read(py, data, allow_code, crate::shared_constants::made_by_import(py))
}

/// Reads the code of a module, which stays for good.
pub fn load_module(py: Attached<'_>, data: &[u8]) -> PyResult<Ref<Object>> {
    read(py, data, true, krait_object::FREE_THREADED).map(|(object, _)| object)
}

fn read(py: Attached<'_>, data: &[u8], allow_code: bool, share: bool) -> PyResult<(Ref<Object>, usize)> {
    let mut reader = Reader { py, data, at: 0, refs: Vec::new(), depth: 0, allow_code, share };
    match reader.object()? {
        Some(object) => Ok((object, reader.at)),
        None => Err(raise!(py, TypeError, "NULL object in marshal data for object")),
    }
}

struct Reader<'a, 'py> {
    py: Attached<'py>,
    data: &'a [u8],
    at: usize,
    /// Objects that later ones may refer to; `None` while one is being read.
    refs: Vec<Option<Ref<Object>>>,
    depth: usize,
    allow_code: bool,
    /// The constants of code become shared ones.
    share: bool,
}

impl<'a> Reader<'a, '_> {
    #[cold]
    fn bad(&self, what: &str) -> Raised {
        raise!(self.py, ValueError, "bad marshal data ({what})")
    }

    fn take(&mut self, count: usize) -> PyResult<&'a [u8]> {
        match self.data.get(self.at..).and_then(|rest| rest.get(..count)) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => Err(raise!(self.py, EOFError, "marshal data too short")),
        }
    }

    fn byte(&mut self) -> PyResult<u8> {
        match self.take(1) {
            Ok(bytes) => Ok(bytes[0]),
            Err(raised) => Err(raised),
        }
    }

    fn long(&mut self) -> PyResult<i32> {
        let bytes = self.take(4)?;
        Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn double(&mut self) -> PyResult<f64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(f64::from_le_bytes(bytes))
    }

    fn text_double(&mut self) -> PyResult<f64> {
        let len = self.byte()? as usize;
        let bytes = self.take(len)?;
        match std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()) {
            Some(value) => Ok(value),
            None => Err(self.bad("float out of range")),
        }
    }

    fn size(&mut self, what: &str) -> PyResult<usize> {
        let size = self.long()?;
        if size < 0 { Err(self.bad(&format!("{what} size out of range"))) } else { Ok(size as usize) }
    }

    /// Reserves the place of an object that later ones may refer to.
    fn reserve(&mut self, flag: bool) -> Option<usize> {
        flag.then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        })
    }

    fn fill(&mut self, place: Option<usize>, object: Ref<Object>) -> Ref<Object> {
        if let Some(place) = place {
            self.refs[place] = Some(object.clone());
        }
        object
    }

    /// The next object; `None` for the end mark of a dict.
    fn object(&mut self) -> PyResult<Option<Ref<Object>>> {
        let tag = match self.byte() {
            Ok(tag) => tag,
            Err(raised) => {
                raised.clear(self.py);
                return Err(raise!(self.py, EOFError, "EOF read where object expected"));
            }
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return Err(raise!(self.py, ValueError, "recursion limit exceeded"));
        }
        let result = self.tagged(tag & !FLAG_REF, tag & FLAG_REF != 0);
        self.depth -= 1;
        result
    }

    fn required(&mut self, what: &str) -> PyResult<Ref<Object>> {
        match self.object()? {
            Some(object) => Ok(object),
            None => Err(raise!(self.py, TypeError, "NULL object in marshal data for {what}")),
        }
    }

    fn tagged(&mut self, tag: u8, flag: bool) -> PyResult<Option<Ref<Object>>> {
        let py = self.py;
        let object = match tag {
            b'0' => return Ok(None),
            b'N' => return Ok(Some(none())),
            b'T' => return Ok(Some(Bool::of(true).as_object().to_ref())),
            b'F' => return Ok(Some(Bool::of(false).as_object().to_ref())),
            b'.' => return Ok(Some(ellipsis())),
            b'S' => return Ok(Some(exc::StopIteration().as_object().to_ref())),
            b'r' => {
                let index = self.long()?;
                return match usize::try_from(index).ok().and_then(|index| self.refs.get(index)) {
                    Some(Some(object)) => Ok(Some(object.clone())),
                    _ => Err(self.bad("invalid reference")),
                };
            }
            b'i' => {
                let value = self.long()?;
                Int::from_i64(py, value.into())?.upcast()
            }
            b'I' => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(self.take(8)?);
                Int::from_i64(py, i64::from_le_bytes(bytes))?.upcast()
            }
            b'l' => self.big_int()?,
            b'f' => Float::new(py, self.text_double()?)?.upcast(),
            b'g' => Float::new(py, self.double()?)?.upcast(),
            b'x' => Complex::new(py, self.text_double()?, self.text_double()?)?.upcast(),
            b'y' => Complex::new(py, self.double()?, self.double()?)?.upcast(),
            b's' => {
                let size = self.size("bytes object")?;
                Bytes::new(py, self.take(size)?)?.upcast()
            }
            b'a' | b'A' => {
                let size = self.size("string")?;
                self.ascii(size, tag == b'A')?
            }
            b'z' | b'Z' => {
                let size = self.byte()? as usize;
                self.ascii(size, tag == b'Z')?
            }
            b'u' | b't' => {
                let size = self.size("string")?;
                let bytes = self.take(size)?;
                let text = decode(py, bytes)?;
                if tag == b't' { Str::intern(py, text).as_object().to_ref() } else { text.upcast() }
            }
            b'(' | b')' | b'[' | b'{' | b'}' | b'<' | b'>' | b':' | b'c' => return self.container(tag, flag).map(Some),
            _ => return Err(self.bad("unknown type code")),
        };
        let place = self.reserve(flag);
        Ok(Some(self.fill(place, object)))
    }

    fn ascii(&mut self, size: usize, intern: bool) -> PyResult<Ref<Object>> {
        let py = self.py;
        let text = Str::from_latin1(py, self.take(size)?)?;
        Ok(if intern { Str::intern(py, text).as_object().to_ref() } else { text.upcast() })
    }

    fn big_int(&mut self) -> PyResult<Ref<Object>> {
        let count = self.long()?;
        let negative = count < 0;
        let count = count.unsigned_abs() as usize;
        let bytes = match count.checked_mul(2) {
            Some(size) => self.take(size)?,
            None => return Err(self.bad("long size out of range")),
        };
        let (mut digits, mut acc, mut bits): (Vec<digit>, u64, u32) = (Vec::new(), 0, 0);
        for (at, pair) in bytes.chunks_exact(2).enumerate() {
            let part = u16::from_le_bytes([pair[0], pair[1]]);
            if part > 0x7fff {
                return Err(self.bad("digit out of range in long"));
            }
            if at + 1 == count && part == 0 {
                return Err(self.bad("unnormalized long data"));
            }
            acc |= u64::from(part) << bits;
            bits += 15;
            if bits >= 30 {
                digits.push((acc & 0x3fff_ffff) as digit);
                acc >>= 30;
                bits -= 30;
            }
        }
        if bits > 0 {
            digits.push(acc as digit);
        }
        Ok(Int::from_digits(self.py, negative, &digits)?.upcast())
    }

    fn container(&mut self, tag: u8, flag: bool) -> PyResult<Ref<Object>> {
        let py = self.py;
        match tag {
            b'(' | b')' => {
                let size = if tag == b')' { self.byte()? as usize } else { self.size("tuple")? };
                let place = self.reserve(flag);
                let items = self.items(size, "tuple")?;
                let tuple = Tuple::from_vec(py, items)?.upcast();
                Ok(self.fill(place, tuple))
            }
            b'[' => {
                let size = self.size("list")?;
                let list = List::new(py)?;
                let place = self.reserve(flag);
                self.fill(place, list.clone().upcast());
                for _ in 0..size {
                    let item = self.required("list")?;
                    list.push(py, item)?;
                }
                Ok(list.upcast())
            }
            b'{' | b'}' => {
                let dict = Dict::new(py)?;
                let place = self.reserve(flag);
                self.fill(place, dict.clone().upcast());
                while let Some(key) = self.object()? {
                    let Some(value) = self.object()? else { break };
                    dict.set(py, &key, &value)?;
                }
                Ok(dict.upcast())
            }
            b'<' => {
                let size = self.size("set")?;
                let set = Set::new(py)?;
                let place = self.reserve(flag);
                self.fill(place, set.clone().upcast());
                for _ in 0..size {
                    let item = self.required("set")?;
                    set.add(py, &item)?;
                }
                Ok(set.upcast())
            }
            b'>' => {
                let size = self.size("set")?;
                let place = self.reserve(flag);
                let items = self.items(size, "set")?;
                let set = FrozenSet::from_items(py, krait_object::args::as_borrowed(&items))?.upcast();
                Ok(self.fill(place, set))
            }
            b':' => {
                let place = self.reserve(flag);
                let (start, stop, step) = (self.required("slice")?, self.required("slice")?, self.required("slice")?);
                let slice = Slice::new(py, Some(&start), Some(&stop), Some(&step))?.upcast();
                Ok(self.fill(place, slice))
            }
            _ => self.code(flag),
        }
    }

    fn items(&mut self, size: usize, what: &str) -> PyResult<Vec<Ref<Object>>> {
        // An object takes a byte at least, so a size beyond that is a lie.
        let mut items = Vec::with_capacity(size.min(self.data.len() - self.at));
        for _ in 0..size {
            items.push(self.required(what)?);
        }
        Ok(items)
    }

    fn part<T: Layout>(&mut self) -> PyResult<Ref<T>> {
        match self.required("code object")?.downcast::<T>() {
            Ok(part) => Ok(part),
            Err(_) => Err(raise!(self.py, TypeError, "bad marshal data: wrong type in a code object")),
        }
    }

    fn code(&mut self, flag: bool) -> PyResult<Ref<Object>> {
        if !self.allow_code {
            return Err(raise!(self.py, ValueError, "unmarshalling code objects is disallowed"));
        }
        let place = self.reserve(flag);
        let [argcount, posonlyargcount, kwonlyargcount, stacksize, flags] =
            [self.long()?, self.long()?, self.long()?, self.long()?, self.long()?];
        let code = self.part::<Bytes>()?;
        let mut consts = self.part::<Tuple>()?;
        if self.share {
            consts = crate::shared_constants::share_all(self.py, &consts)?;
        }
        let names = self.part::<Tuple>()?;
        let localsplusnames = self.part::<Tuple>()?;
        let localspluskinds = self.part::<Bytes>()?;
        let filename = self.part::<Str>()?;
        let name = self.part::<Str>()?;
        let qualname = self.part::<Str>()?;
        let firstlineno = self.long()?;
        let linetable = self.part::<Bytes>()?;
        let exceptiontable = self.part::<Bytes>()?;
        let parts = CodeParts {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code,
            consts,
            names,
            localsplusnames,
            localspluskinds,
            filename,
            name,
            qualname,
            firstlineno,
            linetable,
            exceptiontable,
        };
        let code = Code::from_parts(self.py, parts)?.upcast();
        Ok(self.fill(place, code))
    }
}

/// UTF-8 with surrogates let through.
fn decode(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Str::new(py, text),
        Err(_) => match krait_bytecode::Wtf8::from_bytes(bytes) {
            Some(text) => crate::codegen_glue::text(py, &text),
            None => Err(raise!(py, ValueError, "bad marshal data (invalid UTF-8)")),
        },
    }
}

/// Writes an object. `ValueError` for what the format has no form for.
pub fn dumps(py: Attached<'_>, object: &Object, version: i32, allow_code: bool) -> PyResult<Vec<u8>> {
    let mut writer = Writer { py, out: Vec::new(), version, refs: HashMap::new(), depth: 0, allow_code };
    writer.object(object)?;
    Ok(writer.out)
}

struct Writer<'py> {
    py: Attached<'py>,
    out: Vec<u8>,
    version: i32,
    /// Places of objects that were written and may come again, by address.
    refs: HashMap<usize, usize>,
    depth: usize,
    allow_code: bool,
}

impl Writer<'_> {
    fn long(&mut self, value: i32) {
        self.out.extend(value.to_le_bytes());
    }

    fn size(&mut self, size: usize) -> PyResult<()> {
        match i32::try_from(size) {
            Ok(size) => {
                self.long(size);
                Ok(())
            }
            Err(_) => Err(raise!(self.py, ValueError, "unmarshallable object")),
        }
    }

    fn object(&mut self, object: &Object) -> PyResult<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(raise!(self.py, ValueError, "object too deeply nested to marshal"));
        }
        let done = self.one(object);
        self.depth -= 1;
        done
    }

    fn one(&mut self, object: &Object) -> PyResult<()> {
        let py = self.py;
        if object.is_none() {
            self.out.push(b'N');
        } else if object.is(exc::StopIteration()) {
            self.out.push(b'S');
        } else if object.is(&*ellipsis()) {
            self.out.push(b'.');
        } else if let Some(value) = object.downcast_exact::<Bool>() {
            self.out.push(if value.as_object().is(Bool::of(true)) { b'T' } else { b'F' });
        } else {
            let Some(flag) = self.reference(object)? else { return Ok(()) };
            if !self.simple(object, flag)? && !self.compound(object, flag)? {
                return Err(raise!(py, ValueError, "unmarshallable object"));
            }
        }
        Ok(())
    }

    /// `None` when a reference was written; else the flag for the object's tag.
    fn reference(&mut self, object: &Object) -> PyResult<Option<u8>> {
        if self.version < 3 || krait_object::mode::refcount(object) == 1 && object.downcast::<Str>().is_none() {
            return Ok(Some(0));
        }
        let next = self.refs.len();
        let address = object.as_ptr().addr();
        if let Some(place) = self.refs.get(&address).copied() {
            self.out.push(b'r');
            self.size(place)?;
            return Ok(None);
        }
        self.refs.insert(address, next);
        Ok(Some(FLAG_REF))
    }

    fn float(&mut self, value: f64) {
        self.out.extend(value.to_le_bytes());
    }

    /// Numbers, strings, bytes.
    fn simple(&mut self, object: &Object, flag: u8) -> PyResult<bool> {
        if let Some(int) = object.downcast_exact::<Int>() {
            match int.to_i64().and_then(|value| i32::try_from(value).ok()) {
                Some(small) => {
                    self.out.push(b'i' | flag);
                    self.long(small);
                }
                None => self.big_int(int, flag)?,
            }
        } else if let Some(float) = object.downcast_exact::<Float>() {
            self.out.push(b'g' | flag);
            self.float(float.value());
        } else if let Some(complex) = object.downcast_exact::<Complex>() {
            self.out.push(b'y' | flag);
            let (real, imag) = complex.value();
            self.float(real);
            self.float(imag);
        } else if let Some(text) = object.downcast_exact::<Str>() {
            self.text(text, flag)?;
        } else if let Some(bytes) = object.downcast_exact::<Bytes>() {
            self.out.push(b's' | flag);
            self.size(bytes.as_slice().len())?;
            self.out.extend(bytes.as_slice());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn big_int(&mut self, int: &Int, flag: u8) -> PyResult<()> {
        self.out.push(b'l' | flag);
        let mut parts: Vec<u16> = Vec::new();
        for digit in int.digits() {
            parts.push((digit & 0x7fff) as u16);
            parts.push((digit >> 15) as u16);
        }
        while parts.last() == Some(&0) {
            parts.pop();
        }
        let count = parts.len() as i32;
        self.long(if int.is_negative() { -count } else { count });
        parts.iter().for_each(|part| self.out.extend(part.to_le_bytes()));
        Ok(())
    }

    fn text(&mut self, text: &Str, flag: u8) -> PyResult<()> {
        let interned = text.is_interned() && self.version >= 1;
        let plain = text.as_str();
        if let Some(ascii) = plain.filter(|text| self.version >= 4 && text.is_ascii()) {
            if ascii.len() < 256 {
                self.out.extend([if interned { b'Z' } else { b'z' } | flag, ascii.len() as u8]);
            } else {
                self.out.push(if interned { b'A' } else { b'a' } | flag);
                self.size(ascii.len())?;
            }
            self.out.extend(ascii.as_bytes());
            return Ok(());
        }
        let mut buffer = krait_bytecode::wtf8::Wtf8Buf::new();
        for at in 0..text.len() {
            buffer.push_code_point(text.char_at(at));
        }
        let buffer = buffer.finish();
        self.out.push(if interned { b't' } else { b'u' } | flag);
        self.size(buffer.as_bytes().len())?;
        self.out.extend(buffer.as_bytes());
        Ok(())
    }

    fn compound(&mut self, object: &Object, flag: u8) -> PyResult<bool> {
        let py = self.py;
        if let Some(tuple) = object.downcast_exact::<Tuple>() {
            if self.version >= 4 && tuple.len() < 256 {
                self.out.extend([b')' | flag, tuple.len() as u8]);
            } else {
                self.out.push(b'(' | flag);
                self.size(tuple.len())?;
            }
            tuple.as_slice().iter().try_for_each(|item| self.object(item))?;
        } else if let Some(list) = object.downcast_exact::<List>() {
            let items = list.to_vec(py)?;
            self.out.push(b'[' | flag);
            self.size(items.len())?;
            items.iter().try_for_each(|item| self.object(item))?;
        } else if let Some(dict) = object.downcast_exact::<Dict>() {
            self.out.push(b'{' | flag);
            for (key, value) in dict.items_snapshot(py)? {
                self.object(&key)?;
                self.object(&value)?;
            }
            self.out.push(b'0');
        } else if object.downcast_exact::<Set>().is_some() || object.downcast_exact::<FrozenSet>().is_some() {
            let frozen = object.downcast_exact::<FrozenSet>().is_some();
            // Sorted by their own form, so that equal sets give equal bytes.
            let mut items = Vec::new();
            for item in object.collect(py)? {
                let key = dumps(py, &item, self.version, self.allow_code)?;
                items.push((key, item));
            }
            items.sort_by(|a, b| a.0.cmp(&b.0));
            self.out.push(if frozen { b'>' } else { b'<' } | flag);
            self.size(items.len())?;
            items.iter().try_for_each(|(_, item)| self.object(item))?;
        } else if let Some(slice) = object.downcast_exact::<Slice>().filter(|_| self.version >= 5) {
            self.out.push(b':' | flag);
            let raw = slice.raw();
            for part in [raw.start.get(), raw.stop.get(), raw.step.get()] {
                // SAFETY: a slice owns its three parts.
                self.object(unsafe { Object::from_ptr(part) })?;
            }
        } else if let Some(code) = object.downcast_exact::<Code>() {
            self.code(code, flag)?;
        } else {
            return self.buffer(object, flag);
        }
        Ok(true)
    }

    fn code(&mut self, code: &Code, flag: u8) -> PyResult<()> {
        let py = self.py;
        if !self.allow_code {
            return Err(raise!(py, ValueError, "marshalling code objects is disallowed"));
        }
        let parts = code.parts(py)?;
        self.out.push(b'c' | flag);
        for number in [parts.argcount, parts.posonlyargcount, parts.kwonlyargcount, parts.stacksize, parts.flags] {
            self.long(number);
        }
        self.object(parts.code.as_object())?;
        self.object(parts.consts.as_object())?;
        self.object(parts.names.as_object())?;
        self.object(parts.localsplusnames.as_object())?;
        self.object(parts.localspluskinds.as_object())?;
        self.object(parts.filename.as_object())?;
        self.object(parts.name.as_object())?;
        self.object(parts.qualname.as_object())?;
        self.long(parts.firstlineno);
        self.object(parts.linetable.as_object())?;
        self.object(parts.exceptiontable.as_object())
    }

    /// Anything that exports bytes is written as `bytes`.
    fn buffer(&mut self, object: &Object, flag: u8) -> PyResult<bool> {
        // SAFETY: the table lives as long as the type.
        let exports = unsafe { object.ty().as_type().tp_as_buffer.get().as_ref() };
        if exports.is_none_or(|table| table.bf_getbuffer.get().is_none()) {
            return Ok(false);
        }
        let bytes = object.bytes(self.py)?;
        self.out.push(b's' | flag);
        self.size(bytes.as_slice().len())?;
        self.out.extend(bytes.as_slice());
        Ok(true)
    }
}
