// Division by a number that the host knows before the launch: a multiplication and a shift instead of some 20 instructions.
//
// With 2^shift the power of two at or above d, multiplier = floor(2^32 (2^shift - d) / d) + 1 makes the quotient
// (mulhi(n, multiplier) + n) >> shift exact for every n below 2^31 (Granlund and Montgomery, 1994); the sum then fits in 32 bits.
// The host's half is src/backend/cuda/fastdiv.rs.
#pragma once

#include "tilework/abi.h"
#include "tilework/platform.h"

namespace tw {

// n / divisor for n < 2^31.
TW_HD uint32_t divide(uint32_t n, TwDivisor divisor) {
    uint32_t high = uint32_t((uint64_t(n) * divisor.multiplier) >> 32);
    return (high + n) >> divisor.shift;
}

// The quotient replaces n, and the remainder is returned: a step from a linear index to coordinates.
TW_HD uint32_t divide_in_place(uint32_t& n, TwDivisor divisor) {
    uint32_t quotient = divide(n, divisor);
    uint32_t remainder = n - quotient * divisor.divisor;
    n = quotient;
    return remainder;
}

}  // namespace tw
