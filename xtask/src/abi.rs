//! The C API's manifest, headers and exported symbols against each other.
//!
//! - A symbol that the library exports under one of Python's names must be in the manifest, as the same kind.
//! - A name that the manifest gives to a public header must be declared there, in each mode.
//! - What the manifest has and the library lacks is not an error: it is missing, and counted by chapter.
//! - When a folder with external tables is named or lies beside the checkout, its checkers run too.

use crate::manifest::{self, Manifest};
use crate::run::{self, Outcome, Steps};
use crate::{Mode, Result, dist, no_more, status, take_flag, take_modes, take_values, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn main(mut args: Vec<String>) -> Result<()> {
    let modes = take_modes(&mut args)?;
    let profile = take_values(&mut args, "--profile")?.pop().unwrap_or_else(|| "dev".into());
    let record = take_flag(&mut args, "--record");
    let tables = take_values(&mut args, "--tables")?.pop().map_or(tree::root().join("../shared/capi"), PathBuf::from);
    no_more(&args)?;
    let manifest = manifest::read()?;
    let mut steps = Steps::new(1 + 3 * modes.len());
    steps.step("headers", compile_headers)?;
    let mut report = String::new();
    for mode in modes {
        let name = mode.name();
        let mut prefix = Default::default();
        steps.step(&format!("build {name}"), || {
            prefix = dist::make(mode, &profile)?;
            Ok(Outcome::Done)
        })?;
        let library = prefix.join("lib").join(dist::library_name(mode));
        steps.step(&format!("symbols {name}"), || {
            let have = exported(&library)?;
            unknown(&manifest, &have, mode)?;
            let chapters = chapters(&manifest, &have, mode);
            report += &summary(&chapters, mode);
            if record {
                status::record_exports(mode, &chapters)?;
            }
            Ok(Outcome::Done)
        })?;
        steps.step(&format!("checkers {name}"), || checkers(mode, &prefix, &tables, &mut report))?;
    }
    print!("{report}");
    Ok(())
}

/// What a library exports: name and whether it is a function.
pub fn exported(library: &Path) -> Result<BTreeMap<String, bool>> {
    let text = run::output(Command::new("nm").args(["-D", "--defined-only"]).arg(library))?;
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().rev();
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { continue };
        if kind != "A" {
            names.insert(name.split('@').next().unwrap_or(name).to_string(), "TtWwi".contains(kind));
        }
    }
    Ok(names)
}

