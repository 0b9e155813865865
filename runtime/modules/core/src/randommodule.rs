//! `_random`: the generator MT19937 of Matsumoto and Nishimura (1998).
use krait_object::args::Args;
use krait_object::builtins::object::object_sizeof;
use krait_object::native::{Arg, State, Trace, add_type, alloc, required};
use krait_object::{Attached, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Tuple, Type, pytype, raise};

const N: usize = 624;
const M: usize = 397;

/// The state words and the place of the next one.
pub struct Twister {
    words: [u32; N],
    at: usize,
}
impl Trace for Twister {}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut words = [seed; N];
        for at in 1..N {
            let before = words[at - 1];
            words[at] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(at as u32);
        }
        Twister { words, at: N }
    }

    fn from_key(key: &[u32]) -> Self {
        let mut this = Twister::new(19_650_218);
        let words = &mut this.words;
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let before = words[i - 1];
            words[i] = (words[i] ^ (before ^ (before >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i >= N {
                words[0] = words[N - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 0..N - 1 {
            let before = words[i - 1];
            words[i] = (words[i] ^ (before ^ (before >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                words[0] = words[N - 1];
                i = 1;
            }
        }
        words[0] = 0x8000_0000;
        this
    }

    fn next(&mut self) -> u32 {
        if self.at >= N {
            for at in 0..N {
                let joined = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % N] & 0x7FFF_FFFF);
                let twist = if joined & 1 == 0 { 0 } else { 0x9908_B0DF };
                self.words[at] = self.words[(at + M) % N] ^ (joined >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.words[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }
}

krait_object::native! {
    /// `Random`.
    pub struct Random { twister: State<Twister> }
}
pytype! {
    static RANDOM: "_random.Random" for Random {
        base: Object, flags: [BASETYPE],
        doc: "Random() -> create a random number generator with its own internal state.",
        slots: {
            tp_dealloc = Random::dealloc,
            tp_new = Random::construct,
            tp_init = |py: Attached<'_>, this: &Random, args: Args<'_>| -> PyResult<()> {
                let pos = args.unpack(py, "Random", 0, 1)?;
                this.seed_from(py, pos.first().copied())
            },
        },
        methods: {
            noargs "random" => Random::random, "($self, /)", "random() -> x in the interval [0, 1).";
            sig "seed" => |py: Attached<'_>, this: &Random, [n]: [Arg<'_>; 1]| this.seed_from(py, n), "($self, n=None, /)", "seed([n]) -> None.\n\nDefaults to use urandom and falls back to a combination\nof the current time and the process identifier.";
            noargs "getstate" => Random::get_state, "($self, /)", "getstate() -> tuple containing the current state.";
            o "setstate" => Random::set_state, "($self, state, /)", "setstate(state) -> None.  Restores generator state.";
            noargs "__sizeof__" => |py: Attached<'_>, this: &Random| object_sizeof(py, this.as_object()) + this.twister.size(), "($self, /)", "Size in memory, in bytes.";
            o "getrandbits" => Random::bits, "($self, k, /)", "getrandbits(k) -> x.  Generates an int with k random bits.";
        },
    }
}

impl Random {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Random>> {
        let this = alloc::<Random>(py, ty)?;
        this.twister.init(Twister::new(5489));
        Ok(this)
    }

    fn seed_from(&self, py: Attached<'_>, seed: Arg<'_>) -> PyResult<()> {
        let key = match seed.filter(|seed| !seed.is_none()) {
            None => {
                let mut bytes = [0u8; 4 * N];
                let from_system = std::fs::File::open("/dev/urandom")
                    .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes));
                if from_system.is_err() {
                    let now = std::time::SystemTime::now()
                        .duration_since(std::time::UNIX_EPOCH)
                        .map_or(0, |now| now.as_nanos());
                    bytes[..16].copy_from_slice(&now.to_le_bytes());
                    bytes[16..20].copy_from_slice(&std::process::id().to_le_bytes());
                }
                bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
            }
            Some(seed) => {
                let magnitude = match seed.downcast::<Int>() {
                    Some(int) => int.to_bigint().magnitude().clone(),
                    None => num_bigint::BigUint::from(seed.hash(py)? as usize as u64),
                };
                let mut key = magnitude.to_u32_digits();
                if key.is_empty() {
                    key.push(0);
                }
                key
            }
        };
        *self.twister.lock() = Twister::from_key(&key);
        Ok(())
    }

    fn random(_: Attached<'_>, this: &Random) -> f64 {
        let mut twister = this.twister.lock();
        let (high, low) = (twister.next() >> 5, twister.next() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) * (1.0 / 9_007_199_254_740_992.0)
    }

    fn bits(py: Attached<'_>, this: &Random, k: &Object) -> PyResult<Ref<Int>> {
        let k = k.index(py)?;
        if k.is_negative() {
            return Err(raise!(py, ValueError, "Cannot convert negative int"));
        }
        let k = match k.to_i64() {
            Some(k) => k as u64,
            None => return Err(raise!(py, OverflowError, "Python int too large to convert to C uint64_t")),
        };
        let mut twister = this.twister.lock();
        if k == 0 {
            return Int::from_i64(py, 0);
        }
        if k <= 32 {
            return Int::from_u64(py, u64::from(twister.next() >> (32 - k)));
        }
        let count = k.div_ceil(32) as usize;
        let mut words: Vec<u32> = Vec::new();
        if words.try_reserve_exact(count).is_err() {
            drop(twister);
            return Err(py.no_memory());
        }
        let mut left = k;
        for _ in 0..count {
            let word = twister.next();
            words.push(if left < 32 { word >> (32 - left) } else { word });
            left = left.saturating_sub(32);
        }
        drop(twister);
        Int::from_bigint(py, &num_bigint::BigInt::from_slice(num_bigint::Sign::Plus, &words))
    }

    fn get_state(py: Attached<'_>, this: &Random) -> PyResult<Ref<Tuple>> {
        let (words, at) = {
            let twister = this.twister.lock();
            (twister.words, twister.at)
        };
        Tuple::build(py, N + 1, |index| if index == N { at.into_object(py) } else { words[index].into_object(py) })
    }

    fn set_state(py: Attached<'_>, this: &Random, state: &Object) -> PyResult<()> {
        let Some(state) = state.downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "state vector must be a tuple"));
        };
        if state.len() != N + 1 {
            return Err(raise!(py, ValueError, "state vector is the wrong size"));
        }
        let mut twister = Twister { words: [0; N], at: 0 };
        for (word, item) in twister.words.iter_mut().zip(state.as_slice()) {
            let Some(item) = item.downcast::<Int>() else {
                return Err(raise!(py, TypeError, "an integer is required"));
            };
            *word = match item.to_u64() {
                Some(value) => value as u32,
                None if item.is_negative() => {
                    return Err(raise!(py, OverflowError, "can't convert negative value to unsigned int"));
                }
                None => return Err(raise!(py, OverflowError, "Python int too large to convert to C unsigned long")),
            };
        }
        let at = required(py, state.get(N))?.as_isize(py)?;
        if !(0..=N as isize).contains(&at) {
            return Err(raise!(py, ValueError, "invalid state"));
        }
        twister.at = at as usize;
        *this.twister.lock() = twister;
        Ok(())
    }
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Random>(py, module, "Random")
}
