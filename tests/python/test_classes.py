"""Classes, descriptors, slots and calls: each function's outcome is compared with the reference's."""
from outcomes import check


printed = []


def print(*words):
    printed.append(words)


class A:
    "doc"
    x = 1
    def __init__(self, v=0): self.v = v
    def m(self): return self.v
class S:
    __slots__ = ('a', '__b')
class M(type):
    def __new__(m, n, b, d, **k): return super().__new__(m, n, b, d)
    def __init__(c, n, b, d, **k): pass
    @classmethod
    def __prepare__(m, n, b, **k): return {'prep': k}
    def __call__(c, *a): return ('called', a)
    def __getattr__(c, n): return 'meta ' + n
class C(A, metaclass=M, kw=1): pass


def case_t1(): return C.prep, C(1,2), C.zzz, type(C)


def case_t2(): return A.__dict__['m'], A.m, type(A().m).__name__, A(5).m()


def case_t3(): return A().nope


def case_t4(): return A.nope


def case_t5(): A().m.x = 1


def case_t6(): s = S(); s.a = 1; s._S__b = 2; return s.a, s._S__b


def case_t7(): s = S(); s.q = 1


def case_t8(): return S().a


def case_t9(): s = S(); del s.a


def case_t10(): return A.__mro__, A.__bases__, A.__name__, A.__qualname__, A.__module__, A.__doc__


def case_t11(): A.__bases__ = ()


def case_t12():
    class X: pass
    class Y(X): pass
    class Z:
        def hi(self): return 'hi'
    y = Y(); Y.__bases__ = (Z,); return y.hi(), Y.__mro__, X.__subclasses__(), Z.__subclasses__()


def case_t13(): int.x = 1


def case_t14(): del int.real


def case_t15(): a = A(); a.__class__ = S


def case_t16():
    class X: pass
    class Y: pass
    x = X(); x.q = 5; x.__class__ = Y; return type(x).__name__, x.q, x.__dict__


def case_t17(): a = A(3); a.__dict__ = {'v': 7}; return a.m(), a.__dict__


def case_t18(): a = A(3); d = a.__dict__; d['z'] = 1; a.y = 2; return a.z, d, vars(a)


def case_t19(): return object.__new__(A, 1)


def case_t20(): return object(1)


def case_t21(): return object.__new__(int)


def case_t22(): return int.__new__(str)


def case_t23(): return int.__new__(1)


def case_t24(): return int.__new__()


def case_t25():
    class X(A):
        def __init__(self): super().__init__(9)
    return X().v, super(X, X()).m()


def case_t26(): return super(A, 1)


def case_t27(): return super(int, True).__add__(1), repr(super(int, True)), repr(super(int))


def case_t28():
    class P:
        @property
        def x(self): 'xdoc'; return 1
    p = P();
    try: p.x = 2
    except AttributeError as e: print(e)
    try: del p.x
    except AttributeError as e: print(e)
    return P.x.__doc__, p.x, P.x.__name__


def case_t29(): return [type(x) for x in (A.__dict__['__dict__'], int.__dict__['real'], int.__add__, (1).__add__, list.append, [].append, dict.fromkeys, dict.__dict__['fromkeys'], str.__dict__['maketrans'], type.__dict__['__basicsize__'])]


def case_t30(): return int.__add__.__doc__, int.__add__.__text_signature__, len.__text_signature__, int.__add__.__name__, int.__add__.__objclass__, int.__add__.__qualname__


def case_t31(): return int.__add__('x', 1)


def case_t32(): return int.__add__()


def case_t33(): return int.__add__(1)


def case_t34(): return (1).__add__(1, 2)


def case_t35(): return list.append([], 1, 2)


def case_t36(): return list.append(1, 2)


def case_t37(): return [].append(x=1)


def case_t38(): return len()


def case_t39(): return len([], x=1)


def case_t40(): return dict.fromkeys([1])


def case_t41(): return dict.__dict__['fromkeys'].__get__(None, int)


def case_t42(): return hash([])


def case_t43():
    class X:
        def __eq__(s, o): return True
    return X.__hash__, hash(X())


