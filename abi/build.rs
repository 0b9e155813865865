//! Compiles the bodies of the C-variadic functions, which stable Rust cannot define.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/varargs.c");
    cc::Build::new().file("src/varargs.c").opt_level(2).warnings(true).compile("krait_varargs");
}
