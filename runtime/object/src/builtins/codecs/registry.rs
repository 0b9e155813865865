//! Codecs by name, per interpreter: search functions, the cache of what they found, and error handlers.
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::{Dict, List, Object, PyResult, Str, Tuple, exc, id, raise};
use std::sync::atomic::{AtomicBool, Ordering};

/// The registry of one interpreter. Made on first use; each part is a Python container with its own lock.
pub struct Registry {
    search: Slot<List>,
    cache: Slot<Dict>,
    errors: Slot<Dict>,
    /// The `encodings` package was imported.
    loaded: AtomicBool,
    /// Whether names of codecs and error handlers are checked even where they are not used (`-X dev`).
    pub checks_names: AtomicBool,
}

impl Registry {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Registry {
            search: Slot::NULL,
            cache: Slot::NULL,
            errors: Slot::NULL,
            loaded: AtomicBool::new(false),
            checks_names: AtomicBool::new(false),
        }
    }

    /// Drops everything, when the interpreter ends.
    pub fn clear(&self) {
        drop(self.search.take());
        drop(self.cache.take());
        drop(self.errors.take());
    }
}

/// The value of a slot, made on first use. Two threads may both make one; the first stays.
fn get_or<T: Layout>(slot: &Slot<T>, make: impl FnOnce() -> PyResult<Ref<T>>) -> PyResult<Ref<T>> {
    if let Some(value) = slot.get() {
        return Ok(value);
    }
    let made = make()?;
    drop(slot.replace(Some(made.clone())));
    Ok(slot.get().unwrap_or(made))
}

fn search_path(py: Attached<'_>) -> PyResult<Ref<List>> {
    get_or(&py.state().codecs.search, || List::new(py))
}

fn cache(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    get_or(&py.state().codecs.cache, || Dict::new(py))
}

/// The dict of registered error handlers. The known ones need no entry; `_codecs` adds them as functions.
pub fn error_handlers(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    get_or(&py.state().codecs.errors, || Dict::new(py))
}

/// `codecs.register(search)`.
pub fn register(py: Attached<'_>, search: &Object) -> PyResult<()> {
    if !search.is_callable() {
        return Err(raise!(py, TypeError, "argument must be callable"));
    }
    search_path(py)?.push(py, search.to_ref())
}

/// `codecs.unregister(search)`.
pub fn unregister(py: Attached<'_>, search: &Object) -> PyResult<()> {
    let path = search_path(py)?;
    for (at, item) in path.to_vec(py)?.iter().enumerate() {
        if item.is(search) {
            cache(py)?.clear(py);
            return path.as_object().del_item(py, &*crate::IntoObject::into_object(at, py)?);
        }
    }
    Ok(())
}

/// The form of a name that search functions see: lower-case letters, digits and dots, and one `_` for each run of
/// anything else between them.
fn normalize(name: &str) -> String {
    let (mut out, mut gap) = (String::new(), false);
    for ch in name.chars() {
        if !ch.is_ascii_alphanumeric() && ch != '.' {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() {
            out.push('_');
        }
        gap = false;
        out.push(ch.to_ascii_lowercase());
    }
    out
}

/// `codecs.lookup(encoding)`: the `CodecInfo`.
pub fn lookup(py: Attached<'_>, encoding: &str) -> PyResult<Ref<Tuple>> {
    let registry = &py.state().codecs;
    if !registry.loaded.swap(true, Ordering::Relaxed) {
        // The package registers its search function while it is imported.
        if let Err(raised) = (crate::hooks::hooks().import)(py, "encodings") {
            registry.loaded.store(false, Ordering::Relaxed);
            return Err(raised);
        }
    }
    let name = Str::new(py, &normalize(encoding))?;
    let cache = cache(py)?;
    if let Some(found) = cache.get(py, name.as_object())? {
        return found
            .downcast::<Tuple>()
            .map_err(|_| raise!(py, TypeError, "codec search functions must return 4-tuples"));
    }
    let path = search_path(py)?;
    if path.is_empty() {
        return Err(raise!(py, LookupError, "no codec search functions registered: can't find encoding"));
    }
    for search in path.to_vec(py)? {
        let found = search.call_pos(py, &[name.as_object()])?;
        if found.is_none() {
            continue;
        }
        let Ok(found) = found.downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "codec search functions must return 4-tuples"));
        };
        if found.len() != 4 {
            return Err(raise!(py, TypeError, "codec search functions must return 4-tuples"));
        }
        cache.set(py, name.as_object(), found.as_object())?;
        return Ok(found);
    }
    Err(raise!(py, LookupError, "unknown encoding: {encoding}"))
}

