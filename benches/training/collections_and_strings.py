"""Lists, dicts, sets, tuples, deques, text and bytes, as programs build and search them."""
import array
import bisect
import collections
import heapq
import io
import random
import string
import struct

WORDS = ("river stone light field morning engine thread cloud paper garden winter signal harbour copper window " * 40).split()
RANDOM = random.Random(7)
NUMBERS = [RANDOM.randrange(10_000) for _ in range(1000)]


def counting():
    counts = {}
    for word in WORDS:
        counts[word] = counts.get(word, 0) + 1
    groups = collections.defaultdict(list)
    for word in WORDS:
        groups[len(word)].append(word)
    collections.Counter(WORDS).most_common(3)
    inverse = {count: word for word, count in counts.items()}
    for word, count in counts.items():
        if word in counts and count in inverse:
            inverse[count] = word.upper()
    merged = {**counts, "other": 1} | {"more": 2}
    merged.update(other=3)
    merged.setdefault("new", []).append(1)
    merged.pop("other"), merged.keys() & counts.keys(), list(merged.values())
    for key in list(merged):
        del merged[key]
    seen = set()
    unique = [word for word in WORDS if not (word in seen or seen.add(word))]
    set(unique) | {"a"} - {"b"} & {"a", "c"} ^ {"d"}, frozenset(unique)


def sequences():
    numbers = NUMBERS[:]
    numbers.sort()
    numbers.sort(key=lambda n: -n)
    sorted(WORDS, key=len), sorted(((n % 10, n) for n in numbers), reverse=True)
    for i in range(1, 60):
        j = i
        while j and numbers[j - 1] > numbers[j]:
            numbers[j - 1], numbers[j] = numbers[j], numbers[j - 1]
            j -= 1
    squares = [n * n for n in numbers if n % 2]
    squares.reverse(), squares.insert(0, 1), squares.extend(numbers), squares.remove(1)
    squares[10:20] = [0] * 5
    first, *middle, last = squares
    flat = [item for row in [[1, 2], [3, 4]] * 100 for item in row]
    pairs = list(enumerate(flat)) + [(a, b) for a, b in zip(flat, flat[1:])]
    tuple(pairs), sum(flat), max(flat), len(pairs[-10:]), pairs.index((0, 1)), (1, 2) in pairs, flat.count(3)
    grid = [[0] * 20 for _ in range(20)]
    for y in range(20):
        for x in range(20):
            grid[y][x] = grid[y - 1][x - 1] + x if x > y else y


def queues():
    graph = {n: [(n * 3 + 1) % 300, (n * 7 + 2) % 300, (n + 1) % 300] for n in range(300)}
    queue, distance = collections.deque([0]), {0: 0}
    while queue:
        node = queue.popleft()
        for other in graph[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    heap, best = [(0, 0)], {}
    while heap:
        cost, node = heapq.heappop(heap)
        if node in best:
            continue
        best[node] = cost
        for other in graph[node]:
            heapq.heappush(heap, (cost + other % 5, other))
    order = []
    for n in NUMBERS[:200]:
        bisect.insort(order, n)
    array.array("d", range(100))[3]
    ordered = collections.OrderedDict.fromkeys(WORDS)
    ordered.move_to_end("river"), collections.ChainMap({}, ordered)["stone"]


def text():
    lines = []
    for n, word in enumerate(WORDS):
        lines.append(f"{n:5d} {word:<10}|{n / 7:.3f}" + " %s-%d" % (word, n))
    joined = "\n".join(lines)
    found = 0
    for line in joined.splitlines():
        head, _, tail = line.partition("|")
        number, word = head.split()
        if word.startswith("s") or tail.endswith("7") or "arb" in word:
            found += int(number)
        word.capitalize().swapcase().replace("o", "0").strip("rR").find("0")
        line.strip().lower().upper().title(), word.isalpha(), number.isdigit(), word[::-1], word[1:-1]
    " ".join(sorted(set(WORDS))).translate(str.maketrans("aeiou", "12345")).encode("utf-8").decode()
    "größer ∑ 漢字".encode("utf-16").decode("utf-16").casefold()
    "{:>8} {!r} {:,}".format("x", "y", 1234567), repr(joined[:100]), string.Template("$a b").substitute(a=1)
    result = ""
    for word in WORDS[:200]:
        result += word + ","
    characters = {}
    for character in joined[:3000]:
        if character == " " or character in string.digits:
            continue
        characters[character] = characters.get(character, 0) + ord(character)


def tokens():
    """A scanner by hand: characters, positions and slices."""
    source = "total = (alpha + 12.5) * beta_2 - gamma[3] / 'text here'  # comment\n" * 15
    at, found = 0, []
    while at < len(source):
        character = source[at]
        start = at
        if character.isspace():
            at += 1
            continue
        if character.isalpha() or character == "_":
            while at < len(source) and (source[at].isalnum() or source[at] == "_"):
                at += 1
            kind = "name"
        elif character.isdigit():
            while source[at].isdigit() or source[at] == ".":
                at += 1
            kind = "number"
        elif character == "'":
            at = source.index("'", at + 1) + 1
            kind = "string"
        elif character == "#":
            at = source.find("\n", at)
            kind = "comment"
        else:
            at += 1
            kind = "operator"
        found.append((kind, source[start:at]))


def binary():
    data = bytes(range(256)) * 8
    view = memoryview(data)
    total = 0
    for offset in range(0, len(data) - 8, 8):
        one, two, three = struct.unpack_from("<IHH", data, offset)
        total += one ^ two ^ three ^ view[offset]
    buffer = bytearray()
    for n in range(300):
        buffer += n.to_bytes(2, "big")
        buffer.append(n & 255)
    int.from_bytes(buffer[:8], "little"), bytes(buffer).hex(), data.find(b"\x10\x11"), data.split(b"\n")
    stream = io.BytesIO(data)
    while chunk := stream.read(64):
        total += chunk[0]
    writer = io.StringIO()
    for word in WORDS[:200]:
        writer.write(word)
    for line in io.StringIO("a line\n" * 100):
        line.rstrip()
    # A reader of bits, most significant first.
    at, bits, held = 0, 0, 0
    for width in [3, 5, 8, 11, 2, 7] * 80:
        while held < width:
            bits, held, at = bits << 8 | data[at], held + 8, at + 1
        held -= width
        value = bits >> held
        bits &= (1 << held) - 1
    assert value >= 0


def grammar():
    """Words that rules make, and their derivations counted by a table."""
    rules = {"A": "AB", "B": "AC", "C": "A"}
    word = "A"
    while len(word) < 2000:
        word = "".join(rules[c] for c in word)
    word = "".join([rules.get(c, c) for c in word])
    one, two = word[:60], word[5:70]
    previous = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(two, 1):
            row.append(min(row[-1] + 1, previous[j] + 1, previous[j - 1] + (a != b)))
        previous = row


PARTS = [counting, sequences, queues, text, tokens, binary, grammar]
