//! `_socket`.
//!
//! A socket with a timeout is non-blocking for the system; a call that would block waits with `poll` for as long as is
//! left and tries again.
mod address;
mod functions;

use crate::util::*;
use crate::{linux_socket, objects, vm};
use address::{Address, address_arg, address_object};
use krait_object::args::{Args, Signature};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::PyObject;
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Dict, Field, Float, IntoObject, Layout, List, Module, Object, PyResult, Ref, Str, Tuple, Type,
    exc, mem, pytype, raise,
};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};
use std::time::{Duration, Instant};

type Opt<'a> = Option<&'a Object>;

/// Timeout of new sockets in nanoseconds; -1 for none.
static DEFAULT_TIMEOUT: AtomicI64 = AtomicI64::new(-1);

pub fn default_timeout(_: Attached<'_>) -> i64 {
    DEFAULT_TIMEOUT.load(Ordering::Relaxed)
}

pub fn set_default_timeout(_: Attached<'_>, timeout: i64) {
    DEFAULT_TIMEOUT.store(timeout, Ordering::Relaxed);
}

/// A timeout argument in nanoseconds; -1 for `None`.
pub fn timeout_value(py: Attached<'_>, timeout: &Object) -> PyResult<i64> {
    if timeout.is_none() {
        return Ok(-1);
    }
    let nanos = krait_vm::timing::seconds_arg(py, timeout)?;
    if nanos < 0 {
        return Err(raise!(py, ValueError, "Timeout value out of range"));
    }
    i64::try_from(nanos).map_err(|_| raise!(py, OverflowError, "timeout doesn't fit into C timeval"))
}

/// A timeout as Python sees it.
pub fn timeout_object(py: Attached<'_>, timeout: i64) -> PyResult<Ref<Object>> {
    if timeout < 0 { Ok(krait_object::none()) } else { Ok(Float::new(py, timeout as f64 / 1e9)?.upcast()) }
}

/// What C code finds by `_socket.CAPI`: the class of sockets, and those of errors and of timeouts.
static CAPI: OnceLock<[AtomicPtr<c_void>; 3]> = OnceLock::new();

/// `_socket.socket`.
#[repr(C)]
pub struct Socket {
    ob_base: PyObject,
    fd: Field<c_int>,
    family: Field<c_int>,
    kind: Field<c_int>,
    protocol: Field<c_int>,
    timeout: Field<i64>,
}

pytype! {
    pub static SOCKET_TYPE: "_socket.socket" for Socket {
        base: Object,
        flags: [BASETYPE],
        doc: "socket(family=AF_INET, type=SOCK_STREAM, proto=0)\n\nAn end of a connection.",
        slots: {
            tp_dealloc = Socket::dealloc, tp_finalize = Socket::finalize, tp_repr = Socket::repr, tp_new = Socket::new_object,
            tp_init = Socket::init,
        },
        methods: {
            noargs "_accept" => Socket::accept, "", "Waits for a connection: its descriptor and the peer's address.";
            o "bind" => Socket::bind, "", "Gives the socket an address.";
            noargs "close" => Socket::close, "($self, /)", "Closes the socket.";
            o "connect" => Socket::connect, "", "Connects to an address.";
            o "connect_ex" => Socket::connect_ex, "", "As connect(), but returns the error number.";
            noargs "detach" => Socket::detach, "", "Gives the descriptor away.";
            noargs "fileno" => Socket::fileno, "", "The descriptor.";
            noargs "getblocking" => Socket::getblocking, "", "Whether calls wait.";
            noargs "getpeername" => Socket::getpeername, "", "The other end's address.";
            noargs "getsockname" => Socket::getsockname, "", "The own address.";
            sig "getsockopt" => Socket::getsockopt, "(level, option, buffersize=0, /)", "An option's value.";
            noargs "gettimeout" => Socket::gettimeout, "", "The timeout.";
            sig "listen" => Socket::listen, "($self, backlog=128, /)", "Waits for connections from now on.";
            sig "recv" => Socket::recv, "(buffersize, flags=0, /)", "Receives bytes.";
            sig "recv_into" => Socket::recv_into, "($self, buffer, nbytes=0, flags=0)", "Receives bytes into a buffer.";
            sig "recvfrom" => Socket::recvfrom, "(buffersize, flags=0, /)", "Receives bytes and the sender's address.";
            sig "recvfrom_into" => Socket::recvfrom_into, "($self, buffer, nbytes=0, flags=0)", "Receives into a buffer; also the sender's address.";
            sig "recvmsg" => Socket::recvmsg, "(bufsize, ancbufsize=0, flags=0, /)", "Receives bytes and control messages.";
            sig "recvmsg_into" => Socket::recvmsg_into, "(buffers, ancbufsize=0, flags=0, /)", "Receives into buffers; also control messages.";
            sig "send" => Socket::send, "(data, flags=0, /)", "Sends bytes; returns how many.";
            sig "sendall" => Socket::sendall, "(data, flags=0, /)", "Sends all bytes.";
            raw "sendto" => Socket::sendto, "", "Sends bytes to an address.";
            sig "sendmsg" => Socket::sendmsg, "(buffers, ancdata=(), flags=0, address=None, /)", "Sends bytes and control messages.";
            o "setblocking" => Socket::setblocking, "", "Sets whether calls wait.";
            raw "setsockopt" => Socket::setsockopt, "", "Sets an option.";
            o "settimeout" => Socket::settimeout, "", "Sets the timeout.";
            o "shutdown" => Socket::shutdown, "", "Ends one or both directions.";
        },
        getset: { "timeout" => Socket::gettimeout, "the socket timeout"; },
        members: [
            member("family\0", Py_T_INT, offset_of!(Socket, family), Py_READONLY, c"the socket family"),
            member("type\0", Py_T_INT, offset_of!(Socket, kind), Py_READONLY, c"the socket type"),
            member("proto\0", Py_T_INT, offset_of!(Socket, protocol), Py_READONLY, c"the socket protocol"),
        ],
    }
}

