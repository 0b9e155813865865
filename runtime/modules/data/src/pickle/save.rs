//! Writing of objects.
use super::buffer::PickleBuffer;
use super::opcodes::*;
use super::pickler::Writer;
use super::{cannot_pickle, import, lookup, renamed, table};
use krait_object::builtins::exceptions::BaseException;
use krait_object::builtins::{ByteArray, FrozenSet, Function, Set};
use krait_object::native::type_name;
use krait_object::reserve::{make_room, with_room};
use krait_object::{
    Attached, Bool, Bytes, Dict, Float, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Str, Tuple, Type,
    exc, id, none_borrowed, raise,
};

/// How many items are written between a mark and its instruction.
const BATCH: usize = 1000;

fn shown(py: Attached<'_>, object: &Object) -> String {
    match object.repr(py) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(raised) => {
            raised.clear(py);
            "?".to_owned()
        }
    }
}

/// `type(object)` with its module, as messages show it.
fn full_name(object: &Object) -> String {
    object.ty().full_name()
}

/// Writes an object.
pub fn save(w: &mut Writer<'_>, object: &Object, is_pid: bool) -> PyResult<()> {
    let py = w.py;
    w.boundary()?;
    if !is_pid && let Some(persistent_id) = &w.persistent_id {
        let pid = persistent_id.call_pos(py, &[object])?;
        if !pid.is_none() {
            return save_pid(w, &pid);
        }
    }
    if object.is_none() {
        w.put(&[NONE]);
        return Ok(());
    }
    if object.is(Bool::of(true)) || object.is(Bool::of(false)) {
        let truth = object.is(Bool::of(true));
        match (w.protocol >= 2, truth) {
            (true, true) => w.put(&[NEWTRUE]),
            (true, false) => w.put(&[NEWFALSE]),
            (false, true) => w.put(b"I01\n"),
            (false, false) => w.put(b"I00\n"),
        }
        return Ok(());
    }
    if let Some(int) = object.downcast_exact::<Int>() {
        return save_int(w, int);
    }
    if let Some(float) = object.downcast_exact::<Float>() {
        let value = float.value();
        if w.bin {
            w.put(&[BINFLOAT]);
            w.put(&value.to_be_bytes());
        } else {
            w.put(format!("F{}\n", krait_text::float::repr(value)).as_bytes());
        }
        return Ok(());
    }
    if let Some(&(at, _)) = w.memo.0.get(&(object.as_ptr() as usize)) {
        get(w, at);
        return Ok(());
    }
    if let Some(bytes) = object.downcast_exact::<Bytes>() {
        return save_bytes(w, bytes);
    }
    if let Some(text) = object.downcast_exact::<Str>() {
        return save_text(w, text);
    }
    let _guard = py.enter_recursive(" while pickling an object")?;
    if let Some(dict) = object.downcast_exact::<Dict>() {
        return in_fast_mode(w, object, |w| save_dict(w, dict));
    }
    if let Some(set) = object.downcast_exact::<Set>() {
        return save_set(w, set);
    }
    if let Some(set) = object.downcast_exact::<FrozenSet>() {
        return save_frozenset(w, set);
    }
    if let Some(list) = object.downcast_exact::<List>() {
        return in_fast_mode(w, object, |w| save_list(w, list));
    }
    if let Some(tuple) = object.downcast_exact::<Tuple>() {
        return save_tuple(w, tuple);
    }
    if let Some(array) = object.downcast_exact::<ByteArray>() {
        return save_bytearray(w, array);
    }
    if let Some(buffer) = object.downcast_exact::<PickleBuffer>() {
        return save_buffer(w, buffer);
    }
    save_other(w, object)
}

