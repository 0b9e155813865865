//! `_SSLContext`: settings that connections share.
use super::bio::{MemoryBio, Session, handle};
use super::callbacks;
use super::connection::{Connection, Origin};
use super::errors::{self, Code, LIB_PEM, PEM_NO_START_LINE, raise_last, raise_text};
use super::openssl::{Ptr, api, items, text};
use super::{cert, options};
use crate::socket::Socket;
use crate::util::*;
use crate::vm;
use krait_object::args::{Args, Signature};
use krait_object::exceptions::{raise_os_error, raise_os_error_with};
use krait_object::hooks::hooks;
use krait_object::layout::Field;
use krait_object::native::{Part, State, Trace, alloc};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{
    Attached, ByteArray, Bytes, Dict, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Slot, Str, Type,
    Visit, exc, id, native, none, pytype, raise,
};
use std::ffi::{CString, c_char, c_int, c_long, c_uint, c_void};
use std::fs::File;
use std::ptr;

type Opt<'a> = Option<&'a Object>;

pub const PROTOCOL_TLS: c_int = 2;
pub const PROTOCOL_TLS_CLIENT: c_int = 16;
pub const PROTOCOL_TLS_SERVER: c_int = 17;
pub const PROTOCOL_TLSV1: c_int = 3;
pub const PROTOCOL_TLSV1_1: c_int = 4;
pub const PROTOCOL_TLSV1_2: c_int = 5;

pub const VERIFY_PEER: c_int = 1;
const VERIFY_FAIL_IF_NO_PEER_CERT: c_int = 2;

const CTRL_MODE: c_int = 33;
const CTRL_SET_TMP_DH: c_int = 3;
const CTRL_SET_SERVERNAME_CB: c_int = 53;
const CTRL_SET_SERVERNAME_ARG: c_int = 54;
const CTRL_SET_GROUPS: c_int = 91;
const CTRL_SET_MIN: c_int = 123;
const CTRL_SET_MAX: c_int = 124;
const CTRL_GET_MIN: c_int = 130;
const CTRL_GET_MAX: c_int = 131;
/// Writes may be repeated from another address; records of the protocol itself are not given to the reader.
const MODES: c_long = 2 | 4;

/// The lowest and highest version that the library offers.
pub const MINIMUM_SUPPORTED: c_int = -2;
pub const MAXIMUM_SUPPORTED: c_int = -1;
const VERSIONS: std::ops::RangeInclusive<c_int> = 768..=772;

handle! {
    /// The library's context.
    ContextHandle, api().SSL_CTX_free
}

/// What callbacks use beside Python objects.
#[derive(Default)]
pub struct Extra {
    pub alpn: Vec<u8>,
    pub keylog: Option<File>,
}
impl Trace for Extra {}

native! {
    /// `_ssl._SSLContext`.
    pub struct SslContext {
        context: ContextHandle,
        protocol: Field<c_int>,
        check_hostname: Field<bool>,
        host_flags: Field<c_uint>,
        post_handshake: Field<bool>,
        extra: State<Extra>,
        keylog_name: Slot<Object>,
        sni_callback: Slot<Object>,
        msg_callback: Slot<Object>,
        psk_client: Slot<Object>,
        psk_server: Slot<Object>,
    }
}

pytype! {
    pub static CONTEXT_TYPE: "_ssl._SSLContext" for SslContext {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_new = SslContext::construct,
            tp_dealloc = SslContext::dealloc,
            tp_traverse = SslContext::traverse,
            tp_clear = SslContext::clear,
        },
        methods: {
            raw "_wrap_socket" => SslContext::wrap_socket, "($self, /, sock, server_side, server_hostname=None, *, owner=None, session=None)", "";
            raw "_wrap_bio" => SslContext::wrap_bio, "($self, /, incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None)", "";
            o "set_ciphers" => SslContext::set_ciphers, "($self, cipherlist, /)", "";
            o "_set_alpn_protocols" => SslContext::set_alpn, "($self, protos, /)", "";
            sig "load_cert_chain" => SslContext::load_cert_chain, "($self, /, certfile, keyfile=None, password=None)", "";
            o "load_dh_params" => SslContext::load_dh_params, "($self, path, /)", "";
            sig "load_verify_locations" => SslContext::load_verify_locations, "($self, /, cafile=None, capath=None, cadata=None)", "";
            noargs "session_stats" => SslContext::session_stats, "($self, /)", "";
            noargs "set_default_verify_paths" => SslContext::set_default_verify_paths, "($self, /)", "";
            o "set_ecdh_curve" => SslContext::set_ecdh_curve, "($self, name, /)", "";
            noargs "cert_store_stats" => SslContext::cert_store_stats, "($self, /)", "How many certificates of which kind the store has.";
            sig "get_ca_certs" => SslContext::get_ca_certs, "($self, /, binary_form=False)", "The CA certificates that were loaded.";
            noargs "get_ciphers" => SslContext::get_ciphers, "($self, /)", "";
            sig "set_psk_client_callback" => SslContext::set_psk_client, "($self, /, callback)", "";
            sig "set_psk_server_callback" => SslContext::set_psk_server, "($self, /, callback, identity_hint=None)", "";
        },
        getset: {
            "check_hostname" => |_: Attached<'_>, this: &SslContext| this.check_hostname.get(), SslContext::set_check_hostname, "";
            "_host_flags" => |_: Attached<'_>, this: &SslContext| i64::from(this.host_flags.get()), SslContext::set_host_flags, "";
            "minimum_version" => |_: Attached<'_>, this: &SslContext| this.version_limit(false), SslContext::set_minimum, "";
            "maximum_version" => |_: Attached<'_>, this: &SslContext| this.version_limit(true), SslContext::set_maximum, "";
            "keylog_filename" => |_: Attached<'_>, this: &SslContext| this.keylog_name.get(), SslContext::set_keylog, "";
            "_msg_callback" => |_: Attached<'_>, this: &SslContext| this.msg_callback.get(), SslContext::set_msg_callback, "";
            "sni_callback" => |_: Attached<'_>, this: &SslContext| this.sni_callback.get(), SslContext::set_sni_callback, "";
            "num_tickets" => SslContext::num_tickets, SslContext::set_num_tickets, "Control the number of TLSv1.3 session tickets.";
            "options" => SslContext::get_options, SslContext::set_options, "";
            "post_handshake_auth" => |_: Attached<'_>, this: &SslContext| this.post_handshake.get(), SslContext::set_post_handshake, "";
            "protocol" => |_: Attached<'_>, this: &SslContext| this.protocol.get(), "";
            "verify_flags" => SslContext::get_verify_flags, SslContext::set_verify_flags, "";
            "verify_mode" => SslContext::get_verify_mode, SslContext::set_verify_mode, "";
            "security_level" => SslContext::security_level, "The current security level.";
        },
    }
}

