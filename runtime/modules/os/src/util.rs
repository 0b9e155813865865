//! Helpers that the modules share: system calls, path and descriptor arguments, tables of constants.
use crate::vm;
use krait_object::builtins::capsule::Capsule;
use krait_object::exceptions::{raise_os_error, raise_os_error_with};
use krait_object::hooks::hooks;
use krait_object::typedef::{StaticType, link_static};
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, exc, id, raise,
};
use std::ffi::{CStr, CString, c_int, c_void};
use std::sync::atomic::AtomicPtr;

/// The calling thread's `errno`.
pub fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Results of system calls: -1 is an error.
pub trait Status: Copy {
    fn failed(self) -> bool;
}
macro_rules! status {
    ($($ty:ty),*) => {$(
        impl Status for $ty {
            fn failed(self) -> bool {
                self == -1
            }
        }
    )*};
}
status!(i32, i64, isize);

/// Makes a system call detached and returns its result or `errno`. A call that a signal interrupts is repeated after
/// the handlers ran.
///
/// # Errors
/// What a signal handler raises.
pub fn retry<T: Status>(py: Attached<'_>, mut call: impl FnMut() -> T) -> PyResult<Result<T, c_int>> {
    loop {
        match once(py, &mut call) {
            Err(libc::EINTR) => vm::check_signals(py)?,
            result => return Ok(result),
        }
    }
}

/// Makes a system call detached, once.
pub fn once<T: Status>(py: Attached<'_>, call: impl FnOnce() -> T) -> Result<T, c_int> {
    vm::without(py, || {
        let result = call();
        if result.failed() { Err(errno()) } else { Ok(result) }
    })
}

/// As [`retry`], with `OSError` for a failure.
///
/// # Errors
/// `OSError`, and what a signal handler raises.
pub fn sys<T: Status>(py: Attached<'_>, call: impl FnMut() -> T) -> PyResult<T> {
    retry(py, call)?.map_err(|errno| raise_os_error(py, errno))
}

/// Makes a quick system call without detaching; `OSError` for a failure.
///
/// # Errors
/// `OSError`.
pub fn quick<T: Status>(py: Attached<'_>, call: impl FnOnce() -> T) -> PyResult<T> {
    let result = call();
    if result.failed() { Err(raise_os_error(py, errno())) } else { Ok(result) }
}

/// As [`sys`], with the file's name in the error.
///
/// # Errors
/// As [`sys`].
pub fn sys_path<T: Status>(py: Attached<'_>, path: &Path<'_>, call: impl FnMut() -> T) -> PyResult<T> {
    retry(py, call)?.map_err(|errno| path.error(py, errno))
}

/// As [`sys_path`], but never repeated: for calls that must not run twice.
///
/// # Errors
/// `OSError`.
pub fn once_path<T: Status>(py: Attached<'_>, path: &Path<'_>, call: impl FnOnce() -> T) -> PyResult<T> {
    once(py, call).map_err(|errno| path.error(py, errno))
}

/// A required argument that the signature already demanded.
pub fn need<'a>(py: Attached<'_>, argument: Option<&'a Object>) -> PyResult<&'a Object> {
    argument.ok_or_else(|| py.bad_internal_call())
}

/// An argument that is present and not `None`.
pub fn given(argument: Option<&Object>) -> Option<&Object> {
    argument.filter(|argument| !argument.is_none())
}

/// A C `int` argument.
///
/// # Errors
/// `TypeError`, `OverflowError`.
pub fn int_arg(py: Attached<'_>, object: &Object) -> PyResult<c_int> {
    let number = object.index(py)?.to_i64();
    number
        .and_then(|number| c_int::try_from(number).ok())
        .ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C int"))
}

/// A C `int` argument with a default.
///
/// # Errors
/// As [`int_arg`].
pub fn int_or(py: Attached<'_>, object: Option<&Object>, default: c_int) -> PyResult<c_int> {
    object.map_or(Ok(default), |object| int_arg(py, object))
}

/// A truth argument with a default.
///
/// # Errors
/// What `__bool__` raises.
pub fn bool_or(py: Attached<'_>, object: Option<&Object>, default: bool) -> PyResult<bool> {
    object.map_or(Ok(default), |object| object.is_true(py))
}

/// Warns when a descriptor is given as a truth value.
fn warn_bool(py: Attached<'_>, object: &Object) -> PyResult<()> {
    if object.downcast_exact::<krait_object::Bool>().is_some() {
        (hooks().warn)(py, exc::RuntimeWarning(), "bool is used as a file descriptor", 1)?;
    }
    Ok(())
}

