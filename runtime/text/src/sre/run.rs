//! The backtracking machine and the search for a place to start it.

use super::lower::{At, Op, Program};
use super::set::{First, Fold, LocaleTable, One, Unit, is_ascii_word, is_unicode_word};

/// How a match must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// At the start position.
    Match,
    /// From the start position to the end.
    Full,
    /// Anywhere from the start position on.
    Search,
}

/// Why a run stopped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The check callback asked for it.
    Interrupted,
    /// No memory for the stack of choices.
    NoMemory,
}

/// What a run takes from outside.
pub struct Env<'a> {
    /// Tables of the current locale.
    pub locale: &'a LocaleTable,
    /// Called now and then; `true` stops the run.
    pub check: &'a mut dyn FnMut() -> bool,
}

const NONE: usize = usize::MAX;
/// Operations between two calls of the check callback.
const CHECK_EVERY: u32 = 1 << 16;

#[derive(Clone, Copy)]
enum Kind {
    /// Go on at an operation.
    Goto(u32),
    /// Try the alternatives from this one (up to the second).
    Alt(u32, u32),
    /// Give back one character of a greedy repeat; not below the position.
    Greedy { pc: u32, floor: usize },
    /// Take one more character in a lazy repeat; not beyond the position.
    Lazy { pc: u32, ceiling: usize },
    /// Run the body of a lazy loop once more.
    LazyLoop(u32),
    /// Nothing: an assertion or atomic group has failed.
    Barrier,
}

#[derive(Clone, Copy)]
struct Choice {
    kind: Kind,
    pos: usize,
    trail: usize,
}

/// The state and the result of runs; keep one for several runs to keep its memory.
#[derive(Default)]
pub struct Matcher {
    /// Captures (two each), the last group closed, then two registers for each loop.
    regs: Vec<usize>,
    trail: Vec<(u32, usize)>,
    choices: Vec<Choice>,
    /// Height of the stack of choices where a frame began.
    frames: Vec<usize>,
    groups: usize,
    start: usize,
    end: usize,
    dirty: bool,
    /// Whether there was no memory for the trail, which makes the result void.
    exhausted: bool,
    fuel: u32,
}

impl Matcher {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Span of group `index` after a match; group 0 is the whole match.
    pub fn group(&self, index: usize) -> Option<(usize, usize)> {
        if index == 0 {
            return Some((self.start, self.end));
        }
        if index > self.groups {
            return None;
        }
        let (from, to) = (self.regs[2 * index - 2], self.regs[2 * index - 1]);
        (from != NONE && to != NONE).then_some((from, to))
    }

    /// The group closed last (`Match.lastindex`).
    pub fn last_index(&self) -> Option<usize> {
        let last = *self.regs.get(2 * self.groups)?;
        (last != NONE).then_some(last)
    }

    #[inline]
    fn set(&mut self, reg: usize, value: usize) {
        if !self.choices.is_empty() {
            if self.trail.try_reserve(1).is_err() {
                self.exhausted = true;
                return;
            }
            self.trail.push((reg as u32, self.regs[reg]));
        }
        self.regs[reg] = value;
        self.dirty = true;
    }

    #[inline]
    fn undo(&mut self, to: usize) {
        while self.trail.len() > to {
            if let Some((reg, value)) = self.trail.pop() {
                self.regs[reg as usize] = value;
            }
        }
    }

    #[inline]
    fn push(&mut self, kind: Kind, pos: usize) -> Result<(), RunError> {
        if self.choices.len() == self.choices.capacity() || self.exhausted {
            self.grow()?;
        }
        self.choices.push(Choice { kind, pos, trail: self.trail.len() });
        Ok(())
    }

    #[cold]
    fn grow(&mut self) -> Result<(), RunError> {
        if self.exhausted {
            return Err(RunError::NoMemory);
        }
        let more = self.choices.len().max(16);
        self.choices.try_reserve(more).map_err(|_| RunError::NoMemory)?;
        self.trail.try_reserve(more).map_err(|_| RunError::NoMemory)
    }

