// The entry points of tilework/matmul/simt_ring_kernel.h. A name says tile and layouts: n for a row-major factor, t for a transposed one.
#pragma once

#include "tilework/matmul/simt_ring_kernel.h"

#define TW_SIMT_RING_KERNEL(NAME, ...)                                                                                   \
    extern "C" __global__ void __launch_bounds__(384, 1)                                                                 \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,                           \
             const __grid_constant__ TwMatmul p) {                                                                         \
        tw::simt_ring_matmul<tw::SimtRingShape<__VA_ARGS__>>(a, b, p);                                                   \
    }

// Tile, its rows and columns, sums of a thread (TM, TN), slices of k.
#define TW_SIMT_RING_LAYOUTS(TILE, M, N, TM, TN, SLICES)                                                                 \
    TW_SIMT_RING_KERNEL(matmul_simt_ring_f32_##TILE##_nn, M, N, TM, TN, SLICES, tw::K_MAJOR, tw::MN_MAJOR)               \
    TW_SIMT_RING_KERNEL(matmul_simt_ring_f32_##TILE##_nt, M, N, TM, TN, SLICES, tw::K_MAJOR, tw::K_MAJOR)                \
    TW_SIMT_RING_KERNEL(matmul_simt_ring_f32_##TILE##_tn, M, N, TM, TN, SLICES, tw::MN_MAJOR, tw::MN_MAJOR)              \
    TW_SIMT_RING_KERNEL(matmul_simt_ring_f32_##TILE##_tt, M, N, TM, TN, SLICES, tw::MN_MAJOR, tw::K_MAJOR)
