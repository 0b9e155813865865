/* Lists, tuples, dicts, sets, slices. */
#include "parts.h"

static PyObject *next_of(PyObject *dict, Py_ssize_t at) {
    PyObject *key = NULL, *value = NULL;
    if (!PyDict_Next(dict, &at, &key, &value))
        return NOTHING(0);
    return Py_BuildValue("inOO", 1, at, key, value);
}

/* A copy of a tuple with one item replaced. */
static PyObject *tuple_with(PyObject *tuple, Py_ssize_t at, PyObject *item) {
    PyObject *copy = NULL;
    if (PyTuple_CheckExact(tuple)) {
        Py_ssize_t size = PyTuple_Size(tuple);
        copy = PyTuple_New(size);
        for (Py_ssize_t i = 0; copy != NULL && i < size; i++)
            PyTuple_SetItem(copy, i, Py_XNewRef(PyTuple_GetItem(tuple, i)));
    } else {
        copy = Py_NewRef(tuple);
    }
    if (copy != NULL && PyTuple_SetItem(copy, at, Py_XNewRef(item)) < 0)
        Py_CLEAR(copy);
    return copy;
}

static PyObject *pack(Py_ssize_t size, PyObject *a, PyObject *b) {
    switch (size) {
    case 0:
        return PyTuple_Pack(0);
    case 1:
        return PyTuple_Pack(1, a);
    case 2:
        return PyTuple_Pack(2, a, b);
    default:
        /* There are no more: the size itself has to be refused. */
        return PyTuple_Pack(size, a, b);
    }
}

static PyObject *sized(Py_ssize_t size, PyObject *(*make)(Py_ssize_t)) {
    return PyErr_Occurred() ? NULL : make(size);
}

static PyObject *getindices(PyObject *slice, Py_ssize_t length) {
    Py_ssize_t start = -2, stop = -2, step = -2;
    int failed = PySlice_GetIndices(slice, length, &start, &stop, &step);
    if (failed < 0)
        return PyErr_Occurred() ? NULL : NOTHING(0);
    return Py_BuildValue("nnn", start, stop, step);
}

static PyObject *unpack(PyObject *slice) {
    Py_ssize_t start, stop, step;
    return PySlice_Unpack(slice, &start, &stop, &step) < 0 ? NULL : Py_BuildValue("nnn", start, stop, step);
}

static PyObject *adjust(Py_ssize_t length, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step) {
    Py_ssize_t count = PySlice_AdjustIndices(length, &start, &stop, step);
    return Py_BuildValue("nnn", count, start, stop);
}

static PyObject *indices_by_macro(PyObject *slice, Py_ssize_t length) {
    Py_ssize_t start, stop, step, count;
    return PySlice_GetIndicesEx(slice, length, &start, &stop, &step, &count) < 0
               ? NULL
               : Py_BuildValue("nnnn", start, stop, step, count);
}

static PyObject *indices_of_sequence_by_macro(PyObject *slice, PyObject *sequence) {
    Py_ssize_t start, stop, step, count;
    return PySlice_GetIndicesEx(slice, PySequence_Size(sequence), &start, &stop, &step, &count) < 0
               ? NULL
               : Py_BuildValue("nnnn", start, stop, step, count);
}

/* The function, which the macro hides. */
#undef PySlice_GetIndicesEx
_Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
PyAPI_FUNC(int) PySlice_GetIndicesEx(PyObject *, Py_ssize_t, Py_ssize_t *, Py_ssize_t *, Py_ssize_t *, Py_ssize_t *);

static PyObject *indices_by_function(PyObject *slice, Py_ssize_t length) {
    Py_ssize_t start, stop, step, count;
    return PySlice_GetIndicesEx(slice, length, &start, &stop, &step, &count) < 0
               ? NULL
               : Py_BuildValue("nnnn", start, stop, step, count);
}

static PyObject *indices_of_sequence_by_function(PyObject *slice, PyObject *sequence) {
    return indices_by_function(slice, PySequence_Size(sequence));
}

