"""SQLite through the DB-API: values, transactions, callbacks, threads, errors."""
import gc
import sqlite3
import tempfile
import threading
import unittest
from pathlib import Path


class StatementTest(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)

    def test_values(self):
        values = (None, -(2**63), 1.5, "text \N{SNOWMAN}", b"\x00bytes", "")
        row = self.db.execute("select ?, ?, ?, ?, ?, ?", values).fetchone()
        self.assertEqual(row, values)
        with self.assertRaises(OverflowError):
            self.db.execute("select ?", (2**63,))

    def test_parameters(self):
        named = self.db.execute("select :a, :b", {"a": 1, "b": 2}).fetchone()
        self.assertEqual(named, (1, 2))
        for sql, parameters in (("select ?", ()), ("select :a", {}), ("select ?", {1}), ("select ?", (object(),))):
            with self.assertRaises(sqlite3.ProgrammingError):
                self.db.execute(sql, parameters)

    def test_rows(self):
        self.db.row_factory = sqlite3.Row
        row = self.db.execute("select 1 as first, 2 as second").fetchone()
        self.assertEqual((row["FIRST"], row[1], row.keys(), tuple(row)), (1, 2, ["first", "second"], (1, 2)))

    def test_counts(self):
        self.db.execute("create table t(x)")
        cursor = self.db.executemany("insert into t values (?)", [(n,) for n in range(5)])
        self.assertEqual(cursor.rowcount, 5)
        self.assertEqual(self.db.execute("update t set x = 0 where x > 2").rowcount, 2)
        self.assertEqual(self.db.execute("select count(*) from t").fetchall(), [(5,)])

    def test_errors_have_codes(self):
        self.db.execute("create table t(x unique)")
        self.db.execute("insert into t values (1)")
        with self.assertRaises(sqlite3.IntegrityError) as caught:
            self.db.execute("insert into t values (1)")
        self.assertEqual(caught.exception.sqlite_errorname, "SQLITE_CONSTRAINT_UNIQUE")

    def test_a_dead_cursor_keeps_no_lock(self):
        self.db.execute("create table t(x)")
        self.db.executemany("insert into t values (?)", [(n,) for n in range(5)])
        self.db.commit()
        cursor = self.db.execute("select x from t")
        del cursor
        gc.collect()
        self.db.execute("drop table t")

    def test_blobs(self):
        self.db.execute("create table t(x blob)")
        self.db.execute("insert into t values (zeroblob(8))")
        with self.db.blobopen("t", "x", 1) as blob:
            blob[2:4] = b"ab"
            blob.seek(6)
            blob.write(b"z")
            self.assertEqual(blob[:], b"\0\0ab\0\0z\0")

    def test_images(self):
        self.db.executescript("create table t(x); insert into t values (7);")
        with sqlite3.connect(":memory:") as other:
            other.deserialize(self.db.serialize())
            self.assertEqual(other.execute("select x from t").fetchone(), (7,))
        other.close()
        copy = sqlite3.connect(":memory:")
        self.db.backup(copy)
        self.assertEqual(list(copy.iterdump()), list(self.db.iterdump()))
        copy.close()


class TransactionTest(unittest.TestCase):
    def test_context_manager(self):
        db = sqlite3.connect(":memory:")
        db.execute("create table t(x)")
        with self.assertRaises(KeyError), db:
            db.execute("insert into t values (1)")
            raise KeyError
        with db:
            db.execute("insert into t values (2)")
        self.assertEqual(db.execute("select x from t").fetchall(), [(2,)])
        db.close()

    def test_autocommit_attribute(self):
        db = sqlite3.connect(":memory:", autocommit=False)
        self.assertTrue(db.in_transaction)
        db.execute("create table t(x)")
        db.rollback()
        with self.assertRaises(sqlite3.OperationalError):
            db.execute("select * from t")
        db.close()


class CallbackTest(unittest.TestCase):
    def test_functions(self):
        class Longest:
            def __init__(self):
                self.best = ""

            def step(self, text):
                self.best = max(self.best, text, key=len)

            def finalize(self):
                return self.best

        db = sqlite3.connect(":memory:")
        db.create_function("twice", 1, lambda x: x * 2, deterministic=True)
        db.create_aggregate("longest", 1, Longest)
        db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
        db.execute("create table t(x)")
        db.executemany("insert into t values (?)", [("a",), ("ccc",), ("bb",)])
        self.assertEqual(db.execute("select longest(x), twice(max(x)) from t").fetchone(), ("ccc", "cccccc"))
        ordered = db.execute("select x from t order by x collate backwards").fetchall()
        self.assertEqual(ordered, [("ccc",), ("bb",), ("a",)])
        db.create_function("fails", 0, lambda: 1 / 0)
        with self.assertRaises(sqlite3.OperationalError):
            db.execute("select fails()")
        db.close()

    def test_callbacks_may_use_the_database(self):
        db = sqlite3.connect(":memory:")
        db.execute("create table log(x)")

        def note(x):
            gc.collect()
            db.execute("insert into log values (?)", (x,))
            return x

        db.create_function("note", 1, note)
        self.assertEqual(db.execute("select note(5)").fetchone(), (5,))
        self.assertEqual(db.execute("select x from log").fetchall(), [(5,)])
        db.close()


class ThreadTest(unittest.TestCase):
    def test_another_thread_is_refused(self):
        db = sqlite3.connect(":memory:")
        caught = []

        def work():
            try:
                db.execute("select 1")
            except sqlite3.ProgrammingError as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual(len(caught), 1)
        db.close()

    def test_threads_with_their_own_connections(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "t.db")
            db = sqlite3.connect(path)
            db.execute("create table t(x)")
            db.close()

            def work():
                own = sqlite3.connect(path, timeout=60)
                own.create_function("one", 0, lambda: 1)
                for _ in range(10):
                    with own:
                        own.execute("insert into t values (one())")
                own.close()

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            db = sqlite3.connect(path)
            self.assertEqual(db.execute("select sum(x) from t").fetchone(), (40,))
            db.close()


if __name__ == "__main__":
    unittest.main()
