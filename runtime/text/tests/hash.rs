//! Hashes against those recorded from the reference by gen_hash.py.

use krait_text::hash::{self, Key, Sequence, Unordered};
use krait_text::intarith;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn recorded_answers() {
    for line in include_str!("data/hash.txt").lines() {
        let [kind, seed, arg, want] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let numbers = || arg.split(' ').filter(|t| !t.is_empty()).map(|t| t.parse::<i64>().unwrap());
        let mut sequence = Sequence::default();
        let got = match kind {
            "bytes" => hash::bytes(Key::from_seed(seed.parse().unwrap()), &unhex(arg)),
            "int" => {
                let (negative, digits) = arg.strip_prefix('-').map_or((false, arg), |d| (true, d));
                let magnitude = intarith::parse_radix(digits.as_bytes(), 16).unwrap();
                let got = hash::int(negative, &magnitude);
                if let Ok(small) = i64::from_str_radix(arg, 16) {
                    assert_eq!(hash::small_int(small), got);
                }
                got
            }
            "float" => hash::float(f64::from_bits(u64::from_str_radix(arg, 16).unwrap())).unwrap(),
            "complex" => {
                let parts: Vec<i64> = numbers().collect();
                hash::complex(parts[0], parts[1])
            }
            "set" => {
                let mut set = Unordered::default();
                numbers().for_each(|n| set.add(hash::small_int(n)));
                set.frozenset()
            }
            _ => {
                numbers().for_each(|n| sequence.add(hash::small_int(n)));
                if kind == "tuple" { sequence.tuple() } else { sequence.slice() }
            }
        };
        assert_eq!(got.to_string(), want, "{line}");
    }
    assert_eq!(hash::float(f64::NAN), None);
    assert_eq!(hash::pointer(0x10), 1);
}
