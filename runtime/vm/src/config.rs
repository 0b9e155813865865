//! What an interpreter is told when it is made: flags, paths, arguments (the runtime side of `PyConfig`).
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// The configuration of one interpreter. Fields follow `PyConfig`'s members of the same names.
pub struct Config {
    pub isolated: bool,
    pub use_environment: bool,
    pub dev_mode: bool,
    pub install_signal_handlers: bool,
    pub import_site: bool,
    pub bytes_warning: i32,
    pub inspect: bool,
    pub interactive: bool,
    pub optimization_level: i32,
    pub parser_debug: bool,
    /// `-x`: the first line of the script is not Python.
    pub skip_first_line: bool,
    pub write_bytecode: bool,
    pub verbose: i32,
    pub quiet: bool,
    pub user_site_directory: bool,
    pub buffered_stdio: bool,
    pub safe_path: bool,
    pub utf8_mode: bool,
    pub faulthandler: bool,
    pub tracemalloc: i32,
    pub warn_default_encoding: bool,
    pub code_debug_ranges: bool,
    /// Other processes may ask for scripts to be run (PEP 768).
    pub remote_debug: bool,
    pub int_max_str_digits: usize,
    /// `-X gil`: whether the GIL is on in `nogil` mode; without it, an extension that needs it turns it on.
    pub gil: Option<bool>,
    /// Threads inherit the context of the thread that starts them.
    pub thread_inherit_context: bool,
    pub context_aware_warnings: bool,
    /// `-X importtime`: 0 for off, 1 for the time of each import, 2 for imports of loaded modules too.
    pub import_time: i32,
    /// Modules that the library has as files are taken from the frozen copy (`-X frozen_modules`).
    pub use_frozen_modules: bool,
    /// The memory allocators' numbers are shown at the end (`PYTHONMALLOCSTATS`).
    pub malloc_stats: bool,
    /// Seed of string hashes; `None` for a random one.
    pub hash_seed: Option<u32>,
    pub warn_options: Vec<OsString>,
    /// `-X` options in their order; a later one of the same name counts.
    pub x_options: Vec<(OsString, Option<OsString>)>,
    pub orig_argv: Vec<OsString>,
    pub argv: Vec<OsString>,
    /// What the program was called as; empty for `python`.
    pub program_name: OsString,
    /// Where the library is, as `PYTHONHOME` says it.
    pub home: Option<OsString>,
    pub executable: OsString,
    pub base_executable: OsString,
    pub prefix: OsString,
    pub base_prefix: OsString,
    pub exec_prefix: OsString,
    pub base_exec_prefix: OsString,
    pub platlibdir: String,
    /// `sys.path` before `site` adds to it.
    pub module_search_paths: Vec<OsString>,
    /// What the program put in front of `sys.path`, once it did.
    pub sys_path_0: OnceLock<OsString>,
    /// The directory of the standard library; `None` when only the embedded copy is there.
    pub stdlib_dir: Option<OsString>,
    pub pycache_prefix: Option<OsString>,
    pub check_hash_pycs_mode: String,
    /// The standard streams' encoding, as the locale or the environment gives it.
    pub stdio_encoding: String,
    pub stdio_errors: String,
    /// File names are ASCII with `surrogateescape`: in the C locale without UTF-8 mode. Else they are UTF-8.
    pub ascii_file_names: bool,
    pub recursion_limit: AtomicI32,
    pub cpu_count: AtomicI32,
    /// `sys.setswitchinterval`, in microseconds.
    pub switch_interval: AtomicUsize,
}

