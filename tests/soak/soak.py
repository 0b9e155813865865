"""Threads change shared objects while others iterate, collect and load modules; every operation is counted.

    python soak.py [--seconds 60] [--threads 8] [--round 2.0] [--seed N] [--only NAME ...] [--leaks N]

The run is a series of rounds. A round makes one fresh object of every subject below, lets THREADS threads change them
all in random order while four more threads iterate over them, collect garbage, load modules and look at the
interpreter, and then compares what is left with what the threads counted. A subject's `mutate` does one step; all that
it does to shared objects is a single operation of a builtin type, which must not be lost, torn or done twice.

After the rounds, or alone with `--seconds 0`, comes the leak check: every subject does the same work over and over, and
neither the blocks of object memory nor the objects that the collector knows nor the memory of the process may grow.

Exit status 0 means that nothing was found.
"""

import argparse
import array
import faulthandler
import gc
import itertools
import os
import random
import sys
import tempfile
import threading
import time
import traceback

import subjects


class Round:
    """One set of subjects and the threads that work on them."""

    def __init__(self, kinds, threads, seed, folder):
        self.subjects = [kind(threads, folder) for kind in kinds]
        self.threads = threads
        self.seed = seed
        self.stop = False
        self.errors = []
        self.steps = [0] * threads
        self.looks = {}

    def fail(self, where):
        self.errors.append(f"{where}\n{traceback.format_exc()}")
        self.stop = True

    def worker(self, me, steps=None):
        """Steps of random subjects: until the stop, or `steps` of each."""
        rng = random.Random(self.seed * 1000 + me)
        todo = self.subjects * steps if steps else None
        if todo:
            rng.shuffle(todo)
        done = 0
        subject = None
        try:
            while not self.stop and todo != []:
                subject = todo.pop() if todo else rng.choice(self.subjects)
                subject.mutate(me, rng)
                done += 1
        except BaseException:
            self.fail(f"mutate of {type(subject).__name__}")
        self.steps[me] = done

    def looker(self, name, look):
        looks = 0
        try:
            while not self.stop:
                look()
                looks += 1
        except BaseException:
            self.fail(name)
        self.looks[name] = looks

    def iterate(self):
        for subject in self.subjects:
            subject.watch()
            if self.stop:
                return

    def collect(self):
        gc.collect()
        objects = gc.get_objects()
        gc.get_referents(*objects[:50])
        del objects
        time.sleep(0.005)

    def load(self):
        for subject in self.subjects:
            subject.load()
        time.sleep(0.002)

    def look_around(self):
        for frame in sys._current_frames().values():
            while frame is not None:
                frame.f_lineno, frame.f_code.co_name
                frame = frame.f_back
        threading.enumerate()
        threading.active_count()
        time.sleep(0.01)

    def run(self, seconds=None, steps=None):
        """Runs for a time, or a number of steps of each subject and thread; then checks."""
        workers = [threading.Thread(target=self.worker, args=(me, steps)) for me in range(self.threads)]
        others = []
        if steps is None:
            for name in ("iterate", "collect", "load", "look_around"):
                others.append(threading.Thread(target=self.looker, args=(name, getattr(self, name))))
        for thread in workers + others:
            thread.start()
        if seconds is not None:
            end = time.monotonic() + seconds
            while not self.stop and time.monotonic() < end:
                time.sleep(0.02)
            self.stop = True
        for thread in workers + others:
            thread.join()
        gc.collect()
        for subject in self.subjects:
            try:
                subject.check()
            except BaseException:
                self.fail(f"check of {type(subject).__name__}")


def resident():
    """The memory of the process in KiB; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        return 0


def measure():
    for _ in range(3):
        gc.collect()
    return sys.getallocatedblocks(), len(gc.get_objects()), resident()


def growth(kind, threads, folder, repeats):
    """How blocks, objects and memory grow when a subject does equal work several times."""
    # Made before the first measurement, so that the measurements themselves do not count.
    history = [array.array("q", [0] * repeats) for _ in range(3)]
    for repeat in range(repeats):
        work = Round([kind], threads, 1, folder)
        work.run(steps=20)
        if work.errors:
            raise SystemExit(work.errors[0])
        work = None
        for values, value in zip(history, measure()):
            values[repeat] = value
    # The first runs fill caches.
    return [[b - a for a, b in itertools.pairwise(values[3:])] for values in history]


def find_leaks(kinds, threads, folder, repeats, report):
    """Names of subjects whose equal work makes the process grow each time."""
    grown = []
    for kind in kinds:
        # A cache that fills slowly is no leak, so a suspect must grow for longer.
        for times in (1, 4):
            blocks, objects, memory = growth(kind, threads, folder, repeats * times + 4)
            # One object for each thread and run would be a leak already; a few for all is noise.
            late = len(blocks) // 2
            leaks = [name for name, deltas in (("blocks", blocks[late:]), ("objects", objects[late:]))
                     if sorted(deltas)[len(deltas) // 3] >= threads]
            if sum(memory[late:]) > 8 << 10:
                leaks.append("memory")
            if leaks or report:
                print(f"  {kind.__name__:16} blocks {blocks} objects {objects} memory {sum(memory):+} KiB"
                      f"{'  grows in ' + ' and '.join(leaks) if leaks else ''}", flush=True)
            if not leaks:
                break
        else:
            grown.append(kind.__name__)
    return grown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--round", type=float, default=2.0, help="seconds of one round")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", action="append", help="a subject's name; may be given several times")
    parser.add_argument("--leaks", type=int, default=None, help="repeats of the leak check; 0 for none")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    kinds = [kind for kind in subjects.ALL if not options.only or kind.__name__ in options.only]
    if options.leaks is None:
        options.leaks = 6 if options.seconds >= 10 or options.seconds == 0 else 3
    free = not getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"soak: {len(kinds)} subjects, {options.threads} threads, seed {options.seed},"
          f" {'free-threaded' if free else 'with the GIL'}", flush=True)
    # A round that hangs ends with the tracebacks of all threads.
    limit = max(120, 30 * options.round)
    began = time.monotonic()
    rounds = steps = looks = 0
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        shown = began
        while time.monotonic() - began < options.seconds:
            faulthandler.dump_traceback_later(limit, exit=True)
            work = Round(kinds, options.threads, options.seed + rounds, folder)
            work.run(seconds=min(options.round, max(0.5, began + options.seconds - time.monotonic())))
            rounds += 1
            steps += sum(work.steps)
            looks += sum(work.looks.values())
            if work.errors:
                raise SystemExit("\n".join([f"round {rounds} failed, seed {options.seed}:", *work.errors]))
            work = None
            if time.monotonic() - shown >= 5:
                shown = time.monotonic()
                blocks, objects, memory = measure()
                print(f"{shown - began:6.1f} s  {rounds} rounds  {steps:,} steps  {looks:,} looks"
                      f"  {blocks:,} blocks  {objects:,} objects  {memory:,} KiB", flush=True)
        took = time.monotonic() - began
        grown = []
        if options.leaks:
            faulthandler.dump_traceback_later(900, exit=True)
            grown = find_leaks(kinds, options.threads, folder, options.leaks, options.verbose)
        faulthandler.cancel_dump_traceback_later()
        sys.path.remove(folder)
    if grown:
        raise SystemExit(f"soak: leaks in {', '.join(grown)}")
    print(f"soak: {rounds} rounds, {steps:,} steps, {looks:,} looks in {took:.1f} s: nothing lost,"
          f" {'nothing leaked' if options.leaks else 'leaks not looked for'}")


if __name__ == "__main__":
    main()
