"""The East Asian codecs against recorded answers: digests of everything they encode and decode, and single outcomes."""

import codecs
import hashlib
import io
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcomes import check, outcome

CODECS = """gb2312 gbk gb18030 hz big5hkscs big5 cp950 shift_jis cp932 euc_jp shift_jis_2004 euc_jis_2004
euc_jisx0213 shift_jisx0213 euc_kr cp949 johab iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004
iso2022_jp_3 iso2022_jp_ext iso2022_kr""".split()
POINTS = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x30000)]))
PIECES = "a\u304b\u309a\u304b\u00e6\u0300\u00ca\u0304\u4e00\uac00\ud7a3\uff61\u00a5\uffff\ud800\n\u03b1~\U00020089b"


def digest(*parts):
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
        found.update(b"|")
    return found.hexdigest()[:16]


def encoded(codec):
    return digest(POINTS.encode(codec, "ignore"), *(PIECES.encode(codec, errors) for errors in ("replace", "xmlcharrefreplace")))


def decoded(codec):
    """All pairs of bytes, alone and behind each of some beginnings."""
    starts = {"euc_j": [b"", b"\x8f"], "gb180": [b"", b"\x81\x30", b"\x84\x31", b"\x95\x32"], "euc_k": [b"", b"\xa4\xd4\xa4\xa1\xa4\xbf"]}
    starts |= {"iso20": [b"", *(b"\x1b" + e for e in (b"$B", b"$(D", b"$(Q", b"$(O", b"$(P", b"$A", b"$(C", b"(I", b"(J", b".FN", b"$)C\x0e"))]}
    starts |= {"hz": [b"", b"~{"]}
    rows = []
    for start in starts.get(codec[:5], [b""]):
        for lead in range(256):
            data = [start + bytes([lead, trail]) for trail in range(256)]
            rows += (part.decode(codec, errors) for part in data for errors in ("replace", "surrogateescape"))
    return digest(*rows)


def pieces(codec, errors):
    """Text and bytes one by one, with the state after each."""
    encoder = codecs.getincrementalencoder(codec)(errors)
    out = []
    for char in [*PIECES, ""]:
        out.append(outcome(lambda: encoder.encode(char, char == "")) + str(encoder.getstate()))
    data = PIECES.encode(codec, "ignore") + b"\x1b$B\x30\x21\x80\xff\x1b$" + b" " * 20
    decoder = codecs.getincrementaldecoder(codec)(errors)
    for byte in data:
        out.append(outcome(lambda: decoder.decode(bytes([byte]))) + str(decoder.getstate()))
    out.append(outcome(lambda: decoder.decode(b"", True)))
    return digest(*out)


def written(codec):
    stream = io.BytesIO()
    writer = codecs.getwriter(codec)(stream, "replace")
    writer.writelines(list(PIECES))
    writer.reset()
    stream.seek(0)
    reader = codecs.getreader(codec)(stream, "ignore")
    return digest(stream.getvalue(), reader.read(3), reader.readline(), *reader.readlines(5), reader.read())


def handler(result):
    def handle(error):
        return result(error) if callable(result) else result

    codecs.register_error("test.handler", handle)
    lookup = codecs.lookup("euc_jis_2004")
    return lookup.encode("a\uffffb", "test.handler"), lookup.decode(b"a\xff\xa4", "test.handler")


def decode_with(result):
    codecs.register_error("test.handler", lambda error: result)
    return b"a\xff\xa4".decode("euc_kr", "test.handler")


def setstate(make, state):
    machine = make("euc_jis_2004")()
    machine.setstate(state)
    return machine.getstate()


def class_with(base, codec):
    import _multibytecodec

    return type("Coder", (getattr(_multibytecodec, base),), {} if codec is None else {"codec": codec})


class Stream:
    def __init__(self, piece):
        self.piece = piece

    def read(self, *size):
        return self.piece


