//! `cargo xtask cpython`: CPython's own tests, held against the failures that `tests/cpython/expect` expects.
//!
//! The tests are the reference's, and only those count that it passes. An expectation file names the modules of a set
//! and, by cause, the tests that fail: `[[cause]]` with `why`, `tests` (`module.Class.test`; a `*` at the end stands
//! for the rest) and, where the build modes differ, `mode`. Both a failure that is not expected and an expected one
//! that did not happen fail the command.

use crate::run::Steps;
use crate::{Mode, Result, bytecode_diff, dist, run, take_modes, take_values, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
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

/// What a run needs to know.
struct Run {
    reference: PathBuf,
    exe: PathBuf,
    library: PathBuf,
    work: PathBuf,
    causes: Vec<Cause>,
    modules: Vec<String>,
}

/// What a module added to the counts of its set.
struct Judged {
    passed: usize,
    of: usize,
    /// Lines about outcomes that are not as expected.
    wrong: Vec<String>,
}

/// `cargo xtask cpython [--set NAME]... [--mode M] [--reference EXE] [--tests FOLDER] [--python EXE] [--jobs N]
/// [--only MODULE]...`
///
/// FOLDER holds the package `test` where the reference's own library does not. Without `--set` all sets are run,
/// without `--python` an interpreter is built; N modules run at a time, as many as there are processors if it is
/// not said.
///
/// # Errors
/// When what fails is not what is expected to fail.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let reference = PathBuf::from(bytecode_diff::reference(&mut args)?);
    let mut sets = take_values(&mut args, "--set")?;
    if sets.is_empty() {
        sets = vec!["language".into(), "runtime".into()];
    }
    let only = take_values(&mut args, "--only")?;
    let named = take_values(&mut args, "--python")?.pop();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = match take_values(&mut args, "--jobs")?.pop() {
        Some(jobs) => jobs.parse().map_err(|_| format!("--jobs {jobs}: not a number"))?,
        None => processors,
    };
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
            None => {
                let prefix = dist::make_shown(&mut Steps::new(2), mode, "dev")?;
                prefix.join("bin").join(format!("python3.14{}", mode.abiflags()))
            }
        };
        for set in &sets {
            let (mut modules, causes) = expectations(set, mode)?;
            modules.retain(|module| only.is_empty() || only.contains(module));
            let run = Run {
                reference: reference.clone(),
                exe: exe.clone(),
                library: library.clone(),
                work: work.clone(),
                causes,
                modules,
            };
            let judged = run.all(jobs)?;
            println!("{set}, {}: {} of {} tests pass", mode.name(), judged.passed, judged.of);
            wrong += judged.wrong.len();
        }
    }
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} outcomes are not as expected").into()) }
}

impl Run {
    /// Runs all modules, `jobs` at a time, and says of each what became of it as soon as it is known.
    fn all(&self, jobs: usize) -> Result<Judged> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let sum = Mutex::new(Ok(Judged { passed: 0, of: 0, wrong: Vec::new() }));
        std::thread::scope(|scope| {
            for job in 0..jobs.max(1) {
                let (next, done, sum) = (&next, &done, &sum);
                scope.spawn(move || {
                    while let Some(module) = self.modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let start = Instant::now();
                        let judged = self.module(module, &self.work.join(format!("job-{job}")));
                        let Ok(mut sum) = sum.lock() else { return };
                        let at = done.fetch_add(1, Ordering::Relaxed) + 1;
                        let head = format!("[{at:3}/{}] {module:48}", self.modules.len());
                        match (&mut *sum, judged) {
                            (Ok(sum), Ok(judged)) => {
                                let time = start.elapsed().as_secs_f64();
                                println!("{head} {:4} of {:4} {time:7.1} s", judged.passed, judged.of);
                                judged.wrong.iter().for_each(|line| println!("    {line}"));
                                sum.passed += judged.passed;
                                sum.of += judged.of;
                                sum.wrong.extend(judged.wrong);
                            }
                            (sum @ Ok(_), Err(error)) => *sum = Err(format!("{module}: {error}")),
                            (Err(_), _) => return,
                        }
                    }
                });
            }
        });
        let sum = sum.into_inner().map_err(|_| "a job panicked")?;
        Ok(sum?)
    }

    fn module(&self, module: &str, work: &Path) -> Result<Judged> {
        let theirs = outcomes(&self.reference, module, &self.library, &work.join("theirs"))?;
        let ours = outcomes(&self.exe, module, &self.library, &work.join("ours"))?;
        let good: BTreeSet<&String> = theirs.tests.iter().filter(|t| t.1.0 == 'p').map(|t| t.0).collect();
        let passed = good.iter().filter(|id| ours.tests.get(**id).is_some_and(|o| o.0 == 'p')).count();
        Ok(Judged { passed, of: good.len(), wrong: judge(module, &good, &ours, &self.causes) })
    }
}

/// What differs from the expectations, a line each.
fn judge(module: &str, good: &BTreeSet<&String>, ours: &Outcomes, causes: &[Cause]) -> Vec<String> {
    let mut wrong = Vec::new();
    if !ours.ended {
        wrong.push(format!("{module}: did not run to its end"));
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
            wrong.push(format!("unexpected failure: {id}: {said}"));
        }
    }
    let begin = format!("{module}.");
    for (cause, test) in expected().filter(|(_, test)| test.starts_with(&begin)) {
        if !lost.iter().any(|id| matches(test, id)) {
            wrong.push(format!("unexpected pass: {test} (expected to fail: {})", cause.why));
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
fn library(reference: &Path, tests: Option<String>, work: &Path) -> Result<PathBuf> {
    let code = "import test; print(test.__path__[0])";
    let tests = match tests {
        Some(folder) => std::path::absolute(Path::new(&folder).join("test"))?,
        None => {
            let found = run::output(Command::new(reference).args(["-c", code]));
            PathBuf::from(
                found.map_err(|e| format!("{e}\n--tests FOLDER names the folder of its package `test`"))?.trim(),
            )
        }
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
