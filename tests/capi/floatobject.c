#include "check.h"

#include <math.h>

static void numbers(void) {
    PyObject *x = PyFloat_FromDouble(2.5), *text = PyUnicode_FromString(" -1e3 "), *bytes = PyBytes_FromString("0x1");
    CHECK(x && PyFloat_CheckExact(x) && PyFloat_Check(x) && PyFloat_AsDouble(x) == 2.5 && PyFloat_AS_DOUBLE(x) == 2.5);
    PyObject *parsed = PyFloat_FromString(text);
    CHECK(parsed && PyFloat_AsDouble(parsed) == -1000);
    Py_XDECREF(parsed);
    RAISES(PyFloat_FromString(bytes), NULL, PyExc_ValueError, "could not convert string to float: b'0x1'");
    RAISES(PyFloat_FromString(Py_None), NULL, PyExc_TypeError,
           "float() argument must be a string or a real number, not 'NoneType'");
    RAISES(PyFloat_AsDouble(text), -1, PyExc_TypeError, "must be real number, not str");
    RAISES(PyFloat_AsDouble(NULL), -1, PyExc_TypeError, NULL);
    CHECK(run("class F:\n    def __float__(self): return 1.5\nclass I:\n    def __index__(self): return 3\n"
              "class B:\n    def __float__(self): return 'no'\n"));
    PyObject *other = eval("F()");
    CHECK(PyFloat_AsDouble(other) == 1.5);
    Py_XDECREF(other);
    other = eval("I()");
    CHECK(PyFloat_AsDouble(other) == 3);
    Py_XDECREF(other);
    other = eval("B()");
    RAISES(PyFloat_AsDouble(other), -1, PyExc_TypeError, "B.__float__ returned non-float (type str)");
    Py_XDECREF(other);
    CHECK(isinf(-PyFloat_GetMax() * 2) && PyFloat_GetMin() > 0);
    PyObject *info = PyFloat_GetInfo();
    CHECK(holds("x.mant_dig == 53 and x.dig == 15", info));
    Py_XDECREF(info);
    Py_DECREF(x);
    Py_DECREF(text);
    Py_DECREF(bytes);
}

static void packed(void) {
    char data[8];
    CHECK(PyFloat_Pack8(1.0, data, 1) == 0 && data[7] == 0x3f && (unsigned char)data[6] == 0xf0);
    CHECK(PyFloat_Unpack8(data, 1) == 1.0);
    CHECK(PyFloat_Pack4(-2.5, data, 0) == 0 && PyFloat_Unpack4(data, 0) == -2.5);
    CHECK(PyFloat_Pack2(65504, data, 1) == 0 && PyFloat_Unpack2(data, 1) == 65504);
    RAISES(PyFloat_Pack4(1e300, data, 0), -1, PyExc_OverflowError, "float too large to pack with f format");
    RAISES(PyFloat_Pack2(1e6, data, 0), -1, PyExc_OverflowError, "float too large to pack with e format");
}

static void complexes(void) {
    Py_complex value = {1, -2};
    PyObject *z = PyComplex_FromCComplex(value), *real = PyFloat_FromDouble(4);
    CHECK(z && PyComplex_CheckExact(z) && PyComplex_RealAsDouble(z) == 1 && PyComplex_ImagAsDouble(z) == -2);
    CHECK(PyComplex_AsCComplex(real).real == 4 && PyComplex_ImagAsDouble(real) == 0 && PyComplex_RealAsDouble(real) == 4);
    PyComplex_AsCComplex(Py_None);
    CHECK(raised(PyExc_TypeError, "must be real number, not NoneType"));
    RAISES(PyComplex_RealAsDouble(Py_None), -1, PyExc_TypeError, "must be real number, not NoneType");
    Py_XDECREF(z);
    z = PyComplex_FromDoubles(0, 1);
    CHECK(holds("x == 1j", z));
    Py_XDECREF(z);
    Py_DECREF(real);
}

static void text(void) {
    char *end, *shown;
    CHECK(PyOS_string_to_double("1.5e3x", &end, NULL) == 1500 && *end == 'x');
    RAISES(PyOS_string_to_double("x", NULL, NULL), -1, PyExc_ValueError, "could not convert string to float: 'x'");
    RAISES(PyOS_string_to_double("1e999", NULL, PyExc_OverflowError), -1, PyExc_OverflowError, NULL);
    CHECK(isinf(PyOS_string_to_double("1e999", NULL, NULL)) && !PyErr_Occurred());
    int kind = -1;
    shown = PyOS_double_to_string(0.1, 'r', 0, Py_DTSF_ADD_DOT_0, &kind);
    CHECK(shown && strcmp(shown, "0.1") == 0 && kind == Py_DTST_FINITE);
    PyMem_Free(shown);
    shown = PyOS_double_to_string(3, 'f', 2, Py_DTSF_SIGN, NULL);
    CHECK(shown && strcmp(shown, "+3.00") == 0);
    PyMem_Free(shown);
    shown = PyOS_double_to_string(Py_NAN, 'g', 6, 0, &kind);
    CHECK(shown && strcmp(shown, "nan") == 0 && kind == Py_DTST_NAN);
    PyMem_Free(shown);
    RAISES(PyOS_double_to_string(1, 'q', 0, 0, NULL), NULL, PyExc_SystemError, NULL);
}

static void test(void) {
    numbers();
    packed();
    complexes();
    text();
}
