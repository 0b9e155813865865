#include "check.h"

static PyObject *question(PyObject *self, PyObject *error) {
    (void)self;
    PyObject *end = PyObject_GetAttrString(error, "end");
    return end ? Py_BuildValue("(sN)", "?", end) : NULL;
}
static PyMethodDef handler = {"question", question, METH_O, NULL};

static PyObject *find(PyObject *self, PyObject *name) {
    (void)self;
    if (!PyUnicode_EqualToUTF8(name, "check_rot"))
        Py_RETURN_NONE;
    return eval("__import__('codecs').lookup('rot13')");
}
static PyMethodDef searcher = {"find", find, METH_O, NULL};

static void test(void) {
    PyObject *text = PyUnicode_FromString("a\xc3\xa9"), *got, *function;
    CHECK(PyCodec_KnownEncoding("utf-8") == 1 && PyCodec_KnownEncoding("no-such-codec") == 0 && !PyErr_Occurred());
    got = PyCodec_Encode(text, "latin-1", NULL);
    CHECK(holds("x == b'a\\xe9'", got));
    PyObject *back = PyCodec_Decode(got, "latin-1", "strict");
    CHECK(back && PyUnicode_Compare(back, text) == 0);
    Py_XDECREF(back);
    Py_XDECREF(got);
    RAISES(PyCodec_Encode(text, "no-such-codec", NULL), NULL, PyExc_LookupError, "unknown encoding: no-such-codec");
    RAISES(PyCodec_Encode(text, "ascii", NULL), NULL, PyExc_UnicodeEncodeError, NULL);

    function = PyCFunction_New(&handler, NULL);
    CHECK(PyCodec_RegisterError("check.question", function) == 0);
    got = PyCodec_LookupError("check.question");
    CHECK(got == function);
    Py_XDECREF(got);
    got = PyCodec_LookupError(NULL);
    CHECK(got && PyCallable_Check(got));
    Py_XDECREF(got);
    RAISES(PyCodec_LookupError("check.missing"), NULL, PyExc_LookupError, "unknown error handler name 'check.missing'");
    RAISES(PyCodec_RegisterError("check.none", Py_None), -1, PyExc_TypeError, "handler must be callable");
    got = PyUnicode_AsEncodedString(text, "ascii", "check.question");
    CHECK(holds("x == b'a?'", got));
    Py_XDECREF(got);
    Py_XDECREF(function);

    function = PyCFunction_New(&searcher, NULL);
    CHECK(PyCodec_Register(function) == 0);
    got = PyCodec_Encoder("check_rot");
    CHECK(got && PyCallable_Check(got));
    Py_XDECREF(got);
    CHECK(PyCodec_Unregister(function) == 0 && PyCodec_KnownEncoding("check_rot") == 0);
    RAISES(PyCodec_Register(Py_None), -1, PyExc_TypeError, "argument must be callable");
    Py_XDECREF(function);

    got = PyCodec_IncrementalDecoder("utf-8", NULL);
    CHECK(holds("x.decode(b'\\xc3') == '' and x.decode(b'\\xa9') == '\\xe9'", got));
    Py_XDECREF(got);
    got = PyCodec_IncrementalEncoder("utf-16", NULL);
    CHECK(got != NULL);
    Py_XDECREF(got);

    PyObject *error = PyObject_CallFunction(PyExc_UnicodeEncodeError, "sOnns", "ascii", text, (Py_ssize_t)1, (Py_ssize_t)2, "no");
    got = PyCodec_IgnoreErrors(error);
    CHECK(holds("x == ('', 2)", got));
    Py_XDECREF(got);
    got = PyCodec_ReplaceErrors(error);
    CHECK(holds("x == ('?', 2)", got));
    Py_XDECREF(got);
    got = PyCodec_XMLCharRefReplaceErrors(error);
    CHECK(holds("x == ('&#233;', 2)", got));
    Py_XDECREF(got);
    got = PyCodec_BackslashReplaceErrors(error);
    CHECK(holds("x == ('\\\\xe9', 2)", got));
    Py_XDECREF(got);
    got = PyCodec_NameReplaceErrors(error);
    CHECK(holds("x == ('\\\\N{LATIN SMALL LETTER E WITH ACUTE}', 2)", got));
    Py_XDECREF(got);
    RAISES(PyCodec_StrictErrors(error), NULL, PyExc_UnicodeEncodeError, NULL);
    RAISES(PyCodec_StrictErrors(text), NULL, PyExc_TypeError, "codec must pass exception instance");
    RAISES(PyCodec_IgnoreErrors(PyExc_ValueError), NULL, PyExc_TypeError, NULL);
    Py_ssize_t start;
    CHECK(PyUnicodeEncodeError_GetStart(error, &start) == 0 && start == 1 && PyUnicodeEncodeError_SetStart(error, 0) == 0);
    PyObject *reason = PyUnicodeEncodeError_GetReason(error);
    CHECK(holds("x == 'no'", reason));
    Py_XDECREF(reason);
    Py_XDECREF(error);
    Py_DECREF(text);
}