/// Containers are checked for cycles when nothing is remembered.
fn in_fast_mode(
    w: &mut Writer<'_>,
    object: &Object,
    work: impl FnOnce(&mut Writer<'_>) -> PyResult<()>,
) -> PyResult<()> {
    const NESTING: usize = 50;
    if !w.fast {
        return work(w);
    }
    let address = object.as_ptr() as usize;
    if w.fast_open.len() >= NESTING && w.fast_open.contains(&address) {
        let py = w.py;
        let name = type_name(object);
        return Err(raise!(
            py,
            ValueError,
            "fast mode: can't pickle cyclic objects including object type {name} at {:?}",
            object.as_ptr()
        ));
    }
    w.fast_open.push(address);
    let result = work(w);
    w.fast_open.pop();
    result
}

/// Objects that say themselves how they are rebuilt, functions and classes.
fn save_other(w: &mut Writer<'_>, object: &Object) -> PyResult<()> {
    let py = w.py;
    let ty = object.ty();
    if let Some(reduce) = &w.reducer_override {
        let value = reduce.call_pos(py, &[object])?;
        if !value.is(&*krait_object::not_implemented()) {
            return save_reduced(w, object, &value);
        }
    }
    if std::ptr::eq(ty, Type::type_object()) {
        return save_type(w, object);
    }
    if object.downcast_exact::<Function>().is_some() {
        return save_global(w, object, None);
    }
    let dispatch = w.dispatch.clone();
    let value = match lookup(py, &dispatch, ty.as_object())? {
        Some(reduce) => reduce.call_pos(py, &[object])?,
        None if ty.is_subtype_of(Type::type_object()) => return save_global(w, object, None),
        None => match object.get_attr_opt(py, id!(py, __reduce_ex__))? {
            Some(reduce) => reduce.call_pos(py, &[&*w.protocol.into_object(py)?])?,
            None => match object.get_attr_opt(py, id!(py, __reduce__))? {
                Some(reduce) => reduce.call0(py)?,
                None => {
                    let name = full_name(object);
                    return Err(cannot_pickle(py, format_args!("can't pickle '{name}' object: {}", shown(py, object))));
                }
            },
        },
    };
    save_reduced(w, object, &value)
}

fn save_reduced(w: &mut Writer<'_>, object: &Object, value: &Object) -> PyResult<()> {
    let py = w.py;
    if value.downcast::<Str>().is_some() {
        return save_global(w, object, Some(value));
    }
    let result = match value.downcast::<Tuple>() {
        Some(tuple) => save_reduce(w, tuple, Some(object)),
        None => {
            let name = full_name(value);
            Err(cannot_pickle(py, format_args!("__reduce__ must return a string or tuple, not {name}")))
        }
    };
    result.map_err(|raised| raised.with_note(py, || format!("when serializing {} object", full_name(object))))
}

fn save_pid(w: &mut Writer<'_>, pid: &Object) -> PyResult<()> {
    let py = w.py;
    if w.bin {
        save(w, pid, true)?;
        w.put(&[BINPERSID]);
        return Ok(());
    }
    let text = pid.str(py)?;
    let Some(text) = text.as_str().filter(|text| text.is_ascii()) else {
        return Err(cannot_pickle(py, "persistent IDs in protocol 0 must be ASCII strings"));
    };
    w.put(format!("P{text}\n").as_bytes());
    Ok(())
}

fn get(w: &mut Writer<'_>, at: usize) {
    match (w.bin, u8::try_from(at)) {
        (false, _) => w.put(format!("g{at}\n").as_bytes()),
        (true, Ok(at)) => w.put(&[BINGET, at]),
        (true, Err(_)) => {
            w.put(&[LONG_BINGET]);
            w.put(&(at as u32).to_le_bytes());
        }
    }
}

/// Objects that a memo has room for from the first one on.
const MEMO_ROOM: usize = 56;

/// Remembers an object that was just written.
fn memoize(w: &mut Writer<'_>, object: &Object) {
    if w.fast {
        return;
    }
    let at = w.memo.0.len();
    if w.memo.0.capacity() == 0 {
        // A pickle that remembers one object mostly remembers dozens: growing there step by step costs more than the room.
        w.memo.0.reserve(MEMO_ROOM);
    }
    if w.memo.0.try_reserve(1).is_err() {
        w.given_up = true;
        return;
    }
    w.memo.0.insert(object.as_ptr() as usize, (at, object.to_ref()));
    match (w.protocol, w.bin, u8::try_from(at)) {
        (4.., ..) => w.put(&[MEMOIZE]),
        (_, false, _) => w.put(format!("p{at}\n").as_bytes()),
        (_, true, Ok(at)) => w.put(&[BINPUT, at]),
        (_, true, Err(_)) => {
            w.put(&[LONG_BINPUT]);
            w.put(&(at as u32).to_le_bytes());
        }
    }
}

fn known(w: &Writer<'_>, object: &Object) -> Option<usize> {
    w.memo.0.get(&(object.as_ptr() as usize)).map(|(at, _)| *at)
}

fn save_int(w: &mut Writer<'_>, int: &Int) -> PyResult<()> {
    let py = w.py;
    if let Some(value) = int.to_i64().and_then(|value| i32::try_from(value).ok()) {
        match value {
            _ if !w.bin => w.put(format!("I{value}\n").as_bytes()),
            0..=0xFF => w.put(&[BININT1, value as u8]),
            0x100..=0xFFFF => {
                w.put(&[BININT2]);
                w.put(&(value as u16).to_le_bytes());
            }
            _ => {
                w.put(&[BININT]);
                w.put(&value.to_le_bytes());
            }
        }
        return Ok(());
    }
    if w.protocol < 2 {
        w.put(format!("L{}L\n", int.to_decimal(py)?).as_bytes());
        return Ok(());
    }
    let bytes = int.to_bigint().to_signed_bytes_le();
    match u8::try_from(bytes.len()) {
        Ok(len) => w.put(&[LONG1, len]),
        Err(_) => {
            let Ok(len) = i32::try_from(bytes.len()) else {
                return Err(raise!(py, OverflowError, "int too large to pickle"));
            };
            w.put(&[LONG4]);
            w.put(&len.to_le_bytes());
        }
    }
    w.put(&bytes);
    Ok(())
}

fn save_bytes(w: &mut Writer<'_>, bytes: &Bytes) -> PyResult<()> {
    let py = w.py;
    let data = bytes.as_slice();
    if w.protocol < 3 {
        let reduced = if data.is_empty() {
            Tuple::from_slice(py, &[Bytes::type_object().as_object(), Tuple::empty(py).as_object()])?
        } else {
            let encode = import(py, "codecs")?.get_attr(py, id!(py, encode))?;
            let text = Str::from_latin1(py, data)?;
            let args = Tuple::from_slice(py, &[text.as_object(), id!(py, "latin1").as_object()])?;
            Tuple::from_slice(py, &[&encode, args.as_object()])?
        };
        return save_reduce(w, &reduced, Some(bytes.as_object()));
    }
    let head = sized_head(w, data.len(), [SHORT_BINBYTES, BINBYTES, BINBYTES8], true, "bytes")?;
    w.put_data(&head, data, Some(bytes.as_object()))?;
    memoize(w, bytes.as_object());
    Ok(())
}

/// The instruction for data of a length: short, usual or long.
fn sized_head(
    w: &Writer<'_>,
    len: usize,
    [short, usual, long]: [u8; 3],
    has_short: bool,
    what: &str,
) -> PyResult<Vec<u8>> {
    if let (Ok(len), true) = (u8::try_from(len), has_short) {
        return Ok(vec![short, len]);
    }
    if let Ok(len) = u32::try_from(len) {
        let mut head = vec![usual];
        head.extend_from_slice(&len.to_le_bytes());
        return Ok(head);
    }
    if w.protocol < 4 {
        let py = w.py;
        return Err(raise!(
            py,
            OverflowError,
            "serializing a {what} larger than 4 GiB requires pickle protocol 4 or higher"
        ));
    }
    let mut head = vec![long];
    head.extend_from_slice(&(len as u64).to_le_bytes());
    Ok(head)
}

fn save_bytearray(w: &mut Writer<'_>, array: &ByteArray) -> PyResult<()> {
    let py = w.py;
    let data = array.to_vec(py)?;
    if w.protocol < 5 {
        let args = match data.is_empty() {
            true => Tuple::empty(py),
            false => Tuple::from_slice(py, &[Bytes::new(py, &data)?.as_object()])?,
        };
        let reduced = Tuple::from_slice(py, &[ByteArray::type_object().as_object(), args.as_object()])?;
        return save_reduce(w, &reduced, Some(array.as_object()));
    }
    save_bytearray_data(w, &data)?;
    memoize(w, array.as_object());
    Ok(())
}

fn save_bytearray_data(w: &mut Writer<'_>, data: &[u8]) -> PyResult<()> {
    let mut head = vec![BYTEARRAY8];
    head.extend_from_slice(&(data.len() as u64).to_le_bytes());
    w.put_data(&head, data, None)
}

fn save_buffer(w: &mut Writer<'_>, buffer: &PickleBuffer) -> PyResult<()> {
    let py = w.py;
    if w.protocol < 5 {
        return Err(cannot_pickle(py, "PickleBuffer can only be pickled with protocol >= 5"));
    }
    let view = buffer.memory(py)?;
    if !view.as_object().get_attr(py, id!(py, contiguous))?.is_true(py)? {
        return Err(cannot_pickle(py, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer"));
    }
    let readonly = view.as_object().get_attr(py, id!(py, readonly))?.is_true(py)?;
    let in_band = match &w.buffer_callback {
        Some(callback) => callback.call_pos(py, &[buffer.as_object()])?.is_true(py)?,
        None => true,
    };
    if !in_band {
        w.put(&[NEXT_BUFFER]);
        if readonly {
            w.put(&[READONLY_BUFFER]);
        }
        return Ok(());
    }
    let c_order = view.as_object().get_attr(py, id!(py, c_contiguous))?.is_true(py)?;
    let data = view.to_vec(py, !c_order)?;
    // The object itself may be remembered; its content is written as what it equals.
    if readonly {
        let head = sized_head(w, data.len(), [SHORT_BINBYTES, BINBYTES, BINBYTES8], true, "bytes")?;
        w.put_data(&head, &data, None)?;
    } else {
        save_bytearray_data(w, &data)?;
    }
    memoize(w, buffer.as_object());
    Ok(())
}

/// Text as Python's `raw-unicode-escape`, with what would break lines escaped too.
fn raw_escape(py: Attached<'_>, text: &Str) -> PyResult<Vec<u8>> {
    let mut out = with_room(py, text.len())?;
    for point in text.code_points() {
        make_room(py, &mut out, 10)?;
        match point {
            0x10000.. => out.extend_from_slice(format!("\\U{point:08x}").as_bytes()),
            0x100.. | 0x5C | 0 | 0x0A | 0x0D | 0x1A => out.extend_from_slice(format!("\\u{point:04x}").as_bytes()),
            _ => out.push(point as u8),
        }
    }
    Ok(out)
}

/// UTF-8 that lets surrogates pass.
fn utf8(py: Attached<'_>, text: &Str) -> PyResult<Vec<u8>> {
    let mut out = with_room(py, text.len() * 2)?;
    for point in text.code_points() {
        make_room(py, &mut out, 4)?;
        match point {
            0..0x80 => out.push(point as u8),
            0x80..0x800 => out.extend_from_slice(&[0xC0 | (point >> 6) as u8, 0x80 | (point & 63) as u8]),
            0x800..0x10000 => out.extend_from_slice(&[
                0xE0 | (point >> 12) as u8,
                0x80 | (point >> 6 & 63) as u8,
                0x80 | (point & 63) as u8,
            ]),
            _ => out.extend_from_slice(&[
                0xF0 | (point >> 18) as u8,
                0x80 | (point >> 12 & 63) as u8,
                0x80 | (point >> 6 & 63) as u8,
                0x80 | (point & 63) as u8,
            ]),
        }
    }
    Ok(out)
}

fn save_text(w: &mut Writer<'_>, text: &Str) -> PyResult<()> {
    if !w.bin {
        w.put(&[UNICODE]);
        let escaped = raw_escape(w.py, text)?;
        w.put(&escaped);
        w.put(b"\n");
    } else {
        let built;
        let data = match text.as_str() {
            Some(plain) => plain.as_bytes(),
            None => {
                built = utf8(w.py, text)?;
                &built
            }
        };
        let short = w.protocol >= 4;
        let head = sized_head(w, data.len(), [SHORT_BINUNICODE, BINUNICODE, BINUNICODE8], short, "string")?;
        w.put_data(&head, data, None)?;
    }
    memoize(w, text.as_object());
    Ok(())
}

fn save_tuple(w: &mut Writer<'_>, tuple: &Tuple) -> PyResult<()> {
    let py = w.py;
    let object = tuple.as_object();
    let len = tuple.len();
    if len == 0 {
        w.put(if w.bin { &[EMPTY_TUPLE] } else { &[MARK, TUPLE] });
        return Ok(());
    }
    let small = len <= 3 && w.protocol >= 2;
    if !small {
        w.put(&[MARK]);
    }
    for (at, item) in tuple.as_slice().iter().enumerate() {
        save(w, item, false)
            .map_err(|raised| raised.with_note(py, || format!("when serializing {} item {at}", full_name(object))))?;
    }
    if let Some(at) = known(w, object) {
        // An item led back here: what was written is thrown away.
        match (small, w.bin) {
            (true, _) => w.put(&vec![POP; len]),
            (false, true) => w.put(&[POP_MARK]),
            (false, false) => w.put(&vec![POP; len + 1]),
        }
        get(w, at);
        return Ok(());
    }
    match (small, len) {
        (true, 1) => w.put(&[TUPLE1]),
        (true, 2) => w.put(&[TUPLE2]),
        (true, _) => w.put(&[TUPLE3]),
        (false, _) => w.put(&[TUPLE]),
    }
    memoize(w, object);
    Ok(())
}

fn save_list(w: &mut Writer<'_>, list: &List) -> PyResult<()> {
    let py = w.py;
    let object = list.as_object();
    w.put(if w.bin { &[EMPTY_LIST] } else { &[MARK, LIST] });
    memoize(w, object);
    if list.is_empty() {
        return Ok(());
    }
    if !w.bin {
        return batch_items(w, &*object.iter(py)?, object);
    }
    let mut at = 0;
    let save_at = |w: &mut Writer<'_>, at: usize| match list.get(py, at) {
        Some(item) => save(w, &item, false)
            .map_err(|raised| raised.with_note(py, || format!("when serializing {} item {at}", full_name(object))))
            .map(|()| true),
        None => Ok(false),
    };
    if list.len() == 1 {
        save_at(w, 0)?;
        w.put(&[APPEND]);
        return Ok(());
    }
    loop {
        w.put(&[MARK]);
        let end = at + BATCH;
        while at < end && save_at(w, at)? {
            at += 1;
        }
        w.put(&[APPENDS]);
        if at >= list.len() {
            return Ok(());
        }
    }
}

/// Items of an iterator that are appended to the list `owner`.
fn batch_items(w: &mut Writer<'_>, iter: &Object, owner: &Object) -> PyResult<()> {
    let py = w.py;
    let mut at = 0;
    let mut save_item = |w: &mut Writer<'_>, item: &Object| {
        let result = save(w, item, false)
            .map_err(|raised| raised.with_note(py, || format!("when serializing {} item {at}", full_name(owner))));
        at += 1;
        result
    };
    if !w.bin {
        while let Some(item) = iter.iter_next(py)? {
            save_item(w, &item)?;
            w.put(&[APPEND]);
        }
        return Ok(());
    }
    loop {
        let Some(first) = iter.iter_next(py)? else { return Ok(()) };
        let Some(second) = iter.iter_next(py)? else {
            save_item(w, &first)?;
            w.put(&[APPEND]);
            return Ok(());
        };
        w.put(&[MARK]);
        save_item(w, &first)?;
        save_item(w, &second)?;
        let mut count = 2;
        while count < BATCH {
            let Some(item) = iter.iter_next(py)? else { break };
            save_item(w, &item)?;
            count += 1;
        }
        w.put(&[APPENDS]);
        if count < BATCH {
            return Ok(());
        }
    }
}

fn save_dict(w: &mut Writer<'_>, dict: &Dict) -> PyResult<()> {
    let py = w.py;
    let object = dict.as_object();
    w.put(if w.bin { &[EMPTY_DICT] } else { &[MARK, DICT] });
    memoize(w, object);
    if dict.is_empty() {
        return Ok(());
    }
    if !w.bin {
        let items = object.call_method(py, id!(py, items), &[])?;
        return batch_pairs(w, &*items.iter(py)?, object);
    }
    let size = dict.len();
    let changed = || raise!(py, RuntimeError, "dictionary changed size during iteration");
    if size == 1 {
        let mut pos = 0;
        let Some((key, value)) = dict.next(py, &mut pos) else { return Err(changed()) };
        save_pair(w, &key, &value, object)?;
        w.put(&[SETITEM]);
        return Ok(());
    }
    let mut pos = 0;
    let mut more = true;
    while more {
        let mut count = 0;
        w.put(&[MARK]);
        while count < BATCH {
            let Some((key, value)) = dict.next(py, &mut pos) else {
                more = false;
                break;
            };
            save_pair(w, &key, &value, object)?;
            count += 1;
        }
        w.put(&[SETITEMS]);
        if dict.len() != size {
            return Err(changed());
        }
        more = more && pos_left(dict, py, pos);
    }
    Ok(())
}

/// Whether anything comes after a position.
fn pos_left(dict: &Dict, py: Attached<'_>, mut pos: usize) -> bool {
    dict.next(py, &mut pos).is_some()
}

fn save_pair(w: &mut Writer<'_>, key: &Object, value: &Object, owner: &Object) -> PyResult<()> {
    let py = w.py;
    save(w, key, false)?;
    save(w, value, false).map_err(|raised| {
        raised.with_note(py, || format!("when serializing {} item {}", full_name(owner), shown(py, key)))
    })
}

/// Pairs of an iterator that are set in the dict `owner`.
fn batch_pairs(w: &mut Writer<'_>, iter: &Object, owner: &Object) -> PyResult<()> {
    let py = w.py;
    let next = || -> PyResult<Option<Ref<Object>>> {
        let Some(pair) = iter.iter_next(py)? else { return Ok(None) };
        if pair.as_object().downcast::<Tuple>().is_none_or(|pair| pair.len() != 2) {
            return Err(raise!(py, TypeError, "dict items iterator must return 2-tuples"));
        }
        Ok(Some(pair))
    };
    let save_next = |w: &mut Writer<'_>, pair: &Object| match pair.downcast::<Tuple>().map(Tuple::as_slice) {
        Some(&[key, value]) => save_pair(w, key, value, owner),
        _ => Err(py.bad_internal_call()),
    };
    if !w.bin {
        while let Some(pair) = next()? {
            save_next(w, &pair)?;
            w.put(&[SETITEM]);
        }
        return Ok(());
    }
    loop {
        let Some(first) = next()? else { return Ok(()) };
        let Some(second) = next()? else {
            save_next(w, &first)?;
            w.put(&[SETITEM]);
            return Ok(());
        };
        w.put(&[MARK]);
        save_next(w, &first)?;
        save_next(w, &second)?;
        let mut count = 2;
        while count < BATCH {
            let Some(pair) = next()? else { break };
            save_next(w, &pair)?;
            count += 1;
        }
        w.put(&[SETITEMS]);
        if count < BATCH {
            return Ok(());
        }
    }
}

