/* Atomic operations with the compiler's builtins. */

#ifndef Py_CPYTHON_PYATOMIC_GCC_H
#define Py_CPYTHON_PYATOMIC_GCC_H
#ifdef __cplusplus
extern "C" {
#endif

/* Each macro defines one operation for one type. */
#define _Py_ATOMIC_FETCH(op, suffix, type) \
    static inline type _Py_atomic_##op##_##suffix(type *obj, type value) \
    { return __atomic_fetch_##op(obj, value, __ATOMIC_SEQ_CST); }
#define _Py_ATOMIC_EXCHANGE(suffix, type) \
    static inline type _Py_atomic_exchange_##suffix(type *obj, type value) \
    { return __atomic_exchange_n(obj, value, __ATOMIC_SEQ_CST); }
#define _Py_ATOMIC_COMPARE_EXCHANGE(suffix, type) \
    static inline int _Py_atomic_compare_exchange_##suffix(type *obj, type *expected, type desired) \
    { return __atomic_compare_exchange_n(obj, expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }
#define _Py_ATOMIC_LOAD(name, type, order) \
    static inline type _Py_atomic_load_##name(const type *obj) \
    { type value; __atomic_load(obj, &value, order); return value; }
#define _Py_ATOMIC_STORE(name, type, order) \
    static inline void _Py_atomic_store_##name(type *obj, type value) \
    { __atomic_store(obj, &value, order); }

_Py_ATOMIC_FETCH(add, int, int)
_Py_ATOMIC_FETCH(add, int16, int16_t)
_Py_ATOMIC_FETCH(add, int32, int32_t)
_Py_ATOMIC_FETCH(add, int64, int64_t)
_Py_ATOMIC_FETCH(add, int8, int8_t)
_Py_ATOMIC_FETCH(add, intptr, intptr_t)
_Py_ATOMIC_FETCH(add, ssize, Py_ssize_t)
_Py_ATOMIC_FETCH(add, uint, unsigned int)
_Py_ATOMIC_FETCH(add, uint16, uint16_t)
_Py_ATOMIC_FETCH(add, uint32, uint32_t)
_Py_ATOMIC_FETCH(add, uint64, uint64_t)
_Py_ATOMIC_FETCH(add, uint8, uint8_t)
_Py_ATOMIC_FETCH(add, uintptr, uintptr_t)

_Py_ATOMIC_FETCH(and, uint16, uint16_t)
_Py_ATOMIC_FETCH(and, uint32, uint32_t)
_Py_ATOMIC_FETCH(and, uint64, uint64_t)
_Py_ATOMIC_FETCH(and, uint8, uint8_t)
_Py_ATOMIC_FETCH(and, uintptr, uintptr_t)

_Py_ATOMIC_COMPARE_EXCHANGE(int, int)
_Py_ATOMIC_COMPARE_EXCHANGE(int16, int16_t)
_Py_ATOMIC_COMPARE_EXCHANGE(int32, int32_t)
_Py_ATOMIC_COMPARE_EXCHANGE(int64, int64_t)
_Py_ATOMIC_COMPARE_EXCHANGE(int8, int8_t)
_Py_ATOMIC_COMPARE_EXCHANGE(intptr, intptr_t)
_Py_ATOMIC_COMPARE_EXCHANGE(ssize, Py_ssize_t)
_Py_ATOMIC_COMPARE_EXCHANGE(uint, unsigned int)
_Py_ATOMIC_COMPARE_EXCHANGE(uint16, uint16_t)
_Py_ATOMIC_COMPARE_EXCHANGE(uint32, uint32_t)
_Py_ATOMIC_COMPARE_EXCHANGE(uint64, uint64_t)
_Py_ATOMIC_COMPARE_EXCHANGE(uint8, uint8_t)
_Py_ATOMIC_COMPARE_EXCHANGE(uintptr, uintptr_t)

_Py_ATOMIC_EXCHANGE(int, int)
_Py_ATOMIC_EXCHANGE(int16, int16_t)
_Py_ATOMIC_EXCHANGE(int32, int32_t)
_Py_ATOMIC_EXCHANGE(int64, int64_t)
_Py_ATOMIC_EXCHANGE(int8, int8_t)
_Py_ATOMIC_EXCHANGE(intptr, intptr_t)
_Py_ATOMIC_EXCHANGE(ssize, Py_ssize_t)
_Py_ATOMIC_EXCHANGE(uint, unsigned int)
_Py_ATOMIC_EXCHANGE(uint16, uint16_t)
_Py_ATOMIC_EXCHANGE(uint32, uint32_t)
_Py_ATOMIC_EXCHANGE(uint64, uint64_t)
_Py_ATOMIC_EXCHANGE(uint8, uint8_t)
_Py_ATOMIC_EXCHANGE(uintptr, uintptr_t)

_Py_ATOMIC_LOAD(int, int, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(int16, int16_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(int32, int32_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(int64, int64_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(int8, int8_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(intptr, intptr_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(ssize, Py_ssize_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uint, unsigned int, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uint16, uint16_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uint32, uint32_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uint64, uint64_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uint8, uint8_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_LOAD(uintptr, uintptr_t, __ATOMIC_SEQ_CST)

_Py_ATOMIC_LOAD(int_acquire, int, __ATOMIC_ACQUIRE)
_Py_ATOMIC_LOAD(ssize_acquire, Py_ssize_t, __ATOMIC_ACQUIRE)
_Py_ATOMIC_LOAD(uint32_acquire, uint32_t, __ATOMIC_ACQUIRE)
_Py_ATOMIC_LOAD(uint64_acquire, uint64_t, __ATOMIC_ACQUIRE)
_Py_ATOMIC_LOAD(uintptr_acquire, uintptr_t, __ATOMIC_ACQUIRE)

_Py_ATOMIC_LOAD(char_relaxed, char, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(double_relaxed, double, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(float_relaxed, float, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(int16_relaxed, int16_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(int32_relaxed, int32_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(int64_relaxed, int64_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(int8_relaxed, int8_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(int_relaxed, int, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(intptr_relaxed, intptr_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(llong_relaxed, long long, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(long_relaxed, long, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(short_relaxed, short, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(ssize_relaxed, Py_ssize_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uchar_relaxed, unsigned char, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uint16_relaxed, uint16_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uint32_relaxed, uint32_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uint64_relaxed, uint64_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uint8_relaxed, uint8_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uint_relaxed, unsigned int, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(uintptr_relaxed, uintptr_t, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(ullong_relaxed, unsigned long long, __ATOMIC_RELAXED)
_Py_ATOMIC_LOAD(ushort_relaxed, unsigned short, __ATOMIC_RELAXED)

_Py_ATOMIC_FETCH(or, uint16, uint16_t)
_Py_ATOMIC_FETCH(or, uint32, uint32_t)
_Py_ATOMIC_FETCH(or, uint64, uint64_t)
_Py_ATOMIC_FETCH(or, uint8, uint8_t)
_Py_ATOMIC_FETCH(or, uintptr, uintptr_t)

_Py_ATOMIC_STORE(int, int, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(int16, int16_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(int32, int32_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(int64, int64_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(int8, int8_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(intptr, intptr_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(ssize, Py_ssize_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uint, unsigned int, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uint16, uint16_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uint32, uint32_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uint64, uint64_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uint8, uint8_t, __ATOMIC_SEQ_CST)
_Py_ATOMIC_STORE(uintptr, uintptr_t, __ATOMIC_SEQ_CST)

_Py_ATOMIC_STORE(char_relaxed, char, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(double_relaxed, double, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(float_relaxed, float, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(int16_relaxed, int16_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(int32_relaxed, int32_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(int64_relaxed, int64_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(int8_relaxed, int8_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(int_relaxed, int, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(intptr_relaxed, intptr_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(llong_relaxed, long long, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(long_relaxed, long, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(short_relaxed, short, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(ssize_relaxed, Py_ssize_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uchar_relaxed, unsigned char, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uint16_relaxed, uint16_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uint32_relaxed, uint32_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uint64_relaxed, uint64_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uint8_relaxed, uint8_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uint_relaxed, unsigned int, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(uintptr_relaxed, uintptr_t, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(ullong_relaxed, unsigned long long, __ATOMIC_RELAXED)
_Py_ATOMIC_STORE(ushort_relaxed, unsigned short, __ATOMIC_RELAXED)

_Py_ATOMIC_STORE(int_release, int, __ATOMIC_RELEASE)
_Py_ATOMIC_STORE(ssize_release, Py_ssize_t, __ATOMIC_RELEASE)
_Py_ATOMIC_STORE(uint32_release, uint32_t, __ATOMIC_RELEASE)
_Py_ATOMIC_STORE(uint64_release, uint64_t, __ATOMIC_RELEASE)
_Py_ATOMIC_STORE(uint_release, unsigned int, __ATOMIC_RELEASE)
_Py_ATOMIC_STORE(uintptr_release, uintptr_t, __ATOMIC_RELEASE)

#undef _Py_ATOMIC_FETCH
#undef _Py_ATOMIC_EXCHANGE
#undef _Py_ATOMIC_COMPARE_EXCHANGE
#undef _Py_ATOMIC_LOAD
#undef _Py_ATOMIC_STORE

/* Pointers of any type: the address of the variable comes as void *. */
static inline void *
_Py_atomic_load_ptr(const void *obj)
{ return __atomic_load_n((void *const *)obj, __ATOMIC_SEQ_CST); }

static inline void *
_Py_atomic_load_ptr_acquire(const void *obj)
{ return __atomic_load_n((void *const *)obj, __ATOMIC_ACQUIRE); }

static inline void *
_Py_atomic_load_ptr_relaxed(const void *obj)
{ return __atomic_load_n((void *const *)obj, __ATOMIC_RELAXED); }

static inline void
_Py_atomic_store_ptr(void *obj, void *value)
{ __atomic_store_n((void **)obj, value, __ATOMIC_SEQ_CST); }

static inline void
_Py_atomic_store_ptr_relaxed(void *obj, void *value)
{ __atomic_store_n((void **)obj, value, __ATOMIC_RELAXED); }

static inline void
_Py_atomic_store_ptr_release(void *obj, void *value)
{ __atomic_store_n((void **)obj, value, __ATOMIC_RELEASE); }

static inline void *
_Py_atomic_exchange_ptr(void *obj, void *value)
{ return __atomic_exchange_n((void **)obj, value, __ATOMIC_SEQ_CST); }

static inline int
_Py_atomic_compare_exchange_ptr(void *obj, void *expected, void *desired)
{
    return __atomic_compare_exchange_n(
        (void **)obj, (void **)expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void
_Py_atomic_fence_acquire(void)
{ __atomic_thread_fence(__ATOMIC_ACQUIRE); }

static inline void
_Py_atomic_fence_release(void)
{ __atomic_thread_fence(__ATOMIC_RELEASE); }

static inline void
_Py_atomic_fence_seq_cst(void)
{ __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#ifdef __cplusplus
}
#endif
#endif  /* Py_CPYTHON_PYATOMIC_GCC_H */
