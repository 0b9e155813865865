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

#[test]
fn descriptors_and_modules_work() {
    with_runtime(|py| {
        let module = crate::Module::new(py, "spam").unwrap();
        assert_eq!(text(py, module.as_object()), "<module 'spam'>");
        assert_eq!(
            error_text(py, module.as_object().get_attr(py, id!(py, eggs))),
            "AttributeError: module 'spam' has no attribute 'eggs'"
        );
        let int = Int::type_object().as_object();
        let string = Str::type_object().as_object();
        let union = int.binary_op(py, string, crate::protocols::number::BinaryOp::Or).unwrap();
        assert_eq!(text(py, &union), "int | str");
        let one = Int::from_i64(py, 1).unwrap();
        assert!(one.as_object().is_instance(py, &union).unwrap());
        let alias = crate::List::type_object().as_object().get_item(py, int).unwrap();
        assert_eq!(text(py, &alias), "list[int]");
        let name = int.get_attr(py, id!(py, __name__)).unwrap();
        assert_eq!(text(py, &name), "'int'");
        let dict = int.get_attr(py, id!(py, __dict__)).unwrap();
        assert!(text(py, &dict).starts_with("mappingproxy({'__repr__'") || text(py, &dict).contains("__add__"));
        let doc = int.get_attr(py, id!(py, __doc__)).unwrap();
        assert!(doc.as_object().downcast::<Str>().is_some());
        let group = crate::builtins::exceptions::ExceptionGroup::type_object();
        assert_eq!(
            group.mro().iter().map(|class| class.name().into_owned()).collect::<Vec<_>>(),
            ["ExceptionGroup", "BaseExceptionGroup", "Exception", "BaseException", "object"]
        );
        let get = crate::Object::type_object().as_object().get_attr(py, id!(py, __class__)).unwrap();
        assert_eq!(text(py, &get), "<class 'type'>");
        let hash = crate::List::type_object().as_object().get_attr(py, id!(py, __hash__)).unwrap();
        assert!(hash.is_none());
        assert_eq!(
            error_text(py, crate::List::new(py).unwrap().as_object().hash(py).map(|_| crate::none())),
            "TypeError: unhashable type: 'list'"
        );
        let error = crate::exc::ValueError().as_object().call_pos(py, &[name.as_object()]).unwrap();
        assert_eq!(text(py, &error), "ValueError('int')");
    });
}

#[test]
fn subclasses_of_builtins() {
    with_runtime(|py| {
        let make = |name: &'static str, base: &Type| {
            let bases = Tuple::from_slice(py, &[base.as_object()]).unwrap();
            super::type_new(
                py,
                Type::type_object(),
                Str::intern_static(py, name),
                &bases,
                &Dict::new(py).unwrap(),
                None,
            )
            .unwrap()
        };
        let my_int = make("MyInt", Int::type_object());
        let one = Int::from_i64(py, 41).unwrap();
        let value = my_int.as_object().call_pos(py, &[one.as_object()]).unwrap();
        assert_eq!(text(py, &value), "41");
        value.set_attr(py, id!(py, tag), Some(one.as_object())).unwrap();
        assert_eq!(text(py, &value.get_attr(py, id!(py, __dict__)).unwrap()), "{'tag': 41}");
        drop(value);
        let my_list = make("MyList", crate::List::type_object());
        let list = my_list.as_object().call0(py).unwrap();
        list.call_method(py, id!(py, append), &[one.as_object()]).unwrap();
        assert_eq!(text(py, &list), "[41]");
        drop(list);
        let my_error = make("MyError", crate::exc::ValueError());
        let error = my_error.as_object().call_pos(py, &[one.as_object()]).unwrap();
        assert_eq!(text(py, &error), "MyError(41)");
        error.set_attr(py, id!(py, tag), Some(one.as_object())).unwrap();
        drop(error);
        let meta = make("Meta", Type::type_object());
        let class =
            super::type_new(py, &meta, id!(py, "ByMeta"), &Tuple::empty(py), &Dict::new(py).unwrap(), None).unwrap();
        assert_eq!(text(py, class.as_object().ty().as_object()), "<class '?'>".replace('?', "Meta"));
        let instance = class.as_object().call0(py).unwrap();
        assert!(instance.is_instance_of(&class));
        drop(instance);
        drop(class);
        let my_dict = make("MyDict", Dict::type_object());
        let dict = my_dict.as_object().call0(py).unwrap();
        dict.set_item(py, one.as_object(), one.as_object()).unwrap();
        assert_eq!(text(py, &dict), "{41: 41}");
        let my_tuple = make("MyTuple", Tuple::type_object());
        let tuple = my_tuple.as_object().call_pos(py, &[&dict]).unwrap();
        assert_eq!(text(py, &tuple), "(41,)");
        tuple.set_attr(py, id!(py, tag), Some(one.as_object())).unwrap();
        let my_str = make("MyStr", Str::type_object());
        let string = my_str.as_object().call_pos(py, &[one.as_object()]).unwrap();
        assert_eq!(text(py, &string), "'41'");
    });
}
