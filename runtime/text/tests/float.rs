//! Floats against answers recorded from the reference interpreter by gen_float.py.

use krait_text::float::{self, Options, Style};
use proptest::prelude::*;

fn float(hex: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(hex, 16).unwrap())
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn show(x: f64) -> String {
    format!("{:016x}", x.to_bits())
}

#[test]
fn recorded_answers() {
    for line in include_str!("data/float.txt").lines() {
        let [kind, args, want] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let arg: Vec<&str> = args.split(' ').collect();
        let got = match kind {
            "repr" => float::repr(float(args)),
            "hex" => float::to_hex(float(args)),
            "complex" => float::repr_complex(float(arg[0]), float(arg[1])),
            "fmt" => {
                let style = match arg[1].to_ascii_lowercase().as_str() {
                    "e" => Style::Exp,
                    "f" => Style::Fixed,
                    _ => Style::General,
                };
                let mut o = Options::new(style, arg[2].parse().unwrap());
                o.upper = arg[1].as_bytes()[0].is_ascii_uppercase();
                o.sign = arg[3].contains('+');
                o.alternate = arg[3].contains('#');
                float::format(float(arg[0]), &o)
            }
            "round" => float::round_to_digits(float(arg[0]), arg[1].parse().unwrap()).map_or("overflow".into(), show),
            "parse" => float::parse(&unhex(args)).map_or("error".into(), show),
            "fromhex" => float::from_hex(&unhex(args)).map_or_else(
                |e| if e == float::FromHexError::Invalid { "error".into() } else { "overflow".into() },
                show,
            ),
            "parsez" => float::parse_complex(&unhex(args))
                .map_or("error".into(), |(re, im)| format!("{} {}", show(re), show(im))),
            _ => panic!("{kind}"),
        };
        assert_eq!(got, want, "{line}");
    }
}

#[test]
fn text_outside_ascii_is_transformed() {
    assert_eq!(float::to_ascii_number([0x661, 0x2003, 0x2E, 0x1D7D8]), b"1 .0");
    assert_eq!(float::to_ascii_number([0x31, 0xE9, 0x32]), b"1?");
}

proptest! {
    #[test]
    fn repr_reads_back(bits: u64) {
        let x = f64::from_bits(bits);
        let y = float::parse(float::repr(x).as_bytes()).unwrap();
        prop_assert!(x == y || x.is_nan() && y.is_nan());
        if x.is_finite() {
            prop_assert_eq!(float::from_hex(float::to_hex(x).as_bytes()), Ok(x));
            let (negative, m, e) = float::integer_ratio(x);
            let y = float::compose(m, false, e.into()).unwrap();
            prop_assert_eq!(if negative { -y } else { y }, x);
        }
    }
    #[test]
    fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..20)) {
        float::parse(&text);
        let _ = float::from_hex(&text);
        float::parse_complex(&text);
    }
}

proptest::proptest! {
    /// The short way of fixed-point text and of rounding gives what the standard library's exact digits give.
    #[test]
    fn fixed_point(bits: u64, whole in 0u64..1 << 40, exponent in 0i32..60, digits in 0usize..25) {
        let near_half = whole as f64 / f64::powi(2.0, exponent);
        for x in [f64::from_bits(bits), near_half, near_half / 1000.0, f64::from_bits(bits >> 2 | 0x3000 << 48)] {
            if !x.is_finite() {
                continue;
            }
            let exact = format!("{:.digits$}", x.abs());
            let shown = float::format(x.abs(), &Options::new(Style::Fixed, digits));
            proptest::prop_assert_eq!(&shown, &exact);
            let rounded = float::round_to_digits(x, digits as i64).ok().map(f64::abs);
            proptest::prop_assert_eq!(rounded, exact.parse::<f64>().ok().filter(|y| y.is_finite()));
        }
    }
}
