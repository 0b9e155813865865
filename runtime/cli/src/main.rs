//! krait-cli

// Nothing here calls the C API, but the extensions that the program loads do.
extern crate krait_abi as _;

fn main() {}
