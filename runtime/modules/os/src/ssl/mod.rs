//! `_ssl`: TLS connections, by the system's OpenSSL.
mod bio;
mod callbacks;
mod cert;
mod connection;
mod context;
mod errors;
mod openssl;
mod options;

use crate::util::*;
use krait_object::protocols::buffer::BytesArg;
use krait_object::{
    Attached, Bool, Bytes, IntoObject, Layout, Module, Object, PyResult, Ref, Str, Tuple, exc, functions, raise,
};
use openssl::api;
use std::ffi::c_int;

type Opt<'a> = Option<&'a Object>;

fn txt2obj(py: Attached<'_>, _: &Object, [name, by_name]: [Opt<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let name = need(py, name)?;
    let Some(text) = name.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "txt2obj() argument 'txt' must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    };
    let by_name = bool_or(py, by_name, false)?;
    let c_text = c_string(py, text.to_utf8(py)?.as_bytes().to_vec())?;
    // SAFETY: a C string; null is checked, and the object is freed.
    unsafe {
        let object = (api().OBJ_txt2obj)(c_text.as_ptr(), c_int::from(!by_name));
        if object.is_null() {
            errors::clear();
            return Err(raise!(py, ValueError, "unknown object '{text}'"));
        }
        let result = cert::object_tuple(py, object);
        (api().ASN1_OBJECT_free)(object);
        result
    }
}

fn nid2obj(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Tuple>> {
    let nid = int_arg(py, number)?;
    if nid < 0 {
        return Err(raise!(py, ValueError, "NID must be positive."));
    }
    // SAFETY: null is checked; objects with numbers are constants.
    unsafe {
        let object = (api().OBJ_nid2obj)(nid);
        if object.is_null() {
            errors::clear();
            return Err(raise!(py, ValueError, "unknown NID {nid}"));
        }
        cert::object_tuple(py, object)
    }
}

fn rand_bytes(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Bytes>> {
    let Ok(count) = usize::try_from(int_arg(py, number)?) else {
        return Err(raise!(py, ValueError, "num must be positive"));
    };
    let mut bytes = krait_object::reserve::zeros::<u8>(py, count)?;
    // SAFETY: as many bytes as stated.
    match unsafe { (api().RAND_bytes)(bytes.as_mut_ptr(), count as c_int) } {
        1 => Bytes::new(py, &bytes),
        _ => Err(errors::raise_last(py)),
    }
}

fn rand_add(py: Attached<'_>, _: &Object, [seed, entropy]: [Opt<'_>; 2]) -> PyResult<()> {
    let (seed, entropy) = (need(py, seed)?, need(py, entropy)?.as_f64(py)?);
    let bytes = match seed.downcast::<Str>() {
        Some(text) => text.to_utf8(py)?.as_bytes().to_vec(),
        None => BytesArg::new(py, seed)?.as_slice().to_vec(),
    };
    for part in bytes.chunks(c_int::MAX as usize) {
        // SAFETY: as many bytes as stated.
        unsafe { (api().RAND_add)(part.as_ptr().cast(), part.len() as c_int, entropy) };
    }
    Ok(())
}

fn default_paths(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let questions = [
        api().X509_get_default_cert_file_env,
        api().X509_get_default_cert_file,
        api().X509_get_default_cert_dir_env,
        api().X509_get_default_cert_dir,
    ];
    // SAFETY: constant texts.
    let paths = questions.into_iter().map(|question| unsafe { c_text(py, question()) });
    Tuple::from_vec(py, paths.collect::<PyResult<Vec<_>>>()?)
}

/// The parts of the library's version number.
fn version_info(py: Attached<'_>, number: u64) -> PyResult<Ref<Tuple>> {
    let parts = [number >> 28 & 0xff, number >> 20 & 0xff, number >> 12 & 0xff, number >> 4 & 0xff, number & 0xf];
    Tuple::from_vec(py, parts.iter().map(|part| (*part).into_object(py)).collect::<PyResult<Vec<_>>>()?)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    if let Err(text) = openssl::open() {
        return Err(py.raise(exc::ImportError(), text));
    }
    module.add_functions(
        py,
        functions! {
            o "_test_decode_cert" => cert::decode_file, "($module, path, /)", "";
            o "RAND_bytes" => rand_bytes, "($module, n, /)", "Bytes that nobody can guess.";
            noargs "RAND_status" => |_: Attached<'_>, _: &Object| rand_status(), "($module, /)", "Whether the generator has enough entropy.";
            sig "RAND_add" => rand_add, "($module, string, entropy, /)", "Mixes bytes into the generator's state.";
            noargs "get_default_verify_paths" => default_paths, "($module, /)", "Where certificates are looked for.";
            sig "txt2obj" => txt2obj, "($module, /, txt, name=False)", "Looks an object up by its numbers, or its name.";
            o "nid2obj" => nid2obj, "($module, nid, /)", "Looks an object up by its number.";
        },
    )?;
    errors::add_classes(py, module)?;
    for table in [errors::NUMBERS, options::NUMBERS] {
        add_ints(py, module, table)?;
    }
    for (name, value) in options::FEATURES {
        module.add(py, name, Bool::of(*value).as_object())?;
    }
    add_type::<context::SslContext>(py, module, "_SSLContext")?;
    add_type::<connection::Connection>(py, module, "_SSLSocket")?;
    add_type::<bio::MemoryBio>(py, module, "MemoryBIO")?;
    add_type::<bio::Session>(py, module, "SSLSession")?;
    add_type::<cert::Certificate>(py, module, "Certificate")?;
    module.add(py, "_DEFAULT_CIPHERS", &*options::DEFAULT_CIPHERS.to_string_lossy().into_owned().into_object(py)?)?;
    // SAFETY: constants of the library.
    let (number, text) = unsafe { ((api().OpenSSL_version_num)(), openssl::text((api().OpenSSL_version)(0))) };
    module.add(py, "OPENSSL_VERSION_NUMBER", &*number.into_object(py)?)?;
    module.add(py, "OPENSSL_VERSION", &*text.into_object(py)?)?;
    let info = version_info(py, number)?;
    module.add(py, "OPENSSL_VERSION_INFO", info.as_object())?;
    module.add(py, "_OPENSSL_API_VERSION", info.as_object())
}

fn rand_status() -> bool {
    // SAFETY: no precondition.
    unsafe { (api().RAND_status)() == 1 }
}
