//! Digits of a base to and from text.

use super::{MASK, SHIFT, bit_length, from_biguint, from_u64, to_biguint, to_u64, trim};
use num_bigint::BigUint;

/// Up to how many digits the direct loops are used; they take quadratic time.
const SHORT: usize = 60;
/// Up to how many characters the direct loop reads.
const SHORT_TEXT: usize = 600;

/// The digits of the value in base 2 to 36, lower case.
pub fn to_radix(digits: &[u32], base: u32) -> String {
    if let Some(value) = to_u64(digits)
        && base == 10
    {
        return value.to_string();
    }
    if base.is_power_of_two() {
        return to_power_of_two(digits, base.trailing_zeros());
    }
    if base == 10 && digits.len() <= SHORT {
        return to_decimal(digits);
    }
    to_biguint(digits).to_str_radix(base)
}

fn to_power_of_two(digits: &[u32], bits: u32) -> String {
    let count = bit_length(digits).div_ceil(bits.into()).max(1) as usize;
    let mut out = vec![b'0'; count];
    let (mut buffer, mut have, mut rest) = (0u64, 0, digits.iter());
    for slot in out.iter_mut().rev() {
        if have < bits {
            buffer |= u64::from(rest.next().copied().unwrap_or(0)) << have;
            have += SHIFT;
        }
        *slot = char::from_digit(buffer as u32 & ((1 << bits) - 1), 36).map_or(b'0', |c| c as u8);
        buffer >>= bits;
        have -= bits;
    }
    out.into_iter().map(char::from).collect()
}

fn to_decimal(digits: &[u32]) -> String {
    const CHUNK: u64 = 1_000_000_000;
    // Digits in base 10**9, least significant first.
    let mut chunks: Vec<u32> = Vec::with_capacity(digits.len() + 1);
    for &digit in digits.iter().rev() {
        let mut carry = u64::from(digit);
        for chunk in &mut chunks {
            carry += u64::from(*chunk) << SHIFT;
            *chunk = (carry % CHUNK) as u32;
            carry /= CHUNK;
        }
        while carry > 0 {
            chunks.push((carry % CHUNK) as u32);
            carry /= CHUNK;
        }
    }
    let Some(top) = chunks.pop() else { return "0".into() };
    let mut out = top.to_string();
    out.reserve(chunks.len() * 9);
    for chunk in chunks.iter().rev() {
        let (mut text, mut rest) = ([b'0'; 9], *chunk);
        for slot in text.iter_mut().rev() {
            *slot += (rest % 10) as u8;
            rest /= 10;
        }
        out.extend(text.map(char::from));
    }
    out
}

/// Parses digits of base 2 to 36 without sign, prefix or underscores. `None` for anything else, the empty text included.
pub fn parse_radix(text: &[u8], base: u32) -> Option<Vec<u32>> {
    if text.is_empty() || !text.iter().all(|&b| value_of(b) < base) {
        return None;
    }
    if text.len() <= 12 {
        let value = text.iter().fold(0u64, |v, &b| v * u64::from(base) + u64::from(value_of(b)));
        let (digits, len) = from_u64(value);
        return Some(digits[..len].to_vec());
    }
    if base.is_power_of_two() {
        return Some(from_power_of_two(text, base.trailing_zeros()));
    }
    // As many characters at once as fit a digit.
    let (mut chunk, mut power) = (1, u64::from(base));
    while power * u64::from(base) <= u64::from(MASK) {
        power *= u64::from(base);
        chunk += 1;
    }
    if text.len() <= SHORT_TEXT {
        return Some(from_chunks(text, base, chunk, power));
    }
    let mut powers = vec![(chunk, BigUint::from(power))];
    while let Some((len, last)) = powers.last()
        && len * 2 < text.len()
    {
        powers.push((len * 2, last * last));
    }
    Some(from_biguint(&divide_and_conquer(text, base, chunk, power, &powers)))
}

/// The value of a digit, or 255.
#[inline]
fn value_of(b: u8) -> u32 {
    const VALUES: [u8; 256] = {
        let mut table = [255; 256];
        let mut k = 0;
        while k < 36 {
            let c = b"0123456789abcdefghijklmnopqrstuvwxyz"[k as usize];
            table[c as usize] = k;
            table[c.to_ascii_uppercase() as usize] = k;
            k += 1;
        }
        table
    };
    VALUES[b as usize].into()
}

