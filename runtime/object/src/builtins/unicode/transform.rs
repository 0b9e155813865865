//! Case, padding, stripping, replacement and translation.
use super::{Str, StrBuilder, StrData, base};
use crate::builtins::stringlib::{self, Unit};
use crate::builtins::textargs::{c_int_arg, isize_arg, str_arg};
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, Int, Object, PyResult, exc, raise, with_units};
use krait_text::unicode as case;
use krait_text::unicode;

use super::search::{fit, limit};

impl Str {
    /// Maps ASCII bytes one to one.
    fn map_ascii(py: Attached<'_>, bytes: &[u8], map: impl Fn(u8) -> u8) -> PyResult<Ref<Str>> {
        match bytes {
            [] => return Ok(Str::empty()),
            [one] => return Ok(Str::latin1_char(map(*one)).to_ref()),
            _ => {}
        }
        let text = Str::alloc(py, bytes.len(), 0x7F)?;
        // SAFETY: fresh, and of one-byte kind.
        let out = unsafe { text.units_mut::<u8>() };
        out.iter_mut().zip(bytes).for_each(|(out, byte)| *out = map(*byte));
        Ok(text)
    }

    fn map_full(&self, py: Attached<'_>, map: impl Fn(u32) -> case::Mapped) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(self.len());
        with_units!(self, |text| text.iter().for_each(|unit| out.push_points(map(unit.to_u32()).as_slice())));
        out.finish(py)
    }

    pub(super) fn upper(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        match this.data() {
            StrData::Ascii(bytes) => Self::map_ascii(py, bytes, |byte| byte.to_ascii_uppercase()),
            _ => this.map_full(py, |point| case::to_full(case::Case::Upper, point)),
        }
    }

    pub(super) fn lower(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        match this.data() {
            StrData::Ascii(bytes) => Self::map_ascii(py, bytes, |byte| byte.to_ascii_lowercase()),
            _ => Str::from_code_points(py, &case::map_lower(&this.to_code_points())),
        }
    }

    pub(super) fn casefold(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        match this.data() {
            StrData::Ascii(bytes) => Self::map_ascii(py, bytes, |byte| byte.to_ascii_lowercase()),
            _ => this.map_full(py, case::casefold),
        }
    }

    pub(super) fn swapcase(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        match this.data() {
            StrData::Ascii(bytes) => Self::map_ascii(py, bytes, stringlib::swap_ascii),
            _ => Str::from_code_points(py, &case::swap_case(&this.to_code_points())),
        }
    }

    pub(super) fn title(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        Str::from_code_points(py, &case::title_text(&this.to_code_points()))
    }

    pub(super) fn capitalize(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        let text = this.to_code_points();
        let Some(&first) = text.first() else { return Ok(Str::empty()) };
        let mut out = StrBuilder::with_capacity(text.len());
        out.push_points(case::to_full(case::Case::Title, first).as_slice());
        for at in 1..text.len() {
            out.push_points(case::lower_at(|at| text[at], text.len(), at).as_slice());
        }
        out.finish(py)
    }

