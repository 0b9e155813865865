/* The interpreter's frame, by the name under which some code includes it. */

#ifndef Py_INTERNAL_PYCORE_INTERPFRAME_H
#define Py_INTERNAL_PYCORE_INTERPFRAME_H
#ifdef __cplusplus
extern "C" {
#endif

#include "pycore_interpframe_structs.h"

#ifdef __cplusplus
}
#endif
#endif  /* Py_INTERNAL_PYCORE_INTERPFRAME_H */
