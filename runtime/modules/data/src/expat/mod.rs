//! `pyexpat`: an XML parser with the interface of Expat.
//!
//! While a thread parses, it owns the parser's core; a second call of `Parse` meanwhile is an error.
mod core;
mod decode;
mod dtd;
mod names;
mod scan;

use self::core::{Core, Run, Stop};
use self::names::{ERRORS, HANDLERS, INVALID_ARGUMENT};
use krait_object::layout::Field;
use krait_object::native::{Arg, State, add_type, alloc, new_exception, required, type_name};
use krait_object::protocols::buffer::stable_bytes;
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple,
    Type, exc, functions, hooks, id, pytype, raise,
};
use std::ffi::c_int;

krait_object::native! {
    /// `xmlparser`.
    pub struct XmlParser {
        core: State<Core>,
        lent: State<Option<Core>>,
        handlers: State<Vec<Option<Ref<Object>>>>,
        base: Slot,
        intern: Slot,
        separator: Slot<Str>,
        encoding: Slot<Str>,
        running: Field<bool>,
        parameters: Field<c_int>,
        subset_next: Field<bool>,
        deferral: Field<bool>,
        foreign: Field<bool>,
        root: Field<bool>,
        threshold: Field<u64>,
        factor: Field<f64>,
        memory_threshold: Field<u64>,
        memory_factor: Field<f64>,
        buffer_text: Field<bool>,
        namespace_prefixes: Field<bool>,
        ordered_attributes: Field<bool>,
        specified_attributes: Field<bool>,
        buffer_size: Field<usize>,
        buffered: Field<usize>,
        line: Field<usize>,
        column: Field<usize>,
        byte: Field<isize>,
        error_code: Field<usize>,
    }
}

/// From this much output on, the factor matters.
const THRESHOLD: u64 = 8 * 1024 * 1024;
/// From this much memory on, its factor matters.
const MEMORY_THRESHOLD: u64 = 64 * 1024 * 1024;
/// How many bytes may be made of, or taken for, each byte of input.
const FACTOR: f64 = 100.0;

