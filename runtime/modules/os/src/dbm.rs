//! `_dbm`: files of keys and values, by Berkeley DB's or GNU dbm's implementation of the `ndbm` interface, whichever is
//! there when the module is first imported (`docs/adr/0006-libraries-at-run-time.md`).
//!
//! A file belongs to one thread at a time: each operation holds the lock of its object's state.
use crate::util::*;
use krait_object::native::{State, Trace, alloc, new_exception, type_name};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised, Ref, Str, Type, exc, functions,
    hooks, id, pytype, raise,
};
use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

type Opt<'a> = Option<&'a Object>;
/// An open file of the library.
type Handle = *mut c_void;

/// `datum`: borrowed bytes.
#[repr(C)]
#[derive(Clone, Copy)]
struct Datum {
    start: *const c_char,
    size: c_int,
}

krait_vm::library! {
    struct Berkeley in [[c"libdb-5.3.so"]] {
        fn __db_ndbm_open(*const c_char, c_int, c_int) -> Handle;
        fn __db_ndbm_close(Handle);
        fn __db_ndbm_fetch(Handle, Datum) -> Datum;
        fn __db_ndbm_store(Handle, Datum, Datum, c_int) -> c_int;
        fn __db_ndbm_delete(Handle, Datum) -> c_int;
        fn __db_ndbm_firstkey(Handle) -> Datum;
        fn __db_ndbm_nextkey(Handle) -> Datum;
        fn __db_ndbm_error(Handle) -> c_int;
        fn __db_ndbm_clearerr(Handle) -> c_int;
    }
}
krait_vm::library! {
    struct Gnu in [[c"libgdbm_compat.so.4"]] {
        fn dbm_open(*const c_char, c_int, c_int) -> Handle;
        fn dbm_close(Handle);
        fn dbm_fetch(Handle, Datum) -> Datum;
        fn dbm_store(Handle, Datum, Datum, c_int) -> c_int;
        fn dbm_delete(Handle, Datum) -> c_int;
        fn dbm_firstkey(Handle) -> Datum;
        fn dbm_nextkey(Handle) -> Datum;
        fn dbm_error(Handle) -> c_int;
        fn dbm_clearerr(Handle) -> c_int;
    }
}

/// The interface, whoever implements it.
struct Api {
    library: &'static str,
    open: unsafe extern "C" fn(*const c_char, c_int, c_int) -> Handle,
    close: unsafe extern "C" fn(Handle),
    fetch: unsafe extern "C" fn(Handle, Datum) -> Datum,
    store: unsafe extern "C" fn(Handle, Datum, Datum, c_int) -> c_int,
    delete: unsafe extern "C" fn(Handle, Datum) -> c_int,
    first: unsafe extern "C" fn(Handle) -> Datum,
    next: unsafe extern "C" fn(Handle) -> Datum,
    error: unsafe extern "C" fn(Handle) -> c_int,
    clear: unsafe extern "C" fn(Handle) -> c_int,
}

static API: OnceLock<Api> = OnceLock::new();

fn api() -> &'static Api {
    API.get_or_init(|| match Berkeley::open() {
        Ok(found) => Api {
            library: "Berkeley DB",
            open: found.__db_ndbm_open,
            close: found.__db_ndbm_close,
            fetch: found.__db_ndbm_fetch,
            store: found.__db_ndbm_store,
            delete: found.__db_ndbm_delete,
            first: found.__db_ndbm_firstkey,
            next: found.__db_ndbm_nextkey,
            error: found.__db_ndbm_error,
            clear: found.__db_ndbm_clearerr,
        },
        Err(_) => {
            let found = Gnu::get();
            Api {
                library: "GNU gdbm",
                open: found.dbm_open,
                close: found.dbm_close,
                fetch: found.dbm_fetch,
                store: found.dbm_store,
                delete: found.dbm_delete,
                first: found.dbm_firstkey,
                next: found.dbm_nextkey,
                error: found.dbm_error,
                clear: found.dbm_clearerr,
            }
        }
    })
}

