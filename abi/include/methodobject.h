/* Functions written in C. */

#ifndef Py_METHODOBJECT_H
#define Py_METHODOBJECT_H
#ifdef __cplusplus
extern "C" {
#endif

typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef PyObject *(*PyCFunctionFast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*PyCFunctionWithKeywords)(PyObject *, PyObject *, PyObject *);
typedef PyObject *(*PyCFunctionFastWithKeywords)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
typedef PyObject *(*PyCMethod)(PyObject *, PyTypeObject *, PyObject *const *, Py_ssize_t, PyObject *);

typedef PyCFunctionFast _PyCFunctionFast;
typedef PyCFunctionFastWithKeywords _PyCFunctionFastWithKeywords;

/* Casts to the type of ml_meth that keep the compiler quiet. */
#define _PyCFunction_CAST(func) _Py_FUNC_CAST(PyCFunction, func)
#define _PyCFunctionFast_CAST(func) _Py_FUNC_CAST(PyCFunction, _Py_CAST(PyCFunctionFast, (func)))
#define _PyCFunctionWithKeywords_CAST(func) _Py_FUNC_CAST(PyCFunction, _Py_CAST(PyCFunctionWithKeywords, (func)))
#define _PyCFunctionFastWithKeywords_CAST(func) \
    _Py_FUNC_CAST(PyCFunction, _Py_CAST(PyCFunctionFastWithKeywords, (func)))

struct PyMethodDef {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
};

/* How the function takes its arguments. */
#define METH_CLASS 16
#define METH_COEXIST 64
#define METH_KEYWORDS 2
#define METH_NOARGS 4
#define METH_O 8
#define METH_STACKLESS 0
#define METH_STATIC 32
#define METH_VARARGS 1
#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03070000  /* 3.7 */
#define METH_METHOD 0x200
#endif
#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030A0000  /* 3.10 */
#define METH_FASTCALL 128
#endif

PyAPI_DATA(PyTypeObject) PyCFunction_Type;

PyAPI_FUNC(int) PyCFunction_GetFlags(PyObject *);
PyAPI_FUNC(PyCFunction) PyCFunction_GetFunction(PyObject *);
PyAPI_FUNC(PyObject *) PyCFunction_GetSelf(PyObject *);
PyAPI_FUNC(PyObject *) PyCFunction_NewEx(PyMethodDef *, PyObject *, PyObject *);

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03040000  /* 3.4 */
PyAPI_FUNC(PyObject *) PyCFunction_New(PyMethodDef *, PyObject *);
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03090000  /* 3.9 */
PyAPI_FUNC(PyObject *) PyCMethod_New(PyMethodDef *, PyObject *, PyObject *, PyTypeObject *);
#endif

#define PyCFunction_CheckExact(op) Py_IS_TYPE((op), &PyCFunction_Type)
#define PyCFunction_Check(op) PyObject_TypeCheck((op), &PyCFunction_Type)

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03090000  /* 3.9 */
#  define PyCFunction_New(ml, self) PyCFunction_NewEx((ml), (self), NULL)
#  define PyCFunction_NewEx(ml, self, module) PyCMethod_New((ml), (self), (module), NULL)
#endif

#ifndef Py_LIMITED_API
#  include "cpython/methodobject.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_METHODOBJECT_H */
