/* The interpreter's frame. Not part of the API: what compiled Cython code, greenlet and profilers rely on, and no
 * more. */

#ifndef Py_INTERNAL_PYCORE_INTERPFRAME_STRUCTS_H
#define Py_INTERNAL_PYCORE_INTERPFRAME_STRUCTS_H
#ifdef __cplusplus
extern "C" {
#endif

/* A reference with tag bits below the pointer. */
typedef union _PyStackRef {
    uintptr_t bits;
} _PyStackRef;

/* One unit of code: an instruction and its argument, or a cache entry. */
typedef union {
    uint16_t cache;
    struct {
        uint8_t code;
        uint8_t arg;
    } op;
} _Py_CODEUNIT;

/* Where the frame's memory is. */
enum _frameowner {
    FRAME_OWNED_BY_THREAD = 0,
    FRAME_OWNED_BY_GENERATOR = 1,
    FRAME_OWNED_BY_FRAME_OBJECT = 2,
    FRAME_OWNED_BY_INTERPRETER = 3,
    FRAME_OWNED_BY_CSTACK = 4
};

typedef struct _PyInterpreterFrame {
    _PyStackRef f_executable;
    struct _PyInterpreterFrame *previous;
    _PyStackRef f_funcobj;
    PyObject *f_globals;
    PyObject *f_builtins;
    PyObject *f_locals;
    PyFrameObject *frame_obj;
    _Py_CODEUNIT *instr_ptr;
    _PyStackRef *stackpointer;
#ifdef Py_GIL_DISABLED
    int32_t tlbc_index;
#endif
    uint16_t return_offset;
    char owner;
    uint8_t visited;
    _PyStackRef localsplus[1];
} _PyInterpreterFrame;

#ifdef __cplusplus
}
#endif
#endif  /* Py_INTERNAL_PYCORE_INTERPFRAME_STRUCTS_H */