impl Config {
    /// The encoding of file names (`sys.getfilesystemencoding()`).
    pub fn fs_encoding(&self) -> &'static str {
        if self.ascii_file_names { "ascii" } else { "utf-8" }
    }

    /// The value of a `-X` option: `None` when it was not given, `Some(None)` when it has no value.
    pub fn x_option(&self, name: &str) -> Option<Option<&OsStr>> {
        let found = self.x_options.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_deref())
    }

    /// Adds a `-X` option, with its value behind an equals sign.
    pub fn add_x_option(&mut self, option: &OsStr) {
        let bytes = option.as_bytes();
        let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        self.x_options.push(match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (part(&bytes[..at]), Some(part(&bytes[at + 1..]))),
            None => (option.to_owned(), None),
        });
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            isolated: false,
            use_environment: true,
            dev_mode: false,
            install_signal_handlers: true,
            import_site: true,
            bytes_warning: 0,
            inspect: false,
            interactive: false,
            optimization_level: 0,
            parser_debug: false,
            skip_first_line: false,
            write_bytecode: true,
            verbose: 0,
            quiet: false,
            user_site_directory: true,
            buffered_stdio: true,
            safe_path: false,
            utf8_mode: false,
            faulthandler: false,
            tracemalloc: 0,
            warn_default_encoding: false,
            code_debug_ranges: true,
            remote_debug: true,
            int_max_str_digits: krait_object::longobject::DEFAULT_MAX_STR_DIGITS,
            gil: None,
            thread_inherit_context: krait_object::FREE_THREADED,
            context_aware_warnings: krait_object::FREE_THREADED,
            import_time: 0,
            use_frozen_modules: true,
            malloc_stats: false,
            hash_seed: None,
            warn_options: Vec::new(),
            x_options: Vec::new(),
            orig_argv: Vec::new(),
            argv: vec![OsString::new()],
            program_name: OsString::new(),
            home: None,
            executable: OsString::new(),
            base_executable: OsString::new(),
            prefix: OsString::new(),
            base_prefix: OsString::new(),
            exec_prefix: OsString::new(),
            base_exec_prefix: OsString::new(),
            platlibdir: "lib".to_owned(),
            module_search_paths: Vec::new(),
            sys_path_0: OnceLock::new(),
            stdlib_dir: None,
            pycache_prefix: None,
            check_hash_pycs_mode: "default".to_owned(),
            stdio_encoding: "utf-8".to_owned(),
            stdio_errors: "strict".to_owned(),
            ascii_file_names: false,
            recursion_limit: AtomicI32::new(crate::interp::DEFAULT_RECURSION_LIMIT),
            cpu_count: AtomicI32::new(-1),
            switch_interval: AtomicUsize::new(5000),
        }
    }
}

impl Clone for Config {
    fn clone(&self) -> Self {
        Config {
            isolated: self.isolated,
            use_environment: self.use_environment,
            dev_mode: self.dev_mode,
            install_signal_handlers: self.install_signal_handlers,
            import_site: self.import_site,
            bytes_warning: self.bytes_warning,
            inspect: self.inspect,
            interactive: self.interactive,
            optimization_level: self.optimization_level,
            parser_debug: self.parser_debug,
            skip_first_line: self.skip_first_line,
            write_bytecode: self.write_bytecode,
            verbose: self.verbose,
            quiet: self.quiet,
            user_site_directory: self.user_site_directory,
            buffered_stdio: self.buffered_stdio,
            safe_path: self.safe_path,
            utf8_mode: self.utf8_mode,
            faulthandler: self.faulthandler,
            tracemalloc: self.tracemalloc,
            warn_default_encoding: self.warn_default_encoding,
            code_debug_ranges: self.code_debug_ranges,
            remote_debug: self.remote_debug,
            int_max_str_digits: self.int_max_str_digits,
            gil: self.gil,
            thread_inherit_context: self.thread_inherit_context,
            context_aware_warnings: self.context_aware_warnings,
            import_time: self.import_time,
            use_frozen_modules: self.use_frozen_modules,
            malloc_stats: self.malloc_stats,
            hash_seed: self.hash_seed,
            warn_options: self.warn_options.clone(),
            x_options: self.x_options.clone(),
            orig_argv: self.orig_argv.clone(),
            argv: self.argv.clone(),
            program_name: self.program_name.clone(),
            home: self.home.clone(),
            executable: self.executable.clone(),
            base_executable: self.base_executable.clone(),
            prefix: self.prefix.clone(),
            base_prefix: self.base_prefix.clone(),
            exec_prefix: self.exec_prefix.clone(),
            base_exec_prefix: self.base_exec_prefix.clone(),
            platlibdir: self.platlibdir.clone(),
            module_search_paths: self.module_search_paths.clone(),
            sys_path_0: self.sys_path_0.clone(),
            stdlib_dir: self.stdlib_dir.clone(),
            pycache_prefix: self.pycache_prefix.clone(),
            check_hash_pycs_mode: self.check_hash_pycs_mode.clone(),
            stdio_encoding: self.stdio_encoding.clone(),
            stdio_errors: self.stdio_errors.clone(),
            ascii_file_names: self.ascii_file_names,
            recursion_limit: AtomicI32::new(self.recursion_limit.load(Ordering::Relaxed)),
            cpu_count: AtomicI32::new(self.cpu_count.load(Ordering::Relaxed)),
            switch_interval: AtomicUsize::new(self.switch_interval.load(Ordering::Relaxed)),
        }
    }
}
