#include "check.h"

static int switches;
static int watch(PyContextEvent event, PyObject *object) {
    switches += event == Py_CONTEXT_SWITCHED && (object == Py_None || PyContext_CheckExact(object));
    return 0;
}

static void test(void) {
    PyObject *ten = PyLong_FromLong(10), *twenty = PyLong_FromLong(20), *value = NULL;
    PyObject *var = PyContextVar_New("var", NULL), *with = PyContextVar_New("with", ten);
    CHECK(var && PyContextVar_CheckExact(var) && !PyContextVar_CheckExact(ten));
    CHECK(PyContextVar_Get(var, NULL, &value) == 0 && value == NULL);
    CHECK(PyContextVar_Get(var, twenty, &value) == 0 && value == twenty);
    Py_CLEAR(value);
    CHECK(PyContextVar_Get(with, NULL, &value) == 0 && value == ten);
    Py_CLEAR(value);
    RAISES(PyContextVar_Get(ten, NULL, &value), -1, PyExc_TypeError, "an instance of ContextVar was expected");
    RAISES(PyContextVar_Set(ten, ten), NULL, PyExc_TypeError, "an instance of ContextVar was expected");

    PyObject *token = PyContextVar_Set(var, twenty);
    CHECK(token && PyContextToken_CheckExact(token) && PyContextVar_Get(var, NULL, &value) == 0 && value == twenty);
    Py_CLEAR(value);
    CHECK(PyContextVar_Reset(var, token) == 0 && PyContextVar_Get(var, NULL, &value) == 0 && value == NULL);
    RAISES(PyContextVar_Reset(var, token), -1, PyExc_RuntimeError, NULL);
    Py_XDECREF(token);
    token = PyContextVar_Set(var, ten);
    RAISES(PyContextVar_Reset(with, token), -1, PyExc_ValueError, NULL);
    CHECK(PyContextVar_Reset(var, token) == 0);
    Py_XDECREF(token);

    int id = PyContext_AddWatcher(watch);
    PyObject *context = PyContext_New(), *copy = PyContext_CopyCurrent();
    CHECK(context && PyContext_CheckExact(context) && copy && id >= 0);
    CHECK(PyContext_Enter(context) == 0);
    token = PyContextVar_Set(var, twenty);
    Py_XDECREF(token);
    RAISES(PyContext_Enter(context), -1, PyExc_RuntimeError, NULL);
    CHECK(PyContext_Exit(context) == 0);
    RAISES(PyContext_Exit(context), -1, PyExc_RuntimeError, NULL);
    CHECK(PyContextVar_Get(var, NULL, &value) == 0 && value == NULL && switches == 2);
    CHECK(PyContext_ClearWatcher(id) == 0);
    RAISES(PyContext_ClearWatcher(id), -1, PyExc_ValueError, NULL);
    PyObject *third = PyContext_Copy(context);
    CHECK(third && PyObject_Size(third) == 1);
    RAISES(PyContext_Copy(ten), NULL, PyExc_TypeError, "an instance of Context was expected");
    RAISES(PyContext_Enter(ten), -1, PyExc_TypeError, "an instance of Context was expected");
    Py_XDECREF(third);
    Py_XDECREF(copy);
    Py_XDECREF(context);
    Py_XDECREF(var);
    Py_XDECREF(with);
    Py_DECREF(ten);
    Py_DECREF(twenty);
}
