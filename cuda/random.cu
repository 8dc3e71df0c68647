// Uniform random numbers: element i depends on the key and i alone, so the bits are the same on every backend.
//
// One block of Philox serves four elements (two of f64): its counter is the block's number, and element i takes word i % 4 (words
// 2 (i % 2) and the next). The number is made of as many high bits as the type's precision holds, so it is exact and below 1.
#include "tilework/abi.h"
#include "tilework/philox.h"
#include "tilework/vector.h"

namespace {

template <class S>
__device__ __forceinline__ S uniform(const tw::Philox& random, int i);

template <>
__device__ __forceinline__ float uniform<float>(const tw::Philox& random, int i) {
    return float(random.word[i] >> 8) * 0x1p-24f;
}
template <>
__device__ __forceinline__ tw::f16 uniform<tw::f16>(const tw::Philox& random, int i) {
    return tw::narrow<tw::f16>(float(random.word[i] >> 21) * 0x1p-11f);
}
template <>
__device__ __forceinline__ tw::bf16 uniform<tw::bf16>(const tw::Philox& random, int i) {
    return tw::narrow<tw::bf16>(float(random.word[i] >> 24) * 0x1p-8f);
}
template <>
__device__ __forceinline__ double uniform<double>(const tw::Philox& random, int i) {
    uint64_t bits = uint64_t(random.word[2 * i]) << 32 | random.word[2 * i + 1];
    return double(bits >> 11) * 0x1p-53;
}

template <class S>
__device__ __forceinline__ void fill(const TwRandom& launch) {
    constexpr int N = sizeof(S) == 8 ? 2 : 4;
    uint64_t block = uint64_t(blockIdx.x) * TW_THREADS + threadIdx.x, first = block * N;
    if (first >= launch.length) return;
    tw::Philox counter = {{uint32_t(block), uint32_t(block >> 32), 0, 0}};
    tw::Philox random = tw::philox4x32_10(counter, launch.key[0], launch.key[1]);
    tw::Vector<S, N> numbers;
#pragma unroll
    for (int i = 0; i < N; ++i) numbers.at[i] = uniform<S>(random, i);
    S* out = reinterpret_cast<S*>(launch.out) + first;
    if (launch.length - first >= N && launch.out % sizeof numbers == 0) {
        tw::store_vector(out, numbers);
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (first + i < launch.length) out[i] = numbers.at[i];
        }
    }
}

}  // namespace

#define TW_UNIFORM(DTYPE)                                                        \
    extern "C" __global__ void __launch_bounds__(TW_THREADS)                     \
        uniform_##DTYPE(const __grid_constant__ TwRandom launch) {               \
        fill<tw::DTYPE>(launch);                                                 \
    }

TW_UNIFORM(f32)
TW_UNIFORM(f64)
TW_UNIFORM(f16)
TW_UNIFORM(bf16)
