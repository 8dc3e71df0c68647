// Sixteen bytes of elements: the unit in which kernels move memory, and the types they compute in.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#include <string.h>

namespace tw {

// The type in which elements of T are computed and accumulated. Unsigned integers wrap without being undefined.
template <typename T> struct ComputeType { using type = T; };
template <> struct ComputeType<__half> { using type = float; };
template <> struct ComputeType<__nv_bfloat16> { using type = float; };
template <> struct ComputeType<uint8_t> { using type = uint32_t; };
template <typename T> using Compute = typename ComputeType<T>::type;

template <typename T> __device__ __forceinline__ Compute<T> widen(T x) { return x; }
template <> __device__ __forceinline__ float widen(__half x) { return __half2float(x); }
template <> __device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T> __device__ __forceinline__ T narrow(Compute<T> x) { return T(x); }
template <> __device__ __forceinline__ __half narrow(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 narrow(float x) { return __float2bfloat16_rn(x); }

template <typename T> constexpr int kPack = 16 / sizeof(T);

template <typename T> struct alignas(16) Pack {
    T v[kPack<T>];
};

// A pack that is read once: it goes past the L1, whose lines are worth more to others.
template <typename T> __device__ __forceinline__ Pack<T> load_pack(const T* p) {
    uint4 w;
    asm("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(w.x), "=r"(w.y), "=r"(w.z), "=r"(w.w) : "l"(p));
    Pack<T> pack;
    memcpy(&pack, &w, sizeof(w));
    return pack;
}

// A pack that other threads will read too, as words until it is needed: each half would have a register of its own.
template <typename T> __device__ __forceinline__ uint4 load_shared_words(const T* p) {
    return __ldg(reinterpret_cast<const uint4*>(p));
}

// The elements of such words, not to be taken apart before.
template <typename T> __device__ __forceinline__ Pack<T> unpack(uint4 w) {
    asm volatile("" : "+r"(w.x), "+r"(w.y), "+r"(w.z), "+r"(w.w));
    Pack<T> pack;
    memcpy(&pack, &w, sizeof(w));
    return pack;
}

template <typename T> __device__ __forceinline__ void store_pack(T* p, const Pack<T>& pack) {
    uint4 w;
    memcpy(&w, &pack, sizeof(w));
    *reinterpret_cast<uint4*>(p) = w;
}

}  // namespace tw
