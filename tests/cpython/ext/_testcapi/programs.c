/* Running code; functions, frames, configuration, clocks, hashes, files and exceptions as C sees them. */
#include "parts.h"
#include "../functions.h"

#include <frameobject.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- running: (text, start, globals, locals, flags) and (path, start, globals, locals, close, flags) */

enum Options { PLAIN = 0, FLAGS = 1, CLOSE = 2 };

static PyCompilerFlags *flags_of(PyCompilerFlags *flags, int bits) {
    flags->cf_flags = bits;
    flags->cf_feature_version = PY_MINOR_VERSION;
    return bits ? flags : NULL;
}

static PyObject *run_text(PyObject *args, enum Options options) {
    PLACES;
    PyCompilerFlags flags;
    if (!PyArg_ParseTuple(args, "z#iO&|O&i", &s, &s_size, &i, A, B, &j))
        return NULL;
    PyCompilerFlags *given = flags_of(&flags, j);
    return options & FLAGS ? PyRun_StringFlags(s, i, a, b, given) : PyRun_String(s, i, a, b);
}

static FILE *opened(const char *path) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (file == NULL)
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return file;
}

static PyObject *run_path(PyObject *args, enum Options options) {
    PLACES;
    PyCompilerFlags flags;
    if (!PyArg_ParseTuple(args, "z#iO&|O&iI", &s, &s_size, &i, A, B, &j, &u))
        return NULL;
    FILE *file = opened(s);
    if (file == NULL)
        return NULL;
    PyCompilerFlags *given = flags_of(&flags, (int)u);
    PyObject *result;
    if (options == PLAIN)
        result = PyRun_File(file, s, i, a, b);
    else if (options == CLOSE)
        result = PyRun_FileEx(file, s, i, a, b, j);
    else if (options == FLAGS)
        result = PyRun_FileFlags(file, s, i, a, b, given);
    else
        result = PyRun_FileExFlags(file, s, i, a, b, j, given);
    if (options & CLOSE && j) {
        /* A closed file has no descriptor any more. */
        if (result != NULL && fileno(file) >= 0)
            PyErr_Clear();
    } else {
        fclose(file);
    }
    return result;
}

#define RUN(NAME, HOW, OPTIONS)                                  \
    static PyObject *NAME(PyObject *module, PyObject *args) {    \
        return HOW(args, OPTIONS);                               \
    }
RUN(run_string, run_text, PLAIN)
RUN(run_stringflags, run_text, FLAGS)
RUN(run_file, run_path, PLAIN)
RUN(run_fileex, run_path, CLOSE)
RUN(run_fileflags, run_path, FLAGS)
RUN(run_fileexflags, run_path, CLOSE | FLAGS)

/* (path to open, name to show, close): the result of a program, 0 or -1. */
static PyObject *run_program(PyObject *args, int (*run)(FILE *, const char *, int)) {
    PLACES;
    if (!PyArg_ParseTuple(args, "z#z#|i", &s, &s_size, &t, &t_size, &i))
        return NULL;
    FILE *file = opened(s);
    if (file == NULL)
        return NULL;
    int result = run(file, t, i);
    if (!i)
        fclose(file);
    return PyLong_FromLong(result);
}

static int simple_file(FILE *file, const char *name, int close) {
    return PyRun_SimpleFile(file, name);
}
static int any_file(FILE *file, const char *name, int close) {
    return PyRun_AnyFile(file, name);
}
static int any_file_flags(FILE *file, const char *name, int close) {
    return PyRun_AnyFileFlags(file, name, NULL);
}
static int simple_file_flags(FILE *file, const char *name, int close) {
    return PyRun_SimpleFileExFlags(file, name, close, NULL);
}
static int any_file_ex_flags(FILE *file, const char *name, int close) {
    return PyRun_AnyFileExFlags(file, name, close, NULL);
}
static int interactive_one(FILE *file, const char *name, int close) {
    return PyRun_InteractiveOne(file, name);
}
static int interactive_one_flags(FILE *file, const char *name, int close) {
    return PyRun_InteractiveOneFlags(file, name, NULL);
}
static int interactive_loop(FILE *file, const char *name, int close) {
    return PyRun_InteractiveLoop(file, name);
}
static int interactive_loop_flags(FILE *file, const char *name, int close) {
    return PyRun_InteractiveLoopFlags(file, name, NULL);
}

static PyObject *run_interactive_object(const char *path, PyObject *name) {
    FILE *file = opened(path);
    if (file == NULL)
        return NULL;
    int result = PyRun_InteractiveOneObject(file, name, NULL);
    fclose(file);
    return result < 0 && PyErr_Occurred() ? NULL : PyLong_FromLong(result);
}

