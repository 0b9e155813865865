//! Integer kernels against `num-bigint` and against rules of the language.

use krait_text::intarith as k;
use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

/// Magnitudes of 0 to `words` words, with runs of zeros and ones.
fn magnitude(words: usize) -> impl Strategy<Value = BigUint> {
    let word = prop_oneof![3 => any::<u32>(), 1 => Just(0u32), 1 => Just(u32::MAX), 1 => Just(1u32)];
    proptest::collection::vec(word, 0..words).prop_map(BigUint::new)
}

fn d(n: &BigUint) -> Vec<u32> {
    k::from_biguint(n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arithmetic(a in magnitude(70), b in magnitude(70), bits in 0u64..200) {
        prop_assert_eq!(k::add(&d(&a), &d(&b)), d(&(&a + &b)));
        prop_assert_eq!(k::mul(&d(&a), &d(&b)), d(&(&a * &b)));
        let (hi, lo) = if a > b { (&a, &b) } else { (&b, &a) };
        prop_assert_eq!(k::sub(&d(hi), &d(lo)), d(&(hi - lo)));
        prop_assert_eq!(k::shl(&d(&a), bits), d(&(&a << bits)));
        let (shifted, lost) = k::shr(&d(&a), bits);
        prop_assert_eq!(shifted, d(&(&a >> bits)));
        prop_assert_eq!(lost, (&a >> bits) << bits != a);
        if b != BigUint::ZERO {
            prop_assert_eq!(k::divmod(&d(&a), &d(&b)), (d(&(&a / &b)), d(&(&a % &b))));
            let product = &a * &b;
            prop_assert_eq!(k::divmod(&d(&product), &d(&b)), (d(&a), vec![]));
        }
    }

    #[test]
    fn logic(a in magnitude(6), b in magnitude(6), na: bool, nb: bool) {
        let (x, y) = (k::to_bigint(na, &d(&a)), k::to_bigint(nb, &d(&b)));
        let (da, db) = (d(&a), d(&b));
        let (na, nb) = (na && !da.is_empty(), nb && !db.is_empty());
        for (op, want) in [
            ((|p, q| p & q) as fn(u32, u32) -> u32, &x & &y),
            (|p, q| p | q, &x | &y),
            (|p, q| p ^ q, &x ^ &y),
        ] {
            let (negative, out) = k::bitwise((na, &da), (nb, &db), op);
            prop_assert_eq!(k::to_bigint(negative, &out), want);
        }
    }

    #[test]
    fn text(a in magnitude(120), base in 2u32..=36) {
        let text = a.to_str_radix(base);
        prop_assert_eq!(k::to_radix(&d(&a), base), text.clone());
        prop_assert_eq!(k::parse_radix(text.as_bytes(), base), Some(d(&a)));
        prop_assert_eq!(k::to_radix(&d(&a), 10), a.to_string());
        prop_assert_eq!(k::parse_radix(a.to_string().as_bytes(), 10), Some(d(&a)));
    }

    #[test]
    fn powers(a in magnitude(8), e in 0u64..40, m in magnitude(5), x in magnitude(4)) {
        prop_assert_eq!(k::pow(&d(&a), e), d(&a.pow(e as u32)));
        if m != BigUint::ZERO {
            prop_assert_eq!(k::powmod(&d(&a), &d(&x), &d(&m)), d(&a.modpow(&x, &m)));
        }
        prop_assert_eq!(k::gcd(&d(&a), &d(&m)), d(&num_integer::Integer::gcd(&a, &m)));
        prop_assert_eq!(k::isqrt(&d(&a)), d(&a.sqrt()));
        prop_assert_eq!(k::bit_count(&d(&a)), a.count_ones());
        prop_assert_eq!(k::trailing_zeros(&d(&a)), a.trailing_zeros().unwrap_or(0));
    }

    #[test]
    fn bytes(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0x80), Just(0xFF)], 0..20), signed: bool) {
        let want = if signed {
            BigInt::from_signed_bytes_le(&bytes)
        } else {
            BigUint::from_bytes_le(&bytes).into()
        };
        let (negative, digits) = k::from_le_bytes(&bytes, signed);
        prop_assert_eq!(k::to_bigint(negative, &digits), want);
        let mut back = vec![0; bytes.len()];
        prop_assert_eq!(k::to_le_bytes(negative, &digits, signed, &mut back), Ok(()));
        prop_assert_eq!(back, bytes);
    }

    #[test]
    fn floats(a in magnitude(40), b in magnitude(4), x: f64, small in 0u64..1000) {
        let text = a.to_string().parse::<f64>().unwrap();
        prop_assert_eq!(k::to_f64(&d(&a)), text.is_finite().then_some(text));
        let (m, e) = k::frexp(&d(&a));
        if e > 0 && e < 1020 {
            prop_assert_eq!(m * 2f64.powi(e as i32), text);
        }
        prop_assert!(a == BigUint::ZERO || (0.5..1.0).contains(&m));
        if x.is_finite() {
            let (negative, digits) = k::from_f64(x);
            let back = k::to_f64(&digits).unwrap();
            prop_assert_eq!(if negative { -back } else { back }, x.trunc());
        }
        if b != BigUint::ZERO {
            // a / b is rounded correctly if a lies between the midpoints around the result, times b.
            match k::true_divide(&d(&a), &d(&b)) {
                Ok(q) => prop_assert!(nearest(&a, &b, q), "{} / {} = {}", a, b, q),
                Err(_) => prop_assert!(a.bits() > b.bits() + 1020),
            }
            let tiny = &b << 1000u32;
            let q = k::true_divide(&d(&BigUint::from(small)), &d(&tiny)).unwrap();
            prop_assert!(nearest(&BigUint::from(small), &tiny, q));
        }
    }
}

