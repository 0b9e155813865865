//! Checking code words and lowering them to operations.

use super::MAXREPEAT;
use super::set::{First, Fold, Item, One, Set};

/// The code words are not what the compiler makes ("invalid SRE code").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeError;

/// Nesting of a pattern that is refused; Python's own compiler recurses and gives up long before.
const MAX_DEPTH: usize = 1500;
/// Operations looked at to find what comes first.
const FIRST_BUDGET: usize = 200;

/// Opcodes of the code words.
mod code {
    pub const FAILURE: u32 = 0;
    pub const SUCCESS: u32 = 1;
    pub const ANY: u32 = 2;
    pub const ANY_ALL: u32 = 3;
    pub const ASSERT: u32 = 4;
    pub const ASSERT_NOT: u32 = 5;
    pub const AT: u32 = 6;
    pub const BRANCH: u32 = 7;
    pub const CATEGORY: u32 = 8;
    pub const CHARSET: u32 = 9;
    pub const BIGCHARSET: u32 = 10;
    pub const GROUPREF: u32 = 11;
    pub const GROUPREF_EXISTS: u32 = 12;
    pub const IN: u32 = 13;
    pub const INFO: u32 = 14;
    pub const JUMP: u32 = 15;
    pub const LITERAL: u32 = 16;
    pub const MARK: u32 = 17;
    pub const MAX_UNTIL: u32 = 18;
    pub const MIN_UNTIL: u32 = 19;
    pub const NOT_LITERAL: u32 = 20;
    pub const NEGATE: u32 = 21;
    pub const RANGE: u32 = 22;
    pub const REPEAT: u32 = 23;
    pub const REPEAT_ONE: u32 = 24;
    pub const MIN_REPEAT_ONE: u32 = 26;
    pub const ATOMIC_GROUP: u32 = 27;
    pub const POSSESSIVE_REPEAT: u32 = 28;
    pub const POSSESSIVE_REPEAT_ONE: u32 = 29;
    pub const GROUPREF_IGNORE: u32 = 30;
    pub const IN_IGNORE: u32 = 31;
    pub const LITERAL_IGNORE: u32 = 32;
    pub const NOT_LITERAL_IGNORE: u32 = 33;
    pub const GROUPREF_LOC_IGNORE: u32 = 34;
    pub const IN_LOC_IGNORE: u32 = 35;
    pub const LITERAL_LOC_IGNORE: u32 = 36;
    pub const NOT_LITERAL_LOC_IGNORE: u32 = 37;
    pub const GROUPREF_UNI_IGNORE: u32 = 38;
    pub const IN_UNI_IGNORE: u32 = 39;
    pub const LITERAL_UNI_IGNORE: u32 = 40;
    pub const NOT_LITERAL_UNI_IGNORE: u32 = 41;
    pub const RANGE_UNI_IGNORE: u32 = 42;
}

/// A position test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Beginning,
    BeginningLine,
    Boundary(Fold, bool),
    End,
    EndLine,
    EndString,
}

/// An operation; jumps are operation numbers, other numbers index the tables of [`Program`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Success,
    Fail,
    One(One),
    Str { from: u32, len: u32 },
    At(At),
    Mark(u32),
    Branch { from: u32, len: u32 },
    Jump(u32),
    GroupRef(u32, Fold),
    GroupExists { group: u32, otherwise: u32 },
    Greedy(u32),
    Lazy(u32),
    Possessive(u32),
    Loop(u32),
    MaxUntil(u32),
    MinUntil(u32),
    Assert { frame: u32, back: u32, end: u32 },
    AssertNot { frame: u32, back: u32, end: u32 },
    AssertEnd(u32),
    AssertNotEnd(u32),
    Atomic(u32),
    AtomicEnd(u32),
    Possess(u32),
    PossessHead(u32),
    PossessEnd(u32),
}

/// An alternative of a branch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alt {
    pub pc: u32,
    pub first: Option<First>,
}

