/* `_testmultiphase_meth_state_access`: methods that reach the state of their module through the class that defines
 * them (PEP 573). */
#include <Python.h>

typedef struct {
    long count;
} State;

static PyModuleDef access_def;

static PyObject *get_defining_module(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                                     PyObject *names) {
    PyObject *module = PyType_GetModule(defining);
    return Py_XNewRef(module);
}

/* Looks for a definition that no class of the MRO belongs to. */
static PyModuleDef stranger = {PyModuleDef_HEAD_INIT, "stranger", NULL, 0, NULL, NULL, NULL, NULL, NULL};

static PyObject *getmodulebydef_bad_def(PyObject *self, PyTypeObject *defining, PyObject *const *args,
                                        Py_ssize_t nargs, PyObject *names) {
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &stranger);
    return Py_XNewRef(module);
}

static PyObject *get_count(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *names) {
    State *state = PyType_GetModuleState(defining);
    return state ? PyLong_FromLong(state->count) : NULL;
}

static PyObject *increase(State *state, long n, int twice) {
    if (state == NULL)
        return NULL;
    state->count += twice ? 2 * n : n;
    Py_RETURN_NONE;
}

/* increment_count(n=1, *, twice=False), with the arguments taken from the vector by hand. */
static PyObject *increment_by_hand(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                                   PyObject *names) {
    long n = 1;
    int twice = 0;
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    if (nargs > 1) {
        PyErr_Format(PyExc_TypeError, "increment_count takes at most 1 positional argument (%zd given)", nargs);
        return NULL;
    }
    if (nargs == 1 && (n = PyLong_AsLong(args[0])) == -1 && PyErr_Occurred())
        return NULL;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i), *value = args[nargs + i];
        if (PyUnicode_EqualToUTF8(name, "n") && nargs == 0) {
            if ((n = PyLong_AsLong(value)) == -1 && PyErr_Occurred())
                return NULL;
        } else if (PyUnicode_EqualToUTF8(name, "twice")) {
            if ((twice = PyObject_IsTrue(value)) < 0)
                return NULL;
        } else {
            PyErr_Format(PyExc_TypeError, "increment_count got an unexpected keyword argument '%U'", name);
            return NULL;
        }
    }
    return increase(PyType_GetModuleState(defining), n, twice);
}

/* The same with a parser, and with the module found by its definition. */
static PyObject *increment_parsed(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"n", "twice", NULL};
    int n = 1, twice = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|i$p:increment_count_clinic", names, &n, &twice))
        return NULL;
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &access_def);
    return module ? increase(PyModule_GetState(module), n, twice) : NULL;
}

#define WITH_CLASS(function) ((PyCFunction)(void (*)(void))(function)), METH_METHOD | METH_FASTCALL | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"get_defining_module", WITH_CLASS(get_defining_module), PyDoc_STR("The module of the class that has the method.")},
    {"getmodulebydef_bad_def", WITH_CLASS(getmodulebydef_bad_def), PyDoc_STR("Fails.")},
    {"get_count", WITH_CLASS(get_count), PyDoc_STR("The count in the module's state.")},
    {"increment_count_noclinic", WITH_CLASS(increment_by_hand), PyDoc_STR("Adds to the count.")},
    {"increment_count_clinic", (PyCFunction)(void (*)(void))increment_parsed, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("Adds to the count.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_doc, (void *)"A class whose methods use the state of their module."},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec type_spec = {
    "_testimportexec.StateAccessType", 0, 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_BASETYPE, type_slots,
};

static int execute(PyObject *module) {
    State *state = PyModule_GetState(module);
    state->count = 0;
    return PyModule_Add(module, "StateAccessType", PyType_FromModuleAndSpec(module, &type_spec, NULL));
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef access_def = {
    PyModuleDef_HEAD_INIT, "_testmultiphase_meth_state_access", PyDoc_STR("Methods that use their module's state."),
    sizeof(State), NULL, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testmultiphase_meth_state_access(void) {
    return PyModuleDef_Init(&access_def);
}
