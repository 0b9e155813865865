//! Keys from passwords.
use super::super::unsigned_long;
use super::{Crypto, Function, complaint, failed, sizes_of};
use krait_object::native::{Arg, required, type_name};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Object, PyResult, Ref, Str, raise};
use std::ffi::c_int;

/// The length of a password or salt as the library takes it.
fn length(py: Attached<'_>, bytes: &BytesArg<'_>, what: &str) -> PyResult<c_int> {
    c_int::try_from(bytes.as_slice().len()).map_err(|_| raise!(py, OverflowError, "{what} is too long."))
}

/// A number from 1 to C's greatest `int`; `what` begins the message for greater ones.
fn count(py: Attached<'_>, value: i64, what: &str, least: &str) -> PyResult<c_int> {
    if value < 1 {
        return Err(raise!(py, ValueError, "{least} must be greater than 0."));
    }
    c_int::try_from(value).map_err(|_| raise!(py, OverflowError, "{what} is too great."))
}

/// `pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None)`.
pub fn pbkdf2(
    py: Attached<'_>,
    _: &Object,
    [name, password, salt, iterations, dklen]: [Arg<'_>; 5],
) -> PyResult<Ref<Bytes>> {
    let name = required(py, name)?;
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "pbkdf2_hmac() argument 'hash_name' must be str, not {}", type_name(name)));
    };
    let password = BytesArg::new(py, required(py, password)?)?;
    let salt = BytesArg::new(py, required(py, salt)?)?;
    let iterations = required(py, iterations)?.as_i64(py)?;
    let function = Function::fetch(py, name, true)?;
    let (password_len, salt_len) = (length(py, &password, "password")?, length(py, &salt, "salt")?);
    let iterations = count(py, iterations, "iteration value", "iteration value")?;
    let dklen = match dklen.filter(|dklen| !dklen.is_none()) {
        Some(dklen) => dklen.as_i64(py)?,
        // SAFETY: a live function.
        None => i64::from(unsafe { sizes_of(function.raw) }.0),
    };
    let dklen = count(py, dklen, "key length", "key length")?;
    let mut key = krait_object::reserve::zeros(py, dklen as usize)?;
    let (password, salt) = (password.as_slice().as_ptr() as usize, salt.as_slice().as_ptr() as usize);
    let derive = Crypto::get().PKCS5_PBKDF2_HMAC;
    let done = krait_sync::block::detached(|| {
        let (password, salt) = (password as *const u8, salt as *const u8);
        // SAFETY: a live function; as many bytes as stated, which the arguments hold meanwhile.
        unsafe { derive(password, password_len, salt, salt_len, iterations, function.raw, dklen, key.as_mut_ptr()) }
    });
    if done == 1 { Bytes::new(py, &key) } else { Err(failed(py)) }
}

/// A number up to C's greatest `int`.
fn bounded(py: Attached<'_>, value: i64, least: i64, message: &str) -> PyResult<usize> {
    if !(least..=i64::from(c_int::MAX)).contains(&value) {
        return Err(raise!(py, ValueError, "{message} and smaller than {}", c_int::MAX));
    }
    Ok(value as usize)
}

/// `scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64)`.
pub fn scrypt(
    py: Attached<'_>,
    _: &Object,
    [password, salt, n, r, p, maxmem, dklen]: [Arg<'_>; 7],
) -> PyResult<Ref<Bytes>> {
    let password = BytesArg::new(py, required(py, password)?)?;
    let salt = BytesArg::new(py, required(py, salt)?)?;
    let number = |value: Arg<'_>| unsigned_long(py, required(py, value)?);
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    let maxmem = maxmem.map_or(Ok(0), |value| value.as_i64(py))?;
    let dklen = dklen.map_or(Ok(64), |value| value.as_i64(py))?;
    length(py, &password, "password")?;
    length(py, &salt, "salt")?;
    if n < 2 || !n.is_power_of_two() {
        return Err(raise!(py, ValueError, "n must be a power of 2."));
    }
    let maxmem = bounded(py, maxmem, 0, "maxmem must be positive")? as u64;
    let dklen = bounded(py, dklen, 1, "dklen must be greater than 0")?;
    let mut key = krait_object::reserve::zeros(py, dklen)?;
    let (password, salt) = (password.as_slice(), salt.as_slice());
    let derive = Crypto::get().EVP_PBE_scrypt;
    let done = krait_sync::block::detached(|| {
        let (secret, len, key) = (password.as_ptr(), password.len(), key.as_mut_ptr());
        // SAFETY: as many bytes as stated, which the arguments hold meanwhile.
        unsafe { derive(secret, len, salt.as_ptr(), salt.len(), n, r, p, maxmem, key, dklen) }
    });
    match done {
        1 => Bytes::new(py, &key),
        _ => {
            let text = complaint();
            let text = text.as_deref().unwrap_or("Invalid parameter combination for n, r, p, maxmem.");
            Err(raise!(py, ValueError, "{text}"))
        }
    }
}
