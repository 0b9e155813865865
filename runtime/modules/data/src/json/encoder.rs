//! `make_encoder`: objects to JSON text.
use super::escape;
use krait_object::args::{Args, Signature};
use krait_object::layout::Field;
use krait_object::native::{alloc, part, required, type_name};
use krait_object::{
    Attached, Bool, Dict, Float, Int, Layout, List, Object, PyResult, Ref, Slot, Str, StrBuilder, Tuple, Type, hooks,
    id, pytype, raise,
};
use std::collections::HashSet;

krait_object::native! {
    /// `make_encoder`.
    pub struct Encoder {
        markers: Slot,
        default: Slot,
        encoder: Slot,
        indent: Slot,
        key_separator: Slot<Str>,
        item_separator: Slot<Str>,
        sort_keys: Field<bool>,
        skipkeys: Field<bool>,
        allow_nan: Field<bool>,
        /// How strings are written: 0 by the encoder, 1 as they are, 2 in ASCII.
        direct: Field<u8>,
    }
}
pytype! {
    pub static ENCODER: "_json.Encoder" for Encoder {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Encoder(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)\n\nTurns an object into a tuple of pieces of JSON text.",
        slots: {
            tp_dealloc = Encoder::dealloc,
            tp_traverse = Encoder::traverse,
            tp_new = Encoder::construct,
            tp_call = Encoder::call,
        },
        getset: {
            "markers" => |_: Attached<'_>, this: &Encoder| this.markers.get(), "The containers that are being written.";
            "default" => |_: Attached<'_>, this: &Encoder| this.default.get(), "What is asked about unknown objects.";
            "encoder" => |_: Attached<'_>, this: &Encoder| this.encoder.get(), "What writes strings.";
            "indent" => |_: Attached<'_>, this: &Encoder| this.indent.get(), "What a line begins with, for each level.";
            "key_separator" => |_: Attached<'_>, this: &Encoder| this.key_separator.get(), "What stands between key and value.";
            "item_separator" => |_: Attached<'_>, this: &Encoder| this.item_separator.get(), "What stands between items.";
            "sort_keys" => |_: Attached<'_>, this: &Encoder| this.sort_keys.get(), "Whether dicts are sorted.";
            "skipkeys" => |_: Attached<'_>, this: &Encoder| this.skipkeys.get(), "Whether impossible keys are left out.";
        },
    }
}

/// One call of the encoder.
struct Writer<'a, 'py> {
    py: Attached<'py>,
    this: &'a Encoder,
    out: StrBuilder,
    /// The containers that are being written, unless nobody checks.
    open: Option<HashSet<usize>>,
    key_separator: Ref<Str>,
    item_separator: Ref<Str>,
    indent: Option<Ref<Str>>,
}

fn text_arg(py: Attached<'_>, value: &Object, at: usize) -> PyResult<Ref<Str>> {
    match value.downcast::<Str>() {
        Some(text) => Ok(text.to_ref()),
        None => {
            let name = krait_object::builtins::textargs::arg_type(value);
            Err(raise!(py, TypeError, "make_encoder() argument {at} must be str, not {name}"))
        }
    }
}

impl Encoder {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Encoder>> {
        const SIG: Signature = Signature::parse(
            "make_encoder",
            "(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)",
        );
        let bound = SIG.bind::<9>(py, args)?;
        let mut given = [krait_object::none_borrowed(); 9];
        for (slot, arg) in given.iter_mut().zip(bound) {
            *slot = required(py, arg)?;
        }
        let [markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan] = given;
        let key_separator = text_arg(py, key_separator, 5)?;
        let item_separator = text_arg(py, item_separator, 6)?;
        let (sort_keys, skipkeys) = (sort_keys.is_true(py)?, skipkeys.is_true(py)?);
        let allow_nan = allow_nan.is_true(py)?;
        if !markers.is_none() && markers.downcast::<Dict>().is_none() {
            let name = krait_object::builtins::textargs::arg_type(markers);
            return Err(raise!(py, TypeError, "make_encoder() argument 1 must be dict or None, not {name}"));
        }
        let module = (hooks::hooks().import)(py, "_json")?;
        let direct = if encoder.is(&*module.get_attr(py, id!(py, encode_basestring))?) {
            1
        } else if encoder.is(&*module.get_attr(py, id!(py, encode_basestring_ascii))?) {
            2
        } else {
            0
        };
        let this = alloc::<Encoder>(py, ty)?;
        drop(this.markers.replace(Some(markers.to_ref())));
        drop(this.default.replace(Some(default.to_ref())));
        drop(this.encoder.replace(Some(encoder.to_ref())));
        drop(this.indent.replace(Some(indent.to_ref())));
        drop(this.key_separator.replace(Some(key_separator)));
        drop(this.item_separator.replace(Some(item_separator)));
        this.sort_keys.set(sort_keys);
        this.skipkeys.set(skipkeys);
        this.allow_nan.set(allow_nan);
        this.direct.set(direct);
        Ok(this)
    }

