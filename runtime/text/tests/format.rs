//! Formatting against answers recorded from the reference interpreter by gen_format.py.

use krait_text::float::from_hex;
use krait_text::format::{self as f, Align, SpecError, markup, printf};
use krait_text::textbuf::TextBuf;
use proptest::prelude::*;

fn dec(text: &str) -> Vec<u32> {
    text.split('.').filter(|t| !t.is_empty()).map(|t| u32::from_str_radix(t, 16).unwrap()).collect()
}

fn enc(text: &[u32]) -> String {
    text.iter().map(|c| format!("{c:x}")).collect::<Vec<_>>().join(".")
}

fn hex(text: &str) -> f64 {
    from_hex(text.as_bytes()).unwrap()
}

fn in_base(n: i64, base: u32) -> String {
    let mut n = n.unsigned_abs();
    let mut out = Vec::new();
    loop {
        out.push(char::from_digit((n % u64::from(base)) as u32, base).unwrap());
        n /= u64::from(base);
        if n == 0 {
            break;
        }
    }
    out.iter().rev().collect()
}

fn int(spec: &f::Spec, n: i64) -> Result<TextBuf, SpecError> {
    if let Some(base) = spec.int_base() {
        f::format_int(spec, n < 0, &in_base(n, base), None)
    } else if spec.is_float() {
        f::format_float(spec, n as f64, None)
    } else if spec.is_char() {
        // The range of the character is checked after the flags.
        let done = f::format_char(spec, n as u32)?;
        if (0..0x110000).contains(&n) { Ok(done) } else { Err(SpecError::NotAllowed("%c arg not in range(0x110000)")) }
    } else {
        Err(spec.unknown())
    }
}

fn apply(kind: &str, spec: &[u32], value: &str) -> Result<TextBuf, SpecError> {
    match kind {
        "int" => int(&f::parse_spec(spec, 'd', Align::Right)?, value.parse().unwrap()),
        "float" => f::format_float(&f::parse_spec(spec, '\0', Align::Right)?, hex(value), None),
        "complex" => {
            let (re, im) = value.split_once(' ').unwrap();
            f::format_complex(&f::parse_spec(spec, '\0', Align::Right)?, hex(re), hex(im), None)
        }
        _ => f::format_str(&f::parse_spec(spec, 's', Align::Left)?, &dec(value)),
    }
}

fn parse_markup(text: &[u32]) -> String {
    let mut out = Vec::new();
    for piece in markup::Markup::new(text) {
        match piece {
            Ok(p) => {
                let lit = enc(&text[p.literal]);
                out.push(p.field.map_or(format!("{lit},-,-,-"), |field| {
                    let conv = field.conversion.map_or("-".into(), |c| enc(&[c]));
                    format!("{lit},{},{},{conv}", enc(&text[field.name]), enc(&text[field.spec]))
                }));
            }
            Err(e) => out.push(format!("!{}", enc(&e.message().chars().map(u32::from).collect::<Vec<_>>()))),
        }
    }
    out.join(";")
}

fn split_name(text: &[u32]) -> String {
    let key = |k| match k {
        markup::Key::Index(i) => i.to_string(),
        markup::Key::Name(r) => format!("'{}", enc(&text[r])),
    };
    let mut out = Vec::new();
    let mut run = || -> Result<(), markup::MarkupError> {
        let (first, steps) = markup::split_field_name(text)?;
        out.push(key(first));
        for step in steps {
            out.push(match step? {
                markup::Step::Attribute(r) => format!(".'{}", enc(&text[r])),
                markup::Step::Item(k) => format!("[{}", key(k)),
            });
        }
        Ok(())
    };
    if let Err(e) = run() {
        out.push(format!("!{}", enc(&e.message().chars().map(u32::from).collect::<Vec<_>>())));
    }
    out.join(";")
}

