// Softmax and log-softmax: one read and one write of each element where a row fits on chip, else a pass more.
#pragma once

#include "tilework/exponential.h"
#include "tilework/strip.h"

namespace tw {

// TwRows::variant
constexpr uint32_t kLogSoftmax = 1;

template <typename T, typename A> __device__ __forceinline__ A exp_of(A x, A max) {
    if constexpr (sizeof(T) == 2) return exp_difference_coarse(x, max);
    else return exp_difference(x, max);
}

__device__ __forceinline__ float log_of(float x) { return logf(x); }
__device__ __forceinline__ double log_of(double x) { return log(x); }

template <typename T, Team kTeam, int kPacks, bool kLog> __device__ __forceinline__ void softmax_row(const TwRows& p) {
    using A = Wide<T>;
    constexpr int N = kPack<T>;
    const A lowest = -A(INFINITY);
    Row<T, kTeam, kPacks> row(p);
    row.load(lowest);
    A max = all_reduce<kTeam>(row.fold([&](int i) { return row.v[i]; }, Larger()), lowest, p.lanes, 0, Larger());
    if constexpr (kLog) {
        A sum = row.fold([&](int i) { return exp_of<T>(row.v[i] -= max, A(0)); }, Plus());
        A log = log_of(all_reduce<kTeam>(sum, A(0), p.lanes, 1, Plus()));
        row.store([&](int, A (&values)[N]) {
#pragma unroll
            for (int k = 0; k < N; k++) values[k] -= log;
        });
    } else {
        A sum = row.fold([&](int i) { return row.v[i] = exp_of<T>(row.v[i], max); }, Plus());
        A share = A(1) / all_reduce<kTeam>(sum, A(0), p.lanes, 1, Plus());
        row.store([&](int, A (&values)[N]) {
#pragma unroll
            for (int k = 0; k < N; k++) values[k] *= share;
        });
    }
}

// Two bodies, since one with a branch in its middle keeps the registers of both.
template <typename T, Team kTeam, int kPacks> __device__ __forceinline__ void softmax(const TwRows& p) {
    if (p.variant == kLogSoftmax) softmax_row<T, kTeam, kPacks, true>(p);
    else softmax_row<T, kTeam, kPacks, false>(p);
}

// What part of a row comes to: its maximum, and the sum of the exponentials relative to that.
template <typename A> struct SoftmaxState {
    A max, sum;
};

// The state of the threads of a block together.
template <typename T> __device__ __forceinline__ SoftmaxState<Wide<T>> softmax_together(SoftmaxState<Wide<T>> state) {
    using A = Wide<T>;
    const A lowest = -A(INFINITY);
    A max = all_reduce<Team::kBlock>(state.max, lowest, 0, 0, Larger());
    A sum = state.max == lowest ? A(0) : state.sum * exp_of<T>(state.max, max);
    return {max, all_reduce<Team::kBlock>(sum, A(0), 0, 1, Plus())};
}

template <typename T> __device__ __forceinline__ SoftmaxState<Wide<T>> softmax_state(const Strip<T>& strip) {
    using A = Wide<T>;
    const A lowest = -A(INFINITY);
    // Relative to the thread's own maximum, which changes seldom after the first elements.
    SoftmaxState<A> state = {lowest, A(0)};
    strip.walk(lowest, [&](uint64_t, const A (&values)[kPack<T>]) {
        A larger = state.max;
#pragma unroll
        for (A v : values) larger = Larger()(larger, v);
        if (larger != state.max) {
            state.sum = state.max == lowest ? A(0) : state.sum * exp_of<T>(state.max, larger);
            state.max = larger;
        }
#pragma unroll
        for (A v : values)
            if (v != lowest) state.sum += exp_of<T>(v, state.max);
    });
    return softmax_together<T>(state);
}

template <typename T> __device__ __forceinline__ void softmax_write(const Strip<T>& strip, SoftmaxState<Wide<T>> row) {
    using A = Wide<T>;
    A log = log_of(row.sum), share = A(1) / row.sum;
    bool logarithm = strip.p.variant == kLogSoftmax;
    strip.walk(A(0), [&](uint64_t first, A (&values)[kPack<T>]) {
#pragma unroll
        for (A& v : values) v = logarithm ? (v - row.max) - log : exp_of<T>(v, row.max) * share;
        strip.store(first, values);
    });
}

// A row that is too long to be held: a block reads it once for maximum and sum, and once more to write.
template <typename T> __device__ __forceinline__ void softmax_long(const TwRows& p) {
    Strip<T> strip(p);
    softmax_write(strip, softmax_state(strip));
}

// The same of few rows: blocks leave the states of their strips,
template <typename T> __device__ __forceinline__ void softmax_strip(const TwRows& p) {
    Strip<T> strip(p);
    auto state = softmax_state(strip);
    if (threadIdx.x == 0) strip_state<decltype(state)>(p, 0, blockIdx.x) = state;
}

// and in a second launch each puts those of its row together and writes its strip.
template <typename T> __device__ __forceinline__ void softmax_finish(const TwRows& p) {
    using A = Wide<T>;
    Strip<T> strip(p);
    SoftmaxState<A> state = {-A(INFINITY), A(0)};
    if (threadIdx.x < p.strips) state = strip_state<SoftmaxState<A>>(p, strip.row, threadIdx.x);
    softmax_write(strip, softmax_together<T>(state));
}

}  // namespace tw
