// tilework-archs: 90, 90a, 100, 100a, 103, 103a, 120, 120a
// Norms of long rows, each held by the blocks of a cluster.
#include "kernels.h"

// At 64 registers a thread, 1024 threads are resident: one block loads while another computes or stores.
#define TW_NORM(name, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(512, sizeof(T) == 8 ? 1 : 2) norm_##name##_cluster(                \
        const __grid_constant__ TwRows p) { tw::norm<T, tw::Team::kCluster, tw::kRowPacks<T>>(p); }

TW_NORM(f32, float)
TW_NORM(f64, double)
TW_NORM(f16, tw::f16)
TW_NORM(bf16, tw::bf16)
