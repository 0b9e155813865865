"""Slices of all sequences: reading, storing, deleting."""

import array


def bound(rng, size):
    return rng.choice((None, None, 0, 1, -1, size, -size, size + 1, rng.randrange(-30, 30), 1 << 64, -(1 << 64)))


def case(rng):
    size = rng.choice((0, 1, 2, 5, 9, 17, 40))
    step = rng.choice((None, None, 1, 1, 2, 3, 7, -1, -2, -5, 0, 1 << 62, -(1 << 62), 1 << 70))
    key = slice(bound(rng, size), bound(rng, size), step)
    values = [rng.randrange(100) for _ in range(size)]
    kind = rng.choice((list, tuple, bytes, bytearray, range, str, array.array, memoryview))
    if kind is range:
        start, stride = rng.randrange(-20, 20), rng.choice((-3, -1, 1, 2, 1 << 65))
        sequence = range(start, start + size * stride, stride)
    elif kind is str:
        sequence = "".join(chr(value + rng.choice((40, 200, 0x4E00, 0x1F600))) for value in values)
    elif kind is array.array:
        sequence = array.array(rng.choice("bhilqd"), values)
    elif kind is memoryview:
        sequence = memoryview(bytearray(values))
    else:
        sequence = kind(values)
    new = [rng.randrange(100) for _ in range(rng.choice((0, 1, 2, 3, size, rng.randrange(20))))]
    action = rng.choice(("get", "get", "set", "del", "indices", "same"))
    what = f"{action} {kind.__name__} {values} {key} {new}"
    show = lambda value: value.tolist() if isinstance(value, (memoryview, array.array)) else value
    if action == "indices":
        return what, lambda: key.indices(size)
    if action == "get":
        return what, lambda: show(sequence[key])
    if action == "del":
        def delete():
            del sequence[key]
            return show(sequence)

        return what, delete

    def store():
        value = new
        if action == "same":
            value = sequence
        elif kind in (bytes, bytearray, memoryview):
            value = bytes(new)
        elif kind is array.array:
            value = array.array(sequence.typecode, new)
        elif kind is list and len(new) == 1:
            value = iter(new)
        try:
            sequence[key] = value
        except Exception as error:
            return show(sequence), type(error).__name__, str(error)
        return show(sequence)

    return what, store
