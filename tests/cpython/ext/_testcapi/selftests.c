/* Tests in C of macros and functions that Python code cannot reach. */
#include "parts.h"
#include "../selftests.h"

#include <structmember.h>

/* A fresh object that can be counted. */
static PyObject *fresh(void) {
    return PyList_New(0);
}

TEST(test_list_api) {
    PyObject *list = PyList_New(30);
    HOLDS(list != NULL);
    for (Py_ssize_t i = 0; i < 30; i++)
        HOLDS(PyList_SetItem(list, i, PyLong_FromSsize_t(i)) == 0);
    HOLDS(PyList_Reverse(list) == 0);
    for (Py_ssize_t i = 0; i < 30; i++)
        HOLDS(PyLong_AsSsize_t(PyList_GET_ITEM(list, i)) == 29 - i);
    Py_DECREF(list);
    Py_RETURN_NONE;
}

TEST(test_dict_iteration) {
    for (int size = 0; size < 50; size++) {
        PyObject *dict = PyDict_New(), *key, *value;
        for (int i = 0; i < size; i++) {
            PyObject *number = PyLong_FromLong(i);
            HOLDS(PyDict_SetItem(dict, number, number) == 0);
            Py_DECREF(number);
        }
        Py_ssize_t at = 0;
        int seen = 0;
        while (PyDict_Next(dict, &at, &key, &value))
            seen += key == value;
        HOLDS(seen == size);
        Py_DECREF(dict);
    }
    Py_RETURN_NONE;
}

TEST(test_refcount_macros) {
    PyObject *object = fresh();
    HOLDS(Py_NewRef(object) == object && Py_REFCNT(object) == 2);
    HOLDS(Py_XNewRef(object) == object && Py_REFCNT(object) == 3);
    HOLDS(Py_XNewRef(NULL) == NULL);
    Py_DECREF(object);
    Py_XDECREF(object);
    HOLDS(Py_REFCNT(object) == 1);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_refcount_funcs) {
    PyObject *object = fresh();
    HOLDS((Py_NewRef)(object) == object && (Py_REFCNT)(object) == 2);
    HOLDS((Py_XNewRef)(object) == object && (Py_REFCNT)(object) == 3);
    HOLDS((Py_XNewRef)(NULL) == NULL);
    (Py_DecRef)(object);
    (Py_DecRef)(object);
    HOLDS((Py_REFCNT)(object) == 1);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_incref_decref_API) {
    PyObject *object = fresh();
    Py_IncRef(object);
    HOLDS(Py_REFCNT(object) == 2);
    Py_DecRef(object);
    Py_DecRef(object);
    Py_IncRef(NULL);
    Py_DecRef(NULL);
    Py_RETURN_NONE;
}

TEST(test_py_clear) {
    PyObject *object = fresh(), *other = Py_NewRef(object);
    Py_CLEAR(other);
    HOLDS(other == NULL && Py_REFCNT(object) == 1);
    /* The argument is evaluated once. */
    PyObject *items[2] = {object, NULL}, **at = items;
    Py_CLEAR(*at++);
    HOLDS(items[0] == NULL && at == items + 1);
    Py_RETURN_NONE;
}

TEST(test_py_setref) {
    PyObject *object = fresh(), *held = Py_NewRef(object);
    Py_SETREF(held, NULL);
    HOLDS(held == NULL && Py_REFCNT(object) == 1);
    Py_XSETREF(held, Py_NewRef(object));
    HOLDS(held == object && Py_REFCNT(object) == 2);
    Py_XSETREF(held, NULL);
    HOLDS(Py_REFCNT(object) == 1);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_py_is_macros) {
    PyObject *object = fresh();
    HOLDS(Py_Is(object, object) && !Py_Is(object, Py_None) && Py_IsNone(Py_None) && !Py_IsNone(object));
    HOLDS(Py_IsTrue(Py_True) && !Py_IsTrue(Py_False) && Py_IsFalse(Py_False) && !Py_IsFalse(object));
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_py_is_funcs) {
    PyObject *object = fresh();
    HOLDS((Py_Is)(object, object) && !(Py_Is)(object, Py_None) && (Py_IsNone)(Py_None) && !(Py_IsNone)(object));
    HOLDS((Py_IsTrue)(Py_True) && !(Py_IsTrue)(Py_False) && (Py_IsFalse)(Py_False) && !(Py_IsFalse)(object));
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_macros) {
    HOLDS(Py_MIN(5, 11) == 5 && Py_MAX(5, 11) == 11 && Py_ABS(-5) == 5);
    int array[] = {1, 2, 3};
    HOLDS(Py_ARRAY_LENGTH(array) == 3 && sizeof(Py_STRINGIFY(123)) == 4);
    HOLDS(Py_MEMBER_SIZE(PyTypeObject, tp_name) == sizeof(char *) && Py_CHARMASK('a') == 'a');
    Py_BUILD_ASSERT(sizeof(int) == 4);
    Py_RETURN_NONE;
}

