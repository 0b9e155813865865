//! [`Wtf8`]: text that may hold lone surrogates.
//!
//! The bytes are UTF-8, except that a surrogate code point (which Python literals may name, as in `'\ud800'`)
//! is encoded in three bytes like any other of its size: what Python calls `utf-8` with `surrogatepass`.
//! Two surrogates beside each other stay two.

use std::fmt;
use std::sync::Arc;

/// Immutable, cheaply cloned text of code points 0 to 0x10FFFF, surrogates included.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wtf8(Arc<[u8]>);

impl Wtf8 {
    /// From bytes in the encoding that the module describes.
    ///
    /// Returns `None` when they are not.
    pub fn from_bytes(bytes: &[u8]) -> Option<Wtf8> {
        let mut rest = bytes;
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => return Some(Wtf8(bytes.into())),
                Err(error) => {
                    let bad = &rest[error.valid_up_to()..];
                    match bad {
                        [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => rest = &bad[3..],
                        _ => return None,
                    }
                }
            }
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if there is no surrogate in it.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The code points.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let lead = *self.0.get(at)?;
            let (len, mut value) = match lead {
                0..0x80 => (1, u32::from(lead)),
                0x80..0xe0 => (2, u32::from(lead & 0x1f)),
                0xe0..0xf0 => (3, u32::from(lead & 0x0f)),
                _ => (4, u32::from(lead & 0x07)),
            };
            for byte in &self.0[at + 1..at + len] {
                value = value << 6 | u32::from(byte & 0x3f);
            }
            at += len;
            Some(value)
        })
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether CPython interns a constant string with this text: ASCII letters, digits and underscores only.
    pub fn is_name_like(&self) -> bool {
        self.0.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_')
    }
}

impl From<&str> for Wtf8 {
    fn from(text: &str) -> Wtf8 {
        Wtf8(text.as_bytes().into())
    }
}

impl From<String> for Wtf8 {
    fn from(text: String) -> Wtf8 {
        Wtf8(text.into_bytes().into())
    }
}

impl fmt::Debug for Wtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl fmt::Display for Wtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// Builds a [`Wtf8`].
#[derive(Default, Clone)]
pub struct Wtf8Buf(Vec<u8>);

impl Wtf8Buf {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends text that may hold surrogates.
    pub fn push_wtf8(&mut self, text: &Wtf8) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends a code point; numbers above 0x10FFFF are dropped.
    pub fn push_code_point(&mut self, value: u32) {
        match char::from_u32(value) {
            Some(c) => self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None if (0xd800..0xe000).contains(&value) => {
                self.0.extend([0xed, 0x80 | (value >> 6 & 0x3f) as u8, 0x80 | (value & 0x3f) as u8]);
            }
            None => {}
        }
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn finish(self) -> Wtf8 {
        Wtf8(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates() {
        let mut buf = Wtf8Buf::new();
        for c in [0x61, 0xd800, 0x20ac, 0x1f600, 0xdfff] {
            buf.push_code_point(c);
        }
        let text = buf.finish();
        assert_eq!(text.as_str(), None);
        assert_eq!(text.code_points().collect::<Vec<_>>(), [0x61, 0xd800, 0x20ac, 0x1f600, 0xdfff]);
        assert_eq!(Wtf8::from_bytes(text.as_bytes()), Some(text));
        assert_eq!(Wtf8::from_bytes(b"\xff"), None);
        assert!(Wtf8::from("a_1").is_name_like());
        assert!(!Wtf8::from("a b").is_name_like());
    }
}
