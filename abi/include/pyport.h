/* Types and macros that depend on the platform and the compiler. */

#ifndef Py_PYPORT_H
#define Py_PYPORT_H
#ifdef __cplusplus
extern "C" {
#endif

/* Integers of the size of a pointer or of an object's length. */
typedef ssize_t Py_ssize_t;
typedef Py_ssize_t Py_hash_t;
typedef size_t Py_uhash_t;
typedef uintptr_t Py_uintptr_t;
typedef intptr_t Py_intptr_t;
typedef Py_ssize_t Py_ssize_clean_t;

#define SIZEOF_PY_HASH_T SIZEOF_SIZE_T
#define SIZEOF_PY_UHASH_T SIZEOF_SIZE_T
#define PY_SIZE_MAX SIZE_MAX
#define PY_SSIZE_T_MAX ((Py_ssize_t)(((size_t)-1) >> 1))
#define PY_SSIZE_T_MIN (-PY_SSIZE_T_MAX - 1)
#define PY_FORMAT_SIZE_T "z"

/* Old names of C99 types. */
#define HAVE_LONG_LONG 1
#define PY_LONG_LONG long long
#define PY_LLONG_MIN LLONG_MIN
#define PY_LLONG_MAX LLONG_MAX
#define PY_ULLONG_MAX ULLONG_MAX
#define PY_UINT32_T uint32_t
#define PY_UINT64_T uint64_t
#define PY_INT32_T int32_t
#define PY_INT64_T int64_t
#define PY_DWORD_MAX 4294967295U
#define PYLONG_BITS_IN_DIGIT 30
#define Py_LL(number) number##LL
#define Py_ULL(number) Py_LL(number##U)
#ifndef Py_LIMITED_API
#  define Py_MEMCPY memcpy
#endif
#define Py_VA_COPY va_copy
#define PY_CXX_CONST

#ifdef WORDS_BIGENDIAN
#  define PY_BIG_ENDIAN 1
#  define PY_LITTLE_ENDIAN 0
#else
#  define PY_BIG_ENDIAN 0
#  define PY_LITTLE_ENDIAN 1
#endif

/* What the compiler can do. */
#ifdef __has_attribute
#  define _Py__has_attribute(x) __has_attribute(x)
#else
#  define _Py__has_attribute(x) 0
#endif
#ifdef __has_builtin
#  define _Py__has_builtin(x) __has_builtin(x)
#else
#  define _Py__has_builtin(x) 0
#endif

/* Casts that neither C++ nor its warnings about C casts object to. */
#ifdef __cplusplus
#  define _Py_STATIC_CAST(type, expr) static_cast<type>(expr)
#else
#  define _Py_STATIC_CAST(type, expr) ((type)(expr))
#endif
#define _Py_CAST(type, expr) ((type)(expr))
#if defined(__cplusplus) && __cplusplus >= 201103L
#  define _Py_NULL nullptr
#else
#  define _Py_NULL NULL
#endif
#define _Py_FUNC_CAST(T, func) _Py_CAST(T, _Py_CAST(void(*)(void), (func)))
#define Py_SAFE_DOWNCAST(value, larger, smaller) _Py_STATIC_CAST(smaller, value)
#define Py_ARITHMETIC_RIGHT_SHIFT(type, integer, positions) ((integer) >> (positions))
#define Py_FORCE_EXPANSION(X) X
#if defined(__GNUC__) || defined(__clang__)
#  define _Py_TYPEOF(expr) __typeof__(expr)
#endif

/* Attributes of functions and variables. */
#if defined(__GNUC__) || defined(__clang__)
#  define Py_GCC_ATTRIBUTE(name) __attribute__(name)
#  define Py_ALIGNED(num) __attribute__((aligned(num)))
#  define Py_NO_INLINE __attribute__((noinline))
#  define _Py_HOT_FUNCTION __attribute__((hot))
#  define _Py_NO_RETURN __attribute__((__noreturn__))
#  define _Py_NO_SANITIZE_UNDEFINED __attribute__((no_sanitize_undefined))
#  define _Py_NO_SANITIZE_THREAD __attribute__((no_sanitize_thread))
#  define _Py_DEPRECATED_EXTERNALLY(version) __attribute__((__deprecated__))
#else
#  define Py_GCC_ATTRIBUTE(name)
#  define Py_ALIGNED(num)
#  define Py_NO_INLINE
#  define _Py_HOT_FUNCTION
#  define _Py_NO_RETURN
#  define _Py_NO_SANITIZE_UNDEFINED
#  define _Py_NO_SANITIZE_THREAD
#  define _Py_DEPRECATED_EXTERNALLY(version)
#endif
#define Py_DEPRECATED(version) _Py_DEPRECATED_EXTERNALLY(version)
#define _Py_NO_SANITIZE_ADDRESS
#define _Py_NO_SANITIZE_MEMORY
#define _Py_MSAN_UNPOISON(PTR, SIZE)
#define _Py_MSAN_UNPOISON_STRING(STR)

/* A debug build must stay debuggable: force inlining in optimised builds only. */
#if defined(Py_DEBUG)
#  define Py_ALWAYS_INLINE
#elif defined(__GNUC__) || defined(__clang__)
#  define Py_ALWAYS_INLINE __attribute__((always_inline))
#else
#  define Py_ALWAYS_INLINE
#endif

#if _Py__has_attribute(nonstring)
#  define _Py_NONSTRING __attribute__((nonstring))
#else
#  define _Py_NONSTRING
#endif
#if _Py__has_attribute(fallthrough)
#  define _Py_FALLTHROUGH __attribute__((fallthrough))
#else
#  define _Py_FALLTHROUGH do { } while (0)
#endif

/* Turn the warning about deprecated names off for a while. */
#if defined(__GNUC__) || defined(__clang__)
#  define _Py_COMP_DIAG_PUSH _Pragma("GCC diagnostic push")
#  define _Py_COMP_DIAG_IGNORE_DEPR_DECLS _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
#  define _Py_COMP_DIAG_POP _Pragma("GCC diagnostic pop")
#else
#  define _Py_COMP_DIAG_PUSH
#  define _Py_COMP_DIAG_IGNORE_DEPR_DECLS
#  define _Py_COMP_DIAG_POP
#endif

#define Py_LOCAL(type) static type
#define Py_LOCAL_INLINE(type) static inline type

/* Threads are always there. */
#ifndef WITH_THREAD
#  define WITH_THREAD
#endif
#define Py_CAN_START_THREADS 1

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYPORT_H */
