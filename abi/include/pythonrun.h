/* Running source. */

#ifndef Py_PYTHONRUN_H
#define Py_PYTHONRUN_H
#ifdef __cplusplus
extern "C" {
#endif

PyAPI_DATA(int) (*PyOS_InputHook)(void);

PyAPI_FUNC(void) PyErr_Display(PyObject *, PyObject *, PyObject *);
PyAPI_FUNC(void) PyErr_Print(void);
PyAPI_FUNC(void) PyErr_PrintEx(int);
PyAPI_FUNC(PyObject *) Py_CompileString(const char *, const char *, int);

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030C0000  /* 3.12 */
PyAPI_FUNC(void) PyErr_DisplayException(PyObject *);
#endif

/* Without flags the compiler inherits nothing and optimises as the interpreter does. */
#ifndef Py_LIMITED_API
#  include "cpython/pythonrun.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYTHONRUN_H */
