//! `HASH` and `HASHXOF`: hashes under way.
use super::super::{digest_input, hex, usual_data};
use super::context::{Context, Kind, Running};
use super::{Crypto, Function, Ptr, class_of, failed};
use krait_object::native::{Arg, State, alloc, required, type_name};
use krait_object::{Attached, Bytes, Layout, Object, PyResult, Ref, Str, Type, pytype, raise};
use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr;

/// Hashes without a key.
pub struct Digest;

// SAFETY: all are functions of `EVP_MD_CTX`.
unsafe impl Kind for Digest {
    fn make() -> unsafe extern "C" fn() -> Ptr {
        Crypto::get().EVP_MD_CTX_new
    }

    fn free() -> unsafe extern "C" fn(Ptr) {
        Crypto::get().EVP_MD_CTX_free
    }

    fn copy() -> unsafe extern "C" fn(Ptr, Ptr) -> c_int {
        Crypto::get().EVP_MD_CTX_copy
    }

    fn update() -> unsafe extern "C" fn(Ptr, *const u8, usize) -> c_int {
        Crypto::get().EVP_DigestUpdate
    }

    fn finish() -> unsafe extern "C" fn(Ptr, *mut c_uchar, *mut c_uint) -> c_int {
        Crypto::get().EVP_DigestFinal_ex
    }

    fn function() -> unsafe extern "C" fn(Ptr) -> Ptr {
        Crypto::get().EVP_MD_CTX_get0_md
    }
}

krait_object::native! {
    /// `_hashlib.HASH`.
    pub struct Hash { state: State<Context<Digest>> }
}
pytype! {
    pub static HASH: "_hashlib.HASH" for Hash {
        base: Object, flags: [BASETYPE, DISALLOW_INSTANTIATION],
        doc: "A hash under way.\n\nname, digest_size and block_size say what is computed; update() adds data,\ndigest() and hexdigest() give the hash of the data so far, copy() makes a copy.",
        slots: { tp_dealloc = Hash::dealloc, tp_repr = Hash::repr },
        methods: {
            o "update" => |py: Attached<'_>, this: &Hash, data: &Object| this.add(py, data), "($self, obj, /)", "Adds data.";
            noargs "digest" => |py: Attached<'_>, this: &Hash| this.finish(py).and_then(|digest| Bytes::new(py, &digest)), "($self, /)", "The hash of the data so far, as bytes.";
            noargs "hexdigest" => |py: Attached<'_>, this: &Hash| this.finish(py).map(|digest| hex(&digest)), "($self, /)", "The hash of the data so far, in hexadecimal digits.";
            noargs "copy" => Hash::copy, "($self, /)", "A copy that goes on from the same data.";
        },
        getset: {
            "digest_size" => |_: Attached<'_>, this: &Hash| this.sizes().0, "The length of the hash in bytes.";
            "block_size" => |_: Attached<'_>, this: &Hash| this.sizes().1, "How many bytes are hashed at a time.";
            "name" => |_: Attached<'_>, this: &Hash| this.hash_name(), "The name of the hash function.";
        },
    }
}

impl Running for Hash {
    type Kind = Digest;

    fn state(&self) -> &State<Context<Digest>> {
        &self.state
    }
}

impl Hash {
    fn wrap(py: Attached<'_>, ty: &Type, context: Context<Digest>) -> PyResult<Ref<Hash>> {
        let this = alloc::<Hash>(py, ty)?;
        this.state.init(context);
        Ok(this)
    }

    fn start(py: Attached<'_>, name: &Str, data: Arg<'_>, security: Arg<'_>) -> PyResult<Ref<Hash>> {
        let security = security.map_or(Ok(true), |security| security.is_true(py))?;
        let data = data.map(|data| digest_input(py, data)).transpose()?;
        let function = Function::fetch(py, name, security)?;
        let begin = |raw| {
            // SAFETY: a live state and function.
            unsafe { (Crypto::get().EVP_DigestInit_ex)(raw, function.raw, ptr::null_mut()) }
        };
        let mut context = Context::<Digest>::new(begin).ok_or_else(|| failed(py))?;
        if let Some(data) = data {
            context.add(py, data.as_slice())?;
        }
        Self::wrap(py, class_of(&function), context)
    }

    fn repr(_: Attached<'_>, this: &Hash) -> String {
        format!("<{} {} object @ {:?}>", this.hash_name(), this.as_object().ty().full_name(), this.as_ptr())
    }

    fn copy(py: Attached<'_>, this: &Hash) -> PyResult<Ref<Hash>> {
        Self::wrap(py, this.as_object().ty(), this.duplicate(py)?)
    }
}

/// `_hashlib.HASHXOF`: a hash of any length.
#[repr(transparent)]
pub struct ExtendableHash(Hash);

pytype! {
    pub static HASHXOF: "_hashlib.HASHXOF" for ExtendableHash {
        base: Hash, flags: [BASETYPE, DISALLOW_INSTANTIATION],
        doc: "A hash of any length under way.\n\nname and block_size say what is computed; update() adds data,\ndigest(length) and hexdigest(length) give a hash of the data so far, copy() makes a copy.",
        methods: {
            sig "digest" => |py: Attached<'_>, this: &ExtendableHash, [length]: [Arg<'_>; 1]| this.read(py, length, false).and_then(|bytes| Bytes::new(py, &bytes)), "($self, /, length)", "That many bytes of the hash of the data so far.";
            sig "hexdigest" => |py: Attached<'_>, this: &ExtendableHash, [length]: [Arg<'_>; 1]| this.read(py, length, true).map(|bytes| hex(&bytes)), "($self, /, length)", "That many bytes of the hash of the data so far, in hexadecimal digits.";
        },
        getset: {
            "digest_size" => |_: Attached<'_>, _: &ExtendableHash| 0, "The length of the hash in bytes: none.";
        },
    }
}

impl ExtendableHash {
    fn read(&self, py: Attached<'_>, length: Arg<'_>, hexadecimal: bool) -> PyResult<Vec<u8>> {
        let length = match usize::try_from(required(py, length)?.as_isize(py)?) {
            Ok(length) => length,
            Err(_) if hexadecimal => return Err(py.no_memory()),
            Err(_) => return Err(raise!(py, SystemError, "Negative size passed to PyBytes_FromStringAndSize")),
        };
        let mut out = Vec::new();
        out.try_reserve_exact(length).map_err(|_| py.no_memory())?;
        out.resize(length, 0);
        let context = self.0.duplicate(py)?;
        // SAFETY: a live state; as many bytes as stated.
        if length > 0 && unsafe { (Crypto::get().EVP_DigestFinalXOF)(context.raw(), out.as_mut_ptr(), length) } != 1 {
            return Err(failed(py));
        }
        Ok(out)
    }
}

/// `new(name, data=b'', *, usedforsecurity=True, string=None)`.
pub fn new(py: Attached<'_>, _: &Object, [name, data, security, string]: [Arg<'_>; 4]) -> PyResult<Ref<Hash>> {
    let name = required(py, name)?;
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "new() argument 'name' must be str, not {}", type_name(name)));
    };
    Hash::start(py, name, usual_data(py, data, string)?, security)
}

/// A constructor of one function.
pub fn named(py: Attached<'_>, name: &Str, [data, security, string]: [Arg<'_>; 3]) -> PyResult<Ref<Hash>> {
    Hash::start(py, name, usual_data(py, data, string)?, security)
}