/// A repeat of a one-character test.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepeatOne {
    pub one: One,
    pub min: usize,
    pub max: usize,
    /// What follows must start with one of these.
    pub next: Option<First>,
    /// No repeated character can start what follows: in narrow text, in any text.
    pub disjoint: (bool, bool),
}

/// A repeat of anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub min: usize,
    pub max: usize,
    pub body: u32,
    /// The `Until` operation, or the end of a possessive repeat.
    pub until: u32,
    /// Frame of a possessive repeat.
    pub frame: u32,
}

/// A checked and lowered pattern.
pub struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) sets: Vec<Set>,
    pub(super) strings: Vec<u32>,
    pub(super) alts: Vec<Alt>,
    pub(super) ones: Vec<RepeatOne>,
    pub(super) loops: Vec<Loop>,
    pub(super) frames: usize,
    pub(super) groups: usize,
    /// No match is shorter.
    pub(super) min_width: usize,
    /// What a match starts with, if it cannot be empty.
    pub(super) first: Option<First>,
    /// At most three bytes that a match starts with.
    pub(super) few: Option<Vec<u8>>,
    /// Literal that a match starts with, two characters or more.
    pub(super) prefix: Vec<u32>,
    pub(super) finder: Option<memchr::memmem::Finder<'static>>,
    /// The prefix is the whole pattern.
    pub(super) literal: bool,
    /// A match can only start at the beginning of the string.
    pub(super) anchored: bool,
}

struct Lower<'a> {
    code: &'a [u32],
    p: Program,
    /// Whether the last operation is a literal that another may join.
    open_str: bool,
}

impl Program {
    /// Bytes of memory outside the value itself.
    pub fn size_apart(&self) -> usize {
        fn of<T>(items: &Vec<T>) -> usize {
            items.capacity() * size_of::<T>()
        }
        let sets: usize = of(&self.sets) + self.sets.iter().map(Set::size_apart).sum::<usize>();
        let literals = of(&self.strings) + of(&self.prefix) + self.few.as_ref().map_or(0, of);
        let finder = self.finder.as_ref().map_or(0, |finder| finder.needle().len());
        of(&self.ops) + of(&self.alts) + of(&self.ones) + of(&self.loops) + sets + literals + finder
    }

    /// Check and lower the words of a pattern with `groups` groups (group 0 not counted).
    pub fn new(words: &[u32], groups: usize) -> Result<Program, CodeError> {
        let p = Program {
            ops: Vec::with_capacity(words.len() / 2 + 1),
            sets: Vec::new(),
            strings: Vec::new(),
            alts: Vec::new(),
            ones: Vec::new(),
            loops: Vec::new(),
            frames: 0,
            groups,
            min_width: 0,
            first: None,
            few: None,
            prefix: Vec::new(),
            finder: None,
            literal: false,
            anchored: false,
        };
        if groups > super::MAXGROUPS as usize || u32::try_from(words.len()).is_err() {
            return Err(CodeError);
        }
        let mut lower = Lower { code: words, p, open_str: false };
        let Some((&code::SUCCESS, _)) = words.split_last() else { return Err(CodeError) };
        let mut start = 0;
        if words[0] == code::INFO {
            start = lower.info(words.len() - 1)?;
        }
        lower.block(start, words.len() - 1, 0)?;
        lower.emit(Op::Success);
        let mut p = lower.p;
        p.analyse();
        Ok(p)
    }

    /// How many groups the pattern has.
    pub fn groups(&self) -> usize {
        self.groups
    }

    fn one_first(&self, one: One) -> First {
        match one {
            One::Any => First::not(10),
            One::All => First::ANY,
            One::Is(c) => First::is(c),
            One::Not(c) => First::not(c),
            One::In(set) => self.sets[set as usize].first(),
        }
    }

