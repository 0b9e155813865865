/* Integers, floats, complex numbers. */
#include "parts.h"

static PyObject *from_string(const char *text, int base) {
    char *end = NULL;
    PyObject *number = PyLong_FromString(text, &end, base);
    return number ? Py_BuildValue("Nn", number, (Py_ssize_t)(end - text)) : NULL;
}

/* The value, and which way it overflowed. */
static PyObject *with_overflow(long long value, int overflow) {
    return value == -1 && PyErr_Occurred() ? NULL : Py_BuildValue("Li", value, overflow);
}

static PyObject *long_and_overflow(PyObject *a) {
    int overflow = 42;
    long value = PyLong_AsLongAndOverflow(a, &overflow);
    return with_overflow(value, overflow);
}

static PyObject *long_long_and_overflow(PyObject *a) {
    int overflow = 42;
    long long value = PyLong_AsLongLongAndOverflow(a, &overflow);
    return with_overflow(value, overflow);
}

#define FIXED(NAME, TYPE, FUNCTION, RESULT)                       \
    static PyObject *NAME(PyObject *a) {                          \
        TYPE value = 42;                                          \
        return FUNCTION(a, &value) < 0 ? NULL : RESULT(value);    \
    }
FIXED(as_int32, int32_t, PyLong_AsInt32, PyLong_FromLongLong)
FIXED(as_int64, int64_t, PyLong_AsInt64, PyLong_FromLongLong)
FIXED(as_uint32, uint32_t, PyLong_AsUInt32, PyLong_FromUnsignedLongLong)
FIXED(as_uint64, uint64_t, PyLong_AsUInt64, PyLong_FromUnsignedLongLong)

static PyObject *from_pointer(PyObject *a) {
    return PyLong_FromVoidPtr(a);
}

/* The object at an address; None for NULL. */
static PyObject *as_pointer(PyObject *a) {
    PyObject *object = PyLong_AsVoidPtr(a);
    return object == NULL && PyErr_Occurred() ? NULL : Py_NewRef(object ? object : Py_None);
}

#define FUNCTIONS(ONE, MANY)                                                                         \
    ONE(pylong_check, NUMBER(PyLong_Check(a)))                                                       \
    ONE(pylong_checkexact, NUMBER(PyLong_CheckExact(a)))                                             \
    ONE(pylong_fromdouble, PyLong_FromDouble(PyFloat_AsDouble(a)))                                   \
    MANY(pylong_fromstring, from_string(s, i), "z#i", &s, &s_size, &i)                               \
    ONE(pylong_fromvoidptr, from_pointer(a))                                                         \
    ONE(PyLong_AsInt, NUMBER(PyLong_AsInt(a)))                                                       \
    ONE(pylong_aslong, NUMBER(PyLong_AsLong(a)))                                                     \
    ONE(pylong_aslongandoverflow, long_and_overflow(a))                                              \
    ONE(pylong_asunsignedlong, UNSIGNED(PyLong_AsUnsignedLong(a), (unsigned long)-1))                \
    ONE(pylong_asunsignedlongmask, UNSIGNED(PyLong_AsUnsignedLongMask(a), (unsigned long)-1))        \
    ONE(pylong_aslonglong, NUMBER(PyLong_AsLongLong(a)))                                             \
    ONE(pylong_aslonglongandoverflow, long_long_and_overflow(a))                                     \
    ONE(pylong_asunsignedlonglong, UNSIGNED(PyLong_AsUnsignedLongLong(a), -1))                       \
    ONE(pylong_asunsignedlonglongmask, UNSIGNED(PyLong_AsUnsignedLongLongMask(a), -1))               \
    ONE(pylong_as_ssize_t, NUMBER(PyLong_AsSsize_t(a)))                                              \
    ONE(pylong_as_size_t, UNSIGNED(PyLong_AsSize_t(a), (size_t)-1))                                  \
    ONE(pylong_asdouble, FLOAT(PyLong_AsDouble(a)))                                                  \
    ONE(pylong_asvoidptr, as_pointer(a))                                                             \
    ONE(pylong_aspid, NUMBER(PyLong_AsPid(a)))                                                       \
    ONE(pylong_asint32, as_int32(a))                                                                 \
    ONE(pylong_asint64, as_int64(a))                                                                 \
    ONE(pylong_asuint32, as_uint32(a))                                                               \
    ONE(pylong_asuint64, as_uint64(a))                                                               \
    ONE(float_check, NUMBER(PyFloat_Check(a)))                                                       \
    ONE(float_checkexact, NUMBER(PyFloat_CheckExact(a)))                                             \
    ONE(float_fromstring, PyFloat_FromString(a))                                                     \
    MANY(float_fromdouble, PyFloat_FromDouble(x), "d", &x)                                           \
    ONE(float_asdouble, FLOAT(PyFloat_AsDouble(a)))                                                  \
    MANY(float_getinfo, PyFloat_GetInfo(), "")                                                       \
    MANY(float_getmax, PyFloat_FromDouble(PyFloat_GetMax()), "")                                     \
    MANY(float_getmin, PyFloat_FromDouble(PyFloat_GetMin()), "")                                     \
    ONE(complex_check, NUMBER(PyComplex_Check(a)))                                                   \
    ONE(complex_checkexact, NUMBER(PyComplex_CheckExact(a)))                                         \
    MANY(complex_fromdoubles, PyComplex_FromDoubles(x, y), "dd", &x, &y)                             \
    ONE(complex_realasdouble, FLOAT(PyComplex_RealAsDouble(a)))                                      \
    ONE(complex_imagasdouble, FLOAT(PyComplex_ImagAsDouble(a)))

PART(numbers, FUNCTIONS)
