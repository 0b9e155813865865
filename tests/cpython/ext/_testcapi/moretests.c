/* More tests in C: reference tracing, code objects, allocators, exit functions, specifications of types. */
#include "parts.h"
#include "../selftests.h"

#include <stddef.h>
#include <string.h>

/* ---- references */

#define REPEATED(NAME, WHAT)                                        \
    TEST(NAME) {                                                    \
        PyObject *object = PyList_New(0);                           \
        for (int i = 0; i < 50; i++) {                              \
            WHAT;                                                   \
        }                                                           \
        HOLDS(Py_REFCNT(object) == 1);                              \
        Py_DECREF(object);                                          \
        Py_RETURN_NONE;                                             \
    }
REPEATED(test_incref_doesnt_leak, Py_INCREF(object); Py_SETREF(object, object))
REPEATED(test_decref_doesnt_leak, Py_INCREF(object); Py_DECREF(object))
REPEATED(test_xincref_doesnt_leak, PyObject *none = NULL; Py_XINCREF(none); Py_XINCREF(object); Py_DECREF(object))
REPEATED(test_xdecref_doesnt_leak, PyObject *none = NULL; Py_XDECREF(none); Py_INCREF(object); Py_XDECREF(object))

/* What a tracer saw of one type. */
typedef struct {
    PyTypeObject *type;
    int made, gone;
} Seen;

static int see(PyObject *object, PyRefTracerEvent event, void *data) {
    Seen *seen = data;
    if (Py_TYPE(object) == seen->type) {
        seen->made += event == PyRefTracer_CREATE;
        seen->gone += event == PyRefTracer_DESTROY;
    }
    return 0;
}

TEST(test_reftracer) {
    void *kept_data, *data;
    PyRefTracer kept = PyRefTracer_GetTracer(&kept_data);
    Seen seen = {&PyList_Type, 0, 0};
    HOLDS(PyRefTracer_SetTracer(see, &seen) == 0);
    HOLDS(PyRefTracer_GetTracer(&data) == see && data == &seen);
    PyObject *one = PyList_New(0), *two = PyList_New(0);
    Py_DECREF(one);
    Py_DECREF(two);
    HOLDS(PyRefTracer_SetTracer(kept, kept_data) == 0);
    HOLDS(seen.made == 2 && seen.gone == 2);
    PyObject *three = PyList_New(0);
    Py_DECREF(three);
    HOLDS(seen.made == 2 && PyRefTracer_GetTracer(&data) == kept);
    Py_RETURN_NONE;
}