/// Which readiness a call waits for.
#[derive(Clone, Copy)]
enum Ready {
    Read,
    Write,
}

impl Socket {
    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `Socket`.
        let this: &Socket = unsafe { (*object).cast_unchecked() };
        this.fd.set(-1);
        this.timeout.set(-1);
        Ok(object)
    }

    /// The descriptor; negative when closed.
    pub fn fd(&self) -> c_int {
        self.fd.get()
    }

    /// The timeout in nanoseconds: negative for none, 0 for calls that never wait.
    pub fn timeout_nanos(&self) -> i64 {
        self.timeout.get()
    }

    /// A socket object of an open descriptor.
    pub fn make(
        py: Attached<'_>,
        ty: &Type,
        fd: c_int,
        family: c_int,
        kind: c_int,
        protocol: c_int,
    ) -> PyResult<Ref<Object>> {
        let object = Self::new_object(py, ty, Args::EMPTY)?;
        // SAFETY: [layout]: just made.
        unsafe { (*object).cast_unchecked::<Socket>() }.set_up(py, fd, family, kind, protocol)?;
        Ok(object)
    }

    fn set_up(&self, py: Attached<'_>, fd: c_int, family: c_int, kind: c_int, protocol: c_int) -> PyResult<()> {
        self.fd.set(fd);
        self.family.set(family);
        self.kind.set(kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
        self.protocol.set(protocol);
        if kind & libc::SOCK_NONBLOCK != 0 {
            self.timeout.set(0);
        } else {
            let timeout = default_timeout(py);
            self.timeout.set(timeout);
            if timeout >= 0 {
                self.set_nonblocking(py, true)?;
            }
        }
        Ok(())
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("socket", "(family=-1, type=-1, proto=-1, fileno=None)");
        let [family, kind, protocol, fileno]: [Opt<'_>; 4] = SIG.bind(py, args)?;
        let (mut family, mut kind) = (int_or(py, family, -1)?, int_or(py, kind, -1)?);
        let mut protocol = int_or(py, protocol, -1)?;
        if let Some(fileno) = given(fileno) {
            let fd = fileno.as_i32(py)?;
            if fd < 0 {
                return Err(raise!(py, ValueError, "negative file descriptor"));
            }
            let mut address = Address::empty();
            // SAFETY: the storage is as long as stated.
            let named = unsafe { libc::getsockname(fd, address.mut_ptr(), &raw mut address.len) } == 0;
            if !named && (family == -1 || errno() == libc::EBADF || errno() == libc::ENOTSOCK) {
                return Err(raise_os_error(py, errno()));
            }
            if family == -1 {
                family = address.storage.ss_family.into();
            }
            let ask = |option: c_int| -> Option<c_int> {
                let (mut value, mut len) = (0, size_of::<c_int>() as libc::socklen_t);
                // SAFETY: a local variable.
                let result =
                    unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, (&raw mut value).cast(), &raw mut len) };
                (result == 0).then_some(value)
            };
            if kind == -1 {
                kind = ask(libc::SO_TYPE).ok_or_else(|| raise_os_error(py, errno()))?;
            }
            if protocol == -1 {
                protocol = ask(libc::SO_PROTOCOL).unwrap_or(0);
            }
            return this.set_up(py, fd, family, kind, protocol);
        }
        family = if family == -1 { libc::AF_INET } else { family };
        kind = if kind == -1 { libc::SOCK_STREAM } else { kind };
        protocol = protocol.max(0);
        // SAFETY: no memory is involved.
        let fd = quick(py, || unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })?;
        this.set_up(py, fd, family, kind, protocol).inspect_err(|_| {
            // SAFETY: just opened.
            unsafe { libc::close(fd) };
        })
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |_| {}) };
    }

    fn finalize(py: Attached<'_>, this: &Self) {
        let fd = this.fd.get();
        if fd < 0 {
            return;
        }
        let pending = py.take_raised();
        krait_vm::warnings::warn_unclosed(py, "", this.as_object());
        this.fd.set(-1);
        // SAFETY: the descriptor is ours.
        vm::without(py, || unsafe { libc::close(fd) });
        if let Some(pending) = pending {
            let _ = py.restore(pending);
        }
    }

    fn repr(_: Attached<'_>, this: &Self) -> String {
        format!(
            "<socket object, fd={}, family={}, type={}, proto={}>",
            this.fd.get(),
            this.family.get(),
            this.kind.get(),
            this.protocol.get()
        )
    }

    /// Waits until the socket is ready; false when the time is up.
    fn wait(&self, py: Attached<'_>, ready: Ready, end: Option<Instant>) -> PyResult<bool> {
        let events = match ready {
            Ready::Read => libc::POLLIN,
            Ready::Write => libc::POLLOUT,
        };
        loop {
            let millis = match end {
                None => -1,
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    left.as_nanos().div_ceil(1_000_000).min(c_int::MAX as u128) as c_int
                }
            };
            let mut entry = libc::pollfd { fd: self.fd.get(), events, revents: 0 };
            // SAFETY: one entry.
            match once(py, || unsafe { libc::poll(&raw mut entry, 1, millis) }) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(libc::EINTR) => vm::check_signals(py)?,
                Err(errno) => return Err(raise_os_error(py, errno)),
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let timeout = self.timeout.get();
        (timeout > 0).then(|| Instant::now() + Duration::from_nanos(timeout as u64))
    }

    /// Makes a call, waiting as the timeout says while it would block.
    fn call<T: Status>(&self, py: Attached<'_>, ready: Ready, call: impl FnMut() -> T) -> PyResult<T> {
        let end = self.deadline();
        self.call_until(py, ready, end, call)
    }

    fn call_until<T: Status>(
        &self,
        py: Attached<'_>,
        ready: Ready,
        end: Option<Instant>,
        mut call: impl FnMut() -> T,
    ) -> PyResult<T> {
        let timed = self.timeout.get() > 0;
        loop {
            match once(py, &mut call) {
                Ok(result) => return Ok(result),
                Err(libc::EINTR) => vm::check_signals(py)?,
                Err(libc::EAGAIN) if timed => {
                    if !self.wait(py, ready, end)? {
                        return Err(raise!(py, TimeoutError, "timed out"));
                    }
                }
                Err(errno) => return Err(raise_os_error(py, errno)),
            }
        }
    }

    fn accept(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let (fd, mut address) = (this.fd.get(), Address::empty());
        // SAFETY: the storage is as long as stated.
        let accepted = this.call(py, Ready::Read, || unsafe {
            address.len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            libc::accept4(fd, address.mut_ptr(), &raw mut address.len, libc::SOCK_CLOEXEC)
        })?;
        tuple(py, objects!(py; accepted, address_object(py, &address)?))
    }

    fn bind(py: Attached<'_>, this: &Self, address: &Object) -> PyResult<()> {
        vm::audit(py, "socket.bind", &[this.as_object(), address])?;
        let address = address_arg(py, "bind", this.family.get(), address)?;
        let fd = this.fd.get();
        // SAFETY: an address of the stated length.
        once(py, || unsafe { libc::bind(fd, address.ptr(), address.len) })
            .map(drop)
            .map_err(|errno| raise_os_error(py, errno))
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let fd = this.fd.swap(-1, Ordering::AcqRel);
        if fd < 0 {
            return Ok(());
        }
        // SAFETY: the descriptor is ours.
        match once(py, || unsafe { libc::close(fd) }) {
            Err(errno) if errno != libc::ECONNRESET && errno != libc::EINTR => Err(raise_os_error(py, errno)),
            _ => Ok(()),
        }
    }

    /// Connects; the error number of a failure.
    fn try_connect(&self, py: Attached<'_>, address: &Address) -> PyResult<Result<(), c_int>> {
        let fd = self.fd.get();
        // SAFETY: an address of the stated length.
        let error = match once(py, || unsafe { libc::connect(fd, address.ptr(), address.len) }) {
            Ok(_) => return Ok(Ok(())),
            Err(error) => error,
        };
        let wait = match error {
            libc::EINTR => {
                vm::check_signals(py)?;
                self.timeout.get() != 0
            }
            libc::EINPROGRESS => self.timeout.get() > 0,
            _ => false,
        };
        if !wait {
            return Ok(Err(error));
        }
        if !self.wait(py, Ready::Write, self.deadline())? {
            return Ok(Err(libc::ETIMEDOUT + 100_000));
        }
        let (mut value, mut len) = (0, size_of::<c_int>() as libc::socklen_t);
        // SAFETY: a local variable.
        quick(py, || unsafe {
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut value).cast(), &raw mut len)
        })?;
        Ok(if value == 0 || value == libc::EISCONN { Ok(()) } else { Err(value) })
    }

    fn connect(py: Attached<'_>, this: &Self, address: &Object) -> PyResult<()> {
        vm::audit(py, "socket.connect", &[this.as_object(), address])?;
        let address = address_arg(py, "connect", this.family.get(), address)?;
        match this.try_connect(py, &address)? {
            Ok(()) => Ok(()),
            Err(error) if error > 100_000 => Err(raise!(py, TimeoutError, "timed out")),
            Err(error) => Err(raise_os_error(py, error)),
        }
    }

    fn connect_ex(py: Attached<'_>, this: &Self, address: &Object) -> PyResult<c_int> {
        vm::audit(py, "socket.connect", &[this.as_object(), address])?;
        let address = address_arg(py, "connect_ex", this.family.get(), address)?;
        Ok(match this.try_connect(py, &address)? {
            Ok(()) => 0,
            Err(error) if error > 100_000 => libc::EAGAIN,
            Err(error) => error,
        })
    }

    fn detach(_: Attached<'_>, this: &Self) -> c_int {
        this.fd.swap(-1, Ordering::AcqRel)
    }

    fn fileno(_: Attached<'_>, this: &Self) -> c_int {
        this.fd.get()
    }

    fn getblocking(_: Attached<'_>, this: &Self) -> bool {
        this.timeout.get() != 0
    }

    fn name(
        &self,
        py: Attached<'_>,
        call: unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int,
    ) -> PyResult<Ref<Object>> {
        let (fd, mut address) = (self.fd.get(), Address::empty());
        // SAFETY: the storage is as long as stated.
        quick(py, || unsafe { call(fd, address.mut_ptr(), &raw mut address.len) })?;
        address_object(py, &address)
    }

    fn getpeername(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.name(py, libc::getpeername)
    }

    fn getsockname(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.name(py, libc::getsockname)
    }

    fn getsockopt(py: Attached<'_>, this: &Self, [level, option, size]: [Opt<'_>; 3]) -> PyResult<Ref<Object>> {
        let (level, option) = (int_arg(py, need(py, level)?)?, int_arg(py, need(py, option)?)?);
        let (size, fd) = (int_or(py, size, 0)?, this.fd.get());
        if size == 0 {
            let (mut value, mut len) = (0, size_of::<c_int>() as libc::socklen_t);
            // SAFETY: a local variable.
            quick(py, || unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &raw mut len) })?;
            return value.into_object(py);
        }
        if !(1..=1024).contains(&size) {
            return Err(raise!(py, OSError, "getsockopt buflen out of range"));
        }
        let (mut buffer, mut len) = (vec![0u8; size as usize], size as libc::socklen_t);
        // SAFETY: the buffer is as long as stated.
        quick(py, || unsafe { libc::getsockopt(fd, level, option, buffer.as_mut_ptr().cast(), &raw mut len) })?;
        Ok(Bytes::new(py, &buffer[..len as usize])?.upcast())
    }

    fn setsockopt(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "setsockopt")?;
        let count = args.pos.len();
        if !(3..=4).contains(&count) {
            return Err(raise!(py, TypeError, "socket.setsockopt() takes 3 or 4 arguments ({count} given)"));
        }
        let (level, option) = (int_arg(py, args.pos[0])?, int_arg(py, args.pos[1])?);
        let (value, fd) = (args.pos[2], this.fd.get());
        if let Some(len) = args.pos.get(3) {
            if !value.is_none() {
                return Err(raise!(
                    py,
                    TypeError,
                    "socket.setsockopt() argument 3 must be None if 4 arguments are given"
                ));
            }
            let len = len.as_u64_mask(py)? as libc::socklen_t;
            // SAFETY: no value is passed.
            return quick(py, || unsafe { libc::setsockopt(fd, level, option, std::ptr::null(), len) }).map(drop);
        }
        if value.has_index() {
            let value = int_arg(py, value)?;
            let len = size_of::<c_int>() as libc::socklen_t;
            // SAFETY: a local variable.
            return quick(py, || unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), len) })
                .map(drop);
        }
        let value = BytesArg::new(py, value)?;
        let bytes = value.as_slice();
        // SAFETY: lent until the call ends.
        quick(py, || unsafe {
            libc::setsockopt(fd, level, option, bytes.as_ptr().cast(), bytes.len() as libc::socklen_t)
        })
        .map(drop)
    }

    fn gettimeout(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        timeout_object(py, this.timeout.get())
    }

    fn set_nonblocking(&self, py: Attached<'_>, nonblocking: bool) -> PyResult<()> {
        let (fd, mut flag) = (self.fd.get(), c_int::from(nonblocking));
        // SAFETY: a local variable.
        quick(py, || unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut flag) }).map(drop)
    }

    fn settimeout(py: Attached<'_>, this: &Self, timeout: &Object) -> PyResult<()> {
        let timeout = timeout_value(py, timeout)?;
        this.timeout.set(timeout);
        this.set_nonblocking(py, timeout >= 0)
    }

    fn setblocking(py: Attached<'_>, this: &Self, blocking: &Object) -> PyResult<()> {
        let blocking = blocking.is_true(py)?;
        this.timeout.set(if blocking { -1 } else { 0 });
        this.set_nonblocking(py, !blocking)
    }

    fn listen(py: Attached<'_>, this: &Self, [backlog]: [Opt<'_>; 1]) -> PyResult<()> {
        let (backlog, fd) = (int_or(py, backlog, 128)?.max(0), this.fd.get());
        // SAFETY: no memory is involved.
        quick(py, || unsafe { libc::listen(fd, backlog) }).map(drop)
    }

    fn size_arg(py: Attached<'_>, function: &str, size: Opt<'_>) -> PyResult<usize> {
        let size = need(py, size)?.as_isize(py)?;
        usize::try_from(size).map_err(|_| raise!(py, ValueError, "negative buffersize in {function}"))
    }

    fn recv(py: Attached<'_>, this: &Self, [size, flags]: [Opt<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let size = Self::size_arg(py, "recv", size)?;
        let (flags, fd) = (int_or(py, flags, 0)?, this.fd.get());
        let bytes = Bytes::alloc(py, size)?;
        let data = bytes.data_ptr();
        // SAFETY: fresh memory of `size` bytes.
        let got = this.call(py, Ready::Read, || unsafe { libc::recv(fd, data.cast(), size, flags) })? as usize;
        if got == size { Ok(bytes) } else { Bytes::new(py, &bytes.as_slice()[..got]) }
    }

    /// The place of an `_into` call: the memory and how much of it to fill.
    fn into_place(py: Attached<'_>, function: &str, buffer: Opt<'_>, size: Opt<'_>) -> PyResult<(Buffer, usize)> {
        let view = crate::io::writable_arg(py, format_args!("{function}() argument"), need(py, buffer)?)?;
        let size = size.map_or(Ok(0), |size| size.as_isize(py))?;
        let room = view.as_slice().len();
        let Ok(size) = usize::try_from(size) else {
            return Err(raise!(py, ValueError, "negative buffersize in {function}"));
        };
        if size > room {
            return Err(match function {
                "recv_into" => raise!(py, ValueError, "buffer too small for requested bytes"),
                _ => raise!(py, ValueError, "nbytes is greater than the length of the buffer"),
            });
        }
        Ok((view, if size == 0 { room } else { size }))
    }

    fn recv_into(py: Attached<'_>, this: &Self, [buffer, size, flags]: [Opt<'_>; 3]) -> PyResult<isize> {
        let (view, size) = Self::into_place(py, "recv_into", buffer, size)?;
        let (flags, fd, data) = (int_or(py, flags, 0)?, this.fd.get(), view.view().buf);
        if size == 0 {
            return Ok(0);
        }
        // SAFETY: a writable buffer, lent until the call ends.
        this.call(py, Ready::Read, || unsafe { libc::recv(fd, data, size, flags) })
    }

    fn receive_from(
        &self,
        py: Attached<'_>,
        data: *mut u8,
        size: usize,
        flags: c_int,
    ) -> PyResult<(usize, Ref<Object>)> {
        let (fd, mut address) = (self.fd.get(), Address::empty());
        // SAFETY: the callers own `size` bytes there.
        let got = self.call(py, Ready::Read, || unsafe {
            address.len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            libc::recvfrom(fd, data.cast(), size, flags, address.mut_ptr(), &raw mut address.len)
        })?;
        Ok((got as usize, address_object(py, &address)?))
    }

    fn recvfrom(py: Attached<'_>, this: &Self, [size, flags]: [Opt<'_>; 2]) -> PyResult<Ref<Tuple>> {
        let size = Self::size_arg(py, "recvfrom", size)?;
        let flags = int_or(py, flags, 0)?;
        let bytes = Bytes::alloc(py, size)?;
        let (got, address) = this.receive_from(py, bytes.data_ptr(), size, flags)?;
        let bytes = if got == size { bytes } else { Bytes::new(py, &bytes.as_slice()[..got])? };
        tuple(py, vec![bytes.upcast(), address])
    }

    fn recvfrom_into(py: Attached<'_>, this: &Self, [buffer, size, flags]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
        let (view, size) = Self::into_place(py, "recvfrom_into", buffer, size)?;
        let flags = int_or(py, flags, 0)?;
        let (got, address) = this.receive_from(py, view.view().buf.cast(), size, flags)?;
        tuple(py, objects!(py; got, address))
    }

    fn send(py: Attached<'_>, this: &Self, [data, flags]: [Opt<'_>; 2]) -> PyResult<isize> {
        let data = BytesArg::new(py, need(py, data)?)?;
        let (bytes, flags, fd) = (data.as_slice(), int_or(py, flags, 0)?, this.fd.get());
        // SAFETY: lent until the call ends.
        this.call(py, Ready::Write, || unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
    }

    fn sendall(py: Attached<'_>, this: &Self, [data, flags]: [Opt<'_>; 2]) -> PyResult<()> {
        let data = BytesArg::new(py, need(py, data)?)?;
        let (mut bytes, flags, fd) = (data.as_slice(), int_or(py, flags, 0)?, this.fd.get());
        let end = this.deadline();
        while !bytes.is_empty() {
            // SAFETY: lent until the call ends.
            let sent = this.call_until(py, Ready::Write, end, || unsafe {
                libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags)
            })?;
            bytes = &bytes[sent as usize..];
            vm::check_signals(py)?;
        }
        Ok(())
    }

    fn sendto(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<isize> {
        args.no_keywords(py, "sendto")?;
        let (flags, address) = match args.pos {
            [_, address] => (0, *address),
            [_, flags, address] => (int_arg(py, flags)?, *address),
            other => {
                return Err(raise!(py, TypeError, "sendto() takes 2 or 3 arguments ({} given)", other.len()));
            }
        };
        let data = BytesArg::new(py, args.pos[0])?;
        vm::audit(py, "socket.sendto", &[this.as_object(), address])?;
        let address = address_arg(py, "sendto", this.family.get(), address)?;
        let (bytes, fd) = (data.as_slice(), this.fd.get());
        // SAFETY: lent until the call ends; an address of the stated length.
        this.call(py, Ready::Write, || unsafe {
            libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), flags, address.ptr(), address.len)
        })
    }

    fn sendmsg(py: Attached<'_>, this: &Self, [buffers, control, flags, address]: [Opt<'_>; 4]) -> PyResult<isize> {
        let (mut views, mut vectors) = (Vec::new(), Vec::new());
        for item in need(py, buffers)?.collect(py)? {
            let view = Buffer::contiguous(py, &item)?;
            vectors.push(libc::iovec { iov_base: view.view().buf, iov_len: view.as_slice().len() });
            views.push((view, item));
        }
        let mut messages: Vec<u8> = Vec::new();
        if let Some(control) = control {
            for item in control.collect(py)? {
                let parts = item.sequence_tuple(py)?;
                let [level, kind, data] = parts.as_slice() else {
                    return Err(raise!(py, TypeError, "[sendmsg() ancillary data items must be tuples of 3]"));
                };
                let data = BytesArg::new(py, data)?;
                let bytes = data.as_slice();
                let head = libc::cmsghdr {
                    // SAFETY: arithmetic only.
                    cmsg_len: unsafe { libc::CMSG_LEN(bytes.len() as u32) } as _,
                    cmsg_level: int_arg(py, level)?,
                    cmsg_type: int_arg(py, kind)?,
                };
                let start = messages.len();
                // SAFETY: arithmetic only.
                let (space, offset) =
                    unsafe { (libc::CMSG_SPACE(bytes.len() as u32) as usize, libc::CMSG_LEN(0) as usize) };
                messages.resize(start + space, 0);
                // SAFETY: room for the header at the start of the message.
                unsafe { messages.as_mut_ptr().add(start).cast::<libc::cmsghdr>().write_unaligned(head) };
                messages[start + offset..start + offset + bytes.len()].copy_from_slice(bytes);
            }
        }
        let flags = int_or(py, flags, 0)?;
        let mut address =
            given(address).map(|address| address_arg(py, "sendmsg", this.family.get(), address)).transpose()?;
        // SAFETY: plain data; zero is valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len() as _;
        if !messages.is_empty() {
            message.msg_control = messages.as_mut_ptr().cast();
            message.msg_controllen = messages.len() as _;
        }
        if let Some(address) = &mut address {
            message.msg_name = address.mut_ptr().cast();
            message.msg_namelen = address.len;
        }
        let fd = this.fd.get();
        // SAFETY: everything the message points to is kept until the call ends.
        this.call(py, Ready::Write, || unsafe { libc::sendmsg(fd, &raw const message, flags) })
    }

    /// Receives into vectors: how much, the control messages, the flags and the address.
    fn receive_message(
        &self,
        py: Attached<'_>,
        vectors: &mut [libc::iovec],
        room: usize,
        flags: c_int,
    ) -> PyResult<(usize, [Ref<Object>; 3])> {
        let mut control = krait_object::reserve::zeros::<u64>(py, room.div_ceil(8))?;
        let mut address = Address::empty();
        // SAFETY: plain data; zero is valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len() as _;
        let fd = self.fd.get();
        // SAFETY: everything the message points to is kept until the call ends.
        let got = self.call(py, Ready::Read, || unsafe {
            message.msg_name = address.mut_ptr().cast();
            message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            message.msg_control = if room == 0 { std::ptr::null_mut() } else { control.as_mut_ptr().cast() };
            message.msg_controllen = room as _;
            libc::recvmsg(fd, &raw mut message, flags | libc::MSG_CMSG_CLOEXEC)
        })?;
        address.len = message.msg_namelen;
        let list = List::new(py)?;
        // SAFETY: walks the messages that the call left in the buffer.
        unsafe {
            let mut at = libc::CMSG_FIRSTHDR(&raw const message);
            while let Some(head) = at.as_ref() {
                let data = libc::CMSG_DATA(at);
                let start = control.as_ptr().cast::<u8>();
                let left = (start as usize + message.msg_controllen as usize).saturating_sub(data as usize);
                let len = head.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize).min(left);
                let bytes = Bytes::new(py, std::slice::from_raw_parts(data, len))?;
                let item = tuple(py, objects!(py; head.cmsg_level, head.cmsg_type, bytes))?;
                list.push(py, item.upcast())?;
                at = libc::CMSG_NXTHDR(&raw const message, at);
            }
        }
        let flags = (message.msg_flags & !libc::MSG_CMSG_CLOEXEC).into_object(py)?;
        Ok((got as usize, [list.upcast(), flags, address_object(py, &address)?]))
    }

    fn control_room(py: Attached<'_>, function: &str, size: Opt<'_>) -> PyResult<usize> {
        let size = size.map_or(Ok(0), |size| size.as_isize(py))?;
        match usize::try_from(size) {
            Ok(size) if size < 1 << 20 => Ok(size),
            _ => Err(raise!(py, ValueError, "invalid ancillary data buffer length in {function}")),
        }
    }

    fn recvmsg(py: Attached<'_>, this: &Self, [size, room, flags]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
        let size = Self::size_arg(py, "recvmsg()", size)?;
        let (room, flags) = (Self::control_room(py, "recvmsg()", room)?, int_or(py, flags, 0)?);
        let bytes = Bytes::alloc(py, size)?;
        let mut vectors = [libc::iovec { iov_base: bytes.data_ptr().cast(), iov_len: size }];
        let (got, [control, flags, address]) = this.receive_message(py, &mut vectors, room, flags)?;
        let bytes = if got == size { bytes } else { Bytes::new(py, &bytes.as_slice()[..got])? };
        tuple(py, vec![bytes.upcast(), control, flags, address])
    }

    fn recvmsg_into(py: Attached<'_>, this: &Self, [buffers, room, flags]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
        let (mut views, mut vectors) = (Vec::new(), Vec::new());
        for item in need(py, buffers)?.collect(py)? {
            let view = crate::io::writable_arg(py, "recvmsg_into() argument", &item)?;
            vectors.push(libc::iovec { iov_base: view.view().buf, iov_len: view.as_slice().len() });
            views.push((view, item));
        }
        let (room, flags) = (Self::control_room(py, "recvmsg_into()", room)?, int_or(py, flags, 0)?);
        let (got, [control, flags, address]) = this.receive_message(py, &mut vectors, room, flags)?;
        tuple(py, vec![got.into_object(py)?, control, flags, address])
    }

    fn shutdown(py: Attached<'_>, this: &Self, how: &Object) -> PyResult<()> {
        let (how, fd) = (int_arg(py, how)?, this.fd.get());
        // SAFETY: no memory is involved.
        once(py, || unsafe { libc::shutdown(fd, how) }).map(drop).map_err(|errno| raise_os_error(py, errno))
    }
}

