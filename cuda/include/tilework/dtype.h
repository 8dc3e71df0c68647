// Element types in memory and in registers.
//
// A tensor's element has a storage type (f32, f64, f16, bf16, i32, i64, u8, u32, b8) and is computed on in Compute<storage>: the
// type itself, but `Narrow` (a float that will be rounded to 16 bits) for the half types, and uint32_t for u8. Conversions
// between storage types are in cast.h.
#pragma once

#include <string.h>

#include "tilework/platform.h"

namespace tw {

struct f16 {
    uint16_t bits;
};
struct bf16 {
    uint16_t bits;
};
// A bool: one byte, 0 or 1.
struct b8 {
    uint8_t bits;
};
using f32 = float;
using f64 = double;
using i32 = int32_t;
using i64 = int64_t;
using u8 = uint8_t;
using u32 = uint32_t;

// A float on the way to a 16-bit result: functions may have cheaper forms for it, as long as they are good to a few units of float.
struct Narrow {
    float value;
    TW_HD Narrow() : value(0) {}
    TW_HD Narrow(float v) : value(v) {}
    TW_HD operator float() const { return value; }
};

template <class S>
struct ComputeOf {
    using type = S;
};
template <>
struct ComputeOf<f16> {
    using type = Narrow;
};
template <>
struct ComputeOf<bf16> {
    using type = Narrow;
};
template <>
struct ComputeOf<u8> {
    using type = uint32_t;
};
template <>
struct ComputeOf<b8> {
    using type = bool;
};
template <class S>
using Compute = typename ComputeOf<S>::type;

template <class To, class From>
TW_HD To bit_cast(const From& from) {
    static_assert(sizeof(To) == sizeof(From), "bits are reinterpreted, not converted");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

// f16 and bf16 to float: exact.
TW_HD float widen(bf16 x) { return bit_cast<float>(uint32_t(x.bits) << 16); }

TW_HD float widen(f16 x) {
#ifdef __CUDA_ARCH__
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
    return wide;
#else
    uint32_t sign = uint32_t(x.bits & 0x8000) << 16, magnitude = x.bits & 0x7FFF;
    if (magnitude >= 0x7C00) return bit_cast<float>(sign | 0x7F800000u | (magnitude & 0x3FF) << 13);
    // A subnormal is its integer times 2^-24; a normal number only changes its exponent's bias.
    if (magnitude < 0x400) return bit_cast<float>(sign | bit_cast<uint32_t>(float(magnitude) * 0x1p-24f));
    return bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
#endif
}

// float to f16 and bf16: to nearest, ties to even; overflow is infinite, NaN stays NaN.
template <class S>
TW_HD S narrow(float x);

template <>
TW_HD bf16 narrow<bf16>(float x) {
#ifdef __CUDA_ARCH__
    bf16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
#else
    uint32_t bits = bit_cast<uint32_t>(x);
    if (x != x) return {0x7FFF};
    return {uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
#endif
}

template <>
TW_HD f16 narrow<f16>(float x) {
#ifdef __CUDA_ARCH__
    f16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
#else
    uint32_t bits = bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
    if (x != x) return {0x7FFF};
    if (magnitude >= 0x477FF000) return {uint16_t(sign | 0x7C00)};
    // Adding 0.5 leaves the subnormals' integer in the low bits, rounded by the addition itself.
    if (magnitude < 0x38800000)
        return {uint16_t(sign | (bit_cast<uint32_t>(bit_cast<float>(magnitude) + 0.5f) & 0x7FF))};
    return {uint16_t(sign | ((magnitude - (112u << 23) + 0xFFF + (magnitude >> 13 & 1)) >> 13))};
#endif
}

// From storage to registers and back.
template <class S>
TW_HD Compute<S> load(S x) {
    return x;
}
template <>
TW_HD Narrow load<f16>(f16 x) {
    return widen(x);
}
template <>
TW_HD Narrow load<bf16>(bf16 x) {
    return widen(x);
}
template <>
TW_HD bool load<b8>(b8 x) {
    return x.bits != 0;
}

template <class S>
TW_HD S store(Compute<S> x) {
    return S(x);
}
template <>
TW_HD f16 store<f16>(Narrow x) {
    return narrow<f16>(x);
}
template <>
TW_HD bf16 store<bf16>(Narrow x) {
    return narrow<bf16>(x);
}
template <>
TW_HD b8 store<b8>(bool x) {
    return {uint8_t(x)};
}

// The value that the host put into 64 bits: the bits of a Compute<S>, widened.
template <class C>
TW_HD C decode(uint64_t bits) {
    return C(bits);
}
template <>
TW_HD float decode<float>(uint64_t bits) {
    return bit_cast<float>(uint32_t(bits));
}
template <>
TW_HD Narrow decode<Narrow>(uint64_t bits) {
    return bit_cast<float>(uint32_t(bits));
}
template <>
TW_HD double decode<double>(uint64_t bits) {
    return bit_cast<double>(bits);
}

}  // namespace tw
