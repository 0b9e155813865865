/* The parts of `_testlimitedcapi`, one file each. In `gil` mode they are built against the limited API; a build without a
 * GIL has none, so there the same calls go through the full one. */
#ifndef PARTS_H
#define PARTS_H
#include <pyconfig.h>
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030E0000
#endif
#include "../functions.h"

#include <string.h>

int add_bytes(PyObject *module);
int add_containers(PyObject *module);
int add_imports(PyObject *module);
int add_layouts(PyObject *module);
int add_numbers(PyObject *module);
int add_objects(PyObject *module);
int add_selftests(PyObject *module);
int add_text(PyObject *module);
#endif
