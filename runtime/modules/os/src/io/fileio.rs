//! `FileIO`: a file descriptor as a raw stream.
use super::base::{IOBase, RawIOBase, unsupported};
use crate::util::*;
use crate::vm;
use krait_object::args::{Args, Signature};
use krait_object::exceptions::raise_os_error;
use krait_object::protocols::buffer::{Buffer, BytesArg};
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Field, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Type, Visit, exc, id, mem,
    pytype, raise,
};
use std::ffi::c_int;
use std::fmt::Display;
use std::mem::offset_of;
use std::ptr::NonNull;

/// `_io.FileIO`.
#[repr(C)]
pub struct FileIO {
    base: IOBase,
    fd: Field<c_int>,
    created: Field<bool>,
    readable: Field<bool>,
    writable: Field<bool>,
    appending: Field<bool>,
    /// 0 no, 1 yes, 2 unknown.
    seekable: Field<u8>,
    closefd: Field<bool>,
    finalizing: Field<bool>,
    block_size: Field<u32>,
    /// Size of a regular file when it was opened, or -1: how much a first `readall` makes room for.
    size: Field<i64>,
    device: Field<bool>,
}

const MAX_IO: usize = 0x7fff_f000;
/// Files of less than this are read at once by `readall`.
const SMALL: i64 = 65536;

pytype! {
    pub static FILE_IO_TYPE: "_io.FileIO" for FileIO {
        base: RawIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "FileIO(file, mode='r', closefd=True, opener=None)\n--\n\nA file as a raw stream of bytes.",
        slots: {
            tp_dealloc = FileIO::dealloc, tp_traverse = FileIO::traverse, tp_clear = FileIO::clear, tp_repr = FileIO::repr,
            tp_new = FileIO::new_object, tp_init = FileIO::init,
        },
        methods: {
            raw "read" => FileIO::read, "($self, size=-1, /)", "Reads at most so many bytes with one call.";
            noargs "readall" => FileIO::readall, "($self, /)", "Reads until the end.";
            o "readinto" => FileIO::readinto, "($self, buffer, /)", "Reads into a buffer.";
            o "write" => FileIO::write, "($self, b, /)", "Writes bytes with one call; returns how many.";
            sig "seek" => FileIO::seek, "($self, pos, whence=0, /)", "Moves the position.";
            noargs "tell" => FileIO::tell, "($self, /)", "The position.";
            sig "truncate" => FileIO::truncate, "($self, size=None, /)", "Cuts or extends the file.";
            noargs "close" => FileIO::close, "($self, /)", "Closes the file.";
            noargs "seekable" => FileIO::seekable_method, "($self, /)", "Whether the position can be moved.";
            noargs "readable" => FileIO::readable_method, "($self, /)", "Whether it was opened for reading.";
            noargs "writable" => FileIO::writable_method, "($self, /)", "Whether it was opened for writing.";
            noargs "fileno" => FileIO::fileno, "($self, /)", "The descriptor.";
            noargs "isatty" => FileIO::isatty, "($self, /)", "Whether it is a terminal.";
            noargs "_isatty_open_only" => FileIO::isatty_open_only, "($self, /)", "As isatty(), without a call for regular files.";
            o "_dealloc_warn" => FileIO::dealloc_warn, "($self, object, /)", "Warns of a file that was not closed.";
            noargs "__getstate__" => FileIO::getstate, "($self, /)", "Files cannot be pickled.";
        },
        getset: {
            "closed" => FileIO::get_closed, "True if the file is closed";
            "closefd" => FileIO::get_closefd, "True if the file descriptor will be closed by close().";
            "mode" => FileIO::get_mode, "String giving the file mode";
            "_blksize" => FileIO::get_blksize, "Stat st_blksize if available";
        },
        members: [member("_finalizing\0", krait_object::layout::Py_T_BOOL, offset_of!(FileIO, finalizing), 0, c"")],
    }
}

/// What a mode text asks for.
struct Mode {
    flags: c_int,
    created: bool,
    readable: bool,
    writable: bool,
    appending: bool,
}

