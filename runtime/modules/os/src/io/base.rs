//! The abstract base classes of streams.
use krait_object::args::Args;
use krait_object::layout::PyObject;
use krait_object::{
    Attached, ByteArray, Bytes, Dict, Field, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Slot, Str,
    Visit, exc, id, mem, none, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// What every stream object begins with.
#[repr(C)]
pub struct IOBase {
    pub ob_base: PyObject,
    pub dict: Slot<Dict>,
    pub weaklist: Field<*mut PyObject>,
}

pub const DICT_OFFSET: isize = offset_of!(IOBase, dict) as isize;
pub const WEAKLIST_OFFSET: isize = offset_of!(IOBase, weaklist) as isize;

pytype! {
    pub static IO_BASE_TYPE: "_io._IOBase" for IOBase {
        base: Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "The abstract base of all streams.",
        slots: {
            tp_dealloc = IOBase::dealloc, tp_traverse = IOBase::traverse, tp_clear = IOBase::clear,
            tp_finalize = IOBase::finalize, tp_iter = IOBase::iter, tp_iternext = IOBase::next,
            raw tp_new = Some(krait_object::object::slot_object_new),
            raw tp_dictoffset = DICT_OFFSET, raw tp_weaklistoffset = WEAKLIST_OFFSET,
        },
        methods: {
            raw "seek" => IOBase::seek, "($self, offset, whence=os.SEEK_SET, /)", "Moves the position.";
            noargs "tell" => IOBase::tell, "($self, /)", "The position.";
            raw "truncate" => IOBase::truncate, "($self, size=None, /)", "Cuts or extends the stream.";
            noargs "flush" => IOBase::flush, "($self, /)", "Writes what is buffered.";
            noargs "close" => IOBase::close, "($self, /)", "Flushes and closes the stream.";
            noargs "seekable" => no, "($self, /)", "Whether the position can be moved.";
            noargs "readable" => no, "($self, /)", "Whether it can be read.";
            noargs "writable" => no, "($self, /)", "Whether it can be written.";
            noargs "_checkClosed" => IOBase::check_closed_method, "($self, /)", "Raises ValueError for a closed stream.";
            noargs "_checkSeekable" => IOBase::check_seekable_method, "($self, /)", "Raises UnsupportedOperation unless seekable.";
            noargs "_checkReadable" => IOBase::check_readable_method, "($self, /)", "Raises UnsupportedOperation unless readable.";
            noargs "_checkWritable" => IOBase::check_writable_method, "($self, /)", "Raises UnsupportedOperation unless writable.";
            noargs "fileno" => IOBase::fileno, "($self, /)", "The file descriptor.";
            noargs "isatty" => IOBase::isatty, "($self, /)", "Whether it is a terminal.";
            noargs "__enter__" => IOBase::enter, "($self, /)", "The stream itself.";
            varargs "__exit__" => IOBase::exit, "", "Closes the stream.";
            raw "readline" => IOBase::readline, "($self, size=-1, /)", "One line, or as much of it as allowed.";
            raw "readlines" => IOBase::readlines, "($self, hint=-1, /)", "A list of lines.";
            o "writelines" => IOBase::writelines, "($self, lines, /)", "Writes each item.";
        },
        getset: {
            "__dict__" => get_dict, "The instance's attributes.";
            "closed" => IOBase::get_closed, "Whether the stream is closed.";
        },
    }
}

pub fn get_dict(py: Attached<'_>, this: &IOBase) -> PyResult<Ref<Dict>> {
    krait_object::dictobject::materialize_dict(py, this.as_object())
}

fn no(_: Attached<'_>, _: &IOBase) -> bool {
    false
}

/// `io.UnsupportedOperation`, raised.
pub fn unsupported(py: Attached<'_>, message: &str) -> Raised {
    fn class(py: Attached<'_>) -> PyResult<Ref<Object>> {
        (krait_object::hooks::hooks().import)(py, "_io")?.get_attr(py, id!(py, UnsupportedOperation))
    }
    match class(py) {
        Ok(class) => match (*class).downcast::<krait_object::Type>() {
            Some(class) => py.raise(class, message),
            None => py.bad_internal_call(),
        },
        Err(raised) => raised,
    }
}

/// `ValueError` for a closed stream.
pub fn closed_error(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "I/O operation on closed file.")
}

