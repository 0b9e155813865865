/* One check or more from each of many chapters of the C API. The same program passes on the reference. */
#include <Python.h>
#include <marshal.h>
#include <structmember.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            if (PyErr_Occurred()) { \
                PyErr_Print(); \
            } \
            failures++; \
        } \
    } while (0)

static int audited;

static int
audit(const char *event, PyObject *args, void *data)
{
    if (strcmp(event, "chapters.event") == 0 && PyTuple_GET_SIZE(args) == 2) {
        audited += *(int *)data;
    }
    return 0;
}

static PyObject *
init_linked(void)
{
    static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "linked", .m_size = -1};
    PyObject *module = PyModule_Create(&def);
    if (module && PyModule_AddIntConstant(module, "answer", 42) < 0) {
        Py_CLEAR(module);
    }
    return module;
}

static int
is_error(PyObject *type)
{
    int found = PyErr_ExceptionMatches(type);
    PyErr_Clear();
    return found;
}

static void
configuration(void)
{
    PyObject *names = PyConfig_Names();
    CHECK(names && PyAnySet_Check(names) && PySet_Size(names) > 50);
    Py_XDECREF(names);
    int verbose = -5;
    CHECK(PyConfig_GetInt("verbose", &verbose) == 0 && verbose == 0);
    PyObject *value = PyConfig_Get("executable");
    CHECK(value && PyUnicode_Check(value));
    Py_XDECREF(value);
    CHECK(PyConfig_Get("no such option") == NULL && is_error(PyExc_ValueError));
    value = PyLong_FromLong(5000);
    CHECK(PyConfig_Set("int_max_str_digits", value) == 0);
    CHECK(PyConfig_Set("hash_seed", value) < 0 && is_error(PyExc_ValueError));
    Py_DECREF(value);
    int digits = 0;
    CHECK(PyConfig_GetInt("int_max_str_digits", &digits) == 0 && digits == 5000);
}

static void
codecs(void)
{
    CHECK(PyCodec_KnownEncoding("latin-1") && !PyCodec_KnownEncoding("no such codec"));
    PyObject *text = PyUnicode_FromString("\303\244b");
    PyObject *data = PyCodec_Encode(text, "utf-16-le", "strict");
    CHECK(data && PyBytes_GET_SIZE(data) == 4);
    PyObject *back = PyCodec_Decode(data, "utf-16-le", NULL);
    CHECK(back && PyUnicode_Compare(back, text) == 0);
    Py_XDECREF(data);
    Py_XDECREF(back);
    PyObject *error = PyUnicodeDecodeError_Create("ascii", "ab\377", 3, 2, 3, "too large");
    Py_ssize_t at = -1;
    CHECK(error && PyUnicodeDecodeError_GetStart(error, &at) == 0 && at == 2);
    CHECK(PyUnicodeDecodeError_SetEnd(error, 90) == 0 && PyUnicodeDecodeError_GetEnd(error, &at) == 0 && at == 3);
    CHECK(PyUnicodeEncodeError_GetReason(Py_None) == NULL && is_error(PyExc_TypeError));
    PyObject *pair = PyCodec_ReplaceErrors(error);
    CHECK(pair && PyTuple_GET_SIZE(pair) == 2);
    Py_XDECREF(pair);
    Py_XDECREF(error);
    int order = 0;
    Py_ssize_t used = 0;
    back = PyUnicode_DecodeUTF16Stateful("\377\376a\0b", 5, NULL, &order, &used);
    CHECK(back && order == -1 && used == 4 && PyUnicode_EqualToUTF8(back, "a"));
    Py_XDECREF(back);
    Py_DECREF(text);
}

static void
sequences(void)
{
    static PyStructSequence_Field fields[] = {{"one", "first"}, {"two", "second"}, {"more", "hidden"}, {NULL, NULL}};
    static PyStructSequence_Desc desc = {"chapters.pair", "Two items.", fields, 2};
    PyTypeObject *type = PyStructSequence_NewType(&desc);
    CHECK(type != NULL);
    PyObject *pair = PyStructSequence_New(type);
    CHECK(pair && PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2);
    for (Py_ssize_t i = 0; i < 3; i++) {
        PyStructSequence_SetItem(pair, i, PyLong_FromSsize_t(i * 10));
    }
    PyObject *hidden = PyObject_GetAttrString(pair, "more");
    CHECK(hidden && PyLong_AsLong(hidden) == 20);
    Py_XDECREF(hidden);
    PyObject *shown = PyObject_Repr(pair);
    CHECK(shown && PyUnicode_EqualToUTF8(shown, "chapters.pair(one=0, two=10)"));
    Py_XDECREF(shown);
    Py_XDECREF(pair);
    static PyTypeObject own;
    CHECK(PyStructSequence_InitType2(&own, &desc) == 0);
    pair = PyStructSequence_New(&own);
    CHECK(pair && Py_IS_TYPE(pair, &own));
    for (Py_ssize_t i = 0; i < 3; i++) {
        PyStructSequence_SetItem(pair, i, Py_NewRef(Py_None));
    }
    Py_XDECREF(pair);
    Py_XDECREF(type);
}

