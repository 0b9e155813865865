//! `listdir`, `scandir` and directory entries.
use super::stat;
use crate::util::*;
use crate::vm;
use krait_object::exceptions::raise_os_error_with;
use krait_object::layout::{PyMethodDef, PyObject};
use krait_object::{
    Attached, Field, Layout, List, Object, PyResult, Ref, Slot, Str, Tuple, Type, functions, mem, pytype, raise,
};
use std::ffi::{CStr, c_int};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

/// An open directory.
struct Dir(NonNull<libc::DIR>);

// SAFETY: a directory stream may move between threads; its users exclude each other.
unsafe impl Send for Dir {}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: the stream is open and ours.
        unsafe { libc::closedir(self.0.as_ptr()) };
    }
}

impl Dir {
    /// Opens a path, or a copy of a descriptor at its beginning.
    fn open(path: &Path<'_>) -> Result<Dir, c_int> {
        // SAFETY: the path is a C string; a failed call leaves no descriptor behind.
        unsafe {
            let raw = match path.fd {
                Some(fd) => {
                    let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0);
                    if copy < 0 {
                        return Err(errno());
                    }
                    let raw = libc::fdopendir(copy);
                    if raw.is_null() {
                        let error = errno();
                        libc::close(copy);
                        return Err(error);
                    }
                    libc::rewinddir(raw);
                    raw
                }
                None => libc::opendir(path.ptr()),
            };
            NonNull::new(raw).map(Dir).ok_or_else(errno)
        }
    }

    /// The next entry besides `.` and `..`.
    fn next(&self) -> Result<Option<(Vec<u8>, u64, u8)>, c_int> {
        loop {
            // SAFETY: the stream is open; the entry is valid until the next call.
            unsafe {
                *libc::__errno_location() = 0;
                let Some(entry) = libc::readdir(self.0.as_ptr()).as_ref() else {
                    return match errno() {
                        0 => Ok(None),
                        error => Err(error),
                    };
                };
                let name = CStr::from_ptr(entry.d_name.as_ptr()).to_bytes();
                if name != b"." && name != b".." {
                    return Ok(Some((name.to_vec(), entry.d_ino, entry.d_type)));
                }
            }
        }
    }
}

fn listdir(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<List>> {
    let path = Path::or_here(py, path, "listdir")?;
    let none = krait_object::none();
    vm::audit(py, "os.listdir", &[path.object.unwrap_or(&none)])?;
    let names = vm::without(py, || {
        let dir = Dir::open(&path)?;
        let mut names = Vec::new();
        while let Some((name, ..)) = dir.next()? {
            names.push(name);
        }
        if path.fd.is_some() {
            // SAFETY: the stream is open.
            unsafe { libc::rewinddir(dir.0.as_ptr()) };
        }
        Ok(names)
    });
    let names = names.map_err(|errno| path.error(py, errno))?;
    let names = names.iter().map(|name| path.result(py, name)).collect::<PyResult<Vec<_>>>()?;
    List::from_vec(py, names)
}

/// What a scan goes over.
struct Scan {
    dir: Option<Dir>,
    /// Directory and separator before each name; `None` for a descriptor.
    prefix: Option<Vec<u8>>,
    fd: Option<c_int>,
    is_bytes: bool,
}

/// `posix.ScandirIterator`.
#[repr(C)]
pub struct ScandirIterator {
    ob_base: PyObject,
    scan: Field<*mut Scan>,
    path: Slot,
}

pytype! {
    pub static SCANDIR_TYPE: "posix.ScandirIterator" for ScandirIterator {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = ScandirIterator::dealloc, tp_finalize = ScandirIterator::finalize,
            tp_iter = ScandirIterator::iter, tp_iternext = ScandirIterator::next,
        },
        methods: {
            noargs "close" => ScandirIterator::close, "($self, /)", "Ends the scan.";
            noargs "__enter__" => ScandirIterator::iter, "($self, /)", "The iterator.";
            raw "__exit__" => ScandirIterator::exit, "($self, /, *exc_info)", "Ends the scan.";
        },
    }
}

impl ScandirIterator {
    fn take(&self, py: Attached<'_>) -> Option<Dir> {
        let _lock = self.lock(py);
        // SAFETY: [locked]; the scan lives as long as the object.
        unsafe { self.scan.get().as_mut() }.and_then(|scan| scan.dir.take())
    }

    fn close(py: Attached<'_>, this: &Self) {
        drop(this.take(py));
    }

