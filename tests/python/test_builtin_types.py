"""Corners of the builtin data types: mutation while arguments are read, identity of results, words of errors."""
import codecs
import collections
import gc
import inspect
import itertools
import math
import operator
import re
import struct
import threading
import time
import unittest
import weakref


class Locals(unittest.TestCase):
    def test_function_locals_are_a_snapshot(self):
        x = 1
        found = locals()
        self.assertIs(type(found), dict)
        self.assertEqual(eval("x + 1", locals()), 2)
        found["x"] = 5
        self.assertEqual(x, 1)


class Reentrancy(unittest.TestCase):
    def test_bytearray_keeps_its_size_while_searched(self):
        array = bytearray(b"A")

        class Evil:
            def __index__(self):
                array.clear()
                return 65

        for name in ("find", "count", "index", "rfind", "rindex"):
            with self.assertRaises(BufferError):
                getattr(array, name)(Evil())
        self.assertEqual(array, b"A")
        array.clear()

    def test_bytearray_is_no_longer_held_afterwards(self):
        array = bytearray(b"abc")
        self.assertEqual(array.find(b"c"), 2)
        self.assertIn(97, array)
        self.assertEqual(array.hex(memoryview(b":").tobytes()), "61:62:63")
        array += b"d"
        self.assertEqual(array, b"abcd")

    def test_memoryview_is_held_while_hashed(self):
        class Source(bytes):
            def __hash__(self):
                view.release()
                return 1

        view = memoryview(Source(b"abc"))
        self.assertRaises(BufferError, hash, view)

    def test_slice_that_releases_the_view(self):
        class Index:
            def __index__(self):
                view.release()
                return 2

        view = memoryview(bytearray(b"xyz"))
        self.assertEqual(bytes(view[:Index()]), b"xy")

    def test_iterator_used_up_by_its_own_callable(self):
        def call():
            if not busy:
                busy.append(1)
                list(iterator)
                return 1
            return 2

        busy = []
        iterator = iter(call, 2)
        self.assertRaises(StopIteration, next, iterator)

    def test_ordered_dict_copied_while_cleared(self):
        class Dict(collections.OrderedDict):
            def __getitem__(self, key):
                source.clear()

        source = Dict([(1, 2), (3, 4)])
        self.assertRaisesRegex(RuntimeError, "mutated during iteration", source.copy)

    def test_set_that_its_items_change(self):
        class Item:
            def __del__(self):
                seen.append(len(items))
                items.add(len(seen))

        ways = (set.clear, set.__init__, lambda items: items.__iand__(set()), lambda items: items.__isub__(items),
                lambda items: items.intersection_update((), items))
        for count in 3, 200:
            for empty in ways:
                items, seen = {Item() for _ in range(count)}, []
                empty(items)
                self.assertEqual(seen, list(range(count)))
                self.assertEqual(items, set(range(1, count + 1)))

    def test_finditer_holds_its_subject(self):
        array = bytearray(b"x")
        found = re.finditer(b"a", array)
        self.assertRaises(BufferError, array.extend, b"y")
        list(found)
        del found
        gc.collect()
        array.extend(b"y")


