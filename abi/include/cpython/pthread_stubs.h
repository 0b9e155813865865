/* For platforms without threads; this is not one. */

#ifndef Py_CPYTHON_PTHREAD_STUBS_H
#define Py_CPYTHON_PTHREAD_STUBS_H

#endif  /* Py_CPYTHON_PTHREAD_STUBS_H */
