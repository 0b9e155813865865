#include "check.h"

#include <monitoring.h>

/* An object that stands for code, and what a tool hears of it. */
static void test(void) {
    CHECK(run("import sys\nm = sys.monitoring\nheard = []\nm.use_tool_id(3, 'check')\n"
              "m.register_callback(3, m.events.PY_START, lambda code, at: heard.append(('start', at)))\n"
              "m.register_callback(3, m.events.PY_RETURN, lambda code, at, value: heard.append(('return', at, value)))\n"
              "m.register_callback(3, m.events.LINE, lambda code, line: heard.append(('line', line)) or m.DISABLE)\n"
              "m.register_callback(3, m.events.RAISE, lambda code, at, error: heard.append(('raise', str(error))))\n"));
    PyObject *code = PyList_New(0);
    PyMonitoringState state[4] = {{0, 0}};
    uint64_t version = 0;
    const uint8_t events[4] = {PY_MONITORING_EVENT_PY_START, PY_MONITORING_EVENT_PY_RETURN, PY_MONITORING_EVENT_LINE, PY_MONITORING_EVENT_RAISE};

    /* Nobody listens. */
    CHECK(PyMonitoring_EnterScope(state, &version, events, 4) == 0 && !state[0].active && !state[2].active);
    CHECK(PyMonitoring_FirePyStartEvent(&state[0], code, 1) == 0);
    CHECK(PyMonitoring_ExitScope() == 0 && holds("heard == []", NULL));

    CHECK(run("m.set_events(3, m.events.PY_START | m.events.PY_RETURN | m.events.LINE | m.events.RAISE)\n"));
    CHECK(PyMonitoring_EnterScope(state, &version, events, 4) == 0 && state[0].active && state[2].active);
    CHECK(run("heard.clear()\n"));
    CHECK(PyMonitoring_FirePyStartEvent(&state[0], code, 1) == 0);
    CHECK(PyMonitoring_FireLineEvent(&state[2], code, 2, 77) == 0 && !state[2].active);
    CHECK(PyMonitoring_FireLineEvent(&state[2], code, 2, 78) == 0);
    CHECK(PyMonitoring_FirePyReturnEvent(&state[1], code, 3, Py_None) == 0);
    PyErr_SetString(PyExc_ValueError, "thrown");
    CHECK(PyMonitoring_FireRaiseEvent(&state[3], code, 4) == 0 && raised(PyExc_ValueError, "thrown"));
    CHECK(PyMonitoring_ExitScope() == 0);
    CHECK(run("m.set_events(3, 0)\nours = [h for h in heard if h[0] != 'line' or h[1] > 70]\n"));
    CHECK(holds("('start', 1) in ours and ('line', 77) in ours and ('line', 78) not in ours", NULL));
    CHECK(holds("('return', 3, None) in ours and ('raise', 'thrown') in ours", NULL));

    /* An exception has to be there to be told of. */
    CHECK(run("m.set_events(3, m.events.RAISE)\n") && PyMonitoring_EnterScope(state, &version, events, 4) == 0);
    RAISES(PyMonitoring_FireRaiseEvent(&state[3], code, 4), -1, PyExc_ValueError, "Firing event 11 with no exception set");
    CHECK(PyMonitoring_ExitScope() == 0);
    CHECK(run("m.set_events(3, 0)\nm.free_tool_id(3)\n"));
    Py_DECREF(code);
}
