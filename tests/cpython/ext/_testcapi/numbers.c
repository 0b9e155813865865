/* The limits of C's number types, and facts about the platform and the build. */
#include "parts.h"

#include <errno.h>
#include <float.h>
#include <limits.h>

static PyObject *set_errno(PyObject *module, PyObject *args) {
    int value;
    if (!PyArg_ParseTuple(args, "i:set_errno", &value))
        return NULL;
    errno = value;
    Py_RETURN_NONE;
}

static PyObject *as_seconds(PyObject *module, PyObject *ns) {
    long long value = PyLong_AsLongLong(ns);
    if (value == -1 && PyErr_Occurred())
        return NULL;
    return PyFloat_FromDouble(PyTime_AsSecondsDouble(value));
}

static PyObject *type_get_version(PyObject *module, PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "a type is needed");
        return NULL;
    }
    return PyLong_FromUnsignedLong(((PyTypeObject *)type)->tp_version_tag);
}

static PyObject *type_assign_version(PyObject *module, PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "a type is needed");
        return NULL;
    }
    return PyLong_FromLong(PyUnstable_Type_AssignVersionTag((PyTypeObject *)type));
}

static PyMethodDef functions[] = {
    {"set_errno", set_errno, METH_VARARGS, NULL},
    {"PyTime_AsSecondsDouble", as_seconds, METH_O, NULL},
    {"type_get_version", type_get_version, METH_O, NULL},
    {"type_assign_version", type_assign_version, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Whether the stack grows towards lower addresses: asked of a deeper frame. */
static int __attribute__((noinline)) below(volatile char *outer) {
    volatile char inner = *outer;
    return (uintptr_t)&inner < (uintptr_t)outer;
}

int add_numbers(PyObject *module) {
#define SIGNED(NAME, VALUE) \
    if (PyModule_Add(module, NAME, PyLong_FromLongLong(VALUE)) < 0) return -1
#define UNSIGNED(NAME, VALUE) \
    if (PyModule_Add(module, NAME, PyLong_FromUnsignedLongLong(VALUE)) < 0) return -1
#define FLOAT(NAME, VALUE) \
    if (PyModule_Add(module, NAME, PyFloat_FromDouble(VALUE)) < 0) return -1
    SIGNED("CHAR_MAX", CHAR_MAX);
    SIGNED("CHAR_MIN", CHAR_MIN);
    SIGNED("UCHAR_MAX", UCHAR_MAX);
    SIGNED("SHRT_MAX", SHRT_MAX);
    SIGNED("SHRT_MIN", SHRT_MIN);
    SIGNED("USHRT_MAX", USHRT_MAX);
    SIGNED("INT_MAX", INT_MAX);
    SIGNED("INT_MIN", INT_MIN);
    SIGNED("LONG_MAX", LONG_MAX);
    SIGNED("LONG_MIN", LONG_MIN);
    SIGNED("LLONG_MAX", LLONG_MAX);
    SIGNED("LLONG_MIN", LLONG_MIN);
    SIGNED("PY_SSIZE_T_MAX", PY_SSIZE_T_MAX);
    SIGNED("PY_SSIZE_T_MIN", PY_SSIZE_T_MIN);
    UNSIGNED("UINT_MAX", UINT_MAX);
    UNSIGNED("ULONG_MAX", ULONG_MAX);
    UNSIGNED("ULLONG_MAX", ULLONG_MAX);
    UNSIGNED("SIZE_MAX", SIZE_MAX);
    UNSIGNED("SIZEOF_WCHAR_T", sizeof(wchar_t));
    UNSIGNED("SIZEOF_VOID_P", sizeof(void *));
    UNSIGNED("SIZEOF_TIME_T", sizeof(time_t));
    UNSIGNED("SIZEOF_PID_T", sizeof(pid_t));
    FLOAT("FLT_MAX", FLT_MAX);
    FLOAT("FLT_MIN", FLT_MIN);
    FLOAT("DBL_MAX", DBL_MAX);
    FLOAT("DBL_MIN", DBL_MIN);
    volatile char here = 0;
    SIGNED("_Py_STACK_GROWS_DOWN", below(&here));
#ifdef Py_DEBUG
    SIGNED("Py_DEBUG", 1);
#endif
#define FLAG(NAME, VALUE) \
    if (PyModule_AddObjectRef(module, NAME, (VALUE) ? Py_True : Py_False) < 0) return -1
#ifdef WITH_PYMALLOC
    FLAG("WITH_PYMALLOC", 1);
#else
    FLAG("WITH_PYMALLOC", 0);
#endif
#ifdef WITH_MIMALLOC
    FLAG("WITH_MIMALLOC", 1);
#else
    FLAG("WITH_MIMALLOC", 0);
#endif
#if defined(__hppa__) || (defined(__mips__) && !defined(__mips_nan2008))
    FLAG("nan_msb_is_signaling", 1);
#else
    FLAG("nan_msb_is_signaling", 0);
#endif
    return PyModule_AddFunctions(module, functions);
}
