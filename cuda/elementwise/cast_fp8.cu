// Conversions to and from the 8-bit floats: one operation for each pair of types.
#include "tilework/elementwise.h"
#include "tilework/fp8.h"

#define TW_CAST(FROM, TO)                                                                                           \
    namespace {                                                                                                     \
    struct cast_##FROM##_##TO##_operation {                                                                         \
        using Out = tw::TO;                                                                                         \
        using In0 = tw::FROM;                                                                                       \
        using In1 = void;                                                                                           \
        using In2 = void;                                                                                           \
        static constexpr bool HEAVY = false;                                                                        \
        static __device__ __forceinline__ tw::Compute<Out> apply(const TwElementwise&, In0 x, uint8_t, uint8_t) {   \
            return tw::load(tw::Cast<Out, In0>::apply(x));                                                          \
        }                                                                                                           \
    };                                                                                                              \
    }                                                                                                               \
    TW_ELEMENTWISE(cast_##FROM##_##TO, cast_##FROM##_##TO##_operation)

#define TW_CASTS(FP8)                                                                       \
    TW_CAST(FP8, f32) TW_CAST(FP8, f64) TW_CAST(FP8, f16) TW_CAST(FP8, bf16)                \
    TW_CAST(FP8, i32) TW_CAST(FP8, i64) TW_CAST(FP8, u8) TW_CAST(FP8, u32) TW_CAST(FP8, b8) \
    TW_CAST(f32, FP8) TW_CAST(f64, FP8) TW_CAST(f16, FP8) TW_CAST(bf16, FP8)                \
    TW_CAST(i32, FP8) TW_CAST(i64, FP8) TW_CAST(u8, FP8) TW_CAST(u32, FP8)

TW_CASTS(f8e4m3)
TW_CASTS(f8e5m2)
TW_CAST(f8e4m3, f8e5m2)
TW_CAST(f8e5m2, f8e4m3)
