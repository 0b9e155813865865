//! Where the standard library and the prefixes are: the runtime side of `getpath`.
use crate::config::Config;
use crate::platform;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Fills in the executable, the prefixes and the module search path of a configuration that leaves them open.
pub fn fill(config: &mut Config, program: &OsStr) {
    let executable = find_executable(program);
    let text = |path: &Path| path.as_os_str().to_owned();
    if config.program_name.is_empty() {
        config.program_name = program.to_owned();
    }
    let environment = |name: &str| match config.use_environment {
        true => std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from),
        false => None,
    };
    if config.executable.is_empty() {
        let given = environment("PYTHONEXECUTABLE").map(PathBuf::into_os_string);
        config.executable = given.unwrap_or_else(|| executable.as_deref().map(text).unwrap_or_default());
    }
    let library = format!("python{}.{}{}", platform::VERSION.0, platform::VERSION.1, platform::ABIFLAGS);
    let here = executable.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let venv = here.as_deref().and_then(find_venv);
    // The directory whose parents are searched for the library: that of the real program.
    let real = match &venv {
        Some((_, home)) => Some(home.clone()),
        None => executable
            .as_deref()
            // What the program was called as need not exist; its folder counts all the same.
            .map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
            .and_then(|path| path.parent().map(Path::to_path_buf)),
    };
    if config.home.as_ref().is_none_or(|home| home.is_empty()) {
        config.home = environment("PYTHONHOME").map(PathBuf::into_os_string);
    }
    // A home may be a pair of prefixes.
    let homes: Vec<PathBuf> = config.home.as_deref().map(std::env::split_paths).into_iter().flatten().collect();
    let base_prefix = homes
        .first()
        .cloned()
        .or_else(|| real.as_deref().and_then(|start| search_up(start, &config.platlibdir, &library)))
        .or_else(|| library_prefix(&config.platlibdir, &library));
    let stdlib = base_prefix
        .as_deref()
        .map(|prefix| prefix.join(&config.platlibdir).join(&library))
        .filter(|dir| dir.join("os.py").is_file());
    let base = base_prefix.unwrap_or_else(|| {
        real.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("/usr/local"), Path::to_path_buf)
    });
    let prefix = venv.map_or_else(|| base.clone(), |(root, _)| root);
    let base_exec = homes.get(1).cloned().unwrap_or_else(|| base.clone());
    let exec_prefix = if prefix == base { base_exec.clone() } else { prefix.clone() };
    let fallback = |field: &mut OsString, value: &Path| {
        if field.is_empty() {
            *field = text(value);
        }
    };
    fallback(&mut config.base_prefix, &base);
    fallback(&mut config.base_exec_prefix, &base_exec);
    fallback(&mut config.prefix, &prefix);
    fallback(&mut config.exec_prefix, &exec_prefix);
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
    if let Some(path) = environment("PYTHONPATH").map(PathBuf::into_os_string) {
        // An empty part is the current directory.
        let absolute = |part: PathBuf| match part.as_os_str().is_empty() {
            true => std::env::current_dir().unwrap_or_default(),
            false => std::path::absolute(&part).unwrap_or(part),
        };
        search.extend(std::env::split_paths(&path).map(|part| text(&absolute(part))));
    }
    let zip = format!("python{}{}{}.zip", platform::VERSION.0, platform::VERSION.1, platform::ABIFLAGS);
    search.push(text(&base.join(&config.platlibdir).join(zip)));
    if let Some(stdlib) = &stdlib {
        search.push(text(stdlib));
        let dynload = stdlib.join("lib-dynload");
        search.push(text(&dynload));
    }
    config.stdlib_dir = stdlib.as_deref().map(text);
    config.module_search_paths = search;
}

/// The path of the running program: as given when it has a slash, else from `PATH`, else from the kernel.
fn find_executable(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
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
fn search_up(start: &Path, platlibdir: &str, library: &str) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join(platlibdir).join(library).join("os.py").is_file()).map(Path::to_path_buf)
}

/// The prefix around this library's own file, for hosts elsewhere in the file system.
fn library_prefix(platlibdir: &str, library: &str) -> Option<PathBuf> {
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
        PathBuf::from(OsStr::from_bytes(std::ffi::CStr::from_ptr(name).to_bytes()))
    };
    let file = std::fs::canonicalize(file).ok()?;
    search_up(file.parent()?, platlibdir, library)
}

/// What was decided, as it is shown when the library cannot be found.
pub fn describe(config: &Config) -> String {
    let quoted = |path: &OsStr| format!("'{}'", path.to_string_lossy());
    let known = |path: Option<&OsStr>| path.map_or_else(|| "(not set)".to_owned(), quoted);
    let number = i32::from;
    let python_path = std::env::var_os("PYTHONPATH").filter(|path| config.use_environment && !path.is_empty());
    let lines = [
        ("PYTHONHOME", known(config.home.as_deref())),
        ("PYTHONPATH", known(python_path.as_deref())),
        ("program name", quoted(&config.program_name)),
        ("isolated", number(config.isolated).to_string()),
        ("environment", number(config.use_environment).to_string()),
        ("user site", number(config.user_site_directory).to_string()),
        ("safe_path", number(config.safe_path).to_string()),
        ("import site", number(config.import_site).to_string()),
        ("is in build tree", "0".to_owned()),
        ("stdlib dir", known(config.stdlib_dir.as_deref())),
        ("sys.path[0]", "(not set)".to_owned()),
        ("sys._base_executable", quoted(&config.base_executable)),
        ("sys.base_prefix", quoted(&config.base_prefix)),
        ("sys.base_exec_prefix", quoted(&config.base_exec_prefix)),
        ("sys.platlibdir", quoted(OsStr::new(&config.platlibdir))),
        ("sys.executable", quoted(&config.executable)),
        ("sys.prefix", quoted(&config.prefix)),
        ("sys.exec_prefix", quoted(&config.exec_prefix)),
    ];
    let mut out = "Python path configuration:\n".to_owned();
    for (name, value) in lines {
        out.push_str(&format!("  {name} = {value}\n"));
    }
    out.push_str("  sys.path = [\n");
    for path in &config.module_search_paths {
        out.push_str(&format!("    {},\n", quoted(path)));
    }
    out.push_str("  ]\n");
    out
}
