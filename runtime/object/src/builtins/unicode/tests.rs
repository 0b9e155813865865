//! Method calls on `str`, `bytes` and `bytearray` give what the reference gives (`data/strings.txt`).
use crate::args::{Args, as_borrowed};
use crate::testing::with_runtime;
use crate::{
    Attached, ByteArray, Bytes, Dict, Float, Int, IntoObject, Layout, List, MemoryView, Object, PyResult, Ref, Slice,
    Str, Tuple,
};

/// Reads the literals that `ascii()` writes.
struct Reader<'py, 'a> {
    py: Attached<'py>,
    text: &'a [u8],
    at: usize,
}

impl Reader<'_, '_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn items(&mut self, end: u8) -> PyResult<Vec<Ref<Object>>> {
        let mut items = Vec::new();
        loop {
            while matches!(self.peek(), b' ' | b',' | b':') {
                self.at += 1;
            }
            if self.peek() == end {
                self.at += 1;
                return Ok(items);
            }
            items.push(self.value()?);
        }
    }

    fn points(&mut self) -> Vec<u32> {
        let quote = self.peek();
        self.at += 1;
        let mut out = Vec::new();
        while self.peek() != quote {
            let byte = self.peek();
            self.at += 1;
            if byte != b'\\' {
                out.push(byte.into());
                continue;
            }
            let code = self.peek();
            self.at += 1;
            let digits = match code {
                b'x' => 2,
                b'u' => 4,
                b'U' => 8,
                b'n' => {
                    out.push(10);
                    continue;
                }
                b'r' => {
                    out.push(13);
                    continue;
                }
                b't' => {
                    out.push(9);
                    continue;
                }
                other => {
                    out.push(other.into());
                    continue;
                }
            };
            let hex = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap();
            out.push(u32::from_str_radix(hex, 16).unwrap());
            self.at += digits;
        }
        self.at += 1;
        out
    }

    fn value(&mut self) -> PyResult<Ref<Object>> {
        let py = self.py;
        if self.eat("None") {
            return Ok(crate::none());
        }
        if self.eat("Ellipsis") {
            return Ok(crate::ellipsis());
        }
        if self.eat("slice(") {
            let parts = self.items(b')')?;
            return Ok(Slice::new(py, Some(&parts[0]), Some(&parts[1]), Some(&parts[2]))?.upcast());
        }
        if self.eat("memoryview(") {
            let inner = self.value()?;
            self.at += 1;
            return Ok(MemoryView::new(py, &inner)?.upcast());
        }
        if self.eat("bytearray(") {
            let inner = self.value()?;
            self.at += 1;
            let bytes = inner.downcast::<Bytes>().ok().unwrap();
            return Ok(ByteArray::new(py, bytes.as_slice())?.upcast());
        }
        match self.peek() {
            b'\'' | b'"' => {
                let points = self.points();
                Ok(Str::from_code_points(py, &points)?.upcast())
            }
            b'b' => {
                self.at += 1;
                let bytes: Vec<u8> = self.points().iter().map(|&point| point as u8).collect();
                Ok(Bytes::new(py, &bytes)?.upcast())
            }
            b'(' => {
                self.at += 1;
                let items = self.items(b')')?;
                Ok(Tuple::from_vec(py, items)?.upcast())
            }
            b'[' => {
                self.at += 1;
                let items = self.items(b']')?;
                Ok(List::from_vec(py, items)?.upcast())
            }
            b'{' => {
                self.at += 1;
                let items = self.items(b'}')?;
                let dict = Dict::new(py)?;
                for pair in items.chunks(2) {
                    dict.set(py, &pair[0], &pair[1])?;
                }
                Ok(dict.upcast())
            }
            _ => {
                if self.eat("True") {
                    return true.into_object(py);
                }
                if self.eat("False") {
                    return false.into_object(py);
                }
                let start = self.at;
                while matches!(self.peek(), b'-' | b'+' | b'.' | b'e' | b'0'..=b'9') {
                    self.at += 1;
                }
                let text = std::str::from_utf8(&self.text[start..self.at]).unwrap();
                if text.contains('.') || text.contains('e') {
                    return Ok(Float::new(py, text.parse().unwrap())?.upcast());
                }
                Ok(Int::parse(py, text, 10)?.unwrap().upcast())
            }
        }
    }
}

fn read(py: Attached<'_>, text: &str) -> PyResult<Ref<Object>> {
    Reader { py, text: text.as_bytes(), at: 0 }.value()
}

const MUTATORS: &[&str] = &[
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "clear",
    "resize",
    "__setitem__",
    "__delitem__",
    "__iadd__",
    "__imul__",
];

