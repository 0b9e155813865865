/* `_testmultiphase` and the modules that differ from it in their slots: modules that are made in several phases
 * (PEP 489). One shared object holds them all; tests load each by the name of its initialiser. */
#include <Python.h>

/* ---- Example: a class with a dictionary of its own */

typedef struct {
    PyObject_HEAD
    PyObject *attributes;
} Example;

static int example_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Example *)self)->attributes);
    return 0;
}

static int example_clear(PyObject *self) {
    Py_CLEAR(((Example *)self)->attributes);
    return 0;
}

static void example_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    example_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* Gives back its argument, or None without one. */
static PyObject *example_demo(PyObject *self, PyObject *args) {
    PyObject *what = Py_None;
    if (!PyArg_ParseTuple(args, "|O:demo", &what))
        return NULL;
    return Py_NewRef(what);
}

static PyObject *example_getattro(PyObject *self, PyObject *name) {
    PyObject *attributes = ((Example *)self)->attributes, *value = NULL;
    if (attributes != NULL && PyDict_GetItemRef(attributes, name, &value) != 0)
        return value;
    return PyObject_GenericGetAttr(self, name);
}

static int example_setattr(PyObject *self, char *name, PyObject *value) {
    Example *example = (Example *)self;
    if (example->attributes == NULL && (example->attributes = PyDict_New()) == NULL)
        return -1;
    if (value != NULL)
        return PyDict_SetItemString(example->attributes, name, value);
    int gone = PyDict_DelItemString(example->attributes, name);
    if (gone < 0 && PyErr_ExceptionMatches(PyExc_KeyError))
        PyErr_SetString(PyExc_AttributeError, "no such attribute of an Example");
    return gone;
}

