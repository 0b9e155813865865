//! krait-cli

// Nothing here calls the C API, but the extensions that the program loads do.
extern crate krait_abi as _;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: krait script.py");
        return ExitCode::from(2);
    };
    match std::fs::read(&path) {
        Ok(bytes) => krait::vm::runtime::run_file(&path, &bytes),
        Err(error) => {
            eprintln!("krait: can't open file '{path}': {error}");
            ExitCode::from(2)
        }
    }
}