fn call(py: Attached<'_>, receiver: &str, method: &str, args: &str, kwargs: &str) -> PyResult<Ref<Str>> {
    let target = read(py, receiver)?;
    let args = read(py, args)?.downcast::<Tuple>().ok().unwrap();
    let kwargs = read(py, kwargs)?.downcast::<Dict>().ok().unwrap();
    let (names, values): (Vec<_>, Vec<_>) = kwargs.items_snapshot(py)?.into_iter().unzip();
    let function = target.get_attr(py, &*Str::new(py, method)?)?;
    let mut result =
        function.call(py, Args { pos: args.as_slice(), names: as_borrowed(&names), values: as_borrowed(&values) })?;
    if receiver.starts_with("bytearray") && MUTATORS.contains(&method) && !result.is(&*target) {
        result = Tuple::from_slice(py, &[&*result, &*target])?.upcast();
    }
    result.ascii(py)
}

#[test]
fn methods_agree_with_the_reference() {
    with_runtime(compare_all);
}

/// A result or error as the data files show it.
fn shown(py: Attached<'_>, result: PyResult<Ref<Str>>) -> String {
    match result {
        Ok(text) => text.to_string(),
        Err(raised) => {
            let error = raised.take(py);
            let name = error.as_object().ty().name().into_owned();
            match error.as_object().str(py).and_then(|text| text.as_object().ascii(py)) {
                Ok(text) => format!("!{name}: {text}"),
                Err(raised) => {
                    raised.clear(py);
                    format!("!{name}: ?")
                }
            }
        }
    }
}

/// Counts and shows differences.
#[derive(Default)]
struct Tally {
    total: usize,
    failed: usize,
    /// Differences already shown.
    kinds: std::collections::HashSet<(String, String)>,
}

impl Tally {
    fn check(&mut self, what: &str, expected: &str, result: &str) {
        self.total += 1;
        // The two sides quote messages differently.
        let plain = |text: &str| text.replace(['\'', '"', '\\'], "");
        let same = if expected.starts_with('!') { plain(result) == plain(expected) } else { result == expected };
        if !same {
            self.failed += 1;
            if self.kinds.insert((expected.to_owned(), result.to_owned())) && self.kinds.len() <= 60 {
                println!("{what}\n  expected {expected}\n  got      {result}");
            }
        }
    }

    fn finish(self) {
        assert_eq!(self.failed, 0, "of {}", self.total);
    }
}

fn compare_all(py: Attached<'_>) {
    let mut tally = Tally::default();
    for line in include_str!("../../../tests/data/strings.txt").lines() {
        let [receiver, method, args, kwargs, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five fields: {line}");
        };
        let result = shown(py, call(py, receiver, method, args, kwargs));
        tally.check(&format!("{receiver}.{method}{args}{kwargs}"), expected, &result);
    }
    tally.finish();
}

fn chain(py: Attached<'_>, receiver: &str, steps: &str) -> PyResult<Ref<Str>> {
    let mut value = read(py, receiver)?;
    for step in steps.split(" ; ") {
        let (name, args) = step.split_once('|').unwrap();
        value = value.get_attr(py, &*Str::new(py, name)?)?;
        if args != "-" {
            let args = read(py, args)?.downcast::<Tuple>().ok().unwrap();
            value = value.call(py, Args::positional(args.as_slice()))?;
        }
    }
    if value.as_object().downcast::<MemoryView>().is_some() {
        let list = List::new(py)?;
        for name in ["format", "shape", "strides", "readonly", "c_contiguous", "f_contiguous"] {
            list.push(py, value.get_attr(py, &*Str::new(py, name)?)?)?;
        }
        list.push(py, value.call_method(py, &*Str::new(py, "tobytes")?, &[])?)?;
        return list.as_object().ascii(py);
    }
    value.ascii(py)
}

#[test]
fn views_agree_with_the_reference() {
    with_runtime(|py| {
        let mut tally = Tally::default();
        for line in include_str!("../../../tests/data/views.txt").lines() {
            let [receiver, steps, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three fields: {line}");
            };
            tally.check(&format!("{receiver}  {steps}"), expected, &shown(py, chain(py, receiver, steps)));
        }
        tally.finish();
    });
}

#[test]
fn appending_gives_the_concatenation() {
    with_runtime(|py| {
        let pieces = ["a", "bc", "é", "\u{1234}", "x", "\u{1F600}", "tail"];
        let (mut text, mut expected) = (Str::new(py, "start").ok().unwrap(), String::from("start"));
        for round in 0..400 {
            let piece = pieces[if round < 100 { round % 2 } else { round % pieces.len() }];
            text = Str::append_in_place(py, text, &Str::new(py, piece).ok().unwrap()).ok().unwrap();
            expected.push_str(piece);
            assert!(text.eq_str(&expected));
            if round % 7 == 0 {
                let fresh = Str::new(py, &expected).ok().unwrap();
                assert_eq!(text.hash(), fresh.hash());
                assert_eq!(text.to_utf8(py).ok(), Some(expected.as_str()));
                assert!(Str::eq(&text, &fresh));
            }
        }
    });
}
