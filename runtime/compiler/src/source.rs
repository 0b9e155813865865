//! Source text: newlines, places in it, and the bytes that become it.

use crate::error::{CompileError, ErrorContext, ErrorKind, RawError};
use krait_bytecode::{Location, Wtf8};

/// Source text with `\n` newlines and the offsets of its lines.
pub(crate) struct Source {
    pub(crate) text: String,
    line_starts: Vec<u32>,
}

impl Source {
    /// Takes text, turning `\r\n` and `\r` into `\n`.
    pub(crate) fn new(text: &str) -> Source {
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_string() };
        let mut line_starts = vec![0];
        line_starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1));
        Source { text, line_starts }
    }

    /// Source text as it was given, with a newline at the end of a file.
    pub(crate) fn of(text: &str, mode: crate::Mode) -> Source {
        let complete = mode != crate::Mode::Exec || text.is_empty() || text.ends_with(['\n', '\r']);
        if complete { Source::new(text) } else { Source::new(&format!("{text}\n")) }
    }

    /// Line (from 1) and column in bytes (from 0) of an offset.
    pub(crate) fn position(&self, offset: u32) -> (i32, i32) {
        let line = self.line_starts.partition_point(|s| *s <= offset);
        (line as i32, (offset - self.line_starts[line - 1]) as i32)
    }

    /// The place of a range of offsets.
    pub(crate) fn location(&self, start: u32, end: u32) -> Location {
        let (line, column) = self.position(start);
        let (end_line, end_column) = self.position(end);
        Location { line, end_line, column, end_column }
    }

    /// The offset where a line (from 1) begins; the end of the text for lines past it.
    pub(crate) fn line_start(&self, line: i32) -> usize {
        let index = (line - 1).max(0) as usize;
        self.line_starts.get(index).map_or(self.text.len(), |s| *s as usize)
    }

    /// A line's text, with its newline if it has one.
    pub(crate) fn line(&self, line: i32) -> &str {
        &self.text[self.line_start(line)..self.line_start(line + 1)]
    }

    /// The number of the last line that has text.
    pub(crate) fn last_line(&self) -> i32 {
        let empty = self.text.ends_with('\n') || self.text.is_empty();
        (self.line_starts.len() as i32 - i32::from(empty)).max(1)
    }

    /// Number of lines, a last empty one included.
    pub(crate) fn line_count(&self) -> i32 {
        self.line_starts.len() as i32
    }

    /// A column in bytes as an offset in characters, from 1; unknown ones stay below 1.
    fn char_offset(&self, line: i32, column: i32) -> i32 {
        if column < 0 {
            return column + 1;
        }
        let text = self.line(line);
        let past = (column as usize).saturating_sub(text.len()) as i32;
        let column = (column as usize).min(text.len());
        let inside = text.as_bytes()[..column].iter().filter(|b| **b & 0xc0 != 0x80).count();
        inside as i32 + past + 1
    }

    /// The public form of an error.
    pub(crate) fn public(&self, error: RawError) -> CompileError {
        let mut out = CompileError::plain(error.kind, error.msg);
        if let Some(loc) = error.loc {
            out.lineno = Some(loc.line);
            out.offset = Some(self.char_offset(loc.line, loc.column));
            out.end_lineno = Some(loc.end_line);
            out.end_offset = Some(self.char_offset(loc.end_line, loc.end_column));
            let mut line = self.line(loc.line).to_string();
            if line.is_empty() && loc.line > 1 && loc.line > self.line_count() - 1 {
                line = String::new();
            }
            if (error.bare_line || error.stale_line) && line.ends_with('\n') {
                line.pop();
            }
            if loc.end_line > loc.line && loc.end_column >= 0 {
                // The end is counted in the line that is shown, be it another one.
                let end = line.floor_char_boundary((loc.end_column as usize).min(line.len()));
                out.end_offset = Some(line.as_bytes()[..end].iter().filter(|b| **b & 0xc0 != 0x80).count() as i32 + 1);
            }
            out.text = Some(Wtf8::from(line));
        }
        out.line_of_file = !error.bare_line && error.last_block.is_some();
        out.context =
            error.last_block.map(|last_block| Box::new(ErrorContext { last_block, source: self.text.to_string() }));
        out
    }
}

