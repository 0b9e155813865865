/* Single objects: printing, reference counts, weak references, docs; and functions that break the rules of C functions. */
#include "parts.h"
#include "../functions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- printing */

static PyObject *printed(PyObject *object, PyObject *path, int flags) {
    FILE *file = Py_fopen(path, "w");
    if (file == NULL)
        return NULL;
    int failed = PyObject_Print(object, file, flags) < 0;
    Py_fclose(file);
    return failed ? NULL : NOTHING(0);
}

/* Prints what nobody refers to, and returns what should have been printed. */
static PyObject *printed_unreferenced(PyObject *path) {
    PyObject *text = PyUnicode_FromString("Spam spam spam");
    FILE *file = text ? Py_fopen(path, "w") : NULL;
    if (file == NULL) {
        Py_XDECREF(text);
        return NULL;
    }
    char shown[100];
    snprintf(shown, sizeof shown, "<refcnt %d at %p>", 0, (void *)text);
    Py_SET_REFCNT(text, 0);
    int failed = PyObject_Print(text, file, 0) < 0;
    Py_SET_REFCNT(text, 1);
    Py_DECREF(text);
    Py_fclose(file);
    return failed ? NULL : PyUnicode_FromString(shown);
}

static PyObject *printed_read_only(PyObject *path) {
    PyObject *text = PyUnicode_FromString("Spam spam spam");
    FILE *file = text ? Py_fopen(path, "r") : NULL;
    int failed = file == NULL || PyObject_Print(text, file, 0) < 0;
    if (file != NULL)
        Py_fclose(file);
    Py_XDECREF(text);
    return failed ? NULL : NOTHING(0);
}

/* ---- breaking rules */

static PyObject *return_null_without_error(PyObject *module, PyObject *unused) {
    PyErr_Clear();
    return NULL;
}

static PyObject *return_result_with_error(PyObject *module, PyObject *unused) {
    PyErr_SetNone(PyExc_ValueError);
    Py_RETURN_NONE;
}

static PyObject *getitem_with_error(PyObject *module, PyObject *args) {
    PyObject *map, *key;
    if (!PyArg_ParseTuple(args, "OO", &map, &key))
        return NULL;
    PyErr_SetString(PyExc_ValueError, "bug");
    return PyObject_GetItem(map, key);
}

/* ---- whole argument lists */

static PyObject *get_args(PyObject *module, PyObject *args) {
    return Py_NewRef(args ? args : Py_None);
}

static PyObject *get_kwargs(PyObject *module, PyObject *args, PyObject *keywords) {
    return Py_NewRef(keywords ? keywords : Py_None);
}

static PyObject *compile_bytes(PyObject *module, PyObject *text) {
    const char *source = PyBytes_AsString(text);
    return source ? Py_CompileString(source, "<string>", Py_file_input) : NULL;
}

/* ---- pending calls */

static int make_call(void *callable) {
    PyObject *result = PyObject_CallNoArgs(callable);
    Py_DECREF((PyObject *)callable);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *pending(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"callback", "num", "blocking", "ensure_added", NULL};
    PyObject *callable;
    unsigned int count = 1, queued = 0;
    int blocking = 0, ensure = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|I$pp", names, &callable, &count, &blocking, &ensure))
        return NULL;
    /* Each call that waits has a reference of its own. */
    for (unsigned int i = 0; i < count; i++)
        Py_INCREF(callable);
    PyThreadState *saved = blocking ? NULL : PyEval_SaveThread();
    while (queued < count) {
        if (Py_AddPendingCall(make_call, callable) == 0)
            queued++;
        else if (!ensure)
            break;
    }
    if (saved != NULL)
        PyEval_RestoreThread(saved);
    for (unsigned int i = queued; i < count; i++)
        Py_DECREF(callable);
    return PyLong_FromUnsignedLong(queued);
}

static PyObject *ensured(void) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyGILState_Release(state);
    Py_RETURN_NONE;
}

static PyObject *item_data(PyObject *object) {
    return PyObject_GetItemData(object) ? NOTHING(0) : NULL;
}

static PyObject *null_memoryview(void) {
    Py_buffer view = {0};
    if (PyBuffer_FillInfo(&view, NULL, NULL, 1, 1, PyBUF_FULL_RO) < 0)
        return NULL;
    return PyMemoryView_FromBuffer(&view);
}

/* ---- misuse of memory, which the debug hooks find */

static PyObject *overflow(void) {
    volatile char *buffer = PyMem_Malloc(16);
    if (buffer == NULL)
        return PyErr_NoMemory();
    buffer[16] = 'x';
    PyMem_Free((void *)buffer);
    Py_RETURN_NONE;
}

static PyObject *other_domain(void) {
    char *buffer = PyMem_Malloc(16);
    if (buffer == NULL)
        return PyErr_NoMemory();
    PyMem_RawFree(buffer);
    Py_RETURN_NONE;
}

