//! `Element`, and the walks over trees.
use super::{expect, wrong_element};
use krait_object::args::Args;
use krait_object::layout::PyObject;
use krait_object::native::Trace;
use krait_object::native::{Arg, State, alloc, required, type_name};
use krait_object::{
    Attached, Dict, Field, Int, IntoObject, Layout, List, Object, PyResult, Ref, Slice, Slot, Str, Tuple, Type, Visit,
    exc, hooks::hooks, id, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;

krait_object::native! {
    /// `Element`.
    pub struct Element {
        tag: Slot,
        text: Slot,
        tail: Slot,
        /// Made when first needed.
        attrib: Slot<Dict>,
        /// The children; the list itself is never shown.
        children: Slot<List>,
        weaklist: Field<*mut PyObject>,
    }
}

/// The attributes that an optional dict and keyword arguments stand for.
fn attributes(py: Attached<'_>, function: &str, at: usize, args: Args<'_>) -> PyResult<Ref<Dict>> {
    let mut given = args.pos.get(at - 1).copied();
    let mut extra = Vec::new();
    for (name, value) in args.names.iter().zip(args.values) {
        match name.downcast::<Str>() {
            Some(name) if given.is_none() && name.eq_str("attrib") => given = Some(*value),
            _ => extra.push((*name, *value)),
        }
    }
    let attrib = match given.map(|given| (given, given.downcast::<Dict>())) {
        None => Dict::new(py)?,
        Some((_, Some(dict))) => dict.copy(py)?,
        Some((other, None)) => {
            return Err(raise!(
                py,
                TypeError,
                "{function}() argument {at} must be dict, not {}",
                krait_object::builtins::textargs::arg_type(other)
            ));
        }
    };
    for (name, value) in extra {
        attrib.set(py, name, value)?;
    }
    Ok(attrib)
}

/// Raises unless between `min` and `max` arguments are given by position.
fn check_count(py: Attached<'_>, function: &str, given: usize, min: usize, max: usize) -> PyResult<()> {
    let (word, bound) = if given < min { ("least", min) } else { ("most", max) };
    if (min..=max).contains(&given) {
        return Ok(());
    }
    let plural = if bound == 1 { "" } else { "s" };
    Err(raise!(py, TypeError, "{function}() takes at {word} {bound} argument{plural} ({given} given)"))
}

/// `SubElement()`.
pub fn sub_element(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Element>> {
    check_count(py, "SubElement", args.pos.len(), 2, 3)?;
    let Some(parent) = args.pos[0].downcast::<Element>() else {
        let kind = type_name(args.pos[0]);
        return Err(raise!(py, TypeError, "SubElement() argument 1 must be xml.etree.ElementTree.Element, not {kind}"));
    };
    let attrib = attributes(py, "SubElement", 3, args)?;
    let element = Element::make(py, args.pos[1], Some(attrib))?;
    parent.children(py)?.push(py, element.clone().upcast())?;
    Ok(element)
}

/// A path that is a plain name needs no interpreter of paths.
fn is_plain(path: &Str) -> bool {
    !path.is_empty() && path.code_points().all(|point| !matches!(point, 0x2A | 0x2E | 0x2F | 0x40 | 0x5B | 0x7B | 0x7D))
}

impl Element {
    /// A new element.
    pub fn make(py: Attached<'_>, tag: &Object, attrib: Option<Ref<Dict>>) -> PyResult<Ref<Element>> {
        let this = Self::blank(py, Self::type_object())?;
        drop(this.tag.replace(Some(tag.to_ref())));
        drop(this.attrib.replace(attrib.filter(|attrib| !attrib.is_empty())));
        Ok(this)
    }

    fn blank(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Element>> {
        let this = alloc::<Element>(py, ty)?;
        for slot in [&this.tag, &this.text, &this.tail] {
            drop(slot.replace(Some(krait_object::none())));
        }
        Ok(this)
    }

    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Element>> {
        Self::blank(py, ty)
    }

    fn init(py: Attached<'_>, this: &Element, args: Args<'_>) -> PyResult<()> {
        check_count(py, "Element", args.pos.len(), 1, 2)?;
        let attrib = attributes(py, "Element", 2, args)?;
        drop(this.attrib.replace(Some(attrib).filter(|attrib| !attrib.is_empty())));
        drop(this.tag.replace(Some(args.pos[0].to_ref())));
        for slot in [&this.text, &this.tail] {
            drop(slot.replace(Some(krait_object::none())));
        }
        Ok(())
    }

    fn drop_parts(_: Attached<'_>, this: &Element) {
        for slot in [&this.tag, &this.text, &this.tail] {
            drop(slot.take());
        }
        drop(this.attrib.take());
        drop(this.children.take());
    }

    pub fn tag(&self) -> Ref<Object> {
        self.tag.get().unwrap_or_else(krait_object::none)
    }

    pub fn text(&self) -> Ref<Object> {
        self.text.get().unwrap_or_else(krait_object::none)
    }

    pub fn tail(&self) -> Ref<Object> {
        self.tail.get().unwrap_or_else(krait_object::none)
    }

    /// The list of children.
    pub fn children(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        match self.children.get() {
            Some(children) => Ok(children),
            None => {
                let made = List::new(py)?;
                drop(self.children.replace(Some(made.clone())));
                Ok(made)
            }
        }
    }

    /// The child at a place.
    fn child(&self, py: Attached<'_>, at: usize) -> Option<Ref<Object>> {
        self.children.get()?.get(py, at)
    }

    fn len(&self) -> usize {
        self.children.get().map_or(0, |children| children.len())
    }

    fn attributes(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        match self.attrib.get() {
            Some(attrib) => Ok(attrib),
            None => {
                let made = Dict::new(py)?;
                drop(self.attrib.replace(Some(made.clone())));
                Ok(made)
            }
        }
    }

    fn append(py: Attached<'_>, this: &Element, child: &Object) -> PyResult<()> {
        if child.downcast::<Element>().is_none() {
            let kind = krait_object::builtins::textargs::arg_type(child);
            return Err(raise!(py, TypeError, "append() argument 1 must be xml.etree.ElementTree.Element, not {kind}"));
        }
        this.children(py)?.push(py, child.to_ref())
    }

    fn clear(py: Attached<'_>, this: &Element) -> PyResult<()> {
        drop(this.attrib.take());
        drop(this.children.take());
        Self::set_part(py, &this.text, &krait_object::none());
        Self::set_part(py, &this.tail, &krait_object::none());
        Ok(())
    }

    fn set_part(_: Attached<'_>, slot: &Slot, value: &Object) {
        drop(slot.replace(Some(value.to_ref())));
    }

    fn copy(py: Attached<'_>, this: &Element) -> PyResult<Ref<Element>> {
        let made = Self::make(py, &this.tag(), this.attrib.get())?;
        drop(made.text.replace(this.text.get()));
        drop(made.tail.replace(this.tail.get()));
        if let Some(children) = this.children.get() {
            drop(made.children.replace(Some(List::from_vec(py, children.to_vec(py)?)?)));
        }
        Ok(made)
    }

    fn deep_copy(py: Attached<'_>, this: &Element, memo: &Object) -> PyResult<Ref<Element>> {
        if memo.downcast::<Dict>().is_none() {
            return Err(raise!(
                py,
                TypeError,
                "__deepcopy__() argument must be dict, not {}",
                krait_object::builtins::textargs::arg_type(memo)
            ));
        }
        let copier = (hooks().import)(py, "copy")?.get_attr(py, id!(py, deepcopy))?;
        let copied = |value: &Object| -> PyResult<Ref<Object>> {
            match value.is_none() || value.downcast_exact::<Str>().is_some() {
                true => Ok(value.to_ref()),
                false => copier.call_pos(py, &[value, memo]),
            }
        };
        let made = Self::make(py, &*copied(&this.tag())?, None)?;
        Self::set_part(py, &made.text, &*copied(&this.text())?);
        Self::set_part(py, &made.tail, &*copied(&this.tail())?);
        if let Some(attrib) = this.attrib.get() {
            let attrib = copied(attrib.as_object())?.downcast::<Dict>().map_err(|_| py.bad_internal_call())?;
            drop(made.attrib.replace(Some(attrib)));
        }
        if this.children.get().is_some() {
            let list = List::new(py)?;
            let mut at = 0;
            while let Some(child) = this.child(py, at) {
                let child = copied(&child)?;
                expect(py, &child)?;
                list.push(py, child)?;
                at += 1;
            }
            drop(made.children.replace(Some(list)));
        }
        let key = (this.as_ptr() as usize).into_object(py)?;
        memo.set_item(py, &key, made.as_object())?;
        Ok(made)
    }

    fn get_state(py: Attached<'_>, this: &Element) -> PyResult<Ref<Dict>> {
        let state = Dict::new(py)?;
        state.set_str(py, "tag", &this.tag())?;
        let children = this.children.get().map(|children| children.to_vec(py)).transpose()?.unwrap_or_default();
        state.set_str(py, "_children", List::from_vec(py, children)?.as_object())?;
        state.set_str(py, "attrib", this.attributes(py)?.as_object())?;
        state.set_str(py, "text", &this.text())?;
        state.set_str(py, "tail", &this.tail())?;
        Ok(state)
    }

    fn set_state(py: Attached<'_>, this: &Element, state: &Object) -> PyResult<()> {
        let Some(dict) = state.downcast::<Dict>() else {
            let shown = state.repr(py)?;
            return Err(raise!(py, TypeError, "Don't know how to unpickle \"{shown}\" as an Element"));
        };
        let Some(tag) = dict.get_str(py, "tag") else {
            return Err(raise!(py, TypeError, "tag may not be NULL"));
        };
        drop(this.tag.replace(Some(tag)));
        let none = krait_object::none;
        drop(this.text.replace(Some(dict.get_str(py, "text").unwrap_or_else(none))));
        drop(this.tail.replace(Some(dict.get_str(py, "tail").unwrap_or_else(none))));
        if let Some(children) = dict.get_str(py, "_children") {
            let Some(children) = (*children).downcast::<List>() else {
                return Err(raise!(py, TypeError, "'_children' is not a list"));
            };
            let items = children.to_vec(py)?;
            for child in &items {
                expect(py, child)?;
            }
            drop(this.children.replace(Some(List::from_vec(py, items)?)));
        }
        if let Some(attrib) = dict.get_str(py, "attrib") {
            let attrib = attrib.downcast::<Dict>().map_err(|_| raise!(py, TypeError, "attrib must be dict"))?;
            drop(this.attrib.replace(Some(attrib)));
        }
        Ok(())
    }

    fn extend(py: Attached<'_>, this: &Element, elements: &Object) -> PyResult<()> {
        let items = match elements.iter(py) {
            Ok(_) => elements.collect(py)?,
            Err(raised) if raised.matches(py, exc::TypeError()) => {
                raised.clear(py);
                return Err(raise!(py, TypeError, "'elements' must be an iterable"));
            }
            Err(raised) => return Err(raised),
        };
        for item in items {
            if (*item).downcast::<Element>().is_none() {
                return Err(wrong_element(py, &item));
            }
            this.children(py)?.push(py, item)?;
        }
        Ok(())
    }

    fn insert(py: Attached<'_>, this: &Element, [index, child]: [Arg<'_>; 2]) -> PyResult<()> {
        let index = required(py, index)?.as_isize(py)?;
        let child = required(py, child)?;
        if child.downcast::<Element>().is_none() {
            let kind = krait_object::builtins::textargs::arg_type(child);
            return Err(raise!(py, TypeError, "insert() argument 2 must be xml.etree.ElementTree.Element, not {kind}"));
        }
        this.children(py)?.insert(py, index, child.to_ref())
    }

    fn remove(py: Attached<'_>, this: &Element, child: &Object) -> PyResult<()> {
        if child.downcast::<Element>().is_none() {
            let kind = krait_object::builtins::textargs::arg_type(child);
            return Err(raise!(py, TypeError, "remove() argument must be xml.etree.ElementTree.Element, not {kind}"));
        }
        let mut at = 0;
        // The children may change while they are compared.
        while let Some(found) = this.child(py, at) {
            if found.is(child) || found.eq(py, child)? {
                if let Some(children) = this.children.get() {
                    drop(children.pop(py, at));
                }
                return Ok(());
            }
            at += 1;
        }
        Err(raise!(py, ValueError, "Element.remove(x): element not found"))
    }

    /// The first child, or all children, with a plain name as their tag.
    fn named(&self, py: Attached<'_>, name: &Object, first: bool) -> PyResult<Vec<Ref<Object>>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(child) = self.child(py, at) {
            let tag = expect(py, &child)?.tag();
            if tag.is(name) || tag.eq(py, name)? {
                found.push(child);
                if first {
                    break;
                }
            }
            at += 1;
        }
        Ok(found)
    }

    /// A function of `xml.etree.ElementPath`.
    fn by_path(&self, py: Attached<'_>, function: &Str, args: &[&Object]) -> PyResult<Ref<Object>> {
        let paths = (hooks().import)(py, "xml.etree.ElementPath")?;
        let mut all = vec![self.as_object()];
        all.extend_from_slice(args);
        paths.get_attr(py, function)?.call_pos(py, &all)
    }

    fn find(py: Attached<'_>, this: &Element, [path, namespaces]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let (path, none) = (required(py, path)?, krait_object::none());
        let namespaces = namespaces.unwrap_or(&none);
        if namespaces.is_none() && path.downcast::<Str>().is_some_and(is_plain) {
            return Ok(this.named(py, path, true)?.pop().unwrap_or(none));
        }
        this.by_path(py, id!(py, find), &[path, namespaces])
    }

    fn find_all(py: Attached<'_>, this: &Element, [path, namespaces]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let (path, none) = (required(py, path)?, krait_object::none());
        let namespaces = namespaces.unwrap_or(&none);
        if namespaces.is_none() && path.downcast::<Str>().is_some_and(is_plain) {
            return Ok(List::from_vec(py, this.named(py, path, false)?)?.upcast());
        }
        this.by_path(py, id!(py, findall), &[path, namespaces])
    }

    fn find_text(py: Attached<'_>, this: &Element, [path, default, namespaces]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
        let (path, none) = (required(py, path)?, krait_object::none());
        let (default, namespaces) = (default.unwrap_or(&none), namespaces.unwrap_or(&none));
        if namespaces.is_none() && path.downcast::<Str>().is_some_and(is_plain) {
            return match this.named(py, path, true)?.pop() {
                None => Ok(default.to_ref()),
                Some(child) => match expect(py, &child)?.text() {
                    text if text.is_none() => "".into_object(py),
                    text => Ok(text),
                },
            };
        }
        this.by_path(py, id!(py, findtext), &[path, default, namespaces])
    }

    fn iter_find(py: Attached<'_>, this: &Element, [path, namespaces]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let none = krait_object::none();
        this.by_path(py, id!(py, iterfind), &[required(py, path)?, namespaces.unwrap_or(&none)])
    }

    fn get(py: Attached<'_>, this: &Element, [key, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let found = match this.attrib.get() {
            Some(attrib) => attrib.get(py, required(py, key)?)?,
            None => None,
        };
        Ok(found.unwrap_or_else(|| default.map_or_else(krait_object::none, |default| default.to_ref())))
    }

    fn set(py: Attached<'_>, this: &Element, [key, value]: [Arg<'_>; 2]) -> PyResult<()> {
        this.attributes(py)?.set(py, required(py, key)?, required(py, value)?)
    }

    fn keys(py: Attached<'_>, this: &Element) -> PyResult<Ref<List>> {
        let items = this.attrib.get().map(|attrib| attrib.items_snapshot(py)).transpose()?.unwrap_or_default();
        List::from_vec(py, items.into_iter().map(|(key, _)| key).collect())
    }

    fn items(py: Attached<'_>, this: &Element) -> PyResult<Ref<List>> {
        let list = List::new(py)?;
        for (key, value) in this.attrib.get().map(|attrib| attrib.items_snapshot(py)).transpose()?.unwrap_or_default() {
            list.push(py, Tuple::pair(py, key, value)?.upcast())?;
        }
        Ok(list)
    }

    fn make_element(py: Attached<'_>, _: &Element, [tag, attrib]: [Arg<'_>; 2]) -> PyResult<Ref<Element>> {
        let attrib = required(py, attrib)?;
        match attrib.downcast::<Dict>() {
            Some(attrib) => Self::make(py, required(py, tag)?, Some(attrib.copy(py)?)),
            None => Err(raise!(
                py,
                TypeError,
                "makeelement() argument 2 must be dict, not {}",
                krait_object::builtins::textargs::arg_type(attrib)
            )),
        }
    }

    fn repr(py: Attached<'_>, this: &Element) -> PyResult<String> {
        let _guard = py.enter_recursive(" while getting the repr of an Element")?;
        let tag = this.tag();
        let address = this.as_ptr();
        Ok(match tag.is_none() {
            true => format!("<Element at {address:p}>"),
            false => format!("<Element {} at {address:p}>", tag.repr(py)?),
        })
    }

    fn bool(py: Attached<'_>, this: &Element) -> PyResult<bool> {
        let message = "Testing an element's truth value will always return True in future versions.  Use specific 'len(elem)' or 'elem is not None' test instead.";
        (hooks().warn)(py, exc::DeprecationWarning(), message, 1)?;
        Ok(this.len() > 0)
    }

    fn subscript(py: Attached<'_>, this: &Element, key: &Object) -> PyResult<Ref<Object>> {
        if key.downcast::<Slice>().is_some() {
            return List::subscript(py, &*this.children(py)?, key);
        }
        if key.downcast::<Int>().is_none() && !key.has_index() {
            return Err(raise!(py, TypeError, "element indices must be integers"));
        }
        let children = this.children(py)?;
        let index = key.as_index(py)?;
        let index = if index < 0 { index + children.len() as isize } else { index };
        let found = usize::try_from(index).ok().and_then(|index| children.get(py, index));
        found.ok_or_else(|| raise!(py, IndexError, "child index out of range"))
    }

    fn assign(py: Attached<'_>, this: &Element, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let children = this.children(py)?;
        if key.downcast::<Slice>().is_some() {
            let Some(value) = value else { return List::ass_subscript(py, &children, key, None) };
            let items = match value.iter(py) {
                Ok(_) => value.collect(py)?,
                Err(raised) if raised.matches(py, exc::TypeError()) => {
                    raised.clear(py);
                    return Err(raise!(py, TypeError, "assignment expects an iterable"));
                }
                Err(raised) => return Err(raised),
            };
            for item in &items {
                expect(py, item)?;
            }
            return List::ass_subscript(py, &children, key, Some(List::from_vec(py, items)?.as_object()));
        }
        if key.downcast::<Int>().is_none() && !key.has_index() {
            return Err(raise!(py, TypeError, "element indices must be integers"));
        }
        let index = key.as_index(py)?;
        let index = if index < 0 { index + children.len() as isize } else { index };
        if !(0..children.len() as isize).contains(&index) {
            return Err(raise!(py, IndexError, "child assignment index out of range"));
        }
        match value {
            Some(value) => {
                expect(py, value)?;
                children.set(py, index as usize, value.to_ref())
            }
            None => {
                drop(children.pop(py, index as usize));
                Ok(())
            }
        }
    }

    /// Sets one of the parts that cannot be deleted.
    fn put(py: Attached<'_>, slot: &Slot, value: Arg<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, AttributeError, "can't delete element attribute"));
        };
        drop(slot.replace(Some(value.to_ref())));
        Ok(())
    }

    fn set_attrib(py: Attached<'_>, this: &Element, value: Arg<'_>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, AttributeError, "can't delete element attribute"));
        };
        let Some(dict) = value.downcast::<Dict>() else {
            return Err(raise!(py, TypeError, "attrib must be dict, not {}", type_name(value)));
        };
        drop(this.attrib.replace(Some(dict.to_ref())));
        Ok(())
    }

    /// Adds text to what an element has as its text or tail.
    pub fn add_text(&self, py: Attached<'_>, tail: bool, text: Ref<Object>) -> PyResult<()> {
        let slot = if tail { &self.tail } else { &self.text };
        let before = slot.get().unwrap_or_else(krait_object::none);
        let joined = match ((*before).downcast::<Str>(), (*text).downcast::<Str>()) {
            (Some(before), Some(text)) => before.concat(py, text)?.upcast(),
            _ => text,
        };
        drop(slot.replace(Some(joined)));
        Ok(())
    }
}

