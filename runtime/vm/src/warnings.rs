//! `_warnings`: issuing warnings, the filters that decide about them, and their state.
//!
//! The Python half, `warnings`, shows warnings and lets programs replace the filters; this half looks its attributes up
//! each time, and goes on with its own state while that module is not there.
use crate::errors;
use crate::frame::Frame;
use crate::import;
use crate::interp::{current, thread_ident};
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, List, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, exc,
    functions, id, none, raise,
};
use krait_sync::recursive::RecursiveMutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// An interpreter's state of warnings.
pub struct State {
    lock: RecursiveMutex,
    /// Counts changes of the filters: what registries remember holds for one version.
    version: AtomicI64,
    filters: Slot<List>,
    once: Slot<Dict>,
    default_action: Slot<Str>,
    context: Slot,
}

impl Default for State {
    fn default() -> Self {
        State {
            lock: RecursiveMutex::new(),
            version: AtomicI64::new(0),
            filters: Slot::NULL,
            once: Slot::NULL,
            default_action: Slot::NULL,
            context: Slot::NULL,
        }
    }
}

impl State {
    /// Drops the objects, at the end of the interpreter.
    pub fn clear(&self) {
        drop((self.filters.take(), self.once.take(), self.default_action.take(), self.context.take()));
    }

    /// Frees the lock, unless the forking thread held it.
    ///
    /// # Safety
    /// In the child of a fork, before anything else runs.
    pub unsafe fn reset_after_fork(&self) {
        let me = thread_ident();
        // SAFETY: by the contract.
        unsafe { self.lock.reset_after_fork(me, me) };
    }
}

/// The lock over filters and registries, held while this lives.
struct Held<'a>(&'a RecursiveMutex);

impl<'a> Held<'a> {
    fn new(lock: &'a RecursiveMutex) -> Self {
        lock.lock(thread_ident());
        Held(lock)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.try_unlock(thread_ident());
    }
}

/// The objects of the state, made when they are first asked for.
fn filters(py: Attached<'_>) -> PyResult<Ref<List>> {
    let slot = &current(py).warnings.filters;
    if let Some(filters) = slot.get() {
        return Ok(filters);
    }
    let mut rows = Vec::new();
    for (action, category, module) in [
        ("default", exc::DeprecationWarning(), Some("__main__")),
        ("ignore", exc::DeprecationWarning(), None),
        ("ignore", exc::PendingDeprecationWarning(), None),
        ("ignore", exc::ImportWarning(), None),
        ("ignore", exc::ResourceWarning(), None),
    ] {
        let module = module.into_object(py)?;
        let row = vec![action.into_object(py)?, none(), category.as_object().to_ref(), module, 0i64.into_object(py)?];
        rows.push(Tuple::from_vec(py, row)?.upcast());
    }
    let made = List::from_vec(py, rows)?;
    drop(slot.replace(Some(made.clone())));
    Ok(made)
}

fn once_registry(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let slot = &current(py).warnings.once;
    if let Some(once) = slot.get() {
        return Ok(once);
    }
    let made = Dict::new(py)?;
    drop(slot.replace(Some(made.clone())));
    Ok(made)
}

fn default_action(py: Attached<'_>) -> PyResult<Ref<Str>> {
    let slot = &current(py).warnings.default_action;
    if let Some(action) = slot.get() {
        return Ok(action);
    }
    drop(slot.replace(Some(Str::new(py, "default")?)));
    slot.get().ok_or_else(|| py.bad_internal_call())
}

/// An attribute of `warnings`, which is imported if `import` says so. `None` while it is not there.
fn attribute(py: Attached<'_>, name: &'static Str, import: bool) -> PyResult<Option<Ref<Object>>> {
    let Some(modules) = current(py).modules.get() else { return Ok(None) };
    let mut module = modules.get_str(py, "warnings");
    if module.is_none() && import && !current(py).finalizing.load(Ordering::Acquire) {
        module = match import::import_module(py, "warnings") {
            Ok(module) => Some(module),
            Err(raised) => {
                raised.clear(py);
                None
            }
        };
    }
    match module.filter(|module| !module.is_none()) {
        Some(module) => module.get_attr_opt(py, name),
        None => Ok(None),
    }
}

