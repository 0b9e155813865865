/* Exceptions: raising and making them, the messages of those that nobody catches, and the fatal error. */
#include "parts.h"

static PyObject *raise_exception(PyObject *module, PyObject *args) {
    PyObject *class;
    int n;
    if (!PyArg_ParseTuple(args, "Oi:raise_exception", &class, &n))
        return NULL;
    PyObject *numbers = PyTuple_New(n);
    for (int i = 0; numbers != NULL && i < n; i++) {
        PyObject *number = PyLong_FromLong(i);
        if (number == NULL)
            Py_CLEAR(numbers);
        else
            PyTuple_SET_ITEM(numbers, i, number);
    }
    if (numbers == NULL)
        return NULL;
    PyErr_SetObject(class, numbers);
    Py_DECREF(numbers);
    return NULL;
}

static PyObject *raise_memoryerror(PyObject *module, PyObject *unused) {
    return PyErr_NoMemory();
}

static PyObject *make_exception_with_doc(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", "doc", "base", "dict", NULL};
    const char *name, *doc = NULL;
    PyObject *base = NULL, *dict = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|sOO:make_exception_with_doc", names, &name, &doc, &base, &dict))
        return NULL;
    return PyErr_NewExceptionWithDoc(name, doc, base, dict);
}

static PyObject *err_givenexceptionmatches(PyObject *module, PyObject *args) {
    PyObject *given, *wanted;
    if (!PyArg_ParseTuple(args, "OO:err_givenexceptionmatches", &given, &wanted))
        return NULL;
    return PyBool_FromLong(PyErr_GivenExceptionMatches(given, wanted));
}

static PyObject *err_writeunraisable(PyObject *module, PyObject *args) {
    PyObject *exception, *object;
    if (!PyArg_ParseTuple(args, "OO:err_writeunraisable", &exception, &object))
        return NULL;
    if (exception != Py_None)
        PyErr_SetRaisedException(Py_NewRef(exception));
    PyErr_WriteUnraisable(object == Py_None ? NULL : object);
    Py_RETURN_NONE;
}

/* err_formatunraisable(exception, format or None, *objects): one object, for a format with one place. */
static PyObject *err_formatunraisable(PyObject *module, PyObject *args) {
    PyObject *exception, *object = NULL;
    const char *format;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "Oz#|O:err_formatunraisable", &exception, &format, &size, &object))
        return NULL;
    if (exception != Py_None)
        PyErr_SetRaisedException(Py_NewRef(exception));
    PyErr_FormatUnraisable(format, object);
    Py_RETURN_NONE;
}

/* exception_print(exception, legacy=False): legacy takes class, object and traceback apart. */
static PyObject *exception_print(PyObject *module, PyObject *args) {
    PyObject *exception;
    int legacy = 0;
    if (!PyArg_ParseTuple(args, "O|i:exception_print", &exception, &legacy))
        return NULL;
    if (legacy) {
        PyObject *traceback = PyExceptionInstance_Check(exception) ? PyException_GetTraceback(exception) : NULL;
        PyErr_Display((PyObject *)Py_TYPE(exception), exception, traceback);
        Py_XDECREF(traceback);
    } else {
        PyErr_DisplayException(exception);
    }
    Py_RETURN_NONE;
}

static PyObject *traceback_print(PyObject *module, PyObject *args) {
    PyObject *file, *traceback;
    if (!PyArg_ParseTuple(args, "OO:traceback_print", &traceback, &file))
        return NULL;
    return none_unless(PyTraceBack_Print(traceback, file) < 0);
}

/* The message names this C function. */
static PyObject *_testcapi_fatal_error_impl(PyObject *module, const char *message, int release_gil) {
    if (release_gil) {
        Py_BEGIN_ALLOW_THREADS
        Py_FatalError(message);
        Py_END_ALLOW_THREADS
    } else {
        Py_FatalError(message);
    }
    Py_RETURN_NONE;
}

static PyObject *fatal_error(PyObject *module, PyObject *args) {
    const char *message;
    int release_gil = 0;
    if (!PyArg_ParseTuple(args, "y|i:fatal_error", &message, &release_gil))
        return NULL;
    return _testcapi_fatal_error_impl(module, message, release_gil);
}

/* An exception whose initialiser raises it again. */
static PyTypeObject RecursingInfinitelyError;

static int recursing_init(PyObject *self, PyObject *args, PyObject *keywords) {
    PyErr_SetNone((PyObject *)&RecursingInfinitelyError);
    return -1;
}

static PyTypeObject RecursingInfinitelyError = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "RecursingInfinitelyError",
    .tp_basicsize = sizeof(PyBaseExceptionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = PyDoc_STR("Making one makes another."),
    .tp_init = recursing_init,
};

static PyMethodDef functions[] = {
    {"raise_exception", raise_exception, METH_VARARGS, NULL},
    {"raise_memoryerror", raise_memoryerror, METH_NOARGS, NULL},
    {"make_exception_with_doc", FAST(make_exception_with_doc), METH_VARARGS | METH_KEYWORDS, NULL},
    {"err_givenexceptionmatches", err_givenexceptionmatches, METH_VARARGS, NULL},
    {"err_writeunraisable", err_writeunraisable, METH_VARARGS, NULL},
    {"err_formatunraisable", err_formatunraisable, METH_VARARGS, NULL},
    {"exception_print", exception_print, METH_VARARGS, NULL},
    {"traceback_print", traceback_print, METH_VARARGS, NULL},
    {"fatal_error", fatal_error, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_exceptions(PyObject *module) {
    RecursingInfinitelyError.tp_base = (PyTypeObject *)PyExc_Exception;
    if (PyType_Ready(&RecursingInfinitelyError) < 0 ||
        PyModule_AddObjectRef(module, "RecursingInfinitelyError", (PyObject *)&RecursingInfinitelyError) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
