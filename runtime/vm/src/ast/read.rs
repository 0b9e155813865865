//! From nodes to the compiler's tree: what a field may hold, in the reference's words.
use super::classes::Classes;
use super::grammar::{CLASSES, index_of};
use super::write::{Names, names};
use krait_bytecode::wtf8::Wtf8Buf;
use krait_bytecode::{Constant, Location, Wtf8};
use krait_object::{
    Attached, Bool, Bytes, Complex, Float, FrozenSet, Int, List, Object, PyResult, Raised, Ref, Str, Tuple, ellipsis,
    raise,
};

/// Reads nodes.
pub(super) struct Reader<'a> {
    pub(super) py: Attached<'a>,
    pub(super) classes: Classes,
    names: &'static Names,
}

/// A field of a node: its value if it has one.
pub(super) struct Got {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) value: Option<Ref<Object>>,
}

impl Got {
    /// The value of a field that must be there.
    pub(super) fn required(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        match self.value {
            Some(value) => Ok(value),
            None => Err(raise!(py, TypeError, "required field \"{}\" missing from {}", self.name, self.class)),
        }
    }

    /// The value of a field that may be `None` or absent.
    pub(super) fn optional(self) -> Option<Ref<Object>> {
        self.value.filter(|value| !value.is_none())
    }

    /// The error for a field that holds `None` but must not.
    pub(super) fn is_required(&self, py: Attached<'_>) -> Raised {
        raise!(py, ValueError, "field '{}' is required for {}", self.name, self.class)
    }
}

/// Reads the fields of a node one after the other.
pub(super) struct Fields<'a, 'b> {
    reader: &'b Reader<'a>,
    object: &'b Object,
    class: usize,
    next: usize,
}

impl Fields<'_, '_> {
    pub(super) fn next(&mut self) -> PyResult<Got> {
        let field = &CLASSES[self.class].fields[self.next];
        let name = self.reader.names.fields[self.class][self.next];
        self.next += 1;
        let value = self.object.get_attr_opt(self.reader.py, name)?;
        Ok(Got { class: CLASSES[self.class].name, name: field.name, value })
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(py: Attached<'a>) -> PyResult<Self> {
        Ok(Reader { py, classes: Classes::get(py)?, names: names(py) })
    }

    /// The fields of an object that counts as a node of a class.
    pub(super) fn fields<'b>(&'b self, object: &'b Object, class: &str) -> PyResult<Fields<'a, 'b>> {
        let class = index_of(class).ok_or_else(|| self.py.bad_internal_call())?;
        Ok(Fields { reader: self, object, class, next: 0 })
    }

