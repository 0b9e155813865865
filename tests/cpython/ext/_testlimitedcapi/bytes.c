/* Bytes and byte arrays. */
#include "parts.h"

static PyObject *shown(const char *data, Py_ssize_t size) {
    return data ? PyBytes_FromStringAndSize(data, size) : NULL;
}

static PyObject *as_string_and_size(PyObject *a, Py_ssize_t length) {
    char *data = NULL;
    Py_ssize_t size = -1;
    if (PyBytes_AsStringAndSize(a, &data, &size) < 0)
        return NULL;
    return Py_BuildValue("(y#n)", data, length, size);
}

static PyObject *as_string_without_size(PyObject *a, Py_ssize_t length) {
    char *data = NULL;
    return PyBytes_AsStringAndSize(a, &data, NULL) < 0 ? NULL : shown(data, length);
}

static PyObject *joined(PyObject *left, PyObject *right, int fresh, int consume) {
    PyObject *place;
    if (fresh && left != NULL && PyBytes_CheckExact(left)) {
        /* Nobody else has it: it may grow where it is. */
        place = PyBytes_FromStringAndSize(PyBytes_AsString(left), PyBytes_Size(left));
        if (place == NULL)
            return NULL;
    } else {
        place = Py_XNewRef(left);
    }
    if (consume)
        PyBytes_ConcatAndDel(&place, Py_XNewRef(right));
    else
        PyBytes_Concat(&place, right);
    return place == NULL && !PyErr_Occurred() ? NOTHING(0) : place;
}

#define FUNCTIONS(ONE, MANY)                                                                                          \
    ONE(bytes_check, NUMBER(PyBytes_Check(a)))                                                                        \
    ONE(bytes_checkexact, NUMBER(PyBytes_CheckExact(a)))                                                              \
    MANY(bytes_fromstringandsize, PyBytes_FromStringAndSize(s, n == UNSET ? s_size : n), "z#|n", &s, &s_size, (n = UNSET, &n)) \
    MANY(bytes_fromstring, PyBytes_FromString(s), "z#", &s, &s_size)                                                  \
    ONE(bytes_fromobject, PyBytes_FromObject(a))                                                                      \
    ONE(bytes_size, SIZE(PyBytes_Size(a)))                                                                            \
    MANY(bytes_asstring, shown(PyBytes_AsString(a), n), "O&n", A, &n)                                                 \
    MANY(bytes_asstringandsize, as_string_and_size(a, n), "O&n", A, &n)                                               \
    MANY(bytes_asstringandsize_null, as_string_without_size(a, n), "O&n", A, &n)                                      \
    MANY(bytes_repr, PyBytes_Repr(a, i), "O&i", A, &i)                                                                \
    MANY(bytes_concat, joined(a, b, i, 0), "O&O&|p", A, B, &i)                                                                 \
    MANY(bytes_concatanddel, joined(a, b, i, 1), "O&O&|p", A, B, &i)                                                           \
    MANY(bytes_decodeescape, PyBytes_DecodeEscape(s, n == UNSET ? s_size : n, t, 0, NULL), "z#|z#n", &s, &s_size, &t,  \
         &t_size, (n = UNSET, &n))                                                                                     \
    ONE(bytearray_check, NUMBER(PyByteArray_Check(a)))                                                                \
    ONE(bytearray_checkexact, NUMBER(PyByteArray_CheckExact(a)))                                                      \
    MANY(bytearray_fromstringandsize, PyByteArray_FromStringAndSize(s, n == UNSET ? s_size : n), "z#|n", &s, &s_size,  \
         (n = UNSET, &n))                                                                                              \
    ONE(bytearray_fromobject, PyByteArray_FromObject(a))                                                              \
    ONE(bytearray_size, SIZE(PyByteArray_Size(a)))                                                                    \
    MANY(bytearray_asstring, shown(PyByteArray_AsString(a), n), "O&n", A, &n)                                         \
    MANY(bytearray_concat, PyByteArray_Concat(a, b), "O&O&", A, B)                                                    \
    MANY(bytearray_resize, NUMBER(PyByteArray_Resize(a, n)), "O&n", A, &n)

PART(bytes, FUNCTIONS)
