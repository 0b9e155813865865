"""Generate src/codecs/multibyte/maps.bin from a reference interpreter.

Run with a CPython 3.14:  python3.14 gen_multibyte.py
The interpreter is asked for every code of every East Asian codec and for every code point; no mapping
file is read.

A map goes from codes of 16 bits to one or two code points.  It is written as what differs from another
map, its base, whose codes a transform may move first.  The way back is the inverse, in which the
smallest code of a code point counts, apart from the exceptions listed.  Layout (numbers are LEB128,
signed ones zigzag):

    count of maps
    for each map: base + 1 (0 for none), transform, byte length of what follows:
        runs, each: codes skipped, then length * 2 + kind
            kind 0: step from the value before to the first; the others follow one by one
            kind 1: for each code the step from the value before
        0 0
        pairs: count, then for each: code, first, second code point
        exceptions: count, then for each: step from the code point before, code (0: none)

The value HOLE stands for a code that is refused whole, GONE for one that the base has and this map not.
"""

import os

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "src", "codecs", "multibyte", "maps.bin")
HOLE, GONE = 0x110000, 0x110001
POINTS = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]


def decoded(codec, data):
    """The text of `data`, or how many bytes are refused."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        assert error.start == 0, (codec, data)
        return 0 if error.reason.startswith("incomplete") else error.end


def encoded(codec, text):
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


class Map:
    def __init__(self, name, base=None, move=0):
        self.name, self.base, self.move = name, base, move
        # Code to a tuple of code points or HOLE; code point to code.
        self.codes, self.points = {}, {}

    def put(self, code, text, width=2):
        if isinstance(text, str):
            assert 1 <= len(text) <= 2 and text != "\0", (self.name, hex(code), text)
            self.codes[code] = tuple(map(ord, text))
        elif text == width:
            self.codes[code] = HOLE

    def inverse(self):
        found = {}
        for code in sorted(self.codes):
            text = self.codes[code]
            if text != HOLE and len(text) == 1:
                found.setdefault(text[0], code)
        return found

    def exceptions(self):
        """What encoding does differently from the inverse. A code point that another map takes first
        is not asked for."""
        inverse = self.inverse()
        for point in sorted(inverse.keys() | self.points.keys()):
            code = self.points.get(point, 0)
            if code is not None and inverse.get(point, 0) != code:
                yield point, code


MAPS = {}


def new(name, base=None, move=0):
    MAPS[name] = Map(name, base, move)
    return MAPS[name]


def stateless(codec, name, base=None, move=0, plane2=None):
    """The codes of one and two bytes of a codec, and those behind 0x8F if `plane2` names a map."""
    this = new(name, base, move)
    second = new(*plane2) if plane2 else None
    for lead in range(256):
        text = decoded(codec, bytes([lead]))
        if text != 0:
            if text != chr(lead) or lead >= 128:
                this.put(lead, text, 1)
            continue
        for trail in range(256):
            data = bytes([lead, trail])
            text = decoded(codec, data)
            this.put(lead << 8 | trail, text)
            if lead == 0x8F and text == 0 and second:
                for last in range(256):
                    second.put(trail << 8 | last, decoded(codec, data + bytes([last])), 3)
    for text in POINTS:
        data = encoded(codec, text)
        point = ord(text)
        if data is None or len(data) > 3 or data == bytes([point & 127]) and point < 128:
            continue
        if len(data) == 3:
            assert data[0] == 0x8F
            second.points[point] = data[1] << 8 | data[2]
            this.points[point] = 0
        else:
            this.points[point] = int.from_bytes(data)
    if second:
        for point in second.inverse():
            if this.points.get(point):
                second.points[point] = None


def four_bytes(codec, name):
    """Codes of four bytes by their place in a list, from 1 on."""
    this = new(name)
    for at in range(4 * 10 * 126 * 10):
        rest, last = divmod(at, 10)
        rest, third = divmod(rest, 126)
        first, second = divmod(rest, 10)
        text = decoded(codec, bytes([0x81 + first, 0x30 + second, 0x81 + third, 0x30 + last]))
        this.put(at + 1, text, -1)
    for text in POINTS:
        data = encoded(codec, text)
        if ord(text) < 0x10000 and data and len(data) == 4:
            first, second, third, last = data
            this.points[ord(text)] = 1 + (((first - 0x81) * 10 + second - 0x30) * 126 + third - 0x81) * 10 + last - 0x30


def designated(name, escape, codecs, width=2, base=None, prefix=b"", top=0):
    """A character set of ISO 2022 or HZ; `codecs` must agree about it."""
    this = new(name, base)
    for codec in codecs:
        seen = {}
        for lead in range(0x21, 0x7F) if width == 2 else range(0x20, 0x80):
            for trail in range(0x21, 0x7F) if width == 2 else [0]:
                data = bytes([lead, trail][:width])
                text = decoded_behind(codec, escape, prefix, data)
                if text:
                    seen[lead << 8 | trail | 0x8080 if width == 2 else lead | top] = text
        codes = {code: tuple(map(ord, text)) for code, text in seen.items()}
        assert not this.codes or this.codes == codes, (name, codec)
        this.codes = codes


def decoded_behind(codec, escape, prefix, data):
    try:
        return (escape + prefix + data).decode(codec)
    except UnicodeDecodeError:
        return None


ISO = {
    "iso2022_kr": [("iso_ksx1001", b"\x1b$)C\x0e")],
    "iso2022_jp": [("iso_jisx0208", b"\x1b$B"), ("iso_jisx0201_r", b"\x1b(J")],
    "iso2022_jp_1": [("iso_jisx0208", b"\x1b$B"), ("iso_jisx0212", b"\x1b$(D"), ("iso_jisx0201_r", b"\x1b(J")],
    "iso2022_jp_2": [
        ("iso_jisx0208", b"\x1b$B"),
        ("iso_jisx0212", b"\x1b$(D"),
        ("iso_ksx1001", b"\x1b$(C"),
        ("iso_gb2312", b"\x1b$(A"),
        ("iso_jisx0201_r", b"\x1b(J"),
    ],
    "iso2022_jp_2004": [
        ("iso_jisx0208", b"\x1b$B"),
        ("iso_jisx0213_2004", b"\x1b$(Q"),
        ("iso_jisx0213_2", b"\x1b$(P"),
    ],
    "iso2022_jp_3": [
        ("iso_jisx0208", b"\x1b$B"),
        ("iso_jisx0213_2000", b"\x1b$(O"),
        ("iso_jisx0213_2000_2", b"\x1b$(P"),
    ],
    "iso2022_jp_ext": [
        ("iso_jisx0208", b"\x1b$B"),
        ("iso_jisx0212", b"\x1b$(D"),
        ("iso_jisx0201_r", b"\x1b(J"),
        ("iso_jisx0201_k", b"\x1b(I"),
    ],
    "hz": [("hz", b"~{")],
}


def encode_designated():
    """Which code of which set each codec takes. Answers of different codecs must not contradict."""
    for codec, sets in ISO.items():
        for text in POINTS[128:]:
            data, point, taken = encoded(codec, text), ord(text), False
            for name, escape in sets:
                this, code = MAPS[name], None
                if not taken and data is not None and data.startswith(escape):
                    taken, rest = True, data[len(escape) :]
                    code = int.from_bytes(rest[:2]) | 0x8080 if rest[1:2] not in (b"\x1b", b"") else rest[0]
                    if name == "iso_jisx0201_k":
                        code |= 0x80
                elif not taken and point in this.ways:
                    code = 0
                if code is not None:
                    old = this.points.setdefault(point, code)
                    assert old == code, (codec, name, hex(point), old, code)
    for codec, sets in ISO.items():
        for name, _ in sets:
            this = MAPS[name]
            for point in this.ways:
                this.points.setdefault(point, None)


def moved(base, move):
    """The codes of a base map where the transform puts them, which lib.rs does the same way."""
    out = {}
    for code, text in base.items():
        lead, trail = code >> 8, code & 255
        if move and (lead < 0xA1 or trail < 0xA1):
            continue
        row, cell = lead - 0xA1, trail - 0xA1
        if move == 1:  # Shift JIS
            lead = 0x81 + row // 2
            lead += 0x40 if lead > 0x9F else 0
            trail = cell + 0x40 + 94 * (row % 2)
            trail += trail > 0x7E and row % 2 == 0 or row % 2 == 1
            code = lead << 8 | trail
        elif move == 2:  # Johab
            if row == 3 or not (row < 13 or 41 <= row < 94):
                continue
            pair = row if row < 13 else row - 41
            lead = (0xD9 if row < 13 else 0xE0) + pair // 2
            at = cell + 94 * (pair % 2)
            code = lead << 8 | (0x31 + at if at < 78 else 0x91 + at - 78)
        out[code] = text
    return out


def number(value, signed=False):
    if signed:
        value = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return out


def runs(values):
    """The runs of a dict from code to value."""
    out, at, before = bytearray(), 0, 0
    codes = sorted(values)
    start = 0
    while start < len(codes):
        end = start + 1
        while end < len(codes) and codes[end] == codes[end - 1] + 1:
            end += 1
        segment = [values[code] for code in codes[start:end]]
        out_gap, here = codes[start] - at, 0
        while here < len(segment):
            length = lambda k: next(
                (n for n in range(1, len(segment) - k) if segment[k + n] != segment[k] + n), len(segment) - k
            )
            n = length(here)
            if n >= 3:
                out += number(out_gap) + number(n * 2) + number(segment[here] - before, True)
                before = segment[here] + n - 1
            else:
                n = 1
                while here + n < len(segment) and length(here + n) < 4:
                    n += 1
                out += number(out_gap) + number(n * 2 + 1)
                for value in segment[here : here + n]:
                    out += number(value - before, True)
                    before = value
            here, out_gap = here + n, 0
        at, start = codes[end - 1] + 1, end
    return out + b"\0\0"


def section(this):
    base = moved(MAPS[this.base].codes, this.move) if this.base else {}
    values, pairs = {}, []
    for code in this.codes.keys() | base.keys():
        new, old = this.codes.get(code), base.get(code)
        if new == old:
            continue
        if new is None:
            values[code] = GONE
        elif new == HOLE:
            values[code] = HOLE
        elif len(new) == 1:
            values[code] = new[0]
        else:
            pairs.append((code, *new))
    out = runs(values) + number(len(pairs))
    for pair in sorted(pairs):
        out += b"".join(map(number, pair))
    exceptions, before = list(this.exceptions()), 0
    out += number(len(exceptions))
    for point, code in exceptions:
        out += number(point - before) + number(code)
        before = point
    print(f"{this.name:20} {len(this.codes):6} codes, {len(values):6} own, {len(pairs):3} pairs, "
          f"{len(exceptions):5} exceptions, {len(out):6} bytes")
    return out


def main():
    stateless("gb2312", "gb2312")
    stateless("gbk", "gbk", "gb2312")
    stateless("gb18030", "gb18030", "gbk")
    four_bytes("gb18030", "gb18030_four")
    stateless("big5", "big5")
    stateless("cp950", "cp950", "big5")
    stateless("big5hkscs", "big5hkscs", "big5")
    stateless("euc_kr", "euc_kr")
    stateless("cp949", "cp949", "euc_kr")
    stateless("johab", "johab", "euc_kr", 2)
    stateless("euc_jp", "euc_jp", plane2=("euc_jp_2",))
    stateless("shift_jis", "shift_jis", "euc_jp", 1)
    stateless("cp932", "cp932", "shift_jis")
    stateless("euc_jis_2004", "euc_jis_2004", "euc_jp", plane2=("euc_jis_2004_2", "euc_jp_2"))
    stateless("euc_jisx0213", "euc_jisx0213", "euc_jis_2004", plane2=("euc_jisx0213_2", "euc_jis_2004_2"))
    stateless("shift_jis_2004", "shift_jis_2004", "euc_jis_2004", 1)
    stateless("shift_jisx0213", "shift_jisx0213", "shift_jis_2004")
    bases = {
        "iso_ksx1001": "euc_kr",
        "iso_jisx0208": "euc_jp",
        "iso_jisx0212": "euc_jp_2",
        "iso_gb2312": "gb2312",
        "hz": "gb2312",
        "iso_jisx0213_2004": "euc_jis_2004",
        "iso_jisx0213_2000": "euc_jisx0213",
        "iso_jisx0213_2000_2": "iso_jisx0213_2",
    }
    names = {name: escape for sets in ISO.values() for name, escape in sets}
    for name in names:
        users = [(codec, escape) for codec, sets in ISO.items() for n, escape in sets if n == name]
        for codec, escape in users:
            single = name.startswith("iso_jisx0201")
            before = MAPS.pop(name, None)
            designated(name, escape, [codec], 1 if single else 2, bases.get(name), top=0x80 if name.endswith("_k") else 0)
            assert before is None or before.codes == MAPS[name].codes, name
    # The upper half of ISO 8859-7 in G2.
    this = new("iso_8859_7")
    for byte in range(0x20, 0x80):
        text = decoded_behind("iso2022_jp_2", b"\x1b.F", b"\x1bN", bytes([byte]))
        if text is not None and text != "\x1bN" + chr(byte):
            this.put(byte | 0x80, text, 1)
    this.points = dict.fromkeys(this.inverse())
    for this in MAPS.values():
        this.ways = this.inverse()
    encode_designated()
    order = list(MAPS)
    out = number(len(order))
    for name in order:
        this = MAPS[name]
        body = section(this)
        out += number(order.index(this.base) + 1 if this.base else 0) + number(this.move) + number(len(body)) + body
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "wb") as file:
        file.write(out)
    print(len(out), "bytes:", ", ".join(order))


if __name__ == "__main__":
    main()
