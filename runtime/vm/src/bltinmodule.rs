//! `builtins`: the functions; the types are the object model's.
use crate::compile::{CompileFlags, Mode, compile_object};
use crate::interp::current;
use krait_object::args::{Args, Params, Signature};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, ByteArray, Bytes, Cell, Code, Dict, Int, Layout, List, Module, Object, PyResult, Ref, Str, Tuple, exc,
    functions, hooks, id, none, raise,
};

/// Makes `builtins`.
///
/// # Errors
/// `MemoryError`.
pub fn create(py: Attached<'_>) -> PyResult<Ref<Module>> {
    let module = Module::new(py, "builtins")?;
    module.add(
        py,
        "__doc__",
        Str::new(py, "The functions, types and exceptions that every program sees.")?.as_object(),
    )?;
    module.add_functions(py, methods())?;
    for (name, value) in [
        ("None", none()),
        ("Ellipsis", krait_object::ellipsis()),
        ("NotImplemented", krait_object::not_implemented()),
        ("False", krait_object::Bool::of(false).to_ref().upcast()),
        ("True", krait_object::Bool::of(true).to_ref().upcast()),
    ] {
        module.add(py, name, &value)?;
    }
    for (name, ty) in krait_object::builtin_types() {
        module.add(py, name, ty.as_object())?;
    }
    for (name, class) in krait_object::exceptions::classes::all() {
        module.add(py, name, class.as_object())?;
    }
    for (alias, name) in [("IOError", exc::OSError()), ("EnvironmentError", exc::OSError())] {
        module.add(py, alias, name.as_object())?;
    }
    let debug = krait_object::Bool::of(current(py).config.optimization_level == 0);
    module.add(py, "__debug__", debug.as_object())?;
    Ok(module)
}

fn methods() -> &'static [krait_object::layout::PyMethodDef] {
    functions! {
        raw "__build_class__" => build_class, "", "__build_class__(func, name, /, *bases, [metaclass], **kwds) -> class\n\nWhat the class statement calls.";
        raw "__import__" => import, "($module, /, name, globals=None, locals=None, fromlist=(), level=0)", "__import__(name, globals=None, locals=None, fromlist=(), level=0)\n\nWhat the import statement calls.";
        o "abs" => abs, "($module, x, /)", "The absolute value.";
        o "all" => all, "($module, iterable, /)", "Whether every item is true.";
        o "any" => any, "($module, iterable, /)", "Whether an item is true.";
        o "ascii" => ascii, "($module, obj, /)", "The repr() with everything outside ASCII escaped.";
        o "aiter" => aiter, "($module, async_iterable, /)", "The asynchronous iterator of an asynchronous iterable.";
        raw "anext" => anext, "($module, aiterator, default=<unrepresentable>, /)", "anext(async_iterator[, default])\n\nAn awaitable of the next item, or of the default at the end.";
        o "bin" => bin, "($module, number, /)", "The binary text of an integer.\n\n   >>> bin(10)\n   '0b1010'";
        raw "breakpoint" => breakpoint, "($module, /, *args, **kws)", "Calls sys.breakpointhook().";
        o "callable" => callable, "($module, obj, /)", "Whether an object can be called.";
        o "chr" => chr, "($module, i, /)", "The character of a code point.";
        sig "compile" => compile, "($module, /, source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)", "Compiles source to a code object.";
        sig "delattr" => delattr, "($module, obj, name, /)", "Deletes an attribute.";
        raw "dir" => dir, "", "dir([object]) -> list of strings\n\nThe names in the current scope, or the attributes of an object.";
        sig "divmod" => divmod, "($module, x, y, /)", "Quotient and remainder of floor division.";
        sig "eval" => eval, "($module, source, /, globals=None, locals=None)", "The value of an expression.";
        sig "exec" => exec, "($module, source, /, globals=None, locals=None, *, closure=None)", "Runs statements.";
        sig "format" => format, "($module, value, format_spec='', /)", "Formats a value by a specification.";
        raw "getattr" => getattr, "", "getattr(object, name[, default]) -> value\n\nThe attribute of an object, or the default if it is missing.";
        noargs "globals" => globals, "($module, /)", "The dict of the current module.";
        sig "hasattr" => hasattr, "($module, obj, name, /)", "Whether an object has an attribute.";
        o "hash" => hash, "($module, obj, /)", "The hash of an object.";
        o "hex" => hex, "($module, number, /)", "The hexadecimal text of an integer.\n\n   >>> hex(255)\n   '0xff'";
        o "id" => id_of, "($module, obj, /)", "The identity of an object.";
        sig "input" => input, "($module, prompt='', /)", "A line from standard input without its end.";
        sig "isinstance" => isinstance, "($module, obj, class_or_tuple, /)", "Whether an object is an instance of a class or of one of several.";
        sig "issubclass" => issubclass, "($module, cls, class_or_tuple, /)", "Whether a class derives from another or from one of several.";
        raw "iter" => iter, "", "iter(iterable) -> iterator\niter(callable, sentinel) -> iterator\n\nAn iterator of an iterable, or of the results of a callable up to the sentinel.";
        o "len" => len, "($module, obj, /)", "How many items an object has.";
        noargs "locals" => locals, "($module, /)", "The local variables as a mapping.";
        raw "max" => max, "", "max(iterable, *[, default=obj, key=func]) -> value\nmax(arg1, arg2, *args, *[, key=func]) -> value\n\nThe largest item or argument.";
        raw "min" => min, "", "min(iterable, *[, default=obj, key=func]) -> value\nmin(arg1, arg2, *args, *[, key=func]) -> value\n\nThe smallest item or argument.";
        raw "next" => next, "", "next(iterator[, default])\n\nThe next item of an iterator, or the default at its end.";
        o "oct" => oct, "($module, number, /)", "The octal text of an integer.\n\n   >>> oct(64)\n   '0o100'";
        o "ord" => ord, "($module, character, /)", "The code point of a character.";
        sig "pow" => pow, "($module, /, base, exp, mod=None)", "The power, modulo a number if one is given.";
        raw "print" => print, "($module, /, *args, sep=' ', end='\\n', file=None, flush=False)", "Prints values to a stream.";
        o "repr" => repr, "($module, obj, /)", "The canonical text of an object.";
        sig "round" => round, "($module, /, number, ndigits=None)", "Rounds a number to decimal places.";
        sig "setattr" => setattr, "($module, obj, name, value, /)", "Sets an attribute.";
        raw "sorted" => sorted, "($module, iterable, /, *, key=None, reverse=False)", "A sorted list of the items.";
        sig "sum" => sum, "($module, iterable, /, start=0)", "The sum of the items.";
        raw "vars" => vars, "", "vars([object]) -> dictionary\n\nThe local variables, or the __dict__ of an object.";
    }
}

