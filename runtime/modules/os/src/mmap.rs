//! `mmap`: files and anonymous memory mapped into the process.
//!
//! Concurrency: every method holds the map's lock while it touches the memory, so `close` and `resize` never pull it
//! away; what other threads or processes write is seen byte by byte.
use crate::util::*;
use crate::{linux_tty, vm};
use krait_object::args::{Args, Signature};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::{Field, Py_buffer, PyObject};
use krait_object::protocols::buffer::{Buffer, BytesArg, fill_info};
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Slice, Type, exc, mem, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

type Opt<'a> = Option<&'a Object>;

const DEFAULT: c_int = 0;
const READ: c_int = 1;
const WRITE: c_int = 2;
const COPY: c_int = 3;

/// `mmap.mmap`.
#[repr(C)]
pub struct Map {
    ob_base: PyObject,
    /// Null when closed.
    data: Field<*mut u8>,
    size: Field<usize>,
    pos: Field<usize>,
    offset: Field<i64>,
    exports: Field<isize>,
    fd: Field<c_int>,
    flags: Field<c_int>,
    access: Field<c_int>,
    tracks_fd: Field<bool>,
    weaklist: Field<*mut PyObject>,
}

pytype! {
    pub static MMAP_TYPE: "mmap.mmap" for Map {
        base: Object,
        flags: [BASETYPE],
        doc: "mmap(fileno, length[, flags[, prot[, access[, offset[, trackfd]]]]])\n\nMaps a file or anonymous memory (fileno -1) into the process.",
        slots: {
            tp_new = Map::construct,
            tp_dealloc = Map::dealloc,
            tp_repr = Map::repr,
            raw tp_weaklistoffset = offset_of!(Map, weaklist) as isize,
            length = Map::len,
            mp_subscript = Map::subscript,
            mp_ass_subscript = Map::ass_subscript,
            sq_item = Map::item,
            sq_ass_item = Map::ass_item,
            bf_getbuffer = Map::getbuffer,
            bf_releasebuffer = Map::releasebuffer,
        },
        methods: {
            noargs "close" => Map::close, "($self, /)", "Unmaps the memory.";
            sig "find" => Map::find, "($self, view, start=None, end=None, /)", "Where some bytes are first found, or -1.";
            sig "rfind" => Map::rfind, "($self, view, start=None, end=None, /)", "Where some bytes are last found, or -1.";
            sig "flush" => Map::flush, "($self, offset=0, size=None, /)", "Writes changes back to the file.";
            sig "madvise" => Map::madvise, "($self, option, start=0, length=None, /)", "Tells the system how the memory will be used.";
            sig "move" => Map::move_bytes, "($self, dest, src, count, /)", "Copies bytes within the map.";
            sig "read" => Map::read, "($self, n=None, /)", "The next n bytes, or all that follow.";
            noargs "read_byte" => Map::read_byte, "($self, /)", "The next byte as a number.";
            noargs "readline" => Map::readline, "($self, /)", "The next line.";
            o "resize" => Map::resize, "($self, newsize, /)", "Changes the size of the map, and of the file.";
            sig "seek" => Map::seek, "($self, pos, whence=0, /)", "Sets the position.";
            noargs "seekable" => |_: Attached<'_>, _: &Map| true, "($self, /)", "True.";
            noargs "size" => Map::file_size, "($self, /)", "The size of the file, which may be more than is mapped.";
            noargs "tell" => Map::tell, "($self, /)", "The position.";
            o "write" => Map::write, "($self, bytes, /)", "Writes bytes at the position; how many.";
            o "write_byte" => Map::write_byte, "($self, byte, /)", "Writes one byte, given as a number.";
            noargs "__enter__" => Map::enter, "($self, /)", "The map.";
            sig "__exit__" => Map::exit, "($self, exc_type, exc_value, traceback, /)", "Closes the map.";
        },
        getset: { "closed" => |_: Attached<'_>, this: &Map| this.data.get().is_null(), "Whether the map is closed."; },
    }
}

fn sequence_index(at: isize, size: usize) -> Option<usize> {
    let at = if at < 0 { at + size as isize } else { at };
    usize::try_from(at).ok().filter(|&at| at < size)
}

/// Mode bits and flags for an `access` argument.
fn access_modes(py: Attached<'_>, access: c_int, flags: c_int, prot: c_int) -> PyResult<(c_int, c_int, c_int)> {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    if access != DEFAULT && (flags != libc::MAP_SHARED || prot != both) {
        return Err(raise!(py, ValueError, "mmap can't specify both access and flags, prot."));
    }
    Ok(match access {
        READ => (READ, libc::MAP_SHARED, libc::PROT_READ),
        WRITE => (WRITE, libc::MAP_SHARED, both),
        COPY => (COPY, libc::MAP_PRIVATE, both),
        DEFAULT if prot & both == both => (DEFAULT, flags, prot),
        DEFAULT if prot & libc::PROT_WRITE != 0 => (WRITE, flags, prot),
        DEFAULT => (READ, flags, prot),
        _ => return Err(raise!(py, ValueError, "mmap invalid access parameter.")),
    })
}

