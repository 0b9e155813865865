/* Watchers of dicts. */
#include "parts.h"

/* The events that were seen, as text; made with the first watcher and dropped with the last. */
static PyObject *events;
static int watchers;
static PyMutex lock;

static int note(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value) {
    PyObject *text;
    switch (event) {
    case PyDict_EVENT_ADDED: text = PyUnicode_FromFormat("new:%S:%S", key, value); break;
    case PyDict_EVENT_MODIFIED: text = PyUnicode_FromFormat("mod:%S:%S", key, value); break;
    case PyDict_EVENT_DELETED: text = PyUnicode_FromFormat("del:%S", key); break;
    case PyDict_EVENT_CLONED: text = PyUnicode_FromString("clone"); break;
    case PyDict_EVENT_CLEARED: text = PyUnicode_FromString("clear"); break;
    case PyDict_EVENT_DEALLOCATED: text = PyUnicode_FromString("dealloc"); break;
    default: text = PyUnicode_FromString("unknown");
    }
    if (text == NULL)
        return -1;
    PyMutex_Lock(&lock);
    PyObject *list = Py_XNewRef(events);
    PyMutex_Unlock(&lock);
    int failed = list != NULL && PyList_Append(list, text) < 0 ? -1 : 0;
    Py_XDECREF(list);
    Py_DECREF(text);
    return failed;
}

static int fail(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value) {
    PyErr_SetString(PyExc_RuntimeError, "boom!");
    return -1;
}

static int note_second(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value) {
    PyMutex_Lock(&lock);
    PyObject *list = Py_XNewRef(events);
    PyMutex_Unlock(&lock);
    PyObject *text = PyUnicode_FromString("second");
    int failed = text == NULL || (list != NULL && PyList_Append(list, text) < 0) ? -1 : 0;
    Py_XDECREF(list);
    Py_XDECREF(text);
    return failed;
}

static PyObject *add_dict_watcher(PyObject *module, PyObject *kind) {
    static const PyDict_WatchCallback callbacks[] = {note, fail, note_second};
    long which = PyLong_AsLong(kind);
    if (which == -1 && PyErr_Occurred())
        return NULL;
    if (which < 0 || which >= (long)Py_ARRAY_LENGTH(callbacks)) {
        PyErr_SetString(PyExc_ValueError, "no such kind of watcher");
        return NULL;
    }
    int id = PyDict_AddWatcher(callbacks[which]);
    if (id < 0)
        return NULL;
    PyObject *fresh = PyList_New(0);
    if (fresh == NULL)
        return NULL;
    PyMutex_Lock(&lock);
    if (watchers++ == 0) {
        PyObject *old = events;
        events = fresh;
        fresh = old;
    }
    PyMutex_Unlock(&lock);
    Py_XDECREF(fresh);
    return PyLong_FromLong(id);
}

static PyObject *clear_dict_watcher(PyObject *module, PyObject *id) {
    int which = PyLong_AsInt(id);
    if ((which == -1 && PyErr_Occurred()) || PyDict_ClearWatcher(which) < 0)
        return NULL;
    PyObject *old = NULL;
    PyMutex_Lock(&lock);
    if (--watchers == 0) {
        old = events;
        events = NULL;
    }
    PyMutex_Unlock(&lock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *watch_dict(PyObject *module, PyObject *args) {
    int id;
    PyObject *dict;
    if (!PyArg_ParseTuple(args, "iO:watch_dict", &id, &dict))
        return NULL;
    return none_unless(PyDict_Watch(id, dict) < 0);
}

static PyObject *unwatch_dict(PyObject *module, PyObject *args) {
    int id;
    PyObject *dict;
    if (!PyArg_ParseTuple(args, "iO:unwatch_dict", &id, &dict))
        return NULL;
    return none_unless(PyDict_Unwatch(id, dict) < 0);
}

static PyObject *get_dict_watcher_events(PyObject *module, PyObject *unused) {
    PyMutex_Lock(&lock);
    PyObject *list = Py_XNewRef(events);
    PyMutex_Unlock(&lock);
    if (list == NULL)
        PyErr_SetString(PyExc_RuntimeError, "there is no watcher");
    return list;
}

static PyMethodDef functions[] = {
    {"add_dict_watcher", add_dict_watcher, METH_O, NULL},
    {"clear_dict_watcher", clear_dict_watcher, METH_O, NULL},
    {"watch_dict", watch_dict, METH_VARARGS, NULL},
    {"unwatch_dict", unwatch_dict, METH_VARARGS, NULL},
    {"get_dict_watcher_events", get_dict_watcher_events, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int add_watchers(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
