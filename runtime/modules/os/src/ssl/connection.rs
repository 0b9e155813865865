//! `_SSLSocket`: one connection, over a socket or over memory buffers.
//!
//! Concurrency: the library's connection has no locks of its own, so each call of it holds the connection's mutex, which
//! is taken while the thread is detached. Waiting for the peer happens without the mutex: one thread may wait for data
//! while another one writes.
use super::bio::{MemoryBio, Session, handle};
use super::cert::{self, Certificate};
use super::context::{SslContext, VERIFY_PEER, no_deletion};
use super::errors::{self, Code, Failure, WANT_READ, WANT_WRITE, ZERO_RETURN, raise_last, raise_text};
use super::openssl::{Ptr, api, items, text};
use crate::socket::Socket;
use crate::util::*;
use crate::vm;
use krait_object::args::{Args, Signature};
use krait_object::layout::Field;
use krait_object::native::{Fixed, Part, Trace, alloc};
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::{
    Attached, BaseException, Bytes, IntoObject, Layout, List, Object, PyResult, Ref, Slot, Str, Tuple, Visit, WeakRef,
    native, none, pytype, raise,
};
use std::ffi::{CString, c_int, c_long, c_uint};
use std::net::IpAddr;
use std::panic::Location;
use std::ptr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

type Opt<'a> = Option<&'a Object>;

const CTRL_SET_TLSEXT_HOSTNAME: c_int = 55;
const CTRL_CLEAR_MODE: c_int = 78;
const MODE_AUTO_RETRY: c_long = 4;
const VERIFY_POST_HANDSHAKE: c_int = 8;
const RECEIVED_SHUTDOWN: c_int = 2;

handle! {
    /// The library's connection.
    SslHandle, free_connection
}

const SENT_SHUTDOWN: c_int = 1;

/// Frees a connection. The library would forbid to resume the session of one that was not shut down.
///
/// # Safety
/// Nobody else uses it.
unsafe fn free_connection(ssl: Ptr) {
    // SAFETY: by the contract.
    unsafe {
        (api().SSL_set_shutdown)(ssl, SENT_SHUTDOWN | (api().SSL_get_shutdown)(ssl));
        (api().SSL_free)(ssl);
    }
}

/// The mutex of the library's connection.
#[derive(Default)]
pub struct Guard(Mutex<()>);
impl Trace for Guard {}

/// What a connection runs over.
pub enum Origin<'a> {
    Socket(&'a Socket),
    Buffers(&'a MemoryBio, &'a MemoryBio),
}

native! {
    /// `_ssl._SSLSocket`.
    pub struct Connection {
        ssl: SslHandle,
        guard: Fixed<Guard>,
        context: Slot<SslContext>,
        /// The socket, weakly; null over buffers.
        socket: Slot<WeakRef>,
        owner: Slot<WeakRef>,
        hostname: Slot<Str>,
        server: Field<bool>,
        /// Whether the peer's end was seen by `shutdown`.
        saw_end: Field<bool>,
        /// What a callback raised during a call of the library.
        put_off: Slot<BaseException>,
    }
}

