//! `Cursor` and `Row`.
use super::connection::Connection;
use super::errors::{global, misuse, raise_db};
use super::library::Handle;
use super::statement::Statement;
use krait_object::args::{Args, Signature, as_borrowed};
use krait_object::layout::PyObject;
use krait_object::native::{Arg, alloc, part};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Dict, Field, Int, IntoObject, Layout, List, Object, PyResult, Ref, Slot, Str, Tuple, Type,
    not_implemented, pytype, raise,
};
use libsqlite3_sys as ffi;
use std::mem::offset_of;
use std::sync::Arc;

const PARSE_DECLTYPES: i32 = 1;
const PARSE_COLNAMES: i32 = 2;

krait_object::native! {
    /// `Cursor`.
    pub struct Cursor {
        connection: Slot<Connection>,
        description: Slot,
        lastrowid: Slot,
        row_factory: Slot,
        statement: Slot<Statement>,
        /// A converter or `None` for each column, if types are detected.
        converters: Slot<Tuple>,
        rowcount: Field<i64>,
        arraysize: Field<i64>,
        ready: Field<bool>,
        closed: Field<bool>,
        /// A method of the cursor is running.
        running: Field<bool>,
        weaklist: Field<*mut PyObject>,
    }
}

/// Marks a cursor as running as long as it lives.
struct Running<'a>(&'a Cursor);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.set(false);
    }
}

/// The first word of a declared type, in the case that converters are registered under.
fn type_word(text: &str) -> String {
    text.split([' ', '(', '\0']).next().unwrap_or("").to_uppercase()
}

impl Cursor {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Cursor>> {
        let this = alloc::<Cursor>(py, ty)?;
        this.rowcount.set(-1);
        this.arraysize.set(1);
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &Cursor, args: Args<'_>) -> PyResult<()> {
        let [connection] = args.unpack(py, "Cursor", 1, 1)? else { return Err(py.bad_internal_call()) };
        let Some(connection) = connection.downcast::<Connection>() else {
            let kind = krait_object::builtins::textargs::arg_type(connection);
            return Err(raise!(py, TypeError, "Cursor() argument 1 must be sqlite3.Connection, not {kind}"));
        };
        if this.running.get() {
            return Err(misuse(py, "Recursive use of cursors not allowed."));
        }
        drop(this.connection.replace(Some(connection.to_ref())));
        for slot in [&this.description, &this.lastrowid, &this.row_factory] {
            drop(slot.replace(Some(krait_object::none())));
        }
        drop(this.statement.take());
        this.arraysize.set(1);
        this.rowcount.set(-1);
        connection.check_thread(py)?;
        this.ready.set(true);
        Ok(())
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn end(py: Attached<'_>, this: std::ptr::NonNull<Cursor>) {
        // SAFETY: by the contract, the object is intact.
        unsafe {
            this.as_ref().finish(py);
            Cursor::dealloc(py, this);
        }
    }

    fn clear(_: Attached<'_>, this: &Cursor) {
        drop(this.connection.take());
        drop(this.statement.take());
        drop(this.converters.take());
        for slot in [&this.description, &this.lastrowid, &this.row_factory] {
            drop(slot.take());
        }
    }

    pub fn set_row_factory(&self, factory: Ref<Object>) {
        drop(self.row_factory.replace(Some(factory)));
    }

    pub fn description(&self) -> Option<Ref<Object>> {
        self.description.get()
    }

    /// The connection and its database, if the cursor may be used.
    fn check(&self, py: Attached<'_>) -> PyResult<(Ref<Connection>, Arc<Handle>)> {
        if !self.ready.get() {
            return Err(misuse(py, "Base Cursor.__init__ not called."));
        }
        if self.closed.get() {
            return Err(misuse(py, "Cannot operate on a closed cursor."));
        }
        if self.running.get() {
            return Err(misuse(py, "Recursive use of cursors not allowed."));
        }
        let connection = part(py, &self.connection)?;
        let handle = connection.usable(py)?;
        Ok((connection, handle))
    }

