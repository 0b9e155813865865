"""Arithmetic and text of integers."""

import math
import operator

from . import numbers

BINARY = "add sub mul floordiv mod truediv and_ or_ xor lt le eq ne gt ge".split()
UNARY = [operator.neg, operator.pos, operator.invert, abs, bool, hash, int.bit_length, int.bit_count, bin, oct, hex]
UNARY += [str, repr, float, int.as_integer_ratio, int.is_integer, int.conjugate, round, complex]
DIGITS = "0123456789abcdefxyzABXO_ +-\u0663\uff17.\0"


def literal(rng, value):
    """Text that int() reads, or nearly."""
    base = rng.choice((0, 2, 3, 8, 10, 10, 10, 16, 36))
    digits = {2: bin, 8: oct, 16: hex}.get(base, str)(value)
    text = rng.choice(("", " ", "\t", "\u2003")) + digits + rng.choice(("", "\n", " "))
    for _ in range(rng.choice((0, 0, 1, 2))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(DIGITS) + text[at + rng.randrange(2) :]
    return text, base


def case(rng):
    a, b = numbers.integer(rng), numbers.integer(rng)
    kind = rng.randrange(14)
    if kind <= 3:
        name = rng.choice(BINARY)
        return f"{name}({a}, {b})", lambda: getattr(operator, name)(a, b)
    if kind == 4:
        function = rng.choice(UNARY)
        return f"{function.__name__}({a})", lambda: function(a)
    if kind == 5:
        shift = rng.choice((0, 1, 29, 30, 31, 60, 64, rng.randrange(300), -1))
        name = rng.choice(("lshift", "rshift"))
        return f"{name}({a}, {shift})", lambda: getattr(operator, name)(a, shift)
    if kind == 6:
        e, m = rng.choice(((rng.randrange(-3, 40), None), (numbers.integer(rng, 200), numbers.integer(rng, 200))))
        base = a if m is not None or abs(a) < 1 << 300 else rng.randrange(-30, 30)
        return f"pow({base}, {e}, {m})", lambda: pow(base, e, m)
    if kind == 7:
        length, order, signed = rng.randrange(0, 130), rng.choice(("little", "big")), rng.random() < 0.5
        return f"{a}.to_bytes({length}, {order}, {signed})", lambda: a.to_bytes(length, order, signed=signed)
    if kind == 8:
        data, order, signed = rng.randbytes(rng.randrange(0, 40)), rng.choice(("little", "big")), rng.random() < 0.5
        return f"from_bytes({data}, {order}, {signed})", lambda: int.from_bytes(data, order, signed=signed)
    if kind == 9:
        text, base = literal(rng, a)
        return f"int({text!a}, {base})", lambda: int(text, base)
    if kind == 10:
        spec = numbers.spec(rng, ("", "d", "b", "o", "x", "X", "n", "c", "e", "f", "g", "%", "s"))
        value = a if abs(a) < 1 << 200 else rng.randrange(-10, 0x110005)
        return f"format({value}, {spec!a})", lambda: format(value, spec)
    if kind == 11:
        spec = "%" + rng.choice(("", "-", "+", " ", "#", "0", "#0")) + rng.choice(("", "8", "30")) + rng.choice(("", ".0", ".12"))
        spec += rng.choice("diouxXeEfFgGcrsa")
        value = rng.choice((a, rng.randrange(-5, 300)))
        return f"{spec} % {value}", lambda: spec % value
    if kind == 12:
        x = numbers.double(rng)
        name = rng.choice(BINARY)
        return f"{name}({a}, {x!r})", lambda: (getattr(operator, name)(a, x), getattr(operator, name)(x, a))
    n, k = rng.randrange(-3, 60), rng.randrange(-3, 60)
    return f"math {a} {b} {n} {k}", lambda: (
        math.gcd(a, b), math.lcm(a, b), math.isqrt(abs(a)), divmod(a, b or 1), round(a, -k), math.comb(abs(n), abs(k)),
        math.perm(abs(n), abs(k)), math.factorial(n) if n >= 0 else 0, math.log2(abs(a) or 1), a.__sizeof__() > 0,
    )
