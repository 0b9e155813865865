/* The number protocol; floats, complex numbers and integers beyond the limited API. */
#include "parts.h"
#include "../functions.h"

#include <errno.h>
#include <string.h>

static PyObject *packed(int size, double value, int little) {
    char data[8];
    int failed;
    switch (size) {
    case 2:
        failed = PyFloat_Pack2(value, data, little);
        break;
    case 4:
        failed = PyFloat_Pack4(value, data, little);
        break;
    case 8:
        failed = PyFloat_Pack8(value, data, little);
        break;
    default:
        PyErr_SetString(PyExc_ValueError, "size must be 2, 4 or 8");
        return NULL;
    }
    return failed < 0 ? NULL : PyBytes_FromStringAndSize(data, size);
}

static PyObject *unpacked(const char *data, Py_ssize_t size, int little) {
    switch (size) {
    case 2:
        return FLOAT(PyFloat_Unpack2(data, little));
    case 4:
        return FLOAT(PyFloat_Unpack4(data, little));
    case 8:
        return FLOAT(PyFloat_Unpack8(data, little));
    default:
        PyErr_SetString(PyExc_ValueError, "the data must have 2, 4 or 8 bytes");
        return NULL;
    }
}

/* A complex number with the error number that its computation left. */
static PyObject *computed(Py_complex value) {
    int number = errno;
    return Py_BuildValue("(Di)", &value, number);
}

static PyObject *power(Py_complex a, Py_complex b) {
    errno = 0;
    return computed(_Py_c_pow(a, b));
}

static PyObject *quotient(Py_complex a, Py_complex b) {
    errno = 0;
    return computed(_Py_c_quot(a, b));
}

static PyObject *sum(Py_complex a, Py_complex b) {
    errno = 0;
    return computed(_Py_c_sum(a, b));
}

static PyObject *difference(Py_complex a, Py_complex b) {
    errno = 0;
    return computed(_Py_c_diff(a, b));
}

static PyObject *product(Py_complex a, Py_complex b) {
    errno = 0;
    return computed(_Py_c_prod(a, b));
}

static PyObject *length(Py_complex a) {
    errno = 0;
    double value = _Py_c_abs(a);
    return Py_BuildValue("(di)", value, errno);
}

static PyObject *as_complex(PyObject *a) {
    Py_complex value = PyComplex_AsCComplex(a);
    return value.real == -1 && PyErr_Occurred() ? NULL : PyComplex_FromCComplex(value);
}

#define PAIR(NAME, FUNCTION)                                              \
    static PyObject *NAME(PyObject *module, PyObject *args) {             \
        Py_complex left, right;                                           \
        if (!PyArg_ParseTuple(args, "DD", &left, &right))                 \
            return NULL;                                                  \
        return FUNCTION(left, right);                                     \
    }
PAIR(c_sum, sum)
PAIR(c_diff, difference)
PAIR(c_prod, product)
PAIR(c_quot, quotient)
PAIR(c_pow, power)

#define SINGLE(NAME, RESULT)                                   \
    static PyObject *NAME(PyObject *module, PyObject *args) {  \
        Py_complex value;                                      \
        if (!PyArg_ParseTuple(args, "D", &value))              \
            return NULL;                                       \
        return RESULT;                                         \
    }
SINGLE(c_neg, PyComplex_FromCComplex(_Py_c_neg(value)))
SINGLE(c_abs, length(value))
SINGLE(from_complex, PyComplex_FromCComplex(value))

