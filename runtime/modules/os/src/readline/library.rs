//! The functions and variables of GNU Readline that are used.
use libc::FILE;
use std::ffi::{c_char, c_int, c_void};

/// `HIST_ENTRY`.
#[repr(C)]
pub struct Entry {
    pub line: *mut c_char,
    pub timestamp: *mut c_char,
    pub data: *mut c_void,
}

pub type HookFunction = unsafe extern "C" fn() -> c_int;
pub type Command = unsafe extern "C" fn(c_int, c_int) -> c_int;
pub type LineHandler = unsafe extern "C" fn(*mut c_char);
pub type Generator = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_char;
pub type Attempt = unsafe extern "C" fn(*const c_char, c_int, c_int) -> *mut *mut c_char;
pub type Display = unsafe extern "C" fn(*mut *mut c_char, c_int, c_int);

krait_vm::library! {
    /// The library.
    pub struct Library in [[c"libreadline.so.8", c"libreadline.so.7", c"libreadline.8.dylib"]] {
        fn using_history();
        fn add_history(*const c_char);
        fn history_get(c_int) -> *mut Entry;
        fn replace_history_entry(c_int, *const c_char, *mut c_void) -> *mut Entry;
        fn remove_history(c_int) -> *mut Entry;
        fn free_history_entry(*mut Entry) -> *mut c_void;
        fn clear_history();
        fn read_history(*const c_char) -> c_int;
        fn write_history(*const c_char) -> c_int;
        fn append_history(c_int, *const c_char) -> c_int;
        fn history_truncate_file(*const c_char, c_int) -> c_int;
        fn rl_initialize() -> c_int;
        fn rl_parse_and_bind(*mut c_char) -> c_int;
        fn rl_read_init_file(*const c_char) -> c_int;
        fn rl_variable_bind(*const c_char, *const c_char) -> c_int;
        fn rl_bind_key(c_int, Command) -> c_int;
        fn rl_complete(c_int, c_int) -> c_int;
        fn rl_insert(c_int, c_int) -> c_int;
        fn rl_insert_text(*const c_char) -> c_int;
        fn rl_redisplay();
        fn rl_completion_matches(*const c_char, Generator) -> *mut *mut c_char;
        fn rl_callback_handler_install(*const c_char, LineHandler);
        fn rl_callback_read_char();
        fn rl_callback_handler_remove();
        fn rl_free_line_state();
        fn rl_cleanup_after_signal();
        fn rl_resize_terminal();
        optional fn rl_callback_sigcleanup();
        static rl_readline_name: *const c_char;
        static rl_readline_version: c_int;
        static rl_library_version: *const c_char;
        static rl_line_buffer: *mut c_char;
        static rl_instream: *mut FILE;
        static rl_outstream: *mut FILE;
        static rl_catch_signals: c_int;
        static rl_startup_hook: Option<HookFunction>;
        static rl_pre_input_hook: Option<HookFunction>;
        static rl_attempted_completion_function: Option<Attempt>;
        static rl_attempted_completion_over: c_int;
        static rl_completer_word_break_characters: *mut c_char;
        static rl_completion_append_character: c_int;
        static rl_completion_suppress_append: c_int;
        static rl_completion_type: c_int;
        static rl_completion_display_matches_hook: Option<Display>;
        static history_length: c_int;
        static history_base: c_int;
    }
}