    /// What the operations from `pc` on must start with; `None` if they may match nothing.
    /// It stops at the end of an atomic group, an assertion or a possessive repeat: what is inside has
    /// made its choice before what follows is looked at.
    fn first_of(&self, mut pc: usize, budget: &mut usize) -> Option<First> {
        loop {
            *budget = budget.checked_sub(1)?;
            pc = match self.ops[pc] {
                Op::One(one) => return Some(self.one_first(one)),
                Op::Str { from, .. } => return Some(First::is(self.strings[from as usize])),
                Op::At(_) | Op::Mark(_) | Op::Atomic(_) => pc + 1,
                Op::Assert { end, .. } | Op::AssertNot { end, .. } => end as usize,
                Op::Jump(to) => to as usize,
                Op::Fail => return Some(First::NEVER),
                Op::Branch { from, len } => {
                    let alts = &self.alts[from as usize..(from + len) as usize];
                    let mut all = First::NEVER;
                    for alt in alts {
                        all = all.or(self.first_of(alt.pc as usize, budget)?);
                    }
                    return Some(all);
                }
                Op::Greedy(r) | Op::Lazy(r) | Op::Possessive(r) => {
                    let r = &self.ones[r as usize];
                    let own = self.one_first(r.one);
                    if r.min > 0 {
                        return Some(own);
                    }
                    return Some(own.or(self.first_of(pc + 1, budget)?));
                }
                Op::Loop(l) | Op::Possess(l) => {
                    let l = &self.loops[l as usize];
                    let body = self.first_of(l.body as usize, budget)?;
                    if l.min > 0 {
                        return Some(body);
                    }
                    return Some(body.or(self.first_of(l.until as usize + 1, budget)?));
                }
                _ => return None,
            };
        }
    }

    fn analyse(&mut self) {
        for pc in 0..self.ops.len() {
            match self.ops[pc] {
                Op::Branch { from, len } => {
                    for alt in from..from + len {
                        let mut budget = FIRST_BUDGET;
                        self.alts[alt as usize].first = self.first_of(self.alts[alt as usize].pc as usize, &mut budget);
                    }
                }
                Op::Greedy(r) | Op::Lazy(r) => {
                    let mut budget = FIRST_BUDGET;
                    let next = self.first_of(pc + 1, &mut budget);
                    let own = self.one_first(self.ones[r as usize].one);
                    let disjoint = match next {
                        Some(First { only: Some(c), .. }) if c >= 256 => {
                            let locale = super::LocaleTable::default();
                            (true, !self.test(self.ones[r as usize].one, c, &locale))
                        }
                        Some(next) => own.disjoint(&next),
                        None => (false, false),
                    };
                    let one = &mut self.ones[r as usize];
                    (one.next, one.disjoint) = (next, disjoint);
                }
                _ => {}
            }
        }
        let mut budget = FIRST_BUDGET;
        self.first = self.first_of(0, &mut budget);
        self.few = self.first.and_then(|f| f.few());
        let mut pc = 0;
        while let Op::Mark(_) = self.ops[pc] {
            pc += 1;
        }
        match self.ops[pc] {
            Op::Str { from, len } => {
                self.prefix = self.strings[from as usize..(from + len) as usize].to_vec();
                let bytes: Option<Vec<u8>> = self.prefix.iter().map(|&c| u8::try_from(c).ok()).collect();
                self.finder = bytes.map(|b| memchr::memmem::Finder::new(&b).into_owned());
                self.literal = pc == 0 && matches!(self.ops[1], Op::Success);
            }
            Op::At(At::Beginning) => self.anchored = true,
            _ => {}
        }
    }
}

