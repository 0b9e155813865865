//! The rules of the house that a compiler does not check.
//!
//! What is allowed is written where a reader looks for it: layers and mode files in ARCHITECTURE.md, statics in
//! `xtask/statics.txt`. A file with `@generated` in its first lines is free of the rules about length.

use crate::{Result, no_more, tree};
use std::collections::{BTreeMap, BTreeSet};

const MAX_LINES: usize = 1500;

pub fn main(args: Vec<String>) -> Result<()> {
    no_more(&args)?;
    let count = check()?;
    println!("tidy: {count} files in order");
    Ok(())
}

/// Checks everything; an error lists every finding.
pub fn check() -> Result<usize> {
    let mut found = Vec::new();
    let files = tree::files()?;
    arrows(&files, &mut found)?;
    let modes = tree::architecture_block("mode-files")?;
    let statics = Statics::read()?;
    let mut used = BTreeSet::new();
    for path in &files {
        fragment_name(path, &mut found);
        let Ok(text) = std::fs::read_to_string(tree::root().join(path)) else { continue };
        if !is_ours(path) {
            continue;
        }
        shape(path, &text, &mut found);
        foreign_words(path, &text, &mut found);
        if path.ends_with(".rs") {
            mode_cfg(path, &text, &modes, &mut found);
            statics.check(path, &text, &mut used, &mut found);
        }
    }
    for (path, name) in &statics.allowed {
        if !used.contains(&(path.clone(), name.clone())) {
            found.push(format!("xtask/statics.txt: {path} has no mutable static {name}"));
        }
    }
    if found.is_empty() {
        return Ok(files.len());
    }
    Err(format!("{} findings\n  {}", found.len(), found.join("\n  ")).into())
}

/// Files whose text somebody else decides.
fn is_ours(path: &str) -> bool {
    let other = ["Cargo.lock", "LICENSE-APACHE"].contains(&path);
    let data = path.ends_with(".edit") || path.ends_with(".snap") || path.contains("/data/");
    !other && !data
}

fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|l| l.contains(concat!("@", "generated")))
}

fn shape(path: &str, text: &str, found: &mut Vec<String>) {
    let source = [".rs", ".c", ".h", ".py"].iter().any(|e| path.ends_with(e));
    let lines = text.lines().count();
    if source && lines >= MAX_LINES && !is_generated(text) {
        found.push(format!("{path}: {lines} lines; a file is under {MAX_LINES}"));
    }
    for (i, line) in text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            found.push(format!("{path}:{}: white space at the end of the line", i + 1));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(format!("{path}: no newline at the end"));
    }
}

/// Paths of one machine and hosts that serve packages have no place in the tree.
fn foreign_words(path: &str, text: &str, found: &mut Vec<String>) {
    let words = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("deb.deb", "ian.org"),
        concat!("static.rust", "-lang.org"),
    ];
    for (i, line) in text.lines().enumerate() {
        for word in words.iter().filter(|w| line.contains(*w)) {
            found.push(format!("{path}:{}: {word} belongs to one machine or registry", i + 1));
        }
    }
}

fn mode_cfg(path: &str, text: &str, allowed: &[String], found: &mut Vec<String>) {
    let twin = path.ends_with("_gil.rs") || path.ends_with("_nogil.rs");
    let listed = allowed.iter().any(|a| match a.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => a == path,
    });
    if twin || listed || path.starts_with("xtask/") {
        return;
    }
    for (i, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        if code.replace(' ', "").contains("feature=\"nogil\"") {
            found.push(format!("{path}:{}: tests the mode outside ARCHITECTURE.md's mode files", i + 1));
        }
    }
}

fn fragment_name(path: &str, found: &mut Vec<String>) {
    let Some(name) = path.strip_prefix("changes/") else { return };
    let parts: Vec<&str> = name.split('.').collect();
    let known = matches!(parts[..], [stem, "feature" | "fix" | "perf" | "docs", "md"] if stem.contains('-'));
    if name != "README.md" && !known {
        found.push(format!("{path}: changes/README.md says how a fragment is named"));
    }
}

