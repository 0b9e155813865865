/* One program over the C API: values in and out, errors, types, modules, calls. Prints "ok" and ends with 0. */
#include <Python.h>

#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            if (PyErr_Occurred()) {                                            \
                PyErr_Print();                                                 \
            }                                                                  \
            return 1;                                                          \
        }                                                                      \
    } while (0)

static PyObject *
add(PyObject *self, PyObject *args)
{
    long a, b = 10;
    const char *name = "";
    (void)self;
    if (!PyArg_ParseTuple(args, "l|ls:add", &a, &b, &name)) {
        return NULL;
    }
    return Py_BuildValue("(ls)", a + b, name);
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "Adds two numbers."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "smoke", "A module for a test.", 0, methods, NULL, NULL, NULL, NULL,
};

typedef struct {
    PyObject_HEAD
    long value;
} Counter;

static PyObject *
counter_next(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(++((Counter *)self)->value);
}

static PyMethodDef counter_methods[] = {
    {"next", counter_next, METH_NOARGS, "The next number."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot counter_slots[] = {
    {Py_tp_methods, counter_methods},
    {0, NULL},
};

static PyType_Spec counter_spec = {
    "smoke.Counter", sizeof(Counter), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, counter_slots,
};

static int
values(void)
{
    PyObject *list = PyList_New(0);
    CHECK(list != NULL);
    for (long i = 0; i < 10; i++) {
        PyObject *number = PyLong_FromLong(i * 1000000000L);
        CHECK(number != NULL && PyList_Append(list, number) == 0);
        Py_DECREF(number);
    }
    CHECK(PyList_Size(list) == 10 && PyLong_AsLong(PyList_GetItem(list, 9)) == 9000000000L);
    CHECK(PyList_GetItem(list, 10) == NULL && PyErr_ExceptionMatches(PyExc_IndexError));
    PyErr_Clear();
    PyObject *tuple = PyList_AsTuple(list);
    CHECK(PyTuple_Size(tuple) == 10);
    Py_DECREF(tuple);
    Py_DECREF(list);

    PyObject *text = PyUnicode_FromFormat("%s %d %5.2s %R %x %zd", "a", -7, "xyz", Py_None, 255, (Py_ssize_t)3);
    CHECK(text != NULL && strcmp(PyUnicode_AsUTF8(text), "a -7    xy None ff 3") == 0);
    Py_DECREF(text);

    PyObject *dict = Py_BuildValue("{s:i,s:[d,O],s:y#}", "one", 1, "list", 1.5, Py_True, "bytes", "ab\0c", (Py_ssize_t)4);
    CHECK(dict != NULL && PyDict_Size(dict) == 3);
    CHECK(PyBytes_Size(PyDict_GetItemString(dict, "bytes")) == 4);
    PyObject *key, *value;
    Py_ssize_t at = 0;
    int count = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        count++;
    }
    CHECK(count == 3);
    Py_DECREF(dict);

    PyErr_Format(PyExc_ValueError, "bad %s: %d", "thing", 4);
    CHECK(PyErr_Occurred() == PyExc_ValueError);
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *shown = PyObject_Str(exception);
    CHECK(strcmp(PyUnicode_AsUTF8(shown), "bad thing: 4") == 0);
    Py_DECREF(shown);
    Py_DECREF(exception);
    return 0;
}

static int
modules(void)
{
    PyObject *module = PyModule_Create(&definition);
    CHECK(module != NULL);
    PyObject *type = PyType_FromSpec(&counter_spec);
    CHECK(type != NULL && PyModule_AddObjectRef(module, "Counter", type) == 0);
    Py_DECREF(type);
    CHECK(PyModule_AddIntConstant(module, "ANSWER", 42) == 0);
    CHECK(PyDict_SetItemString(PyImport_GetModuleDict(), "smoke", module) == 0);
    Py_DECREF(module);
    CHECK(PyRun_SimpleString(
        "import smoke\n"
        "assert smoke.ANSWER == 42\n"
        "assert smoke.add(1, 2, 'x') == (3, 'x')\n"
        "assert smoke.add(1) == (11, '')\n"
        "try:\n"
        "    smoke.add()\n"
        "except TypeError as e:\n"
        "    assert str(e) == 'add() takes at least 1 argument (0 given)', e\n"
        "else:\n"
        "    assert False\n"
        "c = smoke.Counter()\n"
        "assert [c.next(), c.next()] == [1, 2]\n"
        "class Sub(smoke.Counter):\n"
        "    pass\n"
        "assert Sub().next() == 1\n") == 0);
    PyObject *result = PyObject_CallMethod(PyImport_AddModule("smoke"), "add", "ii", 20, 3);
    CHECK(result != NULL && PyLong_AsLong(PyTuple_GET_ITEM(result, 0)) == 23);
    Py_DECREF(result);
    return 0;
}

int
main(void)
{
    for (int round = 0; round < 2; round++) {
        Py_Initialize();
        CHECK(Py_IsInitialized() && PyGILState_Check());
        if (values() != 0 || (round == 0 && modules() != 0)) {
            return 1;
        }
        CHECK(Py_FinalizeEx() == 0 && !Py_IsInitialized());
    }
    puts("ok");
    return 0;
}
