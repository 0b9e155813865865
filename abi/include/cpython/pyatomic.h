/* Atomic operations on plain C variables. The name says operation, type and memory order; without an order:
 * sequential consistency. */

#ifndef Py_CPYTHON_PYATOMIC_H
#define Py_CPYTHON_PYATOMIC_H
#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#  define _Py_USE_GCC_BUILTIN_ATOMICS 1
#  include "cpython/pyatomic_gcc.h"
#else
#  error "atomic operations need a compiler with GCC's __atomic builtins"
#endif

/* A consuming load costs nothing on the processors that Python runs on. */
#define _Py_atomic_load_ptr_consume _Py_atomic_load_ptr_relaxed

/* unsigned long has the size of uint64_t or of uint32_t. */
#if SIZEOF_LONG == 8
#  define _Py_atomic_load_ulong(p) _Py_atomic_load_uint64((uint64_t *)(p))
#  define _Py_atomic_load_ulong_relaxed(p) _Py_atomic_load_uint64_relaxed((uint64_t *)(p))
#  define _Py_atomic_store_ulong(p, v) _Py_atomic_store_uint64((uint64_t *)(p), (v))
#  define _Py_atomic_store_ulong_relaxed(p, v) _Py_atomic_store_uint64_relaxed((uint64_t *)(p), (v))
#else
#  define _Py_atomic_load_ulong(p) _Py_atomic_load_uint32((uint32_t *)(p))
#  define _Py_atomic_load_ulong_relaxed(p) _Py_atomic_load_uint32_relaxed((uint32_t *)(p))
#  define _Py_atomic_store_ulong(p, v) _Py_atomic_store_uint32((uint32_t *)(p), (v))
#  define _Py_atomic_store_ulong_relaxed(p, v) _Py_atomic_store_uint32_relaxed((uint32_t *)(p), (v))
#endif

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_PYATOMIC_H */
