"""Threads change classes while others read them: no error but the documented ones, and no crash."""
import _thread, time
class A:
    x = 0
    def f(self): return 1
class B(A): pass
class M(type): pass
stop = False; errors = []; done = [0]
lock = _thread.allocate_lock()
def reader():
    try:
        b = B(); n = 0
        while not stop:
            v = b.x
            assert isinstance(v, (int, str, list)), v
            b.f(); b.y = n; del b.y; n += 1
            B.__mro__; hasattr(b, 'zz%d' % (n % 7)); A.__subclasses__(); isinstance(b, A)
            len(b) if hasattr(type(b), '__len__') else 0
    except TypeError as e:
        if 'has no len' not in str(e): errors.append(repr(e))
    except BaseException as e: errors.append(repr(e))
    with lock: done[0] += 1
def writer(k):
    try:
        i = 0
        while not stop:
            A.x = i; B.x = [i]; del B.x; A.x = 's%d' % i
            A.f = lambda self: i
            C = M('C', (B,), {'q': i, '__slots__': ('w',)}); c = C(); c.w = 1; c.x
            setattr(A, 'zz%d' % (i % 7), i)
            delattr(A, 'zz%d' % (i % 7)) if k == 0 else None
            i += 1
    except AttributeError: pass
    except BaseException as e: errors.append(repr(e))
    with lock: done[0] += 1
for _ in range(3): _thread.start_new_thread(reader, ())
for k in range(2): _thread.start_new_thread(writer, (k,))
t = time.time()
while time.time() - t < 2:
    time.sleep(0.1)
stop = True
while done[0] < 5: time.sleep(0.05)
if errors:
    raise SystemExit(str(errors[:5]))
