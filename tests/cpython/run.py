"""Runs one module of CPython's own tests: `run.py MODULE RECORD`.

Writes a line `OUTCOME ID MESSAGE` for each test to the file RECORD: `p` for a pass (an expected failure is one too),
`f` for a failure or an error, `s` for a skip. The last line is `end`; without it the module crashed.
"""
import os
import sys
import unittest


class Recorder(unittest.TestResult):
    def __init__(self, module, record):
        super().__init__()
        self.prefix, self.record = module + '.', record
        self.failed = set()

    def note(self, outcome, test, message=''):
        name = test.id().removeprefix(self.prefix)
        words = ' '.join(str(message).split())[:200]
        self.record.write(f'{outcome} {name} {words}\n')
        self.record.flush()

    def bad(self, test, error):
        if test.id() not in self.failed:
            self.failed.add(test.id())
            self.note('f', test, f'{error[0].__name__}: {error[1]}')

    def addSuccess(self, test):
        if test.id() not in self.failed:
            self.note('p', test)

    addExpectedFailure = lambda self, test, error: self.note('p', test)
    addFailure = addError = lambda self, test, error: self.bad(test, error)
    addUnexpectedSuccess = lambda self, test: self.note('f', test, 'unexpected success')
    addSkip = lambda self, test, reason: self.note('s', test, reason)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.bad(test, error)


def main(module, path):
    with open(path, 'w', encoding='utf-8') as record:
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(module)
        except unittest.SkipTest:
            suite = unittest.TestSuite()
        suite.run(Recorder(module, record))
        record.write('end\n')
        record.flush()
    # Threads that tests left behind are no concern of this run.
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
