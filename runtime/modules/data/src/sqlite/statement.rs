//! Prepared statements, and the values that go into them and come out of them.
use super::connection::Connection;
use super::errors::{fail, global, misuse, raise_db, text};
use super::library::{Handle, inside};
use krait_object::native::{alloc, type_name};
use krait_object::protocols::buffer::Buffer;
use krait_object::{
    Attached, ByteArray, Bytes, Dict, Field, Float, Int, IntoObject, Layout, List, Object, PyResult, Ref, Str, Tuple,
    exc, id, pytype, raise,
};
use libsqlite3_sys as ffi;
use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

krait_object::native! {
    /// A prepared statement. The library finalizes it with the object.
    pub struct Statement { raw: Field<*mut ffi::sqlite3_stmt>, dml: Field<bool> }
}
pytype! {
    static STATEMENT: "sqlite3.Statement" for Statement {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Statement::end,
        },
    }
}

/// The text without comments and spaces at its start.
fn first_word(sql: &str) -> &str {
    let mut rest = sql.trim_start_matches([' ', '\t', '\r', '\n', '\x0C']);
    loop {
        let next = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return rest;
        };
        rest = next.trim_start_matches([' ', '\t', '\r', '\n', '\x0C', ';']);
    }
}

impl Statement {
    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn end(py: Attached<'_>, this: ptr::NonNull<Statement>) {
        // SAFETY: the object owns its statement and dies.
        unsafe {
            ffi::sqlite3_finalize(this.as_ref().raw.get());
            Statement::dealloc(py, this);
        }
    }