class Results(unittest.TestCase):
    def test_join_of_empty_strings_keeps_the_separators(self):
        self.assertEqual(",".join(["", ""]), ",")
        self.assertEqual("x".join(("", "", "")), "xx")
        self.assertEqual("é".join(["", ""]), "é")
        self.assertEqual(", ".join(["", ""]), ", ")
        self.assertEqual("".join(["", "a"]), "a")
        self.assertEqual(",".join([]), "")

    def test_formats_that_change_nothing(self):
        text = "abcde"
        self.assertIs("%s" % text, text)
        self.assertIs("{:5s}".format(text), text)
        self.assertIs(text.format(), text)

    def test_float_of_buffers_and_methods(self):
        class Sub(float):
            def __float__(self):
                return 42.0

        self.assertEqual(float(memoryview(b"12.5")), 12.5)
        self.assertEqual(int(memoryview(b"12")), 12)
        self.assertEqual(float(Sub()), 42.0)
        self.assertEqual((-0.0) ** -math.inf, math.inf)

    def test_indices_are_exact(self):
        self.assertIs(type(range(True).stop), int)
        self.assertIs(type(operator.index(True)), int)

    def test_set_does_not_hash_keys_of_a_dict_again(self):
        class Key(int):
            count = 0

            def __hash__(self):
                Key.count += 1
                return int(self)

        source = dict.fromkeys(map(Key, range(5)))
        Key.count = 0
        found = set(source)
        found.difference(source)
        found.symmetric_difference_update(source)
        dict.fromkeys(set(source))
        self.assertEqual(Key.count, 0)

    def test_reversed_iterators_of_changed_dicts(self):
        source = dict.fromkeys(range(1000))
        for key in range(1, 1000):
            del source[key]
        backward = reversed(source)
        source.clear()
        source[0] = 0
        self.assertEqual(list(backward), [])

    def test_extended_slice_takes_nothing_as_deletion(self):
        array = bytearray(b"abcdef")
        array[::2] = b""
        self.assertEqual(array, b"bdf")

    def test_struct_is_initialised_again(self):
        layout = struct.Struct(">h")
        layout.__init__(">hh")
        self.assertEqual(layout.format, ">hh")
        self.assertEqual(layout.unpack(b"\0\1\0\2"), (1, 2))
        self.assertRaises(RuntimeError, repr, struct.Struct.__new__(struct.Struct))

    def test_sums_of_products(self):
        self.assertEqual(math.sumprod([0.1] * 20, [True, False] * 10), 1.0)
        self.assertEqual(math.sumprod((-5, -5, 10), (1.5, 2**62, 2**61)), 0.0)

    def test_deque_iterator_is_pickled_by_position(self):
        source = collections.deque(range(5))
        iterator = iter(source)
        next(iterator)
        make, args = iterator.__reduce__()[:2]
        self.assertEqual(list(make(*args)), [1, 2, 3, 4])

    def test_incomplete_surrogates_wait(self):
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self.assertEqual(decoder.decode(b"\xed\xa0"), "")
        self.assertEqual(decoder.decode(b"\x80"), "\ud800")

    def test_negated_set_in_either_case(self):
        self.assertIsNone(re.fullmatch(rb"[^bc]", b"B", re.LOCALE | re.IGNORECASE))
        self.assertTrue(re.fullmatch(rb"[^bc]", b"a", re.LOCALE | re.IGNORECASE))


class WeakReferences(unittest.TestCase):
    def test_exception_groups(self):
        class Derived(ExceptionGroup):
            pass

        for kind in ExceptionGroup, Derived:
            seen = []
            group = kind("", [ValueError()])
            reference = weakref.ref(group, seen.append)
            self.assertIs(reference(), group)
            group.itself = group
            del group
            gc.collect()
            self.assertEqual(seen, [reference])
            self.assertIsNone(reference())
        self.assertRaises(TypeError, weakref.ref, BaseExceptionGroup("", [KeyboardInterrupt()]))
        self.assertRaises(TypeError, weakref.ref, ValueError())


class Signatures(unittest.TestCase):
    def test_of_conventions_without_a_choice(self):
        for function, text in [(re.Pattern.__class_getitem__, "(object, /)"), (threading.local, "()")]:
            self.assertEqual(str(inspect.signature(function)), text)
        self.assertEqual(codecs.strict_errors.__text_signature__, "($self, object, /)")
        self.assertEqual(re.Match.__dict__["__class_getitem__"].__text_signature__, "($type, object, /)")
        for function in itertools.repeat, getattr, time.clock_getres:
            self.assertIsNone(function.__text_signature__)

    def test_words_of_a_format(self):
        for arguments in (), (1, 2):
            with self.assertRaises(TypeError) as caught:
                time.clock_getres(*arguments)
            words = f"clock_getres() takes exactly 1 argument ({len(arguments)} given)"
            self.assertEqual(str(caught.exception), words)


class Words(unittest.TestCase):
    def check(self, error, words, function, *args):
        with self.assertRaises(error) as caught:
            function(*args)
        self.assertEqual(str(caught.exception), words)

    def test_words(self):
        self.check(TypeError, "find() argument 1 must be str, not int", "".find, 1, "x")
        self.check(TypeError, "cannot convert 'int' object to bytes", int.from_bytes, 3)
        self.check(TypeError, "__setitem__ expected 2 arguments, got 1", [].__setitem__, 1)
        self.check(TypeError, "expected 1 or 2 arguments, got 0", (1).__pow__)
        self.check(TypeError, "'object' object is not an iterator", next, object())
        self.check(ValueError, "expected a positive input, got -1.5", math.log, -1.5)
        self.check(KeyError, "15", collections.defaultdict(None).__getitem__, 15)


if __name__ == "__main__":
    unittest.main()
