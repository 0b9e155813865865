//! `product`, `permutations`, `combinations`, `combinations_with_replacement`.
use super::{add_type, iterator};
use krait_object::args::{Args, Signature};
use krait_object::native::{State, Trace, alloc, required};
use krait_object::reserve::{need, with_room, zeros};
use krait_object::{Attached, Layout, Module, Object, PyResult, Ref, Tuple, Type, Visit, raise};
use std::ffi::c_int;

/// Which selection comes next. `indices` are places in the pool, of which the first `take` are given out.
pub struct Selection {
    pools: Vec<Ref<Tuple>>,
    indices: Vec<usize>,
    cycles: Vec<usize>,
    take: usize,
    started: bool,
    stopped: bool,
}

impl Trace for Selection {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.pools.trace(visit)
    }
}

impl Selection {
    fn over(pools: Vec<Ref<Tuple>>, indices: Vec<usize>, take: usize, stopped: bool) -> Self {
        Selection { pools, indices, cycles: Vec::new(), take, started: false, stopped }
    }

    /// The present selection.
    fn current(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        let mut items = with_room(py, self.take)?;
        items.extend(self.indices[..self.take].iter().enumerate().filter_map(|(at, &index)| {
            self.pools[if self.pools.len() == 1 { 0 } else { at }].get(index).map(|item| item.to_ref())
        }));
        Ok(items)
    }

    fn next(&mut self, py: Attached<'_>, advance: fn(&mut Selection) -> bool) -> PyResult<Option<Vec<Ref<Object>>>> {
        if self.stopped {
            return Ok(None);
        }
        if self.started && !advance(self) {
            self.stopped = true;
            return Ok(None);
        }
        self.started = true;
        self.current(py).map(Some)
    }

    fn advance_product(&mut self) -> bool {
        for at in (0..self.take).rev() {
            self.indices[at] += 1;
            let pool = if self.pools.len() == 1 { 0 } else { at };
            if self.indices[at] < self.pools[pool].len() {
                return true;
            }
            self.indices[at] = 0;
        }
        false
    }

    fn advance_combination(&mut self) -> bool {
        let (n, r) = (self.pools[0].len(), self.take);
        let Some(at) = (0..r).rev().find(|&at| self.indices[at] != at + n - r) else { return false };
        self.indices[at] += 1;
        for next in at + 1..r {
            self.indices[next] = self.indices[next - 1] + 1;
        }
        true
    }

    fn advance_with_replacement(&mut self) -> bool {
        let (n, r) = (self.pools[0].len(), self.take);
        let Some(at) = (0..r).rev().find(|&at| self.indices[at] != n - 1) else { return false };
        let index = self.indices[at] + 1;
        self.indices[at..].fill(index);
        true
    }

    fn advance_permutation(&mut self) -> bool {
        let n = self.indices.len();
        for at in (0..self.take).rev() {
            self.cycles[at] -= 1;
            if self.cycles[at] == 0 {
                self.indices[at..].rotate_left(1);
                self.cycles[at] = n - at;
            } else {
                self.indices.swap(at, n - self.cycles[at]);
                return true;
            }
        }
        false
    }
}

macro_rules! selection {
    ($ty:ident $sym:ident $name:literal $advance:ident, $doc:literal) => {
        krait_object::native! {
            #[doc = $name]
            pub struct $ty { state: State<Selection> }
        }
        iterator! { $sym $name $ty, $doc, $ty::construct }
        impl $ty {
            fn make(py: Attached<'_>, ty: &Type, selection: Selection) -> PyResult<Ref<$ty>> {
                let this = alloc::<$ty>(py, ty)?;
                this.state.init(selection);
                Ok(this)
            }
            fn next(py: Attached<'_>, this: &$ty) -> PyResult<Option<Ref<Tuple>>> {
                let items = this.state.lock().next(py, Selection::$advance)?;
                items.map(|items| Tuple::from_vec(py, items)).transpose()
            }
        }
    };
}
selection!(Product PRODUCT "itertools.product" advance_product, "product(*iterables, repeat=1)\n--\n\nEvery choice of one item from each iterable, as nested loops would find them.");
selection!(Permutations PERMUTATIONS "itertools.permutations" advance_permutation, "permutations(iterable, r=None)\n--\n\nEvery order of r different items.");
selection!(Combinations COMBINATIONS "itertools.combinations" advance_combination, "combinations(iterable, r)\n--\n\nEvery choice of r different items, in the order of the iterable.");
selection!(Replacements REPLACEMENTS "itertools.combinations_with_replacement" advance_with_replacement, "combinations_with_replacement(iterable, r)\n--\n\nEvery choice of r items, which may be the same.");

