// Accumulator states of any size, moved between the lanes of a warp and between blocks word by word.
#pragma once

#include <stdint.h>
#include <string.h>

namespace tw {

template <typename S> struct Words {
    static_assert(sizeof(S) % 4 == 0);
    static constexpr int count = sizeof(S) / 4;
    uint32_t w[count];
};

template <typename S> __device__ __forceinline__ S shuffle_down(S state, int by) {
    Words<S> words;
    memcpy(&words, &state, sizeof(S));
#pragma unroll
    for (uint32_t& word : words.w) word = __shfl_down_sync(~0u, word, by);
    memcpy(&state, &words, sizeof(S));
    return state;
}

// A state that another block has written: past the L1, which may hold what was there before.
template <typename S> __device__ __forceinline__ S load_state(const S* p) {
    Words<S> words;
#pragma unroll
    for (int i = 0; i < Words<S>::count; i++) words.w[i] = __ldcg(reinterpret_cast<const uint32_t*>(p) + i);
    S state;
    memcpy(&state, &words, sizeof(S));
    return state;
}

}  // namespace tw
