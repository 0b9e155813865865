//! Containers through their Rust and slot interfaces.
mod common;

use common::{attached, show};
use krait_object::args::Args;
use krait_object::builtins::dictobject::{instance_get_attr, instance_set_attr, materialize_dict};
use krait_object::{
    Attached, Dict, FrozenSet, Int, IntoObject, Layout, List, Object, PyResult, Ref, Set, Slice, Str, Tuple, WeakRef,
};

fn int(py: Attached<'_>, value: i64) -> Ref<Object> {
    Int::from_i64(py, value).expect("memory").upcast()
}

fn string(py: Attached<'_>, text: &str) -> Ref<Object> {
    Str::new(py, text).expect("memory").upcast()
}

fn ints(py: Attached<'_>, values: &[i64]) -> Ref<Object> {
    List::from_vec(py, values.iter().map(|&value| int(py, value)).collect()).expect("memory").upcast()
}

fn call(py: Attached<'_>, object: &Object, name: &str, args: &[&Object]) -> String {
    let name = Str::intern_static(py, name);
    show(py, object.call_method(py, name, args))
}

fn ok<T>(py: Attached<'_>, result: PyResult<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", common::complaint(py, error)),
    }
}

#[test]
fn lists_change() {
    attached(|py| {
        let list = ints(py, &[3, 1, 2]);
        call(py, &list, "append", &[&int(py, 9)]);
        call(py, &list, "insert", &[&int(py, 0), &int(py, 7)]);
        assert_eq!(show(py, Ok(list.clone())), "[7, 3, 1, 2, 9]");
        assert_eq!(call(py, &list, "pop", &[]), "9");
        assert_eq!(call(py, &list, "pop", &[&int(py, -4)]), "7");
        assert_eq!(call(py, &list, "pop", &[&int(py, 7)]), "IndexError: pop index out of range");
        assert_eq!(call(py, &list, "index", &[&int(py, 2)]), "2");
        assert_eq!(call(py, &list, "index", &[&int(py, 5)]), "ValueError: list.index(x): x not in list");
        call(py, &list, "extend", &[&list]);
        call(py, &list, "sort", &[]);
        assert_eq!(show(py, Ok(list.clone())), "[1, 1, 2, 2, 3, 3]");
        call(py, &list, "reverse", &[]);
        assert_eq!(call(py, &list, "count", &[&int(py, 3)]), "2");
        assert_eq!(call(py, &list, "append", &[]), "TypeError: list.append() takes exactly one argument (0 given)");
        let slice = ok(py, Slice::new(py, Some(&int(py, 1)), None, Some(&int(py, 2))));
        assert_eq!(show(py, list.get_item(py, slice.as_object())), "[3, 2, 1]");
        ok(py, list.del_item(py, slice.as_object()));
        assert_eq!(show(py, Ok(list.clone())), "[3, 2, 1]");
        let middle = ok(py, Slice::new(py, Some(&int(py, 1)), Some(&int(py, 2)), None));
        ok(py, list.set_item(py, middle.as_object(), &ints(py, &[8, 8, 8])));
        assert_eq!(show(py, Ok(list.clone())), "[3, 8, 8, 8, 1]");
        ok(py, list.set_item(py, middle.as_object(), &ints(py, &[])));
        assert_eq!(show(py, Ok(list.clone())), "[3, 8, 8, 1]");
        let own = list.clone();
        call(py, &list, "append", &[&own]);
        assert_eq!(show(py, Ok(list.clone())), "[3, 8, 8, 1, [...]]");
        call(py, &list, "clear", &[]);
        assert_eq!(show(py, Ok(list.clone())), "[]");
        assert_eq!(
            show(py, list.get_item(py, &string(py, "a"))),
            "TypeError: list indices must be integers or slices, not str"
        );
        assert_eq!(
            show(py, list.call_method(py, Str::intern_static(py, "__iadd__"), &[&int(py, 1)])),
            "TypeError: 'int' object is not iterable"
        );
    });
}

#[test]
fn tuples_compare_and_hash() {
    attached(|py| {
        let tuple = ok(py, Tuple::from_slice(py, &[&int(py, 1), &int(py, 2)]));
        assert_eq!(ok(py, tuple.as_object().hash(py)), -3550055125485641917);
        assert_eq!(ok(py, Tuple::empty(py).as_object().hash(py)), 5740354900026072187);
        assert_eq!(show(py, Ok(tuple.clone().upcast())), "(1, 2)");
        let twice = ok(py, tuple.as_object().sequence_repeat(py, 2));
        assert_eq!(show(py, Ok(twice)), "(1, 2, 1, 2)");
        assert_eq!(
            show(py, tuple.as_object().sequence_concat(py, &ints(py, &[1]))),
            "TypeError: can only concatenate tuple (not \"list\") to tuple"
        );
        assert_eq!(call(py, tuple.as_object(), "index", &[&int(py, 3)]), "ValueError: tuple.index(x): x not in tuple");
        let iter = ok(py, tuple.as_object().iter(py));
        assert_eq!(ok(py, ok(py, iter.length_hint(py, 0)).into_object(py).map(|hint| show(py, Ok(hint)))), "2");
        assert_eq!(ok(py, iter.collect(py)).len(), 2);
        assert!(ok(py, iter.iter_next(py)).is_none());
    });
}