pytype! {
    static ELEMENT: "xml.etree.ElementTree.Element" for Element {
        base: Object, flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_dealloc = Element::dealloc,
            tp_traverse = Element::traverse,
            tp_clear = Element::drop_parts,
            tp_new = Element::construct,
            tp_init = Element::init,
            tp_repr = Element::repr,
            raw tp_weaklistoffset = offset_of!(Element, weaklist) as isize,
            nb_bool = Element::bool,
            length = |_: Attached<'_>, this: &Element| Ok(this.len()),
            sq_item = |py: Attached<'_>, this: &Element, index: isize| -> PyResult<Ref<Object>> { Element::subscript(py, this, &*index.into_object(py)?) },
            mp_subscript = Element::subscript,
            mp_ass_subscript = Element::assign,
        },
        methods: {
            o "append" => Element::append, "($self, subelement, /)", "Add a child at the end.";
            noargs "clear" => Element::clear, "($self, /)", "Remove children, attributes, text and tail.";
            o "extend" => Element::extend, "($self, elements, /)", "Add many children at the end.";
            sig "find" => Element::find, "($self, /, path, namespaces=None)", "The first element that a path leads to.";
            sig "findall" => Element::find_all, "($self, /, path, namespaces=None)", "All elements that a path leads to.";
            sig "findtext" => Element::find_text, "($self, /, path, default=None, namespaces=None)", "The text of the first element that a path leads to.";
            sig "iterfind" => Element::iter_find, "($self, /, path, namespaces=None)", "An iterator over the elements that a path leads to.";
            sig "get" => Element::get, "($self, /, key, default=None)", "The value of an attribute.";
            sig "set" => Element::set, "($self, key, value, /)", "Set an attribute.";
            noargs "keys" => Element::keys, "($self, /)", "The names of the attributes.";
            noargs "items" => Element::items, "($self, /)", "The attributes as pairs.";
            sig "insert" => Element::insert, "($self, index, subelement, /)", "Add a child at a place.";
            sig "iter" => |py: Attached<'_>, this: &Element, [tag]: [Arg<'_>; 1]| Walk::make(py, this, tag, false), "($self, /, tag=None)", "An iterator over the element and all below it.";
            noargs "itertext" => |py: Attached<'_>, this: &Element| Walk::make(py, this, None, true), "($self, /)", "An iterator over all texts in the element.";
            sig "makeelement" => Element::make_element, "($self, tag, attrib, /)", "A new element.";
            o "remove" => Element::remove, "($self, subelement, /)", "Remove a child.";
            noargs "__copy__" => Element::copy, "($self, /)", "";
            o "__deepcopy__" => Element::deep_copy, "($self, memo, /)", "";
            noargs "__getstate__" => Element::get_state, "($self, /)", "";
            o "__setstate__" => Element::set_state, "($self, state, /)", "";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Element| size_of::<Element>() + 8 * this.len(), "($self, /)", "";
        },
        getset: {
            "tag" => |_: Attached<'_>, this: &Element| this.tag(), |py: Attached<'_>, this: &Element, value: Arg<'_>| Element::put(py, &this.tag, value), "What kind of element it is.";
            "text" => |_: Attached<'_>, this: &Element| this.text(), |py: Attached<'_>, this: &Element, value: Arg<'_>| Element::put(py, &this.text, value), "The text before the first child.";
            "tail" => |_: Attached<'_>, this: &Element| this.tail(), |py: Attached<'_>, this: &Element, value: Arg<'_>| Element::put(py, &this.tail, value), "The text after the element.";
            "attrib" => |py: Attached<'_>, this: &Element| this.attributes(py), Element::set_attrib, "The attributes as a dict.";
        },
    }
}

