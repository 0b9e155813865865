/* Probes for DTrace and SystemTap. This build has none: each is an empty function. */

#ifndef Py_PYDTRACE_H
#define Py_PYDTRACE_H
#ifdef __cplusplus
extern "C" {
#endif

static inline void
PyDTrace_AUDIT(const char *Py_UNUSED(arg0), void *Py_UNUSED(arg1))
{ }

static inline int
PyDTrace_AUDIT_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_FUNCTION_ENTRY(const char *Py_UNUSED(arg0), const char *Py_UNUSED(arg1), int Py_UNUSED(arg2))
{ }

static inline int
PyDTrace_FUNCTION_ENTRY_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_FUNCTION_RETURN(const char *Py_UNUSED(arg0), const char *Py_UNUSED(arg1), int Py_UNUSED(arg2))
{ }

static inline int
PyDTrace_FUNCTION_RETURN_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_GC_DONE(Py_ssize_t Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_GC_DONE_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_GC_START(int Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_GC_START_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_IMPORT_FIND_LOAD_DONE(const char *Py_UNUSED(arg0), int Py_UNUSED(arg1))
{ }

static inline int
PyDTrace_IMPORT_FIND_LOAD_DONE_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_IMPORT_FIND_LOAD_START(const char *Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_IMPORT_FIND_LOAD_START_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_INSTANCE_DELETE_DONE(int Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_INSTANCE_DELETE_DONE_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_INSTANCE_DELETE_START(int Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_INSTANCE_DELETE_START_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_INSTANCE_NEW_DONE(int Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_INSTANCE_NEW_DONE_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_INSTANCE_NEW_START(int Py_UNUSED(arg0))
{ }

static inline int
PyDTrace_INSTANCE_NEW_START_ENABLED(void)
{ return 0; }

static inline void
PyDTrace_LINE(const char *Py_UNUSED(arg0), const char *Py_UNUSED(arg1), int Py_UNUSED(arg2))
{ }

static inline int
PyDTrace_LINE_ENABLED(void)
{ return 0; }

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYDTRACE_H */
