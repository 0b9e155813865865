"""Contexts: copies share what they have and change apart, and cycles through them end."""
import contextvars
import gc
import random
import threading
import weakref

# Many variables, in many contexts, against dicts.
random.seed(7)
variables = [contextvars.ContextVar(f"v{number}", default=None) for number in range(300)]
states = [(contextvars.Context(), {})]


def change(expected):
    tokens = []
    for _ in range(20):
        variable = random.choice(variables)
        tokens.append((variable, variable.set(random.random())))
        expected[variable] = variable.get()
    for variable, token in tokens[: random.randrange(3)]:
        before = token.old_value
        variable.reset(token)
        if before is contextvars.Token.MISSING:
            expected.pop(variable, None)
        else:
            expected[variable] = before


for _ in range(60):
    context, expected = random.choice(states)
    context, expected = context.copy(), dict(expected)
    context.run(change, expected)
    states.append((context, expected))
for context, expected in states:
    assert len(context) == len(expected)
    assert dict(context.items()) == expected
    assert set(context) == set(context.keys()) == expected.keys()
    assert sorted(context.values()) == sorted(expected.values())
    assert all((variable in context) == (variable in expected) for variable in variables)
    assert context == context.copy()
assert states[0][0] == contextvars.Context() and states[0][0] != states[-1][0]

# A cycle through a map that two contexts share.


class Thing:
    pass


def hold():
    thing = Thing()
    variable = contextvars.ContextVar("cycle")
    context = contextvars.Context()
    context.run(variable.set, thing)
    thing.contexts = [context, context.copy()]
    return weakref.ref(thing)


thing = hold()
gc.collect()
assert thing() is None

# A variable remembers what was found last, nothing included: changes, resets and other contexts are seen at once.
variable, missing = contextvars.ContextVar("remembered"), object()
empty, full = contextvars.Context(), contextvars.Context()
full.run(variable.set, "full")


def get():
    found = [variable.get(missing), variable.get(missing)]
    assert found[0] is found[1]
    return found[0]


def nested():
    assert get() is missing
    assert full.run(get) == "full"
    assert get() is missing
    token = variable.set("inner")
    assert get() == "inner" and full.run(get) == "full" and get() == "inner"
    variable.reset(token)
    assert get() is missing


for _ in range(3):
    assert get() is missing
    assert full.run(get) == "full" and get() is missing
    token = variable.set("here")
    assert get() == "here" and empty.run(get) is missing and get() == "here"
    empty.run(nested)
    variable.reset(token)
    assert get() is missing

threads = []
for number in range(4):

    def work(number=number):
        mine = contextvars.Context()
        for turn in range(200):
            assert get() is missing
            assert mine.run(get) is (missing if turn == 0 else number)
            mine.run(variable.set, number)

    threads.append(threading.Thread(target=contextvars.Context().run, args=(work,)))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
