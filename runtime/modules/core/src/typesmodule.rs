//! `_types`: the classes that have no name in `builtins`.
use krait_object::builtins::{
    capsule::Capsule, descrobject, genericaliasobject::GenericAlias, methodobject::CFunction,
    namespaceobject::Namespace, object, unionobject::Union,
};
use krait_object::{Attached, Cell, Code, Function, Layout, Method, Module, PyResult, Type};
use krait_vm::{frameobject::FrameObject, generator, traceback::Traceback};

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    let types: [(&str, &Type); 27] = [
        ("AsyncGeneratorType", generator::AsyncGenerator::type_object()),
        ("BuiltinFunctionType", CFunction::type_object()),
        ("BuiltinMethodType", CFunction::type_object()),
        ("CapsuleType", Capsule::type_object()),
        ("CellType", Cell::type_object()),
        ("ClassMethodDescriptorType", descrobject::ClassMethodDescr::type_object()),
        ("CodeType", Code::type_object()),
        ("CoroutineType", generator::Coroutine::type_object()),
        ("EllipsisType", object::EllipsisObject::type_object()),
        ("FrameType", FrameObject::type_object()),
        ("FunctionType", Function::type_object()),
        ("GeneratorType", generator::Generator::type_object()),
        ("GenericAlias", GenericAlias::type_object()),
        ("GetSetDescriptorType", descrobject::GetSetDescr::type_object()),
        ("LambdaType", Function::type_object()),
        ("MappingProxyType", descrobject::MappingProxy::type_object()),
        ("MemberDescriptorType", descrobject::MemberDescr::type_object()),
        ("MethodDescriptorType", descrobject::MethodDescr::type_object()),
        ("MethodType", Method::type_object()),
        ("MethodWrapperType", descrobject::MethodWrapper::type_object()),
        ("ModuleType", Module::type_object()),
        ("NoneType", object::NoneObject::type_object()),
        ("NotImplementedType", object::NotImplementedObject::type_object()),
        ("SimpleNamespace", Namespace::type_object()),
        ("TracebackType", Traceback::type_object()),
        ("UnionType", Union::type_object()),
        ("WrapperDescriptorType", descrobject::WrapperDescr::type_object()),
    ];
    types.into_iter().try_for_each(|(name, ty)| module.add(py, name, ty.as_object()))
}
