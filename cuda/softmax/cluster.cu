// tilework-archs: 90, 90a, 100, 100a, 103, 103a, 120, 120a
// Softmax of long rows, each held by the blocks of a cluster.
#include "kernels.h"

// Blocks of 512 to be resident. At 64 registers a thread two are, and one loads while the other computes or stores; the half types
// stay below by themselves, f64 would spill, and so would f32 on compute capability 12.
#if __CUDA_ARCH__ < 1200
template <typename T> constexpr int kResident = sizeof(T) == 4 ? 2 : 1;
#else
template <typename T> constexpr int kResident = 1;
#endif

#define TW_SOFTMAX(name, T)                                                                       \
    extern "C" __global__ void __launch_bounds__(512, kResident<T>) softmax_##name##_cluster(    \
        const __grid_constant__ TwRows p) { tw::softmax<T, tw::Team::kCluster, tw::kRowPacks<T>>(p); }

TW_SOFTMAX(f32, float)
TW_SOFTMAX(f64, double)
TW_SOFTMAX(f16, tw::f16)
TW_SOFTMAX(bf16, tw::bf16)
