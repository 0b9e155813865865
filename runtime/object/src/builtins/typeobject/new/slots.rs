//! What `__slots__` of a class body asks for.
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, Object, PyResult, Str, Tuple, Type, id, raise};

/// The additions of a new class to its base's layout.
pub(super) struct SlotPlan {
    /// Mangled and sorted names of member slots.
    pub names: Vec<Ref<Str>>,
    /// The same as a tuple, when the body has `__slots__`.
    pub sorted: Option<Ref<Tuple>>,
    pub add_dict: bool,
    pub add_weak: bool,
}

/// A private name as the compiler mangles it inside class `class`.
pub(crate) fn mangle(py: Attached<'_>, class: &Str, name: &Str) -> PyResult<Ref<Str>> {
    let text = name.to_string_lossy();
    let class_text = class.to_string_lossy();
    let class_text = class_text.trim_start_matches('_');
    if !text.starts_with("__") || text.ends_with("__") || text.contains('.') || class_text.is_empty() {
        return Ok(name.to_ref());
    }
    Str::new(py, &format!("_{class_text}{text}"))
}

/// Reads `__slots__` of the namespace and decides which cells instances get.
pub(super) fn plan_slots(py: Attached<'_>, class: &Str, base: &Type, bases: &Tuple, dict: &Dict) -> PyResult<SlotPlan> {
    let may_add_dict = base.as_type().tp_dictoffset.get() == 0;
    let may_add_weak = base.as_type().tp_weaklistoffset.get() == 0 && base.as_type().tp_itemsize.get() == 0;
    let mut plan = SlotPlan { names: Vec::new(), sorted: None, add_dict: false, add_weak: false };
    let Some(slots) = dict.get(py, id!(py, __slots__).as_object())? else {
        plan.add_dict = may_add_dict;
        plan.add_weak = may_add_weak;
        return Ok(plan);
    };
    let slots: Vec<Ref<Object>> =
        if slots.as_object().downcast::<Str>().is_some() { vec![slots] } else { slots.collect(py)? };
    if !slots.is_empty() && base.as_type().tp_itemsize.get() != 0 {
        return Err(raise!(py, TypeError, "nonempty __slots__ not supported for subtype of '{}'", base.name()));
    }
    for slot in slots {
        let slot = match slot.downcast::<Str>() {
            Ok(slot) => slot,
            Err(other) => {
                return Err(raise!(py, TypeError, "__slots__ items must be strings, not '{}'", other.ty().name()));
            }
        };
        if !slot.is_identifier() {
            return Err(raise!(py, TypeError, "__slots__ must be identifiers"));
        }
        if slot.eq_str("__dict__") {
            if !may_add_dict || plan.add_dict {
                return Err(raise!(py, TypeError, "__dict__ slot disallowed: we already got one"));
            }
            plan.add_dict = true;
        } else if slot.eq_str("__weakref__") {
            if !may_add_weak || plan.add_weak {
                return Err(raise!(py, TypeError, "__weakref__ slot disallowed: we already got one"));
            }
            plan.add_weak = true;
        } else {
            let mangled = Str::intern(py, mangle(py, class, &slot)?);
            let special = ["__qualname__", "__classcell__", "__classdictcell__"].iter().any(|name| slot.eq_str(name));
            if !special && dict.contains(py, mangled.as_object())? {
                let name = slot.as_object().repr(py)?;
                return Err(raise!(py, ValueError, "{name} in __slots__ conflicts with class variable"));
            }
            plan.names.push(mangled.to_ref());
        }
    }
    plan.names.sort_by(|a, b| a.cmp(b));
    let sorted: Vec<&Object> = plan.names.iter().map(|name| name.as_object()).collect();
    plan.sorted = Some(Tuple::from_slice(py, &sorted)?);
    // Secondary bases may bring a dict or weak references along.
    for other in bases.as_slice() {
        let Some(other) = other.downcast::<Type>().filter(|other| !std::ptr::eq(*other, base)) else { continue };
        plan.add_dict |= may_add_dict && other.as_type().tp_dictoffset.get() != 0;
        plan.add_weak |= may_add_weak && other.as_type().tp_weaklistoffset.get() != 0;
    }
    Ok(plan)
}
