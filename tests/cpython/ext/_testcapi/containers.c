/* Containers, and lookups that may find nothing. */
#include "parts.h"
#include "../functions.h"

#include <string.h>

static PyObject *optional_attr(PyObject *o, PyObject *name) {
    PyObject *value = UNSET_OBJECT;
    int found = PyObject_GetOptionalAttr(o, name, &value);
    return OPTIONAL(found, value, PyExc_AttributeError);
}

static PyObject *optional_attr_string(PyObject *o, const char *name) {
    PyObject *value = UNSET_OBJECT;
    int found = PyObject_GetOptionalAttrString(o, name, &value);
    return OPTIONAL(found, value, PyExc_AttributeError);
}

static PyObject *optional_item(PyObject *o, PyObject *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyMapping_GetOptionalItem(o, key, &value);
    return OPTIONAL(found, value, PyExc_KeyError);
}

static PyObject *optional_item_string(PyObject *o, const char *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyMapping_GetOptionalItemString(o, key, &value);
    return OPTIONAL(found, value, PyExc_KeyError);
}

static PyObject *item_ref(PyObject *dict, PyObject *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyDict_GetItemRef(dict, key, &value);
    return OPTIONAL(found, value, PyExc_KeyError);
}

static PyObject *item_string_ref(PyObject *dict, const char *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyDict_GetItemStringRef(dict, key, &value);
    return OPTIONAL(found, value, PyExc_KeyError);
}

static PyObject *setdefault_ref(PyObject *dict, PyObject *key, PyObject *value) {
    PyObject *result = UNSET_OBJECT;
    return PyDict_SetDefaultRef(dict, key, value, &result) < 0 ? NULL : result;
}

/* What was found, with the value or None. */
static PyObject *popped(int found, PyObject *value) {
    if (found < 0)
        return NULL;
    return value ? Py_BuildValue("(iN)", found, value) : Py_BuildValue("(iO)", found, Py_None);
}

static PyObject *pop(PyObject *dict, PyObject *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyDict_Pop(dict, key, &value);
    return popped(found, value);
}

static PyObject *pop_string(PyObject *dict, const char *key) {
    PyObject *value = UNSET_OBJECT;
    int found = PyDict_PopString(dict, key, &value);
    return popped(found, value);
}

static PyObject *next_item(PyObject *iterator) {
    PyObject *item = UNSET_OBJECT;
    int found = PyIter_NextItem(iterator, &item);
    return OPTIONAL(found, item, Py_None);
}

/* A copy of a tuple, with an item replaced through the macro. */
static PyObject *tuple_with(PyObject *tuple, Py_ssize_t at, PyObject *item) {
    Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    PyObject *copy;
    if (!PyTuple_CheckExact(tuple)) {
        PyObject *old = PyTuple_GET_ITEM(tuple, at);
        PyTuple_SET_ITEM(tuple, at, Py_XNewRef(item));
        Py_XDECREF(old);
        return Py_NewRef(tuple);
    }
    copy = PyTuple_New(size);
    for (Py_ssize_t i = 0; copy != NULL && i < size; i++)
        PyTuple_SET_ITEM(copy, i, Py_XNewRef(i == at ? item : PyTuple_GET_ITEM(tuple, i)));
    return copy;
}

static PyObject *resized_tuple(PyObject *tuple, Py_ssize_t size, int fresh) {
    PyObject *place;
    if (fresh) {
        Py_ssize_t length = PyTuple_Size(tuple);
        place = PyTuple_New(length);
        for (Py_ssize_t i = 0; place != NULL && i < length; i++)
            PyTuple_SET_ITEM(place, i, Py_XNewRef(PyTuple_GET_ITEM(tuple, i)));
        if (place == NULL)
            return NULL;
    } else {
        place = Py_XNewRef(tuple);
    }
    return _PyTuple_Resize(&place, size) < 0 ? NULL : place;
}

static PyObject *set_item_of_list(PyObject *list, Py_ssize_t at, PyObject *item) {
    PyObject *old = PyList_GET_ITEM(list, at);
    PyList_SET_ITEM(list, at, Py_XNewRef(item));
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

/* (result, references to it, whether it is another object) */
static PyObject *resized_bytes(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"obj", "size", "new", "compute_hash", NULL};
    PyObject *object;
    Py_ssize_t size;
    int fresh, hashed = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "Onp|p", names, &object, &size, &fresh, &hashed))
        return NULL;
    PyObject *place = object;
    if (fresh && PyBytes_CheckExact(object)) {
        place = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(object));
        if (place == NULL)
            return NULL;
        memcpy(PyBytes_AS_STRING(place), PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
    } else {
        Py_INCREF(place);
    }
    if (hashed && PyObject_Hash(place) == -1) {
        Py_DECREF(place);
        return NULL;
    }
    PyObject *before = place;
    if (_PyBytes_Resize(&place, size) < 0)
        return NULL;
    Py_ssize_t count = Py_REFCNT(place);
    return Py_BuildValue("(Nni)", place, count, place != before);
}

