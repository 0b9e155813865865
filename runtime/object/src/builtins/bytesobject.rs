//! `bytes`: immutable bytes, followed by a NUL.
mod iter;

pub use iter::{ByteArrayIter, BytesIter};

use crate::args::Args;
use crate::builtins::bytes_methods::{self as methods, ByteString, Source};
use crate::builtins::textargs::{index_arg, slice_positions};
use crate::builtins::unicode::StrBuilder;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, Py_buffer, PyBytesObject, PyObject, PyVarObject};
use crate::protocols::buffer;
use crate::typedef::CompareOp;
use crate::{IntoObject, Object, PyResult, Slice, Str, Tuple, Type, mem, pytype, raise};
use std::borrow::Cow;
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr;

/// Immutable bytes.
#[repr(transparent)]
pub struct Bytes(pub(crate) PyBytesObject);

/// Bytes of the header and the closing NUL.
const HEADER: usize = offset_of!(PyBytesObject, ob_sval) + 1;

pytype! {
    #[unsafe(no_mangle)]
    pub static PyBytes_Type: "bytes" for Bytes {
        base: Object,
        flags: [BASETYPE, BYTES_SUBCLASS, MATCH_SELF],
        fast: BYTES_SUBCLASS,
        basicsize: HEADER as isize,
        itemsize: 1,
        doc: "bytes(iterable_of_ints) -> bytes\nbytes(string, encoding[, errors]) -> bytes\nbytes(bytes_or_buffer) -> bytes\nbytes(int) -> bytes\nbytes() -> bytes\n\nAn immutable sequence of integers from 0 to 255.\n\nMade from an iterable of such integers, from a string in an encoding, from\nany object with the buffer protocol, or as that many zeros.",
        slots: {
            tp_dealloc = mem::dealloc_leaf::<Bytes>,
            tp_repr = Bytes::repr,
            tp_str = Bytes::repr,
            tp_hash = |_, this: &Bytes| Ok(this.hash_value()),
            tp_richcompare = Bytes::rich_compare,
            tp_iter = BytesIter::new,
            constructor = Bytes::construct,
            nb_remainder = crate::builtins::percent::bytes_remainder,
            length = |_, this: &Bytes| Ok(this.len()),
            sq_concat = Bytes::py_concat,
            sq_repeat = Bytes::repeat,
            sq_item = Bytes::item,
            sq_contains = methods::contains::<Bytes>,
            mp_subscript = Bytes::subscript,
            bf_getbuffer = Bytes::get_buffer,
        },
        methods: {
            noargs "capitalize" => methods::capitalize::<Bytes>, "($self, /)", "Copy with its first letter in upper case and the rest in lower case.";
            sig "center" => methods::center::<Bytes>, "($self, width, fillchar=b' ', /)", "Copy centered in a field of the given width.";
            raw "count" => methods::count::<Bytes>, "($self, sub[, start[, end]], /)", "B.count(sub[, start[, end]]) -> int\n\nHow often sub (bytes or one integer) occurs, without overlap, in B[start:end].";
            sig "decode" => methods::decode::<Bytes>, "($self, /, encoding='utf-8', errors='strict')", "Text that the bytes represent in an encoding.\n\n  encoding\n    Name of the encoding.\n  errors\n    What to do with bytes that mean nothing: 'strict' raises\n    UnicodeDecodeError; 'ignore', 'replace' and any name registered with\n    codecs.register_error work, too.";
            raw "endswith" => methods::endswith::<Bytes>, "($self, suffix[, start[, end]], /)", "B.endswith(suffix[, start[, end]]) -> bool\n\nWhether B[start:end] ends with suffix, or with one of a tuple of them.";
            sig "expandtabs" => methods::expandtabs::<Bytes>, "($self, /, tabsize=8)", "Copy with each tab replaced by blanks up to the next tab stop.";
            raw "find" => methods::find::<Bytes>, "($self, sub[, start[, end]], /)", "B.find(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within B[start:end], or -1.";
            sig "hex" => methods::hex::<Bytes>, "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", "Text of two hexadecimal digits a byte.\n\n  sep\n    A character or byte to put between groups.\n  bytes_per_sep\n    Bytes in a group, counted from the right; from the left if negative.\n\n>>> b'\\x01\\xfe'.hex(':')\n'01:fe'";
            raw "index" => methods::index::<Bytes>, "($self, sub[, start[, end]], /)", "B.index(sub[, start[, end]]) -> int\n\nLowest index at which sub lies within B[start:end].\nRaises ValueError when there is none.";
            noargs "isalnum" => methods::isalnum::<Bytes>, "($self, /)", "Whether all bytes are ASCII letters or digits and there is one.";
            noargs "isalpha" => methods::isalpha::<Bytes>, "($self, /)", "Whether all bytes are ASCII letters and there is one.";
            noargs "isascii" => methods::isascii::<Bytes>, "($self, /)", "Whether all bytes are below 128; true when empty.";
            noargs "isdigit" => methods::isdigit::<Bytes>, "($self, /)", "Whether all bytes are ASCII digits and there is one.";
            noargs "islower" => methods::islower::<Bytes>, "($self, /)", "Whether all ASCII letters are lower case and there is one.";
            noargs "isspace" => methods::isspace::<Bytes>, "($self, /)", "Whether all bytes are ASCII white space and there is one.";
            noargs "istitle" => methods::istitle::<Bytes>, "($self, /)", "Whether an upper-case letter begins each word and lower case goes on.";
            noargs "isupper" => methods::isupper::<Bytes>, "($self, /)", "Whether all ASCII letters are upper case and there is one.";
            o "join" => methods::join::<Bytes>, "($self, iterable_of_bytes, /)", "Concatenates the bytes-like objects of an iterable with this one between them.";
            sig "ljust" => methods::ljust::<Bytes>, "($self, width, fillchar=b' ', /)", "Copy at the left of a field of the given width.";
            noargs "lower" => methods::lower::<Bytes>, "($self, /)", "Copy with ASCII letters in lower case.";
            sig "lstrip" => methods::lstrip::<Bytes>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at the left.";
            o "partition" => methods::partition::<Bytes>, "($self, sep, /)", "Cuts at the first separator: what is before, the separator, what is after.\n\nWithout a separator: a copy and two empty objects.";
            sig "replace" => methods::replace::<Bytes>, "($self, old, new, count=-1, /)", "Copy with all occurrences of old replaced by new.\n\n  count\n    Replace no more than this many, from the left; -1 means all.";
            o "removeprefix" => methods::removeprefix::<Bytes>, "($self, prefix, /)", "Copy without the prefix, if it is there.";
            o "removesuffix" => methods::removesuffix::<Bytes>, "($self, suffix, /)", "Copy without the suffix, if it is there.";
            raw "rfind" => methods::rfind::<Bytes>, "($self, sub[, start[, end]], /)", "B.rfind(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within B[start:end], or -1.";
            raw "rindex" => methods::rindex::<Bytes>, "($self, sub[, start[, end]], /)", "B.rindex(sub[, start[, end]]) -> int\n\nHighest index at which sub lies within B[start:end].\nRaises ValueError when there is none.";
            sig "rjust" => methods::rjust::<Bytes>, "($self, width, fillchar=b' ', /)", "Copy at the right of a field of the given width.";
            o "rpartition" => methods::rpartition::<Bytes>, "($self, sep, /)", "Cuts at the last separator: what is before, the separator, what is after.\n\nWithout a separator: two empty objects and a copy.";
            sig "rsplit" => methods::rsplit::<Bytes>, "($self, /, sep=None, maxsplit=-1)", "List of the parts between separators, split from the right.\n\n  sep\n    The separator; None splits at runs of ASCII white space.\n  maxsplit\n    Split at most this many times; -1 means no limit.";
            sig "rstrip" => methods::rstrip::<Bytes>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at the right.";
            sig "split" => methods::split::<Bytes>, "($self, /, sep=None, maxsplit=-1)", "List of the parts between separators.\n\n  sep\n    The separator; None splits at runs of ASCII white space.\n  maxsplit\n    Split at most this many times; -1 means no limit.";
            sig "splitlines" => methods::splitlines::<Bytes>, "($self, /, keepends=False)", "List of the lines, without line ends unless keepends is true.";
            raw "startswith" => methods::startswith::<Bytes>, "($self, prefix[, start[, end]], /)", "B.startswith(prefix[, start[, end]]) -> bool\n\nWhether B[start:end] begins with prefix, or with one of a tuple of them.";
            sig "strip" => methods::strip::<Bytes>, "($self, bytes=None, /)", "Copy without white space, or without the given bytes, at either end.";
            noargs "swapcase" => methods::swapcase::<Bytes>, "($self, /)", "Copy with the case of ASCII letters exchanged.";
            noargs "title" => methods::title::<Bytes>, "($self, /)", "Copy in which each word begins with an upper-case letter.";
            sig "translate" => methods::translate::<Bytes>, "($self, table, /, delete=b'')", "Copy with the bytes in delete gone and the others mapped by a table of 256 bytes.\n\nNone as the table maps each byte to itself.";
            noargs "upper" => methods::upper::<Bytes>, "($self, /)", "Copy with ASCII letters in upper case.";
            o "zfill" => methods::zfill::<Bytes>, "($self, width, /)", "Copy filled with zeros at the left, behind a sign.";
            class o "fromhex" => Bytes::from_hex, "($type, string, /)", "The bytes that pairs of hexadecimal digits stand for; white space between them is skipped.";
            stat sig "maketrans" => methods::maketrans, "(frm, to, /)", "A table for translate(): each byte of frm becomes the one of to in its place.";
            noargs "__getnewargs__" => Bytes::getnewargs, "($self, /)", "What pickle and copy pass to __new__.";
            noargs "__bytes__" => Bytes::to_exact, "($self, /)", "The object as exact bytes.";
        },
    }
}

