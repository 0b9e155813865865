"""Operations of the builtin types on one thread."""
import random

from measure import best, report

WORDS = ("the quick brown fox jumps over the lazy dog " * 20).split()
TEXT = " ".join(WORDS)
WIDE = TEXT.replace("o", "\u00f6\u4e2d")
DATA = TEXT.encode()
NUMBERS = list(range(1000))
SHUFFLED = random.Random(1).sample(range(1000), 1000)
SHUFFLED_WORDS = random.Random(1).sample([f"word {at}" for at in range(1000)], 1000)
TABLE = {f"key {at}": at for at in range(1000)}
KEYS = list(TABLE)
BIG = 7**300
HUGE = 7**5000


def repeat(operation):
    def run(n):
        for _ in range(n):
            operation()

    return run


def append():
    items = []
    add = items.append
    for at in NUMBERS:
        add(at)


def index():
    items = NUMBERS
    for at in range(1000):
        items[at]


def get():
    table = TABLE
    for key in KEYS:
        table[key]


def store():
    table = {}
    for key in KEYS:
        table[key] = 1


def small_dicts():
    for at in range(1000):
        {"a": at, "b": at}


def small_int_sum():
    total = 0
    for at in range(1000):
        total += at * 3


OPERATIONS = [
    ("list.append", append, 1000),
    ("list[i]", index, 1000),
    ("list slice", lambda: NUMBERS[10:900], 1),
    ("list copy", NUMBERS.copy, 1),
    ("list +", lambda: NUMBERS + NUMBERS, 1),
    ("list.index", lambda: NUMBERS.index(900), 1),
    ("list comprehension", lambda: [at + 1 for at in NUMBERS], 1000),
    ("sort ints", lambda: sorted(SHUFFLED), 1000),
    ("sort texts", lambda: sorted(SHUFFLED_WORDS), 1000),
    ("sort by key", lambda: sorted(SHUFFLED, key=lambda at: -at), 1000),
    ("dict[key]", get, 1000),
    ("dict[key] = value", store, 1000),
    ("dict display", small_dicts, 1000),
    ("dict copy", TABLE.copy, 1000),
    ("dict items", lambda: list(TABLE.items()), 1000),
    ("dict comprehension", lambda: {key: 1 for key in KEYS}, 1000),
    ("set of ints", lambda: set(NUMBERS), 1000),
    ("set &", lambda s=set(NUMBERS), t=set(range(500, 1500)): s & t, 500),
    ("str.find", lambda: TEXT.find("lazy cat"), 1),
    ("str.find wide", lambda: WIDE.find("lazy cat"), 1),
    ("str in", lambda: "cat" in TEXT, 1),
    ("str.join", lambda: " ".join(WORDS), len(WORDS)),
    ("str.split", TEXT.split, len(WORDS)),
    ("str.split by", lambda: TEXT.split("o"), 80),
    ("str.replace", lambda: TEXT.replace("fox", "cat"), 20),
    ("str.upper", TEXT.upper, 1),
    ("str.encode", TEXT.encode, 1),
    ("str.encode wide", WIDE.encode, 1),
    ("bytes.decode", DATA.decode, 1),
    ("str %", lambda: "%d %s" % (5, "x"), 1),
    ("f-string", lambda at=5: f"{at} {at:>5}", 1),
    ("int +", small_int_sum, 1000),
    ("int * big", lambda: BIG * BIG, 1),
    ("int * huge", lambda: HUGE * HUGE, 1),
    ("int // big", lambda: HUGE // BIG, 1),
    ("int ** mod", lambda: pow(3, BIG, 10**50 + 151), 1),
    ("str(big int)", lambda: str(BIG), 1),
    ("int(text)", lambda text=str(BIG): int(text), 1),
    ("float repr", lambda: repr(1.1234567), 1),
    ("float(text)", lambda: float("1.1234567"), 1),
]

for name, operation, steps in OPERATIONS:
    report(name, best(repeat(operation), steps), "ns")
