#include "check.h"

#include <errno.h>

static void indicator(void) {
    CHECK(PyErr_Occurred() == NULL && PyErr_GetRaisedException() == NULL);
    PyErr_SetString(PyExc_ValueError, "text");
    CHECK(PyErr_Occurred() == PyExc_ValueError && PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_KeyError));
    PyObject *exception = PyErr_GetRaisedException();
    CHECK(exception && PyExceptionInstance_Check(exception) && !PyErr_Occurred() && holds("str(x) == 'text'", exception));
    PyErr_SetRaisedException(exception);
    CHECK(raised(PyExc_ValueError, "text"));

    /* What stands in the indicator is the context of what is set while it is handled. */
    PyObject *pair = Py_BuildValue("(OO)", PyExc_TypeError, PyExc_ValueError);
    PyErr_SetNone(PyExc_ValueError);
    CHECK(PyErr_ExceptionMatches(pair));
    PyErr_Clear();
    CHECK(PyErr_GivenExceptionMatches(PyExc_KeyError, PyExc_LookupError) == 1 && PyErr_GivenExceptionMatches(NULL, pair) == 0);
    PyObject *nested = Py_BuildValue("((O))", pair);
    CHECK(PyErr_GivenExceptionMatches(PyExc_TypeError, nested) == 1);
    Py_DECREF(nested);
    Py_DECREF(pair);

    PyErr_SetObject(PyExc_KeyError, Py_None);
    CHECK(raised(PyExc_KeyError, ""));
    RAISES(PyErr_Format(PyExc_RuntimeError, "%s %d", "n", 5), NULL, PyExc_RuntimeError, "n 5");
    PyErr_SetNone(Py_None);
    CHECK(raised(PyExc_SystemError, NULL));
    RAISES(PyErr_NoMemory(), NULL, PyExc_MemoryError, NULL);
    CHECK(PyErr_BadArgument() == 0 && raised(PyExc_TypeError, "bad argument type for built-in operation"));
    PyErr_BadInternalCall();
    CHECK(raised(PyExc_SystemError, NULL));

    PyObject *type, *value, *traceback;
    PyErr_SetString(PyExc_OSError, "old");
    PyErr_Fetch(&type, &value, &traceback);
    CHECK(type == PyExc_OSError && !PyErr_Occurred());
    PyErr_NormalizeException(&type, &value, &traceback);
    CHECK(PyExceptionInstance_Check(value));
    PyErr_Restore(type, value, traceback);
    CHECK(raised(PyExc_OSError, "old"));
}

static void from_system(void) {
    errno = ENOENT;
    RAISES(PyErr_SetFromErrno(PyExc_OSError), NULL, PyExc_FileNotFoundError, "[Errno 2] No such file or directory");
    errno = EACCES;
    RAISES(PyErr_SetFromErrnoWithFilename(PyExc_OSError, "f"), NULL, PyExc_PermissionError, "[Errno 13] Permission denied: 'f'");
    PyObject *a = PyUnicode_FromString("a"), *b = PyUnicode_FromString("b");
    errno = EEXIST;
    RAISES(PyErr_SetFromErrnoWithFilenameObjects(PyExc_OSError, a, b), NULL, PyExc_FileExistsError, "[Errno 17] File exists: 'a' -> 'b'");
    PyErr_SetImportError(a, b, NULL);
    PyObject *error = PyErr_GetRaisedException();
    CHECK(error && holds("type(x) is ImportError and x.name == 'b' and x.path is None and x.msg == 'a'", error));
    Py_XDECREF(error);
    RAISES(PyErr_SetImportErrorSubclass(PyExc_ValueError, a, b, NULL), NULL, PyExc_TypeError,
           "expected a subclass of ImportError");
    Py_DECREF(a);
    Py_DECREF(b);
    /* It adds to the error that is set. */
    PyErr_SetString(PyExc_SyntaxError, "words");
    PyErr_SyntaxLocationEx("no file", 3, 4);
    error = PyErr_GetRaisedException();
    CHECK(holds("(x.filename, x.lineno) == ('no file', 3)", error));
    Py_XDECREF(error);
}

