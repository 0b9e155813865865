//! `BufferedReader`, `BufferedWriter` and `BufferedRandom`.
//!
//! One lock per object is held for a whole operation, raw calls included; a thread that comes back into the object
//! while it holds the lock (a signal handler, a raw stream written in Python) gets `RuntimeError`.
use super::base::{self, BufferedIOBase, IOBase, check_seekable, unsupported};
use super::fileio::{FileIO, writable_arg};
use crate::util::{bool_or, need};
use krait_object::args::{Args, Signature};
use krait_object::protocols::buffer::BytesArg;
use krait_object::typedef::member;
use krait_object::{
    Attached, ByteArray, Bytes, Field, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Type, Visit, exc, id, mem,
    none, pytype, raise,
};
use krait_sync::block::{Acquired, Wait};
use krait_sync::mutex::ByteMutex;
use std::ffi::c_int;
use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::NonNull;

/// `io.DEFAULT_BUFFER_SIZE`.
pub const DEFAULT_BUFFER_SIZE: usize = 131_072;

/// What the lock guards.
struct State {
    size: usize,
    /// Bytes read ahead; those before `at` are used up.
    ahead: Vec<u8>,
    at: usize,
    /// Bytes to be written. Only one of the two holds anything.
    pending: Vec<u8>,
    /// The raw stream's position, or -1 when it is not known.
    position: i64,
    /// Closed: the buffers take no memory any more.
    is_freed: bool,
}

/// The common layout.
#[repr(C)]
pub struct Buffered {
    base: IOBase,
    raw: Slot,
    ok: Field<bool>,
    detached: Field<bool>,
    readable: Field<bool>,
    writable: Field<bool>,
    finalizing: Field<bool>,
    lock: ManuallyDrop<ByteMutex>,
    owner: Field<usize>,
    state: Field<*mut State>,
}

/// The lock is held; the state may be used.
struct Entered<'a> {
    this: &'a Buffered,
    st: &'a mut State,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.this.owner.set(0);
        self.this.lock.try_unlock();
    }
}

fn thread_mark() -> usize {
    Attached::current_raw() as usize
}

impl Buffered {
    fn enter(&self, py: Attached<'_>) -> PyResult<Entered<'_>> {
        if !self.lock.try_lock_fast() {
            if self.owner.get() == thread_mark() {
                return Err(raise!(py, RuntimeError, "reentrant call inside {}", self.as_object().repr(py)?));
            }
            self.wait(py)?;
        }
        self.owner.set(thread_mark());
        if self.state.get().is_null() {
            self.owner.set(0);
            self.lock.try_unlock();
            return Err(raise!(py, ValueError, "I/O operation on uninitialized object"));
        }
        // SAFETY: set by `new_object`, lives as long as the object, and belongs to the holder of the lock.
        let st = unsafe { &mut *self.state.get() };
        Ok(Entered { this: self, st })
    }

    /// Waits for the lock. At the end of the interpreter its holder may be a thread that sleeps for ever.
    #[cold]
    fn wait(&self, py: Attached<'_>) -> PyResult<()> {
        if !krait_vm::interp::current(py).finalizing.load(std::sync::atomic::Ordering::Acquire) {
            self.lock.lock();
            return Ok(());
        }
        let patience = std::time::Duration::from_secs(1);
        if matches!(self.lock.lock_timed(Wait::DETACH.at_most(patience)), Acquired::Yes) {
            return Ok(());
        }
        let shown = self.as_object().repr(py)?;
        krait_vm::fatal(&format!(
            "_enter_buffered_busy: could not acquire lock for {shown} at interpreter shutdown, \
             possibly due to daemon threads"
        ))
    }

    fn check_init(&self, py: Attached<'_>) -> PyResult<()> {
        if self.ok.get() {
            return Ok(());
        }
        Err(match self.detached.get() {
            true => raise!(py, ValueError, "raw stream has been detached"),
            false => raise!(py, ValueError, "I/O operation on uninitialized object"),
        })
    }

    fn raw(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.check_init(py)?;
        self.raw.get().ok_or_else(|| raise!(py, ValueError, "raw stream has been detached"))
    }

    fn raw_closed(&self, py: Attached<'_>) -> PyResult<bool> {
        let raw = self.raw(py)?;
        match (*raw).downcast_exact::<FileIO>() {
            Some(file) => Ok(file.fd(py).map_err(|raised| raised.clear(py)).is_err()),
            None => base::is_closed(py, &raw),
        }
    }

    fn check_open(&self, py: Attached<'_>, message: &str) -> PyResult<()> {
        if self.raw_closed(py)? {
            return Err(raise!(py, ValueError, "{message}"));
        }
        Ok(())
    }

    fn call_raw(py: Attached<'_>, this: &Buffered, method: &Str) -> PyResult<Ref<Object>> {
        this.raw(py)?.call_method(py, method, &[])
    }
}

/// The number that a raw stream's method returned.
fn raw_count(py: Attached<'_>, what: &str, result: &Object, len: usize) -> PyResult<usize> {
    let count = match result.as_index(py) {
        Ok(count) => count,
        Err(raised) => {
            let cause = raised.take(py);
            let failure = raise!(py, OSError, "raw {what}() failed").take(py);
            failure.replace_cause(Some(cause));
            return Err(py.restore(failure));
        }
    };
    if count < 0 || count as usize > len {
        return Err(raise!(
            py,
            OSError,
            "raw {what}() returned invalid length {count} (should have been between 0 and {len})"
        ));
    }
    Ok(count as usize)
}

impl Entered<'_> {
    /// Reads into memory with one raw call.
    fn raw_read(&mut self, py: Attached<'_>, buffer: &mut [u8]) -> PyResult<Option<usize>> {
        let raw = self.this.raw(py)?;
        let count = match (*raw).downcast_exact::<FileIO>() {
            // SAFETY: the slice is exclusively borrowed.
            Some(file) => unsafe { file.read_raw(py, buffer.as_mut_ptr(), buffer.len())? },
            None => {
                let array = ByteArray::zeroed(py, buffer.len())?;
                let result = raw.call_method(py, id!(py, readinto), &[array.as_object()])?;
                if result.is_none() {
                    None
                } else {
                    let count = raw_count(py, "readinto", &result, buffer.len())?;
                    let bytes = array.to_vec(py)?;
                    let count = count.min(bytes.len());
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    Some(count)
                }
            }
        };
        if let Some(count) = count
            && self.st.position >= 0
        {
            self.st.position += count as i64;
        }
        Ok(count)
    }