/// The new value of an attribute of `class`, which cannot be deleted.
pub fn no_deletion<'a>(py: Attached<'_>, value: Opt<'a>, class: &str, name: &str) -> PyResult<&'a Object> {
    value.ok_or_else(|| raise!(py, AttributeError, "attribute '{name}' of '_ssl.{class}' objects cannot be deleted"))
}

fn value_of<'a>(py: Attached<'_>, value: Opt<'a>, name: &str) -> PyResult<&'a Object> {
    no_deletion(py, value, "_SSLContext", name)
}

/// The result of a call that says 1 for success.
fn check(py: Attached<'_>, result: c_int) -> PyResult<()> {
    if result == 1 { Ok(()) } else { Err(raise_last(py)) }
}

fn errno_or_last(py: Attached<'_>) -> Raised {
    match errno() {
        0 => raise_last(py),
        number => {
            errors::clear();
            raise_os_error(py, number)
        }
    }
}

fn reset_errno() {
    // SAFETY: the thread's own `errno`.
    unsafe { *libc::__errno_location() = 0 };
}

/// A path argument; the message names it if it is no path.
fn path_arg(py: Attached<'_>, path: &Object, name: &str) -> PyResult<CString> {
    fs_bytes(py, path).map_err(|raised| match raised.matches(py, exc::TypeError()) {
        true => {
            raised.clear(py);
            raise!(py, TypeError, "{name} should be a valid filesystem path")
        }
        false => raised,
    })
}

impl SslContext {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Self>> {
        const SIG: Signature = Signature::parse("_SSLContext", "(protocol, /)");
        let [protocol]: [Opt<'_>; 1] = SIG.bind(py, args)?;
        let protocol = int_arg(py, need(py, protocol)?)?;
        let deprecated =
            |name: &str| (hooks().warn)(py, exc::DeprecationWarning(), &format!("ssl.{name} is deprecated"), 2);
        let method = match protocol {
            PROTOCOL_TLSV1 => {
                deprecated("PROTOCOL_TLSv1")?;
                api().TLSv1_method
            }
            PROTOCOL_TLSV1_1 => {
                deprecated("PROTOCOL_TLSv1_1")?;
                api().TLSv1_1_method
            }
            PROTOCOL_TLSV1_2 => {
                deprecated("PROTOCOL_TLSv1_2")?;
                api().TLSv1_2_method
            }
            PROTOCOL_TLS => {
                deprecated("PROTOCOL_TLS")?;
                api().TLS_method
            }
            PROTOCOL_TLS_CLIENT => api().TLS_client_method,
            PROTOCOL_TLS_SERVER => api().TLS_server_method,
            _ => return Err(raise!(py, ValueError, "invalid or unsupported protocol version {protocol}")),
        };
        // SAFETY: constant methods; null is checked.
        let raw = unsafe { (api().SSL_CTX_new)(method()) };
        if raw.is_null() {
            return Err(raise_last(py));
        }
        let this = match alloc::<SslContext>(py, ty) {
            Ok(this) => this,
            Err(raised) => {
                // SAFETY: just made.
                unsafe { (api().SSL_CTX_free)(raw) };
                return Err(raised);
            }
        };
        this.context.set(raw);
        this.protocol.set(protocol);
        this.extra.init(Extra::default());
        this.host_flags.set(options::HOSTFLAG_NO_PARTIAL_WILDCARDS);
        if protocol == PROTOCOL_TLS_CLIENT {
            this.check_hostname.set(true);
            this.apply_verify_mode(py, 2)?;
        } else {
            this.apply_verify_mode(py, 0)?;
        }
        // SAFETY: a live context; `this` outlives it.
        unsafe {
            (api().SSL_CTX_set_ex_data)(raw, 0, this.as_ptr().cast());
            (api().SSL_CTX_set_options)(raw, options::DEFAULTS);
            check(py, (api().SSL_CTX_set_cipher_list)(raw, options::DEFAULT_CIPHERS.as_ptr()))?;
            (api().SSL_CTX_ctrl)(raw, CTRL_MODE, MODES, ptr::null_mut());
            let param = (api().SSL_CTX_get0_param)(raw);
            (api().X509_VERIFY_PARAM_set_flags)(param, options::VERIFY_X509_TRUSTED_FIRST);
            (api().X509_VERIFY_PARAM_set_hostflags)(param, this.host_flags.get());
            (api().SSL_CTX_set_post_handshake_auth)(raw, 0);
        }
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &Self) {
        for slot in [&this.sni_callback, &this.msg_callback, &this.psk_client, &this.psk_server] {
            slot.release();
        }
    }

