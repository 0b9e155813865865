//! `import` statements.
use super::{Eval, Step};
use krait_object::{Attached, Dict, Layout, List, Object, PyResult, Raised, Ref, Str, id, none, raise};

impl Eval<'_> {
    pub(super) fn IMPORT_NAME(&mut self) -> Step {
        self.save();
        let py = self.py();
        let name = self.name(self.arg());
        let (level, from) = (self.object(2), self.object(1));
        let frame = self.frame();
        let Some(import) = super::names::lookup(py, frame.builtins(), id!(py, __import__))? else {
            return Err(raise!(py, ImportError, "__import__ not found").into());
        };
        let locals = frame.namespace().map_or_else(none, |namespace| namespace.to_ref());
        let module = import.call_pos(py, &[name.as_object(), frame.globals(), &locals, from, level])?;
        self.replace(2, module);
        Ok(1)
    }

    pub(super) fn IMPORT_FROM(&mut self) -> Step {
        self.save();
        let name = self.name(self.arg());
        let found = import_from(self.py(), self.object(1), name)?;
        self.push_ref(found);
        Ok(1)
    }
}

/// The attribute `name` of a module, or its submodule from `sys.modules`.
fn import_from(py: Attached<'_>, module: &Object, name: &Str) -> PyResult<Ref<Object>> {
    if let Some(found) = module.get_attr_opt(py, name)? {
        return Ok(found);
    }
    let package = module.get_attr_opt(py, id!(py, __name__))?;
    if let Some(package) = package.as_ref().and_then(|package| package.as_object().downcast::<Str>()) {
        let full = Str::new(py, &format!("{}.{}", package.to_string_lossy(), name.to_string_lossy()))?;
        let modules = crate::sysmodule::get(py, "modules");
        if let Some(modules) = modules
            && let Some(found) = modules.get_item_opt(py, full.as_object())?
        {
            return Ok(found);
        }
    }
    Err(cannot_import(py, module, package, name))
}

#[cold]
fn cannot_import(py: Attached<'_>, module: &Object, package: Option<Ref<Object>>, name: &Str) -> Raised {
    match crate::import_error::cannot_import(py, module, package.as_deref(), name) {
        Ok(raised) | Err(raised) => raised,
    }
}

/// `from module import *` into a namespace.
pub(super) fn import_star(py: Attached<'_>, module: &Object, namespace: &Object) -> PyResult<()> {
    let all = module.get_attr_opt(py, id!(py, __all__))?;
    let (names, skip_private) = match all {
        Some(all) => (all, false),
        None => {
            let Some(dict) = module.get_attr_opt(py, id!(py, __dict__))? else {
                return Err(raise!(py, ImportError, "from-import-* object has no __dict__ and no __all__"));
            };
            (dict.call_method(py, id!(py, keys), &[])?, true)
        }
    };
    let names = List::from_vec(py, names.collect(py)?)?;
    let mut at = 0;
    while let Some(name) = names.get(py, at) {
        at += 1;
        let Some(text) = name.as_object().downcast::<Str>() else {
            return Err(not_a_string(py, module, &name, skip_private));
        };
        if skip_private && !text.is_empty() && text.char_at(0) == u32::from(b'_') {
            continue;
        }
        let value = module.get_attr(py, text)?;
        match namespace.downcast_exact::<Dict>() {
            Some(dict) => dict.set(py, &name, &value)?,
            None => namespace.set_item(py, &name, &value)?,
        }
    }
    Ok(())
}

#[cold]
fn not_a_string(py: Attached<'_>, module: &Object, name: &Object, from_dict: bool) -> Raised {
    let module_name = match module.get_attr(py, id!(py, __name__)) {
        Ok(name) => name,
        Err(raised) => return raised,
    };
    let Some(module_name) = module_name.as_object().downcast::<Str>() else {
        let given = module_name.ty().name();
        return raise!(py, TypeError, "module __name__ must be a string, not {given}");
    };
    let (kind, place) = if from_dict { ("Key", "__dict__") } else { ("Item", "__all__") };
    let (module_name, given) = (module_name.to_string_lossy(), name.ty().name());
    raise!(py, TypeError, "{kind} in {module_name}.{place} must be str, not {given}")
}
