"""Methods of str over all widths, and of bytes and bytearray."""

RANGES = {
    "ascii": [(0x20, 0x7F), (0x61, 0x7B), (0x09, 0x0E)],
    "latin": [(0x20, 0x7F), (0xA0, 0x100), (0xB5, 0xB6), (0xDF, 0xE0)],
    "bmp": [(0x61, 0x7B), (0x370, 0x400), (0x4E00, 0x4E20), (0x1E00, 0x2000), (0x2028, 0x202A), (0x300, 0x330), (0xFB00, 0xFB07)],
    "wide": [(0x61, 0x7B), (0x10400, 0x10450), (0x1F600, 0x1F620), (0x1D7C0, 0x1D800), (0x3B1, 0x3C9)],
    "odd": [(0xD800, 0xE000), (0x61, 0x64), (0x10FFF0, 0x110000), (0xFFF0, 0x10000), (0x0, 0x3)],
}
ENCODINGS = "utf-8 utf-16 utf-16-le utf-32-be utf-7 ascii latin-1 cp1252 raw_unicode_escape unicode_escape utf-8-sig idna punycode".split()
ERRORS = "strict ignore replace backslashreplace surrogateescape surrogatepass".split()


def string(rng, kind=None, most=24):
    ranges = RANGES[kind or rng.choice(list(RANGES))]
    out = [chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(most))]
    if out and rng.random() < 0.3:
        out *= rng.randrange(1, 4)
    return "".join(out)


def part(rng, text):
    """Likely a part of the text."""
    if text and rng.random() < 0.7:
        at = rng.randrange(len(text))
        return text[at : at + rng.choice((1, 1, 2, 4))]
    return string(rng, most=3)


def places(rng, text):
    place = lambda: rng.choice((None, 0, -1, rng.randrange(-30, 30), len(text), 1 << 70))
    return rng.choice(((), (place(),), (place(), place())))


PLAIN = """capitalize casefold lower upper swapcase title isalnum isalpha isascii isdecimal isdigit isidentifier
islower isnumeric isprintable isspace istitle isupper strip lstrip rstrip split rsplit splitlines expandtabs
__repr__ __len__ __hash__""".split()
BYTES = """capitalize lower upper swapcase title isalnum isalpha isascii isdigit islower isspace istitle isupper strip
lstrip rstrip split rsplit splitlines expandtabs hex __repr__ __len__""".split()


def method(rng, text, plain, piece, as_text):
    """A method and arguments for it; `piece` makes a part of the text, `as_text` converts from str."""
    kind = rng.randrange(12)
    if kind == 0:
        return rng.choice(plain), ()
    if kind == 1:
        return rng.choice(("find", "rfind", "index", "rindex", "count")), (piece(), *places(rng, text))
    if kind == 2:
        tail = places(rng, text)
        choices = (piece(), (piece(), piece()), ())
        return rng.choice(("startswith", "endswith")), (rng.choice(choices), *tail)
    if kind == 3:
        return "replace", (piece(), piece(), *rng.choice(((), (rng.randrange(-1, 4),))))
    if kind == 4:
        return rng.choice(("split", "rsplit")), (rng.choice((piece(), None)), rng.randrange(-1, 4))
    if kind == 5:
        return rng.choice(("partition", "rpartition", "removeprefix", "removesuffix", "__contains__")), (piece(),)
    if kind == 6:
        return rng.choice(("strip", "lstrip", "rstrip")), (piece() + piece(),)
    if kind == 7:
        return rng.choice(("center", "ljust", "rjust")), (rng.randrange(-2, 40), *rng.choice(((), (piece()[:1] or as_text("*"),))))
    if kind == 8:
        return "zfill", (rng.randrange(-2, 30),)
    if kind == 9:
        return "join", ([piece() for _ in range(rng.randrange(5))],)
    if kind == 10:
        return rng.choice(("splitlines", "expandtabs")), (rng.randrange(3),)
    return rng.choice(("__eq__", "__lt__", "__ge__", "__add__", "__getitem__", "__mul__")), (
        rng.choice((piece(), text, rng.randrange(-4, 4))),
    )


def case(rng):
    text = string(rng)
    kind = rng.randrange(10)
    if kind <= 5:
        name, args = method(rng, text, PLAIN, lambda: part(rng, text), str)
        return f"{text!a}.{name}{args!a}", lambda: getattr(text, name)(*args)
    if kind <= 7:
        data = text.encode("utf-8", "surrogatepass")
        data = rng.choice((data, rng.randbytes(rng.randrange(20)), bytearray(data)))

        def piece():
            at = rng.randrange(len(data) + 1)
            return bytes(data[at : at + rng.choice((1, 1, 2))])

        if kind == 7:
            encoding, errors = rng.choice(ENCODINGS), rng.choice(ERRORS)
            return f"{data!a}.decode({encoding}, {errors})", lambda: data.decode(encoding, errors)
        name, args = method(rng, data, BYTES, piece, str.encode)
        return f"{data!a}.{name}{args!a}", lambda: getattr(data, name)(*args)
    if kind == 8:
        encoding, errors = rng.choice(ENCODINGS), rng.choice(ERRORS + ["xmlcharrefreplace", "namereplace"])
        return f"{text!a}.encode({encoding}, {errors})", lambda: text.encode(encoding, errors)
    other, width = string(rng), rng.randrange(30)
    choice = rng.randrange(5)
    if choice == 0:
        table = {ord(c): rng.choice((None, "xy", 0x4E00, "\U0001f600", "")) for c in text[::3]}
        return f"{text!a}.translate({table!a})", lambda: text.translate(table)
    if choice == 1:
        spec = rng.choice(("", "*", "\u4e00")) + rng.choice("<>^") + str(width) + rng.choice(("", f".{width // 2}")) + rng.choice(("", "s"))
        return f"format({text!a}, {spec!a})", lambda: format(text, spec)
    if choice == 2:
        template = rng.choice(("%s|%r|%a|%5.3s", "%%%s%-9s%.2r%s", "{}|{!r}|{!a:>9}|{:^12.4}", "{3}{0}{1!s:x<9}{2}", "%s %d %s %s", "{0.x}", "{[0]}{}{}{}"))
        return f"{template} of {text!a} {other!a}", lambda: (
            template % (text, other, text, other) if "%" in template else template.format(text, other, text, other)
        )
    if choice == 3:
        return f"{text!a} against {other!a}", lambda: (text < other, text <= other, text == other, text + other, other in text, max(text + other), sorted(text)[:3])
    return f"maketrans({text!a}, {other!a})", lambda: str.maketrans(text, other, part(rng, text))