/// One of the four parts of a codec (0 encoder, 1 decoder, 2 stream reader, 3 stream writer).
fn part(py: Attached<'_>, encoding: &str, index: usize, text_only: Option<&str>) -> PyResult<Ref<Object>> {
    let codec = lookup(py, encoding)?;
    if let Some(alternative) = text_only
        && codec.as_object().downcast_exact::<Tuple>().is_none()
        && let Some(is_text) = codec.as_object().get_attr_opt(py, id!(py, "_is_text_encoding"))?
        && !is_text.is_true(py)?
    {
        return Err(raise!(
            py,
            LookupError,
            "'{encoding}' is not a text encoding; use {alternative} to handle arbitrary codecs"
        ));
    }
    match codec.as_slice().get(index) {
        Some(part) => Ok(part.to_ref()),
        None => Err(raise!(py, TypeError, "codec search functions must return 4-tuples")),
    }
}

fn run(
    py: Attached<'_>,
    function: &Object,
    object: &Object,
    encoding: &str,
    errors: Option<&str>,
    what: &str,
) -> PyResult<Ref<Object>> {
    let errors = errors.map(|errors| Str::new(py, errors)).transpose()?;
    let result = match &errors {
        Some(errors) => function.call_pos(py, &[object, errors.as_object()]),
        None => function.call_pos(py, &[object]),
    };
    let result = result.map_err(|raised| add_note(py, raised, encoding, what))?;
    match result.downcast::<Tuple>() {
        Ok(tuple) if tuple.len() == 2 => Ok(tuple.as_slice()[0].to_ref()),
        _ => Err(raise!(py, TypeError, "{what}r must return a tuple (object, integer)")),
    }
}

/// Says in a note which codec failed.
pub(super) fn add_note(py: Attached<'_>, raised: crate::Raised, encoding: &str, what: &str) -> crate::Raised {
    let error = raised.take(py);
    let what = if what == "encode" { "encoding" } else { "decoding" };
    let note = Str::new(py, &format!("{what} with '{encoding}' codec failed"));
    let added = note.and_then(|note| error.as_object().call_method(py, id!(py, add_note), &[note.as_object()]));
    if let Err(raised) = added {
        raised.clear(py);
    }
    py.restore(error)
}

/// `codecs.encode(object, encoding, errors)`, or the part of `str.encode` for codecs that are not built in.
pub fn encode(
    py: Attached<'_>,
    object: &Object,
    encoding: &str,
    errors: Option<&str>,
    text_only: bool,
) -> PyResult<Ref<Object>> {
    let encoder = part(py, encoding, 0, text_only.then_some("codecs.encode()"))?;
    run(py, &encoder, object, encoding, errors, "encode")
}

/// `codecs.decode(object, encoding, errors)`, or the part of `bytes.decode` for codecs that are not built in.
pub fn decode(
    py: Attached<'_>,
    object: &Object,
    encoding: &str,
    errors: Option<&str>,
    text_only: bool,
) -> PyResult<Ref<Object>> {
    let decoder = part(py, encoding, 1, text_only.then_some("codecs.decode()"))?;
    run(py, &decoder, object, encoding, errors, "decode")
}

/// The encoder function of a codec.
pub fn encoder(py: Attached<'_>, encoding: &str) -> PyResult<Ref<Object>> {
    part(py, encoding, 0, None)
}

/// The decoder function of a codec.
pub fn decoder(py: Attached<'_>, encoding: &str) -> PyResult<Ref<Object>> {
    part(py, encoding, 1, None)
}

/// `codecs.register_error(name, handler)`.
pub fn register_error(py: Attached<'_>, name: &str, handler: &Object) -> PyResult<()> {
    if !handler.is_callable() {
        return Err(raise!(py, TypeError, "handler must be callable"));
    }
    error_handlers(py)?.set_str(py, name, handler)
}

/// `codecs.lookup_error(name)`.
pub fn lookup_error(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let key = Str::new(py, name)?;
    match error_handlers(py)?.get(py, key.as_object())? {
        Some(handler) => Ok(handler),
        None => Err(py.raise(exc::LookupError(), format_args!("unknown error handler name '{name}'"))),
    }
}
