//! Making a frame for a call of a Python function: arguments to locals.
use crate::frame::{Frame, pop_words, push_words};
use crate::stackref::StackRef;
use krait_bytecode::flags::{CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS};
use krait_object::{Attached, Code, Dict, Function, Layout, Object, PyResult, Raised, Ref, Str, Tuple, id, raise};
use std::ptr::null_mut;

/// What a call names itself in messages: `module.qualname()`, or the object's text.
pub fn function_text(py: Attached<'_>, callable: &Object) -> String {
    fn text(py: Attached<'_>, callable: &Object) -> PyResult<String> {
        let Some(qualname) = callable.get_attr_opt(py, id!(py, __qualname__))? else {
            return Ok(callable.str(py)?.to_string_lossy().into_owned());
        };
        let qualname = qualname.str(py)?.to_string_lossy().into_owned();
        if let Some(module) = callable.get_attr_opt(py, id!(py, __module__))?
            && !module.is_none()
            && !module.eq(py, id!(py, builtins).as_object())?
        {
            return Ok(format!("{}.{qualname}()", module.str(py)?.to_string_lossy()));
        }
        Ok(format!("{qualname}()"))
    }
    text(py, callable).unwrap_or_else(|raised| {
        raised.clear(py);
        format!("{}()", callable.ty().name())
    })
}

/// Takes a frame for `function` off the data stack and binds the arguments.
///
/// Takes over `function` and the argument words, on failure too. `previous` becomes the frame below.
///
/// # Safety
/// `function` is a Python function; `args` points to `nargs` positional words, then one for each name.
#[inline(never)]
pub unsafe fn push_frame(
    py: Attached<'_>,
    function: StackRef,
    namespace: Option<Ref<Object>>,
    args: *const StackRef,
    nargs: usize,
    names: Option<&Tuple>,
    previous: *mut Frame,
) -> PyResult<*mut Frame> {
    // SAFETY: by the contract.
    let func: &Function = unsafe { function.object().cast_unchecked() };
    let code = func.code();
    let total = nargs + names.map_or(0, Tuple::len);
    let give_up = || {
        for at in 0..total {
            // SAFETY: the words are ours.
            unsafe { args.add(at).read() }.close();
        }
        function.close();
    };
    let frame = push_words(py, code.raw().co_framesize.get() as usize);
    if frame.is_null() {
        give_up();
        return Err(py.no_memory());
    }
    let namespace = match namespace {
        Some(namespace) => namespace.into_raw(),
        // A module's code that is called as a function has its globals as namespace.
        None if code.raw().co_flags.get() as u32 & CO_OPTIMIZED == 0 => {
            // SAFETY: the function owns its globals.
            unsafe { Object::from_ptr(func.raw().func_globals.get()) }.to_ref().into_raw()
        }
        None => null_mut(),
    };
    let count = code.raw().co_nlocalsplus.get() as usize;
    // SAFETY: fresh memory for a frame of this code.
    unsafe {
        Frame::init(frame, function, code, namespace, previous, count);
        let locals = Frame::locals(frame);
        for at in 0..count {
            locals.add(at).write(StackRef::NULL);
        }
        if let Err(raised) = bind(py, func, code, locals, args, nargs, names) {
            (*frame).clear_contents();
            function.close();
            pop_words(py, frame);
            return Err(raised);
        }
    }
    Ok(frame)
}

