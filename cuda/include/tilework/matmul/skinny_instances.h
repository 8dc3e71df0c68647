// The kernels that are made of tilework/matmul/skinny_kernel.h, for one element type. src/backend/cuda/matmul/skinny.rs has the
// same table.
//
// A name says dtype, rows of the narrow factor and how the weights run: n for rows of them, t for columns. N is the columns of a block.
#pragma once

#include "tilework/matmul/skinny_kernel.h"

#define TW_SKINNY_KERNEL(NAME, T, W, ROWS, N, BLOCKS)                                                          \
    extern "C" __global__ void __launch_bounds__(tw::SkinnyShape<T, ROWS, N>::THREADS, BLOCKS)                 \
        NAME(const __grid_constant__ tw::TensorMap weights, const __grid_constant__ tw::TensorMap rows,        \
             const __grid_constant__ TwMatmul p) {                                                             \
        tw::skinny_matmul<T, tw::W, ROWS, N>(weights, rows, p, tw::SkinnyFinish<T>{});                         \
    }

#define TW_SKINNY_LAYOUTS(DTYPE, T, ROWS, N, BLOCKS)                                   \
    TW_SKINNY_KERNEL(matmul_skinny_##DTYPE##_##ROWS##_n, T, MN_MAJOR, ROWS, N, BLOCKS) \
    TW_SKINNY_KERNEL(matmul_skinny_##DTYPE##_##ROWS##_t, T, K_MAJOR, ROWS, N, BLOCKS)