/// The attribute name argument of `getattr` and its kin.
fn attribute_name<'a>(py: Attached<'_>, name: &'a Object) -> PyResult<&'a Str> {
    name.downcast::<Str>()
        .ok_or_else(|| raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name()))
}

fn build_class(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    crate::build_class::build_class(py, args)
}

/// The local variables of the calling frame: of a function a snapshot (PEP 667), else the namespace itself.
pub fn current_locals(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let Some(frame) = crate::frameobject::current(py)? else {
        return Err(raise!(py, SystemError, "frame does not exist"));
    };
    let locals = crate::frameobject::FrameObject::locals(py, &frame)?;
    if (*locals).downcast_exact::<crate::locals_proxy::FrameLocalsProxy>().is_none() {
        return Ok(locals);
    }
    let snapshot = Dict::new(py)?;
    snapshot.update(py, &locals)?;
    Ok(snapshot.upcast())
}

fn get_aiter(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    let Some(slot) = object.ty().async_methods().and_then(|methods| methods.am_aiter.get()) else {
        return Err(raise!(py, TypeError, "'{}' object is not an async iterable", object.ty().name()));
    };
    // SAFETY: [slot-contract].
    let iterator =
        unsafe { Ref::<Object>::from_raw_opt(slot(object.as_ptr())) }.ok_or_else(krait_object::Raised::assume)?;
    if iterator.ty().async_methods().is_none_or(|methods| methods.am_anext.get().is_none()) {
        return Err(raise!(py, TypeError, "aiter() returned not an async iterator of type '{}'", iterator.ty().name()));
    }
    Ok(iterator)
}

/// Calls with a dict of keywords.
pub fn call_with(
    py: Attached<'_>,
    callable: &Object,
    positional: &[&Object],
    keywords: Option<&Dict>,
) -> PyResult<Ref<Object>> {
    let Some(keywords) = keywords.filter(|keywords| !keywords.is_empty()) else {
        return callable.call_pos(py, positional);
    };
    let items = keywords.items_snapshot(py)?;
    let names: Vec<&Object> = items.iter().map(|(name, _)| &**name).collect();
    let values: Vec<&Object> = items.iter().map(|(_, value)| &**value).collect();
    callable.call(py, Args { pos: positional, names: &names, values: &values })
}

