"""Record what the reference's regular expressions find (tests/data/sre.txt).

python3.14 gen_sre.py [cases] [seed] [file]
A line is: kind of text, groups, code words, text, then for finditer, match and fullmatch the spans of
each match (all groups) and lastindex.
Patterns come from the reference's own test table if it is there, and from a random grammar.
"""

import random
import re
import re._compiler as compiler
import re._parser as parser
import sys

N = int(sys.argv[1]) if len(sys.argv) > 1 else 1100
R = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
OUT = sys.argv[3] if len(sys.argv) > 3 else "data/sre.txt"


class Gen:
    def __init__(self, wide):
        self.groups = 0
        self.open = set()
        self.atoms = ["a", "b", "c", "ab", "abc", ".", "[ab]", "[^a]", "[a-c]", r"\w", r"\d", r"\s", r"\W", "x", "-", " ", "\n"]
        if wide:
            self.atoms += ["\u00e9", "\u0130", "[\u0430-\u044f]", "[a\u20ac\U0001f600]", "\U0001f600", "[^\u0100-\u2000b]", "\u212a", "\u017f"]

    def atom(self, d):
        k = R.randrange(20)
        if k < 9 or d <= 0:
            return R.choice(self.atoms)
        if k < 12:
            self.groups += 1
            g = self.groups
            self.open.add(g)
            s = f"({self.alt(d - 1)})"
            self.open.discard(g)
            return s
        if k < 14:
            return f"(?:{self.alt(d - 1)})"
        if k == 14:
            return f"(?>{self.alt(d - 1)})"
        if k == 15:
            return f"(?{R.choice('=!')}{self.alt(d - 1)})"
        if k == 16:
            return f"(?<{R.choice('=!')}{R.choice(['a', 'b', 'ab', '[ab]', 'a|b', '.', r'^', r'(?:a|b)c'])})"
        if k == 17:
            return R.choice(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
        closed = [g for g in range(1, self.groups + 1) if g not in self.open]
        if closed:
            g = R.choice(closed)
            if k == 18:
                return f"\\{g}" if R.random() < 0.9 else f"(?i:\\{g})"
            return f"(?({g}){self.seq(d - 1)}|{self.seq(d - 1)})" if R.random() < 0.7 else f"(?({g}){self.seq(d - 1)})"
        return R.choice(self.atoms)

    def piece(self, d):
        s = self.atom(d)
        if R.random() < 0.4 and s not in ("^", "$", r"\b", r"\B", r"\A", r"\Z"):
            if len(s) > 1 and s[0] not in "([\\":
                s = f"(?:{s})"
            s += R.choice(["*", "+", "?", "{1,2}", "{2}", "{0,3}", "{2,}"]) + R.choice(["", "", "", "?", "+"])
        return s

    def seq(self, d):
        return "".join(self.piece(d) for _ in range(R.choice([0, 1, 1, 2, 2, 3])))

    def alt(self, d):
        return "|".join(self.seq(d) for _ in range(R.choice([1, 1, 1, 2, 3])))


def text(wide):
    pool = "aaabbbcccxx-- \nAB1_" + ("\u00e9\u0130\u0131\u0430\u0410\u20ac\U0001f600\u212ak\u017fs\u0661" if wide else "")
    return "".join(R.choice(pool) for _ in range(R.randrange(0, 14)))


def dots(items):
    return ".".join(f"{i:x}" for i in items)


def spans(m):
    return ",".join(f"{a}:{b}" if a >= 0 else "-" for a, b in m.regs) + f"/{m.lastindex or 0}"


def cases():
    try:
        from test.re_tests import tests
        for t in tests:
            yield t[0], t[1], 0, False
            yield t[0], t[1], re.I | re.M, False
    except ImportError:
        pass
    for p, s in [("(?:a|ab)(?:c|bcd)(d*)", "abcd"), ("(a+|b)*?c", "ababc"), ("(?:(a)|b)*", "ab"), (r"(?:(a)|(b)|c)*\2", "abcb"),
                 ("([a-z]+)\\1", "abcabcx"), ("x*", "-x-"), ("(?:){3}", "a"), ("(a?)*?$", "aaa"), ("(?:a?)*+b", "aab"),
                 ("(?:a|b)++c", "abac abc"), (r"(?i)\u212a+", "kK\u212a"), ("(?i)[\u017f]+", "sS\u017f"), ("(?a)\\w+", "a\u00e9b"),
                 (".*?b.*?", "aab\nab"), ("(?s).*", "a\nb"), ("(.*)(\\d+)", "ab123"), ("[^\\n]*\\n", "a\nb\n")]:
        yield p, s, 0, True
    while True:
        wide = R.random() < 0.4
        flags = 0
        for f in (re.I, re.M, re.S, re.A):
            if R.random() < 0.25:
                flags |= f
        yield Gen(wide).alt(3), None, flags, wide


n = 0
with open(OUT, "w") as out:
    for pattern, subject, flags, wide in cases():
        if n >= N:
            break
        try:
            as_bytes = not wide and R.random() < 0.3
            source = pattern.encode("latin-1") if as_bytes else pattern
            parsed = parser.parse(source, flags)
            code = compiler._code(parsed, flags)
            regex = re.compile(source, flags)
        except (re.error, OverflowError, ValueError, UnicodeEncodeError):
            continue
        if any(v > 1000 for v in code[6:] if v < 0x3fffffff and v > 0x110000):
            continue
        for _ in range(1 if subject is not None else 2):
            s = subject if subject is not None else text(wide)
            if as_bytes:
                s = s.encode("latin-1", "replace")
            row = []
            try:
                row.append(";".join(spans(m) for m in regex.finditer(s)) or "none")
                for f in (regex.match, regex.fullmatch):
                    m = f(s)
                    row.append(spans(m) if m else "none")
            except RecursionError:
                continue
            cps = list(s) if as_bytes else list(map(ord, s))
            out.write("\t".join(["b" if as_bytes else "s", str(regex.groups), dots(map(int, code)), dots(cps), *row]) + "\n")
            n += 1