    fn raw_write(&mut self, py: Attached<'_>, bytes: &[u8]) -> PyResult<Option<usize>> {
        let raw = self.this.raw(py)?;
        let count = match (*raw).downcast_exact::<FileIO>() {
            Some(file) => file.write_raw(py, bytes)?,
            None => {
                let data = Bytes::new(py, bytes)?;
                let view = krait_object::MemoryView::type_object().as_object().call_pos(py, &[data.as_object()])?;
                let result = raw.call_method(py, id!(py, write), &[&view])?;
                if result.is_none() { None } else { Some(raw_count(py, "write", &result, bytes.len())?) }
            }
        };
        if let Some(count) = count
            && self.st.position >= 0
        {
            self.st.position += count as i64;
        }
        Ok(count)
    }

    fn raw_seek(&mut self, py: Attached<'_>, target: i64, how: c_int) -> PyResult<i64> {
        let raw = self.this.raw(py)?;
        let position = match (*raw).downcast_exact::<FileIO>() {
            Some(file) => file.seek_raw(py, target, how)?,
            None => {
                let result =
                    raw.call_method(py, id!(py, seek), &[&*target.into_object(py)?, &*how.into_object(py)?])?;
                result.as_i64(py)?
            }
        };
        self.noted(py, position)
    }

    fn noted(&mut self, py: Attached<'_>, position: i64) -> PyResult<i64> {
        if position < 0 {
            return Err(raise!(py, OSError, "Raw stream returned invalid position {position}"));
        }
        self.st.position = position;
        Ok(position)
    }

    fn raw_tell(&mut self, py: Attached<'_>) -> PyResult<i64> {
        self.st.position = -1;
        let raw = self.this.raw(py)?;
        let position = match (*raw).downcast_exact::<FileIO>() {
            Some(file) => file.seek_raw(py, 0, libc::SEEK_CUR)?,
            None => raw.call_method(py, id!(py, tell), &[])?.as_i64(py)?,
        };
        self.noted(py, position)
    }

    fn unread(&self) -> usize {
        self.st.ahead.len() - self.st.at
    }

    fn forget(&mut self) {
        self.st.ahead.clear();
        self.st.at = 0;
    }

    /// Takes bytes that were read ahead.
    fn take(&mut self, count: usize, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.st.ahead[self.st.at..self.st.at + count]);
        self.st.at += count;
    }

    /// Reads ahead when nothing is left. `None` when it would block.
    fn fill(&mut self, py: Attached<'_>) -> PyResult<Option<usize>> {
        let mut buffer = std::mem::take(&mut self.st.ahead);
        self.st.at = 0;
        buffer.resize(self.st.size, 0);
        let result = self.raw_read(py, &mut buffer);
        buffer.truncate(match result {
            Ok(Some(count)) => count,
            _ => 0,
        });
        self.st.ahead = buffer;
        result
    }

    /// Writes what is pending. `BlockingIOError` when the stream would block.
    fn flush_pending(&mut self, py: Attached<'_>) -> PyResult<()> {
        let mut done = 0;
        let pending = std::mem::take(&mut self.st.pending);
        let result = loop {
            if done == pending.len() {
                break Ok(());
            }
            match self.raw_write(py, &pending[done..]) {
                Ok(Some(count)) => {
                    done += count;
                    if let Err(raised) = crate::vm::check_signals(py) {
                        break Err(raised);
                    }
                }
                Ok(None) => break Err(would_block(py, 0)),
                Err(raised) => break Err(raised),
            }
        };
        self.st.pending = pending;
        self.st.pending.drain(..done);
        result
    }

    /// Brings the raw position to the logical one: nothing is pending or read ahead afterwards.
    fn settle(&mut self, py: Attached<'_>) -> PyResult<()> {
        self.flush_pending(py)?;
        let unread = self.unread();
        if self.this.readable.get() && self.this.writable.get() && !self.st.ahead.is_empty() {
            if unread > 0 {
                self.raw_seek(py, -(unread as i64), libc::SEEK_CUR)?;
            }
            self.forget();
        }
        Ok(())
    }

    /// Before reading: writes come first.
    fn before_read(&mut self, py: Attached<'_>) -> PyResult<()> {
        if self.st.pending.is_empty() { Ok(()) } else { self.settle(py) }
    }
}

fn would_block(py: Attached<'_>, written: usize) -> krait_object::Raised {
    fn build(py: Attached<'_>, written: usize) -> PyResult<krait_object::Raised> {
        let args = crate::util::tuple(
            py,
            crate::objects!(py; libc::EAGAIN, "write could not complete without blocking", written),
        )?;
        Ok(py.raise_value(exc::BlockingIOError(), args.as_object()))
    }
    build(py, written).unwrap_or_else(|raised| raised)
}