    pub fn raw(&self) -> Ptr {
        self.context.get()
    }

    pub fn checks_hostname(&self) -> bool {
        self.check_hostname.get()
    }

    pub fn host_flags(&self) -> c_uint {
        self.host_flags.get()
    }

    pub fn wants_post_handshake(&self) -> bool {
        self.post_handshake.get()
    }

    pub fn extra(&self) -> &State<Extra> {
        &self.extra
    }

    pub fn sni_callback(&self) -> Option<Ref<Object>> {
        self.sni_callback.get()
    }

    pub fn msg_callback(&self) -> Option<Ref<Object>> {
        self.msg_callback.get()
    }

    pub fn psk_client(&self) -> Option<Ref<Object>> {
        self.psk_client.get()
    }

    pub fn psk_server(&self) -> Option<Ref<Object>> {
        self.psk_server.get()
    }

    /// `server_hostname` as text.
    fn hostname_arg(py: Attached<'_>, value: Opt<'_>) -> PyResult<Option<String>> {
        let Some(value) = given(value) else { return Ok(None) };
        let bytes = if let Some(text) = value.downcast::<Str>() {
            if !text.is_ascii() {
                return text.as_object().call_method(py, id!(py, encode), &[id!(py, ascii).as_object()]).map(|_| None);
            }
            text.to_string_lossy().into_owned().into_bytes()
        } else if let Some(bytes) = value.downcast::<Bytes>() {
            bytes.as_slice().to_vec()
        } else if let Some(bytes) = value.downcast::<ByteArray>() {
            bytes.to_vec(py)?
        } else {
            return Err(raise!(py, TypeError, "argument must be str, not {}", value.ty().name()));
        };
        if bytes.contains(&0) {
            let kind = value.ty().name();
            return Err(raise!(py, TypeError, "argument must be encoded string without null bytes, not {kind}"));
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn session_arg<'a>(py: Attached<'_>, session: Opt<'a>) -> PyResult<Option<&'a Session>> {
        match given(session) {
            None => Ok(None),
            Some(session) => match session.downcast::<Session>() {
                Some(session) => Ok(Some(session)),
                None => Err(raise!(py, TypeError, "Value is not a SSLSession.")),
            },
        }
    }

    fn wrap_socket(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Connection>> {
        const SIG: Signature =
            Signature::parse("_wrap_socket", "(sock, server_side, server_hostname=None, *, owner=None, session=None)");
        let [sock, server, host, owner, session]: [Opt<'_>; 5] = SIG.bind(py, args)?;
        let sock = need(py, sock)?;
        let Some(socket) = sock.downcast::<Socket>() else {
            let kind = krait_object::builtins::textargs::arg_type(sock);
            return Err(raise!(py, TypeError, "_wrap_socket() argument 'sock' must be _socket.socket, not {kind}"));
        };
        let server = need(py, server)?.is_true(py)?;
        let host = Self::hostname_arg(py, host)?;
        let session = Self::session_arg(py, session)?;
        this.check_sides(py, server, host.as_ref().is_some_and(|host| !host.is_empty()), session.is_some())?;
        Connection::new(py, this, Origin::Socket(socket), server, host, given(owner), session)
    }

    /// A server names no host and resumes no session; who checks the peer's name must know it.
    ///
    /// `ssl.py` asks for this too, in some versions for sockets only.
    fn check_sides(&self, py: Attached<'_>, server: bool, has_host: bool, has_session: bool) -> PyResult<()> {
        if server && has_host {
            return Err(raise!(py, ValueError, "server_hostname can only be specified in client mode"));
        }
        if server && has_session {
            return Err(raise!(py, ValueError, "session can only be specified in client mode"));
        }
        if self.check_hostname.get() && !has_host {
            return Err(raise!(py, ValueError, "check_hostname requires server_hostname"));
        }
        Ok(())
    }

    fn wrap_bio(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Connection>> {
        const SIG: Signature = Signature::parse(
            "_wrap_bio",
            "(incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None)",
        );
        let [incoming, outgoing, server, host, owner, session]: [Opt<'_>; 6] = SIG.bind(py, args)?;
        let buffer = |value: Opt<'_>, name: &str| -> PyResult<Ref<MemoryBio>> {
            let value = need(py, value)?;
            match value.downcast::<MemoryBio>() {
                Some(bio) => Ok(bio.to_ref()),
                None => {
                    let kind = value.ty().name();
                    Err(raise!(py, TypeError, "_wrap_bio() argument '{name}' must be _ssl.MemoryBIO, not {kind}"))
                }
            }
        };
        let (incoming, outgoing) = (buffer(incoming, "incoming")?, buffer(outgoing, "outgoing")?);
        let server = need(py, server)?.is_true(py)?;
        let host = Self::hostname_arg(py, host)?;
        let session = Self::session_arg(py, session)?;
        this.check_sides(py, server, host.as_ref().is_some_and(|host| !host.is_empty()), session.is_some())?;
        Connection::new(py, this, Origin::Buffers(&incoming, &outgoing), server, host, given(owner), session)
    }

    fn set_ciphers(py: Attached<'_>, this: &Self, list: &Object) -> PyResult<()> {
        let Some(text) = list.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "set_ciphers() argument must be str, not {}",
                krait_object::builtins::textargs::arg_type(list)
            ));
        };
        let list = CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))?;
        // SAFETY: live objects.
        if unsafe { (api().SSL_CTX_set_cipher_list)(this.raw(), list.as_ptr()) } == 0 {
            errors::clear();
            return Err(errors::raise_plain(py, "No cipher can be selected."));
        }
        Ok(())
    }

