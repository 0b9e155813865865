/* `_testcapi`: the C API for CPython's own tests, as far as the language, runtime and library tests use it. */
#include "parts.h"

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "_testcapi", PyDoc_STR("Calls of the C API, for tests."), -1, NULL, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testcapi(void) {
    static int (*const parts[])(PyObject *) = {
        add_arguments, add_arithmetic, add_atomics, add_calls, add_classes, add_codecs, add_codes,
        add_containers, add_datetime, add_exceptions, add_heaptypes, add_members, add_memory, add_monitoring, add_moretests,
        add_numbers,
        add_objects, add_observers, add_programs, add_selftests, add_text, add_threads, add_types,
        add_watchers,
    };
    PyObject *module = PyModule_Create(&def);
    if (module == NULL)
        return NULL;
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i](module) < 0) {
            Py_DECREF(module);
            return NULL;
        }
    }
    return module;
}
