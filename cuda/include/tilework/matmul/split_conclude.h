// The verdict on an f32 product (tilework/matmul/split.h) on its way through the kernels: the first after the pass concludes it from
// what the pass has seen, those after it read it, and the last one forgets what was seen. Of a factor whose split is kept, an earlier pass
// has.
#pragma once

#include "tilework/matmul/split.h"

namespace tw {

// Where there are no kernels for SPLIT_BF16, ordinary arithmetic stands in for them.
template <bool HAS_BF16>
__device__ __forceinline__ SplitVerdict split_conclude(const TwSplit& s) {
    SplitState state = *reinterpret_cast<const SplitState*>(s.seen);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        if (s.factors[i].kept) state.factors[i] = *reinterpret_cast<const SplitSeen*>(s.factors[i].kept);
    }
    SplitVerdict verdict = split_decide(state);
    if (!HAS_BF16 && verdict.scheme == SPLIT_BF16) verdict.scheme = SPLIT_NONE;
    if (threadIdx.x == 0 && blockIdx.x + blockIdx.y + blockIdx.z == 0) *reinterpret_cast<SplitVerdict*>(s.verdict) = verdict;
    return verdict;
}

__device__ __forceinline__ void split_forget(const TwSplit& s) {
    if (blockIdx.x == 0 && threadIdx.x < sizeof(SplitState) / 4) reinterpret_cast<uint32_t*>(s.seen)[threadIdx.x] = 0;
}

}  // namespace tw
