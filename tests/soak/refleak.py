"""Runs test modules several times in one process and shows what grows.

    python refleak.py [--warmup 4] [--repeats 5] [test_dict test_set ...]

The modules are those of CPython's `test` package, which must be importable; without names, those of the language. After each run all garbage is collected
and caches are emptied; then blocks of object memory and tracked objects are counted. A module leaks when nearly every
run after the first ones leaves more than the one before. Exit status 0 means that no module does.
"""

import argparse
import array
import copyreg
import gc
import importlib
import io
import itertools
import os
import sys
import tempfile
import unittest
import warnings


LANGUAGE = """
    test_asyncgen test_bool test_call test_class test_contextlib test_coroutines test_decorators test_defaultdict test_deque
    test_dict test_enumerate test_except_star test_exception_group test_exceptions test_fstring test_funcattrs
    test_generators test_genexps test_iter test_itertools test_keywordonlyarg test_list test_listcomps
    test_named_expressions test_ordered_dict test_patma test_property test_raise test_scope test_set test_slice test_super
    test_tuple test_type_params test_unpack test_userdict test_weakref test_weakset test_with test_yield_from
""".split()


def clear_caches():
    """Empties what the import system and the standard library remember."""
    sys.path_importer_cache.clear()
    try:
        from test.libregrtest.utils import clear_caches
    except ImportError:
        return
    clear_caches()


def run_once(name):
    """Runs the tests of a module; the number of tests run, and of those that did not pass."""
    reducers = copyreg.dispatch_table.copy()
    module = importlib.import_module(f"test.{name}")
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    output = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(suite)
    finally:
        sys.stdout, sys.stderr = output
        # Tests register classes of their own here.
        copyreg.dispatch_table.clear()
        copyreg.dispatch_table.update(reducers)
    return result.testsRun, len(result.failures) + len(result.errors)


def measure():
    clear_caches()
    for _ in range(3):
        gc.collect()
    # Interned strings are immortal: a test that compiles new names each time makes more of them each time.
    blocks = sys.getallocatedblocks() - sys.getunicodeinternedsize(_only_immortal=True)
    return blocks, len(gc.get_objects())


def check(name, warmup, repeats):
    """Whether a module leaks; prints what was seen."""
    # Made before the first measurement, so that the measurements themselves do not count.
    history = [array.array("q", [0] * (warmup + repeats)) for _ in range(2)]
    ran = failed = 0
    for turn in range(warmup + repeats):
        ran, failed = run_once(name)
        for values, value in zip(history, measure()):
            values[turn] = value
    blocks, objects = ([b - a for a, b in itertools.pairwise(values[warmup - 1:])] for values in history)
    leaks = [what for what, deltas in (("blocks", blocks), ("objects", objects))
             if sum(delta > 0 for delta in deltas) >= repeats - 1 and sum(deltas) >= 2 * repeats]
    verdict = f"LEAK of {' and '.join(leaks)}" if leaks else "ok"
    print(f"{name:24} {ran} tests, {failed} failed  blocks {blocks} objects {objects}  {verdict}", flush=True)
    return bool(leaks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warmup", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("modules", nargs="*", default=LANGUAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        leaking = [name for name in options.modules if check(name, options.warmup, options.repeats)]
        os.chdir("/")
    if leaking:
        raise SystemExit(f"refleak: {', '.join(leaking)} leak")


if __name__ == "__main__":
    main()