impl Lower<'_> {
    fn emit(&mut self, op: Op) -> usize {
        self.open_str = false;
        self.p.ops.push(op);
        self.p.ops.len() - 1
    }

    fn here(&mut self) -> u32 {
        self.open_str = false;
        self.p.ops.len() as u32
    }

    fn word(&self, at: usize, end: usize) -> Result<u32, CodeError> {
        if at < end { Ok(self.code[at]) } else { Err(CodeError) }
    }

    /// The place that the skip word at `at` leads to, within `end`.
    fn skip(&self, at: usize, end: usize) -> Result<usize, CodeError> {
        let to = at + self.word(at, end)? as usize;
        if to > at && to <= end { Ok(to) } else { Err(CodeError) }
    }

    fn expect(&self, at: usize, end: usize, word: u32) -> Result<(), CodeError> {
        if self.word(at, end)? == word { Ok(()) } else { Err(CodeError) }
    }

    fn literal(&mut self, c: u32) {
        if self.open_str {
            self.p.strings.push(c);
            let from = self.p.strings.len() as u32;
            match self.p.ops.last_mut() {
                Some(op @ Op::One(_)) => {
                    if let Op::One(One::Is(before)) = *op {
                        self.p.strings.insert(from as usize - 1, before);
                        *op = Op::Str { from: from - 1, len: 2 };
                    }
                }
                Some(Op::Str { len, .. }) => *len += 1,
                _ => {}
            }
            return;
        }
        self.emit(Op::One(One::Is(c)));
        self.open_str = true;
    }

    fn set(&mut self, items: Vec<Item>, fold: Fold) -> One {
        self.p.sets.push(Set::new(items, fold));
        One::In(self.p.sets.len() as u32 - 1)
    }

    fn frame(&mut self) -> u32 {
        self.p.frames += 1;
        self.p.frames as u32 - 1
    }

    /// A one-character test at `at`, and the place after it; `None` if it is something else.
    fn one(&mut self, at: usize, end: usize) -> Result<Option<(One, usize)>, CodeError> {
        let op = self.word(at, end)?;
        let negated = |c| vec![Item::Negate, Item::Literal(c)];
        let found = match op {
            code::ANY => (One::Any, at + 1),
            code::ANY_ALL => (One::All, at + 1),
            code::LITERAL => (One::Is(self.word(at + 1, end)?), at + 2),
            code::NOT_LITERAL => (One::Not(self.word(at + 1, end)?), at + 2),
            code::LITERAL_IGNORE | code::LITERAL_UNI_IGNORE | code::LITERAL_LOC_IGNORE => {
                let c = self.word(at + 1, end)?;
                let fold = match op {
                    code::LITERAL_IGNORE => Fold::Ascii,
                    code::LITERAL_UNI_IGNORE => Fold::Unicode,
                    _ => Fold::Locale,
                };
                (self.set(vec![Item::Literal(c)], fold), at + 2)
            }
            code::NOT_LITERAL_IGNORE => (self.set(negated(self.word(at + 1, end)?), Fold::Ascii), at + 2),
            code::NOT_LITERAL_UNI_IGNORE => (self.set(negated(self.word(at + 1, end)?), Fold::Unicode), at + 2),
            code::NOT_LITERAL_LOC_IGNORE => (self.set(negated(self.word(at + 1, end)?), Fold::Locale), at + 2),
            code::CATEGORY => {
                let category = self.word(at + 1, end)?;
                if category > 17 {
                    return Err(CodeError);
                }
                (self.set(vec![Item::Category(category)], Fold::None), at + 2)
            }
            code::IN | code::IN_IGNORE | code::IN_UNI_IGNORE | code::IN_LOC_IGNORE => {
                let to = self.skip(at + 1, end)?;
                let fold = match op {
                    code::IN => Fold::None,
                    code::IN_IGNORE => Fold::Ascii,
                    code::IN_UNI_IGNORE => Fold::Unicode,
                    _ => Fold::Locale,
                };
                let items = self.items(at + 2, to)?;
                (self.set(items, fold), to)
            }
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    /// The members of a set, which must end with FAILURE just before `end`.
    fn items(&self, mut at: usize, end: usize) -> Result<Vec<Item>, CodeError> {
        let mut items = Vec::new();
        let bitmap = |at: usize| -> Result<[u32; 8], CodeError> {
            self.code.get(at..at + 8).filter(|_| at + 8 <= end).and_then(|w| w.try_into().ok()).ok_or(CodeError)
        };
        loop {
            let op = self.word(at, end)?;
            at += 1;
            match op {
                code::FAILURE => return if at == end { Ok(items) } else { Err(CodeError) },
                code::NEGATE => items.push(Item::Negate),
                code::LITERAL => {
                    items.push(Item::Literal(self.word(at, end)?));
                    at += 1;
                }
                code::RANGE | code::RANGE_UNI_IGNORE => {
                    let (lo, hi) = (self.word(at, end)?, self.word(at + 1, end)?);
                    items.push(if op == code::RANGE { Item::Range(lo, hi) } else { Item::RangeIgnore(lo, hi) });
                    at += 2;
                }
                code::CATEGORY => {
                    let category = self.word(at, end)?;
                    if category > 17 {
                        return Err(CodeError);
                    }
                    items.push(Item::Category(category));
                    at += 1;
                }
                code::CHARSET => {
                    items.push(Item::Bitmap(bitmap(at)?));
                    at += 8;
                }
                code::BIGCHARSET => {
                    let count = self.word(at, end)? as usize;
                    at += 1;
                    if count > 256 || at + 64 + count * 8 > end {
                        return Err(CodeError);
                    }
                    let mut index = [0u8; 256];
                    for (k, slot) in index.iter_mut().enumerate() {
                        *slot = self.code[at + k / 4].to_ne_bytes()[k % 4];
                        if *slot as usize >= count {
                            return Err(CodeError);
                        }
                    }
                    at += 64;
                    let maps = (0..count).map(|k| bitmap(at + k * 8)).collect::<Result<Vec<_>, _>>()?;
                    items.push(Item::Blocks(Box::new((index, maps))));
                    at += count * 8;
                }
                _ => return Err(CodeError),
            }
        }
    }

    /// Check the information block at 0; the place after it.
    fn info(&mut self, end: usize) -> Result<usize, CodeError> {
        let to = self.skip(1, end)?;
        let (flags, min, _max) = (self.word(2, to)?, self.word(3, to)?, self.word(4, to)?);
        if flags & !7 != 0 || flags & 5 == 5 || flags & 3 == 2 {
            return Err(CodeError);
        }
        self.p.min_width = min as usize;
        if flags & 1 != 0 {
            let (len, skip) = (self.word(5, to)? as usize, self.word(6, to)? as usize);
            if skip > len || 7 + 2 * len != to || self.code[7 + len..to].iter().any(|&o| o as usize >= len) {
                return Err(CodeError);
            }
        } else if flags & 4 != 0 {
            self.items(5, to)?;
        } else if to != 5 {
            return Err(CodeError);
        }
        Ok(to)
    }

    /// Lower the words from `at` to `end`.
    fn block(&mut self, at: usize, end: usize, depth: usize) -> Result<(), CodeError> {
        if self.block_or_jump(at, end, depth)? == end { Ok(()) } else { Err(CodeError) }
    }

    /// Lower the words from `at` to `end`, or to a JUMP in the last two words; where that is.
    fn block_or_jump(&mut self, mut at: usize, end: usize, depth: usize) -> Result<usize, CodeError> {
        if depth > MAX_DEPTH {
            return Err(CodeError);
        }
        while at < end {
            if let Some((one, next)) = self.one(at, end)? {
                match one {
                    One::Is(c) => self.literal(c),
                    one => {
                        self.emit(Op::One(one));
                    }
                }
                at = next;
                continue;
            }
            at = match self.code[at] {
                code::FAILURE => {
                    self.emit(Op::Fail);
                    at + 1
                }
                code::AT => {
                    let op = Op::At(at_code(self.word(at + 1, end)?)?);
                    self.emit(op);
                    at + 2
                }
                code::MARK => {
                    let mark = self.word(at + 1, end)?;
                    if mark as usize >= 2 * self.p.groups {
                        return Err(CodeError);
                    }
                    self.emit(Op::Mark(mark));
                    at + 2
                }
                op @ (code::GROUPREF
                | code::GROUPREF_IGNORE
                | code::GROUPREF_UNI_IGNORE
                | code::GROUPREF_LOC_IGNORE) => {
                    let fold = match op {
                        code::GROUPREF => Fold::None,
                        code::GROUPREF_IGNORE => Fold::Ascii,
                        code::GROUPREF_UNI_IGNORE => Fold::Unicode,
                        _ => Fold::Locale,
                    };
                    let group = self.group(at + 1, end)?;
                    self.emit(Op::GroupRef(group, fold));
                    at + 2
                }
                code::GROUPREF_EXISTS => self.exists(at, end, depth)?,
                code::BRANCH => self.branch(at, end, depth)?,
                code::REPEAT_ONE | code::MIN_REPEAT_ONE | code::POSSESSIVE_REPEAT_ONE => self.repeat_one(at, end)?,
                code::REPEAT | code::POSSESSIVE_REPEAT => self.repeat(at, end, depth)?,
                code::ASSERT | code::ASSERT_NOT => self.assertion(at, end, depth)?,
                code::ATOMIC_GROUP => {
                    let to = self.skip(at + 1, end)?;
                    self.expect(to - 1, end, code::SUCCESS)?;
                    let frame = self.frame();
                    self.emit(Op::Atomic(frame));
                    self.block(at + 2, to - 1, depth + 1)?;
                    self.emit(Op::AtomicEnd(frame));
                    to
                }
                code::JUMP if at + 2 == end => return Ok(at),
                _ => return Err(CodeError),
            };
        }
        if at == end { Ok(end) } else { Err(CodeError) }
    }

    fn group(&self, at: usize, end: usize) -> Result<u32, CodeError> {
        let group = self.word(at, end)?;
        if (group as usize) < self.p.groups { Ok(group) } else { Err(CodeError) }
    }

    fn bounds(&self, at: usize, end: usize) -> Result<(usize, usize), CodeError> {
        let (min, max) = (self.word(at, end)?, self.word(at + 1, end)?);
        if min > max {
            return Err(CodeError);
        }
        Ok((min as usize, if max == MAXREPEAT { usize::MAX } else { max as usize }))
    }

    fn repeat_one(&mut self, at: usize, end: usize) -> Result<usize, CodeError> {
        let to = self.skip(at + 1, end)?;
        let (min, max) = self.bounds(at + 2, to)?;
        let Some((one, after)) = self.one(at + 4, to)? else { return Err(CodeError) };
        self.expect(after, to, code::SUCCESS)?;
        if after + 1 != to {
            return Err(CodeError);
        }
        self.p.ones.push(RepeatOne { one, min, max, next: None, disjoint: (false, false) });
        let number = self.p.ones.len() as u32 - 1;
        self.emit(match self.code[at] {
            code::REPEAT_ONE => Op::Greedy(number),
            code::MIN_REPEAT_ONE => Op::Lazy(number),
            _ => Op::Possessive(number),
        });
        Ok(to)
    }

    fn repeat(&mut self, at: usize, end: usize, depth: usize) -> Result<usize, CodeError> {
        let to = self.skip(at + 1, end)?;
        let (min, max) = self.bounds(at + 2, to)?;
        let number = self.p.loops.len() as u32;
        let possessive = self.code[at] == code::POSSESSIVE_REPEAT;
        let frame = if possessive { self.frame() } else { 0 };
        self.p.loops.push(Loop { min, max, body: 0, until: 0, frame });
        if possessive {
            self.emit(Op::Possess(number));
            self.emit(Op::PossessHead(number));
        } else {
            self.emit(Op::Loop(number));
        }
        let body = self.here();
        self.block(at + 4, to, depth + 1)?;
        let until = match self.word(to, end)? {
            code::SUCCESS if possessive => Op::PossessEnd(number),
            code::MAX_UNTIL if !possessive => Op::MaxUntil(number),
            code::MIN_UNTIL if !possessive => Op::MinUntil(number),
            _ => return Err(CodeError),
        };
        let until = self.emit(until) as u32;
        let l = &mut self.p.loops[number as usize];
        (l.body, l.until) = (body, until);
        Ok(to + 1)
    }

    fn assertion(&mut self, at: usize, end: usize, depth: usize) -> Result<usize, CodeError> {
        let to = self.skip(at + 1, end)?;
        let back = self.word(at + 2, to)?;
        self.expect(to - 1, end, code::SUCCESS)?;
        if to - 1 < at + 3 || back > i32::MAX as u32 {
            return Err(CodeError);
        }
        let frame = self.frame();
        let negative = self.code[at] == code::ASSERT_NOT;
        let start = self.emit(Op::Success);
        self.block(at + 3, to - 1, depth + 1)?;
        self.emit(if negative { Op::AssertNotEnd(frame) } else { Op::AssertEnd(frame) });
        let end = self.here();
        self.p.ops[start] = if negative { Op::AssertNot { frame, back, end } } else { Op::Assert { frame, back, end } };
        Ok(to)
    }

    fn branch(&mut self, at: usize, end: usize, depth: usize) -> Result<usize, CodeError> {
        let branch = self.emit(Op::Success);
        let (mut alts, mut jumps, mut target) = (Vec::new(), Vec::new(), None);
        let mut skip = at + 1;
        while self.word(skip, end)? != 0 {
            let next = self.skip(skip, end)?;
            if next < skip + 3 {
                return Err(CodeError);
            }
            alts.push(Alt { pc: self.here(), first: None });
            self.expect(next - 2, end, code::JUMP)?;
            let to = self.skip(next - 1, end)?;
            if *target.get_or_insert(to) != to {
                return Err(CodeError);
            }
            self.block(skip + 1, next - 2, depth + 1)?;
            jumps.push(self.emit(Op::Jump(0)));
            skip = next;
        }
        if target != Some(skip + 1) {
            return Err(CodeError);
        }
        let to = self.here();
        for jump in jumps {
            self.p.ops[jump] = Op::Jump(to);
        }
        let from = self.p.alts.len() as u32;
        self.p.ops[branch] = Op::Branch { from, len: alts.len() as u32 };
        self.p.alts.extend(alts);
        Ok(skip + 1)
    }

    fn exists(&mut self, at: usize, end: usize, depth: usize) -> Result<usize, CodeError> {
        let group = self.group(at + 1, end)?;
        let to = (at + 1) + self.word(at + 2, end)? as usize;
        if to < at + 3 || to > end {
            return Err(CodeError);
        }
        let test = self.emit(Op::Success);
        // An else part follows if the words up to `to` end with a JUMP.
        let yes = self.block_or_jump(at + 3, to, depth + 1)?;
        if yes == to {
            let otherwise = self.here();
            self.p.ops[test] = Op::GroupExists { group, otherwise };
            return Ok(to);
        }
        let after = self.skip(to - 1, end)?;
        let jump = self.emit(Op::Jump(0));
        let otherwise = self.here();
        self.p.ops[test] = Op::GroupExists { group, otherwise };
        self.block(to, after, depth + 1)?;
        let here = self.here();
        self.p.ops[jump] = Op::Jump(here);
        Ok(after)
    }
}

fn at_code(word: u32) -> Result<At, CodeError> {
    Ok(match word {
        0 | 2 => At::Beginning,
        1 => At::BeginningLine,
        3 => At::Boundary(Fold::Ascii, true),
        4 => At::Boundary(Fold::Ascii, false),
        5 => At::End,
        6 => At::EndLine,
        7 => At::EndString,
        8 => At::Boundary(Fold::Locale, true),
        9 => At::Boundary(Fold::Locale, false),
        10 => At::Boundary(Fold::Unicode, true),
        11 => At::Boundary(Fold::Unicode, false),
        _ => return Err(CodeError),
    })
}
