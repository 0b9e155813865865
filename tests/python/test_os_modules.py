"""Native modules near the system: mmap, termios, _multiprocessing, _posixshmem, faulthandler, syslog, _uuid."""
import faulthandler
import mmap
import os
import pty
import subprocess
import sys
import tempfile
import termios
import threading
import unittest
import uuid


class MapTest(unittest.TestCase):
    def test_anonymous(self):
        with mmap.mmap(-1, 100) as m:
            m.write(b"hello\nworld")
            m.seek(0)
            self.assertEqual(m.readline(), b"hello\n")
            self.assertEqual(m[0:5], b"hello")
            self.assertEqual(m.find(b"world"), 6)
            m[0:5] = b"HELLO"
            with memoryview(m):
                with self.assertRaises(BufferError):
                    m.close()
        self.assertTrue(m.closed)
        with self.assertRaises(ValueError):
            m.read()

    def test_file(self):
        with tempfile.TemporaryFile() as f:
            f.write(b"0123456789")
            f.flush()
            m = mmap.mmap(f.fileno(), 0)
            m.move(0, 5, 5)
            m.flush()
            f.seek(0)
            self.assertEqual(f.read(), b"5678956789")
            m.resize(20)
            self.assertEqual((len(m), m.size()), (20, 20))
            m.close()

    def test_close_beside_reads(self):
        for _ in range(50):
            m = mmap.mmap(-1, 1 << 16)
            stop = threading.Event()

            def read():
                while not stop.is_set():
                    try:
                        m[:100]
                        m.seek(0)
                        m.read(10)
                    except ValueError:
                        return

            thread = threading.Thread(target=read)
            thread.start()
            m.close()
            stop.set()
            thread.join()


class TerminalTest(unittest.TestCase):
    def test_attributes(self):
        master, slave = pty.openpty()
        try:
            mode = termios.tcgetattr(slave)
            mode[3] &= ~termios.ECHO
            termios.tcsetattr(slave, termios.TCSANOW, mode)
            self.assertEqual(termios.tcgetattr(slave)[3] & termios.ECHO, 0)
            termios.tcsetwinsize(slave, (33, 44))
            self.assertEqual(termios.tcgetwinsize(master), (33, 44))
        finally:
            os.close(master)
            os.close(slave)


class ProcessTest(unittest.TestCase):
    def test_lock(self):
        from _multiprocessing import SemLock
        lock = SemLock(1, 1, 1, f"/krait-test-{os.getpid()}", True)
        self.assertTrue(lock.acquire())
        self.assertFalse(lock.acquire(True, 0.01))
        pid = os.fork()
        if pid == 0:
            lock.release()
            os._exit(0)
        os.waitpid(pid, 0)
        self.assertTrue(lock.acquire(True, 5))

    def test_pool(self):
        code = (
            "import multiprocessing as mp\n"
            "def f(x): return x * x\n"
            "if __name__ == '__main__':\n"
            "    with mp.get_context('fork').Pool(2) as pool:\n"
            "        print(pool.map(f, range(5)))\n"
        )
        out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, timeout=60)
        self.assertEqual(out.stdout.decode(), "[0, 1, 4, 9, 16]\n", out.stderr.decode())


class FaultTest(unittest.TestCase):
    def test_fatal_signal(self):
        code = "import faulthandler; faulthandler.enable()\ndef f(): faulthandler._sigsegv()\nf()"
        out = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(out.returncode, -11)
        self.assertIn(b"Fatal Python error: Segmentation fault", out.stderr)
        self.assertIn(b'File "<string>", line 2 in f\n  File "<string>", line 3 in <module>', out.stderr)

    def test_all_threads(self):
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        with tempfile.TemporaryFile() as f:
            faulthandler.dump_traceback(f)
            f.seek(0)
            text = f.read()
        stop.set()
        thread.join()
        self.assertEqual(text.count(b"most recent call first"), 2)
        self.assertIn(b"in test_all_threads", text)


class UuidTest(unittest.TestCase):
    def test_unique(self):
        made = [uuid.uuid1() for _ in range(1000)]
        self.assertEqual(len(set(made)), 1000)
        self.assertEqual({u.version for u in made}, {1})


if __name__ == "__main__":
    unittest.main()
