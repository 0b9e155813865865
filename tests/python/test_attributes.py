"""Attributes, construction and properties: each function's outcome is compared with the reference's."""
from outcomes import check


def case_e1():
    class A:
        a: int
        def f(self): pass
    A.__annotations__['b'] = str
    return A.__annotations__, A.__annotate__(1)


def case_e2():
    class A: pass
    r = A.__annotations__, A.__annotate__
    A.__annotations__ = {'x': 1}
    return r, A.__annotations__, A.__annotate__


def case_e3():
    class A: x: int
    A.__annotate__ = lambda f: {'y': f}
    r = A.__annotations__
    del A.__annotations__
    return r, A.__annotations__


def case_e4(): return int.__annotations__


def case_e5(): return int.__annotate__


def case_e6():
    class M(type):
        @property
        def p(cls): return 'meta'
        x = 5
    class A(metaclass=M):
        p = 'own'; x = 6
    return A.p, A.x, A().p


def case_e7():
    class A:
        def __getattr__(self, n): return n
    a = A()
    A.__getattr__ = lambda s, n: n*2
    r = a.foo; del A.__getattr__
    try: a.foo
    except AttributeError as e: return r, str(e)


def case_e8():
    class Desc:
        def __get__(self, i, o): return 'nd'
    class A: d = Desc()
    a = A(); a.__dict__['d'] = 'inst'
    return a.d, A.d


def case_e9():
    class A: pass
    import sys
    a = A(); a.x = 1
    return a.__sizeof__() > 0, A.__sizeof__(A) > 0, object.__sizeof__(a) >= 16


def case_e10():
    class A:
        def __reduce__(self): return (A, ())
    return A().__reduce_ex__(2), A().__reduce_ex__(4)


def case_e11():
    class A(list): pass
    return A([1]) == [1], A([1]).__class__.__bases__, A.__base__, A.__basicsize__ >= list.__basicsize__


def case_e12():
    class A:
        def __hash__(self): return -1
    return hash(A())


def case_e13():
    class A:
        def __new__(cls, *a):
            o = super().__new__(cls); o.args = a; return o
    return A(1, 2).args


def case_e14():
    class A:
        def __new__(cls): return 5
        def __init__(self): raise RuntimeError
    return A()


def case_e15():
    class A:
        def __new__(cls, x): return super().__new__(cls, x)
    return A(1)


def case_e16():
    class A: pass
    return A(1)


def case_e17():
    class A: pass
    return A(x=1)


def case_e18():
    class A:
        def __init__(self, a, b=2, *c, d, **e): self.r = (a, b, c, d, e)
    return A(1, d=4).r, A(1, 2, 3, d=5, z=6).r


def case_e19():
    class A:
        def __init__(self, a): pass
    A()


def case_e20():
    class A(type(lambda: 0)): pass


def case_e21():
    class A(int, str): pass


def case_e22():
    class A(dict, list): pass


def case_e23():
    class A: __slots__ = 'x'
    class B: __slots__ = 'y'
    class C(A, B): pass


def case_e24():
    class A: __slots__ = 'x'
    class B(A): pass
    class C(B): __slots__ = 'y'
    c = C(); c.x = 1; c.y = 2; c.z = 3
    return c.x, c.y, c.z, c.__dict__


def case_e25():
    class A: __slots__ = ('x',)
    class B: __slots__ = ('x',)
    a = A(); a.x = 7; a.__class__ = B
    return type(a) is B, a.x


def case_e26():
    class A: pass
    class B(A): pass
    a = A(); a.q = 1; b = B(); b.__class__ = A; a.__class__ = B; return type(a).__name__, a.q


def case_e27(): (1).__class__ = int


def case_e28():
    class A: pass
    A().__class__ = int


def case_e29():
    class A: pass
    A().__class__ = 5


def case_e30():
    class A: pass
    del A().__class__


def case_e31():
    class A:
        x = 1
        def x2(self): return 1
    a = A(); del a.x


def case_e32():
    class A: pass
    del A.foo


def case_e33():
    class A: __slots__ = ()
    A().__dict__


def case_e34():
    class A: __slots__ = ()
    a = A(); a.x2 = 1


def case_e35():
    class A:
        x = 1
        __slots__ = ()
    a = A(); a.x = 1


def case_e36(): x = 5; x.foo = 1


