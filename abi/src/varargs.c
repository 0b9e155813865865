/* Bodies of the C-variadic functions; src/varargs.rs gives them their public names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct _object PyObject;
typedef ptrdiff_t Py_ssize_t;

/* A va_list as an argument is already a pointer on the ABIs that we build for; in this struct it is one everywhere. */
typedef struct { va_list list; } box;

int krait_va_int(va_list *v) { return va_arg(*v, int); }
unsigned krait_va_uint(va_list *v) { return va_arg(*v, unsigned); }
long krait_va_long(va_list *v) { return va_arg(*v, long); }
long long krait_va_llong(va_list *v) { return va_arg(*v, long long); }
size_t krait_va_size(va_list *v) { return va_arg(*v, size_t); }
double krait_va_double(va_list *v) { return va_arg(*v, double); }
void *krait_va_ptr(va_list *v) { return va_arg(*v, void *); }

extern PyObject *krait_build_value(const char *, va_list *);
extern int krait_parse(PyObject *args, PyObject *kw, const char *format, char *const *names, int compat, va_list *v);
extern int krait_parse_stack(PyObject *const *args, Py_ssize_t n, const char *format, va_list *v);
extern int krait_parse_stack_keywords(PyObject *const *args, Py_ssize_t n, PyObject *names, void *parser, va_list *v);
extern int krait_parse_tuple_keywords(PyObject *args, PyObject *kw, void *parser, va_list *v);
extern int krait_unpack(PyObject *args, const char *name, Py_ssize_t min, Py_ssize_t max, va_list *v);
extern PyObject *krait_format(const char *, va_list *);
extern PyObject *krait_err_format(PyObject *type, const char *, va_list *);
extern int krait_warn_format(PyObject *category, Py_ssize_t level, const char *, va_list *);
extern void krait_unraisable_format(const char *, va_list *);
extern PyObject *krait_call_objargs(PyObject *f, PyObject *name, va_list *v);
extern PyObject *krait_call_format(PyObject *f, const char *name, const char *format, va_list *v);
extern PyObject *krait_tuple_pack(Py_ssize_t n, va_list *v);
extern int krait_writer_format(void *writer, const char *, va_list *);
extern void krait_sys_write(int fd, const char *text);
extern void krait_sys_write_object(int fd, PyObject *text);
extern int krait_audit(const char *event, const char *format, va_list *v);
extern int krait_warn_explicit_format(PyObject *category, const char *file, int line, const char *module, PyObject *registry, const char *format, va_list *v);
extern PyObject *krait_err_format_from_cause(PyObject *type, const char *, va_list *);
extern PyObject *krait_bytes_format(const char *, va_list *);

#define WITH(last, type, expr) box v; va_start(v.list, last); type r = expr; va_end(v.list); return r
#define COPY(from, type, expr) box v; va_copy(v.list, from); type r = expr; va_end(v.list); return r

