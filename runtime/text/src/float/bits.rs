//! Floats as integers times powers of two, and rounding.

/// The value does not fit a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// `mantissa * 2**exp`, rounded to nearest, ties to even; `sticky` says that the exact value is a
/// little more than `mantissa` (by less than one unit of it), and then `mantissa` must have at least 55 bits.
pub fn compose(mantissa: u64, sticky: bool, exp: i64) -> Result<f64, Overflow> {
    if mantissa == 0 {
        return Ok(0.0);
    }
    let top = 63 - i64::from(mantissa.leading_zeros());
    // Exponent of the last bit kept: 52 below the top one, or that of the subnormals.
    let last = (top + exp - 52).max(-1074);
    let drop = last - exp;
    if drop <= 0 {
        let bits = mantissa << -drop;
        return assemble(bits, last);
    }
    if drop > 64 {
        return Ok(0.0);
    }
    let (kept, rest, half) = if drop == 64 {
        (0, mantissa, 1 << 63)
    } else {
        (mantissa >> drop, mantissa & ((1 << drop) - 1), 1u64 << (drop - 1))
    };
    let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
    assemble(kept + u64::from(up), last)
}

/// `bits * 2**last` where `bits <= 2**53` and `last >= -1074`.
fn assemble(bits: u64, last: i64) -> Result<f64, Overflow> {
    let (bits, last) = if bits == 1 << 53 { (1 << 52, last + 1) } else { (bits, last) };
    if bits < 1 << 52 {
        return Ok(f64::from_bits(bits));
    }
    let biased = last + 1075;
    if biased >= 2047 {
        return Err(Overflow);
    }
    Ok(f64::from_bits((biased as u64) << 52 | (bits & ((1 << 52) - 1))))
}

/// A finite `x` as `(negative, m, e)` with `|x| == m * 2**e` and `m` odd or zero.
pub fn integer_ratio(x: f64) -> (bool, u64, i32) {
    let bits = x.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let biased = (bits >> 52 & 0x7FF) as i32;
    let (mut m, mut e) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    if m == 0 {
        e = 0;
    } else {
        let zeros = m.trailing_zeros();
        m >>= zeros;
        e += zeros as i32;
    }
    (x.is_sign_negative(), m, e)
}

/// The powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// `|x| * 10**digits` of a finite `x`, rounded to an integer, ties to even. `None` when it takes more than 128 bits to
/// say, or more than 64 to hold.
pub(super) fn scaled(x: f64, digits: usize) -> Option<u64> {
    let (_, mantissa, exponent) = integer_ratio(x);
    let product = u128::from(mantissa).checked_mul(10u128.pow(u32::try_from(digits).ok().filter(|n| *n <= 22)?))?;
    let rounded = match exponent {
        0.. => product.checked_mul(1u128.checked_shl(exponent as u32)?)?,
        -127..0 => {
            let shift = exponent.unsigned_abs();
            let (whole, rest, half) = (product >> shift, product & ((1 << shift) - 1), 1 << (shift - 1));
            whole + u128::from(rest > half || rest == half && whole & 1 == 1)
        }
        // The product is less than 2**127, so this is less than a half.
        _ => 0,
    };
    u64::try_from(rounded).ok()
}

/// `round(x, ndigits)` of a finite `x`: the decimal with `ndigits` digits after the point that is
/// nearest to the exact value, ties to even, read back as a float.
pub fn round_to_digits(x: f64, ndigits: i64) -> Result<f64, Overflow> {
    if !x.is_finite() || x == 0.0 || ndigits > 323 {
        return Ok(x);
    }
    if ndigits < -308 {
        return Ok(0.0 * x);
    }
    let power = usize::try_from(ndigits).ok().and_then(|ndigits| POWERS_OF_TEN.get(ndigits).zip(scaled(x, ndigits)));
    if let Some((power, whole)) = power.filter(|(_, whole)| *whole < 1 << 53) {
        // Both are exact, so the quotient is rounded once.
        return Ok((whole as f64 / power).copysign(x));
    }
    let text = if ndigits >= 0 {
        format!("{:.*}", ndigits as usize, x.abs())
    } else {
        round_integer(x.abs(), ndigits.unsigned_abs() as usize)
    };
    let y = text.parse::<f64>().unwrap_or(0.0);
    if y.is_infinite() { Err(Overflow) } else { Ok(y.copysign(x)) }
}

/// `x` rounded to a multiple of `10**zeros`, as text.
fn round_integer(x: f64, zeros: usize) -> String {
    let sticky = x.fract() != 0.0;
    let exact = format!("{:.0}", x.trunc());
    if exact.len() < zeros {
        return "0".into();
    }
    let (kept, rest) = exact.as_bytes().split_at(exact.len() - zeros);
    let half = rest[0] == b'5' && rest[1..].iter().all(|&b| b == b'0') && !sticky;
    let odd = kept.last().is_some_and(|b| b & 1 == 1);
    let up = if half { odd } else { rest[0] >= b'5' };
    let mut digits = vec![b'0'];
    digits.extend_from_slice(kept);
    if up {
        for d in digits.iter_mut().rev() {
            if *d == b'9' {
                *d = b'0';
            } else {
                *d += 1;
                break;
            }
        }
    }
    digits.extend(std::iter::repeat_n(b'0', zeros));
    digits.into_iter().map(|b| b as char).collect()
}
