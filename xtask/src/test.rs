//! The one entry to all checks. `.ci/run` and README's second command end here.
//!
//! CI has two cores and an hour: the nogil mode is tested in full, the gil mode on the crates in which the modes
//! differ; what takes longer is a named stage of its own that a person runs.

use crate::run::{self, Outcome, Steps, cargo};
use crate::{Mode, Result, dist, no_more, take_flag, take_values, tidy, tree};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name, and whether it runs when no stage is named.
const STAGES: &[(&str, bool, &str)] = &[
    ("fmt", true, "rustfmt over the workspace"),
    ("tidy", true, "the rules of the house"),
    ("clippy", true, "lints, nogil mode"),
    ("clippy-gil", true, "lints, gil mode"),
    ("nogil", true, "Rust tests of every crate, nogil mode"),
    ("gil", true, "Rust tests of the crates in which the modes differ, gil mode"),
    ("loom", true, "models of the concurrency protocols"),
    ("headers", true, "C and C++ compile the headers without a warning"),
    ("dist", true, "both install prefixes, from the development profile"),
    ("symbols", true, "what the libraries export against abi/api.toml"),
    ("python", true, "programs in tests/python on the interpreters, in each mode"),
    ("properties", true, "generated cases whose answers the reference gave, in each mode"),
    ("embed", true, "C programs against the prefixes"),
    ("build", true, "samples of build tools against the prefixes, those tools that are there"),
    ("asan", false, "the C programs of tests/capi under AddressSanitizer, which sees object memory too, in each mode"),
    ("soak", false, "threads that change shared objects for a minute, in each mode, and a search for leaks"),
    ("tsan", false, "Rust tests of the runtime, and the soak program for a short time, under ThreadSanitizer"),
];

/// The target of builds under a sanitizer, which must name one.
const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// The crates in which the modes differ.
const CORE: &[&str] = &["krait-layout", "krait-object", "krait-vm", "krait", "krait-abi"];

pub fn main(mut args: Vec<String>) -> Result<()> {
    let ci = take_flag(&mut args, "--ci");
    let named = take_values(&mut args, "--stage")?;
    if take_flag(&mut args, "--list") {
        for (name, always, what) in STAGES {
            println!("{name:12} {}{what}", if *always { "" } else { "(when named) " });
        }
        return Ok(());
    }
    no_more(&args)?;
    for name in &named {
        if !STAGES.iter().any(|(n, ..)| n == name) {
            return Err(format!("no stage named {name}; --list shows them").into());
        }
    }
    let wanted: Vec<&str> = STAGES
        .iter()
        .filter(|(name, always, _)| if named.is_empty() { *always } else { named.iter().any(|n| n == name) })
        .map(|(name, ..)| *name)
        .collect();
    let mut steps = Steps::new(wanted.len());
    let mut failed = Vec::new();
    for name in &wanted {
        if let Err(error) = stage(&mut steps, name, ci) {
            println!("{error}");
            failed.push(*name);
        }
    }
    let minutes = steps.elapsed().as_secs_f64() / 60.0;
    if failed.is_empty() {
        println!("all {} stages passed in {minutes:.1} min", wanted.len());
        return Ok(());
    }
    Err(format!("{} of {} stages failed: {} ({minutes:.1} min)", failed.len(), wanted.len(), failed.join(", ")).into())
}

