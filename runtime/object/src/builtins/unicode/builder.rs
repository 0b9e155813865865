//! [`StrBuilder`]: text that grows at its end and widens when a larger character comes.
//!
//! Appending does not fail: text that finds no memory is given up, and [`StrBuilder::finish`] raises `MemoryError`.
use super::{Str, StrData, base};
use crate::PyResult;
use crate::handle::{Attached, Layout, Ref};

/// Text under construction; the basis of `PyUnicodeWriter`.
#[derive(Clone)]
pub struct StrBuilder {
    buffer: Buffer,
    /// The "or" of all characters, so that the result gets the narrowest kind.
    all: u32,
    /// The string that the text began with, to be the result if nothing follows.
    whole: Option<Ref<Str>>,
    /// Whether there was no memory for the text.
    given_up: bool,
}

/// Makes room for `extra` units; whether there is.
#[inline]
fn room<T>(units: &mut Vec<T>, extra: usize) -> bool {
    units.capacity() - units.len() >= extra || units.try_reserve(extra).is_ok()
}

/// The units as wider ones, with room for as many, if there is memory for them.
fn widened<T: Copy, U: From<T>>(units: &Vec<T>) -> Option<Vec<U>> {
    let mut wide = Vec::new();
    wide.try_reserve(units.capacity()).ok()?;
    wide.extend(units.iter().map(|&unit| U::from(unit)));
    Some(wide)
}

#[derive(Clone)]
enum Buffer {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
}

impl Default for StrBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl StrBuilder {
    pub const fn new() -> Self {
        StrBuilder { buffer: Buffer::One(Vec::new()), all: 0, whole: None, given_up: false }
    }

    /// Room for `capacity` Latin-1 characters. A bound of 64 Ki keeps hostile sizes harmless.
    pub fn with_capacity(capacity: usize) -> Self {
        StrBuilder {
            buffer: Buffer::One(Vec::with_capacity(capacity.min(1 << 16))),
            all: 0,
            whole: None,
            given_up: false,
        }
    }