/// Names of Python's that are exported and should not be. A private name of our own does no harm.
fn unknown(manifest: &Manifest, have: &BTreeMap<String, bool>, mode: Mode) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, function) in have {
        // `PyExc__Name` stands for a class whose Python name is private.
        let private = (name.starts_with("_Py") || name.starts_with("PyExc__")) && !manifest.contains_key(name);
        if !(name.starts_with("Py") || name.starts_with("_Py")) || name.starts_with("PyInit_") || private {
            continue;
        }
        match manifest.get(name) {
            Some(entry) if (entry.kind == "data") == *function => wrong.push(format!("{name} has the wrong kind")),
            Some(entry) if entry.exported(mode) => {}
            Some(_) => wrong.push(format!("{name} is not exported in {} mode", mode.name())),
            None => wrong.push(format!("{name} is not in abi/api.toml")),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// The symbols of one mode's development build against the manifest.
pub fn check_symbols(mode: Mode) -> Result<()> {
    let library = dist::make(mode, "dev")?.join("lib").join(dist::library_name(mode));
    unknown(&manifest::read()?, &exported(&library)?, mode).map_err(|e| format!("{} mode: {e}", mode.name()).into())
}

#[derive(Default)]
pub struct Chapter {
    pub done: usize,
    pub missing: Vec<String>,
}

/// By chapter of the manual; names that it does not document are grouped by why they are wanted.
fn chapters(manifest: &Manifest, have: &BTreeMap<String, bool>, mode: Mode) -> BTreeMap<String, Chapter> {
    let mut chapters: BTreeMap<String, Chapter> = BTreeMap::new();
    for (name, entry) in manifest.iter().filter(|(_, e)| e.exported(mode)) {
        let group = if !entry.page.is_empty() {
            entry.page.clone()
        } else if !entry.stable.is_empty() {
            "(stable ABI, undocumented)".into()
        } else if entry.needed {
            "(called by the headers)".into()
        } else if entry.demand > 0 {
            "(private, imported by wheels)".into()
        } else {
            continue;
        };
        let chapter = chapters.entry(group).or_default();
        if have.contains_key(name) {
            chapter.done += 1;
        } else {
            chapter.missing.push(name.clone());
        }
    }
    chapters
}

fn summary(chapters: &BTreeMap<String, Chapter>, mode: Mode) -> String {
    let done: usize = chapters.values().map(|c| c.done).sum();
    let total: usize = chapters.values().map(|c| c.done + c.missing.len()).sum();
    let whole = chapters.values().filter(|c| c.missing.is_empty()).count();
    format!("{:6} {done} of {total} names exported, {whole} of {} chapters whole\n", mode.name(), chapters.len())
}

/// Checkers of an external folder of tables, when there is one beside the checkout.
fn checkers(mode: Mode, prefix: &Path, tables: &Path, report: &mut String) -> Result<Outcome> {
    if !tables.join("check_headers").is_file() || !run::have("python3") {
        return Ok(Outcome::Skipped("no external checkers here".into()));
    }
    let flag = if mode == Mode::Nogil { "ft" } else { "gil" };
    let library = prefix.join("lib").join(dist::library_name(mode));
    let include = prefix.join("include").join(format!("python3.14{}", mode.abiflags()));
    let mut say = |name: &str, command: &mut Command| -> Result<()> {
        let out = command.output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        for line in text.lines().filter(|l| !l.starts_with("  ")) {
            *report += &format!("{:6} {name}: {line}\n", mode.name());
        }
        Ok(())
    };
    let mut exports = Command::new(tables.join("check_exports"));
    say("exports", exports.arg(library).args(["--mode", flag, "--quiet", "--sizes"]))?;
    let mut headers = Command::new(tables.join("check_headers"));
    say("headers", headers.arg(include).args(["--mode", flag, "--all"]))?;
    Ok(Outcome::Done)
}

/// Compiles every public header alone, in each mode, as C11 and as C++, with warnings as errors; then asks for every
/// name that the manifest gives to a header.
pub fn compile_headers() -> Result<Outcome> {
    let include = tree::root().join("abi/include");
    if !include.join("Python.h").is_file() {
        return Ok(Outcome::Skipped("abi/include has no Python.h yet".into()));
    }
    let work = tree::target().join("xtask").join("headers");
    std::fs::create_dir_all(&work)?;
    let mut all = String::from("#include <Python.h>\n");
    for path in tree::files()? {
        let Some(name) = path.strip_prefix("abi/include/") else { continue };
        if !name.contains('/') && name.ends_with(".h") && !["py_curses.h", "pydtrace.h", "pyexpat.h"].contains(&name) {
            all += &format!("#include <{name}>\n");
        }
    }
    all += "int main(void) { return 0; }\n";
    let strict = ["-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror"];
    let mut languages = vec![("cc", "c", "-std=c11")];
    if run::have("g++") || run::have("c++") {
        languages.extend([("c++", "cc", "-std=c++11"), ("c++", "cc", "-std=c++17"), ("c++", "cc", "-std=c++20")]);
    }
    for mode in Mode::BOTH {
        let config = work.join(mode.name());
        dist::headers(mode, &config)?;
        for (compiler, extension, standard) in &languages {
            let source = config.join(format!("all.{extension}"));
            tree::write(&source, &all)?;
            let mut command = Command::new(compiler);
            command.args(strict).arg(standard).arg("-I").arg(&config).arg(&source);
            run::output(&mut command).map_err(|e| format!("{} mode, {standard}: {e}", mode.name()))?;
        }
        declared(mode, &config)?;
    }
    Ok(Outcome::Done)
}

/// Every name of the manifest that has a public header must come out of the preprocessor.
fn declared(mode: Mode, include: &Path) -> Result<()> {
    let source = include.join("all.c");
    let text = run::output(Command::new("cc").args(["-E", "-dD", "-w", "-I"]).arg(include).arg(&source))?;
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let apart = ["py_curses.h", "pydtrace.h", "pyexpat.h"];
    let mut missing: Vec<String> = Vec::new();
    for (name, entry) in manifest::read()? {
        if entry.declared(mode) && !apart.contains(&entry.header.as_str()) && !words.contains(name.as_str()) {
            missing.push(format!("{name} ({})", entry.header));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{} mode: the headers lack {} names: {}", mode.name(), missing.len(), missing.join(", ")).into())
}