#define FUNCTIONS(ONE, MANY)                                                                                   \
    ONE(list_check, NUMBER(PyList_Check(a)))                                                                   \
    ONE(list_check_exact, NUMBER(PyList_CheckExact(a)))                                                        \
    ONE(list_new, sized(as_size(a), PyList_New))                                                               \
    ONE(list_size, SIZE(PyList_Size(a)))                                                                       \
    MANY(list_getitem, LENT(PyList_GetItem(a, n)), "O&n", A, &n)                                               \
    MANY(list_get_item_ref, PyList_GetItemRef(a, n), "O&n", A, &n)                                             \
    MANY(list_setitem, NUMBER(PyList_SetItem(a, n, Py_XNewRef(b))), "O&nO&", A, &n, B)                         \
    MANY(list_insert, NUMBER(PyList_Insert(a, n, b)), "O&nO&", A, &n, B)                                       \
    MANY(list_append, NUMBER(PyList_Append(a, b)), "O&O&", A, B)                                               \
    MANY(list_getslice, PyList_GetSlice(a, m, n), "O&nn", A, &m, &n)                                           \
    MANY(list_setslice, NUMBER(PyList_SetSlice(a, m, n, b)), "O&nnO&", A, &m, &n, B)                           \
    ONE(list_sort, NUMBER(PyList_Sort(a)))                                                                     \
    ONE(list_reverse, NUMBER(PyList_Reverse(a)))                                                               \
    ONE(list_astuple, PyList_AsTuple(a))                                                                       \
    ONE(tuple_check, NUMBER(PyTuple_Check(a)))                                                                 \
    ONE(tuple_checkexact, NUMBER(PyTuple_CheckExact(a)))                                                       \
    ONE(tuple_new, sized(as_size(a), PyTuple_New))                                                             \
    MANY(tuple_pack, pack(n, a, b), "n|OO", &n, &a, &b)                                                        \
    ONE(tuple_size, SIZE(PyTuple_Size(a)))                                                                     \
    MANY(tuple_getitem, LENT(PyTuple_GetItem(a, n)), "O&n", A, &n)                                             \
    MANY(tuple_getslice, PyTuple_GetSlice(a, m, n), "O&nn", A, &m, &n)                                         \
    MANY(tuple_setitem, tuple_with(a, n, b), "O&nO&", A, &n, B)                                                \
    ONE(dict_check, NUMBER(PyDict_Check(a)))                                                                   \
    ONE(dict_checkexact, NUMBER(PyDict_CheckExact(a)))                                                         \
    MANY(dict_new, PyDict_New(), "")                                                                           \
    ONE(dictproxy_new, PyDictProxy_New(a))                                                                     \
    ONE(dict_clear, (PyDict_Clear(a), NOTHING(0)))                                                             \
    ONE(dict_copy, PyDict_Copy(a))                                                                             \
    MANY(dict_contains, NUMBER(PyDict_Contains(a, b)), "O&O&", A, B)                                           \
    ONE(dict_size, SIZE(PyDict_Size(a)))                                                                       \
    MANY(dict_getitem, FOUND(LENT(PyDict_GetItem(a, b)), PyExc_KeyError), "O&O&", A, B)                        \
    MANY(dict_getitemwitherror, FOUND(LENT(PyDict_GetItemWithError(a, b)), PyExc_KeyError), "O&O&", A, B)      \
    MANY(dict_getitemstring, FOUND(LENT(PyDict_GetItemString(a, s)), PyExc_KeyError), "O&z#", A, &s, &s_size)  \
    MANY(dict_setitem, NUMBER(PyDict_SetItem(a, b, c)), "O&O&O&", A, B, C)                                     \
    MANY(dict_setitemstring, NUMBER(PyDict_SetItemString(a, s, b)), "O&z#O&", A, &s, &s_size, B)               \
    MANY(dict_delitem, NUMBER(PyDict_DelItem(a, b)), "O&O&", A, B)                                             \
    MANY(dict_delitemstring, NUMBER(PyDict_DelItemString(a, s)), "O&z#", A, &s, &s_size)                       \
    ONE(dict_keys, PyDict_Keys(a))                                                                             \
    ONE(dict_values, PyDict_Values(a))                                                                         \
    ONE(dict_items, PyDict_Items(a))                                                                           \
    MANY(dict_next, next_of(a, n), "O&n", A, &n)                                                               \
    MANY(dict_merge, NUMBER(PyDict_Merge(a, b, i)), "O&O&i", A, B, &i)                                         \
    MANY(dict_update, NUMBER(PyDict_Update(a, b)), "O&O&", A, B)                                               \
    MANY(dict_mergefromseq2, NUMBER(PyDict_MergeFromSeq2(a, b, i)), "O&O&i", A, B, &i)                         \
    ONE(set_check, NUMBER(PySet_Check(a)))                                                                     \
    ONE(set_checkexact, NUMBER(PySet_CheckExact(a)))                                                           \
    ONE(frozenset_check, NUMBER(PyFrozenSet_Check(a)))                                                         \
    ONE(frozenset_checkexact, NUMBER(PyFrozenSet_CheckExact(a)))                                               \
    ONE(anyset_check, NUMBER(PyAnySet_Check(a)))                                                               \
    ONE(anyset_checkexact, NUMBER(PyAnySet_CheckExact(a)))                                                     \
    MANY(set_new, PySet_New(a), "|O&", A)                                                                      \
    MANY(frozenset_new, PyFrozenSet_New(a), "|O&", A)                                                          \
    ONE(set_size, SIZE(PySet_Size(a)))                                                                         \
    MANY(set_contains, NUMBER(PySet_Contains(a, b)), "O&O&", A, B)                                             \
    MANY(set_add, NUMBER(PySet_Add(a, b)), "O&O&", A, B)                                                       \
    MANY(set_discard, NUMBER(PySet_Discard(a, b)), "O&O&", A, B)                                               \
    ONE(set_pop, PySet_Pop(a))                                                                                 \
    ONE(set_clear, NUMBER(PySet_Clear(a)))                                                                     \
    ONE(slice_check, NUMBER(PySlice_Check(a)))                                                                 \
    MANY(slice_new, PySlice_New(a, b, c), "O&O&O&", A, B, C)                                                   \
    MANY(slice_getindices, getindices(a, n), "O&n", A, &n)                                                     \
    ONE(slice_unpack, unpack(a))                                                                               \
    MANY(slice_adjustindices, adjust(m, n, k, l), "nnnn", &m, &n, &k, &l)                            \
    MANY(slice_getindicesex_macro, indices_by_macro(a, n), "O&n", A, &n)                                       \
    MANY(slice_getindicesex_func, indices_by_function(a, n), "O&n", A, &n)                                     \
    MANY(slice_getindicesex_seq_macro, indices_of_sequence_by_macro(a, b), "O&O", A, &b)                       \
    MANY(slice_getindicesex_seq_func, indices_of_sequence_by_function(a, b), "O&O", A, &b)

PART(containers, FUNCTIONS)
