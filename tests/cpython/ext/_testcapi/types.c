/* Types made in unusual ways: with tokens, items at the end, bases in a slot, by hand, without PyType_FromSpec. */
#include "parts.h"
#include "../functions.h"

#include <stddef.h>

#define OPEN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)

/* ---- tokens */

/* A type with a token: its own specification for Py_TP_USE_SPEC. */
static PyObject *create_type_with_token(PyObject *module, PyObject *args) {
    const char *name;
    PyObject *token;
    if (!PyArg_ParseTuple(args, "sO", &name, &token))
        return NULL;
    void *value = PyLong_AsVoidPtr(token);
    if (PyErr_Occurred())
        return NULL;
    PyType_Slot slots[] = {{Py_tp_token, value}, {0, NULL}};
    PyType_Spec spec = {name, 0, 0, OPEN, slots};
    return PyType_FromMetaclass(NULL, module, &spec, NULL);
}

static PyObject *get_tp_token(PyObject *module, PyObject *type) {
    if (!PyType_Check(type))
        return PyErr_Format(PyExc_TypeError, "%R is not a type", type);
    int heap = ((PyTypeObject *)type)->tp_flags & Py_TPFLAGS_HEAPTYPE ? 1 : 0;
    return PyLong_FromVoidPtr(heap ? ((PyHeapTypeObject *)type)->ht_token : NULL);
}

/* (type, token, use_mro, need_result) -> (status, result or None). The type's order of resolution may be hidden. */
static PyObject *pytype_getbasebytoken(PyObject *module, PyObject *args) {
    PyTypeObject *type;
    PyObject *token, *hidden = NULL;
    int use_mro, need_result;
    if (!PyArg_ParseTuple(args, "O!Opp", &PyType_Type, &type, &token, &use_mro, &need_result))
        return NULL;
    void *value = PyLong_AsVoidPtr(token);
    if (PyErr_Occurred())
        return NULL;
    if (!use_mro) {
        hidden = type->tp_mro;
        type->tp_mro = NULL;
    }
    PyTypeObject *result = (PyTypeObject *)1;
    int status = PyType_GetBaseByToken(type, value, need_result ? &result : NULL);
    if (!use_mro)
        type->tp_mro = hidden;
    if (status < 0) {
        if (need_result && result != NULL)
            PyErr_SetString(PyExc_AssertionError, "a failure left a result");
        return NULL;
    }
    return Py_BuildValue("iN", status, need_result && result ? (PyObject *)result : Py_NewRef(Py_None));
}

static PyObject *pytype_getmodulebydef(PyObject *module, PyObject *type) {
    if (!PyType_Check(type))
        return PyErr_Format(PyExc_TypeError, "%R is not a type", type);
    return Py_XNewRef(PyType_GetModuleByDef((PyTypeObject *)type, PyModule_GetDef(module)));
}

/* ---- slots */