impl Product {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Product>> {
        args.check_keywords(py, "product", &["repeat"])?;
        let repeat = match args.values.first() {
            None => 1,
            Some(repeat) => repeat.as_isize(py)?,
        };
        if repeat < 0 {
            return Err(raise!(py, ValueError, "repeat argument cannot be negative"));
        }
        let repeat = repeat as usize;
        let one: Vec<Ref<Tuple>> = match repeat {
            0 => Vec::new(),
            _ => args.pos.iter().map(|pool| Tuple::from_iterable(py, pool)).collect::<PyResult<_>>()?,
        };
        let Some(total) = one.len().checked_mul(repeat).filter(|&total| total <= isize::MAX as usize / 8) else {
            return Err(raise!(py, OverflowError, "repeat argument too large"));
        };
        let mut pools: Vec<Ref<Tuple>> = Vec::new();
        if pools.try_reserve(total).is_err() {
            return Err(py.no_memory());
        }
        for _ in 0..repeat {
            pools.extend(one.iter().cloned());
        }
        let stopped = pools.iter().any(|pool| pool.is_empty());
        Product::make(py, ty, Selection::over(pools, zeros(py, total)?, total, stopped))
    }
}

/// The pool and `r` of a selection.
fn pool_and_size(py: Attached<'_>, iterable: Option<&Object>, r: Option<&Object>) -> PyResult<(Ref<Tuple>, usize)> {
    let pool = Tuple::from_iterable(py, required(py, iterable)?)?;
    let r = match r {
        None => pool.len() as isize,
        Some(r) => r.as_isize(py)?,
    };
    if r < 0 {
        return Err(raise!(py, ValueError, "r must be non-negative"));
    }
    Ok((pool, r as usize))
}

impl Permutations {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Permutations>> {
        const SIG: Signature = Signature::parse("permutations", "(iterable, r=None)");
        let [iterable, r] = SIG.bind::<2>(py, args)?;
        let r = r.filter(|r| !r.is_none());
        if r.is_some_and(|r| r.downcast::<krait_object::Int>().is_none()) {
            return Err(raise!(py, TypeError, "Expected int as r"));
        }
        let (pool, r) = pool_and_size(py, iterable, r)?;
        let n = pool.len();
        need(py, n.saturating_mul(2 * size_of::<usize>()))?;
        let mut selection = Selection::over(vec![pool], (0..n).collect(), r.min(n), r > n);
        selection.cycles = (0..r.min(n)).map(|at| n - at).collect();
        Permutations::make(py, ty, selection)
    }
}
impl Combinations {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Combinations>> {
        const SIG: Signature = Signature::parse("combinations", "(iterable, r)");
        let [iterable, r] = SIG.bind::<2>(py, args)?;
        let (pool, r) = pool_and_size(py, iterable, r)?;
        let n = pool.len();
        need(py, n.saturating_mul(2 * size_of::<usize>()))?;
        Combinations::make(py, ty, Selection::over(vec![pool], (0..r.min(n)).collect(), r.min(n), r > n))
    }
}
impl Replacements {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Replacements>> {
        const SIG: Signature = Signature::parse("combinations_with_replacement", "(iterable, r)");
        let [iterable, r] = SIG.bind::<2>(py, args)?;
        let (pool, r) = pool_and_size(py, iterable, r)?;
        let stopped = pool.is_empty() && r > 0;
        Replacements::make(py, ty, Selection::over(vec![pool], zeros(py, r)?, r, stopped))
    }
}

pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Product>(py, module, "product")?;
    add_type::<Permutations>(py, module, "permutations")?;
    add_type::<Combinations>(py, module, "combinations")?;
    add_type::<Replacements>(py, module, "combinations_with_replacement")
}
