//! Native modules of the standard library that are close to the operating system.
mod asyncio;
mod atexit;
mod curses;
mod dbm;
mod errno;
mod faulthandler;
mod fcntl;
pub mod fork;
mod io;
mod linux;
mod linux_socket;
mod linux_tty;
mod locale;
mod mmap;
mod multiprocessing;
mod posix;
mod posixshmem;
mod posixsubprocess;
mod pwd;
mod readline;
mod resource;
mod select;
mod signal;
mod socket;
mod ssl;
mod stat;
mod suggestions;
mod syslog;
mod termios;
mod time;
mod util;
mod uuid;
mod vm;

pub use vm::BuiltinModule;

macro_rules! module {
    ($name:literal, $module:ident, $doc:literal) => {
        BuiltinModule { name: $name, doc: $doc, exec: $module::exec }
    };
}

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    vec![
        module!("_signal", signal, "Signals."),
        module!("_stat", stat, "File modes."),
        module!("_posixsubprocess", posixsubprocess, "Starts programs."),
        module!("fcntl", fcntl, "Operations on descriptors."),
        module!("_socket", socket, "Sockets."),
        module!("_ssl", ssl, "Encrypted connections by OpenSSL."),
        module!("select", select, "Waits for descriptors."),
        module!("pwd", pwd, "Users."),
        BuiltinModule { name: "grp", doc: "Groups.", exec: pwd::exec_grp },
        module!("atexit", atexit, "Functions to call at the end."),
        module!("errno", errno, "Error numbers."),
        module!("time", time, "Clocks and calendar."),
        module!("posix", posix, "The interface to the operating system that os builds on."),
        module!("_io", io, "Streams."),
        module!("_locale", locale, "Locales of the C library."),
        module!("_asyncio", asyncio, "Futures and tasks of asyncio."),
        module!("faulthandler", faulthandler, "Tracebacks when the process dies or hangs."),
        module!("mmap", mmap, "Memory maps."),
        module!("_multiprocessing", multiprocessing, "Semaphores that processes share."),
        module!("_posixshmem", posixshmem, "Named shared memory."),
        module!("_suggestions", suggestions, "Names near to a misspelt one."),
        module!("syslog", syslog, "The system's log."),
        module!("termios", termios, "Settings of terminals."),
        module!("_uuid", uuid, "Identifiers made of time and address."),
        module!("_dbm", dbm, "Files of keys and values."),
        module!("_curses", curses, "Full-screen programs in a terminal."),
        BuiltinModule { name: "_curses_panel", doc: "Windows above each other.", exec: curses::panel::exec },
        module!("readline", readline, "Line editing, history and completion."),
        module!("resource", resource, "Limits and use of system resources."),
    ]
}
