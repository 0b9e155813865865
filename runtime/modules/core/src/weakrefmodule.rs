//! `_weakref`: weak references.
use krait_object::builtins::weakrefobject::{self, CallableProxy, Proxy, WeakRef};
use krait_object::native::{Arg, add_type, required};
use krait_object::{Attached, Dict, Layout, List, Module, Object, PyResult, Ref, functions, raise};

fn proxy(py: Attached<'_>, _: &Object, [object, callback]: [Arg<'_>; 2]) -> PyResult<Ref<WeakRef>> {
    weakrefobject::new_proxy(py, required(py, object)?, callback)
}

fn getweakrefs(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Ref<List>> {
    List::from_vec(py, weakrefobject::all(py, object).into_iter().map(Ref::upcast).collect())
}

/// Removes `key` while its value is a dead reference.
fn remove_dead(py: Attached<'_>, _: &Object, [dict, key]: [Arg<'_>; 2]) -> PyResult<()> {
    let (dict, key) = (required(py, dict)?, required(py, key)?);
    let Some(dict) = dict.downcast::<Dict>() else {
        return Err(raise!(
            py,
            TypeError,
            "_remove_dead_weakref() argument 1 must be dict, not {}",
            krait_object::builtins::textargs::arg_type(dict)
        ));
    };
    dict.remove_if(py, key, |value| value.downcast::<WeakRef>().is_some_and(WeakRef::is_dead)).map(drop)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "getweakrefcount" => |py: Attached<'_>, _: &Object, object: &Object| weakrefobject::count(py, object), "($module, object, /)", "Return how many weak references there are to an object.";
            o "getweakrefs" => getweakrefs, "($module, object, /)", "Return a list of the weak references to an object.";
            sig "proxy" => proxy, "($module, object, callback=None, /)", "Make a proxy for an object that does not keep it alive.\n\nThe callback, if given, is called with the proxy when the object goes.";
            sig "_remove_dead_weakref" => remove_dead, "($module, dct, key, /)", "Remove a key whose value is a dead weak reference.";
        },
    )?;
    module.add(py, "ref", WeakRef::type_object().as_object())?;
    add_type::<WeakRef>(py, module, "ReferenceType")?;
    add_type::<Proxy>(py, module, "ProxyType")?;
    add_type::<CallableProxy>(py, module, "CallableProxyType")
}
