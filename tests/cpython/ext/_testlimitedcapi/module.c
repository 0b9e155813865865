/* `_testlimitedcapi`: calls of the limited C API. In `gil` mode it is built against that API; a build without a GIL
 * has no limited API, so there the same calls go through the full one. */
#include "parts.h"

#include <stddef.h>

/* ---- codecs */

static PyObject *codec_incrementalencoder(PyObject *module, PyObject *args) {
    const char *encoding, *errors = NULL;
    if (!PyArg_ParseTuple(args, "s|z", &encoding, &errors))
        return NULL;
    return PyCodec_IncrementalEncoder(encoding, errors);
}

static PyObject *codec_incrementaldecoder(PyObject *module, PyObject *args) {
    const char *encoding, *errors = NULL;
    if (!PyArg_ParseTuple(args, "s|z", &encoding, &errors))
        return NULL;
    return PyCodec_IncrementalDecoder(encoding, errors);
}

/* ---- calls by vector */

static int arguments(PyObject *vector[2], PyObject **names) {
    vector[0] = PyUnicode_FromString("foo");
    vector[1] = PyUnicode_FromString("bar");
    *names = Py_BuildValue("(s)", "baz");
    return vector[0] != NULL && vector[1] != NULL && *names != NULL;
}

/* f("foo", baz="bar") */
static PyObject *call_vectorcall(PyObject *module, PyObject *callable) {
    PyObject *vector[3] = {NULL, NULL, NULL}, *names, *result = NULL;
    if (arguments(vector + 1, &names))
        result = PyObject_Vectorcall(callable, vector + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    Py_XDECREF(vector[1]);
    Py_XDECREF(vector[2]);
    Py_XDECREF(names);
    return result;
}

/* object.f("foo", baz="bar") */
static PyObject *call_vectorcall_method(PyObject *module, PyObject *object) {
    PyObject *vector[4] = {NULL, object, NULL, NULL}, *names, *name = PyUnicode_FromString("f"), *result = NULL;
    if (arguments(vector + 2, &names) && name != NULL)
        result = PyObject_VectorcallMethod(name, vector + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    Py_XDECREF(name);
    Py_XDECREF(vector[2]);
    Py_XDECREF(vector[3]);
    Py_XDECREF(names);
    return result;
}

static PyObject *by_call(PyObject *self, PyObject *args, PyObject *keywords) {
    return PyUnicode_FromString("tp_call called");
}

static PyObject *by_vector(PyObject *self, PyObject *const *args, size_t nargs, PyObject *names) {
    return PyUnicode_FromString("vectorcall called");
}

typedef struct {
    vectorcallfunc vectorcall;
} Own;

typedef struct {
    PyObject_HEAD
    Own own;
} Absolute;

static PyObject *absolute_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *self = allocate(type, 0);
    if (self != NULL)
        ((Absolute *)self)->own.vectorcall = by_vector;
    return self;
}

static PyObject *relative_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *self = allocate(type, 0);
    if (self == NULL)
        return NULL;
    Own *own = PyObject_GetTypeData(self, type);
    own->vectorcall = by_vector;
    return self;
}

static PyMemberDef absolute_members[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(Absolute, own.vectorcall), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef relative_members[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(Own, vectorcall), Py_READONLY | Py_RELATIVE_OFFSET, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot absolute_slots[] = {
    {Py_tp_new, absolute_new}, {Py_tp_call, by_call}, {Py_tp_members, absolute_members}, {0, NULL},
};
static PyType_Slot relative_slots[] = {
    {Py_tp_new, relative_new}, {Py_tp_call, by_call}, {Py_tp_members, relative_members}, {0, NULL},
};

#define CALLED_BY_VECTOR (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE)

static PyType_Spec specs[] = {
    {"_testlimitedcapi.LimitedVectorCallClass", sizeof(Absolute), 0, CALLED_BY_VECTOR, absolute_slots},
    {"_testlimitedcapi.LimitedRelativeVectorCallClass", -(int)sizeof(Own), 0, CALLED_BY_VECTOR, relative_slots},
};

/* Whether the runtime was built with its assertions: no public way to ask, and none of the tests' business here. */
static PyObject *built_with_assert(PyObject *module, PyObject *unused) {
#ifdef Py_DEBUG
    return PyLong_FromLong(1);
#else
    return PyLong_FromLong(0);
#endif
}

static PyMethodDef functions[] = {
    {"codec_incrementalencoder", codec_incrementalencoder, METH_VARARGS, NULL},
    {"codec_incrementaldecoder", codec_incrementaldecoder, METH_VARARGS, NULL},
    {"call_vectorcall", call_vectorcall, METH_O, NULL},
    {"call_vectorcall_method", call_vectorcall_method, METH_O, NULL},
    {"_py_getbuiltwithassert", built_with_assert, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
    static int (*const parts[])(PyObject *) = {
        add_bytes, add_containers, add_imports, add_layouts, add_numbers, add_objects, add_selftests, add_text,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i](module) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, &specs[i], NULL);
        if (type == NULL)
            return -1;
        int failed = PyModule_AddType(module, (PyTypeObject *)type);
        Py_DECREF(type);
        if (failed < 0)
            return -1;
    }
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "_testlimitedcapi", PyDoc_STR("Calls of the limited C API, for tests."), 0, functions,
    slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testlimitedcapi(void) {
    return PyModuleDef_Init(&def);
}
