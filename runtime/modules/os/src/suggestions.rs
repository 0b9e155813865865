//! `_suggestions`: the name that a misspelt one may stand for.
use crate::util::need;
use krait_object::{Attached, List, Module, Object, PyResult, Ref, Str, functions, raise};

type Opt<'a> = Option<&'a Object>;

/// More candidates than this are not searched.
const MOST: usize = 750;

fn generate(py: Attached<'_>, _: &Object, [candidates, item]: [Opt<'_>; 2]) -> PyResult<Option<Ref<Str>>> {
    let (candidates, item) = (need(py, candidates)?, need(py, item)?);
    let Some(wrong) = item.downcast::<Str>() else {
        let class = krait_object::builtins::textargs::arg_type(item);
        return Err(raise!(py, TypeError, "_generate_suggestions() argument 2 must be str, not {class}"));
    };
    let Some(list) = candidates.downcast_exact::<List>() else {
        return Err(raise!(py, TypeError, "candidates must be a list"));
    };
    let items = list.to_vec(py)?;
    let mut names = Vec::with_capacity(items.len());
    for item in &items {
        match (**item).downcast::<Str>() {
            Some(name) => names.push(name.to_utf8(py)?),
            None => return Err(raise!(py, TypeError, "all elements in 'candidates' must be strings")),
        }
    }
    if names.len() > MOST {
        return Ok(None);
    }
    let found = krait_vm::suggestions::closest(wrong.to_utf8(py)?, names.into_iter());
    found.map(|name| Str::new(py, name)).transpose()
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "_generate_suggestions" => generate, "($module, candidates, item, /)", "The candidate nearest to a name, or None.";
    })
}
