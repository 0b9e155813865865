/* The statistics' structures; this build has none. */

#ifndef Py_CPYTHON_PYSTATS_H
#define Py_CPYTHON_PYSTATS_H

#endif  /* Py_CPYTHON_PYSTATS_H */
