"""Numbers: floats, small and large integers, complex numbers, bits, decimals and fractions."""
import cmath
import decimal
import fractions
import math
import statistics


def orbits():
    """Point masses under gravity."""
    bodies = [[float(i), i * 0.5, -i * 0.25, 0.0, 0.1 * i, 0.0, 1.0 / (i + 1)] for i in range(4)]
    for _ in range(400):
        for i, one in enumerate(bodies):
            for two in bodies[i + 1:]:
                dx, dy, dz = one[0] - two[0], one[1] - two[1], one[2] - two[2]
                pull = 0.001 / (dx * dx + dy * dy + dz * dz + 0.01) ** 1.5
                one[3] -= dx * two[6] * pull
                one[4] -= dy * two[6] * pull
                one[5] -= dz * two[6] * pull
                two[3] += dx * one[6] * pull
                two[4] += dy * one[6] * pull
                two[5] += dz * one[6] * pull
        for body in bodies:
            x, y, z, u, v, w, _ = body
            body[0] = x + u * 0.001
            body[1] = y + v * 0.001
            body[2] = z + w * 0.001


def matrices():
    size = 30
    left = [[float(i * j % 7) for j in range(size)] for i in range(size)]
    right = [[float(i + j) for j in range(size)] for i in range(size)]
    columns = list(zip(*right))
    product = [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in left]
    power = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            total = 0.0
            for k in range(size):
                total += left[i][k] * right[k][j]
            power[i][j] = total
    assert power == product


def primes():
    limit = 20_000
    sieve = bytearray([1]) * limit
    for n in range(2, math.isqrt(limit) + 1):
        if sieve[n]:
            sieve[n * n::n] = bytes(len(range(n * n, limit, n)))
    found = [n for n in range(2, limit) if sieve[n]]
    for n in range(2, 1500):
        factor = 2
        while factor * factor <= n:
            if n % factor == 0:
                break
            factor += 1
    assert len(found) == 2262


def checksums():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0xEDB88320 if n & 1 else n >> 1
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in b"the quick brown fox" * 100:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    a, b = 1, 0
    for byte in b"jumps over the lazy dog" * 100:
        a = (a + byte) % 65521
        b = (b + a) % 65521
    state = 88172645463325252
    for _ in range(2000):
        state ^= state << 13 & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 7
        state ^= state << 17 & 0xFFFFFFFFFFFFFFFF


def large():
    """Digits of e, powers and greatest common divisors of large integers."""
    numerator, denominator = 1, 1
    for n in range(150, 0, -1):
        numerator, denominator = denominator * n + numerator, denominator * n
    digits = str(numerator * 10 ** 250 // denominator)
    assert digits.startswith("2718281828")
    pow(3, 2 ** 200, 2 ** 127 - 1)
    for n in range(100):
        math.gcd(n * 10 ** 30, 6 ** 40)
        int(digits[:60]) * 7 + n


def fractal():
    for y in range(-12, 12):
        for x in range(-20, 10):
            c, z = complex(x / 10, y / 10), 0j
            for _ in range(30):
                if abs(z) > 2:
                    break
                z = z * z + c
    cmath.exp(1j)


def exact():
    with decimal.localcontext(prec=30):
        total = decimal.Decimal(0)
        for n in range(1, 400):
            rate = decimal.Decimal(n) / 7
            total += (rate * decimal.Decimal("1.19")).quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP)
        str(total)
    sum(fractions.Fraction(1, n) for n in range(1, 40))
    statistics.fmean(range(1000))
    statistics.stdev([1.5, 2.5, 4.0] * 20)


def functions():
    for n in range(3000):
        x = n / 100
        math.sin(x) + math.cos(x) * math.sqrt(x)
        math.floor(x), round(x, 2), int(x), abs(-x), max(x, 1.0), min(n, 7), divmod(n, 9), n ** 2


PARTS = [orbits, matrices, primes, checksums, large, fractal, exact, functions]
