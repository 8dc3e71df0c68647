// tilework-archs: 90a
// Products of f32 factors rounded to the 11 bits of TF32: instances of tilework/matmul/wgmma_kernel.h on what the pass of
// tilework/matmul/split_pass.h has made of them. src/backend/cuda/matmul/tf32_pass.rs has the same tiles.
#include "tilework/matmul/split_conclude.h"
#include "tilework/matmul/split_rescale.h"
#include "tilework/matmul/wgmma_kernel.h"

namespace tw {

// f16 has as many bits as TF32, and a power of two for each row of a factor gives it the range.
struct Tf32PassRescale {
    using Out = float;
    static constexpr WgmmaEnding ENDING = WGMMA_EPILOGUE;
    const TwSplit& s;
    SplitVerdict verdict = {};

    __device__ __forceinline__ bool applies() {
        verdict = split_conclude<false>(s);
        return verdict.scheme == SPLIT_F16;
    }

    template <int COUNT>
    __device__ __forceinline__ void operator()(float (&sums)[COUNT], uint32_t m, uint32_t n, uint32_t batch) const {
        uint32_t warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
        split_rescale<SPLIT_F16>(s, verdict.small, sums, m + 16 * warp + lane / 4, n + 2 * (lane % 4), batch);
    }
};

template <int CONSUMERS, int N>
struct Tf32PassTile : WgmmaTile<CONSUMERS, N> {
    static constexpr bool BOXES_WIDE = true;
    static constexpr int LOADING_REGISTERS = 56;
    static constexpr int MULTIPLYING_REGISTERS = 224;
};

}  // namespace tw

#define TW_TF32_PASS_KERNEL(NAME, ...)                                                                                  \
    using Tf32Pass_##NAME = tw::Tf32PassTile<__VA_ARGS__>;                                                              \
    extern "C" __global__ void __launch_bounds__(Tf32Pass_##NAME::THREADS, 1)                                           \
        matmul_tf32_pass_##NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,       \
                                 const __grid_constant__ tw::TensorMap out, const __grid_constant__ TwSplit s) {        \
        tw::wgmma_matmul<Tf32Pass_##NAME, tw::K_MAJOR, tw::K_MAJOR>(                                                    \
            {a, b, out, a, a}, s.product, tw::WgmmaSums<tw::f16, tw::K_MAJOR, tw::K_MAJOR>(), tw::Tf32PassRescale{s});  \
    }

TW_TF32_PASS_KERNEL(128x256, 2, 256)
TW_TF32_PASS_KERNEL(128x192, 2, 192)
TW_TF32_PASS_KERNEL(128x128, 2, 128)
TW_TF32_PASS_KERNEL(128x64, 2, 64)
TW_TF32_PASS_KERNEL(64x128, 1, 128)
TW_TF32_PASS_KERNEL(64x64, 1, 64)
