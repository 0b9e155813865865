/* Code objects, the compiler, trace functions, generators, C functions and the configuration. */
#include "parts.h"

#include <signal.h>
#include <sys/wait.h>

static PyObject *code_newempty(PyObject *module, PyObject *args) {
    const char *file, *name;
    int line;
    if (!PyArg_ParseTuple(args, "ssi:code_newempty", &file, &name, &line))
        return NULL;
    return (PyObject *)PyCode_NewEmpty(file, name, line);
}

static PyObject *code_offset_to_line(PyObject *module, PyObject *args) {
    PyObject *code;
    int offset;
    if (!PyArg_ParseTuple(args, "O!i:code_offset_to_line", &PyCode_Type, &code, &offset))
        return NULL;
    return PyLong_FromLong(PyCode_Addr2Line((PyCodeObject *)code, offset));
}

/* compile(source, file, start, flags) with the source as it is, bytes of any encoding. */
static PyObject *compile_string(PyObject *module, PyObject *args) {
    const char *source, *file;
    int start, cf_flags = 0;
    if (!PyArg_ParseTuple(args, "ysii:Py_CompileStringExFlags", &source, &file, &start, &cf_flags))
        return NULL;
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    flags.cf_flags = cf_flags;
    return Py_CompileStringExFlags(source, file, start, &flags, -1);
}

/* ---- trace functions */

static int record(PyObject *events, PyFrameObject *frame, int what, PyObject *arg) {
    PyObject *event =
        Py_BuildValue("(iiO)", what, PyFrame_GetLineNumber(frame), arg != NULL ? arg : Py_None);
    if (event == NULL)
        return -1;
    int failed = PyList_Append(events, event);
    Py_DECREF(event);
    return failed;
}

/* Fails once, and is no trace function any more. */
static int fail(PyObject *events, PyFrameObject *frame, int what, PyObject *arg) {
    PyEval_SetTrace(NULL, NULL);
    PyErr_SetString(PyExc_Exception, "a trace function failed");
    return -1;
}

static PyObject *settrace_to_record(PyObject *module, PyObject *events) {
    if (!PyList_Check(events)) {
        PyErr_SetString(PyExc_TypeError, "a list is needed");
        return NULL;
    }
    PyEval_SetTrace(record, events);
    Py_RETURN_NONE;
}

static PyObject *settrace_to_error(PyObject *module, PyObject *events) {
    PyEval_SetTrace(fail, events);
    Py_RETURN_NONE;
}

/* Sends None into a generator with a SIGINT pending that nothing has handled yet. */
static PyObject *raise_sigint_then_send(PyObject *module, PyObject *args) {
    PyObject *generator;
    if (!PyArg_ParseTuple(args, "O!:raise_SIGINT_then_send_None", &PyGen_Type, &generator))
        return NULL;
    raise(SIGINT);
    return PyObject_CallMethod(generator, "send", "O", Py_None);
}

/* ---- C functions */

static PyObject *nothing(PyObject *self, PyObject *unused) {
    Py_RETURN_NONE;
}

static PyMethodDef fresh_function = {"fresh", nothing, METH_NOARGS, NULL};

/* A C function that nothing else refers to. */
static PyObject *create_cfunction(PyObject *module, PyObject *unused) {
    return PyCFunction_NewEx(&fresh_function, module, NULL);
}

/* Asks for a buffer without a place to write what it is. */
static PyObject *getbuffer_with_null_view(PyObject *module, PyObject *object) {
    return none_unless(PyObject_GetBuffer(object, NULL, PyBUF_SIMPLE) < 0);
}

static PyObject *config_get(PyObject *module, PyObject *args) {
    const char *name;
    if (!PyArg_ParseTuple(args, "s:config_get", &name))
        return NULL;
    return PyConfig_Get(name);
}

/* The status of a process that a signal stopped. */
static PyObject *stop_code(PyObject *module, PyObject *args) {
    int signal;
    if (!PyArg_ParseTuple(args, "i:W_STOPCODE", &signal))
        return NULL;
    return PyLong_FromLong(W_STOPCODE(signal));
}

static PyMethodDef functions[] = {
    {"code_newempty", code_newempty, METH_VARARGS, NULL},
    {"code_offset_to_line", code_offset_to_line, METH_VARARGS, NULL},
    {"Py_CompileStringExFlags", compile_string, METH_VARARGS, NULL},
    {"settrace_to_record", settrace_to_record, METH_O, NULL},
    {"settrace_to_error", settrace_to_error, METH_O, NULL},
    {"raise_SIGINT_then_send_None", raise_sigint_then_send, METH_VARARGS, NULL},
    {"create_cfunction", create_cfunction, METH_NOARGS, NULL},
    {"getbuffer_with_null_view", getbuffer_with_null_view, METH_O, NULL},
    {"config_get", config_get, METH_VARARGS, NULL},
    {"W_STOPCODE", stop_code, METH_VARARGS, NULL},
    {"test_with_docstring", nothing, METH_NOARGS, PyDoc_STR("Does nothing.")},
    {NULL, NULL, 0, NULL},
};

int add_codes(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
