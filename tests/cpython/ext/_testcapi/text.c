/* Strings beyond the limited API. */
#include "parts.h"
#include "../functions.h"

#include <string.h>

static PyObject *new_text(Py_ssize_t size, unsigned int max_char) {
    PyObject *text = PyUnicode_New(size, (Py_UCS4)max_char);
    if (text == NULL || size == 0)
        return text;
    if (PyUnicode_Fill(text, 0, size, (Py_UCS4)max_char) < 0)
        Py_CLEAR(text);
    return text;
}

/* A fresh string of the same kind and text, which may be changed; anything else is given back. */
static PyObject *fresh_copy(PyObject *text) {
    if (text == NULL || !PyUnicode_CheckExact(text))
        return Py_XNewRef(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    PyObject *copy = PyUnicode_New(size, PyUnicode_MAX_CHAR_VALUE(text));
    if (copy != NULL && size > 0 && PyUnicode_CopyCharacters(copy, 0, text, 0, size) < 0)
        Py_CLEAR(copy);
    return copy;
}

static PyObject *filled(PyObject *to, Py_ssize_t start, Py_ssize_t length, unsigned int ch) {
    PyObject *copy = fresh_copy(to);
    if (copy == NULL && to != NULL)
        return NULL;
    Py_ssize_t count = PyUnicode_Fill(copy, start, length, (Py_UCS4)ch);
    if (count < 0) {
        Py_XDECREF(copy);
        return NULL;
    }
    return Py_BuildValue("(Nn)", copy, count);
}

static PyObject *copied(PyObject *to, Py_ssize_t to_start, PyObject *from, Py_ssize_t from_start, Py_ssize_t count) {
    Py_ssize_t size = PyUnicode_GET_LENGTH(to);
    PyObject *copy = PyUnicode_New(size, PyUnicode_MAX_CHAR_VALUE(to));
    if (copy == NULL || (size > 0 && PyUnicode_Fill(copy, 0, size, 0) < 0)) {
        Py_XDECREF(copy);
        return NULL;
    }
    Py_ssize_t done = PyUnicode_CopyCharacters(copy, to_start, from, from_start, count);
    if (done < 0) {
        Py_DECREF(copy);
        return NULL;
    }
    return Py_BuildValue("(Nn)", copy, done);
}

static PyObject *as_ucs4(PyObject *text, Py_ssize_t room, int with_null) {
    Py_ssize_t size = room + 1;
    Py_UCS4 *buffer = PyMem_Calloc((size_t)size, sizeof(Py_UCS4));
    if (buffer == NULL)
        return PyErr_NoMemory();
    buffer[room] = 0xffff;
    PyObject *result = PyUnicode_AsUCS4(text, buffer, size, with_null)
                           ? PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, buffer, size)
                           : NULL;
    PyMem_Free(buffer);
    return result;
}

static PyObject *as_ucs4_copy(PyObject *text) {
    Py_UCS4 *data = PyUnicode_AsUCS4Copy(text);
    if (data == NULL)
        return NULL;
    PyObject *result = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, data, PyUnicode_GET_LENGTH(text) + 1);
    PyMem_Free(data);
    return result;
}

static PyObject *as_utf8(PyObject *text, Py_ssize_t shown) {
    const char *data = PyUnicode_AsUTF8(text);
    return data ? PyBytes_FromStringAndSize(data, shown) : NULL;
}

static PyObject *from_data(int kind, const char *data, Py_ssize_t bytes, Py_ssize_t size) {
    if (size == UNSET)
        size = kind ? bytes / kind : 0;
    return PyUnicode_FromKindAndData(kind, data, size);
}

static PyObject *written(PyObject *text, Py_ssize_t at, unsigned int ch) {
    PyObject *copy = fresh_copy(text);
    if (copy == NULL)
        return NULL;
    PyUnicode_WRITE(PyUnicode_KIND(copy), PyUnicode_DATA(copy), at, (Py_UCS4)ch);
    return Py_BuildValue("(Ni)", copy, 0);
}