fn from_power_of_two(text: &[u8], bits: u32) -> Vec<u32> {
    let mut digits = Vec::with_capacity(text.len() * bits as usize / SHIFT as usize + 1);
    let (mut buffer, mut have) = (0u64, 0);
    for &b in text.iter().rev() {
        buffer |= u64::from(value_of(b)) << have;
        have += bits;
        if have >= SHIFT {
            digits.push(buffer as u32 & MASK);
            buffer >>= SHIFT;
            have -= SHIFT;
        }
    }
    digits.push(buffer as u32);
    trim(&mut digits);
    digits
}

/// One chunk of characters after the other.
fn from_chunks(text: &[u8], base: u32, chunk: usize, power: u64) -> Vec<u32> {
    let mut digits: Vec<u32> = Vec::with_capacity(text.len() / 6 + 1);
    let first = text.len() % chunk;
    let parts = std::iter::once(&text[..first]).chain(text[first..].chunks(chunk));
    for part in parts {
        let mut carry = u64::from(part.iter().fold(0, |v, &b| v * base + value_of(b)));
        for digit in &mut digits {
            carry += u64::from(*digit) * power;
            *digit = carry as u32 & MASK;
            carry >>= SHIFT;
        }
        if carry > 0 {
            digits.push(carry as u32);
        }
    }
    digits
}

/// The high part times a power of the base plus the low part.
fn divide_and_conquer(text: &[u8], base: u32, chunk: usize, power: u64, powers: &[(usize, BigUint)]) -> BigUint {
    if text.len() <= SHORT_TEXT {
        return to_biguint(&from_chunks(text, base, chunk, power));
    }
    let Some((low, factor)) = powers.iter().rev().find(|p| p.0 < text.len()) else {
        return to_biguint(&from_chunks(text, base, chunk, power));
    };
    let (head, tail) = text.split_at(text.len() - low);
    divide_and_conquer(head, base, chunk, power, powers) * factor + divide_and_conquer(tail, base, chunk, power, powers)
}

/// Why a text is not an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// `ValueError`: invalid literal.
    Invalid,
    /// More decimal digits than allowed; how many there are.
    TooManyDigits(usize),
}

/// `int(text, base)` of ASCII text (see [`crate::float::to_ascii_number`]): spaces around, a sign, a prefix that
/// the base allows, underscores between digits. Base 0 reads a literal of the language.
/// `max_digits` limits bases that are not powers of two; 0 is no limit. Returns sign and magnitude.
pub fn parse_int(text: &[u8], base: u32, max_digits: usize) -> Result<(bool, Vec<u32>), ParseError> {
    let space = |b: &u8| matches!(b, b' ' | 9..=13);
    let from = text.iter().position(|b| !space(b)).ok_or(ParseError::Invalid)?;
    let to = text.iter().rposition(|b| !space(b)).map_or(from, |at| at + 1);
    let (negative, mut body) = match &text[from..to] {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] => (false, body),
        body => (false, body),
    };
    let mut radix = base;
    let mut old_octal = false;
    if let [b'0', kind, rest @ ..] = body {
        let prefix = match kind {
            b'x' | b'X' => 16,
            b'o' | b'O' => 8,
            b'b' | b'B' => 2,
            _ => 0,
        };
        if prefix != 0 && (base == 0 || base == prefix) {
            radix = prefix;
            body = rest.strip_prefix(b"_").unwrap_or(rest);
        }
    }
    if radix == 0 {
        radix = 10;
        // `00` is a literal, `01` is not.
        old_octal = body.first() == Some(&b'0');
    }
    let clean;
    if body.contains(&b'_') {
        let ends = body.first() == Some(&b'_') || body.last() == Some(&b'_');
        if ends || body.windows(2).any(|w| w == b"__") {
            return Err(ParseError::Invalid);
        }
        clean = body.iter().copied().filter(|&b| b != b'_').collect::<Vec<u8>>();
        body = &clean;
    }
    if max_digits > 0 && !radix.is_power_of_two() && body.len() > max_digits {
        let digits = body.iter().take_while(|&&b| value_of(b) < radix).count();
        if digits > max_digits {
            return Err(ParseError::TooManyDigits(digits));
        }
    }
    let digits = parse_radix(body, radix).ok_or(ParseError::Invalid)?;
    if old_octal && !digits.is_empty() {
        return Err(ParseError::Invalid);
    }
    Ok((negative && !digits.is_empty(), digits))
}
