/* Calls: the calling conventions of C functions, the vectorcall protocol, and the functions that call. */
#include "parts.h"
#include <structmember.h>

#include <stddef.h>

/* ---- functions of each convention: they give back what they got as (self, ...) */

static PyObject *self_or_none(PyObject *self) {
    return self ? self : Py_None;
}

static PyObject *tuple_of(PyObject *const *items, Py_ssize_t n) {
    PyObject *tuple = PyTuple_New(n);
    for (Py_ssize_t i = 0; tuple != NULL && i < n; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
    return tuple;
}

static PyObject *meth_varargs(PyObject *self, PyObject *args) {
    return Py_BuildValue("(OO)", self_or_none(self), args);
}

static PyObject *meth_varargs_keywords(PyObject *self, PyObject *args, PyObject *keywords) {
    return Py_BuildValue("(OOO)", self_or_none(self), args, self_or_none(keywords));
}

static PyObject *meth_o(PyObject *self, PyObject *object) {
    return Py_BuildValue("(OO)", self_or_none(self), object);
}

static PyObject *meth_noargs(PyObject *self, PyObject *unused) {
    return Py_NewRef(self_or_none(self));
}

static PyObject *meth_fastcall(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    return Py_BuildValue("(ON)", self_or_none(self), tuple_of(args, nargs));
}

static PyObject *meth_fastcall_keywords(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
    PyObject *keywords = PyDict_New();
    for (Py_ssize_t i = 0; keywords != NULL && names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[nargs + i]) < 0)
            Py_CLEAR(keywords);
    }
    return keywords ? Py_BuildValue("(ONN)", self_or_none(self), tuple_of(args, nargs), keywords) : NULL;
}

#define CONVENTIONS(how)                                                                   \
    {"meth_varargs", meth_varargs, METH_VARARGS | (how), NULL},                            \
        {"meth_varargs_keywords", FAST(meth_varargs_keywords), METH_VARARGS | METH_KEYWORDS | (how), NULL}, \
        {"meth_o", meth_o, METH_O | (how), NULL}, {"meth_noargs", meth_noargs, METH_NOARGS | (how), NULL},  \
        {"meth_fastcall", FAST(meth_fastcall), METH_FASTCALL | (how), NULL},               \
        {"meth_fastcall_keywords", FAST(meth_fastcall_keywords), METH_FASTCALL | METH_KEYWORDS | (how), NULL}

static PyMethodDef instance_methods[] = {CONVENTIONS(0), {NULL, NULL, 0, NULL}};
static PyMethodDef class_methods[] = {CONVENTIONS(METH_CLASS), {NULL, NULL, 0, NULL}};
static PyMethodDef static_methods[] = {CONVENTIONS(METH_STATIC), {NULL, NULL, 0, NULL}};

#define CONVENTION_TYPE(ID, NAME, METHODS, DOC)                                                                    \
    static PyTypeObject ID = {                                                                                     \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = NAME, .tp_basicsize = sizeof(PyObject), .tp_new = PyType_GenericNew, \
        .tp_flags = Py_TPFLAGS_DEFAULT, .tp_methods = METHODS, .tp_doc = PyDoc_STR(DOC)}

CONVENTION_TYPE(MethInstance, "MethInstance", instance_methods, "A class with methods of each calling convention.");
CONVENTION_TYPE(MethClass, "MethClass", class_methods, "A class with class methods of each calling convention.");
CONVENTION_TYPE(MethStatic, "MethStatic", static_methods, "A class with static methods of each calling convention.");

/* ---- types that are called by vector */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
} Descriptor;

static PyObject *give_true(PyObject *callable, PyObject *const *args, size_t nargs, PyObject *names) {
    Py_RETURN_TRUE;
}

static PyObject *give_false(PyObject *callable, PyObject *const *args, size_t nargs, PyObject *names) {
    Py_RETURN_FALSE;
}

static PyObject *descriptor_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    Descriptor *self = (Descriptor *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->vectorcall = give_true;
    return (PyObject *)self;
}

/* Binds as a function does. */
static PyObject *bind(PyObject *self, PyObject *object, PyObject *type) {
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *bind_nothing(PyObject *self, PyObject *object, PyObject *type) {
    return Py_NewRef(self);
}

static PyObject *give_arguments(PyObject *self, PyObject *args, PyObject *keywords) {
    return Py_NewRef(args);
}

static PyTypeObject MethodDescriptorBase = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "MethodDescriptorBase",
    .tp_basicsize = sizeof(Descriptor),
    .tp_new = descriptor_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Descriptor, vectorcall),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_descr_get = bind,
};

