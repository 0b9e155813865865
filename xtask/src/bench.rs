//! Runs the benchmark programs of `benches/` with the release interpreter of each mode.

use crate::run::{self, cargo};
use crate::{Mode, Result, dist, take_modes, tree};
use std::process::Command;

/// `cargo xtask bench [--mode M] [PROGRAM...]`: builds the prefixes and times each program.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let modes = take_modes(&mut args)?;
    let mut programs: Vec<String> =
        tree::files()?.into_iter().filter(|f| f.starts_with("benches/python/") && f.ends_with(".py")).collect();
    programs.retain(|p| args.is_empty() || args.iter().any(|a| p.contains(a.as_str())));
    let rust = tree::files()?.iter().any(|f| f.starts_with("benches/") && f.ends_with("/Cargo.toml"));
    if programs.is_empty() && !rust {
        return Err("benches/ has no program of that name".into());
    }
    for &mode in &modes {
        let prefix = dist::make(mode, "release")?;
        let exe = prefix.join("bin").join(format!("python3.14{}", mode.abiflags()));
        for program in &programs {
            let start = std::time::Instant::now();
            run::output(Command::new(&exe).arg(program).current_dir(tree::root()))?;
            println!("{:6} {program:40} {:8.3} s", mode.name(), start.elapsed().as_secs_f64());
        }
    }
    if rust && modes.contains(&Mode::Nogil) {
        print!("{}", run::output(&mut cargo(&["bench", "--workspace"]))?);
    }
    Ok(())
}
