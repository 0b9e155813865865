//! `Blob`: the bytes of one value, read and written in place.
use super::connection::{Connection, c_text};
use super::errors::{misuse, raise_db};
use super::library::inside;
use krait_object::native::{Arg, State, Trace, alloc, part, required};
use krait_object::protocols::buffer::Buffer;
use krait_object::{
    Attached, Bytes, Field, Int, IntoObject, Layout, Object, PyResult, Ref, Slice, Slot, Visit, pytype, raise,
};
use libsqlite3_sys as ffi;
use std::ffi::c_int;
use std::ptr;

/// The addresses of the blobs that a connection has open. A blob leaves the list before it is freed.
#[derive(Default)]
pub struct Open(Vec<usize>);

impl Trace for Open {
    fn trace(&self, _: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
}

krait_object::native! {
    /// `Blob`.
    pub struct Blob { connection: Slot<Connection>, raw: Field<*mut ffi::sqlite3_blob>, offset: Field<i32> }
}
pytype! {
    static BLOB: "sqlite3.Blob" for Blob {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Blob::end,
            tp_traverse = Blob::traverse,
            mp_length = |py: Attached<'_>, this: &Blob| this.check(py).map(|()| this.len() as usize),
            mp_subscript = Blob::subscript,
            mp_ass_subscript = Blob::assign,
        },
        methods: {
            noargs "close" => Blob::close, "($self, /)", "Close the blob.";
            sig "read" => Blob::read, "($self, length=-1, /)", "Read bytes from the present place on.";
            o "write" => Blob::write, "($self, data, /)", "Write bytes at the present place; the blob does not grow.";
            sig "seek" => Blob::seek, "($self, offset, origin=0, /)", "Go to another place.";
            noargs "tell" => |py: Attached<'_>, this: &Blob| this.check(py).map(|()| this.offset.get()), "($self, /)", "The present place.";
            noargs "__enter__" => |py: Attached<'_>, this: &Blob| this.check(py).map(|()| this.to_ref()), "($self, /)", "The blob itself.";
            sig "__exit__" => |py: Attached<'_>, this: &Blob, _: [Arg<'_>; 3]| this.check(py).map(|()| this.shut(py)), "($self, type, val, tb, /)", "Close the blob.";
        },
    }
}

