#include "check.h"

static void test(void) {
    PyObject *list = eval("[1, 2, 2]"), *item = fresh(), *unhashable = PyList_New(0);
    PyObject *set = PySet_New(list), *frozen = PyFrozenSet_New(list), *empty = PySet_New(NULL);
    CHECK(PySet_CheckExact(set) && PyFrozenSet_CheckExact(frozen) && PyAnySet_Check(set) && PyAnySet_CheckExact(frozen));
    CHECK(PySet_Check(empty) && !PySet_Check(frozen) && PyFrozenSet_Check(frozen) && !PyAnySet_Check(list));
    CHECK(PySet_Size(set) == 2 && PySet_GET_SIZE(frozen) == 2 && PySet_Size(empty) == 0);
    RAISES(PySet_New(Py_None), NULL, PyExc_TypeError, "'NoneType' object is not iterable");
    RAISES(PySet_Size(list), -1, PyExc_SystemError, NULL);

    CHECK(PySet_Add(empty, item) == 0 && Py_REFCNT(item) == 2 && PySet_Contains(empty, item) == 1);
    CHECK(PySet_Add(empty, item) == 0 && Py_REFCNT(item) == 2);
    RAISES(PySet_Add(empty, unhashable), -1, PyExc_TypeError, NULL);
    RAISES(PySet_Contains(empty, unhashable), -1, PyExc_TypeError, NULL);
    RAISES(PySet_Discard(empty, unhashable), -1, PyExc_TypeError, NULL);
    CHECK(PySet_Discard(empty, item) == 1 && PySet_Discard(empty, item) == 0 && Py_REFCNT(item) == 1);
    RAISES(PySet_Add(list, item), -1, PyExc_SystemError, NULL);
    RAISES(PySet_Contains(list, item), -1, PyExc_SystemError, NULL);
    RAISES(PySet_Discard(frozen, item), -1, PyExc_SystemError, NULL);
    RAISES(PySet_Pop(empty), NULL, PyExc_KeyError, "'pop from an empty set'");
    RAISES(PySet_Pop(frozen), NULL, PyExc_SystemError, NULL);

    /* A frozen set that nobody has seen may still be filled. */
    PyObject *filling = PyFrozenSet_New(NULL);
    PyObject *some = PyFrozenSet_New(list);
    Py_XDECREF(some);
    CHECK(PySet_Add(set, item) == 0);
    PyObject *popped = PySet_Pop(set);
    CHECK(popped != NULL && PySet_Size(set) == 2);
    Py_XDECREF(popped);
    CHECK(PySet_Clear(set) == 0 && PySet_Size(set) == 0);
    RAISES(PySet_Clear(frozen), -1, PyExc_SystemError, NULL);
    CHECK(Py_REFCNT(item) == 1);
    Py_XDECREF(filling);
    Py_DECREF(list);
    Py_DECREF(item);
    Py_DECREF(unhashable);
    Py_DECREF(set);
    Py_DECREF(frozen);
    Py_DECREF(empty);
}
