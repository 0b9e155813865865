"""The library's own Python: parsers, writers, templates, archives, imports, the compiler."""
import argparse
import ast
import base64
import collections
import configparser
import copy
import csv
import datetime
import difflib
import email
import fnmatch
import hashlib
import html.parser
import importlib
import inspect
import io
import json
import logging
import pathlib
import pickle
import pprint
import random
import re
import shlex
import string
import tempfile
import textwrap
import tokenize
import tomllib
import unittest
import urllib.parse
import xml.etree.ElementTree
import zlib

RECORDS = [
    {"id": n, "name": f"record {n}", "size": n / 3, "tags": ["a", "b" * (n % 5)], "open": n % 2 == 0, "next": None}
    for n in range(40)
]
SOURCE = inspect.getsource(textwrap) + inspect.getsource(shlex)
PAGE = "<html><body>" + "".join(
    f'<div class="row" id="{n}"><a href="/item/{n}?q=1&amp;r=2">item {n}</a><br/><!-- note --> text</div>' for n in range(40)
) + "</body></html>"


def records():
    text = json.dumps(RECORDS, indent=1)
    assert json.loads(text) == RECORDS
    json.loads(json.dumps(RECORDS, separators=(",", ":")))
    pickle.loads(pickle.dumps(RECORDS))
    pickle._loads(pickle._dumps(RECORDS))
    copy.deepcopy(RECORDS)
    pprint.pformat(RECORDS)
    repr(RECORDS)
    out = io.StringIO()
    writer = csv.DictWriter(out, RECORDS[0])
    writer.writeheader()
    writer.writerows(RECORDS)
    list(csv.DictReader(io.StringIO(out.getvalue())))
    zlib.decompress(zlib.compress(text.encode()))
    base64.b64decode(base64.b64encode(text.encode()))
    hashlib.sha256(text.encode()).hexdigest()


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found.append(dict(attributes)["href"])


def markup():
    links = Links()
    links.feed(PAGE)
    links.close()
    root = xml.etree.ElementTree.fromstring(PAGE.replace("&amp;", ""))
    for row in root.iter("div"):
        row.find("a").text, row.get("id")
    xml.etree.ElementTree.tostring(root)
    for link in links.found:
        urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    html.escape(PAGE), html.unescape(PAGE)


def patterns():
    word = re.compile(r"(?P<word>[a-z_]\w*)|(?P<number>\d+(?:\.\d+)?)|(?P<space>\s+)|(?P<other>.)", re.I)
    kinds = collections.Counter(match.lastgroup for match in word.finditer(SOURCE[:6000]))
    re.sub(r"\bself\.(\w+)", r"this.\1", SOURCE), re.split(r"[,;]\s*", "a, b;c" * 30), re.findall(r"def (\w+)\(", SOURCE)
    re.sub("[aeiou]", lambda match: match[0].upper(), SOURCE[:3000])
    re.match(r"(a|b)*c", "ab" * 40 + "c"), fnmatch.filter(["a.py", "b.txt"] * 20, "*.py")
    re.purge()
    for pattern in [r"^(\d{4})-(\d\d)-(\d\d)$", r"(?<=x)[^a-f]+?(?!y)", r"(?:a|bc|d[ef])*", "[A-Za-z_][A-Za-z0-9_]*", r"\s+|$"]:
        re.compile(pattern)
    assert kinds["word"]


def sources():
    tree = ast.parse(SOURCE)
    for node in ast.walk(tree):
        getattr(node, "lineno", None)
    ast.unparse(tree)
    compile(SOURCE, "training", "exec")
    list(tokenize.generate_tokens(io.StringIO(SOURCE).readline))

    class Names(ast.NodeVisitor):
        found = 0

        def visit_Name(self, node):
            self.found += 1

    Names().visit(tree)


def writing():
    textwrap.fill(textwrap.__doc__ * 10, 40), textwrap.dedent("   a\n   b\n" * 30)
    list(difflib.unified_diff(SOURCE.splitlines()[:60], SOURCE.splitlines()[3:70]))
    shlex.split("a 'b c' \"d e\" f\\ g" * 10)
    string.capwords("some words here" * 10)
    parser = configparser.ConfigParser()
    parser.read_string("[one]\na = 1\nb = %(a)s\n[two]\nc: x\n")
    parser.getint("one", "b")
    tomllib.loads("[a]\nb = [1, 2.5, 'x']\nc = 2020-01-01\n[a.d]\ne = {f = true}\n" * 1)
    email.message_from_string("From: a@b.c\nSubject: hello\nContent-Type: text/plain\n\nbody\n" * 2).get_payload()
    for n in range(30):
        day = datetime.datetime(2024, 1, 1) + datetime.timedelta(days=n, hours=3)
        day.isoformat(), day.strftime("%d %B %Y"), datetime.datetime.fromisoformat(day.isoformat()) - day


def commands():
    parser = argparse.ArgumentParser(prog="tool")
    parser.add_argument("--level", type=int, default=3, choices=range(5))
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("files", nargs="*")
    sub = argparse.ArgumentParser(prog="sub", parents=[parser], add_help=False)
    parser.parse_args(["--level", "2", "-v", "x", "y"])
    sub.parse_known_args(["--level", "1", "z", "--what"])
    parser.format_help()
    logger = logging.getLogger("training")
    logger.propagate = False
    logger.handlers = [logging.StreamHandler(io.StringIO())]
    logger.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for n in range(60):
        logger.warning("value %d of %s", n, "x")
        logger.debug("nothing %d", n)

    class Case(unittest.TestCase):
        def test(self):
            self.assertEqual([1, 2], [1, 2])
            with self.assertRaises(KeyError):
                {}["x"]
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(unittest.TestResult())


def files():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "a" / "b"
        place.mkdir(parents=True)
        for n in range(10):
            (place / f"{n}.txt").write_text("line one\nline two\n" * 20)
        for path in pathlib.Path(folder).rglob("*.txt"):
            with open(path) as lines:
                sum(len(line) for line in lines)
            path.suffix, path.stem, path.with_name("x").exists(), path.relative_to(folder)
    random.Random(1).shuffle(list(range(100)))
    random.Random(2).choices("abc", k=50)


def imports():
    importlib.reload(textwrap)
    importlib.reload(shlex)
    importlib.reload(string)
    inspect.signature(textwrap.fill), inspect.getmembers(textwrap.TextWrapper)


PARTS = [records, markup, patterns, sources, writing, commands, files, imports]