pytype! {
    pub static XML_PARSER: "pyexpat.xmlparser" for XmlParser {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "XML parser",
        slots: { tp_dealloc = XmlParser::dealloc, tp_traverse = XmlParser::traverse, tp_clear = XmlParser::clear },
        methods: {
            sig "Parse" => XmlParser::parse, "($self, data, isfinal=False, /)", "Parse XML data.\n\n'isfinal' should be true at end of input.";
            o "ParseFile" => XmlParser::parse_file, "($self, file, /)", "Parse XML data from file-like object.";
            o "SetBase" => |_: Attached<'_>, this: &XmlParser, base: &Object| drop(this.base.replace(Some(base.to_ref()))), "($self, base, /)", "Set the base URL for the parser.";
            noargs "GetBase" => |_: Attached<'_>, this: &XmlParser| this.base.get(), "($self, /)", "Return base URL string for the parser.";
            noargs "GetInputContext" => XmlParser::input_context, "($self, /)", "The input from the present event on, as bytes, or None.";
            sig "ExternalEntityParserCreate" => XmlParser::child, "($self, context, encoding=<unrepresentable>, /)", "Create a parser for parsing an external entity based on the information passed to the ExternalEntityRefHandler.";
            o "SetParamEntityParsing" => |py: Attached<'_>, this: &XmlParser, flag: &Object| -> PyResult<c_int> { this.parameters.set(flag.as_i32(py)?); Ok(1) }, "($self, flag, /)", "Controls parsing of parameter entities (including the external DTD subset).";
            sig "UseForeignDTD" => XmlParser::use_foreign, "($self, flag=True, /)", "Allows the application to provide an artificial external subset if one is not specified as part of the document instance.";
            o "SetBillionLaughsAttackProtectionActivationThreshold" => |py: Attached<'_>, this: &XmlParser, threshold: &Object| this.set_threshold(py, &this.threshold, threshold), "($self, threshold, /)", "Sets from how many bytes of output on the protection against expanding entities acts.\n\nThe default is 8 MiB.";
            o "SetBillionLaughsAttackProtectionMaximumAmplification" => |py: Attached<'_>, this: &XmlParser, factor: &Object| this.set_factor(py, &this.factor, factor), "($self, max_factor, /)", "Sets how many bytes of output may be made of each byte of input.\n\nThe default is 100.";
            o "SetAllocTrackerActivationThreshold" => |py: Attached<'_>, this: &XmlParser, threshold: &Object| this.set_threshold(py, &this.memory_threshold, threshold), "($self, threshold, /)", "Sets from how many bytes of memory on the protection against documents that take much of it acts.\n\nThe default is 64 MiB.";
            o "SetAllocTrackerMaximumAmplification" => |py: Attached<'_>, this: &XmlParser, factor: &Object| this.set_factor(py, &this.memory_factor, factor), "($self, max_factor, /)", "Sets how many bytes of memory may be taken for each byte of input.\n\nThe default is 100.";
            noargs "GetReparseDeferralEnabled" => |_: Attached<'_>, this: &XmlParser| this.deferral.get(), "($self, /)", "Retrieve reparse deferral enabled status.";
            o "SetReparseDeferralEnabled" => |py: Attached<'_>, this: &XmlParser, flag: &Object| -> PyResult<()> { this.deferral.set(flag.is_true(py)?); Ok(()) }, "($self, enabled, /)", "Enable/Disable reparse deferral; enabled by default.";
        },
        getset: {
            "StartElementHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(0), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(0, value), "What is called for one kind of event.";
            "EndElementHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(1), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(1, value), "What is called for one kind of event.";
            "ProcessingInstructionHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(2), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(2, value), "What is called for one kind of event.";
            "CharacterDataHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(3), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(3, value), "What is called for one kind of event.";
            "UnparsedEntityDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(4), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(4, value), "What is called for one kind of event.";
            "NotationDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(5), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(5, value), "What is called for one kind of event.";
            "StartNamespaceDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(6), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(6, value), "What is called for one kind of event.";
            "EndNamespaceDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(7), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(7, value), "What is called for one kind of event.";
            "CommentHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(8), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(8, value), "What is called for one kind of event.";
            "StartCdataSectionHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(9), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(9, value), "What is called for one kind of event.";
            "EndCdataSectionHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(10), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(10, value), "What is called for one kind of event.";
            "DefaultHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(11), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(11, value), "What is called for one kind of event.";
            "DefaultHandlerExpand" => |_: Attached<'_>, this: &XmlParser| this.handler(12), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(12, value), "What is called for one kind of event.";
            "NotStandaloneHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(13), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(13, value), "What is called for one kind of event.";
            "ExternalEntityRefHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(14), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(14, value), "What is called for one kind of event.";
            "StartDoctypeDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(15), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(15, value), "What is called for one kind of event.";
            "EndDoctypeDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(16), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(16, value), "What is called for one kind of event.";
            "EntityDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(17), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(17, value), "What is called for one kind of event.";
            "XmlDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(18), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(18, value), "What is called for one kind of event.";
            "ElementDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(19), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(19, value), "What is called for one kind of event.";
            "AttlistDeclHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(20), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(20, value), "What is called for one kind of event.";
            "SkippedEntityHandler" => |_: Attached<'_>, this: &XmlParser| this.handler(21), |_: Attached<'_>, this: &XmlParser, value: Arg<'_>| this.set_handler(21, value), "What is called for one kind of event.";
            "namespace_prefixes" => |_: Attached<'_>, this: &XmlParser| this.namespace_prefixes.get(), |py: Attached<'_>, this: &XmlParser, value: Arg<'_>| set_flag(py, &this.namespace_prefixes, value), "Whether names show their prefix.";
            "ordered_attributes" => |_: Attached<'_>, this: &XmlParser| this.ordered_attributes.get(), |py: Attached<'_>, this: &XmlParser, value: Arg<'_>| set_flag(py, &this.ordered_attributes, value), "Whether attributes come as a list.";
            "specified_attributes" => |_: Attached<'_>, this: &XmlParser| this.specified_attributes.get(), |py: Attached<'_>, this: &XmlParser, value: Arg<'_>| set_flag(py, &this.specified_attributes, value), "Whether defaults are left out.";
            "buffer_text" => |_: Attached<'_>, this: &XmlParser| this.buffer_text.get(), |py: Attached<'_>, this: &XmlParser, value: Arg<'_>| set_flag(py, &this.buffer_text, value), "Whether pieces of text are joined.";
            "buffer_size" => |_: Attached<'_>, this: &XmlParser| this.buffer_size.get(), XmlParser::set_buffer_size, "The size of the buffer for text.";
            "buffer_used" => |_: Attached<'_>, this: &XmlParser| this.buffered.get(), "How much of the buffer is used.";
            "intern" => |_: Attached<'_>, this: &XmlParser| this.intern.get(), "The dict of names, or None.";
            "ErrorCode" => |_: Attached<'_>, this: &XmlParser| this.error_code.get(), "The code of the last error.";
            "ErrorLineNumber" => |_: Attached<'_>, this: &XmlParser| this.line.get(), "The line of the last error.";
            "ErrorColumnNumber" => |_: Attached<'_>, this: &XmlParser| this.column.get(), "The column of the last error.";
            "ErrorByteIndex" => |_: Attached<'_>, this: &XmlParser| this.byte.get(), "The byte of the last error.";
            "CurrentLineNumber" => |_: Attached<'_>, this: &XmlParser| this.line.get(), "The line of the present event.";
            "CurrentColumnNumber" => |_: Attached<'_>, this: &XmlParser| this.column.get(), "The column of the present event.";
            "CurrentByteIndex" => |_: Attached<'_>, this: &XmlParser| this.byte.get(), "The byte of the present event.";
        },
    }
}

