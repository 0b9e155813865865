//! The encoding of file names and other text from the system: UTF-8, or ASCII in the C locale without UTF-8 mode. Bytes that
//! it does not have become lone surrogates, and those become bytes again (`surrogateescape`, PEP 383).
use super::{Str, StrBuilder};
use crate::PyResult;
use crate::builtins::codecs::encode_error;
use crate::handle::{Attached, Ref};
use std::sync::atomic::{AtomicBool, Ordering};

static FS_ASCII: AtomicBool = AtomicBool::new(false);

/// `sys.getfilesystemencoding()`.
pub fn fs_encoding() -> &'static str {
    if FS_ASCII.load(Ordering::Relaxed) { "ascii" } else { "utf-8" }
}

/// Chooses between ASCII and UTF-8, before text comes from the system.
pub fn set_fs_ascii(ascii: bool) {
    FS_ASCII.store(ascii, Ordering::Relaxed);
}

impl Str {
    /// Decoding of file names with `surrogateescape` (`os.fsdecode`): UTF-8, or [`fs_encoding`].
    pub fn from_fs_bytes(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Str>> {
        let ascii = FS_ASCII.load(Ordering::Relaxed);
        if let Ok(text) = std::str::from_utf8(bytes)
            && (!ascii || text.is_ascii())
        {
            return Self::new(py, text);
        }
        let mut out = StrBuilder::with_capacity(bytes.len());
        if ascii {
            bytes
                .iter()
                .map(|&byte| u32::from(byte))
                .for_each(|byte| out.push(byte + if byte < 0x80 { 0 } else { 0xDC00 }));
            return out.finish(py);
        }
        for chunk in bytes.utf8_chunks() {
            out.push_str(chunk.valid());
            chunk.invalid().iter().for_each(|&byte| out.push(0xDC00 + u32::from(byte)));
        }
        out.finish(py)
    }

    /// Encoding of file names with `surrogateescape` (`os.fsencode`).
    pub fn to_fs_bytes(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        let ascii = FS_ASCII.load(Ordering::Relaxed);
        if let Some(text) = self.as_str()
            && (!ascii || text.is_ascii())
        {
            return crate::reserve::copied(py, text.as_bytes());
        }
        let mut out = crate::reserve::with_room(py, self.len() * 4)?;
        for (at, point) in self.code_points().enumerate() {
            match point {
                0xDC80..=0xDCFF => out.push((point - 0xDC00) as u8),
                0x80.. if ascii => {
                    return Err(encode_error(py, "ascii", self, at, at + 1, "ordinal not in range(128)"));
                }
                _ => match char::from_u32(point) {
                    Some(ch) => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
                    None => return Err(encode_error(py, "utf-8", self, at, at + 1, "surrogates not allowed")),
                },
            }
        }
        Ok(out)
    }
}