def case_t44():
    class X:
        def __hash__(self): return 'x'
    return hash(X())


def case_t45():
    class X:
        def __hash__(self): return 2**70
    return hash(X()) == hash(2**70)


def case_t46():
    class X:
        def __bool__(self): return 1
    return bool(X())


def case_t47():
    class X:
        def __len__(self): return -1
    return len(X())


def case_t48():
    class X:
        def __len__(self): return 2**70
    return len(X())


def case_t49():
    class X:
        def __iter__(self): return 1
    return iter(X())


def case_t50():
    class X:
        __iter__ = None
    return iter(X())


def case_t51():
    class X:
        def __getitem__(self, i):
            if i < 3: return i
            raise IndexError
    return list(X()), 2 in X(), 5 in X(), list(reversed([1,2])), type(iter(X()))


def case_t52():
    class X:
        __contains__ = None
    return 1 in X()


def case_t53():
    class X:
        def __init__(self): return 1
    return X()


def case_t54():
    class X:
        def __repr__(self): return 1
    return repr(X())


def case_t55():
    class X:
        def __str__(self): return 1
    return str(X())


def case_t56():
    class D:
        def __get__(s, i, o): return ('get', i is None, o.__name__)
        def __set__(s, i, v): print('set', v)
        def __delete__(s, i): print('del')
    class X: d = D()
    x = X(); x.d = 1; del x.d; return x.d, X.d


def case_t57():
    class X:
        def __getattribute__(self, n):
            if n == 'q': raise AttributeError('no q')
            return object.__getattribute__(self, n)
        def __getattr__(self, n): return 'fallback ' + n
    return X().q, X().z


def case_t58():
    class X:
        def __setattr__(self, n, v): object.__setattr__(self, n, v*2)
        def __delattr__(self, n): print('delattr', n); object.__delattr__(self, n)
    x = X(); x.a = 2; r = x.a; del x.a; return r


def case_t59(): object.__setattr__(A, 'x', 1)


def case_t60(): type.__setattr__(int, 'x', 1)


def case_t61():
    class X(int):
        def __add__(self, o): return 'add'
        def __radd__(self, o): return 'radd'
    return X(1)+1, 1+X(1), X(1)-1


def case_t62():
    class X:
        def __add__(self, o): return NotImplemented
    return X()+1


def case_t63():
    class X:
        def __lt__(self, o): return 'lt'
        def __gt__(self, o): return 'gt'
    return X()<1, 1<X(), X()>X()


def case_t64(): return A() < A()


def case_t65():
    class Base:
        def __init_subclass__(cls, **k): cls.k = k
    class D(Base, a=1): pass
    return D.k


def case_t66():
    class D(A, a=1): pass


def case_t67():
    class N:
        def __set_name__(self, o, n): self.n = (o.__name__, n)
    class D: q = N()
    return D.q.n


def case_t68():
    class X: pass
    X.__add__ = lambda s, o: 'added'
    r = X()+1; del X.__add__
    try: X()+1
    except TypeError as e: return r, str(e)


def case_t69():
    class X: pass
    class Y(X): pass
    X.__len__ = lambda s: 3
    r = len(Y()); Y.__len__ = lambda s: 4; q = len(Y()); del X.__len__; z = len(Y()); del Y.__len__
    try: len(Y())
    except TypeError as e: return r, q, z, str(e)


def case_t70(): return type('X', (A,), {'y': 1})().y, type('X', (), {}).__module__


def case_t71(): return isinstance(1, (str, int)), isinstance(1, int|str), issubclass(bool, int), isinstance(1, 5)


def case_t72(): return issubclass(1, int)


def case_t73():
    class X(type):
        def __instancecheck__(c, i): return True
        def __subclasscheck__(c, s): return True
    class Y(metaclass=X): pass
    return isinstance(1, Y), issubclass(int, Y)


def case_t75(): A.__name__ = 'AA'; r = A.__name__, repr(A), A.__qualname__; A.__name__ = 'A'; return r


def case_t76(): A.__name__ = 1


def case_t77(): del A.__name__


def case_t78(): return sorted(dir(A())),


def case_t79(): return sorted(x for x in dir(type) if not x.startswith('__'))