/// The list of filters that holds now: the context's, or that of `warnings`.
fn current_filters(py: Attached<'_>) -> PyResult<Ref<List>> {
    let bad = || raise!(py, ValueError, "_warnings.filters must be a list");
    if let Some(variable) = current(py).warnings.context.get() {
        let context = variable.call_method(py, id!(py, get), &[&*none()])?;
        if !context.is_none() {
            let filters = context.get_attr(py, id!(py, _filters))?;
            return filters.downcast::<List>().map_err(|_| bad());
        }
    }
    match attribute(py, id!(py, filters), false)? {
        Some(filters) => filters.downcast::<List>().map_err(|_| bad()),
        None => filters(py),
    }
}

/// Whether an item of a filter fits a text: `None` fits all, a string itself, anything else by its `match`.
fn fits(py: Attached<'_>, pattern: &Object, text: &Object) -> PyResult<bool> {
    if pattern.is_none() {
        return Ok(true);
    }
    if pattern.downcast_exact::<Str>().is_some() {
        return pattern.rich_compare(py, text, krait_object::typedef::CompareOp::Eq)?.is_true(py);
    }
    pattern.call_method(py, id!(py, match), &[text])?.is_true(py)
}

/// A warning on its way through the filters.
struct Warning<'a> {
    /// An instance of the category.
    message: Ref<Object>,
    text: Ref<Object>,
    category: Ref<Object>,
    filename: &'a Str,
    line: i64,
    module: Ref<Object>,
    registry: Option<&'a Dict>,
    source_line: Option<String>,
    source: Option<&'a Object>,
}

/// The action for a warning, and the filter that has it.
fn find_action(py: Attached<'_>, warning: &Warning<'_>) -> PyResult<(Ref<Str>, Ref<Object>)> {
    let filters = current_filters(py)?;
    let mut index = 0;
    while let Some(item) = filters.get(py, index) {
        let Some([action, message, category, module, line]) =
            item.as_object().downcast_exact::<Tuple>().and_then(|item| <&[&Object; 5]>::try_from(item.as_slice()).ok())
        else {
            return Err(raise!(py, ValueError, "warnings.filters item {index} isn't a 5-tuple"));
        };
        let Some(action) = action.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "action must be a string, not '{}'", action.ty().name()));
        };
        let matches = fits(py, message, &warning.text)?
            && warning.category.is_subclass(py, category)?
            && fits(py, module, &warning.module)?
            && {
                let Some(line) = line.downcast::<Int>() else {
                    return Err(raise!(py, TypeError, "an integer is required"));
                };
                line.is_zero() || line.to_i64() == Some(warning.line)
            };
        if matches {
            return Ok((action.to_ref(), item.clone()));
        }
        index += 1;
    }
    match attribute(py, id!(py, defaultaction), false)? {
        None => Ok((default_action(py)?, none())),
        Some(action) => match action.downcast::<Str>() {
            Ok(action) => Ok((action, none())),
            Err(other) => {
                let class = other.ty().name().into_owned();
                Err(raise!(py, TypeError, "_warnings.defaultaction must be a string, not '{class}'"))
            }
        },
    }
}

/// Whether a registry of this version of the filters has the key, which is then in it if `set`.
fn already_warned(py: Attached<'_>, registry: &Dict, key: &Object, set: bool) -> PyResult<bool> {
    let version = current(py).warnings.version.load(Ordering::Relaxed);
    let known = registry.get(py, id!(py, version).as_object())?;
    let is_current = known
        .as_ref()
        .and_then(|known| known.as_object().downcast::<Int>())
        .is_some_and(|known| known.to_i64() == Some(version));
    if is_current {
        if let Some(found) = registry.get(py, key)?
            && found.is_true(py)?
        {
            return Ok(true);
        }
    } else {
        registry.clear(py);
        registry.set(py, id!(py, version).as_object(), Int::from_i64(py, version)?.as_object())?;
    }
    if set {
        registry.set(py, key, krait_object::Bool::of(true).as_object())?;
    }
    Ok(false)
}

