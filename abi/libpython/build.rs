//! Gives the shared library the name that programs linked against CPython's ask for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let abiflags = if std::env::var_os("CARGO_FEATURE_NOGIL").is_some() { "t" } else { "" };
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,pack-relative-relocs");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libpython3.14{abiflags}.so.1.0");
    }
}
