// The kernels that are made of tilework/matmul/split_kernel.h, for one scheme. src/backend/cuda/matmul/split.rs has the same tiles.
#pragma once

#include "tilework/matmul/split_kernel.h"

#define TW_SPLIT_KERNEL(NAME, SCHEME, N, SLICED)                                        \
    extern "C" __global__ void __launch_bounds__(tw::SPLIT_MATMUL_THREADS, 1)           \
        NAME(const __grid_constant__ TwSplit s) {                                       \
        tw::split_matmul<tw::SCHEME, N, SLICED>(s);                                     \
    }

#define TW_SPLIT_INSTANCES(NAME, SCHEME)                            \
    TW_SPLIT_KERNEL(matmul_##NAME##_128x128, SCHEME, 128, false)    \
    TW_SPLIT_KERNEL(matmul_##NAME##_64x128, SCHEME, 128, true)
