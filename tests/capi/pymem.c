#include "check.h"

/* ---- the three domains */

static void domains(void) {
    unsigned char *block = PyMem_RawMalloc(0);
    CHECK(block != NULL);
    PyMem_RawFree(block);
    PyMem_RawFree(NULL);
    block = PyMem_RawCalloc(3, 5);
    CHECK(block && block[0] == 0 && block[14] == 0);
    block = PyMem_RawRealloc(block, 100);
    CHECK(block && block[14] == 0);
    PyMem_RawFree(block);
    CHECK(PyMem_RawMalloc((size_t)PY_SSIZE_T_MAX + 1) == NULL && PyMem_RawCalloc(SIZE_MAX / 2, 3) == NULL && !PyErr_Occurred());

    block = PyMem_Malloc(10);
    memset(block, 7, 10);
    block = PyMem_Realloc(block, 5000);
    CHECK(block && block[9] == 7);
    block = PyMem_Realloc(block, 2);
    CHECK(block && block[1] == 7);
    PyMem_Free(block);
    PyMem_Free(NULL);
    block = PyMem_Realloc(NULL, 4);
    CHECK(block != NULL);
    PyMem_Free(block);
    CHECK(PyMem_Malloc((size_t)PY_SSIZE_T_MAX + 1) == NULL && PyMem_Calloc(SIZE_MAX, 2) == NULL && !PyErr_Occurred());
    long *numbers = PyMem_New(long, 4);
    CHECK(numbers != NULL);
    PyMem_Resize(numbers, long, 9);
    CHECK(numbers != NULL);
    PyMem_Free(numbers);
    CHECK(PyMem_New(long, PY_SSIZE_T_MAX) == NULL);

    block = PyObject_Calloc(2, 8);
    CHECK(block && block[15] == 0);
    block = PyObject_Realloc(block, 64);
    CHECK(block && block[15] == 0);
    PyObject_Free(block);
    PyObject_Free(NULL);
}

/* ---- an allocator of the host */

static struct {
    PyMemAllocatorEx below;
    int allocated, freed;
} counts;

static void *count_malloc(void *context, size_t size) {
    CHECK(context == &counts);
    counts.allocated++;
    return counts.below.malloc(counts.below.ctx, size);
}
static void *count_calloc(void *context, size_t n, size_t size) {
    (void)context;
    counts.allocated++;
    return counts.below.calloc(counts.below.ctx, n, size);
}
static void *count_realloc(void *context, void *block, size_t size) {
    (void)context;
    return counts.below.realloc(counts.below.ctx, block, size);
}
static void count_free(void *context, void *block) {
    (void)context;
    counts.freed += block != NULL;
    counts.below.free(counts.below.ctx, block);
}

static void replaced(void) {
    PyMemAllocatorEx mine = {&counts, count_malloc, count_calloc, count_realloc, count_free}, found;
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &counts.below);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mine);
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &found);
    CHECK(found.malloc == count_malloc && found.ctx == &counts);
    void *block = PyMem_Malloc(12);
    CHECK(block && counts.allocated >= 1);
    block = PyMem_Realloc(block, 50);
    int freed = counts.freed;
    PyMem_Free(block);
    CHECK(counts.freed == freed + 1);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &counts.below);
    int before = counts.allocated;
    PyMem_Free(PyMem_Malloc(1));
    CHECK(counts.allocated == before);
    PyObjectArenaAllocator arenas;
    PyObject_GetArenaAllocator(&arenas);
    CHECK(arenas.alloc != NULL && arenas.free != NULL);
}

static void objects(void) {
    CHECK(PyObject_GC_IsTracked(names) == 1 && PyObject_IS_GC(names) && !PyObject_IS_GC(Py_None));
    CHECK(PyGC_IsEnabled() == 1 && PyGC_Disable() == 1 && PyGC_IsEnabled() == 0 && PyGC_Enable() == 0 && PyGC_IsEnabled() == 1);
    CHECK(run("class Loop: pass\nloop = Loop()\nloop.me = loop\nimport weakref\nref = weakref.ref(loop)\ndel loop\n"));
    PyGC_Collect();
    CHECK(holds("ref() is None", NULL));
    PyObject *list = PyList_New(0);
    Py_INCREF(list);
    CHECK(Py_REFCNT(list) == 2);
    Py_DECREF(list);
    PyObject *kept = list;
    Py_CLEAR(list);
    CHECK(list == NULL && kept != NULL);
    Py_XDECREF(list);
    list = PyList_New(0);
    PyObject *other = PyList_New(0), *place = Py_NewRef(list);
    Py_SETREF(place, Py_NewRef(other));
    CHECK(place == other && Py_REFCNT(list) == 1 && Py_REFCNT(other) == 2);
    Py_XSETREF(place, NULL);
    CHECK(place == NULL && Py_REFCNT(other) == 1 && Py_XNewRef(NULL) == NULL && Py_Is(list, list) && Py_IsNone(Py_None));
    Py_DECREF(list);
    Py_DECREF(other);
    CHECK(PyUnstable_IsImmortal(Py_None) == 1 && PyUnstable_IsImmortal(names) == 0);
    Py_ssize_t count = Py_REFCNT(Py_None);
    Py_INCREF(Py_None);
    Py_DECREF(Py_None);
    CHECK(Py_REFCNT(Py_None) == count);
    other = fresh();
    CHECK(PyUnstable_TryIncRef(other) == 1 && Py_REFCNT(other) == 2);
    Py_DECREF(other);
    PyUnstable_EnableTryIncRef(other);
    CHECK(PyUnstable_TryIncRef(other) == 1);
    Py_DECREF(other);
    CHECK(PyUnstable_Object_IsUniquelyReferenced(other) == 1);
    Py_DECREF(other);
}

static void test(void) {
    domains();
    replaced();
    objects();
}
