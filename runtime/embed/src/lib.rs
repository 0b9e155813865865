//! krait
pub use krait_vm as vm;
