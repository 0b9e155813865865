//! Pickling: machine values with a number that says how they are laid out, so that other machines understand them.
use super::Array;
use super::items::{DESCRS, Descr};
use krait_object::native::{Arg, character, required, type_name};
use krait_object::{
    Attached, Bytes, Float, Int, IntoObject, Layout, List, Object, PyResult, Ref, Tuple, Type, id, none, raise,
};

/// The number of the layout that this machine uses for items of a type.
fn format_of(descr: &Descr) -> usize {
    let big = usize::from(cfg!(target_endian = "big"));
    match (descr.code, descr.size) {
        (b'f', _) => 14 + big,
        (b'd', _) => 16 + big,
        (b'u' | b'w', _) => 20 + big,
        (_, 1) => usize::from(descr.is_signed()),
        (_, size) => 2 + 4 * (size.trailing_zeros() as usize - 1) + 2 * usize::from(descr.is_signed()) + big,
    }
}

/// `array.__reduce_ex__`.
pub fn reduce_ex(py: Attached<'_>, this: &Array, protocol: &Object) -> PyResult<Ref<Tuple>> {
    if protocol.downcast::<Int>().is_none() {
        return Err(raise!(py, TypeError, "__reduce_ex__ argument should be an integer"));
    }
    let protocol = protocol.as_i64(py)?;
    let dict = this.as_object().get_attr_opt(py, id!(py, __dict__))?.unwrap_or_else(none);
    let class = this.as_object().ty().to_ref().upcast();
    let code = char::from(this.descr().code).to_string().into_object(py)?;
    if protocol < 3 {
        let list = Array::tolist(py, this)?.upcast();
        let args = Tuple::from_vec(py, vec![code, list])?;
        return Tuple::from_vec(py, vec![class, args.upcast(), dict]);
    }
    let module = (krait_object::hooks::hooks().import)(py, "array")?;
    let function = module.get_attr(py, id!(py, _array_reconstructor))?;
    let args = Tuple::from_vec(
        py,
        vec![class, code, format_of(this.descr()).into_object(py)?, Array::tobytes(py, this)?.upcast()],
    )?;
    Tuple::from_vec(py, vec![function, args.upcast(), dict])
}

/// `_array_reconstructor`.
pub fn reconstruct(py: Attached<'_>, _: &Object, [class, code, format, items]: [Arg<'_>; 4]) -> PyResult<Ref<Object>> {
    let (class, code) = (required(py, class)?, required(py, code)?);
    let (format, items) = (required(py, format)?, required(py, items)?);
    let code = character(py, code, "_array_reconstructor() argument 2 must be a unicode character")?;
    let format = format.as_i32(py)?;
    let Some(class) = class.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "first argument must be a type object, not {}", type_name(class)));
    };
    if !class.is_subtype_of(Array::type_object()) {
        return Err(raise!(py, TypeError, "{} is not a subtype of {}", class.name(), "array.array"));
    }
    let Some(descr) = DESCRS.iter().find(|descr| u32::from(descr.code) == code) else {
        return Err(raise!(py, ValueError, "second argument must be a valid type code"));
    };
    if !(0..=21).contains(&format) {
        return Err(raise!(py, ValueError, "third argument must be a valid machine format code."));
    }
    let Some(bytes) = items.downcast::<Bytes>() else {
        return Err(raise!(py, TypeError, "fourth argument should be bytes, not {}", type_name(items)));
    };
    if format as usize == format_of(descr) {
        let this = Array::new(py, class, descr)?;
        Array::frombytes(py, &this, items)?;
        return Ok(this.upcast());
    }
    let make = |code: u8, items: &Object| -> PyResult<Ref<Object>> {
        let code = char::from(code).to_string().into_object(py)?;
        class.as_object().call_pos(py, &[&code, items])
    };
    let size = match format {
        0 | 1 => 1,
        2..=5 | 18 | 19 => 2,
        6..=9 | 14 | 15 | 20 | 21 => 4,
        _ => 8,
    };
    if bytes.len() % size != 0 {
        return Err(raise!(py, ValueError, "string length not a multiple of item size"));
    }
    let big = format % 2 == 1 && format > 1;
    if format >= 18 {
        let name = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"][format as usize - 18];
        let text = codecs_decode(py, items, name)?;
        return make(descr.code, &text);
    }
    let mut values = krait_object::reserve::with_room(py, bytes.len() / size)?;
    for item in bytes.as_slice().chunks_exact(size) {
        let mut item = item.to_vec();
        if big {
            item.reverse();
        }
        values.push(match format {
            14 | 15 => {
                let bits: [u8; 4] = item.try_into().map_err(|_| py.bad_internal_call())?;
                Float::new(py, f32::from_le_bytes(bits).into())?.upcast()
            }
            16 | 17 => {
                let bits: [u8; 8] = item.try_into().map_err(|_| py.bad_internal_call())?;
                Float::new(py, f64::from_le_bytes(bits))?.upcast()
            }
            _ => Int::from_le_bytes(py, &item, is_signed(format))?.upcast(),
        });
    }
    // Integers of another width than the code's go into the type that fits them.
    let mut code = descr.code;
    if format < 14 {
        let fits = |descr: &&Descr| descr.is_integer() && descr.size == size && descr.is_signed() == is_signed(format);
        code = DESCRS.iter().rfind(fits).map_or(code, |descr| descr.code);
    }
    let list = List::from_vec(py, values)?.upcast();
    make(code, &list)
}

fn is_signed(format: i32) -> bool {
    format == 1 || (2..14).contains(&format) && format % 4 < 2
}

fn codecs_decode(py: Attached<'_>, bytes: &Object, encoding: &str) -> PyResult<Ref<Object>> {
    bytes.call_method(py, id!(py, decode), &[&*encoding.into_object(py)?])
}
