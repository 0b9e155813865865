#include "check.h"

static void test(void) {
    PyObject *list = PyList_New(0), *item = fresh(), *other = fresh(), *tuple;
    CHECK(list && PyList_Check(list) && PyList_CheckExact(list) && PyList_Size(list) == 0);
    CHECK(!PyList_Check(item));
    RAISES(PyList_New(-1), NULL, PyExc_SystemError, NULL);
    RAISES(PyList_Size(item), -1, PyExc_SystemError, NULL);

    /* Append adds a reference. */
    CHECK(PyList_Append(list, item) == 0 && Py_REFCNT(item) == 2 && PyList_GET_SIZE(list) == 1);
    RAISES(PyList_Append(item, item), -1, PyExc_SystemError, NULL);
    RAISES(PyList_Append(list, NULL), -1, PyExc_SystemError, NULL);

    /* Borrowed and new results. */
    CHECK(PyList_GetItem(list, 0) == item && Py_REFCNT(item) == 2);
    CHECK(PyList_GetItemRef(list, 0) == item && Py_REFCNT(item) == 3);
    Py_DECREF(item);
    RAISES(PyList_GetItem(list, 1), NULL, PyExc_IndexError, "list index out of range");
    RAISES(PyList_GetItem(list, -1), NULL, PyExc_IndexError, "list index out of range");
    RAISES(PyList_GetItemRef(list, 9), NULL, PyExc_IndexError, "list index out of range");
    RAISES(PyList_GetItem(item, 0), NULL, PyExc_SystemError, NULL);
    RAISES(PyList_GetItemRef(item, 0), NULL, PyExc_TypeError, "expected a list");

    /* SetItem takes the reference, also when it fails, and drops the old item. */
    Py_INCREF(other);
    CHECK(PyList_SetItem(list, 0, other) == 0 && Py_REFCNT(item) == 1 && Py_REFCNT(other) == 2);
    Py_INCREF(item);
    RAISES(PyList_SetItem(list, 5, item), -1, PyExc_IndexError, "list assignment index out of range");
    CHECK(Py_REFCNT(item) == 1);
    Py_INCREF(item);
    RAISES(PyList_SetItem(other, 0, item), -1, PyExc_SystemError, NULL);
    CHECK(Py_REFCNT(item) == 1);

    CHECK(PyList_Insert(list, 0, item) == 0 && Py_REFCNT(item) == 2 && PyList_GET_ITEM(list, 0) == item);
    CHECK(PyList_Insert(list, 100, Py_None) == 0 && PyList_Insert(list, -1, Py_True) == 0);
    CHECK(holds("x[2:] == [True, None]", list));
    RAISES(PyList_Insert(list, 0, NULL), -1, PyExc_SystemError, NULL);
    RAISES(PyList_Insert(item, 0, item), -1, PyExc_SystemError, NULL);

    PyObject *part = PyList_GetSlice(list, 2, 100);
    CHECK(holds("x == [True, None]", part));
    Py_XDECREF(part);
    part = PyList_GetSlice(list, -3, 1);
    CHECK(part && PyList_GET_SIZE(part) == 1);
    Py_XDECREF(part);
    CHECK(PyList_SetSlice(list, 2, 4, NULL) == 0 && PyList_GET_SIZE(list) == 2);
    RAISES(PyList_SetSlice(list, 0, 0, Py_None), -1, PyExc_TypeError, "can only assign an iterable");
    RAISES(PyList_GetSlice(item, 0, 0), NULL, PyExc_SystemError, NULL);

    tuple = PyList_AsTuple(list);
    CHECK(tuple && PyTuple_GET_SIZE(tuple) == 2 && PyTuple_GET_ITEM(tuple, 0) == item);
    RAISES(PyList_AsTuple(NULL), NULL, PyExc_SystemError, NULL);
    CHECK(PyList_Extend(list, tuple) == 0 && PyList_GET_SIZE(list) == 4);
    RAISES(PyList_Extend(list, Py_None), -1, PyExc_TypeError, "'NoneType' object is not iterable");
    RAISES(PyList_Extend(tuple, tuple), -1, PyExc_SystemError, NULL);
    Py_XDECREF(tuple);
    CHECK(PyList_Clear(list) == 0 && PyList_GET_SIZE(list) == 0 && Py_REFCNT(item) == 1);
    RAISES(PyList_Clear(item), -1, PyExc_SystemError, NULL);

    PyObject *numbers = eval("[3, 1, 2]");
    CHECK(PyList_Sort(numbers) == 0 && holds("x == [1, 2, 3]", numbers));
    CHECK(PyList_Reverse(numbers) == 0 && holds("x == [3, 2, 1]", numbers));
    RAISES(PyList_Sort(item), -1, PyExc_SystemError, NULL);
    RAISES(PyList_Reverse(NULL), -1, PyExc_SystemError, NULL);
    CHECK(PyList_Append(numbers, Py_None) == 0);
    RAISES(PyList_Sort(numbers), -1, PyExc_TypeError, "'<' not supported between instances of 'NoneType' and 'int'");

    /* A new list of NULLs is filled in place. */
    PyObject *filled = PyList_New(2);
    PyList_SET_ITEM(filled, 0, item);
    PyList_SET_ITEM(filled, 1, other);
    CHECK(PyList_GET_ITEM(filled, 1) == other);
    Py_DECREF(filled);
    Py_DECREF(numbers);
    Py_DECREF(list);
}
