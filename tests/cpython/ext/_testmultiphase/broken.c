/* Modules that break a rule of multi-phase initialisation; each load ends in SystemError. */
#include <Python.h>

#define DEF(NAME, SIZE, SLOTS)                                                                              \
    static PyModuleDef NAME##_def = {                                                                       \
        PyModuleDef_HEAD_INIT, "_testmultiphase_" #NAME, PyDoc_STR("Test module _testmultiphase_" #NAME), SIZE, NULL, \
        SLOTS, NULL, NULL, NULL};
#define INIT(NAME) PyMODINIT_FUNC PyInit__testmultiphase_##NAME(void)

/* A module whose slots are broken. */
#define BROKEN(NAME, SIZE, ...)                                        \
    static PyModuleDef_Slot NAME##_slots[] = {__VA_ARGS__, {0, NULL}}; \
    DEF(NAME, SIZE, NAME##_slots)                                      \
    INIT(NAME) { return PyModuleDef_Init(&NAME##_def); }

/* ---- slots and sizes */

static PyObject *create_int(PyObject *spec, PyModuleDef *def) {
    return PyLong_FromLong(0);
}

static int execute_nothing(PyObject *module) {
    return 0;
}

BROKEN(bad_slot_large, 0, {Py_mod_gil + 1, NULL})
BROKEN(bad_slot_negative, 0, {-1, NULL})
BROKEN(create_int_with_state, 10, {Py_mod_create, create_int})
BROKEN(negative_size, -1, {0, NULL})
BROKEN(nonmodule_with_exec_slots, 0, {Py_mod_create, create_int}, {Py_mod_exec, execute_nothing})
BROKEN(multiple_create_slots, 0, {Py_mod_create, create_int}, {Py_mod_create, create_int})
BROKEN(multiple_multiple_interpreters_slots, 0,
       {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
       {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED})

/* ---- initialisers that give nothing useful */

static PyModuleDef_Slot no_slots[] = {{0, NULL}};

INIT(export_null) {
    return NULL;
}

/* The definition was never given to PyModuleDef_Init. */
DEF(export_uninitialized, 0, no_slots)
INIT(export_uninitialized) {
    return (PyObject *)&export_uninitialized_def;
}

INIT(export_raise) {
    PyErr_SetString(PyExc_SystemError, "bad export function");
    return NULL;
}

DEF(export_unreported_exception, 0, no_slots)
INIT(export_unreported_exception) {
    PyErr_SetString(PyExc_SystemError, "bad export function");
    return PyModuleDef_Init(&export_unreported_exception_def);
}

/* ---- create slots that fail */

static PyObject *create_null(PyObject *spec, PyModuleDef *def) {
    return NULL;
}

static PyObject *create_raise(PyObject *spec, PyModuleDef *def) {
    PyErr_SetString(PyExc_SystemError, "bad create function");
    return NULL;
}

static PyObject *create_unreported(PyObject *spec, PyModuleDef *def) {
    PyErr_SetString(PyExc_SystemError, "bad create function");
    return PyModule_New("foo");
}

BROKEN(create_null, 0, {Py_mod_create, create_null})
BROKEN(create_raise, 0, {Py_mod_create, create_raise})
BROKEN(create_unreported_exception, 0, {Py_mod_create, create_unreported})

/* ---- exec slots that fail */

static int exec_silent(PyObject *module) {
    return -1;
}

static int exec_raise(PyObject *module) {
    PyErr_SetString(PyExc_SystemError, "bad exec function");
    return -1;
}

static int exec_unreported(PyObject *module) {
    PyErr_SetString(PyExc_SystemError, "bad exec function");
    return 0;
}

BROKEN(exec_err, 0, {Py_mod_exec, exec_silent})
BROKEN(exec_raise, 0, {Py_mod_exec, exec_raise})
BROKEN(exec_unreported_exception, 0, {Py_mod_exec, exec_unreported})
