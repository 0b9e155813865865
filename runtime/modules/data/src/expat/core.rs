//! The parser: from decoded text to calls of handlers.
use super::decode::{Encoding, decode, detect, known};
use super::names::*;
use super::scan::*;
use super::{XmlParser, dtd};
use krait_object::native::Trace;
use krait_object::{Attached, Dict, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Str, Visit, none};
use std::collections::HashMap;
use std::ffi::c_int;

/// Why parsing ends.
pub enum Stop {
    Python(Raised),
    /// An error of the text, at a distance from the present token.
    Xml(usize, usize),
}

impl From<Raised> for Stop {
    fn from(raised: Raised) -> Self {
        Stop::Python(raised)
    }
}

pub type Step<T> = Result<T, Stop>;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Phase {
    #[default]
    Start,
    Prolog,
    Content,
    Epilog,
}

/// What an entity stands for.
#[derive(Clone, Default)]
pub struct Entity {
    pub value: Option<String>,
    pub system: Option<String>,
    pub public: Option<String>,
    pub notation: Option<String>,
    pub open: bool,
}

/// A declared attribute.
#[derive(Clone)]
pub struct Attribute {
    pub name: String,
    pub default: Option<String>,
    pub cdata: bool,
}

/// An element that is not closed yet.
pub struct Open {
    raw: String,
    name: Ref<Object>,
    /// Prefixes that it binds.
    bound: Vec<Option<String>>,
}

/// What a parser knows between calls.
#[derive(Default)]
pub struct Core {
    pub raw: Vec<u8>,
    pub encoding: Encoding,
    pub fixed_encoding: bool,
    pub buf: Vec<u8>,
    pub phase: Phase,
    pub open: Vec<Open>,
    pub entities: HashMap<String, Entity>,
    pub parameters: HashMap<String, Entity>,
    pub attributes: HashMap<String, Vec<Attribute>>,
    pub bindings: Vec<(Option<String>, String)>,
    pub text: String,
    pub line: usize,
    pub column: usize,
    pub byte: usize,
    pub finished: bool,
    pub external: bool,
    pub subset: bool,
    pub has_external_subset: bool,
    pub standalone: bool,
    pub seen_doctype: bool,
    /// Whether the host was asked for a subset that the document does not name.
    pub foreign_subset: bool,
    pub input: usize,
    pub expanded: usize,
    /// How many bytes declarations, open elements and entities take.
    pub held: usize,
    /// The length of the text in which no token was complete.
    pub waiting: usize,
}

impl Trace for Core {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.open.iter().try_for_each(|open| open.name.trace(visit))
    }
}

impl Core {
    /// The start of a parser for an entity of this document.
    pub fn child(&self, content: bool) -> Core {
        Core {
            phase: if content { Phase::Content } else { Phase::Prolog },
            entities: self.entities.clone(),
            parameters: self.parameters.clone(),
            attributes: self.attributes.clone(),
            bindings: self.bindings.clone(),
            external: true,
            subset: !content,
            line: 1,
            ..Core::default()
        }
    }
}

/// White space of XML.
const XML_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
/// The most bytes of converted text that one event has.
const PIECE: usize = 1024;

/// One call of `Parse`.
pub struct Run<'a, 'py> {
    pub py: Attached<'py>,
    pub this: &'a XmlParser,
    pub core: Core,
    /// Inside the text of an entity, whose position is that of its reference.
    nested: usize,
}

fn lossy(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or("\u{FFFD}")
}

impl<'a, 'py> Run<'a, 'py> {
    pub fn new(py: Attached<'py>, this: &'a XmlParser, core: Core) -> Self {
        Run { py, this, core, nested: 0 }
    }

    /// Shows where the parser is.
    pub fn publish(&self) {
        self.this.show_position(self.core.line, self.core.column, self.core.byte);
    }

