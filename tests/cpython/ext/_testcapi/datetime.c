/* The C API of datetime, through its functions and through its macros. The functions make up a module of their own
 * too, `_testcapi_datetime`, which every interpreter can load. */
#include "parts.h"
#include <datetime.h>

/* Imports the API. It is kept by this file only. */
static PyObject *test_datetime_capi(PyObject *module, PyObject *unused) {
    if (PyDateTimeAPI == NULL) {
        PyDateTime_IMPORT;
        if (PyDateTimeAPI == NULL)
            return NULL;
    }
    if (PyDateTimeAPI != PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "the capsule holds another API");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- what an object is */

#define CHECKER(name, ANY, EXACT)                                                    \
    static PyObject *datetime_check_##name(PyObject *module, PyObject *args) {       \
        PyObject *object;                                                            \
        int exact = 0;                                                               \
        if (!PyArg_ParseTuple(args, "O|p:datetime_check_" #name, &object, &exact))   \
            return NULL;                                                             \
        return PyBool_FromLong(exact ? EXACT(object) : ANY(object));                 \
    }

CHECKER(date, PyDate_Check, PyDate_CheckExact)
CHECKER(datetime, PyDateTime_Check, PyDateTime_CheckExact)
CHECKER(time, PyTime_Check, PyTime_CheckExact)
CHECKER(delta, PyDelta_Check, PyDelta_CheckExact)
CHECKER(tzinfo, PyTZInfo_Check, PyTZInfo_CheckExact)

/* ---- the fields */

static PyObject *get_date(PyObject *module, PyObject *date) {
    return Py_BuildValue("(iii)", PyDateTime_GET_YEAR(date), PyDateTime_GET_MONTH(date), PyDateTime_GET_DAY(date));
}

static PyObject *get_datetime(PyObject *module, PyObject *date) {
    return Py_BuildValue("(iiiiO)", PyDateTime_DATE_GET_HOUR(date), PyDateTime_DATE_GET_MINUTE(date),
                         PyDateTime_DATE_GET_SECOND(date), PyDateTime_DATE_GET_MICROSECOND(date),
                         PyDateTime_DATE_GET_TZINFO(date));
}

static PyObject *get_time(PyObject *module, PyObject *time) {
    return Py_BuildValue("(iiiiO)", PyDateTime_TIME_GET_HOUR(time), PyDateTime_TIME_GET_MINUTE(time),
                         PyDateTime_TIME_GET_SECOND(time), PyDateTime_TIME_GET_MICROSECOND(time),
                         PyDateTime_TIME_GET_TZINFO(time));
}

static PyObject *get_delta(PyObject *module, PyObject *delta) {
    return Py_BuildValue("(iii)", PyDateTime_DELTA_GET_DAYS(delta), PyDateTime_DELTA_GET_SECONDS(delta),
                         PyDateTime_DELTA_GET_MICROSECONDS(delta));
}

/* ---- making objects: macro tells which way */

static PyObject *get_date_fromdate(PyObject *module, PyObject *args) {
    int macro, year, month, day;
    if (!PyArg_ParseTuple(args, "piii", &macro, &year, &month, &day))
        return NULL;
    if (macro)
        return PyDate_FromDate(year, month, day);
    return PyDateTimeAPI->Date_FromDate(year, month, day, PyDateTimeAPI->DateType);
}

static PyObject *get_datetime_fromdateandtime(PyObject *module, PyObject *args) {
    int macro, year, month, day, hour, minute, second, us;
    if (!PyArg_ParseTuple(args, "piiiiiii", &macro, &year, &month, &day, &hour, &minute, &second, &us))
        return NULL;
    if (macro)
        return PyDateTime_FromDateAndTime(year, month, day, hour, minute, second, us);
    return PyDateTimeAPI->DateTime_FromDateAndTime(year, month, day, hour, minute, second, us, Py_None,
                                                   PyDateTimeAPI->DateTimeType);
}

static PyObject *get_datetime_fromdateandtimeandfold(PyObject *module, PyObject *args) {
    int macro, year, month, day, hour, minute, second, us, fold;
    if (!PyArg_ParseTuple(args, "piiiiiiii", &macro, &year, &month, &day, &hour, &minute, &second, &us, &fold))
        return NULL;
    if (macro)
        return PyDateTime_FromDateAndTimeAndFold(year, month, day, hour, minute, second, us, fold);
    return PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(year, month, day, hour, minute, second, us, Py_None, fold,
                                                          PyDateTimeAPI->DateTimeType);
}

static PyObject *get_time_fromtime(PyObject *module, PyObject *args) {
    int macro, hour, minute, second, us;
    if (!PyArg_ParseTuple(args, "piiii", &macro, &hour, &minute, &second, &us))
        return NULL;
    if (macro)
        return PyTime_FromTime(hour, minute, second, us);
    return PyDateTimeAPI->Time_FromTime(hour, minute, second, us, Py_None, PyDateTimeAPI->TimeType);
}

static PyObject *get_time_fromtimeandfold(PyObject *module, PyObject *args) {
    int macro, hour, minute, second, us, fold;
    if (!PyArg_ParseTuple(args, "piiiii", &macro, &hour, &minute, &second, &us, &fold))
        return NULL;
    if (macro)
        return PyTime_FromTimeAndFold(hour, minute, second, us, fold);
    return PyDateTimeAPI->Time_FromTimeAndFold(hour, minute, second, us, Py_None, fold, PyDateTimeAPI->TimeType);
}

static PyObject *get_delta_fromdsu(PyObject *module, PyObject *args) {
    int macro, days, seconds, us;
    if (!PyArg_ParseTuple(args, "piii", &macro, &days, &seconds, &us))
        return NULL;
    if (macro)
        return PyDelta_FromDSU(days, seconds, us);
    return PyDateTimeAPI->Delta_FromDelta(days, seconds, us, 1, PyDateTimeAPI->DeltaType);
}

static PyObject *get_date_fromtimestamp(PyObject *module, PyObject *args) {
    PyObject *stamp;
    int macro = 0;
    if (!PyArg_ParseTuple(args, "O|p", &stamp, &macro))
        return NULL;
    PyObject *values = PyTuple_Pack(1, stamp);
    if (values == NULL)
        return NULL;
    PyObject *date = macro ? PyDate_FromTimestamp(values)
                           : PyDateTimeAPI->Date_FromTimestamp((PyObject *)PyDateTimeAPI->DateType, values);
    Py_DECREF(values);
    return date;
}

/* (stamp, zone, with_zone, macro) */
static PyObject *get_datetime_fromtimestamp(PyObject *module, PyObject *args) {
    PyObject *stamp, *zone;
    int with_zone, macro;
    if (!PyArg_ParseTuple(args, "OOpp", &stamp, &zone, &with_zone, &macro))
        return NULL;
    PyObject *values = with_zone ? PyTuple_Pack(2, stamp, zone) : PyTuple_Pack(1, stamp);
    if (values == NULL)
        return NULL;
    PyObject *date = macro ? PyDateTime_FromTimestamp(values)
                           : PyDateTimeAPI->DateTime_FromTimestamp((PyObject *)PyDateTimeAPI->DateTimeType, values, NULL);
    Py_DECREF(values);
    return date;
}

/* ---- time zones */

static PyObject *get_timezone_utc_capi(PyObject *module, PyObject *args) {
    int macro = 0;
    if (!PyArg_ParseTuple(args, "|p", &macro))
        return NULL;
    return Py_NewRef(macro ? PyDateTime_TimeZone_UTC : PyDateTimeAPI->TimeZone_UTC);
}

/* Five hours west three times: named by the function, named by the macro, without a name. */
static PyObject *make_timezones_capi(PyObject *module, PyObject *unused) {
    PyObject *offset = PyDelta_FromDSU(0, -18000, 0), *name = PyUnicode_FromString("EST"), *zones = NULL;
    if (offset != NULL && name != NULL)
        zones = Py_BuildValue("(NNN)", PyDateTimeAPI->TimeZone_FromTimeZone(offset, name),
                              PyTimeZone_FromOffsetAndName(offset, name), PyTimeZone_FromOffset(offset));
    Py_XDECREF(offset);
    Py_XDECREF(name);
    return zones;
}

/* No offset: UTC itself unless there is a name. */
static PyObject *get_timezones_offset_zero(PyObject *module, PyObject *unused) {
    PyObject *offset = PyDelta_FromDSU(0, 0, 0), *name = PyUnicode_FromString(""), *zones = NULL;
    if (offset != NULL && name != NULL)
        zones = Py_BuildValue("(NNN)", PyDateTimeAPI->TimeZone_FromTimeZone(offset, NULL),
                              PyTimeZone_FromOffset(offset), PyTimeZone_FromOffsetAndName(offset, name));
    Py_XDECREF(offset);
    Py_XDECREF(name);
    return zones;
}

#define FUNCTION(name) {#name, name, METH_VARARGS, NULL}

static PyMethodDef functions[] = {
    {"test_datetime_capi", test_datetime_capi, METH_NOARGS, NULL},
    {"PyDateTime_GET", get_date, METH_O, NULL},
    {"PyDateTime_DATE_GET", get_datetime, METH_O, NULL},
    {"PyDateTime_TIME_GET", get_time, METH_O, NULL},
    {"PyDateTime_DELTA_GET", get_delta, METH_O, NULL},
    {"make_timezones_capi", make_timezones_capi, METH_NOARGS, NULL},
    {"get_timezones_offset_zero", get_timezones_offset_zero, METH_NOARGS, NULL},
    FUNCTION(get_timezone_utc_capi),
    FUNCTION(datetime_check_date),
    FUNCTION(datetime_check_datetime),
    FUNCTION(datetime_check_time),
    FUNCTION(datetime_check_delta),
    FUNCTION(datetime_check_tzinfo),
    FUNCTION(get_date_fromdate),
    FUNCTION(get_datetime_fromdateandtime),
    FUNCTION(get_datetime_fromdateandtimeandfold),
    FUNCTION(get_time_fromtime),
    FUNCTION(get_time_fromtimeandfold),
    FUNCTION(get_delta_fromdsu),
    FUNCTION(get_date_fromtimestamp),
    FUNCTION(get_datetime_fromtimestamp),
    {NULL, NULL, 0, NULL},
};

int add_datetime(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}

static int execute(PyObject *module) {
    PyObject *done = test_datetime_capi(module, NULL);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef datetime_def = {
    PyModuleDef_HEAD_INIT, "_testcapi_datetime", PyDoc_STR("The C API of datetime, for tests."), 0, functions, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testcapi_datetime(void) {
    return PyModuleDef_Init(&datetime_def);
}