    fn run(&self) -> Running<'_> {
        self.running.set(true);
        Running(self)
    }

    /// Gives the statement up.
    fn finish(&self, py: Attached<'_>) {
        if let Some(statement) = self.statement.take() {
            statement.reset(py);
        }
    }

    fn execute(py: Attached<'_>, this: &Cursor, args: Args<'_>) -> PyResult<Ref<Cursor>> {
        let args = args.unpack(py, "execute", 1, 2)?;
        let sql = sql_text(py, "execute", args[0])?;
        let parameters = match args.get(1) {
            Some(parameters) => parameters.to_ref(),
            None => Tuple::empty(py).upcast(),
        };
        let rows = std::iter::once(Ok(parameters));
        this.query(py, sql, rows, false)
    }

    fn execute_many(py: Attached<'_>, this: &Cursor, args: Args<'_>) -> PyResult<Ref<Cursor>> {
        let args = args.unpack(py, "executemany", 2, 2)?;
        let sql = sql_text(py, "executemany", args[0])?;
        let rows = args[1].iter(py)?;
        this.query(py, sql, std::iter::from_fn(|| rows.iter_next(py).transpose()), true)
    }

    fn query(
        &self,
        py: Attached<'_>,
        sql: &Str,
        rows: impl Iterator<Item = PyResult<Ref<Object>>>,
        many: bool,
    ) -> PyResult<Ref<Cursor>> {
        let (connection, db) = self.check(py)?;
        let running = self.run();
        self.finish(py);
        drop(self.description.replace(Some(krait_object::none())));
        drop(self.converters.take());
        self.rowcount.set(-1);
        let result = self.query_with(py, &connection, &db, sql, rows, many);
        drop(running);
        match result {
            Ok(()) => Ok(self.to_ref()),
            Err(raised) => {
                let exception = raised.take(py);
                self.finish(py);
                self.rowcount.set(-1);
                Err(py.restore(exception))
            }
        }
    }

    fn query_with(
        &self,
        py: Attached<'_>,
        connection: &Connection,
        db: &Handle,
        sql: &Str,
        rows: impl Iterator<Item = PyResult<Ref<Object>>>,
        many: bool,
    ) -> PyResult<()> {
        let statement = connection.statement(py, sql)?;
        drop(self.statement.replace(Some(statement.clone())));
        if many && (statement.raw().is_null() || statement.is_readonly()) {
            return Err(misuse(py, "executemany() can only execute DML statements."));
        }
        statement.reset(py);
        self.rowcount.set(if statement.is_dml() { 0 } else { -1 });
        if statement.is_dml() {
            connection.begin_if_needed(py, db)?;
        }
        for parameters in rows {
            statement.bind(py, db, &*parameters?)?;
            let code = statement.step(py);
            if code != ffi::SQLITE_ROW && code != ffi::SQLITE_DONE {
                // SAFETY: an open database.
                return Err(unsafe { raise_db(py, db.0) });
            }
            if py.pending().is_some() {
                return Err(krait_object::Raised::assume());
            }
            self.describe(py, connection, &statement)?;
            if code == ffi::SQLITE_DONE {
                self.count_changes(db, &statement);
            }
            if !many {
                // SAFETY: an open database.
                let last = unsafe { ffi::sqlite3_last_insert_rowid(db.0) };
                drop(self.lastrowid.replace(Some(last.into_object(py)?)));
            }
            if code == ffi::SQLITE_DONE || many {
                statement.reset(py);
            }
            if code == ffi::SQLITE_DONE && !many {
                drop(self.statement.take());
            }
        }
        if many {
            self.finish(py);
        }
        Ok(())
    }

