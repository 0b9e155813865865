#include "check.h"

static void strings(void) {
    PyObject *bytes = PyBytes_FromStringAndSize("a\0b", 3), *none = PyBytes_FromString("");
    CHECK(bytes && PyBytes_CheckExact(bytes) && PyBytes_Size(bytes) == 3 && PyBytes_GET_SIZE(none) == 0);
    CHECK(PyBytes_AsString(bytes)[3] == 0 && memcmp(PyBytes_AS_STRING(bytes), "a\0b", 3) == 0);
    RAISES(PyBytes_FromStringAndSize("", -1), NULL, PyExc_SystemError,
           "Negative size passed to PyBytes_FromStringAndSize");
    char *data;
    Py_ssize_t size;
    CHECK(PyBytes_AsStringAndSize(bytes, &data, &size) == 0 && size == 3 && data == PyBytes_AS_STRING(bytes));
    RAISES(PyBytes_AsStringAndSize(bytes, &data, NULL), -1, PyExc_ValueError, "embedded null byte");
    RAISES(PyBytes_AsStringAndSize(Py_None, &data, &size), -1, PyExc_TypeError, "expected bytes, NoneType found");
    RAISES(PyBytes_AsString(Py_None), NULL, PyExc_TypeError, "expected bytes, NoneType found");
    RAISES(PyBytes_Size(Py_None), -1, PyExc_TypeError, "expected bytes, NoneType found");
    Py_DECREF(none);

    PyObject *shown = PyBytes_Repr(bytes, 1);
    CHECK(holds("x == repr(b'a\\0b')", shown));
    Py_XDECREF(shown);
    PyObject *escaped = PyBytes_DecodeEscape("a\\x41\\n", 7, NULL, 0, NULL);
    CHECK(holds("x == b'aA\\n'", escaped));
    Py_XDECREF(escaped);
    RAISES(PyBytes_DecodeEscape("\\x4", 3, NULL, 0, NULL), NULL, PyExc_ValueError, "invalid \\x escape at position 0");
    Py_DECREF(bytes);
}

static void growing(void) {
    PyObject *all = PyBytes_FromString("ab"), *more = PyBytes_FromString("cd");
    PyBytes_Concat(&all, more);
    CHECK(holds("x == b'abcd'", all) && Py_REFCNT(more) == 1);
    PyBytes_ConcatAndDel(&all, more);
    CHECK(holds("x == b'abcdcd'", all));
    PyBytes_Concat(&all, NULL);
    CHECK(all == NULL && !PyErr_Occurred());
    all = PyBytes_FromString("ab");
    PyBytes_Concat(&all, Py_None);
    CHECK(all == NULL && raised(PyExc_TypeError, "can't concat NoneType to bytes"));

    PyObject *fresh_bytes = PyBytes_FromStringAndSize(NULL, 8);
    memset(PyBytes_AS_STRING(fresh_bytes), 'x', 8);
    CHECK(_PyBytes_Resize(&fresh_bytes, 3) == 0 && holds("x == b'xxx'", fresh_bytes));
    CHECK(_PyBytes_Resize(&fresh_bytes, 0) == 0 && PyBytes_GET_SIZE(fresh_bytes) == 0);
    Py_DECREF(fresh_bytes);
    PyObject *shared = PyBytes_FromString("shared"), *also = Py_NewRef(shared);
    CHECK(_PyBytes_Resize(&shared, 2) == 0 && holds("x == b'sh'", shared) && holds("x == b'shared'", also));
    Py_DECREF(shared);
    Py_DECREF(also);

    PyObject *joined = eval("[b'1', bytearray(b'2'), b'3']"), *comma = PyBytes_FromString(",");
    PyObject *result = PyBytes_Join(comma, joined);
    CHECK(holds("x == b'1,2,3'", result));
    Py_XDECREF(result);
    RAISES(PyBytes_Join(NULL, joined), NULL, PyExc_SystemError, NULL);
    RAISES(PyBytes_Join(Py_None, joined), NULL, PyExc_TypeError, "sep: expected bytes, got NoneType");
    Py_XDECREF(joined);
    Py_DECREF(comma);
}

static void other_sources(void) {
    PyObject *list = eval("[1, 2, 255]"), *made = PyBytes_FromObject(list);
    CHECK(holds("x == b'\\1\\2\\xff'", made));
    Py_XDECREF(made);
    Py_XDECREF(list);
    list = eval("[256]");
    RAISES(PyBytes_FromObject(list), NULL, PyExc_ValueError, "bytes must be in range(0, 256)");
    Py_XDECREF(list);
    RAISES(PyBytes_FromObject(Py_None), NULL, PyExc_TypeError, "cannot convert 'NoneType' object to bytes");
    RAISES(PyBytes_FromObject(NULL), NULL, PyExc_SystemError, NULL);

    made = PyBytes_FromFormat("%s %d %5.3s %c %zd %%", "\xff", -7, "abcdef", 254, (Py_ssize_t)12);
    CHECK(holds("x == b'\\xff -7 abc \\xfe 12 %'", made));
    Py_XDECREF(made);
    RAISES(PyBytes_FromFormat("%c", 256), NULL, PyExc_OverflowError,
           "PyBytes_FromFormatV(): %c format expects an integer in range [0; 255]");
    /* From a conversion that does not exist on, the format is copied. */
    const char *unknown = "a %q b";
    made = PyBytes_FromFormat(unknown);
    CHECK(holds("x == b'a %q b'", made));
    Py_XDECREF(made);
}

static void test(void) {
    strings();
    growing();
    other_sources();
}
