/* `_testbuffer`: an exporter of buffers of any shape. `ndarray(items, shape, strides=None, offset=0, format='B',
 * flags=0)` packs the items one after the other; a slice of it is a view of the same memory. */
#include <Python.h>

enum { MAX_DIMENSIONS = 8, ND_WRITABLE = 1 };

typedef struct {
    PyObject_HEAD
    PyObject *memory; /* a bytearray, or the ndarray that this one is a view of */
    PyObject *format;
    char *data; /* of the item at the origin */
    int ndim, writable;
    Py_ssize_t itemsize, shape[MAX_DIMENSIONS], strides[MAX_DIMENSIONS];
} NDArray;

static PyTypeObject NDArrayType;

static Py_ssize_t count(NDArray *self) {
    Py_ssize_t n = 1;
    for (int i = 0; i < self->ndim; i++)
        n *= self->shape[i];
    return n;
}

/* What the array is, for those who can use all of it. */
static void describe(NDArray *self, Py_buffer *view) {
    *view = (Py_buffer){
        .buf = self->data, .len = count(self) * self->itemsize, .itemsize = self->itemsize, .readonly = !self->writable,
        .ndim = self->ndim, .format = (char *)PyUnicode_AsUTF8(self->format), .shape = self->shape, .strides = self->strides,
    };
}

static int is_contiguous(NDArray *self, char order) {
    Py_buffer view;
    describe(self, &view);
    return PyBuffer_IsContiguous(&view, order);
}

/* ---- making */

/* `module.name(*args)` of struct. */
static PyObject *structure(const char *name, PyObject *args) {
    PyObject *module = PyImport_ImportModule("struct");
    PyObject *function = module ? PyObject_GetAttrString(module, name) : NULL;
    PyObject *result = function ? PyObject_CallObject(function, args) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(module);
    return result;
}

/* Adds the packed form of an item to the memory. */
static int pack(NDArray *self, PyObject *item) {
    PyObject *args = PyTuple_Pack(2, self->format, item);
    PyObject *packed = args ? structure("pack", args) : NULL;
    Py_XDECREF(args);
    if (packed == NULL)
        return -1;
    PyObject *longer = PySequence_InPlaceConcat(self->memory, packed);
    Py_DECREF(packed);
    Py_XDECREF(longer);
    return longer ? 0 : -1;
}

static int numbers(PyObject *tuple, Py_ssize_t *out, int n, const char *what) {
    if (PySequence_Size(tuple) != n) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "%s needs %d numbers", what, n);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        PyObject *number = PySequence_GetItem(tuple, i);
        out[i] = number ? PyNumber_AsSsize_t(number, PyExc_OverflowError) : -1;
        Py_XDECREF(number);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* Whether each item lies in the memory, which holds `size` bytes from the origin on and `before` bytes before it. */
static int fits(NDArray *self, Py_ssize_t size, Py_ssize_t before) {
    Py_ssize_t low = 0, high = self->itemsize;
    for (int i = 0; i < self->ndim; i++) {
        if (self->shape[i] == 0)
            return 1;
        Py_ssize_t reach = (self->shape[i] - 1) * self->strides[i];
        *(reach < 0 ? &low : &high) += reach;
    }
    return -low <= before && high <= size;
}

static int fill(NDArray *self, PyObject *items, PyObject *shape, PyObject *strides, Py_ssize_t offset) {
    PyObject *args = PyTuple_Pack(1, self->format), *size = args ? structure("calcsize", args) : NULL;
    Py_XDECREF(args);
    self->itemsize = size ? PyLong_AsSsize_t(size) : -1;
    Py_XDECREF(size);
    self->memory = PyByteArray_FromStringAndSize(NULL, 0);
    Py_ssize_t ndim = PySequence_Size(shape);
    if (self->itemsize < 0 || self->memory == NULL || ndim < 0)
        return -1;
    if (ndim > MAX_DIMENSIONS) {
        PyErr_SetString(PyExc_ValueError, "too many dimensions");
        return -1;
    }
    self->ndim = (int)ndim;
    if (numbers(shape, self->shape, self->ndim, "shape") < 0)
        return -1;
    if (strides == NULL || strides == Py_None)
        PyBuffer_FillContiguousStrides(self->ndim, self->shape, self->strides, (int)self->itemsize, 'C');
    else if (numbers(strides, self->strides, self->ndim, "strides") < 0)
        return -1;
    if (ndim == 0 && !PyList_Check(items)) {
        if (pack(self, items) < 0)
            return -1;
    } else {
        Py_ssize_t n = PySequence_Size(items);
        if (n < 0)
            return -1;
        for (Py_ssize_t i = 0; i < n; i++) {
            PyObject *item = PySequence_GetItem(items, i);
            int failed = item == NULL || pack(self, item) < 0;
            Py_XDECREF(item);
            if (failed)
                return -1;
        }
    }
    Py_ssize_t have = PyByteArray_GET_SIZE(self->memory);
    self->data = PyByteArray_AS_STRING(self->memory) + offset;
    if (offset < 0 || offset > have || !fits(self, have - offset, offset)) {
        PyErr_SetString(PyExc_ValueError, "the items do not fill the array");
        return -1;
    }
    return 0;
}

