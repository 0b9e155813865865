"""`_curses` and `_curses_panel`, in a terminal of the test's own."""
import errno
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import fcntl
import traceback
import unittest

try:
    import _curses
    import _curses_panel
except ImportError:
    raise unittest.SkipTest("needs ncurses")


def fails(call, *args):
    try:
        call(*args)
    except _curses.error:
        return True
    return False


def check_errors_before(check):
    check(fails(_curses.beep), True)
    check(fails(_curses.tigetnum, "cols"), True)
    check(fails(_curses.newwin, 1, 1), True)
    check(fails(_curses_panel.top_panel), True)
    check(fails(_curses.setupterm, "no-such-terminal", 1), True)


def check_terminal(check):
    _curses.setupterm("xterm", 1)
    check(_curses.tigetnum("it"), 8)
    check(_curses.tigetflag("am"), 1)
    check(_curses.tigetflag("cols"), -1)
    check(_curses.tigetnum("am"), -2)
    check(_curses.tigetstr("nothing"), None)
    cup = _curses.tigetstr("cup")
    check(_curses.tparm(cup, 5, 6), b"\x1b[6;7H")
    check(fails(_curses.cbreak), True)


def check_text(check, screen):
    check(screen.getmaxyx(), (24, 80))
    check((_curses.LINES, _curses.COLS), (24, 80))
    check(screen.getbegyx(), (0, 0))
    check(screen.getparyx(), (-1, -1))
    screen.addstr(2, 3, "hello")
    check(screen.getyx(), (2, 8))
    check(screen.instr(2, 0, 10), b"   hello  ")
    screen.addch("!")
    screen.addch(3, 0, ord("a"), _curses.A_BOLD)
    check(screen.inch(3, 0), ord("a") | _curses.A_BOLD)
    screen.addnstr(4, 0, b"bytes here", 5, _curses.A_REVERSE)
    check(screen.instr(4, 0, 8), b"bytes   ")
    check(screen.inch(4, 1) & _curses.A_ATTRIBUTES, _curses.A_REVERSE)
    screen.insstr(4, 0, ">>")
    screen.insch(4, 0, "=")
    check(screen.instr(4, 0, 9), b"=>>bytes ")
    screen.delch(4, 0)
    check(screen.instr(4, 0, 8), b">>bytes ")
    screen.insnstr(4, 0, "xyz", 1)
    check(screen.instr(4, 0, 4), b"x>>b")
    screen.hline(6, 0, "-", 5)
    screen.vline(7, 0, ord("|"), 3)
    check(screen.instr(6, 0, 6), b"----- ")
    check([screen.inch(y, 0) & 0xFF for y in (7, 8, 9, 10)], [124, 124, 124, 32])
    screen.chgat(6, 0, 2, _curses.A_UNDERLINE)
    check([bool(screen.inch(6, x) & _curses.A_UNDERLINE) for x in (0, 1, 2)], [True, True, False])
    screen.move(7, 0)
    screen.clrtobot()
    check(screen.instr(8, 0, 2), b"  ")
    screen.deleteln()
    screen.insertln()
    screen.insdelln(-1)
    check(fails(screen.addstr, 100, 0, "x"), True)
    check(fails(screen.move, 24, 0), True)
    for wrong in ((), (1, 2, 3, 4, 5)):
        try:
            screen.addch(*wrong)
        except TypeError:
            continue
        check("no error", wrong)
    try:
        screen.addstr("a\0b")
    except ValueError:
        pass
    else:
        check("no error", "NUL")
    check(screen.is_linetouched(2), True)
    screen.refresh()
    check(screen.is_wintouched(), False)
    screen.touchline(2, 1)
    check((screen.is_linetouched(2), screen.is_linetouched(3)), (True, False))
    try:
        screen.is_linetouched(30)
    except TypeError:
        pass
    else:
        check("no error", 30)
    screen.bkgd(".")
    check(screen.getbkgd() & 0xFF, ord("."))
    screen.erase()
    check(screen.instr(0, 0, 3), b"...")
    screen.bkgd(" ")
    screen.clear()


def check_windows(check, screen):
    window = _curses.newwin(5, 10, 2, 3)
    check((window.getbegyx(), window.getmaxyx()), ((2, 3), (5, 10)))
    check((window.enclose(2, 3), window.enclose(1, 3)), (True, False))
    window.box("|", "-")
    check(window.instr(0, 1, 8), b"--------")
    window.border()
    inner = window.derwin(3, 8, 1, 1)
    check((inner.getparyx(), inner.getbegyx()), ((1, 1), (3, 4)))
    inner.addstr(0, 0, "inside")
    check(window.instr(1, 1, 6), b"inside")
    check(window.subwin(4, 5).getbegyx(), (4, 5))
    del window
    check(inner.instr(0, 0, 6), b"inside")
    window = _curses.newwin(4, 6, 0, 0)
    window.mvwin(1, 1)
    window.resize(3, 5)
    check((window.getbegyx(), window.getmaxyx()), ((1, 1), (3, 5)))
    window.addstr(0, 0, "copy")
    target = _curses.newwin(4, 6, 1, 1)
    window.overwrite(target)
    window.overlay(target)
    window.overwrite(target, 0, 0, 1, 0, 1, 3)
    check((target.instr(0, 0, 4), target.instr(1, 0, 4)), (b"copy", b"copy"))
    pad = _curses.newpad(100, 100)
    check(pad.getmaxyx(), (100, 100))
    check(fails(pad.refresh), True)
    pad.noutrefresh(0, 0, 5, 5, 10, 10)
    check(pad.subpad(10, 10, 5, 5).getmaxyx(), (10, 10))
    with tempfile.TemporaryFile() as file:
        window.putwin(file)
        file.seek(0)
        check(_curses.getwin(file).instr(0, 0, 4), b"copy")
    check(isinstance(window.encoding, str), True)
    window.encoding = "latin-1"
    check(window.encoding, "latin-1")
    check(type(window) is _curses.window, True)
    try:
        _curses.window()
    except TypeError:
        pass
    else:
        check("no error", "window()")