fn print_one(text: &[u32], x: f64) -> String {
    let mut out = String::from("=");
    for piece in printf::Pieces::new(text) {
        match piece {
            Ok(printf::Piece::Literal(r)) => out.extend(text[r].iter().filter_map(|&c| char::from_u32(c))),
            Ok(printf::Piece::Percent) => out.push('%'),
            Ok(printf::Piece::Directive(d)) => {
                let value = |a| match a {
                    Some(printf::Amount::Value(n)) => Some(n),
                    _ => None,
                };
                let (width, precision) = (value(d.width).unwrap_or(0), value(d.precision));
                match char::from_u32(d.conversion).unwrap() {
                    c @ ('d' | 'i' | 'u' | 'o' | 'x' | 'X') => {
                        let base = if c == 'o' {
                            8
                        } else if matches!(c, 'x' | 'X') {
                            16
                        } else {
                            10
                        };
                        let n = x as i64;
                        out += &printf::format_int(c, d.flags, width, precision, n < 0, &in_base(n, base)).unwrap();
                    }
                    c @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G') => {
                        out += &printf::format_float(c, d.flags, width, precision, x).unwrap();
                    }
                    _ => return format!("!{}", d.unsupported().message()),
                }
            }
            Err(e) => return format!("!{}", e.message()),
        }
    }
    out
}

#[test]
fn recorded_answers() {
    let mut wrong = 0;
    for line in include_str!("data/format.txt").lines() {
        let [kind, spec, value, want] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let text = dec(spec);
        let got = match kind {
            "markup" => parse_markup(&text),
            "name" => split_name(&text),
            "printf" => enc(&print_one(&text, hex(value)).chars().map(u32::from).collect::<Vec<_>>()),
            _ => match apply(kind, &text, value) {
                Ok(out) => format!("={}", enc(&out.into_code_points())),
                Err(e) => format!("!{}", enc(&e.message(kind).into_code_points())),
            },
        };
        if got != want {
            wrong += 1;
            let show =
                |t: &str| dec(&t.replace(['=', '!'], "")).iter().filter_map(|&c| char::from_u32(c)).collect::<String>();
            if wrong < 30 {
                println!("{kind} {:?} {value:?}: got {:?} want {:?}", show(spec), show(&got), show(want));
            }
        }
    }
    assert_eq!(wrong, 0);
}

#[test]
fn locale_grouping() {
    let de = f::Locale { decimal_point: vec![','.into()], thousands_sep: vec![0x202F], grouping: vec![3, 2] };
    let spec = f::parse_spec(b"n", 'd', Align::Right).unwrap();
    let out = f::format_int(&spec, true, "123456789", Some(&de)).unwrap().into_code_points();
    assert_eq!(out.iter().filter_map(|&c| char::from_u32(c)).collect::<String>(), "-12\u{202F}34\u{202F}56\u{202F}789");
    let out = f::format_float(&spec, 1234.5, Some(&de)).unwrap().into_code_points();
    assert_eq!(out.iter().filter_map(|&c| char::from_u32(c)).collect::<String>(), "1\u{202F}234,5");
}

#[test]
fn a_width_beyond_memory_is_an_error() {
    let spec = f::parse_spec(b"9223372036854775807", 'd', Align::Right).unwrap();
    assert_eq!(f::format_int(&spec, false, "1", None), Err(SpecError::NoMemory));
    assert_eq!(f::format_char(&spec, 65), Err(SpecError::NoMemory));
}

#[test]
fn automatic_numbers_do_not_mix() {
    let mut auto = markup::AutoNumber::default();
    assert_eq!(auto.automatic(), Ok(0));
    assert_eq!(auto.automatic(), Ok(1));
    assert_eq!(auto.manual(), Err(markup::MarkupError::AutoToManual));
}

proptest! {
    #[test]
    fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..16), x: f64) {
        for (kind, value) in [("int", "-5"), ("str", "61.62"), ("complex", "0x1p3 0x1p0")] {
            let short: Vec<u32> = text.iter().map(|&b| u32::from(b)).take(6).collect();
            let _ = apply(kind, &short, value);
        }
        for piece in printf::Pieces::new(&text) { let _ = piece; }
        for piece in markup::Markup::new(&text) { let _ = piece; }
        if let Ok((_, steps)) = markup::split_field_name(&text) { steps.for_each(drop); }
        let _ = x;
    }
}