/// Turns the bytes of a source into text: byte order mark, coding cookie (PEP 263), UTF-8.
///
/// Errors name the file where there is one.
///
/// # Errors
/// `SyntaxError` for an unknown or contradicting cookie, for bytes that the encoding does not have, and for null bytes.
pub fn decode_source(bytes: &[u8], filename: Option<&str>, ignore_cookie: bool) -> Result<String, CompileError> {
    let (bom, body) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    if let Some(at) = body.iter().position(|byte| *byte == 0) {
        let mut error = CompileError::plain(ErrorKind::Syntax, "source code cannot contain null bytes");
        if filename.is_some() {
            // The line ends there.
            let before = &body[..at];
            let text = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() as i32 + 1;
            (error.lineno, error.offset) = (Some(line), Some(0));
            (error.end_lineno, error.end_offset) = (Some(line), Some(0));
            error.text = Some(Wtf8::from(String::from_utf8_lossy(text).into_owned()));
        }
        return Err(error);
    }
    let cookie = if ignore_cookie { None } else { find_cookie(body) };
    let cookie = cookie.as_deref();
    if let Some(name) = filename
        && let Err(error) = std::str::from_utf8(body)
    {
        let named = bom || cookie == Some("utf-8");
        if named || cookie.is_none() {
            return undecodable_file(body, error, name, named);
        }
    }
    match cookie {
        Some("utf-8") | None => decode_utf8(body, filename),
        Some("utf8") if !bom => decode_utf8(body, filename),
        Some(other) if bom => {
            let mut error = CompileError::plain(ErrorKind::Syntax, format!("encoding problem: {other} with BOM"));
            let first = body.split(|b| *b == b'\n').next().unwrap_or_default();
            let line = if cookie_in(first).is_some() { 1 } else { 2 };
            let text = body.split(|b| *b == b'\n').nth(line as usize - 1).unwrap_or_default();
            (error.lineno, error.offset) = (Some(line), Some(0));
            let end = text.len() as i32 + i32::from(filename.is_some() || line == 2);
            (error.end_lineno, error.end_offset) = (Some(line), Some(end));
            error.text = Some(Wtf8::from(String::from_utf8_lossy(text).into_owned()));
            Err(error)
        }
        Some("iso-8859-1") => Ok(body.iter().map(|b| *b as char).collect()),
        Some("ascii") => match body.iter().position(|b| *b >= 0x80) {
            None => Ok(String::from_utf8_lossy(body).into_owned()),
            Some(at) => {
                let from = if filename.is_some() { cookie_end(body) } else { 0 };
                let place = at.checked_sub(from).unwrap_or(at);
                let msg = format!(
                    "'ascii' codec can't decode byte 0x{:02x} in position {place}: ordinal not in range(128)",
                    body[at]
                );
                if at >= from {
                    return Err(CompileError::encoding(msg));
                }
                // The lines up to the cookie are read before it counts.
                let line = 1 + body[..from].iter().filter(|b| **b == b'\n').count() as i32;
                let start = body[..from].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
                let end = (from + 1).min(body.len());
                Err(unreadable_line(&msg, line, &body[start..end]))
            }
        },
        Some(other) => Err(CompileError::encoding(format!("unknown encoding: {other}"))),
    }
}

/// Whether [`decode_source`] knows an encoding itself.
pub fn is_known_encoding(name: &str) -> bool {
    matches!(name, "utf-8" | "iso-8859-1" | "ascii")
}

/// The encoding that a cookie in the first two lines names, normalised; callers that have a codec registry use it for
/// the encodings that [`decode_source`] does not know.
pub fn find_cookie(body: &[u8]) -> Option<String> {
    for line in body.split(|b| *b == b'\n').take(2) {
        let blank = line.iter().position(|b| !matches!(b, b' ' | b'\t' | 0x0c | b'\r'));
        let Some(first) = blank else { continue };
        if line[first] != b'#' {
            return None;
        }
        if let Some(name) = cookie_in(line) {
            return Some(normalise(&name));
        }
    }
    None
}

/// The offset of the end of the line with the cookie: what comes after it is decoded when a file is read.
pub fn cookie_end(body: &[u8]) -> usize {
    let line = |from: usize| body[from..].iter().position(|b| *b == b'\n').map_or(body.len(), |n| from + n);
    let first = line(0);
    if cookie_in(&body[..first]).is_some() { first } else { line((first + 1).min(body.len())) }
}

fn cookie_in(line: &[u8]) -> Option<String> {
    let at = line.windows(7).position(|w| &w[..6] == b"coding" && matches!(w[6], b':' | b'='))?;
    let rest = &line[at + 7..];
    let start = rest.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    let name: Vec<u8> = rest[start..]
        .iter()
        .copied()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        .collect();
    if name.is_empty() { None } else { String::from_utf8(name).ok() }
}

fn normalise(name: &str) -> String {
    let lower: String = name.to_ascii_lowercase().replace('_', "-");
    let is = |prefix: &str| lower == prefix || lower.starts_with(&format!("{prefix}-"));
    if is("utf-8") || lower == "utf_8" {
        "utf-8".into()
    } else if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") || lower == "latin1" || lower == "l1" {
        "iso-8859-1".into()
    } else if lower == "ascii" || lower == "us-ascii" {
        "ascii".into()
    } else {
        name.to_string()
    }
}

