// Vectors of elements: what one thread reads or writes in one access of up to 16 bytes.
#pragma once

#include "tilework/dtype.h"

namespace tw {

template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
    T at[N];
};

template <int BYTES>
struct WordOf;
template <>
struct WordOf<1> {
    using type = uint8_t;
};
template <>
struct WordOf<2> {
    using type = uint16_t;
};
template <>
struct WordOf<4> {
    using type = uint32_t;
};
template <>
struct WordOf<8> {
    using type = uint2;
};
template <>
struct WordOf<16> {
    using type = uint4;
};

// One access; the address is a multiple of the vector's size.
template <class T, int N>
__device__ __forceinline__ Vector<T, N> load_vector(const T* from) {
    using Word = typename WordOf<sizeof(T) * N>::type;
    // By way of a variable: a copy of bytes straight from memory would be compiled into loads of bytes.
    Word word = *reinterpret_cast<const Word*>(from);
    return bit_cast<Vector<T, N>>(word);
}

template <class T, int N>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, N>& vector) {
    using Word = typename WordOf<sizeof(T) * N>::type;
    *reinterpret_cast<Word*>(to) = bit_cast<Word>(vector);
}

// Registers to storage. The half types are rounded two at a time, which is one instruction.
template <class S, int N>
__device__ __forceinline__ Vector<S, N> pack(const Compute<S> (&values)[N]) {
    Vector<S, N> vector;
#pragma unroll
    for (int i = 0; i < N; ++i) vector.at[i] = store<S>(values[i]);
    return vector;
}

#define TW_PACK(S, instruction)                                                                      \
    template <>                                                                                      \
    __device__ __forceinline__ Vector<S, 8> pack<S, 8>(const Narrow(&values)[8]) {                   \
        uint4 words;                                                                                 \
        asm(instruction " %0, %1, %2;" : "=r"(words.x) : "f"(values[1].value), "f"(values[0].value)); \
        asm(instruction " %0, %1, %2;" : "=r"(words.y) : "f"(values[3].value), "f"(values[2].value)); \
        asm(instruction " %0, %1, %2;" : "=r"(words.z) : "f"(values[5].value), "f"(values[4].value)); \
        asm(instruction " %0, %1, %2;" : "=r"(words.w) : "f"(values[7].value), "f"(values[6].value)); \
        return bit_cast<Vector<S, 8>>(words);                                                        \
    }

TW_PACK(f16, "cvt.rn.f16x2.f32")
TW_PACK(bf16, "cvt.rn.bf16x2.f32")
#undef TW_PACK

}  // namespace tw
