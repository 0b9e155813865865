//! Tests of one character.

use super::{ascii_lower, unicode_lower};
use crate::unicode;

/// A code unit of the text.
pub trait Unit: Copy + Eq + Into<u32> {
    /// Whether all values are below 256.
    const NARROW: bool;
    /// The slice as bytes, if units are bytes.
    fn bytes(text: &[Self]) -> Option<&[u8]>;
}

impl Unit for u8 {
    const NARROW: bool = true;
    fn bytes(text: &[u8]) -> Option<&[u8]> {
        Some(text)
    }
}
impl Unit for u16 {
    const NARROW: bool = false;
    fn bytes(_: &[u16]) -> Option<&[u8]> {
        None
    }
}
impl Unit for u32 {
    const NARROW: bool = false;
    fn bytes(_: &[u32]) -> Option<&[u8]> {
        None
    }
}

/// What the C locale functions say about the 256 bytes.
#[derive(Clone, Debug)]
pub struct LocaleTable {
    /// `tolower`
    pub lower: [u8; 256],
    /// `toupper`
    pub upper: [u8; 256],
    /// `isalnum`
    pub alnum: [bool; 256],
}

impl Default for LocaleTable {
    /// The C locale.
    fn default() -> Self {
        let byte = |i: usize| i as u8;
        LocaleTable {
            lower: std::array::from_fn(|i| byte(i).to_ascii_lowercase()),
            upper: std::array::from_fn(|i| byte(i).to_ascii_uppercase()),
            alnum: std::array::from_fn(|i| byte(i).is_ascii_alphanumeric()),
        }
    }
}

impl LocaleTable {
    pub(super) fn lower(&self, cp: u32) -> u32 {
        self.lower.get(cp as usize).map_or(cp, |&b| b.into())
    }
    pub(super) fn upper(&self, cp: u32) -> u32 {
        self.upper.get(cp as usize).map_or(cp, |&b| b.into())
    }
    pub(super) fn is_word(&self, cp: u32) -> bool {
        self.alnum.get(cp as usize).is_some_and(|&a| a) || cp == '_' as u32
    }
}

/// How case is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// It is not.
    None,
    /// ASCII letters only.
    Ascii,
    /// By the simple lower-case mapping.
    Unicode,
    /// By the locale.
    Locale,
}

impl Fold {
    pub(super) fn lower(self, cp: u32, locale: &LocaleTable) -> u32 {
        match self {
            Fold::None => cp,
            Fold::Ascii => ascii_lower(cp),
            Fold::Unicode => unicode_lower(cp),
            Fold::Locale => locale.lower(cp),
        }
    }
}

/// Word characters by Unicode.
pub(super) fn is_unicode_word(cp: u32) -> bool {
    unicode::is_alnum(cp) || cp == '_' as u32
}

/// Word characters in ASCII.
pub(super) fn is_ascii_word(cp: u32) -> bool {
    cp < 128 && ((cp as u8).is_ascii_alphanumeric() || cp == '_' as u32)
}

/// A category, by its number in the code words.
pub(super) fn in_category(category: u32, cp: u32, locale: &LocaleTable) -> bool {
    let yes = match category & !1 {
        0 => (0x30..0x3A).contains(&cp),
        2 => cp == 0x20 || (9..14).contains(&cp),
        4 => is_ascii_word(cp),
        6 => cp == 10,
        8 => locale.is_word(cp),
        10 => unicode::is_decimal(cp),
        12 => unicode::is_space(cp),
        14 => is_unicode_word(cp),
        _ => unicode::is_linebreak(cp),
    };
    yes != (category & 1 == 1)
}

/// A member of a set.
#[derive(Clone, Debug)]
pub enum Item {
    /// One code point.
    Literal(u32),
    /// From the first to the second.
    Range(u32, u32),
    /// The same, also for the upper-case form of the character.
    RangeIgnore(u32, u32),
    /// A category.
    Category(u32),
    /// 256 bits for the code points below 256.
    Bitmap([u32; 8]),
    /// Which bitmap each of 256 blocks has.
    Blocks(Box<([u8; 256], Vec<[u32; 8]>)>),
    /// What follows is the complement.
    Negate,
}

/// A set of characters.
#[derive(Clone, Debug)]
pub struct Set {
    items: Vec<Item>,
    fold: Fold,
    /// Membership of the code points below 256.
    bits: [u64; 4],
    /// Depends on the locale, so `bits` means nothing.
    dynamic: bool,
}

impl Set {
    /// Bytes of memory outside the value itself.
    pub fn size_apart(&self) -> usize {
        self.items.capacity() * size_of::<Item>()
    }

    /// A set of `items`, asked after folding the character.
    pub fn new(items: Vec<Item>, fold: Fold) -> Self {
        let dynamic = fold == Fold::Locale || items.iter().any(|item| matches!(item, Item::Category(c) if c & !1 == 8));
        let mut set = Set { items, fold, bits: [0; 4], dynamic };
        if !dynamic {
            let locale = LocaleTable::default();
            for cp in 0..256 {
                if set.slow(cp, &locale) {
                    set.bits[cp as usize / 64] |= 1 << (cp % 64);
                }
            }
        }
        set
    }

