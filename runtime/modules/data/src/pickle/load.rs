//! The instructions, executed.
use super::opcodes::*;
use super::source::truncated;
use super::unpickler::{Kept, Unpickler};
use super::{cannot_unpickle, lookup, table};
use krait_object::builtins::{ByteArray, FrozenSet, MemoryView, Set};
use krait_object::native::type_name;
use krait_object::reserve::{make_room, with_room};
use krait_object::{
    Attached, Bool, Bytes, Dict, Float, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Str, Tuple, Type,
    id, none, raise,
};

/// One load.
pub struct Loader<'a, 'py> {
    py: Attached<'py>,
    this: &'a Unpickler,
    pub kept: Kept,
    stack: Vec<Ref<Object>>,
    marks: Vec<usize>,
    /// Nothing below this position may be taken: the last mark, if there is one.
    fence: usize,
}

/// Puts an object into a memo.
pub fn remember(py: Attached<'_>, memo: &mut Vec<Option<Ref<Object>>>, at: usize, object: Ref<Object>) -> PyResult<()> {
    if at >= memo.len() {
        let extra = at + 1 - memo.len();
        if at > (1 << 48) || memo.try_reserve(extra).is_err() {
            return Err(py.no_memory());
        }
        memo.resize(at + 1, None);
    }
    memo[at] = Some(object);
    Ok(())
}

impl<'a, 'py> Loader<'a, 'py> {
    pub fn new(py: Attached<'py>, this: &'a Unpickler, kept: Kept) -> Self {
        Loader { py, this, kept, stack: Vec::new(), marks: Vec::new(), fence: 0 }
    }

    pub fn into_kept(self) -> Kept {
        self.kept
    }

    fn fail(&self, message: impl std::fmt::Display) -> Raised {
        cannot_unpickle(self.py, message)
    }

    fn underflow(&self) -> Raised {
        match self.marks.is_empty() {
            true => self.fail("unpickling stack underflow"),
            false => self.fail("unexpected MARK found"),
        }
    }

    #[inline]
    fn push(&mut self, object: Ref<Object>) {
        self.stack.push(object);
    }

    #[inline]
    fn pop(&mut self) -> PyResult<Ref<Object>> {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.pop().ok_or_else(|| self.py.bad_internal_call())
    }

    fn top(&self) -> PyResult<&Ref<Object>> {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.last().ok_or_else(|| self.py.bad_internal_call())
    }

    /// The objects from the last mark on.
    fn pop_mark(&mut self) -> PyResult<Vec<Ref<Object>>> {
        let Some(start) = self.marks.pop() else { return Err(self.fail("could not find MARK")) };
        self.fence = self.marks.last().copied().unwrap_or(0);
        let mut items = with_room(self.py, self.stack.len() - start)?;
        items.extend(self.stack.drain(start..));
        Ok(items)
    }

    pub fn run(&mut self) -> PyResult<Ref<Object>> {
        let py = self.py;
        loop {
            let opcode = self.kept.source.opcode(py)?;
            if opcode == STOP {
                break;
            }
            self.step(opcode)?;
        }
        self.pop()
    }

