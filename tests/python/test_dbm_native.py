"""Files of keys and values by the system's ndbm, where it is there."""
import os
import tempfile
import unittest

try:
    import _dbm
except ImportError:
    raise SystemExit(0)


class DbmTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "file")

    def test_items(self):
        with _dbm.open(self.path, "n") as db:
            db["a"], db[b"b"] = "1", b"2"
            self.assertEqual((db["a"], db[b"b"], len(db), sorted(db.keys())), (b"1", b"2", 2, [b"a", b"b"]))
            self.assertTrue("a" in db and b"c" not in db)
            self.assertEqual((db.get("c"), db.get("c", 3), db.setdefault("c", "4")), (None, 3, "4"))
            del db["a"]
            with self.assertRaises(KeyError):
                del db["a"]
            with self.assertRaises(KeyError):
                db["a"]
        with self.assertRaisesRegex(_dbm.error, "DBM object has already been closed"):
            db["b"]
        with _dbm.open(self.path, "w") as db:
            self.assertEqual(sorted(db.keys()), [b"b", b"c"])
            db.clear()
            self.assertFalse(db)

    def test_errors(self):
        with self.assertRaises(_dbm.error) as caught:
            _dbm.open(self.path)
        self.assertEqual((caught.exception.errno, caught.exception.filename), (2, self.path))
        with self.assertRaisesRegex(_dbm.error, "arg 2 to open should be"):
            _dbm.open(self.path, "x")
        _dbm.open(self.path, "c").close()
        with _dbm.open(self.path) as db:
            with self.assertRaisesRegex(_dbm.error, "cannot add item to database"):
                db["a"] = "b"
            with self.assertRaisesRegex(TypeError, "dbm mappings have bytes or string keys only"):
                db[1] = "b"
            with self.assertRaisesRegex(TypeError, "dbm key must be bytes or string, not int"):
                1 in db


if __name__ == "__main__":
    unittest.main()