fn parse_mode(py: Attached<'_>, text: &str) -> PyResult<Mode> {
    let mut mode = Mode { flags: 0, created: false, readable: false, writable: false, appending: false };
    let (mut kinds, mut plus) = (0, 0);
    for letter in text.chars() {
        match letter {
            'x' => {
                kinds += 1;
                (mode.created, mode.writable) = (true, true);
                mode.flags |= libc::O_EXCL | libc::O_CREAT;
            }
            'r' => {
                kinds += 1;
                mode.readable = true;
            }
            'w' => {
                kinds += 1;
                mode.writable = true;
                mode.flags |= libc::O_CREAT | libc::O_TRUNC;
            }
            'a' => {
                kinds += 1;
                (mode.writable, mode.appending) = (true, true);
                mode.flags |= libc::O_APPEND | libc::O_CREAT;
            }
            'b' => {}
            '+' => plus += 1,
            _ => return Err(raise!(py, ValueError, "invalid mode: {text}")),
        }
    }
    if kinds != 1 || plus > 1 {
        return Err(raise!(
            py,
            ValueError,
            "Must have exactly one of create/read/write/append mode and at most one plus"
        ));
    }
    if plus == 1 {
        (mode.readable, mode.writable) = (true, true);
    }
    mode.flags |= libc::O_CLOEXEC
        | match (mode.readable, mode.writable) {
            (true, true) => libc::O_RDWR,
            (true, false) => libc::O_RDONLY,
            _ => libc::O_WRONLY,
        };
    Ok(mode)
}

