//! `cargo xtask bytecode-diff`: the bundled library compiled by Krait and by the reference, code object by code object.
//!
//! The compiler is the one of this checkout, linked in. The reference compiles and compares in a process of its own,
//! which `compare.py` runs in.

use crate::run::have;
use crate::{Result, no_more, take_values};
use krait_bytecode::marshal;
use krait_compiler::{Flags, Mode, compile_bytes};
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

const COMPARE: &str = include_str!("compare.py");

/// `cargo xtask bytecode-diff [--reference EXE] [--least PERCENT] [PATH...]`
///
/// # Errors
/// When fewer code objects than `--least` percent (99.5) are identical, or the reference does not run.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let reference = reference(&mut args)?;
    let least = take_values(&mut args, "--least")?.pop().unwrap_or_else(|| "99.5".into());
    let wanted: Vec<String> = std::mem::take(&mut args);
    no_more(&args)?;
    let mut child = Command::new(&reference)
        .args(["-I", "-c", COMPARE, &least])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run {reference}: {e}"))?;
    let mut input = child.stdin.take().ok_or("no pipe to the reference")?;
    let python = |path: &str| path.ends_with(".py") && (wanted.is_empty() || wanted.iter().any(|w| path.contains(w)));
    for (path, bytes) in krait_lib::files().filter(|(path, _)| python(path)) {
        let code = match compile_bytes(&bytes, path, Mode::Exec, Flags::default()) {
            Ok(done) => hex(&marshal::dump_code(&done.code)),
            Err(error) => format!("!{}", error.msg),
        };
        writeln!(input, "{path} {} {code}", hex(&bytes))?;
    }
    drop(input);
    if child.wait()?.success() { Ok(()) } else { Err(format!("fewer than {least} % are identical").into()) }
}

/// The interpreter that `--reference` names, or `$REF_PYTHON`, or `python3.14` of the path.
///
/// # Errors
/// When none is named and none is on the path.
pub fn reference(args: &mut Vec<String>) -> Result<String> {
    let named = take_values(args, "--reference")?.pop().or_else(|| std::env::var("REF_PYTHON").ok());
    match named {
        Some(named) => Ok(named),
        None if have("python3.14") => Ok("python3.14".into()),
        None => Err("no reference: --reference EXE names a CPython 3.14".into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