#define FUNCTIONS(ONE, MANY)                                                                            \
    MANY(unicode_new, new_text(n, u), "nI", &n, &u)                                                     \
    MANY(unicode_fill, filled(a, m, n, u), "O&nnI", A, &m, &n, &u)                                      \
    MANY(unicode_copycharacters, copied(a, m, b, n, k), "O!nO&nn", &PyUnicode_Type, &a, &m, B, &n, &k)  \
    MANY(unicode_fromkindanddata, from_data(i, s, s_size, n), "iz#|n", &i, &s, &s_size, (n = UNSET, &n)) \
    MANY(unicode_asucs4, as_ucs4(a, n, i), "O&ni", A, &n, &i)                                           \
    ONE(unicode_asucs4copy, as_ucs4_copy(a))                                                            \
    MANY(unicode_asutf8, as_utf8(a, n), "O&n", A, &n)                                                   \
    MANY(unicode_write, written(a, n, u), "O&nI", A, &n, &u)                                            \
    MANY(unicode_read, NUMBER(PyUnicode_READ(PyUnicode_KIND(a), PyUnicode_DATA(a), n)), "O&n", A, &n)   \
    MANY(unicode_read_char, NUMBER(PyUnicode_READ_CHAR(a, n)), "O&n", A, &n)                            \
    ONE(unicode_getlength_macro, SIZE(PyUnicode_GET_LENGTH(a)))                                         \
    ONE(unicode_kind, NUMBER(PyUnicode_KIND(a)))                                                        \
    ONE(unicode_max_char_value, NUMBER(PyUnicode_MAX_CHAR_VALUE(a)))                                    \
    ONE(unicode_check_interned, NUMBER(PyUnicode_CHECK_INTERNED(a)))                                    \
    ONE(unicode_is_ascii, NUMBER(PyUnicode_IS_ASCII(a)))                                                \
    ONE(unicode_is_compact, NUMBER(PyUnicode_IS_COMPACT(a)))                                            \
    ONE(unicode_is_compact_ascii, NUMBER(PyUnicode_IS_COMPACT_ASCII(a)))

PART(more_text, FUNCTIONS)

/* ---- the writer */

typedef struct {
    PyObject_HEAD
    PyUnicodeWriter *writer;
} Writer;

static PyObject *writer_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    Writer *self = (Writer *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->writer = NULL;
    return (PyObject *)self;
}

static int writer_init(PyObject *self, PyObject *args, PyObject *keywords) {
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "n", &size))
        return -1;
    PyUnicodeWriter_Discard(((Writer *)self)->writer);
    ((Writer *)self)->writer = PyUnicodeWriter_Create(size);
    return ((Writer *)self)->writer ? 0 : -1;
}

static void writer_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyUnicodeWriter_Discard(((Writer *)self)->writer);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyUnicodeWriter *live(PyObject *self) {
    PyUnicodeWriter *writer = ((Writer *)self)->writer;
    if (writer == NULL)
        PyErr_SetString(PyExc_ValueError, "the writer is finished");
    return writer;
}

#define WRITE(NAME, CALL, FORMAT, ...)                                 \
    static PyObject *NAME(PyObject *self, PyObject *args) {            \
        PLACES;                                                        \
        PyUnicodeWriter *w = live(self);                               \
        if (w == NULL || !PyArg_ParseTuple(args, FORMAT, __VA_ARGS__)) \
            return NULL;                                               \
        return none_unless((CALL) < 0);                                \
    }