impl Buffered {
    /// Makes the state of an object that `__init__` sees for the first time.
    fn make_state(&self) {
        if self.state.get().is_null() {
            let state = State { size: 0, ahead: Vec::new(), at: 0, pending: Vec::new(), position: -1, is_freed: false };
            self.state.set(Box::into_raw(Box::new(state)));
        }
    }

    fn set_up(&self, py: Attached<'_>, args: Args<'_>, name: &'static str, read: bool, write: bool) -> PyResult<()> {
        const READER: Signature = Signature::parse("BufferedReader", "(raw, buffer_size=DEFAULT_BUFFER_SIZE)");
        const WRITER: Signature = Signature::parse("BufferedWriter", "(raw, buffer_size=DEFAULT_BUFFER_SIZE)");
        const RANDOM: Signature = Signature::parse("BufferedRandom", "(raw, buffer_size=DEFAULT_BUFFER_SIZE)");
        let sig = match name {
            "BufferedReader" => &READER,
            "BufferedWriter" => &WRITER,
            _ => &RANDOM,
        };
        let [raw, size]: [Option<&Object>; 2] = sig.bind(py, args)?;
        let raw = need(py, raw)?;
        let size = size.map_or(Ok(DEFAULT_BUFFER_SIZE as isize), |size| size.as_index(py))?;
        self.ok.set(false);
        self.detached.set(false);
        self.make_state();
        if read && write {
            check_seekable(py, raw)?;
        }
        if read {
            base::check_readable(py, raw)?;
        }
        if write {
            base::check_writable(py, raw)?;
        }
        if size <= 0 {
            return Err(raise!(py, ValueError, "buffer size must be strictly positive"));
        }
        drop(self.raw.replace(Some(raw.to_ref())));
        self.readable.set(read);
        self.writable.set(write);
        let mut entered = self.enter(py)?;
        entered.forget();
        entered.st.pending.clear();
        entered.st.size = size as usize;
        entered.st.is_freed = false;
        self.ok.set(true);
        if let Err(raised) = entered.raw_tell(py) {
            if !raised.matches(py, exc::Exception()) {
                return Err(raised);
            }
            raised.clear(py);
        }
        Ok(())
    }

    unsafe fn drop_fields(&self) {
        self.base.drop_base();
        drop(self.raw.take());
        let state = self.state.get();
        self.state.set(std::ptr::null_mut());
        if !state.is_null() {
            // SAFETY: made by `new_object`, freed once.
            drop(unsafe { Box::from_raw(state) });
        }
    }

