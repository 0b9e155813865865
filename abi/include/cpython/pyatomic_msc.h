/* Not used: pyatomic_gcc.h serves every supported compiler. */

#ifndef Py_CPYTHON_PYATOMIC_MSC_H
#define Py_CPYTHON_PYATOMIC_MSC_H

#endif  /* Py_CPYTHON_PYATOMIC_MSC_H */
