/* Frames. */

#ifndef Py_PYFRAME_H
#define Py_PYFRAME_H
#ifdef __cplusplus
extern "C" {
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030A0000  /* 3.10 */
PyAPI_FUNC(PyCodeObject *) PyFrame_GetCode(PyFrameObject *frame);
PyAPI_FUNC(int) PyFrame_GetLineNumber(PyFrameObject *);
#endif

#ifndef Py_LIMITED_API
#  include "cpython/pyframe.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYFRAME_H */