    fn exit(py: Attached<'_>, this: &Self, _: krait_object::args::Args<'_>) {
        Self::close(py, this);
    }

    fn iter(_: Attached<'_>, this: &Self) -> Ref<Self> {
        this.to_ref()
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<DirEntry>>> {
        let lock = this.lock(py);
        // SAFETY: [locked]; the scan lives as long as the object.
        let Some(scan) = (unsafe { this.scan.get().as_mut() }) else { return Ok(None) };
        let Some(dir) = &scan.dir else { return Ok(None) };
        let found = dir.next();
        let (prefix, fd, is_bytes) = (scan.prefix.clone(), scan.fd, scan.is_bytes);
        if !matches!(found, Ok(Some(_))) {
            scan.dir = None;
        }
        drop(lock);
        let path = this.path.get();
        match found {
            Ok(Some((name, inode, kind))) => DirEntry::make(py, prefix, fd, is_bytes, &name, inode, kind).map(Some),
            Ok(None) => Ok(None),
            Err(errno) => Err(raise_os_error_with(py, errno, path.as_deref(), None)),
        }
    }

    fn finalize(py: Attached<'_>, this: &Self) {
        if let Some(dir) = this.take(py) {
            drop(dir);
            krait_vm::warnings::warn_unclosed(py, "scandir iterator ", this.as_object());
        }
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the scan is freed once.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                let scan = this.scan.swap(std::ptr::null_mut(), Ordering::AcqRel);
                if !scan.is_null() {
                    drop(Box::from_raw(scan));
                }
                drop(this.path.take());
            });
        }
    }
}