#define PROGRAM(NAME, HOW)                                       \
    static PyObject *NAME(PyObject *module, PyObject *args) {    \
        return run_program(args, HOW);                           \
    }
PROGRAM(run_simplefile, simple_file)
PROGRAM(run_simplefileex, PyRun_SimpleFileEx)
PROGRAM(run_simplefileexflags, simple_file_flags)
PROGRAM(run_anyfile, any_file)
PROGRAM(run_anyfileex, PyRun_AnyFileEx)
PROGRAM(run_anyfileflags, any_file_flags)
PROGRAM(run_anyfileexflags, any_file_ex_flags)
PROGRAM(run_interactiveone, interactive_one)
PROGRAM(run_interactiveoneflags, interactive_one_flags)
PROGRAM(run_interactiveloop, interactive_loop)
PROGRAM(run_interactiveloopflags, interactive_loop_flags)

static PyMethodDef runners[] = {
#define RUNNER(NAME) {#NAME, NAME, METH_VARARGS, NULL}
    RUNNER(run_string), RUNNER(run_stringflags), RUNNER(run_file), RUNNER(run_fileex), RUNNER(run_fileflags),
    RUNNER(run_fileexflags), RUNNER(run_simplefile), RUNNER(run_simplefileex), RUNNER(run_simplefileexflags),
    RUNNER(run_anyfile), RUNNER(run_anyfileex), RUNNER(run_anyfileflags), RUNNER(run_anyfileexflags),
    RUNNER(run_interactiveone), RUNNER(run_interactiveoneflags), RUNNER(run_interactiveloop),
    RUNNER(run_interactiveloopflags),
    {NULL, NULL, 0, NULL},
};

/* ---- code with everything */

static PyObject **items_of(PyObject *tuple, Py_ssize_t *count) {
    *count = tuple ? PyTuple_GET_SIZE(tuple) : 0;
    PyObject **items = PyMem_New(PyObject *, (size_t)*count + 1);
    for (Py_ssize_t i = 0; items != NULL && i < *count; i++)
        items[i] = PyTuple_GET_ITEM(tuple, i);
    return items;
}

static PyObject *eval_code_ex(PyObject *module, PyObject *args) {
    PyObject *code, *globals, *locals = NULL, *positional = NULL, *keywords = NULL, *defaults = NULL, *kwdefaults = NULL,
             *closure = NULL;
    if (!PyArg_ParseTuple(args, "OO|O&O!O!O!O&O&", &code, &globals, nullable, &locals, &PyTuple_Type, &positional,
                          &PyDict_Type, &keywords, &PyTuple_Type, &defaults, nullable, &kwdefaults, nullable, &closure))
        return NULL;
    Py_ssize_t count, default_count, pairs = keywords ? PyDict_GET_SIZE(keywords) : 0;
    PyObject **values = items_of(positional, &count), **given = items_of(defaults, &default_count);
    PyObject **named = PyMem_New(PyObject *, 2 * (size_t)pairs + 1), *result = NULL;
    if (values == NULL || given == NULL || named == NULL) {
        PyErr_NoMemory();
    } else {
        Py_ssize_t at = 0, pair = 0;
        while (keywords != NULL && PyDict_Next(keywords, &at, &named[2 * pair], &named[2 * pair + 1]))
            pair++;
        result = PyEval_EvalCodeEx(code, globals, locals, values, (int)count, named, (int)pairs, given,
                                   (int)default_count, kwdefaults, closure);
    }
    PyMem_Free(values);
    PyMem_Free(given);
    PyMem_Free(named);
    return result;
}

/* ---- clocks, hashes, files, frames */

static PyObject *seconds(int failed, PyTime_t time) {
    return failed < 0 ? NULL : PyFloat_FromDouble(PyTime_AsSecondsDouble(time));
}

#define CLOCK(NAME)                              \
    static PyObject *NAME##_seconds(void) {      \
        PyTime_t time = -1;                      \
        int failed = NAME(&time);                \
        return seconds(failed, time);            \
    }
CLOCK(PyTime_Monotonic)
CLOCK(PyTime_PerfCounter)
CLOCK(PyTime_Time)

/* The same without a thread state. */
#define RAW_CLOCK(NAME)                          \
    static PyObject *NAME##_seconds(void) {      \
        PyTime_t time = -1;                      \
        int failed;                              \
        Py_BEGIN_ALLOW_THREADS                   \
        failed = NAME(&time);                    \
        Py_END_ALLOW_THREADS                     \
        return seconds(failed, time);            \
    }
