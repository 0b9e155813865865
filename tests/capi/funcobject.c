#include "check.h"

static PyObject *give_self(PyObject *self, PyObject *unused) {
    (void)unused;
    return Py_NewRef(self ? self : Py_None);
}
static PyMethodDef plain = {"give_self", give_self, METH_NOARGS, "give_self($self, /)\n--\n\nWords."};

static void functions(void) {
    CHECK(run("def f(a, b=2, *, c: int = 3): return a\n"));
    PyObject *f = eval("f"), *got;
    CHECK(PyFunction_Check(f) && PyCode_Check(PyFunction_GetCode(f)) && PyFunction_GetGlobals(f) == names);
    CHECK(holds("x == (2,)", PyFunction_GetDefaults(f)) && holds("x == {'c': 3}", PyFunction_GetKwDefaults(f)));
    CHECK(PyFunction_GetClosure(f) == NULL && holds("x == {'c': int}", PyFunction_GetAnnotations(f)));
    got = PyFunction_New(PyFunction_GetCode(f), names);
    CHECK(got && PyFunction_Check(got) && PyFunction_GetDefaults(got) == NULL);
    PyObject *defaults = Py_BuildValue("(ii)", 8, 9);
    CHECK(PyFunction_SetDefaults(got, defaults) == 0 && PyFunction_GetDefaults(got) == defaults);
    RAISES(PyFunction_SetDefaults(got, names), -1, PyExc_SystemError, "non-tuple default args");
    RAISES(PyFunction_SetClosure(got, names), -1, PyExc_SystemError, NULL);
    RAISES(PyFunction_GetCode(names), NULL, PyExc_SystemError, NULL);
    CHECK(PyFunction_SetDefaults(got, Py_None) == 0 && PyFunction_GetDefaults(got) == NULL);
    Py_DECREF(defaults);
    Py_XDECREF(got);
    PyObject *name = PyUnicode_FromString("outer.inner");
    got = PyFunction_NewWithQualName(PyFunction_GetCode(f), names, name);
    CHECK(holds("x.__qualname__ == 'outer.inner'", got));
    Py_XDECREF(got);
    Py_DECREF(name);
    Py_XDECREF(f);
}

static void methods(void) {
    PyObject *object = fresh(), *made = PyCFunction_NewEx(&plain, object, NULL), *got;
    CHECK(PyCFunction_Check(made) && PyCFunction_CheckExact(made) && PyCFunction_GetFunction(made) == give_self);
    CHECK(PyCFunction_GetSelf(made) == object && PyCFunction_GetFlags(made) == METH_NOARGS && Py_REFCNT(object) == 2);
    CHECK(holds("x.__name__ == 'give_self' and x.__doc__ == 'Words.' and x.__text_signature__ == '($self, /)'", made));
    RAISES(PyCFunction_GetFunction(Py_None), NULL, PyExc_SystemError, NULL);
    got = PyObject_CallNoArgs(made);
    CHECK(got == object);
    Py_XDECREF(got);
    RAISES(PyObject_CallOneArg(made, Py_None), NULL, PyExc_TypeError, NULL);
    got = PyMethod_New(made, object);
    CHECK(PyMethod_Check(got) && PyMethod_Function(got) == made && PyMethod_Self(got) == object && PyMethod_GET_SELF(got) == object);
    RAISES(PyMethod_New(made, NULL), NULL, PyExc_SystemError, NULL);
    RAISES(PyMethod_Self(object), NULL, PyExc_SystemError, NULL);
    Py_XDECREF(got);
    got = PyInstanceMethod_New(made);
    CHECK(PyInstanceMethod_Check(got) && PyInstanceMethod_Function(got) == made);
    Py_XDECREF(got);
    got = PyStaticMethod_New(made);
    CHECK(holds("x.__func__() is not None", got));
    Py_XDECREF(got);
    got = PyClassMethod_New(made);
    CHECK(holds("type(x) is classmethod", got));
    Py_XDECREF(got);
    Py_DECREF(made);
    /* Without a GIL functions and modules may wait for the collector. */
    PyGC_Collect();
    CHECK(Py_REFCNT(object) == 1);

    static PyMethodDef wrong = {"wrong", give_self, METH_NOARGS | METH_O, NULL};
    RAISES(PyCFunction_New(&wrong, object), NULL, PyExc_SystemError, "wrong() method: bad call flags");
    Py_DECREF(object);

    PyObject *cell = PyCell_New(Py_True);
    CHECK(PyCell_Check(cell) && PyCell_GET(cell) == Py_True && PyCell_Set(cell, NULL) == 0 && PyCell_Get(cell) == NULL && !PyErr_Occurred());
    RAISES(PyCell_Get(Py_None), NULL, PyExc_SystemError, NULL);
    RAISES(PyCell_Set(Py_None, NULL), -1, PyExc_SystemError, NULL);
    Py_DECREF(cell);

    PyObject *descr = PyDescr_NewMethod(&PyList_Type, &plain);
    PyObject *list = PyList_New(0);
    got = descr ? PyObject_CallOneArg(descr, list) : NULL;
    CHECK(got == list);
    Py_XDECREF(got);
    RAISES(PyObject_CallOneArg(descr, Py_None), NULL, PyExc_TypeError,
           "descriptor 'give_self' for 'list' objects doesn't apply to a 'NoneType' object");
    CHECK(PyDescr_IsData(descr) == 0);
    Py_XDECREF(descr);
    Py_DECREF(list);
}

