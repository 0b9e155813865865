/* Frame objects. Not part of the API: compiled Cython code sets the line of the frames that it makes for
 * tracebacks. */

#ifndef Py_INTERNAL_PYCORE_FRAME_H
#define Py_INTERNAL_PYCORE_FRAME_H
#ifdef __cplusplus
extern "C" {
#endif

#include "pycore_interpframe_structs.h"

struct _frame {
    PyObject_HEAD
    PyFrameObject *f_back;
    struct _PyInterpreterFrame *f_frame;
    PyObject *f_trace;
    int f_lineno;
    char f_trace_lines;
    char f_trace_opcodes;
    PyObject *f_extra_locals;
    PyObject *f_locals_cache;
    PyObject *f_overwritten_fast_locals;
    PyObject *_f_frame_data[1];
};

#ifdef __cplusplus
}
#endif
#endif  /* Py_INTERNAL_PYCORE_FRAME_H */
