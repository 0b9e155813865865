"""Hash functions of OpenSSL, where the library is there."""
import hashlib
import hmac
import threading
import unittest

try:
    import _hashlib
except ImportError:
    raise SystemExit(0)

DATA = b"some text to hash " * 5000


class HashTest(unittest.TestCase):
    def test_the_same_as_built_in(self):
        for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
            found = _hashlib.new(name, DATA)
            built_in = getattr(hashlib, "__get_builtin_constructor")(name)(DATA)
            self.assertEqual(found.digest(), built_in.digest())
            self.assertEqual((found.name, found.digest_size, found.block_size),
                             (name, built_in.digest_size, built_in.block_size))

    def test_pieces_and_copies(self):
        whole = _hashlib.openssl_sha256(DATA)
        parts = _hashlib.new("SHA2-256")
        parts.update(DATA[:100])
        copy = parts.copy()
        parts.update(DATA[100:])
        self.assertEqual(parts.hexdigest(), whole.hexdigest())
        self.assertNotEqual(copy.digest(), whole.digest())
        self.assertRegex(repr(parts), r"^<sha256 _hashlib.HASH object @ 0x[0-9a-f]+>$")

    def test_any_length(self):
        shake = _hashlib.openssl_shake_128(b"x")
        self.assertIsInstance(shake, _hashlib.HASH)
        self.assertEqual((shake.digest_size, shake.digest(0), len(shake.digest(1000))), (0, b"", 1000))
        self.assertEqual(shake.hexdigest(5), shake.digest(5).hex())

    def test_errors(self):
        with self.assertRaises(_hashlib.UnsupportedDigestmodError):
            _hashlib.new("no such function")
        with self.assertRaisesRegex(TypeError, "Strings must be encoded before hashing"):
            _hashlib.new("md5", "text")
        with self.assertRaisesRegex(TypeError, "cannot create '_hashlib.HASH' instances"):
            _hashlib.HASH()

    def test_threads(self):
        shared, threads = _hashlib.new("sha1"), []
        for _ in range(4):
            threads.append(threading.Thread(target=lambda: [shared.update(b"a" * 3000) for _ in range(50)]))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self.assertEqual(shared.digest(), hashlib.sha1(b"a" * 600_000).digest())


class KeyTest(unittest.TestCase):
    def test_hmac(self):
        one = _hashlib.hmac_new(b"key", DATA, digestmod="sha256")
        self.assertEqual(one.digest(), hmac.digest(b"key", DATA, "sha256"))
        self.assertEqual(_hashlib.hmac_digest(b"key", DATA, _hashlib.openssl_sha256), one.digest())
        self.assertEqual((one.name, one.digest_size, one.block_size), ("hmac-sha256", 32, 64))
        with self.assertRaisesRegex(ValueError, "Unsupported digestmod <built-in function len>"):
            _hashlib.hmac_new(b"key", b"", len)

    def test_derivation(self):
        key = hashlib.pbkdf2_hmac("sha1", b"password", b"salt", 2)
        self.assertEqual(key.hex(), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957")
        self.assertEqual(len(hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1, 50)), 50)
        key = hashlib.scrypt(b"", salt=b"", n=16, r=1, p=1, dklen=64)
        self.assertEqual(key.hex()[:32], "77d6576238657b203b19ca42c18a0497")
        for options in ({"n": 3, "r": 1, "p": 1}, {"n": 2, "r": 1, "p": 1, "dklen": 0}):
            with self.assertRaises(ValueError):
                hashlib.scrypt(b"", salt=b"", **options)


if __name__ == "__main__":
    unittest.main()