static void
values(void)
{
    PyObject *list = Py_BuildValue("[iOs]", 7, Py_None, "text");
    PyObject *data = PyMarshal_WriteObjectToString(list, Py_MARSHAL_VERSION);
    CHECK(data != NULL);
    PyObject *copy = PyMarshal_ReadObjectFromString(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    CHECK(copy && PyObject_RichCompareBool(copy, list, Py_EQ) == 1);
    Py_XDECREF(copy);
    Py_XDECREF(data);
    Py_DECREF(list);
    int kind = -1;
    char *text = PyOS_double_to_string(0.1, 'r', 0, Py_DTSF_ADD_DOT_0, &kind);
    CHECK(text && strcmp(text, "0.1") == 0 && kind == Py_DTST_FINITE);
    PyMem_Free(text);
    text = PyOS_double_to_string(-1234.5, 'e', 3, 0, NULL);
    CHECK(text && strcmp(text, "-1.234e+03") == 0);
    PyMem_Free(text);
    Py_complex a = {1, 2}, b = {3, -1};
    Py_complex c = _Py_c_prod(a, b);
    CHECK(c.real == 5 && c.imag == 5);
    c = _Py_c_quot(c, b);
    CHECK(c.real > 0.999 && c.real < 1.001 && c.imag > 1.999 && c.imag < 2.001);
    PyObject *dict = PyDict_New(), *got = NULL;
    CHECK(PyDict_SetDefaultRef(dict, Py_None, Py_True, &got) == 0 && got == Py_True);
    Py_XDECREF(got);
    CHECK(PyDict_SetDefaultRef(dict, Py_None, Py_False, &got) == 1 && got == Py_True);
    Py_XDECREF(got);
    Py_DECREF(dict);
    PyTime_t before = 0, after = 0;
    CHECK(PyTime_Monotonic(&before) == 0 && PyTime_MonotonicRaw(&after) == 0 && after >= before);
    CHECK(PyTime_AsSecondsDouble(1500000000) == 1.5);
    CHECK(PyExc_IOError == PyExc_OSError && PyExc_EnvironmentError == PyExc_OSError);
    CHECK((Py_Version >> 16) == 0x030e);
}

static int dict_events, type_events, function_events, code_events;

static int
on_dict(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
{
    (void)dict, (void)key, (void)value;
    dict_events += event == PyDict_EVENT_ADDED;
    return 0;
}
static int
on_type(PyTypeObject *type)
{
    (void)type;
    type_events++;
    return 0;
}
static int
on_function(PyFunction_WatchEvent event, PyFunctionObject *function, PyObject *value)
{
    (void)function, (void)value;
    function_events += event == PyFunction_EVENT_MODIFY_DEFAULTS;
    return 0;
}
static int
on_code(PyCodeEvent event, PyCodeObject *code)
{
    (void)code;
    code_events += event == PY_CODE_EVENT_CREATE;
    return 0;
}

static void
watchers(void)
{
    PyObject *main = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *dict = PyDict_New();
    int id = PyDict_AddWatcher(on_dict);
    CHECK(id >= 0 && PyDict_Watch(id, dict) == 0);
    CHECK(PyDict_SetItemString(dict, "key", Py_None) == 0 && dict_events == 1);
    CHECK(PyDict_Unwatch(id, dict) == 0 && PyDict_SetItemString(dict, "other", Py_None) == 0 && dict_events == 1);
    CHECK(PyDict_ClearWatcher(id) == 0);
    CHECK(PyDict_ClearWatcher(id) < 0 && is_error(PyExc_ValueError));
    CHECK(PyDict_Watch(0, Py_None) < 0 && is_error(PyExc_ValueError));
    Py_DECREF(dict);

    int code = PyCode_AddWatcher(on_code);
    PyObject *done = PyRun_String("class Watched: pass\ndef f(): pass", Py_file_input, main, main);
    CHECK(done != NULL && code_events > 0);
    Py_XDECREF(done);
    CHECK(PyCode_ClearWatcher(code) == 0);
    id = PyType_AddWatcher(on_type);
    CHECK(id >= 0 && PyType_Watch(id, PyDict_GetItemString(main, "Watched")) == 0);
    done = PyRun_String("Watched.x = 1", Py_file_input, main, main);
    CHECK(done != NULL && type_events == 1);
    Py_XDECREF(done);
    CHECK(PyType_ClearWatcher(id) == 0);
    id = PyFunction_AddWatcher(on_function);
    done = PyRun_String("f.__defaults__ = (1,)", Py_file_input, main, main);
    CHECK(done != NULL && function_events == 1);
    Py_XDECREF(done);
    CHECK(PyFunction_ClearWatcher(id) == 0);
}

static int traced;

static int
trace(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    (void)object, (void)frame, (void)argument;
    traced += what == PyTrace_CALL;
    return 0;
}

static void
frames(void)
{
    PyObject *main = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyEval_SetTrace(trace, NULL);
    PyObject *done = PyRun_String("f()", Py_file_input, main, main);
    PyEval_SetTrace(NULL, NULL);
    CHECK(done != NULL && traced == 2);
    Py_XDECREF(done);
    Py_ssize_t index = PyUnstable_Eval_RequestCodeExtraIndex(NULL);
    PyObject *code = Py_CompileString("x", "<test>", Py_eval_input);
    void *extra = &index;
    CHECK(index >= 0 && PyUnstable_Code_GetExtra(code, index, &extra) == 0 && extra == NULL);
    CHECK(PyUnstable_Code_SetExtra(code, index, &index) == 0);
    CHECK(PyUnstable_Code_GetExtra(code, index, &extra) == 0 && extra == &index);
    Py_DECREF(code);
    PyObject *context = PyContext_New();
    CHECK(context && PyContext_Enter(context) == 0 && PyContext_Exit(context) == 0);
    CHECK(PyContext_Exit(context) < 0 && is_error(PyExc_RuntimeError));
    Py_XDECREF(context);
}

static int allocations;
static PyMemAllocatorEx below;

static void *
count_malloc(void *context, size_t size)
{
    (void)context;
    allocations++;
    return below.malloc(below.ctx, size);
}

static void
memory(void)
{
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &below);
    PyMemAllocatorEx counting = below;
    counting.malloc = count_malloc;
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &counting);
    void *block = PyMem_Malloc(10);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &below);
    PyMem_Free(block);
    CHECK(block && allocations >= 1);
}

