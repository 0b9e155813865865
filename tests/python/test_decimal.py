"""Decimal arithmetic: rounding, signals, contexts of threads and tasks, long numbers."""
import asyncio
import contextvars
import decimal
import pickle
import threading
import unittest
from decimal import Context, Decimal, localcontext


class ArithmeticTest(unittest.TestCase):
    def test_native(self):
        self.assertEqual(type(Decimal.__add__).__name__, "wrapper_descriptor")

    def test_rounding_modes(self):
        expected = {
            "ROUND_UP": ("1.3", "-1.3"),
            "ROUND_DOWN": ("1.2", "-1.2"),
            "ROUND_CEILING": ("1.3", "-1.2"),
            "ROUND_FLOOR": ("1.2", "-1.3"),
            "ROUND_HALF_UP": ("1.3", "-1.3"),
            "ROUND_HALF_DOWN": ("1.2", "-1.2"),
            "ROUND_HALF_EVEN": ("1.2", "-1.2"),
            "ROUND_05UP": ("1.2", "-1.2"),
        }
        for rounding, texts in expected.items():
            for text, wanted in zip(("1.25", "-1.25"), texts):
                found = Decimal(text).quantize(Decimal("0.1"), rounding=rounding)
                self.assertEqual(str(found), wanted, rounding)

    def test_functions_are_correctly_rounded(self):
        context = Context(prec=40)
        self.assertEqual(str(context.exp(1)), "2.718281828459045235360287471352662497757")
        self.assertEqual(str(context.ln(10)), "2.302585092994045684017991454684364207601")
        self.assertEqual(str(context.log10(2)), "0.3010299956639811952137388947244930267682")
        self.assertEqual(str(context.sqrt(2)), "1.414213562373095048801688724209698078570")
        self.assertEqual(str(context.power(2, Decimal("0.5"))), "1.414213562373095048801688724209698078570")

    def test_long_numbers(self):
        with localcontext(Context(prec=60_000)):
            x = Decimal(7) ** 30_000
            y = Decimal(3) ** 40_000
            self.assertEqual(int(x), 7**30_000)
            self.assertEqual(int(x * y), 7**30_000 * 3**40_000)
            self.assertEqual(divmod(x, y)[1], 7**30_000 % 3**40_000)
            root = (x * x).sqrt()
            self.assertEqual(root, x)

    def test_exact_results_in_the_widest_context(self):
        widest = Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
        self.assertEqual(widest.divide(1, 8), Decimal("0.125"))
        self.assertEqual(widest.sqrt(Decimal("1.44")), Decimal("1.2"))
        with self.assertRaises(MemoryError):
            widest.divide(1, 3)

    def test_other_numbers(self):
        self.assertEqual(Decimal(0.1), Decimal("0.1000000000000000055511151231257827021181583404541015625"))
        self.assertEqual(Decimal("0.5").as_integer_ratio(), (1, 2))
        for text in ("0", "1.5", "-7", "1e20", "123456789.25", "1e-3"):
            number = Decimal(text)
            if float(text) == number:
                self.assertEqual(hash(number), hash(float(text)))
            self.assertEqual(pickle.loads(pickle.dumps(number)), number)

    def test_formats(self):
        for spec, wanted in (
            ("", "-1234.5678"),
            (".2f", "-1234.57"),
            ("+,.1f", "-1,234.6"),
            ("012.1f", "-000001234.6"),
            ("e", "-1.2345678e+3"),
            ("%", "-123456.78%"),
            ("*^14.6g", "***-1234.57***"),
        ):
            self.assertEqual(format(Decimal("-1234.5678"), spec), wanted, spec)


class ContextTest(unittest.TestCase):
    def test_signals(self):
        context = Context(prec=3, traps=[decimal.Inexact])
        with self.assertRaises(decimal.Inexact) as caught:
            context.divide(1, 3)
        self.assertEqual(caught.exception.args, ([decimal.Inexact],))
        self.assertTrue(context.flags[decimal.Rounded])
        with self.assertRaises(decimal.InvalidOperation) as caught:
            Decimal("x")
        self.assertEqual(caught.exception.args, ([decimal.ConversionSyntax],))

    def test_flags_end_with_their_context(self):
        flags = Context().flags
        with self.assertRaisesRegex(ValueError, "invalid signal dict"):
            repr(flags)

    def test_each_thread_has_its_own(self):
        seen = []

        def work(prec):
            decimal.setcontext(Context(prec=prec))
            seen.append((prec, str(Decimal(1) / 3)))

        before = decimal.getcontext().prec
        threads = [threading.Thread(target=work, args=(prec,)) for prec in (3, 5, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(seen), [(3, "0.333"), (5, "0.33333"), (7, "0.3333333")])
        self.assertEqual(decimal.getcontext().prec, before)

    def test_each_task_has_its_own(self):
        async def work(prec):
            with localcontext(prec=prec):
                await asyncio.sleep(0)
                return str(Decimal(2) / 3)

        async def main():
            return await asyncio.gather(work(2), work(4))

        self.assertEqual(asyncio.run(main()), ["0.67", "0.6667"])

    def test_contexts_of_contextvars(self):
        inner = contextvars.copy_context()

        def change():
            decimal.setcontext(Context(prec=4))
            return str(Decimal(1) / 7)

        self.assertEqual(inner.run(change), "0.1429")
        self.assertEqual(inner.run(lambda: decimal.getcontext().prec), 4)
        self.assertNotEqual(decimal.getcontext().prec, 4)


if __name__ == "__main__":
    unittest.main()
