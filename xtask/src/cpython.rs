//! `cargo xtask cpython`: CPython's own tests, held against the failures that `tests/cpython/expect` expects.
//!
//! The tests are the reference's, and only those count that it passes. An expectation file names the modules of a set
//! and, by cause, the tests that fail: `[[cause]]` with `why`, `tests` (`module.Class.test`; a `*` at the end stands
//! for the rest) and, where the build modes differ, `mode`. Both a failure that is not expected and an expected one
//! that did not happen fail the command.

use crate::{Mode, Result, bytecode_diff, dist, run, take_modes, take_values, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toml::{Table, Value};

struct Cause {
    why: String,
    tests: Vec<String>,
}

/// What became of the tests of a module: outcome and message by name; whether it ran to its end.
struct Outcomes {
    tests: BTreeMap<String, (char, String)>,
    ended: bool,
}

/// `cargo xtask cpython --set NAME [--mode M] [--reference EXE] [--tests FOLDER] [--python EXE] [--only MODULE]...`
///
/// FOLDER holds the package `test` where the reference's own library does not.
///
/// # Errors
/// When what fails is not what is expected to fail.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let reference = bytecode_diff::reference(&mut args)?;
    let sets = take_values(&mut args, "--set")?;
    let only = take_values(&mut args, "--only")?;
    let named = take_values(&mut args, "--python")?.pop();
    let modes = if args.iter().any(|a| a == "--mode") { take_modes(&mut args)? } else { vec![Mode::Nogil] };
    let work = tree::target().join("cpython");
    std::fs::create_dir_all(&work)?;
    let tests = take_values(&mut args, "--tests")?.pop();
    crate::no_more(&args)?;
    let library = library(&reference, tests, &work)?;
    let mut wrong = 0;
    for mode in modes {
        let exe = match &named {
            Some(exe) => PathBuf::from(exe),
            None => dist::make(mode, "dev")?.join("bin").join(format!("python3.14{}", mode.abiflags())),
        };
        for set in &sets {
            let (modules, causes) = expectations(set, mode)?;
            let wanted = |m: &&String| only.is_empty() || only.contains(m);
            let (mut passed, mut of) = (0, 0);
            for module in modules.iter().filter(wanted) {
                let theirs = outcomes(Path::new(&reference), module, &library, &work.join("theirs"))?;
                let ours = outcomes(&exe, module, &library, &work.join("ours"))?;
                let good: BTreeSet<&String> = theirs.tests.iter().filter(|t| t.1.0 == 'p').map(|t| t.0).collect();
                of += good.len();
                passed += good.iter().filter(|id| ours.tests.get(**id).is_some_and(|o| o.0 == 'p')).count();
                wrong += judge(module, &good, &ours, &causes);
            }
            println!("{set}, {}: {passed} of {of} tests pass", mode.name());
        }
    }
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} outcomes are not as expected").into()) }
}

/// Prints what differs from the expectations, and counts it.
fn judge(module: &str, good: &BTreeSet<&String>, ours: &Outcomes, causes: &[Cause]) -> usize {
    let mut wrong = 0;
    if !ours.ended {
        println!("{module}: did not run to its end");
        wrong += 1;
    }
    let lost: Vec<String> = good
        .iter()
        .filter(|id| ours.tests.get(**id).is_none_or(|o| o.0 != 'p'))
        .map(|id| format!("{module}.{id}"))
        .collect();
    let expected = || causes.iter().flat_map(|cause| cause.tests.iter().map(move |test| (cause, test)));
    for id in &lost {
        if !expected().any(|(_, test)| matches(test, id)) {
            let said = ours.tests.get(&id[module.len() + 1..]).map_or("not reached", |o| o.1.as_str());
            println!("unexpected failure: {id}: {said}");
            wrong += 1;
        }
    }
    let begin = format!("{module}.");
    for (cause, test) in expected().filter(|(_, test)| test.starts_with(&begin)) {
        if !lost.iter().any(|id| matches(test, id)) {
            println!("unexpected pass: {test} (expected to fail: {})", cause.why);
            wrong += 1;
        }
    }
    wrong
}

fn matches(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |begin| id.starts_with(begin))
}

/// The modules of a set, and what fails of them in a mode.
fn expectations(set: &str, mode: Mode) -> Result<(Vec<String>, Vec<Cause>)> {
    let path = tree::root().join(format!("tests/cpython/expect/{set}.toml"));
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", run::relative(&path)))?;
    let table: Table = text.parse().map_err(|e| format!("{}: {e}", run::relative(&path)))?;
    let strings = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(String::from).collect()
    };
    let mut causes = Vec::new();
    for cause in table.get("cause").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let text = |key: &str| cause.get(key).and_then(Value::as_str);
        let why = text("why").ok_or_else(|| format!("{set}.toml: a cause without `why`"))?.to_string();
        if text("mode").is_none_or(|name| name == mode.name()) {
            causes.push(Cause { why, tests: strings(cause.get("tests")) });
        }
    }
    Ok((strings(table.get("modules")), causes))
}

/// A folder that holds the reference's test package and nothing else.
fn library(reference: &str, tests: Option<String>, work: &Path) -> Result<PathBuf> {
    let code = "import test; print(test.__path__[0])";
    let tests = match tests {
        Some(folder) => std::path::absolute(Path::new(&folder).join("test"))?,
        None => PathBuf::from(run::output(Command::new(reference).args(["-c", code]))?.trim()),
    };
    let library = work.join("library");
    std::fs::create_dir_all(&library)?;
    let link = library.join("test");
    let _ = std::fs::remove_file(&link);
    #[cfg(unix)]
    std::os::unix::fs::symlink(tests, &link)?;
    Ok(library)
}

/// Runs a module under an interpreter; after ten minutes it is stopped.
fn outcomes(exe: &Path, module: &str, library: &Path, work: &Path) -> Result<Outcomes> {
    let _ = std::fs::remove_dir_all(work);
    std::fs::create_dir_all(work)?;
    let record = work.join("record");
    let mut command = Command::new(if run::have("timeout") { Path::new("timeout") } else { exe });
    if run::have("timeout") {
        command.arg("600").arg(exe);
    }
    command.arg(tree::root().join("tests/cpython/run.py")).arg(format!("test.{module}")).arg(&record);
    command.current_dir(work).env("PYTHONPATH", library).env("TMPDIR", work).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().map_err(|e| format!("{}: {e}", exe.display()))?;
    let text = std::fs::read(&record).unwrap_or_default();
    let mut found = Outcomes { tests: BTreeMap::new(), ended: false };
    for line in String::from_utf8_lossy(&text).lines() {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next()) {
            (Some("end"), None) => found.ended = true,
            (Some(outcome), Some(id)) => {
                let outcome = outcome.chars().next().unwrap_or('f');
                found.tests.insert(id.to_string(), (outcome, words.next().unwrap_or_default().to_string()));
            }
            _ => {}
        }
    }
    Ok(found)
}
