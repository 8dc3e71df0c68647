// select and affine.
#include "tilework/elementwise.h"
#include "tilework/scalar.h"

// cond ? a : b moves elements whole, so it is one operation for each size.
#define TW_SELECT(SIZE, WORD)                                                                                   \
    namespace {                                                                                                 \
    struct select_##SIZE##_operation {                                                                          \
        using Out = WORD;                                                                                       \
        using In0 = uint8_t;                                                                                    \
        using In1 = WORD;                                                                                       \
        using In2 = WORD;                                                                                       \
        static constexpr bool HEAVY = false;                                                                    \
        static __device__ __forceinline__ tw::Compute<WORD> apply(const TwElementwise& launch, In0 cond, In1 a, \
                                                                  In2 b) {                                      \
            return cond != 0 ? tw::value(launch, 1, a) : tw::value(launch, 2, b);                               \
        }                                                                                                       \
    };                                                                                                          \
    }                                                                                                           \
    TW_ELEMENTWISE(select_##SIZE, select_##SIZE##_operation)

TW_SELECT(1, uint8_t)
TW_SELECT(2, uint16_t)
TW_SELECT(4, uint32_t)
TW_SELECT(8, uint64_t)

// x * scale + shift, rounded once for floats.
#define TW_AFFINE(DTYPE)                                                                                             \
    namespace {                                                                                                      \
    struct affine_##DTYPE##_operation {                                                                              \
        using Out = tw::DTYPE;                                                                                       \
        using In0 = tw::DTYPE;                                                                                       \
        using In1 = tw::DTYPE;                                                                                       \
        using In2 = tw::DTYPE;                                                                                       \
        static constexpr bool HEAVY = false;                                                                         \
        static __device__ __forceinline__ tw::Compute<Out> apply(const TwElementwise& launch, In0 x, In1 scale,      \
                                                                 In2 shift) {                                        \
            return tw::affine(tw::load(x), tw::value(launch, 1, scale), tw::value(launch, 2, shift));                \
        }                                                                                                            \
    };                                                                                                               \
    }                                                                                                                \
    TW_ELEMENTWISE(affine_##DTYPE, affine_##DTYPE##_operation)

TW_AFFINE(f32)
TW_AFFINE(f64)
TW_AFFINE(f16)
TW_AFFINE(bf16)
TW_AFFINE(i32)
TW_AFFINE(i64)
TW_AFFINE(u8)
TW_AFFINE(u32)
