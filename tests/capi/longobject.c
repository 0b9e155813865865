#include "check.h"

#include <limits.h>

/* From C numbers, and back. */
static void round_trips(void) {
    static const long long edges[] = {0, 1, -1, 255, -5, 256, -6, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(edges); i++) {
        long long n = edges[i];
        PyObject *number = PyLong_FromLongLong(n);
        CHECK(number && PyLong_CheckExact(number) && PyLong_AsLongLong(number) == n && PyLong_AsLong(number) == n);
        CHECK(PyLong_AsSsize_t(number) == n && !PyErr_Occurred());
        PyObject *again = PyLong_FromInt64(n);
        int64_t back = 7;
        CHECK(PyLong_AsInt64(again, &back) == 0 && back == n);
        int32_t narrow = 7;
        if (n >= INT32_MIN && n <= INT32_MAX)
            CHECK(PyLong_AsInt32(again, &narrow) == 0 && narrow == n && PyLong_AsInt(again) == n);
        else
            RAISES(PyLong_AsInt32(again, &narrow), -1, PyExc_OverflowError, NULL);
        int overflow = 9;
        CHECK(PyLong_AsLongAndOverflow(again, &overflow) == n && overflow == 0);
        CHECK(PyLong_AsUnsignedLongLongMask(again) == (unsigned long long)n);
        Py_XDECREF(again);
        Py_XDECREF(number);
    }
    PyObject *most = PyLong_FromUnsignedLongLong(ULLONG_MAX), *size = PyLong_FromSize_t(SIZE_MAX);
    CHECK(PyLong_AsUnsignedLongLong(most) == ULLONG_MAX && PyLong_AsSize_t(size) == SIZE_MAX);
    uint64_t wide;
    CHECK(PyLong_AsUInt64(most, &wide) == 0 && wide == UINT64_MAX);
    RAISES(PyLong_AsLongLong(most), -1, PyExc_OverflowError, "int too big to convert");
    RAISES(PyLong_AsSsize_t(most), -1, PyExc_OverflowError, "Python int too large to convert to C ssize_t");
    RAISES(PyLong_AsLong(most), -1, PyExc_OverflowError, "Python int too large to convert to C long");
    RAISES(PyLong_AsInt(most), -1, PyExc_OverflowError, "Python int too large to convert to C int");
    int overflow;
    CHECK(PyLong_AsLongLongAndOverflow(most, &overflow) == -1 && overflow == 1 && !PyErr_Occurred());
    Py_XDECREF(most);
    Py_XDECREF(size);
    PyObject *least = eval("-2**64");
    CHECK(PyLong_AsLongAndOverflow(least, &overflow) == -1 && overflow == -1 && !PyErr_Occurred());
    RAISES(PyLong_AsUnsignedLong(least), (unsigned long)-1, PyExc_OverflowError,
           "can't convert negative value to unsigned int");
    RAISES(PyLong_AsSize_t(least), (size_t)-1, PyExc_OverflowError, "can't convert negative value to size_t");
    CHECK(PyLong_AsUnsignedLongMask(least) == 0 && !PyErr_Occurred());
    Py_XDECREF(least);
}

static void wrong_types(void) {
    PyObject *text = PyUnicode_FromString("1"), *index = NULL;
    RAISES(PyLong_AsLong(text), -1, PyExc_TypeError, "'str' object cannot be interpreted as an integer");
    RAISES(PyLong_AsUnsignedLong(text), (unsigned long)-1, PyExc_TypeError, "an integer is required");
    RAISES(PyLong_AsSsize_t(text), -1, PyExc_TypeError, "an integer is required");
    RAISES(PyLong_AsLongLong(NULL), -1, PyExc_SystemError, NULL);
    RAISES(PyLong_AsDouble(text), -1, PyExc_TypeError, "an integer is required");
    RAISES(PyLong_AsVoidPtr(text), NULL, PyExc_TypeError, "an integer is required");
    CHECK(run("class I:\n    def __index__(self): return 42\nclass B:\n    def __index__(self): return 'no'\n"));
    index = eval("I()");
    CHECK(PyLong_AsLong(index) == 42 && PyLong_AsLongLong(index) == 42);
    RAISES(PyLong_AsUnsignedLong(index), (unsigned long)-1, PyExc_TypeError, "an integer is required");
    CHECK(PyLong_AsUnsignedLongMask(index) == 42);
    Py_XDECREF(index);
    index = eval("B()");
    RAISES(PyLong_AsLong(index), -1, PyExc_TypeError, "__index__ returned non-int (type str)");
    Py_XDECREF(index);
    Py_DECREF(text);
}

static void text_and_floats(void) {
    char *end = NULL;
    const char *source = "0x1Fz";
    PyObject *number = PyLong_FromString(source, &end, 0);
    CHECK(number == NULL && end == source + 4 && raised(PyExc_ValueError, NULL));
    number = PyLong_FromString(" 1_000 ", &end, 10);
    CHECK(number && PyLong_AsLong(number) == 1000 && *end == 0);
    Py_XDECREF(number);
    RAISES(PyLong_FromString("12", NULL, 1), NULL, PyExc_ValueError, "int() arg 2 must be >= 2 and <= 36");
    RAISES(PyLong_FromString("", NULL, 10), NULL, PyExc_ValueError, "invalid literal for int() with base 10: ''");
    PyObject *text = PyUnicode_FromString("zz");
    number = PyLong_FromUnicodeObject(text, 36);
    CHECK(number && PyLong_AsLong(number) == 35 * 37);
    RAISES(PyLong_FromUnicodeObject(text, 10), NULL, PyExc_ValueError, "invalid literal for int() with base 10: 'zz'");
    Py_XDECREF(number);
    Py_DECREF(text);
    number = PyLong_FromDouble(-3.99);
    CHECK(number && PyLong_AsLong(number) == -3);
    Py_XDECREF(number);
    RAISES(PyLong_FromDouble(Py_NAN), NULL, PyExc_ValueError, "cannot convert float NaN to integer");
    RAISES(PyLong_FromDouble(Py_INFINITY), NULL, PyExc_OverflowError, "cannot convert float infinity to integer");
    number = eval("10**400");
    RAISES(PyLong_AsDouble(number), -1, PyExc_OverflowError, "int too large to convert to float");
    Py_XDECREF(number);
    int place;
    number = PyLong_FromVoidPtr(&place);
    CHECK(PyLong_AsVoidPtr(number) == &place);
    Py_XDECREF(number);
}

