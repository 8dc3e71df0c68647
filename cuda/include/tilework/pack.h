// Packs, the sixteen bytes of elements in which rows and reductions move memory, and the types they compute in.
#pragma once

#include <type_traits>

#include "tilework/vector.h"

namespace tw {

// What elements of T are summed and compared in: the type they are computed in, and float for the half types.
template <typename T> using Wide = std::conditional_t<std::is_same_v<Compute<T>, Narrow>, float, Compute<T>>;

template <typename T> __device__ __forceinline__ Wide<T> widen(T x) { return load(x); }

template <typename T> constexpr int kPack = 16 / sizeof(T);
template <typename T> using Pack = Vector<T, kPack<T>>;

// A pack that is read once: it goes past the L1, whose lines are worth more to others.
template <typename T> __device__ __forceinline__ Pack<T> load_pack(const T* p) {
    uint4 w;
    asm("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(w.x), "=r"(w.y), "=r"(w.z), "=r"(w.w) : "l"(p));
    return bit_cast<Pack<T>>(w);
}

// A pack that other threads will read too, as words until it is needed: each half would have a register of its own.
template <typename T> __device__ __forceinline__ uint4 load_shared_words(const T* p) {
    return __ldg(reinterpret_cast<const uint4*>(p));
}

// The elements of such words, not to be taken apart before.
template <typename T> __device__ __forceinline__ Pack<T> unpack(uint4 w) {
    asm volatile("" : "+r"(w.x), "+r"(w.y), "+r"(w.z), "+r"(w.w));
    return bit_cast<Pack<T>>(w);
}

}  // namespace tw
