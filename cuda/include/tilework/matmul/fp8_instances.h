// The kernels that are made of tilework/matmul/fp8_kernel.h, for one pair of types. src/backend/cuda/matmul/fp8.rs has the same table.
//
// A name says the types of the factors, the kind of sums, the type of the output and the tile.
#pragma once

#include "tilework/matmul/fp8_kernel.h"

#define TW_FP8_KERNEL(A, B, KIND, NAME, OUT, TILE, ...)                                                                       \
    extern "C" __global__ void __launch_bounds__(tw::Fp8Tile<__VA_ARGS__>::THREADS, 1)                                        \
        matmul_fp8_##A##_##B##_##NAME##_##OUT##_##TILE(const __grid_constant__ tw::TensorMap a,                               \
                                                       const __grid_constant__ tw::TensorMap b,                               \
                                                       const __grid_constant__ tw::TensorMap out,                             \
                                                       const __grid_constant__ TwFp8 f) {                                     \
        tw::wgmma_matmul<tw::Fp8Tile<__VA_ARGS__>, tw::K_MAJOR, tw::K_MAJOR>(                                                 \
            {a, b, out, out, out}, f.product, tw::Fp8Sums<tw::f8##A, tw::f8##B, tw::KIND>{f}, tw::Fp8Rescale<tw::OUT, tw::KIND>{f}); \
    }

// Consumers and columns; whether k may be split.
#define TW_FP8_TILES(A, B, KIND, NAME, OUT)                                   \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 128x256, 2, 256)                     \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 128x128, 2, 128)                     \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 64x128, 1, 128)                      \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 64x64, 1, 64)                        \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 64x64_split, 1, 64, true)

// Of the other widths, where columns do not lie in blocks.
#define TW_FP8_MORE_TILES(A, B, KIND, NAME, OUT)                              \
    TW_FP8_TILES(A, B, KIND, NAME, OUT)                                       \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 128x192, 2, 192)                     \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 128x160, 2, 160)

#define TW_FP8_KINDS(A, B, OUT)                                               \
    TW_FP8_MORE_TILES(A, B, FP8_FAST, fast, OUT)                              \
    TW_FP8_MORE_TILES(A, B, FP8_PRECISE, precise, OUT)                        \
    TW_FP8_TILES(A, B, FP8_BLOCKS, blocks, OUT)