/// A file descriptor: an integer, or an object with `fileno()`.
///
/// # Errors
/// `TypeError` for others, `ValueError` for negative numbers.
pub fn fileno_arg(py: Attached<'_>, object: &Object) -> PyResult<c_int> {
    let fd = if object.downcast::<Int>().is_some() {
        warn_bool(py, object)?;
        object.as_i32(py)?
    } else if let Some(method) = object.get_attr_opt(py, id!(py, fileno))? {
        let result = method.call0(py)?;
        if (*result).downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "fileno() returned a non-integer"));
        }
        result.as_i32(py)?
    } else {
        return Err(raise!(py, TypeError, "argument must be an int, or have a fileno() method."));
    };
    if fd < 0 {
        return Err(raise!(py, ValueError, "file descriptor cannot be a negative integer ({fd})"));
    }
    Ok(fd)
}

/// Text as a C string.
///
/// # Errors
/// `ValueError` for a NUL in it.
pub fn c_string(py: Attached<'_>, bytes: Vec<u8>) -> PyResult<CString> {
    CString::new(bytes).map_err(|_| raise!(py, ValueError, "embedded null byte"))
}

/// `str` or bytes in the file system's encoding (`PyUnicode_FSConverter`): also path-like objects.
///
/// # Errors
/// `TypeError` for other types, `ValueError` for NULs.
pub fn fs_bytes(py: Attached<'_>, object: &Object) -> PyResult<CString> {
    let object = fspath(py, object)?;
    let bytes = match (*object).downcast::<Str>() {
        Some(text) => text.to_fs_bytes(py)?,
        None => (*object).downcast::<Bytes>().map(|bytes| bytes.as_slice().to_vec()).unwrap_or_default(),
    };
    c_string(py, bytes)
}

/// `os.fspath`.
///
/// # Errors
/// `TypeError`.
pub fn fspath(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    match fspath_opt(py, object)? {
        Some(path) => Ok(path),
        None => Err(raise!(py, TypeError, "expected str, bytes or os.PathLike object, not {}", object.ty().name())),
    }
}

/// `os.fspath`, or `None` for an object that is no path.
fn fspath_opt(py: Attached<'_>, object: &Object) -> PyResult<Option<Ref<Object>>> {
    if object.downcast::<Str>().is_some() || object.downcast::<Bytes>().is_some() {
        return Ok(Some(object.to_ref()));
    }
    let Some(method) = object.lookup_special(py, id!(py, __fspath__))?.filter(|method| !method.is_none()) else {
        return Ok(None);
    };
    let path = method.call0(py)?;
    if (*path).downcast::<Str>().is_some() || (*path).downcast::<Bytes>().is_some() {
        return Ok(Some(path));
    }
    Err(raise!(
        py,
        TypeError,
        "expected {}.__fspath__() to return str or bytes, not {}",
        object.ty().name(),
        path.ty().name()
    ))
}

