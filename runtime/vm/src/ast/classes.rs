//! The classes of nodes, made once for each interpreter from the grammar.
use super::grammar::{CLASSES, Class, Count, POSITION, Place, index_of};
use super::node;
use crate::interp::current;
use krait_object::genericaliasobject::GenericAlias;
use krait_object::unionobject::union_from_items;
use krait_object::{
    Attached, Dict, Int, Layout, List, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, id, none_borrowed,
};
use std::sync::{Mutex, PoisonError};

/// What an interpreter keeps.
pub struct Kept {
    /// `AST`, the classes in the order of the grammar, and for each class without fields that has an abstract base its
    /// one instance (`None` for others).
    pub all: Slot<Tuple>,
    publish: Mutex<()>,
}

impl Kept {
    pub const EMPTY: Kept = Kept { all: Slot::NULL, publish: Mutex::new(()) };
}

/// The classes of the running interpreter.
pub struct Classes {
    all: Ref<Tuple>,
}

impl Classes {
    /// The interpreter's classes, made when they are first needed.
    ///
    /// # Errors
    /// What making classes raises.
    pub fn get(py: Attached<'_>) -> PyResult<Classes> {
        let kept = &current(py).ast;
        if let Some(all) = kept.all.get() {
            return Ok(Classes { all });
        }
        let made = make(py)?;
        // Two threads may both have made them; everybody uses those that came first.
        let guard = kept.publish.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kept.all.get();
        if all.is_none() {
            // Nothing is displaced, so nothing is dropped under the lock.
            drop(kept.all.replace(Some(made.clone())));
        }
        drop(guard);
        Ok(Classes { all: all.unwrap_or(made) })
    }

    /// The classes if they were made.
    pub fn existing(py: Attached<'_>) -> Option<Classes> {
        current(py).ast.all.get().map(|all| Classes { all })
    }

    /// `AST`.
    pub fn root(&self) -> &Type {
        // SAFETY: [layout]: `make` put a class there.
        unsafe { self.all.as_slice()[0].cast_unchecked() }
    }

    /// The class with an index of the grammar.
    pub fn class(&self, index: usize) -> &Type {
        // SAFETY: [layout]: `make` put a class there.
        unsafe { self.all.as_slice()[1 + index].cast_unchecked() }
    }

    /// A class by its name.
    pub fn named(&self, py: Attached<'_>, name: &str) -> PyResult<&Type> {
        index_of(name).map(|index| self.class(index)).ok_or_else(|| py.bad_internal_call())
    }

    /// The one instance of a class without fields.
    pub fn singleton(&self, index: usize) -> &Object {
        self.all.as_slice()[1 + CLASSES.len() + index]
    }
}

fn texts(py: Attached<'_>, items: impl Iterator<Item = &'static str>) -> PyResult<Ref<Tuple>> {
    let items = items.map(|item| Str::intern_static(py, item).as_object()).collect::<Vec<_>>();
    Tuple::from_slice(py, &items)
}

fn add_positions(py: Attached<'_>, namespace: &Dict, place: Place) -> PyResult<()> {
    let attributes = match place {
        Place::Inherited => return Ok(()),
        Place::None => Tuple::empty(py),
        Place::Full | Place::EndOptional => texts(py, POSITION.into_iter())?,
    };
    namespace.set_str(py, "_attributes", attributes.as_object())?;
    if place == Place::EndOptional {
        for name in &POSITION[2..] {
            namespace.set_str(py, name, none_borrowed())?;
        }
    }
    Ok(())
}

