"""Instructions and the collector: arithmetic, attributes, calls, names, generators, cycles."""
from measure import best, report


class Base:
    kind = 1

    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value


class Left(Base):
    pass


class Right(Base):
    def get(self):
        return self.value


class Node:
    def __init__(self):
        self.itself = self


ONE, SEVERAL = [Base(n) for n in range(3)], [Base(0), Left(1), Right(2)]
TABLE = list(range(100))
CYCLES = [Node() for _ in range(10_000)]


def bits(n):
    for i in range(n):
        i & 7, i | 8, i ^ 5, i << 2, i >> 1, i // 3, i % 7


def mixed(n):
    x = 1.5
    for i in range(n):
        x * i, x + i, i - x, i / 3


def attributes(objects):
    def run(n):
        for _ in range(n):
            for each in objects:
                each.value, each.value, each.kind
    return run


def methods(objects):
    def run(n):
        for _ in range(n):
            for each in objects:
                each.get()
    return run


def items(n):
    table = TABLE
    for i in range(n):
        table[5], table[50], table[-1]


def stores(n):
    table = [0] * 100
    for i in range(n):
        table[5] = i
        table[50] = i


def names(n):
    for i in range(n):
        TABLE, len, TABLE, range


def closed(n):
    for _ in range(n):
        next(i for i in TABLE)


def defaults(n):
    def call(a, b=1, c=None):
        return a

    for _ in range(n):
        call(0), call(0, 2)


def kinds(n):
    for _ in range(n):
        type(n)


def spread(n):
    def call(a, b):
        return a

    both = (1, 2)
    for _ in range(n):
        call(*both), max(*both)


def appends(n):
    items = []
    for i in range(n):
        items.append(i)
        items.pop()


def cycles(n):
    for _ in range(n):
        Node()


OPERATIONS = [
    ("int operators", bits, 7),
    ("int and float", mixed, 4),
    ("attributes, one class", attributes(ONE), 9),
    ("attributes, three classes", attributes(SEVERAL), 9),
    ("methods, one class", methods(ONE), 3),
    ("methods, three classes", methods(SEVERAL), 3),
    ("list[i]", items, 3),
    ("list[i] = value", stores, 2),
    ("global and builtin names", names, 4),
    ("generator closed early", closed, 1),
    ("call with defaults", defaults, 2),
    ("type(x)", kinds, 1),
    ("f(*args)", spread, 2),
    ("append and pop", appends, 2),
    ("objects in cycles", cycles, 1),
]

for name, operation, steps in OPERATIONS:
    report(name, best(operation, steps), "ns")
