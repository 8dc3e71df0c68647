// The 8-bit floats: to and from float, and conversions to and from all other storage types.
//
// e4m3 has magnitudes to 448, no infinity, and one NaN of each sign; what is larger, infinity included, becomes 448. e5m2 is the
// upper half of an f16, with its infinities and NaNs. src/dtype/fp8.rs defines the same.
#pragma once

#include "tilework/cast.h"

namespace tw {

struct f8e4m3 {
    uint8_t bits;
};
struct f8e5m2 {
    uint8_t bits;
};

// They are only converted, so what they are computed in is what they round from.
template <>
struct ComputeOf<f8e4m3> {
    using type = float;
};
template <>
struct ComputeOf<f8e5m2> {
    using type = float;
};

// Exact: a subnormal is its integer times the smallest number; a normal number changes its exponent's bias.
TW_HD float widen(f8e4m3 x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    uint32_t pair;
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(pair) : "h"(uint16_t(x.bits)));
    return widen(f16{uint16_t(pair)});
#else
    uint32_t sign = uint32_t(x.bits & 0x80) << 24, magnitude = x.bits & 0x7F;
    if (magnitude == 0x7F) return bit_cast<float>(sign | 0x7FC00000u);
    if (magnitude < 8) return bit_cast<float>(sign | bit_cast<uint32_t>(float(magnitude) * 0x1p-9f));
    return bit_cast<float>(sign | (magnitude + (120u << 3)) << 20);
#endif
}

TW_HD float widen(f8e5m2 x) { return widen(f16{uint16_t(x.bits << 8)}); }

// To nearest, ties to even. Adding a power of two leaves a subnormal's integer in the low bits, rounded by the addition itself.
template <>
TW_HD f8e4m3 narrow<f8e4m3>(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    uint16_t pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(x));
    return {uint8_t(pair)};
#else
    uint32_t bits = bit_cast<uint32_t>(x), sign = bits >> 24 & 0x80, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return {uint8_t(sign | 0x7F)};
    if (magnitude < 0x3C800000) return {uint8_t(sign | (bit_cast<uint32_t>(bit_cast<float>(magnitude) + 0x1p14f) & 0xFF))};
    uint32_t rounded = ((magnitude + 0x7FFFF + (magnitude >> 20 & 1)) >> 20) - (120u << 3);
    return {uint8_t(sign | (rounded < 0x7E ? rounded : 0x7E))};
#endif
}

template <>
TW_HD f8e5m2 narrow<f8e5m2>(float x) {
    uint32_t bits = bit_cast<uint32_t>(x), sign = bits >> 24 & 0x80, magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return {uint8_t(sign | 0x7E)};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    // The instruction saturates; half-way to what would follow the largest number is infinity.
    uint16_t pair;
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(x));
    return {uint8_t(magnitude >= 0x47700000 ? sign | 0x7C : pair)};
#else
    if (magnitude < 0x38800000) return {uint8_t(sign | (bit_cast<uint32_t>(bit_cast<float>(magnitude) + 0x1p7f) & 0xFF))};
    uint32_t rounded = ((magnitude + 0xFFFFF + (magnitude >> 21 & 1)) >> 21) - (112u << 2);
    return {uint8_t(sign | (rounded < 0x7C ? rounded : 0x7C))};
#endif
}

#define TW_FP8(T)                                                                     \
    template <>                                                                       \
    TW_HD float load<T>(T x) {                                                        \
        return widen(x);                                                              \
    }                                                                                 \
    template <>                                                                       \
    TW_HD T store<T>(float x) {                                                       \
        return narrow<T>(x);                                                          \
    }                                                                                 \
    TW_HD float exact_or_odd(T x) { return widen(x); }                                \
    template <class From>                                                             \
    struct Cast<T, From> {                                                            \
        TW_HD static T apply(From x) { return narrow<T>(exact_or_odd(x)); }           \
    };                                                                                \
    template <>                                                                       \
    struct Cast<i32, T> {                                                             \
        TW_HD static i32 apply(T x) { return saturate_i32(widen(x)); }                \
    };                                                                                \
    template <>                                                                       \
    struct Cast<i64, T> {                                                             \
        TW_HD static i64 apply(T x) { return saturate_i64(widen(x)); }                \
    };                                                                                \
    template <>                                                                       \
    struct Cast<u8, T> {                                                              \
        TW_HD static u8 apply(T x) { return saturate_u8(widen(x)); }                  \
    };                                                                                \
    template <>                                                                       \
    struct Cast<u32, T> {                                                             \
        TW_HD static u32 apply(T x) { return saturate_u32(widen(x)); }                \
    };
TW_FP8(f8e4m3)
TW_FP8(f8e5m2)
#undef TW_FP8

}  // namespace tw
