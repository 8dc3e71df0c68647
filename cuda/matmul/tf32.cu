// tilework-archs: 90a
// Products of f32 as TF32, instances of tilework/matmul/tf32_kernel.h. src/backend/cuda/matmul/tf32.rs has the same table.
//
// A name says tile and layouts: n for a row-major factor, t for a transposed one.
#include "tilework/matmul/tf32_kernel.h"

#define TW_TF32_KERNEL(NAME, A, B, SUMS, ...)                                                                 \
    using Tf32_##NAME = tw::Tf32Tile<__VA_ARGS__>;                                                            \
    extern "C" __global__ void __launch_bounds__(Tf32_##NAME::THREADS, 1)                                     \
        matmul_tf32_##NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,  \
                           const __grid_constant__ tw::TensorMap out, const __grid_constant__ TwMatmul p) {   \
        tw::wgmma_matmul<Tf32_##NAME, A, B>({a, b, out, a, a}, p, SUMS(), tw::WgmmaUnscaled<float, tw::WGMMA_PLAIN>());        \
    }
using Tf32Straight = tw::WgmmaSums<tw::Tf32, tw::K_MAJOR, tw::K_MAJOR>;
#define TW_TF32_ALONG_K(NAME, ...)                                                                         \
    TW_TF32_KERNEL(NAME##_nt, tw::K_MAJOR, tw::K_MAJOR, Tf32Straight, __VA_ARGS__)                         \
    TW_TF32_KERNEL(NAME##_tt, tw::MN_MAJOR, tw::K_MAJOR, tw::Tf32Sums<tw::K_MAJOR>, __VA_ARGS__)
// Where b is turned there are registers for 192 columns.
#define TW_TF32_LAYOUTS(NAME, ...)                                                                         \
    TW_TF32_ALONG_K(NAME, __VA_ARGS__)                                                                     \
    TW_TF32_KERNEL(NAME##_tn, tw::MN_MAJOR, tw::MN_MAJOR, tw::Tf32Sums<tw::MN_MAJOR>, __VA_ARGS__)

TW_TF32_ALONG_K(128x256, 2, 256)
TW_TF32_LAYOUTS(128x192, 2, 192)
TW_TF32_LAYOUTS(128x128, 2, 128)
TW_TF32_LAYOUTS(128x64, 2, 64)
TW_TF32_LAYOUTS(64x128, 1, 128)
TW_TF32_LAYOUTS(64x64, 1, 64)
TW_TF32_LAYOUTS(128x128_split, 2, 128, true)
TW_TF32_LAYOUTS(64x64_split, 1, 64, true)
TW_TF32_LAYOUTS(64x128_split, 1, 128, true)
TW_TF32_LAYOUTS(128x64_split, 2, 64, true)
