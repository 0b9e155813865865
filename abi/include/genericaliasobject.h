/* types.GenericAlias. */

#ifndef Py_GENERICALIASOBJECT_H
#define Py_GENERICALIASOBJECT_H
#ifdef __cplusplus
extern "C" {
#endif

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x03090000  /* 3.9 */
PyAPI_DATA(PyTypeObject) Py_GenericAliasType;

PyAPI_FUNC(PyObject *) Py_GenericAlias(PyObject *, PyObject *);
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_GENERICALIASOBJECT_H */
