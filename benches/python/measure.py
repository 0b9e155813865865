"""Times operations and prints one line for each: name, value, unit (`ns` for each step, `x` for a speed-up)."""
import sys
import threading
import time


def best(run, steps, least=0.02, tries=5):
    """Nanoseconds for one of the `steps(n)` that `run(n)` does, from the fastest of several runs."""
    n = 1
    while True:
        start = time.perf_counter()
        run(n)
        spent = time.perf_counter() - start
        if spent >= least:
            break
        n = max(n + 1, int(n * min(least / max(spent, 1e-9) * 1.1, 10)))
    for _ in range(tries):
        start = time.perf_counter()
        run(n)
        spent = min(spent, time.perf_counter() - start)
    return spent / (n * steps) * 1e9


def wall(work, n, threads):
    """Seconds in which `threads` threads each do `work(n)`."""
    gate = threading.Barrier(threads)
    spans = []

    def body():
        gate.wait()
        start = time.perf_counter()
        work(n)
        spans.append((start, time.perf_counter()))

    group = [threading.Thread(target=body) for _ in range(threads)]
    for thread in group:
        thread.start()
    for thread in group:
        thread.join()
    return max(end for _, end in spans) - min(start for start, _ in spans)


def speed_up(work, threads=2, least=0.05, tries=5):
    """How many times the work of one thread `threads` threads do in the same time."""
    n = 100
    while wall(work, n, 1) < least:
        n *= 2
    one = min(wall(work, n, 1) for _ in range(tries))
    many = min(wall(work, n, threads) for _ in range(tries))
    return threads * one / many


def report(name, value, unit):
    sys.stdout.write(f"{name}\t{value:.4g}\t{unit}\n")
    sys.stdout.flush()
