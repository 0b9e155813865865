//! krait-cli
fn main() {}
