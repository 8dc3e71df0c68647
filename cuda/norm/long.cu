// Norms of rows that are too long to be held: a block walks each, or, where rows are few, a strip of one.
#include "kernels.h"

#define TW_NORM(name, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(tw::kLongThreads) norm_##name##_long(       \
        const __grid_constant__ TwRows p) { tw::norm_long<T>(p); }                           \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) norm_##name##_strip(  \
        const __grid_constant__ TwRows p) { tw::norm_strip<T>(p); }                          \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) norm_##name##_finish( \
        const __grid_constant__ TwRows p) { tw::norm_finish<T>(p); }

TW_NORM(f32, float)
TW_NORM(f64, double)
TW_NORM(f16, tw::f16)
TW_NORM(bf16, tw::bf16)