impl Warning<'_> {
    fn key(&self, py: Attached<'_>, line: Option<i64>) -> PyResult<Ref<Tuple>> {
        let mut items = vec![self.text.clone(), self.category.clone()];
        if let Some(line) = line {
            items.push(line.into_object(py)?);
        }
        Tuple::from_vec(py, items)
    }

    /// Asks the filters, and shows or raises the warning.
    fn issue(self, py: Attached<'_>) -> PyResult<()> {
        {
            let _held = Held::new(&current(py).warnings.lock);
            if !self.passes(py)? {
                return Ok(());
            }
        }
        self.show(py)
    }

    /// Whether the warning is to be shown.
    fn passes(&self, py: Attached<'_>) -> PyResult<bool> {
        let key = self.key(py, Some(self.line))?;
        if let Some(registry) = self.registry
            && already_warned(py, registry, key.as_object(), false)?
        {
            return Ok(false);
        }
        let (action, item) = find_action(py, self)?;
        if action.eq_str("error") {
            return Err(py.raise_value(self.message.ty(), &self.message));
        }
        if action.eq_str("ignore") {
            return Ok(false);
        }
        if action.eq_str("always") || action.eq_str("all") {
            return Ok(true);
        }
        let yes = krait_object::Bool::of(true);
        if let Some(registry) = self.registry {
            registry.set(py, key.as_object(), yes.as_object())?;
        }
        let again = |registry: &Dict| already_warned(py, registry, self.key(py, None)?.as_object(), true);
        if action.eq_str("once") {
            if let Some(registry) = self.registry {
                return again(registry).map(|again| !again);
            }
            let once = match attribute(py, id!(py, onceregistry), false)? {
                None => once_registry(py)?,
                Some(once) => once.downcast::<Dict>().map_err(|other| {
                    let class = other.ty().name().into_owned();
                    raise!(py, TypeError, "_warnings.onceregistry must be a dict, not '{class}'")
                })?,
            };
            return again(&once).map(|again| !again);
        }
        if action.eq_str("module") {
            return self.registry.map_or(Ok(false), again).map(|again| !again);
        }
        if action.eq_str("default") {
            return Ok(true);
        }
        let (action, item) = (action.as_object().repr(py)?, item.repr(py)?);
        Err(raise!(py, RuntimeError, "Unrecognized action ({action}) in warnings.filters:\n {item}"))
    }

    /// Shows the warning with `warnings`, or plainly while that is not there.
    fn show(&self, py: Attached<'_>) -> PyResult<()> {
        let Some(show) = attribute(py, id!(py, _showwarnmsg), self.source.is_some())? else {
            return self.show_plainly(py);
        };
        if !show.is_callable() {
            return Err(raise!(py, TypeError, "warnings._showwarnmsg() must be set to a callable"));
        }
        let Some(class) = attribute(py, id!(py, WarningMessage), false)? else {
            return Err(raise!(py, RuntimeError, "unable to get warnings.WarningMessage"));
        };
        let (nothing, line) = (none(), Int::from_i64(py, self.line)?);
        let source = self.source.unwrap_or(&nothing);
        let (name, line) = (self.filename.as_object(), line.as_object());
        let text = self.source_line.as_deref().into_object(py)?;
        let message = class.call_pos(py, &[&self.message, &self.category, name, line, &nothing, &text, source])?;
        show.call_pos(py, &[&message]).map(drop)
    }

    fn show_plainly(&self, py: Attached<'_>) -> PyResult<()> {
        let name = self.category.get_attr(py, id!(py, __name__))?.str(py)?;
        let text = format!("{}:{}: {name}: {}\n", self.filename, self.line, self.text.str(py)?);
        errors::write_stderr(py, &text);
        let line = usize::try_from(self.line).ok();
        let shown = match &self.source_line {
            Some(line) => Some(line.trim().to_owned()),
            None => line.and_then(|line| errors::source_line(&self.filename.to_string_lossy(), line)),
        };
        if let Some(line) = shown {
            errors::write_stderr(py, &format!("  {line}\n"));
        }
        Ok(())
    }
}

/// What tells a warning from others.
struct Place<'a> {
    filename: &'a Str,
    line: i64,
    /// The module's name; by default it follows from the file's.
    module: Option<Ref<Object>>,
    registry: Option<&'a Dict>,
    source_line: Option<String>,
}

/// Sends a warning through the filters. `message` may be an instance of a warning class, which is the category then.
fn issue(
    py: Attached<'_>,
    category: &Object,
    message: &Object,
    place: Place<'_>,
    source: Option<&Object>,
) -> PyResult<()> {
    let module = match place.module {
        Some(module) if module.is_none() => return Ok(()),
        Some(module) => module,
        None => {
            let name = place.filename.to_string_lossy();
            let stem = name.strip_suffix(".py").unwrap_or(&name);
            if name.is_empty() { "<unknown>".into_object(py)? } else { stem.into_object(py)? }
        }
    };
    let (message, text, category) = if message.is_instance_of(exc::Warning()) {
        (message.to_ref(), message.str(py)?.upcast(), message.ty().as_object().to_ref())
    } else {
        (category.call_pos(py, &[message])?, message.to_ref(), category.to_ref())
    };
    let (registry, source_line) = (place.registry, place.source_line);
    let (filename, line) = (place.filename, place.line);
    Warning { message, text, category, filename, line, module, registry, source_line, source }.issue(py)
}

