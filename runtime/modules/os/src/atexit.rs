//! `atexit`: functions to call at the end of the interpreter.
//!
//! The list is an attribute of the module object, so each interpreter has its own.
use krait_object::args::Args;
use krait_object::hooks::hooks;
use krait_object::{Attached, Dict, Layout, List, Module, Object, PyResult, Ref, Tuple, functions, id, raise};

fn calls(py: Attached<'_>, module: &Object) -> PyResult<Ref<List>> {
    let list = module.get_attr(py, id!(py, _calls))?;
    list.downcast().map_err(|_| py.bad_internal_call())
}

fn register(py: Attached<'_>, module: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let Some((function, rest)) = args.pos.split_first() else {
        return Err(raise!(py, TypeError, "register() takes at least 1 argument (0 given)"));
    };
    if !function.is_callable() {
        return Err(raise!(py, TypeError, "the first argument must be callable"));
    }
    let positional = Tuple::from_slice(py, rest)?;
    let keywords = match args.kw_dict(py)? {
        Some(keywords) => keywords.upcast(),
        None => krait_object::none(),
    };
    let call = Tuple::from_slice(py, &[*function, positional.as_object(), &keywords])?;
    calls(py, module)?.push(py, call.upcast())?;
    Ok(function.to_ref())
}

fn run(py: Attached<'_>, module: &Object) -> PyResult<()> {
    let list = calls(py, module)?;
    while let Some(call) = (!list.is_empty()).then(|| list.pop(py, list.len() - 1)).flatten() {
        let Some([function, positional, keywords]) = (*call).downcast::<Tuple>().map(Tuple::as_slice) else { continue };
        let Some(positional) = positional.downcast::<Tuple>() else { continue };
        if function.call_with(py, positional, keywords.downcast::<Dict>()).is_err() {
            let text = function.repr(py).map(|text| text.to_string()).unwrap_or_default();
            (hooks().unraisable)(py, Some(&format!("Exception ignored in atexit callback {text}")), None);
        }
    }
    Ok(())
}

fn clear(py: Attached<'_>, module: &Object) -> PyResult<()> {
    calls(py, module)?.clear(py);
    Ok(())
}

fn count(py: Attached<'_>, module: &Object) -> PyResult<usize> {
    Ok(calls(py, module)?.len())
}

fn unregister(py: Attached<'_>, module: &Object, function: &Object) -> PyResult<()> {
    let list = calls(py, module)?;
    let mut at = list.len();
    while at > 0 {
        at -= 1;
        let Some(call) = list.get(py, at) else { continue };
        let Some(registered) = (*call).downcast::<Tuple>().and_then(|call| call.get(0)) else { continue };
        if registered.eq(py, function)? {
            drop(list.pop(py, at));
        }
    }
    Ok(())
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        raw "register" => register, "($module, func, /, *args, **kwargs)", "Has a function called at the end; returns it.";
        noargs "_run_exitfuncs" => run, "($module, /)", "Calls the functions, the last one first.";
        noargs "_clear" => clear, "($module, /)", "Forgets all functions.";
        noargs "_ncallbacks" => count, "($module, /)", "How many functions there are.";
        o "unregister" => unregister, "($module, func, /)", "Forgets a function.";
    })?;
    module.add(py, "_calls", List::new(py)?.as_object())
}