#[test]
fn dicts_keep_order() {
    attached(|py| {
        let dict = ok(py, Dict::new(py));
        for at in 0..1000 {
            ok(py, dict.set(py, &int(py, at * 7919 % 1000), &int(py, at)));
        }
        assert_eq!(dict.len(), 1000);
        for at in 0..1000 {
            let value = ok(py, dict.get(py, &int(py, at * 7919 % 1000)));
            assert_eq!(show(py, Ok(value.expect("present"))), at.to_string());
        }
        for at in 0..990 {
            assert!(ok(py, dict.remove(py, &int(py, at * 7919 % 1000))).is_some());
        }
        assert_eq!(dict.len(), 10);
        let keys: Vec<String> = ok(py, dict.items_snapshot(py)).into_iter().map(|(key, _)| show(py, Ok(key))).collect();
        assert_eq!(keys, (990..1000).map(|at| (at * 7919 % 1000).to_string()).collect::<Vec<_>>());
        assert_eq!(call(py, dict.as_object(), "popitem", &[]), format!("({}, 999)", 999 * 7919 % 1000));
        let names = ok(py, Dict::new(py));
        for name in ["b", "a", "c"] {
            ok(py, names.set_str(py, name, &string(py, name)));
        }
        assert_eq!(show(py, Ok(names.clone().upcast())), "{'b': 'b', 'a': 'a', 'c': 'c'}");
        assert_eq!(call(py, names.as_object(), "pop", &[&string(py, "x")]), "KeyError: 'x'");
        assert_eq!(call(py, names.as_object(), "pop", &[&string(py, "a")]), "'a'");
        assert_eq!(call(py, names.as_object(), "keys", &[]), "dict_keys(['b', 'c'])");
        assert_eq!(call(py, names.as_object(), "items", &[]), "dict_items([('b', 'b'), ('c', 'c')])");
        ok(py, names.set(py, &int(py, 1), &int(py, 2)));
        ok(py, names.set_str(py, "b", &int(py, 5)));
        assert_eq!(show(py, Ok(names.clone().upcast())), "{'b': 5, 'c': 'c', 1: 2}");
        let copy = ok(py, names.copy(py));
        assert!(ok(py, copy.as_object().eq(py, names.as_object())));
        ok(py, copy.merge(py, dict.as_object(), true));
        assert_eq!(copy.len(), 3 + 9);
        assert_eq!(
            show(py, dict.as_object().get_item(py, &ints(py, &[]))),
            "TypeError: cannot use 'list' as a dict key (unhashable type: 'list')"
        );
        assert_eq!(show(py, dict.as_object().get_item(py, &string(py, "nope"))), "KeyError: 'nope'");
        let pairs = ok(py, List::from_vec(py, vec![ints(py, &[1, 2]), ints(py, &[3])]));
        assert_eq!(
            call(py, names.as_object(), "update", &[pairs.as_object()]),
            "ValueError: dictionary update sequence element #1 has length 1; 2 is required"
        );
        let iter = ok(py, names.as_object().iter(py));
        ok(py, iter.iter_next(py));
        ok(py, names.set(py, &int(py, 77), &int(py, 2)));
        assert_eq!(
            common::complaint(py, iter.iter_next(py).err().expect("changed")),
            "RuntimeError: dictionary changed size during iteration"
        );
        let reversed: Vec<String> =
            ok(py, ok(py, names.as_object().call_method(py, Str::intern_static(py, "__reversed__"), &[])).collect(py))
                .into_iter()
                .map(|key| show(py, Ok(key)))
                .collect();
        assert_eq!(reversed, ["77", "1", "'c'", "'b'"]);
        call(py, names.as_object(), "clear", &[]);
        assert!(names.is_empty());
    });
}

#[test]
fn sets_do_algebra() {
    attached(|py| {
        let left = ok(py, Set::new(py));
        ok(py, left.update(py, &ints(py, &[5, 3, 1000, 17, 33, 65, 2, -1, -2])));
        assert_eq!(left.len(), 9);
        assert!(ok(py, left.contains(py, &int(py, 65))));
        assert_eq!(call(py, left.as_object(), "difference", &[&ints(py, &[1000, 17, 33, 65, -2])]), "{3, 2, 5, -1}");
        assert_eq!(call(py, left.as_object(), "intersection", &[&ints(py, &[3, 2, 1])]), "{2, 3}");
        assert_eq!(call(py, left.as_object(), "remove", &[&int(py, 99)]), "KeyError: 99");
        assert_eq!(
            call(py, left.as_object(), "add", &[&ints(py, &[])]),
            "TypeError: cannot use 'list' as a set element (unhashable type: 'list')"
        );
        let frozen = ok(py, FrozenSet::from_items(py, &[&int(py, 1), &int(py, 2)]));
        assert_eq!(ok(py, frozen.as_object().hash(py)), -1826646154956904602);
        ok(py, left.add(py, frozen.as_object()));
        let plain = ok(py, Set::new(py));
        ok(py, plain.update(py, &ints(py, &[2, 1])));
        assert!(ok(py, left.as_object().contains(py, plain.as_object())));
        assert!(ok(py, plain.as_object().eq(py, frozen.as_object())));
        let mut many = Vec::new();
        for at in 0..500 {
            many.push(int(py, at * 31));
        }
        let big = ok(py, Set::new(py));
        for item in &many {
            ok(py, big.add(py, item));
        }
        for item in &many[..450] {
            assert!(ok(py, big.discard(py, item)));
        }
        assert_eq!(big.len(), 50);
        let mut seen = 0;
        while big.pop(py).is_some() {
            seen += 1;
        }
        assert_eq!(seen, 50);
        assert_eq!(show(py, Ok(big.clone().upcast())), "set()");
    });
}

