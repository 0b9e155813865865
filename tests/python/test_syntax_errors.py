"""What the compiler says of mistakes, and where: message, first line and column, last line and column."""
import ast
import codeop
import unittest
import warnings

# Source, and what the reference says of it.
MISTAKES = [
    # The tokenizer's errors come before the parser's, wherever they are.
    ("a b\n'text\n", "unterminated string literal (detected at line 2)", (2, 1, 2, 1)),
    ("a b\n'''text\n\n", "unterminated triple-quoted string literal (detected at line 3)", (2, 1, 2, 1)),
    ("x = 'it\\'", "unterminated string literal (detected at line 1); perhaps you escaped the end quote?", (1, 5, 1, 5)),
    ("a b)", "unmatched ')'", (1, 4, 1, 4)),
    ("(a b\n]", "closing parenthesis ']' does not match opening parenthesis '(' on line 1", (2, 1, 2, 1)),
    ("a b \xa0", "invalid non-printable character U+00A0", (1, 5, 1, 5)),
    ("pri€s = 1", "invalid character '€' (U+20AC)", (1, 4, 1, 4)),
    ("x = 0o18", "invalid digit '8' in octal literal", (1, 8, 1, 8)),
    ("x = 1__0", "invalid decimal literal", (1, 6, 1, 6)),
    ("x = 1e+", "invalid decimal literal", (1, 7, 1, 7)),
    ("0_07", "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
     (1, 1, 1, 4)),
    ("x = ub''", "'u' and 'b' prefixes are incompatible", (1, 5, 1, 7)),
    ("a b\\c", "unexpected character after line continuation character", (1, 5, 1, 0)),
    ("a b\nc \\d", "invalid syntax", (1, 3, 1, 4)),
    ("a = 1 \\\n", "unexpected EOF while parsing", (1, 8, 1, -1)),
    # f-strings
    ("f'{a'", "f-string: expecting '}'", (1, 5, 1, 5)),
    ("f'{a b}'", "invalid syntax. Perhaps you forgot a comma?", (1, 4, 1, 7)),
    ("f'{;}'", "f-string: expecting a valid expression after '{'", (1, 4, 1, 5)),
    ("f'{a:{b:{c:{d}}}}'", "f-string: expressions nested too deeply", (1, 11, 1, 11)),
    ("f'{a:\n}'", "f-string: newlines are not allowed in format specifiers for single quoted f-strings", (1, 6, 1, 6)),
    ("f'{a)}'", "f-string: unmatched ')'", (1, 5, 1, 5)),
    ("f'a}'", "f-string: single '}' is not allowed", (1, 4, 1, 4)),
    ("t'{x=y}'", "t-string: expecting '!', or ':', or '}'", (1, 6, 1, 7)),
    # brackets that stay open
    ("x = (1,\ny = 2\n", "'(' was never closed", (1, 5, 1, 0)),
    ("a{", "'{' was never closed", (1, 2, 1, 0)),
    ("f'''\n{a\n", "'{' was never closed", (2, 1, 2, 0)),
    # hints
    ("'one' two 'three'", "invalid syntax. Is this intended to be part of the string?", (1, 7, 1, 10)),
    ("print word", "Missing parentheses in call to 'print'. Did you mean print(...)?", (1, 1, 1, 11)),
    ("print (a.)", "invalid syntax", (1, 10, 1, 11)),
    ("f((x)=1)", 'expression cannot contain assignment, perhaps you meant "=="?', (1, 4, 1, 7)),
    ("f(x=1, (y))", "positional argument follows keyword argument", (1, 11, 1, 12)),
    ("lambda a=, b: 0", "expected default value expression", (1, 9, 1, 10)),
    ("def f(*None): pass", "invalid syntax", (1, 8, 1, 12)),
    ("1 + 1 =", "cannot assign to expression", (1, 1, 1, 6)),
    ("1 + 1 = 2", "cannot assign to expression here. Maybe you meant '==' instead of '='?", (1, 1, 1, 6)),
    ("x[*a:]", "invalid syntax", (1, 5, 1, 6)),
    ("x[*]", "Invalid star expression", (1, 4, 1, 5)),
    ("[x for a, (b + 1) if c]", "'in' expected after for-loop variables", (1, 19, 1, 21)),
    ("if a:\n  pass\nelse:\n  pass\nelif b:\n  pass\n", "'elif' block follows an 'else' block", (5, 1, 5, 5)),
    ("match a:\n  case f'': pass", "patterns may only match literals and attribute lookups", (2, 8, 2, 11)),
    ("match a:\n  case 1 as b.c: pass", "cannot use attribute as pattern target", (2, 13, 2, 16)),
]


class Mistakes(unittest.TestCase):
    def test_messages_and_places(self):
        for source, message, place in MISTAKES:
            with self.subTest(source=source), self.assertRaises(SyntaxError) as caught:
                compile(source, "<source>", "exec")
            error = caught.exception
            with self.subTest(source=source):
                self.assertEqual(error.msg, message)
                self.assertEqual((error.lineno, error.offset, error.end_lineno, error.end_offset), place)

    def test_nesting(self):
        comprehension = "i for i in r"
        for depth in range(21):
            comprehension = f"[{comprehension}] for i in r"
            source = f"[{comprehension}]"
            if depth < 20:
                compile(source, "<source>", "exec")
        with self.assertRaisesRegex(SyntaxError, "too many statically nested blocks"):
            compile(source, "<source>", "exec")
        with self.assertRaisesRegex(MemoryError, "too complex"):
            compile("-" * 100000 + "1", "<source>", "exec")

    def test_escapes(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertEqual(eval(r"f'\{{{1}\}}'"), "\\{1\\}")
        self.assertEqual(len(caught), 2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with self.assertRaises(SyntaxError) as error:
                eval(r"'\z'")
        self.assertNotIn("in the future", error.exception.msg)

    def test_newest_names(self):
        self.assertEqual(eval(r"'\N{TANGUT IDEOGRAPH-17000}'"), "\U00017000")

    def test_incomplete(self):
        for source in ("if x:", "f(", "'''text"):
            with self.subTest(source=source):
                self.assertIsNone(codeop.compile_command(source))
        for source in ("a b c d", "x = )", "'text"):
            with self.subTest(source=source), self.assertRaises(SyntaxError):
                codeop.compile_command(source)

    def test_function_types(self):
        self.assertEqual(len(ast.parse("(a, *b, **c) -> d", "<source>", "func_type").argtypes), 3)
        for source in ("(*a, *b) -> c", "(**a, b) -> c"):
            with self.subTest(source=source), self.assertRaises(SyntaxError):
                ast.parse(source, "<source>", "func_type")


class Constants(unittest.TestCase):
    def test_equal_ones_are_one(self):
        namespace = {}
        exec("def f(x): return x.a, (1, 'b'), 2.5\ndef g(y): return y.a, (1, 'b'), 2.5", namespace)
        f, g = namespace["f"].__code__, namespace["g"].__code__
        self.assertIs(f.co_consts, g.co_consts)
        self.assertIs(f.co_linetable[:0], g.co_linetable[:0])
        self.assertIs(f.co_filename, g.co_filename)


class Sums(unittest.TestCase):
    def test_nothing_is_lost(self):
        self.assertEqual(repr(sum([-0.0], -0.0)), "-0.0")
        self.assertEqual(sum([1.0, 1e100, 1.0, -1e100]), 2.0)
        self.assertEqual(sum([1j, 1e100j, 1j, -1e100j, 1.0, 10**30, -(10**30)]), 1 + 2j)


if __name__ == "__main__":
    unittest.main()
