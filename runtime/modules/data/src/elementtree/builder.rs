//! `TreeBuilder`: makes a tree of events.
use super::element::Element;
use super::{expect, global};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, alloc, required};
use krait_object::{Attached, Dict, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, id, pytype, raise};
use std::ffi::c_int;

/// What a builder keeps between events.
#[derive(Default)]
pub struct Inner {
    root: Option<Ref<Object>>,
    /// The open elements, outermost first.
    open: Vec<Ref<Object>>,
    /// The element that the next text belongs to.
    last: Option<Ref<Object>>,
    /// The text comes after it, not in it.
    tail: bool,
    data: Vec<Ref<Object>>,
    /// Where events go: an `append` method.
    sink: Option<Ref<Object>>,
    /// Names of the events that are reported.
    wanted: Vec<&'static str>,
}

impl Trace for Inner {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.root.trace(visit)?;
        self.open.trace(visit)?;
        self.last.trace(visit)?;
        self.data.trace(visit)?;
        self.sink.trace(visit)
    }
}

krait_object::native! {
    /// `TreeBuilder`.
    pub struct TreeBuilder {
        inner: State<Inner>,
        element_factory: Slot,
        comment_factory: Slot,
        pi_factory: Slot,
        insert_comments: krait_object::Field<bool>,
        insert_pis: krait_object::Field<bool>,
    }
}

/// The events that can be reported.
pub const EVENTS: [&str; 6] = ["start", "end", "comment", "pi", "start-ns", "end-ns"];

impl TreeBuilder {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<TreeBuilder>> {
        let this = alloc::<TreeBuilder>(py, ty)?;
        this.inner.init(Inner::default());
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &TreeBuilder, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse(
            "TreeBuilder",
            "(element_factory=None, *, comment_factory=None, pi_factory=None, insert_comments=False, insert_pis=False)",
        );
        let [element, comment, pi, insert_comments, insert_pis] = SIG.bind::<5>(py, args)?;
        let given = |value: Arg<'_>| value.filter(|value| !value.is_none()).map(|value| value.to_ref());
        let or_global = |value: Arg<'_>, name: &'static str| -> PyResult<Option<Ref<Object>>> {
            match given(value) {
                Some(value) => Ok(Some(value)),
                None => Ok(Some(global(py, name)?).filter(|value| !value.is_none())),
            }
        };
        drop(this.element_factory.replace(given(element)));
        drop(this.comment_factory.replace(or_global(comment, "_comment_factory")?));
        drop(this.pi_factory.replace(or_global(pi, "_pi_factory")?));
        this.insert_comments.set(insert_comments.map_or(Ok(false), |flag| flag.is_true(py))?);
        this.insert_pis.set(insert_pis.map_or(Ok(false), |flag| flag.is_true(py))?);
        let before = std::mem::take(&mut *this.inner.lock());
        drop(before);
        Ok(())
    }

    fn clear(_: Attached<'_>, this: &TreeBuilder) {
        let before = std::mem::take(&mut *this.inner.lock());
        drop(before);
        for slot in [&this.element_factory, &this.comment_factory, &this.pi_factory] {
            drop(slot.take());
        }
    }

    /// Sets where events go, and which.
    pub fn report(&self, sink: Ref<Object>, wanted: Vec<&'static str>) {
        let before = {
            let mut inner = self.inner.lock();
            inner.wanted = wanted;
            inner.sink.replace(sink)
        };
        drop(before);
    }

    /// Reports an event if it is wanted.
    pub fn event(&self, py: Attached<'_>, name: &'static str, node: &Object) -> PyResult<()> {
        let sink = {
            let inner = self.inner.lock();
            inner.sink.clone().filter(|_| inner.wanted.contains(&name))
        };
        match sink {
            None => Ok(()),
            Some(sink) => {
                let event = Tuple::pair(py, Str::intern_static(py, name).to_ref().upcast(), node.to_ref())?;
                sink.call_pos(py, &[event.as_object()]).map(drop)
            }
        }
    }

    /// Gives the text that came to its element.
    fn flush(&self, py: Attached<'_>) -> PyResult<()> {
        let (data, last, tail) = {
            let mut inner = self.inner.lock();
            if inner.data.is_empty() {
                return Ok(());
            }
            (std::mem::take(&mut inner.data), inner.last.clone(), inner.tail)
        };
        let Some(last) = last else { return Ok(()) };
        let text = match <[Ref<Object>; 1]>::try_from(data) {
            Ok([text]) => text,
            Err(data) => Str::empty_static().join_items(py, krait_object::args::as_borrowed(&data))?.upcast(),
        };
        if let Some(element) = (*last).downcast_exact::<Element>() {
            return element.add_text(py, tail, text);
        }
        let name = if tail { id!(py, tail) } else { id!(py, text) };
        let before = last.get_attr(py, name)?;
        let joined = match ((*before).downcast::<Str>(), (*text).downcast::<Str>()) {
            (Some(before), Some(text)) => before.concat(py, text)?.upcast(),
            _ => text,
        };
        last.set_attr(py, name, Some(&joined))
    }

    /// Appends a node to the innermost open element.
    fn attach(&self, py: Attached<'_>, node: &Object) -> PyResult<bool> {
        let parent = self.inner.lock().open.last().cloned();
        let Some(parent) = parent else { return Ok(false) };
        match (*parent).downcast_exact::<Element>() {
            Some(parent) => {
                expect(py, node)?;
                parent.children(py)?.push(py, node.to_ref())?;
            }
            None => drop(parent.call_method(py, id!(py, append), &[node])?),
        }
        Ok(true)
    }

