/* C files by Python's path objects. */

#ifndef Py_CPYTHON_FILEUTILS_H
#define Py_CPYTHON_FILEUTILS_H
#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(int) Py_fclose(FILE *file);
PyAPI_FUNC(FILE *) Py_fopen(PyObject *path, const char *mode);

static inline FILE *
_Py_fopen_obj(PyObject *path, const char *mode)
{
    return Py_fopen(path, mode);
}

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_FILEUTILS_H */
