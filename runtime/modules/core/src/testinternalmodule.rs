//! `_testinternalcapi`: what CPython's own tests ask about the runtime's insides, as far as it means the same here.
use krait_object::builtins::dictobject;
use krait_object::{Attached, Dict, Layout, Module, Object, PyResult, functions};

/// Whether the attributes of an instance lie in the instance itself.
fn has_inline_values(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    dictobject::has_inline_values(object)
}

/// Whether a dict shares its keys with other instances of a class.
fn has_split_table(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    object.downcast::<Dict>().is_some_and(Dict::has_split_table)
}

/// How deep calls are nested now.
fn recursion_depth(py: Attached<'_>, _: &Object) -> i32 {
    let tstate = py.tstate();
    tstate.py_recursion_limit.get() - tstate.py_recursion_remaining.get()
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "has_inline_values" => has_inline_values, "", "Whether the attributes of an instance lie in the instance itself.";
            o "has_split_table" => has_split_table, "", "Whether a dict shares its keys with other instances of a class.";
            noargs "get_recursion_depth" => recursion_depth, "", "How deep calls are nested now.";
        },
    )?;
    crate::interpreters::testing::add_to(py, module)?;
    for (name, value) in [
        // Calls after which a call site or an attribute access is specialised, at the latest.
        ("SPECIALIZATION_THRESHOLD", 17),
        ("SPECIALIZATION_COOLDOWN", 53),
        ("SHARED_KEYS_MAX_SIZE", 30),
        ("SIZEOF_PYGC_HEAD", if krait_object::mode::FREE_THREADED { 0 } else { 16 }),
        ("SIZEOF_TIME_T", 8),
    ] {
        module.add(py, name, krait_object::Int::from_i64(py, value)?.as_object())?;
    }
    Ok(())
}
