//! Krait for Rust hosts: the runtime with every native module of the standard library.
pub use krait_object as object;
pub use krait_vm as vm;

/// Makes the native modules of the standard library known to the runtime. Call it before the first interpreter starts;
/// repeating it is harmless.
pub fn register_modules() {
    let mut modules = Vec::new();
    modules.extend(krait_modules_core::modules());
    modules.extend(krait_modules_os::modules());
    modules.extend(krait_modules_data::modules());
    modules.extend(krait_modules_ctypes::modules());
    krait_vm::import::register(modules);
}
