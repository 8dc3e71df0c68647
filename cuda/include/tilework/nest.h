// Loops over several axes as one index: where the n-th element of a nest lies in each operand.
//
// Indices have 64 bits, since a reduction may walk more than 2^31 elements; dividing them is a multiplication and a shift, as in
// fastdiv.h. With 2^shift the power of two at or above d, multiplier = floor(2^64 (2^shift - d) / d) + 1 makes
// (mulhi(n, multiplier) + n) >> shift exact for every n below 2^63.
#pragma once

#include "tilework/abi.h"
#include "tilework/platform.h"

namespace tw {

// n / divisor for n < 2^63.
TW_HD uint64_t divide(uint64_t n, const TwWideDivisor& divisor) {
#ifdef __CUDA_ARCH__
    uint64_t high = __umul64hi(n, divisor.multiplier);
#else
    uint64_t high = uint64_t((unsigned __int128)(n) * divisor.multiplier >> 64);
#endif
    return (high + n) >> divisor.shift;
}

// The quotient replaces n, and the remainder is returned: a step from a linear index to coordinates.
TW_HD uint64_t divide_in_place(uint64_t& n, const TwWideDivisor& divisor) {
    uint64_t quotient = divide(n, divisor);
    uint64_t remainder = n - quotient * divisor.divisor;
    n = quotient;
    return remainder;
}

// Where the n-th element (row-major) lies in each of the first N operands, in elements from the first.
template <int N> TW_HD void add_offsets(const TwNest& nest, uint64_t n, int64_t (&offsets)[N]) {
    if (nest.rank == 0) return;
#pragma unroll 1
    for (int axis = int(nest.rank) - 1; axis > 0; axis--) {
        int64_t at = int64_t(divide_in_place(n, nest.sizes[axis]));
        for (int i = 0; i < N; i++) offsets[i] += at * nest.strides[i][axis];
    }
    for (int i = 0; i < N; i++) offsets[i] += int64_t(n) * nest.strides[i][0];
}

// The same for one operand.
TW_HD int64_t offset_of(const TwNest& nest, uint64_t n, int operand) {
    if (nest.rank == 0) return 0;
    int64_t offset = 0;
#pragma unroll 1
    for (int axis = int(nest.rank) - 1; axis > 0; axis--)
        offset += int64_t(divide_in_place(n, nest.sizes[axis])) * nest.strides[operand][axis];
    return offset + int64_t(n) * nest.strides[operand][0];
}

}  // namespace tw
