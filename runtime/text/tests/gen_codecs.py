"""Record what the reference's codecs do with all kinds of input (tests/data/codecs.txt)."""

import codecs
import random
import warnings

warnings.simplefilter("ignore")
R = random.Random(3)


def dots(s):
    return ".".join(f"{ord(c):x}" for c in s)


DECODERS = {
    "utf8": codecs.utf_8_decode, "u16le": codecs.utf_16_le_decode, "u16be": codecs.utf_16_be_decode,
    "u32le": codecs.utf_32_le_decode, "u32be": codecs.utf_32_be_decode, "utf7": codecs.utf_7_decode,
    "esc": codecs.unicode_escape_decode, "raw": codecs.raw_unicode_escape_decode, "ascii": lambda b, e, last: codecs.ascii_decode(b, e),
}
ENCODERS = {
    "utf8": codecs.utf_8_encode, "u16le": codecs.utf_16_le_encode, "u16be": codecs.utf_16_be_encode,
    "u32le": codecs.utf_32_le_encode, "u32be": codecs.utf_32_be_encode, "utf7": codecs.utf_7_encode,
    "esc": codecs.unicode_escape_encode, "raw": codecs.raw_unicode_escape_encode, "ascii": codecs.ascii_encode,
    "latin1": codecs.latin_1_encode,
}


def note(e):
    e_log.append(f"{e.start}-{e.end}-{e.reason}")
    return ("\ufffd", e.end) if isinstance(e, UnicodeDecodeError) else ("?", e.end)


codecs.register_error("note", note)


def sample(name):
    n = R.randrange(0, 9)
    if name == "utf8":
        return b"".join(R.choice([b"a", bytes([R.randrange(256)]), chr(R.randrange(0x110000)).encode("utf-8", "surrogatepass")[: R.choice([9, 9, 1, 2, 3])],
                                  b"\xed\xa0\x80", b"abcdefghijklmnopqrstuvwxyz0123456789"]) for _ in range(n))
    if name[0] == "u" and name[1] in "13":
        unit = 2 if name[1] == "1" else 4
        order = "little" if name.endswith("le") else "big"
        b = b"".join(R.choice([0x61, 0xD800, 0xDC00, 0xDFFF, 0xDBFF, 0x20AC, R.randrange(0x10000)] + [0x1F600, 0x110000] * (unit == 4)).to_bytes(unit, order) for _ in range(n))
        return b[: len(b) - R.choice([0, 0, 0, 1, 2, 3])]
    if name == "utf7":
        return "".join(R.choice(["a", "+", "-", "A", "AGE", "2AA", "3AA", "/", "!", "~", "\\", "\xe9", "AA", "+AGE-", "+2AA"]) for _ in range(n)).encode("latin-1")
    return "".join(R.choice(["a", "\\", "x", "u", "U", "0001", "00", "4", "N", "{", "}", "SPACE", "{DIGIT ONE}", "n", "8", "777", "\xe9", "\n", "\\x41", "\\u20ac", "\\\\", "0011", "d", "\\N"]) for _ in range(n)).encode("latin-1")


with open("data/codecs.txt", "w") as f:
    for name, decode in DECODERS.items():
        for _ in range(150):
            b = sample(name)
            for last in (True, False):
                e_log = []
                text, used = decode(b, "note", last)
                f.write(f"d\t{name}\t{b.hex()}\t{int(last)}\t{dots(text)}\t{used}\t{';'.join(e_log)}\n")
    for name, encode in ENCODERS.items():
        for _ in range(120):
            s = "".join(R.choice(["a", "+", "-", "/", "~", "\\", "\n", "\0", "\x7f", "\xe9", "\u20ac", "\ud800", "\udfff", "\U0001f600", "B", "!"]) for _ in range(R.randrange(0, 9)))
            e_log = []
            out, used = encode(s, "note")
            f.write(f"e\t{name}\t{dots(s)}\t1\t{out.hex()}\t{used}\t{';'.join(e_log)}\n")
    for _ in range(100):
        b = sample("esc")
        for errors in ("strict", "replace", "ignore"):
            try:
                out = codecs.escape_decode(b, errors)[0].hex()
            except ValueError as e:
                out = "!" + str(e)
            f.write(f"b\t{errors}\t{b.hex()}\t1\t{out}\t0\t\n")
        f.write(f"b\tencode\t{b.hex()}\t1\t{codecs.escape_encode(b)[0].hex()}\t0\t\n")