fn save_elements(w: &mut Writer<'_>, items: &[Ref<Object>], owner: &Object) -> PyResult<()> {
    let py = w.py;
    for item in items {
        save(w, item, false)
            .map_err(|raised| raised.with_note(py, || format!("when serializing {} element", full_name(owner))))?;
    }
    Ok(())
}

/// A set as a call with the list of its elements, for old protocols.
fn save_old_set(w: &mut Writer<'_>, object: &Object, items: Vec<Ref<Object>>) -> PyResult<()> {
    let py = w.py;
    let args = Tuple::from_slice(py, &[List::from_vec(py, items)?.as_object()])?;
    let reduced = Tuple::from_slice(py, &[object.ty().as_object(), args.as_object()])?;
    save_reduce(w, &reduced, Some(object))
}

fn save_set(w: &mut Writer<'_>, set: &Set) -> PyResult<()> {
    let py = w.py;
    let object = set.as_object();
    if w.protocol < 4 {
        return save_old_set(w, object, set.to_vec(py)?);
    }
    w.put(&[EMPTY_SET]);
    memoize(w, object);
    let items = set.to_vec(py)?;
    for batch in items.chunks(BATCH) {
        w.put(&[MARK]);
        save_elements(w, batch, object)?;
        w.put(&[ADDITEMS]);
        if set.len() != items.len() {
            return Err(raise!(py, RuntimeError, "set changed size during iteration"));
        }
    }
    Ok(())
}

