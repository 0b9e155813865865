/* Tests in C of the limited API. */
#include "parts.h"
#include "../selftests.h"

#include <limits.h>
#include <stddef.h>
#include <wchar.h>

/* Puts an object in the place of another one. */
#define REPLACE(place, object)          \
    do {                                \
        PyObject *old = (place);        \
        (place) = (object);             \
        Py_XDECREF(old);                \
    } while (0)

TEST(test_PyOS_mystricmp) {
    HOLDS(PyOS_mystricmp("insensitive", "INSENSITIVE") == 0 && PyOS_mystricmp("", "") == 0);
    HOLDS(PyOS_mystricmp("a", "B") < 0 && PyOS_mystricmp("B", "a") > 0 && PyOS_mystricmp("abc", "ab") > 0);
    Py_RETURN_NONE;
}

TEST(test_PyOS_mystrnicmp) {
    HOLDS(PyOS_mystrnicmp("ABCdef", "abcxyz", 3) == 0 && PyOS_mystrnicmp("abc", "ABD", 2) == 0);
    HOLDS(PyOS_mystrnicmp("abc", "ABD", 3) < 0 && PyOS_mystrnicmp("x", "y", 0) == 0);
    Py_RETURN_NONE;
}

TEST(test_alignof_max_align_t) {
    HOLDS(ALIGNOF_MAX_ALIGN_T == _Alignof(max_align_t));
    Py_RETURN_NONE;
}

/* What a constant is, and that it is always the same object. */
static int is_constant(unsigned int id, PyObject *expected) {
    PyObject *object = Py_GetConstant(id);
    int same = object != NULL && object == Py_GetConstantBorrowed(id) &&
               (object == expected || PyObject_RichCompareBool(object, expected, Py_EQ) == 1);
    Py_XDECREF(object);
    return same;
}

TEST(test_constants) {
    HOLDS(is_constant(Py_CONSTANT_NONE, Py_None) && is_constant(Py_CONSTANT_FALSE, Py_False));
    HOLDS(is_constant(Py_CONSTANT_TRUE, Py_True) && is_constant(Py_CONSTANT_ELLIPSIS, Py_Ellipsis));
    HOLDS(is_constant(Py_CONSTANT_NOT_IMPLEMENTED, Py_NotImplemented));
    PyObject *values[] = {PyLong_FromLong(0), PyLong_FromLong(1), PyUnicode_FromString(""), PyBytes_FromString(""), PyTuple_New(0)};
    unsigned int ids[] = {Py_CONSTANT_ZERO, Py_CONSTANT_ONE, Py_CONSTANT_EMPTY_STR, Py_CONSTANT_EMPTY_BYTES,
                          Py_CONSTANT_EMPTY_TUPLE};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(ids); i++) {
        HOLDS(is_constant(ids[i], values[i]));
        Py_DECREF(values[i]);
    }
    HOLDS(Py_GetConstant(0xfedc1234) == NULL && PyErr_ExceptionMatches(PyExc_SystemError));
    PyErr_Clear();
    Py_RETURN_NONE;
}

TEST(test_frozenset_add_in_capi) {
    /* A frozen set may be filled as long as nobody else has it. */
    PyObject *set = PyFrozenSet_New(NULL), *number = PyLong_FromLong(1);
    HOLDS(set != NULL && PySet_Add(set, number) == 0 && PySet_Contains(set, number) == 1 && PySet_Size(set) == 1);
    Py_DECREF(number);
    Py_DECREF(set);
    Py_RETURN_NONE;
}

TEST(test_set_contains_does_not_convert_unhashable_key) {
    PyObject *inner = PySet_New(NULL), *frozen = PyFrozenSet_New(NULL), *outer = PySet_New(NULL);
    HOLDS(PySet_Add(outer, frozen) == 0 && PySet_Contains(outer, frozen) == 1);
    HOLDS(PySet_Contains(outer, inner) == -1 && PyErr_ExceptionMatches(PyExc_TypeError));
    PyErr_Clear();
    Py_DECREF(inner);
    Py_DECREF(frozen);
    Py_DECREF(outer);
    Py_RETURN_NONE;
}

static PyObject *shifted(int bits, int negative) {
    PyObject *one = PyLong_FromLong(negative ? -1 : 1), *by = PyLong_FromLong(bits);
    PyObject *number = PyNumber_Lshift(one, by);
    Py_XDECREF(one);
    Py_XDECREF(by);
    return number;
}

