//! `_curses_panel`: windows that lie above each other.
use super::library::{Panels, RawPanel};
use super::window::Window;
use super::{LOCK, ready};
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Part, alloc, new_exception};
use krait_object::{
    Attached, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Type, Visit, exc, functions, hooks, id, pytype,
    raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::sync::PoisonError;

/// The C panel of an object.
#[repr(transparent)]
pub struct Handle(Field<RawPanel>);

impl Part for Handle {
    fn visit(&self, _: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
    fn release(&self) {
        let panel = self.0.get();
        self.0.set(std::ptr::null_mut());
        if !panel.is_null() {
            let _one = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: a panel that only this object has.
            unsafe { (Panels::get().del_panel)(panel) };
        }
    }
}

/// A call of the library of panels, one at a time.
macro_rules! panels {
    ($name:ident($($arg:expr),*)) => {{
        let _one = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: by the manual; the pointers come from live objects.
        #[allow(unused_unsafe)]
        unsafe { (Panels::get().$name)($($arg),*) }
    }};
}

krait_object::native! {
    /// `panel`.
    pub struct Panel { panel: Handle, window: Slot<Window>, user: Slot, weaklist: Field<*mut PyObject> }
}
pytype! {
    static PANEL: "_curses_panel.panel" for Panel {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Panel::dealloc,
            tp_traverse = Panel::traverse,
            raw tp_weaklistoffset = offset_of!(Panel, weaklist) as isize,
        },
        methods: {
            noargs "above" => |py: Attached<'_>, this: &Panel| object(py, panels!(panel_above(this.raw()))), "($self, /)", "The panel above, or None.";
            noargs "below" => |py: Attached<'_>, this: &Panel| object(py, panels!(panel_below(this.raw()))), "($self, /)", "The panel below, or None.";
            noargs "bottom" => |py: Attached<'_>, this: &Panel| done(py, panels!(bottom_panel(this.raw())), "bottom_panel"), "($self, /)", "Push the panel below all others.";
            noargs "top" => |py: Attached<'_>, this: &Panel| done(py, panels!(top_panel(this.raw())), "top_panel"), "($self, /)", "Pull the panel above all others.";
            noargs "hide" => |py: Attached<'_>, this: &Panel| done(py, panels!(hide_panel(this.raw())), "hide_panel"), "($self, /)", "Take the panel off the stack.";
            noargs "show" => |py: Attached<'_>, this: &Panel| done(py, panels!(show_panel(this.raw())), "show_panel"), "($self, /)", "Put the panel on top of the stack.";
            noargs "hidden" => Panel::hidden, "($self, /)", "Whether the panel is off the stack.";
            sig "move" => Panel::shift, "($self, y, x, /)", "Move the panel to a place of the screen.";
            o "replace" => Panel::replace, "($self, win, /)", "Give the panel another window.";
            o "set_userptr" => |_: Attached<'_>, this: &Panel, value: &Object| drop(this.user.replace(Some(value.to_ref()))), "($self, obj, /)", "Keep an object with the panel.";
            noargs "userptr" => |py: Attached<'_>, this: &Panel| this.user.get().ok_or_else(|| error(py, "no userptr set")), "($self, /)", "The object that is kept with the panel.";
            noargs "window" => |_: Attached<'_>, this: &Panel| this.window.get(), "($self, /)", "The window of the panel.";
        },
    }
}

fn error(py: Attached<'_>, message: &str) -> krait_object::Raised {
    let class = (hooks::hooks().import)(py, "_curses_panel").and_then(|module| module.get_attr(py, id!(py, error)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn done(py: Attached<'_>, code: c_int, name: &str) -> PyResult<()> {
    if code < 0 { Err(error(py, &format!("{name}() returned ERR"))) } else { Ok(()) }
}

/// The objects of the panels that there are, by the address of the panel: a dict of weak references.
fn known(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let module = (hooks::hooks().import)(py, "_curses_panel")?;
    if let Some(known) = module.get_attr_opt(py, id!(py, _known))? {
        return Ok(known);
    }
    let known = (hooks::hooks().import)(py, "weakref")?.get_attr(py, id!(py, WeakValueDictionary))?.call0(py)?;
    module.set_attr(py, id!(py, _known), Some(&known))?;
    Ok(known)
}

/// The object of a panel, `None` for null.
fn object(py: Attached<'_>, panel: RawPanel) -> PyResult<Option<Ref<Object>>> {
    if panel.is_null() {
        return Ok(None);
    }
    let key = (panel as usize).into_object(py)?;
    let found = known(py)?.call_method(py, id!(py, get), &[&key])?;
    if found.is_none() {
        return Err(raise!(py, RuntimeError, "panel_above: can't find Panel Object"));
    }
    Ok(Some(found))
}

impl Panel {
    fn raw(&self) -> RawPanel {
        self.panel.0.get()
    }

    fn hidden(py: Attached<'_>, this: &Panel) -> PyResult<bool> {
        // 1 and 0, in the words of a manual that calls them TRUE and FALSE.
        match panels!(panel_hidden(this.raw())) {
            -1 => Err(error(py, "panel_hidden() returned ERR")),
            hidden => Ok(hidden != 0),
        }
    }

    fn shift(py: Attached<'_>, this: &Panel, [y, x]: [Option<&Object>; 2]) -> PyResult<()> {
        let (y, x) = (crate::util::int_or(py, y, 0)?, crate::util::int_or(py, x, 0)?);
        done(py, panels!(move_panel(this.raw(), y, x)), "move_panel")
    }

    fn replace(py: Attached<'_>, this: &Panel, window: &Object) -> PyResult<()> {
        let window = window_arg(py, "replace", window)?;
        done(py, panels!(replace_panel(this.raw(), window.raw())), "replace_panel")?;
        drop(this.window.replace(Some(window.to_ref())));
        Ok(())
    }
}

fn window_arg<'a>(py: Attached<'_>, function: &str, window: &'a Object) -> PyResult<&'a Window> {
    window.downcast::<Window>().ok_or_else(|| {
        let name = krait_object::builtins::textargs::arg_type(window);
        raise!(py, TypeError, "{function}() argument must be _curses.window, not {name}")
    })
}

fn new_panel(py: Attached<'_>, _: &Object, window: &Object) -> PyResult<Ref<Panel>> {
    let window = window_arg(py, "new_panel", window)?;
    ready(py)?;
    let this = alloc::<Panel>(py, Panel::type_object())?;
    let panel = panels!(new_panel(window.raw()));
    if panel.is_null() {
        return Err(error(py, "new_panel() returned a null pointer"));
    }
    this.panel.0.set(panel);
    drop(this.window.replace(Some(window.to_ref())));
    known(py)?.set_item(py, &*(panel as usize).into_object(py)?, this.as_object())?;
    Ok(this)
}

fn edge(py: Attached<'_>, top: bool) -> PyResult<Option<Ref<Object>>> {
    ready(py)?;
    let none = std::ptr::null_mut();
    object(py, if top { panels!(panel_below(none)) } else { panels!(panel_above(none)) })
}

fn update_panels(py: Attached<'_>, _: &Object) -> PyResult<()> {
    ready(py)?;
    panels!(update_panels());
    Ok(())
}

/// Fills `_curses_panel`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    (hooks::hooks().import)(py, "_curses")?;
    if let Err(text) = Panels::open() {
        return Err(py.raise(exc::ImportError(), text));
    }
    module.add_functions(
        py,
        functions! {
            o "new_panel" => new_panel, "($module, win, /)", "Make a panel of a window and put it on top of the stack.";
            noargs "top_panel" => |py: Attached<'_>, _: &Object| edge(py, true), "($module, /)", "The panel on top of the stack, or None.";
            noargs "bottom_panel" => |py: Attached<'_>, _: &Object| edge(py, false), "($module, /)", "The panel at the bottom of the stack, or None.";
            noargs "update_panels" => update_panels, "($module, /)", "Bring the virtual screen in line with the stack.";
        },
    )?;
    krait_object::native::add_type::<Panel>(py, module, "panel")?;
    module.add(py, "error", &*new_exception(py, "_curses_panel", "error", exc::Exception())?)?;
    let version = krait_object::Str::new(py, "2.1")?;
    module.add(py, "version", version.as_object())?;
    module.add(py, "__version__", version.as_object())
}
