//! The table of `_curses`'s functions.
use super::cells::{COLOR_BITS, attr_arg, pair_number};
use super::library::{Library, Win};
use super::*;
use crate::util::{bool_or, int_arg, need};
use krait_object::{Bytes, Module, Object, functions};

/// A function without arguments that tells whether it worked.
macro_rules! status {
    ($need:ident, $name:ident) => {
        |py: Attached<'_>, _: &Object| {
            $need(py)?;
            check(py, nc!($name()), stringify!($name))
        }
    };
}

/// A function without arguments that gives a value.
macro_rules! value {
    ($need:ident, $name:ident) => {
        |py: Attached<'_>, _: &Object| {
            $need(py)?;
            nc!($name()).into_object(py)
        }
    };
}

/// A function of a number that tells whether it worked.
macro_rules! number {
    ($need:ident, $name:ident) => {
        |py: Attached<'_>, _: &Object, value: &Object| {
            $need(py)?;
            let value = int_arg(py, value)?;
            check(py, nc!($name(value)), stringify!($name))
        }
    };
}

/// A function that sets a mode, or with false another one.
macro_rules! switch {
    ($on:ident, $off:ident) => {
        |py: Attached<'_>, _: &Object, [flag]: [Arg<'_>; 1]| {
            ready(py)?;
            match bool_or(py, flag, true)? {
                true => check(py, nc!($on()), stringify!($on)),
                false => check(py, nc!($off()), stringify!($off)),
            }
        }
    };
}

/// The window of the whole screen.
fn screen() -> Win {
    // SAFETY: a variable of the library.
    unsafe { *Library::get().stdscr }
}

fn get_escdelay(_: Attached<'_>, _: &Object) -> c_int {
    // SAFETY: a variable of the library.
    unsafe { *Library::get().ESCDELAY }
}

fn get_tabsize(_: Attached<'_>, _: &Object) -> c_int {
    // SAFETY: a variable of the library.
    unsafe { *Library::get().TABSIZE }
}

