//! The functions and variables of ncurses that are used, in its form for wide characters.
use libc::{FILE, wchar_t};
use std::ffi::{c_char, c_int, c_short, c_void};

/// `WINDOW`, of which nothing is known.
pub type Win = *mut c_void;
/// `PANEL`.
pub type RawPanel = *mut c_void;

/// `cchar_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Cell {
    pub attr: u32,
    pub chars: [wchar_t; 5],
    pub color: c_int,
}

/// `MEVENT`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Mouse {
    pub id: c_short,
    pub x: c_int,
    pub y: c_int,
    pub z: c_int,
    pub state: u32,
}

krait_vm::library! {
    /// The library.
    pub struct Library in [[c"libncursesw.so.6", c"libncursesw.6.dylib"]] {
        fn initscr() -> Win;
        fn endwin() -> c_int;
        fn isendwin() -> bool;
        fn setupterm(*const c_char, c_int, *mut c_int) -> c_int;
        fn curses_version() -> *const c_char;
        fn baudrate() -> c_int;
        fn beep() -> c_int;
        fn flash() -> c_int;
        fn cbreak() -> c_int;
        fn nocbreak() -> c_int;
        fn echo() -> c_int;
        fn noecho() -> c_int;
        fn nl() -> c_int;
        fn nonl() -> c_int;
        fn raw() -> c_int;
        fn noraw() -> c_int;
        fn qiflush();
        fn noqiflush();
        fn def_prog_mode() -> c_int;
        fn def_shell_mode() -> c_int;
        fn reset_prog_mode() -> c_int;
        fn reset_shell_mode() -> c_int;
        fn resetty() -> c_int;
        fn savetty() -> c_int;
        fn doupdate() -> c_int;
        fn filter();
        fn flushinp() -> c_int;
        fn delay_output(c_int) -> c_int;
        fn napms(c_int) -> c_int;
        fn halfdelay(c_int) -> c_int;
        fn intrflush(Win, bool) -> c_int;
        fn meta(Win, bool) -> c_int;
        fn typeahead(c_int) -> c_int;
        fn curs_set(c_int) -> c_int;
        fn erasechar() -> c_char;
        fn killchar() -> c_char;
        fn longname() -> *const c_char;
        fn termname() -> *const c_char;
        fn termattrs() -> u32;
        fn keyname(c_int) -> *const c_char;
        fn unctrl(u32) -> *const c_char;
        fn has_colors() -> bool;
        fn can_change_color() -> bool;
        fn has_ic() -> bool;
        fn has_il() -> bool;
        fn has_key(c_int) -> c_int;
        fn start_color() -> c_int;
        fn use_default_colors() -> c_int;
        fn assume_default_colors(c_int, c_int) -> c_int;
        fn extended_color_content(c_int, *mut c_int, *mut c_int, *mut c_int) -> c_int;
        fn extended_pair_content(c_int, *mut c_int, *mut c_int) -> c_int;
        fn init_extended_color(c_int, c_int, c_int, c_int) -> c_int;
        fn init_extended_pair(c_int, c_int, c_int) -> c_int;
        fn getmouse(*mut Mouse) -> c_int;
        fn ungetmouse(*mut Mouse) -> c_int;
        fn mousemask(u32, *mut u32) -> u32;
        fn mouseinterval(c_int) -> c_int;
        fn is_term_resized(c_int, c_int) -> bool;
        fn resizeterm(c_int, c_int) -> c_int;
        fn resize_term(c_int, c_int) -> c_int;
        fn use_env(bool);
        fn set_escdelay(c_int) -> c_int;
        fn set_tabsize(c_int) -> c_int;
        fn ungetch(c_int) -> c_int;
        fn unget_wch(wchar_t) -> c_int;
        fn tigetflag(*const c_char) -> c_int;
        fn tigetnum(*const c_char) -> c_int;
        fn tigetstr(*const c_char) -> *const c_char;
        fn tparm(*const c_char, isize, isize, isize, isize, isize, isize, isize, isize, isize) -> *const c_char;
        fn putp(*const c_char) -> c_int;
        fn newwin(c_int, c_int, c_int, c_int) -> Win;
        fn newpad(c_int, c_int) -> Win;
        fn getwin(*mut FILE) -> Win;
        fn putwin(Win, *mut FILE) -> c_int;
        fn delwin(Win) -> c_int;
        fn derwin(Win, c_int, c_int, c_int, c_int) -> Win;
        fn subwin(Win, c_int, c_int, c_int, c_int) -> Win;
        fn subpad(Win, c_int, c_int, c_int, c_int) -> Win;
        fn is_pad(Win) -> bool;
        fn is_leaveok(Win) -> bool;
        fn getattrs(Win) -> c_int;
        fn getcury(Win) -> c_int;
        fn getcurx(Win) -> c_int;
        fn getbegy(Win) -> c_int;
        fn getbegx(Win) -> c_int;
        fn getmaxy(Win) -> c_int;
        fn getmaxx(Win) -> c_int;
        fn getpary(Win) -> c_int;
        fn getparx(Win) -> c_int;
        fn getbkgd(Win) -> u32;
        fn setcchar(*mut Cell, *const wchar_t, u32, c_short, *const c_int) -> c_int;
        fn wmove(Win, c_int, c_int) -> c_int;
        fn waddch(Win, u32) -> c_int;
        fn wadd_wch(Win, *const Cell) -> c_int;
        fn waddnstr(Win, *const c_char, c_int) -> c_int;
        fn waddnwstr(Win, *const wchar_t, c_int) -> c_int;
        fn winsch(Win, u32) -> c_int;
        fn wins_wch(Win, *const Cell) -> c_int;
        fn winsnstr(Win, *const c_char, c_int) -> c_int;
        fn wins_nwstr(Win, *const wchar_t, c_int) -> c_int;
        fn wattroff(Win, c_int) -> c_int;
        fn wattron(Win, c_int) -> c_int;
        fn wattrset(Win, c_int) -> c_int;
        fn wstandend(Win) -> c_int;
        fn wstandout(Win) -> c_int;
        fn wbkgd(Win, u32) -> c_int;
        fn wbkgrnd(Win, *const Cell) -> c_int;
        fn wbkgdset(Win, u32);
        fn wbkgrndset(Win, *const Cell);
        fn wborder(Win, u32, u32, u32, u32, u32, u32, u32, u32) -> c_int;
        fn wborder_set(Win, *const Cell, *const Cell, *const Cell, *const Cell, *const Cell, *const Cell, *const Cell, *const Cell) -> c_int;
        fn wchgat(Win, c_int, u32, c_short, *const c_int) -> c_int;
        fn wclear(Win) -> c_int;
        fn werase(Win) -> c_int;
        fn wclrtobot(Win) -> c_int;
        fn wclrtoeol(Win) -> c_int;
        fn clearok(Win, bool) -> c_int;
        fn idcok(Win, bool);
        fn idlok(Win, bool) -> c_int;
        fn immedok(Win, bool);
        fn keypad(Win, bool) -> c_int;
        fn leaveok(Win, bool) -> c_int;
        fn nodelay(Win, bool) -> c_int;
        fn notimeout(Win, bool) -> c_int;
        fn scrollok(Win, bool) -> c_int;
        fn syncok(Win, bool) -> c_int;
        fn wcursyncup(Win);
        fn wsyncdown(Win);
        fn wsyncup(Win);
        fn wdelch(Win) -> c_int;
        fn winsdelln(Win, c_int) -> c_int;
        fn wechochar(Win, u32) -> c_int;
        fn pechochar(Win, u32) -> c_int;
        fn wecho_wchar(Win, *const Cell) -> c_int;
        fn pecho_wchar(Win, *const Cell) -> c_int;
        fn wenclose(Win, c_int, c_int) -> bool;
        fn wgetch(Win) -> c_int;
        fn wget_wch(Win, *mut u32) -> c_int;
        fn wgetnstr(Win, *mut c_char, c_int) -> c_int;
        fn whline(Win, u32, c_int) -> c_int;
        fn wvline(Win, u32, c_int) -> c_int;
        fn whline_set(Win, *const Cell, c_int) -> c_int;
        fn wvline_set(Win, *const Cell, c_int) -> c_int;
        fn winch(Win) -> u32;
        fn winnstr(Win, *mut c_char, c_int) -> c_int;
        fn is_linetouched(Win, c_int) -> bool;
        fn is_wintouched(Win) -> bool;
        fn mvderwin(Win, c_int, c_int) -> c_int;
        fn mvwin(Win, c_int, c_int) -> c_int;
        fn wnoutrefresh(Win) -> c_int;
        fn wrefresh(Win) -> c_int;
        fn pnoutrefresh(Win, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
        fn prefresh(Win, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
        fn overlay(Win, Win) -> c_int;
        fn overwrite(Win, Win) -> c_int;
        fn copywin(Win, Win, c_int, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
        fn wredrawln(Win, c_int, c_int) -> c_int;
        fn redrawwin(Win) -> c_int;
        fn wresize(Win, c_int, c_int) -> c_int;
        fn wscrl(Win, c_int) -> c_int;
        fn wsetscrreg(Win, c_int, c_int) -> c_int;
        fn wtimeout(Win, c_int);
        fn wtouchln(Win, c_int, c_int, c_int) -> c_int;
        fn touchwin(Win) -> c_int;
        fn untouchwin(Win) -> c_int;
        static stdscr: Win;
        static newscr: Win;
        static acs_map: u32;
        static LINES: c_int;
        static COLS: c_int;
        static COLORS: c_int;
        static COLOR_PAIRS: c_int;
        static ESCDELAY: c_int;
        static TABSIZE: c_int;
    }
}

krait_vm::library! {
    /// The library of panels.
    pub struct Panels in [[c"libpanelw.so.6", c"libpanelw.6.dylib"]] {
        fn new_panel(Win) -> RawPanel;
        fn del_panel(RawPanel) -> c_int;
        fn bottom_panel(RawPanel) -> c_int;
        fn top_panel(RawPanel) -> c_int;
        fn show_panel(RawPanel) -> c_int;
        fn hide_panel(RawPanel) -> c_int;
        fn move_panel(RawPanel, c_int, c_int) -> c_int;
        fn replace_panel(RawPanel, Win) -> c_int;
        fn panel_hidden(RawPanel) -> c_int;
        fn panel_above(RawPanel) -> RawPanel;
        fn panel_below(RawPanel) -> RawPanel;
        fn update_panels();
    }
}
