//! The kernels with error handlers.
use krait_object::builtins::StrBuilder;
use krait_object::builtins::codecs::{
    DecodeErrors, EncodeErrors, Mode, Replacement, new_decode_error, new_encode_error, registry,
};
use krait_object::builtins::exceptions::{UnicodeDecodeError, UnicodeEncodeError};
use krait_object::{Attached, Bytes, Int, Layout, Object, PyResult, Ref, Str, Tuple, raise, with_units};
use krait_text::codecs::Problem;
use krait_text::codecs::multibyte::{Codec, INCOMPLETE, State};

/// What a registered handler made of an error: the replacement, and where to go on in input of length `len`.
fn call_handler(
    py: Attached<'_>,
    name: &str,
    error: &Object,
    len: usize,
    what: &str,
) -> PyResult<(Ref<Object>, usize)> {
    let result = registry::lookup_error(py, name)?.call_pos(py, &[error])?;
    let parts = result.downcast::<Tuple>().ok();
    let (value, at) = match parts.as_ref().map(|tuple| tuple.as_slice()) {
        Some([value, at])
            if value.downcast::<Str>().is_some() || what == "encoding" && value.downcast::<Bytes>().is_some() =>
        {
            (*value, *at)
        }
        _ => return Err(wrong_result(py, what)),
    };
    let Some(at) = at.downcast::<Int>() else { return Err(wrong_result(py, what)) };
    // What no machine word holds is out of bounds too.
    let next = at.to_i64().unwrap_or(-1 - len as i64);
    let next = if next < 0 { next + len as i64 } else { next };
    match usize::try_from(next) {
        Ok(next) if next <= len => Ok((value.to_ref(), next)),
        _ => Err(raise!(py, IndexError, "position {next} from error handler out of bounds")),
    }
}

fn wrong_result(py: Attached<'_>, what: &str) -> krait_object::Raised {
    raise!(py, TypeError, "{what} error handler must return (str, int) tuple")
}

/// Encodes text: the bytes, and how many characters were used (all of them if `last`).
///
/// # Errors
/// `UnicodeEncodeError`, and what error handlers raise.
pub fn encode(
    py: Attached<'_>,
    codec: &Codec,
    state: &mut State,
    text: &Str,
    errors: Option<&str>,
    last: bool,
) -> PyResult<(Vec<u8>, usize)> {
    // No encoding takes more for a character, switches between sets included.
    krait_object::reserve::need(py, text.len().saturating_mul(8))?;
    let (mut out, mut at) = (Vec::new(), 0);
    let mut known = EncodeErrors::new(py, codec.name, text, errors);
    let mut error: Option<Ref<Object>> = None;
    while let Err(problem) = with_units!(text, |units| codec.encode(state, units, &mut at, &mut out, last)) {
        let Problem { start, end, reason } = problem;
        let replacement = match Mode::parse(errors) {
            Mode::Custom => {
                if error.is_none() {
                    error = Some(new_encode_error(py, codec.name, text, start, end, reason)?);
                }
                let Some(error) = &error else { return Err(py.bad_internal_call()) };
                if let Some(error) = error.as_object().downcast::<UnicodeEncodeError>() {
                    error.set_range(start as isize, end as isize);
                    error.set_reason(&*Str::new(py, reason)?);
                }
                let name = errors.unwrap_or("strict");
                let (value, next) = call_handler(py, name, error, text.len(), "encoding")?;
                at = next;
                match value.downcast::<Bytes>() {
                    Ok(bytes) => Replacement::Bytes(bytes.as_slice().to_vec()),
                    Err(value) => Replacement::Text(value.downcast::<Str>().map_err(|_| py.bad_internal_call())?),
                }
            }
            _ => {
                let (replacement, next) = known.handle(start, end, reason)?;
                at = next;
                replacement
            }
        };
        match replacement {
            Replacement::Bytes(bytes) => out.extend(bytes),
            // The replacement must be encodable itself.
            Replacement::Text(made) => out.extend(encode(py, codec, state, &made, None, true)?.0),
        }
    }
    Ok((out, at))
}

/// Decodes bytes: the text, and how many bytes were used (all of them if `last`). `cut` says afterwards whether the last
/// problem was that the bytes end within a character.
///
/// # Errors
/// `UnicodeDecodeError`, and what error handlers raise.
pub fn decode(
    py: Attached<'_>,
    codec: &Codec,
    state: &mut State,
    data: &[u8],
    errors: Option<&str>,
    last: bool,
    cut: &mut bool,
) -> PyResult<(Ref<Str>, usize)> {
    let (mut out, mut at) = (StrBuilder::with_capacity(data.len()), 0);
    let mut known = DecodeErrors::new(py, codec.name, errors);
    let mut error: Option<Ref<Object>> = None;
    while let Err(problem) = codec.decode(state, data, &mut at, &mut out, last) {
        let Problem { start, end, reason } = problem;
        *cut = reason == INCOMPLETE;
        at = match Mode::parse(errors) {
            Mode::Custom => {
                if error.is_none() {
                    error = Some(new_decode_error(py, codec.name, data, start, end, reason)?);
                }
                let Some(error) = &error else { return Err(py.bad_internal_call()) };
                if let Some(error) = error.as_object().downcast::<UnicodeDecodeError>() {
                    error.set_range(start as isize, end as isize);
                    error.set_reason(&*Str::new(py, reason)?);
                }
                let name = errors.unwrap_or("strict");
                let (value, next) = call_handler(py, name, error, data.len(), "decoding")?;
                let text = value.downcast::<Str>().map_err(|_| wrong_result(py, "decoding"))?;
                out.push_obj(&text);
                next
            }
            _ => known.handle(data, start, end, reason, &mut out)?.0,
        };
    }
    Ok((out.finish(py)?, at))
}
