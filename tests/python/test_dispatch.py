"""Each kind of instruction runs a hundred thousand times on a small stack: going on to the next one takes no room."""
import sys
import threading

COUNT = 100_000


class Plain:
    kind = 1

    def __init__(self, value=0):
        self.value = value

    def get(self):
        return self.value

    @property
    def twice(self):
        return self.value * 2

    def __getitem__(self, key):
        return key

    def __getattr__(self, name):
        return name

    def __enter__(self):
        return self

    def __exit__(self, *info):
        return True


class Slotted(Plain):
    __slots__ = ("slot",)

    def get(self):
        return super().get()


def hooks():
    plain = Plain(1)
    for i in range(COUNT):
        plain[i], plain.value, plain.missing, plain.get(), plain.kind, plain.twice
    for n, pair in enumerate(zip(range(COUNT), range(COUNT))):
        a, b = pair


def numbers():
    a, b, x, y, big = 3, 4, 1.5, 2.5, 1 << 70
    for i in range(COUNT):
        a + b, a - b, a * b, x + y, x - y, x * y, a / b, a // b, a % b, a & b, a | b, a ^ b, a << 1, a >> 1, x / a
        a + x, big + a, -a, ~a, +a, not a, a ** 2
        a < b, x < y, a == x, a != b, a is b, a in (1, 2), a not in (1, 2)
        a += 1
        a -= 1


def texts():
    text, part, n = "some text", "text", 5
    equal, other = "".join(["some", " text"]), "some texx"
    for i in range(COUNT):
        text == equal, text == other
        part in text, text == part, text + part, text[1], text[1:3], f"{n}{text!r:>10}", text.upper(), text < part
        if text and part:
            pass
    data = b"bytes"
    for i in range(COUNT):
        data[0], data[1:2], len(data)


def containers():
    items, pairs, table, names = [1, 2, 3], (1, 2), {1: 2, "a": 3}, {1, 2}
    for i in range(COUNT):
        items[1], pairs[0], table[1], table["a"], items[0:2], items[-1]
        items[0] = i
        table[1] = i
        items[0:1] = [i]
        [i, i], (i, i), {i: i}, {i}, [*items], {**table}, (*pairs, 1)
        a, b = pairs
        c, d, e = items
        f, *g = items
        1 in names, 1 in table, 1 in items
        items.append(i)
        items.pop()
        del table[1]
        table[1] = 1
        [j for j in pairs], {j for j in pairs}, {j: j for j in pairs}
        for j in items:
            pass
        for j in names:
            pass
        for j in table:
            pass
        while False:
            pass


def attributes():
    plain, slotted = Plain(), Slotted()
    slotted.slot = 1
    for i in range(COUNT):
        plain.value, plain.get(), plain.twice, Plain.kind, sys.maxsize, slotted.slot, slotted.get(), plain.kind
        plain.value = i
        slotted.slot = i
        plain.other = 1
        del plain.other
        plain.get
        Plain(1).value
        Plain(value=2)


def calls():
    def nothing():
        pass

    def several(a, b=2, *rest, c=3, **more):
        return a

    def outer(n):
        def inner():
            return n
        return inner

    global_value = 1
    args, named = (1, 2), {"c": 4}
    for i in range(COUNT):
        nothing()
        several(1)
        several(1, 2, 3, c=4, d=5)
        several(*args, **named)
        len(args), abs(-1), max(1, 2), isinstance(i, int), type(i), str(i), int("1"), print
        outer(i)()
        (lambda: i)()
        if i is None or global_value is not None:
            continue


def deep():
    """Calls of Python functions of any shape nest without the native stack."""
    def exact(n):
        return n and exact(n - 1)

    def default(n, k=1):
        return n and default(n - 1)

    def keyword(n, *, k=1):
        return n and keyword(n - 1, k=k)

    def spread(n, *rest, **named):
        return n and spread(n - 1, *rest, **named)

    class Node:
        def __init__(self, n):
            self.below = Node(n - 1) if n else None

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(30_000)
    try:
        for function in (exact, default, keyword, spread):
            assert function(20_000) == 0
        Node(5_000)
    finally:
        sys.setrecursionlimit(limit)


def generators():
    def count(n):
        got = None
        for i in range(n):
            got = yield i
        return got

    def passed(n):
        return (yield from count(n))

    total = 0
    for i in count(COUNT):
        total += i
    for i in passed(COUNT):
        total += i
    sum(i for i in range(COUNT))
    source = count(COUNT)
    next(source)
    for i in range(COUNT - 10):
        source.send(i)

    async def waiting():
        return 1

    async def main():
        for i in range(COUNT):
            await waiting()
        async for i in passing():
            pass
        async with Context():
            pass

    class Context:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *info):
            pass

    async def passing():
        for i in range(COUNT):
            yield i

    try:
        main().send(None)
    except StopIteration:
        pass


def exceptions():
    for i in range(COUNT):
        try:
            raise KeyError(i)
        except ValueError:
            pass
        except (KeyError, TypeError) as error:
            pass
        finally:
            i += 1
        with Plain() as plain:
            raise ValueError
        try:
            [][1]
        except* IndexError:
            pass
        assert True


def matching():
    for i in range(COUNT // 2):
        for subject in (1, [1, 2, 3], {"a": 1}, Plain(1), "x"):
            match subject:
                case 2:
                    pass
                case [a, *rest]:
                    pass
                case {"a": value, **rest}:
                    pass
                case Plain(value=1):
                    pass
                case _:
                    pass


def names():
    space = {"n": COUNT // 2}
    exec("""
i = 0
import sys
while i < n:
    i += 1
    import sys as other
    from sys import path
    class Made:
        x: int = i
        y = x
    def function(a: int = 1): ...
    del function
""", space)


def cells():
    value = 0

    def change():
        nonlocal value
        value += 1
        del value
        value = 1
    for i in range(COUNT):
        change()
        global shared
        shared = i
        shared


def traced():
    def work():
        n = 0
        for i in range(COUNT // 4):
            n += i
            if n and i is not None:
                n = len((n,))
        return n
    sys.settrace(lambda *event: None)
    sys.settrace(None)
    events = [0]

    def trace(frame, event, arg):
        events[0] += 1
        return trace
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    assert events[0] > COUNT // 4, events


failed = []


def run(kind):
    try:
        kind()
    except BaseException as error:
        failed.append((kind.__name__, repr(error)))


threading.stack_size(1 << 20)
kinds = [numbers, hooks, texts, containers, attributes, calls, deep, generators, exceptions, matching, names, cells, traced]
for kind in kinds:
    thread = threading.Thread(target=run, args=(kind,))
    thread.start()
    thread.join()
assert not failed, failed
print("test_dispatch: ok")
