#include "check.h"

static int freed;
static void destroy(PyObject *capsule) {
    freed++;
    CHECK(PyCapsule_GetPointer(capsule, "check.capsule") != NULL && PyCapsule_GetContext(capsule) == (void *)&freed);
}

/* The tables of the library: classes, and functions that answer or raise. */
static void tables(void) {
    PyObject **sockets = PyCapsule_Import("_socket.CAPI", 0);
    CHECK(sockets != NULL && holds("x is __import__('_socket').socket", sockets[0]));
    CHECK(sockets != NULL && sockets[1] == PyExc_OSError && sockets[2] == PyExc_TimeoutError);
    void **curses = PyCapsule_Import("_curses._C_API", 0);
    if (curses == NULL) {
        /* The library is not there. */
        CHECK(PyErr_ExceptionMatches(PyExc_ImportError));
        PyErr_Clear();
        return;
    }
    CHECK(holds("x is __import__('_curses').window", curses[0]));
    for (int i = 1; i < 4; i++) {
        CHECK(((int (*)(void))curses[i])() == 0 && PyErr_Occurred());
        PyErr_Clear();
    }
}

static void test(void) {
    tables();
    int a, b;
    PyObject *capsule = PyCapsule_New(&a, "check.capsule", destroy);
    CHECK(capsule && PyCapsule_CheckExact(capsule) && PyCapsule_GetPointer(capsule, "check.capsule") == &a);
    RAISES(PyCapsule_GetPointer(capsule, "other"), NULL, PyExc_ValueError,
           "PyCapsule_GetPointer called with incorrect name");
    RAISES(PyCapsule_New(NULL, "x", NULL), NULL, PyExc_ValueError, "PyCapsule_New called with null pointer");
    RAISES(PyCapsule_GetPointer(Py_None, "x"), NULL, PyExc_ValueError,
           "PyCapsule_GetPointer called with invalid PyCapsule object");
    CHECK(strcmp(PyCapsule_GetName(capsule), "check.capsule") == 0 && PyCapsule_GetDestructor(capsule) == destroy);
    CHECK(PyCapsule_IsValid(capsule, "check.capsule") && !PyCapsule_IsValid(capsule, "x") && !PyCapsule_IsValid(Py_None, "x"));
    CHECK(PyCapsule_SetPointer(capsule, &b) == 0 && PyCapsule_GetPointer(capsule, "check.capsule") == &b);
    RAISES(PyCapsule_SetPointer(capsule, NULL), -1, PyExc_ValueError, "PyCapsule_SetPointer called with null pointer");
    CHECK(PyCapsule_GetContext(capsule) == NULL && !PyErr_Occurred() && PyCapsule_SetContext(capsule, &freed) == 0);
    CHECK(holds("repr(x).startswith('<capsule object \"check.capsule\" at 0x')", capsule));

    PyObject *module = PyImport_AddModuleRef("check");
    CHECK(module && PyModule_AddObjectRef(module, "capsule", capsule) == 0);
    CHECK(PyCapsule_Import("check.capsule", 0) == &b);
    RAISES(PyCapsule_Import("check.missing", 0), NULL, PyExc_AttributeError, "module 'check' has no attribute 'missing'");
    RAISES(PyCapsule_Import("no_such_module_here.x", 0), NULL, PyExc_ImportError, NULL);
    CHECK(PyObject_DelAttrString(module, "capsule") == 0 && freed == 0);
    Py_DECREF(capsule);
    CHECK(freed == 1);
    Py_XDECREF(module);

    /* Without a name, a null name is the right one. */
    capsule = PyCapsule_New(&a, NULL, NULL);
    CHECK(PyCapsule_GetPointer(capsule, NULL) == &a && PyCapsule_GetName(capsule) == NULL && !PyErr_Occurred());
    CHECK(PyCapsule_SetName(capsule, "late") == 0 && PyCapsule_IsValid(capsule, "late") && PyCapsule_SetDestructor(capsule, NULL) == 0);
    Py_DECREF(capsule);
}
