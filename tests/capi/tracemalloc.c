#include "check.h"

/* What the module says of a block of a domain. */
static Py_ssize_t traced(unsigned int domain) {
    PyObject *total = eval("sum(size for domain, size, *rest in __import__('_tracemalloc')._get_traces() if domain == 77)");
    Py_ssize_t size = total ? PyLong_AsSsize_t(total) : -1;
    Py_XDECREF(total);
    return domain == 77 ? size : -1;
}

static void domains(void) {
    CHECK(PyTraceMalloc_Track(77, 0x1000, 10) == -2 && PyTraceMalloc_Untrack(77, 0x1000) == -2);
    CHECK(run("import tracemalloc; tracemalloc.start(2)"));
    CHECK(PyTraceMalloc_Track(77, 0x1000, 10) == 0 && PyTraceMalloc_Track(77, 0x2000, 5) == 0 && traced(77) == 15);
    CHECK(PyTraceMalloc_Track(77, 0x1000, 30) == 0 && traced(77) == 35);
    CHECK(PyTraceMalloc_Untrack(77, 0x1000) == 0 && PyTraceMalloc_Untrack(77, 0x3000) == 0 && traced(77) == 5);
    Py_BEGIN_ALLOW_THREADS
    CHECK(PyTraceMalloc_Track(77, 0x4000, 7) == 0 && PyTraceMalloc_Untrack(77, 0x2000) == 0);
    Py_END_ALLOW_THREADS
    CHECK(traced(77) == 7);
    CHECK(run("tracemalloc.stop()"));
    CHECK(PyTraceMalloc_Track(77, 0x1000, 10) == -2 && PyTraceMalloc_Untrack(77, 0x1000) == -2);
}

static void memory(void) {
    CHECK(run("tracemalloc.start(); now = lambda: tracemalloc.get_traced_memory()[0]; base = now()"));
    void *raw = PyMem_RawMalloc(100000), *mem = PyMem_Malloc(100000), *object = PyObject_Malloc(100000);
    CHECK(holds("now() - base > 299000", Py_None));
    raw = PyMem_RawRealloc(raw, 200000);
    mem = PyMem_Realloc(mem, 10);
    CHECK(holds("299000 < now() - base < 320000", Py_None));
    PyMem_RawFree(raw);
    PyMem_Free(mem);
    PyObject_Free(object);
    CHECK(holds("now() - base < 20000", Py_None));
    CHECK(run("tracemalloc.stop()"));
}

static void test(void) {
    domains();
    memory();
}
