// The kernels that are made of tilework/matmul/mma_kernel.h, for one element type. src/backend/cuda/matmul/mma.rs has the same
// table.
//
// A name says dtype, tile and layouts: n for a factor that is row-major, t for one that is column-major, any where a factor has
// no runs of 16 bytes that are aligned.
#pragma once

#include "tilework/matmul/mma_kernel.h"

#define TW_MMA_KERNEL(NAME, T, A, B, WIDE, BLOCKS)                                                                      \
    extern "C" __global__ void __launch_bounds__(tw::MmaShape::THREADS, BLOCKS) NAME(const __grid_constant__ TwMatmul p) { \
        tw::mma_matmul<T, A, B, WIDE>(p);                                                                               \
    }

#define TW_MMA_LAYOUTS(DTYPE, T, SUFFIX, WIDE, BLOCKS)                                                              \
    TW_MMA_KERNEL(matmul_mma_##DTYPE##_128x128_nn##SUFFIX, T, tw::K_MAJOR, tw::MN_MAJOR, WIDE, BLOCKS)              \
    TW_MMA_KERNEL(matmul_mma_##DTYPE##_128x128_nt##SUFFIX, T, tw::K_MAJOR, tw::K_MAJOR, WIDE, BLOCKS)               \
    TW_MMA_KERNEL(matmul_mma_##DTYPE##_128x128_tn##SUFFIX, T, tw::MN_MAJOR, tw::MN_MAJOR, WIDE, BLOCKS)             \
    TW_MMA_KERNEL(matmul_mma_##DTYPE##_128x128_tt##SUFFIX, T, tw::MN_MAJOR, tw::K_MAJOR, WIDE, BLOCKS)

#define TW_MMA_INSTANCES(DTYPE, T)             \
    TW_MMA_LAYOUTS(DTYPE, T, , true, 2)        \
    TW_MMA_LAYOUTS(DTYPE, T, _any, false, 1)
