//! The method resolution order: C3 linearisation, and metaclasses that override `mro()`.
use super::Type;
use crate::handle::{Attached, Layout, Ref};
use crate::{Object, PyResult, Tuple, id, raise};

/// Keeps an object that readers may still borrow alive for as long as `ty` lives.
pub(super) fn keep_displaced(py: Attached<'_>, ty: &Type, displaced: Ref<Object>) -> PyResult<()> {
    // SAFETY: `tp_cache` is ours to use: null or an owned reference.
    let graveyard = unsafe { crate::Slot::<Object>::of(&ty.0.tp_cache) };
    let chain = match graveyard.get() {
        Some(earlier) => Tuple::from_slice(py, &[&displaced, &earlier])?.upcast(),
        None => displaced,
    };
    drop(graveyard.replace(Some(chain)));
    Ok(())
}

/// The C3 linearisation of `ty` over its bases: what `type.mro` computes.
pub(super) fn linearise(py: Attached<'_>, ty: &Type) -> PyResult<Vec<Ref<Object>>> {
    let bases = ty.bases();
    for base in bases {
        // SAFETY: bases are types.
        let base = unsafe { base.cast_unchecked::<Type>() };
        if base.mro_tuple().is_none() {
            return Err(raise!(py, TypeError, "Cannot extend an incomplete type '{}'", base.name()));
        }
    }
    let mut result = vec![ty.as_object().to_ref()];
    // SAFETY: bases are types.
    let base_types: Vec<&Type> = bases.iter().map(|base| unsafe { base.cast_unchecked::<Type>() }).collect();
    if let [base] = base_types[..] {
        result.extend(base.mro().iter().map(|entry| entry.as_object().to_ref()));
        return Ok(result);
    }
    for (at, base) in base_types.iter().enumerate() {
        if base_types[at + 1..].iter().any(|other| std::ptr::eq(*other, *base)) {
            return Err(raise!(py, TypeError, "duplicate base class {}", base.short_name()));
        }
    }
    let mut lists: Vec<&[&Type]> = base_types.iter().map(|base| base.mro()).collect();
    lists.push(&base_types);
    loop {
        lists.retain(|list| !list.is_empty());
        if lists.is_empty() {
            return Ok(result);
        }
        let good = lists
            .iter()
            .map(|list| list[0])
            .find(|candidate| !lists.iter().any(|list| list[1..].iter().any(|entry| std::ptr::eq(*entry, *candidate))));
        let Some(good) = good else {
            let mut names: Vec<String> = Vec::new();
            for list in &lists {
                let name = list[0].short_name().into_owned();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            return Err(raise!(
                py,
                TypeError,
                "Cannot create a consistent method resolution order (MRO) for bases {}",
                names.join(", ")
            ));
        };
        result.push(good.as_object().to_ref());
        for list in &mut lists {
            if std::ptr::eq(list[0], good) {
                *list = &list[1..];
            }
        }
    }
}

/// The MRO of `ty` as its metaclass wants it; and whether a metaclass override made it.
pub(super) fn compute(py: Attached<'_>, ty: &Type) -> PyResult<(Ref<Tuple>, bool)> {
    if std::ptr::eq(ty.as_object().ty(), Type::type_object()) {
        return Ok((Tuple::from_vec(py, linearise(py, ty)?)?, false));
    }
    let method = ty.as_object().ty().lookup(py, id!(py, mro));
    let builtin = Type::type_object().lookup(py, id!(py, mro));
    if let (Some(method), Some(builtin)) = (&method, &builtin)
        && method.is(&**builtin)
    {
        return Ok((Tuple::from_vec(py, linearise(py, ty)?)?, false));
    }
    let Some(method) = ty.as_object().lookup_special(py, id!(py, mro))? else {
        return Err(raise!(py, AttributeError, "mro"));
    };
    let classes = method.call0(py)?.sequence_tuple(py)?;
    let solid = super::new::solid_base(ty);
    for class in classes.as_slice() {
        let Some(base) = class.downcast::<Type>() else {
            return Err(raise!(py, TypeError, "mro() returned a non-class ('{}')", class.ty().name()));
        };
        if !solid.is_subtype_of(super::new::solid_base(base)) {
            return Err(raise!(py, TypeError, "mro() returned base with unsuitable layout ('{}')", base.name()));
        }
    }
    Ok((classes, true))
}

/// Computes and installs `tp_mro`. Answers whether `ty`'s own `mro()` call replaced it meanwhile.
pub(super) fn install(py: Attached<'_>, ty: &Type) -> PyResult<bool> {
    let before = ty.0.tp_mro.get();
    let (mro, custom) = compute(py, ty)?;
    if ty.0.tp_mro.get() != before {
        return Ok(false);
    }
    if custom {
        check_versions(ty, &mro);
    }
    // SAFETY: the field owns null or a tuple.
    let slot = unsafe { crate::Slot::<Tuple>::of(&ty.0.tp_mro) };
    if let Some(old) = slot.replace(Some(mro)) {
        keep_displaced(py, ty, old.upcast())?;
    }
    ty.modified(py);
    Ok(true)
}

/// A class in the MRO that is no ancestor would change without this type being told.
fn check_versions(ty: &Type, mro: &Tuple) {
    let known = |class: &Object| {
        class.is(ty)
            || ty.bases().iter().any(|base| {
                // SAFETY: both are types.
                unsafe { base.cast_unchecked::<Type>().is_subtype_of(class.cast_unchecked::<Type>()) }
            })
    };
    if !mro.as_slice().iter().all(|class| known(class)) {
        ty.forbid_version();
    }
}