    fn count_changes(&self, db: &Handle, statement: &Statement) {
        if statement.is_dml() {
            // SAFETY: an open database.
            let changes = unsafe { ffi::sqlite3_changes(db.0) };
            self.rowcount.set(self.rowcount.get() + i64::from(changes));
        }
    }

    /// Sets the description and finds the converters of the columns.
    fn describe(&self, py: Attached<'_>, connection: &Connection, statement: &Statement) -> PyResult<()> {
        let columns = statement.columns();
        if columns == 0 {
            return Ok(());
        }
        let detect = connection.detect_types();
        let mut described = Vec::with_capacity(columns as usize);
        let mut converters = Vec::new();
        let known = match detect {
            0 => None,
            _ => global(py, "converters")?.downcast::<Dict>().ok(),
        };
        for column in 0..columns {
            let full = statement.column_name(column);
            let bracket = full.find('[').filter(|_| detect & PARSE_COLNAMES != 0);
            let name = match bracket {
                Some(at) => full[..at].strip_suffix(' ').unwrap_or(&full[..at]),
                None => &full,
            };
            let mut parts = vec![name.into_object(py)?];
            parts.resize_with(7, krait_object::none);
            described.push(Tuple::from_vec(py, parts)?.upcast());
            let Some(known) = &known else { continue };
            let find = |word: String| -> PyResult<Option<Ref<Object>>> { known.get(py, &*word.into_object(py)?) };
            let mut converter = None;
            if let Some((word, _)) = bracket.and_then(|at| full[at + 1..].split_once(']')) {
                converter = find(word.to_uppercase())?;
            }
            if converter.is_none() && detect & PARSE_DECLTYPES != 0 {
                let declared = statement.column_type(column);
                if !declared.is_empty() {
                    converter = find(type_word(&declared))?;
                }
            }
            converters.push(converter.unwrap_or_else(krait_object::none));
        }
        drop(self.description.replace(Some(Tuple::from_vec(py, described)?.upcast())));
        drop(self.converters.replace(match known {
            Some(_) => Some(Tuple::from_vec(py, converters)?),
            None => None,
        }));
        Ok(())
    }

    fn execute_script(py: Attached<'_>, this: &Cursor, script: &Object) -> PyResult<Ref<Cursor>> {
        let Some(script) = script.downcast::<Str>() else {
            let kind = krait_object::builtins::textargs::arg_type(script);
            return Err(raise!(py, TypeError, "executescript() argument must be str, not {kind}"));
        };
        let code = script.to_utf8(py)?;
        if code.contains('\0') {
            return Err(raise!(py, ValueError, "embedded null character"));
        }
        let (connection, db) = this.check(py)?;
        // SAFETY: an open database.
        let limit = unsafe { ffi::sqlite3_limit(db.0, ffi::SQLITE_LIMIT_SQL_LENGTH, -1) };
        if code.len() > limit as usize {
            return Err(super::errors::fail(py, "DataError", "query string is too large"));
        }
        connection.commit_pending(py, &db)?;
        let text = std::ffi::CString::new(code).unwrap_or_default();
        let mut at = text.as_ptr();
        loop {
            let (mut raw, mut tail) = (std::ptr::null_mut(), std::ptr::null());
            // SAFETY: the rest of a C text; the results go to locals.
            let code = super::library::inside(py, || unsafe {
                let mut code = ffi::sqlite3_prepare_v2(db.0, at, -1, &mut raw, &mut tail);
                if code == ffi::SQLITE_OK && !raw.is_null() {
                    loop {
                        code = ffi::sqlite3_step(raw);
                        if code != ffi::SQLITE_ROW {
                            break;
                        }
                    }
                    code = ffi::sqlite3_finalize(raw);
                }
                code
            });
            if code != ffi::SQLITE_OK {
                // SAFETY: an open database.
                return Err(unsafe { raise_db(py, db.0) });
            }
            at = tail;
            // SAFETY: `tail` points into the text, at its NUL at last.
            if unsafe { *at } == 0 {
                return Ok(this.to_ref());
            }
        }
    }

