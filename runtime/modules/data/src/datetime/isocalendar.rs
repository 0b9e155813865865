//! `IsoCalendarDate`: the tuple that `isocalendar` gives.
use krait_object::args::{Args, Signature};
use krait_object::layout::PyTupleObject;
use krait_object::native::required;
use krait_object::{Attached, IntoObject, Layout, Object, PyResult, Ref, Tuple, Type, pytype};

/// Year, week and weekday.
#[repr(transparent)]
pub struct IsoCalendarDate(PyTupleObject);

pytype! {
    pub static ISO_CALENDAR_DATE: "datetime.IsoCalendarDate" for IsoCalendarDate {
        base: Tuple, flags: [HAVE_GC, TUPLE_SUBCLASS],
        basicsize: std::mem::offset_of!(PyTupleObject, ob_item) as isize,
        itemsize: 8,
        doc: "The result of date.isocalendar() or datetime.isocalendar()\n\nIt is a tuple of year, week and weekday, which are attributes too.",
        slots: {
            tp_repr = IsoCalendarDate::repr,
            tp_new = IsoCalendarDate::construct,
        },
        methods: {
            noargs "__reduce__" => IsoCalendarDate::reduce, "($self, /)", "";
        },
        getset: {
            "year" => |py: Attached<'_>, this: &IsoCalendarDate| this.part(py, 0), "";
            "week" => |py: Attached<'_>, this: &IsoCalendarDate| this.part(py, 1), "";
            "weekday" => |py: Attached<'_>, this: &IsoCalendarDate| this.part(py, 2), "";
        },
    }
}

impl IsoCalendarDate {
    /// The tuple of a year, week and weekday.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(py: Attached<'_>, parts: [i32; 3]) -> PyResult<Ref<Tuple>> {
        let [year, week, weekday] = parts;
        let parts = [year.into_object(py)?, week.into_object(py)?, weekday.into_object(py)?];
        Tuple::of_subtype(py, Self::type_object(), krait_object::args::as_borrowed(&parts))
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Tuple>> {
        const SIG: Signature = Signature::parse("IsoCalendarDate", "(year, week, weekday)");
        let mut parts = [0; 3];
        for (part, given) in parts.iter_mut().zip(SIG.bind::<3>(py, args)?) {
            *part = required(py, given)?.as_i32(py)?;
        }
        let parts = parts.map(|part| part.into_object(py));
        let parts = parts.into_iter().collect::<PyResult<Vec<_>>>()?;
        Tuple::of_subtype(py, ty, krait_object::args::as_borrowed(&parts))
    }

    fn items(&self) -> &Tuple {
        // SAFETY: [layout]: a subtype of `tuple`.
        unsafe { self.as_object().cast_unchecked() }
    }

    fn part(&self, py: Attached<'_>, at: usize) -> PyResult<Ref<Object>> {
        self.items().get(at).map(|item| item.to_ref()).ok_or_else(|| py.bad_internal_call())
    }

    fn repr(py: Attached<'_>, this: &IsoCalendarDate) -> PyResult<String> {
        let mut shown = [const { String::new() }; 3];
        for (at, shown) in shown.iter_mut().enumerate() {
            *shown = this.part(py, at)?.str(py)?.to_string_lossy().into_owned();
        }
        let ([year, week, weekday], name) = (shown, this.as_object().ty().tp_name());
        Ok(format!("{name}(year={year}, week={week}, weekday={weekday})"))
    }

    /// As a plain tuple, so that other versions can load it.
    fn reduce(py: Attached<'_>, this: &IsoCalendarDate) -> PyResult<Ref<Tuple>> {
        let plain = Tuple::from_slice(py, this.items().as_slice())?;
        let args = Tuple::from_slice(py, &[plain.as_object()])?;
        Tuple::pair(py, Tuple::type_object().to_ref().upcast(), args.upcast())
    }
}
