"""Record checksums of every Unicode property in the reference interpreter (tests/data/unicode.crc).

One CRC-32 for each 4096 code points over one line of text a code point; tests/unicode.rs builds the
same lines.
"""

import struct
import unicodedata as u
import zlib

OLD = u.ucd_3_2_0


def cps(text):
    return ".".join(f"{ord(c):x}" for c in text)


def bits(value):
    return "-" if value is None else struct.pack(">d", value).hex()


def database(db, c):
    return (
        f"{db.category(c)},{db.bidirectional(c)},{db.combining(c)},{db.east_asian_width(c)},{db.mirrored(c)},"
        f"{db.decomposition(c)},{db.decimal(c, -1)},{db.digit(c, -1)},{bits(db.numeric(c, None))}"
    )


def line(i):
    c = chr(i)
    flags = [
        c.isalpha(), c.isdecimal(), c.isdigit(), c.isnumeric(), c.isalnum(), c.isspace(), c.isprintable(), c.isupper(),
        c.islower(), c.istitle(), c.isidentifier(), ("a" + c).isidentifier(), len(f"a{c}b".splitlines()) > 1,
    ]
    forms = [cps(u.normalize(f, c)) for f in ("NFC", "NFKC", "NFD", "NFKD")]
    old_forms = [cps(OLD.normalize(f, c)) for f in ("NFC", "NFKC", "NFD", "NFKD")]
    sigma = [cps(t.lower()) for t in (c + "\u03a3", "A\u03a3" + c, "A" + c + "\u03a3", "A\u03a3" + c + "A")]
    return "|".join(
        [
            database(u, c), database(OLD, c), "".join("01"[f] for f in flags), cps(c.upper()), cps(c.lower()),
            cps(c.title()), cps(c.casefold()), cps(c.swapcase()), u.name(c, ""), *forms, *old_forms, *sigma,
            cps(f"{c}a{c}".title()),
        ]
    )


with open("data/unicode.crc", "w") as f:
    for base in range(0, 0x110000, 4096):
        crc = 0
        for i in range(base, base + 4096):
            crc = zlib.crc32(line(i).encode(), crc)
        f.write(f"{crc:08x}\n")
