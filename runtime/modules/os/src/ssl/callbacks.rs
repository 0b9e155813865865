//! What the library calls back: passwords, names of servers, protocol messages, secrets and shared keys.
//!
//! The library runs detached; each of these attaches the thread for its Python part.
use super::connection::Connection;
use super::context::SslContext;
use super::openssl::{Ptr, api, text};
use krait_object::hooks::hooks;
use krait_object::{
    Attached, BaseException, ByteArray, Bytes, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Tuple,
    none, raise,
};
use krait_vm::interp::with_attached;
use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use std::io::Write;
use std::ptr;

const TLSEXT_ERR_OK: c_int = 0;
const TLSEXT_ERR_ALERT_FATAL: c_int = 2;
const TLSEXT_ERR_NOACK: c_int = 3;
const ALERT_HANDSHAKE_FAILURE: c_int = 40;
const ALERT_INTERNAL_ERROR: c_int = 80;

/// The password of a key: a value, or a function that gives it when it is needed.
pub struct Password {
    function: Option<Ref<Object>>,
    value: Vec<u8>,
    error: Option<Ref<BaseException>>,
}

const LONGEST_PASSWORD: usize = 1024;

impl Password {
    pub fn new(py: Attached<'_>, password: &Object) -> PyResult<Password> {
        if password.is_callable() {
            return Ok(Password { function: Some(password.to_ref()), value: Vec::new(), error: None });
        }
        let value = Self::bytes(py, password, "password should be a string or callable")?;
        Ok(Password { function: None, value, error: None })
    }

    fn bytes(py: Attached<'_>, password: &Object, wrong: &str) -> PyResult<Vec<u8>> {
        let value = if let Some(text) = password.downcast::<Str>() {
            text.to_utf8(py)?.as_bytes().to_vec()
        } else if let Some(bytes) = password.downcast::<Bytes>() {
            bytes.as_slice().to_vec()
        } else if let Some(bytes) = password.downcast::<ByteArray>() {
            bytes.to_vec(py)?
        } else {
            return Err(raise!(py, TypeError, "{wrong}"));
        };
        if value.len() > LONGEST_PASSWORD {
            return Err(raise!(py, ValueError, "password cannot be longer than {LONGEST_PASSWORD} bytes"));
        }
        Ok(value)
    }

    /// What the function raised.
    pub fn take_error(&mut self) -> Option<Ref<BaseException>> {
        self.error.take()
    }

    fn ask(&mut self, py: Attached<'_>) -> PyResult<()> {
        if let Some(function) = &self.function {
            let given = function.call0(py)?;
            self.value = Self::bytes(py, &given, "password callback must return a string")?;
        }
        Ok(())
    }
}

/// Gives the library a password.
pub unsafe extern "C" fn password(buffer: *mut c_char, size: c_int, _: c_int, user: Ptr) -> c_int {
    // SAFETY: the pointer that `load_cert_chain` gave, which waits for the call to end.
    let Some(asked) = (unsafe { user.cast::<Password>().as_mut() }) else { return -1 };
    with_attached(|py| {
        let result = asked.ask(py).and_then(|()| match asked.value.len() > size as usize {
            true => Err(raise!(py, ValueError, "password cannot be longer than {size} bytes")),
            false => Ok(()),
        });
        if let Err(raised) = result {
            asked.error = Some(raised.take(py));
            return -1;
        }
        // SAFETY: the buffer has that many bytes.
        unsafe { ptr::copy_nonoverlapping(asked.value.as_ptr(), buffer.cast(), asked.value.len()) };
        asked.value.len() as c_int
    })
}

/// The connection object of the library's.
///
/// # Safety
/// `ssl` is a live connection of this module, and the thread is attached.
unsafe fn connection(ssl: Ptr) -> Option<Ref<Connection>> {
    // SAFETY: by the contract: it is alive, since it calls the library.
    unsafe { (api().SSL_get_ex_data)(ssl, 0).cast::<Connection>().as_ref() }.map(Layout::to_ref)
}

/// Reports an exception that has nowhere to go.
fn report(py: Attached<'_>, raised: Raised, what: &str, object: &Object) {
    let error = raised.take(py);
    let shown = match object.repr(py) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(raised) => {
            raised.clear(py);
            String::from("?")
        }
    };
    let _ = py.restore(error);
    (hooks().unraisable)(py, Some(&format!("Exception ignored {what} {shown}")), None);
}