    /// `left` and `right` fill characters around the text.
    pub(crate) fn pad(&self, py: Attached<'_>, left: usize, right: usize, fill: u32) -> PyResult<Ref<Str>> {
        if left == 0 && right == 0 {
            return self.to_exact(py);
        }
        let Some(len) = self.len().checked_add(left).and_then(|len| len.checked_add(right)) else {
            return Err(raise!(py, OverflowError, "padded string is too long"));
        };
        if len > isize::MAX as usize {
            return Err(raise!(py, OverflowError, "padded string is too long"));
        }
        let max = if self.is_empty() { fill } else { fill.max(self.max_char()) };
        let new = Str::alloc(py, len, max)?;
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match base::kind_for(max) {
                1 => self.pad_into(new.units_mut::<u8>(), left, fill),
                2 => self.pad_into(new.units_mut::<u16>(), left, fill),
                _ => self.pad_into(new.units_mut::<u32>(), left, fill),
            }
        }
        Ok(new)
    }

    fn pad_into<T: Unit>(&self, out: &mut [T], left: usize, fill: u32) {
        let fill = T::truncate(fill);
        let (before, rest) = out.split_at_mut(left);
        let (text, after) = rest.split_at_mut(self.len());
        before.fill(fill);
        with_units!(self, |units| base::copy_units(units, text));
        after.fill(fill);
    }

    fn fill_char(py: Attached<'_>, fill: Option<&Object>) -> PyResult<u32> {
        let Some(fill) = fill else { return Ok(0x20) };
        let Some(fill) = fill.downcast::<Str>() else {
            let given = fill.ty().tp_name();
            return Err(raise!(py, TypeError, "The fill character must be a unicode character, not {given}"));
        };
        if fill.len() != 1 {
            return Err(raise!(py, TypeError, "The fill character must be exactly one character long"));
        }
        Ok(fill.char_at(0))
    }

    fn missing(&self, py: Attached<'_>, width: Option<&Object>) -> PyResult<usize> {
        Ok(usize::try_from(isize_arg(py, width, 0)?).unwrap_or(0).saturating_sub(self.len()))
    }

    pub(super) fn ljust(py: Attached<'_>, this: &Str, [width, fill]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
        let (padding, fill) = (this.missing(py, width)?, Self::fill_char(py, fill)?);
        this.pad(py, 0, padding, fill)
    }

    pub(super) fn rjust(py: Attached<'_>, this: &Str, [width, fill]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
        let (padding, fill) = (this.missing(py, width)?, Self::fill_char(py, fill)?);
        this.pad(py, padding, 0, fill)
    }

    pub(super) fn center(py: Attached<'_>, this: &Str, [width, fill]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
        let (padding, fill) = (this.missing(py, width)?, Self::fill_char(py, fill)?);
        // An odd blank goes left when the width is odd.
        let left = padding / 2 + (padding & (this.len() + padding) & 1);
        this.pad(py, left, padding - left, fill)
    }

    pub(super) fn zfill(py: Attached<'_>, this: &Str, width: &Object) -> PyResult<Ref<Str>> {
        let padding = this.missing(py, Some(width))?;
        if padding == 0 {
            return this.to_exact(py);
        }
        let signed = !this.is_empty() && matches!(char::from_u32(this.char_at(0)), Some('+' | '-'));
        let padded = this.pad(py, padding, 0, '0' as u32)?;
        if signed {
            // SAFETY: fresh, and `with_units` gives the kind.
            unsafe {
                match padded.kind() {
                    1 => padded.units_mut::<u8>().swap(0, padding),
                    2 => padded.units_mut::<u16>().swap(0, padding),
                    _ => padded.units_mut::<u32>().swap(0, padding),
                }
            }
        }
        Ok(padded)
    }

    pub(super) fn expandtabs(py: Attached<'_>, this: &Str, [size]: [Option<&Object>; 1]) -> PyResult<Ref<Str>> {
        let size = c_int_arg(py, size, 8)? as isize;
        with_units!(this, |text| {
            if !text.iter().any(|unit| unit.to_u32() == 9) {
                return this.to_exact(py);
            }
            match stringlib::expand_tabs(text, size) {
                Some(out) => Str::from_units_max(py, &out, this.max_char()),
                None => Err(raise!(py, OverflowError, "new string is too long")),
            }
        })
    }

    /// The text without white space, or without the characters of `set`, at the chosen ends.
    pub fn strip_ends(&self, py: Attached<'_>, set: Option<&Str>, left: bool, right: bool) -> PyResult<Ref<Str>> {
        let (start, end) = with_units!(self, |text| match set {
            None => stringlib::strip(text, left, right, |unit| unicode::is_space(unit.to_u32())),
            Some(set) => {
                let set: Vec<u32> = set.to_code_points();
                stringlib::strip(text, left, right, |unit| set.contains(&unit.to_u32()))
            }
        });
        self.substring(py, start, end)
    }

    fn strip_with(
        &self,
        py: Attached<'_>,
        function: &str,
        set: Option<&Object>,
        left: bool,
        right: bool,
    ) -> PyResult<Ref<Str>> {
        let set = match set.filter(|set| !set.is_none()) {
            None => None,
            Some(set) => match set.downcast::<Str>() {
                Some(set) => Some(set),
                None => return Err(raise!(py, TypeError, "{function} arg must be None or str")),
            },
        };
        self.strip_ends(py, set, left, right)
    }

    pub(super) fn strip(py: Attached<'_>, this: &Str, [set]: [Option<&Object>; 1]) -> PyResult<Ref<Str>> {
        this.strip_with(py, "strip", set, true, true)
    }

    pub(super) fn lstrip(py: Attached<'_>, this: &Str, [set]: [Option<&Object>; 1]) -> PyResult<Ref<Str>> {
        this.strip_with(py, "lstrip", set, true, false)
    }

    pub(super) fn rstrip(py: Attached<'_>, this: &Str, [set]: [Option<&Object>; 1]) -> PyResult<Ref<Str>> {
        this.strip_with(py, "rstrip", set, false, true)
    }

    pub(super) fn py_replace(
        py: Attached<'_>,
        this: &Str,
        [old, new, count]: [Option<&Object>; 3],
    ) -> PyResult<Ref<Str>> {
        let (Some(old), Some(new)) = (old, new) else { return Err(py.bad_internal_call()) };
        let old = str_arg(py, "replace", "argument 1", old)?;
        let new = str_arg(py, "replace", "argument 2", new)?;
        this.replace(py, old, new, isize_arg(py, count, -1)?)
    }

    /// `self.replace(old, new, count)`; a negative count means all.
    pub fn replace(&self, py: Attached<'_>, old: &Str, new: &Str, count: isize) -> PyResult<Ref<Str>> {
        if let (StrData::Ascii(text), StrData::Ascii(from), StrData::Ascii(to)) = (self.data(), old.data(), new.data())
            && from.len() == to.len()
            && !from.is_empty()
        {
            return self.replace_in_place(py, text, from, to, limit(count));
        }
        // An empty pattern does not match in an empty text when there is a count of zero; otherwise it does once.
        let places = with_units!(self, |text| {
            fit(text, old).map_or(Some(Vec::new()), |old| stringlib::matches(text, &old, limit(count)))
        });
        let places = places.ok_or_else(|| py.no_memory())?;
        if places.is_empty() || (old.len() == new.len() && Str::eq(old, new)) {
            return self.to_exact(py);
        }
        let mut parts = Vec::new();
        parts.try_reserve_exact(places.len() + 1).map_err(|_| py.no_memory())?;
        let mut len = self.len() - places.len() * old.len();
        match new.len().checked_mul(places.len()).and_then(|more| len.checked_add(more)) {
            Some(total) if total <= isize::MAX as usize => len = total,
            _ => return Err(raise!(py, OverflowError, "replace string is too long")),
        }
        let mut at = 0;
        for place in places {
            parts.push((at, place));
            at = place + old.len();
        }
        parts.push((at, self.len()));
        // Without the pattern's characters the text may fit a narrower kind.
        let max = if self.is_ascii() {
            new.max_char_exact() | u32::from(len > 0)
        } else {
            parts.iter().fold(new.max_char_exact(), |max, &(start, end)| {
                with_units!(self, |text| max | base::max_char(&text[start..end]))
            })
        };
        let out = Str::alloc(py, len, max)?;
        if len == 0 {
            return Ok(out);
        }
        if let (1, StrData::Ascii(_)) = (len, out.data()) {
            let mut only = StrBuilder::new();
            self.replace_into(&parts, new, |text, start, end| only.push_slice(text, start, end));
            return only.finish(py);
        }
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match base::kind_for(max) {
                1 => self.replace_units(out.units_mut::<u8>(), &parts, new),
                2 => self.replace_units(out.units_mut::<u16>(), &parts, new),
                _ => self.replace_units(out.units_mut::<u32>(), &parts, new),
            }
        }
        Ok(out)
    }

    /// [`Str::replace`] for ASCII and a replacement of the pattern's length: the text is copied and written over.
    fn replace_in_place(
        &self,
        py: Attached<'_>,
        text: &[u8],
        from: &[u8],
        to: &[u8],
        max: usize,
    ) -> PyResult<Ref<Str>> {
        if max == 0 || from == to || from.len() > text.len() {
            return self.to_exact(py);
        }
        if let [only] = to
            && text == from
        {
            return Str::from_units_max(py, std::slice::from_ref(only), 0x7F);
        }
        let mut out = None;
        stringlib::each_match(text, from, max, |at| {
            let out = out.get_or_insert_with(|| {
                Str::alloc(py, text.len(), 0x7F).inspect(|out| {
                    // SAFETY: fresh, and of the kind just asked for.
                    unsafe { out.units_mut::<u8>() }.copy_from_slice(text);
                })
            });
            let Ok(out) = out else { return false };
            // SAFETY: as above.
            unsafe { &mut out.units_mut::<u8>()[at..at + to.len()] }.copy_from_slice(to);
            true
        });
        out.unwrap_or_else(|| self.to_exact(py))
    }

    /// An upper bound of the characters that has the right class, 0 for the empty string.
    fn max_char_exact(&self) -> u32 {
        if self.is_empty() { 0 } else { self.max_char() }
    }

    fn replace_into(&self, parts: &[(usize, usize)], new: &Str, mut emit: impl FnMut(&Str, usize, usize)) {
        for (index, &(start, end)) in parts.iter().enumerate() {
            if index > 0 {
                emit(new, 0, new.len());
            }
            emit(self, start, end);
        }
    }

    fn replace_units<T: Unit>(&self, out: &mut [T], parts: &[(usize, usize)], new: &Str) {
        let mut at = 0;
        self.replace_into(parts, new, |text, start, end| {
            let here = &mut out[at..at + (end - start)];
            with_units!(text, |units| base::copy_units(&units[start..end], here));
            at += end - start;
        });
    }

    pub(super) fn maketrans(py: Attached<'_>, [x, y, z]: [Option<&Object>; 3]) -> PyResult<Ref<Dict>> {
        let Some(x) = x else { return Err(py.bad_internal_call()) };
        let table = Dict::new(py)?;
        let Some(y) = y else {
            let Some(map) = x.downcast_exact::<Dict>() else {
                return Err(raise!(py, TypeError, "if you give only one argument to maketrans it must be a dict"));
            };
            for (key, value) in map.items_snapshot(py)? {
                if let Some(text) = Object::downcast::<Str>(&key) {
                    if text.len() != 1 {
                        return Err(raise!(py, ValueError, "string keys in translatetable must be of length 1"));
                    }
                    table.set(py, Int::from_u64(py, text.char_at(0).into())?.as_object(), &value)?;
                } else if Object::downcast::<Int>(&key).is_some() {
                    table.set(py, &key, &value)?;
                } else {
                    return Err(raise!(py, TypeError, "keys in translate table mustbe strings or integers"));
                }
            }
            return Ok(table);
        };
        let y = str_arg(py, "maketrans", "argument 2", y)?;
        let z = z.map(|z| str_arg(py, "maketrans", "argument 3", z)).transpose()?;
        let Some(x) = x.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "first maketrans argument must be a string if there is a second argument"
            ));
        };
        if x.len() != y.len() {
            return Err(raise!(py, ValueError, "the first two maketrans arguments must have equal length"));
        }
        for (from, to) in x.code_points().zip(y.code_points()) {
            let (from, to) = (Int::from_u64(py, from.into())?, Int::from_u64(py, to.into())?);
            table.set(py, from.as_object(), to.as_object())?;
        }
        for gone in z.iter().flat_map(|z| z.code_points()) {
            table.set(py, Int::from_u64(py, gone.into())?.as_object(), crate::object::none_borrowed())?;
        }
        Ok(table)
    }

    pub(super) fn translate(py: Attached<'_>, this: &Str, table: &Object) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(this.len());
        // What ASCII characters became: one ASCII character, nothing, or something that is asked for each time.
        const UNKNOWN: u8 = 0xFF;
        const GONE: u8 = 0xFE;
        let mut cache = [UNKNOWN; 128];
        for point in this.code_points() {
            match cache.get(point as usize) {
                None | Some(&UNKNOWN) => {}
                Some(&GONE) => continue,
                Some(&known) => {
                    out.push(known.into());
                    continue;
                }
            }
            let before = out.len();
            // What maps to nothing goes.
            let _found = translate_one(py, &mut out, table, point)?;
            if let Some(cell) = cache.get_mut(point as usize) {
                // A text that there is no memory for is empty from then on.
                match (out.len().saturating_sub(before), out.get(before)) {
                    (0, _) => *cell = GONE,
                    (1, Some(to @ 0..=127)) => *cell = to as u8,
                    _ => {}
                }
            }
        }
        out.finish(py)
    }

    /// `PyUnicode_Translate`: [`Str::translate`] with an error handler for the characters that map to nothing.
    ///
    /// # Errors
    /// What the table raises, `UnicodeTranslateError` or what the handler raises.
    pub fn translate_with(py: Attached<'_>, this: &Str, table: &Object, errors: Option<&str>) -> PyResult<Ref<Str>> {
        if errors == Some("ignore") {
            return Str::translate(py, this, table);
        }
        let mut out = StrBuilder::with_capacity(this.len());
        let mut at = 0;
        while at < this.len() {
            if translate_one(py, &mut out, table, this.char_at(at))? {
                at += 1;
                continue;
            }
            let mut end = at + 1;
            let mut aside = StrBuilder::new();
            while end < this.len() && !translate_one(py, &mut aside, table, this.char_at(end))? {
                end += 1;
            }
            let reason = "character maps to <undefined>";
            let (text, next) = crate::codecs::handle_translate_error(py, this, errors, at..end, reason)?;
            out.push_obj(&text);
            at = next;
        }
        out.finish(py)
    }
}