static PyObject *detached(void *(*allocate)(size_t), void (*release)(void *)) {
    Py_BEGIN_ALLOW_THREADS
    release(allocate(10));
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* An object that only C holds is no temporary of a frame. */
static PyObject *new_object_is_temporary(void) {
    PyObject *made = PyList_New(0);
    if (made == NULL)
        return NULL;
    int temporary = PyUnstable_Object_IsUniqueReferencedTemporary(made);
    Py_DECREF(made);
    return PyLong_FromLong(temporary);
}

#define FUNCTIONS(ONE, MANY)                                                                          \
    MANY(pyobject_is_unique_temporary_new_object, new_object_is_temporary(), "")                      \
    MANY(call_pyobject_print, printed(a, b, i ? Py_PRINT_RAW : 0), "OOp", &a, &b, &i)                 \
    MANY(pyobject_print_null, printed(NULL, a, 0), "O", &a)                                           \
    MANY(pyobject_print_noref_object, printed_unreferenced(a), "O", &a)                               \
    MANY(pyobject_print_os_error, printed_read_only(a), "O", &a)                                      \
    ONE(pyobject_clear_weakrefs_no_callbacks, (PyUnstable_Object_ClearWeakRefsNoCallbacks(a), Py_NewRef(Py_None))) \
    ONE(pyobject_enable_deferred_refcount, PyLong_FromLong(PyUnstable_Object_EnableDeferredRefcount(a))) \
    ONE(pyobject_is_unique_temporary, PyLong_FromLong(PyUnstable_Object_IsUniqueReferencedTemporary(a))) \
    ONE(is_uniquely_referenced, PyBool_FromLong(PyUnstable_Object_IsUniquelyReferenced(a)))           \
    MANY(pyobject_repr_from_null, PyObject_Repr(NULL), "")                                            \
    MANY(pyobject_str_from_null, PyObject_Str(NULL), "")                                              \
    MANY(pyobject_bytes_from_null, PyObject_Bytes(NULL), "")                                          \
    ONE(pyobject_getitemdata, item_data(a ? a : Py_None))                                             \
    MANY(make_memoryview_from_NULL_pointer, null_memoryview(), "")                                    \
    MANY(pynumber_tobase, PyNumber_ToBase(a, i), "Oi", &a, &i)                                        \
    MANY(argparsing, PyLong_FromLong(1), "UU", &a, &b)                                                \
    MANY(pymem_buffer_overflow, overflow(), "")                                                       \
    MANY(pymem_api_misuse, other_domain(), "")                                                        \
    MANY(pymem_malloc_without_gil, detached(PyMem_Malloc, PyMem_Free), "")                            \
    MANY(pyobject_malloc_without_gil, detached(PyObject_Malloc, PyObject_Free), "")                   \
    MANY(gilstate_ensure_release, ensured(), "")

PART(single_objects, FUNCTIONS)

static PyObject *nothing(PyObject *module, PyObject *args) {
    Py_RETURN_NONE;
}

static PyMethodDef others[] = {
    {"return_null_without_error", return_null_without_error, METH_NOARGS, NULL},
    {"return_result_with_error", return_result_with_error, METH_NOARGS, NULL},
    {"getitem_with_error", getitem_with_error, METH_VARARGS, NULL},
    {"get_args", get_args, METH_VARARGS, NULL},
    {"get_kwargs", FAST(get_kwargs), METH_VARARGS | METH_KEYWORDS, NULL},
    {"Py_CompileString", compile_bytes, METH_O, NULL},
    {"_pending_threadfunc", FAST(pending), METH_VARARGS | METH_KEYWORDS, NULL},
    {"no_docstring", nothing, METH_VARARGS, NULL},
    {"docstring_empty", nothing, METH_VARARGS, ""},
    {"docstring_no_signature", nothing, METH_VARARGS, "This docstring has no signature."},
    {"docstring_with_invalid_signature", nothing, METH_VARARGS,
     "docstring_with_invalid_signature($module, /, boo)\n\nThis docstring has an invalid signature."},
    {"docstring_with_invalid_signature2", nothing, METH_VARARGS,
     "docstring_with_invalid_signature2($module, /, boo)\n\n--\n\nThis docstring also has an invalid signature."},
    {"docstring_with_signature", nothing, METH_VARARGS,
     "docstring_with_signature($module, /, sig)\n--\n\nThis docstring has a valid signature."},
    {"docstring_with_signature_but_no_doc", nothing, METH_VARARGS,
     "docstring_with_signature_but_no_doc($module, /, sig)\n--\n\n"},
    {"docstring_with_signature_and_extra_newlines", nothing, METH_VARARGS,
     "docstring_with_signature_and_extra_newlines($module, /, parameter)\n--\n\n\n"
     "This docstring has a valid signature and some extra newlines."},
    {NULL, NULL, 0, NULL},
};

/* ---- numbers that show which slot was called */

static PyObject *matmul(PyObject *left, PyObject *right) {
    return Py_BuildValue("sOO", "matmul", left, right);
}

static PyObject *imatmul(PyObject *left, PyObject *right) {
    return Py_BuildValue("sOO", "imatmul", left, right);
}

static PyObject *ipow(PyObject *self, PyObject *other, PyObject *modulo) {
    return PyTuple_Pack(2, other, modulo);
}

static PyNumberMethods matmul_number = {.nb_matrix_multiply = matmul, .nb_inplace_matrix_multiply = imatmul};
static PyNumberMethods ipow_number = {.nb_inplace_power = ipow};

static PyTypeObject matmulType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "matmulType",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_as_number = &matmul_number,
};
static PyTypeObject ipowType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ipowType",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_as_number = &ipow_number,
};

int add_objects(PyObject *module) {
    if (PyModule_AddType(module, &matmulType) < 0 || PyModule_AddType(module, &ipowType) < 0)
        return -1;
    return PyModule_AddFunctions(module, others) < 0 ? -1 : add_single_objects(module);
}