static PyMemberDef one_member[] = {{"member", Py_T_PYSSIZET, offsetof(PyVarObject, ob_size), Py_READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

static PyObject *create_type_from_repeated_slots(PyObject *module, PyObject *variant) {
    PyType_Slot docs[] = {{Py_tp_doc, "one"}, {Py_tp_doc, "two"}, {0, NULL}};
    PyType_Slot members[] = {{Py_tp_members, one_member}, {Py_tp_members, one_member}, {0, NULL}};
    PyType_Spec spec = {"_testcapi.Repeated", sizeof(PyVarObject), 0, OPEN, PyLong_AsLong(variant) == 0 ? docs : members};
    return PyType_FromSpec(&spec);
}

static PyObject *with_bases(PyObject *bases) {
    PyType_Slot slots[] = {{Py_tp_bases, bases}, {0, NULL}};
    PyType_Spec spec = {"_testcapi.HeapCTypeWithBasesSlot", 0, 0, OPEN, slots};
    return PyType_FromSpec(&spec);
}

static PyObject *create_heapctype_with_none_bases_slot(PyObject *module, PyObject *unused) {
    return with_bases(Py_None);
}

/* ---- items behind the fields, however many fields a subclass adds */

static PyObject *collection_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    PyObject *self = type->tp_alloc(type, count);
    if (self == NULL)
        return NULL;
    PyObject **items = PyObject_GetItemData(self);
    if (items == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        items[i] = Py_NewRef(PyTuple_GET_ITEM(args, i));
    return self;
}

static Py_ssize_t collection_length(PyObject *self) {
    return Py_SIZE(self);
}

static PyObject *collection_item(PyObject *self, Py_ssize_t at) {
    if (at < 0 || at >= Py_SIZE(self))
        return PyErr_Format(PyExc_IndexError, "no item %zd", at);
    PyObject **items = PyObject_GetItemData(self);
    return items ? Py_NewRef(items[at]) : NULL;
}

static int collection_traverse(PyObject *self, visitproc visit, void *arg) {
    PyObject **items = PyObject_GetItemData(self);
    Py_VISIT(Py_TYPE(self));
    for (Py_ssize_t i = 0; items != NULL && i < Py_SIZE(self); i++)
        Py_VISIT(items[i]);
    return 0;
}

static int collection_clear(PyObject *self) {
    PyObject **items = PyObject_GetItemData(self);
    Py_ssize_t count = Py_SIZE(self);
    Py_SET_SIZE((PyVarObject *)self, 0);
    for (Py_ssize_t i = 0; items != NULL && i < count; i++)
        Py_CLEAR(items[i]);
    return 0;
}

static void collection_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    collection_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot collection_slots[] = {
    {Py_tp_new, collection_new}, {Py_sq_length, collection_length}, {Py_sq_item, collection_item},
    {Py_tp_traverse, collection_traverse}, {Py_tp_clear, collection_clear}, {Py_tp_dealloc, collection_dealloc}, {0, NULL},
};
static PyType_Spec collection_spec = {
    "_testcapi.HeapCCollection", sizeof(PyVarObject), sizeof(PyObject *),
    OPEN | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_ITEMS_AT_END, collection_slots,
};

/* ---- an instance with bytes that its type does not know of, behind the fields of any subclass */

static PyObject **extra_of(PyObject *self) {
    return (PyObject **)((char *)self + Py_TYPE(self)->tp_basicsize);
}

static PyObject *extra_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    PyObject *self = PyUnstable_Object_GC_NewWithExtraData(type, sizeof(PyObject *));
    if (self == NULL)
        return NULL;
    memset(self + 1, 0, type->tp_basicsize - sizeof(PyObject) + sizeof(PyObject *));
    PyObject_GC_Track(self);
    return self;
}

static PyObject *extra_get(PyObject *self, void *unused) {
    return Py_NewRef(*extra_of(self) ? *extra_of(self) : Py_None);
}

static int extra_set(PyObject *self, PyObject *value, void *unused) {
    Py_XSETREF(*extra_of(self), Py_XNewRef(value));
    return 0;
}

static int extra_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(*extra_of(self));
    return 0;
}

static int extra_clear(PyObject *self) {
    Py_CLEAR(*extra_of(self));
    return 0;
}

static void extra_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    extra_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyGetSetDef extra_getset[] = {{"extra", extra_get, extra_set, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot extra_slots[] = {
    {Py_tp_new, extra_new}, {Py_tp_getset, extra_getset}, {Py_tp_traverse, extra_traverse}, {Py_tp_clear, extra_clear},
    {Py_tp_dealloc, extra_dealloc}, {0, NULL},
};
static PyType_Spec extra_spec = {
    "_testcapi.ObjExtraData", sizeof(PyObject), 0, OPEN | Py_TPFLAGS_HAVE_GC, extra_slots,
};

/* ---- static types */

/* A subclass of list whose deallocator does the list's part. */
typedef struct {
    PyListObject list;
    int deallocated;
} MyList;

static PyObject *my_list_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    MyList *self = (MyList *)PyList_Type.tp_new(type, args, keywords);
    if (self != NULL)
        self->deallocated = 0;
    return (PyObject *)self;
}

static void my_list_dealloc(PyObject *self) {
    MyList *list = (MyList *)self;
    if (list->deallocated++)
        Py_FatalError("a list is deallocated twice");
    PyObject_GC_UnTrack(self);
    PyList_Type.tp_dealloc(self);
}

static PyTypeObject MyList_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "MyList",
    .tp_basicsize = sizeof(MyList),
    .tp_dealloc = my_list_dealloc,
    .tp_flags = OPEN,
    .tp_new = my_list_new,
};