fn stage(steps: &mut Steps, name: &str, ci: bool) -> Result<()> {
    match name {
        "fmt" => steps.command(name, &mut cargo(&["fmt", "--all", "--check"])),
        "tidy" => steps.step(name, || tidy::check().map(|_| Outcome::Done)),
        "clippy" | "clippy-gil" => {
            let mode = if name == "clippy" { Mode::Nogil } else { Mode::Gil };
            let mut command = cargo(&["clippy", "--workspace", "--all-targets"]);
            command.args(mode.cargo_flags()).args(["--", "-D", "warnings"]);
            steps.command(name, &mut command)
        }
        "nogil" => {
            let mut command = rust_tests(ci);
            command.arg("--workspace");
            for package in models()? {
                command.args(["--exclude", &package]);
            }
            steps.command(name, &mut command)
        }
        "gil" => {
            let mut command = rust_tests(ci);
            command.args(Mode::Gil.cargo_flags()).args(CORE.iter().flat_map(|c| ["-p", c]));
            steps.command(name, &mut command)
        }
        "loom" => {
            let mut command = rust_tests(ci);
            for package in models()? {
                command.args(["-p", &package]);
            }
            steps.command(name, &mut command)
        }
        "tsan" => {
            // `stress` is krait-sync's.
            let mut command = sanitized(&["test", "--lib", "--test", "stress"]);
            let suppressions = tree::root().join("sync/tsan.supp");
            command.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
            command.args(["-p", "krait-sync"]).args(CORE.iter().flat_map(|c| ["-p", c]));
            steps.command(name, &mut command)?;
            steps.step("tsan soak", tsan_soak)
        }
        "soak" => steps.step(name, soak),
        "headers" => steps.step(name, crate::abi::compile_headers),
        "python" => steps.step(name, python),
        "properties" => steps.step(name, properties),
        "dist" => steps.step(name, || dist_both().map(|_| Outcome::Done)),
        "symbols" => steps.step(name, || {
            Mode::BOTH.iter().try_for_each(|&mode| crate::abi::check_symbols(mode))?;
            Ok(Outcome::Done)
        }),
        "embed" => c_programs(steps, name, &["tests/embed/", "tests/capi/"], &["-O2"]),
        "asan" => c_programs(steps, name, &["tests/capi/"], SANITIZE),
        "build" => steps.step(name, build_tools),
        _ => unreachable!("STAGES has no {name}"),
    }
}

/// A cargo command whose products watch for data races.
fn sanitized(args: &[&str]) -> Command {
    let mut command = cargo(args);
    command.args(["--target", TARGET, "--target-dir", "target/tsan"]);
    // The standard library is not instrumented; the flag lets instrumented crates link with it.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer");
    command
}

const SOAK: &str = "tests/soak/soak.py";

/// The soak program for its full time, on both prefixes.
fn soak() -> Result<Outcome> {
    for mode in Mode::BOTH {
        let exe = dist::make(mode, "dev")?.join("bin").join(format!("python3.14{}", mode.abiflags()));
        run::output(limited(&exe).arg(SOAK).current_dir(tree::root()))?;
    }
    Ok(Outcome::Done)
}

/// The soak program for a short time on an interpreter that watches for data races; a report is a failure.
fn tsan_soak() -> Result<Outcome> {
    run::output(sanitized(&["build", "-p", "krait-cli"]).current_dir(tree::root()))?;
    let exe = tree::target().join("tsan").join(TARGET).join("debug").join("krait");
    let mut command = limited(&exe);
    command.args([SOAK, "--seconds", "20", "--leaks", "0"]).current_dir(tree::root());
    let suppressions = tree::root().join("tests/soak/tsan.txt");
    command.env("TSAN_OPTIONS", format!("suppressions={} exitcode=66", suppressions.display()));
    run::output(&mut command)?;
    Ok(Outcome::Done)
}

/// Compares the answers to generated cases with the recorded ones, in each mode.
fn properties() -> Result<Outcome> {
    for mode in Mode::BOTH {
        let exe = dist::make(mode, "dev")?.join("bin").join(format!("python3.14{}", mode.abiflags()));
        run::output(limited(&exe).args(["tests/properties/properties.py", "check"]).current_dir(tree::root()))?;
    }
    Ok(Outcome::Done)
}

/// The packages below `loom-tests/`.
fn models() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in tree::files()?.iter().filter(|f| f.starts_with("loom-tests/") && f.ends_with("Cargo.toml")) {
        names.push(tree::package_name(path)?.0);
    }
    Ok(names)
}

/// nextest where it is installed: it stops hung tests. Plain `cargo test` otherwise.
fn rust_tests(ci: bool) -> Command {
    if run::have("cargo-nextest") {
        let mut command = cargo(&["nextest", "run", "--no-tests=pass"]);
        if ci {
            command.args(["--profile", "ci"]);
        }
        command
    } else {
        cargo(&["test", "--all-targets", "--no-fail-fast", "--quiet"])
    }
}

/// Runs each program of `tests/python` in a process of its own, in each mode; exit status 0 is a pass.
fn python() -> Result<Outcome> {
    let test = |f: &String| f.starts_with("tests/python/") && f.contains("/test_") && f.ends_with(".py");
    let mut programs: Vec<Vec<String>> = tree::files()?.into_iter().filter(test).map(|f| vec![f]).collect();
    programs.push(["examples/wordcount.py", "--mib", "1", "--threads", "2"].map(String::from).to_vec());
    programs.push([SOAK, "--seconds", "3"].map(String::from).to_vec());
    let mut failed = Vec::new();
    for mode in Mode::BOTH {
        let exe = dist::make(mode, "dev")?.join("bin").join(format!("python3.14{}", mode.abiflags()));
        if !interprets(&exe) {
            return Ok(Outcome::Skipped("the interpreter does not run programs yet".into()));
        }
        for program in &programs {
            let out = limited(&exe).args(program).current_dir(tree::root()).output()?;
            if !out.status.success() {
                let said = String::from_utf8_lossy(&out.stderr);
                failed.push(format!("{} mode, {}: {}\n{}", mode.name(), program[0], out.status, said.trim_end()));
            }
        }
    }
    if failed.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(format!("{} of {} runs failed\n{}", failed.len(), 2 * programs.len(), failed.join("\n")).into())
}