    fn traverse(this: &Buffered, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)?;
        visit.slot(&this.raw)
    }

    fn clear(py: Attached<'_>, this: &Buffered) {
        this.ok.set(false);
        IOBase::clear(py, &this.base);
        drop(this.raw.take());
    }

    fn object(&self) -> &Object {
        self.as_object()
    }

    /// The object's head as `Object`.
    fn as_object(&self) -> &Object {
        // SAFETY: [layout]: the head is the first field.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    fn detach(py: Attached<'_>, this: &Buffered) -> PyResult<Option<Ref<Object>>> {
        this.check_init(py)?;
        this.object().call_method(py, id!(py, flush), &[])?;
        this.detached.set(true);
        this.ok.set(false);
        Ok(this.raw.take())
    }

    fn simple_flush(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, flush))
    }

    fn flush(py: Attached<'_>, this: &Buffered) -> PyResult<()> {
        this.check_init(py)?;
        this.check_open(py, "flush of closed file")?;
        this.enter(py)?.settle(py)
    }

    fn close(py: Attached<'_>, this: &Buffered) -> PyResult<Option<Ref<Object>>> {
        this.check_init(py)?;
        if this.raw_closed(py)? {
            return Ok(None);
        }
        if this.finalizing.get() {
            Self::dealloc_warn(py, this, this.object())?;
        }
        let flushed = this.object().call_method(py, id!(py, flush), &[]);
        let mut result = None;
        base::chained(py, flushed, |py| {
            // Who comes meanwhile waits, and finds the stream closed.
            let entered = this.enter(py)?;
            let closed = Self::call_raw(py, this, id!(py, close));
            entered.st.pending = Vec::new();
            entered.st.ahead = Vec::new();
            entered.st.at = 0;
            entered.st.is_freed = true;
            drop(entered);
            result = Some(closed?);
            Ok(())
        })
        .map(|()| result)
    }

    fn get_closed(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        this.raw(py)?.get_attr(py, id!(py, closed))
    }

    fn get_name(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        this.raw(py)?.get_attr(py, id!(py, name))
    }

    fn get_mode(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        this.raw(py)?.get_attr(py, id!(py, mode))
    }

    fn seekable_method(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, seekable))
    }

    fn readable_method(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, readable))
    }

    fn writable_method(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, writable))
    }

    fn fileno(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, fileno))
    }

    fn isatty(py: Attached<'_>, this: &Buffered) -> PyResult<Ref<Object>> {
        Self::call_raw(py, this, id!(py, isatty))
    }

    fn dealloc_warn(py: Attached<'_>, this: &Buffered, source: &Object) -> PyResult<()> {
        if this.ok.get()
            && let Some(raw) = this.raw.get()
            && let Err(raised) = raw.call_method(py, id!(py, _dealloc_warn), &[source])
        {
            raised.clear(py);
        }
        Ok(())
    }

    fn getstate(py: Attached<'_>, this: &Buffered) -> PyResult<()> {
        Err(raise!(py, TypeError, "cannot pickle '{}' instances", this.object().ty().full_name()))
    }

    fn sizeof(py: Attached<'_>, this: &Buffered) -> PyResult<usize> {
        let entered = this.enter(py)?;
        let size = if entered.st.is_freed { 0 } else { entered.st.size };
        drop(entered);
        Ok(this.object().ty().as_type().tp_basicsize.get() as usize + size)
    }

    fn repr(py: Attached<'_>, this: &Buffered) -> PyResult<String> {
        let ty = this.object().ty().full_name();
        let name = match this.object().get_attr_opt(py, id!(py, name)) {
            Ok(name) => name,
            Err(raised) if raised.matches(py, exc::ValueError()) => {
                raised.clear(py);
                None
            }
            Err(raised) => return Err(raised),
        };
        Ok(match name {
            None => format!("<{ty}>"),
            Some(name) => format!("<{ty} name={}>", name.repr(py)?),
        })
    }

    fn read(py: Attached<'_>, this: &Buffered, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.check_init(py)?;
        let size = base::size_arg(py, "read", args, -1)?;
        if size < -1 {
            return Err(raise!(py, ValueError, "read length must be non-negative or -1"));
        }
        this.check_open(py, "read of closed file")?;
        let mut entered = this.enter(py)?;
        if size < 0 {
            return entered.read_all(py);
        }
        let size = size as usize;
        if entered.st.pending.is_empty() && size <= entered.unread() {
            let at = entered.st.at;
            let bytes = Bytes::new(py, &entered.st.ahead[at..at + size])?;
            entered.st.at += size;
            return Ok(bytes.upcast());
        }
        entered.before_read(py)?;
        let mut out = Vec::with_capacity(size.min(1 << 20));
        let ready = entered.unread().min(size);
        entered.take(ready, &mut out);
        while out.len() < size {
            let left = size - out.len();
            let block = entered.st.size;
            let got = if left >= block {
                let start = out.len();
                let whole = (left - left % block).min(1 << 26);
                out.try_reserve(whole).map_err(|_| py.no_memory())?;
                out.resize(start + whole, 0);
                entered.forget();
                let got = entered.raw_read(py, &mut out[start..]);
                out.truncate(start + if let Ok(Some(got)) = got { got } else { 0 });
                got?
            } else {
                let got = entered.fill(py)?;
                let ready = entered.unread().min(left);
                entered.take(ready, &mut out);
                got
            };
            match got {
                Some(0) => break,
                None if out.is_empty() => return Ok(none()),
                None => break,
                Some(_) => {}
            }
        }
        Ok(Bytes::new(py, &out)?.upcast())
    }

    fn read1(py: Attached<'_>, this: &Buffered, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.check_init(py)?;
        let args = args.unpack(py, "read1", 0, 1)?;
        let size = args.first().map_or(Ok(-1), |size| size.as_index(py))?;
        this.check_open(py, "read of closed file")?;
        let mut entered = this.enter(py)?;
        let size = if size < 0 { entered.st.size } else { size as usize };
        entered.read1(py, size)
    }

    fn peek(py: Attached<'_>, this: &Buffered, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        this.check_init(py)?;
        let args = args.unpack(py, "peek", 0, 1)?;
        if let Some(size) = args.first() {
            size.as_index(py)?;
        }
        this.check_open(py, "peek of closed file")?;
        let mut entered = this.enter(py)?;
        entered.before_read(py)?;
        if entered.unread() == 0 {
            entered.fill(py)?;
        }
        Bytes::new(py, &entered.st.ahead[entered.st.at..])
    }

    fn into_buffer(py: Attached<'_>, this: &Buffered, buffer: &Object, once: bool) -> PyResult<Option<usize>> {
        this.check_init(py)?;
        let function = if once { "readinto1" } else { "readinto" };
        let view = writable_arg(py, format_args!("{function}() argument"), buffer)?;
        this.check_open(py, "readinto of closed file")?;
        let mut entered = this.enter(py)?;
        entered.before_read(py)?;
        // SAFETY: a writable buffer; threads that share it mix their bytes, as they asked for.
        let out = unsafe { view.as_mut_slice() };
        let mut done = 0;
        while done < out.len() {
            let ready = entered.unread().min(out.len() - done);
            if ready > 0 {
                let at = entered.st.at;
                out[done..done + ready].copy_from_slice(&entered.st.ahead[at..at + ready]);
                entered.st.at += ready;
                done += ready;
                continue;
            }
            let direct = out.len() - done > entered.st.size;
            if once && done > 0 && !direct {
                break;
            }
            let got = if direct {
                entered.forget();
                entered.raw_read(py, &mut out[done..])?
            } else {
                entered.fill(py)?
            };
            match got {
                Some(0) => break,
                None if done == 0 => return Ok(None),
                None => break,
                Some(got) if direct => {
                    done += got;
                    if once {
                        break;
                    }
                }
                Some(_) => {}
            }
        }
        Ok(Some(done))
    }

    fn readinto(py: Attached<'_>, this: &Buffered, buffer: &Object) -> PyResult<Option<usize>> {
        Self::into_buffer(py, this, buffer, false)
    }

    fn readinto1(py: Attached<'_>, this: &Buffered, buffer: &Object) -> PyResult<Option<usize>> {
        Self::into_buffer(py, this, buffer, true)
    }

    fn line(&self, py: Attached<'_>, limit: isize) -> PyResult<Ref<Bytes>> {
        self.check_open(py, "readline of closed file")?;
        let mut entered = self.enter(py)?;
        entered.before_read(py)?;
        let mut line = Vec::new();
        loop {
            let room = if limit < 0 { usize::MAX } else { limit as usize - line.len() };
            let ahead = &entered.st.ahead[entered.st.at..];
            let visible = &ahead[..ahead.len().min(room)];
            if let Some(end) = memchr(visible) {
                if line.is_empty() {
                    let bytes = Bytes::new(py, &visible[..=end])?;
                    entered.st.at += end + 1;
                    return Ok(bytes);
                }
                entered.take(end + 1, &mut line);
                break;
            }
            let count = visible.len();
            entered.take(count, &mut line);
            if limit >= 0 && line.len() >= limit as usize {
                break;
            }
            if !matches!(entered.fill(py)?, Some(1..)) {
                break;
            }
        }
        Bytes::new(py, &line)
    }

    fn readline(py: Attached<'_>, this: &Buffered, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        this.check_init(py)?;
        let limit = base::size_arg(py, "readline", args, -1)?;
        this.line(py, limit)
    }

    fn next(py: Attached<'_>, this: &Buffered) -> PyResult<Option<Ref<Object>>> {
        this.check_init(py)?;
        let exact = this.object().ty();
        let line = if std::ptr::eq(exact, BufferedReader::type_object())
            || std::ptr::eq(exact, BufferedRandom::type_object())
        {
            this.line(py, -1)?.upcast()
        } else {
            let line = this.object().call_method(py, id!(py, readline), &[])?;
            if (*line).downcast::<Bytes>().is_none() {
                return Err(raise!(
                    py,
                    OSError,
                    "readline() should have returned a bytes object, not '{}'",
                    line.ty().name()
                ));
            }
            line
        };
        Ok((line.len(py)? > 0).then_some(line))
    }

    fn write(py: Attached<'_>, this: &Buffered, data: &Object) -> PyResult<usize> {
        this.check_init(py)?;
        let data = BytesArg::new(py, data)?;
        let bytes = data.as_slice();
        let mut entered = this.enter(py)?;
        this.check_open(py, "write to closed file")?;
        if !entered.st.ahead.is_empty() {
            entered.settle(py)?;
        }
        if entered.st.pending.len() + bytes.len() <= entered.st.size {
            entered.st.pending.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        entered.write_slow(py, bytes)
    }

    fn tell(py: Attached<'_>, this: &Buffered) -> PyResult<i64> {
        this.check_init(py)?;
        let mut entered = this.enter(py)?;
        let position = entered.raw_tell(py)?;
        Ok((position - entered.unread() as i64 + entered.st.pending.len() as i64).max(0))
    }

    fn seek(py: Attached<'_>, this: &Buffered, [target, how]: [Option<&Object>; 2]) -> PyResult<i64> {
        this.check_init(py)?;
        let target = need(py, target)?;
        let how = how.map_or(Ok(0), |how| how.as_i32(py))?;
        if !(0..=4).contains(&how) {
            return Err(raise!(py, ValueError, "whence value {how} unsupported"));
        }
        this.check_open(py, "seek of closed file")?;
        check_seekable(py, &*this.raw(py)?)?;
        if !target.has_index() {
            return Err(raise!(py, TypeError, "'{}' object cannot be interpreted as an integer", target.ty().name()));
        }
        let mut target = target.as_i64(py)?;
        let mut entered = this.enter(py)?;
        if this.readable.get() && how < 2 && entered.st.pending.is_empty() {
            let known = entered.st.position;
            let raw_position = if known >= 0 { known } else { entered.raw_tell(py)? };
            let here = raw_position - entered.unread() as i64;
            let offset = if how == 0 { target - here } else { target };
            if offset >= -(entered.st.at as i64) && offset <= entered.unread() as i64 && !entered.st.ahead.is_empty() {
                entered.st.at = (entered.st.at as i64 + offset) as usize;
                // A device whose position stands still may seem to be before its beginning.
                return Ok((here + offset).max(0));
            }
        }
        entered.flush_pending(py)?;
        if how == libc::SEEK_CUR {
            target -= entered.unread() as i64;
        }
        let position = entered.raw_seek(py, target, how)?;
        entered.forget();
        Ok(position)
    }

    fn truncate(py: Attached<'_>, this: &Buffered, [size]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        this.check_init(py)?;
        this.check_open(py, "truncate of closed file")?;
        if !this.writable.get() {
            return Err(unsupported(py, "truncate"));
        }
        let mut entered = this.enter(py)?;
        entered.settle(py)?;
        let none = none();
        let size = size.unwrap_or(&none);
        let result = this.raw(py)?.call_method(py, id!(py, truncate), &[size])?;
        if let Err(raised) = entered.raw_tell(py) {
            raised.clear(py);
        }
        Ok(result)
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}

impl Entered<'_> {
    fn read_all(&mut self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let mut out = Vec::new();
        let unread = self.unread();
        self.take(unread, &mut out);
        self.forget();
        self.settle(py)?;
        let raw = self.this.raw(py)?;
        self.st.position = -1;
        if let Some(file) = (*raw).downcast_exact::<FileIO>() {
            return match file.read_to_end(py)? {
                None if out.is_empty() => Ok(none()),
                None => Ok(Bytes::new(py, &out)?.upcast()),
                Some(rest) if out.is_empty() => Ok(Bytes::new(py, &rest)?.upcast()),
                Some(rest) => {
                    out.extend_from_slice(&rest);
                    Ok(Bytes::new(py, &out)?.upcast())
                }
            };
        }
        if let Some(readall) = raw.get_attr_opt(py, id!(py, readall))? {
            let rest = readall.call0(py)?;
            if rest.is_none() {
                return if out.is_empty() { Ok(rest) } else { Ok(Bytes::new(py, &out)?.upcast()) };
            }
            let Some(bytes) = (*rest).downcast::<Bytes>() else {
                return Err(raise!(py, TypeError, "readall() should return bytes"));
            };
            if out.is_empty() {
                return Ok(rest);
            }
            out.extend_from_slice(bytes.as_slice());
            return Ok(Bytes::new(py, &out)?.upcast());
        }
        loop {
            let data = raw.call_method(py, id!(py, read), &[])?;
            if data.is_none() {
                return if out.is_empty() { Ok(data) } else { Ok(Bytes::new(py, &out)?.upcast()) };
            }
            let Some(bytes) = (*data).downcast::<Bytes>() else {
                return Err(raise!(py, TypeError, "read() should return bytes"));
            };
            if bytes.is_empty() {
                return Ok(Bytes::new(py, &out)?.upcast());
            }
            out.extend_from_slice(bytes.as_slice());
        }
    }

    fn read1(&mut self, py: Attached<'_>, size: usize) -> PyResult<Ref<Object>> {
        self.before_read(py)?;
        if size == 0 {
            return Ok(Bytes::empty().upcast());
        }
        let ready = self.unread().min(size);
        if ready > 0 {
            let at = self.st.at;
            let bytes = Bytes::new(py, &self.st.ahead[at..at + ready])?;
            self.st.at += ready;
            return Ok(bytes.upcast());
        }
        self.forget();
        let mut out = krait_object::reserve::zeros(py, size.min(1 << 26))?;
        match self.raw_read(py, &mut out)? {
            None => Ok(Bytes::empty().upcast()),
            Some(count) => Ok(Bytes::new(py, &out[..count])?.upcast()),
        }
    }

    /// A write that does not fit into the buffer.
    fn write_slow(&mut self, py: Attached<'_>, bytes: &[u8]) -> PyResult<usize> {
        if let Err(raised) = self.flush_pending(py) {
            if !raised.matches(py, exc::BlockingIOError()) {
                return Err(raised);
            }
            let room = self.st.size.saturating_sub(self.st.pending.len());
            if bytes.len() <= room {
                raised.clear(py);
                self.st.pending.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            raised.clear(py);
            self.st.pending.extend_from_slice(&bytes[..room]);
            return Err(would_block(py, room));
        }
        let mut done = 0;
        while bytes.len() - done > self.st.size {
            match self.raw_write(py, &bytes[done..])? {
                Some(count) => done += count,
                None => {
                    let room = self.st.size.min(bytes.len() - done);
                    if bytes.len() - done > self.st.size {
                        self.st.pending.extend_from_slice(&bytes[done..done + room]);
                        return Err(would_block(py, done + room));
                    }
                    break;
                }
            }
            crate::vm::check_signals(py)?;
        }
        self.st.pending.extend_from_slice(&bytes[done..]);
        Ok(bytes.len())
    }
}

/// A concrete type over [`Buffered`].
macro_rules! concrete {
    ($ty:ident, $name:literal, $read:literal, $write:literal) => {
        /// One of the buffered streams.
        #[repr(C)]
        pub struct $ty {
            buffered: Buffered,
        }

        impl Deref for $ty {
            type Target = Buffered;
            fn deref(&self) -> &Buffered {
                &self.buffered
            }
        }

        impl $ty {
            unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
                // SAFETY: the count is zero.
                unsafe { mem::dealloc_with(py, this, |this| this.buffered.drop_fields()) };
            }

            fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
                this.set_up(py, args, $name, $read, $write)
            }
        }
    };
}
concrete!(BufferedReader, "BufferedReader", true, false);
concrete!(BufferedWriter, "BufferedWriter", false, true);
concrete!(BufferedRandom, "BufferedRandom", true, true);

