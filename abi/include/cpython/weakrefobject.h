/* The layout of a weak reference. */

#ifndef Py_CPYTHON_WEAKREFOBJECT_H
#define Py_CPYTHON_WEAKREFOBJECT_H
#ifdef __cplusplus
extern "C" {
#endif

struct _PyWeakReference {
    PyObject_HEAD
    PyObject *wr_object;
    PyObject *wr_callback;
    Py_hash_t hash;
    PyWeakReference *wr_prev;
    PyWeakReference *wr_next;
    vectorcallfunc vectorcall;
#ifdef Py_GIL_DISABLED
    PyMutex *weakrefs_lock;
#endif
};

PyAPI_FUNC(int) PyWeakref_IsDead(PyObject *ref);
PyAPI_FUNC(void) _PyWeakref_ClearRef(PyWeakReference *self);

#define _PyWeakref_CAST(op) _Py_CAST(PyWeakReference *, (op))

/* Borrowed, so the object may die at any time; PyWeakref_GetRef gives a reference. An object whose count has dropped
 * to zero is already gone. */
Py_DEPRECATED(3) static inline PyObject *
PyWeakref_GET_OBJECT(PyObject *ref_obj)
{
    PyObject *obj = _PyWeakref_CAST(ref_obj)->wr_object;
    return Py_REFCNT(obj) > 0 ? obj : Py_None;
}
#define PyWeakref_GET_OBJECT(ref) PyWeakref_GET_OBJECT(_PyObject_CAST(ref))

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_WEAKREFOBJECT_H */