TEST(test_long_and_overflow) {
    int overflow = 1234;
    PyObject *number = shifted(200, 0);
    HOLDS(PyLong_AsLongAndOverflow(number, &overflow) == -1 && overflow == 1 && !PyErr_Occurred());
    REPLACE(number, shifted(200, 1));
    HOLDS(PyLong_AsLongAndOverflow(number, &overflow) == -1 && overflow == -1 && !PyErr_Occurred());
    static const long edges[] = {0, 255, -1, LONG_MAX, LONG_MIN};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(edges); i++) {
        REPLACE(number, PyLong_FromLong(edges[i]));
        overflow = 1234;
        HOLDS(PyLong_AsLongAndOverflow(number, &overflow) == edges[i] && overflow == 0);
    }
    Py_DECREF(number);
    Py_RETURN_NONE;
}

TEST(test_long_long_and_overflow) {
    int overflow = 1234;
    PyObject *number = shifted(63, 0);
    HOLDS(PyLong_AsLongLongAndOverflow(number, &overflow) == -1 && overflow == 1 && !PyErr_Occurred());
    REPLACE(number, shifted(64, 1));
    HOLDS(PyLong_AsLongLongAndOverflow(number, &overflow) == -1 && overflow == -1 && !PyErr_Occurred());
    static const long long edges[] = {0, 255, -1, LLONG_MAX, LLONG_MIN};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(edges); i++) {
        REPLACE(number, PyLong_FromLongLong(edges[i]));
        overflow = 1234;
        HOLDS(PyLong_AsLongLongAndOverflow(number, &overflow) == edges[i] && overflow == 0);
    }
    Py_DECREF(number);
    Py_RETURN_NONE;
}

/* Powers of two and their neighbours, both ways through each pair of functions. */
#define ROUND_TRIPS(NAME, SIGNED, UNSIGNED, FROM, FROM_UNSIGNED, AS, AS_UNSIGNED)              \
    TEST(NAME) {                                                                               \
        for (unsigned bit = 0; bit < 8 * sizeof(SIGNED); bit++) {                              \
            for (int delta = -1; delta <= 1; delta++) {                                        \
                UNSIGNED value = ((UNSIGNED)1 << bit) + (UNSIGNED)(SIGNED)delta;               \
                PyObject *number = FROM_UNSIGNED(value);                                       \
                HOLDS(number != NULL && AS_UNSIGNED(number) == value && !PyErr_Occurred());    \
                REPLACE(number, FROM((SIGNED)value));                                        \
                HOLDS(number != NULL && AS(number) == (SIGNED)value && !PyErr_Occurred());     \
                Py_DECREF(number);                                                             \
            }                                                                                  \
        }                                                                                      \
        PyObject *large = shifted(8 * sizeof(SIGNED), 0);                                      \
        HOLDS(AS(large) == (SIGNED)-1 && PyErr_ExceptionMatches(PyExc_OverflowError));         \
        PyErr_Clear();                                                                         \
        HOLDS(AS_UNSIGNED(large) == (UNSIGNED)-1 && PyErr_ExceptionMatches(PyExc_OverflowError)); \
        PyErr_Clear();                                                                         \
        REPLACE(large, PyLong_FromLong(-1));                                                 \
        HOLDS(AS_UNSIGNED(large) == (UNSIGNED)-1 && PyErr_ExceptionMatches(PyExc_OverflowError)); \
        PyErr_Clear();                                                                         \
        HOLDS(AS_UNSIGNED(Py_None) == (UNSIGNED)-1 && PyErr_ExceptionMatches(PyExc_TypeError)); \
        PyErr_Clear();                                                                         \
        Py_DECREF(large);                                                                      \
        Py_RETURN_NONE;                                                                        \
    }
ROUND_TRIPS(test_long_api, long, unsigned long, PyLong_FromLong, PyLong_FromUnsignedLong, PyLong_AsLong,
            PyLong_AsUnsignedLong)
ROUND_TRIPS(test_longlong_api, long long, unsigned long long, PyLong_FromLongLong, PyLong_FromUnsignedLongLong,
            PyLong_AsLongLong, PyLong_AsUnsignedLongLong)
ROUND_TRIPS(test_long_as_size_t, Py_ssize_t, size_t, PyLong_FromSsize_t, PyLong_FromSize_t, PyLong_AsSsize_t,
            PyLong_AsSize_t)