static void
interpreters(void)
{
    PyThreadState *outer = PyThreadState_Get(), *inner = NULL;
    PyInterpreterConfig config = {.allow_threads = 1, .check_multi_interp_extensions = 1, .gil = PyInterpreterConfig_OWN_GIL};
    PyStatus status = Py_NewInterpreterFromConfig(&inner, &config);
    CHECK(!PyStatus_Exception(status) && inner != NULL);
    CHECK(PyRun_SimpleString("import sys, os\n"
                             "try: os.fork()\n"
                             "except RuntimeError: pass\n"
                             "else: raise SystemExit('forked')\n") == 0);
    Py_EndInterpreter(inner);
    PyThreadState_Swap(outer);
    config.check_multi_interp_extensions = 0;
    status = Py_NewInterpreterFromConfig(&inner, &config);
    CHECK(PyStatus_IsError(status));
    CHECK(PyThreadState_Get() == outer);
}

int
main(void)
{
    int weight = 3;
    CHECK(PySys_AddAuditHook(audit, &weight) == 0);
    CHECK(PyImport_AppendInittab("linked", init_linked) == 0);
    PyInitConfig *config = PyInitConfig_Create();
    CHECK(config != NULL && PyInitConfig_HasOption(config, "verbose") && !PyInitConfig_HasOption(config, "nothing"));
    CHECK(PyInitConfig_SetInt(config, "nothing", 1) < 0);
    const char *message = NULL;
    CHECK(PyInitConfig_GetError(config, &message) == 1 && message != NULL);
    CHECK(PyInitConfig_SetStr(config, "program_name", "chapters") == 0);
    char *name = NULL;
    CHECK(PyInitConfig_GetStr(config, "program_name", &name) == 0 && strcmp(name, "chapters") == 0);
    free(name);
    /* An isolated configuration does not read PYTHONHOME. */
    const char *home = getenv("PYTHONHOME");
    CHECK(home == NULL || PyInitConfig_SetStr(config, "home", home) == 0);
    char *argv[] = {"first", "second"};
    CHECK(PyInitConfig_SetStrList(config, "argv", 2, argv) == 0);
    if (Py_InitializeFromInitConfig(config) < 0) {
        PyInitConfig_GetError(config, &message);
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    PyInitConfig_Free(config);

    PyObject *linked = PyImport_ImportModule("linked");
    CHECK(linked != NULL && PyObject_HasAttrString(linked, "answer"));
    Py_XDECREF(linked);
    CHECK(PySys_Audit("chapters.event", "si", "text", 1) == 0 && audited == 3);
    PyObject *args = PySys_GetObject("argv");
    CHECK(args && PyList_GET_SIZE(args) == 2);
    configuration();
    codecs();
    sequences();
    values();
    watchers();
    frames();
    memory();
    interpreters();
    CHECK(Py_FinalizeEx() == 0);
    return failures != 0;
}
