/* Threads that C starts, and interpreters. */
#include "parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static PyObject *run_in_subinterp(PyObject *module, PyObject *args) {
    const char *code;
    if (!PyArg_ParseTuple(args, "s:run_in_subinterp", &code))
        return NULL;
    PyThreadState *main_state = PyThreadState_Get();
    PyThreadState *sub_state = Py_NewInterpreter();
    if (sub_state == NULL) {
        PyThreadState_Swap(main_state);
        PyErr_SetString(PyExc_RuntimeError, "no interpreter could be made");
        return NULL;
    }
    int status = PyRun_SimpleString(code);
    Py_EndInterpreter(sub_state);
    PyThreadState_Swap(main_state);
    return PyLong_FromLong(status);
}

/* ---- one thread that calls back */

static struct {
    pthread_t id;
    PyObject *callback;
    int running;
} temporary;

static void *call_back(void *unused) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *done = PyObject_CallNoArgs(temporary.callback);
    Py_CLEAR(temporary.callback);
    if (done == NULL)
        PyErr_Print();
    Py_XDECREF(done);
    PyGILState_Release(state);
    return NULL;
}

static PyObject *join(PyObject *module, PyObject *unused) {
    if (temporary.running) {
        Py_BEGIN_ALLOW_THREADS
        pthread_join(temporary.id, NULL);
        Py_END_ALLOW_THREADS
        temporary.running = 0;
    }
    Py_RETURN_NONE;
}

static PyObject *call_in_temporary_c_thread(PyObject *module, PyObject *args) {
    PyObject *callback;
    int wait = 1;
    if (!PyArg_ParseTuple(args, "O|p:call_in_temporary_c_thread", &callback, &wait))
        return NULL;
    if (temporary.running) {
        PyErr_SetString(PyExc_RuntimeError, "there is such a thread already");
        return NULL;
    }
    temporary.callback = Py_NewRef(callback);
    if (pthread_create(&temporary.id, NULL, call_back, NULL) != 0) {
        Py_CLEAR(temporary.callback);
        PyErr_SetString(PyExc_RuntimeError, "no thread could be started");
        return NULL;
    }
    temporary.running = 1;
    if (wait)
        return join(module, NULL);
    Py_RETURN_NONE;
}

/* Calls what blocks until the runtime ends. A thread that hangs there must neither be unwound nor come back. */
static void never_unwound(void *unused) {
    static const char text[] = "the thread was unwound\n";
    fputs(text, stderr);
    abort();
}

static PyObject *finalize_thread_hang(PyObject *module, PyObject *callback) {
    PyObject *done;
    pthread_cleanup_push(never_unwound, NULL);
    done = PyObject_CallNoArgs(callback);
    pthread_cleanup_pop(0);
    if (done == NULL)
        PyErr_Print();
    Py_XDECREF(done);
    fputs("the blocked call came back\n", stderr);
    abort();
}

/* ---- a thread that Python does not know */

static struct {
    pthread_t id;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int state; /* 0 none, 1 asked for, 2 waiting, 3 to end */
} waiter = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *wait_for_end(void *unused) {
    pthread_mutex_lock(&waiter.mutex);
    waiter.state = 2;
    pthread_cond_broadcast(&waiter.changed);
    while (waiter.state != 3)
        pthread_cond_wait(&waiter.changed, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    return NULL;
}

static PyObject *spawn_waiter(PyObject *module, PyObject *unused) {
    if (waiter.state != 0) {
        PyErr_SetString(PyExc_RuntimeError, "the waiting thread is there already");
        return NULL;
    }
    waiter.state = 1;
    if (pthread_create(&waiter.id, NULL, wait_for_end, NULL) != 0) {
        waiter.state = 0;
        PyErr_SetString(PyExc_RuntimeError, "no thread could be started");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&waiter.mutex);
    while (waiter.state != 2)
        pthread_cond_wait(&waiter.changed, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *end_waiter(PyObject *module, PyObject *unused) {
    if (waiter.state == 0) {
        PyErr_SetString(PyExc_RuntimeError, "there is no waiting thread");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&waiter.mutex);
    waiter.state = 3;
    pthread_cond_broadcast(&waiter.changed);
    pthread_mutex_unlock(&waiter.mutex);
    pthread_join(waiter.id, NULL);
    Py_END_ALLOW_THREADS
    waiter.state = 0;
    Py_RETURN_NONE;
}

/* ---- a callback from threads in every state */

static int ensure_and_call(PyObject *callback) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *done = PyObject_CallNoArgs(callback);
    int failed = done == NULL;
    if (failed)
        PyErr_Print();
    Py_XDECREF(done);
    PyGILState_Release(state);
    return failed ? -1 : 0;
}

static void *ensure_in_thread(void *callback) {
    ensure_and_call(callback);
    return NULL;
}

/* Calls back three times from this thread, attached and detached, and once from each of two others. */
static PyObject *thread_state(PyObject *module, PyObject *callback) {
    pthread_t ids[2];
    int failed = ensure_and_call(callback), started = 0;
    Py_BEGIN_ALLOW_THREADS
    while (started < 2 && pthread_create(&ids[started], NULL, ensure_in_thread, callback) == 0)
        started++;
    failed |= ensure_and_call(callback);
    failed |= ensure_and_call(callback);
    for (int i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    Py_END_ALLOW_THREADS
    if (failed || started < 2)
        return PyErr_Format(PyExc_RuntimeError, "a callback failed");
    Py_RETURN_NONE;
}

/* The state that PyGILState knows of is the one that is attached, in interpreters and between them. */
static PyObject *test_current_tstate_matches(PyObject *module, PyObject *unused) {
    PyThreadState *first = PyThreadState_Get();
    int good = PyGILState_GetThisThreadState() == first && PyGILState_Check();
    PyThreadState *other = Py_NewInterpreter();
    if (other == NULL) {
        PyThreadState_Swap(first);
        return PyErr_Format(PyExc_RuntimeError, "no interpreter could be made");
    }
    good = good && PyThreadState_Get() == other && PyGILState_GetThisThreadState() == other;
    PyThreadState_Swap(first);
    good = good && PyGILState_GetThisThreadState() == first;
    PyThreadState_Swap(other);
    Py_EndInterpreter(other);
    PyThreadState_Swap(first);
    good = good && PyGILState_GetThisThreadState() == first && PyGILState_Check();
    return good ? Py_NewRef(Py_None) : PyErr_Format(PyExc_AssertionError, "PyGILState knows another thread state");
}

static PyMethodDef functions[] = {
    {"_test_thread_state", thread_state, METH_O, NULL},
    {"test_current_tstate_matches", test_current_tstate_matches, METH_NOARGS, NULL},
    {"run_in_subinterp", run_in_subinterp, METH_VARARGS, NULL},
    {"call_in_temporary_c_thread", call_in_temporary_c_thread, METH_VARARGS, NULL},
    {"join_temporary_c_thread", join, METH_NOARGS, NULL},
    {"finalize_thread_hang", finalize_thread_hang, METH_O, NULL},
    {"_spawn_pthread_waiter", spawn_waiter, METH_NOARGS, NULL},
    {"_end_spawned_pthread", end_waiter, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_threads(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