static PyObject *ndarray_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"obj", "shape", "strides", "offset", "format", "flags", NULL};
    PyObject *items, *shape, *strides = NULL, *format = NULL;
    Py_ssize_t offset = 0;
    int flags = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|OnUi:ndarray", names, &items, &shape, &strides, &offset, &format,
                                     &flags))
        return NULL;
    NDArray *self = (NDArray *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->format = format ? Py_NewRef(format) : PyUnicode_FromString("B");
    self->writable = (flags & ND_WRITABLE) != 0;
    if (self->format == NULL || fill(self, items, shape, strides, offset) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void ndarray_dealloc(PyObject *object) {
    NDArray *self = (NDArray *)object;
    Py_XDECREF(self->memory);
    Py_XDECREF(self->format);
    Py_TYPE(self)->tp_free(object);
}

/* ---- a view along the first dimension */

static PyObject *ndarray_subscript(PyObject *object, PyObject *key) {
    NDArray *self = (NDArray *)object;
    Py_ssize_t start, stop, step;
    if (!PySlice_Check(key) || self->ndim == 0) {
        PyErr_SetString(PyExc_TypeError, "an ndarray with dimensions is sliced only");
        return NULL;
    }
    if (PySlice_Unpack(key, &start, &stop, &step) < 0)
        return NULL;
    NDArray *view = (NDArray *)NDArrayType.tp_alloc(&NDArrayType, 0);
    if (view == NULL)
        return NULL;
    Py_ssize_t n = PySlice_AdjustIndices(self->shape[0], &start, &stop, step);
    view->memory = Py_NewRef(object);
    view->format = Py_NewRef(self->format);
    view->ndim = self->ndim;
    view->writable = self->writable;
    view->itemsize = self->itemsize;
    memcpy(view->shape, self->shape, sizeof self->shape);
    memcpy(view->strides, self->strides, sizeof self->strides);
    view->data = self->data + (n > 0 ? start * self->strides[0] : 0);
    view->shape[0] = n;
    view->strides[0] *= step;
    return (PyObject *)view;
}

/* ---- the buffer */

static int refuse(Py_buffer *view, const char *why) {
    view->obj = NULL;
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
}

static int ndarray_getbuffer(PyObject *object, Py_buffer *view, int flags) {
    NDArray *self = (NDArray *)object;
    if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && !self->writable)
        return refuse(view, "ndarray is not writable");
    if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !is_contiguous(self, 'C'))
        return refuse(view, "ndarray is not C-contiguous");
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !is_contiguous(self, 'F'))
        return refuse(view, "ndarray is not Fortran contiguous");
    if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !is_contiguous(self, 'A'))
        return refuse(view, "ndarray is not contiguous");
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !is_contiguous(self, 'C'))
        return refuse(view, "ndarray is not C-contiguous");
    describe(self, view);
    view->obj = Py_NewRef(object);
    if (!(flags & PyBUF_FORMAT))
        view->format = NULL;
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES)
        view->strides = NULL;
    if ((flags & PyBUF_ND) != PyBUF_ND) {
        view->shape = NULL;
        view->ndim = 1;
    }
    if (self->ndim == 0)
        view->shape = view->strides = NULL;
    return 0;
}

/* ---- attributes */

static PyObject *tobytes(PyObject *object, PyObject *unused) {
    NDArray *self = (NDArray *)object;
    Py_buffer view;
    describe(self, &view);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, view.len);
    if (bytes != NULL && PyBuffer_ToContiguous(PyBytes_AS_STRING(bytes), &view, view.len, 'C') < 0)
        Py_CLEAR(bytes);
    return bytes;
}

static PyObject *tuple_of(const Py_ssize_t *values, int n) {
    PyObject *tuple = PyTuple_New(n);
    for (int i = 0; tuple != NULL && i < n; i++) {
        PyObject *number = PyLong_FromSsize_t(values[i]);
        if (number == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, i, number);
    }
    return tuple;
}

#define GETTER(name, value)                                       \
    static PyObject *get_##name(PyObject *object, void *unused) { \
        NDArray *self = (NDArray *)object;                        \
        return value;                                             \
    }

GETTER(format, Py_NewRef(self->format))
GETTER(itemsize, PyLong_FromSsize_t(self->itemsize))
GETTER(nbytes, PyLong_FromSsize_t(count(self) * self->itemsize))
GETTER(ndim, PyLong_FromLong(self->ndim))
GETTER(readonly, PyBool_FromLong(!self->writable))
GETTER(shape, tuple_of(self->shape, self->ndim))
GETTER(strides, tuple_of(self->strides, self->ndim))
GETTER(c_contiguous, PyBool_FromLong(is_contiguous(self, 'C')))
GETTER(f_contiguous, PyBool_FromLong(is_contiguous(self, 'F')))
GETTER(contiguous, PyBool_FromLong(is_contiguous(self, 'A')))

#define GET(name) {#name, get_##name, NULL, NULL, NULL}

static PyGetSetDef getset[] = {
    GET(format), GET(itemsize), GET(nbytes), GET(ndim), GET(readonly), GET(shape), GET(strides),
    GET(c_contiguous), GET(f_contiguous), GET(contiguous), {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"tobytes", tobytes, METH_NOARGS, PyDoc_STR("The items in the order of C.")},
    {NULL, NULL, 0, NULL},
};

static PyMappingMethods mapping = {.mp_subscript = ndarray_subscript};
static PyBufferProcs buffer = {.bf_getbuffer = ndarray_getbuffer};

static PyTypeObject NDArrayType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_testbuffer.ndarray",
    .tp_basicsize = sizeof(NDArray),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = ndarray_new,
    .tp_dealloc = ndarray_dealloc,
    .tp_getset = getset,
    .tp_methods = methods,
    .tp_as_mapping = &mapping,
    .tp_as_buffer = &buffer,
};

static int execute(PyObject *module) {
    return PyModule_AddType(module, &NDArrayType) < 0 || PyModule_AddIntConstant(module, "ND_WRITABLE", ND_WRITABLE) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef def = {
    PyModuleDef_HEAD_INIT, "_testbuffer", PyDoc_STR("An exporter of buffers, for tests."), 0, NULL, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__testbuffer(void) {
    return PyModuleDef_Init(&def);
}
