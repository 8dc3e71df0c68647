// The kernels that are made of tilework/matmul/wgmma_kernel.h, for one element type. src/backend/cuda/matmul/wgmma.rs has the
// same table.
//
// A name says dtype, tile and layouts: n for a row-major factor, t for a transposed one.
#pragma once

#include "tilework/matmul/wgmma_kernel.h"

#define TW_WGMMA_KERNEL(NAME, T, CONSUMERS, N, A, B)                                                                     \
    extern "C" __global__ void __launch_bounds__(128 * (CONSUMERS + 1), 1)                                               \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,                           \
             const __grid_constant__ tw::TensorMap out, const __grid_constant__ TwMatmul p) {                            \
        tw::wgmma_matmul<T, CONSUMERS, N, A, B>(a, b, out, p);                                                           \
    }

#define TW_WGMMA_LAYOUTS(DTYPE, T, TILE, CONSUMERS, N)                                                       \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##TILE##_nn, T, CONSUMERS, N, tw::K_MAJOR, tw::MN_MAJOR)          \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##TILE##_nt, T, CONSUMERS, N, tw::K_MAJOR, tw::K_MAJOR)           \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##TILE##_tn, T, CONSUMERS, N, tw::MN_MAJOR, tw::MN_MAJOR)         \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##TILE##_tt, T, CONSUMERS, N, tw::MN_MAJOR, tw::K_MAJOR)

#define TW_WGMMA_INSTANCES(DTYPE, T)               \
    TW_WGMMA_LAYOUTS(DTYPE, T, 128x256, 2, 256)    \
    TW_WGMMA_LAYOUTS(DTYPE, T, 128x192, 2, 192)    \
    TW_WGMMA_LAYOUTS(DTYPE, T, 128x128, 2, 128)    \
    TW_WGMMA_LAYOUTS(DTYPE, T, 64x128, 1, 128)