RAW_CLOCK(PyTime_MonotonicRaw)
RAW_CLOCK(PyTime_PerfCounterRaw)
RAW_CLOCK(PyTime_TimeRaw)

static PyObject *hash_function(void) {
    const PyHash_FuncDef *def = PyHash_GetFuncDef();
    PyObject *types = PyImport_ImportModule("types");
    PyObject *namespace = types ? PyObject_GetAttrString(types, "SimpleNamespace") : NULL, *result = NULL;
    PyObject *fields = Py_BuildValue("{s:s,s:i,s:i}", "name", def->name, "hash_bits", def->hash_bits, "seed_bits", def->seed_bits);
    PyObject *none = PyTuple_New(0);
    if (namespace != NULL && fields != NULL && none != NULL)
        result = PyObject_Call(namespace, none, fields);
    Py_XDECREF(none);
    Py_XDECREF(fields);
    Py_XDECREF(namespace);
    Py_XDECREF(types);
    return result;
}

static PyObject *hash_pointer(PyObject *a) {
    void *pointer = PyLong_AsVoidPtr(a);
    return pointer == NULL && PyErr_Occurred() ? NULL : PyLong_FromSsize_t(Py_HashPointer(pointer));
}

static PyObject *opened_and_read(PyObject *path, const char *mode) {
    FILE *file = Py_fopen(path, mode);
    if (file == NULL)
        return NULL;
    char data[256];
    size_t size = fread(data, 1, sizeof data, file);
    Py_fclose(file);
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

static PyObject *line_of(PyObject *path, int room) {
    FILE *file = Py_fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char data[512];
    if (room < 1 || room > (int)sizeof data)
        room = sizeof data;
    char *line = Py_UniversalNewlineFgets(data, room, file, NULL);
    Py_fclose(file);
    return line ? PyBytes_FromString(line) : NOTHING(0);
}

static PyObject *config_int(const char *name) {
    int value;
    return PyConfig_GetInt(name, &value) < 0 ? NULL : PyLong_FromLong(value);
}

static PyFrameObject *frame(PyObject *object) {
    if (PyFrame_Check(object))
        return (PyFrameObject *)object;
    PyErr_SetString(PyExc_TypeError, "argument must be a frame");
    return NULL;
}
#define OF_FRAME(CALL) (frame(a) ? (CALL) : NULL)

/* ---- exceptions */

static PyObject *set_object(PyObject *class, PyObject *value) {
    PyErr_SetObject(class, value);
    return NULL;
}

static PyObject *set_object_and_fetch(PyObject *class, PyObject *value) {
    PyObject *type, *exception, *traceback;
    PyErr_SetObject(class, value);
    PyErr_Fetch(&type, &exception, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return exception;
}

static PyObject *set_handled(PyObject *exception) {
    PyObject *old = PyErr_GetHandledException();
    PyErr_SetHandledException(exception);
    return old ? old : Py_NewRef(Py_None);
}

static PyObject *set_handled_parts(PyObject *type, PyObject *value, PyObject *traceback) {
    PyObject *old_type, *old_value, *old_traceback;
    PyErr_GetExcInfo(&old_type, &old_value, &old_traceback);
    PyErr_SetExcInfo(Py_XNewRef(type), Py_XNewRef(value), Py_XNewRef(traceback));
    PyObject *old = PyTuple_Pack(3, old_type ? old_type : Py_None, old_value ? old_value : Py_None,
                                 old_traceback ? old_traceback : Py_None);
    Py_XDECREF(old_type);
    Py_XDECREF(old_value);
    Py_XDECREF(old_traceback);
    return old;
}

static PyObject *set_raised(PyObject *exception) {
    PyErr_SetRaisedException(Py_NewRef(exception));
    return NULL;
}

static PyObject *restore(PyObject *type, PyObject *value, PyObject *traceback) {
    PyErr_Restore(Py_XNewRef(type), Py_XNewRef(value), Py_XNewRef(traceback));
    return NULL;
}

static PyObject *set_string(PyObject *class, const char *text) {
    PyErr_SetString(class, text);
    return NULL;
}

static PyObject *from_errno(int number, PyObject *class, const char *path) {
    errno = number;
    return PyErr_SetFromErrnoWithFilename(class, path);
}

static PyObject *warn(void) {
    return PyErr_WarnEx(PyExc_RuntimeWarning, "Testing PyErr_WarnEx", 2) < 0 ? NULL : NOTHING(0);
}

#define RANGE(KIND, CLASS)                                                                        \
    static PyObject *KIND##_start(PyObject *error) {                                              \
        Py_ssize_t place;                                                                         \
        return PyUnicode##CLASS##Error_GetStart(error, &place) < 0 ? NULL : SIZE(place);          \
    }                                                                                             \
    static PyObject *KIND##_end(PyObject *error) {                                                \
        Py_ssize_t place;                                                                         \
        return PyUnicode##CLASS##Error_GetEnd(error, &place) < 0 ? NULL : SIZE(place);            \
    }