/// Whether `q` is a float nearest to `a / b`, by integers scaled so that every float is one.
fn nearest(a: &BigUint, b: &BigUint, q: f64) -> bool {
    let scale = 1080u32;
    let exact = |x: f64| {
        let (_, m, e) = krait_text::float::integer_ratio(x);
        BigUint::from(m) << (e + scale as i32) as u32
    };
    let a = a << scale;
    let distance = |x: f64| {
        let other = exact(x) * b;
        if other > a { other - &a } else { &a - other }
    };
    let up = q.next_up();
    let own = distance(q);
    (!up.is_finite() || own <= distance(up)) && (q == 0.0 || own <= distance(q.next_down()))
}

#[test]
fn literals() {
    let ok =
        |text: &str, base| k::parse_int(text.as_bytes(), base, 0).map(|(n, d)| k::to_bigint(n, &d).to_string()).ok();
    for (text, base, want) in [
        ("0", 0, Some("0")),
        ("00_0", 0, Some("0")),
        ("01", 0, None),
        ("01", 10, Some("1")),
        (" -0x_fF ", 0, Some("-255")),
        ("0xff", 16, Some("255")),
        ("ff", 16, Some("255")),
        ("0b1", 16, Some("177")),
        ("0b1", 2, Some("1")),
        ("0o17", 0, Some("15")),
        ("0o18", 0, None),
        ("1__0", 10, None),
        ("_1", 10, None),
        ("1_", 10, None),
        ("1_0", 10, Some("10")),
        ("", 10, None),
        ("-", 10, None),
        ("+ 1", 10, None),
        ("0x", 0, None),
        ("0x_", 0, None),
        ("zz", 36, Some("1295")),
        ("1_000_000", 0, Some("1000000")),
        ("0_7", 0, None),
        ("1 2", 10, None),
        ("0x__1", 0, None),
        ("\t5\n", 10, Some("5")),
        ("-0", 10, Some("0")),
    ] {
        assert_eq!(ok(text, base).as_deref(), want, "{text:?} {base}");
    }
    assert_eq!(k::parse_int(&[b'1'; 5000], 10, 4300), Err(k::ParseError::TooManyDigits(5000)));
    assert!(k::parse_int(&[b'1'; 5000], 16, 4300).is_ok());
}

#[test]
fn bytes_that_do_not_fit() {
    let mut out = [0];
    assert_eq!(k::to_le_bytes(false, &[256], false, &mut out), Err(k::BytesError::TooBig));
    assert_eq!(k::to_le_bytes(false, &[128], true, &mut out), Err(k::BytesError::TooBig));
    assert_eq!(k::to_le_bytes(true, &[129], true, &mut out), Err(k::BytesError::TooBig));
    assert_eq!(k::to_le_bytes(true, &[1], false, &mut out), Err(k::BytesError::Negative));
    assert_eq!((k::to_le_bytes(true, &[128], true, &mut out), out), (Ok(()), [0x80]));
    assert_eq!(k::to_le_bytes(false, &[], false, &mut []), Ok(()));
}
