//! `Connection`.
use super::callbacks;
use super::cursor::Cursor;
use super::errors::{fail, global, misuse, raise_code, raise_db, text};
use super::library::{Handle, inside};
use super::statement::Statement;
use super::{blob, transfer};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, alloc, required, type_name};
use krait_object::{
    Attached, ByteArray, Bytes, Field, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Type, Visit, exc,
    hooks::hooks, id, pytype, raise,
};
use krait_vm::interp::thread_ident;
use krait_vm::sysmodule::audit_event;
use libsqlite3_sys as ffi;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::ptr;
use std::sync::Arc;

/// The value of `autocommit` that leaves transactions to `isolation_level`.
pub const LEGACY: i64 = -1;

/// Statements by their text; those used longest ago go first.
#[derive(Default)]
pub struct Cache {
    limit: usize,
    clock: u64,
    statements: HashMap<String, (Ref<Statement>, u64)>,
}

/// What belongs to an open connection.
#[derive(Default)]
pub struct Inner {
    handle: Option<Arc<Handle>>,
    cache: Cache,
    isolation: Option<&'static str>,
}

impl Trace for Inner {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.cache.statements.values().try_for_each(|(statement, _)| statement.trace(visit))
    }
}

krait_object::native! {
    /// `Connection`.
    pub struct Connection {
        inner: State<Inner>,
        ready: Field<bool>,
        same_thread: Field<bool>,
        thread: Field<usize>,
        detect_types: Field<i32>,
        autocommit: Field<i64>,
        row_factory: Slot,
        text_factory: Slot,
        authorizer: Slot,
        progress: Slot,
        tracer: Slot,
        blobs: State<blob::Open>,
    }
}

const LEVELS: [&str; 4] = ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"];

/// An isolation level: `None`, or one of the words for `BEGIN`.
fn isolation(py: Attached<'_>, value: &Object) -> PyResult<Option<&'static str>> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(level) = value.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "isolation_level must be str or None"));
    };
    let level = level.to_utf8(py)?;
    if level.contains('\0') {
        return Err(raise!(py, ValueError, "embedded null character"));
    }
    match LEVELS.iter().find(|known| known.eq_ignore_ascii_case(level)) {
        Some(known) => Ok(Some(known)),
        None => {
            Err(raise!(py, ValueError, "isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'"))
        }
    }
}

fn autocommit(py: Attached<'_>, value: &Object) -> PyResult<i64> {
    if let Some(flag) = value.downcast::<krait_object::Bool>() {
        return Ok(i64::from(flag.as_object().is_true(py)?));
    }
    match value.downcast::<Int>().and_then(Int::to_i64) {
        Some(LEGACY) => Ok(LEGACY),
        _ => Err(raise!(py, ValueError, "autocommit must be True, False, or sqlite3.LEGACY_TRANSACTION_CONTROL")),
    }
}

/// The path of a database as C text.
fn database_path(py: Attached<'_>, database: &Object) -> PyResult<CString> {
    let os = (hooks().import)(py, "os")?;
    let path = os.get_attr(py, id!(py, fsencode))?.call_pos(py, &[database])?;
    let bytes = (*path).downcast::<Bytes>().ok_or_else(|| py.bad_internal_call())?;
    CString::new(bytes.as_slice()).map_err(|_| raise!(py, ValueError, "embedded null byte"))
}

