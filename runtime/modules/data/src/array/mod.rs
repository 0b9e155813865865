//! `array`: sequences of machine values.
//!
//! Concurrency: every operation holds the array's lock while it reads or changes the items, and runs no Python code
//! meanwhile, so single operations are atomic. While a buffer is exported the array cannot change its size; those who
//! hold the buffer read and write the items without a lock.
mod files;
mod items;
mod pickle;

use crate::overrides_init;
use items::{DESCRS, Descr, decode, encode};
use krait_object::args::Args;
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::builtins::textargs::slice_positions;
use krait_object::builtins::{ByteArray, Slice};
use krait_object::layout::{Field, Py_buffer, PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyObject, PyVarObject};
use krait_object::native::{Arg, add_type, character, ready, required, type_name};
use krait_object::protocols::buffer::BytesArg;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, List, Locked, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type,
    functions, id, mem, not_implemented, pytype, raise,
};
use std::alloc;
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// `array.array`. The fields up to `exports` lie as extension modules expect them.
#[repr(C)]
pub struct Array {
    ob_base: PyVarObject,
    items: Field<*mut u8>,
    allocated: Field<isize>,
    descr: Field<*const Descr>,
    weaklist: Field<*mut PyObject>,
    exports: Field<isize>,
}

pytype! {
    static ARRAY: "array.array" for Array {
        base: Object, flags: [BASETYPE, SEQUENCE],
        doc: "array(typecode [, initializer]) -> array\n\nA sequence of machine values of one type, held compactly.\n\nThe type code is one character:\n\n    Code  Items             Bytes at least\n    'b'   signed integer    1\n    'B'   unsigned integer  1\n    'u'   wide character    2 (see note)\n    'w'   character         4\n    'h'   signed integer    2\n    'H'   unsigned integer  2\n    'i'   signed integer    2\n    'I'   unsigned integer  2\n    'l'   signed integer    4\n    'L'   unsigned integer  4\n    'q'   signed integer    8\n    'Q'   unsigned integer  8\n    'f'   floating-point    4\n    'd'   floating-point    8\n\nNote: 'u' depends on the platform and is deprecated.\nThe initializer is a list, a string of characters, a bytes-like object\nor an iterable of suitable values.",
        slots: {
            tp_dealloc = Array::dealloc,
            tp_repr = Array::repr,
            tp_richcompare = Array::compare,
            tp_iter = ArrayIter::of,
            tp_new = Array::construct,
            raw tp_weaklistoffset = offset_of!(Array, weaklist) as isize,
            length = |_: Attached<'_>, this: &Array| Ok(this.len()),
            sq_concat = Array::concat,
            sq_repeat = Array::repeat,
            sq_item = Array::item,
            sq_ass_item = Array::set_item,
            sq_contains = Array::contains,
            sq_inplace_concat = Array::inplace_concat,
            sq_inplace_repeat = Array::inplace_repeat,
            mp_subscript = Array::subscript,
            mp_ass_subscript = Array::set_subscript,
            bf_getbuffer = Array::get_buffer,
            bf_releasebuffer = Array::release_buffer,
        },
        methods: {
            o "append" => |py: Attached<'_>, this: &Array, value: &Object| this.insert_at(py, isize::MAX, value), "($self, v, /)", "Append new value v to the end of the array.";
            noargs "buffer_info" => Array::buffer_info, "($self, /)", "The address of the items in memory and their number.";
            noargs "byteswap" => Array::byteswap, "($self, /)", "Reverse the order of the bytes of each item.";
            noargs "clear" => |py: Attached<'_>, this: &Array| this.change(py, |items| items.resize(0)), "($self, /)", "Remove all items.";
            noargs "__copy__" => Array::copy, "($self, /)", "Return a copy of the array.";
            o "count" => Array::count, "($self, v, /)", "Return number of occurrences of v in the array.";
            o "__deepcopy__" => |py: Attached<'_>, this: &Array, _: &Object| Array::copy(py, this), "($self, unused, /)", "Return a copy of the array.";
            o "extend" => Array::extend_any, "($self, bb, /)", "Append items to the end of the array.";
            raw "fromfile" => files::fromfile, "($self, f, n, /)", "Read n machine values from a binary file and append them.";
            o "fromlist" => Array::fromlist, "($self, list, /)", "Append items to array from list.";
            o "frombytes" => Array::frombytes, "($self, buffer, /)", "Append the machine values that a bytes-like object holds.";
            sig "index" => Array::index, "($self, v, start=0, stop=sys.maxsize, /)", "Return index of first occurrence of v in the array.\n\nRaise ValueError if the value is not present.";
            sig "insert" => |py: Attached<'_>, this: &Array, [at, value]: [Arg<'_>; 2]| this.insert_at(py, required(py, at)?.as_isize(py)?, required(py, value)?), "($self, i, v, /)", "Insert a new item v into the array before position i.";
            sig "pop" => Array::pop, "($self, i=-1, /)", "Return the i-th element and delete it from the array.\n\ni defaults to -1.";
            o "__reduce_ex__" => pickle::reduce_ex, "($self, value, /)", "What pickle needs to build it again.";
            o "remove" => Array::remove, "($self, v, /)", "Remove the first occurrence of v in the array.";
            noargs "reverse" => Array::reverse, "($self, /)", "Reverse the order of the items in the array.";
            o "tofile" => files::tofile, "($self, f, /)", "Write the items, as machine values, to a binary file.";
            noargs "tolist" => Array::tolist, "($self, /)", "Convert array to an ordinary list with the same items.";
            noargs "tobytes" => Array::tobytes, "($self, /)", "The machine values as bytes.";
            noargs "tounicode" => Array::tounicode, "($self, /)", "The characters of an array of type u or w as a string.";
            o "fromunicode" => Array::fromunicode, "($self, ustr, /)", "Append the characters of a string to an array of type u or w.";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Array| size_of::<Array>() + this.allocated.get() as usize * this.size(), "($self, /)", "Size of the array in memory, in bytes.";
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
        },
        getset: {
            "typecode" => |_: Attached<'_>, this: &Array| char::from(this.descr().code).to_string(), "the typecode character used to create the array";
            "itemsize" => |_: Attached<'_>, this: &Array| this.size(), "the size, in bytes, of one array item";
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
    fn raise(self, py: Attached<'_>) -> Raised {
        match self {
            Fail::Exported => raise!(py, BufferError, "cannot resize an array that is exporting buffers"),
            Fail::NoMemory => py.no_memory(),
        }
    }
}

/// The items, while the array is locked.
struct Items<'a>(Locked<'a, Array>);

