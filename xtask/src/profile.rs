//! Profile-guided optimisation: what release builds know of which paths run often.
//!
//! ```text
//! profiles/nogil.profdata, gil.profdata    how often each branch ran, merged
//! profiles/rustc                           the compiler that they belong to
//! ```
//!
//! `cargo xtask profile` builds an interpreter that counts, runs `benches/training` on it, and writes the files.
//! `cargo xtask dist` uses them with the compiler that they were made with: another one gives functions other names.
//! A function that was changed since is optimised without a profile, so a stale file costs speed and nothing else.

use crate::run::{self, Outcome, Steps, cargo};
use crate::{Mode, Result, no_more, take_modes, take_values, tree};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo xtask profile [--mode M] [--seconds S]`.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let modes = take_modes(&mut args)?;
    let seconds = take_values(&mut args, "--seconds")?.pop().unwrap_or_else(|| "1".into());
    no_more(&args)?;
    let merger = merger()?;
    let folder = tree::target().join("profile");
    let mut steps = Steps::new(3 * modes.len());
    for mode in modes {
        let raw = folder.join(format!("counts-{}", mode.name()));
        let mut build = cargo(&["build", "--release", "-p", "krait-libpython", "-p", "krait-cli"]);
        build.args(mode.cargo_flags());
        flag(&mut build, &format!("-Cprofile-generate={}", raw.display()));
        steps.command(&format!("build counting {}", mode.name()), build.env("CARGO_TARGET_DIR", &folder))?;
        // What build scripts and macros counted is of no interest.
        let _ = std::fs::remove_dir_all(&raw);

        let mut train = Command::new(folder.join("release/krait"));
        train.args(["benches/training/train.py", &seconds]).current_dir(tree::root());
        steps.command(&format!("train {}", mode.name()), &mut train)?;

        steps.step(&format!("merge {}", mode.name()), || {
            let mut merge = Command::new(&merger);
            // Without what never ran: that is optimised as if there were no profile, not for size.
            merge.args(["merge", "--sparse", "-o"]).arg(file(mode)).arg(&raw);
            std::fs::create_dir_all(file(mode).parent().expect("a folder"))?;
            run::output(&mut merge)?;
            tree::write(&compiler_file(), compiler()?)?;
            Ok(Outcome::Done)
        })?;
        println!("        {}", run::relative(&file(mode)));
    }
    Ok(())
}

/// Has a build use the mode's profile. Without one for this compiler it stays as it is.
pub fn apply(build: &mut Command, mode: Mode) -> Result<Outcome> {
    let made_with = std::fs::read_to_string(compiler_file()).unwrap_or_default();
    if !file(mode).is_file() || made_with != compiler()? {
        return Ok(Outcome::Skipped(format!("no profile for this compiler, but for {}", made_with.trim())));
    }
    let data = std::fs::read(file(mode))?;
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    // Cargo builds again when the path changes; it does not look into the file.
    let copy = tree::target().join(format!("profile/{}-{:016x}.profdata", mode.name(), hasher.finish()));
    tree::write(&copy, data)?;
    flag(build, &format!("-Cprofile-use={}", copy.display()));
    // Functions that changed since the profile was made are no reason for a warning each.
    flag(build, "-Cllvm-args=-no-pgo-warn-mismatch");
    // A handler of the evaluation loop that is inlined into the one before it keeps its frame: ADR 7.
    flag(build, "-Cllvm-args=-disable-icp");
    Ok(Outcome::Done)
}

fn file(mode: Mode) -> PathBuf {
    tree::root().join("profiles").join(format!("{}.profdata", mode.name()))
}

fn compiler_file() -> PathBuf {
    tree::root().join("profiles/rustc")
}

/// What `rustc --version` says.
fn compiler() -> Result<String> {
    run::output(Command::new("rustc").arg("--version").current_dir(tree::root()))
}

/// Adds a flag for `rustc` to those that the environment has.
fn flag(command: &mut Command, flag: &str) {
    let set = command.get_envs().find(|(name, _)| *name == "RUSTFLAGS").and_then(|(_, value)| value);
    let before = set.map(|value| value.to_owned()).or_else(|| std::env::var_os("RUSTFLAGS")).unwrap_or_default();
    command.env("RUSTFLAGS", format!("{} {flag}", before.to_string_lossy()).trim());
}

/// LLVM's program that merges counts: the toolchain's own.
fn merger() -> Result<PathBuf> {
    let rustc = |args: &[&str]| run::output(Command::new("rustc").args(args).current_dir(tree::root()));
    let about = rustc(&["-vV"])?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
    let root = rustc(&["--print", "sysroot"])?;
    let path = Path::new(root.trim()).join("lib/rustlib").join(host).join("bin/llvm-profdata");
    if !path.is_file() {
        return Err("no llvm-profdata: rustup component add llvm-tools".into());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_add_up() {
        let mut command = Command::new("cargo");
        command.env("RUSTFLAGS", "-Cone");
        flag(&mut command, "-Ctwo");
        flag(&mut command, "-Cthree");
        let flags = command.get_envs().find(|(name, _)| *name == "RUSTFLAGS").and_then(|(_, value)| value);
        assert_eq!(flags, Some("-Cone -Ctwo -Cthree".as_ref()));
    }
}
