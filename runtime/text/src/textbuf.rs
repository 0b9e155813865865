//! Text under construction that is ASCII until something else is pushed.

/// ASCII text, or any code points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextBuf {
    /// Only ASCII so far.
    Ascii(String),
    /// Any code points, lone surrogates included.
    Wide(Vec<u32>),
}

impl Default for TextBuf {
    fn default() -> Self {
        TextBuf::Ascii(String::new())
    }
}

impl TextBuf {
    /// Empty text with room for `capacity` characters.
    pub fn with_capacity(capacity: usize) -> Self {
        TextBuf::Ascii(String::with_capacity(capacity))
    }
    /// Empty text with room for `capacity` ASCII characters, or `None` if there is no memory for it.
    pub fn try_with_capacity(capacity: usize) -> Option<Self> {
        let mut text = String::new();
        text.try_reserve(capacity).ok()?;
        Some(TextBuf::Ascii(text))
    }
    /// Length in code points.
    pub fn len(&self) -> usize {
        match self {
            TextBuf::Ascii(s) => s.len(),
            TextBuf::Wide(v) => v.len(),
        }
    }
    /// Whether there is no character.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn widen(&mut self) -> &mut Vec<u32> {
        if let TextBuf::Ascii(s) = self {
            *self = TextBuf::Wide(s.bytes().map(u32::from).collect());
        }
        match self {
            TextBuf::Wide(v) => v,
            TextBuf::Ascii(_) => unreachable!("widened above"),
        }
    }
    /// Append one code point.
    #[inline]
    pub fn push(&mut self, cp: u32) {
        match self {
            TextBuf::Ascii(s) if cp < 128 => s.push(cp as u8 as char),
            TextBuf::Wide(v) => v.push(cp),
            TextBuf::Ascii(_) => self.widen().push(cp),
        }
    }
    /// Append text.
    pub fn push_str(&mut self, text: &str) {
        match self {
            TextBuf::Ascii(s) if text.is_ascii() => s.push_str(text),
            _ => self.widen().extend(text.chars().map(u32::from)),
        }
    }
    /// Append code points.
    pub fn extend(&mut self, text: impl IntoIterator<Item = u32>) {
        for cp in text {
            self.push(cp);
        }
    }
    /// Append `count` times the same code point.
    pub fn fill(&mut self, cp: u32, count: usize) {
        match self {
            TextBuf::Ascii(s) if cp < 128 => s.extend(std::iter::repeat_n(cp as u8 as char, count)),
            _ if count == 0 => {}
            _ => self.widen().extend(std::iter::repeat_n(cp, count)),
        }
    }
    /// The code points.
    pub fn into_code_points(self) -> Vec<u32> {
        match self {
            TextBuf::Ascii(s) => s.bytes().map(u32::from).collect(),
            TextBuf::Wide(v) => v,
        }
    }
}

impl From<&str> for TextBuf {
    fn from(text: &str) -> Self {
        let mut out = TextBuf::with_capacity(text.len());
        out.push_str(text);
        out
    }
}