/* Takes everything from its base. */
static PyTypeObject MethodDescriptorDerived = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "MethodDescriptorDerived",
    .tp_basicsize = sizeof(Descriptor),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
};

/* Has a call and a __get__ of its own, so neither flag is taken over. */
static PyTypeObject MethodDescriptorNopGet = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "MethodDescriptorNopGet",
    .tp_basicsize = sizeof(Descriptor),
    .tp_call = give_arguments,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_descr_get = bind_nothing,
};

/* Keeps its function at another place than its base. */
typedef struct {
    Descriptor base;
    vectorcallfunc vectorcall;
} Descriptor2;

static PyObject *descriptor2_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    Descriptor2 *self = (Descriptor2 *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->base.vectorcall = NULL;
        self->vectorcall = give_false;
    }
    return (PyObject *)self;
}

static PyTypeObject MethodDescriptor2 = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "MethodDescriptor2",
    .tp_basicsize = sizeof(Descriptor2),
    .tp_new = descriptor2_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Descriptor2, vectorcall),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
};

/* ---- heap types whose instances may get a vectorcall function later */

static PyObject *by_call(PyObject *self, PyObject *args, PyObject *keywords) {
    return PyUnicode_FromString("tp_call");
}

static PyObject *by_vector(PyObject *self, PyObject *const *args, size_t nargs, PyObject *names) {
    return PyUnicode_FromString("vectorcall");
}

/* set_vectorcall(type): sets the function at the place that belongs to a base of the instance's type. */
static PyObject *set_vectorcall(PyObject *self, PyObject *type) {
    if (!PyType_Check(type) || !PyObject_TypeCheck(self, (PyTypeObject *)type)) {
        PyErr_SetString(PyExc_TypeError, "set_vectorcall needs a base of the object's type");
        return NULL;
    }
    Py_ssize_t offset = ((PyTypeObject *)type)->tp_vectorcall_offset;
    if (offset <= 0) {
        PyErr_SetString(PyExc_TypeError, "the type has no place for a vectorcall function");
        return NULL;
    }
    *(vectorcallfunc *)((char *)self + offset) = by_vector;
    Py_RETURN_NONE;
}

static PyMethodDef vectorcall_methods[] = {
    {"set_vectorcall", set_vectorcall, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *make_vectorcall_class(PyObject *module, PyObject *args) {
    PyTypeObject *base = &PyBaseObject_Type;
    if (!PyArg_ParseTuple(args, "|O!:make_vectorcall_class", &PyType_Type, &base))
        return NULL;
    PyMemberDef members[] = {
        {"__vectorcalloffset__", Py_T_PYSSIZET, base->tp_basicsize, Py_READONLY, NULL},
        {NULL, 0, 0, 0, NULL},
    };
    PyType_Slot slots[] = {
        {Py_tp_call, by_call},
        {Py_tp_members, members},
        {Py_tp_methods, vectorcall_methods},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "_testcapi.VectorcallClass",
        .basicsize = (int)(base->tp_basicsize + (Py_ssize_t)sizeof(vectorcallfunc)),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    return PyType_FromSpecWithBases(&spec, (PyObject *)base);
}

static PyObject *has_vectorcall_flag(PyObject *module, PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "a type is needed");
        return NULL;
    }
    return PyBool_FromLong(PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HAVE_VECTORCALL));
}

/* ---- functions that call */

/* The items of a tuple or None. */
static int vector_of(PyObject *tuple, PyObject ***items, Py_ssize_t *n) {
    *items = NULL;
    *n = 0;
    if (tuple == Py_None)
        return 0;
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "args must be None or a tuple");
        return -1;
    }
    *items = ((PyTupleObject *)tuple)->ob_item;
    *n = PyTuple_GET_SIZE(tuple);
    return 0;
}

