//! `python3.14t` (or `python3.14`): the command line of the runtime.
//!
//! It has C's entry point: Rust's would open closed standard streams again and handle SIGSEGV and SIGPIPE.
#![no_main]
use std::ffi::{c_char, c_int};

/// The entry point. The arguments are found by way of the standard library.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    krait::register_modules();
    krait_abi::install();
    krait::vm::program::main(&krait::vm::program::process_arguments()) & 0xff
}
