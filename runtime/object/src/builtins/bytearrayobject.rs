//! `bytearray`: bytes that can change.
//!
//! Concurrency: every operation holds the array's lock while it reads or changes the content, so single operations
//! are atomic. While a buffer is exported the array cannot change its size; those who hold the buffer read and write
//! the bytes without a lock.
use crate::args::Args;
use crate::builtins::bytes_methods::{self as methods, ByteString, Source, byte_value};
use crate::builtins::bytesobject::{ByteArrayIter, repeat_into};
use crate::builtins::textargs::{index_arg, isize_arg, slice_positions};
use crate::builtins::unicode::StrBuilder;
use crate::handle::{Attached, Layout, Locked, Ref};
use crate::layout::{Py_buffer, PyByteArrayObject};
use crate::protocols::buffer::{self, Buffer, stable_bytes};
use crate::tracemalloc::memory;
use crate::typedef::CompareOp;
use crate::{Bytes, IntoObject, Object, PyResult, Slice, Str, Tuple, Type, exc, id, mem, pytype, raise};
use std::alloc;
use std::borrow::Cow;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

/// Mutable bytes.
#[repr(transparent)]
pub struct ByteArray(pub(crate) PyByteArrayObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyByteArray_Type: "bytearray" for ByteArray {
        base: Object,
        flags: [BASETYPE, MATCH_SELF],
        doc: "bytearray(iterable_of_ints) -> bytearray\nbytearray(string, encoding[, errors]) -> bytearray\nbytearray(bytes_or_buffer) -> bytearray\nbytearray(int) -> bytearray\nbytearray() -> bytearray\n\nA mutable sequence of integers from 0 to 255.\n\nMade from an iterable of such integers, from a string in an encoding, from\nany object with the buffer protocol, or as that many zeros.",
        slots: {
            tp_dealloc = ByteArray::dealloc,
            tp_repr = ByteArray::repr,
            tp_str = ByteArray::repr,
            tp_richcompare = ByteArray::rich_compare,
            tp_iter = ByteArrayIter::new,
            tp_init = ByteArray::init,
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| ty.alloc(py, 0),
            nb_remainder = crate::builtins::percent::bytearray_remainder,
            length = |_, this: &ByteArray| Ok(this.len()),
            sq_concat = ByteArray::concat,
            sq_inplace_concat = ByteArray::inplace_concat,
            sq_repeat = ByteArray::repeat,
            sq_inplace_repeat = ByteArray::inplace_repeat,
            sq_item = ByteArray::item,
            sq_ass_item = ByteArray::ass_item,
            sq_contains = methods::contains::<ByteArray>,
            mp_subscript = ByteArray::subscript,
            mp_ass_subscript = ByteArray::ass_subscript,
            bf_getbuffer = ByteArray::get_buffer,
            bf_releasebuffer = ByteArray::release_buffer,
        },
        methods: {
            noargs "capitalize" => methods::capitalize::<ByteArray>, "($self, /)", "Copy with its first letter in upper case and the rest in lower case.";
            sig "center" => methods::center::<ByteArray>, "($self, width, fillchar=b' ', /)", "Copy centered in a field of the given width.";
            raw "count" => methods::count::<ByteArray>, "($self, sub[, start[, end]], /)", "B.count(sub[, start[, end]]) -> int\n\nHow often sub (bytes or one integer) occurs, without overlap, in B[start:end].";
            sig "decode" => methods::decode::<ByteArray>, "($self, /, encoding='utf-8', errors='strict')", "Text that the bytes represent in an encoding.\n\n  encoding\n    Name of the encoding.\n  errors\n    What to do with bytes that mean nothing: 'strict' raises\n    UnicodeDecodeError; 'ignore', 'replace' and any name registered with\n    codecs.register_error work, too.";
            raw "endswith" => methods::endswith::<ByteArray>, "($self, suffix[, start[, end]], /)", "B.endswith(suffix[, start[, end]]) -> bool\n\nWhether B[start:end] ends with suffix, or with one of a tuple of them.";
            sig "expandtabs" => methods::expandtabs::<ByteArray>, "($self, /, tabsize=8)", "Copy with each tab replaced by blanks up to the next tab stop.";
            raw "find" => methods::find::<ByteArray>, "($self, sub[, start[, end]], /)", "B.find(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within B[start:end], or -1.";
            sig "hex" => methods::hex::<ByteArray>, "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", "Text of two hexadecimal digits a byte.\n\n  sep\n    A character or byte to put between groups.\n  bytes_per_sep\n    Bytes in a group, counted from the right; from the left if negative.\n\n>>> bytearray([1, 254]).hex(':')\n'01:fe'";
            raw "index" => methods::index::<ByteArray>, "($self, sub[, start[, end]], /)", "B.index(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within B[start:end].\nRaises ValueError when there is none.";
            noargs "isalnum" => methods::isalnum::<ByteArray>, "($self, /)", "Whether all bytes are ASCII letters or digits and there is one.";
            noargs "isalpha" => methods::isalpha::<ByteArray>, "($self, /)", "Whether all bytes are ASCII letters and there is one.";
            noargs "isascii" => methods::isascii::<ByteArray>, "($self, /)", "Whether all bytes are below 128; true when empty.";
            noargs "isdigit" => methods::isdigit::<ByteArray>, "($self, /)", "Whether all bytes are ASCII digits and there is one.";
            noargs "islower" => methods::islower::<ByteArray>, "($self, /)", "Whether all ASCII letters are lower case and there is one.";
            noargs "isspace" => methods::isspace::<ByteArray>, "($self, /)", "Whether all bytes are ASCII white space and there is one.";
            noargs "istitle" => methods::istitle::<ByteArray>, "($self, /)", "Whether an upper-case letter begins each word and lower case goes on.";
            noargs "isupper" => methods::isupper::<ByteArray>, "($self, /)", "Whether all ASCII letters are upper case and there is one.";
            o "join" => methods::join::<ByteArray>, "($self, iterable_of_bytes, /)", "Concatenates the bytes-like objects of an iterable with this one between them.";
            sig "ljust" => methods::ljust::<ByteArray>, "($self, width, fillchar=b' ', /)", "Copy at the left of a field of the given width.";
            noargs "lower" => methods::lower::<ByteArray>, "($self, /)", "Copy with ASCII letters in lower case.";
            sig "lstrip" => methods::lstrip::<ByteArray>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at the left.";
            o "partition" => methods::partition::<ByteArray>, "($self, sep, /)", "Cuts at the first separator: what is before, the separator, what is after.\n\nWithout a separator: a copy and two empty objects.";
            sig "replace" => methods::replace::<ByteArray>, "($self, old, new, count=-1, /)", "Copy with all occurrences of old replaced by new.\n\n  count\n    Replace no more than this many, from the left; -1 means all.";
            o "removeprefix" => methods::removeprefix::<ByteArray>, "($self, prefix, /)", "Copy without the prefix, if it is there.";
            o "removesuffix" => methods::removesuffix::<ByteArray>, "($self, suffix, /)", "Copy without the suffix, if it is there.";
            raw "rfind" => methods::rfind::<ByteArray>, "($self, sub[, start[, end]], /)", "B.rfind(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within B[start:end], or -1.";
            raw "rindex" => methods::rindex::<ByteArray>, "($self, sub[, start[, end]], /)", "B.rindex(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within B[start:end].\nRaises ValueError when there is none.";
            sig "rjust" => methods::rjust::<ByteArray>, "($self, width, fillchar=b' ', /)", "Copy at the right of a field of the given width.";
            o "rpartition" => methods::rpartition::<ByteArray>, "($self, sep, /)", "Cuts at the last separator: what is before, the separator, what is after.\n\nWithout a separator: two empty objects and a copy.";
            sig "rsplit" => methods::rsplit::<ByteArray>, "($self, /, sep=None, maxsplit=-1)", "List of the parts between separators, split from the right.\n\n  sep\n    The separator; None splits at runs of ASCII white space.\n  maxsplit\n    Split at most this many times; -1 means no limit.";
            sig "rstrip" => methods::rstrip::<ByteArray>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at the right.";
            sig "split" => methods::split::<ByteArray>, "($self, /, sep=None, maxsplit=-1)", "List of the parts between separators.\n\n  sep\n    The separator; None splits at runs of ASCII white space.\n  maxsplit\n    Split at most this many times; -1 means no limit.";
            sig "splitlines" => methods::splitlines::<ByteArray>, "($self, /, keepends=False)", "List of the lines, without line ends unless keepends is true.";
            raw "startswith" => methods::startswith::<ByteArray>, "($self, prefix[, start[, end]], /)", "B.startswith(prefix[, start[, end]]) -> bool\n\nWhether B[start:end] begins with prefix, or with one of a tuple of them.";
            sig "strip" => methods::strip::<ByteArray>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at either end.";
            noargs "swapcase" => methods::swapcase::<ByteArray>, "($self, /)", "Copy with the case of ASCII letters exchanged.";
            noargs "title" => methods::title::<ByteArray>, "($self, /)", "Copy in which each word begins with an upper-case letter.";
            sig "translate" => methods::translate::<ByteArray>, "($self, table, /, delete=b'')", "Copy with the bytes in delete gone and the others mapped by a table of 256 bytes.\n\nNone as the table maps each byte to itself.";
            noargs "upper" => methods::upper::<ByteArray>, "($self, /)", "Copy with ASCII letters in upper case.";
            o "zfill" => methods::zfill::<ByteArray>, "($self, width, /)", "Copy filled with zeros at the left, behind a sign.";
            class o "fromhex" => ByteArray::from_hex, "($type, string, /)", "The bytes that pairs of hexadecimal digits stand for; white space between them is skipped.";
            stat sig "maketrans" => methods::maketrans, "(frm, to, /)", "A table for translate(): each byte of frm becomes the one of to in its place.";
            noargs "__alloc__" => ByteArray::py_alloc, "($self, /)", "B.__alloc__() -> int\n\nHow many bytes are allocated for the content.";
            noargs "__reduce__" => ByteArray::reduce, "($self, /)", "What pickle needs.";
            sig "__reduce_ex__" => ByteArray::reduce_ex, "($self, proto=0, /)", "What pickle needs, for a protocol.";
            noargs "__sizeof__" => ByteArray::sizeof, "($self, /)", "Size in memory, in bytes.";
            o "append" => ByteArray::append, "($self, item, /)", "Adds one byte at the end.";
            noargs "clear" => ByteArray::clear, "($self, /)", "Removes all bytes.";
            noargs "copy" => ByteArray::copy, "($self, /)", "A new bytearray with the same content.";
            o "extend" => ByteArray::extend, "($self, iterable_of_ints, /)", "Adds the bytes of an iterable or buffer at the end.";
            sig "insert" => ByteArray::insert, "($self, index, item, /)", "Puts one byte before the given index.";
            sig "pop" => ByteArray::pop, "($self, index=-1, /)", "Removes one byte, the last one by default, and returns it.\n\nRaises IndexError when there is none.";
            o "remove" => ByteArray::remove, "($self, value, /)", "Removes the first byte of a value; ValueError when there is none.";
            o "resize" => ByteArray::py_resize, "($self, size, /)", "Changes the length; new bytes are zero.";
            noargs "reverse" => ByteArray::reverse, "($self, /)", "Reverses the order of the bytes in place.";
        },
    }
}