/// How much to map of the file behind `fd`, of which `length` was asked for.
fn mapped_size(py: Attached<'_>, fd: c_int, length: usize, offset: i64) -> PyResult<usize> {
    if fd == -1 {
        return Ok(length);
    }
    // SAFETY: plain data, filled by the call.
    let mut facts: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a local variable.
    let known = once(py, || unsafe { libc::fstat(fd, &raw mut facts) }).is_ok();
    if !known || facts.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Ok(length);
    }
    if length == 0 {
        return match facts.st_size {
            0 => Err(raise!(py, ValueError, "cannot mmap an empty file")),
            size if offset >= size => Err(raise!(py, ValueError, "mmap offset is greater than file size")),
            size => Ok((size - offset) as usize),
        };
    }
    if offset > facts.st_size || ((facts.st_size - offset) as u64) < length as u64 {
        return Err(raise!(py, ValueError, "mmap length is greater than file size"));
    }
    Ok(length)
}

impl Map {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature =
            Signature::parse("mmap", "(fileno, length, flags=1, prot=3, access=0, offset=0, *, trackfd=True)");
        let [fileno, length, flags, prot, access, offset, track]: [Opt<'_>; 7] = SIG.bind(py, args)?;
        let fd = int_arg(py, need(py, fileno)?)?;
        let length = need(py, length)?.as_isize(py)?;
        let flags = int_or(py, flags, libc::MAP_SHARED)?;
        let prot = int_or(py, prot, libc::PROT_READ | libc::PROT_WRITE)?;
        let access = int_or(py, access, DEFAULT)?;
        let offset = offset.map_or(Ok(0), |offset| offset.as_i64(py))?;
        let track = bool_or(py, track, true)?;
        vm::audit(
            py,
            "mmap.__new__",
            &[&*fd.into_object(py)?, &*length.into_object(py)?, &*access.into_object(py)?, &*offset.into_object(py)?],
        )?;
        let Ok(length) = usize::try_from(length) else {
            return Err(raise!(py, OverflowError, "memory mapped length must be positive"));
        };
        if offset < 0 {
            return Err(raise!(py, OverflowError, "memory mapped offset must be positive"));
        }
        let (access, mut flags, prot) = access_modes(py, access, flags, prot)?;
        let size = mapped_size(py, fd, length, offset)?;
        let mut own = -1;
        if fd == -1 {
            flags |= libc::MAP_ANONYMOUS;
        } else if track {
            // SAFETY: no memory is involved.
            own = quick(py, || unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
        }
        // SAFETY: a new mapping at an address that the system chooses.
        let data = vm::without(py, || unsafe { libc::mmap(ptr::null_mut(), size, prot, flags, fd, offset) });
        if data == libc::MAP_FAILED {
            let error = errno();
            close_fd(own);
            return Err(raise_os_error(py, error));
        }
        let object = match ty.alloc(py, 0) {
            Ok(object) => object,
            Err(raised) => {
                // SAFETY: just mapped, and nobody else knows it.
                unsafe { libc::munmap(data, size) };
                close_fd(own);
                return Err(raised);
            }
        };
        // SAFETY: [layout]: a fresh instance of this type or a subtype.
        let this = unsafe { (*object).cast_unchecked::<Map>() };
        this.size.set(size);
        this.offset.set(offset);
        this.fd.set(own);
        this.flags.set(flags);
        this.access.set(access);
        this.tracks_fd.set(track);
        this.data.set(data.cast());
        Ok(object)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; memory and descriptor are ours.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                close_fd(this.fd.get());
                if !this.data.get().is_null() {
                    libc::munmap(this.data.get().cast(), this.size.get());
                }
            });
        }
    }

    fn repr(_: Attached<'_>, this: &Self) -> String {
        let class = this.as_object().ty().tp_name();
        if this.data.get().is_null() {
            return format!("<{class} closed=True>");
        }
        let access = ["ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY"][this.access.get() as usize & 3];
        let (size, pos, offset) = (this.size.get(), this.pos.get(), this.offset.get());
        format!("<{class} closed=False, access={access}, length={size}, pos={pos}, offset={offset}>")
    }

    fn check_open(&self, py: Attached<'_>) -> PyResult<()> {
        match self.data.get().is_null() {
            true => Err(raise!(py, ValueError, "mmap closed or invalid")),
            false => Ok(()),
        }
    }

    fn check_writable(&self, py: Attached<'_>) -> PyResult<()> {
        match self.access.get() {
            READ => Err(raise!(py, TypeError, "mmap can't modify a readonly memory map.")),
            _ => Ok(()),
        }
    }

    /// The mapped bytes. The caller holds the lock and checked that the map is open.
    fn bytes(&self) -> &[u8] {
        // SAFETY: [locked]: an open map has `size` bytes, and nobody unmaps them meanwhile.
        unsafe { std::slice::from_raw_parts(self.data.get(), self.size.get()) }
    }

    /// As [`Map::bytes`], to write to; the caller also checked that the map is writable.
    #[allow(clippy::mut_from_ref)]
    fn bytes_mut(&self) -> &mut [u8] {
        // SAFETY: as above; the lock's holder is the only writer of this object.
        unsafe { std::slice::from_raw_parts_mut(self.data.get(), self.size.get()) }
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let _lock = this.lock(py);
        if this.exports.get() > 0 {
            return Err(raise!(py, BufferError, "cannot close exported pointers exist"));
        }
        let (fd, data, size) = (this.fd.get(), this.data.get(), this.size.get());
        this.fd.set(-1);
        this.data.set(ptr::null_mut());
        close_fd(fd);
        if !data.is_null() {
            // SAFETY: nobody uses the memory: no exports, and the lock is held.
            unsafe { libc::munmap(data.cast(), size) };
        }
        Ok(())
    }

    fn enter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Self>> {
        this.check_open(py)?;
        Ok(this.to_ref())
    }

    fn exit(py: Attached<'_>, this: &Self, _: [Opt<'_>; 3]) -> PyResult<Ref<Object>> {
        // A subclass may have its own `close`.
        this.as_object().call_method(py, krait_object::id!(py, close), &[])
    }

    fn len(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        this.check_open(py)?;
        Ok(this.size.get())
    }

    fn find_in(&self, py: Attached<'_>, args: [Opt<'_>; 3], backwards: bool) -> PyResult<isize> {
        self.check_open(py)?;
        let [view, start, end] = args;
        let view = BytesArg::new(py, need(py, view)?)?;
        let number = |object: Opt<'_>| given(object).map(|object| object.as_index(py)).transpose();
        let (start, end) = (number(start)?, number(end)?);
        let _lock = self.lock(py);
        self.check_open(py)?;
        let size = self.size.get() as isize;
        let clip = |at: isize| if at < 0 { (at + size).max(0) } else { at.min(size) } as usize;
        let start = start.map_or(self.pos.get(), clip);
        let end = end.map_or(self.size.get(), clip);
        let needle = view.as_slice();
        let Some(part) = self.bytes().get(start..end) else { return Ok(-1) };
        let found = match backwards {
            false => memchr::memmem::find(part, needle),
            true => memchr::memmem::rfind(part, needle),
        };
        Ok(found.map_or(-1, |at| (at + start) as isize))
    }

    fn find(py: Attached<'_>, this: &Self, args: [Opt<'_>; 3]) -> PyResult<isize> {
        this.find_in(py, args, false)
    }

    fn rfind(py: Attached<'_>, this: &Self, args: [Opt<'_>; 3]) -> PyResult<isize> {
        this.find_in(py, args, true)
    }

    fn flush(py: Attached<'_>, this: &Self, [offset, size]: [Opt<'_>; 2]) -> PyResult<()> {
        let offset = offset.map_or(Ok(0), |offset| offset.as_isize(py))?;
        let size = given(size).map(|size| size.as_isize(py)).transpose()?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let all = this.size.get() as isize;
        let size = size.unwrap_or(all - offset);
        let end = offset.checked_add(size).filter(|end| (0..=all).contains(end));
        if offset < 0 || size < 0 || end.is_none() {
            return Err(raise!(py, ValueError, "flush values out of range"));
        }
        if matches!(this.access.get(), READ | COPY) {
            return Ok(());
        }
        let data = this.data.get();
        // SAFETY: a part of the mapping. The lock stays held, so that nobody unmaps it; waiting for the disk is short
        // of Python code.
        quick(py, || unsafe { libc::msync(data.offset(offset).cast(), size as usize, libc::MS_SYNC) }).map(drop)
    }

    fn madvise(py: Attached<'_>, this: &Self, [option, start, length]: [Opt<'_>; 3]) -> PyResult<()> {
        let option = int_arg(py, need(py, option)?)?;
        let start = start.map_or(Ok(0), |start| start.as_isize(py))?;
        let length = given(length).map(|length| length.as_isize(py)).transpose()?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let all = this.size.get() as isize;
        let length = length.unwrap_or(all);
        if start < 0 || start >= all {
            return Err(raise!(py, ValueError, "madvise start out of bounds"));
        }
        if length < 0 {
            return Err(raise!(py, ValueError, "madvise length invalid"));
        }
        if start.checked_add(length).is_none() {
            return Err(raise!(py, OverflowError, "madvise length too large"));
        }
        let length = length.min(all - start);
        let data = this.data.get();
        // SAFETY: a part of the mapping. Advice that drops contents is what the caller asks for.
        quick(py, || unsafe { libc::madvise(data.offset(start).cast(), length as usize, option) }).map(drop)
    }

    fn move_bytes(py: Attached<'_>, this: &Self, [dest, src, count]: [Opt<'_>; 3]) -> PyResult<()> {
        let [dest, src, count] = [dest, src, count].map(|part| need(py, part)?.as_isize(py));
        let (dest, src, count) = (dest?, src?, count?);
        let _lock = this.lock(py);
        this.check_open(py)?;
        this.check_writable(py)?;
        let size = this.size.get() as isize;
        if dest < 0 || src < 0 || count < 0 || size - dest < count || size - src < count {
            return Err(raise!(py, ValueError, "source, destination, or count out of range"));
        }
        this.bytes_mut().copy_within(src as usize..(src + count) as usize, dest as usize);
        Ok(())
    }

    fn read(py: Attached<'_>, this: &Self, [count]: [Opt<'_>; 1]) -> PyResult<Ref<Bytes>> {
        let count = given(count).map_or(Ok(-1), |count| {
            if !count.has_index() {
                let class = count.ty().name();
                return Err(raise!(py, TypeError, "argument should be integer or None, not '{class}'"));
            }
            count.as_isize_clamped(py)
        })?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let pos = this.pos.get().min(this.size.get());
        let left = this.size.get() - pos;
        let count = usize::try_from(count).map_or(left, |count| count.min(left));
        let bytes = Bytes::new(py, &this.bytes()[pos..pos + count])?;
        this.pos.set(pos + count);
        Ok(bytes)
    }

    fn read_byte(py: Attached<'_>, this: &Self) -> PyResult<u8> {
        let _lock = this.lock(py);
        this.check_open(py)?;
        let pos = this.pos.get();
        match this.bytes().get(pos).copied() {
            Some(byte) => {
                this.pos.set(pos + 1);
                Ok(byte)
            }
            None => Err(raise!(py, ValueError, "read byte out of range")),
        }
    }

    fn readline(py: Attached<'_>, this: &Self) -> PyResult<Ref<Bytes>> {
        let _lock = this.lock(py);
        this.check_open(py)?;
        let pos = this.pos.get().min(this.size.get());
        let rest = &this.bytes()[pos..];
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let bytes = Bytes::new(py, &rest[..end])?;
        this.pos.set(pos + end);
        Ok(bytes)
    }

    fn resize(py: Attached<'_>, this: &Self, size: &Object) -> PyResult<()> {
        let new = size.as_isize(py)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        if this.exports.get() > 0 {
            return Err(raise!(py, BufferError, "mmap can't resize with extant buffers exported."));
        }
        if !this.tracks_fd.get() {
            return Err(raise!(py, ValueError, "mmap can't resize with trackfd=False."));
        }
        if !matches!(this.access.get(), DEFAULT | WRITE) {
            return Err(raise!(py, TypeError, "mmap can't resize a readonly or copy-on-write memory map."));
        }
        if new < 0 || isize::MAX as i64 - this.offset.get() < new as i64 {
            return Err(raise!(py, ValueError, "new size out of range"));
        }
        let (old, fd) = (this.size.get(), this.fd.get());
        if fd == -1 {
            if this.flags.get() & libc::MAP_PRIVATE == 0 && new as usize > old {
                return Err(raise!(py, ValueError, "mmap: can't expand a shared anonymous mapping"));
            }
        } else {
            // SAFETY: no memory is involved.
            quick(py, || unsafe { libc::ftruncate(fd, this.offset.get() + new as i64) })?;
        }
        // SAFETY: our mapping, which nobody uses: no exports, and the lock is held.
        let data = unsafe { libc::mremap(this.data.get().cast(), old, new as usize, libc::MREMAP_MAYMOVE) };
        if data == libc::MAP_FAILED {
            return Err(raise_os_error(py, errno()));
        }
        this.data.set(data.cast());
        this.size.set(new as usize);
        Ok(())
    }

    fn seek(py: Attached<'_>, this: &Self, [pos, whence]: [Opt<'_>; 2]) -> PyResult<isize> {
        let distance = need(py, pos)?.as_isize(py)?;
        let whence = int_or(py, whence, 0)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let start = match whence {
            0 => 0,
            1 => this.pos.get() as isize,
            2 => this.size.get() as isize,
            _ => return Err(raise!(py, ValueError, "unknown seek type")),
        };
        match start.checked_add(distance).filter(|at| (0..=this.size.get() as isize).contains(at)) {
            Some(at) => {
                this.pos.set(at as usize);
                Ok(at)
            }
            None => Err(raise!(py, ValueError, "seek out of range")),
        }
    }

    fn file_size(py: Attached<'_>, this: &Self) -> PyResult<i64> {
        this.check_open(py)?;
        let fd = this.fd.get();
        // SAFETY: plain data, filled by the call.
        let mut facts: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: a local variable.
        once(py, || unsafe { libc::fstat(fd, &raw mut facts) }).map_err(|errno| raise_os_error(py, errno))?;
        Ok(facts.st_size)
    }

    fn tell(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        this.check_open(py)?;
        Ok(this.pos.get())
    }

    fn write(py: Attached<'_>, this: &Self, bytes: &Object) -> PyResult<usize> {
        this.check_open(py)?;
        let bytes = BytesArg::new(py, bytes)?;
        this.check_writable(py)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let (pos, count) = (this.pos.get(), bytes.as_slice().len());
        let room = this.size.get().checked_sub(pos).filter(|&room| room >= count);
        if room.is_none() {
            return Err(raise!(py, ValueError, "data out of range"));
        }
        // SAFETY: [locked]: in range of the mapping; the source may be a part of it.
        unsafe { ptr::copy(bytes.as_slice().as_ptr(), this.data.get().add(pos), count) };
        this.pos.set(pos + count);
        Ok(count)
    }

    fn write_byte(py: Attached<'_>, this: &Self, byte: &Object) -> PyResult<()> {
        let value = byte.index(py)?;
        let byte = match value.to_i64() {
            _ if value.is_negative() => {
                return Err(raise!(py, OverflowError, "unsigned byte integer is less than minimum"));
            }
            Some(value) if value <= 255 => value as u8,
            _ => return Err(raise!(py, OverflowError, "unsigned byte integer is greater than maximum")),
        };
        let _lock = this.lock(py);
        this.check_open(py)?;
        this.check_writable(py)?;
        let pos = this.pos.get();
        match this.bytes_mut().get_mut(pos) {
            Some(slot) => *slot = byte,
            None => return Err(raise!(py, ValueError, "write byte out of range")),
        }
        this.pos.set(pos + 1);
        Ok(())
    }

    fn item(py: Attached<'_>, this: &Self, at: isize) -> PyResult<Ref<Bytes>> {
        let _lock = this.lock(py);
        this.check_open(py)?;
        match usize::try_from(at).ok().and_then(|at| this.bytes().get(at).copied()) {
            Some(byte) => Bytes::new(py, &[byte]),
            None => Err(raise!(py, IndexError, "mmap index out of range")),
        }
    }

    fn ass_item(py: Attached<'_>, this: &Self, at: isize, value: Option<&Object>) -> PyResult<()> {
        this.check_open(py)?;
        let Some(at) = usize::try_from(at).ok().filter(|&at| at < this.size.get()) else {
            return Err(raise!(py, IndexError, "mmap index out of range"));
        };
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "mmap object doesn't support item deletion"));
        };
        let Some([byte]) = value.downcast::<Bytes>().map(Bytes::as_slice) else {
            return Err(raise!(py, IndexError, "mmap assignment must be length-1 bytes()"));
        };
        this.check_writable(py)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        if let Some(slot) = this.bytes_mut().get_mut(at) {
            *slot = *byte;
        }
        Ok(())
    }

    fn subscript(py: Attached<'_>, this: &Self, key: &Object) -> PyResult<Ref<Object>> {
        this.check_open(py)?;
        if key.has_index() {
            let at = key.as_index(py)?;
            let _lock = this.lock(py);
            this.check_open(py)?;
            return match sequence_index(at, this.size.get()) {
                Some(at) => this.bytes()[at].into_object(py),
                None => Err(raise!(py, IndexError, "mmap index out of range")),
            };
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "mmap indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let (start, _, count) = Slice::adjust(this.size.get(), start, stop, step);
        let bytes = this.bytes();
        if step == 1 {
            return Ok(Bytes::new(py, &bytes[start as usize..start as usize + count])?.upcast());
        }
        let picked: Vec<u8> = (0..count as isize).map(|at| bytes[(start + at * step) as usize]).collect();
        Ok(Bytes::new(py, &picked)?.upcast())
    }

    fn ass_subscript(py: Attached<'_>, this: &Self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        this.check_open(py)?;
        this.check_writable(py)?;
        if key.has_index() {
            let at = key.as_index(py)?;
            if sequence_index(at, this.size.get()).is_none() {
                return Err(raise!(py, IndexError, "mmap index out of range"));
            }
            let Some(value) = value else {
                return Err(raise!(py, TypeError, "mmap doesn't support item deletion"));
            };
            if !value.has_index() {
                return Err(raise!(py, TypeError, "mmap item value must be an int"));
            }
            let number = value.as_isize(py)?;
            let Ok(byte) = u8::try_from(number) else {
                return Err(raise!(py, ValueError, "mmap item value must be in range(0, 256)"));
            };
            let _lock = this.lock(py);
            this.check_open(py)?;
            return match sequence_index(at, this.size.get()) {
                Some(at) => {
                    this.bytes_mut()[at] = byte;
                    Ok(())
                }
                None => Err(raise!(py, IndexError, "mmap index out of range")),
            };
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "mmap indices must be integer"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "mmap object doesn't support slice deletion"));
        };
        let source = Buffer::contiguous(py, value)?;
        let _lock = this.lock(py);
        this.check_open(py)?;
        let (start, _, count) = Slice::adjust(this.size.get(), start, stop, step);
        if source.view().len as usize != count {
            return Err(raise!(py, IndexError, "mmap slice assignment is wrong size"));
        }
        // SAFETY: [locked]: in range of the mapping; the source may be a part of it.
        unsafe {
            let (from, to) = (source.view().buf.cast::<u8>(), this.data.get());
            if step == 1 {
                ptr::copy(from, to.offset(start), count);
            } else {
                (0..count as isize).for_each(|at| *to.offset(start + at * step) = *from.offset(at));
            }
        }
        Ok(())
    }

    fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        let _lock = this.lock(py);
        this.check_open(py)?;
        let readonly = this.access.get() == READ;
        let (data, size) = (this.data.get().cast(), this.size.get() as isize);
        // SAFETY: an export keeps the memory mapped until the view is released.
        unsafe { fill_info(py, view, Some(this.as_object()), data, size, readonly, flags)? };
        this.exports.set(this.exports.get() + 1);
        Ok(())
    }

    fn releasebuffer(py: Attached<'_>, this: &Self, _: &mut Py_buffer) {
        let _lock = this.lock(py);
        this.exports.set(this.exports.get() - 1);
    }
}

fn close_fd(fd: c_int) {
    if fd >= 0 {
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(fd) };
    }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_ints(py, module, linux_tty::MMAP)?;
    add_ints(
        py,
        module,
        &[
            ("ACCESS_DEFAULT", DEFAULT as i64),
            ("ACCESS_READ", READ as i64),
            ("ACCESS_WRITE", WRITE as i64),
            ("ACCESS_COPY", COPY as i64),
        ],
    )?;
    // SAFETY: no memory is involved.
    let page = Int::from_i64(py, unsafe { libc::sysconf(libc::_SC_PAGESIZE) })?;
    module.add(py, "PAGESIZE", page.as_object())?;
    module.add(py, "ALLOCATIONGRANULARITY", page.as_object())?;
    module.add(py, "error", exc::OSError().as_object())?;
    add_type::<Map>(py, module, "mmap")
}
