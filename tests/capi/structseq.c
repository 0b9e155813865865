#include "check.h"

static void test(void) {
    static PyStructSequence_Field fields[] = {
        {"first", "the first"}, {"second", NULL}, {NULL, NULL}, {"hidden", NULL}, {NULL, NULL},
    };
    fields[2].name = PyStructSequence_UnnamedField;
    static PyStructSequence_Desc desc = {"check.Point", "a point", fields, 2};
    PyTypeObject *type = PyStructSequence_NewType(&desc);
    CHECK(type && holds("x.n_fields == 4 and x.n_sequence_fields == 2 and x.n_unnamed_fields == 1", (PyObject *)type));
    PyObject *point = PyStructSequence_New(type);
    for (int i = 0; i < 4; i++)
        PyStructSequence_SetItem(point, i, PyLong_FromLong(i * 10));
    CHECK(PyLong_AsLong(PyStructSequence_GetItem(point, 3)) == 30);
    CHECK(holds("x == (0, 10) and x.first == 0 and x.hidden == 30 and repr(x) == 'check.Point(first=0, second=10)'", point));
    Py_XDECREF(point);
    Py_XDECREF(type);
    static PyStructSequence_Desc wrong = {"check.Wrong", NULL, fields, 9};
    RAISES(PyStructSequence_NewType(&wrong), NULL, PyExc_SystemError, NULL);
}
