//! Types from specifications (`PyType_FromMetaclass`).