    /// Prepares the only statement of a text.
    pub fn make(py: Attached<'_>, db: &Handle, sql: &Str) -> PyResult<Ref<Statement>> {
        let code = sql.to_utf8(py)?;
        // SAFETY: an open database.
        let limit = unsafe { ffi::sqlite3_limit(db.0, ffi::SQLITE_LIMIT_SQL_LENGTH, -1) };
        if code.len() > limit as usize {
            return Err(fail(py, "DataError", "query string is too large"));
        }
        if code.contains('\0') {
            return Err(misuse(py, "the query contains a null character"));
        }
        let (mut raw, mut tail) = (ptr::null_mut(), ptr::null());
        // SAFETY: text and length belong together; the results go to locals.
        let result = inside(py, || unsafe {
            ffi::sqlite3_prepare_v2(db.0, code.as_ptr().cast(), code.len() as c_int, &mut raw, &mut tail)
        });
        if result != ffi::SQLITE_OK {
            // SAFETY: an open database.
            return Err(unsafe { raise_db(py, db.0) });
        }
        let this = alloc::<Statement>(py, Statement::type_object())?;
        this.raw.set(raw);
        // SAFETY: `tail` points into the text.
        let used = unsafe { tail.cast::<u8>().offset_from(code.as_ptr()) } as usize;
        let rest = code.get(used..).unwrap_or("");
        if !first_word(rest.trim_start_matches(';')).trim_matches([' ', '\t', '\n', '\r', ';']).is_empty() {
            return Err(misuse(py, "You can only execute one statement at a time."));
        }
        let word = first_word(code).as_bytes();
        let starts =
            |keyword: &str| word.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()));
        this.dml.set(["insert", "update", "delete", "replace"].into_iter().any(starts));
        Ok(this)
    }

    pub fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.get()
    }

    pub fn is_dml(&self) -> bool {
        self.dml.get()
    }

    pub fn is_busy(&self) -> bool {
        // SAFETY: the object owns its statement; null is allowed.
        !self.raw.get().is_null() && unsafe { ffi::sqlite3_stmt_busy(self.raw.get()) } != 0
    }

    pub fn is_readonly(&self) -> bool {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw.get()) != 0 }
    }

    pub fn reset(&self, py: Attached<'_>) {
        if !self.raw.get().is_null() {
            // SAFETY: the object owns its statement.
            inside(py, || unsafe { ffi::sqlite3_reset(self.raw.get()) });
        }
    }

    /// Runs the statement up to its next row or its end.
    pub fn step(&self, py: Attached<'_>) -> c_int {
        if self.raw.get().is_null() {
            return ffi::SQLITE_DONE;
        }
        // SAFETY: the object owns its statement.
        inside(py, || unsafe { ffi::sqlite3_step(self.raw.get()) })
    }

    pub fn columns(&self) -> c_int {
        match self.raw.get().is_null() {
            true => 0,
            // SAFETY: the object owns its statement.
            false => unsafe { ffi::sqlite3_column_count(self.raw.get()) },
        }
    }

    pub fn column_name(&self, column: c_int) -> String {
        // SAFETY: a column of the statement.
        unsafe { text(ffi::sqlite3_column_name(self.raw.get(), column)) }
    }

    pub fn column_type(&self, column: c_int) -> String {
        // SAFETY: a column of the statement.
        unsafe { text(ffi::sqlite3_column_decltype(self.raw.get(), column)) }
    }

    /// Binds all parameters.
    pub fn bind(&self, py: Attached<'_>, db: &Handle, parameters: &Object) -> PyResult<()> {
        let raw = self.raw.get();
        let needed = if raw.is_null() {
            0
        } else {
            // SAFETY: the object owns its statement.
            unsafe { ffi::sqlite3_clear_bindings(raw) };
            // SAFETY: as above.
            unsafe { ffi::sqlite3_bind_parameter_count(raw) }
        };
        let name_of = |at: c_int| -> Option<String> {
            // SAFETY: a parameter of the statement.
            let name = unsafe { ffi::sqlite3_bind_parameter_name(raw, at) };
            // SAFETY: a text of the library.
            (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
        };
        if is_sequence(py, parameters)? {
            let given = match parameters.downcast::<Tuple>() {
                Some(tuple) => tuple.len(),
                None => parameters.len(py)?,
            };
            if given != needed as usize {
                return Err(misuse(
                    py,
                    format_args!(
                        "Incorrect number of bindings supplied. The current statement uses {needed}, and there are {given} supplied."
                    ),
                ));
            }
            for at in 1..=needed {
                let value = item(py, parameters, at as usize - 1)?;
                if let Some(name) = name_of(at).filter(|name| !name.starts_with('?')) {
                    return Err(misuse(
                        py,
                        format_args!(
                            "Binding {at} ('{name}') is a named parameter, but you supplied a sequence which requires nameless (qmark) placeholders."
                        ),
                    ));
                }
                self.bind_one(py, db, at, &at.to_string(), &value)?;
            }
            return Ok(());
        }
        let mapping =
            parameters.downcast::<Dict>().is_some() || parameters.get_attr_opt(py, id!(py, __getitem__))?.is_some();
        if !mapping {
            return Err(misuse(py, "parameters are of unsupported type"));
        }
        for at in 1..=needed {
            let Some(name) = name_of(at) else {
                return Err(misuse(
                    py,
                    format_args!("Binding {at} has no name, but you supplied a dictionary (which has only names)."),
                ));
            };
            let key = name[1..].into_object(py)?;
            let value = match parameters.get_item(py, &key) {
                Ok(value) => value,
                Err(raised) if raised.matches(py, exc::LookupError()) => {
                    raised.clear(py);
                    return Err(misuse(
                        py,
                        format_args!("You did not supply a value for binding parameter :{}.", &name[1..]),
                    ));
                }
                Err(raised) => return Err(raised),
            };
            self.bind_one(py, db, at, &format!("':{}'", &name[1..]), &value)?;
        }
        Ok(())
    }

    fn bind_one(&self, py: Attached<'_>, db: &Handle, at: c_int, shown: &str, value: &Object) -> PyResult<()> {
        let plain = value.downcast_exact::<Int>().is_some()
            || value.downcast_exact::<Str>().is_some()
            || value.downcast_exact::<Float>().is_some()
            || value.downcast_exact::<Bytes>().is_some()
            || value.downcast_exact::<ByteArray>().is_some()
            || value.is_none();
        let plain = plain && !ADAPTS_PLAIN.load(Ordering::Relaxed);
        let adapted = match plain {
            true => value.to_ref(),
            false => adapt(py, value, &*global(py, "PrepareProtocol")?, Some(value))?,
        };
        let raw = self.raw.get();
        let too_long = |what: &str| raise!(py, OverflowError, "{what} longer than INT_MAX bytes");
        // SAFETY: a parameter of the statement; the library copies texts and bytes.
        let result = unsafe {
            if adapted.is_none() {
                ffi::sqlite3_bind_null(raw, at)
            } else if let Some(int) = (*adapted).downcast::<Int>() {
                match int.to_i64() {
                    Some(value) => ffi::sqlite3_bind_int64(raw, at, value),
                    None => return Err(raise!(py, OverflowError, "Python int too large to convert to SQLite INTEGER")),
                }
            } else if let Some(float) = (*adapted).downcast::<Float>() {
                ffi::sqlite3_bind_double(raw, at, float.value())
            } else if let Some(text) = (*adapted).downcast::<Str>() {
                let text = text.to_utf8(py)?;
                let Ok(len) = c_int::try_from(text.len()) else { return Err(too_long("string")) };
                ffi::sqlite3_bind_text(raw, at, text.as_ptr().cast(), len, ffi::SQLITE_TRANSIENT())
            } else if Buffer::is_exporter(&adapted) {
                let buffer = Buffer::contiguous(py, &adapted)?;
                let bytes = buffer.as_slice();
                let Ok(len) = c_int::try_from(bytes.len()) else { return Err(too_long("BLOB")) };
                // An empty slice has no address of its own, which would bind NULL.
                let start = if len == 0 { c"".as_ptr().cast() } else { bytes.as_ptr().cast() };
                ffi::sqlite3_bind_blob(raw, at, start, len, ffi::SQLITE_TRANSIENT())
            } else {
                let kind = type_name(&adapted);
                return Err(misuse(
                    py,
                    format_args!("Error binding parameter {shown}: type '{kind}' is not supported"),
                ));
            }
        };
        match result {
            ffi::SQLITE_OK => Ok(()),
            // SAFETY: an open database.
            _ => Err(unsafe { raise_db(py, db.0) }),
        }
    }

    /// The value of a column of the present row.
    pub fn column(&self, py: Attached<'_>, connection: &Connection, column: c_int) -> PyResult<Ref<Object>> {
        let raw = self.raw.get();
        // SAFETY: a column of the statement's present row.
        unsafe {
            match ffi::sqlite3_column_type(raw, column) {
                ffi::SQLITE_NULL => Ok(krait_object::none()),
                ffi::SQLITE_INTEGER => ffi::sqlite3_column_int64(raw, column).into_object(py),
                ffi::SQLITE_FLOAT => ffi::sqlite3_column_double(raw, column).into_object(py),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_column_text(raw, column);
                    let len = ffi::sqlite3_column_bytes(raw, column);
                    if start.is_null() {
                        return Err(py.no_memory());
                    }
                    let bytes = std::slice::from_raw_parts(start, len as usize);
                    connection.make_text(py, bytes, || self.column_name(column))
                }
                _ => Ok(self.column_bytes(py, column)?.unwrap_or_else(|| Bytes::empty().upcast())),
            }
        }
    }

    /// The bytes of a column of the present row; `None` for NULL.
    pub fn column_bytes(&self, py: Attached<'_>, column: c_int) -> PyResult<Option<Ref<Object>>> {
        let raw = self.raw.get();
        // SAFETY: a column of the statement's present row.
        unsafe {
            if ffi::sqlite3_column_type(raw, column) == ffi::SQLITE_NULL {
                return Ok(None);
            }
            let start = ffi::sqlite3_column_blob(raw, column).cast::<u8>();
            let len = ffi::sqlite3_column_bytes(raw, column) as usize;
            let bytes = if start.is_null() { &[][..] } else { std::slice::from_raw_parts(start, len) };
            Ok(Some(Bytes::new(py, bytes)?.upcast()))
        }
    }
}

