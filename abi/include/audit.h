/* Audit events. */

#ifndef Py_AUDIT_H
#define Py_AUDIT_H
#ifdef __cplusplus
extern "C" {
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030D0000  /* 3.13 */
PyAPI_FUNC(int) PySys_Audit(const char *event, const char *argFormat, ...);
PyAPI_FUNC(int) PySys_AuditTuple(const char *event, PyObject *args);
#endif

#ifndef Py_LIMITED_API
#  include "cpython/audit.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_AUDIT_H */
