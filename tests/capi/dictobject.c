#include "check.h"

static PyObject *events;
static int watch(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value) {
    PyObject *entry = Py_BuildValue("(iOO)", (int)event, key ? key : Py_None, value ? value : Py_None);
    int failed = entry == NULL || PyList_Append(events, entry) < 0;
    Py_XDECREF(entry);
    (void)dict;
    return failed ? -1 : 0;
}

static void items(void) {
    PyObject *dict = PyDict_New(), *key = PyUnicode_FromString("key"), *value = fresh(), *found = NULL, *list = PyList_New(0);
    CHECK(dict && PyDict_CheckExact(dict) && PyDict_Size(dict) == 0);
    CHECK(PyDict_SetItem(dict, key, value) == 0 && Py_REFCNT(value) == 2);
    CHECK(PyDict_SetItemString(dict, "other", value) == 0 && PyDict_GET_SIZE(dict) == 2);
    RAISES(PyDict_SetItem(dict, list, value), -1, PyExc_TypeError, NULL);
    RAISES(PyDict_SetItem(value, key, value), -1, PyExc_SystemError, NULL);

    /* Borrowed, new, and without an error for what is missing. */
    CHECK(PyDict_GetItem(dict, key) == value && PyDict_GetItemWithError(dict, key) == value);
    CHECK(PyDict_GetItemString(dict, "missing") == NULL && !PyErr_Occurred());
    CHECK(PyDict_GetItemRef(dict, key, &found) == 1 && found == value && Py_REFCNT(value) == 4);
    Py_DECREF(found);
    CHECK(PyDict_GetItemStringRef(dict, "missing", &found) == 0 && found == NULL);
    RAISES(PyDict_GetItemRef(dict, list, &found), -1, PyExc_TypeError, NULL);
    RAISES(PyDict_GetItemWithError(dict, list), NULL, PyExc_TypeError, NULL);
    CHECK(PyDict_Contains(dict, key) == 1 && PyDict_ContainsString(dict, "missing") == 0);
    RAISES(PyDict_Contains(dict, list), -1, PyExc_TypeError, NULL);

    CHECK(PyDict_DelItem(dict, key) == 0 && Py_REFCNT(value) == 2);
    RAISES(PyDict_DelItem(dict, key), -1, PyExc_KeyError, "'key'");
    RAISES(PyDict_DelItemString(dict, "missing"), -1, PyExc_KeyError, "'missing'");
    CHECK(PyDict_SetDefault(dict, key, value) == value && Py_REFCNT(value) == 3);
    CHECK(PyDict_SetDefaultRef(dict, key, Py_None, &found) == 1 && found == value && Py_REFCNT(value) == 4);
    Py_CLEAR(found);
    CHECK(PyDict_Pop(dict, key, &found) == 1 && found == value && PyDict_Pop(dict, key, &found) == 0 && found == NULL);
    Py_DECREF(value);
    CHECK(PyDict_PopString(dict, "other", NULL) == 1 && PyDict_PopString(dict, "other", NULL) == 0);
    CHECK(Py_REFCNT(value) == 1);
    RAISES(PyDict_Size(list), -1, PyExc_SystemError, NULL);
    Py_DECREF(dict);
    Py_DECREF(key);
    Py_DECREF(value);
    Py_DECREF(list);
}

static void whole(void) {
    PyObject *dict = eval("{'a': 1, 'b': 2}"), *other = eval("{'b': 3, 'c': 4}"), *seen = PyList_New(0);
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value))
        CHECK(PyList_Append(seen, key) == 0 && PyLong_Check(value));
    CHECK(holds("x == ['a', 'b']", seen));
    PyObject *copy = PyDict_Copy(dict);
    CHECK(copy != dict && PyDict_Merge(copy, other, 0) == 0 && holds("x == {'a': 1, 'b': 2, 'c': 4}", copy));
    CHECK(PyDict_Update(copy, other) == 0 && holds("x == {'a': 1, 'b': 3, 'c': 4}", copy));
    RAISES(PyDict_Update(copy, Py_None), -1, PyExc_AttributeError, NULL);
    PyObject *pairs = eval("[('z', 1), ('a', 9)]"), *bad = eval("[(1, 2, 3)]");
    CHECK(PyDict_MergeFromSeq2(copy, pairs, 0) == 0 && holds("x['z'] == 1 and x['a'] == 1", copy));
    RAISES(PyDict_MergeFromSeq2(copy, bad, 1), -1, PyExc_ValueError,
           "dictionary update sequence element #0 has length 3; 2 is required");
    PyObject *keys = PyDict_Keys(dict), *values = PyDict_Values(dict), *pairs_of = PyDict_Items(dict);
    CHECK(holds("x == ['a', 'b']", keys) && holds("x == [1, 2]", values) && holds("x == [('a', 1), ('b', 2)]", pairs_of));
    RAISES(PyDict_Keys(seen), NULL, PyExc_SystemError, NULL);
    RAISES(PyDict_Copy(seen), NULL, PyExc_SystemError, NULL);
    PyDict_Clear(copy);
    CHECK(PyDict_Size(copy) == 0);
    PyObject *proxy = PyDictProxy_New(dict);
    CHECK(holds("x['a'] == 1 and type(x).__name__ == 'mappingproxy'", proxy));
    RAISES(PyDictProxy_New(seen), NULL, PyExc_TypeError, "mappingproxy() argument must be a mapping, not list");
    PyObject *all[] = {dict, other, seen, copy, pairs, bad, keys, values, pairs_of, proxy};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(all); i++)
        Py_XDECREF(all[i]);
}

static void watchers(void) {
    events = PyList_New(0);
    PyObject *dict = PyDict_New();
    int id = PyDict_AddWatcher(watch);
    CHECK(id >= 0 && PyDict_Watch(id, dict) == 0);
    CHECK(PyDict_SetItemString(dict, "k", Py_True) == 0 && PyDict_SetItemString(dict, "k", Py_False) == 0);
    CHECK(PyDict_DelItemString(dict, "k") == 0);
    PyDict_Clear(dict);
    CHECK(holds("x[:3] == [(0, 'k', True), (1, 'k', False), (2, 'k', None)]", events));
    CHECK(PyDict_Unwatch(id, dict) == 0 && PyDict_SetItemString(dict, "k", Py_True) == 0);
    Py_ssize_t count = PyList_GET_SIZE(events);
    CHECK(PyDict_Watch(id, dict) == 0);
    Py_DECREF(dict);
    CHECK(PyList_GET_SIZE(events) == count + 1 && holds("x[-1][0] == 5", events));
    RAISES(PyDict_Watch(id, events), -1, PyExc_ValueError, "Cannot watch non-dictionary");
    CHECK(PyDict_ClearWatcher(id) == 0);
    RAISES(PyDict_ClearWatcher(id), -1, PyExc_ValueError, NULL);
    RAISES(PyDict_Watch(99, events), -1, PyExc_ValueError, NULL);
    Py_CLEAR(events);
}

static void test(void) {
    items();
    whole();
    watchers();
}
