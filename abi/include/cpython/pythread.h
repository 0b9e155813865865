/* The layout of a key of thread-local storage. */

#ifndef Py_CPYTHON_PYTHREAD_H
#define Py_CPYTHON_PYTHREAD_H
#ifdef __cplusplus
extern "C" {
#endif

#include <pthread.h>

#define PYTHREAD_INVALID_THREAD_ID ((unsigned long)-1)

struct _Py_tss_t {
    int _is_initialized;
    pthread_key_t _key;
};

#define Py_tss_NEEDS_INIT { 0, 0 }

PyAPI_DATA(const long long) PY_TIMEOUT_MAX;

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_PYTHREAD_H */
