#include "check.h"

#include <stddef.h>

/* ---- a heap type with slots of each table */

typedef struct {
    PyObject_HEAD
    long value;
    PyObject *object;
    double shown;
} Thing;

static int alive;

static int thing_init(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names_[] = {"value", "object", NULL};
    PyObject *object = Py_None;
    Thing *thing = (Thing *)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "l|O", names_, &thing->value, &object))
        return -1;
    Py_XSETREF(thing->object, Py_NewRef(object));
    thing->shown = 1.5;
    return 0;
}
static PyObject *thing_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    PyObject *self = PyType_GenericAlloc(type, 0);
    alive += self != NULL;
    return self;
}
static int thing_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Thing *)self)->object);
    return 0;
}
static int thing_clear(PyObject *self) {
    Py_CLEAR(((Thing *)self)->object);
    return 0;
}
static void thing_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    thing_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
    alive--;
}
static PyObject *thing_add(PyObject *a, PyObject *b) {
    if (!PyLong_Check(b))
        Py_RETURN_NOTIMPLEMENTED;
    return PyLong_FromLong(((Thing *)a)->value + PyLong_AsLong(b));
}
static PyObject *thing_repr(PyObject *self) { return PyUnicode_FromFormat("<thing %ld>", ((Thing *)self)->value); }
static Py_hash_t thing_hash(PyObject *self) { return ((Thing *)self)->value; }
static Py_ssize_t thing_length(PyObject *self) { return ((Thing *)self)->value; }
static PyObject *thing_item(PyObject *self, Py_ssize_t i) {
    if (i >= ((Thing *)self)->value) {
        PyErr_SetString(PyExc_IndexError, "beyond");
        return NULL;
    }
    return PyLong_FromSsize_t(i * 2);
}
static PyObject *thing_compare(PyObject *a, PyObject *b, int op) {
    if (!Py_IS_TYPE(b, Py_TYPE(a)))
        Py_RETURN_NOTIMPLEMENTED;
    Py_RETURN_RICHCOMPARE(((Thing *)a)->value, ((Thing *)b)->value, op);
}
static PyObject *thing_double(PyObject *self, void *closure) { return PyLong_FromLong(((Thing *)self)->value * *(int *)closure); }
static int thing_set(PyObject *self, PyObject *value, void *closure) {
    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "no deletion");
        return -1;
    }
    ((Thing *)self)->value = PyLong_AsLong(value);
    return PyErr_Occurred() ? -1 : 0;
}
static PyObject *thing_method(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLong(((Thing *)self)->value);
}

