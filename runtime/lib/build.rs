//! Takes the stdlib's files from `rustpython-pylib`, applies `patches/`, and writes
//! - `OUT_DIR/stdlib.pack` and `OUT_DIR/index.rs`: the copy that is embedded in the library,
//! - `OUT_DIR/frozen.pack` and `OUT_DIR/frozen.rs`: the code of the modules in `frozen.txt`,
//! - `<target>/lib/python3.14/` (and `python3.14t`, a link to it): the same files on disk, at the place where
//!   the ordinary prefix search of an interpreter in `<target>/<profile>/` finds them.
//!
//! The format of the patches is described in `patches/README.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

type Files = BTreeMap<String, Vec<u8>>;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=patches");
    println!("cargo::rerun-if-changed=frozen.txt");
    println!("cargo::rerun-if-changed=sysconfigdata.py.in");
    let mut files = Files::new();
    collect(Path::new(rustpython_pylib::LIB_PATH), "", &mut files);
    remove(&mut files, &fs::read_to_string("patches/remove.txt").expect("patches/remove.txt"));
    for entry in fs::read_dir("patches").expect("patches/").flatten() {
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        if let Some(stem) = name.strip_suffix(".edit") {
            let text = fs::read_to_string(entry.path()).expect("a readable patch");
            edit(&mut files, &stem.replace("--", "/"), &text);
        }
    }
    if Path::new("patches/add").is_dir() {
        collect(Path::new("patches/add"), "", &mut files);
    }

    build_variables(&mut files);

    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("OUT_DIR"));
    pack(&files, &out);
    freeze(&files, &out);
    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out, with the triple before the profile when one is given.
    if let Some(target) = out.ancestors().nth(4) {
        lay_out(&files, &target.join("lib"));
    }
}

fn collect(dir: &Path, prefix: &str, files: &mut Files) {
    let Ok(entries) = fs::read_dir(dir) else { panic!("cannot read the stdlib folder for {prefix:?}") };
    for entry in entries.flatten() {
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if name != "__pycache__" {
                collect(&entry.path(), &format!("{path}/"), files);
            }
        } else if !name.ends_with(".pyc") {
            files.insert(path, fs::read(entry.path()).expect("a readable file"));
        }
    }
}

fn remove(files: &mut Files, list: &str) {
    for line in list.lines() {
        let path = line.split(" # ").next().unwrap_or(line).trim();
        if path.is_empty() {
            continue;
        }
        let before = files.len();
        files.retain(|f, _| if path.ends_with('/') { !f.starts_with(path) } else { f != path });
        assert!(files.len() < before, "patches/remove.txt: there is no {path}");
    }
}

/// Applies one `.edit` file: blocks `<<<<` old `====` new `>>>>`, where old occurs exactly once.
fn edit(files: &mut Files, path: &str, patch: &str) {
    let Some(file) = files.get_mut(path) else { panic!("patches: there is no {path}") };
    let mut text = String::from_utf8(std::mem::take(file)).expect("a UTF-8 file");
    let (mut old, mut new, mut part) = (String::new(), String::new(), 0);
    for line in patch.lines() {
        match (line, part) {
            ("<<<<", 0) => {
                old.clear();
                new.clear();
                part = 1;
            }
            ("====", 1) => part = 2,
            (">>>>", 2) => {
                let n = text.matches(&old).count();
                assert!(n == 1, "patches: {n} places in {path} match this text:\n{old}");
                text = text.replacen(&old, &new, 1);
                part = 0;
            }
            (_, 0) => assert!(line.trim().is_empty(), "patches: text between the blocks for {path}: {line}"),
            (_, 1) => old.extend([line, "\n"]),
            _ => new.extend([line, "\n"]),
        }
    }
    assert!(part == 0, "patches: the last block for {path} has no end");
    *file = text.into_bytes();
}