    fn call(py: Attached<'_>, this: &Encoder, args: Args<'_>) -> PyResult<Ref<Tuple>> {
        const SIG: Signature = Signature::parse("_iterencode", "(obj, _current_indent_level)");
        let [object, level] = SIG.bind::<2>(py, args)?;
        let (object, level) = (required(py, object)?, required(py, level)?.as_isize(py)?);
        let indent = part(py, &this.indent)?;
        let mut writer = Writer {
            py,
            this,
            out: StrBuilder::with_capacity(64),
            open: this.markers.get().filter(|markers| !markers.is_none()).map(|_| HashSet::new()),
            key_separator: part(py, &this.key_separator)?,
            item_separator: part(py, &this.item_separator)?,
            indent: indent.downcast::<Str>().ok(),
        };
        writer.value(object, level.max(0) as usize)?;
        let text = writer.out.finish(py)?;
        Tuple::from_slice(py, &[text.as_object()])
    }
}

impl Writer<'_, '_> {
    fn value(&mut self, object: &Object, level: usize) -> PyResult<()> {
        let py = self.py;
        if object.is_none() {
            self.out.push_str("null");
        } else if object.is(Bool::of(true)) {
            self.out.push_str("true");
        } else if object.is(Bool::of(false)) {
            self.out.push_str("false");
        } else if let Some(text) = object.downcast::<Str>() {
            self.string(text)?;
        } else if let Some(int) = object.downcast::<Int>() {
            self.int(int)?;
        } else if let Some(float) = object.downcast::<Float>() {
            let text = self.float(float)?;
            self.out.push_str(&text);
        } else if object.downcast::<List>().is_some() || object.downcast::<Tuple>().is_some() {
            let _guard = py.enter_recursive(" while encoding a JSON object")?;
            self.list(object, level)?;
        } else if let Some(dict) = object.downcast::<Dict>() {
            let _guard = py.enter_recursive(" while encoding a JSON object")?;
            self.dict(dict, level)?;
        } else {
            self.other(object, level)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &Str) -> PyResult<()> {
        let py = self.py;
        match self.this.direct.get() {
            0 => {
                let new = part(py, &self.this.encoder)?.call_pos(py, &[text.as_object()])?;
                let Some(text) = new.as_object().downcast::<Str>() else {
                    let name = type_name(&new);
                    return Err(raise!(py, TypeError, "encoder() must return a string, not {name}"));
                };
                self.out.push_obj(text);
            }
            direct => escape::push(&mut self.out, text, direct == 2),
        }
        Ok(())
    }

    fn int(&mut self, int: &Int) -> PyResult<()> {
        if int.is_compact() {
            self.out.push_str(itoa(int.compact_value() as i64, &mut [0; 20]));
        } else {
            self.out.push_str(&int.to_decimal(self.py)?);
        }
        Ok(())
    }

    fn float(&self, float: &Float) -> PyResult<String> {
        let py = self.py;
        let value = float.value();
        if value.is_finite() {
            return Ok(krait_text::float::repr(value));
        }
        if !self.this.allow_nan.get() {
            let shown = float.as_object().repr(py)?;
            return Err(raise!(py, ValueError, "Out of range float values are not JSON compliant: {}", *shown));
        }
        Ok(match value {
            value if value.is_nan() => "NaN",
            value if value > 0.0 => "Infinity",
            _ => "-Infinity",
        }
        .to_owned())
    }

    fn open(&mut self, object: &Object) -> PyResult<()> {
        let py = self.py;
        let fresh = self.open.as_mut().is_none_or(|open| open.insert(object.as_ptr() as usize));
        if fresh { Ok(()) } else { Err(raise!(py, ValueError, "Circular reference detected")) }
    }

    fn close(&mut self, object: &Object) {
        if let Some(open) = &mut self.open {
            open.remove(&(object.as_ptr() as usize));
        }
    }

    fn newline(&mut self, level: usize) {
        if let Some(indent) = &self.indent {
            self.out.push(10);
            for _ in 0..level {
                self.out.push_obj(indent);
            }
        }
    }

    fn list(&mut self, list: &Object, level: usize) -> PyResult<()> {
        let py = self.py;
        let get = |at: usize| match list.downcast::<List>() {
            Some(list) => list.get(py, at),
            None => list.downcast::<Tuple>().and_then(|tuple| tuple.get(at)).map(Layout::to_ref),
        };
        let Some(first) = get(0) else {
            self.out.push_str("[]");
            return Ok(());
        };
        self.open(list)?;
        self.out.push(91);
        let (mut item, mut at) = (Some(first), 0);
        while let Some(value) = item {
            if at > 0 {
                self.out.push_obj(&self.item_separator);
            }
            self.newline(level + 1);
            self.value(&value, level + 1).map_err(|raised| {
                raised.with_note(py, || format!("when serializing {} item {at}", list.ty().short_name()))
            })?;
            at += 1;
            item = get(at);
        }
        self.close(list);
        self.newline(level);
        self.out.push(93);
        Ok(())
    }

    fn dict(&mut self, dict: &Dict, level: usize) -> PyResult<()> {
        let py = self.py;
        if dict.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        self.open(dict.as_object())?;
        self.out.push(123);
        let mut first = true;
        let exact = std::ptr::eq(dict.as_object().ty(), Dict::type_object());
        if self.this.sort_keys.get() || !exact {
            let items = dict.as_object().mapping_items(py)?;
            if self.this.sort_keys.get() {
                items.sort(py, None, false)?;
            }
            for item in items.to_vec(py)? {
                let pair = item.as_object().downcast::<Tuple>().filter(|pair| pair.len() == 2);
                let Some(&[key, value]) = pair.map(Tuple::as_slice) else {
                    return Err(raise!(py, ValueError, "items must return 2-tuples"));
                };
                self.pair(dict, key, value, level + 1, &mut first)?;
            }
        } else {
            for (key, value) in dict.items_snapshot(py)? {
                self.pair(dict, &key, &value, level + 1, &mut first)?;
            }
        }
        self.close(dict.as_object());
        if !first {
            self.newline(level);
        }
        self.out.push(125);
        Ok(())
    }

    fn pair(&mut self, dict: &Dict, key: &Object, value: &Object, level: usize, first: &mut bool) -> PyResult<()> {
        let py = self.py;
        let text = if let Some(text) = key.downcast::<Str>() {
            text.to_ref()
        } else if let Some(float) = key.downcast::<Float>() {
            Str::new(py, &self.float(float)?)?
        } else if key.is_none() {
            id!(py, "null").to_ref()
        } else if key.is(Bool::of(true)) {
            id!(py, "true").to_ref()
        } else if key.is(Bool::of(false)) {
            id!(py, "false").to_ref()
        } else if let Some(int) = key.downcast::<Int>() {
            Str::new(py, &int.to_decimal(py)?)?
        } else if self.this.skipkeys.get() {
            return Ok(());
        } else {
            let name = type_name(key);
            let raised = raise!(py, TypeError, "keys must be str, int, float, bool or None, not {name}");
            return Err(raised);
        };
        if !std::mem::take(first) {
            self.out.push_obj(&self.item_separator);
        }
        self.newline(level);
        self.string(&text)?;
        self.out.push_obj(&self.key_separator);
        self.value(value, level).map_err(|raised| {
            raised.with_note(py, || {
                let shown = match key.repr(py) {
                    Ok(shown) => shown.to_string_lossy().into_owned(),
                    Err(raised) => {
                        raised.clear(py);
                        String::new()
                    }
                };
                format!("when serializing {} item {shown}", dict.as_object().ty().short_name())
            })
        })
    }

    /// An object that `default` knows something for.
    fn other(&mut self, object: &Object, level: usize) -> PyResult<()> {
        let py = self.py;
        self.open(object)?;
        let new = part(py, &self.this.default)?.call_pos(py, &[object])?;
        let guard = py.enter_recursive(" while encoding a JSON object")?;
        let result = self.value(&new, level);
        drop(guard);
        result.map_err(|raised| {
            raised.with_note(py, || format!("when serializing {} object", object.ty().short_name()))
        })?;
        self.close(object);
        Ok(())
    }
}

/// The digits of a number.
fn itoa(value: i64, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    std::str::from_utf8(&buffer[at..]).unwrap_or_default()
}