    /// Drop the choices above `height`.
    #[inline]
    fn cut(&mut self, height: usize) {
        self.choices.truncate(height);
        if height == 0 {
            // Nothing can be undone any more.
            self.trail.clear();
        }
    }

    fn reset(&mut self, program: &Program) {
        self.choices.clear();
        self.trail.clear();
        let len = 2 * program.groups + 1 + 2 * program.loops.len();
        if self.dirty || self.regs.len() != len {
            self.regs.clear();
            self.regs.resize(len, NONE);
            self.dirty = false;
        }
    }
}

/// Position of `c` at or after `from`.
fn find_unit<T: Unit>(text: &[T], from: usize, c: u32) -> Option<usize> {
    if let Some(bytes) = T::bytes(text) {
        return memchr::memchr(u8::try_from(c).ok()?, &bytes[from..]).map(|i| from + i);
    }
    // Whole chunks first: the comparison of a chunk has no branch.
    let mut at = from;
    for chunk in text[from..].chunks_exact(16) {
        if chunk.iter().fold(false, |hit, &u| hit | (u.into() == c)) {
            break;
        }
        at += 16;
    }
    text[at..].iter().position(|&u| u.into() == c).map(|i| at + i)
}

impl Program {
    #[inline]
    pub(super) fn test(&self, one: One, c: u32, locale: &LocaleTable) -> bool {
        match one {
            One::Any => c != 10,
            One::All => true,
            One::Is(x) => c == x,
            One::Not(x) => c != x,
            One::In(set) => self.sets[set as usize].has(c, locale),
        }
    }

    /// How many characters from `pos` on pass the test, at most `max`.
    #[inline]
    fn count<T: Unit>(&self, one: One, text: &[T], pos: usize, max: usize, locale: &LocaleTable) -> usize {
        let text = &text[pos..text.len().min(pos.saturating_add(max))];
        let run = |stop: Option<usize>| stop.unwrap_or(text.len());
        match one {
            One::All => text.len(),
            One::Any => run(find_unit(text, 0, 10)),
            One::Not(x) => run(find_unit(text, 0, x)),
            One::Is(x) => run(text.iter().position(|&u| u.into() != x)),
            One::In(set) => {
                let set = &self.sets[set as usize];
                run(text.iter().position(|&u| !set.has(u.into(), locale)))
            }
        }
    }

    /// Run on `text[..end]` from `start`; whether there is a match, which `m` then describes.
    /// With `must_advance` an empty match at `start` does not count.
    /// Positions are units of `text`; `start <= end <= text.len()` is made true by cutting.
    pub fn run<T: Unit>(
        &self,
        m: &mut Matcher,
        text: &[T],
        how: How,
        start: usize,
        end: usize,
        must_advance: bool,
        env: &mut Env,
    ) -> Result<bool, RunError> {
        let text = &text[..end.min(text.len())];
        m.groups = self.groups;
        m.frames.resize(self.frames, 0);
        m.fuel = CHECK_EVERY;
        if start > text.len() || text.len() - start < self.min_width {
            return Ok(false);
        }
        let advance = if must_advance { start } else { NONE };
        match how {
            How::Search => self.search(m, text, start, advance, env),
            _ => self.attempt(m, text, start, how == How::Full, advance, env),
        }
    }

    fn attempt<T: Unit>(
        &self,
        m: &mut Matcher,
        text: &[T],
        pos: usize,
        full: bool,
        advance: usize,
        env: &mut Env,
    ) -> Result<bool, RunError> {
        m.reset(self);
        m.start = pos;
        m.exhausted = false;
        let found = self.execute(m, text, pos, full, advance, env)?;
        if m.exhausted {
            return Err(RunError::NoMemory);
        }
        Ok(match found {
            Some(end) => {
                m.end = end;
                true
            }
            None => false,
        })
    }

