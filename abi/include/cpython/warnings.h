/* Warnings at a given place. */

#ifndef Py_CPYTHON_WARNINGS_H
#define Py_CPYTHON_WARNINGS_H
#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(int) PyErr_WarnExplicitFormat(PyObject *category, const char *filename, int lineno,
    const char *module, PyObject *registry, const char *format, ...);
PyAPI_FUNC(int) PyErr_WarnExplicitObject(PyObject *category, PyObject *message, PyObject *filename,
    int lineno, PyObject *module, PyObject *registry);

#define PyErr_Warn(category, message) PyErr_WarnEx((category), (message), 1)

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_WARNINGS_H */