    /// Which constructor of an abstract class an object is an instance of.
    pub(super) fn constructor(&self, object: &Object, base: &'static str) -> PyResult<&'static str> {
        let first = 1 + index_of(base).ok_or_else(|| self.py.bad_internal_call())?;
        let constructors = CLASSES[first..].iter().take_while(|class| class.base == Some(base));
        let count = constructors.count();
        for index in first..first + count {
            if std::ptr::eq(object.ty(), self.classes.class(index)) {
                return Ok(CLASSES[index].name);
            }
        }
        for index in first..first + count {
            use krait_object::Layout;
            if object.is_instance(self.py, self.classes.class(index).as_object())? {
                return Ok(CLASSES[index].name);
            }
        }
        let shown = object.repr(self.py)?.to_string_lossy().into_owned();
        Err(raise!(self.py, TypeError, "expected some sort of {base}, but got {shown}"))
    }

    /// The place of a node; where the end may be left out, it is the start.
    pub(super) fn place(&self, object: &Object, base: &'static str, end_optional: bool) -> PyResult<Location> {
        let mut numbers = [0; 4];
        for index in 0..4 {
            let name = self.names.position[index];
            let value = object.get_attr_opt(self.py, name)?;
            numbers[index] = match value {
                Some(value) if !(index >= 2 && end_optional && value.is_none()) => self.int(&value)?,
                None if !(index >= 2 && end_optional) => {
                    return Err(raise!(
                        self.py,
                        TypeError,
                        "required field \"{}\" missing from {base}",
                        name.to_string_lossy()
                    ));
                }
                _ => numbers[index - 2],
            };
        }
        Ok(Location { line: numbers[0], column: numbers[1], end_line: numbers[2], end_column: numbers[3] })
    }

    /// A C `int`.
    pub(super) fn int(&self, value: &Object) -> PyResult<i32> {
        let py = self.py;
        let Some(int) = value.downcast::<Int>() else {
            let shown = value.repr(py)?.to_string_lossy().into_owned();
            return Err(raise!(py, ValueError, "invalid integer value: {shown}"));
        };
        int.to_i64()
            .and_then(|value| i32::try_from(value).ok())
            .ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C int"))
    }

    /// The items of a list field; absent means empty.
    pub(super) fn list<T>(&self, got: Got, mut item: impl FnMut(&Object) -> PyResult<T>) -> PyResult<Vec<T>> {
        let py = self.py;
        let (class, name) = (got.class, got.name);
        let Some(value) = got.value else { return Ok(Vec::new()) };
        let Some(list) = (*value).downcast::<List>() else {
            let kind = value.ty().name();
            return Err(raise!(py, TypeError, "{class} field \"{name}\" must be a list, not a {kind}"));
        };
        let count = list.len();
        let mut out = Vec::with_capacity(count);
        for index in 0..count {
            let changed = || raise!(py, RuntimeError, "{class} field \"{name}\" changed size during iteration");
            let value = list.get(py, index).ok_or_else(changed)?;
            out.push(item(&value)?);
            if list.len() != count {
                return Err(changed());
            }
        }
        Ok(out)
    }

    /// An identifier.
    pub(super) fn identifier(&self, value: &Object) -> PyResult<krait_compiler::ast::Name> {
        match value.downcast_exact::<Str>() {
            Some(text) => Ok(text.to_utf8(self.py)?.into()),
            None => Err(raise!(self.py, TypeError, "AST identifier must be of type str")),
        }
    }

    /// Checks a field that holds a string or `None`.
    pub(super) fn optional_string(&self, got: Got) -> PyResult<Option<Ref<Object>>> {
        let Some(value) = got.optional() else { return Ok(None) };
        if (*value).downcast_exact::<Str>().is_none() && (*value).downcast_exact::<Bytes>().is_none() {
            return Err(raise!(self.py, TypeError, "AST string must be of type str"));
        }
        Ok(Some(value))
    }

    /// A constant of the kinds that literals have.
    pub(super) fn constant(&self, value: &Object) -> PyResult<Constant> {
        let py = self.py;
        let _nested = py.enter_recursive(" during compilation")?;
        if value.is_none() {
            return Ok(Constant::None);
        }
        if value.is(&*ellipsis()) {
            return Ok(Constant::Ellipsis);
        }
        if value.downcast_exact::<Bool>().is_some() {
            return Ok(Constant::bool(value.is_true(py)?));
        }
        if let Some(int) = value.downcast_exact::<Int>() {
            return Ok(Constant::Int(int.to_bigint()));
        }
        if let Some(float) = value.downcast_exact::<Float>() {
            return Ok(Constant::Float(float.value()));
        }
        if let Some(complex) = value.downcast_exact::<Complex>() {
            let (real, imag) = complex.value();
            return Ok(Constant::Complex(real, imag));
        }
        if let Some(text) = value.downcast_exact::<Str>() {
            return Ok(Constant::Str(wtf8(text)));
        }
        if let Some(bytes) = value.downcast_exact::<Bytes>() {
            return Ok(Constant::Bytes(bytes.as_slice().to_vec()));
        }
        if let Some(tuple) = value.downcast_exact::<Tuple>() {
            let items = tuple.as_slice().iter().map(|item| self.constant(item));
            return Ok(Constant::Tuple(items.collect::<PyResult<_>>()?));
        }
        if let Some(set) = value.downcast_exact::<FrozenSet>() {
            let items = set.to_vec(py)?;
            return Ok(Constant::FrozenSet(items.iter().map(|item| self.constant(item)).collect::<PyResult<_>>()?));
        }
        Err(raise!(py, TypeError, "got an invalid type in Constant: {}", value.ty().name()))
    }
}

/// Text of an object for the compiler.
pub(super) fn wtf8(text: &Str) -> Wtf8 {
    match text.as_str() {
        Some(text) => Wtf8::from(text),
        None => {
            let mut out = Wtf8Buf::new();
            text.code_points().for_each(|point| out.push_code_point(point));
            out.finish()
        }
    }
}