fn scandir(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<ScandirIterator>> {
    let object = path;
    let path = Path::or_here(py, path, "scandir")?;
    let none = krait_object::none();
    vm::audit(py, "os.scandir", &[path.object.unwrap_or(&none)])?;
    let dir = vm::without(py, || Dir::open(&path)).map_err(|errno| path.error(py, errno))?;
    let prefix = path.fd.is_none().then(|| {
        let mut prefix = path.text.as_bytes().to_vec();
        if !prefix.ends_with(b"/") {
            prefix.push(b'/');
        }
        prefix
    });
    let prefix = if given(object).is_none() { Some(b"./".to_vec()) } else { prefix };
    let scan = Scan { dir: Some(dir), prefix, fd: path.fd, is_bytes: path.is_bytes };
    mem::new_instance(py, ScandirIterator::type_object(), |this: &ScandirIterator| {
        this.scan.set(Box::into_raw(Box::new(scan)));
        drop(this.path.replace(path.object.map(|object| object.to_ref())));
    })
}

/// `os.DirEntry`.
#[repr(C)]
pub struct DirEntry {
    ob_base: PyObject,
    name: Slot,
    path: Slot,
    stat: Slot<Tuple>,
    lstat: Slot<Tuple>,
    inode: Field<u64>,
    dir_fd: Field<c_int>,
    kind: Field<u8>,
}

pytype! {
    pub static DIR_ENTRY_TYPE: "posix.DirEntry" for DirEntry {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        doc: "One entry of a directory, as scandir() finds it.",
        slots: { tp_dealloc = DirEntry::dealloc, tp_repr = DirEntry::repr },
        methods: {
            sig "is_dir" => DirEntry::is_dir, "($self, /, *, follow_symlinks=True)", "Whether it is a directory.";
            sig "is_file" => DirEntry::is_file, "($self, /, *, follow_symlinks=True)", "Whether it is a regular file.";
            noargs "is_symlink" => DirEntry::is_symlink, "($self, /)", "Whether it is a symbolic link.";
            noargs "is_junction" => DirEntry::is_junction, "($self, /)", "Whether it is a junction: never here.";
            sig "stat" => DirEntry::stat, "($self, /, *, follow_symlinks=True)", "The entry's stat_result.";
            noargs "inode" => DirEntry::inode, "($self, /)", "The inode number.";
            noargs "__fspath__" => DirEntry::get_path, "($self, /)", "The path.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "For annotations.";
        },
        getset: {
            "name" => DirEntry::get_name, "the entry's base filename, relative to scandir() \"path\" argument";
            "path" => DirEntry::get_path, "the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)";
        },
    }
}

fn class_getitem(py: Attached<'_>, ty: &Type, item: &Object) -> PyResult<Ref<Object>> {
    crate::util::generic_alias(py, ty, item)
}

impl DirEntry {
    fn make(
        py: Attached<'_>,
        prefix: Option<Vec<u8>>,
        fd: Option<c_int>,
        is_bytes: bool,
        name: &[u8],
        inode: u64,
        kind: u8,
    ) -> PyResult<Ref<DirEntry>> {
        let text = |bytes: &[u8]| -> PyResult<Ref<Object>> {
            if is_bytes { Ok(krait_object::Bytes::new(py, bytes)?.upcast()) } else { fs_text(py, bytes) }
        };
        let name_object = text(name)?;
        let path = match prefix {
            Some(mut prefix) => {
                prefix.extend_from_slice(name);
                text(&prefix)?
            }
            None => name_object.clone(),
        };
        mem::new_instance(py, Self::type_object(), |this: &DirEntry| {
            drop(this.name.replace(Some(name_object)));
            drop(this.path.replace(Some(path)));
            this.inode.set(inode);
            this.dir_fd.set(fd.unwrap_or(libc::AT_FDCWD));
            this.kind.set(kind);
        })
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the slots are emptied once.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.name.take());
                drop(this.path.take());
                drop(this.stat.take());
                drop(this.lstat.take());
            });
        }
    }

    fn get_name(_: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
        this.name.get()
    }

    fn get_path(_: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
        this.path.get()
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let name = this.name.get().unwrap_or_else(krait_object::none);
        Str::new(py, &format!("<DirEntry {}>", name.repr(py)?))
    }

    fn read_stat(&self, py: Attached<'_>, follow: bool) -> PyResult<Ref<Tuple>> {
        let path_object = self.path.get().unwrap_or_else(krait_object::none);
        let path = Path::new(py, &path_object, "stat", "path")?;
        match stat::stat_path(py, &path, self.dir_fd.get(), follow)? {
            Ok(st) => stat::make(py, &st),
            Err(errno) => Err(path.error(py, errno)),
        }
    }

    fn get_lstat(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        if let Some(known) = self.lstat.get() {
            return Ok(known);
        }
        let found = self.read_stat(py, false)?;
        drop(self.lstat.replace(Some(found.clone())));
        Ok(found)
    }

    fn get_stat(&self, py: Attached<'_>, follow: bool) -> PyResult<Ref<Tuple>> {
        if !follow {
            return self.get_lstat(py);
        }
        if let Some(known) = self.stat.get() {
            return Ok(known);
        }
        let found = if Self::is_symlink(py, self)? { self.read_stat(py, true)? } else { self.get_lstat(py)? };
        drop(self.stat.replace(Some(found.clone())));
        Ok(found)
    }

    fn stat(py: Attached<'_>, this: &Self, [follow]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
        let follow = bool_or(py, follow, true)?;
        this.get_stat(py, follow)
    }

    fn is_symlink(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        match this.kind.get() {
            libc::DT_UNKNOWN => this.test_mode(py, false, libc::S_IFLNK),
            kind => Ok(kind == libc::DT_LNK),
        }
    }

    /// Whether the entry's file has the type; a file that went away has none.
    fn test_mode(&self, py: Attached<'_>, follow: bool, wanted: u32) -> PyResult<bool> {
        let is_link = self.kind.get() == libc::DT_LNK;
        if self.kind.get() == libc::DT_UNKNOWN || (follow && is_link) {
            let st = match self.get_stat(py, follow) {
                Ok(st) => st,
                Err(raised) if raised.matches(py, krait_object::exc::FileNotFoundError()) => {
                    raised.clear(py);
                    return Ok(false);
                }
                Err(raised) => return Err(raised),
            };
            let mode = st.as_slice()[0].as_i64(py)? as u32;
            return Ok(mode & libc::S_IFMT == wanted);
        }
        Ok(match wanted {
            libc::S_IFDIR => self.kind.get() == libc::DT_DIR,
            libc::S_IFREG => self.kind.get() == libc::DT_REG,
            _ => is_link,
        })
    }

    fn is_dir(py: Attached<'_>, this: &Self, [follow]: [Option<&Object>; 1]) -> PyResult<bool> {
        let follow = bool_or(py, follow, true)?;
        this.test_mode(py, follow, libc::S_IFDIR)
    }

    fn is_file(py: Attached<'_>, this: &Self, [follow]: [Option<&Object>; 1]) -> PyResult<bool> {
        let follow = bool_or(py, follow, true)?;
        this.test_mode(py, follow, libc::S_IFREG)
    }

    fn is_junction(_: Attached<'_>, _: &Self) -> bool {
        false
    }

    fn inode(_: Attached<'_>, this: &Self) -> u64 {
        this.inode.get()
    }
}