TEST(test_sizeof_c_types) {
    HOLDS(SIZEOF_SHORT == sizeof(short) && SIZEOF_INT == sizeof(int) && SIZEOF_LONG == sizeof(long));
    HOLDS(SIZEOF_LONG_LONG == sizeof(long long) && SIZEOF_SIZE_T == sizeof(size_t) && SIZEOF_VOID_P == sizeof(void *));
    HOLDS(sizeof(Py_ssize_t) == sizeof(size_t) && sizeof(Py_hash_t) == sizeof(Py_ssize_t) && sizeof(Py_UCS4) == 4);
    HOLDS((Py_ssize_t)-1 < 0 && (Py_UCS4)-1 > 0 && (Py_uhash_t)-1 > 0);
    Py_RETURN_NONE;
}

TEST(test_gc_control) {
    int before = PyGC_IsEnabled();
    HOLDS(PyGC_Enable() == before && PyGC_IsEnabled());
    HOLDS(PyGC_Disable() == 1 && !PyGC_IsEnabled());
    HOLDS(PyGC_Enable() == 0 && PyGC_IsEnabled());
    if (!before)
        PyGC_Disable();
    Py_RETURN_NONE;
}

typedef struct {
    PyObject *wanted;
    int found, seen;
} Search;

static int look(PyObject *object, void *arg) {
    Search *search = arg;
    search->seen++;
    search->found += object == search->wanted;
    return 1;
}

static int look_once(PyObject *object, void *arg) {
    ((Search *)arg)->seen++;
    return 0;
}

TEST(test_gc_visit_objects_basic) {
    Search search = {fresh(), 0, 0};
    PyUnstable_GC_VisitObjects(look, &search);
    Py_DECREF(search.wanted);
    HOLDS(search.found == 1 && search.seen > 1);
    Py_RETURN_NONE;
}

TEST(test_gc_visit_objects_exit_early) {
    Search search = {NULL, 0, 0};
    PyUnstable_GC_VisitObjects(look_once, &search);
    HOLDS(search.seen == 1);
    Py_RETURN_NONE;
}

TEST(test_get_statictype_slots) {
    HOLDS(PyType_GetSlot(&PyLong_Type, Py_tp_new) == (void *)PyLong_Type.tp_new);
    HOLDS(PyType_GetSlot(&PyLong_Type, Py_tp_call) == NULL && !PyErr_Occurred());
    HOLDS(PyType_GetSlot(&PyLong_Type, 0) == NULL && PyErr_ExceptionMatches(PyExc_SystemError));
    PyErr_Clear();
    Py_RETURN_NONE;
}

TEST(test_get_type_dict) {
    PyObject *dict = PyType_GetDict(&PyLong_Type);
    HOLDS(dict != NULL && PyDict_Check(dict) && PyDict_ContainsString(dict, "bit_length") == 1);
    Py_DECREF(dict);
    Py_RETURN_NONE;
}

TEST(test_tstate_capi) {
    PyThreadState *state = PyThreadState_Get();
    HOLDS(state != NULL && PyThreadState_GetUnchecked() == state && PyGILState_GetThisThreadState() == state);
    PyObject *dict = PyThreadState_GetDict();
    HOLDS(dict != NULL && PyDict_Check(dict));
    HOLDS(PyThreadState_GetInterpreter(state) == PyInterpreterState_Get() && PyThreadState_GetID(state) >= 1);
    PyFrameObject *frame = PyThreadState_GetFrame(state);
    HOLDS(frame != NULL && PyFrame_Check(frame));
    Py_DECREF(frame);
    Py_RETURN_NONE;
}

TEST(test_critical_sections) {
    PyObject *a = fresh(), *b = fresh();
    Py_BEGIN_CRITICAL_SECTION(a);
    Py_END_CRITICAL_SECTION();
    Py_BEGIN_CRITICAL_SECTION2(a, b);
    Py_END_CRITICAL_SECTION2();
    Py_DECREF(a);
    Py_DECREF(b);
    Py_RETURN_NONE;
}

TEST(test_weakref_capi) {
    PyObject *set = PySet_New(NULL), *found, *reference = PyWeakref_NewRef(set, NULL);
    HOLDS(reference != NULL && Py_REFCNT(set) == 1 && PyWeakref_GetRef(reference, &found) == 1 && found == set);
    Py_DECREF(found);
    Py_DECREF(set);
    HOLDS(PyWeakref_GetRef(reference, &found) == 0 && found == NULL && PyWeakref_IsDead(reference) == 1);
    Py_DECREF(reference);
    HOLDS(PyWeakref_GetRef(NULL, &found) == -1 && PyErr_ExceptionMatches(PyExc_SystemError));
    PyErr_Clear();
    Py_RETURN_NONE;
}