static void exceptions(void) {
    PyObject *cause = eval("ValueError('cause')"), *error = eval("KeyError('k')"), *got;
    CHECK(PyException_GetCause(error) == NULL && PyException_GetContext(error) == NULL && PyException_GetTraceback(error) == NULL);
    PyException_SetCause(error, Py_NewRef(cause));
    got = PyException_GetCause(error);
    CHECK(got == cause && holds("x.__suppress_context__", error));
    Py_XDECREF(got);
    PyException_SetCause(error, NULL);
    PyException_SetContext(error, Py_NewRef(cause));
    got = PyException_GetContext(error);
    CHECK(got == cause);
    Py_XDECREF(got);
    PyException_SetContext(error, NULL);
    got = PyException_GetArgs(error);
    CHECK(holds("x == ('k',)", got));
    PyObject *args = Py_BuildValue("(i)", 9);
    PyException_SetArgs(error, args);
    CHECK(holds("x.args == (9,)", error));
    Py_XDECREF(got);
    Py_DECREF(args);
    RAISES(PyException_SetTraceback(error, cause), -1, PyExc_TypeError, NULL);
    CHECK(PyException_SetTraceback(error, Py_None) == 0 && Py_REFCNT(cause) == 1);
    Py_XDECREF(cause);
    Py_XDECREF(error);

    PyObject *class = PyErr_NewExceptionWithDoc("check.Error", "words", PyExc_ValueError, NULL);
    CHECK(holds("x.__module__ == 'check' and x.__doc__ == 'words' and issubclass(x, ValueError)", class));
    CHECK(PyExceptionClass_Check(class) && !PyExceptionClass_Check(names));
    RAISES(PyErr_NewException("no_dot", NULL, NULL), NULL, PyExc_SystemError, "PyErr_NewException: name must be module.class");
    Py_XDECREF(class);

    CHECK(PyErr_GetHandledException() == NULL);
    error = eval("OSError()");
    PyErr_SetHandledException(error);
    got = PyErr_GetHandledException();
    CHECK(got == error);
    Py_XDECREF(got);
    PyErr_SetString(PyExc_ValueError, "while handling");
    got = PyErr_GetRaisedException();
    PyObject *context = PyException_GetContext(got);
    CHECK(context == error);
    Py_XDECREF(context);
    Py_XDECREF(got);
    PyErr_SetHandledException(Py_None);
    CHECK(PyErr_GetHandledException() == NULL);
    Py_XDECREF(error);

    PyObject *group = eval("ExceptionGroup('g', [ValueError(1), KeyError(2)])");
    CHECK(group && PyObject_IsInstance(group, PyExc_BaseExceptionGroup) == 1);
    Py_XDECREF(group);
}

static void warnings(void) {
    CHECK(run("import warnings\nseen = []\nwarnings.showwarning = lambda m, c, f, l, *a: seen.append((str(m), c.__name__))\n"
              "warnings.simplefilter('always')\n"));
    CHECK(PyErr_WarnEx(PyExc_UserWarning, "one", 1) == 0 && PyErr_WarnFormat(NULL, 1, "two %d", 2) == 0);
    CHECK(PyErr_WarnExplicit(PyExc_DeprecationWarning, "three", "file.py", 7, "module", NULL) == 0);
    PyObject *source = fresh();
    CHECK(PyErr_ResourceWarning(source, 1, "four %s", "4") == 0);
    Py_DECREF(source);
    CHECK(holds("seen == [('one', 'UserWarning'), ('two 2', 'RuntimeWarning'), ('three', 'DeprecationWarning'), ('four 4', 'ResourceWarning')]", NULL));
    CHECK(run("warnings.simplefilter('error')\n"));
    RAISES(PyErr_WarnEx(PyExc_UserWarning, "bad", 1), -1, PyExc_UserWarning, "bad");
    CHECK(run("warnings.simplefilter('ignore')\n") && PyErr_WarnEx(PyExc_UserWarning, "quiet", 1) == 0);
    CHECK(run("warnings.resetwarnings()\n"));
}

static void depth(void) {
    CHECK(Py_EnterRecursiveCall(" in a check") == 0);
    Py_LeaveRecursiveCall();
    CHECK(Py_ReprEnter(names) == 0 && Py_ReprEnter(names) == 1);
    Py_ReprLeave(names);
    CHECK(Py_ReprEnter(names) == 0);
    Py_ReprLeave(names);
    CHECK(PyErr_CheckSignals() == 0);
}

static void unraisable(void) {
    CHECK(run("import sys\nhooked = []\nsys.unraisablehook = lambda u: hooked.append((u.err_msg, str(u.exc_value), u.object))\n"));
    PyErr_SetString(PyExc_ValueError, "lost");
    PyErr_WriteUnraisable(Py_None);
    PyErr_SetString(PyExc_ValueError, "lost too");
    PyErr_FormatUnraisable("in %s", "words");
    CHECK(!PyErr_Occurred() && holds("hooked == [(None, 'lost', None), ('in words', 'lost too', None)]", NULL));
    CHECK(run("sys.unraisablehook = sys.__unraisablehook__\n"));
}

static void test(void) {
    indicator();
    from_system();
    exceptions();
    warnings();
    depth();
    unraisable();
}
