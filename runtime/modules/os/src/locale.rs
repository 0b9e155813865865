//! `_locale`.
use crate::linux;
use crate::util::*;
use krait_object::{
    Attached, Dict, IntoObject, Layout, List, Module, Object, PyResult, Ref, Str, exc, functions, raise,
};
use std::ffi::{CStr, c_char};

type Opt<'a> = Option<&'a Object>;

/// The encoding of the locale.
pub fn encoding() -> String {
    // SAFETY: a static string of the C library.
    let name = unsafe { CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) }.to_string_lossy().into_owned();
    // Without a locale the C library says ASCII; text is UTF-8 then, as the manual has it for the C locale.
    if name.is_empty() || name == "ANSI_X3.4-1968" { "UTF-8".to_owned() } else { name }
}

/// Text in the locale's encoding.
///
/// # Safety
/// `text` is null or a C string.
unsafe fn text(py: Attached<'_>, text: *const c_char) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe { c_text(py, text) }
}

fn error(py: Attached<'_>, message: &str) -> krait_object::Raised {
    match (krait_object::hooks::hooks().import)(py, "_locale")
        .and_then(|module| module.get_attr(py, krait_object::id!(py, Error)))
    {
        Ok(class) => match (*class).downcast::<krait_object::Type>() {
            Some(class) => py.raise(class, message),
            None => py.bad_internal_call(),
        },
        Err(raised) => raised,
    }
}

fn setlocale(py: Attached<'_>, _: &Object, [category, locale]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let category = int_arg(py, need(py, category)?)?;
    if !(libc::LC_CTYPE..=libc::LC_IDENTIFICATION).contains(&category) {
        return Err(error(py, "invalid locale category"));
    }
    let name = given(locale).map(|locale| fs_bytes(py, locale)).transpose()?;
    // SAFETY: a C string or null.
    unsafe {
        let result = libc::setlocale(category, name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr()));
        if result.is_null() {
            return Err(error(py, if name.is_some() { "unsupported locale setting" } else { "locale query failed" }));
        }
        text(py, result)
    }
}

/// Group sizes as `localeconv` lists them.
///
/// # Safety
/// `sizes` is a C string.
unsafe fn grouping(py: Attached<'_>, sizes: *const c_char) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    let bytes = unsafe { CStr::from_ptr(sizes) }.to_bytes();
    let mut items = Vec::new();
    for size in bytes {
        items.push(i64::from(*size).into_object(py)?);
        if *size == c_char::MAX as u8 {
            return Ok(List::from_vec(py, items)?.upcast());
        }
    }
    if !items.is_empty() {
        items.push(0.into_object(py)?);
    }
    Ok(List::from_vec(py, items)?.upcast())
}

fn localeconv(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let dict = Dict::new(py)?;
    // SAFETY: the C library's own struct of C strings.
    unsafe {
        let conv = &*libc::localeconv();
        for (name, value) in [
            ("decimal_point", conv.decimal_point),
            ("thousands_sep", conv.thousands_sep),
            ("int_curr_symbol", conv.int_curr_symbol),
            ("currency_symbol", conv.currency_symbol),
            ("mon_decimal_point", conv.mon_decimal_point),
            ("mon_thousands_sep", conv.mon_thousands_sep),
            ("positive_sign", conv.positive_sign),
            ("negative_sign", conv.negative_sign),
        ] {
            dict.set_str(py, name, &*text(py, value)?)?;
        }
        dict.set_str(py, "grouping", &*grouping(py, conv.grouping)?)?;
        dict.set_str(py, "mon_grouping", &*grouping(py, conv.mon_grouping)?)?;
        for (name, value) in [
            ("int_frac_digits", conv.int_frac_digits),
            ("frac_digits", conv.frac_digits),
            ("p_cs_precedes", conv.p_cs_precedes),
            ("p_sep_by_space", conv.p_sep_by_space),
            ("n_cs_precedes", conv.n_cs_precedes),
            ("n_sep_by_space", conv.n_sep_by_space),
            ("p_sign_posn", conv.p_sign_posn),
            ("n_sign_posn", conv.n_sign_posn),
        ] {
            dict.set_str(py, name, &*i64::from(value).into_object(py)?)?;
        }
    }
    Ok(dict)
}

fn wide(py: Attached<'_>, object: &Object, place: &str) -> PyResult<Vec<libc::wchar_t>> {
    let Some(text) = object.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "{place} must be str, not {}", object.ty().name()));
    };
    let mut points: Vec<libc::wchar_t> = text.code_points().map(|point| point as libc::wchar_t).collect();
    if points.contains(&0) {
        return Err(raise!(py, ValueError, "embedded null character"));
    }
    points.push(0);
    Ok(points)
}

unsafe extern "C" {
    fn wcscoll(a: *const libc::wchar_t, b: *const libc::wchar_t) -> i32;
    fn wcsxfrm(to: *mut libc::wchar_t, from: *const libc::wchar_t, size: usize) -> usize;
    fn gettext(id: *const c_char) -> *mut c_char;
    fn dgettext(domain: *const c_char, id: *const c_char) -> *mut c_char;
    fn dcgettext(domain: *const c_char, id: *const c_char, category: i32) -> *mut c_char;
    fn textdomain(domain: *const c_char) -> *mut c_char;
    fn bindtextdomain(domain: *const c_char, dir: *const c_char) -> *mut c_char;
    fn bind_textdomain_codeset(domain: *const c_char, codeset: *const c_char) -> *mut c_char;
}

fn strcoll(py: Attached<'_>, _: &Object, [a, b]: [Opt<'_>; 2]) -> PyResult<i32> {
    let (a, b) = (wide(py, need(py, a)?, "strcoll() argument 1")?, wide(py, need(py, b)?, "strcoll() argument 2")?);
    // SAFETY: terminated arrays.
    Ok(unsafe { wcscoll(a.as_ptr(), b.as_ptr()) })
}