def case_t80(): return repr(A.__dict__.get('x')), 'x' in A.__dict__, len(A.__dict__) > 3, A.__dict__ | {} == dict(A.__dict__)


def case_t81(): A.__dict__['x'] = 1


def case_t82():
    class X:
        def __class_getitem__(c, i): return (c.__name__, i)
    return X[1]


def case_t83(): return A[1]


def case_t84(): return list[int], dict[str, int], tuple[int, ...], list[int].__origin__, list[int]([1])


def case_t85():
    class G(list[int]): pass
    return G.__bases__, G.__orig_bases__, G.__mro__


def case_t86(): return (None).__class__, type(None)(), type(...)(), type(NotImplemented)(), bool(None)


def case_t87(): return bool(NotImplemented)


def case_t89(): return format(A(), 'x')


def case_t90(): return A.m(),


def case_t91(): return A().m(1)


def case_t92():
    class X:
        def __del__(self): print('del called')
    x = X(); del x; return 1


def case_t93():
    class X:
        def __call__(self, *a, **k): return a, k
    return X()(1, *[2], x=3, **{'y': 4})


def case_t94(): return A()()


def case_t95():
    class X(S, A): __slots__ = ()
    x = X(); x.v = 3; x.a = 4; return x.v, x.a, x.__dict__


def case_t96():
    class X:
        __slots__ = ('__dict__', 'a')
    x = X(); x.a = 1; x.b = 2; return x.__dict__


def case_t98():
    class X(bool): pass


def case_t99():
    class X(A, A): pass


def case_t100():
    class X(object, A): pass


def case_t104():
    class X:
        x: int
        y: 'str'
    return X.__annotations__, X.__annotate__ is not None


def case_t105():
    class X:
        a = b = 1
        def f(self): return __class__
    return X().f(), X.__static_attributes__, X.__firstlineno__ > 0


def case_t106():
    class X(Exception): pass
    try: raise X(1, 2)
    except X as e: e.foo = 1; return e.args, e.__dict__, repr(e)


def case_t107():
    class X(dict):
        def __missing__(self, k): return k*2
    return X()[2], X(a=1), X(a=1).__class__


def case_t108():
    class X(list):
        def __init__(self, *a): super().__init__(*a); self.z = 1
    x = X([1,2]); return x, x.z, x.__dict__


def case_t109():
    class X(tuple):
        def __new__(c, *a): return super().__new__(c, a)
    return X(1,2), X(1,2).__class__, hash(X(1,2)) == hash((1,2))


def case_t110():
    class X(str): pass
    return X('a')+'b', type(X('a').upper()), X('q').__dict__


def case_t112():
    class X:
        __slots__ = {'a': 'doc a'}
    return X.a.__doc__, X.a


def case_t113():
    def f(self): pass
    class X: g = f
    return X.g is f, X().g.__func__ is f, X().g == X().g, X.g.__qualname__


def case_t114():
    a = A(1)
    return a.m == a.m, a.m.__self__ is a, repr(a.m)[:32]


def case_t115():
    class X:
        def __getattr__(self, n): raise AttributeError(n)
    return hasattr(X(), 'a'), getattr(X(), 'b', 5)


def case_t116():
    class X:
        def __format__(self, s): return 'F' + s
        def __bytes__(self): return b'zz'
        def __index__(self): return 3
        def __int__(self): return 4
        def __float__(self): return 4.5
        def __complex__(self): return 1j
        def __round__(self, n=None): return n
        def __neg__(self): return 'neg'
        def __invert__(self): return 'inv'
        def __abs__(self): return 'abs'
        def __divmod__(self, o): return 'dm'
        def __pow__(self, o, m=None): return ('pow', o, m)
        def __matmul__(self, o): return 'mm'
        def __iadd__(self, o): return 'iadd'
        def __reversed__(self): return 'rev'
        def __length_hint__(self): return 3
        def __enter__(self): return 'enter'
        def __exit__(self, *a): return True
        def __dir__(self): return ['b', 'a']
        def __sizeof__(self): return 7
        def __missing__(self): pass
    x = X(); y = x; y += 1
    with X() as w: pass
    return f'{x:abc}', bytes(x), [0,1,2,3][x], int(x), float(x), complex(x), round(x), round(x, 2), -x, ~x, abs(x), divmod(x, 1), pow(x, 2), pow(x, 2, 3), x@x, y, reversed(x), w, dir(x)


