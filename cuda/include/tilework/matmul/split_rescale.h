// Takes the shifts of tilework/matmul/split.h back from the sums of a warpgroup.
#pragma once

#include "tilework/matmul/split.h"

namespace tw {

// The sums are those of this thread (tilework/wgmma.h says where each belongs), the first of which is at (m, n) of its matrix; `small` is the
// verdict's.
template <SplitScheme SCHEME, int COUNT>
__device__ __forceinline__ void split_rescale(const TwSplit& s, bool small, float (&sum)[COUNT], uint32_t m, uint32_t n,
                                              uint32_t batch) {
    auto shifts = [&](int which, uint32_t row) {
        const TwSplitFactor& x = s.factors[which];
        uint32_t outer = x.matrices[0] > 1 ? batch / s.product.batch[1] : 0;
        uint32_t inner = x.matrices[1] > 1 ? batch % s.product.batch[1] : 0;
        uint64_t matrix = uint64_t(outer) * x.matrices[1] + inner;
        return reinterpret_cast<const int32_t*>(x.shifts) + matrix * x.blocks * x.height + row;
    };
    const int32_t* of_m = shifts(0, m);
    const int32_t* of_n = shifts(1, n);
    // The shifts are those of the other scheme.
    constexpr int MORE = 2 * (split_top(SCHEME) - split_top(SPLIT_F16));
    int up = -of_m[0] - MORE, down = -of_m[8] - MORE;
    if (MORE == 0 && small) {
        // Then two products by powers of two are exact in any order.
        float by_up = power_of_two(up), by_down = power_of_two(down);
#pragma unroll
        for (int i = 0; i < COUNT; i += 4) {
            // Loads go ahead by some, not by as many as the unrolled loop has: there are no registers for those.
            if (i % 32 == 0) asm volatile("" ::: "memory");
            int2 across = *reinterpret_cast<const int2*>(of_n + 2 * i);
            float left = power_of_two(-across.x), right = power_of_two(-across.y);
            sum[i] = sum[i] * by_up * left;
            sum[i + 1] = sum[i + 1] * by_up * right;
            sum[i + 2] = sum[i + 2] * by_down * left;
            sum[i + 3] = sum[i + 3] * by_down * right;
        }
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4) {
            if (i % 32 == 0) asm volatile("" ::: "memory");
            int2 across = *reinterpret_cast<const int2*>(of_n + 2 * i);
            sum[i] = unscaled(sum[i], up - across.x);
            sum[i + 1] = unscaled(sum[i + 1], up - across.y);
            sum[i + 2] = unscaled(sum[i + 2], down - across.x);
            sum[i + 3] = unscaled(sum[i + 3], down - across.y);
        }
    }
}

}  // namespace tw