/// `os.fspath` as Python sees it.
fn fspath_function(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
    fspath(py, need(py, path)?)
}

/// A `str` or bytes path's bytes, `None` for other types.
fn pure_path<'a>(py: Attached<'_>, object: &'a Object) -> PyResult<(Vec<u8>, bool, &'a Object)> {
    if let Some(text) = object.downcast::<Str>() {
        return Ok((text.to_fs_bytes(py)?, false, object));
    }
    if let Some(bytes) = object.downcast::<krait_object::Bytes>() {
        return Ok((bytes.as_slice().to_vec(), true, object));
    }
    Err(raise!(py, TypeError, "expected str, bytes or os.PathLike object, not {}", object.ty().name()))
}

/// A path's pieces as objects of its kind.
fn path_object(py: Attached<'_>, bytes: &[u8], is_bytes: bool) -> PyResult<Ref<Object>> {
    if is_bytes { Ok(krait_object::Bytes::new(py, bytes)?.upcast()) } else { fs_text(py, bytes) }
}

/// The length of the root: two slashes stay two, three and more are one.
fn root_len(path: &[u8]) -> usize {
    match path {
        [b'/', b'/', b'/', ..] => 1,
        [b'/', b'/', ..] => 2,
        [b'/', ..] => 1,
        _ => 0,
    }
}

/// The shortest path equal to one of bytes or code points.
fn shortest<T: Copy + PartialEq + From<u8>>(path: &[T], root: usize) -> Vec<T> {
    let (slash, dot) = (T::from(b'/'), T::from(b'.'));
    let mut parts: Vec<&[T]> = Vec::new();
    for part in path.split(|unit| *unit == slash) {
        if part.is_empty() || *part == [dot] {
            continue;
        }
        match parts.last() {
            None if root > 0 && *part == [dot, dot] => {}
            Some(last) if *part == [dot, dot] && **last != [dot, dot] => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let mut out = vec![slash; root];
    out.extend_from_slice(&parts.join(&slash));
    if out.is_empty() {
        out.push(dot);
    }
    out
}

/// The length of the root of a path of code points.
fn text_root(text: &Str) -> usize {
    let start: Vec<u8> = text.code_points().take(3).map(|point| u8::try_from(point).unwrap_or(0xff)).collect();
    root_len(&start)
}

fn normpath(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
    let path = fspath(py, need(py, path)?)?;
    if let Some(text) = (*path).downcast::<Str>() {
        // Text is not encoded: any character may be in a part.
        let points = shortest(&text.to_code_points(), text_root(text));
        return Ok(Str::from_code_points(py, &points)?.upcast());
    }
    let (bytes, is_bytes, _) = pure_path(py, &path)?;
    path_object(py, &shortest(&bytes, root_len(&bytes)), is_bytes)
}

fn splitroot(py: Attached<'_>, _: &Object, [path]: [Option<&Object>; 1]) -> PyResult<Ref<Tuple>> {
    let path = fspath(py, need(py, path)?)?;
    if let Some(text) = (*path).downcast::<Str>() {
        // Text is not encoded: any character may follow the root.
        let (root, len) = (text_root(text), text.len());
        let parts = [text.substring(py, 0, 0)?, text.substring(py, 0, root)?, text.substring(py, root, len)?];
        return tuple(py, parts.into_iter().map(Ref::upcast).collect());
    }
    let (bytes, is_bytes, _) = pure_path(py, &path)?;
    let root = root_len(&bytes);
    tuple(
        py,
        vec![
            path_object(py, b"", is_bytes)?,
            path_object(py, &bytes[..root], is_bytes)?,
            path_object(py, &bytes[root..], is_bytes)?,
        ],
    )
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "listdir" => listdir, "($module, /, path=None)", "Names of a directory's entries, without '.' and '..'.";
        sig "scandir" => scandir, "($module, /, path=None)", "An iterator of a directory's entries.";
        sig "fspath" => fspath_function, "($module, /, path)", "The str or bytes of a path-like object.";
        sig "_path_normpath" => normpath, "($module, /, path)", "The shortest equal path, links not followed.";
        sig "_path_splitroot_ex" => splitroot, "($module, /, p)", "Drive, root and the rest of a path.";
    }
}
