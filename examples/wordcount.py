"""Counts the words of a text on one thread and on every core.

    wordcount.py [--threads N] [--mib SIZE] [FILE]

Without FILE it makes a text of SIZE MiB (64 by default) in the folder for temporary files, once.
The threads share the text and nothing else: each counts its own part, and the parts are added at the end.
"""
import os
import sys
import tempfile
import threading
import time

WORDS = (
    "river stone light field morning engine thread cloud paper garden winter signal harbour "
    "copper window island method number silver forest account bridge letter music summer table"
).split()


def make_text(mib):
    """A text with words of uneven frequency, the same on every run. Returns its path."""
    path = os.path.join(tempfile.gettempdir(), "krait-wordcount-%d.txt" % mib)
    size = mib << 20
    if os.path.exists(path) and os.path.getsize(path) >= size:
        return path
    seed = 12345
    lines = []
    length = 0
    while length < 1 << 20:
        words = []
        for _ in range(12):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            pick = (seed >> 8) % 1000
            word = WORDS[pick * pick // 1000 * len(WORDS) // 1000]
            if pick % 37 == 0:
                word = word + str(pick)
            words.append(word)
        line = " ".join(words) + ".\n"
        lines.append(line)
        length += len(line)
    block = "".join(lines)
    part = path + ".%d" % os.getpid()
    with open(part, "w") as out:
        written = 0
        while written < size:
            out.write(block)
            written += len(block)
    os.replace(part, path)
    return path


def count(text, start, end):
    """The words of text[start:end] with how often each occurs."""
    counts = {}
    step = 1 << 16
    while start < end:
        stop = min(start + step, end)
        if stop < end:
            stop = text.find("\n", stop, end) + 1 or end
        for word in text[start:stop].replace(".", " ").lower().split():
            counts[word] = counts.get(word, 0) + 1
        start = stop
    return counts


def split(text, parts):
    """Cuts the text at line ends into about equal ranges."""
    cuts = [0]
    for i in range(1, parts):
        cut = text.find("\n", len(text) * i // parts) + 1
        cuts.append(max(cut, cuts[-1]))
    cuts.append(len(text))
    return list(zip(cuts, cuts[1:]))


def run(text, threads):
    """Counts on this many threads. Returns the counts and the seconds."""
    parts = split(text, threads)
    results = [None] * threads

    def work(i):
        results[i] = count(text, *parts[i])

    started = time.perf_counter()
    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = {}
    for counts in results:
        for word, n in counts.items():
            total[word] = total.get(word, 0) + n
    return total, time.perf_counter() - started


def main(args):
    threads = os.cpu_count() or 1
    mib = 64
    path = None
    while args:
        arg = args.pop(0)
        if arg == "--threads":
            threads = int(args.pop(0))
        elif arg == "--mib":
            mib = int(args.pop(0))
        else:
            path = arg
    if path is None:
        path = make_text(mib)
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    print("Python", sys.version.split("\n")[0])
    print("text   %s, %.1f MiB" % (path, len(text) / 1048576))

    alone, alone_time = run(text, 1)
    print("%2d thread   %7.2f s   %d words, %d different" % (1, alone_time, sum(alone.values()), len(alone)))
    together, together_time = run(text, threads)
    print("%2d threads  %7.2f s   %d words, %d different" % (threads, together_time, sum(together.values()), len(together)))
    if alone != together:
        sys.exit("the two counts differ")
    print("speed-up   %7.2f times" % (alone_time / together_time))
    print("most frequent:")
    for word, n in sorted(together.items(), key=lambda item: (-item[1], item[0]))[:8]:
        print("  %9d  %s" % (n, word))


if __name__ == "__main__":
    main(sys.argv[1:])
