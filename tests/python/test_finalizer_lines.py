"""What a finalizer sees of the frame that dropped the last reference: the line where it was dropped."""
import subprocess
import sys

lines = []


class Dropped:
    def __del__(self):
        frame = sys._getframe(1)
        lines.append(frame.f_lineno - frame.f_code.co_firstlineno)


def by_assignment():
    one = Dropped()
    other = 1
    one = None
    return other


def by_loop():
    for number in (1, 2):
        one = Dropped()
        number += 1
    one = number
    return one


def by_unpacking():
    one, other = Dropped(), 2
    other = 3
    one, other = other, one
    other = 4


by_assignment()
by_loop()
by_unpacking()
assert lines == [3, 2, 4, 4], lines

# What the collector shows when it is asked to.
program = """
import gc
gc.disable()
gc.collect()
class Cycle: pass
one = Cycle()
one.self = one
del one
gc.set_debug(gc.DEBUG_COLLECTABLE | gc.DEBUG_STATS)
gc.collect()
gc.set_debug(0)
"""
shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr.splitlines()
assert shown[0] == "gc: collecting generation 2...", shown
assert any(line.startswith("gc: collectable <Cycle 0x") for line in shown), shown
assert shown[-1].startswith("gc: done, ") and shown[-1].endswith("s elapsed"), shown
