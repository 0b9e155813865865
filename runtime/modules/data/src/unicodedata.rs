//! `unicodedata`: the Unicode character database, of now and of version 3.2.
use krait_object::builtins::capsule::Capsule;
use krait_object::native::{Arg, add_type, alloc, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, IntoObject, Layout, Module, Object, PyResult, Ref, Str, functions, pytype, raise};
use krait_text::unicode::Form;
use krait_text::unicode::names::{self, Found, MAX_NAME};
use krait_text::unicode::{self as now, v3_2};
use std::ffi::{c_char, c_int};

krait_object::native! {
    /// The database of version 3.2.
    struct Ucd {}
}
pytype! {
    static UCD: "unicodedata.UCD" for Ucd {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Ucd::dealloc },
        methods: {
            sig "decimal" => decimal::<Ucd, true>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent decimal value.";
            sig "digit" => digit::<Ucd, true>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent digit value.";
            sig "numeric" => numeric::<Ucd, true>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent numeric value.";
            o "category" => category::<Ucd, true>, "($self, chr, /)", "Returns the general category assigned to the character chr as string.";
            o "bidirectional" => bidirectional::<Ucd, true>, "($self, chr, /)", "Returns the bidirectional class assigned to the character chr as string.";
            o "combining" => combining::<Ucd, true>, "($self, chr, /)", "Returns the canonical combining class assigned to the character chr as integer.";
            o "mirrored" => mirrored::<Ucd, true>, "($self, chr, /)", "Returns the mirrored property assigned to the character chr as integer.";
            o "east_asian_width" => east_asian_width::<Ucd, true>, "($self, chr, /)", "Returns the east asian width assigned to the character chr as string.";
            o "decomposition" => decomposition::<Ucd, true>, "($self, chr, /)", "Returns the character decomposition mapping assigned to the character chr as string.";
            sig "name" => name::<Ucd, true>, "($self, chr, default=<unrepresentable>, /)", "Returns the name assigned to the character chr as a string.";
            o "lookup" => lookup::<Ucd, true>, "($self, name, /)", "Look up character by name.";
            sig "is_normalized" => is_normalized::<Ucd, true>, "($self, form, unistr, /)", "Return whether the Unicode string unistr is in the normal form 'form'.";
            sig "normalize" => normalized::<Ucd, true>, "($self, form, unistr, /)", "Return the normal form 'form' for the Unicode string unistr.";
        },
        getset: {
            "unidata_version" => |_: Attached<'_>, _: &Ucd| "3.2.0", "The version of the database.";
        },
    }
}

/// The character that an argument is; `number` stands in messages when there are other arguments.
fn character(py: Attached<'_>, function: &str, number: &str, arg: &Object) -> PyResult<u32> {
    match arg.downcast::<Str>() {
        Some(text) if text.len() == 1 => Ok(text.char_at(0)),
        Some(text) => {
            let len = text.len();
            Err(raise!(
                py,
                TypeError,
                "{function}(): argument{number} must be a unicode character, not a string of length {len}"
            ))
        }
        None => {
            let name = krait_object::builtins::textargs::arg_type(arg);
            Err(raise!(py, TypeError, "{function}() argument{number} must be a unicode character, not {name}"))
        }
    }
}

/// A value, the default, or an error.
fn or_default(
    py: Attached<'_>,
    value: Option<impl IntoObject>,
    default: Arg<'_>,
    message: &str,
) -> PyResult<Ref<Object>> {
    match (value, default) {
        (Some(value), _) => value.into_object(py),
        (None, Some(default)) => Ok(default.to_ref()),
        (None, None) => Err(raise!(py, ValueError, "{message}")),
    }
}

fn decimal<T, const OLD: bool>(py: Attached<'_>, _: &T, [chr, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let cp = character(py, "decimal", " 1", required(py, chr)?)?;
    or_default(py, if OLD { v3_2::decimal(cp) } else { now::decimal(cp) }, default, "not a decimal")
}

fn digit<T, const OLD: bool>(py: Attached<'_>, _: &T, [chr, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let cp = character(py, "digit", " 1", required(py, chr)?)?;
    or_default(py, if OLD { v3_2::digit(cp) } else { now::digit(cp) }, default, "not a digit")
}

fn numeric<T, const OLD: bool>(py: Attached<'_>, _: &T, [chr, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let cp = character(py, "numeric", " 1", required(py, chr)?)?;
    or_default(py, if OLD { v3_2::numeric(cp) } else { now::numeric(cp) }, default, "not a numeric character")
}

