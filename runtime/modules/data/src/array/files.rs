//! Arrays and binary files.
use super::Array;
use krait_object::args::Args;
use krait_object::{Attached, Bytes, IntoObject, Object, PyResult, id, raise};

/// How many bytes are written at a time.
const BLOCK: usize = 64 * 1024;

/// `array.tofile`.
pub fn tofile(py: Attached<'_>, this: &Array, file: &Object) -> PyResult<()> {
    let bytes = this.snapshot(py)?;
    for block in bytes.chunks(BLOCK) {
        let block = Bytes::new(py, block)?.into_object(py)?;
        file.call_method(py, id!(py, write), &[&*block])?;
    }
    Ok(())
}

/// `array.fromfile`.
pub fn fromfile(py: Attached<'_>, this: &Array, args: Args<'_>) -> PyResult<()> {
    args.no_keywords(py, "array.fromfile")?;
    let [file, count] = args.pos else {
        let given = args.pos.len();
        return Err(raise!(py, TypeError, "fromfile() takes exactly 2 positional arguments ({given} given)"));
    };
    let count = count.as_isize(py)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(raise!(py, ValueError, "negative count"));
    };
    let Some(wanted) = count.checked_mul(this.size()).filter(|&wanted| wanted <= isize::MAX as usize) else {
        return Err(py.no_memory());
    };
    let bytes = file.call_method(py, id!(py, read), &[&*wanted.into_object(py)?])?;
    let Some(bytes) = bytes.downcast::<Bytes>().ok() else {
        return Err(raise!(py, TypeError, "read() didn't return bytes"));
    };
    let enough = bytes.len() == wanted;
    let object = bytes.upcast();
    Array::frombytes(py, this, &object)?;
    match enough {
        true => Ok(()),
        false => Err(raise!(py, EOFError, "read() didn't return enough bytes")),
    }
}