/// The error for a line of a file whose bytes its codec refuses.
fn unreadable_line(msg: &str, line: i32, bytes: &[u8]) -> CompileError {
    CompileError {
        lineno: Some(line),
        offset: Some(0),
        end_lineno: Some(line),
        end_offset: Some(-1),
        text: Some(Wtf8::from(String::from_utf8_lossy(bytes).into_owned())),
        ..CompileError::plain(ErrorKind::Syntax, format!("(unicode error) {msg}"))
    }
}

/// What is wrong with a file that is not UTF-8. `named` tells whether it says that it is.
fn undecodable_file(
    body: &[u8],
    error: std::str::Utf8Error,
    filename: &str,
    named: bool,
) -> Result<String, CompileError> {
    let at = error.valid_up_to();
    let start = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let end = body[at..].iter().position(|b| *b == b'\n').map_or(body.len(), |newline| at + newline + 1);
    let line = 1 + body[..at].iter().filter(|b| **b == b'\n').count() as i32;
    if named {
        let (bytes, reason) = match error.error_len() {
            None => ("bytes", "unexpected end of data"),
            Some(1) if !matches!(body[at], 0xc2..=0xf4) => ("byte", "invalid start byte"),
            Some(_) => ("byte", "invalid continuation byte"),
        };
        let length = error.error_len().unwrap_or(body.len() - at);
        let (from, to) = (at - start, at - start + length - 1);
        let what = if bytes == "byte" && length == 1 {
            format!("byte 0x{:02x} in position {from}", body[at])
        } else {
            format!("bytes in position {from}-{to}")
        };
        let msg = format!("'utf-8' codec can't decode {what}: {reason}");
        return Err(unreadable_line(&msg, line, &body[start..end]));
    }
    let comment = |text: &[u8]| text.trim_ascii_start().first().is_none_or(|first| *first == b'#');
    // A comment alone is never read as text.
    if line == 1 && end == body.len() && comment(body) {
        return Ok(String::from_utf8_lossy(body).into_owned());
    }
    let mut out = decode_utf8(body, Some(filename));
    // When the second line is read behind one that can have no cookie, it is not counted yet.
    if line == 2
        && !comment(body.split(|b| *b == b'\n').next().unwrap_or_default())
        && let Err(error) = &mut out
    {
        error.msg = error.msg.replace(" on line 2,", " on line 1,");
        (error.lineno, error.end_lineno) = (Some(1), Some(1));
    }
    out
}

fn decode_utf8(body: &[u8], filename: Option<&str>) -> Result<String, CompileError> {
    let error = match std::str::from_utf8(body) {
        Ok(text) => return Ok(text.to_string()),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let line = 1 + body[..at].iter().filter(|b| **b == b'\n').count() as i32;
    let byte = body[at];
    let file = filename.map_or(String::new(), |name| format!(" in file {name}"));
    let msg = format!(
        "Non-UTF-8 code starting with '\\x{byte:02x}'{file} on line {line}, but no encoding declared; \
         see https://peps.python.org/pep-0263/ for details"
    );
    let mut out = CompileError::plain(ErrorKind::Syntax, msg);
    let start = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let length = body[at..].iter().position(|b| *b == b'\n').map_or(body.len() - start, |n| at + n - start);
    out.text = Some(Wtf8::from(String::from_utf8_lossy(&body[start..start + length]).into_owned()));
    let offset = String::from_utf8_lossy(&body[start..at]).chars().count() as i32 + 1;
    (out.lineno, out.offset) = (Some(line), Some(offset));
    (out.end_lineno, out.end_offset) = (Some(line), Some(offset));
    Err(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        assert_eq!(find_cookie(b"# -*- coding: latin-1 -*-\n").as_deref(), Some("iso-8859-1"));
        assert_eq!(find_cookie(b"\n# vim: set fileencoding=UTF_8 :\n").as_deref(), Some("utf-8"));
        assert_eq!(find_cookie(b"x = 1\n# coding: latin-1\n"), None);
        assert_eq!(decode_source(b"# coding: latin-1\n\xe9", None, false).unwrap(), "# coding: latin-1\n\u{e9}");
        assert!(decode_source(b"\xff", None, false).unwrap_err().msg.starts_with("Non-UTF-8"));
    }

    #[test]
    fn places() {
        let source = Source::new("a\r\nbc\rd");
        assert_eq!(source.text, "a\nbc\nd");
        assert_eq!(source.position(3), (2, 1));
        assert_eq!(source.line(2), "bc\n");
    }
}
