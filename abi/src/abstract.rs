//! `abstract.h`: objects, numbers, sequences, mappings, iterators, buffers, calls.
use crate::capi::*;
use crate::object::or_report;
use krait_layout::*;
use krait_object::args::Args;
use krait_object::protocols::buffer;
use krait_object::protocols::number::BinaryOp;
use krait_object::{Attached, Dict, Int, Layout, List, Object, PyResult, Ref, Str, Tuple, Type, exc, raise};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

macro_rules! binary {
    ($($name:ident, $inplace:ident = $op:ident;)*) => { capi! { $(
        fn $name(py, a: &Object, b: &Object) -> Ref<Object> { a.binary_op(py, b, BinaryOp::$op) }
        fn $inplace(py, a: &Object, b: &Object) -> Ref<Object> { a.inplace_op(py, b, BinaryOp::$op) }
    )* } };
}
binary! {
    PyNumber_Add, PyNumber_InPlaceAdd = Add;
    PyNumber_Subtract, PyNumber_InPlaceSubtract = Subtract;
    PyNumber_Multiply, PyNumber_InPlaceMultiply = Multiply;
    PyNumber_MatrixMultiply, PyNumber_InPlaceMatrixMultiply = MatMul;
    PyNumber_FloorDivide, PyNumber_InPlaceFloorDivide = FloorDivide;
    PyNumber_TrueDivide, PyNumber_InPlaceTrueDivide = TrueDivide;
    PyNumber_Remainder, PyNumber_InPlaceRemainder = Remainder;
    PyNumber_Lshift, PyNumber_InPlaceLshift = Lshift;
    PyNumber_Rshift, PyNumber_InPlaceRshift = Rshift;
    PyNumber_And, PyNumber_InPlaceAnd = And;
    PyNumber_Xor, PyNumber_InPlaceXor = Xor;
    PyNumber_Or, PyNumber_InPlaceOr = Or;
}

fn is_number(o: &Object) -> bool {
    o.ty()
        .number_methods()
        .is_some_and(|nb| nb.nb_index.get().is_some() || nb.nb_int.get().is_some() || nb.nb_float.get().is_some())
        || o.downcast::<krait_object::Complex>().is_some()
}