fn save_frozenset(w: &mut Writer<'_>, set: &FrozenSet) -> PyResult<()> {
    let py = w.py;
    let object = set.as_object();
    if w.protocol < 4 {
        return save_old_set(w, object, set.to_vec(py)?);
    }
    w.put(&[MARK]);
    save_elements(w, &set.to_vec(py)?, object)?;
    if let Some(at) = known(w, object) {
        w.put(&[POP_MARK]);
        get(w, at);
        return Ok(());
    }
    w.put(&[FROZENSET]);
    memoize(w, object);
    Ok(())
}

fn save_type(w: &mut Writer<'_>, object: &Object) -> PyResult<()> {
    let py = w.py;
    let singletons =
        [krait_object::none_borrowed(), krait_object::not_implemented_borrowed(), &*krait_object::ellipsis()];
    for single in singletons {
        if object.is(single.ty()) {
            let args = Tuple::from_slice(py, &[single])?;
            let reduced = Tuple::from_slice(py, &[Type::type_object().as_object(), args.as_object()])?;
            return save_reduce(w, &reduced, Some(object));
        }
    }
    save_global(w, object, None)
}

/// The attribute that a dotted path leads to, and the object it belongs to.
fn follow(py: Attached<'_>, start: &Object, path: &[Ref<Str>]) -> PyResult<(Ref<Object>, Ref<Object>)> {
    let (mut parent, mut object) = (start.to_ref(), start.to_ref());
    for name in path {
        parent = object;
        object = parent.get_attr(py, name)?;
    }
    Ok((object, parent))
}

