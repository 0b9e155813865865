#include "check.h"

#include <frameobject.h>

/* A frame of a function's code that has not run. */
static PyFrameObject *frame_of(const char *name) {
    PyObject *function = PyDict_GetItemString(names, name);
    return PyFrame_New(PyThreadState_Get(), (PyCodeObject *)PyFunction_GetCode(function), names, NULL);
}

static void test(void) {
    CHECK(run("def numbers():\n    got = yield 1\n    yield got\n    return 'end'\n"
              "async def wait():\n    return 5\n"
              "async def stream():\n    yield 1\n"));
    PyObject *made = eval("numbers()");
    CHECK(PyGen_Check(made) && PyGen_CheckExact(made) && !PyCoro_CheckExact(made));
    PyCodeObject *code = PyGen_GetCode((PyGenObject *)made);
    CHECK((PyObject *)code == PyFunction_GetCode(PyDict_GetItemString(names, "numbers")));
    Py_XDECREF(code);

    PyObject *result = NULL;
    CHECK(PyIter_Send(made, Py_None, &result) == PYGEN_NEXT && PyLong_AsLong(result) == 1);
    Py_CLEAR(result);
    CHECK(PyIter_Send(made, Py_True, &result) == PYGEN_NEXT && result == Py_True);
    Py_CLEAR(result);
    CHECK(PyIter_Send(made, Py_None, &result) == PYGEN_RETURN && holds("x == 'end'", result));
    Py_CLEAR(result);
    CHECK(PyIter_Send(made, Py_None, &result) == PYGEN_RETURN && result == Py_None);
    Py_CLEAR(result);
    Py_DECREF(made);

    made = eval("wait()");
    CHECK(PyCoro_CheckExact(made) && !PyGen_Check(made));
    CHECK(PyIter_Send(made, Py_None, &result) == PYGEN_RETURN && PyLong_AsLong(result) == 5);
    Py_CLEAR(result);
    Py_DECREF(made);
    made = eval("stream()");
    CHECK(PyAsyncGen_CheckExact(made));
    Py_DECREF(made);
#ifdef KRAIT
    /* The reference begins such a frame behind the instruction that takes the first value sent. */
    PyObject *name = PyUnicode_FromString("other"), *qualname = PyUnicode_FromString("some.other");
    made = PyGen_New(frame_of("numbers"));
    CHECK(PyGen_CheckExact(made) && holds("list(x) == [1, None]", made));
    CHECK(holds("x.__name__ == 'numbers' and x.gi_frame is None", made));
    Py_XDECREF(made);
    made = PyGen_NewWithQualName(frame_of("numbers"), name, qualname);
    CHECK(holds("(x.__name__, x.__qualname__) == ('other', 'some.other')", made));
    CHECK(holds("next(x) == 1 and x.gi_frame.f_code is numbers.__code__", made));
    Py_XDECREF(made);
    made = PyCoro_New(frame_of("wait"), name, qualname);
    CHECK(PyCoro_CheckExact(made) && PyIter_Send(made, Py_None, &result) == PYGEN_RETURN && PyLong_AsLong(result) == 5);
    Py_CLEAR(result);
    Py_XDECREF(made);
    made = PyAsyncGen_New(frame_of("stream"), name, qualname);
    CHECK(PyAsyncGen_CheckExact(made) && holds("x.__qualname__ == 'some.other'", made));
    Py_XDECREF(made);
    CHECK(run("def plain():\n    pass\n"));
    RAISES(PyGen_New(frame_of("plain")), NULL, PyExc_SystemError, NULL);
    Py_DECREF(name);
    Py_DECREF(qualname);
#else
    (void)frame_of;
#endif
}
