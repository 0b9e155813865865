//! `XMLParser`: runs a parser of `pyexpat` and gives what it finds to a target.
use super::builder::{EVENTS, TreeBuilder, event_names};
use super::global;
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, alloc, part, required};
use krait_object::{
    Attached, Bytes, Dict, Field, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, exc,
    hooks::hooks, id, pytype, raise,
};

krait_object::native! {
    /// `XMLParser`.
    pub struct XmlParser {
        expat: Slot,
        target: Slot,
        entity: Slot<Dict>,
        /// Names with their namespace in braces, by what the parser calls them.
        names: Slot<Dict>,
        /// The target's methods, by kind of event.
        methods: Slot<Tuple>,
        /// The target is a plain `TreeBuilder`.
        direct: Field<bool>,
    }
}

/// What the parser reports.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Start,
    End,
    Data,
    Comment,
    Pi,
    StartNs,
    EndNs,
    Doctype,
    Default,
}

/// The target's method and the parser's handler for each kind.
const KINDS: [(Kind, &str, &str); 9] = [
    (Kind::Start, "start", "StartElementHandler"),
    (Kind::End, "end", "EndElementHandler"),
    (Kind::Data, "data", "CharacterDataHandler"),
    (Kind::Comment, "comment", "CommentHandler"),
    (Kind::Pi, "pi", "ProcessingInstructionHandler"),
    (Kind::StartNs, "start_ns", "StartNamespaceDeclHandler"),
    (Kind::EndNs, "end_ns", "EndNamespaceDeclHandler"),
    (Kind::Doctype, "doctype", "StartDoctypeDeclHandler"),
    (Kind::Default, "", "DefaultHandlerExpand"),
];

krait_object::native! {
    /// What the parser calls for one kind of event.
    pub struct Hook { parser: Slot<XmlParser>, kind: Field<u8> }
}
pytype! {
    static HOOK: "_elementtree._hook" for Hook {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Hook::dealloc,
            tp_traverse = Hook::traverse,
            tp_clear = |_: Attached<'_>, this: &Hook| drop(this.parser.take()),
            tp_call = Hook::call,
        },
    }
}

impl Hook {
    fn call(py: Attached<'_>, this: &Hook, args: Args<'_>) -> PyResult<()> {
        let Some(parser) = this.parser.get() else { return Ok(()) };
        match KINDS.get(usize::from(this.kind.get())) {
            Some((kind, _, _)) => parser.handle(py, *kind, args.pos),
            None => Ok(()),
        }
    }
}

/// A `ParseError` with its code and place.
fn parse_error(py: Attached<'_>, message: &str, code: i64, line: i64, column: i64) -> Raised {
    let make = || -> PyResult<Raised> {
        let class = global(py, "ParseError")?;
        let text = format!("{message}: line {line}, column {column}").into_object(py)?;
        let error = class.call_pos(py, &[&*text])?;
        error.set_attr(py, id!(py, code), Some(Int::from_i64(py, code)?.as_object()))?;
        let place = Tuple::pair(py, line.into_object(py)?, column.into_object(py)?)?;
        error.set_attr(py, id!(py, position), Some(place.as_object()))?;
        match class.downcast::<Type>() {
            Ok(class) => Ok(py.raise_value(&class, &error)),
            Err(_) => Ok(py.bad_internal_call()),
        }
    };
    make().unwrap_or_else(|raised| raised)
}

impl XmlParser {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<XmlParser>> {
        alloc::<XmlParser>(py, ty)
    }

    fn init(py: Attached<'_>, this: &XmlParser, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("XMLParser", "(*, target=None, encoding=None)");
        let [target, encoding] = SIG.bind::<2>(py, args)?;
        let none = krait_object::none();
        let separator = "}".into_object(py)?;
        let expat = (hooks().import)(py, "pyexpat")?.get_attr(py, id!(py, ParserCreate))?;
        let expat = expat.call_pos(py, &[encoding.unwrap_or(&none), &*separator])?;
        let target = match target.filter(|target| !target.is_none()) {
            Some(target) => target.to_ref(),
            None => TreeBuilder::type_object().as_object().call0(py)?,
        };
        this.direct.set((*target).downcast_exact::<TreeBuilder>().is_some());
        let mut methods = Vec::new();
        for (_, name, _) in KINDS {
            let method = match name.is_empty() || this.direct.get() {
                true => None,
                false => target.get_attr_opt(py, Str::intern_static(py, name))?,
            };
            methods.push(method.unwrap_or_else(krait_object::none));
        }
        let methods = Tuple::from_vec(py, methods)?;
        drop(this.expat.replace(Some(expat)));
        drop(this.target.replace(Some(target)));
        drop(this.entity.replace(Some(Dict::new(py)?)));
        drop(this.names.replace(Some(Dict::new(py)?)));
        drop(this.methods.replace(Some(methods.clone())));
        for (at, (kind, _, _)) in KINDS.iter().enumerate() {
            let always = matches!(kind, Kind::Start | Kind::End | Kind::Data | Kind::Default | Kind::Doctype);
            let plain = this.direct.get() && matches!(kind, Kind::Comment | Kind::Pi);
            let own = methods.get(at).is_some_and(|method| !method.is_none());
            if always || plain || own {
                this.listen(py, *kind)?;
            }
        }
        Ok(())
    }

