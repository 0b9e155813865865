//! `marshal`: the module over [`crate::marshal`].
use crate::marshal::{dumps, loads};
use krait_object::{Attached, Bytes, Int, Layout, Module, Object, PyResult, Ref, functions, id, raise};

/// The format that `dumps` writes by default.
const VERSION: i32 = 5;

fn flag(py: Attached<'_>, value: Option<&Object>) -> PyResult<bool> {
    value.map_or(Ok(true), |value| value.is_true(py))
}

fn version_arg(py: Attached<'_>, version: Option<&Object>) -> PyResult<i32> {
    version.map_or(Ok(VERSION), |version| version.as_i32(py))
}

fn dumps_function(
    py: Attached<'_>,
    _: &Object,
    [value, version, allow_code]: [Option<&Object>; 3],
) -> PyResult<Ref<Bytes>> {
    let value = value.ok_or_else(|| py.bad_internal_call())?;
    let bytes = dumps(py, value, version_arg(py, version)?, flag(py, allow_code)?)?;
    Bytes::new(py, &bytes)
}

fn dump(
    py: Attached<'_>,
    _: &Object,
    [value, file, version, allow_code]: [Option<&Object>; 4],
) -> PyResult<Ref<Object>> {
    let (Some(value), Some(file)) = (value, file) else { return Err(py.bad_internal_call()) };
    let bytes = dumps(py, value, version_arg(py, version)?, flag(py, allow_code)?)?;
    file.call_method(py, id!(py, write), &[Bytes::new(py, &bytes)?.as_object()])
}

fn loads_function(py: Attached<'_>, _: &Object, [data, allow_code]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let data = data.ok_or_else(|| py.bad_internal_call())?;
    let allow_code = flag(py, allow_code)?;
    if let Some(bytes) = data.downcast::<Bytes>() {
        return Ok(loads(py, bytes.as_slice(), allow_code)?.0);
    }
    let view = krait_object::MemoryView::new(py, data)?;
    let bytes = view.as_object().call_method(py, id!(py, tobytes), &[])?;
    match (*bytes).downcast::<Bytes>() {
        Some(bytes) => Ok(loads(py, bytes.as_slice(), allow_code)?.0),
        None => Err(py.bad_internal_call()),
    }
}

/// Reads one value; what follows it stays in the file, which has to be seekable.
fn load(py: Attached<'_>, _: &Object, [file, allow_code]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let file = file.ok_or_else(|| py.bad_internal_call())?;
    let start = file.call_method(py, id!(py, tell), &[])?.as_i64(py)?;
    let data = file.call_method(py, id!(py, read), &[])?;
    let Some(bytes) = (*data).downcast::<Bytes>() else {
        return Err(raise!(py, TypeError, "file.read() returned not bytes but {}", data.ty().name()));
    };
    let (value, used) = loads(py, bytes.as_slice(), flag(py, allow_code)?)?;
    let end = Int::from_i64(py, start + used as i64)?;
    file.call_method(py, id!(py, seek), &[end.as_object()])?;
    Ok(value)
}

/// Fills `marshal`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "dump" => dump, "($module, value, file, version=version, /, *, allow_code=True)", "Writes a value to a file.";
        sig "dumps" => dumps_function, "($module, value, version=version, /, *, allow_code=True)", "A value as bytes.";
        sig "load" => load, "($module, file, /, *, allow_code=True)", "Reads a value from a file.";
        sig "loads" => loads_function, "($module, bytes, /, *, allow_code=True)", "The value that bytes hold.";
    })?;
    module.add(py, "version", Int::from_i64(py, i64::from(VERSION))?.as_object())
}
