#include "check.h"

static void test(void) {
    PyObject *array = PyByteArray_FromStringAndSize("abc", 3), *more;
    CHECK(array && PyByteArray_CheckExact(array) && PyByteArray_Size(array) == 3);
    CHECK(strcmp(PyByteArray_AsString(array), "abc") == 0);
    CHECK(PyByteArray_Resize(array, 5) == 0 && PyByteArray_GET_SIZE(array) == 5 && PyByteArray_AS_STRING(array)[5] == 0);
    CHECK(PyByteArray_Resize(array, 2) == 0 && holds("x == b'ab'", array));
    RAISES(PyByteArray_Resize(array, -1), -1, PyExc_ValueError, "Can only resize to positive sizes, got -1");
    RAISES(PyByteArray_FromStringAndSize("", -1), NULL, PyExc_SystemError, NULL);
    Py_buffer view;
    CHECK(PyObject_GetBuffer(array, &view, PyBUF_WRITABLE) == 0 && view.len == 2 && !view.readonly);
    RAISES(PyByteArray_Resize(array, 9), -1, PyExc_BufferError,
           "Existing exports of data: object cannot be re-sized");
    ((char *)view.buf)[0] = 'Z';
    PyBuffer_Release(&view);
    more = PyByteArray_Concat(array, array);
    CHECK(holds("x == b'ZbZb' and type(x) is bytearray", more));
    Py_XDECREF(more);
    RAISES(PyByteArray_Concat(array, Py_None), NULL, PyExc_TypeError, "can't concat NoneType to bytearray");
    PyObject *text = PyUnicode_FromString("no");
    RAISES(PyByteArray_FromObject(text), NULL, PyExc_TypeError, "string argument without an encoding");
    Py_DECREF(text);
    more = PyByteArray_FromObject(array);
    CHECK(holds("x == b'Zb'", more) && more != array);
    Py_XDECREF(more);
    Py_DECREF(array);
}
