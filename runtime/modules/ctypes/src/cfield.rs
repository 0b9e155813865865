//! `CField`: the descriptor of a field of a structure or union.
use crate::cdata::{CData, as_cdata, get_value, set_value};
use crate::codes;
use crate::info::{Desc, Kind, desc_of};
use krait_object::args::{Args, Signature};
use krait_object::layout::Field;
use krait_object::native::{Part, alloc};
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Type, native, pytype, raise,
};
use std::mem::offset_of;
use std::ptr;

type Opt<'a> = Option<&'a Object>;

native! {
    /// A field.
    pub struct CField {
        byte_offset: Field<isize>,
        byte_size: Field<isize>,
        index: Field<isize>,
        class: Slot<Object>,
        anonymous: Field<bool>,
        bit_field: Field<bool>,
        bit_size: Field<isize>,
        bit_offset: Field<isize>,
        name: Slot<Object>,
    }
}

pytype! {
    pub static CFIELD_TYPE: "ctypes.CField" for CField {
        base: Object,
        flags: [HAVE_GC],
        doc: "Structure/Union member",
        slots: {
            tp_new = CField::construct,
            tp_dealloc = CField::dealloc,
            tp_traverse = CField::traverse,
            tp_clear = CField::clear,
            tp_repr = CField::repr,
            tp_descr_get = CField::get,
            tp_descr_set = CField::set,
        },
        getset: {
            "size" => CField::size, "size in bytes of this field. For bitfields, this is a legacy packed value; use byte_size instead";
            "bit_size" => CField::bits, "size of this field in bits";
            "is_bitfield" => |_: Attached<'_>, this: &CField| this.bit_field.get(), "true if this is a bitfield";
            "is_anonymous" => |_: Attached<'_>, this: &CField| this.anonymous.get(), "true if this field is anonymous";
        },
        members: [
            member("name\0", _Py_T_OBJECT, offset_of!(CField, name), Py_READONLY, c"name of this field"),
            member("type\0", _Py_T_OBJECT, offset_of!(CField, class), Py_READONLY, c"type of this field"),
            member("offset\0", Py_T_PYSSIZET, offset_of!(CField, byte_offset), Py_READONLY, c"offset in bytes of this field (same as byte_offset)"),
            member("byte_offset\0", Py_T_PYSSIZET, offset_of!(CField, byte_offset), Py_READONLY, c"offset in bytes of this field. For bitfields: excludes bit_offset."),
            member("byte_size\0", Py_T_PYSSIZET, offset_of!(CField, byte_size), Py_READONLY, c"size of this field in bytes"),
            member("bit_offset\0", Py_T_PYSSIZET, offset_of!(CField, bit_offset), Py_READONLY, c"additional offset in bits (relative to byte_offset); zero for non-bitfields"),
        ],
    }
}

impl CField {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Self>> {
        const SIG: Signature = Signature::parse(
            "CField",
            "(*, name, type, byte_size, byte_offset, index, _internal_use, bit_size=None, bit_offset=None)",
        );
        let [name, class, size, offset, index, internal, bit_size, bit_offset]: [Opt<'_>; 8] = SIG.bind(py, args)?;
        let required = [name, class, size, offset, index, internal];
        let [Some(name), Some(class), Some(size), Some(offset), Some(index), Some(internal)] = required else {
            return Err(py.bad_internal_call());
        };
        if name.downcast::<Str>().is_none() {
            return Err(raise!(py, TypeError, "CField() argument 'name' must be str, not {}", name.ty().name()));
        }
        let (size, offset, index) = (size.as_index(py)?, offset.as_index(py)?, index.as_index(py)?);
        if !internal.is_true(py)? {
            return Err(raise!(
                py,
                TypeError,
                "CField is not intended to be used directly; use it via Structure/Union classes"
            ));
        }
        let quoted = name.repr(py)?;
        if size < 0 {
            return Err(raise!(py, ValueError, "byte size of field {quoted} must not be negative, got {size}"));
        }
        let Some(desc) = desc_of(class) else {
            return Err(raise!(py, TypeError, "type of field {quoted} must be a C type"));
        };
        if desc.size as isize != size {
            let real = desc.size;
            return Err(raise!(
                py,
                ValueError,
                "byte size of field {quoted} ({size}) does not match type size ({real})"
            ));
        }
        let mut bits = None;
        if let Some(bit_size) = bit_size.filter(|bits| !bits.is_none()) {
            if desc.kind != Kind::Simple || !codes::is_integer(desc.code) {
                let class = class.downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
                return Err(raise!(py, TypeError, "bit fields not allowed for type {class}"));
            }
            let Some(bit_offset) = bit_offset.filter(|offset| !offset.is_none()) else {
                return Err(raise!(py, TypeError, "an integer is required"));
            };
            let (width, start) = (bit_size.as_index(py)?, bit_offset.as_index(py)?);
            if width <= 0 || width > 255 {
                return Err(raise!(py, ValueError, "bit size of field {quoted} out of range, got {width}"));
            }
            if !(0..=255).contains(&start) {
                return Err(raise!(py, ValueError, "bit offset of field {quoted} out of range, got {start}"));
            }
            if width + start > size * 8 {
                let room = size * 8;
                return Err(raise!(
                    py,
                    ValueError,
                    "bit field {quoted} overflows its type ({start} + {width} > {room})"
                ));
            }
            bits = Some((width, start));
        }
        let this = alloc::<CField>(py, ty)?;
        this.byte_offset.set(offset);
        this.byte_size.set(size);
        this.index.set(index);
        if let Some((width, start)) = bits {
            this.bit_field.set(true);
            this.bit_size.set(width);
            this.bit_offset.set(start);
        }
        drop(this.class.replace(Some(class.to_ref())));
        drop(this.name.replace(Some(name.to_ref())));
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &Self) {
        this.class.release();
    }