fn strxfrm(py: Attached<'_>, _: &Object, [string]: [Opt<'_>; 1]) -> PyResult<Ref<Str>> {
    let from = wide(py, need(py, string)?, "strxfrm() argument 1")?;
    // SAFETY: terminated arrays; the buffer is as long as stated.
    unsafe {
        let len = wcsxfrm(std::ptr::null_mut(), from.as_ptr(), 0);
        if len > from.len() * 64 + 1024 {
            return Err(krait_object::exceptions::raise_os_error(py, libc::EINVAL));
        }
        krait_object::reserve::need(py, len.saturating_mul(8))?;
        let mut to = vec![0; len + 1];
        wcsxfrm(to.as_mut_ptr(), from.as_ptr(), len + 1);
        let points: Vec<u32> = to[..len].iter().map(|unit| (*unit as u32).min(0x10_ffff)).collect();
        Str::from_code_points(py, &points)
    }
}

fn nl_langinfo(py: Attached<'_>, _: &Object, key: &Object) -> PyResult<Ref<Object>> {
    let key = int_arg(py, key)?;
    if !linux::LOCALE.iter().any(|(name, value)| *value == i64::from(key) && !name.starts_with("LC_")) {
        return Err(raise!(py, ValueError, "unsupported langinfo constant"));
    }
    // SAFETY: a known key gives a C string.
    unsafe { text(py, libc::nl_langinfo(key)) }
}

fn get_encoding(_: Attached<'_>, _: &Object) -> String {
    encoding()
}

fn optional(py: Attached<'_>, object: Opt<'_>) -> PyResult<Option<std::ffi::CString>> {
    given(object).map(|object| fs_bytes(py, object)).transpose()
}

fn pointer(text: &Option<std::ffi::CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

fn py_gettext(py: Attached<'_>, _: &Object, message: &Object) -> PyResult<Ref<Object>> {
    let message = fs_bytes(py, message)?;
    // SAFETY: C strings.
    unsafe { text(py, gettext(message.as_ptr())) }
}

fn py_dgettext(py: Attached<'_>, _: &Object, [domain, message]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let (domain, message) = (optional(py, domain)?, fs_bytes(py, need(py, message)?)?);
    // SAFETY: C strings.
    unsafe { text(py, dgettext(pointer(&domain), message.as_ptr())) }
}

fn py_dcgettext(py: Attached<'_>, _: &Object, [domain, message, category]: [Opt<'_>; 3]) -> PyResult<Ref<Object>> {
    let (domain, message) = (optional(py, domain)?, fs_bytes(py, need(py, message)?)?);
    let category = int_arg(py, need(py, category)?)?;
    // SAFETY: C strings.
    unsafe { text(py, dcgettext(pointer(&domain), message.as_ptr(), category)) }
}

fn py_textdomain(py: Attached<'_>, _: &Object, domain: &Object) -> PyResult<Ref<Object>> {
    let domain = optional(py, Some(domain))?;
    // SAFETY: C strings.
    unsafe { text(py, textdomain(pointer(&domain))) }
}

fn py_bindtextdomain(py: Attached<'_>, _: &Object, [domain, dir]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let (domain, dir) = (fs_bytes(py, need(py, domain)?)?, optional(py, dir)?);
    if domain.is_empty() {
        return Err(error(py, "domain must be a non-empty string"));
    }
    // SAFETY: C strings.
    unsafe { text(py, bindtextdomain(domain.as_ptr(), pointer(&dir))) }
}

fn py_bind_codeset(py: Attached<'_>, _: &Object, [domain, codeset]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let (domain, codeset) = (fs_bytes(py, need(py, domain)?)?, optional(py, codeset)?);
    // SAFETY: C strings.
    unsafe { text(py, bind_textdomain_codeset(domain.as_ptr(), pointer(&codeset))) }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "setlocale" => setlocale, "($module, category, locale=None, /)", "Sets or names the locale.";
        noargs "localeconv" => localeconv, "($module, /)", "How numbers and money are written.";
        sig "strcoll" => strcoll, "($module, os1, os2, /)", "Compares text by the locale.";
        sig "strxfrm" => strxfrm, "($module, string, /)", "A key that compares by the locale.";
        o "nl_langinfo" => nl_langinfo, "($module, key, /)", "A text of the locale.";
        noargs "getencoding" => get_encoding, "($module, /)", "The locale's encoding.";
        o "gettext" => py_gettext, "($module, msg, /)", "A message's translation.";
        sig "dgettext" => py_dgettext, "($module, domain, msg, /)", "A message's translation in a domain.";
        sig "dcgettext" => py_dcgettext, "($module, domain, msg, category, /)", "A message's translation in a domain and category.";
        o "textdomain" => py_textdomain, "($module, domain, /)", "Sets the domain.";
        sig "bindtextdomain" => py_bindtextdomain, "($module, domain, dir, /)", "Sets a domain's directory.";
        sig "bind_textdomain_codeset" => py_bind_codeset, "($module, domain, codeset, /)", "Sets a domain's encoding.";
    })?;
    add_ints(py, module, linux::LOCALE)?;
    let dict = Dict::new(py)?;
    dict.set_str(py, "__module__", Str::new(py, "locale")?.as_object())?;
    let bases = krait_object::Tuple::from_slice(py, &[exc::Exception().as_object()])?;
    let class = krait_object::Type::type_object()
        .as_object()
        .call_pos(py, &[Str::new(py, "Error")?.as_object(), bases.as_object(), dict.as_object()])?;
    module.add(py, "Error", &class)
}