TEST(test_buildvalue_N) {
    PyObject *object = fresh();
    PyObject *same = Py_BuildValue("N", Py_NewRef(object));
    HOLDS(same == object && Py_REFCNT(object) == 2);
    Py_DECREF(same);
    PyObject *tuple = Py_BuildValue("(iN)", 1, Py_NewRef(object));
    HOLDS(tuple != NULL && Py_REFCNT(object) == 2);
    Py_DECREF(tuple);
    HOLDS(Py_REFCNT(object) == 1);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_buildvalue_p) {
    PyObject *yes = Py_BuildValue("p", 3), *no = Py_BuildValue("p", 0);
    HOLDS(yes == Py_True && no == Py_False);
    Py_RETURN_NONE;
}

TEST(test_string_to_double) {
    HOLDS(PyOS_string_to_double("0.1", NULL, NULL) == 0.1 && PyOS_string_to_double("-1.5e3", NULL, NULL) == -1500);
    char *end;
    const char *text = "2.5rest";
    HOLDS(PyOS_string_to_double(text, &end, NULL) == 2.5 && end == text + 3);
    HOLDS(PyOS_string_to_double("x", NULL, NULL) == -1 && PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    HOLDS(PyOS_string_to_double("1e999", NULL, PyExc_OverflowError) == -1 && PyErr_ExceptionMatches(PyExc_OverflowError));
    PyErr_Clear();
    Py_RETURN_NONE;
}

TEST(test_immortal_small_ints) {
    for (long i = -5; i <= 256; i++) {
        PyObject *number = PyLong_FromLong(i);
        HOLDS(PyUnstable_IsImmortal(number) && PyUnstable_Long_IsCompact((PyLongObject *)number));
        Py_DECREF(number);
    }
    Py_RETURN_NONE;
}

TEST(test_immortal_builtins) {
    PyObject *objects[] = {Py_True, Py_False, Py_None, Py_Ellipsis};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(objects); i++) {
        Py_ssize_t before = Py_REFCNT(objects[i]);
        Py_INCREF(objects[i]);
        HOLDS(PyUnstable_IsImmortal(objects[i]) && Py_REFCNT(objects[i]) == before);
    }
    Py_RETURN_NONE;
}

TEST(test_structseq_newtype_doesnt_leak) {
    PyStructSequence_Field fields[] = {{"field", NULL}, {NULL, NULL}};
    PyStructSequence_Desc desc = {"_testcapi.sequence", "One field.", fields, 1};
    PyTypeObject *type = PyStructSequence_NewType(&desc);
    HOLDS(type != NULL && PyType_Check(type) && PyType_FastSubclass(type, Py_TPFLAGS_TUPLE_SUBCLASS));
    Py_DECREF(type);
    Py_RETURN_NONE;
}

TEST(test_structseq_newtype_null_descr_doc) {
    PyStructSequence_Field fields[] = {{NULL, NULL}};
    PyStructSequence_Desc desc = {"_testcapi.nothing", NULL, fields, 0};
    PyTypeObject *type = PyStructSequence_NewType(&desc);
    HOLDS(type != NULL && PyType_Check(type));
    Py_DECREF(type);
    Py_RETURN_NONE;
}

TEST(test_py_try_inc_ref) {
    PyObject *object = fresh();
    PyUnstable_EnableTryIncRef(object);
    HOLDS(PyUnstable_TryIncRef(object) == 1 && Py_REFCNT(object) == 2);
    Py_DECREF(object);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

TEST(test_pythread_tss_key_state) {
    Py_tss_t key = Py_tss_NEEDS_INIT;
    HOLDS(!PyThread_tss_is_created(&key) && PyThread_tss_create(&key) == 0 && PyThread_tss_is_created(&key));
    HOLDS(PyThread_tss_create(&key) == 0 && PyThread_tss_set(&key, &key) == 0 && PyThread_tss_get(&key) == &key);
    PyThread_tss_delete(&key);
    HOLDS(!PyThread_tss_is_created(&key));
    Py_tss_t *made = PyThread_tss_alloc();
    HOLDS(made != NULL && !PyThread_tss_is_created(made));
    PyThread_tss_free(made);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    ENTRY(test_list_api) ENTRY(test_dict_iteration) ENTRY(test_refcount_macros) ENTRY(test_refcount_funcs)
    ENTRY(test_incref_decref_API) ENTRY(test_py_clear) ENTRY(test_py_setref) ENTRY(test_py_is_macros)
    ENTRY(test_py_is_funcs) ENTRY(test_macros) ENTRY(test_sizeof_c_types) ENTRY(test_gc_control)
    ENTRY(test_gc_visit_objects_basic) ENTRY(test_gc_visit_objects_exit_early) ENTRY(test_get_statictype_slots)
    ENTRY(test_get_type_dict) ENTRY(test_tstate_capi) ENTRY(test_critical_sections) ENTRY(test_weakref_capi)
    ENTRY(test_buildvalue_N) ENTRY(test_buildvalue_p) ENTRY(test_string_to_double) ENTRY(test_immortal_small_ints)
    ENTRY(test_immortal_builtins) ENTRY(test_structseq_newtype_doesnt_leak)
    ENTRY(test_structseq_newtype_null_descr_doc) ENTRY(test_py_try_inc_ref) ENTRY(test_pythread_tss_key_state)
    {NULL, NULL, 0, NULL},
};

int add_selftests(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