/// Why a size cannot change.
enum Fail {
    Exported,
    NoMemory,
}

impl Fail {
    #[cold]
    fn raise(self, py: Attached<'_>) -> crate::Raised {
        match self {
            Fail::Exported => raise!(py, BufferError, "Existing exports of data: object cannot be re-sized"),
            Fail::NoMemory => py.no_memory(),
        }
    }
}

/// What an array without storage points to.
static EMPTY: [u8; 1] = [0];

impl Locked<'_, ByteArray> {
    /// The content. It lives until the next change of size.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.obj.slice()
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self.obj.len() {
            0 => &mut [],
            // SAFETY: [locked] and [exact-size].
            len => unsafe { std::slice::from_raw_parts_mut(self.obj.0.ob_start.get().cast(), len) },
        }
    }

    /// Sets the length; what is new is undefined but initialised.
    fn resize(&mut self, size: usize) -> Result<(), Fail> {
        let raw = &self.obj.0;
        let old = self.obj.len();
        if size == old {
            return Ok(());
        }
        if raw.ob_exports.get() > 0 {
            return Err(Fail::Exported);
        }
        if size >= isize::MAX as usize {
            return Err(Fail::NoMemory);
        }
        let alloc = raw.ob_alloc.get() as usize;
        // SAFETY: both point into the same allocation, or are null.
        let offset = raw.ob_start.get() as usize - raw.ob_bytes.get() as usize;
        if size + offset < alloc && size >= alloc / 2 {
            self.set_len(size);
            return Ok(());
        }
        let new_alloc = if size < alloc / 2 || size < alloc {
            size + 1
        } else if size <= alloc + (alloc >> 3) {
            size + (size >> 3) + if size < 9 { 3 } else { 6 }
        } else {
            size + 1
        };
        let block = alloc_block(new_alloc).ok_or(Fail::NoMemory)?;
        let keep = old.min(size);
        if keep > 0 {
            // SAFETY: both blocks hold at least `keep` bytes.
            unsafe { ptr::copy_nonoverlapping(raw.ob_start.get().cast::<u8>(), block.as_ptr(), keep) };
        }
        self.obj.free_storage();
        raw.ob_bytes.set(block.as_ptr().cast());
        raw.ob_start.set(block.as_ptr().cast());
        raw.ob_alloc.set(new_alloc as isize);
        self.set_len(size);
        Ok(())
    }

    fn set_len(&mut self, size: usize) {
        let raw = &self.obj.0;
        raw.ob_base.ob_size.set(size as isize);
        if !raw.ob_start.get().is_null() {
            // SAFETY: [exact-size]: the storage has room for the content and a NUL.
            unsafe { raw.ob_start.get().cast::<u8>().add(size).write(0) };
        }
    }

    /// Puts `values` in the place of the bytes `low..high`.
    fn splice(&mut self, low: usize, high: usize, values: &[u8]) -> Result<(), Fail> {
        let (size, gone) = (self.obj.len(), high - low);
        let new_size = size - gone + values.len();
        if new_size < size {
            if self.obj.0.ob_exports.get() > 0 {
                return Err(Fail::Exported);
            }
            let less = size - new_size;
            if low == 0 {
                // The front goes by moving the start.
                let start = self.obj.0.ob_start.get();
                // SAFETY: `less` is at most the length.
                self.obj.0.ob_start.set(unsafe { start.add(less) });
                self.obj.0.ob_base.ob_size.set(new_size as isize);
                self.shrink();
            } else {
                self.as_mut_slice().copy_within(high.., high - less);
                self.resize(new_size)?;
            }
        } else if new_size > size {
            self.resize(new_size)?;
            let more = new_size - size;
            self.as_mut_slice().copy_within(high..size, high + more);
        }
        if !values.is_empty() {
            self.as_mut_slice()[low..low + values.len()].copy_from_slice(values);
        }
        Ok(())
    }

    /// Gives unused storage back when less than half is used.
    fn shrink(&mut self) {
        let (raw, size) = (&self.obj.0, self.obj.len());
        if size >= raw.ob_alloc.get() as usize / 2 {
            return;
        }
        let Some(block) = alloc_block(size + 1) else { return };
        // SAFETY: both blocks hold at least `size` bytes.
        unsafe { ptr::copy_nonoverlapping(raw.ob_start.get().cast::<u8>(), block.as_ptr(), size) };
        self.obj.free_storage();
        raw.ob_bytes.set(block.as_ptr().cast());
        raw.ob_start.set(block.as_ptr().cast());
        raw.ob_alloc.set(size as isize + 1);
        self.set_len(size);
    }
}

