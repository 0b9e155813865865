/* The import system. */
#include "parts.h"

#define FUNCTIONS(ONE, MANY)                                                                                        \
    MANY(PyImport_GetMagicNumber, NUMBER(PyImport_GetMagicNumber()), "")                                            \
    MANY(PyImport_GetMagicTag, PyUnicode_FromString(PyImport_GetMagicTag()), "")                                    \
    MANY(PyImport_GetModuleDict, LENT(PyImport_GetModuleDict()), "")                                                \
    ONE(PyImport_GetModule, FOUND(PyImport_GetModule(a), PyExc_KeyError))                                           \
    ONE(PyImport_AddModuleObject, LENT(PyImport_AddModuleObject(a)))                                                \
    MANY(PyImport_AddModule, LENT(PyImport_AddModule(s)), "z#", &s, &s_size)                                        \
    MANY(PyImport_AddModuleRef, PyImport_AddModuleRef(s), "z#", &s, &s_size)                                        \
    ONE(PyImport_Import, PyImport_Import(a))                                                                        \
    MANY(PyImport_ImportModule, PyImport_ImportModule(s), "z#", &s, &s_size)                                        \
    MANY(PyImport_ImportModuleNoBlock, import_no_block(s), "z#", &s, &s_size)                                       \
    MANY(PyImport_ImportModuleEx, PyImport_ImportModuleEx(s, a, b, c), "z#O&O&O&", &s, &s_size, A, B, C)            \
    MANY(PyImport_ImportModuleLevel, PyImport_ImportModuleLevel(s, a, b, c, i), "z#O&O&O&i", &s, &s_size, A, B, C, &i) \
    MANY(PyImport_ImportModuleLevelObject, PyImport_ImportModuleLevelObject(a, b, c, d, i), "O&O&O&O&i", A, B, C, D, &i) \
    MANY(PyImport_ImportFrozenModule, NUMBER(PyImport_ImportFrozenModule(s)), "z#", &s, &s_size)                    \
    ONE(PyImport_ImportFrozenModuleObject, NUMBER(PyImport_ImportFrozenModuleObject(a)))                            \
    MANY(PyImport_ExecCodeModule, PyImport_ExecCodeModule(s, a), "z#O&", &s, &s_size, A)                            \
    MANY(PyImport_ExecCodeModuleEx, PyImport_ExecCodeModuleEx(s, a, t), "z#O&z#", &s, &s_size, A, &t, &t_size)      \
    MANY(PyImport_ExecCodeModuleWithPathnames, PyImport_ExecCodeModuleWithPathnames(s, a, t, p),               \
         "z#O&z#z#", &s, &s_size, A, &t, &t_size, &p, &p_size)                                                      \
    MANY(PyImport_ExecCodeModuleObject, PyImport_ExecCodeModuleObject(a, b, c, d), "O&O&O&O&", A, B, C, D)

static PyObject *import_no_block(const char *name) {
_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
    return PyImport_ImportModuleNoBlock(name);
_Pragma("GCC diagnostic pop")
}

PART(imports, FUNCTIONS)
