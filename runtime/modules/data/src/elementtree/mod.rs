//! `_elementtree`: elements, the builder of their trees, and the parser that feeds it.
mod builder;
mod element;
mod parser;

use builder::TreeBuilder;
use element::{Element, Walk};
use krait_object::native::{Arg, add_type, new_exception, ready, required};
use krait_object::{Attached, Dict, Module, Object, PyResult, Raised, Ref, exc, functions, raise};
use parser::{Hook, XmlParser};

/// What the interpreter keeps for all instances of the module.
fn kept(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let slot = &krait_vm::interp::current(py).dict;
    if let Some(dict) = slot.get() {
        return Ok(dict);
    }
    let made = Dict::new(py)?;
    drop(slot.replace(Some(made.clone())));
    Ok(made)
}

/// The key of what is kept.
fn key(name: &str) -> String {
    format!("_elementtree.{name}")
}

/// One of the objects that are kept; `None` if it is not set.
fn global(py: Attached<'_>, name: &'static str) -> PyResult<Ref<Object>> {
    Ok(kept(py)?.get_str(py, &key(name)).unwrap_or_else(krait_object::none))
}

/// `element` as an `Element`.
fn expect<'a>(py: Attached<'_>, element: &'a Object) -> PyResult<&'a Element> {
    element.downcast::<Element>().ok_or_else(|| wrong_element(py, element))
}

fn wrong_element(py: Attached<'_>, element: &Object) -> Raised {
    raise!(py, TypeError, "expected an Element, not \"{}\"", element.ty().name())
}

fn set_factories(py: Attached<'_>, _: &Object, [comment, pi]: [Arg<'_>; 2]) -> PyResult<Ref<krait_object::Tuple>> {
    let mut before = Vec::new();
    for (value, name, what) in [(comment, "_comment_factory", "Comment factory"), (pi, "_pi_factory", "PI factory")] {
        let value = required(py, value)?;
        if !value.is_none() && !value.is_callable() {
            return Err(raise!(py, TypeError, "{what} must be callable, not {}", value.ty().name()));
        }
        before.push(global(py, name)?);
        kept(py)?.set_str(py, &key(name), value)?;
    }
    krait_object::Tuple::from_vec(py, before)
}

/// Fills `_elementtree`.
///
/// # Errors
/// `MemoryError`, or that of an import.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<Walk>(py)?;
    ready::<Hook>(py)?;
    add_type::<Element>(py, module, "Element")?;
    add_type::<TreeBuilder>(py, module, "TreeBuilder")?;
    add_type::<XmlParser>(py, module, "XMLParser")?;
    let mut error = global(py, "ParseError")?;
    if error.is_none() {
        error = new_exception(py, "xml.etree.ElementTree", "ParseError", exc::SyntaxError())?;
        kept(py)?.set_str(py, &key("ParseError"), &error)?;
    }
    module.add(py, "ParseError", &error)?;
    module.add_functions(
        py,
        functions! {
            raw "SubElement" => element::sub_element, "", "Make an element and append it to a parent.";
            sig "_set_factories" => set_factories, "($module, comment_factory, pi_factory, /)", "Change the factories of comments and processing instructions; returns the old ones.";
        },
    )
}