#[repr(C)]
struct StaticBytes {
    ob_base: PyVarObject,
    ob_shash: Field<isize>,
    data: [u8; 8],
}

/// The empty bytes object, then those of one byte.
static STATICS: [StaticBytes; 257] = {
    let mut all = [const {
        StaticBytes {
            ob_base: PyVarObject::immortal((&raw const PyBytes_Type).cast_mut(), 1),
            ob_shash: Field::new(-1),
            data: [0; 8],
        }
    }; 257];
    all[256].ob_base = PyVarObject::immortal((&raw const PyBytes_Type).cast_mut(), 0);
    let mut at = 0;
    while at < 256 {
        all[at].data[0] = at as u8;
        at += 1;
    }
    all
};

impl Bytes {
    #[inline(always)]
    pub fn raw(&self) -> &PyBytesObject {
        &self.0
    }

    /// The empty object.
    #[inline]
    pub fn empty() -> Ref<Bytes> {
        Self::static_at(256).to_ref()
    }

    /// The immortal object of one byte.
    #[inline]
    pub fn one(byte: u8) -> &'static Bytes {
        Self::static_at(byte as usize)
    }

    fn static_at(at: usize) -> &'static Bytes {
        // SAFETY: [layout]: the static has the layout of a bytes object with up to seven bytes.
        unsafe { &*ptr::from_ref(&STATICS[at]).cast() }
    }

    /// A fresh exact object of `len` zero bytes, for the caller to fill before anyone else sees it.
    pub fn alloc(py: Attached<'_>, len: usize) -> PyResult<Ref<Bytes>> {
        if len == 0 {
            return Ok(Self::empty());
        }
        if len > isize::MAX as usize - HEADER {
            return Err(crate::raise!(py, OverflowError, "byte string is too large"));
        }
        let raw = mem::alloc_sized(py, Self::type_object(), HEADER + len)?;
        // SAFETY: [layout]: fresh zeroed memory of an exact object, large enough for header, bytes and NUL.
        let bytes = unsafe { Ref::<Bytes>::from_raw(raw.as_ptr()) };
        bytes.0.ob_base.ob_size.set(len as isize);
        bytes.0.ob_shash.set(-1);
        Ok(bytes)
    }

    /// The content of an object under construction.
    ///
    /// # Safety
    /// The caller has the only reference.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        // SAFETY: [exact-size], and the caller is the only user.
        unsafe { std::slice::from_raw_parts_mut(self.data_ptr(), self.len()) }
    }

    pub fn new(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Bytes>> {
        if let [byte] = bytes {
            return Ok(Self::one(*byte).to_ref());
        }
        if bytes.is_empty() {
            return Ok(Self::empty());
        }
        let size = HEADER + bytes.len();
        if size > mem::MAX_SMALL {
            let new = Self::alloc(py, bytes.len())?;
            // SAFETY: fresh.
            unsafe { new.as_mut_slice() }.copy_from_slice(bytes);
            return Ok(new);
        }
        let Some(raw) = mem::alloc_raw(py, mem::Kind::Leaf, size) else { return Err(py.no_memory()) };
        let object = raw.cast::<PyObject>();
        // SAFETY: [layout]: memory of an exact object that nobody else uses, large enough for header, bytes and NUL.
        unsafe {
            object.as_ref().ob_type.set(Self::type_object().as_type_ptr());
            crate::mode::new_reference(object.as_ptr());
            let new = Ref::<Bytes>::from_raw(object.as_ptr());
            new.0.ob_base.ob_size.set(bytes.len() as isize);
            new.0.ob_shash.set(-1);
            ptr::copy_nonoverlapping(bytes.as_ptr(), new.data_ptr(), bytes.len());
            new.data_ptr().add(bytes.len()).write(0);
            Ok(new)
        }
    }

    /// The address of the first byte.
    #[inline(always)]
    pub fn data_ptr(&self) -> *mut u8 {
        // SAFETY: [layout]: the bytes begin there.
        unsafe { ptr::from_ref(self).cast_mut().cast::<u8>().add(offset_of!(PyBytesObject, ob_sval)) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: [exact-size] and [frozen].
        unsafe { std::slice::from_raw_parts(self.data_ptr(), self.len()) }
    }

    /// The (cached) hash.
    pub fn hash_value(&self) -> isize {
        match self.0.ob_shash.get() {
            -1 => {
                let hash = crate::hash::hash_bytes(self.as_slice());
                self.0.ob_shash.set(hash);
                hash
            }
            hash => hash,
        }
    }
}

const _: () = assert!(size_of::<StaticBytes>() > HEADER && offset_of!(StaticBytes, data) == HEADER - 1);
const _: () = assert!(size_of::<PyObject>() <= HEADER);

impl ByteString for Bytes {
    const NAME: &'static str = "bytes";
    #[inline]
    fn with<R>(&self, _: Attached<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
        read(self.as_slice())
    }
    #[inline]
    fn content(&self, _: Attached<'_>) -> PyResult<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(self.as_slice()))
    }
    fn make(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Self>> {
        Bytes::new(py, bytes)
    }
    fn unchanged(&self, py: Attached<'_>) -> PyResult<Ref<Self>> {
        Bytes::to_exact(py, self)
    }
    fn separator(_: Attached<'_>, object: &Object, _: &[u8]) -> PyResult<Ref<Object>> {
        Ok(object.to_ref())
    }
}

impl Bytes {
    /// The object itself when it is exact, else an exact copy.
    pub fn to_exact(py: Attached<'_>, this: &Bytes) -> PyResult<Ref<Bytes>> {
        if ptr::eq(this.as_object().ty(), Bytes::type_object()) {
            Ok(this.to_ref())
        } else {
            Bytes::new(py, this.as_slice())
        }
    }

    fn repr(py: Attached<'_>, this: &Bytes) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(this.len() + 3);
        methods::repr_bytes(&mut out, this.as_slice(), false);
        out.finish(py)
    }

    fn rich_compare(py: Attached<'_>, this: &Bytes, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        match other.downcast::<Bytes>() {
            Some(other) if matches!(op, CompareOp::Eq | CompareOp::Ne) => {
                ((this.as_slice() == other.as_slice()) == (op == CompareOp::Eq)).into_object(py)
            }
            Some(other) => op.holds(this.as_slice().cmp(other.as_slice())).into_object(py),
            None => Ok(crate::object::not_implemented()),
        }
    }

    /// An object of `len` bytes that `fill` writes; `ty` may be a subclass.
    fn build(py: Attached<'_>, ty: &Type, len: usize, fill: impl FnOnce(&mut [u8])) -> PyResult<Ref<Object>> {
        let new = if ptr::eq(ty, Bytes::type_object()) {
            Bytes::alloc(py, len)?
        } else {
            let object = ty.alloc(py, len)?;
            // SAFETY: [layout]: `ty` derives from `bytes`.
            let object = unsafe { object.cast_unchecked::<Bytes>() };
            object.0.ob_shash.set(-1);
            object
        };
        if len != 0 {
            // SAFETY: fresh.
            fill(unsafe { new.as_mut_slice() });
        }
        Ok(new.upcast())
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let exact = ptr::eq(ty, Bytes::type_object());
        let content = match methods::source::<Bytes>(py, args, true)? {
            Source::Bytes(bytes) if exact => return Ok(bytes.upcast()),
            Source::Bytes(bytes) => bytes.as_slice().to_vec(),
            Source::Zeros(len) => return Self::build(py, ty, len, |_| {}),
            Source::Content(content) => content,
            Source::Object(object) => {
                if let Some(bytes) = object.downcast_exact::<Bytes>().filter(|_| exact) {
                    return Ok(bytes.to_ref().upcast());
                }
                methods::bytes_from_object(py, object, "bytes", "bytes must be in range(0, 256)")?
            }
        };
        if exact {
            return Ok(Bytes::new(py, &content)?.upcast());
        }
        Self::build(py, ty, content.len(), |to| to.copy_from_slice(&content))
    }

    /// `bytes(object)` without encoding (`PyBytes_FromObject`, after `__bytes__`).
    pub fn from_object(py: Attached<'_>, object: &Object) -> PyResult<Ref<Bytes>> {
        if let Some(bytes) = object.downcast_exact::<Bytes>() {
            return Ok(bytes.to_ref());
        }
        Bytes::new(py, &methods::bytes_from_object(py, object, "bytes", "bytes must be in range(0, 256)")?)
    }

    fn from_hex(py: Attached<'_>, ty: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let bytes = Bytes::new(py, &methods::from_hex(py, text)?)?;
        if ptr::eq(ty, Bytes::type_object()) {
            return Ok(bytes.upcast());
        }
        ty.as_object().call_pos(py, &[bytes.as_object()])
    }

    fn getnewargs(py: Attached<'_>, this: &Bytes) -> PyResult<Ref<Tuple>> {
        Tuple::from_slice(py, &[Bytes::new(py, this.as_slice())?.as_object()])
    }

    /// `self + other`.
    pub fn py_concat(py: Attached<'_>, this: &Bytes, other: &Object) -> PyResult<Ref<Bytes>> {
        if let Some(right) = other.downcast_exact::<Bytes>() {
            if right.is_empty() {
                return Bytes::to_exact(py, this);
            }
            let Some(len) = this.len().checked_add(right.len()) else { return Err(py.no_memory()) };
            let new = Bytes::alloc(py, len)?;
            // SAFETY: fresh.
            let (left, rest) = unsafe { new.as_mut_slice() }.split_at_mut(this.len());
            left.copy_from_slice(this.as_slice());
            rest.copy_from_slice(right.as_slice());
            return Ok(new);
        }
        Bytes::new(py, &methods::concat_bytes(py, this.as_object(), other, "bytes")?)
    }

    /// `self * count`.
    pub fn repeat(py: Attached<'_>, this: &Bytes, count: isize) -> PyResult<Ref<Bytes>> {
        let count = count.max(0) as usize;
        if count == 1 {
            return Bytes::to_exact(py, this);
        }
        let len = this.len().checked_mul(count).filter(|&len| len <= isize::MAX as usize);
        let Some(len) = len else {
            return Err(raise!(py, OverflowError, "repeated bytes are too long"));
        };
        if len > isize::MAX as usize - HEADER {
            return Err(py.no_memory());
        }
        let new = Bytes::alloc(py, len)?;
        if len != 0 {
            // SAFETY: fresh.
            repeat_into(this.as_slice(), unsafe { new.as_mut_slice() });
        }
        Ok(new)
    }

    fn item(py: Attached<'_>, this: &Bytes, index: isize) -> PyResult<u8> {
        match usize::try_from(index).ok().and_then(|index| this.as_slice().get(index)) {
            Some(byte) => Ok(*byte),
            None => Err(raise!(py, IndexError, "index out of range")),
        }
    }

    fn subscript(py: Attached<'_>, this: &Bytes, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(slice) = key.downcast_exact::<Slice>() {
            let (start, _, step, count) = slice.indices(py, this.len())?;
            if step == 1 && count == this.len() {
                return Ok(Bytes::to_exact(py, this)?.upcast());
            }
            if step == 1 {
                return Ok(Bytes::new(py, &this.as_slice()[start as usize..start as usize + count])?.upcast());
            }
            let picked: Vec<u8> = slice_positions(start, step, count).map(|at| this.as_slice()[at]).collect();
            return Ok(Bytes::new(py, &picked)?.upcast());
        }
        if key.has_index() {
            let index = index_arg(py, key)?;
            return Self::item(py, this, if index < 0 { index + this.len() as isize } else { index })?.into_object(py);
        }
        Err(raise!(py, TypeError, "byte indices must be integers or slices, not {}", key.ty().tp_name()))
    }

    fn get_buffer(py: Attached<'_>, this: &Bytes, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the view keeps the object alive, and the bytes never change.
        unsafe {
            let len = this.len() as isize;
            buffer::fill_info(py, view, Some(this.as_object()), this.data_ptr().cast(), len, true, flags)
        }
    }
}

/// Fills `out` with copies of `unit`, whose length divides its own.
pub(crate) fn repeat_into(unit: &[u8], out: &mut [u8]) {
    if let [byte] = unit {
        return out.fill(*byte);
    }
    let mut have = unit.len();
    out[..have].copy_from_slice(unit);
    while have < out.len() {
        let more = have.min(out.len() - have);
        out.copy_within(..more, have);
        have += more;
    }
}