#[test]
fn ranges_count() {
    attached(|py| {
        let range = krait_object::Range::type_object();
        let make = |args: &[i64]| {
            let args: Vec<Ref<Object>> = args.iter().map(|&value| int(py, value)).collect();
            range.as_object().call(py, Args::positional(krait_object::args::as_borrowed(&args)))
        };
        assert_eq!(show(py, make(&[1, 10, 3])), "range(1, 10, 3)");
        assert_eq!(show(py, make(&[1, 10, 0])), "ValueError: range() arg 3 must not be zero");
        let items = |object: Ref<Object>| {
            ok(py, object.collect(py)).into_iter().map(|item| show(py, Ok(item))).collect::<Vec<_>>()
        };
        assert_eq!(items(ok(py, make(&[10, 0, -4]))), ["10", "6", "2"]);
        let step = ok(py, Slice::new(py, None, None, Some(&int(py, -1))));
        assert_eq!(show(py, ok(py, make(&[0, 10, 3])).get_item(py, step.as_object())), "range(9, -3, -3)");
        assert!(ok(py, ok(py, make(&[0, 10, 3])).contains(py, &int(py, 9))));
        assert!(!ok(py, ok(py, make(&[0, 10, 3])).contains(py, &int(py, 8))));
    });
}

#[test]
fn weak_references_die() {
    attached(|py| {
        let set = ok(py, Set::new(py));
        let weak = ok(py, WeakRef::new(py, set.as_object(), None));
        let again = ok(py, WeakRef::new(py, set.as_object(), None));
        assert!(std::ptr::eq(&*weak, &*again));
        assert!(weak.get().is_some());
        drop(set);
        assert!(weak.get().is_none());
        let complaint = WeakRef::new(py, &int(py, 1), None).err().expect("refused");
        assert_eq!(common::complaint(py, complaint), "TypeError: cannot create weak reference to 'int' object");
        // A callback hears of the death: `list.append` stores the dead reference.
        let (seen, set) = (ints(py, &[]), ok(py, Set::new(py)));
        let append = ok(py, seen.get_attr(py, Str::intern_static(py, "append")));
        let weak = ok(py, WeakRef::new(py, set.as_object(), Some(&append)));
        drop(set);
        assert!(weak.get().is_none());
        assert_eq!(ok(py, seen.len(py)), 1);
    });
}

#[test]
fn instances_share_keys() {
    attached(|py| {
        let ty = krait_object::Type::type_object().as_object();
        let name = string(py, "Point");
        let dict = ok(py, Dict::new(py));
        let bases = Tuple::empty(py);
        let class = ok(py, ty.call_pos(py, &[&name, bases.as_object(), dict.as_object()]));
        let (one, two) = (ok(py, class.call0(py)), ok(py, class.call0(py)));
        let attr = |name: &str| Str::intern_static(py, name);
        for (object, base) in [(&one, 1), (&two, 10)] {
            ok(py, instance_set_attr(py, object, attr("x"), &int(py, base)));
            ok(py, instance_set_attr(py, object, attr("y"), &int(py, base + 1)));
        }
        let get = |object: &Object, name: &str| {
            show(py, instance_get_attr(py, object, attr(name)).map(|found| found.unwrap_or_else(krait_object::none)))
        };
        assert_eq!((get(&one, "x"), get(&two, "y"), get(&one, "z")), ("1".into(), "11".into(), "None".into()));
        let dict = ok(py, materialize_dict(py, &one));
        assert_eq!(show(py, Ok(dict.clone().upcast())), "{'x': 1, 'y': 2}");
        ok(py, dict.set_str(py, "z", &int(py, 3)));
        assert_eq!(get(&one, "z"), "3");
        for at in 0..100 {
            ok(py, one.set_attr(py, attr(&format!("a{at}")), Some(&int(py, at))));
        }
        assert_eq!(dict.len(), 103);
        assert_eq!(get(&one, "a99"), "99");
        ok(py, two.set_attr(py, attr("x"), None));
        assert_eq!(get(&two, "x"), "None");
        let kept = ok(py, materialize_dict(py, &two));
        drop(two);
        assert_eq!(show(py, Ok(kept.upcast())), "{'y': 11}");
        drop(one);
        assert_eq!(dict.len(), 103);
    });
}
