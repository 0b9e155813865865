//! Install prefixes: what `make install` of a CPython built with `--enable-shared` leaves behind.
//!
//! ```text
//! bin/       python3.14[t], python3, python3.14[t]-config, python3-config
//! lib/       libpython3.14[t].so.1.0 (.so), libpython3.14[t].a, libpython3.so (gil), pkgconfig/
//! lib/python3.14[t]/    the stdlib, build-details.json, _sysconfigdata_*.py, config-*/Makefile,
//!                       lib-dynload/ with modules for CPython's own tests (nogil)
//! include/python3.14[t]/
//! ```
//!
//! Nothing in a prefix names the folder in which it was made, so it can be moved; build-details.json, which must
//! hold paths, uses relative ones.

use crate::run::{self, Outcome, Steps, cargo};
use crate::{Mode, Result, no_more, take_modes, take_values, tree};
use crate::{profile, sysconfig};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn main(mut args: Vec<String>) -> Result<()> {
    let modes = take_modes(&mut args)?;
    let profile = take_values(&mut args, "--profile")?.pop().unwrap_or_else(|| "release".into());
    no_more(&args)?;
    let mut steps = Steps::new(2 * modes.len());
    for mode in modes {
        println!("        {}", run::relative(&make_shown(&mut steps, mode, &profile)?));
    }
    Ok(())
}

/// Builds one mode and lays out its prefix in two steps; gives the prefix.
pub fn make_shown(steps: &mut Steps, mode: Mode, profile: &str) -> Result<PathBuf> {
    let prefix = prefix(mode, profile);
    let (mut build, guided) = build(mode, profile)?;
    if let Outcome::Skipped(why) = guided {
        println!("        {why}");
    }
    steps.command(&format!("build {}", mode.name()), &mut build)?;
    steps.step(&format!("lay out {}", mode.name()), || {
        install(mode, profile, &prefix)?;
        Ok(Outcome::Done)
    })?;
    Ok(prefix)
}

/// Builds one mode and lays out its prefix without a display; gives the prefix.
pub fn make(mode: Mode, profile: &str) -> Result<PathBuf> {
    run::output(&mut build(mode, profile)?.0)?;
    let prefix = prefix(mode, profile);
    install(mode, profile, &prefix)?;
    Ok(prefix)
}

/// `dist/<mode>` for the release profile; other profiles stay in the target folder.
pub fn prefix(mode: Mode, profile: &str) -> PathBuf {
    if profile == "release" {
        tree::root().join("dist").join(mode.name())
    } else {
        tree::target().join("dist").join(profile).join(mode.name())
    }
}

/// The shared library's file name, which is its soname too.
pub fn library_name(mode: Mode) -> String {
    format!("libpython3.14{}.so.1.0", mode.abiflags())
}

/// The command that builds a mode, and whether it uses the mode's profile, as release builds do.
fn build(mode: Mode, profile: &str) -> Result<(Command, Outcome)> {
    let mut command = cargo(&["build", "-p", "krait-libpython", "-p", "krait-cli"]);
    command.args(["--profile", profile]).args(mode.cargo_flags());
    let guided = if profile == "release" { profile::apply(&mut command, mode)? } else { Outcome::Done };
    Ok((command, guided))
}