const RAW_OFFSET: usize = offset_of!(Buffered, raw);
const FINALIZING: usize = offset_of!(Buffered, finalizing);

pytype! {
    pub static BUFFERED_READER_TYPE: "_io.BufferedReader" for BufferedReader {
        base: BufferedIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "BufferedReader(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nA buffer around a raw stream that is read.",
        slots: {
            tp_dealloc = BufferedReader::dealloc, tp_traverse = Buffered::traverse, tp_clear = Buffered::clear,
            tp_repr = Buffered::repr, tp_init = BufferedReader::init,
            tp_iternext = Buffered::next,
        },
        methods: {
            noargs "detach" => Buffered::detach, "($self, /)", "Separates the raw stream.";
            noargs "flush" => Buffered::simple_flush, "($self, /)", "Flushes the raw stream.";
            noargs "close" => Buffered::close, "($self, /)", "Closes the stream.";
            noargs "seekable" => Buffered::seekable_method, "($self, /)", "Whether the position can be moved.";
            noargs "readable" => Buffered::readable_method, "($self, /)", "Whether it can be read.";
            noargs "fileno" => Buffered::fileno, "($self, /)", "The descriptor.";
            noargs "isatty" => Buffered::isatty, "($self, /)", "Whether it is a terminal.";
            o "_dealloc_warn" => Buffered::dealloc_warn, "($self, source, /)", "Warns of a stream that was not closed.";
            raw "read" => Buffered::read, "($self, size=-1, /)", "Reads so many bytes, or all.";
            raw "peek" => Buffered::peek, "($self, size=0, /)", "Bytes ahead, without moving.";
            raw "read1" => Buffered::read1, "($self, size=-1, /)", "Reads with at most one raw call.";
            o "readinto" => Buffered::readinto, "($self, buffer, /)", "Reads into a buffer.";
            o "readinto1" => Buffered::readinto1, "($self, buffer, /)", "Reads into a buffer with at most one raw call.";
            raw "readline" => Buffered::readline, "($self, size=-1, /)", "Reads a line.";
            sig "seek" => Buffered::seek, "($self, target, whence=0, /)", "Moves the position.";
            noargs "tell" => Buffered::tell, "($self, /)", "The position.";
            sig "truncate" => Buffered::truncate, "($self, pos=None, /)", "Cuts the stream.";
            noargs "__sizeof__" => Buffered::sizeof, "($self, /)", "Size in memory.";
            noargs "__getstate__" => Buffered::getstate, "($self, /)", "Streams cannot be pickled.";
        },
        getset: {
            "closed" => Buffered::get_closed, "Whether the stream is closed.";
            "name" => Buffered::get_name, "The raw stream's name.";
            "mode" => Buffered::get_mode, "The raw stream's mode.";
        },
        members: [
            member("raw\0", krait_object::layout::_Py_T_OBJECT, RAW_OFFSET, krait_object::layout::Py_READONLY, c""),
            member("_finalizing\0", krait_object::layout::Py_T_BOOL, FINALIZING, 0, c""),
        ],
    }
}

