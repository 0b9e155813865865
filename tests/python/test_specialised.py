"""Instructions take their specialised forms, and are right when what they meet changes."""
import dis


def forms(function, *arguments):
    """The opcodes of a function that has run a hundred times."""
    for _ in range(100):
        function(*arguments)
    return {instruction.opname for instruction in dis.get_instructions(function, adaptive=True)}


class Base:
    kind = "base"

    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value


class Left(Base):
    pass


class Right(Base):
    def get(self):
        return -self.value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value * 2


def numbers(a, b):
    return a & b, a | b, a ^ b, a << b, a >> b


def mixed(x, n):
    return x / n, x * n, n - x


def attribute(objects):
    return [each.value for each in objects]


def method(objects):
    return [each.get() for each in objects]


def call(function, argument):
    return function(argument)


table = [1, 2, 3]


def name():
    return table[1]


# Arithmetic of machine words.
assert "BINARY_OP_EXTEND" in forms(numbers, 6, 3)
assert numbers(6, 3) == (2, 7, 5, 48, 0)
assert numbers(1 << 80, 3) == (0, (1 << 80) + 3, (1 << 80) + 3, 1 << 83, 1 << 77)
assert numbers(True, False) == (False, True, True, 1, 1)
try:
    numbers(1, -1)
except ValueError as error:
    assert str(error) == "negative shift count", error
assert "BINARY_OP_EXTEND" in forms(mixed, 1.5, 2)
assert mixed(1.5, 2) == (0.75, 3.0, 0.5)
for n in (0, 0.0):
    try:
        mixed(1.5, n)
    except ZeroDivisionError as error:
        assert "division by zero" in str(error), error
