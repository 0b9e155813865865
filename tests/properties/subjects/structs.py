"""Formats of struct, of memory views and of arrays."""

import array
import struct

from . import numbers

ORDERS = ("", "@", "=", "<", ">", "!")
CODES = "xcbB?hHiIlLqQnNefdFDspP"


def layout(rng):
    out, codes = rng.choice(ORDERS), []
    for _ in range(rng.randrange(7)):
        count, code = rng.choice(("", "", "", "0", "1", "2", "3", "11")), rng.choice(CODES)
        out += rng.choice(("", "", " ")) + count + code
        codes.append((int(count or 1), code))
    if rng.random() < 0.05:
        out += rng.choice(("y", "3", "\u0661i", "99999999999999999999i", "-1i", "<"))
    return out, codes


def item(rng, code):
    if rng.random() < 0.04:
        return rng.choice((None, "text", 1.5, 1 << 70, -1, b"xy", b""))
    if code in "bBhHiIlLqQnNP":
        bits = {"b": 8, "h": 16, "i": 32, "l": 64, "q": 64, "n": 64, "p": 64}[code.lower()]
        low = 0 if code.isupper() else -(1 << bits - 1)
        high = (1 << bits) if code.isupper() else 1 << bits - 1
        return rng.choice((0, 1, low, high - 1, rng.randrange(low, high), rng.choice((low - 1, high, 5))))
    if code in "efdFD":
        x = numbers.double(rng)
        if code == "e" and rng.random() < 0.8:
            x = rng.choice((1.0, 65504.0, 6e-8, -0.0, 65519.99, 65520.0, 1 / 3, float("nan"), float("-inf")))
        return complex(x, 0.5) if code in "FD" else x
    if code == "?":
        return rng.choice((True, False, 0, 7, "", "x", []))
    if code == "c":
        return rng.randbytes(1)
    return rng.randbytes(rng.randrange(15))


def case(rng):
    form, codes = layout(rng)
    values = []
    for count, code in codes:
        if code in "sp":
            values.append(item(rng, code))
        elif code != "x":
            values.extend(item(rng, code) for _ in range(count))
    if rng.random() < 0.05:
        values = values[:-1] if rng.random() < 0.5 else values + [1]
    kind = rng.randrange(8)
    if kind <= 2:
        return f"pack({form!a}, {values!a})", lambda: struct.pack(form, *values)
    if kind <= 4:
        data = rng.randbytes(64)
        size = rng.choice((0, 0, 0, 1, -1))

        def unpack():
            length = struct.calcsize(form) + size
            return length, struct.unpack(form, data[: max(length, 0)].ljust(max(length, 0), b"\x01"))

        return f"unpack({form!a}, {data!a}, {size})", unpack
    if kind == 5:
        offset, room = rng.randrange(-40, 40), rng.randrange(60)

        def pack_into():
            buffer = bytearray(room)
            struct.pack_into(form, buffer, offset, *values)
            return bytes(buffer), struct.unpack_from(form, buffer, offset)

        return f"pack_into({form!a}, {room}, {offset}, {values!a})", pack_into
    code = rng.choice("bBhHiIlLqQnNefd?cP")
    data = rng.randbytes(struct.calcsize(code) * rng.randrange(6) + rng.choice((0, 0, 0, 1)))
    if kind == 6:
        def cast():
            view = memoryview(data).cast(code)
            return view.tolist(), view.format, view.shape, view == memoryview(data), bytes(view[::-1]) if len(view) else b""

        return f"cast({data!a}, {code})", cast
    code = rng.choice("bBhHiIlLqQfd")
    data = rng.randbytes(struct.calcsize(code) * rng.randrange(6) + rng.choice((0, 0, 0, 1)))
    value = item(rng, code)

    def arrays():
        out = array.array(code)
        out.frombytes(data)
        out.byteswap()
        out.append(value)
        return out.tolist(), out.tobytes(), out.count(value), repr(out)

    return f"array({code}, {data!a}, {value!a})", arrays
