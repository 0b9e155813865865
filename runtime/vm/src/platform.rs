//! Names and numbers that identify this build to tools.
use krait_object::FREE_THREADED;
use std::sync::{Once, OnceLock};

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

/// The name of the locale for characters that is in force.
fn locale_name() -> Vec<u8> {
    // SAFETY: only asks; the string stays until the locale is set again.
    unsafe {
        let name = libc::setlocale(libc::LC_CTYPE, std::ptr::null());
        if name.is_null() { Vec::new() } else { std::ffi::CStr::from_ptr(name).to_bytes().to_vec() }
    }
}

/// Takes the user's locale for characters, once in a process; whether that is the C locale.
pub fn has_plain_locale() -> bool {
    static PLAIN: OnceLock<bool> = OnceLock::new();
    *PLAIN.get_or_init(|| {
        // SAFETY: a C string; called before other threads run.
        unsafe { libc::setlocale(libc::LC_CTYPE, c"".as_ptr()) };
        matches!(locale_name().as_slice(), b"C" | b"POSIX")
    })
}

/// Puts a UTF-8 locale in the place of the C locale, for this process and its children (PEP 538), once. `LC_ALL` keeps the
/// locale as it is.
///
/// With `warn` it tells on standard error what it did, or that the locale is still the C locale.
pub fn coerce_locale(warn: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let fixed = std::env::var_os("LC_ALL").is_some_and(|value| !value.is_empty());
        for target in [c"C.UTF-8", c"C.utf8", c"UTF-8"].into_iter().filter(|_| !fixed) {
            // SAFETY: C strings; called before other threads run.
            unsafe {
                if libc::setlocale(libc::LC_CTYPE, target.as_ptr()).is_null() {
                    continue;
                }
                libc::setenv(c"LC_CTYPE".as_ptr(), target.as_ptr(), 1);
                libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
            }
            if warn {
                let target = target.to_string_lossy();
                eprintln!(
                    "Python detected LC_CTYPE=C: LC_CTYPE coerced to {target} (set another locale or PYTHONCOERCECLOCALE=0 to disable this locale coercion behavior)."
                );
            }
            return;
        }
        if warn {
            eprintln!(
                "Python runtime initialized with LC_CTYPE=C (a locale with default ASCII encoding), which may cause Unicode compatibility problems. Using C.UTF-8, C.utf8, or UTF-8 (if available) as alternative Unicode-compatible locales is recommended."
            );
        }
    });
}

/// Whether the standard streams let undecodable bytes through in the locale in force: the C locale, and those that come in
/// its place.
pub fn has_lenient_locale() -> bool {
    matches!(locale_name().as_slice(), b"C" | b"POSIX" | b"C.UTF-8" | b"C.utf8" | b"UTF-8")
}

/// Python's name for the encoding of the locale in force.
pub fn locale_encoding() -> String {
    // SAFETY: a static string of the C library.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) }.to_string_lossy().to_lowercase();
    match name.as_str() {
        "" => "utf-8".to_owned(),
        "ansi_x3.4-1968" => "ascii".to_owned(),
        _ => name,
    }
}
