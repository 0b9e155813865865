/* `_testsinglephase` and its variants: modules that are made at once by their initialiser. They differ in where their
 * state lives: in C globals (m_size -1), nowhere (0) or with the module (> 0). */
#include <Python.h>

/* When the module was initialised, and what it shows as attributes. */
typedef struct {
    double initialized;
    PyObject *error, *int_const, *str_const;
} State;

static struct {
    int count; /* times the initialiser ran; -1 before and after a clearing */
    State state;
} global = {-1, {0, NULL, NULL, NULL}};

static void clear_state(State *state) {
    state->initialized = 0;
    Py_CLEAR(state->error);
    Py_CLEAR(state->int_const);
    Py_CLEAR(state->str_const);
}

static int fill_state(State *state) {
    PyTime_t now;
    if (PyTime_PerfCounter(&now) < 0)
        return -1;
    clear_state(state);
    state->initialized = PyTime_AsSecondsDouble(now);
    state->error = PyErr_NewException("_testsinglephase.error", NULL, NULL);
    state->int_const = PyLong_FromLong(1969);
    state->str_const = PyUnicode_FromString("something different");
    if (state->error == NULL || state->int_const == NULL || state->str_const == NULL) {
        clear_state(state);
        return -1;
    }
    return 0;
}

static int show_state(PyObject *module, const State *state) {
    return PyModule_AddObjectRef(module, "error", state->error) < 0 ||
                   PyModule_AddObjectRef(module, "int_const", state->int_const) < 0 ||
                   PyModule_AddObjectRef(module, "str_const", state->str_const) < 0 ||
                   PyModule_Add(module, "_module_initialized", PyFloat_FromDouble(state->initialized)) < 0
               ? -1
               : 0;
}

/* The state of a module: its own, or the C globals; NULL where there is none. */
static State *state_of(PyObject *module) {
    PyModuleDef *def = PyModule_GetDef(module);
    if (def == NULL || def->m_size == 0)
        return NULL;
    return def->m_size < 0 ? &global.state : PyModule_GetState(module);
}

/* ---- functions */

/* The module that the interpreter registered for this one's definition. */
static PyObject *look_up_self(PyObject *module, PyObject *unused) {
    PyModuleDef *def = PyModule_GetDef(module);
    if (def == NULL)
        return NULL;
    PyObject *found = PyState_FindModule(def);
    return Py_NewRef(found ? found : Py_None);
}

static PyObject *sum(PyObject *module, PyObject *args) {
    long i, j;
    if (!PyArg_ParseTuple(args, "ll:sum", &i, &j))
        return NULL;
    return PyLong_FromLong(i + j);
}

static PyObject *state_initialized(PyObject *module, PyObject *unused) {
    State *state = state_of(module);
    if (state == NULL)
        Py_RETURN_NONE;
    return PyFloat_FromDouble(state->initialized);
}

static PyObject *initialized_count(PyObject *module, PyObject *unused) {
    return PyLong_FromLong(global.count);
}

static PyObject *clear_globals(PyObject *module, PyObject *unused) {
    clear_state(&global.state);
    global.count = -1;
    Py_RETURN_NONE;
}

static PyObject *clear_module_state(PyObject *module, PyObject *unused) {
    State *state = state_of(module);
    if (state != NULL)
        clear_state(state);
    Py_RETURN_NONE;
}

#define COMMON                                                                                              \
    {"look_up_self", look_up_self, METH_NOARGS, PyDoc_STR("The module that is registered.")},              \
        {"sum", sum, METH_VARARGS, PyDoc_STR("sum(i, j)\n--\n\nThe sum of two integers.")},                 \
        {"state_initialized", state_initialized, METH_NOARGS, PyDoc_STR("When the state was initialised.")}