/// Whether a frame belongs to the import machinery, which nobody wants to be told about.
fn is_internal(frame: &Frame) -> bool {
    let name = frame.code().filename().to_string_lossy();
    name.contains("importlib") && name.contains("_bootstrap")
}

/// The next frame outside that does not belong to the import machinery or to a file with one of the prefixes.
fn next_external<'a>(frame: &Frame, skip: &[String]) -> Option<&'a Frame> {
    let mut at = Frame::first_complete(frame.previous());
    while let Some(frame) = at {
        let name = frame.code().filename().to_string_lossy();
        if !is_internal(frame) && !skip.iter().any(|prefix| name.starts_with(prefix.as_str())) {
            return Some(frame);
        }
        at = Frame::first_complete(frame.previous());
    }
    None
}

/// Issues a warning for the code `level` frames up.
fn warn_at(
    py: Attached<'_>,
    category: &Object,
    message: &Object,
    mut level: isize,
    source: Option<&Object>,
    skip: &[String],
) -> PyResult<()> {
    let mut frame = Frame::current(py);
    if level <= 0 || frame.is_some_and(is_internal) {
        while let Some(inner) = frame
            && level > 1
        {
            frame = Frame::first_complete(inner.previous());
            level -= 1;
        }
    } else {
        while let Some(inner) = frame
            && level > 1
        {
            frame = next_external(inner, skip);
            level -= 1;
        }
    }
    let (globals, filename, line) = match frame {
        Some(frame) => {
            let Some(globals) = frame.globals().downcast::<Dict>() else { return Err(py.bad_internal_call()) };
            let line = frame.code().line_of(frame.lasti() as i32).unwrap_or(0);
            (globals.to_ref(), frame.code().filename().to_ref(), line)
        }
        None => {
            let Some(globals) = current(py).sys_dict.get() else { return Ok(()) };
            (globals, Str::new(py, "<sys>")?, 0)
        }
    };
    let name = id!(py, __warningregistry__).as_object();
    let registry = match globals.get(py, name)? {
        Some(registry) => registry,
        None => {
            let made = Dict::new(py)?.upcast();
            globals.set(py, name, &made)?;
            made
        }
    };
    let registry = registry_arg(py, Some(&registry))?;
    let module = match globals.get(py, id!(py, __name__).as_object())? {
        Some(name) if name.is_none() || (*name).downcast::<Str>().is_some() => name,
        _ => "<string>".into_object(py)?,
    };
    let place = Place { filename: &filename, line: line.into(), module: Some(module), registry, source_line: None };
    issue(py, category, message, place, source)
}

fn registry_arg<'a>(py: Attached<'_>, registry: Option<&'a Object>) -> PyResult<Option<&'a Dict>> {
    match registry.filter(|registry| !registry.is_none()) {
        None => Ok(None),
        Some(registry) => match registry.downcast::<Dict>() {
            Some(registry) => Ok(Some(registry)),
            None => Err(raise!(py, TypeError, "'registry' must be a dict or None")),
        },
    }
}

/// Issues a warning of class `category` for the code `stack_level` frames up.
///
/// # Errors
/// The warning as an exception if a filter says so.
pub fn warn(py: Attached<'_>, category: &Type, message: &str, stack_level: isize) -> PyResult<()> {
    if current(py).modules.get().is_none() {
        return Ok(());
    }
    let message = Str::new(py, message)?;
    warn_at(py, category.as_object(), message.as_object(), stack_level, None, &[])
}

/// Warns that `source`, which is `what`, goes without having been closed. Filters that make the warning an exception, and
/// other errors, end in a report of what nobody can catch. A pending exception stays.
pub fn warn_unclosed(py: Attached<'_>, what: &str, source: &Object) {
    let pending = py.take_raised();
    let issued = || -> PyResult<()> {
        let message = Str::new(py, &format!("unclosed {what}{}", source.repr(py)?.to_string_lossy()))?;
        warn_at(py, exc::ResourceWarning().as_object(), message.as_object(), 1, Some(source), &[])
    };
    if current(py).modules.get().is_some() && issued().is_err() {
        crate::sysmodule::report_unraisable(py, None, Some(source));
    }
    if let Some(pending) = pending {
        let _raised = py.restore(pending);
    }
}

