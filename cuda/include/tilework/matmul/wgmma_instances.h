// The kernels that are made of tilework/matmul/wgmma_kernel.h, for one element type and one ending. src/backend/cuda/matmul/wgmma_plan.rs
// has the same table.
//
// A name says dtype, tile and layouts: n for a row-major factor, t for a transposed one; DTYPE may say the ending too.
#pragma once

#include "tilework/matmul/wgmma_kernel.h"

#define TW_WGMMA_KERNEL(NAME, T, ENDING, TILE, A, B)                                                                  \
    extern "C" __global__ void __launch_bounds__(TILE::THREADS, 1)                                                    \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,                        \
             const __grid_constant__ tw::TensorMap out, const __grid_constant__ tw::TensorMap multiply,               \
             const __grid_constant__ tw::TensorMap c, const __grid_constant__ TwMatmul p) {                           \
        tw::wgmma_matmul<TILE, A, B>({a, b, out, multiply, c}, p, tw::WgmmaSums<T, A, B>(), tw::WgmmaUnscaled<T, tw::ENDING>());\
    }

#define TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, NAME, ...)                                                                 \
    using Wgmma_##DTYPE##_##NAME = tw::WgmmaTile<__VA_ARGS__>;                                                        \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##NAME##_nn, T, ENDING, Wgmma_##DTYPE##_##NAME, tw::K_MAJOR, tw::MN_MAJOR) \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##NAME##_nt, T, ENDING, Wgmma_##DTYPE##_##NAME, tw::K_MAJOR, tw::K_MAJOR)  \
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##NAME##_tn, T, ENDING, Wgmma_##DTYPE##_##NAME, tw::MN_MAJOR, tw::MN_MAJOR)\
    TW_WGMMA_KERNEL(matmul_wgmma_##DTYPE##_##NAME##_tt, T, ENDING, Wgmma_##DTYPE##_##NAME, tw::MN_MAJOR, tw::K_MAJOR)

// Consumers and columns; whether k may be split; columns that a stage holds, where they are more.
#define TW_WGMMA_INSTANCES(DTYPE, T, ENDING)                                                                          \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x256, 2, 256)                                                               \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x192, 2, 192)                                                               \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x160, 2, 160, false, 192)                                                   \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x128, 2, 128)                                                               \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x64, 2, 64)                                                                 \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 64x128, 1, 128)                                                                \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 64x64, 1, 64)                                                                  \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x128_split, 2, 128, true)                                                   \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 128x64_split, 2, 64, true)                                                     \
    TW_WGMMA_LAYOUTS(DTYPE, T, ENDING, 64x64_split, 1, 64, true)