/* pyobject_vectorcall(callable, args, names): args holds the values of the keywords too. */
static PyObject *pyobject_vectorcall(PyObject *module, PyObject *args) {
    PyObject *callable, *given, *names, **vector;
    Py_ssize_t nargs;
    if (!PyArg_ParseTuple(args, "OOO:pyobject_vectorcall", &callable, &given, &names) ||
        vector_of(given, &vector, &nargs) < 0)
        return NULL;
    if (names == Py_None) {
        names = NULL;
    } else if (!PyTuple_Check(names) || PyTuple_GET_SIZE(names) > nargs) {
        PyErr_SetString(PyExc_TypeError, "the names must be None or a tuple no longer than the arguments");
        return NULL;
    } else {
        nargs -= PyTuple_GET_SIZE(names);
    }
    return PyObject_Vectorcall(callable, vector, (size_t)nargs, names);
}

static PyObject *pyobject_fastcalldict(PyObject *module, PyObject *args) {
    PyObject *callable, *given, *keywords, **vector;
    Py_ssize_t nargs;
    if (!PyArg_ParseTuple(args, "OOO:pyobject_fastcalldict", &callable, &given, &keywords) ||
        vector_of(given, &vector, &nargs) < 0)
        return NULL;
    if (keywords == Py_None) {
        keywords = NULL;
    } else if (!PyDict_Check(keywords)) {
        PyErr_SetString(PyExc_TypeError, "the keywords must be None or a dict");
        return NULL;
    }
    return PyObject_VectorcallDict(callable, vector, (size_t)nargs, keywords);
}

static PyObject *pyvectorcall_call(PyObject *module, PyObject *args) {
    PyObject *callable, *given, *keywords = NULL;
    if (!PyArg_ParseTuple(args, "OO!|O!:pyvectorcall_call", &callable, &PyTuple_Type, &given, &PyDict_Type, &keywords))
        return NULL;
    return PyVectorcall_Call(callable, given, keywords);
}

/* In the stable ABI only: the headers do not have it. */
PyAPI_FUNC(PyObject *) PyCFunction_Call(PyObject *callable, PyObject *args, PyObject *keywords);

static PyObject *pycfunction_call(PyObject *module, PyObject *args) {
    PyObject *callable, *given, *keywords = NULL;
    if (!PyArg_ParseTuple(args, "OO!|O!:pycfunction_call", &callable, &PyTuple_Type, &given, &PyDict_Type, &keywords))
        return NULL;
    return PyCFunction_Call(callable, given, keywords);
}

static PyObject *overridden(PyObject *callable, PyObject *const *args, size_t nargs, PyObject *names) {
    return PyUnicode_FromString("overridden");
}

static PyObject *function_setvectorcall(PyObject *module, PyObject *function) {
    if (!PyFunction_Check(function)) {
        PyErr_SetString(PyExc_TypeError, "a function is needed");
        return NULL;
    }
    PyFunction_SetVectorcall((PyFunctionObject *)function, overridden);
    Py_RETURN_NONE;
}

/* A __get__ that makes an object of the class it is asked for, which may take the descriptor away. */
static PyObject *bad_get(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "bad_get takes three arguments");
        return NULL;
    }
    PyObject *made = PyObject_CallNoArgs(args[2]);
    if (made == NULL)
        return NULL;
    Py_DECREF(made);
    return PyObject_Repr(args[0]);
}

static PyMethodDef functions[] = {
    CONVENTIONS(0),
    {"make_vectorcall_class", make_vectorcall_class, METH_VARARGS, NULL},
    {"has_vectorcall_flag", has_vectorcall_flag, METH_O, NULL},
    {"pyobject_vectorcall", pyobject_vectorcall, METH_VARARGS, NULL},
    {"pyobject_fastcalldict", pyobject_fastcalldict, METH_VARARGS, NULL},
    {"pyvectorcall_call", pyvectorcall_call, METH_VARARGS, NULL},
    {"pycfunction_call", pycfunction_call, METH_VARARGS, NULL},
    {"function_setvectorcall", function_setvectorcall, METH_O, NULL},
    {"bad_get", FAST(bad_get), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

int add_calls(PyObject *module) {
    MethodDescriptorDerived.tp_base = &MethodDescriptorBase;
    MethodDescriptorNopGet.tp_base = &MethodDescriptorBase;
    MethodDescriptor2.tp_base = &MethodDescriptorBase;
    PyTypeObject *types[] = {
        &MethInstance,            &MethClass,              &MethStatic,        &MethodDescriptorBase,
        &MethodDescriptorDerived, &MethodDescriptorNopGet, &MethodDescriptor2,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        if (PyModule_AddType(module, types[i]) < 0)
            return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
