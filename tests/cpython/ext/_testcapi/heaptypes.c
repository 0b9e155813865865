/* Heap types: bases with fields, finalizers, managed dicts and weak references, buffers, metaclasses. */
#include "parts.h"
#include "../functions.h"

#include <stddef.h>

#define OPEN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)

/* ---- two numbers, the second in a subclass */

typedef struct {
    PyObject_HEAD
    int value;
    int value2;
} Numbers;

static int number_init(PyObject *self, PyObject *args, PyObject *keywords) {
    ((Numbers *)self)->value = 10;
    return 0;
}

static int numbers_init(PyObject *self, PyObject *args, PyObject *keywords) {
    ((Numbers *)self)->value = 10;
    ((Numbers *)self)->value2 = 20;
    return 0;
}

/* The base frees its instances and gives up their reference to the type; so it does for its subclasses. */
static void plain_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static void finalized_dealloc(PyObject *self) {
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static void collected_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static int type_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

/* Becomes an instance of the other class, and writes down how often both are referred to. */
static void change_class(PyObject *self) {
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *module = PyImport_ImportModule("_testcapi"), *old = NULL, *new = NULL, *count = NULL;
    if (module != NULL) {
        old = PyObject_GetAttrString(module, "HeapCTypeSubclassWithFinalizer");
        new = PyObject_GetAttrString(module, "HeapCTypeSubclass");
    }
    if (old == NULL || new == NULL || PyObject_SetAttrString(self, "__class__", new) < 0)
        goto done;
    count = PyLong_FromSsize_t(Py_REFCNT(old));
    if (count == NULL || PyObject_SetAttrString(old, "refcnt_in_del", count) < 0)
        goto done;
    Py_SETREF(count, PyLong_FromSsize_t(Py_REFCNT(new)));
    if (count != NULL)
        PyObject_SetAttrString(new, "refcnt_in_del", count);
done:
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(self);
    Py_XDECREF(count);
    Py_XDECREF(old);
    Py_XDECREF(new);
    Py_XDECREF(module);
    PyErr_SetRaisedException(pending);
}

static PyMemberDef number_members[] = {
    {"value", Py_T_INT, offsetof(Numbers, value), 0, NULL}, {NULL, 0, 0, 0, NULL},
};
static PyMemberDef second_members[] = {
    {"value2", Py_T_INT, offsetof(Numbers, value2), 0, NULL}, {NULL, 0, 0, 0, NULL},
};

static PyType_Slot number_slots[] = {
    {Py_tp_init, number_init}, {Py_tp_members, number_members}, {Py_tp_dealloc, plain_dealloc},
    {Py_tp_doc, (char *)"One number."}, {0, NULL},
};
static PyType_Slot subclass_slots[] = {
    {Py_tp_init, numbers_init}, {Py_tp_members, second_members}, {0, NULL},
};
static PyType_Slot finalized_slots[] = {
    {Py_tp_init, numbers_init}, {Py_tp_members, second_members}, {Py_tp_finalize, change_class},
    {Py_tp_dealloc, finalized_dealloc}, {0, NULL},
};
static PyType_Slot collected_slots[] = {
    {Py_tp_init, number_init}, {Py_tp_members, number_members}, {Py_tp_dealloc, collected_dealloc},
    {Py_tp_traverse, type_traverse}, {0, NULL},
};

static PyType_Spec number_spec = {"_testcapi.HeapCType", sizeof(Numbers), 0, OPEN, number_slots};
static PyType_Spec subclass_spec = {"_testcapi.HeapCTypeSubclass", sizeof(Numbers), 0, OPEN, subclass_slots};
static PyType_Spec finalized_spec = {
    "_testcapi.HeapCTypeSubclassWithFinalizer", sizeof(Numbers), 0, OPEN | Py_TPFLAGS_HAVE_FINALIZE, finalized_slots,
};
static PyType_Spec collected_spec = {
    "_testcapi.HeapGcCType", sizeof(Numbers), 0, OPEN | Py_TPFLAGS_HAVE_GC, collected_slots,
};

/* ---- what the runtime manages for its instances */

int managed_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return PyObject_VisitManagedDict(self, visit, arg);
}

