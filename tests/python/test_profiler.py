"""The profiler behind cProfile: counts, recursion, native functions, clocks in Python, threads."""
import _lsprof
import sys
import unittest


def fall(n):
    if n:
        fall(n - 1)
    [].append(n)
    return len("text")


def numbers(profiler):
    result = {}
    for entry in profiler.getstats():
        name = entry.code if isinstance(entry.code, str) else entry.code.co_name
        result[name] = (entry.callcount, entry.reccallcount)
    return result


class ProfilerTest(unittest.TestCase):
    def test_counts(self):
        profiler = _lsprof.Profiler()
        profiler.enable()
        self.assertEqual(sys.monitoring.get_tool(sys.monitoring.PROFILER_ID), "cProfile")
        fall(3)
        profiler.disable()
        self.assertIsNone(sys.monitoring.get_tool(sys.monitoring.PROFILER_ID))
        found = numbers(profiler)
        self.assertEqual(found["fall"], (4, 3))
        self.assertEqual(found["<built-in method builtins.len>"], (4, 0))
        self.assertEqual(found["<method 'append' of 'list' objects>"], (4, 0))
        entry = next(entry for entry in profiler.getstats() if getattr(entry.code, "co_name", "") == "fall")
        self.assertEqual(sorted(call.callcount for call in entry.calls), [3, 4, 4])
        self.assertGreaterEqual(entry.totaltime, entry.inlinetime)
        profiler.clear()
        self.assertEqual(profiler.getstats(), [])

    def test_options(self):
        profiler = _lsprof.Profiler(subcalls=False, builtins=False)
        profiler.enable(subcalls=False, builtins=False)
        fall(1)
        profiler.disable()
        entries = [entry for entry in profiler.getstats() if getattr(entry.code, "co_name", "") == "fall"]
        self.assertEqual([(entry.callcount, entry.calls) for entry in entries], [(2, None)])
        self.assertNotIn("<built-in method builtins.len>", numbers(profiler))

    def test_one_at_a_time(self):
        first, second = _lsprof.Profiler(), _lsprof.Profiler()
        first.enable()
        try:
            with self.assertRaisesRegex(ValueError, "tool 2 is already in use"):
                second.enable()
        finally:
            first.disable()

    def test_own_clock(self):
        now = 0

        def clock():
            nonlocal now
            now += 1
            return now

        profiler = _lsprof.Profiler(clock, 0.5)
        profiler.enable(builtins=False)
        fall(0)
        profiler.disable()
        entry = next(entry for entry in profiler.getstats() if getattr(entry.code, "co_name", "") == "fall")
        self.assertEqual((entry.totaltime, entry.inlinetime), (0.5, 0.5))

    def test_clock_must_not_stop_it(self):
        said = []
        profiler = None

        def clock():
            try:
                profiler.disable()
            except RuntimeError as error:
                said.append(str(error))
            return 0.0

        profiler = _lsprof.Profiler(clock)
        profiler.enable()
        fall(0)
        profiler.disable()
        self.assertIn("cannot disable profiler in external timer", said)

    def test_generators(self):
        def count():
            yield 1
            yield 2

        profiler = _lsprof.Profiler()
        profiler.enable()
        list(count())
        profiler.disable()
        self.assertEqual(numbers(profiler)["count"], (3, 0))


if __name__ == "__main__":
    unittest.main()