pytype! {
    pub static CONNECTION_TYPE: "_ssl._SSLSocket" for Connection {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Connection::dealloc,
            tp_traverse = Connection::traverse,
            tp_clear = Connection::clear,
        },
        methods: {
            noargs "do_handshake" => Connection::do_handshake, "($self, /)", "";
            o "write" => Connection::write, "($self, b, /)", "Writes bytes; how many.";
            raw "read" => Connection::read, "", "read(size, [buffer])\nReads up to size bytes from the SSL socket.";
            noargs "pending" => Connection::pending, "($self, /)", "How many decrypted bytes wait to be read.";
            sig "getpeercert" => Connection::getpeercert, "($self, der=False, /)", "The certificate of the peer.";
            sig "get_channel_binding" => Connection::get_channel_binding, "($self, /, cb_type='tls-unique')", "Data that names this connection.";
            noargs "cipher" => Connection::cipher, "($self, /)", "";
            noargs "shared_ciphers" => Connection::shared_ciphers, "($self, /)", "";
            noargs "version" => Connection::version, "($self, /)", "";
            noargs "selected_alpn_protocol" => Connection::selected_alpn, "($self, /)", "";
            noargs "compression" => Connection::compression, "($self, /)", "";
            noargs "shutdown" => Connection::shutdown, "($self, /)", "Ends the encryption; the socket, if there is one.";
            noargs "verify_client_post_handshake" => Connection::post_handshake, "($self, /)", "Asks the client for a certificate.";
            noargs "get_unverified_chain" => Connection::unverified_chain, "($self, /)", "";
            noargs "get_verified_chain" => Connection::verified_chain, "($self, /)", "";
        },
        getset: {
            "context" => |_: Attached<'_>, this: &Connection| this.context.get(), Connection::set_context, "The connection's context.";
            "server_side" => |_: Attached<'_>, this: &Connection| this.server.get(), "Whether this is the server's end.";
            "server_hostname" => |_: Attached<'_>, this: &Connection| this.hostname.get(), "The name of the server.";
            "owner" => |_: Attached<'_>, this: &Connection| this.owner.get().and_then(|owner| owner.get()), Connection::set_owner, "The Python object around the connection.";
            "session" => Connection::get_session, Connection::set_session, "The session of the connection.";
            "session_reused" => Connection::session_reused, "Whether the session was reused.";
        },
    }
}

/// How an operation of the library ended.
enum Outcome {
    Done,
    /// The peer ended the connection in order.
    End,
}

/// What an operation waits for first on a socket without a timeout.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Handshake,
    Read,
    Write,
}

impl Kind {
    #[track_caller]
    fn timed_out(self) -> String {
        match self {
            Kind::Handshake => {
                format!("_ssl.c:{}: The handshake operation timed out", Location::caller().line())
            }
            Kind::Read => String::from("The read operation timed out"),
            Kind::Write => String::from("The write operation timed out"),
        }
    }
}

/// Waits for a descriptor; false when the time is up.
fn wait(py: Attached<'_>, fd: c_int, events: i16, end: Option<Instant>) -> PyResult<bool> {
    loop {
        let millis = end.map_or(-1, |end| {
            let left = end.saturating_duration_since(Instant::now());
            left.as_nanos().div_ceil(1_000_000).min(c_int::MAX as u128) as c_int
        });
        let mut entry = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: one entry.
        match once(py, || unsafe { libc::poll(&raw mut entry, 1, millis) }) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(libc::EINTR) => vm::check_signals(py)?,
            Err(number) => return Err(krait_object::exceptions::raise_os_error(py, number)),
        }
    }
}

impl Connection {
    pub fn new(
        py: Attached<'_>,
        context: &SslContext,
        origin: Origin<'_>,
        server: bool,
        hostname: Option<String>,
        owner: Opt<'_>,
        session: Option<&Session>,
    ) -> PyResult<Ref<Connection>> {
        context.check_side(py, server)?;
        if hostname.as_ref().is_some_and(|name| name.is_empty() || name.starts_with('.')) {
            let text = "server_hostname cannot be an empty string or start with a leading dot.";
            return Err(raise!(py, ValueError, "{text}"));
        }
        let this = alloc::<Connection>(py, Self::type_object())?;
        this.guard.init(Guard::default());
        errors::clear();
        // SAFETY: a live context; null is checked.
        let ssl = unsafe { (api().SSL_new)(context.raw()) };
        if ssl.is_null() {
            return Err(raise_last(py));
        }
        this.ssl.set(ssl);
        this.server.set(server);
        drop(this.context.replace(Some(context.to_ref())));
        // SAFETY: live objects; the connection dies with `this`, which owns a reference to the buffers it gets.
        unsafe {
            (api().SSL_set_ex_data)(ssl, 0, this.as_ptr().cast());
            match origin {
                Origin::Socket(socket) => {
                    (api().SSL_set_fd)(ssl, socket.fd());
                    drop(this.socket.replace(Some(WeakRef::new(py, socket.as_object(), None)?)));
                }
                Origin::Buffers(incoming, outgoing) => (api().SSL_set_bio)(ssl, incoming.share(), outgoing.share()),
            }
            if context.wants_post_handshake() {
                match server {
                    false => (api().SSL_set_post_handshake_auth)(ssl, 1),
                    true => {
                        let mode = (api().SSL_get_verify_mode)(ssl);
                        if mode & VERIFY_PEER != 0 {
                            (api().SSL_set_verify)(ssl, mode | VERIFY_POST_HANDSHAKE, None);
                        }
                    }
                }
            }
        }
        if let Some(hostname) = hostname {
            this.set_hostname(py, context, &hostname)?;
            drop(this.hostname.replace(Some(Str::new(py, &hostname)?)));
        }
        // SAFETY: a live connection.
        unsafe {
            match server {
                true => {
                    // Clients check it too, and what they resume by a shared key has none.
                    (api().SSL_set_session_id_context)(ssl, c"Python".as_ptr().cast(), 6);
                    (api().SSL_set_accept_state)(ssl);
                }
                false => (api().SSL_set_connect_state)(ssl),
            }
        }
        if let Some(owner) = owner {
            Self::set_owner(py, &this, Some(owner))?;
        }
        if let Some(session) = session {
            Self::set_session(py, &this, Some(session.as_object()))?;
        }
        Ok(this)
    }

