//! Attributes: generic forms. Specialised ones are in `attr_cache`.
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_bytecode::oparg::SpecialMethod;
use krait_object::protocols::call::is_method_descriptor;
use krait_object::superobject::{self, Super};
use krait_object::{Layout, Object, Str, Type, id, raise};

pub(super) const ATTR_SKIP: isize = 1 + Opcode::LOAD_ATTR.cache_entries() as isize;
const STORE_SKIP: isize = 1 + Opcode::STORE_ATTR.cache_entries() as isize;
const SUPER_SKIP: isize = 1 + Opcode::LOAD_SUPER_ATTR.cache_entries() as isize;

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn LOAD_ATTR(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_load_attr();
                this.load_attr_generic()
            });
        }
        self.away(|this| this.load_attr_generic())
    }

    #[inline(never)]
    pub(super) fn load_attr_generic(&mut self) -> Step {
        let (arg, py) = (self.arg(), self.py());
        let name = self.name(arg >> 1);
        if arg & 1 == 0 {
            let found = self.object(1).get_attr(py, name)?;
            self.replace(1, found);
            return Ok(ATTR_SKIP);
        }
        match self.object(1).get_method(py, name)? {
            (method, true) => {
                // The receiver stays as the first argument.
                let receiver = self.pop();
                self.push_ref(method);
                self.push(receiver);
            }
            (attribute, false) => {
                self.replace(1, attribute);
                self.push(StackRef::NULL);
            }
        }
        Ok(ATTR_SKIP)
    }

    #[inline(always)]
    pub(super) fn STORE_ATTR(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_store_attr();
                this.store_attr_generic()
            });
        }
        self.away(|this| this.store_attr_generic())
    }

    #[inline(never)]
    pub(super) fn store_attr_generic(&mut self) -> Step {
        let name = self.name(self.arg());
        self.object(1).set_attr(self.py(), name, Some(self.object(2)))?;
        self.drop_many(2);
        Ok(STORE_SKIP)
    }

    pub(super) fn DELETE_ATTR(&mut self) -> Step {
        self.save();
        let name = self.name(self.arg());
        self.object(1).set_attr(self.py(), name, None)?;
        self.drop_top();
        Ok(1)
    }

    /// `super().name`, without making the `super` object where `super` is the builtin.
    pub(super) fn LOAD_SUPER_ATTR(&mut self) -> Step {
        self.load_super_attr(false)
    }

    /// `bound`: a method comes with its receiver in one object, as who watches calls is to see it.
    #[inline(always)]
    pub(super) fn load_super_attr(&mut self, bound: bool) -> Step {
        self.save();
        let (arg, py) = (self.arg(), self.py());
        let name = self.name(arg >> 2);
        let (super_class, class, this) = (self.object(3), self.object(2), self.object(1));
        if super_class.is(Super::type_object())
            && !this.is_none()
            && let Some(class) = class.downcast::<Type>()
        {
            let mut unbound = false;
            // A class as the object gets what it finds unbound, and other objects may have ways of their own.
            let plain = !bound && this.ty().reads_generically();
            if arg & 1 != 0
                && plain
                && let Some(next) = superobject::next_class(class, this)
                && let Some(found) = self.settle(next.lookup_read(py, name))
            {
                // SAFETY: the word holds the object.
                if is_method_descriptor(unsafe { found.object() }) {
                    return Ok(self.finish_super_method(found));
                }
                found.close();
            }
            let start = superobject::check(py, class, this)?;
            let flag = (arg & 1 != 0 && plain).then_some(&mut unbound);
            if let Some(found) = superobject::lookup_after(py, class, this, &start, name, flag)? {
                drop(start);
                return Ok(self.finish_super(found, unbound));
            }
        }
        let proxy = if arg & 2 != 0 { super_class.call_pos(py, &[class, this])? } else { super_class.call0(py)? };
        let found = proxy.get_attr(py, name)?;
        drop(proxy);
        self.replace(3, found);
        if arg & 1 != 0 {
            self.push(StackRef::NULL);
        }
        Ok(SUPER_SKIP)
    }

    /// Leaves the attribute, or the method and its receiver.
    fn finish_super(&mut self, found: krait_object::Ref<Object>, unbound: bool) -> isize {
        if unbound {
            return self.finish_super_method(StackRef::owned(found));
        }
        let call = self.arg() & 1 != 0;
        self.replace(3, found);
        if call {
            self.push(StackRef::NULL);
        }
        SUPER_SKIP
    }

    /// Leaves the method and its receiver.
    fn finish_super_method(&mut self, method: StackRef) -> isize {
        let (receiver, class, super_class) = (self.pop(), self.pop(), self.pop());
        self.push(method);
        self.push(receiver);
        self.frame().set_sp(self.sp);
        class.close();
        super_class.close();
        SUPER_SKIP
    }

    /// Pushes a special method and its receiver.
    pub(super) fn LOAD_SPECIAL(&mut self) -> Step {
        self.save();
        let py = self.py();
        let owner = self.object(1);
        let Some(special) = SpecialMethod::from_u32(self.arg() as u32) else {
            return Err(raise!(py, SystemError, "bad argument of LOAD_SPECIAL").into());
        };
        let name = match special {
            SpecialMethod::Enter => id!(py, __enter__),
            SpecialMethod::Exit => id!(py, __exit__),
            SpecialMethod::AEnter => id!(py, __aenter__),
            SpecialMethod::AExit => id!(py, __aexit__),
        };
        if let Some(method) = owner.ty().lookup(py, name)
            && method.ty().has_feature(krait_object::layout::Py_TPFLAGS_METHOD_DESCRIPTOR)
        {
            let receiver = self.pop();
            self.push_ref(method);
            self.push(receiver);
            return Ok(1);
        }
        match owner.lookup_special(py, name)? {
            Some(method) => {
                self.replace(1, method);
                self.push(StackRef::NULL);
                Ok(1)
            }
            None => Err(missing_special(self, owner, special).into()),
        }
    }
}

/// `with` on something that is no context manager.
#[cold]
fn missing_special(eval: &Eval<'_>, owner: &Object, special: SpecialMethod) -> krait_object::Raised {
    let py = eval.py();
    let has = |name: &Str| owner.ty().lookup(py, name).is_some();
    let name = owner.ty().full_name();
    let is_async = matches!(special, SpecialMethod::AEnter | SpecialMethod::AExit);
    let other_kind = if is_async {
        has(id!(py, __enter__)) && has(id!(py, __exit__))
    } else {
        has(id!(py, __aenter__)) && has(id!(py, __aexit__))
    };
    let method = special.text();
    let (protocol, hint) = if is_async {
        (
            "the asynchronous context manager protocol",
            " but it supports the context manager protocol. Did you mean to use 'with'?",
        )
    } else {
        (
            "the context manager protocol",
            " but it supports the asynchronous context manager protocol. Did you mean to use 'async with'?",
        )
    };
    let hint = if other_kind { hint } else { "" };
    raise!(py, TypeError, "'{name}' object does not support {protocol} (missed {method} method){hint}")
}