fn set_flag(py: Attached<'_>, field: &Field<bool>, value: Arg<'_>) -> PyResult<()> {
    let Some(value) = value else { return Err(raise!(py, RuntimeError, "Cannot delete attribute")) };
    field.set(value.is_true(py)?);
    Ok(())
}

impl XmlParser {
    fn make(py: Attached<'_>, core: Core) -> PyResult<Ref<XmlParser>> {
        let this = alloc::<XmlParser>(py, Self::type_object())?;
        this.core.init(core);
        this.lent.init(None);
        this.handlers.init(vec![None; HANDLERS.len()]);
        this.buffer_size.set(8192);
        this.line.set(1);
        this.byte.set(-1);
        this.deferral.set(true);
        this.root.set(true);
        this.threshold.set(THRESHOLD);
        this.factor.set(FACTOR);
        this.memory_threshold.set(MEMORY_THRESHOLD);
        this.memory_factor.set(FACTOR);
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &XmlParser) {
        let handlers = std::mem::take(&mut *this.handlers.lock());
        drop(handlers);
        drop(this.intern.take());
        drop(this.base.take());
    }

    pub fn handler(&self, at: usize) -> Option<Ref<Object>> {
        self.handlers.lock().get(at).cloned().flatten()
    }

    fn set_handler(&self, at: usize, value: Arg<'_>) -> PyResult<()> {
        let new = value.filter(|value| !value.is_none()).map(Layout::to_ref);
        let old = self.handlers.lock().get_mut(at).map(|slot| std::mem::replace(slot, new));
        drop(old);
        Ok(())
    }

    pub fn base(&self) -> Option<Ref<Object>> {
        self.base.get()
    }
    pub fn intern_dict(&self) -> Option<Ref<Object>> {
        self.intern.get()
    }
    pub fn separator(&self) -> Option<String> {
        self.separator.get().map(|separator| separator.to_string_lossy().into_owned())
    }
    pub fn ordered(&self) -> bool {
        self.ordered_attributes.get()
    }
    pub fn only_specified(&self) -> bool {
        self.specified_attributes.get()
    }
    pub fn shows_prefixes(&self) -> bool {
        self.namespace_prefixes.get()
    }
    pub fn buffers_text(&self) -> bool {
        self.buffer_text.get()
    }
    pub fn buffer_size(&self) -> usize {
        self.buffer_size.get()
    }
    pub fn show_buffered(&self, len: usize) {
        self.buffered.set(len);
    }
    pub fn show_position(&self, line: usize, column: usize, byte: usize) {
        self.line.set(line);
        self.column.set(column);
        self.byte.set(byte as isize);
    }
    /// Whether external parameter entities may be read at all.
    pub fn reads_parameters(&self) -> bool {
        self.parameters.get() != 0
    }
    pub fn takes_foreign_subset(&self) -> bool {
        self.foreign.get()
    }
    pub fn defers(&self) -> bool {
        self.deferral.get()
    }
    /// The encoding that the host named.
    pub fn wanted_encoding(&self) -> Option<String> {
        self.encoding.get().map(|name| name.to_string_lossy().into_owned())
    }
    /// From how much output on how great an amplification is refused.
    pub fn limits(&self) -> (u64, f64) {
        (self.threshold.get(), self.factor.get())
    }