fn storage(size: usize) -> Option<alloc::Layout> {
    alloc::Layout::from_size_align(size, 16).ok()
}

fn alloc_block(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { memory::alloc_zeroed(storage(size.max(1))?) })
}

impl ByteString for ByteArray {
    const NAME: &'static str = "bytearray";
    fn with<R>(&self, py: Attached<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
        read(self.lock(py).as_slice())
    }
    fn content(&self, py: Attached<'_>) -> PyResult<Cow<'_, [u8]>> {
        Ok(Cow::Owned(self.to_vec(py)?))
    }
    fn make(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Self>> {
        ByteArray::new(py, bytes)
    }
    fn unchanged(&self, py: Attached<'_>) -> PyResult<Ref<Self>> {
        ByteArray::new(py, &self.to_vec(py)?)
    }
    fn pin<'a, 'py>(&'a self, py: Attached<'py>, argument: Option<&Object>) -> Option<Pin<'a, 'py>> {
        let argument = argument?;
        let harmless = argument.is_none()
            || argument.downcast_exact::<Bytes>().is_some()
            || argument.downcast_exact::<ByteArray>().is_some()
            || argument.downcast_exact::<Str>().is_some()
            || argument.downcast_exact::<crate::Int>().is_some();
        if harmless { None } else { Some(Pin::new(py, self)) }
    }
    fn separator(py: Attached<'_>, _: &Object, bytes: &[u8]) -> PyResult<Ref<Object>> {
        Ok(ByteArray::new(py, bytes)?.upcast())
    }
}

/// An export of an array's content: the size does not change while it lives.
pub struct Pin<'a, 'py> {
    py: Attached<'py>,
    array: &'a ByteArray,
}

impl<'a, 'py> Pin<'a, 'py> {
    pub fn new(py: Attached<'py>, array: &'a ByteArray) -> Self {
        let lock = array.lock(py);
        array.0.ob_exports.set(array.0.ob_exports.get() + 1);
        drop(lock);
        Pin { py, array }
    }
}

impl Drop for Pin<'_, '_> {
    fn drop(&mut self) {
        let _lock = self.array.lock(self.py);
        self.array.0.ob_exports.set(self.array.0.ob_exports.get() - 1);
    }
}

impl ByteArray {
    #[inline(always)]
    pub fn raw(&self) -> &PyByteArrayObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<ByteArray>> {
        let new = mem::new_instance::<ByteArray>(py, Self::type_object(), |_| {})?;
        if !bytes.is_empty() {
            let mut lock = new.lock(py);
            let result = lock.splice(0, 0, bytes);
            drop(lock);
            result.map_err(|fail| fail.raise(py))?;
        }
        Ok(new)
    }

    /// A new array of that many zeros.
    pub fn zeroed(py: Attached<'_>, len: usize) -> PyResult<Ref<ByteArray>> {
        let new = Self::new(py, b"")?;
        new.change(py, |lock| lock.resize(len))?;
        Ok(new)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the content.
    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        crate::reserve::copied(py, self.lock(py).as_slice())
    }

    /// The address of the content, followed by a NUL (`PyByteArray_AsString`).
    pub fn data_ptr(&self) -> *mut u8 {
        match self.0.ob_start.get() {
            start if start.is_null() => (&raw const EMPTY).cast_mut().cast(),
            start => start.cast(),
        }
    }

    /// The content; only for holders of the lock.
    fn slice(&self) -> &[u8] {
        // SAFETY: [locked] and [exact-size].
        unsafe { std::slice::from_raw_parts(self.data_ptr(), self.len()) }
    }

    /// Changes the size (`PyByteArray_Resize`).
    pub fn resize(&self, py: Attached<'_>, size: usize) -> PyResult<()> {
        self.change(py, |lock| lock.resize(size))
    }

    /// Appends bytes.
    pub fn push_bytes(&self, py: Attached<'_>, bytes: &[u8]) -> PyResult<()> {
        self.change(py, |lock| {
            let len = lock.len();
            lock.splice(len, len, bytes)
        })
    }

    fn change<R>(
        &self,
        py: Attached<'_>,
        change: impl FnOnce(&mut Locked<'_, ByteArray>) -> Result<R, Fail>,
    ) -> PyResult<R> {
        let mut lock = self.lock(py);
        let result = change(&mut lock);
        drop(lock);
        result.map_err(|fail| fail.raise(py))
    }

    fn free_storage(&self) {
        let block = self.0.ob_bytes.get().cast::<u8>();
        if let (false, Some(layout)) = (block.is_null(), storage(self.0.ob_alloc.get() as usize)) {
            // SAFETY: allocated with this layout, and nobody uses it.
            unsafe { memory::dealloc(block, layout) };
        }
        self.0.ob_bytes.set(ptr::null_mut());
        self.0.ob_start.set(ptr::null_mut());
        self.0.ob_alloc.set(0);
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ByteArray>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.free_storage()) };
    }

    fn init(py: Attached<'_>, this: &ByteArray, args: Args<'_>) -> PyResult<()> {
        if !this.is_empty() {
            this.resize(py, 0)?;
        }
        match methods::source::<ByteArray>(py, args, false)? {
            Source::Bytes(bytes) => this.push_bytes(py, bytes.as_slice()),
            Source::Content(bytes) => this.push_bytes(py, &bytes),
            Source::Zeros(len) => this.change(py, |lock| {
                lock.resize(len)?;
                lock.as_mut_slice().fill(0);
                Ok(())
            }),
            Source::Object(object)
                if object.downcast_exact::<crate::List>().is_none()
                    && object.downcast_exact::<Tuple>().is_none()
                    && object.downcast::<Str>().is_none()
                    && !Buffer::is_exporter(object)
                    && object.ty().as_type().tp_iter.get().is_some() =>
            {
                let iter = object.iter(py)?;
                while let Some(item) = iter.iter_next(py)? {
                    this.push_bytes(py, &[byte_value(py, &item, "byte must be in range(0, 256)")?])?;
                }
                Ok(())
            }
            Source::Object(object) => {
                let bytes = methods::bytes_from_object(py, object, "bytearray", "byte must be in range(0, 256)")?;
                this.push_bytes(py, &bytes)
            }
        }
    }

    fn repr(py: Attached<'_>, this: &ByteArray) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(this.len() + 14);
        out.push_str(&this.as_object().ty().name());
        out.push_str("(");
        methods::repr_bytes(&mut out, &this.to_vec(py)?, true);
        out.push_str(")");
        out.finish(py)
    }

    fn rich_compare(py: Attached<'_>, this: &ByteArray, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        if !Buffer::is_exporter(other) {
            return Ok(crate::object::not_implemented());
        }
        let other = match stable_bytes(py, other) {
            Ok(other) => other,
            Err(raised) if raised.matches(py, exc::BufferError()) || raised.matches(py, exc::TypeError()) => {
                raised.clear(py);
                return Ok(crate::object::not_implemented());
            }
            Err(raised) => return Err(raised),
        };
        let holds = this.with(py, |text| op.holds(text.cmp(&other)));
        holds.into_object(py)
    }