/// A class of errors of the module.
fn error_class(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let dict = Dict::new(py)?;
    dict.set_str(py, "__module__", Str::new(py, "socket")?.as_object())?;
    let bases = Tuple::from_slice(py, &[exc::OSError().as_object()])?;
    Type::type_object()
        .as_object()
        .call_pos(py, &[Str::new(py, name)?.as_object(), bases.as_object(), dict.as_object()])
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions::table())?;
    add_ints(py, module, linux_socket::SOCKET)?;
    add_type::<Socket>(py, module, "socket")?;
    module.add(py, "SocketType", Socket::type_object().as_object())?;
    module.add(py, "error", exc::OSError().as_object())?;
    module.add(py, "timeout", exc::TimeoutError().as_object())?;
    module.add(py, "gaierror", &*error_class(py, "gaierror")?)?;
    module.add(py, "herror", &*error_class(py, "herror")?)?;
    let table = CAPI.get_or_init(|| {
        let (error, timeout) = (exc::OSError().as_object(), exc::TimeoutError().as_object());
        [Socket::type_object().as_object(), error, timeout].map(|object| AtomicPtr::new(object.as_ptr().cast()))
    });
    add_table(py, module, "CAPI", c"_socket.CAPI", table)?;
    module.add(py, "has_ipv6", krait_object::Bool::of(true).as_object())?;
    module.add(py, "BDADDR_ANY", Str::new(py, "00:00:00:00:00:00")?.as_object())?;
    module.add(py, "BDADDR_LOCAL", Str::new(py, "00:00:00:FF:FF:FF")?.as_object())
}
