//! krait-abi

// The types and singletons that extensions link against are defined where they belong.
extern crate krait_object as _;
