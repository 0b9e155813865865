"""What native modules do at their edges: odd arguments, subtypes, and what changes meanwhile."""
import collections
import contextvars
import csv
import datetime
import decimal
import io
import os
import pickle
import subprocess
import sys
import tempfile
import time
import tokenize
import unicodedata
import unittest
import zipfile


class WordsTest(unittest.TestCase):
    def check(self, message, call, *args, **kwargs):
        with self.assertRaises(TypeError) as caught:
            call(*args, **kwargs)
        self.assertEqual(str(caught.exception), message)

    def test_functions_without_a_name(self):
        one = decimal.Decimal(1)
        self.check("function missing required argument 'other' (pos 1)", one.compare)
        self.check("function takes at most 2 arguments (3 given)", one.compare, 1, 2, 3)
        self.check("this function got an unexpected keyword argument 'foo'", one.sqrt, foo=1)
        self.check("function takes exactly 2 arguments (1 given)", decimal.Context().add, 1)
        self.check("function missing required argument 'month' (pos 2)", datetime.date, 1)

    def test_functions_with_a_name(self):
        self.check("strptime() takes exactly 2 arguments (1 given)", datetime.datetime.strptime, "")
        self.check("fromordinal() takes exactly 1 argument (0 given)", datetime.date.fromordinal)
        self.check("argument must be int or float, not str", datetime.datetime.fromtimestamp, "1")

    def test_keywords(self):
        self.check("keywords must be strings", lambda: collections.defaultdict(**{1: 2}))
        self.check('argument 1 must have a "write" method', csv.writer, [], foo=1)


class ContextTest(unittest.TestCase):
    def test_iterators(self):
        var = contextvars.ContextVar("var")
        context = contextvars.Context()
        context.run(var.set, 5)
        keys, items = context.keys(), context.items()
        self.assertEqual(type(keys).__name__, "keys")
        self.assertIs(iter(keys), keys)
        self.assertIs(next(keys), var)
        self.assertEqual(len(keys), 1)
        self.assertEqual(list(keys), [])
        self.assertEqual(list(items), [(var, 5)])
        self.assertEqual(list(context.values()), [5])
        self.assertRaises(TypeError, type(keys))


class DateTest(unittest.TestCase):
    def test_iso_calendar(self):
        iso = datetime.date(2019, 1, 1).isocalendar()
        self.assertEqual(repr(iso), "datetime.IsoCalendarDate(year=2019, week=1, weekday=2)")
        self.assertEqual(iso, (2019, 1, 2))
        self.assertEqual((iso.year, iso.week, iso.weekday), (2019, 1, 2))
        again = pickle.loads(pickle.dumps(iso))
        self.assertIs(type(again), tuple)
        self.assertEqual(again, (2019, 1, 2))
        self.assertEqual(type(iso)(1, 2, 3).weekday, 3)

    def test_ratio_of_a_subtype(self):
        class Half(float):
            def as_integer_ratio(self):
                return self.ratio

        half = Half(7)
        half.ratio = (1, 2)
        self.assertEqual(datetime.timedelta(2) * half, datetime.timedelta(1))
        self.assertEqual(datetime.timedelta(2) / half, datetime.timedelta(4))
        half.ratio = (1,)
        self.assertRaises(ValueError, lambda: datetime.timedelta(1) * half)
        half.ratio = 1
        self.assertRaises(TypeError, lambda: datetime.timedelta(1) / half)

    @unittest.skipUnless(hasattr(time, "tzset"), "needs tzset")
    def test_gap_and_fold(self):
        old = os.environ.get("TZ")
        os.environ["TZ"] = "EST+05EDT,M3.2.0,M11.1.0"
        time.tzset()
        try:
            gap = datetime.datetime(2020, 3, 8, 2, 30)
            utc = datetime.timezone.utc
            self.assertEqual(gap.astimezone(utc).hour, 7)
            self.assertEqual(gap.replace(fold=1).astimezone(utc).hour, 6)
            again = datetime.datetime.fromtimestamp(datetime.datetime(2020, 11, 1, 6, 30, tzinfo=utc).timestamp())
            self.assertEqual((again.hour, again.fold), (1, 1))
        finally:
            if old is None:
                del os.environ["TZ"]
            else:
                os.environ["TZ"] = old
            time.tzset()