    /// Moves past text.
    pub fn advance(core: &mut Core, text: &[u8]) {
        core.byte += text.len();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match byte {
                b'\r' | b'\n' => {
                    if byte == b'\r' && text.get(at + 1) == Some(&b'\n') {
                        at += 1;
                    }
                    core.line += 1;
                    core.column = 0;
                }
                byte if byte & 0xC0 != 0x80 => core.column += 1,
                _ => {}
            }
            at += 1;
        }
    }

    /// Works behind some text of the present token, as far as positions are concerned.
    pub fn behind<R>(&mut self, text: &[u8], work: impl FnOnce(&mut Self) -> R) -> R {
        if self.nested != 0 {
            return work(self);
        }
        let saved = (self.core.line, self.core.column, self.core.byte);
        Self::advance(&mut self.core, text);
        let result = work(self);
        (self.core.line, self.core.column, self.core.byte) = saved;
        result
    }

    pub fn str(&self, text: &str) -> PyResult<Ref<Object>> {
        Ok(Str::new(self.py, text)?.upcast())
    }

    pub fn optional(&self, text: Option<&str>) -> PyResult<Ref<Object>> {
        text.map_or_else(|| Ok(none()), |text| self.str(text))
    }

    /// A name, one object for equal ones.
    pub fn name(&self, text: &str) -> PyResult<Ref<Object>> {
        let name = self.str(text)?;
        match self.this.intern_dict() {
            Some(dict) => match dict.as_object().downcast::<Dict>() {
                Some(dict) => Ok(dict.set_default(self.py, &name, &name)?.0),
                None => Ok(name),
            },
            None => Ok(name),
        }
    }

    /// Calls a handler that is set.
    pub fn call(&mut self, handler: Handler, args: &[&Object]) -> Step<Option<Ref<Object>>> {
        self.flush_text()?;
        let Some(function) = self.this.handler(handler as usize) else { return Ok(None) };
        if self.nested == 0 {
            self.publish();
        }
        Ok(Some(function.call_pos(self.py, args)?))
    }

    pub fn has(&self, handler: Handler) -> bool {
        self.this.handler(handler as usize).is_some()
    }

    /// Hands markup that nobody else wants to the default handler.
    pub fn default(&mut self, text: &[u8]) -> Step<()> {
        let handler = if self.has(Handler::DefaultExpand) { Handler::DefaultExpand } else { Handler::Default };
        if self.has(handler) && !text.is_empty() {
            let text = self.str(lossy(text))?;
            self.call(handler, &[&text])?;
        }
        Ok(())
    }

    pub fn flush_text(&mut self) -> Step<()> {
        if self.core.text.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.core.text);
        if let Some(function) = self.this.handler(Handler::Text as usize) {
            function.call_pos(self.py, &[&*self.str(&text)?])?;
        }
        Ok(())
    }

    fn characters(&mut self, text: &str) -> Step<()> {
        if !self.has(Handler::Text) {
            return self.default(text.as_bytes());
        }
        if self.this.buffers_text() {
            let size = self.this.buffer_size();
            if self.core.text.len() + text.len() > size {
                self.flush_text()?;
            }
            if text.len() > size {
                let text = self.str(text)?;
                self.call(Handler::Text, &[&text])?;
            } else {
                self.core.text.push_str(text);
                self.this.show_buffered(self.core.text.len());
            }
            return Ok(());
        }
        let text = self.str(text)?;
        self.call(Handler::Text, &[&text]).map(drop)
    }

    /// Takes new input and parses what is complete.
    pub fn feed(&mut self, data: &[u8], last: bool) -> Step<()> {
        if self.core.finished {
            return Err(Stop::Xml(FINISHED, 0));
        }
        // What is held grows by doubling, and names, values and texts are copied from it.
        let held = self.core.raw.len() + self.core.buf.len() + data.len();
        krait_object::reserve::need(self.py, held.saturating_mul(4))?;
        self.core.input += data.len();
        self.core.raw.extend_from_slice(data);
        if matches!(self.core.encoding, Encoding::Undecided)
            && let Some(name) = self.this.wanted_encoding()
            && known(&name).is_none()
        {
            self.core.encoding = self.encoding_named(&name)?;
        }
        if matches!(self.core.encoding, Encoding::Undecided) && (last || self.core.raw.len() >= 4) {
            if let Some((encoding, mark)) = detect(&self.core.raw) {
                self.core.encoding = encoding;
                self.core.raw.drain(..mark);
            } else {
                self.decide_encoding(last)?;
            }
        }
        if matches!(self.core.encoding, Encoding::Undecided) && !last {
            return Ok(());
        }
        let encoding = self.core.encoding.clone();
        let (raw, buf) = (&mut self.core.raw, &mut self.core.buf);
        let valid = decode(&encoding, raw, buf).is_some();
        self.hold(0)?;
        let last_text = last && valid;
        let result = if self.core.subset { self.subset(last_text) } else { self.tokens(last_text) };
        result?;
        if !valid {
            let at = self.core.buf.len();
            return Err(Stop::Xml(INVALID_TOKEN, at));
        }
        self.publish();
        if !last {
            return Ok(());
        }
        self.flush_text()?;
        self.core.finished = true;
        if !self.core.buf.is_empty() || !self.core.raw.is_empty() {
            return Err(Stop::Xml(UNCLOSED_TOKEN, 0));
        }
        match self.core.phase {
            Phase::Epilog => Ok(()),
            _ if self.core.external && self.core.open.is_empty() => Ok(()),
            _ if self.core.external => Err(Stop::Xml(ASYNC_ENTITY, 0)),
            _ => Err(Stop::Xml(NO_ELEMENTS, 0)),
        }
    }

    /// The encoding that the XML declaration names, once it is complete.
    fn decide_encoding(&mut self, last: bool) -> Step<()> {
        if !self.core.raw.starts_with(b"<?xml") {
            self.core.encoding = Encoding::Utf8;
            return Ok(());
        }
        let Some(end) = find(&self.core.raw, b"?>") else {
            if last || self.core.raw.len() > 4096 {
                self.core.encoding = Encoding::Utf8;
            }
            return Ok(());
        };
        let declaration = self.core.raw[..end].to_vec();
        self.core.encoding = Encoding::Utf8;
        let Some(at) = find(&declaration, b"encoding") else { return Ok(()) };
        let rest = &declaration[at + 8..];
        let Some(start) = rest.iter().position(|byte| matches!(byte, b'"' | b'\'')) else { return Ok(()) };
        let quote = rest[start];
        let Some(len) = rest[start + 1..].iter().position(|&byte| byte == quote) else { return Ok(()) };
        let name = lossy(&rest[start + 1..start + 1 + len]).to_owned();
        self.core.encoding = self.encoding_named(&name)?;
        Ok(())
    }

    pub fn encoding_named(&self, name: &str) -> Step<Encoding> {
        match known(name) {
            Some(Encoding::Undecided) => Ok(Encoding::Utf8),
            Some(encoding) => Ok(encoding),
            None => match super::codec_table(self.py, name)? {
                Some(table) => Ok(Encoding::Table(table)),
                None => Err(Stop::Xml(UNKNOWN_ENCODING, 30)),
            },
        }
    }

    /// An external subset, parsed when it is complete.
    fn subset(&mut self, last: bool) -> Step<()> {
        if last {
            let text = std::mem::take(&mut self.core.buf);
            dtd::declarations(self, lossy(&text))?;
        }
        Ok(())
    }

    fn tokens(&mut self, last: bool) -> Step<()> {
        if self.core.buf.is_empty() {
            return Ok(());
        }
        // A long token that comes in small pieces is not looked at again for each of them.
        if self.this.defers() && !last && self.core.buf.len() < 2 * self.core.waiting {
            return Ok(());
        }
        let mut buf = std::mem::take(&mut self.core.buf);
        let (used, result) = match self.some_tokens(&buf, last) {
            Ok((used, _)) => (used, Ok(())),
            Err((used, stop)) => (used, Err(stop)),
        };
        self.core.waiting = if used == 0 { buf.len() } else { 0 };
        buf.drain(..used);
        self.core.buf = buf;
        result
    }

    fn some_tokens(&mut self, buf: &[u8], last: bool) -> Result<(usize, bool), (usize, Stop)> {
        let mut at = 0;
        while at < buf.len() {
            let step = match self.core.phase {
                Phase::Content => self.content(&buf[at..], last),
                _ => self.outside(&buf[at..], last),
            };
            match step {
                Ok(Some(used)) => {
                    Self::advance(&mut self.core, &buf[at..at + used]);
                    at += used;
                }
                Ok(None) => return Ok((at, true)),
                Err(stop) => return Err((at, stop)),
            }
        }
        Ok((at, false))
    }

    /// A token before or after the root element.
    fn outside(&mut self, text: &[u8], last: bool) -> Step<Option<usize>> {
        let fresh = self.core.phase == Phase::Start;
        if text[0] != b'<' {
            let space = space_len(text);
            if space == 0 {
                return self.misplaced(text, last);
            }
            self.core.phase = if fresh { Phase::Prolog } else { self.core.phase };
            self.default(&text[..space])?;
            return Ok(Some(space));
        }
        if text.len() < 9 && !last && !matches!(text.get(1), Some(b'/')) && tag_end(text).is_none() {
            return Ok(None);
        }
        if fresh && text.starts_with(b"<?xml") && text.get(5).is_some_and(|&byte| is_space(byte)) {
            let Some(end) = find(text, b"?>") else { return Ok(None) };
            self.core.phase = Phase::Prolog;
            self.xml_declaration(&text[..end + 2])?;
            return Ok(Some(end + 2));
        }
        if fresh {
            self.core.phase = Phase::Prolog;
        }
        if let Some(used) = self.misc(text)? {
            return Ok(used);
        }
        if text.starts_with(b"<!DOCTYPE") && !self.core.seen_doctype && self.core.phase == Phase::Prolog {
            let Some(end) = doctype_end(&text[2..]).map(|end| end + 2) else { return Ok(None) };
            self.core.seen_doctype = true;
            dtd::doctype(self, &text[..end + 1])?;
            return Ok(Some(end + 1));
        }
        if self.core.phase == Phase::Epilog && text.len() > 1 {
            return Err(Stop::Xml(JUNK, 0));
        }
        match text.get(1) {
            None => Ok(None),
            Some(&byte) if starts_name(byte) => {
                if tag_end(text).is_some() && !self.core.seen_doctype {
                    dtd::foreign_subset(self)?;
                }
                self.core.phase = Phase::Content;
                let step = self.content(text, last)?;
                if step.is_none() {
                    self.core.phase = Phase::Prolog;
                }
                Ok(step)
            }
            Some(_) => Err(Stop::Xml(INVALID_TOKEN, 1)),
        }
    }

    /// Text before or after the root element. What would be a token of a declaration is out of place there; anything
    /// else is no token at all.
    fn misplaced(&mut self, text: &[u8], last: bool) -> Step<Option<usize>> {
        let epilog = self.core.phase == Phase::Epilog;
        let name = text.iter().take_while(|&&byte| in_name(byte)).count();
        match text.get(name) {
            None if !last && !epilog => return Ok(None),
            None => {}
            Some(b'>' | b')' | b',' | b'|' | b'[' | b'%' | b'+' | b'*' | b'?') if name > 0 => {}
            Some(&byte) if name > 0 && is_space(byte) => {}
            Some(b'"' | b'\'' | b'%' | b',' | b'[' | b']' | b'(' | b')' | b'|' | b'>' | b'#') if name == 0 => {}
            Some(_) => return Err(Stop::Xml(INVALID_TOKEN, name)),
        }
        Err(Stop::Xml(if epilog { JUNK } else { SYNTAX }, 0))
    }

    /// Comments and processing instructions. The outer `None`: something else.
    fn misc(&mut self, text: &[u8]) -> Step<Option<Option<usize>>> {
        if text.starts_with(b"<!--") {
            let Some(end) = find(&text[4..], b"--") else { return Ok(Some(None)) };
            let Some(&close) = text.get(4 + end + 2) else { return Ok(Some(None)) };
            if close != b'>' {
                return Err(Stop::Xml(INVALID_TOKEN, 4 + end + 2));
            }
            if self.has(Handler::Comment) {
                let body = self.str(&normalize_lines(lossy(&text[4..4 + end])))?;
                self.call(Handler::Comment, &[&body])?;
            } else {
                self.default(&text[..end + 7])?;
            }
            return Ok(Some(Some(end + 7)));
        }
        if text.starts_with(b"<?") {
            let Some(end) = find(&text[2..], b"?>") else { return Ok(Some(None)) };
            let body = &text[2..2 + end];
            let len = name_len(body);
            if len == 0 {
                return Err(Stop::Xml(INVALID_TOKEN, 2));
            }
            if body[..len].eq_ignore_ascii_case(b"xml") {
                return Err(Stop::Xml(if &body[..len] == b"xml" { MISPLACED_PI } else { INVALID_TOKEN }, 0));
            }
            let space = space_len(&body[len..]);
            if space == 0 && len < body.len() {
                return Err(Stop::Xml(INVALID_TOKEN, 2 + len));
            }
            if self.has(Handler::Instruction) {
                let target = self.name(lossy(&body[..len]))?;
                let data = self.str(&normalize_lines(lossy(&body[len + space..])))?;
                self.call(Handler::Instruction, &[&target, &data])?;
            } else {
                self.default(&text[..end + 4])?;
            }
            return Ok(Some(Some(end + 4)));
        }
        Ok(None)
    }

    fn xml_declaration(&mut self, token: &[u8]) -> Step<()> {
        let text = lossy(&token[5..token.len() - 2]);
        let (mut version, mut encoding, mut standalone) = (None, None, -1);
        let mut rest = text.trim_start_matches(XML_SPACE);
        while !rest.is_empty() {
            let bad = || Stop::Xml(XML_DECL, 5 + text.len() - rest.len());
            let Some((name, tail)) = rest.split_once('=') else { return Err(bad()) };
            let tail = tail.trim_start_matches(XML_SPACE);
            let quote = tail.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(bad)?;
            let Some((value, tail)) = tail[1..].split_once(quote) else { return Err(bad()) };
            match name.trim_end_matches(XML_SPACE) {
                "version" => version = Some(value.to_owned()),
                "encoding" => encoding = Some(value.to_owned()),
                "standalone" if value == "yes" => standalone = 1,
                "standalone" if value == "no" => standalone = 0,
                _ => return Err(bad()),
            }
            rest = tail.trim_start_matches(XML_SPACE);
        }
        if version.is_none() && !self.core.external {
            return Err(Stop::Xml(XML_DECL, 5));
        }
        self.core.standalone = standalone == 1;
        if self.has(Handler::XmlDecl) && !self.core.external {
            let (version, encoding) = (self.optional(version.as_deref())?, self.optional(encoding.as_deref())?);
            let standalone = standalone.into_object(self.py)?;
            self.call(Handler::XmlDecl, &[&version, &encoding, &standalone])?;
        } else {
            self.default(token)?;
        }
        Ok(())
    }

    /// A token of content; `None` when it is not complete.
    fn content(&mut self, text: &[u8], last: bool) -> Step<Option<usize>> {
        match text[0] {
            b'<' => self.markup(text, last),
            b'&' => {
                let Some(end) = text.iter().position(|&byte| byte == b';') else {
                    return match text.iter().position(|&byte| is_space(byte) || byte == b'<') {
                        Some(at) => Err(Stop::Xml(INVALID_TOKEN, at)),
                        None => Ok(None),
                    };
                };
                let body = lossy(&text[1..end]).to_owned();
                self.reference(&body, &text[..end + 1])?;
                Ok(Some(end + 1))
            }
            b'\n' | b'\r' => {
                let used = match (text[0], text.get(1)) {
                    (b'\r', None) if !last => return Ok(None),
                    (b'\r', Some(b'\n')) => 2,
                    _ => 1,
                };
                self.characters("\n")?;
                Ok(Some(used))
            }
            _ => {
                let mut end =
                    text.iter().position(|byte| matches!(byte, b'<' | b'&' | b'\n' | b'\r')).unwrap_or(text.len());
                if let Some(at) = find(&text[..end], b"]]>") {
                    return Err(Stop::Xml(INVALID_TOKEN, at));
                }
                if let Some(at) = text[..end].iter().position(|&byte| byte < 32 && byte != b'\t') {
                    return Err(Stop::Xml(INVALID_TOKEN, at));
                }
                if end == text.len() && !last && self.nested == 0 {
                    // A closing bracket may be the start of what may not stand here.
                    while end > 0 && text[end - 1] == b']' {
                        end -= 1;
                    }
                    if end == 0 {
                        return Ok(None);
                    }
                }
                // What is converted arrives in pieces of a fixed size.
                if !matches!(self.core.encoding, Encoding::Utf8) && self.nested == 0 && end > PIECE {
                    end = PIECE;
                    while text[end] & 0xC0 == 0x80 {
                        end -= 1;
                    }
                }
                self.characters(lossy(&text[..end]))?;
                Ok(Some(end))
            }
        }
    }

    fn markup(&mut self, text: &[u8], last: bool) -> Step<Option<usize>> {
        if text.len() < 2 {
            return Ok(None);
        }
        if let Some(used) = self.misc(text)? {
            return Ok(used);
        }
        if text.starts_with(b"<![CDATA[") {
            let Some(end) = find(&text[9..], b"]]>") else {
                return if last { Err(Stop::Xml(UNCLOSED_CDATA, text.len())) } else { Ok(None) };
            };
            self.cdata(&text[9..9 + end])?;
            return Ok(Some(end + 12));
        }
        if text[1] == b'!' {
            let start = &b"<![CDATA["[..];
            let comment = &b"<!--"[..];
            return if start.starts_with(text) || comment.starts_with(text) {
                Ok(None)
            } else {
                Err(Stop::Xml(INVALID_TOKEN, 2))
            };
        }
        if text[1] == b'/' {
            let Some(end) = text.iter().position(|&byte| byte == b'>') else { return Ok(None) };
            let len = name_len(&text[2..end]);
            if len == 0 || 2 + len + space_len(&text[2 + len..end]) != end {
                return Err(Stop::Xml(INVALID_TOKEN, 2 + len));
            }
            self.end_tag(lossy(&text[2..2 + len]), &text[..end + 1])?;
            return Ok(Some(end + 1));
        }
        if !starts_name(text[1]) {
            return Err(Stop::Xml(INVALID_TOKEN, 1));
        }
        let Some(end) = tag_end(text) else { return Ok(None) };
        self.start_tag(&text[..end + 1])?;
        Ok(Some(end + 1))
    }

    fn cdata(&mut self, body: &[u8]) -> Step<()> {
        if self.has(Handler::StartCdata) {
            self.call(Handler::StartCdata, &[])?;
        } else {
            self.default(b"<![CDATA[")?;
        }
        let text = normalize_lines(lossy(body));
        let mut before = b"<![CDATA[".to_vec();
        for line in text.split_inclusive('\n') {
            let (line, newline) = match line.strip_suffix('\n') {
                Some(line) => (line, true),
                None => (line, false),
            };
            if !line.is_empty() {
                self.behind(&before, |run| run.characters(line))?;
                before.extend_from_slice(line.as_bytes());
            }
            if newline {
                self.behind(&before, |run| run.characters("\n"))?;
                before.push(b'\n');
            }
        }
        self.behind(&before, Self::end_cdata)
    }

    fn end_cdata(&mut self) -> Step<()> {
        if self.has(Handler::EndCdata) {
            self.call(Handler::EndCdata, &[])?;
            return Ok(());
        }
        self.default(b"]]>")
    }

    /// Counts text that entities made, and refuses too much.
    fn count_expansion(&mut self, len: usize) -> Step<()> {
        self.core.expanded += len;
        let (input, output) = (self.core.input.max(1), self.core.input + self.core.expanded);
        let (threshold, factor) = self.this.limits();
        if output as u64 >= threshold && output as f64 / input as f64 > factor {
            return Err(Stop::Xml(AMPLIFICATION, 0));
        }
        Ok(())
    }

    /// Counts memory that the parser keeps, and refuses too much for the input that there was.
    pub fn hold(&mut self, bytes: usize) -> Step<()> {
        self.core.held += bytes;
        let held = self.core.held + self.core.raw.len() + self.core.buf.len() + self.core.text.len();
        let (threshold, factor) = self.this.memory_limits();
        if held as u64 >= threshold && held as f64 / self.core.input.max(1) as f64 > factor {
            return Err(Stop::Xml(NO_MEMORY, 0));
        }
        Ok(())
    }

    /// Takes back what [`hold`](Self::hold) counted.
    pub fn release(&mut self, bytes: usize) {
        self.core.held = self.core.held.saturating_sub(bytes);
    }

    /// `&...;` in content.
    fn reference(&mut self, body: &str, token: &[u8]) -> Step<()> {
        if let Some(number) = body.strip_prefix('#') {
            let c = char_ref(number).ok_or(Stop::Xml(BAD_CHAR_REF, 0))?;
            return self.characters(c.encode_utf8(&mut [0; 4]));
        }
        if name_len(body.as_bytes()) != body.len() || body.is_empty() {
            return Err(Stop::Xml(INVALID_TOKEN, 1));
        }
        if let Some(c) = predefined(body) {
            return self.characters(c.encode_utf8(&mut [0; 4]));
        }
        let Some(entity) = self.core.entities.get(body).cloned() else {
            if self.core.has_external_subset && !self.core.standalone {
                return self.skipped(body, token);
            }
            return Err(Stop::Xml(UNDEFINED_ENTITY, 0));
        };
        if entity.open {
            return Err(Stop::Xml(RECURSIVE_ENTITY, 0));
        }
        if entity.notation.is_some() {
            return Err(Stop::Xml(BINARY_ENTITY, 0));
        }
        let Some(value) = entity.value else {
            return self.external_reference(Some(body), entity.system.as_deref(), entity.public.as_deref(), token);
        };
        if self.has(Handler::Default) && !self.has(Handler::DefaultExpand) {
            return match self.has(Handler::SkippedEntity) {
                true => self.skipped(body, token),
                false => self.default(token),
            };
        }
        self.count_expansion(value.len())?;
        self.hold(value.len())?;
        self.set_open(body, true);
        self.nested += 1;
        let depth = self.core.open.len();
        let result = self.expand(value.as_bytes());
        self.nested -= 1;
        self.release(value.len());
        self.set_open(body, false);
        result?;
        if self.core.open.len() != depth {
            return Err(Stop::Xml(ASYNC_ENTITY, 0));
        }
        Ok(())
    }

    fn set_open(&mut self, name: &str, open: bool) {
        if let Some(entity) = self.core.entities.get_mut(name) {
            entity.open = open;
        }
    }

    fn skipped(&mut self, name: &str, token: &[u8]) -> Step<()> {
        if self.has(Handler::SkippedEntity) {
            let name = self.name(name)?;
            self.call(Handler::SkippedEntity, &[&name, &*0.into_object(self.py)?])?;
            return Ok(());
        }
        self.default(token)
    }

    fn expand(&mut self, text: &[u8]) -> Step<()> {
        let _guard = self.py.enter_recursive(" in an XML entity")?;
        let mut at = 0;
        while at < text.len() {
            match self.content(&text[at..], true)? {
                Some(used) => at += used,
                None => return Err(Stop::Xml(UNCLOSED_TOKEN, 0)),
            }
        }
        Ok(())
    }

    /// Asks the host for an external entity.
    pub fn external_reference(
        &mut self,
        name: Option<&str>,
        system: Option<&str>,
        public: Option<&str>,
        token: &[u8],
    ) -> Step<()> {
        if !self.has(Handler::ExternalEntity) {
            return self.default(token);
        }
        let base = self.this.base().unwrap_or_else(none);
        let (name, system, public) = (self.optional(name)?, self.optional(system)?, self.optional(public)?);
        self.flush_text()?;
        self.publish();
        // A parser for the entity is made from this one meanwhile.
        let lent = self.core.child(true);
        self.this.lend(lent);
        let answer = self.call(Handler::ExternalEntity, &[&name, &base, &system, &public]);
        if let Some(shared) = self.this.take_back() {
            self.core.entities = shared.entities;
            self.core.parameters = shared.parameters;
            self.core.attributes = shared.attributes;
        }
        match answer? {
            Some(answer) if !answer.is_true(self.py)? => Err(Stop::Xml(EXTERNAL_HANDLING, 0)),
            _ => Ok(()),
        }
    }

    /// The value of an attribute: references resolved, white space as blanks.
    pub fn attribute_value(&mut self, text: &str, depth: usize) -> Step<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['&', '\n', '\r', '\t', '<']) {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            match tail.as_bytes()[0] {
                b'<' => return Err(Stop::Xml(INVALID_TOKEN, 0)),
                b'&' => {
                    let Some(end) = tail.find(';') else { return Err(Stop::Xml(INVALID_TOKEN, 0)) };
                    let body = &tail[1..end];
                    if let Some(number) = body.strip_prefix('#') {
                        out.push(char_ref(number).ok_or(Stop::Xml(BAD_CHAR_REF, 0))?);
                    } else if let Some(c) = predefined(body) {
                        out.push(c);
                    } else {
                        match self.core.entities.get(body).cloned() {
                            Some(entity) if entity.open || depth > 64 => return Err(Stop::Xml(RECURSIVE_ENTITY, 0)),
                            Some(Entity { value: Some(value), .. }) => {
                                self.count_expansion(value.len())?;
                                self.hold(value.len())?;
                                self.set_open(body, true);
                                let len = value.len();
                                let value = self.attribute_value(&value, depth + 1);
                                self.set_open(body, false);
                                self.release(len);
                                out.push_str(&value?);
                            }
                            Some(_) => return Err(Stop::Xml(EXTERNAL_IN_ATTRIBUTE, 0)),
                            None if self.core.has_external_subset && !self.core.standalone => {}
                            None => return Err(Stop::Xml(UNDEFINED_ENTITY, 0)),
                        }
                    }
                    rest = &tail[end + 1..];
                    continue;
                }
                b'\r' if tail.starts_with("\r\n") => {
                    out.push(' ');
                    rest = &tail[2..];
                    continue;
                }
                _ => out.push(' '),
            }
            rest = &tail[1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Name and attributes of a start tag.
    fn read_tag(&mut self, token: &[u8]) -> Step<(String, Vec<(String, String)>, bool)> {
        let invalid = |at: usize| Stop::Xml(INVALID_TOKEN, at);
        let len = name_len(&token[1..]);
        let name = lossy(&token[1..1 + len]).to_owned();
        let mut at = 1 + len;
        let mut attributes: Vec<(String, String)> = Vec::new();
        loop {
            let space = space_len(&token[at..]);
            at += space;
            match token[at] {
                b'>' if at + 1 == token.len() => return Ok((name, attributes, false)),
                b'/' if at + 2 == token.len() => return Ok((name, attributes, true)),
                b'/' => return Err(invalid(at + 1)),
                byte if space > 0 && starts_name(byte) => {}
                _ => return Err(invalid(at)),
            }
            let start = at;
            let len = name_len(&token[at..]);
            let key = lossy(&token[at..at + len]).to_owned();
            at += len;
            at += space_len(&token[at..]);
            if token[at] != b'=' {
                return Err(invalid(at));
            }
            at += 1;
            at += space_len(&token[at..]);
            let quote = token[at];
            if !matches!(quote, b'"' | b'\'') {
                return Err(invalid(at));
            }
            let Some(len) = token[at + 1..].iter().position(|&byte| byte == quote) else { return Err(invalid(at)) };
            let value = lossy(&token[at + 1..at + 1 + len]).to_owned();
            let value = match self.attribute_value(&value, 0) {
                Err(Stop::Xml(code, _)) => {
                    let inner = value.find(if code == INVALID_TOKEN { '<' } else { '&' }).unwrap_or(0);
                    return Err(Stop::Xml(code, at + 1 + inner));
                }
                value => value?,
            };
            at += len + 2;
            if attributes.iter().any(|(known, _)| *known == key) {
                return Err(Stop::Xml(DUPLICATE_ATTRIBUTE, start));
            }
            attributes.push((key, value));
        }
    }

    fn start_tag(&mut self, token: &[u8]) -> Step<()> {
        let (raw, mut attributes, empty) = self.read_tag(token)?;
        if let Some(declared) = self.core.attributes.get(&raw).cloned() {
            for (key, value) in &mut attributes {
                if declared.iter().any(|attribute| attribute.name == *key && !attribute.cdata) {
                    *value = value.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                }
            }
            if !self.this.only_specified() {
                for attribute in declared {
                    if let Some(default) = attribute.default
                        && !attributes.iter().any(|(key, _)| *key == attribute.name)
                    {
                        attributes.push((attribute.name, default));
                    }
                }
            }
        }
        let mut bound = Vec::new();
        let separator = self.this.separator();
        if separator.is_some() {
            let mut index = 0;
            while index < attributes.len() {
                let prefix = match attributes[index].0.as_str() {
                    "xmlns" => None,
                    key => match key.strip_prefix("xmlns:") {
                        Some(prefix) => Some(prefix.to_owned()),
                        None => {
                            index += 1;
                            continue;
                        }
                    },
                };
                let (_, uri) = attributes.remove(index);
                if uri.is_empty() && prefix.is_some() {
                    return Err(Stop::Xml(UNDECLARING_PREFIX, 0));
                }
                if self.has(Handler::StartNamespace) {
                    let shown = match &prefix {
                        Some(prefix) => self.name(prefix)?,
                        None => none(),
                    };
                    let uri = if uri.is_empty() { none() } else { self.name(&uri)? };
                    self.call(Handler::StartNamespace, &[&shown, &uri])?;
                }
                self.core.bindings.push((prefix.clone(), uri));
                bound.push(prefix);
            }
        }
        let name = self.expanded(&raw, separator.as_deref(), true)?;
        let name = self.name(&name)?;
        let mut pairs: Vec<(Ref<Object>, Ref<Object>)> = Vec::with_capacity(attributes.len());
        for (key, value) in &attributes {
            let key = self.expanded(key, separator.as_deref(), false)?;
            pairs.push((self.name(&key)?, self.str(value)?));
        }
        self.hold(raw.len() + size_of::<Open>())?;
        self.core.open.push(Open { raw, name: name.clone(), bound });
        if self.has(Handler::StartElement) {
            let py = self.py;
            let attributes = if self.this.ordered() {
                let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
                List::from_vec(py, flat)?.upcast()
            } else {
                let dict = Dict::new(py)?;
                for (key, value) in &pairs {
                    dict.set(py, key, value)?;
                }
                dict.upcast()
            };
            self.call(Handler::StartElement, &[&name, &attributes])?;
        } else {
            self.default(token)?;
        }
        if empty {
            self.behind(token, |run| run.close(token))?;
        }
        Ok(())
    }

    /// A name with its namespace.
    fn expanded(&self, name: &str, separator: Option<&str>, element: bool) -> Step<String> {
        let Some(separator) = separator else { return Ok(name.to_owned()) };
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, name),
        };
        if prefix.is_none() && !element {
            return Ok(name.to_owned());
        }
        if prefix == Some("xml") {
            return Ok(format!("http://www.w3.org/XML/1998/namespace{separator}{local}"));
        }
        let found = self.core.bindings.iter().rev().find(|(bound, _)| bound.as_deref() == prefix);
        match (found, prefix) {
            (Some((_, uri)), _) if !uri.is_empty() => Ok(match prefix {
                Some(prefix) if self.this.shows_prefixes() && !separator.is_empty() => {
                    format!("{uri}{separator}{local}{separator}{prefix}")
                }
                _ => format!("{uri}{separator}{local}"),
            }),
            (_, Some(_)) => Err(Stop::Xml(UNBOUND_PREFIX, 0)),
            _ => Ok(local.to_owned()),
        }
    }

    fn end_tag(&mut self, name: &str, token: &[u8]) -> Step<()> {
        match self.core.open.last() {
            Some(open) if open.raw == name => {}
            Some(_) => return Err(Stop::Xml(TAG_MISMATCH, 2)),
            None => return Err(Stop::Xml(if self.core.external { ASYNC_ENTITY } else { INVALID_TOKEN }, 0)),
        }
        self.close(token)
    }

    fn close(&mut self, token: &[u8]) -> Step<()> {
        let Some(open) = self.core.open.pop() else { return Ok(()) };
        self.release(open.raw.len() + size_of::<Open>());
        if self.has(Handler::EndElement) {
            self.call(Handler::EndElement, &[&open.name])?;
        } else if !token.ends_with(b"/>") {
            self.default(token)?;
        }
        for prefix in open.bound.into_iter().rev() {
            self.core.bindings.pop();
            if self.has(Handler::EndNamespace) {
                let prefix = match prefix {
                    Some(prefix) => self.name(&prefix)?,
                    None => none(),
                };
                self.call(Handler::EndNamespace, &[&prefix])?;
            }
        }
        if self.core.open.is_empty() && !self.core.external {
            self.core.phase = Phase::Epilog;
        }
        Ok(())
    }
}