    /// The start of an element.
    pub fn start(&self, py: Attached<'_>, tag: &Object, attrib: Ref<Dict>) -> PyResult<Ref<Object>> {
        self.flush(py)?;
        let node = match self.element_factory.get() {
            None => Element::make(py, tag, Some(attrib))?.upcast(),
            Some(factory) => factory.call_pos(py, &[tag, attrib.as_object()])?,
        };
        if !self.attach(py, &node)? {
            let mut inner = self.inner.lock();
            if inner.root.is_some() {
                drop(inner);
                return Err(raise!(py, SyntaxError, "multiple elements on top level"));
            }
            inner.root = Some(node.clone());
        }
        let before = {
            let mut inner = self.inner.lock();
            inner.open.push(node.clone());
            inner.tail = false;
            inner.last.replace(node.clone())
        };
        drop(before);
        self.event(py, "start", &node)?;
        Ok(node)
    }

    /// A piece of text.
    pub fn data(&self, text: &Object) {
        let mut inner = self.inner.lock();
        if inner.last.is_some() {
            inner.data.push(text.to_ref());
        }
    }

    /// The end of an element.
    pub fn end(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.flush(py)?;
        let (node, before) = {
            let mut inner = self.inner.lock();
            let Some(node) = inner.open.pop() else {
                drop(inner);
                return Err(raise!(py, IndexError, "pop from empty stack"));
            };
            inner.tail = true;
            let before = inner.last.replace(node.clone());
            (node, before)
        };
        drop(before);
        self.event(py, "end", &node)?;
        Ok(node)
    }

    /// A comment or processing instruction.
    fn single(&self, py: Attached<'_>, event: &'static str, node: Ref<Object>, insert: bool) -> PyResult<Ref<Object>> {
        if insert {
            self.flush(py)?;
            if self.attach(py, &node)? {
                let before = {
                    let mut inner = self.inner.lock();
                    inner.tail = true;
                    inner.last.replace(node.clone())
                };
                drop(before);
            }
        }
        self.event(py, event, &node)?;
        Ok(node)
    }

    pub fn comment(py: Attached<'_>, this: &TreeBuilder, text: &Object) -> PyResult<Ref<Object>> {
        let node = match this.comment_factory.get() {
            Some(factory) => factory.call_pos(py, &[text])?,
            None => text.to_ref(),
        };
        this.single(py, "comment", node, this.insert_comments.get())
    }

    pub fn pi(py: Attached<'_>, this: &TreeBuilder, [target, text]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let (target, none) = (required(py, target)?, krait_object::none());
        let text = text.unwrap_or(&none);
        let node = match this.pi_factory.get() {
            Some(factory) => factory.call_pos(py, &[target, text])?,
            None => Tuple::pair(py, target.to_ref(), text.to_ref())?.upcast(),
        };
        this.single(py, "pi", node, this.insert_pis.get())
    }

    /// The root, or `None` without one.
    pub fn close(_: Attached<'_>, this: &TreeBuilder) -> Ref<Object> {
        this.inner.lock().root.clone().unwrap_or_else(krait_object::none)
    }

    fn py_start(py: Attached<'_>, this: &TreeBuilder, [tag, attrib]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let attrib = required(py, attrib)?;
        match attrib.downcast::<Dict>() {
            Some(attrib) => this.start(py, required(py, tag)?, attrib.to_ref()),
            None => Err(raise!(
                py,
                TypeError,
                "start() argument 2 must be dict, not {}",
                krait_object::builtins::textargs::arg_type(attrib)
            )),
        }
    }
}

pytype! {
    static TREE_BUILDER: "xml.etree.ElementTree.TreeBuilder" for TreeBuilder {
        base: Object, flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_dealloc = TreeBuilder::dealloc,
            tp_traverse = TreeBuilder::traverse,
            tp_clear = TreeBuilder::clear,
            tp_new = TreeBuilder::construct,
            tp_init = TreeBuilder::init,
        },
        methods: {
            sig "start" => TreeBuilder::py_start, "($self, tag, attrs, /)", "An element begins.";
            o "end" => |py: Attached<'_>, this: &TreeBuilder, _: &Object| this.end(py), "($self, tag, /)", "An element ends.";
            o "data" => |_: Attached<'_>, this: &TreeBuilder, text: &Object| this.data(text), "($self, data, /)", "A piece of text.";
            o "comment" => TreeBuilder::comment, "($self, text, /)", "A comment.";
            sig "pi" => TreeBuilder::pi, "($self, target, text=None, /)", "A processing instruction.";
            noargs "close" => TreeBuilder::close, "($self, /)", "The root of the tree.";
        },
    }
}

/// The names of events in a sequence, as far as they are known.
pub fn event_names(py: Attached<'_>, names: &Object) -> PyResult<Vec<&'static str>> {
    let mut found = Vec::new();
    for name in names.collect(py)? {
        let known = (*name).downcast::<Str>().and_then(|name| EVENTS.iter().find(|known| name.eq_str(known)));
        match known {
            Some(known) => found.push(*known),
            None => {
                return Err(raise!(py, ValueError, "unknown event '{}'", name.str(py)?));
            }
        }
    }
    Ok(found)
}
