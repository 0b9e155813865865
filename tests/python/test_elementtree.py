"""XML trees by the native module: elements, builders, parsers and their events."""
import copy
import gc
import io
import pickle
import unittest
import weakref
import xml.etree.ElementTree as ET

XML = '<a x="1">one<b>two</b>three<!--note--><c xmlns="u" k="v"/>four</a>'


class ElementTest(unittest.TestCase):
    def test_native(self):
        self.assertEqual(type(ET.Element.append).__name__, "method_descriptor")

    def test_children(self):
        root = ET.Element("root", {"k": "v"}, extra="1")
        self.assertEqual(root.attrib, {"k": "v", "extra": "1"})
        children = [ET.SubElement(root, name) for name in "abcde"]
        root[1:3] = [ET.Element("x")]
        del root[0]
        self.assertEqual([child.tag for child in root], ["x", "d", "e"])
        root.insert(0, children[0])
        root.remove(children[3])
        self.assertEqual([child.tag for child in root], ["a", "x", "e"])
        with self.assertRaises(TypeError):
            root.append("text")
        with self.assertRaises(ValueError):
            root.remove(ET.Element("none"))

    def test_copies(self):
        root = ET.fromstring(XML)
        for other in (copy.deepcopy(root), pickle.loads(pickle.dumps(root))):
            self.assertEqual(ET.tostring(other), ET.tostring(root))
            other[0].text = "changed"
        self.assertEqual(root[0].text, "two")
        self.assertIs(copy.copy(root)[0], root[0])

    def test_walks(self):
        root = ET.fromstring(XML)
        self.assertEqual([element.tag for element in root.iter()], ["a", "b", "{u}c"])
        self.assertEqual("".join(root.itertext()), "onetwothreefour")
        self.assertEqual(root.find("b").text, "two")
        self.assertEqual(root.findtext("{u}c"), "")
        self.assertEqual(root.findall(".//{u}c")[0].get("k"), "v")
        self.assertIsNone(root.find("none"))

    def test_weak_references_and_cycles(self):
        root = ET.Element("root")
        root.append(root)
        seen = weakref.ref(root)
        del root
        gc.collect()
        self.assertIsNone(seen())


class ParserTest(unittest.TestCase):
    def test_round_trip(self):
        self.assertEqual(ET.tostring(ET.fromstring("<a>x<b k='1'>y</b>z</a>")), b'<a>x<b k="1">y</b>z</a>')

    def test_events(self):
        events = ["start", "end", "comment", "start-ns", "end-ns"]
        found = [event for event, _ in ET.iterparse(io.StringIO(XML), events)]
        self.assertEqual(found, ["start", "start", "end", "comment", "start-ns", "start", "end", "end-ns", "end"])

    def test_errors_have_a_place(self):
        with self.assertRaises(ET.ParseError) as caught:
            ET.fromstring("<a>\n<b></a>")
        self.assertEqual((caught.exception.code, caught.exception.position), (7, (2, 5)))

    def test_targets(self):
        class Target:
            def __init__(self):
                self.events = []

            def start(self, tag, attrib):
                self.events.append((tag, attrib))

            def data(self, text):
                self.events.append(text)

            def close(self):
                return self.events

        parser = ET.XMLParser(target=Target())
        parser.feed("<a k='v'>text<b/></a>")
        self.assertEqual(parser.close(), [("a", {"k": "v"}), "text", ("b", {})])

    def test_builder(self):
        builder = ET.TreeBuilder(insert_comments=True)
        builder.start("a", {})
        builder.data("x")
        builder.comment("note")
        builder.data("y")
        builder.end("a")
        self.assertEqual(ET.tostring(builder.close()), b"<a>x<!--note-->y</a>")


if __name__ == "__main__":
    unittest.main()