    fn drop_parts(_: Attached<'_>, this: &XmlParser) {
        drop(this.expat.take());
        drop(this.target.take());
        drop(this.entity.take());
        drop(this.names.take());
        drop(this.methods.take());
    }

    /// Has the parser report one kind of event.
    fn listen(&self, py: Attached<'_>, kind: Kind) -> PyResult<()> {
        let hook = alloc::<Hook>(py, Hook::type_object())?;
        hook.kind.set(kind as u8);
        drop(hook.parser.replace(Some(self.to_ref())));
        let (_, _, handler) = KINDS[kind as usize];
        self.expat(py)?.set_attr(py, Str::intern_static(py, handler), Some(hook.as_object()))
    }

    fn expat(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.expat.get().ok_or_else(|| raise!(py, ValueError, "XMLParser.__init__() wasn't called"))
    }

    /// A name with its namespace in braces.
    fn universal(&self, py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
        let names = part(py, &self.names)?;
        if let Some(found) = names.get(py, name)? {
            return Ok(found);
        }
        let Some(text) = name.downcast::<Str>() else { return Ok(name.to_ref()) };
        let made = match text.code_points().any(|point| point == u32::from('}')) {
            true => Str::new(py, &format!("{{{}", text.to_string_lossy()))?.upcast(),
            false => name.to_ref(),
        };
        names.set(py, name, &made)?;
        Ok(made)
    }

    /// The attributes that the parser gives, with universal names.
    fn attributes(&self, py: Attached<'_>, attributes: &Object) -> PyResult<Ref<Dict>> {
        let found = Dict::new(py)?;
        if let Some(attributes) = attributes.downcast::<Dict>() {
            for (name, value) in attributes.items_snapshot(py)? {
                found.set(py, &*self.universal(py, &name)?, &value)?;
            }
        }
        Ok(found)
    }

    fn handle(&self, py: Attached<'_>, kind: Kind, args: &[&Object]) -> PyResult<()> {
        let target = part(py, &self.target)?;
        let builder = (*target).downcast_exact::<TreeBuilder>();
        let methods = part(py, &self.methods)?;
        let method = methods.get(kind as usize).filter(|method| !method.is_none());
        match (kind, args, builder) {
            (Kind::Start, [tag, attributes], builder) => {
                let tag = self.universal(py, tag)?;
                let attributes = self.attributes(py, attributes)?;
                match (builder, method) {
                    (Some(builder), _) => drop(builder.start(py, &tag, attributes)?),
                    (None, Some(method)) => drop(method.call_pos(py, &[&tag, attributes.as_object()])?),
                    _ => {}
                }
            }
            (Kind::End, [_], Some(builder)) => drop(builder.end(py)?),
            (Kind::End, [tag], None) => {
                if let Some(method) = method {
                    method.call_pos(py, &[&*self.universal(py, tag)?])?;
                }
            }
            (Kind::Data, [text], _) => self.give_text(py, text)?,
            (Kind::Comment, [text], Some(builder)) => drop(TreeBuilder::comment(py, builder, text)?),
            (Kind::Pi, [name, text], Some(builder)) => drop(TreeBuilder::pi(py, builder, [Some(name), Some(text)])?),
            (Kind::StartNs | Kind::EndNs, args, _) => self.namespace(py, kind, args, builder, method)?,
            (Kind::Doctype, [name, system, public, ..], _) => {
                let args = [*name, *public, *system];
                match method {
                    Some(method) => drop(method.call_pos(py, &args)?),
                    None if self.as_object().get_attr_opt(py, id!(py, doctype))?.is_some() => {
                        let message = "The doctype() method of XMLParser is ignored.  Define doctype() method on the TreeBuilder target.";
                        (hooks().warn)(py, exc::RuntimeWarning(), message, 1)?;
                    }
                    None => {}
                }
            }
            (Kind::Default, [text], _) => self.default(py, text)?,
            (_, args, _) => {
                if let Some(method) = method {
                    method.call_pos(py, args)?;
                }
            }
        }
        Ok(())
    }

