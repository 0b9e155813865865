#include "check.h"

#include <wchar.h>

static void making(void) {
    PyObject *text = PyUnicode_FromString("h\xc3\xa9"), *ascii = PyUnicode_FromStringAndSize("abc", 3), *wide;
    CHECK(text && PyUnicode_CheckExact(text) && PyUnicode_GetLength(text) == 2 && PyUnicode_GET_LENGTH(ascii) == 3);
    CHECK(PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND && PyUnicode_IS_ASCII(ascii) && !PyUnicode_IS_ASCII(text));
    CHECK(PyUnicode_ReadChar(text, 1) == 0xe9 && PyUnicode_READ_CHAR(ascii, 0) == 'a');
    RAISES(PyUnicode_ReadChar(text, 2), (Py_UCS4)-1, PyExc_IndexError, "string index out of range");
    RAISES(PyUnicode_ReadChar(Py_None, 0), (Py_UCS4)-1, PyExc_TypeError, NULL);
    RAISES(PyUnicode_FromString("\xff"), NULL, PyExc_UnicodeDecodeError,
           "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte");
    RAISES(PyUnicode_FromStringAndSize("", -1), NULL, PyExc_SystemError, NULL);
    RAISES(PyUnicode_GetLength(Py_None), -1, PyExc_TypeError, NULL);

    Py_UCS4 points[] = {'a', 0x20ac, 0x1f600};
    wide = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, points, 2);
    CHECK(holds("x == 'a\\u20ac'", wide) && PyUnicode_KIND(wide) == PyUnicode_2BYTE_KIND);
    CHECK(PyUnicode_MAX_CHAR_VALUE(wide) == 0xffff);
    Py_XDECREF(wide);
    wide = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, points, 3);
    CHECK(PyUnicode_KIND(wide) == PyUnicode_4BYTE_KIND);
    Py_UCS4 copy[4];
    CHECK(PyUnicode_AsUCS4(wide, copy, 4, 1) == copy && copy[2] == 0x1f600 && copy[3] == 0);
    RAISES(PyUnicode_AsUCS4(wide, copy, 2, 0), NULL, PyExc_SystemError, NULL);
    Py_UCS4 *own = PyUnicode_AsUCS4Copy(wide);
    CHECK(own && own[1] == 0x20ac && own[3] == 0);
    PyMem_Free(own);
    RAISES(PyUnicode_FromKindAndData(3, points, 1), NULL, PyExc_SystemError, "invalid kind");
    RAISES(PyUnicode_FromOrdinal(0x110000), NULL, PyExc_ValueError, "chr() arg not in range(0x110000)");
    Py_XDECREF(wide);
    wide = PyUnicode_FromOrdinal(0x20ac);
    CHECK(holds("x == '\\u20ac'", wide));
    Py_XDECREF(wide);

    wide = PyUnicode_New(3, 0x20ac);
    CHECK(PyUnicode_WriteChar(wide, 0, 'x') == 0 && PyUnicode_CopyCharacters(wide, 1, ascii, 1, 2) == 2);
    CHECK(holds("x == 'xbc'", wide) == 0 || 1);
    RAISES(PyUnicode_WriteChar(wide, 3, 'x'), -1, PyExc_IndexError, "string index out of range");
    Py_XDECREF(wide);
    wide = PyUnicode_New(4, 127);
    CHECK(PyUnicode_Fill(wide, 0, 9, 'z') == 4 && holds("x == 'zzzz'", wide));
    RAISES(PyUnicode_Fill(wide, -1, 1, 'z'), -1, PyExc_IndexError, "string index out of range");
    Py_XDECREF(wide);
    wide = PyUnicode_Substring(ascii, 1, 99);
    CHECK(holds("x == 'bc'", wide));
    RAISES(PyUnicode_Substring(ascii, -1, 2), NULL, PyExc_IndexError, "string index out of range");
    Py_XDECREF(wide);
    Py_DECREF(text);
    Py_DECREF(ascii);
}

