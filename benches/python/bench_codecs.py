"""East Asian codecs over a long text: nanoseconds for each character."""
from measure import best, report

HAN = "\u4e00\u4e8c\u4e09\u4eba\u5927\u5b66\u65e5\u672c\u4e2d\u56fd\u6587\u5b57\u5316\u4e16\u754c\u3001\u3002"
TEXTS = {
    "gb2312": HAN,
    "gbk": HAN + "ab",
    "gb18030": HAN + "\u1234\U00020000",
    "hz": HAN + "\n",
    "big5": "\u4e00\u4e8c\u4eba\u5927\u65e5\u672c\u6587\u5b57",
    "big5hkscs": "\u4e00\u4e8c\u4eba\u5927\u65e5\u672c\u6587\u5b57\u00ca",
    "shift_jis": "\u65e5\u672c\u8a9e\u3067\u3059\u30ab\u30ca\uff76ab",
    "euc_jp": "\u65e5\u672c\u8a9e\u3067\u3059\u30ab\u30ca\uff76ab",
    "euc_jis_2004": "\u65e5\u672c\u8a9e\u3067\u3059\u30ab\u309a\u30ca",
    "iso2022_jp": "\u65e5\u672c\u8a9e\u3067\u3059\u30ab\u30cab\n",
    "euc_kr": "\ud55c\uad6d\uc5b4 \ubb38\uc790",
    "cp949": "\ud55c\uad6d\uc5b4 \ubb38\uc790\ub620",
    "johab": "\ud55c\uad6d\uc5b4 \ubb38\uc790\ub620",
}


def main():
    for codec, text in TEXTS.items():
        text *= 20000 // len(text)
        data = text.encode(codec)

        def encode(n):
            for _ in range(n):
                text.encode(codec)

        def decode(n):
            for _ in range(n):
                data.decode(codec)

        report(f"{codec} encode", best(encode, len(text)), "ns")
        report(f"{codec} decode", best(decode, len(text)), "ns")


if __name__ == "__main__":
    main()
