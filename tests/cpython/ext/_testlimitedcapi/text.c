/* Strings and codecs. */
#include "parts.h"

#include <wchar.h>

/* The result of appending, or what an error left. */
static PyObject *appended(PyObject *left, PyObject *right, int new_right) {
    PyObject *place = Py_XNewRef(left);
    if (new_right)
        PyUnicode_AppendAndDel(&place, Py_XNewRef(right));
    else
        PyUnicode_Append(&place, right);
    return place == NULL && !PyErr_Occurred() ? NOTHING(0) : place;
}

/* (text, result of the call, references to it, whether it is another object) */
static PyObject *resized(PyObject *text, Py_ssize_t size, int fresh, int hashed) {
    PyObject *place = Py_XNewRef(text);
    if (fresh && text != NULL && PyUnicode_CheckExact(text)) {
        PyObject *more = PyUnicode_FromString("-"), *all = more ? PyUnicode_Concat(text, more) : NULL;
        Py_XDECREF(place);
        place = all ? PyUnicode_Substring(all, 0, PyUnicode_GetLength(text)) : NULL;
        Py_XDECREF(more);
        Py_XDECREF(all);
        if (place == NULL)
            return NULL;
    }
    if (hashed && place != NULL && PyObject_Hash(place) == -1) {
        Py_DECREF(place);
        return NULL;
    }
    PyObject *before = place;
    int result = PyUnicode_Resize(&place, size);
    if (result < 0) {
        Py_XDECREF(place);
        return NULL;
    }
    return Py_BuildValue("(Nini)", place, result, Py_REFCNT(place), place != before);
}

static PyObject *interned(PyObject *text) {
    PyObject *place = Py_XNewRef(text);
    PyUnicode_InternInPlace(&place);
    return place;
}

static PyObject *from_wide(const char *data, Py_ssize_t bytes, Py_ssize_t size) {
    if (size == UNSET)
        size = data ? bytes / (Py_ssize_t)sizeof(wchar_t) : 0;
    return PyUnicode_FromWideChar((const wchar_t *)data, size);
}

static PyObject *as_wide(PyObject *text, Py_ssize_t room) {
    wchar_t *buffer = PyMem_Malloc((size_t)room * sizeof(wchar_t) + sizeof(wchar_t));
    if (buffer == NULL)
        return PyErr_NoMemory();
    Py_ssize_t size = PyUnicode_AsWideChar(text, buffer, room), shown = size < room ? size + 1 : size;
    PyObject *result = size < 0 ? NULL : Py_BuildValue("(Nn)", PyUnicode_FromWideChar(buffer, shown), size);
    PyMem_Free(buffer);
    return result;
}

static PyObject *as_wide_string(PyObject *text, int with_size) {
    Py_ssize_t size = -1;
    wchar_t *data = PyUnicode_AsWideCharString(text, with_size ? &size : NULL);
    if (data == NULL)
        return NULL;
    PyObject *result = with_size ? Py_BuildValue("(Nn)", PyUnicode_FromWideChar(data, size + 1), size)
                                 : PyUnicode_FromWideChar(data, -1);
    PyMem_Free(data);
    return result;
}

static PyObject *as_utf8(PyObject *text, Py_ssize_t shown, int with_size) {
    Py_ssize_t size = -1;
    const char *data = PyUnicode_AsUTF8AndSize(text, with_size ? &size : NULL);
    if (data == NULL)
        return NULL;
    return with_size ? Py_BuildValue("(y#n)", data, shown, size) : PyBytes_FromStringAndSize(data, shown);
}

static PyObject *utf8_stateful(const char *data, Py_ssize_t size, const char *errors) {
    Py_ssize_t used = -1;
    PyObject *text = PyUnicode_DecodeUTF8Stateful(data, size, errors, &used);
    return text ? Py_BuildValue("(Nn)", text, used) : NULL;
}

typedef PyObject *(*Decoder)(const char *, Py_ssize_t, const char *, int *);
typedef PyObject *(*StatefulDecoder)(const char *, Py_ssize_t, const char *, int *, Py_ssize_t *);

static PyObject *ordered(Decoder decode, int order, const char *data, Py_ssize_t size, const char *errors) {
    PyObject *text = decode(data, size, errors, &order);
    return text ? Py_BuildValue("(iN)", order, text) : NULL;
}

static PyObject *ordered_stateful(StatefulDecoder decode, int order, const char *data, Py_ssize_t size, const char *errors) {
    Py_ssize_t used = -1;
    PyObject *text = decode(data, size, errors, &order, &used);
    return text ? Py_BuildValue("(iNn)", order, text, used) : NULL;
}

static PyObject *read_char(PyObject *text, Py_ssize_t at) {
    Py_UCS4 ch = PyUnicode_ReadChar(text, at);
    return ch == (Py_UCS4)-1 && PyErr_Occurred() ? NULL : PyLong_FromUnsignedLong(ch);
}