const INSERT: c_int = 0;
const REPLACE: c_int = 1;

/// An open file.
struct File {
    handle: Handle,
    read_only: bool,
}

// SAFETY: one thread at a time uses it, under the lock of its object.
unsafe impl Send for File {}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (api().close)(self.handle) };
    }
}

fn datum(py: Attached<'_>, bytes: &[u8]) -> PyResult<Datum> {
    match c_int::try_from(bytes.len()) {
        Ok(size) => Ok(Datum { start: bytes.as_ptr().cast(), size }),
        Err(_) => Err(raise!(py, OverflowError, "size does not fit in an int")),
    }
}

impl Datum {
    /// The bytes; `None` for nothing.
    ///
    /// # Safety
    /// A live datum of the library.
    unsafe fn to_vec(self) -> Option<Vec<u8>> {
        if self.start.is_null() {
            return None;
        }
        // SAFETY: by the contract.
        Some(unsafe { std::slice::from_raw_parts(self.start.cast::<u8>(), self.size.max(0) as usize) }.to_vec())
    }
}

impl File {
    fn fetch(&mut self, key: Datum) -> Option<Vec<u8>> {
        // SAFETY: an open file and a live key; the value is copied before the next operation.
        unsafe { (api().fetch)(self.handle, key).to_vec() }
    }

    /// Whether the value was stored.
    fn store(&mut self, key: Datum, value: Datum, how: c_int) -> bool {
        // SAFETY: an open file, live key and value.
        unsafe {
            let stored = (api().store)(self.handle, key, value, how) >= 0;
            if !stored {
                (api().clear)(self.handle);
            }
            stored
        }
    }

    /// Removes a key: whether it was there, or an error.
    fn delete(&mut self, key: Datum) -> Result<bool, ()> {
        // SAFETY: an open file and a live key.
        unsafe {
            if (api().delete)(self.handle, key) >= 0 {
                return Ok(true);
            }
            let failed = (api().error)(self.handle) != 0 || self.read_only;
            (api().clear)(self.handle);
            if failed { Err(()) } else { Ok(false) }
        }
    }

    fn keys(&mut self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        // SAFETY: an open file; each key is copied before the next operation.
        unsafe {
            let mut key = (api().first)(self.handle).to_vec();
            while let Some(found) = key {
                keys.push(found);
                key = (api().next)(self.handle).to_vec();
            }
        }
        keys
    }

    /// Removes everything; whether that worked.
    fn clear(&mut self) -> bool {
        // Not while going through the keys: removal upsets the order.
        self.keys().iter().all(|key| {
            let key = Datum { start: key.as_ptr().cast(), size: key.len() as c_int };
            self.delete(key).is_ok()
        })
    }
}

/// The open file until it is closed.
struct Opened(Option<File>);

impl Trace for Opened {}

krait_object::native! {
    /// `_dbm.dbm`.
    struct Dbm { file: State<Opened> }
}
pytype! {
    static DBM: "_dbm.dbm" for Dbm {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Dbm::dealloc,
            mp_length = |py: Attached<'_>, this: &Dbm| this.with(py, |file| file.keys().len()),
            mp_subscript = Dbm::subscript,
            mp_ass_subscript = Dbm::assign,
            sq_contains = Dbm::contains,
            nb_bool = |py: Attached<'_>, this: &Dbm| this.with(py, |file| !file.keys().is_empty()),
        },
        methods: {
            noargs "close" => Dbm::close, "($self, /)", "Close the database.";
            noargs "keys" => Dbm::keys, "($self, /)", "A list of all keys in the database.";
            sig "get" => Dbm::get, "($self, key, default=None, /)", "The value for a key, or default.";
            sig "setdefault" => Dbm::set_default, "($self, key, default=b'', /)", "The value for a key, which default becomes if there is none.";
            noargs "clear" => Dbm::clear, "($self, /)", "Remove all items from the database.";
            noargs "__enter__" => |_: Attached<'_>, this: &Dbm| this.to_ref(), "($self, /)", "The database itself.";
            raw "__exit__" => |py: Attached<'_>, this: &Dbm, _: krait_object::args::Args<'_>| Dbm::close(py, this), "", "Close the database.";
        },
    }
}

