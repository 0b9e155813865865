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


if __name__ == "__main__":
    unittest.main()