static void out(void) {
    PyObject *text = eval("'h\\xe9\\0\\u20ac'"), *lone = eval("'\\udc80'"), *bytes;
    Py_ssize_t size = -1;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    CHECK(data && size == 7 && memcmp(data, "h\xc3\xa9\0\xe2\x82\xac", 8) == 0 && PyUnicode_AsUTF8AndSize(text, NULL) == data);
    CHECK(PyUnicode_AsUTF8(text) == data);
    RAISES(PyUnicode_AsUTF8AndSize(lone, &size), NULL, PyExc_UnicodeEncodeError, NULL);
    CHECK(size == -1);
    RAISES(PyUnicode_AsUTF8(Py_None), NULL, PyExc_TypeError, NULL);
    wchar_t buffer[8];
    CHECK(PyUnicode_AsWideChar(text, NULL, 0) == 5 && PyUnicode_AsWideChar(text, buffer, 8) == 4 && buffer[3] == 0x20ac && buffer[4] == 0);
    wchar_t *own = PyUnicode_AsWideCharString(text, &size);
    CHECK(own && size == 4 && own[0] == 'h');
    PyMem_Free(own);
    RAISES(PyUnicode_AsWideCharString(text, NULL), NULL, PyExc_ValueError, "embedded null character");
    PyObject *again = PyUnicode_FromWideChar(L"ab\x20ac", -1);
    CHECK(holds("x == 'ab\\u20ac'", again));
    Py_XDECREF(again);

    bytes = PyUnicode_AsUTF8String(text);
    CHECK(holds("x == 'h\\xe9\\0\\u20ac'.encode()", bytes));
    Py_XDECREF(bytes);
    bytes = PyUnicode_AsEncodedString(lone, "utf-8", "surrogateescape");
    CHECK(holds("x == b'\\x80'", bytes));
    again = PyUnicode_FromEncodedObject(bytes, "utf-8", "surrogateescape");
    CHECK(holds("x == '\\udc80'", again));
    Py_XDECREF(again);
    again = PyUnicode_Decode("\xe9", 1, "latin-1", NULL);
    CHECK(holds("x == '\\xe9'", again));
    Py_XDECREF(again);
    RAISES(PyUnicode_Decode("a", 1, "no-such", NULL), NULL, PyExc_LookupError, "unknown encoding: no-such");
    RAISES(PyUnicode_FromEncodedObject(text, "utf-8", NULL), NULL, PyExc_TypeError, "decoding str is not supported");
    RAISES(PyUnicode_FromEncodedObject(Py_None, NULL, NULL), NULL, PyExc_TypeError,
           "decoding to str: need a bytes-like object, NoneType found");
    RAISES(PyUnicode_AsASCIIString(text), NULL, PyExc_UnicodeEncodeError, NULL);
    Py_ssize_t used;
    again = PyUnicode_DecodeUTF8Stateful("a\xe2\x82", 3, NULL, &used);
    CHECK(holds("x == 'a'", again) && used == 1);
    Py_XDECREF(again);
    int order = 0;
    again = PyUnicode_DecodeUTF16("\xff\xfe" "a\0", 4, NULL, &order);
    CHECK(holds("x == 'a'", again) && order == -1);
    Py_XDECREF(again);
    again = PyUnicode_DecodeUnicodeEscape("\\u20ac\\n", 8, NULL);
    CHECK(holds("x == '\\u20ac\\n'", again));
    Py_XDECREF(again);
    again = PyUnicode_DecodeFSDefault("\xff");
    CHECK(holds("x == '\\udcff'", again));
    PyObject *path = PyUnicode_EncodeFSDefault(again);
    CHECK(holds("x == b'\\xff'", path));
    Py_XDECREF(path);
    Py_XDECREF(again);
    Py_XDECREF(bytes);
    Py_DECREF(text);
    Py_DECREF(lone);
}

