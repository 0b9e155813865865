//! The builtins that the interpreter starts with.
use crate::runtime::Interpreter;
use krait_object::args::Args;
use krait_object::{Attached, Dict, Layout, Object, PyResult, Ref, Str, Type, exc, raise};

/// Fills the namespaces of `builtins` and `sys`.
pub fn fill(py: Attached<'_>, interpreter: &Interpreter) -> PyResult<()> {
    let builtins = Dict::new(py)?;
    drop(interpreter.builtins.replace(Some(builtins.clone())));
    drop(interpreter.sys.replace(Some(Dict::new(py)?)));
    let table = krait_object::functions! {
        raw "print" => print, "", "Prints to standard output.";
        raw "__build_class__" => build_class, "", "Runs a class statement.";
        o "len" => |py: Attached<'_>, _: &Object, object: &Object| object.len(py), "", "The length.";
        o "repr" => |py: Attached<'_>, _: &Object, object: &Object| object.repr(py), "", "The representation.";
        o "iter" => |py: Attached<'_>, _: &Object, object: &Object| object.iter(py), "", "An iterator.";
        raw "isinstance" => |py: Attached<'_>, _: &Object, args: Args<'_>| args.pos[0].is_instance(py, args.pos[1]), "", "Whether it is.";
        raw "next" => next, "", "The next item.";
        noargs "locals" => locals, "", "The local variables.";
        noargs "globals" => |py: Attached<'_>, _: &Object| (krait_object::hooks::hooks().current_globals)(py), "", "Globals.";
    };
    for entry in table.iter().take_while(|entry| !entry.ml_name.get().is_null()) {
        // SAFETY: [frozen]: names of static tables are C strings.
        let name = unsafe { std::ffi::CStr::from_ptr(entry.ml_name.get()) }.to_string_lossy();
        let none = krait_object::none();
        let function = krait_object::methodobject::CFunction::new(
            py,
            std::ptr::from_ref(entry).cast_mut(),
            Some(&none),
            None,
            None,
        )?;
        builtins.set_str(py, &name, function.as_object())?;
    }
    let types: &[&Type] = &[
        Object::type_object(),
        Type::type_object(),
        Str::type_object(),
        krait_object::Int::type_object(),
        krait_object::Float::type_object(),
        krait_object::Bool::type_object(),
        krait_object::Bytes::type_object(),
        krait_object::List::type_object(),
        krait_object::Tuple::type_object(),
        Dict::type_object(),
        krait_object::Set::type_object(),
        krait_object::property::Property::type_object(),
        krait_object::superobject::Super::type_object(),
        krait_object::rangeobject::Range::type_object(),
        krait_object::classmethod::ClassMethod::type_object(),
        krait_object::classmethod::StaticMethod::type_object(),
        krait_object::enumobject::Enumerate::type_object(),
    ];
    for ty in types {
        builtins.set_str(py, &ty.name(), ty.as_object())?;
    }
    for (name, class) in krait_object::exceptions::classes::all() {
        builtins.set_str(py, name, class.as_object())?;
    }
    Ok(())
}

fn print(py: Attached<'_>, _module: &Object, args: Args<'_>) -> PyResult<()> {
    use std::io::Write;
    let mut parts = Vec::new();
    for arg in args.pos {
        parts.push(arg.str(py)?.to_string_lossy().into_owned());
    }
    let _written = writeln!(std::io::stdout(), "{}", parts.join(" "));
    Ok(())
}

fn next(py: Attached<'_>, _module: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match args.pos[0].iter_next(py)? {
        Some(item) => Ok(item),
        None => match args.pos.get(1) {
            Some(default) => Ok(default.to_ref()),
            None => Err(py.raise_value(exc::StopIteration(), &krait_object::none())),
        },
    }
}

fn locals(py: Attached<'_>, _module: &Object) -> PyResult<Ref<Object>> {
    match crate::frame::Frame::current(py) {
        Some(frame) => crate::locals_proxy::snapshot(py, frame),
        None => Err(raise!(py, SystemError, "frame does not exist")),
    }
}

fn build_class(py: Attached<'_>, _module: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    crate::build_class::build_class(py, args)
}
