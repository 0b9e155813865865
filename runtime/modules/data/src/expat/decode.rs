//! Input bytes to UTF-8.

/// How the bytes of a document stand for characters.
#[derive(Clone, Default)]
pub enum Encoding {
    #[default]
    Undecided,
    Utf8,
    Utf16 {
        big: bool,
    },
    /// One byte a character, by a table.
    Table(Box<[char; 256]>),
}

/// Decodes as much as is complete; what is not stays in `raw`. `None` when bytes are malformed.
pub fn decode(encoding: &Encoding, raw: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
    match encoding {
        Encoding::Undecided | Encoding::Utf8 => {
            let valid = match std::str::from_utf8(raw) {
                Ok(_) => raw.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(error) => {
                    out.extend_from_slice(&raw[..error.valid_up_to()]);
                    return None;
                }
            };
            out.extend(raw.drain(..valid));
        }
        Encoding::Utf16 { big } => {
            let mut used = 0;
            let units: Vec<u16> =
                raw.chunks_exact(2)
                    .map(|pair| {
                        if *big {
                            u16::from_be_bytes([pair[0], pair[1]])
                        } else {
                            u16::from_le_bytes([pair[0], pair[1]])
                        }
                    })
                    .collect();
            let mut at = 0;
            while at < units.len() {
                let wide = (0xD800..0xDC00).contains(&units[at]);
                if wide && at + 1 == units.len() {
                    break;
                }
                let count = if wide { 2 } else { 1 };
                let text = String::from_utf16(&units[at..at + count]).ok()?;
                out.extend_from_slice(text.as_bytes());
                at += count;
                used = at * 2;
            }
            raw.drain(..used);
        }
        Encoding::Table(table) => {
            let mut buffer = [0; 4];
            for &byte in raw.iter() {
                let c = table[usize::from(byte)];
                if c == '\u{FFFF}' {
                    return None;
                }
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            raw.clear();
        }
    }
    Some(())
}

/// The encoding that the first bytes show, and how many of them are a mark.
pub fn detect(raw: &[u8]) -> Option<(Encoding, usize)> {
    Some(match raw {
        [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
        [0xFE, 0xFF, ..] => (Encoding::Utf16 { big: true }, 2),
        [0xFF, 0xFE, ..] => (Encoding::Utf16 { big: false }, 2),
        [0, ..] => (Encoding::Utf16 { big: true }, 0),
        [b'<', 0, ..] => (Encoding::Utf16 { big: false }, 0),
        _ => return None,
    })
}

/// The encoding of a name that needs no codec.
pub fn known(name: &str) -> Option<Encoding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Encoding::Utf8,
        "utf-16" => Encoding::Undecided,
        "utf-16be" => Encoding::Utf16 { big: true },
        "utf-16le" => Encoding::Utf16 { big: false },
        "iso-8859-1" | "latin-1" | "latin1" => {
            let mut table = ['\0'; 256];
            for (at, c) in table.iter_mut().enumerate() {
                *c = char::from(at as u8);
            }
            Encoding::Table(Box::new(table))
        }
        _ => return None,
    })
}
