/* Watchers of types, code, functions and contexts. */
#include "parts.h"
#include "../functions.h"

static PyObject *fail_with(const char *text) {
    PyErr_SetString(PyExc_RuntimeError, text);
    return NULL;
}

/* ---- types: the modified ones, each as it is or in a list of its own */

static PyObject *type_events;
static int type_watchers;

static int type_seen(PyTypeObject *type) {
    return type_events ? PyList_Append(type_events, (PyObject *)type) : 0;
}

static int type_failed(PyTypeObject *type) {
    fail_with("boom!");
    return -1;
}

static int type_wrapped(PyTypeObject *type) {
    PyObject *list = Py_BuildValue("[O]", type);
    int failed = list == NULL || (type_events && PyList_Append(type_events, list) < 0) ? -1 : 0;
    Py_XDECREF(list);
    return failed;
}

static PyObject *add_type_watcher_(int kind) {
    static const PyType_WatchCallback callbacks[] = {type_seen, type_failed, type_wrapped};
    int id = PyType_AddWatcher(callbacks[kind % 3]);
    if (id < 0)
        return NULL;
    if (type_watchers++ == 0)
        Py_XSETREF(type_events, PyList_New(0));
    return PyLong_FromLong(id);
}

static PyObject *clear_type_watcher_(int id) {
    if (PyType_ClearWatcher(id) < 0)
        return NULL;
    if (--type_watchers == 0)
        Py_CLEAR(type_events);
    Py_RETURN_NONE;
}

/* ---- code: how many were made and destroyed, as two watchers see it */

static int made[2], gone[2];

static int code_seen(int which, PyCodeEvent event) {
    if (event == PY_CODE_EVENT_CREATE)
        made[which]++;
    else
        gone[which]++;
    return 0;
}

static int code_first(PyCodeEvent event, PyCodeObject *code) {
    return code_seen(0, event);
}

static int code_second(PyCodeEvent event, PyCodeObject *code) {
    return code_seen(1, event);
}

static int code_failed(PyCodeEvent event, PyCodeObject *code) {
    fail_with("boom!");
    return -1;
}

/* The ids of the watchers that count. */
static int code_ids[2] = {-1, -1};

static PyObject *add_code_watcher_(int which) {
    static const PyCode_WatchCallback callbacks[] = {code_first, code_second, code_failed};
    if (which < 0 || which > 2) {
        PyErr_SetString(PyExc_ValueError, "no such kind of watcher");
        return NULL;
    }
    int id = PyCode_AddWatcher(callbacks[which]);
    if (id < 0)
        return NULL;
    if (which < 2) {
        code_ids[which] = id;
        made[which] = gone[which] = 0;
    }
    return PyLong_FromLong(id);
}

static PyObject *clear_code_watcher_(int id) {
    if (PyCode_ClearWatcher(id) < 0)
        return NULL;
    for (int which = 0; which < 2; which++) {
        if (id == code_ids[which]) {
            code_ids[which] = -1;
            made[which] = gone[which] = 0;
        }
    }
    Py_RETURN_NONE;
}

/* Adds watchers until there is no room, and clears them again. */
#define TOO_MANY(NAME, ADD, CLEAR, CALLBACK)                         \
    static PyObject *NAME(void) {                                    \
        int ids[64], count = 0;                                      \
        while (count < 64 && (ids[count] = ADD(CALLBACK)) >= 0)      \
            count++;                                                 \
        PyObject *error = PyErr_GetRaisedException();                \
        while (count > 0)                                            \
            CLEAR(ids[--count]);                                     \
        if (error == NULL)                                           \
            Py_RETURN_NONE;                                          \
        PyErr_SetRaisedException(error);                             \
        return NULL;                                                 \
    }
TOO_MANY(too_many_codes, PyCode_AddWatcher, PyCode_ClearWatcher, code_first)

/* ---- functions: each watcher calls a Python function */

static PyObject *function_callbacks[8];

