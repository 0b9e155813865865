//! What `-X` options and `PYTHON*` variables say.
//!
//! An option goes before the variable of the same meaning. Errors are texts for `Fatal Python error: `.
use crate::config::Config;
use crate::platform;
use krait_object::FREE_THREADED;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::Ordering::Relaxed;

type Read<T = ()> = Result<T, String>;

/// An error of the phase that chooses encodings and allocators.
fn early<T>(message: &str) -> Read<T> {
    Err(format!("{message}\nPython runtime state: preinitializing"))
}

fn error<T>(message: &str) -> Read<T> {
    Err(format!("{message}\nPython runtime state: preinitialized"))
}

/// The variables, unless the configuration ignores them.
struct Variables {
    used: bool,
}

impl Variables {
    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| self.used && !value.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A number from 0 up; anything else that is set counts as 1.
    fn level(&self, name: &str) -> i32 {
        let number = |value: OsString| value.to_str()?.parse::<i32>().ok().filter(|level| *level >= 0);
        self.get(name).map_or(0, |value| number(value).unwrap_or(1))
    }
}

/// Applies `-X` options and `PYTHON*` variables.
pub(super) fn read(config: &mut Config) -> Read {
    let variables = Variables { used: config.use_environment };
    read_encodings(config, &variables)?;
    read_flags(config, &variables);
    read_allocator(config, &variables)?;
    read_numbers(config, &variables)?;
    read_switches(config, &variables)?;
    read_paths(config, &variables);
    read_warnings(config, &variables);
    read_streams(config, &variables);
    Ok(())
}

/// UTF-8 mode and the locale: those decide how everything else is read.
fn read_encodings(config: &mut Config, variables: &Variables) -> Read {
    let plain = platform::has_plain_locale();
    config.utf8_mode = match config.x_option("utf8") {
        Some(None) => true,
        Some(Some(value)) if value == "1" => true,
        Some(Some(value)) if value == "0" => false,
        Some(Some(_)) => return early("preconfig_init_utf8_mode: invalid -X utf8 option value"),
        None => match variables.get("PYTHONUTF8") {
            Some(value) if value == "1" => true,
            Some(value) if value == "0" => false,
            Some(_) => return early("preconfig_init_utf8_mode: invalid PYTHONUTF8 environment variable value"),
            None => plain,
        },
    };
    let coercion = variables.get("PYTHONCOERCECLOCALE");
    let warn = coercion.as_deref() == Some(OsStr::new("warn"));
    if plain && !config.isolated && coercion.as_deref() != Some(OsStr::new("0")) {
        platform::coerce_locale(warn);
    }
    Ok(())
}

fn read_allocator(config: &mut Config, variables: &Variables) -> Read {
    const KNOWN: [&str; 9] =
        ["default", "debug", "malloc", "malloc_debug", "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug", ""];
    if let Some(name) = variables.get("PYTHONMALLOC")
        && !KNOWN.iter().any(|known| name == *known)
    {
        return early("preconfig_init_allocator: PYTHONMALLOC: unknown allocator");
    }
    let name = variables.get("PYTHONMALLOC").filter(|name| name != "default" && !name.is_empty());
    if name.map_or(config.dev_mode, |name| name.as_bytes().ends_with(b"debug")) {
        super::debug_memory();
    }
    config.malloc_stats = variables.level("PYTHONMALLOCSTATS") > 0;
    Ok(())
}

fn read_flags(config: &mut Config, variables: &Variables) {
    let given = |config: &Config, option: &str, name: &str| config.x_option(option).is_some() || variables.is_set(name);
    config.write_bytecode &= variables.level("PYTHONDONTWRITEBYTECODE") == 0;
    config.inspect |= variables.level("PYTHONINSPECT") > 0;
    config.parser_debug |= variables.level("PYTHONDEBUG") > 0;
    config.safe_path |= variables.is_set("PYTHONSAFEPATH");
    config.user_site_directory &= variables.level("PYTHONNOUSERSITE") == 0;
    config.buffered_stdio &= variables.level("PYTHONUNBUFFERED") == 0;
    config.optimization_level = config.optimization_level.max(variables.level("PYTHONOPTIMIZE"));
    config.verbose = config.verbose.max(variables.level("PYTHONVERBOSE"));
    config.dev_mode = given(config, "dev", "PYTHONDEVMODE");
    config.faulthandler = config.dev_mode || given(config, "faulthandler", "PYTHONFAULTHANDLER");
    config.warn_default_encoding = given(config, "warn_default_encoding", "PYTHONWARNDEFAULTENCODING");
    config.code_debug_ranges = !given(config, "no_debug_ranges", "PYTHONNODEBUGRANGES");
    config.remote_debug = !given(config, "disable-remote-debug", "PYTHON_DISABLE_REMOTE_DEBUG");
}

