/* Atomic operations, for code outside the limited API. */

#ifndef Py_PYATOMIC_H
#define Py_PYATOMIC_H

#ifndef Py_LIMITED_API
#  include "cpython/pyatomic.h"
#endif

#endif  /* Py_PYATOMIC_H */