    /// A copy of the field as a part of a class that contains its class.
    pub fn moved(&self, py: Attached<'_>, index: isize, offset: isize) -> PyResult<Ref<CField>> {
        let this = alloc::<CField>(py, Self::type_object())?;
        this.byte_offset.set(self.byte_offset.get() + offset);
        this.byte_size.set(self.byte_size.get());
        this.index.set(self.index.get() + index);
        this.bit_field.set(self.bit_field.get());
        this.bit_size.set(self.bit_size.get());
        this.bit_offset.set(self.bit_offset.get());
        drop(this.class.replace(self.class.get()));
        drop(this.name.replace(self.name.get()));
        Ok(this)
    }

    pub fn class(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.class.get().ok_or_else(|| py.bad_internal_call())
    }

    pub fn name(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        self.name.get().and_then(|name| name.downcast().ok()).ok_or_else(|| py.bad_internal_call())
    }

    pub fn offset(&self) -> isize {
        self.byte_offset.get()
    }

    pub fn index(&self) -> isize {
        self.index.get()
    }

    pub fn is_anonymous(&self) -> bool {
        self.anonymous.get()
    }

    pub fn set_anonymous(&self) {
        self.anonymous.set(true);
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        let class = this.class(py)?;
        let kind = this.as_object().ty().name();
        let class = (*class).downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
        let (name, offset) = (this.name(py)?.as_object().repr(py)?, this.byte_offset.get());
        let extent = match this.bit_field.get() {
            true => format!("bit_size={}, bit_offset={}", this.bit_size.get(), this.bit_offset.get()),
            false => format!("size={}", this.byte_size.get()),
        };
        Ok(format!("<{kind} {name} type={class}, ofs={offset}, {extent}>"))
    }

    fn size(_: Attached<'_>, this: &Self) -> isize {
        match this.bit_field.get() {
            true => (this.bit_size.get() << 16) + this.bit_offset.get(),
            false => this.byte_size.get(),
        }
    }

    fn bits(py: Attached<'_>, this: &Self) -> PyResult<Ref<Int>> {
        if this.bit_field.get() {
            return Int::from_i64(py, this.bit_size.get() as i64);
        }
        let bits = (this.byte_size.get() as u128) * 8;
        Int::from_le_bytes(py, &bits.to_le_bytes(), false)
    }

    /// The instance that the field is read from or written to.
    fn target<'a>(py: Attached<'_>, instance: &'a Object) -> PyResult<&'a CData> {
        as_cdata(instance).ok_or_else(|| raise!(py, TypeError, "not a ctype instance"))
    }

    /// The item code of a field that is an array of characters, which is given as text.
    fn text_code(desc: &Desc) -> Option<u8> {
        if desc.kind != Kind::Array {
            return None;
        }
        let item = desc.item.get()?;
        desc_of(&item).map(|item| item.code).filter(|code| matches!(code, b'c' | b'u'))
    }

