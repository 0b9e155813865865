//! `_md5`, `_sha1`, `_sha2`, `_sha3`, `_blake2`, `_hmac`, `_hashlib`: hash functions.
pub mod blake2;
pub mod hmac;
pub mod openssl;
pub mod sha3;

use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, add_type, alloc};
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::{
    Attached, Bytes, Int, Layout, Module, Object, PyResult, Raised, Ref, Str, Type, functions, hooks, pytype, raise,
};
use md5::Digest;

struct Hasher<H>(H);

impl<H> Trace for Hasher<H> {}

/// The bytes to hash.
fn digest_input<'a>(py: Attached<'_>, data: &'a Object) -> PyResult<BytesArg<'a>> {
    if data.downcast::<Str>().is_some() {
        return Err(raise!(py, TypeError, "Strings must be encoded before hashing"));
    }
    if !Buffer::is_exporter(data) {
        return Err(raise!(py, TypeError, "object supporting the buffer API required"));
    }
    BytesArg::new(py, data)
}

/// Works on data, detached when there is much of it.
fn in_background(data: &[u8], work: impl FnOnce(&[u8])) {
    if data.len() > MUCH { krait_sync::block::detached(|| work(data)) } else { work(data) }
}

/// From this size on, hashing lets other threads run.
const MUCH: usize = 2048;

/// The data that a constructor was given under either of its names.
fn usual_data<'a>(py: Attached<'_>, data: Arg<'a>, string: Arg<'a>) -> PyResult<Arg<'a>> {
    match (data, string) {
        (Some(_), Some(_)) => Err(raise!(
            py,
            TypeError,
            "'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a future version."
        )),
        (data, string) => Ok(data.or(string)),
    }
}

/// A number as a C `unsigned long`.
fn unsigned_long(py: Attached<'_>, value: &Object) -> PyResult<u64> {
    crate::unsigned(py, value, "unsigned long")
}

/// Raises the exception class of a name in a module.
fn raise_of(py: Attached<'_>, module: &str, name: &Str, message: &str) -> Raised {
    let class = (hooks::hooks().import)(py, module).and_then(|module| module.get_attr(py, name));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[digit as usize]))
        .collect()
}

macro_rules! hashes {
    ($($Type:ident $symbol:ident $full:literal $name:literal $make:ident $hasher:ty, $block:literal $size:literal;)*) => {$(
        krait_object::native! {
            /// Objects of one hash function.
            struct $Type { state: State<Hasher<$hasher>> }
        }
        pytype! {
            static $symbol: $full for $Type {
                base: Object, flags: [DISALLOW_INSTANTIATION],
                slots: { tp_dealloc = $Type::dealloc },
                methods: {
                    noargs "copy" => $Type::copy, "($self, /)", "A copy that goes on from the same data.";
                    noargs "digest" => |py: Attached<'_>, this: &$Type| Bytes::new(py, &this.finish()), "($self, /)", "The hash of the data so far, as bytes.";
                    noargs "hexdigest" => |_: Attached<'_>, this: &$Type| hex(&this.finish()), "($self, /)", "The hash of the data so far, in hexadecimal digits.";
                    o "update" => $Type::update, "($self, obj, /)", "Adds data.";
                },
                getset: {
                    "block_size" => |_: Attached<'_>, _: &$Type| $block, "How many bytes are hashed at a time.";
                    "digest_size" => |_: Attached<'_>, _: &$Type| $size, "The length of the hash in bytes.";
                    "name" => |_: Attached<'_>, _: &$Type| $name, "The name of the hash function.";
                },
            }
        }
        impl $Type {
            fn wrap(py: Attached<'_>, hasher: $hasher) -> PyResult<Ref<$Type>> {
                let this = alloc::<$Type>(py, Self::type_object())?;
                this.state.init(Hasher(hasher));
                Ok(this)
            }

            fn copy(py: Attached<'_>, this: &$Type) -> PyResult<Ref<$Type>> {
                let hasher = this.state.lock().0.clone();
                Self::wrap(py, hasher)
            }

            fn finish(&self) -> Vec<u8> {
                let hasher = self.state.lock().0.clone();
                hasher.finalize().to_vec()
            }

            fn update(py: Attached<'_>, this: &$Type, data: &Object) -> PyResult<()> {
                let data = digest_input(py, data)?;
                in_background(data.as_slice(), |data| this.state.lock().0.update(data));
                Ok(())
            }
        }
        fn $make(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<$Type>> {
            static SIG: Signature = Signature::parse($name, "(data=b'', *, usedforsecurity=True, string=None)");
            let [data, _, string] = SIG.bind::<3>(py, args)?;
            let mut hasher = <$hasher>::new();
            if let Some(data) = usual_data(py, data, string)? {
                let data = digest_input(py, data)?;
                in_background(data.as_slice(), |data| hasher.update(data));
            }
            $Type::wrap(py, hasher)
        }
    )*};
}

hashes! {
    Md5 MD5 "_md5.md5" "md5" md5_new md5::Md5, 64 16;
    Sha1 SHA1 "_sha1.sha1" "sha1" sha1_new sha1::Sha1, 64 20;
    Sha224 SHA224 "_sha2.SHA224Type" "sha224" sha224_new sha2::Sha224, 64 28;
    Sha256 SHA256 "_sha2.SHA256Type" "sha256" sha256_new sha2::Sha256, 64 32;
    Sha384 SHA384 "_sha2.SHA384Type" "sha384" sha384_new sha2::Sha384, 128 48;
    Sha512 SHA512 "_sha2.SHA512Type" "sha512" sha512_new sha2::Sha512, 128 64;
}

/// `_GIL_MINSIZE`.
fn threshold(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add(py, "_GIL_MINSIZE", Int::from_i64(py, MUCH as i64)?.as_object())
}

/// Fills `_md5`.
///
/// # Errors
/// `MemoryError`.
pub fn exec_md5(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            raw "md5" => md5_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new MD5 hash object.";
        },
    )?;
    add_type::<Md5>(py, module, "MD5Type")?;
    threshold(py, module)
}

/// Fills `_sha1`.
///
/// # Errors
/// `MemoryError`.
pub fn exec_sha1(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            raw "sha1" => sha1_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-1 hash object.";
        },
    )?;
    add_type::<Sha1>(py, module, "SHA1Type")?;
    threshold(py, module)
}

/// Fills `_sha2`.
///
/// # Errors
/// `MemoryError`.
pub fn exec_sha2(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            raw "sha224" => sha224_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-224 hash object.";
            raw "sha256" => sha256_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-256 hash object.";
            raw "sha384" => sha384_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-384 hash object.";
            raw "sha512" => sha512_new, "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-512 hash object.";
        },
    )?;
    add_type::<Sha224>(py, module, "SHA224Type")?;
    add_type::<Sha256>(py, module, "SHA256Type")?;
    add_type::<Sha384>(py, module, "SHA384Type")?;
    add_type::<Sha512>(py, module, "SHA512Type")?;
    threshold(py, module)
}