static PyMethodDef with_keywords[] = {
    {"bytes_resize", FAST(resized_bytes), METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

#define FUNCTIONS(ONE, MANY)                                                                             \
    MANY(object_getoptionalattr, optional_attr(a, b), "O&O&", A, B)                                      \
    MANY(object_getoptionalattrstring, optional_attr_string(a, s), "O&z#", A, &s, &s_size)               \
    MANY(object_hasattrwitherror, NUMBER(PyObject_HasAttrWithError(a, b)), "O&O&", A, B)                 \
    MANY(object_hasattrstringwitherror, NUMBER(PyObject_HasAttrStringWithError(a, s)), "O&z#", A, &s, &s_size) \
    MANY(mapping_getoptionalitem, optional_item(a, b), "O&O&", A, B)                                     \
    MANY(mapping_getoptionalitemstring, optional_item_string(a, s), "O&z#", A, &s, &s_size)              \
    ONE(object_generichash, NUMBER(PyObject_GenericHash(a)))                                             \
    ONE(sequence_fast_get_size, SIZE(PySequence_Fast_GET_SIZE(a)))                                       \
    MANY(sequence_fast_get_item, LENT(PySequence_Fast_GET_ITEM(a, n)), "O&n", A, &n)                     \
    ONE(list_get_size, SIZE(PyList_GET_SIZE(a)))                                                         \
    MANY(list_get_item, LENT(PyList_GET_ITEM(a, n)), "O&n", A, &n)                                       \
    MANY(list_set_item, set_item_of_list(a, n, b), "O&nO&", A, &n, B)                                    \
    ONE(list_clear, NUMBER(PyList_Clear(a)))                                                             \
    MANY(list_extend, NUMBER(PyList_Extend(a, b)), "O&O&", A, B)                                         \
    ONE(tuple_get_size, SIZE(PyTuple_GET_SIZE(a)))                                                       \
    MANY(tuple_get_item, LENT(PyTuple_GET_ITEM(a, n)), "O&n", A, &n)                                     \
    MANY(tuple_set_item, tuple_with(a, n, b), "O&nO&", A, &n, B)                                         \
    MANY(_tuple_resize, resized_tuple(a, n, i), "On|p", &a, &n, (i = 1, &i))                             \
    MANY(_check_tuple_item_is_NULL, PyBool_FromLong(PyTuple_GET_ITEM(a, n) == NULL), "On", &a, &n)       \
    ONE(set_get_size, SIZE(PySet_GET_SIZE(a)))                                                           \
    MANY(dict_containsstring, NUMBER(PyDict_ContainsString(a, s)), "O&z#", A, &s, &s_size)               \
    MANY(dict_getitemref, item_ref(a, b), "O&O&", A, B)                                                  \
    MANY(dict_getitemstringref, item_string_ref(a, s), "O&z#", A, &s, &s_size)                           \
    MANY(dict_setdefault, LENT(PyDict_SetDefault(a, b, c)), "O&O&O&", A, B, C)                           \
    MANY(dict_setdefaultref, setdefault_ref(a, b, c), "O&O&O&", A, B, C)                                 \
    MANY(dict_pop, pop(a, b), "O&O&", A, B)                                                              \
    MANY(dict_pop_null, NUMBER(PyDict_Pop(a, b, NULL)), "O&O&", A, B)                                    \
    MANY(dict_popstring, pop_string(a, s), "O&z#", A, &s, &s_size)                                       \
    MANY(dict_popstring_null, NUMBER(PyDict_PopString(a, s, NULL)), "O&z#", A, &s, &s_size)              \
    MANY(bytes_join, PyBytes_Join(a, b), "O&O&", A, B)                                                   \
    ONE(PyIter_Next, FOUND(PyIter_Next(a), Py_None))                                                     \
    ONE(PyIter_NextItem, next_item(a))                                                                   \
    ONE(type_get_tp_bases, Py_XNewRef(((PyTypeObject *)a)->tp_bases))                                    \
    ONE(type_get_tp_mro, Py_XNewRef(((PyTypeObject *)a)->tp_mro))

PART(lookups, FUNCTIONS)

int add_containers(PyObject *module) {
    return PyModule_AddFunctions(module, with_keywords) < 0 ? -1 : add_lookups(module);
}
