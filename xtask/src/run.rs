//! Child processes with a progress display.
//!
//! A step's output goes to `target/xtask/<step>.log`; the terminal shows one line with the time so far and the
//! child's last words. A step that fails prints the end of its log without the lines about what went well.
//! Without a terminal a line now and then says that the step still runs, so that a CI service does not take it
//! for hung.

use crate::{Result, tree};
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub struct Steps {
    total: usize,
    done: usize,
    started: Instant,
}

pub enum Outcome {
    Done,
    /// The step has nothing to do; the text says why.
    Skipped(String),
}

impl Steps {
    pub fn new(total: usize) -> Steps {
        Steps { total, done: 0, started: Instant::now() }
    }

    /// Runs one step in this process.
    pub fn step(&mut self, name: &str, body: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        let head = self.head(name);
        let start = Instant::now();
        if std::io::stdout().is_terminal() {
            print!("{head} ...");
            let _ = std::io::stdout().flush();
        }
        let result = body();
        let time = start.elapsed().as_secs_f64();
        clear_line();
        match &result {
            Ok(Outcome::Done) => println!("{head} ok      {time:7.1} s"),
            Ok(Outcome::Skipped(why)) => println!("{head} skipped: {why}"),
            Err(_) => println!("{head} FAILED  {time:7.1} s"),
        }
        result.map(|_| ())
    }

    /// Makes known that a stage has more steps than the one that was counted for it.
    pub fn expect_more(&mut self, steps: usize) {
        self.total += steps;
    }

    /// Runs one job for each item as one step, several at a time, and shows how many are done; gives the errors in the
    /// order of the items.
    pub fn each<T: Sync>(
        &mut self,
        name: &str,
        items: &[T],
        job: impl Fn(&T) -> std::result::Result<(), String> + Sync,
    ) -> Result<()> {
        let head = self.head(name);
        let start = Instant::now();
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get()).min(items.len().max(1));
        let (next, done, ended) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let faults = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((at, item)) =
                        Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                    {
                        if let Err(fault) = job(item) {
                            faults.lock().unwrap_or_else(|e| e.into_inner()).push((at, fault));
                        }
                        done.fetch_add(1, Relaxed);
                    }
                    ended.fetch_add(1, Relaxed);
                });
            }
            let mut words = Words::new(&head, start);
            while ended.load(Relaxed) < workers {
                words.say(|| format!("{} of {}", done.load(Relaxed), items.len()));
            }
        });
        let mut faults = faults.into_inner().unwrap_or_else(|e| e.into_inner());
        faults.sort();
        let time = start.elapsed().as_secs_f64();
        clear_line();
        if faults.is_empty() {
            println!("{head} ok      {time:7.1} s");
            return Ok(());
        }
        println!("{head} FAILED  {time:7.1} s");
        let said: Vec<String> = faults.into_iter().map(|(_, fault)| fault).collect();
        Err(format!("{} of {} failed\n{}", said.len(), items.len(), said.join("\n")).into())
    }

    /// Runs a child process as one step.
    pub fn command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let head = self.head(name);
        let start = Instant::now();
        let log = log_path(name);
        let ok = watch(&head, command, &log)?;
        let time = start.elapsed().as_secs_f64();
        clear_line();
        if ok {
            println!("{head} ok      {time:7.1} s");
            return Ok(());
        }
        println!("{head} FAILED  {time:7.1} s");
        print!("{}", without_progress(&tail(&log, 64_000)));
        Err(format!("{name} failed; whole output in {}", relative(&log)).into())
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn head(&mut self, name: &str) -> String {
        self.done += 1;
        format!("[{:2}/{}] {name:22}", self.done, self.total)
    }
}

/// A `cargo` command in the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(tree::root());
    command
}

/// Runs a command, and gives what it prints, or an error with what it complains about.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|e| format!("cannot run {name}: {e}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{name} failed ({}): {}", out.status, said.trim()).into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether a program of this name is on the path.
pub fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

pub fn relative(path: &Path) -> String {
    path.strip_prefix(tree::root()).unwrap_or(path).display().to_string()
}

fn log_path(name: &str) -> PathBuf {
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    tree::target().join("xtask").join(format!("{safe}.log"))
}

fn watch(head: &str, command: &mut Command, log: &Path) -> Result<bool> {
    std::fs::create_dir_all(log.parent().expect("a folder"))?;
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|e| format!("cannot run {program}: {e}"))?;
    let mut words = Words::new(head, Instant::now());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        words.say(|| {
            let said = tail(log, 400);
            let said = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("").trim().to_string();
            said.chars().filter(|c| !c.is_control()).take(60).collect()
        });
    }
}

/// What a step that takes long says: the time so far and a word on a terminal, a line each minute elsewhere.
struct Words<'h> {
    head: &'h str,
    start: Instant,
    next: Duration,
    terminal: bool,
}

impl<'h> Words<'h> {
    fn new(head: &'h str, start: Instant) -> Words<'h> {
        Words { head, start, next: Duration::from_secs(60), terminal: std::io::stdout().is_terminal() }
    }

    /// Says where the step stands if it is time, and waits a little.
    fn say(&mut self, word: impl FnOnce() -> String) {
        let time = self.start.elapsed();
        if self.terminal {
            print!("\r\x1b[K{} {:5.0} s  {}", self.head, time.as_secs_f64(), word());
            let _ = std::io::stdout().flush();
        } else if time >= self.next {
            println!("{} still running, {:.0} s", self.head, time.as_secs_f64());
            self.next += Duration::from_secs(60);
        }
        std::thread::sleep(Duration::from_millis(if time.as_millis() < 1000 { 20 } else { 200 }));
    }
}

fn clear_line() {
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[K");
    }
}

/// The text without cargo's lines about packages that went well: what failed stands first where output is cut.
fn without_progress(text: &str) -> String {
    const WENT_WELL: [&str; 6] = ["Compiling ", "Checking ", "Downloading ", "Downloaded ", "Fresh ", "PASS "];
    let kept = text.lines().filter(|line| !WENT_WELL.iter().any(|word| line.trim_start().starts_with(word)));
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn tail(log: &Path, bytes: u64) -> String {
    let mut data = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let len = file.metadata().map_or(0, |m| m.len());
        let _ = file.seek(SeekFrom::Start(len.saturating_sub(bytes)));
        let _ = file.read_to_end(&mut data);
    }
    String::from_utf8_lossy(&data).into_owned()
}
