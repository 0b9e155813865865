#include "check.h"

#include <datetime.h>

static void test(void) {
    PyDateTime_IMPORT;
    CHECK(PyDateTimeAPI != NULL && PyDateTimeAPI == PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0));
    if (PyDateTimeAPI == NULL)
        return;
    PyObject *date = PyDate_FromDate(2024, 2, 29), *moment = PyDateTime_FromDateAndTimeAndFold(2000, 1, 2, 3, 4, 5, 6, 1);
    PyObject *time = PyTime_FromTime(23, 59, 58, 999999), *delta = PyDelta_FromDSU(1, -1, 1000001), *zone, *got;
    CHECK(PyDate_CheckExact(date) && PyDate_Check(moment) && !PyDate_CheckExact(moment) && PyDateTime_CheckExact(moment));
    CHECK(PyTime_CheckExact(time) && PyDelta_CheckExact(delta) && !PyDelta_Check(date) && !PyTZInfo_Check(delta));
    CHECK(PyDateTime_GET_YEAR(date) == 2024 && PyDateTime_GET_MONTH(date) == 2 && PyDateTime_GET_DAY(date) == 29);
    CHECK(PyDateTime_DATE_GET_HOUR(moment) == 3 && PyDateTime_DATE_GET_MINUTE(moment) == 4 && PyDateTime_DATE_GET_SECOND(moment) == 5);
    CHECK(PyDateTime_DATE_GET_MICROSECOND(moment) == 6 && PyDateTime_DATE_GET_FOLD(moment) == 1 && PyDateTime_DATE_GET_TZINFO(moment) == Py_None);
    CHECK(PyDateTime_TIME_GET_HOUR(time) == 23 && PyDateTime_TIME_GET_MICROSECOND(time) == 999999 && PyDateTime_TIME_GET_FOLD(time) == 0);
    CHECK(PyDateTime_DELTA_GET_DAYS(delta) == 1 && PyDateTime_DELTA_GET_SECONDS(delta) == 0 && PyDateTime_DELTA_GET_MICROSECONDS(delta) == 1);
    RAISES(PyDate_FromDate(2023, 2, 29), NULL, PyExc_ValueError, NULL);
    RAISES(PyTime_FromTime(24, 0, 0, 0), NULL, PyExc_ValueError, NULL);
    RAISES(PyDelta_FromDSU(1000000000, 0, 0), NULL, PyExc_OverflowError, NULL);

    CHECK(holds("x.utcoffset(None) == __import__('datetime').timedelta(0)", PyDateTime_TimeZone_UTC));
    zone = PyTimeZone_FromOffset(delta);
    CHECK(zone == NULL && raised(PyExc_ValueError, NULL));
    PyObject *hour = PyDelta_FromDSU(0, 3600, 0), *name = PyUnicode_FromString("One");
    zone = PyTimeZone_FromOffsetAndName(hour, name);
    CHECK(zone && PyTZInfo_Check(zone) && holds("x.tzname(None) == 'One'", zone));
    got = PyDateTimeAPI->DateTime_FromDateAndTime(2001, 1, 1, 0, 0, 0, 0, zone, PyDateTimeAPI->DateTimeType);
    CHECK(got && PyDateTime_DATE_GET_TZINFO(got) == zone && holds("x.isoformat() == '2001-01-01T00:00:00+01:00'", got));
    Py_XDECREF(got);
    PyObject *args = Py_BuildValue("(iO)", 0, PyDateTime_TimeZone_UTC);
    got = PyDateTime_FromTimestamp(args);
    CHECK(holds("x.isoformat() == '1970-01-01T00:00:00+00:00'", got));
    Py_XDECREF(got);
    Py_DECREF(args);
    args = Py_BuildValue("(i)", 86400 * 3);
    got = PyDate_FromTimestamp(args);
    CHECK(got && PyDateTime_GET_YEAR(got) == 1970);
    Py_XDECREF(got);
    Py_DECREF(args);

    /* A subclass gets its own constructor called. */
    CHECK(run("import datetime\nclass D(datetime.date): pass\n"));
    PyObject *class = eval("D");
    got = PyDateTimeAPI->Date_FromDate(2020, 5, 6, (PyTypeObject *)class);
    CHECK(got && Py_IS_TYPE(got, (PyTypeObject *)class) && PyDate_Check(got) && !PyDate_CheckExact(got));
    Py_XDECREF(got);
    Py_XDECREF(class);
    PyObject *all[] = {date, moment, time, delta, zone, hour, name};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(all); i++)
        Py_XDECREF(all[i]);
}
