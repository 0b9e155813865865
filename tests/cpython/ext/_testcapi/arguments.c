/* How arguments are taken apart: one function for each unit of a format, and a parser for any. */
#include "parts.h"
#include "../functions.h"

#include <float.h>
#include <limits.h>
#include <string.h>

#define UNIT(UNIT_NAME, TYPE, MAKE)                                    \
    static PyObject *getargs_##UNIT_NAME(PyObject *module, PyObject *args) { \
        TYPE value;                                                    \
        if (!PyArg_ParseTuple(args, #UNIT_NAME, &value))               \
            return NULL;                                               \
        return MAKE;                                                   \
    }
UNIT(b, unsigned char, PyLong_FromUnsignedLong(value))
UNIT(B, unsigned char, PyLong_FromUnsignedLong(value))
UNIT(h, short, PyLong_FromLong(value))
UNIT(H, unsigned short, PyLong_FromUnsignedLong(value))
UNIT(I, unsigned int, PyLong_FromUnsignedLong(value))
UNIT(k, unsigned long, PyLong_FromUnsignedLong(value))
UNIT(i, int, PyLong_FromLong(value))
UNIT(l, long, PyLong_FromLong(value))
UNIT(n, Py_ssize_t, PyLong_FromSsize_t(value))
UNIT(p, int, PyLong_FromLong(value))
UNIT(L, long long, PyLong_FromLongLong(value))
UNIT(K, unsigned long long, PyLong_FromUnsignedLongLong(value))
UNIT(f, float, PyFloat_FromDouble(value))
UNIT(d, double, PyFloat_FromDouble(value))
UNIT(D, Py_complex, PyComplex_FromCComplex(value))
UNIT(c, char, PyLong_FromLong((unsigned char)value))
UNIT(C, int, PyLong_FromLong(value))
UNIT(S, PyObject *, Py_NewRef(value))
UNIT(Y, PyObject *, Py_NewRef(value))
UNIT(U, PyObject *, Py_NewRef(value))

static PyObject *bytes_or_none(const char *data) {
    return data ? PyBytes_FromString(data) : Py_NewRef(Py_None);
}
UNIT(s, const char *, bytes_or_none(value))
UNIT(z, const char *, bytes_or_none(value))
UNIT(y, const char *, bytes_or_none(value))

/* What a buffer holds; None where there is none. */
static PyObject *released(Py_buffer *view) {
    PyObject *result = view->buf ? PyBytes_FromStringAndSize(view->buf, view->len) : Py_NewRef(Py_None);
    PyBuffer_Release(view);
    return result;
}

/* A writable buffer comes back in brackets, to show that it can be written to. */
static PyObject *bracketed(Py_buffer *view) {
    if (view->obj == NULL)
        return Py_NewRef(Py_None);
    if (view->len >= 2 && !view->readonly) {
        ((char *)view->buf)[0] = '[';
        ((char *)view->buf)[view->len - 1] = ']';
    }
    return released(view);
}

#define SIZED(NAME, FORMAT)                                                                      \
    static PyObject *NAME(PyObject *module, PyObject *args) {                                    \
        const char *data;                                                                        \
        Py_ssize_t size;                                                                         \
        if (!PyArg_ParseTuple(args, FORMAT, &data, &size))                                       \
            return NULL;                                                                         \
        return data ? PyBytes_FromStringAndSize(data, size) : Py_NewRef(Py_None);                \
    }
SIZED(getargs_s_hash, "s#")
SIZED(getargs_z_hash, "z#")
SIZED(getargs_y_hash, "y#")

#define BUFFER(NAME, FORMAT, RESULT)                              \
    static PyObject *NAME(PyObject *module, PyObject *args) {     \
        Py_buffer view = {0};                                     \
        if (!PyArg_ParseTuple(args, FORMAT, &view))               \
            return NULL;                                          \
        return RESULT(&view);                                     \
    }
BUFFER(getargs_s_star, "s*", released)
BUFFER(getargs_z_star, "z*", released)
BUFFER(getargs_y_star, "y*", released)
BUFFER(getargs_w_star, "w*", bracketed)
BUFFER(getargs_w_star_opt, "|w*", bracketed)

/* An encoded copy that the parser allocates. */
static PyObject *encoded(PyObject *args, const char *format) {
    PyObject *arg;
    const char *encoding = NULL;
    char *data = NULL;
    if (!PyArg_ParseTuple(args, "O|s", &arg, &encoding) || !PyArg_Parse(arg, format, encoding, &data))
        return NULL;
    PyObject *result = PyBytes_FromString(data);
    PyMem_Free(data);
    return result;
}

static PyObject *getargs_es(PyObject *module, PyObject *args) {
    return encoded(args, "es");
}

static PyObject *getargs_et(PyObject *module, PyObject *args) {
    return encoded(args, "et");
}

/* An encoded copy with its length, in memory of the parser or in a buffer of ours. */
static PyObject *encoded_sized(PyObject *args, const char *format) {
    PyObject *arg, *result;
    const char *encoding = NULL;
    PyByteArrayObject *room = NULL;
    if (!PyArg_ParseTuple(args, "O|sY", &arg, &encoding, &room))
        return NULL;
    char *data = room ? PyByteArray_AS_STRING((PyObject *)room) : NULL;
    Py_ssize_t size = room ? PyByteArray_GET_SIZE((PyObject *)room) : 0;
    if (!PyArg_Parse(arg, format, encoding, &data, &size))
        return NULL;
    result = PyBytes_FromStringAndSize(data, size);
    if (room == NULL)
        PyMem_Free(data);
    return result;
}

static PyObject *getargs_es_hash(PyObject *module, PyObject *args) {
    return encoded_sized(args, "es#");
}

static PyObject *getargs_et_hash(PyObject *module, PyObject *args) {
    return encoded_sized(args, "et#");
}

static PyObject *getargs_empty(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|:getargs_empty", names))
        return NULL;
    return PyLong_FromLong(1);
}

static PyObject *getargs_tuple(PyObject *module, PyObject *args) {
    int a, b, c;
    if (!PyArg_ParseTuple(args, "i(ii)", &a, &b, &c))
        return NULL;
    return Py_BuildValue("iii", a, b, c);
}

/* Ten numbers in nested sequences, -1 for those that are not given. */
static PyObject *getargs_keywords(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"arg1", "arg2", "arg3", "arg4", "arg5", NULL};
    int n[10] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "(ii)i|(i(ii))(iii)i", names, &n[0], &n[1], &n[2], &n[3], &n[4],
                                     &n[5], &n[6], &n[7], &n[8], &n[9]))
        return NULL;
    return Py_BuildValue("iiiiiiiiii", n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]);
}

