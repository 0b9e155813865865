#include "check.h"

static void test(void) {
    PyObject *item = fresh(), *other = fresh(), *empty = PyTuple_New(0), *tuple = PyTuple_New(2);
    CHECK(empty && PyTuple_New(0) == empty && PyTuple_Size(empty) == 0 && PyTuple_CheckExact(tuple));
    RAISES(PyTuple_New(-1), NULL, PyExc_SystemError, NULL);
    /* SetItem takes the reference, also when it fails. */
    CHECK(PyTuple_SetItem(tuple, 0, Py_NewRef(item)) == 0 && Py_REFCNT(item) == 2);
    PyTuple_SET_ITEM(tuple, 1, Py_NewRef(other));
    RAISES(PyTuple_SetItem(tuple, 2, Py_NewRef(item)), -1, PyExc_IndexError, "tuple assignment index out of range");
    CHECK(Py_REFCNT(item) == 2);
    Py_INCREF(tuple);
    RAISES(PyTuple_SetItem(tuple, 0, Py_NewRef(item)), -1, PyExc_SystemError, NULL);
    CHECK(Py_REFCNT(item) == 2);
    Py_DECREF(tuple);
    CHECK(PyTuple_GetItem(tuple, 0) == item && PyTuple_GET_ITEM(tuple, 1) == other && Py_REFCNT(item) == 2);
    RAISES(PyTuple_GetItem(tuple, 2), NULL, PyExc_IndexError, "tuple index out of range");
    RAISES(PyTuple_GetItem(tuple, -1), NULL, PyExc_IndexError, "tuple index out of range");
    RAISES(PyTuple_GetItem(item, 0), NULL, PyExc_SystemError, NULL);
    RAISES(PyTuple_Size(item), -1, PyExc_SystemError, NULL);

    PyObject *packed = PyTuple_Pack(3, item, other, Py_None);
    CHECK(packed && PyTuple_GET_SIZE(packed) == 3 && Py_REFCNT(item) == 3);
    PyObject *part = PyTuple_GetSlice(packed, 1, 99);
    CHECK(part && PyTuple_GET_SIZE(part) == 2 && PyTuple_GET_ITEM(part, 0) == other);
    Py_XDECREF(part);
    part = PyTuple_GetSlice(packed, 0, 3);
    CHECK(part == packed);
    Py_XDECREF(part);
    part = PyTuple_GetSlice(packed, 5, 2);
    CHECK(part == empty);
    Py_XDECREF(part);
    RAISES(PyTuple_GetSlice(item, 0, 1), NULL, PyExc_SystemError, NULL);
    CHECK(_PyTuple_Resize(&packed, 2) == 0 && PyTuple_GET_SIZE(packed) == 2);
    CHECK(_PyTuple_Resize(&packed, 4) == 0 && PyTuple_GET_SIZE(packed) == 4 && PyTuple_GET_ITEM(packed, 3) == NULL);
    Py_DECREF(packed);
    packed = Py_NewRef(tuple);
    RAISES(_PyTuple_Resize(&packed, 1), -1, PyExc_SystemError, NULL);
    CHECK(packed == NULL && Py_REFCNT(tuple) == 1);
    Py_DECREF(tuple);
    CHECK(Py_REFCNT(item) == 1 && Py_REFCNT(other) == 1);
    Py_DECREF(item);
    Py_DECREF(other);
    Py_DECREF(empty);
}
