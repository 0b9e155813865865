//! Compiles files and writes each code object in `marshal` form, for comparison with the reference.
//!
//! Usage: `dump_code [-O|-OO] OUT_DIR < list of files`; file number N goes to `OUT_DIR/N`, errors to `OUT_DIR/N.err`.

use krait_bytecode::marshal;
use krait_compiler::{Flags, Mode, compile_bytes};
use std::io::BufRead;

fn main() -> std::io::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut flags = Flags::default();
    while let Some(level) = args.first().and_then(|a| a.strip_prefix('-')) {
        flags.optimize = level.len() as u8;
        args.remove(0);
    }
    let out = args.first().cloned().unwrap_or_else(|| ".".into());
    for (number, path) in std::io::stdin().lock().lines().enumerate() {
        let path = path?;
        let Ok(bytes) = std::fs::read(&path) else { continue };
        match compile_bytes(&bytes, &path, Mode::Exec, flags) {
            Ok(done) => std::fs::write(format!("{out}/{number}"), marshal::dump_code(&done.code))?,
            Err(error) => std::fs::write(format!("{out}/{number}.err"), format!("{error:?}"))?,
        }
    }
    Ok(())
}
