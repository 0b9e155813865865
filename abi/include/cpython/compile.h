/* Flags of the compiler. */

#ifndef Py_CPYTHON_COMPILE_H
#define Py_CPYTHON_COMPILE_H
#ifdef __cplusplus
extern "C" {
#endif

#define FUTURE_ABSOLUTE_IMPORT "absolute_import"
#define FUTURE_ANNOTATIONS "annotations"
#define FUTURE_BARRY_AS_BDFL "barry_as_FLUFL"
#define FUTURE_DIVISION "division"
#define FUTURE_GENERATORS "generators"
#define FUTURE_GENERATOR_STOP "generator_stop"
#define FUTURE_NESTED_SCOPES "nested_scopes"
#define FUTURE_PRINT_FUNCTION "print_function"
#define FUTURE_UNICODE_LITERALS "unicode_literals"
#define FUTURE_WITH_STATEMENT "with_statement"
#define PY_INVALID_STACK_EFFECT 0x7fffffff
#define PyCF_ALLOW_INCOMPLETE_INPUT 0x4000
#define PyCF_ALLOW_TOP_LEVEL_AWAIT 0x2000
#define PyCF_COMPILE_MASK 62976
#define PyCF_DONT_IMPLY_DEDENT 0x200
#define PyCF_IGNORE_COOKIE 0x800
#define PyCF_MASK 0x1fe0000
#define PyCF_MASK_OBSOLETE 16
#define PyCF_ONLY_AST 0x400
#define PyCF_OPTIMIZED_AST 33792
#define PyCF_SOURCE_IS_UTF8 0x100
#define PyCF_TYPE_COMMENTS 0x1000

typedef struct PyCompilerFlags {
    int cf_flags;
    int cf_feature_version;
} PyCompilerFlags;

#define _PyCompilerFlags_INIT { 0, PY_MINOR_VERSION }

PyAPI_FUNC(int) PyCompile_OpcodeStackEffect(int opcode, int oparg);
PyAPI_FUNC(int) PyCompile_OpcodeStackEffectWithJump(int opcode, int oparg, int jump);

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_COMPILE_H */
