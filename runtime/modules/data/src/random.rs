//! `_random`: the Mersenne Twister MT19937.
use crate::util::{State, Trace, add_type, alloc};
use krait_object::args::Args;
use krait_object::{Attached, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Tuple, Type, id, pytype, raise};

const N: usize = 624;
const M: usize = 397;

/// The generator's state: its words and how many of them were given out.
struct Twister {
    words: [u32; N],
    at: usize,
}

impl Trace for Twister {}

impl Twister {
    fn seeded(seed: u32) -> Twister {
        let mut words = [0; N];
        words[0] = seed;
        for at in 1..N {
            let last = words[at - 1];
            words[at] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(at as u32);
        }
        Twister { words, at: N }
    }

    fn seeded_by(key: &[u32]) -> Twister {
        let mut this = Self::seeded(19_650_218);
        let words = &mut this.words;
        let (mut i, mut j) = (1, 0);
        let mix = |last: u32| last ^ (last >> 30);
        for _ in 0..N.max(key.len()) {
            words[i] =
                (words[i] ^ mix(words[i - 1]).wrapping_mul(1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
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
            words[i] = (words[i] ^ mix(words[i - 1]).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
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
                let y = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % N] & 0x7fff_ffff);
                let flip = if y & 1 == 0 { 0 } else { 0x9908_b0df };
                self.words[at] = self.words[(at + M) % N] ^ (y >> 1) ^ flip;
            }
            self.at = 0;
        }
        let mut y = self.words[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn float(&mut self) -> f64 {
        let (a, b) = (self.next() >> 5, self.next() >> 6);
        (f64::from(a) * 67_108_864.0 + f64::from(b)) * (1.0 / 9_007_199_254_740_992.0)
    }
}

native! {
    /// `Random`.
    pub struct Random { state: State<Twister> }
}
pytype! {
    static RANDOM: "_random.Random" for Random {
        base: Object, flags: [BASETYPE],
        doc: "Random() -> create a random number generator with its own internal state.",
        slots: { tp_new = Random::construct, tp_init = Random::init, tp_dealloc = Random::dealloc },
        methods: {
            noargs "random" => |_: Attached<'_>, this: &Random| this.state.lock().float(), "($self, /)", "A float from 0 up to, without, 1.";
            sig "seed" => |py: Attached<'_>, this: &Random, [n]: [Option<&Object>; 1]| this.seed(py, n), "($self, n=None, /)", "Starts again from a seed, or from the system's randomness.";
            noargs "getstate" => Random::getstate, "($self, /)", "The state as a tuple.";
            o "setstate" => Random::setstate, "($self, state, /)", "Goes on from a state that getstate() gave.";
            o "getrandbits" => Random::getrandbits, "($self, k, /)", "An integer with k random bits.";
        },
    }
}

impl Random {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Random>> {
        let this = alloc::<Random>(py, ty)?;
        this.state.init(Twister::seeded(0));
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &Random, args: Args<'_>) -> PyResult<()> {
        let pos = args.unpack(py, "Random", 0, 1)?;
        this.seed(py, pos.first().copied())
    }

    fn seed(&self, py: Attached<'_>, seed: Option<&Object>) -> PyResult<()> {
        let key = match seed.filter(|seed| !seed.is_none()) {
            None => {
                let os = krait_vm::import::import_module(py, "posix")?;
                let length = ((N * 4) as i64).into_object(py)?;
                let bytes = os.call_method(py, id!(py, urandom), &[&length])?;
                let bytes = (*bytes).downcast::<krait_object::Bytes>().ok_or_else(|| py.bad_internal_call())?;
                bytes.as_slice().as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
            }
            Some(seed) => {
                let number = match seed.downcast::<Int>() {
                    // The size of an int goes into the state, other objects by their hash.
                    Some(int) => {
                        if int.is_negative() {
                            int.neg(py)?
                        } else {
                            int.to_ref()
                        }
                    }
                    None => Int::from_u64(py, seed.hash(py)? as u64)?,
                };
                number.to_bigint().magnitude().to_u32_digits()
            }
        };
        let state = Twister::seeded_by(if key.is_empty() { &[0] } else { &key });
        *self.state.lock() = state;
        Ok(())
    }

    fn getstate(py: Attached<'_>, this: &Random) -> PyResult<Ref<Tuple>> {
        let (words, at) = {
            let state = this.state.lock();
            (state.words, state.at)
        };
        let items = words.iter().map(|word| word.into_object(py)).chain([at.into_object(py)]);
        Tuple::from_vec(py, items.collect::<PyResult<Vec<_>>>()?)
    }

    fn setstate(py: Attached<'_>, this: &Random, state: &Object) -> PyResult<()> {
        let Some(state) = state.downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "state vector must be a tuple"));
        };
        if state.len() != N + 1 {
            return Err(raise!(py, ValueError, "state vector is the wrong size"));
        }
        let mut words = [0; N];
        let items = state.as_slice();
        for (word, item) in words.iter_mut().zip(items) {
            let Some(int) = item.downcast::<Int>() else { return Err(raise!(py, TypeError, "an integer is required")) };
            if int.is_negative() {
                return Err(raise!(py, OverflowError, "can't convert negative value to unsigned int"));
            }
            *word = int
                .to_u64()
                .ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C unsigned long"))?
                as u32;
        }
        let at = items[N].as_isize(py)?;
        if !(0..=N as isize).contains(&at) {
            return Err(raise!(py, ValueError, "invalid state"));
        }
        *this.state.lock() = Twister { words, at: at as usize };
        Ok(())
    }

    fn getrandbits(py: Attached<'_>, this: &Random, k: &Object) -> PyResult<Ref<Int>> {
        let bits = k.index(py)?;
        if bits.is_negative() {
            return Err(raise!(py, ValueError, "Cannot convert negative int"));
        }
        let Some(bits) = bits.to_i64() else {
            return Err(raise!(py, OverflowError, "Python int too large to convert to C uint64_t"));
        };
        let mut bits = bits as usize;
        if bits == 0 {
            return Int::from_i64(py, 0);
        }
        let mut state = this.state.lock();
        if bits <= 32 {
            let word = state.next() >> (32 - bits);
            drop(state);
            return Int::from_u64(py, u64::from(word));
        }
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(bits.div_ceil(32) * 4).is_err() {
            drop(state);
            return Err(py.no_memory());
        }
        while bits > 0 {
            let mut word = state.next();
            if bits < 32 {
                word >>= 32 - bits;
            }
            bytes.extend_from_slice(&word.to_le_bytes());
            bits = bits.saturating_sub(32);
        }
        drop(state);
        Int::from_le_bytes(py, &bytes, false)
    }
}

/// Fills `_random`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Random>(py, module, "Random")
}