/// Dependencies between the workspace's crates against the block in ARCHITECTURE.md.
fn arrows(files: &[String], found: &mut Vec<String>) -> Result<()> {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree::architecture_block("arrows")? {
        let Some((from, to)) = line.split_once(':') else { return Err(format!("ARCHITECTURE.md: {line}").into()) };
        allowed.insert(from.trim().to_string(), to.split_whitespace().map(String::from).collect());
    }
    let mut manifests = BTreeMap::new();
    for path in files.iter().filter(|f| f.ends_with("/Cargo.toml")) {
        let text = std::fs::read_to_string(tree::root().join(path))?;
        let manifest: toml::Table = text.parse().map_err(|e| format!("{path}: {e}"))?;
        let name = manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
        manifests.insert(name.ok_or(format!("{path}: no package name"))?.to_string(), manifest);
    }
    let tool = |krate: &str| krate == "xtask";
    for (name, manifest) in &manifests {
        let Some(may) = allowed.get(name) else {
            found.push(format!("ARCHITECTURE.md: the arrows leave out {name}"));
            continue;
        };
        for table in ["dependencies", "build-dependencies"] {
            let Some(deps) = manifest.get(table).and_then(|d| d.as_table()) else { continue };
            for dep in deps.keys().filter(|d| manifests.contains_key(*d)) {
                if !may.contains(dep) && !tool(name) {
                    found.push(format!("{name} depends on {dep}, which its arrows in ARCHITECTURE.md do not allow"));
                }
            }
        }
    }
    for name in allowed.keys().filter(|n| !manifests.contains_key(*n)) {
        found.push(format!("ARCHITECTURE.md: there is no crate {name}"));
    }
    Ok(())
}

struct Statics {
    allowed: BTreeSet<(String, String)>,
}

impl Statics {
    fn read() -> Result<Statics> {
        let mut allowed = BTreeSet::new();
        for line in std::fs::read_to_string(tree::root().join("xtask/statics.txt"))?.lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(path), Some(name), Some(_reason)) = (words.next(), words.next(), words.next()) else {
                return Err(format!("xtask/statics.txt: not `path NAME reason`: {line}").into());
            };
            allowed.insert((path.to_string(), name.to_string()));
        }
        Ok(Statics { allowed })
    }

    fn check(&self, path: &str, text: &str, used: &mut BTreeSet<(String, String)>, found: &mut Vec<String>) {
        if !path.contains("/src/") || path.starts_with("xtask/") || path.starts_with("loom-tests/") {
            return;
        }
        for (i, line) in text.lines().enumerate() {
            // Test code at the end of a file may keep what state it likes.
            if line.trim() == "#[cfg(test)]" {
                break;
            }
            let Some(name) = mutable_static(line) else { continue };
            let key = (path.to_string(), name.to_string());
            if !self.allowed.contains(&key) {
                found.push(format!("{path}:{}: static {name} can change and is not in xtask/statics.txt", i + 1));
            }
            used.insert(key);
        }
    }
}

/// The name of the static that this line declares, when its type has interior mutability.
fn mutable_static(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after.trim_start();
        if rest.starts_with('(') {
            rest = rest.split_once(')')?.1.trim_start();
        }
    }
    rest = rest.strip_prefix("static ")?.trim_start();
    let always = rest.strip_prefix("mut ");
    let (name, ty) = always.unwrap_or(rest).split_once(':')?;
    let ty = ty.split('=').next().unwrap_or(ty);
    let cells = ["Atomic", "Cell", "Mutex", "RwLock", "Once", "Lazy", "ArcSwap", "Queue", "OnceBox"];
    (always.is_some() || cells.iter().any(|c| ty.contains(c))).then_some(name.trim())
}

#[cfg(test)]
mod tests {
    use super::{foreign_words, mode_cfg, mutable_static, shape};

    #[test]
    fn finds_statics_that_change() {
        assert_eq!(mutable_static("static N: AtomicUsize = AtomicUsize::new(0);"), Some("N"));
        assert_eq!(mutable_static("    pub(crate) static A_B: Mutex<u8> = x;"), Some("A_B"));
        assert_eq!(mutable_static("pub static mut X: u8 = 0;"), Some("X"));
        assert_eq!(mutable_static("static NAMES: &[&str] = &[];"), None);
        assert_eq!(mutable_static("fn f(x: &'static Mutex<u8>) {}"), None);
    }

    #[test]
    fn finds_what_does_not_belong() {
        let mut found = Vec::new();
        shape("a.rs", "fn f() {} \nend", &mut found);
        foreign_words("a.md", concat!("see /ro", "ot/x\n"), &mut found);
        mode_cfg("a.rs", "#[cfg(feature = \"nogil\")]\n// feature = \"nogil\"\n", &["b.rs".into()], &mut found);
        assert_eq!(found.len(), 4, "{found:?}");
        found.clear();
        mode_cfg("runtime/x/mode/a.rs", "#[cfg(feature=\"nogil\")]", &["runtime/x/mode/*".into()], &mut found);
        assert!(found.is_empty());
    }
}