def check_keys(check, screen):
    screen.keypad(True)
    screen.nodelay(True)
    check(screen.getch(), -1)
    check(fails(screen.getkey), True)
    _curses.ungetch("a")
    check(screen.getch(), 97)
    _curses.ungetch(_curses.KEY_F1)
    check(screen.getkey(), "KEY_F(1)")
    _curses.unget_wch("\xe9")
    check(screen.get_wch(), "\xe9")
    check(_curses.keyname(_curses.KEY_UP), b"KEY_UP")
    check(_curses.unctrl(1), b"^A")
    check(_curses.has_key(_curses.KEY_F1), True)
    check((_curses.KEY_F0, _curses.KEY_F63), (264, 327))
    mask = _curses.mousemask(_curses.ALL_MOUSE_EVENTS)[0]
    if mask:
        _curses.ungetmouse(0, 3, 4, 0, _curses.BUTTON1_CLICKED)
        check(_curses.getmouse()[1:4], (3, 4, 0))
    _curses.setsyx(3, 4)
    check(_curses.getsyx(), (3, 4))
    screen.nodelay(False)


def check_colours(check):
    check(fails(_curses.color_pair, 1), True)
    check(_curses.has_colors(), True)
    _curses.start_color()
    check(_curses.COLORS, 8)
    _curses.init_pair(1, _curses.COLOR_RED, _curses.COLOR_BLUE)
    check(_curses.pair_content(1), (1, 4))
    check(_curses.color_pair(1), 256)
    check(_curses.pair_number(_curses.color_pair(1)), 1)
    check(len(_curses.color_content(1)), 3)
    for number in (-1, 1 << 20):
        try:
            _curses.pair_content(number)
        except ValueError:
            continue
        check("no error", number)
    _curses.use_default_colors()
    _curses.init_pair(2, -1, -1)


def check_panels(check):
    windows = [_curses.newwin(3, 3, at, at) for at in range(3)]
    panels = [_curses_panel.new_panel(window) for window in windows]
    check(_curses_panel.top_panel() is panels[2], True)
    check(_curses_panel.bottom_panel() is panels[0], True)
    check(panels[0].above() is panels[1], True)
    check(panels[0].below(), None)
    check(panels[1].window() is windows[1], True)
    panels[0].top()
    check(_curses_panel.top_panel() is panels[0], True)
    panels[0].hide()
    check(panels[0].hidden(), True)
    panels[0].show()
    check(panels[0].hidden(), False)
    panels[0].move(5, 6)
    check(windows[0].getbegyx(), (5, 6))
    try:
        panels[1].userptr()
    except _curses_panel.error:
        pass
    else:
        check("no error", "userptr")
    kept = object()
    panels[1].set_userptr(kept)
    check(panels[1].userptr() is kept, True)
    panels[1].replace(_curses.newwin(2, 2, 0, 0))
    _curses_panel.update_panels()
    _curses.doupdate()
    del panels[:]
    check(_curses_panel.top_panel(), None)


def inside():
    """The checks, which run in the terminal and tell their findings through descriptor 3."""
    wrong = []

    def check(found, expected):
        if found != expected:
            line = traceback.extract_stack(limit=2)[0].lineno
            wrong.append(f"line {line}: {found!r} is not {expected!r}")

    try:
        check_errors_before(check)
        check_terminal(check)
        screen = _curses.initscr()
        check(_curses.isendwin(), False)
        check(_curses.ACS_VLINE != 0, True)
        for switch in (_curses.noecho, _curses.cbreak, _curses.nonl, _curses.savetty, _curses.def_prog_mode):
            switch()
        check_text(check, screen)
        check_windows(check, screen)
        check_keys(check, screen)
        check_colours(check)
        check_panels(check)
        check(_curses.termname(), b"xterm")
        check(_curses.is_term_resized(24, 80), False)
        _curses.resizeterm(30, 90)
        check((_curses.LINES, _curses.COLS), (30, 90))
        check(_curses.napms(1), 0)
        _curses.endwin()
        check(_curses.isendwin(), True)
    except BaseException:
        wrong.append(traceback.format_exc())
    os.write(3, ("\n".join(wrong) or "fine").encode())


class CursesTest(unittest.TestCase):
    def test_in_a_terminal(self):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        told, tell = os.pipe()
        program = "import os, sys; os.dup2(int(sys.argv[2]), 3); sys.path.insert(0, sys.argv[1])\n"
        program += "import test_curses_native; test_curses_native.inside()"
        arguments = [sys.executable, "-c", program, os.path.dirname(os.path.abspath(__file__)), str(tell)]
        environment = dict(os.environ, TERM="xterm")
        for name in ("LINES", "COLUMNS"):
            environment.pop(name, None)
        child = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, pass_fds=[tell], env=environment, close_fds=True
        )
        os.close(tell)
        os.close(slave)

        def drain():
            try:
                while os.read(master, 4096):
                    pass
            except OSError as problem:
                if problem.errno not in (errno.EIO, errno.EBADF):
                    raise

        reader = threading.Thread(target=drain)
        reader.start()
        with os.fdopen(told, "rb") as answer:
            found = answer.read().decode()
        self.assertEqual(child.wait(60), 0, found)
        reader.join(10)
        os.close(master)
        self.assertEqual(found, "fine")


if __name__ == "__main__":
    unittest.main()