/// Adds the functions to the module.
pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "assume_default_colors" => |py: Attached<'_>, _: &Object, [front, back]: [Arg<'_>; 2]| -> PyResult<()> { coloured(py)?; let (front, back) = (int_arg(py, need(py, front)?)?, int_arg(py, need(py, back)?)?); check(py, nc!(assume_default_colors(front, back)), "assume_default_colors") }, "($module, fg, bg, /)", "Say what the terminal's own colours are.";
            noargs "baudrate" => value!(ready, baudrate), "($module, /)", "The speed of the terminal.";
            noargs "beep" => status!(ready, beep), "($module, /)", "Sound the terminal.";
            noargs "can_change_color" => value!(ready, can_change_color), "($module, /)", "Whether colours can be changed.";
            sig "cbreak" => switch!(cbreak, nocbreak), "($module, flag=True, /)", "Give input key by key.";
            o "color_content" => color_content, "($module, color_number, /)", "The red, green and blue of a colour, up to 1000.";
            o "color_pair" => |py: Attached<'_>, _: &Object, pair: &Object| -> PyResult<c_int> { coloured(py)?; Ok((int_arg(py, pair)? << 8) & COLOR_BITS as c_int) }, "($module, pair_number, /)", "The attribute of a pair of colours.";
            o "curs_set" => |py: Attached<'_>, _: &Object, value: &Object| -> PyResult<c_int> { ready(py)?; let value = int_arg(py, value)?; let old = nc!(curs_set(value)); check(py, old, "curs_set").map(|()| old) }, "($module, visibility, /)", "Show the cursor: 0 not, 1 as usual, 2 well; return what it was.";
            noargs "def_prog_mode" => status!(ready, def_prog_mode), "($module, /)", "Keep the terminal's mode as that of the program.";
            noargs "def_shell_mode" => status!(ready, def_shell_mode), "($module, /)", "Keep the terminal's mode as that of the shell.";
            o "delay_output" => number!(ready, delay_output), "($module, ms, /)", "Pause for milliseconds.";
            noargs "doupdate" => |py: Attached<'_>, _: &Object| { ready(py)?; check(py, vm::without(py, || nc!(doupdate())), "doupdate") }, "($module, /)", "Show what refreshes marked.";
            sig "echo" => switch!(echo, noecho), "($module, flag=True, /)", "Show input.";
            noargs "endwin" => status!(ready, endwin), "($module, /)", "Give the terminal back.";
            noargs "erasechar" => |py: Attached<'_>, _: &Object| -> PyResult<Ref<Bytes>> { ready(py)?; Bytes::new(py, &[nc!(erasechar()) as u8]) }, "($module, /)", "The key that erases a character.";
            noargs "filter" => |_: Attached<'_>, _: &Object| nc!(filter()), "($module, /)", "Use only the present line; to be called before initscr().";
            noargs "flash" => status!(ready, flash), "($module, /)", "Flash the screen.";
            noargs "flushinp" => status!(ready, flushinp), "($module, /)", "Drop all input.";
            noargs "get_escdelay" => get_escdelay, "($module, /)", "Milliseconds that the rest of a key is waited for.";
            noargs "get_tabsize" => get_tabsize, "($module, /)", "The width of tabs.";
            noargs "getmouse" => getmouse, "($module, /)", "The next mouse event: id, x, y, z and state.";
            noargs "getsyx" => getsyx, "($module, /)", "Where the cursor of the virtual screen is.";
            o "getwin" => getwin, "($module, file, /)", "Make a window of what putwin() wrote.";
            o "halfdelay" => number!(ready, halfdelay), "($module, tenths, /)", "Give input key by key, and wait for tenths of a second.";
            noargs "has_colors" => value!(ready, has_colors), "($module, /)", "Whether there are colours.";
            noargs "has_extended_color_support" => |_: Attached<'_>, _: &Object| true, "($module, /)", "Whether there may be more than 256 pairs of colours.";
            noargs "has_ic" => value!(ready, has_ic), "($module, /)", "Whether the terminal can insert characters.";
            noargs "has_il" => value!(ready, has_il), "($module, /)", "Whether the terminal can insert lines.";
            o "has_key" => |py: Attached<'_>, _: &Object, key: &Object| -> PyResult<bool> { ready(py)?; let key = int_arg(py, key)?; Ok(nc!(has_key(key)) != 0) }, "($module, key, /)", "Whether the terminal has a key.";
            sig "init_color" => init_color, "($module, color_number, r, g, b, /)", "Change a colour.";
            sig "init_pair" => init_pair, "($module, pair_number, fg, bg, /)", "Change a pair of colours.";
            noargs "initscr" => initscr, "($module, /)", "Open the screen and return its window.";
            o "intrflush" => |py: Attached<'_>, _: &Object, flag: &Object| -> PyResult<()> { ready(py)?; let flag = flag.is_true(py)?; check(py, nc!(intrflush(std::ptr::null_mut(), flag)), "intrflush") }, "($module, flag, /)", "Whether an interrupt drops output.";
            sig "is_term_resized" => |py: Attached<'_>, _: &Object, [lines, columns]: [Arg<'_>; 2]| -> PyResult<bool> { ready(py)?; let (lines, columns) = (int_arg(py, need(py, lines)?)?, int_arg(py, need(py, columns)?)?); Ok(nc!(is_term_resized(lines, columns))) }, "($module, nlines, ncols, /)", "Whether the screen has another size.";
            noargs "isendwin" => value!(ready, isendwin), "($module, /)", "Whether endwin() was called.";
            o "keyname" => keyname, "($module, key, /)", "The name of a key.";
            noargs "killchar" => |py: Attached<'_>, _: &Object| -> PyResult<Ref<Bytes>> { ready(py)?; Bytes::new(py, &[nc!(killchar()) as u8]) }, "($module, /)", "The key that erases a line.";
            noargs "longname" => |py: Attached<'_>, _: &Object| -> PyResult<Ref<Bytes>> { ready(py)?; c_bytes(py, nc!(longname())) }, "($module, /)", "The terminal's long name.";
            o "meta" => |py: Attached<'_>, _: &Object, flag: &Object| -> PyResult<()> { ready(py)?; let flag = flag.is_true(py)?; let screen = screen(); check(py, nc!(meta(screen, flag)), "meta") }, "($module, yes, /)", "Whether keys have eight bits.";
            o "mouseinterval" => number!(ready, mouseinterval), "($module, interval, /)", "Set the longest time between press and release of a click.";
            o "mousemask" => mousemask, "($module, newmask, /)", "Say which mouse events to report; return those that are, and those that were.";
            o "napms" => napms, "($module, ms, /)", "Sleep for milliseconds.";
            sig "newpad" => newpad, "($module, nlines, ncols, /)", "Make a window that need not fit on the screen.";
            raw "newwin" => newwin, "", "newwin(nlines, ncols, [begin_y=0, begin_x=0]): make a window.";
            sig "nl" => switch!(nl, nonl), "($module, flag=True, /)", "Translate line ends.";
            noargs "nocbreak" => status!(ready, nocbreak), "($module, /)", "Wait for whole lines again.";
            noargs "noecho" => status!(ready, noecho), "($module, /)", "Do not show input.";
            noargs "nonl" => status!(ready, nonl), "($module, /)", "Leave line ends as they are.";
            noargs "noqiflush" => |py: Attached<'_>, _: &Object| -> PyResult<()> { ready(py)?; nc!(noqiflush()); Ok(()) }, "($module, /)", "Keep input at interrupts.";
            noargs "noraw" => status!(ready, noraw), "($module, /)", "Leave raw mode.";
            o "pair_content" => pair_content, "($module, pair_number, /)", "The colours of a pair.";
            o "pair_number" => |py: Attached<'_>, _: &Object, attr: &Object| -> PyResult<c_int> { coloured(py)?; Ok(pair_number(attr_arg(py, Some(attr))?)) }, "($module, attr, /)", "The pair of colours of an attribute.";
            o "putp" => putp, "($module, string, /)", "Send a capability to the terminal.";
            sig "qiflush" => |py: Attached<'_>, _: &Object, [flag]: [Arg<'_>; 1]| -> PyResult<()> { ready(py)?; if bool_or(py, flag, true)? { nc!(qiflush()) } else { nc!(noqiflush()) }; Ok(()) }, "($module, flag=True, /)", "Drop input at interrupts.";
            sig "raw" => switch!(raw, noraw), "($module, flag=True, /)", "Give input key by key, interrupts included.";
            noargs "reset_prog_mode" => status!(ready, reset_prog_mode), "($module, /)", "Give the terminal the program's mode.";
            noargs "reset_shell_mode" => status!(ready, reset_shell_mode), "($module, /)", "Give the terminal the shell's mode.";
            noargs "resetty" => status!(ready, resetty), "($module, /)", "Take back the mode that savetty() kept.";
            sig "resize_term" => |py: Attached<'_>, module: &Object, size: [Arg<'_>; 2]| resize(py, module, size, false), "($module, nlines, ncols, /)", "Change the size of the screen and nothing else.";
            sig "resizeterm" => |py: Attached<'_>, module: &Object, size: [Arg<'_>; 2]| resize(py, module, size, true), "($module, nlines, ncols, /)", "Change the size of the screen.";
            noargs "savetty" => status!(ready, savetty), "($module, /)", "Keep the mode of the terminal.";
            o "set_escdelay" => |py: Attached<'_>, _: &Object, value: &Object| { let value = set_positive(py, value, "ms")?; check(py, nc!(set_escdelay(value)), "set_escdelay") }, "($module, ms, /)", "Set how many milliseconds the rest of a key is waited for.";
            o "set_tabsize" => |py: Attached<'_>, _: &Object, value: &Object| { let value = set_positive(py, value, "size")?; check(py, nc!(set_tabsize(value)), "set_tabsize") }, "($module, size, /)", "Set the width of tabs.";
            sig "setsyx" => setsyx, "($module, y, x, /)", "Move the cursor of the virtual screen.";
            sig "setupterm" => setupterm, "($module, /, term=None, fd=-1)", "Find out what the terminal can do.";
            noargs "start_color" => start_color, "($module, /)", "Use colours.";
            noargs "termattrs" => value!(ready, termattrs), "($module, /)", "The attributes that the terminal has.";
            noargs "termname" => |py: Attached<'_>, _: &Object| -> PyResult<Ref<Bytes>> { ready(py)?; c_bytes(py, nc!(termname())) }, "($module, /)", "The terminal's name.";
            o "tigetflag" => |py: Attached<'_>, _: &Object, name: &Object| -> PyResult<c_int> { let name = capability(py, "tigetflag", name)?; Ok(nc!(tigetflag(name.as_ptr()))) }, "($module, capname, /)", "Whether the terminal has a capability; -1 when it is no flag.";
            o "tigetnum" => |py: Attached<'_>, _: &Object, name: &Object| -> PyResult<c_int> { let name = capability(py, "tigetnum", name)?; Ok(nc!(tigetnum(name.as_ptr()))) }, "($module, capname, /)", "A capability that is a number; -2 when it is none.";
            o "tigetstr" => tigetstr, "($module, capname, /)", "A capability that is text, or None.";
            sig "tparm" => tparm, "($module, str, i1=0, i2=0, i3=0, i4=0, i5=0, i6=0, i7=0, i8=0, i9=0, /)", "A capability with its numbers filled in.";
            o "typeahead" => number!(ready, typeahead), "($module, fd, /)", "Look for input of a descriptor while drawing.";
            o "unctrl" => unctrl, "($module, ch, /)", "A character in a form that can be shown.";
            o "unget_wch" => unget_wch, "($module, ch, /)", "Let get_wch() give this next.";
            o "ungetch" => ungetch, "($module, ch, /)", "Let getch() give this next.";
            sig "ungetmouse" => ungetmouse, "($module, id, x, y, z, bstate, /)", "Put a mouse event into the queue.";
            noargs "update_lines_cols" => |py: Attached<'_>, module: &Object| publish_size(py, module), "($module, /)", "Set LINES and COLS anew.";
            noargs "use_default_colors" => status!(coloured, use_default_colors), "($module, /)", "Let -1 be the terminal's own colours.";
            o "use_env" => |py: Attached<'_>, _: &Object, flag: &Object| -> PyResult<()> { let flag = flag.is_true(py)?; nc!(use_env(flag)); Ok(()) }, "($module, flag, /)", "Whether the environment's size of the screen counts.";
        },
    )
}
