"""Calls and control flow: recursion, closures, keyword arguments, generators, exceptions, matching, contexts."""
import contextlib
import functools
import itertools
import operator


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def queens(size, row=0, columns=0, left=0, right=0):
    if row == size:
        return 1
    count = 0
    for column in range(size):
        bit = 1 << column
        if columns & bit or left & 1 << row + column or right & 1 << row - column + size:
            continue
        count += queens(size, row + 1, columns | bit, left | 1 << row + column, right | 1 << row - column + size)
    return count


def recursion():
    fibonacci(16)
    queens(6)


def area(width, height=2, *, unit=1, border=0):
    return (width + border) * (height + border) * unit


def collect(*args, **kwargs):
    return len(args) + len(kwargs)


def forward(*args, **kwargs):
    return collect(*args, **kwargs)


def arguments():
    options = {"unit": 3, "border": 1}
    for n in range(1000):
        area(n)
        area(n, 3)
        area(n, height=4)
        area(n, unit=2, border=1)
        area(width=n, **options)
        collect(n, n, n, name=n)
        forward(1, *(2, 3), key=n)
        max(n, 3, key=abs)
        int("7", base=10)
        dict(a=n, b=2)
        "{} {name}".format(n, name="x")


def counter():
    count = 0

    def step(by=1):
        nonlocal count
        count += by
        return count
    return step


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@logged
def decorated(a, b=1):
    return a + b


@functools.lru_cache(maxsize=128)
def cached(n):
    return n * n


def closures():
    step = counter()
    double = functools.partial(operator.mul, 2)
    compose = lambda f, g: lambda x: f(g(x))
    both = compose(double, step)
    for n in range(1000):
        step()
        both(n)
        decorated(n, b=2)
        cached(n % 200)
        (lambda a, b: a - b)(n, 1)


def tree(depth):
    if depth:
        yield from tree(depth - 1)
        yield depth
        yield from tree(depth - 1)


def running():
    total = 0
    while True:
        value = yield total
        if value is None:
            return total
        total += value


def generators():
    assert sum(tree(8)) == 502
    sums = running()
    next(sums)
    for n in range(500):
        sums.send(n)
    with contextlib.suppress(StopIteration):
        sums.send(None)
    evens = (n for n in range(1000) if n % 2 == 0)
    list(itertools.islice((n * n for n in evens), 300))
    list(zip(range(300), itertools.cycle("abc"), itertools.count()))
    list(itertools.chain.from_iterable([[n, n + 1] for n in range(200)]))
    [key for key, group in itertools.groupby(sorted(n % 7 for n in range(200)))]
    list(map(operator.add, range(300), range(300)))
    list(filter(None, range(300)))
    any(n > 290 for n in range(300)), all(n < 290 for n in range(300))
    list(itertools.permutations(range(4))), list(itertools.product("ab", repeat=4))


class Refused(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def check(n):
    if n % 3 == 0:
        raise Refused(n)
    return n


def exceptions():
    handled = 0
    for n in range(600):
        try:
            check(n)
        except Refused as refused:
            handled += refused.code
        except (KeyError, ValueError):
            raise
        finally:
            handled += 1
        try:
            {}[n]
        except KeyError:
            pass
        try:
            try:
                int("no")
            except ValueError as error:
                raise TypeError("wrong") from error
        except TypeError:
            pass
        try:
            n.nothing
        except AttributeError:
            pass


def shape(item):
    match item:
        case [x, y]:
            return x + y
        case [x, *rest]:
            return x + len(rest)
        case {"kind": "point", "x": x}:
            return x
        case str() as text if len(text) > 1:
            return len(text)
        case int(n) | float(n):
            return n
        case None | True:
            return 0
        case _:
            return -1


@contextlib.contextmanager
def opened(log):
    log.append("in")
    try:
        yield log
    finally:
        log.append("out")


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


def control():
    items = [[1, 2], [1, 2, 3], {"kind": "point", "x": 5}, "text", 7, 2.5, None, ()]
    log = []
    manager = Manager()
    for _ in range(100):
        for item in items:
            shape(item)
        with opened(log):
            pass
        with manager as same, contextlib.suppress(KeyError):
            same is manager
        log.clear()
    total, n = 0, 0
    while True:
        n += 1
        if n > 3000:
            break
        if n % 2:
            continue
        total += n if n % 3 else -n
        if 10 < n <= 20 and not total < 5 or n is None:
            total -= 1


PARTS = [recursion, arguments, closures, generators, exceptions, control]
