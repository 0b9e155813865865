//! `MemoryBIO` and `SSLSession`.
use super::context::SslContext;
use super::errors::{raise_last, raise_plain};
use super::openssl::{Ptr, api};
use krait_object::args::Args;
use krait_object::layout::Field;
use krait_object::native::{Part, alloc};
use krait_object::protocols::buffer::BytesArg;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Object, PyResult, Ref, Slot, Type, Visit, native, not_implemented, pytype,
    raise,
};
use std::ffi::{c_int, c_uint};
use std::ptr;

type Opt<'a> = Option<&'a Object>;

const BIO_C_SET_BUF_MEM_EOF_RETURN: c_int = 130;
const BIO_FLAGS_READ: c_int = 1;
const BIO_FLAGS_SHOULD_RETRY: c_int = 8;

/// A handle of the library that goes with its object.
macro_rules! handle {
    ($(#[$meta:meta])* $Name:ident, $free:expr) => {
        $(#[$meta])*
        pub struct $Name(Field<Ptr>);
        impl $Name {
            pub fn get(&self) -> Ptr {
                self.0.get()
            }
            pub fn set(&self, raw: Ptr) {
                self.0.set(raw);
            }
        }
        impl Part for $Name {
            fn visit(&self, _: Visit<'_>) -> Result<(), c_int> {
                Ok(())
            }
            fn release(&self) {
                let raw = self.0.get();
                self.0.set(ptr::null_mut());
                if !raw.is_null() {
                    // SAFETY: the handle owns a reference; its object dies.
                    unsafe { ($free)(raw) };
                }
            }
        }
    };
}
pub(super) use handle;

handle! {
    /// An owned buffer.
    BioHandle, api().BIO_free
}
handle! {
    /// An owned session.
    SessionHandle, api().SSL_SESSION_free
}

native! {
    /// `_ssl.MemoryBIO`.
    pub struct MemoryBio {
        bio: BioHandle,
        eof_written: Field<bool>,
    }
}

pytype! {
    pub static MEMORY_BIO_TYPE: "_ssl.MemoryBIO" for MemoryBio {
        base: Object,
        flags: [],
        slots: { tp_new = MemoryBio::construct, tp_dealloc = MemoryBio::dealloc, },
        methods: {
            sig "read" => MemoryBio::read, "($self, size=-1, /)", "Takes bytes out of the buffer: up to size, or all.";
            o "write" => MemoryBio::write, "($self, b, /)", "Puts bytes into the buffer; how many.";
            noargs "write_eof" => MemoryBio::write_eof, "($self, /)", "Marks the end of what is written.";
        },
        getset: {
            "pending" => |_: Attached<'_>, this: &MemoryBio| this.pending(), "The number of bytes in the buffer.";
            "eof" => |_: Attached<'_>, this: &MemoryBio| this.eof_written.get() && this.pending() == 0, "Whether everything up to the end was read.";
        },
    }
}

impl MemoryBio {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Self>> {
        if !args.is_empty() {
            let what = if args.pos.is_empty() { "keyword" } else { "positional" };
            return Err(raise!(py, TypeError, "MemoryBIO() takes no {what} arguments"));
        }
        let this = alloc::<MemoryBio>(py, ty)?;
        // SAFETY: no precondition; the handle owns the buffer.
        unsafe {
            let bio = (api().BIO_new)((api().BIO_s_mem)());
            if bio.is_null() {
                return Err(raise_last(py));
            }
            this.bio.set(bio);
            (api().BIO_set_flags)(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
            (api().BIO_ctrl)(bio, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, ptr::null_mut());
        }
        Ok(this)
    }

    /// Another reference to the library's buffer, for a connection.
    pub fn share(&self) -> Ptr {
        // SAFETY: a live buffer.
        unsafe { (api().BIO_up_ref)(self.bio.get()) };
        self.bio.get()
    }

    fn pending(&self) -> usize {
        // SAFETY: a live buffer.
        unsafe { (api().BIO_ctrl_pending)(self.bio.get()) }
    }

    fn read(py: Attached<'_>, this: &Self, [size]: [Opt<'_>; 1]) -> PyResult<Ref<Bytes>> {
        let size = size.map_or(Ok(-1), |size| size.as_i32(py))?;
        let _lock = this.lock(py);
        let available = this.pending();
        let wanted = usize::try_from(size).map_or(available, |size| size.min(available));
        let mut bytes = krait_object::reserve::zeros::<u8>(py, wanted)?;
        if wanted > 0 {
            // SAFETY: [locked]: a live buffer; as many bytes as stated.
            let read = unsafe { (api().BIO_read)(this.bio.get(), bytes.as_mut_ptr().cast(), wanted as c_int) };
            if read < 0 {
                return Err(raise_last(py));
            }
            bytes.truncate(read as usize);
        }
        Bytes::new(py, &bytes)
    }

    fn write(py: Attached<'_>, this: &Self, data: &Object) -> PyResult<c_int> {
        let data = BytesArg::new(py, data)?;
        let Ok(len) = c_int::try_from(data.as_slice().len()) else {
            return Err(raise!(py, OverflowError, "string longer than {} bytes", c_int::MAX));
        };
        if this.eof_written.get() {
            return Err(raise_plain(py, "cannot write() after write_eof()"));
        }
        let _lock = this.lock(py);
        if len == 0 {
            return Ok(0);
        }
        // SAFETY: [locked]: a live buffer; as many bytes as stated.
        match unsafe { (api().BIO_write)(this.bio.get(), data.as_slice().as_ptr().cast(), len) } {
            written if written < 0 => Err(raise_last(py)),
            written => Ok(written),
        }
    }

    fn write_eof(py: Attached<'_>, this: &Self) {
        let _lock = this.lock(py);
        this.eof_written.set(true);
        // After an end, an empty buffer is no reason to try again.
        // SAFETY: [locked]: a live buffer.
        unsafe {
            (api().BIO_clear_flags)(this.bio.get(), BIO_FLAGS_SHOULD_RETRY);
            (api().BIO_ctrl)(this.bio.get(), BIO_C_SET_BUF_MEM_EOF_RETURN, 0, ptr::null_mut());
        }
    }
}

native! {
    /// `_ssl.SSLSession`.
    pub struct Session {
        session: SessionHandle,
        context: Slot<SslContext>,
    }
}

pytype! {
    pub static SESSION_TYPE: "_ssl.SSLSession" for Session {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Session::dealloc,
            tp_traverse = Session::traverse,
            tp_clear = |_: Attached<'_>, this: &Session| this.context.release(),
            tp_richcompare = Session::compare,
        },
        getset: {
            "has_ticket" => |_: Attached<'_>, this: &Session| this.ask(has_ticket), "Does the session contain a ticket?";
            "id" => Session::id, "Session ID.";
            "ticket_lifetime_hint" => |_: Attached<'_>, this: &Session| this.ask(lifetime_hint), "Ticket life time hint.";
            "time" => |_: Attached<'_>, this: &Session| this.ask(creation_time), "Session creation time (seconds since epoch).";
            "timeout" => |_: Attached<'_>, this: &Session| this.ask(lifetime), "Session timeout (delta in seconds).";
        },
    }
}

fn has_ticket(session: Ptr) -> bool {
    // SAFETY: a live session, by `Session::ask`.
    unsafe { (api().SSL_SESSION_has_ticket)(session) != 0 }
}

fn lifetime_hint(session: Ptr) -> u64 {
    // SAFETY: as above.
    unsafe { (api().SSL_SESSION_get_ticket_lifetime_hint)(session) }
}

fn creation_time(session: Ptr) -> i64 {
    // SAFETY: as above.
    unsafe { (api().SSL_SESSION_get_time)(session) }
}

fn lifetime(session: Ptr) -> i64 {
    // SAFETY: as above.
    unsafe { (api().SSL_SESSION_get_timeout)(session) }
}

impl Session {
    /// An object of a session, whose reference it takes over.
    pub fn new(py: Attached<'_>, session: Ptr, context: &SslContext) -> PyResult<Ref<Session>> {
        let this = alloc::<Session>(py, Self::type_object())?;
        this.session.set(session);
        drop(this.context.replace(Some(context.to_ref())));
        Ok(this)
    }

    pub fn raw(&self) -> Ptr {
        self.session.get()
    }

    pub fn context(&self) -> Option<Ref<SslContext>> {
        self.context.get()
    }

    fn ask<R>(&self, question: impl FnOnce(Ptr) -> R) -> R {
        question(self.session.get())
    }

    fn id_bytes(&self) -> &[u8] {
        let mut len: c_uint = 0;
        // SAFETY: a live session, whose id never changes.
        unsafe {
            let data = (api().SSL_SESSION_get_id)(self.session.get(), &mut len);
            if data.is_null() { &[] } else { std::slice::from_raw_parts(data, len as usize) }
        }
    }

    fn id(py: Attached<'_>, this: &Self) -> PyResult<Ref<Bytes>> {
        Bytes::new(py, this.id_bytes())
    }

    fn compare(py: Attached<'_>, this: &Self, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Session>() else { return Ok(not_implemented()) };
        let same = this.id_bytes() == other.id_bytes();
        match op {
            CompareOp::Eq => same.into_object(py),
            CompareOp::Ne => (!same).into_object(py),
            _ => Ok(not_implemented()),
        }
    }
}
