"""Copies of lists and dicts with gaps, replacing and splitting over all widths of text, and UTF-8 of each length."""
import itertools
import random
import sys
import unittest


def replaced(text, old, new, count):
    """`text.replace(old, new, count)`, a character at a time."""
    out, at = [], 0
    while at < len(text):
        if count != 0 and text[at:at + len(old)] == old:
            out.append(new)
            at += len(old)
            count -= 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


class Lists(unittest.TestCase):
    def test_slices_of_any_step(self):
        source = [object() for _ in range(50)]
        for start, stop, step in itertools.product((None, 0, 7, -3, 60), (None, 0, 30, -1, -60), (None, 1, 2, 7, -1, -3)):
            expected = [source[at] for at in range(*slice(start, stop, step).indices(50))]
            self.assertEqual(source[start:stop:step], expected)

    def test_copies_hold_references(self):
        item = object()
        before = sys.getrefcount(item)
        copies = [[item] * 5 for _ in range(3)]
        more = [copies[0].copy(), copies[0] + copies[1], copies[2][1:4], copies[2][::-2], copies[0] * 2]
        self.assertEqual([len(copy) for copy in more], [5, 10, 3, 3, 10])
        self.assertEqual(sys.getrefcount(item), before + 15 + 31)
        del copies, more
        self.assertEqual(sys.getrefcount(item), before)

    def test_copies_grow_and_shrink(self):
        for copy in ([1, 2, 3].copy(), [1, 2] + [3], [0, 1, 2, 3][1:], [1, 2, 3] * 1):
            copy.extend(range(4, 40))
            self.assertEqual(copy, list(range(1, 40)))
            del copy[2:]
            copy.append(3)
            self.assertEqual(copy, [1, 2, 3])
        self.assertEqual([] + [], [])
        self.assertEqual([][:], [])


class Dicts(unittest.TestCase):
    def check(self, table):
        copy = table.copy()
        self.assertEqual(list(copy.items()), list(table.items()))
        for key in table:
            self.assertIn(key, copy)
        for at in range(40):
            copy[f"new {at}"] = at
        self.assertEqual(list(copy)[:len(table)], list(table))
        for key in list(copy):
            del copy[key]
        self.assertEqual(copy, {})
        self.assertEqual(len(list(table)), len(table))

    def test_copies_with_gaps(self):
        for size, make in itertools.product((0, 1, 5, 6, 30, 300, 3000), (str, int, float, lambda at: (at, str(at)))):
            table = {make(at): object() for at in range(size)}
            self.check(table)
            for at in range(0, size, 4):
                del table[make(at)]
            self.check(table)
            for _ in range(len(table) // 5):
                table.popitem()
            self.check(table)
            table["again"] = 1
            self.check(table)
            for at in range(size * 3 // 4):
                table.pop(make(at), None)
            self.check(table)

    def test_copies_hold_references(self):
        class Key:
            pass

        key, value = Key(), object()
        counts = sys.getrefcount(key), sys.getrefcount(value)
        copies = [{key: value, "gap": 1, 3: value}]
        del copies[0]["gap"]
        copies += [copies[0].copy(), dict(copies[0]), copies[0] | {}]
        self.assertEqual((sys.getrefcount(key), sys.getrefcount(value)), (counts[0] + 4, counts[1] + 8))
        del copies
        self.assertEqual((sys.getrefcount(key), sys.getrefcount(value)), counts)

    def test_copies_of_attributes(self):
        class Plain:
            pass

        instance = Plain()
        instance.a, instance.b, instance.c = 1, 2, 3
        del instance.b
        self.check(instance.__dict__)


class Texts(unittest.TestCase):
    LETTERS = ("ab", "a\u00e9", "a\u4e2d", "\u4e2d\u4e2e", "a\U0001f600", "\u0161\u6101")

    def texts(self):
        chosen = random.Random(4)
        for letters in self.LETTERS:
            for size in (1, 2, 3, 20, 70, 300):
                yield letters, "".join(chosen.choices(letters, k=size))

    def test_replace(self):
        for letters, text in self.texts():
            for size, new, count in itertools.product((1, 2, 3), ("", "x", "xy", "xyz", "\u00fc", "\u4e00\u4e01"), (-1, 0, 1, 4)):
                old = (letters * 2)[:size]
                self.assertEqual(text.replace(old, new, count), replaced(text, old, new, count), (text, old, new, count))
                self.assertTrue(text.replace(old, new).isascii() or not (text.isascii() and new.isascii()))

    def test_replace_of_all(self):
        self.assertEqual("a".replace("a", "b"), "b")
        self.assertEqual("a".replace("b", "c"), "a")
        self.assertEqual("ab".replace("ab", "cd"), "cd")
        self.assertEqual("ab".replace("abc", "def"), "ab")
        text = "abcabc"
        self.assertIs(text.replace("x", "y"), text)
        self.assertIs(text.replace("abc", "xyz", 0), text)

    def test_split_and_count(self):
        for letters, text in self.texts():
            for sep in (letters[0], letters, letters[::-1] + letters[0], letters * 2):
                parts = text.split(sep)
                self.assertEqual(sep.join(parts), text)
                self.assertEqual(len(parts) - 1, text.count(sep))
                self.assertEqual(replaced(text, sep, "|", -1).split("|"), parts)
                self.assertEqual(len(text.split(sep, 1)), min(len(parts), 2))
                if text.isascii():
                    self.assertEqual(text.encode().split(sep.encode()), [part.encode() for part in parts])
                    self.assertEqual(text.encode().replace(sep.encode(), b"??").decode(), text.replace(sep, "??"))
                    self.assertEqual(text.encode().count(sep.encode()), text.count(sep))


class Utf8(unittest.TestCase):
    @staticmethod
    def encoded(text):
        """UTF-8 by the definition."""
        out = []
        for point in map(ord, text):
            if point < 0x80:
                out.append(point)
                continue
            more = 1 if point < 0x800 else 2 if point < 0x10000 else 3
            out.append((0xC0, 0xE0, 0xF0)[more - 1] | point >> 6 * more)
            out += [0x80 | point >> 6 * at & 0x3F for at in reversed(range(more))]
        return bytes(out)

    def test_all_lengths(self):
        points = "\x00\x7f\x80\xff\u0100\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
        chosen = random.Random(5)
        for size, width in itertools.product((1, 2, 63, 64, 65, 127, 128, 129, 500), (2, 4, 6, 10, 12)):
            text = "".join(chosen.choices(points[:width], k=size))
            self.assertEqual(text.encode(), self.encoded(text))
            self.assertEqual(text.encode().decode(), text)

    def test_surrogates_at_each_place(self):
        for before, run in itertools.product((0, 1, 62, 63, 64, 65, 128), (1, 2, 70)):
            text = "\u00e9" * before + "\udc80" * run + "x\u4e2d"
            with self.assertRaises(UnicodeEncodeError) as caught:
                text.encode()
            self.assertEqual((caught.exception.start, caught.exception.end), (before, before + run))
            self.assertEqual(text.encode(errors="replace"), "\u00e9".encode() * before + b"?" * run + "x\u4e2d".encode())
            self.assertEqual(text.encode(errors="surrogateescape"), "\u00e9".encode() * before + b"\x80" * run + "x\u4e2d".encode())


if __name__ == "__main__":
    unittest.main()
