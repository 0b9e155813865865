//! `string.templatelib`: what a t-string evaluates to (PEP 750).
use crate::args::{Args, Signature};
use crate::builtins::format::Conversion;
use crate::builtins::textargs::str_arg;
use crate::builtins::unicode::StrBuilder;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::typedef::member;
use crate::{Dict, Object, PyResult, Str, Tuple, Type, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The literal parts of a t-string and what lies between them: always one string more than interpolations.
#[repr(C)]
pub struct Template {
    ob_base: PyObject,
    strings: Slot<Tuple>,
    interpolations: Slot<Tuple>,
}

/// One replacement field of a t-string.
#[repr(C)]
pub struct Interpolation {
    ob_base: PyObject,
    value: Slot,
    expression: Slot,
    conversion: Slot,
    format_spec: Slot,
}

/// Iterator over strings that are not empty, and interpolations, in order.
#[repr(C)]
pub struct TemplateIter {
    ob_base: PyObject,
    template: Slot<Template>,
    /// Twice the index of the next string; odd for interpolations.
    next: Field<isize>,
    unused: Field<isize>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyTemplate_Type: "string.templatelib.Template" for Template {
        base: Object,
        flags: [HAVE_GC],
        doc: "Template object",
        slots: {
            tp_dealloc = Template::dealloc,
            tp_repr = Template::repr,
            tp_traverse = Template::traverse,
            tp_iter = TemplateIter::new,
            tp_new = Template::construct,
            sq_concat = Template::concat,
        },
        methods: {
            noargs "__reduce__" => Template::reduce, "($self, /)", "What pickle needs.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "values" => Template::values, "Values of interpolations";
        },
        members: [
            member("strings\0", Py_T_OBJECT_EX, offset_of!(Template, strings), Py_READONLY, c"Strings"),
            member("interpolations\0", Py_T_OBJECT_EX, offset_of!(Template, interpolations), Py_READONLY, c"Interpolations"),
        ],
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyInterpolation_Type: "string.templatelib.Interpolation" for Interpolation {
        base: Object,
        flags: [HAVE_GC],
        doc: "Interpolation object",
        slots: {
            tp_dealloc = Interpolation::dealloc,
            tp_repr = Interpolation::repr,
            tp_traverse = Interpolation::traverse,
            tp_new = Interpolation::construct,
        },
        methods: {
            noargs "__reduce__" => Interpolation::reduce, "($self, /)", "What pickle needs.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
        members: [
            member("value\0", Py_T_OBJECT_EX, offset_of!(Interpolation, value), Py_READONLY, c"Value"),
            member("expression\0", Py_T_OBJECT_EX, offset_of!(Interpolation, expression), Py_READONLY, c"Expression"),
            member("conversion\0", Py_T_OBJECT_EX, offset_of!(Interpolation, conversion), Py_READONLY, c"Conversion"),
            member("format_spec\0", Py_T_OBJECT_EX, offset_of!(Interpolation, format_spec), Py_READONLY, c"Format specifier"),
        ],
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyTemplateIter_Type: "string.templatelib.TemplateIter" for TemplateIter {
        base: Object,
        flags: [HAVE_GC],
        doc: "Template iterator object",
        slots: {
            tp_dealloc = TemplateIter::dealloc,
            tp_traverse = TemplateIter::traverse,
            tp_iter = TemplateIter::py_iter,
            tp_iternext = TemplateIter::next,
        },
    }
}

/// Adds the class attributes that are not methods. Called after the types are ready.
pub(crate) fn init(py: Attached<'_>) -> PyResult<()> {
    let names = ["value", "expression", "conversion", "format_spec"];
    let names = names.into_iter().map(|name| Ok(Str::new(py, name)?.upcast())).collect::<PyResult<Vec<_>>>()?;
    let names = Tuple::from_vec(py, names)?;
    let dict = Interpolation::type_object().as_type().tp_dict.get();
    // SAFETY: [owned]: a ready type owns its dict.
    match unsafe { dict.cast::<Dict>().as_ref() } {
        Some(dict) => dict.set_str(py, "__match_args__", names.as_object()),
        None => Ok(()),
    }
}

impl Template {
    /// From strings and interpolations; there is one string more than interpolations.
    pub fn new(py: Attached<'_>, strings: Ref<Tuple>, interpolations: Ref<Tuple>) -> PyResult<Ref<Template>> {
        mem::new_instance::<Template>(py, Self::type_object(), |this| {
            this.strings.replace(Some(strings));
            this.interpolations.replace(Some(interpolations));
        })
    }

    /// The strings.
    pub fn strings(&self) -> &[&Object] {
        // SAFETY: [frozen]: set before the template was published.
        unsafe { self.strings.borrow() }.map_or(&[], Tuple::as_slice)
    }

    /// The interpolations.
    pub fn interpolations(&self) -> &[&Object] {
        // SAFETY: as above.
        unsafe { self.interpolations.borrow() }.map_or(&[], Tuple::as_slice)
    }

    /// A template of parts in order; strings side by side become one.
    fn from_parts(py: Attached<'_>, parts: impl IntoIterator<Item = Ref<Object>>) -> PyResult<Ref<Template>> {
        let (mut strings, mut interpolations) = (Vec::new(), Vec::new());
        let mut last: Option<Ref<Str>> = None;
        for part in parts {
            match part.downcast::<Str>() {
                Ok(text) => {
                    last = Some(match last {
                        Some(last) => last.concat(py, &text)?,
                        None => text,
                    });
                }
                Err(interpolation) => {
                    strings.push(last.take().unwrap_or_else(Str::empty).upcast());
                    interpolations.push(interpolation);
                }
            }
        }
        strings.push(last.unwrap_or_else(Str::empty).upcast());
        Self::new(py, Tuple::from_vec(py, strings)?, Tuple::from_vec(py, interpolations)?)
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Template>> {
        if !args.names.is_empty() {
            return Err(raise!(py, TypeError, "Template.__new__ only accepts *args arguments"));
        }
        for part in args.pos {
            if part.downcast::<Str>().is_none() && part.downcast::<Interpolation>().is_none() {
                let given = part.ty().tp_name();
                let what = "Template.__new__ *args need to be of type 'str' or 'Interpolation'";
                return Err(raise!(py, TypeError, "{what}, got {given}"));
            }
        }
        Self::from_parts(py, args.pos.iter().map(|part| part.to_ref()))
    }

    fn concat(py: Attached<'_>, this: &Template, other: &Object) -> PyResult<Ref<Template>> {
        let Some(other) = other.downcast::<Template>() else {
            let (own, given) = (Self::type_object().tp_name(), other.ty().tp_name());
            return Err(raise!(py, TypeError, "can only concatenate {own} (not \"{given}\") to {own}"));
        };
        let parts = [this, other].into_iter().flat_map(|template| {
            let mut interpolations = template.interpolations().iter();
            template.strings().iter().flat_map(move |text| {
                [Some(text.to_ref()), interpolations.next().map(|next| next.to_ref())].into_iter().flatten()
            })
        });
        Self::from_parts(py, parts)
    }

    fn repr(py: Attached<'_>, this: &Template) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::new();
        out.push_str("Template(strings=");
        if let Some(strings) = this.strings.get() {
            out.push_obj(&*strings.as_object().repr(py)?);
        }
        out.push_str(", interpolations=");
        if let Some(interpolations) = this.interpolations.get() {
            out.push_obj(&*interpolations.as_object().repr(py)?);
        }
        out.push_str(")");
        out.finish(py)
    }

    fn values(py: Attached<'_>, this: &Template) -> PyResult<Ref<Tuple>> {
        let values = this.interpolations().iter().map(|each| {
            let value = each.downcast::<Interpolation>().and_then(|each| each.value.get());
            value.unwrap_or_else(crate::none)
        });
        Tuple::from_vec(py, values.collect())
    }

    fn reduce(py: Attached<'_>, this: &Template) -> PyResult<Ref<Tuple>> {
        let module = (crate::hooks::hooks().import)(py, "string.templatelib")?;
        let function = module.get_attr(py, id!(py, _template_unpickle))?;
        let (Some(strings), Some(interpolations)) = (this.strings.get(), this.interpolations.get()) else {
            return Err(py.bad_internal_call());
        };
        let args = Tuple::from_slice(py, &[strings.as_object(), interpolations.as_object()])?;
        Tuple::from_slice(py, &[&function, args.as_object()])
    }

    fn traverse(this: &Template, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.strings)?;
        visit.slot(&this.interpolations)
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Template>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.strings.take());
                drop(this.interpolations.take());
            });
        }
    }
}

