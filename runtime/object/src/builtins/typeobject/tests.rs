use crate::handle::Layout;
use crate::testing::{error_text, text, with_runtime};
use crate::{Dict, Int, Str, Tuple, Type, id};

#[test]
fn static_types_are_ready() {
    with_runtime(|py| {
        let object = crate::Object::type_object();
        assert_eq!(text(py, object.as_object()), "<class 'object'>");
        let list = crate::List::new(py).unwrap();
        assert_eq!(text(py, list.as_object().ty().as_object()), "<class 'list'>");
        let append = list.as_object().get_attr(py, id!(py, append)).unwrap();
        assert!(text(py, &append).starts_with("<built-in method append of list object at 0x"));
        append.call_pos(py, &[object.as_object()]).unwrap();
        assert_eq!(text(py, list.as_object()), "[<class 'object'>]");
        let unbound = crate::List::type_object().as_object().get_attr(py, id!(py, append)).unwrap();
        assert_eq!(text(py, &unbound), "<method 'append' of 'list' objects>");
        assert_eq!(error_text(py, unbound.call0(py)), "TypeError: unbound method list.append() needs an argument");
        assert_eq!(error_text(py, append.call0(py)), "TypeError: list.append() takes exactly one argument (0 given)");
        assert_eq!(
            error_text(py, list.as_object().get_attr(py, id!(py, nope))),
            "AttributeError: 'list' object has no attribute 'nope'"
        );
        let add = crate::Int::type_object().as_object().get_attr(py, id!(py, __add__)).unwrap();
        assert_eq!(text(py, &add), "<slot wrapper '__add__' of 'int' objects>");
        let one = Int::from_i64(py, 1).unwrap();
        let two = add.call_pos(py, &[one.as_object(), one.as_object()]).unwrap();
        assert_eq!(text(py, &two), "2");
    });
}

#[test]
fn classes_are_made_and_hold_attributes() {
    with_runtime(|py| {
        let name = Str::new(py, "Point").unwrap();
        let dict = Dict::new(py).unwrap();
        let seven = Int::from_i64(py, 7).unwrap();
        dict.set_str(py, "shared", seven.as_object()).unwrap();
        let class = super::type_new(py, Type::type_object(), &name, &Tuple::empty(py), &dict, None).unwrap();
        let instance = class.as_object().call0(py).unwrap();
        assert_eq!(text(py, &instance.get_attr(py, id!(py, shared)).unwrap()), "7");
        let eight = Int::from_i64(py, 8).unwrap();
        instance.set_attr(py, id!(py, own), Some(eight.as_object())).unwrap();
        assert_eq!(text(py, &instance.get_attr(py, id!(py, own)).unwrap()), "8");
        assert_eq!(text(py, &instance.get_attr(py, id!(py, __dict__)).unwrap()), "{'own': 8}");
        class.as_object().set_attr(py, id!(py, shared), Some(eight.as_object())).unwrap();
        assert_eq!(text(py, &instance.get_attr(py, id!(py, shared)).unwrap()), "8");
        instance.set_attr(py, id!(py, own), None).unwrap();
        assert_eq!(
            error_text(py, instance.get_attr(py, id!(py, own))),
            "AttributeError: 'Point' object has no attribute 'own'"
        );
        let bases = Tuple::from_slice(py, &[class.as_object()]).unwrap();
        let derived =
            super::type_new(py, Type::type_object(), id!(py, "Derived"), &bases, &Dict::new(py).unwrap(), None)
                .unwrap();
        assert!(derived.is_subtype_of(&class));
        assert_eq!(class.subclasses(py).len(), 1);
        drop(bases);
        drop(derived);
        drop(instance);
    });
}

#[test]
fn slots_are_members() {
    with_runtime(|py| {
        let dict = Dict::new(py).unwrap();
        let slots = Tuple::from_slice(py, &[id!(py, b).as_object(), id!(py, a).as_object()]).unwrap();
        dict.set_str(py, "__slots__", slots.as_object()).unwrap();
        let class =
            super::type_new(py, Type::type_object(), id!(py, "Slotted"), &Tuple::empty(py), &dict, None).unwrap();
        assert_eq!(class.as_type().tp_basicsize.get(), 16 + crate::Object::type_object().as_type().tp_basicsize.get());
        let instance = class.as_object().call0(py).unwrap();
        assert_eq!(
            error_text(py, instance.get_attr(py, id!(py, a))),
            "AttributeError: 'Slotted' object has no attribute 'a'"
        );
        instance.set_attr(py, id!(py, a), Some(class.as_object())).unwrap();
        assert!(instance.get_attr(py, id!(py, a)).unwrap().is(&*class));
        assert_eq!(
            error_text(py, instance.set_attr(py, id!(py, c), Some(&instance)).map(|()| crate::none())),
            "AttributeError: 'Slotted' object has no attribute 'c' and no __dict__ for setting new attributes"
        );
    });
}
