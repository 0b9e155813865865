/* The parts of `_testcapi`, one file each. A part adds its functions and types to the module. */
#ifndef PARTS_H
#define PARTS_H
#include <Python.h>

/* `tp_traverse` and `tp_clear` of instances with a dict that the runtime manages and nothing else. */
int managed_traverse(PyObject *self, visitproc visit, void *arg);
int managed_clear(PyObject *self);

int add_arguments(PyObject *module);
int add_arithmetic(PyObject *module);
int add_atomics(PyObject *module);
int add_calls(PyObject *module);
int add_classes(PyObject *module);
int add_codes(PyObject *module);
int add_codecs(PyObject *module);
int add_containers(PyObject *module);
int add_datetime(PyObject *module);
int add_exceptions(PyObject *module);
int add_heaptypes(PyObject *module);
int add_members(PyObject *module);
int add_memory(PyObject *module);
int add_monitoring(PyObject *module);
int add_moretests(PyObject *module);
int add_numbers(PyObject *module);
int add_objects(PyObject *module);
int add_observers(PyObject *module);
int add_programs(PyObject *module);
int add_selftests(PyObject *module);
int add_text(PyObject *module);
int add_threads(PyObject *module);
int add_types(PyObject *module);
int add_watchers(PyObject *module);

/* Functions of other kinds than PyCFunction. */
#define FAST(function) ((PyCFunction)(void (*)(void))(function))

/* None, unless the result of a call says that it failed. */
static inline PyObject *none_unless(int failed) {
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}
#endif
