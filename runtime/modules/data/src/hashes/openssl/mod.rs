//! `_hashlib`: the hash functions of the system's OpenSSL, opened when the module is first imported
//! (`docs/adr/0006-libraries-at-run-time.md`). Without the library there is no module, and `hashlib` uses the
//! functions that are built in.
mod context;
mod digest;
mod kdf;
mod mac;

use krait_object::descrobject::MappingProxy;
use krait_object::native::{Arg, add_type, new_exception, required};
use krait_object::{
    Attached, Dict, FrozenSet, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Type, exc, functions,
    hooks, id, raise,
};
use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_ulong, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Objects that only the library looks into.
type Ptr = *mut c_void;

krait_vm::library! {
    /// The functions, under their own names.
    struct Crypto in [[if cfg!(target_os = "macos") { c"libcrypto.3.dylib" } else { c"libcrypto.so.3" }]] {
        fn ERR_peek_last_error() -> c_ulong;
        fn ERR_clear_error();
        fn ERR_lib_error_string(c_ulong) -> *const c_char;
        fn ERR_reason_error_string(c_ulong) -> *const c_char;
        fn OBJ_nid2ln(c_int) -> *const c_char;
        fn EVP_default_properties_is_fips_enabled(Ptr) -> c_int;
        fn EVP_MD_fetch(Ptr, *const c_char, *const c_char) -> Ptr;
        fn EVP_MD_free(Ptr);
        fn EVP_MD_do_all_provided(Ptr, unsafe extern "C" fn(Ptr, Ptr), Ptr);
        fn EVP_MD_get_type(Ptr) -> c_int;
        fn EVP_MD_get_size(Ptr) -> c_int;
        fn EVP_MD_get_block_size(Ptr) -> c_int;
        fn EVP_MD_get_flags(Ptr) -> c_ulong;
        fn EVP_MD_CTX_new() -> Ptr;
        fn EVP_MD_CTX_free(Ptr);
        fn EVP_MD_CTX_copy(Ptr, Ptr) -> c_int;
        fn EVP_MD_CTX_get0_md(Ptr) -> Ptr;
        fn EVP_DigestInit_ex(Ptr, Ptr, Ptr) -> c_int;
        fn EVP_DigestUpdate(Ptr, *const u8, usize) -> c_int;
        fn EVP_DigestFinal_ex(Ptr, *mut c_uchar, *mut c_uint) -> c_int;
        fn EVP_DigestFinalXOF(Ptr, *mut c_uchar, usize) -> c_int;
        fn HMAC(Ptr, *const u8, c_int, *const u8, usize, *mut c_uchar, *mut c_uint) -> *mut c_uchar;
        fn HMAC_CTX_new() -> Ptr;
        fn HMAC_CTX_free(Ptr);
        fn HMAC_CTX_copy(Ptr, Ptr) -> c_int;
        fn HMAC_CTX_get_md(Ptr) -> Ptr;
        fn HMAC_Init_ex(Ptr, *const u8, c_int, Ptr, Ptr) -> c_int;
        fn HMAC_Update(Ptr, *const u8, usize) -> c_int;
        fn HMAC_Final(Ptr, *mut c_uchar, *mut c_uint) -> c_int;
        fn PKCS5_PBKDF2_HMAC(*const u8, c_int, *const u8, c_int, c_int, Ptr, c_int, *mut c_uchar) -> c_int;
        fn EVP_PBE_scrypt(*const u8, usize, *const u8, usize, u64, u64, u64, u64, *mut c_uchar, usize) -> c_int;
    }
}

/// `EVP_MD_FLAG_XOF`: the digest has any length.
const FLAG_XOF: c_ulong = 2;
/// `EVP_MAX_MD_SIZE`.
const MAX_SIZE: usize = 64;

/// A hash function that Python has a name of its own for.
struct Known {
    python: &'static str,
    /// What the library calls it when it is looked up, and when it is asked for its name.
    fetch: &'static CStr,
    long: &'static str,
}

