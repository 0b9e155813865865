"""Trees, symbol tables and what the compiler says of mistakes."""
import ast
import codeop
import symtable
import unittest
import warnings

SOURCE = '''
@decorated
def function(a, b=1, /, *rest: int, key, other=2, **more) -> str:
    """Text."""
    async def inner():
        async with a as b, c: pass
        return [x async for x in y if x]
    try:
        pass
    except* ValueError as error:
        raise error from None
    match a:
        case [1, *middle, {"k": -1, **others}] | Point(0, y=None) if b: pass
    return f"{a!r:>{b}} {key=}", t"{a}", {**more, 1: lambda: (yield)}

class Box[T: int = bool, *Ts, **P](base, metaclass=meta):
    field: list[T] = []
    type Alias = dict[str, T]
'''


class Trees(unittest.TestCase):
    def test_round_trip(self):
        tree = ast.parse(SOURCE)
        again = ast.parse(ast.unparse(tree))
        self.assertEqual(ast.dump(tree), ast.dump(again))

    def test_compiled_tree_does_the_same(self):
        tree = ast.parse("total = sum(i * i for i in range(10) if i % 2)")
        space = {}
        exec(compile(tree, "<tree>", "exec"), space)
        self.assertEqual(space["total"], 165)

    def test_places_are_in_bytes(self):
        node = ast.parse("'é'; name").body[1].value
        self.assertEqual((node.col_offset, node.end_col_offset), (6, 10))

    def test_constructor(self):
        with self.assertWarns(DeprecationWarning):
            ast.Name()
        self.assertEqual(ast.Call(ast.Name("f")).args, [])
        self.assertRaises(TypeError, ast.Load, 1)

    def test_validation(self):
        def check(kind, text, *body):
            tree = ast.fix_missing_locations(ast.Module(list(body), []))
            with self.assertRaisesRegex(kind, text):
                compile(tree, "<tree>", "exec")

        check(ValueError, "empty body on While", ast.While(ast.Constant(1), [], []))
        check(ValueError, "must have Store context", ast.Assign([ast.Name("a")], ast.Constant(1)))
        check(TypeError, "expected some sort of operator", ast.Expr(ast.BinOp(ast.Constant(1), 3, ast.Constant(2))))
        check(TypeError, "invalid type in Constant: list", ast.Expr(ast.Constant([])))

    def test_type_comments(self):
        source = "def f(a,  # type: int\n      ):\n    # type: (...) -> str\n    b = a  # type: str\n"
        function = ast.parse(source, type_comments=True).body[0]
        self.assertEqual(function.type_comment, "(...) -> str")
        self.assertEqual(function.args.args[0].type_comment, "int")
        self.assertEqual(function.body[0].type_comment, "str")
        signature = ast.parse("(int, *str) -> bytes", mode="func_type")
        self.assertEqual([node.id for node in signature.argtypes], ["int", "str"])

    def test_feature_version(self):
        ast.parse("(a := 1)", feature_version=(3, 8))
        with self.assertRaisesRegex(SyntaxError, "only supported in Python 3.8 and greater"):
            ast.parse("(a := 1)", feature_version=(3, 7))

    def test_optimized(self):
        tree = ast.parse("'%s!' % (a,); __debug__", optimize=1)
        self.assertIsInstance(tree.body[0].value, ast.JoinedStr)
        self.assertIs(tree.body[1].value.value, False)


class Tables(unittest.TestCase):
    def test_scopes(self):
        table = symtable.symtable("def f(a):\n  def g():\n    nonlocal a\n    return a + b\n", "?", "exec")
        f = next(child for child in table.get_children() if child.get_name() == "f")
        g = next(child for child in f.get_children() if child.get_name() == "g")
        self.assertEqual(g.get_frees(), ("a",))
        self.assertTrue(g.lookup("b").is_global())
        self.assertEqual(f.get_parameters(), ("a",))


class Mistakes(unittest.TestCase):
    def test_words(self):
        for source, text in [
            ("def f(/, a): pass", "at least one argument must precede /"),
            ("def f(*a, /): pass", "/ must be ahead of \\*"),
            ("3 + not 3", "'not' after an operator must be parenthesized"),
            ("ub''", "'u' and 'b' prefixes are incompatible"),
            ("import a as b.c", "cannot use attribute as import target"),
            ("from a import b,", "trailing comma not allowed"),
            ("[a, b for a in c]", "did you forget parentheses around the comprehension target"),
            ("1_a", "invalid decimal literal"),
            ("f'{a!x}'", "invalid conversion character 'x'"),
            ("f'{a b}'", "Perhaps you forgot a comma"),
            ("x = 1 if 1 else pass", "expected expression after 'else', but statement is given"),
            ("while 1:\nbreak", "expected an indented block after 'while' statement on line 1"),
        ]:
            with self.subTest(source=source), self.assertRaisesRegex(SyntaxError, text):
                compile(source, "<source>", "exec")

    def test_jumps_out_of_finally(self):
        with self.assertWarnsRegex(SyntaxWarning, "'return' in a 'finally' block"):
            compile("def f():\n  try: pass\n  finally:\n    return 1\n", "<source>", "exec")

    def test_unfinished_input(self):
        for source in ["a = (", "if 1:", "def f():\n  pass", "'''a"]:
            with self.subTest(source=source):
                self.assertIsNone(codeop.compile_command(source))
        self.assertIsNotNone(codeop.compile_command("a = 1"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertRaises(SyntaxError, codeop.compile_command, "a b")


if __name__ == "__main__":
    unittest.main()
