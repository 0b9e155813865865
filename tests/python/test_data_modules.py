"""Native modules of data formats: round trips, errors, and sharing between threads."""
import array
import binascii
import bz2
import cmath
import csv
import datetime
import hashlib
import hmac
import io
import json
import lzma
import pickle
import queue
import statistics
import threading
import unicodedata
import unittest
import xml.etree.ElementTree as ElementTree
import zlib
from xml.parsers import expat


class CompressionTest(unittest.TestCase):
    data = b"compress me " * 500

    def test_round_trips(self):
        for module in (zlib, bz2, lzma):
            packed = module.compress(self.data)
            self.assertLess(len(packed), len(self.data))
            self.assertEqual(module.decompress(packed), self.data)

    def test_limits(self):
        for packed, decoder in (
            (bz2.compress(self.data), bz2.BZ2Decompressor()),
            (lzma.compress(self.data), lzma.LZMADecompressor()),
            (zlib.compress(self.data), zlib._ZlibDecompressor()),
        ):
            out = decoder.decompress(packed + b"tail", max_length=10)
            self.assertEqual(len(out), 10)
            while not decoder.eof:
                out += decoder.decompress(b"", max_length=1000)
            self.assertEqual(out, self.data)
            self.assertEqual(decoder.unused_data, b"tail")
            self.assertRaises(EOFError, decoder.decompress, b"")

    def test_one_compressor_in_many_threads(self):
        compressor = zlib.compressobj()
        parts, lock = [], threading.Lock()

        def feed():
            for _ in range(200):
                part = compressor.compress(b"x" * 100)
                with lock:
                    parts.append(part)

        threads = [threading.Thread(target=feed) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        parts.append(compressor.flush())
        self.assertEqual(len(zlib.decompressobj().decompress(b"".join(parts))), 80_000)


class TextTest(unittest.TestCase):
    def test_json(self):
        value = {"a": [1, -2.5, None, True, "é\n\U0001F600"], "b": {}}
        self.assertEqual(json.loads(json.dumps(value)), value)
        self.assertEqual(json.dumps([1, {"k": 2}], indent=1), '[\n 1,\n {\n  "k": 2\n }\n]')
        with self.assertRaises(json.JSONDecodeError) as caught:
            json.loads("[1,\n2,]")
        self.assertEqual((caught.exception.lineno, caught.exception.colno), (2, 2))
        loop = []
        loop.append(loop)
        self.assertRaises(ValueError, json.dumps, loop)

    def test_csv(self):
        rows = [["a", "b,c", 'd"e', "f\ng"], ["", "1", "2", ""]]
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        self.assertEqual(list(csv.reader(io.StringIO(out.getvalue(), newline=""))), rows)

    def test_unicode(self):
        self.assertEqual(unicodedata.normalize("NFD", "é"), "e\u0301")
        self.assertEqual(unicodedata.lookup("GREEK SMALL LETTER ALPHA"), "\N{GREEK SMALL LETTER ALPHA}")
        self.assertEqual(unicodedata.ucd_3_2_0.category("\u0221"), "Cn")

    def test_binascii(self):
        for size in range(20):
            data = bytes(range(size))
            self.assertEqual(binascii.a2b_base64(binascii.b2a_base64(data), strict_mode=False), data)
            self.assertEqual(binascii.unhexlify(binascii.hexlify(data)), data)
            self.assertEqual(binascii.a2b_uu(binascii.b2a_uu(data)), data)
        self.assertRaises(binascii.Error, binascii.a2b_base64, b"abcde")

    def test_xml(self):
        root = ElementTree.fromstring('<a xmlns:n="u"><n:b c="1">x&amp;y</n:b><!-- z --></a>')
        self.assertEqual([(e.tag, e.attrib, e.text) for e in root], [("{u}b", {"c": "1"}, "x&y")])
        with self.assertRaises(expat.ExpatError) as caught:
            expat.ParserCreate().Parse("<a>\n<b></c>", True)
        self.assertEqual((caught.exception.lineno, caught.exception.offset), (2, 5))


class NumberTest(unittest.TestCase):
    def test_array(self):
        values = array.array("i", range(10))
        del values[::3]
        self.assertEqual(values.tolist(), [1, 2, 4, 5, 7, 8])
        with memoryview(values) as view:
            self.assertRaises(BufferError, values.append, 1)
            view[0] = -1
        self.assertEqual(values[0], -1)
        for protocol in range(6):
            self.assertEqual(pickle.loads(pickle.dumps(values, protocol)), values)

    def test_cmath(self):
        self.assertTrue(cmath.isclose(cmath.exp(cmath.log(3 - 4j)), 3 - 4j))
        self.assertRaises(ValueError, cmath.log, 0)
        self.assertRaises(OverflowError, cmath.exp, 1e6)

    def test_statistics(self):
        self.assertAlmostEqual(statistics.NormalDist().inv_cdf(0.975), 1.959963984540054)

    def test_hashes(self):
        self.assertEqual(hashlib.blake2b(b"x", digest_size=4, key=b"k").hexdigest(), hashlib.blake2b(b"x", digest_size=4, key=b"k").hexdigest())
        self.assertEqual(hashlib.sha3_256(b"").hexdigest()[:8], "a7ffc6f8")
        self.assertEqual(hashlib.shake_128(b"").hexdigest(4), "7f9c2ba4")
        self.assertEqual(hmac.new(b"k", b"m", "md5").hexdigest(), "ed7e724d3a91554aaa2043041d9c5305")


class ObjectTest(unittest.TestCase):
    def test_datetime(self):
        zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        moment = datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=zone)
        self.assertEqual(datetime.datetime.fromisoformat(moment.isoformat()), moment)
        self.assertEqual(moment.astimezone(datetime.UTC).isoformat(), "2024-02-29T18:29:59.999999+00:00")
        self.assertEqual(str(moment + datetime.timedelta(microseconds=1)), "2024-03-01 00:00:00+05:30")
        for protocol in range(6):
            self.assertEqual(pickle.loads(pickle.dumps(moment, protocol)), moment)

    def test_pickle(self):
        shared = ["x"]
        value = {"list": [shared, shared], "set": {1, 2}, "big": 2**100, "bytes": b"b" * 70_000, "nested": ((1,), ((),))}
        value["self"] = value
        for protocol in range(6):
            copy = pickle.loads(pickle.dumps(value, protocol))
            self.assertIs(copy["self"], copy)
            self.assertIs(copy["list"][0], copy["list"][1])
            for key in ("list", "set", "big", "bytes", "nested"):
                self.assertEqual(copy[key], value[key])
        self.assertRaises(pickle.PicklingError, pickle.dumps, lambda: 1)
        self.assertRaises(pickle.UnpicklingError, pickle.loads, b"\x80\x04\x95")

    def test_queue(self):
        items, results = queue.SimpleQueue(), queue.SimpleQueue()

        def work():
            total = 0
            while (item := items.get()) is not None:
                total += item
            results.put(total)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for item in range(3000):
            items.put(item)
        for _ in threads:
            items.put(None)
        for thread in threads:
            thread.join()
        self.assertEqual(sum(results.get() for _ in threads), sum(range(3000)))
        self.assertRaises(queue.Empty, items.get, timeout=0.01)


if __name__ == "__main__":
    unittest.main()
