"""Compares what functions do with recorded outcomes: the repr of a result, or the class and text of an exception."""


def outcome(function):
    try:
        return repr(function())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def without_addresses(text):
    start = text.find("0x")
    while start >= 0:
        end = start + 2
        while end < len(text) and text[end] in "0123456789abcdef":
            end += 1
        text = text[:start] + "ADDRESS" + text[end:]
        start = text.find("0x")
    return text


def check(functions, expected):
    """Runs each function of `expected`, pairs of name and outcome, and exits with what differs."""
    failures = []
    for name, wanted in expected:
        found = without_addresses(outcome(functions[name]))
        if found != wanted:
            failures.append(f"{name}: expected {wanted}, found {found}")
    if failures:
        raise SystemExit("\n".join(failures))
