/* Types whose fields lie behind those of a base whose size is not known. */
#include "parts.h"

#include <stddef.h>

/* ---- a field for the runtime: a dict, or a list of weak references */

typedef struct {
    PyObject *field;
} Extra;

static void dict_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Extra *extra = PyObject_GetTypeData(self, type);
    Py_XDECREF(extra->field);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static void weak_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_ClearWeakRefs(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMemberDef dict_members[] = {
    {"dictobj", _Py_T_OBJECT, offsetof(Extra, field), Py_RELATIVE_OFFSET, NULL},
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(Extra, field), Py_READONLY | Py_RELATIVE_OFFSET, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyMemberDef weak_members[] = {
    {"weakreflist", _Py_T_OBJECT, offsetof(Extra, field), Py_READONLY | Py_RELATIVE_OFFSET, NULL},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(Extra, field), Py_READONLY | Py_RELATIVE_OFFSET, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyGetSetDef dict_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot dict_slots[] = {
    {Py_tp_members, dict_members}, {Py_tp_getset, dict_getset}, {Py_tp_dealloc, dict_dealloc}, {0, NULL},
};
static PyType_Slot weak_slots[] = {
    {Py_tp_members, weak_members}, {Py_tp_dealloc, weak_dealloc}, {0, NULL},
};
#define OPEN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)
static PyType_Spec specs[] = {
    {"_testlimitedcapi.HeapCTypeWithRelativeDict", -(int)sizeof(Extra), 0, OPEN, dict_slots},
    {"_testlimitedcapi.HeapCTypeWithRelativeWeakref", -(int)sizeof(Extra), 0, OPEN, weak_slots},
};

/* ---- a member at any place, of any type */

static char *place_of(PyObject *self, PyTypeObject *type, PyMemberDef *member) {
    return (char *)self + (member->flags & Py_RELATIVE_OFFSET ? 0 : member->offset);
}

static PyMemberDef *member_of(PyObject *self) {
    PyMemberDef *members = PyType_GetSlot(Py_TYPE(self), Py_tp_members);
    if (members == NULL || members->name == NULL) {
        PyErr_SetString(PyExc_SystemError, "the type has no member");
        return NULL;
    }
    return members;
}

static PyObject *get_memb(PyObject *self, PyObject *unused) {
    PyMemberDef *member = member_of(self);
    return member ? PyMember_GetOne((const char *)self, member) : NULL;
}

static PyObject *set_memb(PyObject *self, PyObject *value) {
    PyMemberDef *member = member_of(self);
    return member ? NOTHING(PyMember_SetOne((char *)self, member, value)) : NULL;
}

static PyObject *get_memb_offset(PyObject *self, PyObject *unused) {
    PyMemberDef *member = member_of(self);
    return member ? PyLong_FromSsize_t(place_of(self, Py_TYPE(self), member) - (char *)self) : NULL;
}

/* A member that was not made absolute is no business of these functions. */
static PyObject *get_memb_relative(PyObject *self, PyObject *unused) {
    PyMemberDef member = {"memb", Py_T_BYTE, 0, Py_RELATIVE_OFFSET, NULL};
    return PyMember_GetOne((const char *)self, &member);
}

static PyObject *set_memb_relative(PyObject *self, PyObject *value) {
    PyMemberDef member = {"memb", Py_T_BYTE, 0, Py_RELATIVE_OFFSET, NULL};
    return NOTHING(PyMember_SetOne((char *)self, &member, value));
}

static PyMethodDef member_methods[] = {
    {"get_memb", get_memb, METH_NOARGS, NULL},
    {"set_memb", set_memb, METH_O, NULL},
    {"get_memb_offset", get_memb_offset, METH_NOARGS, NULL},
    {"get_memb_relative", get_memb_relative, METH_NOARGS, NULL},
    {"set_memb_relative", set_memb_relative, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* (extra_base_size, basicsize, member_offset, add_relative_flag, member_name, member_flags, member_type) */
static PyObject *make_heaptype_with_member(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"extra_base_size", "basicsize", "member_offset", "add_relative_flag", "member_name",
                            "member_flags", "member_type", NULL};
    int extra = 0, size = 0, offset = 0, relative = 0, flags = 0, type = Py_T_BYTE;
    const char *name = "memb";
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|iiipsii", names, &extra, &size, &offset, &relative, &name, &flags,
                                     &type))
        return NULL;
    PyType_Slot none[] = {{0, NULL}};
    PyType_Spec base_spec = {"_testlimitedcapi.Base", extra ? (int)sizeof(PyObject) + extra : 0, 0, OPEN, none};
    PyObject *base = PyType_FromSpec(&base_spec);
    if (base == NULL)
        return NULL;
    PyMemberDef members[] = {{name, type, offset, flags | (relative ? Py_RELATIVE_OFFSET : 0), NULL}, {NULL, 0, 0, 0, NULL}};
    PyType_Slot slots[] = {{Py_tp_members, members}, {Py_tp_methods, member_methods}, {0, NULL}};
    PyType_Spec spec = {"_testlimitedcapi.Derived", size, 0, OPEN, slots};
    PyObject *bases = PyTuple_Pack(1, base);
    PyObject *made = bases ? PyType_FromMetaclass(NULL, module, &spec, bases) : NULL;
    Py_XDECREF(bases);
    Py_DECREF(base);
    return made;
}

/* ---- subclasses with data of their own behind their base's */

static PyObject *data_to_3s(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t size = PyType_GetTypeDataSize(defining);
    void *data = PyObject_GetTypeData(self, defining);
    if (data == NULL || size < 0)
        return NULL;
    memset(data, 3, size);
    Py_RETURN_NONE;
}

static PyObject *data_of(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t size = PyType_GetTypeDataSize(defining);
    void *data = PyObject_GetTypeData(self, defining);
    return data && size >= 0 ? PyBytes_FromStringAndSize(data, size) : NULL;
}

#define OF_CLASS(function) (PyCFunction)(void (*)(void))function, METH_METHOD | METH_FASTCALL | METH_KEYWORDS, NULL
static PyMethodDef data_methods[] = {
    {"set_data_to_3s", OF_CLASS(data_to_3s)}, {"get_data", OF_CLASS(data_of)}, {NULL, NULL, 0, NULL},
};

/* A subclass of `base` with these numbers in its specification. */
static PyObject *subclass(PyObject *module, PyObject *base, int size, int item, unsigned int flags, PyType_Slot *slots) {
    PyType_Spec spec = {"_testlimitedcapi.Sub", size, item, OPEN | flags, slots};
    return PyType_FromMetaclass(NULL, module, &spec, base);
}

/* (base, basicsize, itemsize, pfunc) */
static PyObject *subclass_var_heaptype(PyObject *module, PyObject *args) {
    PyObject *base;
    int size, item;
    long unused;
    if (!PyArg_ParseTuple(args, "Oiil", &base, &size, &item, &unused))
        return NULL;
    PyType_Slot slots[] = {{Py_tp_methods, data_methods}, {0, NULL}};
    return subclass(module, base, size, item, Py_TPFLAGS_ITEMS_AT_END, slots);
}

/* (base, basicsize, itemsize) */
static PyObject *subclass_heaptype(PyObject *module, PyObject *args) {
    PyObject *base;
    int size, item;
    if (!PyArg_ParseTuple(args, "Oii", &base, &size, &item))
        return NULL;
    PyType_Slot slots[] = {{Py_tp_methods, data_methods}, {0, NULL}};
    return subclass(module, base, size, item, 0, slots);
}

/* (extra_base_size, basicsize) -> Base, Sub, instance of Sub, its data's address, offset and size */
static PyObject *make_sized_heaptypes(PyObject *module, PyObject *args) {
    int extra, size;
    if (!PyArg_ParseTuple(args, "ii", &extra, &size))
        return NULL;
    PyType_Slot none[] = {{0, NULL}};
    PyType_Spec base_spec = {"_testlimitedcapi.Base", (int)sizeof(PyObject) + extra, 0, OPEN, none};
    PyObject *base = PyType_FromMetaclass(NULL, module, &base_spec, NULL), *sub = NULL, *instance = NULL, *made = NULL;
    if (base == NULL)
        return NULL;
    sub = subclass(module, base, size, 0, 0, none);
    instance = sub ? PyObject_CallNoArgs(sub) : NULL;
    char *data = instance ? PyObject_GetTypeData(instance, (PyTypeObject *)sub) : NULL;
    Py_ssize_t room = instance ? PyType_GetTypeDataSize((PyTypeObject *)sub) : -1;
    if (data != NULL && room >= 0)
        made = Py_BuildValue("OOOKnn", base, sub, instance, (unsigned long long)(uintptr_t)data,
                             (Py_ssize_t)(data - (char *)instance), room);
    Py_XDECREF(instance);
    Py_XDECREF(sub);
    Py_DECREF(base);
    return made;
}

static PyMethodDef functions[] = {
    {"subclass_var_heaptype", subclass_var_heaptype, METH_VARARGS, NULL},
    {"subclass_heaptype", subclass_heaptype, METH_VARARGS, NULL},
    {"make_sized_heaptypes", make_sized_heaptypes, METH_VARARGS, NULL},
    {"make_heaptype_with_member", (PyCFunction)(void (*)(void))make_heaptype_with_member, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_layouts(PyObject *module) {
    for (size_t i = 0; i < Py_ARRAY_LENGTH(specs); i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, &specs[i], NULL);
        if (type == NULL)
            return -1;
        int failed = PyModule_AddType(module, (PyTypeObject *)type);
        Py_DECREF(type);
        if (failed < 0)
            return -1;
    }
    if (PyModule_AddIntConstant(module, "Py_T_PYSSIZET", Py_T_PYSSIZET) < 0 ||
        PyModule_AddIntConstant(module, "Py_READONLY", Py_READONLY) < 0 ||
        PyModule_AddIntConstant(module, "ALIGNOF_MAX_ALIGN_T", _Alignof(max_align_t)) < 0)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
