/* `xxsubtype`: subclasses of list and dict that C makes, each with a number of its own. */
#include <Python.h>
#include <structmember.h>

#include <stddef.h>

typedef struct {
    PyListObject list;
    int state;
} SpamList;

typedef struct {
    PyDictObject dict;
    int state;
} SpamDict;

/* Where the number of an object is. */
static PyTypeObject spamlist, spamdict;
static int *state_of(PyObject *self) {
    return PyObject_TypeCheck(self, &spamlist) ? &((SpamList *)self)->state : &((SpamDict *)self)->state;
}

static PyObject *getstate(PyObject *self, PyObject *unused) {
    return PyLong_FromLong(*state_of(self));
}

static PyObject *set_state(PyObject *self, PyObject *value) {
    int state = PyLong_AsInt(value);
    if (state == -1 && PyErr_Occurred())
        return NULL;
    *state_of(self) = state;
    Py_RETURN_NONE;
}

/* What it was called with: the class or nothing, and the arguments. */
static PyObject *arguments(PyObject *self, PyObject *args, PyObject *keywords) {
    return Py_BuildValue("(OOO)", self ? self : Py_None, args, keywords ? keywords : Py_None);
}

static PyMethodDef list_methods[] = {
    {"getstate", getstate, METH_NOARGS, PyDoc_STR("getstate() -> int")},
    {"setstate", set_state, METH_O, PyDoc_STR("setstate(int)")},
    {"classmeth", (PyCFunction)(void (*)(void))arguments, METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {"staticmeth", (PyCFunction)(void (*)(void))arguments, METH_VARARGS | METH_KEYWORDS | METH_STATIC, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef dict_methods[] = {
    {"getstate", getstate, METH_NOARGS, PyDoc_STR("getstate() -> int")},
    {"setstate", set_state, METH_O, PyDoc_STR("setstate(int)")},
    {NULL, NULL, 0, NULL},
};

static PyObject *list_state(PyObject *self, void *unused) {
    return getstate(self, NULL);
}

static PyGetSetDef list_getset[] = {
    {"state", list_state, NULL, PyDoc_STR("the number"), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef dict_members[] = {
    {"state", Py_T_INT, offsetof(SpamDict, state), Py_READONLY, PyDoc_STR("the number")},
    {NULL, 0, 0, 0, NULL},
};

static int list_init(PyObject *self, PyObject *args, PyObject *keywords) {
    if (PyList_Type.tp_init(self, args, keywords) < 0)
        return -1;
    *state_of(self) = 0;
    return 0;
}

static int dict_init(PyObject *self, PyObject *args, PyObject *keywords) {
    if (PyDict_Type.tp_init(self, args, keywords) < 0)
        return -1;
    *state_of(self) = 0;
    return 0;
}

static PyTypeObject spamlist = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "xxsubtype.spamlist",
    .tp_basicsize = sizeof(SpamList),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = list_methods,
    .tp_getset = list_getset,
    .tp_init = list_init,
};

static PyTypeObject spamdict = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "xxsubtype.spamdict",
    .tp_basicsize = sizeof(SpamDict),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = dict_methods,
    .tp_members = dict_members,
    .tp_init = dict_init,
};

static int execute(PyObject *module) {
    spamlist.tp_base = &PyList_Type;
    spamdict.tp_base = &PyDict_Type;
    return PyModule_AddType(module, &spamlist) < 0 || PyModule_AddType(module, &spamdict) < 0 ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "xxsubtype", PyDoc_STR("Subclasses of list and dict."), 0, NULL, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_xxsubtype(void) {
    return PyModuleDef_Init(&def);
}
