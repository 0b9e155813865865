//! Runs every model, and every planted bug of every model, each in a process of its own.
//!
//! `cargo test -p loom-tests` runs the CI tier (two preemptions) and checks the table in README.md.
//! `cargo test -p loom-tests -- mutex` runs the models whose names contain `mutex`.
//! `KRAIT_MODELS=full` runs the larger bounds and writes the table.

use loom_tests::design::{KNOWN, ROWS, Test};
use loom_tests::models::all;
use loom_tests::{Engine, Model, covered, executions};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// No run takes longer than this; one that does has failed.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let full = std::env::var("KRAIT_MODELS").is_ok_and(|tier| tier == "full");
    if let Ok(name) = std::env::var("KRAIT_MODEL") {
        return one(&name, full);
    }
    let flag = |flag: &str| std::env::args().any(|a| a == flag);
    if flag("--list") {
        // As nextest asks: each model is a test for it.
        if !flag("--ignored") {
            all().iter().for_each(|model| println!("{}: test", model.name));
            println!("{TABLE}: test");
        }
        return ExitCode::SUCCESS;
    }
    let exact = flag("--exact");
    let wanted = |name: &str| {
        arguments.is_empty() || arguments.iter().any(|a| if exact { name == a } else { name.contains(a.as_str()) })
    };
    everything(&wanted, full)
}

/// The check of names and table, as a test.
const TABLE: &str = "the_table";

/// The child: one model, perhaps with a bug.
fn one(name: &str, full: bool) -> ExitCode {
    let model = all().into_iter().find(|model| model.name == name).expect("a model of this name");
    let bug = std::env::var("KRAIT_BUG").ok();
    if let Some(bug) = &bug {
        match model.engine {
            Engine::Loom { .. } => krait_sync::prim::plant(bug),
            Engine::Shuttle { .. } => krait_sync_random::prim::plant(bug),
        }
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        println!("executions={}", executions());
        hook(info);
    }));
    model.explore(full);
    println!("executions={}", executions());
    println!("covered={}", covered().into_iter().collect::<Vec<_>>().join(","));
    ExitCode::SUCCESS
}

struct Run {
    passed: bool,
    timed_out: bool,
    executions: u64,
    covered: BTreeSet<String>,
    time: Duration,
    output: String,
}

fn spawn(model: &Model, bug: Option<&str>, full: bool) -> Run {
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.env("KRAIT_MODEL", model.name).env("KRAIT_MODELS", if full { "full" } else { "ci" });
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match bug {
        Some(bug) => command.env("KRAIT_BUG", bug),
        None => command.env_remove("KRAIT_BUG"),
    };
    let mut child = command.spawn().expect("a process");
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = err.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let (passed, timed_out) = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break (status.success(), false),
            None if start.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                break (false, true);
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let output = reader.join().expect("a reader");
    let value = |key: &str| output.lines().filter_map(|line| line.strip_prefix(key)).next_back();
    Run {
        passed,
        timed_out,
        executions: value("executions=").and_then(|n| n.parse().ok()).unwrap_or(0),
        covered: value("covered=").unwrap_or("").split(',').map(str::to_owned).collect(),
        time: start.elapsed(),
        output: output + &errors.join().expect("a reader"),
    }
}