/// The module that an object's name is looked up in.
fn which_module(py: Attached<'_>, object: &Object, path: &[Ref<Str>]) -> PyResult<Ref<Object>> {
    if let Some(name) = object.get_attr_opt(py, id!(py, __module__))?
        && !name.is_none()
    {
        return Ok(name);
    }
    let modules = import(py, "sys")?.get_attr(py, id!(py, modules))?;
    if let Some(modules) = modules.as_object().downcast::<Dict>() {
        for (name, module) in modules.items_snapshot(py)? {
            let main = name.as_object().downcast::<Str>().is_some_and(|name| name.eq_str("__main__"));
            if main || module.is_none() {
                continue;
            }
            match follow(py, &module, path) {
                Ok((found, _)) if found.is(object) => return Ok(name),
                Ok(_) => {}
                Err(raised) => raised.clear(py),
            }
        }
    }
    Ok(id!(py, __main__).as_object().to_ref())
}

fn save_global(w: &mut Writer<'_>, object: &Object, name: Option<&Object>) -> PyResult<()> {
    let py = w.py;
    let name = match name {
        Some(name) => name.to_ref(),
        None => match object.get_attr_opt(py, id!(py, __qualname__))? {
            Some(name) => name,
            None => object.get_attr(py, id!(py, __name__))?,
        },
    };
    let name = name.str(py)?;
    let dotted = name.to_string_lossy().into_owned();
    let path = super::split_path(py, &name)?;
    if path.iter().any(|part| part.eq_str("<locals>")) {
        return Err(cannot_pickle(py, format_args!("Can't pickle local object {}", shown(py, object))));
    }
    let module_name = which_module(py, object, &path)?;
    let Some(module_text) = module_name.as_object().downcast::<Str>() else {
        return Err(cannot_pickle(py, format_args!("Can't pickle {}: its module is no string", shown(py, object))));
    };
    let module_text = module_text.to_string_lossy().into_owned();
    let module = match super::module_of(py, &module_name, &module_text) {
        Ok(module) => module,
        Err(raised) if raised.matches(py, exc::ImportError()) || raised.matches(py, exc::ValueError()) => {
            let cause = raised.take(py);
            let reason = cause.as_object().str(py)?;
            let message = format!("Can't pickle {}: {}", shown(py, object), *reason);
            return Err(instead(py, cause, message));
        }
        Err(raised) => return Err(raised),
    };
    let found = match follow(py, &module, &path) {
        Ok((found, _)) => found,
        Err(raised) if raised.matches(py, exc::AttributeError()) => {
            let cause = raised.take(py);
            let shown = shown(py, object);
            let message = format!("Can't pickle {shown}: it's not found as {module_text}.{dotted}");
            return Err(instead(py, cause, message));
        }
        Err(raised) => return Err(raised),
    };
    if !found.is(object) {
        let shown = shown(py, object);
        return Err(cannot_pickle(
            py,
            format_args!("Can't pickle {shown}: it's not the same object as {module_text}.{dotted}"),
        ));
    }
    if w.protocol >= 2 && save_extension(w, object, &module_name, name.as_object())? {
        return Ok(());
    }
    if w.protocol >= 4 {
        save(w, &module_name, false)?;
        save(w, name.as_object(), false)?;
        w.put(&[STACK_GLOBAL]);
    } else {
        // Nested names: getattr(getattr(..., name1), name2).
        let (mut name, mut nested) = (name.upcast(), &path[..0]);
        if path.len() > 1 {
            let getattr = crate::builtin(py, id!(py, getattr))?;
            for _ in 1..path.len() {
                save(w, &getattr, false)?;
                if w.protocol < 2 {
                    w.put(&[MARK]);
                }
            }
            name = path[0].clone().upcast();
            nested = &path[1..];
        }
        save_by_name(w, module_name, name)?;
        for part in nested {
            save(w, part.as_object(), false)?;
            w.put(if w.protocol < 2 { &[TUPLE, REDUCE] } else { &[TUPLE2, REDUCE] });
        }
    }
    memoize(w, object);
    Ok(())
}

