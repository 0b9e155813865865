/* PyMutex: one byte, no allocation, usable from a zeroed state. */

#ifndef Py_CPYTHON_LOCK_H
#define Py_CPYTHON_LOCK_H
#ifdef __cplusplus
extern "C" {
#endif

#define _Py_UNLOCKED 0
#define _Py_LOCKED 1

/* Bit 0 says locked; the other bits belong to the library. */
typedef struct PyMutex {
    uint8_t _bits;
} PyMutex;

PyAPI_FUNC(int) PyMutex_IsLocked(PyMutex *m);
PyAPI_FUNC(void) PyMutex_Lock(PyMutex *m);
PyAPI_FUNC(void) PyMutex_Unlock(PyMutex *m);

/* The usual case, nobody waiting, takes one instruction and no call. */
static inline void
_PyMutex_Lock(PyMutex *m)
{
    uint8_t expected = _Py_UNLOCKED;
    if (!_Py_atomic_compare_exchange_uint8(&m->_bits, &expected, _Py_LOCKED)) {
        PyMutex_Lock(m);
    }
}

static inline void
_PyMutex_Unlock(PyMutex *m)
{
    uint8_t expected = _Py_LOCKED;
    if (!_Py_atomic_compare_exchange_uint8(&m->_bits, &expected, _Py_UNLOCKED)) {
        PyMutex_Unlock(m);
    }
}

static inline int
_PyMutex_IsLocked(PyMutex *m)
{
    return (_Py_atomic_load_uint8(&m->_bits) & _Py_LOCKED) != 0;
}

#define PyMutex_Lock _PyMutex_Lock
#define PyMutex_Unlock _PyMutex_Unlock
#define PyMutex_IsLocked _PyMutex_IsLocked

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_LOCK_H */
