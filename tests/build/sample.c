/* The extension module that every build tool makes: `sample.add(a, b)` and what it was built for. */
#include <Python.h>

static PyObject *add(PyObject *module, PyObject *args) {
    long a, b;
    (void)module;
    if (!PyArg_ParseTuple(args, "ll:add", &a, &b))
        return NULL;
    return PyLong_FromLong(a + b);
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, PyDoc_STR("add(a, b)\n--\n\nThe sum.")},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
#ifdef Py_GIL_DISABLED
    return PyModule_AddStringConstant(module, "mode", "nogil");
#else
    return PyModule_AddStringConstant(module, "mode", "gil");
#endif
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "sample", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_sample(void) {
    return PyModuleDef_Init(&def);
}
