//! `HMAC`: keyed hashes under way.
use super::super::{digest_input, hex, in_background};
use super::context::{Context, Kind, Running};
use super::{Crypto, Function, MAX_SIZE, Ptr, failed};
use krait_object::native::{Arg, State, alloc, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Layout, Object, PyResult, Ref, pytype, raise};
use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr;

/// Keyed hashes.
pub struct Keyed;

// SAFETY: all are functions of `HMAC_CTX`.
unsafe impl Kind for Keyed {
    fn make() -> unsafe extern "C" fn() -> Ptr {
        Crypto::get().HMAC_CTX_new
    }

    fn free() -> unsafe extern "C" fn(Ptr) {
        Crypto::get().HMAC_CTX_free
    }

    fn copy() -> unsafe extern "C" fn(Ptr, Ptr) -> c_int {
        Crypto::get().HMAC_CTX_copy
    }

    fn update() -> unsafe extern "C" fn(Ptr, *const u8, usize) -> c_int {
        Crypto::get().HMAC_Update
    }

    fn finish() -> unsafe extern "C" fn(Ptr, *mut c_uchar, *mut c_uint) -> c_int {
        Crypto::get().HMAC_Final
    }

    fn function() -> unsafe extern "C" fn(Ptr) -> Ptr {
        Crypto::get().HMAC_CTX_get_md
    }
}

krait_object::native! {
    /// `_hashlib.HMAC`.
    pub struct Hmac { state: State<Context<Keyed>> }
}
pytype! {
    pub static HMAC: "_hashlib.HMAC" for Hmac {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        doc: "A keyed hash under way.\n\nname, digest_size and block_size say what is computed; update() adds data,\ndigest() and hexdigest() give the hash of the data so far, copy() makes a copy.",
        slots: { tp_dealloc = Hmac::dealloc, tp_repr = Hmac::repr },
        methods: {
            sig "update" => |py: Attached<'_>, this: &Hmac, [msg]: [Arg<'_>; 1]| this.add(py, required(py, msg)?), "($self, /, msg)", "Adds data.";
            noargs "digest" => |py: Attached<'_>, this: &Hmac| this.finish(py).and_then(|digest| Bytes::new(py, &digest)), "($self, /)", "The hash of the data so far, as bytes.";
            noargs "hexdigest" => |py: Attached<'_>, this: &Hmac| this.finish(py).map(|digest| hex(&digest)), "($self, /)", "The hash of the data so far, in hexadecimal digits.";
            noargs "copy" => Hmac::copy, "($self, /)", "A copy that goes on from the same data.";
        },
        getset: {
            "digest_size" => |_: Attached<'_>, this: &Hmac| this.sizes().0, "The length of the hash in bytes.";
            "block_size" => |_: Attached<'_>, this: &Hmac| this.sizes().1, "How many bytes are hashed at a time.";
            "name" => |_: Attached<'_>, this: &Hmac| format!("hmac-{}", this.hash_name()), "The name of the keyed hash function.";
        },
    }
}

impl Running for Hmac {
    type Kind = Keyed;

    fn state(&self) -> &State<Context<Keyed>> {
        &self.state
    }
}

impl Hmac {
    fn wrap(py: Attached<'_>, context: Context<Keyed>) -> PyResult<Ref<Hmac>> {
        let this = alloc::<Hmac>(py, Self::type_object())?;
        this.state.init(context);
        Ok(this)
    }

    fn repr(_: Attached<'_>, this: &Hmac) -> String {
        format!("<{} HMAC object @ {:?}>", this.hash_name(), this.as_ptr())
    }

    fn copy(py: Attached<'_>, this: &Hmac) -> PyResult<Ref<Hmac>> {
        Self::wrap(py, this.duplicate(py)?)
    }
}

/// The length of a key as the library takes it.
fn key_len(py: Attached<'_>, key: &[u8]) -> PyResult<c_int> {
    c_int::try_from(key.len()).map_err(|_| raise!(py, OverflowError, "key is too long."))
}

/// `hmac_new(key, msg=b'', digestmod=None)`.
pub fn new(py: Attached<'_>, _: &Object, [key, msg, digest]: [Arg<'_>; 3]) -> PyResult<Ref<Hmac>> {
    let key = BytesArg::new(py, required(py, key)?)?;
    let len = key_len(py, key.as_slice())?;
    let Some(digest) = digest else {
        return Err(raise!(py, TypeError, "Missing required parameter 'digestmod'."));
    };
    let function = Function::from_object(py, digest)?;
    let begin = |raw| {
        let init = Crypto::get().HMAC_Init_ex;
        // SAFETY: a live state and function; as many bytes as stated, at an address that is not null.
        unsafe { init(raw, key.as_slice().as_ptr(), len, function.raw, ptr::null_mut()) }
    };
    let mut context = Context::<Keyed>::new(begin).ok_or_else(|| failed(py))?;
    if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
        context.add(py, digest_input(py, msg)?.as_slice())?;
    }
    Hmac::wrap(py, context)
}

/// `hmac_digest(key, msg, digest)`.
pub fn once(py: Attached<'_>, _: &Object, [key, msg, digest]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let key = BytesArg::new(py, required(py, key)?)?;
    let msg = BytesArg::new(py, required(py, msg)?)?;
    let len = key_len(py, key.as_slice())?;
    if msg.as_slice().len() > c_int::MAX as usize {
        return Err(raise!(py, OverflowError, "msg is too long."));
    }
    let function = Function::from_object(py, required(py, digest)?)?;
    let (mut out, mut size, mut done) = ([0; MAX_SIZE], 0, false);
    in_background(msg.as_slice(), |msg| {
        let (key, hmac) = (key.as_slice().as_ptr(), Crypto::get().HMAC);
        // SAFETY: a live function; as many bytes as stated; room for the longest digest.
        done = !unsafe { hmac(function.raw, key, len, msg.as_ptr(), msg.len(), out.as_mut_ptr(), &mut size) }.is_null();
    });
    if done { Bytes::new(py, &out[..size as usize]) } else { Err(failed(py)) }
}