def case_c1():
    class B:
        def __buffer__(self, flags): return memoryview(b'abc')
        def __release_buffer__(self, view): print('released')
    m = memoryview(B()); r = bytes(m), m.nbytes; m.release(); return r


def case_c2(): return [].__class__.__buffer__


def case_c3(): return bytes.__buffer__, bytes(b'abc'.__buffer__(0))


def case_c4():
    class B:
        def __buffer__(self, flags): return 1
    return memoryview(B())


def case_c5():
    class A: pass
    class B(A): pass
    class C(A): pass
    class D(B, C): pass
    return [k.__name__ for k in D.__mro__], D.mro()[0].__name__


def case_c6():
    class M(type):
        def mro(cls): return [cls, object, int]
    class A(metaclass=M): pass
    return A.__mro__


def case_c7():
    class X: pass
    class M(type):
        def mro(cls): return [cls, X, object]
    class A(metaclass=M): pass
    X.foo = 5
    r = A.foo; X.foo = 6
    return r, A.foo, A.__mro__


def case_c8():
    class M(type):
        def mro(cls): return [1]
    class A(metaclass=M): pass


def case_c9():
    class A: x = 1
    class B(A): pass
    b = B(); r = [b.x]; A.x = 2; r.append(b.x); B.x = 3; r.append(b.x); del B.x; r.append(b.x); b.x = 4; r.append(b.x); del A.x; del b.x
    try: b.x
    except AttributeError as e: r.append(str(e))
    return r


def case_c10():
    class A: pass
    a = A()
    for i in range(50): setattr(a, 'a%d' % i, i)
    s = sum(getattr(a, 'a%d' % i) for i in range(50))
    for i in range(0, 50, 2): delattr(a, 'a%d' % i)
    return s, len(a.__dict__), a.a49


def case_c11():
    class A:
        def __init__(self): self.a = 1; self.b = 2
    l = [A() for _ in range(100)]
    d = l[3].__dict__; d['c'] = 3; del d['a']
    return l[3].c, hasattr(l[3], 'a'), l[4].__dict__, l[3].__dict__ is d


def case_c13():
    class A:
        def __del__(self): order.append(self.n)
    order = []
    def f():
        a = A(); a.n = 1
        b = A(); b.n = 2
    f(); return sorted(order)


def case_c15():
    def f(): return f()
    try: f()
    except RecursionError as e: return str(e)[:40]


def case_c16():
    class A:
        def __getattr__(self, n): return getattr(self, n)
    A().x


def case_c17():
    class A:
        def __repr__(self): return repr(self)
    repr(A())


def case_c18():
    class A: pass
    A.__call__ = lambda self: self()
    A()()


def case_c21():
    class Meta(type):
        def __len__(c): return 3
        def __iter__(c): return iter('abc')
        def __contains__(c, x): return x == 1
        def __getitem__(c, i): return ('meta', i)
    class A(metaclass=Meta):
        def __class_getitem__(c, i): return 'cg'
    return len(A), list(A), 1 in A, A[5]


def case_c22():
    class A:
        def __init_subclass__(cls, /, x=None, **kw):
            super().__init_subclass__(**kw); cls.x = x
    class B(A, x=4): pass
    return B.x


def case_c23():
    class A:
        def f(self): return 'A'
    class B(A):
        def f(self): return 'B' + super().f()
    class C(A):
        def f(self): return 'C' + super().f()
    class D(B, C):
        def f(self): return 'D' + super().f()
    return D().f(), super(B, D()).f()


def case_c24():
    class A:
        @classmethod
        def f(cls): return cls.__name__
        @staticmethod
        def g(x): return x
    class B(A):
        @classmethod
        def f(cls): return 'B' + super().f()
    return B.f(), B().f(), B.g(3), A.__dict__['f'], A.__dict__['g'].__wrapped__ is A.g


