//! Written by `gen.py` from the fact tables; do not edit the other files here.

pub mod constants;
mod layout_asserts;
