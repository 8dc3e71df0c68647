// Sums whose registers are chosen for the loop that adds them up, not for what follows it.
#pragma once

#include <stdint.h>

namespace tw {

// What is stored as vectors has to lie in aligned groups of four registers. Without an operation between, the compiler wants the sums there at
// every turn of the loop, and moves them about at its ends, against the banks of the register file and the order of the products. So here they
// change, as far as it can know. `small` is any number below 2^31.
template <int RUNS>
__device__ __forceinline__ void unbind(float (&sums)[RUNS][4], uint32_t small) {
    uint32_t nothing = small >> 31;
#pragma unroll
    for (int r = 0; r < RUNS; ++r) {
#pragma unroll
        for (int c = 0; c < 4; ++c) sums[r][c] = __uint_as_float(__float_as_uint(sums[r][c]) | nothing);
    }
}

}  // namespace tw