    fn search<T: Unit>(
        &self,
        m: &mut Matcher,
        text: &[T],
        start: usize,
        advance: usize,
        env: &mut Env,
    ) -> Result<bool, RunError> {
        if self.anchored {
            return if start == 0 { self.attempt(m, text, 0, false, advance, env) } else { Ok(false) };
        }
        let last = text.len() - self.min_width;
        let mut pos = start;
        if self.first.is_none() {
            let mut advance = advance;
            while pos <= last {
                if self.attempt(m, text, pos, false, advance, env)? {
                    return Ok(true);
                }
                advance = NONE;
                pos += 1;
            }
            return Ok(false);
        }
        while let Some(at) = self.candidate(text, pos, env.locale) {
            if at > last {
                break;
            }
            if self.literal {
                m.reset(self);
                (m.start, m.end) = (at, at + self.prefix.len());
                return Ok(true);
            }
            if self.attempt(m, text, at, false, NONE, env)? {
                return Ok(true);
            }
            pos = at + 1;
        }
        Ok(false)
    }

    /// The next place from `pos` on where a match might start.
    fn candidate<T: Unit>(&self, text: &[T], pos: usize, _locale: &LocaleTable) -> Option<usize> {
        let bytes = T::bytes(text);
        if self.prefix.len() > 1 {
            if let Some(bytes) = bytes {
                return self.finder.as_ref()?.find(&bytes[pos..]).map(|i| pos + i);
            }
            let mut at = pos;
            loop {
                at = find_unit(text, at, self.prefix[0])?;
                let rest = text.get(at..at + self.prefix.len())?;
                if rest.iter().zip(&self.prefix).all(|(&u, &c)| u.into() == c) {
                    return Some(at);
                }
                at += 1;
            }
        }
        let first = self.first.as_ref()?;
        if let Some(only) = first.only {
            return find_unit(text, pos, only);
        }
        if let (Some(bytes), Some(few)) = (bytes, &self.few) {
            let rest = &bytes[pos..];
            let found = match few[..] {
                [] => None,
                [a] => memchr::memchr(a, rest),
                [a, b] => memchr::memchr2(a, b, rest),
                _ => memchr::memchr3(few[0], few[1], few[2], rest),
            };
            return found.map(|i| pos + i);
        }
        text[pos..].iter().position(|&u| first.has(u.into())).map(|i| pos + i)
    }

    fn at<T: Unit>(&self, at: At, text: &[T], pos: usize, locale: &LocaleTable) -> bool {
        let is_newline = |i: usize| text[i].into() == 10;
        match at {
            At::Beginning => pos == 0,
            At::BeginningLine => pos == 0 || is_newline(pos - 1),
            At::End => pos == text.len() || (pos + 1 == text.len() && is_newline(pos)),
            At::EndLine => pos == text.len() || is_newline(pos),
            At::EndString => pos == text.len(),
            At::Boundary(fold, want) => {
                let word = |i: usize| {
                    let c: u32 = text[i].into();
                    match fold {
                        Fold::Locale => locale.is_word(c),
                        Fold::Unicode if c >= 128 => is_unicode_word(c),
                        _ => is_ascii_word(c),
                    }
                };
                let before = pos > 0 && word(pos - 1);
                let after = pos < text.len() && word(pos);
                (before != after) == want
            }
        }
    }

    /// The next alternative in `from..to` that can match at `pos`.
    #[inline]
    fn viable<T: Unit>(&self, text: &[T], pos: usize, from: u32, to: u32) -> Option<u32> {
        let c = text.get(pos).map(|&u| u.into());
        (from..to).find(|&k| match &self.alts[k as usize].first {
            None => true,
            Some(first) => c.is_some_and(|c| first.has(c)),
        })
    }

    /// The longest length at most `pos` where what follows can start, not below `floor`.
    #[inline]
    fn retreat<T: Unit>(text: &[T], next: &Option<First>, mut pos: usize, floor: usize) -> Option<usize> {
        let Some(first) = next else { return (pos >= floor).then_some(pos) };
        loop {
            if pos < floor {
                return None;
            }
            if pos < text.len() && first.has(text[pos].into()) {
                return Some(pos);
            }
            pos = pos.checked_sub(1)?;
        }
    }

