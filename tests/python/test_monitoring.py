"""Events of sys.monitoring and of trace functions, beside the reference."""
import sys
import unittest

M = sys.monitoring
E = M.events
TOOL = 4


def watched():
    total = 0
    for item in [1, 2]:
        if item > 1:
            total += item
    return len([total])


class Monitoring(unittest.TestCase):
    def setUp(self):
        M.use_tool_id(TOOL, "test")

    def tearDown(self):
        M.restart_events()
        M.free_tool_id(TOOL)

    def record(self, events, *, result=None):
        found = []
        for number in range(19):
            if events >> number & 1:
                def note(code, *rest, number=number):
                    if code is watched.__code__:
                        found.append((number, *rest))
                    return result
                M.register_callback(TOOL, 1 << number, note)
        M.set_events(TOOL, events)
        try:
            watched()
        finally:
            M.set_events(TOOL, 0)
        return found

    def test_lines(self):
        first = watched.__code__.co_firstlineno
        lines = [line - first for _, line in self.record(E.LINE)]
        self.assertEqual(lines, [1, 2, 3, 2, 3, 4, 2, 5])

    def test_disable(self):
        first = watched.__code__.co_firstlineno
        lines = [line - first for _, line in self.record(E.LINE, result=M.DISABLE)]
        self.assertEqual(sorted(set(lines)), [1, 2, 3, 4, 5])
        self.assertLess(len(lines), 8)

    def test_start_and_return(self):
        self.assertEqual([event[2:] for event in self.record(E.PY_START | E.PY_RETURN)], [(), (1,)])

    def test_calls(self):
        events = self.record(E.CALL | E.C_RETURN | E.C_RAISE)
        self.assertEqual([(number, called) for number, _, called, _ in events], [(4, len), (16, len)])

    def test_branches(self):
        events = self.record(E.BRANCH_LEFT | E.BRANCH_RIGHT)
        self.assertEqual([number for number, *_ in events], [8, 8, 8, 9, 9])

    def test_local(self):
        lines = []
        M.register_callback(TOOL, E.LINE, lambda code, line: lines.append(line))
        M.set_local_events(TOOL, watched.__code__, E.LINE)
        self.assertEqual(M.get_local_events(TOOL, watched.__code__), E.LINE)
        watched()
        M.set_local_events(TOOL, watched.__code__, 0)
        watched()
        self.assertEqual(len(lines), 8)

    def test_errors(self):
        with self.assertRaisesRegex(ValueError, "already in use"):
            M.use_tool_id(TOOL, "other")
        with self.assertRaisesRegex(ValueError, "independently"):
            M.set_events(TOOL, E.C_RETURN)
        with self.assertRaisesRegex(ValueError, "invalid tool 6"):
            M.get_tool(6)
        M.register_callback(TOOL, E.RAISE, lambda *_: M.DISABLE)
        M.set_events(TOOL, E.RAISE)
        message = None
        try:
            [][0]
        except ValueError as error:
            message = str(error)
        M.set_events(TOOL, 0)
        self.assertIn("Cannot disable RAISE", message)


class Trace(unittest.TestCase):
    def trace(self, body, *, opcodes=False, jump=None):
        found = []

        def tracer(frame, event, arg):
            if frame.f_code is not body.__code__:
                return None
            frame.f_trace_opcodes = opcodes
            line = frame.f_lineno - body.__code__.co_firstlineno
            found.append((event, line))
            if event == "line" and jump and line == jump[0]:
                frame.f_lineno = jump[1] + body.__code__.co_firstlineno
            return tracer

        sys.settrace(tracer)
        try:
            body()
        finally:
            sys.settrace(None)
        return found

    def test_lines_of_a_loop(self):
        def body():
            for x in range(2): pass
        self.assertEqual(self.trace(body), [("call", 0)] + [("line", 1)] * 3 + [("return", 1)])

    def test_opcodes(self):
        def body():
            return 1
        events = self.trace(body, opcodes=True)
        self.assertIn(("opcode", 1), events)

    def test_jump(self):
        done = []

        def body():
            done.append(1)
            done.append(2)
            for x in "ab":
                done.append(x)
            done.append(3)
        self.trace(body, jump=(2, 5))
        self.assertEqual(done, [1, 3])

    def test_jump_into_loop(self):
        def body():
            x = 1
            for x in "ab":
                x = 2
        with self.assertRaisesRegex(ValueError, "body of a for loop"):
            self.trace(body, jump=(1, 3))

    def test_reraised(self):
        def body():
            try:
                1 / 0
            except ZeroDivisionError:
                raise
        entries, tb = 0, None
        try:
            body()
        except ZeroDivisionError as caught:
            tb = caught.__traceback__
        while tb:
            entries += tb.tb_frame.f_code is body.__code__
            tb = tb.tb_next
        self.assertEqual(entries, 1)

    def test_end_of_except_star_has_no_line(self):
        def body():
            try:
                raise KeyError
            except* KeyError:
                pass
        lines = [line - body.__code__.co_firstlineno for _, _, line in body.__code__.co_lines() if line is not None]
        self.assertEqual(lines.count(0), 1)
        self.assertEqual(max(lines), 4)


if __name__ == "__main__":
    unittest.main()
