"""`_zoneinfo`: the native time zones beside the Python ones."""
import io
import pickle
import struct
import unittest
import zoneinfo
from datetime import datetime, timedelta, timezone

import _zoneinfo
from zoneinfo._zoneinfo import ZoneInfo as PythonZone

NativeZone = _zoneinfo.ZoneInfo


def zone_file(rule, transitions=(), periods=((0, 0, b"UTC"),)):
    """A file of version 2: transitions are (moment, period), periods (offset, daylight, name)."""
    names, starts = b"", []
    for _, _, name in periods:
        starts.append(len(names))
        names += name + b"\0"
    kinds = b"".join(struct.pack(">lbb", offset, dst, at) for (offset, dst, _), at in zip(periods, starts))
    head = b"TZif2" + bytes(15)
    empty = head + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    counts = struct.pack(">6l", 0, 0, 0, len(transitions), len(periods), len(names))
    body = b"".join(struct.pack(">q", moment) for moment, _ in transitions)
    body += bytes(kind for _, kind in transitions) + kinds + names
    return io.BytesIO(empty + head + counts + body + b"\n" + rule + b"\n")


class ZoneTest(unittest.TestCase):
    def same(self, rule, transitions=(), periods=((0, 0, b"UTC"),)):
        native = NativeZone.from_file(zone_file(rule, transitions, periods))
        python = PythonZone.from_file(zone_file(rule, transitions, periods))
        self.assertEqual(native.utcoffset(None), python.utcoffset(None))
        for year in (1950, 1970, 1999, 2000, 2023, 2024, 2500):
            day = datetime(year, 1, 1)
            while day.year == year:
                for fold in (0, 1):
                    time = day.replace(fold=fold)
                    for ask in ("utcoffset", "dst", "tzname"):
                        self.assertEqual(getattr(native, ask)(time), getattr(python, ask)(time), (rule, time, ask))
                there = [day.replace(tzinfo=zone).tzinfo.fromutc(day.replace(tzinfo=zone)) for zone in (native, python)]
                there = [(time.replace(tzinfo=None), time.fold) for time in there]
                self.assertEqual(there[0], there[1], (rule, day))
                day += timedelta(hours=5, minutes=30)

    def test_rules(self):
        for rule in (
            b"UTC0",
            b"EST5EDT,M3.2.0,M11.1.0",
            b"AEST-10AEDT,M10.1.0,M4.1.0/3",
            b"IST-1GMT0,M10.5.0,M3.5.0/1",
            b"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
            b"XXX3YYY,J60,J300/25",
            b"XXX-3YYY-4:30,59,299",
            b"EST5EDT,0/0,J365/25",
        ):
            self.same(rule)

    def test_transitions(self):
        periods = ((3600, 0, b"CET"), (7200, 1, b"CEST"), (0, 0, b"WET"), (7200, 0, b"EET"))
        transitions = ((-600_000_000, 1), (-590_000_000, 0), (0, 2), (920_000_000, 1), (940_000_000, 0), (950_000_000, 3))
        self.same(b"EET-2", transitions, periods)
        self.same(b"", transitions, periods)
        self.same(b"CET-1CEST,M3.5.0,M10.5.0/3", transitions, periods)

    def test_bad_rules(self):
        for rule in (b"ABC", b"ABC25", b"ABC3DEF", b"ABC3DEF,M3.2.0", b"ABC3DEF,M13.2.0,M1.1.0", b"ABC3DEF,J0,J5",
                     b"ABC3DEF,366,J5", b"ABC3DEF,M3.2.0/168,M1.1.0", b"<+A3", b"1+11", b"ABC3DEF,M3.2.0,M1.1.0x"):
            with self.assertRaises(ValueError, msg=rule):
                NativeZone.from_file(zone_file(rule))

    def test_from_file(self):
        zone = NativeZone.from_file(zone_file(b"UTC0"), key="mine")
        self.assertEqual((str(zone), repr(zone)), ("mine", "zoneinfo.ZoneInfo(key='mine')"))
        nameless = NativeZone.from_file(zone_file(b"UTC0"))
        self.assertIsNone(nameless.key)
        self.assertIn("from_file(<_io.BytesIO", str(nameless))
        self.assertRaises(pickle.PicklingError, pickle.dumps, nameless)
        self.assertEqual(nameless.utcoffset(None), timedelta(0))
        self.assertRaises(ValueError, NativeZone.from_file, io.BytesIO(b"no"))
        self.assertRaises(TypeError, nameless.fromutc, 1)
        self.assertRaises(ValueError, nameless.fromutc, datetime(2000, 1, 1))


@unittest.skipUnless(zoneinfo.TZPATH and "UTC" in zoneinfo.available_timezones(), "needs the time zone database")
class CacheTest(unittest.TestCase):
    def tearDown(self):
        NativeZone.clear_cache()

    def test_same_zone(self):
        self.assertIs(zoneinfo.ZoneInfo, NativeZone)
        zone = NativeZone("UTC")
        self.assertIs(NativeZone("UTC"), zone)
        self.assertIs(pickle.loads(pickle.dumps(zone)), zone)
        self.assertIsNot(NativeZone.no_cache("UTC"), zone)
        NativeZone.clear_cache(only_keys=["UTC"])
        self.assertIsNot(NativeZone("UTC"), zone)

    def test_subclass(self):
        class Zone(NativeZone):
            pass

        zone = Zone("UTC")
        self.assertIs(Zone("UTC"), zone)
        self.assertIsNot(NativeZone("UTC"), zone)
        self.assertTrue(repr(zone).endswith("Zone(key='UTC')"))

    def test_bad_keys(self):
        for key in ("", "../UTC", "/UTC", "nowhere/at/all"):
            self.assertRaises((ValueError, zoneinfo.ZoneInfoNotFoundError), NativeZone, key)
        self.assertRaises(TypeError, NativeZone, 1)
        self.assertRaises(TypeError, NativeZone)

    def test_real_zone(self):
        zone = NativeZone("America/New_York")
        summer = datetime(2024, 7, 1, 12, tzinfo=zone)
        self.assertEqual((summer.tzname(), summer.dst()), ("EDT", timedelta(hours=1)))
        first = datetime(2024, 11, 3, 5, 30, tzinfo=timezone.utc).astimezone(zone)
        second = datetime(2024, 11, 3, 6, 30, tzinfo=timezone.utc).astimezone(zone)
        self.assertEqual((first.hour, first.fold, second.hour, second.fold), (1, 0, 1, 1))


if __name__ == "__main__":
    unittest.main()
