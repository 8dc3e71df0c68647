// The kernels that are made of tilework/matmul/burst_kernel.h. src/backend/cuda/matmul/burst.rs has the same table.
//
// A name says dtype and layouts: n for a row-major factor, t for a transposed one.
#pragma once

#include "tilework/matmul/burst_kernel.h"

#define TW_BURST_KERNEL(NAME, T, A, B)                                                                                       \
    extern "C" __global__ void __launch_bounds__(tw::BURST_MMA_THREADS, 8) NAME(const __grid_constant__ TwMatmul p) {         \
        tw::burst_mma<T, tw::A, tw::B>(p);                                                                                    \
    }

#define TW_BURST_LAYOUTS(DTYPE, T)                                    \
    TW_BURST_KERNEL(matmul_burst_##DTYPE##_nn, T, K_MAJOR, MN_MAJOR)  \
    TW_BURST_KERNEL(matmul_burst_##DTYPE##_nt, T, K_MAJOR, K_MAJOR)   \
    TW_BURST_KERNEL(matmul_burst_##DTYPE##_tn, T, MN_MAJOR, MN_MAJOR) \
    TW_BURST_KERNEL(matmul_burst_##DTYPE##_tt, T, MN_MAJOR, K_MAJOR)