/// Whether an object's `closed` attribute is true.
pub fn is_closed(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    object.get_attr(py, id!(py, closed))?.is_true(py)
}

/// Raises if the stream says it is closed.
pub fn check_closed(py: Attached<'_>, object: &Object) -> PyResult<()> {
    if is_closed(py, object)? { Err(closed_error(py)) } else { Ok(()) }
}

fn check_can(py: Attached<'_>, object: &Object, method: &Str, message: &str) -> PyResult<()> {
    let answer = object.call_method(py, method, &[])?;
    if answer.is(krait_object::Bool::of(true)) { Ok(()) } else { Err(unsupported(py, message)) }
}

pub fn check_readable(py: Attached<'_>, object: &Object) -> PyResult<()> {
    check_can(py, object, id!(py, readable), "File or stream is not readable.")
}

pub fn check_writable(py: Attached<'_>, object: &Object) -> PyResult<()> {
    check_can(py, object, id!(py, writable), "File or stream is not writable.")
}

pub fn check_seekable(py: Attached<'_>, object: &Object) -> PyResult<()> {
    check_can(py, object, id!(py, seekable), "File or stream is not seekable.")
}

/// A size argument: `None` and a missing one are `default`.
pub fn size_arg(py: Attached<'_>, function: &str, args: Args<'_>, default: isize) -> PyResult<isize> {
    let args = args.unpack(py, function, 0, 1)?;
    match args.first() {
        None => Ok(default),
        Some(size) => size_value(py, size, default),
    }
}

/// A size: an integer or `None`.
pub fn size_value(py: Attached<'_>, size: &Object, default: isize) -> PyResult<isize> {
    if size.is_none() {
        return Ok(default);
    }
    if !size.has_index() {
        return Err(raise!(py, TypeError, "argument should be integer or None, not '{}'", size.ty().name()));
    }
    size.as_index(py)
}