class OrderedDictTest(unittest.TestCase):
    def test_keys_that_change_their_hash(self):
        class Key:
            value = 1

            def __hash__(self):
                return self.value

        key = Key()
        ordered = collections.OrderedDict([(key, 1)])
        key.value = 2
        for read in (lambda: list(ordered), lambda: list(ordered.values()), lambda: list(ordered.items()), lambda: repr(ordered), ordered.copy):
            self.assertRaises(KeyError, read)

    def test_cleared_while_copied(self):
        class Key:
            def __hash__(self):
                return 1

            def __eq__(self, other):
                nonlocal calls
                calls += ready
                if calls == 2:
                    ordered.clear()
                return self is other

        ready, calls = False, 0
        ordered = collections.OrderedDict()
        ordered[Key()] = 1
        ordered[Key()] = 2
        ready = True
        self.assertRaisesRegex(RuntimeError, "mutated during iteration", ordered.copy)


class TokenizerTest(unittest.TestCase):
    def tokens(self, source, extra=False):
        from _tokenize import TokenizerIter

        return [
            (tokenize.tok_name[kind], text, start, end)
            for kind, text, start, end, _ in TokenizerIter(io.StringIO(source).readline, extra_tokens=extra)
        ]

    def test_what_the_compiler_sees(self):
        self.assertEqual(
            self.tokens("if a:  # why\n  b\n"),
            [
                ("NAME", "if", (1, 0), (1, 2)),
                ("NAME", "a", (1, 3), (1, 4)),
                ("COLON", ":", (1, 4), (1, 5)),
                ("NEWLINE", "# why", (1, 7), (1, 12)),
                ("INDENT", "", (2, -1), (2, -1)),
                ("NAME", "b", (2, 2), (2, 3)),
                ("NEWLINE", "", (2, 3), (2, 3)),
                ("DEDENT", "", (2, -1), (2, -1)),
                ("ENDMARKER", "", (2, -1), (2, -1)),
            ],
        )
        self.assertEqual(self.tokens("  \\\nx\n", True)[0], ("INDENT", "", (2, 0), (2, 0)))

    def test_errors(self):
        for source, message in (
            ("(1]", "closing parenthesis ']' does not match opening parenthesis '('"),
            ("]", "unmatched ']'"),
            ("012", "leading zeros in decimal integer literals are not permitted"),
            ("1a", "invalid decimal literal"),
            ("1j2", "invalid imaginary literal"),
            ("0b12", "invalid digit '2' in binary literal"),
            ("\u20ac", "invalid character '\u20ac'"),
            ("f'{a'", "f-string: expecting '}'"),
            ("bu''", "'u' and 'b' prefixes are incompatible"),
            ("(" * 201, "too many nested parentheses"),
            ("a\0", "source code cannot contain null bytes"),
            ("(", "unexpected EOF in multi-line statement"),
        ):
            with self.subTest(source=source), self.assertRaises(SyntaxError) as caught:
                self.tokens(source)
            self.assertIn(message, caught.exception.msg)
        self.assertRaises(TabError, self.tokens, "if a:\n\tb\n        c\n")
        self.assertRaises(IndentationError, self.tokens, "".join("  " * n + "if a:\n" for n in range(101)))
        self.assertEqual(len(self.tokens("1if 2else 3\n")), 7)

    def test_lines_of_the_wrong_type(self):
        self.assertRaises(TypeError, list, tokenize.tokenize(iter(["a"]).__next__))
        self.assertRaises(TypeError, list, tokenize.generate_tokens(iter([b"a"]).__next__))


class OthersTest(unittest.TestCase):
    def test_composition_by_old_data(self):
        old = unicodedata.ucd_3_2_0
        self.assertEqual(old.normalize("NFC", "\U00011935\U00011930"), "\U00011938")
        self.assertEqual(old.normalize("NFD", "\U00011938"), "\U00011938")

    def test_folder_in_an_archive(self):
        with tempfile.TemporaryDirectory() as folder:
            archive = os.path.join(folder, "a.zip")
            with zipfile.ZipFile(archive, "w") as out:
                out.writestr("part/__main__.py", "print('from', __name__)")
            done = subprocess.run(
                [sys.executable, os.path.join(archive, "part")], capture_output=True, text=True, timeout=60
            )
        self.assertEqual(done.stdout.strip(), "from __main__", done.stderr)

    def test_descriptor_out_of_range(self):
        self.assertRaises(TypeError, io.FileIO, 1 << 40)


if __name__ == "__main__":
    unittest.main()
