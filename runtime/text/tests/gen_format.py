"""Record what the reference makes of format specifications and markup (tests/data/format.txt)."""

import _string
import random

R = random.Random(11)
PIECES = ["", "<", ">", "^", "=", "x<", "0=", "*^", "0<", "\u20ac>", "\ud800^"]


def spec():
    if R.random() < 0.06:
        return "".join(R.choice("<>=^+- z#0,_.123dxfgseEn%c!\u0663") for _ in range(R.randrange(1, 6)))
    s = R.choice(PIECES) if R.random() < 0.5 else ""
    s += R.choice(["", "", "", "+", "-", " "])
    s += R.choice([""] * 9 + ["z"]) + R.choice([""] * 5 + ["#"]) + R.choice([""] * 3 + ["0"])
    s += R.choice(["", "", "3", "8", "12", "20", "\u0661\u0662"])
    s += R.choice(["", "", ",", "_"])
    s += R.choice(["", "", ".0", ".2", ".7", ".3,", "._", ".,"])
    return s + R.choice(["", "", "d", "f", "g", "e", "s", "x", "X", "b", "o", "c", "n", "%", "E", "F", "G", "q", "\xe9"])


def enc(s):
    return ".".join(f"{ord(c):x}" for c in s)


def value():
    k = R.randrange(4)
    if k == 0:
        v = R.choice([0, 1, -1, 65, 1234, -98765, 10**12, 65535, -1234567])
        return "int", v, str(v)
    if k == 1:
        v = R.choice([0.0, -0.0, 1.5, -0.04, 1234.5678, -1234567.891, 1e16, 1e-7, float("inf"), float("-inf"), float("nan"), 100.0, 0.1])
        return "float", v, v.hex()
    if k == 2:
        v = R.choice([0j, 1j, 1 + 2j, -1.5 - 0j, complex(float("nan"), float("-inf")), 1234.5 + 1e6j])
        return "complex", v, v.real.hex() + " " + v.imag.hex()
    v = R.choice(["", "a", "abc", "\u20ac\ud800x"])
    return "str", v, enc(v)


with open("data/format.txt", "w") as f:
    for _ in range(2500):
        s = spec()
        if not s:
            continue
        kind, v, text = value()
        try:
            out = "=" + enc(format(v, s))
        except (ValueError, OverflowError) as e:
            out = "!" + enc(str(e))
        f.write(f"{kind}\t{enc(s)}\t{text}\t{out}\n")
    for _ in range(700):
        s = "".join(R.choice("{}{}:!a[].0b1\xe9") for _ in range(R.randrange(1, 9)))
        out = []
        try:
            for lit, name, sp, conv in _string.formatter_parser(s):
                out.append(f"{enc(lit)},{'-' if name is None else enc(name)},{'-' if sp is None else enc(sp)},{'-' if conv is None else enc(conv)}")
        except ValueError as e:
            out.append("!" + enc(str(e)))
        f.write(f"markup\t{enc(s)}\t\t{';'.join(out)}\n")
        s = "".join(R.choice("a[].0b1\xe9\u0663") for _ in range(R.randrange(1, 9)))
        out = []
        try:
            first, rest = _string.formatter_field_name_split(s)
            out.append(repr(first) if isinstance(first, int) else "'" + enc(first))
            for attr, key in rest:
                out.append(("." if attr else "[") + (repr(key) if isinstance(key, int) else "'" + enc(key)))
        except ValueError as e:
            out.append("!" + enc(str(e)))
        f.write(f"name\t{enc(s)}\t\t{';'.join(out)}\n")
    for _ in range(1000):
        s = "%" + "".join(R.choice("-+ #0") for _ in range(R.randrange(3))) + R.choice(["", "5", "12"])
        s += R.choice(["", ".", ".0", ".4", ".9"]) + R.choice(["", "", "l"])
        s += R.choice("diuoxXeEfFgG" + "ds%y\u1234")
        v = R.choice([0, 5, -5, 255, -4095, 0.5, -1234.5, 1e20, float("inf"), float("nan")])
        if isinstance(v, float) and s[-1] in "oxXdius":
            v = 77
        if s[-1] == "s":
            s = s[:-1] + "d"
        try:
            out = "=" + (s % v)
        except ValueError as e:
            out = "!" + str(e)
        except TypeError:
            continue
        f.write(f"printf\t{enc(s)}\t{float(v).hex()}\t{enc(out)}\n")
