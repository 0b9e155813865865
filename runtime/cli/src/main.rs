//! `python3.14t` (or `python3.14`): the command line of the runtime.
use std::process::ExitCode;

fn main() -> ExitCode {
    krait::register_modules();
    krait_abi::install();
    let status = krait::vm::program::main(&krait::vm::program::process_arguments());
    ExitCode::from(status as u8)
}