const fn known(python: &'static str, fetch: &'static CStr, long: &'static str) -> Known {
    Known { python, fetch, long }
}

const KNOWN: [Known; 16] = [
    known("md5", c"MD5", "md5"),
    known("sha1", c"SHA1", "sha1"),
    known("sha224", c"SHA2-224", "sha224"),
    known("sha256", c"SHA2-256", "sha256"),
    known("sha384", c"SHA2-384", "sha384"),
    known("sha512", c"SHA2-512", "sha512"),
    known("sha512_224", c"SHA2-512/224", "sha512-224"),
    known("sha512_256", c"SHA2-512/256", "sha512-256"),
    known("sha3_224", c"SHA3-224", "sha3-224"),
    known("sha3_256", c"SHA3-256", "sha3-256"),
    known("sha3_384", c"SHA3-384", "sha3-384"),
    known("sha3_512", c"SHA3-512", "sha3-512"),
    known("shake_128", c"SHAKE128", "shake128"),
    known("shake_256", c"SHAKE256", "shake256"),
    known("blake2s", c"BLAKE2S-256", "blake2s256"),
    known("blake2b", c"BLAKE2B-512", "blake2b512"),
];

/// The known functions once they were looked up: first those for security, then the others.
static FETCHED: [[AtomicPtr<c_void>; KNOWN.len()]; 2] =
    [const { [const { AtomicPtr::new(ptr::null_mut()) }; KNOWN.len()] }; 2];

/// A hash function of the library; freed at the end unless it is one of [`FETCHED`].
struct Function {
    raw: Ptr,
    owned: bool,
}

impl Drop for Function {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: ours.
            unsafe { (Crypto::get().EVP_MD_free)(self.raw) };
        }
    }
}

impl Function {
    /// Looks a function up. What is not for security may be one that the library's rules would refuse.
    ///
    /// # Errors
    /// `UnsupportedDigestmodError`; `ValueError` for a NUL in the name.
    fn fetch(py: Attached<'_>, name: &Str, security: bool) -> PyResult<Function> {
        let name = name.to_utf8(py)?;
        let properties = if security { ptr::null() } else { c"-fips".as_ptr() };
        // SAFETY: C strings; null is checked.
        let fetch = |name: &CStr| unsafe { (Crypto::get().EVP_MD_fetch)(ptr::null_mut(), name.as_ptr(), properties) };
        let Some(at) = KNOWN.iter().position(|known| known.python == name) else {
            let name = CString::new(name).map_err(|_| raise!(py, ValueError, "embedded null character"))?;
            let raw = fetch(&name);
            return if raw.is_null() { Err(unsupported(py)) } else { Ok(Function { raw, owned: true }) };
        };
        let place = &FETCHED[usize::from(!security)][at];
        let found = place.load(Ordering::Acquire);
        if !found.is_null() {
            return Ok(Function { raw: found, owned: false });
        }
        let raw = fetch(KNOWN[at].fetch);
        if raw.is_null() {
            return Err(unsupported(py));
        }
        match place.compare_exchange(ptr::null_mut(), raw, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(Function { raw, owned: false }),
            // Another thread was faster.
            Err(_) => Ok(Function { raw, owned: true }),
        }
    }

    /// A function by its name, or by one of the module's constructors.
    ///
    /// # Errors
    /// `UnsupportedDigestmodError`.
    fn from_object(py: Attached<'_>, digest: &Object) -> PyResult<Function> {
        if let Some(name) = digest.downcast::<Str>() {
            return Self::fetch(py, name, true);
        }
        let constructors = (hooks::hooks().import)(py, "_hashlib")?.get_attr(py, id!(py, _constructors))?;
        let name = match digest.hash(py) {
            Ok(_) => constructors.get_item_opt(py, digest)?,
            Err(raised) => {
                raised.clear(py);
                None
            }
        };
        match name.as_deref().and_then(Object::downcast::<Str>) {
            Some(name) => Self::fetch(py, name, true),
            None => {
                let shown = digest.repr(py)?;
                Err(raise_unsupported(py, &format!("Unsupported digestmod {}", shown.to_string_lossy())))
            }
        }
    }