    fn namespace(
        &self,
        py: Attached<'_>,
        kind: Kind,
        args: &[&Object],
        builder: Option<&TreeBuilder>,
        method: Option<&Object>,
    ) -> PyResult<()> {
        // The default namespace has the empty prefix and no namespace the empty name.
        let text = |at: usize| -> PyResult<Ref<Object>> {
            match args.get(at).filter(|arg| !arg.is_none()) {
                Some(arg) => Ok(arg.to_ref()),
                None => "".into_object(py),
            }
        };
        let start = kind == Kind::StartNs;
        match (builder, method) {
            (Some(builder), _) if start => {
                builder.event(py, "start-ns", Tuple::pair(py, text(0)?, text(1)?)?.as_object())
            }
            (Some(builder), _) => builder.event(py, "end-ns", &krait_object::none()),
            (None, Some(method)) if start => method.call_pos(py, &[&*text(0)?, &*text(1)?]).map(drop),
            (None, Some(method)) => method.call_pos(py, &[&*text(0)?]).map(drop),
            _ => Ok(()),
        }
    }

    fn give_text(&self, py: Attached<'_>, text: &Object) -> PyResult<()> {
        let target = part(py, &self.target)?;
        if let Some(builder) = (*target).downcast_exact::<TreeBuilder>() {
            builder.data(text);
            return Ok(());
        }
        let methods = part(py, &self.methods)?;
        match methods.get(Kind::Data as usize).filter(|method| !method.is_none()) {
            Some(method) => method.call_pos(py, &[text]).map(drop),
            None => Ok(()),
        }
    }

    /// What the parser does not know: references to entities of the program's own.
    fn default(&self, py: Attached<'_>, text: &Object) -> PyResult<()> {
        let Some(reference) = text.downcast::<Str>() else { return Ok(()) };
        let shown = reference.to_string_lossy();
        let Some(name) = shown.strip_prefix('&').and_then(|name| name.strip_suffix(';')) else { return Ok(()) };
        match part(py, &self.entity)?.get(py, &*name.into_object(py)?)? {
            Some(value) => self.give_text(py, &value),
            None => {
                let expat = self.expat(py)?;
                let number = |name| expat.get_attr(py, name).and_then(|value| value.as_i64(py));
                let line = number(id!(py, ErrorLineNumber))?;
                let column = number(id!(py, ErrorColumnNumber))?;
                Err(parse_error(py, &format!("undefined entity {shown}"), 11, line, column))
            }
        }
    }

    /// Feeds the parser; its errors become `ParseError`.
    fn parse(&self, py: Attached<'_>, data: &Object, last: bool) -> PyResult<()> {
        let expat = self.expat(py)?;
        let last = last.into_object(py)?;
        let Err(raised) = expat.call_method(py, id!(py, Parse), &[data, &*last]) else { return Ok(()) };
        let class = (hooks().import)(py, "pyexpat")?.get_attr(py, id!(py, ExpatError))?;
        let exception = raised.take(py);
        if !exception.as_object().is_instance(py, &class)? {
            return Err(py.restore(exception));
        }
        let number = |name| exception.as_object().get_attr(py, name).and_then(|value| value.as_i64(py));
        let (code, line, column) = (number(id!(py, code))?, number(id!(py, lineno))?, number(id!(py, offset))?);
        let shown = exception.as_object().str(py)?.to_string_lossy().into_owned();
        let message = shown.split_once(": line ").map_or(shown.as_str(), |(message, _)| message);
        Err(parse_error(py, message, code, line, column))
    }

    fn feed(py: Attached<'_>, this: &XmlParser, data: &Object) -> PyResult<()> {
        if let Some(text) = data.downcast::<Str>() {
            // Texts are UTF-8, whatever they say.
            text.to_utf8(py)?;
        }
        this.parse(py, data, false)
    }

