//! From the compiler's tree to nodes.
use super::classes::Classes;
use super::grammar::{CLASSES, POSITION, index_of};
use super::node::Node;
use krait_bytecode::Location;
use krait_compiler::TypeComments;
use krait_object::{Attached, Dict, Int, Layout, Object, PyResult, Ref, Str, none};
use std::sync::OnceLock;

/// The interned names of each class's fields, and those of the attributes.
pub(super) struct Names {
    pub(super) fields: Vec<Vec<&'static Str>>,
    pub(super) position: [&'static Str; 4],
}

/// The names, which live as long as the process.
pub(super) fn names(py: Attached<'_>) -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| Names {
        fields: CLASSES
            .iter()
            .map(|class| class.fields.iter().map(|field| Str::intern_static(py, field.name)).collect())
            .collect(),
        position: POSITION.map(|name| Str::intern_static(py, name)),
    })
}

/// Makes nodes.
pub(super) struct Writer<'a, 'p> {
    pub(super) py: Attached<'p>,
    pub(super) classes: Classes,
    pub(super) comments: &'a TypeComments,
    names: &'static Names,
}

impl<'a, 'p> Writer<'a, 'p> {
    pub(super) fn new(py: Attached<'p>, comments: &'a TypeComments) -> PyResult<Self> {
        Ok(Writer { py, classes: Classes::get(py)?, comments, names: names(py) })
    }

    /// A node of a class, with its fields in the grammar's order.
    pub(super) fn node(&self, class: &str, values: Vec<Ref<Object>>, loc: Option<Location>) -> PyResult<Ref<Object>> {
        let py = self.py;
        let index = index_of(class).ok_or_else(|| py.bad_internal_call())?;
        let node = self.classes.class(index).alloc(py, 0)?;
        let dict = Dict::with_capacity(py, values.len() + 4, true)?;
        for (name, value) in self.names.fields[index].iter().zip(&values) {
            dict.set(py, name.as_object(), value)?;
        }
        if let Some(loc) = loc {
            let numbers = [loc.line, loc.column, loc.end_line, loc.end_column];
            for (name, number) in self.names.position.iter().zip(numbers) {
                dict.set(py, name.as_object(), Int::from_i64(py, i64::from(number))?.as_object())?;
            }
        }
        // SAFETY: [layout]: a fresh instance of a class derived from `AST`.
        let node = unsafe { node.cast_unchecked::<Node>() };
        node.set_dict(dict);
        Ok(node.upcast())
    }

    /// The one instance of a class without fields.
    pub(super) fn single(&self, class: &str) -> PyResult<Ref<Object>> {
        let index = index_of(class).ok_or_else(|| self.py.bad_internal_call())?;
        Ok(self.classes.singleton(index).to_ref())
    }

    fn comment(&self, found: Option<&String>) -> PyResult<Ref<Object>> {
        match found {
            Some(text) => Ok(Str::new(self.py, text)?.upcast()),
            None => Ok(none()),
        }
    }

    /// The type comment of the statement at a place.
    pub(super) fn stmt_comment(&self, loc: Location) -> PyResult<Ref<Object>> {
        self.comment(self.comments.stmts.get(&(loc.line, loc.column)))
    }

    /// The type comment of the parameter at a place.
    pub(super) fn arg_comment(&self, loc: Location) -> PyResult<Ref<Object>> {
        self.comment(self.comments.args.get(&(loc.line, loc.column)))
    }
}
