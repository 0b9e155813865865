"""A thread that was alone is not any more: from then on its locks and counts hold against others."""
import threading
import weakref


class Item:
    def __init__(self, value):
        self.value = value

    def add(self, rest):
        self.value = self.value + rest


# Made, stored and locked by the first thread while it is alone.
items, table, names, one = [Item(n) for n in range(100)], {}, set(), Item(0)
for item in items:
    table[item.value] = item
    names.add(item)
watched = [weakref.ref(item) for item in items]
items.extend(items[:10])
del items[100:]
ready = threading.Barrier(4)
ROUNDS = 20_000


def work(own):
    ready.wait()
    for n in range(ROUNDS):
        items.append(own)
        table[own, n & 63] = items[n % 100]
        names.add((own, n))
        one.value = own
        one.add(0)
        held = watched[n % 100]()
        assert held is not None and held.value == n % 100
        fresh = Item(n)
        table["last", own] = fresh
        assert weakref.ref(fresh)() is fresh


threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(items) == 100 + 4 * ROUNDS and sorted(items[100:]) == [n for n in range(4) for _ in range(ROUNDS)]
assert len(table) == 100 + 4 * 64 + 4 and len(names) == 100 + 4 * ROUNDS
assert all(watch() is item for watch, item in zip(watched, items))
last = watched[-1]
held = items[99]
items.clear(), table.clear(), names.clear()
del item, threads, held
assert last() is None
print("test_second_thread: ok")