static INTERPOLATION: Signature =
    Signature::parse("Interpolation", "(value, expression='', conversion=None, format_spec='')");

impl Interpolation {
    /// A field with its value, source text, conversion and format specification.
    pub fn new(
        py: Attached<'_>,
        value: &Object,
        expression: &Object,
        conversion: Option<Conversion>,
        format_spec: &Object,
    ) -> PyResult<Ref<Interpolation>> {
        let conversion = match conversion {
            None => crate::none(),
            Some(Conversion::Str) => Str::latin1_char(b's').as_object().to_ref(),
            Some(Conversion::Repr) => Str::latin1_char(b'r').as_object().to_ref(),
            Some(Conversion::Ascii) => Str::latin1_char(b'a').as_object().to_ref(),
        };
        Self::build(py, value, expression, conversion, format_spec)
    }

    fn build(
        py: Attached<'_>,
        value: &Object,
        expression: &Object,
        conversion: Ref<Object>,
        format_spec: &Object,
    ) -> PyResult<Ref<Interpolation>> {
        mem::new_instance::<Interpolation>(py, Self::type_object(), |this| {
            this.value.replace(Some(value.to_ref()));
            this.expression.replace(Some(expression.to_ref()));
            this.conversion.replace(Some(conversion));
            this.format_spec.replace(Some(format_spec.to_ref()));
        })
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Interpolation>> {
        if args.len() > 4 {
            return Err(raise!(py, TypeError, "Interpolation() takes at most 4 arguments ({} given)", args.len()));
        }
        let [value, expression, conversion, spec] = INTERPOLATION.bind::<4>(py, args)?;
        let Some(value) = value else { return Err(py.bad_internal_call()) };
        let text = |given: Option<&Object>, which| -> PyResult<Ref<Object>> {
            match given {
                Some(given) => Ok(str_arg(py, "Interpolation", which, given)?.as_object().to_ref()),
                None => Ok(Str::empty().upcast()),
            }
        };
        let expression = text(expression, "argument 'expression'")?;
        let conversion = match conversion.filter(|conversion| !conversion.is_none()) {
            None => crate::none(),
            Some(given) => {
                let letter = str_arg(py, "Interpolation", "argument 'conversion'", given)?;
                if letter.len() != 1 || Conversion::from_letter(letter.char_at(0)).is_none() {
                    let expected = "must be one of 's', 'a' or 'r'";
                    return Err(raise!(py, ValueError, "Interpolation() argument 'conversion' {expected}"));
                }
                given.to_ref()
            }
        };
        let spec = text(spec, "argument 'format_spec'")?;
        Self::build(py, value, &expression, conversion, &spec)
    }

    fn parts(&self) -> [Ref<Object>; 4] {
        [&self.value, &self.expression, &self.conversion, &self.format_spec]
            .map(|slot| slot.get().unwrap_or_else(crate::none))
    }

    fn repr(py: Attached<'_>, this: &Interpolation) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::new();
        out.push_str("Interpolation(");
        for (at, part) in this.parts().iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            out.push_obj(&*part.repr(py)?);
        }
        out.push_str(")");
        out.finish(py)
    }