    #[inline]
    fn step(&mut self, opcode: u8) -> PyResult<()> {
        let py = self.py;
        // No instruction puts more than one object or mark on its stack.
        make_room(py, &mut self.stack, 1)?;
        make_room(py, &mut self.marks, 1)?;
        match opcode {
            BININT1 => {
                let [value] = self.kept.source.array(py)?;
                self.push(value.into_object(py)?);
            }
            BINGET => {
                let [at] = self.kept.source.array(py)?;
                self.get(at.into())?;
            }
            LONG_BINGET => {
                let at = u32::from_le_bytes(self.kept.source.array(py)?);
                self.get(at as usize)?;
            }
            BINPUT => {
                let [at] = self.kept.source.array(py)?;
                self.put(at.into())?;
            }
            LONG_BINPUT => {
                let at = u32::from_le_bytes(self.kept.source.array(py)?);
                self.put(at as usize)?;
            }
            MEMOIZE => self.put(self.kept.memo.len())?,
            SHORT_BINUNICODE => {
                let [len] = self.kept.source.array(py)?;
                self.text(len.into())?;
            }
            BINUNICODE => {
                let len = u32::from_le_bytes(self.kept.source.array(py)?);
                self.text(len as usize)?;
            }
            MARK => {
                self.marks.push(self.stack.len());
                self.fence = self.stack.len();
            }
            NONE => self.push(none()),
            NEWTRUE => self.push(Bool::of(true).to_ref().upcast()),
            NEWFALSE => self.push(Bool::of(false).to_ref().upcast()),
            EMPTY_DICT => self.push(Dict::new(py)?.upcast()),
            EMPTY_LIST => self.push(List::new(py)?.upcast()),
            EMPTY_TUPLE => self.push(Tuple::empty(py).upcast()),
            EMPTY_SET => self.push(Set::new(py)?.upcast()),
            TUPLE => {
                let items = self.pop_mark()?;
                self.push(Tuple::from_vec(py, items)?.upcast());
            }
            TUPLE1..=TUPLE3 => {
                let count = usize::from(opcode - TUPLE1) + 1;
                if self.stack.len() < self.fence + count {
                    return Err(self.underflow());
                }
                let items = self.stack.split_off(self.stack.len() - count);
                self.push(Tuple::from_vec(py, items)?.upcast());
            }
            APPEND => {
                let item = self.pop()?;
                let list = self.top()?.clone();
                self.extend(&list, vec![item])?;
            }
            APPENDS => {
                let items = self.pop_mark()?;
                let list = self.top()?.clone();
                self.extend(&list, items)?;
            }
            SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                let dict = self.top()?.clone();
                dict.set_item(py, &key, &value)?;
            }
            SETITEMS => self.set_items()?,
            BUILD => self.build()?,
            GLOBAL => self.global()?,
            STACK_GLOBAL => self.stack_global()?,
            REDUCE => self.reduce()?,
            NEWOBJ => self.new_object(false)?,
            NEWOBJ_EX => self.new_object(true)?,
            FRAME => {
                let len = u64::from_le_bytes(self.kept.source.array(py)?);
                let Some(len) = usize::try_from(len).ok().filter(|&len| len < isize::MAX as usize) else {
                    return Err(raise!(
                        py,
                        OverflowError,
                        "FRAME length exceeds system's maximum of {} bytes",
                        isize::MAX
                    ));
                };
                self.kept.source.begin_frame(py, len)?;
            }
            PROTO => {
                let [protocol] = self.kept.source.array(py)?;
                if i32::from(protocol) > HIGHEST {
                    return Err(raise!(py, ValueError, "unsupported pickle protocol: {protocol}"));
                }
                self.kept.protocol = protocol.into();
                self.this.set_protocol(protocol.into());
            }
            POP => {
                // A mark goes with what would have been taken.
                if !self.marks.is_empty() && self.stack.len() == self.fence {
                    self.pop_mark()?;
                } else {
                    self.pop()?;
                }
            }
            POP_MARK => drop(self.pop_mark()?),
            DUP => {
                let top = self.top()?.clone();
                self.push(top);
            }
            _ => return self.rare(opcode),
        }
        Ok(())
    }

    /// Instructions that modern pickles do not consist of.
    fn rare(&mut self, opcode: u8) -> PyResult<()> {
        let py = self.py;
        match opcode {
            INT => self.int_line()?,
            LONG => self.long_line()?,
            BININT => {
                let value = i32::from_le_bytes(self.kept.source.array(py)?);
                self.push(value.into_object(py)?);
            }
            BININT2 => {
                let value = u16::from_le_bytes(self.kept.source.array(py)?);
                self.push(value.into_object(py)?);
            }
            LONG1 => {
                let [len] = self.kept.source.array(py)?;
                self.long(len.into())?;
            }
            LONG4 => {
                let len = i32::from_le_bytes(self.kept.source.array(py)?);
                match usize::try_from(len) {
                    Ok(len) => self.long(len)?,
                    Err(_) => return Err(self.fail("LONG pickle has negative byte count")),
                }
            }
            FLOAT => {
                let line = self.nonempty_line()?;
                match krait_text::float::parse(&line) {
                    Some(value) => self.push(Float::new(py, value)?.upcast()),
                    None => {
                        let line = Bytes::new(py, &line)?.as_object().repr(py)?;
                        let line = line.to_string_lossy();
                        let shown = line.trim_start_matches('b').trim_end_matches('\'').to_owned();
                        return Err(raise!(py, ValueError, "could not convert string to float: {shown}\n'"));
                    }
                }
            }
            BINFLOAT => {
                let value = f64::from_be_bytes(self.kept.source.array(py)?);
                self.push(Float::new(py, value)?.upcast());
            }
            STRING => self.quoted()?,
            BINSTRING => {
                let len = i32::from_le_bytes(self.kept.source.array(py)?);
                match usize::try_from(len) {
                    Ok(len) => self.old_string(len)?,
                    Err(_) => return Err(self.fail("BINSTRING pickle has negative byte count")),
                }
            }
            SHORT_BINSTRING => {
                let [len] = self.kept.source.array(py)?;
                self.old_string(len.into())?;
            }
            UNICODE => {
                let line = self.kept.source.line(py)?;
                let line = Bytes::new(py, &line)?.upcast();
                let text = line.call_method(py, id!(py, decode), &[id!(py, "raw-unicode-escape").as_object()])?;
                self.push(text);
            }
            BINUNICODE8 => {
                let len = self.length(8, "BINUNICODE")?;
                self.text(len)?;
            }
            SHORT_BINBYTES => {
                let [len] = self.kept.source.array(py)?;
                self.bytes(len.into())?;
            }
            BINBYTES => {
                let len = u32::from_le_bytes(self.kept.source.array(py)?);
                self.bytes(len as usize)?;
            }
            BINBYTES8 => {
                let len = self.length(8, "BINBYTES")?;
                self.bytes(len)?;
            }
            BYTEARRAY8 => {
                let len = self.length(8, "BYTEARRAY8")?;
                let array = ByteArray::new(py, self.kept.source.take(py, len)?)?;
                self.push(array.upcast());
            }
            NEXT_BUFFER => {
                let buffer = self.this.next_buffer(py)?;
                self.push(buffer);
            }
            READONLY_BUFFER => {
                let buffer = self.pop()?;
                let view = MemoryView::new(py, &buffer)?.upcast();
                let readonly = view.get_attr(py, id!(py, readonly))?.is_true(py)?;
                self.push(if readonly { buffer } else { view.call_method(py, id!(py, toreadonly), &[])? });
            }
            GET => {
                let at = self.index_line()?;
                match usize::try_from(at) {
                    Ok(at) => self.get(at)?,
                    Err(_) => return Err(self.fail(format_args!("Memo value not found at index {at}"))),
                }
            }
            PUT => {
                let at = self.index_line()?;
                match usize::try_from(at) {
                    Ok(at) => self.put(at)?,
                    Err(_) => return Err(raise!(py, ValueError, "negative PUT argument")),
                }
            }
            LIST => {
                let items = self.pop_mark()?;
                self.push(List::from_vec(py, items)?.upcast());
            }
            DICT => {
                let items = self.pop_mark()?;
                let dict = Dict::new(py)?;
                if items.len() % 2 != 0 {
                    return Err(self.fail("odd number of items for DICT"));
                }
                for pair in items.chunks_exact(2) {
                    dict.set(py, &pair[0], &pair[1])?;
                }
                self.push(dict.upcast());
            }
            ADDITEMS => {
                let items = self.pop_mark()?;
                let set = self.top()?.clone();
                match set.as_object().downcast::<Set>() {
                    Some(set) => {
                        for item in &items {
                            set.add(py, item)?;
                        }
                    }
                    None => {
                        let add = set.get_attr(py, id!(py, add))?;
                        for item in &items {
                            add.call_pos(py, &[&**item])?;
                        }
                    }
                }
            }
            FROZENSET => {
                let items = self.pop_mark()?;
                let list = List::from_vec(py, items)?;
                self.push(FrozenSet::from_iterable(py, list.as_object())?.upcast());
            }
            INST | OBJ => self.instance(opcode == INST)?,
            PERSID => {
                let line = self.kept.source.line(py)?;
                if !line.is_ascii() {
                    return Err(self.fail("persistent IDs in protocol 0 must be ASCII strings"));
                }
                let pid = Str::from_ascii(py, &line)?;
                let object = self.this.persistent(py, pid.as_object())?;
                self.push(object);
            }
            BINPERSID => {
                let pid = self.pop()?;
                let object = self.this.persistent(py, &pid)?;
                self.push(object);
            }
            EXT1 => {
                let [code] = self.kept.source.array(py)?;
                self.extension(code.into())?;
            }
            EXT2 => {
                let code = u16::from_le_bytes(self.kept.source.array(py)?);
                self.extension(code.into())?;
            }
            EXT4 => {
                let code = i32::from_le_bytes(self.kept.source.array(py)?);
                self.extension(code)?;
            }
            0x20..=0x7E if opcode != b'\'' => {
                return Err(self.fail(format_args!("invalid load key, '{}'.", char::from(opcode))));
            }
            _ => return Err(self.fail(format_args!("invalid load key, '\\x{opcode:02x}'."))),
        }
        Ok(())
    }

    fn get(&mut self, at: usize) -> PyResult<()> {
        match self.kept.memo.get(at).cloned().flatten() {
            Some(object) => {
                self.push(object);
                Ok(())
            }
            None => Err(self.fail(format_args!("Memo value not found at index {at}"))),
        }
    }

    fn put(&mut self, at: usize) -> PyResult<()> {
        let object = self.top()?.clone();
        remember(self.py, &mut self.kept.memo, at, object)
    }

    fn length(&mut self, _: usize, what: &str) -> PyResult<usize> {
        let py = self.py;
        let len = u64::from_le_bytes(self.kept.source.array(py)?);
        match usize::try_from(len) {
            Ok(len) if len <= isize::MAX as usize => Ok(len),
            _ => Err(raise!(py, OverflowError, "{what} exceeds system's maximum size of {} bytes", isize::MAX)),
        }
    }

    fn bytes(&mut self, len: usize) -> PyResult<()> {
        let bytes = Bytes::new(self.py, self.kept.source.take(self.py, len)?)?;
        self.push(bytes.upcast());
        Ok(())
    }

    /// UTF-8 with surrogates.
    fn text(&mut self, len: usize) -> PyResult<()> {
        let py = self.py;
        let data = self.kept.source.take(py, len)?;
        let text = match std::str::from_utf8(data) {
            Ok(text) => Str::new(py, text)?.upcast(),
            Err(_) => {
                let data = Bytes::new(py, data)?.upcast();
                let (encoding, errors) = (id!(py, "utf-8"), id!(py, "surrogatepass"));
                data.call_method(py, id!(py, decode), &[encoding.as_object(), errors.as_object()])?
            }
        };
        self.push(text);
        Ok(())
    }

    fn long(&mut self, len: usize) -> PyResult<()> {
        let bytes = self.kept.source.take(self.py, len)?;
        let int = Int::from_le_bytes(self.py, bytes, true)?;
        self.push(int.upcast());
        Ok(())
    }

    fn nonempty_line(&mut self) -> PyResult<Vec<u8>> {
        let line = self.kept.source.line(self.py)?;
        if line.is_empty() { Err(truncated(self.py)) } else { Ok(line) }
    }

    fn int_line(&mut self) -> PyResult<()> {
        let py = self.py;
        let line = self.nonempty_line()?;
        if let [b'0', digit @ (b'0' | b'1')] = line[..] {
            self.push(Bool::of(digit == b'1').to_ref().upcast());
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let parsed = if text.contains('_') { None } else { Int::parse(py, &text, 10)? };
        match parsed {
            Some(int) => self.push(int.upcast()),
            None => return Err(raise!(py, ValueError, "could not convert string to int")),
        }
        Ok(())
    }

    fn long_line(&mut self) -> PyResult<()> {
        let py = self.py;
        let line = self.nonempty_line()?;
        let digits = line.strip_suffix(b"L").unwrap_or(&line);
        let text = Str::from_latin1(py, digits)?;
        let int = Int::type_object().as_object().call_pos(py, &[text.as_object()])?;
        self.push(int);
        Ok(())
    }

    fn index_line(&mut self) -> PyResult<i64> {
        let py = self.py;
        let line = self.nonempty_line()?;
        match std::str::from_utf8(&line).ok().and_then(|text| text.trim().parse().ok()) {
            Some(at) => Ok(at),
            None => {
                let mut shown = line;
                shown.push(b'\n');
                let text = Str::from_latin1(py, &shown)?.as_object().repr(py)?;
                Err(raise!(py, ValueError, "invalid literal for int() with base 10: {}", *text))
            }
        }
    }

    /// A string of Python 2, as bytes or decoded.
    fn push_old(&mut self, data: &[u8]) -> PyResult<()> {
        let py = self.py;
        let bytes = Bytes::new(py, data)?.upcast();
        if self.kept.encoding == "bytes" {
            self.push(bytes);
            return Ok(());
        }
        let (encoding, errors) = (Str::new(py, &self.kept.encoding)?, Str::new(py, &self.kept.errors)?);
        let text = bytes.call_method(py, id!(py, decode), &[encoding.as_object(), errors.as_object()])?;
        self.push(text);
        Ok(())
    }

    fn old_string(&mut self, len: usize) -> PyResult<()> {
        let data = self.kept.source.take(self.py, len)?.to_vec();
        self.push_old(&data)
    }

    fn quoted(&mut self) -> PyResult<()> {
        let py = self.py;
        let line = self.kept.source.line(py)?;
        let end = line.iter().rposition(|&byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |end| end + 1);
        let inner = match &line[..end] {
            [first @ (b'\'' | b'"'), inner @ .., last] if first == last => inner.to_vec(),
            _ => return Err(self.fail("the STRING opcode argument must be quoted")),
        };
        if !inner.contains(&b'\\') {
            return self.push_old(&inner);
        }
        let module = (krait_object::hooks::hooks().import)(py, "codecs")?;
        let decoded = module.call_method(py, id!(py, escape_decode), &[Bytes::new(py, &inner)?.as_object()])?;
        let first = decoded.get_item(py, &*0.into_object(py)?)?;
        match first.as_object().downcast::<Bytes>() {
            Some(bytes) => self.push_old(bytes.as_slice()),
            None => Err(py.bad_internal_call()),
        }
    }

    /// Appends items to a list, or to what is like one.
    fn extend(&mut self, list: &Object, items: Vec<Ref<Object>>) -> PyResult<()> {
        let py = self.py;
        if let Some(list) = list.downcast_exact::<List>() {
            return list.extend_from_vec(py, items);
        }
        if items.is_empty() {
            return Ok(());
        }
        if let Some(extend) = list.get_attr_opt(py, id!(py, extend))? {
            let items = List::from_vec(py, items)?;
            return extend.call_pos(py, &[items.as_object()]).map(drop);
        }
        let append = list.get_attr(py, id!(py, append))?;
        items.iter().try_for_each(|item| append.call_pos(py, &[&**item]).map(drop))
    }

    fn set_items(&mut self) -> PyResult<()> {
        let py = self.py;
        let items = self.pop_mark()?;
        let dict = self.top()?.clone();
        if items.len() % 2 != 0 {
            return Err(self.fail("odd number of items for SETITEMS"));
        }
        for pair in items.chunks_exact(2) {
            match dict.as_object().downcast_exact::<Dict>() {
                Some(dict) => dict.set(py, &pair[0], &pair[1])?,
                None => dict.set_item(py, &pair[0], &pair[1])?,
            }
        }
        Ok(())
    }

    fn decoded_line(&mut self, utf8: bool) -> PyResult<Ref<Object>> {
        let py = self.py;
        let line = self.nonempty_line()?;
        let encoding = if utf8 { id!(py, "utf-8") } else { id!(py, "ascii") };
        let line = Bytes::new(py, &line)?.upcast();
        line.call_method(py, id!(py, decode), &[encoding.as_object()])
    }

    fn global(&mut self) -> PyResult<()> {
        let module = self.decoded_line(true)?;
        let name = self.decoded_line(true)?;
        let object = self.this.find_class(self.py, &module, &name)?;
        self.push(object);
        Ok(())
    }

    fn stack_global(&mut self) -> PyResult<()> {
        let name = self.pop()?;
        let module = self.pop()?;
        if name.as_object().downcast_exact::<Str>().is_none() || module.as_object().downcast_exact::<Str>().is_none() {
            return Err(self.fail("STACK_GLOBAL requires str"));
        }
        let object = self.this.find_class(self.py, &module, &name)?;
        self.push(object);
        Ok(())
    }

    fn reduce(&mut self) -> PyResult<()> {
        let py = self.py;
        let args = self.pop()?;
        let callable = self.pop()?;
        let Some(args) = args.as_object().downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "argument list must be a tuple"));
        };
        let object = callable.call_pos(py, args.as_slice())?;
        self.push(object);
        Ok(())
    }

    fn new_object(&mut self, keywords: bool) -> PyResult<()> {
        let py = self.py;
        let name = if keywords { "NEWOBJ_EX" } else { "NEWOBJ" };
        let kwargs = if keywords { Some(self.pop()?) } else { None };
        let args = self.pop()?;
        let class = self.pop()?;
        if class.as_object().downcast::<Type>().is_none() {
            let given = type_name(&class);
            return Err(self.fail(format_args!("{name} class argument must be a type, not {given}")));
        }
        let Some(args) = args.as_object().downcast::<Tuple>() else {
            let given = type_name(&args);
            return Err(self.fail(format_args!("{name} args argument must be a tuple, not {given}")));
        };
        let kwargs = match &kwargs {
            None => None,
            Some(kwargs) => match kwargs.as_object().downcast::<Dict>() {
                Some(kwargs) => Some(kwargs),
                None => {
                    let given = type_name(kwargs);
                    return Err(self.fail(format_args!("{name} kwargs argument must be a dict, not {given}")));
                }
            },
        };
        let new = class.get_attr(py, id!(py, __new__))?;
        let mut given: Vec<&Object> = vec![&class];
        given.extend_from_slice(args.as_slice());
        let object = match kwargs {
            None => new.call_pos(py, &given)?,
            Some(kwargs) => new.call_with(py, &*Tuple::from_slice(py, &given)?, Some(kwargs))?,
        };
        self.push(object);
        Ok(())
    }

    /// `INST` and `OBJ`: instances of old classes.
    fn instance(&mut self, inst: bool) -> PyResult<()> {
        let py = self.py;
        let (class, args) = if inst {
            let module = self.decoded_line(false)?;
            let name = self.decoded_line(false)?;
            let class = self.this.find_class(py, &module, &name)?;
            (class, self.pop_mark()?)
        } else {
            let mut items = self.pop_mark()?;
            if items.is_empty() {
                return Err(self.underflow());
            }
            (items.remove(0), items)
        };
        let args = krait_object::args::as_borrowed(&args);
        // A class without a constructor of its own is made without its __init__.
        let plain = args.is_empty()
            && class.as_object().downcast::<Type>().is_some()
            && class.get_attr_opt(py, id!(py, __getinitargs__))?.is_none();
        let object = if plain {
            let new = class.get_attr(py, id!(py, __new__))?;
            new.call_pos(py, &[&*class])?
        } else {
            class.call_pos(py, args)?
        };
        self.push(object);
        Ok(())
    }

    fn extension(&mut self, code: i32) -> PyResult<()> {
        let py = self.py;
        if code <= 0 {
            return Err(self.fail("EXT specifies code <= 0"));
        }
        let key = code.into_object(py)?;
        let cache = table(py, "copyreg", "_extension_cache")?;
        if let Some(object) = lookup(py, &cache, &key)? {
            self.push(object);
            return Ok(());
        }
        let registry = table(py, "copyreg", "_inverted_registry")?;
        let Some(pair) = lookup(py, &registry, &key)? else {
            return Err(raise!(py, ValueError, "unregistered extension code {code}"));
        };
        let names = pair.as_object().downcast::<Tuple>().map(Tuple::as_slice);
        let Some(&[module, name]) = names else {
            return Err(raise!(py, ValueError, "_inverted_registry[{code}] isn't a 2-tuple of strings"));
        };
        let object = self.this.find_class(py, module, name)?;
        cache.set_item(py, &key, &object)?;
        self.push(object);
        Ok(())
    }

    fn build(&mut self) -> PyResult<()> {
        let py = self.py;
        let mut state = self.pop()?;
        let object = self.top()?.clone();
        if let Some(set_state) = object.get_attr_opt(py, id!(py, __setstate__))? {
            return set_state.call_pos(py, &[&*state]).map(drop);
        }
        let mut slots = None;
        if let Some(&[first, second]) = state.as_object().downcast::<Tuple>().map(Tuple::as_slice) {
            let (first, second) = (first.to_ref(), second.to_ref());
            state = first;
            slots = Some(second);
        }
        if !state.is_none() {
            let Some(state) = state.as_object().downcast::<Dict>() else {
                return Err(self.fail("state is not a dictionary"));
            };
            let dict = object.get_attr(py, id!(py, __dict__))?;
            for (key, value) in state.items_snapshot(py)? {
                let key = match key.downcast_exact::<Str>() {
                    Ok(key) => Str::intern(py, key).as_object().to_ref(),
                    Err(key) => key,
                };
                dict.set_item(py, &key, &value)?;
            }
        }
        if let Some(slots) = slots.filter(|slots| !slots.is_none()) {
            let Some(slots) = slots.as_object().downcast::<Dict>() else {
                return Err(self.fail("slot state is not a dictionary"));
            };
            for (key, value) in slots.items_snapshot(py)? {
                let Some(key) = key.as_object().downcast::<Str>() else {
                    return Err(raise!(py, TypeError, "attribute name must be string"));
                };
                object.set_attr(py, key, Some(&value))?;
            }
        }
        Ok(())
    }
}