    fn set_alpn(py: Attached<'_>, this: &Self, protocols: &Object) -> PyResult<()> {
        let bytes = BytesArg::new(py, protocols)?;
        let bytes = bytes.as_slice().to_vec();
        // SAFETY: live objects; the library copies the list.
        unsafe {
            if (api().SSL_CTX_set_alpn_protos)(this.raw(), bytes.as_ptr(), bytes.len() as c_uint) != 0 {
                return Err(py.no_memory());
            }
            this.extra.lock().alpn = bytes;
            (api().SSL_CTX_set_alpn_select_cb)(this.raw(), callbacks::select_alpn, this.as_ptr().cast());
        }
        Ok(())
    }

    fn load_cert_chain(py: Attached<'_>, this: &Self, [certificate, key, password]: [Opt<'_>; 3]) -> PyResult<()> {
        let certificate = path_arg(py, need(py, certificate)?, "certfile")?;
        let key = given(key).map(|key| path_arg(py, key, "keyfile")).transpose()?;
        let mut asked = given(password).map(|password| callbacks::Password::new(py, password)).transpose()?;
        let user: *mut c_void = asked.as_mut().map_or(ptr::null_mut(), |asked| ptr::from_mut(asked).cast());
        let callback = asked.is_some().then_some(callbacks::password as _);
        // SAFETY: live objects; the callback's data outlives the calls, and is forgotten after them.
        let results = unsafe {
            (api().SSL_CTX_set_default_passwd_cb)(this.raw(), callback);
            (api().SSL_CTX_set_default_passwd_cb_userdata)(this.raw(), user);
            reset_errno();
            let mut failed = None;
            let chain =
                vm::without(py, || (api().SSL_CTX_use_certificate_chain_file)(this.raw(), certificate.as_ptr()));
            if chain != 1 {
                failed = Some(errno());
            }
            if failed.is_none() {
                reset_errno();
                let path = key.as_ref().unwrap_or(&certificate);
                let loaded = vm::without(py, || {
                    (api().SSL_CTX_use_PrivateKey_file)(this.raw(), path.as_ptr(), cert::ENCODING_PEM)
                });
                if loaded != 1 {
                    failed = Some(errno());
                }
            }
            (api().SSL_CTX_set_default_passwd_cb)(this.raw(), None);
            (api().SSL_CTX_set_default_passwd_cb_userdata)(this.raw(), ptr::null_mut());
            failed
        };
        if let Some(number) = results {
            if let Some(error) = asked.as_mut().and_then(callbacks::Password::take_error) {
                errors::clear();
                return Err(py.restore(error));
            }
            if number != 0 {
                errors::clear();
                return Err(raise_os_error(py, number));
            }
            return Err(raise_last(py));
        }
        // SAFETY: a live context.
        check(py, unsafe { (api().SSL_CTX_check_private_key)(this.raw()) })
    }

    fn load_dh_params(py: Attached<'_>, this: &Self, path: &Object) -> PyResult<()> {
        let name = fs_bytes(py, path)?;
        reset_errno();
        // SAFETY: live objects; what is made is freed.
        unsafe {
            let file = vm::without(py, || (api().BIO_new_file)(name.as_ptr(), c"r".as_ptr()));
            if file.is_null() {
                errors::clear();
                return Err(raise_os_error_with(py, errno(), Some(path), None));
            }
            reset_errno();
            let dh = (api().PEM_read_bio_DHparams)(file, ptr::null_mut(), None, ptr::null_mut());
            (api().BIO_free)(file);
            if dh.is_null() {
                return Err(errno_or_last(py));
            }
            let set = (api().SSL_CTX_ctrl)(this.raw(), CTRL_SET_TMP_DH, 0, dh);
            (api().DH_free)(dh);
            check(py, set as c_int)
        }
    }