fn install(mode: Mode, profile: &str, prefix: &Path) -> Result<()> {
    let products = tree::products(profile);
    let t = mode.abiflags();
    let (bin, lib) = (prefix.join("bin"), prefix.join("lib"));
    let python = format!("python3.14{t}");

    copy(&products.join("krait"), &bin.join(&python))?;
    link(&python, &bin.join("python3"))?;
    link(&python, &bin.join("python"))?;
    script(&bin.join(format!("{python}-config")), &sysconfig::config_script(mode))?;
    link(&format!("{python}-config"), &bin.join("python3-config"))?;

    copy(&products.join("libkrait_python.so"), &lib.join(library_name(mode)))?;
    link(&library_name(mode), &lib.join(format!("libpython3.14{t}.so")))?;
    copy(&products.join("libkrait_python.a"), &lib.join(format!("libpython3.14{t}.a")))?;
    if mode == Mode::Gil {
        stable_library(&lib)?;
    }

    let stdlib = lib.join(&python);
    for (path, data) in krait_lib::files() {
        let name = if path == "PSF-LICENSE" { "LICENSE.txt" } else { path };
        let of_other_mode =
            path.starts_with("_sysconfigdata_") && path.starts_with("_sysconfigdata_t_") == t.is_empty();
        if !of_other_mode {
            tree::write(&stdlib.join(name), &data)?;
        }
    }
    std::fs::create_dir_all(stdlib.join("lib-dynload"))?;
    std::fs::create_dir_all(stdlib.join("site-packages"))?;
    tree::write(&stdlib.join("build-details.json"), sysconfig::build_details(mode))?;
    let config = stdlib.join(sysconfig::config_dir(mode));
    tree::write(&config.join("Makefile"), sysconfig::makefile(mode))?;
    script(&config.join("python-config.py"), "import runpy\nrunpy.run_module('sysconfig', run_name='__main__')\n")?;

    let include = prefix.join("include").join(&python);
    headers(mode, &include)?;
    if mode == Mode::Nogil {
        test_modules(mode, &include, &stdlib.join("lib-dynload"))?;
    }
    let pkgconfig = lib.join("pkgconfig");
    for (embed, suffix) in [(false, ""), (true, "-embed")] {
        let name = format!("python-3.14{t}{suffix}.pc");
        tree::write(&pkgconfig.join(&name), sysconfig::pkg_config(mode, embed))?;
        link(&name, &pkgconfig.join(format!("python3{suffix}.pc")))?;
    }
    Ok(())
}

/// The headers with pyconfig.h set to the mode.
pub fn headers(mode: Mode, to: &Path) -> Result<()> {
    let from = tree::root().join("abi/include");
    let mut found = false;
    for path in tree::files()?.iter().filter_map(|f| f.strip_prefix("abi/include/")) {
        let mut text = std::fs::read_to_string(from.join(path))?;
        if path == "pyconfig.h" && mode == Mode::Nogil {
            let off = "/* #undef Py_GIL_DISABLED */";
            if !text.contains(off) {
                return Err(format!("abi/include/pyconfig.h has no line {off}").into());
            }
            text = text.replace(off, "#define Py_GIL_DISABLED 1");
        }
        tree::write(&to.join(path), text)?;
        found = true;
    }
    if !found {
        std::fs::create_dir_all(to)?;
    }
    Ok(())
}

/// The modules for CPython's own tests, which an install of CPython has in the same place. In `gil` mode the compiled ones
/// of CPython 3.14 serve, and would stand beside ours.
fn test_modules(mode: Mode, include: &Path, to: &Path) -> Result<()> {
    let mut modules: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in tree::files()?.iter().filter(|path| path.ends_with(".c")) {
        if let Some((module, _)) = path.strip_prefix("tests/cpython/ext/").and_then(|rest| rest.split_once('/')) {
            modules.entry(module.into()).or_default().push(tree::root().join(path));
        }
    }
    for (module, sources) in modules {
        let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        cc.args(["-O1", "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-I"]).arg(include);
        cc.args(sources).arg("-o").arg(to.join(format!("{module}{}", sysconfig::extension_suffix(mode))));
        run::output(&mut cc)?;
    }
    Ok(())
}

/// `libpython3.so` holds nothing: whoever links it gets the real library through it.
fn stable_library(lib: &Path) -> Result<()> {
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-shared", "-nostdlib", "-Wl,--no-as-needed", "-Wl,-soname,libpython3.so", "-o", "libpython3.so"]);
    cc.args(["-L.", "-l:libpython3.14.so.1.0"]).current_dir(lib);
    run::output(&mut cc).map(|_| ())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir)?;
    }
    // A program may be running from the old file: replace it, do not write into it.
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to).map_err(|e| format!("cannot copy {}: {e}", from.display()))?;
    Ok(())
}

fn link(target: &str, at: &Path) -> Result<()> {
    let _ = std::fs::remove_file(at);
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, at)?;
    Ok(())
}

fn script(path: &Path, text: &str) -> Result<()> {
    tree::write(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