E, D = codecs.getincrementalencoder, codecs.getincrementaldecoder
SINGLE = {
    "strict encode": lambda: "\uffff".encode("big5"),
    "strict decode": lambda: b"a\xff\xff".decode("big5"),
    "null between": lambda: [b"\xb1\x00\xb1a\x00\x88\x9f".decode(codec) for codec in ("shift_jis", "shift_jis_2004")],
    "incomplete": lambda: b"a\x81".decode("gb18030"),
    "unknown handler": lambda: "\uffff".encode("gbk", "test.unknown"),
    "handler unused": lambda: codecs.lookup("gbk").encode("a", "test.unknown"),
    "not for decoding": lambda: b"\xff".decode("gbk", "xmlcharrefreplace"),
    "no text": lambda: codecs.lookup("gbk").encode(12),
    "no bytes": lambda: codecs.lookup("gbk").decode("a"),
    "text for bytes": lambda: handler(lambda e: ("?", e.end)),
    "unencodable": lambda: handler(lambda e: ("\ufffe", e.end)),
    "bytes": lambda: handler(lambda e: (b"\xfe", e.end)),
    "far": lambda: handler(("?", 1 << 70)),
    "behind": lambda: handler(("?", 4)),
    "before": lambda: handler(("?", -4)),
    "no tuple": lambda: handler("?"),
    "no place": lambda: handler(("?", None)),
    "decoded no place": lambda: decode_with(("?", None)),
    "decoded bytes": lambda: decode_with((b"?", 1)),
    "decoded far": lambda: decode_with(("?", 1 << 70)),
    "encoder state": lambda: setstate(E, 0x8B81E303),
    "encoder state negative": lambda: setstate(E, -1),
    "encoder state long": lambda: setstate(E, 1 << 136),
    "encoder state full": lambda: setstate(E, 9),
    "encoder state not UTF-8": lambda: setstate(E, 0xFF01),
    "encoder state text": lambda: setstate(E, "a"),
    "decoder state": lambda: setstate(D, (b"\xa4", 5)),
    "decoder state int": lambda: setstate(D, 5),
    "decoder state text": lambda: setstate(D, ("", 5)),
    "decoder state full": lambda: setstate(D, (b"123456789", 5)),
    "decoder state negative": lambda: setstate(D, (b"", -5)),
    "overflow": lambda: D("iso2022_jp")().decode(b"ab\x1b$          "),
    "no codec": lambda: class_with("MultibyteIncrementalEncoder", None)(),
    "wrong codec": lambda: class_with("MultibyteStreamReader", 1)(None),
    "no stream": lambda: class_with("MultibyteStreamWriter", E("gbk").codec)(),
    "errors not text": lambda: class_with("MultibyteIncrementalDecoder", E("gbk").codec)(1),
    "errors twice": lambda: class_with("MultibyteIncrementalDecoder", E("gbk").codec)("a", "b"),
    "read text": lambda: codecs.getreader("gbk")(Stream("text")).read(),
    "read half": lambda: codecs.getreader("gbk")(Stream(b"\x81")).read(),
    "read what": lambda: codecs.getreader("gbk")(Stream(b"\x81")).read("a"),
    "write iterator": lambda: class_with("MultibyteStreamWriter", E("gbk").codec)(io.BytesIO()).writelines(iter("a")),
    "getcodec": lambda: __import__("_codecs_jp").getcodec("big5"),
    "getcodec int": lambda: __import__("_codecs_jp").getcodec(5),
    "new codec": lambda: type(E("gbk").codec)(),
}


def functions():
    for codec in CODECS:
        yield f"encode {codec}", lambda codec=codec: encoded(codec)
        yield f"decode {codec}", lambda codec=codec: decoded(codec)
        for errors in ("strict", "replace", "surrogateescape"):
            yield f"pieces {codec} {errors}", lambda codec=codec, errors=errors: pieces(codec, errors)
        yield f"streams {codec}", lambda codec=codec: written(codec)
    yield from SINGLE.items()


