//! `window`.
use super::cells::{Char, Text, attr_arg, character, default_encoding, pair_number, text};
use super::library::{Cell, Library, Win};
use super::{check, fail, finish, nc, written};
use crate::objects;
use crate::util::{int_arg, need, tuple};
use crate::vm;
use krait_object::args::Args;
use krait_object::layout::Field;
use krait_object::native::{Part, alloc, type_name};
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Visit, pytype, raise,
};
use std::ffi::{c_char, c_int, c_short};
use std::sync::PoisonError;

type Opt<'a> = Option<&'a Object>;

/// The longest text that is read at once.
const LONGEST: usize = 2047;

/// The C window of an object, which is deleted with it unless it is the whole screen.
#[repr(transparent)]
pub struct Handle(Field<Win>);

impl Part for Handle {
    fn visit(&self, _: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
    fn release(&self) {
        let window = self.0.get();
        self.0.set(std::ptr::null_mut());
        if window.is_null() {
            return;
        }
        let library = Library::get();
        let _one = super::LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a window that only this object has.
        unsafe {
            if window != *library.stdscr {
                (library.delwin)(window);
            }
        }
    }
}

krait_object::native! {
    /// A window or a pad. A part of another one keeps that. C code reads the first three fields (`py_curses.h`); the
    /// second is the text of the last.
    pub struct Window { window: Handle, c_encoding: Field<*const c_char>, parent: Slot<Window>, encoding: Slot<Str> }
}

/// A method without arguments that tells whether it worked.
macro_rules! plain {
    ($name:ident) => {
        |py: Attached<'_>, this: &Window| check(py, nc!($name(this.raw())), stringify!($name))
    };
}

/// A method with a flag that tells whether it worked.
macro_rules! flag {
    ($name:ident) => {
        |py: Attached<'_>, this: &Window, flag: &Object| {
            let flag = flag.is_true(py)?;
            check(py, nc!($name(this.raw(), flag)), stringify!($name))
        }
    };
}

/// A method with an attribute that tells whether it worked.
macro_rules! attr {
    ($name:ident) => {
        |py: Attached<'_>, this: &Window, attr: &Object| {
            let attr = attr_arg(py, Some(attr))? as c_int;
            check(py, nc!($name(this.raw(), attr)), stringify!($name))
        }
    };
}

/// A method with two numbers that tells whether it worked.
macro_rules! pair {
    ($name:ident) => {
        |py: Attached<'_>, this: &Window, [first, second]: [Opt<'_>; 2]| {
            let (first, second) = (int_arg(py, need(py, first)?)?, int_arg(py, need(py, second)?)?);
            check(py, nc!($name(this.raw(), first, second)), stringify!($name))
        }
    };
}

/// A pair of what two functions say about the window.
macro_rules! place {
    ($y:ident, $x:ident) => {
        |py: Attached<'_>, this: &Window| {
            let (y, x) = (nc!($y(this.raw())), nc!($x(this.raw())));
            tuple(py, objects!(py; y, x))
        }
    };
}