impl Connection {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Connection>> {
        let this = alloc::<Connection>(py, ty)?;
        this.inner.init(Inner::default());
        this.blobs.init(blob::Open::default());
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse(
            "Connection",
            "(database, timeout=5.0, detect_types=0, isolation_level='', check_same_thread=True, factory=None, cached_statements=128, uri=False, *, autocommit=-1)",
        );
        let [database, timeout, detect, level, same_thread, _factory, cached, uri, mode] = SIG.bind::<9>(py, args)?;
        warn_positional(py, "_sqlite3.Connection", args)?;
        let database = required(py, database)?;
        audit_event(py, "sqlite3.connect", &[database])?;
        let path = database_path(py, database)?;
        let timeout = timeout.map_or(Ok(5.0), |timeout| timeout.as_f64(py))?;
        let detect = detect.map_or(Ok(0), |detect| detect.as_i32(py))?;
        let level = level.map_or(Ok(Some("")), |level| isolation(py, level))?;
        let same_thread = same_thread.map_or(Ok(true), |flag| flag.is_true(py))?;
        let cached = cached.map_or(Ok(128), |cached| cached.as_i32(py))?;
        let uri = uri.map_or(Ok(false), |uri| uri.is_true(py))?;
        let mode = mode.map_or(Ok(LEGACY), |mode| autocommit(py, mode))?;
        if this.ready.get() {
            this.ready.set(false);
            this.shut(py);
        }
        let handle = open(py, &path, uri, timeout)?;
        let db = handle.clone();
        *this.inner.lock() = Inner {
            handle: Some(handle),
            cache: Cache { limit: cached.max(0) as usize, ..Cache::default() },
            isolation: level,
        };
        this.same_thread.set(same_thread);
        this.thread.set(thread_ident());
        this.detect_types.set(detect);
        this.autocommit.set(mode);
        drop(this.row_factory.replace(Some(krait_object::none())));
        drop(this.text_factory.replace(Some(Str::type_object().to_ref().upcast())));
        this.ready.set(true);
        audit_event(py, "sqlite3.connect/handle", &[this.as_object()])?;
        if mode == 0 {
            this.run(py, &db, "BEGIN")?;
        }
        Ok(())
    }

    fn clear(_: Attached<'_>, this: &Connection) {
        for slot in [&this.row_factory, &this.text_factory, &this.authorizer, &this.progress, &this.tracer] {
            drop(slot.take());
        }
    }

    /// Warns of a connection that was left open.
    fn finalize(py: Attached<'_>, this: &Connection) {
        let before = py.take_raised();
        if this.inner.is_set() && this.inner.lock().handle.is_some() {
            let shown = this.as_object().repr(py).map(|repr| repr.to_string_lossy().into_owned());
            let message = format!("unclosed database in {}", shown.unwrap_or_default());
            if (hooks().warn)(py, exc::ResourceWarning(), &message, 1).is_err() {
                (hooks().unraisable)(py, None, Some(this.as_object()));
            }
            this.shut(py);
        }
        if let Some(before) = before {
            let _ = py.restore(before);
        }
    }

    /// Closes the database.
    fn shut(&self, py: Attached<'_>) {
        blob::close_all(py, &self.blobs);
        let (handle, statements) = {
            let mut inner = self.inner.lock();
            (inner.handle.take(), std::mem::take(&mut inner.cache.statements))
        };
        drop(statements);
        if let Some(handle) = handle {
            inside(py, || drop(handle));
        }
    }

    /// Raises unless the calling thread may use the connection.
    pub fn check_thread(&self, py: Attached<'_>) -> PyResult<()> {
        if self.ready.get() && self.same_thread.get() && self.thread.get() != thread_ident() {
            let (made, here) = (self.thread.get(), thread_ident());
            return Err(misuse(
                py,
                format_args!(
                    "SQLite objects created in a thread can only be used in that same thread. The object was created in thread id {made} and this is thread id {here}."
                ),
            ));
        }
        Ok(())
    }

    /// The open database.
    pub fn handle(&self, py: Attached<'_>) -> PyResult<Arc<Handle>> {
        if !self.ready.get() {
            return Err(misuse(py, "Base Connection.__init__ not called."));
        }
        let handle = self.inner.lock().handle.clone();
        handle.ok_or_else(|| misuse(py, "Cannot operate on a closed database."))
    }

    /// The open database, for the thread that may use it.
    pub fn usable(&self, py: Attached<'_>) -> PyResult<Arc<Handle>> {
        self.check_thread(py)?;
        self.handle(py)
    }

