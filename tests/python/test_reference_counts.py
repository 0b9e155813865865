"""Holds the C API to what abi/api.toml says of references: whose a result is, and which arguments a function consumes.

The calls are made from the signatures. Every object that a call can reach is fresh and counted before and after; what
the function gave is released as the manifest says, and what it stored is taken out again. A count that is off then, or
memory that grows with every call, is a wrong annotation or a bug. `-v` names the functions that are left out.
"""
import ctypes
import gc
import io
import itertools
import os
import re
import sys
import time
import tomllib
import types
import weakref
from collections import OrderedDict
from contextvars import Context, ContextVar

api = ctypes.pythonapi
VERBOSE = "-v" in sys.argv
MANIFEST = os.path.join(os.path.dirname(__file__), "..", "..", "abi", "api.toml")

# What ends, blocks, prints or frees; what needs a state that no generic call has; what keeps what it is given.
LEFT_OUT = re.compile(
    r"_|Py_(Exit|Finalize|Fatal|Main|Bytes|Initialize|AtExit|IncRef|XIncRef|EndInterp|NewInterp|Set|Enter|Leave|Repr|Run"
    r"|Decode|Add|Make|Get.*Path|Encode|Compile)|PyOS_|PyThread|PyGILState|PyInterpreterState|PyMem_|PyEval_"
    r"|PyErr_(Print|Display|Write|Set.*Signal|SetInterrupt|CheckSignals|Restore|SetExcInfo|SetHandled|Fetch|Normalize|Program|Range"
    r"|SyntaxLocation|ResourceWarning|Warn)"
    r"|PyObject_(Free|GC_Del|ClearWeak|CallFinal|Malloc|Calloc|Realloc|GC_|Print|Init|ClearManaged|VisitManaged|Dump)"
    r"|PyRun_|PySys_|PyImport_(Add|Append|Extend|Exec|Reload|ImportFrozen|GetImporter)|PyUnstable_|PyType_(Modified|Freeze"
    r"|ClearWatcher|AddWatcher|Watch|Unwatch|Ready|GenericNew|GenericAlloc|FromMeta)|Py.*_(AddWatcher|ClearWatcher|Watch|Unwatch)$"
    r"|PyState_|PyMarshal|PyCapsule_(New|Set)|PyFrame_New|PyTraceMalloc|PyRefTracer|PyMutex|PyCriticalSection|PyMonitoring"
    r"|PyUnicode_(InternFromString|Fill|WriteChar|New$|Resize|CopyChar|FromKind|DecodeLocale|READ)|PyUnicodeWriter|PyInitConfig|PyConfig|PyWideString"
    r"|PyPreConfig|PyStatus|PyCodec_(Register|Unregister)|PyDescr_|PyGen_|PyCoro_|PyAsyncGen|PyMember_|PyBuffer_|PyFile_FromFd"
    r"|PyLong_(FromVoid|AsNative|FromNative|FromUnsignedNative|GetSign)|PyLongWriter|PyABI|PyCFunction_|PyCMethod|PyStructSequence_(Init|New)"
    r"|PyTime_|PyHash_|PyModule_(AddObject|AddModule|Exec|FromDef|Create)|PyPickle|PyDateTime|PyVectorcall_|PyObject_Vectorcall"
    r"|PyUnicode_(Append|AppendAndDel)|PyBytes_(Concat|Resize)|PyTuple_Resize|PyWrapper_|PyMethod_(Function|Self)$|PyCode_New"
    r"|PyFrame_GetVar|PyFrame_.*Locals|PyList_SetSlice$|PyInstanceMethod_Function|PyTuple_SetItem|PyModule_GetState"
    r"|PyDict_ContainsString$"
)
SCALARS = {
    "int": (ctypes.c_int, 0), "long": (ctypes.c_long, 123456789), "Py_ssize_t": (ctypes.c_ssize_t, 1), "size_t": (ctypes.c_size_t, 1),
    "double": (ctypes.c_double, 1.5), "unsigned long": (ctypes.c_ulong, 123456789), "long long": (ctypes.c_longlong, 123456789),
    "unsigned long long": (ctypes.c_ulonglong, 123456789), "Py_UCS4": (ctypes.c_uint32, 0x20AC), "Py_hash_t": (ctypes.c_ssize_t, 7),
    "unsigned int": (ctypes.c_uint, 7), "int32_t": (ctypes.c_int32, 123456789), "int64_t": (ctypes.c_int64, 123456789),
    "uint32_t": (ctypes.c_uint32, 123456789), "uint64_t": (ctypes.c_uint64, 123456789),
}
RESULTS = {
    "void": None, "int": ctypes.c_int, "PyObject *": ctypes.c_void_p, "Py_ssize_t": ctypes.c_ssize_t, "long": ctypes.c_long,
    "double": ctypes.c_double, "const char *": ctypes.c_void_p, "char *": ctypes.c_void_p, "unsigned long": ctypes.c_ulong,
    "size_t": ctypes.c_size_t, "Py_hash_t": ctypes.c_ssize_t, "void *": ctypes.c_void_p, "PyCodeObject *": ctypes.c_void_p,
    "PyFrameObject *": ctypes.c_void_p, "PyTypeObject *": ctypes.c_void_p, "long long": ctypes.c_longlong, "Py_UCS4": ctypes.c_uint32,
    "unsigned long long": ctypes.c_ulonglong,
}
# Pointers to objects, with the kind that they must have.
REFERENCES = {"PyObject *": None, "PyCodeObject *": "code", "PyFrameObject *": "frame", "PyTypeObject *": "type"}


