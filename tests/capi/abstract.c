#include "check.h"

static void objects(void) {
    CHECK(run("class C:\n    def __call__(self, *a, **k): return (a, k)\n    def m(self, *a): return a\n"
              "class Falsy:\n    def __len__(self): return 0\nclass Bad:\n    def __bool__(self): return 3\n"));
    PyObject *c = eval("C()"), *got, *args = Py_BuildValue("(ii)", 1, 2), *keywords = Py_BuildValue("{s:i}", "k", 3);
    got = PyObject_Call(c, args, keywords);
    CHECK(holds("x == ((1, 2), {'k': 3})", got));
    Py_XDECREF(got);
    got = PyObject_CallFunction(c, "is", 5, "t");
    CHECK(holds("x == ((5, 't'), {})", got));
    Py_XDECREF(got);
    got = PyObject_CallFunction(c, "O", args);
    CHECK(holds("x == ((1, 2), {})", got));
    Py_XDECREF(got);
    got = PyObject_CallMethod(c, "m", "(ii)", 1, 2);
    CHECK(holds("x == (1, 2)", got));
    Py_XDECREF(got);
    PyObject *name = PyUnicode_FromString("m");
    got = PyObject_CallMethodObjArgs(c, name, args, Py_None, NULL);
    CHECK(holds("x == ((1, 2), None)", got));
    Py_XDECREF(got);
    got = PyObject_CallFunctionObjArgs(c, NULL);
    CHECK(holds("x == ((), {})", got));
    Py_XDECREF(got);
    got = PyObject_CallMethodOneArg(c, name, Py_True);
    CHECK(holds("x == (True,)", got));
    Py_XDECREF(got);
    PyObject *vector[] = {NULL, c, Py_True, Py_False}, *names_ = Py_BuildValue("(s)", "z");
    got = PyObject_Vectorcall(c, vector + 2, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, names_);
    CHECK(holds("x == ((True,), {'z': False})", got));
    Py_XDECREF(got);
    got = PyObject_VectorcallMethod(name, vector + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    CHECK(holds("x == (True, False)", got));
    Py_XDECREF(got);
    got = PyObject_VectorcallDict(c, vector + 2, 2, keywords);
    CHECK(holds("x == ((True, False), {'k': 3})", got));
    Py_XDECREF(got);
    RAISES(PyObject_CallNoArgs(Py_None), NULL, PyExc_TypeError, "'NoneType' object is not callable");
    RAISES(PyObject_CallMethod(c, "missing", NULL), NULL, PyExc_AttributeError, "'C' object has no attribute 'missing'");
    RAISES(PyVectorcall_Call(c, args, NULL), NULL, PyExc_TypeError, "'C' object does not support vectorcall");
    CHECK(PyCallable_Check(c) && !PyCallable_Check(Py_None) && !PyCallable_Check(NULL));
    Py_DECREF(name);
    Py_XDECREF(names_);

    CHECK(PyObject_IsTrue(c) == 1 && PyObject_Not(c) == 0);
    got = eval("Falsy()");
    CHECK(PyObject_IsTrue(got) == 0);
    Py_XDECREF(got);
    got = eval("Bad()");
    RAISES(PyObject_IsTrue(got), -1, PyExc_TypeError, NULL);
    Py_XDECREF(got);
    CHECK(PyObject_IsInstance(c, (PyObject *)Py_TYPE(c)) == 1 && PyObject_IsSubclass((PyObject *)&PyBool_Type, (PyObject *)&PyLong_Type) == 1);
    RAISES(PyObject_IsInstance(c, Py_None), -1, PyExc_TypeError, NULL);
    RAISES(PyObject_IsSubclass(c, (PyObject *)&PyLong_Type), -1, PyExc_TypeError, "issubclass() arg 1 must be a class");
    got = PyObject_Type(c);
    CHECK(got == (PyObject *)Py_TYPE(c));
    Py_XDECREF(got);
    RAISES(PyObject_Type(NULL), NULL, PyExc_SystemError, NULL);
    CHECK(PyObject_Size(args) == 2 && PyObject_Length(args) == 2 && PyObject_LengthHint(args, 9) == 2 && PyObject_LengthHint(c, 9) == 9);
    RAISES(PyObject_Size(c), -1, PyExc_TypeError, "object of type 'C' has no len()");
    got = PyObject_Format(args, NULL);
    CHECK(holds("x == '(1, 2)'", got));
    Py_XDECREF(got);
    PyObject *place = PyLong_FromLong(1);
    got = PyObject_GetItem(args, place);
    CHECK(got && PyLong_AsLong(got) == 2);
    Py_XDECREF(got);
    RAISES(PyObject_GetItem(c, place), NULL, PyExc_TypeError, "'C' object is not subscriptable");
    RAISES(PyObject_SetItem(args, place, place), -1, PyExc_TypeError, "'tuple' object does not support item assignment");
    RAISES(PyObject_DelItem(args, place), -1, PyExc_TypeError, "'tuple' object doesn't support item deletion");
    got = PyObject_Dir(c);
    CHECK(holds("'m' in x", got));
    Py_XDECREF(got);
    got = PyObject_ASCII(name = PyUnicode_FromString("\xc3\xa9"));
    CHECK(holds("x == \"'\\\\xe9'\"", got));
    Py_XDECREF(got);
    Py_DECREF(name);
    Py_DECREF(place);
    Py_XDECREF(c);
    Py_XDECREF(args);
    Py_XDECREF(keywords);
}

static void numbers(void) {
    PyObject *a = PyLong_FromLong(17), *b = PyLong_FromLong(5), *f = PyFloat_FromDouble(2.5), *text = PyUnicode_FromString("t"), *got;
#define GIVES(expression, test)     \
    got = (expression);             \
    CHECK(holds("x == " test, got)); \
    Py_XDECREF(got)
    GIVES(PyNumber_Add(a, b), "22");
    GIVES(PyNumber_Subtract(a, f), "14.5");
    GIVES(PyNumber_Multiply(b, text), "'ttttt'");
    GIVES(PyNumber_FloorDivide(a, b), "3");
    GIVES(PyNumber_TrueDivide(a, b), "3.4");
    GIVES(PyNumber_Remainder(a, b), "2");
    GIVES(PyNumber_Divmod(a, b), "(3, 2)");
    GIVES(PyNumber_Power(a, b, Py_None), "1419857");
    GIVES(PyNumber_Power(a, b, PyLong_FromLong(7)), "5");
    GIVES(PyNumber_Negative(a), "-17");
    GIVES(PyNumber_Positive(a), "17");
    GIVES(PyNumber_Absolute(f), "2.5");
    GIVES(PyNumber_Invert(a), "-18");
    GIVES(PyNumber_Lshift(a, b), "544");
    GIVES(PyNumber_Rshift(a, b), "0");
    GIVES(PyNumber_And(a, b), "1");
    GIVES(PyNumber_Or(a, b), "21");
    GIVES(PyNumber_Xor(a, b), "20");
    GIVES(PyNumber_Long(f), "2");
    GIVES(PyNumber_Float(a), "17.0");
    GIVES(PyNumber_Index(a), "17");
    GIVES(PyNumber_ToBase(a, 2), "'0b10001'");
    GIVES(PyNumber_ToBase(a, 16), "'0x11'");
    GIVES(PyNumber_InPlaceAdd(a, b), "22");
    RAISES(PyNumber_Add(a, text), NULL, PyExc_TypeError, "unsupported operand type(s) for +: 'int' and 'str'");
    RAISES(PyNumber_InPlaceAdd(a, text), NULL, PyExc_TypeError, "unsupported operand type(s) for +=: 'int' and 'str'");
    RAISES(PyNumber_MatrixMultiply(a, b), NULL, PyExc_TypeError, "unsupported operand type(s) for @: 'int' and 'int'");
    RAISES(PyNumber_Negative(text), NULL, PyExc_TypeError, "bad operand type for unary -: 'str'");
    RAISES(PyNumber_Power(a, text, Py_None), NULL, PyExc_TypeError, "unsupported operand type(s) for ** or pow(): 'int' and 'str'");
    RAISES(PyNumber_Index(f), NULL, PyExc_TypeError, "'float' object cannot be interpreted as an integer");
    RAISES(PyNumber_ToBase(a, 3), NULL, PyExc_SystemError, NULL);
    RAISES(PyNumber_Float(Py_None), NULL, PyExc_TypeError, "float() argument must be a string or a real number, not 'NoneType'");
    CHECK(PyNumber_Check(a) == 1 && PyNumber_Check(text) == 0 && PyIndex_Check(a) == 1 && PyIndex_Check(f) == 0);
    PyObject *huge = eval("1 << 100");
    CHECK(PyNumber_AsSsize_t(huge, NULL) == PY_SSIZE_T_MAX && !PyErr_Occurred());
    RAISES(PyNumber_AsSsize_t(huge, PyExc_IndexError), -1, PyExc_IndexError, "cannot fit 'int' into an index-sized integer");
    Py_XDECREF(huge);
    Py_DECREF(a);
    Py_DECREF(b);
    Py_DECREF(f);
    Py_DECREF(text);
}

static void sequences(void) {
    PyObject *list = eval("[1, 2, 3]"), *two = PyLong_FromLong(2), *got, *text = PyUnicode_FromString("b");
    CHECK(PySequence_Check(list) == 1 && PySequence_Check(names) == 0 && PySequence_Size(list) == 3 && PySequence_Length(list) == 3);
    GIVES(PySequence_Concat(list, list), "[1, 2, 3, 1, 2, 3]");
    GIVES(PySequence_Repeat(list, 2), "[1, 2, 3, 1, 2, 3]");
    GIVES(PySequence_GetItem(list, -1), "3");
    GIVES(PySequence_GetSlice(list, 0, -1), "[1, 2]");
    RAISES(PySequence_GetItem(list, 9), NULL, PyExc_IndexError, "list index out of range");
    RAISES(PySequence_GetItem(names, 0), NULL, PyExc_TypeError, "dict is not a sequence");
    RAISES(PySequence_GetItem(Py_None, 0), NULL, PyExc_TypeError, "'NoneType' object does not support indexing");
    RAISES(PySequence_Size(names), -1, PyExc_TypeError, "dict is not a sequence");
    RAISES(PySequence_Concat(two, list), NULL, PyExc_TypeError, "'int' object can't be concatenated");
    RAISES(PySequence_Repeat(two, 2), NULL, PyExc_TypeError, "'int' object can't be repeated");
    RAISES(PySequence_Size(NULL), -1, PyExc_SystemError, "null argument to internal routine");
    CHECK(PySequence_SetItem(list, 0, text) == 0 && PySequence_DelItem(list, 1) == 0 && holds("x == ['b', 3]", list));
    CHECK(PySequence_SetSlice(list, 0, 1, list) == 0 && PySequence_DelSlice(list, 0, 2) == 0 && holds("x == [3]", list));
    CHECK(PySequence_Contains(list, two) == 0 && PySequence_Count(list, two) == 0);
    RAISES(PySequence_Index(list, two), -1, PyExc_ValueError, "sequence.index(x): x not in sequence");
    RAISES(PySequence_Contains(two, two), -1, PyExc_TypeError, "argument of type 'int' is not a container or iterable");
    got = PySequence_Fast(list, "no sequence");
    CHECK(got == list && PySequence_Fast_GET_SIZE(got) == 1 && PyLong_AsLong(PySequence_Fast_GET_ITEM(got, 0)) == 3);
    Py_XDECREF(got);
    RAISES(PySequence_Fast(two, "no sequence"), NULL, PyExc_TypeError, "no sequence");
    GIVES(PySequence_Tuple(list), "(3,)");
    GIVES(PySequence_List(list), "[3]");
    GIVES(PySequence_InPlaceConcat(list, list), "[3, 3]");
    GIVES(PySequence_InPlaceRepeat(list, 2), "[3, 3, 3, 3]");
    Py_XDECREF(list);
    Py_DECREF(two);
    Py_DECREF(text);
}

static void mappings(void) {
    PyObject *map = eval("__import__('collections').OrderedDict(a=1)"), *got = NULL, *key = PyUnicode_FromString("a");
    CHECK(PyMapping_Check(map) == 1 && PyMapping_Check(key) == 1 && PyMapping_Check(Py_None) == 0 && PyMapping_Size(map) == 1);
    GIVES(PyMapping_GetItemString(map, "a"), "1");
    RAISES(PyMapping_GetItemString(map, "b"), NULL, PyExc_KeyError, "'b'");
    CHECK(PyMapping_GetOptionalItem(map, key, &got) == 1 && PyLong_AsLong(got) == 1);
    Py_CLEAR(got);
    CHECK(PyMapping_GetOptionalItemString(map, "b", &got) == 0 && got == NULL);
    CHECK(PyMapping_HasKeyString(map, "a") == 1 && PyMapping_HasKeyWithError(map, key) == 1 && PyMapping_HasKeyStringWithError(map, "z") == 0);
    CHECK(PyMapping_SetItemString(map, "b", key) == 0 && PyMapping_DelItemString(map, "a") == 0 && PyMapping_DelItem(map, key) == -1);
    CHECK(raised(PyExc_KeyError, "'a'"));
    GIVES(PyMapping_Keys(map), "['b']");
    GIVES(PyMapping_Values(map), "['a']");
    GIVES(PyMapping_Items(map), "[('b', 'a')]");
    RAISES(PyMapping_Keys(key), NULL, PyExc_AttributeError, "'str' object has no attribute 'keys'");
    RAISES(PyMapping_Size(Py_None), -1, PyExc_TypeError, "object of type 'NoneType' has no len()");
    Py_XDECREF(map);
    Py_DECREF(key);
}

static void iterators(void) {
    PyObject *list = eval("[1, 2]"), *it = PyObject_GetIter(list), *got = NULL;
    CHECK(it && PyIter_Check(it) && !PyIter_Check(list) && !PyAIter_Check(it));
    GIVES(PyIter_Next(it), "1");
    CHECK(PyIter_NextItem(it, &got) == 1 && PyLong_AsLong(got) == 2);
    Py_CLEAR(got);
    CHECK(PyIter_NextItem(it, &got) == 0 && got == NULL && PyIter_Next(it) == NULL && !PyErr_Occurred());
    RAISES(PyObject_GetIter(Py_None), NULL, PyExc_TypeError, "'NoneType' object is not iterable");
    RAISES(PyIter_NextItem(Py_None, &got), -1, PyExc_TypeError, "expected an iterator, got 'NoneType'");
    RAISES(PyObject_GetAIter(it), NULL, PyExc_TypeError, "'list_iterator' object is not an async iterable");
    Py_XDECREF(it);
    it = eval("iter(lambda: 1 / 0, None)");
    RAISES(PyIter_Next(it), NULL, PyExc_ZeroDivisionError, NULL);
    Py_XDECREF(it);
    it = eval("(lambda: (yield (yield 1)))()");
    CHECK(PyIter_Send(it, Py_None, &got) == PYGEN_NEXT && PyLong_AsLong(got) == 1);
    Py_CLEAR(got);
    CHECK(PyIter_Send(it, Py_True, &got) == PYGEN_NEXT && got == Py_True);
    Py_CLEAR(got);
    CHECK(PyIter_Send(it, Py_False, &got) == PYGEN_RETURN && got == Py_False);
    Py_CLEAR(got);
    Py_XDECREF(it);
    PyObject *sequence = PySeqIter_New(list), *callable = eval("lambda n=[0]: n.append(0) or len(n)"), *three = PyLong_FromLong(3);
    GIVES(PySequence_List(sequence), "[1, 2]");
    Py_XDECREF(sequence);
    sequence = PyCallIter_New(callable, three);
    GIVES(PySequence_List(sequence), "[2]");
    Py_XDECREF(sequence);
    Py_XDECREF(callable);
    Py_DECREF(three);
    Py_XDECREF(list);
}

static void buffers(void) {
    PyObject *array = eval("__import__('array').array('i', [1, 2, 3])"), *bytes = PyBytes_FromString("abc");
    Py_buffer view;
    CHECK(PyObject_CheckBuffer(array) && !PyObject_CheckBuffer(Py_None));
    CHECK(PyObject_GetBuffer(array, &view, PyBUF_FULL) == 0 && view.obj == array && view.len == 12 && view.itemsize == 4 &&
          view.ndim == 1 && strcmp(view.format, "i") == 0 && view.shape[0] == 3 && view.strides[0] == 4 && !view.readonly);
    CHECK(PyBuffer_IsContiguous(&view, 'C') && PyBuffer_IsContiguous(&view, 'F') && PyBuffer_SizeFromFormat("q") == 8);
    Py_ssize_t index = 1;
    CHECK(*(int *)PyBuffer_GetPointer(&view, &index) == 2);
    int flat[3] = {7, 8, 9};
    CHECK(PyBuffer_FromContiguous(&view, flat, 12, 'C') == 0 && holds("list(x) == [7, 8, 9]", array));
    CHECK(PyBuffer_ToContiguous(flat, &view, 12, 'C') == 0 && flat[2] == 9);
    PyBuffer_Release(&view);
    CHECK(view.obj == NULL);
    PyBuffer_Release(&view);
    RAISES(PyObject_GetBuffer(Py_None, &view, PyBUF_SIMPLE), -1, PyExc_TypeError, "a bytes-like object is required, not 'NoneType'");
    RAISES(PyObject_GetBuffer(bytes, &view, PyBUF_WRITABLE), -1, PyExc_BufferError, "Object is not writable.");
    CHECK(view.obj == NULL);
    char memory[4] = "wxyz";
    CHECK(PyBuffer_FillInfo(&view, bytes, memory, 4, 0, PyBUF_WRITABLE) == 0 && view.obj == bytes && view.len == 4 && view.format == NULL);
    PyBuffer_Release(&view);
    CHECK(Py_REFCNT(bytes) == 1);
    RAISES(PyBuffer_FillInfo(&view, bytes, memory, 4, 1, PyBUF_WRITABLE), -1, PyExc_BufferError, "Object is not writable.");
    PyObject *seen = PyMemoryView_FromObject(array), *raw = PyMemoryView_FromMemory(memory, 4, PyBUF_WRITE);
    CHECK(PyMemoryView_Check(seen) && PyMemoryView_GET_BUFFER(seen)->len == 12 && PyMemoryView_GET_BASE(seen) == array);
    CHECK(run("def poke(m): m[0] = 33\n") && holds("poke(x) is None", raw) && memory[0] == 33);
    RAISES(PyMemoryView_FromObject(Py_None), NULL, PyExc_TypeError, "memoryview: a bytes-like object is required, not 'NoneType'");
    PyObject *contiguous = PyMemoryView_GetContiguous(array, PyBUF_READ, 'C');
    CHECK(holds("x.tolist() == [7, 8, 9]", contiguous));
    Py_XDECREF(contiguous);
    Py_XDECREF(seen);
    Py_XDECREF(raw);
    Py_ssize_t shape[2] = {2, 3}, strides[2];
    PyBuffer_FillContiguousStrides(2, shape, strides, 4, 'F');
    CHECK(strides[0] == 4 && strides[1] == 8);
    Py_XDECREF(array);
    Py_DECREF(bytes);
}

static void test(void) {
    objects();
    numbers();
    sequences();
    mappings();
    iterators();
    buffers();
}