    /// The same for memory.
    pub fn memory_limits(&self) -> (u64, f64) {
        (self.memory_threshold.get(), self.memory_factor.get())
    }

    fn use_foreign(py: Attached<'_>, this: &XmlParser, [flag]: [Arg<'_>; 1]) -> PyResult<()> {
        this.foreign.set(flag.map_or(Ok(true), |flag| flag.is_true(py))?);
        Ok(())
    }

    fn set_threshold(&self, py: Attached<'_>, limit: &Field<u64>, threshold: &Object) -> PyResult<()> {
        let threshold = crate::unsigned(py, threshold, "unsigned long long")?;
        if !self.root.get() {
            return Err(self.error_with(py, INVALID_ARGUMENT, "parser must be a root parser"));
        }
        limit.set(threshold);
        Ok(())
    }

    fn set_factor(&self, py: Attached<'_>, limit: &Field<f64>, factor: &Object) -> PyResult<()> {
        let factor = factor.as_f64(py)?;
        if !self.root.get() {
            return Err(self.error_with(py, INVALID_ARGUMENT, "parser must be a root parser"));
        }
        if factor.is_nan() || factor < 1.0 {
            return Err(self.error_with(py, INVALID_ARGUMENT, "'max_factor' must be at least 1.0"));
        }
        limit.set(factor);
        Ok(())
    }

    pub fn parses_parameters(&self, standalone: bool) -> bool {
        match self.parameters.get() {
            0 => false,
            1 => !standalone,
            _ => true,
        }
    }
    /// What parsers for external entities start from while their handler runs.
    pub fn lend(&self, mut core: Core) {
        if self.subset_next.get() {
            core.subset = true;
            core.phase = self::core::Phase::Prolog;
        }
        self.subset_next.set(false);
        *self.lent.lock() = Some(core);
    }
    pub fn lend_subset(&self, subset: bool) {
        self.subset_next.set(subset);
    }
    pub fn take_back(&self) -> Option<Core> {
        self.lent.lock().take()
    }

    fn set_buffer_size(py: Attached<'_>, this: &XmlParser, value: Arg<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, RuntimeError, "Cannot delete attribute")) };
        let Some(int) = value.downcast::<Int>() else {
            return Err(raise!(py, TypeError, "buffer_size must be an integer"));
        };
        let size = int.as_isize(py)?;
        if size <= 0 {
            return Err(raise!(py, ValueError, "buffer_size must be greater than zero"));
        }
        if size > i32::MAX as isize {
            return Err(raise!(py, ValueError, "buffer_size must not be greater than {}", i32::MAX));
        }
        this.buffer_size.set(size as usize);
        Ok(())
    }

    fn parse(py: Attached<'_>, this: &XmlParser, [data, last]: [Arg<'_>; 2]) -> PyResult<c_int> {
        let data = required(py, data)?;
        let last = last.map_or(Ok(false), |last| last.is_true(py))?;
        match data.downcast::<Str>() {
            Some(text) => {
                let bytes = text.to_utf8(py)?.as_bytes().to_vec();
                if !this.running.get() {
                    this.core.lock().encoding = decode::Encoding::Utf8;
                }
                this.feed(py, "Parse", &bytes, last)
            }
            None => this.feed(py, "Parse", &stable_bytes(py, data)?, last),
        }
    }

    fn feed(&self, py: Attached<'_>, method: &str, data: &[u8], last: bool) -> PyResult<c_int> {
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "cannot call {method}() from within a handler"));
        }
        self.running.set(true);
        let core = std::mem::take(&mut *self.core.lock());
        let mut run = Run::new(py, self, core);
        let result = run.feed(data, last);
        let result = match result.and_then(|()| run.flush_text()) {
            Ok(()) => Ok(()),
            Err(Stop::Python(raised)) => Err(raised),
            Err(Stop::Xml(code, at)) => {
                let flushed = run.flush_text();
                let token: Vec<u8> = run.core.buf.iter().take(at).copied().collect();
                Run::advance(&mut run.core, &token);
                run.publish();
                run.core.finished = true;
                match flushed {
                    Err(Stop::Python(raised)) => Err(raised),
                    _ => Err(self.error(py, code)),
                }
            }
        };
        let core = std::mem::take(&mut run.core);
        self.buffered.set(core.text.len());
        let old = std::mem::replace(&mut *self.core.lock(), core);
        drop(old);
        self.running.set(false);
        result.map(|()| 1)
    }

    /// Raises `ExpatError` for a code, at the present position.
    fn error(&self, py: Attached<'_>, code: usize) -> Raised {
        let text = ERRORS.get(code).map_or("", |error| error.1);
        let (line, column) = (self.line.get(), self.column.get());
        self.error_with(py, code, &format!("{text}: line {line}, column {column}"))
    }

    /// Raises `ExpatError` for a code with a message.
    fn error_with(&self, py: Attached<'_>, code: usize, message: &str) -> Raised {
        self.error_code.set(code);
        let (line, column) = (self.line.get(), self.column.get());
        let build = || -> PyResult<Raised> {
            let class = (hooks::hooks().import)(py, "pyexpat")?.get_attr(py, id!(py, ExpatError))?;
            let message = message.into_object(py)?;
            let error = class.call_pos(py, &[&message])?;
            error.set_attr(py, id!(py, code), Some(&*code.into_object(py)?))?;
            error.set_attr(py, id!(py, offset), Some(&*column.into_object(py)?))?;
            error.set_attr(py, id!(py, lineno), Some(&*line.into_object(py)?))?;
            match class.downcast::<Type>() {
                Ok(class) => Ok(py.raise_value(&class, &error)),
                Err(_) => Err(py.bad_internal_call()),
            }
        };
        build().unwrap_or_else(|raised| raised)
    }

    fn parse_file(py: Attached<'_>, this: &XmlParser, file: &Object) -> PyResult<c_int> {
        if this.running.get() {
            return Err(raise!(py, RuntimeError, "cannot call ParseFile() from within a handler"));
        }
        let read = file.get_attr_opt(py, id!(py, read))?;
        let Some(read) = read else {
            return Err(raise!(py, TypeError, "argument must have 'read' attribute"));
        };
        const CHUNK: usize = 2048 * 8;
        loop {
            let data = read.call_pos(py, &[&*CHUNK.into_object(py)?])?;
            if data.as_object().downcast::<Bytes>().is_none()
                && !krait_object::protocols::buffer::Buffer::is_exporter(&data)
            {
                let name = type_name(&data);
                return Err(raise!(py, TypeError, "read() did not return a bytes object (type={name})"));
            }
            let bytes = stable_bytes(py, &data)?.into_owned();
            let last = bytes.is_empty();
            let result = this.feed(py, "ParseFile", &bytes, last)?;
            if last {
                return Ok(result);
            }
        }
    }

    fn input_context(py: Attached<'_>, this: &XmlParser) -> PyResult<Option<Ref<Bytes>>> {
        if !this.running.get() {
            return Ok(None);
        }
        Bytes::new(py, &this.core.lock().buf.clone()).map(Some)
    }

    fn child(py: Attached<'_>, this: &XmlParser, [context, encoding]: [Arg<'_>; 2]) -> PyResult<Ref<XmlParser>> {
        let context = required(py, context)?;
        let mut core = match &*this.lent.lock() {
            Some(lent) => {
                let mut core = lent.child(!lent.subset);
                core.subset = lent.subset || context.is_none();
                core
            }
            None => this.core.lock().child(!context.is_none()),
        };
        if let Some(encoding) = encoding.and_then(|encoding| encoding.downcast::<Str>()) {
            let name = encoding.to_string_lossy().into_owned();
            if let Some(known) = decode::known(&name) {
                core.encoding = known;
            }
        }
        let child = Self::make(py, core)?;
        let handlers = this.handlers.lock().clone();
        *child.handlers.lock() = handlers;
        drop(child.intern.replace(this.intern.get()));
        drop(child.base.replace(this.base.get()));
        drop(child.separator.replace(this.separator.get()));
        child.parameters.set(this.parameters.get());
        child.deferral.set(this.deferral.get());
        child.root.set(false);
        child.threshold.set(this.threshold.get());
        child.factor.set(this.factor.get());
        child.memory_threshold.set(this.memory_threshold.get());
        child.memory_factor.set(this.memory_factor.get());
        child.buffer_size.set(this.buffer_size.get());
        child.buffer_text.set(this.buffer_text.get());
        child.namespace_prefixes.set(this.namespace_prefixes.get());
        child.ordered_attributes.set(this.ordered_attributes.get());
        child.specified_attributes.set(this.specified_attributes.get());
        Ok(child)
    }
}

