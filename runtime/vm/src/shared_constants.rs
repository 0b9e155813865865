//! Constants that threads share (`nogil`).
//!
//! Code that runs on several threads hands the same constants to all of them, through locals and globals too, and each
//! use would write their counts. The constants of code that stays for good (imported modules, the main program) are
//! therefore immortal, and one object for equal values in the whole process, so that a module loaded again adds nothing.
//! Code of `exec`, `eval` and `compile` keeps its own.
use crate::frame::Frame;
use krait_object::{Attached, Bytes, Complex, FREE_THREADED, Float, FrozenSet, Int, Layout, Object, PyResult};
use krait_object::{Ref, Str, Tuple, args, mode};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The files of the code that loads modules.
const IMPORTERS: [&str; 3] =
    ["<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<frozen zipimport>"];

/// The constants by their marshalled form, which tells types, signs of zero and nesting apart.
static CONSTANTS: Mutex<Option<HashMap<Vec<u8>, Constant>>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Constant(&'static Object);

// SAFETY: [immortal]: an immutable object of a static type, which any thread may use.
unsafe impl Send for Constant {}

/// Whether code that is being made now belongs to a module: the import system, which is frozen code, called for it.
pub fn made_by_import(py: Attached<'_>) -> bool {
    let importer = |frame: &Frame| frame.code().filename().as_str().is_some_and(|name| IMPORTERS.contains(&name));
    FREE_THREADED && Frame::current(py).is_some_and(importer)
}

/// The constants of new code with every one replaced that can be shared.
///
/// # Errors
/// `MemoryError`.
pub fn share_all(py: Attached<'_>, constants: &Tuple) -> PyResult<Ref<Tuple>> {
    let shared = |item: &&Object| Ok(share(py, item)?.map_or_else(|| item.to_ref(), Object::to_ref));
    Tuple::from_vec(py, constants.as_slice().iter().map(shared).collect::<PyResult<_>>()?)
}

/// The immortal object for a constant; `None` for one of another kind, such as code.
fn share(py: Attached<'_>, constant: &Object) -> PyResult<Option<&'static Object>> {
    if mode::is_immortal(constant) {
        // SAFETY: [immortal].
        return Ok(Some(unsafe { Object::from_ptr(constant.as_ptr()) }));
    }
    if let Some(text) = constant.downcast_exact::<Str>() {
        return Ok(Some(Str::intern(py, text.to_ref()).as_object()));
    }
    let made = if let Some(items) = constant.downcast_exact::<Tuple>() {
        let Some(items) = share_items(py, items.as_slice())? else { return Ok(None) };
        Tuple::from_slice(py, &items)?.upcast()
    } else if let Some(items) = constant.downcast_exact::<FrozenSet>() {
        let items = items.to_vec(py)?;
        let Some(items) = share_items(py, args::as_borrowed(&items))? else { return Ok(None) };
        FrozenSet::from_items(py, &items)?.upcast()
    } else if is_number_or_bytes(constant) && mode::may_immortalize(constant) {
        constant.to_ref()
    } else {
        return Ok(None);
    };
    let key = crate::marshal::dumps(py, &made, 2, false)?;
    let mut constants = CONSTANTS.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = constants.get_or_insert_default().entry(key).or_insert_with(|| {
        mode::set_tracked(&made, false);
        mode::make_immortal(&made);
        // SAFETY: [immortal] from here on.
        Constant(unsafe { Object::from_ptr(made.as_ptr()) })
    });
    let kept = entry.0;
    drop(constants);
    Ok(Some(kept))
}

fn share_items(py: Attached<'_>, items: &[&Object]) -> PyResult<Option<Vec<&'static Object>>> {
    items.iter().map(|item| share(py, item)).collect()
}

fn is_number_or_bytes(constant: &Object) -> bool {
    constant.downcast_exact::<Int>().is_some()
        || constant.downcast_exact::<Float>().is_some()
        || constant.downcast_exact::<Complex>().is_some()
        || constant.downcast_exact::<Bytes>().is_some()
}