pytype! {
    pub static BUFFERED_WRITER_TYPE: "_io.BufferedWriter" for BufferedWriter {
        base: BufferedIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "BufferedWriter(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nA buffer around a raw stream that is written.",
        slots: {
            tp_dealloc = BufferedWriter::dealloc, tp_traverse = Buffered::traverse, tp_clear = Buffered::clear,
            tp_repr = Buffered::repr, tp_init = BufferedWriter::init,
        },
        methods: {
            noargs "close" => Buffered::close, "($self, /)", "Flushes and closes the stream.";
            noargs "detach" => Buffered::detach, "($self, /)", "Separates the raw stream.";
            noargs "seekable" => Buffered::seekable_method, "($self, /)", "Whether the position can be moved.";
            noargs "writable" => Buffered::writable_method, "($self, /)", "Whether it can be written.";
            noargs "fileno" => Buffered::fileno, "($self, /)", "The descriptor.";
            noargs "isatty" => Buffered::isatty, "($self, /)", "Whether it is a terminal.";
            o "_dealloc_warn" => Buffered::dealloc_warn, "($self, source, /)", "Warns of a stream that was not closed.";
            o "write" => Buffered::write, "($self, buffer, /)", "Writes bytes; returns how many.";
            sig "truncate" => Buffered::truncate, "($self, pos=None, /)", "Cuts or extends the stream.";
            noargs "flush" => Buffered::flush, "($self, /)", "Writes what is pending.";
            sig "seek" => Buffered::seek, "($self, target, whence=0, /)", "Moves the position.";
            noargs "tell" => Buffered::tell, "($self, /)", "The position.";
            noargs "__sizeof__" => Buffered::sizeof, "($self, /)", "Size in memory.";
            noargs "__getstate__" => Buffered::getstate, "($self, /)", "Streams cannot be pickled.";
        },
        getset: {
            "closed" => Buffered::get_closed, "Whether the stream is closed.";
            "name" => Buffered::get_name, "The raw stream's name.";
            "mode" => Buffered::get_mode, "The raw stream's mode.";
        },
        members: [
            member("raw\0", krait_object::layout::_Py_T_OBJECT, RAW_OFFSET, krait_object::layout::Py_READONLY, c""),
            member("_finalizing\0", krait_object::layout::Py_T_BOOL, FINALIZING, 0, c""),
        ],
    }
}

