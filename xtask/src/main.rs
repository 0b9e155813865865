//! The project's own commands: `cargo xtask <command>`.
//!
//! Each command is one module. They share `run` (child processes with a progress display) and `tree` (the
//! checkout: its files, crates and build products).

#![forbid(unsafe_code)]

mod abi;
mod bench;
mod bytecode_diff;
mod cpython;
mod dist;
mod facts;
mod fuzz;
mod manifest;
mod profile;
mod run;
mod status;
mod sysconfig;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--ci] [--stage NAME]... [--list]   every check, or the named stages
  tidy                                     layers, modes, sizes and other rules of the house
  abi [--mode nogil|gil] [--profile P] [--record] [--tables DIR]
                                           manifest, headers and exported symbols against each other
  dist [--mode nogil|gil] [--profile P]    install prefixes in dist/
  bench [ARGS]                             the benchmarks
  profile [--mode nogil|gil] [--seconds S] profiles/ anew: what release prefixes are optimised for
  bytecode-diff [--reference EXE] [--least PERCENT] [PATH...]
                                           the bundled library, compiled by Krait and by the reference
  cpython [--set NAME]... [--mode M] [--reference EXE] [--tests FOLDER] [--python EXE] [--jobs N] [--only MODULE]...
                                           CPython's own tests against tests/cpython/expect
  fuzz [--seconds N] [--seed N] [--python EXE] [PROGRAM...]
                                           mutated input for the programs of tests/fuzz
  status                                   docs/STATUS.md from the recorded results in docs/status/
  facts DIR                                abi/api.toml from a folder of C API tables";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let command = if args.is_empty() { String::new() } else { args.remove(0) };
    let result = match command.as_str() {
        "test" => test::main(args),
        "tidy" => tidy::main(args),
        "abi" => abi::main(args),
        "dist" => dist::main(args),
        "bench" => bench::main(args),
        "profile" => profile::main(args),
        "bytecode-diff" => bytecode_diff::main(args),
        "cpython" => cpython::main(args),
        "fuzz" => fuzz::main(args),
        "status" => status::main(args),
        "facts" => facts::main(args),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The two builds of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Nogil,
    Gil,
}

impl Mode {
    pub const BOTH: [Mode; 2] = [Mode::Nogil, Mode::Gil];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Nogil => "nogil",
            Mode::Gil => "gil",
        }
    }

    /// `sys.abiflags`, and the suffix of every name that carries it.
    pub fn abiflags(self) -> &'static str {
        match self {
            Mode::Nogil => "t",
            Mode::Gil => "",
        }
    }

    /// The arguments that make cargo build this mode.
    pub fn cargo_flags(self) -> &'static [&'static str] {
        match self {
            Mode::Nogil => &[],
            Mode::Gil => &["--no-default-features"],
        }
    }

    pub fn parse(name: &str) -> Result<Mode> {
        match name {
            "nogil" => Ok(Mode::Nogil),
            "gil" => Ok(Mode::Gil),
            _ => Err(format!("no mode named {name}: nogil or gil").into()),
        }
    }
}

/// Takes `--name value` out of the arguments, every time it occurs.
pub fn take_values(args: &mut Vec<String>, name: &str) -> Result<Vec<String>> {
    let mut values = Vec::new();
    while let Some(i) = args.iter().position(|a| a == name) {
        if i + 1 >= args.len() {
            return Err(format!("{name} needs a value").into());
        }
        values.push(args.remove(i + 1));
        args.remove(i);
    }
    Ok(values)
}

/// Takes the flag `--name` out of the arguments.
pub fn take_flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|a| a != name);
    args.len() < before
}

/// The modes that `--mode` names, or both.
pub fn take_modes(args: &mut Vec<String>) -> Result<Vec<Mode>> {
    let names = take_values(args, "--mode")?;
    if names.is_empty() { Ok(Mode::BOTH.to_vec()) } else { names.iter().map(|n| Mode::parse(n)).collect() }
}

/// Fails on arguments that no option took.
pub fn no_more(args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(extra) => Err(format!("unknown argument {extra}\n{USAGE}").into()),
    }
}
