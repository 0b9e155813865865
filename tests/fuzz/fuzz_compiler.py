"""Mutated source through the compiler: nothing but the errors of source may come out."""
import ast
import symtable
import warnings

import fuzzing


def attempt(rng, data):
    source = data
    if rng.random() < 0.5:
        source = data.decode('utf-8', 'replace')
    kind = rng.randrange(8)
    if kind == 0:
        tree = ast.parse(source)
        compile(tree, '<fuzz>', 'exec')
        ast.unparse(tree)
    elif kind == 1:
        symtable.symtable(source, '<fuzz>', 'exec')
    elif kind == 2:
        compile(source, '<fuzz>', 'eval')
    elif kind == 3:
        compile(source, '<fuzz>', 'single', 0x200 | 0x4000)
    else:
        code = compile(source, '<fuzz>', 'exec', optimize=rng.randrange(3))
        list(code.co_positions())


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    allowed = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)
    fuzzing.loop('compiler', fuzzing.library(4000), attempt, allowed)
