// tilework-archs: 90a
// Instances of tilework/matmul/dmma_kernel.h. src/backend/cuda/matmul/dmma.rs has the same table.
//
// A name says tile and layouts: n for a row-major factor, t for a transposed one.
#include "tilework/matmul/dmma_kernel.h"

#define TW_DMMA_KERNEL(NAME, M, N, WM, WN, A, B)                                                                         \
    extern "C" __global__ void __launch_bounds__(384, 1)                                                                 \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,                           \
             const __grid_constant__ TwMatmul p) {                                                                         \
        tw::dmma_matmul<tw::DmmaShape<M, N, WM, WN>, A, B>(a, b, p);                                                     \
    }

// Tile, its rows and columns, those of a warp's part.
#define TW_DMMA_LAYOUTS(TILE, M, N, WM, WN)                                                       \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_nn, M, N, WM, WN, tw::K_MAJOR, tw::MN_MAJOR)          \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_nt, M, N, WM, WN, tw::K_MAJOR, tw::K_MAJOR)           \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_tn, M, N, WM, WN, tw::MN_MAJOR, tw::MN_MAJOR)         \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_tt, M, N, WM, WN, tw::MN_MAJOR, tw::K_MAJOR)

TW_DMMA_LAYOUTS(128x128, 128, 128, 64, 32)
TW_DMMA_LAYOUTS(64x128, 64, 128, 32, 32)