def fresh(base=[1000]):
    """An object that nothing else shares, to watch its count."""
    base[0] += 1
    return base[0] + 0.5


class Probe:
    """An instance that takes part in everything."""

    def __init__(self):
        self.attribute = fresh()

    __len__ = lambda self: 1
    __getitem__ = lambda self, key: fresh()
    __setitem__ = __delitem__ = lambda self, *rest: None
    __call__ = lambda self, *args, **names: fresh()
    __iter__ = lambda self: iter([fresh()])
    __index__ = __int__ = lambda self: 0
    __float__ = lambda self: 1.25
    __add__ = __radd__ = __mul__ = __and__ = __or__ = __matmul__ = lambda self, other: fresh()
    __bytes__ = lambda self: bytes([1, 2])
    __dir__ = lambda self: ["one", "two"]
    keys = values = items = lambda self: [fresh()]


def text(base=[0]):
    base[0] += 1
    return "".join(["a text ", str(base[0]), " \u20ac"])


def function():
    return types.FunctionType((lambda a=0: a).__code__, {"x": fresh()}, "name", (fresh(),))


def generator():
    yield fresh()


def module():
    made = types.ModuleType(text())
    made.__file__ = text()
    return made


def variable():
    return ContextVar(text(), default=fresh())


MAKERS = {
    "list": lambda: [fresh(), fresh(), fresh()],
    "tuple": lambda: tuple([fresh(), fresh(), fresh()]),
    "dict": lambda: {text(): fresh(), fresh(): fresh()},
    "set": lambda: {fresh(), fresh()},
    "frozenset": lambda: frozenset([fresh(), fresh()]),
    "str": text,
    "bytes": lambda: text().encode(),
    "bytearray": lambda: bytearray(text().encode()),
    "int": lambda: int(fresh()) << 70,
    "float": fresh,
    "complex": lambda: complex(fresh(), 1),
    "slice": lambda: slice(fresh(), fresh(), fresh()),
    "function": function,
    "method": lambda: types.MethodType(function(), fresh()),
    "cell": lambda: types.CellType(fresh()),
    "probe": Probe,
    "module": module,
    "exception": lambda: ValueError(fresh(), fresh()),
    "type": lambda: type(text(), (Probe,), {"attribute": fresh()}),
    "iterator": lambda: iter([fresh(), fresh()]),
    "memoryview": lambda: memoryview(bytearray(b"0123")),
    "ordered": lambda: OrderedDict({text(): fresh()}),
    "code": lambda: compile("a + b", text(), "eval"),
    "class": lambda: ValueError,
    "file": io.StringIO,
    "struct": lambda: time.struct_time([fresh()] * 9),
    "context": Context,
    "variable": variable,
    "frame": lambda: sys._getframe(),
    "decoding": lambda: UnicodeDecodeError(text(), b"0123", 1, 2, text()),
    "encoding": lambda: UnicodeEncodeError(text(), text(), 1, 2, text()),
    "translation": lambda: UnicodeTranslateError(text(), 1, 2, text()),
    "name": lambda: "string",
    "mapping": lambda: types.MappingProxyType({text(): fresh()}),
}
# What the first object of a function has to be: by the beginning of its name.
FIRST = {
    "PyList_": "list", "PyDict_": "dict", "PySet_": "set", "PyTuple_": "tuple", "PyUnicode_": "str", "PyBytes_": "bytes",
    "PyByteArray_": "bytearray", "PyLong_": "int", "PyFloat_": "float", "PyComplex_": "complex", "PySlice_": "slice",
    "PyFunction_": "function", "PyMethod_": "function", "PyCell_": "cell", "PyModule_": "module", "PyException_": "exception",
    "PyType_": "type", "PyODict_": "ordered", "PyCode_": "code", "PyErr_": "class", "PyFile_": "file", "PyStructSequence_": "struct",
    "PyContext_": "context", "PyContextVar_": "variable", "PyFrame_": "frame", "PyUnicodeDecodeError_": "decoding",
    "PyUnicodeEncodeError_": "encoding", "PyUnicodeTranslateError_": "translation", "PyImport_": "name", "PyDictProxy_": "dict",
    "PyMemoryView_": "memoryview", "PyCodec_": "encoding", "PyWeakref_": "probe", "PyClassMethod_": "function",
    "PyStaticMethod_": "function", "PyInstanceMethod_": "function", "PySeqIter_": "list", "PyCallIter_": "function",
    "PyArg_": "dict", "Py_GenericAlias": "class", "PyAIter_": "iterator", "PyIter_Next": "iterator", "PyIter_Send": "iterator",
}
# Where the beginning says too little.
OBJECTS = {
    "PySet_New": ["list"], "PyFrozenSet_New": ["list"], "PySet_Contains": ["set", "any"], "PyFunction_New": ["code", "dict"],
    "PyFunction_NewWithQualName": ["code", "dict", "str"], "PyMethod_New": ["function", "any"],
    "PyFunction_SetDefaults": ["function", "tuple"], "PyFunction_SetKwDefaults": ["function", "dict"],
    "PyFunction_SetClosure": [None], "PyFunction_SetAnnotations": ["function", "dict"],
    "PyException_SetTraceback": ["exception", "nothing"], "PyException_SetArgs": ["exception", "tuple"],
    "PyException_SetCause": ["exception", "exception"], "PyException_SetContext": ["exception", "exception"],
    "PyErr_GivenExceptionMatches": ["any", "class"], "PyErr_SetRaisedException": ["exception"], "PyErr_SetImportError": ["str", "str", "str"],
    "PyErr_SetImportErrorSubclass": ["importerror", "str", "str", "str"], "PyErr_SetFromErrnoWithFilenameObjects": ["oserror", "str", "str"],
    "PyErr_SetFromErrnoWithFilenameObject": ["oserror", "str"], "PyErr_SetFromErrno": ["oserror"], "PyErr_SetFromErrnoWithFilename": ["oserror"],
    "PyErr_NewException": ["class", "dict"], "PyErr_NewExceptionWithDoc": ["class", "dict"],
    "PyUnicode_Join": ["str", "texts"], "PyUnicode_Translate": ["str", "dict"], "PyUnicode_Format": ["str", "tuple"],
    "PyUnicode_FromEncodedObject": ["bytes"], "PyUnicode_FromObject": ["str"], "PyUnicode_BuildEncodingMap": ["str"],
    "PyUnicode_DecodeCharmap": ["dict"], "PyUnicode_AsCharmapString": ["str", "dict"], "PyUnicode_IsIdentifier": ["str"],
    "PyUnicode_DecodeFSDefault": [], "PyBytes_FromObject": ["bytearray"], "PyByteArray_FromObject": ["bytes"],
    "PyByteArray_Concat": ["bytes", "bytes"], "PyLong_FromUnicodeObject": ["digits"], "PyFloat_FromString": ["digits"],
    "PyDictProxy_New": ["dict"], "PyImport_ImportModuleLevelObject": ["name", "dict", "dict", "tuple"], "PyImport_GetModule": ["name"],
    "PyImport_ImportModuleAttr": ["name", "name"],
    "PyImport_ImportModuleLevel": ["dict", "dict", "tuple"], "PyType_IsSubtype": ["type", "type"], "PyType_GetSlot": ["type"],
    "PyObject_TypeCheck": ["any", "type"], "PyObject_CallMethodNoArgs": ["any", "name"], "PyObject_CallMethodOneArg": ["any", "name", "any"],
    "PyObject_Call": ["any", "tuple", "names"], "PyObject_CallObject": ["any", "tuple"], "PyObject_IsInstance": ["any", "class"],
    "PyObject_IsSubclass": ["class", "class"], "PyObject_SetAttr": ["any", "name", "any"], "PyObject_GetAttr": ["any", "name"],
    "PyObject_GenericGetAttr": ["any", "name"], "PyObject_GenericSetAttr": ["any", "name", "any"], "PyObject_DelAttr": ["any", "name"],
    "PyObject_HasAttr": ["any", "name"], "PyObject_HasAttrWithError": ["any", "name"], "PyObject_GetOptionalAttr": ["any", "name"],
    "PyObject_GenericSetDict": ["probe", "dict"], "PyObject_GenericGetDict": ["probe"], "PyObject_Format": ["any", "empty"],
    # A type adds its name to the strings that are never freed.
    "PyModule_AddType": ["module", "class"],
    "PyModule_NewObject": ["str"], "PyModule_SetDocString": ["module"], "PyModule_Add": ["module", "any"], "PyWeakref_GetObject": ["weakref"],
    "PyWeakref_GetRef": ["weakref"], "PyWeakref_IsDead": ["weakref"], "PyWeakref_NewRef": ["probe", "function"],
    "PyWeakref_NewProxy": ["probe", "function"], "PyCodec_StrictErrors": ["exception"], "PyCodec_IgnoreErrors": ["encoding"],
    "PyCodec_Encode": ["str"], "PyCodec_Decode": ["bytes"], "PyCodec_StreamReader": ["file"], "PyCodec_StreamWriter": ["file"],
    "PyContext_Enter": [None], "PyContext_Exit": [None], "PyContextVar_Reset": [None], "PyContextVar_Set": [None],
    "PyFile_WriteObject": ["any", "file"], "PyFile_WriteString": ["file"], "PyList_SetItem": ["list", "any"],
    "PyStructSequence_SetItem": [None], "PyUnicode_InternInPlace": [None], "PyMapping_HasKey": ["any", "any"], "PySequence_Fast": ["any"],
    "PyInstanceMethod_New": ["function"], "PyCallIter_New": ["function", "any"], "PyDict_MergeFromSeq2": ["dict", "pairs"],
    "PyArg_ValidateKeywordArguments": ["dict"], "PyAIter_Check": ["any"], "PyMemoryView_FromObject": ["bytearray"],
    "PyMemoryView_GetContiguous": ["bytearray"], "PyUnicode_EncodeCodePage": [None], "PyNumber_ToBase": ["int"],
    "PyIter_Send": ["iterator", "any"], "PyException_GetArgs": ["exception"], "Py_GenericAlias": ["class", "tuple"],
    "PyUnicode_Tailmatch": ["str", "str"], "PyDict_Copy": ["dict"], "PyFrame_GetGenerator": ["frame"], "PyType_GetModule": [None],
    "PyType_GetModuleState": [None], "PyType_GetModuleByDef": [None], "PyType_SUPPORTS_WEAKREFS": [None], "PySlice_New": ["any"] * 3,
    "PyTuple_Pack": [None], "PyType_FromSpec": [None], "PyLong_AsVoidPtr": [None], "PyCapsule_Import": [None], "PyCallable_Check": ["any"],
    "PyObject_AsFileDescriptor": ["int"], "PyLong_Export": [None], "PyWeakref_NewProxy ": [None],
}
MAKERS |= {
    "nothing": lambda: None, "importerror": lambda: ImportError, "oserror": lambda: OSError,
    "texts": lambda: [text(), text()], "digits": lambda: "".join(["123456789", "0123456789"]), "names": lambda: {text(): fresh()},
    "empty": lambda: "", "weakref": lambda: weakref.ref(KEPT), "pairs": lambda: [(fresh(), fresh())],
}
KEPT = Probe()
ANY = ["list", "tuple", "dict", "set", "str", "bytes", "int", "float", "probe", "type", "function", "slice", "iterator", "exception"]
TEXTS = {"PyImport_": b"string", "PyErr_New": b"package.Name", "PyUnicode_From": b"text", "PyLong_From": b"12345678901", "PyCodec_Lookup": b"strict"}
OUT = re.compile(r"Optional|GetItemRef|GetItemStringRef|NextItem|SetDefaultRef|_Pop|_Send|WeakrefGetRef|PyWeakref_GetRef|PyContextVar_Get")

