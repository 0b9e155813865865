/* Tests in C: each is a function without arguments that fails with an AssertionError. */
#ifndef SELFTESTS_H
#define SELFTESTS_H
#define HOLDS(WHAT)                                              \
    do {                                                         \
        if (!(WHAT)) {                                           \
            PyErr_SetString(PyExc_AssertionError, #WHAT);        \
            return NULL;                                         \
        }                                                        \
    } while (0)

#define TEST(NAME) static PyObject *NAME(PyObject *module, PyObject *unused)
#define ENTRY(NAME) {#NAME, NAME, METH_NOARGS, NULL},
#endif
