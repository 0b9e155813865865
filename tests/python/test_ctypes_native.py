"""`_ctypes`: layouts, memory, calls in both directions."""
import ctypes
import errno
import gc
import pickle
import threading
import unittest
from ctypes import (
    CFUNCTYPE, POINTER, Array, BigEndianStructure, Structure, Union, addressof, alignment, byref, c_bool, c_char,
    c_char_p, c_double, c_float, c_int, c_int16, c_long, c_longdouble, c_short, c_size_t, c_ubyte, c_uint, c_void_p,
    c_wchar, c_wchar_p, cast, create_string_buffer, create_unicode_buffer, get_errno, memmove, pointer, py_object,
    set_errno, sizeof, string_at, wstring_at,
)

CASE = unittest.TestCase()
check, raises = CASE.assertEqual, CASE.assertRaises
libc = ctypes.CDLL(None, use_errno=True)


class Point(Structure):
    _fields_ = [("x", c_int), ("y", c_double)]


class Bits(Structure):
    _fields_ = [("low", c_uint, 3), ("high", c_uint, 5), ("signed", c_int, 4)]


class Mixed(Union):
    _fields_ = [("word", c_uint), ("bytes", c_ubyte * 4), ("real", c_float)]


class Big(BigEndianStructure):
    _fields_ = [("a", c_int16), ("b", c_uint)]


def layouts():
    check(sizeof(Point), 16)
    check(alignment(Point), 8)
    check(Point.y.offset, 8)
    check((Bits.high.bit_offset, Bits.high.bit_size), (3, 5))
    bits = Bits(5, 17, -3)
    check((bits.low, bits.high, bits.signed), (5, 17, -3))
    mixed = Mixed(real=1.0)
    check(mixed.word, 0x3F800000)
    check(bytes(Big(1, 2)), b"\0\1\0\0\0\0\0\2")
    check(memoryview(Point()).format, "T{<i:x:4x<d:y:}")
    check(memoryview((c_int * 2 * 3)()).shape, (3, 2))


def memory():
    array = (c_int * 4)(*range(4))
    check(array[:], [0, 1, 2, 3])
    check(array[::-2], [3, 1])
    raises(IndexError, lambda: array[4])
    first = pointer(array)
    check(first.contents[2], 2)
    check(cast(array, POINTER(c_int))[3], 3)
    text = create_string_buffer(b"krait", 8)
    check((text.value, text.raw), (b"krait", b"krait\0\0\0"))
    check(create_unicode_buffer("aé😀").value, "aé😀")
    raises(ValueError, lambda: setattr(text, "value", b"123456789"))
    block = bytearray(16)
    point = Point.from_buffer(block)
    point.x = 7
    check(block[0], 7)
    raises(BufferError, block.append, 1)
    del point
    gc.collect()
    block.append(1)
    check(Point.from_buffer_copy(block).x, 7)
    check(c_longdouble(0.1).value, 0.1)
    raises(TypeError, c_int, "1")
    check(bool(c_bool(3)), True)
    holder = py_object([1])
    check(holder.value, [1])
    raises(ValueError, lambda: py_object().value)


def pickles():
    again = pickle.loads(pickle.dumps(Point(3, 4.5)))
    check((again.x, again.y), (3, 4.5))
    raises(ValueError, pickle.dumps, pointer(c_int(1)))


def calls():
    libc.strlen.restype = c_size_t
    libc.strlen.argtypes = [c_char_p]
    check(libc.strlen(b"four"), 4)
    raises(ctypes.ArgumentError, libc.strlen, 4.5)
    buffer = create_string_buffer(32)
    check(libc.snprintf(buffer, c_size_t(32), b"%d %s %.1f", 5, b"x", c_double(2.5)), 7)
    check(buffer.value, b"5 x 2.5")
    set_errno(0)
    check(libc.open(b"/nonexistent/file", 0), -1)
    check(get_errno(), errno.ENOENT)

    class Division(Structure):
        _fields_ = [("quot", c_int), ("rem", c_int)]

    libc.div.restype = Division
    result = libc.div(17, 5)
    check((result.quot, result.rem), (3, 2))
    check(string_at(b"bytes", 3), b"byt")
    check(wstring_at("wide"), "wide")
    target = create_string_buffer(4)
    memmove(target, b"abcd", 4)
    check(target.raw, b"abcd")
    raises(AttributeError, lambda: libc.no_such_function)
    check(ctypes.pythonapi.PyLong_AsLong(py_object(42)), 42)


def callbacks():
    Compare = CFUNCTYPE(c_int, POINTER(c_int), POINTER(c_int))
    order = []

    @Compare
    def compare(a, b):
        order.append((a[0], b[0]))
        return a[0] - b[0]

    array = (c_int * 5)(5, 1, 99, 7, 33)
    libc.qsort(array, len(array), sizeof(c_int), compare)
    check(array[:], [1, 5, 7, 33, 99])
    check(len(order) > 3, True)
    Twice = CFUNCTYPE(c_short, c_short)
    check(Twice(lambda value: value * 2)(-21), -42)
    raises(TypeError, CFUNCTYPE(POINTER(c_int)), lambda: None)


def threads():
    # A thread that C started calls back into Python.
    Start = CFUNCTYPE(c_void_p, c_void_p)
    seen = []

    @Start
    def start(argument):
        seen.append((argument, threading.get_ident()))
        return argument

    thread = c_size_t()
    check(libc.pthread_create(byref(thread), None, start, c_void_p(11)), 0)
    result = c_void_p()
    check(libc.pthread_join(thread, byref(result)), 0)
    check(result.value, 11)
    check((seen[0][0], seen[0][1] != threading.get_ident()), (11, True))


def classes():
    check(c_int * 3 is c_int * 3, True)
    check(POINTER(Point) is POINTER(Point), True)
    check(issubclass(c_int * 3, Array), True)

    class Node(Structure):
        pass

    Node._fields_ = [("value", c_long), ("next", POINTER(Node))]
    second = Node(2)
    first = Node(1, pointer(second))
    check(first.next.contents.value, 2)
    check(addressof(first.next.contents), addressof(second))
    raises(AttributeError, setattr, Node, "_fields_", [])
    check((c_wchar * 4)("a", "b").value, "ab")
    check(c_wchar_p("text").value, "text")
    check(c_char(b"x").value, b"x")


def formats():
    made = ctypes.pythonapi.PyBytes_FromFormat
    made.argtypes, made.restype = (c_char_p,), py_object
    for form, text in [
        (b"%", b"%"), (b"x=%i y=%", b"x=2 y=%"), (b"%5", b"%5"), (b"a%.3", b"a%.3"), (b"%zd%z", b"2%z"), (b"%%%", b"%%"),
    ]:
        check(made(form, c_int(2), c_int(3)), text)
    made = ctypes.pythonapi.PyUnicode_FromFormat
    made.argtypes, made.restype = (c_char_p,), py_object
    for form, rest in [(b"%", "%"), (b"%5", "%5"), (b"a%.3", "%.3"), (b"%08", "%08"), (b"%5q", "%5q")]:
        with CASE.assertRaises(SystemError) as caught:
            made(form, c_int(2))
        check(str(caught.exception), f"invalid format string: {rest}")


class NativeTest(unittest.TestCase):
    test_layouts = staticmethod(layouts)
    test_memory = staticmethod(memory)
    test_pickles = staticmethod(pickles)
    test_calls = staticmethod(calls)
    test_callbacks = staticmethod(callbacks)
    test_threads = staticmethod(threads)
    test_classes = staticmethod(classes)
    test_formats = staticmethod(formats)


if __name__ == "__main__":
    unittest.main()
