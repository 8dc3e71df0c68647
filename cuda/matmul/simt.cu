// Instances of tilework/matmul/simt_kernel.h. src/backend/cuda/matmul/simt.rs has the same table.
#include "tilework/matmul/simt_kernel.h"

// Name, element type, tile (M, N, K), products of a thread (TM, TN), stages, slices of K, blocks on an SM.
#define TW_SIMT_KERNEL(NAME, T, M, N, K, TM, TN, STAGES, SLICES, BLOCKS)                                              \
    extern "C" __global__ void __launch_bounds__(tw::SimtShape<T, M, N, K, TM, TN, STAGES, SLICES>::THREADS, BLOCKS)  \
        NAME(const __grid_constant__ TwMatmul p) {                                                                    \
        tw::simt_matmul<T, M, N, K, TM, TN, STAGES, SLICES>(p);                                                       \
    }

TW_SIMT_KERNEL(matmul_simt_f32_128x256, tw::f32, 128, 256, 16, 8, 16, 3, 1, 1)
TW_SIMT_KERNEL(matmul_simt_f32_128x128, tw::f32, 128, 128, 16, 8, 8, 3, 1, 2)
TW_SIMT_KERNEL(matmul_simt_f32_64x64, tw::f32, 64, 64, 32, 8, 4, 3, 2, 2)
TW_SIMT_KERNEL(matmul_simt_f32_32x64, tw::f32, 32, 64, 16, 4, 4, 4, 1, 4)
TW_SIMT_KERNEL(matmul_simt_f64_64x64, tw::f64, 64, 64, 16, 4, 4, 3, 1, 2)
TW_SIMT_KERNEL(matmul_simt_i32_64x64, tw::i32, 64, 64, 16, 8, 4, 3, 1, 3)
TW_SIMT_KERNEL(matmul_simt_u32_64x64, tw::u32, 64, 64, 16, 8, 4, 3, 1, 3)
TW_SIMT_KERNEL(matmul_simt_i64_64x64, tw::i64, 64, 64, 16, 4, 4, 3, 1, 2)
TW_SIMT_KERNEL(matmul_simt_u8_64x64, tw::u8, 64, 64, 16, 8, 4, 3, 1, 3)
