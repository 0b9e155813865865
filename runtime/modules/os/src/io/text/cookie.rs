//! Positions in a text stream.
//!
//! A place is named by a byte position where the decoder's state is known, that state, how many bytes to feed from
//! there and how many of the characters they give to skip. All of it is packed into one integer, lowest 64 bits first,
//! so that a place where nothing is to be fed is just the byte position.
use super::TextIOWrapper;
use crate::io::base::unsupported;
use crate::util::need;
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Int, IntoObject, Layout, Object, PyResult, Ref, id, raise};

#[derive(Default)]
struct Cookie {
    start: u64,
    flags: u32,
    feed: u32,
    skip: u32,
    eof: bool,
}

impl Cookie {
    fn pack(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        let mut bytes = Vec::with_capacity(22);
        bytes.extend_from_slice(&self.start.to_le_bytes());
        bytes.extend_from_slice(&self.flags.to_le_bytes());
        bytes.extend_from_slice(&self.feed.to_le_bytes());
        bytes.extend_from_slice(&self.skip.to_le_bytes());
        bytes.push(self.eof.into());
        Int::from_le_bytes(py, &bytes, false)
    }

    fn unpack(py: Attached<'_>, number: &Int) -> PyResult<Cookie> {
        let Some(bytes) = number.to_le_bytes(21, false) else {
            return Err(raise!(py, OverflowError, "int too big to convert"));
        };
        let word = |at: usize| bytes[at..at + 4].iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        Ok(Cookie {
            start: u64::from(word(0)) | u64::from(word(4)) << 32,
            flags: word(8),
            feed: word(12),
            skip: word(16),
            eof: bytes[20] != 0,
        })
    }
}

impl TextIOWrapper {
    /// Decodes a prefix from a state: characters, held back bytes and flags afterwards.
    fn probe(&self, py: Attached<'_>, flags: u64, bytes: &[u8], last: bool) -> PyResult<(usize, usize, u64)> {
        self.set_decoder_state(py, &[], flags)?;
        let chars = self.decode(py, bytes, last)?.len();
        let (held, flags) = self.decoder_state(py)?;
        Ok((chars, held.len(), flags))
    }

    pub(super) fn tell(py: Attached<'_>, this: &Self) -> PyResult<Ref<Int>> {
        let buffer = this.check_closed(py)?;
        let (seekable, telling) = this.with(py, |st| (st.seekable, st.telling));
        if !seekable {
            return Err(unsupported(py, "underlying stream is not seekable"));
        }
        if !telling {
            return Err(raise!(py, OSError, "telling position disabled by next() call"));
        }
        this.write_pending(py, &buffer)?;
        this.as_object().call_method(py, id!(py, flush), &[])?;
        let position = buffer.call_method(py, id!(py, tell), &[])?;
        let (snapshot, used, readable) = this.with(py, |st| (st.snapshot.clone(), st.used, st.readable));
        let Some((flags, input)) = snapshot.filter(|_| readable) else {
            return position.index(py);
        };
        let start = position.as_i64(py)? - input.len() as i64;
        if used == 0 {
            return Cookie { start: start as u64, flags: flags as u32, ..Cookie::default() }.pack(py);
        }
        let (held, now) = this.decoder_state(py)?;
        let cookie = this.locate(py, start as u64, flags, &input, used);
        let restored = this.set_decoder_state(py, &held, now);
        let cookie = cookie?;
        restored?;
        cookie.pack(py)
    }

    /// The cookie of the place `used` characters into what `input` decodes to.
    fn locate(&self, py: Attached<'_>, start: u64, flags: u64, input: &[u8], used: usize) -> PyResult<Cookie> {
        let seen = self.with(py, |st| st.newlines.seen);
        let found = self.locate_in(py, start, flags, input, used);
        self.with(py, |st| st.newlines.seen = seen);
        found
    }

