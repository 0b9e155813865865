//! `_blake2`: the hash functions of RFC 7693 with all their parameters.
use super::{digest_input, hex, in_background, usual_data};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, add_type, alloc};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Int, Layout, Module, Object, PyResult, Ref, Type, pytype, raise};

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The parameters of a hash, in the order of the parameter block.
#[derive(Default)]
pub struct Params {
    pub digest: usize,
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
    pub person: Vec<u8>,
    pub fanout: u8,
    pub depth: u8,
    pub leaf: u32,
    pub node_offset: u64,
    pub node_depth: u8,
    pub inner: u8,
    pub last_node: bool,
}

macro_rules! blake2 {
    ($Hash:ident $word:ty, $wide:ty, block $block:literal, rounds $rounds:literal, $iv:expr, [$r1:literal $r2:literal $r3:literal $r4:literal]) => {
        /// A hash under way.
        #[derive(Clone)]
        pub struct $Hash {
            state: [$word; 8],
            count: $wide,
            buffer: [u8; $block],
            filled: usize,
            digest: usize,
            last_node: bool,
        }

        impl Trace for $Hash {}

        impl $Hash {
            const IV: [$word; 8] = $iv;

            /// The hash of nothing, with a key if there is one.
            pub fn new(params: &Params, block: &[u8]) -> Self {
                const WORD: usize = size_of::<$word>();
                let mut state = Self::IV;
                for (word, bytes) in state.iter_mut().zip(block.chunks_exact(WORD)) {
                    let mut value = [0; WORD];
                    value.copy_from_slice(bytes);
                    *word ^= <$word>::from_le_bytes(value);
                }
                let mut this = Self {
                    state,
                    count: 0,
                    buffer: [0; $block],
                    filled: 0,
                    digest: params.digest,
                    last_node: params.last_node,
                };
                if !params.key.is_empty() {
                    this.buffer[..params.key.len()].copy_from_slice(&params.key);
                    this.filled = $block;
                }
                this
            }

            pub fn update(&mut self, mut data: &[u8]) {
                while !data.is_empty() {
                    if self.filled == $block {
                        self.count += $block;
                        self.compress(false);
                        self.filled = 0;
                    }
                    let take = data.len().min($block - self.filled);
                    self.buffer[self.filled..self.filled + take].copy_from_slice(&data[..take]);
                    self.filled += take;
                    data = &data[take..];
                }
            }

            pub fn finish(&self) -> Vec<u8> {
                let mut last = self.clone();
                last.buffer[last.filled..].fill(0);
                last.count += last.filled as $wide;
                last.compress(true);
                let mut out: Vec<u8> = last.state.iter().flat_map(|word| word.to_le_bytes()).collect();
                out.truncate(self.digest);
                out
            }

            fn compress(&mut self, last: bool) {
                const WORD: usize = size_of::<$word>();
                let mut m = [0; 16];
                for (word, bytes) in m.iter_mut().zip(self.buffer.chunks_exact(WORD)) {
                    let mut value = [0; WORD];
                    value.copy_from_slice(bytes);
                    *word = <$word>::from_le_bytes(value);
                }
                let mut v = [0; 16];
                v[..8].copy_from_slice(&self.state);
                v[8..].copy_from_slice(&Self::IV);
                v[12] ^= self.count as $word;
                v[13] ^= (self.count >> (WORD * 8)) as $word;
                if last {
                    v[14] = !v[14];
                    if self.last_node {
                        v[15] = !v[15];
                    }
                }
                let mut mix = |a: usize, b: usize, c: usize, d: usize, x: $word, y: $word| {
                    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
                    v[d] = (v[d] ^ v[a]).rotate_right($r1);
                    v[c] = v[c].wrapping_add(v[d]);
                    v[b] = (v[b] ^ v[c]).rotate_right($r2);
                    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
                    v[d] = (v[d] ^ v[a]).rotate_right($r3);
                    v[c] = v[c].wrapping_add(v[d]);
                    v[b] = (v[b] ^ v[c]).rotate_right($r4);
                };
                for round in 0..$rounds {
                    let s = &SIGMA[round % 10];
                    mix(0, 4, 8, 12, m[s[0]], m[s[1]]);
                    mix(1, 5, 9, 13, m[s[2]], m[s[3]]);
                    mix(2, 6, 10, 14, m[s[4]], m[s[5]]);
                    mix(3, 7, 11, 15, m[s[6]], m[s[7]]);
                    mix(0, 5, 10, 15, m[s[8]], m[s[9]]);
                    mix(1, 6, 11, 12, m[s[10]], m[s[11]]);
                    mix(2, 7, 8, 13, m[s[12]], m[s[13]]);
                    mix(3, 4, 9, 14, m[s[14]], m[s[15]]);
                }
                for at in 0..8 {
                    self.state[at] ^= v[at] ^ v[at + 8];
                }
            }
        }
    };
}

