"""Interpreters, queues and channels from Python code, and warnings without the Python half."""
import _interpchannels
import _interpreters
import _warnings
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor

from outcomes import check


def calls():
    interpreter = interpreters.create()
    try:
        interpreter.exec("x = 7")
        interpreter.prepare_main(y=(1, "two", b"three", None, 4.5))
        return [
            interpreter.call(eval, "x"),
            interpreter.call(eval, "y"),
            interpreter.call(sorted, [3, 1, 2], reverse=True),
            interpreter.call(lambda: __import__("sys").flags.isolated),
            interpreter.is_running(),
        ]
    finally:
        interpreter.close()


def uncaught():
    interpreter = interpreters.create()
    try:
        interpreter.exec("1 / 0")
    except interpreters.ExecutionFailed as failed:
        return failed.excinfo.type.__name__, failed.excinfo.formatted
    finally:
        interpreter.close()


def not_shareable():
    interpreter = interpreters.create()
    try:
        interpreter.prepare_main(a=[1])
    finally:
        interpreter.close()


def closed():
    interpreter = interpreters.create()
    interpreter.close()
    number = interpreter.id
    try:
        interpreter.exec("")
    except interpreters.InterpreterNotFoundError as error:
        return str(error) == f"unrecognized interpreter ID {number}"


def queues():
    interpreter = interpreters.create()
    queue = interpreters.create_queue()
    interpreter.prepare_main(queue=queue)
    interpreter.exec("queue.put('from there'); queue.put([1, {'a': 2}])")
    first = queue.get(), queue.get()
    interpreter.exec("queue.put('lost')")
    interpreter.close()
    return first, queue.get() is interpreters._queues.UNBOUND, queue.empty()


def channels():
    channel = _interpchannels.create(3)
    _interpchannels.send(channel, (1, "a"), blocking=False)
    _interpchannels.send_buffer(channel, bytearray(b"memory"), blocking=False)
    received = _interpchannels.recv(channel)
    view, _ = _interpchannels.recv(channel)
    info = _interpchannels.get_info(channel)
    _interpchannels.release(channel)
    return received, bytes(view), info.num_interp_both, _interpchannels.get_info(channel).closed


def listed():
    first, second, third = [_interpchannels.create(1) for _ in range(3)]
    all_there = len(_interpchannels.list_all())
    _interpchannels.close(first, force=True)
    _interpchannels.release(second, send=True, recv=True)
    return all_there - len(_interpchannels.list_all())


def pool():
    with InterpreterPoolExecutor(2) as executor:
        return list(executor.map(pow, range(6), range(6)))


def configurations():
    number = _interpreters.create("isolated")
    config = _interpreters.get_config(number)
    _interpreters.destroy(number)
    return config.allow_fork, config.gil, _interpreters.new_config("empty").gil


def contradiction():
    return _interpreters.create(_interpreters.new_config("empty"))


def warnings_lock():
    _warnings._filters_mutated_lock_held()


def archive():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.zip")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("__main__.py", "import inner; print(inner.NAME, __name__)")
            file.writestr("inner.py", "NAME = 'inner'")
        return subprocess.run([sys.executable, path], capture_output=True, text=True).stdout


def command_lines():
    run = subprocess.run([sys.executable, "-c", "def f():\n    1 / 0\nf()"], capture_output=True, text=True)
    return [line.strip() for line in run.stderr.splitlines()][-5:]


INTERVALS = """
import sys
before = sys.getswitchinterval()
sys.setswitchinterval(0.5)
"""


def intervals():
    """The switch interval belongs to the GIL: one for interpreters that share it, another one for an own GIL."""
    seen = []
    sys.setswitchinterval(0.25)
    try:
        for gil in "own", "shared", "default":
            number = _interpreters.create(_interpreters.new_config("legacy", gil=gil))
            try:
                run = INTERVALS + "assert before == " + ("0.005" if gil == "own" else "0.25")
                seen.append((gil, _interpreters.run_string(number, run), sys.getswitchinterval()))
            finally:
                _interpreters.destroy(number)
            sys.setswitchinterval(0.25)
    finally:
        sys.setswitchinterval(0.005)
    return seen