/* A resized object is a new one. */
TEST(test_bytes_resize_tracer) {
    void *kept_data;
    PyRefTracer kept = PyRefTracer_GetTracer(&kept_data);
    PyObject *bytes = PyBytes_FromString("some bytes");
    Seen seen = {&PyBytes_Type, 0, 0};
    HOLDS(bytes != NULL && PyRefTracer_SetTracer(see, &seen) == 0);
    int done = _PyBytes_Resize(&bytes, 100);
    HOLDS(PyRefTracer_SetTracer(kept, kept_data) == 0);
    HOLDS(done == 0 && PyBytes_GET_SIZE(bytes) == 100 && memcmp(PyBytes_AS_STRING(bytes), "some bytes", 10) == 0);
    HOLDS(seen.made == 1 && seen.gone == 1);
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

/* ---- code objects */

TEST(test_code_api) {
    PyCodeObject *code = PyCode_NewEmpty("file", "name", 1);
    HOLDS(code != NULL && PyCode_GetNumFree(code) == 0 && PyUnstable_Code_GetFirstFree(code) == 0);
    PyObject *parts[] = {PyCode_GetVarnames(code), PyCode_GetCellvars(code), PyCode_GetFreevars(code)};
    for (int i = 0; i < 3; i++) {
        HOLDS(parts[i] != NULL && PyTuple_CheckExact(parts[i]) && PyTuple_GET_SIZE(parts[i]) == 0);
        Py_DECREF(parts[i]);
    }
    PyObject *units = PyCode_GetCode(code);
    HOLDS(units != NULL && PyBytes_CheckExact(units) && PyBytes_GET_SIZE(units) > 0);
    Py_DECREF(units);
    Py_DECREF(code);
    Py_RETURN_NONE;
}

static int extras_freed;
static void free_extra(void *extra) {
    extras_freed += extra == &extras_freed;
}

TEST(test_code_extra) {
    static Py_ssize_t index = -1;
    if (index < 0)
        index = PyUnstable_Eval_RequestCodeExtraIndex(free_extra);
    HOLDS(index >= 0);
    PyObject *code = (PyObject *)PyCode_NewEmpty("file", "name", 1);
    void *extra = &extras_freed;
    int before = extras_freed;
    HOLDS(code != NULL && PyUnstable_Code_GetExtra(code, index, &extra) == 0 && extra == NULL);
    HOLDS(PyUnstable_Code_SetExtra(code, index, &extras_freed) == 0);
    HOLDS(PyUnstable_Code_GetExtra(code, index, &extra) == 0 && extra == &extras_freed);
    HOLDS(PyUnstable_Code_SetExtra(code, index, NULL) == 0);
    HOLDS(PyUnstable_Code_GetExtra(code, index, &extra) == 0 && extra == NULL && extras_freed == before + 1);
    Py_DECREF(code);
    Py_RETURN_NONE;
}

/* ---- the end of interpreters */

static void at_exit(void *data) {
    *(int *)data += 1;
}

TEST(test_atexit) {
    PyThreadState *state = PyThreadState_Get(), *other = Py_NewInterpreter();
    int called = 0;
    if (other == NULL) {
        PyThreadState_Swap(state);
        return PyErr_Format(PyExc_RuntimeError, "no interpreter could be made");
    }
    int status = PyUnstable_AtExit(PyThreadState_GetInterpreter(other), at_exit, &called);
    Py_EndInterpreter(other);
    PyThreadState_Swap(state);
    HOLDS(status == 0 && called == 1);
    Py_RETURN_NONE;
}

/* ---- capsules of the library */

TEST(test_capsule) {
    static const char *const names[] = {"datetime.datetime_CAPI", "_socket.CAPI", "_curses._C_API", "unicodedata._ucnhash_CAPI"};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        void *table = PyCapsule_Import(names[i], 0);
        if (table == NULL && PyErr_ExceptionMatches(PyExc_ImportError)) {
            PyErr_Clear();
            continue;
        }
        HOLDS(table != NULL);
    }
    static int place;
    PyObject *capsule = PyCapsule_New(&place, "a name", NULL);
    HOLDS(capsule != NULL && PyCapsule_IsValid(capsule, "a name") && !PyCapsule_IsValid(capsule, "another"));
    HOLDS(PyCapsule_GetPointer(capsule, "a name") == &place && PyCapsule_GetContext(capsule) == NULL);
    HOLDS(PyCapsule_GetPointer(capsule, "another") == NULL && PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    Py_DECREF(capsule);
    Py_RETURN_NONE;
}

/* ---- the collector */

static int count_visited(PyObject *object, void *data) {
    PyObject **wanted = data;
    if (object == wanted[0])
        wanted[1] = object;
    return 1;
}

TEST(test_gc_visit_objects_frozen) {
    PyObject *wanted[2] = {PyList_New(0), NULL};
    HOLDS(wanted[0] != NULL);
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *done = gc ? PyObject_CallMethod(gc, "freeze", NULL) : NULL;
    HOLDS(done != NULL);
    Py_DECREF(done);
    PyUnstable_GC_VisitObjects(count_visited, wanted);
    done = PyObject_CallMethod(gc, "unfreeze", NULL);
    HOLDS(done != NULL && wanted[1] == wanted[0]);
    Py_DECREF(done);
    Py_DECREF(gc);
    Py_DECREF(wanted[0]);
    Py_RETURN_NONE;
}

/* ---- types */

static PyTypeObject HashInheriting_Type = {
    PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "HashInheriting", .tp_basicsize = sizeof(PyObject), .tp_flags = Py_TPFLAGS_DEFAULT,
};

TEST(test_lazy_hash_inheritance) {
    PyTypeObject *type = &HashInheriting_Type;
    HOLDS(PyType_Ready(type) == 0);
    PyObject *object = PyObject_New(PyObject, type);
    HOLDS(object != NULL && PyObject_Hash(object) != -1 && type->tp_hash == PyBaseObject_Type.tp_hash);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_pyobject_new) {
    static PyTypeObject type = {
        PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "_testcapi.New", .tp_basicsize = sizeof(PyObject), .tp_free = PyObject_Free,
    };
    static PyTypeObject items = {
        PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "_testcapi.NewVar", .tp_basicsize = sizeof(PyVarObject), .tp_itemsize = 8,
        .tp_free = PyObject_Free,
    };
    HOLDS(PyType_Ready(&type) == 0 && PyType_Ready(&items) == 0);
    PyObject *made[] = {
        PyObject_New(PyObject, &type), PyObject_NEW(PyObject, &type), (PyObject *)PyObject_NewVar(PyVarObject, &items, 3),
        (PyObject *)PyObject_NEW_VAR(PyVarObject, &items, 5),
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(made); i++) {
        HOLDS(made[i] != NULL && Py_REFCNT(made[i]) == 1 && Py_TYPE(made[i]) == (i < 2 ? &type : &items));
        HOLDS(i < 2 || Py_SIZE(made[i]) == (i == 2 ? 3 : 5));
        Py_DECREF(made[i]);
    }
    Py_RETURN_NONE;
}

TEST(test_set_type_size) {
    PyObject *list = PyList_New(0);
    HOLDS(list != NULL && Py_SIZE(list) == 0 && Py_IS_TYPE(list, &PyList_Type));
    Py_SET_SIZE((PyVarObject *)list, 7);
    HOLDS(Py_SIZE(list) == 7);
    Py_SET_SIZE((PyVarObject *)list, 0);
    Py_SET_TYPE(list, &PyList_Type);
    HOLDS(Py_TYPE(list) == &PyList_Type);
    Py_DECREF(list);
    Py_RETURN_NONE;
}

/* Nothing of a specification is looked at after the type was made. */
TEST(test_type_from_ephemeral_spec) {
    enum { LONG = 64 };
    char *name = PyMem_Malloc(LONG), *doc = PyMem_Malloc(LONG);
    PyMemberDef *members = PyMem_Calloc(2, sizeof *members);
    PyType_Slot *slots = PyMem_Calloc(3, sizeof *slots);
    PyType_Spec *spec = PyMem_Calloc(1, sizeof *spec);
    HOLDS(name && doc && members && slots && spec);
    strcpy(name, "_testcapi.Short");
    strcpy(doc, "Its own words.");
    members[0] = (PyMemberDef){"field", Py_T_INT, sizeof(PyObject), Py_READONLY, NULL};
    slots[0] = (PyType_Slot){Py_tp_doc, doc};
    slots[1] = (PyType_Slot){Py_tp_members, members};
    *spec = (PyType_Spec){name, sizeof(PyObject) + sizeof(PyObject *), 0, Py_TPFLAGS_DEFAULT, slots};
    PyObject *type = PyType_FromSpec(spec);
    memset(name, '?', LONG);
    memset(doc, '?', LONG);
    memset(members, '?', 2 * sizeof *members);
    memset(slots, '?', 3 * sizeof *slots);
    memset(spec, '?', sizeof *spec);
    PyMem_Free(name);
    PyMem_Free(doc);
    PyMem_Free(members);
    PyMem_Free(slots);
    PyMem_Free(spec);
    HOLDS(type != NULL && strcmp(((PyTypeObject *)type)->tp_name, "_testcapi.Short") == 0);
    PyObject *shown = PyObject_GetAttrString(type, "__doc__"), *object = PyObject_CallNoArgs(type);
    HOLDS(shown != NULL && PyUnicode_EqualToUTF8(shown, "Its own words."));
    PyObject *field = object ? PyObject_GetAttrString(object, "field") : NULL;
    HOLDS(field != NULL && PyLong_AsLong(field) == 0);
    Py_DECREF(field);
    Py_DECREF(object);
    Py_DECREF(shown);
    Py_DECREF(type);
    Py_RETURN_NONE;
}

/* ---- allocators */

typedef struct {
    PyMemAllocatorEx below;
    size_t asked, given_back;
    void *last;
} Counting;

static void *counted_malloc(void *context, size_t size) {
    Counting *counting = context;
    counting->asked = size;
    return counting->last = counting->below.malloc(counting->below.ctx, size);
}
static void *counted_calloc(void *context, size_t count, size_t size) {
    Counting *counting = context;
    counting->asked = count * size;
    return counting->last = counting->below.calloc(counting->below.ctx, count, size);
}
static void *counted_realloc(void *context, void *block, size_t size) {
    Counting *counting = context;
    counting->asked = size;
    return counting->last = counting->below.realloc(counting->below.ctx, block, size);
}
static void counted_free(void *context, void *block) {
    Counting *counting = context;
    counting->given_back++;
    counting->last = block;
    counting->below.free(counting->below.ctx, block);
}

/* What goes through a domain reaches the functions that were set for it. */
#define ALLOCATORS(NAME, DOMAIN, PREFIX)                                                                             \
    TEST(NAME) {                                                                                                     \
        Counting counting = {0};                                                                                     \
        PyMemAllocatorEx own = {&counting, counted_malloc, counted_calloc, counted_realloc, counted_free}, now;      \
        PyMem_GetAllocator(DOMAIN, &counting.below);                                                                 \
        PyMem_SetAllocator(DOMAIN, &own);                                                                            \
        PyMem_GetAllocator(DOMAIN, &now);                                                                            \
        int good = now.ctx == &counting && now.malloc == counted_malloc;                                             \
        void *block = PREFIX##Malloc(42);                                                                           \
        good = good && counting.asked == 42 && counting.last == block;                                               \
        block = PREFIX##Realloc(block, 200);                                                                        \
        good = good && counting.asked == 200 && counting.last == block;                                              \
        size_t before = counting.given_back;                                                                         \
        PREFIX##Free(block);                                                                                        \
        good = good && counting.given_back == before + 1 && counting.last == block;                                  \
        block = PREFIX##Calloc(3, 7);                                                                               \
        good = good && counting.asked == 21 && counting.last == block && ((char *)block)[20] == 0;                   \
        PREFIX##Free(block);                                                                                        \
        PyMem_SetAllocator(DOMAIN, &counting.below);                                                                 \
        HOLDS(good);                                                                                                 \
        Py_RETURN_NONE;                                                                                              \
    }
ALLOCATORS(test_pymem_setrawallocators, PYMEM_DOMAIN_RAW, PyMem_Raw)
ALLOCATORS(test_pymem_setallocators, PYMEM_DOMAIN_MEM, PyMem_)
ALLOCATORS(test_pyobject_setallocators, PYMEM_DOMAIN_OBJ, PyObject_)

/* ---- buffers */

/* Strides and suboffsets decide where each item of contiguous data goes. */
TEST(test_from_contiguous) {
    int data[9] = {-1, -1, -1, -1, -1, -1, -1, -1, -1}, source[5] = {0, 1, 2, 3, 4};
    Py_ssize_t size = sizeof(int), shape = 5, stride = 2 * size;
    Py_buffer view = {data, NULL, 5 * size, size, 0, 1, NULL, &shape, &stride, NULL, NULL};
    HOLDS(PyBuffer_FromContiguous(&view, source, view.len, 'C') == 0);
    for (int i = 0; i < 9; i++)
        HOLDS(data[i] == (i % 2 ? -1 : i / 2));
    memset(data, -1, sizeof data);
    view.buf = &data[8];
    stride = -2 * size;
    HOLDS(PyBuffer_FromContiguous(&view, source, view.len, 'C') == 0);
    for (int i = 0; i < 9; i++)
        HOLDS(data[i] == (i % 2 ? -1 : 4 - i / 2));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    ENTRY(test_incref_doesnt_leak) ENTRY(test_decref_doesnt_leak) ENTRY(test_xincref_doesnt_leak)
    ENTRY(test_xdecref_doesnt_leak) ENTRY(test_reftracer) ENTRY(test_bytes_resize_tracer) ENTRY(test_code_api)
    ENTRY(test_code_extra) ENTRY(test_atexit) ENTRY(test_capsule) ENTRY(test_gc_visit_objects_frozen)
    ENTRY(test_lazy_hash_inheritance) ENTRY(test_pyobject_new) ENTRY(test_set_type_size)
    ENTRY(test_type_from_ephemeral_spec) ENTRY(test_pymem_setrawallocators) ENTRY(test_pymem_setallocators)
    ENTRY(test_pyobject_setallocators) ENTRY(test_from_contiguous)
    {NULL, NULL, 0, NULL},
};

int add_moretests(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