    /// The next length from `pos` on where what follows can start, at most `ceiling`, all characters on
    /// the way passing the test.
    #[inline]
    fn proceed<T: Unit>(
        &self,
        text: &[T],
        number: u32,
        mut pos: usize,
        ceiling: usize,
        locale: &LocaleTable,
    ) -> Option<usize> {
        let r = &self.ones[number as usize];
        let Some(first) = &r.next else { return Some(pos) };
        if let (One::All, Some(only)) = (r.one, first.only) {
            return find_unit(text, pos, only).filter(|&at| at <= ceiling);
        }
        loop {
            let c = text.get(pos)?;
            if first.has((*c).into()) {
                return Some(pos);
            }
            if pos >= ceiling || !self.test(r.one, (*c).into(), locale) {
                return None;
            }
            pos += 1;
        }
    }

    fn same_text<T: Unit>(
        &self,
        text: &[T],
        span: (usize, usize),
        pos: usize,
        fold: Fold,
        locale: &LocaleTable,
    ) -> bool {
        let len = span.1 - span.0;
        if text.len() - pos < len {
            return false;
        }
        let (a, b) = (&text[span.0..span.1], &text[pos..pos + len]);
        match fold {
            Fold::None => a == b,
            fold => a.iter().zip(b).all(|(&a, &b)| fold.lower(a.into(), locale) == fold.lower(b.into(), locale)),
        }
    }

