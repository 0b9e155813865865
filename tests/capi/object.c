#include "check.h"

typedef struct {
    int created, destroyed;
    PyTypeObject *wanted;
} Counts;

static int count(PyObject *object, PyRefTracerEvent event, void *data) {
    Counts *counts = data;
    if (!Py_IS_TYPE(object, counts->wanted))
        return 0;
    if (event == PyRefTracer_CREATE)
        counts->created++;
    else if (event == PyRefTracer_DESTROY)
        counts->destroyed++;
    return 0;
}

static void reference_tracing(void) {
    Counts counts = {0, 0, &PyList_Type};
    void *data = &counts;
    CHECK(PyRefTracer_GetTracer(&data) == NULL && data == NULL);
    CHECK(PyRefTracer_SetTracer(count, &counts) == 0);
    CHECK(PyRefTracer_GetTracer(&data) == count && data == &counts);
    PyObject *list = PyList_New(0);
    CHECK(counts.created == 1 && counts.destroyed == 0);
    Py_DECREF(list);
    CHECK(counts.created == 1 && counts.destroyed == 1);
    CHECK(PyRefTracer_SetTracer(NULL, NULL) == 0);
    Py_DECREF(PyList_New(0));
    CHECK(counts.created == 1 && PyRefTracer_GetTracer(NULL) == NULL);
}

static void attributes(void) {
    CHECK(run("class C:\n    a = 1\n    @property\n    def bad(self): raise ValueError('no')\n    __hash__ = None\n"));
    PyObject *c = eval("C()"), *found = NULL, *name = PyUnicode_FromString("a");
    CHECK(PyObject_HasAttrString(c, "a") == 1 && PyObject_HasAttrString(c, "bad") == 0);
    CHECK(PyObject_HasAttrWithError(c, name) == 1 && PyObject_HasAttrStringWithError(c, "missing") == 0);
    RAISES(PyObject_HasAttrStringWithError(c, "bad"), -1, PyExc_ValueError, "no");
    CHECK(PyObject_GetOptionalAttrString(c, "missing", &found) == 0 && found == NULL);
    CHECK(PyObject_GetOptionalAttr(c, name, &found) == 1 && PyLong_AsLong(found) == 1);
    Py_CLEAR(found);
    RAISES(PyObject_GetOptionalAttrString(c, "bad", &found), -1, PyExc_ValueError, "no");
    RAISES(PyObject_GetAttrString(c, "missing"), NULL, PyExc_AttributeError, "'C' object has no attribute 'missing'");
    RAISES(PyObject_GetAttr(c, Py_None), NULL, PyExc_TypeError, "attribute name must be string, not 'NoneType'");
    CHECK(PyObject_SetAttr(c, name, Py_True) == 0 && holds("x.a is True", c));
    CHECK(PyObject_DelAttr(c, name) == 0 && holds("x.a == 1", c));
    RAISES(PyObject_DelAttr(c, name), -1, PyExc_AttributeError, "'C' object has no attribute 'a'");
    RAISES(PyObject_Hash(c), -1, PyExc_TypeError, "unhashable type: 'C'");
    RAISES(PyObject_HashNotImplemented(c), -1, PyExc_TypeError, "unhashable type: 'C'");
    Py_DECREF(name);
    Py_DECREF(c);
}

static void basics(void) {
    PyObject *text = PyObject_Repr(NULL);
    CHECK(holds("x == '<NULL>'", text));
    Py_XDECREF(text);
    CHECK(PyObject_RichCompareBool(Py_None, Py_None, Py_EQ) == 1 && PyObject_RichCompareBool(Py_None, Py_None, Py_NE) == 0);
    RAISES(PyObject_RichCompare(Py_None, Py_True, Py_LT), NULL, PyExc_TypeError,
        "'<' not supported between instances of 'NoneType' and 'bool'");
    CHECK(PyObject_IsTrue(Py_None) == 0 && PyObject_Not(Py_None) == 1);
    CHECK(PyObject_IsInstance(Py_True, (PyObject *)&PyLong_Type) == 1);
    RAISES(PyObject_IsInstance(Py_True, Py_None), -1, PyExc_TypeError,
        "isinstance() arg 2 must be a type, a tuple of types, or a union");
    CHECK(PyObject_IsSubclass((PyObject *)&PyBool_Type, (PyObject *)&PyLong_Type) == 1);
    CHECK(PyCallable_Check((PyObject *)&PyLong_Type) == 1 && PyCallable_Check(Py_None) == 0 && PyCallable_Check(NULL) == 0);
    CHECK(Py_GetConstant(Py_CONSTANT_NONE) == Py_None && Py_GetConstantBorrowed(Py_CONSTANT_TRUE) == Py_True);
    RAISES(Py_GetConstant(1000), NULL, PyExc_SystemError, NULL);
    PyObject *one = fresh(), *two = Py_NewRef(one);
    CHECK(one == two && Py_REFCNT(one) == 2 && Py_XNewRef(NULL) == NULL);
    Py_SETREF(two, NULL);
    CHECK(Py_REFCNT(one) == 1 && PyUnstable_IsImmortal(Py_None) && !PyUnstable_IsImmortal(one));
    CHECK(PyUnstable_Object_IsUniquelyReferenced(one) == 1);
    Py_CLEAR(one);
    CHECK(one == NULL);
}

static void deferral(void) {
    PyObject *list = PyList_New(0), *text = PyUnicode_FromString("text");
#ifdef Py_GIL_DISABLED
    CHECK(PyUnstable_Object_EnableDeferredRefcount(list) == 1);
#endif
    for (int i = 0; i < 10; i++)
        CHECK(PyUnstable_Object_EnableDeferredRefcount(list) == 0);
    CHECK(PyUnstable_Object_EnableDeferredRefcount(text) == 0);
    Py_DECREF(text);
    Py_DECREF(list);
    CHECK(PyGC_Collect() >= 0);
}

static void test(void) {
    basics();
    deferral();
    attributes();
    reference_tracing();
}
