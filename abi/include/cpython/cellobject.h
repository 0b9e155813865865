/* Cells: variables that functions share with their closures. */

#ifndef Py_CPYTHON_CELLOBJECT_H
#define Py_CPYTHON_CELLOBJECT_H
#ifdef __cplusplus
extern "C" {
#endif

#ifndef Py_LIMITED_API

typedef struct {
    PyObject_HEAD
    PyObject *ob_ref;
} PyCellObject;

PyAPI_DATA(PyTypeObject) PyCell_Type;

PyAPI_FUNC(PyObject *) PyCell_Get(PyObject *);
PyAPI_FUNC(PyObject *) PyCell_New(PyObject *);
PyAPI_FUNC(int) PyCell_Set(PyObject *, PyObject *);

#define PyCell_Check(op) Py_IS_TYPE((op), &PyCell_Type)

/* Borrowed. */
static inline PyObject *
PyCell_GET(PyObject *op)
{
    PyObject *value;
    PyCellObject *cell = _Py_CAST(PyCellObject *, op);
    Py_BEGIN_CRITICAL_SECTION(cell);
    value = cell->ob_ref;
    Py_END_CRITICAL_SECTION();
    return value;
}
#define PyCell_GET(op) PyCell_GET(_PyObject_CAST(op))

/* Takes the reference; what was there before is not released. */
static inline void
PyCell_SET(PyObject *op, PyObject *value)
{
    PyCellObject *cell = _Py_CAST(PyCellObject *, op);
    Py_BEGIN_CRITICAL_SECTION(cell);
    cell->ob_ref = value;
    Py_END_CRITICAL_SECTION();
}
#define PyCell_SET(op, value) PyCell_SET(_PyObject_CAST(op), (value))

#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_CELLOBJECT_H */