    fn flush(py: Attached<'_>, this: &XmlParser) -> PyResult<()> {
        let expat = this.expat(py)?;
        let before = expat.call_method(py, id!(py, GetReparseDeferralEnabled), &[])?;
        let set = id!(py, SetReparseDeferralEnabled);
        expat.call_method(py, set, &[&*false.into_object(py)?])?;
        let result = this.parse(py, Bytes::empty().as_object(), false);
        let pending = py.take_raised();
        expat.call_method(py, set, &[&before])?;
        match (result, pending) {
            (Err(_), Some(pending)) => Err(py.restore(pending)),
            (result, _) => result,
        }
    }

    /// The target's result at the end of the document.
    fn finish(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let target = part(py, &self.target)?;
        if let Some(builder) = (*target).downcast_exact::<TreeBuilder>() {
            return Ok(TreeBuilder::close(py, builder));
        }
        match target.get_attr_opt(py, id!(py, close))? {
            Some(close) => close.call0(py),
            None => Ok(krait_object::none()),
        }
    }

    fn close(py: Attached<'_>, this: &XmlParser) -> PyResult<Ref<Object>> {
        this.parse(py, Bytes::empty().as_object(), true)?;
        this.finish(py)
    }

    fn parse_whole(py: Attached<'_>, this: &XmlParser, file: &Object) -> PyResult<Ref<Object>> {
        this.expat(py)?;
        let reader = file.get_attr(py, id!(py, read))?;
        let size = (64 * 1024).into_object(py)?;
        loop {
            let data = reader.call_pos(py, &[&*size])?;
            if let Some(text) = (*data).downcast::<Str>() {
                if text.is_empty() {
                    break;
                }
                this.parse(py, &data, false)?;
            } else if (*data).downcast::<Bytes>().is_some_and(|bytes| !bytes.is_empty()) {
                this.parse(py, &data, false)?;
            } else {
                break;
            }
        }
        this.parse(py, Bytes::empty().as_object(), true)?;
        match this.direct.get() {
            true => this.finish(py),
            false => Ok(krait_object::none()),
        }
    }

    fn set_events(py: Attached<'_>, this: &XmlParser, [queue, events]: [Arg<'_>; 2]) -> PyResult<()> {
        this.expat(py)?;
        let target = part(py, &this.target)?;
        let Some(builder) = (*target).downcast_exact::<TreeBuilder>() else {
            let message = "event handling only supported for ElementTree.TreeBuilder targets";
            return Err(raise!(py, TypeError, "{message}"));
        };
        let sink = required(py, queue)?.get_attr(py, id!(py, append))?;
        let wanted = match events.filter(|events| !events.is_none()) {
            None => vec![EVENTS[1]],
            Some(events) if !events.is_sequence() && events.iter(py).is_err() => {
                drop(py.take_raised());
                return Err(raise!(py, TypeError, "events must be a sequence"));
            }
            Some(events) => event_names(py, events)?,
        };
        for name in &wanted {
            match *name {
                "start-ns" => this.listen(py, Kind::StartNs)?,
                "end-ns" => this.listen(py, Kind::EndNs)?,
                _ => {}
            }
        }
        builder.report(sink, wanted);
        Ok(())
    }

    fn version(py: Attached<'_>, _: &XmlParser) -> PyResult<String> {
        let version = (hooks().import)(py, "pyexpat")?.get_attr(py, id!(py, EXPAT_VERSION))?;
        let shown = version.str(py)?;
        Ok(format!("Expat {}", shown.to_string_lossy().trim_start_matches("expat_")))
    }
}

pytype! {
    static XML_PARSER: "xml.etree.ElementTree.XMLParser" for XmlParser {
        base: Object, flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_dealloc = XmlParser::dealloc,
            tp_traverse = XmlParser::traverse,
            tp_clear = XmlParser::drop_parts,
            tp_new = XmlParser::construct,
            tp_init = XmlParser::init,
        },
        methods: {
            o "feed" => XmlParser::feed, "($self, data, /)", "Give a piece of the document to the parser.";
            noargs "flush" => XmlParser::flush, "($self, /)", "Parse what the parser holds back.";
            noargs "close" => XmlParser::close, "($self, /)", "End the document; returns what the target's close() returns.";
            o "_parse_whole" => XmlParser::parse_whole, "($self, file, /)", "Parse a whole file.";
            sig "_setevents" => XmlParser::set_events, "($self, events_queue, events_to_report=None, /)", "Have events put into a queue.";
        },
        getset: {
            "entity" => |_: Attached<'_>, this: &XmlParser| this.entity.get(), "The program's own entities.";
            "target" => |_: Attached<'_>, this: &XmlParser| this.target.get(), "What gets the events.";
            "version" => XmlParser::version, "The version of the parser.";
        },
    }
}
