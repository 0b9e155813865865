//! `_hmac`: keyed hashes (RFC 2104).
use super::blake2::{Blake2bHash, Blake2sHash, Params};
use super::{digest_input, hex, in_background, raise_of};
use krait_object::native::{Arg, Fixed, State, Trace, add_type, alloc, new_exception, required};
use krait_object::{Attached, Bytes, Layout, Module, Object, PyResult, Ref, Str, exc, functions, id, pytype, raise};
use md5::Digest;

/// A hash under way.
trait Hash: Send {
    fn update(&mut self, data: &[u8]);
    fn finish(&self) -> Vec<u8>;
    fn duplicate(&self) -> Box<dyn Hash>;
}

#[derive(Clone)]
struct Plain<H>(H);

impl<H: Digest + Clone + Send + 'static> Hash for Plain<H> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finish(&self) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }
    fn duplicate(&self) -> Box<dyn Hash> {
        Box::new(Plain(self.0.clone()))
    }
}

macro_rules! blake {
    ($Hash:ident) => {
        impl Hash for $Hash {
            fn update(&mut self, data: &[u8]) {
                $Hash::update(self, data);
            }
            fn finish(&self) -> Vec<u8> {
                $Hash::finish(self)
            }
            fn duplicate(&self) -> Box<dyn Hash> {
                Box::new(self.clone())
            }
        }
    };
}
blake!(Blake2bHash);
blake!(Blake2sHash);

/// A hash function: names, sizes of block and digest, and its start.
struct Kind {
    names: &'static [&'static str],
    block: usize,
    size: usize,
    start: fn() -> Box<dyn Hash>,
}

fn plain<H: Digest + Clone + Send + 'static>() -> Box<dyn Hash> {
    Box::new(Plain(H::new()))
}

fn blake_params(digest: usize) -> Params {
    Params { digest, fanout: 1, depth: 1, ..Params::default() }
}

static KINDS: [Kind; 12] = [
    Kind { names: &["md5", "MD5"], block: 64, size: 16, start: plain::<md5::Md5> },
    Kind { names: &["sha1", "SHA1"], block: 64, size: 20, start: plain::<sha1::Sha1> },
    Kind { names: &["sha224", "SHA224"], block: 64, size: 28, start: plain::<sha2::Sha224> },
    Kind { names: &["sha256", "SHA256"], block: 64, size: 32, start: plain::<sha2::Sha256> },
    Kind { names: &["sha384", "SHA384"], block: 128, size: 48, start: plain::<sha2::Sha384> },
    Kind { names: &["sha512", "SHA512"], block: 128, size: 64, start: plain::<sha2::Sha512> },
    Kind { names: &["sha3_224", "SHA3_224"], block: 144, size: 28, start: plain::<sha3::Sha3_224> },
    Kind { names: &["sha3_256", "SHA3_256"], block: 136, size: 32, start: plain::<sha3::Sha3_256> },
    Kind { names: &["sha3_384", "SHA3_384"], block: 104, size: 48, start: plain::<sha3::Sha3_384> },
    Kind { names: &["sha3_512", "SHA3_512"], block: 72, size: 64, start: plain::<sha3::Sha3_512> },
    Kind {
        names: &["blake2s_32", "BLAKE2S_32", "blake2s"],
        block: 64,
        size: 32,
        start: || Box::new(Blake2sHash::with(&blake_params(32))),
    },
    Kind {
        names: &["blake2b_32", "BLAKE2B_32", "blake2b"],
        block: 128,
        size: 64,
        start: || Box::new(Blake2bHash::with(&blake_params(64))),
    },
];

/// A keyed hash under way: the inner hash, and the outer one that waits for its result.
struct Keyed {
    inner: Box<dyn Hash>,
    outer: Box<dyn Hash>,
}

impl Trace for Keyed {}