/// The instruction for a global at the top of a module, for protocols below 4.
fn save_by_name(w: &mut Writer<'_>, module: Ref<Object>, name: Ref<Object>) -> PyResult<()> {
    let py = w.py;
    let (mut module, mut name) = (module, name);
    if w.fix_imports {
        (module, name) = renamed(py, true, module, name)?;
    }
    w.put(&[GLOBAL]);
    for (part, what) in [(module, "module"), (name, "global")] {
        let encoding = if w.protocol >= 3 { id!(py, "utf-8") } else { id!(py, "ascii") };
        let encoded = match part.call_method(py, id!(py, encode), &[encoding.as_object()]) {
            Ok(encoded) => krait_object::protocols::buffer::stable_bytes(py, &encoded)?.into_owned(),
            Err(raised) if raised.matches(py, exc::UnicodeEncodeError()) => {
                let cause = raised.take(py);
                let (shown, protocol) = (shown(py, &part), w.protocol);
                let message = format!("can't pickle {what} identifier {shown} using pickle protocol {protocol}");
                return Err(instead(py, cause, message));
            }
            Err(raised) => return Err(raised),
        };
        w.put(&encoded);
        w.put(b"\n");
    }
    Ok(())
}

/// Raises `PicklingError` while another exception is being dealt with.
fn instead(py: Attached<'_>, cause: Ref<BaseException>, message: impl std::fmt::Display) -> Raised {
    let exception = cannot_pickle(py, message).take(py);
    exception.replace_context(Some(cause));
    py.restore(exception)
}

