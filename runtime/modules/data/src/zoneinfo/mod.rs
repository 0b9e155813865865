//! `_zoneinfo`: time zones of the IANA database.
//!
//! The files are found and read by the Python half of `zoneinfo`. Zones that are in use are shared through a dict of
//! weak references, which the module keeps for `ZoneInfo` itself and each subclass for its own; the module also keeps
//! the last few zones alive.
mod rule;
mod table;

use crate::datetime::instant::DateTime;
use crate::datetime::zone::TzInfo;
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyDateTime_TZInfo, PyObject};
use krait_object::native::{Arg, Fixed, Part, add_type, alloc, required};
use krait_object::{
    Attached, Layout, List, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, hooks, id, mem, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;
use table::{Period, Table};

/// How many zones are kept alive.
const KEPT: usize = 8;

/// Where a zone comes from.
const FROM_CACHE: u8 = 0;
const NOT_CACHED: u8 = 1;
const FROM_FILE: u8 = 2;

/// `ZoneInfo`.
#[repr(C)]
pub struct ZoneInfo {
    base: PyDateTime_TZInfo,
    key: Slot,
    /// How the file object that it was read from shows itself.
    file: Slot,
    table: Fixed<Table>,
    source: Field<u8>,
    weaklist: Field<*mut PyObject>,
}

pytype! {
    static ZONE_INFO: "zoneinfo.ZoneInfo" for ZoneInfo {
        base: TzInfo, flags: [BASETYPE, HAVE_GC],
        slots: {
            tp_dealloc = ZoneInfo::dealloc,
            tp_traverse = ZoneInfo::traverse,
            tp_repr = ZoneInfo::repr,
            tp_str = ZoneInfo::str,
            tp_new = ZoneInfo::construct,
            raw tp_weaklistoffset = offset_of!(ZoneInfo, weaklist) as isize,
        },
        methods: {
            class raw "clear_cache" => ZoneInfo::clear_cache, "($type, /, *, only_keys=None)", "Forget the zones that are kept, or those of some keys.";
            class sig "no_cache" => |py: Attached<'_>, class: &Type, [key]: [Arg<'_>; 1]| ZoneInfo::load(py, class, required(py, key)?, NOT_CACHED), "($type, /, key)", "Make a new zone of a key, whatever is kept.";
            class sig "from_file" => ZoneInfo::from_file, "($type, file_obj, /, key=None)", "Make a zone of a file that is open for reading bytes.";
            o "utcoffset" => |py: Attached<'_>, this: &ZoneInfo, dt: &Object| Ok::<_, krait_object::Raised>(this.find(py, dt)?.map(|period| period.offset.clone())), "($self, dt, /)", "The offset from UTC at a time, as a timedelta.";
            o "dst" => |py: Attached<'_>, this: &ZoneInfo, dt: &Object| Ok::<_, krait_object::Raised>(this.find(py, dt)?.map(|period| period.dst.clone())), "($self, dt, /)", "How far the clock is ahead of standard time at a time, as a timedelta.";
            o "tzname" => |py: Attached<'_>, this: &ZoneInfo, dt: &Object| Ok::<_, krait_object::Raised>(this.find(py, dt)?.map(|period| period.name.clone())), "($self, dt, /)", "The abbreviation that holds at a time.";
            o "fromutc" => ZoneInfo::fromutc, "($self, object, /)", "The local time of a datetime that shows UTC.";
            noargs "__reduce__" => ZoneInfo::reduce, "($self, /)", "What pickle needs to find it again.";
            class sig "_unpickle" => ZoneInfo::unpickle, "($type, key, from_cache, /)", "Find a zone that was pickled.";
            class raw "__init_subclass__" => ZoneInfo::init_subclass, "", "Give a subclass zones of its own.";
        },
        getset: {
            "key" => |_: Attached<'_>, this: &ZoneInfo| this.key.get(), "The key of the zone.";
        },
    }
}

fn this_module(py: Attached<'_>) -> PyResult<Ref<Object>> {
    (hooks::hooks().import)(py, "_zoneinfo")
}

/// A function of the Python half.
fn python(py: Attached<'_>, module: &str, name: &Str, args: &[&Object]) -> PyResult<Ref<Object>> {
    krait_vm::import::import_module(py, module)?.get_attr(py, name)?.call_pos(py, args)
}

fn weak_dict(py: Attached<'_>) -> PyResult<Ref<Object>> {
    krait_vm::import::import_module(py, "weakref")?.get_attr(py, id!(py, WeakValueDictionary))?.call0(py)
}

/// The zones of a class that are in use.
fn in_use(py: Attached<'_>, class: &Type) -> PyResult<Ref<Object>> {
    if !std::ptr::eq(class, ZoneInfo::type_object()) {
        return class.as_object().get_attr(py, id!(py, _weak_cache));
    }
    let module = this_module(py)?;
    if let Some(zones) = module.get_attr_opt(py, id!(py, _weak_cache))? {
        return Ok(zones);
    }
    let zones = weak_dict(py)?;
    module.set_attr(py, id!(py, _weak_cache), Some(&zones))?;
    Ok(zones)
}