    fn reduce(py: Attached<'_>, this: &Interpolation) -> PyResult<Ref<Tuple>> {
        let parts = Tuple::from_vec(py, this.parts().into())?;
        Tuple::from_slice(py, &[this.as_object().ty().as_object(), parts.as_object()])
    }

    fn traverse(this: &Interpolation, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.value)?;
        visit.slot(&this.expression)?;
        visit.slot(&this.conversion)?;
        visit.slot(&this.format_spec)
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Interpolation>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                for slot in [&this.value, &this.expression, &this.conversion, &this.format_spec] {
                    drop(slot.take());
                }
            });
        }
    }
}

impl TemplateIter {
    fn new(py: Attached<'_>, template: &Template) -> PyResult<Ref<TemplateIter>> {
        mem::new_instance::<TemplateIter>(py, Self::type_object(), |this| {
            this.template.replace(Some(template.to_ref()));
        })
    }

    fn py_iter<'a>(_: Attached<'_>, this: &'a TemplateIter) -> &'a TemplateIter {
        this
    }

    fn next(_: Attached<'_>, this: &TemplateIter) -> PyResult<Option<Ref<Object>>> {
        let Some(template) = this.template.get() else { return Ok(None) };
        loop {
            let next = this.next.get();
            let (parts, at) = match next % 2 {
                0 => (template.strings(), next / 2),
                _ => (template.interpolations(), next / 2),
            };
            let Some(part) = parts.get(at as usize) else { return Ok(None) };
            this.next.set(next + 1);
            if part.downcast::<Str>().is_some_and(Str::is_empty) {
                continue;
            }
            return Ok(Some(part.to_ref()));
        }
    }

    fn traverse(this: &TemplateIter, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.template)
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<TemplateIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.template.take())) };
    }
}