pytype! {
    pub static BUFFERED_RANDOM_TYPE: "_io.BufferedRandom" for BufferedRandom {
        base: BufferedIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "BufferedRandom(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nA buffer around a seekable raw stream.",
        slots: {
            tp_dealloc = BufferedRandom::dealloc, tp_traverse = Buffered::traverse, tp_clear = Buffered::clear,
            tp_repr = Buffered::repr, tp_init = BufferedRandom::init,
            tp_iternext = Buffered::next,
        },
        methods: {
            noargs "close" => Buffered::close, "($self, /)", "Flushes and closes the stream.";
            noargs "detach" => Buffered::detach, "($self, /)", "Separates the raw stream.";
            noargs "seekable" => Buffered::seekable_method, "($self, /)", "Whether the position can be moved.";
            noargs "readable" => Buffered::readable_method, "($self, /)", "Whether it can be read.";
            noargs "writable" => Buffered::writable_method, "($self, /)", "Whether it can be written.";
            noargs "fileno" => Buffered::fileno, "($self, /)", "The descriptor.";
            noargs "isatty" => Buffered::isatty, "($self, /)", "Whether it is a terminal.";
            o "_dealloc_warn" => Buffered::dealloc_warn, "($self, source, /)", "Warns of a stream that was not closed.";
            noargs "flush" => Buffered::flush, "($self, /)", "Writes what is pending.";
            sig "seek" => Buffered::seek, "($self, target, whence=0, /)", "Moves the position.";
            noargs "tell" => Buffered::tell, "($self, /)", "The position.";
            sig "truncate" => Buffered::truncate, "($self, pos=None, /)", "Cuts or extends the stream.";
            raw "read" => Buffered::read, "($self, size=-1, /)", "Reads so many bytes, or all.";
            raw "read1" => Buffered::read1, "($self, size=-1, /)", "Reads with at most one raw call.";
            o "readinto" => Buffered::readinto, "($self, buffer, /)", "Reads into a buffer.";
            o "readinto1" => Buffered::readinto1, "($self, buffer, /)", "Reads into a buffer with at most one raw call.";
            raw "readline" => Buffered::readline, "($self, size=-1, /)", "Reads a line.";
            raw "peek" => Buffered::peek, "($self, size=0, /)", "Bytes ahead, without moving.";
            o "write" => Buffered::write, "($self, buffer, /)", "Writes bytes; returns how many.";
            noargs "__sizeof__" => Buffered::sizeof, "($self, /)", "Size in memory.";
            noargs "__getstate__" => Buffered::getstate, "($self, /)", "Streams cannot be pickled.";
        },
        getset: {
            "closed" => Buffered::get_closed, "Whether the stream is closed.";
            "name" => Buffered::get_name, "The raw stream's name.";
            "mode" => Buffered::get_mode, "The raw stream's mode.";
        },
        members: [
            member("raw\0", krait_object::layout::_Py_T_OBJECT, RAW_OFFSET, krait_object::layout::Py_READONLY, c""),
            member("_finalizing\0", krait_object::layout::Py_T_BOOL, FINALIZING, 0, c""),
        ],
    }
}