    fn is_extendable(&self) -> bool {
        // SAFETY: a live function.
        unsafe { (Crypto::get().EVP_MD_get_flags)(self.raw) & FLAG_XOF != 0 }
    }
}

/// Python's name of a live function of the library.
///
/// # Safety
/// `function` is live.
unsafe fn name_of(function: Ptr) -> String {
    // SAFETY: by the contract; the library's names are constants.
    unsafe {
        let number = (Crypto::get().EVP_MD_get_type)(function);
        let long = (Crypto::get().OBJ_nid2ln)(number);
        if long.is_null() {
            return number.to_string();
        }
        let long = CStr::from_ptr(long).to_string_lossy();
        match KNOWN.iter().find(|known| known.long == long) {
            Some(known) => known.python.to_owned(),
            None => long.into_owned(),
        }
    }
}

/// The length of a live function's digest and of its blocks; extendable ones have no length.
///
/// # Safety
/// `function` is live.
unsafe fn sizes_of(function: Ptr) -> (c_int, c_int) {
    let api = Crypto::get();
    // SAFETY: by the contract.
    unsafe {
        let extendable = (api.EVP_MD_get_flags)(function) & FLAG_XOF != 0;
        let size = if extendable { 0 } else { (api.EVP_MD_get_size)(function) };
        (size, (api.EVP_MD_get_block_size)(function))
    }
}

/// What the library complained about last on this thread; its queue is empty afterwards.
fn complaint() -> Option<String> {
    let api = Crypto::get();
    // SAFETY: the thread's own queue; the texts are constants.
    unsafe {
        let code = (api.ERR_peek_last_error)();
        (api.ERR_clear_error)();
        let text = |text: *const c_char| (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy());
        match (text((api.ERR_lib_error_string)(code)), text((api.ERR_reason_error_string)(code))) {
            _ if code == 0 => None,
            (Some(part), Some(reason)) => Some(format!("[{part}] {reason}")),
            (Some(part), None) => Some(part.into_owned()),
            (None, reason) => reason.map(|reason| reason.into_owned()),
        }
    }
}

/// `ValueError` for what the library complained about last.
fn failed(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "{}", complaint().as_deref().unwrap_or("no reason supplied"))
}

/// `UnsupportedDigestmodError` for what the library complained about last.
fn unsupported(py: Attached<'_>) -> Raised {
    let text = complaint();
    raise_unsupported(py, text.as_deref().unwrap_or("no reason supplied"))
}

fn raise_unsupported(py: Attached<'_>, text: &str) -> Raised {
    super::raise_of(py, "_hashlib", id!(py, UnsupportedDigestmodError), text)
}

fn fips_mode(_: Attached<'_>, _: &Object) -> c_int {
    // SAFETY: the default context.
    unsafe { (Crypto::get().EVP_default_properties_is_fips_enabled)(ptr::null_mut()) }
}

/// The names of all functions that the library offers.
fn names(py: Attached<'_>) -> PyResult<Ref<FrozenSet>> {
    unsafe extern "C" fn collect(function: Ptr, names: Ptr) {
        // SAFETY: a live function, and the list of the caller.
        unsafe {
            if (Crypto::get().EVP_MD_get_type)(function) != 0 {
                (*names.cast::<Vec<String>>()).push(name_of(function));
            }
        }
    }
    let mut names = Vec::<String>::new();
    // SAFETY: the list lives throughout the call.
    unsafe { (Crypto::get().EVP_MD_do_all_provided)(ptr::null_mut(), collect, (&raw mut names).cast()) };
    let names = names.into_iter().map(|name| name.into_object(py)).collect::<PyResult<Vec<_>>>()?;
    FrozenSet::from_items(py, krait_object::args::as_borrowed(&names))
}

