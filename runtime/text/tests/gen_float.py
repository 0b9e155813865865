"""Record how the reference writes, reads and rounds floats (tests/data/float.txt)."""

import random
import struct

R = random.Random(7)


def bits(x):
    return struct.pack(">d", x).hex()


def floats(n):
    fixed = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, 0.125, 1e16, 1e15, 9999999999999998.0, 1e17, 1e-4, 1e-5, 1e22, 1e23,
             9.5, 99.5, 999999.5, 123456.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
             float("inf"), float("-inf"), float("nan"), 0.1, 2.675, 1e100, 25.0, 35.0, 150.0, 250.0]
    for x in fixed:
        yield x
    for _ in range(n):
        k = R.randrange(4)
        if k == 0:
            yield struct.unpack(">d", R.randbytes(8))[0]
        elif k == 1:
            yield R.uniform(-1000, 1000)
        elif k == 2:
            yield R.randrange(-100000, 100000) / 2 ** R.randrange(8)
        else:
            yield float(f"{R.randrange(10000)}e{R.randrange(-30, 30)}")


with open("data/float.txt", "w") as f:
    for x in floats(300):
        f.write(f"repr\t{bits(x)}\t{x!r}\n")
        f.write(f"hex\t{bits(x)}\t{x.hex()}\n")
        z = complex(x, next(floats(0)) if R.random() < 0.3 else R.choice([1.5, -2.0, -0.0, float("inf"), float("nan")]))
        f.write(f"complex\t{bits(z.real)} {bits(z.imag)}\t{z!r}\n")
    for x in floats(300):
        for _ in range(3):
            code = R.choice("eEfFgG")
            flags = R.choice(["", "+", "#", "+#"])
            p = R.choice([0, 1, 2, 3, 6, 12, 17, 20, 60])
            f.write(f"fmt\t{bits(x)} {code} {p} {flags}\t{'%' + flags + '.' + str(p) + code}".rsplit("\t", 1)[0])
            f.write("\t" + (("%" + flags + "." + str(p) + code) % x) + "\n")
    for x in floats(400):
        n = R.choice([0, 1, 2, 3, 5, -1, -2, -3, 16, 300, 323, 330, -300, -310])
        if x - x == 0:
            try:
                f.write(f"round\t{bits(x)} {n}\t{bits(round(x, n))}\n")
            except OverflowError:
                f.write(f"round\t{bits(x)} {n}\toverflow\n")
    texts = ["1", " 1.5 ", "1_0.0_1e1_0", "1__0", "_1", "1_", "1_.5", "1._5", "1e_5", ".5", "5.", ".", "", "e5", "1e",
             "inf", "-Infinity", "+nan", "infinit", "0x1p3", "1e400", "-1e-400", "1 2", "++1", "- 1", "1e+5", "1.e5",
             "9007199254740993", "2.2250738585072011e-308", "1" + "0" * 400, "0." + "0" * 400 + "1", "1e99999999999999",
             "nan(1)", "\t1\n", "1d5", "1f"]
    for t in texts:
        try:
            v = bits(float(t))
        except ValueError:
            v = "error"
        f.write(f"parse\t{t.encode().hex()}\t{v}\n")
    for t in ["0x1p3", "1.8p1", "0x.8", "0x1.", ".", "", "0x", "0x1p", "0x1p+", "inf", "-nan", "0x1.fffffffffffff8p0",
              "0x1.fffffffffffff7p0", "0x1.00000000000008p0", "0x1.000000000000080000000000000000001p0", "0x1p-1074",
              "0x1p-1075", "0x1.8p-1075", "0x1.0000001p-1075", "0x1p1024", "0x1.fffffffffffff8p1023",
              "0x1.fffffffffffff7p1023", "0x1p99999999999999999999", "0x0p99999999999999999999", "-0x0p0", "1p 1", " 0x1 ",
              "0x1p-99999999999999999999", "0x" + "0" * 300 + "1" + "0" * 20 + "p-80", "ABCdef", "0x1_0"]:
        try:
            v = bits(float.fromhex(t))
        except ValueError:
            v = "error"
        except OverflowError:
            v = "overflow"
        f.write(f"fromhex\t{t.encode().hex()}\t{v}\n")
    for t in ["1", "1j", "j", "-j", "+j", "1+j", "1-j", "1+2j", "(1+2j)", "( 1+2j )", " (1) ", "1+2", "1 + 2j", "()", "",
              "infj", "nan+infj", "inf-nanj", "1e5+1e-5j", "1ej", "1e+j", "1_0+2_0j", "1_+j", "1jj", "(1", "1)", "((1))",
              "1+-2j", "1.j", ".5j", ".j", "infinityj", "infinitj", "1j+1", "--j", "J", "-0-0j", "( j", "(j) "]:
        try:
            z = complex(t)
            v = bits(z.real) + " " + bits(z.imag)
        except ValueError:
            v = "error"
        f.write(f"parsez\t{t.encode().hex()}\t{v}\n")