/// `_io.BufferedRWPair`.
#[repr(C)]
pub struct BufferedRWPair {
    base: IOBase,
    reader: Slot,
    writer: Slot,
}

pytype! {
    pub static BUFFERED_RW_PAIR_TYPE: "_io.BufferedRWPair" for BufferedRWPair {
        base: BufferedIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "BufferedRWPair(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)\n--\n\nTwo raw streams as one, such as a pipe's two ends.",
        slots: {
            tp_dealloc = BufferedRWPair::dealloc, tp_traverse = BufferedRWPair::traverse, tp_clear = BufferedRWPair::clear,
            tp_init = BufferedRWPair::init,
        },
        methods: {
            raw "read" => BufferedRWPair::read, "", "Reads from the reader.";
            raw "peek" => BufferedRWPair::peek, "", "Bytes ahead in the reader.";
            raw "read1" => BufferedRWPair::read1, "", "Reads with at most one raw call.";
            raw "readinto" => BufferedRWPair::readinto, "", "Reads into a buffer.";
            raw "readinto1" => BufferedRWPair::readinto1, "", "Reads into a buffer with at most one raw call.";
            raw "write" => BufferedRWPair::write, "", "Writes to the writer.";
            noargs "flush" => BufferedRWPair::flush, "($self, /)", "Flushes the writer.";
            noargs "readable" => BufferedRWPair::readable, "($self, /)", "Whether the reader can be read.";
            noargs "writable" => BufferedRWPair::writable, "($self, /)", "Whether the writer can be written.";
            noargs "close" => BufferedRWPair::close, "($self, /)", "Closes both.";
            noargs "isatty" => BufferedRWPair::isatty, "($self, /)", "Whether either is a terminal.";
        },
        getset: { "closed" => BufferedRWPair::get_closed, "Whether the writer is closed."; },
    }
}

impl BufferedRWPair {
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                this.base.drop_base();
                drop(this.reader.take());
                drop(this.writer.take());
            });
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)?;
        visit.slot(&this.reader)?;
        visit.slot(&this.writer)
    }

    fn clear(py: Attached<'_>, this: &Self) {
        IOBase::clear(py, &this.base);
        drop(this.reader.take());
        drop(this.writer.take());
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        let args = args.unpack(py, "BufferedRWPair", 2, 3)?;
        base::check_readable(py, args[0])?;
        base::check_writable(py, args[1])?;
        let make = |ty: &Type, raw: &Object| match args.get(2) {
            Some(size) => ty.as_object().call_pos(py, &[raw, size]),
            None => ty.as_object().call_pos(py, &[raw]),
        };
        drop(this.reader.replace(Some(make(BufferedReader::type_object(), args[0])?)));
        drop(this.writer.replace(Some(make(BufferedWriter::type_object(), args[1])?)));
        Ok(())
    }

    fn part(&self, py: Attached<'_>, writer: bool) -> PyResult<Ref<Object>> {
        let slot = if writer { &self.writer } else { &self.reader };
        slot.get().ok_or_else(|| raise!(py, ValueError, "I/O operation on uninitialized object"))
    }

    fn forward(&self, py: Attached<'_>, writer: bool, method: &Str, args: Args<'_>) -> PyResult<Ref<Object>> {
        self.part(py, writer)?.get_attr(py, method)?.call(py, args)
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, read), args)
    }

    fn peek(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, peek), args)
    }

    fn read1(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, read1), args)
    }

    fn readinto(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, readinto), args)
    }

    fn readinto1(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, readinto1), args)
    }

    fn write(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.forward(py, true, id!(py, write), args)
    }

    fn flush(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, true, id!(py, flush), Args::EMPTY)
    }

    fn readable(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, false, id!(py, readable), Args::EMPTY)
    }

    fn writable(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, true, id!(py, writable), Args::EMPTY)
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let writer = this.forward(py, true, id!(py, close), Args::EMPTY);
        base::chained(py, writer, |py| this.forward(py, false, id!(py, close), Args::EMPTY).map(drop))
    }

    fn isatty(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let first = this.forward(py, true, id!(py, isatty), Args::EMPTY)?;
        if bool_or(py, Some(&first), false)? {
            return Ok(first);
        }
        this.forward(py, false, id!(py, isatty), Args::EMPTY)
    }

    fn get_closed(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.part(py, true)?.get_attr(py, id!(py, closed))
    }
}

/// Whether a binary stream is closed, with a short way for the types of this file.
pub fn buffer_closed(py: Attached<'_>, buffer: &Object) -> PyResult<bool> {
    let ty = buffer.ty();
    for known in [BufferedWriter::type_object(), BufferedReader::type_object(), BufferedRandom::type_object()] {
        if std::ptr::eq(ty, known) {
            // SAFETY: [layout]: these types begin with `Buffered`.
            return unsafe { &*buffer.as_ptr().cast::<Buffered>() }.raw_closed(py);
        }
    }
    base::is_closed(py, buffer)
}
