//! Names and numbers that identify this build to tools.
use krait_object::FREE_THREADED;

/// `sys.version_info` and `sys.hexversion`.
pub const VERSION: (u8, u8, u8) = krait_lib::PYTHON_VERSION;
pub const HEX_VERSION: u32 = (VERSION.0 as u32) << 24 | (VERSION.1 as u32) << 16 | (VERSION.2 as u32) << 8 | 0xf0;
pub const API_VERSION: i64 = 1013;
/// `sys.abiflags`.
pub const ABIFLAGS: &str = if FREE_THREADED { "t" } else { "" };
pub const MULTIARCH: &str = if cfg!(target_arch = "x86_64") { "x86_64-linux-gnu" } else { "aarch64-linux-gnu" };
pub const EXT_SUFFIX: &str = match (FREE_THREADED, cfg!(target_arch = "x86_64")) {
    (true, true) => ".cpython-314t-x86_64-linux-gnu.so",
    (false, true) => ".cpython-314-x86_64-linux-gnu.so",
    (true, false) => ".cpython-314t-aarch64-linux-gnu.so",
    (false, false) => ".cpython-314-aarch64-linux-gnu.so",
};
/// Own cache tag: `.pyc` files never mix with another interpreter's.
pub const CACHE_TAG: &str = "krait-314";
pub const KRAIT_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The magic number of `.pyc` files (3627 for 3.14) with `\r\n` above it.
pub const PYC_MAGIC_TOKEN: i64 = 3627 | 0x0a0d << 16;

/// `sys.version`, in the form that `platform` takes apart.
pub fn version_text() -> String {
    let (major, minor, micro) = VERSION;
    let build = if FREE_THREADED { "free-threading build " } else { "" };
    format!("{major}.{minor}.{micro} {build}(main, Jan  1 2026, 00:00:00) [Krait {KRAIT_VERSION} Rust]")
}

/// `python3.14t` or `python3.14`.
pub fn program_name() -> String {
    format!("python{}.{}{ABIFLAGS}", VERSION.0, VERSION.1)
}

/// Takes the user's locale for characters; whether that is the C locale, where text is UTF-8.
pub fn has_plain_locale() -> bool {
    // SAFETY: C strings; called before other threads run.
    unsafe {
        let name = libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
        name.is_null() || matches!(std::ffi::CStr::from_ptr(name).to_bytes(), b"C" | b"POSIX")
    }
}