TEST(test_long_as_unsigned_long_long_mask) {
    HOLDS(PyLong_AsUnsignedLongLongMask(NULL) == (unsigned long long)-1 && PyErr_ExceptionMatches(PyExc_SystemError));
    PyErr_Clear();
    PyObject *number = shifted(64, 0);
    HOLDS(PyLong_AsUnsignedLongLongMask(number) == 0 && !PyErr_Occurred());
    Py_DECREF(number);
    Py_RETURN_NONE;
}

TEST(test_long_as_double) {
    PyObject *number = shifted(100, 0);
    HOLDS(PyLong_AsDouble(number) == 1267650600228229401496703205376.0);
    REPLACE(number, shifted(2000, 0));
    HOLDS(PyLong_AsDouble(number) == -1 && PyErr_ExceptionMatches(PyExc_OverflowError));
    PyErr_Clear();
    HOLDS(PyLong_AsDouble(Py_None) == -1 && PyErr_ExceptionMatches(PyExc_TypeError));
    PyErr_Clear();
    Py_DECREF(number);
    Py_RETURN_NONE;
}

TEST(test_unicode_compare_with_ascii) {
    PyObject *text = PyUnicode_FromStringAndSize("str\0", 4);
    HOLDS(PyUnicode_CompareWithASCIIString(text, "str") != 0);
    REPLACE(text, PyUnicode_FromString("str"));
    HOLDS(PyUnicode_CompareWithASCIIString(text, "str") == 0 && PyUnicode_CompareWithASCIIString(text, "stq") > 0);
    Py_DECREF(text);
    Py_RETURN_NONE;
}

TEST(test_widechar) {
    const wchar_t wide[] = {L'a', 0x20ac, 0x10abcd, 0};
    PyObject *text = PyUnicode_FromWideChar(wide, -1), *same = PyUnicode_FromString("a\xe2\x82\xac\xf4\x8a\xaf\x8d");
    HOLDS(text != NULL && PyUnicode_GetLength(text) == 3 && PyUnicode_Compare(text, same) == 0);
    Py_DECREF(text);
    Py_DECREF(same);
    const wchar_t bad[] = {0x110000, 0};
    HOLDS(PyUnicode_FromWideChar(bad, -1) == NULL && PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    Py_RETURN_NONE;
}

static int formats_as(const char *expected, PyObject *text) {
    int same = text != NULL && PyUnicode_CompareWithASCIIString(text, expected) == 0;
    Py_XDECREF(text);
    return same;
}

TEST(test_string_from_format) {
    HOLDS(formats_as("1 -2 3", PyUnicode_FromFormat("%d %ld %zu", 1, -2L, (size_t)3)));
    HOLDS(formats_as("00042|2a |  2A", PyUnicode_FromFormat("%05d|%-3x|%4X", 42, 42, 42)));
    HOLDS(formats_as("18446744073709551615", PyUnicode_FromFormat("%llu", ULLONG_MAX)));
    HOLDS(formats_as("-9223372036854775808", PyUnicode_FromFormat("%jd", (intmax_t)LLONG_MIN)));
    HOLDS(formats_as("c%s", PyUnicode_FromFormat("%c%%s", 'c')));
    const char *invalid[] = {"%0%", "%2%", "%", "%q"};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(invalid); i++) {
        HOLDS(PyUnicode_FromFormat(invalid[i]) == NULL && PyErr_ExceptionMatches(PyExc_SystemError));
        PyErr_Clear();
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    ENTRY(test_PyOS_mystricmp) ENTRY(test_PyOS_mystrnicmp) ENTRY(test_alignof_max_align_t) ENTRY(test_constants)
    ENTRY(test_frozenset_add_in_capi) ENTRY(test_set_contains_does_not_convert_unhashable_key)
    ENTRY(test_long_and_overflow) ENTRY(test_long_long_and_overflow) ENTRY(test_long_api) ENTRY(test_longlong_api)
    ENTRY(test_long_as_size_t) ENTRY(test_long_as_unsigned_long_long_mask) ENTRY(test_long_as_double)
    ENTRY(test_unicode_compare_with_ascii) ENTRY(test_widechar) ENTRY(test_string_from_format)
    {NULL, NULL, 0, NULL},
};

int add_selftests(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
