//! Document type declarations.
use super::core::{Attribute, Entity, Run, Step, Stop};
use super::names::*;
use super::scan::*;
use krait_object::{IntoObject, Object, PyResult, Ref, Tuple, none};

/// A cursor over declarations.
struct Cursor<'t> {
    text: &'t str,
}

impl<'t> Cursor<'t> {
    fn skip(&mut self) -> bool {
        let trimmed = self.text.trim_start_matches([' ', '\t', '\n', '\r']);
        let moved = trimmed.len() != self.text.len();
        self.text = trimmed;
        moved
    }

    fn eat(&mut self, word: &str) -> bool {
        match self.text.strip_prefix(word) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn name(&mut self) -> Step<&'t str> {
        let len = name_len(self.text.as_bytes());
        if len == 0 {
            return Err(Stop::Xml(SYNTAX, 0));
        }
        let (name, rest) = self.text.split_at(len);
        self.text = rest;
        Ok(name)
    }

    fn quoted(&mut self) -> Step<&'t str> {
        let quote = self.text.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(Stop::Xml(SYNTAX, 0))?;
        let (value, rest) = self.text[1..].split_once(quote).ok_or(Stop::Xml(UNCLOSED_TOKEN, 0))?;
        self.text = rest;
        Ok(value)
    }

    /// `SYSTEM "..."` or `PUBLIC "..." "..."`; a notation may do without the system part.
    fn external(&mut self) -> Step<Option<(Option<&'t str>, Option<String>)>> {
        self.skip();
        if self.eat("SYSTEM") {
            self.skip();
            return Ok(Some((Some(self.quoted()?), None)));
        }
        if self.eat("PUBLIC") {
            self.skip();
            let public = self.quoted()?.split_whitespace().collect::<Vec<_>>().join(" ");
            self.skip();
            let system = if self.text.starts_with(['"', '\'']) { Some(self.quoted()?) } else { None };
            return Ok(Some((system, Some(public))));
        }
        Ok(None)
    }
}

/// `<!DOCTYPE ...>`.
pub fn doctype(run: &mut Run<'_, '_>, token: &[u8]) -> Step<()> {
    let text = std::str::from_utf8(token).unwrap_or_default();
    let mut cursor = Cursor { text: &text[9..text.len() - 1] };
    cursor.skip();
    let name = cursor.name()?;
    let external = cursor.external()?;
    cursor.skip();
    let subset = match cursor.text.strip_prefix('[') {
        Some(rest) => Some(rest.rsplit_once(']').ok_or(Stop::Xml(SYNTAX, 0))?.0),
        None if cursor.text.is_empty() => None,
        None => return Err(Stop::Xml(SYNTAX, token.len() - 1 - cursor.text.len())),
    };
    let (system, public) = external.clone().unwrap_or((None, None));
    run.core.has_external_subset = system.is_some();
    // Who reads the external subset learns about it after that.
    if system.is_some() && !run.this.reads_parameters() {
        not_standalone(run)?;
    }
    if run.has(Handler::StartDoctype) {
        let (name, system, public) = (run.name(name)?, run.optional(system)?, run.optional(public.as_deref())?);
        let has_subset = i32::from(subset.is_some()).into_object(run.py)?;
        let head = token.len() - 1 - cursor.text.len();
        run.behind(&token[..head], |run| run.call(Handler::StartDoctype, &[&name, &system, &public, &has_subset]))?;
    } else {
        run.default(token)?;
    }
    if let Some(subset) = subset {
        declarations(run, subset)?;
    }
    if let Some(system) = system
        && run.this.parses_parameters(run.core.standalone)
    {
        run.this.lend_subset(true);
        run.external_reference(None, Some(system), public.as_deref(), b"")?;
        not_standalone(run)?;
    } else if system.is_none() {
        foreign_subset(run)?;
    }
    if run.has(Handler::EndDoctype) {
        run.behind(&token[..token.len() - 1], |run| run.call(Handler::EndDoctype, &[]))?;
    }
    Ok(())
}

