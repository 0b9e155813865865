"""Mutated `marshal` data: it is refused, or gives an object that can be written again."""
import marshal
import warnings

import fuzzing


def seeds():
    values = [None, True, 0, -1, 1 << 100, 1.5, 2j, 'text', 'é', '\ud800', b'bytes', (), (1, 'a'), [1, [2]], {1: 2},
              {'k': [1]}, {1, 2}, frozenset((3, 'x')), slice(1, None, 2), ...]
    out = [marshal.dumps(value, version) for value in values for version in range(6)
           if version > 4 or not isinstance(value, slice)]
    for source in fuzzing.library(3000)[:400]:
        try:
            out.append(marshal.dumps(compile(source, '<seed>', 'exec')))
        except SyntaxError:
            pass
    return out


def attempt(rng, data):
    value = marshal.loads(data)
    marshal.dumps(value)
    hash(repr(value))


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    allowed = (ValueError, EOFError, TypeError, OverflowError, RecursionError, MemoryError, SyntaxError,
               # What makes no code object is an internal error there.
               SystemError)
    fuzzing.loop('marshal', seeds(), attempt, allowed)
