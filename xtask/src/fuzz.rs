//! `cargo xtask fuzz`: the programs of `tests/fuzz` on an interpreter, for a time.
//!
//! The programs mutate what the library gives and are deterministic for a seed. An interpreter that dies, hangs or
//! lets the wrong exception out fails the command; the input lies in `target/fuzz/` then.

use crate::{Mode, Result, dist, no_more, run, take_values, tree};
use std::path::PathBuf;
use std::process::Command;

/// `cargo xtask fuzz [--seconds N] [--seed N] [--python EXE] [PROGRAM...]`
///
/// # Errors
/// When a program finds something.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let seconds = take_values(&mut args, "--seconds")?.pop().unwrap_or_else(|| "60".into());
    let seed = take_values(&mut args, "--seed")?.pop().unwrap_or_else(|| "1".into());
    let exe = match take_values(&mut args, "--python")?.pop() {
        Some(exe) => PathBuf::from(exe),
        None => dist::make(Mode::Nogil, "dev")?.join("bin/python3.14t"),
    };
    let wanted = std::mem::take(&mut args);
    no_more(&args)?;
    let folder = tree::target().join("fuzz");
    std::fs::create_dir_all(&folder)?;
    let program = |f: &String| {
        f.starts_with("tests/fuzz/fuzz_")
            && f.ends_with(".py")
            && (wanted.is_empty() || wanted.iter().any(|w| f.contains(w.as_str())))
    };
    let mut failed = Vec::new();
    for program in tree::files()?.iter().filter(|f| program(f)) {
        let mut command = Command::new(&exe);
        command.arg(program).args([&seconds, &seed]).arg(&folder).current_dir(tree::root());
        let out = command.output().map_err(|e| format!("cannot run {}: {e}", exe.display()))?;
        print!("{}", String::from_utf8_lossy(&out.stdout));
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            let end = said.lines().rev().take(20).collect::<Vec<_>>();
            let end: Vec<&str> = end.into_iter().rev().collect();
            println!("{program}: {}\n{}", out.status, end.join("\n"));
            failed.push(program.clone());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("{} found something; the inputs are in {}", failed.join(", "), run::relative(&folder)).into())
}