fn category<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<&'static str> {
    let cp = character(py, "category", "", chr)?;
    Ok(if OLD { v3_2::category(cp) } else { now::category(cp) })
}

fn bidirectional<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<&'static str> {
    let cp = character(py, "bidirectional", "", chr)?;
    Ok(if OLD { v3_2::bidirectional(cp) } else { now::bidirectional(cp) })
}

fn combining<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<u8> {
    let cp = character(py, "combining", "", chr)?;
    Ok(if OLD { v3_2::combining(cp) } else { now::combining(cp) })
}

fn mirrored<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<u8> {
    let cp = character(py, "mirrored", "", chr)?;
    Ok(u8::from(if OLD { v3_2::mirrored(cp) } else { now::mirrored(cp) }))
}

fn east_asian_width<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<&'static str> {
    let cp = character(py, "east_asian_width", "", chr)?;
    Ok(if OLD { v3_2::east_asian_width(cp) } else { now::east_asian_width(cp) })
}

fn decomposition<T, const OLD: bool>(py: Attached<'_>, _: &T, chr: &Object) -> PyResult<String> {
    let cp = character(py, "decomposition", "", chr)?;
    let (tag, parts) = if OLD { v3_2::decomposition(cp) } else { now::decomposition(cp) };
    let words = Some(tag.to_owned()).filter(|tag| !tag.is_empty()).into_iter();
    Ok(words.chain(parts.iter().map(|part| format!("{part:04X}"))).collect::<Vec<_>>().join(" "))
}

fn name<T, const OLD: bool>(py: Attached<'_>, _: &T, [chr, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let cp = character(py, "name", " 1", required(py, chr)?)?;
    let name = if OLD && v3_2::is_unassigned(cp) { None } else { names::name(cp) };
    or_default(py, name, default, "no such name")
}

fn lookup<T, const OLD: bool>(py: Attached<'_>, _: &T, wanted: &Object) -> PyResult<Ref<Str>> {
    let wanted = match wanted.downcast::<Str>() {
        Some(text) => text.to_utf8(py)?.to_owned(),
        None => String::from_utf8_lossy(BytesArg::new(py, wanted)?.as_slice()).into_owned(),
    };
    if wanted.len() > MAX_NAME {
        return Err(raise!(py, KeyError, "name too long"));
    }
    match names::lookup(&wanted) {
        Some(Found::Char(cp)) if !OLD || names::name(cp).is_some_and(|name| name.eq_ignore_ascii_case(&wanted)) => {
            Str::from_char(py, cp)
        }
        Some(Found::Sequence(points)) if !OLD => Str::from_code_points(py, points),
        _ => Err(raise!(py, KeyError, "undefined character name '{wanted}'")),
    }
}

/// The arguments of `normalize` and `is_normalized`; the form is checked later.
fn form_and_text<'a>(
    py: Attached<'_>,
    function: &str,
    [form, text]: [Arg<'a>; 2],
) -> PyResult<(Option<Form>, &'a Str)> {
    let mut given = [None; 2];
    for (at, arg) in [form, text].into_iter().enumerate() {
        let arg = required(py, arg)?;
        given[at] = match arg.downcast::<Str>() {
            None => {
                let name = krait_object::builtins::textargs::arg_type(arg);
                return Err(raise!(py, TypeError, "{function}() argument {} must be str, not {name}", at + 1));
            }
            text => text,
        };
    }
    let [Some(form), Some(text)] = given else { return Err(py.bad_internal_call()) };
    Ok((Form::parse(&form.to_string_lossy()), text))
}

fn invalid_form(py: Attached<'_>) -> krait_object::Raised {
    raise!(py, ValueError, "invalid normalization form")
}

fn is_normalized<T, const OLD: bool>(py: Attached<'_>, _: &T, args: [Arg<'_>; 2]) -> PyResult<bool> {
    let (form, text) = form_and_text(py, "is_normalized", args)?;
    if text.is_empty() {
        return Ok(true);
    }
    let form = form.ok_or_else(|| invalid_form(py))?;
    let points = text.to_code_points();
    Ok(if OLD { now::normalize_3_2(form, &points) == points } else { now::is_normalized(form, &points) })
}

