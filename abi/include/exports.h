/* Visibility of symbols: how a name leaves or enters a shared library. */

#ifndef Py_EXPORTS_H
#define Py_EXPORTS_H

#if defined(__GNUC__) || defined(__clang__)
#  define Py_EXPORTED_SYMBOL __attribute__((visibility("default")))
#  define Py_IMPORTED_SYMBOL __attribute__((visibility("default")))
#  define Py_LOCAL_SYMBOL __attribute__((visibility("hidden")))
#else
#  define Py_EXPORTED_SYMBOL
#  define Py_IMPORTED_SYMBOL
#  define Py_LOCAL_SYMBOL
#endif

/* A function or variable of the library. */
#define PyAPI_FUNC(type) Py_IMPORTED_SYMBOL type
#define PyAPI_DATA(type) extern Py_IMPORTED_SYMBOL type

/* What stands before the init function of an extension module. */
#ifdef __cplusplus
#  define PyMODINIT_FUNC extern "C" Py_EXPORTED_SYMBOL PyObject*
#else
#  define PyMODINIT_FUNC Py_EXPORTED_SYMBOL PyObject*
#endif

#endif  /* Py_EXPORTS_H */
