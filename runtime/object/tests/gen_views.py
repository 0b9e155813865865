"""Writes data/views.txt: chains of calls on memoryview and what the reference makes of them.

Run it with the reference interpreter: python3.14 gen_views.py > data/views.txt
A line is: receiver, steps, and result or error, separated by tabs. A step is a method and its argument tuple, or an
attribute and a hyphen. A view as result is shown as the list of its format, shape, strides and bytes.
"""
import itertools, random

random.seed(2718)
CASES = []


def show(value):
    if isinstance(value, memoryview):
        return ascii([value.format, value.shape, value.strides, value.readonly, value.c_contiguous, value.f_contiguous,
                      value.tobytes()])
    return ascii(value)


def case(source, *steps):
    try:
        value = eval(source)
        for name, args in steps:
            value = getattr(value, name) if args is None else getattr(value, name)(*args)
        result = show(value)
    except Exception as error:
        result = "!" + type(error).__name__ + ": " + ascii(str(error))[1:-1]
    steps = " ; ".join(name + "|" + ("-" if args is None else ascii(args)) for name, args in steps)
    CASES.append("\t".join([source, steps, result]))


SOURCES = ["memoryview(b'')", "memoryview(b'a')", "memoryview(b'abcdefgh')", "memoryview(bytearray(b'abcdefgh'))",
           "memoryview(b'abcdefghijkl')", "memoryview(bytearray(b'\\x00\\x01\\xff\\x80\\x7f\\xfe\\x10 '))"]
FORMATS = ["B", "b", "c", "?", "h", "H", "i", "I", "l", "L", "q", "Q", "n", "N", "f", "d", "e", "P", "@i", "x", "<i", "", "ii"]
ATTRS = "nbytes readonly itemsize format ndim shape strides suboffsets c_contiguous f_contiguous contiguous".split()
KEYS = [0, -1, 3, 7, 100, -100, slice(None), slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(3, 1), (), (0,),
        (1, 1), (0, 5), (1, 1, 1), "a", 1.5, None, Ellipsis, (slice(1), slice(1)), slice("a", 1), 2**100]
VALUES = [0, 1, 255, 256, -1, "a", b"a", b"ab", 1.5, None, True, b"abcdefgh"]
for source in SOURCES:
    for attr in ATTRS:
        case(source, (attr, None))
    for method in "tolist tobytes hex toreadonly release __len__".split():
        case(source, (method, ()))
    for key in KEYS:
        case(source, ("__getitem__", (key,)))
        for value in random.sample(VALUES, 5):
            case(source, ("__setitem__", (key, value)), )
        case(source, ("__delitem__", (key,)))
    for fmt in FORMATS:
        case(source, ("cast", (fmt,)))
        case(source, ("cast", (fmt,)), ("tolist", ()))
        case(source, ("cast", (fmt,)), ("__getitem__", (0,)))
        case(source, ("cast", (fmt,)), ("__getitem__", (slice(None, None, 2),)), ("tolist", ()))
        case(source, ("cast", (fmt,)), ("cast", ("B",)))
        case(source, ("cast", (fmt,)), ("cast", ("h",)))
        for value in random.sample(VALUES + [70000, -70000, 2**40, 2**70, 1e300, 3.25], 8):
            case(source, ("cast", (fmt,)), ("__setitem__", (0, value)))
    for shape in ([2, 4], [8], [2, 2, 2], [], [0], [-1], ["a"], [3], (4, 2), 5, [1] * 65):
        case(source, ("cast", ("B", shape)))
        case(source, ("cast", ("B", shape)), ("tolist", ()))
        case(source, ("cast", ("B", shape)), ("tobytes", ("F",)))
        case(source, ("cast", ("B", shape)), ("cast", ("i",)))
        case(source, ("cast", ("B", shape)), ("__len__", ()))
        for key in KEYS:
            case(source, ("cast", ("B", shape)), ("__getitem__", (key,)))
            case(source, ("cast", ("B", shape)), ("__setitem__", (key, 7)))
    for other in (b"abcdefgh", bytearray(b"abcdefgh"), b"", "abcdefgh", 5, b"a"):
        for method in ("__eq__", "__ne__", "__lt__"):
            case(source, (method, (other,)))
    for args in ((":",), ("-", 2), (b"x", -3), ("::",), (5,)):
        case(source, ("hex", args))
    for args in ((97,), (104, 2), (97, 1), ("a",), (255, -5), (98, 0, 1), (98, 0, 2)):
        case(source, ("index", args))
        case(source, ("count", args[:1]))
    for order in ("C", "F", "A", "X", None, 5):
        case(source, ("tobytes", (order,)))
        case(source, ("__getitem__", (slice(None, None, -2),)), ("tobytes", (order,)))
    for chain in itertools.product([slice(1, None), slice(None, None, 2), slice(None, None, -1)], repeat=2):
        case(source, ("__getitem__", (chain[0],)), ("__getitem__", (chain[1],)))
        case(source, ("__getitem__", (chain[0],)), ("__getitem__", (chain[1],)), ("cast", ("B",)))
CASES = list(dict.fromkeys(CASES))
print("\n".join(CASES[at] for at in sorted(random.sample(range(len(CASES)), 3000))))
