//! Runs the benchmark programs of `benches/` with the release interpreter of each mode.

use crate::run::{self, cargo};
use crate::{Mode, Result, dist, no_more, take_modes, take_values, tree};
use std::path::Path;
use std::process::Command;

/// One line of a program's output.
struct Figure {
    name: String,
    value: f64,
    /// `ns` for the time of a step, where less is better; `x` for a speed-up.
    unit: String,
}

/// `cargo xtask bench [--mode M] [--reference EXE] [PROGRAM...]`: builds the prefixes, runs the programs of
/// `benches/python`, and sets their times against those of the reference.
pub fn main(mut args: Vec<String>) -> Result<()> {
    let modes = take_modes(&mut args)?;
    let reference = take_values(&mut args, "--reference")?.pop();
    let is_program = |f: &String| f.starts_with("benches/python/bench_") && f.ends_with(".py");
    let mut programs: Vec<String> = tree::files()?.into_iter().filter(is_program).collect();
    let all = args.is_empty();
    programs.retain(|p| all || args.iter().any(|a| p.contains(a.as_str())));
    args.retain(|a| !programs.iter().any(|p| p.contains(a.as_str())));
    no_more(&args)?;
    for &mode in &modes {
        let exe = dist::make(mode, "release")?.join("bin").join(format!("python3.14{}", mode.abiflags()));
        for program in &programs {
            println!("\n{program}, {}", mode.name());
            let figures = measure(&exe, program)?;
            let beside = reference.as_ref().map(|exe| measure(Path::new(exe), program)).transpose()?;
            print(&figures, beside.as_deref());
        }
    }
    if all && modes.contains(&Mode::Nogil) {
        print!("{}", run::output(&mut cargo(&["bench", "-p", "krait-sync"]))?);
    }
    Ok(())
}

fn measure(exe: &Path, program: &str) -> Result<Vec<Figure>> {
    let text = run::output(Command::new(exe).arg(program).current_dir(tree::root()))?;
    let figure = |line: &str| {
        let [name, value, unit] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        Some(Figure { name: name.to_owned(), value: value.parse().ok()?, unit: unit.to_owned() })
    };
    text.lines().map(|line| figure(line).ok_or_else(|| format!("{program} printed {line:?}").into())).collect()
}

fn print(figures: &[Figure], beside: Option<&[Figure]>) {
    let mut logs = Vec::new();
    for figure in figures {
        print!("  {:24} {:10.2} {:2}", figure.name, figure.value, figure.unit);
        if let Some(other) = beside.and_then(|list| list.iter().find(|other| other.name == figure.name)) {
            print!("  reference {:10.2}", other.value);
            if figure.unit == "ns" {
                let ratio = figure.value / other.value;
                logs.push(ratio.ln());
                print!("  ratio {ratio:5.2}");
            }
        }
        println!();
    }
    if !logs.is_empty() {
        println!("  geometric mean of the ratios {:.2}", (logs.iter().sum::<f64>() / logs.len() as f64).exp());
    }
}
