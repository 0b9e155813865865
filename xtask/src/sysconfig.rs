//! The files of an install prefix that tell build tools about it.
//!
//! The values are those of `runtime/lib/sysconfigdata.py.in`, which Python programs see.

use crate::Mode;

const ARCH: &str = std::env::consts::ARCH;

/// The folder of the stdlib that holds the Makefile.
pub fn config_dir(mode: Mode) -> String {
    format!("config-3.14{}-{ARCH}-linux-gnu", mode.abiflags())
}

pub fn pkg_config(mode: Mode, embed: bool) -> String {
    let t = mode.abiflags();
    let (what, libs) = if embed {
        ("Embed Python into a program", format!(" -L${{libdir}} -lpython3.14{t}"))
    } else {
        ("Build an extension for Python", String::new())
    };
    // pcfiledir makes the file right wherever the prefix lies.
    format!(
        "prefix=${{pcfiledir}}/../..
exec_prefix=${{prefix}}
libdir=${{exec_prefix}}/lib
includedir=${{prefix}}/include

Name: Python
Description: {what}
Requires:
Version: 3.14
Libs.private: -ldl -lm -lpthread
Libs:{libs}
Cflags: -I${{includedir}}/python3.14{t}
"
    )
}

/// PEP 739, every key that applies. Paths are relative to this file's folder.
pub fn build_details(mode: Mode) -> String {
    let t = mode.abiflags();
    let (major, minor, micro) = krait_lib::PYTHON_VERSION;
    let hex = u32::from(major) << 24 | u32::from(minor) << 16 | u32::from(micro) << 8 | 0xf0;
    let version =
        format!(r#"{{ "major": {major}, "minor": {minor}, "micro": {micro}, "releaselevel": "final", "serial": 0 }}"#);
    let (flags, stable_suffix, stable_library) = match mode {
        Mode::Nogil => (r#"["t"]"#, "", ""),
        Mode::Gil => ("[]", r#"".abi3.so", "#, "\n    \"dynamic_stableabi\": \"../libpython3.so\","),
    };
    format!(
        r#"{{
  "schema_version": "1.0",
  "base_prefix": "../..",
  "base_interpreter": "../../bin/python3.14{t}",
  "platform": "linux-{ARCH}",
  "language": {{
    "version": "{major}.{minor}",
    "version_info": {version}
  }},
  "implementation": {{
    "name": "cpython",
    "cache_tag": "krait-314",
    "version": {version},
    "hexversion": {hex},
    "krait_version": "{krait}",
    "_multiarch": "{ARCH}-linux-gnu",
    "supports_isolated_interpreters": true
  }},
  "abi": {{
    "flags": {flags},
    "extension_suffix": ".cpython-314{t}-{ARCH}-linux-gnu.so"{stable_abi}
  }},
  "suffixes": {{
    "source": [".py"],
    "bytecode": [".pyc"],
    "extensions": [".cpython-314{t}-{ARCH}-linux-gnu.so", {stable_suffix}".so"]
  }},
  "libpython": {{
    "dynamic": "../libpython3.14{t}.so.1.0",{stable_library}
    "static": "../libpython3.14{t}.a",
    "link_extensions": false
  }},
  "c_api": {{
    "headers": "../../include/python3.14{t}",
    "pkgconfig_path": "../pkgconfig"
  }}
}}
"#,
        krait = env!("CARGO_PKG_VERSION"),
        stable_abi = if mode == Mode::Gil { ",\n    \"stable_abi_suffix\": \".abi3.so\"" } else { "" },
    )
}

/// How the file names of extension modules end.
pub fn extension_suffix(mode: Mode) -> String {
    format!(".cpython-314{}-{ARCH}-linux-gnu.so", mode.abiflags())
}

/// What `sysconfig.get_makefile_filename()` names. Nothing is built with it; tools read variables from it.
pub fn makefile(mode: Mode) -> String {
    let t = mode.abiflags();
    let free_threaded = u8::from(mode == Mode::Nogil);
    format!(
        "# Variables for tools that read this file. Python programs use sysconfig.get_config_vars().
here := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
prefix = $(abspath $(here)/../../..)
exec_prefix = $(prefix)
VERSION = 3.14
ABIFLAGS = {t}
LDVERSION = $(VERSION)$(ABIFLAGS)
MULTIARCH = {ARCH}-linux-gnu
SOABI = cpython-314$(ABIFLAGS)-$(MULTIARCH)
EXT_SUFFIX = .$(SOABI).so
LIBDIR = $(exec_prefix)/lib
BINDIR = $(exec_prefix)/bin
INCLUDEPY = $(prefix)/include/python$(LDVERSION)
CONFINCLUDEPY = $(INCLUDEPY)
LIBDEST = $(prefix)/lib/python$(LDVERSION)
LIBPL = $(LIBDEST)/config-$(LDVERSION)-$(MULTIARCH)
LIBRARY = libpython$(LDVERSION).a
LDLIBRARY = libpython$(LDVERSION).so
INSTSONAME = libpython$(LDVERSION).so.1.0
LIBS = -ldl -lm
SYSLIBS = -lm
CC = gcc -pthread
CXX = g++ -pthread
AR = ar
ARFLAGS = rcs
OPT = -DNDEBUG -g -O2 -Wall
BASECFLAGS = -fno-strict-overflow -Wsign-compare
CFLAGS = $(BASECFLAGS) $(OPT)
CCSHARED = -fPIC
LDSHARED = $(CC) -shared
LDCXXSHARED = $(CXX) -shared
LINKFORSHARED = -Xlinker -export-dynamic
Py_ENABLE_SHARED = 1
Py_GIL_DISABLED = {free_threaded}
Py_DEBUG = 0
"
    )
}

/// `python3.14[t]-config`: a shell script, so that it answers without starting Python.
pub fn config_script(mode: Mode) -> String {
    let t = mode.abiflags();
    format!(
        r#"#!/bin/sh
# Flags for building extensions and programs that embed Python.
usage="Usage: $0 --prefix|--exec-prefix|--includes|--libs|--cflags|--ldflags|--extension-suffix|--help|--abiflags|--configdir|--embed"
self=$(readlink -f "$0") || exit 1
prefix=$(dirname "$(dirname "$self")")
includes="-I$prefix/include/python3.14{t}"
cflags="$includes -fno-strict-overflow -Wsign-compare -DNDEBUG -g -O2 -Wall"
configdir="$prefix/lib/python3.14{t}/{config}"
libs="-ldl -lm"

[ $# -gt 0 ] || {{ echo "$usage" >&2; exit 1; }}
for arg in "$@"; do
    case $arg in
        --help) echo "$usage"; exit 0 ;;
        --embed) libs="-lpython3.14{t} $libs" ;;
        --prefix|--exec-prefix|--includes|--libs|--cflags|--ldflags|--extension-suffix|--abiflags|--configdir) ;;
        *) echo "$usage" >&2; exit 1 ;;
    esac
done
for arg in "$@"; do
    case $arg in
        --prefix|--exec-prefix) echo "$prefix" ;;
        --includes) echo "$includes" ;;
        --cflags) echo "$cflags" ;;
        --libs) echo "$libs" ;;
        --ldflags) echo "-L$prefix/lib $libs" ;;
        --extension-suffix) echo "{suffix}" ;;
        --abiflags) echo "{t}" ;;
        --configdir) echo "$configdir" ;;
    esac
done
"#,
        config = config_dir(mode),
        suffix = extension_suffix(mode),
    )
}