/// A decimal number in a word.
fn number<T: std::str::FromStr>(word: &OsStr) -> Option<T> {
    word.to_str()?.parse().ok()
}

fn read_numbers(config: &mut Config, variables: &Variables) -> Read {
    if let Some(seed) = variables.get("PYTHONHASHSEED").filter(|seed| seed != "random") {
        let message = "config_init_hash_seed: PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]";
        config.hash_seed = Some(number(&seed).map_or_else(|| error(message), Ok)?);
    }
    let digits = |source: &str, value: &OsStr| match number::<i32>(value) {
        Some(limit) if limit == 0 || limit >= 640 => Ok(limit as usize),
        _ => error(&format!(
            "config_init_int_max_str_digits: {source}: invalid limit; must be >= 640 or 0 for unlimited."
        )),
    };
    if let Some(value) = variables.get("PYTHONINTMAXSTRDIGITS") {
        config.int_max_str_digits = digits("PYTHONINTMAXSTRDIGITS", &value)?;
    }
    if let Some(value) = config.x_option("int_max_str_digits") {
        config.int_max_str_digits = digits("-X int_max_str_digits", value.unwrap_or_default())?;
    }
    let count = config.x_option("cpu_count").map(|value| value.unwrap_or_default().to_owned());
    if let Some(count) = count.or_else(|| variables.get("PYTHON_CPU_COUNT")).filter(|count| count != "default") {
        let message =
            "config_init_cpu_count: -X cpu_count=n option: n is missing or an invalid number, n must be greater than 0";
        let count = number::<i32>(&count).filter(|count| *count > 0).map_or_else(|| error(message), Ok)?;
        config.cpu_count.store(count, Relaxed);
    }
    let frames = |word: &OsStr| {
        if word.is_empty() { Some(0) } else { number::<i32>(word).filter(|count| (0..=0xffff).contains(count)) }
    };
    if let Some(value) = config.x_option("tracemalloc") {
        let message = "config_init_tracemalloc: -X tracemalloc=NFRAME: invalid number of frames";
        config.tracemalloc = value.map_or(Some(1), frames).map_or_else(|| error(message), Ok)?;
    } else if let Some(value) = variables.get("PYTHONTRACEMALLOC") {
        let message = "config_init_tracemalloc: PYTHONTRACEMALLOC: invalid number of frames";
        config.tracemalloc = frames(&value).map_or_else(|| error(message), Ok)?;
    }
    config.import_time = import_time(config, variables)?;
    Ok(())
}

/// How imports are timed. Values that are no numbers mean 1.
fn import_time(config: &Config, variables: &Variables) -> Read<i32> {
    let mode = |value: &OsStr| match number::<i64>(value) {
        Some(mode @ (1 | 2)) => Ok(mode as i32),
        Some(_) => Err(()),
        None => Ok(1),
    };
    match config.x_option("importtime") {
        Some(value) => mode(value.unwrap_or_default()).or_else(|()| {
            error("config_init_import_time: -X importtime: values other than 1 and 2 are reserved for future use.")
        }),
        None => match variables.get("PYTHONPROFILEIMPORTTIME") {
            Some(value) => mode(&value).or_else(|()| {
                error(
                    "config_init_import_time: PYTHONPROFILEIMPORTTIME: numeric values other than 1 and 2 are reserved for future use.",
                )
            }),
            None => Ok(0),
        },
    }
}

/// The value of a switch that is 0 or 1; `None` when neither the option nor the variable is there.
fn switch(config: &Config, variables: &Variables, option: &str, name: &str) -> Read<Option<bool>> {
    let truth = |value: &OsStr| match value.as_bytes() {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    };
    if let Some(value) = config.x_option(option) {
        let message = format!("config_init_{option}: -X {option}=n: n is missing or invalid");
        return truth(value.unwrap_or_default()).map_or_else(|| error(&message), |value| Ok(Some(value)));
    }
    match variables.get(name) {
        Some(value) => {
            let message = format!("config_init_{option}: {name}=N: N is missing or invalid");
            truth(&value).map_or_else(|| error(&message), |value| Ok(Some(value)))
        }
        None => Ok(None),
    }
}

