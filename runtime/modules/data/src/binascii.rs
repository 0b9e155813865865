//! `binascii`: bytes as text of various encodings, and checksums.
use krait_object::native::{Arg, new_exception, required, type_name};
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::reserve::{copied, need, with_room};
use krait_object::{
    Attached, Bytes, Module, Object, PyResult, Raised, Ref, Str, Type, exc, functions, hooks, id, raise,
};
use std::borrow::Cow;
use std::fmt::Display;

/// Raises `binascii.Error`.
fn fail(py: Attached<'_>, message: impl Display) -> Raised {
    let class = (hooks::hooks().import)(py, "binascii").and_then(|module| module.get_attr(py, id!(py, Error)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

/// Bytes-like data, or the characters of an ASCII string.
fn ascii_or_bytes<'a>(py: Attached<'_>, data: &'a Object) -> PyResult<Cow<'a, [u8]>> {
    if let Some(text) = data.downcast::<Str>() {
        if !text.is_ascii() {
            return Err(raise!(py, ValueError, "string argument should contain only ASCII characters"));
        }
        return Ok(match text.as_str() {
            Some(text) => Cow::Borrowed(text.as_bytes()),
            None => Cow::Owned(text.code_points().map(|point| point as u8).collect()),
        });
    }
    if !Buffer::is_exporter(data) {
        let name = type_name(data);
        return Err(raise!(py, TypeError, "argument should be bytes, buffer or ASCII string, not '{name}'"));
    }
    Ok(match BytesArg::new(py, data)? {
        BytesArg::Bytes(bytes) => Cow::Borrowed(bytes.as_slice()),
        BytesArg::Copy(bytes) => Cow::Owned(bytes),
        BytesArg::Buffer(buffer) => Cow::Owned(copied(py, buffer.as_slice())?),
    })
}

fn flag(py: Attached<'_>, arg: Arg<'_>, default: bool) -> PyResult<bool> {
    arg.map_or(Ok(default), |arg| arg.is_true(py))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The value of each character of `ALPHABET`, 255 for others.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

fn decode_base64(data: &[u8], strict: bool) -> Result<Vec<u8>, Cow<'static, str>> {
    let mut out = Vec::with_capacity(data.len() / 4 * 3 + 3);
    let (mut phase, mut rest, mut pads, mut padded) = (0u32, 0u32, 0u32, false);
    let mut at = 0;
    while at < data.len() {
        // Whole groups of four, the usual case.
        if phase == 0 && !padded {
            while let Some(&[a, b, c, d]) = data.get(at..at + 4) {
                let [a, b, c, d] = [a, b, c, d].map(|byte| VALUES[byte as usize]);
                if (a | b | c | d) & 0xC0 != 0 {
                    break;
                }
                out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
                at += 4;
            }
            if at == data.len() {
                break;
            }
        }
        let byte = data[at];
        at += 1;
        if byte == b'=' {
            padded = true;
            if strict && (phase == 0 || phase + pads >= 4) {
                return Err(match at {
                    1 => "Leading padding not allowed".into(),
                    _ => "Excess padding not allowed".into(),
                });
            }
            if phase >= 2 {
                pads += 1;
            } else if strict && phase == 1 {
                break;
            }
            continue;
        }
        let value = VALUES[byte as usize];
        if value == 255 {
            if strict {
                return Err("Only base64 data is allowed".into());
            }
            continue;
        }
        if strict && padded {
            return Err(match phase + pads >= 4 {
                true => "Excess data after padding".into(),
                false => "Discontinuous padding not allowed".into(),
            });
        }
        pads = 0;
        rest = rest << 6 | u32::from(value);
        phase += 1;
        match phase {
            2 => out.push((rest >> 4) as u8),
            3 => out.push((rest >> 2) as u8),
            4 => {
                out.push(rest as u8);
                phase = 0;
            }
            _ => {}
        }
    }
    match phase {
        0 => Ok(out),
        1 => Err(format!(
            "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
            out.len() / 3 * 4 + 1
        )
        .into()),
        _ if phase + pads < 4 => Err("Incorrect padding".into()),
        _ => Ok(out),
    }
}

fn a2b_base64(py: Attached<'_>, _: &Object, [data, strict]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let data = ascii_or_bytes(py, required(py, data)?)?;
    need(py, data.len())?;
    match decode_base64(&data, flag(py, strict, false)?) {
        Ok(bytes) => Bytes::new(py, &bytes),
        Err(message) => Err(fail(py, message)),
    }
}

fn b2a_base64(py: Attached<'_>, _: &Object, [data, newline]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let data = BytesArg::new(py, required(py, data)?)?;
    let data = data.as_slice();
    let mut out = with_room(py, data.len().div_ceil(3) * 4 + 1)?;
    let digit = |bits: u32| ALPHABET[(bits & 63) as usize];
    let groups = data.chunks_exact(3);
    let rest = groups.remainder();
    for group in groups {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
    }
    match *rest {
        [a] => out.extend_from_slice(&[digit(u32::from(a) >> 2), digit(u32::from(a) << 4), b'=', b'=']),
        [a, b] => {
            let bits = u32::from(a) << 8 | u32::from(b);
            out.extend_from_slice(&[digit(bits >> 10), digit(bits >> 4), digit(bits << 2), b'=']);
        }
        _ => {}
    }
    if flag(py, newline, true)? {
        out.push(b'\n');
    }
    Bytes::new(py, &out)
}

fn hexlify(py: Attached<'_>, _: &Object, [data, sep, group]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let data = BytesArg::new(py, required(py, data)?)?;
    let data = data.as_slice();
    let group = group.map_or(Ok(1), |group| group.as_i32(py))?;
    let sep = match sep {
        None => None,
        Some(sep) => {
            if sep.len(py)? != 1 {
                return Err(raise!(py, ValueError, "sep must be length 1."));
            }
            match (sep.downcast::<Str>(), sep.downcast::<Bytes>()) {
                (Some(text), _) => match u8::try_from(text.char_at(0)) {
                    Ok(byte) => Some(byte),
                    Err(_) => return Err(raise!(py, ValueError, "sep must be ASCII.")),
                },
                (_, Some(bytes)) => Some(bytes.as_slice()[0]),
                _ => return Err(raise!(py, TypeError, "sep must be str or bytes.")),
            }
        }
    };
    let width = group.unsigned_abs() as usize;
    let mut out = with_room(py, data.len() * if sep.is_some() { 3 } else { 2 })?;
    for (at, byte) in data.iter().enumerate() {
        let boundary = match (width, group > 0) {
            (0, _) => false,
            (_, true) => at > 0 && (data.len() - at).is_multiple_of(width),
            (_, false) => at > 0 && at.is_multiple_of(width),
        };
        if let (true, Some(sep)) = (boundary, sep) {
            out.push(sep);
        }
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    Bytes::new(py, &out)
}

fn unhexlify(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<Ref<Bytes>> {
    let text = ascii_or_bytes(py, text)?;
    need(py, text.len() * 3 / 2)?;
    if text.len() % 2 != 0 {
        return Err(fail(py, "Odd-length string"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> =
        text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
    match bytes {
        Some(bytes) => Bytes::new(py, &bytes),
        None => Err(fail(py, "Non-hexadecimal digit found")),
    }
}

fn a2b_uu(py: Attached<'_>, _: &Object, data: &Object) -> PyResult<Ref<Bytes>> {
    let data = ascii_or_bytes(py, data)?;
    let Some((&first, mut rest)) = data.split_first() else {
        return Err(fail(py, "Missing length byte"));
    };
    let length = usize::from(first.wrapping_sub(b' ') & 63);
    let mut out = Vec::with_capacity(length);
    let (mut bits, mut buffer) = (0, 0u32);
    while out.len() < length {
        // A line that ends early goes on with blanks, which some programs strip.
        let value = match rest.split_first() {
            None => 0,
            Some((b'\n' | b'\r', _)) => 0,
            Some((&byte, more)) => {
                if !(b' '..=b' ' + 64).contains(&byte) {
                    return Err(fail(py, "Illegal char"));
                }
                rest = more;
                (byte - b' ') & 63
            }
        };
        buffer = buffer << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    if rest.iter().any(|byte| !matches!(byte, b' ' | b'`' | b'\n' | b'\r')) {
        return Err(fail(py, "Trailing garbage"));
    }
    Bytes::new(py, &out)
}

fn b2a_uu(py: Attached<'_>, _: &Object, [data, backtick]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let data = BytesArg::new(py, required(py, data)?)?;
    let data = data.as_slice();
    let zero = if flag(py, backtick, false)? { b'`' } else { b' ' };
    if data.len() > 45 {
        return Err(fail(py, "At most 45 bytes at once"));
    }
    let digit = |bits: u32| match (bits & 63) as u8 {
        0 => zero,
        value => value + b' ',
    };
    let mut out = vec![digit(data.len() as u32)];
    for group in data.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([bits >> 18, bits >> 12, bits >> 6, bits].map(digit));
    }
    out.push(b'\n');
    Bytes::new(py, &out)
}

fn a2b_qp(py: Attached<'_>, _: &Object, [data, header]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let data = ascii_or_bytes(py, required(py, data)?)?;
    let header = flag(py, header, false)?;
    let mut out = with_room(py, data.len())?;
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut at = 0;
    while let Some(&byte) = data.get(at) {
        at += 1;
        match byte {
            b'=' => match data.get(at) {
                None => break,
                // A soft line break: all up to the end of the line goes.
                Some(b'\n' | b'\r') => {
                    at = data[at..].iter().position(|&byte| byte == b'\n').map_or(data.len(), |end| at + end + 1);
                }
                // Some broken programs double the sign.
                Some(b'=') => {
                    out.push(b'=');
                    at += 1;
                }
                Some(&high) => match (digit(high), data.get(at + 1).and_then(|&low| digit(low))) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        at += 2;
                    }
                    _ => out.push(b'='),
                },
            },
            b'_' if header => out.push(b' '),
            byte => out.push(byte),
        }
    }
    Bytes::new(py, &out)
}

const LINE: usize = 76;

fn encode_qp(data: &[u8], quote_tabs: bool, text: bool, header: bool) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    // The kind of line end that comes first is used for all.
    let crlf = data.iter().position(|&byte| byte == b'\n').is_some_and(|at| at > 0 && data[at - 1] == b'\r');
    let newline: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    let mut out = Vec::with_capacity(data.len() + data.len() / 4);
    let mut line = 0;
    let mut at = 0;
    while at < data.len() {
        let byte = data[at];
        let next = data.get(at + 1).copied();
        let last = at + 1 == data.len();
        let quoted = byte > 126
            || byte == b'='
            || header && byte == b'_'
            || byte == b'.' && line == 0 && (last || matches!(next, Some(b'\n' | b'\r' | 0)))
            || !text && matches!(byte, b'\r' | b'\n')
            || matches!(byte, b'\t' | b' ') && last
            || byte < 33 && !matches!(byte, b'\r' | b'\n') && (quote_tabs || !matches!(byte, b'\t' | b' '));
        if quoted {
            if line + 3 >= LINE {
                out.push(b'=');
                out.extend_from_slice(newline);
                line = 0;
            }
            out.extend_from_slice(&[b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            line += 3;
            at += 1;
        } else if text && (byte == b'\n' || byte == b'\r' && next == Some(b'\n')) {
            // White space at the end of a line would get lost.
            if let Some(&blank @ (b' ' | b'\t')) = out.last() {
                out.pop();
                out.extend_from_slice(&[b'=', DIGITS[usize::from(blank >> 4)], DIGITS[usize::from(blank & 15)]]);
            }
            out.extend_from_slice(newline);
            line = 0;
            at += if byte == b'\r' { 2 } else { 1 };
        } else {
            if next.is_some_and(|next| next != b'\n') && line + 1 >= LINE {
                out.push(b'=');
                out.extend_from_slice(newline);
                line = 0;
            }
            line += 1;
            out.push(if header && byte == b' ' { b'_' } else { byte });
            at += 1;
        }
    }
    out
}

fn b2a_qp(py: Attached<'_>, _: &Object, [data, tabs, text, header]: [Arg<'_>; 4]) -> PyResult<Ref<Bytes>> {
    let data = BytesArg::new(py, required(py, data)?)?;
    let (tabs, text, header) = (flag(py, tabs, false)?, flag(py, text, true)?, flag(py, header, false)?);
    need(py, data.as_slice().len().saturating_mul(6))?;
    Bytes::new(py, &encode_qp(data.as_slice(), tabs, text, header))
}

fn crc_hqx(py: Attached<'_>, _: &Object, [data, crc]: [Arg<'_>; 2]) -> PyResult<u32> {
    let data = BytesArg::new(py, required(py, data)?)?;
    let mut crc = required(py, crc)?.as_u64_mask(py)? as u32 & 0xFFFF;
    for byte in data.as_slice() {
        crc ^= u32::from(*byte) << 8;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 };
        }
        crc &= 0xFFFF;
    }
    Ok(crc)
}

/// `crc32`, of `zlib` too.
pub fn crc32(py: Attached<'_>, _: &Object, [data, value]: [Arg<'_>; 2]) -> PyResult<u32> {
    let data = BytesArg::new(py, required(py, data)?)?;
    let value = value.map_or(Ok(0), |value| value.as_u64_mask(py))? as u32;
    Ok(crc32_of(value, data.as_slice()))
}

fn crc32_of(start: u32, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(data);
    hasher.finalize()
}

/// Fills `binascii`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "a2b_uu" => a2b_uu, "($module, data, /)", "Decode a line of uuencoded data.";
            sig "b2a_uu" => b2a_uu, "($module, data, /, *, backtick=False)", "Uuencode line of data.";
            sig "a2b_base64" => a2b_base64, "($module, data, /, *, strict_mode=False)", "Decode a line of base64 data.\n\n  strict_mode\n    When true, refuse everything that is not plain base64.";
            sig "b2a_base64" => b2a_base64, "($module, data, /, *, newline=True)", "Base64-code line of data.";
            sig "hexlify" => hexlify, "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)", "Hexadecimal representation of binary data.\n\n  sep\n    A character to put between groups of bytes.\n  bytes_per_sep\n    Bytes in a group, counted from the right; from the left if negative.";
            sig "b2a_hex" => hexlify, "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)", "Hexadecimal representation of binary data, as by hexlify().";
            o "unhexlify" => unhexlify, "($module, hexstr, /)", "Binary data of hexadecimal representation.";
            o "a2b_hex" => unhexlify, "($module, hexstr, /)", "Binary data of hexadecimal representation.";
            sig "crc_hqx" => crc_hqx, "($module, data, crc, /)", "Compute CRC-CCITT incrementally.";
            sig "crc32" => crc32, "($module, data, crc=0, /)", "Compute CRC-32 incrementally.";
            sig "b2a_qp" => b2a_qp, "($module, /, data, quotetabs=False, istext=True, header=False)", "Encode a string using quoted-printable encoding.";
            sig "a2b_qp" => a2b_qp, "($module, /, data, header=False)", "Decode a string of qp-encoded data.";
        },
    )?;
    module.add(py, "Error", &*new_exception(py, "binascii", "Error", exc::ValueError())?)?;
    module.add(py, "Incomplete", &*new_exception(py, "binascii", "Incomplete", exc::Exception())?)
}
