/* The atomic operations of pyatomic.h: one test for each operation and type, which fails with an AssertionError. */
#include "parts.h"
#include "../selftests.h"

/* Integers: what they hold, wrapping around included. */
#define ADD(SUFFIX, TYPE)                                              \
    TEST(test_atomic_add_##SUFFIX) {                                   \
        TYPE x = 0;                                                    \
        HOLDS(_Py_atomic_add_##SUFFIX(&x, 1) == 0 && x == 1);          \
        HOLDS(_Py_atomic_add_##SUFFIX(&x, 2) == 1 && x == 3);          \
        HOLDS(_Py_atomic_add_##SUFFIX(&x, (TYPE)-2) == 3 && x == 1);   \
        HOLDS(_Py_atomic_add_##SUFFIX(&x, (TYPE)-1) == 1 && x == 0);   \
        HOLDS(_Py_atomic_add_##SUFFIX(&x, (TYPE)-1) == 0 && x == (TYPE)-1); \
        Py_RETURN_NONE;                                                \
    }

#define SWAP(SUFFIX, TYPE)                                                                       \
    TEST(test_atomic_compare_exchange_##SUFFIX) {                                                \
        TYPE x = (TYPE)0, y = (TYPE)1, z = (TYPE)2;                                              \
        HOLDS(_Py_atomic_compare_exchange_##SUFFIX(&x, &y, z) == 0 && x == (TYPE)0 && y == (TYPE)0); \
        HOLDS(_Py_atomic_compare_exchange_##SUFFIX(&x, &y, z) == 1 && x == z && y == (TYPE)0);    \
        HOLDS(_Py_atomic_compare_exchange_##SUFFIX(&x, &y, z) == 0 && x == z && y == z);          \
        Py_RETURN_NONE;                                                                          \
    }                                                                                            \
    TEST(test_atomic_exchange_##SUFFIX) {                                                        \
        TYPE x = (TYPE)0, y = (TYPE)1, z = (TYPE)2;                                              \
        HOLDS(_Py_atomic_exchange_##SUFFIX(&x, y) == (TYPE)0 && x == y);                         \
        HOLDS(_Py_atomic_exchange_##SUFFIX(&x, z) == y && x == z);                               \
        HOLDS(_Py_atomic_exchange_##SUFFIX(&x, y) == z && x == y);                               \
        Py_RETURN_NONE;                                                                          \
    }                                                                                            \
    TEST(test_atomic_load_store_##SUFFIX) {                                                      \
        TYPE x = (TYPE)0, y = (TYPE)1, z = (TYPE)2;                                              \
        HOLDS(_Py_atomic_load_##SUFFIX(&x) == (TYPE)0);                                          \
        _Py_atomic_store_##SUFFIX(&x, y);                                                        \
        HOLDS(_Py_atomic_load_##SUFFIX(&x) == y && x == y);                                      \
        _Py_atomic_store_##SUFFIX##_relaxed(&x, z);                                              \
        HOLDS(_Py_atomic_load_##SUFFIX##_relaxed(&x) == z && x == z);                            \
        Py_RETURN_NONE;                                                                          \
    }

#define BITS(SUFFIX, TYPE)                                                        \
    TEST(test_atomic_and_or_##SUFFIX) {                                           \
        TYPE x = 0xff;                                                            \
        HOLDS(_Py_atomic_and_##SUFFIX(&x, 3) == 0xff && x == 3);                  \
        HOLDS(_Py_atomic_and_##SUFFIX(&x, 1) == 3 && x == 1);                     \
        x = 0xff;                                                                 \
        HOLDS(_Py_atomic_and_##SUFFIX(&x, 0xaa) == 0xff && x == 0xaa);            \
        HOLDS(_Py_atomic_or_##SUFFIX(&x, 0x55) == 0xaa && x == 0xff);             \
        x = 0;                                                                    \
        HOLDS(_Py_atomic_or_##SUFFIX(&x, 1) == 0 && x == 1);                      \
        Py_RETURN_NONE;                                                           \
    }

#define NUMBERS(V)                                                                                             \
    V(int, int) V(int8, int8_t) V(int16, int16_t) V(int32, int32_t) V(int64, int64_t) V(intptr, intptr_t)      \
    V(uint, unsigned int) V(uint8, uint8_t) V(uint16, uint16_t) V(uint32, uint32_t) V(uint64, uint64_t)        \
    V(uintptr, uintptr_t) V(ssize, Py_ssize_t)
#define SETS(V) V(uint8, uint8_t) V(uint16, uint16_t) V(uint32, uint32_t) V(uint64, uint64_t) V(uintptr, uintptr_t)

NUMBERS(ADD)
NUMBERS(SWAP)
typedef void *Pointer;
SWAP(ptr, Pointer)
SETS(BITS)

TEST(test_atomic_fences) {
    _Py_atomic_fence_seq_cst();
    _Py_atomic_fence_acquire();
    _Py_atomic_fence_release();
    Py_RETURN_NONE;
}

TEST(test_atomic_release_acquire) {
    void *x = NULL, *y = &x;
    HOLDS(_Py_atomic_load_ptr_acquire(&x) == NULL);
    _Py_atomic_store_ptr_release(&x, y);
    HOLDS(x == y && _Py_atomic_load_ptr_acquire(&x) == y);
    Py_RETURN_NONE;
}

TEST(test_atomic_load_store_int_release_acquire) {
    int x = 0;
    HOLDS(_Py_atomic_load_int_acquire(&x) == 0);
    _Py_atomic_store_int_release(&x, 1);
    HOLDS(x == 1 && _Py_atomic_load_int_acquire(&x) == 1);
    Py_RETURN_NONE;
}

#define ADD_ENTRY(SUFFIX, TYPE) ENTRY(test_atomic_add_##SUFFIX)
#define SWAP_ENTRY(SUFFIX, TYPE)                    \
    ENTRY(test_atomic_compare_exchange_##SUFFIX)    \
    ENTRY(test_atomic_exchange_##SUFFIX)            \
    ENTRY(test_atomic_load_store_##SUFFIX)
#define BITS_ENTRY(SUFFIX, TYPE) ENTRY(test_atomic_and_or_##SUFFIX)

static PyMethodDef functions[] = {
    NUMBERS(ADD_ENTRY) NUMBERS(SWAP_ENTRY) SWAP_ENTRY(ptr, void *) SETS(BITS_ENTRY)
    ENTRY(test_atomic_fences) ENTRY(test_atomic_release_acquire) ENTRY(test_atomic_load_store_int_release_acquire)
    {NULL, NULL, 0, NULL},
};

int add_atomics(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
