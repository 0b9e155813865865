#include "check.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 2000 };

/* ---- PyMutex and critical sections */

static PyMutex mutex;
static PyObject *left, *right;
static long counter, pairs;

static void *count(void *unused) {
    (void)unused;
    PyGILState_STATE state = PyGILState_Ensure();
    for (int i = 0; i < ROUNDS; i++) {
        PyMutex_Lock(&mutex);
        counter++;
        PyMutex_Unlock(&mutex);
        Py_BEGIN_CRITICAL_SECTION2(i % 2 ? left : right, i % 2 ? right : left);
        pairs++;
        Py_END_CRITICAL_SECTION2();
    }
    PyGILState_Release(state);
    return NULL;
}

static void exclusion(void) {
    pthread_t threads[THREADS];
    left = PyList_New(0);
    right = PyList_New(0);
    CHECK(!PyMutex_IsLocked(&mutex));
    PyMutex_Lock(&mutex);
    CHECK(PyMutex_IsLocked(&mutex));
    PyMutex_Unlock(&mutex);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    Py_END_ALLOW_THREADS
    CHECK(counter == THREADS * ROUNDS && pairs == THREADS * ROUNDS);
    /* A section for one object nests in itself by being the same section. */
    Py_BEGIN_CRITICAL_SECTION(left);
    CHECK(PyList_Append(left, Py_None) == 0);
    Py_END_CRITICAL_SECTION();
    CHECK(PyList_GET_SIZE(left) == 1);
    Py_CLEAR(left);
    Py_CLEAR(right);
}

/* ---- storage of threads, old locks */

static Py_tss_t key = Py_tss_NEEDS_INIT;
static void *foreign(void *place) {
    *(void **)place = PyThread_tss_get(&key);
    PyThread_tss_set(&key, place);
    return PyThread_tss_get(&key) == place ? place : NULL;
}

static void storage(void) {
    int value;
    void *seen = &value, *result = NULL;
    CHECK(!PyThread_tss_is_created(&key) && PyThread_tss_create(&key) == 0 && PyThread_tss_is_created(&key) && PyThread_tss_create(&key) == 0);
    CHECK(PyThread_tss_get(&key) == NULL && PyThread_tss_set(&key, &value) == 0 && PyThread_tss_get(&key) == &value);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, foreign, &seen) == 0 && pthread_join(thread, &result) == 0);
    CHECK(seen == NULL && result == &seen && PyThread_tss_get(&key) == &value);
    PyThread_tss_delete(&key);
    CHECK(!PyThread_tss_is_created(&key));
    PyThread_tss_delete(&key);
    Py_tss_t *made = PyThread_tss_alloc();
    CHECK(made && !PyThread_tss_is_created(made));
    PyThread_tss_free(made);
    PyThread_tss_free(NULL);

    PyThread_type_lock lock = PyThread_allocate_lock();
    CHECK(lock && PyThread_acquire_lock(lock, NOWAIT_LOCK) == 1 && PyThread_acquire_lock(lock, NOWAIT_LOCK) == 0);
    CHECK(PyThread_acquire_lock_timed(lock, 1000, 0) == PY_LOCK_FAILURE);
    PyThread_release_lock(lock);
    CHECK(PyThread_acquire_lock(lock, WAIT_LOCK) == 1);
    PyThread_release_lock(lock);
    PyThread_free_lock(lock);
    CHECK(PyThread_get_thread_ident() != 0);
    PyObject *info = PyThread_GetInfo();
    CHECK(holds("x.name == 'pthread'", info));
    Py_XDECREF(info);
}

/* ---- states of threads */

static int pended;
static int pending(void *what) {
    pended += *(int *)what;
    return 0;
}

static void states(void) {
    PyThreadState *state = PyThreadState_Get();
    CHECK(state && PyThreadState_GetUnchecked() == state && PyGILState_Check() == 1 && PyGILState_GetThisThreadState() == state);
    PyInterpreterState *interpreter = PyThreadState_GetInterpreter(state);
    CHECK(interpreter && PyInterpreterState_Get() == interpreter && PyInterpreterState_Main() == interpreter && PyInterpreterState_GetID(interpreter) == 0);
    CHECK(PyThreadState_GetID(state) > 0 && PyThreadState_GetDict() != NULL && PyDict_Check(PyInterpreterState_GetDict(interpreter)));
    PyThreadState *saved = PyEval_SaveThread();
    CHECK(saved == state && PyThreadState_GetUnchecked() == NULL && PyGILState_Check() == 0);
    PyGILState_STATE ensured = PyGILState_Ensure();
    CHECK(PyThreadState_Get() == state);
    PyGILState_Release(ensured);
    PyEval_RestoreThread(saved);
    PyGILState_STATE nested = PyGILState_Ensure();
    CHECK(nested == PyGILState_LOCKED);
    PyGILState_Release(nested);

    PyThreadState *other = PyThreadState_New(interpreter);
    CHECK(other && PyThreadState_GetID(other) != PyThreadState_GetID(state));
    CHECK(PyThreadState_Swap(other) == state && PyThreadState_Get() == other && PyThreadState_Swap(state) == other);
    PyThreadState_Clear(other);
    PyThreadState_Delete(other);
    int found = 0;
    for (PyThreadState *at = PyInterpreterState_ThreadHead(interpreter); at; at = PyThreadState_Next(at))
        found += at == state;
    CHECK(found == 1 && PyInterpreterState_Head() != NULL);
    int step = 5;
    CHECK(Py_AddPendingCall(pending, &step) == 0 && Py_MakePendingCalls() == 0 && pended == 5);
    CHECK(PyThreadState_SetAsyncExc(999999, PyExc_ValueError) == 0);
    CHECK(Py_IsInitialized() && !Py_IsFinalizing());
}

static void test(void) {
    exclusion();
    storage();
    states();
}
