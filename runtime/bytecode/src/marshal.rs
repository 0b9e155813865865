//! Writes code objects in the `marshal` format, version 4 without references between objects.
//!
//! CPython 3.14 writes version 5, which adds slices; every reader of version 5 reads what is written here.

use crate::{CodeObject, Constant, Wtf8};
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

/// The bytes that `marshal.loads` turns into the code object.
pub fn dump_code(code: &CodeObject) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new() };
    writer.code(code);
    writer.out
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn long(&mut self, value: u32) {
        self.out.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.out.push(b's');
        self.long(value.len() as u32);
        self.out.extend(value);
    }

    fn text(&mut self, value: &Wtf8, intern: bool) {
        let bytes = value.as_bytes();
        if bytes.is_ascii() {
            if bytes.len() < 256 {
                self.out.extend([if intern { b'Z' } else { b'z' }, bytes.len() as u8]);
            } else {
                self.out.push(if intern { b'A' } else { b'a' });
                self.long(bytes.len() as u32);
            }
        } else {
            self.out.push(if intern { b't' } else { b'u' });
            self.long(bytes.len() as u32);
        }
        self.out.extend(bytes);
    }

    fn int(&mut self, value: &BigInt) {
        if let Some(small) = value.to_i32() {
            self.out.push(b'i');
            self.out.extend(small.to_le_bytes());
            return;
        }
        // Digits of 15 bits, least significant first; the count carries the sign.
        let mut digits = Vec::new();
        let (sign, words) = value.to_u32_digits();
        let (mut acc, mut bits) = (0u64, 0);
        for word in words {
            acc |= u64::from(word) << bits;
            bits += 32;
            while bits >= 15 {
                digits.push((acc & 0x7fff) as u16);
                acc >>= 15;
                bits -= 15;
            }
        }
        digits.push(acc as u16);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let count = digits.len() as i32;
        self.out.push(b'l');
        self.out.extend((if sign == Sign::Minus { -count } else { count }).to_le_bytes());
        for digit in digits {
            self.out.extend(digit.to_le_bytes());
        }
    }

    fn tuple(&mut self, values: &[Constant]) {
        self.sized(b'(', values.len());
        for value in values {
            self.constant(value);
        }
    }

    fn sized(&mut self, tag: u8, len: usize) {
        if tag == b'(' && len < 256 {
            self.out.extend([b')', len as u8]);
        } else {
            self.out.push(tag);
            self.long(len as u32);
        }
    }

    fn names(&mut self, names: &[Wtf8]) {
        self.sized(b'(', names.len());
        for name in names {
            self.text(name, true);
        }
    }

    fn constant(&mut self, value: &Constant) {
        match value {
            Constant::None => self.out.push(b'N'),
            Constant::True => self.out.push(b'T'),
            Constant::False => self.out.push(b'F'),
            Constant::Ellipsis => self.out.push(b'.'),
            Constant::Int(v) => self.int(v),
            Constant::Float(v) => {
                self.out.push(b'g');
                self.out.extend(v.to_le_bytes());
            }
            Constant::Complex(re, im) => {
                self.out.push(b'y');
                self.out.extend(re.to_le_bytes());
                self.out.extend(im.to_le_bytes());
            }
            Constant::Str(v) => self.text(v, v.is_name_like()),
            Constant::Bytes(v) => self.bytes(v),
            Constant::Tuple(v) => self.tuple(v),
            Constant::FrozenSet(v) => {
                self.out.push(b'>');
                self.long(v.len() as u32);
                for item in v {
                    self.constant(item);
                }
            }
            Constant::Slice(v) => {
                self.out.push(b':');
                for item in v.iter() {
                    self.constant(item);
                }
            }
            Constant::Code(v) => self.code(v),
        }
    }

    fn code(&mut self, code: &CodeObject) {
        self.out.push(b'c');
        for number in [code.argcount, code.posonlyargcount, code.kwonlyargcount, code.stacksize, code.flags] {
            self.long(number);
        }
        self.bytes(&code.code);
        self.tuple(&code.consts);
        self.names(&code.names);
        self.names(&code.localsplusnames);
        self.bytes(&code.localspluskinds);
        self.text(&code.filename, false);
        self.text(&code.name, true);
        self.text(&code.qualname, true);
        self.long(code.firstlineno as u32);
        self.bytes(&code.linetable);
        self.bytes(&code.exceptiontable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let mut writer = Writer { out: Vec::new() };
        writer.int(&(BigInt::from(1) << 40));
        writer.int(&BigInt::from(-5));
        assert_eq!(writer.out, b"l\x03\x00\x00\x00\x00\x00\x00\x00\x00\x04i\xfb\xff\xff\xff");
    }
}
