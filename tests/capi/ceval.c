#include "check.h"

static int calls, failing;

/* Counts the frames of functions whose name begins with "seen". */
static PyObject *evaluate(PyThreadState *tstate, struct _PyInterpreterFrame *frame, int raise) {
    PyObject *code = PyUnstable_InterpreterFrame_GetCode(frame);
    const char *name = PyUnicode_AsUTF8(((PyCodeObject *)code)->co_name);
    int seen = strncmp(name, "seen", 4) == 0;
    Py_DECREF(code);
    if (seen)
        calls++;
    PyObject *result = _PyEval_EvalFrameDefault(tstate, frame, raise);
    if (result != NULL && seen && failing) {
        Py_DECREF(result);
        PyErr_SetString(PyExc_ValueError, "refused");
        return NULL;
    }
    return result;
}

static void frames(void) {
    CHECK(run("def seen_add(a, b=1): return a + b\n"
              "def seen_gen(n):\n"
              "    for i in range(n): yield i\n"
              "class C:\n"
              "    def __init__(self): self.x = seen_add(1)\n"
              "    @property\n"
              "    def seen_value(self): return seen_add(self.x)\n"
              "def work():\n"
              "    total = 0\n"
              "    for i in range(50):\n"
              "        total += seen_add(i) + sum(seen_gen(2)) + C().seen_value\n"
              "        for x in seen_gen(2): total += x\n"
              "    return total\n"));
    PyObject *plain = eval("work()");
    PyInterpreterState *interp = PyInterpreterState_Get();
    _PyFrameEvalFunction before = _PyInterpreterState_GetEvalFrameFunc(interp);
    CHECK(before == _PyEval_EvalFrameDefault);
    _PyInterpreterState_SetEvalFrameFunc(interp, evaluate);
    CHECK(_PyInterpreterState_GetEvalFrameFunc(interp) == evaluate);
    PyObject *same = eval("work()");
    CHECK(plain != NULL && same != NULL && PyObject_RichCompareBool(plain, same, Py_EQ) == 1);
    /* In each round three sums, the property, and two generators: made, started, resumed and ended. */
    CHECK(calls == 50 * (3 + 1 + 4 + 4));
    failing = 1;
    RAISES(eval("seen_add(1)"), NULL, PyExc_ValueError, "refused");
    CHECK(run("try: work()\nexcept ValueError as error: caught = str(error)\n") && holds("caught == 'refused'", Py_None));
    failing = 0;
    _PyInterpreterState_SetEvalFrameFunc(interp, before);
    calls = 0;
    Py_XDECREF(same);
    same = eval("work()");
    CHECK(calls == 0 && same != NULL && PyObject_RichCompareBool(plain, same, Py_EQ) == 1);
    Py_XDECREF(plain);
    Py_XDECREF(same);
}

/* Looks whether the argument is a temporary of the caller. */
static PyObject *is_temporary(PyObject *self, PyObject *arg) {
    (void)self;
    return PyBool_FromLong(PyUnstable_Object_IsUniqueReferencedTemporary(arg));
}
static PyMethodDef method = {"is_temporary", is_temporary, METH_O, NULL};

static void temporaries(void) {
    PyObject *function = PyCFunction_New(&method, NULL);
    CHECK(function != NULL && PyDict_SetItemString(names, "is_temporary", function) == 0);
    CHECK(run("def check():\n"
              "    own = [1]\n"
              "    return is_temporary([1]), is_temporary(own), is_temporary(1), is_temporary(own + own)\n"));
    CHECK(holds("check() == (True, False, False, True)", Py_None));
    Py_XDECREF(function);
}

static PyObject *both(PyObject *self, PyObject *arg) {
    (void)self, (void)arg;
    PyErr_SetString(PyExc_ValueError, "its own");
    return Py_NewRef(Py_None);
}
static PyMethodDef both_method = {"both", both, METH_NOARGS, NULL};

/* A result with an exception is an error of the call itself. */
static void results(void) {
    PyObject *function = PyCFunction_New(&both_method, NULL);
    CHECK(function != NULL && PyDict_SetItemString(names, "both", function) == 0);
    CHECK(run("def check():\n"
              "    try:\n"
              "        both()\n"
              "    except SystemError as error:\n"
              "        return str(error), repr(error.__cause__)\n"));
    CHECK(holds("check() == ('<built-in function both> returned a result with an exception set', \"ValueError('its own')\")", Py_None));
    RAISES(PyObject_CallNoArgs(function), NULL, PyExc_SystemError, "<built-in function both> returned a result with an exception set");
    Py_XDECREF(function);
}

static int codes_made;
static int count_code(PyCodeEvent event, PyCodeObject *code) {
    (void)code;
    codes_made += event == PY_CODE_EVENT_CREATE;
    return 0;
}

static void empty_code(void) {
    int watcher = PyCode_AddWatcher(count_code);
    PyObject *code = (PyObject *)PyCode_NewEmpty("file", "name", 7);
    CHECK(watcher >= 0 && codes_made == 1 && PyCode_ClearWatcher(watcher) == 0);
    CHECK(holds("x.co_code == b'\\x80\\0Q\\0h\\1' and (x.co_consts, x.co_names, x.co_stacksize) == ((), (), 1)", code));
    CHECK(holds("list(x.co_positions()) == [(7, 7, None, None)] * 3", code));
    Py_XDECREF(code);
}

static void test(void) {
    frames();
    results();
    empty_code();
    temporaries();
}
