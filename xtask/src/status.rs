//! `docs/STATUS.md` from the results recorded in `docs/status/*.toml`.
//!
//! | file | what it holds |
//! |---|---|
//! | `exports-<mode>.toml` | by chapter: `{ done = N, missing = [names] }`; written by `cargo xtask abi --record` |
//! | `tests.toml` | `[[set]]` with `name`, `mode`, `passed`, `of`, and optionally `failing = [names]` |
//! | `wheels.toml` | `[[wheel]]` with `name`, `mode`, `works`, and optionally `why` |
//! | `speed.toml` | `[[ratio]]` with `what`, `mode`, `value`, `goal`, and optionally `note` |
//! | `loom.toml` | `[[model]]` with `name`, `protocol`, `bugs_found` of `bugs_planted` |

use crate::abi::Chapter;
use crate::{Mode, Result, no_more, tree};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml::{Table, Value};

pub fn main(args: Vec<String>) -> Result<()> {
    no_more(&args)?;
    let mut page = String::from(
        "# Status\n\n\
         Written by `cargo xtask status` from the results recorded in `docs/status/`.\n\
         What is missing is listed by name.\n",
    );
    for mode in Mode::BOTH {
        exports(&mut page, mode)?;
    }
    tests(&mut page)?;
    wheels(&mut page)?;
    speed(&mut page)?;
    loom(&mut page)?;
    tree::write(&tree::root().join("docs/STATUS.md"), page)?;
    println!("wrote docs/STATUS.md");
    Ok(())
}

/// Writes what a library exports, for the next `status`.
pub fn record_exports(mode: Mode, chapters: &BTreeMap<String, Chapter>) -> Result<()> {
    let mut text = String::new();
    for (name, chapter) in chapters {
        let _ = writeln!(text, "[{name:?}]\ndone = {}\nmissing = [", chapter.done);
        for missing in &chapter.missing {
            let _ = writeln!(text, "    {missing:?},");
        }
        text.push_str("]\n\n");
    }
    let text = format!("{}\n", text.trim_end());
    tree::write(&tree::root().join(format!("docs/status/exports-{}.toml", mode.name())), text)
}

fn read(name: &str) -> Result<Option<Table>> {
    let path = tree::root().join("docs/status").join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let table = std::fs::read_to_string(&path)?.parse().map_err(|e| format!("docs/status/{name}: {e}"))?;
    Ok(Some(table))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn number(value: &Value, key: &str) -> f64 {
    value.get(key).and_then(|v| v.as_float().or_else(|| v.as_integer().map(|i| i as f64))).unwrap_or(0.0)
}

fn rows<'a>(table: &'a Option<Table>, key: &str) -> Vec<&'a Value> {
    let list = table.as_ref().and_then(|t| t.get(key)).and_then(Value::as_array);
    list.map(|l| l.iter().collect()).unwrap_or_default()
}

fn names(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array);
    list.map(|l| l.iter().filter_map(Value::as_str).map(String::from).collect()).unwrap_or_default()
}

fn exports(page: &mut String, mode: Mode) -> Result<()> {
    let _ = writeln!(page, "\n## C API, {} mode\n", mode.name());
    let Some(table) = read(&format!("exports-{}.toml", mode.name()))? else {
        page.push_str("Nothing is recorded yet.\n");
        return Ok(());
    };
    let (mut done, mut total, mut lists) = (0, 0, String::new());
    let mut lines = String::new();
    for (chapter, value) in &table {
        let (have, missing) = (number(value, "done") as usize, names(value, "missing"));
        done += have;
        total += have + missing.len();
        let _ = writeln!(lines, "| {chapter} | {have} | {} |", have + missing.len());
        if !missing.is_empty() {
            let _ = writeln!(lists, "- {chapter}: {}", missing.join(", "));
        }
    }
    let _ = writeln!(
        page,
        "{done} of {total} names are exported.\n\n| chapter | exported | of |\n|---|---:|---:|\n{lines}"
    );
    if !lists.is_empty() {
        let _ = writeln!(page, "<details><summary>Missing names</summary>\n\n{lists}\n</details>");
    }
    Ok(())
}

fn tests(page: &mut String) -> Result<()> {
    page.push_str("\n## Tests\n\n");
    let table = read("tests.toml")?;
    let sets = rows(&table, "set");
    if sets.is_empty() {
        page.push_str("Nothing is recorded yet.\n");
        return Ok(());
    }
    page.push_str("| set | mode | passed | of | share |\n|---|---|---:|---:|---:|\n");
    let mut lists = String::new();
    for set in sets {
        let (passed, of) = (number(set, "passed"), number(set, "of"));
        let (name, mode) = (text(set, "name"), text(set, "mode"));
        let share = if of > 0.0 { 100.0 * passed / of } else { 0.0 };
        let _ = writeln!(page, "| {name} | {mode} | {passed} | {of} | {share:.1} % |");
        let failing = names(set, "failing");
        if !failing.is_empty() {
            let _ = writeln!(lists, "- {name}, {mode}: {}", failing.join(", "));
        }
    }
    if !lists.is_empty() {
        let _ = writeln!(page, "\n<details><summary>What does not pass</summary>\n\n{lists}\n</details>");
    }
    Ok(())
}

fn wheels(page: &mut String) -> Result<()> {
    page.push_str("\n## Wheels\n\n");
    let table = read("wheels.toml")?;
    let wheels = rows(&table, "wheel");
    if wheels.is_empty() {
        page.push_str("Nothing is recorded yet.\n");
        return Ok(());
    }
    for mode in Mode::BOTH {
        let of_mode: Vec<_> = wheels.iter().filter(|w| text(w, "mode") == mode.name()).collect();
        let works = |w: &Value| w.get("works").and_then(Value::as_bool).unwrap_or(false);
        let good = of_mode.iter().filter(|w| works(w)).count();
        let _ = writeln!(page, "{}: {good} of {} work.", mode.name(), of_mode.len());
        for wheel in of_mode.iter().filter(|w| !works(w)) {
            let _ = writeln!(page, "- {} does not: {}", text(wheel, "name"), text(wheel, "why"));
        }
        page.push('\n');
    }
    Ok(())
}

fn speed(page: &mut String) -> Result<()> {
    page.push_str("\n## Speed\n\n");
    let table = read("speed.toml")?;
    let ratios = rows(&table, "ratio");
    if ratios.is_empty() {
        page.push_str("Nothing is recorded yet.\n");
        return Ok(());
    }
    page.push_str("| figure | mode | measured | goal | |\n|---|---|---:|---:|---|\n");
    for ratio in ratios {
        let (value, goal) = (number(ratio, "value"), number(ratio, "goal"));
        let (what, mode, note) = (text(ratio, "what"), text(ratio, "mode"), text(ratio, "note"));
        let _ = writeln!(page, "| {what} | {mode} | {value:.2} | {goal:.2} | {note} |");
    }
    Ok(())
}

fn loom(page: &mut String) -> Result<()> {
    page.push_str("\n## Models of the concurrency protocols\n\n");
    let table = read("loom.toml")?;
    let models = rows(&table, "model");
    if models.is_empty() {
        page.push_str("Nothing is recorded yet.\n");
        return Ok(());
    }
    page.push_str("| model | protocol | planted bugs that it finds |\n|---|---|---:|\n");
    for model in models {
        let (found, planted) = (number(model, "bugs_found"), number(model, "bugs_planted"));
        let _ = writeln!(page, "| {} | {} | {found} of {planted} |", text(model, "name"), text(model, "protocol"));
    }
    Ok(())
}