/// The characters of an encoding of single bytes, by its codec. `None` for one that differs from ASCII where markup is.
///
/// # Errors
/// `LookupError` for an unknown encoding, `ValueError` for one of several bytes, what the codec raises.
fn codec_table(py: Attached<'_>, name: &str) -> PyResult<Option<Box<[char; 256]>>> {
    let all: Vec<u8> = (0..=255).collect();
    let bytes = Bytes::new(py, &all)?.upcast();
    let text = bytes.call_method(py, id!(py, decode), &[&*name.into_object(py)?, id!(py, replace).as_object()])?;
    let points = text.as_object().downcast::<Str>().map(Str::to_code_points).unwrap_or_default();
    if points.len() != 256 {
        return Err(raise!(py, ValueError, "multi-byte encodings are not supported"));
    }
    let mut table = ['\u{FFFF}'; 256];
    for (slot, point) in table.iter_mut().zip(points) {
        if point != 0xFFFD {
            *slot = char::from_u32(point).unwrap_or('\u{FFFF}');
        }
    }
    // Only characters without a meaning in markup may stand elsewhere than in ASCII.
    let free = |byte: u8| b"$@\\^`{}~\x7f".contains(&byte) || byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r');
    let same = (0..=255u8).zip(table).all(|(byte, c)| {
        let moved = c != char::from(byte);
        !(moved && byte < 128 && !free(byte) || moved && u8::try_from(c).is_ok_and(|c| c < 128 && !free(c)))
    });
    Ok(same.then(|| Box::new(table)))
}

