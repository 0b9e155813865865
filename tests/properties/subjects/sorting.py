"""Sorting, also with comparisons that contradict themselves, raise or change the list."""

import functools
import heapq


class Item:
    """Compares as its `judge` says."""

    def __init__(self, value, judge):
        self.value, self.judge = value, judge

    def __lt__(self, other):
        return self.judge(self, other)

    def __repr__(self):
        return f"<{self.value}>"


def data(rng):
    size = rng.choice((0, 1, 2, 3, 5, 10, 31, 32, 33, 63, 64, 65, 130, 300))
    kind = rng.randrange(7)
    if kind == 0:
        values = [rng.randrange(1000) for _ in range(size)]
    elif kind == 1:
        values = [rng.randrange(4) for _ in range(size)]
    elif kind == 2:
        values = list(range(size))
    elif kind == 3:
        values = list(range(size, 0, -1))
    elif kind == 4:
        values = sorted(rng.randrange(1000) for _ in range(size))
        for _ in range(3):
            if size:
                values[rng.randrange(size)] = rng.randrange(1000)
    elif kind == 5:
        values = [at % 7 for at in range(size)] + list(range(size // 2))
    else:
        values = sorted(rng.randrange(1000) for _ in range(size)) + sorted(rng.randrange(1000) for _ in range(size))
    return values


def judge(rng, values):
    """How items compare: a name, whether the order of the result is certain, and the items.

    What a misbehaving comparison leads to must not depend on which pairs are compared: each item takes part in at
    least one comparison, and no more is known.
    """
    odd = rng.choice(values) if values and rng.random() < 0.8 else -1
    items = []

    def failing(a, b):
        if odd in (a.value, b.value):
            raise ZeroDivisionError("an odd item")
        return a.value < b.value

    def unordered(a, b):
        return NotImplemented if odd in (a.value, b.value) else a.value < b.value

    def no_answer(a, b):
        class NoAnswer:
            def __bool__(self):
                raise ArithmeticError("no answer")

        return NoAnswer() if odd in (a.value, b.value) else a.value < b.value

    def growing(a, b):
        items.append(a)
        return a.value < b.value

    def emptying(a, b):
        items[:] = [b]
        items.clear()
        return a.value < b.value

    judges = {
        "fair": (True, lambda a, b: a.value < b.value),
        "truthy": (True, lambda a, b: [1] if a.value < b.value else ("", 0.0, None)[a.value % 3]),
        "never": (True, lambda a, b: False),
        "always": (False, lambda a, b: True),
        "noise": (False, lambda a, b: (a.value * 7919 + b.value * 104729) >> 5 & 1),
        "circular": (False, lambda a, b: (b.value - a.value) % 10 in (1, 2, 3, 4)),
        "failing": (False, failing),
        "unordered": (False, unordered),
        "no answer": (False, no_answer),
        "growing": (False, growing),
        "emptying": (False, emptying),
    }
    name = rng.choice(list(judges))
    certain, judged = judges[name]
    items.extend(Item(value, judged) for value in values)
    return f"{name} {odd}", certain, items


def case(rng):
    values, reverse = data(rng), rng.random() < 0.3
    kind = rng.randrange(6)
    if kind <= 2:
        name, certain, items = judge(rng, values)

        def sort():
            result = None
            try:
                items.sort(reverse=reverse)
            except Exception as error:
                result = f"{type(error).__name__}: {error}"
            return items if certain else sorted(item.value for item in items), result

        return f"sort {values} {name} {reverse}", sort
    if kind == 3:
        convert = rng.choice((str, float, lambda v: (v % 5, v), lambda v: [v], lambda v: v << 70, chr, lambda v: (str(v), v), lambda v: v if v % 9 else float(v)))
        mixed = [convert(value) for value in values]
        spoilt = mixed and rng.random() < 0.15
        if spoilt:
            mixed[rng.randrange(len(mixed))] = rng.choice((None, b"bytes", 1j))

        def by_type():
            try:
                return sorted(mixed, reverse=reverse)
            except TypeError as error:
                return "TypeError" if spoilt else error

        return f"sorted {mixed!a} {reverse}", by_type
    if kind == 4:
        modulus = rng.randrange(1, 9)
        limit = rng.randrange(1, 400)

        def key(value):
            if value == limit:
                raise KeyError(value)
            return value % modulus

        def by_key():
            items = list(values)
            try:
                items.sort(key=key, reverse=reverse)
            except KeyError as error:
                return sorted(items), error
            return items

        return f"by key {values} {modulus} {limit} {reverse}", by_key
    choice = rng.randrange(3)
    count = rng.randrange(10)
    return f"others {values} {choice} {count}", lambda: (
        [min(values, default=None), max(values, key=lambda v: v % 10, default=None)],
        heapq.nsmallest(count, values),
        list(heapq.merge(sorted(values), sorted(values[::2]), reverse=False)),
        sorted(values, key=functools.cmp_to_key(lambda a, b: (a % 10) - (b % 10))),
    )