    pub fn blobs(&self) -> &State<blob::Open> {
        &self.blobs
    }

    pub fn detect_types(&self) -> i32 {
        self.detect_types.get()
    }

    pub fn authorizer(&self) -> Option<Ref<Object>> {
        self.authorizer.get()
    }

    pub fn progress(&self) -> Option<Ref<Object>> {
        self.progress.get()
    }

    pub fn tracer(&self) -> Option<Ref<Object>> {
        self.tracer.get()
    }

    /// A statement of the connection, perhaps one that ran before.
    pub fn statement(&self, py: Attached<'_>, sql: &Str) -> PyResult<Ref<Statement>> {
        let db = self.handle(py)?;
        let key = sql.to_utf8(py)?;
        let found = {
            let mut inner = self.inner.lock();
            let cache = &mut inner.cache;
            cache.clock += 1;
            let clock = cache.clock;
            cache.statements.get_mut(key).map(|(statement, used)| {
                *used = clock;
                statement.clone()
            })
        };
        if let Some(found) = found.filter(|found| !found.is_busy()) {
            return Ok(found);
        }
        let made = Statement::make(py, &db, sql)?;
        let displaced = {
            let mut inner = self.inner.lock();
            let cache = &mut inner.cache;
            let mut displaced = None;
            if cache.limit > 0 {
                if cache.statements.len() >= cache.limit && !cache.statements.contains_key(key) {
                    let oldest = cache.statements.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
                    displaced = oldest.and_then(|oldest| cache.statements.remove(&oldest));
                }
                let old = cache.statements.insert(key.to_owned(), (made.clone(), cache.clock));
                displaced = displaced.or(old);
            }
            displaced
        };
        drop(displaced);
        Ok(made)
    }

    fn call(py: Attached<'_>, this: &Connection, args: Args<'_>) -> PyResult<Ref<Statement>> {
        this.usable(py)?;
        args.no_keywords(py, "Connection.__call__")?;
        let [sql] = args.pos else {
            return Err(raise!(py, TypeError, "Connection.__call__ expected 1 argument, got {}", args.pos.len()));
        };
        match sql.downcast::<Str>() {
            Some(sql) => this.statement(py, sql),
            None => Err(raise!(py, TypeError, "argument 1 must be str, not {}", type_name(sql))),
        }
    }

    /// Runs a statement without rows.
    pub fn run(&self, py: Attached<'_>, db: &Handle, sql: &str) -> PyResult<()> {
        let sql = CString::new(sql).unwrap_or_default();
        // SAFETY: an open database and a C text.
        let result =
            inside(py, || unsafe { ffi::sqlite3_exec(db.0, sql.as_ptr(), None, ptr::null_mut(), ptr::null_mut()) });
        match result {
            ffi::SQLITE_OK => Ok(()),
            // SAFETY: an open database.
            _ => Err(unsafe { raise_db(py, db.0) }),
        }
    }

    fn is_in_transaction(db: &Handle) -> bool {
        // SAFETY: an open database.
        unsafe { ffi::sqlite3_get_autocommit(db.0) == 0 }
    }

    /// Begins a transaction before a statement that changes data, as `isolation_level` asks.
    pub fn begin_if_needed(&self, py: Attached<'_>, db: &Handle) -> PyResult<()> {
        let level = self.inner.lock().isolation;
        match level {
            Some(level) if self.autocommit.get() == LEGACY && !Self::is_in_transaction(db) => {
                self.run(py, db, &format!("BEGIN {level}"))
            }
            _ => Ok(()),
        }
    }

    fn end(&self, py: Attached<'_>, word: &str) -> PyResult<()> {
        let db = self.usable(py)?;
        match self.autocommit.get() {
            LEGACY if Self::is_in_transaction(&db) => self.run(py, &db, word),
            0 => {
                self.run(py, &db, word)?;
                self.run(py, &db, "BEGIN")
            }
            _ => Ok(()),
        }
    }