fn everything(wanted: &dyn Fn(&str) -> bool, full: bool) -> ExitCode {
    let start = Instant::now();
    let models: Vec<Model> = all().into_iter().filter(|model| wanted(model.name)).collect();
    let jobs: VecDeque<(usize, Option<&str>)> = (0..models.len())
        .flat_map(|i| std::iter::once((i, None)).chain(models[i].bugs.iter().map(move |bug| (i, Some(*bug)))))
        .collect();
    let count = jobs.len();
    let jobs = Mutex::new(jobs);
    let results: Mutex<BTreeMap<(usize, Option<&str>), Run>> = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(job) = jobs.lock().unwrap().pop_front() else { return };
                    let (model, bug) = (&models[job.0], job.1);
                    let run = spawn(model, bug, full);
                    report(model, bug, &run);
                    results.lock().unwrap().insert(job, run);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let mut failures = Vec::new();
    for ((index, bug), run) in &results {
        failures.extend(verdict(&models[*index], *bug, run));
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&readme).unwrap_or_default();
    if full {
        let text = with_table(&text, RESULTS, &table(&text, &models, &results));
        std::fs::write(&readme, with_design(text)).expect("README.md");
    } else if wanted(TABLE) {
        let models = all();
        failures.extend(unclaimed_bugs(&models));
        failures.extend(outside_prim());
        failures.extend(design_gaps(&models));
        failures.extend(undocumented(&models));
        if with_design(text.clone()) != text {
            failures.push("README.md: the tables of rows and known bugs are old (run KRAIT_MODELS=full)".to_owned());
        }
        let missing: Vec<_> = models.iter().filter(|m| row(&text, m.name).is_none()).map(|m| m.name).collect();
        if !missing.is_empty() {
            failures.push(format!("not in README.md (run KRAIT_MODELS=full): {}", missing.join(", ")));
        }
    }
    let (bugs, seconds) = (count - models.len(), start.elapsed().as_secs_f64());
    println!("\n{} models, {bugs} planted bugs, {} failures, {seconds:.1} s", models.len(), failures.len());
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(model: &Model, bug: Option<&str>, run: &Run) {
    let (n, t) = (run.executions, run.time.as_secs_f64());
    match bug {
        None if run.passed => println!("model {:26} passed   {n:8} executions {t:7.2} s", model.name),
        None => println!("model {:26} FAILED after {n} executions\n{}", model.name, run.output),
        Some(bug) if run.timed_out => println!("  bug {bug:34} of {} TIMED OUT", model.name),
        Some(bug) if run.passed => println!("  bug {bug:34} of {} SURVIVED {n} executions", model.name),
        Some(bug) => println!("  bug {bug:34} caught   {n:8} executions {t:7.2} s"),
    }
}

fn verdict(model: &Model, bug: Option<&str>, run: &Run) -> Option<String> {
    let name = model.name;
    match bug {
        Some(bug) if run.timed_out => Some(format!("{name}: time ran out with the bug {bug}")),
        Some(bug) if run.passed => Some(format!("{name}: the bug {bug} survived")),
        Some(_) => None,
        None if !run.passed => Some(format!("{name}: the model fails")),
        None if run.executions < model.least => {
            Some(format!("{name}: {} executions, at least {} expected", run.executions, model.least))
        }
        None => {
            let missed: Vec<_> = model.covers.iter().filter(|place| !run.covered.contains(**place)).collect();
            (!missed.is_empty()).then(|| format!("{name}: never reached {missed:?}"))
        }
    }
}

/// Rows without model, and tests of known bugs that do not exist.
fn design_gaps(models: &[Model]) -> Vec<String> {
    let mut gaps = Vec::new();
    for row in ROWS {
        if !models.iter().any(|model| model.row == row.row) {
            gaps.push(format!("no model for the row {}", row.row));
        }
    }
    let rows: BTreeSet<_> = ROWS.iter().map(|row| row.row).collect();
    gaps.extend(
        models.iter().filter(|m| m.row != "-" && !rows.contains(m.row)).map(|m| format!("{}: no such row", m.name)),
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let has = |path: &str, what: &str| std::fs::read_to_string(root.join(path)).is_ok_and(|text| text.contains(what));
    for known in KNOWN {
        for test in known.tests {
            let there = match test {
                Test::Planted(name, bug) => models.iter().any(|m| m.name == *name && m.bugs.contains(bug)),
                Test::Model(name) => models.iter().any(|m| m.name == *name),
                Test::Stress(name) => has("sync/tests/stress.rs", &format!("fn {name}()")),
                Test::File(path, what) => has(path, what),
            };
            if !there {
                gaps.push(format!("known bug {}: its test does not exist", known.number));
            }
        }
    }
    gaps
}

/// Sources of the crate that name atomics, cells, parking, clocks or thread-locals themselves instead of by `prim`.
fn outside_prim() -> Vec<String> {
    const NAMES: &[&str] = &[
        "sync::atomic",
        "core::cell",
        "std::cell",
        "core::hint",
        "std::hint",
        "std::thread",
        "std::time",
        "OnceLock",
        "LazyLock",
        "std::sync::Mutex",
        "std::sync::Condvar",
        "thread_local!",
    ];
    let mut wrong = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sync/src");
    for entry in std::fs::read_dir(sources).expect("sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(name) = NAMES.iter().find(|name| line.contains(**name)) {
                wrong.push(format!("{}:{}: {name} outside prim", path.display(), n + 1));
            }
        }
    }
    wrong
}

/// Modules of the crate whose page lacks a part that each has: invariants, orderings, what may block and in which state,
/// the models that check it, an example.
fn undocumented(models: &[Model]) -> Vec<String> {
    let mut wrong = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sync/src");
    for entry in std::fs::read_dir(sources).expect("sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() || path.ends_with("lib.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        let page: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let page = page.join("\n");
        let name = path.file_stem().expect("a name").to_string_lossy();
        for part in ["nvariant", "rdering", "block", "tach", "hecked by the model", "```"] {
            if !page.contains(part) && !text.contains(&format!("/// {part}")) {
                wrong.push(format!("{name}: its page says nothing of `{part}`"));
            }
        }
        let checked =
            page.split("hecked by the model").nth(1).unwrap_or_default().split("```").next().unwrap_or_default();
        let names: Vec<&str> = checked.split('`').skip(1).step_by(2).collect();
        if !names.iter().any(|name| models.iter().any(|model| model.name == *name)) {
            wrong.push(format!("{name}: its page names no model"));
        }
    }
    wrong
}