def case_e37(): x = []; x.append = 1


def case_e38(): return vars(5)


def case_e39(): return getattr(5, 'real'), getattr(5, 'nope', 'dflt'), hasattr(5, 'imag')


def case_e40(): return getattr(5, 5)


def case_e41(): setattr(5, 5, 5)


def case_e42(): return [].__init__(5)


def case_e43(): return [].__init__([1], [2])


def case_e44(): return dict.__new__(dict), list.__new__(list, 1, 2, x=3), tuple.__new__(tuple, [1])


def case_e45(): return object.__init__(object(), 1)


def case_e46():
    class A:
        def __init__(self): object.__init__(self, 1)
    A()


def case_e47(): return object.__eq__(1, 1), object.__eq__(1, 2), object.__ne__(1, 1), (1).__eq__('x'), object.__lt__(1, 2)


def case_e48(): return object.__repr__(5)[:18], object.__str__(5), object.__hash__(5) != 5


def case_e49(): return object.__dir__(5)[:0], object.__format__(5, ''), object.__getattribute__(5, 'real')


def case_e50(): return object.__format__(5, 'd')


def case_e51(): return int.from_bytes.__self__, dict.fromkeys.__qualname__, int.__new__.__self__, int.__new__.__qualname__, int.__new__.__name__


def case_e52(): return repr(int.__new__)[:36], repr(dict.fromkeys)[:40], repr([].sort)[:40], repr(print), repr(str.upper), repr(int.real), repr(type.__dict__['__name__'] if '__name__' in type.__dict__ else 0)


def case_e53(): return callable(5), callable(len), callable(int), callable(lambda: 0)


def case_e58(): return sorted([3, 1], key=None, reverse=True), sorted([1], foo=2)


def case_e59(): return print(foo=1)


def case_e60(): return len(1)


def case_e61():
    class A:
        @staticmethod
        def s(): "doc"
        @classmethod
        def c(cls): "docc"
    return A.s.__doc__, A.c.__doc__, A.__dict__['s'].__doc__, A.__dict__['c'].__name__, A.__dict__['s'](), A.__dict__['c'].__func__.__name__


def case_e62():
    class P(property): "sub"
    p = P(lambda s: 1); q = P(lambda s: 1, doc='d')
    return p.__doc__, q.__doc__, type(p.getter(lambda s: 2)).__name__


def case_e63():
    def f(self):
        "fdoc"
        return 1
    return property(f).__doc__, property(f, doc='x').__doc__, property().__doc__, property(f).fget is f


def case_e64(): return property().__get__(5)


def case_e65(): return property().__set__(5, 5)


def case_e66(): return super()


def case_e67():
    class A:
        def f(self): return super().nope
    A().f()


def case_e68():
    class A:
        def f(self):
            del self
            return super()
    A().f()


def case_e69():
    class A:
        f = lambda self: __class__
    return A().f() is A


def case_e70():
    class A:
        def f(self): return [super(A, self).__repr__() for _ in range(1)][0][:9], super
    return A().f()[0]


