/* The raw and mem allocation domains. */

#ifndef Py_PYMEM_H
#define Py_PYMEM_H
#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(void) PyMem_Free(void *ptr);
PyAPI_FUNC(void *) PyMem_Malloc(size_t size);
PyAPI_FUNC(void *) PyMem_Realloc(void *ptr, size_t new_size);

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03070000  /* 3.7 */
PyAPI_FUNC(void *) PyMem_Calloc(size_t nelem, size_t elsize);
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030D0000  /* 3.13 */
PyAPI_FUNC(void *) PyMem_RawCalloc(size_t nelem, size_t elsize);
PyAPI_FUNC(void) PyMem_RawFree(void *ptr);
PyAPI_FUNC(void *) PyMem_RawMalloc(size_t size);
PyAPI_FUNC(void *) PyMem_RawRealloc(void *ptr, size_t new_size);
#endif

/* Typed allocation; an overflow of the size gives NULL. */
#define PyMem_New(TYPE, n) \
    (((size_t)(n) > PY_SSIZE_T_MAX / sizeof(TYPE)) ? NULL : ((TYPE *)PyMem_Malloc((n) * sizeof(TYPE))))
#define PyMem_Resize(p, TYPE, n) \
    ((p) = ((size_t)(n) > PY_SSIZE_T_MAX / sizeof(TYPE)) ? NULL : (TYPE *)PyMem_Realloc((p), (n) * sizeof(TYPE)))

/* Old spellings. */
#define PyMem_MALLOC(n) PyMem_Malloc((n))
#define PyMem_REALLOC(p, n) PyMem_Realloc((p), (n))
#define PyMem_FREE(p) PyMem_Free((p))
#define PyMem_NEW(type, n) PyMem_New(type, n)
#define PyMem_RESIZE(p, type, n) PyMem_Resize((p), type, (n))
#define PyMem_Del(p) PyMem_Free((p))
#define PyMem_DEL(p) PyMem_Free((p))

#ifndef Py_LIMITED_API
#  include "cpython/pymem.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYMEM_H */