/// A command that ends after five minutes, where the system can do that.
fn limited(exe: &Path) -> Command {
    if !run::have("timeout") {
        return Command::new(exe);
    }
    let mut command = Command::new("timeout");
    command.arg("300").arg(exe);
    command
}

fn interprets(exe: &Path) -> bool {
    let out = limited(exe).args(["-c", "print(6 * 7)"]).output();
    out.is_ok_and(|o| o.status.success() && o.stdout.starts_with(b"42"))
}

fn dist_both() -> Result<Vec<PathBuf>> {
    Mode::BOTH.iter().map(|&mode| dist::make(mode, "dev")).collect()
}

/// Flags under which a C program watches its memory. The development profile tells it which bytes of object memory are in
/// use; the interpreter keeps immortal objects to the end, so leaks are not looked for.
const SANITIZE: &[&str] =
    &["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];

/// Builds the C programs of some folders against both prefixes, as a user would, and runs them.
fn c_programs(steps: &mut Steps, stage: &str, folders: &[&str], flags: &[&str]) -> Result<()> {
    let is_program = |f: &String| folders.iter().any(|d| f.starts_with(d)) && f.ends_with(".c");
    let programs: Vec<String> = tree::files()?.into_iter().filter(is_program).collect();
    // Building, laying out and running in each mode; one step is counted already.
    steps.expect_more(3 * Mode::BOTH.len() - 1);
    let mut failed = Vec::new();
    for mode in Mode::BOTH {
        let prefix = dist::make_shown(steps, mode, "dev")?;
        let lib = prefix.join("lib");
        let out = tree::target().join(stage).join(mode.name());
        std::fs::create_dir_all(&out)?;
        let link = embed_flags(mode, &prefix)?;
        let job = |program: &String| -> std::result::Result<(), String> {
            let exe = out.join(Path::new(program).file_stem().expect("a name"));
            let mut cc = Command::new("cc");
            cc.args(flags).args(["-Wall", "-Wextra", "-Werror", "-DKRAIT", program, "-o"]).arg(&exe);
            cc.args(&link).arg("-pthread").current_dir(tree::root());
            let mut command = limited(&exe);
            command.arg("200000").env("LD_LIBRARY_PATH", &lib).env("ASAN_OPTIONS", "detect_leaks=0");
            let done = run::output(&mut cc).and_then(|_| run::output(&mut command));
            done.map(|_| ()).map_err(|error| format!("{} mode, {program}: {error}", mode.name()))
        };
        if let Err(error) = steps.each(&format!("{stage} {}", mode.name()), &programs, job) {
            failed.push(error.to_string());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// Builds the samples of `tests/build` against both prefixes with the tools that are there, and says which are not.
fn build_tools() -> Result<Outcome> {
    for mode in Mode::BOTH {
        let prefix = dist::make(mode, "dev")?;
        let python = prefix.join("bin").join(format!("python3.14{}", mode.abiflags()));
        let mut command = Command::new(python);
        command.arg(tree::root().join("tests/build/run.py")).arg(&prefix);
        for line in run::output(&mut command)?.lines() {
            println!("        {}: {line}", mode.name());
        }
    }
    Ok(Outcome::Done)
}

/// What pkg-config says about embedding; where it is not installed, what the file it reads comes down to.
fn embed_flags(mode: Mode, prefix: &Path) -> Result<Vec<String>> {
    let t = mode.abiflags();
    if !run::have("pkg-config") {
        let (prefix, ld) = (prefix.display(), format!("3.14{t}"));
        return Ok(vec![format!("-I{prefix}/include/python{ld}"), format!("-L{prefix}/lib"), format!("-lpython{ld}")]);
    }
    let mut command = Command::new("pkg-config");
    command.args(["--cflags", "--libs", &format!("python-3.14{t}-embed")]);
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    Ok(run::output(&mut command)?.split_whitespace().map(String::from).collect())
}