/// `Connection.blobopen()`.
pub fn open(
    py: Attached<'_>,
    connection: &Connection,
    [table, column, row, readonly, name]: [Arg<'_>; 5],
) -> PyResult<Ref<Blob>> {
    let db = connection.usable(py)?;
    let table = c_text(py, required(py, table)?, "blobopen() argument 1 must be str, not")?;
    let column = c_text(py, required(py, column)?, "blobopen() argument 2 must be str, not")?;
    let row = required(py, row)?.index(py)?;
    let Some(row) = row.to_i64() else {
        return Err(raise!(py, OverflowError, "Python int too large to convert to SQLite INTEGER"));
    };
    let readonly = readonly.map_or(Ok(false), |flag| flag.is_true(py))?;
    let name = match name {
        Some(name) => c_text(py, name, "blobopen() argument 'name' must be str, not")?,
        None => c"main".to_owned(),
    };
    let mut raw = ptr::null_mut();
    // SAFETY: an open database and C texts; the result goes to a local.
    let code = inside(py, || unsafe {
        let writable = c_int::from(!readonly);
        ffi::sqlite3_blob_open(db.0, name.as_ptr(), table.as_ptr(), column.as_ptr(), row, writable, &mut raw)
    });
    if code != ffi::SQLITE_OK {
        // SAFETY: an open database.
        return Err(unsafe { raise_db(py, db.0) });
    }
    let this = alloc::<Blob>(py, Blob::type_object())?;
    this.raw.set(raw);
    drop(this.connection.replace(Some(connection.to_ref())));
    connection.blobs().lock().0.push(this.as_ptr() as usize);
    Ok(this)
}

/// Closes what a connection has open.
pub fn close_all(py: Attached<'_>, open: &State<Open>) {
    let blobs = std::mem::take(&mut open.lock().0);
    for blob in blobs {
        let blob = ptr::with_exposed_provenance_mut::<Blob>(blob);
        // SAFETY: a blob takes itself off the list before it is freed.
        let raw = unsafe { (*blob).raw.get() };
        // SAFETY: as above.
        unsafe { (*blob).raw.set(ptr::null_mut()) };
        // SAFETY: open until here; null is allowed.
        inside(py, || unsafe { ffi::sqlite3_blob_close(raw) });
    }
}

/// Slices go forward.
fn check_step(py: Attached<'_>, step: isize) -> PyResult<()> {
    match step > 0 {
        true => Ok(()),
        false => Err(raise!(py, ValueError, "Blob slices with a negative step are not supported")),
    }
}

impl Blob {
    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn end(py: Attached<'_>, this: ptr::NonNull<Blob>) {
        // SAFETY: by the contract.
        unsafe {
            this.as_ref().shut(py);
            Blob::dealloc(py, this);
        }
    }

    fn shut(&self, py: Attached<'_>) {
        if let Some(connection) = self.connection.get() {
            let address = self.as_ptr() as usize;
            connection.blobs().lock().0.retain(|blob| *blob != address);
        }
        let raw = self.raw.get();
        self.raw.set(ptr::null_mut());
        if !raw.is_null() {
            // SAFETY: open until here.
            inside(py, || unsafe { ffi::sqlite3_blob_close(raw) });
        }
    }

    fn check(&self, py: Attached<'_>) -> PyResult<()> {
        part(py, &self.connection)?.usable(py)?;
        match self.raw.get().is_null() {
            true => Err(misuse(py, "Cannot operate on a closed blob.")),
            false => Ok(()),
        }
    }

    fn len(&self) -> i32 {
        // SAFETY: the blob is open.
        unsafe { ffi::sqlite3_blob_bytes(self.raw.get()) }
    }

    fn close(py: Attached<'_>, this: &Blob) -> PyResult<()> {
        part(py, &this.connection)?.usable(py)?;
        this.shut(py);
        Ok(())
    }

    fn failed(&self, py: Attached<'_>) -> PyResult<krait_object::Raised> {
        let db = part(py, &self.connection)?.usable(py)?;
        // SAFETY: an open database.
        Ok(unsafe { raise_db(py, db.0) })
    }

    fn get(&self, py: Attached<'_>, offset: i32, count: i32) -> PyResult<Vec<u8>> {
        let mut bytes = krait_object::reserve::zeros::<u8>(py, count as usize)?;
        // SAFETY: the buffer has room for so many bytes.
        let code =
            inside(py, || unsafe { ffi::sqlite3_blob_read(self.raw.get(), bytes.as_mut_ptr().cast(), count, offset) });
        match code {
            ffi::SQLITE_OK => Ok(bytes),
            _ => Err(self.failed(py)?),
        }
    }

    fn put(&self, py: Attached<'_>, offset: i32, bytes: &[u8]) -> PyResult<()> {
        if bytes.len() as i64 > i64::from(self.len()) - i64::from(offset) {
            return Err(raise!(py, ValueError, "data longer than blob length"));
        }
        // SAFETY: so many bytes are there.
        let code = inside(py, || unsafe {
            ffi::sqlite3_blob_write(self.raw.get(), bytes.as_ptr().cast(), bytes.len() as c_int, offset)
        });
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(self.failed(py)?),
        }
    }

    fn read(py: Attached<'_>, this: &Blob, [length]: [Arg<'_>; 1]) -> PyResult<Ref<Bytes>> {
        let length = length.map_or(Ok(-1), |length| length.as_i32(py))?;
        this.check(py)?;
        let left = this.len() - this.offset.get();
        let length = if length < 0 || length > left { left } else { length };
        if length == 0 {
            return Ok(Bytes::empty());
        }
        let bytes = this.get(py, this.offset.get(), length)?;
        this.offset.set(this.offset.get() + length);
        Bytes::new(py, &bytes)
    }

    fn write(py: Attached<'_>, this: &Blob, data: &Object) -> PyResult<()> {
        let data = Buffer::contiguous(py, data)?;
        this.check(py)?;
        this.put(py, this.offset.get(), data.as_slice())?;
        this.offset.set(this.offset.get() + data.as_slice().len() as i32);
        Ok(())
    }

    fn seek(py: Attached<'_>, this: &Blob, [offset, origin]: [Arg<'_>; 2]) -> PyResult<()> {
        let offset = required(py, offset)?.as_i32(py)?;
        let origin = origin.map_or(Ok(0), |origin| origin.as_i32(py))?;
        this.check(py)?;
        let length = this.len();
        let base = match origin {
            0 => 0,
            1 => this.offset.get(),
            2 => length,
            _ => {
                let message = "'origin' should be os.SEEK_SET, os.SEEK_CUR, or os.SEEK_END";
                return Err(raise!(py, ValueError, "{message}"));
            }
        };
        let Some(place) = base.checked_add(offset) else {
            return Err(raise!(py, OverflowError, "seek offset results in offset overflow"));
        };
        if !(0..=length).contains(&place) {
            return Err(raise!(py, ValueError, "offset out of blob range"));
        }
        this.offset.set(place);
        Ok(())
    }

    /// The place that an index means.
    fn place(&self, py: Attached<'_>, index: &Object) -> PyResult<i32> {
        let index = index.as_index(py)?;
        let length = self.len() as isize;
        let index = if index < 0 { index + length } else { index };
        match (0..length).contains(&index) {
            true => Ok(index as i32),
            false => Err(raise!(py, IndexError, "Blob index out of range")),
        }
    }

    fn subscript(py: Attached<'_>, this: &Blob, key: &Object) -> PyResult<Ref<Object>> {
        this.check(py)?;
        if key.downcast::<Int>().is_some() || key.has_index() {
            let place = this.place(py, key)?;
            return this.get(py, place, 1)?[0].into_object(py);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "Blob indices must be integers"));
        };
        let (start, _, step, count) = slice.indices(py, this.len() as usize)?;
        if count == 0 {
            return Ok(Bytes::empty().upcast());
        }
        check_step(py, step)?;
        if step == 1 {
            return Ok(Bytes::new(py, &this.get(py, start as i32, count as i32)?)?.upcast());
        }
        let all = this.get(py, 0, this.len())?;
        let picked: Vec<u8> = (0..count).map(|at| all[(start + at as isize * step) as usize]).collect();
        Ok(Bytes::new(py, &picked)?.upcast())
    }

    fn assign(py: Attached<'_>, this: &Blob, key: &Object, value: Option<&Object>) -> PyResult<()> {
        this.check(py)?;
        if key.downcast::<Int>().is_some() || key.has_index() {
            let Some(value) = value else {
                return Err(raise!(py, TypeError, "Blob doesn't support item deletion"));
            };
            let place = this.place(py, key)?;
            if value.downcast::<Int>().is_none() {
                let kind = krait_object::native::type_name(value);
                return Err(raise!(py, TypeError, "'{kind}' object cannot be interpreted as an integer"));
            }
            return match value.downcast::<Int>().and_then(Int::to_i64).and_then(|value| u8::try_from(value).ok()) {
                Some(byte) => this.put(py, place, &[byte]),
                None => Err(raise!(py, ValueError, "byte must be in range(0, 256)")),
            };
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(py, TypeError, "Blob indices must be integers"));
        };
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "Blob doesn't support slice deletion"));
        };
        let (start, _, step, count) = slice.indices(py, this.len() as usize)?;
        let data = Buffer::contiguous(py, value)?;
        if data.as_slice().len() != count {
            return Err(raise!(py, IndexError, "Blob slice assignment is wrong size"));
        }
        if count == 0 {
            return Ok(());
        }
        check_step(py, step)?;
        if step == 1 {
            return this.put(py, start as i32, data.as_slice());
        }
        let mut all = this.get(py, 0, this.len())?;
        for (at, byte) in data.as_slice().iter().enumerate() {
            all[(start + at as isize * step) as usize] = *byte;
        }
        this.put(py, 0, &all)
    }
}
