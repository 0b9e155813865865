//! Compiles snippets from standard input, for comparison with the reference.
//!
//! Snippets are separated by null bytes and begin with `e`, `s` or `x` for the mode.
//! Writes one line each: `ok HEX` with the code in `marshal` form, or `error KIND LINE OFFSET END_LINE END_OFFSET MSG`;
//! before `ok`, lines `warning LINE MSG`.

use krait_bytecode::marshal;
use krait_compiler::{Flags, Mode, compile_bytes};
use std::fmt::Write as _;
use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let mut out = std::io::stdout().lock();
    for snippet in input.split(|b| *b == 0).filter(|s| !s.is_empty()) {
        let mode = match snippet[0] {
            b'e' => Mode::Eval,
            b's' => Mode::Single,
            _ => Mode::Exec,
        };
        match compile_bytes(&snippet[1..], "<snippet>", mode, Flags::default()) {
            Ok(done) => {
                for warning in &done.warnings {
                    writeln!(out, "warning {} {}", warning.loc.line, warning.msg.escape_debug())?;
                }
                let mut hex = String::new();
                for byte in marshal::dump_code(&done.code) {
                    let _ = write!(hex, "{byte:02x}");
                }
                writeln!(out, "ok {hex}")?;
            }
            Err(e) => {
                let n = |v: Option<i32>| v.map_or("None".to_string(), |v| v.to_string());
                let place = [n(e.lineno), n(e.offset), n(e.end_lineno), n(e.end_offset)].join(" ");
                writeln!(out, "error {:?} {place} {}", e.kind, e.msg.escape_debug())?;
            }
        }
        out.flush()?;
    }
    Ok(())
}
