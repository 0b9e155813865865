//! Every property of every code point against checksums recorded from the reference interpreter.

use krait_text::unicode::{self as u, Case, Form, names, v3_2};
use std::fmt::Write;

fn crc32(crc: u32, data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut k = 0;
        while k < 256 {
            let (mut crc, mut bit) = (k as u32, 0);
            while bit < 8 {
                crc = if crc & 1 != 0 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[k] = crc;
            k += 1;
        }
        table
    };
    !data.iter().fold(!crc, |crc, &b| crc >> 8 ^ TABLE[(crc as u8 ^ b) as usize])
}

fn cps(list: &[u32]) -> String {
    list.iter().map(|c| format!("{c:x}")).collect::<Vec<_>>().join(".")
}

fn decomposition((tag, list): (&str, Vec<u32>)) -> String {
    let mut words: Vec<String> = list.iter().map(|c| format!("{c:04X}")).collect();
    if !tag.is_empty() {
        words.insert(0, tag.to_string());
    }
    words.join(" ")
}

fn number(v: Option<u8>) -> String {
    v.map_or("-1".into(), |v| v.to_string())
}

fn bits(v: Option<f64>) -> String {
    v.map_or("-".into(), |v| format!("{:016x}", v.to_bits()))
}

const FORMS: [Form; 4] = [Form::Nfc, Form::Nfkc, Form::Nfd, Form::Nfkd];

fn line(c: u32) -> String {
    let mut s = String::new();
    write!(
        s,
        "{},{},{},{},{},{},{},{},{}|",
        u::category(c),
        u::bidirectional(c),
        u::combining(c),
        u::east_asian_width(c),
        u::mirrored(c) as u8,
        decomposition(u::decomposition(c)),
        number(u::decimal(c)),
        number(u::digit(c)),
        bits(u::numeric(c))
    )
    .unwrap();
    write!(
        s,
        "{},{},{},{},{},{},{},{},{}|",
        v3_2::category(c),
        v3_2::bidirectional(c),
        v3_2::combining(c),
        v3_2::east_asian_width(c),
        v3_2::mirrored(c) as u8,
        decomposition(v3_2::decomposition(c)),
        number(v3_2::decimal(c)),
        number(v3_2::digit(c)),
        bits(v3_2::numeric(c))
    )
    .unwrap();
    for flag in [
        u::is_alpha(c),
        u::is_decimal(c),
        u::is_digit(c),
        u::is_numeric(c),
        u::is_alnum(c),
        u::is_space(c),
        u::is_printable(c),
        u::is_upper(c),
        u::is_lower(c),
        u::is_title(c) || u::is_upper(c),
        u::is_identifier_start(c),
        u::is_identifier_continue(c),
        u::is_linebreak(c),
    ] {
        s.push(if flag { '1' } else { '0' });
    }
    let lower = |t: &[u32]| cps(&u::map_lower(t));
    let full = |k| cps(u::to_full(k, c).as_slice());
    let mut parts = vec![
        full(Case::Upper),
        full(Case::Lower),
        full(Case::Title),
        full(Case::Fold),
        cps(&u::swap_case(&[c])),
        names::name(c).unwrap_or_default(),
    ];
    parts.extend(FORMS.map(|f| cps(&u::normalize(f, &[c]).unwrap_or(vec![c]))));
    parts.extend(FORMS.map(|f| cps(&u::normalize_3_2(f, &[c]))));
    let (a, sigma) = (0x41, 0x3A3);
    parts.extend([lower(&[c, sigma]), lower(&[a, sigma, c]), lower(&[a, c, sigma]), lower(&[a, sigma, c, a])]);
    parts.push(cps(&u::title_text(&[c, 0x61, c])));
    format!("{s}|{}", parts.join("|"))
}

#[test]
fn all_properties_agree_with_the_reference() {
    for (block, want) in include_str!("data/unicode.crc").lines().enumerate() {
        let mut crc = 0;
        for cp in block as u32 * 4096..(block as u32 + 1) * 4096 {
            crc = crc32(crc, line(cp).as_bytes());
        }
        assert_eq!(format!("{crc:08x}"), want, "code points from {:#x}: {}", block * 4096, line(block as u32 * 4096));
    }
}

#[test]
fn names_round_trip() {
    let mut named = 0;
    for cp in 0..0x110000 {
        if let Some(name) = names::name(cp) {
            named += 1;
            assert_eq!(names::lookup(&name), Some(names::Found::Char(cp)), "{name}");
            assert_eq!(names::lookup(&name.to_lowercase()), Some(names::Found::Char(cp)), "{name}");
        }
    }
    assert!(named > 140_000);
}

#[test]
fn names_that_are_not_of_characters() {
    use names::{Found, lookup};
    assert_eq!(lookup("NULL"), Some(Found::Char(0)));
    assert_eq!(lookup("tangut ideograph-17000"), Some(Found::Char(0x17000)));
    assert_eq!(lookup("latin capital letter a with macron and grave"), Some(Found::Sequence(&[0x100, 0x300])));
    for no in ["", "CJK UNIFIED IDEOGRAPH-04E00", "HANGUL SYLLABLE X", "NO SUCH", "LATIN SMALL LETTER A "] {
        assert_eq!(lookup(no), None, "{no}");
    }
}

#[test]
fn normalisation_composes_and_orders() {
    let n = |f, t: &[u32]| u::normalize(f, t).unwrap_or(t.to_vec());
    assert_eq!(n(Form::Nfc, &[0x61, 0x323, 0x302]), [0x1EAD]);
    assert_eq!(n(Form::Nfc, &[0x61, 0x302, 0x323]), [0x1EAD]);
    assert_eq!(n(Form::Nfd, &[0x1EAD]), [0x61, 0x323, 0x302]);
    assert_eq!(n(Form::Nfc, &[0x1100, 0x1161, 0x11A8]), [0xAC01]);
    assert_eq!(n(Form::Nfc, &[0x61, 0x0300, 0x0300]), [0xE0, 0x300]);
    assert!(u::is_normalized(Form::Nfc, &[0x338]));
    assert!(!u::is_normalized(Form::Nfc, &[0x3D, 0x338]));
}

#[test]
fn values_outside_unicode_are_unassigned() {
    for cp in [0x110000, u32::MAX] {
        assert_eq!(u::category(cp), "Cn");
        assert!(!u::is_printable(cp));
        assert_eq!(u::simple_upper(cp), cp);
    }
}