static PyMethodDef example_methods[] = {
    {"demo", example_demo, METH_VARARGS, PyDoc_STR("demo([object]) -> object or None")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot example_slots[] = {
    {Py_tp_doc, (void *)"A class with attributes."},
    {Py_tp_traverse, example_traverse},
    {Py_tp_clear, example_clear},
    {Py_tp_dealloc, example_dealloc},
    {Py_tp_getattro, example_getattro},
    {Py_tp_setattr, example_setattr},
    {Py_tp_methods, example_methods},
    {0, NULL},
};

static PyType_Spec example_spec = {
    "_testimportexec.Example", sizeof(Example), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    example_slots,
};

/* ---- Str: a subclass of str without anything of its own */

static PyType_Slot str_slots[] = {
    {Py_tp_base, NULL}, /* set when the module is executed */
    {0, NULL},
};

static PyType_Spec str_spec = {
    "_testimportexec.Str", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, str_slots,
};

/* ---- functions */

static PyObject *foo(PyObject *module, PyObject *args) {
    long i, j;
    if (!PyArg_ParseTuple(args, "ll:foo", &i, &j))
        return NULL;
    return PyLong_FromLong(i + j);
}

/* What PyState_FindModule (0), _AddModule (1) and _RemoveModule (2) say to a module of several phases. */
static PyObject *call_state_registration_func(PyObject *module, PyObject *args) {
    int which;
    if (!PyArg_ParseTuple(args, "i:call_state_registration_func", &which))
        return NULL;
    PyModuleDef *def = PyModule_GetDef(module);
    if (def == NULL)
        return NULL;
    if (which == 0) {
        PyObject *found = PyState_FindModule(def);
        return Py_NewRef(found ? found : Py_None);
    }
    if ((which == 1 && PyState_AddModule(module, def) < 0) || (which == 2 && PyState_RemoveModule(def) < 0))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef main_methods[] = {
    {"foo", foo, METH_VARARGS, PyDoc_STR("foo(i, j)\n--\n\nThe sum of two integers.")},
    {"call_state_registration_func", call_state_registration_func, METH_VARARGS,
     PyDoc_STR("Calls PyState_FindModule, PyState_AddModule or PyState_RemoveModule.")},
    {NULL, NULL, 0, NULL},
};

static int add(PyObject *module, const char *name, PyObject *value) {
    return PyModule_Add(module, name, value);
}

static int execute(PyObject *module) {
    if (add(module, "Example", PyType_FromModuleAndSpec(module, &example_spec, NULL)) < 0 ||
        add(module, "error", PyErr_NewException("_testimportexec.error", NULL, NULL)) < 0)
        return -1;
    PyObject *text = PyType_FromModuleAndSpec(module, &str_spec, (PyObject *)&PyUnicode_Type);
    if (add(module, "Str", text) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "int_const", 1969) < 0 ||
                   PyModule_AddStringConstant(module, "str_const", "something different") < 0
               ? -1
               : 0;
}

/* ---- the modules: NAME, its documentation, methods and slots (without the closing one) */

#define MODULE(NAME, DOC, METHODS, ...)                                                         \
    static PyModuleDef_Slot NAME##_slots[] = {__VA_ARGS__, {0, NULL}};                          \
    static PyModuleDef NAME##_def = {                                                           \
        PyModuleDef_HEAD_INIT, #NAME, PyDoc_STR(DOC), 0, METHODS, NAME##_slots, NULL, NULL, NULL}; \
    PyMODINIT_FUNC PyInit_##NAME(void) { return PyModuleDef_Init(&NAME##_def); }

#define EXEC {Py_mod_exec, execute}
#define NO_GIL {Py_mod_gil, Py_MOD_GIL_NOT_USED}
#define INTERPRETERS(how) {Py_mod_multiple_interpreters, Py_MOD_##how}

MODULE(_testmultiphase, "Test module main", main_methods, EXEC, INTERPRETERS(PER_INTERPRETER_GIL_SUPPORTED), NO_GIL)
MODULE(x, "Test module x", main_methods, EXEC, INTERPRETERS(PER_INTERPRETER_GIL_SUPPORTED), NO_GIL)
MODULE(_test_non_isolated, "Test module _test_non_isolated", main_methods, EXEC,
       INTERPRETERS(MULTIPLE_INTERPRETERS_NOT_SUPPORTED), NO_GIL)
MODULE(_test_shared_gil_only, "Test module _test_shared_gil_only", main_methods, EXEC,
       INTERPRETERS(MULTIPLE_INTERPRETERS_SUPPORTED), NO_GIL)
MODULE(_test_no_multiple_interpreter_slot, "Test module _test_no_multiple_interpreter_slot", main_methods, EXEC,
       NO_GIL)

/* Modules with names that are not ASCII are found by an encoded initialiser. */

static PyModuleDef_Slot named_slots[] = {
    EXEC, INTERPRETERS(PER_INTERPRETER_GIL_SUPPORTED), NO_GIL, {0, NULL},
};
static PyModuleDef czech = {
    PyModuleDef_HEAD_INIT, "_testmultiphase_zkou\xc5\xa1ka_na\xc4\x8dten\xc3\xad", PyDoc_STR("Module named in Czech"),
    0, main_methods, named_slots, NULL, NULL, NULL,
};
static PyModuleDef japanese = {
    PyModuleDef_HEAD_INIT, "\xef\xbc\xbf\xe3\x82\xa4\xe3\x83\xb3\xe3\x83\x9d\xe3\x83\xbc\xe3\x83\x88", PyDoc_STR("Module named in Japanese"),
    0, main_methods, named_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInitU__testmultiphase_zkouka_naten_evc07gi8e(void) {
    return PyModuleDef_Init(&czech);
}

PyMODINIT_FUNC PyInitU_eckzbwbhc6jpgzcx415x(void) {
    return PyModuleDef_Init(&japanese);
}

/* A module of one phase whose Error is an object that every interpreter shares. */

static PyModuleDef shared_def = {
    PyModuleDef_HEAD_INIT, "_test_module_state_shared", PyDoc_STR("A module that shares its state."), -1, NULL, NULL,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__test_module_state_shared(void) {
    PyObject *module = PyModule_Create(&shared_def);
    if (module == NULL)
        return NULL;
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    if (PyModule_AddObjectRef(module, "Error", PyExc_Exception) < 0)
        Py_CLEAR(module);
    return module;
}

/* ---- modules that are no modules: the create slot gives another object */

static PyObject *create_namespace(PyObject *spec, PyModuleDef *def) {
    PyObject *types = PyImport_ImportModule("types");
    if (types == NULL)
        return NULL;
    PyObject *namespace = PyObject_CallMethod(types, "SimpleNamespace", NULL);
    Py_DECREF(types);
    PyObject *three = namespace ? PyLong_FromLong(3) : NULL;
    if (three == NULL || PyObject_SetAttrString(namespace, "three", three) < 0)
        Py_CLEAR(namespace);
    Py_XDECREF(three);
    return namespace;
}

static PyObject *bar(PyObject *self, PyObject *args) {
    long i, j;
    if (!PyArg_ParseTuple(args, "ll:bar", &i, &j))
        return NULL;
    return PyLong_FromLong(i - j);
}

static PyMethodDef bar_methods[] = {
    {"bar", bar, METH_VARARGS, PyDoc_STR("bar(i, j)\n--\n\nThe difference of two integers.")},
    {NULL, NULL, 0, NULL},
};

/* Without slots besides create: the GIL comes back when these are loaded. */
MODULE(_testmultiphase_nonmodule, "Test module _testmultiphase_nonmodule", NULL, {Py_mod_create, create_namespace},
       INTERPRETERS(PER_INTERPRETER_GIL_SUPPORTED))
MODULE(_testmultiphase_nonmodule_with_methods, "Test module _testmultiphase_nonmodule_with_methods", bar_methods,
       {Py_mod_create, create_namespace}, INTERPRETERS(PER_INTERPRETER_GIL_SUPPORTED))

static PyModuleDef null_slots = {
    PyModuleDef_HEAD_INIT, "_testmultiphase_null_slots", PyDoc_STR("Test module _testmultiphase_null_slots"), 0, NULL,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testmultiphase_null_slots(void) {
    return PyModuleDef_Init(&null_slots);
}
