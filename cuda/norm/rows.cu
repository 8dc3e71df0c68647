// Norms of rows that some lanes or a block take.
#include "kernels.h"

// Asked for four blocks, ptxas gives what a thread needs: 72 registers; asked for none, 64 with a spill.
#define TW_NORM(name, T)                                                                                         \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads) norm_##name##_lanes_quarter(                 \
        const __grid_constant__ TwRows p) { tw::norm<T, tw::Team::kLanes, tw::kRowPacks<T> / 4>(p); }            \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads) norm_##name##_lanes_half(                    \
        const __grid_constant__ TwRows p) { tw::norm<T, tw::Team::kLanes, tw::kRowPacks<T> / 2>(p); }            \
    extern "C" __global__ void __launch_bounds__(tw::kLanesThreads, 4) norm_##name##_lanes_full(                 \
        const __grid_constant__ TwRows p) { tw::norm<T, tw::Team::kLanes, tw::kRowPacks<T>>(p); }                \
    extern "C" __global__ void __launch_bounds__(512) norm_##name##_block(                                      \
        const __grid_constant__ TwRows p) { tw::norm<T, tw::Team::kBlock, tw::kRowPacks<T>>(p); }

TW_NORM(f32, float)
TW_NORM(f64, double)
TW_NORM(f16, tw::f16)
TW_NORM(bf16, tw::bf16)