fn normalized<T, const OLD: bool>(py: Attached<'_>, _: &T, args: [Arg<'_>; 2]) -> PyResult<Ref<Str>> {
    let (form, text) = form_and_text(py, "normalize", args)?;
    if text.is_empty() {
        return text.to_exact(py);
    }
    let form = form.ok_or_else(|| invalid_form(py))?;
    if !OLD && text.is_ascii() {
        return text.to_exact(py);
    }
    // The code points, their decomposition with classes, and the result.
    krait_object::reserve::need(py, text.len().saturating_mul(24))?;
    let points = text.to_code_points();
    let new = if OLD { Some(now::normalize_3_2(form, &points)) } else { now::normalize(form, &points) };
    match new {
        Some(new) => Str::from_code_points(py, &new),
        None => text.to_exact(py),
    }
}

/// What C code finds in the capsule `unicodedata._ucnhash_CAPI`: names of characters and characters of names.
#[repr(C)]
struct NameTable {
    /// Writes the name of a code point with a NUL; 1 when it has one that fits.
    getname: unsafe extern "C" fn(u32, *mut c_char, c_int, c_int) -> c_int,
    /// Finds the code point of a name; 1 when there is one.
    getcode: unsafe extern "C" fn(*const c_char, c_int, *mut u32, c_int) -> c_int,
}

static NAMES: NameTable = NameTable { getname: name_for_c, getcode: code_for_c };

unsafe extern "C" fn name_for_c(point: u32, buffer: *mut c_char, room: c_int, _with_aliases: c_int) -> c_int {
    match names::name(point) {
        Some(name) if (name.len() as i64) < i64::from(room) => {
            // SAFETY: the caller's buffer has that much room.
            unsafe {
                std::ptr::copy_nonoverlapping(name.as_ptr(), buffer.cast(), name.len());
                *buffer.add(name.len()) = 0;
            }
            1
        }
        _ => 0,
    }
}

unsafe extern "C" fn code_for_c(name: *const c_char, len: c_int, code: *mut u32, _with_sequences: c_int) -> c_int {
    // SAFETY: the caller passes that many bytes.
    let name = unsafe { std::slice::from_raw_parts(name.cast::<u8>(), len.max(0) as usize) };
    match std::str::from_utf8(name).ok().and_then(names::lookup) {
        Some(Found::Char(point)) => {
            // SAFETY: a place of the caller's.
            unsafe { *code = point };
            1
        }
        _ => 0,
    }
}

/// Fills `unicodedata`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "decimal" => decimal::<Object, false>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent decimal value.";
            sig "digit" => digit::<Object, false>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent digit value.";
            sig "numeric" => numeric::<Object, false>, "($self, chr, default=<unrepresentable>, /)", "Converts a Unicode character into its equivalent numeric value.";
            o "category" => category::<Object, false>, "($self, chr, /)", "Returns the general category assigned to the character chr as string.";
            o "bidirectional" => bidirectional::<Object, false>, "($self, chr, /)", "Returns the bidirectional class assigned to the character chr as string.";
            o "combining" => combining::<Object, false>, "($self, chr, /)", "Returns the canonical combining class assigned to the character chr as integer.";
            o "mirrored" => mirrored::<Object, false>, "($self, chr, /)", "Returns the mirrored property assigned to the character chr as integer.";
            o "east_asian_width" => east_asian_width::<Object, false>, "($self, chr, /)", "Returns the east asian width assigned to the character chr as string.";
            o "decomposition" => decomposition::<Object, false>, "($self, chr, /)", "Returns the character decomposition mapping assigned to the character chr as string.";
            sig "name" => name::<Object, false>, "($self, chr, default=<unrepresentable>, /)", "Returns the name assigned to the character chr as a string.";
            o "lookup" => lookup::<Object, false>, "($self, name, /)", "Look up character by name.";
            sig "is_normalized" => is_normalized::<Object, false>, "($self, form, unistr, /)", "Return whether the Unicode string unistr is in the normal form 'form'.";
            sig "normalize" => normalized::<Object, false>, "($self, form, unistr, /)", "Return the normal form 'form' for the Unicode string unistr.";
        },
    )?;
    add_type::<Ucd>(py, module, "UCD")?;
    let table = std::ptr::from_ref(&NAMES).cast_mut().cast();
    let table = Capsule::new(py, table, c"unicodedata._ucnhash_CAPI".as_ptr(), None)?;
    module.add(py, "_ucnhash_CAPI", table.as_object())?;
    module.add(py, "unidata_version", &*"16.0.0".into_object(py)?)?;
    module.add(py, "ucd_3_2_0", alloc::<Ucd>(py, Ucd::type_object())?.as_object())
}