    fn load_verify_locations(py: Attached<'_>, this: &Self, [file, dir, data]: [Opt<'_>; 3]) -> PyResult<()> {
        let (file, dir, data) = (given(file), given(dir), given(data));
        if file.is_none() && dir.is_none() && data.is_none() {
            return Err(raise!(py, TypeError, "cafile, capath and cadata cannot be all omitted"));
        }
        let file = file.map(|file| path_arg(py, file, "cafile")).transpose()?;
        let dir = dir.map(|dir| path_arg(py, dir, "capath")).transpose()?;
        if let Some(data) = data {
            let wrong = || raise!(py, TypeError, "cadata should be an ASCII string or a bytes-like object");
            match data.downcast::<Str>() {
                Some(text) if text.is_ascii() => this.add_certificates(py, text.to_utf8(py)?.as_bytes(), true)?,
                Some(_) => return Err(wrong()),
                None => {
                    let bytes = BytesArg::new(py, data).map_err(|raised| {
                        raised.clear(py);
                        wrong()
                    })?;
                    this.add_certificates(py, bytes.as_slice(), false)?;
                }
            }
        }
        if file.is_some() || dir.is_some() {
            let raw = |path: &Option<CString>| path.as_ref().map_or(ptr::null::<c_char>(), |path| path.as_ptr());
            let (file, dir) = (raw(&file) as usize, raw(&dir) as usize);
            reset_errno();
            // SAFETY: live objects.
            let result = vm::without(py, || unsafe {
                (api().SSL_CTX_load_verify_locations)(this.raw(), file as *const c_char, dir as *const c_char)
            });
            if result != 1 {
                return Err(errno_or_last(py));
            }
        }
        Ok(())
    }

    /// Adds the certificates in some bytes to the trusted ones.
    fn add_certificates(&self, py: Attached<'_>, data: &[u8], pem: bool) -> PyResult<()> {
        if data.is_empty() {
            return Err(raise!(py, ValueError, "Empty certificate data"));
        }
        let Ok(len) = c_int::try_from(data.len()) else {
            return Err(raise!(py, OverflowError, "Certificate data is too long."));
        };
        let (mut loaded, mut whole) = (0, true);
        // SAFETY: live objects; what is made is freed.
        unsafe {
            let bio = (api().BIO_new_mem_buf)(data.as_ptr().cast(), len);
            if bio.is_null() {
                return Err(raise_last(py));
            }
            let store = (api().SSL_CTX_get_cert_store)(self.raw());
            // Bytes end with the last certificate; text may go on.
            while pem || (api().BIO_ctrl_pending)(bio) > 0 {
                let x509 = match pem {
                    true => (api().PEM_read_bio_X509)(bio, ptr::null_mut(), None, ptr::null_mut()),
                    false => (api().d2i_X509_bio)(bio, ptr::null_mut()),
                };
                if x509.is_null() {
                    whole = pem;
                    break;
                }
                let added = (api().X509_STORE_add_cert)(store, x509);
                (api().X509_free)(x509);
                if added != 1 {
                    // A certificate that is there already is no error.
                    errors::clear();
                }
                loaded += 1;
            }
            (api().BIO_free)(bio);
        }
        if loaded == 0 {
            let what = if pem { "no start line" } else { "not enough data" };
            return Err(raise_text(py, &format!("{what}: cadata does not contain a certificate")));
        }
        let at_end = Code::last().is_none_or(|code| code.part() == LIB_PEM && code.reason() == PEM_NO_START_LINE);
        if !(whole && at_end) {
            return Err(raise_last(py));
        }
        errors::clear();
        Ok(())
    }

    fn session_stats(py: Attached<'_>, this: &Self) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(py)?;
        for (name, number) in [
            ("number", 20),
            ("connect", 21),
            ("connect_good", 22),
            ("connect_renegotiate", 23),
            ("accept", 24),
            ("accept_good", 25),
            ("accept_renegotiate", 26),
            ("hits", 27),
            ("misses", 29),
            ("timeouts", 30),
            ("cache_full", 31),
        ] {
            // SAFETY: a live context.
            let value = unsafe { (api().SSL_CTX_ctrl)(this.raw(), number, 0, ptr::null_mut()) };
            dict.set_str(py, name, &*value.into_object(py)?)?;
        }
        Ok(dict)
    }

    fn set_default_verify_paths(py: Attached<'_>, this: &Self) -> PyResult<()> {
        // SAFETY: a live context.
        check(py, vm::without(py, || unsafe { (api().SSL_CTX_set_default_verify_paths)(this.raw()) }))
    }

    fn set_ecdh_curve(py: Attached<'_>, this: &Self, name: &Object) -> PyResult<()> {
        let text = fs_bytes(py, name)?;
        // SAFETY: live objects.
        unsafe {
            let mut nid = (api().OBJ_sn2nid)(text.as_ptr());
            if nid == 0 {
                return Err(raise!(py, ValueError, "unknown elliptic curve name {}", name.repr(py)?));
            }
            check(py, (api().SSL_CTX_ctrl)(this.raw(), CTRL_SET_GROUPS, 1, (&raw mut nid).cast()) as c_int)
        }
    }

    /// Calls `visit` with each object of the store and its kind.
    fn each_stored(&self, mut visit: impl FnMut(Ptr, c_int) -> PyResult<()>) -> PyResult<()> {
        // SAFETY: live objects; the store is locked meanwhile.
        unsafe {
            let store = (api().SSL_CTX_get_cert_store)(self.raw());
            (api().X509_STORE_lock)(store);
            let objects = items((api().X509_STORE_get0_objects)(store));
            let result = objects.into_iter().try_for_each(|object| {
                visit((api().X509_OBJECT_get0_X509)(object), (api().X509_OBJECT_get_type)(object))
            });
            (api().X509_STORE_unlock)(store);
            result
        }
    }

    fn cert_store_stats(py: Attached<'_>, this: &Self) -> PyResult<Ref<Dict>> {
        let (mut certificates, mut lists, mut authorities) = (0, 0, 0);
        this.each_stored(|x509, kind| {
            match kind {
                1 => {
                    certificates += 1;
                    // SAFETY: a live certificate.
                    authorities += i64::from(unsafe { (api().X509_check_ca)(x509) } != 0);
                }
                2 => lists += 1,
                _ => {}
            }
            Ok(())
        })?;
        int_dict(py, &[("x509", certificates), ("crl", lists), ("x509_ca", authorities)])
    }

    fn get_ca_certs(py: Attached<'_>, this: &Self, [binary]: [Opt<'_>; 1]) -> PyResult<Ref<List>> {
        let binary = bool_or(py, binary, false)?;
        let mut found = Vec::new();
        this.each_stored(|x509, kind| {
            // SAFETY: a live certificate.
            if kind == 1 && unsafe { (api().X509_check_ca)(x509) } != 0 {
                found.push(match binary {
                    // SAFETY: as above.
                    true => unsafe { cert::der(py, x509)? }.upcast(),
                    false => cert::describe(py, x509)?.upcast(),
                });
            }
            Ok(())
        })?;
        List::from_vec(py, found)
    }

    fn get_ciphers(py: Attached<'_>, this: &Self) -> PyResult<Ref<List>> {
        // SAFETY: a live context; the connection is freed, and the ciphers are constants.
        unsafe {
            let ssl = (api().SSL_new)(this.raw());
            if ssl.is_null() {
                return Err(raise_last(py));
            }
            let found = items((api().SSL_get_ciphers)(ssl))
                .into_iter()
                .map(|cipher| cipher_dict(py, cipher).map(Ref::upcast))
                .collect::<PyResult<Vec<_>>>();
            (api().SSL_free)(ssl);
            List::from_vec(py, found?)
        }
    }

    fn callable(py: Attached<'_>, callback: Opt<'_>) -> PyResult<Option<Ref<Object>>> {
        match given(callback) {
            None => Ok(None),
            Some(callback) if callback.is_callable() => Ok(Some(callback.to_ref())),
            Some(_) => Err(raise!(py, TypeError, "callback must be callable")),
        }
    }

    fn set_psk_client(py: Attached<'_>, this: &Self, [callback]: [Opt<'_>; 1]) -> PyResult<()> {
        if this.protocol.get() == PROTOCOL_TLS_SERVER {
            return Err(raise_text(py, "Cannot add PSK client callback to a PROTOCOL_TLS_SERVER context"));
        }
        let callback = Self::callable(py, callback)?;
        let raw = callback.is_some().then_some(callbacks::psk_client as _);
        drop(this.psk_client.replace(callback));
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_psk_client_callback)(this.raw(), raw) };
        Ok(())
    }

    fn set_psk_server(py: Attached<'_>, this: &Self, [callback, hint]: [Opt<'_>; 2]) -> PyResult<()> {
        if this.protocol.get() == PROTOCOL_TLS_CLIENT {
            return Err(raise_text(py, "Cannot add PSK server callback to a PROTOCOL_TLS_CLIENT context"));
        }
        let callback = Self::callable(py, callback)?;
        let hint = match given(hint) {
            None => None,
            Some(hint) => match hint.downcast::<Str>() {
                Some(text) => Some(c_string(py, text.to_utf8(py)?.as_bytes().to_vec())?),
                None => {
                    let kind = krait_object::builtins::textargs::arg_type(hint);
                    return Err(raise!(
                        py,
                        TypeError,
                        "set_psk_server_callback() argument 'identity_hint' must be str or None, not {kind}"
                    ));
                }
            },
        };
        let raw_hint = hint.as_ref().map_or(ptr::null(), |hint| hint.as_ptr());
        // SAFETY: live objects.
        if unsafe { (api().SSL_CTX_use_psk_identity_hint)(this.raw(), raw_hint) } != 1 {
            return Err(raise_text(py, "failed to set identity hint"));
        }
        let raw = callback.is_some().then_some(callbacks::psk_server as _);
        drop(this.psk_server.replace(callback));
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_psk_server_callback)(this.raw(), raw) };
        Ok(())
    }

    fn set_check_hostname(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let on = value_of(py, value, "check_hostname")?.is_true(py)?;
        // SAFETY: a live context.
        if on && unsafe { (api().SSL_CTX_get_verify_mode)(this.raw()) } == 0 {
            this.apply_verify_mode(py, 2)?;
        }
        this.check_hostname.set(on);
        Ok(())
    }

    fn set_host_flags(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let flags = value_of(py, value, "_host_flags")?.as_u64_mask(py)? as c_uint;
        this.host_flags.set(flags);
        // SAFETY: live objects.
        unsafe { (api().X509_VERIFY_PARAM_set_hostflags)((api().SSL_CTX_get0_param)(this.raw()), flags) };
        Ok(())
    }

    fn version_limit(&self, max: bool) -> i64 {
        let (question, none) = match max {
            true => (CTRL_GET_MAX, MAXIMUM_SUPPORTED),
            false => (CTRL_GET_MIN, MINIMUM_SUPPORTED),
        };
        // SAFETY: a live context.
        match unsafe { (api().SSL_CTX_ctrl)(self.raw(), question, 0, ptr::null_mut()) } {
            0 => i64::from(none),
            version => version,
        }
    }

    fn set_limit(&self, py: Attached<'_>, value: Opt<'_>, max: bool) -> PyResult<()> {
        let version = int_arg(py, value_of(py, value, if max { "maximum_version" } else { "minimum_version" })?)?;
        if !matches!(self.protocol.get(), PROTOCOL_TLS | PROTOCOL_TLS_CLIENT | PROTOCOL_TLS_SERVER) {
            return Err(raise!(
                py,
                ValueError,
                "The context's protocol doesn't support modification of highest and lowest version."
            ));
        }
        let raw = match version {
            MINIMUM_SUPPORTED if max => *VERSIONS.start() + 1,
            MAXIMUM_SUPPORTED if !max => *VERSIONS.end(),
            MINIMUM_SUPPORTED | MAXIMUM_SUPPORTED => 0,
            version if VERSIONS.contains(&version) => {
                let message = match version {
                    768 => Some("ssl.TLSVersion.SSLv3 is deprecated"),
                    769 => Some("ssl.TLSVersion.TLSv1 is deprecated"),
                    770 => Some("ssl.TLSVersion.TLSv1_1 is deprecated"),
                    _ => None,
                };
                if let Some(message) = message {
                    (hooks().warn)(py, exc::DeprecationWarning(), message, 2)?;
                }
                version
            }
            _ => return Err(raise!(py, ValueError, "Unsupported TLS/SSL version 0x{version:x}")),
        };
        let setting = if max { CTRL_SET_MAX } else { CTRL_SET_MIN };
        // SAFETY: a live context.
        if unsafe { (api().SSL_CTX_ctrl)(self.raw(), setting, c_long::from(raw), ptr::null_mut()) } == 0 {
            return Err(raise!(py, ValueError, "Unsupported protocol version 0x{raw:x}"));
        }
        Ok(())
    }

    fn set_minimum(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        this.set_limit(py, value, false)
    }

    fn set_maximum(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        this.set_limit(py, value, true)
    }

    fn set_keylog(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let value = value_of(py, value, "keylog_filename")?;
        let path = given(Some(value)).map(|name| fs_bytes(py, name)).transpose()?;
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_keylog_callback)(this.raw(), None) };
        drop(this.keylog_name.take());
        this.extra.lock().keylog = None;
        let Some(path) = path else { return Ok(()) };
        let name = value;
        let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(path.to_bytes());
        let file = File::options().append(true).create(true).open(path);
        let mut file =
            file.map_err(|error| raise_os_error_with(py, error.raw_os_error().unwrap_or(0), Some(name), None))?;
        if file.metadata().is_ok_and(|facts| facts.len() == 0) {
            let head = "# TLS secrets log file, generated by OpenSSL / Python\n";
            let _ = std::io::Write::write_all(&mut file, head.as_bytes());
        }
        this.extra.lock().keylog = Some(file);
        drop(this.keylog_name.replace(Some(name.to_ref())));
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_keylog_callback)(this.raw(), Some(callbacks::keylog)) };
        Ok(())
    }

    fn set_msg_callback(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let callback = given(Some(value_of(py, value, "_msg_callback")?));
        if callback.is_some_and(|callback| !callback.is_callable()) {
            return Err(raise!(py, TypeError, "not a callable object"));
        }
        drop(this.msg_callback.replace(callback.map(Layout::to_ref)));
        let raw = callback.is_some().then_some(callbacks::message as _);
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_msg_callback)(this.raw(), raw) };
        Ok(())
    }

    fn set_sni_callback(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let value = value_of(py, value, "sni_callback")?;
        if this.protocol.get() == PROTOCOL_TLS_CLIENT {
            return Err(raise!(py, ValueError, "sni_callback cannot be set on TLS_CLIENT context"));
        }
        let callback = given(Some(value));
        if callback.is_some_and(|callback| !callback.is_callable()) {
            return Err(raise!(py, TypeError, "not a callable object"));
        }
        drop(this.sni_callback.replace(callback.map(Layout::to_ref)));
        // SAFETY: a live context, which the object outlives; C functions have one representation.
        unsafe {
            let function: super::openssl::NameCallback = callbacks::server_name;
            let raw = callback
                .is_some()
                .then(|| std::mem::transmute::<super::openssl::NameCallback, unsafe extern "C" fn()>(function));
            (api().SSL_CTX_callback_ctrl)(this.raw(), CTRL_SET_SERVERNAME_CB, raw);
            (api().SSL_CTX_ctrl)(this.raw(), CTRL_SET_SERVERNAME_ARG, 0, this.as_ptr().cast());
        }
        Ok(())
    }

    fn num_tickets(_: Attached<'_>, this: &Self) -> usize {
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_get_num_tickets)(this.raw()) }
    }

    fn set_num_tickets(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let number = value_of(py, value, "num_tickets")?.as_i64(py)?;
        let Ok(number) = usize::try_from(number) else {
            return Err(raise!(py, ValueError, "value must be non-negative"));
        };
        if this.protocol.get() != PROTOCOL_TLS_SERVER {
            return Err(raise!(py, ValueError, "SSLContext is not a server context."));
        }
        // SAFETY: a live context.
        match unsafe { (api().SSL_CTX_set_num_tickets)(this.raw(), number) } {
            1 => Ok(()),
            _ => Err(raise!(py, ValueError, "failed to set num tickets.")),
        }
    }

    fn get_options(_: Attached<'_>, this: &Self) -> u64 {
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_get_options)(this.raw()) }
    }

    fn set_options(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let number = value_of(py, value, "options")?.index(py)?;
        if number.is_negative() {
            return Err(raise!(py, ValueError, "Cannot convert negative int"));
        }
        let Some(wanted) = number.to_u64() else {
            return Err(raise!(py, OverflowError, "int too big to convert"));
        };
        let now = Self::get_options(py, this);
        let (clear, set) = (now & !wanted, wanted & !now);
        if set & options::OP_NO_SSL_MASK != 0 {
            let message = "ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated";
            (hooks().warn)(py, exc::DeprecationWarning(), message, 2)?;
        }
        // SAFETY: a live context.
        unsafe {
            if clear != 0 {
                (api().SSL_CTX_clear_options)(this.raw(), clear);
            }
            if set != 0 {
                (api().SSL_CTX_set_options)(this.raw(), set);
            }
        }
        Ok(())
    }

    fn set_post_handshake(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, AttributeError, "cannot delete attribute")) };
        this.post_handshake.set(value.is_true(py)?);
        Ok(())
    }

    fn get_verify_flags(_: Attached<'_>, this: &Self) -> u64 {
        // SAFETY: live objects.
        unsafe { (api().X509_VERIFY_PARAM_get_flags)((api().SSL_CTX_get0_param)(this.raw())) }
    }

    fn set_verify_flags(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let value = value_of(py, value, "verify_flags")?;
        if value.downcast::<Int>().is_none() && !value.has_index() {
            return Err(raise!(py, TypeError, "argument must be int, not {}", value.ty().name()));
        }
        let wanted = value.as_u64_mask(py)?;
        let now = Self::get_verify_flags(py, this);
        let (clear, set) = (now & !wanted, wanted & !now);
        // SAFETY: live objects.
        unsafe {
            let param = (api().SSL_CTX_get0_param)(this.raw());
            if clear != 0 {
                check(py, (api().X509_VERIFY_PARAM_clear_flags)(param, clear))?;
            }
            if set != 0 {
                check(py, (api().X509_VERIFY_PARAM_set_flags)(param, set))?;
            }
        }
        Ok(())
    }

    fn get_verify_mode(py: Attached<'_>, this: &Self) -> PyResult<c_int> {
        const BOTH: c_int = VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT;
        // SAFETY: a live context.
        match unsafe { (api().SSL_CTX_get_verify_mode)(this.raw()) } & BOTH {
            0 => Ok(0),
            VERIFY_PEER => Ok(1),
            BOTH => Ok(2),
            _ => Err(raise_text(py, "invalid return value from SSL_CTX_get_verify_mode")),
        }
    }

    fn apply_verify_mode(&self, py: Attached<'_>, mode: c_int) -> PyResult<()> {
        let raw = match mode {
            0 => 0,
            1 => VERIFY_PEER,
            2 => VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT,
            _ => return Err(raise!(py, ValueError, "invalid value for verify_mode")),
        };
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_set_verify)(self.raw(), raw, None) };
        Ok(())
    }

    fn set_verify_mode(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let mode = int_arg(py, value_of(py, value, "verify_mode")?)?;
        if mode == 0 && this.check_hostname.get() {
            return Err(raise!(py, ValueError, "Cannot set verify_mode to CERT_NONE when check_hostname is enabled."));
        }
        this.apply_verify_mode(py, mode)
    }

    fn security_level(_: Attached<'_>, this: &Self) -> c_int {
        // SAFETY: a live context.
        unsafe { (api().SSL_CTX_get_security_level)(this.raw()) }
    }

    /// Refuses the wrong side of a connection.
    pub fn check_side(&self, py: Attached<'_>, server: bool) -> PyResult<()> {
        match (self.protocol.get(), server) {
            (PROTOCOL_TLS_CLIENT, true) => {
                Err(raise_text(py, "Cannot create a server socket with a PROTOCOL_TLS_CLIENT context"))
            }
            (PROTOCOL_TLS_SERVER, false) => {
                Err(raise_text(py, "Cannot create a client socket with a PROTOCOL_TLS_SERVER context"))
            }
            _ => Ok(()),
        }
    }
}