/// Appends what `table` makes of one character; false when it maps to nothing.
fn translate_one(py: Attached<'_>, out: &mut StrBuilder, table: &Object, point: u32) -> PyResult<bool> {
    let key = Int::from_u64(py, point.into())?;
    // A dict without the character tells so without an exception.
    let found = match table.downcast_exact::<Dict>() {
        Some(dict) => dict.get(py, key.as_object()).transpose(),
        None => Some(table.get_item(py, key.as_object())),
    };
    let to = match found {
        None => {
            out.push(point);
            return Ok(true);
        }
        Some(Ok(to)) => to,
        Some(Err(raised)) if raised.matches(py, exc::LookupError()) => {
            raised.clear(py);
            out.push(point);
            return Ok(true);
        }
        Some(Err(raised)) => return Err(raised),
    };
    if to.is_none() {
        return Ok(false);
    }
    if let Some(text) = Object::downcast::<Str>(&to) {
        out.push_obj(text);
        return Ok(true);
    }
    let Some(int) = Object::downcast::<Int>(&to) else {
        return Err(raise!(py, TypeError, "character mapping must return integer, None or str"));
    };
    match int.to_i64() {
        Some(point @ 0..=0x10_FFFF) => {
            out.push(point as u32);
            Ok(true)
        }
        _ => Err(raise!(py, ValueError, "character mapping must be in range(0x110000)")),
    }
}
