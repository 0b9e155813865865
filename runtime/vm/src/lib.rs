//! Krait's virtual machine: frames, evaluation, generators, import, interpreters.
mod bootstrap;
pub mod breaker;
pub mod build_class;
pub mod call;
pub mod codegen_glue;
pub mod eval;
pub mod exec;
pub mod frame;
pub mod frame_context;
pub mod frameobject;
pub mod generator;
pub mod groups;
mod import_error;
pub mod locals_proxy;
pub mod marshal;
pub mod native_stack;
pub mod runtime;
pub mod stackref;
pub mod suggestions;
pub mod templates;
pub mod traceback;
pub mod tracing;
pub mod typing;

/// Ends the process for an error that nothing can recover from.
pub fn fatal(message: &str) -> ! {
    eprintln!("Fatal Python error: {message}");
    std::process::abort();
}

use krait_object::typedef::link_static;

/// The static types of this crate.
const STATIC_TYPES: &[fn() -> &'static krait_object::Type] = &[
    link_static::<frameobject::FrameObject>,
    link_static::<locals_proxy::FrameLocalsProxy>,
    link_static::<traceback::Traceback>,
    link_static::<generator::Generator>,
    link_static::<generator::Coroutine>,
    link_static::<generator::CoroutineWrapper>,
    link_static::<generator::AsyncGenerator>,
    link_static::<generator::AsyncWrapped>,
    link_static::<generator::AsyncAsend>,
    link_static::<generator::AsyncAthrow>,
    link_static::<generator::AnextAwaitable>,
];

/// Makes this crate's types ready, after those of the object crate.
pub fn init_static_types(py: krait_object::Attached<'_>) {
    for link in STATIC_TYPES {
        link();
    }
    for ty in STATIC_TYPES.iter().map(|link| link()) {
        if ty.ready(py).is_err() {
            fatal("a static type cannot be made ready");
        }
    }
}
