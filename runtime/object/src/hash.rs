//! The hash of text and bytes: SipHash-1-3 under one key per process.
//!
//! The key is set once, before the first string is hashed, from `PYTHONHASHSEED` or the system's random source.
use krait_text::hash::{self, Key};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The secret of the process. Zero until start-up sets it, as with `PYTHONHASHSEED=0`.
static HASH_SECRET: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Sets the key. Only start-up calls this, before any string is hashed.
pub fn set_secret(key0: u64, key1: u64) {
    HASH_SECRET[0].store(key0, Relaxed);
    HASH_SECRET[1].store(key1, Relaxed);
}

/// Sets the key that `PYTHONHASHSEED=seed` stands for.
pub fn set_seed(seed: u32) {
    let Key(low, high) = Key::from_seed(seed);
    set_secret(low, high);
}

/// The hash of a run of bytes, as `hash(bytes)` gives it; never -1.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> isize {
    hash::bytes(Key(HASH_SECRET[0].load(Relaxed), HASH_SECRET[1].load(Relaxed)), bytes) as isize
}

#[cfg(test)]
mod tests {
    use krait_text::hash::{Key, siphash13};

    #[test]
    fn hashes_are_those_of_the_reference_with_seed_zero() {
        for (text, hash) in REFERENCE {
            assert_eq!(siphash13(Key::default(), text.as_bytes()) as i64, *hash, "{text}");
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