    fn get(py: Attached<'_>, this: &Self, instance: Opt<'_>, _: Opt<'_>) -> PyResult<Ref<Object>> {
        let Some(instance) = instance.filter(|instance| !instance.is_none()) else {
            return Ok(this.as_object().to_ref());
        };
        let owner = Self::target(py, instance)?;
        let class = this.class(py)?;
        let Some(desc) = desc_of(&class) else { return Err(py.bad_internal_call()) };
        let data = owner.data().wrapping_offset(this.byte_offset.get());
        if this.bit_field.get() && codes::is_integer(desc.code) {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..desc.size];
            owner.load(py, data, bytes);
            // Sign extension would run into the field.
            let number = codes::integer(desc.code, desc.swapped, bytes);
            let (width, start) = (this.bit_size.get() as u32, this.bit_offset.get() as u32);
            let shifted = number << (64 - width - start);
            let value = match b"bhilq".contains(&desc.code) {
                true => (shifted as i64 >> (64 - width)) as u64,
                false => shifted >> (64 - width),
            };
            return match desc.code {
                b'?' | b'v' => (value != 0).into_object(py),
                code => codes::integer_object(py, code, value),
            };
        }
        match Self::text_code(desc) {
            Some(b'c') => {
                let mut bytes = krait_object::reserve::zeros(py, desc.size)?;
                owner.load(py, data, &mut bytes);
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                Ok(Bytes::new(py, &bytes[..end])?.upcast())
            }
            Some(_) => wide_value(py, owner, data, desc.size),
            None => get_value(py, &class, owner, this.index.get(), data),
        }
    }

    fn set(py: Attached<'_>, this: &Self, instance: &Object, value: Opt<'_>) -> PyResult<()> {
        let owner = Self::target(py, instance)?;
        let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete attribute")) };
        let class = this.class(py)?;
        let Some(desc) = desc_of(&class) else { return Err(py.bad_internal_call()) };
        let data = owner.data().wrapping_offset(this.byte_offset.get());
        if this.bit_field.get() && codes::is_integer(desc.code) && as_cdata(value).is_none() {
            return this.set_bits(py, owner, desc, value, data);
        }
        match Self::text_code(desc).filter(|_| as_cdata(value).is_none()) {
            Some(b'c') => {
                let Some(text) = value.downcast::<Bytes>() else {
                    return Err(raise!(py, TypeError, "expected bytes, {} found", value.ty().name()));
                };
                // Text of C ends at the first zero.
                let bytes = text.as_slice();
                let bytes = &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())];
                let (len, max) = (bytes.len(), desc.size);
                if len > max {
                    return Err(raise!(py, ValueError, "bytes too long ({len}, maximum length {max})"));
                }
                let mut bytes = bytes.to_vec();
                if len < max {
                    bytes.push(0);
                }
                owner.store(py, data, &bytes);
                Ok(())
            }
            Some(_) => {
                let Some(text) = value.downcast::<Str>() else {
                    let kind = value.ty().name();
                    return Err(raise!(py, TypeError, "unicode string expected instead of {kind} instance"));
                };
                let (len, max) = (text.len(), desc.size / codes::WCHAR);
                if len > max {
                    return Err(raise!(py, ValueError, "string too long ({len}, maximum length {max})"));
                }
                owner.store(py, data, &wide_bytes(text, max));
                Ok(())
            }
            None => set_value(py, &class, owner, value, this.index.get(), desc.size, data),
        }
    }

    fn set_bits(&self, py: Attached<'_>, owner: &CData, desc: &Desc, value: &Object, data: *mut u8) -> PyResult<()> {
        let number = match desc.code {
            b'?' | b'v' => u64::from(value.is_true(py)?),
            _ => value.as_u64_mask(py)?,
        };
        let (width, start) = (self.bit_size.get() as u32, self.bit_offset.get() as u32);
        let mask = (u64::MAX >> (64 - width)) << start;
        let _lock = owner.lock(py);
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..desc.size];
        // SAFETY: [locked]: the field lies in the instance's memory.
        unsafe {
            ptr::copy(data, bytes.as_mut_ptr(), desc.size);
            let old = codes::integer(desc.code, desc.swapped, bytes);
            let new = (old & !mask) | ((number << start) & mask);
            let new = codes::integer_bytes(desc.swapped, desc.size, new);
            ptr::copy(new.as_ptr(), data, desc.size);
        }
        Ok(())
    }
}

/// The text in `size` bytes of wide characters, up to a zero.
pub fn wide_value(py: Attached<'_>, owner: &CData, data: *const u8, size: usize) -> PyResult<Ref<Object>> {
    let mut bytes = krait_object::reserve::zeros(py, size)?;
    owner.load(py, data, &mut bytes);
    let units = bytes.chunks_exact(codes::WCHAR);
    let len = units.clone().position(|unit| unit.iter().all(|byte| *byte == 0)).unwrap_or(units.len());
    // SAFETY: that many are in the copy.
    Ok(unsafe { codes::wide_text(py, bytes.as_ptr().cast(), Some(len))? }.upcast())
}

/// Text as wide characters, with a zero behind it where it is shorter than `max`.
pub fn wide_bytes(text: &Str, max: usize) -> Vec<u8> {
    let zero = (text.len() < max).then_some(0);
    text.code_points().chain(zero).flat_map(u32::to_ne_bytes).collect()
}
