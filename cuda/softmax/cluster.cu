// tilework-archs: 90, 90a, 100, 100a, 103, 103a, 120, 120a
// Softmax of long rows, each held by the blocks of a cluster.
#include "kernels.h"

// At 64 registers a thread, 1024 threads are resident: one block loads while another computes or stores.
#define TW_SOFTMAX(name, T)                                                                     \
    extern "C" __global__ void __launch_bounds__(512, sizeof(T) == 8 ? 1 : 2) softmax_##name##_cluster(                \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kCluster, tw::kRowPacks<T>>(p); }

TW_SOFTMAX(f32, float)
TW_SOFTMAX(f64, double)
TW_SOFTMAX(f16, __half)
TW_SOFTMAX(bf16, __nv_bfloat16)
