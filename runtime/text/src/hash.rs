//! Hash kernels: SipHash-1-3 for text and bytes, arithmetic modulo 2**61 - 1 for numbers, and the mixing of
//! tuples, slices, sets and pointers.
//!
//! Hashes are signed and never -1, which stands for an error; the functions that end a hash see to it.

/// `sys.hash_info.modulus`
pub const MODULUS: u64 = (1 << 61) - 1;
/// `sys.hash_info.inf`
pub const INF: i64 = 314_159;
/// `sys.hash_info.imag`
pub const IMAG: i64 = 1_000_003;

/// -1 becomes -2.
#[inline]
fn finish(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

/// The key of [`bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key(pub u64, pub u64);

impl Key {
    /// The key for `PYTHONHASHSEED=seed`: zero, or bytes of a linear congruential sequence.
    pub fn from_seed(seed: u32) -> Key {
        if seed == 0 {
            return Key::default();
        }
        let mut bytes = [0u8; 16];
        lcg(seed, &mut bytes);
        Key::from_bytes(bytes)
    }

    /// The key that 16 random bytes are.
    pub fn from_bytes(bytes: [u8; 16]) -> Key {
        let all = u128::from_le_bytes(bytes);
        Key(all as u64, (all >> 64) as u64)
    }
}

/// The linear congruential sequence that expands `PYTHONHASHSEED`.
pub fn lcg(seed: u32, out: &mut [u8]) {
    let mut x = seed;
    for b in out {
        x = x.wrapping_mul(214_013).wrapping_add(2_531_011);
        *b = (x >> 16) as u8;
    }
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

/// SipHash-1-3.
pub fn siphash13(key: Key, data: &[u8]) -> u64 {
    let mut v = [
        key.0 ^ 0x736f_6d65_7073_6575,
        key.1 ^ 0x646f_7261_6e64_6f6d,
        key.0 ^ 0x6c79_6765_6e65_7261,
        key.1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = data.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        v[3] ^= word;
        round(&mut v);
        v[0] ^= word;
    }
    let mut last = (data.len() as u64) << 56;
    for (k, &b) in tail.iter().enumerate() {
        last |= u64::from(b) << (8 * k);
    }
    v[3] ^= last;
    round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// Hash of bytes, or of the storage of a string (its units of 1, 2 or 4 bytes, little-endian).
#[inline]
pub fn bytes(key: Key, data: &[u8]) -> i64 {
    if data.is_empty() { 0 } else { finish(siphash13(key, data) as i64) }
}

/// `x * 2**bits` modulo 2**61 - 1, for `x` below the modulus.
#[inline]
fn rotate(x: u64, bits: u32) -> u64 {
    if bits == 0 { x } else { (x << bits & MODULUS) | x >> (61 - bits) }
}

/// Hash of an integer given as 30-bit digits, least significant first.
pub fn int(negative: bool, digits: &[u32]) -> i64 {
    let mut x = 0;
    for &digit in digits.iter().rev() {
        x = rotate(x, 30) + u64::from(digit);
        if x >= MODULUS {
            x -= MODULUS;
        }
    }
    finish(if negative { -(x as i64) } else { x as i64 })
}

/// Hash of a machine integer.
#[inline]
pub fn small_int(value: i64) -> i64 {
    let x = (value.unsigned_abs() % MODULUS) as i64;
    finish(if value < 0 { -x } else { x })
}

/// Hash of a float; a nan has that of its object, so there is none here.
pub fn float(value: f64) -> Option<i64> {
    if value.is_nan() {
        return None;
    }
    if value.is_infinite() {
        return Some(if value > 0.0 { INF } else { -INF });
    }
    let (negative, mantissa, exp) = crate::float::integer_ratio(value);
    let x = rotate(mantissa, exp.rem_euclid(61) as u32) as i64;
    Some(finish(if negative { -x } else { x }))
}

/// Hash of a complex number, from the hashes of its parts.
pub fn complex(re: i64, im: i64) -> i64 {
    finish(re.wrapping_add(im.wrapping_mul(IMAG)))
}

/// Hash of an address.
#[inline]
pub fn pointer(address: usize) -> i64 {
    finish((address as u64).rotate_right(4) as i64)
}

const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

/// The mixing of a tuple's hashes, one at a time (after xxHash).
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    acc: u64,
    len: u64,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { acc: PRIME_5, len: 0 }
    }
}

impl Sequence {
    /// Add the hash of the next item.
    #[inline]
    pub fn add(&mut self, hash: i64) {
        self.acc = self.acc.wrapping_add((hash as u64).wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1);
        self.len += 1;
    }
    /// Hash of a tuple.
    #[inline]
    pub fn tuple(self) -> i64 {
        Self::end(self.acc.wrapping_add(self.len ^ (PRIME_5 ^ 3_527_539)))
    }
    /// Hash of a slice, whose length is always three.
    pub fn slice(self) -> i64 {
        Self::end(self.acc)
    }
    fn end(acc: u64) -> i64 {
        if acc == u64::MAX { 1_546_275_796 } else { acc as i64 }
    }
}

/// The mixing of a frozenset's hashes, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unordered {
    acc: u64,
    len: u64,
}

impl Unordered {
    /// Add the hash of an item.
    #[inline]
    pub fn add(&mut self, hash: i64) {
        let h = hash as u64;
        self.acc ^= ((h ^ 89_869_747) ^ (h << 16)).wrapping_mul(3_644_798_167);
        self.len += 1;
    }
    /// Hash of a frozenset.
    pub fn frozenset(self) -> i64 {
        let mut hash = self.acc ^ (self.len + 1).wrapping_mul(1_927_868_237);
        hash ^= (hash >> 11) ^ (hash >> 25);
        hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
        if hash == u64::MAX { 590_923_713 } else { hash as i64 }
    }
}