for a in (-7, -6, -1, 0, 1, 6, 7):
    for b in (-3, -2, -1, 1, 2, 3):
        quotient, rest = (lambda x, y: (x // y, x % y))(a, b)
        assert quotient * b + rest == a and abs(rest) < abs(b) and (rest == 0 or (rest > 0) == (b > 0)), (a, b)

# One class, then several at the same place.
assert "LOAD_ATTR_INSTANCE_VALUE" in forms(attribute, [Base(1)])
several = [Base(1), Left(2), Right(3), Slotted(4)]
for _ in range(100):
    assert attribute(several) == [1, 2, 3, 4]
assert "LOAD_ATTR_METHOD_WITH_VALUES" in forms(method, [Base(1)])
for _ in range(100):
    assert method(several) == [1, 2, -3, 8]
Left.get = lambda self: "changed"
assert method(several) == [1, "changed", -3, 8]
several[1].get = lambda: "own"
assert method(several) == [1, "own", -3, 8]
del several[0].value
try:
    attribute(several)
except AttributeError as error:
    assert str(error) == "'Base' object has no attribute 'value'", error
else:
    raise AssertionError("the attribute is gone")
many = [type(f"C{n}", (Base,), {})(n) for n in range(20)]
for _ in range(20):
    assert attribute(many) == list(range(20)) == method(many)

# Any function of the right shape.
assert "CALL_PY_EXACT_ARGS" in forms(call, lambda x: x, 1)
for _ in range(100):
    assert call(lambda x: x + 1, 1) == 2
    assert call(lambda x, y=2: x + y, 1) == 3
    assert call(lambda *x: x, 1) == (1,)
    assert call(several[2].get.__func__, several[2]) == -3

# Defaults stand in for arguments, whatever the function that comes next.
def two(a, b=2, c=3):
    return a, b, c


def call(function, argument):
    return function(argument)


assert "CALL_PY_GENERAL" in forms(call, two, 1)
for _ in range(100):
    assert call(two, 1) == (1, 2, 3)
    assert call(lambda x: x + 1, 1) == 2
    assert call(lambda x, y=[]: y, 1) == []
    assert call(Base(7).get.__func__, Base(8)) == 8
two.__defaults__ = (5, 6)
assert call(two, 1) == (1, 5, 6)
two.__defaults__ = (6,)
try:
    call(two, 1)
except TypeError as error:
    assert str(error) == "two() missing 1 required positional argument: 'b'", error
else:
    raise AssertionError("an argument is missing")
two.__defaults__ = (5, 6)
try:
    (lambda: two(1, 2, 3, 4))()
except TypeError as error:
    assert str(error) == "two() takes from 1 to 3 positional arguments but 4 were given", error


def kind(value):
    return type(value)


def half(value):
    return value.half


class Halved(Base):
    @property
    def half(self):
        return self.value / 2


class Holder(Exception):
    def get(self):
        return self.args


def got(objects):
    return [each.get() for each in objects]


assert "CALL_TYPE_1" in forms(kind, 1) and kind(Base(1)) is Base and kind(kind) is type(forms)
assert kind(type("Fresh", (), {})()).__name__ == "Fresh"
assert "LOAD_ATTR_PROPERTY" in forms(half, Halved(1)) and half(Halved(5)) == 2.5
assert "LOAD_ATTR_METHOD_LAZY_DICT" in forms(got, [Holder(1)]) and got([Holder(1, 2)]) == [(1, 2)]


def spread(function, arguments):
    return function(*arguments)


for _ in range(100):
    assert spread(two, (1,)) == (1, 5, 6) and spread(two, [1, 2, 3]) == (1, 2, 3)
    assert spread(max, (1, 3, 2)) == 3 and spread(Base, (4,)).value == 4 and spread(several[2].__class__.get, (Base(9),)) == -9
    assert spread(lambda *rest: rest, tuple(range(40))) == tuple(range(40)) and spread(dict, ()) == {}

# Globals by their place in the table.
assert "LOAD_GLOBAL_MODULE" in forms(name) and "BINARY_OP_SUBSCR_LIST_INT" in forms(name)
table = [4, 5, 6]
assert name() == 5
for n in range(100):
    globals()[f"more{n}"] = n
assert name() == 5
del table
try:
    name()
except NameError as error:
    assert str(error) == "name 'table' is not defined", error
# Generators that nobody would see end, and those that notice.
seen = []


def plain():
    held = Base(0)
    yield held
    yield 2


def careful():
    try:
        yield 1
    except GeneratorExit:
        seen.append("exit")
        raise
    finally:
        seen.append("finally")


def outer():
    try:
        yield from careful()
    finally:
        seen.append("outer")


for make, expected in ((plain, []), (careful, ["exit", "finally"]), (outer, ["exit", "finally", "outer"])):
    generator = make()
    next(generator)
    assert generator.close() is None and generator.gi_frame is None
    assert seen == expected, seen
    seen.clear()
    try:
        next(generator)
    except StopIteration:
        pass
    del generator
assert any(n for n in range(5)) and next(n for n in range(3)) == 0


# Classes with `__getattr__`, and with a class of their own.
class Hooked(Base):
    kind = "hooked"

    @property
    def half(self):
        if self.value is None:
            raise AttributeError("no value")
        return self.value / 2

    def __getattr__(self, name):
        return f"no {name}"


def kind_of(value):
    return value.kind


def value_of(each):
    return each.value


def got_by(each):
    return each.get()


hooked = Hooked(3)
assert "LOAD_ATTR_INSTANCE_VALUE" in forms(value_of, hooked) and "LOAD_ATTR_METHOD_WITH_VALUES" in forms(got_by, hooked)
assert "LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES" in forms(kind_of, hooked) and kind_of(hooked) == "hooked"
assert "LOAD_ATTR_PROPERTY" not in forms(lambda each: each.half, hooked)
for _ in range(100):
    assert (hooked.half, hooked.missing) == (1.5, "no missing") and value_of(hooked) == got_by(hooked) == 3
hooked.value = None
assert hooked.half == "no half"
del hooked.value
assert value_of(hooked) == "no value"
Hooked.__getattribute__ = lambda self, name: "all"
assert value_of(hooked) == "all" and kind_of(hooked) == "all"
del Hooked.__getattribute__, Hooked.__getattr__
assert kind_of(hooked) == "hooked"


class Meta(type):
    pass


class Made(metaclass=Meta):
    kind = "made"


def kind_of_class(value):
    return value.kind


assert "LOAD_ATTR_CLASS" in forms(kind_of_class, Made) and kind_of_class(Base) == "base"
assert "LOAD_ATTR_CLASS" in forms(kind_of_class, Made)
Meta.kind = property(lambda cls: "by the metaclass")
assert kind_of_class(Made) == "by the metaclass"
del Meta.kind
assert kind_of_class(Made) == "made"


# Loops, and lists that change under them.
def walk(items):
    count = 0
    for item in items:
        count += 1
        if item == "grow":
            items.append(1)
    return count


assert "FOR_ITER_LIST" in forms(walk, [1, 2]) and walk([1, "grow", "grow"]) == 5 and walk([]) == 0
assert "FOR_ITER_TUPLE" in forms(lambda items: [item for item in items], (1, 2))


# Pairs are handed out again once they were unpacked, and stay what they are when somebody keeps them.
for make in (lambda: enumerate("abc"), lambda: zip(range(3), "abc"), lambda: dict(enumerate("abc")).items()):
    assert list(make()) == [(0, "a"), (1, "b"), (2, "c")]
    assert [(n, c) for n, c in make()] == [(0, "a"), (1, "b"), (2, "c")]
    assert len({id(pair) for pair in make()}) < 3
    kept = []
    for n, pair in enumerate(make()):
        if n != 1:
            kept.append(pair)
            assert hash(pair) == hash((n, "abc"[n]))
    assert kept == [(0, "a"), (2, "c")]
pairs = iter(make())
first = next(pairs)
hash(first)
assert first == (0, "a") and next(pairs) == (1, "b") and first == (0, "a")


# A float that only the stack holds becomes the result; others stay.
def formula(x, y):
    z = x * y
    return (x + y) * (x - y) + z * 2.0 - (y - (x * 2.0)), z


assert "BINARY_OP_MULTIPLY_FLOAT" in forms(formula, 1.5, 2.5)
x, y = 1.5, 2.5
assert formula(x, y) == ((1.5 + 2.5) * (1.5 - 2.5) + 3.75 * 2.0 - (2.5 - 3.0), 3.75) and (x, y) == (1.5, 2.5)


def unpack(items):
    a, b, c = items
    return c, b, a


assert "UNPACK_SEQUENCE_LIST" in forms(unpack, [1, 2.5, "x"]) and unpack([1, 2.5, "x"]) == ("x", 2.5, 1)
for items in ([1, 2], [1, 2, 3, 4]):
    try:
        unpack(items)
    except ValueError as error:
        assert "values to unpack (expected 3" in str(error), error
    else:
        raise AssertionError("not three")


# Subscripts by a method in Python.
class Table:
    def __getitem__(self, key):
        if key == "bad":
            raise KeyError(key)
        return key, self


class Default:
    def __getitem__(self, key, more=3):
        return more


def item(container, key):
    return container[key]


for _ in range(2):
    table = Table()
    assert "BINARY_OP_SUBSCR_GETITEM" in forms(item, table, 1) and item(table, 2) == (2, table)
    assert item([5], 0) == 5 and item({1: 2}, 1) == 2 and item(Default(), 0) == 3 and item("abc", 1) == "b"
try:
    item(table, "bad")
except KeyError as error:
    assert error.__traceback__.tb_next.tb_next.tb_frame.f_code is Table.__getitem__.__code__
else:
    raise AssertionError("it raises")
Table.__getitem__ = len
try:
    item(table, 1)
except TypeError:
    pass
else:
    raise AssertionError("len takes one argument")
del Table.__getitem__
try:
    item(table, 1)
except TypeError as error:
    assert str(error) == "'Table' object is not subscriptable", error
else:
    raise AssertionError("there is no method")


def character(text, at):
    return text[at]


assert "BINARY_OP_SUBSCR_STR_INT" in forms(character, "text", 1)
assert [character("t\xe9\u4e2d\U0001f600", at) for at in (0, 1, 2, 3, -4, -1, True)] == [*"t\xe9\u4e2d\U0001f600t\U0001f600\xe9"]
assert character([7], 0) == 7
for at in (4, -5, 1 << 70):
    try:
        character("text", at)
    except IndexError:
        pass
    else:
        raise AssertionError(at)


# Powers and integers of a few words.
def powers(a, b):
    return a**b


assert "BINARY_OP_EXTEND" in forms(powers, 3, 4)
assert [powers(*pair) for pair in ((3, 4), (-2, 3), (2, 200), (2, -1), (0, 0))] == [81, -8, 1 << 200, 0.5, 1]
assert [powers(*pair) for pair in ((1.5, 2), (-1.5, 3), (4.0, 0.5), (0.0, 3), (2, 0.5))] == [2.25, -3.375, 2.0, 0.0, 2**0.5]
assert isinstance(powers(-8.0, 0.5), complex)
for base, error in ((1e200, OverflowError), (0.0, ZeroDivisionError)):
    try:
        powers(base, 2 if base else -1)
    except error:
        pass
    else:
        raise AssertionError(base)
words = [sign * (1 << bits) + more for sign in (1, -1) for bits in (0, 29, 30, 31, 59, 60, 90, 119, 120) for more in (-1, 0, 1)]
for a in words:
    for b in words:
        assert (a + b) - b == a and (a - b) + b == a and (b == 0 or a * b // b == a), (a, b)
        if b:
            quotient, rest = divmod(a, b)
            assert quotient * b + rest == a and (a // b, a % b) == (quotient, rest), (a, b)
            assert abs(rest) < abs(b) and (rest == 0 or (rest > 0) == (b > 0)), (a, b)

# Lists compare by items that may do anything.
class Equal:
    def __eq__(self, other):
        return True


nan = float("nan")
assert [1, "a", nan] == [1, "a", nan] and [nan] != [float("nan")] and [1, 2.0, Equal()] == [1, 2, 7]
assert [1, 2, 3] < [1, 2, 4] and not [1, 2] > [1, 2] and [1, 2] <= [1, 2] and [] < [0] and [1] != [1, 1]
assert (*[1, 2],) == tuple([1, 2]) == (1, 2) and tuple([]) == ()
assert (min(3, 4), min(4, 3), max(3, 4), max("b", "a"), min(2, 2.0), max(2.0, 2)) == (3, 3, 4, "b", 2, 2.0)
print("test_specialised: ok")