/// Asks whether a document may depend on declarations elsewhere.
fn not_standalone(run: &mut Run<'_, '_>) -> Step<()> {
    if run.core.standalone {
        return Ok(());
    }
    match run.call(Handler::NotStandalone, &[])? {
        Some(answer) if answer.as_i64(run.py)? == 0 => Err(Stop::Xml(NOT_STANDALONE, 0)),
        _ => Ok(()),
    }
}

/// The external subset that the host gives to a document without one.
pub fn foreign_subset(run: &mut Run<'_, '_>) -> Step<()> {
    if !run.this.takes_foreign_subset() || run.core.foreign_subset {
        return Ok(());
    }
    run.core.foreign_subset = true;
    run.core.has_external_subset = true;
    if run.this.parses_parameters(run.core.standalone) && run.has(Handler::ExternalEntity) {
        run.this.lend_subset(true);
        run.external_reference(None, None, None, b"")?;
        not_standalone(run)?;
    }
    Ok(())
}

/// Declarations of a subset.
pub fn declarations(run: &mut Run<'_, '_>, text: &str) -> Step<()> {
    let _guard = run.py.enter_recursive(" in a document type declaration")?;
    let mut cursor = Cursor { text };
    loop {
        cursor.skip();
        if cursor.text.is_empty() {
            return Ok(());
        }
        if cursor.eat("%") {
            let name = cursor.name()?;
            if !cursor.eat(";") {
                return Err(Stop::Xml(SYNTAX, 0));
            }
            parameter(run, name)?;
            not_standalone(run)?;
        } else if let Some(rest) = cursor.text.strip_prefix("<!--") {
            let end = rest.find("-->").ok_or(Stop::Xml(UNCLOSED_TOKEN, 0))?;
            if run.has(Handler::Comment) {
                let body = run.str(&normalize_lines(&rest[..end]))?;
                run.call(Handler::Comment, &[&body])?;
            }
            cursor.text = &rest[end + 3..];
        } else if let Some(rest) = cursor.text.strip_prefix("<?") {
            let end = rest.find("?>").ok_or(Stop::Xml(UNCLOSED_TOKEN, 0))?;
            let body = &rest[..end];
            let len = name_len(body.as_bytes());
            if run.has(Handler::Instruction) && !body.starts_with("xml ") {
                let target = run.name(&body[..len])?;
                let data = run.str(body[len..].trim_start())?;
                run.call(Handler::Instruction, &[&target, &data])?;
            }
            cursor.text = &rest[end + 2..];
        } else if let Some(rest) = cursor.text.strip_prefix("<!") {
            let end = tag_end(rest.as_bytes()).ok_or(Stop::Xml(UNCLOSED_TOKEN, 0))?;
            declaration(run, &rest[..end])?;
            cursor.text = &rest[end + 1..];
        } else {
            return Err(Stop::Xml(SYNTAX, 0));
        }
    }
}

fn parameter(run: &mut Run<'_, '_>, name: &str) -> Step<()> {
    let Some(entity) = run.core.parameters.get(name).cloned() else {
        run.core.has_external_subset = true;
        return Ok(());
    };
    if entity.open {
        return Err(Stop::Xml(RECURSIVE_ENTITY, 0));
    }
    if !run.this.parses_parameters(run.core.standalone) {
        // What it would declare stays unknown.
        run.core.has_external_subset = true;
        return Ok(());
    }
    let Some(value) = entity.value else {
        run.core.has_external_subset = true;
        if run.this.parses_parameters(run.core.standalone) {
            run.this.lend_subset(true);
            return run.external_reference(None, entity.system.as_deref(), entity.public.as_deref(), b"");
        }
        return Ok(());
    };
    let set = |run: &mut Run<'_, '_>, open: bool| {
        if let Some(entity) = run.core.parameters.get_mut(name) {
            entity.open = open;
        }
    };
    set(run, true);
    let result = declarations(run, &value);
    set(run, false);
    result
}

