//! `pwd` and `grp`: users and groups.
use crate::objects;
use crate::util::*;
use krait_object::{
    Attached, IntoObject, Layout, List, Module, Object, PyResult, Ref, Str, StructSeq, Tuple, exc, functions, raise,
};
use std::ffi::CString;

static PASSWD: StructSeq = StructSeq::new(
    "pwd.struct_passwd",
    "A user's entry.",
    &[
        ("pw_name", "user name"),
        ("pw_passwd", "password"),
        ("pw_uid", "user id"),
        ("pw_gid", "group id"),
        ("pw_gecos", "real name"),
        ("pw_dir", "home directory"),
        ("pw_shell", "shell program"),
    ],
);

static GROUP: StructSeq = StructSeq::new(
    "grp.struct_group",
    "A group's entry.",
    &[("gr_name", "group name"), ("gr_passwd", "password"), ("gr_gid", "group id"), ("gr_mem", "group members")],
);

/// # Safety
/// The struct is filled.
unsafe fn user(py: Attached<'_>, entry: &libc::passwd) -> PyResult<Ref<Tuple>> {
    // SAFETY: its fields are C strings.
    unsafe {
        PASSWD.make(
            py,
            objects!(
                py; c_text(py, entry.pw_name)?, c_text(py, entry.pw_passwd)?, id_object(py, entry.pw_uid)?,
                id_object(py, entry.pw_gid)?, c_text(py, entry.pw_gecos)?, c_text(py, entry.pw_dir)?,
                c_text(py, entry.pw_shell)?
            ),
        )
    }
}

/// # Safety
/// The struct is filled.
unsafe fn group(py: Attached<'_>, entry: &libc::group) -> PyResult<Ref<Tuple>> {
    // SAFETY: its fields are C strings; the members end with null.
    unsafe {
        let mut members = Vec::new();
        let mut at = entry.gr_mem;
        while !at.is_null() && !(*at).is_null() {
            members.push(c_text(py, *at)?);
            at = at.add(1);
        }
        let members = List::from_vec(py, members)?;
        GROUP.make(
            py,
            objects!(
                py; c_text(py, entry.gr_name)?, c_text(py, entry.gr_passwd)?, id_object(py, entry.gr_gid)?, members
            ),
        )
    }
}

/// Calls a `get.._r` function with growing buffers; whether an entry was found.
fn lookup(
    py: Attached<'_>,
    mut call: impl FnMut(*mut std::ffi::c_char, usize) -> (i32, bool),
) -> PyResult<(bool, Vec<u8>)> {
    let mut size = 1024;
    loop {
        let mut buffer = vec![0u8; size];
        let (error, found) = crate::vm::without(py, || call(buffer.as_mut_ptr().cast(), size));
        match error {
            libc::ERANGE if size < 1 << 20 => size *= 4,
            _ => return Ok((found, buffer)),
        }
    }
}