getref = ctypes.PYFUNCTYPE(ctypes.c_ssize_t, ctypes.py_object)(("Py_REFCNT", api))
release = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("Py_DecRef", api))
retain = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("Py_IncRef", api))


class Call:
    """A function of the API as its line in the manifest describes it."""

    def __init__(self, name, entry):
        self.name, self.steals = name, entry.get("steals", [])
        found = re.fullmatch(r"(.*?)\s*\b" + name + r"\((.*)\)", entry["sig"])
        result, parameters = found[1].strip(), [p.strip() for p in found[2].split(",")]
        self.returned = entry.get("result") if result in REFERENCES else "none"
        self.kinds, typed = [], []
        for parameter in parameters if parameters != ["void"] else []:
            kind = re.sub(r"(?<=[ *])\w+$", "", parameter).strip() if parameter not in SCALARS else parameter
            if kind in REFERENCES:
                self.kinds.append("object")
                typed.append(REFERENCES[kind])
            elif kind == "PyObject **" and OUT.search(name):
                self.kinds.append("out")
            elif kind == "const char *" or kind in SCALARS:
                self.kinds.append(kind)
            else:
                raise LookupError(parameter)
        if result not in RESULTS:
            raise LookupError(result)
        if result in REFERENCES and self.returned is None:
            raise LookupError("a result that nobody describes")
        self.function = api[name]
        self.function.restype = RESULTS[result]
        self.roles = OBJECTS.get(name)
        if self.roles is None:
            count = self.kinds.count("object")
            first = max((p for p in FIRST if name.startswith(p)), key=len, default=None)
            known = first or name.startswith(("PyObject_", "PyNumber_", "PySequence_", "PyMapping_", "PyIndex_", "PyIter_", "Py_"))
            if count and not known:
                raise LookupError("objects of a kind that is not known")
            self.roles = ([FIRST[first]] + ["any"] * (count - 1) if first else ["any"] * count) if count else []
            self.roles = [role and (kind if role == "any" and kind else role) for kind, role in zip(typed, self.roles)]
        if None in self.roles or len(self.roles) != self.kinds.count("object"):
            raise LookupError("no generic arguments")

    def scenarios(self):
        """The kinds of objects to call it with: every kind where any will do."""
        places = self.roles.count("any")
        if places == 0:
            return [tuple(self.roles)]
        if places == 1:
            combinations = [(kind,) for kind in ANY]
        else:
            combinations = [(a,) * places for a in ANY] + [(a, b) + (b,) * (places - 2) for a, b in itertools.product(ANY, ("str", "float", "int", "tuple"))]
        made = []
        for combination in combinations:
            rest = iter(combination)
            made.append(tuple(next(rest) if role == "any" else role for role in self.roles))
        return made

    def arguments(self, objects):
        rest, given, outs = iter(objects), [], []
        for kind in self.kinds:
            if kind == "object":
                given.append(ctypes.c_void_p(id(next(rest))))
            elif kind == "out":
                outs.append(ctypes.c_void_p())
                given.append(ctypes.byref(outs[-1]))
            elif kind == "const char *":
                given.append(next((value for start, value in TEXTS.items() if self.name.startswith(start)), b"utf-8"))
            else:
                made, value = SCALARS[kind]
                given.append(made(10 if "ToBase" in self.name else value))
        return given, outs

    def once(self, objects):
        """Calls it, and gives back what it gave."""
        given, outs = self.arguments(objects)
        for at in self.steals:
            retain(given[at])
        try:
            result = self.function(*given)
        except BaseException:
            result = None
            # What was raised may hold the objects.
            sys.last_exc = None
        if self.returned == "new" and result:
            release(result)
        elif self.returned == "null" and result:
            raise AssertionError(f"{self.name} returned something")
        for out in outs:
            if out.value:
                release(out)


