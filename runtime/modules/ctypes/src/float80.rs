//! `long double` values.
//!
//! Rust has no such type. On x86 it is the 80-bit extended format in 16 bytes, elsewhere IEEE binary128.

/// Bytes of a `long double` in memory.
pub const SIZE: usize = 16;

const BIAS: i32 = 16383;

/// Fraction bits, and whether the leading one is stored.
const LAYOUT: (u32, bool) =
    if cfg!(any(target_arch = "x86_64", target_arch = "x86")) { (63, true) } else { (112, false) };

/// The bytes of a value.
pub fn from_f64(value: f64) -> [u8; SIZE] {
    let (bits, (fraction_bits, explicit)) = (value.to_bits(), LAYOUT);
    let sign = (bits >> 63) as u128;
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let mut fraction = u128::from(bits & ((1 << 52) - 1));
    let one = 1u128 << fraction_bits;
    let (exponent, mantissa) = match exponent {
        0x7ff => (0x7fff, one | fraction << (fraction_bits - 52)),
        0 if fraction == 0 => (0, 0),
        0 => {
            let shift = fraction.leading_zeros() - (128 - 53);
            fraction <<= shift;
            (BIAS - 1022 - shift as i32, fraction << (fraction_bits - 52))
        }
        e => (e - 1023 + BIAS, one | fraction << (fraction_bits - 52)),
    };
    let mantissa = if explicit { mantissa } else { mantissa & (one - 1) };
    let head = fraction_bits + u32::from(explicit);
    (mantissa | (exponent as u128) << head | sign << (head + 15)).to_le_bytes()
}

/// The nearest `f64`.
pub fn to_f64(bytes: [u8; SIZE]) -> f64 {
    let (fraction_bits, explicit) = LAYOUT;
    let head = fraction_bits + u32::from(explicit);
    let bits = u128::from_le_bytes(bytes);
    let negative = bits >> (head + 15) & 1 != 0;
    let exponent = (bits >> head & 0x7fff) as i32;
    let mut mantissa = bits & ((1 << head) - 1);
    if !explicit && exponent != 0 {
        mantissa |= 1 << fraction_bits;
    }
    let magnitude = match exponent {
        0x7fff if mantissa << (128 - fraction_bits) == 0 => f64::INFINITY,
        0x7fff => f64::NAN,
        _ if mantissa == 0 => 0.0,
        _ => {
            // Rounds once: to as many bits as the result has room for, then scales exactly.
            let scale = exponent.max(1) - BIAS - fraction_bits as i32;
            let width = 128 - mantissa.leading_zeros() as i32;
            let room = (width + scale + 1074).min(53);
            let drop = (width - room.max(0)).max(0) as u32;
            let rounded = match drop {
                0 => mantissa,
                _ if room < 0 => 0,
                drop => {
                    let (whole, rest, half) = (mantissa >> drop, mantissa & ((1 << drop) - 1), 1u128 << (drop - 1));
                    whole + u128::from(rest > half || rest == half && whole & 1 == 1)
                }
            };
            scale_by(rounded as f64, scale + drop as i32)
        }
    };
    if negative { -magnitude } else { magnitude }
}

/// `value * 2**power` for a value whose result is exact or overflows.
fn scale_by(mut value: f64, mut power: i32) -> f64 {
    while power > 1000 && value != 0.0 && value.is_finite() {
        value *= f64::from_bits((1023 + 1000) << 52);
        power -= 1000;
    }
    while power < -1000 && value != 0.0 {
        value *= f64::from_bits((1023 - 1000) << 52);
        power += 1000;
    }
    value * f64::from_bits(((1023 + power.clamp(-1022, 1023)) as u64) << 52)
}

#[cfg(test)]
mod tests {
    #[test]
    fn round_trips() {
        let values = [0.0, -0.0, 1.0, -1.5, 1e308, 1e-308, 5e-324, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, 0.1];
        for value in values {
            assert_eq!(super::to_f64(super::from_f64(value)).to_bits(), value.to_bits(), "{value}");
        }
        assert!(super::to_f64(super::from_f64(f64::NAN)).is_nan());
    }
}