impl IOBase {
    /// Drops what the base owns.
    pub fn drop_base(&self) {
        drop(self.dict.take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, Self::drop_base) };
    }

    pub fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.dict)
    }

    pub fn clear(_: Attached<'_>, this: &Self) {
        drop(this.dict.take());
    }

    /// Closes a stream that is going away; errors have nowhere to go.
    pub fn finalize(py: Attached<'_>, this: &Self) {
        let pending = py.take_raised();
        let this = this.as_object();
        let closed = match this.get_attr_opt(py, id!(py, closed)) {
            Ok(Some(closed)) => closed.is_true(py).unwrap_or_else(|raised| {
                raised.clear(py);
                false
            }),
            Ok(None) => true,
            Err(raised) => {
                raised.clear(py);
                true
            }
        };
        if !closed {
            if let Err(raised) = this.set_attr(py, id!(py, _finalizing), Some(krait_object::Bool::of(true).as_object()))
            {
                raised.clear(py);
            }
            if let Err(raised) = this.call_method(py, id!(py, close), &[]) {
                let error = raised.take(py);
                let shown = this.repr(py).map(|shown| shown.to_string_lossy().into_owned()).unwrap_or_default();
                let message = format!("Exception ignored while finalizing file {shown}");
                drop(py.take_raised());
                let _raised = py.restore(error);
                (krait_object::hooks::hooks().unraisable)(py, Some(&message), None);
            }
        }
        if let Some(pending) = pending {
            let _ = py.restore(pending);
        }
    }

    fn iter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        check_closed(py, this.as_object())?;
        Ok(this.as_object().to_ref())
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        let line = this.as_object().call_method(py, id!(py, readline), &[])?;
        Ok((line.len(py)? > 0).then_some(line))
    }

    fn seek(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "seek"))
    }

    fn tell(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let (zero, one) = (0.into_object(py)?, 1.into_object(py)?);
        this.as_object().call_method(py, id!(py, seek), &[&zero, &one])
    }

    fn truncate(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "truncate"))
    }

    fn marked_closed(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        Ok(this.as_object().get_attr_opt(py, id!(py, __IOBase_closed))?.is_some())
    }

    fn flush(py: Attached<'_>, this: &Self) -> PyResult<()> {
        if Self::marked_closed(py, this)? { Err(closed_error(py)) } else { Ok(()) }
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        if Self::marked_closed(py, this)? {
            return Ok(());
        }
        let flushed = this.as_object().call_method(py, id!(py, flush), &[]);
        chained(py, flushed, |py| {
            this.as_object().set_attr(py, id!(py, __IOBase_closed), Some(krait_object::Bool::of(true).as_object()))
        })
    }

    fn get_closed(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        Self::marked_closed(py, this)
    }

    fn check_closed_method(py: Attached<'_>, this: &Self) -> PyResult<()> {
        check_closed(py, this.as_object())
    }

    fn check_seekable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        check_seekable(py, this.as_object()).map(|()| true)
    }

    fn check_readable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        check_readable(py, this.as_object()).map(|()| true)
    }

    fn check_writable_method(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        check_writable(py, this.as_object()).map(|()| true)
    }

    fn fileno(py: Attached<'_>, _: &Self) -> PyResult<()> {
        Err(unsupported(py, "fileno"))
    }

    fn isatty(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        check_closed(py, this.as_object())?;
        Ok(false)
    }

    fn enter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        check_closed(py, this.as_object())?;
        Ok(this.as_object().to_ref())
    }

    fn exit(py: Attached<'_>, this: &Self, _: Args<'_>) -> PyResult<Ref<Object>> {
        this.as_object().call_method(py, id!(py, close), &[])
    }

    fn readline(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let limit = size_arg(py, "readline", args, -1)?;
        let this = this.as_object();
        let peek = this.get_attr_opt(py, id!(py, peek))?;
        let mut line: Vec<u8> = Vec::new();
        while limit < 0 || (line.len() as isize) < limit {
            let mut wanted = 1;
            if let Some(peek) = &peek {
                let one = 1.into_object(py)?;
                let ahead = peek.call_pos(py, &[&one])?;
                let Some(bytes) = (*ahead).downcast::<Bytes>() else {
                    return Err(raise!(
                        py,
                        OSError,
                        "peek() should have returned a bytes object, not '{}'",
                        ahead.ty().name()
                    ));
                };
                let mut ahead = bytes.as_slice();
                if limit >= 0 {
                    ahead = &ahead[..ahead.len().min(limit as usize - line.len())];
                }
                if !ahead.is_empty() {
                    wanted = ahead.iter().position(|byte| *byte == b'\n').map_or(ahead.len(), |at| at + 1);
                }
            }
            let read = this.call_method(py, id!(py, read), &[&*wanted.into_object(py)?])?;
            let Some(bytes) = (*read).downcast::<Bytes>() else {
                return Err(raise!(
                    py,
                    OSError,
                    "read() should have returned a bytes object, not '{}'",
                    read.ty().name()
                ));
            };
            if bytes.is_empty() {
                break;
            }
            line.extend_from_slice(bytes.as_slice());
            if line.ends_with(b"\n") {
                break;
            }
        }
        Bytes::new(py, &line)
    }

    fn readlines(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<List>> {
        let hint = size_arg(py, "readlines", args, -1)?;
        let lines = List::new(py)?;
        let iterator = this.as_object().iter(py)?;
        let mut length = 0;
        while let Some(line) = iterator.iter_next(py)? {
            let size = line.len(py)? as isize;
            lines.push(py, line)?;
            length += size;
            if hint > 0 && length > hint {
                break;
            }
        }
        Ok(lines)
    }

    fn writelines(py: Attached<'_>, this: &Self, lines: &Object) -> PyResult<()> {
        check_closed(py, this.as_object())?;
        let iterator = lines.iter(py)?;
        while let Some(line) = iterator.iter_next(py)? {
            this.as_object().call_method(py, id!(py, write), &[&line])?;
        }
        Ok(())
    }
}

