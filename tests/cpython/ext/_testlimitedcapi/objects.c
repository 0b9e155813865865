/* The abstract layer: objects, mappings, sequences; and what has no better place. */
#include "parts.h"

#include <stddef.h>

#define FUNCTIONS(ONE, MANY)                                                                                       \
    ONE(object_str, PyObject_Str(a))                                                                               \
    ONE(object_repr, PyObject_Repr(a))                                                                             \
    ONE(object_ascii, PyObject_ASCII(a))                                                                           \
    ONE(object_bytes, PyObject_Bytes(a))                                                                           \
    MANY(object_getattr, PyObject_GetAttr(a, b), "O&O&", A, B)                                                     \
    MANY(object_getattrstring, PyObject_GetAttrString(a, s), "O&z#", A, &s, &s_size)                               \
    MANY(object_hasattr, NUMBER(PyObject_HasAttr(a, b)), "O&O&", A, B)                                             \
    MANY(object_hasattrstring, NUMBER(PyObject_HasAttrString(a, s)), "O&z#", A, &s, &s_size)                       \
    MANY(object_setattr, NUMBER(PyObject_SetAttr(a, b, c)), "O&O&O&", A, B, C)                                     \
    MANY(object_setattrstring, NUMBER(PyObject_SetAttrString(a, s, c)), "O&z#O&", A, &s, &s_size, C)               \
    MANY(object_delattr, NUMBER(PyObject_DelAttr(a, b)), "O&O&", A, B)                                             \
    MANY(object_delattrstring, NUMBER(PyObject_DelAttrString(a, s)), "O&z#", A, &s, &s_size)                       \
    MANY(object_getitem, PyObject_GetItem(a, b), "O&O&", A, B)                                                     \
    MANY(object_setitem, NUMBER(PyObject_SetItem(a, b, c)), "O&O&O&", A, B, C)                                     \
    MANY(object_delitem, NUMBER(PyObject_DelItem(a, b)), "O&O&", A, B)                                             \
    ONE(mapping_check, NUMBER(PyMapping_Check(a)))                                                                 \
    ONE(mapping_size, SIZE(PyMapping_Size(a)))                                                                     \
    ONE(mapping_length, SIZE(PyMapping_Length(a)))                                                                 \
    ONE(mapping_keys, PyMapping_Keys(a))                                                                           \
    ONE(mapping_values, PyMapping_Values(a))                                                                       \
    ONE(mapping_items, PyMapping_Items(a))                                                                         \
    MANY(mapping_haskey, NUMBER(PyMapping_HasKey(a, b)), "O&O&", A, B)                                             \
    MANY(mapping_haskeystring, NUMBER(PyMapping_HasKeyString(a, s)), "O&z#", A, &s, &s_size)                       \
    MANY(mapping_haskeywitherror, NUMBER(PyMapping_HasKeyWithError(a, b)), "O&O&", A, B)                           \
    MANY(mapping_haskeystringwitherror, NUMBER(PyMapping_HasKeyStringWithError(a, s)), "O&z#", A, &s, &s_size)     \
    MANY(mapping_getitemstring, PyMapping_GetItemString(a, s), "O&z#", A, &s, &s_size)                             \
    MANY(mapping_setitemstring, NUMBER(PyMapping_SetItemString(a, s, c)), "O&z#O&", A, &s, &s_size, C)             \
    MANY(mapping_delitem, NUMBER(PyMapping_DelItem(a, b)), "O&O&", A, B)                                           \
    MANY(mapping_delitemstring, NUMBER(PyMapping_DelItemString(a, s)), "O&z#", A, &s, &s_size)                     \
    ONE(sequence_check, NUMBER(PySequence_Check(a)))                                                               \
    ONE(sequence_size, SIZE(PySequence_Size(a)))                                                                   \
    ONE(sequence_length, SIZE(PySequence_Length(a)))                                                               \
    MANY(sequence_concat, PySequence_Concat(a, b), "O&O&", A, B)                                                   \
    MANY(sequence_repeat, PySequence_Repeat(a, n), "O&n", A, &n)                                                   \
    MANY(sequence_inplaceconcat, PySequence_InPlaceConcat(a, b), "O&O&", A, B)                                     \
    MANY(sequence_inplacerepeat, PySequence_InPlaceRepeat(a, n), "O&n", A, &n)                                     \
    MANY(sequence_getitem, PySequence_GetItem(a, n), "O&n", A, &n)                                                 \
    MANY(sequence_setitem, NUMBER(PySequence_SetItem(a, n, b)), "O&nO&", A, &n, B)                                 \
    MANY(sequence_delitem, NUMBER(PySequence_DelItem(a, n)), "O&n", A, &n)                                         \
    MANY(sequence_getslice, PySequence_GetSlice(a, m, n), "O&nn", A, &m, &n)                                       \
    MANY(sequence_setslice, NUMBER(PySequence_SetSlice(a, m, n, b)), "O&nnO&", A, &m, &n, B)                       \
    MANY(sequence_delslice, NUMBER(PySequence_DelSlice(a, m, n)), "O&nn", A, &m, &n)                               \
    MANY(sequence_count, SIZE(PySequence_Count(a, b)), "O&O&", A, B)                                               \
    MANY(sequence_contains, NUMBER(PySequence_Contains(a, b)), "O&O&", A, B)                                       \
    MANY(sequence_index, SIZE(PySequence_Index(a, b)), "O&O&", A, B)                                               \
    ONE(sequence_list, PySequence_List(a))                                                                         \
    ONE(sequence_tuple, PySequence_Tuple(a))                                                                       \
    MANY(sequence_fast, PySequence_Fast(a, s), "O&z#", A, &s, &s_size)                                             \
    MANY(get_constant, Py_GetConstant(u), "I", &u)                                                                 \
    MANY(get_constant_borrowed, LENT(Py_GetConstantBorrowed(u)), "I", &u)                                          \
    MANY(sys_getobject, LENT_OR(PySys_GetObject(s), PyExc_AttributeError), "z#", &s, &s_size)                      \
    MANY(sys_setobject, NUMBER(PySys_SetObject(s, a)), "z#O&", &s, &s_size, A)                                     \
    MANY(sys_getxoptions, LENT(PySys_GetXOptions()), "")                                                           \
    MANY(py_getversion, PyUnicode_FromString(Py_GetVersion()), "")                                                 \
    MANY(py_getplatform, PyUnicode_FromString(Py_GetPlatform()), "")                                               \
    MANY(py_getcopyright, PyUnicode_FromString(Py_GetCopyright()), "")                                             \
    MANY(py_getcompiler, PyUnicode_FromString(Py_GetCompiler()), "")                                               \
    MANY(py_getbuildinfo, PyUnicode_FromString(Py_GetBuildInfo()), "")                                             \
    MANY(pack_full_version, UNSIGNED(Py_PACK_FULL_VERSION(i, j, (int)m, (int)n, (int)k), -1), "iinnn", &i, &j, &m, &n, &k) \
    MANY(pack_version, UNSIGNED(Py_PACK_VERSION(i, j), -1), "ii", &i, &j)                                          \
    ONE(type_freeze, NOTHING(PyType_Freeze((PyTypeObject *)a)))                                                    \
    ONE(type_ready, NUMBER(PyType_Ready((PyTypeObject *)a)))                                                       \
    ONE(get_type_name, PyType_GetName((PyTypeObject *)a))                                                          \
    ONE(get_type_qualname, PyType_GetQualName((PyTypeObject *)a))                                                  \
    ONE(get_type_fullyqualname, PyType_GetFullyQualifiedName((PyTypeObject *)a))                                   \
    ONE(get_type_module_name, PyType_GetModuleName((PyTypeObject *)a))                                             \
    MANY(get_heaptype_for_name, PyType_FromSpec(&name_spec), "")                                                   \
    MANY(type_clearcache, UNSIGNED(PyType_ClearCache(), -1), "")                                                   \
    ONE(type_getflags, UNSIGNED(PyType_GetFlags((PyTypeObject *)a), -1))                                           \
    MANY(type_issubtype, NUMBER(PyType_IsSubtype((PyTypeObject *)a, (PyTypeObject *)b)), "OO", &a, &b)             \
    ONE(type_modified, (PyType_Modified((PyTypeObject *)a), Py_NewRef(Py_None)))                                   \
    ONE(pyweakref_check, NUMBER(PyWeakref_Check(a)))                                                               \
    ONE(pyweakref_checkref, NUMBER(PyWeakref_CheckRef(a)))                                                         \
    ONE(pyweakref_checkrefexact, NUMBER(PyWeakref_CheckRefExact(a)))                                               \
    ONE(pyweakref_checkproxy, NUMBER(PyWeakref_CheckProxy(a)))                                                     \
    MANY(pyweakref_newref, PyWeakref_NewRef(a, b), "O&|O", A, &b)                                                  \
    MANY(pyweakref_newproxy, PyWeakref_NewProxy(a, b), "O&|O", A, &b)                                              \
    ONE(eval_get_func_name, PyUnicode_FromString(PyEval_GetFuncName(a)))                                           \
    ONE(eval_get_func_desc, PyUnicode_FromString(PyEval_GetFuncDesc(a)))                                           \
    MANY(eval_getlocals, LENT(PyEval_GetLocals()), "")                                                             \
    MANY(eval_getglobals, LENT(PyEval_GetGlobals()), "")                                                           \
    MANY(eval_getbuiltins, LENT(PyEval_GetBuiltins()), "")                                                         \
    MANY(eval_getframe, LENT((PyObject *)PyEval_GetFrame()), "")                                                   \
    MANY(eval_getframe_builtins, PyEval_GetFrameBuiltins(), "")                                                    \
    MANY(eval_getframe_globals, PyEval_GetFrameGlobals(), "")                                                      \
    MANY(eval_getframe_locals, PyEval_GetFrameLocals(), "")                                                        \
    MANY(eval_get_recursion_limit, NUMBER(Py_GetRecursionLimit()), "")                                             \
    MANY(eval_set_recursion_limit, (Py_SetRecursionLimit(i), Py_NewRef(Py_None)), "i", &i)                         \
    MANY(pyfile_fromfd, PyFile_FromFd(i, s, t, (int)n, p, q, r, j), "iz#z#nz#z#z#i", &i, &s,  \
         &s_size, &t, &t_size, &n, &p, &p_size, &q, &q_size, &r, &r_size, &j)           \
    MANY(pyfile_getline, PyFile_GetLine(a, i), "O&i", A, &i)                                                       \
    MANY(pyfile_writeobject, NUMBER(PyFile_WriteObject(a, b, i)), "O&O&i", A, B, &i)                               \
    MANY(pyfile_writestring, NUMBER(PyFile_WriteString(s, a)), "z#O&", &s, &s_size, A)                             \
    ONE(pyobject_asfiledescriptor, NUMBER(PyObject_AsFileDescriptor(a)))                                           \
    MANY(run_compilestring, Py_CompileString(s, t, i), "z#z#i", &s, &s_size, &t, &t_size, &i)                      \
    MANY(capsule_new, new_capsule(s), "z#", &s, &s_size)                                                           \
    MANY(PyCapsule_Import, import_capsule(s, i), "z#|i", &s, &s_size, &i)                                          \
    MANY(codec_namereplace_errors, PyCodec_NameReplaceErrors(a), "O&", A)