static PyObject *three_numbers(PyObject *args, PyObject *keywords, const char *format, char **names) {
    int required = -1, optional = -1, last = -1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names, &required, &optional, &last))
        return NULL;
    return Py_BuildValue("iii", required, optional, last);
}

static PyObject *getargs_keyword_only(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"required", "optional", "keyword_only", NULL};
    return three_numbers(args, keywords, "i|i$i", names);
}

static PyObject *getargs_positional_only_and_keywords(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"", "", "keyword", NULL};
    return three_numbers(args, keywords, "i|ii", names);
}

/* A copy of a C string that lives as long as the call, from str or bytes. */
#define MOST 8
static const char *name_of(PyObject *item) {
    if (PyBytes_Check(item))
        return PyBytes_AS_STRING(item);
    if (PyUnicode_Check(item))
        return PyUnicode_AsUTF8(item);
    PyErr_SetString(PyExc_ValueError, "parse_tuple_and_keywords: a name is no str or bytes");
    return NULL;
}

/* Whether a format gives objects only, which are shown; other places are only filled. */
static int gives_objects(const char *format) {
    return format[strspn(format, "|$O()SUY")] == 0;
}

/* Parses (args, kwargs, format, names). Formats of objects alone give the objects, None where nothing was given. */
static PyObject *parse_tuple_and_keywords(PyObject *module, PyObject *args) {
    PyObject *positional, *keywords, *list;
    const char *format;
    if (!PyArg_ParseTuple(args, "OOsO:parse_tuple_and_keywords", &positional, &keywords, &format, &list))
        return NULL;
    if (!PyTuple_Check(list) && !PyList_Check(list)) {
        PyErr_SetString(PyExc_ValueError, "parse_tuple_and_keywords: the names are no list or tuple");
        return NULL;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(list);
    if (count > MOST) {
        PyErr_SetString(PyExc_ValueError, "parse_tuple_and_keywords: too many names");
        return NULL;
    }
    char *names[MOST + 1] = {NULL};
    for (Py_ssize_t i = 0; i < count; i++) {
        names[i] = (char *)name_of(PySequence_Fast_GET_ITEM(list, i));
        if (names[i] == NULL)
            return NULL;
    }
    /* Places for whatever the units want, each large enough for the largest. */
    union {
        PyObject *object;
        char room[64];
    } at[MOST];
    memset(at, 0, sizeof at);
    if (!PyArg_ParseTupleAndKeywords(positional, keywords, format, names, &at[0], &at[1], &at[2], &at[3], &at[4], &at[5],
                                     &at[6], &at[7]))
        return NULL;
    if (!gives_objects(format))
        Py_RETURN_NONE;
    Py_ssize_t units = 0;
    for (const char *unit = format; *unit; unit++)
        units += *unit >= 'A' && *unit <= 'Z';
    PyObject *result = PyTuple_New(units);
    for (Py_ssize_t i = 0; result != NULL && i < units; i++)
        PyTuple_SET_ITEM(result, i, Py_NewRef(at[i].object ? at[i].object : Py_None));
    return result;
}

/* py_buildvalue(format, *objects) */
static PyObject *py_buildvalue(PyObject *module, PyObject *args) {
    PyObject *at[MOST] = {NULL};
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    const char *format = count > 0 ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(args, 0)) : "";
    if (format == NULL)
        return NULL;
    for (Py_ssize_t i = 1; i < count && i <= MOST; i++)
        at[i - 1] = PyTuple_GET_ITEM(args, i) == Py_None ? NULL : PyTuple_GET_ITEM(args, i);
    return Py_BuildValue(format, at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]);
}