    fn concat(py: Attached<'_>, this: &ByteArray, other: &Object) -> PyResult<Ref<ByteArray>> {
        ByteArray::new(py, &methods::concat_bytes(py, this.as_object(), other, "bytearray")?)
    }

    fn inplace_concat(py: Attached<'_>, this: &ByteArray, other: &Object) -> PyResult<Ref<ByteArray>> {
        if !Buffer::is_exporter(other) {
            return Err(raise!(py, TypeError, "can't concat {} to bytearray", other.ty().tp_name()));
        }
        this.push_bytes(py, &stable_bytes(py, other)?)?;
        Ok(this.to_ref())
    }

    fn repeated(py: Attached<'_>, unit: &[u8], count: isize) -> PyResult<Vec<u8>> {
        let count = count.max(0) as usize;
        let len = unit.len().checked_mul(count).filter(|&len| len < isize::MAX as usize);
        let Some(len) = len else { return Err(py.no_memory()) };
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| py.no_memory())?;
        out.resize(len, 0);
        if len > 0 {
            repeat_into(unit, &mut out);
        }
        Ok(out)
    }

    fn repeat(py: Attached<'_>, this: &ByteArray, count: isize) -> PyResult<Ref<ByteArray>> {
        ByteArray::new(py, &Self::repeated(py, &this.to_vec(py)?, count)?)
    }

    fn inplace_repeat(py: Attached<'_>, this: &ByteArray, count: isize) -> PyResult<Ref<ByteArray>> {
        let unit = this.to_vec(py)?;
        let out = Self::repeated(py, &unit, count)?;
        this.change(py, |lock| {
            let len = lock.len();
            lock.splice(0, len, &out)
        })?;
        Ok(this.to_ref())
    }

    fn item(py: Attached<'_>, this: &ByteArray, index: isize) -> PyResult<u8> {
        let byte = this.with(py, |text| usize::try_from(index).ok().and_then(|index| text.get(index).copied()));
        byte.ok_or_else(|| raise!(py, IndexError, "bytearray index out of range"))
    }

    fn ass_item(py: Attached<'_>, this: &ByteArray, index: isize, value: Option<&Object>) -> PyResult<()> {
        let value = value.map(|value| byte_value(py, value, "byte must be in range(0, 256)")).transpose()?;
        let found = this.change(py, |lock| {
            let at = usize::try_from(index).ok().filter(|&at| at < lock.len());
            match (at, value) {
                (None, _) => return Ok(false),
                (Some(at), Some(value)) => lock.as_mut_slice()[at] = value,
                (Some(at), None) => lock.splice(at, at + 1, b"")?,
            }
            Ok(true)
        })?;
        if found { Ok(()) } else { Err(raise!(py, IndexError, "bytearray index out of range")) }
    }

    fn subscript(py: Attached<'_>, this: &ByteArray, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(slice) = key.downcast_exact::<Slice>() {
            let (start, _, step, count) = slice.indices(py, this.len())?;
            let picked: Vec<u8> = this.with(py, |text| {
                // The array may have shrunk since its length was read.
                slice_positions(start, step, count).filter_map(|at| text.get(at).copied()).collect()
            });
            return Ok(ByteArray::new(py, &picked)?.upcast());
        }
        if key.has_index() {
            let index = index_arg(py, key)?;
            return Self::item(py, this, if index < 0 { index + this.len() as isize } else { index })?.into_object(py);
        }
        Err(raise!(py, TypeError, "bytearray indices must be integers or slices, not {}", key.ty().tp_name()))
    }

    fn ass_subscript(py: Attached<'_>, this: &ByteArray, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let Some(slice) = key.downcast_exact::<Slice>() else {
            if !key.has_index() {
                let given = key.ty().tp_name();
                return Err(raise!(py, TypeError, "bytearray indices must be integers or slices, not {given}"));
            }
            let index = index_arg(py, key)?;
            return Self::ass_item(py, this, if index < 0 { index + this.len() as isize } else { index }, value);
        };
        let values = match value {
            None => Cow::Borrowed(&b""[..]),
            Some(value) => assigned_bytes(py, value)?,
        };
        let (start, stop, step, count) = slice.indices(py, this.len())?;
        if step == 1 {
            let (low, high) = (start as usize, stop.max(start) as usize);
            return this.change(py, |lock| {
                let len = lock.len();
                lock.splice(low.min(len), high.min(len), &values)
            });
        }
        if values.is_empty() {
            return this.change(py, |lock| {
                let mut gone = vec![false; lock.len()];
                slice_positions(start, step, count).filter(|&at| at < lock.len()).for_each(|at| gone[at] = true);
                let kept: Vec<u8> =
                    lock.as_slice().iter().zip(&gone).filter(|(_, gone)| !**gone).map(|(byte, _)| *byte).collect();
                let len = lock.len();
                lock.splice(0, len, &kept)
            });
        }
        if values.len() != count {
            let given = values.len();
            return Err(raise!(
                py,
                ValueError,
                "attempt to assign bytes of size {given} to extended slice of size {count}"
            ));
        }
        this.change(py, |lock| {
            let len = lock.len();
            for (at, &byte) in slice_positions(start, step, count).zip(values.iter()) {
                if at < len {
                    lock.as_mut_slice()[at] = byte;
                }
            }
            Ok(())
        })
    }

    fn get_buffer(py: Attached<'_>, this: &ByteArray, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        let lock = this.lock(py);
        // The count goes up before anyone can see the address.
        this.0.ob_exports.set(this.0.ob_exports.get() + 1);
        let (data, len) = (this.data_ptr(), this.len() as isize);
        drop(lock);
        // SAFETY: exports keep the storage in place, and the view keeps the object alive.
        let result = unsafe { buffer::fill_info(py, view, Some(this.as_object()), data.cast(), len, false, flags) };
        if result.is_err() {
            Self::release_buffer(py, this, view);
        }
        result
    }

    fn release_buffer(py: Attached<'_>, this: &ByteArray, _: &mut Py_buffer) {
        let _lock = this.lock(py);
        this.0.ob_exports.set(this.0.ob_exports.get() - 1);
    }

    fn from_hex(py: Attached<'_>, ty: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let bytes = methods::from_hex(py, text)?;
        if ptr::eq(ty, ByteArray::type_object()) {
            return Ok(ByteArray::new(py, &bytes)?.upcast());
        }
        ty.as_object().call_pos(py, &[Bytes::new(py, &bytes)?.as_object()])
    }

    fn py_alloc(_: Attached<'_>, this: &ByteArray) -> isize {
        this.0.ob_alloc.get()
    }

    fn sizeof(_: Attached<'_>, this: &ByteArray) -> isize {
        this.as_object().ty().as_type().tp_basicsize.get() + this.0.ob_alloc.get()
    }

    fn reduce(py: Attached<'_>, this: &ByteArray) -> PyResult<Ref<Tuple>> {
        this.reduce_protocol(py, 2)
    }

    fn reduce_ex(py: Attached<'_>, this: &ByteArray, [proto]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
        let proto = crate::builtins::textargs::c_int_arg(py, proto, 0)?;
        this.reduce_protocol(py, proto)
    }

    fn reduce_protocol(&self, py: Attached<'_>, proto: c_int) -> PyResult<Ref<Tuple>> {
        let content = self.to_vec(py)?;
        let args = if content.is_empty() {
            Tuple::from_slice(py, &[])?
        } else if proto < 3 {
            let (text, encoding) = (Str::from_latin1(py, &content)?, Str::new(py, "latin-1")?);
            Tuple::from_slice(py, &[text.as_object(), encoding.as_object()])?
        } else {
            Tuple::from_slice(py, &[Bytes::new(py, &content)?.as_object()])?
        };
        let state = self.as_object().call_method(py, id!(py, __getstate__), &[])?;
        Tuple::from_slice(py, &[self.as_object().ty().as_object(), args.as_object(), &state])
    }

    fn append(py: Attached<'_>, this: &ByteArray, item: &Object) -> PyResult<()> {
        let byte = byte_value(py, item, "byte must be in range(0, 256)")?;
        this.push_bytes(py, &[byte])
    }

    fn clear(py: Attached<'_>, this: &ByteArray) -> PyResult<()> {
        this.resize(py, 0)
    }

    fn copy(py: Attached<'_>, this: &ByteArray) -> PyResult<Ref<ByteArray>> {
        ByteArray::new(py, &this.to_vec(py)?)
    }

    fn extend(py: Attached<'_>, this: &ByteArray, iterable: &Object) -> PyResult<()> {
        if Buffer::is_exporter(iterable) {
            // They go where the end was before, if that still exists.
            let end = this.len();
            let bytes = stable_bytes(py, iterable)?;
            return this.change(py, |lock| {
                let at = end.min(lock.len());
                lock.splice(at, at, &bytes)
            });
        }
        let given = iterable.ty().tp_name();
        if iterable.downcast::<Str>().is_some() {
            return Err(raise!(py, TypeError, "expected iterable of integers; got: '{given}'"));
        }
        let iter = iterable.iter(py).map_err(|raised| {
            if raised.matches(py, exc::TypeError()) {
                raised.clear(py);
                return raise!(py, TypeError, "can't extend bytearray with {given}");
            }
            raised
        })?;
        let mut bytes = Vec::with_capacity(iterable.length_hint(py, 32)?.min(1 << 16));
        while let Some(item) = iter.iter_next(py)? {
            bytes.push(byte_value(py, &item, "byte must be in range(0, 256)")?);
        }
        this.push_bytes(py, &bytes)
    }

    fn insert(py: Attached<'_>, this: &ByteArray, [index, item]: [Option<&Object>; 2]) -> PyResult<()> {
        let Some(item) = item else { return Err(py.bad_internal_call()) };
        let index = isize_arg(py, index, 0)?;
        let byte = byte_value(py, item, "byte must be in range(0, 256)")?;
        this.change(py, |lock| {
            let len = lock.len() as isize;
            let at = if index < 0 { (index + len).max(0) } else { index.min(len) } as usize;
            lock.splice(at, at, &[byte])
        })
    }

    fn pop(py: Attached<'_>, this: &ByteArray, [index]: [Option<&Object>; 1]) -> PyResult<u8> {
        let index = isize_arg(py, index, -1)?;
        let popped = this.change(py, |lock| {
            let len = lock.len() as isize;
            let at = if index < 0 { index + len } else { index };
            if len == 0 || at < 0 || at >= len {
                return Ok(Err(len == 0));
            }
            let byte = lock.as_slice()[at as usize];
            lock.splice(at as usize, at as usize + 1, b"")?;
            Ok(Ok(byte))
        })?;
        popped.map_err(|empty| match empty {
            true => raise!(py, IndexError, "pop from empty bytearray"),
            false => raise!(py, IndexError, "pop index out of range"),
        })
    }

    fn remove(py: Attached<'_>, this: &ByteArray, value: &Object) -> PyResult<()> {
        let byte = byte_value(py, value, "byte must be in range(0, 256)")?;
        let found = this.change(py, |lock| match lock.as_slice().iter().position(|&each| each == byte) {
            Some(at) => lock.splice(at, at + 1, b"").map(|()| true),
            None => Ok(false),
        })?;
        if found { Ok(()) } else { Err(raise!(py, ValueError, "value not found in bytearray")) }
    }

    fn py_resize(py: Attached<'_>, this: &ByteArray, size: &Object) -> PyResult<()> {
        let size = size.as_isize(py)?;
        let Ok(size) = usize::try_from(size) else {
            return Err(raise!(py, ValueError, "Can only resize to positive sizes, got {size}"));
        };
        this.change(py, |lock| {
            let old = lock.len();
            lock.resize(size)?;
            if size > old {
                lock.as_mut_slice()[old..].fill(0);
            }
            Ok(())
        })
    }

    fn reverse(py: Attached<'_>, this: &ByteArray) {
        this.lock(py).as_mut_slice().reverse();
    }
}

/// The bytes that a slice assignment takes from its right side.
fn assigned_bytes<'a>(py: Attached<'_>, value: &'a Object) -> PyResult<Cow<'a, [u8]>> {
    if Buffer::is_exporter(value) {
        return stable_bytes(py, value);
    }
    let refused = value.downcast::<Str>().is_some() || value.has_index();
    if refused {
        return Err(raise!(py, TypeError, "can assign only bytes, buffers, or iterables of ints in range(0, 256)"));
    }
    methods::bytes_from_object(py, value, "bytearray", "byte must be in range(0, 256)").map(Cow::Owned)
}
