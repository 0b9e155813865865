"""Where the compiler sees a mistake: sources with the message, the place and the line that the error has."""
import os
import subprocess
import sys
import tempfile
import unittest

# Source; message; line, column, last line, last column; the line that is shown.
MISTAKES = [
    ('(lambda x y: 1)', 'invalid syntax', (1, 11, 1, 12), '(lambda x y: 1)\n'),
    ('lambda x y: 1', 'invalid syntax', (1, 10, 1, 11), 'lambda x y: 1\n'),
    ('for x in y z: pass', 'invalid syntax', (1, 12, 1, 13), 'for x in y z: pass\n'),
    ("f'''{a\nb}'''", 'invalid syntax. Perhaps you forgot a comma?', (1, 6, 2, 2), "f'''{a"),
    ("f'''{a b\nc}'''", 'invalid syntax. Perhaps you forgot a comma?', (1, 6, 1, 9), "f'''{a b"),
    ("f'''{a\n\n b.c:x}'''", 'invalid syntax. Perhaps you forgot a comma?', (1, 6, 3, 5), "f'''{a"),
    ("t'''{a # c\n1 b}'''", 'invalid syntax. Perhaps you forgot a comma?', (1, 6, 2, 2), "t'''{a # c"),
    ('class A b: pass', 'invalid syntax', (1, 9, 1, 10), 'class A b: pass\n'),
    ('while a b: pass', 'invalid syntax', (1, 9, 1, 10), 'while a b: pass\n'),
    ('if a b: pass', 'invalid syntax', (1, 6, 1, 7), 'if a b: pass\n'),
    ('if a: pass\nelif a b: pass', 'invalid syntax', (2, 8, 2, 9), 'elif a b: pass\n'),
    ('if a: pass\nelse b: pass', "expected ':'", (2, 6, 2, 7), 'else b: pass\n'),
    ('with a b: pass', 'invalid syntax', (1, 8, 1, 9), 'with a b: pass\n'),
    ('with (a as b) c: pass', 'invalid syntax', (1, 15, 1, 16), 'with (a as b) c: pass\n'),
    ('try: pass\nexcept A b: pass', 'invalid syntax', (2, 10, 2, 11), 'except A b: pass\n'),
    ('try: pass\nfinally b: pass', "expected ':'", (2, 9, 2, 10), 'finally b: pass\n'),
    ('match x:\n  case 1 b: pass', 'invalid syntax', (2, 10, 2, 11), '  case 1 b: pass\n'),
    ('def f(a) b: pass', "expected ':'", (1, 10, 1, 11), 'def f(a) b: pass\n'),
    ('def f(a) -> b c: pass', "expected ':'", (1, 15, 1, 16), 'def f(a) -> b c: pass\n'),
    ('for x in y: pass\nelse z: pass', "expected ':'", (2, 6, 2, 7), 'else z: pass\n'),
    ('@dec\n\n\n', 'invalid syntax', (3, 0, 3, 0), '\n'),
    ('@dec\n  \n#c\n', 'invalid syntax', (3, 0, 3, 0), '#c\n'),
    ('@dec', 'invalid syntax', (1, 0, 1, 0), '@dec\n'),
    ('def f(a', "'(' was never closed", (1, 6, 1, 0), 'def f(a\n'),
    ('def f(a=1 b): pass', 'invalid syntax. Perhaps you forgot a comma?', (1, 9, 1, 12), 'def f(a=1 b): pass\n'),
    ('lambda *: 1', 'named arguments must follow bare *', (1, 9, 1, 10), 'lambda *: 1\n'),
    ('f(a b', "'(' was never closed", (1, 2, 1, 0), 'f(a b\n'),
    ('f(a\nb c', "'(' was never closed", (1, 2, 1, 0), 'f(a'),
    ('a {', "'{' was never closed", (1, 3, 1, 0), 'a {\n'),
    ('x = a b {\n', "'{' was never closed", (1, 9, 1, 0), 'x = a b {\n'),
    ('1 {', "'{' was never closed", (1, 3, 1, 0), '1 {\n'),
    ('def f: pass', "expected '('", (1, 6, 1, 7), 'def f: pass\n'),
    ('type X[T b] = 1', 'invalid syntax. Perhaps you forgot a comma?', (1, 8, 1, 11), 'type X[T b] = 1\n'),
    ('type X[T, U b] = 1', 'invalid syntax. Perhaps you forgot a comma?', (1, 11, 1, 14), 'type X[T, U b] = 1\n'),
    ('class A(b c): pass', 'invalid syntax. Perhaps you forgot a comma?', (1, 9, 1, 12), 'class A(b c): pass\n'),
    ('class A(b, *c d): pass',
     'invalid syntax. Perhaps you forgot a comma?', (1, 13, 1, 16), 'class A(b, *c d): pass\n'),
    ('import a as b c', 'cannot use name as import target', (1, 13, 1, 14), 'import a as b c\n'),
    ('from . import a as b.c', 'cannot use attribute as import target', (1, 20, 1, 23), 'from . import a as b.c\n'),
    ('import a as b.c', 'cannot use attribute as import target', (1, 13, 1, 16), 'import a as b.c\n'),
    ('from a import b as c d', 'cannot use name as import target', (1, 20, 1, 21), 'from a import b as c d\n'),
    ('from a import (b as c d)',
     'invalid syntax. Perhaps you forgot a comma?', (1, 21, 1, 24), 'from a import (b as c d)\n'),
    ('import a as b, c as d e', 'cannot use name as import target', (1, 21, 1, 22), 'import a as b, c as d e\n'),
    ('[x for x y in z]', "'in' expected after for-loop variables", (1, 10, 1, 11), '[x for x y in z]\n'),
    ('(x for x.a y in z)', "'in' expected after for-loop variables", (1, 12, 1, 13), '(x for x.a y in z)\n'),
    ('[x for (x) y in z]', "'in' expected after for-loop variables", (1, 12, 1, 13), '[x for (x) y in z]\n'),
    ('[x for x, y z in y]', "'in' expected after for-loop variables", (1, 13, 1, 14), '[x for x, y z in y]\n'),
    ('class A:\n  @dec\n', 'unexpected unindent', (2, 7, 2, -1), '  @dec\n'),
    ('f(x for x in y, 1)', 'Generator expression must be parenthesized', (1, 3, 1, 15), 'f(x for x in y, 1)\n'),
    ('(a if b c)', "expected 'else' after 'if' expression", (1, 2, 1, 8), '(a if b c)\n'),
    ('(print b)', "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 2, 1, 9), '(print b)\n'),
    ('(exec b)', "Missing parentheses in call to 'exec'. Did you mean exec(...)?", (1, 2, 1, 8), '(exec b)\n'),
    ('f(a for b c)', "'in' expected after for-loop variables", (1, 11, 1, 12), 'f(a for b c)\n'),
    ('f(a, b for c in d)', 'Generator expression must be parenthesized', (1, 6, 1, 18), 'f(a, b for c in d)\n'),
    ('{1:}', "expression expected after dictionary key and ':'", (1, 3, 1, 4), '{1:}\n'),
    ('{1: 2, 3:}', "expression expected after dictionary key and ':'", (1, 9, 1, 10), '{1: 2, 3:}\n'),
    ('{1: 2, 3}', "':' expected after dictionary key", (1, 8, 1, 0), '{1: 2, 3}\n'),
    ('{a:*b}', 'cannot use a starred expression in a dictionary value', (1, 4, 1, 6), '{a:*b}\n'),
    ('{a for b}', "'in' expected after for-loop variables", (1, 9, 1, 10), '{a for b}\n'),
    ('{1:2, "bcd" c}', "':' expected after dictionary key", (1, 11, 1, 0), '{1:2, "bcd" c}\n'),
    ('{1:2, "b" c: d}', "':' expected after dictionary key", (1, 9, 1, 0), '{1:2, "b" c: d}\n'),
    ('{1:2, b c}', "':' expected after dictionary key", (1, 7, 1, 0), '{1:2, b c}\n'),
    ('{**a, b}', "':' expected after dictionary key", (1, 7, 1, 0), '{**a, b}\n'),
    ('{**a, b c}', "':' expected after dictionary key", (1, 7, 1, 0), '{**a, b c}\n'),
    ('from a import b,',
     'trailing comma not allowed without surrounding parentheses', (1, 17, 1, 18), 'from a import b,\n'),
    ('import', "Expected one or more names after 'import'", (1, 7, 1, 7), 'import\n'),
    ('from . import', "Expected one or more names after 'import'", (1, 14, 1, 14), 'from . import\n'),
    ('from a import', "Expected one or more names after 'import'", (1, 14, 1, 14), 'from a import\n'),
    ('for 3 y in z: pass', 'cannot assign to literal', (1, 5, 1, 6), 'for 3 y in z: pass\n'),
    ('for f() in y: pass', 'cannot assign to function call', (1, 5, 1, 8), 'for f() in y: pass\n'),
    ('for f() y: pass', 'cannot assign to function call', (1, 5, 1, 8), 'for f() y: pass\n'),
    ('[x for f() in z]', 'cannot assign to function call', (1, 8, 1, 11), '[x for f() in z]\n'),
    ('[x for x + 1 in z]', 'cannot assign to expression', (1, 8, 1, 13), '[x for x + 1 in z]\n'),
    ('a + b := c', 'cannot use assignment expressions with expression', (1, 1, 1, 6), 'a + b := c\n'),
    ('(a + b := c)', 'cannot use assignment expressions with expression', (1, 2, 1, 7), '(a + b := c)\n'),
    ('print a', "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 1, 1, 8), 'print a\n'),
    ('print "a", b',
     "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 1, 1, 13), 'print "a", b\n'),
    ('print a, b', "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 1, 1, 11), 'print a, b\n'),
    ('exec "a"', "Missing parentheses in call to 'exec'. Did you mean exec(...)?", (1, 1, 1, 9), 'exec "a"\n'),
    ('(print a, b)',
     "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 2, 1, 12), '(print a, b)\n'),
    ('f(print a, b)',
     "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 3, 1, 13), 'f(print a, b)\n'),
    ('match x:\npass', "expected an indented block after 'match' statement on line 1", (2, 1, 2, 5), 'pass\n'),
    ('with a as 1: pass', 'cannot assign to literal', (1, 11, 1, 12), 'with a as 1: pass\n'),
    ('with a as f(): pass', 'cannot assign to function call', (1, 11, 1, 14), 'with a as f(): pass\n'),
    ('with (a as 1): pass', 'cannot assign to literal', (1, 12, 1, 13), 'with (a as 1): pass\n'),
    ('try: pass', "expected 'except' or 'finally' block", (1, 10, 1, -1), 'try: pass\n'),
    ('try: pass\nx', "expected 'except' or 'finally' block", (2, 1, 2, 2), 'x\n'),
    ('try: pass\nelse: pass', "expected 'except' or 'finally' block", (2, 1, 2, 5), 'else: pass\n'),
    ('f"{a!}"', 'f-string: missing conversion character', (1, 6, 1, 7), 'f"{a!}"\n'),
    ('f"{a!x}"', "f-string: invalid conversion character 'x': expected 's', 'r', or 'a'", (1, 6, 1, 7), 'f"{a!x}"\n'),
    ('f"{!r}"', "f-string: valid expression required before '!'", (1, 4, 1, 5), 'f"{!r}"\n'),
    ('f"{a:',
     'f-string: newlines are not allowed in format specifiers for single quoted f-strings', (1, 6, 1, 6), 'f"{a:'),
    ('f"{a=!r:{"', "f-string: expecting '}'", (1, 10, 1, 10), 'f"{a=!r:{"'),
    ('f"{}"', "f-string: valid expression required before '}'", (1, 4, 1, 5), 'f"{}"\n'),
    ('f"{ }"', "f-string: valid expression required before '}'", (1, 5, 1, 6), 'f"{ }"\n'),
    ('f"{a.}"', "f-string: expecting '=', or '!', or ':', or '}'", (1, 5, 1, 6), 'f"{a.}"\n'),
    ('f"{*}"', "f-string: expecting a valid expression after '{'", (1, 4, 1, 5), 'f"{*}"\n'),
    ('f"{**a}"', "f-string: expecting a valid expression after '{'", (1, 4, 1, 6), 'f"{**a}"\n'),
    ('f"{lambda x:1}"',
     'f-string: lambda expressions are not allowed without parentheses', (1, 4, 1, 13), 'f"{lambda x:1}"\n'),
    ('f"{a +}"', "f-string: expecting '=', or '!', or ':', or '}'", (1, 6, 1, 7), 'f"{a +}"\n'),
    ('f"{a if}"', "f-string: expecting '=', or '!', or ':', or '}'", (1, 6, 1, 8), 'f"{a if}"\n'),
    ('f"{a if b}"', "expected 'else' after 'if' expression", (1, 4, 1, 10), 'f"{a if b}"\n'),
    ('f"{a!r b}"', "f-string: expecting ':' or '}'", (1, 8, 1, 9), 'f"{a!r b}"\n'),
    ('f"{a:{b}c"', "f-string: expecting '}', or format specs", (1, 10, 1, 11), 'f"{a:{b}c"\n'),
    ('f"{a = b}"', "f-string: expecting '!', or ':', or '}'", (1, 8, 1, 9), 'f"{a = b}"\n'),
    ('f"{yield}"', "'yield' outside function", (1, 4, 1, 9), None),
    ('f"{a[}"', "closing parenthesis '}' does not match opening parenthesis '['", (1, 6, 1, 6), 'f"{a[}"'),
    ('f"{(a}"', "closing parenthesis '}' does not match opening parenthesis '('", (1, 6, 1, 6), 'f"{(a}"'),
    ('f"{a)}"', "f-string: unmatched ')'", (1, 5, 1, 5), 'f"{a)}"'),
    ('f"}"', "f-string: single '}' is not allowed", (1, 3, 1, 3), 'f"}"'),
    ('f"{{}"', "f-string: single '}' is not allowed", (1, 5, 1, 5), 'f"{{}"'),
    ('f"{a;b}"', "f-string: expecting '=', or '!', or ':', or '}'", (1, 5, 1, 6), 'f"{a;b}"\n'),
    ('f"{import x}"', "f-string: expecting a valid expression after '{'", (1, 4, 1, 10), 'f"{import x}"\n'),
    ('f"{def}"', "f-string: expecting a valid expression after '{'", (1, 4, 1, 7), 'f"{def}"\n'),
    ('f"{None=1}"', "f-string: expecting '!', or ':', or '}'", (1, 9, 1, 10), 'f"{None=1}"\n'),
    ('f(4, x for x in range(1))',
     'Generator expression must be parenthesized', (1, 6, 1, 25), 'f(4, x for x in range(1))\n'),
    ('f(x for x in y, 1)', 'Generator expression must be parenthesized', (1, 3, 1, 15), 'f(x for x in y, 1)\n'),
    ('f(4, x for x in range(1), 3)',
     'Generator expression must be parenthesized', (1, 6, 1, 25), 'f(4, x for x in range(1), 3)\n'),
    ('f(x for x in y for z in w, 1)',
     'Generator expression must be parenthesized', (1, 3, 1, 26), 'f(x for x in y for z in w, 1)\n'),
    ('def f[*Ts: int](): pass', 'cannot use bound with TypeVarTuple', (1, 10, 1, 15), 'def f[*Ts: int](): pass\n'),
    ('def f[**P: int](): pass', 'cannot use bound with ParamSpec', (1, 10, 1, 15), 'def f[**P: int](): pass\n'),
    ('1 + f(a.b=1)',
     'expression cannot contain assignment, perhaps you meant "=="?', (1, 7, 1, 11), '1 + f(a.b=1)\n'),
    ('a + f(True=1)', 'cannot assign to True', (1, 7, 1, 12), 'a + f(True=1)\n'),
    ('1 + f(a=)', 'expected argument value expression', (1, 7, 1, 9), '1 + f(a=)\n'),
    ('1 + (a = b)', "invalid syntax. Maybe you meant '==' or ':=' instead of '='?", (1, 6, 1, 11), '1 + (a = b)\n'),
    ('"a" + f() = 2',
     "cannot assign to expression here. Maybe you meant '==' instead of '='?", (1, 1, 1, 10), '"a" + f() = 2\n'),
]

# A file's bytes; what standard error ends with when the file is run.
FILES = [
    (b'x = 1\ny = "\xff"\n', "Non-UTF-8 code starting with '\\xff' in file FILE on line 1, but no encoding declared"),
    (b'#\ny = "\xff"\n', "Non-UTF-8 code starting with '\\xff' in file FILE on line 2, but no encoding declared"),
    (b'x\ny\nz = "\xff"\n', "Non-UTF-8 code starting with '\\xff' in file FILE on line 3, but no encoding declared"),
    (b'# coding: utf-8\nx = "\xff"\n',
     "line 2\n    x = \"\N{REPLACEMENT CHARACTER}\"\nSyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff in position 5"),
    (b'# coding: foo\nx = 1\n', 'FILE", line 0\nSyntaxError: unknown encoding: foo'),
    (b'# coding: ascii\nx = "\xff"\n',
     "FILE\", line 0\nSyntaxError: 'ascii' codec can't decode byte 0xff in position 6: ordinal not in range(128)"),
    (b'# coding: shift_jis\nx = "\x83"\n', "line 0\nSyntaxError: 'shift_jis' codec can't decode byte 0x83 in position 6"),
    (b'x.y = [\n1,\n', "line 1\n    x.y = [\n          ^\nSyntaxError: '[' was never closed"),
    (b'\\', "line 1\n    \\\nSyntaxError: unexpected EOF while parsing"),
]


class Mistakes(unittest.TestCase):
    def test_messages_and_places(self):
        for source, message, place, text in MISTAKES:
            with self.subTest(source=source):
                with self.assertRaises(SyntaxError) as caught:
                    compile(source, "<source>", "exec")
                error = caught.exception
                self.assertEqual(error.msg, message)
                self.assertEqual((error.lineno, error.offset, error.end_lineno, error.end_offset), place)
                self.assertEqual(error.text, text)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file.py")
            for content, end in FILES:
                with open(path, "wb") as file:
                    file.write(content)
                run = subprocess.run([sys.executable, path], capture_output=True, env={**os.environ, "NO_COLOR": "1"})
                with self.subTest(content=content):
                    said = run.stderr.decode("utf-8").replace("\r\n", "\n").replace(path, "FILE")
                    self.assertIn(end, said)

    def test_encodings_have_no_place(self):
        for content in (b"# coding: foo\n", b"# coding: ascii\n\xff", b"# coding: rot13\n"):
            with self.subTest(content=content), self.assertRaises(SyntaxError) as caught:
                compile(content, "name", "exec")
            self.assertEqual(caught.exception.args[1], ("name", 0, -1, None))

    def test_the_line_of_the_file_is_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file.py")
            with open(path, "w") as file:
                file.write("f(a,\nb # comment\n")
            with self.assertRaises(SyntaxError) as caught:
                compile("f(a,\nb", path, "exec")
            self.assertEqual(caught.exception.text, "f(a,\n")


class Depth(unittest.TestCase):
    def test_texts_that_are_too_deep(self):
        for source in ("a" + "**a" * 50_000, "not " * 50_000 + "a", "if a: pass\n" + "elif b: pass\n" * 200_000):
            with self.assertRaisesRegex(MemoryError, "Parser stack overflowed"):
                compile(source, "<source>", "exec")


if __name__ == "__main__":
    unittest.main()