static PyMethodDef complexes[] = {
    {"_py_c_sum", c_sum, METH_VARARGS, NULL},   {"_py_c_diff", c_diff, METH_VARARGS, NULL},
    {"_py_c_prod", c_prod, METH_VARARGS, NULL}, {"_py_c_quot", c_quot, METH_VARARGS, NULL},
    {"_py_c_pow", c_pow, METH_VARARGS, NULL},   {"_py_c_neg", c_neg, METH_VARARGS, NULL},
    {"_py_c_abs", c_abs, METH_VARARGS, NULL},   {"complex_fromccomplex", from_complex, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *exported(PyObject *number) {
    PyLongExport data;
    if (PyLong_Export(number, &data) < 0)
        return NULL;
    if (data.digits == NULL)
        return PyLong_FromLongLong(data.value);
    PyObject *digits = PyList_New(0);
    for (Py_ssize_t i = 0; digits != NULL && i < data.ndigits; i++) {
        PyObject *digit = PyLong_FromUnsignedLong(((const uint32_t *)data.digits)[i]);
        if (digit == NULL || PyList_Append(digits, digit) < 0)
            Py_CLEAR(digits);
        Py_XDECREF(digit);
    }
    int negative = data.negative;
    PyLong_FreeExport(&data);
    return digits ? Py_BuildValue("(iN)", negative, digits) : NULL;
}

static PyObject *imported(int negative, PyObject *digits) {
    void *place;
    Py_ssize_t count = PyList_Size(digits);
    PyLongWriter *writer = count < 0 ? NULL : PyLongWriter_Create(negative, count, &place);
    if (writer == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned long digit = PyLong_AsUnsignedLong(PyList_GET_ITEM(digits, i));
        if (digit == (unsigned long)-1 && PyErr_Occurred()) {
            PyLongWriter_Discard(writer);
            return NULL;
        }
        ((uint32_t *)place)[i] = (uint32_t)digit;
    }
    return PyLongWriter_Finish(writer);
}

static PyObject *layout_of(void) {
    const PyLongLayout *layout = PyLong_GetNativeLayout();
    return Py_BuildValue("{s:i,s:i,s:i,s:i}", "bits_per_digit", layout->bits_per_digit, "digit_size", layout->digit_size,
                         "digits_order", layout->digits_order, "digit_endianness", layout->digit_endianness);
}

static PyObject *sign_of(PyObject *number) {
    int sign = -2;
    return PyLong_GetSign(number, &sign) < 0 ? NULL : PyLong_FromLong(sign);
}

static PyObject *native_bytes(PyObject *number, PyObject *buffer, Py_ssize_t size, int flags) {
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    PyObject *result = NULL;
    if (size < 0)
        PyErr_SetString(PyExc_ValueError, "the size must not be negative");
    else if (size > view.len)
        PyErr_SetString(PyExc_ValueError, "the buffer must be at least as large as the size");
    else
        result = SIZE(PyLong_AsNativeBytes(number, view.buf, size, flags));
    PyBuffer_Release(&view);
    return result;
}

static PyObject *from_native_bytes(PyObject *buffer, Py_ssize_t size, int flags, int is_signed) {
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    PyObject *result = NULL;
    if (size > view.len)
        PyErr_SetString(PyExc_ValueError, "the buffer must be at least as large as the size");
    else
        result = is_signed ? PyLong_FromNativeBytes(view.buf, size, flags) : PyLong_FromUnsignedNativeBytes(view.buf, size, flags);
    PyBuffer_Release(&view);
    return result;
}

static PyObject *compact(PyObject *number) {
    int is_compact = PyUnstable_Long_IsCompact((PyLongObject *)number);
    return Py_BuildValue("in", is_compact, is_compact ? PyUnstable_Long_CompactValue((PyLongObject *)number) : (Py_ssize_t)-1);
}

#define BINARY(MANY, NAME, FUNCTION) MANY(number_##NAME, FUNCTION(a, b), "O&O&", A, B)

#define FUNCTIONS(ONE, MANY)                                                                                  \
    BINARY(MANY, add, PyNumber_Add)                                                                           \
    BINARY(MANY, subtract, PyNumber_Subtract)                                                                 \
    BINARY(MANY, multiply, PyNumber_Multiply)                                                                 \
    BINARY(MANY, matrixmultiply, PyNumber_MatrixMultiply)                                                     \
    BINARY(MANY, floordivide, PyNumber_FloorDivide)                                                           \
    BINARY(MANY, truedivide, PyNumber_TrueDivide)                                                             \
    BINARY(MANY, remainder, PyNumber_Remainder)                                                               \
    BINARY(MANY, divmod, PyNumber_Divmod)                                                                     \
    BINARY(MANY, lshift, PyNumber_Lshift)                                                                     \
    BINARY(MANY, rshift, PyNumber_Rshift)                                                                     \
    BINARY(MANY, and, PyNumber_And)                                                                           \
    BINARY(MANY, xor, PyNumber_Xor)                                                                           \
    BINARY(MANY, or, PyNumber_Or)                                                                             \
    BINARY(MANY, inplaceadd, PyNumber_InPlaceAdd)                                                             \
    BINARY(MANY, inplacesubtract, PyNumber_InPlaceSubtract)                                                   \
    BINARY(MANY, inplacemultiply, PyNumber_InPlaceMultiply)                                                   \
    BINARY(MANY, inplacematrixmultiply, PyNumber_InPlaceMatrixMultiply)                                       \
    BINARY(MANY, inplacefloordivide, PyNumber_InPlaceFloorDivide)                                             \
    BINARY(MANY, inplacetruedivide, PyNumber_InPlaceTrueDivide)                                               \
    BINARY(MANY, inplaceremainder, PyNumber_InPlaceRemainder)                                                 \
    BINARY(MANY, inplacelshift, PyNumber_InPlaceLshift)                                                       \
    BINARY(MANY, inplacershift, PyNumber_InPlaceRshift)                                                       \
    BINARY(MANY, inplaceand, PyNumber_InPlaceAnd)                                                             \
    BINARY(MANY, inplacexor, PyNumber_InPlaceXor)                                                             \
    BINARY(MANY, inplaceor, PyNumber_InPlaceOr)                                                               \
    MANY(number_power, PyNumber_Power(a, b, c), "OO|O", &a, &b, (c = Py_None, &c))                            \
    MANY(number_inplacepower, PyNumber_InPlacePower(a, b, c), "OO|O", &a, &b, (c = Py_None, &c))              \
    ONE(number_check, PyBool_FromLong(PyNumber_Check(a)))                                                     \
    ONE(number_negative, PyNumber_Negative(a))                                                                \
    ONE(number_positive, PyNumber_Positive(a))                                                                \
    ONE(number_absolute, PyNumber_Absolute(a))                                                                \
    ONE(number_invert, PyNumber_Invert(a))                                                                    \
    ONE(number_long, PyNumber_Long(a))                                                                        \
    ONE(number_float, PyNumber_Float(a))                                                                      \
    ONE(number_index, PyNumber_Index(a))                                                                      \
    MANY(number_tobase, PyNumber_ToBase(a, i), "O&i", A, &i)                                                  \
    MANY(number_asssizet, SIZE(PyNumber_AsSsize_t(a, b)), "O&O&", A, B)                                       \
    MANY(float_pack, packed(i, x, j), "idi", &i, &x, &j)                                                      \
    MANY(float_unpack, unpacked(s, s_size, i), "y#i", &s, &s_size, &i)                                        \
    ONE(complex_asccomplex, as_complex(a))                                                                    \
    MANY(call_long_compact_api, compact(a), "O", &a)                                                          \
    MANY(pylong_fromunicodeobject, PyLong_FromUnicodeObject(a, i), "O&i", A, &i)                              \
    MANY(pylong_asnativebytes, native_bytes(a, b, n, i), "OOni", &a, &b, &n, &i)                              \
    MANY(pylong_fromnativebytes, from_native_bytes(a, n, i, j), "Onii", &a, &n, &i, &j)                       \
    ONE(pylong_getsign, sign_of(a))                                                                           \
    ONE(pylong_ispositive, NUMBER(PyLong_IsPositive(a)))                                                      \
    ONE(pylong_isnegative, NUMBER(PyLong_IsNegative(a)))                                                      \
    ONE(pylong_iszero, NUMBER(PyLong_IsZero(a)))                                                              \
    ONE(pylong_aspid, NUMBER(PyLong_AsPid(a)))                                                                \
    ONE(pylong_export, exported(a))                                                                           \
    MANY(pylongwriter_create, imported(i, a), "iO!", &i, &PyList_Type, &a)                                    \
    MANY(get_pylong_layout, layout_of(), "")

PART(values, FUNCTIONS)

/* Which bit of a NaN is set in signalling ones: the topmost of the fraction, or all but that. */
static int nan_bit_is_signaling(void) {
#if defined(__hppa__) || (defined(__mips__) && !defined(__mips_nan2008))
    return 1;
#else
    return 0;
#endif
}

int add_arithmetic(PyObject *module) {
    if (PyModule_AddFunctions(module, complexes) < 0 || add_values(module) < 0)
        return -1;
    return PyModule_Add(module, "nan_msb_is_signaling", PyBool_FromLong(nan_bit_is_signaling()));
}