static int function_seen(int which, PyFunction_WatchEvent event, PyFunctionObject *function, PyObject *value) {
    /* A function that goes away is only named. */
    PyObject *shown = event == PyFunction_EVENT_DESTROY ? PyLong_FromVoidPtr(function) : Py_NewRef((PyObject *)function);
    PyObject *number = PyLong_FromLong(event), *result = NULL;
    if (shown != NULL && number != NULL)
        result = PyObject_CallFunctionObjArgs(function_callbacks[which], number, shown, value ? value : Py_None, NULL);
    Py_XDECREF(shown);
    Py_XDECREF(number);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int function_first(PyFunction_WatchEvent event, PyFunctionObject *function, PyObject *value) {
    return function_seen(0, event, function, value);
}

static int function_second(PyFunction_WatchEvent event, PyFunctionObject *function, PyObject *value) {
    return function_seen(1, event, function, value);
}

static int function_ids[2] = {-1, -1};

static PyObject *add_func_watcher_(PyObject *callback) {
    static const PyFunction_WatchCallback callbacks[] = {function_first, function_second};
    if (!PyFunction_Check(callback)) {
        PyErr_SetString(PyExc_TypeError, "the watcher must be a function");
        return NULL;
    }
    for (int which = 0; which < 2; which++) {
        if (function_ids[which] >= 0)
            continue;
        int id = PyFunction_AddWatcher(callbacks[which]);
        if (id < 0)
            return NULL;
        function_ids[which] = id;
        Py_XSETREF(function_callbacks[which], Py_NewRef(callback));
        return PyLong_FromLong(id);
    }
    return fail_with("no free watchers");
}

static PyObject *clear_func_watcher_(int id) {
    if (PyFunction_ClearWatcher(id) < 0)
        return NULL;
    for (int which = 0; which < 2; which++) {
        if (function_ids[which] == id) {
            function_ids[which] = -1;
            Py_CLEAR(function_callbacks[which]);
        }
    }
    Py_RETURN_NONE;
}
TOO_MANY(too_many_functions, PyFunction_AddWatcher, PyFunction_ClearWatcher, function_first)

/* ---- contexts: those that were switched to, as two watchers see it */

static PyObject *switches[2];
static int context_ids[2] = {-1, -1};

static int context_seen(int which, PyContextEvent event, PyObject *context) {
    return switches[which] ? PyList_Append(switches[which], context) : 0;
}

static int context_first(PyContextEvent event, PyObject *context) {
    return context_seen(0, event, context);
}

static int context_second(PyContextEvent event, PyObject *context) {
    return context_seen(1, event, context);
}

static int context_failed(PyContextEvent event, PyObject *context) {
    fail_with("boom!");
    return -1;
}

static PyObject *add_context_watcher_(int which) {
    static const PyContext_WatchCallback callbacks[] = {context_first, context_second, context_failed};
    if (which < 0 || which > 2) {
        PyErr_SetString(PyExc_ValueError, "no such kind of watcher");
        return NULL;
    }
    int id = PyContext_AddWatcher(callbacks[which]);
    if (id < 0)
        return NULL;
    if (which < 2) {
        context_ids[which] = id;
        Py_XSETREF(switches[which], PyList_New(0));
    }
    return PyLong_FromLong(id);
}

static PyObject *clear_context_watcher_(int id) {
    if (PyContext_ClearWatcher(id) < 0)
        return NULL;
    for (int which = 0; which < 2; which++) {
        if (context_ids[which] == id) {
            context_ids[which] = -1;
            Py_CLEAR(switches[which]);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *context_switches(int which) {
    if (which < 0 || which > 1) {
        PyErr_SetString(PyExc_ValueError, "no such kind of watcher");
        return NULL;
    }
    return switches[which] ? Py_NewRef(switches[which]) : PyList_New(0);
}
TOO_MANY(too_many_contexts, PyContext_AddWatcher, PyContext_ClearWatcher, context_first)

/* ---- objects */

static Py_ssize_t lists_gone;

static int count_list(PyObject *object, PyRefTracerEvent event, void *unused) {
    lists_gone += event == PyRefTracer_DESTROY && PyList_CheckExact(object);
    return 0;
}

static PyObject *start_counting(void) {
    lists_gone = 0;
    return none_unless(PyRefTracer_SetTracer(count_list, NULL) < 0);
}

static PyObject *stop_counting(void) {
    return PyRefTracer_SetTracer(NULL, NULL) < 0 ? NULL : PyLong_FromSsize_t(lists_gone);
}

static int print_object(PyObject *object, PyRefTracerEvent event, void *unused) {
    printf("%s %s\n", event == PyRefTracer_CREATE ? "CREATE" : "DESTROY", Py_TYPE(object)->tp_name);
    fflush(stdout);
    return 0;
}

/* Leaves every context that the thread is in. */
static PyObject *leave_contexts(void) {
    PyThreadState *state = PyThreadState_Get();
    while (state->context != NULL) {
        if (PyContext_Exit(state->context) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

#define FUNCTIONS(ONE, MANY)                                                                        \
    MANY(add_type_watcher, add_type_watcher_(i), "i", &i)                                           \
    MANY(clear_type_watcher, clear_type_watcher_(i), "i", &i)                                       \
    MANY(watch_type, NOTHING(PyType_Watch(i, a)), "iO", &i, &a)                                     \
    MANY(unwatch_type, NOTHING(PyType_Unwatch(i, a)), "iO", &i, &a)                                 \
    MANY(get_type_modified_events, Py_NewRef(type_events ? type_events : Py_None), "")              \
    MANY(add_code_watcher, add_code_watcher_(i), "i", &i)                                           \
    MANY(clear_code_watcher, clear_code_watcher_(i), "i", &i)                                       \
    MANY(get_code_watcher_num_created_events, PyLong_FromLong(made[i & 1]), "i", &i)                \
    MANY(get_code_watcher_num_destroyed_events, PyLong_FromLong(gone[i & 1]), "i", &i)              \
    MANY(allocate_too_many_code_watchers, too_many_codes(), "")                                     \
    MANY(add_func_watcher, add_func_watcher_(a), "O", &a)                                           \
    MANY(clear_func_watcher, clear_func_watcher_(i), "i", &i)                                       \
    MANY(set_func_defaults_via_capi, NOTHING(PyFunction_SetDefaults(a, b)), "OO", &a, &b)           \
    MANY(set_func_kwdefaults_via_capi, NOTHING(PyFunction_SetKwDefaults(a, b)), "OO", &a, &b)       \
    MANY(allocate_too_many_func_watchers, too_many_functions(), "")                                 \
    MANY(add_context_watcher, add_context_watcher_(i), "i", &i)                                     \
    MANY(clear_context_watcher, clear_context_watcher_(i), "i", &i)                                 \
    MANY(start_counting_list_destroys, start_counting(), "")                                        \
    MANY(stop_counting_list_destroys, stop_counting(), "")                                          \
    MANY(toggle_reftrace_printer, none_unless(PyRefTracer_SetTracer(i ? print_object : NULL, NULL) < 0), "p", &i) \
    MANY(clear_context_stack, leave_contexts(), "")                                                 \
    MANY(get_context_switches, context_switches(i), "i", &i)                                        \
    MANY(allocate_too_many_context_watchers, too_many_contexts(), "")

PART(observing, FUNCTIONS)

int add_observers(PyObject *module) {
    static const struct {
        const char *name;
        int value;
    } events[] = {
        {"PYFUNC_EVENT_CREATE", PyFunction_EVENT_CREATE},
        {"PYFUNC_EVENT_DESTROY", PyFunction_EVENT_DESTROY},
        {"PYFUNC_EVENT_MODIFY_CODE", PyFunction_EVENT_MODIFY_CODE},
        {"PYFUNC_EVENT_MODIFY_DEFAULTS", PyFunction_EVENT_MODIFY_DEFAULTS},
        {"PYFUNC_EVENT_MODIFY_KWDEFAULTS", PyFunction_EVENT_MODIFY_KWDEFAULTS},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(events); i++) {
        if (PyModule_AddIntConstant(module, events[i].name, events[i].value) < 0)
            return -1;
    }
    return add_observing(module);
}
