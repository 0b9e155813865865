#include "check.h"

/* The arguments of each parse are the items of a tuple that an expression gives. */
static int parse(const char *expression, const char *format, void *a, void *b, void *c) {
    PyObject *args = eval(expression);
    /* What is borrowed from the arguments lives until the next call. */
    PyDict_SetItemString(names, "arguments", args);
    int fine = PyArg_ParseTuple(args, format, a, b, c);
    Py_XDECREF(args);
    return fine;
}

static int keywords(const char *args, const char *kwargs, const char *format, char *const *list, void *a, void *b, void *c) {
    PyObject *positional = eval(args), *named = eval(kwargs);
    int fine = PyArg_ParseTupleAndKeywords(positional, named, format, list, a, b, c);
    Py_XDECREF(positional);
    Py_XDECREF(named);
    return fine;
}

static void numbers(void) {
    unsigned char b = 0;
    short h = 0;
    int i = 0;
    long l = 0;
    long long q = 0;
    unsigned long k = 0;
    Py_ssize_t n = 0;
    double d = 0;
    float f = 0;
    Py_complex z = {0, 0};
    CHECK(parse("(200,)", "b", &b, NULL, NULL) && b == 200);
    RAISES(parse("(256,)", "b", &b, NULL, NULL), 0, PyExc_OverflowError, "unsigned byte integer is greater than maximum");
    RAISES(parse("(-1,)", "b", &b, NULL, NULL), 0, PyExc_OverflowError, "unsigned byte integer is less than minimum");
    CHECK(parse("(257,)", "B", &b, NULL, NULL) && b == 1);
    RAISES(parse("(40000,)", "h", &h, NULL, NULL), 0, PyExc_OverflowError, "signed short integer is greater than maximum");
    CHECK(parse("(-7, 8, 9)", "ilL", &i, &l, &q) && i == -7 && l == 8 && q == 9);
    RAISES(parse("(1 << 31,)", "i", &i, NULL, NULL), 0, PyExc_OverflowError, "signed integer is greater than maximum");
    RAISES(parse("(1 << 63,)", "l", &l, NULL, NULL), 0, PyExc_OverflowError, "Python int too large to convert to C long");
    RAISES(parse("(1 << 63,)", "L", &q, NULL, NULL), 0, PyExc_OverflowError, NULL);
    RAISES(parse("(1 << 63,)", "n", &n, NULL, NULL), 0, PyExc_OverflowError, "Python int too large to convert to C ssize_t");
    CHECK(parse("((1 << 64) + 5,)", "k", &k, NULL, NULL) && k == 5);
    RAISES(parse("(1.5,)", "i", &i, NULL, NULL), 0, PyExc_TypeError, "'float' object cannot be interpreted as an integer");
    RAISES(parse("('a',)", "k", &k, NULL, NULL), 0, PyExc_TypeError, NULL);
    CHECK(parse("(2, 2.5, 1+2j)", "dfD", &d, &f, &z) && d == 2 && f == 2.5f && z.imag == 2);
    RAISES(parse("('a',)", "d", &d, NULL, NULL), 0, PyExc_TypeError, "must be real number, not str");
    CHECK(parse("([],)", "p", &i, NULL, NULL) && i == 0);
}