/// Raises `_dbm.error` made of `arguments`.
fn raise_error(py: Attached<'_>, arguments: &[&Object]) -> Raised {
    let raised = || -> PyResult<Raised> {
        let class = (hooks::hooks().import)(py, "_dbm")?.get_attr(py, id!(py, error))?;
        let exception = class.call_pos(py, arguments)?;
        match class.downcast::<Type>() {
            Ok(class) => Ok(py.raise_value(&class, &exception)),
            Err(_) => Err(py.bad_internal_call()),
        }
    };
    raised().unwrap_or_else(|raised| raised)
}

fn error(py: Attached<'_>, text: &str) -> Raised {
    match text.into_object(py) {
        Ok(text) => raise_error(py, &[&text]),
        Err(raised) => raised,
    }
}

/// Text as UTF-8, or the bytes of an object.
fn bytes_of(py: Attached<'_>, object: &Object) -> PyResult<Vec<u8>> {
    match object.downcast::<Str>() {
        Some(text) => Ok(text.to_utf8(py)?.as_bytes().to_vec()),
        None => Ok(BytesArg::new(py, object)?.as_slice().to_vec()),
    }
}

/// The same for an item to store, which must be text or bytes.
fn item_of(py: Attached<'_>, object: &Object, what: &str) -> PyResult<Vec<u8>> {
    bytes_of(py, object).map_err(|raised| {
        raised.clear(py);
        raise!(py, TypeError, "dbm mappings have bytes or string {what} only")
    })
}

impl Dbm {
    /// Works with the open file.
    fn with<R>(&self, py: Attached<'_>, work: impl FnOnce(&mut File) -> R) -> PyResult<R> {
        let result = self.file.lock().0.as_mut().map(work);
        result.ok_or_else(|| error(py, "DBM object has already been closed"))
    }

    fn close(_: Attached<'_>, this: &Dbm) {
        let file = this.file.lock().0.take();
        drop(file);
    }

    fn subscript(py: Attached<'_>, this: &Dbm, key: &Object) -> PyResult<Ref<Bytes>> {
        let bytes = bytes_of(py, key)?;
        let place = datum(py, &bytes)?;
        match this.with(py, |file| file.fetch(place))? {
            Some(value) => Bytes::new(py, &value),
            None => Err(py.raise_value(exc::KeyError(), key)),
        }
    }

    fn assign(py: Attached<'_>, this: &Dbm, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let bytes = item_of(py, key, "keys")?;
        let place = datum(py, &bytes)?;
        let Some(value) = value else {
            return match this.with(py, |file| file.delete(place))? {
                Ok(true) => Ok(()),
                Ok(false) => Err(py.raise_value(exc::KeyError(), key)),
                Err(()) => Err(error(py, "cannot delete item from database")),
            };
        };
        let value = item_of(py, value, "elements")?;
        let value = datum(py, &value).map(|value| this.with(py, |file| file.store(place, value, REPLACE)))??;
        if value { Ok(()) } else { Err(error(py, "cannot add item to database")) }
    }

    fn contains(py: Attached<'_>, this: &Dbm, key: &Object) -> PyResult<bool> {
        if key.downcast::<Str>().is_none() && key.downcast::<Bytes>().is_none() {
            return Err(raise!(py, TypeError, "dbm key must be bytes or string, not {}", type_name(key)));
        }
        let bytes = bytes_of(py, key)?;
        let place = datum(py, &bytes)?;
        Ok(this.with(py, |file| file.fetch(place))?.is_some())
    }

