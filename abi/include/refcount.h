/* Reference counting. */

#ifndef Py_REFCOUNT_H
#define Py_REFCOUNT_H
#ifdef __cplusplus
extern "C" {
#endif

/* Immortal objects are never counted. With a GIL a count of at least 2**31 says immortal, seen as a negative number
 * in 32 bits; without one a local count of all ones does.
 *
 * Without a GIL an object is counted in two places. The thread that made it, named by ob_tid, changes ob_ref_local
 * with plain loads and stores. Every other thread adds to ob_ref_shared atomically, above two bits of state. When the
 * owner's share drops to zero, the two are merged, and from then on only the shared count is used. */

#ifdef Py_GIL_DISABLED
#  define _Py_IMMORTAL_REFCNT_LOCAL UINT32_MAX
#  define _Py_REF_SHARED_SHIFT 2
#  define _Py_REF_SHARED_FLAG_MASK 0x3
/* States: not shared yet; weakly referenced, so the count may rise from another thread; queued for a merge by the
 * owner; merged. */
#  define _Py_REF_SHARED_INIT 0x0
#  define _Py_REF_MAYBE_WEAKREF 0x1
#  define _Py_REF_QUEUED 0x2
#  define _Py_REF_MERGED 0x3
#  define _Py_REF_SHARED(refcnt, flags) (((refcnt) << _Py_REF_SHARED_SHIFT) + (flags))
#endif

PyAPI_FUNC(void) Py_DecRef(PyObject *);
PyAPI_FUNC(void) Py_IncRef(PyObject *);
PyAPI_FUNC(void) _Py_Dealloc(PyObject *);

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030A0000  /* 3.10 */
PyAPI_FUNC(PyObject *) Py_NewRef(PyObject *obj);
PyAPI_FUNC(PyObject *) Py_XNewRef(PyObject *obj);
PyAPI_FUNC(void) _Py_DecRef(PyObject *);
PyAPI_FUNC(void) _Py_IncRef(PyObject *);
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030D0000  /* 3.13 */
PyAPI_FUNC(void) _Py_SetRefcnt(PyObject *ob, Py_ssize_t refcnt);
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030E0000  /* 3.14 */
PyAPI_FUNC(Py_ssize_t) Py_REFCNT(PyObject *ob);
#endif

#ifdef Py_GIL_DISABLED
PyAPI_FUNC(void) _Py_DecRefShared(PyObject *);
PyAPI_FUNC(void) _Py_DecRefSharedDebug(PyObject *, const char *, int);
PyAPI_FUNC(void) _Py_MergeZeroLocalRefcount(PyObject *);
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 < 0x030E0000
static inline Py_ssize_t
_Py_REFCNT(PyObject *ob)
{
#ifdef Py_GIL_DISABLED
    uint32_t local = _Py_atomic_load_uint32_relaxed(&ob->ob_ref_local);
    if (local == _Py_IMMORTAL_REFCNT_LOCAL) {
        return (Py_ssize_t)_Py_IMMORTAL_INITIAL_REFCNT;
    }
    Py_ssize_t shared = _Py_atomic_load_ssize_relaxed(&ob->ob_ref_shared);
    return (Py_ssize_t)local + Py_ARITHMETIC_RIGHT_SHIFT(Py_ssize_t, shared, _Py_REF_SHARED_SHIFT);
#else
    return (Py_ssize_t)ob->ob_refcnt;
#endif
}
#  define Py_REFCNT(ob) _Py_REFCNT(_PyObject_CAST(ob))
#else
#  define Py_REFCNT(ob) Py_REFCNT(_PyObject_CAST(ob))
#endif

static inline Py_ALWAYS_INLINE int
_Py_IsImmortal(PyObject *op)
{
#ifdef Py_GIL_DISABLED
    return _Py_atomic_load_uint32_relaxed(&op->ob_ref_local) == _Py_IMMORTAL_REFCNT_LOCAL;
#else
    return _Py_STATIC_CAST(int32_t, op->ob_refcnt) < 0;
#endif
}
#define _Py_IsImmortal(op) _Py_IsImmortal(_PyObject_CAST(op))

static inline Py_ALWAYS_INLINE int
_Py_IsStaticImmortal(PyObject *op)
{
    return (op->ob_flags & _Py_STATICALLY_ALLOCATED_FLAG) != 0;
}
#define _Py_IsStaticImmortal(op) _Py_IsStaticImmortal(_PyObject_CAST(op))

static inline void
Py_SET_REFCNT(PyObject *ob, Py_ssize_t refcnt)
{
#if defined(Py_LIMITED_API) && Py_LIMITED_API+0 >= 0x030D0000
    _Py_SetRefcnt(ob, refcnt);
#else
    if (_Py_IsImmortal(ob)) {
        return;
    }
#ifdef Py_GIL_DISABLED
    if (_Py_IsOwnedByCurrentThread(ob) && (size_t)refcnt <= (size_t)UINT32_MAX) {
        /* The owner keeps what the others have not counted; their state bits stay. */
        ob->ob_ref_local = _Py_STATIC_CAST(uint32_t, refcnt);
        ob->ob_ref_shared &= _Py_REF_SHARED_FLAG_MASK;
    }
    else {
        ob->ob_tid = _Py_UNOWNED_TID;
        ob->ob_ref_local = 0;
        ob->ob_ref_shared = _Py_REF_SHARED(refcnt, _Py_REF_MERGED);
    }
#else
    ob->ob_refcnt = _Py_STATIC_CAST(uint32_t, refcnt);
#endif
#endif
}
#define Py_SET_REFCNT(ob, refcnt) Py_SET_REFCNT(_PyObject_CAST(ob), (refcnt))

static inline Py_ALWAYS_INLINE void
Py_INCREF(PyObject *op)
{
#if defined(Py_LIMITED_API) && Py_LIMITED_API+0 >= 0x030C0000
    _Py_IncRef(op);
#elif defined(Py_GIL_DISABLED)
    uint32_t local = _Py_atomic_load_uint32_relaxed(&op->ob_ref_local);
    uint32_t more = local + 1;
    if (more == 0) {
        return;  /* immortal */
    }
    if (_Py_IsOwnedByCurrentThread(op)) {
        _Py_atomic_store_uint32_relaxed(&op->ob_ref_local, more);
    }
    else {
        _Py_atomic_add_ssize(&op->ob_ref_shared, 1 << _Py_REF_SHARED_SHIFT);
    }
#else
    uint32_t count = op->ob_refcnt;
    if (count >= _Py_IMMORTAL_INITIAL_REFCNT) {
        return;  /* immortal */
    }
    op->ob_refcnt = count + 1;
#endif
}
#define Py_INCREF(op) Py_INCREF(_PyObject_CAST(op))

static inline Py_ALWAYS_INLINE void
Py_DECREF(PyObject *op)
{
#if defined(Py_LIMITED_API) && Py_LIMITED_API+0 >= 0x030C0000
    _Py_DecRef(op);
#elif defined(Py_GIL_DISABLED)
    uint32_t local = _Py_atomic_load_uint32_relaxed(&op->ob_ref_local);
    if (local == _Py_IMMORTAL_REFCNT_LOCAL) {
        return;
    }
    if (_Py_IsOwnedByCurrentThread(op)) {
        local--;
        _Py_atomic_store_uint32_relaxed(&op->ob_ref_local, local);
        if (local == 0) {
            _Py_MergeZeroLocalRefcount(op);
        }
    }
    else {
        _Py_DecRefShared(op);
    }
#else
    if (_Py_IsImmortal(op)) {
        return;
    }
    if (--op->ob_refcnt == 0) {
        _Py_Dealloc(op);
    }
#endif
}
#define Py_DECREF(op) Py_DECREF(_PyObject_CAST(op))

static inline void
Py_XINCREF(PyObject *op)
{
    if (op != _Py_NULL) {
        Py_INCREF(op);
    }
}
#define Py_XINCREF(op) Py_XINCREF(_PyObject_CAST(op))

static inline void
Py_XDECREF(PyObject *op)
{
    if (op != _Py_NULL) {
        Py_DECREF(op);
    }
}
#define Py_XDECREF(op) Py_XDECREF(_PyObject_CAST(op))

static inline PyObject *
_Py_NewRef(PyObject *obj)
{
    Py_INCREF(obj);
    return obj;
}

static inline PyObject *
_Py_XNewRef(PyObject *obj)
{
    Py_XINCREF(obj);
    return obj;
}
#define Py_NewRef(obj) _Py_NewRef(_PyObject_CAST(obj))
#define Py_XNewRef(obj) _Py_XNewRef(_PyObject_CAST(obj))

/* Sets a variable to NULL, then releases what it held: code that this runs must not see the dying object. */
#ifdef _Py_TYPEOF
#  define Py_CLEAR(op) \
    do { \
        _Py_TYPEOF(op) *_py_place = &(op); \
        _Py_TYPEOF(op) _py_old = (*_py_place); \
        if (_py_old != NULL) { \
            *_py_place = _Py_NULL; \
            Py_DECREF(_py_old); \
        } \
    } while (0)
#else
#  define Py_CLEAR(op) \
    do { \
        PyObject **_py_place = _Py_CAST(PyObject **, &(op)); \
        PyObject *_py_old = (*_py_place); \
        if (_py_old != NULL) { \
            PyObject *_py_null = NULL; \
            memcpy(_py_place, &_py_null, sizeof(PyObject *)); \
            Py_DECREF(_py_old); \
        } \
    } while (0)
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_REFCOUNT_H */
