// f32 products on the tensor cores: how an element is split into 16-bit pieces, and when that is accurate enough.
//
// Tensor cores multiply 16-bit numbers exactly and add in f32. So each f32 is split into pieces whose sum it is, and a product
// becomes a few products of pieces. Two schemes:
//
//   SPLIT_F16    x 2^shift = hi + lo, two f16 of 11 bits each; three products (lo lo is left out). An element keeps 23 bits
//                while it is within 2^-16 of its row's greatest, below that what is above 2^-40 of it.
//   SPLIT_BF16   three bf16 of 8 bits each, that is all 24 bits; six products (those below 2^-24 are left out). An element keeps
//                them within 2^-158 of its row's greatest.
//
// Each row of a and column of b (a "row" in what follows) is first multiplied by a power of two that brings its greatest element
// to a fixed place, which is exact, and taken back exactly from the sum.
//
// Which scheme a product gets is decided on the device, from the elements. Let a bound on the error of output (i, j), relative to
// sum |a||b|, be asked for. If no element of a factor lies so far below its row's greatest that it loses bits, the loss of each
// product is relative to itself, and so is that of the sum. Otherwise an element loses at most 2^-40 (f16) of its row's greatest,
// and the sum at most that times k max|a| max|b|. If a share p of a's row is within 2^-R of its greatest, and a share q of b's
// column, then a share p + q - 1 of the products has both, and sum |a||b| is at least (p + q - 1) k 2^-2R max|a| max|b|. So the
// scheme will do if p + q exceeds 1 clearly in every stretch of k. Where neither scheme will do, and where an element is infinite
// or NaN, ordinary arithmetic computes the product.
#pragma once

#include "tilework/abi.h"
#include "tilework/dtype.h"

namespace tw {

enum SplitScheme { SPLIT_F16 = 0, SPLIT_BF16 = 1, SPLIT_NONE = 2 };

// What the pass has seen of a factor's elements. All start at zero and grow.
struct SplitSeen {
    // How many binades lie between a row's greatest element and its least that is not zero: the most of all rows.
    uint32_t spread;
    // For each scheme, the share of a row that is not near the row's greatest, in 256ths: the most of all rows and stretches of k.
    uint32_t far[2];
    // Whether an element is infinite or NaN.
    uint32_t special;
    // The greatest magnitude of a row's shift.
    uint32_t shift;
};

struct SplitState {
    SplitSeen factors[2];
};

// What follows from it. The first kernel after the pass finds it out and writes it down for the others.
struct SplitVerdict {
    uint32_t scheme;
    // Whether two multiplications by powers of two take the shifts back exactly in any order.
    uint32_t small;
};

TW_HD const SplitVerdict& split_verdict(const TwSplit& s) { return *reinterpret_cast<const SplitVerdict*>(s.verdict); }

// Where a row's greatest element goes: below 2^(TOP + 1).
TW_HD constexpr int split_top(SplitScheme scheme) { return scheme == SPLIT_F16 ? 14 : 50; }

// "Within": at most so many binades below a row's greatest element.
TW_HD constexpr int split_near(SplitScheme scheme) { return scheme == SPLIT_F16 ? 6 : 76; }

// The least share of the products, in 256ths, of which both factors are near. With it the loss is at most 2^-23 (f16) and 2^-24 of
// sum |a||b|, if all elements lose as much as they can and in the same direction.
TW_HD constexpr uint32_t split_overlap(SplitScheme scheme) { return scheme == SPLIT_F16 ? 16 : 4; }

TW_HD SplitScheme split_scheme(const SplitState& state) {
    const SplitSeen& a = state.factors[0];
    const SplitSeen& b = state.factors[1];
    if (a.special || b.special) return SPLIT_NONE;
    auto overlap = [&](SplitScheme scheme) { return a.far[scheme] + b.far[scheme] + split_overlap(scheme) <= 256; };
    if ((a.spread <= 16 && b.spread <= 16) || overlap(SPLIT_F16)) return SPLIT_F16;
    // The least product then is a normal number of 24 bits in f32, and so is each piece.
    bool exact = a.spread <= 158 && b.spread <= 158 && a.spread + b.spread <= 220;
    return exact || overlap(SPLIT_BF16) ? SPLIT_BF16 : SPLIT_NONE;
}

TW_HD SplitVerdict split_decide(const SplitState& state) {
    bool small = state.factors[0].shift <= 60 && state.factors[1].shift <= 60;
    return {uint32_t(split_scheme(state)), small};
}

// The exponent of a finite number that is not zero, from the bits of its magnitude: 2^exponent <= |x| < 2^(exponent + 1).
TW_HD int split_exponent(uint32_t magnitude) {
    if (magnitude >= 0x00800000u) return int(magnitude >> 23) - 127;
#ifdef __CUDA_ARCH__
    return -118 - __clz(int(magnitude));
#else
    return -118 - __builtin_clz(magnitude);
#endif
}

// The shift of a row whose greatest element is `greatest`, as bits of its magnitude; finite.
TW_HD int split_shift(SplitScheme scheme, uint32_t greatest) {
    return greatest == 0 ? 0 : split_top(scheme) - split_exponent(greatest);
}

// 2^exponent for exponents up to 127; zero where it is below the least subnormal number.
TW_HD float power_of_two(int exponent) {
    if (exponent >= -126) return bit_cast<float>(uint32_t(exponent + 127) << 23);
    return bit_cast<float>(exponent >= -149 ? 1u << (exponent + 149) : 0u);
}

// x 2^shift in two factors, for a shift of split_shift. Exact, but for what is below the pieces of any scheme.
struct SplitScale {
    float first;
    float second;

