// Instances of tilework/matmul/simt_kernel.h. src/backend/cuda/matmul/simt.rs has the same table.
#include "tilework/matmul/simt_kernel.h"

// Name, element type, tile (M, N, K), products of a thread (TM, TN), stages, blocks on an SM.
#define TW_SIMT_KERNEL(NAME, T, M, N, K, TM, TN, STAGES, BLOCKS)                                                      \
    extern "C" __global__ void __launch_bounds__(tw::SimtShape<T, M, N, K, TM, TN, STAGES>::THREADS, BLOCKS)          \
        NAME(const __grid_constant__ TwMatmul p) {                                                                    \
        tw::simt_matmul<T, M, N, K, TM, TN, STAGES>(p);                                                               \
    }

TW_SIMT_KERNEL(matmul_simt_f32_128x128, float, 128, 128, 16, 8, 8, 3, 2)
TW_SIMT_KERNEL(matmul_simt_f32_64x64, float, 64, 64, 16, 8, 4, 4, 3)
TW_SIMT_KERNEL(matmul_simt_f64_64x64, double, 64, 64, 16, 4, 4, 3, 2)
TW_SIMT_KERNEL(matmul_simt_i32_64x64, int32_t, 64, 64, 16, 8, 4, 3, 3)
TW_SIMT_KERNEL(matmul_simt_u32_64x64, uint32_t, 64, 64, 16, 8, 4, 3, 3)
TW_SIMT_KERNEL(matmul_simt_i64_64x64, int64_t, 64, 64, 16, 4, 4, 3, 2)
TW_SIMT_KERNEL(matmul_simt_u8_64x64, uint8_t, 64, 64, 16, 8, 4, 3, 3)
