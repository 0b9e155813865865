"""Writes data/strings.txt: method calls on str, bytes, bytearray and memoryview and what the reference makes of them.

Run it with the reference interpreter: python3.14 gen_strings.py > data/strings.txt
A line is: receiver, method, argument tuple, keyword dict, and result or error, separated by tabs.
"""
import random, sys, warnings

warnings.simplefilter("ignore")
random.seed(314)

STR = ["", "a", "abc", "hello world", "Hello World", "aXbXc", "  x y  ", "\t\n x\x1c\x85y ", "a\tb\tc\nd\te",
       "line1\nline2\r\nline3\rline4\x0bx\u2028y", "é", "ß", "\u0130", "ΑΣ", "ΑΣΑΣ ΟΔΟΣ", "ŉ", "\u01c5", "ﬁ", "\u1234",
       "\u1234\u5678ab", "\U0001f600", "a\U0001f600b", "\ud800", "x\udc80y", "-12", "+12", "12", "٣", "²", "½", "Ⅷ",
       "aaaa", "abababab", "'", '"', "'\"", "\\", "\x7f", "\xa0", "\xad", "\u0378", "foo.bar", "_x1", "1x", "été À",
       "\u0345", "a\u0345", "\U00010400\U00010428", "%", "{", "tHIS is A tEST", "the\u2019s", "x" * 50, "\u0100" * 20]
SUB = ["", "a", "b", "X", "ab", "aa", "é", "\u1234", "\U0001f600", " ", "line", "lo", "\n", "\u0100"]
NUM = [0, 1, -1, 2, 5, -100, 100, None]
CASES = []
LIMIT = int(sys.argv[1]) if len(sys.argv) > 1 else 6000


def show(value):
    if isinstance(value, memoryview):
        return "memoryview"
    return ascii(value)


def call(receiver, method, args=(), kwargs={}):
    source = ascii(receiver)
    try:
        import copy
        target = bytearray(receiver) if type(receiver) is bytearray else receiver
        result = getattr(target, method)(*args, **kwargs)
        if type(receiver) is bytearray and method in MUTATORS:
            result = (result, target) if result is not target else target
        if not isinstance(result, (int, str, bytes, bytearray, list, tuple, dict, float, type(None), type(NotImplemented))):
            return
        result = show(result)
    except Exception as error:
        result = "!" + type(error).__name__ + ": " + str(error)
        result = ascii(result)[1:-1]
    if "0x" in result and "object at" in result:
        return
    CASES.append("\t".join([source, method, ascii(args), ascii(kwargs), result]))


MUTATORS = {"append", "extend", "insert", "pop", "remove", "reverse", "clear", "resize", "__setitem__", "__delitem__",
            "__iadd__", "__imul__"}

for s in STR:
    for m in """capitalize casefold title lower upper swapcase isalnum isalpha isascii isdecimal isdigit isidentifier
                islower isnumeric isprintable isspace istitle isupper __repr__ __str__ __len__ split rsplit splitlines
                strip lstrip rstrip expandtabs __getnewargs__ encode""".split():
        call(s, m)
    call(s, "splitlines", (True,))
    call(s, "expandtabs", (3,))
    call(s, "expandtabs", (0,))
    call(s, "zfill", (6,))
    for w in (0, 4, 5, 8):
        call(s, "center", (w,))
        call(s, "ljust", (w, "é"))
        call(s, "rjust", (w, "\u1234"))
    for e in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-be", "utf-32-le"):
        for h in ("strict", "ignore", "replace", "backslashreplace", "xmlcharrefreplace", "namereplace",
                  "surrogateescape", "surrogatepass"):
            call(s, "encode", (e, h))
    for n in range(-4, 5):
        call(s, "__getitem__", (n,))
    for n in (-1, 0, 1, 2, 3):
        call(s, "__mul__", (n,))
    for t in random.sample(SUB, 7):
        for m in "find rfind index rindex count startswith endswith".split():
            call(s, m, (t,))
            call(s, m, (t, random.choice(NUM), random.choice(NUM)))
        for m in "split rsplit partition rpartition strip lstrip rstrip removeprefix removesuffix".split():
            call(s, m, (t,))
        call(s, "split", (t, 1))
        call(s, "rsplit", (t, 1))
        call(s, "split", (None, 1))
        call(s, "rsplit", (None, 1))
        call(s, "replace", (t, random.choice(SUB)))
        call(s, "replace", (t, random.choice(SUB), random.choice([0, 1, 2])))
        call(s, "__contains__", (t,))
        call(s, "__add__", (t,))
        for m in "__eq__ __ne__ __lt__ __le__ __gt__ __ge__".split():
            call(s, m, (t,))
        call(s, "join", ([t, s, t],))
    call(s, "translate", ({97: "xy", 98: None, 99: 0x1234, 233: "e"},))
    call(s, "__format__", (">12",))
    call(s, "__format__", ("é^12.3",))

