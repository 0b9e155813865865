#include "check.h"

typedef struct {
    int number;
} State;

static int freed, executed;
static void free_module(void *module) {
    (void)module;
    freed++;
}
static int execute(PyObject *module) {
    State *state = PyModule_GetState(module);
    CHECK(state && state->number == 0);
    state->number = 7;
    executed++;
    return 0;
}
static PyObject *number(PyObject *module, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(((State *)PyModule_GetState(module))->number);
}
static PyMethodDef methods[] = {{"number", number, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static PyModuleDef def = {PyModuleDef_HEAD_INIT, "check_phases", "words", sizeof(State), methods, slots, NULL, NULL, free_module};

static void phases(void) {
    PyObject *spec = eval("__import__('importlib.machinery').machinery.ModuleSpec('given_name', None)");
    CHECK(PyModuleDef_Init(&def) == (PyObject *)&def);
    PyObject *module = PyModule_FromDefAndSpec(&def, spec);
    CHECK(module && strcmp(PyModule_GetName(module), "given_name") == 0 && PyModule_GetDef(module) == &def && executed == 0);
    CHECK(PyModule_ExecDef(module, &def) == 0 && executed == 1 && holds("x.number() == 7 and x.__doc__ == 'words'", module));
    CHECK(PyState_FindModule(&def) == NULL);
    RAISES(PyState_AddModule(module, &def), -1, PyExc_SystemError, NULL);
    Py_XDECREF(module);
    PyGC_Collect();
    CHECK(freed == 1);
    Py_XDECREF(spec);
}

static PyModuleDef at_once = {PyModuleDef_HEAD_INIT, "check_once", NULL, -1, NULL, NULL, NULL, NULL, NULL};

static void contents(void) {
    PyObject *module = PyModule_New("made"), *value = fresh(), *got;
    CHECK(module && PyModule_CheckExact(module) && PyModule_GetDef(module) == NULL && PyModule_GetState(module) == NULL && !PyErr_Occurred());
    got = PyModule_GetNameObject(module);
    CHECK(holds("x == 'made'", got));
    Py_XDECREF(got);
    RAISES(PyModule_GetFilenameObject(module), NULL, PyExc_SystemError, "module filename missing");
    RAISES(PyModule_GetName(value), NULL, PyExc_TypeError, NULL);
    RAISES(PyModule_GetDict(value), NULL, PyExc_SystemError, NULL);
    CHECK(PyDict_Check(PyModule_GetDict(module)));
    CHECK(PyModule_AddIntConstant(module, "i", 5) == 0 && PyModule_AddStringConstant(module, "s", "t") == 0 && PyModule_SetDocString(module, "d") == 0);
    CHECK(holds("(x.i, x.s, x.__doc__) == (5, 't', 'd')", module));

    /* Three ways to add, which differ in who owns the value. */
    CHECK(PyModule_AddObjectRef(module, "a", value) == 0 && Py_REFCNT(value) == 2);
    CHECK(PyModule_Add(module, "b", Py_NewRef(value)) == 0 && Py_REFCNT(value) == 3);
    CHECK(PyModule_AddObject(module, "c", Py_NewRef(value)) == 0 && Py_REFCNT(value) == 4);
    RAISES(PyModule_Add(value, "b", Py_NewRef(value)), -1, PyExc_TypeError, NULL);
    CHECK(Py_REFCNT(value) == 4);
    RAISES(PyModule_AddObjectRef(module, "n", NULL), -1, PyExc_SystemError, NULL);
    PyErr_SetString(PyExc_ValueError, "before");
    RAISES(PyModule_Add(module, "n", NULL), -1, PyExc_ValueError, "before");
    Py_DECREF(module);
    /* Without a GIL functions and modules may wait for the collector. */
    PyGC_Collect();
    CHECK(Py_REFCNT(value) == 1);
    Py_DECREF(value);

    module = PyModule_Create(&at_once);
    CHECK(module && PyState_FindModule(&at_once) == NULL && PyState_AddModule(module, &at_once) == 0 && PyState_FindModule(&at_once) == module);
    CHECK(PyState_RemoveModule(&at_once) == 0 && PyState_FindModule(&at_once) == NULL);
    CHECK(PyModule_AddType(module, &PyLong_Type) == 0 && holds("x.int is int", module));
    Py_XDECREF(module);
}

static void test(void) {
    phases();
    contents();
}
