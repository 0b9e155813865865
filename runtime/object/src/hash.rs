//! The hash of text and bytes: SipHash-1-3 under one key per process.
//!
//! The key is set once, before the first string is hashed, from `PYTHONHASHSEED` or the system's random source.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The secret of the process. Zero until start-up sets it, as with `PYTHONHASHSEED=0`.
static HASH_SECRET: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Sets the key. Only start-up calls this, before any string is hashed.
pub fn set_secret(key0: u64, key1: u64) {
    HASH_SECRET[0].store(key0, Relaxed);
    HASH_SECRET[1].store(key1, Relaxed);
}

/// Sets the key that `PYTHONHASHSEED=seed` stands for: a linear congruential sequence of bytes, or zeros for 0.
pub fn set_seed(seed: u32) {
    if seed == 0 {
        return set_secret(0, 0);
    }
    let mut bytes = [0; 16];
    let mut state = seed;
    for byte in &mut bytes {
        state = state.wrapping_mul(214013).wrapping_add(2531011);
        *byte = (state >> 16) as u8;
    }
    let [low, high] = [0, 8].map(|at| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index])));
    set_secret(low, high);
}

/// The hash of a run of bytes, as `hash(bytes)` gives it; never -1.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> isize {
    if bytes.is_empty() {
        return 0;
    }
    let hash = siphash13(HASH_SECRET[0].load(Relaxed), HASH_SECRET[1].load(Relaxed), bytes) as isize;
    if hash == -1 { -2 } else { hash }
}

/// SipHash with one compression and three finalisation rounds.
pub fn siphash13(key0: u64, key1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        key0 ^ 0x736f_6d65_7073_6575,
        key1 ^ 0x646f_7261_6e64_6f6d,
        key0 ^ 0x6c79_6765_6e65_7261,
        key1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    let mut last = (bytes.len() as u64) << 56;
    for (at, &byte) in tail.iter().enumerate() {
        last |= u64::from(byte) << (8 * at);
    }
    v[3] ^= last;
    round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xff;
    round(&mut v);
    round(&mut v);
    round(&mut v);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline(always)]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference_with_seed_zero() {
        for (text, hash) in REFERENCE {
            assert_eq!(siphash13(0, 0, text.as_bytes()) as i64, *hash, "{text}");
        }
    }

    const REFERENCE: &[(&str, i64)] = &[
        ("a", 4644417185603328019),
        ("abc", -4594863902769663758),
        ("abcdefg", 7904145750247929094),
        ("abcdefgh", 4574395652268504554),
        ("hello world", -5642461784034726774),
        ("0123456789abcdef!", -7754245765261131062),
    ];
}
