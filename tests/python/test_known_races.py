"""Races that other free-threaded interpreters have had: no crash, no error, no lost answer. Also fine with a GIL."""
import _thread, functools, gc, os, subprocess, sys, threading, weakref

SECONDS = 0.4


def together(*functions):
    """Runs the functions over and over, each in a thread of its own; their exceptions fail the program."""
    over, errors = threading.Event(), []

    def run(function):
        try:
            while not over.is_set():
                function()
        except BaseException as error:
            errors.append((function.__name__, repr(error)))
            over.set()

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    over.wait(SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    assert not errors, errors


class Plain:
    pass


def dict_replaced():
    shared = Plain()
    shared.a = 1

    def replace():
        shared.__dict__ = {"a": 1}

    def read():
        assert shared.a == 1
        assert shared.__dict__["a"] == 1

    together(replace, read, read)


def sleeping_owner():
    made, drop = [], threading.Event()

    class Watched:
        pass

    def owner():
        made.extend(Watched() for _ in range(200))
        started.set()
        drop.wait()

    started = threading.Event()
    thread = threading.Thread(target=owner)
    thread.start()
    started.wait()
    watching = [weakref.ref(thing) for thing in made]
    made.clear()
    gc.collect()
    left = sum(ref() is not None for ref in watching)
    drop.set()
    thread.join()
    assert left == 0, f"{left} objects wait for their sleeping owner"


def bytes_of_another_thread():
    box = [b""]

    def grow():
        box[0] += b"x"
        if len(box[0]) > 200:
            box[0] = b""

    def read():
        assert set(box[0]) <= {120}

    together(grow, grow, read)


def resurrected():
    kept, lock = [], threading.Lock()

    class Phoenix:
        def __del__(self):
            with lock:
                kept.append(self)
                del kept[:-3]

    def make():
        thing = Phoenix()
        ref = weakref.ref(thing)
        del thing
        ref()

    def look():
        with lock:
            things = list(kept)
        for thing in things:
            assert type(thing) is Phoenix

    together(make, make, look)


def interned():
    def intern():
        for n in range(50):
            name = "".join(["name", str(n)])
            assert sys.intern(name) is sys.intern("name" + str(n))

    together(intern, intern, intern)


def class_changes():
    class Base:
        value = 0

    class Derived(Base):
        pass

    thing = Derived()

    def change():
        Base.value = [1]
        Base.__len__ = lambda self: 3
        del Base.__len__
        Base.value = 0

    def read():
        assert thing.value in (0, [1])
        try:
            assert len(thing) == 3
        except (TypeError, AttributeError):
            # The slot is there, and the method has just gone; so it is with the reference.
            pass

    together(change, read, read)


def weak_references():
    box = [Plain()]

    def replace():
        box[0] = Plain()

    def watch():
        thing = box[0]
        refs = [weakref.ref(thing), weakref.ref(thing, lambda ref: None), weakref.proxy(thing)]
        weakref.getweakrefs(thing)
        weakref.getweakrefcount(thing)
        assert refs[0]() is thing
        del thing
        for _ in range(3):
            found = refs[0]()
            assert found is None or type(found) is Plain

    called = []

    def collect():
        one, two = Plain(), Plain()
        one.other, two.other = two, one
        one.ref = weakref.ref(two, called.append)
        del one, two
        gc.collect(0)

    together(replace, watch, watch, collect)
    assert not called, "the callback of garbage was called"


def list_shifts():
    shared = [object() for _ in range(20)]

    def shift():
        shared.insert(0, shared.pop())
        shared.extend([None, None])
        del shared[-2:]

    def read():
        for index in range(25):
            try:
                shared[index]
            except IndexError:
                pass
        list(shared), shared[2:9], len(shared)

    together(shift, read, read)


def cached_function():
    @functools.lru_cache(maxsize=8)
    def square(n):
        return n * n

    def call():
        for n in range(12):
            assert square(n) == n * n

    def clear():
        square.cache_clear()
        info = square.cache_info()
        assert 0 <= info.currsize <= 8

    together(call, call, clear)


def collector_is_asked():
    def work():
        things = [Plain() for _ in range(20)]
        for thing in things:
            thing.me = thing

    def ask():
        assert len(gc.get_count()) == 3
        assert len(gc.get_objects()) > 0
        gc.get_referrers(Plain)
        gc.get_stats()

    together(work, gc.collect, ask)


def daemons_at_exit():
    program = (
        "import threading\n"
        "def spin():\n"
        "    things = []\n"
        "    while True:\n"
        "        things = [object() for _ in range(50)]\n"
        "for _ in range(3): threading.Thread(target=spin, daemon=True).start()\n"
        "print('end')\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "end\n"), done


def forked_child():
    if not hasattr(os, "fork"):
        return
    lock, over = threading.Lock(), threading.Event()

    def busy():
        while not over.is_set():
            with lock:
                weakref.ref(Plain())
            {"a": 1}.copy()

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    import warnings

    warnings.simplefilter("ignore")
    for _ in range(10):
        child = os.fork()
        if child == 0:
            things = [Plain() for _ in range(100)]
            refs = [weakref.ref(thing) for thing in things]
            del things
            started = _thread.allocate_lock()
            started.acquire()
            _thread.start_new_thread(started.release, ())
            started.acquire()
            os._exit(0 if all(ref() is None for ref in refs) else 3)
        assert os.waitpid(child, 0)[1] == 0
    over.set()
    for thread in threads:
        thread.join()


for test in (
    dict_replaced, sleeping_owner, bytes_of_another_thread, resurrected, interned, class_changes, weak_references,
    list_shifts, cached_function, collector_is_asked, daemons_at_exit, forked_child,
):
    test()