static void code(void) {
    PyCodeObject *empty = PyCode_NewEmpty("file.py", "name", 12);
    CHECK(empty && PyCode_Check(empty) && holds("(x.co_filename, x.co_name, x.co_firstlineno) == ('file.py', 'name', 12)", (PyObject *)empty));
    CHECK(PyCode_GetNumFree(empty) == 0 && PyCode_Addr2Line(empty, 0) == 12);
    Py_XDECREF(empty);
    PyObject *compiled = Py_CompileString("x = 1\ny = [v for v in (1, 2)]\n", "two.py", Py_file_input), *got;
    CHECK(compiled && PyCode_Check(compiled));
    got = PyCode_GetCode((PyCodeObject *)compiled);
    CHECK(holds("type(x) is bytes and len(x) > 4", got));
    Py_XDECREF(got);
    got = PyCode_GetVarnames((PyCodeObject *)compiled);
    CHECK(got && PyTuple_Check(got));
    Py_XDECREF(got);
    PyObject *space = PyDict_New();
    got = PyEval_EvalCode(compiled, space, space);
    CHECK(got == Py_None && holds("x['y'] == [1, 2]", space));
    Py_XDECREF(got);
    Py_DECREF(space);
    Py_XDECREF(compiled);
    RAISES(Py_CompileString("x = = 1", "bad.py", Py_file_input), NULL, PyExc_SyntaxError, "invalid syntax (bad.py, line 1)");
    RAISES(Py_CompileString("1; 2", "bad.py", Py_eval_input), NULL, PyExc_SyntaxError, NULL);
    Py_ssize_t index = PyUnstable_Eval_RequestCodeExtraIndex(NULL);
    void *extra = &extra;
    compiled = Py_CompileString("0", "c.py", Py_eval_input);
    CHECK(index >= 0 && PyUnstable_Code_GetExtra(compiled, index, &extra) == 0 && extra == NULL);
    CHECK(PyUnstable_Code_SetExtra(compiled, index, &index) == 0 && PyUnstable_Code_GetExtra(compiled, index, &extra) == 0 && extra == &index);
    CHECK(PyUnstable_Code_SetExtra(compiled, index, NULL) == 0);
    Py_XDECREF(compiled);
}

static void test(void) {
    functions();
    methods();
    code();
}
