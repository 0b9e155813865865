"""Arithmetic, reading, printing and formatting of floats and complex numbers."""

import math
import operator

from . import numbers

BINARY = "add sub mul truediv floordiv mod pow lt le eq ne gt ge".split()
UNARY = [operator.neg, operator.pos, abs, bool, hash, repr, str, int, round, float.hex, float.as_integer_ratio]
UNARY += [float.is_integer, float.conjugate, math.floor, math.ceil, math.trunc, math.frexp, math.modf, math.ulp, math.fabs]
CHARS = "0123456789.eE+-_ infatyNxp\u0661\u3000\0"


def literal(rng):
    kind = rng.randrange(4)
    if kind == 0:
        text = repr(numbers.double(rng))
    elif kind == 1:
        digits = "".join(rng.choices("0123456789", k=rng.randrange(1, 45)))
        at = rng.randrange(len(digits) + 1)
        text = f"{digits[:at]}.{digits[at:]}e{rng.randrange(-340, 330)}"
    elif kind == 2:
        # Half-way between two floats, and next to it.
        x = abs(numbers.double(rng))
        x = x if 0 < x < 1e300 else 1.5
        numerator, denominator = x.as_integer_ratio()
        step, scale = math.ulp(x).as_integer_ratio()
        from decimal import Context, Decimal

        exact = Context(prec=800)
        half = exact.divide(Decimal(step), Decimal(2 * scale))
        text = str(exact.add(exact.divide(Decimal(numerator), Decimal(denominator)), half)) + rng.choice(("", "1", "0"))
    else:
        text = rng.choice(("inf", "-Infinity", "nan", "+NaN", "1_000.5", "0x1p3", "1e", ".", "1__0", "", " 1 "))
    for _ in range(rng.choice((0, 0, 0, 1))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(CHARS) + text[at + rng.randrange(2) :]
    return text


def case(rng):
    x, y = numbers.double(rng), numbers.double(rng)
    kind = rng.randrange(11)
    if kind <= 1:
        name = rng.choice(BINARY)
        return f"{name}({x!r}, {y!r})", lambda: getattr(operator, name)(x, y)
    if kind == 2:
        function = rng.choice(UNARY)
        if x != x and function is hash:
            x = 0.25
        return f"{function.__name__}({x!r})", lambda: function(x)
    if kind <= 4:
        text = literal(rng)
        return f"float({text!a})", lambda: float(text)
    if kind <= 6:
        spec = numbers.spec(rng, ("", "e", "E", "f", "F", "g", "G", "n", "%", "d", "s"))
        return f"format({x!r}, {spec!a})", lambda: format(x, spec)
    if kind == 7:
        spec = "%" + rng.choice(("", "-", "+", " ", "#", "0", "#0")) + rng.choice(("", "8", "30")) + rng.choice(("", ".0", ".1", ".12", ".40"))
        spec += rng.choice("eEfFgGdirsa")
        return f"{spec} % {x!r}", lambda: spec % x
    if kind == 8:
        digits = rng.choice((0, 1, 2, 5, 10, 16, 22, -1, -3, -308, 400))
        return f"round({x!r}, {digits})", lambda: round(x, digits)
    if kind == 9:
        text = x.hex()
        for _ in range(rng.choice((0, 1, 2))):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice("0123456789abcdefxp.+- ") + text[at + rng.randrange(2) :]
        return f"fromhex({text!a})", lambda: float.fromhex(text)
    z, w = complex(x, y), complex(numbers.double(rng), rng.choice((0.0, 1.0, -0.0, numbers.double(rng))))
    spec = numbers.spec(rng, ("", "e", "f", "g"), fill=False).replace("0", "")
    return f"complex {z!r} {w!r} {spec!a}", lambda: (z, -z, z + w, z - w, z == w, str(z), complex(repr(z)), format(z, spec))
