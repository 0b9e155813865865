/* Nothing here applies outside macOS, where one header serves several architectures. */

#ifndef Py_PYMACCONFIG_H
#define Py_PYMACCONFIG_H

#endif  /* Py_PYMACCONFIG_H */