PyObject *krait_c_Py_BuildValue(const char *f, ...) { WITH(f, PyObject *, krait_build_value(f, &v.list)); }
PyObject *krait_c_Py_VaBuildValue(const char *f, va_list l) { COPY(l, PyObject *, krait_build_value(f, &v.list)); }
int krait_c_PyArg_Parse(PyObject *a, const char *f, ...) { WITH(f, int, krait_parse(a, NULL, f, NULL, 1, &v.list)); }
int krait_c_PyArg_ParseTuple(PyObject *a, const char *f, ...) { WITH(f, int, krait_parse(a, NULL, f, NULL, 0, &v.list)); }
int krait_c_PyArg_VaParse(PyObject *a, const char *f, va_list l) { COPY(l, int, krait_parse(a, NULL, f, NULL, 0, &v.list)); }
int krait_c_PyArg_ParseTupleAndKeywords(PyObject *a, PyObject *k, const char *f, char *const *n, ...) { WITH(n, int, krait_parse(a, k, f, n, 0, &v.list)); }
int krait_c_PyArg_VaParseTupleAndKeywords(PyObject *a, PyObject *k, const char *f, char *const *n, va_list l) { COPY(l, int, krait_parse(a, k, f, n, 0, &v.list)); }
int krait_c_PyArg_UnpackTuple(PyObject *a, const char *name, Py_ssize_t min, Py_ssize_t max, ...) { WITH(max, int, krait_unpack(a, name, min, max, &v.list)); }
int krait_c__PyArg_ParseStack(PyObject *const *a, Py_ssize_t n, const char *f, ...) { WITH(f, int, krait_parse_stack(a, n, f, &v.list)); }
int krait_c__PyArg_ParseStackAndKeywords(PyObject *const *a, Py_ssize_t n, PyObject *k, void *p, ...) { WITH(p, int, krait_parse_stack_keywords(a, n, k, p, &v.list)); }
int krait_c__PyArg_ParseTupleAndKeywordsFast(PyObject *a, PyObject *k, void *p, ...) { WITH(p, int, krait_parse_tuple_keywords(a, k, p, &v.list)); }
PyObject *krait_c_PyTuple_Pack(Py_ssize_t n, ...) { WITH(n, PyObject *, krait_tuple_pack(n, &v.list)); }
PyObject *krait_c_PyUnicode_FromFormat(const char *f, ...) { WITH(f, PyObject *, krait_format(f, &v.list)); }
PyObject *krait_c_PyUnicode_FromFormatV(const char *f, va_list l) { COPY(l, PyObject *, krait_format(f, &v.list)); }
PyObject *krait_c_PyBytes_FromFormat(const char *f, ...) { WITH(f, PyObject *, krait_bytes_format(f, &v.list)); }
PyObject *krait_c_PyBytes_FromFormatV(const char *f, va_list l) { COPY(l, PyObject *, krait_bytes_format(f, &v.list)); }
PyObject *krait_c_PyErr_Format(PyObject *t, const char *f, ...) { WITH(f, PyObject *, krait_err_format(t, f, &v.list)); }
PyObject *krait_c_PyErr_FormatV(PyObject *t, const char *f, va_list l) { COPY(l, PyObject *, krait_err_format(t, f, &v.list)); }
int krait_c_PyErr_WarnFormat(PyObject *c, Py_ssize_t n, const char *f, ...) { WITH(f, int, krait_warn_format(c, n, f, &v.list)); }
int krait_c_PyErr_ResourceWarning(PyObject *s, Py_ssize_t n, const char *f, ...) { (void)s; WITH(f, int, krait_warn_format((PyObject *)-1, n, f, &v.list)); }
void krait_c_PyErr_FormatUnraisable(const char *f, ...) { box v; va_start(v.list, f); krait_unraisable_format(f, &v.list); va_end(v.list); }
PyObject *krait_c_PyObject_CallFunction(PyObject *o, const char *f, ...) { WITH(f, PyObject *, krait_call_format(o, NULL, f, &v.list)); }
PyObject *krait_c_PyObject_CallMethod(PyObject *o, const char *n, const char *f, ...) { WITH(f, PyObject *, krait_call_format(o, n, f, &v.list)); }
PyObject *krait_c_PyObject_CallFunctionObjArgs(PyObject *o, ...) { WITH(o, PyObject *, krait_call_objargs(o, NULL, &v.list)); }
PyObject *krait_c_PyObject_CallMethodObjArgs(PyObject *o, PyObject *n, ...) { WITH(n, PyObject *, krait_call_objargs(o, n, &v.list)); }
/* An identifier begins with its text. */
PyObject *krait_c__PyObject_CallMethodId(PyObject *o, const char *const *n, const char *f, ...) { WITH(f, PyObject *, krait_call_format(o, *n, f, &v.list)); }
int krait_c_PyUnicodeWriter_Format(void *w, const char *f, ...) { WITH(f, int, krait_writer_format(w, f, &v.list)); }

int krait_c_PySys_Audit(const char *e, const char *f, ...) { WITH(f, int, krait_audit(e, f, &v.list)); }
int krait_c_PyErr_WarnExplicitFormat(PyObject *c, const char *n, int line, const char *m, PyObject *reg, const char *f, ...) { WITH(f, int, krait_warn_explicit_format(c, n, line, m, reg, f, &v.list)); }
PyObject *krait_c_PyErr_FormatFromCause(PyObject *t, const char *f, ...) { WITH(f, PyObject *, krait_err_format_from_cause(t, f, &v.list)); }

int krait_c_PyOS_snprintf(char *out, size_t n, const char *f, ...) {
    va_list v;
    va_start(v, f);
    int r = vsnprintf(out, n, f, v);
    va_end(v);
    if (n > 0) out[n - 1] = 0;
    return r;
}
int krait_c_PyOS_vsnprintf(char *out, size_t n, const char *f, va_list v) {
    int r = vsnprintf(out, n, f, v);
    if (n > 0) out[n - 1] = 0;
    return r;
}
static void write_text(int fd, const char *f, va_list v) {
    char text[1002];
    vsnprintf(text, sizeof text, f, v);
    krait_sys_write(fd, text);
}
void krait_c_PySys_WriteStdout(const char *f, ...) { va_list v; va_start(v, f); write_text(1, f, v); va_end(v); }
void krait_c_PySys_WriteStderr(const char *f, ...) { va_list v; va_start(v, f); write_text(2, f, v); va_end(v); }
void krait_c_PySys_FormatStdout(const char *f, ...) { box v; va_start(v.list, f); krait_sys_write_object(1, krait_format(f, &v.list)); va_end(v.list); }
void krait_c_PySys_FormatStderr(const char *f, ...) { box v; va_start(v.list, f); krait_sys_write_object(2, krait_format(f, &v.list)); va_end(v.list); }