/// Issues a warning for a place in a file.
///
/// # Errors
/// The warning as an exception if a filter says so.
pub fn warn_explicit(
    py: Attached<'_>,
    category: &Type,
    message: &str,
    filename: &Str,
    line: i32,
    module_name: Option<&Str>,
) -> PyResult<()> {
    let message = Str::new(py, message)?;
    let module = module_name.map(|name| name.as_object().to_ref());
    let place = Place { filename, line: line.into(), module, registry: None, source_line: None };
    issue(py, category.as_object(), message.as_object(), place, None)
}

type Opt<'a> = Option<&'a Object>;

/// The category argument of `warn`.
fn category<'a>(py: Attached<'_>, message: &'a Object, category: Opt<'a>) -> PyResult<&'a Object> {
    if message.is_instance_of(exc::Warning()) {
        return Ok(message.ty().as_object());
    }
    let Some(category) = category.filter(|category| !category.is_none()) else {
        return Ok(exc::UserWarning().as_object());
    };
    match category.downcast::<Type>() {
        Some(class) if class.is_subtype_of(exc::Warning()) => Ok(category),
        _ => Err(raise!(py, TypeError, "category must be a Warning subclass, not '{}'", category.ty().name())),
    }
}

fn warn_function(py: Attached<'_>, _: &Object, args: [Opt<'_>; 5]) -> PyResult<()> {
    let [message, class, level, source, skip] = args;
    let message = message.ok_or_else(|| py.bad_internal_call())?;
    let mut level = level.map_or(Ok(1), |level| level.as_isize(py))?;
    let mut prefixes = Vec::new();
    if let Some(skip) = skip {
        let Some(skip) = skip.downcast::<Tuple>() else {
            let class = krait_object::builtins::textargs::arg_type(skip);
            return Err(raise!(py, TypeError, "warn() argument 'skip_file_prefixes' must be tuple, not {class}"));
        };
        for prefix in skip.as_slice() {
            match prefix.downcast::<Str>() {
                Some(prefix) => prefixes.push(prefix.to_string_lossy().into_owned()),
                None => {
                    let class = prefix.ty().name();
                    return Err(raise!(py, TypeError, "Found non-str '{class}' in skip_file_prefixes."));
                }
            }
        }
        if !prefixes.is_empty() {
            level = level.max(2);
        }
    }
    let class = category(py, message, class)?;
    warn_at(py, class, message, level, source.filter(|source| !source.is_none()), &prefixes)
}

/// The loader of a module's globals: `__loader__` and the spec's must agree while both are there.
fn loader(py: Attached<'_>, globals: &Dict) -> PyResult<Option<Ref<Object>>> {
    let loader = globals.get(py, id!(py, __loader__).as_object())?;
    let has_spec = globals.get(py, id!(py, __spec__).as_object())?;
    let is_missing = has_spec.is_none();
    let spec = has_spec.filter(|spec| !spec.is_none());
    let deprecated = |text: &str| warn(py, exc::DeprecationWarning(), text, 1);
    let of_spec = match &spec {
        Some(spec) => spec.get_attr_opt(py, id!(py, loader))?,
        None => None,
    };
    let has_attribute = spec.is_none() || of_spec.is_some();
    let given = loader.filter(|loader| !loader.is_none());
    match (given, of_spec.filter(|of_spec| !of_spec.is_none())) {
        (None, None) if is_missing => Ok(None),
        (None, None) => Err(match has_attribute {
            false => raise!(py, AttributeError, "Module globals is missing a __spec__.loader"),
            true => raise!(py, ValueError, "Module globals is missing a __spec__.loader"),
        }),
        (None, Some(of_spec)) => Ok(Some(of_spec)),
        (Some(loader), None) => {
            deprecated("Module globals is missing a __spec__.loader")?;
            Ok(Some(loader))
        }
        (Some(loader), Some(of_spec)) => {
            let same = loader.rich_compare(py, &of_spec, krait_object::typedef::CompareOp::Eq)?.is_true(py)?;
            if !same {
                deprecated("Module globals; __loader__ != __spec__.loader")?;
            }
            Ok(Some(loader))
        }
    }
}

