// Softmax of rows that some lanes or a block take.
#include "kernels.h"

#define TW_SOFTMAX(name, T)                                                                                         \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads) softmax_##name##_lanes_quarter(                 \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kLanes, tw::kRowPacks<T> / 4>(p); }            \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads) softmax_##name##_lanes_half(                    \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kLanes, tw::kRowPacks<T> / 2>(p); }            \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads) softmax_##name##_lanes_full(                    \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kLanes, tw::kRowPacks<T>>(p); }                \
    extern "C" __global__ void __launch_bounds__(512) softmax_##name##_block(                                      \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kBlock, tw::kRowPacks<T>>(p); }

TW_SOFTMAX(f32, float)
TW_SOFTMAX(f64, double)
TW_SOFTMAX(f16, tw::f16)
TW_SOFTMAX(bf16, tw::bf16)