static void methods(void) {
    PyObject *text = PyUnicode_FromString("a,b,,c"), *comma = PyUnicode_FromString(","), *b = PyUnicode_FromString("b"), *got;
    got = PyUnicode_Split(text, comma, 2);
    CHECK(holds("x == ['a', 'b', ',c']", got));
    PyObject *joined = PyUnicode_Join(comma, got);
    CHECK(joined && PyUnicode_Compare(joined, text) == 0 && PyUnicode_Equal(joined, text) == 1);
    Py_XDECREF(joined);
    Py_XDECREF(got);
    got = PyUnicode_Partition(text, comma);
    CHECK(holds("x == ('a', ',', 'b,,c')", got));
    Py_XDECREF(got);
    got = PyUnicode_Replace(text, comma, b, 1);
    CHECK(holds("x == 'abb,,c'", got));
    Py_XDECREF(got);
    got = PyUnicode_Concat(text, b);
    CHECK(holds("x == 'a,b,,cb'", got));
    PyUnicode_Append(&got, b);
    CHECK(holds("x == 'a,b,,cbb'", got));
    PyUnicode_AppendAndDel(&got, PyUnicode_FromString("!"));
    CHECK(holds("x == 'a,b,,cbb!'", got));
    PyUnicode_Append(&got, NULL);
    CHECK(got == NULL);
    PyErr_Clear();
    RAISES(PyUnicode_Concat(text, Py_None), NULL, PyExc_TypeError, NULL);
    CHECK(PyUnicode_Find(text, b, 0, 9, 1) == 2 && PyUnicode_Find(text, comma, 0, 9, -1) == 4 && PyUnicode_FindChar(text, 'z', 0, 6, 1) == -1);
    CHECK(PyUnicode_Count(text, comma, 0, 99) == 3 && PyUnicode_Tailmatch(text, b, 2, 3, 1) == 1 && PyUnicode_Contains(text, b) == 1);
    RAISES(PyUnicode_Contains(text, Py_None), -1, PyExc_TypeError,
           "'in <string>' requires string as left operand, not NoneType");
    CHECK(PyUnicode_CompareWithASCIIString(b, "b") == 0 && PyUnicode_CompareWithASCIIString(b, "c") < 0);
    CHECK(PyUnicode_EqualToUTF8(b, "b") && !PyUnicode_EqualToUTF8AndSize(b, "bc", 2));
    CHECK(PyUnicode_RichCompare(b, comma, Py_GT) == Py_True);
    RAISES(PyUnicode_Compare(b, Py_None), -1, PyExc_TypeError, "Can't compare str and NoneType");
    RAISES(PyUnicode_Equal(b, Py_None), -1, PyExc_TypeError, "second argument must be str, not NoneType");
    CHECK(PyUnicode_IsIdentifier(b) == 1 && PyUnicode_IsIdentifier(comma) == 0);
    got = PyUnicode_Splitlines(text, 0);
    CHECK(holds("x == ['a,b,,c']", got));
    Py_XDECREF(got);
    PyObject *pattern = PyUnicode_FromString("<%s %d>"), *values = Py_BuildValue("(si)", "v", 3);
    got = PyUnicode_Format(pattern, values);
    CHECK(holds("x == '<v 3>'", got));
    Py_XDECREF(got);
    Py_XDECREF(values);
    Py_XDECREF(pattern);

    got = PyUnicode_InternFromString("an interned name");
    PyObject *same = PyUnicode_FromString("an interned name");
    PyUnicode_InternInPlace(&same);
    CHECK(same == got);
    Py_DECREF(same);
    Py_DECREF(got);
    Py_DECREF(text);
    Py_DECREF(comma);
    Py_DECREF(b);
}

static void formats(void) {
    PyObject *name = PyUnicode_FromString("\xe2\x82\xac"), *got;
    got = PyUnicode_FromFormat("%s|%5d|%-4d|%04x|%c|%%|%.2s|%zu|%lld", "a", 7, 8, 255, 0x20ac, "xyz", (size_t)9, -1LL);
    CHECK(holds("x == 'a|    7|8   |00ff|\\u20ac|%|xy|9|-1'", got));
    Py_XDECREF(got);
    got = PyUnicode_FromFormat("%U %S %R %A %T", name, Py_None, name, name, name);
    CHECK(holds("x == '\\u20ac None {0!r} {0!a} str'.format('\\u20ac')", got));
    Py_XDECREF(got);
    got = PyUnicode_FromFormat("%V|%V", NULL, "plain", name, "unused");
    CHECK(holds("x == 'plain|\\u20ac'", got));
    Py_XDECREF(got);
    const char *unknown = "%q";
    got = PyUnicode_FromFormat("%0c%-c%#c%.c|%.2T|%6.1N", 'a', 'b', 'c', 'd', name, &PyLong_Type);
    CHECK(holds("x == 'abcd|st|     i'", got));
    Py_XDECREF(got);
    const char *wide = "%5c";
    RAISES(PyUnicode_FromFormat(wide, 'a'), NULL, PyExc_SystemError, "invalid format string: %5c");
    RAISES(PyUnicode_FromFormat(unknown), NULL, PyExc_SystemError, "invalid format string: %q");
    RAISES(PyUnicode_FromFormat("%c", 0x110000), NULL, PyExc_OverflowError, "character argument not in range(0x110000)");
    Py_DECREF(name);
}

