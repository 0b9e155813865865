//! The standard library's Python files, embedded.
//!
//! Owns the file set (crate `rustpython-pylib` with our `patches/`) and its packed form, and the marshalled code of
//! the modules that every start imports, which the build script compiles.
//! Knows nothing about modules, code objects or import: it maps paths and names to bytes.
//! Paths are relative to the stdlib folder and use `/`: `os.py`, `json/decoder.py`.
//!
//! The same files lie on disk in `<target>/lib/python3.14[t]/` after a build, where the usual prefix search of an
//! interpreter in `<target>/<profile>/` finds them; `cargo xtask dist` writes them into the prefix it lays out.

#![forbid(unsafe_code)]

use std::borrow::Cow;

/// The version of CPython whose library this is, as `sys.version_info` has it.
pub const PYTHON_VERSION: (u8, u8, u8) = (3, 14, 10);

struct Entry {
    path: &'static str,
    at: usize,
    stored: usize,
    len: usize,
}

include!(concat!(env!("OUT_DIR"), "/index.rs"));
static PACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stdlib.pack"));

struct FrozenEntry {
    name: &'static str,
    origin: &'static str,
    package: bool,
    always: bool,
    at: usize,
    len: usize,
}

include!(concat!(env!("OUT_DIR"), "/frozen.rs"));
static FROZEN_PACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/frozen.pack"));

/// A module whose code is part of the library.
#[derive(Clone, Copy, Debug)]
pub struct Frozen {
    /// The name that it is imported by.
    pub name: &'static str,
    /// The name that its file in the library has.
    pub origin: &'static str,
    /// Whether it is a package.
    pub package: bool,
    /// Whether options leave it frozen.
    pub always: bool,
    /// Its code object in the `marshal` format.
    pub code: &'static [u8],
}

impl FrozenEntry {
    fn module(&self) -> Frozen {
        let code = &FROZEN_PACK[self.at..self.at + self.len];
        Frozen { name: self.name, origin: self.origin, package: self.package, always: self.always, code }
    }
}

/// The frozen module of this name.
pub fn frozen(name: &str) -> Option<Frozen> {
    FROZEN.binary_search_by(|e| e.name.cmp(name)).ok().map(|i| FROZEN[i].module())
}

/// All frozen modules, sorted by name.
pub fn all_frozen() -> impl Iterator<Item = Frozen> {
    FROZEN.iter().map(FrozenEntry::module)
}

impl Entry {
    fn bytes(&self) -> Cow<'static, [u8]> {
        let stored = &PACK[self.at..self.at + self.stored];
        if self.stored == self.len {
            return Cow::Borrowed(stored);
        }
        let mut out = vec![0; self.len];
        let (_, code) = zlib_rs::decompress_slice(&mut out, stored, zlib_rs::InflateConfig::default());
        assert!(code == zlib_rs::ReturnCode::Ok, "the embedded {} is damaged", self.path);
        Cow::Owned(out)
    }
}

/// Every file with its bytes, sorted by path. A file is unpacked when the iterator reaches it.
pub fn files() -> impl Iterator<Item = (&'static str, Cow<'static, [u8]>)> {
    INDEX.iter().map(|e| (e.path, e.bytes()))
}

/// Every path, sorted, without unpacking anything.
pub fn paths() -> impl Iterator<Item = &'static str> {
    INDEX.iter().map(|e| e.path)
}

/// The bytes of one file, or `None` when the library has no such file.
pub fn get(path: &str) -> Option<Cow<'static, [u8]>> {
    find(path).map(Entry::bytes)
}

/// Whether the library has this file.
pub fn contains(path: &str) -> bool {
    find(path).is_some()
}

/// The unpacked size of a file in bytes.
pub fn size(path: &str) -> Option<usize> {
    find(path).map(|e| e.len)
}

/// Whether some file lies below this folder (given without a trailing slash; the empty string is the root).
pub fn is_dir(path: &str) -> bool {
    path.is_empty() || below(path).next().is_some()
}

/// The names directly in a folder, sorted by full path: a file's name, or a folder's with a trailing slash.
pub fn list_dir(path: &str) -> Vec<&'static str> {
    let skip = if path.is_empty() { 0 } else { path.len() + 1 };
    let mut names: Vec<&'static str> = Vec::new();
    for entry in below(path) {
        let rest = &entry.path[skip..];
        let name = rest.find('/').map_or(rest, |i| &rest[..=i]);
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

fn find(path: &str) -> Option<&'static Entry> {
    INDEX.binary_search_by(|e| e.path.cmp(path)).ok().map(|i| &INDEX[i])
}

fn below(dir: &str) -> impl Iterator<Item = &'static Entry> {
    let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let from = INDEX.partition_point(|e| e.path < prefix.as_str());
    INDEX[from..].iter().take_while(move |e| e.path.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_what_python_needs_to_start() {
        for path in ["os.py", "encodings/utf_8.py", "importlib/_bootstrap_external.py", "site.py"] {
            let text = super::get(path).expect(path);
            assert!(!text.is_empty(), "{path} is empty");
            assert_eq!(super::size(path), Some(text.len()));
        }
        assert!(super::get("no_such_module.py").is_none());
        assert!(super::get("encodings").is_none());
    }

    #[test]
    fn has_the_code_that_starts_import() {
        for name in ["_frozen_importlib", "_frozen_importlib_external", "os", "zipimport"] {
            let found = super::frozen(name).expect(name);
            assert_eq!(found.code[0] & 0x7f, b'c', "{name} is no code object");
        }
        assert!(super::frozen("__phello__").is_some_and(|found| found.package));
        assert!(super::frozen("no_such_module").is_none());
        assert!(super::all_frozen().count() > 10);
    }

    #[test]
    fn lists_folders() {
        assert!(super::is_dir("json") && super::is_dir("") && !super::is_dir("js"));
        assert_eq!(
            super::list_dir("json"),
            ["__init__.py", "__main__.py", "decoder.py", "encoder.py", "scanner.py", "tool.py"]
        );
        assert!(super::list_dir("").contains(&"json/"));
        assert!(super::list_dir("").contains(&"os.py"));
    }

    #[test]
    fn every_file_unpacks_and_none_names_another_implementation() {
        let mut count = 0;
        for (path, bytes) in super::files() {
            count += 1;
            let heading_only = path == "_opcode_metadata.py" || path.ends_with(".whl");
            let found = bytes.windows(10).any(|w| w.eq_ignore_ascii_case(b"rustpython"));
            assert!(heading_only || !found, "{path} still has an edit made for another implementation");
        }
        assert_eq!(count, super::paths().count());
        assert!(count > 500);
    }
}
