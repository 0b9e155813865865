//! `BytesIO`: a binary stream in memory.
use super::base::{self, BufferedIOBase, IOBase};
use krait_object::args::{Args, Signature};
use krait_object::layout::{Py_buffer, PyObject};
use krait_object::protocols::buffer::{BytesArg, fill_info};
use krait_object::{
    Attached, Bytes, Dict, Field, Int, IntoObject, Layout, List, MemoryView, Object, PyResult, Raised, Ref, Slot,
    Tuple, Type, Visit, mem, pytype, raise,
};
use std::ffi::c_int;
use std::ptr::NonNull;

/// The bytes of a stream: shared with `bytes` objects until they change.
enum Data {
    Shared(Ref<Bytes>),
    Owned(Vec<u8>),
}

impl Data {
    fn as_slice(&self) -> &[u8] {
        match self {
            Data::Shared(bytes) => bytes.as_slice(),
            Data::Owned(bytes) => bytes,
        }
    }
}

struct State {
    /// `None` when closed.
    data: Option<Data>,
    at: usize,
    exports: usize,
}

/// `_io.BytesIO`.
#[repr(C)]
pub struct BytesIO {
    base: IOBase,
    state: Field<*mut State>,
}

pytype! {
    pub static BYTES_IO_TYPE: "_io.BytesIO" for BytesIO {
        base: BufferedIOBase,
        flags: [BASETYPE, HAVE_GC],
        basicsize: if krait_object::FREE_THREADED { 88 } else { 64 },
        doc: "BytesIO(initial_bytes=b'')\n--\n\nA binary stream in memory.",
        slots: {
            tp_dealloc = BytesIO::dealloc, tp_traverse = BytesIO::traverse, tp_clear = BytesIO::clear,
            tp_new = BytesIO::new_object, tp_init = BytesIO::init, tp_iter = BytesIO::iter, tp_iternext = BytesIO::next,
        },
        methods: {
            noargs "readable" => BytesIO::yes, "($self, /)", "True.";
            noargs "seekable" => BytesIO::yes, "($self, /)", "True.";
            noargs "writable" => BytesIO::yes, "($self, /)", "True.";
            noargs "close" => BytesIO::close, "($self, /)", "Frees the memory.";
            noargs "flush" => BytesIO::flush, "($self, /)", "Does nothing.";
            noargs "isatty" => BytesIO::isatty, "($self, /)", "False.";
            noargs "tell" => BytesIO::tell, "($self, /)", "The position.";
            o "write" => BytesIO::write, "($self, b, /)", "Writes bytes; returns how many.";
            o "writelines" => BytesIO::writelines, "($self, lines, /)", "Writes each item.";
            raw "read1" => BytesIO::read1, "($self, size=-1, /)", "Reads bytes.";
            o "readinto" => BytesIO::readinto, "($self, buffer, /)", "Reads into a buffer.";
            raw "readline" => BytesIO::readline, "($self, size=-1, /)", "Reads a line.";
            raw "readlines" => BytesIO::readlines, "($self, size=None, /)", "A list of lines.";
            raw "read" => BytesIO::read, "($self, size=-1, /)", "Reads so many bytes, or all.";
            noargs "getbuffer" => BytesIO::getbuffer, "($self, /)", "A view of the memory.";
            noargs "getvalue" => BytesIO::getvalue, "($self, /)", "All bytes.";
            sig "seek" => BytesIO::seek, "($self, pos, whence=0, /)", "Moves the position.";
            raw "truncate" => BytesIO::truncate, "($self, size=None, /)", "Cuts the stream.";
            noargs "__getstate__" => BytesIO::getstate, "($self, /)", "State for pickling.";
            o "__setstate__" => BytesIO::setstate, "($self, object, /)", "Sets the state.";
            noargs "__sizeof__" => BytesIO::sizeof, "($self, /)", "Size in memory.";
        },
        getset: { "closed" => BytesIO::get_closed, "True if the file is closed."; },
    }
}

/// What a step found wrong, to be raised outside of the lock.
enum Fault {
    Closed,
    Exported,
    NoMemory,
}

impl Fault {
    fn raise(self, py: Attached<'_>) -> Raised {
        match self {
            Fault::Closed => base::closed_error(py),
            Fault::Exported => raise!(py, BufferError, "Existing exports of data: object cannot be re-sized"),
            Fault::NoMemory => py.no_memory(),
        }
    }
}

impl State {
    fn open(&mut self) -> Result<(&[u8], &mut usize), Fault> {
        match &self.data {
            Some(data) => Ok((data.as_slice(), &mut self.at)),
            None => Err(Fault::Closed),
        }
    }