impl Keyed {
    fn new(kind: &Kind, key: &[u8]) -> Keyed {
        let mut block = vec![0; kind.block];
        if key.len() > kind.block {
            let mut hash = (kind.start)();
            hash.update(key);
            let digest = hash.finish();
            block[..digest.len()].copy_from_slice(&digest);
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let padded = |pad: u8| {
            let mut hash = (kind.start)();
            hash.update(&block.iter().map(|byte| byte ^ pad).collect::<Vec<_>>());
            hash
        };
        Keyed { inner: padded(0x36), outer: padded(0x5C) }
    }

    fn finish(&self) -> Vec<u8> {
        let mut outer = self.outer.duplicate();
        outer.update(&self.inner.finish());
        outer.finish()
    }
}

krait_object::native! {
    /// `HMAC`.
    struct Hmac { state: State<Keyed>, kind: Fixed<&'static Kind> }
}
pytype! {
    static HMAC: "_hmac.HMAC" for Hmac {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Hmac::dealloc,
            tp_repr = |py: Attached<'_>, this: &Hmac| this.kind(py).map(|kind| format!("<{} HMAC object @ {:?}>", kind.names[0], this.as_ptr())),
        },
        methods: {
            noargs "copy" => Hmac::copy, "($self, /)", "Return a copy (\"clone\") of the HMAC object.";
            noargs "digest" => |py: Attached<'_>, this: &Hmac| { let digest = this.state.lock().finish(); Bytes::new(py, &digest) }, "($self, /)", "Return the digest of the bytes passed to the update() method so far.";
            noargs "hexdigest" => |_: Attached<'_>, this: &Hmac| hex(&this.state.lock().finish()), "($self, /)", "Return hexadecimal digest of the bytes passed to the update() method so far.";
            sig "update" => Hmac::update, "($self, /, msg)", "Update the HMAC object with the given message.";
        },
        getset: {
            "block_size" => |py: Attached<'_>, this: &Hmac| this.kind(py).map(|kind| kind.block), "How many bytes are hashed at a time.";
            "digest_size" => |py: Attached<'_>, this: &Hmac| this.kind(py).map(|kind| kind.size), "The length of the hash in bytes.";
            "name" => |py: Attached<'_>, this: &Hmac| this.kind(py).map(|kind| format!("hmac-{}", kind.names[0])), "The name of the hash function.";
        },
    }
}

/// The function that a name stands for.
fn kind_of(py: Attached<'_>, digest: &Object) -> PyResult<&'static Kind> {
    let found = digest
        .downcast::<Str>()
        .and_then(|name| KINDS.iter().find(|kind| kind.names.iter().any(|known| name.eq_str(known))));
    match found {
        Some(kind) => Ok(kind),
        None => {
            let shown = digest.repr(py)?;
            let message = format!("unsupported hash type: {}", shown.to_string_lossy());
            Err(raise_of(py, "_hmac", id!(py, UnknownHashError), &message))
        }
    }
}

impl Hmac {
    fn kind(&self, py: Attached<'_>) -> PyResult<&'static Kind> {
        self.kind.get().copied().ok_or_else(|| py.bad_internal_call())
    }

    fn wrap(py: Attached<'_>, kind: &'static Kind, keyed: Keyed) -> PyResult<Ref<Hmac>> {
        let this = alloc::<Hmac>(py, Self::type_object())?;
        this.state.init(keyed);
        this.kind.init(kind);
        Ok(this)
    }

    fn copy(py: Attached<'_>, this: &Hmac) -> PyResult<Ref<Hmac>> {
        let keyed = {
            let state = this.state.lock();
            Keyed { inner: state.inner.duplicate(), outer: state.outer.duplicate() }
        };
        Self::wrap(py, this.kind(py)?, keyed)
    }

    fn update(py: Attached<'_>, this: &Hmac, [msg]: [Arg<'_>; 1]) -> PyResult<()> {
        let data = digest_input(py, required(py, msg)?)?;
        in_background(data.as_slice(), |data| this.state.lock().inner.update(data));
        Ok(())
    }
}

impl Trace for &'static Kind {}

fn new(py: Attached<'_>, _: &Object, [key, msg, digest]: [Arg<'_>; 3]) -> PyResult<Ref<Hmac>> {
    let Some(digest) = digest else {
        return Err(raise!(py, TypeError, "new() missing 1 required argument 'digestmod'"));
    };
    let kind = kind_of(py, digest)?;
    let key = digest_input(py, required(py, key)?)?;
    let mut keyed = Keyed::new(kind, key.as_slice());
    if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
        let msg = digest_input(py, msg)?;
        in_background(msg.as_slice(), |msg| keyed.inner.update(msg));
    }
    Hmac::wrap(py, kind, keyed)
}

fn once(py: Attached<'_>, kind: &Kind, key: Arg<'_>, msg: Arg<'_>) -> PyResult<Ref<Bytes>> {
    let key = digest_input(py, required(py, key)?)?;
    let msg = digest_input(py, required(py, msg)?)?;
    let mut keyed = Keyed::new(kind, key.as_slice());
    in_background(msg.as_slice(), |msg| keyed.inner.update(msg));
    Bytes::new(py, &keyed.finish())
}

fn compute_digest(py: Attached<'_>, _: &Object, [key, msg, digest]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    once(py, kind_of(py, required(py, digest)?)?, key, msg)
}

/// Fills `_hmac`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    macro_rules! one_shot {
        ($at:literal) => {
            |py: Attached<'_>, _: &Object, [key, msg]: [Arg<'_>; 2]| once(py, &KINDS[$at], key, msg)
        };
    }
    module.add_functions(
        py,
        functions! {
            sig "new" => new, "($module, /, key, msg=None, digestmod=None)", "Return a new HMAC object.";
            sig "compute_digest" => compute_digest, "($module, /, key, msg, digest)", "The digest of a message under a key, with a hash function by name.";
            sig "compute_md5" => one_shot!(0), "($module, key, msg, /)", "The digest with MD5.";
            sig "compute_sha1" => one_shot!(1), "($module, key, msg, /)", "The digest with SHA-1.";
            sig "compute_sha224" => one_shot!(2), "($module, key, msg, /)", "The digest with SHA-224.";
            sig "compute_sha256" => one_shot!(3), "($module, key, msg, /)", "The digest with SHA-256.";
            sig "compute_sha384" => one_shot!(4), "($module, key, msg, /)", "The digest with SHA-384.";
            sig "compute_sha512" => one_shot!(5), "($module, key, msg, /)", "The digest with SHA-512.";
            sig "compute_sha3_224" => one_shot!(6), "($module, key, msg, /)", "The digest with SHA3-224.";
            sig "compute_sha3_256" => one_shot!(7), "($module, key, msg, /)", "The digest with SHA3-256.";
            sig "compute_sha3_384" => one_shot!(8), "($module, key, msg, /)", "The digest with SHA3-384.";
            sig "compute_sha3_512" => one_shot!(9), "($module, key, msg, /)", "The digest with SHA3-512.";
            sig "compute_blake2s_32" => one_shot!(10), "($module, key, msg, /)", "The digest with BLAKE2s.";
            sig "compute_blake2b_32" => one_shot!(11), "($module, key, msg, /)", "The digest with BLAKE2b.";
        },
    )?;
    add_type::<Hmac>(py, module, "HMAC")?;
    module.add(py, "UnknownHashError", &*new_exception(py, "_hmac", "UnknownHashError", exc::ValueError())?)?;
    super::threshold(py, module)
}
