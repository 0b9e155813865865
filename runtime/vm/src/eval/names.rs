//! Names in namespaces: locals of classes and modules, globals, builtins.
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::{Attached, Dict, Layout, Object, PyResult, Raised, Ref, Str, Type, exc, id, raise};

const GLOBAL_SKIP: isize = 1 + Opcode::LOAD_GLOBAL.cache_entries() as isize;

/// Raises a `NameError` (or a subclass) with its `name` attribute set.
#[cold]
pub(super) fn raise_name_error(py: Attached<'_>, ty: &Type, text: &str, name: &Object) -> Raised {
    let raised = py.raise(ty, text);
    if let Some(exception) = py.take_raised() {
        let set = exception.as_object().set_attr(py, id!(py, name), Some(name));
        if let Err(failed) = set {
            failed.clear(py);
        }
        return py.restore(exception);
    }
    raised
}

fn not_defined(py: Attached<'_>, name: &Str) -> Raised {
    raise_name_error(
        py,
        exc::NameError(),
        &format!("name '{}' is not defined", name.to_string_lossy()),
        name.as_object(),
    )
}

/// Looks a name up in a namespace that may be any mapping.
pub(super) fn lookup(py: Attached<'_>, namespace: &Object, name: &Str) -> PyResult<Option<Ref<Object>>> {
    match namespace.downcast_exact::<Dict>() {
        Some(dict) => dict.get(py, name.as_object()),
        None => namespace.get_item_opt(py, name.as_object()),
    }
}

impl Eval<'_> {
    /// The namespace of the running module or class body.
    fn namespace_or_raise<'a>(&self, what: &str) -> PyResult<&'a Object> {
        match self.frame().namespace() {
            Some(namespace) => Ok(namespace),
            None => Err(raise!(self.py(), SystemError, "{what}")),
        }
    }

    pub(super) fn LOAD_LOCALS(&mut self) -> Step {
        self.save();
        let namespace = self.namespace_or_raise("no locals")?.to_ref();
        self.push_ref(namespace);
        Ok(1)
    }

    pub(super) fn LOAD_NAME(&mut self) -> Step {
        self.save();
        let (py, name) = (self.py(), self.name(self.arg()));
        let found = match lookup(py, self.namespace_or_raise("no locals when loading a name")?, name)? {
            Some(found) => found,
            None => self.global(name)?,
        };
        self.push_ref(found);
        Ok(1)
    }

    pub(super) fn LOAD_FROM_DICT_OR_GLOBALS(&mut self) -> Step {
        self.save();
        let name = self.name(self.arg());
        let found = match lookup(self.py(), self.object(1), name)? {
            Some(found) => found,
            None => self.global(name)?,
        };
        self.replace(1, found);
        Ok(1)
    }

    pub(super) fn LOAD_FROM_DICT_OR_DEREF(&mut self) -> Step {
        self.save();
        let index = self.arg();
        // SAFETY: the compiler made the index.
        let name = unsafe { self.code().localsplusnames().as_slice()[index].cast_unchecked::<Str>() };
        let found = match lookup(self.py(), self.object(1), name)? {
            Some(found) => found,
            None => match self.cell(index).get() {
                Some(found) => found,
                None => return Err(self.unbound_deref(index).into()),
            },
        };
        self.replace(1, found);
        Ok(1)
    }

    /// A name in globals or builtins.
    fn global(&self, name: &Str) -> PyResult<Ref<Object>> {
        let py = self.py();
        if let Some(found) = lookup(py, self.frame().globals(), name)? {
            return Ok(found);
        }
        if let Some(found) = lookup(py, self.frame().builtins(), name)? {
            return Ok(found);
        }
        Err(not_defined(py, name))
    }

    #[inline(always)]
    pub(super) fn LOAD_GLOBAL(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_global();
                this.load_global_generic()
            });
        }
        self.away(|this| this.load_global_generic())
    }

    #[inline(never)]
    pub(super) fn load_global_generic(&mut self) -> Step {
        let arg = self.arg();
        let found = self.global(self.name(arg >> 1))?;
        self.push_ref(found);
        if arg & 1 != 0 {
            self.push(StackRef::NULL);
        }
        Ok(GLOBAL_SKIP)
    }

    pub(super) fn STORE_NAME(&mut self) -> Step {
        self.save();
        let name = self.name(self.arg());
        let namespace = match self.frame().namespace() {
            Some(namespace) => namespace,
            None => {
                let name = name.to_string_lossy();
                return Err(raise!(self.py(), SystemError, "no locals found when storing '{name}'").into());
            }
        };
        match namespace.downcast_exact::<Dict>() {
            Some(dict) => dict.set(self.py(), name.as_object(), self.object(1))?,
            None => namespace.set_item(self.py(), name.as_object(), self.object(1))?,
        }
        self.drop_top();
        Ok(1)
    }

    pub(super) fn DELETE_NAME(&mut self) -> Step {
        self.save();
        let (py, name) = (self.py(), self.name(self.arg()));
        let namespace = self.namespace_or_raise("no locals when deleting a name")?;
        if let Err(raised) = namespace.del_item(py, name.as_object()) {
            if raised.matches(py, exc::KeyError()) {
                raised.clear(py);
                return Err(not_defined(py, name).into());
            }
            return Err(raised.into());
        }
        Ok(1)
    }

    pub(super) fn STORE_GLOBAL(&mut self) -> Step {
        self.save();
        let name = self.name(self.arg());
        self.frame().globals().set_item(self.py(), name.as_object(), self.object(1))?;
        self.drop_top();
        Ok(1)
    }

    pub(super) fn DELETE_GLOBAL(&mut self) -> Step {
        self.save();
        let (py, name) = (self.py(), self.name(self.arg()));
        let removed = match self.frame().globals().downcast::<Dict>() {
            Some(dict) => dict.remove(py, name.as_object())?.is_some(),
            None => return Err(py.bad_internal_call().into()),
        };
        if !removed {
            return Err(not_defined(py, name).into());
        }
        Ok(1)
    }

    pub(super) fn SETUP_ANNOTATIONS(&mut self) -> Step {
        self.save();
        let py = self.py();
        let namespace = self.namespace_or_raise("no locals found when setting up annotations")?;
        let name = id!(py, __annotations__);
        if lookup(py, namespace, name)?.is_none() {
            let dict = Dict::new(py)?;
            namespace.set_item(py, name.as_object(), dict.as_object())?;
        }
        Ok(1)
    }

    pub(super) fn LOAD_BUILD_CLASS(&mut self) -> Step {
        self.save();
        let py = self.py();
        match lookup(py, self.frame().builtins(), id!(py, __build_class__))? {
            Some(found) => self.push_ref(found),
            None => return Err(raise!(py, NameError, "__build_class__ not found").into()),
        }
        Ok(1)
    }
}
