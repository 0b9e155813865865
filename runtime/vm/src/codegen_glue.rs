//! From the compiler's plain code objects to the runtime's.
use krait_bytecode::location::{Decoder, Encoder, Location};
use krait_bytecode::{CodeObject, Constant, Wtf8};
use krait_object::{Attached, Bytes, Code, CodeParts, Complex, Float, FrozenSet, Int, Layout, Object, PyResult, Ref};
use krait_object::{Bool, FREE_THREADED, Slice, Str, Tuple, ellipsis, none};
use std::collections::HashMap;

/// A string of the compiler as an object.
pub fn text(py: Attached<'_>, text: &Wtf8) -> PyResult<Ref<Str>> {
    match text.as_str() {
        Some(text) => Str::new(py, text),
        None => Str::from_code_points(py, &text.code_points().collect::<Vec<u32>>()),
    }
}

fn texts(py: Attached<'_>, list: &[Wtf8]) -> PyResult<Ref<Tuple>> {
    let items = list.iter().map(|item| Ok(text(py, item)?.upcast())).collect::<PyResult<Vec<_>>>()?;
    Tuple::from_vec(py, items)
}

/// A string constant; one that looks like a name is interned, and all are where threads share them.
fn constant_text(py: Attached<'_>, value: &Wtf8) -> PyResult<Ref<Object>> {
    let object = text(py, value)?;
    let name_like = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if FREE_THREADED || value.as_str().is_some_and(name_like) {
        return Ok(Str::intern(py, object).as_object().to_ref());
    }
    Ok(object.upcast())
}

/// The location table without columns.
fn lines_only(code: &CodeObject) -> Vec<u8> {
    let mut encoder = Encoder::new(code.firstlineno);
    for (location, units) in Decoder::new(&code.linetable, code.firstlineno) {
        let line = location.line;
        let kept = if line < 0 { Location::NONE } else { Location::new(line, line, -1, -1) };
        encoder.push(kept, units);
    }
    encoder.finish()
}

/// The immutable objects of one compilation: equal ones are the same object.
#[derive(Default)]
struct Merged<'a> {
    /// All threads share the constants.
    share: bool,
    constants: HashMap<&'a Constant, Ref<Object>>,
    tuples: HashMap<&'a [Constant], Ref<Tuple>>,
    names: HashMap<&'a [Wtf8], Ref<Tuple>>,
    bytes: HashMap<&'a [u8], Ref<Bytes>>,
    filename: Option<Ref<Str>>,
}

impl<'a> Merged<'a> {
    fn constant(&mut self, py: Attached<'_>, value: &'a Constant) -> PyResult<Ref<Object>> {
        match value {
            Constant::Code(code) => return Ok(self.code(py, code)?.upcast()),
            Constant::Tuple(items) => return Ok(self.constants(py, items)?.upcast()),
            _ => {}
        }
        if let Some(known) = self.constants.get(value) {
            return Ok(known.clone());
        }
        let object = match value {
            Constant::None => none(),
            Constant::True => Bool::of(true).as_object().to_ref(),
            Constant::False => Bool::of(false).as_object().to_ref(),
            Constant::Ellipsis => ellipsis(),
            Constant::Int(value) => Int::from_bigint(py, value)?.upcast(),
            Constant::Float(value) => Float::new(py, *value)?.upcast(),
            Constant::Complex(real, imag) => Complex::new(py, *real, *imag)?.upcast(),
            Constant::Str(value) => constant_text(py, value)?,
            Constant::Bytes(value) => Bytes::new(py, value)?.upcast(),
            Constant::FrozenSet(items) => {
                let items = items.iter().map(|item| self.constant(py, item)).collect::<PyResult<Vec<_>>>()?;
                FrozenSet::from_items(py, krait_object::args::as_borrowed(&items))?.upcast()
            }
            Constant::Slice(parts) => {
                let [start, stop, step] = &**parts;
                let (start, stop, step) =
                    (self.constant(py, start)?, self.constant(py, stop)?, self.constant(py, step)?);
                Slice::new(py, Some(&start), Some(&stop), Some(&step))?.upcast()
            }
            Constant::Code(_) | Constant::Tuple(_) => unreachable!("made above"),
        };
        self.constants.insert(value, object.clone());
        Ok(object)
    }

    fn constants(&mut self, py: Attached<'_>, items: &'a [Constant]) -> PyResult<Ref<Tuple>> {
        if let Some(known) = self.tuples.get(items) {
            return Ok(known.clone());
        }
        let objects = items.iter().map(|item| self.constant(py, item)).collect::<PyResult<Vec<_>>>()?;
        let mut tuple = Tuple::from_vec(py, objects)?;
        if self.share {
            tuple = crate::shared_constants::share_all(py, &tuple)?;
        }
        // Code objects know where they stand: none is like another.
        if !items.iter().any(|item| matches!(item, Constant::Code(_))) {
            self.tuples.insert(items, tuple.clone());
        }
        Ok(tuple)
    }

    fn names(&mut self, py: Attached<'_>, names: &'a [Wtf8]) -> PyResult<Ref<Tuple>> {
        if let Some(known) = self.names.get(names) {
            return Ok(known.clone());
        }
        let tuple = texts(py, names)?;
        self.names.insert(names, tuple.clone());
        Ok(tuple)
    }

    fn bytes(&mut self, py: Attached<'_>, bytes: &'a [u8]) -> PyResult<Ref<Bytes>> {
        if let Some(known) = self.bytes.get(bytes) {
            return Ok(known.clone());
        }
        let object = Bytes::new(py, bytes)?;
        self.bytes.insert(bytes, object.clone());
        Ok(object)
    }

    fn code(&mut self, py: Attached<'_>, code: &'a CodeObject) -> PyResult<Ref<Code>> {
        let filename = match &self.filename {
            Some(filename) => filename.clone(),
            None => self.filename.insert(text(py, &code.filename)?).clone(),
        };
        let parts = CodeParts {
            argcount: code.argcount as i32,
            posonlyargcount: code.posonlyargcount as i32,
            kwonlyargcount: code.kwonlyargcount as i32,
            stacksize: code.stacksize as i32,
            flags: code.flags as i32,
            code: Bytes::new(py, &code.code)?,
            consts: self.constants(py, &code.consts)?,
            names: self.names(py, &code.names)?,
            localsplusnames: self.names(py, &code.localsplusnames)?,
            localspluskinds: self.bytes(py, &code.localspluskinds)?,
            filename,
            name: text(py, &code.name)?,
            qualname: text(py, &code.qualname)?,
            firstlineno: code.firstlineno,
            linetable: if crate::interp::current(py).config.code_debug_ranges {
                self.bytes(py, &code.linetable)?
            } else {
                Bytes::new(py, &lines_only(code))?
            },
            exceptiontable: self.bytes(py, &code.exceptiontable)?,
        };
        Code::from_parts(py, parts)
    }
}

/// A constant as an object.
pub fn constant(py: Attached<'_>, value: &Constant) -> PyResult<Ref<Object>> {
    Merged::default().constant(py, value)
}

/// A compiled code object as an object; those inside share what is equal. With `share`, its constants are shared by all
/// threads.
pub fn code_object(py: Attached<'_>, code: &CodeObject, share: bool) -> PyResult<Ref<Code>> {
    Merged { share, ..Merged::default() }.code(py, code)
}