/// Runs `second` whether or not `first` failed; when both fail, the first error is the context of the second.
pub fn chained<T>(
    py: Attached<'_>,
    first: PyResult<T>,
    second: impl FnOnce(Attached<'_>) -> PyResult<()>,
) -> PyResult<()> {
    match first {
        Ok(_) => second(py),
        Err(raised) => {
            let first = raised.take(py);
            match second(py) {
                Ok(()) => Err(py.restore(first)),
                Err(raised) => {
                    let exception = raised.take(py);
                    exception.replace_context(Some(first));
                    Err(py.restore(exception))
                }
            }
        }
    }
}

/// `_io._RawIOBase`.
#[repr(C)]
pub struct RawIOBase {
    base: IOBase,
}

pytype! {
    pub static RAW_IO_BASE_TYPE: "_io._RawIOBase" for RawIOBase {
        base: IOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "The abstract base of unbuffered binary streams.",
        slots: { tp_dealloc = RawIOBase::dealloc, tp_traverse = RawIOBase::traverse, tp_clear = RawIOBase::clear },
        methods: {
            raw "read" => RawIOBase::read, "($self, size=-1, /)", "Reads at most so many bytes with one call.";
            noargs "readall" => RawIOBase::readall, "($self, /)", "Reads until the end.";
            o "readinto" => not_implemented, "", "Reads into a buffer.";
            o "write" => not_implemented, "", "Writes bytes.";
        },
    }
}

fn not_implemented(py: Attached<'_>, _: &RawIOBase, _: &Object) -> PyResult<()> {
    let empty = krait_object::Tuple::empty(py);
    Err(py.raise_value(exc::NotImplementedError(), empty.as_object()))
}

impl RawIOBase {
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

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        let args = args.unpack(py, "read", 0, 1)?;
        let size = args.first().map_or(Ok(-1), |size| size.as_index(py))?;
        let this = this.as_object();
        if size < 0 {
            return this.call_method(py, id!(py, readall), &[]);
        }
        let buffer = ByteArray::zeroed(py, size as usize)?;
        let count = this.call_method(py, id!(py, readinto), &[buffer.as_object()])?;
        if count.is_none() {
            return Ok(count);
        }
        let count = count.as_index(py)?;
        let bytes = buffer.to_vec(py)?;
        if count < 0 || count as usize > bytes.len() {
            return Err(raise!(py, ValueError, "readinto returned {count} outside buffer size {}", bytes.len()));
        }
        Ok(Bytes::new(py, &bytes[..count as usize])?.upcast())
    }

    fn readall(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let mut all = Vec::new();
        let mut any = false;
        let size = Int::from_i64(py, 131_072)?;
        loop {
            let data = this.as_object().call_method(py, id!(py, read), &[size.as_object()])?;
            if data.is_none() {
                if !any {
                    return Ok(none());
                }
                break;
            }
            let Some(bytes) = (*data).downcast::<Bytes>() else {
                return Err(raise!(py, TypeError, "read() should return bytes"));
            };
            if bytes.is_empty() {
                break;
            }
            any = true;
            all.extend_from_slice(bytes.as_slice());
        }
        Ok(Bytes::new(py, &all)?.upcast())
    }
}

/// `_io._BufferedIOBase`.
#[repr(C)]
pub struct BufferedIOBase {
    base: IOBase,
}