/// Asks Python which certificate fits the name that a client wants.
pub unsafe extern "C" fn server_name(ssl: Ptr, alert: *mut c_int, user: Ptr) -> c_int {
    with_attached(|py| {
        // SAFETY: the context that the callback was set on, which lives as long as its connections.
        let (Some(context), Some(own)) = (unsafe { (user.cast::<SslContext>().as_ref(), connection(ssl)) }) else {
            return TLSEXT_ERR_OK;
        };
        let Some(callback) = context.sni_callback() else { return TLSEXT_ERR_OK };
        let fail = |number: c_int| {
            // SAFETY: the library's variable.
            unsafe { *alert = number };
            TLSEXT_ERR_ALERT_FATAL
        };
        // SAFETY: a live connection.
        let name = unsafe { (api().SSL_get_servername)(ssl, 0) };
        let name = if name.is_null() {
            none()
        } else {
            // SAFETY: a C string.
            let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
            match krait_object::codecs::decode_ascii(py, bytes, None) {
                Ok(name) => name.upcast(),
                Err(raised) => {
                    report(py, raised, "in ssl servername callback while decoding name", &callback);
                    return fail(ALERT_INTERNAL_ERROR);
                }
            }
        };
        let Some(shown) = own.face(py) else { return fail(ALERT_INTERNAL_ERROR) };
        let what = "in ssl servername callback while calling set SNI callback";
        match callback.call_pos(py, &[&shown, &name, context.as_object()]) {
            Err(raised) => {
                report(py, raised, what, &callback);
                fail(ALERT_HANDSHAKE_FAILURE)
            }
            Ok(answer) if answer.is_none() => TLSEXT_ERR_OK,
            Ok(answer) => match (*answer).downcast::<Int>().and_then(Int::to_i64) {
                Some(number) => fail(number as c_int),
                None => {
                    let raised = answer.as_i32(py).map_or_else(|raised| raised, |_| py.bad_internal_call());
                    let what = "in ssl servername callback while calling set SNI callback";
                    report(py, raised, what, &callback);
                    fail(ALERT_INTERNAL_ERROR)
                }
            },
        }
    })
}

/// Chooses a protocol of the next layer.
pub unsafe extern "C" fn select_alpn(
    _: Ptr,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    user: Ptr,
) -> c_int {
    // SAFETY: the context that the callback was set on.
    let Some(context) = (unsafe { user.cast::<SslContext>().as_ref() }) else { return TLSEXT_ERR_NOACK };
    let extra = context.extra().lock();
    // SAFETY: lists of the lengths stated. The choice points into the peer's list or ours; ours stays where it is.
    let chosen = unsafe {
        (api().SSL_select_next_proto)(
            out.cast(),
            out_len,
            extra.alpn.as_ptr(),
            extra.alpn.len() as c_uint,
            offered,
            offered_len,
        )
    };
    // 1: the lists have a protocol in common.
    if chosen == 1 { TLSEXT_ERR_OK } else { TLSEXT_ERR_NOACK }
}

/// Writes a secret to the key log.
pub unsafe extern "C" fn keylog(ssl: Ptr, line: *const c_char) {
    // SAFETY: a live connection, its context's object, and a C string.
    unsafe {
        let context = (api().SSL_CTX_get_ex_data)((api().SSL_get_SSL_CTX)(ssl), 0).cast::<SslContext>();
        let Some(context) = context.as_ref() else { return };
        if let Some(file) = &mut context.extra().lock().keylog {
            let mut line = CStr::from_ptr(line).to_bytes().to_vec();
            line.push(b'\n');
            let _ = file.write_all(&line);
        }
    }
}