fn declaration(run: &mut Run<'_, '_>, text: &str) -> Step<()> {
    let mut cursor = Cursor { text };
    if cursor.eat("ENTITY") {
        entity(run, cursor)
    } else if cursor.eat("ELEMENT") {
        element(run, cursor)
    } else if cursor.eat("ATTLIST") {
        attlist(run, cursor)
    } else if cursor.eat("NOTATION") {
        cursor.skip();
        let name = cursor.name()?;
        let (system, public) = cursor.external()?.ok_or(Stop::Xml(SYNTAX, 0))?;
        if run.has(Handler::Notation) {
            let base = run.this.base().unwrap_or_else(none);
            let (name, system) = (run.name(name)?, run.optional(system)?);
            let public = run.optional(public.as_deref())?;
            run.call(Handler::Notation, &[&name, &base, &system, &public])?;
        }
        Ok(())
    } else {
        Err(Stop::Xml(SYNTAX, 0))
    }
}

/// The value of an entity: character references and parameter entities are resolved at once.
fn entity_value(run: &Run<'_, '_>, text: &str) -> Step<String> {
    let text = normalize_lines(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['&', '%']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let end = tail.find(';').ok_or(Stop::Xml(INVALID_TOKEN, 0))?;
        let body = &tail[1..end];
        if tail.starts_with("&#") {
            out.push(char_ref(&body[1..]).ok_or(Stop::Xml(BAD_CHAR_REF, 0))?);
        } else if tail.starts_with('%') {
            match run.core.parameters.get(body).and_then(|entity| entity.value.as_deref()) {
                Some(value) => out.push_str(value),
                None => return Err(Stop::Xml(UNDEFINED_ENTITY, 0)),
            }
        } else {
            out.push_str(&tail[..end + 1]);
        }
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn entity(run: &mut Run<'_, '_>, mut cursor: Cursor<'_>) -> Step<()> {
    cursor.skip();
    let is_parameter = cursor.eat("%");
    cursor.skip();
    let name = cursor.name()?;
    cursor.skip();
    let mut entity = Entity::default();
    match cursor.external()? {
        Some((system, public)) => {
            entity.system = system.map(str::to_owned);
            entity.public = public;
            cursor.skip();
            if cursor.eat("NDATA") {
                cursor.skip();
                entity.notation = Some(cursor.name()?.to_owned());
            }
        }
        None => entity.value = Some(entity_value(run, cursor.quoted()?)?),
    }
    let py = run.py;
    let base = run.this.base().unwrap_or_else(none);
    let (system, public) = (run.optional(entity.system.as_deref())?, run.optional(entity.public.as_deref())?);
    let shown = run.name(name)?;
    if let (Some(notation), true) = (&entity.notation, run.has(Handler::UnparsedEntity)) {
        let notation = run.name(notation)?;
        run.call(Handler::UnparsedEntity, &[&shown, &base, &system, &public, &notation])?;
    } else if run.has(Handler::EntityDecl) {
        let value = run.optional(entity.value.as_deref())?;
        let notation = run.optional(entity.notation.as_deref())?;
        let is_parameter = i32::from(is_parameter).into_object(py)?;
        run.call(Handler::EntityDecl, &[&shown, &is_parameter, &value, &base, &system, &public, &notation])?;
    }
    let texts = [&entity.value, &entity.system, &entity.public, &entity.notation];
    let size = texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>() + size_of::<Entity>();
    let table = if is_parameter { &mut run.core.parameters } else { &mut run.core.entities };
    // The first declaration counts.
    if table.contains_key(name) {
        return Ok(());
    }
    table.insert(name.to_owned(), entity);
    run.hold(name.len() + size)
}

/// A content model as `(type, quantifier, name, children)`.
fn model(
    run: &Run<'_, '_>,
    kind: i32,
    quantifier: i32,
    name: Option<&str>,
    children: Vec<Ref<Object>>,
) -> PyResult<Ref<Object>> {
    let py = run.py;
    let children = Tuple::from_vec(py, children)?.upcast();
    let parts = vec![kind.into_object(py)?, quantifier.into_object(py)?, run.optional(name)?, children];
    Ok(Tuple::from_vec(py, parts)?.upcast())
}

fn quantifier(cursor: &mut Cursor<'_>) -> i32 {
    [("?", 1), ("*", 2), ("+", 3)].into_iter().find(|(sign, _)| cursor.eat(sign)).map_or(0, |(_, value)| value)
}

fn particle(run: &Run<'_, '_>, cursor: &mut Cursor<'_>) -> Step<Ref<Object>> {
    let _guard = run.py.enter_recursive(" in a content model")?;
    cursor.skip();
    if !cursor.eat("(") {
        let name = cursor.name()?;
        let quantifier = quantifier(cursor);
        return Ok(model(run, 4, quantifier, Some(name), Vec::new())?);
    }
    cursor.skip();
    let mixed = cursor.eat("#PCDATA");
    let mut children = Vec::new();
    let mut kind = if mixed { 3 } else { 6 };
    if !mixed {
        children.push(particle(run, cursor)?);
    }
    loop {
        cursor.skip();
        if cursor.eat(")") {
            break;
        }
        if cursor.eat("|") {
            kind = if mixed { 3 } else { 5 };
        } else if !cursor.eat(",") {
            return Err(Stop::Xml(SYNTAX, 0));
        }
        children.push(particle(run, cursor)?);
    }
    let quantifier = quantifier(cursor);
    Ok(model(run, kind, quantifier, None, children)?)
}

fn element(run: &mut Run<'_, '_>, mut cursor: Cursor<'_>) -> Step<()> {
    cursor.skip();
    let name = cursor.name()?;
    cursor.skip();
    let content = if cursor.eat("EMPTY") {
        model(run, 1, 0, None, Vec::new())?
    } else if cursor.eat("ANY") {
        model(run, 2, 0, None, Vec::new())?
    } else {
        particle(run, &mut cursor)?
    };
    if run.has(Handler::ElementDecl) {
        let name = run.name(name)?;
        run.call(Handler::ElementDecl, &[&name, &content])?;
    }
    Ok(())
}

fn attlist(run: &mut Run<'_, '_>, mut cursor: Cursor<'_>) -> Step<()> {
    cursor.skip();
    let owner = cursor.name()?;
    loop {
        cursor.skip();
        if cursor.text.is_empty() {
            return Ok(());
        }
        let name = cursor.name()?;
        cursor.skip();
        let mut kind = String::new();
        if !cursor.text.starts_with('(') {
            kind.push_str(cursor.name()?);
            cursor.skip();
        }
        if cursor.text.starts_with('(') {
            let (choices, rest) = cursor.text.split_once(')').ok_or(Stop::Xml(SYNTAX, 0))?;
            kind.extend(choices.chars().filter(|c| !c.is_whitespace()));
            kind.push(')');
            cursor.text = rest;
            cursor.skip();
        }
        let (mut default, mut required) = (None, false);
        if cursor.eat("#REQUIRED") {
            required = true;
        } else if !cursor.eat("#IMPLIED") {
            required = cursor.eat("#FIXED");
            cursor.skip();
            let value = cursor.quoted()?;
            let mut value = run.attribute_value(value, 0)?;
            if kind != "CDATA" {
                value = value.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            }
            default = Some(value);
        }
        if run.has(Handler::AttlistDecl) {
            let py = run.py;
            let (owner, shown, kind) = (run.name(owner)?, run.name(name)?, run.name(&kind)?);
            let value = run.optional(default.as_deref())?;
            let required = i32::from(required).into_object(py)?;
            run.call(Handler::AttlistDecl, &[&owner, &shown, &kind, &value, &required])?;
        }
        let known = run.core.attributes.entry(owner.to_owned()).or_default();
        if !known.iter().any(|attribute| attribute.name == name) {
            let size = name.len() + default.as_ref().map_or(0, String::len) + size_of::<Attribute>();
            known.push(Attribute { name: name.to_owned(), default, cdata: kind == "CDATA" });
            run.hold(size)?;
        }
    }
}