/* py_buildvalue_ints(format, *numbers) */
static PyObject *py_buildvalue_ints(PyObject *module, PyObject *args) {
    unsigned int at[MOST] = {0};
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    const char *format = count > 0 ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(args, 0)) : "";
    if (format == NULL)
        return NULL;
    for (Py_ssize_t i = 1; i < count && i <= MOST; i++) {
        at[i - 1] = (unsigned int)PyLong_AsUnsignedLongMask(PyTuple_GET_ITEM(args, i));
        if (PyErr_Occurred())
            return NULL;
    }
    return Py_BuildValue(format, at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]);
}

/* The first copy is given back when the second argument cannot be taken. */
static PyObject *gh_99240_clear_args(PyObject *module, PyObject *args) {
    char *first = NULL, *second = NULL;
    if (!PyArg_ParseTuple(args, "eses", "idna", &first, "idna", &second)) {
        if (first == NULL && second == NULL)
            return NULL;
        PyErr_SetString(PyExc_AssertionError, "an argument was not given back");
        return NULL;
    }
    PyMem_Free(first);
    PyMem_Free(second);
    Py_RETURN_NONE;
}

#define PLAIN(NAME) {#NAME, NAME, METH_VARARGS, NULL}
#define WITH_KEYWORDS(NAME) {#NAME, FAST(NAME), METH_VARARGS | METH_KEYWORDS, NULL}

static PyMethodDef functions[] = {
    PLAIN(getargs_b), PLAIN(getargs_B), PLAIN(getargs_h), PLAIN(getargs_H), PLAIN(getargs_I), PLAIN(getargs_k),
    PLAIN(getargs_i), PLAIN(getargs_l), PLAIN(getargs_n), PLAIN(getargs_p), PLAIN(getargs_L), PLAIN(getargs_K),
    PLAIN(getargs_f), PLAIN(getargs_d), PLAIN(getargs_D), PLAIN(getargs_c), PLAIN(getargs_C), PLAIN(getargs_S),
    PLAIN(getargs_Y), PLAIN(getargs_U), PLAIN(getargs_s), PLAIN(getargs_z), PLAIN(getargs_y),
    PLAIN(getargs_s_hash), PLAIN(getargs_z_hash), PLAIN(getargs_y_hash),
    PLAIN(getargs_s_star), PLAIN(getargs_z_star), PLAIN(getargs_y_star), PLAIN(getargs_w_star), PLAIN(getargs_w_star_opt),
    PLAIN(getargs_es), PLAIN(getargs_et), PLAIN(getargs_es_hash), PLAIN(getargs_et_hash), PLAIN(getargs_tuple),
    WITH_KEYWORDS(getargs_empty), WITH_KEYWORDS(getargs_keywords), WITH_KEYWORDS(getargs_keyword_only),
    WITH_KEYWORDS(getargs_positional_only_and_keywords),
    PLAIN(parse_tuple_and_keywords), PLAIN(py_buildvalue), PLAIN(py_buildvalue_ints),
    PLAIN(gh_99240_clear_args),
    {NULL, NULL, 0, NULL},
};