/// A global with a registered code.
fn save_extension(w: &mut Writer<'_>, object: &Object, module: &Object, name: &Object) -> PyResult<bool> {
    let py = w.py;
    let registry = table(py, "copyreg", "_extension_registry")?;
    let key = Tuple::from_slice(py, &[module, name])?;
    let Some(code) = lookup(py, &registry, key.as_object())? else { return Ok(false) };
    let Some(int) = code.as_object().downcast::<Int>() else {
        let shown = shown(py, object);
        let name = type_name(&code);
        return Err(raise!(py, TypeError, "Can't pickle {shown}: extension code must be an integer, not {name}"));
    };
    let code = int.as_object().as_i32(py)?;
    match code {
        1..=0xFF => w.put(&[EXT1, code as u8]),
        0x100..=0xFFFF => {
            w.put(&[EXT2]);
            w.put(&(code as u16).to_le_bytes());
        }
        0x1_0000.. => {
            w.put(&[EXT4]);
            w.put(&code.to_le_bytes());
        }
        _ => {
            let shown = shown(py, object);
            return Err(raise!(py, RuntimeError, "Can't pickle {shown}: extension code {code} is out of range"));
        }
    }
    Ok(true)
}

/// The tuple that `__reduce__` gave.
fn save_reduce(w: &mut Writer<'_>, reduced: &Tuple, object: Option<&Object>) -> PyResult<()> {
    let py = w.py;
    let parts = reduced.as_slice();
    if !(2..=6).contains(&parts.len()) {
        return Err(cannot_pickle(py, "tuple returned by __reduce__ must contain 2 through 6 elements"));
    }
    let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_none());
    let (callable, args) = (parts[0], parts[1]);
    let wrong = |which: &str, wanted: &str, given: &Object| {
        let name = full_name(given);
        cannot_pickle(py, format_args!("{which} item of the tuple returned by __reduce__ must be {wanted}, not {name}"))
    };
    if !callable.is_callable() {
        return Err(wrong("first", "callable", callable));
    }
    let Some(args) = args.downcast::<Tuple>() else { return Err(wrong("second", "a tuple", args)) };
    let (state, items, pairs, setter) = (part(2), part(3), part(4), part(5));
    for (given, which) in [(items, "fourth"), (pairs, "fifth")] {
        if let Some(given) = given.filter(|given| !given.is_iterator()) {
            return Err(wrong(which, "an iterator", given));
        }
    }
    if let Some(setter) = setter.filter(|setter| !setter.is_callable()) {
        return Err(wrong("sixth", "callable", setter));
    }
    let mut maker = None;
    if w.protocol >= 2
        && let Some(name) = callable.get_attr_opt(py, id!(py, __name__))?
        && let Some(name) = name.as_object().downcast::<Str>()
    {
        maker = ["__newobj__", "__newobj_ex__"].into_iter().find(|known| name.eq_str(known));
    }
    match maker {
        Some("__newobj_ex__") => save_newobj_ex(w, args, object)?,
        Some(_) => save_newobj(w, args, object)?,
        None => {
            let noted = |raised: Raised, what: &str| {
                raised.with_note(py, || {
                    let owner = object.map_or_else(|| "object".to_owned(), full_name);
                    format!("when serializing {owner} {what}")
                })
            };
            save(w, callable, false).map_err(|raised| noted(raised, "reconstructor"))?;
            save(w, args.as_object(), false).map_err(|raised| noted(raised, "reconstructor arguments"))?;
            w.put(&[REDUCE]);
        }
    }
    if let Some(object) = object {
        if let Some(at) = known(w, object) {
            // The arguments led back here: what was made is thrown away.
            w.put(&[POP]);
            get(w, at);
            return Ok(());
        }
        memoize(w, object);
    }
    let owner = object.unwrap_or(none_borrowed());
    if let Some(items) = items {
        batch_items(w, items, owner)?;
    }
    if let Some(pairs) = pairs {
        batch_pairs(w, pairs, owner)?;
    }
    let Some(state) = state else { return Ok(()) };
    let noted =
        |raised: Raised, what: &str| raised.with_note(py, || format!("when serializing {} {what}", full_name(owner)));
    match setter {
        None => {
            save(w, state, false).map_err(|raised| noted(raised, "state"))?;
            w.put(&[BUILD]);
        }
        Some(setter) => {
            save(w, setter, false).map_err(|raised| noted(raised, "state setter"))?;
            save(w, owner, false)?;
            save(w, state, false).map_err(|raised| noted(raised, "state"))?;
            w.put(&[TUPLE2, REDUCE, POP]);
        }
    }
    Ok(())
}

