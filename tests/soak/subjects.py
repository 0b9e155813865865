"""What `soak.py` lets many threads change at once.

A subject is made for one round. `mutate` is called by all workers, each with its own number `me`; `watch` and `load` by
one thread each at the same time; `check` when all have ended. What a worker counts lies in its own entry of a list that
nobody else writes, so the counts themselves cannot be lost.
"""

import collections
import contextvars
import functools
import gc
import heapq
import importlib
import itertools
import os
import queue
import sys
import threading
import weakref

STRIDE = 10**9


def expect(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: found {str(found)[:300]}, expected {str(wanted)[:300]}")


def expect_same_items(found, wanted, what):
    """Compares as multisets and tells how many are missing, too many and where."""
    found, wanted = collections.Counter(found), collections.Counter(wanted)
    if found != wanted:
        missing, extra = list((wanted - found).elements()), list((found - wanted).elements())
        raise AssertionError(f"{what}: {len(missing)} lost {missing[:5]}, {len(extra)} too many {extra[:5]}")


class Subject:
    def __init__(self, threads, folder):
        self.threads = threads
        self.folder = folder
        self.made = [0] * threads
        self.mine = [[] for _ in range(threads)]
        self.setup()

    def setup(self):
        pass

    def fresh(self, me):
        """A value that no other thread makes and this one makes once."""
        self.made[me] += 1
        return me * STRIDE + self.made[me]

    def all_made(self):
        return (me * STRIDE + n for me in range(self.threads) for n in range(1, self.made[me] + 1))

    def all_mine(self):
        return itertools.chain.from_iterable(self.mine)

    def watch(self):
        pass

    def load(self):
        pass

    def check(self):
        pass


class ListEnds(Subject):
    """append, extend, insert, pop: each value is in the list or was popped once."""

    def setup(self):
        self.list = []

    def mutate(self, me, rng):
        pick = rng.random()
        if pick < 0.5 or len(self.list) < 10:
            self.list.append(self.fresh(me))
        elif pick < 0.6:
            self.list.extend([self.fresh(me), self.fresh(me), self.fresh(me)])
        elif pick < 0.65:
            self.list.insert(0, self.fresh(me))
        elif pick < 0.7:
            self.list += (self.fresh(me),)
        else:
            try:
                self.mine[me].append(self.list.pop(0 if pick < 0.75 else -1))
            except IndexError:
                pass
        if len(self.list) > 3000:
            taken = self.list[:]
            for value in taken[:1000]:
                try:
                    self.list.remove(value)
                except ValueError:
                    continue
                self.mine[me].append(value)

    def watch(self):
        for value in self.list:
            assert type(value) is int
        for value in reversed(self.list):
            assert type(value) is int
        assert all(type(value) is int for value in self.list[2:-2])
        len(self.list), sum(self.list.copy()), -1 in self.list, self.list == [1], repr(self.list)[:10]
        try:
            self.list[0], self.list[-1], self.list[len(self.list) // 2]
        except IndexError:
            pass

    def check(self):
        expect_same_items(itertools.chain(self.list, self.all_mine()), self.all_made(), "values of the list")


class ListItems(Subject):
    """Stores of items at own places, while the list is read, reversed twice and sorted elsewhere."""

    WIDTH = 50

    def setup(self):
        self.list = [[me, 0] for me in range(self.threads) for _ in range(self.WIDTH)]
        self.other = list(range(200))

    def mutate(self, me, rng):
        place = me * self.WIDTH + rng.randrange(self.WIDTH)
        old = self.list[place]
        self.list[place] = [me, old[1] + 1]
        self.made[me] += 1
        if self.made[me] % 20 == 0:
            self.other.sort(key=lambda value: value % 17)
            self.other.reverse()

    def watch(self):
        for owner, count in self.list:
            assert 0 <= owner < self.threads and count >= 0
        for value in self.other:
            assert 0 <= value < 200

    def check(self):
        for me in range(self.threads):
            entries = self.list[me * self.WIDTH:(me + 1) * self.WIDTH]
            expect({owner for owner, _ in entries}, {me}, "owners of items")
            expect(sum(count for _, count in entries), self.made[me], "stores of items")
        expect_same_items(self.other, range(200), "sorted list")


class Heaps(Subject):
    """Heap functions: each value is in the heap or came out once, and the list stays a heap."""

    def setup(self):
        self.heap = []

    def mutate(self, me, rng):
        pick = rng.random()
        value = (rng.randrange(1000), self.fresh(me)) if pick < 0.75 else None
        if pick < 0.5 or len(self.heap) < 10:
            if value is not None:
                heapq.heappush(self.heap, value)
            return
        try:
            if pick < 0.65:
                self.mine[me].append(heapq.heappushpop(self.heap, value)[1])
            elif value is not None:
                taken, value = heapq.heapreplace(self.heap, value), None
                self.mine[me].append(taken[1])
            else:
                for _ in range(3):
                    self.mine[me].append(heapq.heappop(self.heap)[1])
        except IndexError:
            if value is not None:
                heapq.heappush(self.heap, value)

    def watch(self):
        for rank, value in self.heap:
            assert type(rank) is int and type(value) is int

    def check(self):
        heap = self.heap
        assert all(heap[(at - 1) // 2] <= heap[at] for at in range(1, len(heap))), "the list is no heap any more"
        found = itertools.chain((value for _, value in heap), self.all_mine())
        expect_same_items(found, self.all_made(), "heap")


class DictKeys(Subject):
    """Stores and deletions of own keys of one dict."""

    def setup(self):
        self.dict = {}
        self.kept = [{} for _ in range(self.threads)]

    def key(self, me, n):
        return [n * 64 + me, f"{me}-{n}", (me, n), n * 64.0 + me + 0.5][n % 4]

    def mutate(self, me, rng):
        kept = self.kept[me]
        key = self.key(me, rng.randrange(200))
        pick = rng.random()
        if pick < 0.5:
            self.dict[key] = kept[key] = value = self.fresh(me)
            expect(self.dict[key], value, "value just stored")
        elif pick < 0.6:
            value = self.fresh(me)
            self.dict.update({key: value})
            kept[key] = value
        elif pick < 0.65:
            value = self.fresh(me)
            self.dict |= {key: value}
            kept[key] = value
        elif pick < 0.8:
            expect(self.dict.pop(key, None), kept.pop(key, None), "popped value")
        elif key in kept:
            del self.dict[key]
            del kept[key]
        expect(self.dict.get(key), kept.get(key), "value of an own key")
        expect(key in self.dict, key in kept, "presence of an own key")

    def watch(self):
        for step in (self.dict, self.dict.items(), reversed(self.dict), self.dict.values()):
            try:
                for _ in step:
                    pass
            except RuntimeError as error:
                assert "changed" in str(error), error
        list(self.dict), list(self.dict.items()), self.dict.copy(), len(self.dict), dict(self.dict), repr(self.dict)
        {**self.dict}

    def check(self):
        wanted = {}
        for kept in self.kept:
            wanted.update(kept)
        expect(self.dict, wanted, "dict")
        expect(len(list(self.dict)), len(self.dict), "length of the dict")


class DictRaces(Subject):
    """All threads race for the same keys: setdefault has one winner, pop and popitem give a value to one thread."""

    def setup(self):
        self.agreed = {}
        self.seen = [{} for _ in range(self.threads)]
        self.pool = {}

    def mutate(self, me, rng):
        key = rng.choice((1, "k")) * rng.randrange(1, 60)
        mine = (me, self.made[me])
        found = self.agreed.setdefault(key, mine)
        before = self.seen[me].setdefault(key, found)
        expect(found, before, "setdefault")
        value = self.fresh(me)
        self.pool[value % 97 * STRIDE + value] = value
        try:
            taken = self.pool.popitem()[1] if rng.random() < 0.5 else self.pool.pop(next(iter(self.pool)))
        except (KeyError, RuntimeError, StopIteration):
            return
        self.mine[me].append(taken)

    def watch(self):
        for key, value in list(self.agreed.items()):
            assert type(value) is tuple
            assert self.agreed[key] is value
        list(self.pool.values())

    def check(self):
        for seen in self.seen:
            for key, value in seen.items():
                expect(value, self.agreed[key], "setdefault's winner")
        expect_same_items(itertools.chain(self.pool.values(), self.all_mine()), self.all_made(), "values of the dict")


class Sets(Subject):
    """add of own values, remove of shared ones by one thread each, pop."""

    def setup(self):
        self.own = set()
        self.kept = [set() for _ in range(self.threads)]
        self.pool = set()

    def mutate(self, me, rng):
        value = rng.randrange(100) * 64 + me
        kept = self.kept[me]
        if rng.random() < 0.6:
            self.own.add(value)
            kept.add(value)
        elif rng.random() < 0.5:
            self.own.discard(value)
            kept.discard(value)
        elif value in kept:
            self.own.remove(value)
            kept.remove(value)
        else:
            self.own |= {value}
            kept.add(value)
        expect(value in self.own, value in kept, "presence of an own value")
        self.pool.add(self.fresh(me))
        try:
            self.mine[me].append(self.pool.pop())
        except KeyError:
            pass

    def watch(self):
        try:
            for _ in self.own:
                pass
        except RuntimeError as error:
            assert "changed" in str(error), error
        frozenset(self.own), self.own | self.pool, self.own & {1, 2}, self.own - {3}, self.own ^ {4}, sorted(self.own)
        self.own == self.pool, self.own <= self.pool, len(self.own), self.own.copy(), {3} < self.own, hash(frozenset(self.own))

    def check(self):
        expect(self.own, set().union(*self.kept), "set")
        expect(len(list(self.own)), len(self.own), "length of the set")
        expect_same_items(itertools.chain(self.pool, self.all_mine()), self.all_made(), "values of the set")


class Deques(Subject):
    """append and popleft on a deque; rotate and iteration."""

    def setup(self):
        self.deque = collections.deque()
        self.bounded = collections.deque(maxlen=10)

    def mutate(self, me, rng):
        pick = rng.random()
        if pick < 0.3:
            self.deque.append(self.fresh(me))
        elif pick < 0.45:
            self.deque.appendleft(self.fresh(me))
        elif pick < 0.55:
            self.deque.extend((self.fresh(me), self.fresh(me)))
        elif pick < 0.6:
            self.deque.rotate(rng.randrange(-3, 4))
        else:
            try:
                self.mine[me].append(self.deque.pop() if pick < 0.8 else self.deque.popleft())
            except IndexError:
                pass
        self.bounded.append(me)

    def watch(self):
        for deque in (self.deque, self.bounded):
            try:
                for value in deque:
                    assert type(value) is int
            except RuntimeError as error:
                assert "mutated" in str(error), error
        self.deque.copy(), len(self.deque)

    def check(self):
        expect_same_items(itertools.chain(self.deque, self.all_mine()), self.all_made(), "values of the deque")
        assert len(self.bounded) <= 10


class Plain:
    shared = 0

    def method(self):
        return self


class Slotted:
    __slots__ = tuple(f"slot{n}" for n in range(16)) + ("__weakref__",)


class Attributes(Subject):
    """Stores and deletions of own attributes of shared instances: in place, in a dict, in slots."""

    def setup(self):
        self.few, self.many, self.slotted = Plain(), Plain(), Slotted()
        self.kept = [{} for _ in range(self.threads)]

    def mutate(self, me, rng):
        kept = self.kept[me]
        n = rng.randrange(2)
        few, many, slot = f"few{me}_{n}", f"many{me}_{rng.randrange(40)}", f"slot{(me * 2 + n) % 16}"
        for target, name in ((self.few, few), (self.many, many)) + (((self.slotted, slot),) if me < 8 else ()):
            if rng.random() < 0.7:
                value = self.fresh(me)
                setattr(target, name, value)
                kept[name] = value
            elif name in kept:
                delattr(target, name)
                del kept[name]
            expect(getattr(target, name, None), kept.get(name), f"attribute {name}")
        self.few.common = [me]
        assert type(self.few.common) is list
        if rng.random() < 0.02:
            name = f"item{me}"
            self.many.__dict__[name] = kept[name] = self.fresh(me)
            expect(getattr(self.many, name), kept[name], "attribute stored in __dict__")

    def watch(self):
        vars(self.many).copy(), list(vars(self.few)), dir(self.slotted), self.few.method().shared
        getattr(self.few, "common", None)
        for name in Slotted.__slots__:
            getattr(self.slotted, name, None)

    def check(self):
        for kept in self.kept:
            for name, value in kept.items():
                target = self.few if name.startswith("few") else self.slotted if name.startswith("slot") else self.many
                expect(getattr(target, name), value, f"attribute {name}")
        found = len(vars(self.few).keys() - {"common"}) + len(vars(self.many))
        expect(found, sum(not n.startswith("slot") for k in self.kept for n in k), "number of attributes")


class FreshInstances(Subject):
    """Instances that are published at once, and filled by whoever sees them."""

    def setup(self):
        self.current = Plain()

    def mutate(self, me, rng):
        if rng.random() < 0.1:
            self.current = Plain()
        target = self.current
        name = f"a{me}"
        value = self.fresh(me)
        setattr(target, name, value)
        expect(getattr(target, name), value, "attribute of a fresh instance")
        if rng.random() < 0.1:
            expect(vars(target)[name], value, "attribute in the dict of a fresh instance")
        if rng.random() < 0.3:
            delattr(target, name)
            assert name not in vars(target)

    def watch(self):
        for _ in range(5):
            for value in list(vars(self.current).values()):
                assert type(value) is int


class DictSwaps(Subject):
    """The `__dict__` of a shared instance is replaced while others use the old one."""

    def setup(self):
        self.target = Plain()
        self.dicts = [{f"a{n}": n for n in range(self.threads)} for _ in range(3)]

    def mutate(self, me, rng):
        pick = rng.random()
        if pick < 0.1:
            self.target.__dict__ = rng.choice(self.dicts)
        elif pick < 0.2:
            self.target.__dict__ = {f"a{n}": n for n in range(self.threads)}
        elif pick < 0.3:
            self.target = Plain()
        name = f"a{me}"
        setattr(self.target, name, me)
        assert getattr(self.target, name, me) == me
        assert vars(self.target).get(name, me) == me

    def watch(self):
        for name, value in list(vars(self.target).items()):
            expect(name, f"a{value}", "attribute of a replaced dict")

    def check(self):
        for space in (*self.dicts, vars(self.target)):
            for name, value in space.items():
                expect(name, f"a{value}", "attribute of a replaced dict")


class ClassAttributes(Subject):
    """Class attributes and methods change while instances are used; classes come and go."""

    def setup(self):
        class Base:
            level = 0

            def run(self):
                return "base"

            @property
            def size(self):
                return 1

        class Derived(Base):
            pass

        self.base, self.derived = Base, Derived
        self.instance = Derived()
        self.kept = [{} for _ in range(self.threads)]

    def mutate(self, me, rng):
        cls = rng.choice((self.base, self.derived))
        name = f"c{me}_{cls.__name__}"
        kept = self.kept[me]
        if rng.random() < 0.7:
            value = self.fresh(me)
            setattr(cls, name, value)
            kept[name] = (cls, value)
            expect(getattr(self.instance, name), value, "class attribute through an instance")
        elif name in kept:
            delattr(cls, name)
            del kept[name]
            assert not hasattr(self.instance, name)
        pick = rng.random()
        if pick < 0.1:
            self.base.run = lambda self: "other"
        elif pick < 0.15:
            self.derived.__len__ = lambda self: me
        elif pick < 0.25:
            child = type(f"Child{me}", (self.derived,), {"own": me})
            assert child().own == me and child().run() in ("base", "other")
            child.__hash__ = lambda self: 7
            assert hash(child()) == 7
        assert self.instance.run() in ("base", "other")
        assert self.instance.size == 1
        self.base.level = me
        assert self.instance.level in range(self.threads)

    def watch(self):
        for cls in (self.base, self.derived):
            cls.__dict__.copy(), cls.__mro__, dir(cls)
        for child in self.derived.__subclasses__():
            assert issubclass(child, self.base)
        try:
            len(self.instance)
        except TypeError:
            pass

    def check(self):
        for kept in self.kept:
            for name, (cls, value) in kept.items():
                expect(vars(cls)[name], value, f"class attribute {name}")
        gc.collect()
        expect(self.derived.__subclasses__(), [], "classes left")


class ClassSwaps(Subject):
    """`__class__` of a shared instance and `__bases__` of a class change."""

    class One:
        kind = 1

        def get(self):
            return self.kind

    class Two:
        kind = 2

        def get(self):
            return self.kind

    def setup(self):
        self.instance = self.One()
        self.derived = type("Derived", (self.One,), {})

    def mutate(self, me, rng):
        self.instance.__class__ = rng.choice((self.One, self.Two))
        assert self.instance.get() in (1, 2)
        assert type(self.instance) in (self.One, self.Two)
        if rng.random() < 0.2:
            self.derived.__bases__ = (rng.choice((self.One, self.Two)),)
        assert self.derived.kind in (1, 2)
        assert self.derived().get() in (1, 2)

    def check(self):
        self.derived.__bases__ = (self.One,)


class Strings(Subject):
    """Strings of all kinds are made, joined, hashed and interned; equal interned strings are one object."""

    PIECES = ("a", "é", "Ω", "𝄞", "abc", "")

    def setup(self):
        self.parts = [self.PIECES[0]] * 20
        self.interned = [{} for _ in range(self.threads)]
        self.shared = "x" * 50 + "é"

    def mutate(self, me, rng):
        self.parts[rng.randrange(20)] = rng.choice(self.PIECES)
        text = "".join(self.parts)
        assert text.encode().decode() == text
        text += str(me)
        text += "end"
        assert text.endswith("end")
        name = f"soak{rng.randrange(300)}"
        one = sys.intern(name + "_" + name)
        before = self.interned[me].setdefault(one, one)
        assert before is one
        assert hash(self.shared + "y") == hash(self.shared + "y")
        assert f"{self.shared:>60}"[-1] == "é"

    def watch(self):
        "".join(list(self.parts)).upper().split("A")

    def check(self):
        for interned in self.interned:
            for text in interned:
                assert sys.intern(str(text)) is sys.intern(text)


class ByteArrays(Subject):
    """append to a bytearray, and item stores at own places; views of it."""

    def setup(self):
        self.array = bytearray()
        self.places = bytearray(self.threads)

    def mutate(self, me, rng):
        try:
            self.array.append(me)
            self.made[me] += 1
        except BufferError:
            pass
        self.places[me] = value = rng.randrange(256)
        expect(self.places[me], value, "byte just stored")

    def watch(self):
        bytes(self.array)[:5], len(self.array), self.array.find(b"\x00\x01")
        with memoryview(self.array) as view:
            view[:3].tobytes()

    def check(self):
        counts = collections.Counter(self.array)
        expect([counts[me] for me in range(self.threads)], self.made, "appended bytes")


class Iterators(Subject):
    """Shared iterators: a generator and a counter give each value once; the others neither crash nor invent."""

    def setup(self):
        self.count = itertools.count()
        self.generator = self.generate()
        self.busy = [0] * self.threads
        self.from_generator = [[] for _ in range(self.threads)]
        self.renew()

    def generate(self):
        n = 0
        while True:
            yield n
            n += 1

    def renew(self):
        self.others = [iter(range(100)), iter([5] * 100), iter(dict.fromkeys(range(100), 1)), iter((1, 2, 3) * 30),
                       enumerate([0] * 100), zip(range(100), [1] * 100), map(abs, [1] * 100), itertools.chain([1] * 50, [2] * 50),
                       itertools.cycle([1, 2]), itertools.islice(range(100), 50), reversed([1] * 100), iter("aé" * 50),
                       itertools.accumulate([1] * 50), itertools.repeat(1, 50), itertools.product((1, 2), (3, 4)),
                       itertools.combinations(range(5), 3), itertools.permutations(range(4)), iter({1, 2, 3}), iter(b"abc" * 30),
                       itertools.zip_longest((1, 2), (3,)), itertools.batched(range(100), 3), itertools.pairwise(range(50)),
                       filter(None, [1, 0] * 50), itertools.groupby([1, 1, 2] * 9), *itertools.tee(range(100))]

    def mutate(self, me, rng):
        self.mine[me].append(next(self.count))
        try:
            self.from_generator[me].append(next(self.generator))
        except ValueError as error:
            assert "already executing" in str(error), error
            self.busy[me] += 1
        try:
            next(rng.choice(self.others))
        except (StopIteration, RuntimeError):
            pass
        if rng.random() < 0.01:
            self.renew()

    def check(self):
        given = sorted(self.all_mine())
        expect(given, list(range(len(given))), "values of itertools.count")
        given = sorted(itertools.chain.from_iterable(self.from_generator))
        expect(given, list(range(len(given))), "values of the generator")


class Generators(Subject):
    """Generators, coroutines and exceptions that each thread makes, ends and leaves to be closed."""

    def setup(self):
        self.closed = [0] * self.threads
        self.opened = [0] * self.threads
        self.left = []

    def walk(self, me, depth):
        try:
            yield depth
            if depth:
                yield from self.walk(me, depth - 1)
        finally:
            self.mine[me].append(depth)

    async def answer(self, value):
        return value

    def mutate(self, me, rng):
        depth = rng.randrange(5)
        expect(list(self.walk(me, depth)), list(range(depth, -1, -1)), "values of a generator")
        self.opened[me] += depth + 1
        walk = self.walk(me, 2)
        next(walk)
        self.opened[me] += 1
        walk.close()
        try:
            self.answer(me).send(None)
        except StopIteration as stop:
            expect(stop.value, me, "result of a coroutine")
        try:
            try:
                raise KeyError(me)
            except KeyError as error:
                raise ValueError(me) from error
        except ValueError as error:
            expect(error.__cause__.args, (me,), "cause")
            if rng.random() < 0.1:
                self.left.append(error)
        if len(self.left) > 50:
            self.left.clear()

    def watch(self):
        for error in list(self.left):
            tb = error.__traceback__
            while tb is not None:
                tb.tb_lineno, tb.tb_frame.f_locals
                tb = tb.tb_next

    def check(self):
        expect([len(mine) for mine in self.mine], self.opened, "generators ended")


class Closures(Subject):
    """Cells and globals that all threads write; a counter under a lock that loses nothing."""

    def setup(self):
        value = (0, 0)
        total = 0
        lock = threading.Lock()
        rlock = threading.RLock()

        def put(me, n):
            nonlocal value
            value = (me, me + n)

        def get():
            return value

        def add():
            nonlocal total
            with lock:
                total += 1

        def add_twice():
            nonlocal total
            with rlock, rlock, lock:
                total += 2

        self.put, self.get, self.add, self.add_twice, self.total = put, get, add, add_twice, lambda: total

    def mutate(self, me, rng):
        global written
        self.put(me, 7)
        owner, seven = self.get()
        expect(seven, owner + 7, "value of a cell")
        self.add()
        self.add_twice()
        self.made[me] += 3
        written = [me]
        assert type(written) is list
        globals()[f"soak_global_{me}"] = written
        def inner(a=me, *, b=owner):
            return a, b, me
        expect(inner(), (me, owner, me), "defaults and closure")
        inner.__defaults__ = (5,)
        expect(inner()[0], 5, "changed default")

    def check(self):
        expect(self.total(), sum(self.made), "counter under locks")
        for name in [name for name in globals() if name.startswith("soak_global_")]:
            del globals()[name]


written = None


class WeakRefs(Subject):
    """Weak references to objects that die elsewhere: each callback runs once."""

    def setup(self):
        self.called = [[] for _ in range(self.threads)]
        self.waiting = [{} for _ in range(self.threads)]
        self.shared = [Plain() for _ in range(10)]
        self.values = weakref.WeakValueDictionary()
        self.keys = weakref.WeakKeyDictionary()
        self.set = weakref.WeakSet()

    def mutate(self, me, rng):
        target = Plain()
        calls, waiting = self.called[me], self.waiting[me]
        ref = weakref.ref(target, lambda ref: calls.append(id(ref)))
        waiting[id(ref)] = ref
        if rng.random() < 0.3:
            target.cycle = target
        place = rng.randrange(10)
        self.values[place] = target
        self.keys[target] = me
        self.set.add(target)
        self.shared[place] = target
        del target
        alive = ref()
        assert alive is None or type(alive) is Plain
        other = weakref.ref(self.shared[rng.randrange(10)])
        alive = other()
        assert alive is None or type(alive) is Plain
        # A reference must be kept until its callback has run, else it never does.
        while calls:
            del waiting[calls.pop()]

    def watch(self):
        for source in (self.values.values, self.keys.keys, self.set.copy):
            try:
                for value in source():
                    assert type(value) is Plain
            except RuntimeError as error:
                assert "changed" in str(error), error

    def check(self):
        self.shared.clear()
        gc.collect()
        gc.collect()
        for calls, waiting in zip(self.called, self.waiting):
            expect_same_items(calls, list(waiting), "callbacks of weak references")
        expect((len(self.values), len(self.keys), len(self.set)), (0, 0, 0), "entries of weak containers")


class Finalizers(Subject):
    """Objects with `__del__`, some in cycles, dropped by any thread: each is finalized once."""

    class Watched:
        def __init__(self, calls):
            self.calls = calls

        def __del__(self):
            self.calls.append(1)

    def setup(self):
        self.calls = []
        self.hand_over = [None] * 20

    def mutate(self, me, rng):
        one, two = self.Watched(self.calls), self.Watched(self.calls)
        self.made[me] += 2
        if rng.random() < 0.5:
            one.other, two.other = two, one
        self.hand_over[rng.randrange(20)] = one
        self.hand_over[rng.randrange(20)] = two

    def check(self):
        self.hand_over.clear()
        gc.collect()
        gc.collect()
        expect(len(self.calls), sum(self.made), "finalizers run")


class Queues(Subject):
    """queue.SimpleQueue and queue.Queue give each item to one thread."""

    def setup(self):
        self.simple, self.full = queue.SimpleQueue(), queue.Queue()

    def mutate(self, me, rng):
        self.simple.put(self.fresh(me))
        self.full.put(self.fresh(me))
        for source in (self.simple, self.full):
            if rng.random() < 0.9:
                try:
                    self.mine[me].append(source.get_nowait() if rng.random() < 0.9 else source.get(timeout=0.001))
                except queue.Empty:
                    pass

    def watch(self):
        self.simple.qsize(), self.full.empty()

    def check(self):
        left = []
        for source in (self.simple, self.full):
            while not source.empty():
                left.append(source.get_nowait())
        expect_same_items(itertools.chain(left, self.all_mine()), self.all_made(), "items of the queues")


class Locks(Subject):
    """A semaphore, a condition and an event keep their promises."""

    def setup(self):
        self.semaphore = threading.Semaphore(3)
        self.inside = []
        self.condition = threading.Condition()
        self.tokens = 0
        self.event = threading.Event()

    def mutate(self, me, rng):
        with self.semaphore:
            self.inside.append(me)
            assert 0 < len(self.inside) <= 3
            self.inside.pop()
        with self.condition:
            if self.tokens and rng.random() < 0.5:
                self.tokens -= 1
                self.made[me] -= 1
            else:
                self.tokens += 1
                self.made[me] += 1
                self.condition.notify()
        if rng.random() < 0.05:
            with self.condition:
                self.condition.wait(0.0005)
        self.event.set()
        assert self.event.wait(0) in (True, False)
        self.event.clear()

    def check(self):
        expect(self.tokens, sum(self.made), "tokens under a condition")
        expect(self.inside, [], "threads in the semaphore")


class Caches(Subject):
    """lru_cache, cached_property, OrderedDict, defaultdict, ChainMap and partial objects in many hands."""

    class Holder:
        @functools.cached_property
        def value(self):
            return [1, 2]

    def setup(self):
        @functools.lru_cache(maxsize=30)
        def square(n):
            return n * n

        @functools.cache
        def double(n):
            return [n, n]

        self.square, self.double = square, double
        self.ordered = collections.OrderedDict()
        self.default = collections.defaultdict(list)
        self.kept = [{} for _ in range(self.threads)]
        self.holder = self.Holder()
        self.partial = functools.partial(max, 3)

    def mutate(self, me, rng):
        n = rng.randrange(60)
        expect(self.square(n), n * n, "cached square")
        expect(self.double(n), [n, n], "cached pair")
        key = n * 64 + me
        kept = self.kept[me]
        if rng.random() < 0.7:
            self.ordered[key] = kept[key] = n
        elif key in kept:
            expect(self.ordered.pop(key), kept.pop(key), "value of the OrderedDict")
        if key in kept and rng.random() < 0.3:
            self.ordered.move_to_end(key, last=rng.random() < 0.5)
        self.default[me].append(n)
        self.made[me] += 1
        if rng.random() < 0.05:
            self.holder = self.Holder()
        expect(self.holder.value, [1, 2], "cached property")
        expect(self.partial(n), max(3, n), "partial")
        if rng.random() < 0.01:
            self.square.cache_clear()

    def watch(self):
        info = self.square.cache_info()
        assert info.currsize <= 30
        try:
            for _ in self.ordered:
                pass
        except (RuntimeError, KeyError):
            pass
        list(self.default)

    def check(self):
        wanted = {}
        for kept in self.kept:
            wanted.update(kept)
        expect(dict(self.ordered), wanted, "OrderedDict")
        expect_same_items(list(self.ordered), list(wanted), "order of the OrderedDict")
        expect([len(self.default[me]) for me in range(self.threads)], self.made, "lists of the defaultdict")


class Locals(Subject):
    """threading.local and context variables keep the threads apart."""

    def setup(self):
        self.local = threading.local()
        self.variable = contextvars.ContextVar("soak", default=None)
        self.died = []

    def mutate(self, me, rng):
        last = getattr(self.local, "value", None)
        expect(last, self.made[me] or None, "thread-local value")
        self.made[me] += 1
        self.local.value = self.made[me]
        expect(self.variable.get(), last, "context variable")
        self.variable.set(self.made[me])
        context = contextvars.copy_context()
        expect(context.run(self.variable.get), self.made[me], "copied context")
        if rng.random() < 0.002:
            died = self.died

            def short():
                self.local.value = Plain()
                weakref.finalize(self.local.value, died.append, 1)
                self.mine[me].append(1)

            thread = threading.Thread(target=short)
            thread.start()
            thread.join()

    def check(self):
        gc.collect()
        expect(len(self.died), len(list(self.all_mine())), "thread-local values that died with their threads")


class Modules(Subject):
    """Modules that all threads import at the same time are run once; one thread reloads others."""

    serial = itertools.count()

    def setup(self):
        self.prefix = f"soak_module_{os.getpid()}_{next(self.serial)}"
        self.files = 0
        self.reloaded = None
        self.loads = 0
        self.limit = 4

    def name(self, n):
        return f"{self.prefix}_{n}"

    def load(self):
        if self.files < self.limit:
            name = self.name(self.files)
            with open(os.path.join(self.folder, name + ".py"), "w") as file:
                file.write("import itertools\nstate = []\nfor n in range(100):\n    state.append(n)\n"
                           "class Loaded:\n    x = state\n    def f(self): return [y for y in self.x]\nready = True\n")
            importlib.invalidate_caches()
            self.files += 1
        if self.reloaded is None:
            self.reloaded = importlib.import_module(self.name(0))
        module = importlib.reload(self.reloaded)
        assert module is self.reloaded and len(module.state) <= 100
        self.loads += 1
        sys.modules.pop("this_is_not_there", None)
        if self.loads % 10 == 0:
            for name in ("colorsys", "nturl2path", "stringprep"):
                sys.modules.pop(name, None)
                importlib.import_module(name)

    def mutate(self, me, rng):
        if not self.files:
            return
        n = rng.randrange(self.files)
        module = importlib.import_module(self.name(n))
        assert module.ready
        if n:
            expect(len(module.state), 100, "state of a module")
            expect(module.Loaded().f(), module.state, "method of a loaded class")
            self.mine[me] = [module]
        try:
            importlib.import_module("soak_no_such_module")
        except ModuleNotFoundError:
            pass
        else:
            raise AssertionError("a module that is not there was imported")

    def check(self):
        for n in range(self.files):
            sys.modules.pop(self.name(n), None)
            os.unlink(os.path.join(self.folder, self.name(n) + ".py"))
        compiled = os.path.join(self.folder, "__pycache__")
        for name in os.listdir(compiled) if os.path.isdir(compiled) else ():
            if name.startswith(self.prefix):
                os.unlink(os.path.join(compiled, name))
        importlib.invalidate_caches()
        sys.path_importer_cache.pop(self.folder, None)


class Calls(Subject):
    """The same code runs in all threads with arguments of many types, and is compiled anew."""

    class Number:
        def __init__(self, value):
            self.value = value

        def __add__(self, other):
            return type(self)(self.value + other.value)

        def __getitem__(self, index):
            return self.value

        def __iter__(self):
            return iter((self.value,))

        def __contains__(self, value):
            return value == self.value

        def __call__(self, value=1):
            return value

        def __getattr__(self, name):
            return name

    class Child(Number):
        def __init__(self, value):
            super().__init__(value)

    def add(self, a, b):
        return a + b

    def first(self, a):
        return a[0]

    def walk(self, a):
        for value in a:
            return value

    def mutate(self, me, rng):
        n = rng.randrange(1000)
        for a, wanted in ((n, 2 * n), (n + 0.5, 2 * n + 1.0), (str(n), str(n) * 2), ([n], [n, n]), ((n,), (n, n)), (2**70, 2**71)):
            expect(self.add(a, a), wanted, "sum")
        number = rng.choice((self.Number, self.Child))(n)
        expect(self.add(number, number).value, 2 * n, "sum of own numbers")
        for a in ([n], (n,), {0: n}, number):
            expect(self.first(a), n, "item")
        for a in ([n], (n,), {n: 0}, number, {n}, (x for x in (n,)), range(n, n + 2)):
            expect(self.walk(a), n, "first of an iterable")
        expect((number(), number(5), number.absent, n in number), (1, 5, "absent", True), "calls")
        expect([*map(number, (1, 2))], [1, 2], "map")
        expect({**{"a": n}, "b": 1}, {"a": n, "b": 1}, "dict display")
        match n, [n]:
            case int(x), [y]:
                expect((x, y), (n, n), "match")
        if rng.random() < 0.01:
            space = {}
            exec(f"def made(a, b={n}, *c, **d):\n    return [a + i for i in range(b % 5)], c, d", space)
            expect(space["made"](1, 2, 3, e=4), ([1, 2], (3,), {"e": 4}), "compiled function")


class Threads(Subject):
    """Threads start threads; each runs once and is gone."""

    def mutate(self, me, rng):
        if rng.random() < 0.9:
            sum(range(100))
            return
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(n)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect_same_items(results, range(3), "results of threads")


ALL = [ListEnds, ListItems, Heaps, DictKeys, DictRaces, Sets, Deques, Attributes, FreshInstances, DictSwaps,
       ClassAttributes, ClassSwaps, Strings, ByteArrays, Iterators, Generators, Closures, WeakRefs, Finalizers, Queues, Locks, Caches, Locals, Modules, Calls, Threads]