    /// The present row of the statement.
    fn row(&self, py: Attached<'_>, connection: &Connection, statement: &Statement) -> PyResult<Ref<Object>> {
        let converters = self.converters.get();
        // SAFETY: the statement has a row.
        let count = unsafe { ffi::sqlite3_data_count(statement.raw()) };
        let mut values = Vec::with_capacity(count as usize);
        for column in 0..count {
            let converter =
                converters.as_ref().and_then(|all| all.get(column as usize)).filter(|converter| !converter.is_none());
            values.push(match converter {
                None => statement.column(py, connection, column)?,
                // A value without bytes is not converted.
                Some(converter) => match statement.column_bytes(py, column)?.filter(has_bytes) {
                    Some(bytes) => converter.call_pos(py, &[&*bytes])?,
                    None => krait_object::none(),
                },
            });
        }
        let row = Tuple::from_vec(py, values)?;
        match self.row_factory.get().filter(|factory| !factory.is_none()) {
            Some(factory) => factory.call_pos(py, &[self.as_object(), row.as_object()]),
            None => Ok(row.upcast()),
        }
    }

    fn next(py: Attached<'_>, this: &Cursor) -> PyResult<Option<Ref<Object>>> {
        let (connection, db) = this.check(py)?;
        let Some(statement) = this.statement.get() else { return Ok(None) };
        let running = this.run();
        let row = this.row(py, &connection, &statement);
        drop(running);
        let row = match row {
            Ok(row) => row,
            Err(raised) => {
                let exception = raised.take(py);
                this.finish(py);
                return Err(py.restore(exception));
            }
        };
        let running = this.run();
        let code = statement.step(py);
        drop(running);
        match code {
            ffi::SQLITE_ROW => {}
            ffi::SQLITE_DONE => {
                this.count_changes(&db, &statement);
                this.finish(py);
            }
            _ => {
                // SAFETY: an open database.
                let raised = unsafe { raise_db(py, db.0) };
                let exception = raised.take(py);
                this.finish(py);
                return Err(py.restore(exception));
            }
        }
        Ok(Some(row))
    }

    fn fetch(&self, py: Attached<'_>, limit: usize) -> PyResult<Ref<List>> {
        let list = List::new(py)?;
        while list.len() < limit {
            match Cursor::next(py, self)? {
                Some(row) => list.push(py, row)?,
                None => break,
            }
        }
        Ok(list)
    }

    fn fetch_many(py: Attached<'_>, this: &Cursor, args: Args<'_>) -> PyResult<Ref<List>> {
        const SIG: Signature = Signature::parse("fetchmany", "(size=1)");
        let [size] = SIG.bind::<1>(py, args)?;
        let size = size.map_or(Ok(this.arraysize.get()), |size| unsigned(py, size))?;
        this.fetch(py, size as usize)
    }

    fn fetch_all(py: Attached<'_>, this: &Cursor) -> PyResult<Ref<List>> {
        this.fetch(py, usize::MAX)
    }

    fn close(py: Attached<'_>, this: &Cursor) -> PyResult<()> {
        if !this.ready.get() {
            return Err(misuse(py, "Base Cursor.__init__ not called."));
        }
        if this.running.get() {
            return Err(misuse(py, "Recursive use of cursors not allowed."));
        }
        part(py, &this.connection)?.usable(py)?;
        this.finish(py);
        this.closed.set(true);
        Ok(())
    }

    fn set_array_size(py: Attached<'_>, this: &Cursor, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, AttributeError, "arraysize cannot be deleted")) };
        this.arraysize.set(unsigned(py, value)?);
        Ok(())
    }
}

fn has_bytes(value: &Ref<Object>) -> bool {
    (**value).downcast::<krait_object::Bytes>().is_some_and(|bytes| !bytes.is_empty())
}

