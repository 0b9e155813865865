//! Where the standard library and the prefixes are: the runtime side of `getpath`.
use crate::config::Config;
use crate::platform;
use std::path::{Path, PathBuf};

/// Fills in the executable, the prefixes and the module search path of a configuration that leaves them open.
pub fn fill(config: &mut Config, program: &str) {
    let executable = find_executable(program);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    if config.executable.is_empty() {
        config.executable = executable.as_deref().map(text).unwrap_or_default();
    }
    let environment = |name: &str| match config.use_environment {
        true => std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from),
        false => None,
    };
    let library = format!("python{}.{}{}", platform::VERSION.0, platform::VERSION.1, platform::ABIFLAGS);
    let here = executable.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let venv = here.as_deref().and_then(find_venv);
    // The directory whose parents are searched for the library: that of the real program.
    let real = match &venv {
        Some((_, home)) => Some(home.clone()),
        None => executable
            .as_deref()
            .and_then(|path| std::fs::canonicalize(path).ok())
            .and_then(|path| path.parent().map(Path::to_path_buf)),
    };
    let home = config.home.as_deref().filter(|home| !home.is_empty()).map(PathBuf::from);
    // A home may be a pair of prefixes.
    let home = home.map(|home| home.to_string_lossy().split(':').next().map(PathBuf::from).unwrap_or_default());
    let base_prefix = home
        .or_else(|| environment("PYTHONHOME"))
        .or_else(|| real.as_deref().and_then(|start| search_up(start, &library)))
        .or_else(|| library_prefix(&library));
    let stdlib = base_prefix
        .as_deref()
        .map(|prefix| prefix.join("lib").join(&library))
        .filter(|dir| dir.join("os.py").is_file());
    let base = base_prefix.unwrap_or_else(|| {
        real.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("/usr/local"), Path::to_path_buf)
    });
    let prefix = venv.map_or_else(|| base.clone(), |(root, _)| root);
    let fallback = |field: &mut String, value: &Path| {
        if field.is_empty() {
            *field = text(value);
        }
    };
    fallback(&mut config.base_prefix, &base);
    fallback(&mut config.base_exec_prefix, &base);
    fallback(&mut config.prefix, &prefix);
    fallback(&mut config.exec_prefix, &prefix);
    if config.base_executable.is_empty() {
        let name = executable.as_deref().and_then(Path::file_name).unwrap_or_default();
        let in_base = real.map(|dir| dir.join(name)).filter(|path| path.exists());
        config.base_executable = in_base.map_or_else(|| config.executable.clone(), |path| text(&path));
    }
    if !config.module_search_paths.is_empty() {
        config.stdlib_dir = config.stdlib_dir.take().or_else(|| stdlib.as_deref().map(text));
        return;
    }
    let mut search = Vec::new();
    if config.use_environment
        && let Some(path) = std::env::var_os("PYTHONPATH")
    {
        search.extend(path.to_string_lossy().split(':').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    let zip = format!("python{}{}{}.zip", platform::VERSION.0, platform::VERSION.1, platform::ABIFLAGS);
    search.push(text(&base.join("lib").join(zip)));
    if let Some(stdlib) = &stdlib {
        search.push(text(stdlib));
        let dynload = stdlib.join("lib-dynload");
        search.push(text(&dynload));
    }
    config.stdlib_dir = stdlib.as_deref().map(text);
    config.module_search_paths = search;
}

/// The path of the running program: as given when it has a slash, else from `PATH`, else from the kernel.
fn find_executable(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return std::path::absolute(program).ok();
    }
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
    });
    on_path.filter(|_| !program.is_empty()).or_else(|| std::env::current_exe().ok())
}

/// Root and base directory of a virtual environment around the program's directory.
fn find_venv(directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let candidates = [directory.join("pyvenv.cfg"), directory.parent()?.join("pyvenv.cfg")];
    let file = candidates.iter().find(|file| file.is_file())?;
    let content = std::fs::read_to_string(file).ok()?;
    let home = content.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        key.trim().eq_ignore_ascii_case("home").then(|| PathBuf::from(value.trim()))
    })?;
    Some((directory.parent()?.to_path_buf(), home))
}

/// The first parent that has the library.
fn search_up(start: &Path, library: &str) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join("lib").join(library).join("os.py").is_file()).map(Path::to_path_buf)
}

/// The prefix around this library's own file, for hosts elsewhere in the file system.
fn library_prefix(library: &str) -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: asks for the object that contains this function; the result is a terminated string if any.
    let file = unsafe {
        if libc::dladdr(library_prefix as *const () as *const libc::c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        let name = info.assume_init().dli_fname;
        if name.is_null() {
            return None;
        }
        std::ffi::CStr::from_ptr(name).to_str().ok()?.to_owned()
    };
    let file = std::fs::canonicalize(file).ok()?;
    search_up(file.parent()?, library)
}