int managed_clear(PyObject *self) {
    PyObject_ClearManagedDict(self);
    return 0;
}

static void managed_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearManagedDict(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static void referenced_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_ClearWeakRefs(self);
    PyObject_GC_UnTrack(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyGetSetDef managed_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot managed_slots[] = {
    {Py_tp_traverse, managed_traverse}, {Py_tp_clear, managed_clear}, {Py_tp_getset, managed_getset},
    {Py_tp_dealloc, managed_dealloc},   {0, NULL},
};
static PyType_Slot referenced_slots[] = {
    {Py_tp_traverse, type_traverse}, {Py_tp_dealloc, referenced_dealloc}, {0, NULL},
};
static PyType_Spec managed_spec = {
    "_testcapi.HeapCTypeWithManagedDict", sizeof(PyObject), 0, OPEN | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_MANAGED_DICT,
    managed_slots,
};
static PyType_Spec referenced_spec = {
    "_testcapi.HeapCTypeWithManagedWeakref", sizeof(PyObject), 0,
    OPEN | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_MANAGED_WEAKREF, referenced_slots,
};

/* A dict whose place is counted from the end. */
typedef struct {
    PyObject_HEAD
    PyObject *dict;
} Negative;

static void negative_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((Negative *)self)->dict);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef negative_members[] = {
    {"dictobj", _Py_T_OBJECT, offsetof(Negative, dict), 0, NULL},
    {"__dictoffset__", Py_T_PYSSIZET, -(Py_ssize_t)sizeof(void *), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyGetSetDef negative_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot negative_slots[] = {
    {Py_tp_members, negative_members}, {Py_tp_getset, negative_getset}, {Py_tp_dealloc, negative_dealloc}, {0, NULL},
};
static PyType_Spec negative_spec = {"_testcapi.HeapCTypeWithNegativeDict", sizeof(Negative), 0, OPEN, negative_slots};

/* ---- single slots */

static int get_digits(PyObject *self, Py_buffer *view, int flags) {
    static char digits[] = "1234";
    return PyBuffer_FillInfo(view, self, digits, 4, 1, flags);
}

static PyType_Slot buffer_slots[] = {{Py_bf_getbuffer, get_digits}, {0, NULL}};
static PyType_Spec buffer_spec = {"_testcapi.HeapCTypeWithBuffer", sizeof(PyObject), 0, OPEN, buffer_slots};

/* Sets the number by any name; deleting sets it to 0. */
static int set_number(PyObject *self, PyObject *name, PyObject *value) {
    long number = value ? PyLong_AsLong(value) : 0;
    if (number == -1 && PyErr_Occurred())
        return -1;
    ((Numbers *)self)->value = (int)number;
    return 0;
}

static PyMemberDef set_members[] = {
    {"pvalue", Py_T_INT, offsetof(Numbers, value), 0, NULL}, {NULL, 0, 0, 0, NULL},
};
static PyType_Slot set_slots[] = {
    {Py_tp_init, number_init}, {Py_tp_members, set_members}, {Py_tp_setattro, set_number},
    {Py_tp_dealloc, plain_dealloc}, {0, NULL},
};
static PyType_Spec set_spec = {"_testcapi.HeapCTypeSetattr", sizeof(Numbers), 0, Py_TPFLAGS_DEFAULT, set_slots};

/* A call of the class sets 1, its initialiser 2. */
static PyObject *called(PyObject *type, PyObject *const *args, size_t count, PyObject *names) {
    Numbers *self = (Numbers *)((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0);
    if (self != NULL)
        self->value = 1;
    return (PyObject *)self;
}

static int initialised(PyObject *self, PyObject *args, PyObject *keywords) {
    ((Numbers *)self)->value = 2;
    return 0;
}

static PyType_Slot vector_slots[] = {
    {Py_tp_vectorcall, called}, {Py_tp_init, initialised}, {Py_tp_members, number_members},
    {Py_tp_dealloc, plain_dealloc}, {0, NULL},
};
static PyType_Spec vector_spec = {"_testcapi.HeapCTypeVectorcall", sizeof(Numbers), 0, OPEN, vector_slots};

static PyType_Slot doc_slots[] = {{Py_tp_doc, (char *)"HeapDocCType(arg1, arg2)\n--\n\nsomedoc"}, {0, NULL}};
static PyType_Spec doc_spec = {"_testcapi.HeapDocCType", sizeof(PyObject), 0, OPEN, doc_slots};
static PyType_Slot no_doc_slots[] = {{Py_tp_doc, NULL}, {0, NULL}};
static PyType_Spec no_doc_spec = {"_testcapi.NullTpDocType", sizeof(PyObject), 0, OPEN, no_doc_slots};

/* ---- metaclasses */

static PyType_Slot meta_slots[] = {{0, NULL}};
static PyType_Spec meta_spec = {"_testcapi.HeapCTypeMetaclass", 0, 0, Py_TPFLAGS_DEFAULT, meta_slots};

static PyObject *meta_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    return PyType_Type.tp_new(type, args, keywords);
}

static PyType_Slot custom_meta_slots[] = {{Py_tp_new, meta_new}, {0, NULL}};
static PyType_Spec custom_meta_spec = {
    "_testcapi.HeapCTypeMetaclassCustomNew", 0, 0, Py_TPFLAGS_DEFAULT, custom_meta_slots,
};

static PyType_Slot empty_slots[] = {{0, NULL}};
static PyType_Spec with_base_spec = {"_testcapi.TypeWithBase", 0, 0, OPEN, empty_slots};
static PyType_Spec immutable_spec = {
    "_testcapi.ImmutableSubclass", 0, 0, OPEN | Py_TPFLAGS_IMMUTABLETYPE, empty_slots,
};

#define FUNCTIONS(ONE, MANY)                                                                     \
    MANY(make_type_with_base, PyType_FromSpecWithBases(&with_base_spec, a), "O", &a)             \
    MANY(make_immutable_type_with_base, PyType_FromSpecWithBases(&immutable_spec, a), "O", &a)   \
    ONE(clear_managed_dict, (PyObject_ClearManagedDict(a), Py_NewRef(Py_None)))

PART(heap_functions, FUNCTIONS)

static int add(PyObject *module, PyObject *type) {
    if (type == NULL)
        return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

int add_heaptypes(PyObject *module) {
    PyType_Spec *plain[] = {
        &collected_spec, &managed_spec, &referenced_spec, &negative_spec, &buffer_spec, &set_spec, &vector_spec,
        &doc_spec,       &no_doc_spec,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(plain); i++) {
        if (add(module, PyType_FromModuleAndSpec(module, plain[i], NULL)) < 0)
            return -1;
    }
    PyObject *base = PyType_FromSpec(&number_spec);
    if (base == NULL)
        return -1;
    int failed = PyModule_AddObjectRef(module, "HeapCType", base) < 0 ||
                 PyModule_Add(module, "HeapCTypeSubclass", PyType_FromSpecWithBases(&subclass_spec, base)) < 0 ||
                 PyModule_Add(module, "HeapCTypeSubclassWithFinalizer", PyType_FromSpecWithBases(&finalized_spec, base)) < 0;
    Py_DECREF(base);
    if (failed)
        return -1;
    PyObject *type = (PyObject *)&PyType_Type;
    if (add(module, PyType_FromModuleAndSpec(module, &meta_spec, type)) < 0 ||
        add(module, PyType_FromModuleAndSpec(module, &custom_meta_spec, type)) < 0)
        return -1;
    if (PyModule_AddObjectRef(module, "instancemethod", (PyObject *)&PyInstanceMethod_Type) < 0)
        return -1;
    return add_heap_functions(module);
}
