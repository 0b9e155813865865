//! `_testlimitedcapi`: calls of the limited C API that CPython's own tests make from Python.
//!
//! There in `nogil` mode only: in `gil` mode CPython's compiled module of that name can be imported.
use krait_object::builtins::codecs::registry;
use krait_object::native::{Arg, required};
use krait_object::{Attached, Bytes, IntoObject, Layout, Module, Object, PyResult, Ref, Str, functions, raise};

fn getitem(py: Attached<'_>, _: &Object, [sequence, index]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    required(py, sequence)?.sequence_item(py, required(py, index)?.as_isize(py)?)
}

fn setitem(py: Attached<'_>, _: &Object, [sequence, index, value]: [Arg<'_>; 3]) -> PyResult<i32> {
    required(py, sequence)?.sequence_set_item(py, required(py, index)?.as_isize(py)?, required(py, value)?)?;
    Ok(0)
}

fn delitem(py: Attached<'_>, _: &Object, [sequence, index]: [Arg<'_>; 2]) -> PyResult<i32> {
    required(py, sequence)?.sequence_del_item(py, required(py, index)?.as_isize(py)?)?;
    Ok(0)
}

fn hasattrstring(py: Attached<'_>, _: &Object, [object, name]: [Arg<'_>; 2]) -> PyResult<i32> {
    let Some(name) = required(py, name)?.downcast::<Bytes>() else {
        return Err(raise!(py, TypeError, "a bytes object is required"));
    };
    let name = Str::new(py, &String::from_utf8_lossy(name.as_slice()))?;
    let found = required(py, object)?.get_attr_opt(py, &name).map(|value| value.is_some());
    // The function has no way to report an error.
    Ok(found.map_or_else(
        |raised| {
            raised.clear(py);
            0
        },
        i32::from,
    ))
}

/// The incremental coder at `place` of a codec's tuple.
fn incremental(py: Attached<'_>, name: &str, encoding: Arg<'_>, errors: Arg<'_>) -> PyResult<Ref<Object>> {
    let Some(encoding) = required(py, encoding)?.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "the encoding must be a string"));
    };
    let codec = registry::lookup(py, encoding.to_utf8(py)?)?;
    let factory = codec.as_object().get_attr(py, &*Str::new(py, name)?)?;
    if factory.is_none() {
        return Err(raise!(py, LookupError, "the codec has no incremental coder"));
    }
    match errors {
        Some(errors) => factory.call_pos(py, &[errors]),
        None => factory.call0(py),
    }
}

fn encoder(py: Attached<'_>, _: &Object, [encoding, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    incremental(py, "incrementalencoder", encoding, errors)
}

fn decoder(py: Attached<'_>, _: &Object, [encoding, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    incremental(py, "incrementaldecoder", encoding, errors)
}

fn with_assert(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    0.into_object(py)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "sequence_getitem" => getitem, "($module, sequence, index, /)", "PySequence_GetItem";
            sig "sequence_setitem" => setitem, "($module, sequence, index, value, /)", "PySequence_SetItem";
            sig "sequence_delitem" => delitem, "($module, sequence, index, /)", "PySequence_DelItem";
            sig "object_hasattrstring" => hasattrstring, "($module, object, name, /)", "PyObject_HasAttrString";
            sig "codec_incrementalencoder" => encoder, "($module, encoding, errors=None, /)", "PyCodec_IncrementalEncoder";
            sig "codec_incrementaldecoder" => decoder, "($module, encoding, errors=None, /)", "PyCodec_IncrementalDecoder";
            noargs "_py_getbuiltwithassert" => with_assert, "", "Whether C assertions are checked.";
        },
    )
}
