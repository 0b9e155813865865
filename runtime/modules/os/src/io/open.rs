//! `open` and its helpers.
use super::buffered::{BufferedRandom, BufferedReader, BufferedWriter, DEFAULT_BUFFER_SIZE};
use super::fileio::FileIO;
use super::text::TextIOWrapper;
use crate::util::*;
use krait_object::layout::PyMethodDef;
use krait_object::{
    Attached, Int, IntoObject, Layout, Object, PyResult, Ref, Str, exc, functions, hooks::hooks, id, none, raise,
};

type Opt<'a> = Option<&'a Object>;

fn text_arg<'a>(py: Attached<'_>, value: Opt<'a>, name: &str) -> PyResult<Option<&'a Str>> {
    match given(value) {
        None => Ok(None),
        Some(value) => match value.downcast::<Str>() {
            Some(text) => Ok(Some(text)),
            None => Err(raise!(
                py,
                TypeError,
                "open() argument '{name}' must be str or None, not {}",
                krait_object::builtins::textargs::arg_type(value)
            )),
        },
    }
}

fn check_mode(py: Attached<'_>, mode: &str) -> PyResult<(String, bool)> {
    let invalid = || raise!(py, ValueError, "invalid mode: '{mode}'");
    let mut seen = Vec::new();
    for letter in mode.chars() {
        if !"axrwb+t".contains(letter) || seen.contains(&letter) {
            return Err(invalid());
        }
        seen.push(letter);
    }
    let has = |letter| seen.contains(&letter);
    let raw: String = ['x', 'r', 'w', 'a', '+'].iter().filter(|letter| has(**letter)).collect();
    if has('t') && has('b') {
        return Err(raise!(py, ValueError, "can't have text and binary mode at once"));
    }
    if ['x', 'r', 'w', 'a'].iter().filter(|letter| has(**letter)).count() > 1 {
        return Err(raise!(py, ValueError, "must have exactly one of create/read/write/append mode"));
    }
    Ok((raw, has('b')))
}