EXPECTED = [
    ('case_e1', "({'a': <class 'int'>, 'b': <class 'str'>}, {'a': <class 'int'>})"),
    ('case_e2', "(({}, None), {'x': 1}, None)"),
    ('case_e3', "({'y': 1}, {})"),
    ('case_e4', "AttributeError: type object 'int' has no attribute '__annotations__'"),
    ('case_e5', "AttributeError: type object 'int' has no attribute '__annotate__'"),
    ('case_e6', "('meta', 6, 'own')"),
    ('case_e7', '(\'foofoo\', "\'A\' object has no attribute \'foo\'")'),
    ('case_e8', "('inst', 'nd')"),
    ('case_e9', '(True, True, True)'),
    ('case_e10', "((<class '__main__.case_e10.<locals>.A'>, ()), (<class '__main__.case_e10.<locals>.A'>, ()))"),
    ('case_e11', "(True, (<class 'list'>,), <class 'list'>, True)"),
    ('case_e12', '-2'),
    ('case_e13', '(1, 2)'),
    ('case_e14', '5'),
    ('case_e15', 'TypeError: object.__new__() takes exactly one argument (the type to instantiate)'),
    ('case_e16', 'TypeError: A() takes no arguments'),
    ('case_e17', 'TypeError: A() takes no arguments'),
    ('case_e18', "((1, 2, (), 4, {}), (1, 2, (3,), 5, {'z': 6}))"),
    ('case_e19', "TypeError: case_e19.<locals>.A.__init__() missing 1 required positional argument: 'a'"),
    ('case_e20', "TypeError: type 'function' is not an acceptable base type"),
    ('case_e21', 'TypeError: multiple bases have instance lay-out conflict'),
    ('case_e22', 'TypeError: multiple bases have instance lay-out conflict'),
    ('case_e23', 'TypeError: multiple bases have instance lay-out conflict'),
    ('case_e24', "(1, 2, 3, {'z': 3})"),
    ('case_e25', '(True, 7)'),
    ('case_e26', "('B', 1)"),
    ('case_e27', 'TypeError: __class__ assignment only supported for mutable types or ModuleType subclasses'),
    ('case_e28', 'TypeError: __class__ assignment only supported for mutable types or ModuleType subclasses'),
    ('case_e29', "TypeError: __class__ must be set to a class, not 'int' object"),
    ('case_e30', "TypeError: can't delete __class__ attribute"),
    ('case_e31', "AttributeError: 'A' object has no attribute 'x'"),
    ('case_e32', "AttributeError: type object 'A' has no attribute 'foo'"),
    ('case_e33', "AttributeError: 'A' object has no attribute '__dict__'"),
    ('case_e34', "AttributeError: 'A' object has no attribute 'x2' and no __dict__ for setting new attributes"),
    ('case_e35', "AttributeError: 'A' object attribute 'x' is read-only"),
    ('case_e36', "AttributeError: 'int' object has no attribute 'foo' and no __dict__ for setting new attributes"),
    ('case_e37', "AttributeError: 'list' object attribute 'append' is read-only"),
    ('case_e38', 'TypeError: vars() argument must have __dict__ attribute'),
    ('case_e39', "(5, 'dflt', True)"),
    ('case_e40', "TypeError: attribute name must be string, not 'int'"),
    ('case_e41', "TypeError: attribute name must be string, not 'int'"),
    ('case_e42', "TypeError: 'int' object is not iterable"),
    ('case_e43', 'TypeError: list expected at most 1 argument, got 2'),
    ('case_e44', '({}, [], (1,))'),
    ('case_e45', 'TypeError: object.__init__() takes exactly one argument (the instance to initialize)'),
    ('case_e46', 'TypeError: object.__init__() takes exactly one argument (the instance to initialize)'),
    ('case_e47', '(True, NotImplemented, False, NotImplemented, NotImplemented)'),
    ('case_e48', "('<int object at ADDRESS', '5', True)"),
    ('case_e49', "([], '5', 5)"),
    ('case_e50', 'TypeError: unsupported format string passed to int.__format__'),
    ('case_e51', "(<class 'int'>, 'dict.fromkeys', <class 'int'>, 'int.__new__', '__new__')"),
    ('case_e52', '(\'<built-in method __new__ of type obj\', \'<built-in method fromkeys of type object\', \'<built-in method sort of list object at \', \'<built-in function print>\', "<method \'upper\' of \'str\' objects>", "<attribute \'real\' of \'int\' objects>", "<attribute \'__name__\' of \'type\' objects>")'),
    ('case_e53', '(False, True, True, True)'),
    ('case_e58', "TypeError: sort() got an unexpected keyword argument 'foo'"),
    ('case_e59', "TypeError: print() got an unexpected keyword argument 'foo'"),
    ('case_e60', "TypeError: object of type 'int' has no len()"),
    ('case_e61', "('doc', 'docc', 'doc', 'c', None, 'c')"),
    ('case_e62', "(None, 'd', 'P')"),
    ('case_e63', "('fdoc', 'x', None, True)"),
    ('case_e64', "AttributeError: property of 'int' object has no getter"),
    ('case_e65', "AttributeError: property of 'int' object has no setter"),
    ('case_e66', 'RuntimeError: super(): no arguments'),
    ('case_e67', "AttributeError: 'super' object has no attribute 'nope'"),
    ('case_e68', 'RuntimeError: super(): arg[0] deleted'),
    ('case_e69', 'True'),
    ('case_e70', "'<__main__'"),
]


if __name__ == "__main__":
    check(globals(), EXPECTED)
