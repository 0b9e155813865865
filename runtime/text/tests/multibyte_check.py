"""Compare every East Asian codec of this interpreter with answers of another.

    python3.14 multibyte_check.py OUT      writes one digest for each block of inputs
    diff OUT.reference OUT.krait

With the name of a codec and a block as further arguments it prints the answers of that block instead.
"""

import codecs
import hashlib
import random
import sys

CODECS = """gb2312 gbk gb18030 hz big5hkscs big5 cp950 shift_jis cp932 euc_jp shift_jis_2004 euc_jis_2004
euc_jisx0213 shift_jisx0213 euc_kr cp949 johab iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004
iso2022_jp_3 iso2022_jp_ext iso2022_kr""".split()
ENCODE = "strict ignore replace xmlcharrefreplace surrogateescape".split()
DECODE = "strict ignore replace surrogateescape".split()
PAIRS = "\u304b\u304d\u304f\u3051\u3053\u30ab\u30ad\u30af\u30b1\u30b3\u30bb\u30c4\u30c8\u31f7\u00e6\u0254\u028c\u0259\u025a\u02e9\u02e5\u00ca\u00ea"
MARKS = "\u309a\u0300\u0301\u02e5\u02e9\u0304\u030c"


def answer(work):
    try:
        return repr(work())
    except UnicodeError as error:
        return str(error)


def incremental(make, data, pieces, method):
    machine, out = make(), []
    for piece in pieces(data):
        out.append(answer(lambda: getattr(machine, method)(piece)))
        out.append(repr(machine.getstate()))
    out.append(answer(lambda: getattr(machine, method)(data[:0], True)))
    out.append(repr(machine.getstate()))
    machine.reset()
    out.append(repr(machine.getstate()))
    return "|".join(out)


def cut(rng):
    def pieces(data):
        at = 0
        while at < len(data):
            step = rng.choice((1, 1, 2, 3, 5))
            yield data[at : at + step]
            at += step

    return pieces


def encode_points(codec):
    """Every code point, with each handler."""
    for base in range(0, 0x110000, 0x1000):
        text = [chr(point) for point in range(base, base + 0x1000)]

        def lines(errors="strict"):
            for char in text:
                yield answer(lambda: char.encode(codec, errors))

        yield f"encode {base:x}", lines()
        if base < 0x30000:
            for errors in ENCODE[1:]:
                yield f"encode {base:x} {errors}", iter([answer(lambda: "".join(text).encode(codec, errors))])


def encode_pairs(codec):
    def lines():
        for first in PAIRS + "a\uac00":
            for second in MARKS + PAIRS + "a\uffff":
                for third in ("", first, second):
                    text = first + second + third
                    for errors in ENCODE:
                        yield answer(lambda: text.encode(codec, errors))
                    make = lambda: codecs.getincrementalencoder(codec)("replace")
                    yield incremental(make, text, list, "encode")

    yield "encode pairs", lines()


def decode_short(codec):
    """All inputs of one and two bytes, and of three and four where a codec has such codes."""
    for lead in range(256):
        def lines(prefix=bytes([lead])):
            for errors in DECODE:
                yield answer(lambda: prefix.decode(codec, errors))
            for trail in range(256):
                data = prefix + bytes([trail])
                for errors in DECODE:
                    yield answer(lambda: data.decode(codec, errors))

        yield f"decode {lead:02x}", lines()
    if codec.startswith("euc_j"):
        for lead in range(256):
            def lines(lead=lead):
                for trail in range(256):
                    for errors in ("strict", "replace"):
                        yield answer(lambda: bytes([0x8F, lead, trail]).decode(codec, errors))

            yield f"decode 8f{lead:02x}", lines()
    if codec == "gb18030":
        for lead in range(0x80, 256):
            def lines(lead=lead):
                for second in range(0x2F, 0x3B):
                    for third in range(0x80, 256) if second != 0x3A else (0x30, 0x81):
                        for last in (0x2F, *range(0x30, 0x3B)):
                            data = bytes([lead, second, third, last])
                            yield answer(lambda: data.decode(codec))
                    yield answer(lambda: bytes([lead, second, 0x7F, 0x30, 0x41]).decode(codec, "replace"))

            yield f"decode {lead:02x} of four", lines()
    if codec == "euc_kr":
        for jamo in range(0xA0, 256):
            def lines(jamo=jamo):
                for place in (3, 5, 7):
                    for other in (0xA1, 0xBF, 0xD4):
                        data = bytearray(b"\xa4\xd4\xa4\xa1\xa4\xbf\xa4\xd4")
                        for at in range(3, 8, 2):
                            if at == place:
                                data[at] = jamo
                            elif other != 0xA1:
                                data[at] = other
                        yield answer(lambda: bytes(data).decode(codec))
                        yield answer(lambda: bytes(data[:-1]).decode(codec, "replace"))
                        data[place - 1] = 0xA5
                        yield answer(lambda: bytes(data).decode(codec, "replace"))

            yield f"decode letter {jamo:02x}", lines()