capi! {
    fn PyNumber_Power(py, a: &Object, b: &Object, m: &Object) -> Ref<Object> { a.power(py, b, m) }
    fn PyNumber_InPlacePower(py, a: &Object, b: &Object, m: &Object) -> Ref<Object> { a.inplace_power(py, b, m) }
    fn PyNumber_Divmod(py, a: &Object, b: &Object) -> Ref<Object> { a.divmod(py, b) }
    fn PyNumber_Negative(py, a: &Object) -> Ref<Object> { a.negative(py) }
    fn PyNumber_Positive(py, a: &Object) -> Ref<Object> { a.positive(py) }
    fn PyNumber_Absolute(py, a: &Object) -> Ref<Object> { a.absolute(py) }
    fn PyNumber_Invert(py, a: &Object) -> Ref<Object> { a.invert(py) }
    fn PyNumber_Index(py, a: &Object) -> Ref<Int> { a.index(py) }
    fn PyNumber_Long(py, a: &Object) -> Ref<Int> { a.to_int(py) }
    fn PyNumber_Float(py, a: &Object) -> Ref<krait_object::Float> { a.to_float(py) }
    fn PyNumber_AsSsize_t(py, a: &Object, error: Option<&Type>) -> isize {
        let value = a.index(py)?;
        match value.to_i64() {
            Some(value) => Ok(value as isize),
            None => match error {
                None => Ok(if value.is_negative() { isize::MIN } else { isize::MAX }),
                Some(class) => Err(py.raise(class, format_args!("cannot fit '{}' into an index-sized integer", a.ty().name()))),
            },
        }
    }
    fn PyNumber_ToBase(py, a: &Object, base: c_int) -> Ref<Str> {
        if !matches!(base, 2 | 8 | 10 | 16) {
            return Err(raise!(py, SystemError, "PyNumber_ToBase: base must be 2, 8, 10 or 16"));
        }
        let value = a.index(py)?;
        let name = match base { 2 => "bin", 8 => "oct", 16 => "hex", _ => return value.as_object().repr(py) };
        let function = krait_vm::import::import_module(py, "builtins")?.get_attr(py, &*Str::new(py, name)?)?;
        function.call_pos(py, &[value.as_object()])?.downcast::<Str>().map_err(|_| py.bad_internal_call())
    }

    fn PyObject_Size(py, o: &Object) -> isize { Ok(o.len(py)? as isize) }
    fn PyObject_Length(py, o: &Object) -> isize { Ok(o.len(py)? as isize) }
    fn PyObject_LengthHint(py, o: &Object, default: isize) -> isize { Ok(o.length_hint(py, default.max(0) as usize)? as isize) }
    fn PyObject_GetItem(py, o: &Object, key: &Object) -> Ref<Object> { o.get_item(py, key) }
    fn PyObject_SetItem(py, o: &Object, key: &Object, value: &Object) -> () { o.set_item(py, key, value) }
    fn PyObject_DelItem(py, o: &Object, key: &Object) -> () { o.del_item(py, key) }
    fn PyObject_DelItemString(py, o: &Object, key: Text<'_>) -> () { o.del_item(py, key.obj(py)?.as_object()) }
    fn PyObject_Format(py, o: &Object, spec: Option<&Str>) -> Ref<Str> { o.format(py, spec) }
    fn PyObject_Type(py, o: &Object) -> Ref<Type> { Ok(o.ty().to_ref()) }
    fn PyObject_IsInstance(py, o: &Object, class: &Object) -> bool { o.is_instance(py, class) }
    fn PyObject_IsSubclass(py, o: &Object, class: &Object) -> bool { o.is_subclass(py, class) }
    fn PyObject_GetIter(py, o: &Object) -> Ref<Object> { o.iter(py) }
    fn PyObject_GetAIter(py, o: &Object) -> Ref<Object> {
        let Some(slot) = o.ty().async_methods().and_then(|table| table.am_aiter.get()) else {
            return Err(raise!(py, TypeError, "'{}' object is not an async iterable", o.ty().name()));
        };
        krait_object::protocols::call::steal_result(py, slot(o.as_ptr()))
    }

    fn PySequence_Size(py, o: &Object) -> isize { Ok(o.sequence_len(py)? as isize) }
    fn PySequence_Length(py, o: &Object) -> isize { Ok(o.sequence_len(py)? as isize) }
    fn PySequence_Concat(py, a: &Object, b: &Object) -> Ref<Object> { a.sequence_concat(py, b) }
    fn PySequence_InPlaceConcat(py, a: &Object, b: &Object) -> Ref<Object> { a.sequence_inplace_concat(py, b) }
    fn PySequence_Repeat(py, a: &Object, n: isize) -> Ref<Object> { a.sequence_repeat(py, n) }
    fn PySequence_InPlaceRepeat(py, a: &Object, n: isize) -> Ref<Object> { a.sequence_inplace_repeat(py, n) }
    fn PySequence_GetItem(py, o: &Object, i: isize) -> Ref<Object> { o.sequence_item(py, i) }
    fn PySequence_GetSlice(py, o: &Object, i: isize, j: isize) -> Ref<Object> { o.sequence_get_slice(py, i, j) }
    fn PySequence_SetItem(py, o: &Object, i: isize, v: Option<&Object>) -> () {
        match v { Some(v) => o.sequence_set_item(py, i, v), None => o.sequence_del_item(py, i) }
    }
    fn PySequence_DelItem(py, o: &Object, i: isize) -> () { o.sequence_del_item(py, i) }
    fn PySequence_SetSlice(py, o: &Object, i: isize, j: isize, v: Option<&Object>) -> () { o.sequence_set_slice(py, i, j, v) }
    fn PySequence_DelSlice(py, o: &Object, i: isize, j: isize) -> () { o.sequence_set_slice(py, i, j, None) }
    fn PySequence_Tuple(py, o: &Object) -> Ref<Tuple> { o.sequence_tuple(py) }
    fn PySequence_List(py, o: &Object) -> Ref<List> { o.sequence_list(py) }
    fn PySequence_Fast(py, o: &Object, message: &CStr) -> Ref<Object> { o.sequence_fast(py, || message.to_string_lossy()) }
    fn PySequence_Count(py, o: &Object, v: &Object) -> isize { Ok(o.sequence_count(py, v)? as isize) }
    fn PySequence_Contains(py, o: &Object, v: Option<&Object>) -> bool {
        // Nothing is compared with what an empty sequence has.
        let is_empty = || o.downcast::<List>().is_some_and(|o| o.is_empty()) || o.downcast::<Tuple>().is_some_and(|o| o.is_empty());
        match v {
            Some(v) => o.contains(py, v),
            None if is_empty() => Ok(false),
            None => Err(null_argument(py)),
        }
    }
    fn PySequence_In(py, o: &Object, v: &Object) -> bool { o.contains(py, v) }
    fn PySequence_Index(py, o: &Object, v: &Object) -> isize { Ok(o.sequence_index(py, v)? as isize) }

    fn PyMapping_Size(py, o: &Object) -> isize { Ok(o.mapping_len(py)? as isize) }
    fn PyMapping_Length(py, o: &Object) -> isize { Ok(o.mapping_len(py)? as isize) }
    fn PyMapping_Keys(py, o: &Object) -> Ref<List> { o.mapping_keys(py) }
    fn PyMapping_Values(py, o: &Object) -> Ref<List> { o.mapping_values(py) }
    fn PyMapping_Items(py, o: &Object) -> Ref<List> { o.mapping_items(py) }
    fn PyMapping_GetItemString(py, o: &Object, key: Text<'_>) -> Ref<Object> { o.get_item(py, key.obj(py)?.as_object()) }
    fn PyMapping_GetOptionalItem(py, o: &Object, key: &Object, out: Out) -> bool { Ok(out.set(o.get_item_opt(py, key)?)) }
    fn PyMapping_GetOptionalItemString(py, o: &Object, key: Text<'_>, out: Out) -> bool {
        Ok(out.set(o.get_item_opt(py, key.obj(py)?.as_object())?))
    }
    fn PyMapping_SetItemString(py, o: &Object, key: Text<'_>, v: &Object) -> () { o.set_item(py, key.obj(py)?.as_object(), v) }
    fn PyMapping_HasKeyWithError(py, o: &Object, key: &Object) -> bool { Ok(o.get_item_opt(py, key)?.is_some()) }
    fn PyMapping_HasKeyStringWithError(py, o: &Object, key: Text<'_>) -> bool { Ok(o.get_item_opt(py, key.obj(py)?.as_object())?.is_some()) }

    fn PyIter_Next(py, o: &Object) -> Option<Ref<Object>> { o.iter_next(py) }
    fn PyIter_NextItem(py, o: &Object, out: Out) -> bool {
        if !o.is_iterator() {
            return Err(raise!(py, TypeError, "expected an iterator, got '{}'", o.ty().name()));
        }
        Ok(out.set(o.iter_next(py)?))
    }

    fn PyObject_Call(py, f: &Object, args: &Tuple, kwargs: Option<&Dict>) -> Ref<Object> { f.call_with(py, args, kwargs) }
    fn PyObject_CallObject(py, f: &Object, args: Option<&Tuple>) -> Ref<Object> {
        match args { Some(args) => f.call_with(py, args, None), None => f.call0(py) }
    }
    fn PyVectorcall_Call(py, f: &Object, args: &Tuple, kwargs: Option<&Dict>) -> Ref<Object> { f.call_by_vector(py, args, kwargs) }
    fn PyObject_CallNoArgs(py, f: &Object) -> Ref<Object> { f.call0(py) }
    fn PyObject_CallOneArg(py, f: &Object, arg: &Object) -> Ref<Object> { f.call_pos(py, &[arg]) }
    fn PyObject_Vectorcall(py, f: &Object, args: *const *mut PyObject, nargsf: usize, names: *mut PyObject) -> Ref<Object> {
        f.vectorcall(py, args, nargsf, names)
    }
    fn PyObject_VectorcallDict(py, f: &Object, args: *const *mut PyObject, nargsf: usize, kwargs: Option<&Dict>) -> Ref<Object> {
        let n = nargsf & (usize::MAX >> 1);
        let Some(kwargs) = kwargs.filter(|kwargs| !kwargs.is_empty()) else { return f.vectorcall(py, args, nargsf, ptr::null_mut()) };
        let (names, values): (Vec<_>, Vec<_>) = kwargs.items_snapshot(py)?.into_iter().unzip();
        let pos = Args::from_vectorcall(args, n, ptr::null_mut()).pos;
        f.call(py, Args { pos, names: krait_object::args::as_borrowed(&names), values: krait_object::args::as_borrowed(&values) })
    }
    fn PyObject_VectorcallMethod(py, name: &Object, args: *const *mut PyObject, nargsf: usize, names: *mut PyObject) -> Ref<Object> {
        let n = nargsf & (usize::MAX >> 1);
        let this = Object::from_ptr(*args);
        let (method, unbound) = this.get_method(py, krait_object::protocols::attributes::checked_name(py, name)?)?;
        if unbound {
            method.vectorcall(py, args, n, names)
        } else {
            method.vectorcall(py, args.add(1), (n - 1) | (nargsf & !(usize::MAX >> 1)), names)
        }
    }
}

capi_raw! {
    fn PyVectorcall_NARGS(n: usize) -> isize { (n & (usize::MAX >> 1)) as isize }
    fn PyVectorcall_Function(f: *mut PyObject) -> Option<vectorcallfunc> { Object::from_ptr(f).vectorcall_function() }
    fn PyNumber_Check(o: *mut PyObject) -> c_int { c_int::from(!o.is_null() && is_number(Object::from_ptr(o))) }
    fn PyIndex_Check(o: *mut PyObject) -> c_int { c_int::from(!o.is_null() && Object::from_ptr(o).has_index()) }
    fn PySequence_Check(o: *mut PyObject) -> c_int { c_int::from(!o.is_null() && Object::from_ptr(o).is_sequence()) }
    fn PyMapping_Check(o: *mut PyObject) -> c_int { c_int::from(!o.is_null() && Object::from_ptr(o).is_mapping()) }
    fn PyIter_Check(o: *mut PyObject) -> c_int { c_int::from(Object::from_ptr(o).is_iterator()) }
    fn PyAIter_Check(o: *mut PyObject) -> c_int { c_int::from(Object::from_ptr(o).ty().async_methods().is_some_and(|table| table.am_anext.get().is_some())) }
    fn PyMapping_HasKey(o: *mut PyObject, key: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        let found = <&Object>::from_c(py, o).and_then(|o| o.get_item_opt(py, <&Object>::from_c(py, key)?));
        let better = "PyMapping_HasKeyWithError(), PyMapping_GetOptionalItem() or PyObject_GetItem()";
        c_int::from(or_report(py, found, "PyMapping_HasKey", better).is_some())
    }
    fn PyMapping_HasKeyString(o: *mut PyObject, key: *const c_char) -> c_int {
        let py = Attached::from_tls();
        let found = <&Object>::from_c(py, o).and_then(|o| {
            if key.is_null() { return Err(raise!(py, SystemError, "null argument to internal routine")); }
            o.get_item_opt(py, Text::from_c(py, key)?.obj(py)?.as_object())
        });
        let better = "PyMapping_HasKeyStringWithError(), PyMapping_GetOptionalItemString() or PyMapping_GetItemString()";
        c_int::from(or_report(py, found, "PyMapping_HasKeyString", better).is_some())
    }
    fn PyObject_CheckBuffer(o: *mut PyObject) -> c_int { c_int::from(buffer::Buffer::is_exporter(Object::from_ptr(o))) }
    fn PyBuffer_Release(view: *mut Py_buffer) {
        if let Some(py) = Attached::try_from_tls() && !view.is_null() { buffer::release_buffer(py, &mut *view) }
    }
    fn PyBuffer_IsContiguous(view: *const Py_buffer, order: c_char) -> c_int { c_int::from(buffer::is_contiguous(&*view, order as u8)) }
    fn PyBuffer_GetPointer(view: *const Py_buffer, indices: *const isize) -> *mut c_void {
        let view = &*view;
        let n = view.ndim as usize;
        let index = std::slice::from_raw_parts(indices, n);
        let (strides, sub) = (buffer::strides_of(view), buffer::suboffsets_of(view));
        buffer::item_ptr(view.buf.cast(), index, &strides, sub.as_deref()).cast()
    }
    fn PyBuffer_FillContiguousStrides(n: c_int, shape: *mut isize, strides: *mut isize, itemsize: c_int, order: c_char) {
        let shape = std::slice::from_raw_parts(shape, n.max(0) as usize);
        let out = buffer::contiguous_strides(shape, itemsize as isize, order as u8 == b'F');
        ptr::copy_nonoverlapping(out.as_ptr(), strides, out.len());
    }
}

capi! {
    fn PyObject_GetBuffer(py, o: &Object, view: *mut Py_buffer, flags: c_int) -> () {
        if view.is_null() { return Err(raise!(py, BufferError, "PyObject_GetBuffer: view==NULL argument is obsolete")); }
        (*view).obj = ptr::null_mut();
        buffer::get_buffer(py, o, &mut *view, flags)
    }
    fn PyBuffer_FillInfo(py, view: *mut Py_buffer, o: Option<&Object>, buf: *mut c_void, len: isize, readonly: c_int, flags: c_int) -> () {
        if view.is_null() { return Err(raise!(py, BufferError, "PyBuffer_FillInfo: view==NULL argument is obsolete")); }
        buffer::fill_info(py, &mut *view, o, buf, len, readonly != 0, flags)
    }
    fn PyBuffer_SizeFromFormat(py, format: &CStr) -> isize {
        let class = krait_vm::import::import_module(py, "struct")?;
        let text = Str::new(py, &format.to_string_lossy())?;
        class.call_method(py, krait_object::id!(py, calcsize), &[text.as_object()])?.as_isize(py)
    }
    fn PyBuffer_ToContiguous(py, buf: *mut c_void, view: *const Py_buffer, len: isize, order: c_char) -> () {
        if len != (*view).len { return Err(raise!(py, ValueError, "PyBuffer_ToContiguous: len != view->len")); }
        let data = buffer::flatten(py, &*view, order as u8 == b'F')?;
        ptr::copy_nonoverlapping(data.as_ptr(), buf.cast(), data.len());
        Ok(())
    }
    fn PyBuffer_FromContiguous(py, view: *const Py_buffer, buf: *const c_void, len: isize, order: c_char) -> () {
        let (mut from, mut left) = (buf.cast::<u8>(), len.min((*view).len));
        let size = (*view).itemsize;
        buffer::for_each_item(&*view, order as u8 == b'F', |item| {
            if left >= size {
                ptr::copy_nonoverlapping(from, item, size as usize);
                from = from.offset(size);
                left -= size;
            }
        });
        Ok(())
    }
    fn PyMemoryView_FromObject(py, o: &Object) -> Ref<krait_object::MemoryView> { krait_object::MemoryView::new(py, o) }
    fn PyMemoryView_FromBuffer(py, view: *const Py_buffer) -> Ref<krait_object::MemoryView> {
        if (*view).buf.is_null() { return Err(raise!(py, ValueError, "PyMemoryView_FromBuffer(): info->buf must not be NULL")); }
        krait_object::MemoryView::from_buffer(py, &*view)
    }
    fn PyMemoryView_FromMemory(py, mem: *mut c_char, size: isize, flags: c_int) -> Ref<krait_object::MemoryView> {
        let mut view: Py_buffer = std::mem::zeroed();
        buffer::fill_info(py, &mut view, None, mem.cast(), size, flags & 0x200 == 0, 0x11c)?;
        krait_object::MemoryView::from_buffer(py, &view)
    }
    fn PyMemoryView_GetContiguous(py, o: &Object, kind: c_int, order: c_char) -> Ref<krait_object::MemoryView> {
        let view = krait_object::MemoryView::new(py, o)?;
        let info = &view.raw().view;
        let info = buffer::buffer_field(info);
        if kind == 0x200 && info.readonly != 0 { return Err(raise!(py, BufferError, "underlying buffer is not writable")); }
        if buffer::is_contiguous(info, order as u8) { return Ok(view); }
        if kind == 0x200 { return Err(raise!(py, BufferError, "writable contiguous buffer requested for a non-contiguous object.")); }
        let bytes = krait_object::Bytes::new(py, &buffer::flatten(py, info, order as u8 == b'F')?)?;
        krait_object::MemoryView::new(py, bytes.as_object())
    }
}

#[allow(dead_code)]
fn _types(_: &Type, _: PyResult<()>) {
    let _ = exc::TypeError;
}