/// Shows a message of the protocol to Python.
pub unsafe extern "C" fn message(
    written: c_int,
    version: c_int,
    content: c_int,
    data: *const c_void,
    len: usize,
    ssl: Ptr,
    _: Ptr,
) {
    with_attached(|py| {
        // SAFETY: a live connection or null.
        let own = if ssl.is_null() { None } else { unsafe { connection(ssl) } };
        let Some(own) = own else { return };
        let Some(callback) = own.context().and_then(|context| context.msg_callback()) else { return };
        // SAFETY: the library lends that many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
        let byte = |at: usize| bytes.get(at).map_or(-1, |byte| c_int::from(*byte));
        let (mut version, kind) = (
            version,
            match content {
                20 => 0x101,
                21 => byte(1),
                22 | 0x100 | 0x101 => byte(0),
                _ => -1,
            },
        );
        if content == 0x100 && len > 2 {
            version = byte(1) << 8 | byte(2);
        }
        let call = || -> PyResult<()> {
            let direction = if written != 0 { "write" } else { "read" }.into_object(py)?;
            let numbers = [version.into_object(py)?, content.into_object(py)?, kind.into_object(py)?];
            let data = Bytes::new(py, bytes)?;
            let face = own.face(py).unwrap_or_else(none);
            let arguments = [&*face, &*direction, &*numbers[0], &*numbers[1], &*numbers[2], data.as_object()];
            callback.call_pos(py, &arguments).map(drop)
        };
        if let Err(raised) = call() {
            own.put_off(raised.take(py));
        }
    });
}

/// Copies `bytes` and a zero, if they fit.
///
/// # Safety
/// `to` has `room` bytes.
unsafe fn copy_text(bytes: &[u8], to: *mut c_char, room: usize) -> bool {
    if bytes.len() + 1 > room {
        return false;
    }
    // SAFETY: by the contract.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), bytes.len());
        *to.add(bytes.len()) = 0;
    }
    true
}

/// The key that a callback returned.
fn key_bytes(py: Attached<'_>, key: &Object) -> PyResult<Vec<u8>> {
    Ok(krait_object::protocols::buffer::stable_bytes(py, key)?.into_owned())
}

/// Asks Python for an identity and its key.
pub unsafe extern "C" fn psk_client(
    ssl: Ptr,
    hint: *const c_char,
    identity: *mut c_char,
    identity_room: c_uint,
    psk: *mut c_uchar,
    psk_room: c_uint,
) -> c_uint {
    with_attached(|py| {
        // SAFETY: a live connection.
        let Some(callback) = (unsafe { connection(ssl) }).and_then(|own| own.context()?.psk_client()) else { return 0 };
        let ask = || -> PyResult<c_uint> {
            // SAFETY: null or a C string.
            let hint = unsafe { super::cert::optional_text(py, hint)? };
            let answer = callback.call_pos(py, &[&hint])?;
            let Some([name, key]) = (*answer).downcast::<Tuple>().map(Tuple::as_slice) else {
                return Err(raise!(py, TypeError, "callback must return a tuple of identity and key"));
            };
            let name = match name.downcast::<Str>() {
                Some(text) => text.to_utf8(py)?.as_bytes().to_vec(),
                None if name.is_none() => Vec::new(),
                None => return Err(raise!(py, TypeError, "identity must be str or None, not {}", name.ty().name())),
            };
            let key = key_bytes(py, key)?;
            // SAFETY: the library's buffers have that room.
            let fits = key.len() <= psk_room as usize && unsafe { copy_text(&name, identity, identity_room as usize) };
            if !fits {
                return Err(raise!(py, ValueError, "identity or key is too long"));
            }
            // SAFETY: checked above.
            unsafe { ptr::copy_nonoverlapping(key.as_ptr(), psk, key.len()) };
            Ok(key.len() as c_uint)
        };
        ask().unwrap_or_else(|raised| {
            report(py, raised, "in PSK client callback while calling", &callback);
            0
        })
    })
}

/// Asks Python for the key of an identity.
pub unsafe extern "C" fn psk_server(ssl: Ptr, identity: *const c_char, psk: *mut c_uchar, psk_room: c_uint) -> c_uint {
    with_attached(|py| {
        // SAFETY: a live connection.
        let Some(callback) = (unsafe { connection(ssl) }).and_then(|own| own.context()?.psk_server()) else { return 0 };
        let ask = || -> PyResult<c_uint> {
            // SAFETY: null or a C string.
            let name = match identity.is_null() || unsafe { text(identity) }.is_empty() {
                true => none(),
                // SAFETY: a C string.
                false => unsafe { text(identity) }.into_object(py)?,
            };
            let key = key_bytes(py, &*callback.call_pos(py, &[&name])?)?;
            if key.len() > psk_room as usize {
                return Err(raise!(py, ValueError, "key is too long"));
            }
            // SAFETY: checked above.
            unsafe { ptr::copy_nonoverlapping(key.as_ptr(), psk, key.len()) };
            Ok(key.len() as c_uint)
        };
        ask().unwrap_or_else(|raised| {
            report(py, raised, "in PSK server callback while calling", &callback);
            0
        })
    })
}