    /// Characters so far.
    pub fn len(&self) -> usize {
        match &self.buffer {
            Buffer::One(units) => units.len(),
            Buffer::Two(units) => units.len(),
            Buffer::Four(units) => units.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The character at `at`, if there is one.
    pub fn get(&self, at: usize) -> Option<u32> {
        match &self.buffer {
            Buffer::One(units) => units.get(at).map(|&unit| u32::from(unit)),
            Buffer::Two(units) => units.get(at).map(|&unit| u32::from(unit)),
            Buffer::Four(units) => units.get(at).copied(),
        }
    }

    /// Makes room for characters up to `max`.
    fn widen(&mut self, max: u32) {
        self.all |= max;
        let kind = base::kind_for(max);
        let wide = match &self.buffer {
            Buffer::One(units) if kind == 2 => widened(units).map(Buffer::Two),
            Buffer::One(units) if kind == 4 => widened(units).map(Buffer::Four),
            Buffer::Two(units) if kind == 4 => widened(units).map(Buffer::Four),
            _ => return,
        };
        match wide {
            Some(wide) => self.buffer = wide,
            None => {
                self.give_up();
                // Whatever comes next fits.
                self.buffer = Buffer::Four(Vec::new());
            }
        }
    }

    /// Makes room for `extra` more characters; whether there is.
    #[inline]
    fn room(&mut self, extra: usize) -> bool {
        let fits = match &mut self.buffer {
            Buffer::One(units) => room(units, extra),
            Buffer::Two(units) => room(units, extra),
            Buffer::Four(units) => room(units, extra),
        };
        if !fits {
            self.give_up();
        }
        fits
    }

    #[cold]
    fn give_up(&mut self) {
        self.given_up = true;
        self.whole = None;
        match &mut self.buffer {
            Buffer::One(units) => *units = Vec::new(),
            Buffer::Two(units) => *units = Vec::new(),
            Buffer::Four(units) => *units = Vec::new(),
        }
    }

    /// Appends one code point.
    #[inline]
    pub fn push(&mut self, point: u32) {
        match &mut self.buffer {
            Buffer::One(units) if point < 0x100 && units.len() < units.capacity() => units.push(point as u8),
            Buffer::Two(units) if point < 0x1_0000 && units.len() < units.capacity() => units.push(point as u16),
            Buffer::Four(units) if units.len() < units.capacity() => units.push(point),
            _ => return self.slow_push(point),
        }
        self.all |= point;
    }

    /// [`StrBuilder::push`] where the text has to widen or to grow.
    #[cold]
    fn slow_push(&mut self, point: u32) {
        self.widen(point);
        if !self.room(1) {
            return;
        }
        match &mut self.buffer {
            Buffer::One(units) => units.push(point as u8),
            Buffer::Two(units) => units.push(point as u16),
            Buffer::Four(units) => units.push(point),
        }
    }

    /// Appends `count` times one code point. The result may not fit into memory: see [`StrBuilder::try_reserve`].
    pub fn push_many(&mut self, point: u32, count: usize) {
        if count == 0 {
            return;
        }
        self.widen(point);
        if !self.room(count) {
            return;
        }
        match &mut self.buffer {
            Buffer::One(units) => units.resize(units.len() + count, point as u8),
            Buffer::Two(units) => units.resize(units.len() + count, point as u16),
            Buffer::Four(units) => units.resize(units.len() + count, point),
        }
    }

    /// Makes sure that `extra` more characters fit.
    pub fn try_reserve(&mut self, py: Attached<'_>, extra: usize) -> PyResult<()> {
        let result = match &mut self.buffer {
            Buffer::One(units) => units.try_reserve(extra),
            Buffer::Two(units) => units.try_reserve(extra),
            Buffer::Four(units) => units.try_reserve(extra),
        };
        result.map_err(|_| py.no_memory())
    }

    pub fn push_str(&mut self, text: &str) {
        if text.is_ascii() {
            return self.push_latin1(text.as_bytes());
        }
        text.chars().for_each(|ch| self.push(ch as u32));
    }

    /// Appends Latin-1 (so also ASCII) bytes.
    pub fn push_latin1(&mut self, text: &[u8]) {
        if !text.is_ascii() {
            self.all |= 0xFF;
        }
        if !self.room(text.len()) {
            return;
        }
        match &mut self.buffer {
            Buffer::One(units) => units.extend_from_slice(text),
            Buffer::Two(units) => units.extend(text.iter().map(|&unit| u16::from(unit))),
            Buffer::Four(units) => units.extend(text.iter().map(|&unit| u32::from(unit))),
        }
    }

    /// Appends code points below U+10000.
    pub fn push_ucs2(&mut self, units: &[u16]) {
        self.widen(base::or_all(units));
        if !self.room(units.len()) {
            return;
        }
        match &mut self.buffer {
            Buffer::One(out) => out.extend(units.iter().map(|&unit| unit as u8)),
            Buffer::Two(out) => out.extend_from_slice(units),
            Buffer::Four(out) => out.extend(units.iter().map(|&unit| u32::from(unit))),
        }
    }

    pub fn push_points(&mut self, points: &[u32]) {
        points.iter().for_each(|&point| self.push(point));
    }

    /// Appends a string.
    pub fn push_obj(&mut self, text: &Str) {
        self.push_slice(text, 0, text.len());
    }

    /// Appends the characters `start..end` of a string.
    pub fn push_slice(&mut self, text: &Str, start: usize, end: usize) {
        if start >= end {
            return;
        }
        if self.is_empty() && end - start == text.len() && text.as_object().downcast_exact::<Str>().is_some() {
            self.whole = Some(text.to_ref());
        }
        match text.data() {
            StrData::Ascii(units) | StrData::Latin1(units) => self.push_latin1(&units[start..end]),
            StrData::Ucs2(units) => self.push_ucs2(&units[start..end]),
            StrData::Ucs4(units) => {
                let units = &units[start..end];
                self.widen(base::or_all(units));
                if !self.room(units.len()) {
                    return;
                }
                match &mut self.buffer {
                    Buffer::One(out) => out.extend(units.iter().map(|&unit| unit as u8)),
                    Buffer::Two(out) => out.extend(units.iter().map(|&unit| unit as u16)),
                    Buffer::Four(out) => out.extend_from_slice(units),
                }
            }
        }
    }

    /// Drops characters from the end.
    pub fn truncate(&mut self, len: usize) {
        self.whole = None;
        match &mut self.buffer {
            Buffer::One(units) => units.truncate(len),
            Buffer::Two(units) => units.truncate(len),
            Buffer::Four(units) => units.truncate(len),
        }
        // Characters that decided the kind may be gone.
        self.all = match &self.buffer {
            Buffer::One(units) => base::max_char(units),
            Buffer::Two(units) => base::or_all(units),
            Buffer::Four(units) => base::or_all(units),
        };
    }

    /// The text as a string.
    ///
    /// # Errors
    /// `MemoryError`, also if there was none for what was appended.
    pub fn finish(self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        if self.given_up {
            return Err(py.no_memory());
        }
        if let Some(whole) = &self.whole
            && whole.len() == self.len()
        {
            return Ok(whole.clone());
        }
        match &self.buffer {
            Buffer::One(units) => Str::from_units_max(py, units, self.all),
            Buffer::Two(units) => Str::from_units_max(py, units, self.all),
            Buffer::Four(units) => Str::from_units_max(py, units, self.all),
        }
    }
}

impl std::fmt::Write for StrBuilder {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push_str(text);
        Ok(())
    }
}
