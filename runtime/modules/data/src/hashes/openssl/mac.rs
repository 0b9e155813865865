//! `HMAC`: keyed hashes under way.
use super::super::{digest_input, hex, in_background};
use super::{Crypto, Function, MAX_SIZE, Ptr, failed, name_of, sizes_of};
use krait_object::native::{Arg, State, Trace, alloc, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Layout, Object, PyResult, Ref, pytype, raise};
use std::ffi::c_int;
use std::ptr;

/// The library's state of a keyed hash.
pub struct Context(Ptr);

// SAFETY: one thread at a time uses it, under the lock of its object.
unsafe impl Send for Context {}
impl Trace for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (Crypto::get().HMAC_CTX_free)(self.0) };
    }
}

impl Context {
    fn empty() -> Option<Context> {
        // SAFETY: no precondition.
        let raw = unsafe { (Crypto::get().HMAC_CTX_new)() };
        (!raw.is_null()).then_some(Context(raw))
    }

    fn new(function: &Function, key: &[u8], len: c_int) -> Option<Context> {
        let this = Self::empty()?;
        let init = Crypto::get().HMAC_Init_ex;
        // SAFETY: a live state and function; as many bytes as stated, at an address that is not null.
        (unsafe { init(this.0, key.as_ptr(), len, function.raw, ptr::null_mut()) } == 1).then_some(this)
    }

    fn duplicate(&self) -> Option<Context> {
        let this = Self::empty()?;
        // SAFETY: live states.
        (unsafe { (Crypto::get().HMAC_CTX_copy)(this.0, self.0) } == 1).then_some(this)
    }

    fn update(&mut self, data: &[u8]) -> bool {
        // SAFETY: a live state; as many bytes as stated.
        unsafe { (Crypto::get().HMAC_Update)(self.0, data.as_ptr(), data.len()) == 1 }
    }

    fn finish(self) -> Option<Vec<u8>> {
        let (mut out, mut size) = (vec![0; MAX_SIZE], 0);
        // SAFETY: a live state; room for the longest digest.
        let done = unsafe { (Crypto::get().HMAC_Final)(self.0, out.as_mut_ptr(), &mut size) };
        out.truncate(size as usize);
        (done == 1).then_some(out)
    }

    /// The function that it computes, borrowed.
    fn function(&self) -> Ptr {
        // SAFETY: a live state.
        unsafe { (Crypto::get().HMAC_CTX_get_md)(self.0) }
    }
}

krait_object::native! {
    /// `_hashlib.HMAC`.
    pub struct Hmac { state: State<Context> }
}
pytype! {
    pub static HMAC: "_hashlib.HMAC" for Hmac {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        doc: "A keyed hash under way.\n\nname, digest_size and block_size say what is computed; update() adds data,\ndigest() and hexdigest() give the hash of the data so far, copy() makes a copy.",
        slots: { tp_dealloc = Hmac::dealloc, tp_repr = Hmac::repr },
        methods: {
            sig "update" => Hmac::update, "($self, /, msg)", "Adds data.";
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

impl Hmac {
    fn wrap(py: Attached<'_>, context: Context) -> PyResult<Ref<Hmac>> {
        let this = alloc::<Hmac>(py, Self::type_object())?;
        this.state.init(context);
        Ok(this)
    }

    fn hash_name(&self) -> String {
        let state = self.state.lock();
        // SAFETY: the state keeps its function.
        unsafe { name_of(state.function()) }
    }

    fn sizes(&self) -> (c_int, c_int) {
        let state = self.state.lock();
        // SAFETY: the state keeps its function.
        unsafe { sizes_of(state.function()) }
    }

    fn repr(_: Attached<'_>, this: &Hmac) -> String {
        format!("<{} HMAC object @ {:?}>", this.hash_name(), this.as_ptr())
    }

    fn update(py: Attached<'_>, this: &Hmac, [msg]: [Arg<'_>; 1]) -> PyResult<()> {
        let data = digest_input(py, required(py, msg)?)?;
        let mut done = true;
        in_background(data.as_slice(), |data| done = this.state.lock().update(data));
        if done { Ok(()) } else { Err(failed(py)) }
    }

    fn duplicate(&self, py: Attached<'_>) -> PyResult<Context> {
        let copy = self.state.lock().duplicate();
        copy.ok_or_else(|| failed(py))
    }

    fn finish(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        self.duplicate(py)?.finish().ok_or_else(|| failed(py))
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
    let mut context = Context::new(&function, key.as_slice(), len).ok_or_else(|| failed(py))?;
    if let Some(msg) = msg.filter(|msg| !msg.is_none()) {
        let msg = digest_input(py, msg)?;
        let mut done = true;
        in_background(msg.as_slice(), |msg| done = context.update(msg));
        if !done {
            return Err(failed(py));
        }
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