    TW_HD explicit SplitScale(int shift)
        : first(power_of_two(shift > 100 ? 100 : shift)), second(power_of_two(shift > 100 ? shift - 100 : 0)) {}

    TW_HD float operator()(float x) const { return x * first * second; }
};

// sum 2^exponent, rounded once.
TW_HD float unscaled(float sum, int exponent) {
    return float(double(sum) * bit_cast<double>(uint64_t(exponent + 1023) << 52));
}

// Two numbers rounded to 16 bits, the first in the low half.
template <typename T>
TW_HD uint32_t narrow_pair(float first, float second) {
    return narrow<T>(first).bits | uint32_t(narrow<T>(second).bits) << 16;
}

#ifdef __CUDA_ARCH__
template <>
TW_HD uint32_t narrow_pair<f16>(float first, float second) {
    uint32_t pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}
template <>
TW_HD uint32_t narrow_pair<bf16>(float first, float second) {
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}
#endif

// The pieces of two scaled elements, the greatest first.
template <typename T, int PIECES>
TW_HD void split(float first, float second, uint32_t (&pieces)[PIECES]) {
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        pieces[i] = narrow_pair<T>(first, second);
        first -= widen(T{uint16_t(pieces[i])});
        second -= widen(T{uint16_t(pieces[i] >> 16)});
    }
}

// The planes of a factor lie in memory as the tensor cores read them from shared memory: blocks of `height` rows by 32 of k, all
// of k for a block of rows before the next; in a block one plane after the other, each with rows of 64 bytes under the 64-byte
// swizzle. A stage of the pipeline is then one run of bytes.
constexpr int SPLIT_K = 32;

// The byte, within a plane of a block, of the 16-byte chunk (8 elements along k) of a row.
TW_HD uint32_t split_chunk(uint32_t row, uint32_t chunk) { return row * 64 + ((chunk ^ (row >> 1 & 3)) << 4); }

// The descriptor of such a plane from a row on that is a multiple of 8 (wgmma_descriptor.h has the fields).
TW_HD uint64_t split_descriptor(uint32_t address) {
    return uint64_t((address & 0x3FFFF) >> 4) | uint64_t(1) << 16 | uint64_t(512 >> 4) << 32 | uint64_t(2) << 62;
}

// What to add to it for the next 16 of k.
constexpr uint64_t SPLIT_DESCRIPTOR_STEP = 32 >> 4;

}  // namespace tw
