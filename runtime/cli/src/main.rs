//! `python3.14t` (or `python3.14`): the command line of the runtime.
use std::process::ExitCode;

// Nothing here calls the C API, but the extensions that the program loads do.
extern crate krait_abi as _;

fn main() -> ExitCode {
    krait::register_modules();
    let status = krait::vm::program::main(&krait::vm::program::process_arguments());
    ExitCode::from(status as u8)
}
