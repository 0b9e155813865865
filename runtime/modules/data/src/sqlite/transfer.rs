//! Whole databases: copies and images.
use super::connection::{Connection, c_text};
use super::errors::{fail, raise_db};
use super::library::inside;
use krait_object::native::{Arg, required};
use krait_object::protocols::buffer::Buffer;
use krait_object::{Attached, Bytes, IntoObject, PyResult, Ref, raise};
use libsqlite3_sys as ffi;
use std::ffi::{CString, c_int};
use std::ptr;

/// The schema that an argument names.
fn schema(py: Attached<'_>, name: Arg<'_>, function: &str) -> PyResult<CString> {
    match name {
        Some(name) => c_text(py, name, &format!("{function}() argument 'name' must be str, not")),
        None => Ok(c"main".to_owned()),
    }
}

/// `Connection.backup()`.
pub fn backup(
    py: Attached<'_>,
    this: &Connection,
    [target, pages, progress, name, sleep]: [Arg<'_>; 5],
) -> PyResult<()> {
    let target = required(py, target)?;
    let Some(target) = target.downcast::<Connection>() else {
        let kind = krait_object::builtins::textargs::arg_type(target);
        return Err(raise!(py, TypeError, "backup() argument 'target' must be sqlite3.Connection, not {kind}"));
    };
    let pages = pages.map_or(Ok(-1), |pages| pages.as_i32(py))?;
    let name = schema(py, name, "backup")?;
    let sleep = sleep.map_or(Ok(0.25), |sleep| sleep.as_f64(py))?;
    let source = this.usable(py)?;
    if std::ptr::eq(target, this) {
        return Err(raise!(py, ValueError, "target cannot be the same connection instance"));
    }
    let progress = progress.filter(|progress| !progress.is_none());
    if progress.is_some_and(|progress| !progress.is_callable()) {
        return Err(raise!(py, TypeError, "progress argument must be a callable"));
    }
    let pages = if pages == 0 { -1 } else { pages };
    let db = target.usable(py)?;
    // SAFETY: two open databases.
    let work = inside(py, || unsafe { ffi::sqlite3_backup_init(db.0, c"main".as_ptr(), source.0, name.as_ptr()) });
    if work.is_null() {
        // SAFETY: an open database.
        return Err(unsafe { raise_db(py, db.0) });
    }
    let mut failed = None;
    loop {
        // SAFETY: the work was begun above.
        let code = inside(py, || unsafe { ffi::sqlite3_backup_step(work, pages) });
        if let Some(progress) = progress {
            // SAFETY: as above.
            let (left, total) = unsafe { (ffi::sqlite3_backup_remaining(work), ffi::sqlite3_backup_pagecount(work)) };
            let tell = || -> PyResult<()> {
                let args = [code.into_object(py)?, left.into_object(py)?, total.into_object(py)?];
                progress.call_pos(py, krait_object::args::as_borrowed(&args)).map(drop)
            };
            if let Err(raised) = tell() {
                failed = Some(raised.take(py));
                break;
            }
        }
        match code {
            ffi::SQLITE_OK => {}
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
                // SAFETY: only waits.
                inside(py, || unsafe { ffi::sqlite3_sleep((sleep * 1000.0) as c_int) });
            }
            _ => break,
        }
    }
    // SAFETY: the work ends here.
    let code = inside(py, || unsafe { ffi::sqlite3_backup_finish(work) });
    match failed {
        Some(exception) => Err(py.restore(exception)),
        None if code == ffi::SQLITE_OK => Ok(()),
        // SAFETY: an open database.
        None => Err(unsafe { raise_db(py, db.0) }),
    }
}

/// `Connection.serialize()`.
pub fn serialize(py: Attached<'_>, this: &Connection, [name]: [Arg<'_>; 1]) -> PyResult<Ref<Bytes>> {
    let db = this.usable(py)?;
    let name = schema(py, name, "serialize")?;
    let mut size = 0;
    // SAFETY: an open database. An image in one piece is lent; any other is made for the caller.
    let (image, lent) = inside(py, || unsafe {
        let image = ffi::sqlite3_serialize(db.0, name.as_ptr(), &mut size, ffi::SQLITE_SERIALIZE_NOCOPY);
        match image.is_null() {
            true => (ffi::sqlite3_serialize(db.0, name.as_ptr(), &mut size, 0), false),
            false => (image, true),
        }
    });
    if image.is_null() {
        let shown = name.to_string_lossy();
        return Err(fail(py, "OperationalError", format_args!("unable to serialize '{shown}'")));
    }
    // SAFETY: the library gave so many bytes.
    let bytes = Bytes::new(py, unsafe { std::slice::from_raw_parts(image, size as usize) });
    if !lent {
        // SAFETY: the copy is ours.
        unsafe { ffi::sqlite3_free(image.cast()) };
    }
    bytes
}

/// `Connection.deserialize()`.
pub fn deserialize(py: Attached<'_>, this: &Connection, [data, name]: [Arg<'_>; 2]) -> PyResult<()> {
    let db = this.usable(py)?;
    let data = Buffer::contiguous(py, required(py, data)?)?;
    let name = schema(py, name, "deserialize")?;
    let bytes = data.as_slice();
    // SAFETY: only allocates.
    let copy = unsafe { ffi::sqlite3_malloc64(bytes.len().max(1) as u64) }.cast::<u8>();
    if copy.is_null() {
        return Err(py.no_memory());
    }
    let size = bytes.len() as i64;
    let flags = ffi::SQLITE_DESERIALIZE_FREEONCLOSE | ffi::SQLITE_DESERIALIZE_RESIZEABLE;
    // SAFETY: the copy has room for the bytes, and the database takes it over.
    let code = unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        inside(py, || ffi::sqlite3_deserialize(db.0, name.as_ptr(), copy, size, size, flags))
    };
    match code {
        ffi::SQLITE_OK => Ok(()),
        // SAFETY: an open database.
        _ => Err(unsafe { raise_db(py, db.0) }),
    }
}
