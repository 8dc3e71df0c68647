// tilework-archs: 90a
// Instances of tilework/matmul/batch_kernel.h. src/backend/cuda/matmul/batch.rs has the same table.
//
// A name says layouts: n for a row-major factor, t for a transposed one.
#include "tilework/matmul/batch_kernel.h"

// Two blocks of a multiprocessor.
#define TW_BATCH_KERNEL(NAME, A, B)                                                                          \
    extern "C" __global__ void __launch_bounds__(256, 2)                                                     \
        NAME(const __grid_constant__ tw::TensorMap a, const __grid_constant__ tw::TensorMap b,               \
             const __grid_constant__ TwMatmul p) {                                                           \
        tw::batch_matmul<tw::BatchShape<tw::A, tw::B>>(a, b, p);                                             \
    }

TW_BATCH_KERNEL(matmul_batch_f32_nn, K_MAJOR, MN_MAJOR)
TW_BATCH_KERNEL(matmul_batch_f32_nt, K_MAJOR, K_MAJOR)
TW_BATCH_KERNEL(matmul_batch_f32_tn, MN_MAJOR, MN_MAJOR)
TW_BATCH_KERNEL(matmul_batch_f32_tt, MN_MAJOR, K_MAJOR)