fn storage(bytes: usize) -> Option<alloc::Layout> {
    alloc::Layout::from_size_align(bytes, 16).ok()
}

impl Items<'_> {
    fn bytes(&self) -> &[u8] {
        match self.0.len() * self.0.size() {
            0 => &[],
            // SAFETY: [locked] and [exact-size].
            len => unsafe { std::slice::from_raw_parts(self.0.items.get(), len) },
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self.0.len() * self.0.size() {
            0 => &mut [],
            // SAFETY: [locked] and [exact-size].
            len => unsafe { std::slice::from_raw_parts_mut(self.0.items.get(), len) },
        }
    }

    /// Sets the number of items; new ones are undefined but initialised.
    fn resize(&mut self, len: usize) -> Result<(), Fail> {
        let this = &*self.0;
        let old = this.len();
        if len == old {
            return Ok(());
        }
        if this.exports.get() > 0 {
            return Err(Fail::Exported);
        }
        let allocated = this.allocated.get() as usize;
        if allocated < len || len < allocated / 2 {
            let room = match len {
                0 => 0,
                _ => len.saturating_add((len >> 4) + if old < 8 { 3 } else { 7 }),
            };
            self.reallocate(old.min(len), room)?;
        }
        this.ob_base.ob_size.set(len as isize);
        Ok(())
    }

    /// Moves the first `kept` items to a block for `room` items, the others of which are zero.
    fn reallocate(&self, kept: usize, room: usize) -> Result<(), Fail> {
        let this = &*self.0;
        let (size, allocated) = (this.size(), this.allocated.get() as usize);
        let bytes = room.checked_mul(size).filter(|&bytes| bytes < isize::MAX as usize).ok_or(Fail::NoMemory)?;
        let items = this.items.get();
        let new = if room == 0 {
            this.free_storage();
            ptr::null_mut()
        } else {
            let layout = storage(bytes).ok_or(Fail::NoMemory)?;
            // SAFETY: neither size is zero; the old block has the layout that its size gives.
            unsafe {
                let new = match (items.is_null(), storage(allocated * size)) {
                    (false, Some(old)) => alloc::realloc(items, old, bytes),
                    _ => alloc::alloc(layout),
                };
                if new.is_null() {
                    return Err(Fail::NoMemory);
                }
                let kept = kept * size;
                ptr::write_bytes(new.add(kept), 0, bytes - kept);
                new
            }
        };
        this.items.set(new);
        this.allocated.set(room as isize);
        Ok(())
    }

    /// Gives a fresh array `values` (whole items) and no more room than they take.
    fn fill(&mut self, values: &[u8]) -> Result<(), Fail> {
        if self.0.exports.get() > 0 {
            return Err(Fail::Exported);
        }
        let len = values.len() / self.0.size();
        self.reallocate(0, len)?;
        self.0.ob_base.ob_size.set(len as isize);
        self.bytes_mut().copy_from_slice(values);
        Ok(())
    }

    /// Puts `values` (whole items) in the place of the items `low..high`.
    fn splice(&mut self, low: usize, high: usize, values: &[u8]) -> Result<(), Fail> {
        let (size, len) = (self.0.size(), self.0.len());
        let new = len - (high - low) + values.len() / size;
        if new < len {
            if self.0.exports.get() > 0 {
                return Err(Fail::Exported);
            }
            self.bytes_mut().copy_within(high * size.., low * size + values.len());
            self.resize(new)?;
        } else if new > len {
            self.resize(new)?;
            let to = low * size + values.len();
            self.bytes_mut().copy_within(high * size..len * size, to);
        }
        let at = low * size;
        self.bytes_mut()[at..at + values.len()].copy_from_slice(values);
        Ok(())
    }
}