blake2!(Blake2bHash u64, u128, block 128, rounds 12, [
    0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179,
], [32 24 16 63]);
blake2!(Blake2sHash u32, u64, block 64, rounds 10, [
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
], [16 12 8 7]);

impl Params {
    /// The parameter block: `N` is 64 bytes for BLAKE2b with a node offset of eight, 32 for BLAKE2s with one of six.
    fn block<const N: usize>(&self) -> [u8; N] {
        let mut block = [0; N];
        let offset = if N == 64 { 8 } else { 6 };
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[self.digest as u8, self.key.len() as u8, self.fanout, self.depth]);
        put(4, &self.leaf.to_le_bytes());
        put(8, &self.node_offset.to_le_bytes()[..offset]);
        put(8 + offset, &[self.node_depth, self.inner]);
        put(N / 2, &self.salt);
        put(N / 4 * 3, &self.person);
        block
    }
}

impl Blake2bHash {
    pub fn with(params: &Params) -> Self {
        Self::new(params, &params.block::<64>())
    }
}

impl Blake2sHash {
    pub fn with(params: &Params) -> Self {
        Self::new(params, &params.block::<32>())
    }
}

/// The limits of one of the two functions.
struct Limits {
    shown: &'static str,
    digest: usize,
    salt: usize,
    offset_bits: u32,
}

fn unsigned(py: Attached<'_>, value: &Object, bits: u32, name: &str) -> PyResult<u64> {
    let c_type = if name == "leaf_size" { "unsigned long" } else { "unsigned long long" };
    let value = crate::unsigned(py, value, c_type)?;
    if bits < 64 && value >> bits != 0 {
        return Err(raise!(py, OverflowError, "{name} is too large"));
    }
    Ok(value)
}

fn ranged(py: Attached<'_>, value: Arg<'_>, default: u8, min: i32, max: i32, message: &str) -> PyResult<u8> {
    let Some(value) = value else { return Ok(default) };
    let value = value.as_i32(py)?;
    if !(min..=max).contains(&value) {
        return Err(raise!(py, ValueError, "{message}"));
    }
    Ok(value as u8)
}

fn text(py: Attached<'_>, value: Arg<'_>, max: usize, name: &str) -> PyResult<Vec<u8>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let bytes = BytesArg::new(py, value)?.as_slice().to_vec();
    if bytes.len() > max {
        return Err(raise!(py, ValueError, "maximum {name} length is {max} bytes"));
    }
    Ok(bytes)
}

fn params(py: Attached<'_>, limits: &Limits, args: [Arg<'_>; 11]) -> PyResult<Params> {
    let [digest, key, salt, person, fanout, depth, leaf, offset, node_depth, inner, last] = args;
    let max = limits.digest;
    let digest = digest.map_or(Ok(max as i32), |digest| digest.as_i32(py))?;
    if !(1..=max as i32).contains(&digest) {
        let shown = limits.shown;
        return Err(raise!(
            py,
            ValueError,
            "digest_size for {shown} must be between 1 and {max} bytes, here it is {digest}"
        ));
    }
    let salt = text(py, salt, limits.salt, "salt")?;
    let person = text(py, person, limits.salt, "person")?;
    let fanout = ranged(py, fanout, 1, 0, 255, "fanout must be between 0 and 255")?;
    let depth = ranged(py, depth, 1, 1, 255, "depth must be between 1 and 255")?;
    let leaf = leaf.map_or(Ok(0), |leaf| unsigned(py, leaf, 32, "leaf_size"))? as u32;
    let node_offset = offset.map_or(Ok(0), |offset| unsigned(py, offset, limits.offset_bits, "node_offset"))?;
    let node_depth = ranged(py, node_depth, 0, 0, 255, "node_depth must be between 0 and 255")?;
    let message = format!("inner_size must be between 0 and is {max}");
    let inner = ranged(py, inner, 0, 0, max as i32, &message)?;
    let key = text(py, key, max, "key")?;
    let last_node = last.map_or(Ok(false), |last| last.is_true(py))?;
    Ok(Params {
        digest: digest as usize,
        key,
        salt,
        person,
        fanout,
        depth,
        leaf,
        node_offset,
        node_depth,
        inner,
        last_node,
    })
}

