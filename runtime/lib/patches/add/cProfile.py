"""Measures how often functions are called and how long they take, by the native profiler `_lsprof`.

`run` and `runctx` measure a statement and print or save what they found; `Profile` is the profiler itself.
`python -m cProfile` measures a program.  The module `pstats` reads what is saved.
"""
import _lsprof
import io
import profile as _profile

__all__ = ["run", "runctx", "Profile"]


def run(statement, filename=None, sort=-1):
    return _profile._Utils(Profile).run(statement, filename, sort)


def runctx(statement, globals, locals, filename=None, sort=-1):
    return _profile._Utils(Profile).runctx(statement, globals, locals, filename, sort)


run.__doc__ = _profile.run.__doc__
runctx.__doc__ = _profile.runctx.__doc__


def label(code):
    """The name of a function in statistics: file, line and name."""
    if isinstance(code, str):
        # A native function has neither file nor line.
        return "~", 0, code
    return code.co_filename, code.co_firstlineno, code.co_name


class Profile(_lsprof.Profiler):
    """Profile(timer=None, timeunit=None, subcalls=True, builtins=True)

    Measures calls of functions.  `timer` is a clock: a function without arguments that returns
    seconds, or integers of `timeunit` seconds each.  As a context manager it measures its body.
    """

    def create_stats(self):
        """Stops to measure and keeps the numbers in `stats`."""
        self.disable()
        self.snapshot_stats()

    def snapshot_stats(self):
        """Keeps the numbers of now in `stats`, as the module pstats wants them.

        Each function has: calls that did not come from itself, calls, time in itself, time with
        what it called, and a dict with the like for each of its callers.
        """
        entries = self.getstats()
        callers_of, self.stats = {}, {}
        for entry in entries:
            function = label(entry.code)
            numbers = _numbers(entry)
            # Functions that look the same are counted as one.
            primitive, calls, own, total, callers = self.stats.get(function, (0, 0, 0, 0, {}))
            self.stats[function] = (
                primitive + numbers[1], calls + numbers[0], own + numbers[2], total + numbers[3], callers)
            callers_of[id(entry.code)] = callers
        for entry in entries:
            caller = label(entry.code)
            for call in entry.calls or ():
                callers = callers_of.get(id(call.code))
                if callers is not None:
                    known = callers.get(caller, (0, 0, 0, 0))
                    callers[caller] = tuple(map(sum, zip(known, _numbers(call))))

    def print_stats(self, sort=-1):
        """Stops to measure and prints the numbers, sorted by one or more keys of pstats."""
        import pstats
        keys = sort if isinstance(sort, tuple) else (sort,)
        pstats.Stats(self).strip_dirs().sort_stats(*keys).print_stats()

    def dump_stats(self, file):
        """Stops to measure and saves the numbers in a file for pstats."""
        import marshal
        self.create_stats()
        with open(file, "wb") as target:
            marshal.dump(self.stats, target)

    def run(self, cmd):
        """Measures a statement that runs in `__main__`."""
        import __main__
        return self.runctx(cmd, __main__.__dict__, __main__.__dict__)

    def runctx(self, cmd, globals, locals):
        """Measures a statement that runs in the given namespaces."""
        with self:
            exec(cmd, globals, locals)
        return self

    def runcall(self, func, /, *args, **kw):
        """Measures one call and returns its result."""
        with self:
            return func(*args, **kw)

    def __enter__(self):
        self.enable()
        return self

    def __exit__(self, *_):
        self.disable()


def _numbers(entry):
    """Calls, those that did not come from the function itself, time in itself, time with what it called."""
    return entry.callcount, entry.callcount - entry.reccallcount, entry.inlinetime, entry.totaltime


def main():
    """Measures the program that the command line names."""
    import os
    import pstats
    import runpy
    import sys
    import types
    from optparse import OptionParser

    parser = OptionParser(usage="cProfile.py [-o output_file_path] [-s sort] [-m module | scriptfile] [arg] ...")
    parser.allow_interspersed_args = False
    parser.add_option("-o", "--outfile", dest="outfile", default=None, help="save the numbers in this file")
    parser.add_option(
        "-s", "--sort", dest="sort", default=2, choices=sorted(pstats.Stats.sort_arg_dict_default),
        help="sort what is printed by this key of pstats.Stats")
    parser.add_option("-m", dest="module", action="store_true", default=False, help="measure a module")
    if not sys.argv[1:]:
        parser.print_usage()
        sys.exit(2)
    options, args = parser.parse_args()
    sys.argv[:] = args
    if not args:
        parser.print_usage()
        return parser
    if options.outfile is not None:
        # The program may go to another folder.
        options.outfile = os.path.abspath(options.outfile)
    if options.module:
        code = "run_module(modname, run_name='__main__')"
        namespace = {"run_module": runpy.run_module, "modname": args[0]}
    else:
        script = args[0]
        sys.path.insert(0, os.path.dirname(script))
        with io.open_code(script) as file:
            code = compile(file.read(), script, "exec")
        module = types.ModuleType("__main__")
        vars(module).update(__file__=script, __builtins__=__builtins__, __cached__=None)
        namespace = vars(module)
        # The program finds itself under its name.
        sys.modules["__main__"] = module
    try:
        runctx(code, namespace, None, options.outfile, options.sort)
    except BrokenPipeError as error:
        # Nothing can be said to who no longer reads.
        sys.stdout = None
        sys.exit(error.errno)
    return parser


if __name__ == "__main__":
    main()