def case_c25():
    class A:
        x = property(lambda s: 1, doc='d')
    class B(A):
        @A.x.getter
        def x(self): return 2
    return B().x, B.x.__doc__, A.x.__isabstractmethod__


def case_c26(): return type.__call__(type, 1), type.__call__(int, '5'), type.mro(int), type.__subclasses__(bool)


def case_c27(): return type()


def case_c30(): return (5).__class__.__class__, type.__class__, object.__class__, type.__base__, object.__base__, type.__bases__


def case_c31():
    class A: pass
    a = A(); a.__dict__['x'] = 1; a.__dict__.clear(); a.y = 1; a.__dict__ = {}; a.z = 2; del a.__dict__; a.w = 3
    return a.__dict__


def case_c32():
    class A(int): __slots__ = ()
    return A(5), A(5) + 1


def case_c33():
    a = (1).__add__; b = (1).__add__
    return a == b, hash(a) == hash(b), repr(a)[:20], a.__self__, a.__name__


def case_c35(): return str.join.__get__('a')(['b','c']), str.join.__get__(None, str), int.real.__get__(5)


def case_c36(): return int.real.__get__('x')


def case_c37(): return int.real.__set__(5, 6)


def case_c38(): return list.__dict__['append'].__doc__ is not None, list.append.__text_signature__, type.__text_signature__, int.__text_signature__, object.__text_signature__


def case_c39():
    class A:
        "text"
        __slots__ = 'x'
    try: A.__doc__ = 'new'
    except AttributeError as e: return e
    return A.__doc__


def case_c40(): int.__doc__ = 'x'


def case_c41():
    class A: pass
    A.__module__ = 'mod'; A.__qualname__ = 'Q.A'; return repr(A), repr(A())[:12], A.__name__


def case_c42():
    class A: pass
    A.__type_params__ = (1,); return A.__type_params__, int.__type_params__


def case_c44():
    def f(x): return x
    m = type(case_c44.__get__(1))(f, 5); return m(), m.__func__, m.__self__


def case_c45():
    class A:
        __eq__ = None
    return A() == A()


def case_c46():
    class A:
        def __eq__(self, o): return NotImplemented
    a = A(); return a == a, a == A(), a != A()


def case_c47():
    class A:
        def __ne__(self, o): return 'ne'
    return A() != 1, A() == 1


def case_c48():
    class A:
        def __pow__(self, o, m=None): return NotImplemented
        def __rpow__(self, o, m=None): return ('rpow', o, m)
    return 2 ** A(), pow(2, A(), 5)


def case_c49():
    class L(list):
        def __getitem__(self, i): return 'item'
    return L([1])[0], L([1,2])[0:1], list(L([1]))


def case_c50():
    class D(dict):
        def __setitem__(self, k, v): dict.__setitem__(self, k, v*2)
        def __len__(self): return 99
    d = D(); d['a'] = 2; return d, len(d), bool(d)