fn parser_create(
    py: Attached<'_>,
    _: &Object,
    [encoding, separator, intern]: [Arg<'_>; 3],
) -> PyResult<Ref<XmlParser>> {
    let text = |arg: Arg<'_>, name: &str| match arg.filter(|arg| !arg.is_none()) {
        None => Ok(None),
        Some(arg) => match arg.downcast::<Str>() {
            Some(text) => Ok(Some(text.to_ref())),
            None => {
                let given = type_name(arg);
                Err(raise!(py, TypeError, "ParserCreate() argument '{name}' must be str or None, not {given}"))
            }
        },
    };
    let (encoding, separator) = (text(encoding, "encoding")?, text(separator, "namespace_separator")?);
    if separator.as_ref().is_some_and(|separator| separator.len() > 1) {
        return Err(raise!(py, ValueError, "namespace_separator must be at most one character, omitted, or None"));
    }
    let mut core = Core { line: 1, ..Core::default() };
    if let Some(encoding) = &encoding {
        let name = encoding.to_string_lossy().into_owned();
        core.encoding = decode::known(&name).unwrap_or_default();
    }
    let this = XmlParser::make(py, core)?;
    drop(this.separator.replace(separator));
    drop(this.encoding.replace(encoding));
    let intern = match intern {
        None => Some(Dict::new(py)?.upcast()),
        Some(intern) if intern.is_none() => None,
        Some(intern) if intern.downcast::<Dict>().is_some() => Some(intern.to_ref()),
        Some(_) => return Err(raise!(py, TypeError, "intern must be a dictionary")),
    };
    drop(this.intern.replace(intern));
    Ok(this)
}

