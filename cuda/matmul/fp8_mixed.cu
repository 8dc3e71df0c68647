// tilework-archs: 90a
// Products of factors of which one or both are of e5m2, as gradients are: the same kernels as in fp8_e4m3.cu, but with fewer tiles, and
// without the sums that are left to the tensor cores.
#include "tilework/matmul/fp8_instances.h"

#define TW_FP8_MIXED_TILES(A, B, KIND, NAME, OUT)             \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 128x256, 2, 256)     \
    TW_FP8_KERNEL(A, B, KIND, NAME, OUT, 64x128, 1, 128)

#define TW_FP8_MIXED(A, B, OUT)                               \
    TW_FP8_MIXED_TILES(A, B, FP8_PRECISE, precise, OUT)       \
    TW_FP8_MIXED_TILES(A, B, FP8_BLOCKS, blocks, OUT)

TW_FP8_MIXED(e4m3, e5m2, f32)
TW_FP8_MIXED(e4m3, e5m2, f16)
TW_FP8_MIXED(e4m3, e5m2, bf16)
TW_FP8_MIXED(e5m2, e4m3, f32)
TW_FP8_MIXED(e5m2, e4m3, f16)
TW_FP8_MIXED(e5m2, e4m3, bf16)
TW_FP8_MIXED(e5m2, e5m2, f32)
TW_FP8_MIXED(e5m2, e5m2, f16)
TW_FP8_MIXED(e5m2, e5m2, bf16)
