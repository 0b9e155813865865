//! Containers that threads share (`nogil` mode): nothing is lost, torn or freed too early.
mod common;

use common::{attached, in_parallel};
use krait_object::builtins::dictobject::{instance_get_attr, instance_set_attr, materialize_dict};
use krait_object::mode::FREE_THREADED;
use krait_object::{Attached, Dict, Int, Layout, List, Object, PyResult, Ref, Set, Str, Tuple};

const ROUNDS: i64 = 4000;

fn ok<T>(py: Attached<'_>, result: PyResult<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", common::complaint(py, error)),
    }
}

/// A fresh object that says which number it holds: a list of one integer.
fn boxed(py: Attached<'_>, value: i64) -> Ref<Object> {
    let value = ok(py, Int::from_i64(py, value)).upcast();
    ok(py, List::from_vec(py, vec![value])).upcast()
}

fn unboxed(py: Attached<'_>, object: &Object) -> i64 {
    let list = object.downcast_exact::<List>().expect("a list is read back as a list");
    let item = list.get(py, 0).expect("with its item");
    item.as_object().downcast_exact::<Int>().and_then(Int::to_i64).expect("an integer")
}

fn number(py: Attached<'_>, value: i64) -> Ref<Object> {
    ok(py, Int::from_i64(py, value)).upcast()
}

#[test]
fn lists_are_shared() {
    if !FREE_THREADED {
        return;
    }
    attached(|py| {
        let list = ok(py, List::new(py));
        let list: &List = &list;
        in_parallel(py, 4, |py, me| {
            for at in 0..ROUNDS {
                match me {
                    0 | 1 => ok(py, list.push(py, boxed(py, at))),
                    2 => drop(list.lock(py).remove(py, 0)),
                    _ => {
                        for index in 0..8 {
                            if let Some(item) = list.get(py, index) {
                                assert!(unboxed(py, &item) < ROUNDS);
                            }
                        }
                        if at % 64 == 0 {
                            ok(py, list.to_vec(py)).iter().for_each(|item| assert!(unboxed(py, item) < ROUNDS));
                        }
                    }
                }
            }
        });
        assert!(list.len() >= ROUNDS as usize);
    });
}

#[test]
fn dicts_are_shared() {
    if !FREE_THREADED {
        return;
    }
    attached(|py| {
        let dict = ok(py, Dict::new(py));
        let dict: &Dict = &dict;
        let names: Vec<&Str> = (0..64).map(|at| Str::intern_static(py, &format!("key{at}"))).collect();
        let names = &names;
        in_parallel(py, 4, |py, me| {
            for at in 0..ROUNDS {
                let slot = (at % 64) as usize;
                match me {
                    0 => ok(py, dict.set(py, names[slot].as_object(), &boxed(py, slot as i64))),
                    1 => {
                        ok(py, dict.set(py, &number(py, at), &boxed(py, at)));
                        if at >= 100 {
                            drop(ok(py, dict.remove(py, &number(py, at - 100))).expect("own keys stay"));
                        }
                    }
                    2 => {
                        if let Some(value) = ok(py, dict.get(py, names[slot].as_object())) {
                            assert_eq!(unboxed(py, &value), slot as i64);
                        }
                        if let Some(value) = ok(py, dict.get(py, &number(py, at))) {
                            assert_eq!(unboxed(py, &value), at);
                        }
                    }
                    _ => {
                        let mut pos = 0;
                        while let Some((key, value)) = dict.next(py, &mut pos) {
                            if let Some(key) = key.as_object().downcast_exact::<Int>() {
                                assert_eq!(key.to_i64(), Some(unboxed(py, &value)));
                            }
                        }
                    }
                }
            }
        });
        assert_eq!(dict.len(), 64 + 100);
    });
}

#[test]
fn sets_are_shared() {
    if !FREE_THREADED {
        return;
    }
    attached(|py| {
        let set = ok(py, Set::new(py));
        let set: &Set = &set;
        let fixed = number(py, -7);
        ok(py, set.add(py, &fixed));
        in_parallel(py, 4, |py, me| {
            for at in 0..ROUNDS {
                if me < 2 {
                    let item = number(py, at * 2 + me as i64);
                    assert!(ok(py, set.add(py, &item)));
                    if at >= 50 {
                        assert!(ok(py, set.discard(py, &number(py, (at - 50) * 2 + me as i64))));
                    }
                } else {
                    assert!(ok(py, set.contains(py, &number(py, -7))));
                    let _ = ok(py, set.contains(py, &number(py, at)));
                    if at % 256 == 0 {
                        ok(py, set.to_vec(py));
                    }
                }
            }
        });
        assert_eq!(set.len(), 101);
    });
}

#[test]
fn attributes_are_shared() {
    if !FREE_THREADED {
        return;
    }
    attached(|py| {
        let ty = krait_object::Type::type_object().as_object();
        let name = ok(py, Str::new(py, "Shared"));
        let space = ok(py, Dict::new(py));
        let bases = Tuple::empty(py);
        let class = ok(py, ty.call_pos(py, &[name.as_object(), bases.as_object(), space.as_object()]));
        let names: Vec<&Str> = (0..40).map(|at| Str::intern_static(py, &format!("field{at}"))).collect();
        let names = &names;
        for round in 0..50 {
            let object = ok(py, class.as_object().call0(py));
            let object: &Object = &object;
            in_parallel(py, 4, |py, me| {
                for at in 0..200usize {
                    let field = at % (4 + round % 36);
                    match me {
                        0 => ok(py, instance_set_attr(py, object, names[field], &boxed(py, field as i64))),
                        1 => {
                            if at == 100 {
                                ok(py, materialize_dict(py, object));
                            }
                            ok(py, instance_set_attr(py, object, names[0], &boxed(py, 0)));
                        }
                        _ => {
                            if let Some(value) = ok(py, instance_get_attr(py, object, names[field])) {
                                assert_eq!(unboxed(py, &value), field as i64);
                            }
                        }
                    }
                }
            });
        }
    });
}
