/* What the programs of this folder share. Each calls the functions of one header as the manual describes them: success,
 * each error, and who owns what. The same source passes against the reference. */
#ifndef CHECK_H
#define CHECK_H
#include <Python.h>

#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            if (PyErr_Occurred())                                              \
                PyErr_Print();                                                 \
            failures++;                                                        \
        }                                                                      \
    } while (0)

/* Whether the error indicator has an exception of this class, with this text unless NULL. Clears it. */
static inline int raised(PyObject *class, const char *text) {
    if (!PyErr_ExceptionMatches(class))
        return 0;
    PyObject *exception = PyErr_GetRaisedException();
    int same = 1;
    if (text != NULL) {
        PyObject *shown = PyObject_Str(exception);
        const char *got = shown ? PyUnicode_AsUTF8(shown) : "?";
        same = strcmp(got, text) == 0;
        if (!same)
            fprintf(stderr, "  got: %s\n", got);
        Py_XDECREF(shown);
    }
    Py_DECREF(exception);
    return same;
}

#define RAISES(expression, failed, class, text) \
    do {                                        \
        CHECK((expression) == (failed));        \
        CHECK(raised(class, text));             \
    } while (0)

/* A fresh object that nothing else shares, to watch its count. */
static inline PyObject *fresh(void) {
    return PyFloat_FromDouble(1234.5);
}

/* The value of an expression in a namespace with everything that was run before. */
static PyObject *names;
static inline PyObject *eval(const char *text) {
    return PyRun_String(text, Py_eval_input, names, names);
}
static inline int run(const char *text) {
    PyObject *done = PyRun_String(text, Py_file_input, names, names);
    Py_XDECREF(done);
    return done != NULL;
}
/* Whether an expression is true, with `x` bound to an object. */
static inline int holds(const char *text, PyObject *x) {
    if (x != NULL)
        PyDict_SetItemString(names, "x", x);
    PyObject *value = eval(text);
    int truth = value != NULL && PyObject_IsTrue(value) == 1;
    Py_XDECREF(value);
    if (x != NULL)
        PyDict_DelItemString(names, "x");
    return truth;
}

static void test(void);

int main(void) {
    Py_InitializeEx(0);
    names = PyDict_New();
    PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
    test();
    CHECK(!PyErr_Occurred());
    Py_CLEAR(names);
    if (Py_FinalizeEx() != 0)
        failures++;
    if (failures)
        fprintf(stderr, "%d checks failed\n", failures);
    return failures != 0;
}
#endif