def reachable(objects):
    """The objects and their parts that can be counted."""
    found = []
    for item in objects:
        found.append(item)
        if isinstance(item, (list, tuple, set, frozenset)):
            found.extend(item)
        elif isinstance(item, dict):
            found.extend(item.keys())
            found.extend(item.values())
        elif isinstance(item, slice):
            found.extend([item.start, item.stop, item.step])
        elif isinstance(item, types.FunctionType):
            found.extend([item.__defaults__, item.__globals__, item.__code__])
        elif isinstance(item, BaseException):
            found.append(item.args)
        elif isinstance(item, Probe):
            found.append(item.attribute)
    return found


def empty(objects):
    """Takes out what was stored in the objects."""
    for item in objects:
        if isinstance(item, (list, dict, set, bytearray)):
            try:
                item.clear()
            except BufferError:
                pass
        elif isinstance(item, type) and item.__module__ == __name__:
            for name in set(vars(item)) - {"__module__", "__dict__", "__weakref__", "__doc__"}:
                delattr(item, name)
        elif isinstance(item, (Probe, types.ModuleType)):
            vars(item).clear()
        elif isinstance(item, types.FunctionType):
            item.__defaults__ = item.__kwdefaults__ = None
            item.__annotations__ = {}
            vars(item).clear()
            item.__globals__.clear()
        elif isinstance(item, BaseException):
            item.__cause__ = item.__context__ = item.__traceback__ = None
            item.args = ()
            vars(item).clear()
            if isinstance(item, UnicodeError):
                item.__init__(*{UnicodeDecodeError: ("", b"", 0, 0, ""), UnicodeEncodeError: ("", "", 0, 0, ""), UnicodeTranslateError: ("", 0, 0, "")}[type(item)])
        elif isinstance(item, types.CellType):
            item.cell_contents = None
        elif isinstance(item, type(iter([]))):
            for _ in item:
                pass


