/* The one-byte lock. The free-threaded build has one in every object. */

#ifndef Py_LOCK_H
#define Py_LOCK_H
#ifdef __cplusplus
extern "C" {
#endif

#ifndef Py_LIMITED_API
#  include "cpython/lock.h"
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_LOCK_H */