fn import(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    const SIG: Signature = Signature::parse("__import__", "(name, globals=None, locals=None, fromlist=(), level=0)");
    let [name, globals, _locals, fromlist, level]: [Option<&Object>; 5] = SIG.bind(py, args)?;
    let name = name.ok_or_else(|| py.bad_internal_call())?;
    let level = level.map_or(Ok(0), |level| level.as_isize(py))?;
    crate::import::import_name(py, name, globals, fromlist, level)
}

fn abs(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Object>> {
    number.absolute(py)
}

fn all(py: Attached<'_>, _: &Object, iterable: &Object) -> PyResult<bool> {
    let iterator = iterable.iter(py)?;
    while let Some(item) = iterator.iter_next(py)? {
        if !item.is_true(py)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(py: Attached<'_>, _: &Object, iterable: &Object) -> PyResult<bool> {
    let iterator = iterable.iter(py)?;
    while let Some(item) = iterator.iter_next(py)? {
        if item.is_true(py)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ascii(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Ref<Str>> {
    object.ascii(py)
}

fn aiter(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Ref<Object>> {
    get_aiter(py, object)
}

fn anext(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let pos = args.unpack(py, "anext", 1, 2)?;
    let Some(slot) = pos[0].ty().async_methods().and_then(|methods| methods.am_anext.get()) else {
        return Err(raise!(py, TypeError, "'{}' object is not an async iterator", pos[0].ty().name()));
    };
    // SAFETY: [slot-contract].
    let awaitable =
        unsafe { Ref::<Object>::from_raw_opt(slot(pos[0].as_ptr())) }.ok_or_else(krait_object::Raised::assume)?;
    match pos.get(1) {
        None => Ok(awaitable),
        Some(default) => Ok(crate::generator::AnextAwaitable::new(py, &awaitable, default)?.upcast()),
    }
}

/// Text of an integer in a base, with sign and prefix.
fn radix(py: Attached<'_>, number: &Object, base: u32, prefix: &str) -> PyResult<Ref<Str>> {
    let number = number.index(py)?;
    let sign = if number.is_negative() { "-" } else { "" };
    // The digits, with the prefix, grown by doubling: 30 bits take that many places.
    let places = 30usize.div_ceil(base.ilog2() as usize);
    krait_object::reserve::need(py, number.digits().len().saturating_mul(places * 3))?;
    Str::new(py, &format!("{sign}{prefix}{}", krait_text::intarith::to_radix(number.digits(), base)))
}

fn bin(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Str>> {
    radix(py, number, 2, "0b")
}

fn hex(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Str>> {
    radix(py, number, 16, "0x")
}

fn oct(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Str>> {
    radix(py, number, 8, "0o")
}

fn breakpoint(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match crate::sysmodule::get(py, "breakpointhook") {
        Some(hook) => {
            crate::sysmodule::audit_event(py, "builtins.breakpoint", &[&hook])?;
            hook.call(py, args)
        }
        None => Err(raise!(py, RuntimeError, "lost sys.breakpointhook")),
    }
}

fn callable(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    object.is_callable()
}

fn chr(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Str>> {
    match number.index(py)?.to_i64() {
        Some(point @ 0..=0x10ffff) => Str::from_char(py, point as u32),
        _ => Err(raise!(py, ValueError, "chr() arg not in range(0x110000)")),
    }
}

fn ord(py: Attached<'_>, _: &Object, character: &Object) -> PyResult<u32> {
    let len = if let Some(text) = character.downcast::<Str>() {
        if text.len() == 1 {
            return Ok(text.char_at(0));
        }
        text.len()
    } else if let Some(bytes) = character.downcast::<Bytes>() {
        if let [byte] = bytes.as_slice() {
            return Ok(u32::from(*byte));
        }
        bytes.as_slice().len()
    } else if let Some(bytes) = character.downcast::<ByteArray>() {
        match bytes.to_vec(py)?[..] {
            [byte] => return Ok(u32::from(byte)),
            ref bytes => bytes.len(),
        }
    } else {
        return Err(raise!(py, TypeError, "ord() expected string of length 1, but {} found", character.ty().name()));
    };
    Err(raise!(py, TypeError, "ord() expected a character, but string of length {len} found"))
}

fn compile(
    py: Attached<'_>,
    _: &Object,
    [source, filename, mode, flags, dont_inherit, optimize, version]: [Option<&Object>; 7],
) -> PyResult<Ref<Object>> {
    let (Some(source), Some(filename), Some(mode)) = (source, filename, mode) else {
        return Err(py.bad_internal_call());
    };
    let filename = crate::compile::filename(py, filename)?;
    let Some(mode_text) = mode.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "compile() argument 'mode' must be str, not {}",
            krait_object::builtins::textargs::arg_type(mode)
        ));
    };
    let flags = flags.map_or(Ok(0), |flags| flags.as_i32(py))?;
    let dont_inherit = dont_inherit.map_or(Ok(false), |flag| flag.is_true(py))?;
    let optimize = optimize.map_or(Ok(-1), |optimize| optimize.as_i32(py))?;
    let version = version.map_or(Ok(-1), |version| version.as_i32(py))?;
    crate::compile::compile_builtin(py, source, &filename, mode_text, flags, dont_inherit, optimize, version)
}

fn delattr(py: Attached<'_>, _: &Object, [object, name]: [Option<&Object>; 2]) -> PyResult<()> {
    let (Some(object), Some(name)) = (object, name) else { return Err(py.bad_internal_call()) };
    object.set_attr(py, attribute_name(py, name)?, None)
}

fn dir(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match args.unpack(py, "dir", 0, 1)? {
        [] => {
            let names = current_locals(py)?.call_method(py, id!(py, keys), &[])?;
            let names = names.sequence_list(py)?;
            names.sort(py, None, false)?;
            Ok(names.upcast())
        }
        args => args[0].dir(py),
    }
}

fn divmod(py: Attached<'_>, _: &Object, [x, y]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let (Some(x), Some(y)) = (x, y) else { return Err(py.bad_internal_call()) };
    x.divmod(py, y)
}

/// The namespaces of `eval` and `exec`.
fn namespaces(
    py: Attached<'_>,
    function: &str,
    globals: Option<&Object>,
    locals: Option<&Object>,
) -> PyResult<(Ref<Object>, Ref<Object>)> {
    let given = |object: Option<&Object>| object.filter(|object| !object.is_none()).map(Layout::to_ref);
    let (globals, locals) = (given(globals), given(locals));
    if let Some(locals) = &locals
        && locals.ty().as_type().tp_as_mapping.get().is_null()
    {
        return Err(raise!(py, TypeError, "locals must be a mapping or None, not {}", locals.ty().name()));
    }
    let (globals, locals) = match globals {
        Some(globals) => {
            if (*globals).downcast::<Dict>().is_none() {
                let what = match function {
                    "eval" if !globals.ty().as_type().tp_as_mapping.get().is_null() => {
                        "globals must be a real dict; try eval(code, {}, mapping)".to_owned()
                    }
                    "eval" => "globals must be a dict".to_owned(),
                    _ => format!("exec() globals must be a dict, not {}", globals.ty().name()),
                };
                return Err(raise!(py, TypeError, "{what}"));
            }
            let locals = locals.unwrap_or_else(|| globals.clone());
            (globals, locals)
        }
        None => {
            let Some(globals) = (hooks::hooks().current_globals)(py) else {
                return Err(raise!(py, SystemError, "globals and locals cannot be NULL"));
            };
            let locals = match locals {
                Some(locals) => locals,
                None => current_locals(py)?,
            };
            (globals, locals)
        }
    };
    if let Some(dict) = (*globals).downcast::<Dict>()
        && dict.get(py, id!(py, __builtins__).as_object())?.is_none()
    {
        let builtins = (hooks::hooks().current_builtins)(py);
        dict.set(py, id!(py, __builtins__).as_object(), &builtins)?;
    }
    Ok((globals, locals))
}

fn eval(py: Attached<'_>, _: &Object, [source, globals, locals]: [Option<&Object>; 3]) -> PyResult<Ref<Object>> {
    let source = source.ok_or_else(|| py.bad_internal_call())?;
    let (globals, locals) = namespaces(py, "eval", globals, locals)?;
    if let Some(code) = source.downcast::<Code>() {
        crate::sysmodule::audit_event(py, "exec", &[source])?;
        if code.raw().co_nfreevars.get() > 0 {
            return Err(raise!(py, TypeError, "code object passed to eval() may not contain free variables"));
        }
        return crate::eval::eval_code(py, code, &globals, Some(&locals), None);
    }
    let code = compile_text(py, source, "eval", Mode::Eval)?;
    crate::eval::eval_code(py, &code, &globals, Some(&locals), None)
}

/// Compiles a text argument of `eval` or `exec` with the caller's future features.
fn compile_text(py: Attached<'_>, source: &Object, function: &str, mode: Mode) -> PyResult<Ref<Code>> {
    let filename = Str::new(py, "<string>")?;
    let flags = CompileFlags { inherit: true, ..CompileFlags::default() };
    compile_object(py, source, function, &filename, mode, &flags)
}

fn exec(py: Attached<'_>, _: &Object, [source, globals, locals, closure]: [Option<&Object>; 4]) -> PyResult<()> {
    let source = source.ok_or_else(|| py.bad_internal_call())?;
    let closure = closure.filter(|closure| !closure.is_none());
    let (globals, locals) = namespaces(py, "exec", globals, locals)?;
    let Some(code) = source.downcast::<Code>() else {
        if closure.is_some() {
            return Err(raise!(py, TypeError, "closure can only be used when source is a code object"));
        }
        let code = compile_text(py, source, "exec", Mode::Exec)?;
        return crate::eval::eval_code(py, &code, &globals, Some(&locals), None).map(drop);
    };
    let free = code.raw().co_nfreevars.get() as usize;
    let cells = match closure {
        None if free == 0 => None,
        Some(_) if free == 0 => {
            return Err(raise!(py, TypeError, "cannot use a closure with this code object"));
        }
        closure => {
            let cells = closure.and_then(|closure| closure.downcast_exact::<Tuple>()).filter(|cells| {
                cells.len() == free && cells.as_slice().iter().all(|cell| cell.downcast_exact::<Cell>().is_some())
            });
            match cells {
                Some(cells) => Some(cells),
                None => return Err(raise!(py, TypeError, "code object requires a closure of exactly length {free}")),
            }
        }
    };
    crate::sysmodule::audit_event(py, "exec", &[source])?;
    crate::eval::eval_code(py, code, &globals, Some(&locals), cells).map(drop)
}

fn format(py: Attached<'_>, _: &Object, [value, spec]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
    let value = value.ok_or_else(|| py.bad_internal_call())?;
    let spec = match spec {
        None => None,
        Some(spec) => match spec.downcast::<Str>() {
            Some(spec) => Some(spec),
            None => {
                return Err(raise!(
                    py,
                    TypeError,
                    "format() argument 2 must be str, not {}",
                    krait_object::builtins::textargs::arg_type(spec)
                ));
            }
        },
    };
    value.format(py, spec)
}

fn getattr(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let pos = args.unpack(py, "getattr", 2, 3)?;
    let name = attribute_name(py, pos[1])?;
    match pos.get(2) {
        None => pos[0].get_attr(py, name),
        Some(default) => Ok(pos[0].get_attr_opt(py, name)?.unwrap_or_else(|| default.to_ref())),
    }
}

fn globals(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    (hooks::hooks().current_globals)(py).ok_or_else(|| raise!(py, SystemError, "no current frame"))
}

fn hasattr(py: Attached<'_>, _: &Object, [object, name]: [Option<&Object>; 2]) -> PyResult<bool> {
    let (Some(object), Some(name)) = (object, name) else { return Err(py.bad_internal_call()) };
    object.has_attr(py, attribute_name(py, name)?)
}

fn hash(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<isize> {
    object.hash(py)
}

fn id_of(_: Attached<'_>, _: &Object, object: &Object) -> usize {
    object.as_ptr() as usize
}

fn input(py: Attached<'_>, _: &Object, [prompt]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
    let stream = |name: &str| match crate::sysmodule::get(py, name).filter(|stream| !stream.is_none()) {
        Some(stream) => Ok(stream),
        None => Err(raise!(py, RuntimeError, "input(): lost sys.{name}")),
    };
    let (stdin, stdout, stderr) = (stream("stdin")?, stream("stdout")?, stream("stderr")?);
    let flush = |stream: &Object| {
        if let Err(raised) = stream.call_method(py, id!(py, flush), &[]) {
            raised.clear(py);
        }
    };
    crate::sysmodule::audit_event(py, "builtins.input", &[prompt.unwrap_or(&krait_object::none())])?;
    flush(&stderr);
    flush(&stdout);
    if let Some(line) = crate::line_input::input(py, &stdin, &stdout, prompt)? {
        crate::sysmodule::audit_event(py, "builtins.input/result", &[line.as_object()])?;
        return Ok(line.upcast());
    }
    if let Some(prompt) = prompt {
        let text = prompt.str(py)?;
        stdout.call_method(py, id!(py, write), &[text.as_object()])?;
    }
    flush(&stdout);
    let line = stdin.call_method(py, id!(py, readline), &[])?;
    let Some(text) = (*line).downcast::<Str>() else {
        return Err(raise!(py, TypeError, "object.readline() returned non-string"));
    };
    match text.len() {
        0 => Err(raise!(py, EOFError, "EOF when reading a line")),
        len if text.char_at(len - 1) == '\n' as u32 => Ok(text.substring(py, 0, len - 1)?.upcast()),
        _ => Ok(line),
    }
}

fn isinstance(py: Attached<'_>, _: &Object, [object, class]: [Option<&Object>; 2]) -> PyResult<bool> {
    let (Some(object), Some(class)) = (object, class) else { return Err(py.bad_internal_call()) };
    object.is_instance(py, class)
}

fn issubclass(py: Attached<'_>, _: &Object, [class, classes]: [Option<&Object>; 2]) -> PyResult<bool> {
    let (Some(class), Some(classes)) = (class, classes) else { return Err(py.bad_internal_call()) };
    class.is_subclass(py, classes)
}

fn iter(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match args.unpack(py, "iter", 1, 2)? {
        [iterable] => iterable.iter(py),
        pos => {
            if !pos[0].is_callable() {
                return Err(raise!(py, TypeError, "iter(v, w): v must be callable"));
            }
            Ok(krait_object::protocols::iter::CallIter::new(py, pos[0], pos[1])?.upcast())
        }
    }
}

fn len(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<usize> {
    object.len(py)
}

fn locals(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    current_locals(py)
}

/// `max` and `min`: the first item that no other beats.
fn extreme(py: Attached<'_>, name: &'static str, args: Args<'_>, op: CompareOp) -> PyResult<Ref<Object>> {
    let mut keywords = [None; 2];
    args.check_keyword_count(py, name, keywords.len())?;
    Params::keywords(name, &["key", "default"]).bind(py, args, &mut keywords)?;
    let [key, default] = keywords;
    let key = key.filter(|key| !key.is_none());
    let (iterator, mut given) = match args.pos {
        [] => return Err(raise!(py, TypeError, "{name} expected at least 1 argument, got 0")),
        [iterable] => (Some(iterable.iter(py)?), [].iter()),
        items => {
            if default.is_some() {
                return Err(raise!(
                    py,
                    TypeError,
                    "Cannot specify a default for {name}() with multiple positional arguments"
                ));
            }
            (None, items.iter())
        }
    };
    let mut next = || match &iterator {
        Some(iterator) => iterator.iter_next(py),
        None => Ok(given.next().map(|item| item.to_ref())),
    };
    let mut best: Option<(Ref<Object>, Ref<Object>)> = None;
    while let Some(item) = next()? {
        let rank = match key {
            Some(key) => key.call_pos(py, &[&item])?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((best, _)) => rank.rich_compare(py, best, op)?.is_true(py)?,
        };
        if better {
            best = Some((rank, item));
        }
    }
    match (best, default) {
        (Some((_, item)), _) => Ok(item),
        (None, Some(default)) => Ok(default.to_ref()),
        (None, None) => Err(raise!(py, ValueError, "{name}() iterable argument is empty")),
    }
}

fn max(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    extreme(py, "max", args, CompareOp::Gt)
}

fn min(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    extreme(py, "min", args, CompareOp::Lt)
}

fn next(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let pos = args.unpack(py, "next", 1, 2)?;
    if !pos[0].is_iterator() {
        return Err(raise!(py, TypeError, "'{}' object is not an iterator", pos[0].ty().name()));
    }
    // Without a default, a `StopIteration` that carries a value must stay as it is.
    let Some(iternext) = pos[0].ty().as_type().tp_iternext.get() else { unreachable!("checked above") };
    // SAFETY: [slot-contract].
    if let Some(item) = unsafe { Ref::<Object>::from_raw_opt(iternext(pos[0].as_ptr())) } {
        return Ok(item);
    }
    match (py.pending().is_some(), pos.get(1)) {
        (true, Some(default)) => {
            let raised = krait_object::Raised::assume();
            if !raised.matches(py, exc::StopIteration()) {
                return Err(raised);
            }
            raised.clear(py);
            Ok(default.to_ref())
        }
        (true, None) => Err(krait_object::Raised::assume()),
        (false, Some(default)) => Ok(default.to_ref()),
        (false, None) => Err(py.raise_value(exc::StopIteration(), &none())),
    }
}

fn pow(py: Attached<'_>, _: &Object, [base, exponent, modulus]: [Option<&Object>; 3]) -> PyResult<Ref<Object>> {
    let (Some(base), Some(exponent)) = (base, exponent) else { return Err(py.bad_internal_call()) };
    base.power(py, exponent, modulus.unwrap_or(&none()))
}

fn print(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    let mut keywords = [None; 4];
    Params::keywords("print", &["sep", "end", "file", "flush"]).bind(py, args, &mut keywords)?;
    let [sep, end, file, flush] = keywords;
    let text = |name: &str, value: Option<&Object>, default: &'static Str| -> PyResult<Ref<Object>> {
        match value.filter(|value| !value.is_none()) {
            None => Ok(default.as_object().to_ref()),
            Some(value) if value.downcast::<Str>().is_some() => Ok(value.to_ref()),
            Some(value) => Err(raise!(py, TypeError, "{name} must be None or a string, not {}", value.ty().name())),
        }
    };
    let file = match file.filter(|file| !file.is_none()) {
        Some(file) => file.to_ref(),
        None => match crate::sysmodule::get(py, "stdout") {
            None => return Err(raise!(py, RuntimeError, "lost sys.stdout")),
            Some(stdout) if stdout.is_none() => return Ok(()),
            Some(stdout) => stdout,
        },
    };
    let (sep, end) = (text("sep", sep, id!(py, " "))?, text("end", end, id!(py, "\n"))?);
    let write = file.get_attr(py, id!(py, write))?;
    for (at, arg) in args.pos.iter().enumerate() {
        if at > 0 {
            write.call_pos(py, &[&sep])?;
        }
        match arg.downcast_exact::<Str>() {
            Some(_) => write.call_pos(py, &[arg])?,
            None => write.call_pos(py, &[arg.str(py)?.as_object()])?,
        };
    }
    write.call_pos(py, &[&end])?;
    if let Some(flush) = flush
        && flush.is_true(py)?
    {
        file.call_method(py, id!(py, flush), &[])?;
    }
    Ok(())
}

fn repr(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Ref<Str>> {
    object.repr(py)
}

fn round(py: Attached<'_>, _: &Object, [number, ndigits]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let number = number.ok_or_else(|| py.bad_internal_call())?;
    let Some(method) = number.lookup_special(py, id!(py, __round__))? else {
        return Err(raise!(py, TypeError, "type {} doesn't define __round__ method", number.ty().name()));
    };
    match ndigits.filter(|ndigits| !ndigits.is_none()) {
        None => method.call0(py),
        Some(ndigits) => method.call_pos(py, &[ndigits]),
    }
}

fn setattr(py: Attached<'_>, _: &Object, [object, name, value]: [Option<&Object>; 3]) -> PyResult<()> {
    let (Some(object), Some(name), Some(value)) = (object, name, value) else { return Err(py.bad_internal_call()) };
    object.set_attr(py, attribute_name(py, name)?, Some(value))
}

fn sorted(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<List>> {
    const SIG: Signature = Signature::parse("sort", "(*, key=None, reverse=False)");
    let [iterable] = args.pos else {
        return Err(raise!(py, TypeError, "sorted expected 1 argument, got {}", args.pos.len()));
    };
    let list = iterable.sequence_list(py)?;
    let [key, reverse]: [Option<&Object>; 2] = SIG.bind(py, Args { pos: &[], ..args })?;
    let reverse = reverse.map_or(Ok(false), |reverse| reverse.is_true(py))?;
    list.sort(py, key.filter(|key| !key.is_none()), reverse)?;
    Ok(list)
}

fn sum(py: Attached<'_>, _: &Object, [iterable, start]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    use krait_object::protocols::number::BinaryOp;
    let iterator = iterable.ok_or_else(|| py.bad_internal_call())?.iter(py)?;
    let mut total = match start {
        None => Int::from_i64(py, 0)?.upcast(),
        Some(start) => {
            let hint = if start.downcast::<Str>().is_some() {
                Some("strings [use ''.join(seq) instead]")
            } else if start.downcast::<Bytes>().is_some() {
                Some("bytes [use b''.join(seq) instead]")
            } else if start.downcast::<ByteArray>().is_some() {
                Some("bytearray [use b''.join(seq) instead]")
            } else {
                None
            };
            if let Some(hint) = hint {
                return Err(raise!(py, TypeError, "sum() can't sum {hint}"));
            }
            start.to_ref()
        }
    };
    let mut items = Numbers { iterator: &iterator, ahead: None };
    loop {
        if let Some(whole) = (*total).downcast_exact::<Int>()
            && let Some(start) = whole.to_i64()
        {
            total = items.add_ints(py, start)?;
        }
        if let Some(real) = (*total).downcast_exact::<krait_object::Float>() {
            let start = real.value();
            total = items.add_floats(py, start)?;
        }
        if let Some(complex) = (*total).downcast_exact::<krait_object::Complex>() {
            let start = complex.value();
            total = items.add_complexes(py, start)?;
        }
        match items.next(py)? {
            None => return Ok(total),
            Some(item) => total = total.binary_op(py, &item, BinaryOp::Add)?,
        }
    }
}

/// The items of `sum`, with one item of look-ahead that a fast loop could not use.
struct Numbers<'a> {
    iterator: &'a Object,
    ahead: Option<Ref<Object>>,
}

impl Numbers<'_> {
    fn next(&mut self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        match self.ahead.take() {
            Some(item) => Ok(Some(item)),
            None => self.iterator.iter_next(py),
        }
    }

    /// Adds machine-word integers while they come and fit.
    fn add_ints(&mut self, py: Attached<'_>, mut total: i64) -> PyResult<Ref<Object>> {
        while let Some(item) = self.next(py)? {
            let value = if let Some(int) = (*item).downcast_exact::<Int>() {
                int.to_i64()
            } else {
                (*item).downcast_exact::<krait_object::Bool>().map(|value| i64::from(value.value()))
            };
            match value.and_then(|value| total.checked_add(value)) {
                Some(sum) => total = sum,
                None => {
                    self.ahead = Some(item);
                    break;
                }
            }
        }
        Ok(Int::from_i64(py, total)?.upcast())
    }

    /// Adds floats (and small integers) with compensation for what rounding loses (Neumaier).
    fn add_floats(&mut self, py: Attached<'_>, start: f64) -> PyResult<Ref<Object>> {
        let mut total = Compensated::from(start);
        while let Some(item) = self.next(py)? {
            let value = if let Some(float) = (*item).downcast_exact::<krait_object::Float>() {
                float.value()
            } else if let Some(value) = (*item).downcast_exact::<Int>() {
                value.to_f64(py)?
            } else {
                self.ahead = Some(item);
                break;
            };
            total.add(value);
        }
        Ok(krait_object::Float::new(py, total.value())?.upcast())
    }

    /// The same with complex numbers.
    fn add_complexes(&mut self, py: Attached<'_>, start: (f64, f64)) -> PyResult<Ref<Object>> {
        let (mut real, mut imag) = (Compensated::from(start.0), Compensated::from(start.1));
        while let Some(item) = self.next(py)? {
            if let Some(complex) = (*item).downcast_exact::<krait_object::Complex>() {
                let value = complex.value();
                real.add(value.0);
                imag.add(value.1);
            } else if let Some(float) = (*item).downcast_exact::<krait_object::Float>() {
                real.add(float.value());
            } else if let Some(value) = (*item).downcast_exact::<Int>() {
                real.add(value.to_f64(py)?);
            } else {
                self.ahead = Some(item);
                break;
            }
        }
        Ok(krait_object::Complex::new(py, real.value(), imag.value())?.upcast())
    }
}

/// A sum with what rounding has lost (Neumaier).
struct Compensated {
    total: f64,
    lost: f64,
}

impl From<f64> for Compensated {
    fn from(total: f64) -> Self {
        Compensated { total, lost: 0.0 }
    }
}

impl Compensated {
    fn add(&mut self, value: f64) {
        let sum = self.total + value;
        self.lost +=
            if self.total.abs() >= value.abs() { (self.total - sum) + value } else { (value - sum) + self.total };
        self.total = sum;
    }

    /// An infinite total makes the compensation meaningless, and adding none keeps the sign of zero.
    fn value(&self) -> f64 {
        if self.lost.is_finite() && self.lost != 0.0 { self.total + self.lost } else { self.total }
    }
}

fn vars(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match args.unpack(py, "vars", 0, 1)? {
        [] => current_locals(py),
        args => match args[0].get_attr_opt(py, id!(py, __dict__))? {
            Some(dict) => Ok(dict),
            None => Err(raise!(py, TypeError, "vars() argument must have __dict__ attribute")),
        },
    }
}