/// Text from the system, in the file system's encoding.
///
/// # Errors
/// `MemoryError`.
pub fn fs_text(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Object>> {
    Ok(Str::from_fs_bytes(py, bytes)?.upcast())
}

/// Text from a C string.
///
/// # Safety
/// `text` is null or a NUL-terminated string.
pub unsafe fn c_text(py: Attached<'_>, text: *const std::ffi::c_char) -> PyResult<Ref<Object>> {
    if text.is_null() {
        return Ok(krait_object::none());
    }
    // SAFETY: by the contract.
    fs_text(py, unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A path argument.
pub struct Path<'a> {
    /// What the caller gave, for error messages; `None` for the default.
    pub object: Option<&'a Object>,
    /// The path in the file system's encoding; empty for a descriptor.
    pub text: CString,
    /// A descriptor in the place of a path.
    pub fd: Option<c_int>,
    /// Whether bytes were given, so that results are bytes too.
    pub is_bytes: bool,
}

impl<'a> Path<'a> {
    /// A path argument of `function`; `argument` is its name there.
    ///
    /// # Errors
    /// `TypeError` and `ValueError` in the reference's words.
    pub fn new(py: Attached<'_>, object: &'a Object, function: &str, argument: &str) -> PyResult<Self> {
        Self::parse(py, Some(object), function, argument, false, false)
    }

    /// Also a descriptor.
    ///
    /// # Errors
    /// As [`Path::new`].
    pub fn or_fd(py: Attached<'_>, object: &'a Object, function: &str) -> PyResult<Self> {
        Self::parse(py, Some(object), function, "path", true, false)
    }

    /// Also a descriptor, or nothing for the working directory.
    ///
    /// # Errors
    /// As [`Path::new`].
    pub fn or_here(py: Attached<'_>, object: Option<&'a Object>, function: &str) -> PyResult<Self> {
        Self::parse(py, object, function, "path", true, true)
    }

    fn parse(
        py: Attached<'_>,
        object: Option<&'a Object>,
        function: &str,
        argument: &str,
        allow_fd: bool,
        nullable: bool,
    ) -> PyResult<Self> {
        let Some(given) = object.filter(|object| !(nullable && object.is_none())) else {
            return Ok(Path { object, text: c".".to_owned(), fd: None, is_bytes: false });
        };
        let prefix = if function.is_empty() { String::new() } else { format!("{function}: ") };
        let wrong = || {
            let allowed = match (allow_fd, nullable) {
                (true, true) => "string, bytes, os.PathLike, integer or None",
                (true, false) => "string, bytes, os.PathLike or integer",
                (false, true) => "string, bytes, os.PathLike or None",
                (false, false) => "string, bytes or os.PathLike",
            };
            raise!(py, TypeError, "{prefix}{argument} should be {allowed}, not {}", given.ty().name())
        };
        let owned;
        let (bytes, is_bytes) = if let Some(text) = given.downcast::<Str>() {
            (text.to_fs_bytes(py)?, false)
        } else if let Some(bytes) = given.downcast::<Bytes>() {
            (bytes.as_slice().to_vec(), true)
        } else if allow_fd && given.has_index() {
            warn_bool(py, given)?;
            let fd = given.index(py)?.to_i64();
            let fd = match fd.map(c_int::try_from) {
                Some(Ok(fd)) => fd,
                _ => {
                    let word = if fd.is_some_and(|fd| fd < 0) { "less than minimum" } else { "greater than maximum" };
                    return Err(raise!(py, OverflowError, "fd is {word}"));
                }
            };
            return Ok(Path { object, text: CString::default(), fd: Some(fd), is_bytes: false });
        } else {
            owned = fspath_opt(py, given)?.ok_or_else(wrong)?;
            match (*owned).downcast::<Str>() {
                Some(text) => (text.to_fs_bytes(py)?, false),
                None => match (*owned).downcast::<Bytes>() {
                    Some(bytes) => (bytes.as_slice().to_vec(), true),
                    None => return Err(wrong()),
                },
            }
        };
        let text =
            CString::new(bytes).map_err(|_| raise!(py, ValueError, "{prefix}embedded null character in {argument}"))?;
        Ok(Path { object, text, fd: None, is_bytes })
    }

    /// The path for C.
    pub fn ptr(&self) -> *const std::ffi::c_char {
        self.text.as_ptr()
    }

    /// `OSError` with the path as it was given.
    pub fn error(&self, py: Attached<'_>, errno: c_int) -> Raised {
        raise_os_error_with(py, errno, self.object, None)
    }

    /// A result of the path's kind: bytes for bytes, text otherwise.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn result(&self, py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Object>> {
        if self.is_bytes { Ok(Bytes::new(py, bytes)?.upcast()) } else { fs_text(py, bytes) }
    }
}

/// A `dir_fd` argument; `AT_FDCWD` when it is absent.
///
/// # Errors
/// `TypeError`, `OverflowError`.
pub fn dir_fd_arg(py: Attached<'_>, object: Option<&Object>) -> PyResult<c_int> {
    let Some(object) = given(object) else { return Ok(libc::AT_FDCWD) };
    if !object.has_index() {
        return Err(raise!(py, TypeError, "argument should be integer or None, not {}", object.ty().name()));
    }
    warn_bool(py, object)?;
    match object.index(py)?.to_i64() {
        Some(fd) if c_int::try_from(fd).is_ok() => Ok(fd as c_int),
        Some(fd) if fd < 0 => Err(raise!(py, OverflowError, "fd is less than minimum")),
        _ => Err(raise!(py, OverflowError, "fd is greater than maximum")),
    }
}

/// Adds a table of integers to a module.
///
/// # Errors
/// `MemoryError`.
pub fn add_ints(py: Attached<'_>, module: &Module, table: &[(&str, i64)]) -> PyResult<()> {
    for (name, value) in table {
        module.add(py, name, Int::from_i64(py, *value)?.as_object())?;
    }
    Ok(())
}

/// A dict of names and numbers.
///
/// # Errors
/// `MemoryError`.
pub fn int_dict(py: Attached<'_>, table: &[(&str, i64)]) -> PyResult<Ref<Dict>> {
    let dict = Dict::new(py)?;
    for (name, value) in table {
        dict.set_str(py, name, Int::from_i64(py, *value)?.as_object())?;
    }
    Ok(dict)
}

/// Makes a static type ready and adds it to a module under `name`.
///
/// # Errors
/// What readying raises.
pub fn add_type<T: StaticType>(py: Attached<'_>, module: &Module, name: &str) -> PyResult<()> {
    let ty = link_static::<T>();
    ty.ready(py)?;
    module.add(py, name, ty.as_object())
}

/// Makes a static type ready without a name in the module.
///
/// # Errors
/// What readying raises.
pub fn ready_type<T: StaticType>(py: Attached<'_>) -> PyResult<()> {
    link_static::<T>().ready(py)
}

/// A tuple of values.
///
/// # Errors
/// `MemoryError`.
pub fn tuple(py: Attached<'_>, values: Vec<Ref<Object>>) -> PyResult<Ref<Tuple>> {
    Tuple::from_vec(py, values)
}

/// Values as objects, for [`tuple`] and struct sequences: `objects!(py; 1, "a", value)`.
#[macro_export]
macro_rules! objects {
    ($py:expr; $($value:expr),* $(,)?) => {
        vec![$(krait_object::IntoObject::into_object($value, $py)?),*]
    };
}

/// One value as an object.
///
/// # Errors
/// `MemoryError`.
pub fn object(py: Attached<'_>, value: impl IntoObject) -> PyResult<Ref<Object>> {
    value.into_object(py)
}

/// A user or group number as the manual prints it: -1 for "unchanged".
///
/// # Errors
/// `TypeError`, `OverflowError`.
pub fn id_arg(py: Attached<'_>, object: &Object, what: &str) -> PyResult<u32> {
    if !object.has_index() {
        return Err(raise!(py, TypeError, "{what} should be integer, not {}", object.ty().name()));
    }
    let number = object.index(py)?;
    match number.to_i64() {
        Some(-1) => Ok(u32::MAX),
        Some(value) if u32::try_from(value).is_ok() => Ok(value as u32),
        Some(value) if value < 0 => Err(raise!(py, OverflowError, "{what} is less than minimum")),
        None if number.is_negative() => Err(raise!(py, OverflowError, "{what} is less than minimum")),
        _ => Err(raise!(py, OverflowError, "{what} is greater than maximum")),
    }
}

/// A user or group number as an object.
///
/// # Errors
/// `MemoryError`.
pub fn id_object(py: Attached<'_>, id: u32) -> PyResult<Ref<Object>> {
    if id == u32::MAX { (-1).into_object(py) } else { i64::from(id).into_object(py) }
}

/// Seconds and nanoseconds from a number of seconds, rounded down.
///
/// # Errors
/// `TypeError`, `OverflowError`, `ValueError` for NaN.
pub fn split_seconds(py: Attached<'_>, object: &Object) -> PyResult<(i64, i64)> {
    if let Some(float) = object.downcast::<krait_object::Float>() {
        let value = float.value();
        if value.is_nan() {
            return Err(raise!(py, ValueError, "Invalid value NaN (not a number)"));
        }
        let whole = value.floor();
        if !(-9.223_372_036_854_775e18..9.223_372_036_854_775e18).contains(&whole) {
            return Err(raise!(py, OverflowError, "timestamp out of range for platform time_t"));
        }
        let nanos = ((value - whole) * 1e9).floor() as i64;
        return Ok(if nanos >= 1_000_000_000 {
            (whole as i64 + 1, nanos - 1_000_000_000)
        } else {
            (whole as i64, nanos)
        });
    }
    if !object.has_index() {
        return Err(raise!(py, TypeError, "argument must be int or float, not {}", object.ty().name()));
    }
    match object.index(py)?.to_i64() {
        Some(whole) => Ok((whole, 0)),
        None => Err(raise!(py, OverflowError, "timestamp out of range for platform time_t")),
    }
}

/// `class[item]` for types that only serve annotations that way.
///
/// # Errors
/// `MemoryError`.
pub fn generic_alias(py: Attached<'_>, ty: &krait_object::Type, item: &Object) -> PyResult<Ref<Object>> {
    krait_object::genericaliasobject::class_getitem(py, ty, item)
}

/// Adds the capsule through which C code finds a module's types and functions: the address of a table.
pub fn add_table(
    py: Attached<'_>,
    module: &Module,
    attribute: &str,
    name: &'static CStr,
    table: &'static [AtomicPtr<c_void>],
) -> PyResult<()> {
    let capsule = Capsule::new(py, table.as_ptr().cast_mut().cast(), name.as_ptr(), None)?;
    module.add(py, attribute, capsule.as_object())
}