    fn locate_in(&self, py: Attached<'_>, start: u64, flags: u64, input: &[u8], used: usize) -> PyResult<Cookie> {
        // The shortest prefix that gives at least `used` characters: the count grows with the prefix.
        let (mut low, mut high) = (0, input.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.probe(py, flags, &input[..middle], false)?.0 >= used { high = middle } else { low = middle + 1 }
        }
        let mut at = low;
        let (chars, held, state) = self.probe(py, flags, &input[..at], false)?;
        if chars == used && held == 0 {
            return Ok(Cookie { start: start + at as u64, flags: state as u32, ..Cookie::default() });
        }
        let eof = chars < used;
        if eof && self.probe(py, flags, input, true)?.0 < used {
            return Err(raise!(py, OSError, "can't reconstruct logical file position"));
        }
        let end = at;
        // Back to a place where the decoder holds nothing back.
        loop {
            if at == 0 {
                return Ok(Cookie { start, flags: flags as u32, feed: end as u32, skip: used as u32, eof });
            }
            at -= 1;
            let (chars, held, state) = self.probe(py, flags, &input[..at], false)?;
            if held == 0 && chars <= used {
                return Ok(Cookie {
                    start: start + at as u64,
                    flags: state as u32,
                    feed: (end - at) as u32,
                    skip: (used - chars) as u32,
                    eof,
                });
            }
        }
    }

    pub(super) fn seek(py: Attached<'_>, this: &Self, [cookie, how]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
        let mut cookie = need(py, cookie)?.to_ref();
        let how = how.map_or(Ok(0), |how| how.as_i32(py))?;
        let buffer = this.check_closed(py)?;
        if !this.with(py, |st| st.seekable) {
            return Err(unsupported(py, "underlying stream is not seekable"));
        }
        match how {
            libc::SEEK_SET => {}
            libc::SEEK_CUR => {
                if cookie.is_true(py)? {
                    return Err(unsupported(py, "can't do nonzero cur-relative seeks"));
                }
                cookie = this.as_object().call_method(py, id!(py, tell), &[])?;
            }
            libc::SEEK_END => {
                if cookie.is_true(py)? {
                    return Err(unsupported(py, "can't do nonzero end-relative seeks"));
                }
                this.as_object().call_method(py, id!(py, flush), &[])?;
                this.forget_chars(py);
                this.reset_decoder(py)?;
                let (zero, two) = (0.into_object(py)?, 2.into_object(py)?);
                let position = buffer.call_method(py, id!(py, seek), &[&zero, &two])?;
                let at_start = !position.is_true(py)?;
                this.set_encoder_started(py, !at_start)?;
                return Ok(position);
            }
            how => return Err(raise!(py, ValueError, "invalid whence ({how}, should be 0, 1 or 2)")),
        }
        let number = cookie.index(py)?;
        if number.is_negative() {
            return Err(raise!(py, ValueError, "negative seek position {}", cookie.repr(py)?));
        }
        this.as_object().call_method(py, id!(py, flush), &[])?;
        let place = Cookie::unpack(py, &number)?;
        buffer.call_method(py, id!(py, seek), &[&*place.start.into_object(py)?])?;
        this.forget_chars(py);
        if this.with(py, |st| st.readable) {
            this.set_decoder_state(py, &[], place.flags.into())?;
        }
        if place.skip > 0 {
            let input = buffer.call_method(py, id!(py, read), &[&*place.feed.into_object(py)?])?;
            let bytes = BytesArg::new(py, &input)?;
            let bytes = bytes.as_slice();
            let text = this.decode(py, bytes, place.eof)?;
            if text.len() < place.skip as usize {
                return Err(raise!(py, OSError, "can't restore logical file position"));
            }
            let snapshot = Some((u64::from(place.flags), bytes.to_vec()));
            this.with(py, |st| {
                st.snapshot = snapshot;
                st.used = place.skip as usize;
                st.chars = Some(text);
            });
        } else {
            this.with(py, |st| st.snapshot = Some((place.flags.into(), Vec::new())));
        }
        this.set_encoder_started(py, place.start != 0 || place.flags != 0)?;
        Ok(cookie)
    }
}