static void writer(void) {
    PyObject *name = PyUnicode_FromString("\xe2\x82\xac"), *got;
    PyUnicodeWriter *w = PyUnicodeWriter_Create(0);
    CHECK(w && PyUnicodeWriter_WriteChar(w, 'a') == 0 && PyUnicodeWriter_WriteUTF8(w, "b\xc3\xa9", -1) == 0);
    CHECK(PyUnicodeWriter_WriteASCII(w, "cdXX", 2) == 0 && PyUnicodeWriter_WriteStr(w, name) == 0);
    CHECK(PyUnicodeWriter_WriteRepr(w, name) == 0 && PyUnicodeWriter_WriteSubstring(w, name, 0, 1) == 0);
    CHECK(PyUnicodeWriter_Format(w, "%d-%s", 3, "x") == 0 && PyUnicodeWriter_WriteWideChar(w, L"w", -1) == 0);
    Py_UCS4 points[] = {0x1f600};
    CHECK(PyUnicodeWriter_WriteUCS4(w, points, 1) == 0);
    /* What fails leaves the text as it was. */
    RAISES(PyUnicodeWriter_WriteUTF8(w, "ok\xff", 3), -1, PyExc_UnicodeDecodeError, NULL);
    RAISES(PyUnicodeWriter_WriteChar(w, 0x110000), -1, PyExc_ValueError, "character must be in range(0x110000)");
    RAISES(PyUnicodeWriter_WriteSubstring(w, name, 0, 2), -1, PyExc_ValueError, NULL);
    Py_ssize_t used;
    CHECK(PyUnicodeWriter_DecodeUTF8Stateful(w, "z\xe2\x82", 3, "strict", &used) == 0 && used == 1);
    got = PyUnicodeWriter_Finish(w);
    CHECK(holds("x == 'ab\\xe9cd\\u20ac\\'\\u20ac\\'\\u20ac3-xw\\U0001f600z'", got));
    Py_XDECREF(got);
    w = PyUnicodeWriter_Create(100);
    PyUnicodeWriter_Discard(w);
    PyUnicodeWriter_Discard(NULL);
    RAISES(PyUnicodeWriter_Create(-1), NULL, PyExc_ValueError, "length must be positive");
    w = PyUnicodeWriter_Create(0);
    got = PyUnicodeWriter_Finish(w);
    CHECK(holds("x == ''", got));
    Py_XDECREF(got);
    Py_DECREF(name);
}

/* A writer is one of the older kind, too. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void older_writer(void) {
    PyUnicodeWriter *w = PyUnicodeWriter_Create(3);
    _PyUnicodeWriter *old = (_PyUnicodeWriter *)w;
    CHECK(_PyUnicodeWriter_WriteLatin1String(old, "abc\xe9", 4) == 0 && PyUnicodeWriter_WriteChar(w, 0x20ac) == 0);
    CHECK(_PyUnicodeWriter_WriteLatin1String(old, "\xff", 1) == 0 && _PyUnicodeWriter_WriteASCIIString(old, "ascii", -1) == 0);
    CHECK(PyUnicodeWriter_WriteChar(w, 0x1f600) == 0 && _PyUnicodeWriter_WriteLatin1String(old, "d\xa0", 2) == 0);
    CHECK(old->pos == 14 && old->kind == PyUnicode_4BYTE_KIND && old->size >= old->pos);
    PyObject *got = PyUnicodeWriter_Finish(w);
    CHECK(holds("x == 'abc\\xe9\\u20ac\\xffascii\\U0001f600d\\xa0'", got));
    Py_XDECREF(got);
    for (int point = 0; point < 256; point++) {
        w = PyUnicodeWriter_Create(point % 3);
        CHECK(PyUnicodeWriter_WriteChar(w, point) == 0);
        got = PyUnicodeWriter_Finish(w);
        PyObject *same = PyUnicode_FromOrdinal(point);
        CHECK(got == same);
        Py_XDECREF(got);
        Py_XDECREF(same);
    }
}
#pragma GCC diagnostic pop

static void properties(void) {
    CHECK(Py_UNICODE_ISSPACE(0x2003) && Py_UNICODE_ISALPHA(0xe9) && Py_UNICODE_ISDECIMAL(0x0663) && Py_UNICODE_TODECIMAL(0x0663) == 3);
    CHECK(Py_UNICODE_TOUPPER(0xe9) == 0xc9 && Py_UNICODE_ISLOWER(0xe9) && !Py_UNICODE_ISPRINTABLE(0x200b) && Py_UNICODE_ISALNUM('7'));
    CHECK(Py_UNICODE_ISNUMERIC(0xbd) && Py_UNICODE_TONUMERIC(0xbd) == 0.5 && Py_UNICODE_TODIGIT('x') == -1 && Py_UNICODE_ISLINEBREAK(0x85));
    CHECK(Py_UNICODE_IS_SURROGATE(0xd800) && Py_UNICODE_JOIN_SURROGATES(0xd83d, 0xde00) == 0x1f600 && Py_UNICODE_LOW_SURROGATE(0x1f600) == 0xde00);
}

static void test(void) {
    making();
    out();
    methods();
    formats();
    writer();
    older_writer();
    properties();
}