    /// Commits what `executescript` finds pending.
    pub fn commit_pending(&self, py: Attached<'_>, db: &Handle) -> PyResult<()> {
        match self.autocommit.get() == LEGACY && Self::is_in_transaction(db) {
            true => self.run(py, db, "COMMIT"),
            false => Ok(()),
        }
    }

    fn close(py: Attached<'_>, this: &Connection) -> PyResult<()> {
        this.check_thread(py)?;
        if !this.ready.get() {
            return Err(misuse(py, "Base Connection.__init__ not called."));
        }
        let db = this.inner.lock().handle.clone();
        if let Some(db) = db.filter(|_| this.autocommit.get() == 0)
            && Self::is_in_transaction(&db)
        {
            this.run(py, &db, "ROLLBACK")?;
        }
        this.shut(py);
        Ok(())
    }

    fn exit(py: Attached<'_>, this: &Connection, [kind, value, traceback]: [Arg<'_>; 3]) -> PyResult<bool> {
        let clean = [kind, value, traceback].into_iter().flatten().all(|arg| arg.is_none());
        if this.autocommit.get() == 1 {
            return Ok(false);
        }
        if !clean {
            this.end(py, "ROLLBACK")?;
            return Ok(false);
        }
        if let Err(raised) = this.end(py, "COMMIT") {
            // The database is usable again even if the commit failed.
            let exception = raised.take(py);
            if let Err(second) = this.end(py, "ROLLBACK") {
                second.clear(py);
            }
            return Err(py.restore(exception));
        }
        Ok(false)
    }

    fn cursor(py: Attached<'_>, this: &Connection, [factory]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        this.usable(py)?;
        let factory = factory.unwrap_or_else(|| Cursor::type_object().as_object());
        let cursor = factory.call_pos(py, &[this.as_object()])?;
        let Some(made) = (*cursor).downcast::<Cursor>() else {
            return Err(raise!(py, TypeError, "factory must return a cursor, not {}", type_name(&cursor)));
        };
        if let Some(row_factory) = this.row_factory.get().filter(|factory| !factory.is_none()) {
            made.set_row_factory(row_factory);
        }
        Ok(cursor)
    }

    /// A method of a new cursor.
    fn on_cursor(py: Attached<'_>, this: &Connection, method: &Str, args: Args<'_>) -> PyResult<Ref<Object>> {
        let cursor = this.as_object().call_method(py, id!(py, cursor), &[])?;
        cursor.get_attr(py, method)?.call(py, args)?;
        Ok(cursor)
    }

    /// A text of the database as `text_factory` wants it.
    pub fn make_text(&self, py: Attached<'_>, bytes: &[u8], column: impl FnOnce() -> String) -> PyResult<Ref<Object>> {
        let factory = self.text_factory.get().unwrap_or_else(|| Str::type_object().to_ref().upcast());
        if factory.is(Str::type_object()) {
            return match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Str::new(py, text)?.upcast()),
                Err(_) => {
                    let shown = String::from_utf8_lossy(bytes);
                    let message = format!("Could not decode to UTF-8 column '{}' with text '{shown}'", column());
                    Err(fail(py, "OperationalError", message))
                }
            };
        }
        let bytes = Bytes::new(py, bytes)?;
        if factory.is(Bytes::type_object()) {
            return Ok(bytes.upcast());
        }
        if factory.is(ByteArray::type_object()) {
            return ByteArray::type_object().as_object().call_pos(py, &[bytes.as_object()]);
        }
        factory.call_pos(py, &[bytes.as_object()])
    }

    fn get_isolation(py: Attached<'_>, this: &Connection) -> PyResult<Option<&'static str>> {
        this.handle(py)?;
        Ok(this.inner.lock().isolation)
    }

    fn set_isolation(py: Attached<'_>, this: &Connection, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, AttributeError, "cannot delete attribute"));
        };
        let level = isolation(py, value)?;
        if level.is_none() {
            // Without a level nothing stays pending.
            this.inner.lock().isolation = None;
            return this.end(py, "COMMIT");
        }
        this.handle(py)?;
        this.inner.lock().isolation = level;
        Ok(())
    }

    fn get_autocommit(py: Attached<'_>, this: &Connection) -> PyResult<Ref<Object>> {
        this.usable(py)?;
        match this.autocommit.get() {
            LEGACY => LEGACY.into_object(py),
            mode => (mode == 1).into_object(py),
        }
    }

    fn set_autocommit(py: Attached<'_>, this: &Connection, value: Option<&Object>) -> PyResult<()> {
        let db = this.usable(py)?;
        let Some(value) = value else {
            return Err(raise!(py, AttributeError, "cannot delete autocommit attribute"));
        };
        let mode = autocommit(py, value)?;
        match mode {
            1 if Self::is_in_transaction(&db) => this.run(py, &db, "COMMIT")?,
            0 if !Self::is_in_transaction(&db) => this.run(py, &db, "BEGIN")?,
            _ => {}
        }
        this.autocommit.set(mode);
        Ok(())
    }

    fn iterdump(py: Attached<'_>, this: &Connection, [filter]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        this.handle(py)?;
        let dump = (hooks().import)(py, "sqlite3.dump")?.get_attr(py, id!(py, _iterdump))?;
        let names = [id!(py, filter).as_object()];
        let none = krait_object::none();
        let values = [filter.unwrap_or(&none)];
        dump.call(py, Args { pos: &[this.as_object()], names: &names, values: &values })
    }

    fn get_limit(py: Attached<'_>, this: &Connection, [category]: [Arg<'_>; 1]) -> PyResult<i32> {
        let category = required(py, category)?.as_i32(py)?;
        this.limit(py, category, -1)
    }

    fn set_limit(py: Attached<'_>, this: &Connection, [category, limit]: [Arg<'_>; 2]) -> PyResult<i32> {
        let (category, limit) = (required(py, category)?.as_i32(py)?, required(py, limit)?.as_i32(py)?);
        this.limit(py, category, limit)
    }

    fn limit(&self, py: Attached<'_>, category: c_int, limit: c_int) -> PyResult<i32> {
        let db = self.usable(py)?;
        // SAFETY: an open database.
        match unsafe { ffi::sqlite3_limit(db.0, category, limit) } {
            before if before < 0 => Err(misuse(py, "'category' is out of bounds")),
            before => Ok(before),
        }
    }

    /// Reads or sets a yes-or-no option of the database.
    fn config(&self, py: Attached<'_>, op: &Object, value: c_int) -> PyResult<bool> {
        let op = op.as_i32(py)?;
        let db = self.usable(py)?;
        if !(ffi::SQLITE_DBCONFIG_ENABLE_FKEY..=ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA).contains(&op) {
            return Err(raise!(py, ValueError, "unknown config 'op': {op}"));
        }
        let mut now: c_int = 0;
        // SAFETY: these options take an int and the address of one.
        match unsafe { ffi::sqlite3_db_config(db.0, op, value, &raw mut now) } {
            ffi::SQLITE_OK => Ok(now != 0),
            // SAFETY: an open database.
            _ => Err(unsafe { raise_db(py, db.0) }),
        }
    }

    fn set_config(py: Attached<'_>, this: &Connection, [op, enable]: [Arg<'_>; 2]) -> PyResult<()> {
        let enable = enable.map_or(Ok(true), |enable| enable.is_true(py))?;
        match this.config(py, required(py, op)?, c_int::from(enable))? == enable {
            true => Ok(()),
            false => Err(fail(py, "OperationalError", "Unable to set config")),
        }
    }

    fn interrupt(py: Attached<'_>, this: &Connection) -> PyResult<()> {
        let db = this.handle(py)?;
        // SAFETY: an open database; this may be called from any thread.
        unsafe { ffi::sqlite3_interrupt(db.0) };
        Ok(())
    }

    fn total_changes(py: Attached<'_>, this: &Connection) -> PyResult<i32> {
        let db = this.usable(py)?;
        // SAFETY: an open database.
        Ok(unsafe { ffi::sqlite3_total_changes(db.0) })
    }

    fn enable_load_extension(py: Attached<'_>, this: &Connection, enable: &Object) -> PyResult<()> {
        let db = this.usable(py)?;
        audit_event(py, "sqlite3.enable_load_extension", &[this.as_object(), enable])?;
        let enable = c_int::from(enable.is_true(py)?);
        // SAFETY: an open database.
        match unsafe { ffi::sqlite3_enable_load_extension(db.0, enable) } {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(fail(py, "OperationalError", "Error enabling load extension")),
        }
    }

    fn load_extension(py: Attached<'_>, this: &Connection, [name, entry]: [Arg<'_>; 2]) -> PyResult<()> {
        let db = this.usable(py)?;
        let name = required(py, name)?;
        audit_event(py, "sqlite3.load_extension", &[this.as_object(), name])?;
        let name = c_text(py, name, "load_extension() argument 1 must be str, not")?;
        let entry = match entry.filter(|entry| !entry.is_none()) {
            Some(entry) => Some(c_text(py, entry, "load_extension() argument 'entrypoint' must be str or None, not")?),
            None => None,
        };
        let mut message = ptr::null_mut();
        // SAFETY: an open database and C texts.
        let result = inside(py, || unsafe {
            let entry = entry.as_ref().map_or(ptr::null(), |entry| entry.as_ptr());
            ffi::sqlite3_load_extension(db.0, name.as_ptr(), entry, &mut message)
        });
        if result == ffi::SQLITE_OK {
            return Ok(());
        }
        // SAFETY: null or a text that the caller frees.
        let shown = unsafe {
            let shown = text(message);
            ffi::sqlite3_free(message.cast());
            shown
        };
        Err(fail(py, "OperationalError", shown))
    }
}

