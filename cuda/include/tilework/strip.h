// A strip of a row that is too long to be held: read from memory as often as it is looked at.
//
// A block has a strip, which is the whole row where there is one to a row. Pack j of thread t of n holds the elements from
// (j * n + t) * N of the strip on, however they lie in memory, so that the result's bits do not depend on strides.
#pragma once

#include "tilework/rows.h"

namespace tw {

// Threads of a block that has a row for itself, and of one of several: each of its threads takes the state of a strip.
constexpr int kLongThreads = 1024;
constexpr int kStripThreads = 512;

template <typename T> struct Strip {
    using A = Wide<T>;
    static constexpr int N = kPack<T>;
    // Packs of a thread on their way at a time.
    static constexpr int kAhead = 4;

    const TwRows& p;
    uint64_t row, begin, end;
    const T* x;
    T* out;

    __device__ __forceinline__ explicit Strip(const TwRows& p) : p(p), row(blockIdx.x / p.strips) {
        begin = blockIdx.x % p.strips * p.strip;
        end = min(begin + p.strip, p.length);
        int64_t at[2] = {0, 0};
        add_offsets(p.nest, row, at);
        out = reinterpret_cast<T*>(p.out) + at[0];
        x = reinterpret_cast<const T*>(p.x) + at[1];
    }

    // Calls visit(first, values) for each of the thread's packs, `first` being its first element; `fill` is beyond the end.
    template <typename Visit> __device__ __forceinline__ void walk(A fill, Visit visit) const {
        const uint64_t step = uint64_t(blockDim.x) * N;
        for (uint64_t first = begin + threadIdx.x * N; first < end; first += kAhead * step) {
            A values[kAhead][N];
#pragma unroll
            for (int u = 0; u < kAhead; u++) load(first + u * step, fill, values[u]);
#pragma unroll
            for (int u = 0; u < kAhead; u++)
                if (first + u * step < end) visit(first + u * step, values[u]);
        }
    }

    __device__ __forceinline__ void store(uint64_t first, const A (&values)[N]) const {
        if (p.packed & 2) {
            Pack<T> pack;
#pragma unroll
            for (int k = 0; k < N; k++) pack.at[k] = tw::store<T>(values[k]);
            store_vector(out + first, pack);
        } else {
#pragma unroll
            for (int k = 0; k < N; k++)
                if (first + k < end) out[int64_t(first + k) * p.out_stride] = tw::store<T>(values[k]);
        }
    }

private:
    __device__ __forceinline__ void load(uint64_t first, A fill, A (&values)[N]) const {
        if (p.packed & 1) {
            Pack<T> pack = {};
            if (first < end) pack = load_pack(x + first);
#pragma unroll
            for (int k = 0; k < N; k++) values[k] = widen(pack.at[k]);
        } else {
#pragma unroll
            for (int k = 0; k < N; k++) values[k] = first + k < end ? widen(x[int64_t(first + k) * p.x_stride]) : fill;
        }
    }
};

// The state of strip `number` of the row, which another launch left.
template <typename State> __device__ __forceinline__ State& strip_state(const TwRows& p, uint64_t row, uint32_t number) {
    return reinterpret_cast<State*>(p.partials)[row * p.strips + number];
}

// The kernels. Of a Family are `state`, what a strip comes to; `together`, what the states of a row's strips do; and `write`, which is
// given that of the row.

// A row for each block: its strip is all of it.
template <class Family, typename T> __device__ __forceinline__ void strip_long(const TwRows& p) {
    Strip<T> strip(p);
    Family::write(strip, Family::state(strip));
}

// Several strips to a row: blocks leave their states,
template <class Family, typename T> __device__ __forceinline__ void strip_leave(const TwRows& p) {
    Strip<T> strip(p);
    auto state = Family::state(strip);
    if (threadIdx.x == 0) strip_state<decltype(state)>(p, 0, blockIdx.x) = state;
}

// and in a second launch each puts those of its row together and writes its strip.
template <class Family, typename T> __device__ __forceinline__ void strip_finish(const TwRows& p) {
    Strip<T> strip(p);
    Family::write(strip, Family::together(strip));
}

}  // namespace tw

// The entry points of a family for one element type; src/backend/cuda/rows.rs has the names. Two blocks of strips run on a multiprocessor.
#define TW_LONG_ROWS(FAMILY, STRIPS, NAME, T)                                                    \
    extern "C" __global__ void __launch_bounds__(tw::kLongThreads) FAMILY##_##NAME##_long(       \
        const __grid_constant__ TwRows p) { tw::strip_long<tw::STRIPS<T>, T>(p); }               \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) FAMILY##_##NAME##_strip(  \
        const __grid_constant__ TwRows p) { tw::strip_leave<tw::STRIPS<T>, T>(p); }              \
    extern "C" __global__ void __launch_bounds__(tw::kStripThreads, 2) FAMILY##_##NAME##_finish( \
        const __grid_constant__ TwRows p) { tw::strip_finish<tw::STRIPS<T>, T>(p); }
