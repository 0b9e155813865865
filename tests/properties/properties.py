"""Generated cases whose answers were recorded from the reference.

    properties.py check                       compares with answers.txt; exit status 1 if a block differs
    properties.py check --reference PYTHON    and prints the cases of those blocks that differ
    properties.py show SUBJECT BLOCK          the cases of one block and their answers
    properties.py record                      rewrites answers.txt; run it with the reference

A case is what a generator of `subjects/` yields: a text that tells what is done, and a function that does it.
Which cases a block has follows from its number alone.
answers.txt has one line for each subject: the number of cases in a block, and a digest for each block.
The whole takes some seconds; `--seconds N` goes on with further blocks, which only a reference can judge.
"""

import argparse
import difflib
import hashlib
import importlib
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERS = os.path.join(HERE, "answers.txt")
SUBJECTS = ("ints", "floats", "text", "slices", "sorting", "hashes", "structs")
CASES, BLOCKS = 250, 16


def answer(function):
    try:
        return ascii(function())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def block(subject, number):
    """The lines of a block: each case with its answer."""
    module = importlib.import_module("subjects." + subject)
    rng = random.Random(f"{subject} {number}")
    for _ in range(CASES):
        what, function = module.case(rng)
        yield ascii(f"{what} -> {answer(function)}")


def digest(subject, number):
    return hashlib.sha256("\n".join(block(subject, number)).encode()).hexdigest()[:12]


def run(python, *args):
    command = [python, os.path.abspath(__file__), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def differing(reference, subject, number):
    """The cases of a block about which the reference has another opinion."""
    theirs, ours = run(reference, "show", subject, str(number)), list(block(subject, number))
    lines = difflib.unified_diff(theirs.splitlines(), ours, "reference", "here", n=0, lineterm="")
    return [line for line in lines if not line.startswith("@@")]


def recorded():
    with open(ANSWERS, encoding="ascii") as file:
        for line in file:
            subject, cases, *digests = line.split()
            assert int(cases) == CASES
            yield subject, digests


def check(options):
    failed = []
    for subject, digests in recorded():
        if options.only and subject not in options.only:
            continue
        for number, wanted in enumerate(digests):
            if digest(subject, number) != wanted:
                failed.append((subject, number))
    end, number = time.monotonic() + options.seconds, BLOCKS
    while options.reference and time.monotonic() < end:
        for subject in options.only or SUBJECTS:
            theirs = run(options.reference, "digest", subject, str(number)).strip()
            if digest(subject, number) != theirs:
                failed.append((subject, number))
        number += 1
    for subject, number in failed:
        print(f"{subject}, block {number}: other answers than recorded", file=sys.stderr)
        if options.reference:
            print(*differing(options.reference, subject, number), sep="\n", file=sys.stderr)
    return 1 if failed else 0


def record():
    with open(ANSWERS, "w", encoding="ascii") as file:
        for subject in SUBJECTS:
            print(subject, CASES, *(digest(subject, number) for number in range(BLOCKS)), file=file)


def main():
    # Hashes of text are the same everywhere with this seed only.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("check", "show", "digest", "record"))
    parser.add_argument("subject", nargs="?")
    parser.add_argument("block", nargs="?", type=int)
    parser.add_argument("--reference", help="a CPython 3.14")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--only", action="append", choices=SUBJECTS)
    options = parser.parse_args()
    match options.action:
        case "check":
            return check(options)
        case "record":
            record()
        case "show":
            print(*block(options.subject, options.block), sep="\n")
        case "digest":
            print(digest(options.subject, options.block))
    return 0


if __name__ == "__main__":
    sys.exit(main())
