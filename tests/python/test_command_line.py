"""The command line: options, variables, encodings, the plain interactive interpreter, tracebacks of failed imports."""
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import unittest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def run(*args, input=b"", cwd=None, **variables):
    """Exit status, output and errors of the runtime with these arguments."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    environment |= {"LC_ALL": "C.UTF-8", "PYTHON_COLORS": "0"} | variables
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run([sys.executable, *args], input=input, capture_output=True, env=environment, cwd=cwd, timeout=120)
    return done.returncode, done.stdout, done.stderr


def out(*args, **more):
    status, output, errors = run(*args, **more)
    assert status == 0, errors
    return output.decode().strip()


def fatal(*args, **more):
    status, _, errors = run(*args, **more)
    return status, errors.decode().split("\n")[0].removeprefix("Fatal Python error: ")


class OptionTest(unittest.TestCase):
    def test_bad_values(self):
        cases = [
            (["-X", "importtime=3"], {}, "config_init_import_time: -X importtime: values other than 1 and 2 are reserved for future use."),
            (["-X", "utf8=2"], {}, "preconfig_init_utf8_mode: invalid -X utf8 option value"),
            ([], {"PYTHONUTF8": "2"}, "preconfig_init_utf8_mode: invalid PYTHONUTF8 environment variable value"),
            (["-X", "cpu_count=0"], {}, "config_init_cpu_count: -X cpu_count=n option: n is missing or an invalid number, n must be greater than 0"),
            (["-X", "tracemalloc=-1"], {}, "config_init_tracemalloc: -X tracemalloc=NFRAME: invalid number of frames"),
            (["-X", "frozen_modules=x"], {}, 'bad value for option -X frozen_modules (expected "on" or "off")'),
            (["-X", "thread_inherit_context=2"], {}, "config_init_thread_inherit_context: -X thread_inherit_context=n: n is missing or invalid"),
            ([], {"PYTHON_CONTEXT_AWARE_WARNINGS": "2"}, "config_init_context_aware_warnings: PYTHON_CONTEXT_AWARE_WARNINGS=N: N is missing or invalid"),
            ([], {"PYTHONMALLOC": "x"}, "preconfig_init_allocator: PYTHONMALLOC: unknown allocator"),
            ([], {"PYTHONINTMAXSTRDIGITS": "5"}, "config_init_int_max_str_digits: PYTHONINTMAXSTRDIGITS: invalid limit; must be >= 640 or 0 for unlimited."),
            (["-X", "gil=2"], {}, 'config_read_gil: PYTHON_GIL / -X gil must be "0" or "1"'),
        ]
        for args, variables, message in cases:
            with self.subTest(args, **variables):
                self.assertEqual(fatal(*args, "-c", "pass", **variables), (1, message))

    def test_check_hash_based_pycs(self):
        status, _, errors = run("--check-hash-based-pycs", "x", "-c", "pass")
        self.assertEqual(status, 2)
        self.assertIn(b"--check-hash-based-pycs must be one of 'default', 'always', or 'never'", errors)

    def test_flags(self):
        code = "import sys; f = sys.flags; print(f.debug, f.optimize, f.dont_write_bytecode, f.safe_path, f.interactive)"
        variables = dict(PYTHONDEBUG="4", PYTHONOPTIMIZE="x", PYTHONDONTWRITEBYTECODE="0", PYTHONSAFEPATH="0")
        self.assertEqual(out("-c", code, **variables), "1 1 0 True 0")

    def test_gil(self):
        code = "import sys; print(sys.flags.gil)"
        self.assertEqual(out("-X", "gil=1", "-c", code), "1")
        if FREE_THREADED:
            self.assertEqual(out("-c", code), "None")
            self.assertEqual(out("-X", "gil=0", "-c", code, PYTHON_GIL="1"), "0")
        else:
            self.assertEqual(out("-c", code), "1")

    def test_import_time(self):
        _, _, errors = run("-X", "importtime=2", "-c", "import colorsys; import colorsys")
        self.assertTrue(errors.startswith(b"import time: self [us] | cumulative | imported package\n"), errors)
        self.assertRegex(errors, rb"import time: +\d+ \| +\d+ \| colorsys\n")
        self.assertRegex(errors, rb"import time: cached +\| cached +\| colorsys\n")

    def test_frozen_modules(self):
        code = "import os; print(os.__spec__.loader)"
        self.assertIn("FrozenImporter", out("-c", code))
        self.assertIn("SourceFileLoader", out("-c", code, PYTHON_FROZEN_MODULES="off"))
        self.assertIn("FrozenImporter", out("-X", "frozen_modules", "-c", code, PYTHON_FROZEN_MODULES="off"))

    def test_memory_statistics(self):
        self.assertIn(b"Small block threshold", run("-c", "pass", PYTHONMALLOCSTATS="1")[2])

    def test_cookie_in_a_command(self):
        self.assertEqual(out("-c", "# coding: latin1\nprint(ascii('\xe6'))"), "'\\xe6'")

    def test_path_variable(self):
        code = "import sys; print([p for p in sys.path if p.startswith('/a')], sys.path.count(sys.argv[1]))"
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            self.assertEqual(out("-S", "-c", code, folder, PYTHONPATH="/a::b", cwd=folder), "['/a'] 1")

    def test_home_without_a_library(self):
        status, _, errors = run("-X", "frozen_modules=off", "-c", "pass", PYTHONHOME="/does-not-exist")
        self.assertEqual(status, 1)
        self.assertIn(b"Python path configuration:\n  PYTHONHOME = '/does-not-exist'\n", errors)
        self.assertIn(b"Fatal Python error: Failed to import encodings module\n", errors)

    def test_options_in_order(self):
        self.assertEqual(out("-X", "b=1", "-X", "a", "-c", "import sys; print(sys._xoptions)"), "{'b': '1', 'a': True}")


class EncodingTest(unittest.TestCase):
    def test_undecodable_arguments(self):
        code = "import os, sys; print(ascii(sys.argv[1]), os.fsencode(sys.argv[1]) == b'a\\xff\\xc3\\xa9')"
        self.assertEqual(out("-c", code, b"a\xff\xc3\xa9"), "'a\\udcff\\xe9' True")

    def test_ascii_file_names(self):
        code = "import sys; print(sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdout.errors, ascii(sys.argv[1]))"
        found = out("-X", "utf8=0", "-c", code, b"\xc3\xa9", LC_ALL="C")
        self.assertEqual(found, "ascii ascii surrogateescape '\\udcc3\\udca9'")

    def test_undecodable_command(self):
        status, _, errors = run("-c", b"print('\xff')")
        self.assertEqual(status, 1)
        self.assertTrue(errors.startswith(b"Unable to decode the command from the command line:\n"), errors)

    def test_locale_is_replaced(self):
        code = "import os, sys; print(os.environ.get('LC_CTYPE'), sys.flags.utf8_mode)"
        status, output, errors = run("-c", code, LC_ALL=None, PYTHONCOERCECLOCALE="warn")
        self.assertEqual(output.split(), [b"C.UTF-8", b"1"])
        self.assertIn(b"LC_CTYPE coerced to C.UTF-8", errors)
        self.assertEqual(out("-c", code, LC_ALL=None, PYTHONCOERCECLOCALE="0"), "None 1")

    def test_stream_encoding(self):
        code = "import sys; print(sys.stdout.encoding, sys.stdout.errors)"
        self.assertEqual(out("-c", code, PYTHONIOENCODING="latin1"), "iso8859-1 strict")
        self.assertEqual(out("-X", "utf8", "-c", code, PYTHONIOENCODING=":replace"), "utf-8 replace")
        message = "init_stdio_encoding: failed to get the Python codec name of the stdio encoding"
        self.assertEqual(fatal("-c", code, PYTHONIOENCODING="nonsense"), (1, message))


class InteractiveTest(unittest.TestCase):
    def session(self, text, *args, **variables):
        status, output, errors = run("-q", "-i", *args, input=text.encode(), **variables)
        return status, output.decode(), errors.decode()

    def test_statements(self):
        text = "x = 1\nx\nif x:\n  print('y')\nelse:\n  print('z')\n\n1; 2\n(3,\n4)\n"
        status, output, errors = self.session(text)
        self.assertEqual((status, output), (0, "1\ny\n1\n2\n(3, 4)\n"))
        self.assertEqual(errors, ">>> >>> >>> ... ... ... ... >>> >>> ... >>> \n")

    def test_tracebacks_show_source(self):
        _, _, errors = self.session("def f(a):\n  return a / 0\n\nf(1)\n")
        self.assertIn('  File "<stdin>", line 2, in f\n    return a / 0\n           ~~^~~\nZeroDivisionError', errors)

    def test_errors_at_once(self):
        _, _, errors = self.session("for\n1 +\n")
        self.assertEqual(errors.count("SyntaxError: invalid syntax"), 2)
        self.assertNotIn("...", errors)

    def test_prompts_and_exit(self):
        status, _, errors = self.session("import sys\nsys.ps1 = '# '\nsys.exit(5)\n")
        self.assertEqual((status, errors), (5, ">>> >>> # "))

    def test_after_a_program(self):
        status, output, errors = self.session("x\n", "-c", "x = 3; 1/0")
        self.assertEqual((status, output), (0, "3\n"))
        self.assertIn("ZeroDivisionError", errors)
        status, output, errors = run("-c", "pass", PYTHONINSPECT="1")
        self.assertEqual((status, output, errors), (0, b"", b""))

    def test_start_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "start.py")
            with open(path, "w") as file:
                file.write("y = __file__ == %r\n1/0\n" % path)
            _, output, errors = self.session("y\n'__file__' in globals()\n", PYTHONSTARTUP=path)
        self.assertEqual(output, "True\nFalse\n")
        self.assertIn("ZeroDivisionError", errors)

    def test_future_features_stay(self):
        text = "from __future__ import annotations\ndef f(a: nothing): pass\n\nf.__annotations__\n"
        self.assertEqual(self.session(text)[1], "{'a': 'nothing'}\n")


class ImportTest(unittest.TestCase):
    def test_tracebacks_without_importlib(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "outer_failing.py"), "w") as file:
                file.write("import inner_failing\n")
            with open(os.path.join(folder, "inner_failing.py"), "w") as file:
                file.write("1/0\n")
            _, _, errors = run("-c", "import outer_failing", PYTHONPATH=folder)
            self.assertEqual(re.findall(rb'line \d+, in (\S+)', errors), [b"<module>"] * 3)
            self.assertNotIn(b"importlib", errors)
            self.assertIn(b"importlib", run("-v", "-c", "import outer_failing", PYTHONPATH=folder)[2])

    def test_hidden_library_module(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "fractions.py"), "w") as file:
                file.write("from fractions import Fraction\n")
            _, _, errors = run(os.path.join(folder, "fractions.py"))
        self.assertRegex(errors, rb"cannot import name 'Fraction' from 'fractions' \(consider renaming '.*fractions.py' since")

    def test_fork_waits_for_imports(self):
        import _imp
        started = threading.Event()
        state = []

        def importer():
            _imp.acquire_lock()
            started.set()
            threading.Event().wait(0.05)
            state.append("whole")
            _imp.release_lock()

        thread = threading.Thread(target=importer)
        thread.start()
        started.wait()
        child = os.fork()
        if child == 0:
            os._exit(0 if state and not _imp.lock_held() else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        thread.join()

    def test_null_byte_in_a_script(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "null.py")
            with open(path, "w") as file:
                file.write("x = 1\ny = '\0'\n")
            _, _, errors = run(path)
        self.assertEqual(errors.decode(), f'  File "{path}", line 2\n    y = \'\nSyntaxError: source code cannot contain null bytes\n')


if __name__ == "__main__":
    unittest.main()