    /// The bytes to change, which are not shared any more.
    fn own(&mut self) -> Result<(&mut Vec<u8>, &mut usize), Fault> {
        let Some(data) = &mut self.data else { return Err(Fault::Closed) };
        if let Data::Shared(bytes) = data {
            let copy = bytes.as_slice().to_vec();
            *data = Data::Owned(copy);
        }
        match data {
            Data::Owned(bytes) => Ok((bytes, &mut self.at)),
            Data::Shared(_) => Err(Fault::NoMemory),
        }
    }

    fn resizable(&self) -> Result<(), Fault> {
        if self.exports > 0 { Err(Fault::Exported) } else { Ok(()) }
    }

    /// The next `size` bytes, and moves past them.
    fn take(&mut self, size: usize) -> Result<&[u8], Fault> {
        let (data, at) = self.open()?;
        let start = (*at).min(data.len());
        let end = start.saturating_add(size).min(data.len());
        *at += end - start;
        Ok(&data[start..end])
    }

    fn line_len(&mut self, limit: isize) -> Result<usize, Fault> {
        let (data, at) = self.open()?;
        let rest = data.get(*at..).unwrap_or_default();
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        Ok(usize::try_from(limit).map_or(len, |limit| len.min(limit)))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.resizable()?;
        if bytes.is_empty() {
            return self.open().map(|_| 0);
        }
        let (data, at) = self.own()?;
        let end = at.checked_add(bytes.len()).ok_or(Fault::NoMemory)?;
        if end > data.len() {
            if data.try_reserve(end - data.len()).is_err() {
                return Err(Fault::NoMemory);
            }
            if *at == data.len() {
                data.extend_from_slice(bytes);
                *at = end;
                return Ok(bytes.len());
            }
            data.resize(end, 0);
        }
        data[*at..end].copy_from_slice(bytes);
        *at = end;
        Ok(bytes.len())
    }
}

