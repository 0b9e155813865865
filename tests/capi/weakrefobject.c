#include "check.h"

static int called;
static PyObject *on_death(PyObject *self, PyObject *reference) {
    called += PyWeakref_CheckRef(reference) && PyWeakref_IsDead(reference) == 1;
    (void)self;
    Py_RETURN_NONE;
}
static PyMethodDef callback = {"on_death", on_death, METH_O, NULL};

static void test(void) {
    CHECK(run("class C:\n    def __init__(self): self.n = 3\n"));
    PyObject *object = eval("C()"), *function = PyCFunction_New(&callback, NULL), *got = NULL;
    PyObject *plain = PyWeakref_NewRef(object, NULL), *with = PyWeakref_NewRef(object, function);
    PyObject *proxy = PyWeakref_NewProxy(object, NULL);
    CHECK(PyWeakref_Check(plain) && PyWeakref_CheckRef(plain) && PyWeakref_CheckRefExact(plain) && PyWeakref_CheckProxy(proxy));
    PyObject *again = PyWeakref_NewRef(object, NULL);
    CHECK(again == plain && with != plain);
    Py_XDECREF(again);
    CHECK(PyWeakref_GetRef(plain, &got) == 1 && got == object && PyWeakref_IsDead(plain) == 0);
    Py_CLEAR(got);
    CHECK(holds("x.n == 3", proxy));
    RAISES(PyWeakref_NewRef(Py_None, NULL), NULL, PyExc_TypeError, "cannot create weak reference to 'NoneType' object");
    RAISES(PyWeakref_GetRef(object, &got), -1, PyExc_TypeError, "expected a weakref");
    RAISES(PyWeakref_IsDead(object), -1, PyExc_TypeError, NULL);
    RAISES(PyWeakref_GetRef(NULL, &got), -1, PyExc_SystemError, NULL);
    Py_DECREF(object);
    CHECK(called == 1 && PyWeakref_IsDead(plain) == 1 && PyWeakref_GetRef(with, &got) == 0 && got == NULL);
    CHECK(!holds("x.n", proxy) && raised(PyExc_ReferenceError, "weakly-referenced object no longer exists"));

    /* A type of C clears its references by hand. */
    object = eval("C()");
    PyObject *other = PyWeakref_NewRef(object, function);
    PyObject_ClearWeakRefs(Py_None);
    PyErr_Clear();
    Py_DECREF(object);
    CHECK(called == 2);
    Py_XDECREF(other);
    Py_XDECREF(plain);
    Py_XDECREF(with);
    Py_XDECREF(proxy);
    Py_XDECREF(function);
}
