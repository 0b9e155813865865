//! Krait's virtual machine: frames, evaluation, generators, import, interpreters.
pub mod ast;
pub mod bltinmodule;
pub mod build_class;
pub mod call;
pub mod codegen_glue;
pub mod compile;
pub mod config;
pub mod dump;
pub mod errors;
pub mod eval;
pub mod exec;
mod exec_borrow;
pub mod frame;
pub mod frame_context;
pub mod frame_lineno;
pub mod frameobject;
pub mod gcmodule;
pub mod generator;
pub mod groups;
pub mod import;
mod import_error;
mod import_time;
pub mod interp;
pub mod library;
pub mod lifecycle;
pub mod line_input;
pub mod locals_proxy;
pub mod marshal;
pub mod marshalmodule;
pub mod monitoring;
pub mod native_stack;
pub mod paths;
pub mod platform;
pub mod program;
mod remote;
mod shared_constants;
pub mod signals;
pub mod stackref;
pub mod stdprinter;
pub mod suggestions;
pub mod symtablemodule;
pub mod sys_frames;
pub mod sysmodule;
pub mod templates;
pub mod threadmodule;
pub mod timing;
pub mod traceback;
pub mod tracing;
pub mod typing;
pub mod warnings;

/// Ends the process for an error that nothing can recover from.
pub fn fatal(message: &str) -> ! {
    dump::put_fatal(message);
    std::process::abort();
}

use krait_object::typedef::link_static;

/// The static types of this crate.
const STATIC_TYPES: &[fn() -> &'static krait_object::Type] = &[
    link_static::<frameobject::FrameObject>,
    link_static::<locals_proxy::FrameLocalsProxy>,
    link_static::<traceback::Traceback>,
    link_static::<generator::Generator>,
    link_static::<stdprinter::StdPrinter>,
    link_static::<generator::Coroutine>,
    link_static::<generator::CoroutineWrapper>,
    link_static::<generator::AsyncGenerator>,
    link_static::<generator::AsyncWrapped>,
    link_static::<generator::AsyncAsend>,
    link_static::<generator::AsyncAthrow>,
    link_static::<generator::AnextAwaitable>,
    link_static::<typing::TypeVar>,
    link_static::<typing::ParamSpec>,
    link_static::<typing::ParamSpecArgs>,
    link_static::<typing::ParamSpecKwargs>,
    link_static::<typing::TypeVarTuple>,
    link_static::<typing::TypeAliasType>,
    link_static::<typing::Generic>,
    link_static::<typing::ConstEvaluator>,
    link_static::<typing::NoDefaultObject>,
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

/// The native modules of this crate.
pub fn modules() -> Vec<import::BuiltinModule> {
    use import::BuiltinModule;
    vec![
        import::IMP,
        BuiltinModule { name: "_thread", doc: "Threads and locks.", exec: threadmodule::exec },
        BuiltinModule {
            name: "marshal",
            doc: "Reading and writing of values in the format of .pyc files.",
            exec: marshalmodule::exec,
        },
        BuiltinModule { name: "_ast", doc: "The classes of syntax tree nodes.", exec: ast::exec },
        BuiltinModule { name: "_symtable", doc: "The compiler's symbol table.", exec: symtablemodule::exec },
        BuiltinModule { name: "_warnings", doc: "The native entry to warnings.", exec: warnings::exec },
        BuiltinModule { name: "_typing", doc: "The native half of typing.", exec: typing::fill_module },
        BuiltinModule { name: "gc", doc: "The cycle collector.", exec: gcmodule::exec },
    ]
}
