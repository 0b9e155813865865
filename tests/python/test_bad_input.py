"""Bad input ends as an exception with its place and an exit status, never in a crash."""
import os
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest


def run(*args, **options):
    """Runs the interpreter: exit status, and the lines of standard error."""
    done = subprocess.run([sys.executable, *args], capture_output=True, timeout=120, **options)
    return done.returncode, done.stderr.decode("utf-8", "backslashreplace").splitlines()


class BadInput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_syntax_error(self):
        path = self.write("wrong.py", b"x = 1\nif x = 2:\n    pass\n")
        status, err = run(path)
        self.assertEqual(status, 1)
        self.assertEqual(err, [
            f'  File "{path}", line 2',
            "    if x = 2:",
            "       ^^^^^",
            "SyntaxError: invalid syntax. Maybe you meant '==' or ':=' instead of '='?",
        ])

    def test_misspelt_keyword(self):
        path = self.write("wrong.py", b"x = 1\nwhille x:\n    pass\n")
        status, err = run(path)
        self.assertEqual(status, 1)
        self.assertEqual(err[-1], "SyntaxError: invalid syntax. Did you mean 'while'?")

    def test_undecodable_file(self):
        status, err = run(self.write("bytes.py", b"x = 1\ny = '\xff'\n"))
        self.assertEqual(status, 1)
        self.assertTrue(err[-1].startswith("SyntaxError: "), err)
        self.assertIn("'\\xff'", err[-1])

    def test_null_bytes(self):
        status, err = run(self.write("null.py", b"x = 1\0\n"))
        self.assertEqual(status, 1)
        self.assertEqual(err[-1], "SyntaxError: source code cannot contain null bytes")

    def test_missing_module(self):
        status, err = run("-c", "import no_such_module_at_all")
        self.assertEqual((status, err[-1]), (1, "ModuleNotFoundError: No module named 'no_such_module_at_all'"))
        status, err = run("-m", "no_such_module_at_all")
        self.assertEqual(status, 1)
        self.assertTrue(err[-1].endswith("No module named no_such_module_at_all"), err)
        status, err = run(os.path.join(self.folder, "missing.py"))
        self.assertEqual(status, 2)
        self.assertIn("[Errno 2] No such file or directory", err[-1])

    def test_corrupt_pyc(self):
        self.write("victim.py", b"value = [1, 'text', (2.5, None)]\n")
        program = textwrap.dedent("""
            import importlib.util, marshal, py_compile, sys
            cached = py_compile.compile('victim.py', doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            whole = open(cached, 'rb').read()
            failures = 0
            def attempt(data):
                with open(cached, 'wb') as file:
                    file.write(data)
                sys.modules.pop('victim', None)
                importlib.invalidate_caches()
                try:
                    import victim
                except (EOFError, ValueError, TypeError, ImportError) as error:
                    return type(error).__name__
                return 'ok'
            sys.path.insert(0, '.')
            assert attempt(whole) == 'ok'
            assert attempt(b'xxxx' + whole[4:]) == 'ok'  # another magic number: compiled again
            outcomes = {attempt(whole[:end]) for end in range(16, len(whole))}
            assert 'ok' not in outcomes, outcomes
            assert outcomes <= {'EOFError', 'ValueError', 'TypeError', 'ImportError'}, outcomes
        """)
        status, err = run("-c", program, cwd=self.folder)
        self.assertEqual((status, err), (0, []))

    def test_endless_recursion(self):
        status, err = run("-c", "def f(): return f()\nf()")
        self.assertEqual(status, 1)
        self.assertEqual(err[-1], "RecursionError: maximum recursion depth exceeded")
        self.assertTrue(any("Previous line repeated" in line for line in err), err[:10])
        nested = "import sys\nx = []\nfor _ in range(10**6): x = [x]\ntry: repr(x)\nexcept RecursionError: sys.exit(7)"
        self.assertEqual(run("-c", nested)[0], 7)
        attribute = "class A:\n def __getattr__(self, name): return getattr(self, name + 'x')\nA().x"
        status, err = run("-c", attribute)
        self.assertEqual(status, 1)
        self.assertTrue(err[-1].startswith("RecursionError: "), err[-1])

    def test_recursion_in_native_code(self):
        """Ends with or without an exception, as the stack has it, but not in a crash."""
        deep = "x = (1,)\nfor i in range(100000): x = {}\ntry: {}\nexcept (RecursionError, MemoryError): pass"
        for wrapped, use in (
            ("filter(None, x)", "next(x)"), ("zip(x)", "next(x)"), ("enumerate(x)", "next(x)"),
            ("slice(x)", "hash(x)"), ("(x,)", "hash(x)"), ("types.MethodType(max, x)", "del x"), ("[x]", "copy.deepcopy(x)"),
            ("list[x]", "hash(x)"),
            ("generator(x)", "del x"), ("(lambda y: lambda: y)(x)", "del x"), ("ValueError(x)", "str(x)"),
            ("types.MappingProxyType(x if type(x) is not tuple else {})", "x[1]"),
        ):
            program = "import copy, types\ndef generator(y):\n    z = run(y)\n    next(z)\n    return z\n"
            program += "def run(y): yield y\n" + deep.format(wrapped, use)
            if use == "x[1]":
                program += "\nexcept KeyError: pass"
            status, err = run("-c", program)
            self.assertEqual(status, 0, (wrapped, status, err[-3:]))

    def test_error_stream_of_none(self):
        self.assertEqual(run("-c", "import sys; sys.stderr = None; 1/0"), (1, []))

    def test_memory_limit(self):
        limit = 1 << 30

        def limited():
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        for expression in ("bytearray(1 << 40)", "'x' * (1 << 40)", "[None] * (1 << 40)", "bytes(1 << 40)"):
            status, err = run("-c", expression, preexec_fn=limited)
            self.assertEqual((status, err[-1]), (1, "MemoryError"), expression)
        for program in (
            "1 << (1 << 34)", "('x' * (1 << 27)).replace('x', 'yyyyyyyyyyyy')", "(b'x' * (1 << 27)).replace(b'x', b'yyyyyyyyyyyy')",
            "import io; text = io.StringIO(); text.seek(1 << 40); text.write('x')", "('\\u20ac' * (1 << 28)).encode()",
            "memoryview(bytes(1 << 29)).tolist()", "open('/dev/zero', 'rb').read(1 << 40)",
            "import re; re.sub('a', 'b' * 100000, 'a' * 10**5)", "import json; json.dumps(['x' * 100000] * 2 * 10**4)",
        ):
            status, err = run("-c", program, preexec_fn=limited)
            self.assertEqual(status, 1, (program, err[-3:]))
            self.assertTrue(any(line.startswith("MemoryError") for line in err), (program, err[-3:]))
        # What is printed then depends on the memory that is left.
        limit = 3 << 28
        self.assertEqual(run("-c", "l = []\nwhile True: l.append('x' * 100000)", preexec_fn=limited)[0], 1)
        limit = 1 << 30
        grow = "x = []\ntry:\n while True: x.append(bytes(1 << 22))\nexcept MemoryError:\n del x\n raise SystemExit(9)"
        self.assertEqual(run("-c", grow, preexec_fn=limited)[0], 9)

    def test_growth_to_the_limit(self):
        limit = 300 << 20
        # Whether the modules that print an exception are still to be compiled then must not matter.
        fresh = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": self.folder}

        def limited():
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        for body in (
            "x.append({1: 2, 'x': 3})", "x.append((n,)); y[n] = [n]", "x.append([n]); y[str(n)] = x[-1]",
            "x.append({n}); x.append(frozenset((n, 'a')))", "x.append(str(n) * 10)", "x = [x]",
            "x.append(type('C', (), {'a': n}))", "x.append(i for i in (1, 2)); next(x[-1])", "x.append(lambda a=[n]: x)",
            "x.append(object.__new__(C)); x[-1].n = n; x[-1].me = x", "x.append(sorted(range(100000), key=str))",
            "setattr(C, 'name%d' % n, n)", "x.append(compile('def f(a, b): return a + b * 3', 'f', 'exec'))",
            "x.append(bytes(1000))", "x.append(re.compile('a%d(b|c)*' % n))", "x.append(weakref.ref(C(), print)); x.append(C())",
            "d.append([n])", "a.extend(a)", "x.append(1 << (n * 50))",
        ):
            program = ("import re, weakref, array, collections\nclass C: pass\nx = []; y = {}; n = 0\n"
                       "d = collections.deque(); a = array.array('q', [1])\nwhile True:\n n += 1; " + body)
            status, err = run("-c", program, preexec_fn=limited, env=fresh)
            # What is printed depends on the memory that is left.
            self.assertEqual(status, 1, (body, err[-3:]))

    def test_large_requests_at_the_limit(self):
        limit = 200 << 20

        def limited():
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        for body in (
            "pickle.loads(pickle.dumps(b'x' * s))", "pickle.dumps([[n, 'a'] for n in range(s // 20)])",
            "bytearray(s).replace(b'a', b'b')", "re.escape('a.' * s)",
            "re.match('(a(b)?)*', 'ab' * s)", "unicodedata.normalize('NFC', 'e\u0301' * s)", "hex(1 << s * 16)",
            "struct.unpack('%di' % s, bytes(4 * s))",
            "binascii.hexlify(bytes(s), '-')", "(ctypes.c_byte * s)()[::2]", "decimal.Decimal('1' * s)",
            "expat.ParserCreate().Parse('<' + 'a' * s)", "('\u3042' * s).encode('iso2022_jp')", "locale.strxfrm('a' * s)",
        ):
            program = ("import binascii, ctypes, decimal, itertools, locale, pickle, re, struct, unicodedata\n"
                       "from xml.parsers import expat\ns = 1 << 20\nwhile True:\n s *= 2; " + body)
            status, err = run("-c", program, preexec_fn=limited)
            self.assertEqual(status, 1, (body, err[-3:]))
            self.assertTrue(any(line.startswith("MemoryError") for line in err), (body, err[-3:]))

    def test_letting_go_at_the_limit(self):
        def limited():
            # What is kept back for the runtime's own needs follows the limit at the start.
            resource.setrlimit(resource.RLIMIT_AS, (100 << 20, resource.RLIM_INFINITY))

        start = textwrap.dedent("""
            import itertools, os, resource
            def limit(size): resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
            limit(2 << 30)
            filling, size, items, common, count = [], 1 << 20, set(), {1}, itertools.count()
            """)
        fill = textwrap.dedent("""
            with open("/proc/self/statm") as file: pages = int(file.read().split()[0])
            limit(pages * resource.getpagesize() + (2 << 20))
            while size > 1000:
                try: filling.append(bytes(size))
                except MemoryError: size >>= 1
            """)
        large = "items = set(range(1_700_000))"
        for make, let_go in (
            (large, "items.clear()"), (large, "items &= common"), (large, "items -= items"),
            ("frozen = frozenset(range(1_700_000))", "del frozen"),
            ("for _ in range(1_700_000): os.register_at_fork(before=count.__next__)",
             "if os.fork() == 0: os._exit(0)\nfilling.clear()\nassert next(count) == 1_700_000"),
        ):
            program = f"{start}{make}\n{fill}{let_go}\nfilling.clear()\nassert len(items) < 2"
            self.assertEqual(run("-c", program, preexec_fn=limited), (0, []), let_go)

    def test_buffer_that_is_hardly_used(self):
        program = textwrap.dedent("""
            import io, os, resource
            readable, writable = os.pipe()
            os.write(writable, b"abc")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert io.open(readable, "rb").read1(50 << 20) == b"abc"
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10 << 10
            """)
        self.assertEqual(run("-c", program), (0, []))

    def test_interrupt(self):
        for body in ("while True: pass", "import time\nwhile True: time.sleep(0.05)"):
            program = "import sys\nprint('ready', flush=True)\n" + body
            with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as process:
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, -signal.SIGINT)
            self.assertEqual(err.splitlines()[-1], "KeyboardInterrupt")


if __name__ == "__main__":
    unittest.main()
