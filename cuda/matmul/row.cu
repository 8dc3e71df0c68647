// Instances of tilework/matmul/row_kernel.h. src/backend/cuda/matmul/row.rs has the same table.
//
// A name says dtype and layout of the matrix: n for a row-major one, t for a column-major one.
#include "tilework/matmul/row_kernel.h"

#define TW_ROW_KERNELS(DTYPE, T)                                                                                             \
    extern "C" __global__ void __launch_bounds__(tw::ROW_THREADS) matmul_row_##DTYPE##_n(const __grid_constant__ TwMatmul p) { \
        tw::row_by_strips<T>(p);                                                                                             \
    }                                                                                                                        \
    extern "C" __global__ void __launch_bounds__(tw::ROW_THREADS) matmul_row_##DTYPE##_t(const __grid_constant__ TwMatmul p) { \
        tw::row_by_columns<T>(p);                                                                                            \
    }

TW_ROW_KERNELS(f32, tw::f32)
TW_ROW_KERNELS(f64, tw::f64)
TW_ROW_KERNELS(f16, tw::f16)
TW_ROW_KERNELS(bf16, tw::bf16)
TW_ROW_KERNELS(i32, tw::i32)
TW_ROW_KERNELS(i64, tw::i64)
TW_ROW_KERNELS(u8, tw::u8)
TW_ROW_KERNELS(u32, tw::u32)