impl FileIO {
    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `FileIO`.
        let this: &FileIO = unsafe { (*object).cast_unchecked() };
        this.fd.set(-1);
        this.seekable.set(2);
        this.closefd.set(true);
        this.block_size.set(8192);
        this.size.set(-1);
        Ok(object)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("FileIO", "(file, mode='r', closefd=True, opener=None)");
        let [file, mode, closefd, opener]: [Option<&Object>; 4] = SIG.bind(py, args)?;
        let mode = match mode {
            None => "r".to_owned(),
            Some(mode) => match mode.downcast::<Str>() {
                Some(mode) => mode.to_utf8(py)?.to_owned(),
                None => {
                    return Err(raise!(
                        py,
                        TypeError,
                        "FileIO() argument 'mode' must be str, not {}",
                        krait_object::builtins::textargs::arg_type(mode)
                    ));
                }
            },
        };
        let closefd = bool_or(py, closefd, true)?;
        this.open(py, need(py, file)?, &mode, closefd, given(opener))
    }

    fn open(
        &self,
        py: Attached<'_>,
        file: &Object,
        mode: &str,
        closefd: bool,
        opener: Option<&Object>,
    ) -> PyResult<()> {
        if self.fd.get() >= 0 {
            if self.closefd.get() {
                self.close_fd(py)?;
            } else {
                self.fd.set(-1);
            }
        }
        let mut given_fd = None;
        if file.downcast::<Int>().is_some() {
            if file.downcast_exact::<krait_object::Bool>().is_some() {
                let warn = krait_object::hooks::hooks().warn;
                warn(py, exc::RuntimeWarning(), "bool is used as a file descriptor", 1)?;
            }
            given_fd = match file.as_i32(py) {
                Ok(fd) if fd < 0 => return Err(raise!(py, ValueError, "negative file descriptor")),
                Ok(fd) => Some(fd),
                // What is no descriptor is taken for a path, which fails.
                Err(raised) => {
                    raised.clear(py);
                    None
                }
            };
        }
        let path = if given_fd.is_none() { Some(fs_bytes(py, file)?) } else { None };
        let parsed = parse_mode(py, mode)?;
        self.created.set(parsed.created);
        self.readable.set(parsed.readable);
        self.writable.set(parsed.writable);
        self.appending.set(parsed.appending);
        self.seekable.set(2);
        self.size.set(-1);
        let (mode_object, flags) = (Str::new(py, mode)?, parsed.flags.into_object(py)?);
        vm::audit(py, "open", &[file, mode_object.as_object(), &flags])?;
        if let Some(fd) = given_fd {
            self.fd.set(fd);
            self.closefd.set(closefd);
        } else {
            self.closefd.set(true);
            if !closefd {
                return Err(raise!(py, ValueError, "Cannot use closefd=False with file name"));
            }
            let path = path.as_deref().unwrap_or_default();
            let fd = match opener {
                None => {
                    // SAFETY: a C string.
                    let opened =
                        retry(py, || unsafe { libc::open(path.as_ptr(), parsed.flags, 0o666 as libc::c_uint) })?;
                    opened
                        .map_err(|errno| krait_object::exceptions::raise_os_error_with(py, errno, Some(file), None))?
                }
                Some(opener) => {
                    let result = opener.call_pos(py, &[file, &flags])?;
                    if (*result).downcast::<Int>().is_none() {
                        return Err(raise!(py, TypeError, "expected integer from opener"));
                    }
                    let fd = result.as_i32(py)?;
                    if fd < 0 {
                        return Err(raise!(py, ValueError, "opener returned {fd}"));
                    }
                    quick(py, || crate::posix::set_inheritable_fd(fd, false))?;
                    fd
                }
            };
            self.fd.set(fd);
        }
        self.after_open(py, file, given_fd.is_some()).inspect_err(|_| {
            if given_fd.is_none() {
                let pending = py.take_raised();
                let _ = self.close_fd(py).map_err(|raised| raised.clear(py));
                if let Some(pending) = pending {
                    let _ = py.restore(pending);
                }
            } else {
                self.fd.set(-1);
            }
        })
    }

    /// Looks at the open file and notes its name.
    fn after_open(&self, py: Attached<'_>, file: &Object, was_open: bool) -> PyResult<()> {
        let fd = self.fd.get();
        let mut st = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the struct is filled by a successful call.
        match once(py, || unsafe { libc::fstat(fd, st.as_mut_ptr()) }) {
            Ok(_) => {
                // SAFETY: as above.
                let st = unsafe { st.assume_init() };
                match st.st_mode & libc::S_IFMT {
                    libc::S_IFDIR => {
                        return Err(krait_object::exceptions::raise_os_error_with(py, libc::EISDIR, Some(file), None));
                    }
                    libc::S_IFREG => self.size.set(st.st_size),
                    libc::S_IFCHR => self.device.set(true),
                    _ => {}
                }
                if st.st_blksize > 1 {
                    self.block_size.set(st.st_blksize as u32);
                }
            }
            Err(libc::EBADF) => {
                let name = if was_open { None } else { Some(file) };
                return Err(krait_object::exceptions::raise_os_error_with(py, libc::EBADF, name, None));
            }
            Err(_) => {}
        }
        self.as_object().set_attr(py, id!(py, name), Some(file))?;
        if self.appending.get() {
            // SAFETY: no memory is involved. A pipe refuses, which does not matter.
            unsafe { libc::lseek(fd, 0, libc::SEEK_END) };
        }
        Ok(())
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |this| this.base.drop_base()) };
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)
    }

    fn clear(py: Attached<'_>, this: &Self) {
        IOBase::clear(py, &this.base);
    }

    fn closed(py: Attached<'_>) -> Raised {
        raise!(py, ValueError, "I/O operation on closed file")
    }

    /// The descriptor, or `ValueError` for a closed file.
    pub fn fd(&self, py: Attached<'_>) -> PyResult<c_int> {
        match self.fd.get() {
            fd if fd < 0 => Err(Self::closed(py)),
            fd => Ok(fd),
        }
    }

    fn close_fd(&self, py: Attached<'_>) -> PyResult<()> {
        let fd = self.fd.get();
        if fd < 0 {
            return Ok(());
        }
        self.fd.set(-1);
        // SAFETY: the file owns the descriptor.
        match once(py, || unsafe { libc::close(fd) }) {
            Err(errno) if errno != libc::EINTR => Err(raise_os_error(py, errno)),
            _ => Ok(()),
        }
    }

    /// Reads into memory with one call; `None` when it would block.
    ///
    /// # Safety
    /// `len` writable bytes are at `data`.
    pub unsafe fn read_raw(&self, py: Attached<'_>, data: *mut u8, len: usize) -> PyResult<Option<usize>> {
        let fd = self.fd(py)?;
        if !self.readable.get() {
            return Err(unsupported(py, "File not open for reading"));
        }
        // SAFETY: by the contract.
        match retry(py, || unsafe { libc::read(fd, data.cast(), len.min(MAX_IO)) })? {
            Ok(count) => Ok(Some(count as usize)),
            Err(libc::EAGAIN) => Ok(None),
            Err(errno) => Err(raise_os_error(py, errno)),
        }
    }

    /// Writes memory with one call; `None` when it would block.
    pub fn write_raw(&self, py: Attached<'_>, bytes: &[u8]) -> PyResult<Option<usize>> {
        let fd = self.fd(py)?;
        if !self.writable.get() {
            return Err(unsupported(py, "File not open for writing"));
        }
        // SAFETY: the bytes are borrowed.
        match retry(py, || unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len().min(MAX_IO)) })? {
            Ok(count) => Ok(Some(count as usize)),
            Err(libc::EAGAIN) => Ok(None),
            Err(errno) => Err(raise_os_error(py, errno)),
        }
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Option<Ref<Bytes>>> {
        let size = super::base::size_arg(py, "read", args, -1)?;
        this.fd(py)?;
        if !this.readable.get() {
            return Err(unsupported(py, "File not open for reading"));
        }
        if size < 0 {
            return Self::readall(py, this);
        }
        let size = (size as usize).min(MAX_IO);
        let bytes = Bytes::alloc(py, size)?;
        // SAFETY: fresh memory of `size` bytes.
        match unsafe { this.read_raw(py, bytes.data_ptr(), size)? } {
            None => Ok(None),
            Some(count) if count == size => Ok(Some(bytes)),
            Some(count) => Bytes::new(py, &bytes.as_slice()[..count]).map(Some),
        }
    }

    /// Everything up to the end.
    pub fn read_to_end(&self, py: Attached<'_>) -> PyResult<Option<Vec<u8>>> {
        let fd = self.fd(py)?;
        if !self.readable.get() {
            return Err(unsupported(py, "File not open for reading"));
        }
        let mut all: Vec<u8> = Vec::new();
        let size = self.size.get();
        let mut room = 8192;
        // A small file is read whole wherever its position is: asking for that would cost a call.
        if size > 0 && size < SMALL {
            room = size as usize + 1;
        } else if size > 0 {
            // SAFETY: no memory is involved.
            let at = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
            room = (size - at.clamp(0, size)) as usize + 1;
        }
        loop {
            if all.try_reserve(room).is_err() {
                return Err(py.no_memory());
            }
            let spare = all.spare_capacity_mut();
            let (data, len) = (spare.as_mut_ptr().cast::<u8>(), spare.len());
            // SAFETY: reserved memory; as many bytes as the call says are set afterwards.
            unsafe {
                match self.read_raw(py, data, len)? {
                    None if all.is_empty() => return Ok(None),
                    None | Some(0) => return Ok(Some(all)),
                    Some(count) => all.set_len(all.len() + count),
                }
            }
            room = if all.len() == all.capacity() { all.len().clamp(8192, 1 << 26) } else { 0 };
        }
    }

    fn readall(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Bytes>>> {
        this.read_to_end(py)?.map(|all| Bytes::new(py, &all)).transpose()
    }

    fn readinto(py: Attached<'_>, this: &Self, buffer: &Object) -> PyResult<Option<usize>> {
        this.fd(py)?;
        if !this.readable.get() {
            return Err(unsupported(py, "File not open for reading"));
        }
        let view = writable_arg(py, "readinto() argument 1", buffer)?;
        // SAFETY: a writable buffer, lent until the call ends.
        unsafe { this.read_raw(py, view.view().buf.cast(), view.as_slice().len()) }
    }

    fn write(py: Attached<'_>, this: &Self, data: &Object) -> PyResult<Option<usize>> {
        this.fd(py)?;
        if !this.writable.get() {
            return Err(unsupported(py, "File not open for writing"));
        }
        let data = BytesArg::new(py, data)?;
        this.write_raw(py, data.as_slice())
    }

    /// Moves the position.
    pub fn seek_raw(&self, py: Attached<'_>, position: i64, how: c_int) -> PyResult<i64> {
        let fd = self.fd(py)?;
        // SAFETY: no memory is involved.
        let result = once(py, || unsafe { libc::lseek(fd, position, how) });
        if self.seekable.get() == 2 {
            self.seekable.set(result.is_ok().into());
        }
        result.map_err(|errno| raise_os_error(py, errno))
    }

    fn seek(py: Attached<'_>, this: &Self, [position, how]: [Option<&Object>; 2]) -> PyResult<i64> {
        this.fd(py)?;
        let position = need(py, position)?.as_i64(py)?;
        let how = int_or(py, how, 0)?;
        this.seek_raw(py, position, how)
    }

    fn tell(py: Attached<'_>, this: &Self) -> PyResult<i64> {
        this.seek_raw(py, 0, libc::SEEK_CUR)
    }

    fn truncate(py: Attached<'_>, this: &Self, [size]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        let fd = this.fd(py)?;
        if !this.writable.get() {
            return Err(unsupported(py, "File not open for writing"));
        }
        let object = match given(size) {
            Some(size) => size.to_ref(),
            None => this.seek_raw(py, 0, libc::SEEK_CUR)?.into_object(py)?,
        };
        let size = object.as_i64(py)?;
        // SAFETY: no memory is involved.
        sys(py, || unsafe { libc::ftruncate(fd, size) })?;
        this.size.set(-1);
        Ok(object)
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let base = IOBase::type_object().as_object().get_attr(py, id!(py, close))?;
        let based = base.call_pos(py, &[this.as_object()]);
        if !this.closefd.get() {
            this.fd.set(-1);
            return based.map(drop);
        }
        super::base::chained(py, based, |py| {
            if this.finalizing.get() {
                Self::dealloc_warn(py, this, this.as_object());
            }
            this.close_fd(py)
        })
    }

    fn dealloc_warn(py: Attached<'_>, this: &Self, source: &Object) {
        if this.fd.get() >= 0 && this.closefd.get() {
            krait_vm::warnings::warn_unclosed(py, "file ", source);
        }
    }

    fn seekable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.fd(py)?;
        if this.seekable.get() == 2
            && let Err(raised) = this.seek_raw(py, 0, libc::SEEK_CUR)
        {
            raised.clear(py);
        }
        Ok(this.seekable.get() == 1)
    }

    fn readable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.fd(py)?;
        Ok(this.readable.get())
    }

    fn writable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.fd(py)?;
        Ok(this.writable.get())
    }

    fn fileno(py: Attached<'_>, this: &Self) -> PyResult<c_int> {
        this.fd(py)
    }

    fn isatty(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        let fd = this.fd(py)?;
        // SAFETY: no memory is involved.
        Ok(vm::without(py, || unsafe { libc::isatty(fd) }) != 0)
    }

    fn isatty_open_only(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        if !this.device.get() {
            return Ok(false);
        }
        Self::isatty(py, this)
    }

    fn getstate(py: Attached<'_>, this: &Self) -> PyResult<()> {
        Err(raise!(py, TypeError, "cannot pickle '{}' instances", this.as_object().ty().full_name()))
    }

    fn get_closed(_: Attached<'_>, this: &Self) -> bool {
        this.fd.get() < 0
    }

    fn get_closefd(_: Attached<'_>, this: &Self) -> bool {
        this.closefd.get()
    }

    fn mode_text(&self) -> &'static str {
        match (self.created.get(), self.appending.get(), self.readable.get(), self.writable.get()) {
            (true, _, true, _) => "xb+",
            (true, ..) => "xb",
            (_, true, true, _) => "ab+",
            (_, true, ..) => "ab",
            (_, _, true, true) => "rb+",
            (_, _, true, false) => "rb",
            _ => "wb",
        }
    }

    fn get_mode(_: Attached<'_>, this: &Self) -> &'static str {
        this.mode_text()
    }

    fn get_blksize(_: Attached<'_>, this: &Self) -> u32 {
        this.block_size.get()
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let ty = this.as_object().ty().full_name();
        let ty = if std::ptr::eq(this.as_object().ty(), Self::type_object()) { "_io.FileIO".to_owned() } else { ty };
        if this.fd.get() < 0 {
            return Str::new(py, &format!("<{ty} [closed]>"));
        }
        let closefd = if this.closefd.get() { "True" } else { "False" };
        let mode = this.mode_text();
        match this.as_object().get_attr_opt(py, id!(py, name))? {
            None => Str::new(py, &format!("<{ty} fd={} mode='{mode}' closefd={closefd}>", this.fd.get())),
            Some(name) => Str::new(py, &format!("<{ty} name={} mode='{mode}' closefd={closefd}>", name.repr(py)?)),
        }
    }
}

/// A buffer to write to, in the words of an argument check: `what` names the argument.
pub fn writable_arg(py: Attached<'_>, what: impl Display, object: &Object) -> PyResult<Buffer> {
    match Buffer::writable(py, object) {
        Ok(buffer) => Ok(buffer),
        Err(raised) => {
            raised.clear(py);
            Err(raise!(py, TypeError, "{what} must be read-write bytes-like object, not {}", object.ty().name()))
        }
    }
}