RANGE(encode, Encode)
RANGE(decode, Decode)
RANGE(translate, Translate)

#define RANGES(ONE, MANY, KIND, CLASS)                                                                               \
    ONE(unicode_##KIND##_get_start, KIND##_start(a))                                                                 \
    ONE(unicode_##KIND##_get_end, KIND##_end(a))                                                                     \
    MANY(unicode_##KIND##_set_start, NOTHING(PyUnicode##CLASS##Error_SetStart(a, n)), "On", &a, &n)                  \
    MANY(unicode_##KIND##_set_end, NOTHING(PyUnicode##CLASS##Error_SetEnd(a, n)), "On", &a, &n)

#define FUNCTIONS(ONE, MANY)                                                                                         \
    MANY(run_simplestring, PyLong_FromLong(PyRun_SimpleString(s)), "z#", &s, &s_size)                                \
    MANY(run_simplestringflags, PyLong_FromLong(PyRun_SimpleStringFlags(s, NULL)), "z#|i", &s, &s_size, &i)          \
    MANY(run_interactiveoneobject, run_interactive_object(s, a), "z#O&", &s, &s_size, A)                             \
    MANY(run_compilestringflags, compiled(s, t, i, u), "z#z#i|I", &s, &s_size, &t, &t_size, &i, &u)                  \
    MANY(run_compilestringexflags, compiled_ex(s, t, i, u, j), "z#z#i|Ii", &s, &s_size, &t, &t_size, &i, &u, (j = -1, &j)) \
    MANY(run_compilestringobject, compiled_object(s, a, i, u, j), "z#O&i|Ii", &s, &s_size, A, &i, &u, (j = -1, &j))  \
    ONE(function_get_code, LENT(PyFunction_GetCode(a ? a : Py_None)))                                                \
    ONE(function_get_globals, LENT(PyFunction_GetGlobals(a ? a : Py_None)))                                          \
    ONE(function_get_module, LENT(PyFunction_GetModule(a ? a : Py_None)))                                            \
    ONE(function_get_defaults, FOUND(LENT(PyFunction_GetDefaults(a ? a : Py_None)), Py_None))                        \
    ONE(function_get_kw_defaults, FOUND(LENT(PyFunction_GetKwDefaults(a ? a : Py_None)), Py_None))                   \
    ONE(function_get_closure, FOUND(LENT(PyFunction_GetClosure(a ? a : Py_None)), Py_None))                          \
    ONE(function_get_annotations, FOUND(LENT(PyFunction_GetAnnotations(a ? a : Py_None)), Py_None))                  \
    MANY(function_set_defaults, NOTHING(PyFunction_SetDefaults(a, b)), "OO", &a, &b)                                 \
    MANY(function_set_kw_defaults, NOTHING(PyFunction_SetKwDefaults(a, b)), "OO", &a, &b)                            \
    MANY(function_set_closure, NOTHING(PyFunction_SetClosure(a, b)), "OO", &a, &b)                                   \
    ONE(frame_getlocals, OF_FRAME(PyFrame_GetLocals(frame(a))))                                                      \
    ONE(frame_getglobals, OF_FRAME(PyFrame_GetGlobals(frame(a))))                                                    \
    ONE(frame_getgenerator, OF_FRAME(FOUND(PyFrame_GetGenerator(frame(a)), Py_None)))                                \
    ONE(frame_getbuiltins, OF_FRAME(PyFrame_GetBuiltins(frame(a))))                                                  \
    ONE(frame_getlasti, OF_FRAME(PyLong_FromLong(PyFrame_GetLasti(frame(a)))))                                       \
    MANY(frame_getvar, OF_FRAME(PyFrame_GetVar(frame(a), b)), "OO", &a, &b)                                          \
    MANY(frame_getvarstring, OF_FRAME(PyFrame_GetVarString(frame(a), s)), "Oy", &a, &s)                              \
    MANY(frame_new, (PyObject *)PyFrame_New(PyThreadState_Get(), (PyCodeObject *)a, b, c), "OOO", &a, &b, &c)        \
    ONE(gen_get_code, (PyObject *)PyGen_GetCode((PyGenObject *)a))                                                   \
    MANY(config_getint, config_int(s), "s", &s)                                                                      \
    MANY(config_names, PyConfig_Names(), "")                                                                         \
    MANY(config_set, NOTHING(PyConfig_Set(s, a)), "sO", &s, &a)                                                      \
    MANY(PyTime_Monotonic, PyTime_Monotonic_seconds(), "")                                                           \
    MANY(PyTime_MonotonicRaw, PyTime_MonotonicRaw_seconds(), "")                                                     \
    MANY(PyTime_PerfCounter, PyTime_PerfCounter_seconds(), "")                                                       \
    MANY(PyTime_PerfCounterRaw, PyTime_PerfCounterRaw_seconds(), "")                                                 \
    MANY(PyTime_Time, PyTime_Time_seconds(), "")                                                                     \
    MANY(PyTime_TimeRaw, PyTime_TimeRaw_seconds(), "")                                                               \
    MANY(hash_getfuncdef, hash_function(), "")                                                                       \
    ONE(hash_pointer, hash_pointer(a))                                                                               \
    MANY(hash_buffer, PyLong_FromSsize_t(Py_HashBuffer(s, s_size)), "y#", &s, &s_size)                               \
    MANY(py_fopen, opened_and_read(a, s), "Oz#", &a, &s, &s_size)                                                    \
    MANY(py_universalnewlinefgets, line_of(a, i), "O|i", &a, &i)                                                     \
    MANY(pyfile_newstdprinter, PyFile_NewStdPrinter(i), "i", &i)                                                     \
    MANY(PyImport_ImportModuleAttr, PyImport_ImportModuleAttr(a, b), "O&O&", A, B)                                   \
    MANY(PyImport_ImportModuleAttrString, PyImport_ImportModuleAttrString(s, t), "z#z#", &s, &s_size, &t, &t_size)   \
    MANY(exc_set_object, set_object(a, b), "OO", &a, &b)                                                             \
    MANY(exc_set_object_fetch, set_object_and_fetch(a, b), "OO", &a, &b)                                             \
    MANY(set_exception, set_handled(a), "O", &a)                                                                     \
    MANY(set_exc_info, set_handled_parts(a, b, c), "OOO", &a, &b, &c)                                                \
    MANY(err_set_raised, set_raised(a), "O", &a)                                                                     \
    MANY(err_restore, restore(a, b, c), "O|OO", &a, &b, &c)                                                          \
    MANY(err_setstring, set_string(a, s), "Oz#", &a, &s, &s_size)                                                    \
    MANY(err_setfromerrnowithfilename, from_errno(i, a, s), "iOz#", &i, &a, &s, &s_size)                             \
    MANY(function_set_warning, warn(), "")                                                                           \
    MANY(unstable_exc_prep_reraise_star, PyUnstable_Exc_PrepReraiseStar(a, b), "OO", &a, &b)                         \
    RANGES(ONE, MANY, encode, Encode)                                                                                \
    RANGES(ONE, MANY, decode, Decode)                                                                                \
    RANGES(ONE, MANY, translate, Translate)                                                                          \
    ONE(pyweakref_getref, strong(a))                                                                                 \
    ONE(pyweakref_isdead, NUMBER(PyWeakref_IsDead(a)))                                                               \
    ONE(is_immortal, NUMBER(PyUnstable_IsImmortal(a ? a : Py_None)))

static PyObject *strong(PyObject *reference) {
    PyObject *object = UNSET_OBJECT;
    int found = PyWeakref_GetRef(reference, &object);
    if (found < 0)
        return NULL;
    return found ? Py_BuildValue("(iN)", found, object) : PyLong_FromLong(0);
}

static PyObject *compiled(const char *text, const char *name, int start, unsigned int bits) {
    PyCompilerFlags flags;
    return Py_CompileStringFlags(text, name, start, flags_of(&flags, (int)bits));
}

static PyObject *compiled_ex(const char *text, const char *name, int start, unsigned int bits, int optimize) {
    PyCompilerFlags flags;
    return Py_CompileStringExFlags(text, name, start, flags_of(&flags, (int)bits), optimize);
}

static PyObject *compiled_object(const char *text, PyObject *name, int start, unsigned int bits, int optimize) {
    PyCompilerFlags flags;
    return Py_CompileStringObject(text, name, start, flags_of(&flags, (int)bits), optimize);
}

PART(calls_of_all, FUNCTIONS)

static PyMethodDef others[] = {{"eval_code_ex", eval_code_ex, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

int add_programs(PyObject *module) {
    if (PyModule_AddFunctions(module, runners) < 0 || PyModule_AddFunctions(module, others) < 0)
        return -1;
    return add_calls_of_all(module);
}
