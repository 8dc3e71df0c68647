// tilework-archs: 90a
// Instances of tilework/matmul/parts_kernel.h. src/backend/cuda/matmul/parts.rs has the same table.
//
// A name says the element type, and how many warps share the parts of an output.
#include "tilework/matmul/parts_kernel.h"

#define TW_PARTS_KERNEL(T, SHARES)                                                                          \
    extern "C" __global__ void __launch_bounds__(tw::PARTS_THREADS)                                         \
        matmul_parts_##T##_##SHARES(const __grid_constant__ TwMatmul p) {                                   \
        tw::matmul_parts<tw::T, SHARES>(p);                                                                 \
    }

TW_PARTS_KERNEL(f32, 1)
TW_PARTS_KERNEL(f32, 8)
TW_PARTS_KERNEL(f64, 1)
TW_PARTS_KERNEL(f64, 8)