static int factor = 2;
static PyMethodDef thing_methods[] = {{"method", thing_method, METH_NOARGS, "method($self, /)\n--\n\nIts words."}, {NULL, NULL, 0, NULL}};
static PyMemberDef thing_members[] = {
    {"value", Py_T_LONG, offsetof(Thing, value), 0, "the value"},
    {"shown", Py_T_DOUBLE, offsetof(Thing, shown), Py_READONLY, NULL},
    {"object", Py_T_OBJECT_EX, offsetof(Thing, object), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyGetSetDef thing_getset[] = {{"double", thing_double, thing_set, "twice", &factor}, {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot thing_slots[] = {
    {Py_tp_doc, "Thing(value, object=None)\n--\n\nA thing."},
    {Py_tp_init, thing_init}, {Py_tp_new, thing_new}, {Py_tp_traverse, thing_traverse}, {Py_tp_clear, thing_clear},
    {Py_tp_dealloc, thing_dealloc}, {Py_nb_add, thing_add}, {Py_tp_repr, thing_repr}, {Py_tp_hash, thing_hash},
    {Py_sq_length, thing_length}, {Py_sq_item, thing_item}, {Py_tp_richcompare, thing_compare},
    {Py_tp_methods, thing_methods}, {Py_tp_members, thing_members}, {Py_tp_getset, thing_getset}, {0, NULL},
};
static PyType_Spec thing_spec = {"check.Thing", sizeof(Thing), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, thing_slots};

static void slots(void) {
    PyObject *type = PyType_FromSpec(&thing_spec), *got;
    CHECK(type && PyType_CheckExact(type) && PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HEAPTYPE));
    PyDict_SetItemString(names, "Thing", type);
    CHECK(holds("Thing.__name__ == 'Thing' and Thing.__module__ == 'check' and Thing.__doc__ == 'A thing.'", NULL));
    CHECK(holds("Thing.__text_signature__ == '(value, object=None)' and Thing.method.__doc__ == 'Its words.'", NULL));
    CHECK(holds("Thing(3) + 4 == 7 and repr(Thing(3)) == '<thing 3>' and hash(Thing(5)) == 5 and len(Thing(2)) == 2", NULL));
    CHECK(holds("list(Thing(3)) == [0, 2, 4] and Thing(3)[-1] == 4 and Thing(1) < Thing(2) and Thing(1) != 1", NULL));
    CHECK(holds("Thing(3).double == 6 and Thing(3).value == 3 and Thing(3).shown == 1.5 and Thing(1, 'o').object == 'o'", NULL));
    CHECK(run("t = Thing(1)\nt.double = 9\nt.value += 1\nt.object = t\n") && holds("t.method() == 10 and t.object is t", NULL));
    CHECK(!run("t + 'x'\n") && raised(PyExc_TypeError, "unsupported operand type(s) for +: 'check.Thing' and 'str'"));
    CHECK(!run("del t.double\n") && raised(PyExc_TypeError, "no deletion"));
    CHECK(!run("t.shown = 1\n") && raised(PyExc_AttributeError, "readonly attribute"));
    CHECK(!run("t.value = 'x'\n") && raised(PyExc_TypeError, NULL));
    CHECK(!run("Thing()\n") && raised(PyExc_TypeError, NULL));
    CHECK(run("class Sub(Thing):\n    def __add__(self, other): return super().__add__(other) + 100\n    y = 1\n") &&
          holds("Sub(1) + 1 == 102 and Sub(2).__dict__ == {} and isinstance(Sub(1), Thing)", NULL));
    CHECK(run("del t, Sub\n"));
    PyGC_Collect();
    CHECK(alive == 0);

    CHECK(PyType_GetSlot((PyTypeObject *)type, Py_tp_repr) == (void *)thing_repr && PyType_GetSlot((PyTypeObject *)type, Py_nb_add) == (void *)thing_add);
    CHECK(PyType_GetSlot((PyTypeObject *)type, Py_mp_length) == NULL && !PyErr_Occurred());
    RAISES(PyType_GetSlot((PyTypeObject *)type, 9999), NULL, PyExc_SystemError, NULL);
    got = PyType_GetFullyQualifiedName((PyTypeObject *)type);
    CHECK(holds("x == 'check.Thing'", got));
    Py_XDECREF(got);
    got = PyType_GetModuleName((PyTypeObject *)type);
    CHECK(holds("x == 'check'", got));
    Py_XDECREF(got);
    got = PyType_GetName((PyTypeObject *)type);
    CHECK(holds("x == 'Thing'", got));
    Py_XDECREF(got);
    got = PyType_GetQualName(&PyLong_Type);
    CHECK(holds("x == 'int'", got));
    Py_XDECREF(got);
    CHECK(PyType_GetFlags((PyTypeObject *)type) & Py_TPFLAGS_HAVE_GC && PyType_IsSubtype((PyTypeObject *)type, &PyBaseObject_Type));
    RAISES(PyType_GetModule((PyTypeObject *)type), NULL, PyExc_TypeError, NULL);
    RAISES(PyType_GetModuleState(&PyLong_Type), NULL, PyExc_TypeError, NULL);
    CHECK(PyDict_DelItemString(names, "Thing") == 0);
    Py_XDECREF(type);
}

/* ---- specs that are wrong, and those that say more */

static void specs(void) {
    static PyType_Slot none[] = {{0, NULL}}, unknown[] = {{9999, NULL}, {0, NULL}};
    static PyType_Slot twice[] = {{Py_tp_doc, "a"}, {Py_tp_doc, "b"}, {0, NULL}};
    PyType_Spec spec = {"check.Plain", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, none};
    PyObject *type = PyType_FromSpec(&spec);
    CHECK(type && !PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_BASETYPE));
    PyDict_SetItemString(names, "Plain", type);
    CHECK(!run("class Sub(Plain): pass\n") && raised(PyExc_TypeError, "type 'check.Plain' is not an acceptable base type"));
    CHECK(run("Plain.attribute = 1\n") && holds("Plain().attribute == 1", NULL));
    Py_XDECREF(type);
    spec.slots = unknown;
    RAISES(PyType_FromSpec(&spec), NULL, PyExc_RuntimeError, "invalid slot offset");
    spec.slots = twice;
    RAISES(PyType_FromSpec(&spec), NULL, PyExc_SystemError, "Multiple Py_tp_doc slots are not supported.");
    spec.slots = none;
    spec.flags |= Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    type = PyType_FromSpec(&spec);
    PyDict_SetItemString(names, "Plain", type);
    CHECK(!run("Plain.attribute = 1\n") && raised(PyExc_TypeError, "cannot set 'attribute' attribute of immutable type 'check.Plain'"));
    CHECK(!run("Plain()\n") && raised(PyExc_TypeError, "cannot create 'check.Plain' instances"));
    Py_XDECREF(type);
    CHECK(PyDict_DelItemString(names, "Plain") == 0);

    /* Room of its own after whatever the base has. */
    PyType_Spec more = {"check.More", -(int)sizeof(long), 0, Py_TPFLAGS_DEFAULT, none};
    type = PyType_FromSpecWithBases(&more, (PyObject *)&PyList_Type);
    CHECK(type && PyType_GetTypeDataSize((PyTypeObject *)type) >= (Py_ssize_t)sizeof(long));
    PyObject *list = PyObject_CallNoArgs(type);
    long *own = PyObject_GetTypeData(list, (PyTypeObject *)type);
    CHECK(own && *own == 0 && (char *)own >= (char *)list + PyList_Type.tp_basicsize);
    Py_XDECREF(list);

    static int token;
    PyType_Slot tokens[] = {{Py_tp_token, &token}, {0, NULL}};
    PyType_Spec with_token = {"check.Token", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, tokens};
    PyObject *base = PyType_FromSpec(&with_token);
    PyTypeObject *found = NULL;
    CHECK(PyType_GetBaseByToken((PyTypeObject *)base, &token, &found) == 1 && found == (PyTypeObject *)base);
    Py_XDECREF(found);
    CHECK(PyType_GetBaseByToken(&PyLong_Type, &token, &found) == 0 && found == NULL);
    CHECK(PyType_GetBaseByToken((PyTypeObject *)base, &token, NULL) == 1);
    RAISES(PyType_GetBaseByToken((PyTypeObject *)base, NULL, NULL), -1, PyExc_SystemError, NULL);
    Py_XDECREF(base);
    CHECK(PyType_Freeze((PyTypeObject *)type) == 0 && PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_IMMUTABLETYPE));
    Py_XDECREF(type);
}

/* ---- static types */

static int static_init(PyObject *self, PyObject *args, PyObject *keywords) {
    (void)self, (void)args, (void)keywords;
    return 0;
}
static PyTypeObject Static = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "check.Static", .tp_basicsize = sizeof(Thing), .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = PyType_GenericNew, .tp_init = static_init, .tp_methods = thing_methods,
};

static void statics(void) {
    CHECK(PyType_Ready(&Static) == 0 && Static.tp_flags & Py_TPFLAGS_READY && Static.tp_base == &PyBaseObject_Type && Py_IS_TYPE(&Static, &PyType_Type));
    PyDict_SetItemString(names, "Static", (PyObject *)&Static);
    CHECK(holds("Static().method() == 0 and Static.__module__ == 'check' and Static.__mro__ == (Static, object)", NULL));
    CHECK(!run("Static.x = 1\n") && raised(PyExc_TypeError, "cannot set 'x' attribute of immutable type 'check.Static'"));
    CHECK(run("class Sub(Static): x = 1\n") && holds("Sub().x == 1", NULL) && run("del Sub\n"));
    PyObject *dict = PyType_GetDict(&Static);
    CHECK(dict && PyDict_ContainsString(dict, "method") == 1);
    Py_XDECREF(dict);
    CHECK(PyDict_DelItemString(names, "Static") == 0);
}

static void test(void) {
    slots();
    specs();
    statics();
}