fn make_class(py: Attached<'_>, class: &Class, base: &Type) -> PyResult<Ref<Object>> {
    let namespace = Dict::new(py)?;
    let fields = texts(py, class.fields.iter().map(|field| field.name))?;
    namespace.set_str(py, "_fields", fields.as_object())?;
    namespace.set_str(py, "__match_args__", fields.as_object())?;
    namespace.set_str(py, "__module__", id!(py, ast).as_object())?;
    namespace.set_str(py, "__doc__", Str::new(py, &class.doc)?.as_object())?;
    for field in class.fields.iter().filter(|field| field.count == Count::Optional) {
        namespace.set_str(py, field.name, none_borrowed())?;
    }
    add_positions(py, &namespace, class.place)?;
    let bases = Tuple::from_slice(py, &[base.as_object()])?;
    let name = Str::intern_static(py, class.name);
    Type::type_object().as_object().call_pos(py, &[name.as_object(), bases.as_object(), namespace.as_object()])
}

/// The type that a field's value has, as `_field_types` shows it.
fn field_type(py: Attached<'_>, kind: &str, count: Count, made: &[Ref<Object>]) -> PyResult<Ref<Object>> {
    let plain = match kind {
        "identifier" | "string" => Str::type_object().as_object().to_ref(),
        "int" => Int::type_object().as_object().to_ref(),
        "constant" => Object::type_object().as_object().to_ref(),
        _ => index_of(kind).and_then(|index| made.get(1 + index)).cloned().ok_or_else(|| py.bad_internal_call())?,
    };
    match count {
        Count::One => Ok(plain),
        Count::Optional => union_from_items(py, Tuple::from_slice(py, &[&plain, none_borrowed()])?.as_object()),
        Count::Many | Count::ManyOptional => {
            Ok(GenericAlias::new(py, List::type_object().as_object(), &plain)?.upcast())
        }
    }
}

fn make(py: Attached<'_>) -> PyResult<Ref<Tuple>> {
    let root = node::make_root(py)?;
    let mut all: Vec<Ref<Object>> = vec![root.clone().upcast()];
    let mut base = root.clone();
    for class in CLASSES.iter() {
        let made = match class.base {
            Some(_) => make_class(py, class, &base)?,
            None => make_class(py, class, &root)?,
        };
        if class.is_abstract {
            base = made.clone().downcast::<Type>().map_err(|_| py.bad_internal_call())?;
        }
        all.push(made);
    }
    for (index, class) in CLASSES.iter().enumerate().filter(|(_, class)| !class.is_abstract) {
        let types = Dict::new(py)?;
        for field in &class.fields {
            types.set_str(py, field.name, &*field_type(py, field.kind, field.count, &all)?)?;
        }
        let annotations = Str::intern_static(py, "__annotations__");
        all[1 + index].set_attr(py, id!(py, _field_types), Some(types.as_object()))?;
        all[1 + index].set_attr(py, annotations, Some(types.as_object()))?;
    }
    for (index, class) in CLASSES.iter().enumerate() {
        let single = match class.base.is_some() && class.fields.is_empty() {
            true => all[1 + index].call0(py)?,
            false => krait_object::none(),
        };
        all.push(single);
    }
    Tuple::from_vec(py, all)
}

/// Fills the module `_ast`.
///
/// # Errors
/// What making classes raises.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    use krait_bytecode::flags;
    let classes = Classes::get(py)?;
    module.add(py, "AST", classes.root().as_object())?;
    for (index, class) in CLASSES.iter().enumerate() {
        module.add(py, class.name, classes.class(index).as_object())?;
    }
    for (name, value) in [
        ("PyCF_ALLOW_TOP_LEVEL_AWAIT", flags::PYCF_ALLOW_TOP_LEVEL_AWAIT),
        ("PyCF_ONLY_AST", flags::PYCF_ONLY_AST),
        ("PyCF_TYPE_COMMENTS", flags::PYCF_TYPE_COMMENTS),
        ("PyCF_OPTIMIZED_AST", flags::PYCF_OPTIMIZED_AST | flags::PYCF_ONLY_AST),
    ] {
        module.add(py, name, Int::from_i64(py, i64::from(value))?.as_object())?;
    }
    Ok(())
}
