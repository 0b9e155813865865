/* Events of sys.monitoring, fired by C for an object that stands for code. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    Py_ssize_t length;
    uint64_t version;
    PyMonitoringState *states;
    uint8_t *events; /* which event a state belongs to */
} CodeLike;

static PyObject *codelike_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "n:CodeLike", &length))
        return NULL;
    if (length < 1) {
        PyErr_SetString(PyExc_ValueError, "a CodeLike needs at least one state");
        return NULL;
    }
    CodeLike *self = (CodeLike *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->length = length;
    self->states = PyMem_Calloc((size_t)length, sizeof *self->states);
    self->events = PyMem_Calloc((size_t)length, sizeof *self->events);
    if (self->states == NULL || self->events == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void codelike_dealloc(PyObject *object) {
    CodeLike *self = (CodeLike *)object;
    PyMem_Free(self->states);
    PyMem_Free(self->events);
    Py_TYPE(self)->tp_free(object);
}

static PyObject *codelike_repr(PyObject *self) {
    return PyUnicode_FromFormat("<CodeLike of %zd states>", ((CodeLike *)self)->length);
}

static PyTypeObject CodeLikeType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_testcapi.CodeLike",
    .tp_basicsize = sizeof(CodeLike),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = codelike_new,
    .tp_dealloc = codelike_dealloc,
    .tp_repr = codelike_repr,
    .tp_doc = PyDoc_STR("Something that fires events as code does."),
};

/* monitoring_enter_scope(code, *events) */
static PyObject *enter_scope(PyObject *module, PyObject *args) {
    Py_ssize_t n = PyTuple_GET_SIZE(args) - 1;
    CodeLike *code = n >= 0 ? (CodeLike *)PyTuple_GET_ITEM(args, 0) : NULL;
    if (code == NULL || !Py_IS_TYPE((PyObject *)code, &CodeLikeType)) {
        PyErr_SetString(PyExc_TypeError, "a CodeLike is needed");
        return NULL;
    }
    if (n > code->length) {
        PyErr_SetString(PyExc_ValueError, "more events than states");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        long event = PyLong_AsLong(PyTuple_GET_ITEM(args, i + 1));
        if (event == -1 && PyErr_Occurred())
            return NULL;
        code->events[i] = (uint8_t)event;
    }
    return none_unless(PyMonitoring_EnterScope(code->states, &code->version, code->events, n) < 0);
}

static PyObject *exit_scope(PyObject *module, PyObject *unused) {
    return none_unless(PyMonitoring_ExitScope() < 0);
}

/* The state of an event: the one that it was entered with, else the first. */
static PyMonitoringState *state_of(CodeLike *code, int event) {
    for (Py_ssize_t i = 0; i < code->length; i++) {
        if (code->events[i] == event)
            return &code->states[i];
    }
    return code->states;
}

/* Fires an event with an exception set unless it is None, and takes the exception back. */
static PyObject *with_exception(int (*fire)(PyMonitoringState *, PyObject *, int32_t), int event, PyObject *args) {
    CodeLike *code;
    int offset;
    PyObject *exception;
    if (!PyArg_ParseTuple(args, "O!iO", &CodeLikeType, &code, &offset, &exception))
        return NULL;
    if (exception != Py_None)
        PyErr_SetRaisedException(Py_NewRef(exception));
    if (fire(state_of(code, event), (PyObject *)code, offset) < 0)
        return NULL;
    PyErr_Clear();
    Py_RETURN_NONE;
}

#define PLAIN(name, FUNCTION, EVENT)                                                                          \
    static PyObject *fire_##name(PyObject *module, PyObject *args) {                                          \
        CodeLike *code;                                                                                       \
        int offset;                                                                                           \
        if (!PyArg_ParseTuple(args, "O!i", &CodeLikeType, &code, &offset))                                    \
            return NULL;                                                                                      \
        return none_unless(FUNCTION(state_of(code, PY_MONITORING_EVENT_##EVENT), (PyObject *)code, offset) < 0); \
    }

#define WITH_OBJECT(name, FUNCTION, EVENT)                                                                           \
    static PyObject *fire_##name(PyObject *module, PyObject *args) {                                                 \
        CodeLike *code;                                                                                              \
        int offset;                                                                                                  \
        PyObject *object;                                                                                            \
        if (!PyArg_ParseTuple(args, "O!iO", &CodeLikeType, &code, &offset, &object))                                 \
            return NULL;                                                                                             \
        return none_unless(FUNCTION(state_of(code, PY_MONITORING_EVENT_##EVENT), (PyObject *)code, offset, object) < 0); \
    }

#define WITH_EXCEPTION(name, FUNCTION, EVENT)                                       \
    static PyObject *fire_##name(PyObject *module, PyObject *args) {                \
        return with_exception(FUNCTION, PY_MONITORING_EVENT_##EVENT, args);         \
    }

PLAIN(py_start, PyMonitoring_FirePyStartEvent, PY_START)
PLAIN(py_resume, PyMonitoring_FirePyResumeEvent, PY_RESUME)
WITH_OBJECT(py_return, PyMonitoring_FirePyReturnEvent, PY_RETURN)
WITH_OBJECT(py_yield, PyMonitoring_FirePyYieldEvent, PY_YIELD)
WITH_OBJECT(c_return, PyMonitoring_FireCReturnEvent, C_RETURN)
WITH_OBJECT(jump, PyMonitoring_FireJumpEvent, JUMP)
WITH_OBJECT(branch_left, PyMonitoring_FireBranchLeftEvent, BRANCH_LEFT)
WITH_OBJECT(branch_right, PyMonitoring_FireBranchRightEvent, BRANCH_RIGHT)
WITH_EXCEPTION(c_raise, PyMonitoring_FireCRaiseEvent, C_RAISE)
WITH_EXCEPTION(py_throw, PyMonitoring_FirePyThrowEvent, PY_THROW)
WITH_EXCEPTION(raise, PyMonitoring_FireRaiseEvent, RAISE)
WITH_EXCEPTION(reraise, PyMonitoring_FireReraiseEvent, RERAISE)
WITH_EXCEPTION(exception_handled, PyMonitoring_FireExceptionHandledEvent, EXCEPTION_HANDLED)
WITH_EXCEPTION(py_unwind, PyMonitoring_FirePyUnwindEvent, PY_UNWIND)

static PyObject *fire_call(PyObject *module, PyObject *args) {
    CodeLike *code;
    int offset;
    PyObject *callable, *first;
    if (!PyArg_ParseTuple(args, "O!iOO", &CodeLikeType, &code, &offset, &callable, &first))
        return NULL;
    PyMonitoringState *state = state_of(code, PY_MONITORING_EVENT_CALL);
    return none_unless(PyMonitoring_FireCallEvent(state, (PyObject *)code, offset, callable, first) < 0);
}

static PyObject *fire_line(PyObject *module, PyObject *args) {
    CodeLike *code;
    int offset, line;
    if (!PyArg_ParseTuple(args, "O!ii", &CodeLikeType, &code, &offset, &line))
        return NULL;
    PyMonitoringState *state = state_of(code, PY_MONITORING_EVENT_LINE);
    return none_unless(PyMonitoring_FireLineEvent(state, (PyObject *)code, offset, line) < 0);
}

static PyObject *fire_stop_iteration(PyObject *module, PyObject *args) {
    CodeLike *code;
    int offset;
    PyObject *value;
    if (!PyArg_ParseTuple(args, "O!iO", &CodeLikeType, &code, &offset, &value))
        return NULL;
    PyMonitoringState *state = state_of(code, PY_MONITORING_EVENT_STOP_ITERATION);
    if (PyMonitoring_FireStopIterationEvent(state, (PyObject *)code, offset, value) < 0)
        return NULL;
    PyErr_Clear();
    Py_RETURN_NONE;
}

#define FIRE(name) {"fire_event_" #name, fire_##name, METH_VARARGS, NULL}

static PyMethodDef functions[] = {
    {"monitoring_enter_scope", enter_scope, METH_VARARGS, NULL},
    {"monitoring_exit_scope", exit_scope, METH_NOARGS, NULL},
    FIRE(py_start), FIRE(py_resume), FIRE(py_return), FIRE(py_yield), FIRE(c_return), FIRE(c_raise), FIRE(jump),
    FIRE(branch_left), FIRE(branch_right), FIRE(py_throw), FIRE(raise), FIRE(reraise), FIRE(exception_handled),
    FIRE(py_unwind), FIRE(call), FIRE(line), FIRE(stop_iteration),
    {NULL, NULL, 0, NULL},
};

int add_monitoring(PyObject *module) {
    return PyModule_AddType(module, &CodeLikeType) < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