/// The list of the zones that are kept alive, the one used last first.
fn kept(py: Attached<'_>) -> PyResult<Ref<List>> {
    let module = this_module(py)?;
    if let Some(kept) = module.get_attr_opt(py, id!(py, _kept))? {
        return kept.downcast::<List>().map_err(|_| py.bad_internal_call());
    }
    let kept = List::new(py)?;
    module.set_attr(py, id!(py, _kept), Some(kept.as_object()))?;
    Ok(kept)
}

/// Puts a zone at the front of those that are kept.
fn keep(py: Attached<'_>, zone: &Object) -> PyResult<()> {
    let list = kept(py)?;
    let old = list.to_vec(py)?;
    if old.first().is_some_and(|first| first.is(zone)) {
        return Ok(());
    }
    let mut new = vec![zone.to_ref()];
    new.extend(old.into_iter().filter(|other| !other.is(zone)).take(KEPT - 1));
    let new = List::from_vec(py, new)?;
    this_module(py)?.set_attr(py, id!(py, _kept), Some(new.as_object()))
}

impl ZoneInfo {
    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ZoneInfo>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.key.take());
                drop(this.file.take());
                this.table.release();
            });
        }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.key)?;
        visit.slot(&self.file)
    }

    fn construct(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("ZoneInfo", "(key)");
        let [key] = SIG.bind::<1>(py, args)?;
        let key = required(py, key)?;
        Self::cached(py, class, key)
    }

    fn cached(py: Attached<'_>, class: &Type, key: &Object) -> PyResult<Ref<Object>> {
        let zones = in_use(py, class)?;
        let mut zone = zones.call_method(py, id!(py, get), &[key])?;
        if zone.is_none() {
            let new = Self::load(py, class, key, FROM_CACHE)?.upcast();
            zone = zones.call_method(py, id!(py, setdefault), &[key, &new])?;
        }
        if !zone.as_object().ty().is_subtype_of(class) {
            let (name, key) = (zone.as_object().ty().name().into_owned(), key.repr(py)?);
            return Err(raise!(
                py,
                RuntimeError,
                "Unexpected instance of {name} in {} weak cache for key {}",
                class.short_name(),
                key.to_string_lossy()
            ));
        }
        if std::ptr::eq(class, Self::type_object()) {
            keep(py, &zone)?;
        }
        Ok(zone)
    }

    fn fresh(py: Attached<'_>, class: &Type, file: &Object, source: u8) -> PyResult<Ref<ZoneInfo>> {
        let data = python(py, "zoneinfo._common", id!(py, load_data), &[file])?;
        let table = Table::new(py, &data)?;
        let this = alloc::<ZoneInfo>(py, class)?;
        this.table.init(table);
        this.source.set(source);
        Ok(this)
    }

    /// A new zone of a key.
    fn load(py: Attached<'_>, class: &Type, key: &Object, source: u8) -> PyResult<Ref<ZoneInfo>> {
        let path = python(py, "zoneinfo._tzpath", id!(py, find_tzfile), &[key])?;
        let file = if path.is_none() {
            python(py, "zoneinfo._common", id!(py, load_tzdata), &[key])?
        } else {
            python(py, "io", id!(py, open), &[&path, Str::intern_static(py, "rb").as_object()])?
        };
        let made = Self::fresh(py, class, &file, source);
        // The file is closed whatever its reading came to, and the first error is the one to report.
        let failed = match made {
            Ok(this) => {
                file.call_method(py, id!(py, close), &[])?;
                drop(this.key.replace(Some(key.to_ref())));
                return Ok(this);
            }
            Err(raised) => raised.take(py),
        };
        if let Err(raised) = file.call_method(py, id!(py, close), &[]) {
            raised.clear(py);
        }
        Err(py.restore(failed))
    }

    fn from_file(py: Attached<'_>, class: &Type, [file, key]: [Arg<'_>; 2]) -> PyResult<Ref<ZoneInfo>> {
        let file = required(py, file)?;
        let shown = file.repr(py)?;
        let this = Self::fresh(py, class, file, FROM_FILE)?;
        drop(this.file.replace(Some(shown.upcast())));
        drop(this.key.replace(key.filter(|key| !key.is_none()).map(Layout::to_ref)));
        Ok(this)
    }

    fn table(&self, py: Attached<'_>) -> PyResult<&Table> {
        self.table.get().ok_or_else(|| py.bad_internal_call())
    }

    /// What holds at a datetime, or for `None` whatever always holds.
    fn find(&self, py: Attached<'_>, dt: &Object) -> PyResult<Option<&Period>> {
        let table = self.table(py)?;
        if dt.is_none() {
            return Ok(table.only());
        }
        let Some(dt) = dt.downcast::<DateTime>() else {
            // Only datetimes have a day.
            let name = dt.ty().name();
            return Err(raise!(py, AttributeError, "'{name}' object has no attribute 'toordinal'"));
        };
        Ok(Some(table.shown(seconds_of(dt), dt.ymd().0, dt.fold() != 0)))
    }

    fn fromutc(py: Attached<'_>, this: &ZoneInfo, dt: &Object) -> PyResult<Ref<Object>> {
        let Some(dt) = dt.downcast::<DateTime>() else {
            return Err(raise!(py, TypeError, "fromutc: argument must be a datetime"));
        };
        if !dt.zone().is_some_and(|zone| zone.is(this)) {
            return Err(raise!(py, ValueError, "fromutc: dt.tzinfo is not self"));
        }
        let (period, fold) = this.table(py)?.at(seconds_of(dt), dt.ymd().0);
        let local = dt.shifted(py, i128::from(period.seconds) * 1_000_000)?;
        if !fold {
            return Ok(local);
        }
        if let Some(local) = local.as_object().downcast_exact::<DateTime>() {
            return Ok(local.with_fold(py, 1)?.upcast());
        }
        let one = krait_object::Int::from_i64(py, 1)?;
        let names = [id!(py, fold).as_object()];
        local.get_attr(py, id!(py, replace))?.call(py, Args { pos: &[], names: &names, values: &[one.as_object()] })
    }

    fn repr(py: Attached<'_>, this: &ZoneInfo) -> PyResult<String> {
        let class = this.as_object().ty().full_name();
        if let Some(key) = this.key.get() {
            return Ok(format!("{class}(key={})", key.repr(py)?.to_string_lossy()));
        }
        let file = this.file.get().map(|file| file.str(py)).transpose()?;
        Ok(format!("{class}.from_file({})", file.as_ref().map(|file| file.to_string_lossy()).unwrap_or_default()))
    }

    fn str(py: Attached<'_>, this: &ZoneInfo) -> PyResult<Ref<Object>> {
        match this.key.get() {
            Some(key) => Ok(key.str(py)?.upcast()),
            None => Ok(Str::new(py, &Self::repr(py, this)?)?.upcast()),
        }
    }

    fn reduce(py: Attached<'_>, this: &ZoneInfo) -> PyResult<Ref<Tuple>> {
        if this.source.get() == FROM_FILE {
            let class = krait_vm::import::import_module(py, "pickle")?.get_attr(py, id!(py, PicklingError))?;
            let Ok(class) = class.downcast::<Type>() else { return Err(py.bad_internal_call()) };
            return Err(py.raise(&class, "Cannot pickle a ZoneInfo file from a file stream."));
        }
        let function = this.as_object().ty().as_object().get_attr(py, id!(py, _unpickle))?;
        let from_cache = krait_object::Int::from_i64(py, i64::from(this.source.get() == FROM_CACHE))?;
        let key = this.key.get().unwrap_or_else(krait_object::none);
        Tuple::pair(py, function, Tuple::pair(py, key, from_cache.upcast())?.upcast())
    }

    fn unpickle(py: Attached<'_>, class: &Type, [key, from_cache]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let key = required(py, key)?;
        if required(py, from_cache)?.is_true(py)? {
            // A subclass may be made otherwise.
            return class.as_object().call_pos(py, &[key]);
        }
        Ok(Self::load(py, class, key, NOT_CACHED)?.upcast())
    }

    fn init_subclass(py: Attached<'_>, class: &Type, _: Args<'_>) -> PyResult<()> {
        let zones = weak_dict(py)?;
        class.as_object().set_attr(py, id!(py, _weak_cache), Some(&zones))
    }

    fn clear_cache(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("clear_cache", "(*, only_keys=None)");
        let [keys] = SIG.bind::<1>(py, args)?;
        let zones = in_use(py, class)?;
        let base = std::ptr::eq(class, Self::type_object());
        let Some(keys) = keys.filter(|keys| !keys.is_none()) else {
            zones.call_method(py, id!(py, clear), &[])?;
            if base {
                let empty = List::new(py)?;
                this_module(py)?.set_attr(py, id!(py, _kept), Some(empty.as_object()))?;
            }
            return Ok(());
        };
        let iter = keys.iter(py)?;
        while let Some(key) = iter.iter_next(py)? {
            if base {
                let mut rest = Vec::new();
                for zone in kept(py)?.to_vec(py)? {
                    let own = zone.get_attr(py, id!(py, key))?;
                    if !own.eq(py, &key)? {
                        rest.push(zone);
                    }
                }
                let rest = List::from_vec(py, rest)?;
                this_module(py)?.set_attr(py, id!(py, _kept), Some(rest.as_object()))?;
            }
            zones.call_method(py, id!(py, pop), &[&key, &krait_object::none()])?;
        }
        Ok(())
    }
}

/// Seconds since the epoch by the clock that a datetime shows.
fn seconds_of(dt: &DateTime) -> i64 {
    (dt.micros().div_euclid(1_000_000) as i64) - crate::datetime::EPOCH
}

/// Fills `_zoneinfo`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    // The base class becomes ready there.
    (hooks::hooks().import)(py, "_datetime")?;
    add_type::<ZoneInfo>(py, module, "ZoneInfo")
}
