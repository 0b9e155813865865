"""What the programs of this folder share: seeds, mutations, and the loop.

A program is run as `program.py SECONDS SEED FOLDER`. Before each try it writes the input to FOLDER, so that the input
is there when the interpreter dies of it. It prints how many tries there were, and a line `FOUND ...` for each input
that made an exception which no input may make.
"""
import faulthandler
import os
import random
import sys
import time

INTERESTING = [b'\0', b'\xff', b'\x7f', b'\x80', b'\xff\xff\xff\x7f', b'\0\0\0\x80', b'\n', b'\r', b'\t', b'\x0c',
               b'\\', b'\\\n', b'"', b"'", b'"""', b'(', b')', b'[', b']', b'{', b'}', b':', b':=', b'=', b'*', b'**',
               b'f"', b"t'{", b'{x!r:', b'lambda', b'await ', b'async ', b'yield ', b'match ', b'case ', b'except* ',
               b'type ', b'not ', b'\xc3\xa9', b'\xef\xbb\xbf', b'# coding: latin-1\n', b'0x', b'1_', b'1e', b'...']


def mutate(rng, data, other):
    """A changed copy of `data`; pieces of `other` may come into it."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        size = rng.choice((1, 1, 2, 4, 16, 64))
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:at + size]
        elif kind == 3:
            data[at:at] = rng.choice(INTERESTING)
        elif kind == 4:
            begin = rng.randrange(len(other) + 1)
            data[at:at] = other[begin:begin + size]
        elif kind == 5:
            data[at:at] = data[at:at + size]
        else:
            data[at:] = other[rng.randrange(len(other) + 1):]
    return bytes(data)


def library(limit):
    """Sources of the standard library, whole or a run of lines at a time, each at most `limit` bytes long."""
    folder = os.path.dirname(sys.modules['random'].__file__)
    out = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.py'):
            continue
        with open(os.path.join(folder, name), 'rb') as file:
            lines = file.read().splitlines(True)
        piece = b''
        for line in lines:
            # Definitions at the outermost level begin a new piece.
            if piece and line[:1].isalpha() and len(piece) > limit // 4:
                out.append(piece)
                piece = b''
            piece += line
        out.append(piece)
    return [piece for piece in out if len(piece) <= limit]


def loop(name, seeds, attempt, allowed):
    """Tries mutations of the seeds until the time is over; exits with 1 if one raises what is not allowed."""
    seconds, seed, folder = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = random.Random(seed)
    current = os.path.join(folder, name)
    begin, tries, found = time.monotonic(), 0, 0
    while time.monotonic() - begin < seconds:
        data = mutate(rng, rng.choice(seeds), rng.choice(seeds))
        with open(current, 'wb') as file:
            file.write(data)
        # An input that takes so long hangs.
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            attempt(rng, data)
        except allowed:
            pass
        except BaseException as error:
            found += 1
            kept = '%s-%d-%d' % (current, seed, tries)
            with open(kept, 'wb') as file:
                file.write(data)
            print('FOUND', os.path.basename(kept), repr(error)[:200], flush=True)
        tries += 1
    faulthandler.cancel_dump_traceback_later()
    os.unlink(current)
    print('%s: %d tries, %d findings' % (name, tries, found))
    sys.exit(1 if found else 0)
