"""Runs what a release build is optimised for: programs of many kinds, each for the same share of time.

    train.py [SECONDS]

`cargo xtask profile` runs it with an interpreter that counts what it executes. Each module here has a list PARTS of
functions without arguments that take some milliseconds each.
"""
import sys
import threading
import time

import arithmetic
import calls
import collections_and_strings
import concurrency
import library
import objects

MODULES = [arithmetic, calls, collections_and_strings, concurrency, library, objects]
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5


def repeat(part, seconds):
    end = time.perf_counter() + seconds
    part()
    while time.perf_counter() < end:
        part()


for module in MODULES:
    for part in module.PARTS:
        repeat(part, SECONDS)
        print(f"{module.__name__}.{part.__name__}", flush=True)

# All of it once more on two threads: objects that are shared take other paths in free-threaded mode.
threads = [
    threading.Thread(target=lambda: [repeat(part, SECONDS / 10) for module in MODULES for part in module.PARTS])
    for _ in range(2)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("two threads")