static PyMethodDef basic_methods[] = {
    COMMON,
    {"initialized_count", initialized_count, METH_NOARGS, PyDoc_STR("How often the initialiser ran.")},
    {"_clear_globals", clear_globals, METH_NOARGS, PyDoc_STR("Forgets the state in C globals.")},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef reinit_methods[] = {COMMON, {NULL, NULL, 0, NULL}};

static PyMethodDef state_methods[] = {
    COMMON,
    {"_clear_module_state", clear_module_state, METH_NOARGS, PyDoc_STR("Forgets the module's state.")},
    {NULL, NULL, 0, NULL},
};

/* ---- the modules */

#define DEF(ID, NAME, SIZE, METHODS)                                                                     \
    static PyModuleDef ID = {                                                                            \
        PyModuleDef_HEAD_INIT, NAME, PyDoc_STR("Test module " NAME), SIZE, METHODS, NULL, NULL, NULL, NULL}

/* Makes a module that does not need the GIL. */
static PyObject *create(PyModuleDef *def) {
    PyObject *module = PyModule_Create(def);
#ifdef Py_GIL_DISABLED
    if (module != NULL)
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}

static PyObject *create_basic(PyModuleDef *def) {
    PyObject *module = create(def);
    if (module == NULL)
        return NULL;
    if (fill_state(&global.state) < 0 || show_state(module, &global.state) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    global.count = global.count < 0 ? 1 : global.count + 1;
    return module;
}

DEF(basic, "_testsinglephase", -1, basic_methods);
PyMODINIT_FUNC PyInit__testsinglephase(void) {
    return create_basic(&basic);
}

/* Shares the definition of the first. */
PyMODINIT_FUNC PyInit__testsinglephase_basic_wrapper(void) {
    return PyInit__testsinglephase();
}

DEF(basic_copy, "_testsinglephase_basic_copy", -1, basic_methods);
PyMODINIT_FUNC PyInit__testsinglephase_basic_copy(void) {
    return create_basic(&basic_copy);
}

DEF(with_reinit, "_testsinglephase_with_reinit", 0, reinit_methods);
PyMODINIT_FUNC PyInit__testsinglephase_with_reinit(void) {
    PyObject *module = create(&with_reinit);
    if (module == NULL)
        return NULL;
    State state = {0, NULL, NULL, NULL};
    if (fill_state(&state) < 0 || show_state(module, &state) < 0)
        Py_CLEAR(module);
    clear_state(&state);
    return module;
}

DEF(with_state, "_testsinglephase_with_state", sizeof(State), state_methods);
PyMODINIT_FUNC PyInit__testsinglephase_with_state(void) {
    PyObject *module = create(&with_state);
    if (module == NULL)
        return NULL;
    State *state = PyModule_GetState(module);
    if (fill_state(state) < 0 || show_state(module, state) < 0) {
        clear_state(state);
        Py_CLEAR(module);
    }
    return module;
}

/* Initialisers that ask first whether the interpreter has the module already. */

static PyObject *found_or_created(PyModuleDef *def) {
    PyObject *module = PyState_FindModule(def);
    return module ? Py_NewRef(module) : create(def);
}

DEF(checks_first, "_testsinglephase_check_cache_first", -1, NULL);
PyMODINIT_FUNC PyInit__testsinglephase_check_cache_first(void) {
    return found_or_created(&checks_first);
}

DEF(reinit_checks_first, "_testsinglephase_with_reinit_check_cache_first", 0, NULL);
PyMODINIT_FUNC PyInit__testsinglephase_with_reinit_check_cache_first(void) {
    return found_or_created(&reinit_checks_first);
}

DEF(state_checks_first, "_testsinglephase_with_state_check_cache_first", 42, NULL);
PyMODINIT_FUNC PyInit__testsinglephase_with_state_check_cache_first(void) {
    return found_or_created(&state_checks_first);
}

/* A module that keeps itself in a C variable, and imports a module that imports this one before it is done. */

static PyObject *circular_module;

static PyObject *clear_static_var(PyObject *module, PyObject *unused) {
    PyObject *old = circular_module;
    circular_module = NULL;
    return old ? old : Py_NewRef(Py_None);
}

static PyMethodDef circular_methods[] = {
    {"clear_static_var", clear_static_var, METH_NOARGS, PyDoc_STR("Forgets the module and gives it back.")},
    {NULL, NULL, 0, NULL},
};

DEF(circular, "_testsinglephase_circular", -1, circular_methods);
PyMODINIT_FUNC PyInit__testsinglephase_circular(void) {
    if (circular_module == NULL) {
        circular_module = create(&circular);
        if (circular_module == NULL)
            return NULL;
        const char *helper = "test.test_import.data.circular_imports.singlephase";
        PyObject *imported = PyImport_ImportModule(helper);
        Py_XDECREF(imported);
        if (imported == NULL || PyModule_AddStringConstant(circular_module, "helper_mod_name", helper) < 0)
            return NULL;
    }
    return Py_NewRef(circular_module);
}

PyMODINIT_FUNC PyInit__testsinglephase_raise_exception(void) {
    PyErr_SetString(PyExc_RuntimeError, "evil");
    return NULL;
}