def count(objects):
    return [getref(item) for item in objects]


def check(call, kinds):
    """The first object whose count is off after a call."""
    twins = []
    for real in (False, True):
        objects = [MAKERS[kind]() for kind in kinds]
        watched = reachable(objects)
        # So that what loses a reference lives until that is seen.
        kept = watched * 3
        if real:
            call.once(objects)
        empty(objects)
        gc.collect(0)
        sys.last_exc = None
        twins.append(count(watched))
        shown = [type(item).__name__ for item in watched]
        if real:
            for item, lost in zip(watched, map(int.__sub__, *twins)):
                # It is reported; it must not be freed while it is in use, too.
                for _ in range(lost):
                    retain(id(item))
        del watched, kept, objects
    for kind, without, after in zip(shown, *twins):
        if without != after:
            return f"{call.name}({', '.join(kinds)}): a {kind} has {after - without:+} references"


def grows(call, kinds):
    """Whether memory grows with every call."""
    rounds = 60

    def growth(real):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(rounds):
            objects = [MAKERS[kind]() for kind in kinds]
            if real:
                call.once(objects)
            empty(objects)
            del objects
        gc.collect()
        return sys.getallocatedblocks() - before

    growth(True)
    for _ in range(4):
        if growth(True) - growth(False) < rounds * 0.9:
            return None
    return f"{call.name}({', '.join(kinds)}): memory grows with every call"


def main():
    with open(MANIFEST, "rb") as file:
        manifest = tomllib.load(file)
    gc.collect()
    gc.disable()
    covered, wrong, calls = [], [], 0
    for name, entry in manifest.items():
        if entry["kind"] != "function" or "sig" not in entry or "exports" not in entry or "page" not in entry:
            continue
        try:
            if LEFT_OUT.match(name):
                raise LookupError("left out")
            call = Call(name, entry)
        except (LookupError, AttributeError) as reason:
            if VERBOSE:
                print(f"not covered: {name}: {reason}")
            continue
        if VERBOSE:
            print(name, flush=True)
        covered.append(name)
        scenarios = call.scenarios()
        for kinds in scenarios:
            calls += 1
            if found := check(call, kinds):
                # Something may have been made once and for all.
                if check(call, kinds):
                    wrong.append(found)
                    break
        else:
            if found := grows(call, scenarios[0]):
                wrong.append(found)
    print(f"{len(covered)} functions, {calls} calls")
    if wrong:
        raise SystemExit("\n".join(wrong))
    if len(covered) < 300:
        raise SystemExit("too few functions are covered")


if __name__ == "__main__":
    main()