static void bytes_of_integers(void) {
    PyObject *number = eval("0x1234_5678_9abc_def0_11");
    unsigned char buffer[16];
    CHECK(PyLong_AsNativeBytes(number, NULL, 0, -1) == 9);
    CHECK(PyLong_AsNativeBytes(number, buffer, 16, Py_ASNATIVEBYTES_BIG_ENDIAN) == 9 && buffer[7] == 0x12 && buffer[15] == 0x11);
    CHECK(PyLong_AsNativeBytes(number, buffer, 4, Py_ASNATIVEBYTES_LITTLE_ENDIAN) == 9 && buffer[0] == 0x11);
    PyObject *again = PyLong_FromNativeBytes((unsigned char[]){0xff, 0xfe}, 2, Py_ASNATIVEBYTES_BIG_ENDIAN);
    CHECK(again && PyLong_AsLong(again) == -2);
    Py_XDECREF(again);
    again = PyLong_FromUnsignedNativeBytes((unsigned char[]){0xff, 0xfe}, 2, Py_ASNATIVEBYTES_BIG_ENDIAN);
    CHECK(again && PyLong_AsLong(again) == 0xfffe);
    Py_XDECREF(again);
    Py_XDECREF(number);
    number = PyLong_FromLong(-1);
    RAISES(PyLong_AsNativeBytes(number, buffer, 4, Py_ASNATIVEBYTES_REJECT_NEGATIVE), -1, PyExc_ValueError, NULL);
    RAISES(PyLong_AsNativeBytes(Py_None, buffer, 4, -1), -1, PyExc_TypeError, NULL);
    CHECK(PyLong_AsNativeBytes(number, buffer, 4, Py_ASNATIVEBYTES_UNSIGNED_BUFFER) >= 4);
    Py_XDECREF(number);
}

static void inside(void) {
    PyObject *small = PyLong_FromLong(7), *large = eval("-(1 << 100)"), *other = NULL;
    int sign = 9;
    CHECK(PyLong_GetSign(small, &sign) == 0 && sign == 1 && PyLong_GetSign(large, &sign) == 0 && sign == -1);
    RAISES(PyLong_GetSign(Py_None, &sign), -1, PyExc_TypeError, "expect int, got NoneType");
    CHECK(PyLong_IsPositive(small) == 1 && PyLong_IsNegative(large) == 1 && PyLong_IsZero(small) == 0);
    RAISES(PyLong_IsZero(Py_None), -1, PyExc_TypeError, "expected int, got NoneType");
    CHECK(PyUnstable_Long_IsCompact((PyLongObject *)small) && PyUnstable_Long_CompactValue((PyLongObject *)small) == 7);
    CHECK(!PyUnstable_Long_IsCompact((PyLongObject *)large));
    const PyLongLayout *layout = PyLong_GetNativeLayout();
    CHECK(layout && layout->bits_per_digit == 30 && layout->digit_size == 4 && layout->digits_order == -1);

    PyLongExport shown;
    CHECK(PyLong_Export(small, &shown) == 0 && shown.digits == NULL && shown.value == 7);
    PyLong_FreeExport(&shown);
    CHECK(PyLong_Export(large, &shown) == 0 && shown.digits != NULL && shown.negative && shown.ndigits == 4);
    CHECK(((const uint32_t *)shown.digits)[3] == 1u << 10);
    PyLong_FreeExport(&shown);
    RAISES(PyLong_Export(Py_None, &shown), -1, PyExc_TypeError, "expect int, got NoneType");

    void *digits;
    PyLongWriter *writer = PyLongWriter_Create(1, 4, &digits);
    CHECK(writer != NULL);
    memset(digits, 0, 16);
    ((uint32_t *)digits)[3] = 1u << 10;
    other = PyLongWriter_Finish(writer);
    CHECK(other && PyObject_RichCompareBool(other, large, Py_EQ) == 1);
    Py_XDECREF(other);
    writer = PyLongWriter_Create(0, 2, &digits);
    PyLongWriter_Discard(writer);
    PyLongWriter_Discard(NULL);
    RAISES(PyLongWriter_Create(0, 0, &digits), NULL, PyExc_ValueError, "ndigits must be positive");
    Py_XDECREF(small);
    Py_XDECREF(large);
    PyObject *info = PyLong_GetInfo();
    CHECK(holds("x.bits_per_digit == 30 and x.sizeof_digit == 4", info));
    Py_XDECREF(info);
}

static void test(void) {
    round_trips();
    wrong_types();
    text_and_floats();
    bytes_of_integers();
    inside();
    CHECK(PyBool_FromLong(3) == Py_True && PyBool_FromLong(0) == Py_False && PyBool_Check(Py_True) && PyLong_Check(Py_True));
}