    fn keys(py: Attached<'_>, this: &Dbm) -> PyResult<Ref<List>> {
        let keys = this.with(py, File::keys)?;
        let keys = keys.iter().map(|key| Ok(Bytes::new(py, key)?.upcast())).collect::<PyResult<Vec<_>>>()?;
        List::from_vec(py, keys)
    }

    fn get(py: Attached<'_>, this: &Dbm, [key, default]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
        let bytes = bytes_of(py, need(py, key)?)?;
        let place = datum(py, &bytes)?;
        match this.with(py, |file| file.fetch(place))? {
            Some(value) => Ok(Bytes::new(py, &value)?.upcast()),
            None => Ok(default.map_or_else(krait_object::none, Object::to_ref)),
        }
    }

    fn set_default(py: Attached<'_>, this: &Dbm, [key, default]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
        let bytes = bytes_of(py, need(py, key)?)?;
        let place = datum(py, &bytes)?;
        if let Some(value) = this.with(py, |file| file.fetch(place))? {
            return Ok(Bytes::new(py, &value)?.upcast());
        }
        let default = default.map_or_else(|| Bytes::empty().upcast(), Object::to_ref);
        let value = item_of(py, &default, "elements")?;
        let value = datum(py, &value)?;
        if this.with(py, |file| file.store(place, value, INSERT))? {
            Ok(default)
        } else {
            Err(error(py, "cannot add item to database"))
        }
    }

    fn clear(py: Attached<'_>, this: &Dbm) -> PyResult<()> {
        if this.with(py, File::clear)? { Ok(()) } else { Err(error(py, "cannot delete item from database")) }
    }
}

fn open(py: Attached<'_>, _: &Object, [path, flags, mode]: [Opt<'_>; 3]) -> PyResult<Ref<Dbm>> {
    let path = need(py, path)?;
    let name = flags.map(|flags| match flags.downcast::<Str>() {
        Some(text) => Ok(text.to_string_lossy().into_owned()),
        None => Err(raise!(py, TypeError, "open() argument 2 must be str, not {}", type_name(flags))),
    });
    let name = name.transpose()?;
    let mode = mode.map_or(Ok(0o666), |mode| mode.as_i32(py))?;
    let file = fs_bytes(py, path)?;
    let (flags, read_only) = match name.as_deref() {
        None | Some("r") => (libc::O_RDONLY, true),
        Some("w") => (libc::O_RDWR, false),
        Some("rw" | "c") => (libc::O_RDWR | libc::O_CREAT, false),
        Some("n") => (libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC, false),
        Some(_) => return Err(error(py, "arg 2 to open should be 'r', 'w', 'c', or 'n'")),
    };
    // SAFETY: a C string.
    let handle = unsafe { (api().open)(file.as_ptr(), flags, mode) };
    if handle.is_null() {
        let number = errno();
        let text = std::io::Error::from_raw_os_error(number).to_string();
        let text = text.split(" (os error").next().unwrap_or_default().into_object(py)?;
        return Err(raise_error(py, &[Int::from_i64(py, i64::from(number))?.as_object(), &text, path]));
    }
    let this = alloc::<Dbm>(py, Dbm::type_object())?;
    this.file.init(Opened(Some(File { handle, read_only })));
    Ok(this)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    let opened = Berkeley::open().map(|_| ()).or_else(|text| Gnu::open().map(|_| ()).map_err(|_| text));
    if let Err(text) = opened {
        return Err(py.raise(exc::ImportError(), text));
    }
    module.add_functions(
        py,
        functions! {
            sig "open" => open, "($module, filename, flags='r', mode=0o666, /)", "Opens a database: 'r' to read, 'w' to write, 'c' to create it if needed, 'n' to begin a new one.";
        },
    )?;
    ready_type::<Dbm>(py)?;
    module.add(py, "library", &*api().library.into_object(py)?)?;
    module.add(py, "error", &*new_exception(py, "_dbm", "error", exc::OSError())?)
}