    /// Tells the peer the name, unless it is an address, and makes the certificate be checked for it.
    fn set_hostname(&self, py: Attached<'_>, context: &SslContext, name: &str) -> PyResult<()> {
        let address = name.parse::<IpAddr>().ok();
        let text = CString::new(name).map_err(|_| raise!(py, ValueError, "embedded null byte"))?;
        // SAFETY: live objects; the library copies the texts.
        unsafe {
            if address.is_none() {
                let raw = text.as_ptr().cast_mut().cast();
                if (api().SSL_ctrl)(self.ssl.get(), CTRL_SET_TLSEXT_HOSTNAME, 0, raw) == 0 {
                    return Err(raise_last(py));
                }
            }
            if context.checks_hostname() {
                let param = (api().SSL_get0_param)(self.ssl.get());
                (api().X509_VERIFY_PARAM_set_hostflags)(param, context.host_flags());
                let set = match address {
                    None => (api().X509_VERIFY_PARAM_set1_host)(param, text.as_ptr(), name.len()),
                    Some(IpAddr::V4(v4)) => (api().X509_VERIFY_PARAM_set1_ip)(param, v4.octets().as_ptr(), 4),
                    Some(IpAddr::V6(v6)) => (api().X509_VERIFY_PARAM_set1_ip)(param, v6.octets().as_ptr(), 16),
                };
                if set == 0 {
                    return Err(raise_last(py));
                }
            }
        }
        Ok(())
    }

    fn clear(_: Attached<'_>, this: &Self) {
        this.put_off.release();
        this.owner.release();
        this.socket.release();
    }

    pub fn context(&self) -> Option<Ref<SslContext>> {
        self.context.get()
    }

    /// What callbacks are shown as the connection: the object around it, or else itself.
    ///
    /// `None` when that object is gone.
    pub fn face(&self, _: Attached<'_>) -> Option<Ref<Object>> {
        let alive = |slot: &Slot<WeakRef>| slot.get().and_then(|weak| weak.get());
        match self.owner.is_null() {
            false => alive(&self.owner),
            true => Some(alive(&self.socket).unwrap_or_else(|| self.as_object().to_ref())),
        }
    }

    /// Remembers what a callback raised until the library's call ends.
    pub fn put_off(&self, error: Ref<BaseException>) {
        if self.put_off.is_null() {
            drop(self.put_off.replace(Some(error)));
        }
    }

    fn host(&self) -> Option<String> {
        self.hostname.get().map(|name| name.to_string_lossy().into_owned())
    }

    /// Runs a call of the library detached, with the connection locked.
    fn locked<R>(&self, py: Attached<'_>, call: impl FnOnce(Ptr) -> R) -> R {
        let ssl = self.ssl.get();
        vm::without(py, || {
            let _lock = self.guard.get().map(|guard| guard.0.lock().unwrap_or_else(PoisonError::into_inner));
            call(ssl)
        })
    }

