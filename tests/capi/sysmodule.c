#include "check.h"

#include <marshal.h>

#include <time.h>

static int audited;
static int hook(const char *event, PyObject *args, void *data) {
    if (strncmp(event, "check.", 6) != 0)
        return 0;
    audited += *(int *)data;
    if (strcmp(event, "check.refuse") == 0) {
        PyErr_SetString(PyExc_PermissionError, "refused");
        return -1;
    }
    CHECK(args && PyTuple_Check(args));
    return 0;
}

static void sys(void) {
    PyObject *path = PySys_GetObject("path"), *got = NULL, *value = PyLong_FromLong(5);
    CHECK(path && PyList_Check(path) && PySys_GetObject("no_such") == NULL && !PyErr_Occurred());
    CHECK(PySys_SetObject("check_value", value) == 0 && PySys_GetObject("check_value") == value);
    CHECK(PySys_SetObject("check_value", NULL) == 0 && PySys_GetObject("check_value") == NULL);
    Py_DECREF(value);
    CHECK(run("import sys, io\nkept, sys.stdout = sys.stdout, io.StringIO()\n"));
    PySys_WriteStdout("%s-%d\n", "one", 2);
    PySys_FormatStdout("%S\n", Py_None);
    CHECK(holds("sys.stdout.getvalue() == 'one-2\\nNone\\n'", NULL));
    CHECK(run("sys.stdout = kept\n"));
    static int step = 1;
    CHECK(PySys_AddAuditHook(hook, &step) == 0 && PySys_Audit("check.event", "is", 3, "x") == 0 && audited == 1);
    RAISES(PySys_Audit("check.refuse", NULL), -1, PyExc_PermissionError, "refused");
    got = Py_BuildValue("(i)", 4);
    CHECK(PySys_AuditTuple("check.tuple", got) == 0 && PySys_AuditTuple("check.tuple", NULL) == 0 && audited == 4);
    Py_XDECREF(got);
    CHECK(PySys_GetXOptions() && PyDict_Check(PySys_GetXOptions()));
    CHECK(strncmp(Py_GetVersion(), "3.14", 4) == 0 && strcmp(Py_GetPlatform(), "linux") == 0 && Py_Version >> 16 == 0x030e);
    CHECK(PyUnstable_PerfMapState_Init != NULL);
    got = PyOS_FSPath(path);
    CHECK(got == NULL && raised(PyExc_TypeError, "expected str, bytes or os.PathLike object, not list"));
}