SPIN = """
import time
start = time.monotonic()
while time.monotonic() - start < 0.3:
    pass
"""


def sharing():
    """While a thread runs in an interpreter of the same GIL, this one stands still for as long as the interval."""
    number = _interpreters.create("legacy")
    sys.setswitchinterval(10)
    try:
        thread = threading.Thread(target=_interpreters.run_string, args=(number, SPIN))
        pause, before = 0, time.monotonic()
        thread.start()
        while True:
            alive = thread.is_alive()
            time.sleep(0.001)
            pause, before = max(pause, time.monotonic() - before), time.monotonic()
            if not alive:
                break
        thread.join()
    finally:
        sys.setswitchinterval(0.005)
        _interpreters.destroy(number)
    return not sys._is_gil_enabled() or pause > 0.2


def many_shared():
    """Threads in interpreters of one GIL, and in some of their own: all come to their end."""
    configs = ["legacy", "isolated"] * 3
    numbers = [_interpreters.create(config) for config in configs]
    work = "import sys, gc\nsys.setswitchinterval(1e-4)\nfor i in range(300): x = [str(j) for j in range(50)]\ngc.collect()"
    failed = []
    threads = [threading.Thread(target=lambda n=n: failed.append(_interpreters.run_string(n, work))) for n in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in numbers:
        _interpreters.destroy(number)
    sys.setswitchinterval(0.005)
    return failed


def collected():
    """What the collector's module of an interpreter keeps goes with it."""
    number = _interpreters.create("isolated")
    made = _interpreters.run_string(number, "import gc\ngc.callbacks.append(lambda *_: 0)\ngc.garbage.append([1])\nkept = gc")
    _interpreters.destroy(number)
    return made


def references_to_static_types():
    """Weak references to the types that all interpreters share are each interpreter's own."""
    import types
    import weakref
    kept = [weakref.ref(types.TracebackType, lambda ref: None) for _ in range(10)]
    number = _interpreters.create("isolated")
    failed = _interpreters.exec(number, """if True:
        import types, weakref
        assert weakref.getweakrefcount(types.TracebackType) < 10
        assert weakref.ref(types.TracebackType) is weakref.ref(types.TracebackType)
    """)
    _interpreters.destroy(number)
    return failed, weakref.ref(int) is weakref.ref(int), set(kept) <= set(weakref.getweakrefs(types.TracebackType))


FUNCTIONS = {function.__name__: function for function in [
    calls, uncaught, not_shareable, closed, queues, channels, listed, pool, configurations, contradiction,
    warnings_lock, archive, command_lines, intervals, sharing, many_shared, collected,
    references_to_static_types,
]}

EXPECTED = [
    ("calls", "[7, (1, 'two', b'three', None, 4.5), [3, 2, 1], 0, False]"),
    ("uncaught", "('ZeroDivisionError', 'ZeroDivisionError: division by zero')"),
    ("not_shareable", "NotShareableError: [1] does not support cross-interpreter data"),
    ("closed", "True"),
    ("queues", "(('from there', [1, {'a': 2}]), True, True)"),
    ("channels", "(((1, 'a'), None), b'memory', 1, True)"),
    ("listed", "1"),
    ("pool", "[1, 1, 4, 27, 256, 3125]"),
    ("configurations", "(False, 'own', 'default')"),
    ("contradiction", "InterpreterError: interpreter creation failed"),
    ("warnings_lock", "RuntimeError: warnings lock is not held"),
    ("archive", "'inner __main__\\n'"),
    ("command_lines", "['~^^', 'File \"<string>\", line 2, in f', '1 / 0', '~~^~~', 'ZeroDivisionError: division by zero']"),
    ("intervals", "[('own', None, 0.25), ('shared', None, 0.5), ('default', None, 0.5)]"),
    ("sharing", "True"),
    ("many_shared", "[None, None, None, None, None, None]"),
    ("collected", "None"),
    ("references_to_static_types", "(None, True, True)"),
]

if __name__ == "__main__":
    check(FUNCTIONS, EXPECTED)
