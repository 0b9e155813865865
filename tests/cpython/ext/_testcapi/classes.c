/* Classes of every make: with a dictionary, without one, generic, awaitable, and without the collector. */
#include "parts.h"
#include <structmember.h>

#include <stddef.h>

/* ---- heap types with one field that the runtime uses */

typedef struct {
    PyObject_HEAD
    PyObject *field;
} OneField;

static void one_field_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (type->tp_weaklistoffset)
        PyObject_ClearWeakRefs(self);
    else
        Py_XDECREF(((OneField *)self)->field);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef dict_members[] = {
    {"dictobj", _Py_T_OBJECT, offsetof(OneField, field), 0, NULL},
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(OneField, field), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef weak_members[] = {
    {"weakreflist", _Py_T_OBJECT, offsetof(OneField, field), Py_READONLY, NULL},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(OneField, field), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef value_members[] = {
    {"value", _Py_T_OBJECT, offsetof(OneField, field), Py_READONLY, PyDoc_STR("The object that is held.")},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *container_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"value", NULL};
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O", names, &value))
        return NULL;
    OneField *self = (OneField *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->field = Py_NewRef(value);
    return (PyObject *)self;
}

static PyGetSetDef dict_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot dict_slots[] = {
    {Py_tp_members, dict_members}, {Py_tp_getset, dict_getset}, {Py_tp_dealloc, one_field_dealloc}, {0, NULL},
};
static PyType_Slot weak_slots[] = {
    {Py_tp_members, weak_members}, {Py_tp_dealloc, one_field_dealloc}, {0, NULL},
};
/* Holds an object that the collector does not see. */
static PyType_Slot container_slots[] = {
    {Py_tp_new, container_new}, {Py_tp_dealloc, one_field_dealloc}, {Py_tp_members, value_members}, {0, NULL},
};

#define OPEN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)
static PyType_Spec specs[] = {
    {"_testcapi.HeapCTypeWithDict", sizeof(OneField), 0, OPEN, dict_slots},
    {"_testcapi.HeapCTypeWithWeakref", sizeof(OneField), 0, OPEN, weak_slots},
    {"_testcapi.ContainerNoGC", sizeof(OneField), 0, OPEN, container_slots},
};

/* ---- metaclasses */

static PyType_Slot no_new_slots[] = {
    {Py_tp_new, NULL}, {0, NULL},
};

/* A metaclass that makes no classes when it is called. */
static PyType_Spec no_new_spec = {
    "_testcapi.HeapCTypeMetaclassNullNew", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, no_new_slots,
};

static PyType_Slot nothing_slots[] = {{0, NULL}};

static PyType_Spec with_meta_spec = {
    "_testcapi.HeapCTypeViaMetaclass", sizeof(PyObject), 0, OPEN, nothing_slots,
};

static PyObject *pytype_fromspec_meta(PyObject *module, PyObject *meta) {
    if (!PyType_Check(meta)) {
        PyErr_SetString(PyExc_TypeError, "a metaclass is needed");
        return NULL;
    }
    return PyType_FromMetaclass((PyTypeObject *)meta, module, &with_meta_spec, NULL);
}

/* ---- a class that becomes its argument when it is subscripted and taken for a base */

static PyObject *alias_mro_entries(PyObject *self, PyObject *bases) {
    return PyTuple_Pack(1, ((OneField *)self)->field);
}

static PyMethodDef alias_methods[] = {
    {"__mro_entries__", alias_mro_entries, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static void alias_dealloc(PyObject *self) {
    Py_XDECREF(((OneField *)self)->field);
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject GenericAlias = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "GenericAlias",
    .tp_basicsize = sizeof(OneField),
    .tp_flags = OPEN,
    .tp_methods = alias_methods,
    .tp_dealloc = alias_dealloc,
};

static PyObject *generic_getitem(PyObject *type, PyObject *item) {
    OneField *alias = PyObject_New(OneField, &GenericAlias);
    if (alias != NULL)
        alias->field = Py_NewRef(item);
    return (PyObject *)alias;
}

static PyMethodDef generic_methods[] = {
    {"__class_getitem__", generic_getitem, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject Generic = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "Generic",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = OPEN,
    .tp_methods = generic_methods,
};

/* ---- a class whose instances are awaited by what they hold */

static PyObject *awaitable_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    PyObject *held;
    if (!PyArg_UnpackTuple(args, "awaitType", 1, 1, &held))
        return NULL;
    OneField *self = (OneField *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->field = Py_NewRef(held);
    return (PyObject *)self;
}

static PyObject *awaitable_await(PyObject *self) {
    return Py_NewRef(((OneField *)self)->field);
}

static PyAsyncMethods awaitable_async = {.am_await = awaitable_await};

static PyTypeObject awaitType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "awaitType",
    .tp_basicsize = sizeof(OneField),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = awaitable_new,
    .tp_dealloc = alias_dealloc,
    .tp_as_async = &awaitable_async,
    .tp_doc = PyDoc_STR("Gives its argument when it is awaited."),
};

/* ---- classes that are changed from C */

/* The slot of old finalizers: calls __tp_del__, after which the object may live on. */
static void run_tp_del(PyObject *self) {
    Py_SET_REFCNT(self, 1);
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *method = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__tp_del__");
    PyObject *done = method ? PyObject_CallOneArg(method, self) : NULL;
    if (done == NULL)
        PyErr_WriteUnraisable(method);
    Py_XDECREF(done);
    Py_XDECREF(method);
    PyErr_SetRaisedException(pending);
    Py_SET_REFCNT(self, Py_REFCNT(self) - 1);
}

static PyTypeObject *heap_type(PyObject *class) {
    if (PyType_Check(class) && PyType_HasFeature((PyTypeObject *)class, Py_TPFLAGS_HEAPTYPE))
        return (PyTypeObject *)class;
    PyErr_SetString(PyExc_TypeError, "a class made by a class statement is needed");
    return NULL;
}

static PyObject *with_tp_del(PyObject *module, PyObject *class) {
    PyTypeObject *type = heap_type(class);
    if (type == NULL)
        return NULL;
    type->tp_del = run_tp_del;
    return Py_NewRef(class);
}

static PyObject *without_gc(PyObject *module, PyObject *class) {
    PyTypeObject *type = heap_type(class);
    if (type == NULL)
        return NULL;
    if (PyType_IS_GC(type)) {
        type->tp_flags &= ~Py_TPFLAGS_HAVE_GC;
        type->tp_free = PyObject_Free;
        type->tp_traverse = NULL;
        type->tp_clear = NULL;
    }
    return Py_NewRef(class);
}

static PyMethodDef functions[] = {
    {"pytype_fromspec_meta", pytype_fromspec_meta, METH_O, NULL},
    {"with_tp_del", with_tp_del, METH_O, NULL},
    {"without_gc", without_gc, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_heap_type(PyObject *module, PyObject *type) {
    if (type == NULL)
        return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

int add_classes(PyObject *module) {
    PyTypeObject *types[] = {&GenericAlias, &Generic, &awaitType};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        if (PyModule_AddType(module, types[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(specs); i++) {
        if (add_heap_type(module, PyType_FromModuleAndSpec(module, &specs[i], NULL)) < 0)
            return -1;
    }
    PyObject *meta = PyType_FromModuleAndSpec(module, &no_new_spec, (PyObject *)&PyType_Type);
    return add_heap_type(module, meta) < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