/// Sets a factory, which cannot be deleted.
pub fn set_factory(py: Attached<'_>, slot: &Slot, value: Option<&Object>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(raise!(py, AttributeError, "cannot delete attribute"));
    };
    drop(slot.replace(Some(value.to_ref())));
    Ok(())
}

/// Warns of parameters that are given by position.
fn warn_positional(py: Attached<'_>, function: &str, args: Args<'_>) -> PyResult<()> {
    if args.pos.len() <= 1 {
        return Ok(());
    }
    let message = format!(
        "Passing more than 1 positional argument to {function}() is deprecated. Parameters 'timeout', 'detect_types', 'isolation_level', 'check_same_thread', 'factory', 'cached_statements' and 'uri' will become keyword-only parameters in Python 3.15."
    );
    (hooks().warn)(py, exc::DeprecationWarning(), &message, 1)
}

/// A text argument for C.
pub fn c_text(py: Attached<'_>, value: &Object, expected: &str) -> PyResult<CString> {
    let Some(text) = value.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "{expected} {}", type_name(value)));
    };
    CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

/// Opens a database.
fn open(py: Attached<'_>, path: &CStr, uri: bool, timeout: f64) -> PyResult<Arc<Handle>> {
    let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | if uri { ffi::SQLITE_OPEN_URI } else { 0 };
    let mut db = ptr::null_mut();
    // SAFETY: a C text; the result goes to a local.
    let result = inside(py, || unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &mut db, flags, ptr::null()) });
    if db.is_null() {
        return Err(py.no_memory());
    }
    let handle = Handle(db);
    if result != ffi::SQLITE_OK {
        // SAFETY: a handle, even of a database that could not be opened.
        let (code, message) = unsafe { (ffi::sqlite3_errcode(db), text(ffi::sqlite3_errmsg(db))) };
        return Err(raise_code(py, code, &message));
    }
    let mut now: c_int = 0;
    // SAFETY: an open database. Foreign keys are off by default, whatever the library was built with.
    unsafe {
        ffi::sqlite3_db_config(db, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, 0 as c_int, &raw mut now);
        ffi::sqlite3_busy_timeout(db, (timeout * 1000.0) as c_int);
    }
    Ok(Arc::new(handle))
}

