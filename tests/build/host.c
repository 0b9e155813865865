/* A program that embeds the runtime. */
#include <Python.h>

#include <stdio.h>

int main(void) {
    Py_Initialize();
    PyObject *names = PyDict_New();
    PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
    PyObject *sum = PyRun_String("sum(range(10))", Py_eval_input, names, names);
    long value = sum ? PyLong_AsLong(sum) : -1;
    Py_XDECREF(sum);
    Py_DECREF(names);
    printf("%ld\n", value);
    return Py_FinalizeEx() == 0 && value == 45 ? 0 : 1;
}