/// The elements that a walk is in, each with the index of its next child.
#[derive(Default)]
pub struct Path(Vec<(Ref<Element>, usize)>);

impl Trace for Path {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.0.iter().try_for_each(|(element, _)| element.trace(visit))
    }
}

krait_object::native! {
    /// An iterator over a tree: its elements, or its texts.
    pub struct Walk { path: State<Path>, root: Slot<Element>, tag: Slot, texts: Field<bool> }
}
pytype! {
    static WALK: "_elementtree._element_iterator" for Walk {
        base: Object, flags: [HAVE_GC],
        slots: {
            tp_dealloc = Walk::dealloc,
            tp_traverse = Walk::traverse,
            tp_iter = |_: Attached<'_>, this: &Walk| this.to_ref(),
            tp_iternext = Walk::next,
        },
    }
}

impl Walk {
    fn make(py: Attached<'_>, root: &Element, tag: Arg<'_>, texts: bool) -> PyResult<Ref<Walk>> {
        let this = alloc::<Walk>(py, Walk::type_object())?;
        this.path.init(Path::default());
        drop(this.root.replace(Some(root.to_ref())));
        let star = |tag: &&Object| tag.downcast::<Str>().is_some_and(|tag| tag.eq_str("*"));
        let tag = tag.filter(|tag| !tag.is_none() && !star(tag));
        drop(this.tag.replace(tag.map(|tag| tag.to_ref())));
        this.texts.set(texts);
        Ok(this)
    }

