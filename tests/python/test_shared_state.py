"""What threads and the collector leave behind, and what several threads may do to one object at once."""
import gc
import heapq
import io
import itertools
import os
import sys
import threading
import tokenize
import unittest
import weakref


class Plain:
    pass


def in_threads(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Collector(unittest.TestCase):
    def test_cycle_through_thread_local_data(self):
        owner = Plain()
        owner.local = threading.local()
        owner.local.owner = owner
        in_threads(2, lambda: setattr(owner.local, "other", owner))
        ref = weakref.ref(owner)
        del owner
        gc.collect()
        self.assertIsNone(ref())

    def test_thread_local_data_dies_with_its_thread(self):
        local, refs = threading.local(), []

        def work():
            local.value = Plain()
            refs.append(weakref.ref(local.value))

        in_threads(3, work)
        gc.collect()
        self.assertEqual([ref() for ref in refs], [None] * 3)
        self.assertFalse(hasattr(local, "value"))

    def test_counts_by_generation(self):
        gc.collect()
        gc.collect(0)
        self.assertEqual(gc.get_count()[1:], (1, 0))
        gc.collect(1)
        self.assertEqual(gc.get_count()[1:], (0, 1))
        gc.collect(2)
        self.assertEqual(gc.get_count()[1:], (0, 0))

    def test_referents_of_a_constant(self):
        self.assertEqual(sorted(gc.get_referents((7, 8, 9))), [7, 8, 9])

    def test_allocated_blocks(self):
        before = sys.getallocatedblocks()
        kept = [object() for _ in range(1000)]
        self.assertGreaterEqual(sys.getallocatedblocks() - before, 1000)
        del kept
        self.assertLess(sys.getallocatedblocks() - before, 100)

    @unittest.skipUnless(os.path.exists("/proc/self/statm"), "needs /proc")
    def test_ended_threads_give_their_memory_back(self):
        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        def deep(n):
            return deep(n - 1) if n else 0

        for _ in range(100):
            in_threads(1, lambda: deep(200))
        before = resident()
        for _ in range(300):
            in_threads(1, lambda: deep(200))
        self.assertLess(resident() - before, 4 << 20)


class Shared(unittest.TestCase):
    def test_heaps(self):
        for push, pop, step in (heapq.heappush, heapq.heappop, 1), (heapq.heappush_max, heapq.heappop_max, -1):
            heap, taken, numbers = [], [], itertools.count()

            def work():
                for _ in range(1000):
                    push(heap, next(numbers) * 7919 % 1000)
                    push(heap, next(numbers) * 7919 % 1000)
                    taken.append(pop(heap))

            in_threads(4, work)
            self.assertEqual((len(heap), len(taken)), (4000, 4000))
            self.assertTrue(all(heap[(at - 1) // 2] * step <= heap[at] * step for at in range(1, 4000)))
            wanted = sorted(number * 7919 % 1000 for number in range(8000))
            self.assertEqual(sorted(heap + taken), wanted)

    def test_heap_that_its_items_change(self):
        class Meddler:
            def __lt__(self, other):
                heap.clear()
                return True

        for function in (lambda: heapq.heappush(heap, Meddler()), lambda: heapq.heappop(heap), lambda: heapq.heapify(heap),
                         lambda: heapq.heapreplace(heap, Meddler())):
            heap = [Meddler() for _ in range(5)]
            self.assertRaises((IndexError, RuntimeError), function)

    def test_token_iterator(self):
        for _ in range(5):
            source = io.StringIO("for _ in a:\n  pass\n" * 50)
            tokens, found = tokenize._tokenize.TokenizerIter(source.readline, extra_tokens=False), []
            in_threads(4, lambda: found.extend(tokens))
            self.assertEqual(sum(token[1] == "pass" for token in found), 50)
            self.assertEqual(sum(token[0] == tokenize.DEDENT for token in found), 50)
            self.assertEqual(max(found, key=lambda token: token[2])[:4], (tokenize.NEWLINE, "", (100, 6), (100, 6)))

    def test_generator(self):
        def numbers():
            for n in range(20000):
                yield n

        source, seen = numbers(), []

        def take():
            while True:
                try:
                    seen.append(next(source))
                except ValueError:
                    continue
                except StopIteration:
                    return

        in_threads(4, take)
        self.assertEqual(sorted(seen), list(range(20000)))

    def test_count_beyond_machine_words(self):
        source, seen = itertools.count(sys.maxsize - 1000), []
        in_threads(4, lambda: seen.extend([next(source) for _ in range(1000)]))
        self.assertEqual(sorted(seen), list(range(sys.maxsize - 1000, sys.maxsize + 3000)))

    def test_remove_from_list(self):
        values = list(range(4000))
        parts = iter([range(n, 4000, 4) for n in range(4)])

        def remove():
            for value in next(parts):
                values.remove(value)

        in_threads(4, remove)
        self.assertEqual(values, [])

    def test_frame_of_another_thread(self):
        go, stop = threading.Event(), threading.Event()

        def work(secret):
            inner = [secret]
            go.set()
            stop.wait()
            return inner

        thread = threading.Thread(target=work, args=(42,))
        thread.start()
        go.wait()
        frame = sys._current_frames()[thread.ident]
        while frame.f_code.co_name != "work":
            frame = frame.f_back
        self.assertEqual(frame.f_locals["inner"], [42])
        self.assertGreater(frame.f_lineno, work.__code__.co_firstlineno)
        stop.set()
        thread.join()
        self.assertEqual(frame.f_locals["secret"], 42)

    def test_slice_is_of_one_moment(self):
        window, done = list(range(1000)), threading.Event()

        def slide():
            while not done.is_set():
                window.append(window[-1] + 1)
                window.pop(0)

        thread = threading.Thread(target=slide)
        thread.start()
        wrong = []
        for _ in range(20_000):
            last = window[-3:]
            if len(last) != 3 or last[2] - last[0] != 2:
                wrong.append(last)
        done.set()
        thread.join()
        self.assertEqual(wrong, [])

    def test_intersection_keeps_what_is_common(self):
        for common, other in ({0, 8}, {16, 24}), (set(range(30)), set(range(30, 60))):
            items, done = set(common), threading.Event()

            def change():
                while not done.is_set():
                    items.update(other)
                    items.intersection_update(common)

            thread = threading.Thread(target=change)
            thread.start()
            missing = [n for n in range(20_000) if 8 not in items]
            done.set()
            thread.join()
            self.assertEqual(missing, [])
            self.assertEqual(items, common)

    def test_steps_beyond_the_end(self):
        items = list(range(10))
        self.assertEqual(items[3 :: sys.maxsize], [3])
        self.assertEqual(items[3 :: -sys.maxsize], [3])
        self.assertEqual(items[8:2:-2], [8, 6, 4])

    def test_weak_reference_to_lock(self):
        lock = threading.Lock()
        ref = weakref.ref(lock)
        self.assertIs(ref(), lock)
        del lock
        self.assertIsNone(ref())


if __name__ == "__main__":
    unittest.main()
