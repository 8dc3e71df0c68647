// Random numbers: element i depends on the key and i alone, so the bits are the same on every backend.
//
// One block of Philox serves four elements (two uniform f64): its counter is the block's number, and element i takes word i % 4
// (words 2 (i % 2) and the next). A uniform number is made of as many high bits as the type's precision holds, so it is exact and
// below 1; a normal one is a function of its word in integer arithmetic (normal.h).
#include "tilework/abi.h"
#include "tilework/normal.h"
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
struct Uniform {
    static constexpr int N = sizeof(S) == 8 ? 2 : 4;
    static __device__ __forceinline__ S at(const tw::Philox& random, int i) { return uniform<S>(random, i); }
};

template <class S>
struct Normal {
    static constexpr int N = 4;
    static __device__ __forceinline__ S at(const tw::Philox& random, int i) {
        float z = tw::normal(random.word[i], tw::kNormalTable);
        if constexpr (sizeof(S) >= sizeof z) {
            return S(z);
        } else {
            return tw::narrow<S>(z);
        }
    }
};

template <class S, template <class> class Distribution>
__device__ __forceinline__ void fill(const TwRandom& launch) {
    constexpr int N = Distribution<S>::N;
    uint64_t block = uint64_t(blockIdx.x) * TW_THREADS + threadIdx.x, first = block * N;
    if (first >= launch.length) return;
    tw::Philox counter = {{uint32_t(block), uint32_t(block >> 32), 0, 0}};
    tw::Philox random = tw::philox4x32_10(counter, launch.key[0], launch.key[1]);
    constexpr int W = sizeof(S) == 8 ? 2 : 4;
    S* out = reinterpret_cast<S*>(launch.out) + first;
#pragma unroll
    for (int start = 0; start < N; start += W) {
        tw::Vector<S, W> numbers;
#pragma unroll
        for (int i = 0; i < W; ++i) numbers.at[i] = Distribution<S>::at(random, start + i);
        if (launch.length >= first + start + W && launch.out % sizeof numbers == 0) {
            tw::store_vector(out + start, numbers);
        } else {
#pragma unroll
            for (int i = 0; i < W; ++i) {
                if (first + start + i < launch.length) out[start + i] = numbers.at[i];
            }
        }
    }
}

}  // namespace

#define TW_RANDOM(DTYPE)                                                         \
    extern "C" __global__ void __launch_bounds__(TW_THREADS)                     \
        uniform_##DTYPE(const __grid_constant__ TwRandom launch) {               \
        fill<tw::DTYPE, Uniform>(launch);                                        \
    }                                                                            \
    extern "C" __global__ void __launch_bounds__(TW_THREADS)                     \
        normal_##DTYPE(const __grid_constant__ TwRandom launch) {                \
        fill<tw::DTYPE, Normal>(launch);                                         \
    }

TW_RANDOM(f32)
TW_RANDOM(f64)
TW_RANDOM(f16)
TW_RANDOM(bf16)