/// Bugs that the crate's sources name and no model claims, and the other way round.
fn unclaimed_bugs(models: &[Model]) -> Vec<String> {
    let mut named = BTreeSet::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![here.join("../sync/src"), here.join("src/models")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).expect("a source");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            for start in ["planted(\"", "ord!(\""] {
                for piece in code.split(start).skip(1) {
                    named.insert(piece.split('"').next().expect("a name").to_owned());
                }
            }
        }
    }
    let claimed: BTreeSet<String> = models.iter().flat_map(|m| m.bugs.iter().map(|bug| (*bug).to_owned())).collect();
    let mut wrong: Vec<String> =
        named.difference(&claimed).map(|bug| format!("no model claims the bug {bug}")).collect();
    wrong.extend(claimed.difference(&named).map(|bug| format!("no source has the bug {bug}")));
    wrong
}

/// The tables of README.md, each between its two marks.
const RESULTS: &str = "table";
const ROWS_TABLE: &str = "rows";
const KNOWN_TABLE: &str = "known bugs";

fn with_table(text: &str, which: &str, table: &str) -> String {
    let begin = format!("<!-- begin {which}: written by KRAIT_MODELS=full cargo test -p loom-tests -->");
    let end = format!("<!-- end {which} -->");
    let (before, rest) = text.split_once(&begin).expect("the begin mark in README.md");
    let (_, after) = rest.split_once(&end).expect("the end mark in README.md");
    format!("{before}{begin}\n{table}{end}{after}")
}

/// With the two tables that say what answers the design.
fn with_design(text: String) -> String {
    let models = all();
    let mut rows =
        String::from("| row | about | files | models | planted bugs of the design |\n|---|---|---|---|---|\n");
    for row in ROWS {
        let ours: Vec<&Model> = models.iter().filter(|model| model.row == row.row).collect();
        let files: BTreeSet<String> = ours.iter().map(|m| format!("`src/models/{}.rs`", m.file)).collect();
        let names: Vec<String> = ours.iter().map(|m| format!("`{}`", m.name)).collect();
        let files = files.into_iter().collect::<Vec<_>>().join(", ");
        rows += &format!("| {} | {} | {files} | {} | {} |\n", row.row, row.about, names.join(", "), row.planted);
    }
    let mut known = String::from("| no. | issues | what was wrong | found by |\n|---|---|---|---|\n");
    for bug in KNOWN {
        let tests: Vec<String> = bug
            .tests
            .iter()
            .map(|test| match test {
                Test::Planted(name, bug) => format!("`{name}` with `{bug}`"),
                Test::Model(name) => format!("`{name}`"),
                Test::Stress(name) => format!("`{name}` (stress)"),
                Test::File(path, what) => format!("`{path}`: `{what}`"),
            })
            .collect();
        let issues = bug.issues.split_whitespace().map(|n| format!("gh-{n}")).collect::<Vec<_>>().join(", ");
        known += &format!("| {} | {issues} | {} | {} |\n", bug.number, bug.what, tests.join("; "));
    }
    with_table(&with_table(&text, ROWS_TABLE, &rows), KNOWN_TABLE, &known)
}

/// The row of a model in the present table.
fn row<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(&format!("| `{name}` |")))
}

/// The table: new rows for the models that ran, the present ones for others.
fn table(text: &str, ran: &[Model], results: &BTreeMap<(usize, Option<&str>), Run>) -> String {
    let mut table = String::from(
        "| model | row | property | threads | bound | executions | time | planted bugs caught |\n|---|---|---|---|---|---|---|---|\n",
    );
    for model in all() {
        match ran.iter().position(|m| m.name == model.name) {
            Some(index) => table += &new_row(&model, |bug| &results[&(index, bug)]),
            None => table.extend(row(text, model.name).into_iter().flat_map(|row| [row, "\n"])),
        }
    }
    table
}

fn new_row<'a>(model: &Model, run: impl Fn(Option<&'static str>) -> &'a Run) -> String {
    let bound = match model.engine {
        Engine::Loom { full: Some(bound), .. } => format!("{bound} preemptions"),
        Engine::Loom { full: None, .. } => "none".to_owned(),
        Engine::Shuttle { .. } => "random".to_owned(),
    };
    let caught = |bug: &&'static str| match run(Some(bug)).executions {
        0 => format!("`{bug}` (abort)"),
        n => format!("`{bug}` ({n})"),
    };
    let good = run(None);
    format!(
        "| `{}` | {} | {}{} | {} | {bound} | {} | {:.2} s | {} |\n",
        model.name,
        model.row,
        model.property,
        if model.fair { " (hand-over at each unlock)" } else { "" },
        model.threads,
        good.executions,
        good.time.as_secs_f64(),
        model.bugs.iter().map(caught).collect::<Vec<_>>().join(", "),
    )
}
