//! Shared libraries that native modules open when they are first imported (`docs/adr/0006-libraries-at-run-time.md`).
use std::ffi::{CStr, c_char, c_void};

/// What the dynamic linker last complained about on this thread; empty for nothing.
pub fn complaint() -> String {
    // SAFETY: the text is valid until the thread's next call.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    }
}

/// Opens the first library of `names` that is there; it stays open.
///
/// # Errors
/// The linker's complaint about the first name.
pub fn open(names: &[&CStr]) -> Result<*mut c_void, String> {
    let mut first = None;
    for name in names {
        // SAFETY: a C string.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if !library.is_null() {
            return Ok(library);
        }
        first.get_or_insert_with(complaint);
    }
    Err(first.unwrap_or_else(|| "no library is known here".to_owned()))
}

/// The address of a symbol in an open library.
///
/// # Errors
/// The linker's complaint; should it have none, that `what` was not found.
pub fn symbol(library: *mut c_void, name: &CStr, what: &str) -> Result<*mut c_void, String> {
    // SAFETY: the handle is the caller's responsibility, as with C's function.
    unsafe {
        libc::dlerror();
        let address = libc::dlsym(library, name.as_ptr());
        if !address.is_null() {
            return Ok(address);
        }
        let text: *const c_char = libc::dlerror();
        match text.is_null() {
            true => Err(format!("{what} '{}' not found", name.to_string_lossy())),
            false => Err(CStr::from_ptr(text).to_string_lossy().into_owned()),
        }
    }
}

/// The address of a symbol in the first of several libraries that has it.
///
/// # Errors
/// The linker's complaint about the last one.
pub fn find(libraries: &[*mut c_void], name: &CStr) -> Result<*mut c_void, String> {
    let mut result = Err(String::new());
    for library in libraries {
        result = symbol(*library, name, "symbol");
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Declares what is used of one library, or of several that belong together. The struct gets a field for each
/// function (`fn`), for each function that older versions lack (`optional fn`, an `Option`) and for the address of
/// each variable (`static`), in this order, and two functions: `open` finds the library once for the process and
/// gives the linker's complaint where that fails; `get` is for code that runs only after `open` succeeded.
///
/// Each library is a list of names, of which the first that is there is taken.
#[macro_export]
macro_rules! library {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Api:ident in [$([$($library:expr),+ $(,)?]),+ $(,)?] {
            $(fn $name:ident($($arg:ty),* $(,)?) $(-> $ret:ty)?;)*
            $(optional fn $oname:ident($($oarg:ty),* $(,)?) $(-> $oret:ty)?;)*
            $(static $sname:ident: $sty:ty;)*
        }
    ) => {
        $(#[$meta])*
        #[allow(non_snake_case)]
        $vis struct $Api {
            $(pub $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
            $(pub $oname: Option<unsafe extern "C" fn($($oarg),*) $(-> $oret)?>,)*
            $(pub $sname: *mut $sty,)*
        }

        // SAFETY: addresses of functions and variables of a library that stays open; who uses them keeps its rules.
        unsafe impl Send for $Api {}
        // SAFETY: as above.
        unsafe impl Sync for $Api {}

        impl $Api {
            #[allow(non_snake_case, clippy::missing_transmute_annotations)]
            fn find() -> Result<$Api, String> {
                let libraries = [$($crate::library::open(&[$($library),+])?),+];
                let address = |name: &'static str| {
                    $crate::library::find(&libraries, krait_object::typedef::cstr(name))
                };
                // SAFETY: the signatures are those of the library's manual; addresses found are not null.
                unsafe {
                    Ok($Api {
                        $($name: std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(
                            address(concat!(stringify!($name), "\0"))?,
                        ),)*
                        $($oname: address(concat!(stringify!($oname), "\0")).ok().map(|address| {
                            std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn($($oarg),*) $(-> $oret)?>(address)
                        }),)*
                        $($sname: address(concat!(stringify!($sname), "\0"))?.cast(),)*
                    })
                }
            }

            fn cell() -> &'static std::sync::OnceLock<Result<$Api, String>> {
                static LIBRARY: std::sync::OnceLock<Result<$Api, String>> = std::sync::OnceLock::new();
                &LIBRARY
            }

            /// The library, opened at the first call.
            ///
            /// # Errors
            /// The linker's complaint.
            $vis fn open() -> Result<&'static $Api, &'static str> {
                Self::cell().get_or_init($Api::find).as_ref().map_err(String::as_str)
            }

            /// The library after it was opened.
            #[allow(dead_code)]
            $vis fn get() -> &'static $Api {
                match Self::cell().get() {
                    Some(Ok(library)) => library,
                    _ => unreachable!("the module is not there without the library"),
                }
            }
        }
    };
}