EXPECTED = [
    ('encode gb2312', "'c1f0988706e31a92'"),
    ('decode gb2312', "'a1af174262bc9cfc'"),
    ('pieces gb2312 strict', "'b82127c4c4e6eed6'"),
    ('pieces gb2312 replace', "'8b4fe17031f33355'"),
    ('pieces gb2312 surrogateescape', "'1f376c7734586691'"),
    ('streams gb2312', "'4ce5a4a9eab829e7'"),
    ('encode gbk', "'d55f6004d351b73f'"),
    ('decode gbk', "'086ac794b85d608b'"),
    ('pieces gbk strict', "'bfae83ec2d0af92f'"),
    ('pieces gbk replace', "'8b4fe17031f33355'"),
    ('pieces gbk surrogateescape', "'cffea299dcb53d59'"),
    ('streams gbk', "'4ce5a4a9eab829e7'"),
    ('encode gb18030', "'abb6c3305aa146ea'"),
    ('decode gb18030', "'097ac57bab2b9b25'"),
    ('pieces gb18030 strict', "'4ce8bc063021b805'"),
    ('pieces gb18030 replace', "'72125b44610e4c41'"),
    ('pieces gb18030 surrogateescape', "'4c6f9651533e141b'"),
    ('streams gb18030', "'9390ea2afca80390'"),
    ('encode hz', "'be9fa5e9dabc1954'"),
    ('decode hz', "UnicodeDecodeError: 'hz' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces hz strict', "'027bbe6a7306e950'"),
    ('pieces hz replace', "'7e4a5c666819bbd2'"),
    ('pieces hz surrogateescape', "'79ae7d9828e16630'"),
    ('streams hz', "'4d55ab4253d9077b'"),
    ('encode big5hkscs', "'fe42ad0b6700137f'"),
    ('decode big5hkscs', "'496aa174c7291088'"),
    ('pieces big5hkscs strict', "'eb18b3faf4e116f3'"),
    ('pieces big5hkscs replace', "'b8fe2f6d61016806'"),
    ('pieces big5hkscs surrogateescape', "'a104bf8367fb799b'"),
    ('streams big5hkscs', "'7482d8a5f375093a'"),
    ('encode big5', "'b157207df065b2d8'"),
    ('decode big5', "'2fccb1a60f513fb4'"),
    ('pieces big5 strict', "'fe3124ffd8af1dd9'"),
    ('pieces big5 replace', "'2666a6ac53b61851'"),
    ('pieces big5 surrogateescape', "'ccf5123299cdd818'"),
    ('streams big5', "'e73eabd3d6b1c2d0'"),
    ('encode cp950', "'8b2e24778430efac'"),
    ('decode cp950', "'f4e53877de2599ea'"),
    ('pieces cp950 strict', "'7c9272cb89568931'"),
    ('pieces cp950 replace', "'aada59e6b56ee208'"),
    ('pieces cp950 surrogateescape', "'9fcbb36a34466319'"),
    ('streams cp950', "'f0a8177f0b662f20'"),
    ('encode shift_jis', "'90be9e988c2b2cfb'"),
    ('decode shift_jis', "'ae67df9ba86b5d32'"),
    ('pieces shift_jis strict', "'877e5ce81ca75c60'"),
    ('pieces shift_jis replace', "'49369b86c857cfb5'"),
    ('pieces shift_jis surrogateescape', "'e8a382d8ff24820d'"),
    ('streams shift_jis', "'a58d3b874742ad69'"),
    ('encode cp932', "'e626655cbc84dc8f'"),
    ('decode cp932', "'d3f31032be2e3e3f'"),
    ('pieces cp932 strict', "'be930fcc9fbf08d7'"),
    ('pieces cp932 replace', "'0593e0beed0a4df6'"),
    ('pieces cp932 surrogateescape', "'be930fcc9fbf08d7'"),
    ('streams cp932', "'570aef1d0eac1adb'"),
    ('encode euc_jp', "'440123f492bebc1f'"),
    ('decode euc_jp', "'eccb71600b46e7d9'"),
    ('pieces euc_jp strict', "'7f10feb2ef19ee0d'"),
    ('pieces euc_jp replace', "'cc7cab9efbfaf7c1'"),
    ('pieces euc_jp surrogateescape', "'f09e02a2553ceaec'"),
    ('streams euc_jp', "'45795b455c26be47'"),
    ('encode shift_jis_2004', "'3a4b545683048a40'"),
    ('decode shift_jis_2004', "'9db58a22c14e6bdb'"),
    ('pieces shift_jis_2004 strict', "'b694a23e43bce814'"),
    ('pieces shift_jis_2004 replace', "'ec8eb3142ea6a320'"),
    ('pieces shift_jis_2004 surrogateescape', "'4a4e37f28c5ff7e0'"),
    ('streams shift_jis_2004', "'7fec1df732eae6b2'"),
    ('encode euc_jis_2004', "'16ab8b30f3261f84'"),
    ('decode euc_jis_2004', "'a79a164bdf2e7660'"),
    ('pieces euc_jis_2004 strict', "'1fdeec04e26ffe17'"),
    ('pieces euc_jis_2004 replace', "'89e83f1486241340'"),
    ('pieces euc_jis_2004 surrogateescape', "'2d513948b0ebdede'"),
    ('streams euc_jis_2004', "'5bfdb20b23761b08'"),
    ('encode euc_jisx0213', "'7a6354619ef4f699'"),
    ('decode euc_jisx0213', "'fed2f987d0632e9b'"),
    ('pieces euc_jisx0213 strict', "'85fcd45a634fc62f'"),
    ('pieces euc_jisx0213 replace', "'89e83f1486241340'"),
    ('pieces euc_jisx0213 surrogateescape', "'d0e51f044fba7b84'"),
    ('streams euc_jisx0213', "'5bfdb20b23761b08'"),
    ('encode shift_jisx0213', "'095cd7fa012b42b2'"),
    ('decode shift_jisx0213', "'742701cffbf1aa77'"),
    ('pieces shift_jisx0213 strict', "'69dfb9aac9ebf263'"),
    ('pieces shift_jisx0213 replace', "'ec8eb3142ea6a320'"),
    ('pieces shift_jisx0213 surrogateescape', "'b097025b15caae69'"),
    ('streams shift_jisx0213', "'7fec1df732eae6b2'"),
    ('encode euc_kr', "'86040b55b45ff309'"),
    ('decode euc_kr', "'0c50c3cd4eb2ebc6'"),
    ('pieces euc_kr strict', "'9dad4f0898bb995b'"),
    ('pieces euc_kr replace', "'c3744f18c7944aa0'"),
    ('pieces euc_kr surrogateescape', "'869fe9b6e2a0d568'"),
    ('streams euc_kr', "'a18837237dde6e2d'"),
    ('encode cp949', "'bb18cfe3c0f0727e'"),
    ('decode cp949', "'fe6b00f5371dc780'"),
    ('pieces cp949 strict', "'ef9e12cc36c99af3'"),
    ('pieces cp949 replace', "'ec39f254ef6e92e7'"),
    ('pieces cp949 surrogateescape', "'e7bf7efa694de214'"),
    ('streams cp949', "'92116e301c7f458c'"),
    ('encode johab', "'b3da10d026aef1a8'"),
    ('decode johab', "'7eb024dfe8a19faf'"),
    ('pieces johab strict', "'5280214bfc3a26eb'"),
    ('pieces johab replace', "'91d6fcb0187fe2c3'"),
    ('pieces johab surrogateescape', "'c1b7671ba7abba9a'"),
    ('streams johab', "'359d0c401f6e2ac1'"),
    ('encode iso2022_jp', "'8f8bfc65634403b5'"),
    ('decode iso2022_jp', "UnicodeDecodeError: 'iso2022_jp' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp strict', "'38735cf52b8f10c7'"),
    ('pieces iso2022_jp replace', "'59a9b28122274768'"),
    ('pieces iso2022_jp surrogateescape', "'8dbfa703b2b6b2bc'"),
    ('streams iso2022_jp', "'3ced1333f69f8fd0'"),
    ('encode iso2022_jp_1', "'d7b3f52760724a7d'"),
    ('decode iso2022_jp_1', "UnicodeDecodeError: 'iso2022_jp_1' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp_1 strict', "'84c307d64fa69d73'"),
    ('pieces iso2022_jp_1 replace', "'db38d95efa6b0b30'"),
    ('pieces iso2022_jp_1 surrogateescape', "'4ca51b1c2642aaee'"),
    ('streams iso2022_jp_1', "'cc40f2aa2b36d634'"),
    ('encode iso2022_jp_2', "'1aedc9cfc7098b76'"),
    ('decode iso2022_jp_2', "UnicodeDecodeError: 'iso2022_jp_2' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp_2 strict', "'028672a2dd9dda65'"),
    ('pieces iso2022_jp_2 replace', "'7e61be36dd75e737'"),
    ('pieces iso2022_jp_2 surrogateescape', "'44c3a2e9390128cd'"),
    ('streams iso2022_jp_2', "'77a62a054e62bb54'"),
    ('encode iso2022_jp_2004', "'b00bb27abc5d33f9'"),
    ('decode iso2022_jp_2004', "UnicodeDecodeError: 'iso2022_jp_2004' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp_2004 strict', "'70c961d74fcd2f79'"),
    ('pieces iso2022_jp_2004 replace', "'5c726cf5c30e9fe7'"),
    ('pieces iso2022_jp_2004 surrogateescape', "'c432681ecff0c13a'"),
    ('streams iso2022_jp_2004', "'420f18cd8bcbe674'"),
    ('encode iso2022_jp_3', "'7fb1bc6b01e82aa8'"),
    ('decode iso2022_jp_3', "UnicodeDecodeError: 'iso2022_jp_3' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp_3 strict', "'43c335d5941cfd38'"),
    ('pieces iso2022_jp_3 replace', "'ef010bdc0311324c'"),
    ('pieces iso2022_jp_3 surrogateescape', "'e306ac8d76df46f9'"),
    ('streams iso2022_jp_3', "'0ee1ced2932da561'"),
    ('encode iso2022_jp_ext', "'adf3a2e630c1f93b'"),
    ('decode iso2022_jp_ext', "UnicodeDecodeError: 'iso2022_jp_ext' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_jp_ext strict', "'26887096ef7f499a'"),
    ('pieces iso2022_jp_ext replace', "'eb5b5536c79141b9'"),
    ('pieces iso2022_jp_ext surrogateescape', "'5daf0ad5b7bb1cbe'"),
    ('streams iso2022_jp_ext', "'117bb5a82b6ee4b6'"),
    ('encode iso2022_kr', "'61dc450a0a612314'"),
    ('decode iso2022_kr', "UnicodeDecodeError: 'iso2022_kr' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('pieces iso2022_kr strict', "'8c78effb8c712805'"),
    ('pieces iso2022_kr replace', "'9cadd09971ade08b'"),
    ('pieces iso2022_kr surrogateescape', "'705b7a7dcba45102'"),
    ('streams iso2022_kr', "'13913ef514e478c9'"),
    ('strict encode', "UnicodeEncodeError: 'big5' codec can't encode character '\\uffff' in position 0: illegal multibyte sequence"),
    ('strict decode', "UnicodeDecodeError: 'big5' codec can't decode byte ADDRESS in position 1: illegal multibyte sequence"),
    ('null between', "['ｱ\\x00ｱa\\x00亜', 'ｱ\\x00ｱa\\x00亜']"),
    ('incomplete', "UnicodeDecodeError: 'gb18030' codec can't decode byte ADDRESS in position 1: incomplete multibyte sequence"),
    ('unknown handler', "LookupError: unknown error handler name 'test.unknown'"),
    ('handler unused', "(b'a', 1)"),
    ('not for decoding', "TypeError: don't know how to handle UnicodeDecodeError in error callback"),
    ('no text', "(b'12', 2)"),
    ('no bytes', "TypeError: a bytes-like object is required, not 'str'"),
    ('text for bytes', "((b'a?b', 3), ('a??', 3))"),
    ('unencodable', "UnicodeEncodeError: 'euc_jis_2004' codec can't encode character '\\ufffe' in position 0: illegal multibyte sequence"),
    ('bytes', 'TypeError: decoding error handler must return (str, int) tuple'),
    ('far', 'IndexError: position -1 from error handler out of bounds'),
    ('behind', 'IndexError: position 4 from error handler out of bounds'),
    ('before', 'IndexError: position -1 from error handler out of bounds'),
    ('no tuple', 'TypeError: encoding error handler must return (str, int) tuple'),
    ('no place', 'TypeError: encoding error handler must return (str, int) tuple'),
    ('decoded no place', 'TypeError: decoding error handler must return (str, int) tuple'),
    ('decoded bytes', 'TypeError: decoding error handler must return (str, int) tuple'),
    ('decoded far', 'IndexError: position -1 from error handler out of bounds'),
    ('encoder state', '2340545283'),
    ('encoder state negative', "OverflowError: can't convert negative int to unsigned"),
    ('encoder state long', 'OverflowError: int too big to convert'),
    ('encoder state full', 'UnicodeError: pending buffer too large'),
    ('encoder state not UTF-8', "UnicodeDecodeError: 'utf-8' codec can't decode byte ADDRESS in position 0: invalid start byte"),
    ('encoder state text', 'TypeError: setstate() argument must be int, not str'),
    ('decoder state', "(b'\\xa4', 5)"),
    ('decoder state int', 'TypeError: setstate() argument must be tuple, not int'),
    ('decoder state text', 'TypeError: setstate(): illegal state argument'),
    ('decoder state full', "UnicodeDecodeError: 'euc_jis_2004' codec can't decode bytes in position 0-8: pending buffer too large"),
    ('decoder state negative', "OverflowError: can't convert negative int to unsigned"),
    ('overflow', "UnicodeDecodeError: 'iso2022_jp' codec can't decode bytes in position 0-13: pending buffer overflow"),
    ('no codec', "AttributeError: type object 'Coder' has no attribute 'codec'"),
    ('wrong codec', 'TypeError: codec is unexpected type'),
    ('no stream', "TypeError: StreamWriter() missing required argument 'stream' (pos 1)"),
    ('errors not text', 'TypeError: IncrementalDecoder() argument 1 must be str, not int'),
    ('errors twice', 'TypeError: IncrementalDecoder() takes at most 1 argument (2 given)'),
    ('read text', 'TypeError: stream function returned a non-bytes object (str)'),
    ('read half', "UnicodeDecodeError: 'gbk' codec can't decode byte ADDRESS in position 0: incomplete multibyte sequence"),
    ('read what', 'TypeError: arg 1 must be an integer'),
    ('write iterator', 'TypeError: arg must be a sequence object'),
    ('getcodec', 'LookupError: no such codec is supported.'),
    ('getcodec int', 'TypeError: encoding name must be a string.'),
    ('new codec', "TypeError: cannot create '_multibytecodec.MultibyteCodec' instances"),
]

if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        for name, function in functions():
            print(f"    ({name!r}, {outcome(function)!r}),")
    else:
        check(dict(functions()), EXPECTED)
