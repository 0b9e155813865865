/* Critical sections: hold the lock of one or two objects, and let go of it while the thread is detached. */

#ifndef Py_CPYTHON_CRITICAL_SECTION_H
#define Py_CPYTHON_CRITICAL_SECTION_H
#ifdef __cplusplus
extern "C" {
#endif

/* With a GIL they are blocks and nothing more. A thread's innermost section suspends the others, so a section
 * must not be left by goto, return or longjmp. */
typedef struct PyCriticalSection PyCriticalSection;
typedef struct PyCriticalSection2 PyCriticalSection2;

#ifdef Py_GIL_DISABLED
struct PyCriticalSection {
#ifdef Py_GIL_DISABLED
    uintptr_t _cs_prev;
#endif
#ifdef Py_GIL_DISABLED
    PyMutex *_cs_mutex;
#endif
};

struct PyCriticalSection2 {
#ifdef Py_GIL_DISABLED
    PyCriticalSection _cs_base;
#endif
#ifdef Py_GIL_DISABLED
    PyMutex *_cs_mutex2;
#endif
};
#endif

PyAPI_FUNC(void) PyCriticalSection2_Begin(PyCriticalSection2 *c, PyObject *a, PyObject *b);
PyAPI_FUNC(void) PyCriticalSection2_BeginMutex(PyCriticalSection2 *c, PyMutex *m1, PyMutex *m2);
PyAPI_FUNC(void) PyCriticalSection2_End(PyCriticalSection2 *c);
PyAPI_FUNC(void) PyCriticalSection_Begin(PyCriticalSection *c, PyObject *op);
PyAPI_FUNC(void) PyCriticalSection_BeginMutex(PyCriticalSection *c, PyMutex *m);
PyAPI_FUNC(void) PyCriticalSection_End(PyCriticalSection *c);

#ifdef Py_GIL_DISABLED
#  define Py_BEGIN_CRITICAL_SECTION(op) \
    { PyCriticalSection _py_cs; PyCriticalSection_Begin(&_py_cs, _PyObject_CAST(op));
#  define Py_BEGIN_CRITICAL_SECTION_MUTEX(mutex) \
    { PyCriticalSection _py_cs; PyCriticalSection_BeginMutex(&_py_cs, mutex);
#  define Py_END_CRITICAL_SECTION() \
    PyCriticalSection_End(&_py_cs); }
#  define Py_BEGIN_CRITICAL_SECTION2(a, b) \
    { PyCriticalSection2 _py_cs2; PyCriticalSection2_Begin(&_py_cs2, _PyObject_CAST(a), _PyObject_CAST(b));
#  define Py_BEGIN_CRITICAL_SECTION2_MUTEX(m1, m2) \
    { PyCriticalSection2 _py_cs2; PyCriticalSection2_BeginMutex(&_py_cs2, m1, m2);
#  define Py_END_CRITICAL_SECTION2() \
    PyCriticalSection2_End(&_py_cs2); }
#else
#  define Py_BEGIN_CRITICAL_SECTION(op) {
#  define Py_BEGIN_CRITICAL_SECTION_MUTEX(mutex) {
#  define Py_END_CRITICAL_SECTION() }
#  define Py_BEGIN_CRITICAL_SECTION2(a, b) {
#  define Py_BEGIN_CRITICAL_SECTION2_MUTEX(m1, m2) {
#  define Py_END_CRITICAL_SECTION2() }
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_CRITICAL_SECTION_H */
