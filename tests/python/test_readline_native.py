"""History and line editing by GNU Readline, where it is there."""
import os
import pty
import select
import sys
import tempfile
import time
import unittest

try:
    import readline
except ImportError:
    raise SystemExit(0)


def in_terminal(code, keys):
    """What a program shows that reads `keys` from a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execv(sys.executable, [sys.executable, "-c", code])
    shown, sent = b"", False
    end = time.monotonic() + 60
    try:
        while time.monotonic() < end:
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                data = os.read(fd, 1000)
            except OSError:
                break
            if not data:
                break
            shown += data
            if not sent and b"ready>" in shown:
                os.write(fd, keys)
                sent = True
    finally:
        os.close(fd)
        os.waitpid(pid, 0)
    return shown


class HistoryTest(unittest.TestCase):
    def setUp(self):
        readline.clear_history()
        self.addCleanup(readline.clear_history)

    def test_items(self):
        for line in ("one", "zw\u00f6lf", "three"):
            readline.add_history(line)
        readline.replace_history_item(0, "first")
        readline.remove_history_item(2)
        self.assertEqual(readline.get_current_history_length(), 2)
        self.assertEqual([readline.get_history_item(at) for at in range(4)], [None, "first", "zw\u00f6lf", None])
        with self.assertRaisesRegex(ValueError, "No history item at position 9"):
            readline.remove_history_item(9)
        with self.assertRaisesRegex(ValueError, "History index cannot be negative"):
            readline.replace_history_item(-1, "")

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "history")
            readline.add_history("one")
            readline.add_history("two")
            readline.write_history_file(path)
            readline.append_history_file(1, path)
            readline.clear_history()
            readline.read_history_file(path)
            self.assertEqual([readline.get_history_item(at) for at in (1, 2, 3)], ["one", "two", "two"])
            with self.assertRaises(FileNotFoundError):
                readline.read_history_file(path + "x")

    def test_settings(self):
        old = readline.get_completer_delims()
        readline.set_completer_delims(" \t")
        self.assertEqual(readline.get_completer_delims(), " \t")
        readline.set_completer_delims(old)
        readline.set_completer(len)
        self.assertIs(readline.get_completer(), len)
        readline.set_completer()
        self.assertIsNone(readline.get_completer())
        with self.assertRaisesRegex(TypeError, r"set_completer\(func\): argument not callable"):
            readline.set_completer(1)


class LineTest(unittest.TestCase):
    def test_editing_and_completion(self):
        code = (
            "import readline\n"
            "readline.parse_and_bind('tab: complete')\n"
            "readline.set_completer(lambda text, state: ['complete'][state] if text == 'com' else None)\n"
            "line = input('ready>')\n"
            "print('result', [line, readline.get_history_item(1)])\n"
        )
        self.assertIn(b"result ['complete now', 'complete now']", in_terminal(code, b"com\t nowx\x7f\r"))

    def test_end_of_input(self):
        code = "import readline\ntry:\n    input('ready>')\nexcept EOFError as error:\n    print('end', error.args)\n"
        self.assertIn(b"end ()", in_terminal(code, b"\x04"))


if __name__ == "__main__":
    unittest.main()
