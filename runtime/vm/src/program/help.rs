//! The texts of `--help` and its relatives.

/// What follows the program's name in a usage line.
pub(super) const USAGE: &str = "[option] ... [-c cmd | -m mod | file | -] [arg] ...";

/// The page of `-h`.
pub(super) fn options(program: &str) -> String {
    format!(
        "usage: {program} {USAGE}
Options (and corresponding environment variables):
-b     : issue warnings about converting bytes to str and comparing them; -bb: errors
-B     : do not write .pyc files on import; also PYTHONDONTWRITEBYTECODE=x
-c cmd : run the rest of the line as a program
-d     : accepted for compatibility; also PYTHONDEBUG=x
-E     : ignore PYTHON* environment variables
-h     : print this help and exit (also -? or --help)
-i     : go on interactively after the program; also PYTHONINSPECT=x
-I     : isolate from the user's environment (implies -E, -P and -s)
-m mod : run a library module as a program
-O     : drop assertions; also PYTHONOPTIMIZE=x
-OO    : drop docstrings as well
-P     : do not put a possibly unsafe path in front of sys.path; also PYTHONSAFEPATH
-q     : do not print version and copyright when starting interactively
-s     : do not add the user's site directory; also PYTHONNOUSERSITE=x
-S     : do not import site
-u     : do not buffer standard output and error; also PYTHONUNBUFFERED=x
-v     : trace imports; also PYTHONVERBOSE=x
-V     : print the version and exit (also --version); -VV prints more
-W arg : warning control; also PYTHONWARNINGS=arg
-x     : skip the first line of the source
-X opt : implementation options
--check-hash-based-pycs always|default|never: how hash-based .pyc files are checked
--help-env, --help-xoptions, --help-all: the variables, the options of -X, everything
file   : run a file
-      : run the standard input
"
    )
}

/// The page of `--help-env`.
pub(super) const ENVIRONMENT: &str = "\
Environment variables that change behavior (-E ignores them):
PYTHONASYNCIODEBUG: debug mode of asyncio
PYTHON_BASIC_REPL: use the plain interactive interpreter
PYTHONBREAKPOINT: what breakpoint() calls; 0 for nothing
PYTHONCOERCECLOCALE: 0 leaves the C locale alone; warn tells when it is replaced
PYTHON_COLORS   : 1 for colored output, 0 for none
PYTHONHASHSEED  : seed of string hashes, or 'random'
PYTHON_HISTORY  : file of the interactive interpreter's history
PYTHONHOME      : the prefix of the standard library
PYTHONIOENCODING: encoding[:errors] of the standard streams
PYTHONMALLOC    : memory allocator: default, malloc, debug and so on
PYTHONMALLOCSTATS: show how much memory is in use at the end
PYTHONPATH      : directories put in front of the module search path, separated by ':'
PYTHONPLATLIBDIR: name of the directory of the standard library (sys.platlibdir)
PYTHONSTARTUP   : file executed on interactive startup (no default)
PYTHONUSERBASE  : directory of the user's packages

These variables have equivalent options:
PYTHON_CONTEXT_AWARE_WARNINGS: as -X context_aware_warnings
PYTHON_CPU_COUNT: as -X cpu_count
PYTHONDEBUG     : as -d
PYTHONDEVMODE   : as -X dev
PYTHON_DISABLE_REMOTE_DEBUG: as -X disable-remote-debug
PYTHONDONTWRITEBYTECODE: as -B
PYTHONFAULTHANDLER: as -X faulthandler
PYTHON_FROZEN_MODULES: as -X frozen_modules
PYTHON_GIL      : as -X gil
PYTHONINSPECT   : as -i
PYTHONINTMAXSTRDIGITS: as -X int_max_str_digits
PYTHONNODEBUGRANGES: as -X no_debug_ranges
PYTHONNOUSERSITE: as -s
PYTHONOPTIMIZE  : as -O
PYTHONPROFILEIMPORTTIME: as -X importtime
PYTHONPYCACHEPREFIX: as -X pycache_prefix
PYTHONSAFEPATH  : as -P
PYTHON_THREAD_INHERIT_CONTEXT: as -X thread_inherit_context
PYTHON_TLBC     : as -X tlbc
PYTHONTRACEMALLOC: as -X tracemalloc
PYTHONUNBUFFERED: as -u
PYTHONUTF8      : as -X utf8
PYTHONVERBOSE   : as -v
PYTHONWARNDEFAULTENCODING: as -X warn_default_encoding
PYTHONWARNINGS  : as -W
";

/// The page of `--help-xoptions`.
pub(super) const IMPLEMENTATION: &str = "\
Implementation options:
-X context_aware_warnings=[0|1]: keep warning filters in context variables
-X cpu_count=N|default: the number that os.cpu_count() gives
-X dev : development mode, with more checks
-X disable-remote-debug: let no other process ask for scripts to be run
-X faulthandler: show tracebacks on fatal errors
-X frozen_modules=[on|off]: use the frozen copies of library modules
-X gil=[0|1]: turn the GIL off or on
-X importtime[=2]: show how long each import takes; 2 shows repeated ones too
-X int_max_str_digits=N: limit for conversions between int and str
-X no_debug_ranges: leave column positions out of code objects
-X pycache_prefix=DIR: where .pyc files go
-X thread_inherit_context=[0|1]: threads start with a copy of their maker's context
-X tlbc=[0|1]: accepted for compatibility: threads share their code here
-X tracemalloc[=N]: trace memory from the start, with N frames
-X utf8[=0|1]: UTF-8 mode
-X warn_default_encoding: warn about files opened without an encoding
";
