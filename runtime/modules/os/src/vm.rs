//! What these modules use of the virtual machine.
pub use krait_vm::import::BuiltinModule;
pub use krait_vm::interp::without;
pub use krait_vm::signals::check as check_signals;
pub use krait_vm::sysmodule::audit_event as audit;
