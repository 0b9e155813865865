"""Classes: attributes, methods, properties, slots, inheritance, operators, dataclasses, enumerations, protocols."""
import abc
import collections
import copy
import dataclasses
import enum
import functools
import typing
import weakref


class Task:
    """A task of a small scheduler with queues and priorities."""
    made = 0

    def __init__(self, name, priority, work):
        self.name = name
        self.priority = priority
        self.work = work
        self.waiting = False
        self.inbox = []
        Task.made += 1

    def run(self, scheduler):
        raise NotImplementedError

    def is_done(self):
        return self.work <= 0


class Worker(Task):
    def run(self, scheduler):
        self.work -= 1
        if self.inbox:
            self.inbox.pop()
        if self.work % 3 == 0:
            scheduler.send(self, Message(self, self.work))


class Idler(Task):
    def __init__(self, name, priority, work=50):
        super().__init__(name, priority, work)
        self.state = 1

    def run(self, scheduler):
        self.work -= 1
        self.state = self.state * 5 % 257
        self.waiting = not self.waiting


class Message:
    __slots__ = ("sender", "content", "next")

    def __init__(self, sender, content, next=None):
        self.sender = sender
        self.content = content
        self.next = next


class Scheduler:
    def __init__(self):
        self.tasks = []
        self.sent = 0

    def add(self, task):
        self.tasks.append(task)
        return self

    def send(self, sender, message):
        for task in self.tasks:
            if task is not sender and not task.waiting:
                task.inbox.append(message)
                self.sent += 1
                return

    def run(self):
        while self.tasks:
            for task in self.tasks:
                task.run(self)
            self.tasks = [task for task in self.tasks if not task.is_done()]


def scheduling():
    scheduler = Scheduler()
    for n in range(6):
        scheduler.add(Worker(f"worker {n}", n, 60)).add(Idler("idler", n))
    scheduler.run()


class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x=0.0, y=0.0):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, by):
        return Vector(self.x * by, self.y * by)

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def __hash__(self):
        return hash((self.x, self.y))

    def __lt__(self, other):
        return self.x < other.x

    def __len__(self):
        return 2

    def __getitem__(self, at):
        return self.y if at else self.x

    def __iter__(self):
        yield self.x
        yield self.y

    def __bool__(self):
        return self.x != 0

    def __repr__(self):
        return f"Vector({self.x!r}, {self.y!r})"

    @property
    def length(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5

    @classmethod
    def of(cls, pair):
        return cls(*pair)

    @staticmethod
    def zero():
        return Vector()


def operators():
    points = [Vector(n * 7 % 13, n) for n in range(60)]
    centre = Vector.zero()
    for point in points:
        centre = centre + (point - centre) * 0.1
        centre.length, len(point), point[1], bool(point), hash(point), point == centre
        x, y = point
        Vector.of((x, y))
    sorted(points), repr(points), min(points), points.index(points[-1]), len(set(points))


class Cell:
    """A node of a network of one-way constraints."""

    def __init__(self, value, sources=()):
        self.value = value
        self.sources = list(sources)
        self.users = []
        self.mark = 0
        for source in self.sources:
            source.users.append(self)

    def update(self, mark):
        if self.mark == mark:
            return self.value
        self.mark = mark
        if self.sources:
            self.value = self.compute()
        for user in self.users:
            user.update(mark)
        return self.value

    def compute(self):
        return sum([source.value for source in self.sources])


class Scaled(Cell):
    factor = 2

    def compute(self):
        return super().compute() * self.factor % 1009


def constraints():
    first = Cell(1)
    cells = [first]
    for n in range(80):
        cells.append((Scaled if n % 3 else Cell)(0, {cells[-1], cells[n // 2]}))
    for mark in range(1, 8):
        first.value = mark
        first.update(mark)


class Node:
    def __init__(self, key):
        self.key = key
        self.left = self.right = None

    def insert(self, key):
        node = self
        while True:
            side = "left" if key < node.key else "right"
            below = getattr(node, side)
            if below is None:
                setattr(node, side, Node(key))
                return
            node = below

    def __iter__(self):
        if self.left is not None:
            yield from self.left
        yield self.key
        if self.right is not None:
            yield from self.right


def trees():
    root = Node(500)
    key = 1
    for _ in range(200):
        key = key * 331 % 1009
        root.insert(key)
    assert len(list(root)) == 201
    weakref.ref(root)()


@dataclasses.dataclass
class Item:
    name: str
    price: float = 1.0
    tags: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, order=True)
class Point:
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


class Rights(enum.IntFlag):
    READ = 4
    WRITE = 2


Pair = collections.namedtuple("Pair", "first second")


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side ** 2

    def __getattr__(self, name):
        if name == "colour":
            return Colour.RED
        raise AttributeError(name)


@typing.runtime_checkable
class Sized(typing.Protocol):
    def area(self): ...


class Record(typing.NamedTuple):
    name: str
    size: int = 0


@functools.singledispatch
def describe(value):
    return "object"


@describe.register
def _(value: int):
    return "int"


@describe.register
def _(value: list):
    return "list"


def library_classes():
    for n in range(60):
        item = Item("thing", 2.0 * n)
        dataclasses.replace(item, price=1.0)
        item == Item("thing"), repr(item)
        Point(n, 1) < Point(n, 2), hash(Point(1, n))
        Colour(n % 3 + 1).name, Colour["RED"] is Colour.RED, Rights.READ | Rights.WRITE in Rights.READ
        pair = Pair(n, 2)
        pair.first + pair[1], pair._replace(first=1)
        square = Square(n)
        square.area(), square.colour, hasattr(square, "weight"), getattr(square, "height", 0)
        isinstance(square, Shape), isinstance(square, Sized), isinstance(n, (str, bytes)), issubclass(Square, Shape)
        isinstance([], collections.abc.Sequence), isinstance({}, collections.abc.Mapping)
        describe(n), describe([]), describe("")
        Record("x", n).size
        copy.copy(square), copy.deepcopy([item, pair])
    typing.get_type_hints(Item), typing.Optional[int], list[int], int | None
    type("Made", (Square,), {"extra": 1})(2).extra


PARTS = [scheduling, operators, constraints, trees, library_classes]