impl Array {
    fn len(&self) -> usize {
        self.ob_base.ob_size.get() as usize
    }

    fn descr(&self) -> &'static Descr {
        // SAFETY: [frozen]: set by the constructor to one of `DESCRS`.
        unsafe { &*self.descr.get() }
    }

    fn size(&self) -> usize {
        self.descr().size
    }

    fn free_storage(&self) {
        let items = self.items.get();
        if let (false, Some(layout)) = (items.is_null(), storage(self.allocated.get() as usize * self.size())) {
            // SAFETY: allocated with this layout, and nobody uses it.
            unsafe { alloc::dealloc(items, layout) };
        }
        self.items.set(ptr::null_mut());
        self.allocated.set(0);
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Array>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.free_storage()) }
    }

    fn new(py: Attached<'_>, ty: &Type, descr: &'static Descr) -> PyResult<Ref<Array>> {
        let this = krait_object::native::alloc::<Array>(py, ty)?;
        this.descr.set(descr);
        Ok(this)
    }

    fn with_bytes(py: Attached<'_>, descr: &'static Descr, bytes: &[u8]) -> PyResult<Ref<Array>> {
        let this = Self::new(py, Self::type_object(), descr)?;
        this.change(py, |items| items.fill(bytes))?;
        Ok(this)
    }

    fn read<R>(&self, py: Attached<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
        read(Items(self.lock(py)).bytes())
    }

    fn change<R>(&self, py: Attached<'_>, change: impl FnOnce(&mut Items<'_>) -> Result<R, Fail>) -> PyResult<R> {
        let mut items = Items(self.lock(py));
        let result = change(&mut items);
        drop(items);
        result.map_err(|fail| fail.raise(py))
    }

    fn snapshot(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        let copy = |bytes: &[u8]| {
            let mut copy = Vec::new();
            copy.try_reserve_exact(bytes.len()).map(|()| copy.extend_from_slice(bytes)).map(|()| copy)
        };
        self.read(py, copy).map_err(|_| py.no_memory())
    }

    /// The value at a position, if there is one.
    fn get(&self, py: Attached<'_>, at: usize) -> PyResult<Option<Ref<Object>>> {
        let size = self.size();
        let mut item = [0; 8];
        let found = self
            .read(py, |bytes| bytes.get(at * size..at * size + size).map(|bytes| item[..size].copy_from_slice(bytes)));
        found.map(|()| decode(py, self.descr(), &item[..size])).transpose()
    }

    fn push_bytes(&self, py: Attached<'_>, bytes: &[u8]) -> PyResult<()> {
        self.change(py, |items| {
            let len = items.0.len();
            items.splice(len, len, bytes)
        })
    }

    fn push(&self, py: Attached<'_>, value: &Object) -> PyResult<()> {
        let item = encode(py, self.descr(), value)?;
        self.push_bytes(py, &item[..self.size()])
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Array>> {
        if ptr::eq(ty, Self::type_object()) || !overrides_init::<Self>(ty) {
            args.no_keywords(py, "array.array")?;
        }
        let (code, initial) = match args.pos {
            [code] => (*code, None),
            [code, initial] => (*code, Some(*initial)),
            given => {
                let (bound, count, plural) = if given.is_empty() { ("least", 1, "") } else { ("most", 2, "s") };
                let given = given.len();
                return Err(raise!(py, TypeError, "array() takes at {bound} {count} argument{plural} ({given} given)"));
            }
        };
        let code = character(py, code, "array() argument 1 must be a unicode character")?;
        if code == u32::from(b'u') {
            let message = "The 'u' type code is deprecated and will be removed in Python 3.16";
            (krait_object::hooks::hooks().warn)(py, krait_object::exc::DeprecationWarning(), message, 1)?;
        }
        let text = matches!(u8::try_from(code), Ok(b'u' | b'w'));
        let shown = char::from_u32(code).unwrap_or('?');
        if let Some(initial) = initial.filter(|_| !text) {
            if initial.downcast::<Str>().is_some() {
                return Err(raise!(py, TypeError, "cannot use a str to initialize an array with typecode '{shown}'"));
            }
            if initial.downcast::<Array>().is_some_and(|array| array.descr().is_text()) {
                return Err(raise!(
                    py,
                    TypeError,
                    "cannot use a unicode array to initialize an array with typecode '{shown}'"
                ));
            }
        }
        let Some(descr) = DESCRS.iter().find(|descr| u32::from(descr.code) == code) else {
            return Err(raise!(py, ValueError, "bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)"));
        };
        let this = Self::new(py, ty, descr)?;
        if let Some(initial) = initial {
            this.fill(py, initial)?;
        }
        Ok(this)
    }

    /// Adds what the constructor was given.
    fn fill(&self, py: Attached<'_>, initial: &Object) -> PyResult<()> {
        if let Some(array) = initial.downcast::<Array>() {
            let bytes = array.snapshot(py)?;
            if ptr::eq(array.descr(), self.descr()) {
                return self.change(py, |items| items.fill(&bytes));
            }
            let values = bytes.chunks_exact(array.size()).map(|item| decode(py, array.descr(), item));
            return self.fill_with(py, values);
        }
        if initial.downcast::<List>().is_some() || initial.downcast::<Tuple>().is_some() {
            let iter = initial.iter(py)?;
            return self.fill_with(py, std::iter::from_fn(|| iter.iter_next(py).transpose()));
        }
        if let Some(text) = initial.downcast::<Str>() {
            return self.push_text(py, text);
        }
        if initial.downcast::<Bytes>().is_some() || initial.downcast::<ByteArray>().is_some() {
            return Array::frombytes(py, self, initial);
        }
        self.extend_iter(py, initial)
    }

    /// Gives a fresh array the values.
    fn fill_with(&self, py: Attached<'_>, values: impl Iterator<Item = PyResult<Ref<Object>>>) -> PyResult<()> {
        let mut bytes = Vec::new();
        for value in values {
            let item = encode(py, self.descr(), &*value?)?;
            bytes.try_reserve(self.size()).map_err(|_| py.no_memory())?;
            bytes.extend_from_slice(&item[..self.size()]);
        }
        self.change(py, |items| items.fill(&bytes))
    }

    fn extend_iter(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        let iter = iterable.iter(py)?;
        while let Some(value) = iter.iter_next(py)? {
            self.push(py, &value)?;
        }
        Ok(())
    }

    fn extend_any(py: Attached<'_>, this: &Array, items: &Object) -> PyResult<()> {
        match items.downcast::<Array>() {
            Some(array) if ptr::eq(array.descr(), this.descr()) => this.push_bytes(py, &array.snapshot(py)?),
            Some(_) => Err(raise!(py, TypeError, "can only extend with array of same kind")),
            None => this.extend_iter(py, items),
        }
    }

    fn values(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        let bytes = self.snapshot(py)?;
        bytes.chunks_exact(self.size()).map(|item| decode(py, self.descr(), item)).collect()
    }

    fn tolist(py: Attached<'_>, this: &Array) -> PyResult<Ref<List>> {
        List::from_vec(py, this.values(py)?)
    }

    fn tobytes(py: Attached<'_>, this: &Array) -> PyResult<Ref<Bytes>> {
        Bytes::new(py, &this.snapshot(py)?)
    }

    fn text(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let bytes = self.snapshot(py)?;
        let points: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect();
        match points.iter().find(|&&point| point > 0x10FFFF) {
            Some(point) => Err(raise!(py, ValueError, "character U+{point:x} is not in range [U+0000; U+10ffff]")),
            None => Str::from_code_points(py, &points),
        }
    }

    fn tounicode(py: Attached<'_>, this: &Array) -> PyResult<Ref<Str>> {
        if !this.descr().is_text() {
            return Err(raise!(py, ValueError, "tounicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        this.text(py)
    }

    fn push_text(&self, py: Attached<'_>, text: &Str) -> PyResult<()> {
        let bytes: Vec<u8> = text.code_points().flat_map(u32::to_ne_bytes).collect();
        self.push_bytes(py, &bytes)
    }

    fn fromunicode(py: Attached<'_>, this: &Array, text: &Object) -> PyResult<()> {
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "fromunicode() argument must be str, not {}",
                krait_object::builtins::textargs::arg_type(text)
            ));
        };
        if !this.descr().is_text() {
            return Err(raise!(py, ValueError, "fromunicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        this.push_text(py, text)
    }

    fn repr(py: Attached<'_>, this: &Array) -> PyResult<Ref<Str>> {
        let name = this.as_object().ty().short_name().into_owned();
        let code = char::from(this.descr().code);
        if this.len() == 0 {
            return Str::new(py, &format!("{name}('{code}')"));
        }
        let items = match this.descr().is_text() {
            true => this.text(py)?.as_object().repr(py)?,
            false => Array::tolist(py, this)?.as_object().repr(py)?,
        };
        let head = Str::new(py, &format!("{name}('{code}', "))?;
        Str::concat_all(py, &[&head, &items, &*Str::new(py, ")")?])
    }

    fn compare(py: Attached<'_>, left: &Array, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(right) = other.downcast::<Array>() else { return Ok(not_implemented()) };
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        if equality && left.len() != right.len() {
            return (op == CompareOp::Ne).into_object(py);
        }
        if equality && ptr::eq(left.descr(), right.descr()) && left.descr().is_integer() {
            let same = left.snapshot(py)? == right.snapshot(py)?;
            return (same == (op == CompareOp::Eq)).into_object(py);
        }
        let (a, b) = (left.snapshot(py)?, right.snapshot(py)?);
        for (x, y) in a.chunks_exact(left.size()).zip(b.chunks_exact(right.size())) {
            let (x, y) = (decode(py, left.descr(), x)?, decode(py, right.descr(), y)?);
            if x.eq(py, &y)? {
                continue;
            }
            return match op {
                CompareOp::Eq => false.into_object(py),
                CompareOp::Ne => true.into_object(py),
                _ => x.rich_compare(py, &y, op),
            };
        }
        op.holds((a.len() / left.size()).cmp(&(b.len() / right.size()))).into_object(py)
    }

    fn concat(py: Attached<'_>, this: &Array, other: &Object) -> PyResult<Ref<Array>> {
        let Some(other) = other.downcast::<Array>() else {
            return Err(raise!(py, TypeError, "can only append array (not \"{}\") to array", type_name(other)));
        };
        if !ptr::eq(this.descr(), other.descr()) {
            return Err(raise!(py, TypeError, "bad argument type for built-in operation"));
        }
        let (mut bytes, more) = (this.snapshot(py)?, other.snapshot(py)?);
        bytes.try_reserve_exact(more.len()).map_err(|_| py.no_memory())?;
        bytes.extend_from_slice(&more);
        let new = Self::with_bytes(py, this.descr(), &bytes)?;
        Ok(new)
    }

    fn inplace_concat(py: Attached<'_>, this: &Array, other: &Object) -> PyResult<Ref<Array>> {
        if other.downcast::<Array>().is_none() {
            return Err(raise!(py, TypeError, "can only extend with array (not \"{}\")", type_name(other)));
        }
        Array::extend_any(py, this, other)?;
        Ok(this.to_ref())
    }

    fn repeated(&self, py: Attached<'_>, count: isize) -> PyResult<Vec<u8>> {
        let bytes = self.snapshot(py)?;
        let count = count.max(0) as usize;
        let total = bytes.len().checked_mul(count).filter(|&total| total < isize::MAX as usize);
        let Some(total) = total else { return Err(py.no_memory()) };
        let mut out = Vec::new();
        out.try_reserve_exact(total).map_err(|_| py.no_memory())?;
        match bytes.as_slice() {
            &[byte] => out.resize(total, byte),
            bytes if !bytes.is_empty() => (0..count).for_each(|_| out.extend_from_slice(bytes)),
            _ => {}
        }
        Ok(out)
    }

    fn repeat(py: Attached<'_>, this: &Array, count: isize) -> PyResult<Ref<Array>> {
        Self::with_bytes(py, this.descr(), &this.repeated(py, count)?)
    }

    fn inplace_repeat(py: Attached<'_>, this: &Array, count: isize) -> PyResult<Ref<Array>> {
        if this.len() > 0 && count != 1 {
            let out = this.repeated(py, count)?;
            this.change(py, |items| {
                let len = items.0.len();
                items.splice(0, len, &out)
            })?;
        }
        Ok(this.to_ref())
    }

    fn item(py: Attached<'_>, this: &Array, index: isize) -> PyResult<Ref<Object>> {
        let item = match usize::try_from(index) {
            Ok(at) => this.get(py, at)?,
            Err(_) => None,
        };
        item.ok_or_else(|| raise!(py, IndexError, "array index out of range"))
    }

    fn set_item(py: Attached<'_>, this: &Array, index: isize, value: Option<&Object>) -> PyResult<()> {
        let out_of_range = || raise!(py, IndexError, "array assignment index out of range");
        let at = usize::try_from(index).map_err(|_| out_of_range())?;
        let size = this.size();
        let item = match value {
            _ if at >= this.len() => return Err(out_of_range()),
            Some(value) => encode(py, this.descr(), value)?,
            None => [0; 8],
        };
        let done = this.change(py, |items| {
            if at >= items.0.len() {
                return Ok(false);
            }
            if value.is_none() {
                items.splice(at, at + 1, &[])?;
            } else {
                items.bytes_mut()[at * size..at * size + size].copy_from_slice(&item[..size]);
            }
            Ok(true)
        })?;
        if done { Ok(()) } else { Err(out_of_range()) }
    }

    fn position(&self, py: Attached<'_>, key: &Object) -> PyResult<isize> {
        let index = key.as_index(py)?;
        Ok(if index < 0 { index + self.len() as isize } else { index })
    }

    fn subscript(py: Attached<'_>, this: &Array, key: &Object) -> PyResult<Ref<Object>> {
        if key.has_index() {
            return Array::item(py, this, this.position(py, key)?);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "array indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let size = this.size();
        let bytes = this.read(py, |bytes| {
            let (start, _, count) = Slice::adjust(bytes.len() / size, start, stop, step);
            if step == 1 && count > 0 {
                return bytes[start as usize * size..(start as usize + count) * size].to_vec();
            }
            slice_positions(start, step, count).flat_map(|at| &bytes[at * size..at * size + size]).copied().collect()
        });
        Ok(Self::with_bytes(py, this.descr(), &bytes)?.upcast())
    }

    fn set_subscript(py: Attached<'_>, this: &Array, key: &Object, value: Option<&Object>) -> PyResult<()> {
        if key.has_index() {
            let index = key.as_index(py)?;
            let len = this.len() as isize;
            let index = if index < 0 { index + len } else { index };
            return Array::set_item(py, this, index, value);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "array indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let values = match value {
            None => Vec::new(),
            Some(value) => match value.downcast::<Array>() {
                Some(array) if ptr::eq(array.descr(), this.descr()) => array.snapshot(py)?,
                Some(_) => return Err(raise!(py, TypeError, "bad argument type for built-in operation")),
                None => {
                    let name = type_name(value);
                    return Err(raise!(py, TypeError, "can only assign array (not \"{name}\") to array slice"));
                }
            },
        };
        let size = this.size();
        let needed = values.len() / size;
        let mismatch = this.change(py, |items| {
            let (start, stop, count) = Slice::adjust(items.0.len(), start, stop, step);
            if step == 1 {
                let stop = stop.max(start);
                return items.splice(start as usize, stop as usize, &values).map(|()| None);
            }
            if needed == 0 {
                return items.remove_stepped(start, step, count).map(|()| None);
            }
            if needed != count {
                return Ok(Some(count));
            }
            let bytes = items.bytes_mut();
            for (at, item) in slice_positions(start, step, count).zip(values.chunks_exact(size)) {
                bytes[at * size..at * size + size].copy_from_slice(item);
            }
            Ok(None)
        })?;
        match mismatch {
            None => Ok(()),
            Some(count) => Err(raise!(
                py,
                ValueError,
                "attempt to assign array of size {needed} to extended slice of size {count}"
            )),
        }
    }

    /// The first position from `start` on whose value equals `value`.
    fn find(&self, py: Attached<'_>, value: &Object, start: usize, stop: usize) -> PyResult<Option<usize>> {
        let mut at = start;
        while at < stop {
            let Some(item) = self.get(py, at)? else { break };
            if item.eq(py, value)? {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    fn contains(py: Attached<'_>, this: &Array, value: &Object) -> PyResult<bool> {
        Ok(this.find(py, value, 0, usize::MAX)?.is_some())
    }

    fn count(py: Attached<'_>, this: &Array, value: &Object) -> PyResult<usize> {
        let (mut count, mut at) = (0, 0);
        while let Some(found) = this.find(py, value, at, usize::MAX)? {
            count += 1;
            at = found + 1;
        }
        Ok(count)
    }

    fn index(py: Attached<'_>, this: &Array, [value, start, stop]: [Arg<'_>; 3]) -> PyResult<usize> {
        let len = this.len() as isize;
        let bound = |arg: Arg<'_>, default: isize| -> PyResult<usize> {
            let at = arg.map_or(Ok(default), |arg| arg.as_isize_clamped(py))?;
            Ok(if at < 0 { at.saturating_add(len).max(0) } else { at } as usize)
        };
        let (start, stop) = (bound(start, 0)?, bound(stop, isize::MAX)?);
        this.find(py, required(py, value)?, start, stop)?
            .ok_or_else(|| raise!(py, ValueError, "array.index(x): x not in array"))
    }

    fn remove(py: Attached<'_>, this: &Array, value: &Object) -> PyResult<()> {
        let Some(at) = this.find(py, value, 0, usize::MAX)? else {
            return Err(raise!(py, ValueError, "array.remove(x): x not in array"));
        };
        this.change(py, |items| if at < items.0.len() { items.splice(at, at + 1, &[]) } else { Ok(()) })
    }

    fn pop(py: Attached<'_>, this: &Array, [index]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let index = index.map_or(Ok(-1), |index| index.as_isize(py))?;
        if this.len() == 0 {
            return Err(raise!(py, IndexError, "pop from empty array"));
        }
        let size = this.size();
        let mut item = [0; 8];
        let found = this.change(py, |items| {
            let len = items.0.len();
            let at = if index < 0 { index + len as isize } else { index };
            let Some(at) = usize::try_from(at).ok().filter(|&at| at < len) else { return Ok(false) };
            item[..size].copy_from_slice(&items.bytes()[at * size..at * size + size]);
            items.splice(at, at + 1, &[]).map(|()| true)
        })?;
        if !found {
            return Err(raise!(py, IndexError, "pop index out of range"));
        }
        decode(py, this.descr(), &item[..size])
    }

    fn insert_at(&self, py: Attached<'_>, at: isize, value: &Object) -> PyResult<()> {
        let item = encode(py, self.descr(), value)?;
        let size = self.size();
        self.change(py, |items| {
            let len = items.0.len();
            let at = if at < 0 { (at + len as isize).max(0) as usize } else { (at as usize).min(len) };
            items.splice(at, at, &item[..size])
        })
    }

    fn fromlist(py: Attached<'_>, this: &Array, list: &Object) -> PyResult<()> {
        let Some(list) = list.downcast::<List>() else {
            return Err(raise!(py, TypeError, "arg must be list"));
        };
        let (size, len) = (this.size(), list.len());
        let mut bytes = krait_object::reserve::with_room(py, len * size)?;
        for at in 0..len {
            let Some(value) = list.get(py, at).filter(|_| list.len() == len) else {
                return Err(raise!(py, RuntimeError, "list changed size during iteration"));
            };
            bytes.extend_from_slice(&encode(py, this.descr(), &value)?[..size]);
        }
        if list.len() != len {
            return Err(raise!(py, RuntimeError, "list changed size during iteration"));
        }
        this.push_bytes(py, &bytes)
    }

    fn frombytes(py: Attached<'_>, this: &Array, buffer: &Object) -> PyResult<()> {
        let bytes = BytesArg::new(py, buffer)?;
        // The array itself may have lent the bytes; it can be changed once they are given back.
        let bytes = match &bytes {
            BytesArg::Bytes(bytes) => bytes.as_slice().into(),
            _ => std::borrow::Cow::Owned(bytes.as_slice().to_vec()),
        };
        if bytes.len() % this.size() != 0 {
            return Err(raise!(py, ValueError, "bytes length not a multiple of item size"));
        }
        this.push_bytes(py, &bytes)
    }

    fn copy(py: Attached<'_>, this: &Array) -> PyResult<Ref<Array>> {
        Self::with_bytes(py, this.descr(), &this.snapshot(py)?)
    }

    fn reverse(py: Attached<'_>, this: &Array) -> PyResult<()> {
        let size = this.size();
        this.change(py, |items| {
            let bytes = items.bytes_mut();
            bytes.reverse();
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            Ok(())
        })
    }

    fn byteswap(py: Attached<'_>, this: &Array) -> PyResult<()> {
        let size = this.size();
        this.change(py, |items| {
            items.bytes_mut().chunks_exact_mut(size).for_each(<[u8]>::reverse);
            Ok(())
        })
    }

    fn buffer_info(py: Attached<'_>, this: &Array) -> PyResult<Ref<Tuple>> {
        let address = (this.items.get() as usize).into_object(py)?;
        Tuple::pair(py, address, this.len().into_object(py)?)
    }

    fn get_buffer(py: Attached<'_>, this: &Array, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        static EMPTY: [u64; 1] = [0];
        let items = Items(this.lock(py));
        view.obj = this.to_ref().into_raw();
        view.buf = match this.items.get() {
            items if items.is_null() => (&raw const EMPTY).cast_mut().cast(),
            items => items.cast(),
        };
        view.len = items.bytes().len() as isize;
        view.readonly = 0;
        view.ndim = 1;
        view.itemsize = this.size() as isize;
        view.suboffsets = ptr::null_mut();
        let asked = |flag: c_int| flags & flag == flag;
        view.shape = if asked(PyBUF_ND) { this.ob_base.ob_size.as_ptr() } else { ptr::null_mut() };
        view.strides = if asked(PyBUF_STRIDES) { &raw mut view.itemsize } else { ptr::null_mut() };
        view.format = if asked(PyBUF_FORMAT) { this.descr().format().as_ptr().cast_mut() } else { ptr::null_mut() };
        view.internal = ptr::null_mut();
        this.exports.set(this.exports.get() + 1);
        Ok(())
    }

    fn release_buffer(py: Attached<'_>, this: &Array, _: &mut Py_buffer) {
        let _lock = this.lock(py);
        this.exports.set(this.exports.get() - 1);
    }
}

impl Items<'_> {
    /// Removes `count` items, each `step` from the last.
    fn remove_stepped(&mut self, start: isize, step: isize, count: usize) -> Result<(), Fail> {
        if count == 0 {
            return Ok(());
        }
        if self.0.exports.get() > 0 {
            return Err(Fail::Exported);
        }
        let (start, step) = match step < 0 {
            true => (start + (count as isize - 1) * step, -step),
            false => (start, step),
        };
        let (size, len) = (self.0.size(), self.0.len());
        let mut gone = slice_positions(start, step, count).peekable();
        let mut to = start as usize;
        for from in start as usize..len {
            if gone.next_if_eq(&from).is_none() {
                self.bytes_mut().copy_within(from * size..(from + 1) * size, to * size);
                to += 1;
            }
        }
        self.resize(len - count)
    }
}

krait_object::native! {
    /// What iterates over an array.
    struct ArrayIter { array: Slot<Array>, at: Field<usize> }
}
pytype! {
    static ARRAY_ITER: "array.arrayiterator" for ArrayIter {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = ArrayIter::dealloc,
            tp_traverse = ArrayIter::traverse,
            tp_iter = |_: Attached<'_>, this: &ArrayIter| this.to_ref(),
            tp_iternext = ArrayIter::next,
        },
        methods: {
            noargs "__reduce__" => ArrayIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => ArrayIter::set_state, "($self, state, /)", "Set state information for unpickling.";
        },
    }
}

impl ArrayIter {
    fn of(py: Attached<'_>, array: &Array) -> PyResult<Ref<ArrayIter>> {
        let this = krait_object::native::alloc::<ArrayIter>(py, ArrayIter::type_object())?;
        drop(this.array.replace(Some(array.to_ref())));
        Ok(this)
    }

    fn next(py: Attached<'_>, this: &ArrayIter) -> PyResult<Option<Ref<Object>>> {
        let Some(array) = this.array.get() else { return Ok(None) };
        let at = this.at.get();
        let item = array.get(py, at)?;
        match item {
            Some(_) => this.at.set(at + 1),
            None => drop(this.array.take()),
        }
        Ok(item)
    }

    fn reduce(py: Attached<'_>, this: &ArrayIter) -> PyResult<Ref<Tuple>> {
        let iter = crate::builtin(py, id!(py, iter))?;
        match this.array.get() {
            Some(array) => {
                let args = Tuple::from_slice(py, &[array.as_object()])?;
                Tuple::from_vec(py, vec![iter, args.upcast(), this.at.get().into_object(py)?])
            }
            None => {
                let args = Tuple::from_vec(py, vec![Tuple::empty(py).upcast()])?;
                Tuple::from_vec(py, vec![iter, args.upcast()])
            }
        }
    }

    fn set_state(py: Attached<'_>, this: &ArrayIter, state: &Object) -> PyResult<()> {
        let at = state.as_isize(py)?;
        if let Some(array) = this.array.get() {
            this.at.set(at.clamp(0, array.len() as isize) as usize);
        }
        Ok(())
    }
}

/// Fills `array`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "_array_reconstructor" => pickle::reconstruct, "($module, arraytype, typecode, mformat_code, items, /)", "Internal. Used for pickling support.";
        },
    )?;
    add_type::<Array>(py, module, "array")?;
    module.add(py, "ArrayType", Array::type_object().as_object())?;
    ready::<ArrayIter>(py)?;
    crate::register_abc(py, "MutableSequence", Array::type_object())?;
    let codes: String = DESCRS.iter().map(|descr| char::from(descr.code)).collect();
    module.add(py, "typecodes", &*codes.into_object(py)?)
}
