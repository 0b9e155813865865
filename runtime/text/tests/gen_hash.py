"""Record hashes of the reference (tests/data/hash.txt); run once for each PYTHONHASHSEED given.

for s in 0 1 42 4294967295; do PYTHONHASHSEED=$s python3.14 gen_hash.py; done
"""

import os
import random
import struct

seed = int(os.environ["PYTHONHASHSEED"])
R = random.Random(9)
with open("data/hash.txt", "w" if seed == 0 else "a") as f:
    for n in range(40):
        b = R.randbytes(n)
        f.write(f"bytes\t{seed}\t{b.hex()}\t{hash(b)}\n")
    for s in ("\xe9", "\u20ac", "\U0001f600a"):
        raw = s.encode({1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[1 if s < "\u0100" else 2 if s < "\U00010000" else 4])
        f.write(f"bytes\t{seed}\t{raw.hex()}\t{hash(s)}\n")
    if seed:
        raise SystemExit
    for _ in range(80):
        v = R.choice([-1, 1]) * R.getrandbits(R.choice([1, 20, 30, 60, 61, 62, 90, 300]))
        f.write(f"int\t0\t{v:x}\t{hash(v)}\n")
    for v in (2**61 - 1, 2**61, -(2**61), -1, -2, 2**61 - 2, 0):
        f.write(f"int\t0\t{v:x}\t{hash(v)}\n")
    for _ in range(120):
        x = R.choice([struct.unpack("d", R.randbytes(8))[0], R.uniform(-10, 10), float(R.randrange(-5, 5)), 2.0**61, -1.0, 5e-324, float("inf"), -0.0])
        if x == x:
            f.write(f"float\t0\t{struct.pack('>d', x).hex()}\t{hash(x)}\n")
            y = R.uniform(-3, 3)
            f.write(f"complex\t0\t{hash(x)} {hash(y)}\t{hash(complex(x, y))}\n")
    for _ in range(60):
        t = tuple(R.randrange(-(2**60), 2**60) for _ in range(R.randrange(6)))
        line = " ".join(map(str, t))
        f.write(f"tuple\t0\t{line}\t{hash(t)}\n")
        f.write(f"set\t0\t{line}\t{hash(frozenset(t))}\n")
        if len(t) == 3:
            f.write(f"slice\t0\t{line}\t{hash(slice(*t))}\n")