EXPECTED = [
    ('case_t1', "({'kw': 1}, ('called', (1, 2)), 'meta zzz', <class '__main__.M'>)"),
    ('case_t2', "(<function A.m at ADDRESS>, <function A.m at ADDRESS>, 'method', 5)"),
    ('case_t3', "AttributeError: 'A' object has no attribute 'nope'"),
    ('case_t4', "AttributeError: type object 'A' has no attribute 'nope'"),
    ('case_t5', "AttributeError: 'method' object has no attribute 'x' and no __dict__ for setting new attributes"),
    ('case_t6', '(1, 2)'),
    ('case_t7', "AttributeError: 'S' object has no attribute 'q' and no __dict__ for setting new attributes"),
    ('case_t8', "AttributeError: 'S' object has no attribute 'a'"),
    ('case_t9', 'AttributeError: a'),
    ('case_t10', "((<class '__main__.A'>, <class 'object'>), (<class 'object'>,), 'A', 'A', '__main__', 'doc')"),
    ('case_t11', 'TypeError: can only assign non-empty tuple to A.__bases__, not ()'),
    ('case_t12', "('hi', (<class '__main__.case_t12.<locals>.Y'>, <class '__main__.case_t12.<locals>.Z'>, <class 'object'>), [], [<class '__main__.case_t12.<locals>.Y'>])"),
    ('case_t13', "TypeError: cannot set 'x' attribute of immutable type 'int'"),
    ('case_t14', "TypeError: cannot set 'real' attribute of immutable type 'int'"),
    ('case_t15', "TypeError: __class__ assignment: 'S' object layout differs from 'A'"),
    ('case_t16', "('Y', 5, {'q': 5})"),
    ('case_t17', "(7, {'v': 7})"),
    ('case_t18', "(1, {'v': 3, 'z': 1, 'y': 2}, {'v': 3, 'z': 1, 'y': 2})"),
    ('case_t19', '<__main__.A object at ADDRESS>'),
    ('case_t20', 'TypeError: object() takes no arguments'),
    ('case_t21', 'TypeError: object.__new__(int) is not safe, use int.__new__()'),
    ('case_t22', 'TypeError: int.__new__(str): str is not a subtype of int'),
    ('case_t23', 'TypeError: int.__new__(X): X is not a type object (int)'),
    ('case_t24', 'TypeError: int.__new__(): not enough arguments'),
    ('case_t25', '(9, 9)'),
    ('case_t26', 'TypeError: super(type, obj): obj (instance of int) is not an instance or subtype of type (A).'),
    ('case_t27', "AttributeError: 'super' object has no attribute '__add__'"),
    ('case_t28', "('xdoc', 1, 'x')"),
    ('case_t29', "[<class 'getset_descriptor'>, <class 'getset_descriptor'>, <class 'wrapper_descriptor'>, <class 'method-wrapper'>, <class 'method_descriptor'>, <class 'builtin_function_or_method'>, <class 'builtin_function_or_method'>, <class 'classmethod_descriptor'>, <class 'staticmethod'>, <class 'member_descriptor'>]"),
    ('case_t30', "('Return self+value.', '($self, value, /)', '($module, obj, /)', '__add__', <class 'int'>, 'int.__add__')"),
    ('case_t31', "TypeError: descriptor '__add__' requires a 'int' object but received a 'str'"),
    ('case_t32', "TypeError: descriptor '__add__' of 'int' object needs an argument"),
    ('case_t33', 'TypeError: expected 1 argument, got 0'),
    ('case_t34', 'TypeError: expected 1 argument, got 2'),
    ('case_t35', 'TypeError: list.append() takes exactly one argument (2 given)'),
    ('case_t36', "TypeError: descriptor 'append' for 'list' objects doesn't apply to a 'int' object"),
    ('case_t37', 'TypeError: list.append() takes no keyword arguments'),
    ('case_t38', 'TypeError: len() takes exactly one argument (0 given)'),
    ('case_t39', 'TypeError: len() takes no keyword arguments'),
    ('case_t40', '{1: None}'),
    ('case_t41', "TypeError: descriptor 'fromkeys' requires a subtype of 'dict' but received 'int'"),
    ('case_t42', "TypeError: unhashable type: 'list'"),
    ('case_t43', "TypeError: unhashable type: 'X'"),
    ('case_t44', 'TypeError: __hash__ method should return an integer'),
    ('case_t45', 'True'),
    ('case_t46', 'TypeError: __bool__ should return bool, returned int'),
    ('case_t47', 'ValueError: __len__() should return >= 0'),
    ('case_t48', "OverflowError: cannot fit 'int' into an index-sized integer"),
    ('case_t49', "TypeError: iter() returned non-iterator of type 'int'"),
    ('case_t50', "TypeError: 'X' object is not iterable"),
    ('case_t51', "([0, 1, 2], True, False, [2, 1], <class 'iterator'>)"),
    ('case_t52', "TypeError: 'X' object is not a container"),
    ('case_t53', "TypeError: __init__() should return None, not 'int'"),
    ('case_t54', 'TypeError: __repr__ returned non-string (type int)'),
    ('case_t55', 'TypeError: __str__ returned non-string (type int)'),
    ('case_t56', "(('get', False, 'X'), ('get', True, 'X'))"),
    ('case_t57', "('fallback q', 'fallback z')"),
    ('case_t58', '4'),
    ('case_t59', "TypeError: can't apply this __setattr__ to type object"),
    ('case_t60', "TypeError: cannot set 'x' attribute of immutable type 'int'"),
    ('case_t61', "('add', 'radd', 0)"),
    ('case_t62', "TypeError: unsupported operand type(s) for +: 'X' and 'int'"),
    ('case_t63', "('lt', 'gt', 'gt')"),
    ('case_t64', "TypeError: '<' not supported between instances of 'A' and 'A'"),
    ('case_t65', "{'a': 1}"),
    ('case_t66', 'TypeError: case_t66.<locals>.D.__init_subclass__() takes no keyword arguments'),
    ('case_t67', "('D', 'q')"),
    ('case_t68', '(\'added\', "unsupported operand type(s) for +: \'X\' and \'int\'")'),
    ('case_t69', '(3, 4, 4, "object of type \'Y\' has no len()")'),
    ('case_t70', "(1, '__main__')"),
    ('case_t71', 'TypeError: isinstance() arg 2 must be a type, a tuple of types, or a union'),
    ('case_t72', 'TypeError: issubclass() arg 1 must be a class'),
    ('case_t73', '(True, True)'),
    ('case_t75', '(\'AA\', "<class \'__main__.A\'>", \'A\')'),
    ('case_t76', "TypeError: can only assign string to A.__name__, not 'int'"),
    ('case_t77', "TypeError: cannot delete '__name__' attribute of immutable type 'A'"),
    ('case_t78', "(['__class__', '__delattr__', '__dict__', '__dir__', '__doc__', '__eq__', '__firstlineno__', '__format__', '__ge__', '__getattribute__', '__getstate__', '__gt__', '__hash__', '__init__', '__init_subclass__', '__le__', '__lt__', '__module__', '__ne__', '__new__', '__reduce__', '__reduce_ex__', '__repr__', '__setattr__', '__sizeof__', '__static_attributes__', '__str__', '__subclasshook__', '__weakref__', 'm', 'v', 'x'],)"),
    ('case_t79', "['mro']"),
    ('case_t80', "('1', True, True, True)"),
    ('case_t81', "TypeError: 'mappingproxy' object does not support item assignment"),
    ('case_t82', "('X', 1)"),
    ('case_t83', "TypeError: type 'A' is not subscriptable"),
    ('case_t84', "(list[int], dict[str, int], tuple[int, ...], <class 'list'>, [1])"),
    ('case_t85', "((<class 'list'>,), (list[int],), (<class '__main__.case_t85.<locals>.G'>, <class 'list'>, <class 'object'>))"),
    ('case_t86', "(<class 'NoneType'>, None, Ellipsis, NotImplemented, False)"),
    ('case_t87', 'TypeError: NotImplemented should not be used in a boolean context'),
    ('case_t89', 'TypeError: unsupported format string passed to A.__format__'),
    ('case_t90', "TypeError: A.m() missing 1 required positional argument: 'self'"),
    ('case_t91', 'TypeError: A.m() takes 1 positional argument but 2 were given'),
    ('case_t92', '1'),
    ('case_t93', "((1, 2), {'x': 3, 'y': 4})"),
    ('case_t94', "TypeError: 'A' object is not callable"),
    ('case_t95', "(3, 4, {'v': 3})"),
    ('case_t96', "{'b': 2}"),
    ('case_t98', "TypeError: type 'bool' is not an acceptable base type"),
    ('case_t99', 'TypeError: duplicate base class A'),
    ('case_t100', 'TypeError: Cannot create a consistent method resolution order (MRO) for bases object, A'),
    ('case_t104', "({'x': <class 'int'>, 'y': 'str'}, True)"),
    ('case_t105', "(<class '__main__.case_t105.<locals>.X'>, (), True)"),
    ('case_t106', "((1, 2), {'foo': 1}, 'X(1, 2)')"),
    ('case_t107', "(4, {'a': 1}, <class '__main__.case_t107.<locals>.X'>)"),
    ('case_t108', "([1, 2], 1, {'z': 1})"),
    ('case_t109', "((1, 2), <class '__main__.case_t109.<locals>.X'>, True)"),
    ('case_t110', "('ab', <class 'str'>, {})"),
    ('case_t112', "(None, <member 'a' of 'X' objects>)"),
    ('case_t113', "(True, True, False, 'case_t113.<locals>.f')"),
    ('case_t114', "(True, True, '<bound method A.m of <__main__.A')"),
    ('case_t115', '(False, 5)'),
    ('case_t116', "('Fabc', b'zz', 3, 4, 4.5, 1j, None, 2, 'neg', 'inv', 'abs', 'dm', ('pow', 2, None), ('pow', 2, 3), 'mm', 'iadd', 'rev', 'enter', ['a', 'b'])"),
    ('case_c1', "(b'abc', 3)"),
    ('case_c2', "AttributeError: type object 'list' has no attribute '__buffer__'"),
    ('case_c3', "(<slot wrapper '__buffer__' of 'bytes' objects>, b'abc')"),
    ('case_c4', 'TypeError: __buffer__ returned non-memoryview object'),
    ('case_c5', "(['D', 'B', 'C', 'A', 'object'], 'D')"),
    ('case_c6', "TypeError: mro() returned base with unsuitable layout ('int')"),
    ('case_c7', "(5, 6, (<class '__main__.case_c7.<locals>.A'>, <class '__main__.case_c7.<locals>.X'>, <class 'object'>))"),
    ('case_c8', "TypeError: mro() returned a non-class ('int')"),
    ('case_c9', '[1, 2, 3, 2, 4, "\'B\' object has no attribute \'x\'"]'),
    ('case_c10', '(1225, 25, 49)'),
    ('case_c11', "(3, False, {'a': 1, 'b': 2}, True)"),
    ('case_c13', '[1, 2]'),
    ('case_c15', "'maximum recursion depth exceeded'"),
    ('case_c16', 'RecursionError: maximum recursion depth exceeded'),
    ('case_c17', 'RecursionError: maximum recursion depth exceeded'),
    ('case_c18', 'RecursionError: maximum recursion depth exceeded'),
    ('case_c21', "(3, ['a', 'b', 'c'], True, ('meta', 5))"),
    ('case_c22', '4'),
    ('case_c23', "('DBCA', 'CA')"),
    ('case_c24', "('BB', 'BB', 3, <classmethod(<function case_c24.<locals>.A.f at ADDRESS>)>, True)"),
    ('case_c25', "(2, 'd', False)"),
    ('case_c26', "(<class 'int'>, 5, [<class 'int'>, <class 'object'>], [])"),
    ('case_c27', 'TypeError: type() takes 1 or 3 arguments'),
    ('case_c30', "(<class 'type'>, <class 'type'>, <class 'type'>, <class 'object'>, None, (<class 'object'>,))"),
    ('case_c31', "{'w': 3}"),
    ('case_c32', '(5, 6)'),
    ('case_c33', '(True, True, "<method-wrapper \'__a", 1, \'__add__\')'),
    ('case_c35', "('bac', <method 'join' of 'str' objects>, 5)"),
    ('case_c36', "TypeError: descriptor 'real' for 'int' objects doesn't apply to a 'str' object"),
    ('case_c37', "AttributeError: attribute 'real' of 'int' objects is not writable"),
    ('case_c38', "(True, '($self, object, /)', None, None, '()')"),
    ('case_c39', "'new'"),
    ('case_c40', "TypeError: cannot set '__doc__' attribute of immutable type 'int'"),
    ('case_c41', '("<class \'mod.Q.A\'>", \'<mod.Q.A obj\', \'A\')'),
    ('case_c42', '((1,), ())'),
    ('case_c44', '(5, <function case_c44.<locals>.f at ADDRESS>, 5)'),
    ('case_c45', "TypeError: 'NoneType' object is not callable"),
    ('case_c46', '(True, False, True)'),
    ('case_c47', "('ne', False)"),
    ('case_c48', "(('rpow', 2, None), ('rpow', 2, 5))"),
    ('case_c49', "('item', 'item', [1])"),
    ('case_c50', "({'a': 4}, 99, True)"),
]


if __name__ == "__main__":
    check(globals(), EXPECTED)