/* A fresh copy with one character replaced. */
static PyObject *written(PyObject *text, Py_ssize_t at, unsigned int ch) {
    PyObject *copy = NULL;
    if (text != NULL && PyUnicode_CheckExact(text)) {
        PyObject *more = PyUnicode_FromString("-"), *all = more ? PyUnicode_Concat(text, more) : NULL;
        copy = all ? PyUnicode_Substring(all, 0, PyUnicode_GetLength(text)) : NULL;
        Py_XDECREF(more);
        Py_XDECREF(all);
        if (copy == NULL)
            return NULL;
    } else {
        copy = Py_XNewRef(text);
    }
    int result = PyUnicode_WriteChar(copy, at, ch);
    if (result < 0) {
        Py_XDECREF(copy);
        return NULL;
    }
    return Py_BuildValue("(Ni)", copy, result);
}

#define FUNCTIONS(ONE, MANY)                                                                                          \
    ONE(unicode_check, NUMBER(PyUnicode_Check(a)))                                                                    \
    ONE(unicode_checkexact, NUMBER(PyUnicode_CheckExact(a)))                                                          \
    MANY(unicode_append, appended(a, b, 0), "O&O&", A, B)                                                             \
    MANY(unicode_appendanddel, appended(a, b, 1), "O&O&", A, B)                                                       \
    MANY(unicode_fromstringandsize, PyUnicode_FromStringAndSize(s, n == UNSET ? s_size : n), "z#|n", &s, &s_size,     \
         (n = UNSET, &n))                                                                                             \
    MANY(unicode_fromstring, PyUnicode_FromString(s), "z#", &s, &s_size)                                              \
    MANY(unicode_substring, PyUnicode_Substring(a, m, n), "O&nn", A, &m, &n)                                          \
    ONE(unicode_getlength, SIZE(PyUnicode_GetLength(a)))                                                              \
    MANY(unicode_readchar, read_char(a, n), "O&n", A, &n)                                                             \
    MANY(unicode_writechar, written(a, n, u), "O&nI", A, &n, &u)                                                      \
    MANY(unicode_resize, resized(a, n, i, j), "O&n|pp", A, &n, (i = 1, &i), &j)                                                        \
    MANY(unicode_resize_null, NUMBER(PyUnicode_Resize(NULL, n)), "n", &n)                                             \
    ONE(unicode_fromobject, PyUnicode_FromObject(a))                                                                  \
    ONE(unicode_interninplace, interned(a))                                                                           \
    MANY(unicode_internfromstring, PyUnicode_InternFromString(s), "z#", &s, &s_size)                                  \
    MANY(unicode_fromwidechar, from_wide(s, s_size, n), "z#|n", &s, &s_size, (n = UNSET, &n))                         \
    MANY(unicode_aswidechar, as_wide(a, n), "O&n", A, &n)                                                             \
    MANY(unicode_aswidechar_null, SIZE(PyUnicode_AsWideChar(a, NULL, n)), "O&n", A, &n)                               \
    ONE(unicode_aswidecharstring, as_wide_string(a, 1))                                                               \
    ONE(unicode_aswidecharstring_null, as_wide_string(a, 0))                                                          \
    MANY(unicode_fromordinal, PyUnicode_FromOrdinal(i), "i", &i)                                                      \
    MANY(unicode_asutf8andsize, as_utf8(a, n, 1), "O&n", A, &n)                                                       \
    MANY(unicode_asutf8andsize_null, as_utf8(a, n, 0), "O&n", A, &n)                                                  \
    MANY(unicode_getdefaultencoding, PyBytes_FromString(PyUnicode_GetDefaultEncoding()), "")                          \
    MANY(unicode_fromencodedobject, PyUnicode_FromEncodedObject(a, s, t), "O&z|z", A, &s, &t)                         \
    MANY(unicode_decode, PyUnicode_Decode(s, s_size, t, p), "y#z|z", &s, &s_size, &t, &p)                             \
    MANY(unicode_asencodedstring, PyUnicode_AsEncodedString(a, s, t), "O&z|z", A, &s, &t)                             \
    MANY(unicode_decodeutf8, PyUnicode_DecodeUTF8(s, s_size, t), "y#|z", &s, &s_size, &t)                             \
    MANY(unicode_decodeutf8stateful, utf8_stateful(s, s_size, t), "y#|z", &s, &s_size, &t)                            \
    ONE(unicode_asutf8string, PyUnicode_AsUTF8String(a))                                                              \
    MANY(unicode_decodeutf16, ordered(PyUnicode_DecodeUTF16, i, s, s_size, t), "iy#|z", &i, &s, &s_size, &t)          \
    MANY(unicode_decodeutf16stateful, ordered_stateful(PyUnicode_DecodeUTF16Stateful, i, s, s_size, t), "iy#|z", &i,  \
         &s, &s_size, &t)                                                                                             \
    ONE(unicode_asutf16string, PyUnicode_AsUTF16String(a))                                                            \
    MANY(unicode_decodeutf32, ordered(PyUnicode_DecodeUTF32, i, s, s_size, t), "iy#|z", &i, &s, &s_size, &t)          \
    MANY(unicode_decodeutf32stateful, ordered_stateful(PyUnicode_DecodeUTF32Stateful, i, s, s_size, t), "iy#|z", &i,  \
         &s, &s_size, &t)                                                                                             \
    ONE(unicode_asutf32string, PyUnicode_AsUTF32String(a))                                                            \
    MANY(unicode_decodelatin1, PyUnicode_DecodeLatin1(s, s_size, t), "y#|z", &s, &s_size, &t)                         \
    ONE(unicode_aslatin1string, PyUnicode_AsLatin1String(a))                                                          \
    MANY(unicode_decodeascii, PyUnicode_DecodeASCII(s, s_size, t), "y#|z", &s, &s_size, &t)                           \
    ONE(unicode_asasciistring, PyUnicode_AsASCIIString(a))                                                            \
    MANY(unicode_decodecharmap, PyUnicode_DecodeCharmap(s, s_size, a, t), "y#O&|z", &s, &s_size, A, &t)               \
    MANY(unicode_ascharmapstring, PyUnicode_AsCharmapString(a, b), "O&O&", A, B)                                      \
    MANY(unicode_decodeunicodeescape, PyUnicode_DecodeUnicodeEscape(s, s_size, t), "y#|z", &s, &s_size, &t)           \
    ONE(unicode_asunicodeescapestring, PyUnicode_AsUnicodeEscapeString(a))                                            \
    MANY(unicode_decoderawunicodeescape, PyUnicode_DecodeRawUnicodeEscape(s, s_size, t), "y#|z", &s, &s_size, &t)     \
    ONE(unicode_asrawunicodeescapestring, PyUnicode_AsRawUnicodeEscapeString(a))                                      \
    MANY(unicode_concat, PyUnicode_Concat(a, b), "O&O&", A, B)                                                        \
    MANY(unicode_split, PyUnicode_Split(a, b, n), "O&O&|n", A, B, (n = -1, &n))                                       \
    MANY(unicode_rsplit, PyUnicode_RSplit(a, b, n), "O&O&|n", A, B, (n = -1, &n))                                     \
    MANY(unicode_splitlines, PyUnicode_Splitlines(a, i), "O&|i", A, &i)                                               \
    MANY(unicode_partition, PyUnicode_Partition(a, b), "O&O&", A, B)                                                  \
    MANY(unicode_rpartition, PyUnicode_RPartition(a, b), "O&O&", A, B)                                                \
    MANY(unicode_translate, PyUnicode_Translate(a, b, s), "O&O&|z", A, B, &s)                                         \
    MANY(unicode_join, PyUnicode_Join(a, b), "O&O&", A, B)                                                            \
    MANY(unicode_count, SIZE(PyUnicode_Count(a, b, m, n)), "O&O&nn", A, B, &m, &n)                                    \
    MANY(unicode_tailmatch, SIZE(PyUnicode_Tailmatch(a, b, m, n, i)), "O&O&nni", A, B, &m, &n, &i)                    \
    MANY(unicode_find, found_at(PyUnicode_Find(a, b, m, n, i)), "O&O&nni", A, B, &m, &n, &i)                          \
    MANY(unicode_findchar, found_at(PyUnicode_FindChar(a, u, m, n, i)), "O&Inni", A, &u, &m, &n, &i)                  \
    MANY(unicode_replace, PyUnicode_Replace(a, b, c, n), "O&O&O&|n", A, B, C, (n = -1, &n))                           \
    MANY(unicode_compare, NUMBER(PyUnicode_Compare(a, b)), "O&O&", A, B)                                              \
    MANY(unicode_comparewithasciistring, NUMBER(PyUnicode_CompareWithASCIIString(a, s)), "O&y#", A, &s, &s_size)      \
    MANY(unicode_equaltoutf8, NUMBER(PyUnicode_EqualToUTF8(a, s)), "O&z#", A, &s, &s_size)                            \
    MANY(unicode_equaltoutf8andsize, NUMBER(PyUnicode_EqualToUTF8AndSize(a, s, n == UNSET ? s_size : n)), "O&z#|n",   \
         A, &s, &s_size, (n = UNSET, &n))                                                                             \
    MANY(unicode_richcompare, PyUnicode_RichCompare(a, b, i), "O&O&i", A, B, &i)                                      \
    MANY(unicode_equal, NUMBER(PyUnicode_Equal(a, b)), "O&O&", A, B)                                                  \
    MANY(unicode_format, PyUnicode_Format(a, b), "O&O&", A, B)                                                        \
    MANY(unicode_contains, NUMBER(PyUnicode_Contains(a, b)), "O&O&", A, B)                                            \
    ONE(unicode_isidentifier, NUMBER(PyUnicode_IsIdentifier(a)))

/* A place in a text: -1 for none, -2 for an error. */
static PyObject *found_at(Py_ssize_t place) {
    return place == -2 ? NULL : PyLong_FromSsize_t(place);
}

PART(text, FUNCTIONS)
