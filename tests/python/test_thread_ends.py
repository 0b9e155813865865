"""How threads end: forks with other threads, joins at the end of the program, timeouts, names, and what locks show."""
import _thread
import math
import os
import subprocess
import sys
import tempfile
import threading
import unittest


def run(source, *options):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *options, "-c", source], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


class Fork(unittest.TestCase):
    def test_data_of_other_threads_dies_in_the_child(self):
        source = """if True:
            import contextvars, os, threading
            parent, local, ready, release = os.getpid(), threading.local(), threading.Event(), threading.Event()
            variable = contextvars.ContextVar("variable")
            seen = []
            class Data:
                def __init__(self, name):
                    self.name = name
                def __del__(self):
                    if os.getpid() != parent:
                        seen.append(self.name)
            def work():
                local.data = Data("local")
                variable.set(Data("context"))
                ready.set()
                release.wait()
            thread = threading.Thread(target=work, context=contextvars.Context())
            thread.start()
            ready.wait()
            local.data = Data("own")
            child = os.fork()
            if not child:
                print(seen, local.data.name, flush=True)
                local.data = None
                os._exit(0)
            os.waitpid(child, 0)
            release.set()
            thread.join()
            print(seen, local.data.name)
        """
        self.assertEqual(run(source), (0, "['local'] own\n[] own\n", ""))

    def test_main_thread_has_ended_in_the_child_of_a_thread(self):
        source = """if True:
            import os, threading
            main = threading.current_thread()
            def work():
                child = os.fork()
                if child:
                    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                main.join()
                late = threading.Thread(target=main.join)
                late.start()
                late.join()
                print(main.is_alive(), flush=True)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        """
        self.assertEqual(run(source), (0, "False\n", ""))

    def test_other_threads_have_ended_in_the_child(self):
        source = """if True:
            import _thread, os, time
            handle = _thread.start_joinable_thread(lambda: time.sleep(60), daemon=True)
            child = os.fork()
            if child:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            handle.join()
            print(handle.is_done(), flush=True)
            os._exit(0)
        """
        self.assertEqual(run(source), (0, "True\n", ""))


class Shutdown(unittest.TestCase):
    def test_a_thread_that_runs_cannot_be_joined(self):
        source = """if True:
            import threading
            def loop():
                while True:
                    pass
            class Cycle:
                def __init__(self):
                    self.me = self
                    self.thread = threading.Thread(target=loop, daemon=True)
                    self.thread.start()
                def __del__(self):
                    for timeout in None, 0, 60:
                        try:
                            self.thread.join(timeout)
                        except PythonFinalizationError as error:
                            print(error)
            Cycle()
        """
        self.assertEqual(run(source), (0, "cannot join thread at interpreter shutdown\n" * 3, ""))


class Timeouts(unittest.TestCase):
    def test_join(self):
        stop = threading.Lock()
        stop.acquire()
        handle = _thread.start_joinable_thread(lambda: stop.acquire() and None, daemon=True)
        try:
            self.assertRaisesRegex(ValueError, "Invalid value NaN", handle.join, math.nan)
            self.assertRaisesRegex(OverflowError, "timestamp out of range", handle.join, 1e300)
            self.assertRaisesRegex(TypeError, "'str' object cannot be interpreted as an integer or float", handle.join, "1")
            self.assertIsNone(handle.join(0.01))
            self.assertFalse(handle.is_done())
        finally:
            stop.release()
        self.assertIsNone(handle.join(-1))
        self.assertTrue(handle.is_done())

    def test_locks(self):
        for lock in threading.Lock(), threading.RLock():
            with self.subTest(lock=lock):
                self.assertRaisesRegex(ValueError, "Invalid value NaN", lock.acquire, True, math.nan)
                self.assertRaisesRegex(ValueError, "must be a non-negative number", lock.acquire, True, -2)
                self.assertRaisesRegex(ValueError, "non-blocking call", lock.acquire, False, 1)
                self.assertRaises(OverflowError, lock.acquire, True, 1e100)
                self.assertRaises(OverflowError, lock.acquire, True, threading.TIMEOUT_MAX * 2)
                self.assertRaises(TypeError, lock.acquire, True, "1")
                self.assertTrue(lock.acquire(False, -1))


class Names(unittest.TestCase):
    def test_bytes_are_cut(self):
        shown = []

        def work():
            for name in "é" * 14, "x" * 14 + "é", "abc\0def", "\ud800x":
                _thread.set_name(name)
                shown.append(_thread._get_name())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual(shown, ["é" * 7 + "\udcc3", "x" * 14 + "\udcc3", "abc", "?x"])


class RLocks(unittest.TestCase):
    def test_others_see_owner_and_count(self):
        lock, held, done = threading.RLock(), threading.Event(), threading.Event()
        owners = []

        def work():
            with lock, lock:
                owners.append(threading.get_ident())
                held.set()
                done.wait(60)

        thread = threading.Thread(target=work)
        thread.start()
        held.wait(60)
        try:
            self.assertRegex(repr(lock), rf"^<locked _thread\.RLock object owner={owners[0]} count=2 at ")
            self.assertEqual(lock._recursion_count(), 0)
        finally:
            done.set()
            thread.join()
        self.assertRegex(repr(lock), r"^<unlocked _thread\.RLock object owner=0 count=0 at ")
        lock.acquire()
        lock.acquire()
        state = lock._release_save()
        self.assertRegex(repr(lock), "^<unlocked .* count=0 ")
        lock._acquire_restore(state)
        self.assertRegex(repr(lock), "^<locked .* count=2 ")


class Suggestions(unittest.TestCase):
    def test_keywords_from_the_command_line_and_files(self):
        mistakes = [
            ("with block ad something:\n  pass", "and"),
            ("for a in b:\n  pass\nelso:\n  pass", "else"),
            ("def foo():\n  returm result", "return"),
            ("[x for x\nin range(3)\nof x]", "if"),
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "wrong.py")
            for source, keyword in mistakes:
                with open(path, "w") as file:
                    file.write(source)
                from_file = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60).stderr
                for shown in run(source)[2], from_file:
                    self.assertIn(f"Did you mean '{keyword}'?", shown)

    def test_what_the_parser_keeps(self):
        for source, place in [
            ("a=1\na b\n", (0, 0)),
            ("a=1\nif a:\n  pass\na b\n", (2, 0)),
            ("for x in y:\n  z\n  for k in t:\n    w\n  a b\n", (3, 2)),
            ("def f():\n  x=1\na b\n", (0, 0)),
        ]:
            with self.assertRaises(SyntaxError) as caught:
                compile(source, "f", "exec")
            self.assertEqual(caught.exception._metadata, (*place, source))
            self.assertEqual(len(caught.exception.args[1]), 6)

    def test_unbound_locals_have_no_name(self):
        def work():
            value
            value = 1

        with self.assertRaises(UnboundLocalError) as caught:
            work()
        self.assertIsNone(caught.exception.name)


if __name__ == "__main__":
    unittest.main()