/// The line of source that a module's loader has.
fn line_of_loader(py: Attached<'_>, globals: &Dict, line: i64) -> PyResult<Option<String>> {
    let Some(name) = globals.get(py, id!(py, __name__).as_object())?.filter(|name| !name.is_none()) else {
        return Ok(None);
    };
    // The module that runs is not known to its loader by this name.
    if (*name).downcast::<Str>().is_some_and(|name| name.eq_str("__main__")) {
        return Ok(None);
    }
    let Some(loader) = loader(py, globals)? else { return Ok(None) };
    let Some(get_source) = loader.get_attr_opt(py, id!(py, get_source))? else { return Ok(None) };
    let source = get_source.call_pos(py, &[&name])?;
    let Some(source) = source.as_object().downcast::<Str>() else { return Ok(None) };
    let line = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    let text = source.to_string_lossy();
    Ok(line.and_then(|line| text.lines().nth(line)).map(str::to_owned))
}

fn warn_explicit_function(py: Attached<'_>, _: &Object, args: [Opt<'_>; 8]) -> PyResult<()> {
    let [message, class, filename, line, module, registry, globals, source] = args;
    let needed = |object: Opt<'_>| object.map(Layout::to_ref).ok_or_else(|| py.bad_internal_call());
    let (message, class, filename) = (needed(message)?, needed(class)?, needed(filename)?);
    let Some(filename) = (*filename).downcast::<Str>() else {
        let class = if filename.is_none() { "None".into() } else { filename.ty().name() };
        return Err(raise!(py, TypeError, "warn_explicit() argument 'filename' must be str, not {class}"));
    };
    let line = i64::from(needed(line)?.as_i32(py)?);
    let source_line = match globals.filter(|globals| !globals.is_none()) {
        None => None,
        Some(globals) => match globals.downcast::<Dict>() {
            Some(globals) => line_of_loader(py, globals, line)?,
            None => {
                let class = globals.ty().name();
                return Err(raise!(py, TypeError, "module_globals must be a dict, not '{class}'"));
            }
        },
    };
    let registry = registry_arg(py, registry)?;
    let place = Place { filename, line, module: module.map(Layout::to_ref), registry, source_line };
    issue(py, &class, &message, place, source.filter(|source| !source.is_none()))
}

fn acquire_lock(py: Attached<'_>, _: &Object) {
    current(py).warnings.lock.lock(thread_ident());
}

fn release_lock(py: Attached<'_>, _: &Object) -> PyResult<()> {
    match current(py).warnings.lock.try_unlock(thread_ident()) {
        true => Ok(()),
        false => Err(raise!(py, RuntimeError, "cannot release un-acquired lock")),
    }
}

fn filters_mutated(py: Attached<'_>, _: &Object) -> PyResult<()> {
    let state = &current(py).warnings;
    if !state.lock.is_owned_by(thread_ident()) {
        return Err(raise!(py, RuntimeError, "warnings lock is not held"));
    }
    state.version.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// The context variable that holds the filters of a context.
fn context_variable(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let slot = &current(py).warnings.context;
    if let Some(variable) = slot.get() {
        return Ok(variable);
    }
    let class = import::load_builtin(py, "_contextvars")?.as_object().get_attr(py, id!(py, ContextVar))?;
    let made = class.call_pos(py, &[id!(py, warnings_context).as_object()])?;
    drop(slot.replace(Some(made.clone())));
    Ok(made)
}

/// Fills `_warnings`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "warn" => warn_function, "($module, /, message, category=None, stacklevel=1, source=None, *, skip_file_prefixes=())", "Issues a warning, which filters may drop or raise as an exception.";
        sig "warn_explicit" => warn_explicit_function, "($module, /, message, category, filename, lineno, module=<unrepresentable>, registry=None, module_globals=None, source=None)", "Issues a warning for a place in a file.";
        noargs "_acquire_lock" => acquire_lock, "($module, /)", "Takes the lock over the filters.";
        noargs "_release_lock" => release_lock, "($module, /)", "Gives the lock over the filters back.";
        noargs "_filters_mutated_lock_held" => filters_mutated, "($module, /)", "Tells that the filters have changed.";
    })?;
    module.add(py, "filters", filters(py)?.as_object())?;
    module.add(py, "_onceregistry", once_registry(py)?.as_object())?;
    module.add(py, "_defaultaction", default_action(py)?.as_object())?;
    module.add(py, "_warnings_context", &*context_variable(py)?)
}