for bad in (1, 1.5, None, b"a", [1]):
    for m in """find rfind index count startswith endswith split rsplit partition rpartition strip removeprefix join
                center ljust zfill expandtabs encode replace __contains__ __add__ __getitem__ translate format_map
                __format__ __eq__ __lt__ __mul__ splitlines""".split():
        call("abc", m, (bad,))
        call(b"abc", m, (bad if bad != b"a" else "a",))
        call(bytearray(b"abc"), m, (bad if bad != b"a" else "a",))
for m in "replace startswith find maketrans split center encode".split():
    for args in ((), ("a",) if m != "encode" else (), ("a", "b") if m != "encode" else (), ("a", "b", "c"), ("a", 1, "c"), (1, 2, 3, 4), ("a", "b", 1, 2, 3)):
        call("abc", m, args)
        call(b"abc", m, tuple(a.encode() if isinstance(a, str) else a for a in args))
for args in (({"a": 1, 98: None},), ({"ab": 1},), ({1.5: 1},), ("ab", "cd"), ("ab", "cd", "e"), ("ab", "c"), (1,)):
    call("", "maketrans", args)
call("a,b", "split", (), {"sep": ",", "maxsplit": 1})
call("a,b", "split", (), {"sap": ","})
call("a,b", "split", (",",), {"sep": ","})
call("aaa", "replace", ("a", "b"), {"count": 2})

for f, args in [("%s %d", ("a", 5)), ("%5.2f|%-5d|%05d", (3.14159, 3, 42)), ("%x %X %o %#x %#o", (255, 255, 8, -255, 8)),
                ("%c%c", ("x", 0x1234)), ("%r %a %s", ("é", "é", "é")), ("%%", ()), ("%e %g %G %F", (12345.678, 1e-10, 1e20, 2.0)),
                ("%(a)s %(b)d", ({"a": 1, "b": 2},)), ("%*d|%-*d", (5, 1, 5, 2)), ("%.*f", (2, 1.0)), ("%s", (None,)),
                ("%d", ("x",)), ("%x", (1.5,)), ("%c", ("ab",)), ("%c", (2**40,)), ("%", (1,)), ("%y", (1,)), ("%s %s", (1,)),
                ("%s", (1, 2)), ("%(a)s", (1,)), ("%(a)s", ({},)), ("%*d", ("a", 1)), ("%d", (10**30,)), ("%f", ("a",)),
                ("%.3s|%10.2s|%-10s|", ("abcdef", "abcdef", "abc")), ("%+d % d", (5, 5)), ("%5%", ()), ("%i", (True,)),
                ("%(a", ({},)), ("%99999999999999999999d", (1,)), ("é%s\u1234", ("\U0001f600",)), ("%.3d", (5,)), ("%05s|", ("a",)),
                ("%-05d|", (5,)), ("%+.3e", (1.5,)), ("%#.0f", (3.0,)), ("%s", ([1, "a"],)), ("%d", (1.9,)), ("%d", (-1.9,))]:
    value = args[0] if len(args) == 1 and isinstance(args[0], dict) else args
    call(f, "__mod__", (value,))
    if "\u1234" not in f:
        def enc(a):
            return a.encode("utf-8", "replace") if isinstance(a, str) else a
        value = {k.encode(): enc(v) for k, v in value.items()} if isinstance(value, dict) else tuple(map(enc, value))
        call(f.encode(), "__mod__", (value,))

for f, args, kw in [("{}", (1,), {}), ("{0}{1}{0}", (1, "a"), {}), ("{a}{b!r}", (), {"a": 1, "b": "x"}), ("{:>5}|{:<5}|{:^5}|", (1, 2, 3), {}),
                    ("{:{}}", ("a", 5), {}), ("{:{w}.{p}}", ("abcdef",), {"w": 5, "p": 2}), ("{{}}", (), {}), ("{", (), {}), ("}", (), {}),
                    ("{!x}", (1,), {}), ("{!", (1,), {}), ("{!r", (1,), {}), ("{a", (), {}), ("{0", (1,), {}), ("{}{0}", (1,), {}), ("{0}{}", (1,), {}),
                    ("{[0]}{[a]}", ([1], {"a": 2}), {}), ("{0.real}", (5,), {}), ("{0.nope}", (5,), {}), ("{5}", (1,), {}), ("{a}", (), {}),
                    ("{:{:{}}}", (1, 2, 3), {}), ("{!a:>10}", ("é",), {}), ("é{}\u1234", ("\U0001f600",), {}), ("{:d}", ("a",), {}), ("{:,}", (1234567,), {}),
                    ("{0[}", (1,), {}), ("{0[]}", (1,), {}), ("{0.}", (1,), {}), ("{0[a]b}", ({"a": 1},), {}), ("{:x}", (255,), {}), ("{:.3f}", (3.14159,), {}),
                    ("{99999999999999999999}", (1,), {}), ("{!é}", (1,), {}), ("{a.b[c]}", (), {"a": 1}), ("{:{!r}}", ("a", "5"), {}), ("{:%}", (0.5,), {})]:
    call(f, "format", args, kw)
