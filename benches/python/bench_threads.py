"""The same work on one thread and on two: near 2 where threads share nothing or only read."""
import math

from measure import report, speed_up

LIMIT = 7
PAIR = ("left", "right", 3)
TABLE = {"first": 1, "second": 2, 5: 3}
ITEMS = list(range(64))


class Base:
    def __init__(self, first):
        self.first = first


class Child(Base):
    def __init__(self, first, second):
        super().__init__(first)
        self.second = second


class Slim:
    __slots__ = ("first",)

    def __init__(self, first):
        self.first = first


SHARED = Base(1)


def add(first, second=1):
    return first + second + LIMIT


def global_functions(n):
    for at in range(n):
        add(at)


def module_functions(n):
    for at in range(n):
        math.floor(2.5)


def constants(n):
    for at in range(n):
        len(PAIR)
        isinstance(PAIR, tuple)


def instances(n):
    for at in range(n):
        Child(at, at)
        Slim(at)


def dict_reads(n):
    table = TABLE
    for at in range(n):
        table["second"]
        5 in table


def list_reads(n):
    items = ITEMS
    for at in range(n):
        items[5]


def attribute_reads(n):
    shared = SHARED
    for at in range(n):
        shared.first


def exceptions(n):
    for at in range(n):
        try:
            raise ValueError
        except ValueError:
            pass


def own_lists(n):
    items = []
    for at in range(n):
        items.append(at)
        items.pop()


def texts(n):
    for at in range(n):
        str(at)


for work in (
    global_functions, module_functions, constants, instances, dict_reads, list_reads, attribute_reads, exceptions,
    own_lists, texts,
):
    report(work.__name__, speed_up(work), "x")
