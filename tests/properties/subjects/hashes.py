"""Hashes of values, equal values of other types, and containers that rest on them."""

import datetime
import fractions
import decimal

from . import numbers, text


def value(rng, depth=0):
    kind = rng.randrange(14 if depth < 3 else 9)
    if kind <= 1:
        return numbers.integer(rng)
    if kind == 2:
        x = numbers.double(rng)
        return x if x == x else 0.75
    if kind == 3:
        return text.string(rng)
    if kind == 4:
        return rng.randbytes(rng.randrange(30))
    if kind == 5:
        return complex(rng.randrange(-5, 5), rng.randrange(-5, 5) / 4)
    if kind == 6:
        return fractions.Fraction(numbers.integer(rng, 100), numbers.integer(rng, 100) or 1)
    if kind == 7:
        return decimal.Decimal(f"{rng.randrange(-10**9, 10**9)}e{rng.randrange(-20, 20)}")
    if kind == 8:
        return rng.choice((True, False, None, range(rng.randrange(5)), slice(1, rng.randrange(4)), datetime.date(2000, 1, rng.randrange(1, 29))))
    if kind <= 11:
        return tuple(value(rng, depth + 1) for _ in range(rng.randrange(5)))
    if kind == 12:
        return frozenset(value(rng, depth + 1) for _ in range(rng.randrange(5)))
    return datetime.timedelta(rng.randrange(100), rng.randrange(1000))


# What hashes by address is left out.
def case(rng):
    kind = rng.randrange(5)
    if kind <= 2:
        one = value(rng)
        return f"hash of {type(one).__name__} {shown(one)}", lambda: hash(one)
    if kind == 3:
        number = numbers.integer(rng, rng.choice((20, 53, 80)))
        return f"hashes of {number}", lambda: (
            hash(number), hash(fractions.Fraction(number)), hash(decimal.Decimal(number)), hash(complex(number)) == hash(float(number)),
            {number: 1}.get(fractions.Fraction(number)), number in {decimal.Decimal(number)},
        )
    some = [value(rng) for _ in range(rng.randrange(30))]
    more = [value(rng) for _ in range(5)] + some[::3]
    return f"containers of {len(some)}", lambda: (
        len(set(some)), [shown(v) for v in dict.fromkeys(more + some)], len(set(some) & set(more)), len(frozenset(some) ^ frozenset(more)),
        [rng_value in set(some) for rng_value in more], hash(frozenset(some)),
    )


def shown(one):
    """A text that does not depend on the order of sets."""
    if isinstance(one, frozenset):
        return "{" + ", ".join(sorted(map(shown, one))) + "}"
    if isinstance(one, tuple):
        return "(" + ", ".join(map(shown, one)) + ")"
    return ascii(one)
