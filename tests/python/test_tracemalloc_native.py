"""Traces of memory: what is traced, which frames, counters, start and end."""
import os
import subprocess
import sys
import tracemalloc
import unittest


def make(size):
    return b"x" * size


class Traces(unittest.TestCase):
    def setUp(self):
        tracemalloc.start(3)

    def tearDown(self):
        tracemalloc.stop()

    def test_frames_of_an_object(self):
        block = make(5000)
        line = make.__code__.co_firstlineno + 1
        trace = tracemalloc.get_object_traceback(block)
        self.assertEqual((trace[-1].filename, trace[-1].lineno), (__file__, line))
        self.assertEqual(len(trace), 3)

    def test_sizes_of_objects_and_arrays(self):
        tracemalloc.clear_traces()
        before = tracemalloc.get_traced_memory()[0]
        block = make(1 << 20)
        items = [None] * 100_000
        table = {number: None for number in range(10_000)}
        now, peak = tracemalloc.get_traced_memory()
        self.assertGreater(now - before, (1 << 20) + 800_000 + 100_000)
        self.assertGreaterEqual(peak, now)
        del block, items, table
        self.assertLess(tracemalloc.get_traced_memory()[0], now - (1 << 20) - 800_000)
        self.assertGreaterEqual(tracemalloc.get_traced_memory()[1], peak)
        tracemalloc.reset_peak()
        self.assertLess(tracemalloc.get_traced_memory()[1], peak)

    def test_exact_sizes_and_shared_frames(self):
        first, second = [make(size) for size in (4321, 4567)]
        found = {}
        for domain, size, frames, total in tracemalloc._get_traces():
            if frames[0][1] == make.__code__.co_firstlineno + 1:
                found[size] = frames
        sizes = [size for size in (sys.getsizeof(first), sys.getsizeof(second))]
        self.assertIs(found[sizes[0]], found[sizes[1]])

    def test_snapshots(self):
        block = make(300_000)
        top = tracemalloc.take_snapshot().statistics("lineno")[0]
        self.assertGreaterEqual(top.size, 300_000)
        self.assertEqual(top.traceback[0].filename, __file__)
        self.assertIsNotNone(block)

    def test_end(self):
        block = make(100)
        tracemalloc.stop()
        self.assertIsNone(tracemalloc.get_object_traceback(block))
        self.assertEqual((tracemalloc.get_traced_memory(), tracemalloc._get_traces()), ((0, 0), []))
        self.assertEqual(tracemalloc.get_traceback_limit(), 3)
        for limit in (0, -1, 65536):
            with self.assertRaisesRegex(ValueError, "the number of frames must be in range"):
                tracemalloc.start(limit)


class Start(unittest.TestCase):
    def limit(self, *options, **variables):
        code = "import tracemalloc as t; print(t.is_tracing(), t.get_traceback_limit())"
        done = subprocess.run([sys.executable, *options, "-c", code], env=os.environ | variables,
                              capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else done.returncode != 0

    def test_options(self):
        self.assertEqual(self.limit(), "False 1")
        self.assertEqual(self.limit("-X", "tracemalloc"), "True 1")
        self.assertEqual(self.limit("-X", "tracemalloc=7"), "True 7")
        self.assertEqual(self.limit(PYTHONTRACEMALLOC="5"), "True 5")
        self.assertEqual(self.limit("-E", PYTHONTRACEMALLOC="5"), "False 1")
        self.assertEqual(self.limit(PYTHONTRACEMALLOC="0"), "False 1")
        self.assertIs(self.limit(PYTHONTRACEMALLOC="-1"), True)
        self.assertIs(self.limit("-X", "tracemalloc=99999999"), True)


if __name__ == "__main__":
    unittest.main()