/* `PyConfig_Set` shows in the global flags and in `sys.flags`. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void options(void) {
    PyObject *five = PyLong_FromLong(5), *none = PyLong_FromLong(0), *digits = PyLong_FromLong(5000);
    CHECK(PyConfig_Set("verbose", five) == 0 && Py_VerboseFlag == 5 && holds("__import__('sys').flags.verbose == 5", NULL));
    CHECK(PyConfig_Set("verbose", none) == 0 && Py_VerboseFlag == 0);
    CHECK(PyConfig_Set("quiet", five) == 0 && Py_QuietFlag == 5 && PyConfig_Set("quiet", none) == 0 && Py_QuietFlag == 0);
    CHECK(PyConfig_Set("write_bytecode", none) == 0 && Py_DontWriteBytecodeFlag == 1);
    CHECK(PyConfig_Set("write_bytecode", five) == 0 && Py_DontWriteBytecodeFlag == 0);
    CHECK(PyConfig_Set("int_max_str_digits", digits) == 0);
    CHECK(holds("__import__('sys').flags.int_max_str_digits == __import__('sys').get_int_max_str_digits() == 5000", NULL));
    int value = 77;
#ifdef Py_GIL_DISABLED
    CHECK(PyConfig_GetInt("enable_gil", &value) == 0 && value <= 1 && PyConfig_GetInt("tlbc_enabled", &value) == 0);
#else
    RAISES(PyConfig_GetInt("enable_gil", &value), -1, PyExc_ValueError, "unknown config option name: enable_gil");
#endif
    Py_DECREF(five);
    Py_DECREF(none);
    Py_DECREF(digits);
}
#pragma GCC diagnostic pop

static void times(void) {
    PyTime_t a, b;
    CHECK(PyTime_Monotonic(&a) == 0 && PyTime_MonotonicRaw(&b) == 0 && b >= a);
    CHECK(PyTime_PerfCounter(&a) == 0 && PyTime_PerfCounterRaw(&b) == 0 && b >= a);
    CHECK(PyTime_Time(&a) == 0 && PyTime_TimeRaw(&b) == 0);
    double seconds = PyTime_AsSecondsDouble(a);
    CHECK(seconds > 1.6e9 && seconds - (double)time(NULL) < 5 && PyTime_AsSecondsDouble(1500000000) == 1.5);
}

static void marshal(void) {
    PyObject *value = eval("[1, 'two', (3.0, None)]"), *data = PyMarshal_WriteObjectToString(value, Py_MARSHAL_VERSION), *again;
    CHECK(data && PyBytes_Check(data));
    again = PyMarshal_ReadObjectFromString(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    CHECK(holds("x == [1, 'two', (3.0, None)]", again));
    Py_XDECREF(again);
    RAISES(PyMarshal_ReadObjectFromString("", 0), NULL, PyExc_EOFError, "EOF read where object expected");
    RAISES(PyMarshal_ReadObjectFromString("?", 1), NULL, PyExc_ValueError, "bad marshal data (unknown type code)");
    FILE *file = tmpfile();
    PyMarshal_WriteLongToFile(0x12345678, file, 4);
    PyMarshal_WriteObjectToFile(value, file, 4);
    PyMarshal_WriteObjectToFile(data, file, 4);
    rewind(file);
    CHECK(PyMarshal_ReadLongFromFile(file) == 0x12345678);
    again = PyMarshal_ReadObjectFromFile(file);
    CHECK(again && PyObject_RichCompareBool(again, value, Py_EQ) == 1);
    Py_XDECREF(again);
    again = PyMarshal_ReadLastObjectFromFile(file);
    CHECK(again && PyObject_RichCompareBool(again, data, Py_EQ) == 1);
    Py_XDECREF(again);
    RAISES(PyMarshal_ReadShortFromFile(file), -1, PyExc_EOFError, NULL);
    fclose(file);
    PyObject *object = eval("object()");
    RAISES(PyMarshal_WriteObjectToString(object, 4), NULL, PyExc_ValueError, "unmarshallable object");
    Py_XDECREF(object);
    Py_XDECREF(value);
    Py_XDECREF(data);
}

static void imports(void) {
    PyObject *module = PyImport_ImportModule("json"), *name = PyUnicode_FromString("json.decoder"), *got;
    CHECK(module && PyModule_Check(module) && PyImport_AddModule("json") == module);
    got = PyImport_Import(name);
    CHECK(holds("x.__name__ == 'json.decoder'", got));
    Py_XDECREF(got);
    got = PyImport_GetModule(name);
    CHECK(got && PyModule_Check(got) && strcmp(PyModule_GetName(got), "json.decoder") == 0);
    Py_XDECREF(got);
    got = PyImport_ImportModuleLevel("json", names, NULL, NULL, 0);
    CHECK(got == module);
    Py_XDECREF(got);
    RAISES(PyImport_ImportModule("no_such_module_at_all"), NULL, PyExc_ModuleNotFoundError, "No module named 'no_such_module_at_all'");
    RAISES(PyImport_ImportModuleLevel("x", names, NULL, NULL, -1), NULL, PyExc_ValueError, "level must be >= 0");
    got = PyImport_ReloadModule(module);
    CHECK(got == module);
    Py_XDECREF(got);
    RAISES(PyImport_ReloadModule(Py_None), NULL, PyExc_TypeError, "reload() argument must be a module");
    PyObject *dict = PyImport_GetModuleDict();
    CHECK(dict && PyDict_Check(dict) && PyDict_ContainsString(dict, "json") == 1);
    got = PyImport_AddModuleRef("check.made");
    CHECK(got && PyModule_Check(got) && PyDict_DelItemString(dict, "check.made") == 0);
    Py_XDECREF(got);
    got = PyImport_ImportModuleAttrString("math", "pi");
    CHECK(got && PyFloat_Check(got));
    Py_XDECREF(got);
    RAISES(PyImport_ImportModuleAttrString("math", "no_such"), NULL, PyExc_AttributeError, "module 'math' has no attribute 'no_such'");
    PyObject *code = Py_CompileString("answer = __name__ + '!'\n", "made.py", Py_file_input);
    got = PyImport_ExecCodeModule("check_made", code);
    CHECK(holds("x.answer == 'check_made!'", got) && PyDict_DelItemString(dict, "check_made") == 0);
    Py_XDECREF(got);
    Py_XDECREF(code);
    PyObject *tag = PyUnicode_FromString(PyImport_GetMagicTag());
    CHECK(PyImport_GetMagicNumber() != 0 && holds("x == __import__('sys').implementation.cache_tag", tag));
    Py_XDECREF(tag);
    CHECK(PyImport_ImportFrozenModule("no_such_frozen") == 0 && !PyErr_Occurred());
    Py_XDECREF(module);
    Py_DECREF(name);
}

static void test(void) {
    options();
    sys();
    times();
    marshal();
    imports();
}