    /// Run from the first operation at `pos`; the end of the match.
    fn execute<T: Unit>(
        &self,
        m: &mut Matcher,
        text: &[T],
        start: usize,
        full: bool,
        advance: usize,
        env: &mut Env,
    ) -> Result<Option<usize>, RunError> {
        let locale = env.locale;
        let (mut pc, mut pos) = (0usize, start);
        let loop_reg = 2 * self.groups + 1;
        'run: loop {
            m.fuel -= 1;
            if m.fuel == 0 {
                m.fuel = CHECK_EVERY;
                if (env.check)() {
                    return Err(RunError::Interrupted);
                }
            }
            'fail: {
                match self.ops[pc] {
                    Op::Success => {
                        if (full && pos != text.len()) || pos == advance {
                            break 'fail;
                        }
                        return Ok(Some(pos));
                    }
                    Op::Fail => break 'fail,
                    Op::One(one) => {
                        if pos == text.len() || !self.test(one, text[pos].into(), locale) {
                            break 'fail;
                        }
                        pos += 1;
                    }
                    Op::Str { from, len } => {
                        let (from, len) = (from as usize, len as usize);
                        let Some(part) = text.get(pos..pos + len) else { break 'fail };
                        if !part.iter().zip(&self.strings[from..from + len]).all(|(&u, &c)| u.into() == c) {
                            break 'fail;
                        }
                        pos += len;
                    }
                    Op::At(at) => {
                        if !self.at(at, text, pos, locale) {
                            break 'fail;
                        }
                    }
                    Op::Mark(mark) => {
                        m.set(mark as usize, pos);
                        if mark & 1 == 1 {
                            m.set(2 * self.groups, mark as usize / 2 + 1);
                        }
                    }
                    Op::Jump(to) => {
                        pc = to as usize;
                        continue 'run;
                    }
                    Op::Branch { from, len } => {
                        let to = from + len;
                        let Some(alt) = self.viable(text, pos, from, to) else { break 'fail };
                        if let Some(next) = self.viable(text, pos, alt + 1, to) {
                            m.push(Kind::Alt(next, to), pos)?;
                        }
                        pc = self.alts[alt as usize].pc as usize;
                        continue 'run;
                    }
                    Op::GroupRef(group, fold) => {
                        let (from, to) = (m.regs[2 * group as usize], m.regs[2 * group as usize + 1]);
                        if from == NONE || to == NONE || to < from {
                            break 'fail;
                        }
                        if !self.same_text(text, (from, to), pos, fold, locale) {
                            break 'fail;
                        }
                        pos += to - from;
                    }
                    Op::GroupExists { group, otherwise } => {
                        let (from, to) = (m.regs[2 * group as usize], m.regs[2 * group as usize + 1]);
                        if from == NONE || to == NONE || to < from {
                            pc = otherwise as usize;
                            continue 'run;
                        }
                    }
                    Op::Greedy(number) => {
                        let r = &self.ones[number as usize];
                        let count = self.count(r.one, text, pos, r.max, locale);
                        if count < r.min {
                            break 'fail;
                        }
                        let floor = pos + r.min;
                        let top = pos + count;
                        let alone = if T::NARROW { r.disjoint.0 } else { r.disjoint.1 };
                        // Only the longest run can do if no repeated character starts what follows.
                        let floor = if alone { top } else { floor };
                        let Some(at) = Self::retreat(text, &r.next, top, floor) else { break 'fail };
                        if at > floor {
                            m.push(Kind::Greedy { pc: pc as u32, floor }, at)?;
                        }
                        pos = at;
                    }
                    Op::Possessive(number) => {
                        let r = &self.ones[number as usize];
                        let count = self.count(r.one, text, pos, r.max, locale);
                        if count < r.min {
                            break 'fail;
                        }
                        pos += count;
                    }
                    Op::Lazy(number) => {
                        let r = &self.ones[number as usize];
                        if r.min > 0 && self.count(r.one, text, pos, r.min, locale) < r.min {
                            break 'fail;
                        }
                        let ceiling = text.len().min(pos.saturating_add(r.max));
                        let Some(at) = self.proceed(text, number, pos + r.min, ceiling, locale) else { break 'fail };
                        if at < ceiling {
                            m.push(Kind::Lazy { pc: pc as u32, ceiling }, at)?;
                        }
                        pos = at;
                    }
                    Op::Loop(number) => {
                        let reg = loop_reg + 2 * number as usize;
                        m.set(reg, NONE);
                        m.set(reg + 1, NONE);
                        pc = self.loops[number as usize].until as usize;
                        continue 'run;
                    }
                    Op::MaxUntil(number) => {
                        let l = &self.loops[number as usize];
                        let reg = loop_reg + 2 * number as usize;
                        let count = m.regs[reg].wrapping_add(1);
                        if count < l.min {
                            m.set(reg, count);
                            pc = l.body as usize;
                            continue 'run;
                        }
                        if count < l.max && pos != m.regs[reg + 1] {
                            m.push(Kind::Goto(pc as u32 + 1), pos)?;
                            m.set(reg, count);
                            m.set(reg + 1, pos);
                            pc = l.body as usize;
                            continue 'run;
                        }
                    }
                    Op::MinUntil(number) => {
                        let l = &self.loops[number as usize];
                        let reg = loop_reg + 2 * number as usize;
                        let count = m.regs[reg].wrapping_add(1);
                        if count < l.min {
                            m.set(reg, count);
                            pc = l.body as usize;
                            continue 'run;
                        }
                        m.push(Kind::LazyLoop(number), pos)?;
                    }
                    Op::Assert { frame, back, .. } => {
                        if pos < back as usize {
                            break 'fail;
                        }
                        m.frames[frame as usize] = m.choices.len();
                        m.push(Kind::Barrier, pos)?;
                        pos -= back as usize;
                    }
                    Op::AssertEnd(frame) => {
                        let height = m.frames[frame as usize];
                        pos = m.choices[height].pos;
                        m.cut(height);
                    }
                    Op::AssertNot { frame, back, end } => {
                        if pos < back as usize {
                            pc = end as usize;
                            continue 'run;
                        }
                        m.frames[frame as usize] = m.choices.len();
                        m.push(Kind::Goto(end), pos)?;
                        pos -= back as usize;
                    }
                    Op::AssertNotEnd(frame) => {
                        let height = m.frames[frame as usize];
                        m.undo(m.choices[height].trail);
                        m.choices.truncate(height);
                        break 'fail;
                    }
                    Op::Atomic(frame) => {
                        m.frames[frame as usize] = m.choices.len();
                        m.push(Kind::Barrier, pos)?;
                    }
                    Op::AtomicEnd(frame) => m.cut(m.frames[frame as usize]),
                    Op::Possess(number) => {
                        let reg = loop_reg + 2 * number as usize;
                        m.set(reg, 0);
                        m.set(reg + 1, NONE);
                    }
                    Op::PossessHead(number) => {
                        let l = &self.loops[number as usize];
                        let reg = loop_reg + 2 * number as usize;
                        let count = m.regs[reg];
                        let kind = if count < l.min {
                            Kind::Barrier
                        } else if count < l.max && m.regs[reg + 1] != pos {
                            Kind::Goto(l.until + 1)
                        } else {
                            pc = l.until as usize + 1;
                            continue 'run;
                        };
                        m.frames[l.frame as usize] = m.choices.len();
                        m.push(kind, pos)?;
                        m.set(reg, count + 1);
                        m.set(reg + 1, pos);
                    }
                    Op::PossessEnd(number) => {
                        let l = &self.loops[number as usize];
                        m.cut(m.frames[l.frame as usize]);
                        pc = l.body as usize - 1;
                        continue 'run;
                    }
                }
                pc += 1;
                continue 'run;
            }
            // Back to the newest choice.
            loop {
                let Some(choice) = m.choices.last().copied() else { return Ok(None) };
                m.undo(choice.trail);
                match choice.kind {
                    Kind::Barrier => {
                        m.choices.pop();
                    }
                    Kind::Goto(to) => {
                        m.choices.pop();
                        (pc, pos) = (to as usize, choice.pos);
                        break;
                    }
                    Kind::Alt(alt, to) => {
                        pos = choice.pos;
                        match self.viable(text, pos, alt + 1, to) {
                            Some(next) => {
                                let top = m.choices.len() - 1;
                                m.choices[top].kind = Kind::Alt(next, to);
                            }
                            None => {
                                m.choices.pop();
                            }
                        }
                        pc = self.alts[alt as usize].pc as usize;
                        break;
                    }
                    Kind::Greedy { pc: at, floor } => {
                        let Op::Greedy(number) = self.ops[at as usize] else { return Ok(None) };
                        let next = &self.ones[number as usize].next;
                        let found = Self::retreat(text, next, choice.pos - 1, floor);
                        let top = m.choices.len() - 1;
                        match found {
                            Some(found) if found > floor => m.choices[top].pos = found,
                            _ => {
                                m.choices.pop();
                            }
                        }
                        if let Some(found) = found {
                            (pc, pos) = (at as usize + 1, found);
                            break;
                        }
                    }
                    Kind::Lazy { pc: at, ceiling } => {
                        let Op::Lazy(number) = self.ops[at as usize] else { return Ok(None) };
                        let taken = choice.pos;
                        let ok = self.test(self.ones[number as usize].one, text[taken].into(), locale);
                        let found = if ok { self.proceed(text, number, taken + 1, ceiling, locale) } else { None };
                        let top = m.choices.len() - 1;
                        match found {
                            Some(found) if found < ceiling => m.choices[top].pos = found,
                            _ => {
                                m.choices.pop();
                            }
                        }
                        if let Some(found) = found {
                            (pc, pos) = (at as usize + 1, found);
                            break;
                        }
                    }
                    Kind::LazyLoop(number) => {
                        m.choices.pop();
                        let l = &self.loops[number as usize];
                        let reg = loop_reg + 2 * number as usize;
                        let count = m.regs[reg].wrapping_add(1);
                        pos = choice.pos;
                        if count < l.max && pos != m.regs[reg + 1] {
                            m.set(reg, count);
                            m.set(reg + 1, pos);
                            pc = l.body as usize;
                            break;
                        }
                    }
                }
            }
        }
    }
}