static void texts(void) {
    const char *s = NULL;
    Py_ssize_t n = 0;
    char c = 0;
    int code = 0;
    Py_buffer view;
    PyObject *o = NULL;
    CHECK(parse("('h\\xe9',)", "s", &s, NULL, NULL) && strcmp(s, "h\xc3\xa9") == 0);
    RAISES(parse("('a\\0b',)", "s", &s, NULL, NULL), 0, PyExc_ValueError, "embedded null character");
    RAISES(parse("(b'a',)", "s", &s, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be str, not bytes");
    RAISES(parse("(None,)", "s:call", &s, NULL, NULL), 0, PyExc_TypeError, "call() argument 1 must be str, not None");
    RAISES(parse("(1,)", "s;my own words", &s, NULL, NULL), 0, PyExc_TypeError, "my own words");
    CHECK(parse("(None,)", "z", &s, NULL, NULL) && s == NULL);
    RAISES(parse("(1,)", "z", &s, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be str or None, not int");
    RAISES(parse("(b'a\\0',)", "y", &s, NULL, NULL), 0, PyExc_ValueError, "embedded null byte");
    RAISES(parse("('a',)", "y", &s, NULL, NULL), 0, PyExc_TypeError, "a bytes-like object is required, not 'str'");
    RAISES(parse("(bytearray(b'a'),)", "y", &s, NULL, NULL), 0, PyExc_TypeError,
        "argument 1 must be read-only bytes-like object, not bytearray");
    RAISES(parse("(1,)", "s*", &view, NULL, NULL), 0, PyExc_TypeError, "a bytes-like object is required, not 'int'");
    CHECK(parse("(bytearray(b'abc'),)", "y*", &view, NULL, NULL) && view.len == 3 && memcmp(view.buf, "abc", 3) == 0);
    PyBuffer_Release(&view);
    RAISES(parse("(b'abc',)", "w*", &view, NULL, NULL), 0, PyExc_TypeError,
        "argument 1 must be read-write bytes-like object, not bytes");
    CHECK(parse("(b'x',)", "c", &c, NULL, NULL) && c == 'x');
    RAISES(parse("(b'xy',)", "c", &c, NULL, NULL), 0, PyExc_TypeError,
        "argument 1 must be a byte string of length 1, not a bytes object of length 2");
    RAISES(parse("('x',)", "c", &c, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be a byte string of length 1, not str");
    CHECK(parse("('\\u20ac',)", "C", &code, NULL, NULL) && code == 0x20ac);
    RAISES(parse("('ab',)", "C", &code, NULL, NULL), 0, PyExc_TypeError,
        "argument 1 must be a unicode character, not a string of length 2");
    RAISES(parse("(1,)", "C", &code, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be a unicode character, not int");
    CHECK(parse("('u',)", "U", &o, NULL, NULL) && PyUnicode_Check(o));
    RAISES(parse("(b'u',)", "U", &o, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be str, not bytes");
    RAISES(parse("('u',)", "S", &o, NULL, NULL), 0, PyExc_TypeError, "argument 1 must be bytes, not str");
    (void)n;
    char *copy = NULL;
    PyObject *args = eval("('h\\xe9',)");
    CHECK(PyArg_ParseTuple(args, "es", "latin-1", &copy) && strcmp(copy, "h\xe9") == 0);
    PyMem_Free(copy);
    char room[4] = "";
    char *place = room;
    Py_ssize_t size = sizeof room;
    CHECK(PyArg_ParseTuple(args, "es#", "utf-8", &place, &size) && size == 3 && strcmp(room, "h\xc3\xa9") == 0);
    size = 3;
    RAISES(PyArg_ParseTuple(args, "es#", "utf-8", &place, &size), 0, PyExc_ValueError,
        "encoded string too long (3, maximum length 2)");
    Py_DECREF(args);
}

static int convert(PyObject *o, void *place) {
    if (!PyLong_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "no number");
        return 0;
    }
    *(long *)place = PyLong_AsLong(o) * 2;
    return 1;
}

static void shapes(void) {
    int a = 1, b = 2, c = 3;
    long doubled = 0;
    PyObject *o = NULL;
    CHECK(parse("(10,)", "i|ii", &a, &b, &c) && a == 10 && b == 2 && c == 3);
    RAISES(parse("()", "i|i:f", &a, &b, NULL), 0, PyExc_TypeError, "f() takes at least 1 argument (0 given)");
    RAISES(parse("(1, 2, 3)", "i|i:f", &a, &b, NULL), 0, PyExc_TypeError, "f() takes at most 2 arguments (3 given)");
    RAISES(parse("(1,)", "", NULL, NULL, NULL), 0, PyExc_TypeError, "function takes exactly 0 arguments (1 given)");
    RAISES(parse("(1,)", ":f", NULL, NULL, NULL), 0, PyExc_TypeError, "f() takes exactly 0 arguments (1 given)");
    RAISES(parse("(1,)", "ii", &a, &b, NULL), 0, PyExc_TypeError, "function takes exactly 2 arguments (1 given)");
    CHECK(parse("((4, 5), 6)", "(ii)i", &a, &b, &c) && a == 4 && b == 5 && c == 6);
    RAISES(parse("(1, 2)", "(ii)i:f", &a, &b, &c), 0, PyExc_TypeError, "f() argument 1 must be 2-item tuple, not int");
    RAISES(parse("((1,), 2)", "(ii)i:f", &a, &b, &c), 0, PyExc_TypeError,
        "f() argument 1 must be tuple of length 2, not 1");
    RAISES(parse("((1, 'a'), 2)", "(ii)i:f", &a, &b, &c), 0, PyExc_TypeError, NULL);
    RAISES(parse("(1,)", "O!", &PyUnicode_Type, &o, NULL), 0, PyExc_TypeError, "argument 1 must be str, not int");
    PyObject *args = eval("(21,)");
    CHECK(PyArg_ParseTuple(args, "O&", convert, &doubled) && doubled == 42);
    Py_DECREF(args);
    RAISES(parse("('a',)", "O&", (void *)convert, &doubled, NULL), 0, PyExc_TypeError, "no number");

    PyObject *x = NULL, *y = NULL;
    args = eval("(1, 2)");
    CHECK(PyArg_UnpackTuple(args, "f", 1, 2, &x, &y) && PyLong_AsLong(y) == 2);
    RAISES(PyArg_UnpackTuple(args, "f", 3, 3, &x, &y, &o), 0, PyExc_TypeError, "f expected 3 arguments, got 2");
    RAISES(PyArg_UnpackTuple(args, NULL, 1, 1, &x), 0, PyExc_TypeError, "unpacked tuple should have 1 element, but has 2");
    Py_DECREF(args);
}

static void named(void) {
    static char *list[] = {"first", "second", "third", NULL}, *only[] = {"", "b", NULL};
    int a = 0, b = 0, c = 7;
    CHECK(keywords("(1,)", "{'second': 2}", "ii|i:f", list, &a, &b, &c) && a == 1 && b == 2 && c == 7);
    CHECK(keywords("(1, 2)", "{'third': 3}", "ii$i:f", list, &a, &b, &c) && c == 3);
    RAISES(keywords("(1,)", "{}", "ii|i:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "f() missing required argument 'second' (pos 2)");
    RAISES(keywords("(1,)", "{'first': 1}", "ii|i:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "f() missing required argument 'second' (pos 2)");
    RAISES(keywords("(1,)", "{'first': 1}", "i|ii:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "argument for f() given by name ('first') and position (1)");
    RAISES(keywords("(1, 2)", "{'secnd': 1}", "ii|i:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "f() got an unexpected keyword argument 'secnd'. Did you mean 'second'?");
    RAISES(keywords("(1, 2, 3, 4)", "{}", "ii|i:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "f() takes at most 3 arguments (4 given)");
    RAISES(keywords("(1, 2, 3)", "{}", "ii$i:f", list, &a, &b, &c), 0, PyExc_TypeError,
        "f() takes exactly 2 positional arguments (3 given)");
    RAISES(keywords("(1, 2)", "{}", "ii$i", list, &a, &b, &c), 0, PyExc_TypeError,
        "function missing required argument 'third' (pos 3)");
    RAISES(keywords("()", "{1: 2}", "|iii", list, &a, &b, &c), 0, PyExc_TypeError, "keywords must be strings");
    CHECK(keywords("(1,)", "{'b': 2}", "ii", only, &a, &b, NULL) && b == 2);
    RAISES(keywords("()", "{'b': 2}", "ii:f", only, &a, &b, NULL), 0, PyExc_TypeError,
        "f() takes at least 1 positional argument (0 given)");
}

static void values(void) {
    PyObject *o = Py_BuildValue("(iOs)", 1, Py_None, "text");
    CHECK(holds("x == (1, None, 'text')", o));
    Py_XDECREF(o);
    o = Py_BuildValue("{s:i,s:[dd]}", "a", 1, "b", 1.5, 2.5);
    CHECK(holds("x == {'a': 1, 'b': [1.5, 2.5]}", o));
    Py_XDECREF(o);
    o = Py_BuildValue("");
    CHECK(o == Py_None);
    Py_XDECREF(o);
    o = Py_BuildValue("y#s#zc", "a\0b", (Py_ssize_t)3, "cd", (Py_ssize_t)1, NULL, 'q');
    CHECK(holds("x == (b'a\\0b', 'c', None, b'q')", o));
    Py_XDECREF(o);
    PyObject *item = fresh();
    o = Py_BuildValue("(NO)", item, item);
    CHECK(o && Py_REFCNT(item) == 2);
    Py_XDECREF(o);
    RAISES(Py_BuildValue("(i", 1), NULL, PyExc_SystemError, NULL);
    RAISES(Py_BuildValue("(O)", NULL), NULL, PyExc_SystemError, "NULL object passed to Py_BuildValue");
    RAISES(Py_BuildValue("?"), NULL, PyExc_SystemError, "bad format char passed to Py_BuildValue");
}

static void test(void) {
    numbers();
    texts();
    shapes();
    named();
    values();
}