/// A number of rows.
fn unsigned(py: Attached<'_>, value: &Object) -> PyResult<i64> {
    let int = value.index(py)?;
    if int.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    match int.to_i64().filter(|value| *value <= i64::from(u32::MAX)) {
        Some(value) => Ok(value),
        None => Err(raise!(py, OverflowError, "Python int too large to convert to C uint32_t")),
    }
}

fn sql_text<'a>(py: Attached<'_>, function: &str, sql: &'a Object) -> PyResult<&'a Str> {
    match sql.downcast::<Str>() {
        Some(sql) => Ok(sql),
        None => Err(raise!(
            py,
            TypeError,
            "{function}() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(sql)
        )),
    }
}

pytype! {
    static CURSOR: "sqlite3.Cursor" for Cursor {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "What executes statements of a connection and gives their rows.",
        slots: {
            tp_dealloc = Cursor::end,
            raw tp_weaklistoffset = offset_of!(Cursor, weaklist) as isize,
            tp_traverse = Cursor::traverse,
            tp_clear = Cursor::clear,
            tp_new = Cursor::construct,
            tp_init = Cursor::init,
            tp_iter = |_: Attached<'_>, this: &Cursor| this.to_ref(),
            tp_iternext = Cursor::next,
        },
        methods: {
            raw "execute" => Cursor::execute, "($self, sql, parameters=(), /)", "Execute one statement.";
            raw "executemany" => Cursor::execute_many, "($self, sql, seq_of_parameters, /)", "Execute one statement for each of many parameters.";
            o "executescript" => Cursor::execute_script, "($self, sql_script, /)", "Execute many statements.";
            noargs "fetchone" => |py: Attached<'_>, this: &Cursor| Cursor::next(py, this), "($self, /)", "The next row, or None.";
            raw "fetchmany" => Cursor::fetch_many, "($self, /, size=1)", "A list of the next rows.";
            noargs "fetchall" => Cursor::fetch_all, "($self, /)", "A list of the rows that are left.";
            noargs "close" => Cursor::close, "($self, /)", "Close the cursor.";
            o "setinputsizes" => |_: Attached<'_>, _: &Cursor, _: &Object| (), "($self, sizes, /)", "Required by the DB-API; does nothing.";
            sig "setoutputsize" => |_: Attached<'_>, _: &Cursor, _: [Arg<'_>; 2]| (), "($self, size, column=None, /)", "Required by the DB-API; does nothing.";
        },
        getset: {
            "connection" => |_: Attached<'_>, this: &Cursor| this.connection.get(), "";
            "description" => |_: Attached<'_>, this: &Cursor| this.description.get(), "";
            "lastrowid" => |_: Attached<'_>, this: &Cursor| this.lastrowid.get(), "";
            "rowcount" => |_: Attached<'_>, this: &Cursor| this.rowcount.get(), "";
            "arraysize" => |_: Attached<'_>, this: &Cursor| this.arraysize.get(), Cursor::set_array_size, "";
            "row_factory" => |_: Attached<'_>, this: &Cursor| this.row_factory.get(), |py: Attached<'_>, this: &Cursor, value: Option<&Object>| super::connection::set_factory(py, &this.row_factory, value), "";
        },
    }
}

krait_object::native! {
    /// `Row`: a row whose values have names too.
    pub struct Row { data: Slot<Tuple>, description: Slot }
}
pytype! {
    static ROW: "sqlite3.Row" for Row {
        base: Object, flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_dealloc = Row::dealloc,
            tp_traverse = Row::traverse,
            tp_new = Row::construct,
            tp_hash = Row::hash,
            tp_richcompare = Row::compare,
            tp_iter = |py: Attached<'_>, this: &Row| -> PyResult<Ref<Object>> { part(py, &this.data)?.as_object().iter(py) },
            length = |py: Attached<'_>, this: &Row| Ok(part(py, &this.data)?.len()),
            sq_item = |py: Attached<'_>, this: &Row, index: isize| -> PyResult<Ref<Object>> { part(py, &this.data)?.as_object().get_item(py, &*index.into_object(py)?) },
            mp_subscript = Row::subscript,
        },
        methods: {
            noargs "keys" => Row::keys, "($self, /)", "The names of the columns.";
        },
    }
}

