// Conversions between storage types, as Rust's `as`: floats to integers truncate and saturate (NaN is 0), integers wrap, anything
// to bool is "is not zero". Conversions to the half types round once, from the exact value.
#pragma once

#include <math.h>

#include "tilework/dtype.h"

namespace tw {

// A float that is the exact value or, where that is none, has an odd last bit: rounding it further is then as rounding the value.
TW_HD float round_to_odd(double x) {
#ifdef __CUDA_ARCH__
    float down = __double2float_rz(x);
#else
    float down = float(x);
    if (fabs(double(down)) > fabs(x)) down = bit_cast<float>(bit_cast<uint32_t>(down) - 1);
#endif
    return x != x || double(down) == x ? down : bit_cast<float>(bit_cast<uint32_t>(down) | 1);
}

TW_HD float round_to_odd(i64 x) {
    uint64_t magnitude = x < 0 ? 0 - uint64_t(x) : uint64_t(x);
    // A double holds 53 bits. Of a longer number the low 12 bits only say, in the bit above them, whether there is a rest.
    if (magnitude >> 53) magnitude = (magnitude & ~uint64_t(0xFFF)) | uint64_t((magnitude & 0xFFF) != 0) << 12;
    return round_to_odd(x < 0 ? -double(magnitude) : double(magnitude));
}

template <class To, class From>
struct Cast;

// Floating point and integers to float and double: the conversion of the language.
template <class From>
struct Cast<f32, From> {
    TW_HD static f32 apply(From x) { return f32(load(x)); }
};
template <class From>
struct Cast<f64, From> {
    TW_HD static f64 apply(From x) { return f64(load(x)); }
};
template <>
struct Cast<f64, f16> {
    TW_HD static f64 apply(f16 x) { return widen(x); }
};
template <>
struct Cast<f64, bf16> {
    TW_HD static f64 apply(bf16 x) { return widen(x); }
};

// To the half types.
TW_HD float exact_or_odd(f32 x) { return x; }
TW_HD float exact_or_odd(f64 x) { return round_to_odd(x); }
TW_HD float exact_or_odd(f16 x) { return widen(x); }
TW_HD float exact_or_odd(bf16 x) { return widen(x); }
TW_HD float exact_or_odd(i32 x) { return round_to_odd(double(x)); }
TW_HD float exact_or_odd(u32 x) { return round_to_odd(double(x)); }
TW_HD float exact_or_odd(i64 x) { return round_to_odd(x); }
TW_HD float exact_or_odd(u8 x) { return x; }
TW_HD float exact_or_odd(b8 x) { return x.bits; }

template <class From>
struct Cast<f16, From> {
    TW_HD static f16 apply(From x) { return narrow<f16>(exact_or_odd(x)); }
};
template <class From>
struct Cast<bf16, From> {
    TW_HD static bf16 apply(From x) { return narrow<bf16>(exact_or_odd(x)); }
};

// To bool.
template <class From>
struct Cast<b8, From> {
    TW_HD static b8 apply(From x) { return {uint8_t(load(x) != Compute<From>(0))}; }
};

// To integers, from integers.
#define TW_WRAP(To)                                                 \
    template <class From>                                           \
    struct Cast<To, From> {                                         \
        TW_HD static To apply(From x) { return To(load(x)); }       \
    };
TW_WRAP(i32)
TW_WRAP(i64)
TW_WRAP(u8)
TW_WRAP(u32)
#undef TW_WRAP

// To integers, from floating point. The hardware's conversion saturates, but leaves NaN open for 64 bits.
#define TW_SATURATE(To, low, high)                                                     \
    TW_HD To saturate_##To(double x) {                                                 \
        return x != x ? To(0) : x <= double(low) ? low : x >= double(high) ? high : To(x); \
    }                                                                                  \
    TW_HD To saturate_##To(float x) {                                                  \
        return x != x ? To(0) : x <= float(low) ? low : x >= float(high) ? high : To(x);   \
    }                                                                                  \
    template <>                                                                        \
    struct Cast<To, f32> {                                                             \
        TW_HD static To apply(f32 x) { return saturate_##To(x); }                      \
    };                                                                                 \
    template <>                                                                        \
    struct Cast<To, f64> {                                                             \
        TW_HD static To apply(f64 x) { return saturate_##To(x); }                      \
    };                                                                                 \
    template <>                                                                        \
    struct Cast<To, f16> {                                                             \
        TW_HD static To apply(f16 x) { return saturate_##To(widen(x)); }               \
    };                                                                                 \
    template <>                                                                        \
    struct Cast<To, bf16> {                                                            \
        TW_HD static To apply(bf16 x) { return saturate_##To(widen(x)); }              \
    };
TW_SATURATE(i32, INT32_MIN, INT32_MAX)
TW_SATURATE(i64, INT64_MIN, INT64_MAX)
TW_SATURATE(u8, 0, UINT8_MAX)
TW_SATURATE(u32, 0, UINT32_MAX)
#undef TW_SATURATE

}  // namespace tw