/// What `get_ciphers` says of a cipher.
///
/// # Safety
/// `cipher` is one of the library's constants.
unsafe fn cipher_dict(py: Attached<'_>, cipher: Ptr) -> PyResult<Ref<Dict>> {
    let mut buffer = [0 as c_char; 512];
    let mut algorithm_bits = 0;
    // SAFETY: by the contract; the buffer is as long as stated.
    unsafe {
        let long_name = |nid: c_int| match nid {
            0 => Ok(none()),
            nid => cert::optional_text(py, (api().OBJ_nid2ln)(nid)),
        };
        let described = text((api().SSL_CIPHER_description)(cipher, buffer.as_mut_ptr(), buffer.len() as c_int - 1));
        let described = described.lines().next().unwrap_or_default().to_owned();
        let bits = (api().SSL_CIPHER_get_bits)(cipher, &mut algorithm_bits);
        let dict = Dict::new(py)?;
        let entries: [(&str, Ref<Object>); 11] = [
            ("id", i64::from((api().SSL_CIPHER_get_id)(cipher)).into_object(py)?),
            ("name", text((api().SSL_CIPHER_get_name)(cipher)).into_object(py)?),
            ("protocol", text((api().SSL_CIPHER_get_version)(cipher)).into_object(py)?),
            ("description", described.into_object(py)?),
            ("strength_bits", bits.into_object(py)?),
            ("alg_bits", algorithm_bits.into_object(py)?),
            ("aead", ((api().SSL_CIPHER_is_aead)(cipher) != 0).into_object(py)?),
            ("symmetric", long_name((api().SSL_CIPHER_get_cipher_nid)(cipher))?),
            ("digest", long_name((api().SSL_CIPHER_get_digest_nid)(cipher))?),
            ("kea", long_name((api().SSL_CIPHER_get_kx_nid)(cipher))?),
            ("auth", long_name((api().SSL_CIPHER_get_auth_nid)(cipher))?),
        ];
        entries.iter().try_for_each(|(name, value)| dict.set_str(py, name, value))?;
        Ok(dict)
    }
}
