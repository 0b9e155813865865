"""The XML parser: errors and their places, deferral, limits, encodings, calls from handlers."""
import unittest
from xml.parsers import expat


def error_of(data, pieces=False):
    parser = expat.ParserCreate()
    try:
        if pieces:
            for at in range(len(data)):
                parser.Parse(data[at:at + 1])
            parser.Parse("" if isinstance(data, str) else b"", True)
        else:
            parser.Parse(data, True)
    except expat.ExpatError as error:
        return str(error)


class ErrorTest(unittest.TestCase):
    def test_places(self):
        for data, expected in (
            ("foo", "syntax error: line 1, column 0"),
            ("foobar<", "not well-formed (invalid token): line 1, column 6"),
            ("\n  foo&", "not well-formed (invalid token): line 2, column 5"),
            ("<a/><", "unclosed token: line 1, column 4"),
            ("<a/>foo", "junk after document element: line 1, column 4"),
            (b"<?xml versio='1.0'?>", "XML declaration not well-formed: line 1, column 6"),
        ):
            for pieces in (False, True):
                self.assertEqual(error_of(data, pieces), expected)
        self.assertIn("XML declaration not well-formed", error_of(b"<?xml version\xc2\x85='1.0'?>"))

    def test_encodings(self):
        def document(encoding):
            return f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode()

        self.assertIsNone(error_of(document("cp1251")))
        self.assertIn("unknown encoding", error_of(document("cp037")))
        for encoding, error in (("no-such", LookupError), ("utf-7", ValueError), ("undefined", UnicodeError)):
            with self.assertRaises(error):
                expat.ParserCreate().Parse(document(encoding), True)


class HandlerTest(unittest.TestCase):
    def test_deferral(self):
        for enabled in (True, False):
            started = []
            parser = expat.ParserCreate()
            parser.SetReparseDeferralEnabled(enabled)
            parser.StartElementHandler = lambda name, attributes: started.append(name)
            parser.Parse(b"<doc")
            parser.Parse(b"/>")
            self.assertEqual(started, [] if enabled else ["doc"])
            parser.Parse(b"", True)
            self.assertEqual(started, ["doc"])

    def test_no_parsing_from_handlers(self):
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda *arguments: parser.Parse(b"<b/>")
        with self.assertRaisesRegex(RuntimeError, r"cannot call Parse\(\) from within a handler"):
            parser.Parse(b"<a/>", True)

    def test_text_is_flushed(self):
        seen = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.CharacterDataHandler = seen.append
        parser.Parse(b"<a>one\ntwo")
        parser.Parse(b"three</a>", True)
        self.assertEqual(seen, ["one\ntwo", "three"])

    def test_not_standalone(self):
        answers = []
        parser = expat.ParserCreate()
        parser.NotStandaloneHandler = lambda: answers.append(1) or len(answers) < 2
        with self.assertRaisesRegex(expat.ExpatError, "document is not standalone"):
            parser.Parse(b'<!DOCTYPE a SYSTEM "b" [<!ELEMENT a ANY> %c;]><a/>', True)
        self.assertEqual(answers, [1, 1])

    def test_foreign_definitions(self):
        asked = []
        parser = expat.ParserCreate()
        parser.UseForeignDTD()
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
        parser.ExternalEntityRefHandler = lambda *arguments: asked.append(arguments) or 1
        parser.Parse(b"<a/>", True)
        self.assertEqual(asked, [(None, None, None, None)])


@unittest.skipUnless(
    hasattr(expat.XMLParserType, "SetBillionLaughsAttackProtectionActivationThreshold"), "an old Expat")
class LimitTest(unittest.TestCase):
    DATA = '<!DOCTYPE a [<!ENTITY b "..........">]><a>' + "&b;" * 100 + "</a>"

    def test_limits(self):
        for factor, refused in ((1.0, True), (1e4, False)):
            parser = expat.ParserCreate()
            parser.SetBillionLaughsAttackProtectionActivationThreshold(0)
            parser.SetBillionLaughsAttackProtectionMaximumAmplification(factor)
            if refused:
                with self.assertRaisesRegex(expat.ExpatError, "limit on input amplification factor"):
                    parser.Parse(self.DATA, True)
            else:
                parser.Parse(self.DATA, True)

    def test_arguments(self):
        parser = expat.ParserCreate()
        with self.assertRaisesRegex(expat.ExpatError, "'max_factor' must be at least 1.0"):
            parser.SetBillionLaughsAttackProtectionMaximumAmplification(0.5)
        with self.assertRaises(ValueError):
            parser.SetBillionLaughsAttackProtectionActivationThreshold(-1)
        child = parser.ExternalEntityParserCreate(None)
        with self.assertRaisesRegex(expat.ExpatError, "parser must be a root parser"):
            child.SetBillionLaughsAttackProtectionActivationThreshold(1)


if __name__ == "__main__":
    unittest.main()