    /// One try of an operation; what went wrong if it failed.
    fn attempt(&self, py: Attached<'_>, mut call: impl FnMut(Ptr) -> c_int) -> Option<Failure> {
        self.locked(py, |ssl| {
            // SAFETY: a live, locked connection; the thread's own error queue.
            unsafe {
                (api().ERR_clear_error)();
                *libc::__errno_location() = 0;
                let result = call(ssl);
                if result > 0 {
                    return None;
                }
                let errno = errno();
                Some(Failure { kind: (api().SSL_get_error)(ssl, result), errno, code: Code::last(), result })
            }
        })
    }

    #[track_caller]
    fn raise(&self, py: Attached<'_>, failure: &Failure) -> krait_object::Raised {
        errors::raise_failure(py, self.ssl.get(), self.host().as_deref(), failure)
    }

    /// The socket and the end of its patience; `None` over buffers.
    fn socket(&self, py: Attached<'_>) -> PyResult<Option<Ref<Socket>>> {
        let Some(weak) = self.socket.get() else { return Ok(None) };
        match weak.get().map(|object| object.downcast::<Socket>()) {
            Some(Ok(socket)) if socket.fd() >= 0 => Ok(Some(socket)),
            Some(Ok(_)) => Err(raise_text(py, "Underlying socket has been closed.")),
            _ => Err(raise_text(py, "Underlying socket connection gone")),
        }
    }

    /// Repeats an operation until it is done, waiting for the socket as its timeout says.
    #[track_caller]
    fn drive(&self, py: Attached<'_>, kind: Kind, mut call: impl FnMut(Ptr) -> c_int) -> PyResult<Outcome> {
        let socket = self.socket(py)?;
        let timeout = socket.as_ref().map_or(0, |socket| socket.timeout_nanos());
        let end = (timeout > 0).then(|| Instant::now() + Duration::from_nanos(timeout as u64));
        let patient = timeout != 0;
        if timeout < 0 && kind == Kind::Read {
            // The library gives up its turn after records that hold no data.
            // SAFETY: a live, locked connection.
            self.locked(py, |ssl| unsafe { (api().SSL_ctrl)(ssl, CTRL_CLEAR_MODE, MODE_AUTO_RETRY, ptr::null_mut()) });
        }
        let mut first = true;
        loop {
            if let Some(socket) = &socket
                && std::mem::take(&mut first)
                && timeout < 0
                && kind == Kind::Read
                // SAFETY: a live, locked connection.
                && self.locked(py, |ssl| unsafe { (api().SSL_pending)(ssl) }) == 0
            {
                // The system call of a blocking socket must not wait with the connection locked.
                wait(py, socket.fd(), libc::POLLIN, None)?;
            }
            let failure = self.attempt(py, &mut call);
            if let Some(error) = self.put_off.take() {
                return Err(py.restore(error));
            }
            vm::check_signals(py)?;
            let Some(failure) = failure else { return Ok(Outcome::Done) };
            let events = match failure.kind {
                WANT_READ if patient => libc::POLLIN,
                WANT_WRITE if patient => libc::POLLOUT,
                ZERO_RETURN
                    if kind == Kind::Read
                        // SAFETY: a live connection.
                        && unsafe { (api().SSL_get_shutdown)(self.ssl.get()) } == RECEIVED_SHUTDOWN =>
                {
                    return Ok(Outcome::End);
                }
                _ => return Err(self.raise(py, &failure)),
            };
            let Some(socket) = self.socket(py)? else { return Err(self.raise(py, &failure)) };
            if !wait(py, socket.fd(), events, end)? {
                return Err(raise!(py, TimeoutError, "{}", kind.timed_out()));
            }
        }
    }

    fn do_handshake(py: Attached<'_>, this: &Self) -> PyResult<()> {
        // SAFETY: a live, locked connection.
        this.drive(py, Kind::Handshake, |ssl| unsafe { (api().SSL_do_handshake)(ssl) }).map(drop)
    }

