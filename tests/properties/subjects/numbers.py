"""Numbers that are likely to be special."""

import struct


def integer(rng, bits=900):
    """Near a power of two, of ten, small, or any."""
    kind = rng.randrange(6)
    if kind == 0:
        value = rng.randrange(40)
    elif kind == 1:
        value = (1 << rng.randrange(bits)) + rng.randrange(-2, 3)
    elif kind == 2:
        value = 10 ** rng.randrange(bits // 4) + rng.randrange(-2, 3)
    elif kind == 3:
        value = rng.getrandbits(rng.choice((15, 30, 31, 32, 60, 63, 64, 65)))
    else:
        value = rng.getrandbits(rng.randrange(1, bits))
    return -value if rng.random() < 0.4 else value


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1.5, 2.5, 1e16, 1e22, 1e23, 5e-324, 2.2250738585072014e-308]
SPECIAL += [1.7976931348623157e308, float("inf"), float("-inf"), float("nan"), 2.0**53, 2.0**63, -(2.0**63), 1e-5, 9999999999999998.0]


def double(rng):
    """A special one, any bits, a short decimal, or near an integer."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(SPECIAL)
    if kind == 1:
        return struct.unpack("<d", rng.randbytes(8))[0]
    if kind == 2:
        return float(f"{rng.randrange(-10**6, 10**6)}e{rng.randrange(-30, 30)}")
    if kind == 3:
        return integer(rng, 64) / rng.choice((1, 2, 3, 4, 5, 7, 10, 1000))
    return rng.uniform(-1000, 1000)


def spec(rng, types, fill=True):
    """A format specification, mostly valid."""
    out = ""
    if fill and rng.random() < 0.3:
        out += rng.choice(("", "*", "0", "\u4e00", " ")) + rng.choice("<>=^")
    out += rng.choice(("", "", "", "+", "-", " "))
    out += rng.choice(("", "", "", "z"))
    out += rng.choice(("", "", "", "#"))
    out += rng.choice(("", "", "", "0"))
    out += rng.choice(("", "", "1", "8", "23", "60"))
    out += rng.choice(("", "", "", ",", "_"))
    if rng.random() < 0.4:
        out += "." + rng.choice(("0", "1", "2", "5", "12", "17", "30"))
        out += rng.choice(("", "", "", "", ",", "_"))
    return out + rng.choice(types)