pytype! {
    pub static WINDOW: "_curses.window" for Window {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Window::dealloc, tp_traverse = Window::traverse },
        methods: {
            raw "addch" => Window::addch, "", "addch([y, x,] ch, [attr]): put a character in place of the one at the cursor.";
            raw "addstr" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.put(py, args, "addstr", false, false), "", "addstr([y, x,] str, [attr]): put text in place of what is at the cursor.";
            raw "addnstr" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.put(py, args, "addnstr", true, false), "", "addnstr([y, x,] str, n, [attr]): the same for at most n characters.";
            raw "insstr" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.put(py, args, "insstr", false, true), "", "insstr([y, x,] str, [attr]): put text before what is at the cursor.";
            raw "insnstr" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.put(py, args, "insnstr", true, true), "", "insnstr([y, x,] str, n, [attr]): the same for at most n characters.";
            raw "insch" => Window::insch, "", "insch([y, x,] ch, [attr]): put a character before the one at the cursor.";
            o "attroff" => attr!(wattroff), "($self, attr, /)", "Take an attribute away from those of new text.";
            o "attron" => attr!(wattron), "($self, attr, /)", "Add an attribute to those of new text.";
            o "attrset" => attr!(wattrset), "($self, attr, /)", "Set the attributes of new text.";
            sig "bkgd" => Window::bkgd, "($self, ch, attr=_curses.A_NORMAL, /)", "Set the background, also of what is there.";
            sig "bkgdset" => Window::bkgdset, "($self, ch, attr=_curses.A_NORMAL, /)", "Set the background of new text.";
            sig "border" => Window::border, "($self, ls=_curses.ACS_VLINE, rs=_curses.ACS_VLINE, ts=_curses.ACS_HLINE, bs=_curses.ACS_HLINE, tl=_curses.ACS_ULCORNER, tr=_curses.ACS_URCORNER, bl=_curses.ACS_LLCORNER, br=_curses.ACS_LRCORNER, /)", "Draw a border around the window: left, right, top, bottom and the corners.";
            raw "box" => Window::frame, "", "box([verch=0, horch=0]): draw a border of two characters.";
            raw "chgat" => Window::chgat, "", "chgat([y, x,] [n=-1,] attr): set the attributes of n characters, or of all up to the end of the line.";
            noargs "clear" => plain!(wclear), "($self, /)", "Erase the window, and draw all of it at the next refresh.";
            noargs "erase" => plain!(werase), "($self, /)", "Erase the window.";
            noargs "clrtobot" => plain!(wclrtobot), "($self, /)", "Erase from the cursor to the end of the window.";
            noargs "clrtoeol" => plain!(wclrtoeol), "($self, /)", "Erase from the cursor to the end of the line.";
            o "clearok" => flag!(clearok), "($self, flag, /)", "Whether the next refresh draws all of the window.";
            o "idlok" => flag!(idlok), "($self, flag, /)", "Whether the terminal's insertion of lines may be used.";
            o "idcok" => |py: Attached<'_>, this: &Window, flag: &Object| -> PyResult<()> { let flag = flag.is_true(py)?; nc!(idcok(this.raw(), flag)); Ok(()) }, "($self, flag, /)", "Whether the terminal's insertion of characters may be used.";
            o "immedok" => |py: Attached<'_>, this: &Window, flag: &Object| -> PyResult<()> { let flag = flag.is_true(py)?; nc!(immedok(this.raw(), flag)); Ok(()) }, "($self, flag, /)", "Whether every change is shown at once.";
            o "keypad" => flag!(keypad), "($self, flag, /)", "Whether keys that send several characters are one.";
            o "leaveok" => flag!(leaveok), "($self, flag, /)", "Whether the cursor stays where an update leaves it.";
            o "nodelay" => flag!(nodelay), "($self, flag, /)", "Whether getch() does not wait.";
            o "notimeout" => flag!(notimeout), "($self, flag, /)", "Whether the rest of a key's characters is waited for without end.";
            o "scrollok" => flag!(scrollok), "($self, flag, /)", "Whether the window scrolls when the cursor leaves it.";
            o "syncok" => flag!(syncok), "($self, flag, /)", "Whether every change is noted in the windows around.";
            noargs "cursyncup" => |_: Attached<'_>, this: &Window| nc!(wcursyncup(this.raw())), "($self, /)", "Move the cursors of the windows around to this one's.";
            noargs "syncdown" => |_: Attached<'_>, this: &Window| nc!(wsyncdown(this.raw())), "($self, /)", "Note here what changed in the windows around.";
            noargs "syncup" => |_: Attached<'_>, this: &Window| nc!(wsyncup(this.raw())), "($self, /)", "Note in the windows around what changed here.";
            raw "delch" => Window::delch, "", "delch([y, x]): delete a character.";
            noargs "deleteln" => |py: Attached<'_>, this: &Window| check(py, nc!(winsdelln(this.raw(), -1)), "wdeleteln"), "($self, /)", "Delete the line of the cursor.";
            noargs "insertln" => |py: Attached<'_>, this: &Window| check(py, nc!(winsdelln(this.raw(), 1)), "winsertln"), "($self, /)", "Insert a line at the cursor.";
            o "insdelln" => |py: Attached<'_>, this: &Window, lines: &Object| { let lines = int_arg(py, lines)?; check(py, nc!(winsdelln(this.raw(), lines)), "winsdelln") }, "($self, nlines, /)", "Insert lines, or delete some for a negative number.";
            raw "derwin" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.part_of(py, args, "derwin", true), "", "derwin([nlines=0, ncols=0,] begin_y, begin_x): a window in this one, placed from its corner.";
            raw "subwin" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.part_of(py, args, "subwin", false), "", "subwin([nlines=0, ncols=0,] begin_y, begin_x): a window in this one, placed from the screen's corner.";
            raw "subpad" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.part_of(py, args, "subpad", false), "", "subpad([nlines=0, ncols=0,] begin_y, begin_x): the same of a pad.";
            sig "echochar" => Window::echochar, "($self, ch, attr=_curses.A_NORMAL, /)", "Add a character and show it.";
            sig "enclose" => |py: Attached<'_>, this: &Window, [y, x]: [Opt<'_>; 2]| -> PyResult<bool> { let (y, x) = (int_arg(py, need(py, y)?)?, int_arg(py, need(py, x)?)?); Ok(nc!(wenclose(this.raw(), y, x))) }, "($self, y, x, /)", "Whether the window has a place of the screen.";
            raw "getch" => Window::getch, "", "getch([y, x]): the number of the next key, -1 for none.";
            raw "getkey" => Window::getkey, "", "getkey([y, x]): the name or the character of the next key.";
            raw "get_wch" => Window::get_wch, "", "get_wch([y, x]): the next character, or the number of the next special key.";
            raw "getstr" => Window::getstr, "", "getstr([[y, x,] n=2047]): a line that the user enters, as bytes.";
            raw "instr" => Window::instr, "", "instr([y, x,] n=2047): what the window shows, as bytes.";
            raw "inch" => Window::inch, "", "inch([y, x]): the character that the window shows, with its attributes.";
            noargs "getbegyx" => place!(getbegy, getbegx), "($self, /)", "The corner of the window on the screen.";
            noargs "getmaxyx" => place!(getmaxy, getmaxx), "($self, /)", "The height and width of the window.";
            noargs "getparyx" => place!(getpary, getparx), "($self, /)", "The corner of the window in the one around it.";
            noargs "getyx" => place!(getcury, getcurx), "($self, /)", "Where the cursor is.";
            noargs "getbkgd" => |_: Attached<'_>, this: &Window| nc!(getbkgd(this.raw())), "($self, /)", "The background.";
            raw "hline" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.line(py, args, true), "", "hline([y, x,] ch, n, [attr]): draw a line of n characters to the right.";
            raw "vline" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.line(py, args, false), "", "vline([y, x,] ch, n, [attr]): draw a line of n characters down.";
            o "is_linetouched" => Window::is_line_touched, "($self, line, /)", "Whether a line changed since the last refresh.";
            noargs "is_wintouched" => |_: Attached<'_>, this: &Window| nc!(is_wintouched(this.raw())), "($self, /)", "Whether the window changed since the last refresh.";
            sig "move" => pair!(wmove), "($self, new_y, new_x, /)", "Move the cursor.";
            sig "mvderwin" => pair!(mvderwin), "($self, y, x, /)", "Show another part of the window around.";
            sig "mvwin" => pair!(mvwin), "($self, new_y, new_x, /)", "Move the window.";
            sig "redrawln" => pair!(wredrawln), "($self, beg, num, /)", "Draw some lines anew at the next refresh.";
            sig "resize" => pair!(wresize), "($self, nlines, ncols, /)", "Make the window larger or smaller.";
            sig "setscrreg" => pair!(wsetscrreg), "($self, top, bottom, /)", "Set which lines scroll.";
            raw "noutrefresh" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.show(py, args, false), "", "noutrefresh([pminrow, pmincol, sminrow, smincol, smaxrow, smaxcol]): mark what doupdate() is to show.";
            raw "refresh" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.show(py, args, true), "", "refresh([pminrow, pmincol, sminrow, smincol, smaxrow, smaxcol]): show what changed.";
            raw "overlay" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.copy_to(py, args, true), "", "overlay(destwin, [sminrow, smincol, dminrow, dmincol, dmaxrow, dmaxcol]): copy all but blanks to another window.";
            raw "overwrite" => |py: Attached<'_>, this: &Window, args: Args<'_>| this.copy_to(py, args, false), "", "overwrite(destwin, [sminrow, smincol, dminrow, dmincol, dmaxrow, dmaxcol]): copy to another window.";
            o "putwin" => Window::putwin, "($self, file, /)", "Write the window to a file, for getwin().";
            noargs "redrawwin" => plain!(redrawwin), "($self, /)", "Draw all of the window anew at the next refresh.";
            raw "scroll" => Window::scroll, "", "scroll([lines=1]): scroll the window.";
            noargs "standend" => plain!(wstandend), "($self, /)", "Set no attributes for new text.";
            noargs "standout" => plain!(wstandout), "($self, /)", "Make new text stand out.";
            o "timeout" => |py: Attached<'_>, this: &Window, delay: &Object| -> PyResult<()> { let delay = int_arg(py, delay)?; nc!(wtimeout(this.raw(), delay)); Ok(()) }, "($self, delay, /)", "Set how many milliseconds getch() waits; -1 is without end.";
            raw "touchline" => Window::touchline, "", "touchline(start, count, [changed=True]): mark some lines as changed or not.";
            noargs "touchwin" => plain!(touchwin), "($self, /)", "Mark all lines as changed.";
            noargs "untouchwin" => plain!(untouchwin), "($self, /)", "Mark no line as changed.";
        },
        getset: {
            "encoding" => |_: Attached<'_>, this: &Window| this.encoding.get(), Window::set_encoding, "The encoding of bytes in the window.";
        },
    }
}