/// Checks the class that `__newobj__` or `__newobj_ex__` gets.
fn check_class(py: Attached<'_>, name: &str, class: &Object, object: Option<&Object>) -> PyResult<()> {
    if class.downcast::<Type>().is_none() {
        let given = full_name(class);
        return Err(cannot_pickle(py, format_args!("first argument to {name}() must be a class, not {given}")));
    }
    let Some(object) = object else { return Ok(()) };
    let own = object.get_attr(py, id!(py, __class__))?;
    if !own.is(class) {
        let (own, class) = (shown(py, &own), shown(py, class));
        return Err(cannot_pickle(py, format_args!("first argument to {name}() must be {own}, not {class}")));
    }
    Ok(())
}

fn noted_new(py: Attached<'_>, raised: Raised, object: Option<&Object>, what: &str) -> Raised {
    raised.with_note(py, || {
        let owner = object.map_or_else(|| "object".to_owned(), full_name);
        format!("when serializing {owner} {what}")
    })
}

fn save_newobj(w: &mut Writer<'_>, args: &Tuple, object: Option<&Object>) -> PyResult<()> {
    let py = w.py;
    let Some((class, _)) = args.as_slice().split_first() else {
        return Err(cannot_pickle(py, "__newobj__ expected at least 1 argument, got 0"));
    };
    check_class(py, "__newobj__", class, object)?;
    save(w, class, false).map_err(|raised| noted_new(py, raised, object, "class"))?;
    let rest = args.slice(py, 1, args.len())?;
    save(w, rest.as_object(), false).map_err(|raised| noted_new(py, raised, object, "__new__ arguments"))?;
    w.put(&[NEWOBJ]);
    Ok(())
}

fn save_newobj_ex(w: &mut Writer<'_>, args: &Tuple, object: Option<&Object>) -> PyResult<()> {
    let py = w.py;
    let &[class, new_args, kwargs] = args.as_slice() else {
        let given = args.len();
        return Err(cannot_pickle(py, format_args!("__newobj_ex__ expected 3 arguments, got {given}")));
    };
    if class.downcast::<Type>().is_none() {
        let given = full_name(class);
        return Err(cannot_pickle(py, format_args!("first argument to __newobj_ex__() must be a class, not {given}")));
    }
    let Some(positional) = new_args.downcast::<Tuple>() else {
        let given = full_name(new_args);
        return Err(cannot_pickle(py, format_args!("second argument to __newobj_ex__() must be a tuple, not {given}")));
    };
    let Some(keywords) = kwargs.downcast::<Dict>() else {
        let given = full_name(kwargs);
        return Err(cannot_pickle(py, format_args!("third argument to __newobj_ex__() must be a dict, not {given}")));
    };
    check_class(py, "__newobj_ex__", class, object)?;
    if w.protocol >= 4 {
        save(w, class, false).map_err(|raised| noted_new(py, raised, object, "class"))?;
        save(w, new_args, false).map_err(|raised| noted_new(py, raised, object, "__new__ arguments"))?;
        save(w, kwargs, false).map_err(|raised| noted_new(py, raised, object, "__new__ arguments"))?;
        w.put(&[NEWOBJ_EX]);
        return Ok(());
    }
    // Older protocols: a partial call of `__new__`.
    let partial = import(py, "functools")?.get_attr(py, id!(py, partial))?;
    let new = class.get_attr(py, id!(py, __new__))?;
    let mut given: Vec<&Object> = vec![&new, class];
    given.extend_from_slice(positional.as_slice());
    let call = partial.call_with(py, &*Tuple::from_slice(py, &given)?, Some(keywords))?;
    save(w, &call, false).map_err(|raised| noted_new(py, raised, object, "reconstructor"))?;
    save(w, Tuple::empty(py).as_object(), false)?;
    w.put(&[REDUCE]);
    Ok(())
}
