"""Zstandard: round trips, frames, dictionaries, parameters, limits."""
import unittest
from compression import zstd
from compression.zstd import CompressionParameter, DecompressionParameter

DATA = b"".join(b"line %d of some text\n" % n for n in range(5000))


class ZstdTest(unittest.TestCase):
    def test_round_trips(self):
        for options in ({}, {CompressionParameter.checksum_flag: 1}, {CompressionParameter.nb_workers: 2}):
            packed = zstd.compress(DATA, options=options)
            self.assertLess(len(packed), len(DATA) // 4)
            self.assertEqual(zstd.decompress(packed), DATA)
        self.assertEqual(zstd.decompress(zstd.compress(DATA, level=-5)), DATA)

    def test_modes(self):
        compressor = zstd.ZstdCompressor()
        parts = [compressor.compress(DATA[:100]), compressor.compress(b"", compressor.FLUSH_BLOCK)]
        decompressor = zstd.ZstdDecompressor()
        self.assertEqual(decompressor.decompress(b"".join(parts)), DATA[:100])
        self.assertEqual(decompressor.decompress(compressor.flush()), b"")
        self.assertTrue(decompressor.eof)
        with self.assertRaises(EOFError):
            decompressor.decompress(b"")

    def test_limits(self):
        decompressor = zstd.ZstdDecompressor()
        out = decompressor.decompress(zstd.compress(DATA) + b"tail", max_length=10)
        self.assertEqual(len(out), 10)
        self.assertFalse(decompressor.needs_input)
        while not decompressor.eof:
            out += decompressor.decompress(b"", max_length=1000)
        self.assertEqual((out, decompressor.unused_data), (DATA, b"tail"))

    def test_dictionaries(self):
        samples = [b"sample number %d, much like the others" % n * 3 for n in range(600)]
        trained = zstd.train_dict(samples, 2000)
        for how in (trained, trained.as_digested_dict, trained.as_undigested_dict, trained.as_prefix):
            packed = zstd.compress(samples[7], zstd_dict=how)
            self.assertEqual(zstd.decompress(packed, zstd_dict=how), samples[7])
        packed = zstd.compress(samples[7], zstd_dict=trained)
        with self.assertRaises(zstd.ZstdError):
            zstd.decompress(packed)
        self.assertEqual(zstd.get_frame_info(packed).dictionary_id, trained.dict_id)

    def test_parameters(self):
        with self.assertRaisesRegex(ValueError, "'window_log' received an illegal value 5"):
            zstd.ZstdCompressor(options={CompressionParameter.window_log: 5})
        with self.assertRaises(TypeError):
            zstd.ZstdDecompressor(options={CompressionParameter.window_log: 20})
        self.assertEqual(DecompressionParameter.window_log_max.bounds()[0], 10)

    def test_a_busy_compressor_may_be_dropped(self):
        words = zstd.ZstdDict(DATA, is_raw=True)
        options = {CompressionParameter.nb_workers: 1, CompressionParameter.job_size: 1 << 20}
        for _ in range(3):
            compressor = zstd.ZstdCompressor(options=options, zstd_dict=words)
            compressor.compress(DATA * 20)
            del compressor


if __name__ == "__main__":
    unittest.main()
