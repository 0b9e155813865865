/* Functions for tests, one line each. A part lists its functions once, in a macro with two parameters:
 *
 *     #define FUNCTIONS(ONE, MANY)                                             \
 *         ONE(list_size, SIZE(PyList_Size(a)))                                 \
 *         MANY(list_insert, NUMBER(PyList_Insert(a, n, b)), "O&nO&", A, &n, B)
 *     PART(list, FUNCTIONS)
 *
 * ONE takes a single object, `a`; MANY takes a format and its places. None stands for NULL, where an object is meant. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H
#include <Python.h>

#define UNUSED __attribute__((unused))

UNUSED static int nullable(PyObject *arg, void *place) {
    *(PyObject **)place = arg == Py_None ? NULL : arg;
    return 1;
}

/* Places for "O&". */
#define A nullable, &a
#define B nullable, &b
#define C nullable, &c
#define D nullable, &d

/* What a function may take: objects, sizes, integers, texts with their lengths, a float. */
#define PLACES                                                                                          \
    UNUSED PyObject *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL;                              \
    UNUSED Py_ssize_t m = 0, n = 0, k = 0, l = 0, s_size = 0, t_size = 0, p_size = 0, q_size = 0, r_size = 0; \
    UNUSED int i = 0, j = 0;                                                                            \
    UNUSED unsigned int u = 0;                                                                          \
    UNUSED const char *s = NULL, *t = NULL, *p = NULL, *q = NULL, *r = NULL;                            \
    UNUSED double x = 0, y = 0

#define DEFINE_ONE(name, ...)                                                  \
    static PyObject *name##_one(UNUSED PyObject *module, UNUSED PyObject *a) { \
        if (a == Py_None)                                                      \
            a = NULL;                                                          \
        return __VA_ARGS__;                                                    \
    }
#define DEFINE_MANY(name, result, format, ...)                               \
    static PyObject *name##_many(UNUSED PyObject *module, PyObject *args) {  \
        PLACES;                                                              \
        if (!PyArg_ParseTuple(args, format, ##__VA_ARGS__))                  \
            return NULL;                                                     \
        return result;                                                       \
    }
#define ENTRY_ONE(name, ...) {#name, name##_one, METH_O, NULL},
#define ENTRY_MANY(name, ...) {#name, name##_many, METH_VARARGS, NULL},

/* Defines the functions of a list and `add_PART`, which adds them to a module. */
#define PART(part, FUNCTIONS)                                                       \
    FUNCTIONS(DEFINE_ONE, DEFINE_MANY)                                              \
    static PyMethodDef part##_methods[] = {FUNCTIONS(ENTRY_ONE, ENTRY_MANY){NULL, NULL, 0, NULL}}; \
    int add_##part(PyObject *module) {                                              \
        return PyModule_AddFunctions(module, part##_methods);                       \
    }

/* What stands where a function has to store its result, so that a result that is left out shows. */
#define UNSET_OBJECT ((PyObject *)1)

/* The value of a size that was not given. */
#define UNSET (-100)

/* ---- results */

/* A number; -1 with an exception set is an error. */
UNUSED static PyObject *NUMBER(long long value) {
    return value == -1 && PyErr_Occurred() ? NULL : PyLong_FromLongLong(value);
}
#define SIZE NUMBER

UNUSED static PyObject *UNSIGNED(unsigned long long value, unsigned long long failed) {
    return value == failed && PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(value);
}

UNUSED static PyObject *FLOAT(double value) {
    return value == -1 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(value);
}

/* A borrowed reference. */
UNUSED static PyObject *LENT(PyObject *object) {
    return Py_XNewRef(object);
}

/* A new reference, or `missing` where there is none and no error. */
UNUSED static PyObject *FOUND(PyObject *object, PyObject *missing) {
    return object || PyErr_Occurred() ? object : Py_NewRef(missing);
}

/* What an optional lookup found: its object, or `missing`. */
UNUSED static PyObject *OPTIONAL(int found, PyObject *object, PyObject *missing) {
    return found < 0 ? NULL : found ? object : Py_NewRef(missing);
}

/* None, unless an exception is set. */
UNUSED static PyObject *NOTHING(int failed) {
    if (failed < 0 || PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* A size given as an object. */
UNUSED static Py_ssize_t as_size(PyObject *number) {
    return PyNumber_AsSsize_t(number, PyExc_OverflowError);
}
#endif