pytype! {
    pub static BUFFERED_IO_BASE_TYPE: "_io._BufferedIOBase" for BufferedIOBase {
        base: IOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "The abstract base of buffered binary streams.",
        slots: { tp_dealloc = BufferedIOBase::dealloc, tp_traverse = BufferedIOBase::traverse, tp_clear = BufferedIOBase::clear },
        methods: {
            noargs "detach" => BufferedIOBase::detach, "($self, /)", "Separates the raw stream.";
            raw "read" => BufferedIOBase::read, "($self, size=-1, /)", "Reads bytes.";
            raw "read1" => BufferedIOBase::read1, "($self, size=-1, /)", "Reads bytes with at most one call.";
            o "readinto" => BufferedIOBase::readinto, "($self, buffer, /)", "Reads into a buffer.";
            o "readinto1" => BufferedIOBase::readinto1, "($self, buffer, /)", "Reads into a buffer with at most one call.";
            o "write" => BufferedIOBase::write, "($self, b, /)", "Writes bytes.";
        },
    }
}

impl BufferedIOBase {
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

    fn detach(py: Attached<'_>, _: &Self) -> PyResult<()> {
        Err(unsupported(py, "detach"))
    }

    fn read(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "read"))
    }

    fn read1(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "read1"))
    }

    fn write(py: Attached<'_>, _: &Self, _: &Object) -> PyResult<()> {
        Err(unsupported(py, "write"))
    }

    fn into_buffer(py: Attached<'_>, this: &Self, buffer: &Object, method: &Str) -> PyResult<usize> {
        let view = krait_object::protocols::buffer::Buffer::writable(py, buffer)?;
        let room = view.as_slice().len();
        let data = this.as_object().call_method(py, method, &[&*room.into_object(py)?])?;
        let Some(bytes) = (*data).downcast::<Bytes>() else {
            return Err(raise!(py, TypeError, "read() should return bytes"));
        };
        let bytes = bytes.as_slice();
        if bytes.len() > room {
            return Err(raise!(
                py,
                ValueError,
                "read() returned too much data: {room} bytes requested, {} returned",
                bytes.len()
            ));
        }
        // SAFETY: a writable buffer; two threads that fill one buffer mix their bytes, as the caller asked for.
        unsafe { view.as_mut_slice()[..bytes.len()].copy_from_slice(bytes) };
        Ok(bytes.len())
    }

    fn readinto(py: Attached<'_>, this: &Self, buffer: &Object) -> PyResult<usize> {
        Self::into_buffer(py, this, buffer, id!(py, read))
    }

    fn readinto1(py: Attached<'_>, this: &Self, buffer: &Object) -> PyResult<usize> {
        Self::into_buffer(py, this, buffer, id!(py, read1))
    }
}

/// `_io._TextIOBase`.
#[repr(C)]
pub struct TextIOBase {
    base: IOBase,
}

pytype! {
    pub static TEXT_IO_BASE_TYPE: "_io._TextIOBase" for TextIOBase {
        base: IOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "The abstract base of text streams.",
        slots: { tp_dealloc = TextIOBase::dealloc, tp_traverse = TextIOBase::traverse, tp_clear = TextIOBase::clear },
        methods: {
            noargs "detach" => TextIOBase::detach, "($self, /)", "Separates the binary stream.";
            raw "read" => TextIOBase::read, "($self, size=-1, /)", "Reads characters.";
            raw "readline" => TextIOBase::readline, "($self, size=-1, /)", "Reads a line.";
            o "write" => TextIOBase::write, "($self, s, /)", "Writes text.";
        },
        getset: {
            "encoding" => TextIOBase::nothing, "Encoding of the text stream.";
            "newlines" => TextIOBase::nothing, "Line endings translated so far.";
            "errors" => TextIOBase::nothing, "The error setting of the decoder or encoder.";
        },
    }
}

impl TextIOBase {
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

    fn nothing(_: Attached<'_>, _: &Self) {}

    fn detach(py: Attached<'_>, _: &Self) -> PyResult<()> {
        Err(unsupported(py, "detach"))
    }

    fn read(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "read"))
    }

    fn readline(py: Attached<'_>, _: &Self, _: Args<'_>) -> PyResult<()> {
        Err(unsupported(py, "readline"))
    }

    fn write(py: Attached<'_>, _: &Self, _: &Object) -> PyResult<()> {
        Err(unsupported(py, "write"))
    }
}
