//! The checkout: where it is, which files it has, where a build puts its products.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The folder of a profile's products.
pub fn products(profile: &str) -> PathBuf {
    target().join(if profile == "dev" { "debug" } else { profile })
}

/// Every file that is tracked, or new and not ignored; paths relative to the root.
/// In a copy without git: every file outside the folders that builds write.
pub fn files() -> Result<Vec<String>> {
    let mut files = match tracked() {
        Some(files) => files,
        None => {
            let mut files = Vec::new();
            walk(&root(), "", &mut files)?;
            files
        }
    };
    files.sort();
    files.dedup();
    files.retain(|f| root().join(f).is_file());
    Ok(files)
}

fn tracked() -> Option<Vec<String>> {
    // The checkout may belong to another user than the one who tests it.
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let out = git.current_dir(root()).output().ok().filter(|o| o.status.success())?;
    let names = String::from_utf8(out.stdout).ok()?;
    Some(names.split('\0').filter(|f| !f.is_empty()).map(String::from).collect())
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if !entry.file_type()?.is_dir() {
            files.push(path);
        } else if ![".git", "target", "dist", "__pycache__"].contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        }
    }
    Ok(())
}

/// The name in a package's Cargo.toml, and the whole of it.
pub fn package_name(path: &str) -> Result<(String, toml::Table)> {
    let manifest: toml::Table =
        std::fs::read_to_string(root().join(path))?.parse().map_err(|e| format!("{path}: {e}"))?;
    let name = manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
    let name = name.ok_or(format!("{path}: no package name"))?.to_string();
    Ok((name, manifest))
}

/// The text of a fenced block with this name in ARCHITECTURE.md.
pub fn architecture_block(name: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let fence = format!("```{name}");
    let lines = text.lines().skip_while(|l| *l != fence).skip(1);
    let block: Vec<String> = lines.take_while(|l| *l != "```").map(String::from).collect();
    if block.is_empty() {
        return Err(format!("ARCHITECTURE.md has no block {fence}").into());
    }
    Ok(block)
}

/// Writes a file and its folder, and leaves it alone when it has these bytes already.
pub fn write(path: &Path, data: impl AsRef<[u8]>) -> Result<()> {
    if std::fs::read(path).is_ok_and(|had| had == data.as_ref()) {
        return Ok(());
    }
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(path, data).map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}