/// The arguments behind an optional place, to which the cursor was moved.
fn placed<'a>(
    py: Attached<'_>,
    this: &Window,
    args: Args<'a>,
    name: &str,
    counts: std::ops::RangeInclusive<usize>,
    placed_from: usize,
) -> PyResult<&'a [&'a Object]> {
    args.no_keywords(py, name)?;
    let given = args.pos.len();
    if !counts.contains(&given) {
        let (least, most) = (counts.start(), counts.end());
        return Err(raise!(py, TypeError, "{name} requires {least} to {most} arguments"));
    }
    match args.pos {
        [y, x, rest @ ..] if given >= placed_from => {
            let (y, x) = (int_arg(py, y)?, int_arg(py, x)?);
            check(py, nc!(wmove(this.raw(), y, x)), "wmove")?;
            Ok(rest)
        }
        all => Ok(all),
    }
}

fn numbers<const N: usize>(py: Attached<'_>, given: &[&Object]) -> PyResult<[c_int; N]> {
    let mut numbers = [0; N];
    for (number, given) in numbers.iter_mut().zip(given) {
        *number = int_arg(py, given)?;
    }
    Ok(numbers)
}

impl Window {
    /// The object of a C window.
    pub fn make(py: Attached<'_>, window: Win, parent: Option<&Window>, function: &str) -> PyResult<Ref<Window>> {
        if window.is_null() {
            return Err(super::error(py, &format!("{function}() returned a null pointer")));
        }
        let this = alloc::<Window>(py, Self::type_object())?;
        this.window.0.set(window);
        drop(this.parent.replace(parent.map(Layout::to_ref)));
        let encoding = match parent.and_then(|parent| parent.encoding.get()) {
            Some(encoding) => encoding,
            None => default_encoding(py)?,
        };
        this.name_encoding(py, encoding)?;
        Ok(this)
    }