impl Row {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Row>> {
        let [cursor, data] = args.unpack(py, "Row", 2, 2)? else { return Err(py.bad_internal_call()) };
        let Some(cursor) = cursor.downcast::<Cursor>() else {
            return Err(raise!(
                py,
                TypeError,
                "Row() argument 1 must be sqlite3.Cursor, not {}",
                krait_object::builtins::textargs::arg_type(cursor)
            ));
        };
        let Some(data) = data.downcast::<Tuple>() else {
            return Err(raise!(
                py,
                TypeError,
                "Row() argument 2 must be tuple, not {}",
                krait_object::builtins::textargs::arg_type(data)
            ));
        };
        let this = alloc::<Row>(py, ty)?;
        drop(this.data.replace(Some(data.to_ref())));
        drop(this.description.replace(Some(cursor.description().unwrap_or_else(krait_object::none))));
        Ok(this)
    }

    /// The names of the columns.
    fn names(&self) -> Vec<Ref<Object>> {
        let description = self.description.get();
        let Some(description) = description.as_ref().and_then(|all| (**all).downcast::<Tuple>()) else {
            return Vec::new();
        };
        let name = |column: &&Object| column.downcast::<Tuple>()?.get(0).map(|name| name.to_ref());
        description.as_slice().iter().filter_map(name).collect()
    }

    fn keys(py: Attached<'_>, this: &Row) -> PyResult<Ref<List>> {
        List::from_vec(py, this.names())
    }

    fn subscript(py: Attached<'_>, this: &Row, key: &Object) -> PyResult<Ref<Object>> {
        let data = part(py, &this.data)?;
        if key.downcast::<Int>().is_some() {
            let index = key.as_index(py)?;
            let index = if index < 0 { index + data.len() as isize } else { index };
            return match usize::try_from(index).ok().and_then(|index| data.get(index)) {
                Some(value) => Ok(value.to_ref()),
                None => Err(raise!(py, IndexError, "tuple index out of range")),
            };
        }
        if let Some(key) = key.downcast::<Str>() {
            for (at, name) in as_borrowed(&this.names()).iter().enumerate() {
                let Some(name) = name.downcast::<Str>() else { continue };
                let same = name.eq(key)
                    || name.is_ascii() && key.is_ascii() && name.to_utf8(py)?.eq_ignore_ascii_case(key.to_utf8(py)?);
                if same && let Some(value) = data.get(at) {
                    return Ok(value.to_ref());
                }
            }
            return match this.description.get().is_none_or(|description| description.is_none()) {
                true => Err(py.raise_value(krait_object::exc::IndexError(), key.as_object())),
                false => Err(raise!(py, IndexError, "No item with that key")),
            };
        }
        if key.downcast::<krait_object::Slice>().is_some() {
            return data.as_object().get_item(py, key);
        }
        Err(raise!(py, IndexError, "Index must be int or string"))
    }

    fn hash(py: Attached<'_>, this: &Row) -> PyResult<isize> {
        let description = this.description.get().unwrap_or_else(krait_object::none);
        Ok(description.hash(py)? ^ part(py, &this.data)?.as_object().hash(py)?)
    }

    fn compare(py: Attached<'_>, this: &Row, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Row>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(not_implemented());
        };
        let (a, b) = (this.description.get(), other.description.get());
        let (Some(a), Some(b)) = (a, b) else { return Ok(not_implemented()) };
        if a.eq(py, &b)? {
            return part(py, &this.data)?.as_object().rich_compare(py, part(py, &other.data)?.as_object(), op);
        }
        (op == CompareOp::Ne).into_object(py)
    }
}
