/* Memory: allocators that fail on purpose, allocations of nothing, and blocks that tracemalloc is told of. */
#include "parts.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- allocators that fail between two requests */

static struct {
    PyMemAllocatorEx raw, mem, object; /* those that were there before */
    atomic_int count;
    int start, stop, installed;
} hook;

static int refused(void) {
    int n = atomic_fetch_add(&hook.count, 1) + 1;
    return n > hook.start && (hook.stop <= 0 || n <= hook.stop);
}

static void *hook_malloc(void *context, size_t size) {
    PyMemAllocatorEx *real = context;
    return refused() ? NULL : real->malloc(real->ctx, size);
}

static void *hook_calloc(void *context, size_t n, size_t size) {
    PyMemAllocatorEx *real = context;
    return refused() ? NULL : real->calloc(real->ctx, n, size);
}

static void *hook_realloc(void *context, void *block, size_t size) {
    PyMemAllocatorEx *real = context;
    return refused() ? NULL : real->realloc(real->ctx, block, size);
}

static void hook_free(void *context, void *block) {
    PyMemAllocatorEx *real = context;
    real->free(real->ctx, block);
}

static void install(PyMemAllocatorDomain domain, PyMemAllocatorEx *real) {
    PyMemAllocatorEx mine = {real, hook_malloc, hook_calloc, hook_realloc, hook_free};
    PyMem_GetAllocator(domain, real);
    PyMem_SetAllocator(domain, &mine);
}

static PyObject *remove_mem_hooks(PyObject *module, PyObject *unused) {
    if (hook.installed) {
        hook.installed = 0;
        PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &hook.raw);
        PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &hook.mem);
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &hook.object);
    }
    Py_RETURN_NONE;
}

/* set_nomemory(start, stop=0): requests after the start-th fail, up to the stop-th unless that is 0. */
static PyObject *set_nomemory(PyObject *module, PyObject *args) {
    int start, stop = 0;
    if (!PyArg_ParseTuple(args, "i|i:set_nomemory", &start, &stop))
        return NULL;
    hook.start = start;
    hook.stop = stop;
    atomic_store(&hook.count, 0);
    if (!hook.installed) {
        hook.installed = 1;
        install(PYMEM_DOMAIN_RAW, &hook.raw);
        install(PYMEM_DOMAIN_MEM, &hook.mem);
        install(PYMEM_DOMAIN_OBJ, &hook.object);
    }
    Py_RETURN_NONE;
}

/* Every domain gives a block for a request of no bytes. */
static PyObject *test_pymem_alloc0(PyObject *module, PyObject *unused) {
#define NOTHING(allocate, free)                                                        \
    do {                                                                               \
        void *block = allocate;                                                        \
        if (block == NULL) {                                                           \
            PyErr_SetString(PyExc_RuntimeError, #allocate " gave no block");           \
            return NULL;                                                               \
        }                                                                              \
        free(block);                                                                   \
    } while (0)
    NOTHING(PyMem_RawMalloc(0), PyMem_RawFree);
    NOTHING(PyMem_RawCalloc(0, 0), PyMem_RawFree);
    NOTHING(PyMem_Malloc(0), PyMem_Free);
    NOTHING(PyMem_Calloc(0, 0), PyMem_Free);
    NOTHING(PyObject_Malloc(0), PyObject_Free);
    NOTHING(PyObject_Calloc(0, 0), PyObject_Free);
    Py_RETURN_NONE;
}

/* ---- tracemalloc */

static PyObject *track(PyObject *module, PyObject *args) {
    unsigned int domain;
    PyObject *address;
    Py_ssize_t size;
    int release = 0, failed;
    if (!PyArg_ParseTuple(args, "IOn|i:tracemalloc_track", &domain, &address, &size, &release))
        return NULL;
    void *block = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    if (release) {
        Py_BEGIN_ALLOW_THREADS
        failed = PyTraceMalloc_Track(domain, (uintptr_t)block, (size_t)size);
        Py_END_ALLOW_THREADS
    } else {
        failed = PyTraceMalloc_Track(domain, (uintptr_t)block, (size_t)size);
    }
    if (failed < 0)
        PyErr_SetString(PyExc_RuntimeError, "PyTraceMalloc_Track failed");
    return none_unless(failed < 0);
}

static PyObject *untrack(PyObject *module, PyObject *args) {
    unsigned int domain;
    PyObject *address;
    int release = 0, failed;
    if (!PyArg_ParseTuple(args, "IO|i:tracemalloc_untrack", &domain, &address, &release))
        return NULL;
    void *block = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    if (release) {
        Py_BEGIN_ALLOW_THREADS
        failed = PyTraceMalloc_Untrack(domain, (uintptr_t)block);
        Py_END_ALLOW_THREADS
    } else {
        failed = PyTraceMalloc_Untrack(domain, (uintptr_t)block);
    }
    if (failed < 0)
        PyErr_SetString(PyExc_RuntimeError, "PyTraceMalloc_Untrack failed");
    return none_unless(failed < 0);
}

/* Native threads that tell tracemalloc of blocks while it is started and stopped. */

static atomic_int racing;

static void *track_blocks(void *place) {
    uintptr_t address = (uintptr_t)place;
    while (atomic_load(&racing)) {
        PyTraceMalloc_Track(5, address, 64);
        PyTraceMalloc_Untrack(5, address);
    }
    return NULL;
}

static PyObject *track_race(PyObject *module, PyObject *unused) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    static char places[THREADS];
    PyObject *tracemalloc = PyImport_ImportModule("tracemalloc");
    if (tracemalloc == NULL)
        return NULL;
    atomic_store(&racing, 1);
    size_t started = 0;
    while (started < THREADS &&
           pthread_create(&threads[started], NULL, track_blocks, &places[started]) == 0)
        started++;
    int failed = 0;
    for (int i = 0; i < 20 && !failed; i++) {
        PyObject *done = PyObject_CallMethod(tracemalloc, i % 2 ? "stop" : "start", NULL);
        failed = done == NULL;
        Py_XDECREF(done);
    }
    Py_BEGIN_ALLOW_THREADS
    atomic_store(&racing, 0);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    Py_END_ALLOW_THREADS
    Py_DECREF(tracemalloc);
    return none_unless(failed);
}

static PyMethodDef functions[] = {
    {"set_nomemory", set_nomemory, METH_VARARGS, NULL},
    {"remove_mem_hooks", remove_mem_hooks, METH_NOARGS, NULL},
    {"test_pymem_alloc0", test_pymem_alloc0, METH_NOARGS, NULL},
    {"tracemalloc_track", track, METH_VARARGS, NULL},
    {"tracemalloc_untrack", untrack, METH_VARARGS, NULL},
    {"tracemalloc_track_race", track_race, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_memory(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
