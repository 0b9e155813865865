"""What builtin functions and methods say of arguments that do not fit."""
import collections
import io
import types
import unittest

from outcomes import check

CALLS = {
    "unbound without an argument": lambda: io.BytesIO.read(),
    "keywords of a positional method": lambda: [].pop(zzz=1),
    "keywords of a set method": lambda: set().union(zzz=1),
    "keywords of a deque method": lambda: collections.deque().rotate(zzz=1),
    "keywords of a C tuple function": lambda: (lambda method: method(zzz=1))(io.BytesIO().__exit__),
    "arguments of a method without any": lambda: (lambda method: method(1))(io.BytesIO()._checkClosed),
    "None is called None": lambda: (1).to_bytes(1, None),
    "None as a specification": lambda: format(1, None),
    "note": lambda: ValueError().add_note(None),
    "too many for int": lambda: int(1, 2, 3),
    "too many for super": lambda: super(1, 2, 3),
    "unicode error": lambda: UnicodeDecodeError(),
    "unicode error types": lambda: UnicodeEncodeError(1, 2, 3, 4, 5),
    "group of a set": lambda: ExceptionGroup("", {1}),
    "group keywords": lambda: ExceptionGroup("", [ValueError()], a=1),
    "new of an exception": lambda: ValueError.__new__(1),
    "sum looks at the items first": lambda: sum(None, ""),
    "position of an iterator": lambda: iter([]).__setstate__(1.5),
    "alias as a base": lambda: list[int].__mro_entries__(),
    "ellipsis": lambda: type(...)(1),
    "comparison of None": lambda: type(None).__eq__(1, 2),
    "release without a view": lambda: bytearray().__release_buffer__(),
}

EXPECTED = [
    ("unbound without an argument", "TypeError: unbound method BytesIO.read() needs an argument"),
    ("keywords of a positional method", "TypeError: list.pop() takes no keyword arguments"),
    ("keywords of a set method", "TypeError: set.union() takes no keyword arguments"),
    ("keywords of a deque method", "TypeError: deque.rotate() takes no keyword arguments"),
    ("keywords of a C tuple function", "TypeError: __exit__() takes no keyword arguments"),
    ("arguments of a method without any", "TypeError: BytesIO._checkClosed() takes no arguments (1 given)"),
    ("None is called None", "TypeError: to_bytes() argument 'byteorder' must be str, not None"),
    ("None as a specification", "TypeError: format() argument 2 must be str, not None"),
    ("note", "TypeError: add_note() argument must be str, not None"),
    ("too many for int", "TypeError: int expected at most 2 arguments, got 3"),
    ("too many for super", "TypeError: super() expected at most 2 arguments, got 3"),
    ("unicode error", "TypeError: function takes exactly 5 arguments (0 given)"),
    ("unicode error types", "TypeError: argument 1 must be str, not int"),
    ("group of a set", "TypeError: second argument (exceptions) must be a sequence"),
    ("group keywords", "TypeError: ExceptionGroup() takes no keyword arguments"),
    ("new of an exception", "TypeError: ValueError.__new__(X): X is not a type object (int)"),
    ("sum looks at the items first", "TypeError: 'NoneType' object is not iterable"),
    ("position of an iterator", "TypeError: an integer is required"),
    ("alias as a base", "TypeError: GenericAlias.__mro_entries__() takes exactly one argument (0 given)"),
    ("ellipsis", "TypeError: EllipsisType takes no arguments"),
    ("comparison of None", "TypeError: descriptor '__eq__' requires a 'NoneType' object but received a 'int'"),
    ("release without a view", "TypeError: __release_buffer__ expected 1 argument, got 0"),
]


class Arguments(unittest.TestCase):
    def test_messages(self):
        check(CALLS, EXPECTED)

    def test_keywords_that_are_not_strings(self):
        seen = []

        class Meta(type):
            def __call__(cls, *args, **kwargs):
                seen.append(kwargs)

        class Taker(metaclass=Meta):
            pass

        with self.assertRaisesRegex(TypeError, "keywords must be strings"):
            Taker(**{1: 2})
        with self.assertRaisesRegex(TypeError, "keywords must be strings"):
            len(**{1: 2})
        with self.assertRaisesRegex(TypeError, "keywords must be strings"):
            types.SimpleNamespace(**{1: 2})

    def test_keywords_with_their_own_equality(self):
        class Any(str):
            __hash__ = str.__hash__

            def __eq__(self, other):
                return True

        class Broken(str):
            __hash__ = str.__hash__

            def __eq__(self, other):
                raise ZeroDivisionError

        class Hashed(str):
            __eq__ = str.__eq__

            def __hash__(self):
                return 7

        def function(a=1, b=2, **rest):
            return a, b, rest

        def positional(a=1, /):
            return a

        # A function in Python asks the keyword; one in C goes by its text, and asks only what to say of a surplus one.
        self.assertEqual(function(**{Any("zzz"): 3}), (3, 2, {}))
        self.assertEqual(function(**{Hashed("b"): 3}), (1, 3, {}))
        self.assertEqual(function(**{Hashed("c"): 3}), (1, 2, {Hashed("c"): 3}))
        self.assertRaises(ZeroDivisionError, lambda: function(**{Broken("a"): 3}))
        with self.assertRaisesRegex(TypeError, "got multiple values for argument 'zzz'"):
            function(1, **{Any("zzz"): 3})
        with self.assertRaisesRegex(TypeError, "positional-only arguments passed as keyword arguments: 'zzz'"):
            positional(**{Any("zzz"): 3})
        for kind in Any, Broken, Hashed:
            self.assertEqual(round(1.75, **{kind("ndigits"): 1}), 1.8)
            self.assertEqual(max([1, 2], **{kind("key"): lambda item: -item}), 1)
        for call, name in [
            (lambda **words: print(**words), "print"), (lambda **words: min([1], **words), "min"),
            (lambda **words: round(1.75, **words), "round"), (lambda **words: pow(1, 2, **words), "pow"),
            (lambda **words: "a".split(**words), "split"), (lambda **words: sorted([], **words), "sort"),
        ]:
            with self.subTest(function=name):
                with self.assertRaisesRegex(TypeError, rf"^invalid keyword argument for {name}\(\)$"):
                    call(**{Any("foo"): 1})
                with self.assertRaisesRegex(TypeError, rf"^{name}\(\) got an unexpected keyword argument 'foo'$"):
                    call(**{Hashed("foo"): 1})
                self.assertRaises(ZeroDivisionError, lambda: call(**{Broken("foo"): 1}))
        with self.assertRaisesRegex(TypeError, r"given by name \('source'\) and position \(1\)"):
            compile("1", "name", "eval", **{"foo": 1, "source": 1})
        with self.assertRaisesRegex(TypeError, r"print\(\) got an unexpected keyword argument 'a'"):
            print(1, a=1, b=1, c=1, d=1, e=1)
        with self.assertRaisesRegex(TypeError, r"min\(\) takes at most 2 keyword arguments \(3 given\)"):
            min(1, a=1, b=1, c=1)


if __name__ == "__main__":
    unittest.main()