    /// Goes into an element.
    fn enter(&self, element: &Ref<Element>) {
        self.path.lock().0.push((element.clone(), 0));
    }

    /// What the walk gives for an element that it comes to.
    fn visit(&self, py: Attached<'_>, element: Ref<Element>) -> PyResult<Option<Ref<Object>>> {
        if self.texts.get() {
            let tag = element.tag();
            // Comments and processing instructions have no text of the document.
            if tag.is_none() || (*tag).downcast::<Str>().is_some() {
                self.enter(&element);
                return Self::some_text(py, element.text());
            }
            self.path.lock().0.push((element, usize::MAX));
            return Ok(None);
        }
        self.enter(&element);
        match self.tag.get() {
            None => Ok(Some(element.upcast())),
            Some(tag) => {
                let own = element.tag();
                Ok((own.is(&*tag) || own.eq(py, &tag)?).then(|| element.upcast()))
            }
        }
    }

    fn some_text(py: Attached<'_>, text: Ref<Object>) -> PyResult<Option<Ref<Object>>> {
        Ok(if text.is_true(py)? { Some(text) } else { None })
    }

    fn next(py: Attached<'_>, this: &Walk) -> PyResult<Option<Ref<Object>>> {
        if let Some(root) = this.root.take()
            && let Some(found) = this.visit(py, root)?
        {
            return Ok(Some(found));
        }
        loop {
            let top = {
                let mut path = this.path.lock();
                match path.0.last_mut() {
                    None => return Ok(None),
                    Some((element, at)) => {
                        let place = *at;
                        *at = place.saturating_add(1);
                        (element.clone(), place)
                    }
                }
            };
            let (element, place) = top;
            let child = match element.children.get() {
                Some(children) => children.get(py, place),
                None => None,
            };
            let found = match child {
                Some(child) => this.visit(py, expect(py, &child)?.to_ref())?,
                None => {
                    let (left, inner) = {
                        let mut path = this.path.lock();
                        let left = path.0.pop();
                        (left, !path.0.is_empty())
                    };
                    drop(left);
                    match this.texts.get() && inner {
                        true => Self::some_text(py, element.tail())?,
                        false => None,
                    }
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }
}