fn read_switches(config: &mut Config, variables: &Variables) -> Read {
    let context = switch(config, variables, "thread_inherit_context", "PYTHON_THREAD_INHERIT_CONTEXT")?;
    config.thread_inherit_context = context.unwrap_or(FREE_THREADED);
    let filters = switch(config, variables, "context_aware_warnings", "PYTHON_CONTEXT_AWARE_WARNINGS")?;
    config.context_aware_warnings = filters.unwrap_or(FREE_THREADED);
    if FREE_THREADED {
        // Threads share their code whatever this says.
        switch(config, variables, "tlbc", "PYTHON_TLBC")?;
    }
    let on = |value: &OsStr| match value.as_bytes() {
        b"" | b"on" => Some(true),
        b"off" => Some(false),
        _ => None,
    };
    if let Some(value) = config.x_option("frozen_modules") {
        let message = "bad value for option -X frozen_modules (expected \"on\" or \"off\")";
        config.use_frozen_modules = on(value.unwrap_or_default()).map_or_else(|| error(message), Ok)?;
    } else if let Some(value) = variables.get("PYTHON_FROZEN_MODULES") {
        let message = "bad value for PYTHON_FROZEN_MODULES (expected \"on\" or \"off\")";
        config.use_frozen_modules = on(&value).map_or_else(|| error(message), Ok)?;
    }
    let gil = config.x_option("gil").map(|value| value.unwrap_or_default().to_owned());
    if let Some(gil) = gil.or_else(|| variables.get("PYTHON_GIL")) {
        match gil.as_bytes() {
            b"0" if !FREE_THREADED => {
                return error("config_read_gil: Disabling the GIL is not supported by this build");
            }
            b"0" | b"1" => config.gil = Some(gil == "1"),
            _ => return error("config_read_gil: PYTHON_GIL / -X gil must be \"0\" or \"1\""),
        }
    }
    Ok(())
}

fn read_paths(config: &mut Config, variables: &Variables) {
    config.pycache_prefix = match config.x_option("pycache_prefix") {
        Some(prefix) => prefix.filter(|prefix| !prefix.is_empty()).map(OsStr::to_owned),
        None => variables.get("PYTHONPYCACHEPREFIX"),
    };
    if let Some(name) = variables.get("PYTHONPLATLIBDIR") {
        config.platlibdir = name.to_string_lossy().into_owned();
    }
}

/// Warning options in the order in which they count: those of the mode, the variable, the arguments.
fn read_warnings(config: &mut Config, variables: &Variables) {
    let mut warnings: Vec<OsString> = Vec::new();
    if config.dev_mode {
        warnings.push("default".into());
    }
    if let Some(list) = variables.get("PYTHONWARNINGS") {
        let parts = list.as_bytes().split(|byte| *byte == b',');
        warnings.extend(parts.map(|part| OsString::from_vec(part.to_vec())));
    }
    warnings.append(&mut config.warn_options);
    match config.bytes_warning {
        0 => {}
        1 => warnings.push("default::BytesWarning".into()),
        _ => warnings.push("error::BytesWarning".into()),
    }
    config.warn_options = warnings;
}

/// Encoding and error handler of the standard streams.
fn read_streams(config: &mut Config, variables: &Variables) {
    config.stdio_encoding = if config.utf8_mode { "utf-8".to_owned() } else { platform::locale_encoding() };
    config.ascii_file_names = config.stdio_encoding == "ascii";
    if config.utf8_mode || platform::has_lenient_locale() {
        config.stdio_errors = "surrogateescape".to_owned();
    }
    if let Some(value) = variables.get("PYTHONIOENCODING") {
        let value = value.to_string_lossy();
        let (encoding, errors) = value.split_once(':').unwrap_or((&value, ""));
        if !encoding.is_empty() {
            config.stdio_encoding = encoding.to_owned();
            config.stdio_errors = "strict".to_owned();
        }
        if !errors.is_empty() {
            config.stdio_errors = errors.to_owned();
        }
    }
}
