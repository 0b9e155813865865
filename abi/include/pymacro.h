/* Small macros that everything else uses. */

#ifndef Py_PYMACRO_H
#define Py_PYMACRO_H
#ifdef __cplusplus
extern "C" {
#endif

#define Py_MIN(x, y) (((x) < (y)) ? (x) : (y))
#define Py_MAX(x, y) (((x) < (y)) ? (y) : (x))
#define Py_ABS(x) (((x) < 0) ? -(x) : (x))
#define _Py_ABS_CAST(T, x) ((x) >= 0 ? ((T)(x)) : ((T)(((T) -((x) + 1)) + 1U)))

#define _Py_XSTRINGIFY(x) #x
#define Py_STRINGIFY(x) _Py_XSTRINGIFY(x)

#define Py_MEMBER_SIZE(type, member) sizeof(((type *)0)->member)
#define _Py_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define Py_CHARMASK(c) ((unsigned char)((c) & 0xff))

/* The condition must be a constant; the compiler refuses an array of negative size. */
#define Py_BUILD_ASSERT_EXPR(cond) (sizeof(char[1 - 2 * !(cond)]) - 1)
#if defined(__cplusplus) && __cplusplus >= 201103L
#  define Py_BUILD_ASSERT(cond) do { static_assert((cond), #cond); } while (0)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#  define Py_BUILD_ASSERT(cond) do { _Static_assert((cond), #cond); } while (0)
#else
#  define Py_BUILD_ASSERT(cond) do { (void)Py_BUILD_ASSERT_EXPR(cond); } while (0)
#endif

#define Py_ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Text for help(); compiled out when the build has no doc strings. */
#define PyDoc_VAR(name) static const char name[]
#define PyDoc_STRVAR(name, str) PyDoc_VAR(name) = PyDoc_STR(str)
#ifdef WITH_DOC_STRINGS
#  define PyDoc_STR(str) str
#else
#  define PyDoc_STR(str) ""
#endif

/* Sizes and addresses rounded to a power of two. */
#define _Py_SIZE_ROUND_DOWN(n, a) ((size_t)(n) & ~(size_t)((a) - 1))
#define _Py_SIZE_ROUND_UP(n, a) (((size_t)(n) + (size_t)((a) - 1)) & ~(size_t)((a) - 1))
#define _Py_ALIGN_DOWN(p, a) ((void *)((uintptr_t)(p) & ~(uintptr_t)((a) - 1)))
#define _Py_ALIGN_UP(p, a) ((void *)(((uintptr_t)(p) + (uintptr_t)((a) - 1)) & ~(uintptr_t)((a) - 1)))
#define _Py_IS_ALIGNED(p, a) (!((uintptr_t)(p) & (uintptr_t)((a) - 1)))

/* A member that gives its struct an alignment of N bytes. */
#if defined(__GNUC__) || defined(__clang__)
#  define _Py_ALIGNED_DEF(N, T) __attribute__((aligned(N))) T
#elif defined(__cplusplus)
#  define _Py_ALIGNED_DEF(N, T) alignas(N) T
#else
#  define _Py_ALIGNED_DEF(N, T) _Alignas(N) T
#endif

/* A parameter that the function ignores. */
#if defined(__GNUC__) || defined(__clang__)
#  define Py_UNUSED(name) _unused_##name __attribute__((unused))
#else
#  define Py_UNUSED(name) _unused_##name
#endif

/* Code that control never reaches; a debug build says so when it does. */
#ifdef Py_DEBUG
#  define Py_UNREACHABLE() Py_FatalError("control reached code that should be unreachable")
#elif defined(__GNUC__) || defined(__clang__)
#  define Py_UNREACHABLE() __builtin_unreachable()
#else
#  define Py_UNREACHABLE() abort()
#endif

#define _Py_IS_TYPE_SIGNED(type) ((type)(-1) <= 0)

/* An expression that cannot be assigned to. */
#define _Py_RVALUE(EXPR) ((void)0, (EXPR))

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030E0000  /* 3.14 */
PyAPI_FUNC(uint32_t) Py_PACK_FULL_VERSION(int x, int y, int z, int level, int serial);
PyAPI_FUNC(uint32_t) Py_PACK_VERSION(int x, int y);
#  define Py_PACK_FULL_VERSION _Py_PACK_FULL_VERSION
#  define Py_PACK_VERSION(X, Y) _Py_PACK_VERSION(X, Y)
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_PYMACRO_H */
