/* Two classes with a field of every kind that a member descriptor knows: by the names of now, and by the older ones. */
#include "parts.h"
#include <structmember.h>

#include <stddef.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    char truth;
    signed char byte;
    unsigned char ubyte;
    short small;
    unsigned short usmall;
    int integer;
    unsigned int uinteger;
    long wide;
    unsigned long uwide;
    Py_ssize_t size;
    float single;
    double number;
    char text[6];
    long long widest;
    unsigned long long uwidest;
    char character;
} Fields;

#define FIELD(kind, name, field) {name, kind, offsetof(Fields, field), 0, NULL}

static PyMemberDef new_members[] = {
    FIELD(Py_T_BOOL, "T_BOOL", truth), FIELD(Py_T_BYTE, "T_BYTE", byte), FIELD(Py_T_UBYTE, "T_UBYTE", ubyte),
    FIELD(Py_T_SHORT, "T_SHORT", small), FIELD(Py_T_USHORT, "T_USHORT", usmall),
    FIELD(Py_T_INT, "T_INT", integer), FIELD(Py_T_UINT, "T_UINT", uinteger),
    FIELD(Py_T_LONG, "T_LONG", wide), FIELD(Py_T_ULONG, "T_ULONG", uwide),
    FIELD(Py_T_PYSSIZET, "T_PYSSIZET", size), FIELD(Py_T_FLOAT, "T_FLOAT", single),
    FIELD(Py_T_DOUBLE, "T_DOUBLE", number), FIELD(Py_T_STRING_INPLACE, "T_STRING_INPLACE", text),
    FIELD(Py_T_LONGLONG, "T_LONGLONG", widest), FIELD(Py_T_ULONGLONG, "T_ULONGLONG", uwidest),
    FIELD(Py_T_CHAR, "T_CHAR", character), {NULL, 0, 0, 0, NULL},
};

static PyMemberDef old_members[] = {
    FIELD(T_BOOL, "T_BOOL", truth), FIELD(T_BYTE, "T_BYTE", byte), FIELD(T_UBYTE, "T_UBYTE", ubyte),
    FIELD(T_SHORT, "T_SHORT", small), FIELD(T_USHORT, "T_USHORT", usmall),
    FIELD(T_INT, "T_INT", integer), FIELD(T_UINT, "T_UINT", uinteger),
    FIELD(T_LONG, "T_LONG", wide), FIELD(T_ULONG, "T_ULONG", uwide),
    FIELD(T_PYSSIZET, "T_PYSSIZET", size), FIELD(T_FLOAT, "T_FLOAT", single),
    FIELD(T_DOUBLE, "T_DOUBLE", number), FIELD(T_STRING_INPLACE, "T_STRING_INPLACE", text),
    FIELD(T_LONGLONG, "T_LONGLONG", widest), FIELD(T_ULONGLONG, "T_ULONGLONG", uwidest),
    FIELD(T_CHAR, "T_CHAR", character), {NULL, 0, 0, 0, NULL},
};

static PyObject *fields_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"T_BOOL", "T_BYTE", "T_UBYTE", "T_SHORT", "T_USHORT", "T_INT", "T_UINT", "T_LONG",
                            "T_ULONG", "T_PYSSIZET", "T_FLOAT", "T_DOUBLE", "T_STRING_INPLACE", "T_LONGLONG",
                            "T_ULONGLONG", "T_CHAR", NULL};
    Fields *self = (Fields *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    const char *text = "";
    Py_ssize_t length = 0;
    int truth = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pbBhHiIlknfds#LKc", names, &truth, &self->byte, &self->ubyte,
                                     &self->small, &self->usmall, &self->integer, &self->uinteger, &self->wide,
                                     &self->uwide, &self->size, &self->single, &self->number, &text, &length,
                                     &self->widest, &self->uwidest, &self->character)) {
        Py_DECREF(self);
        return NULL;
    }
    if (length >= (Py_ssize_t)sizeof self->text) {
        Py_DECREF(self);
        PyErr_SetString(PyExc_ValueError, "the text is too long");
        return NULL;
    }
    self->truth = (char)truth;
    memcpy(self->text, text, (size_t)length);
    return (PyObject *)self;
}

static PyTypeObject new_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "test_structmembersType_NewAPI",
    .tp_basicsize = sizeof(Fields),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_members = new_members,
    .tp_new = fields_new,
    .tp_doc = PyDoc_STR("One field of every kind."),
};

static PyTypeObject old_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "test_structmembersType_OldAPI",
    .tp_basicsize = sizeof(Fields),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_members = old_members,
    .tp_new = fields_new,
    .tp_doc = PyDoc_STR("One field of every kind, by the older names."),
};

int add_members(PyObject *module) {
    if (PyType_Ready(&new_type) < 0 || PyType_Ready(&old_type) < 0)
        return -1;
    if (PyModule_AddObjectRef(module, "_test_structmembersType_NewAPI", (PyObject *)&new_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "_test_structmembersType_OldAPI", (PyObject *)&old_type);
}