/// Closes a stream that could not be finished, keeping the error.
fn abandon(py: Attached<'_>, stream: &Object) {
    let pending = py.take_raised();
    if let Err(raised) = stream.call_method(py, id!(py, close), &[]) {
        let second = raised.take(py);
        if let Some(pending) = pending {
            second.replace_context(Some(pending));
        }
        let _ = py.restore(second);
    } else if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

fn open(py: Attached<'_>, _: &Object, args: [Opt<'_>; 8]) -> PyResult<Ref<Object>> {
    let [file, mode, buffering, encoding, errors, newline, closefd, opener] = args;
    let file = need(py, file)?;
    let mode_text = match mode {
        None => "r",
        Some(mode) => match mode.downcast::<Str>() {
            Some(mode) => mode.to_utf8(py)?,
            None => {
                return Err(raise!(
                    py,
                    TypeError,
                    "open() argument 'mode' must be str, not {}",
                    krait_object::builtins::textargs::arg_type(mode)
                ));
            }
        },
    };
    let mut buffering = int_or(py, buffering, -1)?;
    let encoding = text_arg(py, encoding, "encoding")?;
    let errors = text_arg(py, errors, "errors")?;
    let newline = text_arg(py, newline, "newline")?;
    let closefd = bool_or(py, closefd, true)?;
    let path = if file.downcast::<Int>().is_some() { file.to_ref() } else { fspath(py, file)? };
    let (raw_mode, binary) = check_mode(py, mode_text)?;
    if binary {
        for (name, value) in [("encoding", encoding), ("errors", errors), ("newline", newline)] {
            if value.is_some() {
                return Err(raise!(
                    py,
                    ValueError,
                    "binary mode doesn't take {} {name} argument",
                    if name == "newline" { "a" } else { "an" }
                ));
            }
        }
        if buffering == 1 {
            let message =
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used";
            (hooks().warn)(py, exc::RuntimeWarning(), message, 1)?;
        }
    }
    let (raw_mode_object, closefd) = (Str::new(py, &raw_mode)?, krait_object::Bool::of(closefd));
    let none = none();
    let raw = FileIO::type_object()
        .as_object()
        .call_pos(py, &[&path, raw_mode_object.as_object(), closefd.as_object(), opener.unwrap_or(&none)])?;
    let finish = || -> PyResult<Ref<Object>> {
        let mut line_buffering = buffering == 1 && !binary;
        let is_tty = buffering < 0 && raw.call_method(py, id!(py, _isatty_open_only), &[])?.is_true(py)?;
        if buffering == 1 || is_tty {
            buffering = -1;
            line_buffering = !binary;
        }
        let mut size = buffering as i64;
        if size < 0 {
            let block = raw.get_attr(py, id!(py, _blksize))?.as_i64(py)?;
            size = block.clamp(DEFAULT_BUFFER_SIZE as i64, 8 << 20);
        }
        if size == 0 {
            if !binary {
                return Err(raise!(py, ValueError, "can't have unbuffered text I/O"));
            }
            return Ok(raw.clone());
        }
        let class = if raw_mode.contains('+') {
            BufferedRandom::type_object()
        } else if raw_mode.contains('r') {
            BufferedReader::type_object()
        } else if raw_mode.is_empty() {
            return Err(raise!(py, ValueError, "unknown mode: '{mode_text}'"));
        } else {
            BufferedWriter::type_object()
        };
        let buffer = class.as_object().call_pos(py, &[&raw, &*size.into_object(py)?])?;
        if binary {
            return Ok(buffer);
        }
        let line_buffering = krait_object::Bool::of(line_buffering);
        let or_none = |text: Option<&Str>| text.map_or_else(krait_object::none, |text| text.as_object().to_ref());
        let (encoding, errors, newline) = (or_none(encoding), or_none(errors), or_none(newline));
        let class = TextIOWrapper::type_object().as_object();
        match class.call_pos(py, &[&buffer, &encoding, &errors, &newline, line_buffering.as_object()]) {
            Ok(text) => {
                let mode = Str::new(py, mode_text)?;
                text.set_attr(py, id!(py, mode), Some(mode.as_object()))?;
                Ok(text)
            }
            Err(raised) => {
                abandon(py, &buffer);
                Err(raised)
            }
        }
    };
    let mut finish = finish;
    match finish() {
        Ok(stream) => Ok(stream),
        Err(raised) => {
            abandon(py, &raw);
            Err(raised)
        }
    }
}

fn open_code(py: Attached<'_>, _: &Object, [path]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
    let path = need(py, path)?;
    if path.downcast::<Str>().is_none() {
        return Err(raise!(
            py,
            TypeError,
            "open_code() argument 'path' must be str, not {}",
            krait_object::builtins::textargs::arg_type(path)
        ));
    }
    if let Some(file) = krait_vm::sysmodule::open_code_by_hook(py, path) {
        return file;
    }
    let mode = Str::new(py, "rb")?;
    open(py, path, [Some(path), Some(mode.as_object()), None, None, None, None, None, None])
}

fn text_encoding(py: Attached<'_>, _: &Object, [encoding, _level]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let encoding = need(py, encoding)?;
    if !encoding.is_none() {
        return Ok(encoding.to_ref());
    }
    let config = &krait_vm::interp::current(py).config;
    if config.warn_default_encoding {
        (hooks().warn)(py, exc::EncodingWarning(), "'encoding' argument not specified", 2)?;
    }
    (if config.utf8_mode { "utf-8" } else { "locale" }).into_object(py)
}

/// The functions of the module.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "open" => open, "($module, /, file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)", "Opens a file and returns a stream.";
        sig "open_code" => open_code, "($module, /, path)", "Opens a file of code for reading.";
        sig "text_encoding" => text_encoding, "($module, encoding, stacklevel=2, /)", "The encoding that None stands for.";
    }
}