/// Whether parameters are given by position.
fn is_sequence(py: Attached<'_>, parameters: &Object) -> PyResult<bool> {
    if parameters.downcast::<Tuple>().is_some() || parameters.downcast::<List>().is_some() {
        return Ok(true);
    }
    if parameters.downcast::<Dict>().is_some() || !parameters.is_sequence() {
        return Ok(false);
    }
    Ok(parameters.get_attr_opt(py, id!(py, keys))?.is_none())
}

/// A parameter by its position. An adapter may have changed the sequence meanwhile.
fn item(py: Attached<'_>, parameters: &Object, at: usize) -> PyResult<Ref<Object>> {
    let found = match (parameters.downcast::<Tuple>(), parameters.downcast::<List>()) {
        (Some(tuple), _) => tuple.get(at).map(|value| value.to_ref()),
        (_, Some(list)) => list.get(py, at),
        _ => return parameters.get_item(py, &*at.into_object(py)?),
    };
    found.ok_or_else(|| raise!(py, IndexError, "list index out of range"))
}

/// Some interpreter adapts values of the types that SQLite takes as they are.
static ADAPTS_PLAIN: AtomicBool = AtomicBool::new(false);

/// Notes that an adapter was registered for a type.
pub fn note_adapter(kind: &Object) {
    let plain =
        [Int::type_object(), Str::type_object(), Float::type_object(), ByteArray::type_object(), Bytes::type_object()];
    if plain.iter().any(|ty| kind.is(*ty)) {
        ADAPTS_PLAIN.store(true, Ordering::Relaxed);
    }
}

/// `adapt()`: what an object becomes for a protocol.
pub fn adapt(py: Attached<'_>, value: &Object, protocol: &Object, otherwise: Option<&Object>) -> PyResult<Ref<Object>> {
    let adapters = global(py, "adapters")?;
    let key = Tuple::from_slice(py, &[value.ty().as_object(), protocol])?;
    if let Some(adapters) = (*adapters).downcast::<Dict>()
        && let Some(adapter) = adapters.get(py, key.as_object())?
    {
        return adapter.call_pos(py, &[value]);
    }
    for (object, name, argument) in [(protocol, id!(py, __adapt__), value), (value, id!(py, __conform__), protocol)] {
        let Some(method) = object.get_attr_opt(py, name)? else { continue };
        match method.call_pos(py, &[argument]) {
            Ok(adapted) if !adapted.is_none() => return Ok(adapted),
            Ok(_) => {}
            Err(raised) if raised.matches(py, exc::TypeError()) => raised.clear(py),
            Err(raised) => return Err(raised),
        }
    }
    match otherwise {
        Some(otherwise) => Ok(otherwise.to_ref()),
        None => Err(misuse(py, "can't adapt")),
    }
}