fn error_string(py: Attached<'_>, _: &Object, code: &Object) -> PyResult<Option<&'static str>> {
    let code = code.as_i64(py)?;
    let text = usize::try_from(code).ok().and_then(|code| ERRORS.get(code)).map(|error| error.1);
    Ok(text.filter(|text| !text.is_empty()))
}

/// Adds a module within the module, which can be imported by its full name too.
fn submodule(py: Attached<'_>, parent: &Module, name: &str, doc: &str) -> PyResult<Ref<Module>> {
    let full = format!("pyexpat.{name}");
    let module = Module::new(py, &full)?;
    module.add(py, "__doc__", &*doc.into_object(py)?)?;
    parent.add(py, name, module.as_object())?;
    let modules = (hooks::hooks().import)(py, "sys")?.get_attr(py, id!(py, modules))?;
    modules.set_item(py, &*full.into_object(py)?, module.as_object())?;
    Ok(module)
}

/// Fills `pyexpat`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "ParserCreate" => parser_create, "($module, /, encoding=None, namespace_separator=None, intern=<unrepresentable>)", "Return a new XML parser object.";
            o "ErrorString" => error_string, "($module, code, /)", "Returns string error for given number.";
        },
    )?;
    add_type::<XmlParser>(py, module, "XMLParserType")?;
    let error = new_exception(py, "xml.parsers.expat", "ExpatError", exc::Exception())?;
    module.add(py, "ExpatError", &error)?;
    module.add(py, "error", &error)?;
    module.add(py, "EXPAT_VERSION", &*"expat_2.7.3".into_object(py)?)?;
    let version = [2, 7, 3].into_iter().map(|part: i32| part.into_object(py)).collect::<PyResult<Vec<_>>>()?;
    module.add(py, "version_info", Tuple::from_vec(py, version)?.as_object())?;
    module.add(py, "native_encoding", &*"UTF-8".into_object(py)?)?;
    let mut features = Vec::new();
    let known: [(&str, u64); 9] = [
        ("sizeof(XML_Char)", 1),
        ("sizeof(XML_LChar)", 1),
        ("XML_DTD", 0),
        ("XML_NS", 0),
        ("XML_BLAP_MAX_AMP", FACTOR as u64),
        ("XML_BLAP_ACT_THRES", THRESHOLD),
        ("XML_GE", 0),
        ("XML_AT_MAX_AMP", FACTOR as u64),
        ("XML_AT_ACT_THRES", MEMORY_THRESHOLD),
    ];
    for (name, value) in known {
        features.push(Tuple::pair(py, name.into_object(py)?, value.into_object(py)?)?.upcast());
    }
    module.add(py, "features", List::from_vec(py, features)?.as_object())?;
    let flags = ["NEVER", "UNLESS_STANDALONE", "ALWAYS"];
    for (value, name) in (0i64..).zip(flags) {
        module.add(py, &format!("XML_PARAM_ENTITY_PARSING_{name}"), Int::from_i64(py, value)?.as_object())?;
    }
    let errors = submodule(py, module, "errors", "Constants used to describe error conditions.")?;
    let (codes, messages) = (Dict::new(py)?, Dict::new(py)?);
    for (code, (name, text)) in (0i64..).zip(ERRORS).filter(|(code, _)| *code > 0) {
        let (text, code) = (text.into_object(py)?, code.into_object(py)?);
        errors.add(py, name, &text)?;
        codes.set(py, &text, &code)?;
        messages.set(py, &code, &text)?;
    }
    errors.add(py, "codes", codes.as_object())?;
    errors.add(py, "messages", messages.as_object())?;
    let model = submodule(py, module, "model", "Constants used to interpret content model information.")?;
    let constants = [
        ("XML_CTYPE_EMPTY", 1),
        ("XML_CTYPE_ANY", 2),
        ("XML_CTYPE_MIXED", 3),
        ("XML_CTYPE_NAME", 4),
        ("XML_CTYPE_CHOICE", 5),
        ("XML_CTYPE_SEQ", 6),
        ("XML_CQUANT_NONE", 0),
        ("XML_CQUANT_OPT", 1),
        ("XML_CQUANT_REP", 2),
        ("XML_CQUANT_PLUS", 3),
    ];
    for (name, value) in constants {
        model.add(py, name, Int::from_i64(py, value)?.as_object())?;
    }
    Ok(())
}
