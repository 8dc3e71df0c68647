// tilework-archs: 90a
// Instances of tilework/matmul/dmma_kernel.h. src/backend/cuda/matmul/dmma.rs has the same table.
//
// A name says tile and layouts: n for a row-major factor, t for a transposed one.
#include "tilework/matmul/dmma_kernel.h"

#define TW_DMMA_KERNEL(NAME, A, B, ...)                                                                                  \
    extern "C" __global__ void __launch_bounds__(tw::DmmaShape<__VA_ARGS__>::THREADS, tw::DmmaShape<__VA_ARGS__>::BLOCKS) \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,                           \
             const __grid_constant__ TwMatmul p) {                                                                       \
        tw::dmma_matmul<tw::DmmaShape<__VA_ARGS__>, A, B>(a, b, p);                                                      \
    }

// Tile, its rows and columns, those of a warp's part, slices of k, blocks of a multiprocessor.
#define TW_DMMA_LAYOUTS(TILE, ...)                                                          \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_nn, tw::K_MAJOR, tw::MN_MAJOR, __VA_ARGS__)     \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_nt, tw::K_MAJOR, tw::K_MAJOR, __VA_ARGS__)      \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_tn, tw::MN_MAJOR, tw::MN_MAJOR, __VA_ARGS__)    \
    TW_DMMA_KERNEL(matmul_dmma_f64_##TILE##_tt, tw::MN_MAJOR, tw::K_MAJOR, __VA_ARGS__)

TW_DMMA_LAYOUTS(192x96, 192, 96, 48, 48, 1, 1)
TW_DMMA_LAYOUTS(128x128, 128, 128, 64, 32, 1, 1)
TW_DMMA_LAYOUTS(64x128, 64, 128, 32, 32, 1, 1)
TW_DMMA_LAYOUTS(64x64, 64, 64, 32, 32, 1, 2)
TW_DMMA_LAYOUTS(32x32, 32, 32, 32, 32, 4, 2)
TW_DMMA_LAYOUTS(16x128, 16, 128, 16, 32, 2, 1)
TW_DMMA_LAYOUTS(16x32, 16, 32, 16, 32, 4, 2)