/// `connect()`.
pub fn connect(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    warn_positional(py, "sqlite3.connect", args)?;
    let mut factory = args.pos.get(5).map(|factory| factory.to_ref());
    for (name, value) in args.names.iter().zip(args.values) {
        if name.downcast::<Str>().is_some_and(|name| name.eq_str("factory")) {
            factory = Some(value.to_ref());
        }
    }
    let factory = factory.unwrap_or_else(|| Connection::type_object().to_ref().upcast());
    factory.call(py, args)
}

/// One of the module's exceptions as an attribute of connections.
macro_rules! exception {
    ($name:literal) => {
        |py: Attached<'_>, _: &Connection| global(py, $name)
    };
}

pytype! {
    static CONNECTION: "sqlite3.Connection" for Connection {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Connection(database, timeout=5.0, detect_types=0, isolation_level='', check_same_thread=True, factory=ConnectionType, cached_statements=128, uri=False, *, autocommit=sqlite3.LEGACY_TRANSACTION_CONTROL)\n--\n\nAn open SQLite database.",
        slots: {
            tp_dealloc = Connection::dealloc,
            tp_traverse = Connection::traverse,
            tp_clear = Connection::clear,
            tp_finalize = Connection::finalize,
            tp_new = Connection::construct,
            tp_init = Connection::init,
            tp_call = Connection::call,
        },
        methods: {
            sig "backup" => transfer::backup, "($self, target, *, pages=-1, progress=None, name='main', sleep=0.25)", "Copies the database to another one.";
            sig "blobopen" => blob::open, "($self, table, column, rowid, /, *, readonly=False, name='main')", "Opens the bytes of one row's column.";
            noargs "close" => Connection::close, "($self, /)", "Close the database.\n\nWhat is pending is not committed.";
            noargs "commit" => |py: Attached<'_>, this: &Connection| this.end(py, "COMMIT"), "($self, /)", "Commit the pending transaction.";
            noargs "rollback" => |py: Attached<'_>, this: &Connection| this.end(py, "ROLLBACK"), "($self, /)", "Undo the pending transaction.";
            raw "create_aggregate" => callbacks::create_aggregate, "($self, /, name, n_arg, aggregate_class)", "Makes an aggregate function of a class.";
            sig "create_window_function" => callbacks::create_window, "($self, name, num_params, aggregate_class, /)", "Makes an aggregate window function of a class; None removes it.";
            raw "create_function" => callbacks::create_function, "($self, /, name, narg, func, *, deterministic=False)", "Makes an SQL function of a callable.";
            sig "create_collation" => callbacks::create_collation, "($self, name, callback, /)", "Makes an order of texts; None removes it.";
            raw "set_authorizer" => callbacks::set_authorizer, "($self, /, authorizer_callback)", "Sets who is asked for permissions.";
            raw "set_progress_handler" => callbacks::set_progress_handler, "($self, /, progress_handler, n)", "Sets what is called every n instructions of the database's machine.";
            raw "set_trace_callback" => callbacks::set_trace_callback, "($self, /, trace_callback)", "Sets what is called for each statement.";
            sig "cursor" => Connection::cursor, "($self, /, factory=<unrepresentable>)", "Return a cursor for the connection.";
            sig "serialize" => transfer::serialize, "($self, /, *, name='main')", "The database as bytes.";
            sig "deserialize" => transfer::deserialize, "($self, data, /, *, name='main')", "Makes the database one of bytes that serialize() returned.";
            o "enable_load_extension" => Connection::enable_load_extension, "($self, enable, /)", "Allows or forbids to load extensions.";
            sig "load_extension" => Connection::load_extension, "($self, name, /, *, entrypoint=None)", "Loads an extension.";
            raw "execute" => |py: Attached<'_>, this: &Connection, args: Args<'_>| Connection::on_cursor(py, this, id!(py, execute), args), "($self, sql, parameters=<unrepresentable>, /)", "Execute a statement with a new cursor.";
            raw "executemany" => |py: Attached<'_>, this: &Connection, args: Args<'_>| Connection::on_cursor(py, this, id!(py, executemany), args), "($self, sql, parameters, /)", "Execute a statement many times with a new cursor.";
            raw "executescript" => |py: Attached<'_>, this: &Connection, args: Args<'_>| Connection::on_cursor(py, this, id!(py, executescript), args), "($self, sql_script, /)", "Execute many statements with a new cursor.";
            sig "getconfig" => |py: Attached<'_>, this: &Connection, [op]: [Arg<'_>; 1]| -> PyResult<bool> { this.config(py, required(py, op)?, -1) }, "($self, op, /)", "Whether an option of the database is on.";
            sig "setconfig" => Connection::set_config, "($self, op, enable=True, /)", "Switches an option of the database.";
            sig "getlimit" => Connection::get_limit, "($self, category, /)", "A limit of the connection.";
            sig "setlimit" => Connection::set_limit, "($self, category, limit, /)", "Sets a limit of the connection; returns the old one.";
            noargs "interrupt" => Connection::interrupt, "($self, /)", "Ends what runs in the database.";
            sig "iterdump" => Connection::iterdump, "($self, /, *, filter=None)", "The database as SQL statements.";
            noargs "__enter__" => |py: Attached<'_>, this: &Connection| this.usable(py).map(|_| this.to_ref()), "($self, /)", "The connection itself.";
            sig "__exit__" => Connection::exit, "($self, type, value, traceback, /)", "Commits, or undoes the transaction if there is an exception.";
        },
        getset: {
            "isolation_level" => Connection::get_isolation, Connection::set_isolation, "";
            "autocommit" => Connection::get_autocommit, Connection::set_autocommit, "";
            "total_changes" => Connection::total_changes, "";
            "in_transaction" => |py: Attached<'_>, this: &Connection| -> PyResult<bool> { Ok(Connection::is_in_transaction(&*this.handle(py)?)) }, "";
            "row_factory" => |_: Attached<'_>, this: &Connection| this.row_factory.get(), |py: Attached<'_>, this: &Connection, value: Option<&Object>| set_factory(py, &this.row_factory, value), "";
            "text_factory" => |_: Attached<'_>, this: &Connection| this.text_factory.get(), |py: Attached<'_>, this: &Connection, value: Option<&Object>| set_factory(py, &this.text_factory, value), "";
            "__text_signature__" => |_: Attached<'_>, _: &Connection| "(sql, /)", "";
            "Warning" => exception!("Warning"), "";
            "Error" => exception!("Error"), "";
            "InterfaceError" => exception!("InterfaceError"), "";
            "DatabaseError" => exception!("DatabaseError"), "";
            "DataError" => exception!("DataError"), "";
            "OperationalError" => exception!("OperationalError"), "";
            "IntegrityError" => exception!("IntegrityError"), "";
            "InternalError" => exception!("InternalError"), "";
            "ProgrammingError" => exception!("ProgrammingError"), "";
            "NotSupportedError" => exception!("NotSupportedError"), "";
        },
    }
}

// The callbacks that belong to the connection.
impl Connection {
    pub fn keep_authorizer(&self, callback: Option<&Object>) {
        drop(self.authorizer.replace(callback.map(|callback| callback.to_ref())));
    }

    pub fn keep_progress(&self, callback: Option<&Object>) {
        drop(self.progress.replace(callback.map(|callback| callback.to_ref())));
    }

    pub fn keep_tracer(&self, callback: Option<&Object>) {
        drop(self.tracer.replace(callback.map(|callback| callback.to_ref())));
    }
}