    fn name_encoding(&self, py: Attached<'_>, name: Ref<Str>) -> PyResult<()> {
        self.c_encoding.set(name.to_utf8(py)?.as_ptr().cast());
        drop(self.encoding.replace(Some(name)));
        Ok(())
    }

    /// The encoding of bytes in the window.
    pub fn encoding_name(&self) -> Option<Ref<Str>> {
        self.encoding.get()
    }

    pub fn raw(&self) -> Win {
        self.window.0.get()
    }

    fn addch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        let rest = placed(py, this, args, "addch", 1..=4, 3)?;
        let attr = attr_arg(py, rest.get(1).copied())?;
        match character(py, Some(this), rest.first().copied(), attr)? {
            Char::Narrow(ch) => check(py, nc!(waddch(this.raw(), ch)), "waddch"),
            Char::Wide(cell) => check(py, nc!(wadd_wch(this.raw(), &raw const cell)), "wadd_wch"),
        }
    }

    fn insch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        let rest = placed(py, this, args, "insch", 1..=4, 3)?;
        let attr = attr_arg(py, rest.get(1).copied())?;
        match character(py, Some(this), rest.first().copied(), attr)? {
            Char::Narrow(ch) => check(py, nc!(winsch(this.raw(), ch)), "winsch"),
            Char::Wide(cell) => check(py, nc!(wins_wch(this.raw(), &raw const cell)), "wins_wch"),
        }
    }

    /// `addstr`, `addnstr`, `insstr` and `insnstr`.
    fn put(&self, py: Attached<'_>, args: Args<'_>, name: &str, limited: bool, insert: bool) -> PyResult<()> {
        let extra = usize::from(limited);
        let rest = placed(py, self, args, name, 1 + extra..=4 + extra, 3 + extra)?;
        let shown = text(py, rest.first().copied())?;
        let count = if limited { int_arg(py, need(py, rest.get(1).copied())?)? } else { -1 };
        let attr = rest.get(1 + extra).map(|attr| attr_arg(py, Some(attr))).transpose()?;
        let window = self.raw();
        let old = nc!(getattrs(window));
        if let Some(attr) = attr {
            check(py, nc!(wattrset(window, attr as c_int)), "wattrset")?;
        }
        let code = match (&shown, insert) {
            (Text::Narrow(text), false) => nc!(waddnstr(window, text.as_ptr(), count)),
            (Text::Narrow(text), true) => nc!(winsnstr(window, text.as_ptr(), count)),
            (Text::Wide(text), false) => nc!(waddnwstr(window, text.as_ptr(), count)),
            (Text::Wide(text), true) => nc!(wins_nwstr(window, text.as_ptr(), count)),
        };
        if attr.is_some() {
            nc!(wattrset(window, old));
        }
        let function = match (shown, insert) {
            (Text::Narrow(_), false) => "waddnstr",
            (Text::Narrow(_), true) => "winsnstr",
            (Text::Wide(_), false) => "waddnwstr",
            (Text::Wide(_), true) => "wins_nwstr",
        };
        check(py, code, function)
    }

    fn bkgd(py: Attached<'_>, this: &Window, [ch, attr]: [Opt<'_>; 2]) -> PyResult<()> {
        let attr = attr_arg(py, attr)?;
        match character(py, Some(this), ch, attr)? {
            Char::Narrow(ch) => check(py, nc!(wbkgd(this.raw(), ch)), "wbkgd"),
            Char::Wide(cell) => check(py, nc!(wbkgrnd(this.raw(), &raw const cell)), "wbkgrnd"),
        }
    }

    fn bkgdset(py: Attached<'_>, this: &Window, [ch, attr]: [Opt<'_>; 2]) -> PyResult<()> {
        let attr = attr_arg(py, attr)?;
        match character(py, Some(this), ch, attr)? {
            Char::Narrow(ch) => nc!(wbkgdset(this.raw(), ch)),
            Char::Wide(cell) => nc!(wbkgrndset(this.raw(), &raw const cell)),
        }
        Ok(())
    }

    /// Draws a border of eight characters; 0 stands for the usual one.
    fn draw_border(&self, py: Attached<'_>, sides: [Opt<'_>; 8]) -> PyResult<()> {
        let mut chars = [const { Char::Narrow(0) }; 8];
        for (to, side) in chars.iter_mut().zip(sides) {
            if let Some(side) = side {
                *to = character(py, Some(self), Some(side), 0)?;
            }
        }
        let window = self.raw();
        if chars.iter().all(|ch| matches!(ch, Char::Narrow(_))) {
            let [ls, rs, ts, bs, tl, tr, bl, br] = chars.map(|ch| if let Char::Narrow(ch) = ch { ch } else { 0 });
            return check(py, nc!(wborder(window, ls, rs, ts, bs, tl, tr, bl, br)), "wborder");
        }
        let mut cells = [Cell { attr: 0, chars: [0; 5], color: 0 }; 8];
        let mut given = [std::ptr::null::<Cell>(); 8];
        for ((cell, pointer), ch) in cells.iter_mut().zip(&mut given).zip(chars) {
            *cell = match ch {
                Char::Narrow(0) => continue,
                Char::Narrow(ch) => super::cells::cell(py, ch & 0xFF, ch & !0xFF)?,
                Char::Wide(cell) => cell,
            };
            *pointer = std::ptr::from_ref(cell);
        }
        let [ls, rs, ts, bs, tl, tr, bl, br] = given;
        check(py, nc!(wborder_set(window, ls, rs, ts, bs, tl, tr, bl, br)), "wborder_set")
    }

    fn border(py: Attached<'_>, this: &Window, sides: [Opt<'_>; 8]) -> PyResult<()> {
        this.draw_border(py, sides)
    }

    fn frame(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "box")?;
        let (vertical, horizontal) = match args.pos {
            [] => (None, None),
            [vertical, horizontal] => (Some(*vertical), Some(*horizontal)),
            _ => return Err(raise!(py, TypeError, "verch,horch required")),
        };
        this.draw_border(py, [vertical, vertical, horizontal, horizontal, None, None, None, None])
    }

    fn chgat(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        let rest = placed(py, this, args, "chgat", 1..=4, 3)?;
        let (count, attr) = match rest {
            [attr] => (-1, attr),
            [count, attr] => (int_arg(py, count)?, attr),
            _ => return Err(py.bad_internal_call()),
        };
        let attr = attr_arg(py, Some(attr))?;
        let (window, pair) = (this.raw(), pair_number(attr) as c_short);
        let line = nc!(getcury(window));
        check(py, nc!(wchgat(window, count, attr & !super::cells::COLOR_BITS, pair, std::ptr::null())), "wchgat")?;
        check(py, nc!(wtouchln(window, line, 1, 1)), "wtouchln")
    }

    fn delch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        place_only(py, this, args, "delch")?;
        check(py, nc!(wdelch(this.raw())), "wdelch")
    }

    fn part_of(&self, py: Attached<'_>, args: Args<'_>, name: &str, derived: bool) -> PyResult<Ref<Window>> {
        args.no_keywords(py, name)?;
        let [lines, columns, y, x] = match args.pos {
            [y, x] => [0, 0, int_arg(py, y)?, int_arg(py, x)?],
            all if all.len() == 4 => numbers::<4>(py, all)?,
            _ => return Err(raise!(py, TypeError, "{name} requires 2 or 4 arguments")),
        };
        let (window, pad) = (self.raw(), nc!(is_pad(self.raw())));
        let new = match (derived, pad) {
            (true, _) => nc!(derwin(window, lines, columns, y, x)),
            (false, true) => nc!(subpad(window, lines, columns, y, x)),
            (false, false) => nc!(subwin(window, lines, columns, y, x)),
        };
        let function = if !derived && pad { "subpad" } else { name };
        Window::make(py, new, Some(self), function)
    }

    fn echochar(py: Attached<'_>, this: &Window, [ch, attr]: [Opt<'_>; 2]) -> PyResult<()> {
        let attr = attr_arg(py, attr)?;
        let (window, pad) = (this.raw(), nc!(is_pad(this.raw())));
        match (character(py, Some(this), ch, attr)?, pad) {
            (Char::Narrow(ch), true) => check(py, nc!(pechochar(window, ch)), "pechochar"),
            (Char::Narrow(ch), false) => check(py, nc!(wechochar(window, ch)), "wechochar"),
            (Char::Wide(cell), true) => check(py, nc!(pecho_wchar(window, &raw const cell)), "pecho_wchar"),
            (Char::Wide(cell), false) => check(py, nc!(wecho_wchar(window, &raw const cell)), "wecho_wchar"),
        }
    }

    /// The next key. Others may draw meanwhile.
    fn wait_key(&self, py: Attached<'_>) -> c_int {
        let window = self.raw();
        // SAFETY: a live window.
        vm::without(py, || unsafe { (Library::get().wgetch)(window) })
    }

    fn getch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<c_int> {
        place_only(py, this, args, "getch")?;
        let key = this.wait_key(py);
        if key < 0 {
            finish(py)?;
        }
        Ok(key)
    }

    fn getkey(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<Ref<Object>> {
        place_only(py, this, args, "getkey")?;
        let key = this.wait_key(py);
        match key {
            ..0 => {
                finish(py)?;
                Err(super::error(py, "no input"))
            }
            0..256 => Ok(Str::from_char(py, key as u32)?.upcast()),
            _ => {
                let name = nc!(keyname(key));
                let name = if name.is_null() { Bytes::new(py, b"")? } else { super::c_bytes(py, name)? };
                let text = String::from_utf8_lossy(name.as_slice()).into_owned();
                Ok(Str::new(py, &text)?.upcast())
            }
        }
    }

    fn get_wch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<Ref<Object>> {
        const KEY_CODE_YES: c_int = 0o400;
        place_only(py, this, args, "get_wch")?;
        let (window, mut point) = (this.raw(), 0);
        // SAFETY: a live window and a local variable.
        let code = vm::without(py, || unsafe { (Library::get().wget_wch)(window, &raw mut point) });
        match code {
            ..0 => {
                finish(py)?;
                Err(super::error(py, "no input"))
            }
            KEY_CODE_YES => point.into_object(py),
            _ => Ok(Str::from_char(py, point)?.upcast()),
        }
    }

    /// How many bytes to read, behind an optional place.
    fn length(&self, py: Attached<'_>, args: Args<'_>, name: &str) -> PyResult<usize> {
        let rest = placed(py, self, args, name, 0..=3, 2)?;
        let Some(given) = rest.first() else { return Ok(LONGEST) };
        let given = int_arg(py, given)?;
        if given < 0 {
            return Err(raise!(py, ValueError, "'n' must be nonnegative"));
        }
        Ok((given as usize).min(LONGEST))
    }

    fn getstr(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let len = this.length(py, args, "getstr")?;
        let mut buffer = vec![0u8; LONGEST + 1];
        let (window, to) = (this.raw(), buffer.as_mut_ptr() as usize);
        // SAFETY: room for as many bytes and a NUL.
        let code = vm::without(py, || unsafe { (Library::get().wgetnstr)(window, to as *mut c_char, len as c_int) });
        if code < 0 {
            finish(py)?;
            return Bytes::new(py, b"");
        }
        Bytes::new(py, buffer.split(|byte| *byte == 0).next().unwrap_or_default())
    }

    fn instr(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<Ref<Bytes>> {
        let len = this.length(py, args, "instr")?;
        let mut buffer = vec![0u8; LONGEST + 1];
        let code = nc!(winnstr(this.raw(), buffer.as_mut_ptr().cast(), len as c_int));
        if code < 0 {
            return Bytes::new(py, b"");
        }
        Bytes::new(py, buffer.split(|byte| *byte == 0).next().unwrap_or_default())
    }

    fn inch(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<u32> {
        place_only(py, this, args, "inch")?;
        match nc!(winch(this.raw())) {
            u32::MAX => Err(fail(py, "winch")),
            shown => Ok(shown),
        }
    }

    /// `hline` and `vline`.
    fn line(&self, py: Attached<'_>, args: Args<'_>, across: bool) -> PyResult<()> {
        let name = if across { "hline" } else { "vline" };
        let rest = placed(py, self, args, name, 2..=5, 4)?;
        let attr = attr_arg(py, rest.get(2).copied())?;
        let count = int_arg(py, need(py, rest.get(1).copied())?)?;
        let window = self.raw();
        match (character(py, Some(self), rest.first().copied(), attr)?, across) {
            (Char::Narrow(ch), true) => check(py, nc!(whline(window, ch, count)), "whline"),
            (Char::Narrow(ch), false) => check(py, nc!(wvline(window, ch, count)), "wvline"),
            (Char::Wide(cell), true) => check(py, nc!(whline_set(window, &raw const cell, count)), "whline_set"),
            (Char::Wide(cell), false) => check(py, nc!(wvline_set(window, &raw const cell, count)), "wvline_set"),
        }
    }

    fn is_line_touched(py: Attached<'_>, this: &Window, line: &Object) -> PyResult<bool> {
        let line = int_arg(py, line)?;
        if !(0..nc!(getmaxy(this.raw()))).contains(&line) {
            return Err(raise!(py, TypeError, "is_linetouched: line number outside of boundaries"));
        }
        Ok(nc!(is_linetouched(this.raw(), line)))
    }

    /// `refresh` and `noutrefresh`; a pad needs to know where.
    fn show(&self, py: Attached<'_>, args: Args<'_>, now: bool) -> PyResult<()> {
        let (window, name) = (self.raw(), if now { "refresh" } else { "noutrefresh" });
        args.no_keywords(py, name)?;
        if nc!(is_pad(window)) {
            if args.pos.len() != 6 {
                return Err(super::error(py, &format!("{name}() for a pad requires 6 arguments")));
            }
            let [top, left, y, x, bottom, right] = numbers::<6>(py, args.pos)?;
            let window = window as usize;
            return match now {
                true => check(
                    py,
                    vm::without(py, || nc!(prefresh(window as Win, top, left, y, x, bottom, right))),
                    "prefresh",
                ),
                false => check(py, nc!(pnoutrefresh(window as Win, top, left, y, x, bottom, right)), "pnoutrefresh"),
            };
        }
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "{name}() takes no arguments ({} given)", args.pos.len()));
        }
        let window = window as usize;
        match now {
            true => check(py, vm::without(py, || nc!(wrefresh(window as Win))), "wrefresh"),
            false => check(py, nc!(wnoutrefresh(window as Win)), "wnoutrefresh"),
        }
    }

    /// `overlay` and `overwrite`.
    fn copy_to(&self, py: Attached<'_>, args: Args<'_>, overlay: bool) -> PyResult<()> {
        let name = if overlay { "overlay" } else { "overwrite" };
        args.no_keywords(py, name)?;
        let [to, rest @ ..] = args.pos else {
            return Err(raise!(py, TypeError, "{name} requires one or seven arguments"));
        };
        let Some(to) = to.downcast::<Window>() else {
            let given = type_name(to);
            return Err(raise!(py, TypeError, "{name}() argument 1 must be _curses.window, not {given}"));
        };
        let (from, to) = (self.raw(), to.raw());
        match rest.len() {
            0 if overlay => check(py, nc!(overlay(from, to)), "overlay"),
            0 => check(py, nc!(overwrite(from, to)), "overwrite"),
            6 => {
                let [sy, sx, dy, dx, bottom, right] = numbers::<6>(py, rest)?;
                let blanks = c_int::from(overlay);
                check(py, nc!(copywin(from, to, sy, sx, dy, dx, bottom, right, blanks)), "copywin")
            }
            _ => Err(raise!(py, TypeError, "{name} requires one or seven arguments")),
        }
    }

    fn putwin(py: Attached<'_>, this: &Window, file: &Object) -> PyResult<Ref<Object>> {
        let content = written(py, |stream| check(py, nc!(putwin(this.raw(), stream)), "putwin"))?;
        file.call_method(py, krait_object::id!(py, write), &[Bytes::new(py, &content)?.as_object()])
    }

    fn scroll(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        let lines = args.unpack(py, "scroll", 0, 1)?.first().map_or(Ok(1), |lines| int_arg(py, lines))?;
        check(py, nc!(wscrl(this.raw(), lines)), "wscrl")
    }

    fn touchline(py: Attached<'_>, this: &Window, args: Args<'_>) -> PyResult<()> {
        let pos = args.unpack(py, "touchline", 2, 3)?;
        let [start, count] = numbers::<2>(py, &pos[..2])?;
        let changed = pos.get(2).map_or(Ok(true), |changed| changed.is_true(py))?;
        check(py, nc!(wtouchln(this.raw(), start, count, c_int::from(changed))), "wtouchln")
    }

    fn set_encoding(py: Attached<'_>, this: &Window, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "encoding may not be deleted"));
        };
        let Some(name) = value.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "setting encoding to a non-string"));
        };
        this.name_encoding(py, name.to_ref())?;
        Ok(())
    }
}

/// For methods whose only arguments are a place.
fn place_only(py: Attached<'_>, this: &Window, args: Args<'_>, name: &str) -> PyResult<()> {
    if !matches!(args.pos.len(), 0 | 2) {
        return Err(raise!(py, TypeError, "{name} requires 0 or 2 arguments"));
    }
    placed(py, this, args, name, 0..=2, 2).map(drop)
}

/// A tuple of the two numbers of a window that C macros give.
pub fn cursor(py: Attached<'_>, window: Win) -> PyResult<Ref<Tuple>> {
    let (y, x) = (nc!(getcury(window)), nc!(getcurx(window)));
    tuple(py, objects!(py; y, x))
}