    /// Whether `cp` is a member.
    #[inline]
    pub fn has(&self, cp: u32, locale: &LocaleTable) -> bool {
        if cp < 256 && !self.dynamic {
            self.bits[(cp / 64) as usize] >> (cp % 64) & 1 != 0
        } else {
            self.slow(cp, locale)
        }
    }

    #[cold]
    fn slow(&self, cp: u32, locale: &LocaleTable) -> bool {
        match self.fold {
            Fold::Locale => {
                let (low, up) = (locale.lower(cp), locale.upper(cp));
                let hits = (self.plain(low, locale), self.plain(up, locale));
                // A negated set excludes the character in either case.
                if matches!(self.items.first(), Some(Item::Negate)) { hits.0 && hits.1 } else { hits.0 || hits.1 }
            }
            fold => self.plain(fold.lower(cp, locale), locale),
        }
    }

    fn plain(&self, cp: u32, locale: &LocaleTable) -> bool {
        let mut ok = true;
        let bit = |map: &[u32; 8]| map[(cp & 255) as usize / 32] >> (cp & 31) & 1 != 0;
        for item in &self.items {
            let hit = match item {
                Item::Literal(c) => cp == *c,
                Item::Range(lo, hi) => (*lo..=*hi).contains(&cp),
                Item::RangeIgnore(lo, hi) => {
                    (*lo..=*hi).contains(&cp) || (*lo..=*hi).contains(&unicode::simple_upper(cp))
                }
                Item::Category(c) => in_category(*c, cp, locale),
                Item::Bitmap(map) => cp < 256 && bit(map),
                Item::Blocks(b) => cp < 0x10000 && bit(&b.1[b.0[(cp >> 8) as usize] as usize]),
                Item::Negate => {
                    ok = !ok;
                    false
                }
            };
            if hit {
                return ok;
            }
        }
        !ok
    }

    pub(super) fn first(&self) -> First {
        if self.dynamic {
            return First::ANY;
        }
        let narrow = |item: &Item| match item {
            Item::Literal(c) | Item::Range(_, c) => *c < 256,
            Item::Category(c) => matches!(c, 0 | 2 | 4 | 6),
            Item::Bitmap(_) => true,
            Item::RangeIgnore(..) | Item::Blocks(_) | Item::Negate => false,
        };
        let wide = self.fold == Fold::Unicode || !self.items.iter().all(narrow);
        First { bits: self.bits, wide, only: None }
    }
}

/// A test of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// Anything but a newline.
    Any,
    /// Anything.
    All,
    /// This code point.
    Is(u32),
    /// Any other code point.
    Not(u32),
    /// A member of the set with this number.
    In(u32),
}

/// A superset of the characters that a match can start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Code points below 256.
    pub bits: [u64; 4],
    /// Whether any from 256 on might do.
    pub wide: bool,
    /// The only code point, if there is just one.
    pub only: Option<u32>,
}

impl First {
    pub(super) const ANY: First = First { bits: [u64::MAX; 4], wide: true, only: None };
    pub(super) const NEVER: First = First { bits: [0; 4], wide: false, only: None };

    pub(super) fn is(cp: u32) -> First {
        let mut first = First { wide: cp >= 256, only: Some(cp), ..First::NEVER };
        if cp < 256 {
            first.bits[cp as usize / 64] |= 1 << (cp % 64);
        }
        first
    }

    pub(super) fn not(cp: u32) -> First {
        let mut first = First::ANY;
        if cp < 256 {
            first.bits[cp as usize / 64] &= !(1 << (cp % 64));
        }
        first
    }

    pub(super) fn or(self, other: First) -> First {
        if self == other {
            return self;
        }
        let bits = std::array::from_fn(|i| self.bits[i] | other.bits[i]);
        First { bits, wide: self.wide | other.wide, only: None }
    }

    /// Whether no character is in both, among those below 256 or among all.
    pub(super) fn disjoint(&self, other: &First) -> (bool, bool) {
        let narrow = (0..4).all(|i| self.bits[i] & other.bits[i] == 0);
        (narrow, narrow && !(self.wide && other.wide))
    }

    /// Whether a match may start with `cp`.
    #[inline]
    pub fn has(&self, cp: u32) -> bool {
        match self.only {
            Some(only) => cp == only,
            None if cp < 256 => self.bits[(cp / 64) as usize] >> (cp % 64) & 1 != 0,
            None => self.wide,
        }
    }

    /// The bytes, if there are at most three and nothing wider.
    pub(super) fn few(&self) -> Option<Vec<u8>> {
        let count: u32 = self.bits.iter().map(|b| b.count_ones()).sum();
        (count <= 3).then(|| (0..=255u8).filter(|&b| self.bits[b as usize / 64] >> (b % 64) & 1 != 0).collect())
    }
}