/// Binds arguments to locals (all null before). Takes over the argument words, on failure too.
unsafe fn bind(
    py: Attached<'_>,
    func: &Function,
    code: &Code,
    locals: *mut StackRef,
    args: *const StackRef,
    nargs: usize,
    names: Option<&Tuple>,
) -> PyResult<()> {
    let raw = code.raw();
    let (argcount, kwonly) = (raw.co_argcount.get() as usize, raw.co_kwonlyargcount.get() as usize);
    let flags = raw.co_flags.get() as u32;
    let total = argcount + kwonly;
    let taken = nargs.min(argcount);
    // SAFETY (all blocks below): the caller gives `total` argument words and as many locals as the code has.
    for at in 0..taken {
        // SAFETY: as above.
        unsafe { locals.add(at).write(args.add(at).read()) };
    }
    let surplus = || {
        for at in taken..nargs {
            // SAFETY: as above; these were not stored.
            unsafe { args.add(at).read() }.close();
        }
    };
    let keyword_count = names.map_or(0, Tuple::len);
    let close_keywords = |from: usize| {
        for at in from..keyword_count {
            // SAFETY: as above.
            unsafe { args.add(nargs + at).read() }.close();
        }
    };
    if flags & CO_VARARGS != 0 {
        // SAFETY: as above.
        let item = |at: usize| Ok(unsafe { args.add(taken + at).read().into_ref() });
        match Tuple::build(py, nargs - taken, item) {
            // SAFETY: as above.
            Ok(rest) => unsafe { locals.add(total).write(StackRef::owned(rest)) },
            Err(raised) => {
                surplus();
                close_keywords(0);
                return Err(raised);
            }
        }
    }
    let mut kwdict = None;
    if flags & CO_VARKEYWORDS != 0 {
        match Dict::new(py) {
            Ok(dict) => {
                let at = total + usize::from(flags & CO_VARARGS != 0);
                // SAFETY: as above; the local keeps the dict alive.
                unsafe {
                    kwdict = Some(&*dict.as_ptr().cast::<Dict>());
                    locals.add(at).write(StackRef::owned(dict));
                }
            }
            Err(raised) => {
                surplus_unless_varargs(flags, surplus);
                close_keywords(0);
                return Err(raised);
            }
        }
    }
    if let Some(names) = names {
        for (at, key) in names.as_slice().iter().enumerate() {
            // SAFETY: as above.
            let value = unsafe { args.add(nargs + at).read() };
            if let Err(raised) = bind_keyword(py, func, code, locals, names, key, value, kwdict) {
                surplus_unless_varargs(flags, surplus);
                close_keywords(at + 1);
                return Err(raised);
            }
        }
    }
    if nargs > argcount && flags & CO_VARARGS == 0 {
        surplus();
        return Err(too_many_positional(py, func, code, nargs, locals));
    }
    if nargs < argcount {
        fill_defaults(py, func, code, locals, nargs)?;
    }
    if kwonly > 0 {
        fill_kwdefaults(py, func, code, locals)?;
    }
    Ok(())
}

fn surplus_unless_varargs(flags: u32, surplus: impl FnOnce()) {
    if flags & CO_VARARGS == 0 {
        surplus();
    }
}

fn bind_keyword(
    py: Attached<'_>,
    func: &Function,
    code: &Code,
    locals: *mut StackRef,
    names: &Tuple,
    key: &Object,
    value: StackRef,
    kwdict: Option<&Dict>,
) -> PyResult<()> {
    let raw = code.raw();
    let total = (raw.co_argcount.get() + raw.co_kwonlyargcount.get()) as usize;
    let posonly = raw.co_posonlyargcount.get() as usize;
    let fail = |raised: Raised| {
        value.close();
        Err(raised)
    };
    let Some(name) = key.downcast::<Str>() else {
        return fail(raise!(py, TypeError, "keywords must be strings"));
    };
    let variables = code.localsplusnames().as_slice();
    let found = (posonly..total).find(|at| variables[*at].is(key));
    let found = match found {
        Some(found) => Some(found),
        None => match place(py, &variables[posonly..total], key) {
            Ok(at) => at.map(|at| at + posonly),
            Err(raised) => return fail(raised),
        },
    };
    let Some(at) = found else {
        let Some(kwdict) = kwdict else {
            let mut wrong = Vec::new();
            for known in &variables[..posonly] {
                for given in names.as_slice() {
                    match place(py, &[*known], given) {
                        Ok(None) => {}
                        Ok(Some(_)) => wrong.extend(given.downcast::<Str>().map(Str::to_string_lossy)),
                        Err(raised) => return fail(raised),
                    }
                }
            }
            if !wrong.is_empty() {
                return fail(positional_only(py, func, &wrong.join(", ")));
            }
            return fail(unexpected_keyword(py, func, code, posonly, name));
        };
        // SAFETY: the word is a value.
        let stored = kwdict.set(py, key, unsafe { value.object() });
        value.close();
        return stored;
    };
    // SAFETY: `at` is a parameter.
    unsafe {
        if !locals.add(at).read().is_null() {
            let key = name.to_string_lossy();
            return fail(raise!(py, TypeError, "{}() got multiple values for argument '{key}'", qualname(func)));
        }
        locals.add(at).write(value);
    }
    Ok(())
}

