#include "check.h"

static void test(void) {
    PyObject *start = PyLong_FromLong(1), *stop = PyLong_FromLong(-1), *slice = PySlice_New(start, stop, NULL);
    Py_ssize_t a, b, step, length;
    CHECK(slice && PySlice_Check(slice) && PySlice_Unpack(slice, &a, &b, &step) == 0 && a == 1 && b == -1 && step == 1);
    CHECK(PySlice_AdjustIndices(10, &a, &b, step) == 8 && a == 1 && b == 9);
    CHECK(PySlice_GetIndicesEx(slice, 5, &a, &b, &step, &length) == 0 && length == 3 && b == 4);
    Py_XDECREF(slice);
    slice = eval("slice(None, None, 0)");
    RAISES(PySlice_Unpack(slice, &a, &b, &step), -1, PyExc_ValueError, "slice step cannot be zero");
    Py_XDECREF(slice);
    slice = eval("slice('a', None)");
    RAISES(PySlice_Unpack(slice, &a, &b, &step), -1, PyExc_TypeError,
           "slice indices must be integers or None or have an __index__ method");
    Py_XDECREF(slice);
    Py_DECREF(start);
    Py_DECREF(stop);
    CHECK(PyEllipsis_Type.tp_name && Py_Ellipsis == eval("..."));
}