static PyObject *LENT_OR(PyObject *object, PyObject *missing) {
    return Py_NewRef(object ? object : missing);
}

static PyType_Slot name_slots[] = {{0, NULL}};
static PyType_Spec name_spec = {"_testcapi.HeapTypeNameType", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, name_slots};

/* A capsule whose pointer is a copy of its name. */
static void free_name(PyObject *capsule) {
    PyMem_Free(PyCapsule_GetContext(capsule));
}

static PyObject *new_capsule(const char *name) {
    char *copy = name ? PyMem_Malloc(strlen(name) + 1) : NULL;
    static char nameless[] = "";
    if (name != NULL && copy == NULL)
        return PyErr_NoMemory();
    if (copy)
        strcpy(copy, name);
    PyObject *capsule = PyCapsule_New(copy ? copy : nameless, copy, free_name);
    if (capsule == NULL)
        PyMem_Free(copy);
    else
        PyCapsule_SetContext(capsule, copy);
    return capsule;
}

static PyObject *import_capsule(const char *name, int no_block) {
    const char *pointer = PyCapsule_Import(name, no_block);
    return pointer ? PyUnicode_FromString(pointer) : NULL;
}

PART(functions, FUNCTIONS)

int add_objects(PyObject *module) {
#define FLAG(NAME) {#NAME, NAME}
    static const struct {
        const char *name;
        unsigned long value;
    } constants[] = {
        FLAG(Py_TPFLAGS_HEAPTYPE), FLAG(Py_TPFLAGS_HAVE_GC), FLAG(Py_TPFLAGS_HAVE_FINALIZE), FLAG(Py_TPFLAGS_HAVE_VERSION_TAG),
        FLAG(Py_TPFLAGS_VALID_VERSION_TAG), FLAG(Py_TPFLAGS_HAVE_VECTORCALL), FLAG(Py_TPFLAGS_DISALLOW_INSTANTIATION),
        FLAG(Py_TPFLAGS_IMMUTABLETYPE), FLAG(Py_TPFLAGS_READY), FLAG(Py_TPFLAGS_READYING), FLAG(Py_TPFLAGS_LONG_SUBCLASS),
        FLAG(Py_TPFLAGS_LIST_SUBCLASS), FLAG(Py_TPFLAGS_TUPLE_SUBCLASS), FLAG(Py_TPFLAGS_BYTES_SUBCLASS),
        FLAG(Py_TPFLAGS_UNICODE_SUBCLASS), FLAG(Py_TPFLAGS_DICT_SUBCLASS), FLAG(Py_TPFLAGS_BASE_EXC_SUBCLASS),
        FLAG(Py_TPFLAGS_TYPE_SUBCLASS), FLAG(Py_TPFLAGS_IS_ABSTRACT), FLAG(Py_TPFLAGS_BASETYPE),
        FLAG(Py_TPFLAGS_ITEMS_AT_END), FLAG(Py_TPFLAGS_METHOD_DESCRIPTOR), FLAG(Py_TPFLAGS_DEFAULT),
        {"_Py_TPFLAGS_MATCH_SELF", 1UL << 22},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(constants); i++) {
        if (PyModule_Add(module, constants[i].name, PyLong_FromUnsignedLong(constants[i].value)) < 0)
            return -1;
    }
    return add_functions(module);
}