macro_rules! class {
    ($Type:ident $symbol:ident $full:literal $name:literal $Hash:ident $block:literal $limits:expr, $doc:literal) => {
        krait_object::native! {
            /// Objects of one hash function.
            struct $Type { state: State<$Hash> }
        }
        pytype! {
            static $symbol: $full for $Type {
                base: Object, flags: [BASETYPE],
                doc: $doc,
                slots: { tp_dealloc = $Type::dealloc, tp_new = $Type::construct },
                methods: {
                    noargs "copy" => $Type::copy, "($self, /)", "Return a copy of the hash object.";
                    noargs "digest" => |py: Attached<'_>, this: &$Type| { let digest = this.state.lock().finish(); Bytes::new(py, &digest) }, "($self, /)", "Return the digest value as a bytes object.";
                    noargs "hexdigest" => |_: Attached<'_>, this: &$Type| hex(&this.state.lock().finish()), "($self, /)", "Return the digest value as a string of hexadecimal digits.";
                    o "update" => $Type::update, "($self, data, /)", "Update this hash object's state with the provided bytes-like object.";
                },
                getset: {
                    "block_size" => |_: Attached<'_>, _: &$Type| $block, "How many bytes are hashed at a time.";
                    "digest_size" => |_: Attached<'_>, this: &$Type| this.state.lock().digest, "The length of the hash in bytes.";
                    "name" => |_: Attached<'_>, _: &$Type| $name, "The name of the hash function.";
                },
            }
        }
        impl $Type {
            const LIMITS: Limits = $limits;

            fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<$Type>> {
                const SIG: Signature = Signature::parse($name, "(data=b'', *, digest_size=64, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)");
                if args.pos.len() > 1 {
                    let given = args.len();
                    return Err(raise!(py, TypeError, concat!($name, "() takes at most 1 positional argument ({} given)"), given));
                }
                let [data, digest, key, salt, person, fanout, depth, leaf, offset, node_depth, inner, last, _, string] =
                    SIG.bind::<14>(py, args)?;
                let data = usual_data(py, data, string)?;
                let given = [digest, key, salt, person, fanout, depth, leaf, offset, node_depth, inner, last];
                let mut hash = $Hash::with(&params(py, &Self::LIMITS, given)?);
                if let Some(data) = data {
                    let data = digest_input(py, data)?;
                    in_background(data.as_slice(), |data| hash.update(data));
                }
                let this = alloc::<$Type>(py, ty)?;
                this.state.init(hash);
                Ok(this)
            }

            fn copy(py: Attached<'_>, this: &$Type) -> PyResult<Ref<$Type>> {
                let hash = this.state.lock().clone();
                let copy = alloc::<$Type>(py, Self::type_object())?;
                copy.state.init(hash);
                Ok(copy)
            }

            fn update(py: Attached<'_>, this: &$Type, data: &Object) -> PyResult<()> {
                let data = digest_input(py, data)?;
                in_background(data.as_slice(), |data| this.state.lock().update(data));
                Ok(())
            }
        }
    };
}

class!(Blake2b BLAKE2B "_blake2.blake2b" "blake2b" Blake2bHash 128 Limits { shown: "Blake2b", digest: 64, salt: 16, offset_bits: 64 },
    "blake2b(data=b'', *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)\n--\n\nReturn a new BLAKE2b hash object.");
class!(Blake2s BLAKE2S "_blake2.blake2s" "blake2s" Blake2sHash 64 Limits { shown: "Blake2s", digest: 32, salt: 8, offset_bits: 48 },
    "blake2s(data=b'', *, digest_size=_blake2.blake2s.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)\n--\n\nReturn a new BLAKE2s hash object.");

/// Fills `_blake2`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Blake2b>(py, module, "blake2b")?;
    add_type::<Blake2s>(py, module, "blake2s")?;
    let constants =
        [("SALT_SIZE", 16, 8), ("PERSON_SIZE", 16, 8), ("MAX_KEY_SIZE", 64, 32), ("MAX_DIGEST_SIZE", 64, 32)];
    for (name, b, s) in constants {
        for (ty, prefix, value) in [(Blake2b::type_object(), "BLAKE2B", b), (Blake2s::type_object(), "BLAKE2S", s)] {
            let value = Int::from_i64(py, value)?;
            module.add(py, &format!("{prefix}_{name}"), value.as_object())?;
            if let Some(dict) = ty.dict() {
                dict.set_str(py, name, value.as_object())?;
            }
        }
    }
    super::threshold(py, module)
}