/// Which name each constructor stands for.
fn constructors(py: Attached<'_>, module: &Module) -> PyResult<Ref<MappingProxy>> {
    let dict = Dict::new(py)?;
    for known in &KNOWN {
        if let Some(function) = module.dict().get_str(py, &format!("openssl_{}", known.python)) {
            dict.set(py, &function, &*known.python.into_object(py)?)?;
        }
    }
    MappingProxy::new(py, dict.as_object())
}

fn compare_digest(py: Attached<'_>, _: &Object, [left, right]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let operator = (hooks::hooks().import)(py, "_operator")?;
    operator.call_method(py, id!(py, _compare_digest), &[required(py, left)?, required(py, right)?])
}

/// Fills `_hashlib`.
///
/// # Errors
/// `ImportError` without the library, `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    if let Err(text) = Crypto::open() {
        return Err(py.raise(exc::ImportError(), text));
    }
    macro_rules! named {
        ($name:literal) => {
            |py: Attached<'_>, _: &Object, args: [Arg<'_>; 3]| digest::named(py, id!(py, $name), args)
        };
    }
    module.add_functions(
        py,
        functions! {
            sig "new" => digest::new, "($module, /, name, data=b'', *, usedforsecurity=True, string=None)", "A new hash object of the function with that name.";
            sig "openssl_md5" => named!("md5"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new MD5 hash object.";
            sig "openssl_sha1" => named!("sha1"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-1 hash object.";
            sig "openssl_sha224" => named!("sha224"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-224 hash object.";
            sig "openssl_sha256" => named!("sha256"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-256 hash object.";
            sig "openssl_sha384" => named!("sha384"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-384 hash object.";
            sig "openssl_sha512" => named!("sha512"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA-512 hash object.";
            sig "openssl_sha3_224" => named!("sha3_224"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA3-224 hash object.";
            sig "openssl_sha3_256" => named!("sha3_256"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA3-256 hash object.";
            sig "openssl_sha3_384" => named!("sha3_384"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA3-384 hash object.";
            sig "openssl_sha3_512" => named!("sha3_512"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHA3-512 hash object.";
            sig "openssl_shake_128" => named!("shake_128"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHAKE128 hash object.";
            sig "openssl_shake_256" => named!("shake_256"), "($module, /, data=b'', *, usedforsecurity=True, string=None)", "A new SHAKE256 hash object.";
            sig "pbkdf2_hmac" => kdf::pbkdf2, "($module, /, hash_name, password, salt, iterations, dklen=None)", "A key from a password, by PBKDF2 with HMAC (RFC 8018).";
            sig "scrypt" => kdf::scrypt, "($module, /, password, *, salt, n, r, p, maxmem=0, dklen=64)", "A key from a password, by scrypt (RFC 7914).";
            noargs "get_fips_mode" => fips_mode, "($module, /)", "Whether the library keeps to the rules of FIPS 140.";
            sig "compare_digest" => compare_digest, "($module, a, b, /)", "Return 'a == b', in a time that does not tell where they differ.";
            sig "hmac_new" => mac::new, "($module, /, key, msg=b'', digestmod=None)", "A new HMAC object.";
            sig "hmac_digest" => mac::once, "($module, /, key, msg, digest)", "The digest of a message under a key.";
        },
    )?;
    add_type::<digest::Hash>(py, module, "HASH")?;
    add_type::<digest::ExtendableHash>(py, module, "HASHXOF")?;
    add_type::<mac::Hmac>(py, module, "HMAC")?;
    let error: Ref<Object> = new_exception(py, "_hashlib", "UnsupportedDigestmodError", exc::ValueError())?;
    module.add(py, "UnsupportedDigestmodError", &error)?;
    module.add(py, "_constructors", constructors(py, module)?.as_object())?;
    module.add(py, "openssl_md_meth_names", names(py)?.as_object())?;
    super::threshold(py, module)
}

/// The type that new hash objects of a function get.
fn class_of(function: &Function) -> &'static Type {
    if function.is_extendable() { digest::ExtendableHash::type_object() } else { digest::Hash::type_object() }
}