call("{a}{b[0]}", "format_map", ({"a": 1, "b": [2]},))
call("{}", "format_map", ({"a": 1},))
call("{0}", "format_map", ({"a": 1},))

BYT = [b"", b"a", b"abc", b"hello world", b"Hello World", b"aXbXc", b"  x y  ", b"\t\n x\x1c\x85y ", b"a\tb\tc\nd\te",
       b"l1\nl2\r\nl3\rl4\x0bx", b"\xe9\xff", b"-12", b"+12", b"aaaa", b"abababab", b"'", b'"', b"'\"", b"\\", b"\x7f\x00",
       b"tHIS is A tEST", b"x" * 50]
BSUB = [b"", b"a", b"b", b"X", b"ab", b"aa", b" ", b"l", b"\n", 97, 300, bytearray(b"b")]
for base in BYT:
    for b in (base, bytearray(base)):
        for m in """capitalize title lower upper swapcase isalnum isalpha isascii isdigit islower isspace istitle isupper
                    __repr__ __str__ __len__ split rsplit splitlines strip lstrip rstrip expandtabs hex decode""".split():
            call(b, m)
        call(b, "splitlines", (True,))
        call(b, "expandtabs", (3,))
        call(b, "zfill", (6,))
        call(b, "hex", (":",))
        call(b, "hex", (":", 2))
        call(b, "hex", ("-", -3))
        for w in (0, 4, 5, 8):
            call(b, "center", (w,))
            call(b, "ljust", (w, b"*"))
            call(b, "rjust", (w, b"*"))
        for n in (-4, -1, 0, 1, 3):
            call(b, "__getitem__", (n,))
            call(b, "__mul__", (n,))
        for t in random.sample(BSUB, 6):
            for m in "find rfind index rindex count startswith endswith".split():
                call(b, m, (t,))
                call(b, m, (t, random.choice(NUM), random.choice(NUM)))
            for m in "split rsplit partition rpartition strip lstrip rstrip removeprefix removesuffix".split():
                call(b, m, (t,))
            call(b, "split", (t, 1))
            call(b, "rsplit", (t, 1))
            call(b, "replace", (t, b"yy"))
            call(b, "replace", (t, b"yy", 1))
            call(b, "__contains__", (t,))
            call(b, "__add__", (t,))
            for m in "__eq__ __ne__ __lt__ __ge__".split():
                call(b, m, (t,))
            call(b, "join", ([t, b, t],))
        call(b, "translate", (bytes(range(255, -1, -1)),))
        call(b, "translate", (None, b"al"))
        call(b, "__rmul__", (2,))
    b = bytearray(base)
    for m, args in [("append", (65,)), ("append", (256,)), ("append", ("a",)), ("extend", (b"xy",)), ("extend", ([1, 2],)), ("extend", (5,)),
                    ("extend", ("a",)), ("insert", (1, 65)), ("insert", (-1, 65)), ("insert", (100, 65)), ("pop", ()), ("pop", (0,)), ("pop", (50,)),
                    ("remove", (97,)), ("remove", (300,)), ("reverse", ()), ("clear", ()), ("resize", (3,)), ("resize", (10,)), ("resize", (-1,)),
                    ("__setitem__", (0, 66)), ("__setitem__", (0, 300)), ("__setitem__", (99, 1)), ("__setitem__", ("a", 1)),
                    ("__delitem__", (0,)), ("__delitem__", (-1,)), ("__iadd__", (b"zz",)), ("__iadd__", ("a",)), ("__imul__", (3,)), ("__imul__", (0,))]:
        call(b, m, args)
    call(b, "copy")
    call(b, "__alloc__")
for data in (b"abc\xff", b"\xe0\x80", b"\xc2A", b"a\xe4\xb8", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff\xfe\x00", b"\xd8", b"\xd8\x00", b"\xd8\x00\x00A",
             b"\xdc\x00", b"\x00\xd8\x00", b"\x00\x00\xd8\x00", b"\x00\x11\x00\x00", b"\x00\x11\x00", b"\xff\xfea\x00", b"\xfe\xff\x00a", b"\xe4\xb8\xad\xe6\x96\x87",
             b"\xf0\x9f\x98\x80", b"\xff\xfe\x00\x00a\x00\x00\x00", b"\xed\xb2\x80\xc3\xa9"):
    for e in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32-be", "utf-32"):
        for h in ("strict", "ignore", "replace", "backslashreplace", "surrogateescape", "surrogatepass", "xmlcharrefreplace"):
            call(data, "decode", (e, h))
for text in ("ab cd", "abc", "ab c d", "zz", "a\u1234", "", "a ", b"abcd", b"abx", 1, "0A0b"):
    call(b"", "fromhex", (text,))
    call(bytearray(), "fromhex", (text,))
for args in ((b"a", b"bc"), ("a", b"b"), (b"a", b"b")):
    call(b"", "maketrans", args)
CASES = list(dict.fromkeys(CASES))
if len(CASES) > LIMIT:
    CASES = [CASES[at] for at in sorted(random.sample(range(len(CASES)), LIMIT))]
print("\n".join(CASES))