int add_arguments(PyObject *module) {
    static const struct {
        const char *name;
        long long value;
    } limits[] = {
        {"CHAR_MAX", CHAR_MAX}, {"CHAR_MIN", CHAR_MIN}, {"UCHAR_MAX", UCHAR_MAX}, {"SHRT_MAX", SHRT_MAX},
        {"SHRT_MIN", SHRT_MIN}, {"USHRT_MAX", USHRT_MAX}, {"INT_MAX", INT_MAX}, {"INT_MIN", INT_MIN},
        {"UINT_MAX", UINT_MAX}, {"LONG_MAX", LONG_MAX}, {"LONG_MIN", LONG_MIN}, {"LLONG_MAX", LLONG_MAX},
        {"LLONG_MIN", LLONG_MIN}, {"INT32_MIN", INT32_MIN}, {"INT32_MAX", INT32_MAX}, {"UINT32_MAX", UINT32_MAX},
        {"INT64_MIN", INT64_MIN}, {"INT64_MAX", INT64_MAX}, {"SIZEOF_VOID_P", sizeof(void *)},
        {"SIZEOF_WCHAR_T", sizeof(wchar_t)}, {"SIZEOF_TIME_T", sizeof(time_t)}, {"SIZEOF_PID_T", sizeof(pid_t)},
        {"SIZEOF_LONG", sizeof(long)}, {"SIZEOF_SIZE_T", sizeof(size_t)},
        {"PyTime_MIN", PyTime_MIN}, {"PyTime_MAX", PyTime_MAX}, {"PY_SSIZE_T_MIN", PY_SSIZE_T_MIN},
        {"PY_SSIZE_T_MAX", PY_SSIZE_T_MAX},
        {"Py_single_input", Py_single_input}, {"Py_file_input", Py_file_input}, {"Py_eval_input", Py_eval_input},
        {"_Py_TPFLAGS_STATIC_BUILTIN", 1 << 1}, {"Py_TPFLAGS_SEQUENCE", Py_TPFLAGS_SEQUENCE},
        {"Py_TPFLAGS_MAPPING", Py_TPFLAGS_MAPPING}, {"Py_TPFLAGS_INLINE_VALUES", Py_TPFLAGS_INLINE_VALUES},
        {"Py_TPFLAGS_MANAGED_WEAKREF", Py_TPFLAGS_MANAGED_WEAKREF}, {"Py_TPFLAGS_MANAGED_DICT", Py_TPFLAGS_MANAGED_DICT},
        {"PyCF_ONLY_AST", PyCF_ONLY_AST}, {"PyCF_IGNORE_COOKIE", PyCF_IGNORE_COOKIE},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(limits); i++) {
        if (PyModule_Add(module, limits[i].name, PyLong_FromLongLong(limits[i].value)) < 0)
            return -1;
    }
    if (PyModule_Add(module, "ULONG_MAX", PyLong_FromUnsignedLong(ULONG_MAX)) < 0 ||
        PyModule_Add(module, "ULLONG_MAX", PyLong_FromUnsignedLongLong(ULLONG_MAX)) < 0 ||
        PyModule_Add(module, "UINT64_MAX", PyLong_FromUnsignedLongLong(UINT64_MAX)) < 0 ||
        PyModule_Add(module, "Py_Version", PyLong_FromUnsignedLong(Py_Version)) < 0 ||
        PyModule_Add(module, "SIZE_MAX", PyLong_FromSize_t(SIZE_MAX)) < 0)
        return -1;
    static const struct {
        const char *name;
        double value;
    } floats[] = {
        {"FLT_MAX", FLT_MAX}, {"FLT_MIN", FLT_MIN}, {"DBL_MAX", DBL_MAX}, {"DBL_MIN", DBL_MIN},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(floats); i++) {
        if (PyModule_Add(module, floats[i].name, PyFloat_FromDouble(floats[i].value)) < 0)
            return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
