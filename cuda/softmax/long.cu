// Softmax of rows that are too long to be held: a block walks each, or, where rows are few, a strip of one.
#include "kernels.h"

#define TW_SOFTMAX(name, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(tw::kLongThreads) softmax_##name##_long(       \
        const __grid_constant__ TwRows p) { tw::softmax_long<T>(p); }                           \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) softmax_##name##_strip(  \
        const __grid_constant__ TwRows p) { tw::softmax_strip<T>(p); }                          \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) softmax_##name##_finish( \
        const __grid_constant__ TwRows p) { tw::softmax_finish<T>(p); }

TW_SOFTMAX(f32, float)
TW_SOFTMAX(f64, double)
TW_SOFTMAX(f16, tw::f16)
TW_SOFTMAX(bf16, tw::bf16)
