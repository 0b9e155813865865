"""`sys.getsizeof`: what lists keep, and that memory which belongs to an object counts."""
import array
import random
import re
import struct
import sys
import unittest

WORD = struct.calcsize("P")


def cells(items):
    return (sys.getsizeof(items) - sys.getsizeof([])) // WORD


class Lists(unittest.TestCase):
    def test_what_was_counted_is_made_even(self):
        for count, room in [(0, 0), (1, 2), (2, 2), (3, 4), (7, 8), (100, 100), (101, 102)]:
            for made in list((0,) * count), list([0] * count), sorted((0,) * count), [*[0] * count]:
                self.assertEqual(cells(made), room)
        self.assertEqual(cells([1, 2, 3]), 4)
        self.assertEqual(cells([0] * 3), 3)

    def test_what_was_in_a_table_leaves_room(self):
        for count, room in [(0, 0), (1, 4), (2, 8), (5, 8), (6, 12), (9, 12), (19, 20)]:
            table = dict.fromkeys(range(count))
            for source in table, table.keys(), table.values(), table.items(), set(table), frozenset(table):
                with self.subTest(count=count, type=type(source)):
                    self.assertEqual(cells(list(source)), room)

    def test_hints(self):
        class Hinted:
            def __init__(self, hint, count):
                self.hint, self.count = hint, count

            def __length_hint__(self):
                return self.hint

            def __iter__(self):
                return self

            def __next__(self):
                if self.count == 0:
                    raise StopIteration
                self.count -= 1
                return None

        for hint, count, room in [(1, 0, 2), (8, 2, 8), (31, 4, 32), (32, 10, 32), (33, 0, 0), (40, 4, 8), (0, 3, 4)]:
            with self.subTest(hint=hint, count=count):
                self.assertEqual(cells(list(Hinted(hint, count))), room)
        self.assertEqual(cells(list(item for item in ())), 8)

    def test_little_is_kept(self):
        for length, expected in [(32, [(31, 32), (0, 0)]), (33, [(32, 33), (15, 20), (0, 0)]), (70, None)]:
            items, steps = [None] * length, []
            while items:
                items.pop()
                if not steps or steps[-1][1] != cells(items):
                    steps.append((len(items), cells(items)))
            if expected is not None:
                self.assertEqual(steps, expected)
            self.assertTrue(all(room >= length for length, room in steps))
        items = [None] * 32
        items[3:] = []
        self.assertEqual(cells(items), 32)


class Arrays(unittest.TestCase):
    def test_what_was_counted_is_exact(self):
        empty = sys.getsizeof(array.array("i"))

        def room(items):
            return (sys.getsizeof(items) - empty) // items.itemsize

        for count in 0, 1, 3, 7, 20, 100:
            items = array.array("i", [1] * count)
            for made in (
                items, array.array("i", (1,) * count), array.array("i", items), items[:], items + array.array("i"),
                array.array("i", [1]) * count, items.__copy__(),
            ):
                self.assertEqual(room(made), count)
        items = array.array("i", [1] * 7)
        items.append(2)
        self.assertEqual((room(items), items.tolist()), (11, [1] * 7 + [2]))
        self.assertEqual(array.array("i", [1, 2]) + array.array("i", [3]), array.array("i", [1, 2, 3]))

    def test_errors_while_filled(self):
        with self.assertRaises(OverflowError):
            array.array("b", [1, 1000])
        with self.assertRaises(TypeError):
            array.array("i", (1, "x"))


class Owned(unittest.TestCase):
    def test_what_grows(self):
        short, long = re.compile("a"), re.compile("|".join(f"[a{at}]b{at}" for at in range(100)))
        self.assertGreater(sys.getsizeof(long), sys.getsizeof(short) + 1000)
        self.assertGreater(sys.getsizeof(random.Random()), 624 * 4)

    def test_code_is_made_of_words(self):
        for source in "x", "x + 1", "f(x, y)":
            code = compile(source, "name", "eval")
            self.assertEqual(sys.getsizeof(code) % WORD, 0)

    def test_classes_own_the_keys_of_their_instances(self):
        class Plain:
            pass

        class Slotted:
            __slots__ = ()

        self.assertGreater(sys.getsizeof(Plain), sys.getsizeof(Slotted))


if __name__ == "__main__":
    unittest.main()
