// Copies that convert: one operation for each pair of types.
#include "tilework/cast.h"
#include "tilework/elementwise.h"

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

// Equal types are copied by size (copy.cu), and a bool converts as the u8 that it is.
TW_CAST(f32, f64) TW_CAST(f32, f16) TW_CAST(f32, bf16) TW_CAST(f32, i32)
TW_CAST(f32, i64) TW_CAST(f32, u8) TW_CAST(f32, u32) TW_CAST(f32, b8)
TW_CAST(f64, f32) TW_CAST(f64, f16) TW_CAST(f64, bf16) TW_CAST(f64, i32)
TW_CAST(f64, i64) TW_CAST(f64, u8) TW_CAST(f64, u32) TW_CAST(f64, b8)
TW_CAST(f16, f32) TW_CAST(f16, f64) TW_CAST(f16, bf16) TW_CAST(f16, i32)
TW_CAST(f16, i64) TW_CAST(f16, u8) TW_CAST(f16, u32) TW_CAST(f16, b8)
TW_CAST(bf16, f32) TW_CAST(bf16, f64) TW_CAST(bf16, f16) TW_CAST(bf16, i32)
TW_CAST(bf16, i64) TW_CAST(bf16, u8) TW_CAST(bf16, u32) TW_CAST(bf16, b8)
TW_CAST(i32, f32) TW_CAST(i32, f64) TW_CAST(i32, f16) TW_CAST(i32, bf16)
TW_CAST(i32, i64) TW_CAST(i32, u8) TW_CAST(i32, b8)
TW_CAST(i64, f32) TW_CAST(i64, f64) TW_CAST(i64, f16) TW_CAST(i64, bf16)
TW_CAST(i64, i32) TW_CAST(i64, u8) TW_CAST(i64, b8)
TW_CAST(u8, f32) TW_CAST(u8, f64) TW_CAST(u8, f16) TW_CAST(u8, bf16)
TW_CAST(u8, i32) TW_CAST(u8, i64) TW_CAST(u8, b8)
TW_CAST(u32, f32) TW_CAST(u32, f64) TW_CAST(u32, f16) TW_CAST(u32, bf16)
TW_CAST(u32, i64) TW_CAST(u32, u8) TW_CAST(u32, b8)
