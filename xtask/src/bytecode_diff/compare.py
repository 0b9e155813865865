"""Compares code objects with those that the running interpreter compiles from the same source.

Reads lines `PATH SOURCE CODE` (source in hexadecimal, code as the hexadecimal `marshal` form, or `!MESSAGE` in its
place), and prints the share of identical code objects and, by cause, where the others differ.
"""
import collections
import dis
import marshal
import sys
import types
import warnings

FIELDS = (
    ('argument counts', lambda c: (c.co_argcount, c.co_posonlyargcount, c.co_kwonlyargcount)),
    ('names of the code', lambda c: (c.co_name, c.co_qualname, c.co_firstlineno)),
    ('flags', lambda c: c.co_flags),
    ('names', lambda c: c.co_names),
    ('local names', lambda c: (c.co_varnames, c.co_cellvars, c.co_freevars)),
    ('constants', lambda c: tuple(shape(x) for x in c.co_consts)),
    ('stack size', lambda c: c.co_stacksize),
    ('instructions', lambda c: c.co_code),
    ('exception table', lambda c: c.co_exceptiontable),
    ('positions', lambda c: tuple(c.co_positions())),
    ('position table', lambda c: c.co_linetable),
)


def shape(value):
    """A constant with its type; code objects count as equal, they are compared by themselves."""
    if isinstance(value, types.CodeType):
        return ('code', value.co_name)
    if isinstance(value, tuple):
        return ('tuple', tuple(map(shape, value)))
    if isinstance(value, frozenset):
        return ('frozenset', frozenset(map(shape, value)))
    return (type(value).__name__, repr(value))


def instruction(code, cause):
    """The first instruction that differs, as `ours / theirs`."""
    ours, theirs = (list(dis.get_instructions(c)) for c in code)
    for a, b in zip(ours, theirs):
        if (a.opname, a.arg) != (b.opname, b.arg):
            if a.opname == b.opname:
                return f'{cause}: argument of {a.opname}'
            return f'{cause}: {a.opname} / {b.opname}'
    return f'{cause}: length'


class Report:
    def __init__(self):
        self.total = self.same = 0
        self.causes = collections.defaultdict(list)

    def compare(self, path, ours, theirs):
        self.total += 1
        different = [name for name, field in FIELDS if field(ours) != field(theirs)]
        if not different:
            self.same += 1
        else:
            cause = ', '.join(different)
            if 'instructions' in different:
                cause = instruction((ours, theirs), cause)
            self.causes[cause].append(f'{path}:{theirs.co_firstlineno} {theirs.co_qualname}')
        inner = [[x for x in c.co_consts if isinstance(x, types.CodeType)] for c in (ours, theirs)]
        if len(inner[0]) != len(inner[1]):
            self.causes['number of inner code objects'].append(f'{path}:{theirs.co_firstlineno}')
        for a, b in zip(*inner):
            self.compare(path, a, b)

    def file(self, path, source, code):
        try:
            theirs = compile(bytes.fromhex(source), path, 'exec', dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError) as error:
            if not code.startswith('!'):
                self.causes[f'only the reference refuses: {error}'].append(path)
            return
        if code.startswith('!'):
            self.total += 1
            self.causes[f'refused: {code[1:]}'].append(path)
        else:
            self.compare(path, marshal.loads(bytes.fromhex(code)), theirs)


def main():
    warnings.simplefilter('ignore')
    report = Report()
    for line in sys.stdin:
        report.file(*line.rstrip('\n').split(' ', 2))
    for cause, places in sorted(report.causes.items(), key=lambda item: -len(item[1])):
        print(f'{len(places):6} {cause}')
        for place in places[:5]:
            print(f'       {place}')
    share = 100 * report.same / max(report.total, 1)
    print(f'{report.same} of {report.total} code objects are identical ({share:.2f} %)')
    return 0 if share >= float(sys.argv[1]) else 1


if __name__ == '__main__':
    sys.exit(main())
