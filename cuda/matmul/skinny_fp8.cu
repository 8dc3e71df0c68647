// tilework-archs: 90a
// Instances of tilework/matmul/skinny_kernel.h for 8-bit floats with scales of whole tensors.
// src/backend/cuda/matmul/skinny_fp8.rs has the same table.
//
// A name says the types of the weights and of the rows, the type of the output, the rows of the narrow factor and the columns of a block.
#include "tilework/matmul/skinny_fp8.h"

#define TW_SKINNY_FP8_KERNEL(W, X, OUT, ROWS, N)                                                                                  \
    extern "C" __global__ void __launch_bounds__(128, 2)                                                                          \
        matmul_skinny_##W##_##X##_##OUT##_##ROWS##x##N(const __grid_constant__ tw::TensorMap weights,                             \
                                                       const __grid_constant__ tw::TensorMap rows,                                \
                                                       const __grid_constant__ TwFp8 f) {                                         \
        tw::skinny_matmul<tw::Fp8Pair<tw::f8##W, tw::f8##X>, tw::K_MAJOR, ROWS, N>(weights, rows, f.product,                     \
                                                                                    tw::SkinnyScaled<tw::OUT>{f});               \
    }

#define TW_SKINNY_FP8_ROWS(W, X, OUT, N)   \
    TW_SKINNY_FP8_KERNEL(W, X, OUT, 8, N)  \
    TW_SKINNY_FP8_KERNEL(W, X, OUT, 16, N) \
    TW_SKINNY_FP8_KERNEL(W, X, OUT, 32, N)

#define TW_SKINNY_FP8_OUTPUTS(W, X)      \
    TW_SKINNY_FP8_ROWS(W, X, f32, 128)   \
    TW_SKINNY_FP8_ROWS(W, X, f16, 128)   \
    TW_SKINNY_FP8_ROWS(W, X, bf16, 128)  \
    TW_SKINNY_FP8_ROWS(W, X, f32, 64)    \
    TW_SKINNY_FP8_ROWS(W, X, f16, 64)    \
    TW_SKINNY_FP8_ROWS(W, X, bf16, 64)

TW_SKINNY_FP8_OUTPUTS(e4m3, e4m3)
TW_SKINNY_FP8_OUTPUTS(e4m3, e5m2)
TW_SKINNY_FP8_OUTPUTS(e5m2, e4m3)
TW_SKINNY_FP8_OUTPUTS(e5m2, e5m2)
