/* Nothing is left of the guard against floating-point traps; the names remain. */

#ifndef Py_CPYTHON_PYFPE_H
#define Py_CPYTHON_PYFPE_H

#define PyFPE_START_PROTECT(err_string, leave_stmt)
#define PyFPE_END_PROTECT(v)

#endif  /* Py_CPYTHON_PYFPE_H */
