//! Codecs against answers recorded from the reference by gen_codecs.py.
//! An error handler that replaces and goes on shows every problem of an input.

use krait_text::codecs::{self as c, Endian, Problem, Sink, Units, handlers};
use proptest::prelude::*;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
fn undot(text: &str) -> Vec<u32> {
    text.split('.').filter(|t| !t.is_empty()).map(|t| u32::from_str_radix(t, 16).unwrap()).collect()
}
fn dots(list: &[u32]) -> String {
    list.iter().map(|c| format!("{c:x}")).collect::<Vec<_>>().join(".")
}

fn decode_step(name: &str, input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<(), Problem> {
    match name {
        "utf8" => c::utf8_decode(input, at, out, last),
        "u16le" => c::utf16_decode(input, at, out, Endian::Little, last),
        "u16be" => c::utf16_decode(input, at, out, Endian::Big, last),
        "u32le" => c::utf32_decode(input, at, out, Endian::Little, last),
        "u32be" => c::utf32_decode(input, at, out, Endian::Big, last),
        "utf7" => c::utf7_decode(input, at, out, last),
        "esc" => c::unicode_escape_decode(input, at, out, last, &mut None),
        "raw" => c::raw_unicode_escape_decode(input, at, out, last),
        _ => c::ascii_decode(input, at, out),
    }
}

fn encode_step(name: &str, text: &[u32], at: &mut usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut whole = |bytes: Vec<u8>| {
        out.extend(bytes);
        *at = text.len();
        Ok(())
    };
    match name {
        "utf7" => whole(c::utf7_encode(text)),
        "esc" => whole(c::unicode_escape_encode(text)),
        "raw" => whole(c::raw_unicode_escape_encode(text)),
        "utf8" => c::utf8_encode(text, at, out),
        "u16le" => c::utf16_encode(text, at, out, Endian::Little),
        "u16be" => c::utf16_encode(text, at, out, Endian::Big),
        "u32le" => c::utf32_encode(text, at, out, Endian::Little),
        "u32be" => c::utf32_encode(text, at, out, Endian::Big),
        "latin1" => c::narrow_encode(text, at, out, 256),
        _ => c::narrow_encode(text, at, out, 128),
    }
}

fn decode(name: &str, input: &[u8], last: bool) -> (Vec<u32>, usize, Vec<String>) {
    let (mut out, mut at, mut log) = (Units::default(), 0, Vec::new());
    while let Err(p) = decode_step(name, input, &mut at, &mut out, last) {
        log.push(format!("{}-{}-{}", p.start, p.end, p.reason));
        out.push(0xFFFD);
        at = p.end;
    }
    (out.to_code_points(), at, log)
}

fn encode(name: &str, text: &[u32]) -> (Vec<u8>, usize, Vec<String>) {
    let (mut out, mut at, mut log) = (Vec::new(), 0, Vec::new());
    while let Err(p) = encode_step(name, text, &mut at, &mut out) {
        log.push(format!("{}-{}-{}", p.start, p.end, p.reason));
        let mut from = 0;
        encode_step(name, &['?' as u32], &mut from, &mut out).unwrap();
        at = p.end;
    }
    (out, at, log)
}

#[test]
fn recorded_answers() {
    let mut wrong = 0;
    for line in include_str!("data/codecs.txt").lines() {
        let f: Vec<&str> = line.split('\t').collect();
        let got = match f[0] {
            "d" => {
                let (text, used, log) = decode(f[1], &unhex(f[2]), f[3] == "1");
                [dots(&text), used.to_string(), log.join(";")]
            }
            "e" => {
                let (bytes, used, log) = encode(f[1], &undot(f[2]));
                [hex(&bytes), used.to_string(), log.join(";")]
            }
            _ => {
                let input = unhex(f[2]);
                let mode = match f[1] {
                    "strict" => c::OnBadHex::Strict,
                    "replace" => c::OnBadHex::Replace,
                    _ => c::OnBadHex::Ignore,
                };
                let out = if f[1] == "encode" {
                    hex(&c::escape_encode(&input))
                } else {
                    c::escape_decode(&input, mode).map_or_else(|e| format!("!{}", e.message()), |(out, _)| hex(&out))
                };
                [out, "0".into(), String::new()]
            }
        };
        if got[..] != f[4..7] {
            wrong += 1;
            if wrong < 20 {
                println!("{line}\n  got {got:?}");
            }
        }
    }
    assert_eq!(wrong, 0);
}

#[test]
fn maps_and_handlers() {
    let table: Vec<u32> = vec![0x61, 0x20AC, 0xFFFE];
    let (mut out, mut at) = (Vec::new(), 0);
    let p = c::charmap_decode(&[0, 1, 2, 0], &mut at, &mut out, &table).unwrap_err();
    assert_eq!((p.start, p.end, out), (2, 3, vec![0x61, 0x20AC]));
    let map = c::EncodingMap::new(&table);
    let (mut out, mut at) = (Vec::new(), 0);
    let p = map.encode(&[0x20AC_u32, 0x61, 0x62, 0xFFFE], &mut at, &mut out).unwrap_err();
    assert_eq!((p.start, p.end, out), (2, 4, vec![1, 0]));
    assert_eq!(handlers::surrogateescape_decode(b"\xff\x80a"), Some(vec![0xDCFF, 0xDC80]));
    assert_eq!(handlers::surrogateescape_decode(b"a"), None);
    assert_eq!(handlers::surrogateescape_encode(&[0xDCFF, 0xDC80]), Some(vec![0xFF, 0x80]));
    assert_eq!(handlers::surrogateescape_encode(&[0xDC7F]), None);
    assert_eq!(handlers::surrogatepass_decode(b"\xed\xa0\x80x", handlers::Utf::Eight), Some((0xD800, 3)));
    assert_eq!(handlers::surrogatepass_encode(&[0xD800], handlers::Utf::Eight), Some(b"\xed\xa0\x80".to_vec()));
    assert_eq!(handlers::backslashreplace(&[0xE9, 0x20AC, 0x1F600]), "\\xe9\\u20ac\\U0001f600");
    assert_eq!(handlers::namereplace(&[0xE9]), "\\N{LATIN SMALL LETTER E WITH ACUTE}");
    assert_eq!(handlers::xmlcharrefreplace(&[0x20AC]), "&#8364;");
}

#[test]
fn long_ascii_takes_the_block_path() {
    let mut text = vec![b'x'; 1000];
    text[777] = 0xC3;
    assert_eq!(c::ascii_prefix(&text), 777);
    assert_eq!(c::ascii_prefix(&text[..777]), 777);
}

proptest! {
    #[test]
    fn utf8_agrees_with_the_standard_library(text: String, noise in proptest::collection::vec(any::<u8>(), 0..12)) {
        let (got, used, log) = decode("utf8", text.as_bytes(), true);
        prop_assert!(log.is_empty() && used == text.len());
        prop_assert_eq!(&got, &text.chars().map(u32::from).collect::<Vec<_>>());
        prop_assert_eq!(encode("utf8", &got).0, text.as_bytes());
        let lossy: Vec<u32> = String::from_utf8_lossy(&noise).chars().map(u32::from).collect();
        prop_assert_eq!(decode("utf8", &noise, true).0, lossy);
    }
    #[test]
    fn pieces_decode_as_the_whole(text: String, cut: usize, codec in 0usize..6) {
        let name = ["utf8", "u16le", "u16be", "u32le", "u32be", "utf7"][codec];
        let points: Vec<u32> = text.chars().map(u32::from).collect();
        let bytes = encode(name, &points).0;
        let cut = cut % (bytes.len() + 1);
        let (mut got, used, _) = decode(name, &bytes[..cut], false);
        got.extend(decode(name, &bytes[used..], true).0);
        prop_assert_eq!(got, points);
    }
}