fn name_arg(py: Attached<'_>, function: &str, name: &Object) -> PyResult<CString> {
    if name.downcast::<Str>().is_none() {
        return Err(raise!(
            py,
            TypeError,
            "{function}() argument must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    }
    fs_bytes(py, name)
}

fn key_error(py: Attached<'_>, message: String) -> krait_object::Raised {
    match message.into_object(py) {
        Ok(message) => py.raise_value(exc::KeyError(), &message),
        Err(raised) => raised,
    }
}

fn getpwnam(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<Ref<Tuple>> {
    let text = name_arg(py, "getpwnam", name)?;
    // SAFETY: plain data, filled by a successful call.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let (found, _buffer) = lookup(py, |buffer, size| {
        let mut result = std::ptr::null_mut();
        // SAFETY: the buffer is as long as stated.
        let error = unsafe { libc::getpwnam_r(text.as_ptr(), &raw mut entry, buffer, size, &raw mut result) };
        (error, !result.is_null())
    })?;
    if !found {
        return Err(key_error(py, format!("getpwnam(): name not found: {}", name.repr(py)?)));
    }
    // SAFETY: found.
    unsafe { user(py, &entry) }
}

fn getpwuid(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<Ref<Tuple>> {
    let missing = |py, shown: String| key_error(py, format!("getpwuid(): uid not found: {shown}"));
    let number = match id_arg(py, id, "uid") {
        Ok(number) => number,
        Err(raised) if raised.matches(py, exc::OverflowError()) => {
            raised.clear(py);
            return Err(missing(py, id.str(py)?.to_string()));
        }
        Err(raised) => return Err(raised),
    };
    // SAFETY: plain data, filled by a successful call.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let (found, _buffer) = lookup(py, |buffer, size| {
        let mut result = std::ptr::null_mut();
        // SAFETY: the buffer is as long as stated.
        let error = unsafe { libc::getpwuid_r(number, &raw mut entry, buffer, size, &raw mut result) };
        (error, !result.is_null())
    })?;
    if !found {
        return Err(missing(py, id.str(py)?.to_string()));
    }
    // SAFETY: found.
    unsafe { user(py, &entry) }
}

/// The enumeration functions share one cursor in the C library.
static CURSOR: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn getpwall(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let users = List::new(py)?;
    let _lock = CURSOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // SAFETY: the entries are read before the next call.
    unsafe {
        libc::setpwent();
        while let Some(entry) = libc::getpwent().as_ref() {
            users.push(py, user(py, entry)?.upcast())?;
        }
        libc::endpwent();
    }
    Ok(users)
}

fn getgrnam(py: Attached<'_>, _: &Object, [name]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
    let name = need(py, name)?;
    let text = name_arg(py, "getgrnam", name)?;
    // SAFETY: plain data, filled by a successful call.
    let mut entry: libc::group = unsafe { std::mem::zeroed() };
    let (found, _buffer) = lookup(py, |buffer, size| {
        let mut result = std::ptr::null_mut();
        // SAFETY: the buffer is as long as stated.
        let error = unsafe { libc::getgrnam_r(text.as_ptr(), &raw mut entry, buffer, size, &raw mut result) };
        (error, !result.is_null())
    })?;
    if !found {
        return Err(key_error(py, format!("getgrnam(): name not found: {}", name.repr(py)?)));
    }
    // SAFETY: found.
    unsafe { group(py, &entry) }
}

fn getgrgid(py: Attached<'_>, _: &Object, [id]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
    let id = need(py, id)?;
    let missing = |py, shown: String| key_error(py, format!("getgrgid(): gid not found: {shown}"));
    let number = match id_arg(py, id, "gid") {
        Ok(number) => number,
        Err(raised) if raised.matches(py, exc::OverflowError()) => {
            raised.clear(py);
            return Err(missing(py, id.str(py)?.to_string()));
        }
        Err(raised) => return Err(raised),
    };
    // SAFETY: plain data, filled by a successful call.
    let mut entry: libc::group = unsafe { std::mem::zeroed() };
    let (found, _buffer) = lookup(py, |buffer, size| {
        let mut result = std::ptr::null_mut();
        // SAFETY: the buffer is as long as stated.
        let error = unsafe { libc::getgrgid_r(number, &raw mut entry, buffer, size, &raw mut result) };
        (error, !result.is_null())
    })?;
    if !found {
        return Err(missing(py, id.str(py)?.to_string()));
    }
    // SAFETY: found.
    unsafe { group(py, &entry) }
}

fn getgrall(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let groups = List::new(py)?;
    let _lock = CURSOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // SAFETY: the entries are read before the next call.
    unsafe {
        libc::setgrent();
        while let Some(entry) = libc::getgrent().as_ref() {
            groups.push(py, group(py, entry)?.upcast())?;
        }
        libc::endgrent();
    }
    Ok(groups)
}

/// Fills `pwd`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "getpwnam" => getpwnam, "($module, name, /)", "A user's entry by name.";
            o "getpwuid" => getpwuid, "($module, uidobj, /)", "A user's entry by number.";
            noargs "getpwall" => getpwall, "($module, /)", "All users' entries.";
        },
    )?;
    module.add(py, "struct_passwd", PASSWD.ty(py)?.as_object())
}

/// Fills `grp`.
pub fn exec_grp(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "getgrnam" => getgrnam, "($module, /, name)", "A group's entry by name.";
            sig "getgrgid" => getgrgid, "($module, /, id)", "A group's entry by number.";
            noargs "getgrall" => getgrall, "($module, /)", "All groups' entries.";
        },
    )?;
    module.add(py, "struct_group", GROUP.ty(py)?.as_object())
}
