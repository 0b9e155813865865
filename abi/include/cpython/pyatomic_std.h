/* Not used: pyatomic_gcc.h serves every supported compiler. */

#ifndef Py_CPYTHON_PYATOMIC_STD_H
#define Py_CPYTHON_PYATOMIC_STD_H

#endif  /* Py_CPYTHON_PYATOMIC_STD_H */