    fn write(py: Attached<'_>, this: &Self, data: &Object) -> PyResult<usize> {
        let data = BytesArg::new(py, data)?;
        let bytes = data.as_slice();
        let mut written = 0;
        // SAFETY: a live, locked connection; the bytes are lent until the end.
        this.drive(py, Kind::Write, |ssl| unsafe {
            (api().SSL_write_ex)(ssl, bytes.as_ptr().cast(), bytes.len(), &mut written)
        })?;
        Ok(written)
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("_ssl._SSLSocket.read", "(len, buffer=None, /)");
        let [len, buffer]: [Opt<'_>; 2] = SIG.bind(py, args)?;
        let len = need(py, len)?.as_index(py)?;
        let Some(buffer) = buffer else {
            let Ok(len) = usize::try_from(len) else {
                return Err(raise!(py, ValueError, "size should not be negative"));
            };
            if len == 0 {
                return Ok(Bytes::empty().upcast());
            }
            // What is asked for is often much more than what comes.
            let mut bytes = Vec::new();
            if bytes.try_reserve_exact(len).is_err() {
                return Err(py.no_memory());
            }
            let read = this.read_into(py, bytes.as_mut_ptr(), len)?;
            // SAFETY: the library filled that many.
            unsafe { bytes.set_len(read) };
            return Ok(Bytes::new(py, &bytes)?.upcast());
        };
        let Ok(view) = Buffer::writable(py, buffer) else {
            drop(py.take_raised());
            let kind = krait_object::builtins::textargs::arg_type(buffer);
            return Err(raise!(py, TypeError, "read() argument 2 must be read-write bytes-like object, not {kind}"));
        };
        let room = view.view().len as usize;
        let len = usize::try_from(len).ok().filter(|len| (1..=room).contains(len)).unwrap_or(room);
        if len == 0 {
            return 0.into_object(py);
        }
        this.read_into(py, view.view().buf.cast(), len)?.into_object(py)
    }

    /// Reads into memory of the caller; how many bytes, 0 at the end.
    fn read_into(&self, py: Attached<'_>, to: *mut u8, len: usize) -> PyResult<usize> {
        let mut read = 0;
        // SAFETY: a live, locked connection; the caller has room for the bytes.
        let outcome =
            self.drive(py, Kind::Read, |ssl| unsafe { (api().SSL_read_ex)(ssl, to.cast(), len, &mut read) })?;
        match outcome {
            Outcome::Done => Ok(read),
            Outcome::End => Ok(0),
        }
    }

    fn pending(py: Attached<'_>, this: &Self) -> c_int {
        // SAFETY: a live, locked connection.
        this.locked(py, |ssl| unsafe { (api().SSL_pending)(ssl) })
    }

    fn finished_handshake(&self) -> bool {
        // SAFETY: a live connection.
        unsafe { (api().SSL_is_init_finished)(self.ssl.get()) != 0 }
    }

    fn getpeercert(py: Attached<'_>, this: &Self, [der]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
        let der = bool_or(py, der, false)?;
        if !this.finished_handshake() {
            return Err(raise!(py, ValueError, "handshake not done yet"));
        }
        // SAFETY: live objects; the certificate is ours.
        unsafe {
            let x509 = (api().SSL_get1_peer_certificate)(this.ssl.get());
            if x509.is_null() {
                return Ok(none());
            }
            let verified = (api().SSL_get_verify_mode)(this.ssl.get()) & VERIFY_PEER != 0;
            let result = match (der, verified) {
                (true, _) => cert::der(py, x509).map(Ref::upcast),
                (false, true) => cert::describe(py, x509).map(Ref::upcast),
                (false, false) => krait_object::Dict::new(py).map(Ref::upcast),
            };
            (api().X509_free)(x509);
            result
        }
    }

    fn verified_chain(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: the chain belongs to the connection.
        unsafe { Certificate::list(py, (api().SSL_get0_verified_chain)(this.ssl.get())) }
    }

    fn unverified_chain(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: as above; the certificate is ours.
        unsafe {
            let listed = Certificate::list(py, (api().SSL_get_peer_cert_chain)(this.ssl.get()))?;
            if !this.server.get() {
                return Ok(listed);
            }
            // A server's chain lacks the client's own certificate; that of a resumed session lacks all others.
            let x509 = (api().SSL_get1_peer_certificate)(this.ssl.get());
            if x509.is_null() {
                return Ok(listed);
            }
            let first = Certificate::new(py, x509);
            (api().X509_free)(x509);
            let list = listed.downcast::<List>().or_else(|_| List::new(py))?;
            list.insert(py, 0, first?.upcast())?;
            Ok(list.upcast())
        }
    }

    fn get_channel_binding(py: Attached<'_>, this: &Self, [kind]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
        if let Some(kind) = kind {
            let Some(name) = kind.downcast::<Str>() else {
                let found = kind.ty().name();
                return Err(raise!(py, TypeError, "get_channel_binding() argument 'cb_type' must be str, not {found}"));
            };
            if !name.eq_str("tls-unique") {
                return Err(raise!(py, ValueError, "'{name}' channel binding type not implemented"));
            }
        }
        let mut buffer = [0u8; 128];
        // SAFETY: a live connection; the buffer is as long as stated.
        let len = unsafe {
            let ssl = this.ssl.get();
            let resumed = (api().SSL_session_reused)(ssl) != 0;
            let question = match resumed == this.server.get() {
                false => api().SSL_get_finished,
                true => api().SSL_get_peer_finished,
            };
            // The first message of the handshake's end counts: the client's, or the server's when a session is resumed.
            question(ssl, buffer.as_mut_ptr().cast(), buffer.len())
        };
        match len {
            0 => Ok(none()),
            len => Ok(Bytes::new(py, &buffer[..len.min(buffer.len())])?.upcast()),
        }
    }

    /// Name, version and bits of a cipher.
    ///
    /// # Safety
    /// `cipher` is one of the library's constants.
    unsafe fn cipher_tuple(py: Attached<'_>, cipher: Ptr) -> PyResult<Ref<Object>> {
        // SAFETY: by the contract.
        unsafe {
            let values = vec![
                text((api().SSL_CIPHER_get_name)(cipher)).into_object(py)?,
                text((api().SSL_CIPHER_get_version)(cipher)).into_object(py)?,
                (api().SSL_CIPHER_get_bits)(cipher, ptr::null_mut()).into_object(py)?,
            ];
            Ok(Tuple::from_vec(py, values)?.upcast())
        }
    }

    fn cipher(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: a live connection; ciphers are constants.
        unsafe {
            match (api().SSL_get_current_cipher)(this.ssl.get()) {
                cipher if cipher.is_null() => Ok(none()),
                cipher => Self::cipher_tuple(py, cipher),
            }
        }
    }

    fn shared_ciphers(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: the lists belong to the connection; ciphers are constants.
        unsafe {
            let theirs = (api().SSL_get_client_ciphers)(this.ssl.get());
            let ours = (api().SSL_get_ciphers)(this.ssl.get());
            if theirs.is_null() || ours.is_null() {
                return Ok(none());
            }
            let ids: Vec<u32> = items(theirs).into_iter().map(|cipher| (api().SSL_CIPHER_get_id)(cipher)).collect();
            let shared = items(ours).into_iter().filter(|cipher| ids.contains(&(api().SSL_CIPHER_get_id)(*cipher)));
            let tuples = shared.map(|cipher| Self::cipher_tuple(py, cipher)).collect::<PyResult<Vec<_>>>()?;
            Ok(List::from_vec(py, tuples)?.upcast())
        }
    }

    fn version(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        if !this.finished_handshake() {
            return Ok(none());
        }
        // SAFETY: a live connection.
        match unsafe { text((api().SSL_get_version)(this.ssl.get())) } {
            unknown if unknown == "unknown" => Ok(none()),
            version => version.into_object(py),
        }
    }

    fn selected_alpn(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let (mut data, mut len): (_, c_uint) = (ptr::null(), 0);
        // SAFETY: a live connection, which the name belongs to.
        unsafe {
            (api().SSL_get0_alpn_selected)(this.ssl.get(), &mut data, &mut len);
            if data.is_null() {
                return Ok(none());
            }
            let name = std::slice::from_raw_parts(data, len as usize);
            String::from_utf8_lossy(name).into_owned().into_object(py)
        }
    }

    fn compression(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: a live connection; methods are constants.
        unsafe {
            let method = (api().SSL_get_current_compression)(this.ssl.get());
            let nid = if method.is_null() { 0 } else { (api().COMP_get_type)(method) };
            if nid == 0 { Ok(none()) } else { cert::optional_text(py, (api().OBJ_nid2sn)(nid)) }
        }
    }

    fn set_context(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let value = no_deletion(py, value, "_SSLSocket", "context")?;
        let Some(context) = value.downcast::<SslContext>() else {
            return Err(raise!(py, TypeError, "The value must be a SSLContext"));
        };
        // Called from a callback, inside the library: the connection is locked by this very thread.
        // SAFETY: live objects.
        unsafe {
            (api().SSL_set_SSL_CTX)(this.ssl.get(), context.raw());
        }
        drop(this.context.replace(Some(context.to_ref())));
        Ok(())
    }

    fn set_owner(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let owner = no_deletion(py, value, "_SSLSocket", "owner")?;
        drop(this.owner.replace(Some(WeakRef::new(py, owner, None)?)));
        Ok(())
    }

    fn get_session(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: a live, locked connection; the session is ours.
        let session = this.locked(py, |ssl| unsafe { (api().SSL_get1_session)(ssl) });
        if session.is_null() {
            return Ok(none());
        }
        let Some(context) = this.context.get() else { return Err(py.bad_internal_call()) };
        Ok(Session::new(py, session, &context)?.upcast())
    }

    fn set_session(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let value = no_deletion(py, value, "_SSLSocket", "session")?;
        let Some(session) = value.downcast::<Session>() else {
            return Err(raise!(py, TypeError, "Value is not a SSLSession."));
        };
        let same = match (session.context(), this.context.get()) {
            (Some(a), Some(b)) => ptr::eq(&*a, &*b),
            _ => false,
        };
        if !same {
            return Err(raise!(py, ValueError, "Session refers to a different SSLContext."));
        }
        if this.server.get() {
            return Err(raise!(py, ValueError, "Cannot set session for server-side SSLSocket."));
        }
        if this.finished_handshake() {
            return Err(raise!(py, ValueError, "Cannot set session after handshake."));
        }
        // SAFETY: live objects; the library counts for itself.
        match this.locked(py, |ssl| unsafe { (api().SSL_set_session)(ssl, session.raw()) }) {
            0 => Err(raise_last(py)),
            _ => Ok(()),
        }
    }

    fn session_reused(_: Attached<'_>, this: &Self) -> bool {
        // SAFETY: a live connection.
        unsafe { (api().SSL_session_reused)(this.ssl.get()) != 0 }
    }

    fn post_handshake(py: Attached<'_>, this: &Self) -> PyResult<()> {
        // SAFETY: a live, locked connection.
        match this.attempt(py, |ssl| unsafe { (api().SSL_verify_client_post_handshake)(ssl) }) {
            None => Ok(()),
            Some(_) => Err(raise_last(py)),
        }
    }

    fn shutdown(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let socket = this.socket(py)?;
        let timeout = socket.as_ref().map_or(0, |socket| socket.timeout_nanos());
        let end = (timeout > 0).then(|| Instant::now() + Duration::from_nanos(timeout as u64));
        let mut zeros = 0;
        loop {
            // Reading ahead would take what follows the encryption.
            if this.saw_end.get() {
                // SAFETY: a live, locked connection.
                this.locked(py, |ssl| unsafe { (api().SSL_set_read_ahead)(ssl, 0) });
            }
            // SAFETY: a live, locked connection.
            let failure = this.attempt(py, |ssl| unsafe { (api().SSL_shutdown)(ssl) });
            if let Some(error) = this.put_off.take() {
                return Err(py.restore(error));
            }
            let Some(failure) = failure else { break };
            if failure.result == 0 {
                // Our end is told; a second call waits for the peer's.
                zeros += 1;
                if zeros > 1 {
                    break;
                }
                this.saw_end.set(true);
                continue;
            }
            let (events, kind) = match failure.kind {
                WANT_READ if timeout != 0 => (libc::POLLIN, Kind::Read),
                WANT_WRITE if timeout != 0 => (libc::POLLOUT, Kind::Write),
                _ => return Err(this.raise(py, &failure)),
            };
            let Some(socket) = this.socket(py)? else { return Err(this.raise(py, &failure)) };
            if !wait(py, socket.fd(), events, end)? {
                return Err(raise!(py, TimeoutError, "{}", kind.timed_out()));
            }
            vm::check_signals(py)?;
        }
        Ok(socket.map_or_else(none, Ref::upcast))
    }
}