WRITE(write_char, PyUnicodeWriter_WriteChar(w, u), "I", &u)
WRITE(write_utf8, PyUnicodeWriter_WriteUTF8(w, s, n), "z#n", &s, &s_size, &n)
WRITE(write_ascii, PyUnicodeWriter_WriteASCII(w, s, n), "z#n", &s, &s_size, &n)
/* Through the older kind of writer, which a writer is too. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
WRITE(write_latin1, _PyUnicodeWriter_WriteLatin1String((_PyUnicodeWriter *)w, s, n), "z#n", &s, &s_size, &n)
#pragma GCC diagnostic pop
WRITE(write_str, PyUnicodeWriter_WriteStr(w, a), "O", &a)
WRITE(write_repr, PyUnicodeWriter_WriteRepr(w, a), "O&", A)
WRITE(write_substring, PyUnicodeWriter_WriteSubstring(w, a, m, n), "Unn", &a, &m, &n)

/* Wide characters and code points come as bytes; as many as there are, unless told. */
static Py_ssize_t units(Py_ssize_t size, Py_ssize_t bytes, size_t unit) {
    return size == UNSET ? bytes / (Py_ssize_t)unit : size;
}
WRITE(write_widechar, PyUnicodeWriter_WriteWideChar(w, (const wchar_t *)s, units(n, s_size, sizeof(wchar_t))), "z#|n", &s,
      &s_size, (n = UNSET, &n))
WRITE(write_ucs4, PyUnicodeWriter_WriteUCS4(w, (Py_UCS4 *)s, units(n, s_size, sizeof(Py_UCS4))), "z#|n", &s, &s_size,
      (n = UNSET, &n))

static PyObject *get_pointer(PyObject *self, PyObject *unused) {
    PyUnicodeWriter *w = live(self);
    return w ? PyLong_FromVoidPtr(w) : NULL;
}

static PyObject *decode_utf8_stateful(PyObject *self, PyObject *args) {
    const char *data, *errors = NULL;
    Py_ssize_t size, data_size, errors_size, used = 12345;
    int with_used = 0;
    PyUnicodeWriter *w = live(self);
    if (w == NULL || !PyArg_ParseTuple(args, "z#n|z#i", &data, &data_size, &size, &errors, &errors_size, &with_used))
        return NULL;
    int failed = PyUnicodeWriter_DecodeUTF8Stateful(w, data, size, errors, with_used ? &used : NULL) < 0;
    if (failed)
        return NULL;
    return with_used ? PyLong_FromSsize_t(used) : none_unless(0);
}

static PyObject *writer_finish(PyObject *self, PyObject *unused) {
    PyUnicodeWriter *w = live(self);
    if (w == NULL)
        return NULL;
    ((Writer *)self)->writer = NULL;
    return PyUnicodeWriter_Finish(w);
}

static PyMethodDef writer_methods[] = {
    {"write_char", write_char, METH_VARARGS, NULL},
    {"write_utf8", write_utf8, METH_VARARGS, NULL},
    {"write_ascii", write_ascii, METH_VARARGS, NULL},
    {"write_latin1", write_latin1, METH_VARARGS, NULL},
    {"write_str", write_str, METH_VARARGS, NULL},
    {"write_repr", write_repr, METH_VARARGS, NULL},
    {"write_substring", write_substring, METH_VARARGS, NULL},
    {"write_widechar", write_widechar, METH_VARARGS, NULL},
    {"write_ucs4", write_ucs4, METH_VARARGS, NULL},
    {"decodeutf8stateful", decode_utf8_stateful, METH_VARARGS, NULL},
    {"get_pointer", get_pointer, METH_NOARGS, NULL},
    {"finish", writer_finish, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot writer_slots[] = {
    {Py_tp_new, writer_new},         {Py_tp_init, writer_init}, {Py_tp_dealloc, writer_dealloc},
    {Py_tp_methods, writer_methods}, {0, NULL},
};
static PyType_Spec writer_spec = {"_testcapi.PyUnicodeWriter", sizeof(Writer), 0, Py_TPFLAGS_DEFAULT, writer_slots};

int add_text(PyObject *module) {
    return add_more_text(module) < 0 ? -1 : PyModule_Add(module, "PyUnicodeWriter", PyType_FromSpec(&writer_spec));
}