/* ---- a dict that the runtime manages */

static void managed_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearManagedDict(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyGetSetDef managed_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot managed_slots[] = {
    {Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, managed_dealloc}, {Py_tp_traverse, managed_traverse},
    {Py_tp_clear, managed_clear}, {Py_tp_getset, managed_getset}, {0, NULL},
};
static PyType_Spec managed_spec = {
    "_testcapi.ManagedDictType", sizeof(PyObject), 0, OPEN | Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_HAVE_GC, managed_slots,
};

/* Types that are not ready until somebody asks for one; each may be asked for once. */
static PyTypeObject basic_types[2] = {
    {PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "_testcapi.BasicOne", .tp_basicsize = sizeof(PyObject)},
    {PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "_testcapi.BasicTwo", .tp_basicsize = sizeof(PyObject)},
};
static size_t basic_used;

static PyObject *get_basic_static_type(PyObject *module, PyObject *args) {
    PyObject *base = NULL;
    if (!PyArg_ParseTuple(args, "|O!", &PyType_Type, &base))
        return NULL;
    if (basic_used == Py_ARRAY_LENGTH(basic_types))
        return PyErr_Format(PyExc_RuntimeError, "no static type is left");
    PyTypeObject *type = &basic_types[basic_used++];
    if (base != NULL) {
        type->tp_bases = PyTuple_Pack(1, base);
        if (type->tp_bases == NULL)
            return NULL;
        type->tp_base = (PyTypeObject *)Py_NewRef(base);
    }
    return PyType_Ready(type) < 0 ? NULL : Py_NewRef(type);
}

/* ---- a heap type that is filled by hand */

static int no_parts(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static PyObject *manual_heap_type(void) {
    PyHeapTypeObject *heap = (PyHeapTypeObject *)PyType_Type.tp_alloc(&PyType_Type, 0);
    PyObject *name = PyUnicode_FromString("ManualHeapType");
    if (heap == NULL || name == NULL)
        return NULL;
    PyTypeObject *type = &heap->ht_type;
    heap->ht_name = name;
    heap->ht_qualname = Py_NewRef(name);
    type->tp_basicsize = sizeof(PyObject);
    type->tp_flags = OPEN | Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC;
    type->tp_new = PyType_GenericNew;
    type->tp_name = "ManualHeapType";
    type->tp_traverse = no_parts;
    if (PyType_Ready(type) < 0) {
        Py_DECREF(type);
        return NULL;
    }
    return (PyObject *)type;
}

static PyMethodDef functions[] = {
    {"create_type_with_token", create_type_with_token, METH_VARARGS, NULL},
    {"get_tp_token", get_tp_token, METH_O, NULL},
    {"pytype_getbasebytoken", pytype_getbasebytoken, METH_VARARGS, NULL},
    {"pytype_getmodulebydef", pytype_getmodulebydef, METH_O, NULL},
    {"create_type_from_repeated_slots", create_type_from_repeated_slots, METH_O, NULL},
    {"create_heapctype_with_none_bases_slot", create_heapctype_with_none_bases_slot, METH_NOARGS, NULL},
    {"get_basic_static_type", get_basic_static_type, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_types(PyObject *module) {
    MyList_Type.tp_base = &PyList_Type;
    if (PyModule_AddType(module, &MyList_Type) < 0 || PyModule_Add(module, "ManagedDictType", PyType_FromSpec(&managed_spec)) < 0)
        return -1;
    if (PyModule_Add(module, "HeapCCollection", PyType_FromSpec(&collection_spec)) < 0 ||
        PyModule_Add(module, "ObjExtraData", PyType_FromSpec(&extra_spec)) < 0 ||
        PyModule_Add(module, "ManualHeapType", manual_heap_type()) < 0)
        return -1;
    PyObject *bases = PyTuple_Pack(1, (PyObject *)&PyLong_Type);
    if (bases == NULL)
        return -1;
    int failed = PyModule_Add(module, "HeapCTypeWithBasesSlot", with_bases(bases));
    Py_DECREF(bases);
    if (failed < 0 || PyModule_Add(module, "Py_TP_USE_SPEC", PyLong_FromVoidPtr(Py_TP_USE_SPEC)) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