/// The variable that a keyword is equal to; an instance of a subclass of `str` has its own idea of that.
fn place(py: Attached<'_>, variables: &[&Object], key: &Object) -> PyResult<Option<usize>> {
    if let Some(key) = key.downcast_exact::<Str>() {
        return Ok(variables.iter().position(|known| known.downcast::<Str>().is_some_and(|known| known.eq(key))));
    }
    for (at, known) in variables.iter().enumerate() {
        if key.eq(py, known)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

#[cold]
fn unexpected_keyword(py: Attached<'_>, func: &Function, code: &Code, posonly: usize, name: &Str) -> Raised {
    let raw = code.raw();
    let total = (raw.co_argcount.get() + raw.co_kwonlyargcount.get()) as usize;
    let known: Vec<String> = code.localsplusnames().as_slice()[posonly..total]
        .iter()
        .filter_map(|known| Some(known.downcast::<Str>()?.to_string_lossy().into_owned()))
        .collect();
    let key = name.to_string_lossy();
    let function = qualname(func);
    match crate::suggestions::closest(&key, known.iter().map(String::as_str)) {
        Some(close) => {
            raise!(py, TypeError, "{function}() got an unexpected keyword argument '{key}'. Did you mean '{close}'?")
        }
        None => raise!(py, TypeError, "{function}() got an unexpected keyword argument '{key}'"),
    }
}

#[cold]
fn positional_only(py: Attached<'_>, func: &Function, names: &str) -> Raised {
    raise!(
        py,
        TypeError,
        "{}() got some positional-only arguments passed as keyword arguments: '{names}'",
        qualname(func)
    )
}

fn qualname(func: &Function) -> String {
    func.qualname_slot().get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn fill_defaults(py: Attached<'_>, func: &Function, code: &Code, locals: *mut StackRef, nargs: usize) -> PyResult<()> {
    let argcount = code.raw().co_argcount.get() as usize;
    // SAFETY: [attached]; nothing here stops the thread before the last use.
    let defaults = unsafe { func.defaults() };
    let required = argcount.saturating_sub(defaults.len());
    // SAFETY: parameters are locals.
    let is_missing = |at: usize| unsafe { locals.add(at).read() }.is_null();
    let missing: Vec<usize> = (nargs..required).filter(|at| is_missing(*at)).collect();
    if !missing.is_empty() {
        return Err(missing_arguments(py, func, code, "positional", &missing));
    }
    for at in required.max(nargs)..argcount {
        if is_missing(at) {
            let default = defaults[at + defaults.len() - argcount];
            // SAFETY: as above.
            unsafe { locals.add(at).write(StackRef::owned(default.to_ref())) };
        }
    }
    Ok(())
}

fn fill_kwdefaults(py: Attached<'_>, func: &Function, code: &Code, locals: *mut StackRef) -> PyResult<()> {
    let raw = code.raw();
    let (argcount, kwonly) = (raw.co_argcount.get() as usize, raw.co_kwonlyargcount.get() as usize);
    let defaults = func.kwdefaults_slot().get();
    let mut missing = Vec::new();
    for at in argcount..argcount + kwonly {
        // SAFETY: parameters are locals.
        if !unsafe { locals.add(at).read() }.is_null() {
            continue;
        }
        let found = match &defaults {
            Some(defaults) => defaults.get(py, code.localsplusnames().as_slice()[at])?,
            None => None,
        };
        match found {
            // SAFETY: as above.
            Some(default) => unsafe { locals.add(at).write(StackRef::owned(default)) },
            None => missing.push(at),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing_arguments(py, func, code, "keyword-only", &missing)) }
}

#[cold]
fn missing_arguments(py: Attached<'_>, func: &Function, code: &Code, kind: &str, missing: &[usize]) -> Raised {
    let names: Vec<String> = missing
        .iter()
        .map(|at| {
            code.localsplusnames().as_slice()[*at].repr(py).map_or_else(
                |raised| {
                    raised.clear(py);
                    String::new()
                },
                |text| text.to_string_lossy().into_owned(),
            )
        })
        .collect();
    let list = match names.as_slice() {
        [one] => one.clone(),
        [first, second] => format!("{first} and {second}"),
        [init @ .., last] => format!("{}, and {last}", init.join(", ")),
        [] => String::new(),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    raise!(py, TypeError, "{}() missing {} required {kind} argument{plural}: {list}", qualname(func), names.len())
}

#[cold]
fn too_many_positional(py: Attached<'_>, func: &Function, code: &Code, given: usize, locals: *mut StackRef) -> Raised {
    let raw = code.raw();
    let (argcount, kwonly) = (raw.co_argcount.get() as usize, raw.co_kwonlyargcount.get() as usize);
    // SAFETY: parameters are locals.
    let kwonly_given = (argcount..argcount + kwonly).filter(|at| !unsafe { locals.add(*at).read() }.is_null()).count();
    let defaults = func.defaults_slot().get().map_or(0, |defaults| defaults.len());
    let (takes, plural) = if defaults > 0 {
        (format!("from {} to {argcount}", argcount - defaults.min(argcount)), true)
    } else {
        (argcount.to_string(), argcount != 1)
    };
    let plural = if plural { "s" } else { "" };
    let extra = if kwonly_given > 0 {
        let s = |count: usize| if count == 1 { "" } else { "s" };
        format!(" positional argument{} (and {kwonly_given} keyword-only argument{})", s(given), s(kwonly_given))
    } else {
        String::new()
    };
    let verb = if given == 1 && kwonly_given == 0 { "was" } else { "were" };
    raise!(
        py,
        TypeError,
        "{}() takes {takes} positional argument{plural} but {given}{extra} {verb} given",
        qualname(func)
    )
}