impl BytesIO {
    fn with<R>(&self, py: Attached<'_>, f: impl FnOnce(&mut State) -> Result<R, Fault>) -> PyResult<R> {
        let result = {
            let _lock = self.lock(py);
            // SAFETY: [locked]: set by `new_object`; `f` runs no Python code.
            f(unsafe { &mut *self.state.get() })
        };
        result.map_err(|fault| fault.raise(py))
    }

    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `BytesIO`.
        let this: &BytesIO = unsafe { (*object).cast_unchecked() };
        this.state.set(Box::into_raw(Box::new(State { data: Some(Data::Owned(Vec::new())), at: 0, exports: 0 })));
        Ok(object)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the state is freed once.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                this.base.drop_base();
                let state = this.state.get();
                this.state.set(std::ptr::null_mut());
                if !state.is_null() {
                    drop(Box::from_raw(state));
                }
            });
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)
    }

    fn clear(py: Attached<'_>, this: &Self) {
        IOBase::clear(py, &this.base);
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("BytesIO", "(initial_bytes=b'')");
        let [initial]: [Option<&Object>; 1] = SIG.bind(py, args)?;
        let data = match initial.filter(|initial| !initial.is_none()) {
            None => Data::Owned(Vec::new()),
            Some(initial) => Self::data_of(py, initial)?,
        };
        let old = this.with(py, |st| {
            st.resizable()?;
            st.at = 0;
            Ok(st.data.replace(data))
        });
        old.map(drop)
    }

    /// The bytes of an object, shared if it is `bytes`.
    fn data_of(py: Attached<'_>, object: &Object) -> PyResult<Data> {
        match object.downcast_exact::<Bytes>() {
            Some(bytes) => Ok(Data::Shared(bytes.to_ref())),
            None => Ok(Data::Owned(BytesArg::new(py, object)?.as_slice().to_vec())),
        }
    }

    fn check(&self, py: Attached<'_>) -> PyResult<()> {
        self.with(py, |st| st.open().map(drop))
    }

    fn yes(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.check(py).map(|()| true)
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let old = this.with(py, |st| {
            st.resizable()?;
            Ok(st.data.take())
        });
        old.map(drop)
    }

    fn flush(py: Attached<'_>, this: &Self) -> PyResult<()> {
        this.check(py)
    }

    fn isatty(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.check(py).map(|()| false)
    }

    fn tell(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        this.with(py, |st| st.open().map(|(_, at)| *at))
    }

    fn write(py: Attached<'_>, this: &Self, bytes: &Object) -> PyResult<usize> {
        this.with(py, |st| {
            st.open()?;
            st.resizable()
        })?;
        let bytes = BytesArg::new(py, bytes)?;
        this.with(py, |st| st.write(bytes.as_slice()))
    }

    fn writelines(py: Attached<'_>, this: &Self, lines: &Object) -> PyResult<()> {
        this.check(py)?;
        let iterator = lines.iter(py)?;
        while let Some(line) = iterator.iter_next(py)? {
            Self::write(py, this, &line)?;
        }
        Ok(())
    }

    fn take(&self, py: Attached<'_>, size: isize) -> PyResult<Ref<Bytes>> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        // Small reads are the common case: one copy through the stack would not be faster than this.
        this_take(self, py, size, &mut taken)?;
        Bytes::new(py, &taken)
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let size = base::size_arg(py, "read", args, -1)?;
        this.take(py, size)
    }

    fn read1(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let size = base::size_arg(py, "read1", args, -1)?;
        this.take(py, size)
    }

    fn readinto(py: Attached<'_>, this: &Self, buffer: &Object) -> PyResult<usize> {
        let view = super::writable_arg(py, "readinto() argument", buffer)?;
        // SAFETY: a writable buffer; threads that share it mix their bytes, as they asked for.
        let out = unsafe { view.as_mut_slice() };
        this.with(py, |st| {
            let bytes = st.take(out.len())?;
            out[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    fn line(&self, py: Attached<'_>, limit: isize) -> PyResult<Ref<Bytes>> {
        let mut taken = Vec::new();
        self.with(py, |st| {
            let len = st.line_len(limit)?;
            taken.extend_from_slice(st.take(len)?);
            Ok(())
        })?;
        Bytes::new(py, &taken)
    }

    fn readline(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let limit = base::size_arg(py, "readline", args, -1)?;
        this.line(py, limit)
    }

    fn readlines(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<List>> {
        let hint = base::size_arg(py, "readlines", args, 0)?;
        let lines = List::new(py)?;
        let mut total = 0;
        loop {
            let line = this.line(py, -1)?;
            if line.is_empty() {
                return Ok(lines);
            }
            total += line.len() as isize;
            lines.push(py, line.upcast())?;
            if hint > 0 && total >= hint {
                return Ok(lines);
            }
        }
    }

    fn iter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Self>> {
        this.check(py)?;
        Ok(this.to_ref())
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Bytes>>> {
        let line = this.line(py, -1)?;
        Ok((!line.is_empty()).then_some(line))
    }

    fn getvalue(py: Attached<'_>, this: &Self) -> PyResult<Ref<Bytes>> {
        let (bytes, owned) = this.with(py, |st| match &st.data {
            None => Err(Fault::Closed),
            Some(Data::Shared(bytes)) => Ok((Some(bytes.clone()), Vec::new())),
            Some(Data::Owned(data)) => Ok((None, data.clone())),
        })?;
        if let Some(bytes) = bytes {
            return Ok(bytes);
        }
        let bytes = Bytes::new(py, &owned)?;
        if !bytes.is_empty() {
            // From now on the stream shares them, unless it changed meanwhile.
            let old = this.with(py, |st| {
                let same = matches!(&st.data, Some(Data::Owned(data)) if *data == owned);
                Ok(if same && st.exports == 0 { st.data.replace(Data::Shared(bytes.clone())) } else { None })
            })?;
            drop(old);
        }
        Ok(bytes)
    }

    fn getbuffer(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.check(py)?;
        let buffer = mem::new_instance(py, BytesIOBuffer::type_object(), |buffer: &BytesIOBuffer| {
            drop(buffer.source.replace(Some(this.to_ref())));
        })?;
        MemoryView::type_object().as_object().call_pos(py, &[buffer.as_object()])
    }

    fn seek(py: Attached<'_>, this: &Self, [position, how]: [Option<&Object>; 2]) -> PyResult<usize> {
        let position = crate::util::need(py, position)?.as_index(py)?;
        let how = how.map_or(Ok(0), |how| how.as_i32(py))?;
        this.check(py)?;
        if how == 0 && position < 0 {
            return Err(raise!(py, ValueError, "negative seek value {position}"));
        }
        if !(0..=2).contains(&how) {
            return Err(raise!(py, ValueError, "invalid whence ({how}, should be 0, 1 or 2)"));
        }
        let target = this.with(py, |st| {
            let (data, at) = st.open()?;
            let base = match how {
                0 => 0,
                1 => *at,
                _ => data.len(),
            } as isize;
            Ok(base.checked_add(position).map(|target| {
                *at = target.max(0) as usize;
                *at
            }))
        })?;
        target.ok_or_else(|| raise!(py, OverflowError, "new position too large"))
    }

    fn truncate(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<usize> {
        this.with(py, |st| {
            st.open()?;
            st.resizable()
        })?;
        let here = Self::tell(py, this)? as isize;
        let size = base::size_arg(py, "truncate", args, here)?;
        let Ok(length) = usize::try_from(size) else {
            return Err(raise!(py, ValueError, "negative size value {size}"));
        };
        this.with(py, |st| {
            st.resizable()?;
            if length < st.open()?.0.len() {
                st.own()?.0.truncate(length);
            }
            Ok(length)
        })
    }

    fn getstate(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let value = Self::getvalue(py, this)?;
        let dict = match this.base.dict.get() {
            Some(dict) => dict.copy(py)?.upcast(),
            None => krait_object::none(),
        };
        let position = Self::tell(py, this)?;
        Tuple::from_vec(py, vec![value.upcast(), position.into_object(py)?, dict])
    }

    fn setstate(py: Attached<'_>, this: &Self, state: &Object) -> PyResult<()> {
        let items = state.downcast::<Tuple>().map(Tuple::as_slice).unwrap_or_default();
        if items.len() < 3 {
            return Err(raise!(
                py,
                TypeError,
                "{}.__setstate__ argument should be 3-tuple, got {}",
                this.as_object().ty().name(),
                state.ty().name()
            ));
        }
        this.check(py)?;
        let data = Self::data_of(py, items[0])?;
        if items[1].downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "second item of state must be an integer, got {}", items[1].ty().name()));
        }
        let position = items[1].as_isize(py)?;
        let Ok(position) = usize::try_from(position) else {
            return Err(raise!(py, ValueError, "position value cannot be negative"));
        };
        let old = this.with(py, |st| {
            st.resizable()?;
            st.at = position;
            Ok(st.data.replace(data))
        })?;
        drop(old);
        restore_dict(py, &this.base, items[2], "third")
    }

    fn sizeof(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        let size = this.with(py, |st| {
            let size = match &st.data {
                Some(Data::Shared(bytes)) => bytes.len(),
                Some(Data::Owned(bytes)) => bytes.capacity(),
                None => 0,
            };
            // What the bytes would take as an object.
            Ok(if size == 0 { 0 } else { size + Bytes::type_object().as_type().tp_basicsize.get() as usize })
        })?;
        Ok(this.as_object().ty().as_type().tp_basicsize.get() as usize + size)
    }

    fn get_closed(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.with(py, |st| Ok(st.data.is_none()))
    }
}

fn this_take(this: &BytesIO, py: Attached<'_>, size: usize, out: &mut Vec<u8>) -> PyResult<()> {
    this.with(py, |st| {
        out.extend_from_slice(st.take(size)?);
        Ok(())
    })
}

/// Updates an instance's attributes from a pickled state.
pub fn restore_dict(py: Attached<'_>, this: &IOBase, state: &Object, place: &str) -> PyResult<()> {
    if state.is_none() {
        return Ok(());
    }
    let Some(state) = state.downcast::<Dict>() else {
        return Err(raise!(py, TypeError, "{place} item of state should be a dict, got a {}", state.ty().name()));
    };
    base::get_dict(py, this)?.update(py, state.as_object())
}

/// Exports a `BytesIO`'s memory for `getbuffer()`.
#[repr(C)]
pub struct BytesIOBuffer {
    ob_base: PyObject,
    source: Slot<BytesIO>,
}

pytype! {
    pub static BYTES_IO_BUFFER_TYPE: "_io._BytesIOBuffer" for BytesIOBuffer {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = BytesIOBuffer::dealloc, tp_traverse = BytesIOBuffer::traverse,
            bf_getbuffer = BytesIOBuffer::getbuffer, bf_releasebuffer = BytesIOBuffer::releasebuffer,
        },
    }
}

impl BytesIOBuffer {
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.source.take())) };
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.source)
    }

    fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        let Some(source) = this.source.get() else { return Err(py.bad_internal_call()) };
        let (data, len) = source.with(py, |st| {
            let (data, _) = st.own()?;
            let place = (data.as_mut_ptr(), data.len());
            st.exports += 1;
            Ok(place)
        })?;
        // SAFETY: the memory stays in place while it is exported.
        let result = unsafe { fill_info(py, view, Some(this.as_object()), data.cast(), len as isize, false, flags) };
        if result.is_err() {
            source.with(py, |st| {
                st.exports -= 1;
                Ok(())
            })?;
        }
        result
    }

    fn releasebuffer(py: Attached<'_>, this: &Self, _: &mut Py_buffer) {
        if let Some(source) = this.source.get() {
            let _ = source.with(py, |st| {
                st.exports -= 1;
                Ok(())
            });
        }
    }
}