ESCAPES = [b"\x1b$B", b"\x1b$@", b"\x1b$(D", b"\x1b(J", b"\x1b(I", b"\x1b(B", b"\x1b$A", b"\x1b$(C", b"\x1b$)C"]
ESCAPES += [b"\x1b$(Q", b"\x1b$(O", b"\x1b$(P", b"\x1b.A", b"\x1b.F", b"\x1b.B", b"\x1bN", b"\x0e", b"\x0f", b"\n"]
ESCAPES += [b"~{", b"~}", b"~~", b"~\n", b"~", b"\x1b", b"\x1b$", b"\x1b&@\x1b$B", b"\x1b(B", b"\x1bx", b"\x1b)B"]


def random_text(codec):
    for seed in range(40):
        def lines(seed=seed):
            rng = random.Random(f"{codec} {seed}")
            full = [chr(rng.randrange(*span)) for span in [(0x80, 0x10000)] * 300 + [(0x10000, 0x30000)] * 20]
            good = [c for c in full if not 0xD800 <= ord(c) < 0xE000 and c.encode(codec, "ignore").strip(b"\x0f\x1b()BA$C")]
            good = good or ["\u4e00"]
            for _ in range(12):
                text = "".join(
                    rng.choice((rng.choice(good), rng.choice(full), rng.choice("ab~\n?"), rng.choice(PAIRS), rng.choice(MARKS)))
                    for _ in range(rng.randrange(1, 40))
                )
                for errors in ENCODE:
                    yield answer(lambda: text.encode(codec, errors))
                    make = lambda: codecs.getincrementalencoder(codec)(errors)
                    yield incremental(make, text, cut(rng), "encode")
                data = bytearray(text.encode(codec, "ignore"))
                for spoilt in range(3):
                    for errors in DECODE:
                        whole = bytes(data)
                        yield answer(lambda: whole.decode(codec, errors))
                        make = lambda: codecs.getincrementaldecoder(codec)(errors)
                        yield incremental(make, whole, cut(rng), "decode")
                    for _ in range(rng.randrange(1, 5)):
                        at = rng.randrange(len(data) + 1)
                        data[at : at + rng.randrange(3)] = rng.choice((bytes([rng.randrange(256)]), rng.choice(ESCAPES)))

        yield f"random {seed}", lines()


def escapes(codec):
    if not codec.startswith(("iso2022", "hz")):
        return
    for seed in range(60):
        def lines(seed=seed):
            rng = random.Random(f"{codec} escapes {seed}")
            for _ in range(200):
                parts = []
                for _ in range(rng.randrange(1, 7)):
                    kind = rng.randrange(4)
                    if kind == 0:
                        parts.append(bytes(rng.choice(b"\x1b$()&@NBJCADF.\x0e\x0f!~{}\n 0Aa\x80") for _ in range(rng.randrange(1, 20))))
                    elif kind == 1:
                        parts.append(bytes(rng.randrange(0x20, 0x80) for _ in range(rng.randrange(1, 6))))
                    else:
                        parts.append(rng.choice(ESCAPES))
                data = b"".join(parts)
                for errors in DECODE:
                    yield answer(lambda: data.decode(codec, errors))
                    make = lambda: codecs.getincrementaldecoder(codec)(errors)
                    yield incremental(make, data, cut(rng), "decode")

        yield f"escapes {seed}", lines()


def main():
    out, only = sys.argv[1], sys.argv[2:]
    with open(out, "w", encoding="ascii") as file:
        for codec in CODECS:
            if only and codec != only[0]:
                continue
            for blocks in (encode_points, encode_pairs, decode_short, random_text, escapes):
                for name, lines in blocks(codec):
                    if len(only) < 2:
                        digest = hashlib.sha256("\n".join(map(ascii, lines)).encode()).hexdigest()[:16]
                        print(codec, name, digest, file=file)
                    elif name == only[1]:
                        print(*map(ascii, lines), sep="\n", file=file)


if __name__ == "__main__":
    main()
