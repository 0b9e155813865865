/* Interpreters with GILs of their own and with a shared one; and native locks around calls that must not let go of the
 * calling thread: the guard of a C++ function-local static is one. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 4
#define TURNS 100
#define NAMES 400

static atomic_int inside, met;
static int gil;

/* A thread with an interpreter of its own; `met` counts how often two were attached at once. */
static void *visitor(void *unused) {
    (void)unused;
    PyInterpreterConfig config = {
        .allow_threads = 1,
        .check_multi_interp_extensions = 1,
        .gil = gil,
    };
    PyThreadState *state = NULL;
    PyStatus status = Py_NewInterpreterFromConfig(&state, &config);
    CHECK(!PyStatus_Exception(status));
    for (int i = 0; i < TURNS; i++) {
        if (atomic_fetch_add(&inside, 1) > 0)
            atomic_fetch_add(&met, 1);
        PyObject *list = PyList_New(0);
        for (int j = 0; j < 2000; j++) {
            PyObject *number = PyLong_FromLong(1000 + j);
            CHECK(PyList_Append(list, number) == 0);
            Py_DECREF(number);
        }
        Py_DECREF(list);
        atomic_fetch_sub(&inside, 1);
        PyEval_SaveThread();
        PyEval_RestoreThread(state);
    }
    /* Asked for by a waiting thread, in the evaluation loop. */
    CHECK(PyRun_SimpleString("for i in range(20000): pass") == 0);
    Py_EndInterpreter(state);
    return NULL;
}

static int visits(int which) {
    pthread_t threads[THREADS];
    gil = which;
    atomic_store(&met, 0);
    PyThreadState *main_state = PyEval_SaveThread();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, visitor, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    PyEval_RestoreThread(main_state);
    return atomic_load(&met);
}

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static PyObject *statics[NAMES];
static atomic_int over;

/* As `static PyObject *name = PyUnicode_InternFromString(...)` in a function that several threads call. */
static PyObject *the_static(int n) {
    char text[32];
    pthread_mutex_lock(&guard);
    if (statics[n] == NULL) {
        snprintf(text, sizeof text, "a static name %d", n);
        statics[n] = PyUnicode_InternFromString(text);
    }
    pthread_mutex_unlock(&guard);
    return statics[n];
}

static void *caller(void *unused) {
    (void)unused;
    PyGILState_STATE state = PyGILState_Ensure();
    for (int n = 0; n < NAMES; n++) {
        CHECK(the_static(n) != NULL);
        if (n % 16 == 0)
            CHECK(PyRun_SimpleString("import sys\nfor i in range(20): sys.intern('a static name ' + str(i))") == 0);
    }
    PyGILState_Release(state);
    return NULL;
}

static void *collector(void *unused) {
    (void)unused;
    PyGILState_STATE state = PyGILState_Ensure();
    while (!atomic_load(&over)) {
        PyGC_Collect();
        Py_BEGIN_ALLOW_THREADS
        usleep(500);
        Py_END_ALLOW_THREADS
    }
    PyGILState_Release(state);
    return NULL;
}

static void interning(void) {
    pthread_t threads[THREADS], pauses;
    PyThreadState *main_state = PyEval_SaveThread();
    CHECK(pthread_create(&pauses, NULL, collector, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, caller, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&over, 1);
    pthread_join(pauses, NULL);
    PyEval_RestoreThread(main_state);
}

int main(void) {
    /* A deadlock is a failure. */
    alarm(120);
    Py_InitializeEx(0);
    int shared = visits(PyInterpreterConfig_SHARED_GIL);
    int own = visits(PyInterpreterConfig_OWN_GIL);
#ifndef Py_GIL_DISABLED
    CHECK(shared == 0);
    CHECK(visits(PyInterpreterConfig_DEFAULT_GIL) == 0);
#endif
    printf("gils: two interpreters ran at once %d times with a shared GIL, %d times with their own\n", shared, own);
    interning();
    CHECK(Py_FinalizeEx() == 0);
    return 0;
}
