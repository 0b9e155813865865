//! What other layers ask about the running frame.
use crate::frame::Frame;
use krait_bytecode::flags::kind;
use krait_object::{Attached, Cell, Layout, Object, PyResult, Ref, Str, raise};

/// First argument and `__class__` of the running function, for `super()` without arguments.
pub fn super_context(py: Attached<'_>) -> PyResult<(Ref<Object>, Ref<Object>)> {
    let Some(frame) = Frame::current(py) else {
        return Err(raise!(py, RuntimeError, "super(): no current frame"));
    };
    let code = frame.code();
    if code.raw().co_argcount.get() == 0 {
        return Err(raise!(py, RuntimeError, "super(): no arguments"));
    }
    let locals = Frame::locals(frame);
    // SAFETY: the code has at least one argument.
    let first = unsafe { locals.read() };
    if first.is_null() {
        return Err(raise!(py, RuntimeError, "super(): arg[0] deleted"));
    }
    // SAFETY: not null.
    let mut first = unsafe { first.to_ref() };
    let kinds = code.localspluskinds().as_slice();
    if kinds[0] & kind::CELL != 0
        && let Some(cell) = first.as_object().downcast_exact::<Cell>().map(Cell::get)
    {
        first = cell.ok_or_else(|| raise!(py, RuntimeError, "super(): arg[0] deleted"))?;
    }
    let names = code.localsplusnames().as_slice();
    for at in (0..names.len()).rev() {
        if kinds[at] & kind::FREE == 0 {
            break;
        }
        if !names[at].downcast::<Str>().is_some_and(|name| name.eq_str("__class__")) {
            continue;
        }
        // SAFETY: a variable of the code.
        let word = unsafe { locals.add(at).read() };
        if word.is_null() {
            return Err(raise!(py, RuntimeError, "super(): bad __class__ cell"));
        }
        // SAFETY: not null.
        let Some(cell) = (unsafe { word.object() }).downcast_exact::<Cell>() else {
            return Err(raise!(py, RuntimeError, "super(): bad __class__ cell"));
        };
        let class = cell.get().ok_or_else(|| raise!(py, RuntimeError, "super(): empty __class__ cell"))?;
        if class.as_object().downcast::<krait_object::Type>().is_none() {
            let name = class.ty().name();
            return Err(raise!(py, RuntimeError, "super(): __class__ is not a type ({name})"));
        }
        return Ok((first, class));
    }
    Err(raise!(py, RuntimeError, "super(): __class__ cell not found"))
}