/// The module in which sysconfig looks for the build's variables, once for each mode.
fn build_variables(files: &mut Files) {
    let template = fs::read_to_string("sysconfigdata.py.in").expect("sysconfigdata.py.in");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").expect("CARGO_CFG_TARGET_ARCH");
    for abiflags in ["", "t"] {
        let text = template.replace("@ABIFLAGS@", abiflags).replace("@ARCH@", &arch);
        files.insert(format!("_sysconfigdata_{abiflags}_linux_{arch}-linux-gnu.py"), text.into_bytes());
    }
}

/// One blob with every file deflated on its own, and a table sorted by path.
fn pack(files: &Files, out: &Path) {
    let mut blob = Vec::new();
    let mut index = String::from("pub(crate) static INDEX: &[Entry] = &[\n");
    for (path, data) in files {
        let small = deflate(data);
        let stored = if small.len() < data.len() { &small } else { data };
        let (at, stored_len, len) = (blob.len(), stored.len(), data.len());
        blob.extend_from_slice(stored);
        let _ = writeln!(index, "    Entry {{ path: {path:?}, at: {at}, stored: {stored_len}, len: {len} }},");
    }
    index.push_str("];\n");
    write(&out.join("stdlib.pack"), &blob);
    write(&out.join("index.rs"), index.as_bytes());
}

/// One blob with the marshalled code of the modules in `frozen.txt`, and a table sorted by name.
fn freeze(files: &Files, out: &Path) {
    let list = fs::read_to_string("frozen.txt").expect("frozen.txt");
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let modules: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(' ')).collect();
    let mut blob = Vec::new();
    let mut index = String::from("pub(crate) static FROZEN: &[FrozenEntry] = &[\n");
    for (name, rest) in modules {
        let (path, always) = rest.strip_suffix(" always").map_or((rest, false), |path| (path, true));
        let Some(source) = files.get(path) else { panic!("frozen.txt: there is no {path}") };
        let origin = path.strip_suffix(".py").expect("a Python file").replace('/', ".");
        let origin = origin.strip_suffix(".__init__").unwrap_or(&origin);
        let filename = format!("<frozen {origin}>");
        let mode = krait_compiler::Mode::Exec;
        let code = match krait_compiler::compile_bytes(source, &filename, mode, krait_compiler::Flags::default()) {
            Ok(compiled) => krait_bytecode::marshal::dump_code(&compiled.code),
            Err(error) => panic!("frozen.txt: {path}: {error:?}"),
        };
        let (at, len, package) = (blob.len(), code.len(), path.ends_with("/__init__.py"));
        blob.extend_from_slice(&code);
        let _ = write!(index, "    FrozenEntry {{ name: {name:?}, origin: {origin:?}, package: {package}, ");
        let _ = writeln!(index, "always: {always}, at: {at}, len: {len} }},");
    }
    index.push_str("];\n");
    write(&out.join("frozen.pack"), &blob);
    write(&out.join("frozen.rs"), index.as_bytes());
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zlib_rs::compress_bound(data.len())];
    let config = zlib_rs::DeflateConfig { level: 9, ..Default::default() };
    let (done, code) = zlib_rs::compress_slice(&mut out, data, config);
    assert!(code == zlib_rs::ReturnCode::Ok, "cannot deflate: {code:?}");
    let n = done.len();
    out.truncate(n);
    out
}

fn lay_out(files: &Files, lib: &Path) {
    let root = lib.join("python3.14");
    let mut had = Files::new();
    if root.is_dir() {
        collect(&root, "", &mut had);
    }
    for (path, data) in files {
        if had.remove(path).as_ref() != Some(data) {
            write(&root.join(path), data);
        }
    }
    for path in had.into_keys().filter(|p| !p.starts_with("site-packages/")) {
        let _ = fs::remove_file(root.join(path));
    }
    let _ = fs::create_dir_all(root.join("site-packages"));
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink("python3.14", lib.join("python3.14t"));
}

/// Writes through a temporary name, because two profiles may build at the same time.
fn write(path: &Path, data: &[u8]) {
    let dir = path.parent().expect("a folder");
    fs::create_dir_all(dir).expect("a writable target folder");
    let temp = dir.join(format!(".{}.tmp", std::process::id()));
    fs::write(&temp, data).and_then(|()| fs::rename(&temp, path)).expect("a writable target folder");
}
